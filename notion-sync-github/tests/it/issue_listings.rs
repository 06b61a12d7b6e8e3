//! Issues: listings, absence, several repositories, schema.

use chrono::Duration;
use notion_sync_core::ErrorKind;
use notion_sync_core::remote::{Cursor, ListRequest, Remote as _};
use notion_sync_core::snapshot::{Presence, Proof};
use notion_sync_github::{GithubIssues, reference};
use notion_sync_testkit::emulator::{Emulator as _, Fault, FaultRule};
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn listings_continue_and_rest_for_one_request() {
    let world = World::new();
    let issues = world.issues();
    for title in ["a", "b"] {
        world.clock.advance(Duration::hours(1));
        let now = world.now();
        world
            .hub()
            .open_issue(REPO, "ada", title, None, now)
            .unwrap();
    }
    let first = list(&issues, None, false).await;
    assert_eq!(first.items.len(), 2);
    world.clock.advance(Duration::hours(2));
    let now = world.now();
    world.hub().close(REPO, 2, "ada", None, now).unwrap();
    let second = list(&issues, Some(first.cursor), false).await;
    assert_eq!(second.items.len(), 1, "only what changed, with closed ones");
    assert_eq!(second.items[0].object, issue(2));
    assert_eq!(field(&second.items[0], "state"), &text("closed"));
    // Once to learn the tag for the new start, then for free.
    let third = list(&issues, Some(second.cursor), false).await;
    let mut cursor = third.cursor;
    for _ in 0..3 {
        world.clock.advance(Duration::hours(1));
        let mark = world.mark();
        let quiet = list(&issues, Some(cursor), false).await;
        let asked = world.asked(mark);
        assert_eq!(asked.len(), 1);
        assert!(
            asked[0].ends_with(" 304") && asked[0].contains("state=all"),
            "{asked:?}"
        );
        assert!(quiet.items.is_empty());
        cursor = quiet.cursor;
    }
    world.tick();
    let now = world.now();
    world.hub().comment(REPO, 1, "ada", "hello", now).unwrap();
    assert!(
        list(&issues, Some(cursor), false)
            .await
            .items
            .iter()
            .any(|item| item.object == issue(1))
    );
}

/// Many in one second, so that pages end inside a second too.
fn open_issues(world: &World, count: usize, in_a_second: usize) {
    for n in 0..count {
        if n % in_a_second == 0 {
            world.tick();
        }
        let now = world.now();
        world
            .hub()
            .open_issue(REPO, "ada", &format!("issue {n}"), None, now)
            .unwrap();
    }
}

#[tokio::test]
async fn pages_do_not_lose_what_moves_between_them() {
    let world = World::new();
    let issues = world.issues();
    open_issues(&world, 350, 130);
    let listing = list(&issues, None, true).await;
    assert_eq!(listing.items.len(), 350);
    let numbers: Vec<u64> = listing
        .items
        .iter()
        .map(|item| reference::parse_numbered(&item.object).unwrap().1)
        .collect();
    assert_eq!(numbers, (1..=350).collect::<Vec<_>>());
}

/// How many entries a page has says nothing about whether it is the last one; `Link` does.
#[tokio::test]
async fn pages_may_be_shorter_than_was_asked_for() {
    for size in [1, 2, 3] {
        let world = World::new();
        open_issues(&world, 7, 3);
        let shorten: Meddle = Box::new(move |request, _| {
            let uri = request.uri().to_string();
            let short = uri.replace("per_page=100", &format!("per_page={size}"));
            *request.uri_mut() = short.parse().unwrap();
        });
        let issues = world.issues_by(Meanwhile::send(&world, shorten));
        let listing = list(&issues, None, true).await;
        assert_eq!(listing.items.len(), 7, "{size}");
        // What is listed again for free is one page, and the whole of it.
        let quiet = list(&issues, Some(listing.cursor), false).await;
        world.clock.advance(Duration::hours(1));
        let now = world.now();
        world.hub().close(REPO, 7, "ada", None, now).unwrap();
        let news = list(&issues, Some(quiet.cursor), false).await;
        assert!(
            news.items.iter().any(|item| item.object == issue(7)),
            "{size}"
        );
    }
}

#[tokio::test]
async fn pull_requests_are_no_issues() {
    let world = World::new();
    let issues = world.issues();
    let now = world.now();
    let head = world.hub().branches(REPO).unwrap()["main"].to_string();
    world
        .hub()
        .reset_branch(REPO, "topic", &head, "ada", now)
        .unwrap();
    world
        .hub()
        .commit(REPO, "topic", "ada", "x", &[("docs/t.md", Some("t"))], now)
        .unwrap();
    let n = world
        .hub()
        .open_pull(REPO, "ada", &pull_form("PR", "topic"), now)
        .unwrap();
    assert!(list(&issues, None, true).await.items.is_empty());
    assert!(matches!(
        issues.read(&issue(n), true).await.unwrap().presence,
        Presence::Unread(_)
    ));
    let error = one(
        &issues,
        write("o", change(n, &[("title", text("PR"), text("x"))], None)),
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale);
}

#[tokio::test]
async fn absence_is_told_apart() {
    let world = World::new();
    let issues = world.issues();
    let now = world.now();
    for title in ["a", "b", "c"] {
        world
            .hub()
            .open_issue(REPO, "ada", title, None, now)
            .unwrap();
    }
    world.hub().delete_issue(REPO, 1).unwrap();
    let target = world
        .hub()
        .transfer_issue(REPO, 2, "acme/backlog", "ada", now)
        .unwrap();
    let presence = |n: u64| {
        let issues = &issues;
        async move { issues.read(&issue(n), true).await.unwrap().presence }
    };
    assert_eq!(presence(1).await, Presence::Gone(Proof::Deleted));
    assert_eq!(
        presence(2).await,
        Presence::MovedOut(format!("acme/backlog#{target}"))
    );
    assert_eq!(presence(3).await, Presence::Present);
    assert_eq!(presence(99).await, Presence::Missing);
    let error = one(
        &issues,
        write("o", change(2, &[("title", text("b"), text("x"))], None)),
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale);
}

/// An issue that was transferred more than once leads from one repository to the next.
#[tokio::test]
async fn an_issue_is_followed_through_several_transfers() {
    let mut seed = handbook();
    for (number, name) in (201..207).zip('a'..) {
        seed.repositories.push(
            serde_json::from_value(json!({
                "full_name": format!("acme/{name}"), "id": number,
                "collaborators": {"bot": "write"}, "files": {"x.md": "x\n"},
            }))
            .unwrap(),
        );
    }
    let world = World::of(seed);
    let issues = world.issues();
    let now = world.now();
    let mut number = world
        .hub()
        .open_issue(REPO, "ada", "wanderer", None, now)
        .unwrap();
    let first = number;
    let mut place = REPO.to_owned();
    for name in 'a'..='f' {
        let next = format!("acme/{name}");
        number = world
            .hub()
            .transfer_issue(&place, number, &next, "ada", now)
            .unwrap();
        place = next;
        let found = issues.read(&issue(first), true).await;
        if name == 'f' {
            // Six times: nobody does that, and a service that leads in circles is not followed for ever.
            assert_eq!(found.unwrap_err().kind(), ErrorKind::Invalid);
        } else {
            let there = Presence::MovedOut(format!("{place}#{number}"));
            assert_eq!(found.unwrap().presence, there);
        }
    }
}

#[tokio::test]
async fn several_repositories_share_one_cursor() {
    let world = World::new();
    let issues = GithubIssues::new(
        world.client(),
        &[(REPO, Some(REPO_ID)), ("acme/backlog", None)],
    )
    .unwrap();
    let now = world.now();
    world
        .hub()
        .open_issue(REPO, "ada", "here", None, now)
        .unwrap();
    world
        .hub()
        .open_issue("acme/backlog", "ada", "there", None, now)
        .unwrap();
    let listing = list(&issues, None, false).await;
    let places: Vec<String> = listing
        .items
        .iter()
        .filter_map(|item| item.place.clone())
        .collect();
    assert_eq!(places, [REPO, "acme/backlog"]);
    let unplaced = one(&issues, write("o", new_issue(&[("title", text("t"))], "")))
        .await
        .unwrap_err();
    assert_eq!(unplaced.kind(), ErrorKind::Invalid);
    let pinned = GithubIssues::new(world.client(), &[(REPO, Some(4))]).unwrap();
    assert_eq!(
        pinned.schema().await.unwrap_err().kind(),
        ErrorKind::Configuration
    );
}

/// A mark that GitHub's clock has not reached would show nothing until then.
#[tokio::test]
async fn a_cursor_ahead_of_the_service_is_told_and_hides_no_edit() {
    let world = World::new();
    let issues = world.issues();
    let now = world.now();
    (world.hub().open_issue(REPO, "ada", "one", None, now)).unwrap();
    let first = list(&issues, None, false).await;
    let mut position: serde_json::Value = serde_json::from_str(&first.cursor.0).unwrap();
    position["repositories"][REPO_ID.to_string()] = json!({"updated": "2099-01-01T00:00:00Z"});
    let ahead = Cursor(position.to_string());
    world.tick();
    let now = world.now();
    world.hub().close(REPO, 1, "ada", None, now).unwrap();
    world.tick();
    let second = list(&issues, Some(ahead), false).await;
    assert_eq!(second.items.len(), 1);
    assert_eq!(field(&second.items[0], "state"), &text("closed"));
    assert!(!second.cursor.0.contains("2099"), "{}", second.cursor.0);
    assert_eq!(second.alerts.len(), 1);
    assert!(second.alerts[0].contains(REPO), "{:?}", second.alerts);
    let third = list(&issues, Some(second.cursor), false).await;
    assert_eq!(third.alerts, Vec::<String>::new());
}

/// Issues that were switched off, or that GitHub withholds.
#[tokio::test]
async fn one_repository_that_is_withheld_does_not_stop_the_others() {
    let world = World::new();
    let names = [(REPO, None), ("acme/backlog", None)];
    let issues = GithubIssues::new(world.client(), &names).unwrap();
    let now = world.now();
    for repository in [REPO, "acme/backlog"] {
        (world.hub().open_issue(repository, "ada", "one", None, now)).unwrap();
    }
    let all = list(&issues, None, true).await;
    assert_eq!(all.items.len(), 2);
    world.tick();
    world.hub().faults().push(FaultRule {
        method: "GET".to_owned(),
        path_contains: "/repositories/101/issues".to_owned(),
        skip: 0,
        times: 2,
        fault: Fault::Refuse {
            status: 451,
            retry_after: None,
        },
    });
    let now = world.now();
    world.hub().close(REPO, 1, "ada", None, now).unwrap();
    let some = list(&issues, Some(all.cursor), true).await;
    assert_eq!(some.items.len(), 1);
    assert_eq!(some.items[0].object, issue(1));
    let error = issues.read(&reference::issue(101, 1), true).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Blocked);
    // Alone it is all there is.
    world.hub().faults().push(FaultRule {
        method: "GET".to_owned(),
        path_contains: "/repositories/101/issues".to_owned(),
        skip: 0,
        times: 1,
        fault: Fault::Refuse {
            status: 451,
            retry_after: None,
        },
    });
    let alone = GithubIssues::new(world.client(), &names[1..]).unwrap();
    let request = ListRequest {
        cursor: None,
        full: true,
    };
    assert_eq!(
        alone.list(request).await.unwrap_err().kind(),
        ErrorKind::Blocked
    );
    // It goes on where it ended.
    (world
        .hub()
        .open_issue("acme/backlog", "ada", "two", None, now))
    .unwrap();
    let back = list(&issues, Some(some.cursor), false).await;
    assert!(
        back.items
            .iter()
            .any(|item| item.object == reference::issue(101, 2))
    );
}

#[tokio::test]
async fn the_schema_names_options() {
    let world = World::new();
    let mark = world.mark();
    let schema = world.issues().schema().await.unwrap();
    // Types are listed whole: GitHub describes no pages of them.
    let asked = world.asked(mark);
    let types: Vec<_> = asked.iter().filter(|one| one.contains("types")).collect();
    assert!(
        types.len() == 1 && types[0].contains("/issue-types "),
        "{asked:?}"
    );
    let names = |field: &str| -> Vec<String> {
        schema.fields[field]
            .options
            .iter()
            .map(|(name, _)| name.clone())
            .collect()
    };
    assert_eq!(names("labels"), ["Docs", "bug"]);
    assert_eq!(names("milestone"), ["v1", "v2"]);
    assert_eq!(
        names("state"),
        ["open", "closed"]
            .map(str::to_owned)
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
    );
    assert_eq!(schema.fields.len(), 11);
}
