//! The folder of a demo: store and repositories.

use std::path::{Path, PathBuf};

use notion_sync_core::{Error, ErrorKind, Result};
use secrecy::ExposeSecret as _;

use super::assembly;
use super::stage::{Place, Stage};
use super::story::Story;
use crate::commands::init;
use crate::config::{FILE, StoreSection};
use crate::temporary::Temporary;

/// The store.
const STORE: &str = "notion-sync.db";
/// Its key, where the folder is kept.
const KEY: &str = "notion-sync.key";

/// Where store and repositories are; removed at the end unless it shall be kept.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// What removes it, where nobody asked to keep it.
    temporary: Option<Temporary>,
}

impl Folder {
    /// A new folder, or the one that is to be kept, which must be empty or new.
    ///
    /// # Errors
    ///
    /// When it cannot be made or is not empty.
    pub(super) fn new(keep: Option<&Path>) -> Result<Self> {
        const DURING: &str = "make a folder for the demo";
        let Some(path) = keep else {
            let temporary = Temporary::new("demo", DURING)?;
            return Ok(Self {
                path: temporary.path().to_owned(),
                temporary: Some(temporary),
            });
        };
        let failed = |error: std::io::Error| {
            Error::new(ErrorKind::Configuration, DURING)
                .with("path", path.display())
                .message(error.to_string())
        };
        std::fs::create_dir_all(path).map_err(failed)?;
        let used = std::fs::read_dir(path).map_err(failed)?.next().is_some();
        if used {
            return Err(Error::new(ErrorKind::Configuration, DURING)
                .with("path", path.display())
                .message("it is not empty")
                .remedy("name a new folder"));
        }
        Ok(Self {
            path: path.to_owned(),
            temporary: None,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file of the store.
    pub(super) fn store(&self) -> PathBuf {
        self.path.join(STORE)
    }

    /// Where the folder is kept: writes what it takes to open the store, and says what is where.
    ///
    /// # Errors
    ///
    /// When the files cannot be written.
    pub(super) fn hand_over(&self, stage: &Stage, story: &Story) -> Result<()> {
        if self.temporary.is_some() {
            return Ok(());
        }
        let config = crate::config::Config {
            store: StoreSection {
                key_file: Some(PathBuf::from(KEY)),
                ..StoreSection::default()
            },
            ..assembly::config(&stage.terms, &stage.notion())
        };
        let unwritten = |why: String| {
            Error::new(ErrorKind::Configuration, "keep the demo")
                .with("path", self.path.display())
                .message(why)
        };
        let file = self.path.join(FILE);
        let written = init::file_text(&config)
            .and_then(|text| init::private(&file, &text, true))
            .and_then(|()| match &stage.place {
                Place::Sqlite(_, key) => {
                    let key = format!("{}\n", key.expose_secret());
                    init::private(&self.path.join(KEY), &key, true)
                }
                Place::Memory(_) => Ok(()),
            });
        written.map_err(|failure| unwritten(failure.to_string()))?;
        story.say(&format!("       Kept in {}:", self.path.display()))?;
        story.say(&format!(
            "         store and key: `notion-sync status --config {}`",
            file.display()
        ))?;
        for (name, path) in repositories(stage) {
            let own = name.rsplit('/').next().unwrap_or(&name);
            let path = path.display();
            story.say(&format!("         git clone {path} {own}  # {name}"))?;
        }
        Ok(())
    }
}

/// The bare repositories by name. They are called by their ids, which are given in the order in
/// which the world names them.
fn repositories(stage: &Stage) -> Vec<(String, PathBuf)> {
    let github = stage.github();
    let entries = github.git_root().map(std::fs::read_dir);
    let mut found: Vec<(u64, PathBuf)> = (entries.into_iter().flatten().flatten().flatten())
        .filter_map(|entry| {
            let path = entry.path();
            let id = path.file_stem()?.to_str()?.parse().ok()?;
            Some((id, path))
        })
        .collect();
    found.sort();
    let names = github.world().repositories.iter();
    names
        .map(|seed| seed.full_name.clone())
        .zip(found.into_iter().map(|(_, path)| path))
        .collect()
}
