//! What stands after the name of a command.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `demo`.
#[derive(Debug, Clone, Default, Args)]
pub struct DemoArgs {
    /// Play with every Markdown file below this folder instead of the built-in handbook.
    #[arg(long, value_name = "DIR")]
    pub documents: Option<PathBuf>,
    /// With --documents: how many documents are edited.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub edits: usize,
    /// Keep repository and store in this folder, which must be empty or new.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Print one JSON object instead of the story.
    #[arg(long)]
    pub json: bool,
    /// Where the run's random choices begin; the same number gives the same day.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// How slow and coarse the emulators are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Bounding {
    /// Seconds, so that whole cycles can be watched.
    Small,
    /// Like the services.
    #[default]
    Real,
}

/// `emulate`.
#[derive(Debug, Clone, Args)]
pub struct EmulateArgs {
    /// Where Notion listens; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub notion: SocketAddr,
    /// Where GitHub listens; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub github: SocketAddr,
    /// Serve GitHub on this Unix socket too, for `gh`.
    #[arg(long, value_name = "PATH")]
    pub github_socket: Option<PathBuf>,
    /// What the two hold at the start, as JSON.
    #[arg(long, value_name = "FILE")]
    pub world: Option<PathBuf>,
    /// Keep the bare git repositories in this folder instead of a temporary one.
    #[arg(long, value_name = "DIR")]
    pub git_root: Option<PathBuf>,
    /// How slow and coarse they are; `small` needs the same `[bounds]` in the configuration.
    #[arg(long, value_enum, default_value_t)]
    pub bounds: Bounding,
    /// Print addresses and tokens as one line of JSON.
    #[arg(long)]
    pub json: bool,
}

/// What every command that uses a configuration takes.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The configuration.
    #[arg(
        long,
        value_name = "FILE",
        env = "NOTION_SYNC_CONFIG",
        global = true,
        default_value = crate::config::FILE
    )]
    pub config: PathBuf,
    /// Print JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

/// A reason for whoever wonders later: a text that says something.
pub(super) fn words(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("it is empty: write why".to_owned());
    }
    Ok(text.to_owned())
}
