//! JSON of pages, databases, data sources, comments and property values.

use serde_json::{Map, Value, json};

use super::id::NotionId;
use super::model::{Comment, DataSource, Page, PageState, Parent};
use super::property::{Kind, Property, PropertyValue, SelectOption, encode_id};
use super::view::{INLINE_REFERENCES, Version, View, date_value, page_url};

/// Which properties an answer shows; `None` shows all.
pub(crate) type Shown = Option<Vec<String>>;

/// The keys of a page that say where its property values come from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) id: NotionId,
    pub(crate) page: &'a Page,
    pub(crate) state: &'a PageState,
}

impl View<'_> {
    /// A page in its present state.
    pub(crate) fn page(&self, id: NotionId, shown: &Shown) -> Value {
        match self.ws.objects.pages.get(&id) {
            Some(page) => self.page_in(
                Row {
                    id,
                    page,
                    state: &page.state,
                },
                shown,
            ),
            None => json!({"object": "page", "id": id}),
        }
    }

    /// A page in a state it has or had.
    pub(crate) fn page_in(&self, row: Row<'_>, shown: &Shown) -> Value {
        let Row { id, page, state } = row;
        let mut out = Map::new();
        out.insert("object".into(), "page".into());
        out.insert("id".into(), json!(id));
        out.insert("created_time".into(), self.time(page.created_at));
        out.insert("last_edited_time".into(), self.time(state.edited_at));
        out.insert("created_by".into(), Self::partial_user(page.created_by));
        out.insert("last_edited_by".into(), Self::partial_user(state.edited_by));
        let trash = state.in_trash || self.ws.above(id).is_some_and(|up| self.ws.in_trash(up));
        out.insert("in_trash".into(), trash.into());
        if self.version == Version::V2025 {
            out.insert("archived".into(), trash.into());
        }
        out.insert("is_archived".into(), state.archived.into());
        out.insert("is_locked".into(), state.locked.into());
        out.insert("icon".into(), json!(state.icon));
        out.insert("cover".into(), json!(state.cover));
        out.insert("parent".into(), self.parent(state.parent));
        out.insert("properties".into(), self.properties(row, shown));
        let title = self.ws.title_text(id).unwrap_or_default();
        out.insert("url".into(), page_url(&title, id).into());
        out.insert("public_url".into(), Value::Null);
        if self.surprises {
            out.insert("page_mood".into(), json!({"type": "calm", "calm": {}}));
        }
        out.into()
    }

    fn properties(&self, row: Row<'_>, shown: &Shown) -> Value {
        let mut out = Map::new();
        let show =
            |property: &Property| shown.as_ref().is_none_or(|ids| ids.contains(&property.id));
        match row.state.parent {
            Parent::Source(source) => {
                if let Some(source) = self.ws.objects.sources.get(&source) {
                    for property in source.properties.iter().filter(|property| show(property)) {
                        out.insert(property.name.clone(), self.value(property, row));
                    }
                }
            }
            _ => {
                let property = plain_title();
                if show(&property) {
                    out.insert("title".into(), self.value(&property, row));
                }
            }
        }
        if self.surprises {
            out.insert(
                "Aura".into(),
                json!({"id": "%7Bx~y", "type": "aura", "aura": {"hue": 12, "shimmer": true}}),
            );
        }
        out.into()
    }

    /// One property of a page as the page object shows it.
    pub(crate) fn value(&self, property: &Property, row: Row<'_>) -> Value {
        let kind = property.kind.name();
        let mut out = Map::new();
        out.insert("id".into(), encode_id(&property.id).into());
        out.insert("type".into(), kind.into());
        let stored = row
            .state
            .values
            .get(&property.id)
            .filter(|value| value.fits(&property.kind));
        if let Kind::Relation { .. } = property.kind {
            let ids = self.related(stored);
            out.insert("has_more".into(), (ids.len() > INLINE_REFERENCES).into());
        }
        out.insert(kind.to_owned(), self.bare(property, stored, row, true));
        out.into()
    }

    /// The value below the type's name. `cut` limits references as page objects do.
    pub(crate) fn bare(
        &self,
        property: &Property,
        stored: Option<&PropertyValue>,
        row: Row<'_>,
        cut: bool,
    ) -> Value {
        let limit = if cut { INLINE_REFERENCES } else { usize::MAX };
        match (&property.kind, stored) {
            (Kind::Title | Kind::RichText, Some(PropertyValue::Text(rich))) => {
                if cut {
                    self.rich_cut(rich)
                } else {
                    self.rich(rich)
                }
            }
            (Kind::Number { .. }, Some(PropertyValue::Number(number))) => number.clone().into(),
            (
                Kind::Select { options } | Kind::Status { options, .. },
                Some(PropertyValue::Choice(id)),
            ) => option_value(options, id).unwrap_or(Value::Null),
            (Kind::MultiSelect { options }, Some(PropertyValue::Choices(ids))) => ids
                .iter()
                .filter_map(|id| option_value(options, id))
                .collect(),
            (Kind::Date, Some(PropertyValue::Date(date))) => date_value(date),
            (Kind::People, Some(PropertyValue::Ids(ids))) => {
                ids.iter().take(limit).map(|id| self.user(*id)).collect()
            }
            (Kind::Relation { .. }, stored) => self
                .related(stored)
                .iter()
                .take(limit)
                .map(|id| json!({"id": id}))
                .collect(),
            (Kind::Files, Some(PropertyValue::Files(files))) => files
                .iter()
                .map(|entry| {
                    let mut file = Map::new();
                    file.insert("name".into(), entry.name.clone().into());
                    self.file(&entry.file, &mut file);
                    Value::Object(file)
                })
                .collect(),
            (Kind::Checkbox, Some(PropertyValue::Checkbox(on))) => (*on).into(),
            (Kind::Checkbox, _) => false.into(),
            (Kind::Url | Kind::Email | Kind::PhoneNumber, Some(PropertyValue::Word(text))) => {
                text.clone().into()
            }
            (Kind::UniqueId { prefix }, stored) => {
                let number = match stored {
                    Some(PropertyValue::UniqueNumber(number)) => Some(*number),
                    _ => None,
                };
                json!({"prefix": prefix, "number": number})
            }
            (Kind::CreatedTime, _) => self.time(row.page.created_at),
            (Kind::LastEditedTime, _) => self.time(row.state.edited_at),
            (Kind::CreatedBy, _) => self.user(row.page.created_by),
            (Kind::LastEditedBy, _) => self.user(row.state.edited_by),
            (Kind::Button, _) => json!({}),
            (Kind::Formula { expression }, stored) => self.formula(expression, stored, row),
            (Kind::Rollup { .. }, _) => self.rollup(&property.kind, row, true),
            (Kind::Verification, Some(PropertyValue::Object(value))) => value.clone(),
            (Kind::Verification, _) => {
                json!({"state": "unverified", "verified_by": null, "date": null})
            }
            (_, Some(PropertyValue::Object(value))) => value.clone(),
            (
                Kind::Title
                | Kind::RichText
                | Kind::MultiSelect { .. }
                | Kind::People
                | Kind::Files,
                _,
            ) => {
                json!([])
            }
            _ => Value::Null,
        }
    }

    /// The related pages that the viewer can see and that are not in the trash.
    pub(crate) fn related(&self, stored: Option<&PropertyValue>) -> Vec<NotionId> {
        match stored {
            Some(PropertyValue::Ids(ids)) => ids
                .iter()
                .copied()
                .filter(|id| {
                    self.ws.objects.pages.contains_key(id)
                        && self.sees(*id)
                        && !self.ws.in_trash(*id)
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// A formula: the result the world gave, or that of an expression that names one property.
    fn formula(&self, expression: &str, stored: Option<&PropertyValue>, row: Row<'_>) -> Value {
        if let Some(PropertyValue::Object(value)) = stored {
            return value.clone();
        }
        let named = expression
            .trim()
            .strip_prefix("prop(\"")
            .and_then(|rest| rest.strip_suffix("\")"))
            .and_then(|name| self.table_of(row)?.property(name));
        let Some(property) = named else {
            return json!({"type": "unsupported", "unsupported": {}});
        };
        let stored = row
            .state
            .values
            .get(&property.id)
            .filter(|value| value.fits(&property.kind));
        match (&property.kind, stored) {
            (_, Some(PropertyValue::Text(rich))) => {
                json!({"type": "string", "string": self.ws.text_of(rich)})
            }
            (_, Some(PropertyValue::Word(text))) => json!({"type": "string", "string": text}),
            (kind, Some(PropertyValue::Choice(id))) => {
                let name = kind
                    .options()
                    .and_then(|all| all.iter().find(|option| option.id == *id))
                    .map(|option| option.name.as_str());
                json!({"type": "string", "string": name})
            }
            (_, Some(PropertyValue::Number(number))) => json!({"type": "number", "number": number}),
            (_, Some(PropertyValue::Date(date))) => {
                json!({"type": "date", "date": date_value(date)})
            }
            (Kind::Checkbox, stored) => {
                json!({"type": "boolean", "boolean": stored == Some(&PropertyValue::Checkbox(true))})
            }
            (Kind::Number { .. }, None) => json!({"type": "number", "number": null}),
            (Kind::Date, None) => json!({"type": "date", "date": null}),
            (Kind::Formula { .. } | Kind::Rollup { .. }, _) => {
                json!({"type": "unsupported", "unsupported": {}})
            }
            _ => json!({"type": "string", "string": null}),
        }
    }

    pub(crate) fn table_of(&self, row: Row<'_>) -> Option<&DataSource> {
        match row.state.parent {
            Parent::Source(id) => self.ws.objects.sources.get(&id),
            _ => None,
        }
    }

    /// The values a rollup gathers: the other property and its value for each related page.
    pub(crate) fn rollup_items(&self, kind: &Kind, row: Row<'_>) -> Vec<(String, Value)> {
        let Kind::Rollup {
            relation, target, ..
        } = kind
        else {
            return Vec::new();
        };
        let Some(relation) = self
            .table_of(row)
            .and_then(|table| table.property(relation))
        else {
            return Vec::new();
        };
        let mut out = Vec::new();
        for id in self.related(row.state.values.get(&relation.id)) {
            let Some(page) = self.ws.objects.pages.get(&id) else {
                continue;
            };
            let other = Row {
                id,
                page,
                state: &page.state,
            };
            let Some(property) = self
                .table_of(other)
                .and_then(|table| table.property(target))
            else {
                continue;
            };
            // A rollup of a rollup is not followed: it may lead in a circle.
            if matches!(property.kind, Kind::Rollup { .. } | Kind::Formula { .. }) {
                continue;
            }
            let stored = page
                .state
                .values
                .get(&property.id)
                .filter(|value| value.fits(&property.kind));
            let value = self.bare(property, stored, other, true);
            out.push((property.kind.name().to_owned(), value));
        }
        out
    }

    /// The result of a rollup. `whole` lists the gathered values in it.
    pub(crate) fn rollup(&self, kind: &Kind, row: Row<'_>, whole: bool) -> Value {
        let Kind::Rollup { function, .. } = kind else {
            return Value::Null;
        };
        let items = self.rollup_items(kind, row);
        let numbers = || items.iter().filter_map(|(_, value)| value.as_f64());
        let number =
            |value: Option<f64>| json!({"type": "number", "number": value, "function": function});
        match function.as_str() {
            "count" | "count_values" => json!({
                "type": "number", "function": function, "number": items.len(),
            }),
            "sum" => number(Some(numbers().sum())),
            "max" => number(numbers().reduce(f64::max)),
            "min" => number(numbers().reduce(f64::min)),
            "show_original" | "show_unique" => {
                let array: Vec<Value> = items
                    .iter()
                    .filter(|_| whole)
                    .map(|(name, value)| json!({"type": name, name.as_str(): value}))
                    .collect();
                json!({"type": "array", "function": function, "array": array})
            }
            _ => json!({"type": "unsupported", "function": function, "unsupported": {}}),
        }
    }

    pub(crate) fn database(&self, id: NotionId) -> Value {
        let Some(base) = self.ws.objects.databases.get(&id) else {
            return json!({"object": "database", "id": id});
        };
        let sources: Vec<Value> = base
            .sources
            .iter()
            .filter(|source| {
                !self
                    .ws
                    .objects
                    .sources
                    .get(source)
                    .is_none_or(|s| s.in_trash)
            })
            .map(|source| json!({"id": source, "name": self.ws.title_text(*source)}))
            .collect();
        let trash = self.ws.in_trash(id);
        let mut out = Map::new();
        out.insert("object".into(), "database".into());
        out.insert("id".into(), json!(id));
        out.insert("title".into(), self.rich(&base.title));
        out.insert("description".into(), self.rich(&base.description));
        out.insert("parent".into(), self.parent(base.parent));
        out.insert("is_inline".into(), base.inline.into());
        out.insert("in_trash".into(), trash.into());
        if self.version == Version::V2025 {
            out.insert("archived".into(), trash.into());
        }
        out.insert("is_locked".into(), base.locked.into());
        out.insert("created_time".into(), self.time(base.created_at));
        out.insert("last_edited_time".into(), self.time(base.edited_at));
        out.insert("data_sources".into(), sources.into());
        out.insert("icon".into(), json!(base.icon));
        out.insert("cover".into(), json!(base.cover));
        let title = self.ws.text_of(&base.title);
        out.insert("url".into(), page_url(&title, id).into());
        out.insert("public_url".into(), Value::Null);
        out.into()
    }

    pub(crate) fn source(&self, id: NotionId) -> Value {
        let Some(source) = self.ws.objects.sources.get(&id) else {
            return json!({"object": "data_source", "id": id});
        };
        let base = self.ws.objects.databases.get(&source.database);
        let trash = self.ws.in_trash(id);
        let mut out = Map::new();
        out.insert("object".into(), "data_source".into());
        out.insert("id".into(), json!(id));
        out.insert("title".into(), self.rich(&source.title));
        out.insert("description".into(), self.rich(&source.description));
        out.insert(
            "parent".into(),
            json!({"type": "database_id", "database_id": source.database}),
        );
        let above = base.map_or(Parent::Workspace, |base| base.parent);
        out.insert("database_parent".into(), self.parent(above));
        out.insert(
            "is_inline".into(),
            base.is_some_and(|base| base.inline).into(),
        );
        out.insert("in_trash".into(), trash.into());
        if self.version == Version::V2025 {
            out.insert("archived".into(), trash.into());
        }
        out.insert("created_time".into(), self.time(source.created_at));
        out.insert("last_edited_time".into(), self.time(source.edited_at));
        out.insert("created_by".into(), Self::partial_user(source.created_by));
        out.insert(
            "last_edited_by".into(),
            Self::partial_user(source.edited_by),
        );
        let mut properties: Map<String, Value> = source
            .properties
            .iter()
            .map(|property| (property.name.clone(), self.schema(property)))
            .collect();
        if self.surprises {
            properties.insert(
                "Aura".into(),
                json!({"id": "%7Bx~y", "name": "Aura", "description": null, "type": "aura",
                       "aura": {"shimmer": true}}),
            );
        }
        out.insert("properties".into(), properties.into());
        out.insert("icon".into(), json!(source.icon));
        out.insert("cover".into(), json!(source.cover));
        let title = self.ws.text_of(&source.title);
        out.insert("url".into(), page_url(&title, source.database).into());
        out.insert("public_url".into(), Value::Null);
        if self.surprises {
            out.insert("row_weather".into(), "sunny".into());
        }
        out.into()
    }

    /// One column.
    pub(crate) fn schema(&self, property: &Property) -> Value {
        let kind = property.kind.name();
        let config = match &property.kind {
            Kind::Number { format } => json!({"format": format}),
            Kind::Select { options } | Kind::MultiSelect { options } => {
                json!({"options": options.iter().map(option_schema).collect::<Vec<_>>()})
            }
            Kind::Status { options, groups } => json!({
                "options": options.iter().map(option_schema).collect::<Vec<_>>(),
                "groups": groups.iter().map(|group| json!({
                    "id": group.id, "name": group.name, "color": group.color,
                    "option_ids": group.options,
                })).collect::<Vec<_>>(),
            }),
            Kind::Relation { source, synced } => {
                let other = self.ws.objects.sources.get(source);
                let mut config = Map::new();
                config.insert(
                    "database_id".into(),
                    json!(other.map(|other| other.database)),
                );
                config.insert("data_source_id".into(), json!(source));
                match synced {
                    Some(id) => {
                        let name = other.and_then(|other| other.property(id)).map(|p| &p.name);
                        config.insert("type".into(), "dual_property".into());
                        config.insert(
                            "dual_property".into(),
                            json!({"synced_property_name": name, "synced_property_id": encode_id(id)}),
                        );
                    }
                    None => {
                        config.insert("type".into(), "single_property".into());
                        config.insert("single_property".into(), json!({}));
                    }
                }
                config.into()
            }
            Kind::Formula { expression } => json!({"expression": expression}),
            Kind::Rollup {
                relation,
                target,
                function,
            } => {
                let table = self
                    .ws
                    .objects
                    .sources
                    .values()
                    .find(|source| source.properties.iter().any(|p| std::ptr::eq(p, property)));
                let relation = table.and_then(|table| table.property(relation));
                let target = relation
                    .and_then(|relation| match &relation.kind {
                        Kind::Relation { source, .. } => self.ws.objects.sources.get(source),
                        _ => None,
                    })
                    .and_then(|other| other.property(target));
                json!({
                    "function": function,
                    "relation_property_id": relation.map(|p| encode_id(&p.id)),
                    "relation_property_name": relation.map(|p| &p.name),
                    "rollup_property_id": target.map(|p| encode_id(&p.id)),
                    "rollup_property_name": target.map(|p| &p.name),
                })
            }
            Kind::UniqueId { prefix } => json!({"prefix": prefix}),
            Kind::Other { config, .. } => config.clone(),
            _ => json!({}),
        };
        json!({
            "id": encode_id(&property.id), "name": property.name,
            "description": property.description, "type": kind, kind: config,
        })
    }

    pub(crate) fn comment(&self, id: NotionId, comment: &Comment) -> Value {
        let parent = if self.ws.objects.pages.contains_key(&comment.about) {
            Parent::Page(comment.about)
        } else {
            Parent::Block(comment.about)
        };
        let mut out = Map::new();
        out.insert("object".into(), "comment".into());
        out.insert("id".into(), json!(id));
        out.insert("parent".into(), self.parent(parent));
        out.insert("discussion_id".into(), json!(comment.discussion));
        out.insert("created_time".into(), self.time(comment.created_at));
        out.insert("last_edited_time".into(), self.time(comment.edited_at));
        out.insert("created_by".into(), Self::partial_user(comment.created_by));
        out.insert("rich_text".into(), self.rich(&comment.rich));
        let author = self.ws.objects.users.get(&comment.created_by);
        let name = author.map(|user| user.name.clone()).unwrap_or_default();
        let display = comment.display_name.clone().unwrap_or_else(|| {
            let kind = if author.is_some_and(|user| user.capabilities.is_some()) {
                "integration"
            } else {
                "user"
            };
            json!({"type": kind, "resolved_name": name})
        });
        out.insert("display_name".into(), display);
        out.into()
    }
}

/// The only property of a page outside tables.
pub(crate) fn plain_title() -> Property {
    Property {
        id: "title".into(),
        name: "title".into(),
        description: None,
        kind: Kind::Title,
    }
}

fn option_value(options: &[SelectOption], id: &str) -> Option<Value> {
    let option = options.iter().find(|option| option.id == id)?;
    Some(json!({"id": option.id, "name": option.name, "color": option.color}))
}

fn option_schema(option: &SelectOption) -> Value {
    json!({
        "id": option.id, "name": option.name, "color": option.color,
        "description": option.description,
    })
}
