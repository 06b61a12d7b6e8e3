//! What people do between a look and a write, and between a lost answer and the look for it.

use chrono::Duration;
use notion_sync_core::ErrorKind;
use notion_sync_core::comment::{Discuss, DiscussStep};
use notion_sync_core::document::Document;
use notion_sync_core::remote::{Action, Trace, Write};
use notion_sync_core::snapshot::{Presence, Proof};
use notion_sync_core::value::Value;
use notion_sync_notion::pages::page_ref;
use notion_sync_testkit::emulator::Fault;
use notion_sync_testkit::notion::NotionId;
use serde_json::json;

use crate::stage::{Stage, body, create, update, write};
use crate::writing::large;

fn one(markdown: &str) -> Stage {
    let stage = Stage::roomy(
        json!([{"id": "first", "parent": "tasks", "markdown": markdown,
        "properties": {"Name": "First", "Points": 1}}]),
    );
    let _ = stage.key("Name");
    stage
}

#[test]
fn a_page_that_was_saved_and_cannot_be_read_is_not_made_twice() {
    for content in [Document::default(), body("text"), large()] {
        for (status, retry_after) in [(429, Some(7)), (529, Some(7)), (404, None), (403, None)] {
            let stage = one("");
            let made = create("op1", "Made", content.clone());
            stage.fault("POST", "/v1/pages", 0, Fault::FailAfter { status: 503 });
            let refused = Fault::Refuse {
                status,
                retry_after,
            };
            stage.fault_too("GET", "/v1/pages/", 0, refused);
            let error = stage.write(&made).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{status}: {error}");
            let later = matches!(error.retry(), notion_sync_core::Retry::NotBefore(_));
            assert_eq!(later, retry_after.is_some(), "{status}");
            stage.calm();
            stage.clock.advance(Duration::minutes(2));
            match stage.trace(&made) {
                Trace::Applied(_) => {}
                // The other stages are still to come.
                Trace::NotApplied => drop(stage.write(&made).unwrap()),
                other => panic!("{status}: {other:?}"),
            }
            let tasks = stage.id("tasks");
            assert_eq!(stage.emulator().rows(tasks).len(), 2, "{status}");
        }
    }
}

/// Writes to one page whose outcome a look at the page tells.
fn lost(stage: &Stage, id: NotionId) -> Vec<Write> {
    let object = || page_ref(&id.to_string());
    let points = vec![(
        stage.key("Points"),
        Value::Number("1".to_owned()),
        Value::Number("2".to_owned()),
    )];
    vec![
        write(
            "op1",
            Action::Comment {
                object: object(),
                text: "hello".to_owned(),
            },
        ),
        write(
            "op1",
            Action::Discuss(Box::new(Discuss {
                place: object(),
                step: DiscussStep::Post(crate::comments::said("hello")),
            })),
        ),
        write(
            "op1",
            Action::Bookkeep {
                object: object(),
                fields: [("commit".to_owned(), "abc".to_owned())].into(),
            },
        ),
        update("op1", id, points, None),
        update("op1", id, vec![], Some((body("one"), body("two")))),
    ]
}

#[test]
fn a_look_that_fails_for_good_is_unclear() {
    let acts: [fn(&mut notion_sync_testkit::notion::Person<'_>, NotionId); 2] = [
        |ada, id| ada.share(id, false).unwrap(),
        |ada, id| {
            ada.trash(id).unwrap();
            ada.purge(id).unwrap();
        },
    ];
    for act in acts {
        let stage = one("one");
        let id = stage.id("first");
        let writes = lost(&stage, id);
        stage.ada(|ada| act(ada, id));
        for write in writes {
            let trace = stage.trace(&write);
            let what = &write.action;
            assert!(matches!(trace, Trace::Unclear), "{what:?}: {trace:?}");
        }
    }
}

#[test]
fn a_look_that_waiting_helps_is_repeated() {
    let stage = one("one");
    let id = stage.id("first");
    for write in lost(&stage, id) {
        for (status, retry_after) in [(429, Some(7)), (502, None), (401, None)] {
            let refused = Fault::Refuse {
                status,
                retry_after,
            };
            stage.fault("GET", "", 0, refused);
            let sent_at = notion_sync_core::clock::Clock::now(&*stage.clock);
            let looked = futures::executor::block_on(notion_sync_core::remote::Remote::trace(
                &stage.pages,
                std::slice::from_ref(&write),
                sent_at,
            ));
            assert!(looked.is_err(), "{status} {:?}", write.action);
            stage.calm();
            stage.clock.advance(Duration::minutes(2));
        }
    }
}

#[test]
fn a_property_that_cannot_be_read_any_more_leaves_an_update_unclear() {
    let stage = one("one");
    let id = stage.id("first");
    let change = lost(&stage, id).remove(3);
    let tasks = stage.id("tasks");
    stage.ada(|ada| {
        let formula = json!({"Points": {"formula": {"expression": "1"}}});
        ada.change_schema(tasks, &formula).unwrap();
    });
    let trace = stage.trace(&change);
    assert!(matches!(trace, Trace::Unclear), "{trace:?}");
}

#[test]
fn a_block_that_a_person_deleted_first_is_no_defect() {
    // It was to be changed: all is planned anew.
    let stage = one("one\ntwo");
    let id = stage.id("first");
    let block = stage.emulator().blocks(id)[1].id;
    let change = update(
        "op1",
        id,
        vec![],
        Some((body("one\ntwo"), body("one\ntwo!"))),
    );
    stage.meanwhile("GET", "/children", move |ada| ada.trash(block).unwrap());
    let error = stage.write(&change).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale, "{error}");

    // It was to be deleted: that is done.
    let stage = one("one\ntwo");
    let id = stage.id("first");
    let block = stage.emulator().blocks(id)[1].id;
    let change = update("op1", id, vec![], Some((body("one\ntwo"), body("one"))));
    stage.meanwhile("GET", "/children", move |ada| ada.trash(block).unwrap());
    stage.write(&change).unwrap();
    assert_eq!(stage.emulator().markdown(id), "one");
}

#[test]
fn a_page_that_a_person_trashed_first_is_no_defect() {
    let stage = one("one");
    let id = stage.id("first");
    for change in lost(&stage, id).into_iter().skip(2) {
        let path = match &change.action {
            Action::Update(update) if update.content.is_some() => "/children",
            _ => "/v1/pages/",
        };
        stage.meanwhile("GET", path, move |ada| ada.trash(id).unwrap());
        let error = stage.write(&change).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stale, "{error}");
        stage.ada(|ada| ada.restore(id).unwrap());
    }
}

const LONG: &str = "one\ntwo\n- three\n\t- inner\n- four";

#[test]
fn blocks_are_compared_again_where_the_steps_take_long() {
    let slow = Fault::Delay {
        milliseconds: 60_000,
    };
    // What is still to be changed, deleted, or stands inside of another block.
    for (desired, place) in [
        ("one!\ntwo!\n- three\n\t- inner\n- four", 1),
        ("one!\ntwo\n- three\n\t- inner", 4),
        ("one!\ntwo\n- three\n\t- inner!\n- four", 3),
    ] {
        let stage = one(LONG);
        let id = stage.id("first");
        let blocks = stage.emulator().blocks(id);
        let block = crate::stage::flatten(&blocks)[place].id;
        let change = update("op1", id, vec![], Some((body(LONG), body(desired))));
        stage.fault("PATCH", "/v1/blocks/", 0, slow.clone());
        stage.meanwhile("PATCH", "/v1/blocks/", move |ada| {
            ada.edit_text(block, "hers").unwrap();
        });
        let error = stage.write(&change).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{desired}: {error}");
        let text = stage.emulator().markdown(id);
        assert!(text.contains("hers") && text.contains("one!"), "{text}");
        assert!(matches!(stage.trace(&change), Trace::Partly(_)));

        // Nobody edits: all is done, after another look.
        let stage = one(LONG);
        let id = stage.id("first");
        let change = update("op1", id, vec![], Some((body(LONG), body(desired))));
        let (_, quick) = {
            let stage = one(LONG);
            stage.requests(|| stage.write(&change).unwrap())
        };
        stage.fault("PATCH", "/v1/blocks/", 0, slow.clone());
        let (_, requests) = stage.requests(|| stage.write(&change).unwrap());
        assert_eq!(stage.emulator().markdown(id), desired);
        assert_eq!(requests.len(), quick.len() + 1, "{requests:?} {quick:?}");
    }
}

#[test]
fn a_block_that_another_look_does_not_show_stops_the_steps() {
    let stage = one(LONG);
    let id = stage.id("first");
    let block = stage.emulator().blocks(id)[1].id;
    let desired = body("one!\n- three\n\t- inner\n- four");
    let change = update("op1", id, vec![], Some((body(LONG), desired.clone())));
    let slow = Fault::Delay {
        milliseconds: 60_000,
    };
    stage.fault("PATCH", "/v1/blocks/", 0, slow);
    stage.meanwhile("PATCH", "/v1/blocks/", move |ada| ada.trash(block).unwrap());
    let error = stage.write(&change).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[test]
fn a_page_that_a_person_trashed_before_the_look_is_not_made_twice() {
    for content in [body("text"), large()] {
        let stage = one("");
        let made = create("op1", "Made", content);
        stage.fault("POST", "/v1/pages", 0, Fault::DropAfter);
        let error = stage.write(&made).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        stage.calm();
        let (tasks, first) = (stage.id("tasks"), stage.id("first"));
        let rows = stage.emulator().rows(tasks);
        let page = rows.into_iter().find(|row| *row != first).unwrap();
        stage.clock.advance(Duration::minutes(2));
        stage.ada(|ada| {
            ada.rename(page, "Renamed").unwrap();
            ada.trash(page).unwrap();
        });
        match stage.trace(&made) {
            Trace::Applied(ack) => {
                let snapshot = ack.snapshot.unwrap();
                assert_eq!(snapshot.object, page_ref(&page.to_string()));
                assert_eq!(snapshot.presence, Presence::Gone(Proof::InTrash));
            }
            other => panic!("{other:?}"),
        }
        // Another operation did not make it.
        let other = create("op2", "Made", body("text"));
        assert!(matches!(stage.trace(&other), Trace::NotApplied));
    }
}
