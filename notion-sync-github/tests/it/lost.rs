//! Lost answers: every kind of write, applied or not, then traced and sent again.

use std::collections::BTreeMap;

use chrono::Duration;
use notion_sync_core::ErrorKind;
use notion_sync_core::remote::{Action, ProposalKind, Propose, Remote, Trace, Write};
use notion_sync_core::value::Value;
use notion_sync_github::{BOOKKEEPING_PAGE, reference};
use notion_sync_testkit::emulator::Fault;

use crate::support::*;

/// A write, the request whose answer is lost, and whether losing it leaves the write undone even
/// though the request took effect (because more requests follow).
struct Case {
    name: &'static str,
    write: fn() -> Write,
    method: &'static str,
    path: &'static str,
    issues: bool,
    unfinished: bool,
}

fn proposal() -> Propose {
    Propose {
        kind: ProposalKind::Create,
        branch: "nsync/k1".to_owned(),
        title: "Add".to_owned(),
        body: "text".to_owned(),
        files: vec![("docs/p.md".to_owned(), Some("p\n".to_owned()))],
        draft: false,
        reviewers: vec!["bob".to_owned()],
        head: None,
        pull: None,
        page: None,
    }
}

fn bookkeeping() -> BTreeMap<String, String> {
    BTreeMap::from([(BOOKKEEPING_PAGE.to_owned(), "p9".to_owned())])
}

/// Issue 1 is open with label `bug`, issue 2 is closed, pull request 3 is open on `nsync/old`.
fn prepared() -> World {
    let world = World::new();
    let now = world.now();
    {
        let mut hub = world.hub();
        hub.open_issue(REPO, "ada", "One", Some("text"), now)
            .unwrap();
        hub.label(REPO, 1, "ada", &["bug"], now).unwrap();
        hub.assign(REPO, 1, "ada", &["bob"], now).unwrap();
        hub.open_issue(REPO, "ada", "Two", None, now).unwrap();
        hub.close(REPO, 2, "ada", None, now).unwrap();
        let head = hub.branches(REPO).unwrap()["main"].to_string();
        hub.reset_branch(REPO, "nsync/old", &head, "bot", now)
            .unwrap();
        hub.commit(
            REPO,
            "nsync/old",
            "bot",
            "Old\n\nSync-Op: old",
            &[("docs/o.md", Some("o\n"))],
            now,
        )
        .unwrap();
        hub.open_pull(REPO, "bot", &pull_form("Old", "nsync/old"), now)
            .unwrap();
    }
    world.clock.advance(Duration::minutes(30));
    world
}

const CASES: &[Case] = &[
    Case {
        name: "edit of a file",
        write: || write("o1", edit_file("docs/a.md", "alpha\n", "2\n")),
        method: "PATCH",
        path: "/git/refs",
        issues: false,
        unfinished: false,
    },
    Case {
        name: "new file",
        write: || write("o1", new_file("docs/n.md", "n\n")),
        method: "PATCH",
        path: "/git/refs",
        issues: false,
        unfinished: false,
    },
    Case {
        name: "removed file",
        write: || write("o1", remove_file("docs/a.md", "alpha\n")),
        method: "PATCH",
        path: "/git/refs",
        issues: false,
        unfinished: false,
    },
    Case {
        name: "moved file",
        write: || write("o1", move_file("docs/a.md", "docs/z.md")),
        method: "PATCH",
        path: "/git/refs",
        issues: false,
        unfinished: false,
    },
    Case {
        name: "branch of a proposal",
        write: || write("o1", Action::Propose(proposal())),
        method: "POST",
        path: "/git/refs",
        issues: false,
        unfinished: true,
    },
    Case {
        name: "pull request of a proposal",
        write: || write("o1", Action::Propose(proposal())),
        method: "POST",
        path: "/pulls",
        issues: false,
        unfinished: true,
    },
    Case {
        name: "withdrawal, comment",
        write: || {
            write(
                "o1",
                Action::Withdraw {
                    proposal: reference::pull(REPO_ID, 3),
                    reason: "r".to_owned(),
                },
            )
        },
        method: "POST",
        path: "/comments",
        issues: false,
        unfinished: true,
    },
    Case {
        name: "withdrawal, state",
        write: || {
            write(
                "o1",
                Action::Withdraw {
                    proposal: reference::pull(REPO_ID, 3),
                    reason: "r".to_owned(),
                },
            )
        },
        method: "PATCH",
        path: "/pulls/3",
        issues: false,
        unfinished: true,
    },
    Case {
        name: "comment on a pull request",
        write: || {
            write(
                "o1",
                Action::Comment {
                    object: reference::pull(REPO_ID, 3),
                    text: "c".to_owned(),
                },
            )
        },
        method: "POST",
        path: "/comments",
        issues: false,
        unfinished: false,
    },
    Case {
        name: "new issue",
        write: || {
            write(
                "o1",
                new_issue(&[("title", text("New")), ("labels", set(&["bug"]))], "text"),
            )
        },
        method: "POST",
        path: "/issues",
        issues: true,
        unfinished: false,
    },
    Case {
        name: "title",
        write: || {
            write(
                "o1",
                change(1, &[("title", text("One"), text("Uno"))], None),
            )
        },
        method: "PATCH",
        path: "/issues/1",
        issues: true,
        unfinished: false,
    },
    Case {
        name: "body",
        write: || write("o1", change(1, &[], Some(("text", "texto")))),
        method: "PATCH",
        path: "/issues/1",
        issues: true,
        unfinished: false,
    },
    Case {
        name: "state",
        write: || {
            write(
                "o1",
                change(1, &[("state", text("open"), text("closed"))], None),
            )
        },
        method: "PATCH",
        path: "/issues/1",
        issues: true,
        unfinished: false,
    },
    Case {
        name: "milestone",
        write: || {
            write(
                "o1",
                change(1, &[("milestone", Value::Null, text("v1"))], None),
            )
        },
        method: "PATCH",
        path: "/issues/1",
        issues: true,
        unfinished: false,
    },
    Case {
        name: "added label",
        write: || {
            write(
                "o1",
                change(1, &[("labels", set(&["bug"]), set(&["bug", "Docs"]))], None),
            )
        },
        method: "POST",
        path: "/issues/1/labels",
        issues: true,
        unfinished: false,
    },
    Case {
        name: "removed label",
        write: || {
            write(
                "o1",
                change(1, &[("labels", set(&["bug"]), set(&[]))], None),
            )
        },
        method: "DELETE",
        path: "/issues/1/labels",
        issues: true,
        unfinished: false,
    },
    Case {
        name: "added assignee",
        write: || {
            write(
                "o1",
                change(
                    1,
                    &[("assignees", set(&["bob"]), set(&["bob", "carol"]))],
                    None,
                ),
            )
        },
        method: "POST",
        path: "/issues/1/assignees",
        issues: true,
        unfinished: false,
    },
    Case {
        name: "removed assignee",
        write: || {
            write(
                "o1",
                change(1, &[("assignees", set(&["bob"]), set(&[]))], None),
            )
        },
        method: "DELETE",
        path: "/issues/1/assignees",
        issues: true,
        unfinished: false,
    },
    Case {
        name: "closed issue",
        write: || {
            write(
                "o1",
                Action::Remove {
                    object: issue(1),
                    expected: "2026-11-18T12:06:40Z".to_owned(),
                },
            )
        },
        method: "PATCH",
        path: "/issues/1",
        issues: true,
        unfinished: false,
    },
    Case {
        name: "reopened issue",
        write: || write("o1", Action::Restore { object: issue(2) }),
        method: "PATCH",
        path: "/issues/2",
        issues: true,
        unfinished: false,
    },
    Case {
        name: "bookkeeping",
        write: || {
            write(
                "o1",
                Action::Bookkeep {
                    object: issue(1),
                    fields: bookkeeping(),
                },
            )
        },
        method: "PATCH",
        path: "/issues/1",
        issues: true,
        unfinished: false,
    },
    Case {
        name: "comment on an issue",
        write: || {
            write(
                "o1",
                Action::Comment {
                    object: issue(1),
                    text: "c".to_owned(),
                },
            )
        },
        method: "POST",
        path: "/comments",
        issues: true,
        unfinished: false,
    },
];

/// Everything that people can see, to compare a repeated write with a single one.
async fn picture(world: &World) -> String {
    let mut milestones = Vec::new();
    for snapshot in list(&world.issues(), None, true).await.items {
        milestones.push(snapshot.fields["milestone"].clone());
    }
    let hub = world.hub();
    let mut out = format!("{milestones:?}\n");
    out += &format!("{:?}\n", hub.files(REPO, "main").unwrap());
    for number in hub.issue_numbers(REPO).unwrap() {
        let view = hub.issue(REPO, number).unwrap();
        let reviewers = view.pull.as_ref().map(|pull| &pull.reviewers);
        out.push_str(&format!("{reviewers:?} "));
        out.push_str(&format!(
            "{number} {} {:?} {} {:?} {:?} {:?} {:?}\n",
            view.title,
            view.body,
            view.open,
            view.state_reason,
            view.labels,
            view.assignees,
            view.comments
        ));
    }
    for branch in hub.branches(REPO).unwrap().keys() {
        out.push_str(&format!(
            "{branch} {:?} {}\n",
            hub.files(REPO, branch).unwrap(),
            hub.commits(REPO, branch).unwrap().len()
        ));
    }
    out
}

fn remote(world: &World, case: &Case) -> Box<dyn Remote> {
    if case.issues {
        Box::new(world.issues())
    } else {
        Box::new(world.files())
    }
}

fn prepared_write(world: &World, case: &Case) -> Write {
    let mut sent = (case.write)();
    if let Action::Remove { object, expected } = &mut sent.action
        && object.kind == "issue"
    {
        let at = world.hub().issue(REPO, 1).unwrap().updated_at;
        *expected = at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    }
    sent
}

#[tokio::test]
async fn every_write_survives_a_lost_answer() {
    let mut checked = 0;
    for case in CASES {
        let name = case.name;
        let clean = prepared();
        one(&*remote(&clean, case), prepared_write(&clean, case))
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let wanted = picture(&clean).await;
        assert_ne!(wanted, picture(&prepared()).await, "{name} changes nothing");
        for (fault, applied) in [
            (Fault::DropAfter, true),
            (Fault::FailAfter { status: 502 }, true),
            (Fault::FailAfter { status: 500 }, true),
            (Fault::DropBefore, false),
            (
                Fault::Refuse {
                    status: 503,
                    retry_after: None,
                },
                false,
            ),
        ] {
            let world = prepared();
            let remote = remote(&world, case);
            let sent = prepared_write(&world, case);
            let sent_at = world.now();
            world.fault(case.method, case.path, fault.clone());
            let error = one(&*remote, sent.clone()).await.unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::Unavailable,
                "{name}, {fault:?}: {error}"
            );
            world.clock.advance(Duration::minutes(20));
            let traced = remote
                .trace(std::slice::from_ref(&sent), sent_at)
                .await
                .unwrap();
            let found = matches!(traced.as_slice(), [Trace::Applied(_)]);
            let expected = applied && !case.unfinished;
            assert_eq!(found, expected, "{name}, {fault:?}: {traced:?}");
            if !found {
                let again = matches!(
                    traced.as_slice(),
                    [Trace::NotApplied | Trace::Unfinished(_)]
                );
                assert!(again, "{name}, {fault:?}: {traced:?}");
                one(&*remote, sent)
                    .await
                    .unwrap_or_else(|error| panic!("{name}, {fault:?}: {error}"));
            }
            assert_eq!(picture(&world).await, wanted, "{name}, {fault:?}");
            checked += 1;
        }
    }
    println!(
        "lost answers: {} kinds of write, {checked} runs",
        CASES.len()
    );
}

#[tokio::test]
async fn a_human_who_reverts_our_write_is_not_overwritten() {
    // Ours arrives, the answer is lost, somebody sets everything back before we look.
    let world = prepared();
    let issues = world.issues();
    let sent = write(
        "o1",
        change(
            1,
            &[
                ("title", text("One"), text("Uno")),
                ("labels", set(&["bug"]), set(&["bug", "Docs"])),
                ("state", text("open"), text("closed")),
            ],
            None,
        ),
    );
    let sent_at = world.now();
    world.fault("POST", "/issues/1/labels", Fault::DropAfter);
    assert_eq!(
        one(&issues, sent.clone()).await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    world.clock.advance(Duration::minutes(3));
    let now = world.now();
    {
        let mut hub = world.hub();
        hub.retitle(REPO, 1, "ada", "One", now).unwrap();
        hub.label(REPO, 1, "ada", &["bug"], now).unwrap();
        hub.reopen(REPO, 1, "ada", now).unwrap();
    }
    let traced = issues.trace(&[sent], sent_at).await.unwrap();
    assert!(
        matches!(traced.as_slice(), [Trace::Applied(_)]),
        "{traced:?}"
    );

    let sent = write("o2", change(1, &[], Some(("text", "texto"))));
    let sent_at = world.now();
    world.fault("PATCH", "/issues/1", Fault::DropAfter);
    one(&issues, sent.clone()).await.unwrap_err();
    world.clock.advance(Duration::minutes(3));
    let now = world.now();
    let stored = world.hub().issue(REPO, 1).unwrap().body.unwrap();
    world
        .hub()
        .rewrite(REPO, 1, "ada", Some(&stored.replace("texto", "text")), now)
        .unwrap();
    let traced = issues
        .trace(std::slice::from_ref(&sent), sent_at)
        .await
        .unwrap();
    assert!(
        matches!(traced.as_slice(), [Trace::Applied(_)]),
        "the block says that ours arrived: {traced:?}"
    );
    world
        .hub()
        .rewrite(REPO, 1, "ada", Some("her own text"), now)
        .unwrap();
    let traced = issues.trace(&[sent], sent_at).await.unwrap();
    assert_eq!(
        traced,
        [Trace::Unclear],
        "without a trace nothing is claimed"
    );
}

#[tokio::test]
async fn members_of_a_group_are_traced_one_by_one() {
    let world = World::new();
    let files = world.files();
    let batch = [
        grouped("o1", "g", edit_file("docs/a.md", "alpha\n", "2\n")),
        grouped("o2", "g", edit_file("docs/b.md", "not there", "2\n")),
        grouped("o3", "g", new_file("docs/n.md", "n\n")),
    ];
    let sent_at = world.now();
    world.fault("PATCH", "/git/refs", Fault::DropAfter);
    let results = files.write(&batch).await;
    assert!(
        results
            .iter()
            .all(|result| result.as_ref().unwrap_err().kind() == ErrorKind::Unavailable)
    );
    world.tick();
    // Somebody edits on top before we look.
    let ours = world.hub().branches(REPO).unwrap()["main"].to_string();
    world.commit(&[("docs/a.md", Some("hers\n"))]);
    let traced = files.trace(&batch, sent_at).await.unwrap();
    let Trace::Applied(ack) = &traced[0] else {
        panic!("{traced:?}")
    };
    assert_eq!(ack.notes["commit"], ours);
    assert_eq!(
        ack.snapshot.as_ref().unwrap().revision.token,
        blob("2\n"),
        "as of our commit, not hers"
    );
    assert_eq!(traced[1], Trace::NotApplied);
    assert!(matches!(&traced[2], Trace::Applied(_)));
}

#[tokio::test]
async fn a_new_issue_is_found_behind_a_lagging_listing() {
    let mut seed = handbook();
    seed.bounds.visibility_seconds = 600;
    let world = World::of(seed);
    let issues = world.issues();
    let sent = write("o1", new_issue(&[("title", text("New"))], "text"));
    let sent_at = world.now();
    world.fault("POST", "/issues", Fault::DropAfter);
    one(&issues, sent.clone()).await.unwrap_err();
    world.tick();
    assert!(
        list(&issues, None, true).await.items.is_empty(),
        "the listing lags"
    );
    let traced = issues.trace(&[sent], sent_at).await.unwrap();
    assert!(
        matches!(traced.as_slice(), [Trace::Applied(_)]),
        "found by number: {traced:?}"
    );
}

#[tokio::test]
async fn a_new_issue_is_found_under_hundreds_of_newer_ones() {
    let world = World::new();
    let issues = world.issues();
    let sent = write("o1", new_issue(&[("title", text("New"))], "text"));
    let sent_at = world.now();
    world.fault("POST", "/issues", Fault::DropAfter);
    one(&issues, sent.clone()).await.unwrap_err();
    for n in 0..250 {
        world.tick();
        let now = world.now();
        world
            .hub()
            .open_issue(REPO, "ada", &format!("later {n}"), None, now)
            .unwrap();
    }
    let mark = world.mark();
    let traced = issues
        .trace(std::slice::from_ref(&sent), sent_at)
        .await
        .unwrap();
    let Trace::Applied(ack) = &traced[0] else {
        panic!("{traced:?}")
    };
    assert_eq!(ack.snapshot.as_ref().unwrap().object, issue(1));
    assert!(
        world
            .asked(mark)
            .iter()
            .all(|line| !line.contains("search"))
    );
    let other = write("o2", new_issue(&[("title", text("New"))], "text"));
    assert_eq!(
        issues.trace(&[other], sent_at).await.unwrap(),
        [Trace::NotApplied]
    );
}

#[tokio::test]
async fn signed_commits_are_found_by_their_trailer() {
    for (fault, applied) in [(Fault::DropAfter, true), (Fault::DropBefore, false)] {
        let world = World::new();
        let files = world.files_of(REPO, |settings| settings.signed = true);
        let sent = write("o1", edit_file("docs/a.md", "alpha\n", "2\n"));
        let sent_at = world.now();
        world.fault("POST", "/graphql", fault);
        let error = one(&files, sent.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        world.tick();
        let traced = files.trace(&[sent], sent_at).await.unwrap();
        assert_eq!(
            matches!(traced.as_slice(), [Trace::Applied(_)]),
            applied,
            "{traced:?}"
        );
    }
}
