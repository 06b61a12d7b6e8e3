//! What the emulator alone offers below `/_emulator/`: the gestures people have no API for.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::emulator::Request;

use super::checks::{CheckStatus, Conclusion, StatusState};
use super::people_checks::CheckForm;
use super::people_projects::ProjectPlace;
use super::queue::QueueOutcome;
use super::refusal::Refusal;
use super::service::GithubEmulator;
use super::world::GithubSettings;

/// A gesture, as `POST /_emulator/github/gesture` takes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "gesture", deny_unknown_fields)]
enum Gesture {
    DeleteIssue {
        repository: String,
        number: u64,
    },
    TransferIssue {
        repository: String,
        number: u64,
        target: String,
        login: String,
    },
    RenameRepository {
        repository: String,
        name: String,
    },
    ResetBranch {
        repository: String,
        branch: String,
        target: String,
        login: String,
    },
    Commit {
        repository: String,
        branch: String,
        login: String,
        message: String,
        files: std::collections::BTreeMap<String, Option<String>>,
    },
    RaceMerges {
        times: u32,
    },
    CheckRun {
        repository: String,
        /// Branch, tag or full id of the commit.
        at: String,
        name: String,
        #[serde(default)]
        status: CheckStatus,
        #[serde(default)]
        conclusion: Option<Conclusion>,
        #[serde(default)]
        app: Option<String>,
    },
    CommitStatus {
        repository: String,
        /// Branch, tag or full id of the commit.
        at: String,
        context: String,
        state: StatusState,
        login: String,
    },
    MergeQueue {
        repository: String,
        branch: String,
        outcome: QueueOutcome,
    },
    AddToProject {
        owner: String,
        project: u64,
        repository: String,
        number: u64,
        login: String,
    },
    SetProjectField {
        owner: String,
        project: u64,
        repository: String,
        number: u64,
        field: String,
        /// Options and iterations by name; empty clears the field.
        value: String,
        login: String,
    },
    ArchiveInProject {
        owner: String,
        project: u64,
        repository: String,
        number: u64,
        archived: bool,
        login: String,
    },
    AddSubIssue {
        repository: String,
        parent: u64,
        child: u64,
        login: String,
    },
}

/// Followed by `owner/name`.
const DISPATCHES: &str = "/_emulator/github/dispatches/";

type ControlAnswer = Result<(u16, Value), Refusal>;

/// Follows a control route. `None` when there is none of that path.
pub(crate) fn route(
    emulator: &mut GithubEmulator,
    request: &Request,
    now: DateTime<Utc>,
) -> Option<ControlAnswer> {
    match (request.method().as_str(), request.uri().path()) {
        ("GET", "/_emulator/github/world") => Some(
            serde_json::to_value(emulator.world())
                .map(|world| (200, world))
                .map_err(unreadable),
        ),
        ("GET", "/_emulator/github/settings") => Some(
            serde_json::to_value(&emulator.state.settings)
                .map(|settings| (200, settings))
                .map_err(unreadable),
        ),
        ("PUT", "/_emulator/github/settings") => Some(
            serde_json::from_slice::<GithubSettings>(request.body())
                .map_err(unreadable)
                .map(|settings| {
                    emulator.state.settings = settings;
                    (200, json!({}))
                }),
        ),
        ("GET", path) if path.starts_with(DISPATCHES) => {
            let repository = path.strip_prefix(DISPATCHES).unwrap_or_default();
            Some(emulator.dispatches(repository).and_then(|found| {
                serde_json::to_value(found)
                    .map(|found| (200, found))
                    .map_err(unreadable)
            }))
        }
        ("POST", "/_emulator/github/gesture") => Some(
            serde_json::from_slice(request.body())
                .map_err(unreadable)
                .and_then(|gesture| perform(emulator, gesture, now)),
        ),
        _ => None,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape map_err wants")]
fn unreadable(error: serde_json::Error) -> Refusal {
    Refusal::new(400, error.to_string())
}

fn place(owner: &str, number: u64) -> ProjectPlace<'_> {
    ProjectPlace { owner, number }
}

fn perform(emulator: &mut GithubEmulator, gesture: Gesture, now: DateTime<Utc>) -> ControlAnswer {
    let body = match gesture {
        Gesture::DeleteIssue { repository, number } => {
            emulator.delete_issue(&repository, number)?;
            json!({})
        }
        Gesture::TransferIssue {
            repository,
            number,
            target,
            login,
        } => {
            json!({"number": emulator.transfer_issue(&repository, number, &target, &login, now)?})
        }
        Gesture::RenameRepository { repository, name } => {
            emulator.rename_repository(&repository, &name, now)?;
            json!({})
        }
        Gesture::ResetBranch {
            repository,
            branch,
            target,
            login,
        } => {
            emulator.reset_branch(&repository, &branch, &target, &login, now)?;
            json!({})
        }
        Gesture::Commit {
            repository,
            branch,
            login,
            message,
            files,
        } => {
            let edits: Vec<(&str, Option<&str>)> = files
                .iter()
                .map(|(path, text)| (path.as_str(), text.as_deref()))
                .collect();
            json!({"sha": emulator.commit(&repository, &branch, &login, &message, &edits, now)?.to_string()})
        }
        Gesture::RaceMerges { times } => {
            emulator.race_next_merges(times);
            json!({})
        }
        Gesture::CheckRun {
            repository,
            at,
            name,
            status,
            conclusion,
            app,
        } => {
            let form = CheckForm {
                at,
                name,
                status,
                conclusion,
                app,
            };
            json!({"id": emulator.report_check(&repository, &form, now)?})
        }
        Gesture::CommitStatus {
            repository,
            at,
            context,
            state,
            login,
        } => {
            json!({"id": emulator.report_status(&repository, &at, &context, state, &login, now)?})
        }
        Gesture::MergeQueue {
            repository,
            branch,
            outcome,
        } => {
            emulator.settle_queue(&repository, &branch, outcome, now)?;
            json!({})
        }
        Gesture::AddToProject {
            owner,
            project,
            repository,
            number,
            login,
        } => {
            let place = place(&owner, project);
            json!({"id": emulator.add_to_project(place, &repository, number, &login, now)?})
        }
        Gesture::SetProjectField {
            owner,
            project,
            repository,
            number,
            field,
            value,
            login,
        } => {
            let (place, issue) = (place(&owner, project), (repository.as_str(), number));
            emulator.set_project_field(place, issue, (&field, &value), &login, now)?;
            json!({})
        }
        Gesture::ArchiveInProject {
            owner,
            project,
            repository,
            number,
            archived,
            login,
        } => {
            let (place, issue) = (place(&owner, project), (repository.as_str(), number));
            emulator.archive_in_project(place, issue, archived, &login, now)?;
            json!({})
        }
        Gesture::AddSubIssue {
            repository,
            parent,
            child,
            login,
        } => {
            emulator.add_sub_issue(&repository, parent, child, &login, now)?;
            json!({})
        }
    };
    Ok((200, body))
}
