//! Kinds of objects in JSON: which keys they have, of which types.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::notion_support::NEW;

pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// For each kind of object: how often it was seen, and for each key how often and with what types.
#[derive(Default)]
pub(crate) struct Shapes {
    pub(crate) seen: BTreeMap<String, usize>,
    pub(crate) keys: BTreeMap<String, BTreeMap<String, (usize, BTreeSet<&'static str>)>>,
}

impl Shapes {
    fn note(&mut self, kind: &str, object: &serde_json::Map<String, Value>, own: Option<&str>) {
        *self.seen.entry(kind.to_owned()).or_default() += 1;
        let keys = self.keys.entry(kind.to_owned()).or_default();
        for (key, value) in object {
            // The member that is named by the type counts under one name.
            let key = if Some(key.as_str()) == own {
                "<type>"
            } else {
                key
            };
            let entry = keys.entry(key.to_owned()).or_default();
            entry.0 += 1;
            entry.1.insert(type_name(value));
        }
    }

    pub(crate) fn visit(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.visit(item)),
            Value::Object(object) => {
                let kind = object.get("type").and_then(Value::as_str);
                match object.get("object").and_then(Value::as_str) {
                    Some("block") if kind.is_some() => {
                        self.note("block", object, kind);
                        if let Some(Value::Object(inner)) = kind.and_then(|kind| object.get(kind)) {
                            self.note(&format!("block {}", kind.unwrap_or_default()), inner, None);
                        }
                    }
                    Some("property_item") => {
                        self.note(
                            &format!("property item {}", kind.unwrap_or_default()),
                            object,
                            kind,
                        );
                    }
                    Some("list") => self.note("list", object, kind),
                    Some("user") if kind.is_some() => {
                        self.note(&format!("user {}", kind.unwrap_or_default()), object, kind);
                    }
                    Some(name @ ("page" | "database" | "data_source")) => {
                        self.note(name, object, None);
                        self.properties(name, object);
                    }
                    Some(name) => self.note(name, object, None),
                    None if object.contains_key("annotations")
                        && object.contains_key("plain_text") =>
                    {
                        self.note(&format!("span {}", kind.unwrap_or_default()), object, kind);
                        if let Some(Value::Object(mention)) = object.get("mention") {
                            let kind = mention.get("type").and_then(Value::as_str);
                            let name = format!("mention {}", kind.unwrap_or_default());
                            self.note(&name, mention, kind);
                        }
                    }
                    None => {}
                }
                object.values().for_each(|inner| self.visit(inner));
            }
            _ => {}
        }
    }

    fn properties(&mut self, name: &str, object: &serde_json::Map<String, Value>) {
        let Some(Value::Object(properties)) = object.get("properties") else {
            return;
        };
        for property in properties.values() {
            let (Some(property), Some(kind)) = (property.as_object(), property["type"].as_str())
            else {
                continue;
            };
            self.note(&format!("{name} property {kind}"), property, Some(kind));
            if let Some(Value::Object(inner)) = property.get(kind) {
                let of = inner
                    .get("type")
                    .and_then(Value::as_str)
                    .filter(|_| kind != "created_by" && kind != "last_edited_by");
                self.note(
                    &format!("{name} value {kind} {}", of.unwrap_or_default()),
                    inner,
                    of,
                );
                for option in inner
                    .get("options")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                {
                    if let Some(option) = option.as_object() {
                        self.note(&format!("{name} option {kind}"), option, None);
                    }
                }
            }
        }
    }

    /// What differs between the emulator's shapes and these recorded ones.
    pub(crate) fn differences(&self, ours: &Self, version: &str) -> Vec<String> {
        let mut out = Vec::new();
        for (kind, keys) in &ours.keys {
            let Some(recorded) = self.keys.get(kind) else {
                continue;
            };
            for (key, (_, types)) in keys {
                match recorded.get(key) {
                    // Bots make pages too, only no recording has one.
                    None if kind.starts_with("page value created_by") && key == "bot" => {}
                    None => out.push(format!("{kind}: {key} was never recorded")),
                    Some((_, known)) => {
                        for name in types.difference(known) {
                            // Empty places are null, whether or not a recording had one empty.
                            if !nullable(kind, key, name, known) {
                                out.push(format!("{kind}: {key} is {name}, recorded {known:?}"));
                            }
                        }
                    }
                }
            }
            let count = self.seen.get(kind).copied().unwrap_or_default();
            for (key, (times, _)) in recorded {
                let gone = version == NEW && key == "archived";
                if *times == count && !keys.contains_key(key) && !gone && key != "request_id" {
                    out.push(format!("{kind}: {key} is always recorded, never sent"));
                }
            }
        }
        out
    }
}

/// Members that the description calls nullable, or optional objects that were always empty (or
/// never) in the recordings.
fn nullable(kind: &str, key: &str, name: &str, known: &BTreeSet<&'static str>) -> bool {
    let property = kind.starts_with("page property") || kind.starts_with("property item");
    match (key, name) {
        ("icon" | "cover" | "avatar_url" | "href" | "next_cursor" | "end" | "prefix", _) => true,
        ("verified_by", "null") => true,
        // The items of a rollup hold whole values, also of types that are lists.
        ("<type>", "array") => kind == "property item title",
        ("number" | "string" | "date" | "boolean", "null") => true,
        ("<type>", "null" | "object" | "number" | "string") => {
            property && (known.contains("null") || name == "null")
                || kind.contains("rollup")
                || kind.contains("formula")
        }
        ("description", "string" | "null") => true,
        _ => false,
    }
}
