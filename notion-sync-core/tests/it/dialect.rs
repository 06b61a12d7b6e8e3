//! Between files and pages.

use notion_sync_core::document::blocks::stages;
use notion_sync_core::document::dialect::{
    Carry, Effect, LinkContext, Reason, from_notion, normal, to_notion, to_notion_with,
};
use notion_sync_core::document::limits::validate;
use notion_sync_core::document::{
    Alignment, Annotations, Block, BlockKind, Color, Document, Inline, InlineKind, MediaKind,
    MediaSource, Mention, RichText,
};
use proptest::prelude::*;
use serde_json::json;

use crate::notion_documents::document;

fn context() -> LinkContext {
    let mut context = LinkContext::new(
        "https://github.com/acme/handbook/blob/main",
        "https://raw.githubusercontent.com/acme/handbook/main",
        "docs/index.md",
    );
    context.map("docs/mapped.md", "c01166c6-13ae-45cb-b968-18b4ef2f5a77");
    context
}

fn one(kind: BlockKind) -> Document {
    Document {
        blocks: vec![Block::new(kind)],
    }
}

fn run(kind: InlineKind) -> Document {
    one(BlockKind::Paragraph {
        text: RichText(vec![
            Inline::text("a "),
            Inline {
                kind,
                annotations: Annotations::default(),
                link: None,
            },
            Inline::text(" b"),
        ]),
        color: Color::default(),
    })
}

fn code(language: &str, code: &str) -> BlockKind {
    BlockKind::Code {
        code: code.into(),
        language: language.into(),
        info: None,
        caption: RichText::default(),
    }
}

#[test]
fn the_forms_are_the_documented_ones() {
    let gray = |text: &str| Inline {
        annotations: Annotations {
            code: true,
            color: Color::new("gray"),
            ..Annotations::default()
        },
        ..Inline::text(text)
    };
    let long = "x".repeat(1001);
    for (file, page) in [
        (
            one(BlockKind::Verbatim {
                markdown: "<div>\n\n</div>".into(),
            }),
            one(code(
                "markdown",
                "<!-- notion-sync:verbatim -->\n<div>\n\n</div>",
            )),
        ),
        (
            one(code("markdown", "<!-- notion-sync:verbatim -->\nx")),
            one(code(
                "markdown",
                "<!-- notion-sync:literal -->\n<!-- notion-sync:verbatim -->\nx",
            )),
        ),
        (
            one(BlockKind::Equation {
                expression: long.clone(),
            }),
            one(code("latex", &format!("% notion-sync:equation\n{long}"))),
        ),
        (
            run(InlineKind::Verbatim("<kbd>".into())),
            one(BlockKind::Paragraph {
                text: RichText(vec![Inline::text("a "), gray("<kbd>"), Inline::text(" b")]),
                color: Color::default(),
            }),
        ),
        (
            one(BlockKind::Heading {
                level: 6,
                text: RichText::plain("T"),
                toggle: false,
                color: Color::default(),
                anchor: None,
            }),
            one(BlockKind::Heading {
                level: 4,
                text: RichText(vec![gray("######"), Inline::text(" T")]),
                toggle: false,
                color: Color::default(),
                anchor: None,
            }),
        ),
        (
            one(BlockKind::Media {
                media: MediaKind::Image,
                source: MediaSource::External("../i.png".into()),
                caption: RichText::default(),
            }),
            one(BlockKind::Media {
                media: MediaKind::Image,
                source: MediaSource::External(
                    "https://raw.githubusercontent.com/acme/handbook/main/docs/../i.png".into(),
                ),
                caption: RichText::default(),
            }),
        ),
    ] {
        let out = to_notion(&file, &context());
        assert!(out.document.canon_eq(&page), "{:#?}", out.document);
        // Nothing is lost, and what is only carried is said.
        assert!(
            out.report
                .entries
                .iter()
                .all(|entry| entry.reason.effect() == Effect::KeptOpaque),
            "{:?}",
            out.report
        );
        assert!(from_notion(&page, &context()).document.canon_eq(&file));
    }
}

#[test]
fn what_is_lost_is_reported() {
    let table = BlockKind::Table {
        width: 1,
        header_row: true,
        header_column: false,
        alignment: vec![Alignment::Left],
    };
    let row = |cells: usize| {
        Block::new(BlockKind::TableRow {
            cells: vec![RichText::plain("c"); cells],
        })
    };
    let numbered = BlockKind::NumberedItem {
        text: RichText::plain("n"),
        start: Some(7),
        color: Color::default(),
    };
    let zig = BlockKind::Code {
        code: "x".into(),
        language: "plain text".into(),
        info: Some("befunge".into()),
        caption: RichText::default(),
    };
    let many = RichText(
        (0..120)
            .map(|at| Inline {
                annotations: Annotations {
                    bold: at % 2 == 0,
                    ..Annotations::default()
                },
                ..Inline::text("x")
            })
            .collect(),
    );
    let quote = BlockKind::Quote {
        text: RichText::default(),
        color: Color::default(),
    };
    let body = Document {
        blocks: vec![
            Block::new(table).with_children(vec![row(2), row(1)]),
            Block::new(numbered),
            Block::new(zig),
            Block::new(code("rust", &"x".repeat(200_001))),
            Block::new(BlockKind::Paragraph {
                text: many,
                color: Color::new("puce"),
            }),
            Block::new(quote).with_children(vec![Block::paragraph("q")]),
        ],
    };
    let out = to_notion(&body, &context());
    let reasons: Vec<_> = out
        .report
        .entries
        .iter()
        .map(|entry| (entry.place[0], entry.reason))
        .collect();
    assert_eq!(
        reasons,
        [
            (0, Reason::Alignment),
            (0, Reason::Table),
            (1, Reason::ListStart),
            (2, Reason::Language),
            (3, Reason::TooLarge),
            (4, Reason::Runs),
            (4, Reason::Color),
            (5, Reason::FirstParagraph),
        ]
    );
    assert!(out.report.too_large());
}

#[test]
fn what_is_only_carried_is_reported_with_its_place() {
    let opaque = || BlockKind::Opaque {
        kind: "button".into(),
        raw: "{}".into(),
    };
    let emoji = Inline {
        kind: InlineKind::Mention(Mention::Emoji("parrot".into())),
        annotations: Annotations::default(),
        link: None,
    };
    let page = Document {
        blocks: vec![
            Block::paragraph("a"),
            Block::new(BlockKind::Toggle {
                text: RichText(vec![emoji]),
                color: Color::default(),
            })
            .with_children(vec![Block::new(opaque())]),
        ],
    };
    let said: Vec<_> = from_notion(&page, &context())
        .report
        .entries
        .into_iter()
        .map(|entry| (entry.place, entry.reason, entry.reason.effect()))
        .collect();
    assert_eq!(
        said,
        [
            (vec![1], Reason::Emoji, Effect::Approximated),
            (vec![1, 0], Reason::Opaque, Effect::KeptOpaque),
        ]
    );
    let file = Document {
        blocks: vec![
            Block::new(BlockKind::Verbatim {
                markdown: "<div>\nx\n</div>".into(),
            }),
            run(InlineKind::Verbatim("[^1]".into())).blocks.remove(0),
            run(InlineKind::Equation("x".repeat(1001))).blocks.remove(0),
        ],
    };
    let said: Vec<_> = to_notion(&file, &context())
        .report
        .entries
        .into_iter()
        .map(|entry| (entry.place, entry.reason))
        .collect();
    assert_eq!(
        said,
        [
            (vec![0], Reason::Source),
            (vec![1], Reason::InlineSource),
            (vec![2], Reason::Data),
        ]
    );
}

#[test]
fn respelled_links_are_reported() {
    let linked = |url: &str| {
        one(BlockKind::Paragraph {
            text: RichText(vec![Inline {
                link: Some(url.into()),
                ..Inline::text("x")
            }]),
            color: Color::default(),
        })
    };
    for (url, entries) in [
        ("https://example.com", 0),
        (
            "https://app.notion.com/p/c01166c613ae45cbb96818b4ef2f5a77",
            0,
        ),
        (
            "https://www.notion.so/T-c01166c613ae45cbb96818b4ef2f5a77?pvs=4",
            1,
        ),
        ("https://github.com/acme/handbook/blob/main/docs/x.md", 0),
        ("https://github.com/acme/handbook/blob/main/src/x.rs", 1),
    ] {
        let out = from_notion(&linked(url), &context());
        assert_eq!(out.report.entries.len(), entries, "{url}");
        assert!(
            out.report
                .entries
                .iter()
                .all(|entry| entry.reason == Reason::Link)
        );
    }
}

#[test]
fn images_in_html_are_images() {
    let file = |source: &str| {
        one(BlockKind::Verbatim {
            markdown: source.into(),
        })
    };
    let source = "<p align=\"center\"><img src=\"i.png\" alt=\"Plan\" width=\"300\"></p>";
    let out = to_notion(&file(source), &context());
    let said: Vec<_> = out.report.entries.iter().map(|e| e.reason).collect();
    assert_eq!(said, [Reason::Html]);
    assert_eq!(Reason::Html.effect(), Effect::KeptOpaque);
    let mut page = out.document;
    assert!(
        from_notion(&page, &context())
            .document
            .canon_eq(&file(source))
    );
    // Another text below the image is another text in the file.
    let BlockKind::Media { caption, .. } = &mut page.blocks[0].kind else {
        panic!("{page:#?}");
    };
    *caption = RichText::plain("Plan B");
    let edited = source.replace("Plan", "Plan B");
    let back = from_notion(&page, &context());
    assert!(back.document.canon_eq(&file(&edited)) && back.report.entries.is_empty());
    assert!(
        to_notion(&back.document, &context())
            .document
            .canon_eq(&page)
    );
    // One that HTML cannot say leaves the rest of the HTML behind.
    let BlockKind::Media { caption, .. } = &mut page.blocks[0].kind else {
        panic!("{page:#?}");
    };
    caption.0[0].annotations.bold = true;
    let image = |url: &str, caption: &RichText| {
        one(BlockKind::Media {
            media: MediaKind::Image,
            source: MediaSource::External(url.into()),
            caption: caption.clone(),
        })
    };
    let plain = image("i.png", caption);
    let back = from_notion(&page, &context());
    assert!(back.document.canon_eq(&plain), "{:#?}", back.document);
    let said: Vec<_> = back.report.entries.iter().map(|e| e.reason).collect();
    assert_eq!(said, [Reason::Attributes]);
    // An address in a file that looks like one of ours is an address.
    let BlockKind::Media {
        source: MediaSource::External(url),
        ..
    } = &page.blocks[0].kind
    else {
        panic!("{page:#?}");
    };
    let literal = image(url, &RichText::plain("a"));
    let out = to_notion(&literal, &context());
    assert!(matches!(
        out.document.blocks[0].kind,
        BlockKind::Code { .. }
    ));
    assert!(
        from_notion(&out.document, &context())
            .document
            .canon_eq(&literal)
    );
}

#[test]
fn anchors_of_headings_stay_in_the_file_or_are_noted() {
    let heading = |level: u8, toggle: bool, anchor: Option<&str>| {
        one(BlockKind::Heading {
            level,
            text: RichText::plain("T"),
            toggle,
            color: Color::default(),
            anchor: anchor.map(Into::into),
        })
    };
    for (level, toggle) in [(1, false), (2, true), (4, false), (6, false)] {
        let file = heading(level, toggle, Some("<a id=\"x\"></a>"));
        let out = to_notion(&file, &context());
        let said: Vec<_> = out.report.entries.iter().map(|e| e.reason).collect();
        assert_eq!(said, [Reason::Anchor]);
        assert_eq!(Reason::Anchor.effect(), Effect::LeftBehind);
        let bare = to_notion(&heading(level, toggle, None), &context());
        assert_eq!(out.document, bare.document);
        let out = to_notion_with(&file, &context(), Carry::Everything);
        assert!(out.report.entries.is_empty());
        assert_eq!(from_notion(&out.document, &context()).document, file);
    }
    // A note that was damaged writes nothing into the file.
    let mut page = to_notion_with(
        &heading(2, false, Some("<a id=\"x\"></a>")),
        &context(),
        Carry::Everything,
    )
    .document;
    for run in &mut page.blocks[0].kind.text_mut().unwrap().0 {
        if let InlineKind::Text(text) = &mut run.kind {
            *text = text.replace("<a ", "<b ");
        }
    }
    assert_eq!(
        from_notion(&page, &context()).document,
        heading(2, false, None)
    );
}

#[test]
fn ids_have_one_spelling() {
    const ID: &str = "c01166c6-13ae-45cb-b968-18b4ef2f5a77";
    for spelling in [
        "C01166C6-13AE-45CB-B968-18B4EF2F5A77",
        "c01166c613ae45cbb96818b4ef2f5a77",
        "c01166c613-ae45cbb968-18b4ef2f5a77",
    ] {
        let says = |id: &str| {
            let link = one(BlockKind::LinkToPage { page: id.into() });
            let synced = one(BlockKind::Synced {
                from: Some(id.into()),
            });
            let mention = run(InlineKind::Mention(Mention::Page(id.into())));
            [link, synced, mention]
        };
        for (file, page) in says(spelling).into_iter().zip(says(ID)) {
            let out = to_notion(&file, &context()).document;
            assert_eq!(out.canonical(), page.canonical(), "{spelling}");
            assert_eq!(normal(&file), page, "{spelling}");
        }
    }
    let odd = run(InlineKind::Mention(Mention::User("somebody".into())));
    assert_eq!(normal(&odd), odd);
}

#[test]
fn damaged_carriers_are_code() {
    for text in [
        "<!-- notion-sync:block -->\n{}",
        "<!-- notion-sync:block -->",
        "<!-- notion-sync:other -->\nx",
        "<!-- notion-sync:verbatim",
        "<!-- notion-sync:block -->\n{\"kind\":{\"type\":\"divider\"}}",
    ] {
        let body = one(code("markdown", text));
        assert!(
            from_notion(&body, &context()).document.canon_eq(&body),
            "{text}"
        );
    }
    let gray = Annotations {
        code: true,
        color: Color::new("gray"),
        ..Annotations::default()
    };
    for text in [
        "<!-- notion-sync:run {} -->",
        "<!-- notion-sync:run ",
        "<!-- notion-sync:run {\"kind\":",
        "plain",
        "#####",
    ] {
        let body = one(BlockKind::Paragraph {
            text: RichText(vec![Inline {
                annotations: gray.clone(),
                ..Inline::text(text)
            }]),
            color: Color::default(),
        });
        let back = from_notion(&body, &context()).document;
        let verbatim = matches!(&back.blocks[0].kind, BlockKind::Paragraph { text, .. }
            if matches!(text.0[0].kind, InlineKind::Verbatim(_)));
        assert!(!verbatim, "{text}");
    }
}

/// Whether a file can hold the body: what the reader of files never gives is taken out.
fn as_file(body: &Document) -> Document {
    normal(body)
}

/// The body without any link: their spelling is tested apart.
fn without_links(body: &Document) -> Document {
    fn text(text: &mut RichText) {
        for run in &mut text.0 {
            run.link = None;
        }
    }
    fn walk(blocks: &mut [Block]) {
        for block in blocks {
            if let Some(own) = block.kind.text_mut() {
                text(own);
            }
            match &mut block.kind {
                BlockKind::TableRow { cells } => cells.iter_mut().for_each(text),
                BlockKind::Code { caption, .. } => text(caption),
                BlockKind::Media {
                    source, caption, ..
                } => {
                    if let MediaSource::External(url) = source {
                        url.clear();
                    }
                    text(caption);
                }
                BlockKind::Bookmark { url, caption } | BlockKind::Embed { url, caption } => {
                    url.clear();
                    text(caption);
                }
                _ => {}
            }
            walk(&mut block.children);
        }
    }
    let mut body = body.clone();
    walk(&mut body.blocks);
    body
}

/// The body with images in place of grey code that says one in HTML.
fn with_images(mut body: Document) -> Document {
    fn walk(blocks: &mut [Block]) {
        for block in blocks {
            if let BlockKind::Paragraph { text, .. } = &block.kind
                && text.to_plain().starts_with("<img")
                && block.children.iter().all(Block::is_blank)
            {
                let file = from_notion(&one(block.kind.clone()), &context()).document;
                let page = to_notion(&file, &context()).document;
                if let [
                    Block {
                        kind: kind @ BlockKind::Media { .. },
                        ..
                    },
                ] = &page.blocks[..]
                {
                    block.kind = kind.clone();
                }
            }
            walk(&mut block.children);
        }
    }
    walk(&mut body.blocks);
    body
}

/// Whether Notion could hold the body as it is.
fn is_notions(body: &Document) -> bool {
    /// A hosted file cannot be created at all, which would hide what is wrong with its caption.
    fn linked(blocks: &mut [Block]) {
        for block in blocks {
            if let BlockKind::Media { source, .. } = &mut block.kind
                && matches!(source, MediaSource::Hosted(_))
            {
                *source = MediaSource::External("https://example.com/x".into());
            }
            linked(&mut block.children);
        }
    }
    let mut body = body.clone();
    linked(&mut body.blocks);
    let plan = stages(&body.blocks);
    use notion_sync_core::document::blocks::Reason as R;
    plan.unwritable
        .iter()
        .all(|issue| issue.reason == R::NotCreatable || issue.reason == R::Hosted)
        && plan
            .approximated
            .iter()
            .all(|issue| matches!(issue.reason, R::Mention | R::Icon))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn pages_come_back(body in document(false)) {
        if is_notions(&body) {
            let page = to_notion(&from_notion(&body, &context()).document, &context()).document;
            let want = without_links(&with_images(normal(&body)));
            prop_assert!(without_links(&page).canon_eq(&want), "{:#?}\n{:#?}", without_links(&page).canonical(), want.canonical());
        }
    }

    #[test]
    fn files_come_back(body in document(true)) {
        let body = as_file(&body);
        let page = to_notion(&body, &context()).document;
        let back = from_notion(&page, &context()).document;
        prop_assert!(back.canon_eq(&body), "{:#?}\n{:#?}\n{:#?}", page.canonical(), back.canonical(), body.canonical());
        // Through Notion's own joining of runs as well.
        let stored = page.canonical();
        let again = from_notion(&stored, &context()).document;
        prop_assert_eq!(again.canonical().blocks.len(), body.canonical().blocks.len());
    }

    #[test]
    fn pages_are_stable(body in document(false)) {
        let file = from_notion(&body, &context()).document;
        let page = to_notion(&file, &context()).document;
        let again = from_notion(&page, &context()).document;
        prop_assert!(again.canon_eq(&file), "{:#?}\n{:#?}", again.canonical(), file.canonical());
    }

    #[test]
    fn normal_is_normal(body in document(true)) {
        let once = normal(&body);
        prop_assert_eq!(normal(&once), once);
    }

    #[test]
    fn what_files_become_can_be_created(body in document(true)) {
        let out = to_notion(&body, &context());
        let plan = stages(&out.document.blocks);
        for stage in &plan.stages {
            prop_assert_eq!(validate(&json!({"children": stage.children})), []);
        }
        for issue in &plan.unwritable {
            prop_assert!(matches!(
                issue.reason,
                notion_sync_core::document::blocks::Reason::NotCreatable
                    | notion_sync_core::document::blocks::Reason::Hosted
            ), "{issue:?}");
        }
        for issue in &plan.approximated {
            use notion_sync_core::document::blocks::Reason as R;
            prop_assert!(matches!(issue.reason, R::Mention | R::Icon), "{issue:?}");
        }
    }
}
