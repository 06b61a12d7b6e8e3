//! Text in one paragraph with a block that stands as a line with a comment behind it.

use notion_sync_core::document::markdown::{self, Limits, Style};
use notion_sync_core::document::{Block, BlockKind, Document, MediaSource, RichText, patch};

fn read(source: &str) -> Document {
    markdown::parse(source, &Limits::default())
        .unwrap()
        .document
}

/// What a block is and says, children behind it.
fn shown(block: &Block) -> String {
    let own = match &block.kind {
        BlockKind::Media {
            source, caption, ..
        } => match source {
            MediaSource::Hosted(url) => format!("hosted {url} {}", caption.to_plain()),
            MediaSource::External(url) => format!("image {url} {}", caption.to_plain()),
        },
        BlockKind::Bookmark { url, caption } => format!("bookmark {url} {}", caption.to_plain()),
        BlockKind::LinkToPage { page } => format!("page {page}"),
        BlockKind::Opaque { kind, .. } => format!("opaque {kind}"),
        BlockKind::Equation { expression } => format!("equation {expression}"),
        kind => kind.text().unwrap().to_plain(),
    };
    let inside: String = block
        .children
        .iter()
        .map(|child| format!(" [{}]", shown(child)))
        .collect();
    own.trim_end().to_owned() + &inside
}

const IMAGE: &str = "<!-- notion-sync:media {\"hosted\":true,\"media\":\"image\"} -->";
const PAGE: &str =
    "<!-- notion-sync:link_to_page {\"page\":\"c01166c6-13ae-45cb-b968-18b4ef2f5a77\"} -->";
const LINK: &str = "[Page](https://www.notion.so/c01166c613ae45cbb96818b4ef2f5a77)";

#[test]
fn text_beside_such_a_block_is_a_block_of_its_own() {
    let page = "page c01166c6-13ae-45cb-b968-18b4ef2f5a77";
    let raw = r#"{"type":"x","x":{"url":"https://a.b"}}"#;
    let opaque = markdown::write(
        &Document {
            blocks: vec![Block::new(BlockKind::Opaque {
                kind: "x".into(),
                raw: raw.into(),
            })],
        },
        &Style::default(),
    );
    let opaque = opaque.trim_end();
    for (source, expected) in [
        (format!("![d](h) {IMAGE}"), &["hosted h d"][..]),
        (
            format!("![d](h) See the *figure*. {IMAGE}"),
            &["hosted h d", "See the figure."],
        ),
        (format!("Before ![d](h) {IMAGE}"), &["Before", "hosted h d"]),
        (
            format!("![d](h) {IMAGE}\nFigure 1: **it**"),
            &["hosted h d", "Figure 1: it"],
        ),
        (
            format!("> ![d](h) {IMAGE}\n> > 1\n"),
            &[" [hosted h d] [1]"],
        ),
        (
            format!("![d](h) {IMAGE}\\\n![e](g)"),
            &["hosted h d", "image g e"],
        ),
        (
            format!("![d](h) {IMAGE} $$x$$"),
            &["hosted h d", "equation x"],
        ),
        (
            format!(
                "See ![o](p) and ![d](h) {IMAGE} <!-- notion-sync:style {{\"color\":\"red\"}} -->"
            ),
            &["See ![o](p) and", "hosted h d"],
        ),
        (format!("{LINK} {PAGE}"), &[page]),
        (format!("See also {LINK} {PAGE}"), &["See also", page]),
        (
            format!("See **{LINK}** or [another](u). {PAGE}"),
            &["See", page, "or another."],
        ),
        (format!("Only text {PAGE}"), &["Only text", page]),
        (
            format!("- See {LINK} {PAGE}\n  and more\n- next"),
            &[
                "See [page c01166c6-13ae-45cb-b968-18b4ef2f5a77] [and more]",
                "next",
            ],
        ),
        (
            "[a](u) and [b](v) <!-- notion-sync:bookmark --> [c](w) <!-- notion-sync:bookmark -->"
                .to_owned(),
            &["a and", "bookmark v b", "bookmark w c"],
        ),
        (opaque.to_owned(), &["opaque x"]),
        (format!("Press {opaque}"), &["Press", "opaque x"]),
        // A comment without its block is none, as before.
        ("Text <!-- notion-sync:bookmark -->".to_owned(), &["Text"]),
    ] {
        let document = read(&source);
        let found: Vec<String> = document.blocks.iter().map(shown).collect();
        assert_eq!(found, expected, "{source:?}");
        // Every byte that is not blank is in one block, in order.
        let mut end = 0;
        for block in &document.blocks {
            let span = block.span.unwrap();
            let gap = source[end..span.start].trim();
            assert!(gap.is_empty(), "{source:?}: {gap:?} is in no block");
            end = span.end;
        }
        assert_eq!(source[end..].trim(), "", "{source:?}");
        let written = markdown::write(&document, &Style::default());
        assert!(read(&written).canon_eq(&document), "{source:?} {written:?}");
    }
}

/// An edit of one of them reaches the file, and neither of them nor what stands around is lost.
#[test]
fn blocks_in_one_line_are_edited_apart() {
    let sources = [
        format!("Setext\n===\n\n![d](h) See the figure. {IMAGE}\n\n* end\n"),
        format!("Setext\n===\n\n![d](h) {IMAGE}\nSee the figure.\n\n* end\n"),
        format!("Setext\n===\n\nSee the figure. ![d](h) {IMAGE}\n\n* end\n"),
        format!("Setext\n===\n\nSee {LINK} for more {PAGE}\n\n* end\n"),
    ];
    for source in &sources {
        let old = read(source);
        let mut cases: Vec<Document> = Vec::new();
        for at in 1..old.blocks.len() - 1 {
            let mut changed = old.clone();
            match &mut changed.blocks[at].kind {
                BlockKind::Media { caption, .. } => *caption = RichText::plain("new"),
                BlockKind::Paragraph { text, .. } => *text = RichText::plain("Another text"),
                _ => {}
            }
            cases.push(changed);
            let mut removed = old.clone();
            removed.blocks.remove(at);
            cases.push(removed);
            let mut added = old.clone();
            added.blocks.insert(at, Block::paragraph("between"));
            cases.push(added);
        }
        for new in cases {
            let patched = patch::apply(source, &old, &new).unwrap();
            assert!(read(&patched.text).canon_eq(&new), "{}", patched.text);
            let text = &patched.text;
            assert!(text.starts_with("Setext\n===\n\n"), "{source:?} {text:?}");
            assert!(text.ends_with("\n\n* end\n"), "{source:?} {text:?}");
        }
    }
    let source = &sources[0];
    let old = read(source);
    let mut new = old.clone();
    if let Some(text) = new.blocks[2].kind.text_mut() {
        *text = RichText::plain("See the picture.");
    }
    let patched = patch::apply(source, &old, &new).unwrap();
    assert_eq!(patched.text, source.replace("figure", "picture"));
}
