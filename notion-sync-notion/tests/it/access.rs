//! Checking an installation, and what is around the pages.

use futures::executor::block_on;
use notion_sync_core::mapping::MappingKind;
use notion_sync_notion::access::{self, Level};
use notion_sync_notion::{BookkeepingNames, Client, ClientSettings, RateGate};
use serde_json::json;

use crate::scripted::{client, response};
use crate::stage::Stage;

#[test]
fn a_good_installation_has_no_findings() {
    let stage =
        Stage::new(json!([{"id": "first", "parent": "tasks", "properties": {"Name": "x"}}]));
    let tasks = stage.id("tasks").to_string();
    let findings = block_on(access::check(
        &stage.client,
        &tasks,
        &BookkeepingNames::default(),
        MappingKind::Tasks,
    ))
    .unwrap();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].level, Level::Note);
    assert!(
        findings[0].to_string().contains("`Sync`"),
        "{}",
        findings[0]
    );
}

#[test]
fn faults_are_named_with_their_remedy() {
    let stage = Stage::new(json!([]));
    let names = BookkeepingNames::default();
    let faults = |id: &str| -> Vec<String> {
        block_on(access::check(&stage.client, id, &names, MappingKind::Tasks))
            .unwrap()
            .iter()
            .filter(|finding| finding.level > Level::Note)
            .map(ToString::to_string)
            .collect()
    };
    let backlog = stage.id("backlog").to_string();
    let tasks = stage.id("tasks").to_string();
    let found = faults(&backlog);
    assert!(
        found[0].contains("id of a database") && found[0].contains(&tasks),
        "{found:?}"
    );
    let found = faults("ffffffff-ffff-ffff-ffff-ffffffffffff");
    assert!(found[0].contains("not shared"), "{found:?}");
    let found = faults("not an id");
    assert!(found[0].starts_with("fault"), "{found:?}");
    let old = stage.id("old").to_string();
    let found = faults(&old);
    assert_eq!(found.len(), 8, "{found:?}");
    assert!(found.iter().all(|text| text.starts_with("warning")));

    let wrong = BookkeepingNames {
        number: "Status".to_owned(),
        ..BookkeepingNames::default()
    };
    let found = block_on(access::check(
        &stage.client,
        &tasks,
        &wrong,
        MappingKind::Tasks,
    ))
    .unwrap();
    let fault = found
        .iter()
        .find(|finding| finding.level == Level::Fault)
        .unwrap();
    assert!(fault.to_string().contains("`Status`") && fault.to_string().contains("number"));
}

#[test]
fn missing_properties_are_added_once() {
    let stage = Stage::new(json!([]));
    let old = stage.id("old").to_string();
    let names = BookkeepingNames::default();
    let add =
        |kind| block_on(access::create_properties(&stage.client, &old, &names, kind)).unwrap();
    let check = |kind| block_on(access::check(&stage.client, &old, &names, kind)).unwrap();
    assert_eq!(add(MappingKind::Documents).len(), 8);
    // What such a mapping never writes is not missed.
    let findings = check(MappingKind::Documents);
    assert_eq!(findings.len(), 1, "{findings:?}");
    let findings = check(MappingKind::Tasks);
    assert_eq!(findings.len(), 3, "{findings:?}");
    // What only tasks show is added for tasks; what is there already is left.
    let added = add(MappingKind::Tasks);
    assert_eq!(added.len(), 8, "{added:?}");
    assert!(added.contains(&"PR Status".to_owned()));
    let findings = check(MappingKind::Tasks);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(add(MappingKind::Tasks).is_empty());
}

#[test]
fn a_bad_token_ends_the_check() {
    let (client, send, _) = client();
    send.push(Ok(response(
        401,
        &[],
        r#"{"object":"error","status":401,"code":"unauthorized","message":"API token is invalid."}"#,
    )));
    let id = crate::scripted::ID;
    let names = BookkeepingNames::default();
    let findings = block_on(access::check(&client, id, &names, MappingKind::Tasks)).unwrap();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].level, Level::Fault);
    assert!(findings[0].remedy.as_deref().unwrap().contains("token"));
}

#[test]
fn people_comments_places_and_titles_are_found() {
    let stage = Stage::new(json!([
        {"id": "first", "parent": "tasks", "properties": {"Name": "Fix login"}}
    ]));
    let id = stage.id("first");
    stage.ada(|ada| ada.comment(id, "Look").unwrap());
    let people = block_on(access::directory(&stage.client)).unwrap();
    let ada = people
        .iter()
        .find(|user| user.name.as_deref() == Some("Ada"))
        .unwrap();
    assert_eq!(ada.email.as_deref(), Some("ada@example.org"));
    let text = id.to_string();
    let comments = block_on(access::comments(&stage.client, &text)).unwrap();
    assert_eq!(comments[0].text, "Look");
    let found = block_on(access::search(&stage.client, "login")).unwrap();
    assert!(
        found
            .iter()
            .any(|found| found.title == "Fix login" && found.id == text)
    );
    let (parent, in_trash) = block_on(access::locate(&stage.client, &text))
        .unwrap()
        .unwrap();
    assert_eq!(
        parent.id.as_deref(),
        Some(stage.id("tasks").to_string().as_str())
    );
    assert!(!in_trash);
    stage.ada(|ada| ada.purge(id).unwrap());
    assert!(
        block_on(access::locate(&stage.client, &text))
            .unwrap()
            .is_none()
    );
}

#[test]
fn tokens_that_cannot_work_are_refused() {
    for token in ["", "line\nbreak"] {
        let (_, send, clock) = client();
        let error = Client::new(
            ClientSettings::default(),
            token.into(),
            send,
            clock,
            std::sync::Arc::new(RateGate::default()),
        )
        .unwrap_err();
        assert!(!error.to_string().contains("break"), "{error}");
    }
}
