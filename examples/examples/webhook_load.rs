//! How fast deliveries are answered while the engine works: signed deliveries of GitHub at a steady
//! rate, over loopback, into a sealed SQLite store that the engine reads and writes all the time.
//!
//! ```sh
//! cargo run --release -p notion-sync-examples --example webhook_load -- 500 20
//! taskset -c 0 target/release/examples/webhook_load 500 20    # everything on one core
//! ```
//!
//! The first number is deliveries a second, the second is seconds. The engine and both emulators share
//! one thread, which never rests; socket, inbox and store have their own. The time of a delivery counts from the moment
//! at which it was to be sent, so that a delay of one delays nothing in the figures of the others.

#![allow(clippy::print_stdout)] // An example prints.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::Utc;
use notion_sync_core::engine::Budget;
use notion_sync_core::state::State;
use notion_sync_examples::config::{Config, GithubSection, NotionSection, TasksSection};
use notion_sync_examples::emulation::{
    BACKLOG, GITHUB_TOKEN, NOTION_TOKEN, Services, World, bounds_for, small_bounds,
};
use notion_sync_examples::receiver::{Limits, Listening, Receiver};
use notion_sync_examples::secrets::{GithubSecret, Secrets};
use notion_sync_examples::wiring::{self, Parts, SystemClock};
use notion_sync_store::{KeyRing, open};
use notion_sync_testkit::emulator::InProcess;
use notion_sync_testkit::webhook::Delivery;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

type Failure = Box<dyn Error + Send + Sync>;

const SECRET: &str = "of the load";
/// Connections that deliveries come over.
const CONNECTIONS: u32 = 32;

/// What the busy side did.
struct Busy {
    ticks: usize,
    writes: usize,
    waiting: usize,
}

fn main() -> Result<(), Failure> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u32>());
    let rate = numbers.next().transpose()?.unwrap_or(500).max(1);
    let seconds = numbers.next().transpose()?.unwrap_or(20).max(1);
    let folder = std::env::temp_dir().join(format!("notion-sync-load-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = run(rate, seconds, folder.join("store.db"));
    std::fs::remove_dir_all(&folder)?;
    outcome
}

fn run(rate: u32, seconds: u32, file: PathBuf) -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let (tell, told) = std::sync::mpsc::channel();
    let server = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || -> Result<Busy, Failure> {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()?;
            runtime.block_on(async { tokio::spawn(serve(file, tell, stop)).await? })
        }
    });
    let Ok(address) = told.recv() else {
        return Err(server
            .join()
            .map_err(|_| "the server panicked")?
            .err()
            .unwrap_or("no address".into()));
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut times = runtime.block_on(load(address, rate, seconds))?;
    stop.store(true, Ordering::Relaxed);
    let busy = server.join().map_err(|_| "the server panicked")??;
    times.sort_unstable();
    let at = |share: usize| {
        let place = (times.len() * share / 1_000).min(times.len().saturating_sub(1));
        times.get(place).copied().unwrap_or_default()
    };
    println!(
        "{} deliveries, {rate} a second, all answered 202",
        times.len()
    );
    println!(
        "p50 {:?}, p90 {:?}, p99 {:?}, p99.9 {:?}, most {:?}",
        at(500),
        at(900),
        at(990),
        at(999),
        at(1_000)
    );
    println!(
        "meanwhile {} rounds of the engine with {} writes; {} hints wait",
        busy.ticks, busy.writes, busy.waiting
    );
    Ok(())
}

/// Receives and synchronises until it is told to stop.
async fn serve(
    file: PathBuf,
    tell: std::sync::mpsc::Sender<SocketAddr>,
    stop: Arc<AtomicBool>,
) -> Result<Busy, Failure> {
    let services = Services::start(World::small()?, small_bounds(), Utc::now())?;
    let data_source = {
        let notion = services.notion.lock().map_err(|_| "poisoned")?;
        notion.world().id("backlog-tasks").to_string()
    };
    let config = Config {
        notion: NotionSection {
            base_url: "http://127.0.0.1:9".to_owned(),
            requests_per_minute: 1_000_000,
            ..NotionSection::default()
        },
        github: GithubSection {
            api_url: "http://127.0.0.1:9".to_owned(),
            write_spacing_ms: 0,
            notify_spacing_ms: 0,
            ..GithubSection::default()
        },
        bounds: bounds_for(&small_bounds()),
        tasks: vec![TasksSection {
            name: "backlog".to_owned(),
            data_source,
            repository: notion_sync_examples::config::RepositoryChoice::Fixed(BACKLOG.to_owned()),
            ..TasksSection::default()
        }],
        ..Config::default()
    };
    let secrets = Secrets {
        notion_token: Some(NOTION_TOKEN.to_owned().into()),
        github: Some(GithubSecret::Token(GITHUB_TOKEN.to_owned().into())),
        github_webhook: Some(SECRET.to_owned().into()),
        ..Secrets::default()
    };
    let clock = Arc::new(SystemClock);
    let parts = Parts {
        notion_http: Arc::new(InProcess::new(services.notion.clone(), clock.clone())),
        github_http: Arc::new(InProcess::new(services.github.clone(), clock.clone())),
        clock: clock.clone(),
    };
    let key = KeyRing::parse(&KeyRing::generate()?, None)?;
    let store = open(&format!("sqlite:{}", file.display()), Some(key)).await?;
    let receiver =
        Receiver::new(&config, &secrets, store.clone(), clock, Limits::default()).await?;
    let listening = Listening::start(receiver.router(), "127.0.0.1:0".parse()?)?;
    let engine = wiring::engine(&config, &secrets, &parts, store.clone()).await?;
    engine.tick(Budget::default()).await?;
    tell.send(listening.address())?;
    let mut busy = Busy {
        ticks: 0,
        writes: 0,
        waiting: 0,
    };
    while !stop.load(Ordering::Relaxed) {
        {
            let mut github = services.github.lock().map_err(|_| "poisoned")?;
            let title = format!("Dark mode {}", busy.ticks);
            github
                .retitle(BACKLOG, 1, "ada", &title, Utc::now())
                .map_err(|refusal| format!("{refusal:?}"))?;
        }
        let tick = engine
            .tick(Budget {
                poll_now: true,
                ..Budget::default()
            })
            .await?;
        busy.ticks += 1;
        busy.writes += tick.writes();
        if let Some(error) = tick.errors().next() {
            return Err(error.to_owned().into());
        }
    }
    busy.waiting = State::new(&*store).waiting().await?.hints;
    listening.stop().await;
    Ok(busy)
}

/// Sends at a steady rate. Answers how long each delivery took.
async fn load(address: SocketAddr, rate: u32, seconds: u32) -> Result<Vec<Duration>, Failure> {
    let begin = Instant::now() + Duration::from_millis(200);
    let count = rate * seconds;
    let senders: Vec<_> = (0..CONNECTIONS)
        .map(|first| tokio::spawn(send(address, begin, rate, first, count)))
        .collect();
    let mut times = Vec::new();
    for sender in senders {
        times.extend(sender.await??);
    }
    Ok(times)
}

async fn send(
    address: SocketAddr,
    begin: Instant,
    rate: u32,
    first: u32,
    count: u32,
) -> Result<Vec<Duration>, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut times = Vec::new();
    let mut number = first;
    while number < count {
        let request = request(number)?;
        let due = begin + Duration::from_secs_f64(f64::from(number) / f64::from(rate));
        tokio::time::sleep_until(due.into()).await;
        stream.write_all(&request).await?;
        answered(&mut stream).await?;
        times.push(due.elapsed());
        number += CONNECTIONS;
    }
    Ok(times)
}

/// Reads one answer, which must be 202.
async fn answered(stream: &mut TcpStream) -> Result<(), Failure> {
    let mut answer = Vec::new();
    let mut part = [0; 1_024];
    loop {
        let length = stream.read(&mut part).await?;
        answer.extend(part.iter().take(length));
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            if length == 0 {
                return Err("the connection ended".into());
            }
            continue;
        };
        if !head.starts_with("HTTP/1.1 202") {
            return Err(head.to_owned().into());
        }
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(Ok(0), str::parse::<usize>)?;
        if body.len() >= length {
            return Ok(());
        }
    }
}

/// An edit of an issue with a text of about 4 KB, signed.
fn request(number: u32) -> Result<Vec<u8>, Failure> {
    let body = json!({
        "action": "edited",
        "issue": {"number": number % 50 + 1, "title": "Load", "body": "word ".repeat(800)},
        "changes": {"title": {"from": "Before"}},
        "repository": {"id": 2, "full_name": BACKLOG},
        "sender": {"id": 1, "login": "ada", "type": "User"},
    });
    let id = format!("00000000-0000-4000-8000-{number:012}");
    let delivery = Delivery::github(SECRET, &id, "issues", body.to_string());
    let mut out = b"POST /webhooks/github HTTP/1.1\r\nhost: load\r\n".to_vec();
    for (name, value) in &delivery.headers {
        out.extend(format!("{name}: {}\r\n", value.to_str()?).bytes());
    }
    out.extend(format!("content-length: {}\r\n\r\n", delivery.body.len()).bytes());
    out.extend(&delivery.body);
    Ok(out)
}
