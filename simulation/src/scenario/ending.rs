//! What a seed came to: what was reached on the way, and the hash of what is there in the end.

use notion_sync_core::operation::{Attempt, OpState};
use notion_sync_core::record::Life;
use notion_sync_core::remote::{Action, ProposalKind};
use notion_sync_core::state::{State, load_many};
use notion_sync_core::store::{Item, Table};
use notion_sync_examples::emulation::HANDBOOK;
use notion_sync_store::{Backing as _, MemoryStore};
use notion_sync_testkit::simulation::Failure;
use notion_sync_testkit::simulation::properties::{count_audit, is_parked};

use super::check::{Checked, Scene, failed};
use super::play::Theatre;

/// Items of the store that are read at once.
const PAGE: usize = 100;

/// What was reached.
pub(super) async fn count(theatre: &mut Theatre, scene: &Scene) -> Checked {
    let seam = theatre.seam.clone();
    count_audit(&scene.audit, &|what| seam.count(what));
    let engine = theatre.stage.engine().await.map_err(|e| failed(&e))?;
    let store = engine.store().clone();
    let state = State::new(&*store);
    for record in &scene.records {
        seam.count(match record.life {
            Life::Provisioning => "ends provisioning",
            Life::Live => "ends live",
            Life::Deleting => "ends deleting",
            Life::Detached => "ends detached",
            Life::Tombstone => "ends buried",
        });
        if is_parked(record) && record.life == Life::Live {
            seam.count("ends parked");
        }
        for op in state
            .operations_of(&record.id)
            .await
            .map_err(|e| failed(&e))?
        {
            if op.state == OpState::Done
                && let Action::Propose(propose) = &op.write.action
            {
                seam.count(match propose.kind {
                    ProposalKind::Create => "pull request for a new file opened",
                    ProposalKind::Edit => "pull request for an edit opened",
                    ProposalKind::Delete => "pull request for a deletion opened",
                    ProposalKind::Conflict => "conflict pull request opened",
                });
            }
            if op.lost > 0 {
                seam.count("lost while it was sent");
            }
            if op.attempts > 1 {
                seam.count("sent more than once");
            }
        }
    }
    let attempts = keys(&theatre.kept, Table::Attempt).await?;
    let attempts: Vec<Attempt> = load_many(&*theatre.kept, Table::Attempt, &attempts)
        .await
        .map_err(|e| failed(&e))?;
    for attempt in attempts {
        // How it ended stands where it stood that nobody knew.
        let ended = attempt.outcome.as_deref();
        match ended {
            Some("found applied") => seam.count("adopted by lookup"),
            Some("not applied") => seam.count("lookup found nothing"),
            _ => {}
        }
        if matches!(ended, Some("unknown" | "found applied" | "not applied")) {
            seam.count("held until its outcome can be known");
        }
    }
    let github = theatre.stage.github();
    for number in github.issue_numbers(HANDBOOK).unwrap_or_default() {
        let issue = github.issue(HANDBOOK, number);
        let ours = issue.filter(|issue| issue.author == "sync-bot" && !issue.open);
        if let Some(pull) = ours.and_then(|issue| issue.pull) {
            seam.count(if pull.merged {
                "proposal merged"
            } else {
                "proposal closed"
            });
        }
    }
    Ok(())
}

/// Adds what both sides and the store hold to the hash of the seed.
pub(super) async fn seal(theatre: &Theatre, scene: &Scene) -> Checked {
    let seam = &theatre.seam;
    for texts in [&scene.pages, &scene.files] {
        for (name, text) in texts {
            seam.seal(name.as_bytes());
            seam.seal(text.as_bytes());
        }
    }
    for texts in [&scene.issues, &scene.pulls] {
        for (number, text) in texts {
            seam.seal(&number.to_le_bytes());
            seam.seal(text.as_bytes());
        }
    }
    let process = std::process::id();
    for table in Table::ALL {
        for item in items(&theatre.kept, table).await? {
            seam.seal(item.key.as_bytes());
            seam.seal(&item.version.to_le_bytes());
            seam.seal(&whoever(item.body, process));
        }
    }
    Ok(())
}

/// Everything in a table.
pub(super) async fn items(kept: &MemoryStore, table: Table) -> Result<Vec<Item>, Failure> {
    let mut out = Vec::new();
    for keys in keys(kept, table).await?.chunks(PAGE) {
        let items = kept.frames(table, keys).await;
        out.extend(items.map_err(|e| failed(&e))?);
    }
    Ok(out)
}

/// What is kept, whichever process played: a lease names its holder by the number of its process.
fn whoever(body: Vec<u8>, process: u32) -> Vec<u8> {
    match String::from_utf8(body) {
        Ok(text) => text
            .replace(&format!("process {process}/"), "process /")
            .into_bytes(),
        Err(error) => error.into_bytes(),
    }
}

/// Every key of a table.
pub(super) async fn keys(kept: &MemoryStore, table: Table) -> Result<Vec<String>, Failure> {
    let mut out: Vec<String> = Vec::new();
    loop {
        let last = out.last().map(String::as_str);
        let page = kept.keys(table, last, PAGE).await;
        let page = page.map_err(|e| failed(&e))?;
        if page.is_empty() {
            return Ok(out);
        }
        out.extend(page);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_does_not_tell_which_process_played() {
        let lease = |process: u32| format!("{{\"owner\":\"process {process}/5f3a\"}}").into_bytes();
        assert_eq!(whoever(lease(7), 7), whoever(lease(4_711), 4_711));
        assert_ne!(whoever(lease(7), 7), whoever(lease(4_711), 7));
        assert_eq!(whoever(vec![0xff, 7], 7), [0xff, 7]);
    }
}
