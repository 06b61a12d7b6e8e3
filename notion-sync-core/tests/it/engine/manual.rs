//! What a person decides by hand.

use std::collections::BTreeMap;

use futures::executor::block_on;
use notion_sync_core::ErrorKind;
use notion_sync_core::audit::AuditEvent;
use notion_sync_core::engine::Tick;
use notion_sync_core::id::{RecordId, RemoteRef, Side};
use notion_sync_core::mapping::Policy;
use notion_sync_core::operation::{MAX_ATTEMPTS, OpState};
use notion_sync_core::record::{Life, UnitId};
use notion_sync_core::state::State;
use notion_sync_core::value::Value;
use notion_sync_testkit::model::ModelFault;

use super::page_notes::{self, noted};
use super::world::{World, body, documents, plain, rewrite, tasks};

const FILE: &str = "# Guide\n\nFirst line.\n\nSecond line.\n";

/// A pair whose first line both sides changed.
fn parked() -> (World, String, RecordId) {
    let world = World::new(documents(Policy::ManualReview));
    world.repo.put("docs/guide.md", Some(FILE));
    world.settle();
    let page = world.pages.live().remove(0);
    world.pass(10);
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "First line.", "From Notion"));
    world.repo.put(
        "docs/guide.md",
        Some(&FILE.replace("First line.", "From GitHub")),
    );
    world.settle();
    assert_eq!(world.conflicts(), 1);
    let record = world.records().remove(0).id;
    (world, page, record)
}

#[test]
fn the_side_that_stays_is_written_to_the_other() {
    for (stays, wanted, lost) in [
        (Side::Notion, "From Notion", "From GitHub"),
        (Side::Github, "From GitHub", "From Notion"),
    ] {
        let (world, page, record) = parked();
        let units = block_on(world.engine.settle_conflicts(&record, stays)).unwrap();
        assert!(matches!(units.as_slice(), [UnitId::Block(_)]), "{units:?}");
        world.settle();
        assert_eq!(world.conflicts(), 0);
        assert_eq!(
            plain(&world.pages.body(&page)),
            [wanted, "Second line."],
            "{stays}"
        );
        let file = world.repo.file("docs/guide.md").unwrap();
        assert!(file.contains(wanted) && !file.contains(lost), "{file}");
        assert!(world.repo.pulls("open").is_empty());
        let audit = block_on(State::new(&*world.store).audit(Some(&record))).unwrap();
        assert!(audit.iter().any(|row| row.event == AuditEvent::Decision));
        assert!(
            audit
                .iter()
                .any(|row| row.event == AuditEvent::Loser && row.details["value"].contains(lost))
        );
        world.pass(30);
        assert_eq!(world.settle(), 0, "it stays settled");
    }
}

#[test]
fn a_conflict_over_more_blocks_than_a_transaction_has_room_for_is_settled_and_audited() {
    const BLOCKS: usize = 120;
    let world = World::new(documents(Policy::ManualReview));
    let file = |word: &str| -> String {
        let blocks = (0..BLOCKS).map(|at| format!("Agreed {at}.\n\n{word} {at}.\n\n"));
        std::iter::once("# Guide\n\n".to_owned())
            .chain(blocks)
            .collect()
    };
    world.repo.put("docs/guide.md", Some(&file("Base")));
    world.settle();
    let page = world.pages.live().remove(0);
    world.pass(10);
    world.pages.edit_body(&page, |body| {
        for at in 0..BLOCKS {
            rewrite(body, &format!("Base {at}."), &format!("Notion {at}."));
        }
    });
    world.repo.put("docs/guide.md", Some(&file("GitHub")));
    world.settle();
    let record = world.records().remove(0);
    assert_eq!(record.conflicts.len(), BLOCKS);
    let units = block_on(world.engine.settle_conflicts(&record.id, Side::Notion)).unwrap();
    assert_eq!(units.len(), BLOCKS);
    world.settle();
    assert_eq!(world.conflicts(), 0);
    assert!(
        world
            .repo
            .file("docs/guide.md")
            .unwrap()
            .ends_with(&file("Notion"))
    );
    let audit = block_on(State::new(&*world.store).audit(Some(&record.id))).unwrap();
    let lost = |at: usize| {
        let said = format!("GitHub {at}.");
        let mut kept = audit.iter().filter(|row| row.event == AuditEvent::Loser);
        kept.any(|row| row.details.values().any(|value| value.trim_end() == said))
    };
    for at in 0..BLOCKS {
        assert!(lost(at), "{at}");
    }
    let proof = block_on(State::new(&*world.store).verify_audit(&[record.mapping])).unwrap();
    assert_eq!(proof.faults, []);
}

#[test]
fn fields_are_settled_too() {
    for (stays, wanted) in [(Side::Notion, "N"), (Side::Github, "G")] {
        let world = World::new(tasks(Policy::ManualReview));
        let page = world.pages.create("Fix login", body(&["Steps"]));
        world.settle();
        let number = world.repo.numbers()[0];
        world.pass(10);
        world.pages.set(&page, "title", Value::text("N"));
        world.repo.set_issue(number, "title", Value::text("G"));
        world.settle();
        assert_eq!(world.conflicts(), 1);
        let record = world.records().remove(0).id;
        block_on(world.engine.settle_conflicts(&record, stays)).unwrap();
        world.pass(10);
        world.settle();
        assert_eq!(world.pages.field(&page, "title"), Value::text(wanted));
        assert_eq!(world.repo.issue(number, "title"), Value::text(wanted));
        assert_eq!(world.conflicts(), 0);
    }
}

#[test]
fn a_decision_about_something_that_moved_on_is_refused() {
    let (world, page, record) = parked();
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "From Notion", "Newer"));
    let error = block_on(world.engine.settle_conflicts(&record, Side::Github)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale);
    assert_eq!(world.conflicts(), 1);
    world.pass(10);
    world.settle();
    block_on(world.engine.settle_conflicts(&record, Side::Notion)).unwrap();
    let again = block_on(world.engine.settle_conflicts(&record, Side::Notion)).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Invalid);
    let unknown = RecordId::from("r-none");
    let error = block_on(world.engine.settle_conflicts(&unknown, Side::Notion)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

fn objects(world: &World, page: &str, path: &str) -> (RemoteRef, RemoteRef) {
    let page = RemoteRef::new("notion", "page", page);
    let listing = world.engine.bindings().next().unwrap().github.list(
        notion_sync_core::remote::ListRequest {
            cursor: None,
            full: true,
        },
    );
    let file = block_on(listing)
        .unwrap()
        .items
        .into_iter()
        .find(|item| item.place.as_deref() == Some(path))
        .unwrap()
        .object;
    (page, file)
}

#[test]
fn a_page_and_a_file_are_joined_and_parted_by_hand() {
    let world = World::new(documents(Policy::ManualReview));
    // The same title and path, so that nothing is made before somebody decides.
    let page = world
        .pages
        .create("Guide", body(&["First line.", "Second line."]));
    world.repo.put("docs/guide.md", Some(FILE));
    world.settle();
    assert_eq!(world.live(), 0);
    let (page_ref, file_ref) = objects(&world, &page, "docs/guide.md");
    let record = block_on(world.engine.link(&world.mapping.id, &page_ref, &file_ref)).unwrap();
    world.settle();
    assert_eq!((world.live(), world.conflicts()), (1, 0));
    world.pass(10);
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "First line.", "Edited"));
    world.settle();
    assert!(world.repo.file("docs/guide.md").unwrap().contains("Edited"));
    // Again is no error and changes nothing.
    let again = block_on(world.engine.link(&world.mapping.id, &page_ref, &file_ref)).unwrap();
    assert_eq!(again, record);

    // An owned object is not given away.
    let other = world.pages.create("Other", body(&["x"]));
    let (other_ref, _) = objects(&world, &other, "docs/guide.md");
    let error = block_on(world.engine.link(&world.mapping.id, &other_ref, &file_ref)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);

    block_on(world.engine.unlink(&record)).unwrap();
    world.pass(10);
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "Edited", "Alone"));
    world.settle();
    assert!(!world.repo.file("docs/guide.md").unwrap().contains("Alone"));
    let states: Vec<Life> = world
        .records()
        .iter()
        .filter(|one| one.id == record)
        .map(|one| one.life)
        .collect();
    assert_eq!(states, [Life::Detached]);
}

/// A page moved from one mapping to another, where a person joins it with an issue.
#[test]
fn a_page_of_another_mapping_is_joined_here() {
    let (first, second) = (
        World::new(documents(Policy::ManualReview)),
        World::new(tasks(Policy::ManualReview)),
    );
    // The same page for both.
    let page = first.pages.create("Guide", body(&["One"]));
    first.settle();
    block_on(first.engine.unlink(&first.records()[0].id)).unwrap();
    assert_eq!(second.pages.create("Guide", body(&["One"])), page);
    let number = second.repo.open_issue("Guide", "One");
    let mut here = World {
        store: first.store.clone(),
        clock: first.clock.clone(),
        ..second
    };
    here.restart();
    let page = RemoteRef::new("notion", "page", page);
    let issue = RemoteRef::new("github", "issue", number.to_string());
    let id = block_on(here.engine.link(&here.mapping.id, &page, &issue)).unwrap();
    let record = here.records().into_iter().find(|one| one.id == id).unwrap();
    assert_eq!(
        (record.mapping, record.life),
        (here.mapping.id.clone(), Life::Live)
    );
}

/// A mapping that got another name leaves all its pairs to one that is not there any more.
#[test]
fn pairs_of_a_mapping_that_is_not_configured_are_told_of() {
    let mut world = World::new(documents(Policy::ManualReview));
    world.repo.put("docs/guide.md", Some(FILE));
    world.settle();
    let (old, writes) = (world.mapping.id.clone(), world.pages.live().len());
    world.mapping.id = "handbook-renamed".into();
    world.restart();
    let told = |tick: &Tick| {
        let incidents = tick.mappings.iter().flat_map(|report| &report.incidents);
        let mut of_old = incidents.filter(|one| one.message.contains(&format!("mapping {old},")));
        of_old.next().map(|one| one.message.clone())
    };
    let said = told(&world.sweep()).expect("nobody is told");
    assert!(said.starts_with("2 objects"), "{said}");
    assert_eq!(world.pages.live().len(), writes, "nothing is made twice");
    // Named as before it goes on; and what was given up belongs to nobody.
    let renamed = std::mem::replace(&mut world.mapping.id, old.clone());
    world.restart();
    assert_eq!(told(&world.sweep()), None);
    block_on(world.engine.unlink(&world.records()[0].id)).unwrap();
    world.mapping.id = renamed;
    world.restart();
    assert_eq!(told(&world.sweep()), None);
}

#[test]
fn objects_that_had_records_of_their_own_are_joined() {
    let world = World::new(documents(Policy::ManualReview));
    let page = world.pages.create("One name", body(&["Text"]));
    world
        .repo
        .put("docs/another.md", Some("# One name\n\nText\n"));
    // Both were seen alone; the file got a page already, which is a pair of its own.
    world.settle();
    let (page_ref, file_ref) = objects(&world, &page, "docs/another.md");
    let error = block_on(world.engine.link(&world.mapping.id, &page_ref, &file_ref)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let owner = block_on(State::new(&*world.store).owner(&file_ref))
        .unwrap()
        .unwrap();
    block_on(world.engine.unlink(&owner)).unwrap();
    let record = block_on(world.engine.link(&world.mapping.id, &page_ref, &file_ref)).unwrap();
    world.settle();
    let joined = world
        .records()
        .into_iter()
        .find(|one| one.id == record)
        .unwrap();
    assert_eq!(joined.life, Life::Live);
    assert_eq!(joined.github.as_ref(), Some(&file_ref));
    assert!(joined.conflicts.is_empty());
}

#[test]
fn a_plan_is_carried_out_only_as_it_was_shown() {
    let world = World::new(documents(Policy::ManualReview));
    world.repo.put("docs/a.md", Some("# A\n\none\n"));
    let shown = |world: &World| {
        let plans = block_on(world.engine.plan(true)).unwrap();
        plans
            .iter()
            .map(|plan| (plan.mapping.clone(), plan.hash))
            .collect::<BTreeMap<_, _>>()
    };
    let plan = shown(&world);
    world.repo.put("docs/b.md", Some("# B\n\ntwo\n"));
    let error = block_on(world.engine.apply(&plan, true)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale);
    assert!(world.pages.live().is_empty(), "nothing was written");
    let tick = block_on(world.engine.apply(&shown(&world), true)).unwrap();
    assert_eq!(tick.writes(), 2);
    assert_eq!(world.pages.live().len(), 2);
    world.settle();
    assert_eq!(world.pages.live().len(), 2);
}

#[test]
fn a_file_that_people_wrote_is_stamped_on_demand_and_then_left_alone() {
    let world = World::new(documents(Policy::ManualReview));
    world.repo.put("docs/guide.md", Some(FILE));
    world.settle();
    world.pass(10);
    let page = world.pages.live().remove(0);
    let record = world.records().remove(0).id;
    assert_eq!(world.repo.file("docs/guide.md").as_deref(), Some(FILE));
    let tick = block_on(world.engine.stamp(&record)).unwrap();
    assert_eq!(tick.writes(), 1);
    let file = world.repo.file("docs/guide.md").unwrap();
    assert!(
        file.contains("notion_page_id: ") && file.contains(&page),
        "{file}"
    );
    assert!(file.ends_with(FILE), "{file}");
    assert_eq!(block_on(world.engine.stamp(&record)).unwrap().writes(), 0);
    world.pass(10);
    assert_eq!(world.settle(), 0, "a mark is no edit");
    assert_eq!(world.pages.live(), [page]);

    let mut mapping = documents(Policy::ManualReview);
    mapping.file_marker = notion_sync_core::mapping::FileMarker::None;
    let world = World::new(mapping);
    world.repo.put("docs/guide.md", Some(FILE));
    world.settle();
    let record = world.records().remove(0).id;
    let error = block_on(world.engine.stamp(&record)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(world.repo.file("docs/guide.md").as_deref(), Some(FILE));
}

#[test]
fn what_was_set_aside_is_tried_again_on_demand() {
    let world = World::new(documents(Policy::ManualReview));
    world.repo.put("docs/guide.md", Some(FILE));
    world.settle();
    world.pass(10);
    let page = world.pages.live().remove(0);
    let record = world.records().remove(0).id;
    let error = block_on(world.engine.retry(&record)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);

    world
        .pages
        .edit_body(&page, |body| rewrite(body, "First line.", "Edited"));
    // As often as a write is tried.
    world.repo.fail(std::iter::repeat_n(
        ModelFault::Refused,
        usize::try_from(MAX_ATTEMPTS).unwrap(),
    ));
    world.settle();
    let dead = |world: &World| {
        let operations = block_on(State::new(&*world.store).operations_of(&record)).unwrap();
        operations.iter().any(|op| op.state == OpState::Dead)
    };
    assert!(dead(&world));
    assert!(!world.repo.file("docs/guide.md").unwrap().contains("Edited"));
    world.pass(30);
    world.settle();
    assert!(dead(&world), "it is not tried again by itself");
    let labels = block_on(world.engine.retry(&record)).unwrap();
    assert!(!labels.is_empty());
    world.settle();
    assert!(!dead(&world));
    assert!(world.repo.file("docs/guide.md").unwrap().contains("Edited"));
}

/// What was set aside is listed until somebody deals with it or nothing is left of it.
#[test]
fn what_was_set_aside_is_listed_until_nothing_is_left_of_it() {
    let (world, page) = noted();
    let listed = |world: &World| {
        let state = State::new(&*world.store);
        let dead = block_on(state.dead_operations(&world.mapping.id)).unwrap();
        dead.into_iter()
            .map(|op| op.value.label.clone())
            .collect::<Vec<_>>()
    };
    let refused =
        || std::iter::repeat_n(ModelFault::Refused, usize::try_from(MAX_ATTEMPTS).unwrap());
    // A write of the file, which the person then takes back.
    (world.pages).edit_body(&page, |body| rewrite(body, "First line.", "Edited"));
    world.repo.fail(refused());
    world.settle();
    assert_eq!(listed(&world).len(), 1);
    world.pass(30);
    world.settle();
    assert_eq!(listed(&world).len(), 1);
    (world.pages).edit_body(&page, |body| rewrite(body, "Edited", "First line."));
    world.settle();
    world.pass(10);
    world.settle();
    assert_eq!(listed(&world), Vec::<String>::new());
    // What the page shows, until it shows something else.
    let file = page_notes::FILE.replace("First line.", "From GitHub");
    let draft = world.pages.bookkeeping(&page)["status"].clone();
    assert_eq!(draft, "Success");
    world.pass(10);
    (world.pages).edit_body(&page, |body| rewrite(body, "Second line.", "Line two."));
    for _ in 0..40 {
        if listed(&world).is_empty() {
            world.pages.fail([ModelFault::Refused]);
            world.poll();
            world.pass(16);
        }
    }
    let shown = listed(&world);
    assert_eq!(shown, ["show the state of the sync on the page"]);
    world.pass(30);
    world.repo.put(
        "docs/guide.md",
        Some(&file.replace("Second line.", "Line two.")),
    );
    world.settle();
    world.pass(10);
    world.settle();
    assert_eq!(listed(&world), Vec::<String>::new());
}
