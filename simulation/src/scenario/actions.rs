//! P27: what rules did is what people's changes asked for.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};
use notion_sync_core::audit::AuditEvent;
use notion_sync_core::id::RecordId;
use notion_sync_core::record::Record;
use notion_sync_core::rule::{ActionState, Trigger};
use notion_sync_core::state::State;
use notion_sync_examples::emulation::BACKLOG;
use notion_sync_github::reference;
use notion_sync_testkit::notion::NotionId;
use notion_sync_testkit::simulation::Failure;
use notion_sync_testkit::simulation::properties::is_parked;

use super::check::{Checked, failed};
use super::play::{Theatre, rules};

/// Tasks whose rules are tried once more at the end.
const TRIED: usize = 2;
/// Virtual minutes for each change of the trial.
const TRIAL: i64 = 60;

/// Checks what happened, and with `tried` that each rule still fires exactly once for a change that is seen.
pub(crate) async fn all(theatre: &mut Theatre, tried: bool) -> Checked {
    bounded(theatre).await?;
    once(theatre)?;
    match tried {
        true => trial(theatre).await,
        false => Ok(()),
    }
}

fn wrong(message: impl Into<String>) -> Failure {
    Failure::new("P27", message)
}

/// When each rule fired, by record and rule.
type Fired = BTreeMap<(RecordId, String), Vec<DateTime<Utc>>>;

async fn fired(theatre: &mut Theatre) -> Result<Fired, Failure> {
    let engine = theatre.stage.engine().await.map_err(|e| failed(&e))?;
    let store = engine.store().clone();
    let rows = State::new(&*store).audit(None).await;
    let mut out = Fired::new();
    for row in rows.map_err(|e| failed(&e))? {
        if row.event == AuditEvent::Fired {
            let rule = row.summary.split(' ').nth(1).unwrap_or_default().to_owned();
            out.entry((row.record, rule)).or_default().push(row.at);
        }
    }
    Ok(out)
}

/// No rule fired more often than people asked for it, and nothing is half-way.
async fn bounded(theatre: &mut Theatre) -> Checked {
    let fired = fired(theatre).await?;
    let records = theatre.stage.records().await.map_err(|e| failed(&e))?;
    for ((id, rule), times) in &fired {
        let count = times.len();
        let record = records.iter().find(|record| record.id == *id);
        let page = record.and_then(|record| record.notion.as_ref());
        let Some(page) = page else { continue };
        let rules = rules();
        let becomes = rules.iter().find(|known| known.name == *rule);
        let becomes = becomes.map(|rule| rule.becomes.clone()).unwrap_or_default();
        let said = theatre.people.said_at(&page.id, &becomes);
        // What was carried over since a backup that was put back looks like an edit.
        if count > said.len() && !theatre.surroundings.restored {
            return Err(wrong(format!(
                "rule {rule} fired {count} times for {id}, people asked {} times",
                said.len()
            )));
        }
        // Where the clock of the process is that of the services.
        let over = |said: &DateTime<Utc>| said.timestamp().div_euclid(60) * 60 + 60;
        let early = (times.iter()).find(|at| !said.iter().any(|said| over(said) <= at.timestamp()));
        if let (Some(at), true) = (early, theatre.carried.is_some()) {
            return Err(wrong(format!(
                "rule {rule} fired for {id} at {at}, before the minute was over in which people asked"
            )));
        }
        theatre.seam.count("rule fired as asked");
    }
    if !theatre.surroundings.restored {
        noted(theatre, &records)?;
    }
    for record in &records {
        for (rule, trigger) in &record.triggers {
            echo(theatre, record, rule, trigger)?;
            for action in &trigger.actions {
                theatre.seam.count(match action.state {
                    ActionState::Armed => "step armed",
                    ActionState::Gated => "step waits",
                    ActionState::Sending => "step on its way",
                    ActionState::Done => "step done",
                    ActionState::NoOp => "step was so already",
                    ActionState::Cancelled => "step cancelled",
                    ActionState::Expired => "step expired",
                    ActionState::Refused => "step refused",
                    ActionState::Dead => "step set aside",
                });
                if action.state == ActionState::Sending && !is_parked(record) {
                    return Err(wrong(format!(
                        "step {} of rule {rule} of {} is on its way for ever",
                        action.step, record.id
                    )));
                }
            }
        }
    }
    Ok(())
}

/// No step is on its way, or was done, that nobody asked for.
fn echo(theatre: &Theatre, record: &Record, rule: &str, trigger: &Trigger) -> Checked {
    let Some(page) = record
        .notion
        .as_ref()
        .filter(|_| !trigger.actions.is_empty())
    else {
        return Ok(());
    };
    let known = rules().into_iter().find(|known| known.name == rule);
    let becomes = known.map(|rule| rule.becomes).unwrap_or_default();
    if theatre.people.said(&page.id, &becomes) > 0 || theatre.surroundings.restored {
        return Ok(());
    }
    Err(wrong(format!(
        "rule {rule} has steps for {}, and nobody said {}",
        record.id,
        becomes.join(" or ")
    )))
}

/// No issue is told more often that its task was dropped, or merged, than people said so.
fn noted(theatre: &Theatre, records: &[Record]) -> Checked {
    let github = theatre.stage.github();
    for record in records {
        let (Some(page), Some(object)) = (&record.notion, &record.github) else {
            continue;
        };
        let Ok((_, number)) = reference::parse_numbered(object) else {
            continue;
        };
        let Some(issue) = github.issue(BACKLOG, number) else {
            continue;
        };
        for (said, status) in [("Dropped: ", "Dropped"), ("Merged: ", "Done")] {
            let ours = (issue.comments.iter()).filter(|(author, _)| author == "sync-bot");
            let count = ours.filter(|(_, text)| text.starts_with(said)).count();
            let asked = theatre.people.said(&page.id, &[status.to_owned()]);
            if count > asked {
                return Err(wrong(format!(
                    "issue {number} was told {count} times {said:?}, people asked {asked} times"
                )));
            }
        }
    }
    Ok(())
}

/// No two pull requests of ours are open for one task.
fn once(theatre: &Theatre) -> Checked {
    let github = theatre.stage.github();
    let mut tasks = BTreeSet::new();
    for number in github.issue_numbers(BACKLOG).unwrap_or_default() {
        let Some(issue) = github.issue(BACKLOG, number) else {
            continue;
        };
        let Some(pull) = issue
            .pull
            .filter(|_| issue.open && issue.author == "sync-bot")
        else {
            continue;
        };
        // task/{number}-{slug}
        let task = pull.head.split(['/', '-']).nth(1).map(str::to_owned);
        if !tasks.insert(task) {
            return Err(wrong(format!(
                "{} is the second open one of its task",
                pull.head
            )));
        }
    }
    Ok(())
}

/// Nothing fails any more and everything is seen: a rule fires exactly once for each change.
async fn trial(theatre: &mut Theatre) -> Checked {
    let records = theatre.stage.records().await.map_err(|e| failed(&e))?;
    let mut chosen: Vec<(Record, NotionId)> = Vec::new();
    for record in records {
        let page = record.notion.as_ref().and_then(|page| page.id.parse().ok());
        let sound =
            !is_parked(&record) && record.github.as_ref().is_some_and(|o| o.kind == "issue");
        if let (true, Some(page)) = (sound, page)
            && chosen.len() < TRIED
        {
            chosen.push((record, page));
        }
    }
    if chosen.is_empty() {
        return Ok(());
    }
    let mut before: Option<Fired> = None;
    for status in ["To do", "Dropped", "To do", "Dropped"] {
        for (_, page) in &chosen {
            let now = theatre.stage.now();
            if theatre.people.say(*page, status, now).is_none() {
                return Err(Failure::new("harness", "a task cannot be changed"));
            }
        }
        let until = theatre.stage.now() + Duration::minutes(TRIAL);
        theatre.stage.clock.advance(Duration::minutes(5));
        theatre.rest(until, true).await?;
        theatre.stage.clock.advance(Duration::minutes(5));
        theatre.rest(until, true).await?;
        let after = fired(theatre).await?;
        if let Some(before) = &before {
            for (record, _) in &chosen {
                let key = (record.id.clone(), "drop".to_owned());
                let count = |all: &Fired| all.get(&key).map_or(0, Vec::len);
                let expected = usize::from(status == "Dropped");
                if count(&after) - count(before) != expected {
                    return Err(wrong(format!(
                        "rule drop fired {} times for {} when it became {status}",
                        count(&after) - count(before),
                        record.id
                    )));
                }
                theatre.seam.count("rule tried");
            }
        }
        before = Some(after);
    }
    Ok(())
}
