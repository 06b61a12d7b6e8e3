//! The bodies of requests that change a block in place.

use notion_sync_core::document::blocks;
use notion_sync_core::document::{BlockKind, Color, Icon, MediaKind, MediaSource, RichText};
use serde_json::{Value, json};

#[test]
fn updates_name_every_field_that_can_change() {
    for (kind, wanted) in [
        (
            BlockKind::ToDo {
                text: RichText::plain("x"),
                checked: true,
                color: Color::default(),
            },
            Some(
                json!({"to_do": {"rich_text": [{"type": "text", "text": {"content": "x"}}],
                "checked": true, "color": "default"}}),
            ),
        ),
        (
            BlockKind::Callout {
                text: RichText::default(),
                icon: None,
                color: Color::new("red"),
            },
            Some(json!({"callout": {"rich_text": [], "icon": null, "color": "red"}})),
        ),
        (
            BlockKind::Table {
                width: 2,
                header_row: true,
                header_column: false,
                alignment: vec![],
            },
            Some(json!({"table": {"has_column_header": true, "has_row_header": false}})),
        ),
        (
            BlockKind::Media {
                media: MediaKind::Image,
                source: MediaSource::Hosted("https://h/x".into()),
                caption: RichText::default(),
            },
            Some(json!({"image": {"caption": []}})),
        ),
        (BlockKind::Divider, None),
        (BlockKind::ColumnList, None),
    ] {
        assert_eq!(blocks::update(&kind), wanted, "{kind:?}");
    }
}

/// Notion's Markdown shows neither the caption of code nor an icon that is a file, so what was read
/// from it must not erase them.
#[test]
fn updates_leave_a_caption_or_icon_that_did_not_change() {
    let code = |code: &str, caption: &str| BlockKind::Code {
        code: code.into(),
        language: "rust".into(),
        info: None,
        caption: match caption {
            "" => RichText::default(),
            caption => RichText::plain(caption),
        },
    };
    let callout = |text: &str, icon: Option<Icon>| BlockKind::Callout {
        text: RichText::plain(text),
        icon,
        color: Color::default(),
    };
    let emoji = || Some(Icon::Emoji("💡".into()));
    let hosted = |name: &str| {
        let at = "https://prod-files-secure.s3.us-west-2.amazonaws.com/a";
        Some(Icon::External(format!("{at}/{name}")))
    };
    let image = |url: &str, caption: &str| BlockKind::Media {
        media: MediaKind::Image,
        source: MediaSource::External(url.into()),
        caption: RichText::plain(caption),
    };
    let field = |old: &BlockKind, new: &BlockKind, name: &str, key: &str| -> Option<Value> {
        let body = blocks::update_from(old, new).unwrap();
        assert!(body[name].is_object(), "{body}");
        body[name].get(key).cloned()
    };
    for (old, new, name, key, wanted) in [
        (code("a", ""), code("b", ""), "code", "caption", None),
        (code("a", "c"), code("b", "c"), "code", "caption", None),
        (
            code("a", "c"),
            code("a", ""),
            "code",
            "caption",
            Some(json!([])),
        ),
        (
            callout("a", None),
            callout("b", None),
            "callout",
            "icon",
            None,
        ),
        (
            callout("a", emoji()),
            callout("b", emoji()),
            "callout",
            "icon",
            None,
        ),
        (
            callout("a", emoji()),
            callout("a", None),
            "callout",
            "icon",
            Some(Value::Null),
        ),
        (
            callout("a", None),
            callout("a", emoji()),
            "callout",
            "icon",
            Some(json!({"type": "emoji", "emoji": "💡"})),
        ),
        (
            callout("a", hosted("x")),
            callout("b", hosted("x")),
            "callout",
            "icon",
            None,
        ),
        // Such a link ends.
        (
            callout("a", emoji()),
            callout("b", hosted("x")),
            "callout",
            "icon",
            None,
        ),
        (
            image("https://a/b", "c"),
            image("https://a/d", "c"),
            "image",
            "caption",
            None,
        ),
    ] {
        assert_eq!(field(&old, &new, name, key), wanted, "{old:?} {new:?}");
    }
    let caption = field(&code("a", ""), &code("a", "c"), "code", "caption").unwrap();
    assert_eq!(caption[0]["text"]["content"], json!("c"));
    // Where nothing changed, the body still has a field.
    let file = BlockKind::Media {
        media: MediaKind::File,
        source: MediaSource::Hosted("https://h/x".into()),
        caption: RichText::default(),
    };
    let body = blocks::update_from(&file, &file);
    assert_eq!(body, Some(json!({"file": {"caption": []}})));
    assert_eq!(
        blocks::update_from(&BlockKind::Divider, &BlockKind::Divider),
        None
    );
}
