//! Commits: one for a group, rebuilt when the branch moves, refused by rules.

use notion_sync_core::ErrorKind;
use notion_sync_core::remote::{Remote as _, WriteKind};
use notion_sync_core::snapshot::{Presence, Proof};
use notion_sync_testkit::emulator::{Emulator as _, Fault};

use crate::support::*;

#[tokio::test]
async fn a_group_is_one_commit() {
    let world = World::new();
    let files = world.files();
    list(&files, None, false).await;
    one(&files, write("first", new_file("docs/first.md", "first\n")))
        .await
        .unwrap();
    let mut requests = Vec::new();
    for members in [2_usize, 40, 180] {
        let before = world.commits();
        let batch: Vec<_> = (0..members)
            .map(|n| {
                grouped(
                    &format!("{members}-{n}"),
                    &format!("g{members}"),
                    new_file(&format!("docs/g{members}/{n}.md"), "text\n"),
                )
            })
            .collect();
        assert!(
            batch
                .iter()
                .all(|write| files.group(&write.action) == files.group(&batch[0].action))
        );
        assert!(
            batch
                .iter()
                .all(|write| files.kind(&write.action) == WriteKind::StrongCas)
        );
        let mark = world.mark();
        let acks = files.write(&batch).await;
        requests.push(world.asked(mark).len());
        assert_eq!(world.commits(), before + 1);
        let head = world.hub().branches(REPO).unwrap()["main"].to_string();
        for (n, ack) in acks.into_iter().enumerate() {
            let ack = ack.unwrap();
            assert_eq!(ack.notes["commit"], head);
            let snapshot = ack.snapshot.unwrap();
            assert_eq!(snapshot.place.unwrap(), format!("docs/g{members}/{n}.md"));
            assert_eq!(snapshot.revision.token, blob("text\n"));
        }
    }
    println!("requests for commits of 2, 40 and 180 files: {requests:?}");
    assert!(
        requests.iter().all(|count| *count == requests[0]),
        "{requests:?}"
    );
}

#[tokio::test]
async fn large_groups_are_built_in_chunks_and_keep_every_other_file() {
    let world = World::new();
    let files = world.files();
    let before = world.commits();
    let batch: Vec<_> = (0..450)
        .map(|n| {
            grouped(
                &format!("{n}"),
                "g",
                new_file(&format!("docs/m/{n}.md"), &format!("text {n}\n")),
            )
        })
        .collect();
    let mark = world.mark();
    assert!(files.write(&batch).await.iter().all(Result::is_ok));
    let trees = world
        .asked(mark)
        .iter()
        .filter(|line| line.starts_with("POST") && line.contains("/git/trees"))
        .count();
    assert_eq!((world.commits(), trees), (before + 1, 3));
    assert_eq!(world.hub().files(REPO, "main").unwrap().len(), 455);
    assert_eq!(world.file("docs/m/449.md").as_deref(), Some("text 449\n"));
}

#[tokio::test]
async fn one_stale_member_does_not_hold_up_the_others() {
    let world = World::new();
    let files = world.files();
    let before = world.commits();
    let batch = [
        grouped(
            "o1",
            "g",
            edit_file("docs/a.md", "not what is there", "x\n"),
        ),
        grouped("o2", "g", edit_file("docs/b.md", "beta\n", "beta 2\n")),
        grouped("o3", "g", remove_file("docs/deep/c.md", "gamma\n")),
        grouped("o4", "g", new_file("docs/new.md", "new\n")),
        grouped("o5", "g", new_file("docs/b.md", "other\n")),
        grouped("o6", "g", remove_file("docs/none.md", "x")),
        grouped("o7", "g", edit_file("docs/none.md", "x", "y")),
        grouped("o8", "g", new_file("docs/new.md", "twice\n")),
        grouped("o9", "g", new_file("../evil.md", "x")),
        grouped("o10", "g", new_file("other/x.md", "x")),
        grouped("o11", "g", new_file("docs/new2.md/x.md", "x")),
    ];
    let acks = files.write(&batch).await;
    let kinds: Vec<Option<ErrorKind>> = acks
        .iter()
        .map(|ack| ack.as_ref().err().map(notion_sync_core::Error::kind))
        .collect();
    assert_eq!(
        kinds,
        [
            Some(ErrorKind::Stale),
            None,
            None,
            None,
            Some(ErrorKind::AlreadyExists),
            None,
            Some(ErrorKind::Stale),
            Some(ErrorKind::NotApplied),
            Some(ErrorKind::Invalid),
            Some(ErrorKind::Invalid),
            None,
        ]
    );
    assert_eq!(world.commits(), before + 1);
    assert_eq!(world.file("docs/a.md").as_deref(), Some("alpha\n"));
    assert_eq!(world.file("docs/b.md").as_deref(), Some("beta 2\n"));
    assert_eq!(world.file("docs/deep/c.md"), None);
    let removed = acks[2].as_ref().unwrap().snapshot.clone().unwrap();
    assert_eq!(removed.presence, Presence::Gone(Proof::AbsentInDescendant));
    assert_eq!(acks[5].as_ref().unwrap().notes["unchanged"], "true");
}

#[tokio::test]
async fn a_file_of_another_branch_does_not_hold_up_the_others() {
    let world = World::new();
    let files = world.files();
    let object = notion_sync_github::reference::file(REPO_ID, "topic", "docs/a.md");
    let foreign = notion_sync_core::remote::Action::Remove {
        object,
        expected: blob("alpha\n"),
    };
    let batch = [
        grouped("o1", "g", foreign),
        grouped("o2", "g", new_file("docs/n.md", "n\n")),
    ];
    let results = files.write(&batch).await;
    assert_eq!(results[0].as_ref().unwrap_err().kind(), ErrorKind::Invalid);
    assert!(results[1].is_ok());
    assert_eq!(world.file("docs/a.md").as_deref(), Some("alpha\n"));
}

#[tokio::test]
async fn moves_keep_content_or_change_it() {
    let world = World::new();
    let files = world.files();
    let ack = one(
        &files,
        write("o1", move_file("docs/a.md", "docs/sub/a2.md")),
    )
    .await
    .unwrap();
    assert_eq!(ack.snapshot.unwrap().object, file("docs/sub/a2.md"));
    assert_eq!(world.file("docs/sub/a2.md").as_deref(), Some("alpha\n"));
    assert_eq!(world.file("docs/a.md"), None);
    let taken = one(
        &files,
        write("o2", move_file("docs/b.md", "docs/deep/c.md")),
    )
    .await;
    assert_eq!(taken.unwrap_err().kind(), ErrorKind::AlreadyExists);
    let outside = one(&files, write("o3", move_file("docs/b.md", "b.md"))).await;
    assert_eq!(outside.unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn repeating_a_write_makes_no_second_commit() {
    let world = World::new();
    let files = world.files();
    for action in [
        edit_file("docs/a.md", "alpha\n", "alpha 2\n"),
        new_file("docs/n.md", "n\n"),
        remove_file("docs/b.md", "beta\n"),
    ] {
        let batch = write("o", action);
        one(&files, batch.clone()).await.unwrap();
        let before = world.commits();
        let again = one(&files, batch).await.unwrap();
        assert_eq!(again.notes["unchanged"], "true");
        assert_eq!(world.commits(), before);
    }
}

#[tokio::test]
async fn the_message_names_pages_and_operation() {
    let world = World::new();
    let files = world.files();
    let evil = "docs/fixes #1 @carol [skip ci].md";
    one(&files, write("o1", new_file(evil, "x\n")))
        .await
        .unwrap();
    let batch = [
        grouped("o2", "g2", edit_file("docs/a.md", "alpha\n", "2\n")),
        grouped("o3", "g2", edit_file("docs/b.md", "beta\n", "2\n")),
    ];
    assert!(files.write(&batch).await.iter().all(Result::is_ok));
    let commits = world.hub().commits(REPO, "main").unwrap();
    let both = &commits[0].message;
    assert!(
        both.starts_with("Sync 2 pages\n\n* docs/a.md\n* docs/b.md\n\n"),
        "{both}"
    );
    for line in [
        "Notion-Page-Id: page-o2",
        "Notion-Page-Id: page-o3",
        "Notion-Editor: Ada Lovelace",
        "Notion-Revision: 2026-11-18T01:46:00.000Z",
        "Sync-Run-Id: page-o2:2026-11-18T01:46:o2",
    ] {
        assert!(both.lines().any(|found| found == line), "{line} in {both}");
    }
    assert_eq!(both.matches("Sync-Op: g2").count(), 1);
    let odd = &commits[1].message;
    assert!(
        !odd.contains("fixes #1") && !odd.contains("@carol") && !odd.contains("[skip ci]"),
        "{odd}"
    );
}

#[tokio::test]
async fn a_branch_that_moves_meanwhile_is_built_upon_again() {
    for signed in [false, true] {
        let world = World::new();
        let racing = Racing::new(
            if signed {
                "POST /graphql"
            } else {
                "POST /repositories/100/git/commits"
            },
            2,
        );
        let files = racing.files(&world, signed);
        let ack = one(
            &files,
            write("o1", edit_file("docs/a.md", "alpha\n", "mine\n")),
        )
        .await
        .unwrap();
        assert!(ack.snapshot.is_some());
        assert_eq!(
            world.file("docs/a.md").as_deref(),
            Some("mine\n"),
            "signed: {signed}"
        );
        assert_eq!(world.file("docs/race-0.md").as_deref(), Some("race\n"));
        assert_eq!(world.file("docs/race-1.md").as_deref(), Some("race\n"));
    }
}

#[tokio::test]
async fn a_branch_that_never_rests_is_left_for_later() {
    let world = World::new();
    let racing = Racing::new("POST /repositories/100/git/commits", 99);
    let files = racing.files(&world, false);
    let error = one(
        &files,
        write("o1", edit_file("docs/a.md", "alpha\n", "mine\n")),
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotApplied);
    assert_eq!(world.file("docs/a.md").as_deref(), Some("alpha\n"));
}

#[tokio::test]
async fn an_edit_of_the_same_file_meanwhile_is_stale() {
    let world = World::new();
    let racing = Racing::new("POST /repositories/100/git/commits", 1).on("docs/a.md");
    let files = racing.files(&world, false);
    let error = one(
        &files,
        write("o1", edit_file("docs/a.md", "alpha\n", "mine\n")),
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale);
    assert_eq!(world.file("docs/a.md").as_deref(), Some("race\n"));
}

#[tokio::test]
async fn a_reset_meanwhile_is_not_undone() {
    let world = World::new();
    let base = world.hub().branches(REPO).unwrap()["main"].to_string();
    world.commit(&[("docs/secret.md", Some("dropped\n"))]);
    let racing = Racing::new("POST /repositories/100/git/commits", 1).resets_to(&base);
    let files = racing.files(&world, false);
    one(
        &files,
        write("o1", edit_file("docs/a.md", "alpha\n", "mine\n")),
    )
    .await
    .unwrap();
    assert_eq!(
        world.file("docs/secret.md"),
        None,
        "dropped commits stay dropped"
    );
    assert_eq!(world.file("docs/a.md").as_deref(), Some("mine\n"));
}

#[tokio::test]
async fn signed_commits_do_the_same() {
    let world = World::new();
    let files = world.files_of(REPO, |settings| settings.signed = true);
    let before = world.commits();
    let batch = [
        grouped("o1", "g", edit_file("docs/a.md", "alpha\n", "2\n")),
        grouped("o2", "g", remove_file("docs/b.md", "beta\n")),
        grouped("o3", "g", new_file("docs/n.md", "n\n")),
        grouped("o4", "g", move_file("docs/deep/c.md", "docs/c.md")),
    ];
    let mark = world.mark();
    for ack in files.write(&batch).await {
        ack.unwrap();
    }
    assert_eq!(world.commits(), before + 1);
    assert_eq!(
        world
            .asked(mark)
            .iter()
            .filter(|line| line.starts_with("POST"))
            .count(),
        1
    );
    let held = world.hub().files(REPO, "main").unwrap();
    let docs: Vec<&String> = held.keys().filter(|path| path.ends_with(".md")).collect();
    assert_eq!(docs, ["README.md", "docs/a.md", "docs/c.md", "docs/n.md"]);
    assert!(
        world.hub().commits(REPO, "main").unwrap()[0]
            .message
            .contains("Sync-Op: g")
    );
}

#[tokio::test]
async fn a_protected_branch_blocks_and_names_the_remedy() {
    let world = World::new();
    for signed in [false, true] {
        let files = world.files_of("acme/guarded", |settings| settings.signed = signed);
        let error = one(&files, write("o1", new_file("docs/n.md", "n\n")))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Blocked, "{error}");
        assert!(
            error
                .remedy_text()
                .unwrap()
                .contains("deliver = \"pull-request\""),
            "{error}"
        );
    }
}

#[tokio::test]
async fn missing_branches_and_empty_repositories_are_named() {
    let world = World::new();
    let files = world.files_of(REPO, |settings| settings.branch = "none".to_owned());
    let error = one(&files, write("o1", new_file("docs/n.md", "n\n")))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Blocked);
    let empty = world.files_of("acme/empty", |_| {});
    let error = one(&empty, write("o1", new_file("docs/n.md", "n\n")))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Blocked, "{error}");
    let unknown = world.files_of("acme/unknown", |_| {});
    let error = one(&unknown, write("o1", new_file("docs/n.md", "n\n")))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn a_renamed_repository_is_followed() {
    let world = World::new();
    let files = world.files();
    list(&files, None, false).await;
    let now = world.now();
    world.hub().rename_repository(REPO, "guide", now).unwrap();
    for files in [files, world.files()] {
        let ack = one(
            &files,
            write("o1", edit_file("docs/a.md", "alpha\n", "2\n")),
        )
        .await
        .unwrap();
        assert_eq!(ack.snapshot.unwrap().object, file("docs/a.md"));
        assert_eq!(list(&files, None, true).await.items.len(), 3);
    }
    assert_eq!(
        world.files().repository().await.unwrap().full_name,
        "acme/guide"
    );
}

#[tokio::test]
async fn failures_before_the_branch_moves_apply_nothing() {
    for (method, path) in [
        ("POST", "/git/trees"),
        ("POST", "/git/commits"),
        ("GET", "/git/trees"),
        ("GET", "/git/ref"),
    ] {
        for fault in [
            Fault::DropAfter,
            Fault::DropBefore,
            Fault::FailAfter { status: 502 },
        ] {
            let world = World::new();
            let files = world.files();
            files.repository().await.unwrap();
            world.fault(method, path, fault.clone());
            let error = one(
                &files,
                write("o1", edit_file("docs/a.md", "alpha\n", "2\n")),
            )
            .await
            .unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::NotApplied,
                "{method} {path} {fault:?}: {error}"
            );
            assert_eq!(world.file("docs/a.md").as_deref(), Some("alpha\n"));
            one(
                &files,
                write("o1", edit_file("docs/a.md", "alpha\n", "2\n")),
            )
            .await
            .unwrap();
        }
    }
}

mod racing {
    use super::*;
    use async_trait::async_trait;
    use notion_sync_core::http::{HttpSend, Request, Response, SendError};
    use notion_sync_github::{FilesSettings, GithubClient, GithubFiles, PersonalToken};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Lets somebody commit after certain requests.
    pub(crate) struct Racing {
        after: String,
        times: u32,
        path: Option<String>,
        reset: Option<String>,
    }

    impl Racing {
        pub(crate) fn new(after: &str, times: u32) -> Self {
            Self {
                after: after.to_owned(),
                times,
                path: None,
                reset: None,
            }
        }

        pub(crate) fn on(self, path: &str) -> Self {
            Self {
                path: Some(path.to_owned()),
                ..self
            }
        }

        pub(crate) fn resets_to(self, commit: &str) -> Self {
            Self {
                reset: Some(commit.to_owned()),
                ..self
            }
        }

        pub(crate) fn files(self, world: &World, signed: bool) -> GithubFiles {
            let send = Sender {
                inner: world.send(),
                emulator: Arc::clone(&world.emulator),
                racing: self,
                count: AtomicU32::new(0),
            };
            let token = PersonalToken::new("github_pat_bot".into()).unwrap();
            let clock = Arc::clone(&world.clock);
            let client =
                GithubClient::new(Arc::new(send), Arc::new(token), clock, World::settings())
                    .unwrap();
            let mut settings = FilesSettings::markdown(REPO, "main", "docs").unwrap();
            settings.signed = signed;
            GithubFiles::new(client, settings).unwrap()
        }
    }

    struct Sender {
        inner: Arc<dyn HttpSend>,
        emulator: Arc<std::sync::Mutex<notion_sync_testkit::github::GithubEmulator>>,
        racing: Racing,
        count: AtomicU32,
    }

    impl std::fmt::Debug for Sender {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Sender")
        }
    }

    #[async_trait]
    impl HttpSend for Sender {
        async fn send(&self, request: Request) -> Result<Response, SendError> {
            let name = format!("{} {}", request.method(), request.uri().path());
            let hit =
                name == self.racing.after && self.count.load(Ordering::SeqCst) < self.racing.times;
            if hit {
                let n = self.count.fetch_add(1, Ordering::SeqCst);
                let mut hub = self.emulator.lock().unwrap();
                if let Some(commit) = &self.racing.reset {
                    hub.reset_branch(REPO, "main", commit, "ada", start())
                        .unwrap();
                } else {
                    let path = self
                        .racing
                        .path
                        .clone()
                        .unwrap_or_else(|| format!("docs/race-{n}.md"));
                    hub.commit(
                        REPO,
                        "main",
                        "ada",
                        "Race",
                        &[(&path, Some("race\n"))],
                        start(),
                    )
                    .unwrap();
                }
            }
            self.inner.send(request).await
        }
    }
}
use racing::Racing;

#[tokio::test]
async fn the_log_names_who_asked() {
    let world = World::new();
    list(&world.files(), None, false).await;
    assert!(world.hub().log().since(0).all(|entry| entry.actor == "bot"));
}
