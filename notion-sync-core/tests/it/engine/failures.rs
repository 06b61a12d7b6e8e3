//! Failures in the middle of things: nothing is forgotten, lost or made twice.

use chrono::Duration;
use futures::executor::block_on;
use notion_sync_core::audit::AuditEvent;
use notion_sync_core::bounds::Bounds;
use notion_sync_core::document::Block;
use notion_sync_core::id::Side;
use notion_sync_core::mapping::{Deliver, FileMarker, Guard, Policy};
use notion_sync_core::operation::OpState;
use notion_sync_core::record::Life;
use notion_sync_core::state::{Batch, State};
use notion_sync_core::value::Value;
use notion_sync_testkit::model::ModelFault;

use super::world::{World, body, documents, plain, rewrite, tasks};

const FILE: &str = "# Guide\n\nFirst.\n\nSecond.\n";

fn paired(change: impl FnOnce(&mut World)) -> (World, String) {
    let mut world = World::new(documents(Policy::ManualReview));
    change(&mut world);
    world.restart();
    world.repo.put("docs/guide.md", Some(FILE));
    world.settle();
    world.pass(10);
    let page = world.pages.live()[0].clone();
    (world, page)
}

fn task() -> (World, String, u32) {
    let world = World::new(tasks(Policy::ManualReview));
    let number = world.repo.open_issue("Task", "One\n\nTwo\n");
    world.settle();
    world.pass(10);
    let page = world.pages.live()[0].clone();
    (world, page, number)
}

/// Polls a few times while writes are refused, so that plans are made again over waiting operations.
fn look_often(world: &World) {
    for _ in 0..4 {
        world.pass(1);
        world.sweep();
    }
}

#[test]
fn a_refused_removal_is_not_forgotten() {
    for by_proposal in [false, true] {
        let (world, page) = paired(|world| world.mapping.delete_by_proposal = by_proposal);
        world.repo.fail([ModelFault::Refused; 3]);
        world.pages.trash(&page, true);
        look_often(&world);
        world.settle();
        if by_proposal {
            world.repo.merge(world.repo.pulls("open")[0]);
            world.pass(5);
            world.settle();
        }
        assert!(world.repo.paths().is_empty(), "by proposal: {by_proposal}");
        world.pass(10);
        world.settle();
        assert_eq!(world.records()[0].life, Life::Tombstone);
    }
}

#[test]
fn a_refused_proposal_of_a_new_file_is_not_forgotten() {
    let world = World::new(documents(Policy::ManualReview));
    world.pages.create("Road map", body(&["One"]));
    world.repo.fail([ModelFault::Refused; 3]);
    world.poll();
    look_often(&world);
    world.settle();
    assert_eq!(world.repo.pulls("open").len(), 1);
}

#[test]
fn an_edit_that_comes_back_after_a_refused_proposal_is_proposed() {
    let (world, page) = paired(|world| world.mapping.deliver = Deliver::PullRequest);
    let edit = |from: &str, to: &str| {
        world.pages.edit_body(&page, |body| rewrite(body, from, to));
        world.pass(5);
    };
    world.repo.fail([ModelFault::Refused; 8]);
    edit("First.", "Other.");
    world.poll();
    edit("Other.", "First.");
    world.poll();
    edit("First.", "Other.");
    world.settle();
    assert_eq!(world.repo.pulls("open").len(), 1);
}

#[test]
fn an_edit_after_the_published_one_is_no_conflict() {
    let (world, page) = paired(|world| world.mapping.deliver = Deliver::PullRequest);
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "First.", "N1"));
    world.settle();
    // The page moves on, and the pull request with the earlier text is merged at that moment.
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "N1", "N2"));
    world.repo.merge(world.repo.pulls("open")[0]);
    world.pass(10);
    world.settle();
    assert_eq!(world.conflicts(), 0);
    assert_eq!(plain(&world.pages.body(&page))[0], "N2");
    let pulls = world.repo.pulls("open");
    assert_eq!(pulls.len(), 1, "the later text is proposed");
    world.repo.merge(pulls[0]);
    world.pass(10);
    world.settle();
    assert!(world.repo.file("docs/guide.md").unwrap().contains("N2"));
    world.pass(10);
    assert_eq!(world.settle(), 0);
}

/// Both sides edit, GitHub is written, and the write to the page finds somebody at work there: the
/// edit of GitHub is still to come, not agreed.
#[test]
fn the_second_of_two_writes_may_fail() {
    let (world, page, number) = task();
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "One", "N"));
    world.repo.set_issue_text(number, "One\n\nG\n");
    world.pages.set(&page, "labels", Value::set(["n"]));
    world.repo.set_issue(number, "labels", Value::set(["g"]));
    // One operation is sent: the one to GitHub.
    let budget = notion_sync_core::engine::Budget {
        poll_now: true,
        full: false,
        operations: 1,
    };
    world.pass(5);
    block_on(world.engine.tick(budget)).unwrap();
    assert_eq!(world.repo.issue_text(number).trim(), "N\n\nG");
    // People go on, on both sides: what the engine brought to GitHub is taken away there.
    world
        .pages
        .edit_body(&page, |body| body.blocks.push(Block::paragraph("Three")));
    world.repo.set_issue(number, "labels", Value::set(["g"]));
    world.pass(5);
    world.settle();
    assert_eq!(plain(&world.pages.body(&page)), ["N", "G", "Three"]);
    assert_eq!(world.repo.issue_text(number).trim(), "N\n\nG\n\nThree");
    assert_eq!(world.pages.field(&page, "labels"), Value::set(["g"]));
    assert_eq!(world.repo.issue(number, "labels"), Value::set(["g"]));
    assert_eq!(world.conflicts(), 0);
}

#[test]
fn a_closed_issue_stays_closed_and_its_page_in_the_trash() {
    let (world, page, number) = task();
    world.pages.trash(&page, true);
    world.sweep();
    world.settle();
    for _ in 0..3 {
        world.pass(10);
        world.sweep();
        world.settle();
    }
    assert!(world.pages.live().is_empty());
    assert_eq!(world.repo.issue(number, "state"), Value::text("closed"));
    assert_eq!(world.records()[0].life, Life::Tombstone);
    // Somebody opens it again: the page comes back.
    world.repo.set_issue(number, "state", Value::text("open"));
    world.pass(10);
    world.sweep();
    world.settle();
    assert_eq!(world.pages.live(), [page]);
}

#[test]
fn a_merged_file_without_marks_is_the_pages_own() {
    let mut world = World::new(documents(Policy::ManualReview));
    world.mapping.file_marker = FileMarker::None;
    world.restart();
    let page = world.pages.create("Road map", body(&["One"]));
    world.settle();
    world.repo.merge(world.repo.pulls("open")[0]);
    for _ in 0..3 {
        world.pass(10);
        world.settle();
    }
    assert_eq!(world.pages.live(), [page], "no second page");
    assert_eq!(world.live(), 1);
}

#[test]
fn a_file_of_an_unknown_page_never_becomes_a_second_page() {
    let world = World::new(documents(Policy::ManualReview));
    let marked =
        "---\nnotion_page_id: 99999999-0000-4000-8000-000000000000\n---\n# Strange\n\nText\n";
    world.repo.put("docs/strange.md", Some(marked));
    world.settle();
    world.pass(10);
    world
        .repo
        .put("docs/strange.md", Some(&marked.replace("Text", "Edited")));
    for _ in 0..3 {
        world.sweep();
        world.pass(10);
    }
    world.settle();
    assert!(world.pages.live().is_empty());
}

#[test]
fn a_page_that_a_file_named_before_it_was_shared_is_its_pair() {
    let world = World::new(documents(Policy::ManualReview));
    let page = world.pages.create("Guide", body(&["Text"]));
    world.pages.share(&page, false);
    let marked = format!("---\nnotion_page_id: {page}\n---\n# Guide\n\nText\n");
    world.repo.put("docs/elsewhere.md", Some(&marked));
    world.settle();
    assert_eq!(world.live(), 0);
    world.pages.share(&page, true);
    world.pages.edit_body(&page, |_| ());
    world.pass(10);
    world.settle();
    assert_eq!(world.live(), 1);
    assert!(world.repo.pulls("open").is_empty(), "no second file");
    assert_eq!(world.pages.live(), [page]);
}

#[test]
fn a_merged_resolution_of_a_title_reaches_the_page() {
    let (world, page) = paired(|_| {});
    world.pages.set(&page, "title", Value::text("From Notion"));
    world
        .repo
        .put("docs/guide.md", Some(&FILE.replace("Guide", "From GitHub")));
    world.settle();
    assert_eq!(world.conflicts(), 1);
    let pull = world.repo.pulls("open")[0];
    world.repo.edit_pull(pull, &FILE.replace("Guide", "Both"));
    world.repo.merge(pull);
    world.pass(10);
    world.settle();
    assert_eq!(world.pages.field(&page, "title"), Value::text("Both"));
    assert_eq!(world.conflicts(), 0);
    world.pass(10);
    assert_eq!(world.settle(), 0);
}

#[test]
fn a_page_that_moved_on_after_publishing_is_another_conflict() {
    for resolution in ["Both", "First."] {
        let (world, page) = paired(|_| {});
        world
            .pages
            .edit_body(&page, |body| rewrite(body, "First.", "N1"));
        world
            .repo
            .put("docs/guide.md", Some(&FILE.replace("First.", "G1")));
        world.settle();
        let pull = world.repo.pulls("open")[0];
        world
            .repo
            .edit_pull(pull, &FILE.replace("First.", resolution));
        world.repo.merge(pull);
        world
            .pages
            .edit_body(&page, |body| rewrite(body, "N1", "N2"));
        world.pass(10);
        world.settle();
        assert_eq!(world.conflicts(), 1, "{resolution}");
        assert_eq!(plain(&world.pages.body(&page))[0], "N2");
        assert!(
            world
                .repo
                .file("docs/guide.md")
                .unwrap()
                .contains(resolution)
        );
    }
}

#[test]
fn an_outage_is_waited_for() {
    let (world, page) = paired(|_| {});
    world.repo.fail([ModelFault::LostBefore; 6]);
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "First.", "N"));
    world.poll();
    let state = State::new(&*world.store);
    let open = block_on(state.open_operations(&world.mapping.id)).unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].value.attempts, 1, "not again and again in one tick");
    world.settle();
    assert!(world.repo.file("docs/guide.md").unwrap().contains("N"));
    let ops = block_on(state.operations_of(&world.records()[0].id)).unwrap();
    assert!(ops.iter().all(|op| op.state != OpState::Dead));
}

#[test]
fn a_stopped_run_is_not_repeated_at_once() {
    let mut world = World::new(documents(Policy::ManualReview));
    world.mapping.delete_by_proposal = false;
    world.restart();
    for index in 0..4 {
        world.repo.put(
            &format!("docs/f{index}.md"),
            Some(&format!("# F{index}\n\nText\n")),
        );
    }
    world.settle();
    world.pass(10);
    world.guard(Guard {
        removals: 1,
        removal_percent: 1,
        ..Guard::default()
    });
    for page in world.pages.live() {
        world.pages.trash(&page, true);
    }
    let tick = world.sweep();
    assert!(tick.mappings[0].guard.is_some());
    let now = notion_sync_core::clock::Clock::now(&*world.clock);
    assert!(tick.next_due.unwrap() > now);
    assert_eq!(world.repo.paths().len(), 4);
}

#[test]
fn an_option_without_a_class_is_reported_and_changes_nothing() {
    let (world, page, number) = task();
    world.pages.set(&page, "state", Value::text("Parked"));
    world.pass(5);
    world.settle();
    assert_eq!(world.repo.issue(number, "state"), Value::text("open"));
    let problem = world.records()[0].problem.clone().unwrap();
    assert!(problem.message.contains("class"), "{}", problem.message);
}

/// Nobody knows what came of the first of two writes: it ends with a row, and so does the second, which is given up with
/// it.
#[test]
fn a_write_whose_outcome_nobody_can_tell_has_its_row() {
    let (world, page, number) = task();
    world.repo.knows_outcomes(false);
    world.repo.fail([ModelFault::LostAfter]);
    world.pages.set(&page, "title", Value::text("Better"));
    world.repo.set_issue_text(number, "One\n\nG\n");
    world.pass(5);
    world.settle();
    assert_eq!(world.repo.issue(number, "title"), Value::text("Better"));
    assert_eq!(plain(&world.pages.body(&page)), ["One", "G"]);
    assert_eq!(world.conflicts(), 0);
    let audit = block_on(State::new(&*world.store).audit(None)).unwrap();
    let voided: Vec<_> = (audit.iter())
        .filter(|row| row.event == AuditEvent::Voided)
        .map(|row| (row.side, row.summary.as_str()))
        .collect();
    let [(Some(Side::Github), first), (Some(Side::Notion), second)] = voided[..] else {
        panic!("{voided:?}");
    };
    assert!(first.contains("nobody can tell"), "{first}");
    assert!(second.contains("it depends on"), "{second}");
}

/// A commit got no answer, a look found nothing of it, and once more it was refused; then it arrives. As long as it
/// may, nothing is decided in its place: what it says would be taken for an edit in the file.
#[test]
fn a_commit_that_lands_late_is_not_taken_for_an_edit() {
    let (world, page) = paired(|_| ());
    let edit = |from: &str, to: &str| {
        world.pages.edit_body(&page, |body| rewrite(body, from, to));
    };
    edit("First.", "Early.");
    world.pass(2);
    let refused = std::iter::repeat_n(ModelFault::Refused, 12);
    world
        .repo
        .fail(std::iter::once(ModelFault::LostLate).chain(refused));
    world.poll();
    for second in 0..100 {
        if second == 20 {
            edit("Early.", "Later.");
        }
        world.clock.advance(Duration::seconds(1));
        world.poll();
    }
    assert_eq!(world.repo.land(), 1);
    world.settle();
    assert_eq!(world.conflicts(), 0);
    assert!(world.repo.pulls("open").is_empty());
    let file = world.repo.file("docs/guide.md").unwrap();
    assert!(
        file.contains("Later.") && !file.contains("Early."),
        "{file}"
    );
    assert_eq!(plain(&world.pages.body(&page))[0], "Later.");
}

/// The open operations as if the process had died while it sent them.
fn die_while_sending(world: &World) {
    let state = State::new(&*world.store);
    for stored in block_on(state.open_operations(&world.mapping.id)).unwrap() {
        let mut op = stored.value.clone();
        op.state = OpState::Sending;
        op.attempts += 1;
        op.intent_at = Some(world.engine_time());
        let mut batch = Batch::default();
        batch.operation(&op, Some(&stored)).unwrap();
        block_on(state.commit(batch)).unwrap();
    }
}

/// A store takes so many changes at once, and an operation with a large text is many of them.
#[test]
fn a_large_operation_is_taken_over_among_many() {
    let world = World::new(documents(Policy::ManualReview));
    for index in 0..45 {
        let text = format!("# F{index}\n\nText\n");
        world.repo.put(&format!("docs/f{index}.md"), Some(&text));
    }
    world.settle();
    world.pass(10);
    for page in world.pages.live() {
        world
            .pages
            .edit_body(&page, |body| rewrite(body, "Text", "Other"));
    }
    world.pass(2);
    world.repo.fail([ModelFault::Refused]);
    world.poll();
    let state = State::new(&*world.store);
    let open = block_on(state.open_operations(&world.mapping.id)).unwrap();
    assert_eq!(open.len(), 45);
    let mut op = open[38].value.clone();
    op.error = Some("x".repeat(7_000_000));
    let mut batch = Batch::default();
    batch.operation(&op, Some(&open[38])).unwrap();
    block_on(state.commit(batch)).unwrap();
    die_while_sending(&world);
    let tick = world.poll();
    assert!(tick.mappings[0].errors.is_empty(), "{tick:?}");
    world.settle();
    let edited = |path: &String| world.repo.file(path).unwrap().contains("Other");
    assert!(world.repo.paths().iter().all(edited));
}

/// What the process dies of again and again is set aside, and the other records go on.
#[test]
fn a_write_that_the_process_does_not_survive_is_set_aside() {
    let (world, page) = paired(|_| ());
    world.repo.put("docs/other.md", Some("# Other\n\nText\n"));
    world.settle();
    world.pass(10);
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "First.", "Deadly."));
    world.pass(2);
    world.repo.fail([ModelFault::Refused]);
    world.poll();
    let state = State::new(&*world.store);
    let states = || -> Vec<OpState> {
        let records = world.records();
        let of = |title: &str| {
            let record = records.iter().find(|record| record.title == title);
            block_on(state.operations_of(&record.unwrap().id)).unwrap()
        };
        let ops = of("Guide");
        ops.iter().map(|op| op.state).collect()
    };
    let allowed = Bounds::default().poison_after;
    for death in 1..=allowed + 1 {
        die_while_sending(&world);
        world.repo.fail([ModelFault::LostBefore]);
        world.clock.advance(Duration::seconds(30));
        world.poll();
        let dead = states().contains(&OpState::Dead);
        assert_eq!(dead, death > allowed, "death {death}");
    }
    let other = (world.pages.live().into_iter())
        .find(|other| *other != page)
        .unwrap();
    world
        .pages
        .edit_body(&other, |body| rewrite(body, "Text", "Fine"));
    world.pass(2);
    world.settle();
    let file = |path: &str| world.repo.file(path).unwrap();
    assert!(file("docs/other.md").contains("Fine"));
    assert!(!file("docs/guide.md").contains("Deadly."));
}

/// People merge this as their decision, and the page takes it only after more edits and looks.
fn decide_slowly(world: &World, page: &str, decision: &str) {
    let pull = world.repo.pulls("open")[0];
    world.repo.edit_pull(pull, decision);
    world.repo.merge(pull);
    world.pages.fail([ModelFault::Refused; 6]);
    world.pass(1);
    world.sweep();
    world
        .pages
        .edit_body(page, |body| rewrite(body, "Second.", "Second, and more."));
    look_often(world);
    world.settle();
    world.pass(30);
    world.settle();
}

/// Between a decision and its write there may be looks: the service refuses the write for a while.
#[test]
fn a_merged_resolution_is_not_forgotten_before_it_is_written() {
    for resolution in ["First.", "Both"] {
        let (world, page) = paired(|_| {});
        world
            .pages
            .edit_body(&page, |body| rewrite(body, "First.", "N1"));
        world
            .repo
            .put("docs/guide.md", Some(&FILE.replace("First.", "G1")));
        world.settle();
        decide_slowly(&world, &page, &FILE.replace("First.", resolution));
        let file = world.repo.file("docs/guide.md").unwrap();
        assert!(file.contains(resolution), "{resolution}: {file}");
        assert_eq!(plain(&world.pages.body(&page))[0], resolution);
        assert_eq!(world.conflicts(), 0, "{resolution}");
        assert!(world.repo.pulls("open").is_empty(), "{resolution}");
    }
}

#[test]
fn a_merged_title_is_not_forgotten_before_it_is_written() {
    for resolution in ["Guide", "Both"] {
        let (world, page) = paired(|_| {});
        world.pages.set(&page, "title", Value::text("From Notion"));
        world
            .repo
            .put("docs/guide.md", Some(&FILE.replace("Guide", "From GitHub")));
        world.settle();
        decide_slowly(&world, &page, &FILE.replace("Guide", resolution));
        let file = world.repo.file("docs/guide.md").unwrap();
        assert!(file.contains(resolution), "{resolution}: {file}");
        assert_eq!(world.pages.field(&page, "title"), Value::text(resolution));
        assert_eq!(world.conflicts(), 0, "{resolution}");
    }
}

#[test]
fn a_file_deleted_by_hand_leaves_no_proposal_to_delete_it() {
    let (world, page) = paired(|world| world.mapping.delete_by_proposal = true);
    world.pages.trash(&page, true);
    look_often(&world);
    world.settle();
    assert_eq!(world.repo.pulls("open").len(), 1);
    world.repo.put("docs/guide.md", None);
    world.pass(30);
    look_often(&world);
    world.settle();
    assert!(world.repo.pulls("open").is_empty());
}

#[test]
fn a_proposed_deletion_takes_the_proposed_edit_back() {
    let (world, page) = paired(|world| {
        world.mapping.deliver = Deliver::PullRequest;
        world.mapping.delete_by_proposal = true;
    });
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "First.", "N1"));
    world.settle();
    let edit = world.repo.pulls("open");
    assert_eq!(edit.len(), 1);
    world.pass(10);
    world.pages.trash(&page, true);
    look_often(&world);
    world.settle();
    let open = world.repo.pulls("open");
    assert_eq!(open.len(), 1, "only the deletion: {open:?}");
    assert_ne!(open, edit);
}

#[test]
fn an_edit_that_was_refused_while_its_refresh_had_no_answer_stays_refused() {
    let (world, page) = paired(|world| world.mapping.deliver = Deliver::PullRequest);
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "First.", "N1"));
    world.settle();
    let pull = world.repo.pulls("open")[0];
    world.pass(30);
    world
        .pages
        .edit_body(&page, |body| rewrite(body, "N1", "N2"));
    world.pass(5);
    world.repo.fail([ModelFault::LostAfter]);
    world.sweep();
    let state = State::new(&*world.store);
    let sent = block_on(state.open_operations(&world.mapping.id)).unwrap();
    assert_eq!(sent[0].value.state, OpState::Unknown, "{sent:?}");
    world.repo.close_pull(pull);
    world.pass(30);
    world.settle();
    world.pass(30);
    world.settle();
    let open = world.repo.pulls("open");
    assert!(open.is_empty(), "N2 was refused: {open:?}");
}

/// What may still land may do so until that moment, and not at it.
#[test]
fn a_write_is_settled_from_the_moment_on_after_which_it_cannot_land() {
    let world = World::new(documents(Policy::ManualReview));
    world.pages.create("Guide", body(&["one"]));
    world.settle();
    let record = world.records().remove(0).id;
    let mut op = block_on(State::new(&*world.store).operations_of(&record))
        .unwrap()
        .remove(0);
    let until = world.engine_time();
    op.state = OpState::Retry;
    op.may_land_until = Some(until);
    assert!(op.is_unsettled(until - chrono::Duration::milliseconds(1)));
    assert!(!op.is_unsettled(until));
    op.may_land_until = None;
    assert!(!op.is_unsettled(until));
}
