//! What people and apps do to a pull request of the handbook.

use http::Method;
use notion_sync_core::effect::{Effect, Merge, MergeMethod};
use notion_sync_core::id::RemoteRef;
use notion_sync_github::reference;
use notion_sync_testkit::github::{CheckForm, CheckStatus, Conclusion, PullForm, StatusState};
use serde_json::{Value as Json, json};

use crate::effects_support::*;
use crate::support::{REPO, REPO_ID, World, handbook, pull_form};

pub(crate) fn ci() -> Json {
    json!({"id": 9, "slug": "ci", "permissions": {"checks": "write", "metadata": "read"},
           "installations": [{"id": 90, "account": "acme"}]})
}

/// The handbook with some settings of its repository, an issue and a pull request for it.
pub(crate) fn world(settings: &Json) -> World {
    let mut seed = serde_json::to_value(handbook()).unwrap();
    seed["apps"].as_array_mut().unwrap().push(ci());
    let tokens = seed["tokens"].as_array_mut().unwrap();
    tokens.push(json!({"token": "github_pat_owner", "login": "ada"}));
    for (token, more) in [
        ("github_pat_blind", json!({})),
        ("github_pat_statuses", json!({"statuses": "read"})),
        ("github_pat_checks", json!({"checks": "read"})),
        (
            "github_pat_results",
            json!({"checks": "read", "statuses": "read"}),
        ),
    ] {
        let mut permissions = json!({
            "contents": "write", "pull_requests": "write", "issues": "write",
        });
        for (name, level) in more.as_object().unwrap() {
            permissions[name] = level.clone();
        }
        tokens.push(json!({"token": token, "login": "bot", "permissions": permissions}));
    }
    for (name, value) in settings.as_object().unwrap() {
        seed["repositories"][0][name] = value.clone();
    }
    let world = World::of(serde_json::from_value(seed).unwrap());
    assert_eq!(an_issue(&world), 1);
    by_hand(&world, "topic", "docs/new.md", "new\n");
    let form = PullForm {
        body: Some("Closes #1"),
        ..pull_form("Topic", "topic")
    };
    let now = world.now();
    assert_eq!(world.hub().open_pull(REPO, "ada", &form, now).unwrap(), 2);
    world
}

pub(crate) fn pull() -> RemoteRef {
    reference::pull(REPO_ID, 2)
}

pub(crate) fn merge() -> Effect {
    Effect::Merge(Merge::default())
}

pub(crate) fn by(method: MergeMethod) -> Effect {
    Effect::Merge(Merge {
        method: Some(method),
        ready: false,
    })
}

/// Lets what just happened come to rest.
pub(crate) fn rest(world: &World) {
    world.clock.advance(chrono::Duration::minutes(2));
}

pub(crate) fn check(world: &World, name: &str, end: Conclusion, app: Option<&str>) {
    let form = CheckForm {
        at: "topic".to_owned(),
        name: name.to_owned(),
        status: CheckStatus::Completed,
        conclusion: Some(end),
        app: app.map(str::to_owned),
    };
    let now = world.now();
    world.hub().report_check(REPO, &form, now).unwrap();
}

pub(crate) fn running(world: &World, name: &str, status: CheckStatus) {
    let form = CheckForm {
        at: "topic".to_owned(),
        name: name.to_owned(),
        status,
        ..CheckForm::default()
    };
    let now = world.now();
    world.hub().report_check(REPO, &form, now).unwrap();
}

pub(crate) fn status(world: &World, context: &str, state: StatusState) {
    let now = world.now();
    world
        .hub()
        .report_status(REPO, "topic", context, state, "bob", now)
        .unwrap();
}

/// A check run on the commit that tries the merge.
pub(crate) fn check_merge(world: &World, name: &str, end: Option<Conclusion>, app: Option<&str>) {
    let now = world.now();
    let form = CheckForm {
        at: world.hub().test_merge(REPO, 2, now).unwrap(),
        name: name.to_owned(),
        status: end.map_or(CheckStatus::InProgress, |_| CheckStatus::Completed),
        conclusion: end,
        app: app.map(str::to_owned),
    };
    world.hub().report_check(REPO, &form, now).unwrap();
}

/// A status on the commit that tries the merge.
pub(crate) fn status_merge(world: &World, context: &str, state: StatusState) {
    let now = world.now();
    let commit = world.hub().test_merge(REPO, 2, now).unwrap();
    world
        .hub()
        .report_status(REPO, &commit, context, state, "bob", now)
        .unwrap();
}

pub(crate) fn review(world: &World, state: &str) {
    let now = world.now();
    world
        .hub()
        .review(REPO, 2, "bob", state, "Looked", now)
        .unwrap();
}

pub(crate) fn head(world: &World) -> String {
    let seen = world.hub().issue(REPO, 2).unwrap();
    seen.pull.unwrap().head_sha.to_string()
}

pub(crate) fn merged(world: &World) -> bool {
    world.hub().issue(REPO, 2).unwrap().pull.unwrap().merged
}

/// Asks the service itself, past the adapter.
pub(crate) async fn raw(
    world: &World,
    token: &str,
    method: Method,
    path: &str,
    body: Json,
) -> (u16, Json) {
    let request = http::Request::builder()
        .method(method)
        .uri(format!("https://api.github.com{path}"))
        .header("authorization", format!("Bearer {token}"))
        .header("user-agent", "test")
        .header("x-github-api-version", "2026-03-10")
        .body(bytes(&body))
        .unwrap();
    let response = world.send().send(request).await.unwrap();
    let status = response.status().as_u16();
    let body = serde_json::from_slice(response.body()).unwrap_or_default();
    (status, body)
}

pub(crate) fn bytes(body: &Json) -> bytes::Bytes {
    bytes::Bytes::from(body.to_string())
}

pub(crate) async fn graphql(world: &World, query: &str, variables: Json) -> Json {
    let body = json!({"query": query, "variables": variables});
    let (status, answer) = raw(world, "github_pat_owner", Method::POST, "/graphql", body).await;
    assert_eq!(status, 200);
    assert!(answer.get("errors").is_none(), "{answer}");
    answer
}

pub(crate) async fn node(world: &World) -> String {
    let path = format!("/repositories/{REPO_ID}/pulls/2");
    let (_, seen) = raw(world, "github_pat_owner", Method::GET, &path, Json::Null).await;
    seen["node_id"].as_str().unwrap().to_owned()
}

pub(crate) fn classic(checks: &Json) -> Json {
    json!({"protected_branches": {"main": checks}})
}

pub(crate) fn build() -> Json {
    classic(&json!({"required_checks": ["build"]}))
}

pub(crate) fn rules(rules: &[Json]) -> Json {
    json!({"rulesets": [{"include": ["~DEFAULT_BRANCH"], "rules": rules}]})
}

pub(crate) fn required(check: &Json) -> Json {
    json!({"type": "required_status_checks", "checks": [check]})
}
