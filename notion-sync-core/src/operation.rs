//! Operations: writes as durable data, with deterministic ids and a log of attempts.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Timelike as _, Utc};
use serde::{Deserialize, Serialize};

use crate::document::merge::BodyBase;
use crate::hash::ContentHash;
use crate::id::{FieldId, MappingId, OpId, RecordId, RemoteRef, Side, SyncRunId};
use crate::record::{Agreed, Life, Record, UnitId};
use crate::remote::{Action, Write, WriteKind};
use crate::snapshot::Revision;

/// Where an operation is in its life.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OpState {
    /// Persisted, not sent.
    Planned,
    /// An attempt was persisted; it may be on its way. Found at start-up it means: outcome unknown.
    Sending,
    /// Sent, outcome unknown.
    Unknown,
    /// Surely not applied; waits.
    Retry,
    /// Waits for a person: credentials, permission, schema.
    Blocked,
    /// Set aside after too many attempts.
    Dead,
    /// Applied, outcome recorded.
    Done,
    /// Not to be carried out any more: the world moved on.
    Void,
}

impl OpState {
    /// Whether nothing will happen to it any more without a person.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Void | Self::Dead)
    }

    /// Whether it was sent and its outcome is not known.
    #[must_use]
    pub fn is_unresolved(self) -> bool {
        matches!(self, Self::Sending | Self::Unknown)
    }

    /// The name in stores and output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Sending => "sending",
            Self::Unknown => "unknown",
            Self::Retry => "retry",
            Self::Blocked => "blocked",
            Self::Dead => "dead",
            Self::Done => "done",
            Self::Void => "void",
        }
    }
}

/// What a recorded outcome changes in the record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Settlement {
    /// Fields that are agreed once the write is done. The written side's value is replaced by what
    /// the answer showed.
    pub fields: BTreeMap<FieldId, Agreed>,
    /// The body's base once the write is done.
    pub body: Option<BodyBase>,
    /// Path once the write is done.
    pub path: Option<String>,
    /// Revision at which the other side was read when this was planned.
    #[serde(default)]
    pub source: Option<(Side, Revision)>,
    /// The object on the written side is new.
    pub creates: bool,
    /// The record's life once the write is done.
    pub life: Option<Life>,
    /// It is a proposal: what it settles is agreed when people merge it, not when it is opened.
    #[serde(default)]
    pub proposal: bool,
    /// Fields that are agreed half-way: the value the answer shows holds more than that.
    #[serde(default)]
    pub partial: BTreeSet<FieldId>,
    /// Hash of the body that is sent, in shared terms.
    #[serde(default)]
    pub sent: Option<ContentHash>,
    /// Conflicts that are settled once the write is done: people decided about them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub resolves: BTreeSet<UnitId>,
    /// What a proposal publishes of units in conflict: hashes of Notion's and GitHub's version.
    #[serde(default)]
    pub published: BTreeMap<UnitId, (ContentHash, ContentHash)>,
}

/// A write, persisted before it is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Deterministic id.
    pub id: OpId,
    /// Its record.
    pub record: RecordId,
    /// Its mapping.
    pub mapping: MappingId,
    /// The side that is written.
    pub side: Side,
    /// How it behaves when its outcome is unknown.
    pub kind: WriteKind,
    /// One line for people.
    pub label: String,
    /// The rows of the decision table that asked for it.
    pub rows: Vec<u8>,
    /// Position in the record's queue.
    pub sequence: u64,
    /// Another operation of the record that must be done first.
    pub after: Option<OpId>,
    /// Where it is in its life.
    pub state: OpState,
    /// What is sent.
    pub write: Write,
    /// What changes in the record when it is done.
    pub settlement: Settlement,
    /// Hash of what it wants: the same is not planned again after it was set aside.
    pub desired: ContentHash,
    /// How often it was sent.
    pub attempts: u32,
    /// How often in a row the process ended while this was being sent, and got nothing else done in
    /// between.
    pub lost: u32,
    /// When the first of these attempts began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_since: Option<DateTime<Utc>>,
    /// Until when a request of it that had no answer may still take effect: what was found to be not applied
    /// before this may be applied yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_land_until: Option<DateTime<Utc>>,
    /// Something else is wanted by now: it is not sent again, and ends once it is known what came of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overtaken: bool,
    /// Not before this.
    pub not_before: Option<DateTime<Utc>>,
    /// When the last intent was persisted.
    pub intent_at: Option<DateTime<Utc>>,
    /// The group it was last sent in, in order.
    #[serde(default)]
    pub group: Vec<OpId>,
    /// The last error, for people.
    pub error: Option<String>,
    /// When it was planned.
    pub created_at: DateTime<Utc>,
}

impl Operation {
    /// Whether its outcome is not known, or what is known of it may still change: nothing is decided about its
    /// record then.
    #[must_use]
    pub fn is_unsettled(&self, now: DateTime<Utc>) -> bool {
        let may_land = self.may_land_until.is_some_and(|until| now < until);
        self.state.is_unresolved() || (may_land && !self.state.is_final())
    }
}

/// A write that was done, kept with its record: somebody who edited while it was under way is heard of later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentWrite {
    /// The operation.
    pub op: OpId,
    /// The object.
    pub object: RemoteRef,
    /// When its intent was persisted: what was there is compared after this.
    pub began: DateTime<Utc>,
    /// When its answer was there, or the latest at which it can have been applied.
    pub ended: DateTime<Utc>,
    /// Fields that it wrote, by native key.
    pub fields: BTreeSet<String>,
    /// Whether it wrote the content.
    pub content: bool,
    /// Texts among these, the content under [`CONTENT`](crate::event::CONTENT): what each write was made on top
    /// of, and what it wrote.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub texts: BTreeMap<String, ReplacedText>,
}

/// A text that a write replaced, as [`text_hash`](crate::event::text_hash) tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplacedText {
    /// What was there when it was looked at.
    pub expected: ContentHash,
    /// What was written.
    pub desired: ContentHash,
}

/// What makes an operation the same as another.
#[derive(Debug, Serialize)]
pub struct OpKey<'a> {
    /// Its record.
    pub record: &'a RecordId,
    /// What it does, for example `create`, `update`, `remove`.
    pub action: &'a str,
    /// The side.
    pub side: Side,
    /// The object, if there is one.
    pub target: Option<&'a RemoteRef>,
    /// How often base moved; for creates the create epoch.
    pub epoch: u64,
    /// What is expected and what is wanted. Creates leave both out: an edit while a create is
    /// under way must not make a second object.
    pub content: Option<(ContentHash, ContentHash)>,
    /// How often an operation of this key was voided or retried by a person.
    pub generation: u64,
}

impl OpKey<'_> {
    /// The operation's id: 160 bits of BLAKE3 in lower-case base 32. A create adds a dot and the
    /// record: the object that it makes carries the id, and so says whose it is when nothing else
    /// remembers.
    #[must_use]
    pub fn id(&self) -> OpId {
        let hash = base32(&ContentHash::of("nsync/op/v1", self).as_bytes()[..20]);
        if self.action == CREATE {
            OpId::new(format!("{hash}.{}", self.record))
        } else {
            OpId::new(hash)
        }
    }
}

/// What an operation does that makes an object.
pub(crate) const CREATE: &str = "create";

/// The record of the operation that made an object, from the operation's id. Only a hint: anybody
/// can write such an id into a text.
#[must_use]
pub fn record_of_create(op: &OpId) -> Option<RecordId> {
    let (hash, record) = op.as_str().split_once('.')?;
    let digits = record.strip_prefix('r')?;
    let fits = hash.len() == 32
        && digits.len() == 24
        && (digits.bytes()).all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    fits.then(|| RecordId::from(record))
}

/// The id of the operation of a rule's step: never of the value alone, so that the same value
/// reached twice is two operations, and never of base, which a touch moves.
#[must_use]
pub fn action_id(record: &RecordId, rule: &str, edge: u64, step: usize, generation: u64) -> OpId {
    let key = (record, rule, edge, step, generation);
    OpId::new(base32(
        &ContentHash::of("nsync/act/v1", &key).as_bytes()[..20],
    ))
}

/// The id of a group of operations that are sent together.
#[must_use]
pub fn group_id(members: &[OpId]) -> OpId {
    match members {
        [one] => one.clone(),
        _ => OpId::new(base32(
            &ContentHash::of("nsync/group/v1", members).as_bytes()[..20],
        )),
    }
}

fn base32(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut out = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for &byte in bytes {
        buffer = (buffer << 8) | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(DIGITS[(buffer >> bits) as usize & 31]));
        }
    }
    if bits > 0 {
        out.push(char::from(DIGITS[(buffer << (5 - bits)) as usize & 31]));
    }
    out
}

/// `{page or record}:{minute of the observed revision}:{first eight of the operation}`.
#[must_use]
pub fn sync_run_id(subject: &str, revision: Option<DateTime<Utc>>, op: &OpId) -> SyncRunId {
    let minute = revision.and_then(|at| at.with_second(0)).map_or_else(
        || "none".to_owned(),
        |at| at.format("%Y-%m-%dT%H:%MZ").to_string(),
    );
    let short: String = op.as_str().chars().take(8).collect();
    SyncRunId::new(format!("{subject}:{minute}:{short}"))
}

/// `{mapping}:{minute}:look`: names the requests of a look at both sides, which no operation stands behind.
#[must_use]
pub(crate) fn look_run_id(mapping: &MappingId, at: DateTime<Utc>) -> SyncRunId {
    let minute = at.format("%Y-%m-%dT%H:%MZ");
    SyncRunId::new(format!("{mapping}:{minute}:look"))
}

/// What makes a write the same as one that a person gave up: what is done, to what, and what it
/// wants. Not when it was planned: base moves for other reasons too.
#[derive(Debug, Serialize)]
pub(crate) struct Wanted<'a> {
    what: &'static str,
    side: Side,
    target: Option<&'a RemoteRef>,
    desired: ContentHash,
    /// A counterpart that is made once more, after the first was removed, is another one.
    epoch: u64,
}

impl<'a> Wanted<'a> {
    pub(crate) fn new(
        record: &'a Record,
        side: Side,
        action: &Action,
        desired: ContentHash,
    ) -> Self {
        let creates = matches!(action, Action::Create(_));
        Self {
            what: action.word(),
            side,
            target: record.object(side),
            desired,
            epoch: if creates { record.create_epoch } else { 0 },
        }
    }

    pub(crate) fn hash(&self) -> ContentHash {
        ContentHash::of("nsync/wanted/v1", self)
    }
}

/// The hash of what is wanted where nothing but the object itself is.
#[must_use]
pub(crate) fn nothing_desired() -> ContentHash {
    ContentHash::of_bytes("nsync/none", b"")
}

/// One attempt, append-only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The operation.
    pub op: OpId,
    /// Its number, from 1.
    pub number: u32,
    /// The group it was sent in.
    pub group: OpId,
    /// When the intent was persisted.
    pub started_at: DateTime<Utc>,
    /// When the outcome was recorded.
    pub ended_at: Option<DateTime<Utc>>,
    /// Outcome in one word: `applied`, `retry`, `unknown`, `void`, `blocked`, `fatal`.
    pub outcome: Option<String>,
    /// The error, without page text.
    pub error: Option<String>,
}

/// How long to wait before attempt `attempt` (from 1): full jitter over 1 s doubling to 15 min.
/// `jitter` is in `0..=1000`, in thousandths.
#[must_use]
pub fn backoff(attempt: u32, jitter: u32) -> Duration {
    let ceiling = 1000_i64
        .saturating_mul(1 << attempt.min(20))
        .min(15 * 60 * 1000);
    Duration::milliseconds((ceiling * i64::from(jitter.min(1000)) / 1000).max(250))
}

/// How long to wait before asking again for the outcome of a write that was sent `waited` ago: as
/// [`backoff`], and the longer nobody could tell, the longer. Asking is no attempt.
pub(crate) fn asking_pause(attempts: u32, waited: Duration, jitter: u32) -> Duration {
    let doublings = waited.num_seconds().max(1).ilog2();
    backoff(attempts.max(doublings).max(1), jitter)
}

/// How often an operation is sent before it is set aside.
pub const MAX_ATTEMPTS: u32 = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_rfc_4648_without_padding() {
        for (given, want) in [
            ("", ""),
            ("f", "my"),
            ("fo", "mzxq"),
            ("foobar", "mzxw6ytboi"),
        ] {
            assert_eq!(base32(given.as_bytes()), want);
        }
    }

    #[test]
    fn states_are_called_in_output_as_they_are_called_in_stores() {
        for state in [
            OpState::Planned,
            OpState::Sending,
            OpState::Unknown,
            OpState::Retry,
            OpState::Blocked,
            OpState::Dead,
            OpState::Done,
            OpState::Void,
        ] {
            let stored = serde_json::to_value(state).unwrap();
            assert_eq!(stored, state.name());
        }
    }

    #[test]
    fn a_group_of_one_is_called_as_its_only_operation() {
        let ids = |names: &[&str]| names.iter().copied().map(OpId::from).collect::<Vec<_>>();
        assert_eq!(group_id(&ids(&["a"])), OpId::from("a"));
        let two = group_id(&ids(&["a", "b"]));
        assert_ne!(two, OpId::from("a"));
        assert_ne!(two, group_id(&ids(&["b", "a"])));
        assert_eq!(two, group_id(&ids(&["a", "b"])));
    }

    #[test]
    fn backoff_doubles_to_fifteen_minutes_and_never_is_zero() {
        assert_eq!(backoff(1, 1000), Duration::seconds(2));
        assert_eq!(backoff(30, 1000), Duration::minutes(15));
        assert_eq!(backoff(5, 0), Duration::milliseconds(250));
    }

    #[test]
    fn an_outcome_is_asked_for_less_and_less_often() {
        let pause = |seconds| asking_pause(1, Duration::seconds(seconds), 1000);
        assert_eq!(pause(-5), Duration::seconds(2));
        assert_eq!(pause(100), Duration::seconds(64));
        assert_eq!(pause(86_400), Duration::minutes(15));
    }

    #[test]
    fn a_return_to_an_old_value_is_another_operation() {
        let record = RecordId::from("r");
        let (a, b) = (
            ContentHash::of_bytes("t", b"a"),
            ContentHash::of_bytes("t", b"b"),
        );
        let key = |epoch, content| {
            OpKey {
                record: &record,
                action: "update",
                side: Side::Github,
                target: None,
                epoch,
                content: Some(content),
                generation: 0,
            }
            .id()
        };
        assert_ne!(key(0, (a, b)), key(2, (a, b)));
        assert_ne!(key(0, (a, b)), key(1, (b, a)));
        assert_eq!(key(0, (a, b)).as_str().len(), 32);
    }

    #[test]
    fn a_create_says_whose_it_is() {
        let record = RecordId::from("r0123456789abcdef01234567");
        let op = OpKey {
            record: &record,
            action: CREATE,
            side: Side::Notion,
            target: None,
            epoch: 0,
            content: None,
            generation: 0,
        }
        .id();
        assert_eq!(record_of_create(&op), Some(record));
        for other in [
            "",
            "k3",
            "k3.r0123456789abcdef01234567",
            &format!("{}.r0123456789ABCDEF01234567", "a".repeat(32)),
            &format!("{}.r0123456789abcdef0123456", "a".repeat(32)),
            &format!("{}.x", "a".repeat(32)),
        ] {
            assert_eq!(record_of_create(&OpId::from(other)), None, "{other}");
        }
    }

    #[test]
    fn run_ids_are_readable() {
        let at = "2026-11-21T10:05:59Z".parse().unwrap();
        let run = sync_run_id("page-1", Some(at), &OpId::from("abcdefghij"));
        assert_eq!(run.as_str(), "page-1:2026-11-21T10:05Z:abcdefgh");
    }
}
