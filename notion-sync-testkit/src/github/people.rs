//! What people do without the API: the hands of a test or of a demo.

use chrono::{DateTime, Utc};

use super::account::{AccountKind, Actor, Role, key};
use super::object::{Object, ObjectId};
use super::refs::FileEdits;
use super::refusal::Refusal;
use super::seed;
use super::service::GithubEmulator;
use super::world::{RepositorySeed, WorldError};

/// A commit as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitView {
    /// Its id.
    pub sha: ObjectId,
    /// Its message.
    pub message: String,
    /// Address of the author.
    pub author_email: String,
    /// When it was committed.
    pub committed_at: DateTime<Utc>,
    /// Its parents.
    pub parents: Vec<ObjectId>,
}

impl GithubEmulator {
    pub(crate) fn id(&self, repository: &str) -> Result<u64, Refusal> {
        self.state
            .find_repository(repository)
            .map(|repo| repo.id)
            .ok_or_else(Refusal::not_found)
    }

    /// A person who pushes or writes; unknown logins become people.
    pub(crate) fn hand(&mut self, login: &str, now: DateTime<Utc>) -> Actor {
        let name = self.state.ensure_account(login, AccountKind::User, now);
        Actor::person(&self.state.spelled(&name))
    }

    /// Commits file edits (`None` deletes) on a branch. An empty repository gets its first commit.
    ///
    /// # Errors
    /// When the repository or branch is missing or a path is not one git takes.
    pub fn commit(
        &mut self,
        repository: &str,
        branch: &str,
        login: &str,
        message: &str,
        edits: &[(&str, Option<&str>)],
        now: DateTime<Utc>,
    ) -> Result<ObjectId, Refusal> {
        let now = self.grained(now);
        let id = self.id(repository)?;
        let actor = self.hand(login, now);
        let edits: FileEdits = edits
            .iter()
            .map(|(path, text)| {
                (
                    (*path).to_owned(),
                    text.map(|text| text.as_bytes().to_vec()),
                )
            })
            .collect();
        self.state
            .commit_files(id, branch, message, &edits, &actor, now)
    }

    /// The files below a commit, branch or tag: path to content, binary content replaced lossily.
    ///
    /// # Errors
    /// When the repository or the name is missing.
    pub fn files(
        &self,
        repository: &str,
        at: &str,
    ) -> Result<std::collections::BTreeMap<String, String>, Refusal> {
        let repo = self.state.repository(self.id(repository)?)?;
        let tree = repo
            .resolve(at)
            .and_then(|commit| repo.objects.tree_of(&commit))
            .ok_or_else(Refusal::not_found)?;
        let text = |id: &ObjectId| {
            repo.objects
                .blob(id)
                .map(|data| String::from_utf8_lossy(data).into_owned())
        };
        Ok(repo
            .objects
            .files(&tree)
            .into_iter()
            .filter_map(|(path, entry)| Some((path, text(&entry.id)?)))
            .collect())
    }

    /// The bytes of one file, `None` when there is none.
    ///
    /// # Errors
    /// When the repository or the name is missing.
    pub fn file(&self, repository: &str, at: &str, path: &str) -> Result<Option<Vec<u8>>, Refusal> {
        let repo = self.state.repository(self.id(repository)?)?;
        let tree = repo
            .resolve(at)
            .and_then(|commit| repo.objects.tree_of(&commit))
            .ok_or_else(Refusal::not_found)?;
        Ok(repo
            .objects
            .at(&tree, path)
            .and_then(|entry| repo.objects.blob(&entry.id))
            .map(<[u8]>::to_vec))
    }

    /// The branches with what they point at.
    ///
    /// # Errors
    /// When the repository is missing.
    pub fn branches(
        &self,
        repository: &str,
    ) -> Result<std::collections::BTreeMap<String, ObjectId>, Refusal> {
        let repo = self.state.repository(self.id(repository)?)?;
        Ok(repo
            .branches()
            .map(|(name, id)| (name.to_owned(), id))
            .collect())
    }

    /// The commits of a branch, newest first.
    ///
    /// # Errors
    /// When the repository or the name is missing.
    pub fn commits(&self, repository: &str, at: &str) -> Result<Vec<CommitView>, Refusal> {
        let repo = self.state.repository(self.id(repository)?)?;
        let tip = repo.resolve(at).ok_or_else(Refusal::not_found)?;
        Ok(super::history::log(&repo.objects, tip, None)
            .into_iter()
            .map(|(sha, commit)| CommitView {
                sha,
                message: commit.message,
                author_email: commit.author.email,
                committed_at: commit.committer.when.with_timezone(&Utc),
                parents: commit.parents,
            })
            .collect())
    }

    /// Makes a branch at a commit, branch or tag, or moves an existing one there by force.
    ///
    /// # Errors
    /// When the repository or the target is missing or the name is not one git takes.
    pub fn reset_branch(
        &mut self,
        repository: &str,
        branch: &str,
        target: &str,
        login: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let now = self.grained(now);
        let id = self.id(repository)?;
        let actor = self.hand(login, now);
        let name = format!("refs/heads/{branch}");
        if !super::refs::is_valid_ref(&name) {
            return Err(Refusal::unprocessable("Reference name is not valid"));
        }
        let target = self
            .state
            .repository(id)?
            .resolve(target)
            .ok_or_else(Refusal::not_found)?;
        self.state.set_ref(id, &name, Some(target), &actor, now)
    }

    /// Deletes a branch.
    ///
    /// # Errors
    /// When the repository or the branch is missing.
    pub fn delete_branch(
        &mut self,
        repository: &str,
        branch: &str,
        login: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let now = self.grained(now);
        let id = self.id(repository)?;
        let actor = self.hand(login, now);
        self.state
            .repository(id)?
            .branch(branch)
            .ok_or_else(Refusal::not_found)?;
        self.state
            .set_ref(id, &format!("refs/heads/{branch}"), None, &actor, now)
    }

    /// Adds a repository to the running service.
    ///
    /// # Errors
    /// When the seed contradicts itself or what exists.
    pub fn add_repository(
        &mut self,
        seed: &RepositorySeed,
        now: DateTime<Utc>,
    ) -> Result<u64, WorldError> {
        let now = self.grained(now);
        let id = seed::add_repository(&mut self.state, seed, now)?;
        self.bind_repository(id)?;
        Ok(id)
    }

    /// Renames a repository; its old name redirects from then on.
    ///
    /// # Errors
    /// When it is missing or the name is taken or not allowed.
    pub fn rename_repository(
        &mut self,
        repository: &str,
        name: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let (id, now) = (self.id(repository)?, self.grained(now));
        self.state.rename_repository(id, name, now)
    }

    /// Gives somebody a role in a repository, or takes it away.
    ///
    /// # Errors
    /// When the repository is missing.
    pub fn set_collaborator(
        &mut self,
        repository: &str,
        login: &str,
        role: Option<Role>,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let (id, now) = (self.id(repository)?, self.grained(now));
        self.hand(login, now);
        let repo = self.state.repository_mut(id)?;
        match role {
            Some(role) => repo.collaborators.insert(key(login), role),
            None => repo.collaborators.remove(&key(login)),
        };
        self.state.changed();
        Ok(())
    }

    /// Puts bytes into a file, for content that is not text.
    ///
    /// # Errors
    /// As [`GithubEmulator::commit`].
    #[expect(
        clippy::too_many_arguments,
        reason = "a commit of one file, spelled out"
    )]
    pub fn commit_bytes(
        &mut self,
        repository: &str,
        branch: &str,
        login: &str,
        message: &str,
        path: &str,
        content: &[u8],
        now: DateTime<Utc>,
    ) -> Result<ObjectId, Refusal> {
        let now = self.grained(now);
        let id = self.id(repository)?;
        let actor = self.hand(login, now);
        let edits: FileEdits = [(path.to_owned(), Some(content.to_vec()))]
            .into_iter()
            .collect();
        self.state
            .commit_files(id, branch, message, &edits, &actor, now)
    }

    /// The id git gives this content.
    #[must_use]
    pub fn blob_id(content: &[u8]) -> ObjectId {
        Object::blob(content).id()
    }
}
