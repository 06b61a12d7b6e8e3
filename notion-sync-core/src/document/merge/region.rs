//! What happened to each pair of the base, and between the pairs.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};

use super::alignment::{Name, Named, Namer, Zeal, align, fill, trimmed_len};
use super::base::{BasePair, BodyBase, Held};
use super::block::merge_pair;
use super::sequence;
use crate::document::model::{Block, Document};
use crate::hash::ContentHash;
use crate::id::Side;

/// Where a region is, in terms of the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Before the first pair: something was inserted there.
    Start,
    /// At a pair.
    At {
        /// The pair's hash.
        pair: ContentHash,
        /// How many equal pairs stand before it.
        occurrence: u32,
    },
    /// Directly after a pair: something was inserted there.
    After {
        /// The pair's hash.
        pair: ContentHash,
        /// How many equal pairs stand before it.
        occurrence: u32,
    },
}

/// The name of a region: the same for as long as the base around it stays.
///
/// As text, and in JSON: `start`, `at:<hash>:<occurrence>` or `after:<hash>:<occurrence>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Anchor(pub Place);

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Start => f.write_str("start"),
            Place::At { pair, occurrence } => write!(f, "at:{pair}:{occurrence}"),
            Place::After { pair, occurrence } => write!(f, "after:{pair}:{occurrence}"),
        }
    }
}

/// The text is not an [`Anchor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an anchor is `start`, `at:<hash>:<number>` or `after:<hash>:<number>`")]
pub struct ParseAnchorError;

impl FromStr for Anchor {
    type Err = ParseAnchorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "start" {
            return Ok(Self(Place::Start));
        }
        let mut parts = text.split(':');
        let (Some(place), Some(hash), Some(number), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(ParseAnchorError);
        };
        let text_hash = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(hash);
        let pair = ContentHash::deserialize(text_hash).map_err(|_| ParseAnchorError)?;
        let occurrence = number.parse().map_err(|_| ParseAnchorError)?;
        match place {
            "at" => Ok(Self(Place::At { pair, occurrence })),
            "after" => Ok(Self(Place::After { pair, occurrence })),
            _ => Err(ParseAnchorError),
        }
    }
}

impl Serialize for Anchor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Anchor {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A block that both sides changed, as each side gets it.
///
/// The two are equal wherever the sides held the same form before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// For Notion, with the ids of the blocks that stay.
    pub notion: Vec<Block>,
    /// For the file, with the spans of the blocks that stay as they are.
    pub github: Vec<Block>,
}

/// What happened in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Neither side changed anything.
    Same,
    /// Only Notion changed something.
    NotionMoved,
    /// Only the file changed something.
    GithubMoved,
    /// Both sides say the same now, and at least one of them said something else before.
    Converged,
    /// Both sides changed different parts of one block; this is the block with both edits.
    Merged(Merged),
    /// The sides changed the same thing in different ways.
    Diverged,
}

/// A stretch of the body.
///
/// Either some pairs that nobody touched, or one pair that somebody touched, or one place between
/// two pairs where somebody inserted something.
#[derive(Debug, Clone)]
pub struct Region<'a> {
    /// Its name.
    pub anchor: Anchor,
    /// The pairs: several only where the state is [`State::Same`], none for an insertion.
    pub base: &'a [BasePair],
    /// What Notion has there now.
    pub notion: &'a [Block],
    /// What the file has there now.
    pub github: &'a [Block],
    /// What happened.
    pub state: State,
}

impl<'a> Region<'a> {
    /// What one side has there now.
    #[must_use]
    pub fn side(&self, side: Side) -> &'a [Block] {
        match side {
            Side::Notion => self.notion,
            Side::Github => self.github,
        }
    }

    /// Whether the sides changed the same thing in different ways.
    #[must_use]
    pub fn is_diverged(&self) -> bool {
        matches!(self.state, State::Diverged)
    }

    /// Whether blocks were inserted between two pairs, and nothing else happened.
    #[must_use]
    pub fn is_insertion(&self) -> bool {
        self.base.is_empty()
    }
}

/// A base and two bodies, cut into regions in order: concatenating one side of all regions gives
/// that side's body up to the empty paragraphs at its end.
#[derive(Debug, Clone)]
pub struct Regions<'a> {
    pub(crate) notion: &'a [Block],
    pub(crate) github: &'a [Block],
    pub(crate) depth: usize,
    list: Vec<Region<'a>>,
}

impl<'a> Regions<'a> {
    /// The regions in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Region<'a>] {
        &self.list
    }

    /// The regions in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Region<'a>> {
        self.list.iter()
    }

    /// The regions that need a decision.
    pub fn diverged(&self) -> impl Iterator<Item = &Region<'a>> {
        self.list.iter().filter(|region| region.is_diverged())
    }

    /// Whether no region needs a decision.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.diverged().next().is_none()
    }
}

impl<'r, 'a> IntoIterator for &'r Regions<'a> {
    type Item = &'r Region<'a>;
    type IntoIter = std::slice::Iter<'r, Region<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Says what each side did to the base.
///
/// A change of two different pairs is two regions, also when they are neighbours. Insertions of
/// different blocks at one place diverge, as does deleting what the other side edited. A block that
/// was moved is deleted in one place and inserted in another. The cost grows with the length of the
/// bodies and with the square of the length of a stretch rewritten as a whole, up to a bound.
#[must_use]
pub fn regions<'a>(base: &'a BodyBase, notion: &'a Document, github: &'a Document) -> Regions<'a> {
    regions_at(base, &notion.blocks, &github.blocks, 0)
}

pub(crate) fn regions_at<'a>(
    base: &'a BodyBase,
    notion: &'a [Block],
    github: &'a [Block],
    depth: usize,
) -> Regions<'a> {
    let mut namer = Namer::default();
    let n = Course::of(
        base,
        |pair| &pair.notion,
        |held| &held.notion,
        notion,
        None,
        &mut namer,
    );
    let g = Course::of(
        base,
        |pair| &pair.github,
        |held| &held.github,
        github,
        Some(&n.old),
        &mut namer,
    );
    let names = Names::of(&base.pairs, &n, &g);
    let mut list: Vec<Region<'a>> = Vec::new();
    // The end, in each side, of the region of untouched pairs that may still grow.
    let mut open: Option<(usize, Range<usize>, Range<usize>)> = None;
    let close = |open: &mut Option<(usize, Range<usize>, Range<usize>)>,
                 list: &mut Vec<Region<'a>>,
                 end: usize| {
        if let Some((start, n_range, g_range)) = open.take() {
            list.push(Region {
                anchor: Anchor(names.at(start)),
                base: &base.pairs[start..end],
                notion: &notion[n_range],
                github: &github[g_range],
                state: State::Same,
            });
        }
    };
    for at in 0..=base.pairs.len() {
        let (n_gap, g_gap) = (n.gaps[at].clone(), g.gaps[at].clone());
        if !n_gap.is_empty() || !g_gap.is_empty() {
            close(&mut open, &mut list, at);
            let state = if n.names[n_gap.clone()] == g.names[g_gap.clone()] {
                State::Converged
            } else if g_gap.is_empty() {
                State::NotionMoved
            } else if n_gap.is_empty() {
                State::GithubMoved
            } else {
                State::Diverged
            };
            list.push(Region {
                anchor: match at.checked_sub(1) {
                    None => Anchor(Place::Start),
                    Some(before) => Anchor(names.after(before)),
                },
                base: &base.pairs[at..at],
                notion: &notion[n_gap],
                github: &github[g_gap],
                state,
            });
        }
        let Some(pair) = base.pairs.get(at) else {
            close(&mut open, &mut list, at);
            break;
        };
        let (n_run, g_run) = (n.runs[at].clone(), g.runs[at].clone());
        if !n.touched[at] && !g.touched[at] {
            match &mut open {
                Some((_, n_open, g_open)) => {
                    // Runs may be empty; only the others say where the region ends.
                    n_open.end = n_open.end.max(n_run.end);
                    g_open.end = g_open.end.max(g_run.end);
                }
                None => open = Some((at, n_run, g_run)),
            }
            continue;
        }
        close(&mut open, &mut list, at);
        let state = if n.names[n_run.clone()] == g.names[g_run.clone()] {
            State::Converged
        } else if !g.touched[at] {
            State::NotionMoved
        } else if !n.touched[at] {
            State::GithubMoved
        } else {
            match (&notion[n_run.clone()], &github[g_run.clone()]) {
                ([one], [other]) => match merge_pair(pair, one, other, depth) {
                    Some((notion, github)) => State::Merged(Merged {
                        notion: vec![notion],
                        github: vec![github],
                    }),
                    None => State::Diverged,
                },
                _ => State::Diverged,
            }
        };
        list.push(Region {
            anchor: Anchor(names.at(at)),
            base: &base.pairs[at..=at],
            notion: &notion[n_run],
            github: &github[g_run],
            state,
        });
    }
    Regions {
        notion,
        github,
        depth,
        list,
    }
}

/// The places of pairs: at one, and after one. Most pairs are never named, so only how many equal
/// ones stand before each is found out for all.
struct Names<'a> {
    pairs: &'a [BasePair],
    occurrences: Vec<u32>,
}

impl<'a> Names<'a> {
    fn of(pairs: &'a [BasePair], n: &Course<'_>, g: &Course<'_>) -> Self {
        // Nearly all pairs are of one block that both sides hold, and are counted by its name.
        let names = n.held.iter().max().map_or(0, |last| last + 1);
        let mut alike: Vec<u32> = vec![0; names];
        // Only looked up: its order reaches nothing.
        let mut others: HashMap<(&[Name], &[Name]), u32, RandomState> = HashMap::default();
        let occurrences = (0..pairs.len())
            .map(|at| {
                let count = match (n.agreed(at), g.agreed(at)) {
                    ([one], [other]) if one == other => &mut alike[*one],
                    key => others.entry(key).or_default(),
                };
                let occurrence = *count;
                *count = count.saturating_add(1);
                occurrence
            })
            .collect();
        Self { pairs, occurrences }
    }

    fn at(&self, at: usize) -> Place {
        Place::At {
            pair: self.pairs[at].hash(),
            occurrence: self.occurrences[at],
        }
    }

    fn after(&self, at: usize) -> Place {
        Place::After {
            pair: self.pairs[at].hash(),
            occurrence: self.occurrences[at],
        }
    }
}

/// What one side did to the base. All ranges are of that side's blocks; they ascend and cover the
/// body up to its trailing empty paragraphs: first gap, first run, second gap, …
struct Course<'a> {
    /// The blocks as they were last seen there.
    old: Named<'a>,
    /// The names of what each pair holds, pair by pair.
    held: Vec<Name>,
    /// The stretch of those that belongs to each pair.
    stretches: Vec<Range<usize>>,
    names: Vec<Name>,
    /// What stands in place of each pair.
    runs: Vec<Range<usize>>,
    /// What was inserted before each pair, and after the last.
    gaps: Vec<Range<usize>>,
    /// Whether the run differs from the pair's.
    touched: Vec<bool>,
}

impl<'a> Course<'a> {
    fn of(
        base: &'a BodyBase,
        run: impl Fn(&'a BasePair) -> &'a [Block],
        seen: impl Fn(&'a Held) -> &'a [Block],
        side: &'a [Block],
        like: Option<&Named<'_>>,
        namer: &mut Namer<'a>,
    ) -> Self {
        let pairs = &base.pairs;
        // The blocks as they were last seen there, each with its place: even numbers are the gaps,
        // odd ones the pairs.
        let mut old: Vec<&Block> = Vec::new();
        let mut places: Vec<usize> = Vec::new();
        // Those that were not there when they were last looked for.
        let mut gone: BTreeSet<usize> = BTreeSet::new();
        let mut held = base.held.iter().peekable();
        // Where the blocks of each pair stand in `old`, if they do.
        let mut stand: Vec<Option<Range<usize>>> = Vec::with_capacity(pairs.len());
        for at in 0..=pairs.len() {
            let mut add = |blocks: &'a [Block], place: usize| {
                old.extend(blocks);
                places.extend(std::iter::repeat_n(place, blocks.len()));
            };
            while let Some(gap) = held.next_if(|held| held.inserted && held.at <= at) {
                add(seen(gap), 2 * at);
            }
            let Some(pair) = pairs.get(at) else { break };
            let shown = held.next_if(|held| !held.inserted && held.at == at);
            let shown = shown.map(&seen);
            let own = matches!(shown, None | Some([]));
            match shown {
                Some([]) => {
                    add(run(pair), 2 * at + 1);
                    gone.extend(old.len() - run(pair).len()..old.len());
                }
                Some(blocks) => add(blocks, 2 * at + 1),
                None => add(run(pair), 2 * at + 1),
            }
            stand.push(own.then(|| places.len() - run(pair).len()..places.len()));
        }
        let old = match like {
            Some(like) => Named::beside(old, like, namer),
            None => Named::of(old, namer),
        };
        let new = Named::beside(&side[..trimmed_len(side)], &old, namer);
        let mut held = Vec::with_capacity(old.len());
        let mut stretches = Vec::with_capacity(pairs.len());
        for (pair, stand) in pairs.iter().zip(stand) {
            let start = held.len();
            match stand {
                Some(stand) => held.extend_from_slice(&old.names[stand]),
                None => held.extend(Named::of(run(pair), namer).names),
            }
            stretches.push(start..held.len());
        }
        let mut runs = Vec::with_capacity(pairs.len());
        let mut gaps = Vec::with_capacity(pairs.len() + 1);
        let mut place_of: Vec<Option<usize>> = vec![None; new.len()];
        for (before, after) in recognise(&old, &new, &gone) {
            place_of[after] = Some(places[before]);
        }
        let place_of = settle_insertions(&place_of);
        let mut end = 0;
        for place in 0..=2 * pairs.len() {
            let start = end;
            end += place_of[start..]
                .iter()
                .take_while(|found| **found == place)
                .count();
            let list = if place % 2 == 0 { &mut gaps } else { &mut runs };
            list.push(start..end);
        }
        let touched = stretches
            .iter()
            .zip(&runs)
            .map(|(agreed, now): (&Range<usize>, &Range<usize>)| {
                held[agreed.clone()] != new.names[now.clone()]
            })
            .collect();
        Self {
            names: new.names,
            old,
            held,
            stretches,
            runs,
            gaps,
            touched,
        }
    }

    /// The names of what a pair holds.
    fn agreed(&self, pair: usize) -> &[Name] {
        &self.held[self.stretches[pair].clone()]
    }
}

/// Which block of `new` is which of `old`. Blocks that were gone may have come back, but they never
/// take a block that equals one that was there.
fn recognise(old: &Named<'_>, new: &Named<'_>, gone: &BTreeSet<usize>) -> Vec<(usize, usize)> {
    if gone.is_empty() {
        return align(old, new, Zeal::Edited);
    }
    let there: Vec<usize> = (0..old.len()).filter(|at| !gone.contains(at)).collect();
    let names: Vec<Name> = there.iter().map(|at| old.names[*at]).collect();
    let mut equal: Vec<(usize, usize)> = sequence::matches_named(&names, &new.names)
        .into_iter()
        .map(|(before, after)| (there[before], after))
        .collect();
    for (old_gap, new_gap) in sequence::gaps(&equal.clone(), old.len(), new.len()) {
        let back =
            sequence::matches_named(&old.names[old_gap.clone()], &new.names[new_gap.clone()]);
        let shift = |(o, n)| (old_gap.start + o, new_gap.start + n);
        equal.extend(back.into_iter().map(shift));
    }
    equal.sort_unstable();
    fill(old, new, &equal, Zeal::Edited)
}

/// Gives a place to the blocks that have none: inside of a pair if they stand inside of it, else
/// directly after the last pair that is still there.
fn settle_insertions(places: &[Option<usize>]) -> Vec<usize> {
    let mut out = Vec::with_capacity(places.len());
    let mut next: Vec<Option<usize>> = vec![None; places.len()];
    let mut following = None;
    for (at, place) in places.iter().enumerate().rev() {
        following = place.or(following);
        next[at] = following;
    }
    let mut before: Option<usize> = None;
    for (place, next) in places.iter().zip(next) {
        let settled = match (place, before) {
            (Some(place), _) => *place,
            (None, None) => 0,
            (None, Some(before)) if before % 2 == 0 || next == Some(before) => before,
            (None, Some(before)) => before + 1,
        };
        out.push(settled);
        before = Some(settled);
    }
    out
}
