//! Fields of projects, of their items and of the values in them.

use serde_json::json;

use crate::github::account::{AccountKind, Level, key};
use crate::github::auth::Need;
use crate::github::exchange::{Exchange, stamp};
use crate::github::names::{NodeKind, node_id, text_node_id};
use crate::github::projects::{
    FieldKind, FieldValue, ItemContent, Iteration, Project, ProjectField, ProjectItem,
};
use crate::github::refusal::Refusal;

use super::field::{Resolved, not_resolved, upper};
use super::node::{Connection, Node};
use super::{Arguments, Failure};

/// A refusal in the words that GraphQL has for projects.
pub(crate) fn failure(refusal: Refusal) -> Failure {
    let scopes = refusal
        .headers
        .iter()
        .any(|(name, _)| *name == "x-accepted-oauth-scopes");
    let invalid = !refusal.errors.is_empty();
    let failure = Failure::from(refusal);
    let kind = match failure.kind {
        _ if scopes => "INSUFFICIENT_SCOPES",
        "UNPROCESSABLE" if invalid => "VALIDATION",
        kind => kind,
    };
    Failure { kind, ..failure }
}

/// A project that the caller may read.
pub(crate) fn readable<'a>(exchange: &'a Exchange<'_>, id: u64) -> Result<&'a Project, Failure> {
    let project = exchange.state.project(id)?;
    let fine = exchange
        .state
        .check_project(&exchange.caller, project, Level::Read);
    fine.map_err(failure).map(|()| project)
}

/// The node of a project or a part of one with a global id. `None` when it is of another kind.
pub(crate) fn find(exchange: &Exchange<'_>, kind: NodeKind, id: u64) -> Option<Resolved> {
    let holds = |project: &&Project| match kind {
        NodeKind::Project => project.id == id,
        NodeKind::ProjectItem => project.items.contains_key(&id),
        _ => project.field(id).is_some(),
    };
    if !matches!(
        kind,
        NodeKind::Project
            | NodeKind::ProjectItem
            | NodeKind::ProjectField
            | NodeKind::SingleSelectField
            | NodeKind::IterationField
    ) {
        return None;
    }
    let found = exchange.state.projects.values().find(holds);
    let Some(project) = found.map(|project| project.id) else {
        return Some(Err(Refusal::not_found().into()));
    };
    Some(readable(exchange, project).map(|_| match kind {
        NodeKind::Project => Node::Project(project),
        NodeKind::ProjectItem => Node::ProjectItem(project, id),
        _ => Node::ProjectField(project, id),
    }))
}

/// The project of an owner with a number.
pub(crate) fn of_owner(exchange: &Exchange<'_>, login: &str, arguments: &Arguments) -> Resolved {
    let number = arguments.number("number").unwrap_or_default();
    let missing = || not_resolved("ProjectV2", &format!("number {number}"));
    let project = u64::try_from(number)
        .ok()
        .and_then(|number| exchange.state.project_numbered(login, number))
        .ok_or_else(missing)?;
    match readable(exchange, project.id) {
        Ok(project) => Ok(Node::Project(project.id)),
        Err(failure) if failure.kind == "NOT_FOUND" => Err(missing()),
        Err(failure) => Err(failure),
    }
}

/// The items of an issue. In a project that the caller must not see, there is nothing in its place.
pub(crate) fn of_issue(exchange: &Exchange<'_>, issue: u64, arguments: &Arguments) -> Vec<Node> {
    let archived = arguments.flag("includeArchived") != Some(false);
    let found = exchange.state.projects.values().filter_map(|project| {
        let item = project.item_of(issue)?;
        (archived || item.archived_at.is_none()).then(|| match readable(exchange, project.id) {
            Ok(_) => Node::ProjectItem(project.id, item.id),
            Err(_) => Node::Null,
        })
    });
    found.collect()
}

pub(crate) fn project(
    exchange: &Exchange<'_>,
    id: u64,
    name: &str,
    arguments: &Arguments,
) -> Resolved {
    let project = readable(exchange, id)?;
    let path = exchange.render().project_path(project);
    Ok(match name {
        "id" => node_id(NodeKind::Project, id).into(),
        "databaseId" => id.into(),
        "fullDatabaseId" => id.to_string().into(),
        "number" => project.number.into(),
        "title" => project.title.as_str().into(),
        "url" => format!("{}{path}", exchange.bases.web).into(),
        "resourcePath" => path.into(),
        "closed" => project.closed_at.is_some().into(),
        "closedAt" => project.closed_at.map(stamp).into(),
        "createdAt" => stamp(project.created_at).into(),
        "updatedAt" => stamp(project.updated_at).into(),
        "public" => project.public.into(),
        "template" => false.into(),
        "owner" => Node::Account(project.owner.clone()),
        "creator" => Node::Account(key(&project.creator)),
        "viewerCanUpdate" => exchange
            .state
            .check_project(&exchange.caller, project, Level::Write)
            .is_ok()
            .into(),
        "fields" => Connection::node(
            "ProjectV2FieldConfigurationConnection",
            name,
            project
                .fields
                .iter()
                .map(|field| Node::ProjectField(id, field.id))
                .collect(),
            arguments,
        ),
        "field" => project
            .field_named(arguments.text("name").unwrap_or_default())
            .map_or(Node::Null, |field| Node::ProjectField(id, field.id)),
        "items" => Connection::node(
            "ProjectV2ItemConnection",
            name,
            project
                .items
                .keys()
                .map(|item| Node::ProjectItem(id, *item))
                .collect(),
            arguments,
        ),
        _ => Node::Null,
    })
}

/// The name of the type of a field.
pub(crate) fn kind_of_field(exchange: &Exchange<'_>, project: u64, field: u64) -> &'static str {
    let within = exchange.state.projects.get(&project);
    match within
        .and_then(|found| found.field(field))
        .map(|found| &found.kind)
    {
        Some(FieldKind::SingleSelect(_)) => "ProjectV2SingleSelectField",
        Some(FieldKind::Iteration(_)) => "ProjectV2IterationField",
        _ => "ProjectV2Field",
    }
}

/// The name of the type of a field's values.
pub(crate) fn kind_of_value(exchange: &Exchange<'_>, project: u64, field: u64) -> &'static str {
    let within = exchange.state.projects.get(&project);
    match within
        .and_then(|found| found.field(field))
        .map(|found| &found.kind)
    {
        Some(FieldKind::SingleSelect(_)) => "ProjectV2ItemFieldSingleSelectValue",
        Some(FieldKind::Iteration(_)) => "ProjectV2ItemFieldIterationValue",
        Some(FieldKind::Number) => "ProjectV2ItemFieldNumberValue",
        Some(FieldKind::Date) => "ProjectV2ItemFieldDateValue",
        Some(FieldKind::BuiltIn(word)) => match *word {
            "assignees" => "ProjectV2ItemFieldUserValue",
            "labels" => "ProjectV2ItemFieldLabelValue",
            "milestone" => "ProjectV2ItemFieldMilestoneValue",
            "repository" => "ProjectV2ItemFieldRepositoryValue",
            "linked_pull_requests" => "ProjectV2ItemFieldPullRequestValue",
            _ => "ProjectV2ItemFieldTextValue",
        },
        _ => "ProjectV2ItemFieldTextValue",
    }
}

pub(crate) fn field_node_id(field: &ProjectField) -> String {
    let kind = match field.kind {
        FieldKind::SingleSelect(_) => NodeKind::SingleSelectField,
        FieldKind::Iteration(_) => NodeKind::IterationField,
        _ => NodeKind::ProjectField,
    };
    node_id(kind, field.id)
}

pub(crate) fn field(
    exchange: &Exchange<'_>,
    project: u64,
    field: u64,
    name: &str,
    arguments: &Arguments,
) -> Resolved {
    let found = readable(exchange, project)?.field(field);
    let Some(found) = found else {
        return Ok(Node::Null);
    };
    Ok(match (name, &found.kind) {
        ("id", _) => field_node_id(found).into(),
        ("databaseId", _) => field.into(),
        ("name", _) => found.name.as_str().into(),
        ("dataType", kind) => upper(kind.word()).into(),
        ("project", _) => Node::Project(project),
        ("createdAt", _) => stamp(found.created_at).into(),
        ("updatedAt", _) => stamp(found.updated_at).into(),
        ("options", FieldKind::SingleSelect(choices)) => {
            let wanted = arguments.texts("names");
            let shown = choices.iter().filter(|choice| {
                wanted
                    .as_ref()
                    .is_none_or(|wanted| wanted.contains(&choice.name))
            });
            Node::List(
                shown
                    .map(|choice| {
                        Node::record(
                            "ProjectV2SingleSelectFieldOption",
                            [
                                ("id", choice.id.as_str().into()),
                                ("name", choice.name.as_str().into()),
                                ("nameHTML", choice.name.as_str().into()),
                                ("color", "GRAY".into()),
                                ("description", "".into()),
                                ("descriptionHTML", "".into()),
                            ],
                        )
                    })
                    .collect(),
            )
        }
        ("configuration", FieldKind::Iteration(all)) => {
            let today = exchange.now.date_naive();
            let list = |over: bool| {
                let part = all.iter().filter(|one| one.is_over(today) == over);
                Node::List(part.map(iteration).collect())
            };
            Node::record(
                "ProjectV2IterationFieldConfiguration",
                [
                    (
                        "duration",
                        u64::from(all.first().map_or(14, |one| one.days)).into(),
                    ),
                    ("startDay", 1_u64.into()),
                    ("iterations", list(false)),
                    ("completedIterations", list(true)),
                ],
            )
        }
        _ => Node::Null,
    })
}

fn iteration(found: &Iteration) -> Node {
    Node::record(
        "ProjectV2IterationFieldIteration",
        [
            ("id", found.id.as_str().into()),
            ("title", found.title.as_str().into()),
            ("titleHTML", found.title.as_str().into()),
            ("startDate", found.start.to_string().into()),
            ("duration", u64::from(found.days).into()),
        ],
    )
}

/// What the caller may see of the content of an item.
enum Shown<'a> {
    Issue(u64, u64),
    Pull(u64, u64),
    Draft(u64, &'a str, &'a str),
    /// It is in a repository that the caller does not reach.
    Redacted,
}

fn shown<'a>(exchange: &Exchange<'_>, item: &'a ProjectItem) -> Shown<'a> {
    match &item.content {
        ItemContent::Draft { id, title, body } => Shown::Draft(*id, title, body),
        ItemContent::Issue(issue) => match exchange.state.issue_with_id(*issue) {
            Some((repository, number)) if exchange.may(repository, Need::IssuesRead) => {
                let pull = exchange
                    .state
                    .issue(repository, number)
                    .is_ok_and(|issue| issue.pull.is_some());
                if pull {
                    Shown::Pull(repository, number)
                } else {
                    Shown::Issue(repository, number)
                }
            }
            _ => Shown::Redacted,
        },
    }
}

pub(crate) fn item(
    exchange: &Exchange<'_>,
    project: u64,
    item: u64,
    name: &str,
    arguments: &Arguments,
) -> Resolved {
    let within = readable(exchange, project)?;
    let Some(found) = within.items.get(&item) else {
        return Ok(Node::Null);
    };
    let shown = shown(exchange, found);
    let values = || {
        let all = within.fields.iter();
        all.filter(|field| has_value(exchange, found, &shown, field))
            .map(|field| Node::ProjectValue(project, item, field.id))
    };
    Ok(match name {
        "id" => node_id(NodeKind::ProjectItem, item).into(),
        "databaseId" => item.into(),
        "fullDatabaseId" => item.to_string().into(),
        "type" => match shown {
            Shown::Issue(..) => "ISSUE",
            Shown::Pull(..) => "PULL_REQUEST",
            Shown::Draft(..) => "DRAFT_ISSUE",
            Shown::Redacted => "REDACTED",
        }
        .into(),
        "isArchived" => found.archived_at.is_some().into(),
        "createdAt" => stamp(found.created_at).into(),
        "updatedAt" => stamp(found.updated_at).into(),
        "creator" => Node::Account(key(&found.creator)),
        "project" => Node::Project(project),
        "content" => match shown {
            Shown::Issue(repository, number) => Node::Issue(repository, number),
            Shown::Pull(repository, number) => Node::Pull(repository, number),
            Shown::Draft(id, title, body) => Node::record(
                "DraftIssue",
                [
                    ("id", node_id(NodeKind::DraftIssue, id).into()),
                    ("title", title.into()),
                    ("body", body.into()),
                    ("bodyText", body.into()),
                    ("createdAt", stamp(found.created_at).into()),
                    ("updatedAt", stamp(found.updated_at).into()),
                    ("creator", Node::Account(key(&found.creator))),
                ],
            ),
            Shown::Redacted => Node::Null,
        },
        "fieldValues" => Connection::node(
            "ProjectV2ItemFieldValueConnection",
            name,
            values().collect(),
            arguments,
        ),
        "fieldValueByName" => {
            let named = within.field_named(arguments.text("name").unwrap_or_default());
            named
                .and_then(|field| {
                    values().find(|value| {
                        matches!(value, Node::ProjectValue(_, _, known) if *known == field.id)
                    })
                })
                .unwrap_or(Node::Null)
        }
        _ => Node::Null,
    })
}

/// Whether an item has something in a field that the caller may see.
fn has_value(
    exchange: &Exchange<'_>,
    item: &ProjectItem,
    shown: &Shown<'_>,
    field: &ProjectField,
) -> bool {
    let issue = match shown {
        Shown::Redacted => return false,
        Shown::Issue(repository, number) | Shown::Pull(repository, number) => {
            exchange.state.issue(*repository, *number).ok()
        }
        Shown::Draft(..) => None,
    };
    match &field.kind {
        FieldKind::BuiltIn("title") => true,
        FieldKind::BuiltIn("repository") => issue.is_some(),
        FieldKind::BuiltIn("assignees") => issue.is_some_and(|issue| !issue.assignees.is_empty()),
        FieldKind::BuiltIn("labels") => issue.is_some_and(|issue| !issue.labels.is_empty()),
        FieldKind::BuiltIn("milestone") => issue.is_some_and(|issue| issue.milestone.is_some()),
        FieldKind::BuiltIn("linked_pull_requests") => match shown {
            Shown::Issue(repository, number) => !exchange
                .state
                .closed_by(*repository, *number, true)
                .is_empty(),
            _ => false,
        },
        FieldKind::BuiltIn(_) => false,
        _ => item.values.contains_key(&field.id),
    }
}

/// A value of an item in a field.
pub(crate) fn value(
    exchange: &Exchange<'_>,
    (project, item, field): (u64, u64, u64),
    name: &str,
    arguments: &Arguments,
) -> Resolved {
    let within = readable(exchange, project)?;
    let (Some(found), Some(of)) = (within.items.get(&item), within.field(field)) else {
        return Ok(Node::Null);
    };
    match name {
        "id" => return Ok(text_node_id("PVTFV", project, &format!("{item}:{field}")).into()),
        "field" => return Ok(Node::ProjectField(project, field)),
        "item" => return Ok(Node::ProjectItem(project, item)),
        "createdAt" => return Ok(stamp(found.created_at).into()),
        "updatedAt" => return Ok(stamp(found.updated_at).into()),
        "creator" => return Ok(Node::Account(key(&found.editor))),
        _ => {}
    }
    let shown = shown(exchange, found);
    if let FieldKind::BuiltIn(word) = of.kind {
        return built_in(exchange, &shown, word, name, arguments);
    }
    Ok(match (found.values.get(&field), &of.kind) {
        (Some(FieldValue::Text(text)), _) if name == "text" => text.as_str().into(),
        (Some(FieldValue::Number(number)), _) if name == "number" => Node::Leaf(json!(number)),
        (Some(FieldValue::Date(date)), _) if name == "date" => date.to_string().into(),
        (Some(FieldValue::Choice(id)), FieldKind::SingleSelect(choices)) => {
            let choice = choices.iter().find(|choice| choice.id == *id);
            match name {
                "optionId" => id.as_str().into(),
                "name" | "nameHTML" => choice.map(|choice| choice.name.clone()).into(),
                "color" => "GRAY".into(),
                _ => Node::Null,
            }
        }
        (Some(FieldValue::Iteration(id)), FieldKind::Iteration(all)) => {
            match all.iter().find(|one| one.id == *id).map(iteration) {
                Some(_) if name == "iterationId" => id.as_str().into(),
                Some(Node::Record(_, mut members)) => members.remove(name).unwrap_or(Node::Null),
                _ => Node::Null,
            }
        }
        _ => Node::Null,
    })
}

/// What the service itself keeps: it is the issue's own.
fn built_in(
    exchange: &Exchange<'_>,
    shown: &Shown<'_>,
    word: &str,
    name: &str,
    arguments: &Arguments,
) -> Resolved {
    let (repository, number) = match shown {
        Shown::Issue(repository, number) | Shown::Pull(repository, number) => {
            (*repository, *number)
        }
        Shown::Draft(_, title, _) if word == "title" && name == "text" => {
            return Ok((*title).into());
        }
        _ => return Ok(Node::Null),
    };
    let member = match (word, name) {
        ("title", "text") => "title",
        ("assignees", "users") => "assignees",
        ("labels", "labels") => "labels",
        ("milestone", "milestone") => "milestone",
        ("repository", "repository") => "repository",
        ("linked_pull_requests", "pullRequests") => "closedByPullRequestsReferences",
        _ => return Ok(Node::Null),
    };
    super::issue_field::issue(exchange, repository, number, member, arguments)
}

/// The path of a project's page.
impl crate::github::render::Render<'_> {
    pub(crate) fn project_path(&self, project: &Project) -> String {
        let owner = self.state.accounts.get(&project.owner);
        let kind = match owner.map(|owner| owner.kind) {
            Some(AccountKind::Organization) => "orgs",
            _ => "users",
        };
        format!(
            "/{kind}/{}/projects/{}",
            self.state.spelled(&project.owner),
            project.number
        )
    }
}
