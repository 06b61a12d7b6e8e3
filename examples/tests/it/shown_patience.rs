//! A service whose hourly limit is smaller than what a comparison of everything needs.

use notion_sync_core::engine::Stocktaking;
use notion_sync_core::id::MappingId;
use notion_sync_core::mapping::Policy;
use notion_sync_core::{ErrorKind, Retry};
use notion_sync_examples::demo::{Stage, Terms};
use notion_sync_examples::emulation::World;

use crate::services::Stand;

const FILES: usize = 150;

fn narrow(requests_per_hour: u32) -> World {
    let mut world = World::small().unwrap();
    world.github.settings.requests_per_hour = requests_per_hour;
    for number in 0..FILES {
        let files = &mut world.github.repositories[0].files;
        files.insert(format!("docs/more-{number}.md"), format!("# No {number}\n"));
    }
    world
}

#[tokio::test]
async fn a_comparison_that_a_limit_ended_goes_on_where_it_was() {
    let terms = Terms::documents(Policy::GithubWins);
    let mut stage = Stage::in_memory(narrow(100), terms).await.unwrap();
    let handbook = MappingId::new("handbook");
    let marks = stage.marks();
    let mut stock = Stocktaking::default();
    let mut refused = 0;
    let found = loop {
        let engine = stage.engine().await.unwrap();
        let error = match engine.findings_from(&handbook, &mut stock).await {
            Ok(found) => break found,
            Err(error) => error,
        };
        assert_eq!(error.kind(), ErrorKind::RateLimited, "{error}");
        let Retry::NotBefore(until) = error.retry() else {
            panic!("{error}")
        };
        refused += 1;
        assert!(refused < 4, "it never ends: {error}");
        stage.clock.advance_to(until);
    };
    assert!(refused > 0, "the limit was never met");
    assert_eq!(found, []);
    // Each file once, but for those that were under way when the limit was met.
    let asked = stage.asked(marks);
    let reads = asked.iter().filter(|line| line.contains("/contents/"));
    let reads = reads.count();
    assert!((FILES..FILES + 20).contains(&reads), "{reads} {asked:?}");
}

#[test]
fn without_wait_the_error_names_the_remedy() {
    let stand = Stand::configured_in("patience", narrow(60));
    let ran = stand.run(&["check", "--full"]).ends(1);
    assert!(ran.err.contains("notion-sync check --full"), "{ran:?}");
    assert!(ran.err.contains("--wait"), "{ran:?}");
}
