//! Edit scripts.

use std::collections::BTreeMap;

use notion_sync_core::document::blocks::update;
use notion_sync_core::document::edit::{BlockEdit, EditError, Position, apply, script, unread};
use notion_sync_core::document::merge::{BodyBase, Region, regions};
use notion_sync_core::document::{Block, BlockKind, Color, Document, RichText};
use notion_sync_core::id::BlockId;
use proptest::prelude::*;

use crate::merge_pool::{
    body, child_page, doc, edit, few, item, paragraph as p, strip, strokes, table, with_all_ids,
    with_ids,
};

fn bare(document: &Document) -> Document {
    doc(document.blocks.iter().map(strip).collect())
}

fn contents(blocks: &[Block], out: &mut BTreeMap<BlockId, Block>) {
    for block in blocks {
        if let Some(id) = &block.id {
            out.insert(id.clone(), block.canonical());
        }
        contents(&block.children, out);
    }
}

fn forget(blocks: &mut [Block], mask: &mut impl Iterator<Item = bool>, top: bool) {
    for block in blocks {
        if !top && mask.next().unwrap_or(false) {
            block.id = None;
        }
        forget(&mut block.children, mask, false);
    }
}

fn has_page(blocks: &[Block]) -> bool {
    blocks
        .iter()
        .any(|block| matches!(block.kind, BlockKind::ChildPage { .. }) || has_page(&block.children))
}

/// How many ids a script deletes or names.
fn names(edits: &[BlockEdit]) -> Vec<&BlockId> {
    edits
        .iter()
        .filter_map(|edit| match edit {
            BlockEdit::Update { id, .. } | BlockEdit::Delete { id } => Some(id),
            BlockEdit::Insert { .. } => None,
        })
        .collect()
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn a_script_makes_the_new_body(old in body(), new in body()) {
        let old = with_ids(&old);
        match script(&old.blocks, &new.blocks) {
            Ok(edits) => {
                let out = doc(apply(&old.blocks, &edits).unwrap());
                prop_assert!(out.canon_eq(&new), "{edits:?}");
                prop_assert_eq!(edits.is_empty(), old.canon_eq(&new));
            }
            // Only child pages are irreplaceable in these bodies.
            Err(EditError::Immovable(_)) => {
                let mut pages = BTreeMap::new();
                contents(&old.blocks, &mut pages);
                let page = |block: &Block| matches!(block.kind, BlockKind::ChildPage { .. });
                prop_assert!(pages.values().any(page));
            }
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
    }

    #[test]
    fn equal_bodies_need_no_step(old in body()) {
        let with = with_ids(&old);
        prop_assert_eq!(script(&with.blocks, &old.blocks), Ok(Vec::new()));
        // Also when nothing is known about ids.
        prop_assert_eq!(script(&old.blocks, &with.blocks), Ok(Vec::new()));
        prop_assert!(unread(&old.blocks, &with.blocks).is_empty());
    }

    #[test]
    fn composed_bodies_keep_their_ids(b in body(), x in strokes(0..4), y in strokes(0..4)) {
        let base = BodyBase::agree(&b, &b);
        let n = with_all_ids(edit(&with_ids(&b), &x, "n"));
        let g = edit(&b, &y, "g");
        let out = regions(&base, &n, &g).compose(Region::default_choice);
        if let Ok(edits) = script(&n.blocks, &out.notion.blocks) {
            let after = apply(&n.blocks, &edits).unwrap();
            prop_assert!(doc(after.clone()).canon_eq(&out.notion));
            let (mut wanted, mut found) = (BTreeMap::new(), BTreeMap::new());
            contents(&out.notion.blocks, &mut wanted);
            contents(&after, &mut found);
            // A child page stays where it is; what it changed places with is created again.
            let wanted = if has_page(&b.blocks) { BTreeMap::new() } else { wanted };
            for (id, block) in wanted {
                prop_assert_eq!(found.get(&id), Some(&block));
            }
            prop_assert_eq!(edits.is_empty(), !out.notion_changed);
        }
    }

    #[test]
    fn unknown_ids_cost_a_bigger_step(b in body(), y in strokes(1..4), mask in prop::collection::vec(any::<bool>(), 30)) {
        let mut old = with_ids(&b);
        let new = bare(&edit(&b, &y, "g"));
        let full = script(&old.blocks, &new.blocks);
        prop_assert!(unread(&old.blocks, &new.blocks).is_empty());
        forget(&mut old.blocks, &mut mask.into_iter(), true);
        match script(&old.blocks, &new.blocks) {
            Ok(edits) => {
                let out = doc(apply(&old.blocks, &edits).unwrap());
                prop_assert!(out.canon_eq(&new));
                if unread(&old.blocks, &new.blocks).is_empty() {
                    // Only empty paragraphs at the end may be left alone, with what was to fill
                    // them inserted by one step before them.
                    prop_assert!(full.is_ok_and(|full| edits.len() <= full.len()));
                }
            }
            Err(EditError::Unidentified) => prop_assert!(false, "top-level ids are known"),
            Err(EditError::Immovable(_) | EditError::ImmovableUnknown) => {}
        }
    }
}

/// An update cannot change the level of a heading: the block that comes is another one, inside and
/// out, and what the merge calls it is what the script makes of it.
#[test]
fn a_heading_of_another_level_is_another_block() {
    let heading = |level, toggle| {
        let text = RichText::plain("elm trees");
        let color = Color::default();
        Block::new(BlockKind::Heading {
            level,
            text,
            toggle,
            color,
            anchor: None,
        })
    };
    for (from, to) in [
        (vec![heading(1, false)], vec![heading(2, false)]),
        (
            vec![heading(1, true).with_children(vec![p("ash")])],
            vec![heading(2, true).with_children(vec![p("ash")])],
        ),
        (
            vec![heading(1, false), p("ash")],
            vec![p("oak"), heading(2, false)],
        ),
    ] {
        let (b, g) = (doc(from), doc(to));
        let n = with_ids(&b);
        let base = BodyBase::agree(&b, &b);
        let out = regions(&base, &n, &g).compose(Region::default_choice);
        assert!(out.notion.canon_eq(&g));
        let after = apply(&n.blocks, &script(&n.blocks, &out.notion.blocks).unwrap()).unwrap();
        let (mut wanted, mut found) = (BTreeMap::new(), BTreeMap::new());
        contents(&out.notion.blocks, &mut wanted);
        contents(&after, &mut found);
        for (id, block) in wanted {
            assert_eq!(found.get(&id), Some(&block), "{id}");
        }
    }
}

#[test]
fn steps_are_the_smallest() {
    let old = with_ids(&doc(vec![
        p("one apple"),
        item("list", vec![p("first thing"), p("second thing")]),
        table(&[&["a", "b"], &["c", "d"]]),
        p("last words"),
    ]));
    let ids = |blocks: &[Block]| -> Vec<String> {
        blocks
            .iter()
            .map(|b| b.id.as_ref().unwrap().to_string())
            .collect()
    };
    assert_eq!(ids(&old.blocks), ["id0", "id1", "id4", "id7"]);
    type Case = (&'static str, Box<dyn Fn(&mut Vec<Block>)>, Vec<String>);
    let cases: Vec<Case> = vec![
        (
            "a word",
            Box::new(|b| b[0] = p("one red apple")),
            vec!["update id0".into()],
        ),
        (
            "a nested word",
            Box::new(|b| b[1].children[1] = p("second big thing")),
            vec!["update id3".into()],
        ),
        (
            "a cell",
            Box::new(|b| b[2] = table(&[&["a", "b"], &["c", "e"]])),
            vec!["update id6".into()],
        ),
        (
            "a row",
            Box::new(|b| b[2] = table(&[&["a", "b"], &["x", "y"], &["c", "d"]])),
            vec!["insert in id4 after id5: 1".into()],
        ),
        (
            "a column",
            Box::new(|b| b[2] = table(&[&["a", "b", "x"], &["c", "d", "y"]])),
            vec!["insert after id1: 1".into(), "delete id4".into()],
        ),
        (
            "a deletion",
            Box::new(|b| {
                b.remove(0);
            }),
            vec!["delete id0".into()],
        ),
        (
            "an insertion at the start",
            Box::new(|b| {
                b.insert(0, p("hello"));
                b.insert(0, p("there"));
            }),
            vec!["insert at start: 2".into()],
        ),
        (
            "another type",
            Box::new(|b| {
                b[3] = Block::new(BlockKind::Heading {
                    level: 2,
                    text: RichText::plain("last words"),
                    toggle: false,
                    color: Color::default(),
                    anchor: None,
                })
            }),
            vec!["insert after id4: 1".into(), "delete id7".into()],
        ),
        (
            "a move",
            Box::new(|b| {
                let x = b.remove(0);
                b.push(x);
            }),
            vec!["insert after id7: 1".into(), "delete id0".into()],
        ),
        ("blank at the end", Box::new(|b| b.push(p(""))), vec![]),
    ];
    for (name, change, expected) in cases {
        let mut new = bare(&old);
        change(&mut new.blocks);
        let edits = script(&old.blocks, &new.blocks).unwrap();
        let shown: Vec<String> = edits.iter().map(show).collect();
        assert_eq!(shown, expected, "{name}");
        let out = doc(apply(&old.blocks, &edits).unwrap());
        assert!(out.canon_eq(&new), "{name}");
    }
}

/// The API has no update for either: a link that leads elsewhere is another block, and a column that
/// has no width any more stays as wide as it is.
#[test]
fn what_no_update_says_is_none() {
    let link = |page: &str| Block::new(BlockKind::LinkToPage { page: page.into() });
    let old = with_ids(&doc(vec![p("a"), link("p1"), p("b")]));
    let mut new = bare(&old);
    new.blocks[1] = link("p2");
    let edits = script(&old.blocks, &new.blocks).unwrap();
    let shown: Vec<String> = edits.iter().map(show).collect();
    assert_eq!(shown, ["insert after id0: 1", "delete id1"]);

    let columns = |ratio: Option<u16>, text: &str| {
        let column = |ratio, text: &str| {
            Block::new(BlockKind::Column { ratio }).with_children(vec![p(text)])
        };
        let list = vec![column(ratio.map(Into::into), text), column(None, "right")];
        doc(vec![Block::new(BlockKind::ColumnList).with_children(list)])
    };
    let old = with_ids(&columns(Some(600), "left"));
    for (new, wanted) in [
        (columns(None, "left"), &[][..]),
        (columns(None, "left side"), &["update id2"][..]),
        (columns(Some(500), "left"), &["update id1"][..]),
    ] {
        let edits = script(&old.blocks, &new.blocks).unwrap();
        let shown: Vec<String> = edits.iter().map(show).collect();
        assert_eq!(shown, wanted);
        for edit in &edits {
            if let BlockEdit::Update { kind, .. } = edit {
                assert!(update(kind).is_some(), "{kind:?}");
            }
        }
    }
}

fn show(edit: &BlockEdit) -> String {
    match edit {
        BlockEdit::Update { id, .. } => format!("update {id}"),
        BlockEdit::Delete { id } => format!("delete {id}"),
        BlockEdit::Insert {
            parent,
            after,
            blocks,
        } => {
            let parent = parent
                .as_ref()
                .map(|id| format!(" in {id}"))
                .unwrap_or_default();
            let after = match after {
                Position::Start => "at start".to_owned(),
                Position::After(id) => format!("after {id}"),
            };
            format!("insert{parent} {after}: {}", blocks.len())
        }
    }
}

#[test]
fn what_cannot_be_created_is_never_deleted_for_another_reason() {
    // A page that changes places with a paragraph: the paragraph moves.
    let old = with_ids(&doc(vec![child_page("p1"), p("a long enough text")]));
    let new = doc(vec![p("a long enough text"), child_page("p1")]);
    let edits = script(&old.blocks, &new.blocks).unwrap();
    assert_eq!(
        edits.iter().map(show).collect::<Vec<_>>(),
        ["insert at start: 1", "delete id1"]
    );
    // Two pages that change places: nothing can be done.
    let old = with_ids(&doc(vec![child_page("p1"), child_page("p2")]));
    let new = doc(vec![child_page("p2"), child_page("p1")]);
    assert!(matches!(
        script(&old.blocks, &new.blocks),
        Err(EditError::Immovable(_))
    ));
    // Really gone: deleted.
    let new = doc(vec![child_page("p2")]);
    assert_eq!(
        script(&old.blocks, &new.blocks).unwrap(),
        [BlockEdit::Delete {
            id: BlockId::new("id0")
        }]
    );
    // Inside a block that must be replaced.
    let old = with_ids(&doc(vec![item("list", vec![child_page("p1")])]));
    let quote = Block::new(BlockKind::Quote {
        text: RichText::plain("list"),
        color: Color::default(),
    });
    let new = doc(vec![quote.with_children(vec![child_page("p1")])]);
    assert_eq!(
        script(&old.blocks, &new.blocks),
        Err(EditError::Immovable(BlockId::new("id1")))
    );
}

#[test]
fn children_without_ids_are_asked_for() {
    let mut old = with_ids(&doc(vec![
        item("list", vec![p("first thing"), p("second thing")]),
        p("end"),
    ]));
    let new = doc(vec![
        item("list", vec![p("first thing"), p("second big thing")]),
        p("end"),
    ]);
    for child in &mut old.blocks[0].children {
        child.id = None;
    }
    assert_eq!(
        unread(&old.blocks, &new.blocks)
            .into_iter()
            .collect::<Vec<_>>(),
        [BlockId::new("id0")]
    );
    let edits = script(&old.blocks, &new.blocks).unwrap();
    assert_eq!(names(&edits), [&BlockId::new("id0")]);
    // Its own text needs no children.
    let new = doc(vec![
        item("the list", vec![p("first thing"), p("second thing")]),
        p("end"),
    ]);
    assert!(unread(&old.blocks, &new.blocks).is_empty());
    // Nothing is known at the top.
    old.blocks[1].id = None;
    let new = doc(vec![]);
    assert_eq!(
        script(&old.blocks, &new.blocks),
        Err(EditError::Unidentified)
    );
}

#[test]
fn a_script_survives_json_and_refuses_a_foreign_tree() {
    let old = with_ids(&doc(vec![p("a b c d"), item("x", vec![p("y")])]));
    let new = doc(vec![p("a b c"), p("new"), item("x", vec![p("z")])]);
    let edits = script(&old.blocks, &new.blocks).unwrap();
    let json = serde_json::to_string(&edits).unwrap();
    assert_eq!(
        serde_json::from_str::<Vec<BlockEdit>>(&json).unwrap(),
        edits
    );
    let error = apply(&[], &edits).unwrap_err();
    assert_eq!(error.step, 0);
}
