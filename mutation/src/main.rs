//! Mutation testing of `notion-sync-core`: every mutant is compiled into one test binary and switched on for a run by
//! an environment variable, so that a mutant costs a run of the tests and no build.
//!
//! The sources are copied first; what is mutated is the copy. Ids and results belong to a state of the sources:
//! after a change of them everything is numbered and tested again.

mod child;
mod mutate;
mod planted;
#[cfg(test)]
mod tests;
mod trial;
mod workspace;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

use mutate::{Mutant, Source};
use serde_json::{Value, json};
use workspace::Workspace;

const USAGE: &str = "\
notion-sync-mutation --out RESULTS.jsonl [options]
  --root REPO       the repository (default: here)
  --work DIR        where the copy and its builds are kept (default: target/mutation in the repository)
  --file PATH       test only mutants of this file, or of this folder when it ends with a slash; may be repeated
  --test NAME       the test binary, planner or it (default: planner), or lib for the tests beside the code
  --filter NAME     run only tests with this in their names; may be repeated
  --only IDS        test only these mutants, as in 3,8..12
  --known FILE      results of other tests: what those noticed is not tested again; may be repeated
  --jobs N          how many at a time (default: 2)
  --timeout SECONDS for a run (default: ten times that without a mutant, at least 20)
  --list            only print the mutants
notion-sync-mutation planted [options]: see planted --help";

/// What is mutated: reconcile, operations and cursors. Always the whole of it, so that ids do not depend on `--file`.
const TARGETS: [&str; 4] = [
    "notion-sync-core/src/reconcile/",
    "notion-sync-core/src/operation.rs",
    "notion-sync-core/src/engine/observe/looking.rs",
    "notion-sync-core/src/engine/observe/survey.rs",
];

type Result<T> = std::result::Result<T, String>;

fn at<E: Display>(place: impl Display) -> impl FnOnce(E) -> String {
    move |error| format!("{place}: {error}")
}

struct Options {
    root: PathBuf,
    work: PathBuf,
    out: PathBuf,
    files: Vec<String>,
    test: String,
    filters: Vec<String>,
    only: Vec<(u32, u32)>,
    known: Vec<PathBuf>,
    jobs: usize,
    timeout: Option<u64>,
    list: bool,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self> {
        let mut given: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut list = false;
        while let Some(name) = args.next() {
            match name.as_str() {
                "--list" => list = true,
                "--root" | "--work" | "--file" | "--test" | "--filter" | "--only" | "--known"
                | "--jobs" | "--timeout" | "--out" => {
                    let value = args.next().ok_or_else(|| format!("{name} wants a value"))?;
                    given.entry(name).or_default().push(value);
                }
                _ => return Err(format!("{name} is no option\n\n{USAGE}")),
            }
        }
        let mut all = |name: &str| given.remove(name).unwrap_or_default();
        let number =
            |name: &str, text: &str| text.parse::<u64>().map_err(at(format!("{name} {text}")));
        let path = |text: &str| std::path::absolute(text).map_err(at(text));
        let root = path(all("--root").last().map_or(".", |root| root))?;
        let ids = all("--only").join(",");
        let range = |text: &str| {
            let (first, last) = text.split_once("..").unwrap_or((text, text));
            let id = |text: &str| {
                text.trim()
                    .parse::<u32>()
                    .map_err(at(format!("--only {ids}")))
            };
            Ok((id(first)?, id(last)?))
        };
        Ok(Self {
            work: all("--work")
                .last()
                .map_or_else(|| Ok(root.join("target/mutation")), |work| path(work))?,
            out: match all("--out").last() {
                Some(out) => path(out)?,
                None if list => PathBuf::new(),
                None => return Err(format!("--out is missing\n\n{USAGE}")),
            },
            files: all("--file"),
            test: all("--test").pop().unwrap_or_else(|| "planner".to_owned()),
            filters: all("--filter"),
            known: all("--known").into_iter().map(PathBuf::from).collect(),
            only: ids
                .split(',')
                .filter(|part| !part.is_empty())
                .map(range)
                .collect::<Result<_>>()?,
            jobs: all("--jobs")
                .last()
                .map_or(Ok(2), |jobs| number("--jobs", jobs))?
                .max(1) as usize,
            timeout: all("--timeout")
                .last()
                .map(|seconds| number("--timeout", seconds))
                .transpose()?,
            root,
            list,
        })
    }

    fn wants(&self, file: &str, mutant: &Mutant) -> bool {
        (self.files.is_empty() || self.files.iter().any(|want| matches(want, file)))
            && (self.only.is_empty()
                || self
                    .only
                    .iter()
                    .any(|&(first, last)| (first..=last).contains(&mutant.id)))
    }
}

/// Whether it is the file, or lies in the folder.
fn matches(want: &str, file: &str) -> bool {
    want == file || want.ends_with('/') && file.starts_with(want)
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1).peekable();
    let done = match arguments.next_if(|first| first == "planted") {
        Some(_) => planted::run(arguments),
        None => Options::parse(arguments)
            .and_then(|options| run(&options))
            .map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let files = workspace::tracked(&options.root)?;
    let mut sources: Vec<(String, Source)> = Vec::new();
    let mut first = 0;
    for want in TARGETS
        .iter()
        .copied()
        .chain(options.files.iter().map(String::as_str))
    {
        let before = sources.len();
        for file in files
            .iter()
            .filter(|file| matches(want, file) && file.ends_with(".rs"))
        {
            if !sources.iter().any(|(known, _)| known == file) {
                let text = fs::read_to_string(options.root.join(file)).map_err(at(file))?;
                let source = Source::parse(text, first).map_err(at(file))?;
                first += u32::try_from(source.mutants().count()).map_err(at(file))?;
                sources.push((file.clone(), source));
            }
        }
        if before == sources.len() && !sources.iter().any(|(file, _)| matches(want, file)) {
            return Err(format!("{want}: no such source in the repository"));
        }
    }
    let chosen: Vec<(&str, &Mutant)> = (sources.iter())
        .flat_map(|(file, source)| source.mutants().map(|mutant| (file.as_str(), mutant)))
        .filter(|(file, mutant)| options.wants(file, mutant))
        .collect();
    if options.list {
        for (file, mutant) in &chosen {
            print(&described(file, mutant));
        }
        return Ok(());
    }
    let workspace = Workspace {
        options,
        files: &files,
        sources: &sources,
    };
    let state = workspace.state("notion-sync-core/")?;
    let (binary, unviable) = workspace.build()?;
    let outcomes = trial::test(options, &state, &binary, &unviable, &chosen)?;
    report(&chosen, &outcomes);
    Ok(())
}

fn described(file: &str, mutant: &Mutant) -> Value {
    json!({
        "id": mutant.id, "file": file, "line": mutant.line, "column": mutant.column,
        "function": mutant.function, "kind": mutant.kind, "what": mutant.what,
    })
}

fn print(line: &impl Display) {
    // Whoever reads may stop reading.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn report(chosen: &[(&str, &Mutant)], outcomes: &BTreeMap<u32, String>) {
    const OUTCOMES: [&str; 4] = ["caught", "timeout", "survived", "unviable"];
    let mut table: BTreeMap<&str, [u32; 4]> = BTreeMap::new();
    for (file, mutant) in chosen {
        for name in [file, "total"] {
            let counts = table.entry(name).or_default();
            for (count, outcome) in counts.iter_mut().zip(OUTCOMES) {
                *count += u32::from(outcomes.get(&mutant.id).is_some_and(|it| it == outcome));
            }
        }
    }
    print(&format!(
        "{:50} {}",
        "",
        OUTCOMES.map(|outcome| format!("{outcome:>8}")).join(" ")
    ));
    for (file, counts) in table {
        print(&format!(
            "{file:50} {}",
            counts.map(|count| format!("{count:>8}")).join(" ")
        ));
    }
    for (file, mutant) in chosen {
        if outcomes
            .get(&mutant.id)
            .is_some_and(|outcome| outcome == "survived")
        {
            print(&format!(
                "{} {file}:{} {}: {}",
                mutant.id, mutant.line, mutant.function, mutant.what
            ));
        }
    }
}
