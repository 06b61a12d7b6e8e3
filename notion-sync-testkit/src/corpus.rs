//! What converters between Notion and Markdown should keep: cases as data.
//!
//! The files stand in `corpus/` with a description of their format; this module only reads them.
//! Nothing in them needs Rust.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The cases for every construct, as JSON text.
pub const CONSTRUCTS: &str = include_str!("../corpus/constructs.json");
/// The cases for every pair of constructs that nest, as JSON text.
pub const NESTING: &str = include_str!("../corpus/nesting.json");

/// A file of cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Corpus {
    /// Version of the format: 1.
    pub format: u32,
    /// The cases in the order of the file.
    pub cases: Vec<Case>,
}

impl Corpus {
    /// Reads a file of cases.
    ///
    /// # Errors
    /// What is no such file.
    pub fn read(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }
}

/// Which side a case was written for; the other side is what our converters make of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Blocks as the API returns them.
    Notion,
    /// A Markdown file.
    Markdown,
}

/// How what came back relates to what there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// The same: the text byte for byte, or the blocks in canonical form.
    Equal,
    /// Another spelling that GitHub shows alike (of text only).
    Rendered,
    /// Something else; [`Case::reason`] says why.
    Different,
    /// The format cannot carry the case; a converter has to say so.
    Refused,
}

/// One case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Unique name: construct, `/`, variant. Of a pair both names, joined by ` > `.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Which side is given.
    pub origin: Origin,
    /// Whether other blocks can stand in its last block.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub holds: bool,
    /// Whether it is one paragraph about formats of text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inline: bool,
    /// The Markdown of the file.
    #[serde(default)]
    pub markdown: String,
    /// The blocks of the page, children inside the object of their type.
    #[serde(default)]
    pub blocks: Vec<Value>,
    /// The page as enhanced Markdown, where that can carry it.
    #[serde(default)]
    pub enhanced: Option<String>,
    /// From the given side to the other and back.
    #[serde(default = "equal")]
    pub round_trip: Relation,
    /// From the page through enhanced Markdown and back.
    #[serde(default = "equal")]
    pub through_enhanced: Relation,
    /// What a sync approximates, as it reports it, file to page.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<String>,
    /// Requests that create the page, and blocks that no request can create.
    #[serde(default)]
    pub service: Service,
    /// Why a relation is [`Relation::Different`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

fn equal() -> Relation {
    Relation::Equal
}

/// What the service's limits make of a case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Append requests that are needed.
    pub requests: usize,
    /// Blocks in all of them.
    pub blocks: usize,
    /// Blocks that the API cannot create, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
}
