//! The two emulators alone, for any client: official SDKs, `gh`, `git`, or notion-sync itself.

mod world;

pub use world::{BACKLOG, GITHUB_TOKEN, HANDBOOK, NOTION_TOKEN, World};

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use notion_sync_core::bounds::Bounds;
use notion_sync_core::{Error, ErrorKind, Result};
use notion_sync_testkit::emulator::EmulatorBounds;
use notion_sync_testkit::github::GithubEmulator;
use notion_sync_testkit::notion::NotionEmulator;
use notion_sync_testkit::server::{
    EmulatorServer, RunningServer, Sleeper, TimeSource, real_sleep, real_time,
};
use serde::Serialize;

use crate::commands::{Bounding, EmulateArgs};
use crate::exit::Exit;
use crate::signals;
use crate::temporary::Temporary;

/// What to serve and where.
#[derive(Debug, Clone)]
pub struct Emulation {
    /// Address of Notion; port 0 takes a free one.
    pub notion: SocketAddr,
    /// Address of GitHub; port 0 takes a free one.
    pub github: SocketAddr,
    /// A Unix socket that also serves GitHub.
    pub github_socket: Option<PathBuf>,
    /// Where bare repositories are kept; a folder of the system's when unset.
    pub git_root: Option<PathBuf>,
    /// Whether edit times have the grain of a second instead of Notion's minute.
    pub small: bool,
}

/// Where everything is and who may use it. Printed as one line by `emulate --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Addresses {
    /// Notion.
    pub notion: NotionAddress,
    /// GitHub.
    pub github: GithubAddress,
    /// The `[bounds]` that fit these emulators, for `notion-sync.toml`, in seconds.
    pub bounds: BTreeMap<&'static str, u32>,
}

/// Where Notion is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotionAddress {
    /// Value for `NOTION_API_BASE_URL`.
    pub base_url: String,
    /// Token of the first bot: value for `NOTION_INTEGRATION_TOKEN`.
    pub token: Option<String>,
    /// Tokens of people and other bots by name.
    pub people: BTreeMap<String, String>,
    /// Ids of the data sources by title.
    pub data_sources: BTreeMap<String, String>,
}

/// Where GitHub is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GithubAddress {
    /// Value for `GITHUB_API_URL`.
    pub api_url: String,
    /// Value for `GITHUB_GRAPHQL_URL`.
    pub graphql_url: String,
    /// What `git clone` takes, followed by `/owner/name.git`.
    pub git_base: String,
    /// Tokens by login, those of bots too.
    pub tokens: BTreeMap<String, String>,
    /// The Unix socket.
    pub socket: Option<PathBuf>,
    /// Full names of the repositories.
    pub repositories: Vec<String>,
}

/// Both emulators, shared with whoever looks at them from inside.
#[derive(Debug, Clone)]
pub struct Services {
    /// Notion.
    pub notion: Arc<Mutex<NotionEmulator>>,
    /// GitHub.
    pub github: Arc<Mutex<GithubEmulator>>,
}

/// Both emulators on sockets. They stop when this is dropped.
#[derive(Debug)]
pub struct Serving {
    /// Notion.
    pub notion: RunningServer,
    /// GitHub.
    pub github: RunningServer,
}

/// The command `emulate`.
///
/// # Errors
///
/// When the world cannot be read or contradicts itself, or an address cannot be bound.
pub async fn run(args: EmulateArgs) -> crate::exit::Outcome {
    let world = match &args.world {
        Some(path) => World::read(path)?,
        None => World::small()?,
    };
    let emulation = Emulation {
        notion: args.notion,
        github: args.github,
        github_socket: args.github_socket,
        git_root: args.git_root,
        small: args.bounds == Bounding::Small,
    };
    serve(&emulation, world, args.json).await?;
    Ok(Exit::Clean)
}

/// The bounds of an emulated Notion with the grain of a second.
#[must_use]
pub fn small_bounds() -> EmulatorBounds {
    EmulatorBounds {
        grain_seconds: 1,
        ..EmulatorBounds::notion()
    }
}

/// The bounds that fit an emulator: everything it answers is visible at once and nothing commits
/// late, so that only the time a process may pause and the rounding of times count.
#[must_use]
pub fn bounds_for(emulated: &EmulatorBounds) -> Bounds {
    Bounds {
        pause: 1,
        late_commit: 1 + emulated.late_commit_seconds,
        visibility: 1 + emulated.visibility_seconds,
        settle: 1,
        notion_grain: emulated.grain_seconds,
        notion_overlap: 5,
        github_overlap: 5,
        request_deadline: 10,
        hold: 30,
        ..Bounds::default()
    }
}

impl Services {
    /// Both services with what a world holds.
    ///
    /// # Errors
    ///
    /// When the world contradicts itself.
    pub fn start(
        world: World,
        notion: EmulatorBounds,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<Self> {
        let wrong = |message: String| {
            Error::new(ErrorKind::Configuration, "start the emulators").message(message)
        };
        let notion = NotionEmulator::new(world.notion, notion)
            .map_err(|error| wrong(format!("notion: {error}")))?;
        let github = GithubEmulator::new(world.github, now)
            .map_err(|error| wrong(format!("github: {error}")))?;
        Ok(Self {
            notion: Arc::new(Mutex::new(notion)),
            github: Arc::new(Mutex::new(github)),
        })
    }

    /// Keeps bare repositories below `root`, for git.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub fn bind_git(&self, root: &Path) -> Result<()> {
        std::fs::create_dir_all(root).map_err(|error| io("make a folder for git", root, &error))?;
        self.github
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .bind_git(root)
            .map_err(|error| {
                Error::new(ErrorKind::Configuration, "keep repositories for git")
                    .message(error.to_string())
            })
    }

    /// Puts both on sockets.
    ///
    /// # Errors
    ///
    /// When an address cannot be bound.
    pub async fn serve(
        &self,
        notion: SocketAddr,
        github: SocketAddr,
        socket: Option<&Path>,
        time: TimeSource,
        sleep: Sleeper,
    ) -> Result<Serving> {
        let failed = |address: SocketAddr| {
            move |error: std::io::Error| {
                Error::new(ErrorKind::Configuration, "listen")
                    .with("address", address)
                    .message(error.to_string())
                    .remedy("choose another port, or 0 for a free one")
            }
        };
        let notion_server = EmulatorServer::new(self.notion.clone(), time.clone(), sleep.clone())
            .bind(&notion.to_string())
            .await
            .map_err(failed(notion))?;
        let mut github_server = EmulatorServer::new(self.github.clone(), time, sleep)
            .with_git(self.github.clone())
            .bind(&github.to_string())
            .await
            .map_err(failed(github))?;
        if let Some(path) = socket {
            github_server
                .bind_unix(path)
                .map_err(|error| io("listen on a socket", path, &error))?;
        }
        Ok(Serving {
            notion: notion_server,
            github: github_server,
        })
    }

    /// Where they are when served.
    #[must_use]
    pub fn addresses(&self, serving: &Serving, socket: Option<&Path>) -> Addresses {
        let notion = self.notion.lock().unwrap_or_else(PoisonError::into_inner);
        let github = self.github.lock().unwrap_or_else(PoisonError::into_inner);
        let world = notion.world();
        let bot = world
            .users
            .iter()
            .find(|user| user.bot)
            .and_then(|user| user.token.clone())
            .or_else(|| world.users.is_empty().then(|| NOTION_TOKEN.to_owned()));
        let people = notion
            .tokens()
            .filter(|(token, _)| Some(*token) != bot.as_deref())
            .map(|(token, name)| (name.to_owned(), token.to_owned()))
            .collect();
        let data_sources = world
            .databases
            .iter()
            .flat_map(|database| {
                let title = &database.title;
                database.data_sources.iter().map(move |source| {
                    let own = if source.title.is_empty() {
                        title
                    } else {
                        &source.title
                    };
                    (own.clone(), world.id(&source.id).to_string())
                })
            })
            .collect();
        let bounds = bounds_for(notion_sync_testkit::emulator::Emulator::bounds(&*notion));
        let api = serving.github.base_url();
        Addresses {
            notion: NotionAddress {
                base_url: serving.notion.base_url(),
                token: bot,
                people,
                data_sources,
            },
            github: GithubAddress {
                graphql_url: format!("{api}/graphql"),
                git_base: api.clone(),
                api_url: api,
                tokens: github
                    .world()
                    .tokens
                    .iter()
                    .map(|seed| (seed.login.clone(), seed.token.clone()))
                    .collect(),
                socket: socket.map(Path::to_path_buf),
                repositories: github
                    .world()
                    .repositories
                    .iter()
                    .map(|seed| seed.full_name.clone())
                    .collect(),
            },
            bounds: BTreeMap::from([
                ("pause", bounds.pause),
                ("late_commit", bounds.late_commit),
                ("visibility", bounds.visibility),
                ("settle", bounds.settle),
                ("notion_grain", bounds.notion_grain),
                ("notion_overlap", bounds.notion_overlap),
                ("github_overlap", bounds.github_overlap),
                ("request_deadline", bounds.request_deadline),
                ("hold", bounds.hold),
            ]),
        }
    }
}

/// Serves both emulators until the process is told to stop (Ctrl-C or SIGTERM), or its terminal
/// goes away.
///
/// # Errors
///
/// When the world contradicts itself or an address cannot be bound.
pub async fn serve(emulation: &Emulation, world: World, json: bool) -> Result<()> {
    let bounds = if emulation.small {
        small_bounds()
    } else {
        EmulatorBounds::notion()
    };
    let stop = signals::stop().map_err(|error| {
        Error::new(ErrorKind::Internal, "wait for signals").message(error.to_string())
    })?;
    let services = Services::start(world, bounds, chrono::Utc::now())?;
    let (root, _temporary) = match &emulation.git_root {
        Some(root) => (root.clone(), None),
        None => {
            let temporary = Temporary::new("emulate", "make a folder for git")?;
            (temporary.path().to_owned(), Some(temporary))
        }
    };
    services.bind_git(&root)?;
    let socket = emulation.github_socket.as_deref();
    let serving = services
        .serve(
            emulation.notion,
            emulation.github,
            socket,
            real_time(),
            real_sleep(),
        )
        .await?;
    let addresses = services.addresses(&serving, socket);
    match print(&addresses, json) {
        // Who stopped reading has what was wanted, and may use it.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            return Err(
                Error::new(ErrorKind::Internal, "print addresses").message(error.to_string())
            );
        }
        _ => {}
    }
    stop.await;
    drop(serving);
    if let Some(socket) = socket {
        let _ = std::fs::remove_file(socket);
    }
    Ok(())
}

fn print(addresses: &Addresses, json: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, addresses)?;
        writeln!(out)?;
        return out.flush();
    }
    let Addresses {
        notion,
        github,
        bounds,
    } = addresses;
    writeln!(out, "Notion   {}", notion.base_url)?;
    if let Some(token) = &notion.token {
        writeln!(out, "  the bot's token        {token}")?;
    }
    for (name, token) in &notion.people {
        writeln!(out, "  {name:<22} {token}")?;
    }
    for (title, id) in &notion.data_sources {
        writeln!(out, "  data source {title:<10} {id}")?;
    }
    writeln!(out, "GitHub   {}", github.api_url)?;
    writeln!(out, "  GraphQL                {}", github.graphql_url)?;
    if let Some(socket) = &github.socket {
        writeln!(out, "  socket                 {}", socket.display())?;
    }
    for (login, token) in &github.tokens {
        writeln!(out, "  {login:<22} {token}")?;
    }
    for name in &github.repositories {
        writeln!(out, "  git clone {}/{name}.git", github.git_base)?;
    }
    writeln!(out, "\n[bounds]")?;
    for (name, value) in bounds {
        writeln!(out, "{name} = {value}")?;
    }
    writeln!(out, "\nCtrl-C stops both.")?;
    out.flush()
}

fn io(during: &'static str, path: &Path, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Configuration, during)
        .with("path", path.display())
        .message(error.to_string())
}
