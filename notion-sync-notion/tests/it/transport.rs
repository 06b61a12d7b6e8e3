//! The production sender, against a server of a few lines on loopback.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use notion_sync_core::ErrorKind;
use notion_sync_core::bounds::Bounds;
use notion_sync_core::clock::Clock;
use notion_sync_core::http::{HttpSend, SendError};
use notion_sync_notion::client::MAX_RESPONSE;
use notion_sync_notion::{Client, ClientSettings, Endpoint, RateGate, ReqwestSend};
use secrecy::SecretString;

use crate::scripted::{ID, TOKEN};

/// Serves one connection with this answer and gives back what was asked.
fn serve(answer: Vec<u8>) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            let read = stream.read(&mut chunk).unwrap();
            asked.extend_from_slice(&chunk[..read]);
            let text = String::from_utf8_lossy(&asked);
            let Some(head) = text.find("\r\n\r\n") else {
                assert!(read > 0);
                continue;
            };
            let length = text
                .to_lowercase()
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.split("\r\n").next()?.parse::<usize>().ok())
                .unwrap_or(0);
            if asked.len() >= head + 4 + length {
                break;
            }
        }
        // A client that has enough hangs up early.
        let _ = stream.write_all(&answer);
        String::from_utf8_lossy(&asked).into_owned()
    });
    (base, thread)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn send(base: &str) -> Result<notion_sync_core::http::Response, SendError> {
    let request = http::Request::post(format!("{base}/v1/x"))
        .header("authorization", format!("Bearer {TOKEN}"))
        .body(Bytes::from_static(b"{}"))
        .unwrap();
    run(async {
        let sender = ReqwestSend::new(&Bounds::default()).unwrap();
        sender.send(request).await
    })
}

#[test]
fn answers_come_back_as_they_are() {
    let (base, thread) = serve(
        b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 2\r\n\r\nhi".to_vec(),
    );
    let answer = send(&base).unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!(answer.headers()["location"], "/elsewhere");
    assert_eq!(answer.body().as_ref(), b"hi");
    let asked = thread.join().unwrap();
    assert!(
        asked.starts_with("POST /v1/x HTTP/1.1\r\n") && asked.ends_with("{}"),
        "{asked}"
    );
}

#[test]
fn what_was_not_sent_is_told_from_what_was_not_answered() {
    // Nobody listens.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let unsent = send(&format!("http://{port}")).unwrap_err();
    assert!(matches!(unsent, SendError::NotSent(_)), "{unsent:?}");

    // The connection closes after the request.
    let (base, thread) = serve(Vec::new());
    let unanswered = send(&base).unwrap_err();
    thread.join().unwrap();
    assert!(
        matches!(unanswered, SendError::NoAnswer(_)),
        "{unanswered:?}"
    );

    // The answer breaks off.
    let (base, thread) = serve(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_vec());
    let broken = send(&base).unwrap_err();
    thread.join().unwrap();
    assert!(matches!(broken, SendError::NoAnswer(_)), "{broken:?}");

    // The answer never ends.
    let mut huge = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
    huge.resize(huge.len() + MAX_RESPONSE + 1, b' ');
    let (base, thread) = serve(huge);
    let long = send(&base).unwrap_err();
    thread.join().unwrap();
    assert!(
        matches!(&long, SendError::NoAnswer(text) if text.contains("longer")),
        "{long:?}"
    );

    for error in [unsent, unanswered, broken, long] {
        let text = format!("{error} {error:?}");
        assert!(!text.contains(TOKEN) && !text.contains("/v1/x"), "{text}");
    }
}

#[derive(Debug)]
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        std::time::SystemTime::now().into()
    }
}

#[test]
fn a_client_speaks_to_a_server() {
    let (base, thread) = serve(
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 61\r\n\r\n{\"object\":\"error\",\"status\":404,\"code\":\"object_not_found\"}    "
            .to_vec(),
    );
    let settings = ClientSettings {
        base_url: format!("{base}/"),
        ..ClientSettings::default()
    };
    let error = run(async {
        let send = ReqwestSend::new(&Bounds::default()).unwrap();
        let client = Client::new(
            settings,
            SecretString::from(TOKEN),
            Arc::new(send),
            Arc::new(SystemClock),
            Arc::new(RateGate::default()),
        )
        .unwrap();
        client.call(&Endpoint::page(ID).unwrap()).await.unwrap_err()
    });
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let asked = thread.join().unwrap().to_lowercase();
    assert!(asked.contains("notion-version: 2026-03-11"), "{asked}");
    assert!(
        asked.starts_with(&format!("get /v1/pages/{ID} ")),
        "{asked}"
    );
}
