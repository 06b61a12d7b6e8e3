//! The comment that shows the state of the sync, the hidden block of issues that people opened, and
//! comments on changes.

use std::collections::BTreeMap;

use notion_sync_core::comment::{Card, Discuss, DiscussStep};
use notion_sync_core::effect::{Consequence, Effect, Gate, Summary};
use notion_sync_core::id::{OpId, RecordId, RemoteRef};
use notion_sync_core::remote::{Action, Remote as _, Trace, Write, WriteKind};
use notion_sync_github::reference;

use crate::effects_support::request;
use crate::support::*;

const RECORD: &str = "r0123456789abcdef01234567";

fn card(status: &str) -> Card {
    Card {
        page: "1b2c".to_owned(),
        page_url: Some("https://www.notion.so/1b2c".to_owned()),
        record: RecordId::from(RECORD),
        revision: None,
        fields: BTreeMap::from([("status".to_owned(), text(status))]),
        pulls: Vec::new(),
    }
}

fn show(op: &str, number: u64, known: Option<&RemoteRef>, status: &str) -> Write {
    let step = DiscussStep::Card {
        known: known.cloned(),
        card: Box::new(card(status)),
    };
    let place = issue(number);
    write(op, Action::Discuss(Box::new(Discuss { place, step })))
}

fn opened(world: &World, body: Option<&str>) -> u64 {
    let now = world.now();
    world
        .hub()
        .open_issue(REPO, "ada", "Plan", body, now)
        .unwrap()
}

fn said(world: &World, number: u64) -> Vec<(String, String)> {
    world.hub().issue(REPO, number).unwrap().comments
}

fn writes(world: &World, mark: u64) -> usize {
    (world.asked(mark).iter())
        .filter(|call| !call.starts_with("GET"))
        .count()
}

#[tokio::test]
async fn one_comment_is_made_edited_in_place_and_found_again() {
    let world = World::new();
    let issues = world.issues();
    let n = opened(&world, None);
    let first = show("op1", n, None, "Doing @bob");
    assert_eq!(issues.kind(&first.action), WriteKind::UnnamedCreate);
    let ack = one(&issues, first).await.unwrap();
    let comment = ack.links["comment"].clone();
    let [(_, body)] = &said(&world, n)[..] else {
        panic!("one comment")
    };
    assert!(
        body.starts_with("<!-- notion-sync op: op1 -->\n<!-- notion-sync card\n"),
        "{body}"
    );
    assert!(
        body.contains("[Open in Notion](https://www.notion.so/1b2c)"),
        "{body}"
    );
    assert!(
        !body.contains("@bob") && body.contains("\\u0040bob"),
        "{body}"
    );
    // Comments that follow leave it alone.
    let listed = issues.comments(&issue(n)).await.unwrap().items;
    assert!(listed[0].ours);
    // In place, and looked for only where it is not known.
    let mark = world.mark();
    let edit = show("op2", n, Some(&comment), "Done");
    assert_eq!(issues.kind(&edit.action), WriteKind::Set);
    let ack = one(&issues, edit).await.unwrap();
    assert_eq!(
        (ack.links["comment"].clone(), writes(&world, mark)),
        (comment.clone(), 1)
    );
    assert_eq!(world.asked(mark).len(), 1, "{:?}", world.asked(mark));
    assert!(said(&world, n)[0].1.contains("\"Done\""));
    // The registry was lost: the one that is there is taken, and written only where it says less.
    let mark = world.mark();
    let ack = one(&issues, show("op3", n, None, "Done")).await.unwrap();
    assert_eq!(
        (ack.links["comment"].clone(), writes(&world, mark)),
        (comment.clone(), 0)
    );
    let ack = one(&issues, show("op4", n, None, "To do")).await.unwrap();
    assert_eq!(ack.links["comment"], comment);
    assert_eq!(said(&world, n).len(), 1);
    let found = issues.cards(&[issue(n)]).await.unwrap();
    assert_eq!(
        (found[0].object.clone(), found[0].page.as_str()),
        (issue(n), "1b2c")
    );
    assert_eq!(found[0].record, Some(RecordId::from(RECORD)));
}

#[tokio::test]
async fn its_outcome_is_found_by_its_first_line() {
    let world = World::new();
    let issues = world.issues();
    let n = opened(&world, None);
    let sent = world.now();
    let first = show("op1", n, None, "Doing");
    let trace = |write: Write| {
        let issues = &issues;
        async move { issues.trace(&[write], sent).await.unwrap().remove(0) }
    };
    assert_eq!(trace(first.clone()).await, Trace::NotApplied);
    let ack = one(&issues, first.clone()).await.unwrap();
    let comment = ack.links["comment"].clone();
    let Trace::Applied(found) = trace(first).await else {
        panic!("it is there")
    };
    assert_eq!(found.links["comment"], comment);
    let edit = show("op2", n, Some(&comment), "Done");
    assert_eq!(trace(edit.clone()).await, Trace::NotApplied);
    one(&issues, edit.clone()).await.unwrap();
    assert!(matches!(trace(edit.clone()).await, Trace::Applied(_)));
    // Somebody removed it: that is told, and nothing is made.
    let (_, id) = reference::parse_comment(&comment).unwrap();
    let now = world.now();
    world.hub().delete_comment(REPO, id, now).unwrap();
    let again = show("op3", n, Some(&comment), "To do");
    let ack = one(&issues, again.clone()).await.unwrap();
    assert!(ack.notes.contains_key("gone") && ack.links.is_empty());
    let Trace::Applied(found) = trace(again).await else {
        panic!("nothing is left to do")
    };
    assert!(found.notes.contains_key("gone"));
    assert_eq!(said(&world, n), []);
}

#[tokio::test]
async fn only_what_our_own_account_wrote_names_a_page() {
    let world = World::new();
    let issues = world.issues();
    let (ours, theirs) = (opened(&world, None), opened(&world, None));
    one(&issues, show("op1", ours, None, "Doing"))
        .await
        .unwrap();
    let copied = said(&world, ours)[0].1.clone();
    let now = world.now();
    world
        .hub()
        .comment(REPO, theirs, "bob", &copied, now)
        .unwrap();
    let found = issues.cards(&[issue(ours), issue(theirs)]).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].object, issue(ours));
    // It is not taken for ours where one is to be written either.
    one(&issues, show("op2", theirs, None, "Doing"))
        .await
        .unwrap();
    assert_eq!(said(&world, theirs).len(), 2);
    assert_eq!(said(&world, theirs)[0].1, copied);
}

#[tokio::test]
async fn many_issues_are_asked_with_one_listing() {
    let world = World::new();
    let issues = world.issues();
    let numbers: Vec<u64> = (0..25).map(|_| opened(&world, None)).collect();
    for (at, number) in numbers.iter().enumerate().step_by(5) {
        one(&issues, show(&format!("op{at}"), *number, None, "Doing"))
            .await
            .unwrap();
    }
    let objects: Vec<RemoteRef> = numbers.iter().map(|number| issue(*number)).collect();
    let mark = world.mark();
    let found = issues.cards(&objects).await.unwrap();
    assert_eq!(found.len(), 5);
    let asked = world.asked(mark);
    let listings = asked
        .iter()
        .filter(|call| call.contains("/comments"))
        .count();
    assert_eq!(listings, 1, "{asked:?}");
    let mark = world.mark();
    assert_eq!(issues.cards(&objects[..6]).await.unwrap().len(), 2);
    assert_eq!(world.asked(mark).len(), 6);
}

#[tokio::test]
async fn a_mark_leaves_the_text_of_people_as_it_is() {
    let world = World::new();
    let issues = world.issues();
    let text = "Hi @bob,\r\n\r\nfixes #1\r\n";
    for (body, marked) in [(Some(text), true), (None, true), (Some("x"), true)] {
        let n = opened(&world, body);
        let before = issues.read(&issue(n), true).await.unwrap();
        let fields = BTreeMap::from([
            ("notion_page_id".to_owned(), "1b2c".to_owned()),
            (
                "notion_url".to_owned(),
                "https://www.notion.so/1b2c".to_owned(),
            ),
        ]);
        let object = issue(n);
        let mark = write("op1", Action::Bookkeep { object, fields });
        let at = world.mark();
        one(&issues, mark.clone()).await.unwrap();
        assert_eq!(writes(&world, at), 1);
        let after = issues.read(&issue(n), true).await.unwrap();
        assert_eq!(after.marker.counterpart.as_deref(), Some("1b2c"));
        assert_eq!(after.content, before.content, "no edit");
        let stored = world.hub().issue(REPO, n).unwrap().body.unwrap();
        assert!(stored.ends_with(body.unwrap_or_default()), "{stored:?}");
        // Twice is once.
        let at = world.mark();
        one(&issues, mark).await.unwrap();
        assert_eq!((writes(&world, at), marked), (0, true));
    }
    // No room is left for it.
    let long = opened(&world, Some(&"x".repeat(59_990)));
    let fields = BTreeMap::from([("notion_page_id".to_owned(), "1b2c".to_owned())]);
    let object = issue(long);
    let at = world.mark();
    one(&issues, write("op2", Action::Bookkeep { object, fields }))
        .await
        .unwrap();
    assert_eq!(writes(&world, at), 0);
}

#[tokio::test]
async fn a_change_is_told_in_one_line_that_acts_on_nobody() {
    let world = World::new();
    let issues = world.issues();
    let n = opened(&world, None);
    let mut asked = request("op1", n, Effect::Summary);
    asked.value = "Done @team fixes #7".to_owned();
    asked.summary = Some(Summary {
        property: "Status".to_owned(),
        from: "In progress".to_owned(),
        by: Some("ada".to_owned()),
        did: vec![Consequence {
            what: "merged".to_owned(),
            pull: Some(12),
            failed: None,
        }],
    });
    let Gate::Open(effect) = issues.gate(&asked).await.unwrap() else {
        panic!("it can be said")
    };
    let sent = world.now();
    let told = write("op1", Action::Effect(Box::new(effect)));
    assert_eq!(issues.kind(&told.action), WriteKind::UnnamedCreate);
    let trace = issues
        .trace(std::slice::from_ref(&told), sent)
        .await
        .unwrap();
    assert_eq!(trace, [Trace::NotApplied]);
    one(&issues, told.clone()).await.unwrap();
    let trace = issues.trace(&[told], sent).await.unwrap();
    assert!(matches!(trace[0], Trace::Applied(_)));
    let [(_, body)] = &said(&world, n)[..] else {
        panic!("one comment")
    };
    let line = body.split_once('\n').unwrap().1;
    assert!(
        line.starts_with("**Status**: In progress → Done "),
        "{line}"
    );
    assert!(
        line.ends_with("(by ada, from the page): merged #12"),
        "{line}"
    );
    assert!(!line.contains("@team") && !line.contains("#7"), "{line}");
    let listed = issues.comments(&issue(n)).await.unwrap().items;
    assert_eq!(listed[0].marker, Some(OpId::from("op1")));
}
