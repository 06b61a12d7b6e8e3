//! What the engine asks of a side.
//!
//! [`Remote`] is one place on one side: the pages of a data source, the files under a folder of a
//! branch, the issues of a repository. An adapter implements it; the engine knows nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::comment::{Comments, Discuss, FoundCard, RemoteComment};
use crate::document::Document;
use crate::effect::{EffectRequest, EffectWrite, Gate, LinkedPull};
use crate::error::Result;
use crate::id::{OpId, RecordId, RemoteRef, Side, SyncRunId};
use crate::snapshot::{Proof, Snapshot};
use crate::value::Value;

/// One place on one side.
///
/// # Contract
///
/// * Nothing here sleeps or retries. An error says whether and when another try can help.
/// * Reading never changes anything.
/// * An object that is not there is a snapshot with that [`Presence`](crate::snapshot::Presence),
///   not an error.
/// * A write reports what the answer to that very write showed, never what a later read shows.
/// * A write that may have been applied although it failed is
///   [`Unavailable`](crate::ErrorKind::Unavailable); one that surely was not is
///   [`NotApplied`](crate::ErrorKind::NotApplied) or
///   [`RateLimited`](crate::ErrorKind::RateLimited); one whose precondition failed is
///   [`Stale`](crate::ErrorKind::Stale).
#[async_trait]
pub trait Remote: fmt::Debug + Send + Sync {
    /// Which side this is.
    fn side(&self) -> Side;

    /// What this remote can do.
    fn abilities(&self) -> Abilities;

    /// Which objects belong to it, in one line: the data source, the folder of a branch, the
    /// repositories. Where this changes between two runs, whatever is not listed any more may only
    /// have fallen out of it.
    fn scope(&self) -> String {
        String::new()
    }

    /// Describes the fields, by native key.
    async fn schema(&self) -> Result<Schema>;

    /// Lists objects: those that may have changed since a cursor, or all.
    async fn list(&self, request: ListRequest) -> Result<Listing>;

    /// Reads one object, with its content if `content` is set.
    ///
    /// A read that is put together from several calls is bracketed by two looks at the revision;
    /// if they differ the presence is [`Unread`](crate::snapshot::Presence::Unread).
    async fn read(&self, object: &RemoteRef, content: bool) -> Result<Snapshot>;

    /// The object that people name so in settings: a page by id or address, a file by its path, an
    /// issue by its number. Nothing is said about whether it is there.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) where it names nothing of this place.
    async fn named(&self, name: &str) -> Result<RemoteRef> {
        Err(
            crate::Error::new(crate::ErrorKind::Invalid, "find what settings name")
                .with("name", name)
                .message("nothing of this place can be named"),
        )
    }

    /// Listings were seen to show what was there only so many seconds later. What a listing asks for again, it asks
    /// for at least twice as far back from now on; never less than it did. Without an answer of its own a remote
    /// goes on as it was.
    fn lags(&self, seconds: u32) {
        let _ = seconds;
    }

    /// Writes that give the same key here may be sent as one group (files of one branch).
    fn group(&self, action: &Action) -> Option<String>;

    /// Whether an effect of a rule can be had now. Only reads. What is answered with
    /// [`Gate::Open`] is sent as [`Action::Effect`].
    async fn gate(&self, request: &EffectRequest) -> Result<Gate> {
        Ok(Gate::Refused(format!(
            "{} cannot {}",
            self.side(),
            request.effect.label()
        )))
    }

    /// The pull requests that belong to objects (issues), those that people linked too. `known` are
    /// the ones that the registry links. Objects without any are left out.
    async fn linked(
        &self,
        objects: &[(RemoteRef, Vec<RemoteRef>)],
    ) -> Result<BTreeMap<RemoteRef, Vec<LinkedPull>>> {
        let _ = objects;
        Ok(BTreeMap::new())
    }

    /// The comments of an object, oldest first. Asked only where comments follow. Without an answer of
    /// its own a remote has none.
    async fn comments(&self, object: &RemoteRef) -> Result<Comments> {
        let _ = object;
        Ok(Comments {
            items: Vec::new(),
            complete: true,
        })
    }

    /// One comment, read by itself; `None` where it is not there any more. This tells a comment in a
    /// resolved thread, which [`comments`](Self::comments) may leave out, from one that was deleted.
    async fn comment(&self, comment: &RemoteRef) -> Result<Option<RemoteComment>> {
        let _ = comment;
        Ok(None)
    }

    /// The name of a comment once what it is written on is `place`: an object that moved takes its comments
    /// along. Without an answer of its own the name stays.
    fn comment_at(&self, comment: &RemoteRef, place: &RemoteRef) -> RemoteRef {
        let _ = place;
        comment.clone()
    }

    /// The comments by which the sync shows its state on these objects, at most one for each. Asked
    /// only about objects that nothing else pairs. Only what the sync's own account wrote counts:
    /// anybody can comment.
    async fn cards(&self, objects: &[RemoteRef]) -> Result<Vec<FoundCard>> {
        let _ = objects;
        Ok(Vec::new())
    }

    /// Those of these pull requests of proposals that are open now, asked together. One that is left
    /// out has ended, or nobody knows: it is read by itself. Without an answer of its own a remote
    /// names none, and each is read.
    async fn still_open(&self, proposals: &[RemoteRef]) -> Result<BTreeSet<RemoteRef>> {
        let _ = proposals;
        Ok(BTreeSet::new())
    }

    /// Whether an object that an event named is this pull request or the head of it.
    fn is_about(&self, named: &RemoteRef, pull: &LinkedPull) -> bool {
        *named == pull.object
    }

    /// How a write behaves when its outcome is unknown.
    fn kind(&self, action: &Action) -> WriteKind;

    /// Sends writes. All of one call have the same group, or there is only one. Answers in order.
    async fn write(&self, batch: &[Write]) -> Vec<Result<Ack>>;

    /// Looks for what a write with unknown outcome did. `batch` is what was sent together.
    ///
    /// Looks in the places named for its kind in the contract of the service, never in a search
    /// index, and reads every page down to the moment the write was sent.
    async fn trace(&self, batch: &[Write], sent_at: DateTime<Utc>) -> Result<Vec<Trace>>;

    /// Reads an object that a person names as what a proposal or the effect of a rule made, and
    /// answers what the write would have answered. `None` where such a write makes no object that
    /// could be named. Asked only for these two: pages, issues and comments are read as such.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) where the object is not what that write makes, with
    /// what is different; [`NotFound`](crate::ErrorKind::NotFound) where there is none.
    async fn made(&self, write: &Write, object: &RemoteRef) -> Result<Option<Ack>> {
        let _ = (write, object);
        Ok(None)
    }
}

/// What a remote can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abilities {
    /// Whether a change can be proposed for review instead of being made.
    pub proposals: bool,
    /// Whether an object has a path that people can change.
    pub paths: bool,
    /// Whether removal is a state of the object that people can also set (closing an issue): then
    /// an object in that state is still there.
    pub removal_is_state: bool,
}

/// The fields of a remote.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// By native key.
    pub fields: BTreeMap<String, FieldSchema>,
    /// Names of the engine's own fields that this remote can hold (`path`, `commit`, `status`,
    /// `message`, `synced_at`, `repository`, `number`, `url`, `state`, `pull_number`, `pull_url`,
    /// `pull_state`, `review`, `checks`). Others are never written.
    #[serde(default)]
    pub bookkeeping: std::collections::BTreeSet<String>,
    /// Where new objects can be made, where there is a choice: every name of a place, in lower case,
    /// with the name that the remote gives it. Empty where there is no choice to check.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub places: BTreeMap<String, String>,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSchema {
    /// Its name for people. Names change; keys do not.
    pub name: String,
    /// Its type in the remote's own word (`rich_text`, `status`, `labels` …).
    pub kind: String,
    /// The options, where it has a fixed list, with the group they belong to if there are groups.
    #[serde(default)]
    pub options: Vec<(String, Option<String>)>,
    /// Whether nothing but these options can be written.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
    /// Whether it names objects of the very table that it belongs to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inward: bool,
    /// Whether it is written by a request of its own after the one that creates an object: what the
    /// answer to a creation does not show of it is still to be written.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub later: bool,
}

/// What to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRequest {
    /// Where the last complete listing ended; `None` lists from the beginning.
    pub cursor: Option<Cursor>,
    /// Every object rather than the changed ones. Only a full listing says anything about absence.
    pub full: bool,
}

/// Where a listing ended. Opaque to the engine; kept only after everything listed is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// A listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Objects, content mostly not read. May name objects that did not change.
    pub items: Vec<Snapshot>,
    /// Objects that are gone, with proof.
    pub gone: Vec<(RemoteRef, Proof)>,
    /// Objects of other kinds that changed (pull requests), and when: whoever is linked to one is
    /// looked at.
    pub touched: Vec<(RemoteRef, DateTime<Utc>)>,
    /// Whether it names everything that changed since the cursor it began at and is still other than
    /// it was there: what came after that cursor and is not named is gone again.
    pub continues: bool,
    /// Where to go on next time.
    pub cursor: Cursor,
    /// Whether everything asked for is in it. An incomplete listing proves no absence and moves no
    /// cursor.
    pub complete: bool,
    /// What a person has to know about the listing itself.
    pub alerts: Vec<String>,
}

/// A change to make on a remote, as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Makes a new object.
    Create(Create),
    /// Changes an object.
    Update(Update),
    /// Removes an object softly: trash a page, delete a file, close an issue.
    Remove {
        /// Which.
        object: RemoteRef,
        /// What is there now, so that an edit in between stops the removal: blob SHA, revision.
        expected: String,
    },
    /// Brings a removed object back: restore a page, reopen an issue.
    Restore {
        /// Which.
        object: RemoteRef,
    },
    /// Opens or refreshes a proposal (a pull request) under a name that carries its identity.
    Propose(Propose),
    /// Closes a proposal without merging it, and says why.
    Withdraw {
        /// The proposal.
        proposal: RemoteRef,
        /// A comment for people.
        reason: String,
    },
    /// Adds a comment.
    Comment {
        /// To what.
        object: RemoteRef,
        /// Its text. The marker is added by the adapter.
        text: String,
    },
    /// Writes, changes or removes the copy of a comment that a person wrote on the other side.
    Discuss(Box<Discuss>),
    /// Carries out an effect of a rule.
    Effect(Box<EffectWrite>),
    /// Says on a commit whether registry and both sides agree, so that GitHub itself refuses a merge
    /// where they do not.
    Flag {
        /// The pull request it is about.
        object: RemoteRef,
        /// The commit: its head.
        head: String,
        /// Whether something is open.
        red: bool,
        /// What, in one line.
        text: String,
    },
    /// Writes fields that belong to the engine.
    Bookkeep {
        /// On what.
        object: RemoteRef,
        /// By name; an empty value clears.
        fields: BTreeMap<String, String>,
    },
}

impl Action {
    /// What it does in one word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Update(_) => "update",
            Self::Remove { .. } => "remove",
            Self::Restore { .. } => "restore",
            Self::Propose(_) => "propose",
            Self::Withdraw { .. } => "withdraw",
            Self::Comment { .. } => "comment",
            Self::Discuss(_) => "discuss",
            Self::Effect(_) => "effect",
            Self::Flag { .. } => "flag",
            Self::Bookkeep { .. } => "bookkeep",
        }
    }
}

/// A new object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Create {
    /// Fields under native keys.
    pub fields: BTreeMap<String, Value>,
    /// Its content.
    pub content: NewContent,
    /// Where: path of a file, `owner/name` of a repository. `None` where there is only one place.
    pub place: Option<String>,
    /// What it shall say about its counterpart: page id on GitHub, URL on a page.
    pub counterpart: Option<String>,
    /// A link for people to the counterpart.
    pub counterpart_url: Option<String>,
    /// Fields that belong to the engine.
    #[serde(default)]
    pub bookkeeping: BTreeMap<String, String>,
}

/// Content of a new object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NewContent {
    /// None.
    Empty,
    /// Blocks in Notion's terms.
    Blocks(Document),
    /// Text.
    Text(String),
}

/// A change of an object: only what it names is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// Which.
    pub object: RemoteRef,
    /// The version of the object that this change was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<SeenVersion>,
    /// Fields to write, with what is expected to be there now.
    #[serde(default)]
    pub fields: BTreeMap<String, FieldChange>,
    /// Content to write.
    #[serde(default)]
    pub content: Option<ContentChange>,
    /// New path, where it moves.
    #[serde(default)]
    pub place: Option<String>,
    /// Fields that belong to the engine, written along.
    #[serde(default)]
    pub bookkeeping: BTreeMap<String, String>,
}

/// The version of an object that a change was made for: evidence about a write whose answer was
/// lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenVersion {
    /// When it was last edited, as the remote said it.
    pub at: DateTime<Utc>,
    /// Whether a later edit surely carries a later time.
    pub settled: bool,
}

/// A field before and after.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// What must be there. For sets only the touched elements count.
    pub expected: Value,
    /// What shall be there. For sets the adapter writes the difference to `expected` where the remote
    /// can add and remove elements; both may then leave out elements that stay. Elsewhere: the whole
    /// set that results.
    pub desired: Value,
}

/// Content before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentChange {
    /// Blocks in Notion's terms; blocks that stay carry their id in both if it was known.
    Blocks {
        /// What must be there.
        expected: Document,
        /// What shall be there.
        desired: Document,
    },
    /// Text.
    Text {
        /// What must be there: the blob SHA of a file, or the text of an issue's body.
        expected: String,
        /// What shall be there.
        desired: String,
    },
}

/// A proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Propose {
    /// Why it is opened.
    pub kind: ProposalKind,
    /// Branch, `nsync/…`: one for each (record, kind, epoch), so that a repeat finds the first.
    pub branch: String,
    /// Title.
    pub title: String,
    /// Description.
    pub body: String,
    /// Files on the branch: path and text, or `None` to delete.
    pub files: Vec<(String, Option<String>)>,
    /// Whether it is opened as a draft.
    pub draft: bool,
    /// People and teams (`org/team`) asked to review.
    pub reviewers: Vec<String>,
    /// The branch's head as we left it, when it is refreshed; a head that is not ours is never
    /// rewritten.
    pub head: Option<String>,
    /// Its pull request, when it is refreshed. Listings lag behind; a number is found at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull: Option<RemoteRef>,
    /// The page it belongs to, for the trailers of its commit.
    pub page: Option<String>,
}

/// Why a proposal is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalKind {
    /// A page without a file.
    Create,
    /// An edit, where edits are delivered as pull requests.
    Edit,
    /// A deletion.
    Delete,
    /// Two versions that a person must decide between.
    Conflict,
}

/// A write as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// The operation.
    pub op: OpId,
    /// The group it is sent in: the operation's own id where it is sent alone.
    pub group: OpId,
    /// The run it belongs to.
    pub run: SyncRunId,
    /// The record.
    pub record: RecordId,
    /// The page, for trailers and markers.
    pub page: Option<String>,
    /// Who edited, for trailers.
    pub editor: Option<String>,
    /// The revision that is written, for trailers.
    pub revision: Option<String>,
    /// What to do.
    pub action: Action,
}

/// The five kinds of write; each has its own rule after an unknown outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteKind {
    /// Sets a state; the same request twice gives the same state.
    Set,
    /// Compare and swap on a token that is used once.
    StrongCas,
    /// Compare and swap on a hash of content, which comes back when a person reverts.
    WeakCas,
    /// Creates under a name that carries the identity.
    NamedCreate,
    /// Creates without a name.
    UnnamedCreate,
    /// Appends to a list.
    Append,
}

/// The note of an [`Ack`] about operations, separated by commas, that were given up after a part of them had
/// taken effect, which belongs to the write that succeeded: commits of a branch that had no pull request.
pub const LEFT: &str = "left";

/// The answer to a write that succeeded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The object written or created, as the answer showed it. Content is
    /// [`NotRead`](crate::snapshot::Content::NotRead) where the answer did not show it. What was created or
    /// proposed is known by nothing else: there it is always needed, whatever fails afterwards.
    pub snapshot: Option<Snapshot>,
    /// What was made on the way and must be remembered, for example `commit` or `head`. People are told of
    /// `dropped` (what the connection is not allowed to set) and of `missed` (a whole sentence about what failed
    /// besides and is not tried again). [`LEFT`] names operations that took effect with this one.
    #[serde(default)]
    pub notes: BTreeMap<String, String>,
    /// Objects that belong to the record from now on, by role: `pull`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, RemoteRef>,
    /// Fields that the remote refused while it took the rest of the write, by their native keys:
    /// why, and what to do. They stay as they were, and the same is not asked again for a while.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, String>,
    /// Fields that a creation was to set and that it did not come to, by their native keys: nobody set them to
    /// what the snapshot shows, and they are written next.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub lacking: BTreeSet<String>,
}

/// What was found of a write with unknown outcome.
// Traces are rare and short-lived: a box would cost every adapter more than it saves.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trace {
    /// It was applied. The snapshot, if any, is an observation: it may hold later edits.
    Applied(Ack),
    /// It was not applied, as far as the remote can tell now.
    NotApplied,
    /// It is there but for something that sending it again makes up for, such as the request for a review. People
    /// may deal with it meanwhile; where it is not wanted any more it counts as applied.
    Unfinished(Ack),
    /// Not all of it is there, and what is there is not what was there before: it was cut off, or
    /// somebody edited since. This is what the object holds now, content included. Sending again
    /// would find something else than it expects.
    Partly(Snapshot),
    /// Nothing proves either.
    Unclear,
}
