//! Fields of a project as fields of issues, against the emulator.

use chrono::Duration;
use notion_sync_core::ErrorKind;
use notion_sync_core::remote::{Ack, Action, Listing, Remote as _, Trace};
use notion_sync_core::snapshot::{Content, Field, Presence, Snapshot};
use notion_sync_core::value::Value;
use notion_sync_github::{GithubIssues, ProjectSettings, project_attribute};
use notion_sync_testkit::emulator::{Emulator as _, Fault, FaultRule};
use serde_json::json;

use crate::effects_project::{PLAN, planned, planned_with, stands};
use crate::support::*;

const FIELDS: [&str; 5] = ["Due", "Note", "Points", "Sprint", "Status"];

fn settings() -> ProjectSettings {
    ProjectSettings {
        project: "acme/3".to_owned(),
        fields: FIELDS.map(str::to_owned).into(),
        add: true,
        page_id: None,
    }
}

pub(crate) fn with(world: &World, change: impl FnOnce(&mut ProjectSettings)) -> GithubIssues {
    let mut settings = settings();
    change(&mut settings);
    world.issues().with_project(settings).unwrap()
}

pub(crate) fn issues(world: &World) -> GithubIssues {
    with(world, |_| {})
}

pub(crate) fn shown<'a>(snapshot: &'a Snapshot, name: &str) -> &'a Field {
    &snapshot.fields[&project_attribute(name)]
}

/// A change of one field.
fn change_of(name: &str, expected: Value, desired: Value) -> Action {
    change(1, &[(&project_attribute(name), expected, desired)], None)
}

async fn set_to(issues: &GithubIssues, name: &str, from: Value, to: Value) -> Ack {
    let write = write("w1", change_of(name, from, to));
    one(issues, write).await.unwrap()
}

fn number(text: &str) -> Value {
    Value::Number(text.to_owned())
}

pub(crate) fn by_hand(world: &World, field: &str, value: &str) {
    let now = world.now();
    let mut hub = world.hub();
    hub.add_to_project(PLAN, REPO, 1, "ada", now).unwrap();
    hub.set_project_field(PLAN, (REPO, 1), (field, value), "ada", now)
        .unwrap();
}

fn effects(world: &World, mark: u64) -> usize {
    let hub = world.hub();
    hub.log().since(mark).filter(|entry| entry.effect).count()
}

pub(crate) fn only(listing: &Listing) -> &Snapshot {
    assert_eq!(listing.items.len(), 1);
    &listing.items[0]
}

#[tokio::test]
async fn every_kind_is_read_listed_written_and_cleared() {
    for (name, first, second, stood) in [
        ("Status", text("Todo"), text("Done"), "Done"),
        ("Sprint", text("Sprint 2"), text("Sprint 1"), "Sprint 1"),
        ("Due", text("2026-12-24"), text("2027-01-01"), "2027-01-01"),
        ("Points", number("2.5"), number("3"), "3"),
        ("Note", text("soon"), text("later"), "later"),
    ] {
        let world = planned();
        let issues = issues(&world);
        let before = issues.read(&issue(1), true).await.unwrap();
        assert_eq!(shown(&before, name), &Field::Vacant(None), "{name}");
        assert_eq!(only(&list(&issues, None, true).await), &before);
        let mut last = Value::Null;
        for value in [first, second, Value::Null] {
            let mark = world.mark();
            let ack = set_to(&issues, name, last.clone(), value.clone()).await;
            // The item comes with the first.
            let writes = if last.is_empty() { 2 } else { 1 };
            assert_eq!(effects(&world, mark), writes, "{name} {value:?}");
            let answer = ack.snapshot.unwrap();
            assert_eq!(shown(&answer, name), &Field::Value(value.clone()));
            let read = issues.read(&issue(1), true).await.unwrap();
            assert_eq!(shown(&read, name), &Field::Value(value.clone()), "{name}");
            let all = list(&issues, None, true).await;
            assert_eq!(only(&all), &read, "listed as it is read");
            if !value.is_empty() && last != Value::Null {
                assert_eq!(stands(&world, PLAN, name).as_deref(), Some(stood));
            }
            // Once more changes nothing.
            let mark = world.mark();
            set_to(&issues, name, last, value.clone()).await;
            assert_eq!(effects(&world, mark), 0, "{name} {value:?}");
            last = value;
        }
        assert_eq!(stands(&world, PLAN, name), None);
        for (other, field) in FIELDS.iter().map(|other| (other, shown(&before, other))) {
            assert_eq!(field, &Field::Vacant(None), "{other}");
        }
    }
}

#[tokio::test]
async fn a_change_of_a_field_alone_is_listed_and_costs_one_request_for_each_hundred_items() {
    let world = planned();
    by_hand(&world, "Status", "Todo");
    let issues = issues(&world);
    let first = list(&issues, None, false).await;
    let known = only(&first).revision.clone();
    let mut cursor = first.cursor;
    for _ in 0..2 {
        world.clock.advance(Duration::hours(2));
        cursor = list(&issues, Some(cursor), false).await.cursor;
    }
    let mark = world.mark();
    let quiet = list(&issues, Some(cursor), false).await;
    let asked = world.asked(mark);
    assert_eq!(quiet.items, []);
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked.contains(&"POST /graphql 200".to_owned()));
    assert!(asked.iter().any(|line| line.ends_with(" 304")), "{asked:?}");

    by_hand(&world, "Status", "Done");
    let moved = list(&issues, Some(quiet.cursor), false).await;
    let item = only(&moved);
    assert_eq!(item.content, Content::NotRead, "it is only named");
    assert_eq!(item.presence, Presence::Present);
    assert_eq!(
        item.revision.at, known.at,
        "the issue itself did not change"
    );
    assert_ne!(item.revision.token, known.token);
    assert_eq!(shown(item, "Status"), &Field::Value(text("Done")));
    let read = issues.read(&issue(1), true).await.unwrap();
    assert_eq!(read.revision, item.revision);
    // Listed again for a while, and each time as what is known.
    world.clock.advance(Duration::minutes(5));
    let again = list(&issues, Some(moved.cursor), false).await;
    assert_eq!(only(&again).revision, read.revision);
    world.clock.advance(Duration::hours(1));
    let after = list(&issues, Some(again.cursor.clone()), false).await;
    assert_eq!(only(&after).revision, read.revision);
    // Another field of the same item leaves the values alone: the time moves, the revision does not.
    let narrow = with(&world, |settings| {
        settings.fields = ["Status".to_owned()].into()
    });
    let before = narrow.read(&issue(1), true).await.unwrap();
    by_hand(&world, "Note", "hello");
    let same = narrow.read(&issue(1), true).await.unwrap();
    assert_eq!(same.revision, before.revision);
}

#[tokio::test]
async fn items_are_walked_to_the_last_page() {
    let world = planned();
    let now = world.now();
    for n in 2..=230 {
        let mut hub = world.hub();
        let found = hub.open_issue(REPO, "ada", &format!("Task {n}"), None, now);
        assert_eq!(found.unwrap(), n);
        hub.add_to_project(PLAN, REPO, n, "ada", now).unwrap();
    }
    world
        .hub()
        .set_project_field(PLAN, (REPO, 230), ("Points", "8"), "ada", now)
        .unwrap();
    let issues = issues(&world);
    let mark = world.mark();
    let all = list(&issues, None, true).await;
    let asked = world.asked(mark);
    let walked = asked.iter().filter(|line| line.contains("/graphql"));
    assert_eq!(walked.count(), 3, "{asked:?}");
    assert_eq!(all.items.len(), 230);
    let last = all.items.iter().find(|item| item.object == issue(230));
    assert_eq!(shown(last.unwrap(), "Points"), &Field::Value(number("8")));
    let first = all.items.iter().find(|item| item.object == issue(1));
    assert_eq!(shown(first.unwrap(), "Points"), &Field::Vacant(None));
    // The last item of the last page is found when it changes.
    world.clock.advance(Duration::hours(3));
    let quiet = list(&issues, Some(all.cursor), false).await;
    world.clock.advance(Duration::hours(3));
    let now = world.now();
    world
        .hub()
        .set_project_field(PLAN, (REPO, 230), ("Points", "13"), "ada", now)
        .unwrap();
    let moved = list(&issues, Some(quiet.cursor), false).await;
    let moved: Vec<_> = (moved.items.iter())
        .filter(|item| item.content == Content::NotRead)
        .map(|item| item.object.clone())
        .collect();
    assert_eq!(moved, [issue(230)]);
}

#[tokio::test]
async fn an_issue_outside_the_project_says_so_where_none_may_be_added() {
    let world = planned();
    let issues = with(&world, |settings| settings.add = false);
    let read = issues.read(&issue(1), true).await.unwrap();
    let Field::Vacant(Some(why)) = shown(&read, "Status") else {
        panic!("{read:?}");
    };
    assert_eq!(why, "the issue is not in the project acme/3; add it there");
    let error = one(
        &issues,
        write("w1", change_of("Status", Value::Null, text("Done"))),
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Blocked, "{error}");
    assert_eq!(world.hub().project_view(PLAN).unwrap(), []);
    // Removed by people: the same again, and not empty.
    by_hand(&world, "Status", "Todo");
    let there = issues.read(&issue(1), true).await.unwrap();
    assert_eq!(shown(&there, "Status"), &Field::Value(text("Todo")));
    world
        .hub()
        .remove_from_project(PLAN, (REPO, 1), "ada")
        .unwrap();
    let gone = issues.read(&issue(1), true).await.unwrap();
    assert_eq!(gone.fields, read.fields);
    assert_eq!(gone.revision, read.revision);
}

#[tokio::test]
async fn an_archived_item_is_read_and_not_written() {
    let world = planned();
    by_hand(&world, "Status", "Todo");
    let issues = issues(&world);
    let first = list(&issues, None, false).await;
    let before = only(&first).clone();
    world.clock.advance(Duration::hours(3));
    let cursor = list(&issues, Some(first.cursor), false).await.cursor;
    let now = world.now();
    world
        .hub()
        .archive_in_project(PLAN, (REPO, 1), true, "ada", now)
        .unwrap();
    let listing = list(&issues, Some(cursor), false).await;
    let item = only(&listing);
    assert_ne!(item.revision.token, before.revision.token);
    let Field::Fixed(value, why) = shown(item, "Status") else {
        panic!("{item:?}");
    };
    assert_eq!(value, &text("Todo"));
    assert!(why.contains("archived") && why.contains("acme/3"), "{why}");
    let mark = world.mark();
    let write = write("w1", change_of("Status", text("Todo"), text("Done")));
    let error = one(&issues, write).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale, "looked at again: {error}");
    assert_eq!(effects(&world, mark), 0);
}

#[tokio::test]
async fn a_closed_project_is_read_and_not_written() {
    let world = planned();
    let issues = with(&world, |settings| settings.project = "acme/4".to_owned());
    let read = issues.read(&issue(1), true).await.unwrap();
    let listed = list(&issues, None, true).await;
    assert_eq!(only(&listed), &read);
    let Field::Vacant(Some(why)) = shown(only(&listed), "Status") else {
        panic!("{listed:?}");
    };
    assert!(why.contains("closed"), "{why}");
}

#[tokio::test]
async fn what_the_credential_must_not_see_is_nobodys() {
    let world = planned_with(|raw| {
        raw["repositories"].as_array_mut().unwrap().push(json!({
            "full_name": "acme/secret", "id": 140, "private": true,
            "issues": [{"title": "Hidden", "author": "ada"}]}));
    });
    by_hand(&world, "Status", "Todo");
    let now = world.now();
    world
        .hub()
        .add_to_project(PLAN, "acme/secret", 1, "ada", now)
        .unwrap();
    let issues = issues(&world);
    let mark = world.mark();
    let all = list(&issues, None, false).await;
    assert_eq!(only(&all).object, issue(1));
    let answers = world.asked(mark);
    assert!(
        answers.iter().all(|line| line.ends_with(" 200")),
        "{answers:?}"
    );
    assert_eq!(shown(only(&all), "Status"), &Field::Value(text("Todo")));
}

#[tokio::test]
async fn options_that_people_change_are_noticed_on_every_item() {
    let world = planned();
    by_hand(&world, "Status", "Todo");
    let issues = issues(&world);
    let mut cursor = list(&issues, None, false).await.cursor;
    for _ in 0..2 {
        world.clock.advance(Duration::hours(2));
        cursor = list(&issues, Some(cursor), false).await.cursor;
    }
    let now = world.now();
    world
        .hub()
        .replace_project_options(PLAN, "Status", &["Next", "Done"], now)
        .unwrap();
    // No item's time moved.
    let listing = list(&issues, Some(cursor), false).await;
    assert_eq!(shown(only(&listing), "Status"), &Field::Value(Value::Null));
    let schema = issues.schema().await.unwrap();
    let status = &schema.fields["project:Status"];
    let options: Vec<&str> = status
        .options
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(options, ["Next", "Done"]);
    assert!(status.closed && status.later);
    assert_eq!(status.kind, "project_single_select");
    assert_eq!(schema.fields["project:Points"].kind, "project_number");
    assert!(!schema.fields["project:Points"].closed);
    set_to(&issues, "Status", Value::Null, text("Next")).await;
    assert_eq!(stands(&world, PLAN, "Status").as_deref(), Some("Next"));
}

#[tokio::test]
async fn what_the_project_does_not_take_holds_up_nothing_else() {
    let world = planned();
    by_hand(&world, "Note", "hello");
    let issues = issues(&world);
    for (name, value, said) in [
        ("Status", text("Shipped"), "it has Todo, Done"),
        ("Sprint", text("Sprint 9"), "Sprint 2"),
        ("Due", text("tomorrow"), "is no date"),
        ("Points", text("many"), "is no number"),
    ] {
        let title = format!("Without {name}");
        let now = issues.read(&issue(1), true).await.unwrap();
        let action = change(
            1,
            &[
                ("title", field(&now, "title").clone(), text(&title)),
                (
                    &project_attribute("Note"),
                    field(&now, "project:Note").clone(),
                    text(name),
                ),
                (&project_attribute(name), Value::Null, value.clone()),
            ],
            None,
        );
        let op = write("w1", action);
        let sent_at = world.now();
        let error = one(&issues, op.clone()).await.unwrap_err();
        // The rest is there: what would be blocked as a whole has to be compared part by part.
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        let traced = issues.trace(&[op], sent_at).await.unwrap();
        assert!(
            matches!(traced.as_slice(), [Trace::Partly(_)]),
            "{traced:?}"
        );
        let message = error.to_string();
        assert!(
            message.contains(said) && message.contains(name),
            "{message}"
        );
        assert_eq!(world.hub().issue(REPO, 1).unwrap().title, title);
        assert_eq!(stands(&world, PLAN, "Note").as_deref(), Some(name));
        assert_eq!(stands(&world, PLAN, name), None);
        // Alone it is what it is.
        let alone = change_of(name, Value::Null, value);
        let error = one(&issues, write("w2", alone)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Blocked, "{error}");
    }
}

#[tokio::test]
async fn a_field_or_project_that_is_missing_is_not_known_and_not_empty() {
    let world = planned();
    by_hand(&world, "Status", "Todo");
    let wrong = with(&world, |settings| {
        settings.fields.insert("State".to_owned());
    });
    let read = wrong.read(&issue(1), true).await.unwrap();
    let Field::Unread(why) = shown(&read, "State") else {
        panic!("{read:?}");
    };
    assert!(why.contains("no field \"State\""), "{why}");
    assert_eq!(shown(&read, "Status"), &Field::Value(text("Todo")));
    assert_eq!(only(&list(&wrong, None, true).await), &read);
    for (project, token, said) in [
        ("acme/9", "github_pat_bot", "there is no project acme/9"),
        ("acme/5", "github_pat_bot", "there is no project acme/5"),
        ("acme/3", "ghp_unscoped", "read:project"),
    ] {
        let found = GithubIssues::new(world.client_of(token), &[(REPO, None)]).unwrap();
        let found = found
            .with_project(ProjectSettings {
                project: project.to_owned(),
                ..settings()
            })
            .unwrap();
        let read = found.read(&issue(1), true).await.unwrap();
        let Field::Unread(why) = shown(&read, "Status") else {
            panic!("{read:?}");
        };
        assert!(why.contains(said), "{why}");
        // The issues themselves go on.
        assert_eq!(only(&list(&found, None, true).await), &read);
        let write = write("w1", change_of("Status", text("Todo"), text("Done")));
        one(&found, write).await.unwrap_err();
        let schema = found.schema().await.unwrap();
        assert!(schema.fields["project:Status"].later);
    }
    for wrong in ["acme", "acme/x", "/3"] {
        let settings = ProjectSettings {
            project: wrong.to_owned(),
            ..settings()
        };
        let error = world.issues().with_project(settings).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    }
}

#[tokio::test]
async fn somebody_elses_value_is_not_overwritten() {
    let world = planned();
    by_hand(&world, "Status", "Todo");
    let issues = issues(&world);
    let action = change_of("Status", Value::Null, text("Done"));
    let error = one(&issues, write("w1", action)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale, "{error}");
    assert_eq!(stands(&world, PLAN, "Status").as_deref(), Some("Todo"));
}

#[tokio::test]
async fn a_lost_answer_is_told_from_what_stands_there() {
    // Project, its item, adding it, setting the field: which request is lost, and how.
    for (skip, fault, applied) in [
        (2, Fault::DropBefore, false),
        (2, Fault::DropAfter, false),
        (3, Fault::DropBefore, false),
        (3, Fault::DropAfter, true),
        (3, Fault::FailAfter { status: 502 }, true),
    ] {
        let world = planned();
        let issues = issues(&world);
        issues.read(&issue(1), true).await.unwrap();
        let sent_at = world.now();
        let write = write("w1", change_of("Status", Value::Null, text("Done")));
        world.hub().faults().push(FaultRule {
            method: "POST".to_owned(),
            path_contains: "/graphql".to_owned(),
            skip,
            times: 1,
            fault: fault.clone(),
        });
        one(&issues, write.clone()).await.unwrap_err();
        let found = issues.trace(std::slice::from_ref(&write), sent_at).await;
        match found.unwrap().pop().unwrap() {
            Trace::Applied(_) => assert!(applied, "{skip} {fault:?}"),
            Trace::NotApplied | Trace::Unclear => assert!(!applied, "{skip} {fault:?}"),
            other => panic!("{other:?}"),
        }
        one(&issues, write).await.unwrap();
        assert_eq!(stands(&world, PLAN, "Status").as_deref(), Some("Done"));
    }
    // Two fields, of which the first is there: what is there is agreed, the rest is planned again.
    let world = planned();
    by_hand(&world, "Note", "hello");
    let issues = issues(&world);
    let sent_at = world.now();
    let action = change(
        1,
        &[
            ("project:Points", Value::Null, number("3")),
            ("project:Status", Value::Null, text("Done")),
        ],
        None,
    );
    let write = write("w1", action);
    one(&issues, write.clone()).await.unwrap();
    let now = world.now();
    world
        .hub()
        .set_project_field(PLAN, (REPO, 1), ("Status", ""), "ada", now)
        .unwrap();
    let traced = issues
        .trace(&[write], sent_at)
        .await
        .unwrap()
        .pop()
        .unwrap();
    let Trace::Partly(snapshot) = traced else {
        panic!("{traced:?}");
    };
    assert_eq!(shown(&snapshot, "Points"), &Field::Value(number("3")));
    assert_eq!(shown(&snapshot, "Status"), &Field::Value(Value::Null));
}

#[tokio::test]
async fn a_value_that_somebody_put_back_is_not_written_again() {
    let world = planned();
    by_hand(&world, "Status", "Todo");
    let issues = issues(&world);
    world.clock.advance(Duration::hours(1));
    let sent_at = world.now();
    let write = write("w1", change_of("Status", text("Todo"), text("Done")));
    let untouched = issues.trace(std::slice::from_ref(&write), sent_at).await;
    assert_eq!(untouched.unwrap(), [Trace::NotApplied]);
    one(&issues, write.clone()).await.unwrap();
    world.tick();
    by_hand(&world, "Status", "Todo");
    let traced = issues.trace(&[write], sent_at).await.unwrap();
    assert_eq!(traced, [Trace::Unclear]);
}

#[tokio::test]
async fn a_new_issue_gets_its_item() {
    let world = planned();
    let issues = with(&world, |settings| {
        settings.page_id = Some("Note".to_owned())
    });
    let fields = [
        ("title", text("New")),
        ("project:Status", text("Todo")),
        ("project:Points", number("5")),
    ];
    let ack = one(&issues, write("w7", new_issue(&fields, "Text")))
        .await
        .unwrap();
    assert_eq!(ack.notes.get("incomplete"), None);
    let snapshot = ack.snapshot.unwrap();
    assert_eq!(snapshot.object, issue(2));
    assert_eq!(shown(&snapshot, "Status"), &Field::Value(text("Todo")));
    let items = world.hub().project_view(PLAN).unwrap();
    assert_eq!(items.len(), 1);
    let values: Vec<(&str, &str)> = (items[0].values.iter())
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        values,
        [("Note", "page-w7"), ("Points", "5"), ("Status", "Todo")]
    );
    // The page is written where it differs.
    let mark = world.mark();
    let again = change(2, &[("project:Points", number("5"), number("8"))], None);
    one(&issues, write("w7", again)).await.unwrap();
    assert_eq!(effects(&world, mark), 1);

    // What the project does not take does not fail the creation.
    let fields = [("title", text("Odd")), ("project:Status", text("Shipped"))];
    let ack = one(&issues, write("w8", new_issue(&fields, "Text")))
        .await
        .unwrap();
    let incomplete = &ack.notes["incomplete"];
    assert!(incomplete.contains("it has Todo, Done"), "{incomplete}");
    assert_eq!(
        shown(&ack.snapshot.unwrap(), "Status"),
        &Field::Vacant(None)
    );
}

#[tokio::test]
async fn an_issue_is_closed_for_the_revision_that_was_listed() {
    let world = planned();
    by_hand(&world, "Status", "Todo");
    let issues = issues(&world);
    let token = only(&list(&issues, None, true).await)
        .revision
        .token
        .clone();
    let remove = |expected: &str| Action::Remove {
        object: issue(1),
        expected: expected.to_owned(),
    };
    let other = token.replace("2026", "2025");
    let error = one(&issues, write("w1", remove(&other))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale, "{error}");
    one(&issues, write("w1", remove(&token))).await.unwrap();
    assert!(!world.hub().issue(REPO, 1).unwrap().open);
}
