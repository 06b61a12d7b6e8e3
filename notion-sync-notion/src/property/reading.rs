//! From a page's property to a value.

use notion_sync_core::snapshot::Field;
use notion_sync_core::value::Value;
use serde_json::value::RawValue;

use super::{INLINE_REFERENCES, date, number};
use crate::identifier::canonical_or_same;
use crate::wire::{Fields, Object, Property, plain_text};

/// What a page object says about one property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// All of it.
    Whole(Field),
    /// The page object may show only the first references: the property items have to be read.
    Cut(Field),
}

impl Reading {
    /// The field, with a cut value said to be unread.
    #[must_use]
    pub fn into_field(self) -> Field {
        match self {
            Self::Whole(field) => field,
            Self::Cut(_) => Field::Unread(format!(
                "it has more than the {INLINE_REFERENCES} references that a page shows"
            )),
        }
    }
}

fn unread(reason: impl Into<String>) -> Field {
    Field::Unread(reason.into())
}

fn text_or_null(text: Option<String>) -> Field {
    Field::Value(text.map_or(Value::Null, Value::text))
}

fn items(property: &Property) -> Option<Vec<Box<RawValue>>> {
    property.get()
}

fn ids(items: &[Box<RawValue>]) -> Value {
    Value::set(items.iter().filter_map(|raw| {
        let id = Fields::of_or_none(raw).get::<String>("id")?;
        Some(canonical_or_same(&id))
    }))
}

/// Reads one property as a page object shows it.
///
/// Types that we do not know, and values that cannot be expressed, are
/// [`Field::Unread`]: they are never written and never compared.
#[must_use]
pub fn read(property: &Property) -> Reading {
    let Some(raw) = &property.value else {
        let reason = if property.kind.is_empty() {
            "the service sent no value".to_owned()
        } else {
            format!("the service sent no value of type `{}`", property.kind)
        };
        return Reading::Whole(unread(reason));
    };
    match property.kind.as_str() {
        "title" | "rich_text" => {
            let Some(items) = items(property) else {
                return Reading::Whole(unread("it is not a list of rich text"));
            };
            let (text, mentions) = plain_text(&items);
            let field = Field::Value(Value::text(text));
            if mentions >= INLINE_REFERENCES || property.has_more {
                Reading::Cut(field)
            } else {
                Reading::Whole(field)
            }
        }
        "people" | "relation" => {
            let Some(items) = items(property) else {
                return Reading::Whole(unread("it is not a list of references"));
            };
            let field = Field::Value(ids(&items));
            if items.len() >= INLINE_REFERENCES || property.has_more {
                Reading::Cut(field)
            } else {
                Reading::Whole(field)
            }
        }
        _ => Reading::Whole(simple(&property.kind, raw)),
    }
}

/// Reads a value of a type that a page object always shows whole.
fn simple(kind: &str, raw: &RawValue) -> Field {
    let json = raw.get();
    if json == "null" {
        return match kind {
            "checkbox" => Field::Value(Value::Bool(false)),
            "multi_select" => Field::Value(Value::set::<String>([])),
            _ => Field::Value(Value::Null),
        };
    }
    let object = || Object::of(raw).ok();
    let text = || serde_json::from_str::<String>(json).ok();
    let failed = || unread(format!("its value is not one of type `{kind}`"));
    match kind {
        "number" => match number::canonical(json) {
            Some(number) => Field::Value(Value::Number(number)),
            None => failed(),
        },
        "select" | "status" => match Fields::of_or_none(raw).get::<String>("name") {
            Some(name) => Field::Value(Value::text(name)),
            None => failed(),
        },
        "multi_select" => match serde_json::from_str::<Vec<Box<RawValue>>>(json) {
            Ok(options) => {
                Field::Value(Value::set(options.iter().filter_map(|option| {
                    Fields::of_or_none(option).get::<String>("name")
                })))
            }
            Err(_) => failed(),
        },
        "date" => match object().and_then(|date| date::from_notion(&date)) {
            Some(date) => Field::Value(Value::Text(date)),
            None => failed(),
        },
        "checkbox" | "boolean" => match serde_json::from_str::<bool>(json) {
            Ok(value) => Field::Value(Value::Bool(value)),
            Err(_) => failed(),
        },
        "url" | "email" | "phone_number" | "string" => match text() {
            Some(text) => Field::Value(Value::text(text)),
            None => failed(),
        },
        "created_time" | "last_edited_time" => text_or_null(text()),
        "created_by" | "last_edited_by" => text_or_null(
            object()
                .and_then(|user| user.get::<String>("id"))
                .map(|id| canonical_or_same(&id)),
        ),
        "unique_id" => match object() {
            Some(id) => unique_id(&id),
            None => failed(),
        },
        "verification" => text_or_null(object().and_then(|state| state.get("state"))),
        "formula" => match object() {
            Some(formula) => computed(&formula, "formula"),
            None => failed(),
        },
        "rollup" => match object() {
            Some(rollup) => computed(&rollup, "rollup"),
            None => failed(),
        },
        "files" => unread("files are not synchronised"),
        _ => unread(format!("properties of type `{kind}` are not expressed")),
    }
}

fn unique_id(id: &Object) -> Field {
    let Some(number) = id.get::<u64>("number") else {
        return Field::Value(Value::Null);
    };
    match id
        .get::<String>("prefix")
        .filter(|prefix| !prefix.is_empty())
    {
        Some(prefix) => Field::Value(Value::Text(format!("{prefix}-{number}"))),
        None => Field::Value(Value::Text(number.to_string())),
    }
}

/// The result of a formula or rollup: one level, never a formula again.
fn computed(value: &Object, what: &str) -> Field {
    let kind = value.get::<String>("type").unwrap_or_default();
    match kind.as_str() {
        "string" | "number" | "boolean" | "date" => match value.raw(&kind) {
            Some(raw) => simple(&kind, raw),
            None => Field::Value(Value::Null),
        },
        "array" => unread(format!("the {what} gives a list")),
        _ => unread(format!("the {what} has no value that the API can show")),
    }
}

/// One property item of a list that was read page by page: the text or id it adds.
#[must_use]
pub fn element(item: &Property) -> Option<String> {
    let raw = item.value.as_ref()?;
    match item.kind.as_str() {
        "title" | "rich_text" => Some(plain_text(std::slice::from_ref(raw)).0),
        "people" | "relation" => {
            let id = Object::of(raw).ok()?.get::<String>("id")?;
            Some(canonical_or_same(&id))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn property(json: &str) -> Property {
        Property::of(
            "P".to_owned(),
            &serde_json::from_str::<Box<RawValue>>(json).unwrap(),
        )
    }

    fn value(json: &str) -> Option<Value> {
        read(&property(json)).into_field().value().cloned()
    }

    #[test]
    fn every_type_is_read() {
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        for (json, wanted) in [
            (r#"{"type":"title","title":[]}"#, Some(Value::Null)),
            (
                r#"{"type":"title","title":[{"type":"text","plain_text":"a","text":{"content":"x"}},{"plain_text":"b"},{"text":{"content":"c"}}]}"#,
                text("abc"),
            ),
            (r#"{"type":"rich_text","rich_text":{}}"#, None),
            (r#"{"type":"number","number":null}"#, Some(Value::Null)),
            (
                r#"{"type":"number","number":1.50}"#,
                Some(Value::Number("1.5".to_owned())),
            ),
            (
                r#"{"type":"select","select":{"id":"1","name":"High","color":"red"}}"#,
                text("High"),
            ),
            (r#"{"type":"select","select":null}"#, Some(Value::Null)),
            (
                r#"{"type":"status","status":{"name":"Done"}}"#,
                text("Done"),
            ),
            (
                r#"{"type":"multi_select","multi_select":[{"name":"b"},{"name":"a"}]}"#,
                Some(Value::set(["a", "b"])),
            ),
            (
                r#"{"type":"checkbox","checkbox":true}"#,
                Some(Value::Bool(true)),
            ),
            (
                r#"{"type":"url","url":"https://e.org"}"#,
                text("https://e.org"),
            ),
            (r#"{"type":"email","email":null}"#, Some(Value::Null)),
            (
                r#"{"type":"date","date":{"start":"2026-01-02"}}"#,
                text("2026-01-02"),
            ),
            (
                r#"{"type":"people","people":[{"object":"user","id":"0123ABCD456789ef0123456789abcdef"}]}"#,
                Some(Value::set(["0123abcd-4567-89ef-0123-456789abcdef"])),
            ),
            (
                r#"{"type":"relation","relation":[],"has_more":false}"#,
                Some(Value::set::<String>([])),
            ),
            (r#"{"type":"relation","relation":[],"has_more":true}"#, None),
            (r#"{"type":"files","files":[]}"#, None),
            (
                r#"{"type":"formula","formula":{"type":"string","string":"x"}}"#,
                text("x"),
            ),
            (
                r#"{"type":"formula","formula":{"type":"boolean","boolean":false}}"#,
                Some(Value::Bool(false)),
            ),
            (
                r#"{"type":"formula","formula":{"type":"unsupported","unsupported":{}}}"#,
                None,
            ),
            (
                r#"{"type":"formula","formula":{"type":"formula","formula":{"type":"formula"}}}"#,
                None,
            ),
            (
                r#"{"type":"rollup","rollup":{"type":"number","number":3,"function":"sum"}}"#,
                Some(Value::Number("3".to_owned())),
            ),
            (
                r#"{"type":"rollup","rollup":{"type":"array","array":[]}}"#,
                None,
            ),
            (
                r#"{"type":"unique_id","unique_id":{"prefix":"TASK","number":42}}"#,
                text("TASK-42"),
            ),
            (
                r#"{"type":"unique_id","unique_id":{"prefix":null,"number":42}}"#,
                text("42"),
            ),
            (r#"{"type":"teleport","teleport":{"x":1}}"#, None),
            (r#"{"id":"abc"}"#, None),
            ("7", None),
        ] {
            assert_eq!(value(json), wanted, "{json}");
        }
    }

    #[test]
    fn full_lists_may_be_cut() {
        let list = |n: usize| {
            let items = vec![r#"{"id":"0123abcd-4567-89ef-0123-456789abcdef"}"#; n].join(",");
            property(&format!(r#"{{"type":"people","people":[{items}]}}"#))
        };
        assert!(matches!(read(&list(24)), Reading::Whole(_)));
        assert!(matches!(read(&list(25)), Reading::Cut(_)));
    }
}
