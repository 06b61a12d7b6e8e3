//! Rules over model sides: what fires, what waits, what a crash leaves.

use std::collections::BTreeMap;

use chrono::Duration;
use futures::executor::block_on;
use notion_sync_core::audit::AuditEvent;
use notion_sync_core::clock::Clock as _;
use notion_sync_core::effect::{Dispatch, Effect, Merge, Note, OpenPull};
use notion_sync_core::engine::Tick;
use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::mapping::{CreateWhen, Guard, Policy};
use notion_sync_core::rule::{ActionState, Rule, Values};
use notion_sync_core::state::State;
use notion_sync_core::value::Value;
use notion_sync_testkit::model::{ModelFault, ModelGate};

use super::world::{World, body, tasks};

fn review() -> Rule {
    Rule::new("review", "state")
        .enters(["Doing"])
        .then(Effect::OpenPull(OpenPull::default()))
}

fn ship() -> Rule {
    Rule::new("ship", "state")
        .enters(["Done", "Shipped"])
        .then(Effect::Merge(Merge::default()))
        .then(Effect::Comment(Note::default()))
}

fn with(rules: Vec<Rule>, policy: Policy) -> (World, String, u32) {
    let mut mapping = tasks(policy);
    mapping.rules = rules;
    let mut world = World::new(mapping);
    world.pages = world.pages.clone().with_bookkeeping();
    world.restart();
    world.poll();
    let page = world.pages.create("Fix login", body(&["Steps"]));
    world.pages.set(&page, "state", Value::text("To do"));
    world.settle();
    let number = world.repo.numbers()[0];
    world.pass(10);
    world.settle();
    (world, page, number)
}

fn names(world: &World) -> Vec<String> {
    (world.repo.effects().into_iter())
        .map(|(_, name)| name)
        .collect()
}

fn incidents(tick: &Tick) -> Vec<String> {
    (tick.mappings.iter())
        .flat_map(|one| one.incidents.iter().map(|one| one.message.clone()))
        .collect()
}

fn say(world: &World, page: &str, state: &str) {
    world.pages.set(page, "state", Value::text(state));
    world.settle();
    world.pass(10);
}

fn action(world: &World, rule: &str, step: usize) -> (ActionState, String) {
    let records = world.records();
    let action = &records[0].triggers[rule].actions[step];
    (action.state, action.reason.clone().unwrap_or_default())
}

#[test]
fn a_status_that_enters_the_values_fires_once() {
    let (world, page, _) = with(vec![review()], Policy::ManualReview);
    assert!(names(&world).is_empty());
    say(&world, &page, "Doing");
    assert_eq!(names(&world), ["open-pull"]);
    assert_eq!(action(&world, "review", 0).0, ActionState::Done);
    // Nothing is written any more, polls and sweeps included.
    world.sweep();
    assert_eq!(world.settle(), 0);
    // Away and back, each seen: another edge.
    say(&world, &page, "To do");
    say(&world, &page, "Doing");
    assert_eq!(names(&world), ["open-pull"; 2]);
    let link = world.records()[0].links.get("pull").cloned();
    assert!(link.is_some());
}

#[test]
fn the_page_goes_on_naming_its_issue() {
    let (world, page, number) = with(vec![review()], Policy::ManualReview);
    say(&world, &page, "Doing");
    let record = &world.records()[0];
    assert_ne!(record.links["pull"].id, number.to_string());
    assert_eq!(record.outcome["number"], number.to_string());
}

#[test]
fn what_stands_when_a_conflict_ends_is_heard() {
    let (world, page, number) = with(vec![review()], Policy::ManualReview);
    world.pages.set(&page, "state", Value::text("Doing"));
    world.repo.set_issue(number, "state", Value::text("closed"));
    world.settle();
    world.pass(10);
    world.settle();
    assert!(names(&world).is_empty(), "both sides changed it");
    // The issue is opened again: the page is right.
    world.repo.set_issue(number, "state", Value::text("open"));
    world.settle();
    world.pass(10);
    world.settle();
    assert_eq!(names(&world), ["open-pull"]);
}

#[test]
fn changes_that_nobody_saw_apart_are_one() {
    let (world, page, _) = with(vec![review()], Policy::ManualReview);
    for state in ["Doing", "To do", "Doing"] {
        world.pages.set(&page, "state", Value::text(state));
    }
    world.settle();
    assert_eq!(names(&world), ["open-pull"]);
    world.pass(10);
    for state in ["To do", "Doing"] {
        world.pages.set(&page, "state", Value::text(state));
    }
    world.settle();
    assert_eq!(names(&world), ["open-pull"]);
}

#[test]
fn what_the_sync_wrote_itself_fires_nothing() {
    let (world, page, number) = with(vec![ship()], Policy::ManualReview);
    world.repo.set_issue(number, "state", Value::text("closed"));
    world.settle();
    assert_eq!(world.pages.field(&page, "state"), Value::text("Done"));
    world.pass(10);
    world.settle();
    assert!(names(&world).is_empty());
    // Opened again by hand, and then done by a person: that is his edge.
    world.repo.set_issue(number, "state", Value::text("open"));
    world.settle();
    world.pass(10);
    say(&world, &page, "Shipped");
    assert_eq!(names(&world), ["merge", "comment"]);
}

#[test]
fn a_step_waits_for_its_gate_and_says_so() {
    let (world, page, _) = with(vec![ship()], Policy::ManualReview);
    let gate = ModelGate::Closed("checks are pending: build".to_owned());
    world.repo.gate_effect("merge", Some(gate));
    say(&world, &page, "Done");
    assert!(names(&world).is_empty());
    let shown = world.pages.bookkeeping(&page);
    assert_eq!(shown["status"], "Pending");
    assert!(
        shown["message"].contains("checks are pending: build"),
        "{shown:?}"
    );
    // Waiting is no work under way: nothing is written, and a run comes to its end.
    for _ in 0..5 {
        world.pass(20);
        assert_eq!(world.settle(), 0);
    }
    world.repo.gate_effect("merge", None);
    world.pass(20);
    world.settle();
    assert_eq!(names(&world), ["merge", "comment"]);
    assert_eq!(world.pages.bookkeeping(&page)["status"], "Success");
}

#[test]
fn a_gate_that_cannot_be_asked_is_work_under_way() {
    let (world, page, _) = with(vec![review()], Policy::ManualReview);
    let until = world.clock.now() + Duration::seconds(100);
    (world.repo).gate_effect("open-pull", Some(ModelGate::Unasked(until)));
    world.pages.set(&page, "state", Value::text("Doing"));
    // No more than what is due: a run that ends earlier leaves the step to whoever looks next.
    world.settle();
    assert_eq!(names(&world), ["open-pull"]);
    let record = &world.records()[0];
    let waited = record.triggers["review"].actions[0].waited;
    assert_eq!(waited, 0, "it is the service that waited");
}

#[test]
fn a_gate_that_nobody_asks_any_more_is_no_work_under_way() {
    let (world, page, number) = with(vec![review()], Policy::ManualReview);
    let until = world.clock.now() + Duration::seconds(300);
    (world.repo).gate_effect("open-pull", Some(ModelGate::Unasked(until)));
    world.pages.set(&page, "state", Value::text("Doing"));
    world.poll();
    world.pass(2);
    world.poll();
    assert!(world.records()[0].unasked_until().is_some());
    // Nothing is decided about the pair, its steps included, until a person says what is to become of it.
    world.repo.set_issue_text(number, "Another text");
    world.pages.trash(&page, true);
    world.sweep();
    world.pass(10);
    world.settle();
    assert!(names(&world).is_empty());
    assert!(world.records()[0].problem.is_some());
}

#[test]
fn leaving_the_value_cancels_what_was_not_sent() {
    let (world, page, _) = with(vec![ship()], Policy::ManualReview);
    let gate = ModelGate::Closed("checks are pending".to_owned());
    world.repo.gate_effect("merge", Some(gate));
    say(&world, &page, "Done");
    say(&world, &page, "Doing");
    world.repo.gate_effect("merge", None);
    world.pass(60);
    world.settle();
    assert!(names(&world).is_empty());
    assert_eq!(action(&world, "ship", 0).0, ActionState::Cancelled);
    assert_eq!(world.pages.bookkeeping(&page)["status"], "Success");
    say(&world, &page, "Done");
    assert_eq!(names(&world), ["merge", "comment"]);
}

#[test]
fn nothing_is_sent_for_a_value_that_somebody_just_took_back() {
    let (world, page, _) = with(vec![ship()], Policy::ManualReview);
    let gate = ModelGate::Closed("checks are pending".to_owned());
    world.repo.gate_effect("merge", Some(gate));
    say(&world, &page, "Done");
    world.repo.gate_effect("merge", None);
    world.pass(20);
    // Not settled yet, but seen.
    world.pages.set(&page, "state", Value::text("Doing"));
    world.poll();
    assert!(names(&world).is_empty());
    world.settle();
    assert!(names(&world).is_empty());
}

#[test]
fn a_write_that_finds_the_world_moved_is_asked_for_again() {
    let (world, page, _) = with(vec![ship()], Policy::ManualReview);
    world.repo.gate_effect("merge", Some(ModelGate::Stale));
    say(&world, &page, "Done");
    assert!(names(&world).is_empty());
    world.pass(20);
    world.settle();
    assert_eq!(action(&world, "ship", 0).0, ActionState::Gated);
    world.repo.gate_effect("merge", None);
    world.pass(60);
    world.settle();
    assert_eq!(names(&world), ["merge", "comment"]);
}

#[test]
fn an_effect_that_holds_or_is_refused_ends() {
    let (world, page, _) = with(vec![ship()], Policy::ManualReview);
    world.repo.gate_effect("merge", Some(ModelGate::Holds));
    say(&world, &page, "Done");
    assert_eq!(names(&world), ["comment"]);
    assert_eq!(action(&world, "ship", 0).0, ActionState::NoOp);
    say(&world, &page, "To do");
    let refused = ModelGate::Refused("squash is not allowed here".to_owned());
    world.repo.gate_effect("merge", Some(refused));
    say(&world, &page, "Done");
    assert_eq!(names(&world), ["comment"]);
    assert_eq!(action(&world, "ship", 0).0, ActionState::Refused);
    assert_eq!(action(&world, "ship", 1).0, ActionState::Cancelled);
    let shown = world.pages.bookkeeping(&page);
    assert_eq!(shown["status"], "Error");
    assert!(shown["message"].contains("squash is not allowed here"));
    // Once is enough: it is not asked for again before the next edge.
    world.repo.gate_effect("merge", None);
    world.pass(60);
    world.settle();
    assert_eq!(names(&world), ["comment"]);
}

/// One pull request closes two issues.
#[test]
fn what_two_tasks_are_linked_to_belongs_to_neither() {
    let (world, page, _) = with(vec![review()], Policy::ManualReview);
    let other = world.pages.create("Fix logout", body(&["Steps"]));
    world.pages.set(&other, "state", Value::text("To do"));
    world.settle();
    world.pass(10);
    world.settle();
    let pull = RemoteRef::new("github", "pull", "7");
    let gate = ModelGate::HoldsBy(pull.clone());
    world.repo.gate_effect("open-pull", Some(gate));
    world.pages.set(&page, "state", Value::text("Doing"));
    world.pages.set(&other, "state", Value::text("Doing"));
    world.settle();
    world.pass(10);
    assert_eq!(world.settle(), 0);
    let records = world.records();
    assert_eq!(records.len(), 2);
    for record in records {
        assert_eq!(record.links["pull"], pull);
        let step = &record.triggers["review"].actions[0];
        assert_eq!(step.state, ActionState::NoOp, "{}", record.title);
    }
}

#[test]
fn lost_answers_do_not_repeat_an_effect() {
    for fault in [
        ModelFault::LostAfter,
        ModelFault::LostBefore,
        ModelFault::Refused,
    ] {
        let (mut world, page, _) = with(vec![review()], Policy::ManualReview);
        world.pages.set(&page, "state", Value::text("Doing"));
        // The first write after the page settled is the effect.
        world.pass(5);
        world.repo.fail([fault]);
        world.poll();
        world.restart();
        world.settle();
        world.pass(60);
        world.settle();
        assert_eq!(names(&world), ["open-pull"], "{fault:?}");
        assert_eq!(
            action(&world, "review", 0).0,
            ActionState::Done,
            "{fault:?}"
        );
    }
}

/// A start of a workflow is no value that could be looked at: where nobody can tell, it is neither
/// repeated nor forgotten.
#[test]
fn an_effect_that_nobody_can_tell_of_waits_for_a_person() {
    let start = Effect::Dispatch(Dispatch {
        workflow: "ship.yml".to_owned(),
        reference: None,
        inputs: BTreeMap::new(),
    });
    let deploy = Rule::new("deploy", "state")
        .enters(["Doing"])
        .then(start)
        .then(Effect::Comment(Note::default()));
    for retried in ["as it stands", "the property moved on"] {
        let (mut world, page, _) = with(vec![deploy.clone()], Policy::ManualReview);
        world.repo.knows_outcomes(false);
        world.pages.set(&page, "state", Value::text("Doing"));
        world.pass(5);
        world.repo.fail([ModelFault::LostBefore]);
        let sent = world.clock.now();
        assert!(incidents(&world.poll()).is_empty());
        world.restart();
        // Not decided before a start that is late would show.
        let (mut told, mut dead) = (Vec::new(), 0);
        while dead == 0 {
            let tick = world.poll();
            dead += tick.mappings.iter().map(|one| one.dead).sum::<usize>();
            told.extend(incidents(&tick));
            world.clock.advance(Duration::seconds(30));
            assert!(world.clock.now() - sent < Duration::hours(1), "{told:?}");
        }
        let quiet = Duration::seconds(30 + 90 + 900);
        assert!(world.clock.now() - sent > quiet);
        let record = world.records()[0].id.clone();
        let remedy = format!("notion-sync dead-letter retry {record}");
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains(&remedy), "{told:?}");
        world.settle();
        world.pass(60);
        world.settle();
        // Nothing was repeated, and the page says what to do.
        assert!(names(&world).is_empty());
        let (state, why) = action(&world, "deploy", 0);
        assert_eq!(state, ActionState::Dead);
        assert!(why.contains(&remedy), "{why}");
        assert_eq!(action(&world, "deploy", 1).0, ActionState::Cancelled);
        let shown = world.pages.bookkeeping(&page);
        assert_eq!(shown["status"], "Error");
        assert!(shown["message"].contains(&remedy), "{shown:?}");

        world.repo.knows_outcomes(true);
        if retried == "the property moved on" {
            say(&world, &page, "To do");
        }
        let labels = block_on(world.engine.retry(&record)).unwrap();
        assert_eq!(labels.len(), 1, "{labels:?}");
        world.settle();
        if retried == "the property moved on" {
            assert!(names(&world).is_empty());
        } else {
            assert_eq!(names(&world), ["dispatch", "comment"]);
            assert_eq!(action(&world, "deploy", 1).0, ActionState::Done);
            assert_eq!(world.pages.bookkeeping(&page)["status"], "Success");
        }
        assert!(block_on(world.engine.retry(&record)).is_err());
    }
}

#[test]
fn a_step_that_waits_too_long_is_given_up_with_one_comment() {
    let mut rule = ship();
    rule.expires_hours = 2;
    let (world, page, number) = with(vec![rule], Policy::ManualReview);
    let gate = ModelGate::Closed("checks are pending".to_owned());
    world.repo.gate_effect("merge", Some(gate));
    say(&world, &page, "Done");
    // A night in which nothing runs does not count.
    world.pass(14 * 60);
    world.settle();
    assert_eq!(action(&world, "ship", 0).0, ActionState::Gated);
    for _ in 0..20 {
        world.pass(15);
        world.settle();
    }
    assert_eq!(action(&world, "ship", 0).0, ActionState::Expired);
    let comments = world.repo.comments(number);
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(comments[0].contains("checks are pending"));
    world.repo.gate_effect("merge", None);
    world.pass(60);
    world.settle();
    assert!(names(&world).is_empty());
}

#[test]
fn a_conflict_holds_back_a_merge_and_nothing_else() {
    let (world, page, number) = with(vec![review(), ship()], Policy::ManualReview);
    world.pages.set(&page, "title", Value::text("N"));
    world.repo.set_issue(number, "title", Value::text("G"));
    world.settle();
    world.pass(10);
    say(&world, &page, "Doing");
    assert_eq!(names(&world), ["open-pull"]);
    say(&world, &page, "Done");
    assert_eq!(names(&world), ["open-pull"]);
    assert!(action(&world, "ship", 0).1.contains("title"));
    world.repo.set_issue(number, "title", Value::text("N"));
    world.settle();
    world.pass(20);
    world.settle();
    assert_eq!(names(&world), ["open-pull", "merge", "comment"]);
}

#[test]
fn a_parked_status_fires_when_it_is_settled() {
    let (world, page, number) = with(vec![ship()], Policy::ManualReview);
    // Both sides change the state, differently: closed by hand, then opened while the page says
    // done cannot be had with two classes; so the page leaves the class and the issue is closed.
    say(&world, &page, "Shipped");
    let fired = names(&world).len();
    world.pages.set(&page, "state", Value::text("To do"));
    world.repo.set_issue(number, "state", Value::text("open"));
    world.settle();
    world.pass(10);
    assert_eq!(names(&world).len(), fired);
    say(&world, &page, "Done");
    assert_eq!(names(&world).len(), fired + 2);
}

#[test]
fn a_value_that_loses_a_conflict_is_never_an_edge() {
    // A page says Doing and its issue is closed: GitHub's side stays, by policy or by a person.
    for policy in [Policy::GithubWins, Policy::ManualReview] {
        let (world, page, number) = with(vec![review()], policy);
        world.pages.set(&page, "state", Value::text("Doing"));
        world.repo.set_issue(number, "state", Value::text("closed"));
        world.settle();
        if policy == Policy::ManualReview {
            assert_eq!(world.conflicts(), 1);
            let record = world.records().remove(0).id;
            block_on(world.engine.settle_conflicts(&record, Side::Github)).unwrap();
            world.settle();
        }
        world.pass(10);
        world.settle();
        assert_eq!(world.pages.field(&page, "state"), Value::text("Done"));
        assert!(names(&world).is_empty(), "{policy:?}: the loser fired");
        // What somebody says from now on is an edge again.
        say(&world, &page, "Doing");
        assert_eq!(names(&world), ["open-pull"]);
    }
}

#[test]
fn many_merges_ask_first() {
    let (mut world, page, _) = with(vec![ship()], Policy::ManualReview);
    world.guard(Guard {
        merges: 0,
        removals: 100,
        edits: 100,
        ..Guard::default()
    });
    world.pages.set(&page, "state", Value::text("Done"));
    world.pass(5);
    let tick = world.poll();
    let guard = tick.mappings[0].guard.clone().unwrap();
    assert!(guard.contains("1 merges"), "{guard}");
    assert!(names(&world).is_empty());
}

#[test]
fn a_new_page_fires_only_where_the_rule_says_so() {
    for (on_create, expected) in [(false, 0), (true, 1)] {
        let mut rule = review();
        rule.fire_on_create = on_create;
        let (world, _, _) = with(vec![rule], Policy::ManualReview);
        let page = world.pages.create("Second", body(&["x"]));
        world.pages.set(&page, "state", Value::text("Doing"));
        world.settle();
        world.pass(10);
        world.settle();
        assert_eq!(names(&world).len(), expected, "{on_create}");
    }
}

#[test]
fn pages_that_were_there_at_the_first_sync_fire_nothing() {
    let mut rule = review();
    rule.fire_on_create = true;
    let mut mapping = tasks(Policy::ManualReview);
    mapping.rules = vec![rule];
    let world = World::new(mapping);
    let page = world.pages.create("Old", body(&["x"]));
    world.pages.set(&page, "state", Value::text("Doing"));
    world.settle();
    world.pass(10);
    world.settle();
    assert!(names(&world).is_empty());
}

#[test]
fn a_property_that_is_no_field_can_be_watched() {
    let rule = Rule::new("go", "labels")
        .enters(["go"])
        .then(Effect::Comment(Note::default()));
    let (world, page, _) = with(vec![rule], Policy::ManualReview);
    world.pages.set(&page, "labels", Value::set(["bug", "go"]));
    world.settle();
    assert_eq!(names(&world), ["comment"]);
    let rows = block_on(State::new(&*world.store).audit(None)).unwrap();
    let fired = rows.iter().filter(|row| row.event == AuditEvent::Fired);
    assert_eq!(fired.count(), 1);
}

/// Random people, random faults, restarts anywhere: an effect for each time that the value stood in
/// the set at a settled look and had not at the one before, no more and no fewer.
#[test]
fn effects_are_as_many_as_edges() {
    for seed in 0..40_u64 {
        let (mut world, page, _) = with(vec![review()], Policy::ManualReview);
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut next = |bound: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % bound
        };
        let mut edges = 0;
        let mut accepted = "To do";
        for _ in 0..12 {
            let value = ["To do", "Doing", "Done"][usize::try_from(next(3)).unwrap()];
            world.pages.set(&page, "state", Value::text(value));
            match next(5) {
                0 => world.repo.fail([ModelFault::LostAfter]),
                1 => world
                    .repo
                    .fail([ModelFault::LostBefore, ModelFault::Refused]),
                2 => world.pages.fail([ModelFault::LostAfter]),
                _ => {}
            }
            for _ in 0..next(4) {
                world.poll();
                world.clock.advance(Duration::seconds(20));
            }
            if next(3) == 0 {
                world.restart();
            }
            world.settle();
            world.pass(30);
            world.settle();
            if value == "Doing" && accepted != "Doing" {
                edges += 1;
            }
            accepted = value;
        }
        assert_eq!(names(&world).len(), edges, "seed {seed}");
    }
}

#[test]
fn a_page_becomes_an_issue_only_when_its_status_says_so() {
    let mut mapping = tasks(Policy::ManualReview);
    mapping.create_when = Some(CreateWhen {
        on: "state".to_owned(),
        values: Values::of(["Doing", "Done"]),
    });
    mapping.rules = vec![ship()];
    let mut world = World::new(mapping);
    world.pages = world.pages.clone().with_bookkeeping();
    world.restart();
    let page = world.pages.create("Idea", body(&["x"]));
    world.pages.set(&page, "state", Value::text("To do"));
    world.settle();
    world.pass(10);
    world.settle();
    assert!(world.repo.numbers().is_empty());
    assert!(world.pages.bookkeeping(&page).is_empty());
    say(&world, &page, "Doing");
    assert_eq!(world.repo.numbers().len(), 1);
    // A pair stays one, and an issue that people open becomes a page as ever.
    say(&world, &page, "To do");
    world.repo.open_issue("From GitHub", "y");
    world.settle();
    assert_eq!(world.repo.numbers().len(), 2);
    assert_eq!(world.live(), 2);
    say(&world, &page, "Done");
    assert_eq!(names(&world), ["merge", "comment"]);
}

#[test]
fn the_head_of_a_pull_request_says_whether_both_sides_agree() {
    let mut mapping = tasks(Policy::ManualReview);
    mapping.rules = vec![review()];
    mapping.drift_status = true;
    let mut world = World::new(mapping);
    world.pages = world.pages.clone().with_bookkeeping();
    world.restart();
    world.poll();
    let page = world.pages.create("Fix login", body(&["Steps"]));
    world.pages.set(&page, "state", Value::text("To do"));
    world.settle();
    world.pass(10);
    world.settle();
    let number = world.repo.numbers()[0];
    say(&world, &page, "Doing");
    let pull = world.repo.pulls("open")[0];
    let head = |push: u32| format!("head-{pull}-{push}");
    assert_eq!(world.repo.flags(), [(head(0), false)]);
    assert_eq!(world.settle(), 0);
    // A conflict makes it red; a new head is told as well.
    world.pages.set(&page, "title", Value::text("N"));
    world.repo.set_issue(number, "title", Value::text("G"));
    world.settle();
    assert_eq!(world.repo.flags().last(), Some(&(head(0), true)));
    world.pass(10);
    world.repo.push_pull(pull);
    world.sweep();
    world.repo.set_issue(number, "labels", Value::set(["x"]));
    world.settle();
    assert_eq!(world.repo.flags().last(), Some(&(head(1), true)));
    world.pass(10);
    world.repo.set_issue(number, "title", Value::text("N"));
    world.settle();
    assert_eq!(world.repo.flags().last(), Some(&(head(1), false)));
    world.pass(10);
    let told = world.repo.flags().len();
    world.settle();
    assert_eq!(world.repo.flags().len(), told);
}
