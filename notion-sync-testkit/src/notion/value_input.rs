//! Reading property values that somebody sent.

use serde_json::{Value, json};

use super::block_input::Rules;
use super::error::{ApiError, ApiResult};
use super::file_input::file_ref;
use super::id::NotionId;
use super::input::Input;
use super::model::Parent;
use super::property::{FileEntry, Kind, Property, PropertyValue, SelectOption};
use super::text_input::{date, rich_text};
use super::view_page::plain_title;
use super::workspace::{Act, Workspace};

/// The most references or options in one write.
const MOST_REFERENCES: usize = 100;

/// Values that were read and checked, not written yet.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Property id and its new value; `None` empties it.
    pub(crate) values: Vec<(String, Option<PropertyValue>)>,
    /// Options that a write of an unknown name adds, by property id.
    options: Vec<(String, SelectOption)>,
}

/// Reads the `properties` of a page that stands in `parent`.
pub(crate) fn values(ws: &Workspace, parent: Parent, input: &Input<'_>) -> ApiResult<Written> {
    let mut out = Written::default();
    let Some(input) = input.present() else {
        return Ok(out);
    };
    let source = match parent {
        Parent::Source(id) => ws.objects.sources.get(&id),
        _ => None,
    };
    let title = plain_title();
    for (key, value) in input.object()? {
        let property = match source {
            Some(source) => source.property(key),
            None => (key == "title").then_some(&title),
        };
        let Some(property) = property else {
            return Err(ApiError::validation(format!(
                "{key} is not a property that exists."
            )));
        };
        let at = input.key(key);
        let kind = property.kind.name();
        if property.kind.is_read_only() {
            return Err(ApiError::validation(format!(
                "{key} is a {kind} property, which cannot be set through the API."
            )));
        }
        // A title may be sent as the bare array of its rich text.
        let inner = if kind == "title" && value.is_array() {
            at.clone()
        } else {
            at.key(kind)
        };
        if inner.raw().is_none() {
            return Err(ApiError::validation(format!(
                "{key} is expected to be {kind}."
            )));
        }
        let value = read(ws, property, &inner, &mut out)?;
        out.values.push((property.id.clone(), value));
    }
    Ok(out)
}

/// One value of a property. `null` empties what can be empty.
fn read(
    ws: &Workspace,
    property: &Property,
    input: &Input<'_>,
    out: &mut Written,
) -> ApiResult<Option<PropertyValue>> {
    let word = |max: usize| -> ApiResult<Option<PropertyValue>> {
        match input.present() {
            None => Ok(None),
            Some(input) => {
                let text = input.text_up_to(max)?;
                Ok((!text.is_empty()).then(|| PropertyValue::Word(text.to_owned())))
            }
        }
    };
    Ok(match &property.kind {
        Kind::Title | Kind::RichText => Some(PropertyValue::Text(rich_text(ws, input)?))
            .filter(|v| *v != PropertyValue::Text(vec![])),
        Kind::Number { .. } => match input.raw() {
            Some(Value::Null) => None,
            Some(Value::Number(number)) => Some(PropertyValue::Number(number.clone())),
            _ => return Err(input.wrong("a number")),
        },
        Kind::Select { .. } => match input.present() {
            None => None,
            Some(input) => Some(PropertyValue::Choice(choose(ws, property, input, out)?)),
        },
        Kind::Status { options, .. } => match input.present() {
            None => default_status(property),
            Some(input) => Some(PropertyValue::Choice(existing(
                options,
                input,
                &property.name,
            )?)),
        },
        Kind::MultiSelect { .. } => {
            let mut ids = Vec::new();
            for item in input.array(MOST_REFERENCES)? {
                let id = choose(ws, property, &item, out)?;
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
            (!ids.is_empty()).then_some(PropertyValue::Choices(ids))
        }
        Kind::Date => match input.present() {
            None => None,
            Some(input) => Some(PropertyValue::Date(date(input)?)),
        },
        Kind::People => {
            let mut ids = Vec::new();
            for item in input.array(MOST_REFERENCES)? {
                let at = item.key("id");
                let id = at.id()?;
                if ws
                    .objects
                    .users
                    .get(&id)
                    .is_none_or(|user| user.capabilities.is_some())
                {
                    return Err(at.wrong("the id of a person in this workspace"));
                }
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
            (!ids.is_empty()).then_some(PropertyValue::Ids(ids))
        }
        Kind::Relation { source, .. } => {
            let mut ids = Vec::new();
            for item in input.array(MOST_REFERENCES)? {
                let at = item.key("id");
                let id = at.id()?;
                let page = ws.objects.pages.get(&id);
                if !page.is_some_and(|page| page.state.parent == Parent::Source(*source)) {
                    return Err(ApiError::validation(format!(
                        "{} is expected to hold pages of the related data source, {id} is not one.",
                        property.name
                    )));
                }
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
            (!ids.is_empty()).then_some(PropertyValue::Ids(ids))
        }
        Kind::Files => {
            let mut files = Vec::new();
            for item in input.array(MOST_REFERENCES)? {
                let file = file_ref(&item, Rules::Request)?;
                let name = match item.key("name").present() {
                    Some(name) => name.text_up_to(100)?.to_owned(),
                    None if item.key("file_upload").present().is_some() => "file".to_owned(),
                    None => return Err(item.key("name").wrong("defined")),
                };
                files.push(FileEntry { name, file });
            }
            (!files.is_empty()).then_some(PropertyValue::Files(files))
        }
        Kind::Checkbox => Some(PropertyValue::Checkbox(input.boolean()?)),
        Kind::Url => word(2000)?,
        Kind::Email | Kind::PhoneNumber => word(200)?,
        Kind::Verification => {
            let state = input.key("state").word(&["verified", "unverified"])?;
            let date = input.key("date").present().map(date).transpose()?;
            let date = date.as_ref().map(super::view::date_value);
            Some(PropertyValue::Object(json!({
                "state": state, "verified_by": null, "date": date,
            })))
        }
        Kind::Place => match input.present() {
            None => None,
            Some(input) => {
                let word = |key: &str| -> ApiResult<Option<String>> {
                    input
                        .key(key)
                        .present()
                        .map(|v| v.text().map(str::to_owned))
                        .transpose()
                };
                Some(PropertyValue::Object(json!({
                    "lat": input.key("lat").number()?,
                    "lon": input.key("lon").number()?,
                    "name": word("name")?,
                    "address": word("address")?,
                    "aws_place_id": word("aws_place_id")?,
                    "google_place_id": word("google_place_id")?,
                })))
            }
        },
        _ => return Err(input.wrong("not present")),
    })
}

/// The option a status has when nobody set one: the first of the first group, or of the list.
pub(crate) fn default_status(property: &Property) -> Option<PropertyValue> {
    let Kind::Status { options, groups } = &property.kind else {
        return None;
    };
    groups
        .first()
        .and_then(|group| group.options.first().cloned())
        .or_else(|| options.first().map(|option| option.id.clone()))
        .map(PropertyValue::Choice)
}

/// An option that exists, by name or id.
fn existing(options: &[SelectOption], input: &Input<'_>, name: &str) -> ApiResult<String> {
    if let Some(id) = input.key("id").present() {
        let id = id.text()?;
        return match options.iter().find(|option| option.id == id) {
            Some(option) => Ok(option.id.clone()),
            None => Err(ApiError::validation(format!(
                "Invalid status option. Status option with ID \"{id}\" does not exist in {name}."
            ))),
        };
    }
    let wanted = input.key("name").text()?;
    options
        .iter()
        .find(|option| option.name == wanted)
        .map(|option| option.id.clone())
        .ok_or_else(|| {
            ApiError::validation(format!(
                "Invalid status option. Status option \"{wanted}\" does not exist."
            ))
        })
}

/// An option by name or id; an unknown name becomes a new option.
fn choose(
    ws: &Workspace,
    property: &Property,
    input: &Input<'_>,
    out: &mut Written,
) -> ApiResult<String> {
    input.object()?;
    let options = property.kind.options().unwrap_or_default();
    if input.key("id").present().is_some() {
        let id = input.key("id").text()?;
        return match options.iter().find(|option| option.id == id) {
            Some(option) => Ok(option.id.clone()),
            None => Err(ApiError::validation(format!(
                "Select option with ID \"{id}\" does not exist in {}.",
                property.name
            ))),
        };
    }
    let named = input.key("name");
    let name = named.text_up_to(100)?;
    if let Some(option) = options.iter().find(|option| option.name == name) {
        return Ok(option.id.clone());
    }
    if let Some((_, option)) = out
        .options
        .iter()
        .find(|(id, option)| *id == property.id && option.name == name)
    {
        return Ok(option.id.clone());
    }
    let option = new_option(
        ws.seed,
        &property.id,
        &named,
        options.len() + out.options.len(),
    )?;
    out.options.push((property.id.clone(), option.clone()));
    Ok(option.id)
}

/// A new option of a name that a request may use.
pub(crate) fn new_option(
    seed: u64,
    property: &str,
    name: &Input<'_>,
    count: usize,
) -> ApiResult<SelectOption> {
    const COLORS: [&str; 10] = [
        "default", "gray", "brown", "orange", "yellow", "green", "blue", "purple", "pink", "red",
    ];
    let text = name.text_up_to(100)?;
    if text.is_empty() {
        return Err(name.wrong("populated"));
    }
    if text.contains(',') {
        return Err(ApiError::validation(format!(
            "Invalid select option, commas not allowed: {text}"
        )));
    }
    let id = NotionId::derived(seed, &format!("option {property} {count} {text}"));
    let shade = usize::from(u8::from_str_radix(id.hex().get(..2).unwrap_or("0"), 16).unwrap_or(0));
    Ok(SelectOption {
        id: id.to_string(),
        name: text.to_owned(),
        color: COLORS
            .get(shade % COLORS.len())
            .copied()
            .unwrap_or("default")
            .to_owned(),
        description: None,
    })
}

impl Workspace {
    /// Adds the options that a write brings along.
    pub(crate) fn add_options(&mut self, parent: Parent, written: &mut Written, act: Act) {
        let Parent::Source(id) = parent else { return };
        let Some(source) = self.objects.sources.get_mut(&id) else {
            return;
        };
        for (property, option) in std::mem::take(&mut written.options) {
            let property = source.properties.iter_mut().find(|p| p.id == property);
            if let Some(options) = property.and_then(|property| property.kind.options_mut()) {
                options.push(option);
                source.edited_at = act.at;
                source.edited_by = act.by;
                self.changes += 1;
            }
        }
    }

    /// Writes checked values into a page, with the other side of dual relations.
    pub(crate) fn write_values(&mut self, page: NotionId, mut written: Written, act: Act) {
        let Some(parent) = self.objects.pages.get(&page).map(|page| page.state.parent) else {
            return;
        };
        self.add_options(parent, &mut written, act);
        if written.values.is_empty() {
            return;
        }
        for (id, value) in &written.values {
            self.mirror_relation(page, parent, id, value.as_ref(), act);
        }
        self.edit_page(page, act, |state| {
            for (id, value) in written.values {
                match value {
                    Some(value) => state.values.insert(id, value),
                    None => state.values.remove(&id),
                };
            }
        });
    }

    /// Keeps the other side of a dual relation in step.
    fn mirror_relation(
        &mut self,
        page: NotionId,
        parent: Parent,
        property: &str,
        value: Option<&PropertyValue>,
        act: Act,
    ) {
        let Parent::Source(source) = parent else {
            return;
        };
        let synced = self.objects.sources.get(&source).and_then(|source| {
            match &source.properties.iter().find(|p| p.id == property)?.kind {
                Kind::Relation { synced, .. } => synced.clone(),
                _ => None,
            }
        });
        let Some(synced) = synced else { return };
        let ids = |value: Option<&PropertyValue>| match value {
            Some(PropertyValue::Ids(ids)) => ids.clone(),
            _ => Vec::new(),
        };
        let before = ids(self
            .objects
            .pages
            .get(&page)
            .and_then(|page| page.state.values.get(property)));
        let after = ids(value);
        let changed = before
            .iter()
            .filter(|id| !after.contains(id))
            .map(|id| (*id, false))
            .chain(
                after
                    .iter()
                    .filter(|id| !before.contains(id))
                    .map(|id| (*id, true)),
            );
        for (other, add) in changed.collect::<Vec<_>>() {
            self.alter_page(other, act.at, |state| {
                let value = state
                    .values
                    .entry(synced.clone())
                    .or_insert_with(|| PropertyValue::Ids(Vec::new()));
                if let PropertyValue::Ids(ids) = value {
                    ids.retain(|id| *id != page);
                    if add {
                        ids.push(page);
                    }
                }
            });
        }
    }

    /// Gives a new row what it has without anybody setting it.
    pub(crate) fn fill_defaults(&mut self, page: NotionId) {
        let Some(row) = self.objects.pages.get_mut(&page) else {
            return;
        };
        let Parent::Source(source) = row.state.parent else {
            return;
        };
        let Some(source) = self.objects.sources.get(&source) else {
            return;
        };
        for property in &source.properties {
            if let Some(value) = default_status(property) {
                row.state.values.entry(property.id.clone()).or_insert(value);
            }
        }
    }
}
