//! Random documents and random bytes.

use notion_sync_core::document::markdown::{self, Limits, Style};
use notion_sync_core::document::{
    Annotations, Block, BlockKind, Color, DateMention, Document, Icon, Inline, InlineKind,
    MediaKind, MediaSource, Mention, RichText,
};
use proptest::prelude::*;

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z]{1,6}( [a-z]{1,6}){0,3}",
        2 => "[ -~]{1,12}",
        1 => "[\\[\\]()*_`~$<>!#&|\\\\+\\-=:.0-9a \n]{1,12}",
        1 => "(http://|www\\.|a@|https://)[a-z./@_)]{1,9}",
        1 => "[ \u{a0}\u{2028}\té😀\u{301}\u{1}\r\n]{1,5}",
        1 => "(#|>|-|1\\.|\\+|\\[ \\]|```|~~~|---|===|<!--|<div>|\\$\\$|\\[\\^1\\]:|\\[a\\]: b)[ a-z]{0,4}",
    ]
}

fn any_annotations() -> impl Strategy<Value = Annotations> {
    prop_oneof![
        3 => Just(Annotations::default()),
        2 => (
            any::<[bool; 5]>(),
            prop_oneof![3 => Just("default"), 1 => Just("red"), 1 => Just("blue_background")],
        )
            .prop_map(|([bold, italic, strikethrough, underline, code], color)| Annotations {
                bold,
                italic,
                strikethrough,
                underline,
                code,
                color: Color::new(color),
            }),
        1 => Just(Annotations { bold: true, ..Annotations::default() }),
        1 => Just(Annotations { code: true, ..Annotations::default() }),
    ]
}

fn any_inline() -> impl Strategy<Value = Inline> {
    let kind = prop_oneof![
        8 => any_text().prop_map(InlineKind::Text),
        1 => any_text().prop_map(InlineKind::Equation),
        1 => prop_oneof![
            Just("<b>".to_owned()),
            Just("![a](b)".to_owned()),
            Just("[^1]".to_owned()),
            any_text(),
        ].prop_map(InlineKind::Verbatim),
        1 => any_text().prop_map(|id| InlineKind::Mention(Mention::Page(id))),
        1 => Just(InlineKind::Mention(Mention::Date(Box::new(DateMention {
            start: "2026-01-02".to_owned(),
            end: None,
            time_zone: None,
        })))),
    ];
    let link = prop_oneof![
        4 => Just(None),
        1 => Just(Some("https://a.b/c(d)?e&f=1".to_owned())),
        1 => any_text().prop_map(Some),
    ];
    (kind, any_annotations(), link).prop_map(|(kind, annotations, link)| Inline {
        kind,
        annotations,
        link,
    })
}

fn any_rich_text() -> impl Strategy<Value = RichText> {
    prop_oneof![
        3 => any_text().prop_map(RichText::plain),
        2 => prop::collection::vec(any_inline(), 0..5).prop_map(RichText),
    ]
}

fn any_color() -> impl Strategy<Value = Color> {
    prop_oneof![4 => Just(Color::default()), 1 => Just(Color::new("red"))]
}

/// What a heading may have in front of it.
pub(crate) fn any_anchor() -> impl Strategy<Value = Option<Box<str>>> {
    let anchors = vec!["<a id=\"x\"></a>", "<a id=\"x\"></a>\n\n<a name='y'></a>"];
    prop::option::weighted(0.2, prop::sample::select(anchors).prop_map(Into::into))
}

fn any_leaf() -> impl Strategy<Value = BlockKind> {
    prop_oneof![
        8 => (any_rich_text(), any_color())
            .prop_map(|(text, color)| BlockKind::Paragraph { text, color }),
        2 => (1..7_u8, any_rich_text(), any::<bool>(), any_color(), any_anchor()).prop_map(
            |(level, text, toggle, color, anchor)| BlockKind::Heading { level, text, toggle, color, anchor }
        ),
        1 => Just(BlockKind::Paragraph {
            text: RichText(vec![Inline {
                kind: InlineKind::Verbatim("<a id=\"apart\"></a>".into()),
                ..Inline::text("")
            }]),
            color: Color::default(),
        }),
        2 => (any_text(), prop_oneof![Just("rust"), Just("c#"), Just("plain text"), Just("new one")], any_rich_text())
            .prop_map(|(code, language, caption)| BlockKind::Code {
                code,
                language: language.into(),
                info: None,
                caption,
            }),
        1 => any_text().prop_map(|expression| BlockKind::Equation { expression }),
        1 => Just(BlockKind::Divider),
        1 => any_text().prop_map(|markdown| BlockKind::Verbatim { markdown }),
        1 => (any_text(), any_rich_text(), any::<bool>(), any::<bool>()).prop_map(
            |(url, caption, image, hosted)| BlockKind::Media {
                media: if image { MediaKind::Image } else { MediaKind::Video },
                source: if hosted { MediaSource::Hosted(url) } else { MediaSource::External(url) },
                caption,
            }
        ),
        1 => (any_text(), any_rich_text())
            .prop_map(|(url, caption)| BlockKind::Bookmark { url, caption }),
        1 => (any_text(), any_rich_text())
            .prop_map(|(url, caption)| BlockKind::Embed { url, caption }),
        1 => (any_text(), any_text()).prop_map(|(page, title)| BlockKind::ChildPage { page, title }),
        1 => any_text().prop_map(|page| BlockKind::LinkToPage { page }),
        1 => any_color().prop_map(|color| BlockKind::TableOfContents { color }),
        1 => Just(BlockKind::Breadcrumb),
        1 => (any_text(), any_text()).prop_map(|(kind, raw)| BlockKind::Opaque { kind, raw }),
    ]
}

fn any_container() -> impl Strategy<Value = BlockKind> {
    let icon = prop_oneof![
        Just(None),
        Just(Some(Icon::Emoji("💡".to_owned()))),
        any_text().prop_map(|text| Some(Icon::Emoji(text))),
        any_text().prop_map(|text| Some(Icon::External(text))),
    ];
    prop_oneof![
        4 => (any_rich_text(), any_color())
            .prop_map(|(text, color)| BlockKind::BulletedItem { text, color }),
        2 => (any_rich_text(), prop::option::of(0..20_u64), any_color())
            .prop_map(|(text, start, color)| BlockKind::NumberedItem { text, start, color }),
        2 => (any_rich_text(), any::<bool>(), any_color())
            .prop_map(|(text, checked, color)| BlockKind::ToDo { text, checked, color }),
        1 => (any_rich_text(), any_color())
            .prop_map(|(text, color)| BlockKind::Toggle { text, color }),
        2 => (any_rich_text(), any_color())
            .prop_map(|(text, color)| BlockKind::Quote { text, color }),
        1 => (any_rich_text(), icon, prop_oneof![any_color(), Just(Color::new("green_background"))])
            .prop_map(|(text, icon, color)| BlockKind::Callout { text, icon, color }),
        1 => (any_rich_text(), any_color())
            .prop_map(|(text, color)| BlockKind::Paragraph { text, color }),
        1 => (1..5_u8, any_rich_text()).prop_map(|(level, text)| BlockKind::Heading {
            level,
            text,
            toggle: true,
            color: Color::default(), anchor: None }),
        1 => prop::option::of(any_text()).prop_map(|from| BlockKind::Synced { from }),
        1 => Just(BlockKind::ColumnList),
        1 => prop::option::of(0..1000_u32).prop_map(|ratio| BlockKind::Column { ratio }),
    ]
}

fn any_table() -> impl Strategy<Value = Block> {
    (1..4_usize, 1..4_usize, any::<bool>(), any::<bool>()).prop_flat_map(
        |(width, height, header_row, header_column)| {
            prop::collection::vec(prop::collection::vec(any_rich_text(), width), height).prop_map(
                move |rows| {
                    Block::new(BlockKind::Table {
                        width,
                        header_row,
                        header_column,
                        alignment: Vec::new(),
                    })
                    .with_children(
                        rows.into_iter()
                            .map(|cells| Block::new(BlockKind::TableRow { cells }))
                            .collect(),
                    )
                },
            )
        },
    )
}

pub(crate) fn any_block() -> impl Strategy<Value = Block> {
    let leaf = prop_oneof![6 => any_leaf().prop_map(Block::new), 1 => any_table()];
    leaf.prop_recursive(3, 12, 4, |inner| {
        (any_container(), prop::collection::vec(inner, 0..4))
            .prop_map(|(kind, children)| Block::new(kind).with_children(children))
    })
}

pub(crate) fn any_document() -> impl Strategy<Value = Document> {
    prop::collection::vec(any_block(), 0..5).prop_map(|blocks| Document { blocks })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back(document in any_document()) {
        let written = markdown::write(&document, &Style::default());
        let read = markdown::parse(&written, &Limits::default()).unwrap().document;
        prop_assert_eq!(
            read.canonical().blocks,
            document.canonical().canonical().blocks,
            "{}",
            written
        );
    }

    #[test]
    fn any_text_reads_and_survives(source in "(\\PC|[ \t\r\n>*_`~#|<&\\[\\]()!$0-9.:-]){0,60}") {
        let read = markdown::parse(&source, &Limits::default());
        if let Ok(parsed) = read {
            let written = markdown::write(&parsed.document, &Style::default());
            let again = markdown::parse(&written, &Limits::default()).unwrap().document;
            prop_assert_eq!(
                again.canonical().blocks,
                parsed.document.canonical().blocks,
                "{:?}\n{:?}",
                source,
                written
            );
        }
    }
}
