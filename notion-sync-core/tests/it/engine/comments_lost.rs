//! Comments of people at random, with answers that are lost and processes that end.

use std::collections::{BTreeMap, BTreeSet};

use notion_sync_core::comment::CommentSync;
use notion_sync_core::value::Value;
use notion_sync_testkit::model::{ModelComment, ModelFault};
use proptest::prelude::*;

use super::comments::{paired, texts};

#[derive(Debug, Clone)]
enum Act {
    Write(bool),
    Edit(bool, usize),
    Delete(bool, usize),
    Resolve(usize),
    Fail(bool, u8),
    Restart,
    Pass(i64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => any::<bool>().prop_map(Act::Write),
        3 => (any::<bool>(), 0..6_usize).prop_map(|(g, n)| Act::Edit(g, n)),
        2 => (any::<bool>(), 0..6_usize).prop_map(|(g, n)| Act::Delete(g, n)),
        1 => (0..6_usize).prop_map(Act::Resolve),
        3 => (any::<bool>(), 0..3_u8).prop_map(|(g, f)| Act::Fail(g, f)),
        2 => Just(Act::Restart),
        4 => (0..25_i64).prop_map(Act::Pass),
    ]
}

fn fault(number: u8) -> ModelFault {
    match number {
        0 => ModelFault::Refused,
        1 => ModelFault::LostBefore,
        _ => ModelFault::LostAfter,
    }
}

fn play(acts: &[Act]) {
    let (mut world, page, number) = paired(CommentSync::default());
    // Of each side: the present text of every comment that a person wrote and that is there.
    let mut live: [BTreeMap<u32, String>; 2] = [BTreeMap::new(), BTreeMap::new()];
    let mut hidden: BTreeSet<u32> = BTreeSet::new();
    for (at, act) in acts.iter().enumerate() {
        let token = format!("<{at}>");
        match act {
            Act::Write(github) => {
                let id = if *github {
                    world.repo.comment(number, "bob", &token)
                } else {
                    world.pages.comment(&page, "Ada", &token)
                };
                live[usize::from(*github)].insert(id, token);
            }
            Act::Edit(github, which) => {
                let mine = &mut live[usize::from(*github)];
                let Some((id, text)) = mine.iter_mut().nth(*which) else {
                    continue;
                };
                if *github {
                    world.repo.edit_comment(*id, &token);
                } else {
                    world.pages.edit_comment(*id, &token);
                }
                *text = token;
            }
            Act::Delete(github, which) => {
                let mine = &mut live[usize::from(*github)];
                let Some(id) = mine.keys().nth(*which).copied() else {
                    continue;
                };
                mine.remove(&id);
                if *github {
                    world.repo.delete_comment(id);
                } else {
                    world.pages.delete_comment(id);
                }
            }
            Act::Resolve(which) => {
                let Some(id) = live[0].keys().nth(*which).copied() else {
                    continue;
                };
                let now = hidden.insert(id) || !hidden.remove(&id);
                world.pages.resolve_comment(id, now);
            }
            Act::Fail(github, kind) => {
                if *github {
                    world.repo.fail([fault(*kind)]);
                } else {
                    world.pages.fail([fault(*kind)]);
                }
            }
            Act::Restart => world.restart(),
            Act::Pass(minutes) => {
                world.poll();
                world.pass(*minutes);
            }
        }
    }
    for id in &hidden {
        world.pages.resolve_comment(*id, false);
    }
    world.settle();
    world.pass(60);
    // Nobody else asks for a comment that was resolved, and may be deleted by now.
    world.sweep();
    world.settle();
    let copies = |comments: Vec<ModelComment>| -> Vec<String> {
        let ours: Vec<_> = comments
            .into_iter()
            .filter(|one| one.marker.is_some())
            .collect();
        let mut texts = texts(&ours);
        texts.sort();
        texts
    };
    let want = |side: usize, who: &str| -> Vec<String> {
        let mut texts: Vec<_> = live[side]
            .values()
            .map(|text| format!("{who}: {text}"))
            .collect();
        texts.sort();
        texts
    };
    assert_eq!(
        copies(world.repo.discussion(number)),
        want(0, "Ada (Notion)")
    );
    assert_eq!(copies(world.pages.comments(&page)), want(1, "bob (GitHub)"));
    world.pass(60);
    assert_eq!(world.settle(), 0, "at rest");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48 * cases(), ..ProptestConfig::default() })]

    #[test]
    fn every_comment_has_one_copy_in_the_end(acts in prop::collection::vec(act(), 1..20)) {
        play(&acts);
    }
}

fn cases() -> u32 {
    (std::env::var("NOTION_SYNC_CASES").ok())
        .and_then(|text| text.parse().ok())
        .unwrap_or(1)
}

#[test]
fn a_lost_answer_makes_no_second_copy() {
    use Act::{Delete, Edit, Fail, Pass, Restart, Write};
    for github in [false, true] {
        for kind in 0..3 {
            // Written, edited, deleted: each with an answer that is lost, and a new process.
            let fails = |what: Act| vec![what, Fail(!github, kind), Pass(1), Restart, Pass(25)];
            let mut acts = fails(Write(github));
            acts.extend(fails(Edit(github, 0)));
            play(&acts);
            acts.extend(fails(Delete(github, 0)));
            play(&acts);
        }
    }
}

#[test]
fn a_comment_that_is_resolved_and_then_deleted_takes_its_copy_along() {
    use Act::{Delete, Pass, Resolve, Write};
    play(&[Write(false), Pass(0), Resolve(0), Pass(0), Delete(false, 0)]);
}

/// What is edited meanwhile is looked at once, when nothing may be written yet: it must be looked at again.
#[test]
fn an_edit_while_a_comment_has_no_outcome_is_not_forgotten() {
    for fault in [ModelFault::LostBefore, ModelFault::LostAfter] {
        let (world, page, number) = paired(CommentSync::default());
        world.repo.comment(number, "bob", "What about this?");
        world.pages.fail([fault]);
        world.poll();
        let title = Value::text("Fix login and logout");
        world.repo.set_issue(number, "title", title.clone());
        world.poll();
        assert_ne!(world.pages.field(&page, "title"), title, "{fault:?}");
        world.settle();
        assert_eq!(world.pages.field(&page, "title"), title, "{fault:?}");
    }
}
