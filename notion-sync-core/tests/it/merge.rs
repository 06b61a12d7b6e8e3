//! Laws of the merge, over random bodies.

use std::collections::BTreeSet;

use notion_sync_core::document::merge::{
    BasePair, BodyBase, Choice, Composed, Held, Merged, Region, State, regions,
};
use notion_sync_core::document::{Block, Document};
use notion_sync_core::id::Side;
use proptest::prelude::*;

use crate::merge_pool::{
    Stroke, body, config, doc, edit, few, outline, project, strokes, with_ids, words_of,
};

fn natural(base: &BodyBase, notion: &Document, github: &Document) -> Composed {
    regions(base, notion, github).compose(Region::default_choice)
}

fn swap(base: &BodyBase) -> BodyBase {
    BodyBase {
        pairs: base
            .pairs
            .iter()
            .map(|pair| BasePair {
                notion: pair.github.clone(),
                github: pair.notion.clone(),
            })
            .collect(),
        held: base
            .held
            .iter()
            .map(|held| Held {
                notion: held.github.clone(),
                github: held.notion.clone(),
                ..held.clone()
            })
            .collect(),
    }
}

fn shown(region: &Region<'_>) -> String {
    let state = match &region.state {
        State::Merged(_) => "Merged".to_owned(),
        state => format!("{state:?}"),
    };
    let anchor: String = region.anchor.to_string().chars().take(12).collect();
    let (notion, github) = (outline(region.notion), outline(region.github));
    format!("{anchor} {state} {notion} | {github}\n")
}

fn all_words(documents: &[&Document]) -> BTreeSet<String> {
    let mut out = Vec::new();
    for document in documents {
        words_of(&document.blocks, &mut out);
    }
    out.into_iter().collect()
}

fn tagged(words: &BTreeSet<String>, tag: &str) -> BTreeSet<String> {
    let digits = |word: &str| {
        word.strip_prefix(tag)
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    words.iter().filter(|word| digits(word)).cloned().collect()
}

/// Two different bases over one body: both sides the same, or the file poorer than the page.
fn sides(body: &Document, poor: bool) -> (Document, Document) {
    let github = if poor {
        doc(project(&body.blocks))
    } else {
        body.clone()
    };
    (body.clone(), github)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_edit_of_one_side_is_taken_whole(b in body(), x in body()) {
        let base = BodyBase::agree(&b, &b);
        for (notion, github) in [(&x, &b), (&b, &x)] {
            let regions = regions(&base, notion, github);
            prop_assert!(regions.is_clean());
            let out = regions.compose(Region::default_choice);
            prop_assert!(out.notion.canon_eq(&x), "{}", outline(&out.notion.blocks));
            prop_assert!(out.github.canon_eq(&x), "{}", outline(&out.github.blocks));
            prop_assert_eq!(out.base.hash(Side::Notion), x.hash());
            prop_assert_eq!(out.base.hash(Side::Github), x.hash());
            prop_assert_eq!(out.notion_changed, !notion.canon_eq(&x));
            prop_assert_eq!(out.github_changed, !github.canon_eq(&x));
        }
    }

    #[test]
    fn the_same_edit_on_both_sides_is_no_edit(b in body(), x in body()) {
        let base = BodyBase::agree(&b, &b);
        let regions = regions(&base, &x, &x);
        for region in &regions {
            prop_assert!(matches!(region.state, State::Same | State::Converged), "{region:?}");
        }
        let out = regions.compose(Region::default_choice);
        prop_assert_eq!(&out.notion, &*x);
        prop_assert_eq!(&out.github, &*x);
        prop_assert!(!out.notion_changed && !out.github_changed);
        prop_assert_eq!(out.base.hash(Side::Notion), x.hash());
    }

    #[test]
    fn agreed_bodies_have_not_moved(n in body(), g in body()) {
        // Whatever the two say: agreed is agreed.
        let base = BodyBase::agree(&n, &g);
        prop_assert_eq!(base.hash(Side::Notion), n.hash());
        prop_assert_eq!(base.hash(Side::Github), g.hash());
        let regions = regions(&base, &n, &g);
        for region in &regions {
            prop_assert_eq!(&region.state, &State::Same);
        }
        prop_assert!(regions.as_slice().len() <= 1);
        let out = regions.compose(Region::default_choice);
        prop_assert_eq!(&out.notion, &*n);
        prop_assert_eq!(&out.github, &*g);
        prop_assert_eq!(out.base, base);
    }

    #[test]
    fn sides_are_interchangeable(b in body(), x in strokes(0..6), y in strokes(0..6), poor: bool) {
        let (n, g) = sides(&b, poor);
        let base = BodyBase::agree(&n, &g);
        let (n, g) = (edit(&n, &x, "n"), edit(&g, &y, "g"));
        let mirrored_base = swap(&base);
        let one = regions(&base, &n, &g);
        let other = regions(&mirrored_base, &g, &n);
        prop_assert_eq!(one.as_slice().len(), other.as_slice().len());
        for (a, b) in one.iter().zip(&other) {
            let expected = match &a.state {
                State::NotionMoved => State::GithubMoved,
                State::GithubMoved => State::NotionMoved,
                State::Merged(merged) => State::Merged(Merged {
                    notion: merged.github.clone(),
                    github: merged.notion.clone(),
                }),
                state => state.clone(),
            };
            prop_assert_eq!(&b.state, &expected);
            prop_assert_eq!(a.notion, b.github);
            prop_assert_eq!(a.github, b.notion);
        }
        let (one, other) = (one.compose(Region::default_choice), other.compose(Region::default_choice));
        prop_assert_eq!(one.notion, other.github);
        prop_assert_eq!(one.github, other.notion);
        prop_assert_eq!(one.base, swap(&other.base));
    }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn regions_cover_both_bodies_in_order(b in body(), x in body(), y in body()) {
        let base = BodyBase::agree(&b, &b);
        let regions = regions(&base, &x, &y);
        let mut n: Vec<Block> = Vec::new();
        let mut g: Vec<Block> = Vec::new();
        let mut pairs: Vec<BasePair> = Vec::new();
        let mut anchors = BTreeSet::new();
        for region in &regions {
            n.extend_from_slice(region.notion);
            g.extend_from_slice(region.github);
            pairs.extend_from_slice(region.base);
            prop_assert!(anchors.insert(region.anchor), "twice {}", region.anchor);
            let text = region.anchor.to_string();
            prop_assert_eq!(text.parse::<notion_sync_core::document::merge::Anchor>(), Ok(region.anchor));
        }
        prop_assert_eq!(pairs, base.pairs.clone());
        prop_assert_eq!(&x.blocks[..n.len()], &n[..]);
        prop_assert_eq!(&y.blocks[..g.len()], &g[..]);
        prop_assert!(x.blocks[n.len()..].iter().all(Block::is_blank));
        prop_assert!(y.blocks[g.len()..].iter().all(Block::is_blank));
    }

    #[test]
    fn holding_everything_changes_nothing(b in body(), x in body(), y in body()) {
        let base = BodyBase::agree(&b, &b);
        let out = regions(&base, &x, &y).compose(|_| Choice::Hold);
        prop_assert_eq!(&out.notion, &*x);
        prop_assert_eq!(&out.github, &*y);
        prop_assert!(!out.notion_changed && !out.github_changed);
        prop_assert_eq!(&out.base.pairs, &base.pairs);
        // What was seen is remembered, and changes nothing.
        let again = regions(&out.base, &x, &y).compose(|_| Choice::Hold);
        prop_assert_eq!(again, out);
    }

    #[test]
    fn taking_one_side_everywhere_gives_that_side(b in body(), x in body(), y in body()) {
        let base = BodyBase::agree(&b, &b);
        let regions = regions(&base, &x, &y);
        for (choice, side) in [(Choice::TakeNotion, &x), (Choice::TakeGithub, &y)] {
            let out = regions.compose(|_| choice.clone());
            prop_assert!(out.notion.canon_eq(side));
            prop_assert!(out.github.canon_eq(side));
            prop_assert_eq!(out.base.hash(Side::Notion), side.hash());
        }
    }

    #[test]
    fn a_clean_merge_leaves_both_sides_equal(b in body(), x in strokes(0..5), y in strokes(0..5)) {
        let base = BodyBase::agree(&b, &b);
        let (n, g) = (edit(&b, &x, "n"), edit(&b, &y, "g"));
        let regions = regions(&base, &n, &g);
        let out = regions.compose(Region::default_choice);
        if regions.is_clean() {
            prop_assert!(out.notion.canon_eq(&out.github), "{}\n{}", outline(&out.notion.blocks), outline(&out.github.blocks));
            prop_assert_eq!(out.base.hash(Side::Notion), out.notion.hash());
            prop_assert_eq!(out.base.hash(Side::Github), out.github.hash());
        }
    }

    #[test]
    fn no_word_is_lost_and_none_invented(b in body(), x in strokes(0..6), y in strokes(0..6), poor: bool) {
        let (n, g) = sides(&b, poor);
        let base = BodyBase::agree(&n, &g);
        let (n, g) = (edit(&n, &x, "n"), edit(&g, &y, "g"));
        let regions = regions(&base, &n, &g);
        let out = regions.compose(Region::default_choice);
        let mut parked_n = Vec::new();
        let mut parked_g = Vec::new();
        for region in regions.diverged() {
            words_of(region.notion, &mut parked_n);
            words_of(region.github, &mut parked_g);
        }
        let inputs = all_words(&[&n, &g]);
        let (out_n, out_g) = (all_words(&[&out.notion]), all_words(&[&out.github]));
        prop_assert!(out_n.is_subset(&inputs));
        prop_assert!(out_g.is_subset(&inputs));
        for word in tagged(&all_words(&[&n]), "n") {
            prop_assert!(out_n.contains(&word), "{word} left its own side");
            prop_assert!(out_g.contains(&word) || parked_n.contains(&word), "{word} did not arrive: {} {}", outline(&out.notion.blocks), outline(&out.github.blocks));
        }
        for word in tagged(&all_words(&[&g]), "g") {
            prop_assert!(out_g.contains(&word), "{word} left its own side");
            // What Notion has no form for stays in the file.
            let one_sided = regions.iter().any(|region| {
                let mut words = Vec::new();
                words_of(region.github, &mut words);
                region.notion.is_empty() && !region.base.is_empty() && words.contains(&word)
            });
            prop_assert!(
                out_n.contains(&word) || parked_g.contains(&word) || one_sided,
                "{word} did not arrive: {} {}", outline(&out.notion.blocks), outline(&out.github.blocks)
            );
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn blocks_come_from_the_inputs(b in body(), x in body(), y in body()) {
        let base = BodyBase::agree(&b, &b);
        let regions = regions(&base, &x, &y);
        let merged: BTreeSet<_> = regions
            .iter()
            .filter_map(|region| match &region.state {
                State::Merged(merged) => Some(merged.notion.iter().chain(&merged.github)),
                _ => None,
            })
            .flatten()
            .map(Block::hash)
            .collect();
        let inputs: BTreeSet<_> = x.blocks.iter().chain(&y.blocks).map(Block::hash).collect();
        let out = regions.compose(Region::default_choice);
        for block in out.notion.blocks.iter().chain(&out.github.blocks) {
            prop_assert!(inputs.contains(&block.hash()) || merged.contains(&block.hash()));
        }
    }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn a_second_run_has_nothing_to_do(b in body(), x in strokes(0..6), y in strokes(0..6), poor: bool) {
        let (n, g) = sides(&b, poor);
        let base = BodyBase::agree(&n, &g);
        let (n, g) = (edit(&n, &x, "n"), edit(&g, &y, "g"));
        let first = natural(&base, &n, &g);
        let again = regions(&first.base, &first.notion, &first.github);
        let second = again.compose(Region::default_choice);
        // An empty paragraph that was inserted and is now the last block means nothing any more.
        let ends_blank = |side: &Document| side.blocks.last().is_some_and(Block::is_blank);
        prop_assume!(
            first.base.held.is_empty() || !(ends_blank(&first.notion) || ends_blank(&first.github))
        );
        prop_assert!(
            !second.notion_changed && !second.github_changed,
            "{}",
            again.iter().map(shown).collect::<String>()
        );
        prop_assert_eq!(&second.base, &first.base);
        let open = regions(&base, &n, &g).diverged().count();
        prop_assert_eq!(again.diverged().count(), open);
        prop_assert_eq!(first.base.held.len(), open);
        // And the same input gives the same output.
        prop_assert_eq!(first, natural(&base, &n, &g));
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn both_rewriting_one_block_is_a_conflict(b in body(), at in 0_usize..7) {
        let at = at.min(b.blocks.len());
        let mut b = b.0;
        b.blocks.insert(at, Block::paragraph("alpha beta gamma delta"));
        let base = BodyBase::agree(&b, &b);
        let (mut n, mut g) = (b.clone(), b.clone());
        n.blocks[at] = Block::paragraph("alpha nu nu delta");
        g.blocks[at] = Block::paragraph("alpha xi xi delta");
        let (n, g) = (with_ids(&n), g);
        let regions = regions(&base, &n, &g);
        prop_assert_eq!(regions.diverged().count(), 1);
        let out = regions.compose(Region::default_choice);
        prop_assert_eq!(&out.notion, &n);
        prop_assert_eq!(&out.github, &g);
        prop_assert_eq!(&out.base.pairs, &base.pairs);
        prop_assert!(!out.notion_changed && !out.github_changed);
    }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn ids_stay_with_their_blocks(b in body(), x in strokes(0..5), y in strokes(0..5), poor: bool) {
        let (n, g) = sides(&b, poor);
        let base = BodyBase::agree(&n, &g);
        let n = edit(&with_ids(&n), &x, "n");
        let g = edit(&g, &y, "g");
        let out = natural(&base, &n, &g);
        let mut before = Vec::new();
        ids(&n.blocks, &mut before);
        let mut after = Vec::new();
        ids(&out.notion.blocks, &mut after);
        let known: BTreeSet<_> = before.iter().collect();
        let mut seen = BTreeSet::new();
        for id in &after {
            prop_assert!(known.contains(id));
            prop_assert!(seen.insert(id), "{id} twice");
        }
        let mut in_file = Vec::new();
        ids(&out.github.blocks, &mut in_file);
        prop_assert!(in_file.is_empty(), "ids of Notion in the file");
        if y.is_empty() {
            prop_assert_eq!(out.notion, n);
        }
    }
}

fn ids(blocks: &[Block], out: &mut Vec<notion_sync_core::id::BlockId>) {
    for block in blocks {
        out.extend(block.id.clone());
        ids(&block.children, out);
    }
}

/// A write from `before` to `after` of which some steps were made: of the blocks that differ, those
/// whose bit is set stand as they were sent.
fn cut_off(before: &Document, after: &Document, bits: u32) -> Document {
    let blocks = before.blocks.iter().zip(&after.blocks).enumerate();
    doc(blocks
        .map(|(at, (old, new))| if bits >> at & 1 == 1 { new } else { old }.clone())
        .collect())
}

proptest! {
    #![proptest_config(few())]

    /// What a cut off write left behind is never taken for an edit of the side that was written.
    #[test]
    fn a_write_that_was_cut_off_is_nobodys_edit(
        b in body(),
        words in prop::collection::vec(0_usize..40, 0..4),
        later in strokes(0..4),
        bits: u32,
    ) {
        let edits: Vec<Stroke> = words.iter().map(|at| Stroke::InsertWord(*at, 0)).collect();
        let wanted = edit(&b, &edits, "g");
        prop_assume!(wanted.blocks.len() == b.blocks.len());
        let before = BodyBase::agree(&b, &b);
        let sent = BodyBase::agree(&wanted, &wanted);
        let shown = cut_off(&b, &wanted, bits);
        for side in Side::BOTH {
            let base = before.confirmed(&sent, side, &shown).unwrap();
            prop_assert!(base.notion().canon_eq(&shown), "{}", outline(&base.notion().blocks));
            // The source goes on meanwhile: its edits are one-sided, whatever a policy says.
            let source = edit(&wanted, &later, "h");
            let (notion, github) = match side {
                Side::Notion => (&shown, &source),
                Side::Github => (&source, &shown),
            };
            let regions = regions(&base, notion, github);
            prop_assert!(regions.is_clean());
            let out = regions.compose(Region::default_choice);
            prop_assert!(out.notion.canon_eq(&source), "{}", outline(&out.notion.blocks));
        }
    }

    #[test]
    fn all_or_nothing_of_a_write_gives_the_new_or_the_old_base(b in body(), x in body()) {
        let (before, sent) = (BodyBase::agree(&b, &b), BodyBase::agree(&x, &x));
        let all = before.confirmed(&sent, Side::Notion, &x).unwrap();
        prop_assert_eq!((all.hash(Side::Notion), all.hash(Side::Github)), (x.hash(), x.hash()));
        let nothing = before.confirmed(&sent, Side::Notion, &b).unwrap();
        prop_assert_eq!((nothing.hash(Side::Notion), nothing.hash(Side::Github)), (b.hash(), b.hash()));
    }

    /// Words of a person that were written over or beside a cut off write stay edits.
    #[test]
    fn a_person_who_edits_after_a_cut_off_write_is_seen(
        b in body(), x in strokes(0..4), y in strokes(1..4), whole: bool,
    ) {
        let wanted = edit(&b, &x, "g");
        let (before, sent) = (BodyBase::agree(&b, &b), BodyBase::agree(&wanted, &wanted));
        let shown = edit(if whole { &wanted } else { &b }, &y, "n");
        if let Some(base) = before.confirmed(&sent, Side::Notion, &shown) {
            let agreed = all_words(&[&base.notion()]);
            prop_assert!(tagged(&agreed, "n").is_empty(), "{agreed:?}");
            let held = all_words(&[&before.notion(), &sent.notion()]);
            prop_assert!(agreed.is_subset(&held), "{agreed:?}");
        }
    }
}
