//! From a world to the state it describes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{DateTime, Utc};

use super::account::{
    AccountKind, Actor, App, Holder, Installation, IssueType, Role, Team, Token, key,
};
use super::checks::Checks;
use super::issues::{IssueEdit, NewIssue};
use super::objects::ObjectStore;
use super::refs::FileEdits;
use super::refusal::Refusal;
use super::repository::{Milestone, Repository};
use super::rules::Ruleset;
use super::seed_projects::add_project;
use super::state::State;
use super::world::{AppSeed, GithubWorld, RepositorySeed, WorldError};

pub(crate) fn invalid(place: impl Into<String>, problem: impl ToString) -> WorldError {
    WorldError::Invalid {
        place: place.into(),
        problem: problem.to_string(),
    }
}

/// Builds the state of a world at a moment.
pub(crate) fn build(world: &GithubWorld, now: DateTime<Utc>) -> Result<State, WorldError> {
    let mut state = State::new(
        world.settings.clone(),
        world.web_base.trim_end_matches('/').to_owned(),
        world.bounds.visibility_seconds,
    );
    for seed in &world.accounts {
        let name = state.ensure_account(&seed.login, seed.kind, now);
        let people = |logins: &[String]| {
            logins
                .iter()
                .map(|login| key(login))
                .collect::<BTreeSet<_>>()
        };
        let mut teams = BTreeMap::new();
        for team in &seed.teams {
            let id = state.next_id();
            let repositories = team
                .repositories
                .iter()
                .map(|(name, role)| (key(name), *role))
                .collect();
            teams.insert(
                key(&team.slug),
                Team {
                    id,
                    slug: team.slug.clone(),
                    members: people(&team.members),
                    repositories,
                },
            );
        }
        let mut issue_types = Vec::new();
        for name in &seed.issue_types {
            issue_types.push(IssueType {
                id: state.next_id(),
                name: name.clone(),
                created_at: now,
            });
        }
        for login in seed
            .owners
            .iter()
            .chain(&seed.members)
            .chain(seed.teams.iter().flat_map(|team| &team.members))
        {
            state.ensure_account(login, AccountKind::User, now);
        }
        if let Some(account) = state.accounts.get_mut(&name) {
            account.kind = seed.kind;
            account.login.clone_from(&seed.login);
            account.name.clone_from(&seed.name);
            account.email.clone_from(&seed.email);
            account.owners = people(&seed.owners);
            account.members = people(&seed.members);
            account.teams = teams;
            account.issue_types = issue_types;
            if let Some(id) = seed.id {
                account.id = id;
            }
        }
    }
    for seed in &world.repositories {
        add_repository(&mut state, seed, now)?;
    }
    for seed in &world.projects {
        add_project(&mut state, seed, now)?;
    }
    for app in &world.apps {
        add_app(&mut state, app, now)?;
    }
    for seed in &world.tokens {
        let place = format!(
            "token of {}",
            if seed.login.is_empty() {
                "an installation"
            } else {
                &seed.login
            }
        );
        let holder = match seed.installation {
            Some(id) if state.installations.contains_key(&id) => Holder::Installation(id),
            Some(id) => return Err(invalid(place, format!("there is no installation {id}"))),
            None if seed.login.is_empty() => {
                return Err(invalid(place, "needs `login` or `installation`"));
            }
            None => match seed.login.strip_suffix("[bot]") {
                Some(slug) => {
                    let found = state.installations.values().find(|found| {
                        state
                            .apps
                            .get(&found.app)
                            .is_some_and(|app| app.slug == slug)
                    });
                    Holder::Installation(
                        found
                            .ok_or_else(|| invalid(place.clone(), "the app is not installed"))?
                            .id,
                    )
                }
                None => Holder::Person(state.ensure_account(&seed.login, AccountKind::User, now)),
            },
        };
        let mut repositories = None;
        for name in seed.repositories.iter().flatten() {
            let found = state
                .find_repository(name)
                .ok_or_else(|| invalid(place.clone(), format!("there is no repository {name}")))?;
            repositories
                .get_or_insert_with(BTreeSet::new)
                .insert(found.id);
        }
        state.tokens.insert(
            seed.token.clone(),
            Token {
                holder,
                permissions: seed.permissions.clone(),
                repositories,
                expires_at: seed.expires_at,
                scopes: seed.scopes.clone(),
            },
        );
    }
    Ok(state)
}

fn add_app(state: &mut State, seed: &AppSeed, now: DateTime<Utc>) -> Result<(), WorldError> {
    let place = format!("app {}", seed.slug);
    if state.apps.contains_key(&seed.id) {
        return Err(invalid(place, "its id is taken"));
    }
    let owner = seed.owner.clone().or_else(|| {
        seed.installations
            .first()
            .map(|found| found.account.clone())
    });
    let owner = owner.unwrap_or_else(|| "ghost".to_owned());
    state.ensure_account(&owner, AccountKind::User, now);
    let app = App {
        id: seed.id,
        slug: seed.slug.clone(),
        owner,
        client_id: seed
            .client_id
            .clone()
            .unwrap_or_else(|| format!("Iv1.{:016x}", seed.id)),
        permissions: seed.permissions.clone(),
        events: seed.events.clone(),
        created_at: now,
    };
    state.ensure_account(&app.bot(), AccountKind::Bot, now);
    state.apps.insert(app.id, app);
    for installation in &seed.installations {
        let account = state.ensure_account(&installation.account, AccountKind::User, now);
        let mut repositories = None;
        for name in installation.repositories.iter().flatten() {
            let full = if name.contains('/') {
                name.clone()
            } else {
                format!("{}/{name}", installation.account)
            };
            let found = state
                .find_repository(&full)
                .ok_or_else(|| invalid(place.clone(), format!("there is no repository {full}")))?;
            repositories
                .get_or_insert_with(BTreeSet::new)
                .insert(found.id);
        }
        if installation
            .repositories
            .as_ref()
            .is_some_and(Vec::is_empty)
        {
            repositories = Some(BTreeSet::new());
        }
        if state.installations.contains_key(&installation.id) {
            return Err(invalid(
                place,
                format!("installation id {} is taken", installation.id),
            ));
        }
        state.installations.insert(
            installation.id,
            Installation {
                id: installation.id,
                app: seed.id,
                account,
                repositories,
                permissions: installation
                    .permissions
                    .clone()
                    .unwrap_or_else(|| seed.permissions.clone()),
                suspended_at: installation.suspended.then_some(now),
                created_at: now,
            },
        );
    }
    Ok(())
}

/// Adds a repository with everything in it.
pub(crate) fn add_repository(
    state: &mut State,
    seed: &RepositorySeed,
    now: DateTime<Utc>,
) -> Result<u64, WorldError> {
    let place = format!("repository {}", seed.full_name);
    let Some((owner, name)) = seed
        .full_name
        .split_once('/')
        .filter(|(owner, name)| !owner.is_empty() && !name.is_empty())
    else {
        return Err(invalid(place, "the full name must be `owner/name`"));
    };
    if state.find_repository(&seed.full_name).is_some() {
        return Err(invalid(place, "exists already"));
    }
    state.ensure_account(owner, AccountKind::User, now);
    let id = match seed.id {
        Some(id) if state.repositories.contains_key(&id) => {
            return Err(invalid(place, "its id is taken"));
        }
        Some(id) => id,
        None => state.next_id(),
    };
    let mut rulesets = Vec::new();
    for ruleset in &seed.rulesets {
        let id = ruleset.id.unwrap_or_else(|| state.next_id());
        rulesets.push(Ruleset {
            id,
            seed: ruleset.clone(),
            created_at: now,
        });
    }
    for login in seed.collaborators.keys() {
        state.ensure_account(login, AccountKind::User, now);
    }
    let collaborators: BTreeMap<String, Role> = seed
        .collaborators
        .iter()
        .map(|(login, role)| (key(login), *role))
        .collect();
    state.repositories.insert(
        id,
        Repository {
            id,
            owner: state.spelled(owner),
            name: name.to_owned(),
            private: seed.private,
            archived: false,
            description: seed.description.clone(),
            default_branch: seed.default_branch.clone(),
            created_at: now,
            updated_at: now,
            pushed_at: now,
            has_issues: seed.has_issues,
            merge_methods: seed.merge_methods.iter().cloned().collect(),
            delete_branch_on_merge: seed.delete_branch_on_merge,
            objects: ObjectStore::default(),
            refs: BTreeMap::new(),
            collaborators,
            protected: seed.protected_branches.clone(),
            rulesets,
            checks: Checks::default(),
            allow_auto_merge: seed.allow_auto_merge,
            queues: BTreeMap::new(),
            async_merges: BTreeMap::new(),
            dispatches: Vec::new(),
            labels: BTreeMap::new(),
            milestones: BTreeMap::new(),
            issues: BTreeMap::new(),
            comments: BTreeMap::new(),
            gone: BTreeMap::new(),
            next_number: 1,
        },
    );
    state.names.insert(key(&seed.full_name), id);
    let author = Actor::person(&first_author(state, owner));
    let refused = |refusal: Refusal| invalid(place.clone(), refusal);
    let mut edits = FileEdits::new();
    if let Some(directory) = &seed.directory {
        read_directory(directory, directory, 0, &mut edits)?;
    }
    edits.extend(
        seed.files
            .iter()
            .map(|(path, text)| (path.clone(), Some(text.clone().into_bytes()))),
    );
    if !edits.is_empty() {
        let first = state
            .commit_files(
                id,
                &seed.default_branch,
                "Initial commit",
                &edits,
                &author,
                now,
            )
            .map_err(refused)?;
        for (branch, files) in &seed.branches {
            state
                .set_ref(
                    id,
                    &format!("refs/heads/{branch}"),
                    Some(first),
                    &author,
                    now,
                )
                .map_err(refused)?;
            if !files.is_empty() {
                let edits = files
                    .iter()
                    .map(|(path, text)| (path.clone(), Some(text.clone().into_bytes())))
                    .collect();
                state
                    .commit_files(id, branch, &format!("Start {branch}"), &edits, &author, now)
                    .map_err(refused)?;
            }
        }
    } else if !seed.branches.is_empty() {
        return Err(invalid(
            place.clone(),
            "an empty repository cannot have branches",
        ));
    }
    add_contents(state, seed, id, &author, now).map_err(refused)?;
    Ok(id)
}

/// Whoever makes the first commit: the owner, or the first owner of the organization.
pub(crate) fn first_author(state: &State, owner: &str) -> String {
    state
        .account(owner)
        .filter(|account| account.kind == AccountKind::Organization)
        .and_then(|account| account.owners.iter().chain(&account.members).next())
        .map_or_else(|| owner.to_owned(), |login| state.spelled(login))
}

fn add_contents(
    state: &mut State,
    seed: &RepositorySeed,
    id: u64,
    author: &Actor,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    for label in &seed.labels {
        let color = label.color.clone().unwrap_or_else(|| "ededed".to_owned());
        state.add_label(id, &label.name, &color, label.description.as_deref())?;
    }
    for (index, title) in seed.milestones.iter().enumerate() {
        let number = index as u64 + 1;
        let milestone = Milestone {
            id: state.next_id(),
            number,
            title: title.clone(),
            description: None,
            open: true,
            due_on: None,
            creator: author.login.clone(),
            created_at: now,
            updated_at: now,
        };
        state
            .repository_mut(id)?
            .milestones
            .insert(number, milestone);
    }
    for issue in &seed.issues {
        let actor = if issue.author.is_empty() {
            author.clone()
        } else {
            Actor::person(&issue.author)
        };
        state.ensure_account(&actor.login, AccountKind::User, now);
        let new = NewIssue {
            title: issue.title.clone(),
            body: issue.body.clone(),
            labels: issue.labels.clone(),
            assignees: issue.assignees.clone(),
            milestone: issue.milestone,
            kind: issue.issue_type.clone(),
        };
        let number = state.create_issue(id, new, &actor, true, now)?;
        if let Some(parent) = issue.parent {
            state.add_sub_issue((id, parent), (id, number), false, &actor, now)?;
        }
        for comment in &issue.comments {
            state.ensure_account(&comment.author, AccountKind::User, now);
            state.add_comment(
                id,
                number,
                &comment.body,
                &Actor::person(&comment.author),
                now,
            )?;
        }
        if issue.closed {
            let edit = IssueEdit {
                open: Some(false),
                ..IssueEdit::default()
            };
            state.edit_issue(id, number, edit, &actor, true, now)?;
        }
    }
    Ok(())
}

fn read_directory(
    root: &Path,
    directory: &Path,
    depth: usize,
    edits: &mut FileEdits,
) -> Result<(), WorldError> {
    let failed = |source| WorldError::Directory {
        path: directory.to_owned(),
        source,
    };
    if depth > 32 {
        return Err(failed(std::io::Error::other("nested too deeply")));
    }
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        if entry.file_name() == ".git" {
            continue;
        }
        if entry.file_type().map_err(failed)?.is_dir() {
            read_directory(root, &path, depth + 1, edits)?;
        } else if let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str) {
            edits.insert(
                name.replace('\\', "/"),
                Some(std::fs::read(&path).map_err(failed)?),
            );
        }
    }
    Ok(())
}
