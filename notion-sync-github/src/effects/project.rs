//! Fields of the issue's item in a project. Projects are reached by GraphQL only; ids of options
//! change when people edit them, so everything is found by name, each time.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use notion_sync_core::effect::{EffectRequest, EffectWrite, Gate, ProjectField};
use notion_sync_core::remote::Ack;
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::graphql::text;
use super::{decided, open, stale, unapplied};
use crate::issues::GithubIssues;

const DURING: &str = "set a field of a project";
/// Pages of 100 items that an issue can have: one for each project it is in.
const MAX_PAGES: u32 = 20;

const PROJECT: &str = "project";
const FIELD: &str = "field";
const CONTENT: &str = "content";
const KIND: &str = "kind";
const VALUE: &str = "value";
const CLEAR: &str = "clear";

/// A project by number, of an organisation and of a person of that name: one of them exists.
pub(super) const FIND_PROJECT: &str = "query($owner:String!,$number:Int!){\
     organization(login:$owner){projectV2(number:$number){...J}} \
     user(login:$owner){projectV2(number:$number){...J}}} \
     fragment J on ProjectV2{id title closed fields(first:100){nodes{__typename \
     ...on ProjectV2FieldCommon{id name dataType} \
     ...on ProjectV2SingleSelectField{options{id name}} \
     ...on ProjectV2IterationField{configuration{iterations{id title} \
     completedIterations{id title}}}}}}";

/// The items of an issue with one field of each.
pub(super) const FIND_ITEM: &str = "query($id:ID!,$field:String!,$after:String){\
     node(id:$id){...on Issue{projectItems(first:100,after:$after){\
     pageInfo{hasNextPage endCursor} nodes{id isArchived project{id} fieldValueByName(name:$field){__typename \
     ...on ProjectV2ItemFieldSingleSelectValue{optionId} \
     ...on ProjectV2ItemFieldIterationValue{iterationId} \
     ...on ProjectV2ItemFieldDateValue{date} \
     ...on ProjectV2ItemFieldNumberValue{number} \
     ...on ProjectV2ItemFieldTextValue{text}}}}}}}";

/// Adds the issue, or answers the item that it has already.
pub(super) const ADD_ITEM: &str = "mutation($project:ID!,$content:ID!){\
     addProjectV2ItemById(input:{projectId:$project,contentId:$content}){item{id}}}";

/// Sets one field.
pub(super) const SET_FIELD: &str = "mutation(\
     $project:ID!,$item:ID!,$field:ID!,$value:ProjectV2FieldValue!){\
     updateProjectV2ItemFieldValue(input:{projectId:$project,itemId:$item,fieldId:$field,\
     value:$value}){projectV2Item{id}}}";

/// Clears one field.
pub(super) const CLEAR_FIELD: &str = "mutation($project:ID!,$item:ID!,$field:ID!){\
     clearProjectV2ItemFieldValue(input:{projectId:$project,itemId:$item,fieldId:$field}){\
     projectV2Item{id}}}";

/// A value as a field takes it.
#[derive(Debug, Clone, PartialEq)]
enum Wanted {
    Nothing,
    Option(String),
    Iteration(String),
    Date(NaiveDate),
    Number(f64),
    Text(String),
}

/// How the item of an issue stands.
#[derive(Debug)]
struct Standing {
    /// Value of the field, null where there is none.
    value: Value,
    archived: bool,
}

impl GithubIssues {
    pub(super) async fn gate_project(
        &self,
        request: &EffectRequest,
        wanted: &ProjectField,
    ) -> Result<Gate> {
        let (_, number, issue) = self.issue_of(request).await?;
        let Some(content) = issue.node_id else {
            return Err(Error::new(ErrorKind::Unavailable, DURING)
                .with("number", number)
                .message("the answer has no node id"));
        };
        let project = match self.project(&wanted.project).await? {
            Ok(project) => project,
            Err(reason) => return Ok(Gate::Refused(reason)),
        };
        let (field, value) = match field_of(&project, wanted) {
            Ok(found) => found,
            Err(reason) => return Ok(Gate::Refused(reason)),
        };
        let (Some(project), Some(id), Some(name)) = (
            text(&project, "/id"),
            text(field, "/id"),
            text(field, "/name"),
        ) else {
            return Err(Error::new(ErrorKind::Unavailable, DURING).message("the answer has no ids"));
        };
        // An issue without an item has no value, but is not in the project either.
        if let Some(now) = self.project_value(&content, project, name).await? {
            if holds(&now.value, &value) {
                return Ok(super::holds());
            }
            // GitHub takes no values for it, and whoever archived it meant it to rest.
            if now.archived {
                return Ok(Gate::Refused(format!(
                    "the issue is archived in the project {}; restore it there",
                    wanted.project
                )));
            }
        }
        let (kind, said) = match value {
            Wanted::Nothing => (CLEAR, String::new()),
            Wanted::Option(id) => ("singleSelectOptionId", id),
            Wanted::Iteration(id) => ("iterationId", id),
            Wanted::Date(date) => ("date", date.to_string()),
            Wanted::Number(number) => ("number", number.to_string()),
            Wanted::Text(text) => ("text", text),
        };
        let mut write = open(request);
        write.decided = [
            (PROJECT, project),
            (FIELD, id),
            (CONTENT, content.as_str()),
            (KIND, kind),
            (VALUE, said.as_str()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        Ok(Gate::Open(write))
    }

    /// The project, or why there is none.
    async fn project(&self, name: &str) -> Result<std::result::Result<Value, String>> {
        let parts = name.split_once('/').and_then(|(owner, number)| {
            let number: u32 = number.parse().ok()?;
            (!owner.is_empty()).then_some((owner, number))
        });
        let Some((owner, number)) = parts else {
            return Ok(Err(format!(
                "{name:?} names no project; write owner/number, as in the project's address"
            )));
        };
        let variables = json!({"owner": owner, "number": number});
        let (mut data, errors) = self.client.ask(DURING, FIND_PROJECT, variables).await?;
        for kind in ["/organization/projectV2", "/user/projectV2"] {
            let found = data.pointer_mut(kind).map(Value::take);
            if let Some(project) = found.filter(Value::is_object) {
                return Ok(match project.get("closed").and_then(Value::as_bool) {
                    Some(true) => Err(format!("the project {name} is closed; reopen it")),
                    _ => Ok(project),
                });
            }
        }
        // One of the two is always missing; anything else is a fault of its own.
        for error in errors {
            if error.kind() != ErrorKind::NotFound {
                return Err(error);
            }
        }
        Ok(Err(format!(
            "there is no project {name}, or the permission \"projects: write\" is missing"
        )))
    }

    /// The value of a field in the issue's item; `None` when it has no item in the project.
    async fn project_value(
        &self,
        content: &str,
        project: &str,
        field: &str,
    ) -> Result<Option<Standing>> {
        let mut after: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let variables = json!({"id": content, "field": field, "after": after});
            let (data, errors) = self.client.ask(DURING, FIND_ITEM, variables).await?;
            let Some(items) = data.pointer("/node/projectItems") else {
                let missing = || Error::new(ErrorKind::NotFound, DURING);
                return Err(errors.into_iter().next().unwrap_or_else(missing));
            };
            let nodes = items.get("nodes").and_then(Value::as_array);
            // Items of projects that must not be seen are null.
            let found = nodes
                .into_iter()
                .flatten()
                .find(|item| text(item, "/project/id") == Some(project));
            if let Some(item) = found {
                let value = item.get("fieldValueByName").cloned();
                return Ok(Some(Standing {
                    value: value.unwrap_or_default(),
                    archived: super::graphql::is(item, "/isArchived"),
                }));
            }
            let next = text(items, "/pageInfo/endCursor").map(str::to_owned);
            let more = super::graphql::is(items, "/pageInfo/hasNextPage");
            if !more || next.is_none() || next == after {
                return Ok(None);
            }
            after = next;
        }
        Ok(None)
    }

    /// Adds the item, which is the one that is there where there is one, and sets the field.
    pub(super) async fn set_project_field(&self, effect: &EffectWrite) -> Result<Ack> {
        let (_, number) = self.own(&effect.request.object).await.map_err(unapplied)?;
        self.client.begin(DURING, 2, 0)?;
        let (project, field) = (decided(effect, PROJECT)?, decided(effect, FIELD)?);
        let (kind, value) = (decided(effect, KIND)?, decided(effect, VALUE)?);
        let gone = |error: Error| match error.kind() {
            // An id that was found a moment ago is not one any more.
            ErrorKind::NotFound | ErrorKind::Invalid => stale(DURING, number, error.to_string()),
            _ => error,
        };
        let variables = json!({"project": project, "content": decided(effect, CONTENT)?});
        let added = self.client.graphql(DURING, ADD_ITEM, variables).await;
        // The item alone changes no field: sending it again finds it.
        let added = added.map_err(|error| gone(unapplied(error)))?;
        let item = text(&added, "/addProjectV2ItemById/item/id").ok_or_else(|| {
            Error::new(ErrorKind::NotApplied, DURING).message("the answer names no item")
        })?;
        let outcome = if kind == CLEAR {
            let variables = json!({"project": project, "item": item, "field": field});
            self.client.graphql(DURING, CLEAR_FIELD, variables).await
        } else {
            let value = match kind {
                "number" => json!(value.parse::<f64>().unwrap_or_default()),
                _ => json!(value),
            };
            let variables = json!({
                "project": project, "item": item, "field": field, "value": {kind: value},
            });
            self.client.graphql(DURING, SET_FIELD, variables).await
        };
        outcome.map_err(gone)?;
        Ok(Ack {
            notes: BTreeMap::from([("item".to_owned(), item.to_owned())]),
            ..Ack::default()
        })
    }
}

/// The field of a project and the value as it takes it, or what is wrong with them.
fn field_of<'a>(
    project: &'a Value,
    wanted: &ProjectField,
) -> std::result::Result<(&'a Value, Wanted), String> {
    let fields = || {
        let nodes = project.pointer("/fields/nodes").and_then(Value::as_array);
        nodes.into_iter().flatten()
    };
    let called = |field: &&Value| text(field, "/name").is_some_and(|name| is(name, &wanted.field));
    let Some(field) = fields().find(called) else {
        let known: Vec<&str> = fields().filter_map(|field| text(field, "/name")).collect();
        return Err(format!(
            "the project has no field {:?}; it has {}",
            wanted.field,
            known.join(", ")
        ));
    };
    if wanted.value.is_empty() {
        return Ok((field, Wanted::Nothing));
    }
    let value = match text(field, "/dataType").unwrap_or_default() {
        "SINGLE_SELECT" => named(field, &["/options"], "name", wanted).map(Wanted::Option)?,
        "ITERATION" => {
            let lists = [
                "/configuration/iterations",
                "/configuration/completedIterations",
            ];
            named(field, &lists, "title", wanted).map(Wanted::Iteration)?
        }
        "DATE" => {
            let day = wanted.value.get(..10).unwrap_or_default();
            day.parse()
                .map(Wanted::Date)
                .map_err(|_| format!("{:?} is no date; write it as 2026-03-01", wanted.value))?
        }
        "NUMBER" => match wanted.value.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Wanted::Number(number),
            _ => return Err(format!("{:?} is no number", wanted.value)),
        },
        "TEXT" => Wanted::Text(wanted.value.clone()),
        other => {
            return Err(format!(
                "the field {} ({}) is kept by GitHub itself; set it on the issue",
                wanted.field,
                other.to_lowercase().replace('_', " ")
            ));
        }
    };
    Ok((field, value))
}

/// The id of an option or iteration by name.
fn named(
    field: &Value,
    lists: &[&str],
    member: &str,
    wanted: &ProjectField,
) -> std::result::Result<String, String> {
    let all = || {
        lists.iter().flat_map(|list| {
            let list = field.pointer(list).and_then(Value::as_array);
            list.into_iter().flatten()
        })
    };
    let name = |one: &'_ Value| one.get(member).and_then(Value::as_str).map(str::to_owned);
    let found = all().find(|one| name(one).is_some_and(|name| is(&name, &wanted.value)));
    let id = found.and_then(|one| text(one, "/id")).map(str::to_owned);
    id.ok_or_else(|| {
        let known: Vec<String> = all().filter_map(name).collect();
        format!(
            "the field {} has no {:?}; it has {}",
            wanted.field,
            wanted.value,
            known.join(", ")
        )
    })
}

fn is(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// Whether the value of a field is the wanted one.
fn holds(now: &Value, wanted: &Wanted) -> bool {
    match wanted {
        Wanted::Nothing => now.is_null() || text(now, "/text") == Some(""),
        Wanted::Option(id) => text(now, "/optionId") == Some(id),
        Wanted::Iteration(id) => text(now, "/iterationId") == Some(id),
        Wanted::Date(date) => text(now, "/date") == Some(date.to_string().as_str()),
        Wanted::Number(number) => now.get("number").and_then(Value::as_f64) == Some(*number),
        Wanted::Text(said) => text(now, "/text") == Some(said),
    }
}
