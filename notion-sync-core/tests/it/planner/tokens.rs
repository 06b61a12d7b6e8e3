//! P02: nothing that a person wrote is lost.

use std::collections::BTreeSet;

use notion_sync_core::document::{Block, RichText};
use notion_sync_core::id::Side;
use notion_sync_core::mapping::Direction;
use notion_sync_core::value::Value;
use proptest::prelude::*;

use super::executor::Trail;
use super::world::{Pair, agreed};
use super::{CASES, config};

/// An edit that writes a word nobody else writes, at most one of a kind for each side and place.
#[derive(Debug, Clone, Copy)]
enum Write {
    Title,
    Note,
    Label,
    Person,
    Block(u8),
    Insert(u8),
    Append(u8),
}

fn write() -> impl Strategy<Value = Write> {
    prop_oneof![
        Just(Write::Title),
        Just(Write::Note),
        Just(Write::Label),
        Just(Write::Person),
        (0..4_u8).prop_map(Write::Block),
        (0..5_u8).prop_map(Write::Insert),
        (0..4_u8).prop_map(Write::Append),
    ]
}

struct Writer {
    next: usize,
    /// Words that must be somewhere at the end.
    words: BTreeSet<String>,
    /// Labels that somebody took away.
    removed: BTreeSet<String>,
}

impl Writer {
    fn plain(block: &Block) -> String {
        block
            .kind
            .text()
            .map(RichText::to_plain)
            .unwrap_or_default()
    }

    /// Words that a person replaces on this side were seen by that person.
    fn replaced(&mut self, text: &str) {
        for word in text.split([' ', ',']) {
            self.words.remove(word);
        }
    }

    fn write(&mut self, pair: &mut Pair, side: Side, write: Write) {
        self.next += 1;
        let word = format!(
            "{}{}",
            if side == Side::Notion { "N" } else { "G" },
            self.next
        );
        pair.now += 10;
        let now = pair.now;
        let note = pair.mapping.fields[4].direction;
        let half = pair.half(side);
        half.minute = now;
        let blocks = &mut half.body.blocks;
        match write {
            Write::Title | Write::Note => {
                let id = if matches!(write, Write::Title) {
                    "title"
                } else {
                    "note"
                };
                let old = half.fields.insert(id.into(), Value::text(word.clone()));
                if let Some(Value::Text(old)) = old {
                    self.replaced(&old);
                }
                let _ = note;
            }
            Write::Label => {
                let value = half.fields.entry("labels".into()).or_default();
                let mut set = value.elements();
                set.insert(word.clone());
                *value = Value::Set(set);
            }
            Write::Person => {
                // Somebody who is known on this side only: must stay where it is.
                let value = half.fields.entry("people".into()).or_default();
                let mut set = value.elements();
                set.insert(word.clone());
                *value = Value::Set(set);
            }
            Write::Block(at) => match blocks.get_mut(usize::from(at)) {
                Some(block) => {
                    let old = Self::plain(block);
                    *block = Block::paragraph(word.clone());
                    self.replaced(&old);
                }
                None => return,
            },
            Write::Insert(at) => {
                let at = usize::from(at).min(blocks.len());
                blocks.insert(at, Block::paragraph(word.clone()));
            }
            Write::Append(at) => match blocks.get_mut(usize::from(at)) {
                Some(block) => {
                    let text = Self::plain(block);
                    *block = Block::paragraph(format!("{text} {word}"));
                }
                None => return,
            },
        }
        self.words.insert(word);
    }

    /// A person takes a label away that stands on this side.
    fn remove(&mut self, pair: &mut Pair, side: Side, index: usize) {
        pair.now += 10;
        let now = pair.now;
        let half = pair.half(side);
        let value = half.fields.entry("labels".into()).or_default();
        let mut set = value.elements();
        let Some(label) = set.iter().nth(index).cloned() else {
            return;
        };
        half.minute = now;
        set.remove(&label);
        *value = Value::Set(set);
        self.words.remove(&label);
        self.removed.insert(label);
    }
}

fn text(pair: &Pair, side: Side) -> String {
    let half = match side {
        Side::Notion => &pair.notion,
        Side::Github => &pair.github,
    };
    let mut out = format!("{:?} ", half.fields);
    for block in &half.body.blocks {
        out.push_str(&Writer::plain(block));
        out.push(' ');
    }
    out
}

/// Whole words only: `N1` is not in `N12`.
fn says(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|part| part == word)
}

fn check(pair: &Pair, writer: &Writer, trail: &Trail) -> Result<(), TestCaseError> {
    let (n, g) = (text(pair, Side::Notion), text(pair, Side::Github));
    let conflicts: String = pair
        .record
        .conflicts
        .values()
        .map(|c| format!("{} {} ", c.notion_text, c.github_text))
        .collect();
    let losers = trail.losers.join(" ");
    let people = [Side::Notion, Side::Github]
        .map(|side| pair.value(side, "people").elements())
        .concat_all();
    for word in &writer.words {
        let kept = (says(&n, word) && says(&g, word))
            || says(&conflicts, word)
            || says(&losers, word)
            || people.contains(word);
        prop_assert!(kept, "{word} is lost: {n} | {g} | {conflicts} | {losers}");
    }
    for label in &writer.removed {
        for side in Side::BOTH {
            prop_assert!(
                !pair.value(side, "labels").elements().contains(label),
                "{label} was taken away and is back on {side}"
            );
        }
    }
    Ok(())
}

trait ConcatAll {
    fn concat_all(self) -> BTreeSet<String>;
}

impl ConcatAll for [BTreeSet<String>; 2] {
    fn concat_all(self) -> BTreeSet<String> {
        self.into_iter().flatten().collect()
    }
}

#[derive(Debug, Clone)]
enum Act {
    Write(bool, Write),
    Remove(bool, usize),
    /// Decide, and carry out so many steps of it.
    Steps(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (any::<bool>(), write()).prop_map(|(on, write)| Act::Write(on, write)),
        2 => (any::<bool>(), 0..3_usize).prop_map(|(on, index)| Act::Remove(on, index)),
        3 => (0..3_usize).prop_map(Act::Steps),
    ]
}

proptest! {
    #![proptest_config(config(CASES))]

    /// P02: every word is on both sides, in an open conflict, or an audited loser; also where plans
    /// are cut off in the middle and people go on.
    #[test]
    fn no_word_is_lost(pair in agreed(), acts in proptest::collection::vec(act(), 1..10)) {
        let mut pair = pair;
        let side = |on_notion: bool| if on_notion { Side::Notion } else { Side::Github };
        let mut writer = Writer { next: 0, words: BTreeSet::new(), removed: BTreeSet::new() };
        let mut trail = Trail::default();
        for act in &acts {
            match act {
                Act::Write(on, write) => writer.write(&mut pair, side(*on), *write),
                Act::Remove(on, index) => writer.remove(&mut pair, side(*on), *index),
                Act::Steps(count) => {
                    let plan = pair.plan();
                    pair.remember(&plan, &mut trail);
                    for step in plan.steps.iter().take(*count) {
                        if !pair.carry_out(&plan, step, &mut trail) {
                            break;
                        }
                    }
                }
            }
        }
        pair.rest(&mut trail)
            .map_err(|plan| TestCaseError::fail(format!("no end: {plan:#?}")))?;
        check(&pair, &writer, &trail)?;
        // A field that flows one way is the only one that loses under manual review.
        let one_way = pair.mapping.fields[4].direction != Direction::Both;
        let manual = pair.mapping.policy == notion_sync_core::mapping::Policy::ManualReview;
        prop_assert!(!manual || one_way || trail.losers.is_empty(), "{:?}", trail.losers);
    }
}
