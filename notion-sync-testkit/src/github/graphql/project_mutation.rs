//! What GraphQL changes in projects, and between issues.

use serde_json::{Number, Value};

use crate::github::account::{Actor, Level};
use crate::github::auth::Need;
use crate::github::exchange::Exchange;
use crate::github::names::{NodeKind, node_id};
use crate::github::projects::FieldKind;
use crate::github::refusal::Refusal;

use super::field::{Resolved, find};
use super::mutation::{required, target};
use super::node::Node;
use super::parse::Input;
use super::project_field::failure;
use super::{Arguments, Failure};

fn missing(id: &str) -> Failure {
    Failure::new(
        "NOT_FOUND",
        format!("Could not resolve to a node with the global id of '{id}'"),
    )
}

/// The project to be changed, which the caller may change.
fn project(exchange: &Exchange<'_>, input: &Arguments) -> Result<u64, Failure> {
    let text = required(input, "projectId")?;
    let Node::Project(id) = find(exchange, text)? else {
        return Err(missing(text));
    };
    let project = exchange.state.project(id)?;
    let fine = exchange
        .state
        .check_project(&exchange.caller, project, Level::Write);
    fine.map_err(failure).map(|()| id)
}

/// An item of the project.
fn item(exchange: &Exchange<'_>, input: &Arguments, project: u64) -> Result<u64, Failure> {
    let text = required(input, "itemId")?;
    match find(exchange, text)? {
        Node::ProjectItem(within, item) if within == project => Ok(item),
        _ => Err(missing(text)),
    }
}

fn field(exchange: &Exchange<'_>, input: &Arguments, project: u64) -> Result<u64, Failure> {
    let text = required(input, "fieldId")?;
    match find(exchange, text)? {
        Node::ProjectField(within, field) if within == project => Ok(field),
        _ => Err(missing(text)),
    }
}

/// The value given for a field of this kind; another member than its own counts as none.
fn value(input: &Arguments, kind: &FieldKind) -> Value {
    let given = input.object("value").unwrap_or_default();
    let member = match kind {
        FieldKind::Text | FieldKind::BuiltIn(_) => "text",
        FieldKind::Number => "number",
        FieldKind::Date => "date",
        FieldKind::SingleSelect(_) => "singleSelectOptionId",
        FieldKind::Iteration(_) => "iterationId",
    };
    match given.get(member) {
        Some(Input::Int(number)) => (*number).into(),
        Some(Input::Float(number)) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        Some(Input::String(text)) => text.clone().into(),
        _ => Value::Null,
    }
}

fn shown(kind: &'static str, member: &'static str, node: Node, echo: Node) -> Node {
    Node::record(kind, [("clientMutationId", echo), (member, node)])
}

/// Carries out one of these mutations; any other is left to the next.
pub(crate) fn resolve(
    exchange: &mut Exchange<'_>,
    name: &str,
    input: &Arguments,
    echo: Node,
) -> Resolved {
    match name {
        "addSubIssue" | "removeSubIssue" => return sub_issue(exchange, name, input, echo),
        "addProjectV2ItemById"
        | "addProjectV2DraftIssue"
        | "updateProjectV2ItemFieldValue"
        | "clearProjectV2ItemFieldValue"
        | "archiveProjectV2Item"
        | "unarchiveProjectV2Item"
        | "deleteProjectV2Item" => {}
        _ => return super::merge_mutation::resolve(exchange, name, input, echo),
    }
    let project = project(exchange, input)?;
    let (actor, now): (Actor, _) = (exchange.actor()?, exchange.now);
    match name {
        "addProjectV2ItemById" => {
            let (repository, number, _) = target(exchange, required(input, "contentId")?)?;
            exchange.need(repository, Need::IssuesRead)?;
            let issue = exchange.state.issue(repository, number)?.id;
            let item = exchange
                .state
                .add_project_item(project, issue, &actor, now)
                .map_err(failure)?;
            let node = Node::ProjectItem(project, item);
            Ok(shown("AddProjectV2ItemByIdPayload", "item", node, echo))
        }
        "addProjectV2DraftIssue" => {
            let title = required(input, "title")?.to_owned();
            let body = input.text("body").unwrap_or_default().to_owned();
            let item = exchange
                .state
                .add_project_draft(project, &title, &body, &actor, now)
                .map_err(failure)?;
            let node = Node::ProjectItem(project, item);
            Ok(shown(
                "AddProjectV2DraftIssuePayload",
                "projectItem",
                node,
                echo,
            ))
        }
        "updateProjectV2ItemFieldValue" | "clearProjectV2ItemFieldValue" => {
            let (item, field) = (
                item(exchange, input, project)?,
                field(exchange, input, project)?,
            );
            let found = exchange.state.project(project)?.field(field);
            let kind = &found.ok_or_else(Refusal::not_found)?.kind;
            let value = (name == "updateProjectV2ItemFieldValue").then(|| value(input, kind));
            exchange
                .state
                .set_project_value(project, item, field, value.as_ref(), &actor, now)
                .map_err(failure)?;
            let node = Node::ProjectItem(project, item);
            Ok(shown(
                "ProjectV2ItemFieldValuePayload",
                "projectV2Item",
                node,
                echo,
            ))
        }
        "deleteProjectV2Item" => {
            let item = item(exchange, input, project)?;
            exchange.state.delete_project_item(project, item, &actor)?;
            let node = node_id(NodeKind::ProjectItem, item).into();
            Ok(shown(
                "DeleteProjectV2ItemPayload",
                "deletedItemId",
                node,
                echo,
            ))
        }
        _ => {
            let item = item(exchange, input, project)?;
            let archived = name == "archiveProjectV2Item";
            exchange
                .state
                .archive_project_item(project, item, archived, &actor, now)?;
            let node = Node::ProjectItem(project, item);
            Ok(shown("ArchiveProjectV2ItemPayload", "item", node, echo))
        }
    }
}

fn sub_issue(exchange: &mut Exchange<'_>, name: &str, input: &Arguments, echo: Node) -> Resolved {
    let issue = |exchange: &Exchange<'_>, member: &str| {
        let id = required(input, member)?;
        match find(exchange, id)? {
            Node::Issue(repository, number) => Ok((repository, number)),
            _ => Err(missing(id)),
        }
    };
    let parent = issue(exchange, "issueId")?;
    exchange.need(parent.0, Need::IssuesWrite)?;
    let child = issue(exchange, "subIssueId")?;
    let (actor, now) = (exchange.actor()?, exchange.now);
    if name == "addSubIssue" {
        let replace = input.flag("replaceParent") == Some(true);
        exchange
            .state
            .add_sub_issue(parent, child, replace, &actor, now)?;
    } else {
        exchange
            .state
            .remove_sub_issue(parent, child, &actor, now)?;
    }
    Ok(Node::record(
        "SubIssuePayload",
        [
            ("clientMutationId", echo),
            ("issue", Node::Issue(parent.0, parent.1)),
            ("subIssue", Node::Issue(child.0, child.1)),
        ],
    ))
}
