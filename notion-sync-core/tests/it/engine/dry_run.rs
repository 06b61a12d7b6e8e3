//! P25: a dry run writes nothing, and its plan is what the next tick persists.

use futures::executor::block_on;
use notion_sync_core::mapping::{MappingKind, Policy};
use notion_sync_core::operation::Operation;
use notion_sync_core::state::State;
use notion_sync_core::value::Value;
use notion_sync_testkit::model::ModelFault;
use proptest::prelude::*;

use super::world::{World, body, documents, plain, rewrite, tasks};
use crate::planner::config;
use crate::planner::world::{kind, policy};

/// Everything about an operation that a plan fixes.
fn fixed(op: &Operation) -> String {
    format!(
        "{:?}",
        (
            &op.id,
            op.side,
            &op.label,
            &op.rows,
            &op.write,
            &op.settlement,
            op.desired
        )
    )
}

#[derive(Debug, Clone)]
enum Act {
    Create(u8),
    Page(u8, u8),
    Title(u8, u8),
    Other(u8, u8),
    Trash(u8),
    Pass(i64),
    Tick,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0..3_u8).prop_map(Act::Create),
        (0..3_u8, 0..3_u8).prop_map(|(page, word)| Act::Page(page, word)),
        (0..3_u8, 0..3_u8).prop_map(|(page, word)| Act::Title(page, word)),
        (0..3_u8, 0..3_u8).prop_map(|(page, word)| Act::Other(page, word)),
        (0..3_u8).prop_map(Act::Trash),
        (1..6_i64).prop_map(Act::Pass),
        Just(Act::Tick),
    ]
}

fn play(world: &World, act: &Act) {
    let page = |index: u8| world.pages.live().get(usize::from(index)).cloned();
    match act {
        Act::Create(word) => {
            world.pages.create(&format!("T{word}"), body(&["w0", "w1"]));
        }
        Act::Page(index, word) => {
            if let Some(page) = page(*index) {
                world
                    .pages
                    .edit_body(&page, |body| rewrite(body, "w0", &format!("w{word}")));
            }
        }
        Act::Title(index, word) => {
            if let Some(page) = page(*index) {
                world
                    .pages
                    .set(&page, "title", Value::text(format!("T{word}")));
            }
        }
        Act::Other(index, word) => {
            if world.mapping.kind == MappingKind::Documents {
                let path = format!("docs/f{index}.md");
                world
                    .repo
                    .put(&path, Some(&format!("# F{index}\n\nw{word}\n")));
            } else if let Some(number) = world.repo.numbers().get(usize::from(*index)) {
                world
                    .repo
                    .set_issue_text(*number, &format!("w{word}\n\nw1\n"));
            } else {
                world.repo.open_issue(&format!("I{index}"), "w0\n\nw1\n");
            }
        }
        Act::Trash(index) => {
            if let Some(page) = page(*index) {
                world.pages.trash(&page, true);
            }
        }
        Act::Pass(minutes) => world.pass(*minutes),
        Act::Tick => {
            world.poll();
        }
    }
}

/// Every case plays whole ticks through the engine, which takes a hundred times as long as a plan: of what is asked of
/// plans these play a fortieth, five thousand where the planner is asked for a hundred times its usual cases.
fn cases() -> u32 {
    if std::env::var_os("NOTION_SYNC_CASES").is_some() {
        50
    } else {
        300
    }
}

proptest! {
    #![proptest_config(config(cases()))]

    #[test]
    fn a_dry_run_writes_nothing_and_shows_what_a_tick_persists(
        kind in kind(),
        policy in policy(),
        acts in proptest::collection::vec(act(), 1..14),
    ) {
        let world = World::new(match kind {
            MappingKind::Documents => documents(policy),
            MappingKind::Tasks => tasks(policy),
        });
        for act in &acts {
            play(&world, act);
        }
        let state = State::new(&*world.store);
        let look = || {
            let records: Vec<_> = world
                .records()
                .into_iter()
                .map(|record| block_on(state.record(&record.id)).unwrap())
                .collect();
            let mapping = block_on(state.mapping(&world.mapping.id)).unwrap();
            let open = block_on(state.open_operations(&world.mapping.id)).unwrap();
            let audit = block_on(state.audit(None)).unwrap();
            format!("{:?}", (records, mapping, open, audit))
        };
        let before = look();
        let writes = (world.pages.writes(), world.repo.writes());
        let plans = block_on(world.engine.plan(false)).unwrap();
        prop_assert_eq!(&before, &look(), "the store changed");
        prop_assert_eq!(&writes, &(world.pages.writes(), world.repo.writes()));
        let shown: Vec<String> = plans
            .iter()
            .flat_map(|plan| &plan.records)
            .flat_map(|record| &record.operations)
            .map(fixed)
            .collect();
        // A tick that sends nothing: everything it planned is then in the store as planned.
        block_on(world.engine.tick(notion_sync_core::engine::Budget {
            poll_now: true,
            full: false,
            operations: 0,
        }))
        .unwrap();
        let open: Vec<String> = block_on(state.open_operations(&world.mapping.id))
            .unwrap()
            .iter()
            .map(|op| fixed(&op.value))
            .collect();
        for op in &shown {
            prop_assert!(open.contains(op), "{op} was shown and not planned: {open:#?}");
        }
        let follow_up = ["Bookkeep", "Comment"];
        for op in &open {
            prop_assert!(
                shown.contains(op) || before.contains(op.as_str())
                    || follow_up.iter().any(|kind| op.contains(kind)),
                "{op} was planned and not shown"
            );
        }
        world.settle();
    }
}

/// A document of 900 KB goes both ways: what is remembered of it takes many items of a store.
#[test]
fn a_large_document_fits_into_transactions() {
    let world = World::new(documents(Policy::ManualReview));
    let mut text = String::from("# Large\n\n");
    let mut line = 0;
    while text.len() < 900_000 {
        let words = "many words in a row ".repeat(8);
        text.push_str(&format!("Line {line} has {words}here.\n\n"));
        line += 1;
    }
    world.repo.put("docs/large.md", Some(&text));
    world.settle();
    let page = world.pages.live()[0].clone();
    assert_eq!(world.live(), 1);
    assert_eq!(world.pages.body(&page).blocks.len(), line);
    world.pass(10);
    world.pages.edit_body(&page, |body| {
        body.blocks[3] = notion_sync_core::document::Block::paragraph("Edited");
    });
    world.poll();
    world.settle();
    assert!(
        world
            .repo
            .file("docs/large.md")
            .unwrap()
            .contains("\nEdited\n")
    );
    world.pass(10);
    let text = world.repo.file("docs/large.md").unwrap();
    world.repo.put(
        "docs/large.md",
        Some(&text.replace("\nEdited\n", "\nAgain\n")),
    );
    world.repo.fail([ModelFault::Refused]);
    world.settle();
    let body = world.pages.body(&page);
    assert_eq!(plain(&body)[3], "Again");
    println!("{} bytes, {line} blocks", text.len());
}
