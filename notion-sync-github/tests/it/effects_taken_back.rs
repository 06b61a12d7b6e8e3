//! Effects whose answer was lost, and what people did since.

use std::collections::BTreeSet;

use chrono::Duration;
use notion_sync_core::effect::{Effect, EffectWrite};
use notion_sync_core::remote::{Remote as _, Trace};
use notion_sync_github::GithubIssues;
use notion_sync_testkit::emulator::Fault;
use notion_sync_testkit::github::GithubEmulator;

use crate::effects_support::*;
use crate::support::{REPO, World, handbook};

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What is found of an effect whose last request lost its answer, after a person did something.
async fn traced(
    world: &World,
    effect: Effect,
    fault: (&str, &str, Fault),
    act: impl FnOnce(&mut GithubEmulator, chrono::DateTime<chrono::Utc>),
) -> Trace {
    let issues = world.issues();
    let write = opened(&issues, &request("k1", 1, effect)).await;
    world.clock.advance(Duration::minutes(5));
    let sent_at = world.now();
    let (method, path, fault) = fault;
    world.fault(method, path, fault);
    send(&issues, &write).await.unwrap_err();
    world.clock.advance(Duration::minutes(5));
    let now = world.now();
    act(&mut world.hub(), now);
    found(&issues, &write, sent_at).await
}

async fn found(
    issues: &GithubIssues,
    write: &EffectWrite,
    sent_at: chrono::DateTime<chrono::Utc>,
) -> Trace {
    let traces = issues.trace(&[effect_write(write)], sent_at).await;
    traces.unwrap().remove(0)
}

/// Issue 1 with the label `Docs`, assigned to ada.
fn world() -> World {
    let world = World::new();
    assert_eq!(an_issue(&world), 1);
    let now = world.now();
    let mut hub = world.hub();
    hub.label(REPO, 1, "ada", &["Docs"], now).unwrap();
    hub.assign(REPO, 1, "ada", &["ada"], now).unwrap();
    drop(hub);
    world
}

#[tokio::test]
async fn people_who_assign_somebody_else_after_us_are_not_overridden() {
    let world = world();
    // Both requests were made, and the answer to the second is lost.
    let lost = ("DELETE", "/assignees", Fault::DropAfter);
    let effect = Effect::SetAssignees(names(&["bob"]));
    let now = traced(&world, effect, lost, |hub, at| {
        hub.assign(REPO, 1, "ada", &["carol"], at).unwrap();
    });
    applied(now.await);
}

#[tokio::test]
async fn an_assignment_that_was_not_made_is_sent_again() {
    let world = world();
    let lost = ("POST", "/assignees", Fault::DropBefore);
    let effect = Effect::SetAssignees(names(&["bob"]));
    assert_eq!(
        traced(&world, effect, lost, |_, _| {}).await,
        Trace::NotApplied
    );
}

#[tokio::test]
async fn a_half_of_an_assignment_that_people_took_back_is_not_made_again() {
    let world = world();
    // bob was added, ada was to be taken off next.
    let lost = ("POST", "/assignees", Fault::DropAfter);
    let effect = Effect::SetAssignees(names(&["bob"]));
    let now = traced(&world, effect, lost, |hub, at| {
        hub.assign(REPO, 1, "ada", &["ada"], at).unwrap();
    });
    assert_eq!(now.await, Trace::Unclear);
}

#[tokio::test]
async fn labels_that_were_there_already_are_no_sign_that_nothing_was_done() {
    let world = world();
    let lost = ("POST", "/issues/1/labels", Fault::DropAfter);
    let effect = Effect::AddLabels(names(&["Docs", "bug"]));
    let now = traced(&world, effect, lost, |hub, at| {
        hub.label(REPO, 1, "ada", &["Docs"], at).unwrap();
    });
    applied(now.await);

    let world = self::world();
    let lost = ("DELETE", "/issues/1/labels", Fault::DropAfter);
    let effect = Effect::RemoveLabels(names(&["Docs", "bug"]));
    let now = traced(&world, effect, lost, |hub, at| {
        hub.label(REPO, 1, "ada", &["Docs"], at).unwrap();
    });
    applied(now.await);
}

#[tokio::test]
async fn nobody_can_tell_who_changed_the_type_of_an_issue() {
    let mut raw = serde_json::to_value(handbook()).unwrap();
    raw["accounts"][5]["issue_types"] = serde_json::json!(["Bug", "Task"]);
    for (fault, wanted) in [
        (Fault::DropAfter, Trace::Unclear),
        (Fault::DropBefore, Trace::NotApplied),
    ] {
        let world = World::of(serde_json::from_value(raw.clone()).unwrap());
        assert_eq!(an_issue(&world), 1);
        let effect = Effect::SetType("Bug".to_owned());
        let back = fault == Fault::DropAfter;
        let now = traced(&world, effect, ("PATCH", "/issues/1", fault), |hub, at| {
            if back {
                hub.set_type(REPO, 1, "ada", Some("Task"), at).unwrap();
            }
        });
        assert_eq!(now.await, wanted);
    }
}
