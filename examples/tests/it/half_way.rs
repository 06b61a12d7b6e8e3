//! Writes of several steps that are given up after the first of them.

use notion_sync_core::audit::{AuditEvent, PART_OF};
use notion_sync_core::engine::Budget;
use notion_sync_core::id::OpId;
use notion_sync_core::mapping::Policy;
use notion_sync_core::state::State;
use notion_sync_examples::demo::{Stage, Terms};
use notion_sync_examples::emulation::{BACKLOG, HANDBOOK, World};
use notion_sync_testkit::emulator::{Emulator as _, Fault, FaultRule};
use notion_sync_testkit::github::MergeMethod;
use notion_sync_testkit::notion::{NotionId, Person};
use notion_sync_testkit::simulation::properties;
use serde_json::json;

use crate::shown_support::{equal, settle, sweep};

const FILE: &str = "docs/releases.md";

/// A stage on which people review what conflicts.
async fn reviewed() -> Stage {
    let terms = Terms::documents(Policy::ManualReview);
    Stage::in_memory(World::small().unwrap(), terms)
        .await
        .unwrap()
}

fn merge(stage: &Stage, number: u64) {
    let now = stage.now();
    let mut github = stage.github();
    let _ = github.set_draft(HANDBOOK, number, "ada", false, now);
    (github.merge(HANDBOOK, number, "ada", MergeMethod::Merge, now)).unwrap();
}

/// The branch of a conflict is pushed, its pull request is refused, and the page goes on: the next write takes the
/// branch over. Once people merge it, each commit of it has its row in the audit.
#[tokio::test]
async fn what_another_write_takes_over_has_its_row_in_the_audit() {
    let mut stage = reviewed().await;
    settle(&mut stage).await;
    stage.pass(30);
    settle(&mut stage).await;
    let page = stage.page("Releases").unwrap();
    let block = stage.notion().blocks(page).remove(0);
    let text = |stage: &Stage| stage.github().files(HANDBOOK, "main").unwrap()[FILE].clone();
    let edited = text(&stage).replace(&block.text, "As the repository has it.");
    assert_ne!(edited, text(&stage));
    let now = stage.now();
    let files = [(FILE, Some(edited.as_str()))];
    (stage
        .github()
        .commit(HANDBOOK, "main", "bob", "Edit", &files, now))
    .unwrap();
    let edit = |stage: &Stage, text: &str| {
        stage
            .in_notion("ada", |ada| ada.edit_text(block.id, text))
            .unwrap();
    };
    edit(&stage, "As the page has it.");
    stage.github().faults().push(FaultRule {
        method: "POST".to_owned(),
        path_contains: "/pulls".to_owned(),
        skip: 0,
        times: 1,
        fault: Fault::Refuse {
            status: 401,
            retry_after: None,
        },
    });
    stage.pass(5);
    let _ = stage.tick(false).await.unwrap();
    edit(&stage, "As the page has it now.");
    stage.pass(30);
    settle(&mut stage).await;
    let open = stage.github().issue_numbers(HANDBOOK).unwrap();
    for number in open {
        merge(&stage, number);
    }
    stage.pass(30);
    settle(&mut stage).await;
    assert!(text(&stage).contains("As the page has it now."));
    let marks = marks(&stage);
    let store = stage.engine().await.unwrap().store().clone();
    let audit = State::new(&*store).audit(None).await.unwrap();
    let taken: Vec<_> = (audit.iter())
        .filter(|row| row.event == AuditEvent::Applied && row.details.contains_key(PART_OF))
        .filter_map(|row| row.op.clone())
        .collect();
    assert_eq!(taken.len(), 1, "{marks:?}");
    assert!(marks.iter().any(|(_, op)| *op == taken[0]), "{marks:?}");
    properties::audited(&*store, &audit, &marks).await.unwrap();
}

/// A page is written whose file is proposed: the answer is lost, nobody was asked for a review yet, and before that can be
/// made up for, a limit comes. Answers the page and the pull request.
async fn half_proposed(stage: &mut Stage) -> (NotionId, u64) {
    settle(stage).await;
    let values = [("Name", json!("Retrospectives"))];
    let page = (stage.add_page("ada", "handbook-pages", &values, "What we learned.")).unwrap();
    stage.pass(30);
    let strike = |stage: &Stage, method: &str, skip: u32, fault: Fault| {
        stage.github().faults().push(FaultRule {
            method: method.to_owned(),
            path_contains: "/pulls".to_owned(),
            skip,
            times: 1,
            fault,
        });
    };
    let before = stage.github().issue_numbers(HANDBOOK).unwrap();
    strike(stage, "POST", 0, Fault::FailAfter { status: 502 });
    let _ = stage.tick(false).await.unwrap();
    let wait = Fault::Refuse {
        status: 429,
        retry_after: Some(300),
    };
    // It is found, with its commits, and then to be read before it is sent once more.
    strike(stage, "GET", 2, wait);
    stage.pass(6);
    let _ = stage.tick(false).await.unwrap();
    let mut opened = stage.github().issue_numbers(HANDBOOK).unwrap();
    opened.retain(|number| !before.contains(number));
    assert_eq!(opened.len(), 1);
    let pull = stage.github().issue(HANDBOOK, opened[0]).unwrap().pull;
    assert_eq!(pull.unwrap().reviewers, [""; 0]);
    (page, opened[0])
}

/// A person merges it while another one edits its page. Its commit has its row in the audit.
#[tokio::test]
async fn a_proposal_that_is_merged_before_it_is_finished_has_its_row_in_the_audit() {
    let mut stage = reviewed().await;
    let (page, number) = half_proposed(&mut stage).await;
    let block = stage.notion().blocks(page).remove(0);
    let edit = |bob: &mut Person<'_>| bob.edit_text(block.id, "What we learned since.");
    stage.in_notion("bob", edit).unwrap();
    merge(&stage, number);
    stage.pass(30);
    // The process comes as far as to see the merge.
    let look = Budget {
        poll_now: true,
        operations: 0,
        ..Budget::default()
    };
    stage.tick_within(look).await.unwrap();
    settle(&mut stage).await;
    let marks = marks(&stage);
    assert!(!marks.is_empty());
    let store = stage.engine().await.unwrap().store().clone();
    let audit = State::new(&*store).audit(None).await.unwrap();
    properties::audited(&*store, &audit, &marks).await.unwrap();
}

/// Its page goes to the trash: the pull request that nobody was told of is closed.
#[tokio::test]
async fn a_proposal_that_is_not_wanted_before_it_is_finished_is_closed() {
    let mut stage = reviewed().await;
    let (page, number) = half_proposed(&mut stage).await;
    stage.in_notion("ada", |ada| ada.trash(page)).unwrap();
    stage.pass(30);
    sweep(&mut stage).await;
    settle(&mut stage).await;
    let left = stage.github().issue(HANDBOOK, number).unwrap();
    assert!(!left.open);
    let store = stage.engine().await.unwrap().store().clone();
    let audit = State::new(&*store).audit(None).await.unwrap();
    let applied = audit.iter().filter(|row| row.event == AuditEvent::Applied);
    let said: Vec<&str> = applied.map(|row| row.summary.as_str()).collect();
    let opened = "propose to create docs/retrospectives.md in a pull request";
    assert!(said.contains(&opened), "{said:?}");
}

/// An issue is made, its answer is lost, and it still lacks whom it is assigned to. Before that can be made up for
/// its page goes to the trash: the issue is there, has its row in the audit, and brings its page back, with all that
/// stood there.
#[tokio::test]
async fn an_issue_that_is_not_wanted_before_it_is_finished_has_its_row_in_the_audit() {
    let world = World::small().unwrap();
    let terms = Terms::tasks(Policy::NotionWins);
    let mut stage = Stage::in_memory(world, terms).await.unwrap();
    settle(&mut stage).await;
    let values = [
        ("Name", json!("Sign in with a key")),
        ("Assignee", json!(["ada"])),
    ];
    let page = (stage.add_page("ada", "backlog-tasks", &values, "")).unwrap();
    stage.pass(30);
    let before = stage.numbered(BACKLOG).len();
    let strike = |stage: &Stage, method: &str, path: &str, fault: Fault| {
        stage.github().faults().push(FaultRule {
            method: method.to_owned(),
            path_contains: path.to_owned(),
            skip: 0,
            times: 1,
            fault,
        });
    };
    strike(&stage, "POST", "/issues", Fault::FailAfter { status: 502 });
    let _ = stage.tick(false).await.unwrap();
    assert_eq!(stage.numbered(BACKLOG).len(), before + 1);
    let (number, made) = stage.numbered(BACKLOG).into_iter().next_back().unwrap();
    assert_eq!(made.title, "Sign in with a key");
    assert_eq!(made.assignees, [""; 0]);
    // It is found, and nothing else can be written for a while.
    let wait = Fault::Refuse {
        status: 429,
        retry_after: Some(300),
    };
    strike(&stage, "POST", "/assignees", wait);
    stage.pass(6);
    let _ = stage.tick(false).await.unwrap();
    let found = stage.github().issue(BACKLOG, number).unwrap();
    assert_eq!(found.assignees, [""; 0]);
    stage.in_notion("ada", |ada| ada.trash(page)).unwrap();
    stage.pass(30);
    sweep(&mut stage).await;
    settle(&mut stage).await;
    let left = stage.github().issue(BACKLOG, number).unwrap();
    assert_eq!(left.assignees, ["ada"]);
    assert_eq!(stage.numbered(BACKLOG).len(), before + 1);
    equal(&mut stage).await;
    let store = stage.engine().await.unwrap().store().clone();
    let audit = State::new(&*store).audit(None).await.unwrap();
    let line = |line: &str| line.strip_prefix("Sync-Op: ").map(OpId::new);
    let op = left.body.unwrap().lines().find_map(line).unwrap();
    let marks = [("issue".to_owned(), op)];
    properties::audited(&*store, &audit, &marks).await.unwrap();
}

/// The operations that commits of the handbook name.
fn marks(stage: &Stage) -> Vec<(String, OpId)> {
    let commits = stage.github().commits(HANDBOOK, "main").unwrap();
    (commits.iter())
        .flat_map(|commit| commit.message.lines())
        .filter_map(|line| line.strip_prefix("Sync-Op: "))
        .map(|op| ("commit".to_owned(), OpId::new(op)))
        .collect()
}
