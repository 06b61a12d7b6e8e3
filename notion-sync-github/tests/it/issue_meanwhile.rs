//! People who write between the requests of one write.

use notion_sync_core::remote::Remote as _;

use crate::support::*;

#[tokio::test]
async fn what_people_write_between_two_requests_of_a_write_is_not_its_answer() {
    let world = World::new();
    let at = world.now();
    let meddle: Meddle = Box::new(move |request, hub| {
        if request.method() == "POST" && request.uri().path().ends_with("/assignees") {
            hub.retitle(REPO, 1, "ada", "Renamed", at).unwrap();
            hub.label(REPO, 1, "ada", &["Docs"], at).unwrap();
            hub.rewrite(REPO, 1, "ada", Some("rewritten"), at).unwrap();
        }
    });
    let issues = world.issues_by(Meanwhile::send(&world, meddle));
    let fields = [
        ("title", text("Plan")),
        ("labels", set(&["bug"])),
        ("assignees", set(&["bob"])),
        ("state", text("closed")),
    ];
    let ack = one(&issues, write("create-1", new_issue(&fields, "The plan\n")))
        .await
        .unwrap();
    let snapshot = ack.snapshot.unwrap();
    for (name, value) in &fields {
        assert_eq!(field(&snapshot, name), value, "{name}");
    }
    assert_eq!(body(&snapshot), "The plan\n");
    let now = world.hub().issue(REPO, 1).unwrap();
    assert_eq!((now.title.as_str(), now.open), ("Renamed", false));

    // An update by two requests, in the same way.
    let title = [
        ("title", text("Renamed"), text("Again")),
        ("assignees", set(&["bob"]), set(&["bob", "carol"])),
    ];
    let ack = one(&issues, write("update-1", change(1, &title, None)))
        .await
        .unwrap();
    let snapshot = ack.snapshot.unwrap();
    assert_eq!(field(&snapshot, "title"), &text("Again"));
    assert_eq!(field(&snapshot, "assignees"), &set(&["bob", "carol"]));
    assert_eq!(world.hub().issue(REPO, 1).unwrap().title, "Renamed");
}

/// A label that the write added and a person took away before its last request was taken by the service: it is an edit
/// that it is gone. The same the other way round.
#[tokio::test]
async fn labels_and_people_that_change_between_two_requests_of_a_write_are_edits() {
    let world = World::new();
    let fields = [
        ("title", text("Plan")),
        ("labels", set(&["bug", "old"])),
        ("assignees", set(&["bob"])),
    ];
    one(
        &world.issues(),
        write("create-1", new_issue(&fields, "The plan\n")),
    )
    .await
    .unwrap();
    let at = world.now();
    let meddle: Meddle = Box::new(move |request, hub| {
        let path = request.uri().path();
        if request.method() != "DELETE" {
        } else if path.ends_with("/labels/old") {
            hub.label(REPO, 1, "ada", &["bug", "old"], at).unwrap();
        } else if path.ends_with("/assignees") {
            hub.assign(REPO, 1, "ada", &["bob"], at).unwrap();
        }
    });
    let issues = world.issues_by(Meanwhile::send(&world, meddle));
    let next = [
        ("labels", set(&["bug", "old"]), set(&["Docs"])),
        ("assignees", set(&["bob"]), set(&["carol"])),
    ];
    let ack = one(&issues, write("update-1", change(1, &next, None)))
        .await
        .unwrap();
    assert_eq!(ack.notes.get("dropped"), None, "{:?}", ack.notes);
    let snapshot = ack.snapshot.unwrap();
    assert_eq!(field(&snapshot, "labels"), &set(&["Docs"]));
    assert_eq!(field(&snapshot, "assignees"), &set(&["carol"]));
    let now = world.issues().read(&issue(1), false).await.unwrap();
    assert_eq!(field(&now, "labels"), &set(&["bug"]));
    assert_eq!(field(&now, "assignees"), &set(&[]));
}
