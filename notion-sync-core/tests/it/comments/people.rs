//! People write, edit, delete and resolve at random on both sides.

use std::collections::{BTreeMap, BTreeSet};

use notion_sync_core::comment::{
    CommentPair, CommentSync, Conversation, Places, RemoteComment, Seen, Step, doubts, plan,
};
use notion_sync_core::id::{OpId, RemoteRef, Side};
use proptest::prelude::*;

use super::{comment, place, reference, seen};

#[derive(Debug, Clone)]
enum Act {
    Write(bool),
    Edit(bool, usize),
    Delete(bool, usize),
    Resolve(usize),
    /// Fate of the next writes, then a run.
    Run(Vec<Fate>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fine,
    /// Applied, and there was no answer.
    Lost,
    /// Given up because the world moved on.
    Void,
}

#[derive(Debug, Clone)]
struct Held {
    comment: RemoteComment,
    hidden: bool,
    touched: bool,
}

#[derive(Debug, Default)]
struct World {
    sides: [BTreeMap<RemoteRef, Held>; 2],
    next: u32,
    token: u32,
    ops: u32,
    talk: Conversation,
    /// Origins of mirrors that a person removed.
    removed: BTreeSet<RemoteRef>,
    mirrors: BTreeMap<RemoteRef, RemoteRef>,
}

fn at(side: Side) -> usize {
    usize::from(side == Side::Github)
}

fn side(github: bool) -> Side {
    if github { Side::Github } else { Side::Notion }
}

impl World {
    fn put(&mut self, side: Side, text: &str, ours: bool) -> RemoteRef {
        self.next += 1;
        let made = comment(side, self.next, text, ours);
        let object = made.object.clone();
        self.sides[at(side)].insert(
            object.clone(),
            Held {
                comment: made,
                hidden: false,
                touched: false,
            },
        );
        object
    }

    fn act(&mut self, act: &Act) {
        self.token += 1;
        let token = format!("<{}>", self.token);
        match act {
            Act::Write(github) => {
                self.put(side(*github), &token, false);
            }
            Act::Edit(github, which) => {
                let held = &mut self.sides[usize::from(*github)];
                let count = held.len().max(1);
                if let Some(one) = held.values_mut().nth(which % count) {
                    one.comment.text = if one.comment.ours {
                        format!("mine {token}")
                    } else {
                        token
                    };
                    one.touched = true;
                }
            }
            Act::Delete(github, which) => {
                let held = &mut self.sides[usize::from(*github)];
                let count = held.len().max(1);
                if let Some(object) = held.keys().nth(which % count).cloned() {
                    held.remove(&object);
                    if let Some(origin) = self.mirrors.get(&object) {
                        self.removed.insert(origin.clone());
                    }
                }
            }
            Act::Resolve(which) => {
                let held = &mut self.sides[0];
                let count = held.len().max(1);
                if let Some(one) = held.values_mut().nth(which % count) {
                    one.hidden = !one.hidden;
                }
            }
            Act::Run(fates) => {
                self.run(fates);
            }
        }
    }

    fn look(&self) -> Seen {
        let listed = |side: Side| {
            (self.sides[at(side)].values())
                .filter(|held| !held.hidden)
                .map(|held| held.comment.clone())
                .collect()
        };
        let mut seen = seen(listed(Side::Notion), listed(Side::Github));
        for (_, object) in doubts(&self.talk, &seen, &BTreeSet::new(), true) {
            let found = (self.sides.iter()).find_map(|held| held.get(&object));
            seen.take_direct(object, found.map(|held| held.comment.clone()));
        }
        seen
    }

    /// One run; answers how many writes it made.
    fn run(&mut self, fates: &[Fate]) -> usize {
        let places = Places {
            notion: place(Side::Notion),
            github: place(Side::Github),
        };
        let steps = plan(&self.talk, &self.look(), &CommentSync::default(), None);
        let mut writes = 0;
        for (number, step) in steps.iter().enumerate() {
            self.ops += 1;
            let op = OpId::new(format!("op{}", self.ops));
            self.talk.begin(step, Some(&op), &places);
            let fate = fates.get(number).copied().unwrap_or(Fate::Fine);
            let said = |comment: &RemoteComment| format!("Ada: {}", comment.text);
            let written = match step {
                Step::Mark { .. } | Step::Again { .. } | Step::TooMany { .. } => continue,
                _ if fate == Fate::Void => {
                    self.talk.given_up(&op);
                    continue;
                }
                Step::Post { side, comment } => {
                    assert!(!comment.ours, "a mirror of a mirror");
                    let mirror = self.put(side.other(), &said(comment), true);
                    self.mirrors.insert(mirror.clone(), comment.object.clone());
                    Some(mirror)
                }
                Step::Edit {
                    side,
                    comment,
                    mirror,
                    expected,
                    ..
                } => {
                    let held = self.sides[at(side.other())].get_mut(mirror).unwrap();
                    assert_eq!(held.comment.hash(), *expected);
                    held.comment.text = said(comment);
                    held.touched = false;
                    Some(mirror.clone())
                }
                Step::Delete { side, mirror, .. } => {
                    self.sides[at(side.other())].remove(mirror).unwrap();
                    None
                }
            };
            writes += 1;
            let shown = (written.as_ref())
                .filter(|_| fate == Fate::Fine)
                .and_then(|mirror| self.sides.iter().find_map(|held| held.get(mirror)))
                .map(|held| held.comment.hash());
            self.talk.done(&op, written.as_ref(), shown);
        }
        writes
    }

    fn check(&self) {
        for side in Side::BOTH {
            for (object, held) in self.sides[at(side)]
                .iter()
                .filter(|(_, held)| !held.comment.ours)
            {
                let mirrors: Vec<&Held> = (self.sides[at(side.other())].iter())
                    .filter(|(mirror, _)| self.mirrors.get(*mirror) == Some(object))
                    .map(|(_, held)| held)
                    .collect();
                // What was out of date again and again is left alone.
                let given_up = |pair: &CommentPair| pair.origin == *object && pair.voided > 4;
                if self.talk.pairs.iter().any(given_up) {
                    continue;
                }
                if self.removed.contains(object) {
                    assert!(mirrors.is_empty(), "made again: {held:?}");
                    continue;
                }
                let [mirror] = mirrors.as_slice() else {
                    // A resolved thread that nobody saw open stays where it is.
                    assert!(mirrors.is_empty() && held.hidden, "{mirrors:?} of {held:?}");
                    continue;
                };
                if !mirror.touched {
                    assert_eq!(mirror.comment.text, format!("Ada: {}", held.comment.text));
                }
            }
            for (mirror, held) in self.sides[at(side)]
                .iter()
                .filter(|(_, held)| held.comment.ours)
            {
                let origin = &self.mirrors[mirror];
                let there = self.sides[at(side.other())].contains_key(origin);
                assert!(there, "its origin was deleted: {held:?}");
            }
        }
    }
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let fate = prop_oneof![4 => Just(Fate::Fine), 1 => Just(Fate::Lost), 1 => Just(Fate::Void)];
    let act = prop_oneof![
        4 => any::<bool>().prop_map(Act::Write),
        3 => (any::<bool>(), 0..8_usize).prop_map(|(g, n)| Act::Edit(g, n)),
        2 => (any::<bool>(), 0..8_usize).prop_map(|(g, n)| Act::Delete(g, n)),
        1 => (0..8_usize).prop_map(Act::Resolve),
        4 => prop::collection::vec(fate, 0..4).prop_map(Act::Run),
    ];
    prop::collection::vec(act, 1..24)
}

proptest! {
    #[test]
    fn no_comment_is_lost_or_doubled(acts in acts()) {
        let mut world = World::default();
        for act in &acts {
            world.act(act);
        }
        let mut rounds = 0;
        while world.run(&[]) > 0 {
            rounds += 1;
            prop_assert!(rounds < 5, "not at rest");
        }
        world.check();
        let before = world.talk.clone();
        let seen = world.look();
        prop_assert_eq!(plan(&world.talk, &seen, &CommentSync::default(), None), vec![]);
        world.run(&[]);
        prop_assert_eq!(&before, &world.talk);
        let made: BTreeSet<&RemoteRef> = world.talk.pairs.iter().map(|pair| &pair.origin).collect();
        prop_assert_eq!(made.len(), world.talk.pairs.len());
        prop_assert!(!made.contains(&reference(Side::Notion, 0)));
    }
}
