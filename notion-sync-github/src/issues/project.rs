//! Fields of the issue's item in a project, as fields of the issue.
//!
//! An edit of them does not move the issue's own time of change: it is found by a walk over the
//! project's items, and the revision of an issue carries a hash of what its item says.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use notion_sync_core::hash::ContentHash;
use notion_sync_core::id::RemoteRef;
use notion_sync_core::remote::FieldSchema;
use notion_sync_core::snapshot::{Field, Presence, Snapshot};
use notion_sync_core::value::Value;
use notion_sync_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use tokio::sync::OnceCell;

use super::GithubIssues;
use super::roster::Roster;
use crate::client::GithubClient;
use crate::failure::passes;
use crate::project::{
    MAX_FIELDS, ProjectField, found, is, items_of_project, lacks_ids, missing_project,
    name_variables, owner_and_number, text, value_of,
};
use crate::reference;
use crate::repository::RepositoryInfo;

/// All ways to read have one name: why a field is not known must not depend on the way.
const DURING: &str = "read the fields of a project";
/// What the attributes of issues that are fields of a project begin with.
const PREFIX: &str = "project:";
/// Pages of 100 items after which a walk is given up: twice what a project can hold.
const MAX_ROUNDS: u32 = 1_000;

/// The attribute of issues for a field of the project.
#[must_use]
pub fn project_attribute(field: &str) -> String {
    format!("{PREFIX}{field}")
}

/// The field of the project that an attribute stands for.
pub(super) fn field_of(attribute: &str) -> Option<&str> {
    attribute.strip_prefix(PREFIX)
}

/// Which fields of which project belong to issues.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectSettings {
    /// `owner/number`.
    pub project: String,
    /// Names of fields. Each is the attribute [`project_attribute`] of an issue. At most 29.
    pub fields: BTreeSet<String>,
    /// Whether an issue without an item gets one as soon as a field is to be written.
    pub add: bool,
    /// A text field that gets the id of the page whenever a field of the item is written.
    pub page_id: Option<String>,
}

/// The project of a mapping.
#[derive(Debug)]
pub(super) struct Project {
    pub(super) settings: ProjectSettings,
    /// Its global id, which survives a rename of its owner.
    id: OnceCell<String>,
}

impl Project {
    pub(super) fn new(settings: ProjectSettings) -> Result<Self> {
        let wrong =
            |text: String| Err(Error::new(ErrorKind::Configuration, "use a project").message(text));
        if let Err(why) = owner_and_number(&settings.project) {
            return wrong(why);
        }
        if settings.fields.is_empty() {
            return wrong("no field is named".to_owned());
        }
        if settings.fields.len() >= MAX_FIELDS {
            return wrong(format!("at most {} fields of a project", MAX_FIELDS - 1));
        }
        Ok(Self {
            settings,
            id: OnceCell::new(),
        })
    }

    /// Names of everything that is asked for, the field with the page last.
    pub(super) fn names(&self) -> Vec<&str> {
        let fields = self.settings.fields.iter().map(String::as_str);
        fields.chain(self.settings.page_id.as_deref()).collect()
    }

    async fn id(&self, client: &GithubClient) -> Result<&str> {
        let name = &self.settings.project;
        let found = self.id.get_or_try_init(|| async {
            match client.find_project(DURING, name).await? {
                Ok(project) => Ok(project.id),
                Err(why) => Err(Error::new(ErrorKind::NotFound, DURING).message(why)),
            }
        });
        found.await.map(String::as_str)
    }

    /// What an item says; `missing` names fields that the project does not have, by their place
    /// among the names.
    fn shown(&self, closed: bool, missing: &dyn Fn(usize) -> bool, item: Option<&Json>) -> Shown {
        let name = &self.settings.project;
        let closed = closed.then(|| format!("the project {name} is closed; reopen it"));
        let unread = |field: &str| {
            Field::Unread(format!(
                "the project {name} has no field {field:?}; add it there or correct the configuration"
            ))
        };
        let Some(item) = item else {
            let why = closed.or_else(|| {
                (!self.settings.add)
                    .then(|| format!("the issue is not in the project {name}; add it there"))
            });
            let fields = self.settings.fields.iter().enumerate().map(|(n, field)| {
                let shown = match missing(n) {
                    true => unread(field),
                    false => Field::Vacant(why.clone()),
                };
                (project_attribute(field), shown)
            });
            return Shown {
                fields: fields.collect(),
                ..Shown::default()
            };
        };
        let archived = is(item, "/isArchived");
        let fixed = closed.or_else(|| {
            archived.then(|| format!("the issue is archived in the project {name}; restore it"))
        });
        let value = |n: usize| value_of(item.get(format!("f{n}")).unwrap_or(&Json::Null));
        let fields = self.settings.fields.iter().enumerate().map(|(n, field)| {
            let shown = match (missing(n), value(n), &fixed) {
                (true, ..) => unread(field),
                (_, None, _) => Field::Unread(format!(
                    "the field {field:?} of the project {name} is kept by GitHub itself"
                )),
                (_, Some(value), None) => Field::Value(value),
                (_, Some(value), Some(why)) => Field::Fixed(value, why.clone()),
            };
            (project_attribute(field), shown)
        });
        Shown {
            fields: fields.collect(),
            item: text(item, "/id").map(str::to_owned),
            archived,
            updated: time(item, "/updatedAt"),
            page: value(self.settings.fields.len()).unwrap_or_default(),
        }
    }

    /// Nothing is known of any field.
    fn unknown(&self, why: &str) -> Shown {
        let fields = self.settings.fields.iter();
        Shown {
            fields: fields
                .map(|field| (project_attribute(field), Field::Unread(why.to_owned())))
                .collect(),
            ..Shown::default()
        }
    }
}

/// What an issue's item says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Shown {
    /// By attribute.
    pub(super) fields: BTreeMap<String, Field>,
    /// The item, where there is one.
    pub(super) item: Option<String>,
    pub(super) archived: bool,
    /// When the item was changed.
    pub(super) updated: Option<DateTime<Utc>>,
    /// What stands in the field with the page.
    pub(super) page: Value,
}

impl Shown {
    /// Adds the fields to what the issue itself says. They belong to its revision: two reads of an
    /// issue are the same only if its item says the same.
    pub(super) fn add_to(&self, snapshot: &mut Snapshot) {
        let hash = ContentHash::of("nsync/project/v1", &self.fields);
        let token = &mut snapshot.revision.token;
        token.push('#');
        token.push_str(&hash.short(16));
        snapshot.fields.extend(self.fields.clone());
    }
}

/// The issue's own part of a revision.
pub(super) fn own_token(token: &str) -> &str {
    token.split_once('#').map_or(token, |(own, _)| own)
}

/// Where a walk ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProjectMark {
    /// Which project, and the fields as they were: options that are renamed change what every item
    /// says, and the time of none.
    known: String,
    /// Up to where every change was seen: `updatedAt` of the latest item, or how far the service's own
    /// clock had come. Never our clock.
    updated: Option<DateTime<Utc>>,
    /// The issues that had an item.
    #[serde(default, skip_serializing_if = "Roster::is_empty")]
    issues: Roster,
}

/// One item of a walk.
#[derive(Debug)]
struct Walked {
    shown: Shown,
    /// When its issue was changed.
    issue: Option<DateTime<Utc>>,
}

/// What a walk found: items by repository and number.
#[derive(Debug, Default)]
pub(super) struct Walk {
    items: BTreeMap<(u64, u64), Walked>,
    /// Instead of items: why they are not known.
    unknown: Option<Shown>,
    nobody: Shown,
    mark: ProjectMark,
}

impl Walk {
    /// What the item of an issue says.
    pub(super) fn of(&self, repository: u64, number: u64) -> &Shown {
        let item = self
            .items
            .get(&(repository, number))
            .map(|walked| &walked.shown);
        item.or(self.unknown.as_ref()).unwrap_or(&self.nobody)
    }

    /// Adds the fields to a listing of issues, and to the listing the issues of items that changed or
    /// are not there any more. Those are named only; whoever needs more reads them.
    pub(super) fn complete(
        self,
        issues: &GithubIssues,
        repositories: &[&RepositoryInfo],
        old: Option<&ProjectMark>,
        full: bool,
        items: &mut Vec<Snapshot>,
    ) -> Option<ProjectMark> {
        let mut listed: BTreeSet<RemoteRef> = BTreeSet::new();
        for snapshot in items.iter_mut() {
            if let Ok((repository, number)) = reference::parse_numbered(&snapshot.object) {
                self.of(repository, number).add_to(snapshot);
                listed.insert(snapshot.object.clone());
            }
        }
        if self.unknown.is_some() {
            return old.cloned();
        }
        let overlap = issues.overlap();
        let since = old
            .filter(|old| old.known == self.mark.known)
            .and_then(|old| Some(old.updated? - overlap));
        for ((repository, number), Walked { shown, issue }) in &self.items {
            let moved = since.is_none_or(|since| shown.updated.is_none_or(|at| at >= since));
            let info = repositories.iter().find(|info| info.id == *repository);
            let object = reference::issue(*repository, *number);
            let Some(info) = info.filter(|_| moved && !full && !listed.contains(&object)) else {
                continue;
            };
            let mut snapshot = issues.absent(&object, Presence::Present, *issue);
            snapshot.place = Some(info.full_name.clone());
            shown.add_to(&mut snapshot);
            items.push(snapshot);
        }
        let mut having: BTreeSet<(u64, u64)> = (self.items.keys())
            .filter(|(repository, _)| repositories.iter().any(|info| info.id == *repository))
            .copied()
            .collect();
        let before = old.map(|old| &old.issues);
        for repository in before.into_iter().flat_map(Roster::repositories) {
            let numbers = before.map(|before| before.of_repository(repository));
            let info = repositories.iter().find(|info| info.id == repository);
            for number in numbers.into_iter().flatten() {
                let Some(info) = info else {
                    // It cannot be seen now, and so cannot be missed.
                    having.insert((repository, number));
                    continue;
                };
                let object = reference::issue(repository, number);
                if full || having.contains(&(repository, number)) || listed.contains(&object) {
                    continue;
                }
                // That it was not shown decides nothing: no revision is like this one, so the issue is
                // read, and says itself whether it has an item.
                let mut snapshot = issues.absent(&object, Presence::Present, None);
                snapshot.place = Some(info.full_name.clone());
                items.push(snapshot);
            }
        }
        let updated = old.and_then(|old| old.updated).max(self.mark.updated);
        Some(ProjectMark {
            updated,
            issues: Roster::of(&having),
            ..self.mark
        })
    }
}

impl GithubIssues {
    /// Takes fields of a project for fields of the issues.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] for a project that is not written `owner/number`, or for no or too many
    /// fields.
    pub fn with_project(mut self, settings: ProjectSettings) -> Result<Self> {
        self.project = Some(Project::new(settings)?);
        Ok(self)
    }

    /// What an issue's item says. What another try does not change is what the fields say then.
    pub(super) async fn shown_item(&self, node: Option<&str>) -> Result<Option<Shown>> {
        let Some(project) = &self.project else {
            return Ok(None);
        };
        match self.item(project, node).await {
            Ok(shown) => Ok(Some(shown)),
            Err(error) if passes(&error) => Err(error),
            Err(error) => Ok(Some(project.unknown(&why(&error)))),
        }
    }

    async fn item(&self, project: &Project, node: Option<&str>) -> Result<Shown> {
        let node = node.ok_or_else(|| lacks_ids(DURING))?;
        let id = project.id(&self.client).await?;
        let names = project.names();
        let found = self.client.item_of_issue(DURING, node, id, &names).await?;
        let (item, within) = found;
        if !within.is_object() {
            let name = &project.settings.project;
            return Err(Error::new(ErrorKind::NotFound, DURING).message(missing_project(name)));
        }
        let closed = is(&within, "/closed");
        let missing = |n: usize| within.get(format!("h{n}")).is_none_or(Json::is_null);
        Ok(project.shown(closed, &missing, item.as_ref()))
    }

    /// Walks over all items of the project: one request for each 100.
    pub(super) async fn walk_project(&self) -> Result<Option<Walk>> {
        let Some(project) = &self.project else {
            return Ok(None);
        };
        match self.walk(project).await {
            Ok(walk) => Ok(Some(walk)),
            Err(error) if passes(&error) => Err(error),
            Err(error) => {
                tracing::warn!(project = project.settings.project, %error, "left out");
                Ok(Some(Walk {
                    unknown: Some(project.unknown(&why(&error))),
                    ..Walk::default()
                }))
            }
        }
    }

    async fn walk(&self, project: &Project) -> Result<Walk> {
        let name = project.settings.project.as_str();
        let (owner, number) = owner_and_number(name)
            .map_err(|why| Error::new(ErrorKind::Configuration, DURING).message(why))?;
        let names = project.names();
        let document = items_of_project(names.len());
        let mut walk = Walk::default();
        let mut after: Option<String> = None;
        for _ in 0..MAX_ROUNDS {
            let mut variables = name_variables(names.iter().copied());
            variables.insert("owner".to_owned(), json!(owner));
            variables.insert("number".to_owned(), json!(number));
            variables.insert("after".to_owned(), json!(after));
            let answer = self.client.ask_at(DURING, &document, variables.into());
            let (mut data, errors, answered) = answer.await?;
            let page = found(name, &mut data, errors)?
                .map_err(|why| Error::new(ErrorKind::NotFound, DURING).message(why))?;
            let id = text(&page, "/id").ok_or_else(|| lacks_ids(DURING))?;
            // The first that is seen stays: whoever gets the name afterwards has another project.
            let known = project.id.get_or_init(|| async { id.to_owned() }).await;
            if known != id {
                return Err(Error::new(ErrorKind::Configuration, DURING)
                    .message(format!("{name} is another project now"))
                    .remedy("configure the new name of the old project"));
            }
            let heads: Vec<Option<ProjectField>> = (0..names.len())
                .map(|n| page.get(format!("h{n}")).and_then(ProjectField::read))
                .collect();
            let closed = is(&page, "/closed");
            let missing = |n: usize| heads.get(n).is_none_or(Option::is_none);
            if after.is_none() {
                let heads: Vec<_> = heads.iter().flatten().map(head).collect();
                let known = ContentHash::of("nsync/project-fields/v1", &(name, closed, heads));
                walk.mark.known = known.short(16);
                // Whatever changed before `visibility` ago has been shown. A project in which nothing
                // happens would otherwise have its last changes looked up in every cycle.
                let visibility = self.visibility();
                walk.mark.updated = answered.map(|answered| answered - visibility);
                walk.nobody = project.shown(closed, &missing, None);
            }
            let items = page.pointer("/items/nodes").and_then(Json::as_array);
            for item in items.into_iter().flatten() {
                let shown = project.shown(closed, &missing, Some(item));
                walk.mark.updated = walk.mark.updated.max(shown.updated);
                let number = |pointer: &str| item.pointer(pointer).and_then(Json::as_u64);
                // Notes, pull requests, and what the credential must not see, are nobody's.
                if text(item, "/content/__typename") == Some("Issue")
                    && let Some(repository) = number("/content/repository/databaseId")
                    && let Some(issue) = number("/content/number")
                {
                    let issue_at = time(item, "/content/updatedAt");
                    walk.items.insert(
                        (repository, issue),
                        Walked {
                            shown,
                            issue: issue_at,
                        },
                    );
                }
            }
            let next = text(&page, "/items/pageInfo/endCursor").map(str::to_owned);
            if !is(&page, "/items/pageInfo/hasNextPage") {
                return Ok(walk);
            }
            if next.is_none() || next == after {
                break;
            }
            after = next;
        }
        Err(Error::new(ErrorKind::Unavailable, DURING)
            .with("project", name)
            .message("the listing does not end"))
    }

    /// The fields of the project for the schema. Those that are not there can be written by nobody,
    /// and have no options.
    pub(super) async fn project_schema(&self) -> Result<Vec<(String, FieldSchema)>> {
        let Some(project) = &self.project else {
            return Ok(Vec::new());
        };
        let name = &project.settings.project;
        let info = match self.client.find_project(DURING, name).await {
            Ok(found) => found.ok(),
            Err(error) if passes(&error) => return Err(error),
            Err(error) => {
                tracing::warn!(project = name, %error, "left out");
                None
            }
        };
        let fields = project.settings.fields.iter().map(|field| {
            let known = info.as_ref().and_then(|info| info.field(field));
            let kind = known.map_or("missing", |known| known.kind.as_str());
            let options = known.into_iter().flat_map(ProjectField::options);
            let schema = FieldSchema {
                name: format!("the field {field:?} of the project {name}"),
                kind: format!("project_{}", kind.to_lowercase()),
                options: options.map(|option| (option.to_owned(), None)).collect(),
                closed: matches!(kind, "SINGLE_SELECT" | "ITERATION"),
                later: true,
                inward: false,
            };
            (project_attribute(field), schema)
        });
        Ok(fields.collect())
    }
}

/// What a change of it may change on every item.
fn head(field: &ProjectField) -> (&str, &str, Vec<&str>) {
    (&field.name, &field.kind, field.options().collect())
}

/// The reason of an error, the same whichever way the fields are read.
fn why(error: &Error) -> String {
    error.to_string()
}

fn time(value: &Json, pointer: &str) -> Option<DateTime<Utc>> {
    text(value, pointer)?.parse().ok()
}
