//! A checker for the part of JSON Schema that GitHub's OpenAPI description uses.

use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::Value;

/// The description, `None` when the recorded data is not here.
pub(crate) fn description() -> Option<&'static Value> {
    static DESCRIPTION: OnceLock<Option<Value>> = OnceLock::new();
    DESCRIPTION
        .get_or_init(|| {
            let root = std::env::var("NOTION_SYNC_FIXTURES").map_or_else(
                |_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures"),
                PathBuf::from,
            );
            let path = root.join("github/openapi/api.github.com.subset.json");
            match std::fs::read(&path) {
                Ok(bytes) => Some(serde_json::from_slice(&bytes).expect("the description is JSON")),
                Err(error) if std::env::var_os("CI").is_some() => {
                    panic!("{}: {error}", path.display())
                }
                Err(_) => {
                    eprintln!("skipped: no OpenAPI description at {}", path.display());
                    None
                }
            }
        })
        .as_ref()
}

/// Members that version 2026-03-10 no longer sends.
const REMOVED: [&str; 5] = [
    "assignee",
    "merge_commit_sha",
    "rate",
    "has_downloads",
    "use_squash_pr_title_as_default",
];

/// What is wrong with a value, with the place. Empty when nothing is.
pub(crate) fn violations(value: &Value, schema: &Value, newest: bool) -> Vec<String> {
    let Some(root) = description() else {
        return Vec::new();
    };
    let mut checker = Checker {
        root,
        newest,
        found: Vec::new(),
    };
    checker.check(value, schema, "$", 0);
    checker.found
}

struct Checker<'a> {
    root: &'a Value,
    newest: bool,
    found: Vec<String>,
}

impl Checker<'_> {
    fn fits(&self, value: &Value, schema: &Value, at: &str, depth: usize) -> Vec<String> {
        let mut inner = Checker {
            root: self.root,
            newest: self.newest,
            found: Vec::new(),
        };
        inner.check(value, schema, at, depth + 1);
        inner.found
    }

    fn check(&mut self, value: &Value, schema: &Value, at: &str, depth: usize) {
        assert!(depth < 200, "schema nested too deeply at {at}");
        if let Some(reference) = schema["$ref"].as_str() {
            let target = self
                .root
                .pointer(reference.trim_start_matches('#'))
                .unwrap_or_else(|| panic!("{reference}"));
            return self.check(value, target, at, depth + 1);
        }
        if value.is_null() {
            let alternatives = ["anyOf", "oneOf"]
                .iter()
                .filter_map(|word| schema[word].as_array())
                .flatten();
            let mut any = schema["nullable"] == true;
            for alternative in alternatives {
                any |= self.fits(value, alternative, at, depth).is_empty();
            }
            let unconstrained = schema.get("type").is_none()
                && schema.get("anyOf").is_none()
                && schema.get("oneOf").is_none()
                && schema.get("allOf").is_none();
            if !any && !unconstrained {
                self.found.push(format!("{at}: null is not allowed"));
            }
            return;
        }
        let parts = schema["allOf"].as_array();
        // One route demands that an account is a user and an enterprise at once; it means either.
        let choice = parts.filter(|parts| parts.iter().any(|part| part["title"] == "Enterprise"));
        for part in parts.filter(|_| choice.is_none()).into_iter().flatten() {
            self.check(value, part, at, depth + 1);
        }
        for alternatives in [
            choice,
            schema["anyOf"].as_array(),
            schema["oneOf"].as_array(),
        ]
        .into_iter()
        .flatten()
        {
            let outcomes: Vec<Vec<String>> = alternatives
                .iter()
                .map(|schema| self.fits(value, schema, at, depth))
                .collect();
            if outcomes.iter().all(|outcome| !outcome.is_empty()) {
                let best = outcomes
                    .into_iter()
                    .min_by_key(Vec::len)
                    .unwrap_or_default();
                self.found.push(format!(
                    "{at}: fits no alternative, nearest: {}",
                    best.join("; ")
                ));
            }
        }
        if let Some(allowed) = schema["enum"].as_array()
            && !allowed.contains(value)
        {
            self.found
                .push(format!("{at}: {value} is not one of {allowed:?}"));
        }
        let right = match schema["type"].as_str() {
            None => true,
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some(other) => panic!("unknown type {other}"),
        };
        if !right {
            self.found
                .push(format!("{at}: {value} is not a {}", schema["type"]));
            return;
        }
        if let Some(text) = value.as_str() {
            let good = match schema["format"].as_str() {
                Some("date-time") => chrono::DateTime::parse_from_rfc3339(text).is_ok(),
                Some("uri") => text.contains("://"),
                Some("email") => text.contains('@'),
                _ => true,
            };
            if !good {
                self.found
                    .push(format!("{at}: {text:?} is not a {}", schema["format"]));
            }
        }
        if let Some(items) = value.as_array() {
            for (index, item) in items.iter().enumerate() {
                self.check(item, &schema["items"], &format!("{at}[{index}]"), depth + 1);
            }
        }
        if let Some(members) = value.as_object() {
            for name in schema["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
            {
                if !(members.contains_key(name) || self.newest && REMOVED.contains(&name)) {
                    self.found.push(format!("{at}: `{name}` is missing"));
                }
            }
            for (name, member) in members {
                if self.newest
                    && REMOVED.contains(&name.as_str())
                    && schema["properties"].get(name).is_some()
                {
                    self.found
                        .push(format!("{at}: `{name}` was removed from this version"));
                }
                if let Some(schema) = schema["properties"].get(name) {
                    self.check(member, schema, &format!("{at}.{name}"), depth + 1);
                } else if schema["additionalProperties"].is_object() {
                    self.check(
                        member,
                        &schema["additionalProperties"],
                        &format!("{at}.{name}"),
                        depth + 1,
                    );
                }
            }
        }
    }
}

/// The schema of an answer: of the most exact template that fits the path.
pub(crate) fn answer_schema(method: &str, path: &str, status: u16) -> Option<&'static Value> {
    let description = description()?;
    let path = path.split('?').next().unwrap_or_default();
    let given: Vec<&str> = path.split('/').collect();
    let mut best: Option<(usize, &Value)> = None;
    for (template, operations) in description["paths"].as_object()? {
        let wanted: Vec<&str> = template.split('/').collect();
        // The last parameter of some routes takes slashes.
        let open_ended = ["{ref}", "{path}", "{basehead}", "{tree_sha}"]
            .iter()
            .any(|end| template.ends_with(end));
        if wanted.len() != given.len() && !(open_ended && given.len() > wanted.len()) {
            continue;
        }
        let exact = wanted
            .iter()
            .zip(&given)
            .filter(|(wanted, given)| wanted == given)
            .count();
        let fits = wanted.iter().zip(&given).all(|(wanted, given)| {
            wanted.starts_with('{')
                || wanted == given
                || (wanted.contains("...") && given.contains("..."))
        });
        if fits && best.is_none_or(|(known, _)| exact > known) {
            best = Some((exact, operations));
        }
    }
    let responses = &best?.1[method.to_ascii_lowercase()]["responses"];
    let mut response = &responses[status.to_string()];
    if let Some(reference) = response["$ref"].as_str() {
        response = description.pointer(reference.trim_start_matches('#'))?;
    }
    let schema = &response["content"]["application/json"]["schema"];
    (!schema.is_null()).then_some(schema)
}

#[test]
fn the_checker_finds_what_is_wrong() {
    if description().is_none() {
        return;
    }
    let schema = answer_schema("GET", "/repos/a/b/labels/x", 200).expect("the route is described");
    let good = serde_json::json!({
        "id": 1, "node_id": "x", "url": "https://x", "name": "bug", "description": null, "color": "ffffff", "default": true,
    });
    assert_eq!(violations(&good, schema, false), Vec::<String>::new());
    let mut bad = good.clone();
    bad["id"] = "one".into();
    bad["name"] = Value::Null;
    bad.as_object_mut().expect("an object").remove("color");
    bad["url"] = "nowhere".into();
    assert_eq!(violations(&bad, schema, false).len(), 4);
}
