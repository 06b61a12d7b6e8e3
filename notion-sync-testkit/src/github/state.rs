//! The whole state of the service, and who may do what in it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::account::{Account, AccountKind, Actor, App, Installation, Role, Token, key};
use super::limit::Quotas;
use super::projects::Project;
use super::refusal::Refusal;
use super::repository::{Issue, Repository};
use super::world::GithubSettings;

/// Everything the service knows.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) settings: GithubSettings,
    pub(crate) web_base: String,
    pub(crate) visibility_seconds: u32,
    /// By key of the login.
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) apps: BTreeMap<u64, App>,
    pub(crate) installations: BTreeMap<u64, Installation>,
    pub(crate) tokens: BTreeMap<String, Token>,
    pub(crate) repositories: BTreeMap<u64, Repository>,
    pub(crate) projects: BTreeMap<u64, Project>,
    /// Key of the full name, current and former, to the id.
    pub(crate) names: BTreeMap<String, u64>,
    pub(crate) quotas: Quotas,
    /// Counts changes, so that the log can tell requests with effect from others.
    pub(crate) changes: u64,
    /// How many merges are still told that the base moved.
    pub(crate) merge_races: u32,
    /// Whether pull requests are being merged by themselves right now.
    pub(crate) settling: bool,
    next_id: u64,
}

impl State {
    pub(crate) fn new(settings: GithubSettings, web_base: String, visibility_seconds: u32) -> Self {
        Self {
            settings,
            web_base,
            visibility_seconds,
            accounts: BTreeMap::new(),
            apps: BTreeMap::new(),
            installations: BTreeMap::new(),
            tokens: BTreeMap::new(),
            repositories: BTreeMap::new(),
            projects: BTreeMap::new(),
            names: BTreeMap::new(),
            quotas: Quotas::default(),
            changes: 0,
            merge_races: 0,
            settling: false,
            next_id: 1_000,
        }
    }

    /// The next database id. One sequence for everything, so ids of different kinds never agree by
    /// accident.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(crate) fn repository(&self, id: u64) -> Result<&Repository, Refusal> {
        self.repositories.get(&id).ok_or_else(Refusal::not_found)
    }

    pub(crate) fn repository_mut(&mut self, id: u64) -> Result<&mut Repository, Refusal> {
        self.repositories
            .get_mut(&id)
            .ok_or_else(Refusal::not_found)
    }

    /// The repository with this `owner/name`, also under a former name.
    pub(crate) fn find_repository(&self, full_name: &str) -> Option<&Repository> {
        self.names
            .get(&key(full_name))
            .and_then(|id| self.repositories.get(id))
    }

    pub(crate) fn issue(&self, repository: u64, number: u64) -> Result<&Issue, Refusal> {
        self.repository(repository)?
            .issues
            .get(&number)
            .ok_or_else(Refusal::not_found)
    }

    pub(crate) fn issue_mut(
        &mut self,
        repository: u64,
        number: u64,
    ) -> Result<&mut Issue, Refusal> {
        self.repository_mut(repository)?
            .issues
            .get_mut(&number)
            .ok_or_else(Refusal::not_found)
    }

    pub(crate) fn account(&self, login: &str) -> Option<&Account> {
        self.accounts.get(&key(login))
    }

    /// The login as its owner spells it.
    pub(crate) fn spelled(&self, login: &str) -> String {
        self.account(login)
            .map_or_else(|| login.to_owned(), |account| account.login.clone())
    }

    /// Adds an account unless the login is known. Returns its key.
    pub(crate) fn ensure_account(
        &mut self,
        login: &str,
        kind: AccountKind,
        now: DateTime<Utc>,
    ) -> String {
        let name = key(login);
        if !self.accounts.contains_key(&name) {
            let id = self.next_id();
            self.accounts.insert(
                name.clone(),
                Account {
                    id,
                    login: login.to_owned(),
                    name: None,
                    email: None,
                    kind,
                    created_at: now,
                    owners: Default::default(),
                    members: Default::default(),
                    teams: Default::default(),
                    issue_types: Vec::new(),
                },
            );
        }
        name
    }

    /// The role somebody was given: owner, collaborator, member or through a team.
    pub(crate) fn explicit_role(&self, repository: &Repository, login: &str) -> Option<Role> {
        let login = key(login);
        let owner_key = key(&repository.owner);
        if login == owner_key {
            return Some(Role::Admin);
        }
        let mut role = repository.collaborators.get(&login).copied();
        if let Some(owner) = self.accounts.get(&owner_key) {
            if owner.owners.contains(&login) {
                return Some(Role::Admin);
            }
            if owner.members.contains(&login) {
                role = role.max(Some(Role::Read));
            }
            for team in owner
                .teams
                .values()
                .filter(|team| team.members.contains(&login))
            {
                role = role.max(team.repositories.get(&key(&repository.name)).copied());
            }
        }
        role
    }

    /// What somebody may do: the role given, else reading where everybody may.
    pub(crate) fn role(&self, repository: &Repository, login: &str) -> Option<Role> {
        self.explicit_role(repository, login)
            .or((!repository.private).then_some(Role::Read))
    }

    /// Whether an issue can be assigned to somebody.
    pub(crate) fn is_assignable(&self, repository: &Repository, login: &str) -> bool {
        self.account(login)
            .is_some_and(|account| account.kind == AccountKind::User)
            && self.explicit_role(repository, login).is_some()
    }

    /// How the API describes somebody's tie to a repository.
    pub(crate) fn association(&self, repository: &Repository, login: &str) -> &'static str {
        let login = key(login);
        let owner = key(&repository.owner);
        if login == owner {
            return "OWNER";
        }
        if self
            .accounts
            .get(&owner)
            .is_some_and(|owner| owner.members.contains(&login) || owner.owners.contains(&login))
        {
            return "MEMBER";
        }
        if repository.collaborators.contains_key(&login) {
            return "COLLABORATOR";
        }
        "NONE"
    }

    /// Whose address it is. Bots are known by their no-reply address.
    pub(crate) fn account_of_email(&self, email: &str) -> Option<&Account> {
        if let Some(name) = email.strip_suffix("@users.noreply.github.com") {
            let login = name.split_once('+').map_or(name, |(_, login)| login);
            return self.account(login);
        }
        self.accounts.values().find(|account| {
            account
                .email
                .as_deref()
                .is_some_and(|own| own.eq_ignore_ascii_case(email))
        })
    }

    /// The actor of an installation.
    pub(crate) fn bot_of(&self, installation: u64) -> Option<Actor> {
        let app = self.apps.get(&self.installations.get(&installation)?.app)?;
        Some(Actor {
            login: app.bot(),
            app: Some(app.id),
        })
    }

    /// Whether an installation covers a repository.
    pub(crate) fn covers(&self, installation: &Installation, repository: &Repository) -> bool {
        key(&repository.owner) == installation.account
            && installation
                .repositories
                .as_ref()
                .is_none_or(|selected| selected.contains(&repository.id))
    }

    /// Whether something written at `at` is visible in listings.
    pub(crate) fn is_listed(&self, at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        self.visibility_seconds == 0
            || at + chrono::Duration::seconds(i64::from(self.visibility_seconds)) <= now
    }

    /// Marks that something changed.
    pub(crate) fn changed(&mut self) {
        self.changes += 1;
    }
}
