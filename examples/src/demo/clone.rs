//! A clone of an emulated repository, made and pushed with the real git.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use notion_sync_core::clock::Clock as _;
use notion_sync_core::{Error, ErrorKind, Result};
use notion_sync_testkit::server::{EmulatorServer, RunningServer, real_sleep};

use super::stage::Stage;

/// A working copy. The server it belongs to stops when it is dropped.
#[derive(Debug)]
pub struct Clone {
    path: PathBuf,
    login: String,
    _server: RunningServer,
}

impl Clone {
    /// Clones a repository into `folder/work`; bare repositories are kept in `folder/bare`.
    ///
    /// # Errors
    ///
    /// When git cannot be run or refuses.
    pub async fn make(stage: &Stage, repository: &str, login: &str, folder: &Path) -> Result<Self> {
        if stage.github().git_root().is_none() {
            stage.services.bind_git(&folder.join("bare"))?;
        }
        let clock = stage.clock.clone();
        let github = stage.services.github.clone();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let server =
            EmulatorServer::new(github.clone(), Arc::new(move || clock.now()), real_sleep())
                .with_git(github)
                .bind(&address.to_string())
                .await
                .map_err(|error| {
                    Error::new(ErrorKind::Configuration, "listen for git")
                        .message(error.to_string())
                })?;
        let path = folder.join("work");
        // The token is one of the emulator's people, never anybody's.
        let url = format!(
            "http://x-access-token:github_pat_{login}@{}/{repository}.git",
            server.address()
        );
        let clone = Self {
            path: path.clone(),
            login: login.to_owned(),
            _server: server,
        };
        let target = path.display().to_string();
        clone
            .git(folder, &["clone", "--quiet", &url, &target])
            .await?;
        Ok(clone)
    }

    /// A file of the working copy.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(&self, path: &str) -> Result<String> {
        std::fs::read_to_string(self.path.join(path)).map_err(|error| unusable(path, &error))
    }

    /// Writes a file of the working copy.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(&self, path: &str, text: &str) -> Result<()> {
        std::fs::write(self.path.join(path), text).map_err(|error| unusable(path, &error))
    }

    /// Commits everything and pushes.
    ///
    /// # Errors
    ///
    /// When git refuses, for example because there is nothing to commit.
    pub async fn push(&self, message: &str) -> Result<()> {
        self.git(&self.path, &["add", "--all"]).await?;
        self.git(&self.path, &["commit", "--quiet", "--message", message])
            .await?;
        self.git(&self.path, &["push", "--quiet", "origin", "HEAD"])
            .await
    }

    async fn git(&self, at: &Path, arguments: &[&str]) -> Result<()> {
        let email = format!("{}@example.org", self.login);
        let output = tokio::process::Command::new("git")
            .current_dir(at)
            .args(arguments)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_AUTHOR_NAME", &self.login)
            .env("GIT_AUTHOR_EMAIL", &email)
            .env("GIT_COMMITTER_NAME", &self.login)
            .env("GIT_COMMITTER_EMAIL", &email)
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .env_remove("GIT_INDEX_FILE")
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(|error| {
                Error::new(ErrorKind::Configuration, "run git")
                    .message(error.to_string())
                    .remedy("install git")
            })?;
        if output.status.success() {
            return Ok(());
        }
        // `git commit` says on standard output that there is nothing to commit.
        let said = [&output.stderr, &output.stdout].map(|said| String::from_utf8_lossy(said));
        let said = said.iter().map(|said| said.trim());
        let message = said.into_iter().find(|said| !said.is_empty());
        Err(Error::new(ErrorKind::Invalid, "run git")
            .with("command", arguments.first().unwrap_or(&"git"))
            .message(message.unwrap_or("it says nothing")))
    }
}

fn unusable(path: &str, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Invalid, "use a file of a clone")
        .with("path", path)
        .message(error.to_string())
}
