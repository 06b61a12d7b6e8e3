//! A mapping bound to the schemas of both sides: which property is which field.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::document::dialect::LinkContext;
use crate::engine::observe::paths::Paths;
use crate::engine::observe::text;
use crate::engine::{Binding, Engine};
use crate::error::Result;
use crate::id::{FieldId, MappingId, Side};
use crate::mapping::field::FieldLens;
use crate::mapping::{
    Direction, FieldKind, FieldMap, KeepBelow, LabelFamily, Labels, Lens, LensError, MappingKind,
    Misfit, People, Resolver,
};
use crate::reconcile::UnitField;
use crate::record::{Life, Record};
use crate::remote::{FieldSchema, Schema};
use crate::state::MappingState;
use crate::value::Value;

/// A mapping with everything a decision needs of the world around it.
#[derive(Debug)]
pub struct Bound {
    /// Fields, title first, with Notion's property ids.
    pub fields: Vec<FieldMap>,
    /// Fields that cannot be decided, and why.
    pub blocked: BTreeMap<FieldId, String>,
    /// Property ids that rules look at, by rule.
    pub watched: BTreeMap<String, String>,
    /// Rules that cannot look at their property, and why.
    pub idle: BTreeMap<String, String>,
    /// Who is who.
    pub people: People,
    /// Pages and paths.
    pub resolver: Resolver,
    /// Paths of files that are there or on their way (documents).
    pub(in crate::engine) paths: Paths,
    /// From where on bodies stay on their own side.
    pub(in crate::engine) keep_below: KeepBelow,
    /// Links between files and pages.
    pub(crate) links: LinkContext,
    /// Schema of Notion.
    pub notion: Arc<Schema>,
    /// Schema of GitHub.
    pub github: Arc<Schema>,
    pub(in crate::engine::observe) fresh: bool,
}

/// Settings that a mapping is bound with.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How old a schema may be before it is read again, in minutes.
    pub schema_minutes: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { schema_minutes: 60 }
    }
}

impl Engine {
    /// Reads the schemas if they are due, and resolves names of properties to ids once.
    pub(crate) async fn bind(&self, binding: &Binding, state: &MappingState) -> Result<Bound> {
        let age = chrono::Duration::minutes(Settings::default().schema_minutes);
        let fresh = state.schema_at.is_none_or(|at| at + age <= self.now());
        let (notion, github) = if fresh {
            (
                Arc::new(binding.notion.schema().await?),
                Arc::new(binding.github.schema().await?),
            )
        } else {
            (state.notion_schema.clone(), state.github_schema.clone())
        };
        let mut fields = vec![FieldMap {
            id: FieldId::from("title"),
            notion: "title".to_owned(),
            github: "title".to_owned(),
            kind: match binding.mapping.kind {
                MappingKind::Documents => FieldKind::Heading,
                MappingKind::Tasks => FieldKind::Text,
            },
            direction: Direction::Both,
        }];
        let mut blocked = BTreeMap::new();
        for field in &binding.mapping.fields {
            let mut field = field.clone();
            match resolve(&field, state.properties.get(field.id.as_str()), &notion) {
                Ok(id) => field.notion = id,
                Err(why) => {
                    blocked.insert(field.id.clone(), why);
                }
            }
            know_options(&mut field, &notion);
            fields.push(field);
        }
        let mut watched = BTreeMap::new();
        let mut idle = BTreeMap::new();
        let creates = (binding.mapping.create_when.as_ref()).map(|when| (CREATE_WHEN, &when.on));
        let rules = (binding.mapping.rules.iter()).map(|rule| (rule.id.as_str(), &rule.on));
        for (name, property) in rules.chain(creates) {
            let field = FieldMap {
                id: rule_field(name),
                notion: property.clone(),
                github: String::new(),
                kind: FieldKind::Text,
                direction: Direction::ToGithub,
            };
            match resolve(&field, state.properties.get(field.id.as_str()), &notion) {
                Ok(id) => {
                    watched.insert(name.to_owned(), id);
                }
                Err(why) => {
                    idle.insert(name.to_owned(), why);
                }
            }
        }
        let (resolver, paths) = self
            .files(&binding.mapping.id, binding.mapping.kind)
            .await?;
        Ok(Bound {
            links: text::all_links(binding, &resolver),
            fields,
            blocked,
            watched,
            idle,
            people: binding.people.clone(),
            keep_below: binding.mapping.keep_below.clone(),
            resolver,
            paths,
            notion,
            github,
            fresh,
        })
    }

    /// Where the files of pages are, and which paths no other file may get.
    async fn files(&self, mapping: &MappingId, kind: MappingKind) -> Result<(Resolver, Paths)> {
        let (mut resolver, mut paths) = (Resolver::default(), Paths::default());
        if kind == MappingKind::Documents {
            for record in self.state().records(mapping).await? {
                paths.propose(&record);
                if let (Some(page), Some(path)) = (&record.notion, live_path(&record)) {
                    paths.hold(path.clone());
                    resolver.add(page.id.clone(), path);
                }
            }
        }
        Ok((resolver, paths))
    }
}

/// The name under which the property that decides about issues is watched: no rule can have it.
pub(in crate::engine) const CREATE_WHEN: &str = "create when";

/// The name under which the property of a rule is remembered.
fn rule_field(rule: &str) -> FieldId {
    FieldId::new(format!("rule {rule}"))
}

fn live_path(record: &Record) -> Option<String> {
    if record.life == Life::Tombstone {
        None
    } else {
        record.path.clone()
    }
}

/// The id of a field's property: the one that was found before, or the one of that name or id.
fn resolve(
    field: &FieldMap,
    known: Option<&String>,
    schema: &Schema,
) -> std::result::Result<String, String> {
    let id = match known {
        Some(id) => id.clone(),
        None => schema
            .fields
            .iter()
            .find(|(key, property)| **key == field.notion || property.name == field.notion)
            .map(|(key, _)| key.clone())
            .ok_or_else(|| {
                format!(
                    "property {:?} of field {} is not in the data source: correct the \
                     configuration or add the property",
                    field.notion, field.id
                )
            })?,
    };
    let Some(property) = schema.fields.get(&id) else {
        return Err(format!(
            "the property of field {} was deleted from the data source: restore it, or remove the \
             field from the configuration",
            field.id
        ));
    };
    let Some(fits) = field.kind.property_types() else {
        return Ok(id);
    };
    if fits.contains(&property.kind.as_str()) {
        if field.kind == FieldKind::Parent && !property.inward {
            return Err(format!(
                "the property of field {} leads to another data source: a parent is a page of the \
                 same one, as the property `Parent item` of sub-items names it",
                field.id
            ));
        }
        Ok(id)
    } else {
        Err(format!(
            "the property of field {} is of type {}, expected {}: change its type, or correct the \
             configuration",
            field.id,
            property.kind,
            fits.join(" or ")
        ))
    }
}

/// A lens that knows which options there are.
#[derive(Debug)]
struct Fitting<'a> {
    lens: FieldLens<'a>,
    /// The options of the property.
    options: Option<BTreeSet<&'a str>>,
    /// The field on GitHub, where it takes nothing but its options.
    github: Option<&'a FieldSchema>,
}

impl Lens for Fitting<'_> {
    fn project(&self, side: Side, value: &Value) -> Value {
        self.lens.project(side, value)
    }

    fn inject(
        &self,
        side: Side,
        canonical: &Value,
        current: &Value,
    ) -> std::result::Result<Value, LensError> {
        let value = self.lens.inject(side, canonical, current)?;
        if let Some(field) = self.github.filter(|_| side == Side::Github) {
            return self.on_github(field, value, canonical, current);
        }
        let Some(options) = self.options.as_ref().filter(|_| side == Side::Notion) else {
            return Ok(value);
        };
        let held = current.elements();
        let lacks = (value.elements().into_iter())
            .find(|option| !held.contains(option) && !options.contains(option.as_str()));
        match lacks {
            None => Ok(value),
            Some(option) => Err(LensError {
                field: self.lens.field.id.clone(),
                side,
                value: canonical.clone(),
                reason: format!(
                    "the property has no option {option:?}: add it in Notion, or allow it with \
                     `create_options` where the property is no status"
                ),
                misfit: Misfit::Value,
            }),
        }
    }

    fn is_set(&self) -> bool {
        self.lens.is_set()
    }

    fn is_reference(&self) -> bool {
        self.lens.is_reference()
    }

    fn show(&self, side: Side, value: &Value) -> Option<String> {
        self.lens.show(side, value)
    }
}

impl Fitting<'_> {
    /// A value of a field on GitHub that takes nothing but its options.
    fn on_github(
        &self,
        field: &FieldSchema,
        value: Value,
        canonical: &Value,
        current: &Value,
    ) -> std::result::Result<Value, LensError> {
        let held = current.elements();
        let names = || field.options.iter().map(|(name, _)| name.as_str());
        let lacks = (value.elements().into_iter())
            .find(|option| !held.contains(option) && !names().any(|name| name == option));
        match lacks {
            None => Ok(value),
            Some(option) => Err(LensError {
                field: self.lens.field.id.clone(),
                side: Side::Github,
                misfit: Misfit::Value,
                value: canonical.clone(),
                reason: format!(
                    "{} has no {option:?}: add it on GitHub, or choose one of {}",
                    field.name,
                    names().collect::<Vec<_>>().join(", ")
                ),
            }),
        }
    }
}

/// Tells a field of labels how its property spells them.
fn know_options(field: &mut FieldMap, schema: &Schema) {
    let (FieldKind::Labels(Labels { options, .. }) | FieldKind::Label(LabelFamily { options, .. })) =
        &mut field.kind
    else {
        return;
    };
    if let Some(property) = schema.fields.get(&field.notion) {
        options.extend(property.options.iter().map(|(option, _)| option.clone()));
    }
}

impl Bound {
    /// Keeps what was resolved.
    pub(crate) fn remember(&self, state: &mut MappingState, now: chrono::DateTime<chrono::Utc>) {
        if !self.fresh {
            return;
        }
        for field in &self.fields {
            if !self.blocked.contains_key(&field.id)
                && self.notion.fields.contains_key(&field.notion)
            {
                state
                    .properties
                    .insert(field.id.as_str().to_owned(), field.notion.clone());
            }
        }
        for (rule, property) in &self.watched {
            (state.properties).insert(rule_field(rule).as_str().to_owned(), property.clone());
        }
        state.notion_schema = self.notion.clone();
        state.github_schema = self.github.clone();
        state.schema_at = Some(now);
    }

    /// The fields with what translates them.
    #[must_use]
    pub fn units(&self) -> BTreeMap<FieldId, UnitField<'_>> {
        self.fields
            .iter()
            .map(|field| {
                let lens = Fitting {
                    lens: FieldLens {
                        field,
                        people: &self.people,
                        resolver: &self.resolver,
                    },
                    options: self.options(field),
                    github: (self.github.fields.get(&field.github)).filter(|found| found.closed),
                };
                (
                    field.id.clone(),
                    UnitField {
                        lens: Box::new(lens),
                        direction: field.direction,
                        blocked: self.blocked.get(&field.id).cloned(),
                        later: self.comes_later(&field.id, Side::Github),
                    },
                )
            })
            .collect()
    }

    /// The options that a field's property has, where no other can be written.
    fn options(&self, field: &FieldMap) -> Option<BTreeSet<&str>> {
        let property = self.notion.fields.get(&field.notion)?;
        let options = || property.options.iter().map(|(name, _)| name.as_str());
        property.closed.then(|| options().collect())
    }

    /// Whether a side writes a field by a request of its own once an object is there.
    pub(in crate::engine) fn comes_later(&self, id: &FieldId, side: Side) -> bool {
        let key = self.native(id, side);
        key.and_then(|key| self.schema(side).fields.get(key))
            .is_some_and(|field| field.later)
    }

    /// The native key of a field on Notion or GitHub.
    #[must_use]
    pub fn native(&self, id: &FieldId, side: crate::id::Side) -> Option<&str> {
        self.fields
            .iter()
            .find(|field| field.id == *id)
            .map(|field| match side {
                crate::id::Side::Notion => field.notion.as_str(),
                crate::id::Side::Github => field.github.as_str(),
            })
    }

    /// What a field holds.
    pub(in crate::engine) fn kind(&self, id: &FieldId) -> Option<&FieldKind> {
        let field = self.fields.iter().find(|field| field.id == *id)?;
        Some(&field.kind)
    }

    /// Which way a field flows.
    pub(in crate::engine) fn direction(&self, id: &FieldId) -> Option<Direction> {
        let field = self.fields.iter().find(|field| field.id == *id)?;
        Some(field.direction)
    }
}
