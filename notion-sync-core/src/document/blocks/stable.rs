//! Raw JSON without what changes between two reads of the same thing.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The fields of a JSON object in the order of the source, values unparsed.
#[derive(Debug)]
pub(super) struct Fields<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

/// A string that borrows from the source where it can, also inside of an option.
#[derive(Debug, Deserialize, PartialEq, Eq, Hash)]
pub(super) struct Key<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(map.size_hint().unwrap_or(14));
                while let Some((key, value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    fields.push((key.0, value));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

impl<'a> Fields<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| *value)
    }
}

/// Deepest level that is cleaned; below it the text is kept as it is.
const CLEANED_LEVELS: usize = 32;

/// Appends `raw` without white space between tokens, without expiry times, and with signed links
/// cut to origin and path, so that two reads of an unchanged block give the same text.
pub(super) fn push_stable(out: &mut String, raw: &RawValue, level: usize) {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'{') if level < CLEANED_LEVELS => {
            if let Ok(fields) = serde_json::from_str::<Fields<'_>>(text) {
                push_object(out, fields.0.into_iter(), level);
                return;
            }
        }
        Some(b'[') if level < CLEANED_LEVELS => {
            if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(text) {
                out.push('[');
                for (at, item) in items.into_iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    push_stable(out, item, level + 1);
                }
                out.push(']');
                return;
            }
        }
        Some(b'"') if text.contains("X-Amz-Signature=") => {
            if let Ok(url) = serde_json::from_str::<String>(text) {
                push_string(out, &super::super::reference::stable_url(&url));
                return;
            }
        }
        _ => {}
    }
    out.push_str(text);
}

/// Appends an object of `fields` in the form of [`push_stable`].
pub(super) fn push_object<'a>(
    out: &mut String,
    fields: impl Iterator<Item = (Cow<'a, str>, &'a RawValue)>,
    level: usize,
) {
    out.push('{');
    let mut first = true;
    for (key, value) in fields {
        if key == "expiry_time" {
            continue;
        }
        if !first {
            out.push(',');
        }
        first = false;
        push_string(out, &key);
        out.push(':');
        push_stable(out, value, level + 1);
    }
    out.push('}');
}

fn push_string(out: &mut String, text: &str) {
    // Printing a string as JSON cannot fail.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stable(text: &str) -> String {
        let raw: &RawValue = serde_json::from_str(text).unwrap();
        let mut out = String::new();
        push_stable(&mut out, raw, 0);
        out
    }

    #[test]
    fn order_stays_and_unstable_parts_go() {
        for (given, wanted) in [
            (
                r#"{ "b": 1, "a": [ 1.50, null ] }"#,
                r#"{"b":1,"a":[1.50,null]}"#,
            ),
            (
                r#"{"file":{"url":"https://h/x.png?X-Amz-Signature=00","expiry_time":"t"}}"#,
                r#"{"file":{"url":"https://h/x.png"}}"#,
            ),
            (r#"{"a\u00e9":"\n"}"#, r#"{"aé":"\n"}"#),
        ] {
            assert_eq!(stable(given), wanted);
            assert_eq!(stable(wanted), wanted);
        }
    }
}
