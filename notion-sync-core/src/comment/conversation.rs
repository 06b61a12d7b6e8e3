//! What is remembered of the comments of one task.

use serde::{Deserialize, Serialize};

use super::plan::{Places, Step};
use crate::hash::ContentHash;
use crate::id::{OpId, RemoteRef, Side};

/// Most pairs of one task that are alive. Comments beyond that stay where they are, and that is
/// reported once.
pub const MAX_PAIRS: usize = 2_000;

/// How many pairs that ended are remembered, so that a listing that is behind does not bring them
/// back.
const MAX_ENDED: usize = 200;

/// How often a write of a pair may turn out to be out of date before the pair is left alone.
const MAX_VOIDED: u8 = 5;

/// How a pair stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairState {
    /// Both are there, or the mirror is on its way.
    Live,
    /// The one on Notion is in a resolved thread, which no listing shows.
    Resolved,
    /// A person removed the mirror, or it could not be written: it is not made again.
    Suppressed,
    /// The origin was deleted, and so was the mirror.
    Deleted,
}

/// A write of a mirror that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The operation.
    pub op: OpId,
    /// Hash of the origin's text that it writes; `None` where it removes the mirror.
    pub text: Option<ContentHash>,
}

/// A comment and its mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentPair {
    /// Where a person wrote it.
    pub side: Side,
    /// What the person wrote.
    pub origin: RemoteRef,
    /// What that is written on.
    pub place: RemoteRef,
    /// The mirror, once it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<RemoteRef>,
    /// What the mirror is written on.
    pub target: RemoteRef,
    /// Hash of the origin's text that the mirror says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<ContentHash>,
    /// Hash of the mirror as the answer to its last write showed it; `None` where there was no
    /// answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<ContentHash>,
    /// How it stands.
    pub state: PairState,
    /// The write that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// Whether the origin changed while that was under way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// How many writes in a row turned out to be out of date.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub voided: u8,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &u8) -> bool {
    *count == 0
}

impl CommentPair {
    /// The comment of a side, and what it is written on.
    #[must_use]
    pub fn on(&self, side: Side) -> Option<(&RemoteRef, &RemoteRef)> {
        if side == self.side {
            Some((&self.origin, &self.place))
        } else {
            self.mirror.as_ref().map(|mirror| (mirror, &self.target))
        }
    }

    /// Whether nothing is done about it any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, PairState::Deleted | PairState::Suppressed)
    }
}

/// The comments of one task, with their mirrors. Loaded only where comments follow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// In the order in which they were found.
    pub pairs: Vec<CommentPair>,
    /// Whether it was reported that there are too many comments.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overflowed: bool,
}

impl Conversation {
    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty() && !self.overflowed
    }

    /// Lets comments go along with an issue that moved: `found` answers what a comment is called now, where
    /// it is on `issue`.
    pub fn go_along(&mut self, issue: &RemoteRef, found: impl Fn(&RemoteRef) -> Option<RemoteRef>) {
        // Those that are over too: a copy that somebody removed is not made again elsewhere.
        for pair in &mut self.pairs {
            let (comment, place) = match pair.side {
                Side::Github => (Some(&mut pair.origin), &mut pair.place),
                Side::Notion => (pair.mirror.as_mut(), &mut pair.target),
            };
            let moves = place.kind == issue.kind && place != issue;
            if let Some(comment) = comment.filter(|_| moves)
                && let Some(name) = found(comment)
            {
                *comment = name;
                place.clone_from(issue);
            }
        }
    }

    pub(super) fn of_origin(&mut self, origin: &RemoteRef) -> Option<&mut CommentPair> {
        self.pairs.iter_mut().find(|pair| pair.origin == *origin)
    }

    /// Takes a step: what has to be remembered before anything is sent. `op` is the operation of a
    /// step that writes.
    pub fn begin(&mut self, step: &Step, op: Option<&OpId>, places: &Places) {
        let pending = |text: Option<ContentHash>| {
            op.map(|op| Pending {
                op: op.clone(),
                text,
            })
        };
        match step {
            Step::Post { side, comment } => {
                let write = pending(Some(comment.hash()));
                if let Some(pair) = self.of_origin(&comment.object) {
                    pair.pending = write;
                    pair.again = false;
                    return;
                }
                self.pairs.push(CommentPair {
                    side: *side,
                    origin: comment.object.clone(),
                    place: comment.place.clone(),
                    mirror: None,
                    target: places.on(side.other()).clone(),
                    text: None,
                    shown: None,
                    state: PairState::Live,
                    pending: write,
                    again: false,
                    voided: 0,
                });
                self.trim();
            }
            Step::Edit { comment, .. } => {
                let write = pending(Some(comment.hash()));
                if let Some(pair) = self.of_origin(&comment.object) {
                    pair.pending = write;
                    pair.again = false;
                }
            }
            Step::Delete { origin, .. } => {
                let write = pending(None);
                if let Some(pair) = self.of_origin(origin) {
                    pair.pending = write;
                    pair.again = false;
                }
            }
            Step::Mark { origin, state } => {
                if let Some(pair) = self.of_origin(origin) {
                    pair.state = *state;
                }
                self.trim();
            }
            Step::Again { origin } => {
                if let Some(pair) = self.of_origin(origin) {
                    pair.again = true;
                }
            }
            Step::TooMany { .. } => self.overflowed = true,
        }
    }

    /// A write was applied. `shown` is what its answer showed of the mirror. Says whether the origin
    /// changed meanwhile, so that the task must be looked at again; `None` where no pair has it.
    pub fn done(
        &mut self,
        op: &OpId,
        mirror: Option<&RemoteRef>,
        shown: Option<ContentHash>,
    ) -> Option<bool> {
        let pair = self.pending_of(op)?;
        let pending = pair.pending.take()?;
        match pending.text {
            Some(text) => {
                pair.text = Some(text);
                pair.shown = shown;
                if let Some(mirror) = mirror {
                    pair.mirror = Some(mirror.clone());
                }
            }
            None => pair.state = PairState::Deleted,
        }
        pair.voided = 0;
        let again = std::mem::take(&mut pair.again);
        self.trim();
        Some(again)
    }

    /// A write was given up because the world moved on: it is asked for again, a few times. Says
    /// whether the pair is left alone now.
    pub fn given_up(&mut self, op: &OpId) -> bool {
        let Some(pair) = self.pending_of(op) else {
            return false;
        };
        pair.pending = None;
        pair.again = false;
        pair.voided = pair.voided.saturating_add(1);
        if pair.voided < MAX_VOIDED {
            return false;
        }
        pair.state = PairState::Suppressed;
        true
    }

    fn pending_of(&mut self, op: &OpId) -> Option<&mut CommentPair> {
        (self.pairs.iter_mut())
            .find(|pair| pair.pending.as_ref().is_some_and(|write| write.op == *op))
    }

    /// Forgets the oldest pairs that ended.
    fn trim(&mut self) {
        let ended = |pair: &CommentPair| pair.state == PairState::Deleted;
        let mut surplus = (self.pairs.iter())
            .filter(|pair| ended(pair))
            .count()
            .saturating_sub(MAX_ENDED);
        if surplus == 0 {
            return;
        }
        self.pairs.retain(|pair| {
            let drop = surplus > 0 && ended(pair);
            surplus -= usize::from(drop);
            !drop
        });
    }
}
