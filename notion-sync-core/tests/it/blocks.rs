//! Block JSON and append requests.

use std::collections::BTreeMap;

use notion_sync_core::document::blocks::{self, Stages, assemble, read, read_full, stages, write};
use notion_sync_core::document::limits::validate;
use notion_sync_core::document::{Block, BlockKind, Color, Document, Inline, Mention, RichText};
use notion_sync_core::id::BlockId;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::notion_documents::document;
use crate::notion_fixtures::{block_objects, fixtures, json_files};

/// Carries out append requests in memory the way Notion would and gives the body back.
fn carry_out(plan: &Stages) -> Document {
    fn count(node: &Node) -> usize {
        node.children.len()
    }
    #[derive(Default)]
    struct Node {
        object: Value,
        children: Vec<Node>,
    }
    fn node(object: &Value) -> Node {
        let kind = object["type"].as_str().unwrap().to_owned();
        let mut own = object.clone();
        let children = own[&kind]
            .as_object_mut()
            .unwrap()
            .remove("children")
            .map(|children| children.as_array().unwrap().iter().map(node).collect())
            .unwrap_or_default();
        Node {
            object: own,
            children,
        }
    }
    fn down<'n>(root: &'n mut Node, path: &[usize]) -> &'n mut Node {
        path.iter().fold(root, |node, at| &mut node.children[*at])
    }
    fn block(node: &Node) -> Block {
        let mut block = read(&node.object.to_string()).unwrap();
        block.children = node.children.iter().map(block_of).collect();
        block
    }
    fn block_of(node: &Node) -> Block {
        block(node)
    }
    let mut root = Node::default();
    for stage in &plan.stages {
        assert_eq!(
            validate(&json!({"children": stage.children})),
            [],
            "an append request breaks a rule"
        );
        let parent = down(&mut root, &stage.parent);
        assert_eq!(count(parent), stage.first, "stage starts where it says");
        parent.children.extend(stage.children.iter().map(node));
    }
    for path in plan.placeholders.iter().rev() {
        let (last, parent) = path.split_last().unwrap();
        let removed = down(&mut root, parent).children.remove(*last);
        assert_eq!(removed.object["type"], "paragraph");
    }
    Document {
        blocks: root.children.iter().map(block_of).collect(),
    }
}

#[test]
fn recorded_blocks_survive_reading_and_writing() {
    let Some(root) = fixtures() else { return };
    let (mut read_count, mut equal, mut opaque) = (0, 0, 0);
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    let mut changed: BTreeMap<String, usize> = BTreeMap::new();
    let mut places = BTreeMap::new();
    for folder in [
        "blocks",
        "pages",
        "search",
        "queries",
        "fragments",
        "requests",
    ] {
        for (path, value) in json_files(&root.join("notion").join(folder)) {
            let mut objects = Vec::new();
            block_objects(&value, &mut objects);
            for object in objects {
                read_count += 1;
                let first = read(&object.to_string()).unwrap();
                if matches!(first.kind, BlockKind::Opaque { .. }) {
                    opaque += 1;
                }
                let kind = object["type"].as_str().unwrap().to_owned();
                let plan = stages(std::slice::from_ref(&first));
                let back = carry_out(&plan);
                for issue in &plan.unwritable {
                    *refused
                        .entry(format!("{kind}: {}", issue.reason))
                        .or_default() += 1;
                }
                for issue in &plan.approximated {
                    *changed
                        .entry(format!("{kind}: {}", issue.reason))
                        .or_default() += 1;
                }
                if plan.unwritable.is_empty() && plan.approximated.is_empty() {
                    let want = Document {
                        blocks: vec![first],
                    };
                    assert!(back.canon_eq(&want), "{}: {object:#}", path.display());
                    equal += 1;
                }
                *places.entry(kind).or_insert(0) += 1;
            }
        }
    }
    println!(
        "recorded blocks: {read_count} read, {equal} equal after writing and reading, {opaque} kept opaque"
    );
    println!("by type: {places:?}");
    println!("not creatable: {refused:?}");
    println!("approximated: {changed:?}");
    assert!(read_count > 500 && equal > 350);
}

#[test]
fn recorded_trees_survive_reading_and_writing() {
    let Some(root) = fixtures() else { return };
    let (mut trees, mut blocks_in_them, mut equal) = (0, 0, 0);
    for (path, value) in json_files(&root.join("notion/blocks")) {
        let Some(objects) = value["results"].as_array() else {
            continue;
        };
        // The rows of a table or columns of a list are answers of their own.
        let Some(parent) = objects
            .first()
            .and_then(|object| object["parent"]["block_id"].as_str())
        else {
            continue;
        };
        let children: Vec<Block> = objects
            .iter()
            .filter_map(|object| read(&object.to_string()).ok())
            .collect();
        let kind = match children.first().map(|child| &child.kind) {
            Some(BlockKind::TableRow { cells }) => BlockKind::Table {
                width: cells.len(),
                header_row: true,
                header_column: false,
                alignment: Vec::new(),
            },
            Some(BlockKind::Column { .. }) => continue,
            _ => BlockKind::Toggle {
                text: RichText::plain("t"),
                color: Color::default(),
            },
        };
        let mut top = Block::new(kind);
        top.id = Some(BlockId::from(parent));
        let mut map = BTreeMap::from([(BlockId::from(parent), children)]);
        let want = Document {
            blocks: assemble(vec![top], &mut map),
        };
        let plan = stages(&want.blocks);
        let back = carry_out(&plan);
        trees += 1;
        blocks_in_them += want.blocks[0].children.len();
        if plan.unwritable.is_empty() && plan.approximated.is_empty() {
            assert!(back.canon_eq(&want), "{}", path.display());
            equal += 1;
        }
    }
    println!(
        "recorded lists of children: {trees} with {blocks_in_them} blocks, {equal} equal after writing"
    );
    assert!(trees > 20 && equal > 10);
}

#[test]
fn recorded_answers_do_not_depend_on_signatures() {
    let Some(root) = fixtures() else { return };
    let mut count = 0;
    for (path, value) in json_files(&root.join("notion/blocks")) {
        let mut objects = Vec::new();
        block_objects(&value, &mut objects);
        for object in objects {
            let text = object.to_string();
            if !text.contains("X-Amz-Signature=") {
                continue;
            }
            count += 1;
            let later = text
                .replace("X-Amz-Signature=0", "X-Amz-Signature=1")
                .replace("\"expiry_time\":\"20", "\"expiry_time\":\"21");
            assert_ne!(text, later);
            assert_eq!(
                read(&text).unwrap(),
                read(&later).unwrap(),
                "{}",
                path.display()
            );
        }
    }
    println!("{count} blocks with signed links read the same with other signatures");
    assert!(count > 0);
}

#[test]
fn what_is_not_known_is_kept() {
    for (json, kind) in [
        (
            r#"{"object":"block","id":"x","type":"button","button":{"b":1,"a":2}}"#,
            "button",
        ),
        (r#"{"type":"unsupported","unsupported":{}}"#, "unsupported"),
        (
            r#"{"type":"paragraph","paragraph":{"rich_text":7}}"#,
            "paragraph",
        ),
        (
            r#"{"type":"image","image":{"type":"file_upload","file_upload":{"id":"x"}}}"#,
            "image",
        ),
        (
            r#"{"type":"link_to_page","link_to_page":{"type":"database_id","database_id":"d"}}"#,
            "link_to_page",
        ),
        (r#"{"type":"paragraph"}"#, "paragraph"),
    ] {
        let block = read(json).unwrap();
        let BlockKind::Opaque { kind: got, raw } = &block.kind else {
            panic!("{json} became {block:?}");
        };
        assert_eq!(got, kind);
        assert!(!raw.contains("\"id\":\"x\"}") || kind == "image");
        assert!(!raw.contains("\"object\""));
    }
    let button = read(r#"{"id":"x","type":"button","button":{"b":1,"a":2}}"#).unwrap();
    assert_eq!(
        button.kind,
        BlockKind::Opaque {
            kind: "button".into(),
            raw: r#"{"type":"button","button":{"b":1,"a":2}}"#.into()
        }
    );
}

#[test]
fn broken_objects_are_refused_with_a_reason() {
    for (json, reason) in [
        ("", "not valid"),
        ("[]", "not valid"),
        ("{", "not valid"),
        (r#"{"object":"block","id":"a"}"#, "it names no type"),
        (r#"{"type":3}"#, "it names no type"),
    ] {
        let error = read(json).unwrap_err();
        assert!(error.to_string().contains(reason), "{json}: {error}");
    }
    let deep = format!("{}{}", r#"{"type":"x","x":["#.repeat(500), "]}".repeat(500));
    assert!(read(&deep).is_ok() || read(&deep).is_err());
}

#[test]
fn the_envelope_tells_what_to_fetch() {
    for (kind, fetch) in [
        ("toggle", true),
        ("child_page", false),
        ("child_database", false),
    ] {
        let payload = if kind == "toggle" {
            json!({"rich_text": []})
        } else {
            json!({"title": "t"})
        };
        let object = json!({"object": "block", "id": "c01166c613ae45cbb96818b4ef2f5a77", "type": kind,
            "has_children": true, "in_trash": true, "last_edited_time": "2026-07-04T09:13:00.000Z",
            kind: payload});
        let full = read_full(&object.to_string()).unwrap();
        assert_eq!((full.fetch_children, full.in_trash), (fetch, true));
        assert!(full.last_edited_time.is_some());
        assert_eq!(
            full.block.id,
            Some(BlockId::from("c01166c6-13ae-45cb-b968-18b4ef2f5a77"))
        );
    }
}

/// In the service's order of keys, with the type before what it describes, a block is read in one
/// pass; in another order, or with something unusual in it, field by field. Both must say the same.
#[test]
fn the_order_of_fields_does_not_matter() {
    let Some(root) = fixtures() else { return };
    let files = json_files(&root.join("notion"));
    let mut objects = Vec::new();
    for (_, value) in &files {
        block_objects(value, &mut objects);
    }
    let runs = json!([{"type": "text", "text": {"content": "a", "link": null}}]);
    let made = [
        json!({"id": null, "type": "divider", "divider": {}}),
        json!({"type": "quote", "has_children": null, "quote": {"rich_text": runs}}),
        json!({"type": "to_do", "archived": 1, "to_do": {"rich_text": runs, "checked": null}}),
        json!({"type": "quote", "quote": {"rich_text": [{"type": "new", "new": {}}]}}),
        json!({"type": "table", "table": {}}),
        json!({"type": "table", "table": {"table_width": 1, "children": [{"type": "new"}, {}]}}),
        json!({"type": "paragraph", "paragraph": null}),
        json!({"type": "paragraph"}),
        json!({"type": "equation", "equation": {"expression": 1}, "last_edited_time": "x"}),
    ];
    objects.extend(&made);
    let mut known = 0;
    for object in objects {
        let fields = object.as_object().unwrap();
        let text = |last: bool| {
            let (own, rest): (Vec<_>, Vec<_>) =
                fields.iter().partition(|(key, _)| (*key == "type") != last);
            let own = own.into_iter().chain(rest);
            let own: Vec<String> = own
                .map(|(key, value)| format!("\"{key}\":{value}"))
                .collect();
            format!("{{{}}}", own.join(","))
        };
        let (first, last) = (text(false), text(true));
        assert!(first.starts_with("{\"type\":"), "{first}");
        match (read_full(&first), read_full(&last)) {
            (Ok(mut one), Ok(mut other)) => {
                // What is kept as it is keeps its order.
                let opaque = [&mut one, &mut other].map(|read| match &mut read.block.kind {
                    BlockKind::Opaque { raw, .. } => std::mem::take(raw),
                    _ => String::from("null"),
                });
                let [a, b] = opaque.map(|raw| serde_json::from_str::<Value>(&raw).unwrap());
                assert_eq!(a, b, "{object}");
                assert_eq!(one, other, "{object}");
                known += usize::from(a.is_null());
            }
            (one, other) => assert!(one.is_err() && other.is_err(), "{object}"),
        }
    }
    assert!(known > 100, "{known}");
}

#[test]
fn children_fetched_apart_are_assembled() {
    let object = |id: &str| json!({"id": id, "type": "toggle", "toggle": {"rich_text": []}});
    let top = read(&object("a").to_string()).unwrap();
    let child = read(&object("b").to_string()).unwrap();
    let mut map = BTreeMap::from([(BlockId::from("a"), vec![child.clone()])]);
    assert_eq!(assemble(vec![top], &mut map)[0].children, vec![child]);
    assert!(map.is_empty());
}

#[test]
fn rows_hold_no_room_for_cells_that_never_came() {
    let row = json!({"type": "table_row", "table_row": {"cells": vec![json!([]); 5]}});
    let BlockKind::TableRow { cells } = read_full(&row.to_string()).unwrap().block.kind else {
        panic!("a row is read as a row");
    };
    assert_eq!((cells.len(), cells.capacity()), (5, 5));
}

#[test]
fn requests_are_cut_at_every_limit() {
    let many = |count: usize| {
        (0..count)
            .map(|at| Block::paragraph(format!("{at}")))
            .collect::<Vec<_>>()
    };
    let nest = |depth: usize| {
        (0..depth).fold(Block::paragraph("end"), |inner, at| {
            Block::new(BlockKind::BulletedItem {
                text: RichText::plain(format!("{at}")),
                color: Color::default(),
            })
            .with_children(vec![inner])
        })
    };
    let table = |rows: usize| {
        let row = Block::new(BlockKind::TableRow {
            cells: vec![RichText::plain("x"); 3],
        });
        Block::new(BlockKind::Table {
            width: 3,
            header_row: true,
            header_column: false,
            alignment: vec![],
        })
        .with_children(vec![row; rows])
    };
    let columns = |inside: Vec<Block>| {
        let column =
            |children| Block::new(BlockKind::Column { ratio: None }).with_children(children);
        Block::new(BlockKind::ColumnList)
            .with_children(vec![column(inside), column(vec![Block::paragraph("r")])])
    };
    let big = |units: usize| {
        Block::new(BlockKind::Code {
            code: "é".repeat(units),
            language: "rust".into(),
            info: None,
            caption: RichText::default(),
        })
    };
    let quote = |children| {
        Block::new(BlockKind::Quote {
            text: RichText::plain("q"),
            color: Color::default(),
        })
        .with_children(children)
    };
    for (name, body, requests) in [
        ("100", many(100), 1),
        ("101", many(101), 2),
        ("three levels", vec![nest(2)], 1),
        ("four levels", vec![nest(3)], 2),
        ("twenty levels", vec![nest(19)], 7),
        ("100 rows", vec![table(100)], 1),
        ("250 rows", vec![table(250)], 3),
        ("nested table", vec![quote(vec![quote(vec![table(2)])])], 2),
        (
            "columns in a quote",
            vec![quote(vec![columns(vec![Block::paragraph("l")])])],
            2,
        ),
        ("table first in a column", vec![columns(vec![table(2)])], 2),
        (
            "columns in columns",
            vec![columns(vec![columns(vec![table(2)])])],
            3,
        ),
        ("many children", vec![quote(many(350))], 4),
        (
            "2,000 blocks",
            (0..20).map(|_| quote(many(99))).collect(),
            2,
        ),
        (
            "2,020 blocks",
            (0..20).map(|_| quote(many(100))).collect(),
            3,
        ),
        ("large", vec![big(100_000), big(100_000), big(100_000)], 2),
    ] {
        let want = Document { blocks: body };
        let plan = stages(&want.blocks);
        assert_eq!(
            (&plan.unwritable[..], &plan.approximated[..]),
            (&[][..], &[][..]),
            "{name}"
        );
        assert!(carry_out(&plan).canon_eq(&want), "{name}");
        assert_eq!(plan.stages.len(), requests, "{name}");
    }
}

#[test]
fn what_cannot_be_created_is_named_and_the_rest_goes_on() {
    let text = |inline: Inline| {
        Block::new(BlockKind::Paragraph {
            text: RichText(vec![inline]),
            color: Color::default(),
        })
    };
    let body = vec![
        Block::paragraph("a"),
        Block::new(BlockKind::ChildPage {
            page: "x".into(),
            title: "t".into(),
        }),
        Block::new(BlockKind::TableRow { cells: vec![] }),
        Block::new(BlockKind::Divider).with_children(vec![Block::paragraph("lost")]),
        text(Inline {
            link: Some("ftp://x".into()),
            ..Inline::text("l")
        }),
        text(Inline {
            kind: notion_sync_core::document::InlineKind::Mention(Mention::Emoji("e".into())),
            ..Inline::text("")
        }),
        Block::new(BlockKind::Code {
            code: "x".repeat(200_001),
            language: "rust".into(),
            info: None,
            caption: RichText::default(),
        }),
        Block::new(BlockKind::ColumnList),
        Block::new(BlockKind::Table {
            width: 2,
            header_row: false,
            header_column: false,
            alignment: vec![],
        }),
        Block::paragraph("b"),
    ];
    let plan = stages(&body);
    let list = |issues: &[blocks::Issue]| {
        issues
            .iter()
            .map(|i| format!("{:?} {:?}", i.place, i.reason))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        list(&plan.unwritable),
        [
            "[1] NotCreatable",
            "[2] Misplaced",
            "[3, 0] Misplaced",
            "[6] TooLarge"
        ]
    );
    assert_eq!(
        list(&plan.approximated),
        ["[4] Link", "[5] Mention", "[7] Padded", "[8] Padded"]
    );
    let back = carry_out(&plan);
    assert_eq!(back.blocks.len(), 7);
    assert!(write(&body[1]).is_err());
}

/// What raw JSON holds counts like any other blocks: in depth, and in number.
#[test]
fn raw_blocks_count_with_what_they_hold() {
    let tab = |children: usize| {
        let text = json!({"type": "paragraph", "paragraph": {"rich_text": []}});
        let raw = json!({"type": "tab", "tab": {"children": vec![text; children]}});
        Block::new(BlockKind::Opaque {
            kind: "tab".to_owned(),
            raw: raw.to_string(),
        })
    };
    let column = |children| {
        let mut column = Block::new(BlockKind::Column { ratio: None });
        column.children = children;
        column
    };
    let mut columns = Block::new(BlockKind::ColumnList);
    columns.children = vec![column(vec![tab(1)]), column(vec![tab(2), tab(3)])];
    let plan = stages(&[columns]);
    assert!(plan.unwritable.is_empty());
    carry_out(&plan);

    let plan = stages(&vec![tab(90); 30]);
    assert!(plan.unwritable.is_empty());
    assert!(plan.stages.len() > 1, "2,730 blocks need three requests");
    carry_out(&plan);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn stages_are_valid_and_say_the_same(body in document(false)) {
        let plan = stages(&body.blocks);
        let back = carry_out(&plan);
        if plan.unwritable.is_empty() && plan.approximated.is_empty() {
            prop_assert!(back.canon_eq(&body), "{:#?}\n{:#?}", back.canonical(), body.canonical());
        }
    }

    #[test]
    fn raw_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = read(&text);
    }

    #[test]
    fn mutilated_blocks_never_panic(at in 0usize..400, byte in any::<u8>()) {
        let object = json!({"object": "block", "id": "c01166c613ae45cbb96818b4ef2f5a77", "type": "paragraph",
            "paragraph": {"rich_text": [{"type": "mention", "mention": {"type": "date", "date": {"start": "2022-02-21", "end": null}},
                "annotations": {"bold": false, "color": "default"}, "href": null}], "color": "default", "children": []}});
        let mut bytes = object.to_string().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = read(&String::from_utf8_lossy(&bytes));
    }
}
