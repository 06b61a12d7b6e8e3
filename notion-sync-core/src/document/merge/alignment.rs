//! Which block of one list is which block of another.
//!
//! Equal blocks are matched first (a common subsequence). In the stretches between
//! them, blocks that were edited are matched with their old selves by what words they share, in
//! order, with a dynamic program that looks only at a band around the diagonal.

use std::collections::{BTreeSet, HashMap};
use std::mem::discriminant;

use foldhash::fast::RandomState;

use crate::document::canon::{Content, is_identical};
use crate::document::model::{Block, BlockKind, InlineKind, RichText};

use super::sequence;

/// Words kept of one block: the smallest hashes, so that two blocks keep the same ones.
const SKETCH: usize = 64;
/// Words looked at in one block and its children.
const SKETCH_WORDS: usize = 2_000;
/// Levels of children that count for similarity.
const SKETCH_DEPTH: usize = 12;
/// Stretches with at most this many cells are compared completely.
const FULL_CELLS: usize = 40_000;
/// Half the width of the band in longer stretches, at least.
const BAND: usize = 48;
/// Similarity from which two blocks of one kind are the same block, in thousandths.
const SAME_KIND: u32 = 200;
/// Similarity from which two blocks of different kinds are.
const OTHER_KIND: u32 = 600;

/// Blocks that are looked at to find an equal one, at each of two places.
const AHEAD: usize = 3;

/// How eagerly blocks that share no words are taken for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zeal {
    /// The lists are known to say the same: any two blocks of one kind may be a pair.
    Agreed,
    /// One list came from the other by editing: only where a stretch kept its length.
    Edited,
}

/// A number for what a block says.
pub(crate) type Name = usize;

/// Gives blocks that say the same the same name, and others another one. Names mean nothing beside
/// those of another namer.
///
/// Comparisons need no more than this, and a name costs a small part of a content hash.
#[derive(Debug, Default)]
pub(crate) struct Namer<'a> {
    // Only looked up: its order reaches nothing. The hash is keyed anew in every process, so that
    // nobody writes bodies whose blocks collide.
    known: HashMap<Content<'a>, Name, RandomState>,
}

impl<'a> Namer<'a> {
    fn name(&mut self, block: &'a Block) -> Name {
        let next = self.known.len();
        *self.known.entry(Content(block)).or_insert(next)
    }
}

/// Blocks with their names.
#[derive(Debug, Clone)]
pub(crate) struct Named<'a> {
    /// The blocks.
    pub(crate) blocks: Vec<&'a Block>,
    /// The name of each.
    pub(crate) names: Vec<Name>,
}

impl<'a> Named<'a> {
    /// Names each of the blocks.
    pub(crate) fn of(blocks: impl IntoIterator<Item = &'a Block>, namer: &mut Namer<'a>) -> Self {
        let blocks: Vec<&Block> = blocks.into_iter().collect();
        namer.known.reserve(blocks.len());
        let names = blocks.iter().map(|block| namer.name(block)).collect();
        Self { blocks, names }
    }

    /// The same where most blocks are those of `other`, which the same namer named, in the same
    /// order: comparing two blocks costs less than looking one up.
    pub(crate) fn beside(
        blocks: impl IntoIterator<Item = &'a Block>,
        other: &Named<'_>,
        namer: &mut Namer<'a>,
    ) -> Self {
        let blocks: Vec<&Block> = blocks.into_iter().collect();
        let mut names = Vec::with_capacity(blocks.len());
        // Where the blocks after the last one that was found stand, and how many were not found
        // since.
        let (mut after, mut missed) = (0, 0);
        for block in &blocks {
            let is_at = |place: &usize| {
                let known = other.blocks.get(*place);
                known.is_some_and(|known| is_identical(block, known))
            };
            // What was not found was edited, so that the rest stands where it stood, or inserted.
            let edited = (after + missed..).take(AHEAD);
            let inserted = (after..after + missed).take(AHEAD);
            match edited.chain(inserted).find(is_at) {
                Some(found) => {
                    names.push(other.names[found]);
                    (after, missed) = (found + 1, 0);
                }
                None => {
                    names.push(namer.name(block));
                    missed += 1;
                }
            }
        }
        Self { blocks, names }
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.blocks.len()
    }
}

/// The number of blocks before the empty paragraphs at the end, which mean nothing.
pub(crate) fn trimmed_len(blocks: &[Block]) -> usize {
    let blank = blocks.iter().rev().take_while(|block| block.is_blank());
    blocks.len() - blank.count()
}

/// Pairs `(index in old, index in new)` of blocks that are the same block, edited or not; both
/// ascending.
pub(crate) fn align(old: &Named<'_>, new: &Named<'_>, zeal: Zeal) -> Vec<(usize, usize)> {
    let anchors = sequence::matches_named(&old.names, &new.names);
    fill(old, new, &anchors, zeal)
}

/// Adds to `anchors` (ascending pairs) the pairs of edited blocks between them.
pub(crate) fn fill(
    old: &Named<'_>,
    new: &Named<'_>,
    anchors: &[(usize, usize)],
    zeal: Zeal,
) -> Vec<(usize, usize)> {
    let mut out = Vec::with_capacity(old.len().min(new.len()));
    let mut rest = anchors;
    for (old_gap, new_gap) in sequence::gaps(anchors, old.len(), new.len()) {
        if old_gap.is_empty() || new_gap.is_empty() {
            continue;
        }
        // Anchors ascend, and so does what is found between two of them.
        let before = rest.partition_point(|(old, _)| *old < old_gap.start);
        out.extend_from_slice(&rest[..before]);
        rest = &rest[before..];
        let weak = match zeal {
            Zeal::Agreed => true,
            Zeal::Edited => old_gap.len() == new_gap.len(),
        };
        if weak && old_gap.len() == 1 && new_gap.len() == 1 {
            let (one, other) = (old.blocks[old_gap.start], new.blocks[new_gap.start]);
            // One for one and of one kind it is an edit whatever it says: nothing to compare.
            if discriminant(&one.kind) == discriminant(&other.kind) {
                out.push((old_gap.start, new_gap.start));
                continue;
            }
        }
        let rows: Vec<Sketch> = old_gap.clone().map(|at| Sketch::of(old, at)).collect();
        let columns: Vec<Sketch> = new_gap.clone().map(|at| Sketch::of(new, at)).collect();
        for (row, column) in best_pairs(&rows, &columns, weak) {
            out.push((old_gap.start + row, new_gap.start + column));
        }
    }
    out.extend_from_slice(rest);
    out
}

/// What is compared of a block.
struct Sketch<'a> {
    kind: &'a BlockKind,
    name: Name,
    words: Vec<u64>,
}

/// The words that a block is known by, ascending.
fn sketch(block: &Block) -> Vec<u64> {
    let mut words = BTreeSet::new();
    let mut budget = SKETCH_WORDS;
    collect_words(block, SKETCH_DEPTH, &mut budget, &mut words);
    words.into_iter().take(SKETCH).collect()
}

impl<'a> Sketch<'a> {
    fn of(list: &Named<'a>, at: usize) -> Self {
        let block = list.blocks[at];
        Self {
            kind: &block.kind,
            name: list.names[at],
            words: sketch(block),
        }
    }

    /// What pairing the two is worth; 0 means that they are not the same block.
    fn score(&self, other: &Self, weak: bool) -> u32 {
        if self.name == other.name {
            return 4_000;
        }
        let similar = similarity(&self.words, &other.words);
        if discriminant(self.kind) == discriminant(other.kind) {
            if similar >= SAME_KIND {
                similar + 50
            } else {
                u32::from(weak)
            }
        } else if similar >= OTHER_KIND {
            similar - 100
        } else {
            0
        }
    }
}

/// Whether most of some words are among others; never of none.
pub(crate) fn are_said(own: &BTreeSet<u64>, by: &BTreeSet<u64>) -> bool {
    !own.is_empty() && own.intersection(by).count() * 2 >= own.len()
}

/// The words of blocks and of what is below them, as far as a sketch goes.
pub(crate) fn words(blocks: &[Block]) -> BTreeSet<u64> {
    let mut words = BTreeSet::new();
    let mut budget = SKETCH_WORDS;
    for block in blocks {
        collect_words(block, SKETCH_DEPTH, &mut budget, &mut words);
    }
    words
}

/// Whether two blocks are of one kind and share words.
pub(crate) fn resembles(one: &Block, other: &Block) -> bool {
    if discriminant(&one.kind) != discriminant(&other.kind) {
        return false;
    }
    let (one, other) = (sketch(one), sketch(other));
    !one.is_empty() && !other.is_empty() && similarity(&one, &other) >= SAME_KIND
}

/// Dice's coefficient of two sorted sets, in thousandths.
fn similarity(a: &[u64], b: &[u64]) -> u32 {
    if a.is_empty() && b.is_empty() {
        return 500;
    }
    let (mut i, mut j, mut common) = (0, 0, 0_usize);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                common += 1;
                i += 1;
                j += 1;
            }
        }
    }
    u32::try_from(2_000 * common / (a.len() + b.len())).unwrap_or(1_000)
}

fn collect_words(block: &Block, depth: usize, budget: &mut usize, out: &mut BTreeSet<u64>) {
    match &block.kind {
        BlockKind::Code { code, .. } => add_words(code, budget, out),
        BlockKind::Equation { expression } => add_words(expression, budget, out),
        BlockKind::TableRow { cells } => {
            for cell in cells {
                add_text(cell, budget, out);
            }
        }
        BlockKind::Media {
            source, caption, ..
        } => {
            let (super::super::MediaSource::External(url) | super::super::MediaSource::Hosted(url)) =
                source;
            add_words(url, budget, out);
            add_text(caption, budget, out);
        }
        BlockKind::Bookmark { url, caption } | BlockKind::Embed { url, caption } => {
            add_words(url, budget, out);
            add_text(caption, budget, out);
        }
        BlockKind::ChildPage { page: id, .. }
        | BlockKind::LinkToPage { page: id }
        | BlockKind::ChildDatabase { database: id, .. }
        | BlockKind::Synced { from: Some(id) } => add_words(id, budget, out),
        BlockKind::Verbatim { markdown } => add_words(markdown, budget, out),
        BlockKind::Opaque { kind, raw } => {
            add_words(kind, budget, out);
            add_words(raw, budget, out);
        }
        other => {
            if let Some(text) = other.text() {
                add_text(text, budget, out);
            }
        }
    }
    if depth == 0 {
        return;
    }
    for child in &block.children {
        if *budget == 0 {
            return;
        }
        collect_words(child, depth - 1, budget, out);
    }
}

fn add_text(text: &RichText, budget: &mut usize, out: &mut BTreeSet<u64>) {
    for inline in &text.0 {
        match &inline.kind {
            InlineKind::Text(text) | InlineKind::Equation(text) | InlineKind::Verbatim(text) => {
                add_words(text, budget, out);
            }
            InlineKind::Mention(mention) => add_words(&format!("{mention:?}"), budget, out),
        }
    }
}

fn add_words(text: &str, budget: &mut usize, out: &mut BTreeSet<u64>) {
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        if word.is_empty() {
            continue;
        }
        if *budget == 0 {
            return;
        }
        *budget -= 1;
        out.insert(word_hash(word));
    }
}

/// FNV-1a with a final mix: the same on every machine and in every run.
fn word_hash(word: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in word.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash ^= hash >> 32;
    hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

const SKIP_OLD: u8 = 0;
const SKIP_NEW: u8 = 1;
const PAIR: u8 = 2;

/// The order-keeping pairing with the highest total score.
fn best_pairs(rows: &[Sketch<'_>], columns: &[Sketch<'_>], weak: bool) -> Vec<(usize, usize)> {
    let (m, k) = (rows.len(), columns.len());
    let half = if m.saturating_mul(k) <= FULL_CELLS {
        m.max(k)
    } else {
        BAND.max(2 * k / m + 1)
    };
    let band = |row: usize| {
        let centre = row * k / m;
        centre.saturating_sub(half)..=(centre + half).min(k)
    };
    // `steps[row]` says, for each column of the row's band, how the best way got there.
    let mut steps: Vec<Vec<u8>> = Vec::with_capacity(m + 1);
    let mut above: Vec<u32> = Vec::new();
    for row in 0..=m {
        let range = band(row);
        let above_start = if row == 0 { 0 } else { *band(row - 1).start() };
        let reached = |scores: &[u32], column: usize| {
            column
                .checked_sub(above_start)
                .and_then(|at| scores.get(at).copied())
        };
        let mut scores: Vec<u32> = Vec::with_capacity(range.end() - range.start() + 1);
        let mut step = Vec::with_capacity(scores.capacity());
        for column in range {
            let mut best = (0, SKIP_NEW);
            if let Some(&left) = scores.last() {
                best = (left, SKIP_NEW);
            }
            if row > 0 {
                if let Some(up) = reached(&above, column)
                    && (up > best.0 || scores.is_empty())
                {
                    best = (up, SKIP_OLD);
                }
                if column > 0
                    && let Some(corner) = reached(&above, column - 1)
                {
                    let gain = rows[row - 1].score(&columns[column - 1], weak);
                    // `>=`: of equally good pairings the one that pairs later elements of both
                    // lists is kept here, and walking back from the end keeps it stable.
                    if gain > 0 && corner + gain >= best.0 {
                        best = (corner + gain, PAIR);
                    }
                }
            }
            scores.push(best.0);
            step.push(best.1);
        }
        steps.push(step);
        above = scores;
    }
    let mut out = Vec::new();
    let (mut row, mut column) = (m, k);
    while row > 0 && column > 0 {
        let step = column
            .checked_sub(*band(row).start())
            .and_then(|at| steps[row].get(at).copied());
        match step {
            Some(PAIR) => {
                out.push((row - 1, column - 1));
                row -= 1;
                column -= 1;
            }
            Some(SKIP_NEW) => column -= 1,
            _ => row -= 1,
        }
    }
    out.reverse();
    out
}

#[cfg(test)]
mod tests {
    use super::{Named, Namer, Zeal, align};
    use crate::document::canon::{is_identical, is_same};
    use crate::document::model::{Block, BlockKind, Color, Inline, RichText};

    fn aligned(old: &[&str], new: &[&str], zeal: Zeal) -> Vec<(usize, usize)> {
        let blocks = |texts: &[&str]| -> Vec<Block> {
            texts.iter().copied().map(Block::paragraph).collect()
        };
        let (old, new) = (blocks(old), blocks(new));
        let mut namer = Namer::default();
        let old = Named::of(&old, &mut namer);
        align(&old, &Named::of(&new, &mut namer), zeal)
    }

    #[test]
    fn an_edited_block_is_its_old_self() {
        let old = ["intro", "red apples grow here", "outro"];
        type Case = (&'static [&'static str], &'static [(usize, usize)]);
        let cases: [Case; 5] = [
            (
                &["intro", "red apples grow there", "outro"],
                &[(0, 0), (1, 1), (2, 2)],
            ),
            (
                &["intro", "new", "red apples grow there", "outro"],
                &[(0, 0), (1, 2), (2, 3)],
            ),
            (
                &["intro", "red apples grow there", "new", "outro"],
                &[(0, 0), (1, 1), (2, 3)],
            ),
            // One for one, it is an edit whatever it says; two for one, it is not.
            (
                &["intro", "something else", "outro"],
                &[(0, 0), (1, 1), (2, 2)],
            ),
            (&["intro", "something", "else", "outro"], &[(0, 0), (2, 3)]),
        ];
        for (new, expected) in cases {
            assert_eq!(aligned(&old, new, Zeal::Edited), expected, "{new:?}");
        }
    }

    #[test]
    fn a_long_body_rewritten_by_replacing_a_word_is_aligned() {
        let old: Vec<String> = (0..1_500)
            .map(|n| format!("item {n} costs one dollar"))
            .collect();
        let mut new: Vec<String> = old
            .iter()
            .map(|text| text.replace("dollar", "euro"))
            .collect();
        new.insert(700, "an extra paragraph".to_owned());
        let old: Vec<&str> = old.iter().map(String::as_str).collect();
        let new: Vec<&str> = new.iter().map(String::as_str).collect();
        let found = aligned(&old, &new, Zeal::Edited);
        let right = |&&(a, b): &&(usize, usize)| b == a + usize::from(a >= 700);
        let right = found.iter().filter(right).count();
        assert_eq!((found.len(), right), (1_500, 1_500));
    }

    /// Names stand for content hashes: they are equal for the same blocks.
    #[test]
    fn names_are_equal_where_hashes_are() {
        let runs = |parts: &[&str]| RichText(parts.iter().copied().map(Inline::text).collect());
        let texts = [
            runs(&["a b"]),
            runs(&["a", " b"]),
            runs(&[" a b\r\n"]),
            runs(&["", "a b"]),
            runs(&["caf\u{e9}"]),
            runs(&["cafe", "\u{301}"]),
            runs(&[" "]),
            runs(&[]),
        ];
        let mut blocks = Vec::new();
        for text in texts {
            for color in ["", "default", "red"] {
                let color = || Color::new(color);
                let paragraph = Block::new(BlockKind::Paragraph {
                    text: text.clone(),
                    color: color(),
                });
                blocks.push(paragraph.clone());
                for level in [6, 7] {
                    blocks.push(Block::new(BlockKind::Heading {
                        level,
                        text: text.clone(),
                        toggle: true,
                        color: color(),
                        anchor: None,
                    }));
                }
                for start in [None, Some(3)] {
                    let kind = BlockKind::NumberedItem {
                        text: text.clone(),
                        start,
                        color: color(),
                    };
                    let children = vec![paragraph.clone(), Block::paragraph("")];
                    blocks.push(Block::new(kind).with_children(children));
                }
            }
            blocks.push(Block::new(BlockKind::TableRow {
                cells: vec![text.clone(), text],
            }));
        }
        for code in ["x\ny", "x\r\ny", "x"] {
            blocks.push(Block::new(BlockKind::Code {
                code: code.to_owned(),
                language: "rust".into(),
                info: Some(code.into()),
                caption: runs(&[" c"]),
            }));
        }
        let mut namer = Namer::default();
        let named = Named::of(&blocks, &mut namer);
        let beside = Named::beside(blocks.iter().rev(), &named, &mut namer);
        assert!(named.names.iter().rev().eq(&beside.names));
        let mut equal = 0;
        for (one, a) in blocks.iter().zip(&named.names) {
            for (other, b) in blocks.iter().zip(&named.names) {
                assert_eq!(a == b, one.hash() == other.hash(), "{one:?}\n{other:?}");
                assert_eq!(a == b, is_same(one, other), "{one:?}\n{other:?}");
                assert!(a == b || !is_identical(one, other), "{one:?}\n{other:?}");
                equal += usize::from(a == b);
            }
        }
        assert!(equal > 2 * blocks.len(), "{equal} of {}", blocks.len());
    }

    /// Where a list goes on after something else must not matter to the names.
    #[test]
    fn names_beside_an_edited_list_are_its_names() {
        let block = |number: &usize| Block::paragraph(format!("block {number}"));
        let old: Vec<usize> = (0..30).collect();
        let edits: [&[usize]; 6] = [
            &[],
            &[100],
            &[100, 101, 102, 103, 104],
            &[3, 100, 3],
            &[29, 28],
            &[12],
        ];
        for (from, to) in [(9, 9), (9, 10), (9, 12), (9, 19), (0, 0), (0, 5), (30, 30)] {
            for edit in edits {
                let mut new = old.clone();
                new.splice(from..to, edit.iter().copied());
                let (old_blocks, new_blocks): (Vec<Block>, Vec<Block>) = (
                    old.iter().map(block).collect(),
                    new.iter().map(block).collect(),
                );
                let mut namer = Namer::default();
                let named = Named::of(&old_blocks, &mut namer);
                let beside = Named::beside(&new_blocks, &named, &mut namer);
                assert_eq!(beside.names, Named::of(&new_blocks, &mut namer).names);
            }
        }
    }
}
