//! Reading the schema of a data source that somebody sent.

use serde_json::Value;

use super::error::{ApiError, ApiResult};
use super::id::NotionId;
use super::input::{Input, one_of_missing};
use super::property::{Kind, Property, SelectOption, StatusGroup};
use super::value_input::new_option;
use super::workspace::{Act, Workspace};

const KINDS: [&str; 23] = [
    "title",
    "rich_text",
    "number",
    "select",
    "multi_select",
    "status",
    "date",
    "people",
    "files",
    "checkbox",
    "url",
    "email",
    "phone_number",
    "relation",
    "verification",
    "place",
    "formula",
    "rollup",
    "unique_id",
    "created_time",
    "last_edited_time",
    "created_by",
    "last_edited_by",
];

/// Reads a schema map for a new table: names to property objects.
pub(crate) fn new_schema(
    ws: &mut Workspace,
    owner: NotionId,
    input: &Input<'_>,
) -> ApiResult<Vec<Property>> {
    let mut out: Vec<Property> = Vec::new();
    for name in input.object()?.keys() {
        let at = input.key(name);
        let kind =
            kind_of(ws, owner, &at, None)?.ok_or_else(|| one_of_missing(at.path(), &KINDS))?;
        let is_title = kind == Kind::Title;
        if is_title && out.iter().any(|property| property.id == "title") {
            return Err(input.wrong("a schema with exactly one title property"));
        }
        let id = if is_title {
            "title".to_owned()
        } else {
            ws.next_short_id(|id| out.iter().any(|property| property.id == id))
        };
        let description = at
            .key("description")
            .present()
            .map(Input::text)
            .transpose()?;
        out.push(Property {
            id,
            name: name.clone(),
            description: description.map(str::to_owned),
            kind,
        });
    }
    if !out.iter().any(|property| property.id == "title") {
        return Err(ApiError::validation("Title is not provided"));
    }
    Ok(out)
}

/// Applies a schema change: rename, retype, describe, add, delete. All or nothing.
pub(crate) fn change_schema(
    ws: &mut Workspace,
    source: NotionId,
    input: &Input<'_>,
    act: Act,
) -> ApiResult<()> {
    let Some(table) = ws.objects.sources.get(&source) else {
        return Ok(());
    };
    let mut properties = table.properties.clone();
    let mut dual: Vec<(String, NotionId)> = Vec::new();
    for key in input.object()?.keys() {
        let at = input.key(key);
        let position = ws
            .objects
            .sources
            .get(&source)
            .and_then(|table| table.property(key))
            .map(|p| p.id.clone());
        let position = position.and_then(|id| properties.iter().position(|p| p.id == id));
        if at.is_null() {
            match position {
                Some(index) if properties.get(index).is_some_and(|p| p.id == "title") => {
                    return Err(ApiError::validation("Cannot delete the title property."));
                }
                Some(index) => {
                    properties.remove(index);
                }
                None => return Err(unknown(key)),
            }
            continue;
        }
        at.object()?;
        let old = position
            .and_then(|index| properties.get(index))
            .map(|p| p.kind.clone());
        let kind = kind_of(ws, source, &at, old.as_ref())?;
        let renamed = at
            .key("name")
            .present()
            .map(|name| name.text_up_to(2000))
            .transpose()?;
        if let Some(name) = renamed
            && properties
                .iter()
                .enumerate()
                .any(|(n, p)| p.name == name && Some(n) != position)
        {
            return Err(ApiError::validation(format!(
                "Cannot rename property to {name}: a property of this name exists."
            )));
        }
        let wants_dual = at.key("relation").key("dual_property").present().is_some();
        match position.and_then(|index| properties.get_mut(index)) {
            Some(property) => {
                if let Some(kind) = kind {
                    if (property.id == "title") != (kind == Kind::Title) {
                        return Err(ApiError::validation(
                            "Cannot change the type of the title property, nor make another one.",
                        ));
                    }
                    property.kind = kind;
                }
                if let Some(name) = renamed {
                    property.name = name.to_owned();
                }
                let described = at.key("description");
                if described.raw().is_some() {
                    property.description = described
                        .present()
                        .map(Input::text)
                        .transpose()?
                        .map(str::to_owned);
                }
            }
            None => {
                let Some(kind) = kind else {
                    return Err(unknown(key));
                };
                if kind == Kind::Title {
                    return Err(ApiError::validation(
                        "Cannot create a second title property.",
                    ));
                }
                let id = ws.next_short_id(|id| properties.iter().any(|p| p.id == id));
                if let (true, Kind::Relation { source, .. }) = (wants_dual, &kind) {
                    dual.push((id.clone(), *source));
                }
                let described = at
                    .key("description")
                    .present()
                    .map(Input::text)
                    .transpose()?;
                properties.push(Property {
                    id,
                    name: renamed.unwrap_or(key).to_owned(),
                    description: described.map(str::to_owned),
                    kind,
                });
            }
        }
    }
    let name = ws.title_text(source).unwrap_or_default();
    if let Some(table) = ws.objects.sources.get_mut(&source) {
        table.properties = properties;
        table.edited_at = act.at;
        table.edited_by = act.by;
    }
    for (property, other) in dual {
        make_dual(ws, source, &property, other, &name);
    }
    ws.changes += 1;
    Ok(())
}

/// Adds the other side of a dual relation.
fn make_dual(ws: &mut Workspace, source: NotionId, property: &str, other: NotionId, name: &str) {
    let taken: Vec<String> = ws
        .objects
        .sources
        .get(&other)
        .map(|table| table.properties.iter().map(|p| p.id.clone()).collect())
        .unwrap_or_default();
    let back = ws.next_short_id(|id| taken.iter().any(|taken| taken == id));
    let column = ws
        .objects
        .sources
        .get(&source)
        .and_then(|table| table.properties.iter().find(|p| p.id == property))
        .map(|p| p.name.clone())
        .unwrap_or_default();
    if let Some(table) = ws.objects.sources.get_mut(&other) {
        table.properties.push(Property {
            id: back.clone(),
            name: format!("Related to {name} ({column})"),
            description: None,
            kind: Kind::Relation {
                source,
                synced: Some(property.to_owned()),
            },
        });
    }
    if let Some(table) = ws.objects.sources.get_mut(&source)
        && let Some(property) = table.properties.iter_mut().find(|p| p.id == property)
        && let Kind::Relation { synced, .. } = &mut property.kind
    {
        *synced = Some(back);
    }
}

fn unknown(key: &str) -> ApiError {
    ApiError::validation(format!("Could not find property with name or id: {key}"))
}

/// The type and configuration in a property object; `None` when it names no type.
fn kind_of(
    ws: &Workspace,
    owner: NotionId,
    input: &Input<'_>,
    old: Option<&Kind>,
) -> ApiResult<Option<Kind>> {
    let object = input.object()?;
    let name = match input.key("type").present() {
        Some(named) => named.text()?,
        None => {
            match object
                .keys()
                .find(|key| !matches!(key.as_str(), "name" | "description" | "id"))
            {
                Some(key) => key,
                None => return Ok(None),
            }
        }
    };
    let config = input.key(name);
    let config_object = config.object()?;
    Ok(Some(match name {
        "title" => Kind::Title,
        "rich_text" => Kind::RichText,
        "number" => Kind::Number {
            format: match config.key("format").present() {
                Some(format) => format.text_up_to(100)?.to_owned(),
                None => "number".to_owned(),
            },
        },
        "select" => Kind::Select {
            options: options(ws, owner, &config, old)?,
        },
        "multi_select" => Kind::MultiSelect {
            options: options(ws, owner, &config, old)?,
        },
        "status" => status(ws, owner, &config, old)?,
        "date" => Kind::Date,
        "people" => Kind::People,
        "files" => Kind::Files,
        "checkbox" => Kind::Checkbox,
        "url" => Kind::Url,
        "email" => Kind::Email,
        "phone_number" => Kind::PhoneNumber,
        "relation" => {
            let target = config.key("data_source_id");
            let source = target.id()?;
            if !ws.objects.sources.contains_key(&source) && source != owner {
                return Err(ApiError::not_found("data source", source, &ws.name));
            }
            let synced = match old {
                Some(Kind::Relation { synced, .. }) => synced.clone(),
                _ => None,
            };
            Kind::Relation { source, synced }
        }
        "verification" => Kind::Verification,
        "place" => Kind::Place,
        "formula" => Kind::Formula {
            expression: config.key("expression").text()?.to_owned(),
        },
        "rollup" => {
            let either = |id: &str, name: &str| -> ApiResult<String> {
                match config.key(id).present() {
                    Some(id) => Ok(id.text()?.to_owned()),
                    None => Ok(config.key(name).text()?.to_owned()),
                }
            };
            Kind::Rollup {
                relation: either("relation_property_id", "relation_property_name")?,
                target: either("rollup_property_id", "rollup_property_name")?,
                function: config.key("function").text()?.to_owned(),
            }
        }
        "unique_id" => Kind::UniqueId {
            prefix: config
                .key("prefix")
                .present()
                .map(Input::text)
                .transpose()?
                .map(str::to_owned),
        },
        "created_time" => Kind::CreatedTime,
        "last_edited_time" => Kind::LastEditedTime,
        "created_by" => Kind::CreatedBy,
        "last_edited_by" => Kind::LastEditedBy,
        "button" => Kind::Button,
        other if KNOWN_OPAQUE.contains(&other) => Kind::Other {
            kind: other.to_owned(),
            config: Value::Object(config_object.clone()),
        },
        _ => return Err(one_of_missing(input.path(), &KINDS)),
    }))
}

/// Types that exist in schemas and nowhere else.
const KNOWN_OPAQUE: [&str; 2] = ["location", "last_visited_time"];

/// The options of a select: the sent list replaces the stored one, what stays keeps its id.
fn options(
    ws: &Workspace,
    owner: NotionId,
    config: &Input<'_>,
    old: Option<&Kind>,
) -> ApiResult<Vec<SelectOption>> {
    let before = old.and_then(Kind::options).unwrap_or_default();
    let Some(list) = config.key("options").present().cloned() else {
        return Ok(before.to_vec());
    };
    let mut out: Vec<SelectOption> = Vec::new();
    for (index, item) in list.array(100)?.iter().enumerate() {
        item.object()?;
        let id = item.key("id").present().map(Input::text).transpose()?;
        let name = item.key("name");
        let kept = before
            .iter()
            .find(|option| match id {
                Some(id) => option.id == id,
                None => name.raw().and_then(Value::as_str) == Some(option.name.as_str()),
            })
            .cloned();
        let mut option = match kept {
            Some(option) => option,
            None => {
                let count = before.len() + index;
                let mut option =
                    new_option(ws.seed, &format!("{owner} {}", config.path()), &name, count)?;
                if let Some(id) = id {
                    option.id = id.to_owned();
                }
                option
            }
        };
        if let Some(name) = name.present() {
            option.name = name.text_up_to(100)?.to_owned();
        }
        if let Some(color) = item.key("color").present() {
            option.color = color.text_up_to(40)?.to_owned();
        }
        if let Some(text) = item.key("description").present() {
            option.description = Some(text.text_up_to(2000)?.to_owned());
        }
        if out.iter().any(|other| other.name == option.name) {
            return Err(item.wrong("an option with a name of its own"));
        }
        out.push(option);
    }
    Ok(out)
}

/// A status: options are added to groups, groups are the three that always exist.
fn status(
    ws: &Workspace,
    owner: NotionId,
    config: &Input<'_>,
    old: Option<&Kind>,
) -> ApiResult<Kind> {
    let before = match old {
        Some(Kind::Status { options, groups }) => Some((options.clone(), groups.clone())),
        _ => None,
    };
    let seeded = |name: &str| {
        NotionId::derived(ws.seed, &format!("status {owner} {} {name}", config.path())).to_string()
    };
    let (mut options_now, mut groups) = before.unwrap_or_else(|| {
        let option = |name: &str, color: &str| SelectOption {
            id: seeded(name),
            name: name.to_owned(),
            color: color.to_owned(),
            description: None,
        };
        let group = |name: &str, color: &str, options: &[&str]| StatusGroup {
            id: seeded(&format!("group {name}")),
            name: name.to_owned(),
            color: color.to_owned(),
            options: options.iter().map(|name| seeded(name)).collect(),
        };
        (
            vec![
                option("Not started", "default"),
                option("In progress", "blue"),
                option("Done", "green"),
            ],
            vec![
                group("To-do", "gray", &["Not started"]),
                group("In progress", "blue", &["In progress"]),
                group("Complete", "green", &["Done"]),
            ],
        )
    });
    if config.key("options").present().is_some() {
        let list = config.key("options");
        let kind = Kind::Status {
            options: options_now,
            groups: Vec::new(),
        };
        let new = options(ws, owner, config, Some(&kind))?;
        for (option, item) in new.iter().zip(list.array(100)?) {
            if groups
                .iter()
                .any(|group| group.options.contains(&option.id))
            {
                continue;
            }
            let wanted = match item.key("group").present() {
                Some(group) => Some(group.text()?),
                None => None,
            };
            let index = match wanted {
                Some(name) => groups
                    .iter()
                    .position(|group| group.name == name)
                    .ok_or_else(|| item.key("group").wrong("the name of a group that exists"))?,
                None => groups
                    .iter()
                    .position(|group| group.name == "To-do")
                    .unwrap_or(0),
            };
            if let Some(group) = groups.get_mut(index) {
                group.options.push(option.id.clone());
            }
        }
        for group in &mut groups {
            group
                .options
                .retain(|id| new.iter().any(|option| option.id == *id));
        }
        options_now = new;
    }
    if let Some(sent) = config.key("groups").present() {
        // Only worlds describe groups; requests repeat what they read.
        for item in sent.array(10)? {
            let name = item.key("name").text()?;
            let Some(members) = item.key("options").present().cloned() else {
                continue;
            };
            for member in members.array(100)? {
                let Some(id) = options_now
                    .iter()
                    .find(|option| {
                        Some(option.name.as_str()) == member.raw().and_then(Value::as_str)
                    })
                    .map(|option| option.id.clone())
                else {
                    continue;
                };
                for group in &mut groups {
                    group.options.retain(|other| *other != id);
                    if group.name == name {
                        group.options.push(id.clone());
                    }
                }
            }
        }
    }
    Ok(Kind::Status {
        options: options_now,
        groups,
    })
}
