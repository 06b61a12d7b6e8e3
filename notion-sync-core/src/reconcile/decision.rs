//! A decision with everything it looked at, so that it can be made again.
//!
//! What a lens answered is kept instead of what it knows (people, registry, schemas): the decision
//! asks the same again, and whoever reads it later needs nothing but the decision itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::table::{Identity, Row};
use super::{Case, Doubts, Plan, UnitField, reconcile};
use crate::document::merge::BodyBase;
use crate::hash::ContentHash;
use crate::id::{FieldId, Side};
use crate::mapping::{Direction, Lens, LensError, Mapping, View};
use crate::record::{Record, UnitId};
use crate::value::Value;

/// A decision that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub at: DateTime<Utc>,
    /// The mapping.
    pub mapping: Mapping,
    /// The record.
    pub record: Record,
    /// The body's base.
    pub body_base: Option<BodyBase>,
    /// Notion as it was seen, as far as a decision looks at it.
    pub notion: Option<View>,
    /// GitHub as it was seen, as far as a decision looks at it.
    pub github: Option<View>,
    /// The fields.
    pub fields: BTreeMap<FieldId, HeardField>,
    /// What registry and markers said.
    pub identity: Identity,
    /// Whether an operation was on its way.
    pub unresolved: bool,
    /// Sides on which absence proved nothing.
    #[serde(default, skip_serializing_if = "Doubts::is_nothing")]
    pub doubts: Doubts,
    /// Which row decided which unit.
    pub rows: Vec<(UnitId, Row)>,
    /// Hash of the whole plan.
    pub plan: ContentHash,
}

/// A field with what its lens answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeardField {
    direction: Direction,
    blocked: Option<String>,
    later: bool,
    heard: Heard,
}

/// The answers of a lens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Heard {
    set: bool,
    reference: bool,
    projected: Vec<(Side, Value, Value)>,
    injected: Vec<(Side, Value, Value, Result<Value, LensError>)>,
    shown: Vec<(Side, Value, Option<String>)>,
}

/// What making a decision again came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// The plan.
    pub plan: Plan,
    /// Whether it is the same.
    pub same: bool,
    /// Whether something was asked that was not asked then; answers to that are made up.
    pub strange: bool,
}

impl Decision {
    /// Makes a decision, and keeps what it looked at.
    #[must_use]
    pub fn record(case: &Case<'_>, at: DateTime<Utc>) -> Self {
        let notes: BTreeMap<&FieldId, Mutex<Heard>> = (case.fields.iter())
            .map(|(id, unit)| {
                let heard = Heard {
                    set: unit.lens.is_set(),
                    reference: unit.lens.is_reference(),
                    ..Heard::default()
                };
                (id, Mutex::new(heard))
            })
            .collect();
        let fields = (case.fields.iter())
            .filter_map(|(id, unit)| {
                let lens = Listening {
                    lens: &*unit.lens,
                    notes: notes.get(id)?,
                };
                let unit = UnitField {
                    lens: Box::new(lens),
                    direction: unit.direction,
                    blocked: unit.blocked.clone(),
                    later: unit.later,
                };
                Some((id.clone(), unit))
            })
            .collect();
        let plan = reconcile(&Case {
            fields: &fields,
            ..*case
        });
        drop(fields);
        let heard = |id: &FieldId| notes.get(id).map(|notes| lock(notes).clone());
        Self {
            at,
            mapping: case.mapping.clone(),
            record: case.record.clone(),
            body_base: case.body_base.cloned(),
            notion: case.notion.map(bare),
            github: case.github.map(bare),
            fields: (case.fields.iter())
                .map(|(id, unit)| {
                    let field = HeardField {
                        direction: unit.direction,
                        blocked: unit.blocked.clone(),
                        later: unit.later,
                        heard: heard(id).unwrap_or_default(),
                    };
                    (id.clone(), field)
                })
                .collect(),
            identity: case.identity,
            unresolved: case.unresolved,
            doubts: case.doubts,
            rows: plan.rows.clone(),
            plan: hash(&plan),
        }
    }

    /// Makes the decision again from what was kept.
    #[must_use]
    pub fn replay(&self) -> Replayed {
        let strange = Mutex::new(false);
        let fields = (self.fields.iter())
            .map(|(id, field)| {
                let lens = Repeating {
                    heard: &field.heard,
                    strange: &strange,
                };
                let unit = UnitField {
                    lens: Box::new(lens),
                    direction: field.direction,
                    blocked: field.blocked.clone(),
                    later: field.later,
                };
                (id.clone(), unit)
            })
            .collect();
        let plan = reconcile(&Case {
            mapping: &self.mapping,
            record: &self.record,
            body_base: self.body_base.as_ref(),
            notion: self.notion.as_ref(),
            github: self.github.as_ref(),
            fields: &fields,
            identity: self.identity,
            unresolved: self.unresolved,
            doubts: self.doubts,
        });
        drop(fields);
        let strange = *lock(&strange);
        Replayed {
            same: !strange && hash(&plan) == self.plan,
            plan,
            strange,
        }
    }

    /// Its name: a hash of all of it, which the audit carries.
    #[must_use]
    pub fn name(&self) -> ContentHash {
        ContentHash::of("nsync/decision/v1", self)
    }
}

fn hash(plan: &Plan) -> ContentHash {
    ContentHash::of("nsync/decided/v1", plan)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A view without what no decision looks at: the text of the file, the page in Notion's own terms.
fn bare(view: &View) -> View {
    View {
        object: view.object.clone(),
        presence: view.presence.clone(),
        revision: view.revision.clone(),
        settled: view.settled,
        observed_at: view.observed_at,
        fields: view.fields.clone(),
        watched: BTreeMap::new(),
        outdated: false,
        body: view.body.clone(),
        source: None,
        native: None,
        place: view.place.clone(),
        marker: view.marker.clone(),
        url: None,
        actor: None,
        made: None,
        bookkeeping: BTreeMap::new(),
    }
}

/// Writes down what a lens answers.
#[derive(Debug)]
struct Listening<'a> {
    lens: &'a dyn Lens,
    notes: &'a Mutex<Heard>,
}

impl Lens for Listening<'_> {
    fn project(&self, side: Side, value: &Value) -> Value {
        let answer = self.lens.project(side, value);
        let mut notes = lock(self.notes);
        let known = |one: &(Side, Value, Value)| one.0 == side && one.1 == *value;
        if !notes.projected.iter().any(known) {
            notes.projected.push((side, value.clone(), answer.clone()));
        }
        answer
    }

    fn inject(&self, side: Side, canonical: &Value, current: &Value) -> Result<Value, LensError> {
        let answer = self.lens.inject(side, canonical, current);
        let question = (side, canonical.clone(), current.clone(), answer.clone());
        lock(self.notes).injected.push(question);
        answer
    }

    fn is_set(&self) -> bool {
        self.lens.is_set()
    }

    fn is_reference(&self) -> bool {
        self.lens.is_reference()
    }

    fn show(&self, side: Side, value: &Value) -> Option<String> {
        let answer = self.lens.show(side, value);
        let question = (side, value.clone(), answer.clone());
        lock(self.notes).shown.push(question);
        answer
    }
}

/// Answers what a lens answered then.
#[derive(Debug)]
struct Repeating<'a> {
    heard: &'a Heard,
    strange: &'a Mutex<bool>,
}

impl Repeating<'_> {
    fn wonder(&self) {
        *lock(self.strange) = true;
    }
}

impl Lens for Repeating<'_> {
    fn project(&self, side: Side, value: &Value) -> Value {
        let known = |one: &&(Side, Value, Value)| one.0 == side && one.1 == *value;
        match self.heard.projected.iter().find(known) {
            Some((_, _, answer)) => answer.clone(),
            None => {
                self.wonder();
                value.clone()
            }
        }
    }

    fn inject(&self, side: Side, canonical: &Value, current: &Value) -> Result<Value, LensError> {
        let known = |one: &&(Side, Value, Value, Result<Value, LensError>)| {
            one.0 == side && one.1 == *canonical && one.2 == *current
        };
        match self.heard.injected.iter().find(known) {
            Some((_, _, _, answer)) => answer.clone(),
            None => {
                self.wonder();
                Ok(canonical.clone())
            }
        }
    }

    fn is_set(&self) -> bool {
        self.heard.set
    }

    fn is_reference(&self) -> bool {
        self.heard.reference
    }

    fn show(&self, side: Side, value: &Value) -> Option<String> {
        let known = |one: &&(Side, Value, Option<String>)| one.0 == side && one.1 == *value;
        match self.heard.shown.iter().find(known) {
            Some((_, _, answer)) => answer.clone(),
            None => {
                self.wonder();
                None
            }
        }
    }
}
