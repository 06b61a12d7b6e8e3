//! The decision table as two total functions over finite situations.
//!
//! Rows carry the numbers of the published table (see `docs/architecture.md`). What a situation is
//! made of is small on purpose, so that a test can walk all of them.

use serde::{Deserialize, Serialize};

use crate::mapping::{MappingKind, Policy};
use crate::record::Life;

/// A row of the decision table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Row(pub u8);

/// How one side of a record stands against the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SideState {
    /// There is no object and never was.
    Absent,
    /// An object without a mapping.
    New,
    /// As agreed.
    Same,
    /// Different from what was agreed.
    Edited,
    /// Gone, with proof.
    Gone,
    /// Not found, without proof.
    Missing,
    /// Could not be read whole.
    Unread,
    /// Older than what is known already.
    Old,
    /// Not settled, and possibly our own write or a stale read.
    Blur,
    /// Present again after it was buried.
    Back,
    /// Present, but outside the mapping's scope.
    MovedOut,
}

impl SideState {
    /// Every state.
    pub const ALL: [Self; 11] = [
        Self::Absent,
        Self::New,
        Self::Same,
        Self::Edited,
        Self::Gone,
        Self::Missing,
        Self::Unread,
        Self::Old,
        Self::Blur,
        Self::Back,
        Self::MovedOut,
    ];

    fn is_there(self) -> bool {
        matches!(self, Self::Same | Self::Edited | Self::Back | Self::New)
    }
}

/// What registry and markers say about the identity of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Identity {
    /// Nothing contradicts.
    Clean,
    /// An object is claimed by two records.
    DoubleClaim,
    /// A marker was written by a newer engine.
    Newer,
    /// A marker names another counterpart than the registry.
    Contradiction,
    /// No mapping; both markers name each other.
    MutualMarkers,
    /// No mapping; one side's marker names the other, which is unclaimed.
    OneMarker,
    /// No mapping, no markers; the same path or title on both sides.
    SameKey,
    /// A copy of a mapped file or page that carries its marks.
    Copy,
    /// A second object that one creation of ours made, still as it was made.
    Duplicate,
    /// The same, and somebody works on it, or nobody can tell.
    DuplicateInUse,
}

impl Identity {
    /// Every identity.
    pub const ALL: [Self; 10] = [
        Self::Clean,
        Self::DoubleClaim,
        Self::Newer,
        Self::Contradiction,
        Self::MutualMarkers,
        Self::OneMarker,
        Self::SameKey,
        Self::Copy,
        Self::Duplicate,
        Self::DuplicateInUse,
    ];

    /// Whether it is a second object that one creation of ours made.
    #[must_use]
    pub fn is_duplicate(self) -> bool {
        matches!(self, Self::Duplicate | Self::DuplicateInUse)
    }
}

/// How a record's proposal to create or delete stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LifeProposal {
    /// There is none.
    None,
    /// Open.
    Open,
    /// Merged.
    Merged,
    /// Closed unmerged.
    Refused,
}

impl LifeProposal {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::None, Self::Open, Self::Merged, Self::Refused];
}

/// A record as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordSituation {
    /// What is mapped.
    pub kind: MappingKind,
    /// Where the record is in its life.
    pub life: Life,
    /// Notion.
    pub notion: SideState,
    /// GitHub.
    pub github: SideState,
    /// Identity.
    pub identity: Identity,
    /// Whether an operation of the record was sent and its outcome is not known.
    pub unresolved: bool,
    /// Whether a unit is parked.
    pub parked: bool,
    /// A proposal to create or delete the file.
    pub proposal: LifeProposal,
    /// Whether the new object is a document whose file must first be proposed.
    pub policy: Policy,
    /// Whether under a wins policy a deletion beats an edit.
    pub delete_beats_edit: bool,
}

/// What the record level decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordVerdict {
    /// This row, and nothing below it.
    Row(Row),
    /// Each unit is decided on its own.
    Units,
}

/// Decides what concerns the record as a whole. Total.
#[must_use]
pub fn record_row(s: &RecordSituation) -> RecordVerdict {
    use SideState::{Absent, Back, Blur, Edited, Gone, Missing, MovedOut, New, Old, Same, Unread};
    let row = |n: u8| RecordVerdict::Row(Row(n));

    // (a) Identity.
    match s.identity {
        Identity::DoubleClaim => return row(6),
        Identity::Newer => return row(50),
        Identity::Contradiction => return row(44),
        Identity::Copy if s.github == New => return row(33),
        Identity::Copy if s.notion == New => return row(34),
        Identity::MutualMarkers if s.notion == New && s.github == New => return row(3),
        Identity::OneMarker if s.notion == New && s.github == New => return row(5),
        Identity::SameKey if s.notion == New && s.github == New => return row(4),
        Identity::MutualMarkers if s.life == Life::Live => {}
        Identity::MutualMarkers if s.notion.is_there() && s.github.is_there() => return row(43),
        _ => {}
    }

    // (b) Each side by itself.
    if s.unresolved {
        return row(40);
    }
    for side in [s.notion, s.github] {
        match side {
            Old => return row(37),
            Blur => return row(38),
            Unread => return row(25),
            Missing => return row(24),
            _ => {}
        }
    }

    // (c) Life.
    if s.identity.is_duplicate()
        && s.life != Life::Detached
        && (s.notion.is_there() || s.github.is_there())
    {
        // What came back after it was removed is somebody's by now.
        let back = s.life == Life::Tombstone || s.notion == Back || s.github == Back;
        let as_made = s.identity == Identity::Duplicate && !back;
        return row(if as_made { 60 } else { 61 });
    }
    if s.life == Life::Deleting {
        return row(55);
    }
    match (s.notion, s.github) {
        (Gone | Absent, Gone) | (Gone, Absent) => return row(23),
        (Back, _) | (_, Back) => {
            return if s.notion == Edited || s.github == Edited {
                row(27)
            } else {
                row(26)
            };
        }
        _ => {}
    }
    if s.life == Life::Tombstone {
        // Something is there that was never seen gone together with its partner: nothing of the
        // buried mapping is used again.
        return row(28);
    }
    if s.notion == MovedOut {
        return row(36);
    }
    if s.github == MovedOut {
        return row(35);
    }
    if s.life == Life::Detached {
        return row(36);
    }
    if s.parked && (s.notion == Gone || s.github == Gone) {
        return row(57);
    }
    let beats = s.delete_beats_edit && s.policy != Policy::ManualReview;
    match (s.notion, s.github) {
        (Gone, Same) => return row(18),
        (Same, Gone) => return row(19),
        (Gone, Edited) if s.policy == Policy::ManualReview => return row(20),
        (Gone, Edited) if beats && s.policy == Policy::NotionWins => return row(18),
        (Gone, Edited) => return row(21),
        (Edited, Gone) if beats && s.policy == Policy::GithubWins => return row(19),
        (Edited, Gone) => return row(22),
        _ => {}
    }

    // (d) Content that has no partner yet.
    match (s.notion, s.github) {
        (New | Same | Edited, Absent) => match (s.kind, s.proposal) {
            (_, LifeProposal::Refused) => row(54),
            (MappingKind::Documents, _) => row(52),
            (MappingKind::Tasks, _) => row(1),
        },
        (Absent, New | Same | Edited) => row(2),
        // A mapping that is not alive on one side and new on the other contradicts itself.
        (New, Gone) | (Gone, New) => row(44),
        (Absent, Absent) => row(23),
        _ => RecordVerdict::Units,
    }
}

/// How one side of a unit stands against the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitState {
    /// As agreed.
    Same,
    /// Different from what was agreed.
    Edited,
    /// Not read whole, or its property was deleted or retyped.
    Unread,
}

/// How a parked unit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Parked {
    /// It is not parked.
    No,
    /// Neither side moved since.
    Still,
    /// A side moved to another value.
    Moved,
    /// Both sides hold the same now.
    Equal,
    /// One side is back at base.
    Cancelled,
    /// The pull request was merged, and Notion still holds what it published.
    Merged,
    /// The pull request was closed unmerged; neither side moved.
    Refused,
}

/// How a proposal to edit stands that covers the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EditProposal {
    /// There is none.
    None,
    /// Open, and it publishes what Notion holds.
    Current,
    /// Open, and Notion has moved on.
    Behind,
    /// Closed unmerged for what Notion holds.
    Refused,
}

/// Whether the written side can hold the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fit {
    /// It can.
    Fine,
    /// An option, label or person is missing there.
    OptionMissing,
    /// It names an object that has no counterpart there.
    Unpaired,
    /// It cannot be said there, or passes a limit.
    Unrepresentable,
}

/// One unit of a live record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitSituation {
    /// Notion.
    pub notion: UnitState,
    /// GitHub.
    pub github: UnitState,
    /// Whether both say the same now.
    pub equal: bool,
    /// Whether there is a base.
    pub base: bool,
    /// Whether both edits can be merged inside the unit.
    pub mergeable: bool,
    /// Parked state.
    pub parked: Parked,
    /// Proposal that covers it.
    pub proposal: EditProposal,
    /// Whether the same was set aside before.
    pub dead: bool,
    /// Whether the side that would be written can hold the value.
    pub fit: Fit,
    /// Policy.
    pub policy: Policy,
}

/// Decides one unit of a live record. Total.
#[must_use]
pub fn unit_row(s: &UnitSituation) -> Row {
    use UnitState::{Edited, Same, Unread};
    if s.notion == Unread || s.github == Unread {
        return Row(47);
    }
    // Parked units come first: a wins policy must not resolve them behind a person's back.
    match s.parked {
        Parked::Merged => return Row(17),
        Parked::Equal | Parked::Cancelled => return Row(16),
        Parked::Moved => return Row(15),
        Parked::Refused => return Row(54),
        Parked::Still => return Row(56),
        Parked::No => {}
    }
    if !s.base {
        return Row(42);
    }
    if s.notion == Same && s.github == Same {
        return Row(7);
    }
    if s.equal {
        return Row(10);
    }
    if s.dead {
        return Row(58);
    }
    match s.fit {
        Fit::OptionMissing => return Row(48),
        Fit::Unpaired => return Row(59),
        Fit::Unrepresentable => return Row(49),
        Fit::Fine => {}
    }
    match (s.notion, s.github) {
        (Edited, Same) => match s.proposal {
            EditProposal::Refused => Row(54),
            EditProposal::Current | EditProposal::Behind => Row(53),
            EditProposal::None => Row(8),
        },
        (Same, Edited) => Row(9),
        _ if s.mergeable => Row(11),
        _ => match s.policy {
            Policy::ManualReview => Row(12),
            Policy::NotionWins => Row(13),
            Policy::GithubWins => Row(14),
        },
    }
}
