//! What deciding costs.

use std::collections::BTreeMap;

use notion_sync_core::document::Document;
use notion_sync_core::document::merge::BodyBase;
use notion_sync_core::id::{FieldId, RemoteRef, Side};
use notion_sync_core::mapping::field::FieldLens;
use notion_sync_core::mapping::{BodyView, FieldMap, Mapping, People, Resolver, View};
use notion_sync_core::reconcile::table::Identity;
use notion_sync_core::reconcile::{Case as Decision, UnitField, reconcile};
use notion_sync_core::record::{Agreed, Base, Life, Record};
use notion_sync_core::snapshot::{Field, Marker, Presence, Revision};
use notion_sync_core::value::Value;
use serde_json::json;

use crate::measure::Case;

/// Fields of a record; with the body they are 20 units.
const FIELDS: usize = 19;
/// Records that are planned in one piece of work.
const RECORDS: usize = 10_000;
/// Blocks of a long body.
const LONG: usize = 1_000;

/// A record as it was agreed, and both sides as they are now.
#[derive(Debug)]
struct Pair {
    record: Record,
    body: BodyBase,
    notion: View,
    github: View,
}

/// Everything that decisions look at.
#[derive(Debug)]
pub(crate) struct Planner {
    mapping: Mapping,
    people: People,
    resolver: Resolver,
    short: Pair,
    quiet: Pair,
    long: Pair,
}

fn reference(side: Side) -> RemoteRef {
    match side {
        Side::Notion => RemoteRef::new("notion", "page", "0123"),
        Side::Github => RemoteRef::new("github", "issue", "1"),
    }
}

fn fields() -> impl Iterator<Item = FieldId> {
    (0..FIELDS).map(|at| FieldId::from(format!("field-{at:02}")))
}

fn view(side: Side, body: Document, edited: Option<usize>) -> Result<View, String> {
    let at = "2026-11-21T09:00:00Z"
        .parse()
        .map_err(|error| format!("{error}"))?;
    let value = |at: usize| match edited {
        Some(edited) if edited == at => Value::text(format!("edited {side} {at}")),
        _ => Value::text(format!("value {at}")),
    };
    Ok(View {
        object: reference(side),
        presence: Presence::Present,
        revision: Revision {
            at,
            grain_seconds: 0,
            token: "1".to_owned(),
        },
        settled: true,
        observed_at: at,
        fields: fields()
            .enumerate()
            .map(|(at, id)| (id, Field::Value(value(at))))
            .collect(),
        watched: BTreeMap::new(),
        outdated: false,
        body: BodyView::Read(body),
        source: None,
        native: None,
        place: None,
        marker: Marker::default(),
        url: None,
        actor: None,
        made: None,
        bookkeeping: BTreeMap::new(),
    })
}

impl Pair {
    /// A pair with this body; where `edited`, each side changed a field and a block.
    fn new(body: &Document, edited: bool) -> Result<Self, String> {
        let mut record = Record::new("r".into(), "m".into());
        record.set_object(Side::Notion, Some(reference(Side::Notion)));
        record.set_object(Side::Github, Some(reference(Side::Github)));
        record.life = Life::Live;
        let (mut n, mut g) = (body.clone(), body.clone());
        if edited {
            n.blocks.remove(0);
            g.blocks.pop();
        }
        let notion = view(Side::Notion, n, edited.then_some(1))?;
        let github = view(Side::Github, g, edited.then_some(2))?;
        let agreed = |at: usize| {
            let value = Value::text(format!("value {at}"));
            Agreed {
                notion: value.clone(),
                github: value,
            }
        };
        record.base = Some(Base {
            fields: fields()
                .enumerate()
                .map(|(at, id)| (id, agreed(at)))
                .collect(),
            notion: Some(notion.revision.clone()),
            github: Some(github.revision.clone()),
            path: None,
        });
        Ok(Self {
            record,
            body: BodyBase::agree(body, body),
            notion,
            github,
        })
    }
}

impl Planner {
    /// Pairs with bodies of the first blocks of a page.
    pub(crate) fn new(page: &Document) -> Result<Self, String> {
        let body = |blocks: usize| Document {
            blocks: page.blocks.iter().take(blocks).cloned().collect(),
        };
        let maps: Vec<_> = fields()
            .map(|id| json!({"id": id, "notion": id, "github": id, "kind": "text"}))
            .collect();
        let mapping =
            json!({"id": "m", "kind": "tasks", "policy": "manual-review", "fields": maps});
        Ok(Self {
            mapping: serde_json::from_value(mapping).map_err(|error| error.to_string())?,
            people: People::default(),
            resolver: Resolver::default(),
            short: Pair::new(&body(10), true)?,
            quiet: Pair::new(&body(10), false)?,
            long: Pair::new(&body(LONG), true)?,
        })
    }

    fn decide(&self, pair: &Pair) -> usize {
        let field = |field: &FieldMap| {
            let lens = FieldLens {
                field: self
                    .mapping
                    .fields
                    .iter()
                    .find(|known| known.id == field.id)
                    .unwrap_or(&self.mapping.fields[0]),
                people: &self.people,
                resolver: &self.resolver,
            };
            UnitField {
                lens: Box::new(lens),
                direction: field.direction,
                blocked: None,
                later: false,
            }
        };
        let fields: BTreeMap<FieldId, UnitField<'_>> = self
            .mapping
            .fields
            .iter()
            .map(|map| (map.id.clone(), field(map)))
            .collect();
        let plan = reconcile(&Decision {
            mapping: &self.mapping,
            record: &pair.record,
            body_base: Some(&pair.body),
            notion: Some(&pair.notion),
            github: Some(&pair.github),
            fields: &fields,
            identity: Identity::Clean,
            unresolved: false,
            doubts: Default::default(),
        });
        plan.steps.len()
    }

    /// The cases. Those of short bodies say the time of one record.
    pub(crate) fn cases(&self) -> Vec<Case<'_>> {
        let many = |name, pair| Case {
            pieces: RECORDS / 10,
            ..Case::new(name, 0, None, move || {
                (0..RECORDS / 10).map(|_| self.decide(pair)).sum()
            })
        };
        vec![
            many("plan/20-units-edited", &self.short),
            many("plan/20-units-quiet", &self.quiet),
            Case::new("plan/1000-blocks", 0, None, || self.decide(&self.long)),
            Case::new("plan/10000-records", 0, None, || {
                (0..RECORDS).map(|_| self.decide(&self.quiet)).sum()
            }),
        ]
    }
}
