//! What is remembered of a pair: the last agreed version, the last seen one, what is open.

mod base;
mod unit;

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use crate::effect::LinkedPull;
use crate::hash::ContentHash;
use crate::id::{FieldId, MappingId, OpId, RecordId, RemoteRef, Side};
use crate::mapping::Policy;
use crate::operation::RecentWrite;
use crate::remote::ProposalKind;
use crate::rule::{ActionState, Trigger};
use crate::snapshot::{Presence, Proof, Revision};

pub use base::{Agreed, Base};
pub use unit::UnitId;

/// Where the audit of a record ends. Kept with the record, so that a chain cut short is found too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// Position of the last link.
    pub number: u64,
    /// Its hash.
    pub hash: ContentHash,
}

/// How many retired values are kept per side (K).
pub const RETIRED: usize = 16;

/// Where a record is in its life.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    /// The counterpart is being created or proposed.
    Provisioning,
    /// Both objects exist.
    Live,
    /// One is gone, the removal of the other is under way.
    Deleting,
    /// No longer synchronised; nothing is deleted.
    Detached,
    /// Both are gone. Kept as long as the mapping.
    Tombstone,
}

/// What was last seen on one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its revision.
    pub revision: Revision,
    /// Hash over everything that was read, content included.
    pub hash: ContentHash,
    /// Whether no later edit can carry the same revision.
    pub settled: bool,
    /// When it was read.
    pub at: DateTime<Utc>,
}

/// The last time that a page was seen to be gone, or to be there again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Whether it was gone.
    pub gone: bool,
    /// Its last edit by then.
    pub revision: DateTime<Utc>,
    /// Until when a read may still show what was before: direct reads are behind a little.
    pub until: DateTime<Utc>,
}

/// An open conflict: both sides changed one unit differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// Hash of Notion's version.
    pub notion: ContentHash,
    /// Hash of GitHub's version.
    pub github: ContentHash,
    /// Hash of the base; `None` where there was none: such a conflict never cancels.
    pub base: Option<ContentHash>,
    /// Notion's version as people read it.
    pub notion_text: String,
    /// GitHub's version as people read it.
    pub github_text: String,
    /// The policy it was opened under.
    pub policy: Policy,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// An open or refused proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Why it was opened.
    pub kind: ProposalKind,
    /// Its branch.
    pub branch: String,
    /// The pull request, once it exists.
    pub pull: Option<RemoteRef>,
    /// Address for people.
    pub url: Option<String>,
    /// Head of the branch as we left it.
    pub head: Option<String>,
    /// What it publishes, per unit: hashes of Notion's and GitHub's version.
    pub published: BTreeMap<UnitId, (ContentHash, ContentHash)>,
    /// Path of the file it concerns.
    pub path: Option<String>,
    /// How it stands.
    pub state: ProposalState,
    /// Hash of what it proposes, so that the same is never proposed again after a refusal.
    pub value: ContentHash,
    /// When it was last refreshed.
    pub refreshed_at: DateTime<Utc>,
}

/// How a proposal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalState {
    /// Planned; the pull request does not exist yet.
    Planned,
    /// Open.
    Open,
    /// Merged.
    Merged,
    /// Closed without merging.
    Refused,
}

/// What is remembered of the comment that shows the state of the sync on an issue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardNote {
    /// The comment, once it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<RemoteRef>,
    /// Hash of what it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<ContentHash>,
    /// Somebody removed it: it is not made again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    /// Whether there was something else to say while it was being written.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

/// Something a person has to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What is wrong and what to do.
    pub message: String,
    /// Whether it contradicts the registry (drift).
    pub drift: bool,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// One pair that is kept the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Ours, never reused.
    pub id: RecordId,
    /// Its mapping.
    pub mapping: MappingId,
    /// The page.
    pub notion: Option<RemoteRef>,
    /// The primary object on GitHub.
    pub github: Option<RemoteRef>,
    /// Other objects by role, for example `conflict-pull`.
    #[serde(default)]
    pub links: BTreeMap<String, RemoteRef>,
    /// Where it is in its life.
    pub life: Life,
    /// The last agreed version; absent until there was one.
    pub base: Option<Base>,
    /// Last seen on Notion.
    pub seen_notion: Option<Seen>,
    /// Last seen on GitHub.
    pub seen_github: Option<Seen>,
    /// Open conflicts.
    #[serde(default)]
    pub conflicts: BTreeMap<UnitId, Conflict>,
    /// The open or refused proposal.
    #[serde(default)]
    pub proposal: Option<Proposal>,
    /// Hashes of values that were proposed and refused.
    #[serde(default)]
    pub refused: Vec<ContentHash>,
    /// Hashes of values retired on Notion, newest last.
    #[serde(default)]
    pub retired_notion: VecDeque<ContentHash>,
    /// Hashes of values retired on GitHub, newest last.
    #[serde(default)]
    pub retired_github: VecDeque<ContentHash>,
    /// How often base moved.
    pub base_epoch: u64,
    /// How often a conflict was opened.
    pub conflict_epoch: u64,
    /// How often a counterpart had to be created.
    pub create_epoch: u64,
    /// What a person has to look at.
    pub problem: Option<Problem>,
    /// When it must be looked at again at the latest.
    pub look_at: Option<DateTime<Utc>>,
    /// Since when some unit is held without a break, for people.
    pub held_since: Option<DateTime<Utc>>,
    /// Whether it was looked at while a write had no outcome: what was seen then was not decided about.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub awaits_outcome: bool,
    /// The page's title, for people.
    pub title: String,
    /// Path of the file or `owner/name#number`, for people and for relations.
    pub path: Option<String>,
    /// Addresses for people: page, GitHub object.
    #[serde(default)]
    pub urls: (Option<String>, Option<String>),
    /// Bookkeeping as last written to the page.
    #[serde(default)]
    pub bookkept: BTreeMap<String, String>,
    /// What the last writes made, for the page: `path`, `commit`, `url`, `number`, `repository`.
    #[serde(default)]
    pub outcome: BTreeMap<String, String>,
    /// Whether the two objects only share a path or title and wait to be joined by hand.
    #[serde(default)]
    pub same_key: bool,
    /// Whether this is a copy that carries the marks of another record's object.
    #[serde(default)]
    pub copy: bool,
    /// That its only object is a second one which a creation of ours made: it belongs to another record's object,
    /// and is never paired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate: Option<Duplicate>,
    /// Why an object that is not there any more is believed to be gone: a listing names it once.
    #[serde(default)]
    pub proofs: BTreeMap<Side, Proof>,
    /// When the page was last seen to be gone, or to be there again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<Turn>,
    /// Revision of the page right after our own last write of its body, until a settled read showed
    /// what the service made of it.
    #[serde(default)]
    pub own_body: Option<DateTime<Utc>>,
    /// The object on GitHub that a listing proved to be gone, until it is there again. Only the
    /// listing that passes the removal has the proof; later reads just do not find the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<(RemoteRef, Proof)>,
    /// What its object on GitHub was where the listing began that named it last. Until the cursor
    /// moves, the next listing begins there as well, and knows it as that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Begun>,
    /// The newest decisions about it that are kept with what they looked at, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<KeptDecision>,
    /// Where its audit ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audited: Option<AuditHead>,
    /// Position of the next operation in the record's queue.
    #[serde(default)]
    pub next_sequence: u64,
    /// The pull requests of its issue, as last seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pulls: Vec<LinkedPull>,
    /// What heads of pull requests were last told, by pull request: the head, and whether it is red.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub flagged: BTreeMap<String, (String, bool)>,
    /// The last writes that were done, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<RecentWrite>,
    /// Whether the issue carries the hidden block, or was given it once (tasks).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub marked: bool,
    /// The comment that shows the state of the sync on the issue (tasks).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardNote>,
    /// What each rule remembers, by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub triggers: BTreeMap<String, Trigger>,
    /// Whether the page was made while the sync was watching and its issue is not there yet: then
    /// rules may fire for what it says from the start.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub born: bool,
    /// Writes that a person gave up, by what they wanted: the same is not planned again, until a
    /// person asks for it or both sides want nothing of that sort any more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub given_up: BTreeMap<ContentHash, GivenUp>,
    /// Fields that wait for the counterpart of an object that they name, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waits: BTreeMap<FieldId, Waiting>,
    /// Values that a remote refused to take while it took the rest of the write, by field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refusals: BTreeMap<FieldId, Refusal>,
}

/// A second object that one creation made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicate {
    /// The object that the same creation made and that stays.
    pub of: RemoteRef,
    /// Its address for people.
    #[serde(default)]
    pub url: Option<String>,
    /// The record that the creation belongs to.
    pub record: RecordId,
    /// The creation.
    pub op: OpId,
    /// Who made both, as the remote says it; `None` where it does not say who made the other one.
    #[serde(default)]
    pub maker: Option<String>,
}

/// What an object was at a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Hash of the cursor.
    pub cursor: ContentHash,
    /// The object by the name it had there; `None` where it was not there yet.
    pub object: Option<RemoteRef>,
}

/// A decision that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptDecision {
    /// Its name, a hash of all of it.
    pub name: ContentHash,
    /// How many further items of the store hold it.
    pub chunks: usize,
}

/// A write that a person gave up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp {
    /// The operation.
    pub op: OpId,
    /// What it would have done, for people.
    pub label: String,
    /// Who gave it up, for people.
    pub by: String,
    /// Why, for people.
    pub why: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Whether it follows from a difference between the sides: then it is forgotten as soon as there
    /// is none. Anything else, such as a comment, is remembered until a person asks for it.
    pub differs: bool,
}

/// What a field waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The object that has no counterpart.
    pub on: RemoteRef,
    /// Why, for people.
    pub reason: String,
}

/// A value that a remote refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Hash of what it was asked to hold.
    pub value: ContentHash,
    /// Why, and what to do.
    pub reason: String,
    /// When. After an hour it is asked again: what stood in the way may be gone.
    pub at: DateTime<Utc>,
}

impl Refusal {
    /// When it is asked again.
    #[must_use]
    pub fn until(&self) -> DateTime<Utc> {
        self.at + chrono::Duration::hours(1)
    }

    /// Once it is time, what was refused is as good as any other value; why it was refused stays,
    /// so that nobody is told the same again.
    pub(crate) fn ask_again_at(&mut self, now: DateTime<Utc>) {
        if self.until() <= now {
            self.value = ContentHash::of_bytes("nsync/refused/over", b"");
        }
    }
}

impl Record {
    /// A record that knows nothing yet.
    #[must_use]
    pub fn new(id: RecordId, mapping: MappingId) -> Self {
        Self {
            id,
            mapping,
            notion: None,
            github: None,
            links: BTreeMap::new(),
            life: Life::Provisioning,
            base: None,
            seen_notion: None,
            seen_github: None,
            conflicts: BTreeMap::new(),
            proposal: None,
            refused: Vec::new(),
            retired_notion: VecDeque::new(),
            retired_github: VecDeque::new(),
            base_epoch: 0,
            conflict_epoch: 0,
            create_epoch: 0,
            problem: None,
            look_at: None,
            decisions: Vec::new(),
            audited: None,
            held_since: None,
            awaits_outcome: false,
            title: String::new(),
            path: None,
            urls: (None, None),
            bookkept: BTreeMap::new(),
            outcome: BTreeMap::new(),
            same_key: false,
            copy: false,
            duplicate: None,
            proofs: BTreeMap::new(),
            turn: None,
            own_body: None,
            gone: None,
            begun: None,
            next_sequence: 0,
            pulls: Vec::new(),
            flagged: BTreeMap::new(),
            writes: Vec::new(),
            marked: false,
            card: None,
            triggers: BTreeMap::new(),
            born: false,
            given_up: BTreeMap::new(),
            waits: BTreeMap::new(),
            refusals: BTreeMap::new(),
        }
    }

    /// The object on one side.
    #[must_use]
    pub fn object(&self, side: Side) -> Option<&RemoteRef> {
        match side {
            Side::Notion => self.notion.as_ref(),
            Side::Github => self.github.as_ref(),
        }
    }

    /// Sets the object on one side.
    pub fn set_object(&mut self, side: Side, object: Option<RemoteRef>) {
        match side {
            Side::Notion => self.notion = object,
            Side::Github => self.github = object,
        }
    }

    /// What was last seen on one side.
    #[must_use]
    pub fn seen(&self, side: Side) -> Option<&Seen> {
        match side {
            Side::Notion => self.seen_notion.as_ref(),
            Side::Github => self.seen_github.as_ref(),
        }
    }

    /// Remembers what was seen on one side.
    pub fn set_seen(&mut self, side: Side, seen: Option<Seen>) {
        match side {
            Side::Notion => self.seen_notion = seen,
            Side::Github => self.seen_github = seen,
        }
    }

    /// Remembers whether the page is gone, as was seen at `observed_at`. What was before may be shown for as long as
    /// reads are `behind`.
    pub fn see_page(
        &mut self,
        presence: &Presence,
        revision: &Revision,
        observed_at: DateTime<Utc>,
        behind: Duration,
    ) {
        let Some(gone) = presence.is_gone() else {
            return;
        };
        let same = match &self.turn {
            Some(turn) => turn.gone == gone && (!gone || revision.at <= turn.revision),
            // It was always there.
            None => !gone,
        };
        if same {
            return;
        }
        let seen = self.seen(Side::Notion).map(|seen| seen.revision.at);
        self.turn = Some(Turn {
            gone,
            revision: seen.map_or(revision.at, |seen| seen.max(revision.at)),
            until: observed_at + behind,
        });
    }

    /// Until when nobody can tell whether a read shows what was before the page was gone, or there again. `None` where
    /// it surely does not.
    #[must_use]
    pub fn doubted_until(
        &self,
        side: Side,
        presence: &Presence,
        revision: &Revision,
        observed_at: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let turn = self.turn.as_ref().filter(|_| side == Side::Notion)?;
        let before = turn.gone != presence.is_gone()? && revision.at <= turn.revision;
        (before && observed_at < turn.until).then_some(turn.until)
    }

    /// What both sides changed and nobody has decided yet, in words for people; empty where nothing is.
    #[must_use]
    pub fn contested(&self) -> String {
        let mut told: Vec<String> = self.conflicts.keys().map(UnitId::told).collect();
        told.dedup();
        told.join(", ")
    }

    /// Why the object on one side may be believed to be gone when it is not found.
    #[must_use]
    pub fn proof(&self, side: Side) -> Option<Proof> {
        // A deletion that people merged is as good as a commit that shows it.
        let merged = side == Side::Github
            && self.life == Life::Deleting
            && self.proposal.as_ref().is_some_and(|proposal| {
                proposal.kind == ProposalKind::Delete && proposal.state == ProposalState::Merged
            });
        self.proofs
            .get(&side)
            .copied()
            .or(merged.then_some(Proof::AbsentInDescendant))
    }

    /// Remembers a value that the engine retired on one side.
    pub fn retire(&mut self, side: Side, hash: ContentHash) {
        let list = match side {
            Side::Notion => &mut self.retired_notion,
            Side::Github => &mut self.retired_github,
        };
        list.retain(|known| *known != hash);
        list.push_back(hash);
        while list.len() > RETIRED {
            list.pop_front();
        }
    }

    /// When the step of a rule that waits is to be asked for again, the first of several.
    #[must_use]
    pub fn next_step(&self) -> Option<DateTime<Utc>> {
        (self.triggers.values())
            .filter_map(|trigger| {
                let action = &trigger.actions[trigger.turn()?];
                (action.state != ActionState::Sending)
                    .then(|| action.again.unwrap_or(DateTime::<Utc>::UNIX_EPOCH))
            })
            .min()
    }

    /// When a service can be asked about a step of a rule that could not be asked now.
    #[must_use]
    pub fn unasked_until(&self) -> Option<DateTime<Utc>> {
        (self.triggers.values())
            .filter_map(|trigger| Some(&trigger.actions[trigger.turn()?]))
            .filter_map(|action| action.again.filter(|_| action.unasked))
            .min()
    }

    /// When something that waits is to be asked for again: the step of a rule, or a value that was
    /// refused.
    #[must_use]
    pub fn asks_at(&self) -> Option<DateTime<Utc>> {
        let refused = self.refusals.values().map(Refusal::until);
        self.next_step().into_iter().chain(refused).min()
    }

    /// The values retired on one side.
    #[must_use]
    pub fn retired(&self, side: Side) -> &VecDeque<ContentHash> {
        match side {
            Side::Notion => &self.retired_notion,
            Side::Github => &self.retired_github,
        }
    }
}
