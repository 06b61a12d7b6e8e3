//! From a value to what Notion is sent.

use std::collections::BTreeSet;

use notion_sync_core::value::Value;
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::{Value as Json, json};

use super::{date, number};
use crate::identifier::canonical;
use crate::wire::SchemaProperty;

/// The most options, people or relations of one write.
pub const MAX_REFERENCES: usize = 100;
/// Longest text of one rich text object, in UTF-16 units.
const TEXT_UNITS: usize = 2000;
/// Most rich text objects of one property.
const TEXT_OBJECTS: usize = 100;
/// Longest URL.
const URL_UNITS: usize = 2000;
/// Longest email address or phone number.
const CONTACT_UNITS: usize = 200;

/// Whether Notion computes the values of this type: they cannot be written.
#[must_use]
pub fn is_read_only(kind: &str) -> bool {
    matches!(
        kind,
        "formula"
            | "rollup"
            | "unique_id"
            | "created_time"
            | "last_edited_time"
            | "created_by"
            | "last_edited_by"
            | "button"
            | "location"
            | "last_visited_time"
    )
}

/// The option names in `value` that the schema does not have. Writing one of them to a select would
/// silently add it to the schema for everybody.
#[must_use]
pub fn missing_options(schema: &SchemaProperty, value: &Value) -> Vec<String> {
    if !matches!(schema.kind.as_str(), "select" | "multi_select" | "status") {
        return Vec::new();
    }
    let known: BTreeSet<String> = schema.options().into_iter().map(|(name, _)| name).collect();
    value.elements().difference(&known).cloned().collect()
}

/// Plain text as rich text objects within Notion's limits. `None` when it is too long.
#[must_use]
pub fn rich_text(text: &str) -> Option<Json> {
    let mut objects = Vec::new();
    let mut part = String::new();
    let mut units = 0;
    let mut push = |part: &mut String| {
        objects.push(json!({"type": "text", "text": {"content": std::mem::take(part)}}));
    };
    for c in text.chars() {
        if units + c.len_utf16() > TEXT_UNITS {
            push(&mut part);
            units = 0;
        }
        units += c.len_utf16();
        part.push(c);
    }
    if !part.is_empty() {
        push(&mut part);
    }
    (objects.len() <= TEXT_OBJECTS).then_some(Json::Array(objects))
}

fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// What is sent for one property.
///
/// # Errors
///
/// [`ErrorKind::Invalid`], naming the property and what is wrong: read-only, of a type that is not
/// expressed, a value of another type, or one beyond a limit of the service.
pub fn write(schema: &SchemaProperty, value: &Value) -> Result<Json> {
    let kind = schema.kind.as_str();
    let wrong = |message: String| {
        Err(Error::new(ErrorKind::Invalid, "write a property")
            .with("property", format!("`{}`", schema.name))
            .message(message))
    };
    let mismatch = || wrong(format!("the value is not one of type `{kind}`"));
    if is_read_only(kind) {
        return wrong(format!(
            "properties of type `{kind}` are computed by Notion"
        ));
    }
    let inner = match (kind, value) {
        ("checkbox", Value::Null) => json!(false),
        ("checkbox", Value::Bool(value)) => json!(value),
        ("title" | "rich_text", Value::Null) => json!([]),
        ("title" | "rich_text", Value::Text(text) | Value::Number(text)) => match rich_text(text) {
            Some(json) => json,
            None => {
                return wrong(format!(
                    "the text has {} UTF-16 units, more than {}",
                    units(text),
                    TEXT_UNITS * TEXT_OBJECTS
                ));
            }
        },
        ("multi_select" | "people" | "relation", Value::Null) => json!([]),
        (
            "number" | "select" | "status" | "date" | "url" | "email" | "phone_number",
            Value::Null,
        ) => Json::Null,
        ("number", Value::Number(text) | Value::Text(text)) => match number::parse(text) {
            Some(number) => Json::Number(number),
            None => return mismatch(),
        },
        ("select" | "status", Value::Text(name)) => {
            if name.contains(',') && kind == "select" {
                return wrong("an option's name cannot hold a comma".to_owned());
            }
            json!({"name": name})
        }
        ("multi_select", Value::Set(_) | Value::Text(_)) => {
            let names = value.elements();
            if names.len() > MAX_REFERENCES {
                return wrong(too_many(names.len()));
            }
            if names.iter().any(|name| name.contains(',')) {
                return wrong("an option's name cannot hold a comma".to_owned());
            }
            json!(
                names
                    .iter()
                    .map(|name| json!({"name": name}))
                    .collect::<Vec<_>>()
            )
        }
        ("people" | "relation", Value::Set(_) | Value::Text(_)) => {
            let elements = value.elements();
            if elements.len() > MAX_REFERENCES {
                return wrong(too_many(elements.len()));
            }
            let ids: Option<Vec<String>> = elements.iter().map(|id| canonical(id)).collect();
            match ids {
                Some(ids) => json!(ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>()),
                None => return mismatch(),
            }
        }
        ("date", Value::Text(text)) => match date::to_notion(text) {
            Some(date) => date,
            None => return mismatch(),
        },
        ("url", Value::Text(text)) if units(text) <= URL_UNITS => json!(text),
        ("email" | "phone_number", Value::Text(text)) if units(text) <= CONTACT_UNITS => {
            json!(text)
        }
        ("url" | "email" | "phone_number", Value::Text(text)) => {
            return wrong(format!(
                "the text is too long: {} UTF-16 units",
                units(text)
            ));
        }
        (
            "title" | "rich_text" | "number" | "select" | "multi_select" | "status" | "date"
            | "people" | "checkbox" | "url" | "email" | "phone_number" | "relation",
            _,
        ) => return mismatch(),
        _ => return wrong(format!("properties of type `{kind}` are not expressed")),
    };
    Ok(json!({ kind: inner }))
}

fn too_many(count: usize) -> String {
    format!("it would hold {count} entries, and one write takes at most {MAX_REFERENCES}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Object;

    fn schema(kind: &str) -> SchemaProperty {
        SchemaProperty {
            name: "P".to_owned(),
            id: "p".to_owned(),
            kind: kind.to_owned(),
            config: Object::parse(
                br#"{"options":[{"id":"1","name":"a"},{"id":"2","name":"b"}],
                     "groups":[{"name":"G","option_ids":["2"]}]}"#,
            )
            .unwrap(),
            rest: Object::default(),
        }
    }

    #[test]
    fn every_type_is_written() {
        let id = "0123abcd-4567-89ef-0123-456789abcdef";
        let text = |text: &str| Value::Text(text.to_owned());
        for (kind, value, wanted) in [
            (
                "title",
                text("x"),
                Some(json!({"title":[{"type":"text","text":{"content":"x"}}]})),
            ),
            ("rich_text", Value::Null, Some(json!({"rich_text":[]}))),
            (
                "number",
                Value::Number("1.5".to_owned()),
                Some(json!({"number":1.5})),
            ),
            ("number", text("x"), None),
            ("number", Value::Null, Some(json!({"number":null}))),
            ("select", text("a"), Some(json!({"select":{"name":"a"}}))),
            ("select", text("a,b"), None),
            ("status", Value::Null, Some(json!({"status":null}))),
            (
                "multi_select",
                Value::set(["b", "a"]),
                Some(json!({"multi_select":[{"name":"a"},{"name":"b"}]})),
            ),
            (
                "people",
                Value::set([id]),
                Some(json!({"people":[{"id":id}]})),
            ),
            ("people", Value::set(["octocat"]), None),
            (
                "relation",
                Value::set::<String>([]),
                Some(json!({"relation":[]})),
            ),
            (
                "relation",
                Value::set((0..101).map(|n| format!("{n:032x}"))),
                None,
            ),
            (
                "date",
                text("2026-01-02"),
                Some(json!({"date":{"start":"2026-01-02","end":null,"time_zone":null}})),
            ),
            ("date", text("tomorrow"), None),
            (
                "checkbox",
                Value::Bool(true),
                Some(json!({"checkbox":true})),
            ),
            ("checkbox", text("true"), None),
            (
                "url",
                text("https://e.org"),
                Some(json!({"url":"https://e.org"})),
            ),
            ("url", Value::Text("x".repeat(2001)), None),
            ("formula", text("x"), None),
            ("files", Value::Null, None),
            ("teleport", Value::Null, None),
        ] {
            assert_eq!(
                write(&schema(kind), &value).ok(),
                wanted,
                "{kind} {value:?}"
            );
        }
    }

    #[test]
    fn long_text_is_split_and_nothing_is_lost() {
        for text in [
            "é".repeat(4001),
            "😀".repeat(2001),
            "a".repeat(2000),
            String::new(),
        ] {
            let parts = rich_text(&text).unwrap();
            let mut whole = String::new();
            for part in parts.as_array().unwrap() {
                let content = part["text"]["content"].as_str().unwrap();
                assert!(units(content) <= TEXT_UNITS && !content.is_empty());
                whole.push_str(content);
            }
            assert_eq!(whole, text);
        }
        assert!(rich_text(&"a".repeat(200_000)).is_some());
        assert!(rich_text(&"a".repeat(200_001)).is_none());
    }

    #[test]
    fn unknown_options_are_found() {
        assert_eq!(
            missing_options(&schema("select"), &Value::Text("c".to_owned())),
            ["c"]
        );
        assert_eq!(
            missing_options(&schema("multi_select"), &Value::set(["a", "d", "c"])),
            ["c", "d"]
        );
        assert!(missing_options(&schema("status"), &Value::Null).is_empty());
        assert!(missing_options(&schema("people"), &Value::set(["x"])).is_empty());
        assert_eq!(
            schema("status").options(),
            [
                ("a".to_owned(), None),
                ("b".to_owned(), Some("G".to_owned()))
            ]
        );
    }
}
