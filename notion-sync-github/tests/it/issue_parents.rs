//! Parents of issues: reading, writing, refusals, writes whose answer was lost; and the type, which
//! can be refused in the same way.

use notion_sync_core::ErrorKind;
use notion_sync_core::remote::{Remote as _, Trace};
use notion_sync_core::snapshot::Field;
use notion_sync_core::value::Value;
use notion_sync_github::{GithubIssues, reference};
use notion_sync_testkit::emulator::Fault;
use notion_sync_testkit::github::GithubWorld;
use serde_json::json;

use crate::support::*;

/// Issues of these numbers, one after the other from 1.
fn with_issues(count: u64) -> (World, GithubIssues) {
    let mut raw = serde_json::to_value(handbook()).unwrap();
    let all: Vec<_> = (1..=count)
        .map(|n| json!({"title": format!("Issue {n}")}))
        .collect();
    raw["repositories"][0]["issues"] = json!(all);
    raw["repositories"][1]["issues"] = json!([{"title": "Elsewhere"}]);
    let stranger = json!({"full_name": "bob/own", "id": 104, "collaborators": {"bot": "write"},
        "issues": [{"title": "Strange"}]});
    raw["repositories"].as_array_mut().unwrap().push(stranger);
    let world: GithubWorld = serde_json::from_value(raw).unwrap();
    let world = World::of(world);
    let issues = world.issues();
    (world, issues)
}

fn id(number: u64) -> Value {
    text(&reference::issue(REPO_ID, number).id)
}

fn turn(child: u64, from: &Value, to: &Value) -> notion_sync_core::remote::Action {
    change(child, &[("parent", from.clone(), to.clone())], None)
}

fn parent(world: &World, number: u64) -> Option<(String, u64)> {
    world.hub().issue(REPO, number).unwrap().parent
}

fn put_below(world: &World, parent: u64, child: u64) {
    let now = world.now();
    world
        .hub()
        .add_sub_issue(REPO, parent, child, "ada", now)
        .unwrap();
}

fn here(number: u64) -> Option<(String, u64)> {
    Some((REPO.to_owned(), number))
}

#[tokio::test]
async fn a_listing_shows_the_parents_without_a_request_of_its_own() {
    let (world, issues) = with_issues(5);
    put_below(&world, 1, 2);
    put_below(&world, 1, 3);
    list(&issues, None, true).await;
    let before = world.mark();
    let listing = list(&issues, None, true).await;
    assert_eq!(world.asked(before).len(), 1, "{:?}", world.asked(before));
    let shown: Vec<&Value> = listing
        .items
        .iter()
        .map(|item| field(item, "parent"))
        .collect();
    assert_eq!(
        shown,
        [&Value::Null, &id(1), &id(1), &Value::Null, &Value::Null]
    );
    let read = issues.read(&issue(3), false).await.unwrap();
    assert_eq!(field(&read, "parent"), &id(1));
    let schema = issues.schema().await.unwrap();
    assert_eq!(schema.fields["parent"].kind, "issue");
}

#[tokio::test]
async fn a_parent_is_set_replaced_and_taken_away_and_each_may_be_repeated() {
    let (world, issues) = with_issues(3);
    let steps = [
        (Value::Null, id(1), here(1)),
        (id(1), id(2), here(2)),
        (id(2), Value::Null, None),
    ];
    for (at, (from, to, want)) in steps.into_iter().enumerate() {
        let write = write(&format!("op-{at}"), turn(3, &from, &to));
        let ack = one(&issues, write.clone()).await.unwrap();
        assert_eq!(ack.refused.len() + ack.notes.len(), 0, "{ack:?}");
        assert_eq!(field(&ack.snapshot.unwrap(), "parent"), &to);
        assert_eq!(parent(&world, 3), want);
        world.tick();
        let before = world.mark();
        let ack = one(&issues, write).await.unwrap();
        assert_eq!(field(&ack.snapshot.unwrap(), "parent"), &to);
        let asked = world.asked(before);
        assert!(
            asked.iter().all(|line| line.starts_with("GET")),
            "{asked:?}"
        );
    }
}

#[tokio::test]
async fn another_repository_of_the_mapping_is_named_by_its_id() {
    let (world, _) = with_issues(2);
    let names = [(REPO, None), ("acme/backlog", None)];
    let issues = GithubIssues::new(world.client(), &names).unwrap();
    let there = text(&reference::issue(101, 1).id);
    let ack = one(&issues, write("o1", turn(2, &Value::Null, &there)))
        .await
        .unwrap();
    assert_eq!(ack.refused.len(), 0, "{ack:?}");
    assert_eq!(parent(&world, 2), Some(("acme/backlog".to_owned(), 1)));
    // A process that has seen neither of them.
    let fresh = GithubIssues::new(world.client(), &names).unwrap();
    let read = fresh.read(&issue(2), true).await.unwrap();
    assert_eq!(field(&read, "parent"), &there);
    let listing = list(
        &GithubIssues::new(world.client(), &names).unwrap(),
        None,
        true,
    )
    .await;
    assert!(
        listing
            .items
            .iter()
            .any(|item| field(item, "parent") == &there)
    );
    // To a mapping without that repository it is a stranger, and can be taken away all the same.
    let alone = world.issues();
    let read = alone.read(&issue(2), true).await.unwrap();
    let stranger = text("acme/backlog#1");
    assert_eq!(field(&read, "parent"), &stranger);
    let asked = write("o2", turn(2, &Value::Null, &id(1)));
    assert_eq!(
        one(&alone, asked).await.unwrap_err().kind(),
        ErrorKind::Stale
    );
    one(&alone, write("o3", turn(2, &stranger, &Value::Null)))
        .await
        .unwrap();
    assert_eq!(parent(&world, 2), None);
}

#[tokio::test]
async fn a_parent_that_somebody_else_set_meanwhile_is_not_replaced() {
    let (world, issues) = with_issues(3);
    put_below(&world, 2, 3);
    let error = one(&issues, write("o1", turn(3, &Value::Null, &id(1))))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale);
    assert_eq!(parent(&world, 3), here(2));
    // Between the read and the write.
    let (world, issues) = with_issues(3);
    world.fault("POST", "/issues/1/sub_issues", Fault::DropAfter);
    let lost = write("o2", turn(3, &Value::Null, &id(1)));
    one(&issues, lost).await.unwrap_err();
    put_below(&world, 2, 3);
    let other = write("o3", turn(3, &Value::Null, &id(1)));
    assert_eq!(
        one(&issues, other).await.unwrap_err().kind(),
        ErrorKind::Stale
    );
    assert_eq!(parent(&world, 3), here(2));
}

#[tokio::test]
async fn what_github_refuses_concerns_the_parent_alone_and_says_what_to_do() {
    let (world, issues) = with_issues(112);
    // Ten levels wanted, and a parent with a hundred sub-issues.
    for number in 2..=9 {
        put_below(&world, number - 1, number);
    }
    for number in 12..112 {
        put_below(&world, 11, number);
    }
    let stranger = text(&reference::issue(104, 1).id);
    let nobody = text(&reference::issue(REPO_ID, 999).id);
    for (child, to, said) in [
        (10, id(9), "at most 8 levels"),
        (10, id(11), "at most 100 sub-issues"),
        (1, id(3), "below itself or one of its own"),
        (10, id(10), "below itself or one of its own"),
        (10, stranger, "same owner"),
        (10, nobody, "the parent is not there"),
    ] {
        let title = format!("Renamed for {said}");
        let before = world.hub().issue(REPO, child).unwrap().title;
        let fields = [
            ("title", text(&before), text(&title)),
            ("parent", Value::Null, to),
        ];
        let op = format!("op {said} {child}");
        let ack = one(&issues, write(&op, change(child, &fields, None)))
            .await
            .unwrap();
        assert!(
            ack.refused["parent"].contains(said),
            "{said}: {:?}",
            ack.refused
        );
        assert_eq!(ack.notes.get("dropped"), None);
        let snapshot = ack.snapshot.unwrap();
        assert_eq!(field(&snapshot, "title"), &text(&title));
        assert_eq!(field(&snapshot, "parent"), &Value::Null);
        assert_eq!(parent(&world, child), None);
    }
}

#[tokio::test]
async fn a_lost_answer_is_found_out_by_what_is_there() {
    for (fault, to) in [
        (Fault::DropBefore, id(1)),
        (Fault::DropAfter, id(1)),
        (Fault::DropBefore, Value::Null),
        (Fault::DropAfter, Value::Null),
    ] {
        let (world, issues) = with_issues(3);
        let from = if to.is_empty() {
            put_below(&world, 1, 3);
            id(1)
        } else {
            Value::Null
        };
        world.tick();
        let sent_at = world.now();
        let applied = matches!(fault, Fault::DropAfter);
        let method = if to.is_empty() { "DELETE" } else { "POST" };
        world.fault(method, "/issues/1/sub_issue", fault);
        // The title went through before it: that proves nothing about the parent.
        let fields = [
            ("title", text("Issue 3"), text("Renamed")),
            ("parent", from.clone(), to.clone()),
        ];
        let write = write("lost", change(3, &fields, Some(("", "With a text\n"))));
        let error = one(&issues, write.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        world.tick();
        let traces = issues
            .trace(std::slice::from_ref(&write), sent_at)
            .await
            .unwrap();
        match &traces[0] {
            Trace::Applied(_) => assert!(applied),
            Trace::NotApplied => assert!(!applied),
            other => panic!("{other:?}"),
        }
        let ack = one(&issues, write).await.unwrap();
        assert_eq!(field(&ack.snapshot.unwrap(), "parent"), &to);
        assert_eq!(parent(&world, 3).is_some(), !to.is_empty());
    }
}

#[tokio::test]
async fn a_new_issue_takes_no_parent_and_only_issues_are_parents() {
    let (_, issues) = with_issues(2);
    let fields = [("title", text("New")), ("parent", id(1))];
    let error = one(&issues, write("o1", new_issue(&fields, "x")))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    for odd in ["acme/app#1", "100", "x#1", "Issue 1"] {
        let action = turn(2, &Value::Null, &text(odd));
        let error = one(&issues, write("o2", action)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{odd}: {error}");
    }
}

#[tokio::test]
async fn a_type_that_is_not_there_blocks_that_field_alone() {
    let mut raw = serde_json::to_value(handbook()).unwrap();
    raw["accounts"][5]["issue_types"] = json!(["Bug", "Task"]);
    let world = World::of(serde_json::from_value(raw).unwrap());
    let issues = world.issues();
    let fields = [
        ("title", text("New")),
        ("type", text("Epic")),
        ("labels", set(&["bug"])),
    ];
    let ack = one(&issues, write("o1", new_issue(&fields, "x")))
        .await
        .unwrap();
    assert!(ack.notes["incomplete"].contains("type"), "{:?}", ack.notes);
    assert_eq!(ack.notes.get("dropped"), None, "{:?}", ack.notes);
    let snapshot = ack.snapshot.unwrap();
    assert_eq!(field(&snapshot, "type"), &Value::Null);
    assert_eq!(field(&snapshot, "labels"), &set(&["bug"]));
    world.tick();
    for (title, kind, refused) in [("A", "Epic", true), ("B", "Task", false)] {
        let now = field(&issues.read(&issue(1), false).await.unwrap(), "title").clone();
        let fields = [
            ("title", now, text(title)),
            ("type", Value::Null, text(kind)),
        ];
        let ack = one(&issues, write(title, change(1, &fields, None)))
            .await
            .unwrap();
        assert_eq!(ack.refused.contains_key("type"), refused, "{ack:?}");
        let snapshot = ack.snapshot.unwrap();
        assert_eq!(field(&snapshot, "title"), &text(title));
        let want = if refused { Value::Null } else { text(kind) };
        assert_eq!(field(&snapshot, "type"), &want);
    }
    // Alone.
    let action = change(1, &[("type", text("Task"), text("Epic"))], None);
    let ack = one(&issues, write("o4", action)).await.unwrap();
    assert!(
        ack.refused["type"].contains("issue types of the organization"),
        "{ack:?}"
    );
    assert_eq!(field(&ack.snapshot.unwrap(), "type"), &text("Task"));
}

#[tokio::test]
async fn a_server_that_knows_no_sub_issues_shows_none_rather_than_nothing() {
    let (world, _) = with_issues(1);
    let issues = world.issues_by(std::sync::Arc::new(Older(world.send())));
    let read = issues.read(&issue(1), false).await.unwrap();
    assert!(matches!(&read.fields["parent"], Field::Unread(why) if why.contains("does not say")));
    let action = turn(1, &Value::Null, &id(1));
    assert_eq!(
        one(&issues, write("o1", action)).await.unwrap_err().kind(),
        ErrorKind::Invalid
    );
}

/// Leaves out what came with sub-issues.
#[derive(Debug)]
struct Older(std::sync::Arc<dyn notion_sync_core::http::HttpSend>);

#[async_trait::async_trait]
impl notion_sync_core::http::HttpSend for Older {
    async fn send(
        &self,
        request: notion_sync_core::http::Request,
    ) -> Result<notion_sync_core::http::Response, notion_sync_core::http::SendError> {
        let response = self.0.send(request).await?;
        let (parts, body) = response.into_parts();
        let body = match serde_json::from_slice::<serde_json::Value>(&body) {
            Ok(serde_json::Value::Object(mut all)) => {
                all.remove("parent_issue_url");
                all.remove("sub_issues_summary");
                serde_json::to_vec(&all).unwrap().into()
            }
            _ => body,
        };
        Ok(notion_sync_core::http::Response::from_parts(parts, body))
    }
}
