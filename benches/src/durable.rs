//! What the store costs where it is long: checking the chain of a million rows, and the first look of a
//! process at what the one before it left under way. On SQLite, sealed, as the program keeps it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use notion_sync_core::audit::{AuditEvent, AuditRow};
use notion_sync_core::clock::{Clock, VirtualClock};
use notion_sync_core::document::Document;
use notion_sync_core::engine::{Binding, Budget, Engine};
use notion_sync_core::id::{MappingId, RecordId};
use notion_sync_core::mapping::{Guard, Mapping, People};
use notion_sync_core::operation::OpState;
use notion_sync_core::record::Record;
use notion_sync_core::state::{Batch, RecordState, SaveBody, State};
use notion_sync_core::store::Store;
use notion_sync_store::{KeyRing, open};
use notion_sync_testkit::model::{ModelPages, ModelRepository};
use serde::Serialize;
use serde_json::json;

use crate::threads::{self, Time};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const USAGE: &str = "\
usage: notion-sync-benches durable [OPTIONS]

--rows N         rows of the audit whose chain is checked (default 1000000)
--open N         operations that a process left under way (default 10000)
--folder FOLDER  where the stores' files lie while this runs (default: the folder of temporary files)
--json           print JSON
";

/// Rows of one record, and of one transaction.
const CHAIN: usize = 990;
const COMMIT: usize = 90;

#[derive(Debug)]
struct Settings {
    rows: usize,
    open: usize,
    folder: PathBuf,
    json: bool,
}

/// Runs the command with the arguments behind its name.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let outcome = settings(arguments).and_then(|settings| measure(&settings));
    outcome.map_err(|error| error.to_string())
}

fn settings(arguments: &[String]) -> Result<Settings, Failure> {
    let mut out = Settings {
        rows: 1_000_000,
        open: 10_000,
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
        match argument.as_str() {
            "--rows" => out.rows = value.parse()?,
            "--open" => out.open = value.parse()?,
            "--folder" => out.folder = value.into(),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(out)
}

fn measure(settings: &Settings) -> Result<(), Failure> {
    let folder = settings
        .folder
        .join(format!("notion-sync-durable-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(async {
        let verified = verify(&folder.join("audit.db"), settings.rows).await?;
        let recovered = recover(&folder.join("open.db"), settings.open).await?;
        Ok::<_, Failure>((verified, recovered))
    });
    std::fs::remove_dir_all(&folder)?;
    let (verified, recovered) = outcome?;
    if settings.json {
        println!(
            "{}",
            json!({
                "rows": settings.rows, "verify": verified, "open": settings.open, "recover": recovered,
            })
        );
    } else {
        verified.print(&format!("{} rows verified", settings.rows));
        recovered.print(&format!(
            "{} operations of a process that died taken over",
            settings.open
        ));
    }
    Ok(())
}

/// What something took.
#[derive(Debug, Serialize)]
struct Cost {
    /// As a clock on the wall shows it.
    seconds: f64,
    /// How long each thread ran, and how long it could have and something else did.
    threads: BTreeMap<String, Time>,
}

impl Cost {
    /// Of everything since a moment.
    fn since((began, before): &(Instant, BTreeMap<String, Time>)) -> Self {
        Self {
            seconds: began.elapsed().as_secs_f64(),
            threads: threads::between(before, &threads::times()),
        }
    }

    fn print(&self, what: &str) {
        println!("{what} in {:.2} s", self.seconds);
        let seconds = |nanoseconds: u64| Duration::from_nanos(nanoseconds).as_secs_f64();
        for (name, time) in &self.threads {
            let (ran, waited) = (seconds(time.ran_ns), seconds(time.waited_ns));
            println!("  {name}: ran {ran:.2} s, waited {waited:.2} s for a core");
        }
    }
}

fn begin() -> (Instant, BTreeMap<String, Time>) {
    (Instant::now(), threads::times())
}

async fn sealed(file: &Path) -> Result<Arc<dyn Store>, Failure> {
    let key = KeyRing::parse(&KeyRing::generate()?, None)?;
    Ok(open(&format!("sqlite:{}", file.display()), Some(key)).await?)
}

/// What the chains of so many rows take.
async fn verify(file: &Path, rows: usize) -> Result<Cost, Failure> {
    let store = sealed(file).await?;
    let mapping = MappingId::from("backlog");
    let at: DateTime<Utc> = "2026-11-21T09:00:00Z".parse()?;
    let mut written = 0;
    while written < rows {
        let id = RecordId::new(format!("r{written:024x}"));
        let mut state = RecordState::new(Record::new(id.clone(), mapping.clone()));
        let end = (written + CHAIN).min(rows);
        while written < end {
            let next = (written + COMMIT).min(end);
            let rows = (written..next).map(|number| row(&mapping, &id, at, number));
            let mut batch = Batch::default();
            batch.record_with_audit(&mut state, SaveBody::No, rows.collect())?;
            State::new(&*store).commit(batch).await?;
            state = State::new(&*store)
                .record(&id)
                .await?
                .ok_or("a record is not there that was just written")?;
            written = next;
        }
    }
    let began = begin();
    let proof = State::new(&*store).verify_audit(&[mapping]).await?;
    let cost = Cost::since(&began);
    if proof.rows != rows || !proof.faults.is_empty() {
        return Err(format!("{} rows of {rows}, {:?}", proof.rows, proof.faults.first()).into());
    }
    Ok(cost)
}

fn row(mapping: &MappingId, record: &RecordId, at: DateTime<Utc>, number: usize) -> AuditRow {
    AuditRow {
        at: at + chrono::Duration::milliseconds(i64::try_from(number).unwrap_or_default()),
        mapping: mapping.clone(),
        record: record.clone(),
        title: "Rotate the signing keys".to_owned(),
        event: AuditEvent::Applied,
        op: Some(format!("{number:032x}").as_str().into()),
        run: None,
        side: None,
        rows: vec![8],
        summary: "write Status, Assignee to GitHub".to_owned(),
        details: [("number".to_owned(), number.to_string())].into(),
    }
}

/// What it takes a process to take over what another one was about to send.
async fn recover(file: &Path, open: usize) -> Result<Cost, Failure> {
    let store = sealed(file).await?;
    let clock = Arc::new(VirtualClock::new("2026-11-21T09:00:10Z".parse()?));
    let shared: Arc<dyn Clock> = clock.clone();
    let pages = ModelPages::new(shared.clone(), &[]);
    let issues = ModelRepository::issues(shared.clone());
    for number in 0..open {
        pages.create(&format!("Task {number}"), Document::default());
    }
    let mapping: Mapping = serde_json::from_value(json!({
        "id": "backlog", "kind": "tasks", "policy": "notion-wins", "fields": [],
    }))?;
    let id = mapping.id.clone();
    let engine = || {
        Engine::new(store.clone(), shared.clone())
            .with_guard(Guard {
                edits: 1_000_000,
                ..Guard::default()
            })
            .with_mapping(Binding {
                mapping: mapping.clone(),
                notion: Arc::new(pages.clone()),
                github: Arc::new(issues.clone()),
                people: People::default(),
            })
    };
    let budget = |poll_now| Budget {
        poll_now,
        operations: 0,
        ..Budget::default()
    };
    // Everything planned, nothing sent.
    engine().tick(budget(true)).await?;
    clock.advance(chrono::Duration::minutes(3));
    engine().tick(budget(true)).await?;
    let state = State::new(&*store);
    let planned = state.open_operations(&id).await?;
    if planned.len() < open {
        return Err(format!("{} operations of {open} were planned", planned.len()).into());
    }
    for chunk in planned.chunks(COMMIT) {
        let mut batch = Batch::default();
        for stored in chunk {
            let mut op = stored.value.clone();
            op.state = OpState::Sending;
            op.attempts = 1;
            op.intent_at = Some(clock.now());
            batch.operation(&op, Some(stored))?;
        }
        state.commit(batch).await?;
    }
    let began = begin();
    engine().tick(budget(false)).await?;
    let cost = Cost::since(&began);
    let left = state.open_operations(&id).await?;
    let taken = (left.iter()).filter(|op| op.value.state == OpState::Unknown);
    if taken.count() != planned.len() {
        return Err("not everything was taken over".into());
    }
    Ok(cost)
}
