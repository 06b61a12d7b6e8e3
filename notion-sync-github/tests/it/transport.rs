//! Over real sockets: octocrab carries a request once and gives back what came.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::StatusCode;
use notion_sync_core::ErrorKind;
use notion_sync_core::clock::Clock as _;
use notion_sync_core::http::{HttpSend as _, Request, SendError};
use notion_sync_github::{
    Exchange, FilesSettings, GithubClient, GithubFiles, GithubIssues, GithubSettings, Observer,
    OctocrabSend, PersonalToken, RateLimits,
};
use notion_sync_testkit::server::{EmulatorServer, real_sleep};

use crate::support::*;

/// A server that answers every request the same way and keeps what it was sent.
struct Canned {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
    count: Arc<AtomicUsize>,
}

impl Canned {
    /// An empty answer closes the connection instead.
    fn new(answer: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let count = Arc::new(AtomicUsize::new(0));
        let (kept, counted, answer) =
            (Arc::clone(&requests), Arc::clone(&count), answer.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                if let Some(request) = read_request(&mut stream) {
                    counted.fetch_add(1, Ordering::SeqCst);
                    kept.lock().unwrap().push(request);
                    let _ = stream.write_all(answer.as_bytes());
                }
            }
        });
        Self {
            url,
            requests,
            count,
        }
    }

    fn send(&self) -> OctocrabSend {
        OctocrabSend::new(&GithubSettings::at(self.url.clone())).unwrap()
    }

    fn seen(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    fn request(&self, method: &str, path: &str, body: &'static str) -> Request {
        http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", "Bearer secret")
            .header("accept", "application/vnd.github+json")
            .header("user-agent", "notion-sync")
            .header("x-github-api-version", "2026-03-10")
            .header("if-none-match", "W/\"1\"")
            .body(Bytes::from_static(body.as_bytes()))
            .unwrap()
    }
}

/// Head and body of one request.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    let mut buffer = [0_u8; 4096];
    loop {
        let n = stream.read(&mut buffer).ok()?;
        if n == 0 {
            return None;
        }
        text.extend_from_slice(&buffer[..n]);
        let shown = String::from_utf8_lossy(&text).into_owned();
        let Some((head, body)) = shown.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length:")
                    .map(|n| n.trim().parse::<usize>().unwrap())
            })
            .unwrap_or(0);
        if body.len() >= length {
            return Some(shown);
        }
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn one_request_goes_out_whatever_comes_back() {
    for status in [
        "500 Oops",
        "502 Bad Gateway",
        "503 Busy",
        "429 Slow",
        "403 No",
        "401 Who",
        "307 Moved",
        "301 Moved",
        "304 Same",
        "200 OK",
    ] {
        for method in ["GET", "POST", "PATCH", "DELETE"] {
            let body = if status.starts_with("304") { "" } else { "{}" };
            let server = Canned::new(&answer(
                status,
                "location: /repositories/1/x\r\netag: \"2\"\r\n",
                body,
            ));
            let response = server
                .send()
                .send(server.request(method, "/repos/a/b?x=%2F", "{\"a\":1}"))
                .await
                .unwrap();
            assert_eq!(response.status().as_str(), &status[..3]);
            assert_eq!(
                response.headers()["location"],
                "/repositories/1/x",
                "{status}"
            );
            assert_eq!(response.body().as_ref(), body.as_bytes());
            assert_eq!(server.seen(), 1, "{method} {status}");
        }
    }
}

#[tokio::test]
async fn headers_go_out_once_each_and_as_they_are() {
    let server = Canned::new(&answer("200 OK", "", "{}"));
    server
        .send()
        .send(server.request("POST", "/repos/a%20b/c%2Fd?x=%2F&y=a%20b", "{\"a\":1}"))
        .await
        .unwrap();
    let seen = server.requests.lock().unwrap()[0].clone();
    assert!(
        seen.starts_with("POST /repos/a%20b/c%2Fd?x=%2F&y=a%20b HTTP/1.1\r\n"),
        "{seen}"
    );
    assert!(seen.ends_with("{\"a\":1}"), "{seen}");
    let named = |name: &str| -> Vec<String> {
        seen.lines()
            .filter_map(|line| line.split_once(": "))
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
            .collect()
    };
    assert_eq!(named("x-github-api-version"), ["2026-03-10"]);
    assert_eq!(named("user-agent"), ["octocrab"]);
    assert_eq!(named("accept"), ["application/vnd.github+json"]);
    assert_eq!(named("authorization"), ["Bearer secret"]);
    assert_eq!(named("if-none-match"), ["W/\"1\""]);
}

#[tokio::test]
async fn what_surely_was_not_sent_is_told_from_what_may_have_been() {
    let server = Canned::new("");
    let lost = server
        .send()
        .send(server.request("POST", "/x", "{}"))
        .await
        .unwrap_err();
    assert!(matches!(lost, SendError::NoAnswer(_)), "{lost:?}");
    assert_eq!(server.seen(), 1, "not sent again");
    let cut = Canned::new(
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{\"half\":",
    );
    let lost = cut
        .send()
        .send(cut.request("POST", "/x", "{}"))
        .await
        .unwrap_err();
    assert!(matches!(lost, SendError::NoAnswer(_)), "{lost:?}");
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let send = OctocrabSend::new(&GithubSettings::at(format!("http://{free}"))).unwrap();
    let request = http::Request::get(format!("http://{free}/x"))
        .body(Bytes::new())
        .unwrap();
    let refused = send.send(request).await.unwrap_err();
    assert!(matches!(refused, SendError::NotSent(_)), "{refused:?}");
    let elsewhere = http::Request::get("https://example.com/x")
        .header("authorization", "Bearer secret")
        .body(Bytes::new())
        .unwrap();
    let refused = send.send(elsewhere).await.unwrap_err();
    assert!(
        matches!(&refused, SendError::NotSent(text) if text.contains("example.com")),
        "{refused:?}"
    );
    let plain = http::Request::get("http://10.0.0.1/x")
        .body(Bytes::new())
        .unwrap();
    assert!(matches!(
        send.send(plain).await.unwrap_err(),
        SendError::NotSent(_)
    ));
    for error in [lost, refused] {
        assert!(!format!("{error} {error:?} {send:?}").contains("secret"));
    }
}

#[tokio::test]
async fn answers_have_a_largest_size() {
    let server = Canned::new(&answer("200 OK", "", &"x".repeat(5_000)));
    let settings = GithubSettings {
        max_answer_bytes: 4_999,
        ..GithubSettings::at(server.url.clone())
    };
    let error = OctocrabSend::new(&settings)
        .unwrap()
        .send(server.request("GET", "/x", ""))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, SendError::NoAnswer(text) if text.contains("4999")),
        "{error:?}"
    );
    let settings = GithubSettings {
        max_answer_bytes: 5_000,
        ..GithubSettings::at(server.url.clone())
    };
    let whole = OctocrabSend::new(&settings)
        .unwrap()
        .send(server.request("GET", "/x", ""))
        .await
        .unwrap();
    assert_eq!(whole.status(), StatusCode::OK);
}

#[derive(Debug, Default)]
struct Seen(Mutex<Vec<Exchange>>, Mutex<Vec<(String, String)>>);

impl Observer for Seen {
    fn observed(&self, exchange: &Exchange) {
        self.0.lock().unwrap().push(exchange.clone());
    }

    fn moved(&self, from: &str, to: &str) {
        self.1
            .lock()
            .unwrap()
            .push((from.to_owned(), to.to_owned()));
    }
}

#[tokio::test]
async fn the_adapter_works_over_loopback() {
    let world = World::new();
    let clock = world.clock.clone();
    let server = EmulatorServer::new(
        world.emulator.clone(),
        Arc::new(move || clock.now()),
        real_sleep(),
    )
    .bind("127.0.0.1:0")
    .await
    .unwrap();
    for signed in [false, true] {
        let settings = GithubSettings {
            limits: RateLimits::unspaced(),
            ..GithubSettings::at(server.base_url())
        };
        let send = Arc::new(OctocrabSend::new(&settings).unwrap());
        let token = Arc::new(PersonalToken::new("github_pat_bot".into()).unwrap());
        let seen = Arc::new(Seen::default());
        let client = GithubClient::new(send, token, world.clock.clone(), settings)
            .unwrap()
            .observed_by(seen.clone());
        let mut mapping = FilesSettings::markdown(REPO, "main", "docs").unwrap();
        mapping.signed = signed;
        let files = GithubFiles::new(client.clone(), mapping).unwrap();
        let name = format!("docs/über {signed} #1?.md");
        one(&files, write("o1", new_file(&name, "höher\n")))
            .await
            .unwrap();
        let read = notion_sync_core::remote::Remote::read(&files, &file(&name), true)
            .await
            .unwrap();
        assert_eq!(body(&read), "höher\n");
        let listing = list(&files, None, false).await;
        assert!(places(&listing).contains(&name));
        let quiet = list(&files, Some(listing.cursor), false).await;
        assert!(quiet.items.is_empty());
        let issues = GithubIssues::new(client, &[(REPO, None)]).unwrap();
        one(
            &issues,
            write("o2", new_issue(&[("title", text("Größe"))], "text")),
        )
        .await
        .unwrap();
        assert!(!list(&issues, None, false).await.items.is_empty());
        let exchanges = seen.0.lock().unwrap();
        assert_eq!(
            exchanges
                .iter()
                .filter(|one| one.status == Some(304) && one.path.contains("/git/ref/"))
                .count(),
            1
        );
        assert!(exchanges.iter().all(|one| !one.path.contains('?')
            && one.request_id.is_some()
            && one.remaining.is_some()));
    }
    let error = {
        let settings = GithubSettings::at(server.base_url());
        let token = Arc::new(PersonalToken::new("github_pat_wrong".into()).unwrap());
        let send = Arc::new(OctocrabSend::new(&settings).unwrap());
        GithubClient::new(send, token, world.clock.clone(), settings)
            .unwrap()
            .repository(REPO)
            .await
            .unwrap_err()
    };
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
}

#[tokio::test]
async fn redirects_are_followed_a_few_times_and_never_elsewhere() {
    let world = World::new();
    let now = world.now();
    world.hub().rename_repository(REPO, "guide", now).unwrap();
    let seen = Arc::new(Seen::default());
    let client = world.client().observed_by(seen.clone());
    assert_eq!(
        client.repository(REPO).await.unwrap().full_name,
        "acme/guide"
    );
    assert_eq!(
        *seen.1.lock().unwrap(),
        [(
            "/repos/acme/handbook".to_owned(),
            "/repositories/100".to_owned()
        )]
    );
    for (location, kind) in [
        ("https://evil.example/repositories/1", ErrorKind::Invalid),
        ("//evil.example/repositories/1", ErrorKind::Invalid),
        ("/user/keys", ErrorKind::Invalid),
        ("", ErrorKind::Invalid),
        ("/repositories/1", ErrorKind::Invalid),
    ] {
        let server = Canned::new(&answer(
            "301 Moved",
            &format!("location: {location}\r\n"),
            "{}",
        ));
        let settings = GithubSettings::at(server.url.clone());
        let token = Arc::new(PersonalToken::new("github_pat_bot".into()).unwrap());
        let client = GithubClient::new(
            Arc::new(server.send()),
            token,
            world.clock.clone(),
            settings,
        )
        .unwrap();
        let error = client.repository(REPO).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{location}: {error}");
        assert!(server.seen() <= 6, "a loop is left");
    }
}

/// Sends writes to issues elsewhere.
#[derive(Debug)]
struct Redirecting(Arc<dyn notion_sync_core::http::HttpSend>, AtomicUsize);

#[async_trait::async_trait]
impl notion_sync_core::http::HttpSend for Redirecting {
    async fn send(&self, request: Request) -> Result<notion_sync_core::http::Response, SendError> {
        if request.method() == "POST" {
            self.1.fetch_add(1, Ordering::SeqCst);
            let response = http::Response::builder()
                .status(307)
                .header("location", "https://api.github.com/repositories/101/issues")
                .body(Bytes::new());
            return Ok(response.unwrap());
        }
        self.0.send(request).await
    }
}

#[tokio::test]
async fn a_write_is_not_carried_to_another_repository() {
    let world = World::new();
    let send = Arc::new(Redirecting(world.send(), AtomicUsize::new(0)));
    let token = Arc::new(PersonalToken::new("github_pat_bot".into()).unwrap());
    let clock = world.clock.clone();
    let client = GithubClient::new(send.clone(), token, clock, World::settings()).unwrap();
    let issues = GithubIssues::new(client, &[(REPO, None)]).unwrap();
    let error = one(&issues, write("o", new_issue(&[("title", text("t"))], "")))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale, "{error}");
    assert_eq!(send.1.load(Ordering::SeqCst), 1);
}
