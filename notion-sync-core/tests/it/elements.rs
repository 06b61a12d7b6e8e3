//! Elements of HTML around blocks.

use std::fmt::Write as _;

use notion_sync_core::document::dialect::{Reason, from_notion, normal, to_notion};
use notion_sync_core::document::edit::{BlockEdit, Position, apply, script};
use notion_sync_core::document::merge::{BodyBase, Choice, Region, State, regions};
use notion_sync_core::document::{
    Annotations, Block, BlockKind, Color, Document, Inline, MediaKind, MediaSource, RichText,
    limits, notion_markdown,
};

use crate::fidelity::trips::{context, parse, write};
use crate::merge_pool::{doc, item, with_ids};

/// A line for each block, indented as they stand in each other.
fn outline(blocks: &[Block]) -> String {
    fn walk(blocks: &[Block], depth: usize, out: &mut String) {
        for block in blocks {
            let own = Block::new(block.kind.clone()).to_plain();
            let name = match &block.kind {
                BlockKind::Paragraph { .. } => "",
                BlockKind::Code { .. } => "code: ",
                BlockKind::BulletedItem { .. } => "- ",
                BlockKind::Quote { .. } => "> ",
                BlockKind::Toggle { .. } => "toggle: ",
                BlockKind::Verbatim { .. } => "source: ",
                _ => "other: ",
            };
            let own = own.trim_end().replace('\n', "/");
            writeln!(out, "{}{name}{own}", "  ".repeat(depth)).unwrap();
            walk(&block.children, depth + 1, out);
        }
    }
    let mut out = String::new();
    walk(blocks, 0, &mut out);
    out
}

fn page_of(file: &str) -> Document {
    to_notion(&parse(file), &context()).document
}

/// The page for a file, which must give the file back.
fn shown(file: &str) -> String {
    let body = parse(file);
    let page = page_of(file);
    let back = from_notion(&page, &context()).document;
    assert!(back.canon_eq(&normal(&body)), "{}", outline(&back.blocks));
    assert!(back.canon_eq(&body), "{}", outline(&back.blocks));
    let again = to_notion(&back, &context()).document;
    assert!(again.canon_eq(&page), "{}", outline(&again.blocks));
    // Through Notion's own Markdown.
    match notion_markdown::write(&page) {
        Ok(enhanced) => {
            let read = notion_markdown::parse(&enhanced, &limits::Limits::default()).unwrap();
            assert!(read.canon_eq(&page), "{enhanced}");
        }
        // It has no form for this in a line of code.
        Err(error) => assert!(file.contains("caption=\"A `"), "{error:?}"),
    }
    outline(&page.blocks)
}

#[test]
fn an_element_is_one_block_that_holds_the_others() {
    for (file, page) in [
        (
            "<Listing number=\"1-1\" file-name=\"src/main.rs\">\n\n```rust\nfn main() {}\n```\n\n</Listing>\n",
            "<Listing number=\"1-1\" file-name=\"src/main.rs\">\n  code: fn main() {}\n",
        ),
        (
            "<Listing caption=\"A `Vec<T>`\">\n\na\n\nb\n\n</Listing>\n\nc\n",
            "<Listing caption=\"A `Vec<T>`\">\n  a\n  b\nc\n",
        ),
        (
            "<details x=\"1\">\n<summary>More</summary>\n\na\n\n</details>\n",
            "<details x=\"1\">/<summary>More</summary>\n  a\n",
        ),
        // Nested, with the same name and with another one.
        (
            "<div>\n\n<div>\n\na\n\n</div>\n\n<section>\n\nb\n\n</section>\n\n</div>\n",
            "<div>\n  <div>\n    a\n  <section>\n    b\n",
        ),
        // In blocks and around blocks.
        (
            "- x\n\n  <div>\n\n  a\n\n  </div>\n\n> y\n>\n> <div>\n>\n> b\n>\n> </div>\n",
            "- x\n  <div>\n    a\n> y\n  <div>\n    b\n",
        ),
        ("<div>\n\n- a\n- b\n\n</div>\n", "<div>\n  - a\n  - b\n"),
        (
            "<div>\n\n<details>\n<summary>T</summary>\n\na\n\n</details>\n\n</div>\n",
            "<div>\n  toggle: T\n    a\n",
        ),
        // What opens in it and does not close closes nothing around it.
        (
            "<div>\n\n<p>\n\na\n\n</div>\n\nb\n",
            "<div>\n  <p>\n  a\nb\n",
        ),
    ] {
        assert_eq!(shown(file), page, "{file}");
    }
}

#[test]
fn other_tags_stay_beside_the_blocks() {
    for file in [
        // Nothing between.
        "<div>\n\n</div>\n",
        // Nothing but empty paragraphs at the end.
        "<div>\n\n&nbsp;\n\n</div>\n",
        "<div>\n\na\n\n&nbsp;\n\n</div>\n",
        // Void, closed, no element, another spelling of the end.
        "<img src=\"x\">\n\na\n\n</img>\n",
        "<Tip/>\n\na\n\n</Tip>\n",
        "<!-- a -->\n\na\n\n</a>\n",
        "<div>\n\na\n\n</div >\n",
        "<div>\n\na\n\n</DIV>\n",
        // Not balanced.
        "<div>\n\na\n",
        "a\n\n</div>\n",
        "<div>\n\na\n\n</p>\n\nb\n\n</div>\n",
        "<a>\n\n<b>\n\nx\n\n</a>\n\n</b>\n\n<i>\n",
        // In different lists.
        "- x\n\n  <div>\n\na\n\n</div>\n",
    ] {
        let page = shown(file);
        let holds = page
            .lines()
            .zip(page.lines().skip(1))
            .any(|(outer, inner)| {
                outer.trim_start().starts_with('<')
                    && inner.len() - inner.trim_start().len()
                        > outer.len() - outer.trim_start().len()
            });
        let crossing = file.starts_with("<a>");
        assert_eq!(holds, crossing, "{file}\n{page}");
    }
}

fn verbatim(markdown: &str) -> Block {
    Block::new(BlockKind::Verbatim {
        markdown: markdown.into(),
    })
}

fn gray(source: &str) -> Block {
    Block::new(BlockKind::Paragraph {
        text: RichText(vec![Inline {
            annotations: Annotations {
                code: true,
                color: Color::new("gray"),
                ..Annotations::default()
            },
            ..Inline::text(source)
        }]),
        color: Color::default(),
    })
}

/// File -> page -> file of a body that no parser has to read.
fn comes_back(file: &Document) -> Document {
    let page = to_notion(file, &context()).document;
    let back = from_notion(&page, &context()).document;
    assert!(back.canon_eq(file));
    page
}

fn depth(blocks: &[Block]) -> usize {
    blocks
        .iter()
        .map(|block| 1 + depth(&block.children))
        .max()
        .unwrap_or(0)
}

#[test]
fn many_tags_and_deep_ones_cost_no_more_than_they_are() {
    const MANY: usize = 30_000;
    let open = |at: usize| verbatim(&format!("<x{}>", at % 1_000));
    let mut file: Vec<Block> = (0..MANY).map(open).collect();
    assert_eq!(comes_back(&doc(file.clone())).blocks.len(), MANY);
    // Closed in the order in which they were opened, and in the other one.
    let close = |at: usize| verbatim(&format!("</x{}>", at % 1_000));
    file.push(Block::paragraph("a"));
    let mut crossed = file.clone();
    crossed.extend((0..MANY).map(close));
    comes_back(&doc(crossed));
    file.extend((0..MANY).rev().map(close));
    let page = comes_back(&doc(file));
    assert_eq!(depth(&page.blocks), 9);
    assert_eq!(page.blocks.len(), 2 * (MANY - 8) + 1);
}

#[test]
fn what_stands_on_a_page_stays_as_it_is() {
    let p = Block::paragraph;
    let child_page = || {
        Block::new(BlockKind::ChildPage {
            page: "c01166c6-13ae-45cb-b968-18b4ef2f5a77".into(),
            title: String::new(),
        })
    };
    for blocks in [
        // Made before there was a form for elements, or by people.
        vec![gray("<div>"), p("a"), gray("</div>")],
        vec![
            gray("<div>"),
            gray("<div>").with_children(vec![p("a")]),
            gray("</div>"),
        ],
        vec![gray("<div>").with_children(vec![gray("<p>"), p("a"), gray("</p>")])],
        vec![gray("<div>").with_children(vec![gray("</p>"), p("a")])],
        vec![gray("<div>").with_children(vec![gray("</div>"), p("a")])],
        vec![gray("<div>").with_children(vec![gray("<div>"), p("a")])],
        vec![
            gray("<p>"),
            gray("<div>").with_children(vec![p("a"), gray("</p>")]),
        ],
        vec![gray("<div>").with_children(vec![p("a"), p("")])],
        vec![gray("<div>").with_children(vec![p("")])],
        vec![gray("<br>").with_children(vec![p("a")])],
        vec![gray("<img src=\"x\">").with_children(vec![p("a")])],
        vec![gray("</div>").with_children(vec![p("a")])],
        vec![gray("<!-- x -->").with_children(vec![p("a")])],
        vec![gray("<pre>").with_children(vec![p("a")])],
        // What a file would read as a toggle.
        vec![gray("<details>\n<summary>T</summary>").with_children(vec![p("a")])],
        // Not created again, so not moved.
        vec![gray("<div>").with_children(vec![child_page()])],
        vec![gray("<div>"), child_page(), gray("</div>")],
        (0..12).fold(vec![p("a")], |inner, _| {
            vec![gray("<div>").with_children(inner)]
        }),
    ] {
        let page = doc(blocks);
        let file = from_notion(&page, &context()).document;
        let again = to_notion(&file, &context()).document;
        assert!(
            again.canon_eq(&normal(&page)),
            "{}\n{}\n{}",
            outline(&page.blocks),
            outline(&file.blocks),
            outline(&again.blocks)
        );
        // The text of the file says the same, and once it was a page it does for good.
        let text = write(&file);
        assert!(parse(&text).canon_eq(&file), "{text}");
        let back = from_notion(&page_of(&text), &context()).document;
        assert_eq!(write(&back), text);
    }
}

#[test]
fn a_text_that_looks_like_an_element_is_a_text() {
    for body in [
        gray("<div>").with_children(vec![Block::paragraph("a")]),
        gray("<div>").with_children(vec![Block::paragraph("")]),
        gray("<details x>\n<summary>T</summary>").with_children(vec![Block::paragraph("a")]),
        // Source holds nothing in a file.
        verbatim("<div>").with_children(vec![Block::paragraph("a")]),
        verbatim("<div>\n  x").with_children(vec![Block::paragraph("a")]),
    ] {
        let file = doc(vec![body]);
        let page = to_notion(&file, &context()).document;
        let back = from_notion(&page, &context()).document;
        assert!(
            back.canon_eq(&normal(&file)),
            "{}\n{}",
            outline(&page.blocks),
            outline(&back.blocks)
        );
        let text = write(&file);
        assert!(parse(&text).canon_eq(&file), "{text}");
    }
}

#[test]
fn nothing_that_cannot_be_created_again_moves_into_an_element() {
    let hosted = Block::new(BlockKind::Media {
        media: MediaKind::Image,
        source: MediaSource::Hosted("https://files.example/a.png".into()),
        caption: RichText::default(),
    });
    let file = doc(vec![
        verbatim("<div>"),
        item("x", vec![hosted]),
        verbatim("</div>"),
    ]);
    assert_eq!(comes_back(&file).blocks.len(), 3);
}

#[test]
fn places_are_those_of_the_body_that_was_converted() {
    let file = "a\n\n<div>\n\n<!-- x\ny -->\n\n</div>\n\n<!-- x\ny -->\n";
    let places = |report: &notion_sync_core::document::dialect::Report| -> Vec<_> {
        report
            .entries
            .iter()
            .map(|entry| (entry.place.clone(), entry.reason))
            .collect()
    };
    assert_eq!(
        places(&to_notion(&parse(file), &context()).report),
        [
            (vec![1], Reason::Source),
            (vec![2], Reason::Source),
            (vec![4], Reason::Source),
        ]
    );
    let opaque = || {
        Block::new(BlockKind::Opaque {
            kind: "button".into(),
            raw: "{}".into(),
        })
    };
    let page = doc(vec![
        gray("<div>").with_children(vec![Block::paragraph("a"), opaque()]),
        opaque(),
    ]);
    assert_eq!(
        places(&from_notion(&page, &context()).report),
        [(vec![0, 1], Reason::Opaque), (vec![1], Reason::Opaque)]
    );
}

/// What a page with ids has to do when its file is edited.
fn steps(before: &str, after: &str) -> Vec<String> {
    let page = with_ids(&page_of(before));
    steps_of(&page, before, after)
}

fn steps_of(page: &Document, before: &str, after: &str) -> Vec<String> {
    let old = parse(before);
    let notion = from_notion(page, &context()).document;
    let base = BodyBase::agree(&notion, &old);
    let new = parse(after);
    let composed = regions(&base, &notion, &new).compose(Region::default_choice);
    assert!(!composed.github_changed);
    let wanted = to_notion(&composed.notion, &context()).document;
    let edits = script(&page.blocks, &wanted.blocks).unwrap();
    let held = doc(apply(&page.blocks, &edits).unwrap());
    assert!(held.canon_eq(&wanted));
    let read = from_notion(&held, &context()).document;
    assert!(read.canon_eq(&new), "{}", outline(&read.blocks));
    edits
        .iter()
        .map(|edit| match edit {
            BlockEdit::Update { id, .. } => format!("update {id}"),
            BlockEdit::Delete { id } => format!("delete {id}"),
            BlockEdit::Insert {
                parent,
                after,
                blocks,
            } => {
                let parent = parent.as_ref().map(|id| format!(" in {id}"));
                let after = match after {
                    Position::Start => "at start".to_owned(),
                    Position::After(id) => format!("after {id}"),
                };
                let mut lines = outline(blocks);
                lines.pop();
                let lines = lines.replace('\n', "|");
                format!("insert{} {after}: {lines}", parent.unwrap_or_default())
            }
        })
        .collect()
}

const BEFORE: &str =
    "intro\n\n<Listing number=\"1\">\n\nfirst words\n\nsecond words\n\n</Listing>\n\noutro\n";

#[test]
fn an_edit_of_the_file_is_the_smallest_on_the_page() {
    // id0 intro, id1 the element, id2 and id3 in it, id4 outro.
    let edit = |from: &str, to: &str| {
        let after = BEFORE.replace(from, to);
        assert_ne!(after, BEFORE);
        steps(BEFORE, &after)
    };
    let none: [&str; 0] = [];
    assert_eq!(steps(BEFORE, BEFORE), none);
    assert_eq!(edit("first words", "first big words"), ["update id2"]);
    assert_eq!(
        edit("second words\n", "second words\n\nmore\n"),
        ["insert in id1 after id3: more"]
    );
    assert_eq!(
        edit("first words", "new\n\nfirst words"),
        ["insert in id1 at start: new"]
    );
    assert_eq!(edit("first words\n\n", ""), ["delete id2"]);
    assert_eq!(edit("number=\"1\"", "number=\"2\""), ["update id1"]);
    assert_eq!(edit("outro", "outro too"), ["update id4"]);
    // The tags go: what they held is created beside them.
    assert_eq!(
        edit("\n</Listing>\n", ""),
        [
            "delete id2",
            "delete id3",
            "insert after id1: first words|second words"
        ]
    );
    assert_eq!(
        edit("first words\n\nsecond words\n\n</Listing>\n\n", ""),
        ["delete id2", "delete id3"]
    );
    assert_eq!(
        edit(
            "first words\n\nsecond words\n\n</Listing>",
            "first words\n\n</Listing>\n\nsecond words"
        ),
        ["delete id3", "insert after id1: second words"]
    );
    // A tag in it that closes nothing moves nothing.
    assert_eq!(
        edit("second words", "<p>\n\nsecond words"),
        ["insert in id1 after id2: <p>"]
    );
    assert_eq!(
        edit("second words", "<Note>\n\nnew\n\n</Note>\n\nsecond words"),
        ["insert in id1 after id2: <Note>|  new"]
    );
}

#[test]
fn tags_beside_their_blocks_stay_there_when_the_file_is_edited() {
    let flat = with_ids(&doc(vec![
        gray("<Listing number=\"1\">"),
        Block::paragraph("first words"),
        Block::paragraph("second words"),
        gray("</Listing>"),
    ]));
    let before = "<Listing number=\"1\">\n\nfirst words\n\nsecond words\n\n</Listing>\n";
    for (from, to, wanted) in [
        ("first words", "first big words", "update id1"),
        ("second", "new\n\nsecond", "insert after id1: new"),
        ("\n</Listing>\n", "", "delete id3"),
        ("number=\"1\"", "number=\"2\"", "update id0"),
    ] {
        let after = before.replace(from, to);
        assert_eq!(steps_of(&flat, before, &after), [wanted], "{after}");
    }
}

#[test]
fn an_edit_on_the_page_reaches_the_file() {
    let base_file = parse(BEFORE);
    let page = page_of(BEFORE);
    let base = BodyBase::agree(&from_notion(&page, &context()).document, &base_file);
    let edited = |change: &dyn Fn(&mut Vec<Block>)| {
        let mut page = page.clone();
        change(&mut page.blocks);
        let notion = from_notion(&page, &context()).document;
        let composed = regions(&base, &notion, &base_file).compose(Region::default_choice);
        assert!(!composed.notion_changed);
        let patched =
            notion_sync_core::document::patch::apply(BEFORE, &base_file, &composed.github).unwrap();
        patched.text
    };
    assert_eq!(
        edited(&|blocks| blocks[1].children[0] = Block::paragraph("first big words")),
        BEFORE.replace("first words", "first big words")
    );
    assert_eq!(
        edited(&|blocks| blocks[1].children.push(Block::paragraph("more"))),
        BEFORE.replace("second words\n", "second words\n\nmore\n")
    );
    assert_eq!(
        edited(&|blocks| blocks[1].kind = gray("<Listing number=\"2\">").kind),
        BEFORE.replace("\"1\"", "\"2\"")
    );
    assert_eq!(
        edited(&|blocks| blocks[1].kind = gray("<Tip>").kind),
        BEFORE
            .replace("<Listing number=\"1\">", "<Tip>")
            .replace("</Listing>", "</Tip>")
    );
    assert_eq!(
        edited(&|blocks| {
            blocks.remove(1);
        }),
        "intro\n\noutro\n"
    );
    assert_eq!(
        edited(&|blocks| {
            let last = blocks.pop().unwrap();
            blocks.push(gray("<Tip>").with_children(vec![last]));
        }),
        BEFORE.replace("outro", "<Tip>\n\noutro\n\n</Tip>")
    );
}

#[test]
fn a_settled_conflict_about_a_tag_moves_no_block() {
    let hosted = Block::new(BlockKind::Media {
        media: MediaKind::Image,
        source: MediaSource::Hosted("https://files.example/a.png".into()),
        caption: RichText::default(),
    });
    let tag = |number: usize| gray(&format!("<Listing number=\"{number}\">"));
    let words = Block::paragraph("first words");
    for page in [
        vec![tag(3), words.clone(), gray("</Listing>")],
        vec![tag(3).with_children(vec![words])],
        vec![tag(3).with_children(vec![hosted])],
    ] {
        let held = with_ids(&doc(page));
        let notion = from_notion(&held, &context()).document;
        let text = write(&notion);
        let base = parse(&text.replace("\"3\"", "\"1\""));
        let github = parse(&text.replace("\"3\"", "\"2\""));
        let composed = regions(&BodyBase::agree(&base, &base), &notion, &github).compose(
            |region| match region.state {
                State::Diverged => Choice::TakeGithub,
                _ => region.default_choice(),
            },
        );
        assert!(composed.notion_changed);
        let wanted = to_notion(&composed.notion, &context()).document;
        let edits = script(&held.blocks, &wanted.blocks);
        assert!(
            matches!(edits.as_deref(), Ok([BlockEdit::Update { id, .. }]) if id.to_string() == "id0"),
            "{edits:?}"
        );
    }
}
