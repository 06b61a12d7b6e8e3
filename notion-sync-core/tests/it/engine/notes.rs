//! What is kept on issues: the block that names the page, the comment that shows what both agree on,
//! comments on changes.

use futures::executor::block_on;
use notion_sync_core::comment::{Card, CommentSync};
use notion_sync_core::effect::{Effect, Merge};
use notion_sync_core::mapping::{IssueMarks, IssueNotes, Mapping, Policy};
use notion_sync_core::rule::{Rule, When};
use notion_sync_core::value::Value;
use notion_sync_testkit::model::{ModelFault, ModelGate};

use super::world::{World, body, tasks};

fn mapping(marks: IssueMarks, automation_comment: bool) -> Mapping {
    Mapping {
        notes: IssueNotes {
            marks,
            automation_comment,
        },
        ..tasks(Policy::ManualReview)
    }
}

fn world(mapping: Mapping) -> World {
    let mut world = World::new(mapping);
    world.pages = world.pages.clone().with_bookkeeping();
    world.restart();
    world
}

fn rest(world: &World) {
    world.settle();
    world.pass(30);
    world.settle();
}

fn bookkept(world: &World) -> usize {
    let writes = world.repo.writes();
    writes
        .iter()
        .filter(|write| write.what == "bookkeep")
        .count()
}

fn discussed(world: &World) -> usize {
    let writes = world.repo.writes();
    writes
        .iter()
        .filter(|write| write.what == "discuss")
        .count()
}

/// Nothing is written any more, whatever is looked at.
fn quiet(world: &World) {
    world.pass(30);
    assert_eq!(world.settle(), 0);
    world.sweep();
    assert_eq!(world.settle(), 0);
    world.pass(60 * 24);
    assert_eq!(world.sweep().writes(), 0);
    assert_eq!(world.settle(), 0);
}

fn cards(world: &World, number: u32) -> Vec<Card> {
    (world.repo.discussion(number).into_iter())
        .filter_map(|one| one.card)
        .collect()
}

fn only_page(world: &World) -> String {
    let pages = world.pages.live();
    assert_eq!(pages.len(), 1);
    pages[0].clone()
}

/// Takes off every mark but the comment.
fn strip(world: &World, page: &str, number: u32) {
    world.repo.set_issue_page(number, None);
    for key in [
        "url",
        "status",
        "message",
        "synced_at",
        "number",
        "repository",
        "state",
    ] {
        world.pages.set_bookkeeping(page, key, "");
    }
}

#[test]
fn an_issue_of_people_names_its_page_as_soon_as_there_is_one() {
    let mut world = world(mapping(IssueMarks::All, false));
    world.poll();
    let number = world.repo.open_issue("Crash", "It crashes, @bob.\n");
    // Until the page is there and the issue was told, and no further.
    for _ in 0..100 {
        let tick = world.poll();
        if world.repo.issue_page(number).is_some() {
            break;
        }
        world.clock.advance_to(tick.settle_due.unwrap());
    }
    let page = only_page(&world);
    assert_eq!(world.repo.issue_page(number), Some(page.clone()));
    assert_eq!(world.repo.issue_text(number), "It crashes, @bob.\n");
    assert_eq!((bookkept(&world), world.repo.writes().len()), (1, 1));
    // The issue alone is enough from this moment on.
    let before = world.records();
    for key in ["url", "status", "message", "synced_at"] {
        world.pages.set_bookkeeping(&page, key, "");
    }
    world.lose_store();
    let rebuilt = block_on(world.engine.rebuild(&world.mapping.id, false, false)).unwrap();
    assert_eq!((rebuilt.pairs.len(), rebuilt.findings.len()), (1, 0));
    assert!(rebuilt.pairs[0].object_names && !rebuilt.pairs[0].page_names);
    assert_eq!(world.records()[0].id, before[0].id);
    rest(&world);
    assert_eq!((bookkept(&world), world.live()), (1, 1));
    quiet(&world);
}

#[test]
fn the_mark_is_written_once_and_is_no_edit() {
    for fault in [
        None,
        Some(ModelFault::LostBefore),
        Some(ModelFault::LostAfter),
    ] {
        let world = world(mapping(IssueMarks::All, false));
        world.poll();
        let number = world.repo.open_issue("Crash", "It crashes.\n");
        world.repo.fail(fault);
        rest(&world);
        assert_eq!(world.repo.issue_page(number), Some(only_page(&world)));
        assert_eq!(bookkept(&world), 1, "{fault:?}");
        quiet(&world);
        // A page that was there first made its issue with the mark.
        world.pages.create("Login", body(&["Steps"]));
        rest(&world);
        assert_eq!(bookkept(&world), 1);
        // What people take off is theirs: it comes back with the next write or a repair.
        world.repo.set_issue_page(number, None);
        rest(&world);
        assert_eq!(bookkept(&world), 1);
        quiet(&world);
    }
}

#[test]
fn pairs_that_their_pages_name_cost_no_write_where_only_own_issues_are_marked() {
    for (marks, writes) in [(IssueMarks::Own, 0), (IssueMarks::All, 40)] {
        let mut world = world(mapping(marks, false));
        for at in 0..40 {
            world.repo.open_issue(&format!("Task {at}"), "Text\n");
        }
        rest(&world);
        assert_eq!((world.live(), world.repo.writes().len()), (40, writes));
        quiet(&world);
        // With the registry lost the pages say it, or both.
        world.lose_store();
        rest(&world);
        assert_eq!((world.live(), world.pages.live().len()), (40, 40));
        assert_eq!(world.repo.writes().len(), writes);
    }
}

#[test]
fn a_pair_without_a_mark_gets_it_when_it_is_rebuilt_or_joined() {
    let mut world = world(mapping(IssueMarks::Own, false));
    let number = world.repo.open_issue("Crash", "It crashes.\n");
    rest(&world);
    assert_eq!(world.repo.issue_page(number), None);
    world.mapping.notes.marks = IssueMarks::All;
    world.lose_store();
    block_on(world.engine.rebuild(&world.mapping.id, false, false)).unwrap();
    rest(&world);
    assert_eq!(world.repo.issue_page(number), Some(only_page(&world)));
    assert_eq!(bookkept(&world), 1);
    quiet(&world);
}

/// A pair with its comment, at rest.
fn shown(comments: bool) -> (World, String, u32) {
    let mut mapping = mapping(IssueMarks::All, true);
    mapping.comments = comments.then(CommentSync::default);
    let world = world(mapping);
    let page = world.pages.create("Fix login", body(&["Steps"]));
    world.pages.set(&page, "state", Value::text("Doing"));
    rest(&world);
    let number = world.repo.numbers()[0];
    (world, page, number)
}

#[test]
fn one_comment_shows_what_both_agree_on_and_is_edited_in_place() {
    let (world, page, number) = shown(true);
    let [card] = &cards(&world, number)[..] else {
        panic!("one comment")
    };
    assert_eq!(
        (card.page.as_str(), &card.record),
        (page.as_str(), &world.records()[0].id)
    );
    assert_eq!(card.fields["status"], Value::text("Doing"));
    assert_eq!(card.fields["state"], Value::text("open"));
    let id = world.repo.discussion(number)[0].id;
    assert_eq!(discussed(&world), 1);
    quiet(&world);
    // Another option that means the same to the issue, people, labels.
    world.pages.set(&page, "state", Value::text("To do"));
    world.repo.set_issue(number, "labels", Value::set(["bug"]));
    world
        .repo
        .set_issue(number, "assignees", Value::set(["Ada"]));
    rest(&world);
    let [card] = &cards(&world, number)[..] else {
        panic!("one comment")
    };
    assert_eq!(card.fields["status"], Value::text("To do"));
    assert_eq!(card.fields["labels"], Value::set(["bug"]));
    assert_eq!(card.fields["assignees"], Value::set(["ada"]));
    assert_eq!(world.repo.discussion(number)[0].id, id, "in place");
    let edits = discussed(&world);
    assert!((2..=3).contains(&edits), "{edits}");
    quiet(&world);
    // What it does not show changes nothing, and so does a look.
    world
        .pages
        .edit_body(&page, |body| *body = super::world::body(&["Other"]));
    rest(&world);
    assert_eq!(world.repo.issue_text(number), "Other\n");
    assert_eq!(discussed(&world), edits);
    // It goes nowhere, while what people say does.
    world.repo.comment(number, "bob", "Hello");
    rest(&world);
    let said = world.pages.comments(&page);
    assert_eq!(said.len(), 1);
    assert!(said[0].text.ends_with("Hello"));
    quiet(&world);
    // A conflict is not what both agree on.
    world
        .pages
        .set(&page, "title", Value::text("Fix the login"));
    world
        .repo
        .set_issue(number, "title", Value::text("Repair login"));
    rest(&world);
    assert_eq!((world.conflicts(), discussed(&world)), (1, edits));
}

#[test]
fn the_comment_is_made_once_whatever_answer_is_lost() {
    for fault in [ModelFault::LostBefore, ModelFault::LostAfter] {
        let mut world = world(mapping(IssueMarks::Own, true));
        let number = world.repo.open_issue("Crash", "It crashes.\n");
        // Its first write is the comment.
        world.repo.fail([fault]);
        for _ in 0..20 {
            world.poll();
            world.restart();
            world.pass(2);
        }
        rest(&world);
        assert_eq!(cards(&world, number).len(), 1, "{fault:?}");
        assert_eq!(discussed(&world), 1, "{fault:?}");
        quiet(&world);
        let page = only_page(&world);
        // The same of an edit.
        world.pages.set(&page, "state", Value::text("Doing"));
        rest(&world);
        world.repo.fail([fault]);
        world.pages.set(&page, "state", Value::text("To do"));
        rest(&world);
        let all = cards(&world, number);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].fields["status"], Value::text("To do"));
        quiet(&world);
    }
}

#[test]
fn a_comment_that_people_removed_stays_away_and_refusal_holds_up_nothing() {
    let (world, page, number) = shown(false);
    let id = world.repo.discussion(number)[0].id;
    world.repo.delete_comment(id);
    world.pages.set(&page, "state", Value::text("To do"));
    rest(&world);
    assert_eq!(cards(&world, number), []);
    world.pages.set(&page, "state", Value::text("Doing"));
    rest(&world);
    assert_eq!(cards(&world, number), []);
    quiet(&world);

    let world = world_refusing();
    let number = world.repo.numbers()[0];
    let page = only_page(&world);
    world.pages.set(&page, "state", Value::text("Done"));
    world.poll();
    world.pass(5);
    world.poll();
    assert_eq!(world.repo.issue(number, "state"), Value::text("closed"));
    assert!(world.records()[0].problem.is_none());
    world.repo.forbid_comments(false);
    world.pass(60);
    rest(&world);
    assert_eq!(
        cards(&world, number)[0].fields["status"],
        Value::text("Done")
    );
    quiet(&world);
}

fn world_refusing() -> World {
    let world = world(mapping(IssueMarks::All, true));
    world.repo.forbid_comments(true);
    let page = world.pages.create("Fix login", body(&["Steps"]));
    world.pages.set(&page, "state", Value::text("Doing"));
    for _ in 0..20 {
        world.poll();
        world.pass(1);
    }
    world
}

#[test]
fn the_comment_alone_is_enough_to_find_the_pair() {
    for rebuilds in [true, false] {
        let mut world = world(mapping(IssueMarks::All, true));
        let number = world.repo.open_issue("Crash", "It crashes.\n");
        rest(&world);
        let page = only_page(&world);
        let before = world.records()[0].id.clone();
        world.repo.open_issue("Other", "Nothing to do with it.\n");
        strip(&world, &page, number);
        world.lose_store();
        if rebuilds {
            let found = block_on(world.engine.rebuild(&world.mapping.id, false, false)).unwrap();
            assert_eq!(found.pairs.len(), 1);
            assert!(found.pairs[0].object_names && !found.pairs[0].page_names);
            assert_eq!(found.findings, []);
        }
        rest(&world);
        let records = world.records();
        let record = (records.iter())
            .find(|record| record.notion.as_ref().is_some_and(|one| one.id == page))
            .unwrap();
        assert_eq!(record.id, before, "{rebuilds}");
        assert_eq!(record.github.as_ref().unwrap().id, number.to_string());
        assert_eq!((world.live(), world.pages.live().len()), (2, 2));
        assert_eq!(cards(&world, number).len(), 1, "no second comment");
        // The other marks come back.
        assert_eq!(world.repo.issue_page(number), Some(page.clone()));
        assert!(world.pages.bookkeeping(&page).contains_key("url"));
        quiet(&world);
    }
}

#[test]
fn comments_are_asked_for_only_where_nothing_else_tells() {
    let mut world = world(mapping(IssueMarks::All, true));
    for at in 0..5 {
        world.repo.open_issue(&format!("Task {at}"), "Text\n");
    }
    rest(&world);
    let asked = world.repo.reads().comments;
    world.lose_store();
    block_on(world.engine.rebuild(&world.mapping.id, false, false)).unwrap();
    block_on(world.engine.findings(&world.mapping.id)).unwrap();
    rest(&world);
    quiet(&world);
    assert_eq!(world.repo.reads().comments, asked);
}

fn telling(rules: Vec<Rule>) -> (World, String, u32) {
    let mut mapping = tasks(Policy::GithubWins);
    mapping.rules = rules;
    mapping.rules.push(Rule {
        when: When::Changes,
        steps: vec![Effect::Summary],
        ..Rule::new("change comment", "state")
    });
    let world = world(mapping);
    world.poll();
    let page = world.pages.create("Fix login", body(&["Steps"]));
    world.pages.set(&page, "state", Value::text("To do"));
    rest(&world);
    let number = world.repo.numbers()[0];
    (world, page, number)
}

fn say(world: &World, page: &str, state: &str) {
    world.pages.set(page, "state", Value::text(state));
    rest(world);
}

#[test]
fn a_change_is_told_once_with_what_came_of_it() {
    let (world, page, number) = telling(Vec::new());
    assert_eq!(world.repo.comments(number), Vec::<String>::new());
    say(&world, &page, "Doing");
    say(&world, &page, "Done");
    say(&world, &page, "To do");
    assert_eq!(
        world.repo.comments(number),
        [
            "state: To do → Doing: ",
            "state: Doing → Done: closed the issue",
            "state: Done → To do: reopened the issue"
        ]
    );
    quiet(&world);
    // What happens on the issue is no change of the page.
    world.repo.set_issue(number, "state", Value::text("closed"));
    rest(&world);
    assert_eq!(world.pages.field(&page, "state"), Value::text("Done"));
    assert_eq!(world.repo.comments(number).len(), 3);
    quiet(&world);
}

#[test]
fn it_waits_for_the_steps_of_other_rules_and_says_how_they_ended() {
    let ship = Rule::new("ship", "state")
        .enters(["Done"])
        .then(Effect::Merge(Merge::default()))
        .then(Effect::MarkReady);
    let (world, page, number) = telling(vec![ship]);
    let gate = ModelGate::Closed("checks are pending".to_owned());
    world.repo.gate_effect("merge", Some(gate));
    say(&world, &page, "Done");
    assert_eq!(world.repo.issue(number, "state"), Value::text("closed"));
    assert_eq!(world.repo.comments(number), Vec::<String>::new());
    world.repo.gate_effect("merge", None);
    world.pass(60);
    rest(&world);
    assert_eq!(
        world.repo.comments(number),
        ["state: To do → Done: closed the issue, merged, marked as ready for review"]
    );
    quiet(&world);
    say(&world, &page, "To do");
    let gate = ModelGate::Refused("there is no pull request".to_owned());
    world.repo.gate_effect("merge", Some(gate));
    say(&world, &page, "Done");
    let said = world.repo.comments(number).pop().unwrap();
    assert!(
        said.starts_with(
            "state: To do → Done: closed the issue, merge the pull request failed: there"
        ),
        "{said}"
    );
    assert_eq!(world.repo.comments(number).len(), 3);
    quiet(&world);
}

#[test]
fn a_change_that_was_overtaken_is_told_with_the_next() {
    let ship = Rule::new("ship", "state")
        .enters(["Done"])
        .then(Effect::Merge(Merge::default()));
    let (world, page, number) = telling(vec![ship]);
    let gate = ModelGate::Closed("checks are pending".to_owned());
    world.repo.gate_effect("merge", Some(gate));
    say(&world, &page, "Done");
    say(&world, &page, "Doing");
    assert_eq!(world.repo.comments(number), ["state: To do → Doing: "]);
    // There and back again before anything was said.
    say(&world, &page, "Done");
    say(&world, &page, "Doing");
    assert_eq!(world.repo.comments(number).len(), 1);
    quiet(&world);
}

#[test]
fn a_told_change_is_told_once_whatever_answer_is_lost() {
    for fault in [ModelFault::LostBefore, ModelFault::LostAfter] {
        let (mut world, page, number) = telling(Vec::new());
        world.pages.set(&page, "state", Value::text("Doing"));
        // The comment is the only write.
        world.repo.fail([fault]);
        for _ in 0..20 {
            world.poll();
            world.restart();
            world.pass(2);
        }
        rest(&world);
        assert_eq!(
            world.repo.comments(number),
            ["state: To do → Doing: "],
            "{fault:?}"
        );
        quiet(&world);
    }
}
