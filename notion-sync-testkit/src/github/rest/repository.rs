//! A repository itself: its object, its people.

use serde_json::json;

use crate::github::account::{Role, key};
use crate::github::auth::{CallerKind, Need};
use crate::github::exchange::{Answer, Exchange, Outcome, stamp};
use crate::github::refusal::Refusal;
use crate::github::render::merge;

pub(crate) fn route(exchange: &mut Exchange<'_>, method: &str, id: u64, rest: &[&str]) -> Outcome {
    match (method, rest) {
        ("GET", []) => get(exchange, id),
        ("PATCH", []) => patch(exchange, id),
        ("GET", ["installation"]) => super::app::of_repository(exchange, id),
        ("GET", ["hash-algorithm"]) => Ok(Answer::ok(json!({"hash_algorithm": "sha1"}))),
        ("GET", ["collaborators"]) => {
            exchange.need(id, Need::Metadata)?;
            let repo = exchange.repo(id)?;
            let people: Vec<&String> = repo.collaborators.keys().collect();
            Ok(exchange.listing(people, |login| {
                let role = repo.collaborators.get(login).copied().unwrap_or(Role::Read);
                let mut body = exchange.render().login(login);
                merge(
                    &mut body,
                    json!({"permissions": rights(role), "role_name": role.as_str()}),
                );
                body
            }))
        }
        ("GET", ["collaborators", login]) => {
            exchange.need(id, Need::Metadata)?;
            match exchange.state.explicit_role(exchange.repo(id)?, login) {
                Some(_) => Ok(Answer::empty(204)),
                None => Err(Refusal::not_found()),
            }
        }
        ("GET", ["collaborators", login, "permission"]) => {
            exchange.need(id, Need::Metadata)?;
            let repo = exchange.repo(id)?;
            let account = exchange
                .state
                .account(login)
                .ok_or_else(Refusal::not_found)?;
            let role = exchange.state.role(repo, login);
            let permission = match role {
                Some(Role::Admin) => "admin",
                Some(Role::Maintain | Role::Write) => "write",
                Some(Role::Read | Role::Triage) => "read",
                None => "none",
            };
            let mut user = exchange.render().account(account);
            merge(
                &mut user,
                json!({
                    "permissions": role.map_or_else(|| json!({}), rights),
                    "role_name": role.map_or("none", Role::as_str),
                }),
            );
            Ok(Answer::ok(
                json!({"permission": permission, "role_name": role.map_or("none", Role::as_str), "user": user}),
            ))
        }
        _ => Err(Refusal::not_found()),
    }
}

fn rights(role: Role) -> serde_json::Value {
    json!({
        "admin": role >= Role::Admin, "maintain": role >= Role::Maintain, "push": role >= Role::Write,
        "triage": role >= Role::Triage, "pull": true,
    })
}

/// What the caller may do, as a role.
fn role_of_caller(exchange: &Exchange<'_>, id: u64) -> Option<Role> {
    match &exchange.caller.kind {
        CallerKind::Person(login) => exchange
            .repo(id)
            .ok()
            .and_then(|repo| exchange.state.role(repo, login)),
        CallerKind::Installation(_) => Some(if exchange.may(id, Need::ContentsWrite) {
            Role::Write
        } else {
            Role::Read
        }),
        CallerKind::Anonymous | CallerKind::App(_) => None,
    }
}

fn get(exchange: &Exchange<'_>, id: u64) -> Outcome {
    exchange.need(id, Need::Metadata)?;
    let repo = exchange.repo(id)?;
    let modified = repo
        .updated_at
        .format("%a, %d %b %Y %H:%M:%S GMT")
        .to_string();
    Ok(Answer::ok(
        exchange
            .render()
            .repository(repo, role_of_caller(exchange, id)),
    )
    .with("last-modified", modified))
}

fn patch(exchange: &mut Exchange<'_>, id: u64) -> Outcome {
    exchange.need(id, Need::Administration)?;
    let fields = exchange.fields()?;
    let now = exchange.now;
    if let Some(name) = fields.text("name")? {
        exchange.state.rename_repository(id, &name, now)?;
    }
    let (description, default_branch) = (
        fields.clearable("description")?,
        fields.text("default_branch")?,
    );
    let flags = [
        "private",
        "archived",
        "has_issues",
        "delete_branch_on_merge",
        "allow_auto_merge",
        "allow_merge_commit",
        "allow_squash_merge",
        "allow_rebase_merge",
    ];
    let mut values = Vec::new();
    for flag in flags {
        values.push((flag, fields.flag(flag)?));
    }
    let repo = exchange.state.repository_mut(id)?;
    if let Some(branch) = default_branch {
        if repo.branch(&branch).is_none() {
            return Err(Refusal::invalid(json!({
                "resource": "Repository", "field": "default_branch", "code": "invalid",
                "message": format!("The branch {branch} was not found. Please push that ref first or create it via the Git Data API."),
            })));
        }
        repo.default_branch = branch;
    }
    if let Some(description) = description {
        repo.description = description;
    }
    for (flag, value) in values {
        let Some(value) = value else { continue };
        let mut method = |name: &str| {
            if value {
                repo.merge_methods.insert(name.to_owned())
            } else {
                repo.merge_methods.remove(name)
            };
        };
        match flag {
            "private" => repo.private = value,
            "archived" => repo.archived = value,
            "has_issues" => repo.has_issues = value,
            "delete_branch_on_merge" => repo.delete_branch_on_merge = value,
            "allow_auto_merge" => repo.allow_auto_merge = value,
            "allow_merge_commit" => method("merge"),
            "allow_squash_merge" => method("squash"),
            _ => method("rebase"),
        }
    }
    repo.updated_at = now;
    exchange.state.changed();
    get(exchange, id)
}

impl crate::github::state::State {
    /// Gives a repository a new name. The old one answers with redirects.
    pub(crate) fn rename_repository(
        &mut self,
        id: u64,
        name: &str,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<(), Refusal> {
        let valid = !name.is_empty()
            && name.len() <= 100
            && !matches!(name, "." | "..")
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if !valid {
            return Err(Refusal::field("Repository", "name", "invalid"));
        }
        let repo = self.repository(id)?;
        let full = key(&format!("{}/{name}", repo.owner));
        // A former name may be taken again; then it no longer redirects.
        if let Some(taken) = self.names.get(&full)
            && *taken != id
            && self
                .repositories
                .get(taken)
                .is_some_and(|other| key(&other.full_name()) == full)
        {
            return Err(Refusal::custom(
                "Repository",
                "name already exists on this account",
            ));
        }
        self.names.insert(full, id);
        let repo = self.repository_mut(id)?;
        name.clone_into(&mut repo.name);
        repo.updated_at = now;
        tracing::debug!(at = %stamp(now), name, "repository renamed");
        self.changed();
        Ok(())
    }
}
