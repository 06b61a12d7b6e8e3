//! Rows 53 and 54, and the pull requests of conflicts: what is proposed, refreshed and closed.

use notion_sync_core::id::Side;
use notion_sync_core::mapping::Deliver;
use notion_sync_core::reconcile::{Plan, Step, WriteStep, unit_hash, write_hash};
use notion_sync_core::record::{ProposalState, UnitId};
use notion_sync_core::remote::ProposalKind;
use notion_sync_core::value::Value;

use super::scene::{Scene, holds, proposal, rows, written};

fn note() -> UnitId {
    UnitId::Field("note".into())
}

/// A page whose edits go by pull request.
fn by_pull() -> Scene {
    Scene::page().with(|scene| scene.pair.mapping.deliver = Deliver::PullRequest)
}

/// What is proposed to be written.
fn proposed(plan: &Plan) -> Option<&WriteStep> {
    plan.steps.iter().find_map(|step| match step {
        Step::Propose(ProposalKind::Edit, write) => write.as_deref(),
        _ => None,
    })
}

/// An edit of a page that was proposed as it stands, in a pull request of this kind and state.
fn known(kind: ProposalKind, state: ProposalState) -> Scene {
    by_pull().edited(Side::Notion).with(|scene| {
        let mut known = proposal(kind, state);
        known.value = write_hash(proposed(&scene.plan()).unwrap());
        scene.pair.record.proposal = Some(known);
    })
}

#[test]
fn an_edit_of_a_page_is_proposed_once() {
    let fresh = by_pull().edited(Side::Notion).plan();
    let change = &proposed(&fresh).unwrap().fields[&"note".into()];
    assert_eq!(change.desired, Value::text("edited"));
    assert!(rows(&fresh).contains(&(UnitId::Record, 53)));
    assert_eq!(written(&fresh, "note"), [], "base stays until it is merged");
    for state in [ProposalState::Planned, ProposalState::Open] {
        let waits = known(ProposalKind::Edit, state);
        let plan = waits.plan();
        assert_eq!(plan.steps, [], "{state:?}");
        assert_eq!(holds(&plan), [(53, "proposed in a pull request")]);
        let moved = waits.says(Side::Notion, "note", "edited again");
        assert!(proposed(&moved.plan()).is_some(), "{state:?}");
    }
}

#[test]
fn an_edit_is_not_held_by_a_pull_request_that_does_not_carry_it() {
    for state in [ProposalState::Merged, ProposalState::Refused] {
        let plan = known(ProposalKind::Edit, state).plan();
        assert!(proposed(&plan).is_some(), "{state:?}");
    }
    for kind in [ProposalKind::Conflict, ProposalKind::Delete] {
        let plan = known(kind, ProposalState::Open).plan();
        assert!(proposed(&plan).is_some(), "{kind:?}");
        assert_eq!(holds(&plan), []);
    }
}

#[test]
fn an_edit_that_was_refused_waits_for_another_one() {
    let refused = known(ProposalKind::Edit, ProposalState::Refused).with(|scene| {
        let value = scene.pair.record.proposal.as_ref().unwrap().value;
        scene.pair.record.refused.push(value);
    });
    let plan = refused.plan();
    assert_eq!(plan.steps, []);
    assert_eq!(holds(&plan), [(54, "this edit was proposed and refused")]);
    let moved = refused.says(Side::Notion, "note", "edited again");
    assert!(proposed(&moved.plan()).is_some());
}

#[test]
fn a_pull_request_with_an_older_edit_is_closed_where_the_edit_was_refused_before() {
    let before = known(ProposalKind::Edit, ProposalState::Open).with(|scene| {
        let proposal = scene.pair.record.proposal.as_mut().unwrap();
        scene.pair.record.refused.push(proposal.value);
        proposal.value = unit_hash(&note(), &Value::text("another edit"));
    });
    let plan = before.plan();
    let closed = Step::Withdraw("what is left was proposed and refused".to_owned());
    assert_eq!(plan.steps, [closed]);
    assert_eq!(holds(&plan), [(54, "this edit was proposed and refused")]);
}

#[test]
fn a_pull_request_with_edits_is_closed_once_edits_are_committed() {
    let plan = known(ProposalKind::Edit, ProposalState::Open)
        .with(|scene| scene.pair.mapping.deliver = Deliver::Commit)
        .plan();
    let closed = Step::Withdraw("edits are committed without a pull request now".to_owned());
    assert!(plan.steps.contains(&closed));
    assert_eq!(written(&plan, "note").len(), 1);
}

#[test]
fn a_conflict_over_a_field_that_is_not_mapped_any_more_is_over() {
    let gone = UnitId::Field("gone".into());
    let plan = Scene::page().parked(gone.clone(), "ours", "theirs").plan();
    assert_eq!(plan.closes, [gone]);
}

#[test]
fn a_pull_request_with_nothing_left_to_propose_is_closed() {
    let withdrawn = Step::Withdraw("nothing is left to propose".to_owned());
    let open = |kind, state| by_pull().proposed(kind, state).plan().steps;
    for state in [ProposalState::Planned, ProposalState::Open] {
        let steps = open(ProposalKind::Edit, state);
        assert_eq!(steps, std::slice::from_ref(&withdrawn));
    }
    for state in [ProposalState::Merged, ProposalState::Refused] {
        assert_eq!(open(ProposalKind::Edit, state), []);
    }
    assert!(!open(ProposalKind::Conflict, ProposalState::Open).contains(&withdrawn));
}

/// A page and a file that say different things in one field.
fn both_edited() -> Scene {
    let ours = Scene::page().says(Side::Notion, "note", "ours");
    ours.says(Side::Github, "note", "theirs")
}

/// The same, parked, and with a pull request in this state that shows both.
fn shown(state: ProposalState) -> Scene {
    let parked = both_edited().parked(note(), "ours", "theirs");
    parked.with(|scene| {
        let mut known = proposal(ProposalKind::Conflict, state);
        let conflict = &scene.pair.record.conflicts[&note()];
        known
            .published
            .insert(note(), (conflict.notion, conflict.github));
        scene.pair.record.proposal = Some(known);
    })
}

/// Whether the pull request of the conflict is opened or refreshed.
fn refreshes(scene: &Scene) -> bool {
    let steps = scene.plan().steps;
    steps.contains(&Step::Propose(ProposalKind::Conflict, None))
}

fn settled(scene: &Scene) -> bool {
    let steps = scene.plan().steps;
    steps.contains(&Step::Withdraw("both sides agree now".to_owned()))
}

#[test]
fn a_conflict_of_a_page_gets_a_pull_request_and_one_of_a_task_does_not() {
    assert!(refreshes(&both_edited()));
    let task = Scene::task().says(Side::Notion, "note", "ours");
    let task = task.says(Side::Github, "note", "theirs");
    assert_eq!(task.plan().parks.len(), 1);
    assert_eq!(task.plan().steps, []);
}

#[test]
fn the_pull_request_of_a_conflict_is_refreshed_only_where_it_is_behind() {
    let open = || shown(ProposalState::Open);
    assert!(!refreshes(&open()), "it shows what the sides hold");
    assert!(!settled(&open()));
    assert!(refreshes(&open().says(Side::Github, "note", "more")));
    let unpublished = open().with(|scene| {
        let known = scene.pair.record.proposal.as_mut().unwrap();
        known.published.clear();
    });
    assert!(refreshes(&unpublished), "it shows nothing of this conflict");
    let before = open().with(|scene| {
        let conflict = scene.pair.record.conflicts[&note()].clone();
        let known = scene.pair.record.proposal.as_mut().unwrap();
        known
            .published
            .insert(note(), (conflict.github, conflict.notion));
    });
    assert!(refreshes(&before), "it shows other versions");
    for state in [ProposalState::Refused, ProposalState::Merged] {
        let ended = shown(state).with(|scene| {
            let known = scene.pair.record.proposal.as_mut().unwrap();
            known.published.clear();
        });
        assert!(!refreshes(&ended), "{state:?}");
        assert!(!settled(&ended), "{state:?}");
    }
}

#[test]
fn a_pull_request_stays_as_long_as_one_of_its_conflicts_is_open() {
    let open = || shown(ProposalState::Open);
    let settles = |scene: Scene| scene.says(Side::Github, "note", "ours");
    assert!(settled(&settles(open())));
    let title = || UnitId::Field("title".into());
    let second = |scene: Scene| {
        let renamed = scene.says(Side::Notion, "title", "t1");
        renamed.says(Side::Github, "title", "t2")
    };
    let other = second(open().parked(title(), "t1", "t2"));
    let other = other.with(|scene| {
        let conflict = scene.pair.record.conflicts[&title()].clone();
        let known = scene.pair.record.proposal.as_mut().unwrap();
        known
            .published
            .insert(title(), (conflict.notion, conflict.github));
    });
    let one_left = settles(other).plan();
    assert_eq!(one_left.closes, [note()]);
    assert_eq!(one_left.steps, []);
    // A conflict that opens as the other one closes is shown in the same pull request.
    let opens = settles(second(open()));
    assert!(refreshes(&opens) && !settled(&opens));
}

#[test]
fn where_a_file_lies_needs_no_pull_request() {
    let parked = |scene: Scene| scene.parked(UnitId::Path, "docs/t1.md", "guide/t0.md");
    let proposed = Scene::page().proposed(ProposalKind::Conflict, ProposalState::Open);
    assert!(settled(&parked(proposed)), "nothing else is open");
    let shown = parked(shown(ProposalState::Open));
    assert!(!refreshes(&shown), "it shows all that it can");
    assert!(!settled(&shown));
}

#[test]
fn a_plan_names_the_fields_that_it_writes() {
    let plan = Scene::page().edited(Side::Notion).plan();
    assert_eq!(
        written(&plan, "note"),
        [(Side::Github, Value::text("edited"))]
    );
    let writes = |plan: &Plan| ["note", "title"].map(|id| plan.writes(&id.into()));
    assert_eq!(writes(&plan), [true, false]);
    assert_eq!(
        writes(&by_pull().edited(Side::Notion).plan()),
        [false, false]
    );
    assert_eq!(writes(&Plan::default()), [false, false]);
}
