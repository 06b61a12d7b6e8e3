//! The JSON of projects, their fields and items, and of issue types.

use serde_json::{Value, json};

use super::account::{AccountKind, IssueType};
use super::exchange::{encode, stamp};
use super::names::{NodeKind, node_id};
use super::projects::{
    FieldKind, FieldValue, ItemContent, Iteration, Project, ProjectField, ProjectItem,
};
use super::render::{Render, merge};
use super::repository::{Issue, Repository};
use super::sub_issues::Place;

/// A text with its page form, which is the same here.
fn shown(text: &str) -> Value {
    json!({"raw": text, "html": text})
}

impl Render<'_> {
    pub(crate) fn issue_type(&self, found: &IssueType) -> Value {
        json!({
            "id": found.id, "node_id": node_id(NodeKind::IssueType, found.id), "name": found.name, "description": null,
            "color": "gray", "created_at": stamp(found.created_at), "updated_at": stamp(found.created_at),
            "is_enabled": true,
        })
    }

    /// The type of an issue.
    pub(crate) fn type_of(&self, repo: &Repository, issue: &Issue) -> Value {
        let types = self.state.issue_types(&repo.owner);
        types
            .iter()
            .find(|known| Some(known.id) == issue.kind)
            .map_or(Value::Null, |found| self.issue_type(found))
    }

    pub(crate) fn sub_issues_summary(&self, issue: &Issue) -> Value {
        let (total, completed) = self.state.sub_issue_counts(issue);
        let percent = (completed * 100).checked_div(total).unwrap_or(0);
        json!({"total": total, "completed": completed, "percent_completed": percent})
    }

    /// The address of the issue above.
    pub(crate) fn parent_url(&self, issue: &Issue) -> Value {
        let place = issue.parent.and_then(|id| self.state.issue_with_id(id));
        let found =
            place.and_then(|(id, number)| Some((self.state.repositories.get(&id)?, number)));
        found.map_or(Value::Null, |(repo, number)| {
            format!("{}/issues/{number}", self.repo_url(repo)).into()
        })
    }

    /// The address of a project in the API.
    pub(crate) fn project_url(&self, project: &Project) -> String {
        let owner = self.state.accounts.get(&project.owner);
        let kind = match owner.map(|owner| owner.kind) {
            Some(AccountKind::Organization) => "orgs",
            _ => "users",
        };
        let login = self.state.spelled(&project.owner);
        format!(
            "{}/{kind}/{}/projectsV2/{}",
            self.bases.api,
            encode(&login),
            project.number
        )
    }

    pub(crate) fn project(&self, project: &Project) -> Value {
        json!({
            "id": project.id, "node_id": node_id(NodeKind::Project, project.id), "owner": self.login(&project.owner),
            "creator": self.login(&project.creator), "title": project.title, "description": null, "public": project.public,
            "closed_at": project.closed_at.map(stamp), "created_at": stamp(project.created_at),
            "updated_at": stamp(project.updated_at), "number": project.number, "short_description": null,
            "deleted_at": null, "deleted_by": null, "state": if project.closed_at.is_some() { "closed" } else { "open" },
            "latest_status_update": null, "is_template": false,
        })
    }

    pub(crate) fn project_field(
        &self,
        project: &Project,
        field: &ProjectField,
        today: chrono::NaiveDate,
    ) -> Value {
        let mut body = json!({
            "id": field.id, "node_id": super::graphql::field_node_id(field), "name": field.name,
            "data_type": field.kind.word(), "project_url": self.project_url(project),
            "created_at": stamp(field.created_at), "updated_at": stamp(field.updated_at),
        });
        match &field.kind {
            FieldKind::SingleSelect(choices) => {
                body["options"] = choices
                    .iter()
                    .map(|choice| choice_body(&choice.id, &choice.name))
                    .collect();
            }
            FieldKind::Iteration(all) => {
                body["configuration"] = json!({
                    "start_day": 1, "duration": all.first().map_or(14, |one| one.days),
                    "iterations": all.iter().map(|one| iteration(one, today)).collect::<Value>(),
                });
            }
            _ => {}
        }
        body
    }

    /// An item with its content and the values of some fields. What the caller must not see of the
    /// content is `null`, and so are its values.
    pub(crate) fn project_item(
        &self,
        project: &Project,
        item: &ProjectItem,
        place: Option<Place>,
        fields: &[u64],
        today: chrono::NaiveDate,
    ) -> Value {
        let mut body = self.project_item_simple(project, item, place);
        let seen = place.is_some() || matches!(item.content, ItemContent::Draft { .. });
        let values = project
            .fields
            .iter()
            .filter(|field| seen && fields.contains(&field.id));
        body["fields"] = values
            .map(|field| {
                let value = self.project_value(item, place, field, today);
                json!({"id": field.id, "name": field.name, "data_type": field.kind.word(), "value": value})
            })
            .collect();
        body
    }

    /// An item with its content alone.
    pub(crate) fn project_item_simple(
        &self,
        project: &Project,
        item: &ProjectItem,
        place: Option<Place>,
    ) -> Value {
        let url = self.project_url(project);
        let mut body = self.project_item_bare(item);
        merge(
            &mut body,
            json!({
                "content": self.project_content(item, place), "creator": self.login(&item.creator), "project_url": url,
                "item_url": format!("{url}/items/{}", item.id),
            }),
        );
        body
    }

    /// What answers and events have in common.
    pub(crate) fn project_item_bare(&self, item: &ProjectItem) -> Value {
        let kind = match &item.content {
            ItemContent::Draft { .. } => "DraftIssue",
            ItemContent::Issue(id) => {
                let place = self.state.issue_with_id(*id);
                let found = place
                    .and_then(|(repository, number)| self.state.issue(repository, number).ok());
                if found.is_some_and(|issue| issue.pull.is_some()) {
                    "PullRequest"
                } else {
                    "Issue"
                }
            }
        };
        json!({
            "id": item.id, "node_id": node_id(NodeKind::ProjectItem, item.id), "content_type": kind,
            "created_at": stamp(item.created_at), "updated_at": stamp(item.updated_at),
            "archived_at": item.archived_at.map(stamp),
        })
    }

    fn project_content(&self, item: &ProjectItem, place: Option<Place>) -> Value {
        if let ItemContent::Draft { id, title, body } = &item.content {
            return json!({
                "id": id, "node_id": node_id(NodeKind::DraftIssue, *id), "title": title, "body": body,
                "user": self.login(&item.creator), "created_at": stamp(item.created_at),
                "updated_at": stamp(item.updated_at),
            });
        }
        let found = place.and_then(|(repository, number)| {
            let repo = self.state.repositories.get(&repository)?;
            let issue = repo.issues.get(&number)?;
            Some(match &issue.pull {
                Some(pull) => self.pull_simple(repo, issue, pull),
                None => self.issue(repo, issue),
            })
        });
        found.unwrap_or_default()
    }

    fn project_value(
        &self,
        item: &ProjectItem,
        place: Option<Place>,
        field: &ProjectField,
        today: chrono::NaiveDate,
    ) -> Value {
        let FieldKind::BuiltIn(word) = field.kind else {
            return match (item.values.get(&field.id), &field.kind) {
                (Some(value), kind) => value_body(value, kind, today),
                (None, _) => Value::Null,
            };
        };
        if let ItemContent::Draft { title, .. } = &item.content {
            return if word == "title" {
                shown(title)
            } else {
                Value::Null
            };
        }
        let found = place.and_then(|(repository, number)| {
            let repo = self.state.repositories.get(&repository)?;
            Some((repo, repo.issues.get(&number)?))
        });
        let Some((repo, issue)) = found else {
            return Value::Null;
        };
        match word {
            "title" => {
                let mut body = shown(&issue.title);
                merge(
                    &mut body,
                    json!({
                        "number": issue.number, "url": self.issue_page(repo, issue), "issue_id": issue.id,
                        "state": if issue.open { "open" } else { "closed" }, "state_reason": issue.state_reason,
                        "is_draft": issue.pull.as_ref().is_some_and(|pull| pull.draft),
                    }),
                );
                body
            }
            "assignees" => issue
                .assignees
                .iter()
                .map(|login| self.login(login))
                .collect(),
            "labels" => self.labels(repo, issue),
            "milestone" => issue
                .milestone
                .and_then(|number| repo.milestones.get(&number))
                .map_or(Value::Null, |milestone| self.milestone(repo, milestone)),
            "repository" => self.minimal_repository(repo),
            _ => Value::Null,
        }
    }
}

fn choice_body(id: &str, name: &str) -> Value {
    json!({"id": id, "name": shown(name), "description": shown(""), "color": "GRAY"})
}

fn iteration(one: &Iteration, today: chrono::NaiveDate) -> Value {
    json!({
        "id": one.id, "start_date": one.start.to_string(), "duration": one.days, "title": shown(&one.title),
        "completed": one.is_over(today),
    })
}

/// A value as answers carry it.
fn value_body(value: &FieldValue, kind: &FieldKind, today: chrono::NaiveDate) -> Value {
    match (value, kind) {
        (FieldValue::Text(text), _) => shown(text),
        (FieldValue::Number(number), _) => json!(number),
        (FieldValue::Date(date), _) => date.to_string().into(),
        (FieldValue::Choice(id), FieldKind::SingleSelect(choices)) => choices
            .iter()
            .find(|choice| choice.id == *id)
            .map_or(Value::Null, |choice| choice_body(id, &choice.name)),
        (FieldValue::Iteration(id), FieldKind::Iteration(all)) => all
            .iter()
            .find(|one| one.id == *id)
            .map_or(Value::Null, |one| iteration(one, today)),
        _ => Value::Null,
    }
}

/// A value as events carry it: options and iterations are objects with plain names.
pub(crate) fn told_value(value: Option<&FieldValue>, kind: &FieldKind) -> Value {
    match (value, kind) {
        (Some(FieldValue::Text(text)), _) => text.as_str().into(),
        (Some(FieldValue::Number(number)), _) => json!(number),
        (Some(FieldValue::Date(date)), _) => date.to_string().into(),
        (Some(FieldValue::Choice(id)), FieldKind::SingleSelect(choices)) => {
            let name = choices.iter().find(|choice| choice.id == *id);
            let name = name.map(|choice| choice.name.as_str());
            json!({"id": id, "name": name, "color": "GRAY", "description": ""})
        }
        (Some(FieldValue::Iteration(id)), FieldKind::Iteration(all)) => {
            let one = all.iter().find(|one| one.id == *id);
            one.map_or(Value::Null, |one| {
                json!({"id": id, "title": one.title, "start_date": one.start.to_string(), "duration": one.days})
            })
        }
        _ => Value::Null,
    }
}
