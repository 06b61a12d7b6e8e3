//! Webhooks: signatures, both content types, every event, and what hostile bytes do.

use std::collections::BTreeMap;
use std::path::PathBuf;

use notion_sync_core::event::{Change, Detected};
use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::value::Value;
use notion_sync_core::webhook::Refusal;
use notion_sync_github::webhook::{Delivery, EventKind, GithubWebhook, HookPlace};
use notion_sync_testkit::webhook::Delivery as Sent;
use secrecy::SecretString;
use serde_json::{Value as Json, json};

use crate::support::start;

const SECRET: &str = "of this hook";
const ID: &str = "72d3162e-cc78-11e3-81ab-4c9367dc0958";

pub(crate) fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("NOTION_SYNC_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures"),
        PathBuf::from,
    );
    let folder = folder.join("github/webhooks");
    if folder.join("index.json").is_file() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "{} is missing",
        folder.display()
    );
    println!("skipped: {} is missing", folder.display());
    None
}

fn hook(secrets: &[&str]) -> GithubWebhook {
    GithubWebhook::new(secrets.iter().map(|one| SecretString::from(*one)))
}

fn receive(sent: &Sent) -> Result<Delivery, Refusal> {
    hook(&[SECRET]).receive(&sent.headers, &sent.body)
}

fn delivery(event: &str, body: &Json) -> Delivery {
    receive(&Sent::github(SECRET, ID, event, body.to_string())).unwrap()
}

#[test]
fn recorded_deliveries_are_taken_and_refused_after_one_byte_changed() {
    let Some(folder) = folder() else { return };
    let index: Json =
        serde_json::from_slice(&std::fs::read(folder.join("index.json")).unwrap()).unwrap();
    let mut hints: BTreeMap<String, usize> = BTreeMap::new();
    let mut taken = 0;
    for entry in index["deliveries"].as_array().unwrap() {
        let file = entry["file"].as_str().unwrap();
        let event = entry["event"].as_str().unwrap();
        let bytes = std::fs::read(folder.join(file)).unwrap();
        let json: Json = serde_json::from_slice(&bytes).unwrap();
        let plain = Sent::github(SECRET, ID, event, bytes.clone());
        let form = Sent::github_form(SECRET, ID, event, &bytes);
        let one = receive(&plain).unwrap_or_else(|refusal| panic!("{file}: {refusal}"));
        let other = receive(&form).unwrap_or_else(|refusal| panic!("{file} as form: {refusal}"));
        assert_eq!(one, other, "{file}");
        taken += 1;
        assert_eq!(one.id, ID);
        assert_eq!(
            one.payload.action.as_deref(),
            json["action"].as_str(),
            "{file}"
        );
        assert_eq!(one.payload.json().as_bytes(), bytes, "{file}");
        let sender = one
            .payload
            .sender
            .as_ref()
            .map(|sender| sender.login.as_str());
        assert_eq!(sender, json["sender"]["login"].as_str(), "{file}");
        let hint = one.change(start());
        if let Some(hint) = &hint {
            *hints.entry(event.to_owned()).or_default() += 1;
            assert_eq!(
                (hint.side, hint.detected),
                (Side::Github, Detected::Webhook)
            );
            assert!(serde_json::to_vec(hint).unwrap().len() < 20_000, "{file}");
        }
        if let EventKind::Other(_) = one.kind {
            assert_eq!(hint, None, "{file}");
        }
        for sent in [plain, form] {
            for place in [0, sent.body.len() / 2, sent.body.len() - 1] {
                let mut changed = sent.body.to_vec();
                changed[place] ^= 1;
                let answer = hook(&[SECRET]).receive(&sent.headers, &changed);
                assert_eq!(answer.err(), Some(Refusal::BadSignature), "{file} {place}");
            }
        }
    }
    println!("{taken} deliveries; hints {hints:?}");
    assert!(taken >= 250, "{taken}");
    for event in [
        "issues",
        "issue_comment",
        "pull_request",
        "pull_request_review",
        "pull_request_review_comment",
        "pull_request_review_thread",
        "push",
        "check_run",
        "check_suite",
        "status",
        "label",
        "milestone",
        "repository",
        "installation",
        "installation_repositories",
        "merge_group",
        "projects_v2_item",
    ] {
        assert!(
            hints.contains_key(event),
            "{event} gives no hint: {hints:?}"
        );
    }
}

#[test]
fn prior_values_are_part_of_a_hint_and_bodies_are_not() {
    let body = json!({
        "action": "edited", "repository": {"id": 7, "full_name": "acme/app"},
        "issue": {"number": 3, "title": "New", "body": "secret text", "state": "open"},
        "changes": {"title": {"from": "Old"}, "body": {"from": "older secret text"}},
        "sender": {"id": 1, "login": "ada", "type": "User"},
    });
    let hint = delivery("issues", &body).change(start()).unwrap();
    assert_eq!(hint.object, RemoteRef::new("github", "issue", "7#3"));
    assert_eq!(hint.event.as_deref(), Some("issues.edited"));
    assert_eq!(hint.actors, ["ada"]);
    let text = |text: &str| Some(Value::Text(text.to_owned()));
    let title = Change::of(text("Old"), text("New"));
    assert_eq!(hint.changed["title"], title);
    let told = Change::of_text("older secret text", "secret text");
    assert_eq!(hint.changed["body"], told);
    assert!(!format!("{hint:?}").contains("secret"));

    let mut labelled = body.clone();
    labelled["action"] = json!("unlabeled");
    labelled["label"] = json!({"id": 9, "name": "bug"});
    let hint = delivery("issues", &labelled).change(start()).unwrap();
    assert_eq!(hint.changed["labels"], Change::of(text("bug"), None));

    let mut closed = body;
    closed["action"] = json!("closed");
    closed["issue"]["state"] = json!("closed");
    let hint = delivery("issues", &closed).change(start()).unwrap();
    assert_eq!(hint.changed["state"].after, text("closed"));

    let moved = json!({
        "action": "edited", "organization": {"login": "acme"}, "sender": {"id": 1},
        "projects_v2_item": {"id": 1, "node_id": "PVTI_1", "content_node_id": "I_1"},
        "changes": {"field_value": {"field_name": "Status", "field_type": "single_select",
                    "from": {"id": "a", "name": "To do"}, "to": {"id": "b", "name": "Done"}}},
    });
    let hint = delivery("projects_v2_item", &moved)
        .change(start())
        .unwrap();
    assert_eq!(
        hint.changed["Status"],
        Change::of(text("To do"), text("Done"))
    );
}

#[test]
fn objects_are_named_as_the_engine_knows_them() {
    let at = |event: &str, more: Json| {
        let mut body = json!({"repository": {"id": 7, "full_name": "acme/app"}});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        delivery(event, &body)
            .change(start())
            .map(|hint| format!("{}", hint.object))
    };
    let issue = json!({"issue": {"number": 3}});
    let pull = json!({"issue": {"number": 4, "pull_request": {}}});
    let sub = json!({"sub_issue": {"number": 5}, "parent_issue": {"number": 6}});
    let elsewhere = "https://api.github.com/repos/acme/other";
    let blocked = json!({"blocked_issue": {"number": 8}});
    for (event, more, wanted) in [
        ("issues", issue.clone(), Some("github:issue:7#3")),
        ("issue_comment", issue, Some("github:issue:7#3")),
        ("issue_comment", pull, Some("github:pull:7#4")),
        ("sub_issues", sub, Some("github:issue:7#5")),
        (
            "sub_issues",
            json!({"sub_issue_repo": {"id": 9}, "sub_issue": {"number": 5, "repository_url": elsewhere}}),
            Some("github:issue:9#5"),
        ),
        (
            "sub_issues",
            json!({"sub_issue": {"number": 5, "repository_url": elsewhere}, "parent_issue": {"number": 6}}),
            Some("github:issue:7#6"),
        ),
        ("issue_dependencies", blocked, Some("github:issue:7#8")),
        (
            "push",
            json!({"ref": "refs/heads/a/b", "after": "00"}),
            Some("github:branch:7:a/b"),
        ),
        ("push", json!({"ref": "refs/tags/v1"}), None),
        ("push", json!({"ref": "refs/heads/a\u{7}b"}), None),
        (
            "create",
            json!({"ref_type": "branch", "ref": "x"}),
            Some("github:branch:7:x"),
        ),
        ("delete", json!({"ref_type": "tag", "ref": "x"}), None),
        ("status", json!({"sha": "abc"}), Some("github:commit:7:abc")),
        ("issues", json!({"issue": "no object"}), None),
        ("issues", json!({}), None),
        ("ping", json!({"hook_id": 1}), None),
        ("star", json!({"action": "created"}), None),
    ] {
        assert_eq!(at(event, more.clone()).as_deref(), wanted, "{event} {more}");
    }
}

#[test]
fn the_hook_that_sent_a_delivery_is_known() {
    let body = json!({"organization": {"login": "acme"}});
    let place = |target: &str| {
        let sent = Sent::github(SECRET, ID, "ping", body.to_string())
            .with_header("x-github-hook-id", "12")
            .with_header("x-github-hook-installation-target-id", "34")
            .with_header("x-github-hook-installation-target-type", target);
        HookPlace::of(&receive(&sent).unwrap())
    };
    assert_eq!(place("integration"), Some(HookPlace::App));
    assert_eq!(
        place("repository"),
        Some(HookPlace::Repository {
            repository: 34,
            hook: 12
        })
    );
    assert_eq!(
        place("organization"),
        Some(HookPlace::Organization {
            login: "acme".to_owned(),
            hook: 12
        })
    );
    assert_eq!(place("planet"), None);
}

#[test]
fn both_secrets_count_during_a_rotation() {
    for (secret, taken) in [("old", true), ("new", true), ("older", false), ("", false)] {
        let sent = Sent::github(secret, ID, "ping", "{}");
        let answer = hook(&["new", "old"]).receive(&sent.headers, &sent.body);
        assert_eq!(answer.is_ok(), taken, "{secret}");
    }
    let sent = Sent::github("", ID, "ping", "{}");
    assert_eq!(
        hook(&[""]).receive(&sent.headers, &sent.body).err(),
        Some(Refusal::NoSecret)
    );
}

#[test]
fn signed_nonsense_is_refused_without_a_panic() {
    let valid =
        json!({"action": "opened", "repository": {"id": 7}, "issue": {"number": 1}}).to_string();
    let deep = format!(
        "{{\"a\":{}{}}}",
        "[".repeat(1_000_000),
        "]".repeat(1_000_000)
    );
    let mut bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"7".to_vec(),
        b"{\"a\": \"\xff\"}".to_vec(),
        b"payload=%7B%7D".to_vec(),
        deep.into_bytes(),
        valid.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    ];
    bodies.extend((1..valid.len()).map(|end| valid.as_bytes()[..end].to_vec()));
    for body in bodies {
        let sent = Sent::github(SECRET, ID, "issues", body.clone());
        let refusal = receive(&sent)
            .err()
            .unwrap_or_else(|| panic!("taken: {body:?}"));
        assert!(matches!(refusal, Refusal::Malformed(_)), "{refusal:?}");
        assert!(receive(&Sent::github_form(SECRET, ID, "issues", &body)).is_err() || body == b"{}");
    }
    let plain = || Sent::github(SECRET, ID, "issues", valid.clone());
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    for (sent, wanted) in [
        (
            plain().with_header("content-type", "text/plain"),
            Refusal::ContentType,
        ),
        (
            plain().with_header("content-type", ""),
            Refusal::ContentType,
        ),
        (
            plain().with_header("content-type", form),
            Refusal::Malformed("the form has no payload"),
        ),
        (
            plain().with_header("x-github-delivery", ""),
            Refusal::Malformed("no id of a delivery"),
        ),
        (
            plain().with_header("x-github-delivery", &"x".repeat(300)),
            Refusal::Malformed("no id of a delivery"),
        ),
        (
            plain().with_header("x-github-event", "a b"),
            Refusal::Malformed("no name of an event"),
        ),
        (
            plain().with_header("x-hub-signature-256", "sha1=00"),
            Refusal::BadSignature,
        ),
    ] {
        assert_eq!(receive(&sent).err(), Some(wanted), "{sent:?}");
    }
    // The older signature alone is none.
    let mut old = plain();
    let signature = old.headers.remove("x-hub-signature-256").unwrap();
    old.headers.insert("x-hub-signature", signature);
    assert_eq!(receive(&old).err(), Some(Refusal::Unsigned));
    let limited = hook(&[SECRET]).with_max_bytes(10);
    let answer = limited.receive(&plain().headers, &plain().body);
    assert_eq!(answer.err(), Some(Refusal::TooLarge { limit: 10 }));
    // Signed and unusual is still a delivery: only what it is about matters.
    let odd = json!({"action": 7, "repository": [], "sender": null, "issue": {"number": "three"}});
    let one = delivery("issues", &odd);
    assert_eq!(
        (one.payload.action.clone(), one.change(start())),
        (None, None)
    );
}
