//! Documents in forty lines: a data source and a folder of a branch are kept the same.
//!
//! Both services are emulated in this process, so that it runs anywhere. Against the real ones only
//! `parts` is another: `wiring::network_parts(&config)`.

#![allow(clippy::print_stdout)] // An example prints.

use std::error::Error;
use std::sync::Arc;

use notion_sync_core::clock::{Clock, VirtualClock};
use notion_sync_core::engine::Budget;
use notion_sync_examples::config::{Config, DocumentsSection};
use notion_sync_examples::emulation::{GITHUB_TOKEN, HANDBOOK, NOTION_TOKEN, Services, World};
use notion_sync_examples::secrets::{GithubSecret, Secrets};
use notion_sync_examples::wiring::{self, Parts};
use notion_sync_store::MemoryStore;
use notion_sync_testkit::emulator::{EmulatorBounds, InProcess};

/// Syncs until nothing is under way, and answers how many writes that took.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let clock = Arc::new(VirtualClock::new("2026-11-21T09:00:00Z".parse()?));
    let shared: Arc<dyn Clock> = clock.clone();
    let services = Services::start(World::small()?, EmulatorBounds::notion(), clock.now())?;
    let data_source = {
        let notion = services.notion.lock().map_err(|_| "poisoned")?;
        notion.world().id("handbook-pages").to_string()
    };
    let config = Config {
        documents: vec![DocumentsSection {
            name: "handbook".to_owned(),
            data_source,
            repository: HANDBOOK.to_owned(),
            ..DocumentsSection::default()
        }],
        ..Config::default()
    };
    let secrets = Secrets {
        notion_token: Some(NOTION_TOKEN.to_owned().into()),
        github: Some(GithubSecret::Token(GITHUB_TOKEN.to_owned().into())),
        ..Secrets::default()
    };
    let parts = Parts {
        notion_http: Arc::new(InProcess::new(services.notion.clone(), shared.clone())),
        github_http: Arc::new(InProcess::new(services.github.clone(), shared.clone())),
        clock: shared,
    };
    let engine = wiring::engine(&config, &secrets, &parts, Arc::new(MemoryStore::new())).await?;
    let mut writes = 0;
    loop {
        let tick = engine.tick(Budget::default()).await?;
        for applied in tick.mappings.iter().flat_map(|report| &report.applied) {
            println!("{}: {}", applied.side, applied.summary);
            writes += 1;
        }
        match tick.settle_due {
            // A daemon would sleep until then, a cron job would end here.
            Some(due) => clock.advance_to(due),
            None => break,
        }
    }
    println!("{writes} writes");
    if writes == 0 {
        return Err("nothing was synchronised".into());
    }
    Ok(())
}
