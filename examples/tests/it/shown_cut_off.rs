//! Writes that stop half-way, and people who go on meanwhile.

use notion_sync_core::audit::AuditEvent;
use notion_sync_core::mapping::Policy;
use notion_sync_core::state::State;
use notion_sync_examples::demo::Stage;
use notion_sync_testkit::emulator::{Emulator as _, Fault, FaultRule};

use crate::shown_parallel::{both_say, edit_file, edit_page, pair};
use crate::shown_support::{equal, settle};

/// Where a write of a body to a page can stop: before its second block, before its mark.
const STOPS: [(&str, &str, u32); 2] = [("PATCH", "/v1/blocks/", 1), ("PATCH", "/v1/pages/", 0)];

async fn rows(stage: &mut Stage, event: AuditEvent) -> Vec<String> {
    let engine = stage.engine().await.unwrap();
    let rows = State::new(&**engine.store()).audit(None).await.unwrap();
    rows.iter()
        .filter(|row| row.event == event)
        .map(|row| format!("{row:?}"))
        .collect()
}

#[tokio::test]
async fn what_stands_as_it_was_sent_is_nobodys_edit() {
    for (method, path, skip) in STOPS {
        for policy in [Policy::ManualReview, Policy::NotionWins, Policy::GithubWins] {
            let mut stage = pair(policy).await;
            edit_file(&stage, "* tags the commit,", "* tags the signed commit,");
            edit_file(&stage, "on Fridays.", "on Fridays, one.");
            stage.notion().faults().push(FaultRule {
                method: method.to_owned(),
                path_contains: path.to_owned(),
                skip,
                times: 1,
                fault: Fault::DropBefore,
            });
            let tick = stage.tick(false).await.unwrap().unwrap();
            assert_eq!(tick.mappings[0].open_operations, 1, "cut off at {path}");
            // Both sides go on: one in the text that was just written, one beside it.
            edit_file(
                &stage,
                "tags the signed commit,",
                "tags the signed commit, two,",
            );
            edit_file(&stage, "on Fridays, one.", "on Fridays, one, three.");
            edit_page(
                &stage,
                "We release",
                "We release on Tuesdays, and four. The release manager",
            );
            stage.pass(10);
            let outcome = settle(&mut stage).await;
            assert_eq!(outcome.conflicts, 0, "{policy:?} {path}");
            assert!(rows(&mut stage, AuditEvent::Loser).await.is_empty());
            assert_eq!(rows(&mut stage, AuditEvent::Voided).await.len(), 1);
            for text in ["signed commit, two,", "on Fridays, one, three.", "and four"] {
                both_say(&stage, text);
            }
            equal(&mut stage).await;
        }
    }
}
