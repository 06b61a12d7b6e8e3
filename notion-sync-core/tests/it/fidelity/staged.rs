//! Long and deep bodies, appended in stages that can be resumed.

use notion_sync_core::document::blocks::stages;
use notion_sync_core::document::limits::validate;
use notion_sync_core::document::{Block, BlockKind, Color, Document, RichText};
use serde_json::json;

use super::service::Service;

fn item(text: &str, children: Vec<Block>) -> Block {
    Block::new(BlockKind::BulletedItem {
        text: RichText::plain(text),
        color: Color::default(),
    })
    .with_children(children)
}

fn deep(levels: usize) -> Block {
    (0..levels).fold(item("leaf", Vec::new()), |inside, level| {
        item(&format!("level {level}"), vec![inside])
    })
}

fn columns(inside: Vec<Block>) -> Block {
    let column = |children| Block::new(BlockKind::Column { ratio: None }).with_children(children);
    Block::new(BlockKind::ColumnList).with_children(vec![
        column(inside),
        column(vec![Block::paragraph("right")]),
    ])
}

fn table(rows: usize) -> Block {
    let row = |at: usize| {
        Block::new(BlockKind::TableRow {
            cells: vec![RichText::plain(at.to_string()), RichText::plain("x")],
        })
    };
    Block::new(BlockKind::Table {
        width: 2,
        header_row: true,
        header_column: false,
        alignment: Vec::new(),
    })
    .with_children((0..rows).map(row).collect())
}

fn bodies() -> Vec<Document> {
    let body = |blocks| Document { blocks };
    vec![
        body(
            (0..250)
                .map(|at| Block::paragraph(at.to_string()))
                .collect(),
        ),
        body(vec![deep(12), Block::paragraph("behind"), deep(3)]),
        body(vec![item(
            "long",
            (0..320)
                .map(|at| item(&at.to_string(), vec![deep(2)]))
                .collect(),
        )]),
        body(vec![columns(vec![columns(vec![deep(4), table(3)])])]),
        body(vec![
            table(350),
            item("table", vec![item("in", vec![table(120)])]),
        ]),
        body(
            (0..30)
                .map(|_| Block::paragraph("x".repeat(40_000)))
                .collect(),
        ),
        body(vec![Block::paragraph("😀".repeat(60_000))]),
    ]
}

/// A caller that crashed between any two requests asks what is there and goes on.
#[test]
fn appending_resumes_at_every_stage() {
    for (case, body) in bodies().into_iter().enumerate() {
        let plan = stages(&body.blocks);
        assert!(
            plan.unwritable.is_empty() && plan.approximated.is_empty(),
            "{case}"
        );
        assert!(plan.stages.len() > 1 || case == 6, "{case}");
        let points: Vec<usize> = (0..=plan.stages.len()).collect();
        for stop in points.into_iter().step_by(1 + plan.stages.len() / 12) {
            let mut service = Service::default();
            let mut violations = service.carry_out(&plan, 0, stop);
            // The first stage whose blocks are not there yet.
            let resume = plan
                .stages
                .iter()
                .enumerate()
                .position(|(at, stage)| {
                    let known = at < stop || service.knows(&stage.parent);
                    !known || service.children_of(&stage.parent) <= stage.first
                })
                .unwrap_or(plan.stages.len());
            assert_eq!(resume, stop, "{case}");
            violations.extend(service.carry_out(&plan, resume, plan.stages.len()));
            service.clean_up(&plan);
            assert_eq!(violations, [], "{case}");
            assert!(service.body().canon_eq(&body), "{case} stopped at {stop}");
        }
    }
}

/// A table is at most as wide as an array may be long.
#[test]
fn rows_have_at_most_a_hundred_cells() {
    let request = |cells: usize| {
        json!({"children": [{"type": "table", "table": {
            "table_width": cells,
            "children": [{"type": "table_row", "table_row": {"cells": vec![json!([]); cells]}}],
        }}]})
    };
    assert_eq!(validate(&request(100)), []);
    assert_eq!(validate(&request(101))[0].found, "101");
    let row = Block::new(BlockKind::TableRow {
        cells: vec![RichText::plain("c"); 101],
    });
    let wide = Block::new(BlockKind::Table {
        width: 101,
        header_row: true,
        header_column: false,
        alignment: Vec::new(),
    })
    .with_children(vec![row]);
    let plan = stages(&[wide]);
    assert!(plan.stages.is_empty() && plan.unwritable.len() == 1);
}
