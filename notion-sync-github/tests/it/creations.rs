//! New issues that take several requests, of which only the first was made.

use chrono::Duration;
use notion_sync_core::remote::{Remote as _, Trace, Write};
use notion_sync_core::snapshot::{Content, Field};
use notion_sync_core::value::Value;
use notion_sync_github::GithubIssues;
use notion_sync_testkit::emulator::Fault;

use crate::support::*;

fn planned() -> Write {
    let fields = [
        ("title", text("Plan")),
        ("labels", set(&["bug"])),
        ("assignees", set(&["bob"])),
        ("state", text("closed")),
    ];
    write("create-1", new_issue(&fields, "The plan\n"))
}

/// The answer to the first request is lost, so that no other follows.
async fn cut_off(world: &World, issues: &GithubIssues) -> (Write, chrono::DateTime<chrono::Utc>) {
    let sent = planned();
    let sent_at = world.now();
    world.fault("POST", "/issues", Fault::FailAfter { status: 502 });
    one(issues, sent.clone()).await.unwrap_err();
    world.clock.advance(Duration::minutes(5));
    (sent, sent_at)
}

async fn traced(
    issues: &GithubIssues,
    sent: &Write,
    sent_at: chrono::DateTime<chrono::Utc>,
) -> Trace {
    let found = issues.trace(std::slice::from_ref(sent), sent_at).await;
    found.unwrap().remove(0)
}

/// What the first issue was found to lack.
fn lacking(found: &Trace) -> Vec<&str> {
    let Trace::Applied(ack) = found else {
        panic!("{found:?}")
    };
    assert_eq!(ack.snapshot.as_ref().unwrap().object, issue(1));
    ack.lacking.iter().map(String::as_str).collect()
}

fn stands(world: &World) -> (Vec<String>, bool, String) {
    let hub = world.hub();
    assert_eq!(hub.issue_numbers(REPO).unwrap(), [1], "there is one issue");
    let view = hub.issue(REPO, 1).unwrap();
    (view.assignees, view.open, view.title)
}

#[tokio::test]
async fn an_issue_that_lacks_people_and_state_gets_them_when_it_is_sent_again() {
    let world = World::new();
    let issues = world.issues();
    let (sent, sent_at) = cut_off(&world, &issues).await;
    assert_eq!(stands(&world), (vec![], true, "Plan".to_owned()));
    let found = traced(&issues, &sent, sent_at).await;
    assert_eq!(lacking(&found), ["assignees", "state", "state_reason"]);
    // Another process, which remembers nothing. Somebody gave it another title.
    let now = world.now();
    world.hub().retitle(REPO, 1, "ada", "Hers", now).unwrap();
    let ack = one(&world.issues(), sent.clone()).await.unwrap();
    let all = (vec!["bob".to_owned()], false, "Hers".to_owned());
    assert_eq!(stands(&world), all);
    let shown = ack.snapshot.unwrap();
    assert_eq!(shown.object, issue(1));
    assert_eq!(field(&shown, "assignees"), &set(&["bob"]));
    assert_eq!(field(&shown, "state"), &text("closed"));
    // What somebody wrote meanwhile is not an answer to this.
    assert!(matches!(shown.fields["title"], Field::Unread(_)));
    assert_eq!(shown.content, Content::NotRead);
    let found = traced(&issues, &sent, sent_at).await;
    assert_eq!(lacking(&found), [""; 0]);
    // Once more changes nothing.
    let mark = world.mark();
    one(&world.issues(), sent).await.unwrap();
    let asked = world.asked(mark);
    assert!(
        asked.iter().all(|line| line.starts_with("GET ")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn what_people_did_with_a_new_issue_is_not_done_over() {
    let world = World::new();
    let issues = world.issues();
    let (sent, sent_at) = cut_off(&world, &issues).await;
    let now = world.now();
    world.hub().assign(REPO, 1, "ada", &["carol"], now).unwrap();
    // Closing is still ours to do.
    let found = traced(&issues, &sent, sent_at).await;
    assert_eq!(lacking(&found), ["state", "state_reason"]);
    one(&issues, sent.clone()).await.unwrap();
    let all = (vec!["carol".to_owned()], false, "Plan".to_owned());
    assert_eq!(stands(&world), all);
    let now = world.now();
    world.hub().reopen(REPO, 1, "ada", now).unwrap();
    let found = traced(&issues, &sent, sent_at).await;
    assert_eq!(lacking(&found), [""; 0]);
    one(&issues, sent).await.unwrap();
    assert!(stands(&world).1, "she reopened it");
}

/// It is found by its number where listings lag, and in a later page of a listing: what it lacks is said all the same.
#[tokio::test]
async fn an_issue_that_listings_do_not_show_yet_is_found_with_what_it_lacks() {
    for newer in [0, 120] {
        let mut seed = handbook();
        if newer == 0 {
            seed.bounds.visibility_seconds = 600;
        }
        let world = World::of(seed);
        let issues = world.issues();
        let (sent, sent_at) = cut_off(&world, &issues).await;
        for number in 0..newer {
            let (now, title) = (world.now(), format!("Later {number}"));
            world
                .hub()
                .open_issue(REPO, "ada", &title, None, now)
                .unwrap();
        }
        let found = traced(&issues, &sent, sent_at).await;
        assert_eq!(lacking(&found), ["assignees", "state", "state_reason"]);
    }
}

#[tokio::test]
async fn a_new_issue_that_was_not_made_is_made_once() {
    let world = World::new();
    let issues = world.issues();
    let sent = planned();
    let sent_at = world.now();
    world.fault("POST", "/issues", Fault::DropBefore);
    one(&issues, sent.clone()).await.unwrap_err();
    assert_eq!(traced(&issues, &sent, sent_at).await, Trace::NotApplied);
    one(&issues, sent).await.unwrap();
    let all = (vec!["bob".to_owned()], false, "Plan".to_owned());
    assert_eq!(stands(&world), all);
    // What one request makes asks for nothing more.
    let fields: [(&str, Value); 1] = [("title", text("Plain"))];
    let mark = world.mark();
    one(&issues, write("o2", new_issue(&fields, "text")))
        .await
        .unwrap();
    assert_eq!(world.asked(mark).len(), 1, "{:?}", world.asked(mark));
}
