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

/// A branch is pushed, its pull request is refused, and the page goes on: the next write takes the branch
/// over. Once people merge it, each commit of it has its row in the audit.
#[tokio::test]
async fn what_another_write_takes_over_has_its_row_in_the_audit() {
    let world = World::small().unwrap();
    let terms = Terms::documents(Policy::ManualReview);
    let mut stage = Stage::in_memory(world, terms).await.unwrap();
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
    let _ = stage.tick(false).await.unwrap();
    let page = stage.page("Welcome").unwrap();
    (stage.in_notion("ada", |ada| ada.append(page, "Another ending."))).unwrap();
    stage.pass(30);
    stage.settle().await.unwrap();
    let now = stage.now();
    {
        let mut github = stage.github();
        for number in github.issue_numbers(HANDBOOK).unwrap() {
            github
                .set_draft(HANDBOOK, number, "ada", false, now)
                .unwrap();
            github
                .merge(HANDBOOK, number, "ada", MergeMethod::Merge, now)
                .unwrap();
        }
    }
    stage.pass(30);
    stage.settle().await.unwrap();
    let commits = stage.github().commits(HANDBOOK, "main").unwrap();
    let marks: Vec<(String, OpId)> = (commits.iter())
        .flat_map(|commit| commit.message.lines())
        .filter_map(|line| line.strip_prefix("Sync-Op: "))
        .map(|op| ("commit".to_owned(), OpId::new(op)))
        .collect();
    assert!(marks.len() > 2, "{marks:?}");
    let store = stage.engine().await.unwrap().store().clone();
    let audit = State::new(&*store).audit(None).await.unwrap();
    let over: Vec<_> = (audit.iter())
        .filter(|row| row.event == AuditEvent::Applied && row.details.contains_key(PART_OF))
        .collect();
    assert_eq!(over.len(), 1, "{over:?}");
    properties::audited(&*store, &audit, &marks).await.unwrap();
}
