//! Comments of issues and pull requests, and copies of what people wrote in Notion.

use notion_sync_core::ErrorKind;
use notion_sync_core::comment::{Discuss, DiscussStep, RemoteComment, Said, text_hash};
use notion_sync_core::hash::ContentHash;
use notion_sync_core::id::{OpId, RemoteRef, Side};
use notion_sync_core::remote::{Ack, Action, Remote as _, Trace, Write, WriteKind};
use notion_sync_github::{GithubIssues, reference};
use notion_sync_testkit::emulator::Fault;

use crate::support::*;

fn said(text: &str) -> Said {
    Said {
        side: Side::Notion,
        author: "Ada Lovelace".to_owned(),
        text: text.to_owned(),
        url: Some("https://www.notion.so/1b2c?d=3f".to_owned()),
        about: None,
    }
}

fn discuss(op: &str, place: RemoteRef, step: DiscussStep) -> Write {
    write(op, Action::Discuss(Box::new(Discuss { place, step })))
}

fn opened(world: &World) -> u64 {
    let now = world.now();
    world
        .hub()
        .open_issue(REPO, "ada", "Plan", None, now)
        .unwrap()
}

async fn listed(issues: &GithubIssues, object: &RemoteRef) -> Vec<RemoteComment> {
    let comments = issues.comments(object).await.unwrap();
    assert!(comments.complete);
    comments.items
}

fn hash_of(ack: &Ack) -> ContentHash {
    serde_json::from_value(ack.notes["shown"].as_str().into()).unwrap()
}

#[tokio::test]
async fn what_people_say_is_read_with_its_author() {
    let world = World::new();
    let issues = world.issues();
    let n = opened(&world);
    let now = world.now();
    world
        .hub()
        .comment(REPO, n, "bob", "one\r\ntwo", now)
        .unwrap();
    let [found] = listed(&issues, &issue(n)).await.try_into().unwrap();
    assert_eq!(
        (found.author.as_str(), found.text.as_str()),
        ("bob", "one\ntwo")
    );
    assert!(!found.ours && found.about.is_none());
    assert!(
        found
            .url
            .as_deref()
            .is_some_and(|url| url.contains("#issuecomment-"))
    );
    let direct = issues.comment(&found.object).await.unwrap().unwrap();
    assert_eq!((&direct.text, &direct.place), (&found.text, &issue(n)));
    let gone = reference::comment(REPO_ID, 999_999);
    assert_eq!(issues.comment(&gone).await.unwrap(), None);
}

#[tokio::test]
async fn a_copy_is_written_changed_and_removed() {
    let world = World::new();
    let issues = world.issues();
    let n = opened(&world);
    let post = discuss(
        "op1",
        issue(n),
        DiscussStep::Post(said("ping @bob, fixes #1")),
    );
    assert_eq!(issues.kind(&post.action), WriteKind::UnnamedCreate);
    let ack = one(&issues, post).await.unwrap();
    let [first] = listed(&issues, &issue(n)).await.try_into().unwrap();
    assert_eq!(ack.links["comment"], first.object);
    assert_eq!(
        hash_of(&ack),
        first.hash(),
        "the answer shows what a listing shows"
    );
    assert_eq!(first.marker, Some(OpId::from("op1")));
    let body = world.hub().issue(REPO, n).unwrap().comments.remove(0).1;
    assert!(
        body.starts_with(
            "<!-- notion-sync op: op1 -->\n**Ada Lovelace** in [Notion](https://www.notion.so/"
        ),
        "{body}"
    );
    assert!(
        !body.contains("@bob") && !body.contains("fixes #1"),
        "{body}"
    );
    let edit = |op: &str, expected: ContentHash| {
        let step = DiscussStep::Edit {
            comment: first.object.clone(),
            expected,
            said: said("changed"),
        };
        discuss(op, issue(n), step)
    };
    let stale = one(&issues, edit("op2", text_hash("else")))
        .await
        .unwrap_err();
    assert_eq!(stale.kind(), ErrorKind::Stale);
    let ack = one(&issues, edit("op2", first.hash())).await.unwrap();
    let [second] = listed(&issues, &issue(n)).await.try_into().unwrap();
    assert_eq!(
        (hash_of(&ack), second.marker.clone()),
        (second.hash(), Some(OpId::from("op2")))
    );
    assert!(second.text.ends_with("changed"));
    let delete = |expected: ContentHash| {
        let comment = first.object.clone();
        discuss("op3", issue(n), DiscussStep::Delete { comment, expected })
    };
    let stale = one(&issues, delete(first.hash())).await.unwrap_err();
    assert_eq!(stale.kind(), ErrorKind::Stale);
    one(&issues, delete(second.hash())).await.unwrap();
    assert!(listed(&issues, &issue(n)).await.is_empty());
    one(&issues, delete(second.hash())).await.unwrap();
    let gone = one(&issues, edit("op4", second.hash())).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn notes_of_the_engine_are_ours_and_quotes_of_them_are_not() {
    let world = World::new();
    let issues = world.issues();
    let n = opened(&world);
    let note = Action::Comment {
        object: issue(n),
        text: "both versions".to_owned(),
    };
    one(&issues, write("note", note)).await.unwrap();
    let now = world.now();
    let quote = "> <!-- notion-sync op: note -->\n\nwhat is this?";
    world.hub().comment(REPO, n, "bob", quote, now).unwrap();
    let ours: Vec<bool> = listed(&issues, &issue(n))
        .await
        .iter()
        .map(|one| one.ours)
        .collect();
    assert_eq!(ours, [true, false]);
}

#[tokio::test]
async fn the_conversation_of_a_pull_request_says_so() {
    let world = World::new();
    let issues = world.issues();
    let now = world.now();
    let number = {
        let mut hub = world.hub();
        let head = hub.branches(REPO).unwrap()["main"].to_string();
        hub.reset_branch(REPO, "work", &head, "ada", now).unwrap();
        let edit = [("docs/a.md", Some("x\n"))];
        hub.commit(REPO, "work", "ada", "Work", &edit, now).unwrap();
        hub.open_pull(REPO, "ada", &pull_form("Work", "work"), now)
            .unwrap()
    };
    world
        .hub()
        .comment(REPO, number, "bob", "looks good", now)
        .unwrap();
    let pull = reference::pull(REPO_ID, number);
    let [found] = listed(&issues, &pull).await.try_into().unwrap();
    assert_eq!(found.about, Some(format!("pull request #{number}")));
    assert_eq!(
        issues.comment(&found.object).await.unwrap().unwrap().place,
        pull
    );
}

#[tokio::test]
async fn long_conversations_are_read_page_by_page() {
    let world = World::new();
    let issues = world.issues();
    let n = opened(&world);
    let now = world.now();
    for number in 0..230 {
        world
            .hub()
            .comment(REPO, n, "bob", &format!("comment {number}"), now)
            .unwrap();
    }
    let all = listed(&issues, &issue(n)).await;
    assert_eq!((all.len(), all[229].text.as_str()), (230, "comment 229"));
}

#[tokio::test]
async fn lost_answers_are_found() {
    for fault in [
        Fault::DropAfter,
        Fault::FailAfter { status: 502 },
        Fault::DropBefore,
    ] {
        let applied = !matches!(fault, Fault::DropBefore);
        let world = World::new();
        let issues = world.issues();
        let n = opened(&world);
        let ack = one(
            &issues,
            discuss("op0", issue(n), DiscussStep::Post(said("one"))),
        )
        .await
        .unwrap();
        let comment = ack.links["comment"].clone();
        let expected = hash_of(&ack);
        let steps = [
            ("POST", DiscussStep::Post(said("two"))),
            (
                "PATCH",
                DiscussStep::Edit {
                    comment: comment.clone(),
                    expected,
                    said: said("three"),
                },
            ),
        ];
        for (number, (method, step)) in steps.into_iter().enumerate() {
            let sent_at = world.now();
            let sent = discuss(&format!("lost{number}"), issue(n), step);
            world.fault(method, "/comments", fault.clone());
            let error = one(&issues, sent.clone()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{method}");
            world.tick();
            let traces = issues
                .trace(std::slice::from_ref(&sent), sent_at)
                .await
                .unwrap();
            match &traces[0] {
                Trace::Applied(ack) if applied => assert!(ack.links.contains_key("comment")),
                Trace::NotApplied if !applied => {
                    one(&issues, sent).await.unwrap();
                }
                other => panic!("{method}: {other:?}"),
            }
        }
        let expected = listed(&issues, &issue(n)).await[0].hash();
        let sent = discuss("lost9", issue(n), DiscussStep::Delete { comment, expected });
        world.fault("DELETE", "/comments", fault.clone());
        assert!(one(&issues, sent.clone()).await.is_err());
        let traces = issues
            .trace(std::slice::from_ref(&sent), world.now())
            .await
            .unwrap();
        assert_eq!(matches!(traces[0], Trace::Applied(_)), applied);
        one(&issues, sent).await.unwrap();
        let left = listed(&issues, &issue(n)).await;
        assert_eq!(left.len(), 1);
        assert!(left[0].text.ends_with("two"));
    }
}
