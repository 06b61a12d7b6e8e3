//! Ten thousand deliveries that nobody should take.

use axum::body::{Body, Bytes};
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use futures::stream;
use http::{HeaderValue, Request};
use notion_sync_examples::receiver::{Limits, Source};
use notion_sync_testkit::webhook::Delivery;
use serde_json::{Value, json};

use crate::receiver::{GITHUB, LIMITS, NOTION, Stand, event, issue, noon, notion_event, row};
use crate::shown_support::full;

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

#[tokio::test]
async fn hostile_deliveries_are_refused_and_leave_nothing() {
    let stand = Stand::new().await;
    let mut random = Random(2026);
    let count = if full() { 10_000 } else { 1_500 };
    let mut answers = std::collections::BTreeMap::<u16, u32>::new();
    for number in 0..count {
        let (path, delivery) = hostile(&mut random, number, LIMITS, noon());
        let shown = format!(
            "{number} {path} {:?} {} bytes",
            delivery.headers,
            delivery.body.len()
        );
        let status = stand.send(path, delivery).await;
        assert!((400..500).contains(&status), "{status} to {shown}");
        *answers.entry(status).or_default() += 1;
    }
    println!("{count} hostile deliveries: {answers:?}");
    for status in [400, 401, 413, 415] {
        assert!(answers.contains_key(&status), "{answers:?}");
    }
    assert_eq!(stand.inbox().await, []);
    for source in Source::ALL {
        assert_eq!(stand.count(source, "accepted"), 0);
    }
    // It still works.
    assert_eq!(stand.send("/webhooks/github", issue("g-1")).await, 202);
    assert_eq!(stand.inbox().await.len(), 1);
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut_off() {
    let stand = Stand::new().await;
    let chunk = Bytes::from_static(&[b'x'; 10_000]);
    for path in ["/webhooks/notion", "/webhooks/github"] {
        let endless = stream::repeat_with({
            let chunk = chunk.clone();
            move || Ok::<_, std::io::Error>(chunk.clone())
        });
        let request = Request::post(path)
            .body(Body::from_stream(endless))
            .unwrap();
        assert_eq!(stand.receiver.handle(request).await.status(), 413, "{path}");
    }
    // What says that it is too large is not read at all.
    let broken = Body::from_stream(stream::once(async { Err::<Bytes, _>("read") }));
    let request = Request::post("/webhooks/github").header("content-length", "99999999999");
    let answer = stand.receiver.handle(request.body(broken).unwrap()).await;
    assert_eq!(answer.status(), 413);
    let torn = stream::iter([Ok(chunk), Err("the connection broke")]);
    let request = Request::post("/webhooks/github")
        .body(Body::from_stream(torn))
        .unwrap();
    assert_eq!(stand.receiver.handle(request).await.status(), 400);
    assert_eq!(stand.get("/webhooks/github").await.0, 405);
    assert_eq!(stand.get("/").await.0, 404);
}
