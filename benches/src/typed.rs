//! The returned form as plain structs: what reading it costs at least with this JSON parser.

use serde::Deserialize;

/// An answer.
#[derive(Debug, Deserialize)]
pub(crate) struct List {
    pub(crate) results: Vec<Block>,
}

macro_rules! block {
    ($($name:ident),*) => {
        /// A block: its envelope and the payload of its type.
        #[derive(Debug, Deserialize)]
        #[allow(dead_code, reason = "only read from JSON")]
        pub(crate) struct Block {
            id: String,
            has_children: bool,
            in_trash: bool,
            last_edited_time: String,
            #[serde(rename = "type")]
            kind: String,
            $($name: Option<Payload>,)*
        }
    };
}
block!(
    paragraph,
    heading_1,
    heading_2,
    heading_3,
    heading_4,
    bulleted_list_item,
    numbered_list_item,
    to_do,
    toggle,
    quote,
    callout,
    code,
    equation,
    divider,
    table,
    table_row,
    image,
    bookmark,
    embed
);

/// The fields of all types.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[allow(dead_code, reason = "only read from JSON")]
struct Payload {
    rich_text: Vec<Run>,
    caption: Vec<Run>,
    cells: Vec<Vec<Run>>,
    color: Option<String>,
    language: Option<String>,
    expression: Option<String>,
    checked: Option<bool>,
    is_toggleable: Option<bool>,
    table_width: Option<usize>,
    url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only read from JSON")]
struct Run {
    text: Option<Text>,
    equation: Option<Equation>,
    annotations: Annotations,
    href: Option<String>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only read from JSON")]
struct Text {
    content: String,
    link: Option<Link>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only read from JSON")]
struct Link {
    url: String,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only read from JSON")]
struct Equation {
    expression: String,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only read from JSON")]
struct Annotations {
    bold: bool,
    italic: bool,
    strikethrough: bool,
    underline: bool,
    code: bool,
    color: String,
}
