//! Enhanced Markdown.

use notion_sync_core::document::limits::Limits;
use notion_sync_core::document::notion_markdown::{PageMarkdown, has_holes, parse, write};
use notion_sync_core::document::{
    Annotations, Block, BlockKind, Color, Document, Icon, Inline, RichText,
};
use proptest::prelude::*;

use crate::notion_documents::{document, hostile_text};
use crate::notion_fixtures::{fixtures, json_files};

fn read(markdown: &str) -> Document {
    parse(markdown, &Limits::default()).unwrap()
}

/// The text for people, whether or not everything is in it.
fn closest(document: &Document) -> String {
    write(document).unwrap_or_else(|inexpressible| inexpressible.markdown)
}

/// A body as an indented list of types and texts.
fn outline(document: &Document) -> String {
    fn add(blocks: &[Block], level: usize, out: &mut String) {
        for block in blocks {
            let debug = format!("{:?}", block.kind);
            let name = debug.split([' ', '{']).next().unwrap().to_owned();
            let text = block
                .kind
                .text()
                .map(RichText::to_plain)
                .unwrap_or_default();
            out.push_str(&format!("{}{name}:{text};", ">".repeat(level)));
            add(&block.children, level + 1, out);
        }
    }
    let mut out = String::new();
    add(&document.blocks, 0, &mut out);
    out
}

#[test]
fn every_block_is_read() {
    for (markdown, wanted) in [
        ("a\nb", "Paragraph:a;Paragraph:b;"),
        (
            "a\n\tb\n\t\tc\nd",
            "Paragraph:a;>Paragraph:b;>>Paragraph:c;Paragraph:d;",
        ),
        ("# a\n\tb", "Heading:a;Paragraph:b;"),
        (
            "## a {toggle=\"true\"}\n\tb\nc",
            "Heading:a;>Paragraph:b;Paragraph:c;",
        ),
        (
            "- a\n\t1. b\n\t\t- [x] c\n> q\n\tr",
            "BulletedItem:a;>NumberedItem:b;>>ToDo:c;Quote:q;>Paragraph:r;",
        ),
        (
            "- [ ]\n-\n1.\n>",
            "ToDo:;BulletedItem:;NumberedItem:;Quote:;",
        ),
        (
            "<details>\n<summary>s</summary>\n\ta\n\t- b\n</details>\nc",
            "Toggle:s;>Paragraph:a;>BulletedItem:b;Paragraph:c;",
        ),
        (
            "<details><summary>s</summary></details>\nc",
            "Toggle:s;Paragraph:c;",
        ),
        (
            "<callout icon=\"💡\" color=\"gray_bg\">\n\ta\n\t- b\n</callout>",
            "Callout:a;>BulletedItem:b;",
        ),
        ("<callout>\n\t- b\n</callout>", "Callout:;>BulletedItem:b;"),
        (
            "<callout>\n\t<empty-block/>\n\tb\n</callout>",
            "Callout:;>Paragraph:b;",
        ),
        ("<callout>a</callout>\nb", "Callout:a;Paragraph:b;"),
        (
            "::: callout {icon=\"💡\" color=\"red\"}\na\n- b\n:::\nc",
            "Callout:a;>BulletedItem:b;Paragraph:c;",
        ),
        ("```rust\nfn\n\tx\n```\na", "Code:;Paragraph:a;"),
        (
            "$$\nx\n$$\n---\n<empty-block/>\na",
            "Equation:;Divider:;Paragraph:;Paragraph:a;",
        ),
        (
            "<columns>\n\t<column>\n\t\ta\n\t</column>\n\t<column ratio=\"43.75\">\n\t\tb\n\t</column>\n</columns>\nc",
            "ColumnList:;>Column:;>>Paragraph:a;>Column:;>>Paragraph:b;Paragraph:c;",
        ),
        (
            "<columns>\n<column>\na\n</column>\n<column>\nb\n</column>\n</columns>\nc",
            "ColumnList:;>Column:;>>Paragraph:a;>Column:;>>Paragraph:b;Paragraph:c;",
        ),
        (
            "<table header-row=\"true\">\n\t<colgroup>\n\t\t<col>\n\t</colgroup>\n\t<tr color=\"red\">\n\t\t<td>a<br>b</td>\n\t\t<td color=\"red\">**c**</td>\n\t</tr>\n</table>\nd",
            "Table:;>TableRow:;Paragraph:d;",
        ),
        (
            "<table>\n<tr>\n<td>a</td>\n</tr>\n<tr><td>`</td>`</td><td>x</td></tr>\n</table>",
            "Table:;>TableRow:;>TableRow:;",
        ),
        (
            "| a | b |\n|---|:-:|\n| c | d\\|e |\n\nf",
            "Table:;>TableRow:;>TableRow:;Paragraph:f;",
        ),
        ("![a](https://x.example/y.png) {color=\"red\"}", "Media:;"),
        ("![a](https://x.example/y.png) b", "Paragraph:!a b;"),
        (
            "<audio src=\"https://x.example/y\">c</audio>\n<file src=\"file://%7B%7D\"/>",
            "Media:;Media:;",
        ),
        (
            "<page url=\"https://app.notion.com/p/c01166c613ae45cbb96818b4ef2f5a77\">T</page>\n<database url=\"x\" inline=\"true\"></database>",
            "ChildPage:;ChildDatabase:;",
        ),
        ("<table_of_contents color=\"gray\"/>", "TableOfContents:;"),
        (
            "<synced_block url=\"u\">\n\ta\n</synced_block>\n<synced_block_reference url=\"https://www.notion.so/x#c01166c613ae45cbb96818b4ef2f5a77\">\n\ta\n</synced_block_reference>\nb",
            "Synced:;>Paragraph:a;Synced:;>Paragraph:a;Paragraph:b;",
        ),
        (
            "<meeting-notes>\n\tT\n\t<summary>\n\t\ts\n\t</summary>\n</meeting-notes>\na",
            "Opaque:;Paragraph:a;",
        ),
        ("<unknown url=\"u\" alt=\"bookmark\"/>", "Opaque:;"),
        ("a\r\n- b\r\n", "Paragraph:a;BulletedItem:b;"),
        (
            "</callout>\n</td>\n:::",
            "Paragraph:</callout>;Paragraph:</td>;Paragraph::::;",
        ),
        ("<callout>\n\ta", "Callout:a;"),
        (
            "- a\n  - b\n    - c",
            "BulletedItem:a;>BulletedItem:b;>BulletedItem:c;",
        ),
    ] {
        assert_eq!(outline(&read(markdown)), wanted, "{markdown}");
    }
}

#[test]
fn attributes_and_code_are_exact() {
    let body = read(
        "a {color=\"blue_bg\"}\n- \n\t```js\n\ta\n\n\t\tb\n\t```\n```\n\tx\n````\n```\n```a\n```",
    );
    let code = |code: &str, language: &str| {
        Block::new(BlockKind::Code {
            code: code.into(),
            language: language.into(),
            info: None,
            caption: RichText::default(),
        })
    };
    let BlockKind::Paragraph { color, .. } = &body.blocks[0].kind else {
        panic!()
    };
    assert_eq!(color, &Color::new("blue_background"));
    assert_eq!(
        body.blocks[1].children,
        vec![code("a\n\n\tb", "javascript")]
    );
    assert_eq!(body.blocks[2], code("\tx", "plain text"));
    assert_eq!(body.blocks[3], code("```a", "plain text"));
}

#[test]
fn writing_uses_the_documented_forms() {
    let plain = |text: &str| RichText::plain(text);
    let red = || Color::new("red_background");
    for (kind, wanted) in [
        (
            BlockKind::Heading {
                level: 2,
                text: plain("a"),
                toggle: true,
                color: red(),
                anchor: None,
            },
            "## a {toggle=\"true\" color=\"red_bg\"}\n\tchild",
        ),
        (
            BlockKind::ToDo {
                text: plain(""),
                checked: false,
                color: Color::default(),
            },
            "- [ ]\n\tchild",
        ),
        (
            BlockKind::Toggle {
                text: plain("s"),
                color: red(),
            },
            "<details color=\"red_bg\">\n<summary>s</summary>\n\tchild\n</details>",
        ),
        (
            BlockKind::Callout {
                text: plain("t"),
                icon: Some(Icon::Emoji("💡".into())),
                color: red(),
            },
            "<callout icon=\"💡\" color=\"red_bg\">\n\tt\n\tchild\n</callout>",
        ),
        (
            BlockKind::Callout {
                text: plain(""),
                icon: None,
                color: Color::default(),
            },
            "<callout>\n\t<empty-block/>\n\tchild\n</callout>",
        ),
        (
            BlockKind::Quote {
                text: plain("a\nb"),
                color: Color::default(),
            },
            "> a<br>b\n\tchild",
        ),
        (
            BlockKind::Paragraph {
                text: plain("a <b> [c]"),
                color: Color::default(),
            },
            "a \\<b\\> \\[c\\]\n\tchild",
        ),
    ] {
        let body = Document {
            blocks: vec![Block::new(kind).with_children(vec![Block::paragraph("child")])],
        };
        assert_eq!(write(&body).unwrap(), wanted);
        assert!(read(wanted).canon_eq(&body), "{wanted}");
    }
}

#[test]
fn what_is_undocumented_is_refused_and_still_reads_back() {
    let text = |text: &str| Document {
        blocks: vec![Block::paragraph(text)],
    };
    for body in [
        text("# no heading"),
        text("- no item"),
        text("1. no item"),
        text("--- "),
        text("---"),
        text("_x_"),
        text("a __init__ b"),
        text(":tada:"),
        text("![x"),
        text("::: callout"),
        text("+ x"),
    ] {
        let refused = write(&body).map(|_| ()).err();
        let starts = body.blocks[0].kind.text().unwrap().to_plain();
        // Brackets are always escaped, so that text cannot start an image.
        let safe = starts == "![x";
        assert_eq!(refused.is_none(), safe, "{starts}");
        assert!(
            read(&closest(&body)).canon_eq(&body),
            "{starts}: {}",
            closest(&body)
        );
    }
    for safe in [
        "snake_case_name",
        "#hash",
        "a # b",
        "1.5",
        "-5",
        "a: b",
        "10:30:45",
        "2 * 3",
        "a_",
    ] {
        assert!(write(&text(safe)).is_ok(), "{safe}");
    }
    let refused = write(&Document {
        blocks: vec![
            Block::paragraph("x"),
            Block::new(BlockKind::Quote {
                text: RichText::plain("q"),
                color: Color::default(),
            })
            .with_children(vec![Block::new(BlockKind::Breadcrumb)]),
        ],
    })
    .unwrap_err();
    assert_eq!(refused.obstacles[0].place, [1, 0]);
    assert!(refused.to_string().contains("block [1, 0]"));
}

#[test]
fn recorded_pages_survive() {
    let Some(root) = fixtures() else { return };
    let (mut count, mut expressible, mut blocks) = (0, 0, 0);
    for (path, value) in json_files(&root.join("notion/markdown")) {
        if value["object"] != "page_markdown" {
            continue;
        }
        let page: PageMarkdown = serde_json::from_value(value).unwrap();
        assert!(!has_holes(&page));
        let first = read(&page.markdown);
        let written = closest(&first);
        assert!(read(&written).canon_eq(&first), "{}", path.display());
        count += 1;
        blocks += first.blocks.len();
        expressible += usize::from(write(&first).is_ok());
        // Notion's own text is what we write, up to blank lines and trailing empty paragraphs.
        let lines = |text: &str| {
            text.lines()
                .filter(|line| !line.is_empty() && *line != "<empty-block/>")
                .map(|line| line.replacen("2. ", "1. ", 1))
                .collect::<Vec<_>>()
        };
        assert_eq!(lines(&written), lines(&page.markdown), "{}", path.display());
    }
    println!(
        "recorded pages: {count} read with {blocks} blocks, {expressible} expressible, all equal after writing and reading"
    );
    assert!(count >= 8);
}

/// Brackets in the target of a link do not count among those of the caption around it.
#[test]
fn an_image_ends_where_its_caption_does() {
    for target in ["man![ual", "a]b", "a[b]c", "[[["] {
        let source = format!(
            "![[The manual](https://example.com/{target}) here](https://example.com/x.png)"
        );
        let body = read(&source);
        let BlockKind::Media { caption, .. } = &body.blocks[0].kind else {
            panic!("{source}: {:#?}", body.blocks);
        };
        assert_eq!(caption.to_plain(), "The manual here", "{source}");
        assert_eq!(write(&body).unwrap().trim_end(), source);
    }
}

#[test]
fn limits_name_both_numbers() {
    let deep: String = (0..80)
        .map(|level| format!("{}- x\n", "\t".repeat(level)))
        .collect();
    let unindented = "<callout>\n".repeat(200);
    let limits = Limits {
        bytes: 100_000,
        blocks: 50,
        depth: 64,
    };
    for (source, found, limit) in [
        (deep.as_str(), "65", "64"),
        (unindented.as_str(), "65", "64"),
        (&"a\n".repeat(51), "51", "50"),
        (&"a".repeat(100_001), "100001", "100000"),
    ] {
        let limits = if source.len() > 100_000 {
            limits
        } else {
            Limits {
                blocks: if found == "51" { 50 } else { 1000 },
                ..limits
            }
        };
        let error = parse(source, &limits).unwrap_err().to_string();
        assert!(error.contains(found) && error.contains(limit), "{error}");
    }
}

#[test]
fn holes_are_seen() {
    let page = |markdown: &str| PageMarkdown {
        markdown: markdown.into(),
        ..PageMarkdown::default()
    };
    assert!(!has_holes(&page("a")));
    assert!(has_holes(&page("<unknown url=\"x\" alt=\"embed\"/>")));
    assert!(!has_holes(&page("```\n<unknown/>\n```")));
    assert!(has_holes(&PageMarkdown {
        truncated: true,
        ..page("a")
    }));
    assert!(has_holes(&PageMarkdown {
        unknown_block_ids: vec!["x".into()],
        ..page("a")
    }));
}

/// Source whose reading would take quadratic time in a careless reader; the test is that it ends.
#[test]
fn hostile_sources_are_read() {
    let n = 30_000;
    for piece in [
        "[",
        "](",
        "[a](",
        "`",
        "``a`",
        "$`",
        "$a",
        "*",
        "~~",
        "<",
        "<a b=\"",
        "<span>",
        "</span>",
        "<td>`</td>",
        "{",
        "[^",
        "![",
        "\\",
        "<mention-user url=\"x\">",
        ":a",
        "(",
        "<br>",
        "_",
        "<callout>",
        "</callout>",
    ] {
        for source in [
            piece.repeat(n),
            format!("![{}", piece.repeat(n)),
            format!("<table>{}", piece.repeat(n)),
            format!("| {}", piece.repeat(n)),
        ] {
            let body = read(&source);
            assert!(!body.blocks.is_empty());
        }
    }
    for line in [
        "\t```x\n```\n",
        "<meeting-notes>\n",
        "<details>\n</details>\n",
        "| a |\n",
        "$$\nx\n",
        "<table>\n",
        "</callout>\n",
    ] {
        let _ = parse(
            &line.repeat(10_000),
            &Limits {
                blocks: 1_000_000,
                ..Limits::default()
            },
        )
        .unwrap();
    }
}

#[test]
fn runs_of_any_looks_read_back() {
    // All pairs of looks next to each other.
    let looks = |bits: usize| Annotations {
        bold: bits & 1 != 0,
        italic: bits & 2 != 0,
        strikethrough: bits & 4 != 0,
        underline: bits & 8 != 0,
        code: bits & 16 != 0,
        color: if bits & 32 != 0 {
            Color::new("red")
        } else {
            Color::default()
        },
    };
    let mut count = 0;
    for first in 0..64 {
        for second in 0..64 {
            for third in [0, 3, 40] {
                let runs = [first, second, third].map(|bits| Inline {
                    annotations: looks(bits),
                    ..Inline::text("x y")
                });
                let body = Document {
                    blocks: vec![Block::new(BlockKind::Paragraph {
                        text: RichText(runs.to_vec()),
                        color: Color::default(),
                    })],
                };
                assert!(read(&closest(&body)).canon_eq(&body), "{}", closest(&body));
                count += 1;
            }
        }
    }
    println!("{count} triples of looks read back");
}

/// Bodies of ordinary words: all of them can be created from Markdown.
fn tame() -> BoxedStrategy<Document> {
    let words = "[a-z]{2,8}( [a-z]{2,8}){0,5}[.!?]?";
    let text = prop::collection::vec((words, 0u8..5), 1..4).prop_map(|runs| {
        let mut out = Vec::new();
        for (text, look) in runs {
            if !out.is_empty() {
                out.push(Inline::text(" "));
            }
            out.push(Inline {
                annotations: Annotations {
                    bold: look == 1,
                    italic: look == 2,
                    code: look == 3,
                    ..Annotations::default()
                },
                link: (look == 4).then(|| "https://example.com/a?b=c#d".to_owned()),
                ..Inline::text(text)
            });
        }
        RichText(out)
    });
    let none = Color::default;
    let leaf = prop_oneof![
        text.clone().prop_map(move |text| BlockKind::Paragraph {
            text,
            color: none()
        }),
        (1u8..5, text.clone()).prop_map(move |(level, text)| BlockKind::Heading {
            level,
            text,
            toggle: false,
            color: none(),
            anchor: None
        }),
        "[a-z ={};\n\t]{0,60}".prop_map(|code| BlockKind::Code {
            code: format!("x{code}"),
            language: "rust".into(),
            info: None,
            caption: RichText::default()
        }),
        Just(BlockKind::Divider),
    ]
    .prop_map(Block::new)
    .boxed();
    let block = leaf.prop_recursive(3, 16, 4, move |inner| {
        (text.clone(), 0u8..6, prop::collection::vec(inner, 0..4)).prop_map(
            move |(text, which, children)| {
                let color = Color::new("blue_background");
                Block::new(match which {
                    0 => BlockKind::BulletedItem { text, color },
                    1 => BlockKind::NumberedItem {
                        text,
                        start: None,
                        color,
                    },
                    2 => BlockKind::ToDo {
                        text,
                        checked: true,
                        color,
                    },
                    3 => BlockKind::Toggle { text, color },
                    4 => BlockKind::Callout {
                        text,
                        icon: Some(Icon::Emoji("💡".into())),
                        color,
                    },
                    _ => BlockKind::Quote { text, color },
                })
                .with_children(children)
            },
        )
    });
    prop::collection::vec(block, 0..6)
        .prop_map(|blocks| Document { blocks })
        .boxed()
}

#[test]
fn random_bodies_are_often_expressible() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = document(false);
    let (mut ok, mut blocks) = (0, 0);
    for _ in 0..1000 {
        let body = strategy.new_tree(&mut runner).unwrap().current();
        if write(&body).is_ok() {
            ok += 1;
            blocks += body.blocks.len();
        }
    }
    println!("{ok} of 1,000 hostile bodies are expressible, with {blocks} top-level blocks");
    assert!(ok > 100 && blocks > 100);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn ordinary_bodies_are_expressible(body in tame()) {
        let written = write(&body).unwrap();
        prop_assert!(read(&written).canon_eq(&body), "{written}");
    }

    #[test]
    fn expressible_bodies_read_back(body in document(false)) {
        if let Ok(written) = write(&body) {
            let back = read(&written);
            prop_assert!(back.canon_eq(&body), "{written}\n{:#?}\n{:#?}", back.canonical(), body.canonical());
            prop_assert_eq!(write(&back).unwrap(), written);
        }
    }

    #[test]
    fn plain_paragraphs_read_back_even_undocumented(texts in prop::collection::vec(hostile_text(), 1..6)) {
        let body = Document { blocks: texts.iter().map(Block::paragraph).collect() };
        let written = closest(&body);
        prop_assert!(read(&written).canon_eq(&body), "{written}");
    }

    #[test]
    fn any_text_is_a_fixed_point_after_one_reading(pieces in prop::collection::vec(hostile_text(), 0..12), newline in prop::bool::ANY) {
        let source = pieces.join(if newline { "\n" } else { "\n\t" });
        let first = read(&source);
        if let Ok(written) = write(&first) {
            prop_assert!(read(&written).canon_eq(&first), "{source}\n--\n{written}");
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&String::from_utf8_lossy(&bytes));
    }
}
