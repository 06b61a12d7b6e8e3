//! Ten thousand hostile deliveries over sockets to the program: what they leave behind.

#![cfg(target_os = "linux")] // Memory is read from `/proc`.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use chrono::Utc;
use notion_sync_core::store::Table;
use notion_sync_examples::emulation::BACKLOG;
use notion_sync_receiver::Limits;
use notion_sync_testkit::webhook::Delivery;
use serde_json::json;

use crate::sent::{EVENTS, GITHUB, NOTION, Random, hostile};
use crate::services::Stand;
use crate::serving::{NO_POLL, Served};
use crate::shown_support::full;

/// As the configuration below says; that of Notion is fixed.
const LIMITS: Limits = Limits {
    notion: 1 << 20,
    github: 1 << 20,
};

/// How much larger the program may be after everything than after the first fifth: far less than one
/// kilobyte for each delivery of the full size. Freed memory that the allocator keeps varies by a few
/// megabytes.
const GROWTH: u64 = 8 << 20;

/// Connections that stay open meanwhile, a third of each kind: they say nothing, break off in a header,
/// break off in a body.
const LINGERING: usize = 300;

fn written(path: &str, delivery: &Delivery) -> Vec<u8> {
    let mut out = head(path, delivery);
    out.extend(format!("content-length: {}\r\n\r\n", delivery.body.len()).bytes());
    out.extend(&delivery.body);
    out
}

/// Without what says how long it is.
fn head(path: &str, delivery: &Delivery) -> Vec<u8> {
    let mut out = format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n").into_bytes();
    for (name, value) in &delivery.headers {
        out.extend(name.as_str().bytes().chain(*b": "));
        out.extend(value.as_bytes());
        out.extend(b"\r\n");
    }
    out
}

/// What cannot be said with a request that is one: its bytes, and whether an answer must come.
fn broken(random: &mut Random, path: &str, delivery: &Delivery) -> (Vec<u8>, bool) {
    let mut bytes = head(path, delivery);
    let whole = delivery.body.len();
    match random.next(9) {
        // Cut off on the way.
        0 => {
            bytes.extend(format!("content-length: {whole}\r\n\r\n").bytes());
            bytes.extend(&delivery.body[..random.next(whole + 1)]);
            (bytes, false)
        }
        // Too large, and nothing said how large.
        1 => {
            bytes.extend(b"transfer-encoding: chunked\r\n\r\n");
            for _ in 0..40 {
                bytes.extend(b"8000\r\n");
                bytes.extend([b' '; 0x8000]);
                bytes.extend(b"\r\n");
            }
            (bytes, false)
        }
        // Too large, and it says so.
        2 => {
            bytes.extend(b"content-length: 99999999999\r\n\r\n");
            (bytes, true)
        }
        // Pieces that are none.
        3 => {
            bytes.extend(b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n");
            (bytes, false)
        }
        // Two lengths; no number.
        4 => {
            bytes.extend(
                format!("content-length: 2\r\ncontent-length: {whole}\r\n\r\n{{}}").bytes(),
            );
            (bytes, false)
        }
        5 => {
            bytes.extend(b"content-length: many\r\n\r\n{}");
            (bytes, false)
        }
        // Too much of a header, and too many.
        6 => {
            bytes.extend(b"x-large: ");
            bytes.extend(vec![b'x'; 600_000]);
            bytes.extend(b"\r\n\r\n");
            (bytes, false)
        }
        7 => {
            for number in 0..500 {
                bytes.extend(format!("x-{number}: y\r\n").bytes());
            }
            bytes.extend(b"\r\n");
            (bytes, false)
        }
        _ => (random.bytes(3_000), false),
    }
}

/// Sends bytes, and ends that direction where they are cut off. The status of the answer and its text;
/// `None` when the connection ended without one.
fn exchange(address: &str, bytes: &[u8], cut: bool) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).unwrap();
    // Whoever refuses a request before it has read all of it may end the connection.
    let _ = stream.write_all(bytes);
    if cut {
        let _ = stream.shutdown(Shutdown::Write);
    }
    answer(&mut stream)
}

fn answer(stream: &mut TcpStream) -> Option<(u16, String)> {
    let mut answer = Vec::new();
    let mut part = [0; 4_096];
    while let Ok(length @ 1..) = stream.read(&mut part) {
        answer.extend(&part[..length]);
    }
    let answer = String::from_utf8(answer).unwrap();
    let (head, text) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().unwrap();
    Some((status, text.trim().to_owned()))
}

/// Memory of the program in bytes.
fn resident(served: &Served<'_>) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.unwrap().trim().strip_suffix(" kB").unwrap();
    kib.parse::<u64>().unwrap() * 1_024
}

#[test]
fn hostile_deliveries_leave_the_program_as_it_was() {
    let stand = Stand::configured(
        "flood",
        &format!("{NO_POLL}github_max_bytes = {}\n", LIMITS.github),
    );
    let served = Served::start(
        &stand,
        &[
            ("NOTION_WEBHOOK_SECRET", NOTION),
            ("GITHUB_WEBHOOK_SECRET", GITHUB),
            ("NOTION_SYNC_EVENTS_TOKEN", EVENTS),
            // Nobody reads its log before the end, and a full pipe would stop it.
            ("NOTION_SYNC_LOG", "error"),
        ],
    );
    served.rests();
    let honest = |id: &str| {
        let body = json!({
            "action": "edited", "issue": {"number": 1, "title": "x"},
            "repository": {"id": 9, "full_name": BACKLOG},
            "sender": {"id": 1, "login": "ada", "type": "User"},
        });
        Delivery::github(GITHUB, id, "issues", body.to_string())
    };
    assert_eq!(served.post("/webhooks/github", &honest("g-1")), 202);

    let mut lingering: Vec<TcpStream> = Vec::new();
    for number in 0..LINGERING {
        let mut stream = TcpStream::connect(&served.address).unwrap();
        let begin = head("/webhooks/github", &honest("slow"));
        match number % 3 {
            0 => {}
            1 => stream.write_all(&begin[..begin.len() / 2]).unwrap(),
            _ => {
                stream.write_all(&begin).unwrap();
                stream
                    .write_all(b"content-length: 900\r\n\r\n{\"action\"")
                    .unwrap();
            }
        }
        lingering.push(stream);
    }

    let mut random = Random(2027);
    let count = if full() { 10_000 } else { 1_500 };
    let mut answers = BTreeMap::<String, u32>::new();
    let mut replays = 0;
    let mut sizes = Vec::new();
    for number in 0..count {
        let (path, delivery) = hostile(&mut random, number, LIMITS, Utc::now());
        let (bytes, must, cut, replayed) = match random.next(8) {
            0 => (
                written("/webhooks/github", &honest("g-1")),
                true,
                false,
                true,
            ),
            1 => {
                let (bytes, must) = broken(&mut random, path, &delivery);
                (bytes, must, !must, false)
            }
            // A large one may be refused while it is sent, and its answer be lost.
            _ => {
                let must = delivery.body.len() < LIMITS.github;
                (written(path, &delivery), must, false, false)
            }
        };
        let answer = exchange(&served.address, &bytes, cut);
        let shown = || {
            format!(
                "{number} {answer:?} to {}",
                String::from_utf8_lossy(&bytes[..bytes.len().min(900)])
            )
        };
        match &answer {
            Some((202, text)) if replayed && text == "known already" => replays += 1,
            Some((status, _)) => assert!(!replayed && (400..500).contains(status), "{}", shown()),
            None => assert!(!must, "{}", shown()),
        }
        let name = answer.map_or("none".to_owned(), |(status, _)| status.to_string());
        *answers.entry(name).or_default() += 1;
        if [count / 5, count / 2, count - 1].contains(&number) {
            sizes.push(resident(&served));
        }
    }
    println!("{count} hostile deliveries over sockets: {answers:?}, {replays} of them replayed");
    println!("the program's memory after a fifth, a half and all of them: {sizes:?} bytes");
    for status in ["202", "400", "401", "413", "415", "431"] {
        assert!(answers.contains_key(status), "{status} in {answers:?}");
    }
    assert!(sizes[2] < sizes[0] + GROWTH, "it grows: {sizes:?}");

    // The slow ones are told so, the silent ones were not in the way.
    for (number, mut stream) in lingering.into_iter().enumerate() {
        if number % 3 == 2 {
            let answer = answer(&mut stream);
            assert!(matches!(answer, Some((408, _))), "{number} {answer:?}");
        }
    }
    let (_, metrics) = served.get("/metrics");
    let figure = |source: &str, outcome: &str| {
        let name = format!(
            "notion_sync_webhook_deliveries_total{{source=\"{source}\",outcome=\"{outcome}\"}} "
        );
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix(name.as_str()));
        line.map_or(0, |figure| figure.parse::<u64>().unwrap())
    };
    for source in ["notion", "github", "events"] {
        for outcome in ["ignored", "not_stored", "busy", "handshake"] {
            assert_eq!(figure(source, outcome), 0, "{source} {outcome}\n{metrics}");
        }
    }
    let taken = ["notion", "github", "events"].map(|source| figure(source, "accepted"));
    assert_eq!(taken, [0, 1, 0], "{metrics}");
    assert_eq!(figure("github", "repeated"), replays, "{metrics}");
    // It still works.
    assert_eq!(served.post("/webhooks/github", &honest("g-2")), 202);
    served.end();

    let file = stand.folder.path().join("notion-sync.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let known = runtime.block_on(async {
        let store = notion_sync_store::open(&format!("sqlite:{}", file.display()), None)
            .await
            .unwrap();
        let mut ids: Vec<String> = (0..count).map(|number| format!("x{number}")).collect();
        ids.extend(["slow".to_owned(), "g-1".to_owned(), "g-2".to_owned()]);
        let mut known = Vec::new();
        for ids in ids.chunks(100) {
            known.extend(store.get_many(Table::Inbox, ids).await.unwrap());
        }
        known.into_iter().map(|item| item.key).collect::<Vec<_>>()
    });
    assert_eq!(known, ["g-1", "g-2"]);
}
