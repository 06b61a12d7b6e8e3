//! What is taken, what is refused, what is left behind.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::{DateTime, Duration, Utc};
use notion_sync_core::id::MappingId;
use notion_sync_receiver::{
    Place, Scope, Settings, SigningSecrets, Source, forget_handshake, handshake_token,
};
use notion_sync_testkit::webhook::Delivery;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::recorded::fixtures;
use crate::sent::{GITHUB, NOTION, PAGE, SOURCE, event, issue, notion_event, row};
use crate::stand::{Stand, places, secret, settings};

/// Settings that leave the token of Notion to the handshake.
pub(crate) fn without_notion() -> Settings {
    Settings {
        notion: SigningSecrets::default(),
        ..settings()
    }
}

#[tokio::test]
async fn recorded_deliveries_are_answered_2xx_and_401_after_one_byte_changed() {
    let Some(folder) = fixtures("notion/webhooks") else {
        return;
    };
    let stand = Stand::new().await;
    let mut taken = 0;
    let damaged = |delivery: &Delivery, place: usize| {
        let mut body = delivery.body.to_vec();
        body[place] ^= 1;
        Delivery {
            body: body.into(),
            ..delivery.clone()
        }
    };
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_stem().unwrap();
            name != "index" && name != "verification-handshake"
        })
        .collect();
    files.sort();
    for path in files {
        let bytes = std::fs::read(&path).unwrap();
        let json: Value = serde_json::from_slice(&bytes).unwrap();
        let at: DateTime<Utc> = json["timestamp"].as_str().unwrap().parse().unwrap();
        // Each is received shortly after it happened.
        let then = Stand::at(at + Duration::minutes(2), settings(), Arc::default()).await;
        let delivery = Delivery::notion(NOTION, "", bytes);
        assert_eq!(
            then.send("/webhooks/notion", delivery.clone()).await,
            200,
            "{path:?}"
        );
        let last = delivery.body.len() - 1;
        for place in [0, last / 2, last] {
            let status = then
                .send("/webhooks/notion", damaged(&delivery, place))
                .await;
            assert_eq!(status, 401, "{path:?} {place}");
        }
        // Years later it is somebody else who sends it.
        assert_eq!(
            stand.send("/webhooks/notion", delivery).await,
            400,
            "{path:?}"
        );
        taken += 1;
    }
    assert!(taken >= 15, "{taken}");

    let folder = fixtures("github/webhooks").unwrap();
    let index = std::fs::read(folder.join("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    let mut taken = 0;
    for (number, entry) in index["deliveries"].as_array().unwrap().iter().enumerate() {
        let (file, event) = (
            entry["file"].as_str().unwrap(),
            entry["event"].as_str().unwrap(),
        );
        let bytes = std::fs::read(folder.join(file)).unwrap();
        for (form, delivery) in [
            Delivery::github(GITHUB, &format!("plain-{number}"), event, bytes.clone()),
            Delivery::github_form(GITHUB, &format!("form-{number}"), event, &bytes),
        ]
        .into_iter()
        .enumerate()
        {
            let status = stand.send("/webhooks/github", delivery.clone()).await;
            assert_eq!(status, 202, "{file} {form}");
            let last = delivery.body.len() - 1;
            for place in [0, last / 2, last] {
                let status = stand
                    .send("/webhooks/github", damaged(&delivery, place))
                    .await;
                assert_eq!(status, 401, "{file} {place}");
            }
            taken += 1;
        }
    }
    assert!(taken >= 500, "{taken}");
    let accepted = stand.count(Source::Github, "accepted");
    let ignored = stand.count(Source::Github, "ignored");
    assert_eq!(accepted + ignored, taken);
    assert_eq!(u64::try_from(stand.inbox().await.len()).unwrap(), accepted);
    assert!(accepted >= 60 && ignored > 100, "{accepted} {ignored}");
}

#[tokio::test]
async fn a_hint_is_stored_once_and_names_its_mapping() {
    let stand = Stand::new().await;
    for _ in 0..3 {
        let page = notion_event("n-1", "page.content_updated", row());
        assert_eq!(stand.send("/webhooks/notion", page).await, 200);
        assert_eq!(stand.send("/webhooks/github", issue("g-1")).await, 202);
        assert_eq!(stand.send("/events", event("e-1", None)).await, 202);
    }
    let old = Delivery::github("the one before", "g-2", "issues", issue("g-2").body);
    assert_eq!(stand.send("/webhooks/github", old).await, 202);
    let named = stand.send("/events", event("e-2", Some("handbook"))).await;
    assert_eq!(named, 202);
    let mut hints: Vec<(String, Option<MappingId>)> = stand
        .inbox()
        .await
        .into_iter()
        .map(|hint| (hint.id, hint.mapping))
        .collect();
    hints.sort();
    let wanted = [
        ("e-1", None),
        ("e-2", Some("handbook")),
        ("g-1", Some("backlog")),
        ("g-2", Some("backlog")),
        ("n-1", Some("handbook")),
    ];
    let wanted = wanted.map(|(id, mapping)| (id.to_owned(), mapping.map(MappingId::from)));
    assert_eq!(hints, wanted);
    assert_eq!(stand.count(Source::Notion, "repeated"), 2);
    assert_eq!(stand.count(Source::Github, "repeated"), 2);
    assert_eq!(stand.count(Source::Events, "repeated"), 2);
}

#[tokio::test]
async fn only_what_can_matter_is_stored() {
    let stand = Stand::new().await;
    let elsewhere = json!({"parent": {"id": PAGE, "type": "database", "data_source_id": PAGE}});
    for (id, kind, data, stored) in [
        ("1", "page.content_updated", elsewhere.clone(), false),
        // It may have left a data source of ours.
        ("2", "page.moved", elsewhere.clone(), true),
        ("3", "page.deleted", elsewhere, true),
        ("4", "page.content_updated", json!({}), true),
        ("5", "comment.created", row(), false),
        ("6", "page.something_new", row(), true),
    ] {
        let before = stand.inbox().await.len();
        assert_eq!(
            stand
                .send("/webhooks/notion", notion_event(id, kind, data))
                .await,
            200
        );
        assert_eq!(stand.inbox().await.len() > before, stored, "{id} {kind}");
    }
    let repository = |name: &str| json!({"id": 9, "full_name": name});
    let ours = || repository("Codertocat/hello-WORLD");
    let cases = [
        (
            "push",
            json!({"ref": "refs/heads/master", "repository": ours()}),
            true,
        ),
        (
            "push",
            json!({"ref": "refs/heads/other", "repository": ours()}),
            false,
        ),
        (
            "push",
            json!({"ref": "refs/heads/master", "repository": repository("a/b")}),
            false,
        ),
        (
            "pull_request",
            json!({"pull_request": {"number": 1}, "repository": ours()}),
            true,
        ),
        (
            "issues",
            json!({"issue": {"number": 1}, "repository": repository("a/b")}),
            false,
        ),
        (
            "issue_comment",
            json!({"issue": {"number": 1}, "repository": ours()}),
            false,
        ),
        (
            "check_run",
            json!({"check_run": {"head_sha": "a"}, "repository": ours()}),
            false,
        ),
        (
            "repository",
            json!({"action": "renamed", "repository": repository("new/name")}),
            true,
        ),
        ("star", json!({"repository": ours()}), false),
        ("ping", json!({"zen": "x"}), false),
    ];
    for (number, (event, body, stored)) in cases.into_iter().enumerate() {
        let before = stand.inbox().await.len();
        let delivery = Delivery::github(GITHUB, &format!("g{number}"), event, body.to_string());
        assert_eq!(stand.send("/webhooks/github", delivery).await, 202);
        assert_eq!(stand.inbox().await.len() > before, stored, "{event} {body}");
    }
}

#[tokio::test]
async fn comments_concern_whoever_lets_them_follow() {
    let [handbook, backlog] = places();
    let follow = Place {
        comments: true,
        ..backlog
    };
    let settings = Settings {
        scope: Scope::new([handbook, follow]),
        ..settings()
    };
    let stand = Stand::with(settings, Arc::default()).await;
    let about = json!({"page_id": PAGE, "parent": {"id": SOURCE, "type": "block"}});
    let event = notion_event("1", "comment.deleted", about);
    assert_eq!(stand.send("/webhooks/notion", event).await, 200);
    let body = json!({
        "action": "deleted", "issue": {"number": 3}, "comment": {"id": 5},
        "repository": {"id": 9, "full_name": "Codertocat/Hello-World"},
    });
    let event = Delivery::github(GITHUB, "g1", "issue_comment", body.to_string());
    assert_eq!(stand.send("/webhooks/github", event).await, 202);
    let hints = stand.inbox().await;
    assert_eq!(hints.len(), 2);
    for hint in &hints {
        assert_eq!(hint.mapping, Some(MappingId::from("backlog")));
    }
    let found = hints
        .iter()
        .find(|hint| hint.object.kind == "page")
        .unwrap();
    assert!(found.changed.contains_key("comment") && found.changed.contains_key("block"));
    assert!(hints.iter().any(|hint| hint.object.id == "9#3"));
}

#[tokio::test]
async fn what_could_not_be_stored_is_asked_for_again() {
    let stand = Stand::new().await;
    stand.store.broken.store(true, Ordering::Relaxed);
    let page = || notion_event("n-1", "page.created", row());
    assert_eq!(stand.send("/webhooks/notion", page()).await, 503);
    assert_eq!(stand.send("/webhooks/github", issue("g-1")).await, 503);
    assert_eq!(stand.send("/events", event("e-1", None)).await, 503);
    assert_eq!(stand.count(Source::Github, "not_stored"), 1);
    stand.store.broken.store(false, Ordering::Relaxed);
    assert_eq!(stand.inbox().await, []);
    // Their second attempt.
    assert_eq!(stand.send("/webhooks/notion", page()).await, 200);
    assert_eq!(stand.send("/webhooks/github", issue("g-1")).await, 202);
    assert_eq!(stand.send("/events", event("e-1", None)).await, 202);
    assert_eq!(stand.inbox().await.len(), 3);
}

#[tokio::test]
async fn the_first_handshake_is_kept_and_no_other() {
    let none = without_notion();
    let stand = Stand::with(none.clone(), Arc::default()).await;
    let hello = |token: &str| {
        let mut delivery =
            Delivery::notion("", "", json!({"verification_token": token}).to_string());
        delivery.headers.remove("x-notion-signature");
        delivery
    };
    let signed = || notion_event("n-1", "page.created", row());
    assert_eq!(stand.send("/webhooks/notion", signed()).await, 401);
    stand.store.broken.store(true, Ordering::Relaxed);
    assert_eq!(stand.send("/webhooks/notion", hello(NOTION)).await, 503);
    stand.store.broken.store(false, Ordering::Relaxed);
    assert_eq!(stand.send("/webhooks/notion", signed()).await, 401);
    assert_eq!(stand.send("/webhooks/notion", hello(NOTION)).await, 200);
    assert_eq!(stand.send("/webhooks/notion", hello(NOTION)).await, 200);
    assert_eq!(
        stand
            .send("/webhooks/notion", hello("secret_planted"))
            .await,
        403
    );
    assert_eq!(stand.send("/webhooks/notion", signed()).await, 200);
    let token = handshake_token(&*stand.store).await.unwrap().unwrap();
    assert_eq!(token.expose_secret(), NOTION);
    // After a restart, and until it is forgotten.
    let again = Stand::with(none.clone(), stand.store.clone()).await;
    assert_eq!(again.send("/webhooks/notion", signed()).await, 200);
    assert_eq!(
        again
            .send("/webhooks/notion", hello("secret_planted"))
            .await,
        403
    );
    assert!(forget_handshake(&*stand.store).await.unwrap());
    assert!(!forget_handshake(&*stand.store).await.unwrap());
    let fresh = Stand::with(none.clone(), stand.store.clone()).await;
    assert_eq!(
        fresh.send("/webhooks/notion", hello("secret_next")).await,
        200
    );
    // With a secret from the environment none is taken, and a kept one does not count.
    let named = Stand::with(settings(), stand.store.clone()).await;
    assert_eq!(
        named.send("/webhooks/notion", hello("secret_next")).await,
        403
    );
}

#[tokio::test]
async fn a_secret_that_is_empty_opens_nothing() {
    let empty = || SigningSecrets::new(secret(""), secret(""));
    let settings = Settings {
        notion: empty(),
        github: empty(),
        events_token: secret(""),
        ..settings()
    };
    let stand = Stand::with(settings, Arc::default()).await;
    let page = notion_event("n-1", "page.created", row()).body;
    let page = Delivery::notion("", "n-1", page);
    assert_eq!(stand.send("/webhooks/notion", page).await, 401);
    let forged = Delivery::github("", "g-1", "issues", issue("g-1").body);
    assert_eq!(stand.send("/webhooks/github", forged).await, 401);
    for given in ["Bearer ", "Bearer", ""] {
        let bare = event("e-1", None).with_header("authorization", given);
        assert_eq!(stand.send("/events", bare).await, 401, "{given:?}");
    }
    assert_eq!(stand.inbox().await, []);
    let expected = |source| stand.receiver.watch().of(source).expected;
    assert!(!expected(Source::Notion) && !expected(Source::Github));
    // Where the variable was empty, the handshake is what there is.
    let token = json!({"verification_token": NOTION}).to_string();
    let hello = Delivery::notion(NOTION, "", token);
    assert_eq!(stand.send("/webhooks/notion", hello).await, 200);
    let page = notion_event("n-1", "page.created", row());
    assert_eq!(stand.send("/webhooks/notion", page).await, 200);
    assert!(expected(Source::Notion));
}

#[tokio::test]
async fn only_those_are_told_who_wait_for_it() {
    let [handbook, backlog] = places();
    let rules = Place {
        pulls: true,
        project: true,
        ..backlog
    };
    // Ids and names are the same in either spelling.
    let handbook = Place {
        data_source: SOURCE.replace('-', "").to_uppercase(),
        ..handbook
    };
    let settings = Settings {
        scope: Scope::new([handbook, rules]),
        ..settings()
    };
    let stand = Stand::with(settings, Arc::default()).await;
    let ours = json!({"id": 9, "full_name": "CODERTOCAT/hello-world"});
    let item = json!({"node_id": "PVTI_x", "project_node_id": "PVT_x", "content_type": "Issue"});
    for (number, (kind, body, whom)) in [
        (
            "check_run",
            json!({"check_run": {"head_sha": "a"}, "repository": ours}),
            Some("backlog"),
        ),
        (
            "pull_request",
            json!({"pull_request": {"number": 1}, "repository": ours}),
            None,
        ),
        (
            "projects_v2_item",
            json!({"action": "edited", "projects_v2_item": item}),
            Some("backlog"),
        ),
        (
            "push",
            json!({"ref": "refs/heads/master", "repository": ours}),
            Some("handbook"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("g-{number}");
        let delivery = Delivery::github(GITHUB, &id, kind, body.to_string());
        assert_eq!(
            stand.send("/webhooks/github", delivery).await,
            202,
            "{kind}"
        );
        let inbox = stand.inbox().await;
        let hint = inbox.iter().find(|hint| hint.id == id);
        let told = hint.map(|hint| hint.mapping.as_ref().map(MappingId::as_str));
        assert_eq!(told, Some(whom), "{kind}");
    }
    let page = notion_event("n-1", "page.content_updated", row());
    assert_eq!(stand.send("/webhooks/notion", page).await, 200);
    let inbox = stand.inbox().await;
    let hint = inbox.iter().find(|hint| hint.id == "n-1").unwrap();
    assert_eq!(hint.mapping, Some(MappingId::from("handbook")));
}

#[tokio::test]
async fn an_event_is_refused_in_words_that_help_its_sender() {
    let stand = Stand::new().await;
    let with = |token: &str| event("e-1", None).with_header("authorization", token);
    let mut bare = event("e-1", None);
    bare.headers.remove("authorization");
    let changed = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut sent = event("e-1", None);
        let mut body = serde_json::from_slice(&sent.body).unwrap();
        change(&mut body);
        sent.body = body.to_string().into();
        sent
    };
    let garbage = || {
        let mut sent = event("e-1", None);
        sent.body = "secret words".into();
        sent
    };
    for (sent, status, wanted) in [
        (bare, 401, "no bearer token"),
        (with("Basic x"), 401, "no bearer token"),
        (with("Bearer wrong"), 401, "wrong bearer token"),
        (garbage(), 400, "no JSON object"),
        (
            changed(&|body| body["version"] = json!(2)),
            400,
            "version 2 is newer than 1",
        ),
        (
            changed(&|body| drop(body.as_object_mut().unwrap().remove("detected_at"))),
            400,
            "field `detected_at` is missing",
        ),
        (
            changed(&|body| body["side"] = json!("secret words")),
            400,
            "field `side` does not hold",
        ),
        (
            changed(&|body| body["object"]["kind"] = json!(7)),
            400,
            "field `object` does not hold",
        ),
        (changed(&|body| body["id"] = json!("")), 400, "field `id`"),
    ] {
        let (code, said) = stand.said("/events", sent).await;
        assert!(said.contains(wanted), "{wanted} in {said}");
        assert!(!said.contains("secret words"), "{said}");
        assert_eq!(code, status, "{said}");
    }
    assert_eq!(stand.inbox().await, []);
}
