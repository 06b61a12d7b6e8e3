//! `serve` with its receiver, on sockets, in real time.

#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command};
use std::time::Duration;

use http::HeaderMap;
use notion_sync_core::state::State;
use notion_sync_testkit::webhook::{Delivery, GithubHook, NotionHook};
use serde_json::{Value, json};

use crate::services::Stand;

const NOTION: &str = "secret_served";
const GITHUB: &str = "served";
const TOKEN: &str = "token-of-a-scheduler";

/// Nothing is found by polling in the time of a test.
pub(crate) const NO_POLL: &str = "[schedule]\npoll = 86000\n[receiver]\ngather_ms = 20\n";

/// The program while it serves.
pub(crate) struct Served<'s> {
    stand: &'s Stand,
    more: Vec<(&'s str, &'s str)>,
    pub(crate) child: Child,
    errors: std::thread::JoinHandle<String>,
    pub(crate) address: String,
}

impl<'s> Served<'s> {
    pub(crate) fn start(stand: &'s Stand, more: &[(&'s str, &'s str)]) -> Self {
        let mut env = stand.env();
        env.extend(more);
        let arguments = ["serve", "--json", "--listen", "127.0.0.1:0"];
        let mut child = stand.folder.program(&arguments, &env).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let first: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        // Somebody has to read the rest, or the program waits for room.
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        let mut logged = child.stderr.take().unwrap();
        let errors = std::thread::spawn(move || {
            let mut errors = String::new();
            logged.read_to_string(&mut errors).unwrap();
            errors
        });
        Self {
            stand,
            more: more.to_vec(),
            child,
            errors,
            address: first["listening"].as_str().unwrap().to_owned(),
        }
    }

    fn ask(&self, method: &str, path: &str, headers: &HeaderMap, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let text = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        (status, text.to_owned())
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", path, &HeaderMap::new(), b"")
    }

    pub(crate) fn post(&self, path: &str, delivery: &Delivery) -> u16 {
        self.ask("POST", path, &delivery.headers, &delivery.body).0
    }

    pub(crate) fn status(&self) -> Value {
        self.stand
            .run_with(&["status", "--json"], &self.more)
            .json()
    }

    /// Waits until the program has nothing to do by itself; the suite's own limit ends it.
    pub(crate) fn rests(&self) {
        until(|| {
            if self.get("/readyz").0 != 200 {
                return false;
            }
            let status = self.status();
            let mappings = status["mappings"].as_array().unwrap();
            mappings.iter().all(|one| {
                one["open_operations"] == 0
                    && one["next_look"].is_null()
                    && !one["last_poll"].is_null()
            })
        });
    }

    pub(crate) fn end(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().unwrap().success());
        let errors = self.errors.join().unwrap();
        assert!(self.child.wait().unwrap().success(), "{errors}");
        for secret in [NOTION, GITHUB, TOKEN] {
            assert!(!errors.contains(secret), "{errors}");
        }
    }
}

/// Waits for an effect, however long it takes.
pub(crate) fn until(mut happened: impl FnMut() -> bool) {
    while !happened() {
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_event_is_acted_on_without_waiting_for_the_poll() {
    let stand = Stand::configured("webhooks", NO_POLL);
    let served = Served::start(
        &stand,
        &[
            ("NOTION_WEBHOOK_SECRET", NOTION),
            ("GITHUB_WEBHOOK_SECRET", GITHUB),
            ("NOTION_SYNC_EVENTS_TOKEN", TOKEN),
            ("NOTION_SYNC_LOG", "debug"),
        ],
    );
    served.rests();
    let mut github = GithubHook::add(GITHUB, false, &stand.services.github.lock().unwrap());
    let mut notion = NotionHook::subscribe(NOTION, &stand.notion());
    assert_eq!(served.post("/webhooks/github", &github.ping()), 202);

    // A push on GitHub.
    let page = stand.page("Releases");
    let file = stand.file("docs/releases.md");
    stand.push(
        "docs/releases.md",
        &file.replace("on Fridays", "on Sundays"),
    );
    let now = chrono::Utc::now();
    let sent = github.collect(&stand.services.github.lock().unwrap(), now);
    let push = sent
        .iter()
        .find(|one| one.headers["x-github-event"] == "push")
        .unwrap();
    let forged = push.clone().with_header("x-hub-signature-256", "sha256=00");
    assert_eq!(served.post("/webhooks/github", &forged), 401);
    assert_eq!(served.post("/webhooks/github", push), 202);
    until(|| stand.notion().markdown(page).contains("on Sundays"));
    served.rests();

    // An edit in Notion.
    stand.rewrite(
        page,
        "Nothing is released",
        "Nothing is released on Mondays.",
    );
    for delivery in notion.collect(&stand.notion(), chrono::Utc::now()) {
        assert_eq!(served.post("/webhooks/notion", &delivery), 200);
    }
    until(|| stand.file("docs/releases.md").contains("on Mondays"));
    served.rests();

    // Another program says that something changed.
    stand.rewrite(page, "Nothing is released", "Nothing is released at night.");
    let event = json!({
        "id": "cron-1", "side": "notion", "mapping": "handbook", "detected": "request",
        "detected_at": chrono::Utc::now(),
        "object": {"system": "notion", "kind": "page", "id": page.to_string()},
    });
    let event = Delivery {
        id: String::new(),
        headers: HeaderMap::new(),
        body: event.to_string().into(),
    };
    assert_eq!(served.post("/events", &event), 401);
    let event = event.with_header("authorization", &format!("Bearer {TOKEN}"));
    assert_eq!(served.post("/events", &event), 202);
    until(|| stand.file("docs/releases.md").contains("at night"));

    assert_eq!(served.get("/healthz").0, 200);
    let (code, metrics) = served.get("/metrics");
    assert_eq!(code, 200);
    for sample in [
        "notion_sync_webhook_deliveries_total{source=\"github\",outcome=\"bad_signature\"} 1",
        "notion_sync_webhook_deliveries_total{source=\"events\",outcome=\"accepted\"} 1",
        "notion_sync_api_requests_total{service=\"notion\",class=\"2xx\"}",
        "notion_sync_last_success_timestamp_seconds{mapping=\"handbook\"}",
    ] {
        assert!(metrics.contains(sample), "{sample} in\n{metrics}");
    }
    served.end();
    let status = stand.run(&["status", "--json"]).json();
    for source in ["notion", "github", "events"] {
        assert!(
            status["webhooks"][source]["last_event"].is_string(),
            "{status}"
        );
        assert_eq!(status["webhooks"][source]["silent"], false, "{status}");
    }
    assert_eq!(status["inbox"]["hints"], 0, "{status}");
    assert!(
        stand
            .run(&["status"])
            .out
            .contains("webhook of GitHub: last ")
    );
}

#[test]
fn the_token_of_the_handshake_is_shown_to_the_operator_alone() {
    let stand = Stand::configured("handshake", NO_POLL);
    stand.run(&["webhooks", "token"]).ends(2);
    let served = Served::start(&stand, &[("NOTION_SYNC_LOG", "debug")]);
    let hook = NotionHook::subscribe(NOTION, &stand.notion());
    assert_eq!(served.post("/webhooks/notion", &hook.handshake()), 200);
    let planted = NotionHook::subscribe("secret_planted", &stand.notion());
    assert_eq!(served.post("/webhooks/notion", &planted.handshake()), 403);
    assert_eq!(stand.run(&["webhooks", "token"]).ends(0).out.trim(), NOTION);
    served.end();
    stand.run(&["webhooks", "forget"]).ends(0);
    stand.run(&["webhooks", "token"]).ends(2);
}

#[test]
fn a_signal_leaves_no_write_between_intent_and_outcome() {
    let stand = Stand::configured(
        "signal",
        &format!("{NO_POLL}[notion]\nrequests_per_minute = 6000\n[guard]\nedits = 100\n"),
    );
    for number in 0..60 {
        let path = format!("docs/many-{number:02}.md");
        stand.push(&path, &format!("# Many {number:02}\n\nText.\n"));
    }
    let served = Served::start(&stand, &[]);
    // In the middle of the first synchronisation.
    until(|| stand.rows().len() > 5);
    served.end();
    let made = stand.rows().len();
    let url = format!(
        "sqlite:{}",
        stand.folder.path().join("notion-sync.db").display()
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = notion_sync_store::open(&url, None).await.unwrap();
        let open = State::new(&*store)
            .open_operations(&"handbook".into())
            .await
            .unwrap();
        let states: Vec<_> = open.iter().map(|op| op.value.state).collect();
        assert!(
            !states.iter().any(|state| state.is_unresolved()),
            "{states:?}"
        );
    });
    assert!(
        made < 33,
        "it ended only after everything was done: {made} pages"
    );
    // The next one goes on, and nothing is there twice.
    stand.run(&["sync", "--wait"]).ends(0);
    let mut titles: Vec<String> = Vec::new();
    for page in stand.rows() {
        titles.push(stand.notion().title(page).unwrap());
    }
    titles.sort();
    let count = titles.len();
    titles.dedup();
    assert_eq!((titles.len(), count), (63, 63), "{titles:?}");
}
