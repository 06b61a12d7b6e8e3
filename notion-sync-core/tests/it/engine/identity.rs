//! Identity from the marks alone: a registry that was lost, marks that were removed, marks that
//! contradict each other.

use std::collections::BTreeMap;

use futures::executor::block_on;
use notion_sync_core::ErrorKind;
use notion_sync_core::engine::{Finding, FindingKind, Rebuilt, Remedy};
use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::mapping::{Mapping, Policy};
use notion_sync_core::record::{Life, UnitId};
use notion_sync_core::rule::Rule;
use notion_sync_core::value::Value;
use notion_sync_testkit::model::ModelFault;

use super::world::{World, body, documents, plain, rewrite, tasks};

fn world(mapping: Mapping) -> World {
    let mut world = World::new(mapping);
    world.pages = world.pages.clone().with_bookkeeping();
    world.restart();
    world
}

/// Pages that were there first and issues that were there first, two of each.
fn backlog(policy: Policy) -> World {
    let world = world(tasks(policy));
    for (title, text) in [("Fix login", "Steps"), ("Fix logout", "More steps")] {
        let page = world.pages.create(title, body(&[text]));
        world.pages.set(&page, "state", Value::text("Doing"));
    }
    world.repo.open_issue("Crash", "It crashes.\n");
    world.repo.open_issue("Slow", "It is slow.\n");
    world.settle();
    world.pass(30);
    world.settle();
    assert_eq!((world.live(), world.repo.numbers().len()), (4, 4));
    world
}

/// A file that people wrote, a file of a page, and a file that was moved.
fn handbook(policy: Policy) -> World {
    let world = world(documents(policy));
    world.repo.put(
        "docs/guide.md",
        Some("# Guide\n\nFirst.\n\nSee [rules](rules.md).\n"),
    );
    world
        .repo
        .put("docs/rules.md", Some("# Rules\n\nOne rule.\n"));
    world.pages.create("Welcome", body(&["Hello"]));
    world.settle();
    for pull in world.repo.pulls("open") {
        world.repo.merge(pull);
    }
    world.settle();
    world.pass(30);
    world.repo.move_file("docs/rules.md", "docs/law.md");
    world.settle();
    world.pass(30);
    world.settle();
    assert_eq!((world.live(), world.repo.paths().len()), (3, 3));
    world
}

type Pairs = BTreeMap<String, (Option<RemoteRef>, Option<RemoteRef>)>;

fn pairs(world: &World) -> Pairs {
    (world.records().into_iter())
        .filter(|record| record.life == Life::Live)
        .map(|record| (record.id.to_string(), (record.notion, record.github)))
        .collect()
}

fn rebuild(world: &World) -> Rebuilt {
    block_on(world.engine.rebuild(&world.mapping.id, false, false)).unwrap()
}

fn findings(world: &World) -> Vec<Finding> {
    block_on(world.engine.findings(&world.mapping.id)).unwrap()
}

fn kinds(world: &World) -> Vec<FindingKind> {
    findings(world).into_iter().map(|one| one.kind).collect()
}

/// Writes of anything but the state that pages show.
fn writes(world: &World) -> (usize, usize) {
    let pages = world.pages.writes();
    let pages = pages.iter().filter(|write| write.what != "bookkeep");
    (pages.count(), world.repo.writes().len())
}

#[test]
fn a_lost_registry_is_rebuilt_with_the_same_ids_and_nothing_is_written() {
    for policy in [Policy::ManualReview, Policy::NotionWins, Policy::GithubWins] {
        for mut world in [backlog(policy), handbook(policy)] {
            let before = pairs(&world);
            assert_eq!(findings(&world), []);
            let wrote = writes(&world);
            world.lose_store();
            // A dry run keeps nothing.
            let dry = block_on(world.engine.rebuild(&world.mapping.id, false, true)).unwrap();
            assert!(world.records().is_empty());
            let rebuilt = rebuild(&world);
            assert_eq!(dry.pairs, rebuilt.pairs);
            assert_eq!(rebuilt.findings, []);
            assert_eq!(pairs(&world), before, "{policy:?}");
            let all = (world.pages.writes().len(), world.repo.writes().len());
            world.settle();
            world.pass(30);
            world.sweep();
            world.settle();
            let now = (world.pages.writes().len(), world.repo.writes().len());
            assert_eq!(now, all, "nothing at all is written");
            assert_eq!(writes(&world), wrote, "{policy:?}");
            assert_eq!((pairs(&world), world.conflicts()), (before, 0));
            // It is a registry like any other.
            let error = block_on(world.engine.rebuild(&world.mapping.id, false, false));
            assert_eq!(error.unwrap_err().kind(), ErrorKind::AlreadyExists);
            let again = block_on(world.engine.rebuild(&world.mapping.id, true, false)).unwrap();
            assert_eq!((again.kept, again.pairs.len()), (before_len(&world), 0));
        }
    }
}

fn before_len(world: &World) -> usize {
    world.records().len()
}

#[test]
fn an_ordinary_run_after_the_loss_finds_the_pairs_too() {
    for mut world in [backlog(Policy::GithubWins), handbook(Policy::NotionWins)] {
        let before = pairs(&world);
        let wrote = writes(&world);
        world.lose_store();
        world.settle();
        assert_eq!(pairs(&world), before);
        assert_eq!(writes(&world), wrote);
    }
}

#[test]
fn what_was_edited_meanwhile_parks_under_every_policy() {
    for policy in [Policy::ManualReview, Policy::NotionWins, Policy::GithubWins] {
        let mut world = backlog(policy);
        let page = world.pages.live()[0].clone();
        let title = world.pages.field(&page, "title");
        let number = (world.repo.numbers().into_iter())
            .find(|number| world.repo.issue(*number, "title") == title)
            .unwrap();
        world.lose_store();
        world.pages.set(&page, "title", Value::text("Changed"));
        rebuild(&world);
        world.settle();
        assert_eq!(world.conflicts(), 1, "{policy:?}");
        let record = (world.records().into_iter())
            .find(|record| !record.conflicts.is_empty())
            .unwrap();
        assert!(
            record
                .conflicts
                .contains_key(&UnitId::Field("title".into()))
        );
        assert_eq!(world.repo.issue(number, "title"), title);
        assert_eq!(world.pages.field(&page, "title"), Value::text("Changed"));

        let mut world = handbook(policy);
        let page = (world.pages.live().into_iter())
            .find(|page| plain(&world.pages.body(page)).contains(&"Hello".to_owned()))
            .unwrap();
        world.lose_store();
        world
            .pages
            .edit_body(&page, |body| rewrite(body, "Hello", "Edited"));
        rebuild(&world);
        world.settle();
        assert_eq!(world.conflicts(), 1, "{policy:?}");
        let file = world.repo.file("docs/welcome.md").unwrap();
        assert!(file.contains("Hello") && !file.contains("Edited"), "{file}");
        assert_eq!(world.repo.pulls("open").len(), 1, "people are asked");
    }
}

#[test]
fn each_mark_alone_is_enough() {
    // Without the properties of pages.
    let mut world = backlog(Policy::ManualReview);
    let first = world.pages.live()[0].clone();
    for key in ["url", "path", "status", "synced_at"] {
        world.pages.set_bookkeeping(&first, key, "");
    }
    let before = pairs(&world);
    world.lose_store();
    let rebuilt = rebuild(&world);
    assert_eq!(pairs(&world), before);
    let pair = rebuilt
        .pairs
        .iter()
        .find(|pair| pair.page.id == first)
        .unwrap();
    assert_eq!((pair.page_names, pair.object_names), (false, true));
    // The address of the issue comes back to the page with the record.
    world.settle();
    assert!(world.pages.bookkeeping(&first).contains_key("url"));

    // Without the hidden block of issues.
    let mut world = backlog(Policy::ManualReview);
    for number in world.repo.numbers() {
        world.repo.set_issue_page(number, None);
    }
    let before = pairs(&world);
    world.lose_store();
    let rebuilt = rebuild(&world);
    assert_eq!(pairs(&world), before);
    assert!(
        rebuilt
            .pairs
            .iter()
            .all(|pair| pair.page_names && !pair.object_names)
    );
    assert_eq!(world.pages.live().len(), 4);
    world.settle();
    assert_eq!(
        (world.pages.live().len(), world.repo.numbers().len()),
        (4, 4)
    );
}

#[test]
fn a_rule_does_not_fire_because_the_registry_was_lost() {
    let mut mapping = tasks(Policy::ManualReview);
    mapping.rules = vec![Rule::new("review", "state").enters(["Doing"]).then(
        notion_sync_core::effect::Effect::OpenPull(Default::default()),
    )];
    let mut world = world(mapping);
    world.poll();
    let page = world.pages.create("Fix login", body(&["Steps"]));
    world.settle();
    world.pass(10);
    world.pages.set(&page, "state", Value::text("Doing"));
    world.settle();
    world.pass(10);
    world.settle();
    assert_eq!(world.repo.effects().len(), 1);
    world.lose_store();
    rebuild(&world);
    world.settle();
    world.pass(30);
    world.settle();
    assert_eq!(world.repo.effects().len(), 1);
    // The next edge fires as ever.
    world.pages.set(&page, "state", Value::text("To do"));
    world.settle();
    world.pass(10);
    world.pages.set(&page, "state", Value::text("Doing"));
    world.settle();
    world.pass(10);
    world.settle();
    assert_eq!(world.repo.effects().len(), 2);
}

#[test]
fn what_the_sync_made_and_lost_its_partner_is_no_new_object() {
    let mut world = backlog(Policy::ManualReview);
    let trashed = world.pages.live()[0].clone();
    world.lose_store();
    // Its issue names a page that is not there any more.
    world.pages.trash(&trashed, true);
    let rebuilt = rebuild(&world);
    assert_eq!(rebuilt.pairs.len(), 3);
    let left: Vec<_> = rebuilt
        .findings
        .iter()
        .map(|one| (one.kind, one.side))
        .collect();
    assert_eq!(left, [(FindingKind::DanglingId, Side::Github)]);
    let wrote = writes(&world);
    world.settle();
    world.pass(30);
    world.sweep();
    assert_eq!(writes(&world), wrote);
    assert_eq!(kinds(&world), [FindingKind::DanglingId]);
    // It comes back: the record that waits takes it.
    world.pages.trash(&trashed, false);
    world.settle();
    world.pass(30);
    world.settle();
    assert_eq!(world.live(), 4);
    assert_eq!(findings(&world), []);

    // A page that the sync made for an issue which is not there.
    let world = world_with_made_page();
    assert_eq!(kinds(&world), [FindingKind::DanglingId]);
    world.settle();
    world.sweep();
    world.pass(30);
    world.settle();
    assert!(world.repo.numbers().is_empty(), "no issue is made for it");
    // The marks are taken off by a person: it is a task like any other.
    let page = world.pages.live()[0].clone();
    for key in ["url", "status", "message"] {
        world.pages.set_bookkeeping(&page, key, "");
    }
    world.settle();
    world.pass(30);
    world.settle();
    assert_eq!(world.repo.numbers().len(), 1);
}

fn world_with_made_page() -> World {
    let world = world(tasks(Policy::ManualReview));
    let page = world.pages.create("Left over", body(&["x"]));
    world
        .pages
        .set_bookkeeping(&page, "url", "https://github.example/issues/77");
    world
}

#[test]
fn two_that_claim_one_are_left_to_people() {
    let mut world = backlog(Policy::GithubWins);
    let number = (world.repo.numbers().into_iter())
        .find(|number| world.repo.issue_page(*number).is_some())
        .unwrap();
    let page = world.repo.issue_page(number).unwrap();
    let copy = world.repo.copy_issue(number).unwrap();
    // The page still says which of the two it is.
    world.lose_store();
    let rebuilt = rebuild(&world);
    assert_eq!(rebuilt.pairs.len(), 4);
    let left: Vec<_> = rebuilt
        .findings
        .iter()
        .map(|one| (one.kind, one.object.clone().unwrap().id))
        .collect();
    assert_eq!(left, [(FindingKind::Copy, copy.to_string())]);

    // Nobody says it.
    world.lose_store();
    world.pages.set_bookkeeping(&page, "url", "");
    let rebuilt = rebuild(&world);
    assert_eq!(rebuilt.pairs.len(), 3);
    let left: Vec<_> = rebuilt.findings.iter().map(|one| one.kind).collect();
    assert_eq!(left, [FindingKind::DuplicateClaim; 3]);
    let wrote = writes(&world);
    world.settle();
    world.pass(30);
    world.sweep();
    world.settle();
    assert_eq!(writes(&world), wrote, "nobody guesses");
    assert_eq!(world.pages.live().len(), 4);
    // A person takes the mark off the copy, and lists everything.
    world.repo.set_issue_page(copy, None);
    world.settle();
    world.pages.set(&page, "labels", Value::set(["x"]));
    world.sweep();
    world.settle();
    world.pass(30);
    world.settle();
    assert_eq!(world.live(), 5, "the pair, and a page for what was a copy");
}

#[test]
fn marks_that_disagree_with_the_registry_or_each_other_freeze_the_pair() {
    // Both sides, without a registry.
    let mut world = backlog(Policy::NotionWins);
    let marked: Vec<u32> = (world.repo.numbers().into_iter())
        .filter(|number| world.repo.issue_page(*number).is_some())
        .collect();
    let (one, two) = (marked[0], marked[1]);
    let (page_one, page_two) = (world.repo.issue_page(one), world.repo.issue_page(two));
    world.lose_store();
    world.repo.set_issue_page(one, page_two.as_deref());
    world.repo.set_issue_page(two, page_one.as_deref());
    let rebuilt = rebuild(&world);
    assert_eq!(rebuilt.pairs.len(), 2);
    assert!(
        rebuilt
            .findings
            .iter()
            .all(|one| one.kind == FindingKind::WrongBackLink)
    );
    assert_eq!(rebuilt.findings.len(), 4);
    let wrote = writes(&world);
    world.settle();
    world.pass(30);
    world.sweep();
    world.settle();
    assert_eq!(writes(&world), wrote);
    let drift = world
        .records()
        .iter()
        .filter(|r| r.problem.as_ref().is_some_and(|p| p.drift))
        .count();
    assert_eq!(drift, 4);

    // The page names the issue of another pair.
    let world = backlog(Policy::NotionWins);
    let (one, two) = {
        let pages = world.pages.live();
        (pages[0].clone(), pages[1].clone())
    };
    let other = world.pages.bookkeeping(&two)["url"].clone();
    world.pages.set_bookkeeping(&one, "url", &other);
    world.pages.set(&one, "title", Value::text("Not written"));
    let wrote = writes(&world);
    world.settle();
    world.pass(30);
    world.settle();
    assert_eq!(writes(&world), wrote);
    let record = (world.records().into_iter())
        .find(|record| record.notion.as_ref().is_some_and(|page| page.id == one))
        .unwrap();
    assert!(record.problem.is_some_and(|problem| problem.drift));
    let found = findings(&world);
    assert_eq!(
        (found.len(), found[0].kind, found[0].side),
        (1, FindingKind::WrongBackLink, Side::Notion)
    );
    assert!(matches!(found[0].remedy, Remedy::Person(_)));
    // Put right by hand, the edit goes over.
    let own = record.bookkept["url"].clone();
    world.pages.set_bookkeeping(&one, "url", &own);
    world.settle();
    world.pass(30);
    world.settle();
    assert_eq!(findings(&world), []);
    let titles: Vec<Value> = (world.repo.numbers().into_iter())
        .map(|n| world.repo.issue(n, "title"))
        .collect();
    assert!(titles.contains(&Value::text("Not written")), "{titles:?}");
}

#[test]
fn marks_that_people_removed_are_repaired() {
    let world = backlog(Policy::ManualReview);
    let number = (world.repo.numbers().into_iter())
        .find(|number| world.repo.issue_page(*number).is_some())
        .unwrap();
    let page = world.repo.issue_page(number).unwrap();
    let url = world.pages.bookkeeping(&page)["url"].clone();
    world.repo.set_issue_page(number, None);
    world.pages.set_bookkeeping(&page, "url", "");
    world.settle();
    world.pass(30);
    world.settle();
    let found = findings(&world);
    assert!(
        found
            .iter()
            .all(|one| one.kind == FindingKind::MissingBackLink)
    );
    let mut sides: Vec<_> = found.iter().map(|one| one.side).collect();
    sides.sort();
    assert_eq!(sides, Side::BOTH);
    assert!(
        found
            .iter()
            .all(|one| matches!(one.remedy, Remedy::Repair(_)))
    );
    let tick = block_on(world.engine.repair(&world.mapping.id)).unwrap();
    assert_eq!(tick.writes(), 2, "{tick:?}");
    assert_eq!(findings(&world), []);
    assert_eq!(world.repo.issue_page(number), Some(page.clone()));
    assert_eq!(world.pages.bookkeeping(&page)["url"], url);
    world.pass(30);
    assert_eq!(world.settle(), 0, "a mark is no edit");
    assert_eq!(
        block_on(world.engine.repair(&world.mapping.id))
            .unwrap()
            .writes(),
        0
    );

    // With the next write of an ordinary run.
    world.repo.set_issue_page(number, None);
    world.pages.set_bookkeeping(&page, "url", "");
    world.settle();
    world.pass(30);
    world
        .pages
        .edit_body(&page, |body| rewrite(body, &plain(body)[0], "Edited"));
    world.repo.set_issue(number, "labels", Value::set(["bug"]));
    world.settle();
    assert_eq!(world.repo.issue_page(number), Some(page.clone()));
    assert_eq!(world.pages.bookkeeping(&page)["url"], url);
    assert_eq!(findings(&world), []);
}

#[test]
fn the_id_that_somebody_removed_from_a_file_is_written_again() {
    let world = handbook(Policy::ManualReview);
    let file = world.repo.file("docs/welcome.md").unwrap();
    assert!(file.contains("notion_page_id"), "{file}");
    let without: String = file
        .lines()
        .filter(|line| !line.starts_with("notion_"))
        .map(|line| format!("{line}\n"))
        .collect();
    world.repo.put("docs/welcome.md", Some(&without));
    world.settle();
    assert_eq!(kinds(&world), [FindingKind::MissingBackLink]);
    block_on(world.engine.repair(&world.mapping.id)).unwrap();
    assert!(
        world
            .repo
            .file("docs/welcome.md")
            .unwrap()
            .contains("notion_page_id")
    );
    assert_eq!(findings(&world), []);
    world.pass(30);
    assert_eq!(world.settle(), 0);
}

#[test]
fn copies_lose_the_marks_and_become_objects_of_their_own() {
    // A file, before and after an ordinary run has seen it.
    for seen in [false, true] {
        let world = handbook(Policy::ManualReview);
        let file = world.repo.file("docs/welcome.md").unwrap();
        world.repo.put("docs/copy.md", Some(&file));
        if seen {
            world.settle();
        }
        let found = findings(&world);
        assert_eq!(
            (found.len(), found[0].kind),
            (1, FindingKind::Copy),
            "{found:?}"
        );
        block_on(world.engine.repair(&world.mapping.id)).unwrap();
        assert_eq!(findings(&world), [], "{seen}");
        assert!(
            !world
                .repo
                .file("docs/copy.md")
                .unwrap()
                .contains("notion_page_id")
        );
        assert_eq!(
            world.repo.file("docs/welcome.md").as_deref(),
            Some(file.as_str())
        );
        world.settle();
        assert_eq!((world.live(), world.pages.live().len()), (4, 4), "{seen}");
    }
    // An issue.
    let world = backlog(Policy::ManualReview);
    let number = (world.repo.numbers().into_iter())
        .find(|number| world.repo.issue_page(*number).is_some())
        .unwrap();
    let copy = world.repo.copy_issue(number).unwrap();
    world.settle();
    assert_eq!(kinds(&world), [FindingKind::Copy]);
    block_on(world.engine.repair(&world.mapping.id)).unwrap();
    assert_eq!(world.repo.issue_page(copy), None);
    world.settle();
    assert_eq!(world.live(), 5);
    // A page: the ordinary run does it.
    let page = world.pages.live()[0].clone();
    world.pages.duplicate(&page).unwrap();
    assert_eq!(kinds(&world), [FindingKind::Copy]);
    world.settle();
    world.pass(30);
    world.settle();
    assert_eq!(findings(&world), []);
    assert_eq!((world.live(), world.repo.numbers().len()), (6, 6));
}

#[test]
fn what_is_missing_on_a_side_is_named() {
    let world = backlog(Policy::ManualReview);
    let page = world.pages.live()[0].clone();
    world.pages.share(&page, false);
    let found = findings(&world);
    assert_eq!(
        (found.len(), found[0].kind),
        (1, FindingKind::MissingOnNotion)
    );
    assert!(matches!(found[0].remedy, Remedy::Sync(_)));
    assert!(found[0].page_url.is_some() && found[0].object_url.is_some());
    let world = handbook(Policy::ManualReview);
    world.repo.put("docs/welcome.md", None);
    assert_eq!(kinds(&world), [FindingKind::MissingOnGithub]);
}

#[test]
fn a_new_file_at_the_path_that_another_one_left_gets_a_record_of_its_own() {
    let world = handbook(Policy::ManualReview);
    world
        .repo
        .put("docs/rules.md", Some("# Other rules\n\nText.\n"));
    world.settle();
    assert_eq!((world.live(), world.pages.live().len()), (4, 4));
}

/// A copy carries the mark of the creation that made the original. Until its outcome is known, the copy
/// looks like what it made.
#[test]
fn a_copy_of_a_page_whose_creation_has_no_answer_is_listed_again() {
    let world = World::new(tasks(Policy::ManualReview));
    world.settle();
    world.repo.open_issue("Fix login", "It hangs.");
    world.pages.fail([ModelFault::LostAfter]);
    world.poll();
    let made = world.pages.live();
    assert_eq!(
        (made.len(), world.live()),
        (1, 0),
        "its outcome is not known"
    );
    world.pages.duplicate(&made[0]).unwrap();
    world.poll();
    // Before the outcome can be known, the listing moves on.
    world.pass(8);
    world.pages.create("Write docs", body(&["Soon."]));
    for _ in 0..6 {
        world.poll();
        world.pass(10);
    }
    assert_eq!((world.live(), world.pages.live().len()), (3, 3));
    assert_eq!(
        world.repo.numbers().len(),
        3,
        "the copy has an issue of its own"
    );
}
