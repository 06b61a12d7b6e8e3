//! Connections that move, and come to nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use notion_sync_receiver::{Server, Timeouts};

use crate::stand::Stand;

const NEVER: Duration = Duration::from_secs(600);

async fn listen(timeouts: Timeouts) -> (Stand, Server) {
    let stand = Stand::new().await;
    let free = "127.0.0.1:0".parse().unwrap();
    let server = Server::start_with(stand.receiver.router(), free, timeouts).unwrap();
    (stand, server)
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends a byte after the other. Answers whether the connection was ended before so many were sent.
fn is_ended(stream: &mut TcpStream, bytes: usize) -> bool {
    let wait = Some(Duration::from_millis(20));
    stream.set_read_timeout(wait).unwrap();
    for _ in 0..bytes {
        if stream.write_all(b"x").is_err() {
            return true;
        }
        let mut answer = [0; 1_024];
        match stream.read(&mut answer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) => {}
            Err(_) => return true,
        }
    }
    false
}

/// Asks on a connection that stays open.
fn ask(stream: &mut TcpStream, path: &str) -> String {
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    while !answer.ends_with("ok\n") {
        let mut part = [0; 1_024];
        let length = stream.read(&mut part).unwrap();
        assert!(length > 0, "{answer}");
        answer.push_str(std::str::from_utf8(&part[..length]).unwrap());
    }
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_never_ends_does_not_hold_its_place() {
    let short = Duration::from_millis(300);
    let timeouts = Timeouts {
        first: short,
        next: NEVER,
        whole: NEVER,
    };
    let (_stand, server) = listen(timeouts).await;
    let mut slow = connect(&server);
    slow.write_all(b"GET /healthz HTTP/1.1\r\nx-slow: ")
        .unwrap();
    assert!(is_ended(&mut slow, 500));
    // Who asks is answered, also much later on the same connection.
    let mut other = connect(&server);
    assert!(ask(&mut other, "/healthz").starts_with("HTTP/1.1 200"));
    std::thread::sleep(short * 2);
    assert!(ask(&mut other, "/healthz").starts_with("HTTP/1.1 200"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_does_the_second_head_of_a_connection_nor_a_body() {
    let short = Duration::from_millis(300);
    let timeouts = Timeouts {
        first: NEVER,
        next: short,
        whole: NEVER,
    };
    let (_stand, server) = listen(timeouts).await;
    let mut slow = connect(&server);
    ask(&mut slow, "/healthz");
    slow.write_all(b"GET /healthz HTTP/1.1\r\nx-slow: ")
        .unwrap();
    assert!(is_ended(&mut slow, 500));
    server.stop().await;

    let timeouts = Timeouts {
        first: NEVER,
        next: NEVER,
        whole: short,
    };
    let (_stand, server) = listen(timeouts).await;
    let mut slow = connect(&server);
    // Sixty kilobytes are allowed, and none of them is a reason to wait for the next.
    slow.write_all(b"POST /webhooks/github HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n")
        .unwrap();
    assert!(is_ended(&mut slow, 200));
    server.stop().await;
}
