//! Webhooks: the handshake, signatures, ages, every type, and what hostile bytes do.

use chrono::{DateTime, Duration, Utc};
use http::HeaderMap;
use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::webhook::Refusal;
use notion_sync_notion::webhook::{Delivery, Event, EventKind, NotionWebhook};
use notion_sync_testkit::webhook::Delivery as Sent;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::fixtures::{files, folder};
use crate::scripted::{ID, noon};

const SECRET: &str = "secret_ofThisSubscription";

fn hook(secrets: &[&str]) -> NotionWebhook {
    NotionWebhook::new(secrets.iter().map(|one| SecretString::from(*one)))
}

fn body(kind: &str, entity: &str, data: Value) -> Value {
    json!({
        "id": "6f6469cb-8022-409d-a560-62e631a84d74", "timestamp": "2026-11-21T11:59:00.000Z",
        "workspace_id": ID, "type": kind, "authors": [{"id": ID, "type": "person"}],
        "attempt_number": 1, "entity": {"id": ID, "type": entity}, "data": data,
    })
}

fn event(kind: &str, entity: &str, data: Value) -> Event {
    receive(&body(kind, entity, data).to_string()).unwrap()
}

fn receive(body: &str) -> Result<Event, Refusal> {
    let sent = Sent::notion(SECRET, "", body.to_owned());
    match hook(&[SECRET]).receive(&sent.headers, &sent.body, noon())? {
        Delivery::Event(event) => Ok(*event),
        Delivery::Handshake(_) => panic!("a handshake: {body}"),
    }
}

#[test]
fn recorded_events_are_taken_and_refused_after_one_byte_changed() {
    let Some(folder) = folder() else { return };
    let mut count = 0;
    for path in files(&folder.join("webhooks")) {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if name == "index" || name == "verification-handshake" {
            continue;
        }
        count += 1;
        let bytes = std::fs::read(&path).unwrap();
        let json: Value = serde_json::from_slice(&bytes).unwrap();
        let at: DateTime<Utc> = json["timestamp"].as_str().unwrap().parse().unwrap();
        let now = at + Duration::minutes(3);
        let sent = Sent::notion(SECRET, "", bytes.clone());
        let Ok(Delivery::Event(event)) = hook(&[SECRET]).receive(&sent.headers, &sent.body, now)
        else {
            panic!("{name} is not taken");
        };
        assert_eq!(event.kind.as_str(), name);
        assert!(!matches!(event.kind, EventKind::Other(_)), "{name}");
        let hint = event.change(now);
        if let Some(hint) = hint {
            assert_eq!(hint.id, json["id"].as_str().unwrap());
            assert_eq!(hint.side, Side::Notion);
            let about = json["entity"]["type"].as_str().unwrap();
            if about == "comment" {
                assert_eq!(hint.object.id, json["data"]["page_id"].as_str().unwrap());
                assert!(hint.changed.contains_key("comment"), "{name}");
            } else {
                assert_eq!(hint.object.kind, about);
            }
            assert_eq!(hint.actors.len(), json["authors"].as_array().unwrap().len());
        }
        // Nothing that was sent is lost: it is a member, or in the rest.
        assert!(event.rest.contains_key("workspace_name"), "{name}");
        for place in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let answer = hook(&[SECRET]).receive(&sent.headers, &changed, now);
            assert_eq!(answer.err(), Some(Refusal::BadSignature), "{name} {place}");
        }
    }
    assert!(count >= 15, "{count}");
}

#[test]
fn a_handshake_counts_only_while_no_token_is_in_place() {
    let text = json!({ "verification_token": SECRET }).to_string();
    let unsigned = HeaderMap::new();
    let Ok(Delivery::Handshake(first)) = hook(&[]).receive(&unsigned, text.as_bytes(), noon())
    else {
        panic!("the first handshake is not taken");
    };
    assert!(!first.known && first.token.expose_secret() == SECRET);
    assert!(!format!("{first:?}").contains(SECRET));
    // Sent again, signed or not.
    let signed = Sent::notion(SECRET, "", text.clone()).headers;
    for headers in [&unsigned, &signed] {
        let answer = hook(&["other", SECRET]).receive(headers, text.as_bytes(), noon());
        assert!(matches!(answer, Ok(Delivery::Handshake(again)) if again.known));
        // A planted key.
        let answer = hook(&["other"]).receive(headers, text.as_bytes(), noon());
        assert_eq!(answer.err(), Some(Refusal::Handshake));
    }
    // An event that carries a token is no handshake, and nothing else is one either.
    let mut event = body("page.created", "page", json!({}));
    event["verification_token"] = json!("secret_x");
    for text in [
        event.to_string(),
        "{}".to_owned(),
        r#"{"verification_token": 7}"#.to_owned(),
    ] {
        let answer = hook(&[]).receive(&unsigned, text.as_bytes(), noon());
        assert_eq!(answer.err(), Some(Refusal::NoSecret), "{text}");
    }
    for token in ["", "with blank", &"x".repeat(201)] {
        let text = json!({ "verification_token": token }).to_string();
        let answer = hook(&[]).receive(&unsigned, text.as_bytes(), noon());
        assert!(
            matches!(answer, Err(Refusal::Malformed(_))),
            "{token} {answer:?}"
        );
    }
}

#[test]
fn both_secrets_count_during_a_rotation() {
    let text = body("page.created", "page", json!({})).to_string();
    for (secret, taken) in [("old", true), ("new", true), ("older", false), ("", false)] {
        let sent = Sent::notion(secret, "", text.clone());
        let answer = hook(&["new", "old"]).receive(&sent.headers, &sent.body, noon());
        assert_eq!(answer.is_ok(), taken, "{secret}");
    }
}

#[test]
fn an_event_that_is_too_old_was_sent_by_somebody_else() {
    let sent = Sent::notion(
        SECRET,
        "",
        body("page.created", "page", json!({})).to_string(),
    );
    let at = |now| hook(&[SECRET]).receive(&sent.headers, &sent.body, now);
    let happened = noon() - Duration::minutes(1);
    // The last attempt comes about a day later.
    assert!(at(happened + Duration::hours(25)).is_ok());
    assert_eq!(
        at(happened + Duration::hours(25) + Duration::seconds(1)).err(),
        Some(Refusal::Stale)
    );
    // A clock of ours that is slow refuses nothing.
    assert!(at(happened - Duration::hours(3)).is_ok());
}

#[test]
fn every_known_type_gives_a_hint_or_cannot_matter() {
    let mut silent = Vec::new();
    for kind in EventKind::KNOWN {
        let entity = kind.split('.').next().unwrap();
        let event = event(kind, entity, json!({"page_id": ID}));
        assert_eq!(event.kind.as_str(), *kind);
        let entity = if entity == "comment" { "page" } else { entity };
        match event.change(noon()) {
            Some(hint) => {
                assert_eq!(hint.event.as_deref(), Some(*kind));
                assert_eq!(hint.object, RemoteRef::new("notion", entity, ID));
            }
            None => silent.push(*kind),
        }
    }
    let expected: Vec<&str> = EventKind::KNOWN
        .iter()
        .filter(|kind| {
            ["view.", "file_upload.", "page.transcription_"]
                .iter()
                .any(|start| kind.starts_with(start))
        })
        .copied()
        .collect();
    assert_eq!(
        {
            silent.sort_unstable();
            silent
        },
        {
            let mut e = expected;
            e.sort_unstable();
            e
        }
    );
}

#[test]
fn a_comment_leads_to_its_page_and_names_its_block() {
    let other = "1f0c0d0e-0000-4000-8000-0000000000aa";
    let about = |kind: &str, data| event(kind, "comment", data).change(noon());
    let block = json!({"page_id": other, "parent": {"id": ID, "type": "block"}});
    let hint = about("comment.deleted", block).unwrap();
    assert_eq!(hint.object, RemoteRef::new("notion", "page", other));
    let named = |key: &str| {
        hint.changed[key]
            .after
            .as_ref()
            .and_then(|value| value.as_text().map(str::to_owned))
    };
    assert_eq!(named("comment").as_deref(), Some(ID));
    assert_eq!(named("block").as_deref(), Some(ID));
    let page = json!({"page_id": other, "parent": {"id": other, "type": "page"}});
    let hint = about("comment.created", page).unwrap();
    assert!(!hint.changed.contains_key("block"));
    // Without its page nobody can tell where it is.
    assert!(about("comment.created", json!({})).is_none());
}

#[test]
fn what_is_not_known_is_kept() {
    let mut sent = body(
        "page.sang",
        "page",
        json!({"parent": {"id": ID, "type": "choir", "pitch": 440}, "song": ["a"],
               "updated_properties": ["XGe%40", {"id": "t%25", "name": "T", "action": "created"}, 7],
               "updated_blocks": [{"id": ID, "type": "verse"}, null]}),
    );
    sent["mood"] = json!({"deep": [1, 2]});
    sent["attempt_number"] = json!("first");
    sent["authors"] = json!([{"id": ID, "type": "ghost"}, {"name": "no id"}]);
    let event = receive(&sent.to_string()).unwrap();
    assert_eq!(event.kind, EventKind::Other("page.sang".to_owned()));
    assert_eq!(event.rest["mood"], json!({"deep": [1, 2]}));
    assert_eq!(event.rest["data.song"], json!(["a"]));
    assert_eq!(event.attempt, None);
    assert_eq!(event.authors.len(), 1);
    assert_eq!(event.updated_blocks.len(), 1);
    let hint = event.change(noon()).unwrap();
    assert_eq!(hint.object, RemoteRef::new("notion", "page", ID));
    assert_eq!(
        hint.changed.keys().map(String::as_str).collect::<Vec<_>>(),
        ["XGe@", "t%"]
    );
}

#[test]
fn the_data_source_is_found_where_the_event_names_it() {
    let parent =
        json!({"parent": {"id": "x", "type": "database", "data_source_id": ID.replace('-', "")}});
    let row = event("page.created", "page", parent);
    assert_eq!(row.data_source().as_deref(), Some(ID));
    let source = event("data_source.schema_updated", "data_source", json!({}));
    assert_eq!(source.data_source().as_deref(), Some(ID));
    assert_eq!(event("page.created", "page", json!({})).data_source(), None);
}

#[test]
fn signed_nonsense_is_refused_without_a_panic() {
    let valid = body("page.created", "page", json!({})).to_string();
    let mut nested = body("page.created", "page", json!({}));
    nested["deep"] = json!(0);
    let nested = nested.to_string().replace(
        "\"deep\":0",
        &format!("\"deep\":{}{}", "[".repeat(100_000), "]".repeat(100_000)),
    );
    let mut bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"{}".to_vec(),
        b"\xff\xfe".to_vec(),
        valid.replace("2026-11-21T", "yesterday ").into_bytes(),
        valid
            .replace("6f6469cb-8022-409d-a560-62e631a84d74", "")
            .into_bytes(),
        valid.replace("6f6469cb", "a b").into_bytes(),
        valid.replace("6f6469cb", &"x".repeat(500)).into_bytes(),
        valid
            .replace("page.created", "page.created\\ud800")
            .into_bytes(),
        nested.into_bytes(),
        valid.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    ];
    bodies.extend(
        (1..valid.len())
            .step_by(7)
            .map(|end| valid.as_bytes()[..end].to_vec()),
    );
    for body in bodies {
        let sent = Sent::notion(SECRET, "", body);
        let answer = hook(&[SECRET]).receive(&sent.headers, &sent.body, noon());
        let refusal = answer
            .err()
            .unwrap_or_else(|| panic!("taken: {:?}", sent.body));
        assert!(matches!(refusal, Refusal::Malformed(_)), "{refusal:?}");
        assert!(refusal.status().is_client_error());
    }
    let sent = Sent::notion(SECRET, "", vec![b' '; (1 << 20) + 1]);
    let answer = hook(&[SECRET]).receive(&sent.headers, &sent.body, noon());
    assert!(matches!(answer, Err(Refusal::TooLarge { limit }) if limit == 1 << 20));
}
