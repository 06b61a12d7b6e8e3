//! Pull requests that are opened, marked as ready, turned into drafts.

use std::collections::BTreeMap;

use notion_sync_core::ErrorKind;
use notion_sync_core::effect::{Effect, FirstFile, Gate, LinkedPull, Note, NotePlace, OpenPull};
use notion_sync_core::id::RemoteRef;
use notion_sync_core::remote::{Remote as _, Trace};
use notion_sync_github::{HiddenBlock, reference};
use notion_sync_testkit::emulator::Fault;

use crate::effects_support::*;
use crate::support::{REPO, REPO_ID, World, pull_form};

fn open_pull() -> Effect {
    Effect::OpenPull(OpenPull::default())
}

fn pulls(world: &World) -> Vec<u64> {
    let hub = world.hub();
    let numbers = hub.issue_numbers(REPO).unwrap();
    numbers
        .into_iter()
        .filter(|number| {
            hub.issue(REPO, *number)
                .is_some_and(|issue| issue.pull.is_some())
        })
        .collect()
}

#[tokio::test]
async fn a_draft_is_opened_once_and_found_again() {
    let (world, number) = (World::new(), 1);
    assert_eq!(an_issue(&world), number);
    let issues = world.issues();
    let asked = request("k1", number, open_pull());
    let mark = world.mark();
    let effect = opened(&issues, &asked).await;
    let reads = world.asked(mark);
    assert!(
        reads
            .iter()
            .all(|line| line.starts_with("GET ") || line.starts_with("POST /graphql")),
        "{reads:?}"
    );
    assert_eq!(effect.decided["branch"], "task/1-rewrite-the-guide");
    assert_eq!(effect.decided["base"], "main");
    let ack = send(&issues, &effect).await.unwrap();
    assert!(ack.snapshot.is_none());
    let pull = ack.links["pull"].clone();
    let made = pulls(&world);
    assert_eq!(made, [2]);
    assert_eq!(pull, reference::pull(REPO_ID, 2));
    let seen = world.hub().issue(REPO, 2).unwrap();
    assert_eq!(seen.title, "Rewrite the guide");
    assert!(seen.pull.as_ref().unwrap().draft);
    let body = seen.body.unwrap();
    let (block, text) = HiddenBlock::split(&body);
    assert_eq!(text, "Closes #1");
    assert_eq!(block.page.as_deref(), Some("page-1"));
    assert_eq!(block.created_by.unwrap().as_str(), "k1");
    assert_eq!(block.url.as_deref(), Some("https://www.notion.so/page-1"));
    // The first commit is empty and names the operation and the page.
    let commits = world
        .hub()
        .commits(REPO, "task/1-rewrite-the-guide")
        .unwrap();
    let message = commits[0].message.clone();
    assert!(message.contains("Sync-Op: k1\n"), "{message}");
    assert!(message.contains("Notion-Page-Id: page-1\n"), "{message}");
    let files = |at: &str| world.hub().files(REPO, at).unwrap();
    assert_eq!(files("task/1-rewrite-the-guide"), files("main"));
    // Sent again: the same one.
    let again = send(&issues, &effect).await.unwrap();
    assert_eq!(again.links["pull"], pull);
    assert_eq!(pulls(&world), made);
    // Asked again, with the link and without, by this rule and by another.
    for asked in [
        asked.clone(),
        with_pull(asked.clone(), pull.clone()),
        request("k9", number, open_pull()),
    ] {
        match issues.gate(&asked).await.unwrap() {
            Gate::Holds { links } => assert_eq!(links["pull"], pull),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_name_that_somebody_else_has_is_left_alone() {
    let world = World::new();
    let number = an_issue(&world);
    let now = world.now();
    let name = "task/1-rewrite-the-guide";
    // A branch by hand, and a second one with a pull request of another page.
    by_hand(&world, name, "a.md", "a\n");
    let second = format!("{name}-2");
    by_hand(&world, &second, "b.md", "b\n");
    world
        .hub()
        .open_pull(REPO, "ada", &pull_form("Mine", &second), now)
        .unwrap();
    let issues = world.issues();
    let effect = opened(&issues, &request("k1", number, open_pull())).await;
    assert_eq!(effect.decided["branch"], format!("{name}-3"));
    // Taken between the gate and the write: stale, and nothing is written.
    by_hand(&world, &format!("{name}-3"), "c.md", "c\n");
    let before = pulls(&world);
    let error = send(&issues, &effect).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale, "{error}");
    assert_eq!(pulls(&world), before);
}

#[tokio::test]
async fn after_a_decision_the_next_one_has_another_branch() {
    let world = World::new();
    let number = an_issue(&world);
    let issues = world.issues();
    let first = perform(&issues, &request("k1", number, open_pull())).await;
    let pull = first.links["pull"].clone();
    let now = world.now();
    world.hub().set_draft(REPO, 2, "ada", false, now).unwrap();
    world
        .hub()
        .close(REPO, 2, "ada", Some("completed"), now)
        .unwrap();
    let asked = with_pull(request("k2", number, open_pull()), pull.clone());
    let effect = opened(&issues, &asked).await;
    assert_eq!(effect.decided["branch"], "task/1-rewrite-the-guide-2");
    let second = send(&issues, &effect).await.unwrap();
    assert_ne!(second.links["pull"], pull);
    // The first operation sent again still means its own.
    let first = opened_again(
        &issues,
        &request("k1", number, open_pull()),
        "task/1-rewrite-the-guide",
    )
    .await;
    assert_eq!(first, pull);
}

/// What a write of an earlier decision answers.
async fn opened_again(
    issues: &notion_sync_github::GithubIssues,
    request: &notion_sync_core::effect::EffectRequest,
    branch: &str,
) -> notion_sync_core::id::RemoteRef {
    let effect = notion_sync_core::effect::EffectWrite {
        request: request.clone(),
        pull: None,
        head: None,
        decided: BTreeMap::from([
            ("branch".to_owned(), branch.to_owned()),
            ("base".to_owned(), "main".to_owned()),
        ]),
    };
    send(issues, &effect).await.unwrap().links["pull"].clone()
}

#[tokio::test]
async fn a_lost_answer_is_traced_wherever_it_was_lost() {
    for (method, path) in [
        ("POST", "/git/commits"),
        ("POST", "/git/refs"),
        ("POST", "/pulls"),
    ] {
        for fault in [Fault::DropBefore, Fault::DropAfter] {
            let world = World::new();
            let number = an_issue(&world);
            let issues = world.issues();
            let effect = opened(&issues, &request("k1", number, open_pull())).await;
            world.fault(method, path, fault.clone());
            send(&issues, &effect).await.unwrap_err();
            let there = pulls(&world).len();
            match trace(&world, &issues, &effect).await {
                Trace::Applied(ack) => {
                    assert_eq!(there, 1, "{path} {fault:?}");
                    assert_eq!(ack.links["pull"], reference::pull(REPO_ID, 2));
                }
                Trace::NotApplied => assert_eq!(there, 0, "{path} {fault:?}"),
                other => panic!("{other:?}"),
            }
            let ack = send(&issues, &effect).await.unwrap();
            assert_eq!(ack.links["pull"], reference::pull(REPO_ID, 2));
            assert_eq!(pulls(&world), [2], "{path} {fault:?}");
            let branches = world.hub().branches(REPO).unwrap();
            assert_eq!(branches.len(), 2, "{branches:?}");
        }
    }
}

/// Who is to review is asked by a request of its own: a pull request of which only that is missing is
/// finished, and whoever was asked once is not asked again.
#[tokio::test]
async fn reviewers_are_asked_once_whatever_was_lost() {
    let world = World::new();
    let number = an_issue(&world);
    let issues = world.issues();
    let open = Effect::OpenPull(OpenPull {
        reviewers: vec!["bob".to_owned()],
        ..OpenPull::default()
    });
    let effect = opened(&issues, &request("k1", number, open)).await;
    world.fault("POST", "/pulls", Fault::DropAfter);
    send(&issues, &effect).await.unwrap_err();
    let asked = |world: &World| {
        let made = world.hub().issue(REPO, 2).unwrap();
        made.pull.unwrap().reviewers
    };
    assert_eq!(asked(&world), [""; 0]);
    match trace(&world, &issues, &effect).await {
        Trace::Unfinished(ack) => assert_eq!(ack.links["pull"], reference::pull(REPO_ID, 2)),
        other => panic!("{other:?}"),
    }
    send(&issues, &effect).await.unwrap();
    assert_eq!(
        (asked(&world), pulls(&world)),
        (vec!["bob".to_owned()], vec![2])
    );
    let found = trace(&world, &issues, &effect).await;
    assert!(matches!(found, Trace::Applied(_)), "{found:?}");
    // Once Bob has looked at it nobody is asked any more.
    let now = world.now();
    let looked = world.hub().review(REPO, 2, "bob", "APPROVE", "", now);
    looked.unwrap();
    assert_eq!(asked(&world), [""; 0]);
    let found = trace(&world, &issues, &effect).await;
    assert!(matches!(found, Trace::Applied(_)), "{found:?}");
    send(&issues, &effect).await.unwrap();
    assert_eq!(asked(&world), [""; 0]);
}

#[tokio::test]
async fn a_first_file_never_takes_the_place_of_another() {
    let world = World::new();
    let number = an_issue(&world);
    let issues = world.issues();
    let with = |path: &str| {
        Effect::OpenPull(OpenPull {
            file: Some(FirstFile {
                path: path.to_owned(),
                text: "# {title}\n\n{page}\n".to_owned(),
            }),
            ..OpenPull::default()
        })
    };
    let reason = refused(&issues, &request("k1", number, with("README.md/x.md"))).await;
    assert!(reason.contains("README.md is a file"), "{reason}");
    let reason = refused(&issues, &request("k1", number, with("../x.md"))).await;
    assert!(reason.contains("path"), "{reason}");
    let ack = perform(
        &issues,
        &request("k1", number, with("docs/{number}-{slug}.md")),
    )
    .await;
    assert!(!ack.notes.contains_key("file"));
    let text = world
        .hub()
        .file(
            REPO,
            "task/1-rewrite-the-guide",
            "docs/1-rewrite-the-guide.md",
        )
        .unwrap()
        .unwrap();
    assert_eq!(
        String::from_utf8(text).unwrap(),
        "# Rewrite the guide\n\nhttps://www.notion.so/page-1\n"
    );
    let other = titled(&world, "Other");
    let ack = perform(&issues, &request("k2", other, with("README.md"))).await;
    assert_eq!(ack.notes["file"], "exists");
    let branch = ack.notes["branch"].clone();
    let readme = world
        .hub()
        .file(REPO, &branch, "README.md")
        .unwrap()
        .unwrap();
    assert_eq!(readme, b"# Handbook\n");
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_the_remedy() {
    let world = World::new();
    let number = an_issue(&world);
    let issues = world.issues();
    let with = |change: fn(&mut OpenPull)| {
        let mut open = OpenPull::default();
        change(&mut open);
        request("k1", number, Effect::OpenPull(open))
    };
    for (asked, said) in [
        (
            with(|open| open.base = Some("nowhere".to_owned())),
            "create it",
        ),
        (
            with(|open| open.branch = "a..b".to_owned()),
            "change the rule's branch",
        ),
        (
            with(|open| open.branch = "nsync/x".to_owned()),
            "change the rule's branch",
        ),
        (
            with(|open| open.branch = "x/{who}".to_owned()),
            "change the rule's branch",
        ),
    ] {
        let reason = refused(&issues, &asked).await;
        assert!(reason.contains(said), "{reason}");
    }
    let error = issues
        .gate(&request("k1", 99, open_pull()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let gone = titled(&world, "Deleted");
    world.hub().delete_issue(REPO, gone).unwrap();
    let reason = refused(&issues, &request("k1", gone, open_pull())).await;
    assert!(reason.contains("deleted"), "{reason}");
}

#[tokio::test]
async fn reviewers_that_cannot_be_asked_are_named() {
    let world = World::new();
    let number = an_issue(&world);
    let issues = world.issues();
    let effect = Effect::OpenPull(OpenPull {
        draft: false,
        closes: false,
        reviewers: ["bob", "bot", "nobody-here", "acme/docs-team"]
            .map(str::to_owned)
            .to_vec(),
        ..OpenPull::default()
    });
    let ack = perform(&issues, &request("k1", number, effect)).await;
    let dropped = &ack.notes["dropped"];
    assert!(
        dropped.contains("bot") && dropped.contains("nobody-here"),
        "{dropped}"
    );
    let seen = world.hub().issue(REPO, 2).unwrap();
    let pull = seen.pull.unwrap();
    assert!(!pull.draft);
    assert_eq!(pull.reviewers, ["bob", "docs-team"]);
    assert!(seen.body.unwrap().ends_with("Issue: #1"));
}

#[tokio::test]
async fn drafts_are_toggled_once() {
    let world = World::new();
    let number = an_issue(&world);
    let issues = world.issues();
    for effect in [Effect::MarkReady, Effect::ConvertToDraft] {
        let reason = closed(&issues, &request("k0", number, effect)).await;
        assert_eq!(reason, "the issue has no pull request yet");
    }
    let pull = perform(&issues, &request("k1", number, open_pull()))
        .await
        .links["pull"]
        .clone();
    let draft = |world: &World| {
        let seen = world.hub().issue(REPO, 2).unwrap();
        seen.pull.unwrap().draft
    };
    for (effect, now_draft) in [(Effect::MarkReady, false), (Effect::ConvertToDraft, true)] {
        let asked = with_pull(request("k2", number, effect), pull.clone());
        let write = opened(&issues, &asked).await;
        assert_eq!(write.pull.as_ref(), Some(&pull));
        assert_eq!(trace(&world, &issues, &write).await, Trace::NotApplied);
        world.fault("POST", "/graphql", Fault::DropAfter);
        let error = send(&issues, &write).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(draft(&world), now_draft);
        applied(trace(&world, &issues, &write).await);
        send(&issues, &write).await.unwrap();
        assert!(holds(&issues, &asked).await);
        // Taken back by a person: what was done shows in the timeline.
        let now = world.now();
        world
            .hub()
            .set_draft(REPO, 2, "ada", !now_draft, now)
            .unwrap();
        applied(trace(&world, &issues, &write).await);
        world
            .hub()
            .set_draft(REPO, 2, "ada", now_draft, now)
            .unwrap();
    }
    let now = world.now();
    world
        .hub()
        .close(REPO, 2, "ada", Some("completed"), now)
        .unwrap();
    let asked = with_pull(request("k3", number, Effect::MarkReady), pull);
    assert!(closed(&issues, &asked).await.contains("closed"));
}

/// Nothing that comes from a page acts, in a title, a description, a commit or a comment, however
/// the template surrounds it.
#[tokio::test]
async fn nothing_of_a_page_acts() {
    const TITLE: &str = "Fixes #1 @team <!-- notion-sync --> ::add-mask::";
    let world = World::new();
    let target = titled(&world, "The one that must stay open");
    let number = titled(&world, "The task");
    let issues = world.issues();
    let mut asked = request(
        "k1",
        number,
        Effect::OpenPull(OpenPull {
            draft: false,
            closes: false,
            ..OpenPull::default()
        }),
    );
    asked.title = TITLE.to_owned();
    asked.value = "::stop-commands::x".to_owned();
    let ack = perform(&issues, &asked).await;
    let pull = ack.links["pull"].clone();
    let made = world.hub().issue(REPO, 3).unwrap();
    let acts = |text: &str| {
        text.contains("@team")
            || text.contains("ixes #1") && text.contains("Fixes #1")
            || text.lines().any(|line| line.trim_start().starts_with("::"))
    };
    assert!(!acts(&made.title), "{}", made.title);
    let body = made.body.unwrap();
    assert!(!acts(&body) && !body.contains("add-mask"), "{body}");
    let branch = ack.notes["branch"].clone();
    let message = world.hub().commits(REPO, &branch).unwrap()[0]
        .message
        .clone();
    assert!(!acts(&message), "{message}");
    for (at, text) in [
        "{title}",
        "Closes {title}",
        "`{title}",
        "{value}",
        "```\n{title}\n```",
        "@bob look: {title}",
    ]
    .into_iter()
    .enumerate()
    {
        for on in [NotePlace::Issue, NotePlace::Pull] {
            let note = Effect::Comment(Note {
                text: text.to_owned(),
                on,
            });
            let mut asked = with_pull(request(&format!("n{at}"), number, note), pull.clone());
            asked.title = TITLE.to_owned();
            asked.value = "::stop-commands::x".to_owned();
            perform(&issues, &asked).await;
        }
    }
    for (number, there) in [(number, 6), (3, 6)] {
        let comments = world.hub().issue(REPO, number).unwrap().comments;
        assert_eq!(comments.len(), there);
        for (_, comment) in comments {
            let (marker, text) = comment.split_once('\n').unwrap();
            assert!(marker.starts_with("<!-- notion-sync op: n"), "{marker}");
            assert!(!acts(text) && !text.contains("#1"), "{text}");
            assert!(!text.contains("<!--"), "{text}");
        }
    }
    // What the template itself says may act.
    let last = world.hub().issue(REPO, number).unwrap().comments;
    assert!(last.iter().any(|(_, text)| text.contains("@bob look")));
    let now = world.now();
    let method = notion_sync_testkit::github::MergeMethod::Squash;
    world.hub().merge(REPO, 3, "ada", method, now).unwrap();
    assert!(world.hub().issue(REPO, target).unwrap().open);
    assert!(world.hub().issue(REPO, number).unwrap().open);
}

/// Where the plan has no drafts it is opened ready, and says so.
#[tokio::test]
async fn a_plan_without_drafts() {
    let world = World::new();
    let number = an_issue(&world);
    let issues = world.issues_by(std::sync::Arc::new(crate::effects_dispatch::Scripted {
        inner: world.send(),
        answer: Box::new(|request| {
            let opens = request.method() == http::Method::POST
                && request.uri().path().ends_with("/pulls")
                && String::from_utf8_lossy(request.body()).contains("\"draft\":true");
            let message = "Draft pull requests are not supported in this repository.";
            opens.then(|| {
                let refusal = serde_json::json!({"message": "Validation Failed", "errors": [
                    {"resource": "PullRequest", "code": "custom", "message": message}]});
                (422, refusal)
            })
        }),
    }));
    let ack = perform(&issues, &request("k1", number, open_pull())).await;
    assert_eq!(ack.notes["draft"], "unsupported");
    assert!(!world.hub().issue(REPO, 2).unwrap().pull.unwrap().draft);
}

#[test]
fn an_event_about_its_head_is_about_the_pull_request() {
    let issues = World::new().issues();
    let pull = LinkedPull {
        object: reference::pull(7, 3),
        number: 3,
        url: String::new(),
        state: "open".to_owned(),
        head: "abc".to_owned(),
        review: None,
        checks: None,
        ours: true,
        updated_at: chrono::DateTime::UNIX_EPOCH,
    };
    let commit = |id: &str| RemoteRef::new("github", "commit", id);
    for (named, about) in [
        (reference::pull(7, 3), true),
        (reference::pull(7, 4), false),
        (reference::issue(7, 3), false),
        (commit("7:abc"), true),
        (commit("8:abc"), false),
        (commit("7:abcd"), false),
        (commit("7:"), false),
    ] {
        assert_eq!(issues.is_about(&named, &pull), about, "{named}");
    }
}
