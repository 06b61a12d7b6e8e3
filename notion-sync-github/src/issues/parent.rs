//! The parent of an issue: what an answer says of it, and moving an issue below another one.
//!
//! Every answer with an issue names its parent, so reading costs no request. GitHub does not say
//! whether a new parent moves the `updated_at` of either issue.

use notion_sync_core::id::RemoteRef;
use notion_sync_core::remote::FieldChange;
use notion_sync_core::snapshot::Field;
use notion_sync_core::value::Value;
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::json;

use super::GithubIssues;
use crate::endpoint::{ADD_SUB_ISSUE, Call, REMOVE_SUB_ISSUE};
use crate::reference;
use crate::wire::Issue;

/// The field.
pub(super) const PARENT: &str = "parent";

/// Where an issue is: its repository as an address names it, and its number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    repository: Repository,
    number: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Repository {
    Id(u64),
    /// `owner/name`.
    Name(String),
}

impl Place {
    /// From an address of the API: `…/repos/{owner}/{name}/issues/{number}`, or with the id of the
    /// repository instead of its names.
    fn of(url: &str) -> Option<Self> {
        let path = url.split(['?', '#']).next()?;
        let mut parts = path.rsplit('/');
        let number = parts.next()?.parse().ok()?;
        (parts.next()? == "issues").then_some(())?;
        let (last, before) = (parts.next()?, parts.next()?);
        let repository = match before {
            "repositories" => Repository::Id(last.parse().ok()?),
            "" => return None,
            owner => Repository::Name(format!("{owner}/{last}")),
        };
        Some(Self { repository, number })
    }

    /// From a value: `id#number`, or `owner/name#number` for what belongs to no mapping.
    fn read(value: &str) -> Option<Self> {
        let (repository, number) = value.rsplit_once('#')?;
        let number = number.parse().ok()?;
        let repository = match repository.parse() {
            Ok(id) => Repository::Id(id),
            Err(_) => Repository::Name(repository.to_owned()),
        };
        Some(Self { repository, number })
    }
}

/// The parent as the answer names it, for comparing two answers.
pub(super) fn named(issue: &Issue) -> Value {
    Value::text(issue.parent_issue_url.clone().unwrap_or_default())
}

impl GithubIssues {
    /// The parent of an issue: its id where it is in a repository of this mapping, as issues are
    /// named everywhere else, `owner/name#number` otherwise.
    pub(super) fn parent(&self, issue: &Issue) -> Field {
        let Some(url) = &issue.parent_issue_url else {
            // An issue without a parent may leave the member out. A server that knows nothing of
            // sub-issues leaves out more.
            return if issue.sub_issues_summary {
                Field::Value(Value::Null)
            } else {
                Field::Unread("this server does not say what the parent of an issue is".to_owned())
            };
        };
        match Place::of(url) {
            Some(place) => Field::Value(self.written(&place)),
            None => Field::Unread("the address of the parent is not one of an issue".to_owned()),
        }
    }

    fn written(&self, place: &Place) -> Value {
        let name = match &place.repository {
            Repository::Id(id) => return Value::Text(reference::issue(*id, place.number).id),
            Repository::Name(name) => name,
        };
        let known = self.repositories.iter().find_map(|one| one.known_as(name));
        Value::Text(match known {
            Some(id) => reference::issue(id, place.number).id,
            None => format!("{name}#{}", place.number),
        })
    }

    /// Looks up the other repositories of the mapping where an issue has a parent in one that is not
    /// known yet. Once in the life of a process.
    pub(super) async fn know_parent(&self, issue: &Issue) {
        let place = issue.parent_issue_url.as_deref().and_then(Place::of);
        let Some(Repository::Name(name)) = place.map(|place| place.repository) else {
            return;
        };
        if self
            .repositories
            .iter()
            .any(|one| one.known_as(&name).is_some())
        {
            return;
        }
        for one in self.repositories.iter().filter(|one| !one.is_known()) {
            if let Err(error) = one.get(&self.client).await {
                tracing::debug!(repository = one.name, %error, "not known");
            }
        }
    }

    /// Moves an issue as a change wants it. Answers why the service refuses it, where it does:
    /// that concerns nothing but this field.
    ///
    /// What was done before is not done again, and a parent that somebody else gave the issue
    /// meanwhile is only replaced where one was to be replaced.
    ///
    /// # Errors
    ///
    /// Whatever a request can end with but a refusal.
    pub(super) async fn move_below(
        &self,
        number: u64,
        issue: &mut Issue,
        change: &FieldChange,
    ) -> Result<Option<String>> {
        let child = issue.id.ok_or_else(|| {
            Error::new(ErrorKind::Invalid, "set the parent of an issue")
                .with("number", number)
                .message("the service does not say the id of the issue")
        })?;
        let outcome = match change.desired.as_text() {
            Some(parent) => {
                let replace = !change.expected.is_empty();
                self.add_below(parent, child, replace).await
            }
            None => self.take_away(issue, child).await,
        };
        match outcome {
            Ok(url) => {
                issue.parent_issue_url = url;
                Ok(None)
            }
            Err(error) => match error.kind() {
                ErrorKind::Invalid
                | ErrorKind::NotFound
                | ErrorKind::Gone
                | ErrorKind::Forbidden
                | ErrorKind::Blocked
                | ErrorKind::AlreadyExists => Ok(Some(explained(&error))),
                _ => Err(error),
            },
        }
    }

    async fn add_below(&self, parent: &str, child: u64, replace: bool) -> Result<Option<String>> {
        let id = RemoteRef::new(reference::SYSTEM, reference::ISSUE, parent);
        let (repository, number) = reference::parse_numbered(&id)?;
        let call = Call::new(
            &ADD_SUB_ISSUE,
            &[&repository.to_string(), &number.to_string()],
        )
        .body(json!({"sub_issue_id": child, "replace_parent": replace}))
        .with("parent", number);
        match self.client.call(call).await {
            Ok(_) => {}
            // Somebody gave it a parent since it was read, maybe this one.
            Err(error) if !replace && has_parent(&error) => {
                return Err(Error::new(ErrorKind::Stale, "set the parent of an issue")
                    .message("it has a parent by now")
                    .caused_by(error));
            }
            Err(error) => return Err(error),
        }
        Ok(Some(format!("/repositories/{repository}/issues/{number}")))
    }

    async fn take_away(&self, issue: &Issue, child: u64) -> Result<Option<String>> {
        let Some(place) = issue.parent_issue_url.as_deref().and_then(Place::of) else {
            return Ok(None);
        };
        let repository = match place.repository {
            Repository::Id(id) => id,
            Repository::Name(name) => {
                match self.repositories.iter().find_map(|one| one.known_as(&name)) {
                    Some(id) => id,
                    None => self.client.repository(&name).await?.id,
                }
            }
        };
        let number = place.number.to_string();
        let call = Call::new(&REMOVE_SUB_ISSUE, &[&repository.to_string(), &number])
            .body(json!({"sub_issue_id": child}))
            .with("parent", number);
        match self.client.call(call).await {
            Ok(_) => Ok(None),
            // It is not below that one any more, or cannot be seen there: the next look tells.
            Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::new(
                ErrorKind::Stale,
                "take an issue from its parent",
            )
            .message("it is not below that parent any more")
            .caused_by(error)),
            Err(error) => Err(error),
        }
    }

    /// Whether a value names an issue by the id that issues have everywhere else.
    pub(super) fn is_parent(value: &Value) -> bool {
        value.is_empty()
            || (value.as_text().and_then(Place::read))
                .is_some_and(|place| matches!(place.repository, Repository::Id(_)))
    }
}

fn has_parent(error: &Error) -> bool {
    let text = error.to_string().to_lowercase();
    text.contains("one parent") || text.contains("duplicate")
}

/// A refusal with what to do about it. The service says what is wrong in words alone.
fn explained(error: &Error) -> String {
    let text = error.to_string();
    let lower = text.to_lowercase();
    let any = |signs: &[&str]| signs.iter().any(|sign| lower.contains(sign));
    let remedy = if any(&["parent of its parent", "circular", "itself", "cycle"]) {
        "an issue cannot be below itself or one of its own sub-issues: choose another parent"
    } else if any(&["levels", "nested", "layers", "depth"]) {
        "GitHub nests at most 8 levels of sub-issues: choose a parent further up"
    } else if any(&["same owner", "same organization"]) {
        "both issues must belong to the same owner: choose a parent in one of its repositories"
    } else if any(&["more than", "maximum", "100 sub"]) {
        "an issue has at most 100 sub-issues, closed ones included: take some away from it, or choose \
         another parent"
    } else if matches!(error.kind(), ErrorKind::Forbidden) {
        "give the credential the right to write issues in the repository of the parent"
    } else if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Gone) {
        "the parent is not there, or not shared with the credential: choose another parent"
    } else {
        "choose another parent, or set it on GitHub"
    };
    format!("GitHub refuses this parent: {remedy} ({text})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_apart() {
        let by_name = |name: &str, number| {
            Some(Place {
                repository: Repository::Name(name.to_owned()),
                number,
            })
        };
        let by_id = Some(Place {
            repository: Repository::Id(7),
            number: 3,
        });
        let of = Place::of;
        assert_eq!(
            of("https://api.github.com/repos/acme/app/issues/3"),
            by_name("acme/app", 3)
        );
        assert_eq!(
            of("https://ghe.example/api/v3/repos/acme/issues/issues/3"),
            by_name("acme/issues", 3)
        );
        assert_eq!(of("/repositories/7/issues/3"), by_id);
        for odd in [
            "",
            "issues/3",
            "/issues/3",
            "//issues/3",
            "https://api.github.com/repos/acme/app/pulls/3",
            "https://api.github.com/repos/acme/app/issues/x",
            "https://api.github.com/repos/acme/app/issues/99999999999999999999999",
            "/repositories/x/issues/3",
        ] {
            assert_eq!(of(odd), None, "{odd}");
        }
        assert_eq!(Place::read("7#3"), by_id);
        assert_eq!(Place::read("acme/app#3"), by_name("acme/app", 3));
        assert_eq!(Place::read("acme/app"), None);
        assert!(GithubIssues::is_parent(&Value::text("7#3")));
        assert!(GithubIssues::is_parent(&Value::Null));
        assert!(!GithubIssues::is_parent(&Value::text("acme/app#3")));
    }
}
