//! Answers that no service should give: nothing panics, nothing loops, nothing is claimed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use notion_sync_core::ErrorKind;
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_core::remote::{Action, Cursor, ListRequest, ProposalKind, Propose, Remote, Trace};
use notion_sync_core::value::Value;
use notion_sync_github::{
    FilesSettings, GithubClient, GithubFiles, GithubIssues, Needs, PersonalToken, reference,
};

use crate::support::*;

/// Passes requests to an emulator, then spoils what comes back, from the request `after` on.
#[derive(Debug)]
pub(crate) struct Spoiler {
    inner: Arc<dyn HttpSend>,
    count: AtomicU64,
    after: u64,
    seed: u64,
}

impl Spoiler {
    pub(crate) fn new(inner: Arc<dyn HttpSend>, after: u64, seed: u64) -> Self {
        Self {
            inner,
            count: AtomicU64::new(0),
            after,
            seed,
        }
    }
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides.max(1) as u64).unwrap()
    }
}

/// Replaces one value somewhere in a document.
fn mutate(value: &mut serde_json::Value, dice: &mut Dice) {
    use serde_json::Value as Json;
    let here = dice.roll(4) == 0;
    match value {
        Json::Object(map) if !here && !map.is_empty() => {
            let index = dice.roll(map.len());
            let key = map.keys().nth(index).unwrap().clone();
            if dice.roll(4) == 0 {
                map.remove(&key);
            } else {
                mutate(&mut map[&key], dice);
            }
        }
        Json::Array(list) if !here && !list.is_empty() => {
            let index = dice.roll(list.len());
            mutate(&mut list[index], dice);
        }
        _ => {
            *value = match dice.roll(8) {
                0 => Json::Null,
                1 => Json::Bool(true),
                2 => serde_json::json!(-1),
                3 => serde_json::json!(1e300),
                4 => serde_json::json!("../../\u{0}\u{202e}é"),
                5 => serde_json::json!([[[[]]]]),
                6 => serde_json::json!({"a": {}}),
                _ => serde_json::json!(""),
            };
        }
    }
}

#[async_trait]
impl HttpSend for Spoiler {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let n = self.count.fetch_add(1, Ordering::SeqCst);
        assert!(n < 3_000, "a loop");
        let mut response = self.inner.send(request).await?;
        if n < self.after {
            return Ok(response);
        }
        let mut dice = Dice(
            self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
                ^ (n + 1).wrapping_mul(0xd134_2543_de82_ef95)
                | 1,
        );
        match dice.roll(10) {
            0 => *response.body_mut() = Bytes::from_static(b"<html>no</html>"),
            1 => *response.body_mut() = Bytes::from_static(b"\xff\xfe\x00"),
            2 => {
                let half = response.body().len() / 2;
                *response.body_mut() = response.body().slice(..half);
            }
            3 => *response.body_mut() = Bytes::from("[".repeat(100_000)),
            4 => *response.body_mut() = Bytes::new(),
            5 => {
                let status = [200, 204, 301, 304, 403, 404, 409, 422, 429, 500][dice.roll(10)];
                *response.status_mut() = StatusCode::from_u16(status).unwrap();
            }
            6 => {
                for name in [
                    "x-ratelimit-reset",
                    "x-ratelimit-remaining",
                    "retry-after",
                    "link",
                    "location",
                    "etag",
                ] {
                    let value = [
                        "99999999999999999999",
                        "-1",
                        "<>; rel=\"next\"",
                        "<http://x/?page=2>; rel=next",
                        "é",
                        "",
                    ][dice.roll(6)];
                    response
                        .headers_mut()
                        .insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
                }
            }
            _ => {
                if let Ok(mut value) = serde_json::from_slice(response.body()) {
                    for _ in 0..=dice.roll(3) {
                        mutate(&mut value, &mut dice);
                    }
                    *response.body_mut() = Bytes::from(value.to_string());
                }
            }
        }
        Ok(response)
    }
}

fn actions() -> Vec<(bool, Action)> {
    let proposal = Propose {
        kind: ProposalKind::Edit,
        branch: "nsync/k1".to_owned(),
        title: "t".to_owned(),
        body: "b".to_owned(),
        files: vec![("docs/p.md".to_owned(), Some("p".to_owned()))],
        draft: true,
        reviewers: vec!["bob".to_owned()],
        head: None,
        pull: None,
        page: None,
    };
    vec![
        (false, edit_file("docs/a.md", "alpha\n", "2\n")),
        (false, new_file("docs/n.md", "n")),
        (false, move_file("docs/a.md", "docs/z.md")),
        (false, remove_file("docs/b.md", "beta\n")),
        (false, Action::Propose(proposal)),
        (
            false,
            Action::Withdraw {
                proposal: reference::pull(REPO_ID, 2),
                reason: "r".to_owned(),
            },
        ),
        (
            false,
            Action::Comment {
                object: reference::pull(REPO_ID, 2),
                text: "c".to_owned(),
            },
        ),
        (
            true,
            new_issue(
                &[
                    ("title", text("t")),
                    ("labels", set(&["bug", "new"])),
                    ("assignees", set(&["bob"])),
                    ("milestone", text("v1")),
                ],
                "x",
            ),
        ),
        (
            true,
            change(
                1,
                &[
                    ("title", text("One"), text("Two")),
                    ("labels", set(&[]), set(&["bug"])),
                    ("milestone", Value::Null, text("v1")),
                ],
                Some(("text", "2")),
            ),
        ),
        (
            true,
            Action::Remove {
                object: issue(1),
                expected: "x".to_owned(),
            },
        ),
        (true, Action::Restore { object: issue(1) }),
        (
            true,
            Action::Comment {
                object: issue(1),
                text: "c".to_owned(),
            },
        ),
        (
            true,
            Action::Bookkeep {
                object: issue(1),
                fields: std::collections::BTreeMap::new(),
            },
        ),
    ]
}

#[tokio::test]
async fn spoiled_answers_end_in_errors_or_nothing() {
    let (mut runs, mut failed) = (0, 0);
    for seed in 1..=12_u64 {
        for after in [0, 1, 2, 4, 6] {
            for (is_issue, action) in actions() {
                let world = World::new();
                let now = world.now();
                {
                    let mut hub = world.hub();
                    hub.open_issue(REPO, "ada", "One", Some("text"), now)
                        .unwrap();
                    let head = hub.branches(REPO).unwrap()["main"].to_string();
                    hub.reset_branch(REPO, "nsync/old", &head, "bot", now)
                        .unwrap();
                    hub.commit(
                        REPO,
                        "nsync/old",
                        "bot",
                        "x\n\nSync-Op: old",
                        &[("docs/o.md", Some("o"))],
                        now,
                    )
                    .unwrap();
                    hub.open_pull(REPO, "bot", &pull_form("Old", "nsync/old"), now)
                        .unwrap();
                }
                let send = Spoiler::new(world.send(), after, seed);
                let token = PersonalToken::new("github_pat_bot".into()).unwrap();
                let client = GithubClient::new(
                    Arc::new(send),
                    Arc::new(token),
                    world.clock.clone(),
                    World::settings(),
                )
                .unwrap();
                let remote: Box<dyn Remote> = if is_issue {
                    Box::new(GithubIssues::new(client.clone(), &[(REPO, None)]).unwrap())
                } else {
                    let mut settings = FilesSettings::markdown(REPO, "main", "docs").unwrap();
                    settings.signed = seed % 3 == 0;
                    Box::new(GithubFiles::new(client.clone(), settings).unwrap())
                };
                let sent = write("o1", action);
                failed += usize::from(one(&*remote, sent.clone()).await.is_err());
                let _: Result<Vec<Trace>, _> = remote.trace(&[sent], now).await;
                let first = remote
                    .list(ListRequest {
                        cursor: None,
                        full: false,
                    })
                    .await;
                let cursor = first.ok().map(|listing| listing.cursor);
                let _ = remote
                    .list(ListRequest {
                        cursor,
                        full: seed % 2 == 0,
                    })
                    .await;
                let object = if is_issue {
                    issue(1)
                } else {
                    file("docs/a.md")
                };
                let _ = remote.read(&object, true).await;
                let _ = remote.read(&reference::pull(REPO_ID, 2), true).await;
                let _ = remote.schema().await;
                runs += 1;
            }
        }
    }
    println!("spoiled runs: {runs}, writes refused: {failed}");
    assert!(failed > runs / 10 && failed < runs, "{failed} of {runs}");
}

#[tokio::test]
async fn spoiled_checks_end() {
    for seed in 1..=60 {
        let world = World::new();
        let send = Spoiler {
            inner: world.send(),
            count: AtomicU64::new(0),
            after: seed % 4,
            seed,
        };
        let token = PersonalToken::new("github_pat_bot".into()).unwrap();
        let client = GithubClient::new(
            Arc::new(send),
            Arc::new(token),
            world.clock.clone(),
            World::settings(),
        )
        .unwrap();
        let needs = Needs {
            repository: REPO.to_owned(),
            branch: Some("main".to_owned()),
            write_contents: true,
            direct_commits: true,
            ..Needs::default()
        };
        let _ = client.check(&[needs]).await;
        let _ = client.people(REPO).await;
    }
}

#[tokio::test]
async fn cursors_and_ids_of_others_are_refused() {
    let world = World::new();
    let remotes: [Box<dyn Remote>; 2] = [Box::new(world.files()), Box::new(world.issues())];
    for remote in &remotes {
        for cursor in [
            "",
            "null",
            "[]",
            "{\"repositories\": 3}",
            "\u{0}",
            &"[".repeat(10_000),
        ] {
            let request = ListRequest {
                cursor: Some(Cursor(cursor.to_owned())),
                full: false,
            };
            let error = remote.list(request).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{cursor:.20}");
        }
        for id in [
            "",
            "x",
            "100",
            "100:main",
            "100#",
            "101#1",
            "101:main:docs/a.md",
            "100:other:docs/a.md",
        ] {
            for kind in ["file", "issue", "pull", "page"] {
                let object = notion_sync_core::id::RemoteRef::new("github", kind, id);
                if let Err(error) = remote.read(&object, true).await {
                    assert_eq!(error.kind(), ErrorKind::Invalid, "{object}");
                }
                let remove = Action::Remove {
                    object,
                    expected: "x".to_owned(),
                };
                assert!(one(&**remote, write("o", remove)).await.is_err());
            }
        }
    }
}
