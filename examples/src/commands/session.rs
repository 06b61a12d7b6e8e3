//! What a command works with: settings, secrets, the network, the store.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use notion_sync_core::engine::Engine;
use notion_sync_core::store::Store;
use notion_sync_store::{Access, MemoryStore, Opened};

use super::arguments::Common;
use super::output::Output;
use super::progress::Progress;
use crate::config::Config;
use crate::exit::Failure;
use crate::secrets::Secrets;
use crate::wiring::{self, Assembly, Counted, Parts};

/// Settings and secrets as they were read.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) config: Config,
    pub(super) secrets: Secrets,
    pub(super) folder: PathBuf,
    pub(super) output: Output,
}

/// Settings with the network.
#[derive(Debug)]
pub(super) struct Online {
    pub(super) parts: Parts,
    pub(super) notion: Arc<Counted>,
    pub(super) github: Arc<Counted>,
}

/// Looks up a variable of the environment. One that is no UTF-8 is taken for missing.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The folder of a file; the present one where the path names none.
pub(super) fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

impl Session {
    /// Reads settings and secrets; faults of both are reported together.
    pub(super) fn open(common: &Common) -> Result<Self, Failure> {
        let config = Config::load(&common.config, &environment);
        let secrets = Secrets::read(&environment);
        match (config, secrets) {
            (Ok(config), Ok(secrets)) => Ok(Self {
                config,
                secrets,
                folder: folder_of(&common.config),
                output: Output::new(common.json),
            }),
            (Err(mut faults), Err(more)) => {
                faults.extend(more);
                Err(faults.into())
            }
            (Err(faults), Ok(_)) | (Ok(_), Err(faults)) => Err(faults.into()),
        }
    }

    /// The store; where several processes work on it, together with them instead of alone.
    pub(super) async fn store(&self, access: Access) -> Result<Arc<dyn Store>, Failure> {
        Ok(self.layers(access).await?.store)
    }

    /// As [`store`](Self::store), with its sealing.
    pub(super) async fn layers(&self, access: Access) -> Result<Opened, Failure> {
        let access = match access {
            Access::Exclusive if self.config.store.shared => Access::Together,
            access => access,
        };
        Ok(wiring::open_layers(&self.config, &self.secrets, &self.folder, access).await?)
    }

    /// The store for looking only; an empty one where nothing was ever synchronised.
    pub(super) async fn look(&self) -> Result<Arc<dyn Store>, Failure> {
        Ok(self.look_at_layers().await?.store)
    }

    /// As [`look`](Self::look), with its sealing.
    pub(super) async fn look_at_layers(&self) -> Result<Opened, Failure> {
        let file = wiring::store_file(&self.config, &self.folder);
        if file.is_some_and(|file| !file.exists()) {
            // A missing or wrong key is said now and not only when there is something to lose.
            self.secrets.keys(&self.config, &self.folder)?;
            return Ok(Opened {
                store: Arc::new(MemoryStore::new()),
                sealed: None,
            });
        }
        self.layers(Access::ReadOnly).await
    }

    pub(super) fn online(&self) -> Result<Online, Failure> {
        let parts = wiring::network_parts(&self.config)?;
        let setting = "NOTION_API_BASE_URL or [notion] base_url";
        let notion = Counted::new(parts.notion_http, "Notion", setting);
        let setting = "GITHUB_API_URL or [github] api_url";
        let github = Counted::new(parts.github_http, "GitHub", setting);
        Ok(Online {
            parts: Parts {
                clock: parts.clock,
                notion_http: Arc::clone(&notion) as _,
                github_http: Arc::clone(&github) as _,
            },
            notion,
            github,
        })
    }

    pub(super) async fn engine(
        &self,
        online: &Online,
        store: Arc<dyn Store>,
    ) -> Result<Engine, Failure> {
        Ok(self.assemble(online, store).await?.engine)
    }

    pub(super) async fn assemble(
        &self,
        online: &Online,
        store: Arc<dyn Store>,
    ) -> Result<Assembly, Failure> {
        Ok(wiring::assemble(&self.config, &self.secrets, &online.parts, store).await?)
    }
}

impl Online {
    pub(super) fn progress(&self, what: &'static str) -> Progress {
        Progress::start(what, Arc::clone(&self.notion), Arc::clone(&self.github))
    }
}
