//! Projects: boards of issues and pull requests with fields of their own.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, Utc};
use serde_json::{Value, json};

use super::account::{Actor, key};
use super::refusal::Refusal;
use super::state::State;

/// A project of an organization or a person.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    pub(crate) id: u64,
    pub(crate) number: u64,
    /// Key of the login.
    pub(crate) owner: String,
    pub(crate) title: String,
    pub(crate) public: bool,
    pub(crate) creator: String,
    /// What people besides the owner may do, by key.
    pub(crate) collaborators: BTreeMap<String, super::account::Level>,
    pub(crate) closed_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    /// In the order people see them.
    pub(crate) fields: Vec<ProjectField>,
    /// By id, which is the order they were added in.
    pub(crate) items: BTreeMap<u64, ProjectItem>,
    /// Who took out which item, for the events.
    pub(crate) removed: BTreeMap<u64, String>,
}

#[derive(Debug, Clone)]
pub(crate) struct ProjectField {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) kind: FieldKind,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FieldKind {
    Text,
    Number,
    Date,
    SingleSelect(Vec<Choice>),
    Iteration(Vec<Iteration>),
    /// Kept by the service itself, with the word of the API.
    BuiltIn(&'static str),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    pub(crate) id: String,
    pub(crate) name: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Iteration {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) start: NaiveDate,
    /// Length in days.
    pub(crate) days: u32,
}

impl Iteration {
    /// Whether it ended before a day.
    pub(crate) fn is_over(&self, today: NaiveDate) -> bool {
        self.start
            .checked_add_days(Days::new(u64::from(self.days)))
            .is_some_and(|end| end <= today)
    }
}

/// A value of a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FieldValue {
    Text(String),
    Number(f64),
    Date(NaiveDate),
    /// Id of the option.
    Choice(String),
    /// Id of the iteration.
    Iteration(String),
}

/// What an item is about.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ItemContent {
    /// Id of the issue, also of the issue that a pull request is.
    Issue(u64),
    Draft {
        id: u64,
        title: String,
        body: String,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProjectItem {
    pub(crate) id: u64,
    pub(crate) content: ItemContent,
    pub(crate) creator: String,
    /// Who changed it last.
    pub(crate) editor: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) archived_at: Option<DateTime<Utc>>,
    /// By id of the field.
    pub(crate) values: BTreeMap<u64, FieldValue>,
}

impl FieldKind {
    /// The word of REST; GraphQL has it in capitals.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Date => "date",
            Self::SingleSelect(_) => "single_select",
            Self::Iteration(_) => "iteration",
            Self::BuiltIn(word) => word,
        }
    }

    /// Reads a value from JSON; a text is the id of an option or iteration where those are wanted.
    pub(crate) fn read(&self, value: &Value) -> Result<FieldValue, Refusal> {
        let unfit = || {
            let wanted = match self {
                Self::SingleSelect(_) => "a single select option Id",
                Self::Iteration(_) => "an iteration Id",
                Self::Date => "a date",
                Self::Number => "a number",
                Self::Text | Self::BuiltIn(_) => "a text",
            };
            validation(format!(
                "Did not receive {wanted} to update a field of type {}",
                self.word()
            ))
        };
        match (self, value) {
            (Self::Text, Value::String(text)) => Ok(FieldValue::Text(text.clone())),
            (Self::Number, Value::Number(number)) => {
                number.as_f64().map(FieldValue::Number).ok_or_else(unfit)
            }
            // The service takes a time for a date and keeps the day.
            (Self::Date, Value::String(text)) => text
                .get(..10)
                .and_then(|day| day.parse().ok())
                .map(FieldValue::Date)
                .ok_or_else(unfit),
            (Self::SingleSelect(choices), Value::String(id)) => {
                if choices.iter().any(|choice| choice.id == *id) {
                    Ok(FieldValue::Choice(id.clone()))
                } else {
                    Err(validation(
                        "The single select option Id does not belong to the field",
                    ))
                }
            }
            (Self::Iteration(iterations), Value::String(id)) => {
                if iterations.iter().any(|iteration| iteration.id == *id) {
                    Ok(FieldValue::Iteration(id.clone()))
                } else {
                    Err(validation("The iteration Id does not belong to the field"))
                }
            }
            (Self::BuiltIn(word), _) => Err(validation(format!(
                "The field of type {word} is currently not supported."
            ))),
            _ => Err(unfit()),
        }
    }
}

/// A refusal of a value, which GraphQL calls `VALIDATION`.
fn validation(message: impl Into<String>) -> Refusal {
    Refusal::invalid(
        json!({"resource": "ProjectV2Item", "code": "invalid", "message": message.into()}),
    )
}

impl Project {
    pub(crate) fn field(&self, id: u64) -> Option<&ProjectField> {
        self.fields.iter().find(|field| field.id == id)
    }

    pub(crate) fn field_named(&self, name: &str) -> Option<&ProjectField> {
        let name = key(name);
        self.fields.iter().find(|field| key(&field.name) == name)
    }

    pub(crate) fn item(&self, id: u64) -> Result<&ProjectItem, Refusal> {
        self.items.get(&id).ok_or_else(Refusal::not_found)
    }

    /// The item of an issue or of the issue that a pull request is.
    pub(crate) fn item_of(&self, issue: u64) -> Option<&ProjectItem> {
        self.items
            .values()
            .find(|item| item.content == ItemContent::Issue(issue))
    }
}

impl State {
    pub(crate) fn project(&self, id: u64) -> Result<&Project, Refusal> {
        self.projects.get(&id).ok_or_else(Refusal::not_found)
    }

    fn project_mut(&mut self, id: u64) -> Result<&mut Project, Refusal> {
        self.projects.get_mut(&id).ok_or_else(Refusal::not_found)
    }

    /// The project with a number of an owner, by login.
    pub(crate) fn project_numbered(&self, owner: &str, number: u64) -> Option<&Project> {
        let owner = key(owner);
        self.projects
            .values()
            .find(|project| project.owner == owner && project.number == number)
    }

    /// The repository and number of an issue by its id. Ids are of issues, also for pull requests.
    pub(crate) fn issue_with_id(&self, id: u64) -> Option<(u64, u64)> {
        self.repositories.values().find_map(|repo| {
            let issue = repo.issues.values().find(|issue| issue.id == id)?;
            Some((repo.id, issue.number))
        })
    }

    fn item_mut(&mut self, project: u64, item: u64) -> Result<&mut ProjectItem, Refusal> {
        self.project_mut(project)?
            .items
            .get_mut(&item)
            .ok_or_else(Refusal::not_found)
    }

    /// Adds an issue or pull request, by the id of the issue. One that is there already is answered
    /// as it is, also when it is archived.
    pub(crate) fn add_project_item(
        &mut self,
        project: u64,
        issue: u64,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        if let Some(known) = self.project(project)?.item_of(issue) {
            return Ok(known.id);
        }
        self.insert_item(project, ItemContent::Issue(issue), actor, now)
    }

    /// Adds a note that is no issue yet.
    pub(crate) fn add_project_draft(
        &mut self,
        project: u64,
        title: &str,
        body: &str,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        super::issues::check_text("DraftIssue", Some(title), Some(body))?;
        let content = ItemContent::Draft {
            id: self.next_id(),
            title: title.to_owned(),
            body: body.to_owned(),
        };
        self.insert_item(project, content, actor, now)
    }

    fn insert_item(
        &mut self,
        project: u64,
        content: ItemContent,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        if self.project(project)?.closed_at.is_some() {
            // No source for the words.
            return Err(validation("The project is closed and cannot be updated"));
        }
        let id = self.next_id();
        let found = self.project_mut(project)?;
        found.updated_at = now;
        found.items.insert(
            id,
            ProjectItem {
                id,
                content,
                creator: actor.login.clone(),
                editor: actor.login.clone(),
                created_at: now,
                updated_at: now,
                archived_at: None,
                values: BTreeMap::new(),
            },
        );
        self.changed();
        Ok(id)
    }

    /// Sets one field of an item, or clears it with `None`.
    pub(crate) fn set_project_value(
        &mut self,
        project: u64,
        item: u64,
        field: u64,
        value: Option<&Value>,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let found = self.project(project)?;
        let kind = &found.field(field).ok_or_else(Refusal::not_found)?.kind;
        if found.item(item)?.archived_at.is_some() {
            return Err(Refusal::unprocessable(
                "The item is archived and cannot be updated",
            ));
        }
        let value = match (value, kind) {
            (Some(value), kind) => Some(kind.read(value)?),
            (None, FieldKind::BuiltIn(_)) => {
                return Err(kind
                    .read(&Value::Null)
                    .err()
                    .unwrap_or_else(Refusal::not_found));
            }
            (None, _) => None,
        };
        let found = self.item_mut(project, item)?;
        let before = found.values.get(&field);
        if before == value.as_ref() {
            return Ok(());
        }
        match value {
            Some(value) => found.values.insert(field, value),
            None => found.values.remove(&field),
        };
        found.updated_at = now;
        found.editor.clone_from(&actor.login);
        self.changed();
        Ok(())
    }

    /// Puts an item away or takes it back. Doing so twice changes nothing.
    pub(crate) fn archive_project_item(
        &mut self,
        project: u64,
        item: u64,
        archived: bool,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let found = self.item_mut(project, item)?;
        if found.archived_at.is_some() == archived {
            return Ok(());
        }
        found.archived_at = archived.then_some(now);
        found.updated_at = now;
        found.editor.clone_from(&actor.login);
        self.changed();
        Ok(())
    }

    /// Takes an item out of a project. What it is about stays.
    pub(crate) fn delete_project_item(
        &mut self,
        project: u64,
        item: u64,
        actor: &Actor,
    ) -> Result<(), Refusal> {
        let found = self.project_mut(project)?;
        found.items.remove(&item).ok_or_else(Refusal::not_found)?;
        found.removed.insert(item, actor.login.clone());
        self.changed();
        Ok(())
    }

    /// What follows for projects when an issue is no more, or has another id now.
    pub(crate) fn move_project_items(&mut self, from: u64, to: Option<u64>) {
        for project in self.projects.values_mut() {
            let known = project.item_of(from).map(|item| item.id);
            let Some(item) = known else { continue };
            match to {
                Some(to) => {
                    if let Some(item) = project.items.get_mut(&item) {
                        item.content = ItemContent::Issue(to);
                    }
                }
                None => {
                    project.items.remove(&item);
                }
            }
        }
    }

    /// Gives a field of choices other options, as people do in the settings. Every option gets a new
    /// id, and items lose the value they had.
    pub(crate) fn replace_choices(
        &mut self,
        project: u64,
        field: u64,
        names: &[&str],
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let choices = names.iter().map(|name| self.choice(name)).collect();
        let found = self.project_mut(project)?;
        let Some(known) = found.fields.iter_mut().find(|known| known.id == field) else {
            return Err(Refusal::not_found());
        };
        let FieldKind::SingleSelect(options) = &mut known.kind else {
            return Err(Refusal::unprocessable("the field has no options"));
        };
        *options = choices;
        known.updated_at = now;
        for item in found.items.values_mut() {
            item.values.remove(&field);
        }
        self.changed();
        Ok(())
    }

    /// A new option of a field.
    pub(crate) fn choice(&mut self, name: &str) -> Choice {
        Choice {
            id: self.short_id(),
            name: name.to_owned(),
        }
    }

    /// Eight digits that name an option or an iteration.
    pub(crate) fn short_id(&mut self) -> String {
        // Spread, so that nobody takes them for numbers in order.
        let spread = self.next_id().wrapping_mul(2_654_435_761) & 0xffff_ffff;
        format!("{spread:08x}")
    }
}
