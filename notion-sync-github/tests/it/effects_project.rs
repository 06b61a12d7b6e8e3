//! Fields of projects. The emulator has no projects, so a small one stands here; the documents
//! themselves are checked against the service's schema in the crate.

use std::sync::{Arc, Mutex};

use notion_sync_core::ErrorKind;
use notion_sync_core::effect::{Effect, EffectRequest, ProjectField};
use notion_sync_core::remote::{Action, Remote as _, Trace, WriteKind};
use notion_sync_github::GithubIssues;
use serde_json::{Value as Json, json};

use crate::effects_dispatch::Scripted;
use crate::effects_support::*;
use crate::support::World;

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
            json!({"id": "X", "project": {"id": "P9"}, "fieldValueByName": {"optionId": "o2"}}),
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
        let item = json!({"id": "I1", "project": {"id": "P3"}, "fieldValueByName": null});
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
    project.item.as_mut().unwrap()["fieldValueByName"] = value;
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
