//! What must hold once everything has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use notion_sync_core::audit::AuditRow;
use notion_sync_core::id::{OpId, RemoteRef};
use notion_sync_core::mapping::FileMarker;
use notion_sync_core::record::Record;
use notion_sync_core::state::State;
use notion_sync_examples::emulation::{BACKLOG, HANDBOOK};
use notion_sync_github::reference;
use notion_sync_testkit::simulation::properties::{self, is_parked};
use notion_sync_testkit::simulation::{Failure, origins, words};
use serde_json::Value;

use super::alike;
use super::ending;
use super::people::{lock, table};
use super::play::Theatre;
use super::repaired;
use super::standing;

/// Everything that is looked at.
#[derive(Debug, Default)]
pub(super) struct Scene {
    pub(super) records: Vec<Record>,
    pub(super) audit: Vec<AuditRow>,
    /// Texts of pages by id, title and properties included.
    pub(super) pages: BTreeMap<String, String>,
    pub(super) files: BTreeMap<String, String>,
    pub(super) issues: BTreeMap<u64, String>,
    /// Their labels.
    pub(super) labels: Vec<String>,
    /// Which of them are open.
    pub(super) open: BTreeSet<u64>,
    /// Open pull requests of the handbook.
    pub(super) pulls: BTreeMap<u64, String>,
    /// Their branches.
    pub(super) heads: BTreeMap<u64, String>,
    /// Operation marks by kind of object.
    pub(super) marks: Vec<(String, OpId)>,
    /// Pages and issues with the creation that they say made them.
    pub(super) made: Vec<(String, OpId)>,
    /// Those of them that are not put away.
    pub(super) there: BTreeSet<String>,
}

pub(super) type Checked = Result<(), Failure>;

/// Checks everything.
pub(crate) async fn all(theatre: &mut Theatre) -> Checked {
    let scene = scene(theatre).await?;
    ending::count(theatre, &scene).await?;
    tokens(theatre, &scene)?;
    convergence(theatre, &scene).await?;
    alike::all(&theatre.stage, &scene.records)?;
    if theatre.beyond.is_some() {
        repaired::all(theatre, &scene)?;
    } else {
        once(theatre, &scene)?;
    }
    standing::buried(&scene)?;
    standing::proposed(&theatre.people, &scene)?;
    standing::agreed(&scene)?;
    standing::apart(&theatre.people, &scene)?;
    if !theatre.surroundings.restored {
        standing::disputed(&theatre.people, &scene, theatre.carried.is_some())?;
    }
    let engine = theatre.stage.engine().await.map_err(|e| failed(&e))?;
    let store = engine.store().clone();
    // What was done since a backup that was put back, the audit does not know.
    let marks = match theatre.surroundings.restored {
        true => &[][..],
        false => &scene.marks,
    };
    properties::audited(&*store, &scene.audit, marks).await?;
    let people = theatre.people.clone();
    let trashed = |page: &RemoteRef| people.ever_trashed(&page.id);
    properties::proven(&*store, &scene.records, &trashed).await?;
    properties::registered(&*store, &scene.records).await?;
    ending::seal(theatre, &scene).await
}

pub(super) fn failed(error: &notion_sync_core::Error) -> Failure {
    Failure::harness(error)
}

fn plain(value: Option<&Value>) -> String {
    let parts = value.and_then(Value::as_array);
    parts
        .into_iter()
        .flatten()
        .filter_map(|part| part.get("plain_text").and_then(Value::as_str))
        .collect()
}

fn marked(text: &str, out: &mut Vec<OpId>) {
    for line in text.lines() {
        if let Some(op) = line.trim().strip_prefix("Sync-Op: ") {
            out.push(OpId::new(op.trim()));
        }
    }
}

async fn scene(theatre: &mut Theatre) -> Result<Scene, Failure> {
    let records = theatre.stage.records().await.map_err(|e| failed(&e))?;
    let engine = theatre.stage.engine().await.map_err(|e| failed(&e))?;
    let store = engine.store().clone();
    let audit = State::new(&*store)
        .audit(None)
        .await
        .map_err(|e| failed(&e))?;
    let mut marks = Vec::new();
    let (mut made, mut there) = (Vec::new(), BTreeSet::new());
    let mut pages = BTreeMap::new();
    {
        let notion = theatre.stage.notion();
        for tasks in [false, true] {
            for id in notion.rows(notion.id(table(tasks))) {
                let properties = notion.properties(id);
                let op = plain(properties.get("Sync Op"));
                if !op.is_empty() {
                    there.insert(format!("page {id}"));
                    made.push((format!("page {id}"), OpId::new(op.clone())));
                    marks.push(("page".to_owned(), OpId::new(op)));
                }
                for comment in notion.comments(id) {
                    let op = comment
                        .lines()
                        .last()
                        .and_then(|line| line.strip_prefix("nsync:"));
                    marks.extend(op.map(|op| ("page comment".to_owned(), OpId::new(op.trim()))));
                }
                let title = notion.title(id).unwrap_or_default();
                let properties = serde_json::to_string(&properties).unwrap_or_default();
                let text = format!("{title}\n{properties}\n{}", notion.markdown(id));
                pages.insert(id.to_string(), text);
            }
        }
    }
    let github = theatre.stage.github();
    let files = github.files(HANDBOOK, "main").unwrap_or_default();
    let (mut issues, mut open) = (BTreeMap::new(), BTreeSet::new());
    let mut labels = Vec::new();
    let (mut pulls, mut heads) = (BTreeMap::new(), BTreeMap::new());
    for number in github.issue_numbers(BACKLOG).unwrap_or_default() {
        let Some(issue) = github.issue(BACKLOG, number) else {
            continue;
        };
        let mut found = Vec::new();
        let body = issue.body.unwrap_or_default();
        marked(&body, &mut found);
        if issue.open {
            open.insert(number);
            there.insert(format!("issue {number}"));
        }
        made.extend(
            found
                .iter()
                .map(|op| (format!("issue {number}"), op.clone())),
        );
        marks.extend(found.into_iter().map(|op| ("issue".to_owned(), op)));
        for (author, comment) in &issue.comments {
            if author == "sync-bot" {
                let mut found = Vec::new();
                marked(comment, &mut found);
                marks.extend(found.into_iter().map(|op| ("comment".to_owned(), op)));
            }
        }
        labels.extend(issue.labels);
        issues.insert(number, format!("{}\n{body}", issue.title));
    }
    for number in github.issue_numbers(HANDBOOK).unwrap_or_default() {
        let Some(issue) = github.issue(HANDBOOK, number) else {
            continue;
        };
        let Some(pull) = issue.pull.filter(|_| issue.open) else {
            continue;
        };
        let mut text = format!("{:?} {:?}", issue.body, issue.comments);
        let branch = github.files(HANDBOOK, &pull.head).unwrap_or_default();
        text.extend(branch.into_values());
        pulls.insert(number, text);
        heads.insert(number, pull.head);
    }
    for commit in github.commits(HANDBOOK, "main").unwrap_or_default() {
        let mut found = Vec::new();
        marked(&commit.message, &mut found);
        marks.extend(found.into_iter().map(|op| ("commit".to_owned(), op)));
    }
    drop(github);
    Ok(Scene {
        records,
        audit,
        pages,
        files,
        issues,
        labels,
        open,
        pulls,
        heads,
        marks,
        made,
        there,
    })
}

/// P02: no word that a person wrote is lost.
fn tokens(theatre: &Theatre, scene: &Scene) -> Checked {
    let mut found = properties::words_in_conflict(&scene.records);
    let texts = scene
        .pages
        .values()
        .chain(scene.files.values())
        .chain(scene.issues.values())
        .chain(&scene.labels)
        .chain(scene.pulls.values());
    for text in texts {
        found.extend(words(text));
    }
    let ledger = lock(&theatre.people.ledger);
    // Who lost a conflict that a backup does not know of lost it all the same.
    let audit = scene.audit.iter().chain(&theatre.surroundings.forgotten);
    properties::kept(&ledger, &found, audit, &|what| {
        theatre.seam.count(what);
    })
}

/// P30: what was edited or made is seen without hints and without a listing of everything. What was
/// removed may wait for that: a page in the trash is not listed.
pub(super) async fn seen(theatre: &mut Theatre) -> Checked {
    let records = theatre.stage.records().await.map_err(|e| failed(&e))?;
    let rows: BTreeSet<String> = {
        let notion = theatre.stage.notion();
        let tables = [false, true].map(|tasks| notion.rows(notion.id(table(tasks))));
        tables.concat().iter().map(ToString::to_string).collect()
    };
    let waits = |record: &Record| {
        let page = record.notion.as_ref();
        is_parked(record) || page.is_some_and(|page| !rows.contains(&page.id))
    };
    let unseen = different(theatre, &records, &waits, false).await?;
    unseen.map_or(Ok(()), |message| Err(Failure::new("P30", message)))
}

/// P01: every pair that is not parked says the same on both sides.
async fn convergence(theatre: &mut Theatre, scene: &Scene) -> Checked {
    // What was made twice belongs to the other one.
    let alone = |record: &Record| is_parked(record) || record.duplicate.is_some();
    let different = different(theatre, &scene.records, &alone, true).await?;
    different.map_or(Ok(()), |message| Err(Failure::new("P01", message)))
}

/// What differs, or has no counterpart, and belongs to no record that waits. With `counterparts` also
/// what is on GitHub alone.
async fn different(
    theatre: &mut Theatre,
    records: &[Record],
    waits: &dyn Fn(&Record) -> bool,
    counterparts: bool,
) -> Result<Option<String>, Failure> {
    let comparison = theatre.stage.compare().await.map_err(|e| failed(&e))?;
    let mut parked = BTreeSet::new();
    for record in records.iter().filter(|record| waits(record)) {
        parked.extend(record.path.clone());
        if let Some(github) = &record.github
            && let Ok((_, number)) = reference::parse_numbered(github)
        {
            parked.insert(format!("issue {number}"));
        }
    }
    // Files without marks have no fields either.
    let fields = theatre.stage.terms.file_marker != FileMarker::None;
    for pair in &comparison.pairs {
        let mut pair = pair.clone();
        pair.differences
            .retain(|said| fields || !(said.starts_with("owner:") || said.starts_with("tags:")));
        if !pair.differences.is_empty() && !parked.contains(&pair.counterpart) {
            return Ok(Some(format!(
                "{} and {} differ: {}",
                pair.title,
                pair.counterpart,
                pair.differences.join("; ")
            )));
        }
    }
    let lonely = comparison.lonely_pages.iter().map(|title| ("page", title));
    let others = (comparison.lonely_counterparts.iter()).filter(|_| counterparts);
    for (kind, name) in lonely.chain(others.map(|name| ("object", name))) {
        let known = records.iter().any(|record| {
            waits(record)
                && (record.title == *name
                    || record.path.as_deref() == Some(name)
                    || parked.contains(name))
        });
        // Several pages name it after a backup was put back that knew none of them: they say so, and a person decides.
        let claimed = kind == "object" && counterparts && theatre.surroundings.restored;
        if claimed && records.iter().any(drifts) {
            (theatre.seam).count("left to people after a backup was put back");
            continue;
        }
        if !known {
            return Ok(Some(format!(
                "the {kind} {name:?} has no counterpart and nobody waits for it"
            )));
        }
    }
    Ok(None)
}

/// Whether registry and marks contradict each other, and it says so.
fn drifts(record: &Record) -> bool {
    record.problem.as_ref().is_some_and(|known| known.drift)
}

/// What the engine says of an object that is gone on one side and was edited on the other.
const EDITED_AND_GONE: &str =
    "deleted on one side and edited on the other: restore the one or delete the other";

/// What it says of a page whose merged file is not where it was proposed.
const MERGED_AND_NOT_THERE: &str = "its pull request was merged, and its file is not at";

/// P11: nothing was made twice.
fn once(theatre: &Theatre, scene: &Scene) -> Checked {
    // What somebody moved to the trash before anybody heard of it was not there to be found, and came back.
    let away = |record: &&Record| {
        let page = record.notion.as_ref();
        record.duplicate.is_some() && page.is_some_and(|page| theatre.people.ever_trashed(&page.id))
    };
    let (back, others): (Vec<&Record>, Vec<&Record>) = scene.records.iter().partition(away);
    // What was put right since was made twice all the same.
    properties::never_repaired(others)?;
    let restored = theatre.surroundings.restored;
    let mut seen = BTreeSet::new();
    let copied = lock(&theatre.people.ledger).any_copied();
    for mark in &scene.marks {
        if !seen.insert(mark) {
            // The mark of the create stays on what people copied.
            if copied && mark.0 == "page" {
                theatre.seam.count("copy with the mark of its original");
                continue;
            }
            if !back.is_empty() && mark.0 == "page" {
                theatre
                    .seam
                    .count("page that was in the trash when it was looked for");
                continue;
            }
            // After a backup was put back the same may be written once more.
            if restored && mark.0 == "commit" {
                continue;
            }
            return Err(Failure::new(
                "P11",
                format!("there are two of {} {}", mark.0, mark.1),
            ));
        }
    }
    let ledger = lock(&theatre.people.ledger);
    let kinds: [(&str, Vec<&String>); 3] = [
        ("pages", scene.pages.values().collect()),
        ("files", scene.files.values().collect()),
        ("issues", scene.issues.values().collect()),
    ];
    // What a backup does not know, and marks do not tell either, is named and left to people.
    let told = restored && scene.records.iter().any(drifts);
    // Without marks it knows a file that moved and was edited since neither by its name nor by its text.
    let unmarked = restored && theatre.stage.terms.file_marker == FileMarker::None;
    // A file that moved and changed too much to be known again is a new one (row 29); where somebody edited the page of
    // the old one, that page stays and waits for a person.
    // So does the page of a file that was merged, edited and moved before anybody looked.
    let waits =
        |message: &str| message == EDITED_AND_GONE || message.starts_with(MERGED_AND_NOT_THERE);
    let left: BTreeSet<u32> = (scene.records.iter())
        .filter(|record| (record.problem.as_ref()).is_some_and(|one| waits(&one.message)))
        .chain(back)
        .filter_map(|record| scene.pages.get(&record.notion.as_ref()?.id))
        .flat_map(|text| origins(text))
        .collect();
    for (kind, texts) in kinds {
        let mut seen = BTreeSet::new();
        for origin in texts.into_iter().flat_map(|text| origins(text)) {
            if seen.insert(origin) || ledger.is_copied(origin) {
                continue;
            }
            let file = kind != "issues" && (unmarked || theatre.people.moved_and_edited(origin));
            if told || file || (kind == "pages" && left.contains(&origin)) {
                theatre.seam.count(match told {
                    true => "left to people after a backup was put back",
                    false => "moved file taken for a new one",
                });
            } else {
                return Err(Failure::new(
                    "P11",
                    format!("there are two {kind} that come from og{origin}q"),
                ));
            }
        }
    }
    let branches: BTreeSet<&str> = scene
        .records
        .iter()
        .filter_map(|record| Some(record.proposal.as_ref()?.branch.as_str()))
        .collect();
    let github = theatre.stage.github();
    for number in scene.pulls.keys() {
        let Some(issue) = github.issue(HANDBOOK, *number) else {
            continue;
        };
        let head = issue.pull.map(|pull| pull.head).unwrap_or_default();
        if issue.author == "sync-bot" && !branches.contains(head.as_str()) {
            // A backup that is put back knows nothing of it; it is opened under another name once more.
            if theatre.surroundings.restored {
                theatre
                    .seam
                    .count("pull request that a backup does not know");
                continue;
            }
            return Err(Failure::new(
                "P11",
                format!("pull request {number} of {head} belongs to no record"),
            ));
        }
    }
    Ok(())
}
