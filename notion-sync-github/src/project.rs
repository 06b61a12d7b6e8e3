//! Projects, their fields and the values in them. They are reached by GraphQL only; ids of options
//! change when people edit them, so everything is found by name, each time.

use chrono::NaiveDate;
use notion_sync_core::value::Value;
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value as Json, json};

use crate::client::GithubClient;

/// A field as the parts below need it: ids and names of its options too.
macro_rules! field_parts {
    () => {
        "fragment F on ProjectV2FieldConfiguration{__typename \
         ...on ProjectV2FieldCommon{id name dataType} \
         ...on ProjectV2SingleSelectField{options{id name}} \
         ...on ProjectV2IterationField{configuration{iterations{id title} \
         completedIterations{id title}}}}"
    };
}

/// A value of a field.
macro_rules! value_parts {
    () => {
        "fragment V on ProjectV2ItemFieldValue{__typename \
         ...on ProjectV2ItemFieldSingleSelectValue{optionId name} \
         ...on ProjectV2ItemFieldIterationValue{iterationId title} \
         ...on ProjectV2ItemFieldDateValue{date} \
         ...on ProjectV2ItemFieldNumberValue{number} \
         ...on ProjectV2ItemFieldTextValue{text}}"
    };
}

/// A project by number, of an organisation and of a person of that name: one of them exists.
pub(crate) const FIND_PROJECT: &str = concat!(
    "query($owner:String!,$number:Int!){\
     organization(login:$owner){projectV2(number:$number){...J}} \
     user(login:$owner){projectV2(number:$number){...J}}} \
     fragment J on ProjectV2{id title closed viewerCanUpdate fields(first:100){nodes{...F}}} ",
    field_parts!()
);

/// Adds the issue, or answers the item that it has already.
pub(crate) const ADD_ITEM: &str = "mutation($project:ID!,$content:ID!){\
     addProjectV2ItemById(input:{projectId:$project,contentId:$content}){item{id}}}";

/// Sets one field.
pub(crate) const SET_FIELD: &str = concat!(
    "mutation($project:ID!,$item:ID!,$field:ID!,$name:String!,$value:ProjectV2FieldValue!){\
     updateProjectV2ItemFieldValue(input:{projectId:$project,itemId:$item,fieldId:$field,\
     value:$value}){projectV2Item{id fieldValueByName(name:$name){...V}}}} ",
    value_parts!()
);

/// Clears one field.
pub(crate) const CLEAR_FIELD: &str = "mutation($project:ID!,$item:ID!,$field:ID!){\
     clearProjectV2ItemFieldValue(input:{projectId:$project,itemId:$item,fieldId:$field}){\
     projectV2Item{id}}}";

/// Pages of 100 items that an issue can have: one for each project it is in.
const MAX_PAGES: u32 = 20;

/// Most fields of one project that are asked for at once.
pub(crate) const MAX_FIELDS: usize = 30;

/// The items of an issue with so many fields of each, and the project that is looked for.
pub(crate) fn items_of_issue(fields: usize) -> String {
    let (names, heads, values) = parts(fields);
    format!(
        "query($id:ID!,$project:ID!,$after:String{names}){{\
         project:node(id:$project){{...on ProjectV2{{id closed{heads}}}}} \
         node(id:$id){{...on Issue{{projectItems(first:100,after:$after){{\
         pageInfo{{hasNextPage endCursor}} \
         nodes{{id isArchived updatedAt project{{id}}{values}}}}}}}}}}} {}",
        value_parts!()
    )
}

/// A page of the items of a project with so many fields of each, and these fields.
pub(crate) fn items_of_project(fields: usize) -> String {
    let (names, _, values) = parts(fields);
    let fields: String = (0..fields)
        .map(|n| format!(" h{n}:field(name:$n{n}){{...F}}"))
        .collect();
    format!(
        "query($owner:String!,$number:Int!,$after:String{names}){{\
         organization(login:$owner){{projectV2(number:$number){{...P}}}} \
         user(login:$owner){{projectV2(number:$number){{...P}}}}}} \
         fragment P on ProjectV2{{id title closed{fields} items(first:100,after:$after){{\
         pageInfo{{hasNextPage endCursor}} nodes{{id isArchived updatedAt type \
         content{{__typename ...on Issue{{number updatedAt repository{{databaseId}}}}}}{values}}}}}}} \
         {} {}",
        field_parts!(),
        value_parts!()
    )
}

/// Variables, the fields themselves, and their values, of so many fields.
fn parts(fields: usize) -> (String, String, String) {
    let each = |part: &dyn Fn(usize) -> String| (0..fields).map(part).collect::<String>();
    (
        each(&|n| format!(",$n{n}:String!")),
        each(&|n| {
            format!(" h{n}:field(name:$n{n}){{...on ProjectV2FieldCommon{{name dataType}}}}")
        }),
        each(&|n| format!(" f{n}:fieldValueByName(name:$n{n}){{...V}}")),
    )
}

/// Names of fields as the variables of a document.
pub(crate) fn name_variables<'n>(names: impl Iterator<Item = &'n str>) -> Map<String, Json> {
    let each = names.enumerate();
    each.map(|(n, name)| (format!("n{n}"), json!(name)))
        .collect()
}

/// A project as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectInfo {
    pub(crate) id: String,
    /// Its title.
    pub title: String,
    /// Whether it is closed: then nothing in it can be changed.
    pub closed: bool,
    /// Whether the credential's holder may change it, as far as the answer says. A token without
    /// the scope `project` may not all the same.
    pub can_update: Option<bool>,
    /// Its fields, at most 100.
    pub fields: Vec<ProjectField>,
}

/// A field of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectField {
    pub(crate) id: String,
    /// Its name.
    pub name: String,
    /// What it holds, in GitHub's word: `SINGLE_SELECT`, `ITERATION`, `DATE`, `NUMBER`, `TEXT`; others
    /// are kept by GitHub itself.
    pub kind: String,
    /// Ids and names of its options or iterations.
    pub(crate) choices: Vec<(String, String)>,
}

impl ProjectField {
    /// Names of its options or iterations.
    pub fn options(&self) -> impl Iterator<Item = &str> {
        self.choices.iter().map(|(_, name)| name.as_str())
    }

    /// Whether people fill it in.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "SINGLE_SELECT" | "ITERATION" | "DATE" | "NUMBER" | "TEXT"
        )
    }

    pub(crate) fn read(field: &Json) -> Option<Self> {
        let choices = [
            "/options",
            "/configuration/iterations",
            "/configuration/completedIterations",
        ]
        .into_iter()
        .filter_map(|list| field.pointer(list)?.as_array())
        .flatten()
        .filter_map(|one| {
            let name = text(one, "/name").or_else(|| text(one, "/title"))?;
            Some((text(one, "/id")?.to_owned(), name.to_owned()))
        });
        Some(Self {
            id: text(field, "/id")?.to_owned(),
            name: text(field, "/name")?.to_owned(),
            kind: text(field, "/dataType").unwrap_or_default().to_owned(),
            choices: choices.collect(),
        })
    }
}

impl ProjectInfo {
    fn read(project: &Json) -> Option<Self> {
        let fields = project.pointer("/fields/nodes").and_then(Json::as_array);
        Some(Self {
            id: text(project, "/id")?.to_owned(),
            title: text(project, "/title").unwrap_or_default().to_owned(),
            closed: is(project, "/closed"),
            can_update: project.get("viewerCanUpdate").and_then(Json::as_bool),
            fields: (fields.into_iter().flatten())
                .filter_map(ProjectField::read)
                .collect(),
        })
    }

    /// A field by its name, whatever its case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&ProjectField> {
        self.fields.iter().find(|field| same(&field.name, name))
    }

    /// A field by its name, or which there are.
    pub(crate) fn known(&self, name: &str) -> std::result::Result<&ProjectField, String> {
        self.field(name).ok_or_else(|| {
            let known: Vec<&str> = self.fields.iter().map(|one| one.name.as_str()).collect();
            format!(
                "the project has no field {name:?}; it has {}",
                known.join(", ")
            )
        })
    }
}

/// Owner and number of a project written `owner/number`.
pub(crate) fn owner_and_number(name: &str) -> std::result::Result<(&str, u32), String> {
    let parts = name.split_once('/').and_then(|(owner, number)| {
        let number: u32 = number.parse().ok()?;
        (!owner.is_empty()).then_some((owner, number))
    });
    parts.ok_or_else(|| {
        format!("{name:?} names no project; write owner/number, as in the project's address")
    })
}

/// The project in an answer, or why there is none.
///
/// # Errors
///
/// What the answer says besides that one of organisation and person is missing.
pub(crate) fn found(
    name: &str,
    data: &mut Json,
    errors: Vec<Error>,
) -> Result<std::result::Result<Json, String>> {
    for kind in ["/organization/projectV2", "/user/projectV2"] {
        let found = data.pointer_mut(kind).map(Json::take);
        if let Some(project) = found.filter(Json::is_object) {
            return Ok(Ok(project));
        }
    }
    for error in errors {
        if error.kind() != ErrorKind::NotFound {
            return Err(error);
        }
    }
    Ok(Err(missing_project(name)))
}

pub(crate) fn missing_project(name: &str) -> String {
    format!("there is no project {name}, or the permission \"projects: write\" is missing")
}

impl GithubClient {
    /// Looks up a project by `owner/number`, its owner being an organisation or a person.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] for a name of another form; [`ErrorKind::NotFound`] when it is
    /// not there or not shared with the credential; everything a request can end with.
    pub async fn project(&self, name: &str) -> Result<ProjectInfo> {
        const DURING: &str = "look up a project";
        owner_and_number(name)
            .map_err(|why| Error::new(ErrorKind::Configuration, DURING).message(why))?;
        match self.find_project(DURING, name).await? {
            Ok(project) => Ok(project),
            Err(why) => Err(Error::new(ErrorKind::NotFound, DURING)
                .message(why)
                .remedy("correct the name, or let the credential read projects of its owner")),
        }
    }

    /// The project, or why there is none.
    pub(crate) async fn find_project(
        &self,
        during: &'static str,
        name: &str,
    ) -> Result<std::result::Result<ProjectInfo, String>> {
        let (owner, number) = match owner_and_number(name) {
            Ok(parts) => parts,
            Err(why) => return Ok(Err(why)),
        };
        let variables = json!({"owner": owner, "number": number});
        let (mut data, errors) = self.ask(during, FIND_PROJECT, variables).await?;
        match found(name, &mut data, errors)? {
            Ok(project) => match ProjectInfo::read(&project) {
                Some(project) => Ok(Ok(project)),
                None => Err(lacks_ids(during)),
            },
            Err(why) => Ok(Err(why)),
        }
    }

    /// The item of an issue in a project with the values of fields by name (`f0`, `f1`, …); `None`
    /// where it has none. Then the project: whether it is closed, and its fields (`h0`, `h1`, …).
    pub(crate) async fn item_of_issue(
        &self,
        during: &'static str,
        content: &str,
        project: &str,
        names: &[&str],
    ) -> Result<(Option<Json>, Json)> {
        let document = items_of_issue(names.len());
        let mut after: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let mut variables = name_variables(names.iter().copied());
            variables.insert("id".to_owned(), json!(content));
            variables.insert("project".to_owned(), json!(project));
            variables.insert("after".to_owned(), json!(after));
            let (mut data, errors) = self.ask(during, &document, variables.into()).await?;
            let within = data.get_mut("project").map(Json::take).unwrap_or_default();
            let Some(items) = data.pointer_mut("/node/projectItems") else {
                let missing = || Error::new(ErrorKind::NotFound, during);
                return Err(errors.into_iter().next().unwrap_or_else(missing));
            };
            let next = text(items, "/pageInfo/endCursor").map(str::to_owned);
            let more = is(items, "/pageInfo/hasNextPage");
            // Items of projects that must not be seen are null.
            let nodes = items.get_mut("nodes").and_then(Json::as_array_mut);
            let found = (nodes.into_iter().flatten())
                .find(|item| text(item, "/project/id") == Some(project));
            if let Some(item) = found {
                return Ok((Some(item.take()), within));
            }
            if !more || next.is_none() || next == after {
                return Ok((None, within));
            }
            after = next;
        }
        Err(Error::new(ErrorKind::Unavailable, during).message("the listing does not end"))
    }

    /// The item of an issue, which is the one that is there where there is one.
    pub(crate) async fn add_item(
        &self,
        during: &'static str,
        project: &str,
        content: &str,
    ) -> Result<String> {
        let variables = json!({"project": project, "content": content});
        let added = self.graphql(during, ADD_ITEM, variables).await?;
        let item = text(&added, "/addProjectV2ItemById/item/id");
        item.map(str::to_owned).ok_or_else(|| {
            Error::new(ErrorKind::NotApplied, during).message("the answer names no item")
        })
    }

    /// Sets or clears one field of an item; answers what stands there then.
    pub(crate) async fn set_item_field(
        &self,
        during: &'static str,
        (project, item): (&str, &str),
        (field, name): (&str, &str),
        (kind, value): (&str, &str),
    ) -> Result<Json> {
        if kind == CLEAR {
            let variables = json!({"project": project, "item": item, "field": field});
            self.graphql(during, CLEAR_FIELD, variables).await?;
            return Ok(Json::Null);
        }
        let value = match kind {
            "number" => json!(value.parse::<f64>().unwrap_or_default()),
            _ => json!(value),
        };
        let variables = json!({
            "project": project, "item": item, "field": field, "name": name,
            "value": {kind: value},
        });
        let mut data = self.graphql(during, SET_FIELD, variables).await?;
        let shown = "/updateProjectV2ItemFieldValue/projectV2Item/fieldValueByName";
        Ok(data.pointer_mut(shown).map(Json::take).unwrap_or_default())
    }
}

pub(crate) fn lacks_ids(during: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, during).message("the answer has no ids")
}

/// Instead of the member of a value: there shall be none.
pub(crate) const CLEAR: &str = "clear";

/// A value as a field takes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wanted {
    Nothing,
    Option(String),
    Iteration(String),
    Date(NaiveDate),
    Number(f64),
    Text(String),
}

impl Wanted {
    /// The value for a field, or what is wrong with it.
    pub(crate) fn of(field: &ProjectField, value: &str) -> std::result::Result<Self, String> {
        if value.is_empty() {
            return Ok(Self::Nothing);
        }
        Ok(match field.kind.as_str() {
            "SINGLE_SELECT" => Self::Option(named(field, value)?),
            "ITERATION" => Self::Iteration(named(field, value)?),
            "DATE" => {
                let day = value.get(..10).unwrap_or_default();
                let day = day.parse();
                day.map(Self::Date)
                    .map_err(|_| format!("{value:?} is no date; write it as 2026-03-01"))?
            }
            "NUMBER" => match value.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => Self::Number(number),
                _ => return Err(format!("{value:?} is no number")),
            },
            "TEXT" => Self::Text(value.to_owned()),
            _ => return Err(kept_by_github(field)),
        })
    }

    /// Whether the value of a field is this one.
    pub(crate) fn holds(&self, now: &Json) -> bool {
        match self {
            Self::Nothing => now.is_null() || text(now, "/text") == Some(""),
            Self::Option(id) => text(now, "/optionId") == Some(id),
            Self::Iteration(id) => text(now, "/iterationId") == Some(id),
            Self::Date(date) => text(now, "/date") == Some(date.to_string().as_str()),
            Self::Number(number) => now.get("number").and_then(Json::as_f64) == Some(*number),
            Self::Text(said) => text(now, "/text") == Some(said),
        }
    }

    /// The member of a value, and the value.
    pub(crate) fn parts(self) -> (&'static str, String) {
        match self {
            Self::Nothing => (CLEAR, String::new()),
            Self::Option(id) => ("singleSelectOptionId", id),
            Self::Iteration(id) => ("iterationId", id),
            Self::Date(date) => ("date", date.to_string()),
            Self::Number(number) => ("number", number.to_string()),
            Self::Text(text) => ("text", text),
        }
    }
}

fn kept_by_github(field: &ProjectField) -> String {
    format!(
        "the field {} ({}) is kept by GitHub itself; set it on the issue",
        field.name,
        field.kind.to_lowercase().replace('_', " ")
    )
}

/// The id of an option or iteration by name.
fn named(field: &ProjectField, value: &str) -> std::result::Result<String, String> {
    let found = field.choices.iter().find(|(_, name)| same(name, value));
    found.map(|(id, _)| id.clone()).ok_or_else(|| {
        let known: Vec<&str> = field.options().collect();
        format!(
            "the field {} has no {value:?}; it has {}",
            field.name,
            known.join(", ")
        )
    })
}

/// The value of a field as an item shows it: options and iterations by name. `None` for one that
/// people do not fill in.
pub(crate) fn value_of(shown: &Json) -> Option<Value> {
    if shown.is_null() {
        return Some(Value::Null);
    }
    let said = |pointer: &str| Value::text(text(shown, pointer).unwrap_or_default());
    Some(match text(shown, "/__typename")? {
        "ProjectV2ItemFieldSingleSelectValue" => said("/name"),
        "ProjectV2ItemFieldIterationValue" => said("/title"),
        "ProjectV2ItemFieldDateValue" => said("/date"),
        "ProjectV2ItemFieldTextValue" => said("/text"),
        "ProjectV2ItemFieldNumberValue" => shown
            .get("number")
            .and_then(Json::as_f64)
            .map_or(Value::Null, |number| Value::Number(number.to_string())),
        _ => return None,
    })
}

pub(crate) fn same(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// A text in an answer.
pub(crate) fn text<'a>(value: &'a Json, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

/// Whether something is said to be so.
pub(crate) fn is(value: &Json, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Json::as_bool) == Some(true)
}
