//! The process that receives and synchronises.
//!
//! The engine and both emulators share one thread, which never rests; socket, inbox and store have
//! their own, as in `notion-sync serve`.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::Utc;
use notion_sync_core::engine::{Budget, Engine};
use notion_sync_core::state::State;
use notion_sync_core::store::Store;
use notion_sync_examples::config::{
    Config, GithubSection, NotionSection, RepositoryChoice, TasksSection,
};
use notion_sync_examples::emulation::{
    BACKLOG, GITHUB_TOKEN, NOTION_TOKEN, Services, World, bounds_for, small_bounds,
};
use notion_sync_examples::secrets::{GithubSecret, Secrets};
use notion_sync_examples::wiring::{self, Parts, SystemClock};
use notion_sync_receiver::{Receiver, Server};
use notion_sync_store::{KeyRing, open};
use notion_sync_testkit::emulator::InProcess;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{Failure, deliveries};
use crate::threads::{self, Time};

/// The first line that the process prints.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Started {
    pub(super) address: SocketAddr,
}

/// The last one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Figures {
    /// Rounds of the engine, and what it wrote.
    pub(super) rounds: usize,
    pub(super) writes: usize,
    /// Hints that it has not answered yet.
    pub(super) waiting: usize,
    /// From the first line to the end of the deliveries.
    pub(super) lasted_ns: u64,
    /// What the threads used in this time.
    pub(super) threads: BTreeMap<String, Time>,
    /// Memory, in bytes.
    pub(super) resident_before: u64,
    pub(super) resident_after: u64,
}

/// Runs until standard input ends. Its first line is the key that the store is sealed with.
pub(super) fn run(file: &Path, busy: bool) -> Result<(), Failure> {
    let mut key = String::new();
    std::io::stdin().read_line(&mut key)?;
    let key = KeyRing::parse(&SecretString::from(key), None)?;
    let stop = Arc::new(AtomicBool::new(false));
    std::thread::Builder::new()
        .name("input".to_owned())
        .spawn({
            let stop = Arc::clone(&stop);
            move || {
                // Whatever it ends with, it has ended.
                let _ = std::io::stdin().read_to_end(&mut Vec::new());
                stop.store(true, Ordering::Relaxed);
            }
        })?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("engine")
        .enable_all()
        .build()?;
    let file = file.to_owned();
    runtime.block_on(async {
        tokio::spawn(async move { serve(&file, key, busy, &stop).await }).await?
    })
}

async fn serve(file: &Path, key: KeyRing, busy: bool, stop: &AtomicBool) -> Result<(), Failure> {
    let services = Services::start(World::small()?, small_bounds(), Utc::now())?;
    let data_source = {
        let notion = services.notion.lock().map_err(|_| "poisoned")?;
        notion.world().id("backlog-tasks").to_string()
    };
    let config = config(data_source);
    let secrets = Secrets {
        notion_token: Some(NOTION_TOKEN.to_owned().into()),
        github: Some(GithubSecret::Token(GITHUB_TOKEN.to_owned().into())),
        ..Secrets::default()
    };
    let clock = Arc::new(SystemClock);
    let parts = Parts {
        notion_http: Arc::new(InProcess::new(services.notion.clone(), clock.clone())),
        github_http: Arc::new(InProcess::new(services.github.clone(), clock.clone())),
        clock: clock.clone(),
    };
    let store = open(&format!("sqlite:{}", file.display()), Some(key)).await?;
    let receiver = Receiver::new(deliveries::settings(), store.clone(), clock).await?;
    let server = Server::start(receiver.router(), "127.0.0.1:0".parse()?)?;
    let engine = wiring::engine(&config, &secrets, &parts, store.clone()).await?;
    engine.tick(Budget::default()).await?;

    let (begin, before, resident_before) = (Instant::now(), threads::times(), threads::resident());
    println!(
        "{}",
        serde_json::to_string(&Started {
            address: server.address()
        })?
    );
    let (mut rounds, mut writes) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        if busy {
            writes += round(&services, &engine, rounds).await?;
            rounds += 1;
        } else {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let figures = Figures {
        rounds,
        writes,
        lasted_ns: u64::try_from(begin.elapsed().as_nanos())?,
        threads: threads::between(&before, &threads::times()),
        resident_before,
        resident_after: threads::resident(),
        waiting: waiting(&*store).await?,
    };
    server.stop().await;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(())
}

async fn waiting(store: &dyn Store) -> Result<usize, Failure> {
    Ok(State::new(store).waiting().await?.hints)
}

/// A person changes something, and the engine looks. Answers how much it wrote.
async fn round(services: &Services, engine: &Engine, number: usize) -> Result<usize, Failure> {
    {
        let mut github = services.github.lock().map_err(|_| "poisoned")?;
        let title = format!("Dark mode {number}");
        github
            .retitle(BACKLOG, 1, "ada", &title, Utc::now())
            .map_err(|refusal| format!("{refusal:?}"))?;
    }
    let budget = Budget {
        poll_now: true,
        ..Budget::default()
    };
    let tick = engine.tick(budget).await?;
    match tick.errors().next() {
        Some(error) => Err(error.to_owned().into()),
        None => Ok(tick.writes()),
    }
}

/// What the engine synchronises.
fn config(data_source: String) -> Config {
    Config {
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
            name: deliveries::MAPPING.to_owned(),
            data_source,
            repository: RepositoryChoice::Fixed(BACKLOG.to_owned()),
            ..TasksSection::default()
        }],
        ..Config::default()
    }
}
