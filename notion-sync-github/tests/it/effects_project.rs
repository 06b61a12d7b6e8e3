//! Fields of projects: against a scripted project whose answers are chosen, and against the emulator.
//! The documents themselves are checked against the service's schema in the crate.

use std::sync::{Arc, Mutex};

use notion_sync_core::ErrorKind;
use notion_sync_core::effect::{Effect, EffectRequest, ProjectField};
use notion_sync_core::remote::{Action, Remote as _, Trace, WriteKind};
use notion_sync_github::GithubIssues;
use notion_sync_testkit::emulator::{Emulator as _, Fault, FaultRule};
use notion_sync_testkit::github::ProjectPlace;
use serde_json::{Value as Json, json};

use crate::effects_dispatch::Scripted;
use crate::effects_support::*;
use crate::support::{REPO, World, handbook};

/// A project of an organisation with the items of one issue.
#[derive(Debug, Default)]
struct Project {
    item: Option<Json>,
    /// What was written, in order.
    writes: Vec<String>,
    /// A refusal of the next write.
    refuse: Option<Json>,
}

fn fields() -> Json {
    json!([
        {"__typename": "ProjectV2Field", "id": "F1", "name": "Title", "dataType": "TITLE"},
        {"__typename": "ProjectV2SingleSelectField", "id": "F2", "name": "Status", "dataType": "SINGLE_SELECT",
         "options": [{"id": "o1", "name": "Todo"}, {"id": "o2", "name": "Done"}]},
        {"__typename": "ProjectV2IterationField", "id": "F3", "name": "Sprint", "dataType": "ITERATION",
         "configuration": {"iterations": [{"id": "i2", "title": "Sprint 2"}],
                           "completedIterations": [{"id": "i1", "title": "Sprint 1"}]}},
        {"__typename": "ProjectV2Field", "id": "F4", "name": "Due", "dataType": "DATE"},
        {"__typename": "ProjectV2Field", "id": "F5", "name": "Points", "dataType": "NUMBER"},
        {"__typename": "ProjectV2Field", "id": "F6", "name": "Note", "dataType": "TEXT"},
    ])
}

fn answer(project: &Mutex<Project>, body: &Json) -> Json {
    let mut project = project.lock().unwrap();
    let query = body["query"].as_str().unwrap();
    let given = &body["variables"];
    let not_found = |kind: &str| json!({"type": "NOT_FOUND", "path": [kind], "message": format!("Could not resolve to {kind}.")});
    if query.contains("organization(login") {
        let known = given["owner"] == "acme" && given["number"] == 3;
        let found = known.then(
            || json!({"id": "P3", "title": "Plan", "closed": false, "fields": {"nodes": fields()}}),
        );
        let mut errors = vec![not_found("user")];
        if !known {
            errors.push(not_found("organization"));
        }
        return json!({"data": {"organization": {"projectV2": found}, "user": null}, "errors": errors});
    }
    if query.contains("projectItems") {
        let mut items = vec![
            Json::Null,
            json!({"id": "X", "project": {"id": "P9"}, "f0": {"optionId": "o2"}}),
        ];
        items.extend(project.item.clone());
        return json!({"data": {"node": {"projectItems": {
            "pageInfo": {"hasNextPage": false, "endCursor": null}, "nodes": items}}}});
    }
    if let Some(refusal) = project.refuse.take() {
        return json!({"data": null, "errors": [refusal]});
    }
    if query.contains("addProjectV2ItemById") {
        assert_eq!(given["project"], "P3");
        project.writes.push("add".to_owned());
        let item = json!({"id": "I1", "project": {"id": "P3"}, "f0": null});
        project.item.get_or_insert(item);
        return json!({"data": {"addProjectV2ItemById": {"item": {"id": "I1"}}}});
    }
    let value = match given["value"].as_object() {
        None => Json::Null,
        Some(value) => {
            let (kind, value) = value.iter().next().unwrap();
            let kind = match kind.as_str() {
                "singleSelectOptionId" => "optionId",
                other => other,
            };
            json!({ kind: value })
        }
    };
    project.writes.push(format!("{} {value}", given["field"]));
    project.item.as_mut().unwrap()["f0"] = value;
    json!({"data": {"x": {"projectV2Item": {"id": "I1"}}}})
}

fn issues(world: &World, project: &Arc<Mutex<Project>>) -> GithubIssues {
    let project = Arc::clone(project);
    world.issues_by(Arc::new(Scripted {
        inner: world.send(),
        answer: Box::new(move |request| {
            let graphql = request.uri().path() == "/graphql";
            graphql.then(|| {
                let body = serde_json::from_slice(request.body()).unwrap();
                (200, answer(&project, &body))
            })
        }),
    }))
}

fn set(project: &str, field: &str, value: &str) -> EffectRequest {
    let effect = Effect::SetProjectField(ProjectField {
        project: project.to_owned(),
        field: field.to_owned(),
        value: value.to_owned(),
    });
    request("k1", 1, effect)
}

#[tokio::test]
async fn every_kind_of_field_is_set_and_then_holds() {
    for (field, value, written) in [
        ("status", "done", r#""F2" {"optionId":"o2"}"#),
        ("Sprint", "Sprint 1", r#""F3" {"iterationId":"i1"}"#),
        ("Due", "2026-12-24", r#""F4" {"date":"2026-12-24"}"#),
        ("Points", "2.5", r#""F5" {"number":2.5}"#),
        ("Note", "soon", r#""F6" {"text":"soon"}"#),
        ("Note", "", r#""F6" null"#),
    ] {
        let world = World::new();
        an_issue(&world);
        let project = Arc::new(Mutex::new(Project::default()));
        let issues = issues(&world, &project);
        let asked = set("acme/3", field, value);
        let effect = opened(&issues, &asked).await;
        assert_eq!(
            issues.kind(&Action::Effect(Box::new(effect.clone()))),
            WriteKind::Set
        );
        assert_eq!(project.lock().unwrap().writes, [""; 0], "a gate only reads");
        assert_eq!(trace(&world, &issues, &effect).await, Trace::NotApplied);
        send(&issues, &effect).await.unwrap();
        assert_eq!(project.lock().unwrap().writes, ["add", written]);
        assert!(holds(&issues, &asked).await, "{field}");
        applied(trace(&world, &issues, &effect).await);
        send(&issues, &effect).await.unwrap();
        assert!(holds(&issues, &asked).await, "{field}");
    }
}

#[tokio::test]
async fn what_the_project_does_not_have_is_refused_with_what_it_has() {
    let world = World::new();
    an_issue(&world);
    let project = Arc::new(Mutex::new(Project::default()));
    let issues = issues(&world, &project);
    for (asked, said) in [
        (set("acme", "Status", "Done"), "owner/number"),
        (set("acme/x", "Status", "Done"), "owner/number"),
        (
            set("acme/4", "Status", "Done"),
            "there is no project acme/4",
        ),
        (
            set("acme/3", "State", "Done"),
            "Title, Status, Sprint, Due, Points, Note",
        ),
        (set("acme/3", "Status", "Shipped"), "it has Todo, Done"),
        (
            set("acme/3", "Sprint", "Sprint 3"),
            "it has Sprint 2, Sprint 1",
        ),
        (set("acme/3", "Due", "tomorrow"), "is no date"),
        (set("acme/3", "Points", "many"), "is no number"),
        (set("acme/3", "Points", "NaN"), "is no number"),
        (set("acme/3", "Title", "x"), "set it on the issue"),
    ] {
        let reason = refused(&issues, &asked).await;
        assert!(reason.contains(said), "{reason}");
    }
    assert!(project.lock().unwrap().writes.is_empty());
}

#[tokio::test]
async fn errors_of_a_write_have_their_kinds() {
    let world = World::new();
    an_issue(&world);
    let project = Arc::new(Mutex::new(Project::default()));
    let issues = issues(&world, &project);
    let effect = opened(&issues, &set("acme/3", "Status", "Done")).await;
    for (kind, message, expected) in [
        ("NOT_FOUND", "Could not resolve to a node", ErrorKind::Stale),
        (
            "FORBIDDEN",
            "Resource not accessible by integration",
            ErrorKind::Forbidden,
        ),
        (
            "INSUFFICIENT_SCOPES",
            "Your token has not been granted the required scopes",
            ErrorKind::Forbidden,
        ),
        (
            "",
            "Something went wrong while executing your query.",
            ErrorKind::NotApplied,
        ),
        (
            "RATE_LIMITED",
            "API rate limit exceeded",
            ErrorKind::RateLimited,
        ),
    ] {
        project.lock().unwrap().refuse = Some(json!({"type": kind, "message": message}));
        let error = send(&issues, &effect).await.unwrap_err();
        assert_eq!(error.kind(), expected, "{error}");
    }
}

pub(crate) const PLAN: ProjectPlace<'static> = ProjectPlace {
    owner: "acme",
    number: 3,
};

/// An issue, and emulated projects of the organisation and of a person.
pub(crate) fn planned() -> World {
    planned_with(|_| {})
}

/// The same after a change of the world's description.
pub(crate) fn planned_with(change: impl FnOnce(&mut Json)) -> World {
    let mut raw = serde_json::to_value(handbook()).unwrap();
    let fields = json!([
        {"name": "Status", "kind": "single_select", "options": ["Todo", "Done"]},
        {"name": "Sprint", "kind": "iteration", "iterations": [
            {"title": "Sprint 1", "start": "2026-11-01", "days": 14},
            {"title": "Sprint 2", "start": "2026-11-15", "days": 14}]},
        {"name": "Due", "kind": "date"}, {"name": "Points", "kind": "number"}, {"name": "Note", "kind": "text"},
    ]);
    raw["projects"] = json!([
        {"owner": "acme", "number": 3, "title": "Plan", "collaborators": {"bot": "write"}, "fields": fields},
        {"owner": "acme", "number": 4, "title": "Old", "collaborators": {"bot": "write"}, "closed": true},
        {"owner": "acme", "number": 5, "title": "Hidden"},
        {"owner": "ada", "number": 3, "title": "Mine", "collaborators": {"bot": "write"}, "fields": fields},
    ]);
    let tokens = raw["tokens"].as_array_mut().unwrap();
    tokens.push(json!({"token": "ghp_unscoped", "login": "bot", "scopes": ["repo"]}));
    tokens
        .push(json!({"token": "ghp_reading", "login": "bot", "scopes": ["repo", "read:project"]}));
    change(&mut raw);
    let world = World::of(serde_json::from_value(raw).unwrap());
    assert_eq!(an_issue(&world), 1);
    world
}

/// What stands in a field of the issue's item.
pub(crate) fn stands(world: &World, project: ProjectPlace<'_>, field: &str) -> Option<String> {
    let items = world.hub().project_view(project).unwrap();
    let mut own = items
        .iter()
        .filter(|item| item.issue == Some((REPO.to_owned(), 1)));
    let found = own.next()?;
    assert!(own.next().is_none(), "one item for one issue");
    found.values.get(field).cloned()
}

#[tokio::test]
async fn the_emulated_project_takes_every_kind_of_field() {
    for (owner, number) in [("acme", 3), ("ada", 3)] {
        let place = ProjectPlace { owner, number };
        let world = planned();
        let issues = world.issues();
        // Of another project the issue has an item too.
        let other = ProjectPlace {
            owner: if owner == "acme" { "ada" } else { "acme" },
            number,
        };
        let now = world.now();
        world
            .hub()
            .add_to_project(other, REPO, 1, "ada", now)
            .unwrap();
        for (field, value, stood) in [
            ("status", "todo", Some("Todo")),
            ("Status", "Done", Some("Done")),
            ("Sprint", "Sprint 1", Some("Sprint 1")),
            ("Sprint", "sprint 2", Some("Sprint 2")),
            ("Due", "2026-12-24", Some("2026-12-24")),
            ("Points", "2.5", Some("2.5")),
            ("Points", "3", Some("3")),
            ("Note", "soon", Some("soon")),
            ("Note", "", None),
            ("Status", "", None),
        ] {
            let asked = set(&format!("{owner}/{number}"), field, value);
            let effect = opened(&issues, &asked).await;
            assert_eq!(trace(&world, &issues, &effect).await, Trace::NotApplied);
            send(&issues, &effect).await.unwrap();
            let name = if field == "status" { "Status" } else { field };
            assert_eq!(stands(&world, place, name).as_deref(), stood, "{field}");
            assert!(holds(&issues, &asked).await, "{field} {value}");
            applied(trace(&world, &issues, &effect).await);
            send(&issues, &effect).await.unwrap();
            assert_eq!(stands(&world, place, name).as_deref(), stood, "{field}");
        }
        assert!(
            world.hub().project_view(other).unwrap()[0]
                .values
                .is_empty()
        );
    }
}

#[tokio::test]
async fn the_emulated_project_is_refused_with_what_it_has() {
    let world = planned();
    let issues = world.issues();
    let mark = world.mark();
    for (asked, said) in [
        (
            set("acme/9", "Status", "Done"),
            "there is no project acme/9",
        ),
        (
            set("nobody/3", "Status", "Done"),
            "there is no project nobody/3",
        ),
        (
            set("acme/5", "Status", "Done"),
            "there is no project acme/5",
        ),
        (set("acme/4", "Status", "Done"), "is closed"),
        (set("acme/3", "State", "Done"), "Sprint, Due, Points, Note"),
        (set("acme/3", "Status", "Shipped"), "it has Todo, Done"),
        (set("acme/3", "Sprint", "Sprint 3"), "Sprint 2, Sprint 1"),
        (set("acme/3", "Labels", "bug"), "set it on the issue"),
        (set("acme/3", "Parent issue", "1"), "set it on the issue"),
    ] {
        let reason = refused(&issues, &asked).await;
        assert!(reason.contains(said), "{reason}");
    }
    assert!(world.hub().log().since(mark).all(|entry| !entry.effect));
}

#[tokio::test]
async fn options_that_changed_since_the_gate_are_asked_for_again() {
    let world = planned();
    let issues = world.issues();
    let asked = set("acme/3", "Status", "Done");
    let effect = opened(&issues, &asked).await;
    let now = world.now();
    world
        .hub()
        .replace_project_options(PLAN, "Status", &["Todo", "Done", "Late"], now)
        .unwrap();
    let error = send(&issues, &effect).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale, "{error}");
    assert_eq!(stands(&world, PLAN, "Status"), None);
    assert_eq!(trace(&world, &issues, &effect).await, Trace::NotApplied);
    perform(&issues, &asked).await;
    assert_eq!(stands(&world, PLAN, "Status").as_deref(), Some("Done"));
}

#[tokio::test]
async fn an_archived_item_waits_for_people() {
    let world = planned();
    let issues = world.issues();
    let (todo, done) = (
        set("acme/3", "Status", "Todo"),
        set("acme/3", "Status", "Done"),
    );
    perform(&issues, &todo).await;
    let effect = opened(&issues, &done).await;
    let now = world.now();
    world
        .hub()
        .archive_in_project(PLAN, (REPO, 1), true, "ada", now)
        .unwrap();
    // Between the gate and the write.
    let error = send(&issues, &effect).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale, "{error}");
    let reason = refused(&issues, &done).await;
    assert!(reason.contains("archived"), "{reason}");
    assert!(holds(&issues, &todo).await, "its value is still read");
    assert_eq!(trace(&world, &issues, &effect).await, Trace::Unclear);
    world
        .hub()
        .archive_in_project(PLAN, (REPO, 1), false, "ada", now)
        .unwrap();
    perform(&issues, &done).await;
    assert_eq!(stands(&world, PLAN, "Status").as_deref(), Some("Done"));
}

#[tokio::test]
async fn a_lost_answer_is_traced_and_sending_again_sets_it_once() {
    for (skip, fault, set_already) in [
        (0, Fault::DropBefore, false),
        (0, Fault::DropAfter, false),
        (1, Fault::DropBefore, false),
        (1, Fault::DropAfter, true),
        (1, Fault::FailAfter { status: 502 }, true),
    ] {
        let world = planned();
        let issues = world.issues();
        let effect = opened(&issues, &set("acme/3", "Status", "Done")).await;
        world.hub().faults().push(FaultRule {
            method: "POST".to_owned(),
            path_contains: "/graphql".to_owned(),
            skip,
            times: 1,
            fault: fault.clone(),
        });
        send(&issues, &effect).await.unwrap_err();
        match trace(&world, &issues, &effect).await {
            Trace::Applied(_) => assert!(set_already, "{skip} {fault:?}"),
            Trace::NotApplied => assert!(!set_already, "{skip} {fault:?}"),
            other => panic!("{other:?}"),
        }
        send(&issues, &effect).await.unwrap();
        assert_eq!(stands(&world, PLAN, "Status").as_deref(), Some("Done"));
    }
}

#[tokio::test]
async fn a_hand_after_a_lost_answer_is_not_taken_for_ours() {
    let world = planned();
    let issues = world.issues();
    let effect = opened(&issues, &set("acme/3", "Status", "Done")).await;
    send(&issues, &effect).await.unwrap();
    let now = world.now();
    world
        .hub()
        .set_project_field(PLAN, (REPO, 1), ("Status", "Todo"), "ada", now)
        .unwrap();
    // The project has no history: what does not stand there counts as never written.
    assert_eq!(trace(&world, &issues, &effect).await, Trace::NotApplied);
    world
        .hub()
        .remove_from_project(PLAN, (REPO, 1), "ada")
        .unwrap();
    assert_eq!(trace(&world, &issues, &effect).await, Trace::NotApplied);
}

#[tokio::test]
async fn tokens_without_the_scope_are_told_so() {
    let world = planned();
    let asked = set("acme/3", "Status", "Done");
    let by = |token: &str| GithubIssues::new(world.client_of(token), &[(REPO, None)]).unwrap();
    let reason = refused(&by("ghp_unscoped"), &asked).await;
    assert!(reason.contains("read:project"), "{reason}");
    let reading = by("ghp_reading");
    let effect = opened(&reading, &asked).await;
    let error = send(&reading, &effect).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden, "{error}");
    assert!(world.hub().project_view(PLAN).unwrap().is_empty());
}
