//! `status`: what is where.

use clap::Args;
use serde_json::json;

use super::arguments::Common;
use super::output::{Output, plain, time, unit};
use super::session::Session;
use super::standing::{self, MappingStanding};
use crate::exit::{Exit, Outcome};

/// What `status` takes.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn run(args: StatusArgs) -> Outcome {
    let session = Session::open(&args.common)?;
    let store = session.look().await?;
    let standing = standing::of(&session.config, &*store).await?;
    let waiting = standing
        .iter()
        .any(|one| one.open_operations > 0 && one.blocked == 0);
    let mut exit = standing::exit(&standing);
    if waiting {
        exit = exit.or(Exit::Retry);
    }
    session
        .output
        .object(&json!({ "mappings": standing, "exit": exit.code() }));
    for one in &standing {
        show(session.output, one);
    }
    Ok(exit)
}

/// One mapping for people.
pub(super) fn show(output: Output, one: &MappingStanding) {
    output.line(format!(
        "{}: {} pairs live, {} being made, {} being removed, {} detached",
        one.mapping, one.live, one.provisioning, one.deleting, one.detached
    ));
    let counts = [
        (one.conflicts, "conflicts open"),
        (one.proposals, "pull requests open"),
        (one.drift, "contradictions"),
        (one.dead, "writes set aside"),
        (one.open_operations - one.blocked, "writes waiting"),
        (one.blocked, "writes blocked"),
    ];
    let parts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if !parts.is_empty() {
        output.line(format!("  {}", parts.join(", ")));
    }
    match one.last_poll {
        Some(at) => output.line(format!("  looked at both sides last: {}", time(at))),
        None => output.line("  never synchronised yet"),
    }
    if let Some(hash) = &one.guarded {
        output.line(format!(
            "  the guard stopped a run: `notion-sync apply --approve {hash}`"
        ));
    }
    if let Some(error) = &one.last_error {
        output.line(format!("  last error: {}", plain(error)));
    }
    for problem in &one.problems {
        output.line(format!(
            "  {} {} {:?}: {}",
            problem.kind,
            problem.record,
            plain(&problem.title),
            unit(&problem.message)
        ));
    }
}
