//! Effects: asked for, written, traced.

use std::collections::BTreeMap;

use notion_sync_core::effect::{Effect, EffectRequest, EffectWrite, Gate};
use notion_sync_core::id::{OpId, RemoteRef};
use notion_sync_core::remote::{Ack, Action, Remote, Trace};
use notion_sync_github::GithubIssues;

use crate::support::{World, issue, one, write};

/// An issue of the handbook by ada.
pub(crate) fn an_issue(world: &World) -> u64 {
    titled(world, "Rewrite the guide")
}

pub(crate) fn titled(world: &World, title: &str) -> u64 {
    let now = world.now();
    world
        .hub()
        .open_issue(crate::support::REPO, "ada", title, Some("Text"), now)
        .unwrap()
}

pub(crate) fn request(op: &str, number: u64, effect: Effect) -> EffectRequest {
    EffectRequest {
        op: OpId::new(op),
        object: issue(number),
        links: BTreeMap::new(),
        effect,
        page: Some(format!("page-{number}")),
        page_url: Some(format!("https://www.notion.so/page-{number}")),
        title: "Rewrite the guide".to_owned(),
        value: "Done".to_owned(),
        summary: None,
    }
}

pub(crate) fn with_pull(mut request: EffectRequest, pull: RemoteRef) -> EffectRequest {
    request.links.insert("pull".to_owned(), pull);
    request
}

pub(crate) async fn opened(issues: &GithubIssues, request: &EffectRequest) -> EffectWrite {
    match issues.gate(request).await.unwrap() {
        Gate::Open(write) => {
            assert_eq!(&write.request, request);
            write
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn refused(issues: &GithubIssues, request: &EffectRequest) -> String {
    match issues.gate(request).await.unwrap() {
        Gate::Refused(reason) => reason,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn closed(issues: &GithubIssues, request: &EffectRequest) -> String {
    match issues.gate(request).await.unwrap() {
        Gate::Closed { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn holds(issues: &GithubIssues, request: &EffectRequest) -> bool {
    matches!(issues.gate(request).await.unwrap(), Gate::Holds { .. })
}

pub(crate) fn effect_write(effect: &EffectWrite) -> notion_sync_core::remote::Write {
    let op = effect.request.op.as_str();
    let mut write = write(op, Action::Effect(Box::new(effect.clone())));
    write.page.clone_from(&effect.request.page);
    write
}

pub(crate) async fn send(
    issues: &GithubIssues,
    effect: &EffectWrite,
) -> notion_sync_core::Result<Ack> {
    one(issues, effect_write(effect)).await
}

/// Asks the gate and writes what it answers.
pub(crate) async fn perform(issues: &GithubIssues, request: &EffectRequest) -> Ack {
    let effect = opened(issues, request).await;
    send(issues, &effect).await.unwrap()
}

pub(crate) async fn trace(world: &World, issues: &GithubIssues, effect: &EffectWrite) -> Trace {
    let sent = world.now();
    let mut traces = issues.trace(&[effect_write(effect)], sent).await.unwrap();
    traces.pop().unwrap()
}

pub(crate) fn applied(trace: Trace) -> Ack {
    match trace {
        Trace::Applied(ack) => ack,
        other => panic!("{other:?}"),
    }
}

/// A commit by hand on a branch that is made from `main` where it does not exist.
pub(crate) fn by_hand(world: &World, branch: &str, path: &str, text: &str) -> String {
    let now = world.now();
    let mut hub = world.hub();
    let repo = crate::support::REPO;
    if !hub.branches(repo).unwrap().contains_key(branch) {
        hub.reset_branch(repo, branch, "main", "ada", now).unwrap();
    }
    hub.commit(repo, branch, "ada", "By hand", &[(path, Some(text))], now)
        .unwrap()
        .to_string()
}
