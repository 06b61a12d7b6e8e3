//! Writes that were set aside: given up, or completed with what a person names.

use std::collections::BTreeMap;

use futures::executor::block_on;
use notion_sync_core::ErrorKind;
use notion_sync_core::audit::AuditEvent;
use notion_sync_core::effect::{Dispatch, Effect, Note};
use notion_sync_core::id::{OpId, RecordId, RemoteRef, Side};
use notion_sync_core::mapping::Policy;
use notion_sync_core::operation::{MAX_ATTEMPTS, OpState, Operation};
use notion_sync_core::record::Life;
use notion_sync_core::rule::{ActionState, Rule};
use notion_sync_core::state::State;
use notion_sync_core::value::Value;
use notion_sync_testkit::model::ModelFault;

use super::world::{World, body, documents, rewrite, tasks};

const FILE: &str = "# Guide\n\nFirst line.\n\nSecond line.\n";

fn faults(fault: ModelFault) -> impl Iterator<Item = ModelFault> {
    std::iter::repeat_n(fault, usize::try_from(MAX_ATTEMPTS).unwrap())
}

fn operations(world: &World, record: &RecordId) -> Vec<Operation> {
    block_on(State::new(&*world.store).operations_of(record)).unwrap()
}

fn dead(world: &World) -> Vec<Operation> {
    (world.records().iter())
        .flat_map(|record| operations(world, &record.id))
        .filter(|op| op.state == OpState::Dead)
        .collect()
}

fn decisions(world: &World, record: &RecordId) -> Vec<notion_sync_core::audit::AuditRow> {
    let mut rows = block_on(State::new(&*world.store).audit(Some(record))).unwrap();
    rows.retain(|row| row.event == AuditEvent::Decision);
    rows
}

/// A file whose page was edited, and the write of that set aside.
fn edit_set_aside() -> (World, String, RecordId, OpId) {
    let world = World::new(documents(Policy::ManualReview));
    world.repo.put("docs/guide.md", Some(FILE));
    world.settle();
    world.pass(10);
    let page = world.pages.live().remove(0);
    let record = world.records().remove(0).id;
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "First line.", "Edited"));
    world.repo.fail(faults(ModelFault::Refused));
    world.settle();
    let op = dead(&world).remove(0).id;
    (world, page, record, op)
}

/// A page without an issue, of whose creation nothing is known.
fn creation_set_aside() -> (World, String, RecordId, OpId) {
    let world = World::new(tasks(Policy::ManualReview));
    let page = world.pages.create("Fix login", body(&["Steps"]));
    world.repo.fail(faults(ModelFault::LostBefore));
    world.settle();
    world.pass(60);
    world.settle();
    let op = dead(&world).remove(0).id;
    let record = world.records().remove(0).id;
    (world, page, record, op)
}

fn issue(number: u32) -> RemoteRef {
    RemoteRef::new("github", "issue", number.to_string())
}

#[test]
fn what_is_given_up_is_not_set_aside_again_and_stays_visible() {
    let (world, page, record, op) = edit_set_aside();
    let known = block_on(world.engine.give_up(&op, "ada", "the file is right")).unwrap();
    assert_eq!((known.op, known.by.as_str()), (op.clone(), "ada"));
    for _ in 0..3 {
        world.settle();
        world.pass(60);
    }
    assert_eq!(world.repo.file("docs/guide.md").as_deref(), Some(FILE));
    assert!(dead(&world).is_empty(), "no new dead letter");
    let states = operations(&world, &record);
    let given_up = states.iter().find(|one| one.id == op).unwrap();
    assert_eq!(given_up.state, OpState::Void);
    let problem = world.records()[0].problem.clone().unwrap();
    assert!(
        problem
            .message
            .contains("ada gave it up (the file is right)")
            && problem
                .message
                .contains(&format!("dead-letter retry {record}")),
        "{problem:?}"
    );
    let rows = decisions(&world, &record);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0].op.as_ref(), Some(&op));
    assert_eq!(rows[0].details["by"], "ada");
    assert_eq!(rows[0].details["why"], "the file is right");

    // Another edit is another write: everything that differs goes with it.
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "Second line.", "Later"));
    world.pass(10);
    world.settle();
    let file = world.repo.file("docs/guide.md").unwrap();
    assert!(file.contains("Edited") && file.contains("Later"), "{file}");
    let after = world.records().remove(0);
    assert!(after.given_up.is_empty() && after.problem.is_none());
}

#[test]
fn what_was_given_up_is_asked_for_again_only_by_a_person() {
    let (world, _, record, op) = edit_set_aside();
    block_on(world.engine.give_up(&op, "ada", "later")).unwrap();
    let error = block_on(world.engine.give_up(&op, "ada", "later")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    world.settle();
    let labels = block_on(world.engine.retry(&record)).unwrap();
    assert_eq!(labels.len(), 1, "{labels:?}");
    world.settle();
    assert!(world.repo.file("docs/guide.md").unwrap().contains("Edited"));
    assert!(block_on(world.engine.retry(&record)).is_err());
}

/// Made equal and edited again: that is a new edit, whatever was decided about the first.
#[test]
fn what_was_given_up_is_forgotten_once_both_sides_agree() {
    let (world, page, _, op) = edit_set_aside();
    block_on(world.engine.give_up(&op, "ada", "a slip")).unwrap();
    world.settle();
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "Edited", "First line."));
    world.pass(10);
    world.settle();
    let record = world.records().remove(0);
    assert!(record.given_up.is_empty() && record.problem.is_none());
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "First line.", "Edited"));
    world.pass(10);
    world.settle();
    assert!(world.repo.file("docs/guide.md").unwrap().contains("Edited"));
}

#[test]
fn a_creation_that_was_given_up_makes_nothing() {
    let (world, page, record, op) = creation_set_aside();
    block_on(world.engine.give_up(&op, "ada", "it is a note")).unwrap();
    world.settle();
    world.pages.set(&page, "title", Value::text("A note"));
    world.pass(10);
    world.settle();
    assert!(world.repo.numbers().is_empty());
    assert!(dead(&world).is_empty());
    block_on(world.engine.retry(&record)).unwrap();
    world.settle();
    assert_eq!(world.repo.numbers().len(), 1);
    assert_eq!(world.live(), 1);
}

#[test]
fn what_may_still_take_effect_is_not_given_up() {
    let world = World::new(tasks(Policy::ManualReview));
    world.pages.create("Fix login", body(&["Steps"]));
    world.pass(5);
    world.repo.fail([ModelFault::LostBefore]);
    world.poll();
    let record = world.records().remove(0).id;
    let op = operations(&world, &record).remove(0);
    assert_eq!(op.state, OpState::Unknown);
    let error = block_on(world.engine.give_up(&op.id, "ada", "no")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale);
    assert!(error.remedy_text().is_some());
    let error = block_on(world.engine.give_up(&OpId::from("none"), "ada", "no")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_creation_is_completed_with_the_object_that_a_person_names() {
    let (world, page, record, op) = creation_set_aside();
    let number = world.repo.open_issue("Fix login", "Steps");
    // Before the next look, which would take the issue for a task of its own.
    world
        .pages
        .set(&page, "title", Value::text("Fix the login"));
    let applied = block_on(world.engine.resolve_with(&op, &issue(number), "ada")).unwrap();
    assert_eq!((applied.op, applied.side), (op.clone(), Side::Github));
    let after = world.records().remove(0);
    assert_eq!(after.life, Life::Live);
    assert_eq!(after.github, Some(issue(number)));
    let state = operations(&world, &record)
        .into_iter()
        .find(|one| one.id == op);
    assert_eq!(state.unwrap().state, OpState::Done);
    world.pass(10);
    world.settle();
    // Base is what was sent: the edit since is an edit.
    assert_eq!(
        world.repo.issue(number, "title"),
        Value::text("Fix the login")
    );
    assert_eq!(world.repo.numbers(), [number]);
    assert_eq!((world.live(), world.conflicts()), (1, 0));
    assert_eq!(world.pages.live().len(), 1, "no second page");
    let rows = decisions(&world, &record);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0].details["object"], issue(number).to_string());
    assert_eq!(rows[0].details["by"], "ada");
    let error = block_on(world.engine.resolve_with(&op, &issue(number), "ada")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "its outcome is known");
}

#[test]
fn an_object_that_is_not_the_effect_is_refused_and_nothing_changes() {
    let (world, page, record, op) = creation_set_aside();
    let other = world.pages.create("Other", body(&["Text"]));
    world.settle();
    let taken = world.repo.numbers()[0];
    let marked = world.repo.open_issue("Fix login", "Steps");
    world.repo.set_issue_page(marked, Some(&other));
    for (object, kind) in [
        (issue(99), ErrorKind::NotFound),
        (issue(taken), ErrorKind::AlreadyExists),
        (issue(marked), ErrorKind::Invalid),
    ] {
        let error = block_on(world.engine.resolve_with(&op, &object, "ada")).unwrap_err();
        assert_eq!(error.kind(), kind, "{object}: {error}");
        assert!(error.remedy_text().is_some(), "{error}");
    }
    assert_eq!(dead(&world)[0].id, op);
    assert!(decisions(&world, &record).is_empty());
    world.repo.set_issue_page(marked, Some(&page));
    block_on(world.engine.resolve_with(&op, &issue(marked), "ada")).unwrap();
}

#[test]
fn what_makes_no_object_is_not_completed_with_one() {
    let (world, _, _, op) = edit_set_aside();
    let file = RemoteRef::new("github", "file", "docs/guide.md");
    let error = block_on(world.engine.resolve_with(&op, &file, "ada")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.remedy_text().unwrap().contains("retry"), "{error}");
    assert_eq!(dead(&world).len(), 1);
}

/// A page whose change started a workflow, which nobody can tell.
fn start_set_aside() -> (World, RecordId, OpId) {
    let start = Effect::Dispatch(Dispatch {
        workflow: "ship.yml".to_owned(),
        reference: None,
        inputs: BTreeMap::new(),
    });
    let deploy = Rule::new("deploy", "state")
        .enters(["Doing"])
        .then(start)
        .then(Effect::Comment(Note::default()));
    let mut mapping = tasks(Policy::ManualReview);
    mapping.rules = vec![deploy];
    let world = World::new(mapping);
    let page = world.pages.create("Fix login", body(&["Steps"]));
    world.pages.set(&page, "state", Value::text("To do"));
    world.settle();
    world.pass(10);
    world.settle();
    world.repo.knows_outcomes(false);
    world.pages.set(&page, "state", Value::text("Doing"));
    world.pass(5);
    world.repo.fail([ModelFault::LostAfter]);
    world.settle();
    world.pass(60);
    world.settle();
    let op = dead(&world).remove(0).id;
    let record = world.records().remove(0).id;
    (world, record, op)
}

fn steps(world: &World) -> Vec<ActionState> {
    let record = world.records().remove(0);
    let actions = &record.triggers["deploy"].actions;
    actions.iter().map(|action| action.state).collect()
}

#[test]
fn a_start_that_a_person_found_lets_the_steps_behind_it_go_on() {
    let (world, record, op) = start_set_aside();
    assert_eq!(steps(&world), [ActionState::Dead, ActionState::Cancelled]);
    let number = world.repo.numbers()[0];
    let error = block_on(world.engine.resolve_with(&op, &issue(number + 1), "ada")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    // The model of the repository keeps the issue as what a start made.
    block_on(world.engine.resolve_with(&op, &issue(number), "ada")).unwrap();
    world.repo.knows_outcomes(true);
    world.settle();
    assert_eq!(steps(&world), [ActionState::Done, ActionState::Done]);
    let effects = world.repo.effects();
    let names: Vec<&str> = effects.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["dispatch", "comment"]);
    assert!(dead(&world).is_empty());
    assert_eq!(decisions(&world, &record).len(), 1);
}

#[test]
fn a_start_that_was_given_up_ends_its_step() {
    let (world, record, op) = start_set_aside();
    block_on(world.engine.give_up(&op, "ada", "deployed by hand")).unwrap();
    world.settle();
    world.pass(60);
    world.settle();
    assert_eq!(
        steps(&world),
        [ActionState::Cancelled, ActionState::Cancelled]
    );
    assert_eq!(world.repo.effects().len(), 1, "only what was sent at first");
    assert!(dead(&world).is_empty());
    assert!(block_on(world.engine.retry(&record)).is_err());
}

/// A pull request that cannot be opened: that is said until the page says something else, which is proposed.
#[test]
fn a_proposal_that_was_set_aside_stays_visible() {
    let world = World::new(documents(Policy::ManualReview));
    let page = world.pages.create("Guide", body(&["One"]));
    world.repo.fail(faults(ModelFault::Refused));
    world.settle();
    for _ in 0..3 {
        world.pass(30);
        world.settle();
        assert_eq!(dead(&world).len(), 1);
        let record = world.records().remove(0);
        assert!(record.problem.is_some());
        assert_eq!(world.repo.pulls("open"), [0; 0]);
    }
    (world.pages).edit_body(&page, |body| rewrite(body, "One", "Two"));
    world.pass(10);
    world.settle();
    assert_eq!(world.repo.pulls("open").len(), 1);
    assert!(world.records()[0].problem.is_none());
}

/// The end of a pull request is not planned again: until it is sent once more it is set aside.
#[test]
fn a_withdrawal_that_was_set_aside_is_sent_when_a_person_asks() {
    let world = World::new(documents(Policy::ManualReview));
    let page = world.pages.create("Guide", body(&["One"]));
    world.settle();
    world.pass(10);
    assert_eq!(world.repo.pulls("open").len(), 1);
    world.pages.trash(&page, true);
    world.repo.fail(faults(ModelFault::Refused));
    world.sweep();
    world.settle();
    world.pass(60);
    world.settle();
    let left = dead(&world);
    assert_eq!(left.len(), 1);
    assert_eq!(world.repo.pulls("open").len(), 1);
    block_on(world.engine.retry(&left[0].record)).unwrap();
    world.settle();
    assert_eq!(world.repo.pulls("open"), [0; 0]);
    assert_eq!(dead(&world), []);
}
