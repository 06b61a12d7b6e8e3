//! Issues: reading and writing.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Duration};
use notion_sync_core::ErrorKind;
use notion_sync_core::bounds::Bounds;
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_core::remote::{Action, Cursor, ListRequest, Remote as _, WriteKind};
use notion_sync_core::snapshot::Content;
use notion_sync_core::value::Value;
use notion_sync_github::{
    BOOKKEEPING_PAGE, BOOKKEEPING_REVISION, GithubIssues, MAX_BODY_BYTES, reference,
};
use std::collections::BTreeMap;

use crate::support::*;

async fn created(
    world: &World,
    issues: &GithubIssues,
    fields: &[(&str, Value)],
    text: &str,
) -> u64 {
    let mut all = vec![("title", crate::support::text("Plan"))];
    all.extend(fields.iter().cloned());
    let ack = one(issues, write("create-1", new_issue(&all, text)))
        .await
        .unwrap();
    world.tick();
    reference::parse_numbered(&ack.snapshot.unwrap().object)
        .unwrap()
        .1
}

/// A way on which the service says that it is earlier.
#[derive(Debug)]
struct Behind(Arc<dyn HttpSend>, Duration);

#[async_trait]
impl HttpSend for Behind {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let mut response = self.0.send(request).await?;
        if let Some(date) = response.headers_mut().get_mut("date") {
            let told = DateTime::parse_from_rfc2822(date.to_str().unwrap()).unwrap();
            *date = (told - self.1).to_rfc2822().parse().unwrap();
        }
        Ok(response)
    }
}

/// Whether the second of an edit is over is told by who tells the second.
#[tokio::test]
async fn a_clock_that_is_ahead_does_not_end_the_second_of_an_edit() {
    let world = World::new();
    let number = created(&world, &world.issues(), &[], "Text\n").await;
    world.clock.advance(Duration::minutes(5));
    let slack = Bounds::default().settle();
    for (behind, settled) in [(0, true), (60, true), (300, false)] {
        let way = Behind(world.send(), Duration::seconds(behind));
        let issues = world.issues_by(Arc::new(way));
        let read = issues.read(&issue(number), false).await.unwrap();
        assert_eq!(read.is_settled(slack), settled, "{behind} s behind");
    }
}

#[tokio::test]
async fn a_new_issue_carries_page_operation_and_link() {
    let world = World::new();
    let issues = world.issues();
    let fields = [
        ("title", text("Plan")),
        ("labels", set(&["bug", "fresh label", "docs"])),
        ("assignees", set(&["bob", "carol"])),
        ("milestone", text("v1")),
        ("state", text("closed")),
        ("state_reason", text("not_planned")),
    ];
    let before = world.mark();
    let ack = one(
        &issues,
        write("create-1", new_issue(&fields, "The **plan**\n")),
    )
    .await
    .unwrap();
    assert_eq!(ack.notes.get("dropped"), None, "{:?}", ack.notes);
    assert_eq!(ack.notes.get("incomplete"), None);
    let snapshot = ack.snapshot.unwrap();
    assert_eq!(snapshot.object, issue(1));
    assert_eq!(snapshot.place.as_deref(), Some(REPO));
    assert_eq!(body(&snapshot), "The **plan**\n");
    assert_eq!(
        field(&snapshot, "labels"),
        &set(&["Docs", "bug", "fresh label"])
    );
    assert_eq!(field(&snapshot, "assignees"), &set(&["bob", "carol"]));
    assert_eq!(field(&snapshot, "milestone"), &text("v1"));
    assert_eq!(field(&snapshot, "state"), &text("closed"));
    assert_eq!(field(&snapshot, "state_reason"), &text("not_planned"));
    assert_eq!(snapshot.marker.counterpart.as_deref(), Some("page-1"));
    assert_eq!(
        snapshot.marker.created_by.as_ref().unwrap().as_str(),
        "create-1"
    );
    assert_eq!(
        snapshot.bookkeeping[BOOKKEEPING_REVISION],
        "2026-11-18T01:46:00.000Z"
    );
    assert_eq!(snapshot.revision.grain_seconds, 1);
    let view = world.hub().issue(REPO, 1).unwrap();
    let stored = view.body.unwrap();
    assert!(
        stored.starts_with("<!-- notion-sync\nNotion-Page-ID: page-1\nLast-Notion-Revision: 2026-11-18T01:46:00.000Z\nSync-Op: create-1\n-->\n[Open in Notion](https://www.notion.so/page-1)\n\nThe **plan**"),
        "{stored}"
    );
    let posts = world
        .asked(before)
        .iter()
        .filter(|line| line.starts_with("POST /repositories/100/issues "))
        .count();
    assert_eq!(posts, 1);
    let read = issues.read(&issue(1), true).await.unwrap();
    assert_eq!(
        (read.fields, read.content, read.marker),
        (snapshot.fields, snapshot.content, snapshot.marker)
    );
}

#[tokio::test]
async fn one_bad_assignee_does_not_fail_the_create() {
    let world = World::new();
    let issues = world.issues();
    let fields = [
        ("title", text("Plan")),
        ("assignees", set(&["bob", "nobody-here"])),
    ];
    let ack = one(&issues, write("o1", new_issue(&fields, "x")))
        .await
        .unwrap();
    assert_eq!(ack.notes["dropped"], "assignees: nobody-here");
    assert_eq!(field(&ack.snapshot.unwrap(), "assignees"), &set(&["bob"]));
}

/// GitHub takes no label of more than 50 characters; in Notion an option may have 100.
#[tokio::test]
async fn a_label_that_cannot_be_holds_up_nothing_else() {
    let world = World::new();
    let issues = world.issues();
    let long = "l".repeat(51);
    let fields = [
        ("title", text("Plan")),
        ("labels", set(&["bug", long.as_str()])),
    ];
    let ack = one(&issues, write("o1", new_issue(&fields, "x")))
        .await
        .unwrap();
    assert_eq!(ack.notes["dropped"], format!("labels: {long}"));
    let snapshot = ack.snapshot.unwrap();
    assert_eq!(field(&snapshot, "labels"), &set(&["bug"]));
    let longer = "m".repeat(60);
    let changes = [
        ("title", text("Plan"), text("Plans")),
        ("labels", set(&["bug"]), set(&["docs", longer.as_str()])),
    ];
    let ack = one(&issues, write("o2", change(1, &changes, None)))
        .await
        .unwrap();
    assert_eq!(ack.notes["dropped"], format!("labels: {longer}"));
    let snapshot = ack.snapshot.unwrap();
    assert_eq!(field(&snapshot, "title"), &text("Plans"));
    assert_eq!(field(&snapshot, "labels"), &set(&["Docs"]));
}

#[tokio::test]
async fn what_is_dropped_silently_is_reported() {
    let world = World::new();
    let issues = GithubIssues::new(world.client_of("github_pat_mallory"), &[(REPO, None)]).unwrap();
    let fields = [
        ("title", text("Plan")),
        ("labels", set(&["bug"])),
        ("milestone", text("v1")),
        ("assignees", set(&["bob"])),
    ];
    let ack = one(&issues, write("o1", new_issue(&fields, "x")))
        .await
        .unwrap();
    let dropped = format!(
        "{} {}",
        ack.notes["dropped"],
        ack.notes.get("incomplete").map_or("", String::as_str)
    );
    for name in ["labels: bug", "milestone", "assignees"] {
        assert!(dropped.contains(name), "{dropped}");
    }
}

#[tokio::test]
async fn updates_check_what_is_expected_and_write_only_differences() {
    let world = World::new();
    let issues = world.issues();
    let n = created(
        &world,
        &issues,
        &[("labels", set(&["bug"])), ("assignees", set(&["bob"]))],
        "one\n",
    )
    .await;
    let now = world.now();
    world
        .hub()
        .label(REPO, n, "ada", &["bug", "by hand"], now)
        .unwrap();
    let action = change(
        n,
        &[
            ("title", text("Plan"), text("Plan 2")),
            ("labels", set(&["bug"]), set(&["docs"])),
            ("assignees", set(&["bob"]), set(&["carol"])),
            ("state", text("open"), text("closed")),
            ("state_reason", Value::Null, text("completed")),
            ("milestone", Value::Null, text("v2")),
        ],
        Some(("one\n", "two\n")),
    );
    assert_eq!(issues.kind(&action), WriteKind::Set);
    let mark = world.mark();
    let ack = one(&issues, write("up-1", action.clone())).await.unwrap();
    assert!(ack.notes.is_empty(), "{:?}", ack.notes);
    let snapshot = ack.snapshot.unwrap();
    assert_eq!(field(&snapshot, "title"), &text("Plan 2"));
    assert_eq!(
        field(&snapshot, "labels"),
        &set(&["Docs", "by hand"]),
        "labels of people stay"
    );
    assert_eq!(field(&snapshot, "assignees"), &set(&["carol"]));
    assert_eq!(field(&snapshot, "milestone"), &text("v2"));
    assert_eq!(field(&snapshot, "state"), &text("closed"));
    assert_eq!(body(&snapshot), "two\n");
    assert_eq!(
        snapshot.marker.created_by.as_ref().unwrap().as_str(),
        "create-1"
    );
    assert_eq!(
        snapshot.marker.written_by.as_ref().unwrap().as_str(),
        "up-1"
    );
    assert_eq!(
        world
            .asked(mark)
            .iter()
            .filter(|line| line.starts_with("PATCH"))
            .count(),
        1
    );
    let view = world.hub().issue(REPO, n).unwrap();
    assert_eq!((view.title.as_str(), view.open), ("Plan 2", false));
    assert_eq!(view.labels, ["by hand", "Docs"]);
    // The same again changes nothing.
    let mark = world.mark();
    one(&issues, write("up-1", action)).await.unwrap();
    assert!(
        world.asked(mark).iter().all(|line| line.starts_with("GET")),
        "{:?}",
        world.asked(mark)
    );
}

#[tokio::test]
async fn an_unexpected_value_stops_the_whole_update() {
    let world = World::new();
    let issues = world.issues();
    let n = created(&world, &issues, &[], "one\n").await;
    let now = world.now();
    world.hub().retitle(REPO, n, "ada", "Hers", now).unwrap();
    let both = change(
        n,
        &[("title", text("Plan"), text("Mine"))],
        Some(("one\n", "two\n")),
    );
    let error = one(&issues, write("o", both)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale);
    assert!(error.to_string().contains("field title"), "{error}");
    let other = change(n, &[], Some(("something else", "two\n")));
    let error = one(&issues, write("o", other)).await.unwrap_err();
    assert!(
        error.kind() == ErrorKind::Stale && error.to_string().contains("field body"),
        "{error}"
    );
    let view = world.hub().issue(REPO, n).unwrap();
    assert_eq!(view.title, "Hers");
    assert!(view.body.unwrap().ends_with("one\n"));
}

#[tokio::test]
async fn wrong_values_name_their_field() {
    let world = World::new();
    let issues = world.issues();
    let n = created(&world, &issues, &[], "one\n").await;
    for (name, from, to, kind) in [
        ("title", text("Plan"), Value::Null, ErrorKind::Invalid),
        (
            "title",
            text("Plan"),
            text(&"x".repeat(300)),
            ErrorKind::Invalid,
        ),
        ("state", text("open"), text("ajar"), ErrorKind::Invalid),
        ("milestone", Value::Null, text("v9"), ErrorKind::Blocked),
        ("colour", Value::Null, text("red"), ErrorKind::Invalid),
        (
            "state_reason",
            Value::Null,
            text("boredom"),
            ErrorKind::Invalid,
        ),
    ] {
        let error = one(&issues, write("o", change(n, &[(name, from, to)], None)))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    let long = "x".repeat(MAX_BODY_BYTES);
    let error = one(&issues, write("o", change(n, &[], Some(("one\n", &long)))))
        .await
        .unwrap_err();
    assert!(
        error.kind() == ErrorKind::Invalid && error.to_string().contains("limit is 60000"),
        "{error}"
    );
    let error = one(
        &issues,
        write("o", new_issue(&[("title", text("t"))], &long)),
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let now = world.now();
    let large = "y".repeat(61_000);
    let n = world
        .hub()
        .open_issue(REPO, "ada", "Long", Some(&large), now)
        .unwrap();
    let read = issues.read(&issue(n), true).await.unwrap();
    assert_eq!(
        read.content,
        Content::Unusable("the body has 61000 bytes, the limit is 60000".to_owned())
    );
}

#[tokio::test]
async fn text_of_a_page_does_not_act_and_comes_back_unchanged() {
    let world = World::new();
    let issues = world.issues();
    let wild = "Ping @ada, fixes #1\r\n\n```\n@code closes #2\n```\nmail a@b.c";
    let n = created(&world, &issues, &[], wild).await;
    let stored = world.hub().issue(REPO, n).unwrap().body.unwrap();
    assert!(
        !stored.contains("@ada") && !stored.contains("fixes #1"),
        "{stored}"
    );
    assert!(stored.contains("@code closes #2"));
    let clean = wild.replace("\r\n", "\n");
    assert_eq!(body(&issues.read(&issue(n), true).await.unwrap()), clean);
    let next = format!("{clean}\nresolves acme/backlog#3");
    one(&issues, write("o", change(n, &[], Some((&clean, &next)))))
        .await
        .unwrap();
    let comment = Action::Comment {
        object: issue(n),
        text: "see @team, closes #4".to_owned(),
    };
    assert_eq!(issues.kind(&comment), WriteKind::UnnamedCreate);
    one(&issues, write("c-1", comment)).await.unwrap();
    let view = world.hub().issue(REPO, n).unwrap();
    assert!(!view.body.unwrap().contains("resolves acme"));
    let said = &view.comments[0].1;
    assert!(said.starts_with("<!-- notion-sync op: c-1 -->\n"), "{said}");
    assert!(
        !said.contains("@team") && !said.contains("closes #4"),
        "{said}"
    );
}

#[tokio::test]
async fn bodies_of_people_are_read_with_plain_line_ends() {
    let world = World::new();
    let issues = world.issues();
    let now = world.now();
    let n = world
        .hub()
        .open_issue(REPO, "ada", "Hers", Some("one\r\ntwo\r\n"), now)
        .unwrap();
    assert_eq!(
        body(&issues.read(&issue(n), true).await.unwrap()),
        "one\ntwo\n"
    );
    let lone = "<!-- Notion-Page-ID: abc -->\r\ntext";
    let n = world
        .hub()
        .open_issue(REPO, "ada", "Hers", Some(lone), now)
        .unwrap();
    let read = issues.read(&issue(n), true).await.unwrap();
    assert_eq!(
        (body(&read), read.marker.counterpart.as_deref()),
        ("text", Some("abc"))
    );
    let newer = "<!-- notion-sync v3\nNotion-Page-ID: q\n-->\n\ntext";
    let n = world
        .hub()
        .open_issue(REPO, "ada", "Newer", Some(newer), now)
        .unwrap();
    assert_eq!(
        issues
            .read(&issue(n), true)
            .await
            .unwrap()
            .marker
            .newer_format
            .as_deref(),
        Some("3")
    );
    let error = one(&issues, write("o", change(n, &[], Some(("text", "mine")))))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Blocked);
    let n = world
        .hub()
        .open_issue(REPO, "ada", "None", None, now)
        .unwrap();
    assert_eq!(body(&issues.read(&issue(n), true).await.unwrap()), "");
}

#[tokio::test]
async fn an_issue_says_who_opened_it_and_when() {
    let world = World::new();
    let issues = world.issues();
    let before = world.now();
    let n = created(&world, &issues, &[], "x").await;
    let by_us = issues.read(&issue(n), true).await.unwrap().made.unwrap();
    assert!((before..=world.now()).contains(&by_us.at), "{by_us:?}");
    assert_eq!(by_us.by, "bot");
    world.tick();
    let now = world.now();
    let n = (world.hub().open_issue(REPO, "ada", "Hers", None, now)).unwrap();
    let listing = issues.list(ListRequest {
        cursor: None,
        full: true,
    });
    let items = listing.await.unwrap().items;
    let hers = items.iter().find(|item| item.object == issue(n)).unwrap();
    let made = hers.made.clone().unwrap();
    assert_eq!(made.by, "ada");
    assert!(made.at > by_us.at);
}

#[tokio::test]
async fn removal_closes_and_restoring_reopens() {
    let world = World::new();
    let issues = world.issues();
    let n = created(&world, &issues, &[], "x").await;
    let seen = issues.read(&issue(n), false).await.unwrap().revision.token;
    world.tick();
    let now = world.now();
    world.hub().comment(REPO, n, "ada", "wait", now).unwrap();
    let stale = one(
        &issues,
        write(
            "r",
            Action::Remove {
                object: issue(n),
                expected: seen,
            },
        ),
    )
    .await;
    assert_eq!(stale.unwrap_err().kind(), ErrorKind::Stale);
    let seen = issues.read(&issue(n), false).await.unwrap().revision.token;
    let remove = write(
        "r",
        Action::Remove {
            object: issue(n),
            expected: seen,
        },
    );
    let ack = one(&issues, remove.clone()).await.unwrap();
    assert_eq!(
        field(&ack.snapshot.unwrap(), "state_reason"),
        &text("not_planned")
    );
    one(&issues, remove).await.unwrap();
    let ack = one(&issues, write("b", Action::Restore { object: issue(n) }))
        .await
        .unwrap();
    assert_eq!(field(&ack.snapshot.unwrap(), "state"), &text("open"));
}

#[tokio::test]
async fn bookkeeping_goes_around_the_text() {
    let world = World::new();
    let issues = world.issues();
    let now = world.now();
    let n = world
        .hub()
        .open_issue(REPO, "ada", "Hers", Some("her text\r\n"), now)
        .unwrap();
    let fields = BTreeMap::from([
        (BOOKKEEPING_PAGE.to_owned(), "p9".to_owned()),
        (BOOKKEEPING_REVISION.to_owned(), "r9".to_owned()),
    ]);
    let mark = write(
        "b-1",
        Action::Bookkeep {
            object: issue(n),
            fields: fields.clone(),
        },
    );
    one(&issues, mark.clone()).await.unwrap();
    let read = issues.read(&issue(n), true).await.unwrap();
    assert_eq!(body(&read), "her text\n");
    // Besides what was written, the issue says itself where it is.
    let mut shown = fields;
    shown.insert("number".to_owned(), n.to_string());
    shown.insert("repository".to_owned(), REPO.to_owned());
    shown.insert("state".to_owned(), "open".to_owned());
    assert_eq!(read.bookkeeping, shown);
    let at = world.mark();
    one(&issues, mark).await.unwrap();
    assert!(world.asked(at).iter().all(|line| line.starts_with("GET")));
}

#[tokio::test]
async fn a_busy_hour_is_not_listed_for_ever() {
    let world = World::new();
    for number in 0..250 {
        let now = world.now();
        world
            .hub()
            .open_issue(REPO, "ada", &format!("Many {number}"), None, now)
            .unwrap();
    }
    let issues = world.issues();
    let since = |cursor: &Cursor| ListRequest {
        cursor: Some(cursor.clone()),
        full: false,
    };
    let all = ListRequest {
        cursor: None,
        full: true,
    };
    let first = issues.list(all).await.unwrap();
    assert!(first.items.len() >= 250);
    world.clock.advance(Duration::hours(2));
    let second = issues.list(since(&first.cursor)).await.unwrap();
    let third = issues.list(since(&second.cursor)).await.unwrap();
    assert!(third.items.is_empty(), "{}", third.items.len());
    let mark = world.mark();
    let fourth = issues.list(since(&third.cursor)).await.unwrap();
    assert_eq!(world.asked(mark).len(), 1);
    assert_eq!(fourth.cursor, third.cursor, "asked again for free");
    // A change that shows up late, but within the bound, is still found.
    let now = world.now();
    world
        .hub()
        .rewrite(REPO, 1, "ada", Some("late"), now)
        .unwrap();
    world.clock.advance(Duration::minutes(15));
    let late = issues.list(since(&fourth.cursor)).await.unwrap();
    assert_eq!(late.items.len(), 1);
    // Once listings were seen to lag for hours, each goes back so far.
    issues.lags(2 * 60 * 60);
    let again = issues.list(since(&late.cursor)).await.unwrap();
    assert!(again.items.len() >= 250, "{}", again.items.len());
}

#[tokio::test]
async fn what_only_the_service_says_is_shown_and_refused() {
    let world = World::new();
    let issues = world.issues();
    let fields = [("state", text("closed"))];
    let n = created(&world, &issues, &fields, "one\n").await;
    let snapshot = issues.read(&issue(n), true).await.unwrap();
    let opened = field(&snapshot, "created_at").clone();
    assert!(opened.as_text().unwrap().ends_with('Z'), "{opened:?}");
    assert!(!field(&snapshot, "closed_at").is_empty());
    assert_eq!(field(&snapshot, "author"), &text("bot"));
    for name in ["created_at", "closed_at", "author"] {
        let held = field(&snapshot, name).clone();
        let action = change(n, &[(name, held, text("2020-01-01"))], None);
        let error = one(&issues, write("up-1", action)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{name}");
    }
    let reopen = change(n, &[("state", text("closed"), text("open"))], None);
    let ack = one(&issues, write("up-2", reopen)).await.unwrap();
    assert_eq!(field(&ack.snapshot.unwrap(), "closed_at"), &Value::Null);
}

/// A change may name a part of the labels: nothing is said about the others.
#[tokio::test]
async fn labels_that_a_change_does_not_name_stay() {
    let world = World::new();
    let issues = world.issues();
    let all = [("labels", set(&["bug", "priority/high", "area/ui"]))];
    let n = created(&world, &issues, &all, "one\n").await;
    let action = change(
        n,
        &[("labels", set(&["priority/high"]), set(&["priority/low"]))],
        None,
    );
    let ack = one(&issues, write("up-1", action)).await.unwrap();
    assert!(ack.notes.is_empty(), "{:?}", ack.notes);
    assert_eq!(
        field(&ack.snapshot.unwrap(), "labels"),
        &set(&["area/ui", "bug", "priority/low"])
    );
}
