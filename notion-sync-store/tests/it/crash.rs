//! A process that is killed in the middle of its commits.
//!
//! The test starts itself as a child that commits and says so on its standard output, kills it
//! after some lines, and looks at the file: everything the child said is there, and nothing half.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use notion_sync_core::store::{Change, Expect, IndexEntry, Query, Store, Table};
use notion_sync_store::{KeyRing, open};
use secrecy::{ExposeSecret, SecretString};

use crate::directory::Scratch;
use crate::scratch::{body, ring, run, secret};

const URL: &str = "NOTION_SYNC_CRASH_URL";
const KEY: &str = "NOTION_SYNC_CRASH_KEY";
const ROUNDS: &str = "NOTION_SYNC_CRASH_ROUNDS";

/// So many items change together, that a kill often hits a commit under way.
const TOGETHER: usize = 60;

/// Marks the child's lines among those of the test harness.
const COMMITTED: &str = "committed ";

#[test]
fn a_killed_process_loses_nothing_it_had_committed() {
    if let Ok(url) = std::env::var(URL) {
        commit_until_killed(&url);
        return;
    }
    let rounds = std::env::var(ROUNDS).map_or(20, |text| text.parse().unwrap());
    let scratch = Scratch::new();
    let key = secret();
    let mut last = 0;
    for round in 0..rounds {
        // Different moments: in the very first commits, around a checkpoint of the log, and
        // anywhere inside a commit. Nothing depends on where it really hits.
        let lines = 1 + (round * 37) % 40;
        let delay = Duration::from_micros(round * 331 % 5_000);
        let said = kill_after(lines, delay, &scratch.url("store.db"), &key);
        let found = run(inspect(&scratch.url("store.db"), &key));
        assert!(said >= last + lines, "round {round}: {said} after {last}");
        // The commit under way may have been finished without a word about it.
        assert!(
            found == said || found == said + 1,
            "round {round}: said {said}, found {found}"
        );
        last = found;
    }
    assert!(scratch.path("store.db").exists());
}

/// The child: ever more items, counters that must stay equal, an index, and deletions.
fn commit_until_killed(url: &str) {
    let key = SecretString::from(std::env::var(KEY).unwrap());
    let keys = KeyRing::parse(&key, None).unwrap();
    run(async {
        let store = open(url, Some(keys)).await.unwrap();
        let mut number = steps(&*store).await;
        let mut out = std::io::stdout();
        loop {
            number += 1;
            store.commit(step(number)).await.unwrap();
            writeln!(out, "{COMMITTED}{number}").unwrap();
            out.flush().unwrap();
        }
    });
}

fn step(number: u64) -> Vec<Change> {
    let put = |table, key: String, indexes| Change::Put {
        table,
        key,
        expect: Expect::Any,
        indexes,
        body: number.to_string().repeat(20).into_bytes(),
    };
    let state = |sort: String| {
        vec![IndexEntry {
            name: "by-state",
            key: "open".to_owned(),
            sort,
        }]
    };
    let mut changes = vec![
        put(Table::Audit, format!("log-{number:06}"), Vec::new()),
        put(
            Table::Operation,
            format!("op-{number:06}"),
            state(format!("{number:06}")),
        ),
    ];
    changes.extend((0..TOGETHER).map(|at| put(Table::Record, counter(at), Vec::new())));
    if number > 1 {
        changes.push(Change::Delete {
            table: Table::Operation,
            key: format!("op-{:06}", number - 1),
            expect: Expect::Version(1),
        });
    }
    changes
}

/// The key of one of the items that change together.
fn counter(at: usize) -> String {
    format!("counter-{at:02}")
}

/// How many steps the store holds, by the first counter.
async fn steps(store: &dyn Store) -> u64 {
    store
        .get(Table::Record, &counter(0))
        .await
        .unwrap()
        .map_or(0, |item| item.version)
}

/// Starts the child, kills it some time after `lines` commits, returns the last number it said.
fn kill_after(lines: u64, delay: Duration, url: &str, key: &SecretString) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &test_name(), "--nocapture", "--test-threads=1"])
        .env(URL, url)
        .env(KEY, key.expose_secret())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut last = 0;
    let mut seen = 0;
    while seen < lines {
        let mut line = String::new();
        let length = output.read_line(&mut line).unwrap();
        assert!(length > 0, "the child ended by itself");
        if let Some(number) = said(&line) {
            last = number;
            seen += 1;
        }
    }
    std::thread::sleep(delay);
    // SIGKILL where there is one: no destructor, no flush, no goodbye.
    child.kill().unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    child.wait().unwrap();
    rest.split_inclusive('\n')
        .filter_map(said)
        .next_back()
        .unwrap_or(last)
}

/// The number of a complete line. The harness may have begun the line with its own words.
fn said(line: &str) -> Option<u64> {
    let (_, number) = line.strip_suffix('\n')?.split_once(COMMITTED)?;
    number.parse().ok()
}

fn test_name() -> String {
    // The harness names tests by their path inside the binary.
    let module = module_path!().split_once("::").map_or("", |(_, rest)| rest);
    format!("{module}::a_killed_process_loses_nothing_it_had_committed")
}

/// Opens the file, which also proves that the lock went with the process, and returns how many
/// steps it holds after checking that it holds each of them whole.
async fn inspect(url: &str, key: &SecretString) -> u64 {
    let store = open(url, Some(ring(key))).await.unwrap();
    let last = steps(&*store).await;
    let text = |number: u64| number.to_string().repeat(20).into_bytes();
    let counters: Vec<_> = (0..TOGETHER).map(counter).collect();
    let items = store.get_many(Table::Record, &counters).await.unwrap();
    assert_eq!(items.len(), TOGETHER);
    for item in items {
        assert_eq!(
            (item.version, item.body),
            (last, text(last)),
            "{}",
            item.key
        );
    }
    let logs: Vec<_> = (1..=last)
        .map(|number| format!("log-{number:06}"))
        .collect();
    let mut number = 0;
    for page in logs.chunks(100) {
        for item in store.get_many(Table::Audit, page).await.unwrap() {
            number += 1;
            assert_eq!(item.body, text(number), "{}", item.key);
        }
    }
    assert_eq!(number, last, "a log is missing");
    for number in [last - 1, last, last + 1] {
        let operation = format!("op-{number:06}");
        let found = body(&*store, Table::Operation, &operation).await;
        assert_eq!(found.is_some(), number == last, "{operation} of {last}");
    }
    let query = Query {
        table: Table::Operation,
        name: "by-state",
        key: "open",
        after: None,
        limit: 10,
    };
    let hits = store.query(query).await.unwrap();
    let keys: Vec<_> = hits.into_iter().map(|hit| hit.key).collect();
    assert_eq!(keys, [format!("op-{last:06}")]);
    drop(store);
    let path = url.trim_start_matches("sqlite:");
    let sound =
        notion_sync_store::SqliteStore::open(Path::new(path), notion_sync_store::Access::Exclusive)
            .await
            .unwrap();
    assert_eq!(sound.check_integrity().await.unwrap(), [""; 0]);
    last
}
