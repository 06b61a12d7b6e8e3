//! Objects that a person names as what a write made: read, and refused where they are something else.

use notion_sync_core::ErrorKind;
use notion_sync_core::effect::{Dispatch, Effect, OpenPull};
use notion_sync_core::id::RemoteRef;
use notion_sync_core::remote::{Action, ProposalKind, Propose, Remote as _};
use notion_sync_github::reference;

use crate::effects_support::*;
use crate::support::{REPO_ID, World, one, write};

const WORKFLOW: &str = "on:\n  workflow_dispatch:\n";

#[tokio::test]
async fn a_run_is_named_by_its_id() {
    let world = World::new();
    let number = an_issue(&world);
    world.commit(&[(".github/workflows/ship.yml", Some(WORKFLOW))]);
    let issues = world.issues();
    let start = Effect::Dispatch(Dispatch {
        workflow: "ship.yml".to_owned(),
        reference: None,
        inputs: Default::default(),
    });
    let effect = opened(&issues, &request("k1", number, start)).await;
    let ack = send(&issues, &effect).await.unwrap();
    let run: u64 = ack.notes["run"].parse().unwrap();
    let write = effect_write(&effect);
    let made = issues.made(&write, &reference::run(REPO_ID, run)).await;
    let made = made.unwrap().unwrap();
    assert_eq!(made.notes["run"], ack.notes["run"]);
    assert_eq!(made.notes["url"], ack.notes["url"]);
    for (object, kind) in [
        (reference::run(REPO_ID, run + 1), ErrorKind::NotFound),
        (reference::run(REPO_ID + 1, run), ErrorKind::Invalid),
        (reference::pull(REPO_ID, run), ErrorKind::Invalid),
    ] {
        let error = issues.made(&write, &object).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{object}: {error}");
    }
    // What makes no object cannot be named.
    let close = opened(
        &issues,
        &request("k2", number, Effect::Close(Default::default())),
    )
    .await;
    let object = reference::issue(REPO_ID, number);
    assert_eq!(
        issues.made(&effect_write(&close), &object).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn a_pull_request_is_the_one_of_its_branch() {
    let world = World::new();
    let (one_issue, other_issue) = (an_issue(&world), titled(&world, "Another"));
    let issues = world.issues();
    let open = |op: &str, number: u64| request(op, number, Effect::OpenPull(OpenPull::default()));
    let first = opened(&issues, &open("k1", one_issue)).await;
    let pull = send(&issues, &first).await.unwrap().links["pull"].clone();
    let other = perform(&issues, &open("k2", other_issue)).await.links["pull"].clone();
    let write = effect_write(&first);
    let made = issues.made(&write, &pull).await.unwrap().unwrap();
    assert_eq!(made.links["pull"], pull);
    assert!(made.snapshot.is_none());
    let error = issues.made(&write, &other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("branch"), "{error}");
    let missing = reference::pull(REPO_ID, 99);
    let error = issues.made(&write, &missing).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

fn proposal(branch: &str) -> Propose {
    Propose {
        kind: ProposalKind::Create,
        branch: branch.to_owned(),
        title: "Add the plan".to_owned(),
        body: "Please look".to_owned(),
        files: vec![("docs/plan.md".to_owned(), Some(format!("{branch}\n")))],
        draft: false,
        reviewers: Vec::new(),
        head: None,
        pull: None,
        page: Some("page-9".to_owned()),
    }
}

#[tokio::test]
async fn a_proposal_is_the_pull_request_that_holds_its_commit() {
    let world = World::new();
    let files = world.files();
    let pull = |ack: notion_sync_core::remote::Ack| -> RemoteRef { ack.snapshot.unwrap().object };
    let propose = |op: &str, branch: &str| write(op, Action::Propose(proposal(branch)));
    let first = propose("k1", "nsync/create-k1");
    let own = pull(one(&files, first.clone()).await.unwrap());
    let second = propose("k2", "nsync/create-k2");
    let other = pull(one(&files, second).await.unwrap());
    let made = files.made(&first, &own).await.unwrap().unwrap();
    assert_eq!(made.snapshot.unwrap().object, own);
    assert!(made.notes.contains_key("head"));
    for (write, object) in [
        (&first, &other),
        // Of the same branch, and of another operation.
        (&propose("k3", "nsync/create-k1"), &own),
        (&first, &reference::issue(REPO_ID, 1)),
    ] {
        let error = files.made(write, object).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{object}: {error}");
    }
}
