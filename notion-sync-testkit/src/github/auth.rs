//! Who is asking, and what the credential allows.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use serde_json::Value;

use super::account::{Actor, Holder, Level, Permissions, Role};
use super::refusal::Refusal;
use super::repository::Repository;
use super::state::State;

/// What kind of credential came with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallerKind {
    Anonymous,
    /// A person, by key.
    Person(String),
    Installation(u64),
    /// An app that showed a JSON web token.
    App(u64),
}

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) kind: CallerKind,
    /// The login shown, for the log too.
    pub(crate) name: String,
    pub(crate) token: String,
    /// `None`: everything the holder may do.
    pub(crate) permissions: Option<Permissions>,
    pub(crate) repositories: Option<BTreeSet<u64>>,
    /// Scopes of a classic token; `None`: all.
    pub(crate) scopes: Option<Vec<String>>,
}

impl Caller {
    pub(crate) fn anonymous() -> Self {
        Self {
            kind: CallerKind::Anonymous,
            name: "anonymous".to_owned(),
            token: String::new(),
            permissions: None,
            repositories: None,
            scopes: None,
        }
    }

    /// The name of the quota: all tokens of a person share one.
    pub(crate) fn quota(&self) -> String {
        match &self.kind {
            CallerKind::Anonymous => "anonymous".to_owned(),
            CallerKind::Person(login) => format!("user:{login}"),
            CallerKind::Installation(id) => format!("installation:{id}"),
            CallerKind::App(id) => format!("app:{id}"),
        }
    }
}

/// What an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Metadata,
    IssuesRead,
    /// Open issues, comment: any reader among people.
    IssuesOpen,
    /// Talk in a pull request, which issue and pull request permissions allow.
    Conversation,
    /// Labels, assignees, state of issues and pull requests.
    IssuesWrite,
    PullsRead,
    /// Open pull requests, review: any reader among people.
    PullsOpen,
    PullsWrite,
    ContentsRead,
    ContentsWrite,
    StatusesRead,
    StatusesWrite,
    ChecksRead,
    ChecksWrite,
    ActionsRead,
    ActionsWrite,
    /// Read protection: never for everybody.
    AdministrationRead,
    Administration,
}

impl Need {
    /// Alternatives: any of these permissions is enough.
    fn permissions(self) -> &'static [(&'static str, Level)] {
        match self {
            Self::Metadata => &[("metadata", Level::Read)],
            Self::IssuesRead => &[("issues", Level::Read), ("pull_requests", Level::Read)],
            Self::IssuesOpen => &[("issues", Level::Write)],
            Self::IssuesWrite | Self::Conversation => {
                &[("issues", Level::Write), ("pull_requests", Level::Write)]
            }
            Self::PullsRead => &[("pull_requests", Level::Read)],
            Self::PullsOpen | Self::PullsWrite => &[("pull_requests", Level::Write)],
            Self::ContentsRead => &[("contents", Level::Read)],
            Self::ContentsWrite => &[("contents", Level::Write)],
            Self::StatusesRead => &[("statuses", Level::Read)],
            Self::StatusesWrite => &[("statuses", Level::Write)],
            Self::ChecksRead => &[("checks", Level::Read)],
            Self::ChecksWrite => &[("checks", Level::Write)],
            Self::ActionsRead => &[("actions", Level::Read)],
            Self::ActionsWrite => &[("actions", Level::Write)],
            Self::AdministrationRead => &[("administration", Level::Read)],
            Self::Administration => &[("administration", Level::Write)],
        }
    }

    fn role(self) -> Role {
        match self {
            Self::Metadata
            | Self::IssuesRead
            | Self::PullsRead
            | Self::ContentsRead
            | Self::StatusesRead
            | Self::ChecksRead
            | Self::ActionsRead
            | Self::IssuesOpen
            | Self::PullsOpen
            | Self::Conversation => Role::Read,
            Self::IssuesWrite => Role::Triage,
            Self::PullsWrite
            | Self::ContentsWrite
            | Self::StatusesWrite
            | Self::ChecksWrite
            | Self::ActionsWrite => Role::Write,
            Self::AdministrationRead | Self::Administration => Role::Admin,
        }
    }

    pub(crate) fn is_read(self) -> bool {
        self.is_public() || self == Self::AdministrationRead
    }

    /// Whether everybody may do it in a public repository.
    fn is_public(self) -> bool {
        matches!(
            self,
            Self::Metadata
                | Self::IssuesRead
                | Self::PullsRead
                | Self::ContentsRead
                | Self::StatusesRead
                | Self::ChecksRead
                | Self::ActionsRead
        )
    }

    /// The header that tells what would have been enough.
    fn header(self) -> (&'static str, String) {
        let sets: Vec<String> = self
            .permissions()
            .iter()
            .map(|(name, level)| format!("{name}={}", level.as_str()))
            .collect();
        ("x-accepted-github-permissions", sets.join("; "))
    }
}

fn grants(permissions: &Permissions, name: &str, level: Level) -> bool {
    // Every token may read metadata.
    (name == "metadata" && level == Level::Read)
        || permissions
            .get(name)
            .is_some_and(|granted| *granted >= level)
}

impl State {
    /// Who shows this `Authorization` header.
    pub(crate) fn authenticate(
        &self,
        header: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Caller, Refusal> {
        let bad = || Refusal::new(401, "Bad credentials");
        let Some(header) = header else {
            return Ok(Caller::anonymous());
        };
        let (scheme, rest) = header.trim().split_once(' ').ok_or_else(bad)?;
        let secret = match scheme.to_ascii_lowercase().as_str() {
            "bearer" | "token" => rest.trim().to_owned(),
            "basic" => {
                let decoded = STANDARD.decode(rest.trim()).map_err(|_| bad())?;
                let text = String::from_utf8(decoded).map_err(|_| bad())?;
                let (user, password) = text.split_once(':').ok_or_else(bad)?;
                if password.is_empty() || password == "x-oauth-basic" {
                    user.to_owned()
                } else {
                    password.to_owned()
                }
            }
            _ => return Err(bad()),
        };
        if let Some(token) = self.tokens.get(&secret) {
            if token.expires_at.is_some_and(|expires| expires <= now) {
                return Err(bad());
            }
            let (kind, name) = match &token.holder {
                Holder::Person(login) => (CallerKind::Person(login.clone()), self.spelled(login)),
                Holder::Installation(id) => {
                    let installation = self.installations.get(id).ok_or_else(bad)?;
                    if installation.suspended_at.is_some() {
                        return Err(Refusal::new(403, "This installation has been suspended"));
                    }
                    (
                        CallerKind::Installation(*id),
                        self.bot_of(*id).ok_or_else(bad)?.login,
                    )
                }
            };
            return Ok(Caller {
                kind,
                name,
                token: secret,
                permissions: token.permissions.clone(),
                repositories: token.repositories.clone(),
                scopes: token.scopes.clone(),
            });
        }
        if secret.matches('.').count() == 2 {
            return self.authenticate_app(secret, now);
        }
        Err(bad())
    }

    /// Checks a JSON web token of an app: its algorithm, issuer and times. The signature must be
    /// there, but is not verified: nothing here guards anything real.
    fn authenticate_app(&self, token: String, now: DateTime<Utc>) -> Result<Caller, Refusal> {
        let undecodable = || Refusal::new(401, "A JSON web token could not be decoded");
        let mut parts = token
            .split('.')
            .map(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let mut next = || parts.next().flatten().ok_or_else(undecodable);
        let (head, claims, signature) = (next()?, next()?, next()?);
        let head: Value = serde_json::from_slice(&head).map_err(|_| undecodable())?;
        let claims: Value = serde_json::from_slice(&claims).map_err(|_| undecodable())?;
        if head["alg"] != "RS256" || signature.len() < 128 {
            return Err(undecodable());
        }
        let issuer = match &claims["iss"] {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => {
                return Err(Refusal::new(
                    401,
                    "'Issuer' claim ('iss') must be an Integer",
                ));
            }
        };
        let app = self
            .apps
            .values()
            .find(|app| app.id.to_string() == issuer || app.client_id == issuer)
            .ok_or_else(|| Refusal::new(401, "Integration not found"))?;
        if self.settings.jwt_times {
            let issued = claims["iat"].as_i64().ok_or_else(|| {
                Refusal::new(401, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
            })?;
            let expires = claims["exp"].as_i64();
            let expires = expires.filter(|expires| *expires > now.timestamp()).ok_or_else(|| {
                Refusal::new(401, "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
            })?;
            if issued > now.timestamp() + 60 {
                return Err(Refusal::new(
                    401,
                    "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
                ));
            }
            if expires > (now + Duration::minutes(10)).timestamp()
                || expires.saturating_sub(issued) > 660
            {
                return Err(Refusal::new(
                    401,
                    "'Expiration time' claim ('exp') is too far in the future",
                ));
            }
        }
        Ok(Caller {
            kind: CallerKind::App(app.id),
            name: app.bot(),
            permissions: None,
            repositories: None,
            scopes: None,
            token,
        })
    }

    /// Whether the caller was given this repository (as opposed to: it is public).
    fn reaches(&self, caller: &Caller, repository: &Repository) -> bool {
        if caller
            .repositories
            .as_ref()
            .is_some_and(|selected| !selected.contains(&repository.id))
        {
            return false;
        }
        match &caller.kind {
            CallerKind::Anonymous | CallerKind::App(_) => false,
            CallerKind::Person(login) => self.explicit_role(repository, login).is_some(),
            CallerKind::Installation(id) => self
                .installations
                .get(id)
                .is_some_and(|installation| self.covers(installation, repository)),
        }
    }

    /// Whether the caller sees the repository at all.
    pub(crate) fn sees(&self, caller: &Caller, repository: &Repository) -> bool {
        !repository.private || self.reaches(caller, repository)
    }

    /// Whether the caller may do this. The refusal is the service's.
    pub(crate) fn check(
        &self,
        caller: &Caller,
        repository: &Repository,
        need: Need,
    ) -> Result<(), Refusal> {
        if !self.sees(caller, repository) {
            return Err(Refusal::not_found());
        }
        if !need.is_read() && repository.archived {
            return Err(Refusal::new(
                403,
                "Repository was archived so is read-only.",
            ));
        }
        let denied = |message: &str| Refusal {
            headers: vec![need.header()],
            ..Refusal::new(403, message)
        };
        let fine = |permissions: &Permissions| {
            need.permissions()
                .iter()
                .any(|(name, level)| grants(permissions, name, *level))
        };
        let public_read = need.is_public() && !repository.private;
        match &caller.kind {
            CallerKind::Anonymous if need.is_public() => Ok(()),
            CallerKind::Anonymous => Err(Refusal::new(401, "Requires authentication")),
            CallerKind::App(_) => Err(denied("Resource not accessible by integration")),
            CallerKind::Installation(id) => {
                let own = self
                    .installations
                    .get(id)
                    .map(|installation| &installation.permissions);
                let granted = caller.permissions.as_ref().or(own).is_some_and(&fine);
                if (granted && self.reaches(caller, repository)) || public_read {
                    Ok(())
                } else {
                    Err(denied("Resource not accessible by integration"))
                }
            }
            CallerKind::Person(login) => {
                if let Some(permissions) = &caller.permissions
                    && !public_read
                    && !(fine(permissions) && self.reaches(caller, repository))
                {
                    return Err(denied("Resource not accessible by personal access token"));
                }
                if self.role(repository, login) >= Some(need.role()) {
                    return Ok(());
                }
                if need == Need::AdministrationRead {
                    // Protection is hidden from people who may not see it.
                    return Err(Refusal::not_found());
                }
                Err(denied(match need {
                    Need::Administration => "Must have admin rights to Repository.",
                    Need::ContentsWrite
                    | Need::StatusesWrite
                    | Need::ChecksWrite
                    | Need::ActionsWrite => "Must have push access to Repository",
                    _ => "Must have triage rights to Repository.",
                }))
            }
        }
    }

    /// The actor behind a caller.
    pub(crate) fn actor(&self, caller: &Caller) -> Result<Actor, Refusal> {
        match &caller.kind {
            CallerKind::Person(login) => Ok(Actor::person(&self.spelled(login))),
            CallerKind::Installation(id) => self
                .bot_of(*id)
                .ok_or_else(|| Refusal::new(401, "Bad credentials")),
            CallerKind::Anonymous => Err(Refusal::new(401, "Requires authentication")),
            CallerKind::App(_) => Err(Refusal::new(403, "Resource not accessible by integration")),
        }
    }
}
