//! Workflows that are started, and what is known after a lost answer.

use std::sync::Arc;

use async_trait::async_trait;
use notion_sync_core::effect::{Dispatch, Effect, EffectRequest};
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_core::remote::{Action, Remote as _, Trace, WriteKind};
use notion_sync_core::{ErrorKind, Retry};
use notion_sync_testkit::emulator::Fault;
use serde_json::{Value as Json, json};

use crate::effects_support::*;
use crate::support::{REPO, World};

type Answer = dyn Fn(&Request) -> Option<(u16, Json)> + Send + Sync;

/// Answers some requests itself and hands the others to the emulator.
pub(crate) struct Scripted {
    pub(crate) inner: Arc<dyn HttpSend>,
    pub(crate) answer: Box<Answer>,
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scripted").finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpSend for Scripted {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        match (self.answer)(&request) {
            Some((status, body)) => Ok(http::Response::builder()
                .status(status)
                .body(bytes::Bytes::from(body.to_string()))
                .unwrap()),
            None => self.inner.send(request).await,
        }
    }
}

const WORKFLOW: &str = "on:\n  workflow_dispatch:\n    inputs:\n      title:\n";

fn world() -> World {
    let world = World::new();
    assert_eq!(an_issue(&world), 1);
    world.commit(&[(".github/workflows/ship.yml", Some(WORKFLOW))]);
    world
}

fn ship(op: &str) -> EffectRequest {
    let mut asked = request(
        op,
        1,
        Effect::Dispatch(Dispatch {
            workflow: "ship.yml".to_owned(),
            reference: None,
            inputs: [
                ("title", "{title}"),
                ("issue", "{number}"),
                ("page", "{page}"),
                ("what", "{value}!"),
                ("op", "{op}"),
            ]
            .into_iter()
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .collect(),
        }),
    );
    asked.title = "::add-mask::\nx".to_owned();
    asked
}

#[tokio::test]
async fn a_workflow_is_started_with_its_inputs() {
    let world = world();
    let issues = world.issues();
    let effect = opened(&issues, &ship("k1")).await;
    assert_eq!(
        issues.kind(&Action::Effect(Box::new(effect.clone()))),
        WriteKind::UnnamedCreate
    );
    let ack = send(&issues, &effect).await.unwrap();
    assert!(ack.notes.contains_key("run"), "{ack:?}");
    let started = world.hub().dispatches(REPO).unwrap();
    assert_eq!(started.len(), 1);
    assert_eq!(started[0].reference.as_deref(), Some("main"));
    assert_eq!(
        started[0].payload,
        json!({"title": ":\u{200B}:add-mask:: x", "issue": "1", "what": "Done!", "op": "k1",
               "page": "https://www.notion.so/page-1"})
    );
}

/// Only a run that names the operation proves that it was started, and only no run at all that it was
/// not.
#[tokio::test]
async fn a_lost_answer_is_attributed_or_unclear() {
    let run = |title: &str, login: &str, at: &str| json!([{"id": 5, "display_title": title, "created_at": at, "actor": {"login": login}}]);
    let at = |passed: chrono::Duration| {
        let time = world().now() + passed;
        time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    };
    let later = at(chrono::Duration::minutes(1));
    let later = later.as_str();
    let much_later = at(chrono::Duration::minutes(5));
    let on = |branch: &str| {
        let mut runs = run("Ship", "bot", later);
        runs[0]["head_branch"] = json!(branch);
        runs
    };
    let named = |op: &str| run(&format!("Ship {op}"), "bot", later);
    let many = (0..1_000).map(|_| run("Ship", "ada", later)[0].clone());
    for (runs, expected) in [
        (json!([]), Some(false)),
        (on("main"), None),
        (on("refs/heads/main"), None),
        (on("release"), Some(false)),
        // Another operation, the same with one digit too few, and the names of a word.
        (named("abcdefghijklmnopqrstuvwxyz234567"), Some(false)),
        (named("abcdefghijklmnopqrstuvwxyz23456"), None),
        (named("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), None),
        // It could not begin that late.
        (run("Ship", "bot", &much_later), Some(false)),
        (run("Ship k1", "bot", &much_later), Some(true)),
        // As many as are ever listed: not all of them.
        (many.collect(), None),
        (run("Ship k1", "bot", later), Some(true)),
        (run("Ship k11", "bot", later), None),
        (run("Ship", "Bot[bot]", later), None),
        (run("Ship", "ada", later), Some(false)),
        (run("Ship", "bot", "2026-11-17T15:00:00Z"), Some(false)),
    ] {
        let world = world();
        let found = runs.clone();
        let issues = world.issues_by(Arc::new(Scripted {
            inner: world.send(),
            answer: Box::new(move |request| {
                let path = request.uri().path();
                let query = request.uri().query().unwrap_or_default();
                path.ends_with("/actions/workflows/ship.yml/runs").then(|| {
                    assert!(query.contains("event=workflow_dispatch"), "{query}");
                    (200, json!({"total_count": 1, "workflow_runs": found}))
                })
            }),
        }));
        let effect = opened(&issues, &ship("k1")).await;
        world.fault("POST", "/dispatches", Fault::DropAfter);
        let error = send(&issues, &effect).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(error.retry(), Retry::Backoff);
        let found = trace(&world, &issues, &effect).await;
        match expected {
            Some(true) => assert_eq!(applied(found).notes["run"], "5"),
            Some(false) => assert_eq!(found, Trace::NotApplied),
            None => assert_eq!(found, Trace::Unclear, "{runs}"),
        }
    }
}

#[tokio::test]
async fn where_runs_cannot_be_listed_nothing_is_said() {
    for status in [403, 404] {
        let world = world();
        let issues = world.issues_by(Arc::new(Scripted {
            inner: world.send(),
            answer: Box::new(move |request| {
                let runs = request.uri().path().ends_with("/runs");
                runs.then(|| (status, json!({"message": "no"})))
            }),
        }));
        let effect = opened(&issues, &ship("k1")).await;
        assert_eq!(trace(&world, &issues, &effect).await, Trace::Unclear);
    }
}

/// Against the service itself: with and without the operation in the name of the run, with and without
/// a start of another operation at the same time.
#[tokio::test]
async fn a_start_without_an_answer_is_found_by_its_run() {
    let (own, other) = (
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa2",
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb3",
    );
    let named = format!("run-name: Ship ${{{{ inputs.op }}}}\n{WORKFLOW}");
    for (text, fault, beside, expected) in [
        (named.as_str(), Fault::DropAfter, true, Some(true)),
        (named.as_str(), Fault::DropAfter, false, Some(true)),
        (named.as_str(), Fault::DropBefore, true, Some(false)),
        (named.as_str(), Fault::DropBefore, false, Some(false)),
        (WORKFLOW, Fault::DropAfter, false, None),
        (WORKFLOW, Fault::DropAfter, true, None),
        (WORKFLOW, Fault::DropBefore, true, None),
        (WORKFLOW, Fault::DropBefore, false, Some(false)),
    ] {
        let world = world();
        world.commit(&[(".github/workflows/ship.yml", Some(text))]);
        let issues = world.issues();
        // An earlier start, of a time that is over.
        perform(&issues, &ship("ccccccccccccccccccccccccccccccc4")).await;
        world.clock.advance(chrono::Duration::hours(1));
        let effect = opened(&issues, &ship(own)).await;
        world.fault("POST", "/dispatches", fault.clone());
        send(&issues, &effect).await.unwrap_err();
        if beside {
            perform(&issues, &ship(other)).await;
        }
        let place = format!("{text} {fault:?} {beside}");
        let sent = world.hub().dispatches(REPO).unwrap();
        let run = sent.iter().find(|one| one.payload["op"] == own);
        match (trace(&world, &issues, &effect).await, expected) {
            (Trace::Applied(ack), Some(true)) => {
                assert_eq!(ack.notes["run"], run.unwrap().id.to_string(), "{place}");
            }
            (Trace::NotApplied, Some(false)) => assert!(run.is_none(), "{place}"),
            (Trace::Unclear, None) => {}
            (found, _) => panic!("{place}: {found:?}"),
        }
    }
}
