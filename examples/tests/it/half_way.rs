//! Writes of several steps that are given up after the first of them.

use notion_sync_core::audit::{AuditEvent, PART_OF};
use notion_sync_core::id::OpId;
use notion_sync_core::mapping::Policy;
use notion_sync_core::state::State;
use notion_sync_examples::demo::{Stage, Terms};
use notion_sync_examples::emulation::{HANDBOOK, World};
use notion_sync_testkit::emulator::{Emulator as _, Fault, FaultRule};
use notion_sync_testkit::github::MergeMethod;
use notion_sync_testkit::simulation::properties;

use crate::shown_support::settle;

const FILE: &str = "docs/releases.md";

/// The branch of a conflict is pushed, its pull request is refused, and the page goes on: the next write takes the
/// branch over. Once people merge it, each commit of it has its row in the audit.
#[tokio::test]
async fn what_another_write_takes_over_has_its_row_in_the_audit() {
    let terms = Terms::documents(Policy::ManualReview);
    let mut stage = Stage::in_memory(World::small().unwrap(), terms)
        .await
        .unwrap();
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
    let now = stage.now();
    let open = stage.github().issue_numbers(HANDBOOK).unwrap();
    for number in open {
        let mut github = stage.github();
        let _ = github.set_draft(HANDBOOK, number, "ada", false, now);
        (github.merge(HANDBOOK, number, "ada", MergeMethod::Merge, now)).unwrap();
    }
    stage.pass(30);
    settle(&mut stage).await;
    assert!(text(&stage).contains("As the page has it now."));
    let commits = stage.github().commits(HANDBOOK, "main").unwrap();
    let marks: Vec<(String, OpId)> = (commits.iter())
        .flat_map(|commit| commit.message.lines())
        .filter_map(|line| line.strip_prefix("Sync-Op: "))
        .map(|op| ("commit".to_owned(), OpId::new(op)))
        .collect();
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
