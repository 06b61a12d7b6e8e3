//! Comments that follow a task to its other side.
//!
//! A comment belongs to the side where a person wrote it, its **origin**. The other side holds a
//! **mirror** that says who wrote it and where. What is remembered of each of these pairs is a
//! [`Conversation`]; [`plan`] decides from it, and from what was just seen, what has to be done.

mod card;
mod conversation;
mod plan;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use card::{Card, CardPull, FoundCard};
pub use conversation::{CommentPair, Conversation, MAX_PAIRS, PairState, Pending};
pub use plan::{Places, Seen, Step, doubts, plan};

use crate::hash::ContentHash;
use crate::id::{OpId, RemoteRef, Side};
use crate::mapping::Direction;
use crate::remote::WriteKind;

/// How comments of a mapping follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "snake_case")]
pub struct CommentSync {
    /// Which way. Default `both`.
    pub direction: Direction,
    /// Comments that start with this text stay where they are. Default: none do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_prefix: Option<String>,
    /// Whether comments that are older than the first run with this setting follow too. Default no.
    pub backfill: bool,
    /// How many tasks of which nothing else moved are looked through for comments in each poll, in
    /// turn: a comment does not move its page. Default 20; 0 leaves that to webhooks and full
    /// listings. Each costs one request to Notion and one to GitHub.
    pub pages_per_poll: u32,
}

impl Default for CommentSync {
    fn default() -> Self {
        Self {
            direction: Direction::Both,
            ignore_prefix: None,
            backfill: false,
            pages_per_poll: 20,
        }
    }
}

impl CommentSync {
    /// Whether comments that people write on a side follow to the other one.
    #[must_use]
    pub fn follows_from(&self, side: Side) -> bool {
        match (self.direction, side) {
            (Direction::Both, _)
            | (Direction::ToGithub, Side::Notion)
            | (Direction::ToNotion, Side::Github) => true,
            (Direction::ToGithub, Side::Github) | (Direction::ToNotion, Side::Notion) => false,
        }
    }

    /// Whether a text stays where it is.
    #[must_use]
    pub fn ignores(&self, text: &str) -> bool {
        (self.ignore_prefix.as_deref())
            .is_some_and(|prefix| !prefix.is_empty() && text.trim_start().starts_with(prefix))
    }
}

/// One comment as a remote showed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteComment {
    /// Which comment.
    pub object: RemoteRef,
    /// What it is written on: a page, a block, an issue, a pull request.
    pub place: RemoteRef,
    /// The thread it belongs to, where there are any.
    #[serde(default)]
    pub thread: Option<String>,
    /// Who wrote it, for people: a display name, a login, or an id where nothing else is known.
    pub author: String,
    /// Its text as Markdown, without the marks of the synchronisation.
    pub text: String,
    /// When it was written, as the remote says it.
    #[serde(default)]
    pub created_at: Option<DateTime<Utc>>,
    /// When it was last changed, as the remote says it.
    #[serde(default)]
    pub edited_at: Option<DateTime<Utc>>,
    /// Whether the synchronisation wrote it. Such a comment never follows anywhere.
    pub ours: bool,
    /// The operation that wrote it last, where it is ours.
    #[serde(default)]
    pub marker: Option<OpId>,
    /// Address for people.
    #[serde(default)]
    pub url: Option<String>,
    /// What it is written on, in words, where that is not the task itself: `pull request #12`.
    #[serde(default)]
    pub about: Option<String>,
}

impl RemoteComment {
    /// Hash of its text.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        text_hash(&self.text)
    }
}

/// Hash of a comment's text, as the side that shows it says it.
#[must_use]
pub fn text_hash(text: &str) -> ContentHash {
    ContentHash::of_bytes("nsync/comment/v1", text.trim_end().as_bytes())
}

/// The comments of one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comments {
    /// Oldest first. On Notion those of resolved threads are not among them.
    pub items: Vec<RemoteComment>,
    /// Whether no more are there. An incomplete list proves no absence.
    pub complete: bool,
}

/// What a mirror says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The side where a person wrote it.
    pub side: Side,
    /// Who.
    pub author: String,
    /// The text, as Markdown. The adapter takes away whatever would act on its side, and cuts what
    /// is too long.
    pub text: String,
    /// Address of the original.
    pub url: Option<String>,
    /// What the original is written on, in words, where that is not the task itself.
    pub about: Option<String>,
}

impl Said {
    /// What the mirror of a comment says.
    #[must_use]
    pub fn of(side: Side, comment: &RemoteComment) -> Self {
        Self {
            side,
            author: comment.author.clone(),
            text: comment.text.clone(),
            url: comment.url.clone(),
            about: comment.about.clone(),
        }
    }
}

/// A write of a mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discuss {
    /// What the mirror is written on.
    pub place: RemoteRef,
    /// What is done.
    pub step: DiscussStep,
}

/// What is done to a mirror.
///
/// A write of text is answered with the mirror under the role `comment` in the links of the
/// [`Ack`](crate::remote::Ack), and with the [`text_hash`] of what the answer showed under `shown`
/// in its notes, where it showed any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiscussStep {
    /// It is written, with the operation's mark.
    Post(Said),
    /// Its text is replaced, and its mark becomes that of this operation.
    Edit {
        /// Which.
        comment: RemoteRef,
        /// Hash of the text that must be there.
        expected: ContentHash,
        /// What it shall say.
        said: Said,
    },
    /// The one comment that shows the state of the sync says this, whoever edited it meanwhile. One
    /// that is not known yet is looked for first, among those that the sync wrote, and made only
    /// where there is none. One that is known and not there any more is not made again: the answer
    /// says `gone` in its notes.
    Card {
        /// Which, once it is known.
        known: Option<RemoteRef>,
        /// What it shall say.
        card: Box<Card>,
    },
    /// It is removed. One that is not there any more is as good as removed.
    Delete {
        /// Which.
        comment: RemoteRef,
        /// Hash of the text that must be there.
        expected: ContentHash,
    },
}

impl Discuss {
    /// How it behaves when its outcome is unknown.
    #[must_use]
    pub fn kind(&self) -> WriteKind {
        match &self.step {
            DiscussStep::Post(_) | DiscussStep::Card { known: None, .. } => {
                WriteKind::UnnamedCreate
            }
            DiscussStep::Edit { .. }
            | DiscussStep::Delete { .. }
            | DiscussStep::Card { known: Some(_), .. } => WriteKind::Set,
        }
    }

    /// What is done, for people.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match &self.step {
            DiscussStep::Post(_) => "copy a comment",
            DiscussStep::Edit { .. } => "carry over the edit of a comment",
            DiscussStep::Delete { .. } => "remove the copy of a deleted comment",
            DiscussStep::Card { .. } => "show the state of the sync on the issue",
        }
    }
}
