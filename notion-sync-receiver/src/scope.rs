//! Which mapping a delivery concerns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use notion_sync_core::id::MappingId;
use notion_sync_github::webhook::{Delivery, EventKind};
use notion_sync_notion::identifier::canonical_or_same;
use notion_sync_notion::webhook::{Event, EventKind as NotionKind};

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

/// Where the objects of the mappings are, as far as deliveries are sorted by it. A delivery that concerns
/// no place is answered and ignored. Clones know the same ids of repositories.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    places: Vec<Place>,
    /// By the name that a place gives them, in lower case.
    ids: Arc<RwLock<BTreeMap<String, u64>>>,
}

/// Where the objects of one mapping are, and which deliveries it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The mapping, by the name that its engine knows.
    pub mapping: MappingId,
    /// Id of the data source in Notion, with or without hyphens.
    pub data_source: String,
    /// Full names of the repositories, as `owner/name` in any case. One that was renamed is known by its id
    /// as soon as that was [resolved](Scope::resolve).
    pub repositories: BTreeSet<String>,
    /// The branch of a mapping of documents, without `refs/heads/`; `None` for tasks.
    pub branch: Option<String>,
    /// Whether comments follow.
    pub comments: bool,
    /// Whether pull requests matter: as proposals of documents, or to the rules of tasks, to which checks
    /// and statuses matter then, too.
    pub pulls: bool,
    /// Whether fields of a project are mapped.
    pub project: bool,
}

impl Place {
    /// A mapping of documents: files on a branch, and the pull requests that propose them.
    pub fn documents(
        mapping: impl Into<MappingId>,
        data_source: impl Into<String>,
        repository: impl Into<String>,
        branch: impl Into<String>,
    ) -> Self {
        Self {
            mapping: mapping.into(),
            data_source: data_source.into(),
            repositories: BTreeSet::from([repository.into()]),
            branch: Some(branch.into()),
            comments: false,
            pulls: true,
            project: false,
        }
    }

    /// A mapping of tasks: issues of one or several repositories, without comments, rules and a project.
    pub fn tasks(
        mapping: impl Into<MappingId>,
        data_source: impl Into<String>,
        repositories: impl IntoIterator<Item: Into<String>>,
    ) -> Self {
        Self {
            mapping: mapping.into(),
            data_source: data_source.into(),
            repositories: repositories.into_iter().map(Into::into).collect(),
            branch: None,
            comments: false,
            pulls: false,
            project: false,
        }
    }
}

impl Scope {
    /// Sorts by these places, in whose order `/metrics` names the mappings.
    pub fn new(places: impl IntoIterator<Item = Place>) -> Self {
        let places = places.into_iter().map(|place| Place {
            data_source: canonical_or_same(&place.data_source),
            // GitHub does not tell the cases apart.
            repositories: (place.repositories.iter())
                .map(|name| name.to_lowercase())
                .collect(),
            ..place
        });
        Self {
            places: places.collect(),
            ids: Arc::default(),
        }
    }

    /// Says which repository a name stands for. A repository that is renamed keeps its id, and its deliveries
    /// carry the new name only: without the id they are those of a stranger.
    pub fn resolve(&self, repository: &str, id: u64) {
        let mut ids = self.ids.write().unwrap_or_else(PoisonError::into_inner);
        ids.insert(repository.to_lowercase(), id);
    }

    /// Names of repositories whose ids are not known.
    #[must_use]
    pub fn unresolved(&self) -> BTreeSet<String> {
        let ids = self.ids.read().unwrap_or_else(PoisonError::into_inner);
        let names = self.places.iter().flat_map(|place| &place.repositories);
        names
            .filter(|name| !ids.contains_key(*name))
            .cloned()
            .collect()
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
        let ids = self.ids.read().unwrap_or_else(PoisonError::into_inner);
        let named = payload.repository.as_ref().map(|one| {
            let renamed = ids.iter().filter(|(_, id)| **id == one.id);
            let mut names: BTreeSet<String> = renamed.map(|(name, _)| name.clone()).collect();
            names.insert(one.full_name.to_lowercase());
            names
        });
        let ours = |place: &Place| {
            named
                .as_ref()
                .is_some_and(|names| !place.repositories.is_disjoint(names))
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
