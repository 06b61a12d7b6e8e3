//! Lost answers: every request of every write is dropped once, before and after it had its effect.
//! What the write did is then found, and sending it again when it was not done never does it twice.

use notion_sync_core::document::Document;
use notion_sync_core::remote::{Action, Trace, Write};
use notion_sync_core::value::Value;
use notion_sync_core::{Error, ErrorKind};
use notion_sync_notion::pages::page_ref;
use notion_sync_testkit::emulator::{Emulator, Fault};
use serde_json::json;

use crate::stage::{Stage, body, create, update, write};
use crate::writing::large;

const BODY: &str = "one\n- two\n\t- inner\nthree";
const NEXT: &str = "one\n- two\n\t- changed\n\t- more\nnew\nthree!";

fn stage() -> Stage {
    let stage = Stage::roomy(json!([{"id": "first", "parent": "tasks", "markdown": BODY,
        "properties": {"Name": "First", "Points": 1}}]));
    let _ = stage.key("Name");
    stage
}

fn writes(stage: &Stage) -> Vec<(&'static str, Write)> {
    let id = stage.id("first");
    let object = page_ref(&id.to_string());
    let revision = stage.read("first").revision.token;
    let points = || {
        vec![(
            stage.key("Points"),
            Value::Number("1".to_owned()),
            Value::Number("2".to_owned()),
        )]
    };
    vec![
        ("create", create("op1", "Made", body(BODY))),
        (
            "create without body",
            create("op1", "Made", Document::default()),
        ),
        ("create in stages", create("op1", "Large", large())),
        ("fields", update("op1", id, points(), None)),
        (
            "body",
            update("op1", id, vec![], Some((body(BODY), body(NEXT)))),
        ),
        (
            "both",
            update("op1", id, points(), Some((body(BODY), body(NEXT)))),
        ),
        (
            "remove",
            write(
                "op1",
                Action::Remove {
                    object: object.clone(),
                    expected: revision,
                },
            ),
        ),
        (
            "comment",
            write(
                "op1",
                Action::Comment {
                    object: object.clone(),
                    text: "hello".to_owned(),
                },
            ),
        ),
        (
            "bookkeep",
            write(
                "op1",
                Action::Bookkeep {
                    object,
                    fields: [("commit".to_owned(), "abc".to_owned())].into(),
                },
            ),
        ),
    ]
}

/// What the world holds once, and only once, a write was done.
fn state(stage: &Stage) -> (Vec<(String, String, String)>, Vec<String>, bool) {
    let (tasks, first) = (stage.id("tasks"), stage.id("first"));
    let notion = stage.emulator();
    let rows = notion
        .rows(tasks)
        .into_iter()
        .map(|row| {
            let properties = notion.properties(row);
            (
                notion.title(row).unwrap_or_default(),
                notion.markdown(row),
                format!("{}{}", properties["Points"], properties["GitHub Commit"]),
            )
        })
        .collect();
    (rows, notion.comments(first), notion.is_alive(first))
}

fn methods() -> [&'static str; 4] {
    ["GET", "POST", "PATCH", "DELETE"]
}

#[test]
fn lost_answers_are_found_and_nothing_is_done_twice() {
    let mut cases = 0;
    let (mut unknown, mut certain, mut resumed) = (0, 0, 0);
    for (index, (name, _)) in writes(&stage()).iter().enumerate() {
        let wanted = {
            let stage = stage();
            let write = writes(&stage).remove(index).1;
            stage.write(&write).unwrap();
            state(&stage)
        };
        for fault in [
            Fault::DropBefore,
            Fault::DropAfter,
            Fault::FailAfter { status: 502 },
            Fault::FailAfter { status: 503 },
            Fault::Refuse {
                status: 500,
                retry_after: None,
            },
            Fault::Refuse {
                status: 429,
                retry_after: Some(7),
            },
        ] {
            for method in methods() {
                for skip in 0.. {
                    let stage = stage();
                    let write = writes(&stage).remove(index).1;
                    stage.fault(method, "", skip, fault.clone());
                    let place = format!("{name}, {fault:?} at {method} {skip}");
                    let first = stage.write(&write);
                    let struck = stage.emulator().faults().rules().is_empty();
                    stage.calm();
                    if !struck {
                        first.unwrap_or_else(|error| panic!("{place}: {error}"));
                        break;
                    }
                    cases += 1;
                    if let Err(error) = &first {
                        stage.clock.advance(chrono::Duration::minutes(2));
                        match error.kind() {
                            ErrorKind::Unavailable => {
                                unknown += 1;
                                resumed += usize::from(settle(&stage, &write, &place));
                            }
                            // Surely without effect: sent again without looking.
                            ErrorKind::NotApplied | ErrorKind::RateLimited => {
                                certain += 1;
                                stage
                                    .write(&write)
                                    .unwrap_or_else(|error| panic!("{place}: {error}"));
                            }
                            _ => panic!("{place}: {error}"),
                        }
                    }
                    assert_eq!(state(&stage), wanted, "{place}");
                }
            }
        }
    }
    println!(
        "{cases} faults: {certain} surely without effect, {unknown} unknown, of which {resumed} were sent again"
    );
    assert!(certain > 0 && resumed > 0 && unknown > resumed);
}

/// Does what the engine does: looks, and sends again what was not applied. Whether it had to.
fn settle(stage: &Stage, write: &Write, place: &str) -> bool {
    match stage.trace(write) {
        Trace::Applied(_) => false,
        Trace::NotApplied | Trace::Unfinished(_) => {
            match stage.write(write) {
                Ok(_) => {}
                Err(error) => panic!("{place}: {error}"),
            }
            true
        }
        // A body half changed: the engine plans again from what it reads.
        Trace::Partly(_) => {
            replan(stage, write, place);
            true
        }
        Trace::Unclear => {
            // Steps were made: everything is as before only by coincidence of a drop at the start.
            panic!("{place}: unclear")
        }
    }
}

fn replan(stage: &Stage, write: &Write, place: &str) {
    let Action::Update(change) = &write.action else {
        panic!("{place}: stale")
    };
    let mut change = change.clone();
    let current = stage.content(change.object.id.parse().unwrap());
    if let Some(notion_sync_core::remote::ContentChange::Blocks { expected, .. }) =
        &mut change.content
    {
        *expected = current;
    }
    let mut again = write.clone();
    again.action = Action::Update(change);
    let result: Result<_, Error> = stage.write(&again);
    result.unwrap_or_else(|error| panic!("{place}: {error}"));
}

#[test]
fn a_mark_proves_a_write_even_after_a_person_put_it_back() {
    let stage = stage();
    let id = stage.id("first");
    let key = stage.key("Points");
    let change = update(
        "op1",
        id,
        vec![(
            key,
            Value::Number("1".to_owned()),
            Value::Number("2".to_owned()),
        )],
        None,
    );
    stage.fault("PATCH", "/v1/pages/", 0, Fault::DropAfter);
    assert_eq!(
        stage.write(&change).unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    stage.calm();
    stage.ada(|ada| ada.set_property(id, "Points", json!(1)).unwrap());
    assert!(matches!(stage.trace(&change), Trace::Applied(_)));
}

#[test]
fn a_body_put_back_by_a_person_is_unclear() {
    let stage = stage();
    let id = stage.id("first");
    let change = update(
        "op1",
        id,
        vec![],
        Some((body("one\ntwo"), body("one\nthree"))),
    );
    stage.ada(|ada| ada.set_markdown(id, "one\ntwo").unwrap());
    stage.clock.advance(chrono::Duration::hours(1));
    assert!(matches!(stage.trace(&change), Trace::NotApplied));
    let block = stage.emulator().blocks(id)[1].id;
    stage.ada(|ada| {
        ada.edit_text(block, "three").unwrap();
        ada.edit_text(block, "two").unwrap();
    });
    assert!(matches!(stage.trace(&change), Trace::Unclear));
}

#[test]
fn our_own_edit_a_moment_before_is_nobody_who_puts_back() {
    let stage = stage();
    let id = stage.id("first");
    let seen = |text| (body("one\ntwo"), body(text));
    let first = update("op1", id, vec![], Some(seen("one\nthree")));
    stage.ada(|ada| ada.set_markdown(id, "one\ntwo").unwrap());
    stage.clock.advance(chrono::Duration::hours(1));
    stage.write(&first).unwrap();
    // In the very minute in which that was written.
    let change = (body("one\nthree"), body("one\nfour"));
    let second = update("op2", id, vec![], Some(change));
    stage.fault("PATCH", "/v1/blocks/", 0, Fault::DropBefore);
    assert_eq!(
        stage.write(&second).unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    stage.calm();
    assert!(matches!(stage.trace(&second), Trace::NotApplied));
    // A person who writes the same again may have put something back.
    let block = stage.emulator().blocks(id)[1].id;
    stage.ada(|ada| {
        ada.edit_text(block, "four").unwrap();
        ada.edit_text(block, "three").unwrap();
    });
    assert!(matches!(stage.trace(&second), Trace::Unclear));
}

#[test]
fn a_body_write_is_judged_on_a_page_in_the_trash_too() {
    let stage = stage();
    let id = stage.id("first");
    let change = update("op1", id, vec![], Some((body(BODY), body(NEXT))));
    stage.fault("PATCH", "/v1/blocks/", 0, Fault::DropBefore);
    assert_eq!(
        stage.write(&change).unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    stage.calm();
    stage.ada(|ada| ada.trash(id).unwrap());
    // Its blocks are not listed any more, so only the time of the page can tell.
    assert!(matches!(stage.trace(&change), Trace::Unclear));
}
