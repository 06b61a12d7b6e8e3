//! Objects that a person names on the command line as what an operation made.

use notion_sync_core::effect::Effect;
use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::operation::Operation;
use notion_sync_core::remote::Action;
use notion_sync_github::reference;
use notion_sync_notion::identifier;
use notion_sync_notion::pages::page_ref;

use super::audit::page_id;
use super::session::{Online, Session};
use crate::config::RepositoryChoice;
use crate::exit::Failure;
use crate::wiring;

/// What an operation makes on GitHub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Issue,
    Pull,
    Comment,
    Run,
}

impl Sort {
    fn of(action: &Action) -> Option<Self> {
        Some(match action {
            Action::Create(_) => Self::Issue,
            Action::Propose(_) => Self::Pull,
            Action::Comment { .. } | Action::Discuss(_) => Self::Comment,
            Action::Effect(effect) => match effect.request.effect {
                Effect::OpenPull(_) => Self::Pull,
                Effect::Comment(_) | Effect::Summary => Self::Comment,
                Effect::Dispatch(_) => Self::Run,
                _ => return None,
            },
            _ => return None,
        })
    }

    /// How it is named.
    fn told(self) -> &'static str {
        match self {
            Self::Issue => "the address or number of an issue",
            Self::Pull => "the address or number of a pull request",
            Self::Comment => "the address (…#issuecomment-N) or id of a comment",
            Self::Run => "the address (…/actions/runs/N) or id of a run",
        }
    }

    fn reference(self, repository: u64, id: u64) -> RemoteRef {
        match self {
            Self::Issue => reference::issue(repository, id),
            Self::Pull => reference::pull(repository, id),
            Self::Comment => reference::comment(repository, id),
            Self::Run => reference::run(repository, id),
        }
    }

    /// Repository, where the text names one, and id.
    fn parse(self, text: &str) -> Option<(Option<String>, u64)> {
        let text = text.trim();
        if let Ok(id) = text.strip_prefix('#').unwrap_or(text).parse() {
            return Some((None, id));
        }
        let (_, address) = text.split_once("://")?;
        let (path, fragment) = address.split_once('#').unwrap_or((address, ""));
        let path = path.split('?').next()?.trim_end_matches('/');
        let mut parts = path.split('/').skip(1);
        let repository = format!("{}/{}", parts.next()?, parts.next()?);
        let rest: Vec<&str> = parts.collect();
        let id = match (self, rest.as_slice()) {
            (Self::Issue, ["issues", number]) | (Self::Pull, ["pull", number, ..]) => number,
            (Self::Comment, ["issues" | "pull", ..]) => fragment.strip_prefix("issuecomment-")?,
            (Self::Run, ["actions", "runs", run, ..]) => run,
            _ => return None,
        };
        Some((Some(repository), id.parse().ok()?))
    }
}

/// The object that a text names, of the sort that the operation makes.
pub(super) async fn object(
    session: &Session,
    online: &Online,
    op: &Operation,
    text: &str,
) -> Result<RemoteRef, Failure> {
    if op.side == Side::Notion {
        return match &op.write.action {
            Action::Comment { .. } | Action::Discuss(_) => {
                let id = identifier::canonical(text).ok_or_else(|| {
                    Failure::usage(format!("{text:?} is not the id of a comment in Notion"))
                })?;
                Ok(RemoteRef::new("notion", "comment", id))
            }
            _ => Ok(page_ref(&page_id(text)?)),
        };
    }
    let Some(sort) = Sort::of(&op.write.action) else {
        // What such an operation does is no object: the engine says so.
        return Ok(RemoteRef::new(reference::SYSTEM, "object", text));
    };
    let (repository, id) = sort.parse(text).ok_or_else(|| {
        Failure::usage(format!(
            "{text:?} does not name what the operation makes (give {})",
            sort.told()
        ))
    })?;
    let repository = match (repository, known_repository(&op.write.action)) {
        (None, Some(known)) => known,
        (Some(name), _) => repository_id(session, online, &name).await?,
        (None, None) => {
            let name = configured(session, op).ok_or_else(|| {
                Failure::usage("the mapping has several repositories (give the whole address)")
            })?;
            repository_id(session, online, &name).await?
        }
    };
    Ok(sort.reference(repository, id))
}

async fn repository_id(session: &Session, online: &Online, name: &str) -> Result<u64, Failure> {
    let client = wiring::github_client(&session.config, &session.secrets, &online.parts)?;
    Ok(client.repository(name).await?.id)
}

/// The repository of what the write is about.
fn known_repository(action: &Action) -> Option<u64> {
    let object = match action {
        Action::Comment { object, .. } => object,
        Action::Discuss(discuss) => &discuss.place,
        Action::Effect(effect) => &effect.request.object,
        _ => return None,
    };
    reference::parse_numbered(object).ok().map(|(id, _)| id)
}

/// `owner/name` of the repository in which the write was to make something.
fn configured(session: &Session, op: &Operation) -> Option<String> {
    if let Action::Create(create) = &op.write.action
        && let Some(place) = &create.place
        && place.contains('/')
    {
        return Some(place.clone());
    }
    let name = op.mapping.as_str();
    let config = &session.config;
    if let Some(section) = config.documents.iter().find(|one| one.name == name) {
        return Some(section.repository.clone());
    }
    let section = config.tasks.iter().find(|one| one.name == name)?;
    match &section.repository {
        RepositoryChoice::Fixed(name) => Some(name.clone()),
        RepositoryChoice::Property { of, .. } => match of.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_numbers_name_objects() {
        let at = |id| Some((Some("acme/app".to_owned()), id));
        for (sort, text, wanted) in [
            (Sort::Issue, "12", Some((None, 12))),
            (Sort::Issue, "#12", Some((None, 12))),
            (Sort::Issue, "https://github.com/acme/app/issues/12", at(12)),
            (
                Sort::Issue,
                "http://127.0.0.1:8080/acme/app/issues/12/",
                at(12),
            ),
            (Sort::Issue, "https://github.com/acme/app/pull/12", None),
            (
                Sort::Pull,
                "https://github.com/acme/app/pull/12/files",
                at(12),
            ),
            (Sort::Pull, "https://github.com/acme/app/issues/12", None),
            (
                Sort::Comment,
                "https://github.com/acme/app/issues/12#issuecomment-99",
                at(99),
            ),
            (Sort::Comment, "https://github.com/acme/app/issues/12", None),
            (
                Sort::Run,
                "https://github.com/acme/app/actions/runs/7?pr=1",
                at(7),
            ),
            (Sort::Run, "https://github.com/acme", None),
            (Sort::Issue, "acme/app#12", None),
            (Sort::Issue, "-1", None),
            (Sort::Issue, "", None),
        ] {
            assert_eq!(sort.parse(text), wanted, "{sort:?} {text}");
        }
    }
}
