//! Recorded answers: every one parses, and nothing in it is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use notion_sync_core::snapshot::Field;
use notion_sync_notion::property;
use notion_sync_notion::wire::{
    BlockHead, Comment, DataSource, Database, ErrorBody, Listed, Object, Page, PageMarkdown,
    Property, User,
};
use serde_json::value::RawValue;

/// The folder of recorded data; `None` skips the test, except in CI, where it fails.
pub(crate) fn folder() -> Option<PathBuf> {
    let given = std::env::var_os("NOTION_SYNC_FIXTURES").map(PathBuf::from);
    let path = given
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures"));
    if path.join("notion").is_dir() {
        return Some(path.join("notion"));
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "recorded data is missing: {}",
        path.display()
    );
    println!("skipped: no recorded data at {}", path.display());
    None
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut pending = vec![folder.to_path_buf()];
    while let Some(path) = pending.pop() {
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|end| end == "json") {
                out.push(path);
            }
        }
    }
    out.sort();
    out
}

/// What was taken out of an object, by the type that took it.
const KNOWN: [(&str, &[&str]); 8] = [
    (
        "page",
        &[
            "id",
            "created_time",
            "last_edited_time",
            "in_trash",
            "archived",
            "is_archived",
            "is_locked",
            "parent",
            "properties",
            "url",
        ],
    ),
    (
        "data_source",
        &[
            "id",
            "title",
            "parent",
            "in_trash",
            "archived",
            "properties",
            "url",
        ],
    ),
    (
        "database",
        &["id", "title", "data_sources", "in_trash", "archived"],
    ),
    ("user", &["id", "type", "name"]),
    (
        "comment",
        &["id", "rich_text", "created_time", "discussion_id"],
    ),
    (
        "page_markdown",
        &["markdown", "truncated", "unknown_block_ids"],
    ),
    ("list", &["results", "templates", "has_more", "next_cursor"]),
    (
        "error",
        &["code", "message", "request_id", "additional_data"],
    ),
];

fn nothing_lost(kind: &str, original: &Object, rest: &Object, place: &Path) {
    let known: BTreeSet<&str> = KNOWN
        .iter()
        .find(|(name, _)| *name == kind)
        .map(|(_, keys)| keys.iter().copied().collect())
        .unwrap_or_default();
    for (key, raw) in &original.0 {
        let kept = rest.0.get(key).map(|kept| kept.get());
        assert!(
            known.contains(key.as_str()) || kept == Some(raw.get()),
            "{}: `{key}` of a {kind} is lost",
            place.display()
        );
    }
}

#[derive(Default)]
struct Counts {
    objects: BTreeMap<String, usize>,
    properties: BTreeMap<String, (usize, usize)>,
}

impl Counts {
    fn properties(&mut self, properties: &[Property]) {
        for found in properties {
            let unread = matches!(property::read(found).into_field(), Field::Unread(_));
            let kind = if found.kind.is_empty() {
                "(none)"
            } else {
                &found.kind
            };
            let (all, unreadable) = self.properties.entry(kind.to_owned()).or_default();
            *all += 1;
            *unreadable += usize::from(unread);
        }
    }

    /// Reads one object by what it says it is. Goes one level into lists.
    fn object(&mut self, raw: &RawValue, place: &Path) {
        let bytes = raw.get().as_bytes();
        let Ok(object) = Object::parse(bytes) else {
            return;
        };
        let kind = object.get::<String>("object").unwrap_or_default();
        let bad =
            |error: serde_json::Error| -> ! { panic!("{}: {kind}: {error}", place.display()) };
        match kind.as_str() {
            "page" => {
                let page = Page::parse(bytes).unwrap_or_else(|error| bad(error));
                nothing_lost(&kind, &object, &page.rest, place);
                self.properties(&page.properties);
                let names = object
                    .object("properties")
                    .map_or(0, |properties| properties.0.len());
                assert_eq!(page.properties.len(), names, "{}", place.display());
            }
            "data_source" => {
                let source = DataSource::parse(bytes).unwrap_or_else(|error| bad(error));
                nothing_lost(&kind, &object, &source.rest, place);
                assert!(
                    source
                        .properties
                        .iter()
                        .all(|property| !property.kind.is_empty())
                );
            }
            "database" => {
                let database = Database::parse(bytes).unwrap_or_else(|error| bad(error));
                nothing_lost(&kind, &object, &database.rest, place);
            }
            "user" => {
                let user = User::parse(bytes).unwrap_or_else(|error| bad(error));
                nothing_lost(&kind, &object, &user.rest, place);
            }
            "comment" => {
                let comment = Comment::parse(bytes).unwrap_or_else(|error| bad(error));
                nothing_lost(&kind, &object, &comment.rest, place);
            }
            "page_markdown" => {
                let body = PageMarkdown::parse(bytes).unwrap_or_else(|error| bad(error));
                nothing_lost(&kind, &object, &body.rest, place);
            }
            "block" => {
                let head = BlockHead::parse(bytes).unwrap_or_else(|error| bad(error));
                assert_eq!(head.raw.get(), raw.get());
                assert!(!head.kind.is_empty(), "{}", place.display());
            }
            "property_item" => self.properties(&[Property::of(String::new(), raw)]),
            "error" => {
                let error = ErrorBody::parse(bytes)
                    .unwrap_or_else(|| panic!("{}: an error without code", place.display()));
                assert!(!error.code.is_empty());
            }
            "list" => {
                let list = Listed::parse(bytes).unwrap_or_else(|error| bad(error));
                nothing_lost(&kind, &object, &list.rest, place);
                for item in &list.results {
                    self.object(item, place);
                }
            }
            _ => {}
        }
        let kind = if kind.is_empty() {
            "(none)".to_owned()
        } else {
            kind
        };
        *self.objects.entry(kind).or_default() += 1;
    }
}

#[test]
fn every_recorded_answer_parses_and_nothing_is_lost() {
    let Some(folder) = folder() else {
        return;
    };
    let mut counts = Counts::default();
    let mut read = 0;
    for path in files(&folder) {
        let relative = path.strip_prefix(&folder).unwrap();
        if relative.starts_with("openapi") || relative.starts_with("webhooks") {
            continue;
        }
        if relative.parent() == Some(Path::new("")) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let raw: Box<RawValue> = serde_json::from_str(&text).unwrap();
        counts.object(&raw, relative);
        read += 1;
    }
    println!("{read} files");
    println!("objects: {:?}", counts.objects);
    println!("properties (all, unread): {:?}", counts.properties);
    for kind in [
        "page",
        "data_source",
        "database",
        "block",
        "user",
        "comment",
        "list",
        "error",
    ] {
        assert!(counts.objects.contains_key(kind), "no {kind} was read");
    }
    for kind in [
        "title",
        "rich_text",
        "number",
        "select",
        "status",
        "multi_select",
        "date",
        "checkbox",
        "url",
        "email",
        "phone_number",
        "relation",
        "people",
    ] {
        let (all, unread) = counts.properties.get(kind).copied().unwrap_or_default();
        assert!(all > 0, "no property of type {kind} was read");
        // Items of a list hold single references, which a page object never does.
        assert!(
            unread == 0 || matches!(kind, "title" | "rich_text" | "relation" | "people"),
            "{unread} of {all} properties of type {kind} were not read"
        );
    }
}
