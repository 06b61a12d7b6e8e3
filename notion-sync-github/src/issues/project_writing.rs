//! Writing fields of the issue's item in a project. Every field is a mutation of its own, and every
//! value is absolute: sending one again changes nothing.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use notion_sync_core::remote::{FieldChange, Update, Write};
use notion_sync_core::snapshot::Field;
use notion_sync_core::value::Value;
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::Value as Json;

use super::GithubIssues;
use super::project::{Shown, field_of, project_attribute};
use super::writing::{Since, invalid, partial, unapplied};
use crate::project::{CLEAR, ProjectField, ProjectInfo, Wanted, lacks_ids, same, value_of};
use crate::wire::Issue;

const DURING: &str = "set a field of a project";
/// The field that every project has, and that its built-in workflows set.
const STATUS: &str = "Status";

/// What is to be written to an item.
#[derive(Debug)]
pub(super) struct ItemWrite {
    shown: Shown,
    project: String,
    /// Global id of the issue.
    content: String,
    /// Field and value as GitHub takes it.
    sets: Vec<(ProjectField, Wanted)>,
    /// What cannot be written, whatever is sent: said once all else is.
    refused: Option<Error>,
}

/// Whether a value of a field says what was wanted: a date keeps the day alone, names have one
/// spelling.
pub(super) fn is_said(now: &Value, wanted: &Value) -> bool {
    let (Some(now_text), Some(text)) = (now.as_text(), wanted.as_text()) else {
        return now == wanted || (now.is_empty() && wanted.is_empty());
    };
    let day = now_text.parse::<NaiveDate>().is_ok() && text.get(..10) == Some(now_text);
    let number = || {
        let (now, wanted) = (now_text.parse::<f64>(), text.trim().parse::<f64>());
        matches!((now, wanted), (Ok(now), Ok(wanted)) if now == wanted)
    };
    same(now_text, text) || day || (matches!(now, Value::Number(_)) && number())
}

fn blocked(field: &str, why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Blocked, DURING)
        .with("field", project_attribute(field))
        .message(why)
}

fn stale(number: u64, field: &str, why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Stale, DURING)
        .with("number", number)
        .with("field", project_attribute(field))
        .message(why)
}

/// A value as text; empty clears.
fn said(value: &Value) -> &str {
    value.as_text().unwrap_or_default()
}

impl GithubIssues {
    /// The fields of the project, and those of the issue itself.
    pub(super) fn apart(
        &self,
        fields: &BTreeMap<String, Value>,
    ) -> (BTreeMap<String, Value>, BTreeMap<String, Value>) {
        let all = fields
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()));
        all.partition(|(name, _)| self.project.is_some() && field_of(name).is_some())
    }

    /// Most writes that the fields of the project need.
    pub(super) fn item_writes(&self, update: &Update) -> u32 {
        let fields = update.fields.keys().filter(|name| field_of(name).is_some());
        match u32::try_from(fields.count()) {
            Ok(0) => 0,
            // The item itself, and the page in it.
            Ok(fields) => fields.saturating_add(2),
            Err(_) => u32::MAX,
        }
    }

    /// Reads what an update of the project's fields needs, and checks what is expected. Writes
    /// nothing.
    pub(super) async fn prepare_item(
        &self,
        write: &Write,
        update: &Update,
        number: u64,
        issue: &Issue,
    ) -> Result<Option<ItemWrite>> {
        let changes: Vec<(&str, &FieldChange)> = (update.fields.iter())
            .filter_map(|(name, change)| Some((field_of(name)?, change)))
            .collect();
        let Some((first, _)) = changes.first() else {
            return Ok(None);
        };
        let node = issue.node_id.as_deref();
        let node = node.ok_or_else(|| unapplied(lacks_ids(DURING)))?;
        let (mut item, info) = self.open_item(node, first).await?;
        let Some(info) = info else {
            return Ok(Some(item));
        };
        for (field, change) in changes {
            let now = item.shown.fields.get(&project_attribute(field));
            match now {
                Some(Field::Value(value)) => {
                    if *value != change.expected && !is_said(value, &change.desired) {
                        return Err(stale(number, field, "it is not what was expected"));
                    }
                }
                // There is a value that nobody has decided about.
                Some(Field::Fixed(_, why)) => return Err(stale(number, field, why)),
                Some(Field::Vacant(None)) => {}
                Some(Field::Vacant(Some(why)) | Field::Unread(why)) => {
                    item.refused = Some(blocked(field, why));
                    continue;
                }
                None => return Err(invalid(field, "the mapping has no such field")),
            }
            let is_so = |value: &Value| is_said(value, &change.desired);
            if now.and_then(Field::value).is_some_and(is_so) {
                continue;
            }
            item.add(&info, field, said(&change.desired));
        }
        self.sign_item(write, &info, &mut item);
        Ok(Some(item))
    }

    /// What is written to the item of an issue that was just made. Nothing of it fails the creation:
    /// what could not be set is noted.
    pub(super) async fn fill_item(
        &self,
        write: &Write,
        fields: BTreeMap<String, Value>,
        node: Option<&str>,
        incomplete: &mut Vec<String>,
    ) -> Option<Shown> {
        let (first, _) = fields.first_key_value()?;
        let outcome = async {
            let node = node.ok_or_else(|| lacks_ids(DURING))?;
            let (mut item, info) = self.open_item(node, first).await?;
            if let Some(info) = info {
                for (name, value) in &fields {
                    match item.shown.fields.get(name) {
                        Some(Field::Vacant(None) | Field::Value(_)) => {
                            item.add(&info, field_of(name).unwrap_or(name), said(value));
                        }
                        Some(
                            Field::Vacant(Some(why)) | Field::Fixed(_, why) | Field::Unread(why),
                        ) => {
                            item.refused = Some(blocked(name, why));
                        }
                        None => {}
                    }
                }
                self.sign_item(write, &info, &mut item);
            }
            self.send_item(item).await
        };
        match outcome.await {
            Ok((shown, refused)) => {
                incomplete.extend(refused.map(|error| error.to_string()));
                Some(shown)
            }
            Err(error) => {
                incomplete.push(error.to_string());
                None
            }
        }
    }

    /// The item as it stands and the project as it is; without one the reason is in the item.
    async fn open_item(&self, node: &str, field: &str) -> Result<(ItemWrite, Option<ProjectInfo>)> {
        let project = self.project.as_ref();
        let project = project.ok_or_else(|| invalid(field, "no issue has such a field"))?;
        let name = &project.settings.project;
        let found = self
            .client
            .find_project(DURING, name)
            .await
            .map_err(unapplied)?;
        let (id, info, refused) = match found {
            Ok(info) => (info.id.clone(), Some(info), None),
            Err(why) => (String::new(), None, Some(blocked(field, why))),
        };
        let shown = self.shown_item(Some(node)).await.map_err(unapplied)?;
        let item = ItemWrite {
            shown: shown.unwrap_or_default(),
            project: id,
            content: node.to_owned(),
            sets: Vec::new(),
            refused,
        };
        Ok((item, info))
    }

    /// Lets the item name the page, where anything is written to it.
    fn sign_item(&self, write: &Write, info: &ProjectInfo, item: &mut ItemWrite) {
        let field = (self.project.as_ref()).and_then(|one| one.settings.page_id.as_deref());
        let (Some(field), Some(page)) = (field, write.page.as_deref()) else {
            return;
        };
        let field = info.field(field).filter(|field| field.kind == "TEXT");
        if let Some(field) = field
            && !item.sets.is_empty()
            && item.shown.page.as_text() != Some(page)
        {
            item.sets
                .push((field.clone(), Wanted::Text(page.to_owned())));
        }
    }

    /// Sends an update of the project's fields, where nobody changed them since they were read.
    pub(super) async fn write_item(
        &self,
        mut item: ItemWrite,
        update: &Update,
        number: u64,
        since: Since,
    ) -> Result<Shown> {
        let applied = since.applied;
        let sets = !item.sets.is_empty();
        if sets && (applied || since.asked) {
            let again = self.expect_item(&mut item, update, number, since.moves_state);
            again.await.map_err(|error| partial(error, applied))?;
        }
        let sent = self.send_item(item).await;
        let (shown, refused) = sent.map_err(|error| {
            let error = match error.kind() {
                // An id that was found a moment ago is not one any more.
                ErrorKind::NotFound | ErrorKind::Invalid => {
                    stale(number, "", error.to_string()).caused_by(error)
                }
                _ => error,
            };
            partial(error, applied)
        })?;
        match refused {
            Some(error) => Err(partial(error, applied || sets)),
            None => Ok(shown),
        }
    }

    /// Reads an item again. Values are absolute: what somebody set meanwhile would be overwritten unseen.
    async fn expect_item(
        &self,
        item: &mut ItemWrite,
        update: &Update,
        number: u64,
        moves_state: bool,
    ) -> Result<()> {
        let now = self.shown_item(Some(&item.content)).await;
        let now = now.map_err(unapplied)?.unwrap_or_default();
        for (name, change) in &update.fields {
            let Some(field) = field_of(name) else {
                continue;
            };
            // Closing and reopening lets the project's own workflows set this one.
            if moves_state && same(field, STATUS) {
                continue;
            }
            let (before, after) = (item.shown.fields.get(name), now.fields.get(name));
            let desired = |value: &Value| is_said(value, &change.desired);
            if before != after && !after.and_then(Field::value).is_some_and(desired) {
                return Err(stale(
                    number,
                    field,
                    "it changed while the issue was written",
                ));
            }
        }
        item.shown = now;
        Ok(())
    }

    async fn send_item(&self, item: ItemWrite) -> Result<(Shown, Option<Error>)> {
        let mut shown = item.shown;
        if item.sets.is_empty() {
            return Ok((shown, item.refused));
        }
        let id = match &shown.item {
            Some(id) => id.clone(),
            None => {
                let added = self.client.add_item(DURING, &item.project, &item.content);
                // The item alone changes no field: sending it again finds it.
                let id = added.await.map_err(unapplied)?;
                // GitHub's own automation may fill in fields of a new item.
                for field in shown.fields.values_mut() {
                    *field = Field::Unread("the item was just added".to_owned());
                }
                id
            }
        };
        for (n, (field, wanted)) in item.sets.into_iter().enumerate() {
            let (kind, value) = wanted.parts();
            let place = (item.project.as_str(), id.as_str());
            let named = (field.id.as_str(), field.name.as_str());
            let sent = self
                .client
                .set_item_field(DURING, place, named, (kind, &value));
            let now = sent.await.map_err(|error| partial(error, n > 0))?;
            let attribute = shown
                .fields
                .keys()
                .find(|attribute| field_of(attribute).is_some_and(|name| same(name, &field.name)));
            if let Some(attribute) = attribute.cloned() {
                let value = if kind == CLEAR {
                    Some(Value::Null)
                } else {
                    answered(&now)
                };
                let field = value.map_or_else(
                    || Field::Unread("the answer does not show it".to_owned()),
                    Field::Value,
                );
                shown.fields.insert(attribute, field);
            }
        }
        shown.item = Some(id);
        Ok((shown, item.refused))
    }
}

/// What an answer shows of a field that was set.
fn answered(now: &Json) -> Option<Value> {
    value_of(now).filter(|value| !value.is_empty())
}

impl ItemWrite {
    /// Adds a field, or says why it cannot be written.
    fn add(&mut self, info: &ProjectInfo, field: &str, value: &str) {
        let found = info.known(field);
        match found.and_then(|found| Ok((found, Wanted::of(found, value)?))) {
            Ok((found, wanted)) => self.sets.push((found.clone(), wanted)),
            Err(why) => {
                let error = blocked(field, why);
                self.refused = Some(error.remedy("correct the value, or add it to the project"));
            }
        }
    }
}
