//! `status`: what is where.

use chrono::{DateTime, Utc};
use clap::Args;
use notion_sync_core::state::State;
use notion_sync_receiver::{Heard, Source, heard};
use notion_sync_store::Opened;
use serde_json::{Map, json};

use super::arguments::Common;
use super::output::{Output, message, plain, time};
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
    let Opened { store, sealed } = session.look_at_layers().await?;
    let standing = standing::of(&session.config, &*store).await?;
    let waiting = standing
        .iter()
        .any(|one| one.open_operations > 0 && one.blocked == 0);
    let mut exit = standing::exit(&standing);
    if waiting {
        exit = exit.or(Exit::Retry);
    }
    let now = Utc::now();
    let mut webhooks = Map::new();
    let mut sources = Vec::new();
    for source in Source::ALL {
        let heard = heard(&*store, source).await?;
        if heard.expected || heard.last_event.is_some() {
            webhooks.insert(
                source.name().to_owned(),
                json!({
                    "last_event": heard.last_event,
                    "unannounced": heard.unannounced,
                    "unannounced_since": heard.unannounced_since,
                    "silent": heard.is_silent(now),
                }),
            );
            sources.push((source, heard));
        }
    }
    let waiting = State::new(&*store).waiting().await?;
    let old_keys = match &sealed {
        Some(sealed) => sealed.old_keys().await?,
        None => Vec::new(),
    };
    session.output.object(&json!({
        "mappings": standing,
        "old_keys": old_keys,
        "webhooks": webhooks,
        "inbox": { "hints": waiting.hints, "oldest": waiting.oldest },
        "exit": exit.code(),
    }));
    for (source, heard) in &sources {
        listen(session.output, *source, heard, now);
    }
    if waiting.hints > 0 {
        session
            .output
            .line(format!("{} events wait to be looked at", waiting.hints));
    }
    if !old_keys.is_empty() {
        session.output.line(format!(
            "something is still sealed with key {}, which has to stay in ENCRYPTION_KEY_PREVIOUS: `serve` \
             seals it again by and by where ENCRYPTION_KEY is the newest key, `notion-sync rekey` at once",
            old_keys.join(", ")
        ));
    }
    for one in &standing {
        show(session.output, one);
    }
    Ok(exit)
}

/// One source of events for people.
fn listen(output: Output, source: Source, heard: &Heard, now: DateTime<Utc>) {
    let name = match source {
        Source::Notion => "webhook of Notion",
        Source::Github => "webhook of GitHub",
        Source::Events => "events of other programs",
    };
    let last = heard.last_event.map_or_else(
        || "nothing yet".to_owned(),
        |at| format!("last {}", time(at)),
    );
    output.line(format!("{name}: {last}"));
    if let Some(since) = heard.unannounced_since {
        let word = if heard.is_silent(now) {
            "it seems to be silent: "
        } else {
            ""
        };
        output.line(format!(
            "  {word}polls found {} changes since {} that none announced",
            heard.unannounced,
            time(since)
        ));
    }
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
        (one.waiting_steps, "steps of rules waiting"),
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
    if let Some(at) = one.last_success {
        output.line(format!("  succeeded last: {}", time(at)));
    }
    if let Some(why) = &one.frozen {
        output.line(format!(
            "  {}; `notion-sync unfreeze` lets it go on",
            message(why)
        ));
    }
    if let Some(hash) = &one.guarded {
        output.line(format!(
            "  the guard stopped a run: `notion-sync apply --approve {hash}`"
        ));
    }
    for why in &one.doubts {
        output.line(format!("  {}", message(why)));
    }
    if let Some(error) = &one.last_error {
        output.line(format!("  last error: {}", message(error)));
    }
    for problem in &one.problems {
        output.line(format!(
            "  {} {} {:?}: {}",
            problem.kind,
            problem.record,
            plain(&problem.title),
            message(&problem.message)
        ));
    }
}
