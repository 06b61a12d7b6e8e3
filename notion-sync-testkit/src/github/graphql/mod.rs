//! GraphQL: the mutations that have no REST route, and what `gh` asks for.
//!
//! A document is read, checked against the types of [`schema`], and then every selected field is
//! resolved on [`node::Node`]s. Fields that do not exist here are refused by name before anything
//! happens, as the service does.

mod check_field;
mod field;
mod git_field;
mod issue_field;
mod merge_mutation;
mod mutation;
mod node;
mod parse;
mod project_field;
mod project_mutation;
mod pull_field;
mod repository_field;
mod schema;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

pub(crate) use project_field::field_node_id;

use super::exchange::{Answer, Exchange, Outcome};
use super::refusal::Refusal;
use node::Node;
use parse::{Directive, Document, Field, Input, Operation, Selection};
use schema::{Schema, schema};

/// Most fields one request may resolve.
const FIELD_LIMIT: usize = 500_000;
/// Deepest nesting through fragments.
const DEPTH_LIMIT: usize = 64;

/// An error of one field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    /// `NOT_FOUND`, `FORBIDDEN`, `STALE_DATA`, …
    pub(crate) kind: &'static str,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal.status {
            404 => "NOT_FOUND",
            401 | 403 => "FORBIDDEN",
            _ => "UNPROCESSABLE",
        };
        let detail = refusal.errors.first().and_then(|error| {
            error["message"].as_str().map(str::to_owned).or_else(|| {
                error["field"]
                    .as_str()
                    .map(|field| format!("{field} is invalid"))
            })
        });
        Self {
            kind,
            message: detail.unwrap_or(refusal.message),
        }
    }
}

/// Whether a request body holds a mutation, for the points it costs.
pub(crate) fn is_mutation(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|body| {
            body["query"]
                .as_str()
                .map(|query| query.trim_start().starts_with("mutation"))
        })
        .unwrap_or(false)
}

fn refuse(errors: Vec<Value>) -> Outcome {
    Ok(Answer::ok(json!({"errors": errors})))
}

/// Answers `POST /graphql`.
pub(crate) fn respond(exchange: &mut Exchange<'_>) -> Outcome {
    if exchange.method != "POST" {
        return Err(Refusal::not_found());
    }
    if exchange.caller.token.is_empty() {
        return Err(Refusal::new(
            401,
            "This endpoint requires you to be authenticated.",
        ));
    }
    let fields = exchange.fields()?;
    let Some(query) = fields.text("query")? else {
        return refuse(vec![
            json!({"message": "A query attribute must be specified and must be a string."}),
        ]);
    };
    let document = match parse::parse(&query) {
        Ok(document) => document,
        Err(message) => {
            return refuse(vec![
                json!({"message": message, "extensions": {"code": "parseError"}}),
            ]);
        }
    };
    let wanted = fields
        .text("operationName")?
        .filter(|name| !name.is_empty());
    let operation = document
        .operations
        .iter()
        .find(|operation| wanted.is_none() || operation.name == wanted);
    let Some(operation) = operation else {
        return refuse(vec![json!({"message": "No operation with this name"})]);
    };
    let variables = match variables(operation, fields.get("variables")) {
        Ok(variables) => variables,
        Err(message) => {
            return refuse(vec![
                json!({"message": message, "extensions": {"code": "missingRequiredVariable"}}),
            ]);
        }
    };
    let mut checker = Checker {
        document: &document,
        errors: Vec::new(),
        visits: 0,
    };
    let root = if operation.mutation {
        "Mutation"
    } else {
        "Query"
    };
    checker.check(&operation.selections, root, &mut Vec::new(), 0);
    if !checker.errors.is_empty() {
        return refuse(checker.errors);
    }
    let mut run = Run {
        exchange,
        document: &document,
        variables,
        errors: Vec::new(),
        resolved: 0,
    };
    let mut data = Map::new();
    let root = if operation.mutation {
        Node::Mutation
    } else {
        Node::Query
    };
    run.select(&root, &operation.selections, &mut data, &mut Vec::new(), 0);
    let mut body = json!({"data": data});
    if !run.errors.is_empty() {
        body["errors"] = Value::Array(run.errors);
    }
    Ok(Answer::ok(body))
}

fn variables(
    operation: &Operation,
    given: Option<&Value>,
) -> Result<BTreeMap<String, Input>, String> {
    let mut variables = BTreeMap::new();
    for variable in &operation.variables {
        match given.and_then(|given| given.get(&variable.name)) {
            Some(value) => {
                variables.insert(variable.name.clone(), input(value));
            }
            None => match &variable.default {
                Some(default) => {
                    variables.insert(variable.name.clone(), default.clone());
                }
                None if variable.required => {
                    return Err(format!(
                        "Variable ${} was provided invalid value",
                        variable.name
                    ));
                }
                None => {}
            },
        }
    }
    Ok(variables)
}

/// JSON as an input value. The depth is that of the JSON, which its parser limits.
fn input(value: &Value) -> Input {
    match value {
        Value::Null => Input::Null,
        Value::Bool(flag) => Input::Bool(*flag),
        Value::Number(number) => number.as_i64().map_or_else(
            || Input::Float(number.as_f64().unwrap_or_default()),
            Input::Int,
        ),
        Value::String(text) => Input::String(text.clone()),
        Value::Array(items) => Input::List(items.iter().map(input).collect()),
        Value::Object(members) => Input::Object(
            members
                .iter()
                .map(|(name, value)| (name.clone(), input(value)))
                .collect(),
        ),
    }
}

/// Checks that every field exists.
struct Checker<'a> {
    document: &'a Document,
    errors: Vec<Value>,
    visits: usize,
}

impl Checker<'_> {
    fn check(
        &mut self,
        selections: &[Selection],
        kind: &str,
        path: &mut Vec<String>,
        depth: usize,
    ) {
        self.visits += 1;
        if depth > DEPTH_LIMIT || self.visits > 20_000 {
            if self.errors.is_empty() {
                self.errors
                    .push(json!({"message": "Query is too large or nested too deeply"}));
            }
            return;
        }
        for selection in selections {
            match selection {
                Selection::Field(field) => self.check_field(field, kind, path, depth),
                Selection::Spread { name, .. } => match self.document.fragments.get(name) {
                    Some(fragment) => self.check_fragment(&fragment.on, &fragment.selections, path, depth),
                    None => self.errors.push(json!({
                        "message": format!("Fragment {name} was used, but not defined"),
                        "path": path, "extensions": {"code": "useAndDefineFragment", "fragmentName": name},
                    })),
                },
                Selection::Inline { on, selections, .. } => {
                    let on = on.clone().unwrap_or_else(|| kind.to_owned());
                    self.check_fragment(&on, selections, path, depth);
                }
            }
        }
    }

    fn check_fragment(
        &mut self,
        on: &str,
        selections: &[Selection],
        path: &mut Vec<String>,
        depth: usize,
    ) {
        if schema().fields(on).is_none() {
            self.errors.push(json!({
                "message": format!("No such type {on}, so it can't be a fragment condition"),
                "path": path, "extensions": {"code": "undefinedType", "typeName": on},
            }));
            return;
        }
        self.check(selections, on, path, depth + 1);
    }

    fn check_field(&mut self, field: &Field, kind: &str, path: &mut Vec<String>, depth: usize) {
        if field.name == "__typename" {
            return;
        }
        path.push(field.alias.clone());
        let target = match field.name.as_str() {
            "__type" if kind == "Query" => Some("__Type".to_owned()),
            "__schema" if kind == "Query" => Some("__Schema".to_owned()),
            name => schema()
                .fields(kind)
                .and_then(|fields| fields.get(name))
                .cloned(),
        };
        match target {
            None => self.errors.push(json!({
                "message": format!("Field '{}' doesn't exist on type '{kind}'", field.name),
                "path": path, "extensions": {"code": "undefinedField", "typeName": kind, "fieldName": field.name},
            })),
            Some(target) if Schema::is_leaf(&target) => {
                if !field.selections.is_empty() {
                    self.errors.push(json!({
                        "message": format!("Selections can't be made on scalars (field '{}' returns {target} but has selections)", field.name),
                        "path": path, "extensions": {"code": "selectionMismatch"},
                    }));
                }
            }
            Some(target) if field.selections.is_empty() => self.errors.push(json!({
                "message": format!("Field must have selections (field '{}' returns {target} but has no selections. Did you mean '{} {{ ... }}'?)", field.name, field.name),
                "path": path, "extensions": {"code": "selectionMismatch"},
            })),
            Some(target) => self.check(&field.selections, &target, path, depth + 1),
        }
        path.pop();
    }
}

/// Arguments with variables replaced.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arguments(pub(crate) BTreeMap<String, Input>);

impl Arguments {
    pub(crate) fn get(&self, name: &str) -> Option<&Input> {
        self.0.get(name).filter(|value| **value != Input::Null)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Input::String(text) | Input::Enum(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        match self.get(name) {
            Some(Input::Int(number)) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name) {
            Some(Input::Bool(flag)) => Some(*flag),
            _ => None,
        }
    }

    /// A list of texts; one text counts as a list of one.
    pub(crate) fn texts(&self, name: &str) -> Option<Vec<String>> {
        match self.get(name)? {
            Input::List(items) => Some(
                items
                    .iter()
                    .filter_map(|item| match item {
                        Input::String(text) | Input::Enum(text) => Some(text.clone()),
                        _ => None,
                    })
                    .collect(),
            ),
            Input::String(text) | Input::Enum(text) => Some(vec![text.clone()]),
            _ => None,
        }
    }

    pub(crate) fn object(&self, name: &str) -> Option<Arguments> {
        match self.get(name) {
            Some(Input::Object(members)) => Some(Arguments(members.clone())),
            _ => None,
        }
    }

    pub(crate) fn objects(&self, name: &str) -> Vec<Arguments> {
        match self.get(name) {
            Some(Input::List(items)) => items
                .iter()
                .filter_map(|item| match item {
                    Input::Object(members) => Some(Arguments(members.clone())),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// One request being answered.
struct Run<'a, 'b> {
    exchange: &'a mut Exchange<'b>,
    document: &'a Document,
    variables: BTreeMap<String, Input>,
    errors: Vec<Value>,
    resolved: usize,
}

impl Run<'_, '_> {
    fn value(&self, value: &Input) -> Input {
        match value {
            Input::Variable(name) => self.variables.get(name).cloned().unwrap_or(Input::Null),
            Input::List(items) => Input::List(items.iter().map(|item| self.value(item)).collect()),
            Input::Object(members) => Input::Object(
                members
                    .iter()
                    .map(|(name, value)| (name.clone(), self.value(value)))
                    .collect(),
            ),
            other => other.clone(),
        }
    }

    fn arguments(&self, arguments: &BTreeMap<String, Input>) -> Arguments {
        Arguments(
            arguments
                .iter()
                .map(|(name, value)| (name.clone(), self.value(value)))
                .collect(),
        )
    }

    fn is_selected(&self, directives: &[Directive]) -> bool {
        directives.iter().all(|directive| {
            let condition = self.arguments(&directive.arguments).flag("if");
            match directive.name.as_str() {
                "include" => condition != Some(false),
                "skip" => condition != Some(true),
                _ => true,
            }
        })
    }

    fn select(
        &mut self,
        node: &Node,
        selections: &[Selection],
        data: &mut Map<String, Value>,
        path: &mut Vec<Value>,
        depth: usize,
    ) {
        if depth > DEPTH_LIMIT {
            return;
        }
        for selection in selections {
            match selection {
                Selection::Field(field) if self.is_selected(&field.directives) => {
                    path.push(field.alias.clone().into());
                    let value = self.field(node, field, path, depth);
                    path.pop();
                    combine(data, &field.alias, value);
                }
                Selection::Field(_) => {}
                Selection::Spread { name, directives } => {
                    let document = self.document;
                    if let Some(fragment) = document.fragments.get(name)
                        && self.is_selected(directives)
                        && schema().is(&node.kind(self.exchange), &fragment.on)
                    {
                        self.select(node, &fragment.selections, data, path, depth + 1);
                    }
                }
                Selection::Inline {
                    on,
                    directives,
                    selections,
                } => {
                    let fits = on
                        .as_ref()
                        .is_none_or(|on| schema().is(&node.kind(self.exchange), on));
                    if fits && self.is_selected(directives) {
                        self.select(node, selections, data, path, depth + 1);
                    }
                }
            }
        }
    }

    fn field(&mut self, node: &Node, field: &Field, path: &mut Vec<Value>, depth: usize) -> Value {
        self.resolved += 1;
        if self.resolved > FIELD_LIMIT {
            return Value::Null;
        }
        if field.name == "__typename" {
            return node.kind(self.exchange).into();
        }
        let arguments = self.arguments(&field.arguments);
        let outcome = match node {
            Node::Mutation => mutation::resolve(self.exchange, &field.name, &arguments),
            node => field::resolve(self.exchange, node, &field.name, &arguments),
        };
        match outcome {
            Ok(found) => self.complete(&found, field, path, depth),
            Err(failure) => {
                let mut error = json!({"message": failure.message, "path": path});
                if !failure.kind.is_empty() {
                    error["type"] = failure.kind.into();
                }
                self.errors.push(error);
                Value::Null
            }
        }
    }

    fn complete(
        &mut self,
        found: &Node,
        field: &Field,
        path: &mut Vec<Value>,
        depth: usize,
    ) -> Value {
        match found {
            Node::Null => Value::Null,
            Node::Leaf(value) => value.clone(),
            Node::List(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| {
                    path.push(index.into());
                    let value = self.complete(item, field, path, depth);
                    path.pop();
                    value
                })
                .collect(),
            node => {
                let mut data = Map::new();
                self.select(node, &field.selections, &mut data, path, depth + 1);
                Value::Object(data)
            }
        }
    }
}

/// The same field asked for twice is one member with everything selected.
fn combine(data: &mut Map<String, Value>, alias: &str, value: Value) {
    match (data.get_mut(alias), value) {
        (Some(Value::Object(known)), Value::Object(more)) => {
            let names: BTreeSet<String> = more.keys().cloned().collect();
            let mut more = more;
            for name in names {
                if let Some(value) = more.remove(&name) {
                    combine(known, &name, value);
                }
            }
        }
        (Some(Value::Array(known)), Value::Array(more)) if known.len() == more.len() => {
            for (known, more) in known.iter_mut().zip(more) {
                if let (Value::Object(known), Value::Object(more)) = (known, more) {
                    for (name, value) in more {
                        combine(known, &name, value);
                    }
                }
            }
        }
        (_, value) => {
            data.insert(alias.to_owned(), value);
        }
    }
}
