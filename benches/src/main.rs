//! Measures what converting, comparing, merging and planning cost, and how fast webhooks are
//! answered; what long stores cost. See `benches/README.md`.

mod codecs;
#[cfg(feature = "durable")]
mod durable;
mod input;
mod measure;
mod memory;
mod outputs;
mod pages;
mod peers;
mod planner;
#[cfg(feature = "receivers")]
mod receivers;
mod returned;
#[cfg(feature = "durable")]
mod threads;
mod typed;

use std::process::ExitCode;
use std::time::Duration;

use measure::{Case, Effort};

#[global_allocator]
static HEAP: memory::Counting = memory::Counting;

const USAGE: &str = "\
usage: notion-sync-benches [OPTIONS] [NAMES]
       notion-sync-benches receivers [OPTIONS]
       notion-sync-benches durable [OPTIONS]

NAMES            only cases whose name starts with one of these
--json           print JSON instead of a table
--rounds N       at most N rounds of each case (default 60)
--seconds N      about N seconds for each case (default 3)
--once           run each case once and print nothing: for tools that count instructions
--peers FOLDER   run the peers that benches/peers/install put there on the same input
--outputs        print digests of all outputs for all recorded data, to compare before and after
";

struct Arguments {
    names: Vec<String>,
    json: bool,
    once: bool,
    outputs: bool,
    peers: Option<std::path::PathBuf>,
    effort: Effort,
}

#[cfg(feature = "receivers")]
fn receivers(arguments: &[String]) -> Result<(), String> {
    receivers::run(arguments)
}

#[cfg(feature = "durable")]
fn durable(arguments: &[String]) -> Result<(), String> {
    durable::run(arguments)
}

#[cfg(not(feature = "durable"))]
fn durable(_: &[String]) -> Result<(), String> {
    Err("build it with `--features durable`".to_owned())
}

#[cfg(not(feature = "receivers"))]
fn receivers(_: &[String]) -> Result<(), String> {
    Err("build it with `--features receivers`".to_owned())
}

fn arguments(given: Vec<String>) -> Result<Arguments, String> {
    let mut out = Arguments {
        names: Vec::new(),
        json: false,
        once: false,
        outputs: false,
        peers: None,
        effort: Effort {
            rounds: 60,
            time: Duration::from_secs(3),
        },
    };
    let mut given = given.into_iter();
    while let Some(argument) = given.next() {
        if argument == "--peers" {
            let folder = given.next().ok_or(USAGE)?;
            out.peers = Some(std::path::absolute(folder).map_err(|error| error.to_string())?);
            continue;
        }
        let mut number = || {
            let number = given.next().and_then(|number| number.parse::<u32>().ok());
            number.ok_or_else(|| format!("{argument} takes a number\n{USAGE}"))
        };
        match argument.as_str() {
            "--json" => out.json = true,
            "--once" => out.once = true,
            "--outputs" => out.outputs = true,
            "--rounds" => out.effort.rounds = number()?.max(1) as usize,
            "--seconds" => out.effort.time = Duration::from_secs(number()?.into()),
            name if name.starts_with('-') => return Err(USAGE.to_owned()),
            name => out.names.push(name.to_owned()),
        }
    }
    Ok(out)
}

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match given.split_first() {
        Some((command, rest)) if command == "receivers" => receivers(rest),
        Some((command, rest)) if command == "durable" => durable(rest),
        _ => arguments(given).and_then(|arguments| run(&arguments)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let folder = input::folder()
        .ok_or("no recorded documents: set NOTION_SYNC_FIXTURES to the folder that holds them")?;
    if arguments.outputs {
        print!("{}", outputs::lines(&folder));
        return Ok(());
    }
    let documents = input::files(&folder.join("markdown"), "md");
    let input = input::Input::of(input::joined(&documents))?;
    let pages = pages::Pages::of(&input.page);
    let planner = planner::Planner::new(&input.page)?;
    let mut cases = codecs::cases(&input);
    cases.extend(pages::cases(&pages));
    cases.extend(planner.cases());
    let wanted = |case: &Case<'_>| {
        let names = &arguments.names;
        names.is_empty()
            || names
                .iter()
                .any(|name| case.name.starts_with(name.as_str()))
    };
    cases.retain(wanted);
    if arguments.once {
        for case in &cases {
            std::hint::black_box((case.work)());
        }
        return Ok(());
    }
    let mut rows = measure::run(&cases, arguments.effort);
    if let Some(folder) = &arguments.peers {
        rows.extend(peers::run(folder, &input)?);
        measure::compare(&mut rows);
    }
    if arguments.json {
        let text = serde_json::to_string_pretty(&rows).map_err(|error| error.to_string())?;
        println!("{text}");
    } else {
        println!(
            "{} bytes of Markdown, {} bytes returned, {} blocks",
            input.markdown.len(),
            input.returned.bytes(),
            input.returned.blocks
        );
        print!("{}", measure::table(&rows));
    }
    Ok(())
}
