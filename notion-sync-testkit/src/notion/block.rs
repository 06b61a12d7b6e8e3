//! Blocks: what a page is made of.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::id::NotionId;
use super::text::{Color, Rich};

/// A stored block.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// The page or block it stands in.
    pub(crate) parent: NotionId,
    pub(crate) content: Content,
    /// Blocks, and child pages and databases, in document order. Trashed ones stay in place.
    pub(crate) children: Vec<NotionId>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) created_by: NotionId,
    pub(crate) edited_at: DateTime<Utc>,
    pub(crate) edited_by: NotionId,
    pub(crate) in_trash: bool,
}

/// A block with everything below it: one that is not stored yet, or a copy of one that is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NewBlock {
    /// The stored block that this is a copy of.
    pub(crate) id: Option<NotionId>,
    pub(crate) content: Content,
    pub(crate) children: Vec<NewBlock>,
}

impl NewBlock {
    pub(crate) fn leaf(content: Content) -> Self {
        Self {
            id: None,
            content,
            children: Vec::new(),
        }
    }

    /// How many blocks this is, itself included.
    pub(crate) fn count(&self) -> usize {
        1 + self.children.iter().map(Self::count).sum::<usize>()
    }
}

/// Where the bytes of a media block are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FileRef {
    /// Somewhere on the web.
    External(String),
    /// With the service: the address without its signature, which changes at every read.
    Hosted(String),
}

/// The kinds of text block that differ only in name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextKind {
    Paragraph,
    Bulleted,
    Toggle,
    Quote,
}

/// The kinds of media block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaKind {
    Image,
    Video,
    Audio,
    Pdf,
    File,
}

impl MediaKind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Image, Self::Video, Self::Audio, Self::Pdf, Self::File];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Pdf => "pdf",
            Self::File => "file",
        }
    }
}

/// How a table column looks in Markdown; block JSON does not show it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ColumnStyle {
    pub(crate) color: Color,
    pub(crate) width: Option<u32>,
}

/// The shape of a table.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct TableShape {
    pub(crate) width: usize,
    pub(crate) column_header: bool,
    pub(crate) row_header: bool,
    pub(crate) fit_page: bool,
    pub(crate) columns: Vec<ColumnStyle>,
}

/// A table row: cells, and the colours that only Markdown shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Row {
    pub(crate) cells: Vec<Rich>,
    pub(crate) color: Color,
    pub(crate) cell_colors: Vec<Color>,
}

/// What a block is and says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    Text {
        kind: TextKind,
        rich: Rich,
        color: Color,
        icon: Option<Value>,
    },
    Heading {
        level: u8,
        rich: Rich,
        color: Color,
        toggleable: bool,
    },
    /// `start` and `format` exist only for what people made in the app.
    Numbered {
        rich: Rich,
        color: Color,
        start: Option<i64>,
        format: Option<String>,
    },
    ToDo {
        rich: Rich,
        color: Color,
        checked: bool,
    },
    Callout {
        rich: Rich,
        color: Color,
        icon: Option<Value>,
    },
    Code {
        rich: Rich,
        caption: Rich,
        language: String,
    },
    Equation {
        expression: String,
    },
    Divider,
    Breadcrumb,
    TableOfContents {
        color: Color,
    },
    ColumnList,
    Column {
        ratio: Option<f64>,
    },
    Table(TableShape),
    TableRow(Row),
    Tab,
    Synced {
        from: Option<NotionId>,
    },
    Template {
        rich: Rich,
    },
    LinkToPage {
        kind: String,
        id: NotionId,
    },
    Media {
        kind: MediaKind,
        file: FileRef,
        caption: Rich,
        name: Option<String>,
    },
    Embed {
        url: String,
        caption: Rich,
    },
    Bookmark {
        url: String,
        caption: Rich,
    },
    LinkPreview {
        url: String,
    },
    MeetingNotes {
        title: Rich,
        status: Option<String>,
        summary: String,
        transcript: String,
    },
    Unsupported {
        block_type: Option<String>,
    },
    /// A type this emulator does not know: its name and object, kept and returned as they are.
    Raw {
        kind: String,
        value: Map<String, Value>,
    },
    /// A child page; only the tree of a parsed body holds it, the store has pages.
    ChildPage {
        id: NotionId,
    },
    /// A child database, likewise.
    ChildDatabase {
        id: NotionId,
    },
    /// A `<unknown>` tag of a parsed body.
    Placeholder {
        id: Option<NotionId>,
    },
}

impl Content {
    pub(crate) fn paragraph(rich: Rich) -> Self {
        Self::text(TextKind::Paragraph, rich)
    }

    pub(crate) fn text(kind: TextKind, rich: Rich) -> Self {
        Self::Text {
            kind,
            rich,
            color: Color::default(),
            icon: None,
        }
    }

    /// The name of the type under the newest version.
    pub(crate) fn type_name(&self) -> &str {
        match self {
            Self::Text {
                kind: TextKind::Paragraph,
                ..
            } => "paragraph",
            Self::Text {
                kind: TextKind::Bulleted,
                ..
            } => "bulleted_list_item",
            Self::Text {
                kind: TextKind::Toggle,
                ..
            } => "toggle",
            Self::Text {
                kind: TextKind::Quote,
                ..
            } => "quote",
            Self::Heading { level: 1, .. } => "heading_1",
            Self::Heading { level: 2, .. } => "heading_2",
            Self::Heading { level: 3, .. } => "heading_3",
            Self::Heading { .. } => "heading_4",
            Self::Numbered { .. } => "numbered_list_item",
            Self::ToDo { .. } => "to_do",
            Self::Callout { .. } => "callout",
            Self::Code { .. } => "code",
            Self::Equation { .. } => "equation",
            Self::Divider => "divider",
            Self::Breadcrumb => "breadcrumb",
            Self::TableOfContents { .. } => "table_of_contents",
            Self::ColumnList => "column_list",
            Self::Column { .. } => "column",
            Self::Table(_) => "table",
            Self::TableRow(_) => "table_row",
            Self::Tab => "tab",
            Self::Synced { .. } => "synced_block",
            Self::Template { .. } => "template",
            Self::LinkToPage { .. } => "link_to_page",
            Self::Media { kind, .. } => kind.name(),
            Self::Embed { .. } => "embed",
            Self::Bookmark { .. } => "bookmark",
            Self::LinkPreview { .. } => "link_preview",
            Self::MeetingNotes { .. } => "meeting_notes",
            Self::Unsupported { .. } | Self::Placeholder { .. } => "unsupported",
            Self::Raw { kind, .. } => kind,
            Self::ChildPage { .. } => "child_page",
            Self::ChildDatabase { .. } => "child_database",
        }
    }

    /// The text that a person types into, when the type has one.
    pub(crate) fn rich(&self) -> Option<&Rich> {
        match self {
            Self::Text { rich, .. }
            | Self::Heading { rich, .. }
            | Self::Numbered { rich, .. }
            | Self::ToDo { rich, .. }
            | Self::Callout { rich, .. }
            | Self::Code { rich, .. }
            | Self::Template { rich } => Some(rich),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub(crate) fn rich_mut(&mut self) -> Option<&mut Rich> {
        match self {
            Self::Text { rich, .. }
            | Self::Heading { rich, .. }
            | Self::Numbered { rich, .. }
            | Self::ToDo { rich, .. }
            | Self::Callout { rich, .. }
            | Self::Code { rich, .. }
            | Self::Template { rich } => Some(rich),
            _ => None,
        }
    }

    /// Whether blocks can stand below it.
    pub(crate) fn takes_children(&self) -> bool {
        match self {
            Self::Text { .. }
            | Self::Numbered { .. }
            | Self::ToDo { .. }
            | Self::Callout { .. }
            | Self::ColumnList
            | Self::Column { .. }
            | Self::Table(_)
            | Self::Tab
            | Self::Synced { .. }
            | Self::Template { .. }
            | Self::MeetingNotes { .. } => true,
            Self::Heading { toggleable, .. } => *toggleable,
            _ => false,
        }
    }

    /// Whether Markdown shows only a placeholder for it.
    pub(crate) fn is_unknown_to_markdown(&self) -> bool {
        matches!(
            self,
            Self::Bookmark { .. }
                | Self::Embed { .. }
                | Self::LinkPreview { .. }
                | Self::Breadcrumb
                | Self::Template { .. }
                | Self::LinkToPage { .. }
                | Self::Tab
                | Self::Unsupported { .. }
                | Self::Raw { .. }
        )
    }

    /// The `alt` of its placeholder.
    pub(crate) fn placeholder_name(&self) -> String {
        match self {
            Self::LinkToPage { .. } => "alias".to_owned(),
            Self::Unsupported {
                block_type: Some(kind),
            } => kind.clone(),
            other => other.type_name().to_owned(),
        }
    }
}

/// The languages of code blocks, by the service's names.
pub(crate) const LANGUAGES: [&str; 89] = [
    "abap",
    "abc",
    "agda",
    "arduino",
    "ascii art",
    "assembly",
    "bash",
    "basic",
    "bnf",
    "c",
    "c#",
    "c++",
    "clojure",
    "coffeescript",
    "coq",
    "css",
    "dart",
    "dhall",
    "diff",
    "docker",
    "ebnf",
    "elixir",
    "elm",
    "erlang",
    "f#",
    "flow",
    "fortran",
    "gherkin",
    "glsl",
    "go",
    "graphql",
    "groovy",
    "haskell",
    "hcl",
    "html",
    "idris",
    "java",
    "javascript",
    "json",
    "julia",
    "kotlin",
    "latex",
    "less",
    "lisp",
    "livescript",
    "llvm ir",
    "lua",
    "makefile",
    "markdown",
    "markup",
    "matlab",
    "mathematica",
    "mermaid",
    "nix",
    "notion formula",
    "objective-c",
    "ocaml",
    "pascal",
    "perl",
    "php",
    "plain text",
    "powershell",
    "prolog",
    "protobuf",
    "purescript",
    "python",
    "r",
    "racket",
    "reason",
    "ruby",
    "rust",
    "sass",
    "scala",
    "scheme",
    "scss",
    "shell",
    "smalltalk",
    "solidity",
    "sql",
    "swift",
    "toml",
    "typescript",
    "vb.net",
    "verilog",
    "vhdl",
    "visual basic",
    "webassembly",
    "yaml",
    "xml",
];

/// The service's name for what stands behind a fence. What it does not know becomes plain text.
pub(crate) fn language_of(info: &str) -> &'static str {
    let info = info.trim().to_lowercase();
    let name = match info.as_str() {
        "ts" | "tsx" => "typescript",
        "js" | "jsx" | "node" => "javascript",
        "py" => "python",
        "rb" => "ruby",
        "rs" => "rust",
        "sh" | "zsh" | "console" => "shell",
        "yml" => "yaml",
        "md" => "markdown",
        "cpp" | "cxx" => "c++",
        "cs" | "csharp" => "c#",
        "fs" | "fsharp" => "f#",
        "golang" => "go",
        "kt" => "kotlin",
        "dockerfile" => "docker",
        "make" => "makefile",
        "tf" | "terraform" => "hcl",
        "proto" => "protobuf",
        "tex" => "latex",
        "objc" => "objective-c",
        "ps1" => "powershell",
        other => other,
    };
    LANGUAGES
        .iter()
        .find(|known| **known == name)
        .copied()
        .unwrap_or("plain text")
}
