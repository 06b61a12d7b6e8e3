//! Writing pages: what is written, what is refused, what stays as it was.

use chrono::Duration;
use futures::executor::block_on;
use notion_sync_core::ErrorKind;
use notion_sync_core::clock::Clock as _;
use notion_sync_core::document::{Block, Document};
use notion_sync_core::remote::{Action, Trace};
use notion_sync_core::snapshot::{Content, Presence, Proof};
use notion_sync_core::value::Value;
use notion_sync_notion::Endpoint;
use notion_sync_notion::client::RateBudget;
use notion_sync_notion::pages::page_ref;
use notion_sync_testkit::bodies;
use notion_sync_testkit::simulation::Stream;
use serde_json::json;

use crate::stage::{Stage, body, create, flatten, update, world, write};

fn one(markdown: &str) -> Stage {
    Stage::roomy(
        json!([{"id": "first", "parent": "tasks", "markdown": markdown,
        "properties": {"Name": "First", "Tags": ["a", "b"], "Points": 1, "Status": "Not started"}}]),
    )
}

#[test]
fn a_page_is_made_with_one_request() {
    let stage = one("");
    let text = "Intro **bold**\n- [ ] one\n\t- nested\n```rust\nfn main() {}\n```\n> said";
    let made = create("op1", "Made", body(text));
    let _ = stage.key("Name");
    let (ack, requests) = stage.requests(|| stage.write(&made).unwrap());
    assert_eq!(requests, ["POST /v1/pages"]);
    let snapshot = ack.snapshot.unwrap();
    assert_eq!(snapshot.presence, Presence::Present);
    assert_eq!(snapshot.content, Content::NotRead);
    assert_eq!(snapshot.marker.created_by.as_ref().unwrap().as_str(), "op1");
    assert_eq!(snapshot.marker.written_by.as_ref().unwrap().as_str(), "op1");
    assert_eq!(snapshot.bookkeeping["path"], "docs/x.md");
    assert_eq!(
        snapshot.bookkeeping["url"],
        "https://github.com/acme/x/issues/1"
    );
    let id = snapshot.object.id.parse().unwrap();
    assert!(stage.content(id).canon_eq(&body(text)));
}

#[test]
fn a_page_says_who_made_it_and_who_edited_it() {
    let stage = one("");
    let made = create("op1", "Made", body("text"));
    let before = stage.clock.now();
    let snapshot = stage.write(&made).unwrap().snapshot.unwrap();
    let by_us = snapshot.made.clone().expect("it says so");
    assert!((before - Duration::minutes(1)..=stage.clock.now()).contains(&by_us.at));
    assert_eq!(snapshot.actor.as_ref(), Some(&by_us.by));
    let id = snapshot.object.id.parse().unwrap();
    stage.clock.advance(Duration::minutes(5));
    stage.ada(|ada| ada.rename(id, "Hers").unwrap());
    let edited = stage.read_id(id);
    assert_eq!(edited.made.as_ref(), Some(&by_us));
    assert_ne!(edited.actor, Some(by_us.by.clone()));
    // A copy carries the mark of the original, and says who made it.
    let copy = stage.ada(|ada| ada.duplicate(id).unwrap());
    let copy = stage.read_id(copy);
    assert_eq!(copy.marker.created_by, snapshot.marker.created_by);
    let by_ada = copy.made.unwrap();
    assert_eq!(
        (Some(by_ada.by), by_ada.at > by_us.at),
        (edited.actor, true)
    );
}

#[test]
fn a_heading_at_the_top_never_becomes_the_title() {
    for title in ["", "Given"] {
        let stage = one("");
        let made = create("op1", title, body("# Heading\ntext"));
        let snapshot = stage.write(&made).unwrap().snapshot.unwrap();
        assert_eq!(stage.field(&snapshot, "Name"), Value::text(title));
        let id = snapshot.object.id.parse().unwrap();
        assert!(stage.content(id).canon_eq(&body("# Heading\ntext")));
    }
}

/// A body that no single request can carry: long, and deeper than an append may be.
pub(crate) fn large() -> Document {
    let mut blocks: Vec<Block> = (0..230)
        .map(|n| Block::paragraph(format!("paragraph {n}")))
        .collect();
    let mut deep = body("- bottom").blocks;
    for level in (0..6).rev() {
        let mut item = body(&format!("- level {level}")).blocks.remove(0);
        item.children = deep;
        deep = vec![item];
    }
    blocks.insert(3, deep.remove(0));
    // A heading at the top keeps the body from travelling as Markdown.
    blocks.insert(0, body("# Top").blocks.remove(0));
    Document { blocks }
}

#[test]
fn a_large_page_is_made_in_stages() {
    let stage = one("");
    let made = create("op1", "Large", large());
    let snapshot = stage.write(&made).unwrap().snapshot.unwrap();
    assert_eq!(snapshot.marker.written_by.as_ref().unwrap().as_str(), "op1");
    let id = snapshot.object.id.parse().unwrap();
    assert!(stage.content(id).canon_eq(&large()));
    let again = stage.write(&made).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    let tasks = stage.id("tasks");
    assert_eq!(stage.emulator().rows(tasks).len(), 2);
}

#[test]
fn a_write_of_many_steps_waits_for_room_before_it_begins() {
    let budget = RateBudget {
        requests: 8,
        window_seconds: 60,
    };
    let stage = Stage::of(world(json!([])), |_| {}, budget);
    let _ = stage.key("Name");
    let made = create("op1", "Large", large());
    for _ in 0..3 {
        let error = stage.write(&made).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited, "{error}");
    }
    let tasks = stage.id("tasks");
    assert_eq!(stage.emulator().rows(tasks).len(), 0);
}

#[test]
fn unknown_options_are_not_added() {
    let stage = one("");
    let id = stage.id("first");
    for (name, value) in [
        ("Priority", Value::text("Urgent")),
        ("Status", Value::text("Blocked")),
        ("Tags", Value::set(["a", "b", "z"])),
    ] {
        let before = stage.field(&stage.read("first"), name);
        let change = update(
            "op1",
            id,
            vec![(stage.key(name), before, value.clone())],
            None,
        );
        let error = stage.write(&change).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Blocked, "{name}");
        let text = error.to_string();
        assert!(text.contains(name), "{text}");
        let option = value.elements().into_iter().next_back().unwrap();
        assert!(text.contains(&option), "{text}");
    }
    // A person adds it: the next attempt finds it.
    let tasks = stage.id("tasks");
    stage.ada(|ada| {
        let options = json!({"Priority": {"select": {"options": [
            {"name": "High"}, {"name": "Low"}, {"name": "Urgent"}]}}});
        ada.change_schema(tasks, &options).unwrap();
    });
    let fields = vec![(stage.key("Priority"), Value::Null, Value::text("Urgent"))];
    let ack = stage.write(&update("op2", id, fields, None)).unwrap();
    assert_eq!(
        stage.field(&ack.snapshot.unwrap(), "Priority"),
        Value::text("Urgent")
    );
    let open = Stage::of(
        world(json!([{"id": "first", "parent": "tasks", "properties": {"Name": "x"}}])),
        |settings| settings.create_options = true,
        RateBudget::default(),
    );
    let fields = vec![(open.key("Priority"), Value::Null, Value::text("New"))];
    assert!(
        open.write(&update("op1", open.id("first"), fields, None))
            .is_ok()
    );
}

#[test]
fn fields_are_written_only_over_what_was_expected() {
    let stage = one("text");
    let id = stage.id("first");
    let key = |name: &str| stage.key(name);
    let change = update(
        "op1",
        id,
        vec![
            (key("Name"), Value::text("First"), Value::text("Second")),
            (
                key("Points"),
                Value::Number("1".to_owned()),
                Value::Number("2.5".to_owned()),
            ),
            (
                key("Status"),
                Value::text("Not started"),
                Value::text("Done"),
            ),
            (key("Tags"), Value::set(["a", "b"]), Value::set(["b", "c"])),
            (key("Due"), Value::Null, Value::text("2026-09-15T07:00:00Z")),
        ],
        None,
    );
    // A person touches an element that the change does not.
    stage.ada(|ada| ada.set_property(id, "Tags", json!(["a"])).unwrap());
    let (ack, requests) = stage.requests(|| stage.write(&change).unwrap());
    assert_eq!(
        requests
            .iter()
            .filter(|call| call.starts_with("PATCH"))
            .count(),
        1,
        "{requests:?}"
    );
    let snapshot = ack.snapshot.unwrap();
    assert_eq!(stage.field(&snapshot, "Name"), Value::text("Second"));
    assert_eq!(
        stage.field(&snapshot, "Points"),
        Value::Number("2.5".to_owned())
    );
    assert_eq!(stage.field(&snapshot, "Tags"), Value::set(["c"]));
    assert_eq!(
        stage.field(&snapshot, "Due"),
        Value::text("2026-09-15T07:00:00Z")
    );
    assert_eq!(snapshot.marker.written_by.as_ref().unwrap().as_str(), "op1");

    // The same again: everything holds already, nothing is sent.
    let (_, requests) = stage.requests(|| stage.write(&change).unwrap());
    assert!(
        requests.iter().all(|call| call.starts_with("GET")),
        "{requests:?}"
    );

    // Somebody else was there first.
    stage.ada(|ada| ada.rename(id, "Third").unwrap());
    let late = update(
        "op2",
        id,
        vec![(key("Name"), Value::text("Second"), Value::text("Fourth"))],
        None,
    );
    let error = stage.write(&late).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale);
    assert_eq!(stage.emulator().title(id).as_deref(), Some("Third"));
}

/// The steps of a body take a while: what people write into a property meanwhile is not written over.
#[test]
fn properties_are_compared_again_after_the_steps_of_a_body() {
    let stage = one("One");
    let id = stage.id("first");
    let key = |name: &str| stage.key(name);
    let title = |from: &str, to: &str| (key("Name"), Value::text(from), Value::text(to));
    let tags = (key("Tags"), Value::set(["a", "b"]), Value::set(["b", "c"]));
    let first = update(
        "op1",
        id,
        vec![title("First", "Second"), tags],
        Some((body("One"), body("Two"))),
    );
    stage.meanwhile("PATCH", "/v1/blocks/", move |ada| {
        ada.set_property(id, "Tags", json!(["a"])).unwrap();
    });
    let snapshot = stage.write(&first).unwrap().snapshot.unwrap();
    assert_eq!(stage.field(&snapshot, "Name"), Value::text("Second"));
    assert_eq!(stage.field(&snapshot, "Tags"), Value::set(["c"]));
    let second = update(
        "op2",
        id,
        vec![title("Second", "Third")],
        Some((body("Two"), body("Three"))),
    );
    stage.meanwhile("PATCH", "/v1/blocks/", move |ada| {
        ada.rename(id, "Hers").unwrap();
    });
    let error = stage.write(&second).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(stage.emulator().title(id).as_deref(), Some("Hers"));
    match stage.trace(&second) {
        Trace::Partly(snapshot) => {
            assert_eq!(stage.field(&snapshot, "Name"), Value::text("Hers"));
            assert_eq!(snapshot.content, Content::Blocks(body("Three")));
        }
        other => panic!("{other:?}"),
    }
}

/// What is as it should be is not sent, so what the answer says of it is nobody's form of what was written.
#[test]
fn what_was_not_sent_is_not_taken_from_the_answer() {
    let stage = one("One");
    let id = stage.id("first");
    let key = |name: &str| stage.key(name);
    let title = (key("Name"), Value::text("First"), Value::text("Second"));
    let tags = (key("Tags"), Value::set(["b"]), Value::set(["a", "b"]));
    let write = update("op1", id, vec![title, tags], None);
    stage.meanwhile("GET", "/v1/pages/", move |ada| {
        ada.set_property(id, "Tags", json!(["b"])).unwrap();
    });
    let snapshot = stage.write(&write).unwrap().snapshot.unwrap();
    assert_eq!(stage.field(&snapshot, "Name"), Value::text("Second"));
    assert_eq!(stage.field(&snapshot, "Tags"), Value::set(["a", "b"]));
}

/// Markdown does not show the caption of a code block: who edits the code takes it away from nobody.
#[test]
fn a_caption_that_nobody_saw_stays() {
    let stage = one("```rust\nfn a() {}\n```");
    let id = stage.id("first");
    let block = stage.emulator().blocks(id)[0].id.to_string();
    let caption = json!([{"type": "text", "text": {"content": "Listing 1"}}]);
    let captioned = Endpoint::update_block(&block, json!({"code": {"caption": caption}})).unwrap();
    block_on(stage.client.call(&captioned)).unwrap();
    let before = stage.content(id);
    let after = body("```rust\nfn b() {}\n```");
    let edit = update("op1", id, vec![], Some((before, after.clone())));
    stage.write(&edit).unwrap();
    assert!(stage.content(id).canon_eq(&after));
    let children = |cursor: Option<&str>| Endpoint::children(&id.to_string(), cursor);
    let listed = block_on(stage.client.all_of(children)).unwrap();
    assert!(listed.results[0].get().contains("Listing 1"));
}

#[test]
fn body_steps_keep_the_ids_of_what_they_do_not_touch() {
    let before = "Intro\n- one\n\t- inner a\n\t- inner b\n- two\n<details>\n<summary>More</summary>\n\thidden\n\talso\n</details>\nOutro";
    for (after, kept) in [
        // Text of one nested block.
        (
            "Intro\n- one\n\t- inner a\n\t- inner B\n- two\n<details>\n<summary>More</summary>\n\thidden\n\talso\n</details>\nOutro",
            9,
        ),
        // A new block between two others.
        (
            "Intro\nnew\n- one\n\t- inner a\n\t- inner b\n- two\n<details>\n<summary>More</summary>\n\thidden\n\talso\n</details>\nOutro",
            9,
        ),
        // One block gone, inside a toggle.
        (
            "Intro\n- one\n\t- inner a\n\t- inner b\n- two\n<details>\n<summary>More</summary>\n\thidden\n</details>\nOutro",
            8,
        ),
        // One at the start, one at the end.
        (
            "Zero\nIntro\n- one\n\t- inner a\n\t- inner b\n- two\n<details>\n<summary>More</summary>\n\thidden\n\talso\n</details>\nOutro\nLast",
            9,
        ),
        // Another type.
        (
            "Intro\n- one\n\t- inner a\n\t- inner b\n1. two\n<details>\n<summary>More</summary>\n\thidden\n\talso\n</details>\nOutro",
            8,
        ),
    ] {
        let stage = one(before);
        let id = stage.id("first");
        let old = stage.emulator().blocks(id);
        let change = update("op1", id, vec![], Some((body(before), body(after))));
        let (ack, requests) = stage.requests(|| stage.write(&change).unwrap());
        assert!(ack.notes.is_empty(), "{:?} {requests:#?}", ack.notes);
        assert!(stage.content(id).canon_eq(&body(after)), "{after}");
        let Content::Blocks(shown) = ack.snapshot.unwrap().content else {
            panic!("no content")
        };
        assert!(shown.canon_eq(&body(after)));
        let new = stage.emulator().blocks(id);
        let old: Vec<_> = flatten(&old).iter().map(|block| block.id).collect();
        let stayed = flatten(&new)
            .iter()
            .filter(|block| old.contains(&block.id))
            .count();
        assert_eq!(stayed, kept, "{after}\n{requests:#?}");
    }
}

#[test]
fn rows_come_into_a_table_and_columns_beside_others() {
    let table = |rows: &[&str]| -> String {
        let rows = rows.iter().map(|row| {
            let cells = row.split(' ').map(|cell| format!("\t\t<td>{cell}</td>\n"));
            format!("\t<tr>\n{}\t</tr>\n", cells.collect::<String>())
        });
        format!("Intro\n<table>\n{}</table>", rows.collect::<String>())
    };
    let columns = |texts: &[&str]| -> String {
        let columns = texts.iter();
        let columns = columns.map(|text| format!("\t<column>\n\t\t{text}\n\t</column>\n"));
        format!(
            "Intro\n<columns>\n{}</columns>",
            columns.collect::<String>()
        )
    };
    let first = ["a b", "c d"];
    let tables = [
        (&["a b", "c d", "e f"][..], 4),
        (&["x y", "a b", "c d"], 4),
        (&["a b", "m n", "c d", "o p"], 4),
        (&["a b"], 3),
        (&["a b x", "c d y"], 1),
    ];
    let lists = [
        (&["one", "two", "three"][..], 1),
        (&["one", "two"], 6),
        (&["one", "2"], 6),
    ];
    let edits = tables.map(|(after, kept)| (table(&first), table(after), kept));
    let more = lists.map(|(after, kept)| (columns(&["one", "two"]), columns(after), kept));
    for (before, after, kept) in edits.into_iter().chain(more) {
        let stage = one(&before);
        let id = stage.id("first");
        let old = stage.emulator().blocks(id);
        let change = update("op1", id, vec![], Some((stage.content(id), body(&after))));
        let (ack, requests) = stage.requests(|| stage.write(&change));
        let ack = ack.unwrap_or_else(|error| panic!("{before}\n->\n{after}\n{error}"));
        assert!(ack.notes.is_empty(), "{:?} {requests:#?}", ack.notes);
        assert!(stage.content(id).canon_eq(&body(&after)), "{after}");
        let old: Vec<_> = flatten(&old).iter().map(|block| block.id).collect();
        let new = stage.emulator().blocks(id);
        let new = flatten(&new);
        let stayed = new.iter().filter(|block| old.contains(&block.id)).count();
        assert_eq!(stayed, kept, "{after}\n{requests:#?}");
    }
}

/// Random bodies, changed into other random bodies.
#[test]
fn any_body_can_become_any_other() {
    let mut random = Stream::new(11, "bodies");
    let mut calls = 0;
    for case in 0..150 {
        let (before, after) = (bodies::page(&mut random), bodies::page(&mut random));
        let stage = one(&before);
        let id = stage.id("first");
        let current = stage.content(id);
        let change = update("op1", id, vec![], Some((current, body(&after))));
        let (ack, requests) = stage.requests(|| stage.write(&change));
        let ack = ack.unwrap_or_else(|error| panic!("case {case}: {error}\n{before}\n->\n{after}"));
        assert!(ack.notes.is_empty(), "case {case}: {:?}", ack.notes);
        assert!(
            stage.content(id).canon_eq(&body(&after)),
            "case {case}:\n{before}\n->\n{after}\n{requests:#?}"
        );
        calls += requests.len();
    }
    println!("150 pairs of bodies, {calls} requests");
}

#[test]
fn bodies_are_written_only_over_what_was_expected() {
    let stage = one("one\ntwo");
    let id = stage.id("first");
    let block = stage.emulator().blocks(id)[0].id;
    stage.ada(|ada| ada.edit_text(block, "edited").unwrap());
    let change = update(
        "op1",
        id,
        vec![],
        Some((body("one\ntwo"), body("one\nthree"))),
    );
    let (error, requests) = stage.requests(|| stage.write(&change).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Stale);
    assert!(
        requests.iter().all(|call| call.starts_with("GET")),
        "{requests:?}"
    );
    assert_eq!(stage.emulator().markdown(id), "edited\ntwo");
}

#[test]
fn what_cannot_be_expressed_stays_untouched() {
    let stage = Stage::roomy(
        json!([{"id": "first", "parent": "tasks", "properties": {"Name": "x"}, "blocks": [
            {"type": "paragraph", "paragraph": {"rich_text": [{"text": {"content": "before"}}]}},
            {"type": "bookmark", "bookmark": {"url": "https://example.org/x"}},
            {"type": "unsupported", "unsupported": {"block_type": "button"}},
            {"type": "paragraph", "paragraph": {"rich_text": [{"text": {"content": "after"}}]}}
        ]}]),
    );
    let id = stage.id("first");
    let old = stage.emulator().blocks(id);
    let current = stage.content(id);
    let mut desired = current.clone();
    desired.blocks[3] = Block::paragraph("changed");
    let change = update("op1", id, vec![], Some((current, desired.clone())));
    stage.write(&change).unwrap();
    let new = stage.emulator().blocks(id);
    assert_eq!(
        new.iter().map(|block| block.id).collect::<Vec<_>>(),
        old.iter().map(|block| block.id).collect::<Vec<_>>()
    );
    assert_eq!(new[3].text, "changed");
    assert!(stage.content(id).canon_eq(&desired));

    // A page with such a block cannot be made: said before anything is sent.
    let (error, requests) =
        stage.requests(|| stage.write(&create("op2", "x", desired)).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Blocked, "{error}");
    assert!(
        requests.iter().all(|call| !call.starts_with("POST")),
        "{requests:?}"
    );
}

#[test]
fn pages_are_trashed_only_as_they_were_seen() {
    let stage = one("text");
    let id = stage.id("first");
    let seen = stage.read("first");
    let object = page_ref(&id.to_string());
    let remove = |expected: &str| {
        write(
            "op1",
            Action::Remove {
                object: object.clone(),
                expected: expected.to_owned(),
            },
        )
    };
    stage.clock.advance(Duration::minutes(5));
    stage.ada(|ada| ada.rename(id, "Edited").unwrap());
    let late = stage.write(&remove(&seen.revision.token)).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Stale);
    // The body is still the one that was seen.
    let hash = body("text").hash().to_string();
    let gone = stage.write(&remove(&hash)).unwrap().snapshot.unwrap();
    assert_eq!(gone.presence, Presence::Gone(Proof::InTrash));
    assert!(!stage.emulator().is_alive(id));
    // Again: it is there already.
    assert!(stage.write(&remove("x")).is_ok());
    let back = stage
        .write(&write("op2", Action::Restore { object }))
        .unwrap();
    assert_eq!(back.snapshot.unwrap().presence, Presence::Present);
    assert!(stage.emulator().is_alive(id));
}

#[test]
fn bookkeeping_is_written_only_when_it_differs() {
    let stage = one("text");
    let id = stage.id("first");
    let keep = |status: &str| {
        let fields = [
            ("status", status),
            ("commit", "abc"),
            ("number", "42"),
            ("synced_at", "2026-11-21T12:00:00Z"),
            ("nowhere", "x"),
        ];
        write(
            "op1",
            Action::Bookkeep {
                object: page_ref(&id.to_string()),
                fields: fields
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .into(),
            },
        )
    };
    let (ack, requests) = stage.requests(|| stage.write(&keep("Synced")).unwrap());
    assert_eq!(
        requests
            .iter()
            .filter(|call| call.starts_with("PATCH"))
            .count(),
        1
    );
    let shown = ack.snapshot.unwrap().bookkeeping;
    for (key, value) in [
        ("status", "Synced"),
        ("commit", "abc"),
        ("number", "42"),
        ("synced_at", "2026-11-21T12:00:00Z"),
    ] {
        assert_eq!(shown[key], value);
    }
    let (_, requests) = stage.requests(|| stage.write(&keep("Synced")).unwrap());
    assert_eq!(requests.len(), 1, "{requests:?}");
    let cleared = stage.write(&keep("")).unwrap().snapshot.unwrap();
    assert!(!cleared.bookkeeping.contains_key("status"));
}

#[test]
fn comments_carry_their_mark() {
    let stage = one("text");
    let id = stage.id("first");
    let comment = write(
        "op1",
        Action::Comment {
            object: page_ref(&id.to_string()),
            text: "Two **values** differ".to_owned(),
        },
    );
    let ack = stage.write(&comment).unwrap();
    assert!(ack.notes.contains_key("comment"));
    let texts = stage.emulator().comments(id);
    assert_eq!(texts.len(), 1);
    assert!(
        texts[0].contains("values") && texts[0].contains("nsync:op1"),
        "{texts:?}"
    );
}
