//! Proposals: a branch, a pull request, its end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use notion_sync_core::ErrorKind;
use notion_sync_core::remote::{
    Action, LEFT, ProposalKind, Propose, Remote as _, Trace, WriteKind,
};
use notion_sync_core::snapshot::Presence;
use notion_sync_core::value::Value;
use notion_sync_github::reference;
use notion_sync_testkit::emulator::Fault;
use notion_sync_testkit::github::MergeMethod;

use crate::support::*;

const BRANCH: &str = "nsync/create-k1";

fn proposal(text: &str, head: Option<&str>) -> Propose {
    Propose {
        kind: ProposalKind::Create,
        branch: BRANCH.to_owned(),
        title: "Add the plan, closes #1".to_owned(),
        body: "Please look, @ada".to_owned(),
        files: vec![
            ("docs/plan.md".to_owned(), Some(text.to_owned())),
            ("docs/b.md".to_owned(), None),
        ],
        draft: true,
        reviewers: vec![
            "bob".to_owned(),
            "acme/docs-team".to_owned(),
            "mallory".to_owned(),
        ],
        head: head.map(str::to_owned),
        pull: None,
        page: Some("page-9".to_owned()),
    }
}

fn propose(op: &str, proposal: Propose) -> notion_sync_core::remote::Write {
    write(op, Action::Propose(proposal))
}

#[tokio::test]
async fn a_proposal_is_a_draft_with_a_branch_of_its_own() {
    let world = World::new();
    let files = world.files();
    let action = Action::Propose(proposal("v1\n", None));
    assert_eq!(
        (files.group(&action), files.kind(&action)),
        (None, WriteKind::NamedCreate)
    );
    let ack = one(&files, write("o1", action)).await.unwrap();
    let n: u64 = ack.notes["number"].parse().unwrap();
    let snapshot = ack.snapshot.unwrap();
    assert_eq!(snapshot.object, reference::pull(REPO_ID, n));
    assert_eq!(field(&snapshot, "state"), &text("open"));
    assert_eq!(field(&snapshot, "ours"), &Value::Bool(true));
    assert_eq!(field(&snapshot, "draft"), &Value::Bool(true));
    assert_eq!(field(&snapshot, "head"), &text(&ack.notes["head"]));
    assert_eq!(snapshot.marker.counterpart.as_deref(), Some("page-9"));
    assert_eq!(ack.notes["dropped"], "reviewers: mallory");
    let view = world.hub().issue(REPO, n).unwrap();
    assert!(!view.title.contains("closes #1"), "{}", view.title);
    assert!(!view.body.as_deref().unwrap().contains("@ada"));
    let held = world.hub().files(REPO, BRANCH).unwrap();
    assert_eq!(held["docs/plan.md"], "v1\n");
    assert!(!held.contains_key("docs/b.md") && held.contains_key("README.md"));
    assert_eq!(world.file("docs/plan.md"), None, "the base is untouched");
    // Sent again, it finds itself.
    let again = one(&files, propose("o1", proposal("v1\n", None)))
        .await
        .unwrap();
    assert_eq!(
        (&again.notes["number"], &again.notes["head"]),
        (&ack.notes["number"], &ack.notes["head"])
    );
    assert_eq!(world.hub().commits(REPO, BRANCH).unwrap().len(), 2);
    let read = files
        .read(&reference::pull(REPO_ID, n), true)
        .await
        .unwrap();
    assert_eq!(body(&read), "Please look, @ada");
}

#[tokio::test]
async fn refreshing_needs_a_head_of_ours() {
    let world = World::new();
    let files = world.files();
    let first = one(&files, propose("o1", proposal("v1\n", None)))
        .await
        .unwrap();
    let head = first.notes["head"].clone();
    let second = one(&files, propose("o2", proposal("v2\n", Some(&head))))
        .await
        .unwrap();
    assert_eq!(second.notes["number"], first.notes["number"]);
    assert_ne!(second.notes["head"], head);
    assert_eq!(
        world.hub().files(REPO, BRANCH).unwrap()["docs/plan.md"],
        "v2\n"
    );
    let snapshot = second.snapshot.unwrap();
    assert_eq!(snapshot.marker.created_by.unwrap().as_str(), "o1");
    // Somebody commits to the branch: it is theirs now.
    let now = world.now();
    world
        .hub()
        .commit(
            REPO,
            BRANCH,
            "ada",
            "Better",
            &[("docs/plan.md", Some("hers\n"))],
            now,
        )
        .unwrap();
    let error = one(
        &files,
        propose("o3", proposal("v3\n", Some(&second.notes["head"]))),
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale);
    assert_eq!(
        world.hub().files(REPO, BRANCH).unwrap()["docs/plan.md"],
        "hers\n"
    );
    let read = files.read(&snapshot.object, false).await.unwrap();
    assert_eq!(field(&read, "ours"), &Value::Bool(false));
}

/// A backup of the store that is put back knows an older head of the branch.
#[tokio::test]
async fn a_branch_that_only_we_committed_to_is_gone_on_with_from_any_head_we_know() {
    let world = World::new();
    let files = world.files();
    let first = one(&files, propose("o1", proposal("v1\n", None)));
    let known = first.await.unwrap().notes["head"].clone();
    for (op, text) in [("o2", "v2\n"), ("o3", "v3\n"), ("o4", "v4\n")] {
        let head = world.hub().commits(REPO, BRANCH).unwrap()[0]
            .sha
            .to_string();
        one(&files, propose(op, proposal(text, Some(&head))))
            .await
            .unwrap();
    }
    one(&files, propose("o5", proposal("v5\n", Some(&known))))
        .await
        .unwrap();
    let text = || world.hub().files(REPO, BRANCH).unwrap()["docs/plan.md"].clone();
    assert_eq!(text(), "v5\n");
    // With hers in between, whoever committed last, it is not ours.
    let now = world.now();
    let hers = [("docs/plan.md", Some("hers\n"))];
    world
        .hub()
        .commit(REPO, BRANCH, "ada", "Better", &hers, now)
        .unwrap();
    let head = world.hub().commits(REPO, BRANCH).unwrap()[0]
        .sha
        .to_string();
    one(&files, propose("o6", proposal("v6\n", Some(&head))))
        .await
        .unwrap();
    let error = one(&files, propose("o7", proposal("v7\n", Some(&known))));
    assert_eq!(error.await.unwrap_err().kind(), ErrorKind::Stale);
    assert_eq!(text(), "v6\n");
}

/// The commit comes last: a refresh that fails before it may be given up, and nothing of it is left that
/// nobody knows of.
#[tokio::test]
async fn a_refresh_that_fails_has_not_moved_the_branch() {
    let world = World::new();
    let files = world.files();
    let first = one(&files, propose("o1", proposal("v1\n", None)))
        .await
        .unwrap();
    let mut next = proposal("v2\n", Some(&first.notes["head"]));
    next.title = "Add the better plan".to_owned();
    world.fault(
        "PATCH",
        "/pulls/",
        Fault::Refuse {
            status: 429,
            retry_after: Some(20),
        },
    );
    let error = one(&files, propose("o2", next.clone())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(world.hub().commits(REPO, BRANCH).unwrap().len(), 2);
    world.clock.advance(chrono::Duration::seconds(30));
    // Given up for another one, which finds the branch as it was.
    next.files = vec![("docs/plan.md".to_owned(), Some("v3\n".to_owned()))];
    one(&files, propose("o3", next)).await.unwrap();
    assert_eq!(
        world.hub().files(REPO, BRANCH).unwrap()["docs/plan.md"],
        "v3\n"
    );
}

/// A limit that is met once the pull request is there takes nothing of its outcome: it is known by its
/// number, or nobody would ever look at it or close it again.
#[tokio::test]
async fn a_limit_after_it_was_opened_leaves_it_known() {
    let world = World::new();
    let files = world.files();
    world.fault(
        "POST",
        "/requested_reviewers",
        Fault::Refuse {
            status: 429,
            retry_after: Some(20),
        },
    );
    let mark = world.mark();
    let ack = one(&files, propose("o1", proposal("v1\n", None)))
        .await
        .unwrap();
    let n: u64 = ack.notes["number"].parse().unwrap();
    let snapshot = ack.snapshot.expect("which pull request it is");
    assert_eq!(snapshot.object, reference::pull(REPO_ID, n));
    assert_eq!(field(&snapshot, "state"), &text("open"));
    assert_eq!(field(&snapshot, "head"), &text(&ack.notes["head"]));
    // Nobody refused them: whoever reads it must not look for a permission that is missing.
    assert_eq!(ack.notes.get("dropped"), None, "{:?}", ack.notes);
    let missed = &ack.notes["missed"];
    assert!(
        missed.contains("bob, acme/docs-team, mallory") && missed.contains("too many requests"),
        "{missed}"
    );
    let asked = world.asked(mark);
    let last = asked.last().map(String::as_str).unwrap_or_default();
    assert!(
        last.contains("/requested_reviewers") && last.ends_with("429"),
        "nothing more while it asks to wait: {asked:?}"
    );
}

/// People merge a pull request right before its branch moves: what was pushed too late is no part of it.
#[tokio::test]
async fn a_refresh_that_comes_after_the_merge_is_stale() {
    let world = World::new();
    let first = one(&world.files(), propose("o1", proposal("v1\n", None)))
        .await
        .unwrap();
    let n: u64 = first.notes["number"].parse().unwrap();
    let now = world.now();
    world.hub().set_draft(REPO, n, "ada", false, now).unwrap();
    let meddle: Meddle = Box::new(move |request, hub| {
        if request.method() == "PATCH" && request.uri().path().contains("/git/refs/") {
            hub.merge(REPO, n, "ada", MergeMethod::Merge, now).unwrap();
        }
    });
    let files = world.files_by(Meanwhile::send(&world, meddle));
    let mut next = proposal("v2\n", Some(&first.notes["head"]));
    next.pull = Some(reference::pull(REPO_ID, n));
    let error = one(&files, propose("o2", next.clone())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale, "{error}");
    assert_eq!(world.file("docs/plan.md").as_deref(), Some("v1\n"));
    // What cannot be read after the push is looked at.
    let traced = files.trace(&[propose("o2", next)], now).await.unwrap();
    assert_eq!(traced, [Trace::NotApplied]);
}

/// Listings show a new pull request late; a refresh knows its number.
#[tokio::test]
async fn a_refresh_needs_no_listing() {
    let mut seed = handbook();
    seed.bounds.visibility_seconds = 600;
    let world = World::of(seed);
    let sent_at = world.now();
    let files = world.files();
    let first = one(&files, propose("o1", proposal("v1\n", None)))
        .await
        .unwrap();
    let (number, head) = (first.notes["number"].clone(), first.notes["head"].clone());
    let mut next = proposal("v2\n", Some(&head));
    let error = one(&files, propose("o2", next.clone())).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Unavailable,
        "opened, not listed: {error}"
    );
    next.pull = Some(reference::pull(REPO_ID, number.parse().unwrap()));
    let traced = files
        .trace(&[propose("o3", next.clone())], sent_at)
        .await
        .unwrap();
    assert_eq!(traced, [Trace::NotApplied]);
    let second = one(&files, propose("o2", next.clone())).await.unwrap();
    assert_eq!(second.notes["number"], number);
    let traced = files.trace(&[propose("o2", next)], sent_at).await.unwrap();
    assert!(
        matches!(traced.as_slice(), [Trace::Applied(_)]),
        "{traced:?}"
    );
}

/// Nothing is left between the branches once people have merged the pull request, and it cannot be
/// opened again, whether it is listed yet or not.
#[tokio::test]
async fn a_proposal_that_is_merged_before_it_is_listed_is_looked_for_on() {
    let mut seed = handbook();
    seed.bounds.visibility_seconds = 600;
    let world = World::of(seed);
    let files = world.files();
    let sent_at = world.now();
    world.fault("POST", "/pulls", Fault::DropAfter);
    let write = propose("o1", proposal("v1\n", None));
    one(&files, write.clone()).await.unwrap_err();
    let now = world.now();
    let number = *world.hub().issue_numbers(REPO).unwrap().last().unwrap();
    world
        .hub()
        .set_draft(REPO, number, "ada", false, now)
        .unwrap();
    world
        .hub()
        .merge(REPO, number, "ada", MergeMethod::Merge, now)
        .unwrap();
    let error = one(&files, write.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    world.clock.advance(chrono::Duration::seconds(601));
    let traced = files.trace(&[write], sent_at).await.unwrap();
    let [Trace::Applied(ack)] = traced.as_slice() else {
        panic!("{traced:?}");
    };
    assert_eq!(ack.notes["number"], number.to_string());
}

/// However many are open, and whatever else is open there: one request says how each of them stands.
#[tokio::test]
async fn proposals_are_asked_about_together() {
    let world = World::new();
    let mut known = Vec::new();
    for n in 0..3 {
        let mut one_of_them = proposal("v1\n", None);
        one_of_them.branch = format!("nsync/create-{n}");
        one_of_them.draft = false;
        let write = propose(&format!("o{n}"), one_of_them);
        let ack = one(&world.files(), write).await.unwrap();
        known.push(ack.snapshot.unwrap().object);
    }
    let numbers: Vec<u64> = (known.iter())
        .map(|pull| reference::parse_numbered(pull).unwrap().1)
        .collect();
    let now = world.now();
    let merged = world
        .hub()
        .merge(REPO, numbers[0], "ada", MergeMethod::Merge, now);
    merged.unwrap();
    world
        .hub()
        .close(REPO, numbers[1], "ada", None, now)
        .unwrap();
    // Neither one that is not there nor one of another repository is said to be open.
    known.push(reference::pull(REPO_ID, 4_711));
    known.push(reference::pull(101, numbers[2]));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let files = world.files_by(Meanwhile::send(
        &world,
        Box::new(move |request, _| {
            if request.uri().path().ends_with("/graphql") {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }),
    ));
    let open = files.still_open(&known).await.unwrap();
    assert_eq!(open, BTreeSet::from([known[2].clone()]));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    // More than fit into a request are asked for in several.
    let many: Vec<_> = (1..=201).map(|n| reference::pull(REPO_ID, n)).collect();
    let open = files.still_open(&many).await.unwrap();
    assert_eq!(open, BTreeSet::from([known[2].clone()]));
    assert_eq!(asked.load(Ordering::Relaxed), 4);
    assert_eq!(files.still_open(&[]).await.unwrap(), BTreeSet::new());
    assert_eq!(asked.load(Ordering::Relaxed), 4);
}

/// People decide between an attempt and the next.
#[tokio::test]
async fn a_proposal_that_was_merged_with_our_commit_is_done() {
    let world = World::new();
    let files = world.files();
    let first = one(&files, propose("o1", proposal("v1\n", None)))
        .await
        .unwrap();
    let n: u64 = first.notes["number"].parse().unwrap();
    let now = world.now();
    world.hub().set_draft(REPO, n, "ada", false, now).unwrap();
    world
        .hub()
        .merge(REPO, n, "ada", MergeMethod::Merge, now)
        .unwrap();
    let again = one(&files, propose("o1", proposal("v1\n", None)))
        .await
        .unwrap();
    assert_eq!(again.notes["number"], first.notes["number"]);
    assert_eq!(field(&again.snapshot.unwrap(), "state"), &text("merged"));
    let mut late = proposal("v2\n", Some(&first.notes["head"]));
    let unknown = one(&files, propose("o2", late.clone())).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::Blocked);
    late.pull = Some(reference::pull(REPO_ID, n));
    let known = one(&files, propose("o2", late)).await.unwrap_err();
    assert_eq!(known.kind(), ErrorKind::Stale);
}

#[tokio::test]
async fn a_closed_proposal_is_not_opened_again() {
    let world = World::new();
    let files = world.files();
    let first = one(&files, propose("o1", proposal("v1\n", None)))
        .await
        .unwrap();
    let n: u64 = first.notes["number"].parse().unwrap();
    let now = world.now();
    world.hub().close(REPO, n, "ada", None, now).unwrap();
    let error = one(
        &files,
        propose("o2", proposal("v2\n", Some(&first.notes["head"]))),
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Blocked);
    let read = files
        .read(&reference::pull(REPO_ID, n), false)
        .await
        .unwrap();
    assert_eq!(field(&read, "state"), &text("closed"));
}

#[tokio::test]
async fn a_merge_is_seen_with_its_commit() {
    let world = World::new();
    let files = world.files();
    let first = one(&files, propose("o1", proposal("v1\n", None)))
        .await
        .unwrap();
    let n: u64 = first.notes["number"].parse().unwrap();
    let now = world.now();
    world.hub().set_draft(REPO, n, "ada", false, now).unwrap();
    let merged = world
        .hub()
        .merge(REPO, n, "ada", MergeMethod::Squash, now)
        .unwrap()
        .to_string();
    let read = files
        .read(&reference::pull(REPO_ID, n), false)
        .await
        .unwrap();
    assert_eq!(field(&read, "state"), &text("merged"));
    assert_eq!(field(&read, "merged"), &text(&merged));
    let withdraw = Action::Withdraw {
        proposal: read.object,
        reason: "late".to_owned(),
    };
    assert_eq!(
        one(&files, write("w", withdraw)).await.unwrap_err().kind(),
        ErrorKind::Stale
    );
}

#[tokio::test]
async fn withdrawing_comments_closes_and_cleans_up() {
    let world = World::new();
    let files = world.files();
    let first = one(&files, propose("o1", proposal("v1\n", None)))
        .await
        .unwrap();
    let object = first.snapshot.unwrap().object;
    let n: u64 = first.notes["number"].parse().unwrap();
    let withdraw = write(
        "w1",
        Action::Withdraw {
            proposal: object.clone(),
            reason: "Settled by @ada".to_owned(),
        },
    );
    let ack = one(&files, withdraw.clone()).await.unwrap();
    assert_eq!(ack.notes["branch_deleted"], "true");
    assert_eq!(field(&ack.snapshot.unwrap(), "state"), &text("closed"));
    assert!(!world.hub().branches(REPO).unwrap().contains_key(BRANCH));
    one(&files, withdraw).await.unwrap();
    let view = world.hub().issue(REPO, n).unwrap();
    assert_eq!(view.comments.len(), 1, "said once");
    assert!(!view.comments[0].1.contains("@ada"));
    assert!(!view.open);
}

#[tokio::test]
async fn a_branch_of_somebody_else_outlives_its_proposal() {
    let world = World::new();
    let files = world.files();
    let first = one(&files, propose("o1", proposal("v1\n", None)))
        .await
        .unwrap();
    let object = first.snapshot.unwrap().object;
    let now = world.now();
    world
        .hub()
        .commit(
            REPO,
            BRANCH,
            "ada",
            "Mine",
            &[("docs/plan.md", Some("hers\n"))],
            now,
        )
        .unwrap();
    let ack = one(
        &files,
        write(
            "w",
            Action::Withdraw {
                proposal: object,
                reason: "no".to_owned(),
            },
        ),
    )
    .await
    .unwrap();
    assert_eq!(ack.notes["branch_deleted"], "false");
    assert!(world.hub().branches(REPO).unwrap().contains_key(BRANCH));
}

#[tokio::test]
async fn names_and_files_outside_are_refused() {
    let world = World::new();
    let files = world.files();
    for branch in ["main", "nsync/", "nsync/../main", "nsync/a b", "topic"] {
        let wrong = Propose {
            branch: branch.to_owned(),
            ..proposal("x", None)
        };
        assert_eq!(
            one(&files, propose("o", wrong)).await.unwrap_err().kind(),
            ErrorKind::Invalid,
            "{branch}"
        );
    }
    let outside = Propose {
        files: vec![(".github/workflows/x.md".to_owned(), Some("x".to_owned()))],
        ..proposal("x", None)
    };
    assert_eq!(
        one(&files, propose("o", outside)).await.unwrap_err().kind(),
        ErrorKind::Invalid
    );
    let same = Propose {
        files: vec![("docs/a.md".to_owned(), Some("alpha\n".to_owned()))],
        ..proposal("x", None)
    };
    assert_eq!(
        one(&files, propose("o", same)).await.unwrap_err().kind(),
        ErrorKind::Stale
    );
}

#[tokio::test]
async fn a_branch_that_was_there_before_is_not_taken() {
    let world = World::new();
    let files = world.files();
    let now = world.now();
    let head = world.hub().branches(REPO).unwrap()["main"].to_string();
    world
        .hub()
        .reset_branch(REPO, BRANCH, &head, "ada", now)
        .unwrap();
    let error = one(&files, propose("o", proposal("x", None)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale);
}

#[tokio::test]
async fn an_unknown_pull_request_is_missing() {
    let world = World::new();
    let read = world
        .files()
        .read(&reference::pull(REPO_ID, 77), true)
        .await
        .unwrap();
    assert_eq!(read.presence, Presence::Missing);
}

#[tokio::test]
async fn a_proposal_that_people_dealt_with_before_its_answer_came_is_found() {
    for (name, end) in [("merged", 0), ("closed", 1), ("pushed to", 2)] {
        let world = World::new();
        let files = world.files();
        let sent = propose("o1", proposal("v1\n", None));
        let sent_at = world.now();
        let first = one(&files, sent.clone()).await.unwrap();
        let n: u64 = first.notes["number"].parse().unwrap();
        let now = world.now();
        match end {
            0 => {
                world.hub().set_draft(REPO, n, "ada", false, now).unwrap();
                world
                    .hub()
                    .merge(REPO, n, "ada", MergeMethod::Squash, now)
                    .unwrap();
            }
            1 => world.hub().close(REPO, n, "ada", None, now).unwrap(),
            _ => {
                world
                    .hub()
                    .commit(
                        REPO,
                        BRANCH,
                        "ada",
                        "Mine",
                        &[("docs/c.md", Some("c"))],
                        now,
                    )
                    .unwrap();
            }
        }
        let traced = files.trace(&[sent], sent_at).await.unwrap();
        let [Trace::Applied(ack)] = traced.as_slice() else {
            panic!("{name}: {traced:?}");
        };
        assert_eq!(ack.notes["number"], n.to_string(), "{name}");
        assert_eq!(
            ack.notes["head"], first.notes["head"],
            "{name}: the head as we left it, not as others did"
        );
    }
}

#[tokio::test]
async fn a_branch_that_an_earlier_attempt_left_is_gone_on_with() {
    let world = World::new();
    let files = world.files();
    world.fault("POST", "/pulls", Fault::DropBefore);
    one(&files, propose("o1", proposal("v1\n", None)))
        .await
        .unwrap_err();
    assert!(world.hub().branches(REPO).unwrap().contains_key(BRANCH));
    // The page went on, so another operation is sent for the same branch.
    let ack = one(&files, propose("o2", proposal("v2\n", None)))
        .await
        .unwrap();
    assert!(ack.notes.contains_key("number"));
    assert_eq!(ack.notes[LEFT], "o1", "its commit is part of it");
    let held = world.hub().files(REPO, BRANCH).unwrap();
    assert_eq!(held["docs/plan.md"], "v2\n");
    // A refresh leaves nothing behind.
    let mut third = proposal("v3\n", Some(&ack.notes["head"]));
    third.pull = Some(ack.snapshot.unwrap().object);
    let ack = one(&files, propose("o3", third)).await.unwrap();
    assert_eq!(ack.notes.get(LEFT), None);
}

/// What an earlier attempt left says all of it already: nothing is committed once more.
#[tokio::test]
async fn a_branch_that_says_the_same_already_is_taken_as_it_is() {
    let world = World::new();
    let files = world.files();
    world.fault("POST", "/pulls", Fault::DropBefore);
    one(&files, propose("o1", proposal("v1\n", None)))
        .await
        .unwrap_err();
    let commits = world.hub().commits(REPO, BRANCH).unwrap().len();
    let ack = one(&files, propose("o2", proposal("v1\n", None)))
        .await
        .unwrap();
    assert_eq!(ack.notes[LEFT], "o1");
    assert_eq!(world.hub().commits(REPO, BRANCH).unwrap().len(), commits);
}
