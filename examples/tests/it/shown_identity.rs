//! Identity from the marks alone, over both emulated services: the registry is deleted, marks are
//! removed, marks contradict each other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use notion_sync_core::engine::{Finding, FindingKind, Rebuilt, Remedy};
use notion_sync_core::id::{MappingId, RemoteRef, Side};
use notion_sync_core::mapping::Policy;
use notion_sync_core::record::Life;
use notion_sync_examples::demo::{Stage, Terms};
use notion_sync_examples::emulation::{BACKLOG, World};
use serde_json::json;

use crate::shown_support::{Scratch, equal, settle, sweep};

type Pairs = BTreeMap<String, (Option<RemoteRef>, Option<RemoteRef>)>;

async fn pairs(stage: &mut Stage) -> Pairs {
    (stage.records().await.unwrap().into_iter())
        .filter(|record| record.life == Life::Live)
        .map(|record| (record.id.to_string(), (record.notion, record.github)))
        .collect()
}

async fn mappings(stage: &mut Stage) -> Vec<MappingId> {
    let engine = stage.engine().await.unwrap();
    engine
        .bindings()
        .map(|binding| binding.mapping.id.clone())
        .collect()
}

async fn rebuild(stage: &mut Stage) -> Vec<Rebuilt> {
    let mut out = Vec::new();
    for mapping in mappings(stage).await {
        let engine = stage.engine().await.unwrap();
        out.push(engine.rebuild(&mapping, false, false).await.unwrap());
    }
    out
}

async fn findings(stage: &mut Stage) -> Vec<Finding> {
    let mut out = Vec::new();
    for mapping in mappings(stage).await {
        let engine = stage.engine().await.unwrap();
        out.extend(engine.findings(&mapping).await.unwrap());
    }
    out
}

async fn repair(stage: &mut Stage) -> usize {
    let mut writes = 0;
    for mapping in mappings(stage).await {
        let engine = stage.engine().await.unwrap();
        writes += engine.repair(&mapping).await.unwrap().writes();
    }
    writes
}

/// A stage whose store is a file, and the file.
fn in_file(name: &str, terms: Terms) -> (Stage, Scratch, PathBuf) {
    let scratch = Scratch::new(name);
    let file = scratch.0.join("sync.db");
    let stage = Stage::in_file(World::small().unwrap(), terms, file.clone()).unwrap();
    (stage, scratch, file)
}

/// The process ends and its database is deleted.
fn lose_registry(stage: &mut Stage, file: &Path) {
    stage.stop();
    for end in ["", "-wal", "-shm", ".lock"] {
        let mut name = file.to_path_buf().into_os_string();
        name.push(end);
        let _ = std::fs::remove_file(name);
    }
    assert!(!file.exists());
}

/// Everything becomes a pair, and both sides are worked on for a day.
async fn day(stage: &mut Stage) {
    settle(stage).await;
    for (number, pull) in stage.open_pulls() {
        assert!(pull.pull.is_some());
        stage.merge("ada", number).unwrap();
    }
    settle(stage).await;
    stage.pass(30);
    stage
        .add_page(
            "ada",
            "backlog-tasks",
            &[
                ("Name", json!("Write the changelog")),
                ("Status", json!("To do")),
            ],
            "Before the release.",
        )
        .unwrap();
    let page = stage.page("Welcome").unwrap();
    stage
        .in_notion("ada", |ada| {
            ada.append(page, "Lunch is at noon.").map(|_| ())
        })
        .unwrap();
    let file = stage.file("docs/releases.md").unwrap();
    stage
        .push(
            "bob",
            "Move",
            &[
                ("docs/releases.md", None),
                ("docs/how-we-release.md", Some(file.as_str())),
            ],
        )
        .unwrap();
    let now = stage.now();
    let number = number(stage, "Dark mode");
    stage
        .github()
        .label(BACKLOG, number, "bob", &["feature", "docs"], now)
        .unwrap();
    settle(stage).await;
    stage.pass(60);
    settle(stage).await;
}

fn number(stage: &Stage, title: &str) -> u64 {
    let issues = stage.issues();
    let mut found = issues.iter().filter(|(_, issue)| issue.title == title);
    let (number, _) = found.next().expect(title);
    *number
}

#[tokio::test]
async fn a_deleted_database_is_rebuilt_from_the_marks() {
    for policy in [Policy::ManualReview, Policy::NotionWins] {
        let terms = Terms {
            documents: Some(policy),
            tasks: Some(policy),
            ..Terms::default()
        };
        let (mut stage, _scratch, file) = in_file("identity", terms);
        day(&mut stage).await;
        let before = pairs(&mut stage).await;
        assert_eq!(before.len(), 6, "{before:#?}");
        assert_eq!(findings(&mut stage).await, []);

        lose_registry(&mut stage, &file);
        let marks = stage.marks();
        let rebuilt = rebuild(&mut stage).await;
        let left: Vec<_> = rebuilt.iter().flat_map(|one| &one.findings).collect();
        assert_eq!(left, Vec::<&Finding>::new());
        assert_eq!(pairs(&mut stage).await, before, "byte for byte");
        let calls = stage.calls(marks);
        assert_eq!((calls.notion_writes, calls.github_writes), (0, 0));
        let outcome = settle(&mut stage).await;
        assert_eq!(
            (outcome.applied.len(), outcome.conflicts),
            (0, 0),
            "{:#?}",
            outcome.applied
        );
        assert_eq!(pairs(&mut stage).await, before);
        equal(&mut stage).await;

        // It is a registry like any other: edits go over.
        stage.pass(10);
        let page = stage.page("Dark mode").unwrap();
        stage
            .in_notion("ada", |ada| ada.rename(page, "Dark theme"))
            .unwrap();
        settle(&mut stage).await;
        number(&stage, "Dark theme");
        equal(&mut stage).await;
    }
}

#[tokio::test]
async fn an_ordinary_run_after_the_loss_doubles_nothing() {
    let (mut stage, _scratch, file) = in_file("identity-run", Terms::default());
    day(&mut stage).await;
    let before = pairs(&mut stage).await;
    let counts = (
        stage.pages().len(),
        stage.tasks().len(),
        stage.issues().len(),
    );
    lose_registry(&mut stage, &file);
    let outcome = sweep(&mut stage).await;
    assert_eq!(
        (outcome.applied.len(), outcome.conflicts),
        (0, 0),
        "{:#?}",
        outcome.applied
    );
    assert_eq!(pairs(&mut stage).await, before);
    let after = (
        stage.pages().len(),
        stage.tasks().len(),
        stage.issues().len(),
    );
    assert_eq!(after, counts);
    equal(&mut stage).await;
}

#[tokio::test]
async fn an_edit_while_the_registry_was_lost_overwrites_nothing() {
    let terms = Terms {
        documents: Some(Policy::NotionWins),
        tasks: Some(Policy::GithubWins),
        ..Terms::default()
    };
    let (mut stage, _scratch, file) = in_file("identity-edit", terms);
    day(&mut stage).await;
    let page = stage.page("Dark mode").unwrap();
    lose_registry(&mut stage, &file);
    stage
        .in_notion("ada", |ada| ada.rename(page, "Night mode"))
        .unwrap();
    rebuild(&mut stage).await;
    let outcome = settle(&mut stage).await;
    assert_eq!(outcome.conflicts, 1);
    number(&stage, "Dark mode");
    stage.page("Night mode").unwrap();
}

#[tokio::test]
async fn removed_marks_are_found_and_repaired() {
    let (mut stage, _scratch, file) = in_file("identity-marks", Terms::default());
    day(&mut stage).await;
    let title = "Login fails after password reset";
    let issue = number(&stage, title);
    let page = stage.page(title).unwrap();
    let body = stage.github().issue(BACKLOG, issue).unwrap().body.unwrap();
    let text = body.split("-->\n").nth(1).unwrap();
    let text = text
        .split_once("\n\n")
        .map_or(text, |(_, text)| text)
        .to_owned();
    let now = stage.now();
    stage
        .github()
        .rewrite(BACKLOG, issue, "bob", Some(&text), now)
        .unwrap();
    let dark = stage.page("Write the changelog").unwrap();
    stage
        .in_notion("ada", |ada| {
            ada.set_property(dark, "GitHub URL", json!(null))?;
            ada.set_property(dark, "GitHub Number", json!(null))
        })
        .unwrap();
    let outcome = settle(&mut stage).await;
    assert_eq!(outcome.applied, [], "a mark is no edit");
    let found = findings(&mut stage).await;
    let said: Vec<_> = found.iter().map(|one| (one.kind, one.side)).collect();
    let missing = FindingKind::MissingBackLink;
    assert_eq!(said.len(), 2, "{found:#?}");
    assert!(said.contains(&(missing, Side::Notion)) && said.contains(&(missing, Side::Github)));
    assert!(
        found
            .iter()
            .all(|one| matches!(one.remedy, Remedy::Repair(_)))
    );
    // The registry is lost as well: of each pair one mark is left.
    let before = pairs(&mut stage).await;
    stage.stop();
    let kept = std::fs::read(&file).unwrap();
    lose_registry(&mut stage, &file);
    rebuild(&mut stage).await;
    assert_eq!(pairs(&mut stage).await, before);
    stage.stop();
    lose_registry(&mut stage, &file);
    std::fs::write(&file, kept).unwrap();

    assert_eq!(repair(&mut stage).await, 2);
    assert_eq!(findings(&mut stage).await, []);
    let body = stage.github().issue(BACKLOG, issue).unwrap().body.unwrap();
    assert!(
        body.starts_with(&format!("<!-- notion-sync\nNotion-Page-ID: {page}\n")),
        "{body}"
    );
    assert!(body.ends_with(&text), "{body}");
    let url = stage.notion().properties(dark)["GitHub URL"].clone();
    assert!(url.as_str().unwrap().contains("/issues/"), "{url}");
    stage.pass(10);
    settle(&mut stage).await;
    equal(&mut stage).await;
}

#[tokio::test]
async fn contradicting_marks_freeze_the_pair_until_somebody_puts_them_right() {
    let (mut stage, _scratch, file) = in_file("identity-drift", Terms::default());
    day(&mut stage).await;
    let one = "Login fails after password reset";
    let two = "Write the changelog";
    let numbers = [number(&stage, one), number(&stage, two)];
    let bodies = numbers.map(|number| stage.github().issue(BACKLOG, number).unwrap().body.unwrap());
    let swap = |stage: &Stage, from: usize, to: usize| {
        let ids = [one, two].map(|title| stage.page(title).unwrap().to_string());
        let body = bodies[from].replace(&ids[from], &ids[to]);
        let now = stage.now();
        stage
            .github()
            .rewrite(BACKLOG, numbers[from], "bob", Some(&body), now)
            .unwrap();
    };
    for registry in [true, false] {
        if !registry {
            lose_registry(&mut stage, &file);
        }
        swap(&stage, 0, 1);
        swap(&stage, 1, 0);
        if !registry {
            let rebuilt = rebuild(&mut stage).await;
            let tasks = (rebuilt.iter().find(|one| one.mapping.as_str() == "backlog")).unwrap();
            assert!(
                tasks
                    .findings
                    .iter()
                    .all(|one| one.kind == FindingKind::WrongBackLink)
            );
            assert_eq!(tasks.findings.len(), 4, "{:#?}", tasks.findings);
        }
        let marks = stage.marks();
        let outcome = sweep(&mut stage).await;
        assert!(outcome.incidents.iter().any(|incident| incident.drift));
        let touched: Vec<_> = (outcome.applied.iter())
            .filter(|applied| !applied.summary.contains("show the state"))
            .collect();
        assert!(touched.is_empty(), "{touched:#?}");
        assert_eq!(stage.calls(marks).github_writes, 0);
        let found = findings(&mut stage).await;
        assert!(!found.is_empty());
        assert!(
            found
                .iter()
                .all(|one| matches!(one.remedy, Remedy::Person(_))),
            "{found:#?}"
        );
        assert_eq!(repair(&mut stage).await, 0);
        if registry {
            swap(&stage, 0, 0);
            swap(&stage, 1, 1);
            stage.pass(10);
            sweep(&mut stage).await;
            assert_eq!(findings(&mut stage).await, []);
        }
    }
}
