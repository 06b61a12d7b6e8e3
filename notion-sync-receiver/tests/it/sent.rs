//! What is sent: deliveries that are right, and such that nobody should take. The tests of the program
//! use this file, too.

use axum::body::Bytes;
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use http::{HeaderMap, HeaderValue};
use notion_sync_receiver::Limits;
use notion_sync_testkit::webhook::Delivery;
use serde_json::{Value, json};

pub(crate) const NOTION: &str = "secret_ofNotion";
pub(crate) const GITHUB: &str = "secret of GitHub";
pub(crate) const EVENTS: &str = "token-of-other-programs";
pub(crate) const SOURCE: &str = "0f9c6bcd-1b52-4b8d-8d5c-1f2a3b4c5d6e";
pub(crate) const PAGE: &str = "1b2c3d4e-5f60-4718-8293-a4b5c6d7e8f9";

pub(crate) fn noon() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub(crate) fn notion_event(id: &str, kind: &str, data: Value) -> Delivery {
    let body = json!({
        "id": id, "timestamp": "2026-11-21T11:58:00.000Z", "type": kind,
        "authors": [{"id": PAGE, "type": "person"}], "attempt_number": 1,
        "entity": {"id": PAGE, "type": "page"}, "data": data,
    });
    Delivery::notion(NOTION, id, body.to_string())
}

pub(crate) fn row() -> Value {
    json!({"parent": {"id": SOURCE, "type": "database", "data_source_id": SOURCE}})
}

pub(crate) fn issue(id: &str) -> Delivery {
    let body = json!({
        "action": "edited", "issue": {"number": 3, "title": "x"},
        "repository": {"id": 9, "full_name": "Codertocat/Hello-World"},
        "sender": {"id": 1, "login": "ada", "type": "User"},
    });
    Delivery::github(GITHUB, id, "issues", body.to_string())
}

pub(crate) fn event(id: &str, mapping: Option<&str>) -> Delivery {
    let body = json!({
        "id": id, "side": "notion", "mapping": mapping, "detected": "request",
        "detected_at": "2026-11-21T11:00:00Z",
        "object": {"system": "notion", "kind": "page", "id": PAGE},
    });
    Delivery {
        id: id.to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::from(body.to_string()),
    }
    .with_header("authorization", &format!("Bearer {EVENTS}"))
}

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 1).unwrap() % below
    }

    pub(crate) fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.next(most))
            .map(|_| u8::try_from(self.next(256)).unwrap())
            .collect()
    }
}

/// One delivery that nobody should take at this time, and its path.
pub(crate) fn hostile(
    random: &mut Random,
    number: usize,
    limits: Limits,
    now: DateTime<Utc>,
) -> (&'static str, Delivery) {
    let id = format!("x{number}");
    let notion = |body: Vec<u8>| ("/webhooks/notion", Delivery::notion(NOTION, &id, body));
    let github = |body: Vec<u8>| {
        (
            "/webhooks/github",
            Delivery::github(GITHUB, &id, "issues", body),
        )
    };
    let page = notion_event(&id, "page.content_updated", row());
    let good: [(&'static str, Delivery); 3] = [
        ("/webhooks/notion", page),
        ("/webhooks/github", issue(&id)),
        ("/events", event(&id, None)),
    ];
    let signature = |path| match path {
        "/webhooks/notion" => "x-notion-signature",
        "/webhooks/github" => "x-hub-signature-256",
        _ => "authorization",
    };
    let (path, mut delivery) = good[random.next(3)].clone();
    let webhook = good[random.next(2)].clone();
    match random.next(16) {
        // Forged: another secret, an invented signature, none, two, the older kind.
        0 => {
            let (path, delivery) = webhook;
            let forged = format!("sha256={}", "0123456789abcdef".repeat(4));
            (path, delivery.with_header(signature(path), &forged))
        }
        1 => {
            delivery.headers.remove(signature(path));
            (path, delivery)
        }
        2 => {
            let (path, mut delivery) = webhook;
            let one = delivery.headers[signature(path)].clone();
            delivery.headers.append(signature(path), one);
            (path, delivery)
        }
        3 => {
            let header = HeaderValue::from_bytes(
                &random
                    .bytes(100)
                    .iter()
                    .map(|b| b | 0x80)
                    .collect::<Vec<_>>(),
            )
            .unwrap();
            delivery.headers.insert(signature(path), header);
            (path, delivery)
        }
        // Truncated, and with a byte changed on the way.
        4 => {
            let end = random.next(delivery.body.len());
            delivery.body = delivery.body.slice(..end);
            (path, delivery)
        }
        5 => {
            let (path, mut delivery) = webhook;
            let mut body = delivery.body.to_vec();
            let place = random.next(body.len());
            body[place] ^= 1 << random.next(8);
            delivery.body = body.into();
            (path, delivery)
        }
        // Too large, rightly signed.
        6 if number.is_multiple_of(8) => notion(vec![b' '; limits.notion + 1 + random.next(1_000)]),
        7 if number.is_multiple_of(16) => {
            github(vec![b' '; limits.github + 1 + random.next(1_000)])
        }
        // Sent again after a day.
        8 => {
            let text = String::from_utf8(good[0].1.body.to_vec()).unwrap();
            let before = now - Duration::hours(26);
            let before = before.to_rfc3339_opts(SecondsFormat::Millis, true);
            let old = text.replace("2026-11-21T11:58:00.000Z", &before);
            assert_ne!(old, text);
            notion(old.into_bytes())
        }
        // Signed, and no JSON of ours.
        9 => notion(random.bytes(2_000)),
        10 => github(random.bytes(2_000)),
        11 => {
            let deep = 65 + random.next(5_000);
            let deep = format!("{{\"a\":{}{}}}", "[".repeat(deep), "]".repeat(deep));
            if random.next(2) == 0 {
                notion(deep.into_bytes())
            } else {
                github(deep.into_bytes())
            }
        }
        12 => {
            let body = &good[1].1.body;
            let wide: Vec<u8> = body.iter().flat_map(|byte| [*byte, 0]).collect();
            github(wide)
        }
        13 => {
            let body = b"payload=%7B%22action%22%3A%zz%7D".to_vec();
            let form = "application/x-www-form-urlencoded";
            let (path, delivery) = github(body);
            (path, delivery.with_header("content-type", form))
        }
        14 => {
            let (path, delivery) = (good[1].0, good[1].1.clone());
            let (name, value) = [
                ("content-type", "text/html"),
                ("x-github-delivery", ""),
                ("x-github-delivery", "a b"),
                ("x-github-event", ""),
            ][random.next(4)];
            (path, delivery.with_header(name, value))
        }
        _ => {
            let mut json: Value = serde_json::from_slice(&good[2].1.body).unwrap();
            match random.next(5) {
                0 => json["version"] = json!(99),
                1 => json["id"] = json!("not ok"),
                2 => json["mapping"] = json!("no such mapping"),
                3 => json["side"] = json!("elsewhere"),
                _ => json["changed"] = json!({"x": {"after": {"text": "y".repeat(210_000)}}}),
            }
            let mut delivery = good[2].1.clone();
            delivery.body = json.to_string().into();
            ("/events", delivery)
        }
    }
}
