//! The command line.
//!
//! Standard output holds the result and nothing else; logs and progress go to standard error. With
//! `--json` the result is one object (or one line per item where the help says so), and so is a
//! failure: `{"error": …, "exit": …}`.

mod arguments;
mod audit;
mod check;
mod chores;
mod conflicts;
mod convert;
mod dead_letter;
mod events;
mod freeze;
pub(crate) mod init;
mod inspection;
mod link;
mod named;
mod output;
mod patience;
mod plan;
mod progress;
mod projects;
mod properties;
mod reasons;
mod rekey;
mod serve;
mod session;
pub(crate) mod standing;
mod status;
mod sync;
mod webhooks;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing::Instrument as _;
use tracing_subscriber::EnvFilter;

pub use arguments::{Bounding, Common, DemoArgs, EmulateArgs};
pub use output::Output;

use self::session::environment;
use crate::exit::{Exit, Failure, Outcome};

const EXIT_CODES: &str = "Exit codes: 0 clean, 1 retry later, 2 usage or configuration, \
    3 conflicts open, 4 drift, 5 guard tripped, 6 credentials or permission, 7 frozen; with \
    several, the order 2, 6, 7, 5, 4, 3, 1 decides.\n\
    NOTION_SYNC_LOG sets what is logged to standard error, for example `info` or `debug`; \
    NOTION_SYNC_LOG_FORMAT=json makes it JSON.";

/// Keeps Notion pages and GitHub files and issues the same, in both directions.
#[derive(Debug, Parser)]
#[command(name = "notion-sync", version, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play a working day on emulated services: needs no account and no network
    Demo(DemoArgs),
    /// Run the emulators of both services alone
    Emulate(EmulateArgs),
    /// Write a configuration by asking both services, and make an encryption key
    Init(init::InitArgs),
    /// Say everything that is wrong with configuration, tokens, permissions and properties
    CheckConfig(inspection::CheckConfigArgs),
    /// Show what `sync` would do now, with reasons, calls and time; writes nothing
    Plan(plan::PlanArgs),
    /// Carry out a plan that was shown, or approve one that the guard stopped
    Apply(plan::ApplyArgs),
    /// Look at both sides and write what is due
    Sync(sync::SyncArgs),
    /// Sync for ever, by polling and, with --listen, by webhooks; ends cleanly on Ctrl-C
    Serve(serve::ServeArgs),
    /// Say what is where: pairs, conflicts, blocked and set-aside operations. Asks no service
    Status(status::StatusArgs),
    /// Compare registry and both sides; exit code 4 when they contradict each other
    Check(check::CheckArgs),
    /// List, show and settle conflicts
    Conflicts(conflicts::ConflictsArgs),
    /// List writes that were set aside, let them be tried again, give one up, or say what one made
    DeadLetter(dead_letter::DeadLetterArgs),
    /// Show who changed what and why
    Audit(audit::AuditArgs),
    /// Stop all writing at once, also of engines that run; with --mapping of one mapping
    Freeze(freeze::FreezeArgs),
    /// Let writing go on
    Unfreeze(freeze::UnfreezeArgs),
    /// Seal the store again with ENCRYPTION_KEY, so that ENCRYPTION_KEY_PREVIOUS can go
    Rekey(rekey::RekeyArgs),
    /// Join a page with a file or issue by hand, or break the pair
    Link(link::LinkArgs),
    /// Convert a document between the formats, from standard input to standard output
    Convert(convert::ConvertArgs),
    /// Print schemas of what other programs send
    Events(events::EventsArgs),
    /// Show or forget the token that Notion's webhook sent
    Webhooks(webhooks::WebhooksArgs),
}

impl Command {
    /// Whether failures are printed as JSON too.
    fn json(&self) -> bool {
        match self {
            Self::Demo(args) => args.json,
            Self::Emulate(args) => args.json,
            Self::Init(args) => args.common.json,
            Self::CheckConfig(args) => args.common.json,
            Self::Plan(args) => args.common.json,
            Self::Apply(args) => args.common.json,
            Self::Sync(args) => args.common.json,
            Self::Serve(args) => args.common.json,
            Self::Status(args) => args.common.json,
            Self::Check(args) => args.common.json,
            Self::Conflicts(args) => args.common.json,
            Self::DeadLetter(args) => args.common.json,
            Self::Audit(args) => args.common.json,
            Self::Freeze(args) => args.common.json,
            Self::Unfreeze(args) => args.common.json,
            Self::Rekey(args) => args.common.json,
            Self::Link(args) => args.common.json,
            Self::Webhooks(args) => args.common.json,
            Self::Convert(_) | Self::Events(_) => false,
        }
    }

    async fn run(self) -> Outcome {
        match self {
            Self::Demo(args) => crate::demo::run(args).await,
            Self::Emulate(args) => crate::emulation::run(args).await,
            Self::Init(args) => init::run(args).await,
            Self::CheckConfig(args) => inspection::run(args).await,
            Self::Plan(args) => plan::run(args).await,
            Self::Apply(args) => plan::apply(args).await,
            Self::Sync(args) => sync::run(args).await,
            Self::Serve(args) => serve::run(args).await,
            Self::Status(args) => status::run(args).await,
            Self::Check(args) => check::run(args).await,
            Self::Conflicts(args) => conflicts::run(args).await,
            Self::DeadLetter(args) => dead_letter::run(args).await,
            Self::Audit(args) => audit::run(args).await,
            Self::Freeze(args) => freeze::freeze(args).await,
            Self::Unfreeze(args) => freeze::unfreeze(args).await,
            Self::Rekey(args) => rekey::run(args).await,
            Self::Link(args) => link::run(args).await,
            Self::Convert(args) => convert::run(args),
            Self::Events(args) => events::run(args),
            Self::Webhooks(args) => webhooks::run(args).await,
        }
    }
}

/// The program: reads the command line, runs the command, prints a failure.
#[must_use]
pub fn main() -> ExitCode {
    let command = Cli::parse().command;
    let json = command.json();
    if let Err(failure) = logs() {
        return report(json, &failure);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return report(
                json,
                &Failure::new(Exit::Retry, format!("cannot start: {error}")),
            );
        }
    };
    // Calls outside of any tick have a run id too.
    let run = format!(
        "{}/{:x}",
        std::process::id(),
        chrono::Utc::now().timestamp_micros()
    );
    let span = tracing::debug_span!(target: "notion_sync::call", "command", sync_run_id = %run);
    match runtime.block_on(Box::pin(command.run()).instrument(span)) {
        Ok(exit) => exit.into(),
        Err(failure) => report(json, &failure),
    }
}

fn report(json: bool, failure: &Failure) -> ExitCode {
    Output::new(json).failure(failure);
    failure.exit().into()
}

/// Logs to standard error, as the environment says.
fn logs() -> Result<(), Failure> {
    let filter = match environment("NOTION_SYNC_LOG").filter(|text| !text.is_empty()) {
        None => EnvFilter::new("warn"),
        Some(text) => EnvFilter::builder().parse(&text).map_err(|error| {
            Failure::usage(format!(
                "NOTION_SYNC_LOG: {text:?}: {error} (write for example `info`, `debug` or \
                 `notion_sync::call=debug`)"
            ))
        })?,
    };
    let json = match environment("NOTION_SYNC_LOG_FORMAT").as_deref() {
        None | Some("" | "text") => false,
        Some("json") => true,
        Some(other) => {
            return Err(Failure::usage(format!(
                "NOTION_SYNC_LOG_FORMAT: {other:?} is no format (write `text` or `json`)"
            )));
        }
    };
    // A reader that went away is no error: the subscriber would report it to the same standard
    // error, and that would end the process.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    // A second subscriber is refused: then somebody else's is in place, which is as good.
    let _ = if json {
        builder.json().try_init()
    } else {
        builder
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .try_init()
    };
    Ok(())
}
