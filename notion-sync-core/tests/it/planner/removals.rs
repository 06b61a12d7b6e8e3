//! Row 55: one side is gone, and the removal of the other is under way.

use notion_sync_core::id::Side;
use notion_sync_core::reconcile::table::Row;
use notion_sync_core::reconcile::{Plan, Step};
use notion_sync_core::record::{Life, ProposalState, UnitId};
use notion_sync_core::remote::ProposalKind;

use super::scene::{Scene, holds};

/// A record of which one side is gone and the other one goes too.
fn going(scene: Scene, gone: Side) -> Scene {
    scene.gone(gone).life(Life::Deleting)
}

/// Our removal of a side was answered.
fn removed(scene: Scene, side: Side) -> Scene {
    scene.with(|scene| {
        let outcome = &mut scene.pair.record.outcome;
        outcome.insert("removed".to_owned(), side.to_string());
    })
}

fn plan(scene: &Scene) -> Plan {
    let plan = scene.plan();
    assert_eq!(plan.rows, [(UnitId::Record, Row(55))], "{plan:?}");
    assert_eq!(plan.alerts, []);
    plan
}

/// It waits, for this reason, and does nothing.
fn waits(scene: &Scene, reason: &str) {
    let plan = plan(scene);
    assert_eq!(holds(&plan), [(55, reason)]);
    assert!(plan.is_empty(), "{plan:?}");
}

/// It does this, and waits for nothing.
fn does(scene: &Scene, steps: &[Step], life: Option<Life>) {
    let plan = plan(scene);
    assert_eq!(holds(&plan), []);
    assert_eq!(
        (plan.steps.as_slice(), plan.life),
        (steps, life),
        "{plan:?}"
    );
}

#[test]
fn a_removal_that_was_not_carried_out_is_asked_for_again() {
    let task = Scene::task;
    does(
        &going(task(), Side::Notion),
        &[Step::Remove(Side::Github)],
        None,
    );
    does(
        &going(task(), Side::Github),
        &[Step::Remove(Side::Notion)],
        None,
    );
    waits(
        &going(task(), Side::Github).unsettled(Side::Notion),
        "waits until no edit of the same minute can hide",
    );
    let proposed = going(Scene::page(), Side::Notion)
        .with(|scene| scene.pair.mapping.delete_by_proposal = true);
    does(
        &proposed,
        &[Step::Propose(ProposalKind::Delete, None)],
        None,
    );
}

#[test]
fn a_removal_ends_once_both_sides_are_gone_or_the_issue_is_closed() {
    let buried = Some(Life::Tombstone);
    let task = Scene::task;
    does(&going(task(), Side::Notion).gone(Side::Github), &[], buried);
    let half = |side: Side| going(task().absent(side.other()), side);
    for side in Side::BOTH {
        does(&half(side), &[], buried);
    }
    let closed = |scene: Scene| scene.says(Side::Github, "state", "closed");
    does(&going(closed(task()), Side::Notion), &[], buried);
    // A file has no state in which it is gone, whatever it says.
    let file = going(closed(Scene::page()), Side::Notion)
        .proposed(ProposalKind::Delete, ProposalState::Merged);
    waits(&file, "waits until the removal is seen");
}

#[test]
fn an_object_that_was_edited_before_it_was_removed_is_decided_about_anew() {
    for side in Side::BOTH {
        let edited = going(Scene::task(), side.other()).edited(side);
        does(&edited, &[], Some(Life::Live));
    }
    let closed = going(Scene::page(), Side::Notion).says(Side::Github, "state", "closed");
    does(&closed, &[], Some(Life::Live));
}

#[test]
fn a_record_whose_two_objects_are_there_again_lives() {
    let deleting = || Scene::page().life(Life::Deleting);
    does(&deleting(), &[], Some(Life::Live));
    does(&deleting().edited(Side::Github), &[], Some(Life::Live));
    let withdrawn = Step::Withdraw("the page was restored".to_owned());
    let proposed = |kind, state| deleting().proposed(kind, state);
    for (scene, steps) in [
        (
            proposed(ProposalKind::Delete, ProposalState::Open),
            vec![withdrawn.clone()],
        ),
        (
            proposed(ProposalKind::Delete, ProposalState::Planned),
            vec![withdrawn],
        ),
        (
            proposed(ProposalKind::Delete, ProposalState::Refused),
            vec![],
        ),
        (proposed(ProposalKind::Edit, ProposalState::Open), vec![]),
    ] {
        does(&scene, &steps, Some(Life::Live));
    }
}

#[test]
fn nothing_is_removed_that_left_the_mapping_meanwhile() {
    let reason = "waits until the removal is seen";
    for side in Side::BOTH {
        waits(&going(Scene::task(), side).moved_out(side.other()), reason);
        // What never had a counterpart has nothing to be removed for.
        waits(&Scene::task().absent(side).life(Life::Deleting), reason);
    }
}

#[test]
fn a_deletion_by_pull_request_follows_the_pull_request() {
    let proposed = |state| going(Scene::page(), Side::Notion).proposed(ProposalKind::Delete, state);
    for state in [ProposalState::Planned, ProposalState::Open] {
        waits(
            &proposed(state),
            "the deletion is proposed in a pull request",
        );
        does(
            &proposed(state).edited(Side::Github),
            &[
                Step::Withdraw("the file was edited after the page was deleted".to_owned()),
                Step::Restore(Side::Notion),
            ],
            Some(Life::Live),
        );
    }
    waits(
        &proposed(ProposalState::Merged),
        "waits until the removal is seen",
    );
    does(
        &proposed(ProposalState::Refused),
        &[Step::Restore(Side::Notion)],
        None,
    );
}

#[test]
fn a_pull_request_about_something_else_says_nothing_about_a_deletion_and_is_taken_back() {
    let withdrawn = || Step::Withdraw("the page was deleted".to_owned());
    let remove = || Step::Remove(Side::Github);
    for kind in [ProposalKind::Edit, ProposalKind::Conflict] {
        for (state, steps) in [
            (ProposalState::Planned, vec![withdrawn(), remove()]),
            (ProposalState::Open, vec![withdrawn(), remove()]),
            (ProposalState::Merged, vec![remove()]),
            (ProposalState::Refused, vec![remove()]),
        ] {
            let scene = going(Scene::page(), Side::Notion).proposed(kind, state);
            does(&scene, &steps, None);
        }
    }
}

#[test]
fn what_is_gone_on_both_sides_takes_its_proposal_back() {
    let withdrawn = || Step::Withdraw("both sides are gone".to_owned());
    let gone = || going(Scene::page(), Side::Notion).gone(Side::Github);
    for (state, steps) in [
        (ProposalState::Planned, vec![withdrawn()]),
        (ProposalState::Open, vec![withdrawn()]),
        (ProposalState::Merged, vec![]),
        (ProposalState::Refused, vec![]),
    ] {
        let scene = gone().proposed(ProposalKind::Delete, state);
        does(&scene, &steps, Some(Life::Tombstone));
    }
}

#[test]
fn what_we_removed_and_somebody_brought_back_brings_the_other_side_back() {
    for side in Side::BOTH {
        let other = side.other();
        // The answer to our removal is known, and the object is there.
        let back = || removed(going(Scene::task(), other), side);
        does(&back(), &[Step::Restore(other)], None);
        waits(&back().unsettled(side), "waits until the removal is seen");
        // What is gone went because this side did, and this side is there again.
        let followed = || removed(going(Scene::task(), other), other);
        does(&followed(), &[Step::Restore(other)], None);
        let unsure = followed().unsettled(side);
        waits(&unsure, "waits until it is sure that it came back");
    }
    // As long as the removal of the file is only proposed, the page is what was removed by people.
    let proposed =
        going(Scene::page(), Side::Notion).proposed(ProposalKind::Delete, ProposalState::Open);
    waits(
        &removed(proposed, Side::Notion),
        "the deletion is proposed in a pull request",
    );
}

#[test]
fn an_issue_that_we_closed_is_opened_when_its_page_is_there_again() {
    let closed = || {
        let scene = Scene::task().life(Life::Deleting);
        scene.says(Side::Github, "state", "closed")
    };
    let ours = || removed(closed(), Side::Github);
    does(&ours(), &[Step::Restore(Side::Github)], None);
    waits(
        &ours().unsettled(Side::Notion),
        "waits until it is sure that it came back",
    );
    // Somebody else closed it, or it was closed before: that is its state, and no removal.
    does(&closed(), &[], Some(Life::Live));
    does(&ours().done(), &[], Some(Life::Live));
    does(&ours().gone(Side::Notion), &[], Some(Life::Tombstone));
}
