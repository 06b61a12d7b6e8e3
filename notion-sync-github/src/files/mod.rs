//! Files of a branch as a [`Remote`].
//!
//! Only bytes and paths: front matter and Markdown are the engine's business. A file is
//! `{repository id}:{branch}:{path}`; its revision is the blob's hash, which proves content.

mod change;
mod commit;
mod listing;
mod proposal;
mod pulls;
mod reading;
mod scope;
mod trace;
mod tree;

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use notion_sync_core::comment::RemoteComment;
use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::remote::{
    Abilities, Ack, Action, ListRequest, Listing, Remote, Schema, Trace, Write, WriteKind,
};
use notion_sync_core::snapshot::Snapshot;
use notion_sync_core::{Error, ErrorKind, Result};

use crate::client::GithubClient;
use crate::reference;
use crate::repository::{ConfiguredRepository, RepositoryInfo};

pub use scope::FileScope;

pub(crate) use pulls::comment_notes;
use reading::Commits;
use tree::Tables;

/// Most bytes of a file that is synchronised: 1 MiB, what the contents API still shows.
pub const MAX_FILE_BYTES: u64 = 1_048_576;

/// What a [`GithubFiles`] covers and how it writes.
#[derive(Debug, Clone)]
pub struct FilesSettings {
    /// `owner/name`.
    pub repository: String,
    /// The id the repository must have, once known: a name can be given to another repository.
    pub repository_id: Option<u64>,
    /// Branch.
    pub branch: String,
    /// Which files.
    pub scope: FileScope,
    /// Commits are made with `createCommitOnBranch`, which GitHub signs, for branches that require
    /// signatures. At most 200 files go into one commit then.
    pub signed: bool,
    /// Most bytes of a file; larger ones are listed but not usable.
    pub max_file_bytes: u64,
}

impl FilesSettings {
    /// Files below `folder` with extension `md`.
    ///
    /// # Errors
    ///
    /// As [`FileScope::new`].
    pub fn markdown(repository: &str, branch: &str, folder: &str) -> Result<Self> {
        Ok(Self {
            repository: repository.to_owned(),
            repository_id: None,
            branch: branch.to_owned(),
            scope: FileScope::new(folder, &["md"])?,
            signed: false,
            max_file_bytes: MAX_FILE_BYTES,
        })
    }
}

/// The files of one folder of one branch, and the pull requests that propose changes to them.
///
/// # Force pushes
///
/// A listing continues from the commit of its cursor. When the branch no longer descends from that
/// commit, history was rewritten: everything is listed again, and files that were there and are not
/// any more appear as [`Missing`](notion_sync_core::snapshot::Presence::Missing), never as gone.
/// Absence is proven only where the new head descends from the cursor's commit.
#[derive(Debug)]
pub struct GithubFiles {
    client: GithubClient,
    settings: FilesSettings,
    repository: ConfiguredRepository,
    tables: Tables,
    commits: Commits,
}

/// A branch at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) commit: String,
    pub(crate) at: DateTime<Utc>,
    pub(crate) actor: Option<String>,
}

impl GithubFiles {
    /// Files of a branch.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] for a branch name that git does not allow.
    pub fn new(client: GithubClient, settings: FilesSettings) -> Result<Self> {
        let odd = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
        let branch = &settings.branch;
        let broken = branch.is_empty()
            || branch.contains(odd)
            || branch.contains("..")
            || branch.contains("//")
            || branch.starts_with('/')
            || branch.ends_with('/')
            || branch.split('/').any(|part| part.starts_with('.'));
        if broken {
            return Err(
                Error::new(ErrorKind::Configuration, "use the branch of a mapping")
                    .with("branch", branch)
                    .message("not a branch name"),
            );
        }
        let repository =
            ConfiguredRepository::new(settings.repository.clone(), settings.repository_id);
        Ok(Self {
            client,
            settings,
            repository,
            tables: Tables::default(),
            commits: Commits::default(),
        })
    }

    /// The repository, looked up on first use.
    ///
    /// # Errors
    ///
    /// As [`GithubClient::repository`].
    pub async fn repository(&self) -> Result<&RepositoryInfo> {
        self.repository.get(&self.client).await
    }

    /// Where a file lies that is none of this repository and branch: the mapping was pointed elsewhere
    /// since.
    fn elsewhere(&self, repository: &RepositoryInfo, object: &RemoteRef) -> Result<Option<String>> {
        let (id, branch, path) = reference::parse_file(object)?;
        Ok(if id != repository.id {
            Some(format!("{path} in {}", other_repository(id)))
        } else {
            (branch != self.settings.branch).then(|| format!("{path} on the branch {branch}"))
        })
    }

    /// The path of a file of this repository and branch.
    fn path_of<'a>(&self, repository: &RepositoryInfo, object: &'a RemoteRef) -> Result<&'a str> {
        let (_, _, path) = reference::parse_file(object)?;
        match self.elsewhere(repository, object)? {
            None => Ok(path),
            Some(_) => Err(Error::new(ErrorKind::Invalid, "use a file")
                .with("object", object)
                .message("the file belongs to another repository or branch")),
        }
    }

    /// Repository and number of a pull request, checked to be ours.
    async fn own_pull(&self, object: &RemoteRef) -> Result<(&RepositoryInfo, u64)> {
        let (id, number) = reference::parse_numbered(object)?;
        let repository = self.repository().await?;
        if id != repository.id {
            return Err(Error::new(ErrorKind::Invalid, "use a pull request")
                .with("object", object)
                .message("it belongs to another repository"));
        }
        Ok((repository, number))
    }
}

#[async_trait]
impl Remote for GithubFiles {
    fn side(&self) -> Side {
        Side::Github
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            proposals: true,
            paths: true,
            removal_is_state: false,
        }
    }

    async fn schema(&self) -> Result<Schema> {
        Ok(Schema::default())
    }

    fn scope(&self) -> String {
        let settings = &self.settings;
        format!(
            "{}@{}: {:?}",
            settings.repository.to_ascii_lowercase(),
            settings.branch,
            settings.scope
        )
    }

    async fn named(&self, name: &str) -> Result<RemoteRef> {
        self.settings.scope.check(name)?;
        let repository = self.repository().await?;
        Ok(reference::file(repository.id, &self.settings.branch, name))
    }

    async fn list(&self, request: ListRequest) -> Result<Listing> {
        self.list_files(request).await
    }

    async fn read(&self, object: &RemoteRef, content: bool) -> Result<Snapshot> {
        if object.kind == reference::PULL {
            self.read_pull(object, content).await
        } else {
            self.read_file(object, content).await
        }
    }

    fn group(&self, action: &Action) -> Option<String> {
        let own = |object: &RemoteRef| object.kind == reference::FILE;
        let commits = match action {
            Action::Create(_) => true,
            Action::Update(update) => own(&update.object),
            Action::Remove { object, .. } => own(object),
            _ => false,
        };
        commits.then(|| {
            let name = self.settings.repository.to_ascii_lowercase();
            format!("files:{name}:{}", self.settings.branch)
        })
    }

    fn kind(&self, action: &Action) -> WriteKind {
        match action {
            Action::Create(_) | Action::Update(_) | Action::Remove { .. } => WriteKind::StrongCas,
            Action::Propose(_) => WriteKind::NamedCreate,
            // What a withdrawal says can only be found again once a listing shows it.
            Action::Comment { .. } | Action::Withdraw { .. } => WriteKind::UnnamedCreate,
            Action::Restore { .. }
            | Action::Effect(_)
            | Action::Flag { .. }
            | Action::Bookkeep { .. } => WriteKind::Set,
            Action::Discuss(discuss) => discuss.kind(),
        }
    }

    async fn write(&self, batch: &[Write]) -> Vec<Result<Ack>> {
        let single = match batch {
            [one] => self.group(&one.action).is_none().then_some(one),
            _ => None,
        };
        match single {
            Some(one) => vec![self.write_one(one).await],
            None => self.commit_group(batch).await,
        }
    }

    async fn comment(&self, comment: &RemoteRef) -> Result<Option<RemoteComment>> {
        self.read_comment(comment).await
    }

    async fn still_open(&self, proposals: &[RemoteRef]) -> Result<BTreeSet<RemoteRef>> {
        self.open_pulls(proposals).await
    }

    async fn trace(&self, batch: &[Write], sent_at: DateTime<Utc>) -> Result<Vec<Trace>> {
        self.trace_writes(batch, sent_at).await
    }

    async fn made(&self, write: &Write, object: &RemoteRef) -> Result<Option<Ack>> {
        match &write.action {
            Action::Propose(propose) => self.made_proposal(write, propose, object).await.map(Some),
            _ => Ok(None),
        }
    }
}

impl GithubFiles {
    async fn write_one(&self, write: &Write) -> Result<Ack> {
        match &write.action {
            Action::Propose(propose) => self.propose(write, propose).await,
            Action::Withdraw { proposal, reason } => self.withdraw(write, proposal, reason).await,
            Action::Comment { object, text } => self.comment(write, object, text).await,
            Action::Restore { .. } => Err(unsupported(
                "a deleted file is brought back by writing it again",
            )),
            Action::Bookkeep { .. } => Err(unsupported(
                "a file keeps what belongs to the engine in its text",
            )),
            Action::Effect(_) | Action::Flag { .. } => Err(unsupported("rules act on issues")),
            Action::Discuss(_) => Err(unsupported("comments follow issues")),
            Action::Create(_) | Action::Update(_) | Action::Remove { .. } => {
                Err(unsupported("the object is not a file of this branch"))
            }
        }
    }
}

fn other_repository(id: u64) -> String {
    format!("the repository with the id {id}")
}

fn unsupported(text: &str) -> Error {
    Error::new(ErrorKind::Invalid, "write to a branch").message(text)
}
