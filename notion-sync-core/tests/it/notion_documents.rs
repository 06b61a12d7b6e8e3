//! Random bodies.

use notion_sync_core::document::{
    Annotations, Block, BlockKind, Color, DateMention, Document, Icon, Inline, InlineKind,
    MediaKind, MediaSource, Mention, RichText,
};
use proptest::prelude::*;

use crate::markdown_properties::any_anchor;

/// Pieces that hostile text is made of.
const PIECES: [&str; 58] = [
    "a",
    "word",
    "two words",
    " ",
    "  ",
    "é",
    "日本",
    "😀",
    "e\u{301}",
    "*",
    "**",
    "_",
    "__",
    "~~",
    "`",
    "``",
    "```",
    "$",
    "$$",
    "[",
    "]",
    "(",
    ")",
    "](",
    "<",
    ">",
    "<br>",
    "</td>",
    "{",
    "}",
    "{color=\"red\"}",
    "|",
    "^",
    "\\",
    "#",
    "# ",
    "- ",
    "-",
    "---",
    "1.",
    "1. ",
    "> ",
    ":",
    ":tada:",
    ":::",
    "!",
    "![",
    "- [ ] ",
    "<span>",
    "</span>",
    "<details>",
    "</callout>",
    "\n",
    "\t",
    "&quot;",
    "\"",
    "<unknown/>",
    "<!-- notion-sync:run ",
];

pub(crate) fn hostile_text() -> BoxedStrategy<String> {
    prop_oneof![
        2 => prop::collection::vec(prop::sample::select(&PIECES[..]), 1..7).prop_map(|p| p.concat()),
        2 => "[a-z]{1,8}( [a-z]{1,8}){0,4}",
        1 => "\\PC{1,12}",
    ]
    .boxed()
}

pub(crate) fn color() -> BoxedStrategy<Color> {
    prop_oneof![
        6 => Just(Color::default()),
        1 => Just(Color::new("gray")),
        1 => Just(Color::new("red")),
        1 => Just(Color::new("blue_background")),
    ]
    .boxed()
}

fn annotations() -> BoxedStrategy<Annotations> {
    (
        prop::bool::weighted(0.25),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.2),
        color(),
    )
        .prop_map(
            |(bold, italic, strikethrough, underline, code, color)| Annotations {
                bold,
                italic,
                strikethrough,
                underline,
                code,
                color,
            },
        )
        .boxed()
}

pub(crate) fn uuid() -> impl Strategy<Value = String> {
    any::<u128>().prop_map(|bits| {
        let hex = format!("{bits:032x}");
        format!(
            "{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        )
    })
}

fn mention() -> BoxedStrategy<Mention> {
    prop_oneof![
        uuid().prop_map(Mention::User),
        uuid().prop_map(Mention::Page),
        uuid().prop_map(Mention::Database),
        prop::sample::select(vec![
            ("2026-11-21", None, None),
            ("2026-11-21", Some("2026-11-22"), None),
            ("2026-11-21T09:00", None, Some("Europe/Berlin")),
            (
                "2026-11-21T09:00",
                Some("2026-11-21T10:00"),
                Some("Europe/Berlin")
            ),
            ("2022-02-22T09:00:00.000+09:00", None, None),
        ])
        .prop_map(|(start, end, zone)| Mention::Date(Box::new(DateMention {
            start: start.into(),
            end: end.map(str::to_owned),
            time_zone: zone.map(str::to_owned),
        }))),
        "[a-z_]{1,8}".prop_map(Mention::Emoji),
    ]
    .boxed()
}

/// Links as files and pages hold them.
pub(crate) fn link() -> BoxedStrategy<String> {
    prop_oneof![
        3 => prop::sample::select(vec![
            "https://example.com",
            "https://example.com/a_(b)",
            "https://example.com/a?b=c&d=%20#e",
            "https://example.com/*x*~y~",
            "https://github.com/acme/handbook/blob/main/docs/x.md",
            "https://github.com/acme/handbook/blob/main/docs/x.md?notion-sync-link=absolute",
            "mailto:ada@example.com",
            "ftp://example.com",
            "a.md",
            "./a.md",
            "../b/c.md#d",
            "mapped.md",
            "./mapped.md",
            "/root.md",
            "#anchor",
            "",
            "?q",
            "a b.md",
            "javascript:alert(1)",
            "https://example.com/)(",
            "https://example.com/<>",
        ]).prop_map(str::to_owned),
        1 => (1950usize..2100).prop_map(|n| format!("https://example.com/{}", "x".repeat(n))),
    ]
    .boxed()
}

fn inline(verbatim: bool) -> BoxedStrategy<Inline> {
    let text = (
        hostile_text(),
        annotations(),
        prop::option::weighted(0.2, link()),
    )
        .prop_map(|(text, annotations, link)| Inline {
            kind: InlineKind::Text(text),
            annotations,
            link,
        });
    let equation = ("[a-z^{}\\\\+ ]{1,10}", annotations()).prop_map(|(tex, annotations)| Inline {
        kind: InlineKind::Equation(tex),
        annotations: Annotations {
            code: false,
            ..annotations
        },
        link: None,
    });
    let mention = (mention(), annotations()).prop_map(|(mention, annotations)| Inline {
        kind: InlineKind::Mention(mention),
        annotations: Annotations {
            code: false,
            ..annotations
        },
        link: None,
    });
    if !verbatim {
        return prop_oneof![8 => text, 1 => equation, 1 => mention].boxed();
    }
    let source = (
        prop_oneof![
            prop::sample::select(vec![
                "<b>",
                "</b>",
                "<!-- x -->",
                "[^1]",
                "![a](b.png)",
                "<img src=\"x\">",
                "<!-- notion-sync:run {} -->",
                "#####",
                "<e\u{301}>",
            ])
            .prop_map(str::to_owned),
            hostile_text(),
        ],
        annotations(),
        prop::option::weighted(0.1, link()),
    )
        .prop_map(|(source, annotations, link)| Inline {
            kind: InlineKind::Verbatim(source),
            annotations,
            link,
        });
    prop_oneof![6 => text, 1 => equation, 1 => mention, 3 => source].boxed()
}

pub(crate) fn rich_text(verbatim: bool) -> BoxedStrategy<RichText> {
    prop_oneof![
        1 => Just(RichText::default()),
        2 => "[a-z]{1,8}( [a-z]{1,8}){0,6}".prop_map(RichText::plain),
        4 => prop::collection::vec(inline(verbatim), 0..5).prop_map(RichText),
    ]
    .boxed()
}

fn code() -> BoxedStrategy<String> {
    prop_oneof![
        "[a-z\t\n {}`\"]{0,40}",
        prop::collection::vec(hostile_text(), 0..4).prop_map(|lines| lines.join("\n")),
        prop::sample::select(vec![
            "<!-- notion-sync:verbatim -->\n# x",
            "<!-- notion-sync:literal -->\n<!-- notion-sync:verbatim -->",
            "<!-- notion-sync:block -->\n{}",
            "% notion-sync:equation\nx",
            "% notion-sync:literal",
        ])
        .prop_map(str::to_owned),
    ]
    .boxed()
}

fn language() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "plain text",
        "rust",
        "markdown",
        "latex",
        "c++",
        "mermaid",
    ])
    .prop_map(str::to_owned)
}

fn media_source() -> BoxedStrategy<MediaSource> {
    prop_oneof![
        4 => Just(MediaSource::External("https://example.com/x.png".into())),
        2 => link().prop_map(MediaSource::External),
        1 => Just(MediaSource::External("data:image/png;base64,AAAA".into())),
        1 => Just(MediaSource::Hosted(
            "https://prod-files-secure.s3.us-west-2.amazonaws.com/a/b/c.png".into()
        )),
    ]
    .boxed()
}

fn leaf(verbatim: bool) -> BoxedStrategy<Block> {
    let text = rich_text(verbatim);
    let media = prop::sample::select(vec![
        MediaKind::Image,
        MediaKind::Video,
        MediaKind::Audio,
        MediaKind::Pdf,
        MediaKind::File,
    ]);
    let most = prop_oneof![
        6 => (text.clone(), color()).prop_map(|(text, color)| BlockKind::Paragraph { text, color }),
        3 => (1u8..=if verbatim { 6 } else { 4 }, text.clone(), color(), any_anchor()).prop_map(
            move |(level, text, color, anchor)| BlockKind::Heading {
                level,
                text,
                toggle: false,
                color,
                anchor: anchor.filter(|_| verbatim),
            }
        ),
        3 => (code(), language(), prop_oneof![3 => Just(RichText::default()), 1 => text.clone()]).prop_map(
            |(code, language, caption)| BlockKind::Code { code, language: language.into(), info: None, caption }
        ),
        1 => "[a-z\\\\ \n$]{0,12}".prop_map(|expression| BlockKind::Equation { expression }),
        1 => (900usize..1200).prop_map(|n| BlockKind::Equation { expression: "x".repeat(n) }),
        2 => Just(BlockKind::Divider),
        1 => Just(BlockKind::Breadcrumb),
        1 => color().prop_map(|color| BlockKind::TableOfContents { color }),
        2 => (media, media_source(), prop_oneof![Just(RichText::default()), text.clone()]).prop_map(
            |(media, source, caption)| BlockKind::Media { media, source, caption }
        ),
        1 => (link(), text.clone()).prop_map(|(url, caption)| BlockKind::Bookmark { url, caption }),
        1 => (link(), text).prop_map(|(url, caption)| BlockKind::Embed { url, caption }),
        1 => uuid().prop_map(|page| BlockKind::LinkToPage { page }),
        1 => uuid().prop_map(|page| BlockKind::ChildPage { page, title: "T".into() }),
        1 => uuid().prop_map(|id| BlockKind::Synced { from: Some(id) }),
    ];
    if verbatim {
        prop_oneof![
            8 => most,
            2 => prop::collection::vec(hostile_text(), 1..4)
                .prop_map(|lines| BlockKind::Verbatim { markdown: lines.join("\n") }),
            1 => html_image(),
        ]
        .prop_map(Block::new)
        .boxed()
    } else {
        most.prop_map(Block::new).boxed()
    }
}

/// Images in HTML, and what only looks like one.
fn html_image() -> BoxedStrategy<BlockKind> {
    let image = (link(), hostile_text(), any::<bool>()).prop_map(|(src, alt, double)| {
        let quote = if double { '"' } else { '\'' };
        format!("<img width={quote}9{quote} src={quote}{src}{quote} alt={quote}{alt}{quote}/>")
    });
    prop_oneof![
        image
            .clone()
            .prop_map(|markdown| BlockKind::Verbatim { markdown }),
        image.clone().prop_map(|image| BlockKind::Verbatim {
            markdown: format!("<p align=\"center\">\n  {image}\n</p>")
        }),
        (link(), image).prop_map(|(href, image)| BlockKind::Paragraph {
            text: RichText(vec![Inline {
                kind: InlineKind::Verbatim(format!("<a href=\"{href}\">{image}</a>")),
                ..Inline::text("")
            }]),
            color: Color::default(),
        }),
    ]
    .boxed()
}

fn table(verbatim: bool) -> BoxedStrategy<Block> {
    (1usize..4, 1usize..4, any::<bool>(), any::<bool>())
        .prop_flat_map(move |(width, rows, header_row, header_column)| {
            let cells = prop::collection::vec(rich_text(verbatim), width);
            prop::collection::vec(cells, rows).prop_map(move |rows| {
                let rows = rows
                    .into_iter()
                    .map(|cells| Block::new(BlockKind::TableRow { cells }))
                    .collect();
                Block::new(BlockKind::Table {
                    width,
                    header_row,
                    header_column,
                    alignment: Vec::new(),
                })
                .with_children(rows)
            })
        })
        .boxed()
}

fn container(verbatim: bool, children: BoxedStrategy<Vec<Block>>) -> BoxedStrategy<Block> {
    let icon = prop_oneof![
        3 => Just(Some(Icon::Emoji("💡".into()))),
        2 => Just(None),
        1 => Just(Some(Icon::External("https://example.com/i.png".into()))),
        1 => Just(Some(Icon::Named("wave".into()))),
    ];
    let kind: BoxedStrategy<BlockKind> = prop_oneof![
        (rich_text(verbatim), color())
            .prop_map(|(text, color)| BlockKind::BulletedItem { text, color }),
        (rich_text(verbatim), color()).prop_map(|(text, color)| BlockKind::NumberedItem {
            text,
            start: None,
            color
        }),
        (rich_text(verbatim), any::<bool>(), color()).prop_map(|(text, checked, color)| {
            BlockKind::ToDo {
                text,
                checked,
                color,
            }
        }),
        (rich_text(verbatim), color()).prop_map(|(text, color)| BlockKind::Toggle { text, color }),
        (rich_text(verbatim), color()).prop_map(|(text, color)| BlockKind::Quote { text, color }),
        (rich_text(verbatim), icon, color()).prop_map(|(text, icon, color)| BlockKind::Callout {
            text,
            icon,
            color
        }),
        (rich_text(verbatim), color())
            .prop_map(|(text, color)| BlockKind::Paragraph { text, color }),
        (1u8..=4, rich_text(verbatim), color()).prop_map(|(level, text, color)| {
            BlockKind::Heading {
                level,
                text,
                toggle: true,
                color,
                anchor: None,
            }
        }),
        Just(BlockKind::Synced { from: None }),
    ]
    .boxed();
    // An element on a page; in a file a text that only looks like one.
    let says = prop::sample::select(&TAGS[..]);
    let element =
        (says, any::<bool>(), children.clone()).prop_map(move |(source, gray, mut children)| {
            // See `document` about a lone tag.
            if children.is_empty() && !verbatim {
                children.push(Block::paragraph("x"));
            }
            let kind = if gray {
                gray_paragraph(source)
            } else {
                source_paragraph(source)
            };
            Block::new(kind).with_children(children)
        });
    let columns = (prop::collection::vec(
        (children.clone(), prop::option::of(1u32..999)),
        2..4,
    ),)
        .prop_map(|(columns,)| {
            let columns = columns
                .into_iter()
                .map(|(children, ratio)| {
                    Block::new(BlockKind::Column { ratio }).with_children(children)
                })
                .collect();
            Block::new(BlockKind::ColumnList).with_children(columns)
        })
        .boxed();
    prop_oneof![
        8 => (kind, children.clone()).prop_map(|(kind, children)| Block::new(kind).with_children(children)).boxed(),
        1 => element,
        1 => columns,
    ]
    .boxed()
}

/// HTML that opens or closes something, or only looks like it.
const TAGS: [&str; 14] = [
    "<div>",
    "<div>",
    "</div>",
    "</div>",
    "<Listing number=\"1\" caption=\"`Vec<T>`\">",
    "</Listing>",
    "<a>",
    "</a>",
    "<details x>\n<summary>a <b>c</b></summary>",
    "<details open>",
    "</details>",
    "<img src=\"x\">",
    "<hr/>",
    "<!-- x -->",
];

fn gray_paragraph(source: &str) -> BlockKind {
    let annotations = Annotations {
        code: true,
        color: Color::new("gray"),
        ..Annotations::default()
    };
    BlockKind::Paragraph {
        text: RichText(vec![Inline {
            annotations,
            ..Inline::text(source)
        }]),
        color: Color::default(),
    }
}

fn source_paragraph(source: &str) -> BlockKind {
    BlockKind::Paragraph {
        text: RichText(vec![Inline {
            kind: InlineKind::Verbatim(source.to_owned()),
            annotations: Annotations::default(),
            link: None,
        }]),
        color: Color::default(),
    }
}

/// A tag that holds nothing, as a file or a page says it.
fn tag(source: &str, verbatim: bool) -> Block {
    Block::new(if verbatim {
        BlockKind::Verbatim {
            markdown: source.to_owned(),
        }
    } else if source.contains('\n') {
        BlockKind::Code {
            code: format!("<!-- notion-sync:verbatim -->\n{source}"),
            language: "markdown".into(),
            info: None,
            caption: RichText::default(),
        }
    } else {
        gray_paragraph(source)
    })
}

/// Blocks, now and then with tags between them: pairs and lone ones.
fn tagged(blocks: BoxedStrategy<Vec<Block>>, verbatim: bool) -> BoxedStrategy<Vec<Block>> {
    let pairs = prop::collection::vec((0usize..9, 0usize..9, 0usize..5), 1..4);
    let lone = prop::collection::vec((0usize..9, prop::sample::select(&TAGS[..])), 0..3);
    let with = (blocks.clone(), pairs, lone).prop_map(move |(mut blocks, pairs, lone)| {
        for (from, to, which) in pairs {
            let (open, close) = [
                ("<div>", "</div>"),
                ("<a>", "</a>"),
                (TAGS[4], "</Listing>"),
                (TAGS[8], "</details>"),
                ("<details open>", "</details>"),
            ][which];
            let from = from % (blocks.len() + 1);
            let to = from + to % (blocks.len() + 1 - from);
            blocks.insert(to, tag(close, verbatim));
            blocks.insert(from, tag(open, verbatim));
        }
        for (at, source) in lone {
            blocks.insert(at % (blocks.len() + 1), tag(source, verbatim));
        }
        blocks
    });
    prop_oneof![2 => blocks, 1 => with].boxed()
}

/// Bodies as a page can hold them (`verbatim` false), or a file (`verbatim` true).
pub(crate) fn document(verbatim: bool) -> BoxedStrategy<Document> {
    let leaf = prop_oneof![5 => leaf(verbatim), 1 => table(verbatim)].boxed();
    let block = leaf.prop_recursive(3, 24, 4, move |inner| {
        let children = prop::collection::vec(inner, 0..4).boxed();
        // On a page the first paragraph in an item without text is its text, also one of source.
        let children = if verbatim {
            tagged(children, true)
        } else {
            children
        };
        container(verbatim, children)
    });
    tagged(prop::collection::vec(block, 0..6).boxed(), verbatim)
        .prop_map(|blocks| Document { blocks })
        .boxed()
}
