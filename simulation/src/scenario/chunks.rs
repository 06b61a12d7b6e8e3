//! The command `campaign`: seeds in chunks, each with a line in a ledger, so that a long run can be
//! stopped at any moment and taken up where its ledger ends.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::command::{jobs, range, rate};
use super::markers;
use super::script::Profile;
use super::season::{self, Season, Tally};

const USAGE: &str = "usage: notion-sync-simulation campaign --seeds A..B --ledger FILE \
[--profile PROFILE] [--chunk N] [--commit ID] [--jobs N] [--minutes N]";

/// Seeds in a chunk.
const CHUNK: u64 = 1_000;

/// What was asked for.
#[derive(Debug)]
struct Wanted {
    seeds: Range<u64>,
    profile: Profile,
    chunk: u64,
    ledger: PathBuf,
    commit: Option<String>,
    jobs: usize,
    /// No chunk begins after this time.
    most: Option<Duration>,
}

fn read(arguments: &[String]) -> Option<Wanted> {
    let (mut seeds, mut ledger) = (None, None);
    let mut profile = Profile::Both;
    let (mut chunk, mut commit, mut threads, mut most) = (CHUNK, None, 1, None);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let value = rest.next()?;
        match argument.as_str() {
            "--seeds" => seeds = Some(range(value)?),
            "--ledger" => ledger = Some(PathBuf::from(value)),
            "--profile" => profile = Profile::named(value)?,
            "--chunk" => chunk = value.parse().ok().filter(|chunk| *chunk > 0)?,
            "--commit" => commit = Some(value.clone()),
            "--jobs" => threads = jobs(value)?,
            "--minutes" => {
                let minutes: u64 = value.parse().ok()?;
                most = Some(Duration::from_secs(minutes.checked_mul(60)?));
            }
            _ => return None,
        }
    }
    Some(Wanted {
        seeds: seeds?,
        profile,
        chunk,
        ledger: ledger?,
        commit,
        jobs: threads,
        most,
    })
}

/// What is known of a chunk that was played.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    commit: String,
    profile: String,
    seeds: Range<u64>,
    failures: u64,
    markers: Vec<String>,
}

impl Known {
    fn read(line: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| Some(line.get(name)?.as_str()?.to_owned());
        let number = |name: &str| line.get(name)?.as_u64();
        let markers = line.get("markers")?.as_object()?;
        Some(Self {
            commit: text("commit")?,
            profile: text("profile")?,
            seeds: number("from")?..number("to")?,
            failures: u64::try_from(line.get("failures")?.as_array()?.len()).ok()?,
            markers: markers.keys().cloned().collect(),
        })
    }
}

/// A file with one line per chunk.
#[derive(Debug)]
struct Ledger {
    file: File,
    known: Vec<Known>,
}

impl Ledger {
    /// Opens a ledger, or begins one. A last line that was cut off is taken away: its chunk is played
    /// again.
    fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            file.set_len(u64::try_from(whole).map_err(io::Error::other)?)?;
            file.seek(SeekFrom::End(0))?;
        }
        let mut known = Vec::new();
        for (number, line) in text[..whole].lines().enumerate() {
            let one = Known::read(line).ok_or_else(|| {
                let said = format!("line {} of {} is no chunk", number + 1, path.display());
                io::Error::new(io::ErrorKind::InvalidData, said)
            })?;
            known.push(one);
        }
        Ok(Self { file, known })
    }

    /// The first seed that this campaign has not played yet.
    fn begins(&self, commit: &str, profile: Profile, seeds: &Range<u64>) -> u64 {
        let mut at = seeds.start;
        while at < seeds.end {
            let next = self.known.iter().find(|known| {
                known.commit == commit
                    && known.profile == profile.name()
                    && known.seeds.contains(&at)
            });
            match next {
                Some(known) => at = known.seeds.end,
                None => break,
            }
        }
        at.min(seeds.end)
    }

    fn append(&mut self, line: &Value) -> io::Result<()> {
        let text = format!("{line}\n");
        self.file.write_all(text.as_bytes())?;
        self.file.sync_data()?;
        self.known.extend(Known::read(&text));
        Ok(())
    }
}

/// The commit of the working tree, with `+` where it was changed since, the ledger aside.
fn commit(ledger: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let id = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["diff", "--name-only", "HEAD"])?;
    let ledger = ledger.file_name()?.to_str()?;
    let dirty = changed
        .lines()
        .any(|path| Path::new(path).file_name().and_then(|name| name.to_str()) != Some(ledger));
    Some(if dirty { format!("{id}+") } else { id })
}

fn line(commit: &str, season: &Season, tally: &Tally, seconds: f64) -> Value {
    let must = markers::of(season.profile);
    let markers: serde_json::Map<String, Value> = tally
        .counts
        .iter()
        .filter(|(what, _)| must.contains(what))
        .map(|(what, times)| ((*what).to_owned(), json!(times)))
        .collect();
    let failures: Vec<Value> = tally
        .failures
        .iter()
        .map(|(seed, failure)| {
            json!({"seed": seed, "property": failure.property, "message": failure.message})
        })
        .collect();
    let mut line = json!({
        "commit": commit,
        "profile": season.profile.name(),
        "from": season.seeds.start,
        "to": season.seeds.end,
        "seeds": tally.seeds,
        "repeated": tally.repeated,
        "failures": failures,
        "seconds": (seconds * 10.0).round() / 10.0,
        "jobs": season.jobs,
        "digest": tally.digest(),
        "markers": markers,
    });
    if season.cells {
        line["cells"] = tally.cells.json();
    }
    line
}

/// Runs a campaign.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let Some(wanted) = read(arguments) else {
        // Nobody is left to tell when this cannot be written.
        let _ = writeln!(io::stderr(), "{USAGE}\nPROFILE: {}", Profile::names());
        return ExitCode::from(2);
    };
    match play(&wanted, &mut io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn play(wanted: &Wanted, out: &mut dyn Write) -> io::Result<bool> {
    let commit = wanted.commit.clone().or_else(|| commit(&wanted.ledger));
    let commit = commit.ok_or_else(|| io::Error::other("no commit: name one with --commit"))?;
    let mut ledger = Ledger::open(&wanted.ledger)?;
    let start = Instant::now();
    let mut at = ledger.begins(&commit, wanted.profile, &wanted.seeds);
    if at > wanted.seeds.start {
        writeln!(out, "seeds below {at} are in the ledger")?;
    }
    while at < wanted.seeds.end && wanted.most.is_none_or(|most| start.elapsed() < most) {
        let season = Season {
            seeds: at..at.saturating_add(wanted.chunk).min(wanted.seeds.end),
            profile: wanted.profile,
            canary: false,
            keep_going: true,
            jobs: wanted.jobs,
            cells: wanted.profile == Profile::Faults,
        };
        let began = Instant::now();
        let tally = season::play_all(&season, &mut |_, _| {});
        let seconds = began.elapsed().as_secs_f64();
        ledger.append(&line(&commit, &season, &tally, seconds))?;
        writeln!(
            out,
            "{}: seeds {}..{} in {seconds:.1} s ({:.1} a second), {} failures",
            wanted.profile.name(),
            season.seeds.start,
            season.seeds.end,
            rate(tally.seeds, seconds),
            tally.failures.len()
        )?;
        for (seed, failure) in &tally.failures {
            writeln!(out, "SEED={seed} {}: {}", failure.property, failure.message)?;
        }
        at = season.seeds.end;
    }
    verdict(wanted, &commit, &ledger, at, out)
}

/// What the whole campaign shows so far: all its chunks, those of earlier runs too.
fn verdict(
    wanted: &Wanted,
    commit: &str,
    ledger: &Ledger,
    at: u64,
    out: &mut dyn Write,
) -> io::Result<bool> {
    let ours = ledger.known.iter().filter(|known| {
        known.commit == commit
            && known.profile == wanted.profile.name()
            && known.seeds.start >= wanted.seeds.start
            && known.seeds.end <= at
    });
    let mut failures = 0;
    let mut never = markers::of(wanted.profile);
    for known in ours {
        failures += known.failures;
        never.retain(|what| !known.markers.iter().any(|marker| marker == what));
    }
    writeln!(
        out,
        "{}: seeds {}..{at} of {} at {commit}, {failures} failures",
        wanted.profile.name(),
        wanted.seeds.start,
        wanted.seeds.end
    )?;
    for what in &never {
        writeln!(out, "never happened: {what}")?;
    }
    Ok(failures == 0 && never.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(commit: &str, from: u64, to: u64) -> String {
        let line = json!({
            "commit": commit, "profile": "tasks", "from": from, "to": to, "failures": [],
            "markers": {"parked": 3},
        });
        format!("{line}\n")
    }

    fn place(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("notion-sync-{}-{name}.jsonl", std::process::id()))
    }

    #[test]
    fn a_campaign_goes_on_where_its_ledger_ends() {
        let path = place("resume");
        let text = [
            chunk("a", 1, 11),
            chunk("b", 11, 90),
            chunk("a", 11, 21),
            chunk("a", 31, 41),
        ];
        std::fs::write(&path, text.concat()).unwrap();
        let ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.begins("a", Profile::Tasks, &(1..100)), 21);
        assert_eq!(ledger.begins("a", Profile::Tasks, &(1..15)), 15);
        assert_eq!(ledger.begins("a", Profile::Both, &(1..100)), 1);
        assert_eq!(ledger.begins("c", Profile::Tasks, &(1..100)), 1);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_line_that_was_cut_off_is_taken_away() {
        let path = place("cut");
        let whole = chunk("a", 1, 11);
        let cut = chunk("a", 11, 21);
        std::fs::write(&path, format!("{whole}{}", &cut[..20])).unwrap();
        let mut ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.begins("a", Profile::Tasks, &(1..100)), 11);
        let next: Value = serde_json::from_str(&cut).unwrap();
        ledger.append(&next).unwrap();
        assert_eq!(ledger.begins("a", Profile::Tasks, &(1..100)), 21);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("{whole}{cut}"));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_line_that_is_no_chunk_is_told() {
        let path = place("wrong");
        std::fs::write(&path, "{\"commit\": \"a\"}\n").unwrap();
        let said = Ledger::open(&path).unwrap_err().to_string();
        assert!(said.contains("line 1"), "{said}");
        std::fs::remove_file(&path).unwrap();
    }
}
