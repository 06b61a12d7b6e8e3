//! Repository Markdown on real documents and on the examples of the specifications.

use notion_sync_core::document::markdown::{self, Limits, MarkdownError, Style};
use notion_sync_core::document::{Block, BlockKind, Document, Inline};

use crate::fixtures;

fn read(source: &str) -> Document {
    markdown::parse(source, &Limits::default())
        .unwrap()
        .document
}

fn html(source: &str) -> String {
    let mut options = comrak::Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.tasklist = true;
    options.extension.autolink = true;
    options.extension.footnotes = true;
    options.extension.alerts = true;
    options.extension.math_dollars = true;
    options.render.r#unsafe = true;
    // Where a line of the source ends inside a paragraph is not content.
    let html = comrak::markdown_to_html(source, &options);
    html.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn fallbacks(text: &str) -> usize {
    text.matches("<!-- notion-sync:block ").count()
}

#[test]
fn documents_survive_writing() {
    let mut equal = 0;
    let mut rendered = 0;
    let mut blocks = 0;
    let documents = fixtures::documents();
    for (name, source) in &documents {
        let document = read(source);
        let written = markdown::write(&document, &Style::default());
        let again = markdown::parse(
            &written,
            &Limits {
                bytes: 2 << 20,
                ..Limits::default()
            },
        )
        .unwrap()
        .document;
        if again.canon_eq(&document) {
            equal += 1;
        } else {
            println!("{name}: {}", difference(&document, &again));
        }
        blocks += fallbacks(&written);
        if fallbacks(&written) > 0 {
            println!("{name}: {} blocks as data", fallbacks(&written));
        }
        let body = markdown::parse(source, &Limits::default()).unwrap();
        let start = body.front_matter.map_or(0, |found| found.span().end);
        if html(&source[start..]) == html(&written) {
            rendered += 1;
        }
        assert_eq!(
            markdown::write(&again, &Style::default()),
            written,
            "{name}"
        );
    }
    println!(
        "{equal} of {} documents read back equal, {rendered} render equal, {blocks} blocks as data",
        documents.len()
    );
    assert_eq!(equal, documents.len());
}

fn difference(a: &Document, b: &Document) -> String {
    let (a, b) = (a.canonical(), b.canonical());
    for (at, (a, b)) in a.blocks.iter().zip(&b.blocks).enumerate() {
        if a != b {
            return format!("block {at}\n  {a:?}\n  {b:?}");
        }
    }
    format!("{} and {} blocks", a.blocks.len(), b.blocks.len())
}

#[test]
fn examples_survive_writing() {
    let examples = fixtures::examples();
    let mut equal = 0;
    let mut rendered = 0;
    let mut data = 0;
    for (file, number, source) in &examples {
        let document = read(source);
        let written = markdown::write(&document, &Style::default());
        let again = read(&written);
        if again.canon_eq(&document) {
            equal += 1;
        } else {
            println!(
                "{file} {number}: {source:?}\n  {written:?}\n  {}",
                difference(&document, &again)
            );
        }
        if fallbacks(&written) > 0 {
            println!("data: {file} {number}: {source:?} -> {written:?}");
        }
        data += fallbacks(&written);
        if html(source) == html(&written) {
            rendered += 1;
        }
    }
    println!(
        "{equal} of {} examples read back equal, {rendered} render equal, {data} blocks as data",
        examples.len()
    );
    assert_eq!(equal, examples.len());
}

/// Every line that is not blank is inside the span of a leaf, or of a container outside its
/// children.
#[test]
fn a_text_keeps_its_byte_order_mark() {
    for text in ["\u{feff}", "\u{feff}due", "\u{feff}---", "a \u{feff}b"] {
        let document = Document {
            blocks: vec![Block::paragraph(text), Block::paragraph(text)],
        };
        let written = markdown::write(&document, &Style::default());
        assert_eq!(
            read(&written).canonical(),
            document.canonical(),
            "{written:?}"
        );
    }
}

/// Every piece of a link has a copy of its target: those of a file of a megabyte would take more
/// memory than there is.
#[test]
fn a_link_of_too_many_pieces_stays_source() {
    let long = "a".repeat(20_000);
    for (count, url, is_link) in [
        (10, "/u", true),
        (5_000, "/u", true),
        (10, long.as_str(), true),
        (5_000, long.as_str(), false),
    ] {
        let link = format!("[{}]({url})", "*a* b ".repeat(count).trim_end());
        for source in [format!("x {link} y"), format!("x [{link}][] y")] {
            let document = read(&source);
            let text = document.blocks[0].kind.text().unwrap();
            let bytes = |run: &Inline| run.link.as_ref().map_or(0, String::len);
            let copied: usize = text.0.iter().map(bytes).sum();
            assert_eq!(copied > 0, is_link, "{count} {}", url.len());
            assert!(copied <= 64 * (source.len() + url.len()));
            let written = markdown::write(&document, &Style::default());
            assert_eq!(read(&written).canonical(), document.canonical());
        }
        let html = format!(
            "<details>\n<summary><a href=\"{url}\">{}</a></summary>\n\nb\n\n</details>",
            "<em>a</em> b ".repeat(count)
        );
        let toggles = matches!(read(&html).blocks[0].kind, BlockKind::Toggle { .. });
        assert_eq!(toggles, is_link, "{count} {}", url.len());
    }
}

#[test]
fn every_line_belongs_to_a_block() {
    for (name, source) in fixtures::documents() {
        let parsed = markdown::parse(&source, &Limits::default()).unwrap();
        let mut covered = vec![0_u8; source.len()];
        if let Some(front_matter) = &parsed.front_matter {
            let span = front_matter.span();
            covered[span.start..span.end].fill(1);
        }
        for block in &parsed.document.blocks {
            check_spans(&name, &source, block);
            let span = block.span.unwrap();
            for byte in &mut covered[span.start..span.end] {
                assert_eq!(*byte, 0, "{name}: two blocks hold byte {span:?}");
                *byte = 1;
            }
        }
        for (at, c) in source.char_indices() {
            assert!(
                covered[at] == 1 || c.is_whitespace() || c == '\u{feff}',
                "{name}: no block holds {:?}",
                &source[at..].chars().take(40).collect::<String>()
            );
        }
    }
}

fn check_spans(name: &str, source: &str, block: &Block) {
    let span = block.span.unwrap();
    assert!(
        source.get(span.start..span.end).is_some(),
        "{name}: {span:?}"
    );
    let mut end = span.start;
    for child in &block.children {
        let inner = child.span.unwrap();
        assert!(
            inner.start >= end && inner.end <= span.end,
            "{name}: {inner:?} in {span:?}"
        );
        end = inner.end;
        check_spans(name, source, child);
    }
}

#[test]
fn limits_carry_both_numbers() {
    let limits = Limits {
        bytes: 100,
        blocks: 3,
        depth: 4,
    };
    for (source, expected) in [
        (
            "x".repeat(101),
            MarkdownError::TooLarge {
                limit: 100,
                found: 101,
            },
        ),
        (
            "a\n\n".repeat(5),
            MarkdownError::TooManyBlocks { limit: 3, found: 4 },
        ),
        (
            ">".repeat(50),
            MarkdownError::TooDeep { limit: 4, found: 5 },
        ),
    ] {
        assert_eq!(markdown::parse(&source, &limits).unwrap_err(), expected);
    }
    let comments = "<!-- notion-sync:synced -->\n\n".repeat(9000)
        + &"<!-- /notion-sync:synced -->\n\n".repeat(9000);
    assert!(matches!(
        markdown::parse(&comments, &Limits::default()),
        Err(MarkdownError::TooDeep { limit: 64, .. })
    ));
}

/// A pair that makes no sense is source, and what stands in it stays.
#[test]
fn a_pair_around_blocks_that_have_no_owner_drops_none() {
    let open = "<!-- notion-sync:nested -->";
    let close = "<!-- /notion-sync:nested -->";
    let source = format!("{open}\n\n- a\n  - b\n\nchild\n\n{close}\n");
    let document = read(&source);
    let texts: Vec<String> = document
        .blocks
        .iter()
        .map(|block| match &block.kind {
            BlockKind::Verbatim { markdown } => markdown.clone(),
            kind => kind.text().unwrap().to_plain(),
        })
        .collect();
    assert_eq!(texts, [open, "a", "child", close]);
    assert_eq!(document.blocks[1].children.len(), 1);
    assert_eq!(markdown::write(&document, &Style::default()), source);
    // Where the first one has no children, it owns the others.
    let owned = read(&format!("{open}\n\na\n\n- b\n\n{close}\n"));
    assert_eq!(owned.blocks.len(), 1);
    assert_eq!(owned.blocks[0].children.len(), 1);
}

/// GitHub shows a rule and a heading where a file would have front matter.
#[test]
fn a_text_without_front_matter_may_start_with_a_rule() {
    let kinds = |source: &str| -> Vec<String> {
        let document = markdown::parse_body(source, &Limits::default()).unwrap();
        let kind = |block: &Block| match &block.kind {
            BlockKind::Divider => "rule".to_owned(),
            kind => kind.text().unwrap().to_plain(),
        };
        document.blocks.iter().map(kind).collect()
    };
    for (source, expected) in [
        (
            "---\nEnvironment: prod\nVersion: 1.2\n---\nThe app crashes",
            &["rule", "Environment: prod Version: 1.2", "The app crashes"][..],
        ),
        (
            "\u{feff}---\r\nSteps: open app: crash\r\n---\r\nLog\r\n",
            &["rule", "Steps: open app: crash", "Log"],
        ),
        ("+++\na = \n+++\n", &["+++ a = +++"]),
        ("", &[]),
    ] {
        assert_eq!(kinds(source), expected, "{source:?}");
    }
    let limits = Limits {
        bytes: 2,
        ..Limits::default()
    };
    let error = markdown::parse_body("---", &limits).unwrap_err();
    assert_eq!(error, MarkdownError::TooLarge { limit: 2, found: 3 });
}

#[test]
fn hostile_tables_end() {
    let wide = format!("{}\n{}\n", "|a".repeat(5_000), "|-".repeat(5_000));
    assert!(matches!(
        markdown::parse(&wide, &Limits::default()),
        Err(MarkdownError::TooWide {
            limit: 1_000,
            found: 5_000
        })
    ));
    // Every row of one character stands for a thousand cells: a small file must not ask for many.
    let rows = format!(
        "{}\n{}\n{}",
        "|a".repeat(1_000),
        "|-".repeat(1_000),
        "b\n".repeat(15_000)
    );
    let document = markdown::parse(&rows, &Limits::default()).unwrap().document;
    let cells: usize = document
        .blocks
        .iter()
        .flat_map(|table| &table.children)
        .map(|row| match &row.kind {
            BlockKind::TableRow { cells } => cells.len(),
            _ => 0,
        })
        .sum();
    assert!(
        cells < rows.len() * 16,
        "{cells} cells of {} bytes",
        rows.len()
    );
    // What GitHub people write is far below.
    let fine = format!(
        "{}\n{}\n{}",
        "|a".repeat(20),
        "|-".repeat(20),
        "|b\n".repeat(5_000)
    );
    assert!(markdown::parse(&fine, &Limits::default()).is_ok());
}

#[test]
fn hostile_nesting_ends() {
    for source in [
        "> ".repeat(100_000),
        "- ".repeat(100_000),
        "* a\n".repeat(10_000),
        (0..500)
            .map(|depth| format!("{}- a\n", "  ".repeat(depth)))
            .collect(),
        "<details>\n<summary>a</summary>\n\n".repeat(9_000),
        "[a](".repeat(50_000),
        "<u>".repeat(50_000),
        "**a *b ".repeat(20_000),
        "http://a.b(".repeat(20_000),
        "www._".repeat(200_000),
        "a@".repeat(100_000),
        "`".repeat(100_000),
        "$a".repeat(100_000),
        "&".repeat(100_000),
        "_a ".repeat(100_000),
        "[a]: b\n".repeat(20_000),
        "- a\n  ```\n  b\n  ```\n".repeat(3_000),
        "1. a\n2) b\n".repeat(5_000),
        "[a](b \"c\") ".repeat(20_000),
    ] {
        let start: String = source.chars().take(10).collect();
        match markdown::parse(&source, &Limits::default()) {
            Ok(parsed) => {
                let written = markdown::write(&parsed.document, &Style::default());
                assert!(!written.is_empty(), "{start:?}");
                let limits = Limits {
                    bytes: 16 << 20,
                    ..Limits::default()
                };
                let again = markdown::parse(&written, &limits).unwrap().document;
                assert!(again.canon_eq(&parsed.document), "{start:?}");
            }
            Err(error) => assert!(
                matches!(
                    error,
                    MarkdownError::TooDeep {
                        limit: 64,
                        found: 65..
                    }
                ),
                "{start:?}: {error}"
            ),
        }
    }
}

#[test]
fn blocks_are_what_they_look_like() {
    let kinds = |source: &str| -> Vec<String> {
        fn walk(blocks: &[Block], out: &mut Vec<String>, depth: usize) {
            for block in blocks {
                let value = serde_json::to_value(&block.kind).unwrap();
                let text = block.kind.text().map_or_else(
                    || match &block.kind {
                        BlockKind::Verbatim { markdown } => markdown.clone(),
                        BlockKind::Code { code, language, .. } => format!("{language}:{code}"),
                        BlockKind::Equation { expression } => expression.clone(),
                        _ => String::new(),
                    },
                    |text| text.to_plain(),
                );
                out.push(format!(
                    "{}{} {text}",
                    " ".repeat(depth),
                    value["type"].as_str().unwrap()
                ));
                walk(&block.children, out, depth + 1);
            }
        }
        let mut out = Vec::new();
        walk(&read(source).blocks, &mut out, 0);
        out
    };
    for (source, expected) in [
        ("a\nb\n", &["paragraph a b"][..]),
        ("a\\\nb  \nc<br>d", &["paragraph a\nb\nc\nd"]),
        ("A\n=\n\nB\nb\n-\n", &["heading A", "heading B b"]),
        (
            "- a\n\n  b\n- [x] c\n  - d\n",
            &[
                "bulleted_item a",
                " paragraph b",
                "to_do c",
                " bulleted_item d",
            ],
        ),
        ("3) a\n4) b", &["numbered_item a", "numbered_item b"]),
        (
            "> [!TIP]\n> a\n>\n> - b",
            &["callout a", " bulleted_item b"],
        ),
        ("> a\nb\n> > c", &["quote a b", " quote c"]),
        ("```js x\na\n\n```", &["code javascript:a\n"]),
        ("    a\n\n    b\n", &["code plain text:a\n\nb"]),
        ("$$\nx\n$$", &["equation x"]),
        ("```math\nx\n```", &["equation x"]),
        ("---\n***", &["divider ", "divider "]),
        (
            "| a |\n|-|\n| b |\n",
            &["table ", " table_row ", " table_row "],
        ),
        ("![a](b)\n\nx ![a](b)", &["media ", "paragraph x ![a](b)"]),
        (
            "<details>\n<summary>A &amp; <em>b</em></summary>\n\n- c\n\n</details>",
            &["toggle A & b", " bulleted_item c"],
        ),
        (
            "<details><summary><h2>A</h2></summary>\n\nb\n\n</details>",
            &["heading A", " paragraph b"],
        ),
        (
            "<details>\n<summary><b>A</b></summary>\nb\n\n</details>",
            &[
                "verbatim <details>\n<summary><b>A</b></summary>\nb",
                "verbatim </details>",
            ],
        ),
        (
            "<div>\na\n</div>\n\n<!-- x -->",
            &["verbatim <div>\na\n</div>", "verbatim <!-- x -->"],
        ),
        (
            "[a]: b\n[a]: c\nd [a]\n\n[^1]: e\n",
            &[
                "verbatim [a]: b\n[a]: c",
                "paragraph d a",
                "verbatim [^1]: e",
            ],
        ),
        (
            "> [a]: b\n> c\n",
            &["quote ", " verbatim [a]: b", " paragraph c"],
        ),
        ("&nbsp;\n\na", &["paragraph \u{a0}", "paragraph a"]),
    ] {
        assert_eq!(kinds(source), expected, "{source:?}");
    }
}
