//! How fast deliveries are answered while the engine works. See `benches/README.md`.
//!
//! The receivers, the store and the engine run in a process of their own, on one core; the sender
//! runs beside it. So the time that a delivery needs is the server's alone.

mod deliveries;
mod load;
mod served;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use notion_sync_core::store::Table;
use notion_sync_store::{Access, KeyRing, open_with};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokio::runtime::Runtime;

use deliveries::Recorded;
use load::Sent;
use served::{Figures, Started};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Keys that are read from the store in one call.
const KEYS: usize = 100;

const USAGE: &str = "\
usage: notion-sync-benches receivers [OPTIONS]

--rate N         deliveries a second (default 500)
--seconds N      how long (default 20)
--core N         core that the server is kept on; `any` for none (default 0)
--worker WHAT    `engine`: it synchronises without a pause (default); `none`: nothing else runs
--folder FOLDER  where the store's file lies while this runs (default: the folder of temporary files)
--json           print JSON
";

/// What the server's process is told, by its command line.
const SERVE: &str = "--serve";

#[derive(Debug, Clone)]
struct Settings {
    rate: u32,
    seconds: u32,
    core: Option<u32>,
    worker: bool,
    folder: PathBuf,
    json: bool,
}

/// Runs the command with the arguments behind its name.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let outcome = match arguments {
        [mode, file, worker] if mode == SERVE => served::run(Path::new(file), worker == "engine"),
        _ => settings(arguments).and_then(|settings| measure(&settings)),
    };
    outcome.map_err(|error| error.to_string())
}

fn settings(arguments: &[String]) -> Result<Settings, Failure> {
    let mut out = Settings {
        rate: 500,
        seconds: 20,
        core: Some(0),
        worker: true,
        folder: std::env::temp_dir(),
        json: false,
    };
    let mut given = arguments.iter();
    while let Some(argument) = given.next() {
        if argument == "--json" {
            out.json = true;
            continue;
        }
        let value = given.next().ok_or(USAGE)?;
        let number = || {
            let number = value.parse::<u32>().ok();
            number.ok_or_else(|| format!("{argument} takes a number\n{USAGE}"))
        };
        match (argument.as_str(), value.as_str()) {
            ("--rate", _) => out.rate = number()?.max(1),
            ("--seconds", _) => out.seconds = number()?.max(1),
            ("--core", "any") => out.core = None,
            ("--core", _) => out.core = Some(number()?),
            ("--worker", "engine") => out.worker = true,
            ("--worker", "none") => out.worker = false,
            ("--folder", folder) => out.folder = folder.into(),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(out)
}

fn measure(settings: &Settings) -> Result<(), Failure> {
    let fixtures = crate::input::folder()
        .ok_or("no recorded deliveries: set NOTION_SYNC_FIXTURES to the folder that holds them")?;
    let folder = settings
        .folder
        .join(format!("notion-sync-receivers-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = measure_in(settings, &fixtures, &folder.join("store.db"));
    std::fs::remove_dir_all(&folder)?;
    outcome
}

fn measure_in(settings: &Settings, fixtures: &Path, file: &Path) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let recorded = Arc::new(runtime.block_on(Recorded::load(fixtures))?);
    let key = KeyRing::generate()?;
    let mut server = Server::start(settings, file, &key)?;
    let load = load::Load {
        address: server.started.address,
        rate: settings.rate,
        count: settings.rate * settings.seconds,
    };
    let sent = runtime.block_on(load.send(&recorded))?;
    let figures = server.end()?;
    let rows = rows(&runtime, file, &key, &sent)?;
    print(settings, &recorded, &sent, &figures, rows)?;
    let taken = sent.answers.get("taken").copied().unwrap_or_default();
    if taken != sent.ids.len() || rows != taken {
        return Err(format!(
            "of {} deliveries {taken} were taken, and {rows} are in the store",
            sent.ids.len()
        )
        .into());
    }
    Ok(())
}

/// How many of the deliveries have a row in the inbox, read from the file by another process than
/// the one that answered.
fn rows(runtime: &Runtime, file: &Path, key: &SecretString, sent: &Sent) -> Result<usize, Failure> {
    runtime.block_on(async {
        let key = KeyRing::parse(key, None)?;
        let url = format!("sqlite:{}", file.display());
        let store = open_with(&url, Some(key), Access::ReadOnly).await?;
        let mut rows = 0;
        for keys in sent.ids.chunks(KEYS) {
            rows += store.get_many(Table::Inbox, keys).await?.len();
        }
        Ok(rows)
    })
}

/// The process that receives.
struct Server {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    started: Started,
}

impl Server {
    fn start(settings: &Settings, file: &Path, key: &SecretString) -> Result<Self, Failure> {
        let program = std::env::current_exe()?;
        let mut command = match settings.core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.arg("-c").arg(core.to_string()).arg(program);
                command
            }
            None => Command::new(program),
        };
        let worker = if settings.worker { "engine" } else { "none" };
        let mut child = command
            .args(["receivers", SERVE])
            .arg(file)
            .arg(worker)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the server cannot be started on one core: {error}"))?;
        let out = child.stdout.take().ok_or("the server has no output")?;
        let mut out = BufReader::new(out);
        let mut line = String::new();
        // Not on the command line, where everybody could read it.
        if let Some(input) = &mut child.stdin {
            writeln!(input, "{}", key.expose_secret())?;
        }
        out.read_line(&mut line)?;
        let started = serde_json::from_str(&line)
            .map_err(|error| format!("the server did not start: {error}"))?;
        Ok(Self {
            child,
            out,
            started,
        })
    }

    /// Ends the process. Answers what it used.
    fn end(&mut self) -> Result<Figures, Failure> {
        drop(self.child.stdin.take());
        let mut line = String::new();
        self.out.read_line(&mut line)?;
        if !self.child.wait()?.success() {
            return Err("the server failed".into());
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After an error; otherwise it has ended, and this does nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn print(
    settings: &Settings,
    recorded: &Recorded,
    sent: &Sent,
    figures: &Figures,
    rows: usize,
) -> Result<(), Failure> {
    let count = sent.ids.len();
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    let latency = |share| ms(load::percentile(&sent.times, share));
    let late = |share| ms(load::percentile(&sent.late, share));
    if settings.json {
        let out = json!({
            "rate": settings.rate, "seconds": settings.seconds, "core": settings.core,
            "worker": settings.worker, "recorded": recorded.seen, "sent": recorded.len(),
            "answers": sent.answers, "rows": rows, "server": figures,
            "ms": {"p50": latency(500), "p95": latency(950), "p99": latency(990),
                   "p99.9": latency(999), "max": latency(1_000)},
            "sender_late_ms": {"p50": late(500), "p99": late(990), "max": late(1_000)},
        });
        println!("{out}");
        return Ok(());
    }
    println!(
        "{count} deliveries, {} a second, of {} recorded ones ({} are for nobody here)",
        settings.rate,
        recorded.len(),
        recorded.seen - recorded.len()
    );
    let place = settings
        .core
        .map_or("any core".to_owned(), |core| format!("core {core}"));
    println!(
        "server on {place}; answers {:?}; rows in the inbox {rows}",
        sent.answers
    );
    println!(
        "p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, max {:.2} ms",
        latency(500),
        latency(950),
        latency(990),
        latency(999),
        latency(1_000)
    );
    println!(
        "the sender itself was late by p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms, which is in these",
        late(500),
        late(990),
        late(1_000)
    );
    if settings.worker {
        println!(
            "meanwhile {} rounds of the engine with {} writes; {} hints wait",
            figures.rounds, figures.writes, figures.waiting
        );
    }
    println!("thread            CPU for each delivery   share of the core   waited for the core");
    for (name, time) in &figures.threads {
        println!(
            "{name:<16} {:>18.1} us {:>19.1} % {:>19.1} %",
            time.ran_ns as f64 / 1e3 / count as f64,
            100.0 * time.ran_ns as f64 / figures.lasted_ns as f64,
            100.0 * time.waited_ns as f64 / figures.lasted_ns as f64
        );
    }
    println!(
        "memory {:.1} MB before, {:.1} MB after",
        figures.resident_before as f64 / 1e6,
        figures.resident_after as f64 / 1e6
    );
    Ok(())
}
