//! Which mapping a delivery concerns.

use std::collections::BTreeSet;

use notion_sync_core::id::MappingId;
use notion_sync_github::webhook::{Delivery, EventKind};
use notion_sync_notion::identifier::canonical_or_same;
use notion_sync_notion::webhook::{Event, EventKind as NotionKind};

use crate::config::Config;

/// Whom something concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concern {
    /// Nothing that is configured.
    Nobody,
    /// One mapping.
    One(MappingId),
    /// Several mappings, or it cannot be told: each of them looks.
    All,
}

/// What is configured, as far as deliveries are sorted by it.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    places: Vec<Place>,
}

#[derive(Debug, Clone)]
struct Place {
    mapping: MappingId,
    data_source: String,
    /// Full names in lower case: GitHub does not tell them apart.
    repositories: BTreeSet<String>,
    /// The branch of a documents mapping; `None` for tasks.
    branch: Option<String>,
    /// Whether comments follow.
    comments: bool,
    /// Whether pull requests matter: proposals of documents, steps of rules.
    pulls: bool,
    /// Whether fields of a project are mapped.
    project: bool,
}

impl Scope {
    /// What a configuration maps.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let documents = config.documents.iter().map(|section| Place {
            mapping: MappingId::new(section.name.as_str()),
            data_source: canonical_or_same(&section.data_source),
            repositories: BTreeSet::from([section.repository.to_lowercase()]),
            branch: Some(section.branch.clone()),
            comments: false,
            pulls: true,
            project: false,
        });
        let tasks = config.tasks.iter().map(|section| Place {
            mapping: MappingId::new(section.name.as_str()),
            data_source: canonical_or_same(&section.data_source),
            repositories: section
                .repository
                .names()
                .into_iter()
                .map(str::to_lowercase)
                .collect(),
            branch: None,
            comments: section.comments.is_some(),
            pulls: section.common_rules
                || section.drift_status
                || section.automation_comment
                || !section.rules.is_empty(),
            project: section.project.is_some(),
        });
        Self {
            places: documents.chain(tasks).collect(),
        }
    }

    /// Every mapping.
    pub fn mappings(&self) -> impl Iterator<Item = &MappingId> {
        self.places.iter().map(|place| &place.mapping)
    }

    /// Whether there is such a mapping.
    #[must_use]
    pub fn has(&self, mapping: &MappingId) -> bool {
        self.mappings().any(|known| known == mapping)
    }

    /// Whom an event of Notion concerns.
    #[must_use]
    pub fn notion(&self, event: &Event) -> Concern {
        if event.kind.is_comment() {
            // It names its page and no data source.
            return self.which(|place| place.comments);
        }
        let Some(source) = event.data_source() else {
            // A page that was moved or deleted may have been ours before.
            return Concern::All;
        };
        let ours = self.which(|place| place.data_source == source);
        let stays = matches!(
            event.kind,
            NotionKind::PageContentUpdated
                | NotionKind::PagePropertiesUpdated
                | NotionKind::PageLocked
                | NotionKind::PageUnlocked
                | NotionKind::DataSourceContentUpdated
                | NotionKind::DataSourceSchemaUpdated
        );
        match ours {
            Concern::Nobody if !stays => Concern::All,
            // Moved between two of ours: the one it left has to notice too.
            Concern::One(_) if event.kind == NotionKind::PageMoved => Concern::All,
            other => other,
        }
    }

    /// Whom a delivery of GitHub concerns.
    #[must_use]
    pub fn github(&self, delivery: &Delivery) -> Concern {
        let payload = &delivery.payload;
        let name = (payload.repository.as_ref()).map(|one| one.full_name.to_lowercase());
        let ours = |place: &Place| {
            name.as_ref()
                .is_some_and(|name| place.repositories.contains(name))
        };
        match &delivery.kind {
            EventKind::Issues
            | EventKind::SubIssues
            | EventKind::IssueDependencies
            | EventKind::Label
            | EventKind::Milestone => self.which(|place| place.branch.is_none() && ours(place)),
            EventKind::IssueComment => self.which(|place| place.comments && ours(place)),
            EventKind::PullRequest
            | EventKind::PullRequestReview
            | EventKind::PullRequestReviewComment
            | EventKind::PullRequestReviewThread => self.which(|place| place.pulls && ours(place)),
            // Only steps of rules wait for them.
            EventKind::CheckRun
            | EventKind::CheckSuite
            | EventKind::MergeGroup
            | EventKind::Status => {
                self.which(|place| place.branch.is_none() && place.pulls && ours(place))
            }
            EventKind::Push | EventKind::Create | EventKind::Delete => {
                let name: String = payload.member("ref").unwrap_or_default();
                let branch = name.strip_prefix("refs/heads/").unwrap_or(&name);
                self.which(|place| place.branch.as_deref() == Some(branch) && ours(place))
            }
            // Its name may be new.
            EventKind::Repository
            | EventKind::Installation
            | EventKind::InstallationRepositories => Concern::All,
            // It names no repository, and its issue by an id that tells no number.
            EventKind::ProjectsV2Item => self.which(|place| place.project),
            _ => Concern::Nobody,
        }
    }

    fn which(&self, concerned: impl Fn(&Place) -> bool) -> Concern {
        let mut places = self.places.iter().filter(|place| concerned(place));
        match (places.next(), places.next()) {
            (None, _) => Concern::Nobody,
            (Some(one), None) => Concern::One(one.mapping.clone()),
            _ => Concern::All,
        }
    }
}
