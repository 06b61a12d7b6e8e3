//! `events`: schemas of what other programs send.

use clap::{Args, Subcommand};
use notion_sync_core::event::ChangeEvent;

use super::output::Output;
use crate::exit::{Exit, Outcome};

/// What `events` takes.
#[derive(Debug, Args)]
pub(super) struct EventsArgs {
    #[command(subcommand)]
    command: EventsCommand,
}

#[derive(Debug, Subcommand)]
enum EventsCommand {
    /// Print the JSON Schema of a change event
    Schema,
}

pub(super) fn run(args: EventsArgs) -> Outcome {
    match args.command {
        EventsCommand::Schema => Output::new(false).raw(&ChangeEvent::json_schema()),
    }
    Ok(Exit::Clean)
}
