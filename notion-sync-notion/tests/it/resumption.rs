//! Pages that are made in stages: what a broken attempt left is gone on with, and looked at first.

use futures::executor::block_on;
use notion_sync_core::ErrorKind;
use notion_sync_core::bounds::Bounds;
use notion_sync_core::document::Document;
use notion_sync_core::http::Request;
use notion_sync_core::remote::{Remote as _, Trace, Write};
use notion_sync_notion::{NotionPages, PageSettings};
use notion_sync_testkit::emulator::Fault;
use notion_sync_testkit::notion::NotionId;
use serde_json::json;

use crate::scripted::{ID, client, response};
use crate::stage::{Stage, body, create, update};
use crate::writing::large;

/// Columns that no request can make with the first block that stands in each of them.
fn columns() -> Document {
    // A heading at the top keeps the body from travelling as Markdown.
    body(concat!(
        "# Top\n<columns>\n\t<column>\n",
        "\t\t<table>\n\t\t\t<tr>\n\t\t\t\t<td>a</td>\n\t\t\t</tr>\n\t\t</table>\n\t\tafter\n",
        "\t</column>\n\t<column>\n",
        "\t\t<table>\n\t\t\t<tr>\n\t\t\t\t<td>b</td>\n\t\t\t</tr>\n\t\t</table>\n\t\tlast\n",
        "\t</column>\n</columns>\nend",
    ))
}

const REFUSED: Fault = Fault::Refuse {
    status: 502,
    retry_after: None,
};

/// A stage, and the create that a fault broke off, so that it is sent again.
fn broken(content: Document, method: &str, path: &str, skip: u32) -> (Stage, Write) {
    let stage = Stage::roomy(json!([]));
    let made = create("op1", "Made", content);
    stage.fault(method, path, skip, REFUSED);
    let error = stage.write(&made).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    stage.calm();
    stage.clock.advance(chrono::Duration::minutes(2));
    assert!(matches!(stage.trace(&made), Trace::NotApplied));
    (stage, made)
}

fn made(stage: &Stage) -> NotionId {
    let tasks = stage.id("tasks");
    let rows = stage.emulator().rows(tasks);
    assert_eq!(rows.len(), 1);
    rows[0]
}

#[test]
fn a_page_that_lacks_only_its_mark_is_only_marked() {
    let (stage, write) = broken(columns(), "PATCH", "/v1/pages/", 0);
    let (result, requests) = stage.requests(|| stage.write(&write));
    result.unwrap();
    assert!(stage.content(made(&stage)).canon_eq(&columns()));
    let writes = |call: &&String| call.starts_with("PATCH") || call.starts_with("DELETE");
    assert_eq!(requests.iter().filter(writes).count(), 1, "{requests:?}");
}

#[test]
fn a_placeholder_that_is_gone_is_not_missed() {
    for skip in 0..2 {
        let (stage, write) = broken(columns(), "DELETE", "/v1/blocks/", skip);
        stage.write(&write).unwrap();
        assert!(stage.content(made(&stage)).canon_eq(&columns()), "{skip}");
    }
}

#[test]
fn every_break_of_columns_is_gone_on_with() {
    for skip in 0..3 {
        let (stage, write) = broken(columns(), "PATCH", "/v1/", skip);
        stage.write(&write).unwrap();
        assert!(stage.content(made(&stage)).canon_eq(&columns()), "{skip}");
    }
}

/// A body that says otherwise than what was asked for still holds every block that was sent.
#[test]
fn a_block_added_behind_a_whole_page_stays() {
    let (stage, write) = broken(columns(), "PATCH", "/v1/pages/", 0);
    let id = made(&stage);
    stage.ada(|ada| ada.append(id, "hers").unwrap());
    stage.write(&write).unwrap();
    let mut wanted = columns();
    wanted.blocks.extend(body("hers").blocks);
    assert!(stage.content(id).canon_eq(&wanted));
}

#[test]
fn what_a_person_changed_in_a_half_made_page_stops_it() {
    let acts: [fn(&Stage, NotionId); 3] = [
        |stage, id| {
            stage.ada(|ada| ada.prepend(id, "hers").unwrap());
        },
        |stage, id| {
            stage.ada(|ada| ada.append(id, "hers").unwrap());
        },
        |stage, id| {
            let block = stage.emulator().blocks(id)[7].id;
            stage.ada(|ada| ada.edit_text(block, "hers").unwrap());
        },
    ];
    for (index, act) in acts.into_iter().enumerate() {
        let (stage, write) = broken(large(), "PATCH", "/v1/blocks/", 1);
        let id = made(&stage);
        act(&stage, id);
        let before = stage.emulator().markdown(id);
        let error = stage.write(&write).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Blocked, "{index}: {error}");
        assert!(error.remedy_text().is_some(), "{index}: {error}");
        assert_eq!(stage.emulator().markdown(id), before, "{index}");
        // As the remedy says: then it is made anew.
        stage.ada(|ada| ada.trash(id).unwrap());
        stage.write(&write).unwrap();
        assert!(stage.content(made(&stage)).canon_eq(&large()), "{index}");
    }
}

#[test]
fn columns_are_inserted_whole() {
    let stage = Stage::roomy(json!([{"id": "first", "parent": "tasks", "markdown": "One",
        "properties": {"Name": "First"}}]));
    let id = stage.id("first");
    let mut desired = body("One");
    desired.blocks.extend(columns().blocks);
    let change = update("op1", id, vec![], Some((body("One"), desired.clone())));
    stage.write(&change).unwrap();
    assert!(stage.content(id).canon_eq(&desired));
}

#[test]
fn cursors_that_alternate_end_the_look_at_a_page() {
    let (client, send, _) = client();
    let answer = |body: String| send.push(Ok(response(200, &[], body)));
    answer(format!(
        r#"{{"object":"data_source","id":"{ID}","properties":{{"Name":{{"id":"title","name":"Name","type":"title","title":{{}}}}}}}}"#
    ));
    answer(format!(
        r#"{{"object":"page","id":"{ID}","properties":{{}}}}"#
    ));
    for cursor in ["a", "b", "a", "b", "a", "b"] {
        answer(format!(
            r#"{{"results":[],"has_more":true,"next_cursor":"{cursor}"}}"#
        ));
    }
    let pages = NotionPages::new(client, PageSettings::new(ID, &Bounds::default())).unwrap();
    let made = create("op1", "Made", columns());
    let error = block_on(pages.write(&[made])).remove(0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let lists = |request: &Request| request.uri().path().ends_with("/children");
    assert_eq!(send.requests().iter().filter(|call| lists(call)).count(), 3);
}
