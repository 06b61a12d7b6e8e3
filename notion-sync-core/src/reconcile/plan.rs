//! What reconcile answers: plain data.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::table::Row;
use crate::document::Document;
use crate::document::merge::BodyBase;
use crate::hash::ContentHash;
use crate::id::{FieldId, Side};
use crate::record::{Agreed, Life, UnitId};
use crate::remote::{FieldChange, ProposalKind};

/// The decision about one record.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Plan {
    /// Which row decided which unit. Units as agreed are left out.
    pub rows: Vec<(UnitId, Row)>,
    /// What to do, in order.
    pub steps: Vec<Step>,
    /// Units that wait for something.
    pub holds: Vec<Hold>,
    /// Those fields among them that name an object without a counterpart.
    pub waits: Vec<Wait>,
    /// Conflicts that open or move: both versions.
    pub parks: Vec<Park>,
    /// Conflicts that are settled.
    pub closes: Vec<UnitId>,
    /// What is agreed without a write.
    pub agreed: AgreedNow,
    /// The record's life from now on, where it changes without a write.
    pub life: Option<Life>,
    /// What a person has to look at.
    pub alerts: Vec<Alert>,
    /// Values that are overwritten or dropped; kept in the audit.
    pub losers: Vec<Loser>,
}

impl Plan {
    /// Whether a field is to be written.
    #[must_use]
    pub fn writes(&self, id: &FieldId) -> bool {
        let written =
            |step: &Step| matches!(step, Step::Write(write) if write.fields.contains_key(id));
        self.steps.iter().any(written)
    }

    /// Whether nothing is to be done or remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
            && self.parks.is_empty()
            && self.closes.is_empty()
            && self.agreed == AgreedNow::default()
            && self.life.is_none()
            && self.losers.is_empty()
    }
}

/// What both sides were found to agree on.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AgreedNow {
    /// Fields.
    pub fields: BTreeMap<FieldId, Agreed>,
    /// The body's new base.
    pub body: Option<BodyBase>,
    /// The path.
    pub path: Option<String>,
    /// Fields that are agreed half-way only: the written side holds more than its value here, and
    /// what the answer to the write shows is not agreed.
    pub partial: BTreeSet<FieldId>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Step {
    /// Write units to a side.
    Write(WriteStep),
    /// Make the missing object on a side. A file of a page is proposed, everything else created.
    Create(Side),
    /// Remove the object of a side softly.
    Remove(Side),
    /// Bring the object of a side back, because the other side was edited or restored.
    Restore(Side),
    /// Join two objects that name each other; both sides are compared next.
    Adopt,
    /// Open or refresh a proposal; for an edit, what it proposes to write.
    Propose(ProposalKind, Option<Box<WriteStep>>),
    /// Close the open proposal, and say why.
    Withdraw(String),
    /// Take marks off a copy.
    Unmark(Side),
}

/// Units to write to one side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WriteStep {
    /// The side.
    pub side: Side,
    /// Fields in the side's own terms.
    pub fields: BTreeMap<FieldId, FieldChange>,
    /// The body in shared terms: before and after.
    pub body: Option<(Document, Document)>,
    /// Whether the file moves to the path that the template gives for the page's title.
    pub follow_title: bool,
    /// What is agreed once it is done.
    pub settles: AgreedNow,
    /// Rows behind it.
    pub rows: Vec<Row>,
}

/// A field that names an object without a counterpart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wait {
    /// The field.
    pub field: FieldId,
    /// Why, for people.
    pub reason: String,
    /// The side that names it, and the id it names.
    pub named: (Side, String),
    /// Whether people are told, because nothing is known that would end it.
    pub tell: bool,
}

/// A unit that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// The unit.
    pub unit: UnitId,
    /// The row.
    pub row: Row,
    /// Why, for people.
    pub reason: String,
}

/// A conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Park {
    /// The unit.
    pub unit: UnitId,
    /// The row.
    pub row: Row,
    /// Hash and text of Notion's version.
    pub notion: (ContentHash, String),
    /// Hash and text of GitHub's version.
    pub github: (ContentHash, String),
    /// Hash of the base.
    pub base: Option<ContentHash>,
}

/// Something a person has to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// The row.
    pub row: Row,
    /// What and what to do.
    pub message: String,
    /// Whether registry and remotes contradict each other: freezes the record.
    pub drift: bool,
}

/// A value that lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Loser {
    /// The unit.
    pub unit: UnitId,
    /// The side it stood on.
    pub side: Side,
    /// The value as people read it.
    pub text: String,
    /// Its hash.
    pub hash: ContentHash,
}
