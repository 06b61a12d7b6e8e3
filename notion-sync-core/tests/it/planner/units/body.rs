//! The body, place by place.

use notion_sync_core::document::merge::BodyBase;
use notion_sync_core::document::{Block, Document};
use notion_sync_core::id::Side;
use notion_sync_core::mapping::{Direction, MappingKind, Policy};
use notion_sync_core::reconcile::Plan;
use notion_sync_core::reconcile::table::Row;
use notion_sync_core::record::{ProposalState, UnitId};
use notion_sync_core::remote::ProposalKind;

use super::super::executor::Trail;
use super::super::world::{Pair, at, document, mapping};
use super::{POLICIES, held, propose, rows, writes};

/// A pair of tasks that agreed on a body.
fn pair(policy: Policy, body: &[&str]) -> Pair {
    let mut mapping = mapping(MappingKind::Tasks, policy, Direction::Both);
    mapping.fields.clear();
    Pair::agreed(mapping, Default::default(), &document(body))
}

fn shows(mut pair: Pair, notion: &[&str], github: &[&str]) -> Pair {
    pair.notion.body = document(notion);
    pair.github.body = document(github);
    pair
}

/// What the sides show now is remembered as a conflict, and nothing was written yet.
fn parked(mut pair: Pair) -> Pair {
    let plan = pair.plan();
    assert_eq!(plan.parks.len(), 1, "{plan:?}");
    pair.remember(&plan, &mut Trail::default());
    pair
}

/// The first paragraph was edited differently on both sides.
fn conflict() -> Pair {
    let pair = pair(Policy::ManualReview, &["one", "two"]);
    parked(shows(pair, &["ours", "two"], &["theirs", "two"]))
}

/// What is decided, which is the same under every policy where a place is parked.
fn plan(mut pair: Pair) -> Plan {
    let plans = POLICIES.map(|policy| {
        pair.mapping.policy = policy;
        pair.plan()
    });
    assert!(plans[0] == plans[1] && plans[1] == plans[2], "{plans:?}");
    let [plan, ..] = plans;
    plan
}

fn plain(body: &Document) -> Vec<String> {
    let lines = body.blocks.iter().map(Block::to_plain);
    lines.map(|line| line.trim_end().to_owned()).collect()
}

/// The bodies that are written, by side.
fn written(plan: &Plan) -> Vec<(Side, Vec<String>)> {
    let writes = writes(plan).into_iter();
    writes
        .filter_map(|write| Some((write.side, plain(&write.body.as_ref()?.1))))
        .collect()
}

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[test]
fn edits_of_one_paragraph_on_both_sides_go_both_ways_in_two_steps() {
    for policy in POLICIES {
        let pair = shows(
            pair(policy, &["red green blue"]),
            &["RED green blue"],
            &["red green BLUE"],
        );
        let plan = pair.plan();
        assert_eq!(rows(&plan), [11], "{policy:?}");
        let both = lines(&["RED green BLUE"]);
        assert_eq!(
            written(&plan),
            [(Side::Github, both.clone()), (Side::Notion, both.clone())]
        );
        // After the first write the edit of the file is still to come.
        let [first, second] = writes(&plan)[..] else {
            panic!("{plan:?}")
        };
        let after_first = first.settles.body.as_ref().unwrap();
        assert_eq!(plain(&after_first.notion()), lines(&["RED green blue"]));
        assert_eq!(plain(&after_first.github()), lines(&["RED green blue"]));
        let after_both = second.settles.body.as_ref().unwrap();
        assert_eq!(plain(&after_both.notion()), both);
        assert_eq!(plain(&after_both.github()), both);
    }
}

#[test]
fn a_parked_place_waits_and_edits_elsewhere_go_over() {
    let waits = plan(conflict());
    assert_eq!(rows(&waits), [56]);
    assert_eq!(held(&waits), [(56, "waits for a decision")]);
    assert!(waits.is_empty(), "{waits:?}");

    let elsewhere = plan(shows(conflict(), &["ours", "two"], &["theirs", "2"]));
    assert_eq!(rows(&elsewhere), [56, 9]);
    assert_eq!(written(&elsewhere), [(Side::Notion, lines(&["ours", "2"]))]);

    let mut refused = conflict();
    propose(&mut refused, ProposalKind::Conflict, ProposalState::Refused);
    let refused = plan(refused);
    assert_eq!(rows(&refused), [54]);
    assert_eq!(held(&refused), [(54, "waits for a decision")]);
}

#[test]
fn where_one_side_goes_back_to_what_was_agreed_the_other_side_is_written_there() {
    for (notion, github, target, desired) in [
        ("one", "theirs", Side::Notion, "theirs"),
        ("ours", "one", Side::Github, "ours"),
    ] {
        let plan = plan(shows(conflict(), &[notion, "two"], &[github, "two"]));
        assert_eq!(rows(&plan), [16]);
        assert_eq!(plan.closes.len(), 1);
        assert_eq!(written(&plan), [(target, lines(&[desired, "two"]))]);
        assert_eq!(writes(&plan)[0].rows, [Row(16)]);
    }
}

#[test]
fn where_both_sides_say_the_same_now_that_is_agreed_without_a_write() {
    let plan = plan(shows(conflict(), &["both", "two"], &["both", "two"]));
    assert_eq!(rows(&plan), [16]);
    assert_eq!(plan.closes.len(), 1);
    assert_eq!(plan.steps, []);
    let both = document(&["both", "two"]);
    assert_eq!(plan.agreed.body, Some(BodyBase::agree(&both, &both)));
}

#[test]
fn where_both_sides_are_as_agreed_again_the_conflict_is_over() {
    let mut back = shows(conflict(), &["one", "two"], &["one", "two"]);
    let agreed = document(&["one", "two"]);
    let base = BodyBase::agree(&agreed, &agreed);
    let plan_held = plan(back.clone());
    assert_eq!((rows(&plan_held), plan_held.closes.len()), (vec![16], 1));
    assert_eq!(plan_held.agreed.body, Some(base.clone()));
    // The same where the process ended before base took note of what was held.
    back.body = Some(base);
    let plan = plan(back);
    assert_eq!((rows(&plan), plan.closes.len()), (vec![16], 1));
    assert_eq!(plan.steps, []);
}

#[test]
fn a_conflict_whose_place_is_not_there_any_more_is_over() {
    let inserted = shows(
        pair(Policy::ManualReview, &["one"]),
        &["ours", "one"],
        &["theirs", "one"],
    );
    let inserted = parked(inserted);
    assert!(
        inserted
            .record
            .conflicts
            .contains_key(&UnitId::Block("start".to_owned()))
    );
    let plan = plan(shows(inserted, &["one"], &["one"]));
    assert_eq!(plan.rows, [(UnitId::Block("start".to_owned()), Row(16))]);
    assert_eq!(plan.closes, [UnitId::Block("start".to_owned())]);
    assert_eq!(plan.steps, []);
}

/// Both sides had text before they were paired.
fn first(notion: &[&str], github: &[&str]) -> Pair {
    let mut pair = shows(pair(Policy::ManualReview, &[]), notion, github);
    pair.body = None;
    pair
}

#[test]
fn different_text_from_before_a_pair_was_made_is_parked_once() {
    let before = first(&["ours"], &["theirs"]);
    for policy in POLICIES {
        let mut pair = before.clone();
        pair.mapping.policy = policy;
        let plan = pair.plan();
        assert_eq!((rows(&plan), written(&plan)), (vec![42], vec![]));
        let [park] = plan.parks.as_slice() else {
            panic!("{plan:?}")
        };
        assert_eq!((&park.unit, park.base), (&UnitId::Body, None));
    }
    let pair = parked(before);
    let why = "both sides had different text before they were paired";
    let mut refused = pair.clone();
    propose(&mut refused, ProposalKind::Conflict, ProposalState::Refused);
    for pair in [pair.clone(), refused] {
        let plan = plan(pair);
        assert_eq!(held(&plan), [(56, why)]);
        assert!(plan.is_empty(), "{plan:?}");
    }
    let moved = plan(shows(pair, &["ours again"], &["theirs"]));
    assert_eq!((held(&moved), moved.parks.len()), (vec![], 1));
}

#[test]
fn text_that_was_merged_before_anything_was_agreed_goes_to_the_page() {
    let mut pair = parked(first(&["ours"], &["theirs"]));
    propose(&mut pair, ProposalKind::Conflict, ProposalState::Merged);
    let mut pair = shows(pair, &["ours"], &["merged"]);
    let plan = pair.plan();
    assert_eq!(plan.closes, [UnitId::Body]);
    assert_eq!((plan.parks.len(), held(&plan)), (0, vec![]));
    pair.remember(&plan, &mut Trail::default());
    assert_eq!(written(&pair.plan()), [(Side::Notion, lines(&["merged"]))]);
}

#[test]
fn equal_text_from_before_a_pair_was_made_is_agreed() {
    let pair = parked(first(&["ours"], &["theirs"]));
    let plan = plan(shows(pair, &["both"], &["both"]));
    assert_eq!(plan.closes, [UnitId::Body]);
    let both = document(&["both"]);
    assert_eq!(plan.agreed.body, Some(BodyBase::agree(&both, &both)));
}

#[test]
fn what_notion_made_of_our_own_words_is_no_edit() {
    let own = |policy: Policy, notion: &[&str], github: &[&str]| {
        let mut pair = shows(pair(policy, &["one two", "three"]), notion, github);
        pair.record.own_body = Some(at(pair.notion.minute));
        pair
    };
    let (sent, stored) = (["one two", "three"], ["one  two", "three"]);
    for policy in POLICIES {
        let reformatted = own(policy, &stored, &sent);
        let plan = reformatted.plan();
        let (n, g) = (document(&stored), document(&sent));
        assert_eq!(plan.steps, [], "{policy:?}");
        assert_eq!(plan.agreed.body, Some(BodyBase::agree(&n, &g)));

        // Other words are an edit.
        let edited = own(policy, &["one 2", "three"], &sent).plan();
        assert_eq!(
            written(&edited),
            [(Side::Github, lines(&["one 2", "three"]))]
        );
        // So are the same words with anything that is seen,
        let marked = own(policy, &["one two", "**three**"], &sent).plan();
        assert_eq!(
            written(&marked),
            [(Side::Github, lines(&["one two", "**three**"]))]
        );
        // what was read at another revision than the one of our write,
        let mut later = reformatted.clone();
        later.notion.minute += 1;
        assert_eq!(written(&later.plan()), [(Side::Github, lines(&stored))]);
        // and nothing is agreed about a file that was edited meanwhile,
        let both = own(policy, &stored, &["one two", "3"]).plan();
        assert_eq!(rows(&both), [8, 9], "{policy:?}");
        // or while a conflict is open.
        let mut open = own(
            Policy::ManualReview,
            &["ours", "three"],
            &["theirs", "three"],
        );
        open = parked(open);
        let open = shows(open, &["ours", "th ree"], &["theirs", "three"]);
        assert_eq!(
            written(&open.plan()),
            [(Side::Github, lines(&["theirs", "th ree"]))]
        );
    }
}
