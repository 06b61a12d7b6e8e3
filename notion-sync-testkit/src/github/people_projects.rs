//! What people do with projects and with sub-issues on the website.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::account::Actor;
use super::projects::{FieldKind, FieldValue, ItemContent};
use super::refusal::Refusal;
use super::service::GithubEmulator;

/// Where a project is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProjectPlace<'a> {
    /// Login of its owner.
    pub owner: &'a str,
    /// Its number there.
    pub number: u64,
}

/// An item of a project as a person sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct ProjectItemView {
    /// Its database id.
    pub id: u64,
    /// Repository and number of its issue or pull request; a draft has none.
    pub issue: Option<(String, u64)>,
    /// Whether it is archived.
    pub archived: bool,
    /// What stands in the fields that people fill in, by name of the field: options and iterations
    /// by name, the rest as it is written.
    pub values: std::collections::BTreeMap<String, String>,
}

impl GithubEmulator {
    fn project_id(&self, project: ProjectPlace<'_>) -> Result<u64, Refusal> {
        self.state
            .project_numbered(project.owner, project.number)
            .map(|found| found.id)
            .ok_or_else(Refusal::not_found)
    }

    /// Id of the project and of its item for an issue or pull request.
    fn place_of(
        &self,
        project: ProjectPlace<'_>,
        repository: &str,
        number: u64,
    ) -> Result<(u64, u64), Refusal> {
        let project = self.project_id(project)?;
        let issue = self.state.issue(self.id(repository)?, number)?.id;
        let item = self.state.project(project)?.item_of(issue);
        item.map(|item| (project, item.id))
            .ok_or_else(Refusal::not_found)
    }

    /// Adds an issue or pull request to a project. Returns the id of the item, also of one that was
    /// there.
    ///
    /// # Errors
    /// When the project or the issue is missing, or the project is closed.
    pub fn add_to_project(
        &mut self,
        project: ProjectPlace<'_>,
        repository: &str,
        number: u64,
        login: &str,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        let (id, now) = (self.project_id(project)?, self.grained(now));
        let issue = self.state.issue(self.id(repository)?, number)?.id;
        let actor = self.hand(login, now);
        self.state.add_project_item(id, issue, &actor, now)
    }

    /// Sets a field of an item, found by name. Options and iterations are given by name, a number
    /// and a day as they are written; an empty value clears the field.
    ///
    /// # Errors
    /// When the item, the field or what is named by the value is missing, or the item is archived.
    pub fn set_project_field(
        &mut self,
        project: ProjectPlace<'_>,
        (repository, number): (&str, u64),
        (field, value): (&str, &str),
        login: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let (id, item) = self.place_of(project, repository, number)?;
        let now = self.grained(now);
        let actor = self.hand(login, now);
        let found = self.state.project(id)?.field_named(field);
        let found = found.ok_or_else(Refusal::not_found)?;
        let value: Option<Value> = match &found.kind {
            _ if value.is_empty() => None,
            FieldKind::SingleSelect(choices) => {
                let choice = choices.iter().find(|choice| choice.name == value);
                Some(choice.ok_or_else(Refusal::not_found)?.id.clone().into())
            }
            FieldKind::Iteration(all) => {
                let one = all.iter().find(|one| one.title == value);
                Some(one.ok_or_else(Refusal::not_found)?.id.clone().into())
            }
            FieldKind::Number => Some(serde_json::from_str(value).unwrap_or_default()),
            _ => Some(value.into()),
        };
        let field = found.id;
        self.state
            .set_project_value(id, item, field, value.as_ref(), &actor, now)
    }

    /// Archives the item of an issue or pull request, or restores it.
    ///
    /// # Errors
    /// When the item is missing.
    pub fn archive_in_project(
        &mut self,
        project: ProjectPlace<'_>,
        (repository, number): (&str, u64),
        archived: bool,
        login: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let (id, item) = self.place_of(project, repository, number)?;
        let now = self.grained(now);
        let actor = self.hand(login, now);
        self.state
            .archive_project_item(id, item, archived, &actor, now)
    }

    /// Takes the item of an issue or pull request out of a project.
    ///
    /// # Errors
    /// When the item is missing.
    pub fn remove_from_project(
        &mut self,
        project: ProjectPlace<'_>,
        (repository, number): (&str, u64),
        login: &str,
    ) -> Result<(), Refusal> {
        let (id, item) = self.place_of(project, repository, number)?;
        let actor = Actor::person(&self.state.spelled(login));
        self.state.delete_project_item(id, item, &actor)
    }

    /// Replaces the options of a field. Even those that keep their name get new ids, and every item
    /// loses its value there.
    ///
    /// # Errors
    /// When the project or the field is missing, or the field has no options.
    pub fn replace_project_options(
        &mut self,
        project: ProjectPlace<'_>,
        field: &str,
        options: &[&str],
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let (id, now) = (self.project_id(project)?, self.grained(now));
        let field = self.state.project(id)?.field_named(field);
        let field = field.ok_or_else(Refusal::not_found)?.id;
        self.state.replace_choices(id, field, options, now)
    }

    /// The items of a project, in the order they were added.
    ///
    /// # Errors
    /// When the project is missing.
    pub fn project_view(&self, project: ProjectPlace<'_>) -> Result<Vec<ProjectItemView>, Refusal> {
        let project = self.state.project(self.project_id(project)?)?;
        let views = project.items.values().map(|item| {
            let place = match item.content {
                ItemContent::Issue(id) => self.state.issue_with_id(id),
                ItemContent::Draft { .. } => None,
            };
            let issue = place.and_then(|(repository, number)| {
                let repo = self.state.repositories.get(&repository)?;
                Some((repo.full_name(), number))
            });
            let values = item.values.iter().filter_map(|(id, value)| {
                let field = project.field(*id)?;
                Some((field.name.clone(), written(value, &field.kind)))
            });
            ProjectItemView {
                id: item.id,
                issue,
                archived: item.archived_at.is_some(),
                values: values.collect(),
            }
        });
        Ok(views.collect())
    }

    /// Puts an issue below another of the same repository; one that has a parent is moved.
    ///
    /// # Errors
    /// When either is missing or the service refuses the link.
    pub fn add_sub_issue(
        &mut self,
        repository: &str,
        parent: u64,
        child: u64,
        login: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let (id, now) = (self.id(repository)?, self.grained(now));
        let actor = self.hand(login, now);
        self.state
            .add_sub_issue((id, parent), (id, child), true, &actor, now)
    }

    /// Takes an issue from below another of the same repository.
    ///
    /// # Errors
    /// When either is missing, or it is not below that one.
    pub fn remove_sub_issue(
        &mut self,
        repository: &str,
        parent: u64,
        child: u64,
        login: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let (id, now) = (self.id(repository)?, self.grained(now));
        let actor = self.hand(login, now);
        self.state
            .remove_sub_issue((id, parent), (id, child), &actor, now)
    }

    /// The name of an issue's type.
    ///
    /// # Errors
    /// When the issue is missing.
    pub fn type_of(&self, repository: &str, number: u64) -> Result<Option<String>, Refusal> {
        let id = self.id(repository)?;
        let kind = self.state.issue(id, number)?.kind;
        let owner = &self.state.repository(id)?.owner;
        let known = self.state.issue_types(owner).iter();
        let mut known = known.filter(|one| Some(one.id) == kind);
        Ok(known.next().map(|one| one.name.clone()))
    }

    /// Gives an issue a type by its name, or takes it away.
    ///
    /// # Errors
    /// When the issue is missing, or its organization has no such type.
    pub fn set_type(
        &mut self,
        repository: &str,
        number: u64,
        login: &str,
        name: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let (id, now) = (self.id(repository)?, self.grained(now));
        let kind = name
            .map(|name| self.state.issue_type(id, name))
            .transpose()?;
        let actor = self.hand(login, now);
        self.state.set_issue_type(id, number, kind, &actor, now)
    }
}

/// A value as people read it.
fn written(value: &FieldValue, kind: &FieldKind) -> String {
    match (value, kind) {
        (FieldValue::Choice(id), FieldKind::SingleSelect(choices)) => choices
            .iter()
            .find(|choice| choice.id == *id)
            .map_or_else(String::new, |choice| choice.name.clone()),
        (FieldValue::Iteration(id), FieldKind::Iteration(all)) => all
            .iter()
            .find(|one| one.id == *id)
            .map_or_else(String::new, |one| one.title.clone()),
        (FieldValue::Text(text) | FieldValue::Choice(text) | FieldValue::Iteration(text), _) => {
            text.clone()
        }
        (FieldValue::Number(number), _) => number.to_string(),
        (FieldValue::Date(date), _) => date.to_string(),
    }
}
