//! The comments of the dialect: `<!-- notion-sync:{kind} {json} -->` and its closing form
//! `<!-- /notion-sync:{kind} -->`.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::document::{Block, BlockKind};

const OPEN: &str = "<!-- notion-sync:";
const CLOSE: &str = "<!-- /notion-sync:";

/// A comment of the dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marker {
    /// What it marks.
    pub(crate) kind: String,
    /// Its data, an empty object where there is none.
    pub(crate) data: Map<String, Value>,
    /// Whether it ends a container.
    pub(crate) closing: bool,
}

impl Marker {
    /// Reads a comment; `None` for any other HTML. White space around it is allowed.
    pub(crate) fn read(html: &str) -> Option<Self> {
        let html = html.trim();
        let (rest, closing) = if let Some(rest) = html.strip_prefix(OPEN) {
            (rest, false)
        } else {
            (html.strip_prefix(CLOSE)?, true)
        };
        let rest = rest.strip_suffix("-->")?;
        if rest.contains("-->") {
            return None;
        }
        let rest = rest.trim_end();
        let (kind, json) = rest.split_once(' ').unwrap_or((rest, ""));
        if kind.is_empty() || !kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
            return None;
        }
        let json = json.trim();
        let data = if json.is_empty() {
            Map::new()
        } else {
            serde_json::from_str(json).ok()?
        };
        Some(Self {
            kind: kind.to_owned(),
            data,
            closing,
        })
    }

    /// A text of the data.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.data.get(key).and_then(Value::as_str)
    }

    /// A flag of the data, `false` where it is missing.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.data.get(key).and_then(Value::as_bool) == Some(true)
    }

    /// The block kind named by the marker, with the marker's data as its fields.
    pub(crate) fn block_kind(&self) -> Option<BlockKind> {
        let mut map = self.data.clone();
        map.insert("type".to_owned(), Value::String(self.kind.clone()));
        serde_json::from_value(Value::Object(map)).ok()
    }

    /// The whole block in the data of a `block` marker. Ids and spans are not taken over.
    pub(crate) fn block(&self) -> Option<Block> {
        let mut block: Block = serde_json::from_value(Value::Object(self.data.clone())).ok()?;
        forget_origin(&mut block);
        Some(block)
    }
}

/// Deserialising limits the nesting, so this recursion is bounded.
fn forget_origin(block: &mut Block) {
    block.id = None;
    block.span = None;
    block.children.iter_mut().for_each(forget_origin);
}

/// The opening (or lone) comment. An empty object is left out.
pub(crate) fn open(kind: &str, data: &Value) -> String {
    match data {
        Value::Object(map) if !map.is_empty() => {
            format!("{OPEN}{kind} {} -->", embeddable(&data.to_string()))
        }
        _ => format!("{OPEN}{kind} -->"),
    }
}

/// The closing comment.
pub(crate) fn close(kind: &str) -> String {
    format!("{CLOSE}{kind} -->")
}

/// A block kind as a lone comment: the type is the name, the fields are the data.
pub(crate) fn of_kind(kind: &BlockKind) -> String {
    let mut value = serde_json::to_value(kind).unwrap_or(Value::Null);
    let name = match &mut value {
        Value::Object(map) => match map.remove("type") {
            Some(Value::String(name)) => name,
            _ => String::new(),
        },
        _ => String::new(),
    };
    open(&name, &value)
}

/// A whole block as a lone comment, for what has no other form.
pub(crate) fn of_block(block: &Block) -> String {
    let mut block = block.clone();
    forget_origin(&mut block);
    open(
        "block",
        &serde_json::to_value(&block).unwrap_or(Value::Null),
    )
}

/// JSON for an attribute in single quotes or a comment.
pub(crate) fn json<T: Serialize>(value: &T) -> String {
    embeddable(&serde_json::to_string(value).unwrap_or_default())
}

/// Escapes what would end a comment, an attribute, a table cell or start other Markdown. All of
/// these characters can stand in strings only, so an escape of JSON says the same. (`-` may stand
/// in a number too, but never twice.)
fn embeddable(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut before = ' ';
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\'' | '|' | '`' | '$' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            '-' if before == '-' => out.push_str("\\u002d"),
            // Line ends of other standards and controls that Markdown or editors may change.
            '\u{7f}'..='\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            _ => out.push(c),
        }
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_survive() {
        let kind = BlockKind::Opaque {
            kind: "new".to_owned(),
            raw: r#"{"a":"--> <b> | ` $x$ ' & -- \" é"}"#.to_owned(),
        };
        let text = of_kind(&kind);
        assert_eq!(text.matches("--").count(), 2);
        assert_eq!(Marker::read(&text).unwrap().block_kind().unwrap(), kind);
        let block = Block::new(kind).with_children(vec![Block::paragraph("\0x")]);
        assert_eq!(
            Marker::read(&of_block(&block)).unwrap().block().unwrap(),
            block
        );
    }

    #[test]
    fn other_comments_are_left_alone() {
        for html in [
            "<!-- notion-sync -->",
            "<!-- notion-sync\nNotion-Page-ID: x\n-->",
            "<!-- notion-sync:a --> b <!-- c -->",
            "<!-- notion-sync:toc {broken -->",
            "<!-- notion-sync:A -->",
            "<p>",
        ] {
            assert_eq!(Marker::read(html), None, "{html}");
        }
    }
}
