//! What has to be done about the comments of one task. Pure: no clock, no I/O.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};

use super::{
    CommentPair, CommentSync, Comments, Conversation, MAX_PAIRS, PairState, RemoteComment,
};
use crate::hash::ContentHash;
use crate::id::{OpId, RemoteRef, Side};

/// Width of the bucket that the times of comments may be rounded down to.
const ROUNDING: Duration = Duration::seconds(60);

/// The two objects of a task: mirrors are written on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The page.
    pub notion: RemoteRef,
    /// The issue.
    pub github: RemoteRef,
}

impl Places {
    /// The object of one side.
    #[must_use]
    pub fn on(&self, side: Side) -> &RemoteRef {
        match side {
            Side::Notion => &self.notion,
            Side::Github => &self.github,
        }
    }
}

/// The comments of both sides as just read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// With the place in the order in which they were listed: times are too coarse for that.
    shown: BTreeMap<RemoteRef, (usize, Side, RemoteComment)>,
    whole: BTreeSet<RemoteRef>,
    direct: BTreeMap<RemoteRef, Option<RemoteComment>>,
    cut: bool,
}

/// What is known of one comment.
enum Sighting<'a> {
    /// Listed.
    Shown(&'a RemoteComment),
    /// Not listed, and there.
    Hidden(&'a RemoteComment),
    /// Not there any more.
    Gone,
    /// Nobody looked.
    Unknown,
}

impl<'a> Sighting<'a> {
    fn comment(&self) -> Option<&'a RemoteComment> {
        match self {
            Self::Shown(comment) | Self::Hidden(comment) => Some(comment),
            Self::Gone | Self::Unknown => None,
        }
    }
}

impl Seen {
    /// Takes the comments of one place.
    pub fn take(&mut self, side: Side, place: &RemoteRef, comments: Comments) {
        if comments.complete {
            self.whole.insert(place.clone());
        } else {
            self.cut = true;
        }
        for comment in comments.items {
            let at = self.shown.len();
            self.shown
                .insert(comment.object.clone(), (at, side, comment));
        }
    }

    /// Takes the answer to a direct read; `None` where the comment is not there any more.
    pub fn take_direct(&mut self, object: RemoteRef, comment: Option<RemoteComment>) {
        self.direct.insert(object, comment);
    }

    /// The comment of a side that this operation wrote, where it was listed.
    #[must_use]
    pub fn written_by(&self, side: Side, op: &OpId) -> Option<&RemoteComment> {
        let wrote = |comment: &RemoteComment| comment.ours && comment.marker.as_ref() == Some(op);
        (self.shown.values())
            .find(|(_, on, comment)| *on == side && wrote(comment))
            .map(|(_, _, comment)| comment)
    }

    /// Whether a comment was listed.
    #[must_use]
    pub fn shows(&self, object: &RemoteRef) -> bool {
        self.shown.contains_key(object)
    }

    fn of(&self, object: &RemoteRef) -> Sighting<'_> {
        if let Some((_, _, comment)) = self.shown.get(object) {
            return Sighting::Shown(comment);
        }
        match self.direct.get(object) {
            Some(Some(comment)) => Sighting::Hidden(comment),
            Some(None) => Sighting::Gone,
            None => Sighting::Unknown,
        }
    }

    /// Whether its place was listed whole, and it is not there.
    fn misses(&self, object: &RemoteRef, place: &RemoteRef) -> bool {
        self.whole.contains(place) && !self.shown.contains_key(object)
    }
}

/// What has to be done about one comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Write its mirror.
    Post {
        /// Where a person wrote it.
        side: Side,
        /// What the person wrote.
        comment: Box<RemoteComment>,
    },
    /// Replace the text of its mirror.
    Edit {
        /// Where a person wrote it.
        side: Side,
        /// What the person wrote.
        comment: Box<RemoteComment>,
        /// The mirror.
        mirror: RemoteRef,
        /// What the mirror is written on.
        target: RemoteRef,
        /// Hash of the text that the mirror has now.
        expected: ContentHash,
        /// That text, where a person may have written it.
        lost: Option<String>,
    },
    /// Remove its mirror.
    Delete {
        /// Where a person wrote it.
        side: Side,
        /// What the person had written.
        origin: RemoteRef,
        /// The mirror.
        mirror: RemoteRef,
        /// What the mirror is written on.
        target: RemoteRef,
        /// Hash of the text that the mirror has now.
        expected: ContentHash,
        /// That text, where a person may have written it.
        lost: Option<String>,
    },
    /// Remember how the pair stands now.
    Mark {
        /// What the person wrote.
        origin: RemoteRef,
        /// How it stands.
        state: PairState,
    },
    /// Remember that it changed while a write is under way.
    Again {
        /// What the person wrote.
        origin: RemoteRef,
    },
    /// Report that not all comments can follow.
    TooMany {
        /// How many stay where they are; 0 where a listing ended before the end.
        left: usize,
    },
}

/// The comments that have to be read by themselves before anything can be decided: those that a
/// whole listing does not show. A thread that vanished was resolved, or it was deleted, and only a
/// direct read tells.
///
/// `named` are those that a hint was about. With `thorough` the comments of threads that are known
/// to be resolved are among them.
#[must_use]
pub fn doubts(
    talk: &Conversation,
    seen: &Seen,
    named: &BTreeSet<RemoteRef>,
    thorough: bool,
) -> Vec<(Side, RemoteRef)> {
    let mut out = Vec::new();
    for pair in talk.pairs.iter().filter(|pair| !pair.is_over()) {
        // What changed must reach the mirror, also where that is in a resolved thread.
        let moved = match seen.of(&pair.origin) {
            Sighting::Shown(comment) => pair.text != Some(comment.hash()),
            _ => seen.misses(&pair.origin, &pair.place),
        };
        for side in Side::BOTH {
            let Some((object, place)) = pair.on(side) else {
                continue;
            };
            let known = pair.state == PairState::Resolved && side == Side::Notion;
            let asked = !known
                || thorough
                || named.contains(object)
                || (moved && side != pair.side && pair.pending.is_none());
            if asked && seen.misses(object, place) {
                out.push((side, object.clone()));
            }
        }
    }
    out
}

/// Decides about every comment of a task. `since` is when comments began to follow in its mapping.
///
/// An edit or deletion of the origin reaches the mirror. A mirror that a person edited stays so
/// until the origin is edited again; one that a person removed is not made again. What the
/// synchronisation wrote follows nowhere.
#[must_use]
pub fn plan(
    talk: &Conversation,
    seen: &Seen,
    settings: &CommentSync,
    since: Option<DateTime<Utc>>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut known: BTreeSet<&RemoteRef> = BTreeSet::new();
    let mut alive = 0;
    for pair in &talk.pairs {
        known.insert(&pair.origin);
        known.extend(&pair.mirror);
        alive += usize::from(pair.state != PairState::Deleted);
        if settings.follows_from(pair.side) {
            steps.extend(about(pair, seen, settings));
        }
    }
    let old = |comment: &RemoteComment| {
        !settings.backfill
            && matches!((comment.created_at, since),
                (Some(at), Some(since)) if at + ROUNDING <= since)
    };
    let mut fresh: Vec<&(usize, Side, RemoteComment)> = (seen.shown.values())
        .filter(|(_, side, comment)| {
            settings.follows_from(*side)
                && !comment.ours
                && !known.contains(&comment.object)
                && !settings.ignores(&comment.text)
                && !old(comment)
        })
        .collect();
    fresh.sort_by_key(|(at, _, comment)| (comment.created_at, *at));
    let room = MAX_PAIRS.saturating_sub(alive);
    let left = fresh.len().saturating_sub(room);
    if (left > 0 || seen.cut) && !talk.overflowed {
        steps.push(Step::TooMany { left });
    }
    steps.extend(
        fresh
            .into_iter()
            .take(room)
            .map(|(_, side, comment)| Step::Post {
                side: *side,
                comment: Box::new(comment.clone()),
            }),
    );
    steps
}

/// What has to be done about a pair.
fn about(pair: &CommentPair, seen: &Seen, settings: &CommentSync) -> Vec<Step> {
    let origin = seen.of(&pair.origin);
    let mark = |state: PairState| {
        (pair.state != state).then(|| Step::Mark {
            origin: pair.origin.clone(),
            state,
        })
    };
    match pair.state {
        PairState::Deleted => return Vec::new(),
        PairState::Suppressed => {
            let gone = matches!(origin, Sighting::Gone);
            return mark(PairState::Deleted)
                .filter(|_| gone)
                .into_iter()
                .collect();
        }
        PairState::Live | PairState::Resolved => {}
    }
    if let Some(pending) = &pair.pending {
        // One write at a time.
        let moved = match &origin {
            Sighting::Gone => pending.text.is_some(),
            other => (other.comment()).is_some_and(|comment| {
                pending.text != Some(comment.hash()) && !settings.ignores(&comment.text)
            }),
        };
        let again = (moved && !pair.again).then(|| Step::Again {
            origin: pair.origin.clone(),
        });
        return again.into_iter().collect();
    }
    let mirror = match &pair.mirror {
        Some(mirror) => seen.of(mirror),
        // It was given up before it was written.
        None => Sighting::Gone,
    };
    let lost = |held: &RemoteComment| (pair.shown != Some(held.hash())).then(|| held.text.clone());
    let comment = match origin {
        Sighting::Gone => {
            return match (&mirror, &pair.mirror) {
                (Sighting::Shown(held) | Sighting::Hidden(held), Some(mirror)) => {
                    vec![Step::Delete {
                        side: pair.side,
                        origin: pair.origin.clone(),
                        mirror: mirror.clone(),
                        target: pair.target.clone(),
                        expected: held.hash(),
                        lost: lost(held),
                    }]
                }
                (Sighting::Gone, _) => mark(PairState::Deleted).into_iter().collect(),
                _ => Vec::new(),
            };
        }
        Sighting::Shown(comment) | Sighting::Hidden(comment) => Some(comment),
        Sighting::Unknown => None,
    };
    let Some(object) = &pair.mirror else {
        let posts = comment.filter(|comment| !settings.ignores(&comment.text));
        return (posts.into_iter())
            .map(|comment| Step::Post {
                side: pair.side,
                comment: Box::new(comment.clone()),
            })
            .collect();
    };
    if matches!(mirror, Sighting::Gone) {
        return mark(PairState::Suppressed).into_iter().collect();
    }
    let on_notion = match pair.side {
        Side::Notion => seen.of(&pair.origin),
        Side::Github => seen.of(object),
    };
    let state = match on_notion {
        Sighting::Shown(_) => PairState::Live,
        Sighting::Hidden(_) => PairState::Resolved,
        Sighting::Gone | Sighting::Unknown => pair.state,
    };
    let mut steps: Vec<Step> = mark(state).into_iter().collect();
    if let (Some(comment), Some(held)) = (comment, mirror.comment())
        && pair.text != Some(comment.hash())
        && !settings.ignores(&comment.text)
    {
        steps.push(Step::Edit {
            side: pair.side,
            comment: Box::new(comment.clone()),
            mirror: object.clone(),
            target: pair.target.clone(),
            expected: held.hash(),
            lost: lost(held),
        });
    }
    steps
}
