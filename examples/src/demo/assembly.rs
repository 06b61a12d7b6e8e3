//! The settings of a stage: what a user would write into `notion-sync.toml`.

use std::collections::BTreeMap;

use notion_sync_core::mapping::FileMarker;
use notion_sync_testkit::notion::NotionEmulator;
use secrecy::SecretString;

use super::terms::{self, Terms};
use crate::config::{
    Config, DocumentsSection, FrontMatterField, GithubSection, LabelsChoice, NotionSection,
    PropertyKind, RepositoryChoice, StatusSection, StoreSection, TasksSection,
};
use crate::emulation::{BACKLOG, HANDBOOK};
use crate::secrets::{GithubSecret, Secrets};

/// Where the services seem to be. Nothing listens there: requests are handed over in this process.
const NOWHERE: &str = "http://127.0.0.1:9";

/// The settings for these terms.
pub(crate) fn config(terms: &Terms, ids: &NotionEmulator) -> Config {
    let options = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let key = |key: &str, kind: PropertyKind| FrontMatterField::Detailed {
        key: key.to_owned(),
        kind: Some(kind),
        direction: Default::default(),
    };
    let documents = terms.documents.map(|policy| DocumentsSection {
        name: terms::DOCUMENTS.to_owned(),
        data_source: ids.id("handbook-pages").to_string(),
        repository: HANDBOOK.to_owned(),
        path: terms.path.clone(),
        path_policy: terms.path_policy,
        deliver: terms.deliver,
        delete: terms.delete,
        policy,
        file_marker: terms.file_marker,
        reviewers: vec!["acme/docs-team".to_owned()],
        front_matter: if terms.file_marker == FileMarker::None {
            BTreeMap::new()
        } else {
            BTreeMap::from([
                ("Owner".to_owned(), key("owner", PropertyKind::Text)),
                ("Tags".to_owned(), key("tags", PropertyKind::Set)),
                ("Reviewed".to_owned(), key("reviewed", PropertyKind::Date)),
                ("Draft".to_owned(), key("draft", PropertyKind::Checkbox)),
            ])
        },
        ..DocumentsSection::default()
    });
    let tasks = terms.tasks.map(|policy| TasksSection {
        name: terms::TASKS.to_owned(),
        data_source: ids.id("backlog-tasks").to_string(),
        repository: if terms.repositories.is_empty() {
            RepositoryChoice::Fixed(BACKLOG.to_owned())
        } else {
            RepositoryChoice::Property {
                property: "GitHub Repository".to_owned(),
                of: terms.repositories.clone(),
            }
        },
        policy,
        status: Some(StatusSection {
            property: "Status".to_owned(),
            open: options(&["To do", "Doing"]),
            closed: options(&["Done", "Dropped"]),
            ..StatusSection::default()
        }),
        labels: Some(LabelsChoice::All("Labels".to_owned())),
        assignees: Some("Assignee".to_owned()),
        rules: terms.rules.clone(),
        drift_status: terms.drift_status,
        mark_issues: terms.mark_issues,
        automation_comment: terms.automation_comment,
        change_comments: terms.change_comments,
        comments: terms.comments.clone(),
        parent: terms.parent.clone(),
        issue_type: terms.issue_type.clone(),
        project: terms.project.clone(),
        ..TasksSection::default()
    });
    Config {
        notion: NotionSection {
            base_url: NOWHERE.to_owned(),
            create_options: terms.create_options,
            ..NotionSection::default()
        },
        github: GithubSection {
            api_url: NOWHERE.to_owned(),
            write_spacing_ms: 0,
            notify_spacing_ms: 0,
            ..GithubSection::default()
        },
        store: StoreSection {
            shared: terms.shared,
            ..StoreSection::default()
        },
        bounds: terms.bounds.clone(),
        guard: terms.guard.clone(),
        documents: documents.into_iter().collect(),
        tasks: tasks.into_iter().collect(),
        people: ["ada", "bob"]
            .into_iter()
            .map(|login| (login.to_owned(), ids.id(login).to_string()))
            .collect(),
        ..Config::default()
    }
}

/// The tokens of the bots.
pub(crate) fn secrets(terms: &Terms) -> Secrets {
    Secrets {
        notion_token: Some(SecretString::from(terms.notion_token.clone())),
        github: Some(GithubSecret::Token(SecretString::from(
            terms.github_token.clone(),
        ))),
        ..Secrets::default()
    }
}
