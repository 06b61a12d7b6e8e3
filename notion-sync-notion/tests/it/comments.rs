//! Comments of pages and blocks, and copies of what people wrote on GitHub.

use chrono::Duration;
use futures::executor::block_on;
use notion_sync_core::ErrorKind;
use notion_sync_core::comment::{Comments, Discuss, DiscussStep, RemoteComment, Said, text_hash};
use notion_sync_core::hash::ContentHash;
use notion_sync_core::id::{OpId, RemoteRef, Side};
use notion_sync_core::remote::{Ack, Action, Remote as _, Trace, WriteKind};
use notion_sync_notion::pages::page_ref;
use notion_sync_testkit::emulator::Fault;
use serde_json::json;

use crate::stage::{Stage, world, write};

fn stage() -> Stage {
    Stage::roomy(json!([
        {"id": "first", "parent": "tasks", "properties": {"Name": "First"}, "markdown": "One\n\nTwo"}
    ]))
}

pub(crate) fn said(text: &str) -> Said {
    Said {
        side: Side::Github,
        author: "bob".to_owned(),
        text: text.to_owned(),
        url: Some("https://github.com/acme/app/issues/1#issuecomment-2".to_owned()),
        about: Some("pull request #12".to_owned()),
    }
}

fn discuss(stage: &Stage, op: &str, step: DiscussStep) -> notion_sync_core::remote::Write {
    let place = page_ref(&stage.id("first").to_string());
    write(op, Action::Discuss(Box::new(Discuss { place, step })))
}

fn listed(stage: &Stage, object: &RemoteRef) -> Comments {
    block_on(stage.pages.comments(object)).unwrap()
}

fn of_page(stage: &Stage) -> Vec<RemoteComment> {
    let comments = listed(stage, &page_ref(&stage.id("first").to_string()));
    assert!(comments.complete);
    comments.items
}

fn direct(stage: &Stage, object: &RemoteRef) -> Option<RemoteComment> {
    block_on(stage.pages.comment(object)).unwrap()
}

fn hash_of(ack: &Ack) -> ContentHash {
    serde_json::from_value(ack.notes["shown"].as_str().into()).unwrap()
}

#[test]
fn what_people_say_is_read_with_its_author() {
    let stage = stage();
    let id = stage.id("first");
    stage.ada(|ada| ada.comment(id, "Which **browser**?").unwrap());
    let [one] = of_page(&stage).try_into().unwrap();
    assert_eq!(
        (one.author.as_str(), one.text.as_str()),
        ("Ada", "Which **browser**?")
    );
    assert!(!one.ours && one.marker.is_none() && one.about.is_none());
    let bare = id.to_string().replace('-', "");
    let start = format!("https://www.notion.so/{bare}?d=");
    assert!(
        one.url
            .as_deref()
            .is_some_and(|url| url.starts_with(&start)),
        "{:?}",
        one.url
    );
    assert_eq!(
        direct(&stage, &one.object).map(|found| found.text),
        Some(one.text)
    );
}

#[test]
fn a_copy_is_written_changed_and_removed() {
    let stage = stage();
    let post = discuss(
        &stage,
        "op1",
        DiscussStep::Post(said("It is\n\n- red\n- green")),
    );
    assert_eq!(stage.pages.kind(&post.action), WriteKind::UnnamedCreate);
    let ack = stage.write(&post).unwrap();
    let [one] = of_page(&stage).try_into().unwrap();
    assert_eq!(ack.links["comment"], one.object);
    assert_eq!(
        hash_of(&ack),
        one.hash(),
        "the answer shows what a listing shows"
    );
    assert_eq!(one.marker, Some(OpId::from("op1")));
    assert!(one.ours);
    let page = stage.id("first");
    let shown = stage.emulator().comments(page).remove(0);
    assert_eq!(
        shown,
        "bob (GitHub, pull request #12):\nIt is\n\n• red\n• green\nnsync:op1"
    );
    let edit = |op: &str, expected: ContentHash| {
        let step = DiscussStep::Edit {
            comment: one.object.clone(),
            expected,
            said: said("It is **blue**"),
        };
        discuss(&stage, op, step)
    };
    let stale = stage.write(&edit("op2", text_hash("else"))).unwrap_err();
    assert_eq!(stale.kind(), ErrorKind::Stale);
    let ack = stage.write(&edit("op2", one.hash())).unwrap();
    let [two] = of_page(&stage).try_into().unwrap();
    assert_eq!(hash_of(&ack), two.hash());
    assert!(two.text.ends_with("It is **blue**"), "{}", two.text);
    assert_eq!(two.marker, Some(OpId::from("op2")));
    let delete = |expected: ContentHash| {
        let comment = one.object.clone();
        discuss(&stage, "op3", DiscussStep::Delete { comment, expected })
    };
    let stale = stage.write(&delete(one.hash())).unwrap_err();
    assert_eq!(stale.kind(), ErrorKind::Stale);
    stage.write(&delete(two.hash())).unwrap();
    assert!(of_page(&stage).is_empty());
    stage.write(&delete(two.hash())).unwrap();
    let gone = stage.write(&edit("op4", two.hash())).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
}

#[test]
fn a_resolved_thread_is_told_from_a_deleted_comment() {
    let stage = stage();
    let id = stage.id("first");
    let (kept, lost) = stage.ada(|ada| {
        (
            ada.comment(id, "kept").unwrap(),
            ada.comment(id, "lost").unwrap(),
        )
    });
    let objects: Vec<RemoteRef> = of_page(&stage).into_iter().map(|one| one.object).collect();
    stage.ada(|ada| {
        ada.resolve_comment(kept, true).unwrap();
        ada.delete_comment(lost).unwrap();
    });
    assert!(of_page(&stage).is_empty());
    assert_eq!(direct(&stage, &objects[0]).unwrap().text, "kept");
    assert_eq!(direct(&stage, &objects[1]), None);
}

#[test]
fn discussions_of_blocks_are_listed_by_their_block() {
    let stage = stage();
    let id = stage.id("first");
    let block = stage.emulator().blocks(id)[0].id;
    stage.ada(|ada| ada.comment(block, "this line").unwrap());
    assert!(of_page(&stage).is_empty());
    let object = RemoteRef::new("notion", "block", block.to_string());
    let [one] = listed(&stage, &object).items.try_into().unwrap();
    assert_eq!((one.text.as_str(), &one.place), ("this line", &object));
    assert_eq!(direct(&stage, &one.object).unwrap().place, object);
    assert!(one.about.is_some());
}

#[test]
fn long_discussions_are_read_page_by_page() {
    let stage = stage();
    let id = stage.id("first");
    stage.ada(|ada| {
        for n in 0..250 {
            ada.comment(id, &format!("comment {n}")).unwrap();
        }
    });
    let all = of_page(&stage);
    assert_eq!(all.len(), 250);
    assert_eq!(all[249].text, "comment 249");
}

#[test]
fn without_the_capability_reading_is_forbidden() {
    let mut world =
        world(json!([{"id": "first", "parent": "tasks", "properties": {"Name": "First"}}]));
    for user in &mut world.users {
        if user.bot {
            user.capabilities.read_comments = false;
        }
    }
    let stage = Stage::of(world, |_| {}, Default::default());
    let page = page_ref(&stage.id("first").to_string());
    let refused = block_on(stage.pages.comments(&page)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Forbidden);
    assert!(refused.to_string().contains("read comments"), "{refused}");
}

#[test]
fn lost_answers_are_found() {
    for fault in [Fault::DropAfter, Fault::DropBefore] {
        let applied = matches!(fault, Fault::DropAfter);
        let stage = stage();
        let first = stage
            .write(&discuss(&stage, "op0", DiscussStep::Post(said("one"))))
            .unwrap();
        let comment = first.links["comment"].clone();
        let expected = hash_of(&first);
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
            let sent = discuss(&stage, &format!("lost{number}"), step);
            stage.fault(method, "/v1/comments", 0, fault.clone());
            let error = stage.write(&sent).unwrap_err();
            stage.calm();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{method}");
            stage.clock.advance(Duration::minutes(20));
            match stage.trace(&sent) {
                Trace::Applied(ack) if applied => assert!(ack.links.contains_key("comment")),
                Trace::NotApplied if !applied => {
                    stage.write(&sent).unwrap();
                }
                other => panic!("{method}: {other:?}"),
            }
        }
        let expected = of_page(&stage)[0].hash();
        let sent = discuss(&stage, "lost9", DiscussStep::Delete { comment, expected });
        stage.fault("DELETE", "/v1/comments", 0, fault.clone());
        assert!(stage.write(&sent).is_err());
        stage.calm();
        assert_eq!(matches!(stage.trace(&sent), Trace::Applied(_)), applied);
        stage.write(&sent).unwrap();
        let left = of_page(&stage);
        assert_eq!(left.len(), 1);
        assert!(left[0].text.ends_with("two"), "{}", left[0].text);
    }
}
