//! Comments follow, both ways.

use futures::executor::block_on;
use notion_sync_core::audit::AuditEvent;
use notion_sync_core::comment::CommentSync;
use notion_sync_core::engine::Budget;
use notion_sync_core::event::ChangeEvent;
use notion_sync_core::mapping::{Mapping, Policy};
use notion_sync_core::state::State;
use notion_sync_core::value::Value;
use notion_sync_testkit::model::{ModelComment, ModelFault};
use serde_json::json;

use super::world::{World, body, tasks};

pub(crate) fn talking(settings: CommentSync) -> Mapping {
    Mapping {
        comments: Some(settings),
        ..tasks(Policy::ManualReview)
    }
}

/// A page and its issue, at rest.
pub(crate) fn paired(settings: CommentSync) -> (World, String, u32) {
    let world = World::new(talking(settings));
    let page = world.pages.create("Fix login", body(&["Steps"]));
    world.settle();
    let number = world.repo.numbers()[0];
    world.pass(10);
    assert_eq!(world.settle(), 0);
    (world, page, number)
}

pub(crate) fn texts(comments: &[ModelComment]) -> Vec<String> {
    comments.iter().map(|one| one.text.clone()).collect()
}

fn audit(world: &World, event: AuditEvent) -> usize {
    (block_on(State::new(&*world.store).audit(None))
        .unwrap()
        .iter())
    .filter(|row| row.event == event)
    .count()
}

#[test]
fn comments_follow_both_ways_once() {
    let (world, page, number) = paired(CommentSync::default());
    world.pages.comment(&page, "Ada", "Which browser?");
    world.repo.comment(number, "bob", "All of them");
    assert_eq!(world.settle(), 2);
    let said = texts(&world.repo.discussion(number));
    assert_eq!(said, ["All of them", "Ada (Notion): Which browser?"]);
    let said = texts(&world.pages.comments(&page));
    assert_eq!(said, ["Which browser?", "bob (GitHub): All of them"]);
    world.pass(60);
    assert_eq!(world.settle(), 0, "no echo");
    world.sweep();
    assert_eq!(world.settle(), 0, "no echo in a sweep");
}

#[test]
fn edits_and_deletions_reach_the_copies() {
    let (world, page, number) = paired(CommentSync::default());
    let ours = world.pages.comment(&page, "Ada", "one");
    let theirs = world.repo.comment(number, "bob", "two");
    world.settle();
    world.pass(10);
    // Neither moves the page nor the issue.
    world.pages.edit_comment(ours, "one!");
    world.repo.edit_comment(theirs, "two!");
    assert_eq!(world.settle(), 2);
    assert_eq!(
        texts(&world.repo.discussion(number)),
        ["two!", "Ada (Notion): one!"]
    );
    assert_eq!(
        texts(&world.pages.comments(&page)),
        ["one!", "bob (GitHub): two!"]
    );
    world.pass(10);
    world.pages.delete_comment(ours);
    world.repo.delete_comment(theirs);
    assert_eq!(world.settle(), 2);
    assert!(world.repo.discussion(number).is_empty());
    assert!(world.pages.comments(&page).is_empty());
    world.pass(10);
    assert_eq!(world.settle(), 0);
}

#[test]
fn a_resolved_thread_keeps_its_copy() {
    let (world, page, number) = paired(CommentSync::default());
    let id = world.pages.comment(&page, "Ada", "done?");
    world.settle();
    world.pages.resolve_comment(id, true);
    assert_eq!(world.settle(), 0);
    assert_eq!(world.repo.discussion(number).len(), 1);
    world.pass(10);
    // While it is resolved nobody asks for it again, but in a sweep.
    let before = world.pages.reads().comments;
    assert_eq!(world.settle(), 0);
    assert_eq!(world.pages.reads().comments, before + 1, "one listing");
    world.pages.delete_comment(id);
    assert_eq!(world.settle(), 0);
    world.sweep();
    world.settle();
    assert!(world.repo.discussion(number).is_empty());
}

#[test]
fn what_people_do_to_copies_stays() {
    let (world, page, number) = paired(CommentSync::default());
    let id = world.pages.comment(&page, "Ada", "one");
    let other = world.pages.comment(&page, "Ada", "two");
    world.settle();
    let copies = world.repo.discussion(number);
    world.repo.edit_comment(copies[0].id, "mine");
    world.repo.delete_comment(copies[1].id);
    assert_eq!(world.settle(), 0);
    assert_eq!(texts(&world.repo.discussion(number)), ["mine"]);
    // Until the original is edited; what is lost is in the audit.
    world.pages.edit_comment(id, "one!");
    world.pages.edit_comment(other, "two!");
    assert_eq!(world.settle(), 1);
    assert_eq!(
        texts(&world.repo.discussion(number)),
        ["Ada (Notion): one!"]
    );
    let rows = block_on(State::new(&*world.store).audit(None)).unwrap();
    let lost: Vec<_> = rows
        .iter()
        .filter(|row| row.event == AuditEvent::Loser)
        .collect();
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0].details["value"], "mine");
}

#[test]
fn a_copy_that_changes_under_our_hands_is_looked_at_again() {
    let (world, page, number) = paired(CommentSync::default());
    let id = world.pages.comment(&page, "Ada", "one");
    world.settle();
    world.pages.edit_comment(id, "two");
    // Planned, and not sent.
    let none = Budget {
        poll_now: true,
        operations: 0,
        ..Budget::default()
    };
    block_on(world.engine.tick(none)).unwrap();
    let copy = world.repo.discussion(number)[0].id;
    world.repo.edit_comment(copy, "mine");
    world.settle();
    assert_eq!(texts(&world.repo.discussion(number)), ["Ada (Notion): two"]);
    assert_eq!(audit(&world, AuditEvent::Loser), 1);
    assert_eq!(audit(&world, AuditEvent::Voided), 1);
}

#[test]
fn old_comments_and_marked_ones_stay_where_they_are() {
    for backfill in [false, true] {
        let mut world = World::new(tasks(Policy::ManualReview));
        let page = world.pages.create("Fix login", body(&["Steps"]));
        world.settle();
        let number = world.repo.numbers()[0];
        world.pages.comment(&page, "Ada", "old");
        world.pass(10);
        world.settle();
        assert_eq!(
            world.pages.reads().comments,
            0,
            "never read while they do not follow"
        );
        world.mapping = talking(CommentSync {
            ignore_prefix: Some("//".to_owned()),
            backfill,
            ..CommentSync::default()
        });
        world.restart();
        world.settle();
        world.pages.comment(&page, "Ada", "// between us");
        world.pages.comment(&page, "Ada", "new");
        world.settle();
        let said = texts(&world.repo.discussion(number));
        if backfill {
            assert_eq!(said, ["Ada (Notion): old", "Ada (Notion): new"]);
        } else {
            assert_eq!(said, ["Ada (Notion): new"]);
        }
    }
}

#[test]
fn a_conflict_note_of_the_engine_follows_nowhere() {
    let (world, page, number) = paired(CommentSync::default());
    world.pages.set(&page, "title", Value::text("N"));
    world.repo.set_issue(number, "title", Value::text("G"));
    world.settle();
    assert_eq!(world.repo.comments(number).len(), 1);
    assert!(world.pages.comments(&page).is_empty());
    // And a conflict keeps no comment from following.
    world.pages.comment(&page, "Ada", "N, please");
    world.settle();
    assert_eq!(world.repo.discussion(number).len(), 1);
}

#[test]
fn a_missing_capability_is_told_once_and_holds_up_nothing() {
    let (world, page, number) = paired(CommentSync::default());
    world.pages.forbid_comments(true);
    world.pages.comment(&page, "Ada", "hello");
    let tick = world.poll();
    let told = |tick: &notion_sync_core::engine::Tick| -> Vec<String> {
        (tick.mappings[0].incidents.iter())
            .map(|incident| incident.message.clone())
            .collect()
    };
    assert_eq!(told(&tick).len(), 1, "{:?}", told(&tick));
    assert!(told(&tick)[0].contains("capability"), "{:?}", told(&tick));
    for _ in 0..20 {
        world.pass(1);
        assert!(told(&world.poll()).is_empty());
    }
    world.pages.set(&page, "state", Value::text("Done"));
    world.settle();
    assert_eq!(world.repo.issue(number, "state"), Value::text("closed"));
    world.pages.forbid_comments(false);
    world.pass(10);
    world.settle();
    assert_eq!(
        texts(&world.repo.discussion(number)),
        ["Ada (Notion): hello"]
    );
}

#[test]
fn a_copy_that_may_not_be_written_holds_up_nothing() {
    let (world, page, number) = paired(CommentSync::default());
    for text in ["a", "b", "c"] {
        world.pages.comment(&page, "Ada", text);
    }
    // Comments can be read until the moment of writing.
    let none = Budget {
        poll_now: true,
        operations: 0,
        ..Budget::default()
    };
    block_on(world.engine.tick(none)).unwrap();
    world.repo.forbid_comments(true);
    let mut told = 0;
    for _ in 0..30 {
        told += world.poll().mappings[0].incidents.len();
        world.pass(1);
    }
    // Once that they cannot be written, once that they cannot be read.
    assert_eq!(told, 2);
    world.pages.set(&page, "state", Value::text("Done"));
    for _ in 0..5 {
        world.poll();
        world.pass(1);
    }
    assert_eq!(world.repo.issue(number, "state"), Value::text("closed"));
    world.repo.forbid_comments(false);
    world.pass(10);
    world.settle();
    assert_eq!(world.repo.discussion(number).len(), 3);
}

pub(crate) fn comment_hint(id: &str, page: &str, comment: u32, block: Option<&str>) -> ChangeEvent {
    let mut changed = json!({"comment": {"after": {"text": comment.to_string()}}});
    if let Some(block) = block {
        changed["block"] = json!({"after": {"text": block}});
    }
    serde_json::from_value(json!({
        "id": id, "side": "notion", "detected": "webhook",
        "detected_at": "2026-11-21T09:00:05Z", "event": "comment.created",
        "object": {"system": "notion", "kind": "page", "id": page},
        "changed": changed,
    }))
    .unwrap()
}

#[test]
fn hints_lead_to_discussions_of_blocks_and_to_resolved_threads() {
    let quiet = CommentSync {
        pages_per_poll: 0,
        ..CommentSync::default()
    };
    let (world, page, number) = paired(quiet);
    let id = world.pages.comment_on_block("block-1", "Ada", "this line");
    world.settle();
    assert!(
        world.repo.discussion(number).is_empty(),
        "no listing shows it"
    );
    block_on(
        world
            .engine
            .ingest(comment_hint("h1", &page, id, Some("block-1"))),
    )
    .unwrap();
    world.settle();
    assert_eq!(
        texts(&world.repo.discussion(number)),
        ["Ada (Notion): this line"]
    );
    world.pages.resolve_comment(id, true);
    block_on(
        world
            .engine
            .ingest(comment_hint("h2", &page, id, Some("block-1"))),
    )
    .unwrap();
    world.settle();
    world.pages.delete_comment(id);
    block_on(world.engine.ingest(comment_hint("h3", &page, id, None))).unwrap();
    world.settle();
    assert!(world.repo.discussion(number).is_empty());
}

#[test]
fn a_hint_about_a_comment_is_nothing_where_comments_do_not_follow() {
    let world = World::new(tasks(Policy::ManualReview));
    let page = world.pages.create("Fix login", body(&["Steps"]));
    world.settle();
    world.pass(10);
    world.settle();
    let before = world.pages.reads();
    block_on(world.engine.ingest(comment_hint("h1", &page, 1, None))).unwrap();
    let tick = block_on(world.engine.tick(Budget::default())).unwrap();
    assert_eq!(tick.mappings[0].hints, 1);
    assert_eq!(world.pages.reads().contents, before.contents);
    assert_eq!(world.pages.reads().comments, 0);
}

#[test]
fn the_turn_comes_to_every_task() {
    let world = World::new(talking(CommentSync {
        pages_per_poll: 2,
        ..CommentSync::default()
    }));
    let pages: Vec<String> = (0..11)
        .map(|n| world.pages.create(&format!("Task {n}"), body(&["x"])))
        .collect();
    world.settle();
    world.pass(10);
    world.settle();
    for page in &pages {
        world.pages.comment(page, "Ada", "ping");
    }
    let mut polls = 0;
    let said = || -> usize {
        (world.repo.numbers().iter())
            .map(|n| world.repo.discussion(*n).len())
            .sum()
    };
    while said() < pages.len() {
        world.pass(2);
        world.poll();
        polls += 1;
        assert!(polls < 20, "{} of {}", said(), pages.len());
    }
    assert!(polls > 1, "not all at once");
    world.pass(10);
    assert_eq!(world.settle(), 0);
}

#[test]
fn many_comments_come_in_several_looks_and_in_order() {
    let (world, page, number) = paired(CommentSync::default());
    let said: Vec<String> = (0..30).map(|n| format!("comment {n:02}")).collect();
    for text in &said {
        world.pages.comment(&page, "Ada", text);
    }
    world.settle();
    let want: Vec<String> = said
        .iter()
        .map(|text| format!("Ada (Notion): {text}"))
        .collect();
    assert_eq!(texts(&world.repo.discussion(number)), want);
}

#[test]
fn a_refused_write_is_sent_again() {
    let (world, page, number) = paired(CommentSync::default());
    world.pages.comment(&page, "Ada", "hello");
    world.repo.fail([ModelFault::Refused, ModelFault::Refused]);
    world.settle();
    assert_eq!(
        texts(&world.repo.discussion(number)),
        ["Ada (Notion): hello"]
    );
}
