//! What the sync keeps on issues: the mark, the comment that shows what both sides agree on, comments
//! on changes. Over both emulators.

use std::path::PathBuf;

use notion_sync_core::comment::CommentSync;
use notion_sync_core::effect::{Effect, OpenPull};
use notion_sync_core::id::MappingId;
use notion_sync_core::mapping::{IssueMarks, Policy};
use notion_sync_examples::config::RuleSection;
use notion_sync_examples::demo::{Blow, Stage, Terms};
use notion_sync_examples::emulation::{BACKLOG, World};
use serde_json::{Value, json};

use crate::shown_support::{Scratch, equal, settle, sweep};

const TITLE: &str = "Dark mode";
/// First line but one of the comment that shows the state.
const CARD: &str = "<!-- notion-sync card";

fn terms() -> Terms {
    Terms {
        automation_comment: true,
        ..Terms::tasks(Policy::GithubWins)
    }
}

fn in_file(name: &str, terms: Terms) -> (Stage, Scratch, PathBuf) {
    let scratch = Scratch::new(name);
    let file = scratch.0.join("sync.db");
    let stage = Stage::in_file(World::small().unwrap(), terms, file.clone()).unwrap();
    (stage, scratch, file)
}

async fn rest(stage: &mut Stage) {
    settle(stage).await;
    stage.pass(30);
    settle(stage).await;
}

fn number(stage: &Stage) -> u64 {
    let issues = stage.issues();
    let mut found = issues.iter().filter(|(_, issue)| issue.title == TITLE);
    *found.next().expect(TITLE).0
}

fn said(stage: &Stage) -> Vec<String> {
    let number = number(stage);
    let issue = stage.github().issue(BACKLOG, number).unwrap();
    issue.comments.into_iter().map(|(_, text)| text).collect()
}

fn cards(stage: &Stage) -> Vec<String> {
    (said(stage).into_iter())
        .filter(|text| text.contains(CARD))
        .collect()
}

fn shown(card: &str) -> Value {
    let (_, rest) = card.split_once("```json\n").unwrap();
    serde_json::from_str(rest.split_once("\n```").unwrap().0).unwrap()
}

fn say(stage: &Stage, property: &str, value: Value) {
    let page = stage.page(TITLE).unwrap();
    stage
        .in_notion("ada", |ada| ada.set_property(page, property, value))
        .unwrap();
}

#[tokio::test]
async fn an_issue_of_people_is_marked_with_its_page_and_keeps_its_text() {
    for marks in [IssueMarks::All, IssueMarks::Own] {
        let terms = Terms {
            mark_issues: marks,
            ..Terms::tasks(Policy::GithubWins)
        };
        let mut stage = Stage::in_memory(World::small().unwrap(), terms)
            .await
            .unwrap();
        rest(&mut stage).await;
        let now = stage.now();
        let text = "As @bob said:\r\n\r\n- fixes #1\r\n";
        let opened = stage
            .github()
            .open_issue(BACKLOG, "ada", "Opened by hand", Some(text), now)
            .unwrap();
        rest(&mut stage).await;
        let page = stage.page("Opened by hand").unwrap();
        let body = stage.github().issue(BACKLOG, opened).unwrap().body.unwrap();
        assert!(body.ends_with(text), "{body:?}");
        let marked = body.starts_with(&format!("<!-- notion-sync\nNotion-Page-ID: {page}\n"));
        assert_eq!(marked, marks == IssueMarks::All, "{body:?}");
        equal(&mut stage).await;
    }
}

#[tokio::test]
async fn one_comment_shows_what_both_agree_on() {
    let terms = Terms {
        comments: Some(CommentSync::default()),
        ..terms()
    };
    let mut stage = Stage::in_memory(World::small().unwrap(), terms)
        .await
        .unwrap();
    rest(&mut stage).await;
    let first = cards(&stage);
    assert_eq!(first.len(), 1, "{first:?}");
    let page = stage.page(TITLE).unwrap();
    let json = shown(&first[0]);
    assert_eq!(json["page"], page.to_string());
    assert!(
        first[0].contains("[Open in Notion](https://app.notion.com/"),
        "{}",
        first[0]
    );
    assert_eq!(json["fields"]["state"], "open");
    equal(&mut stage).await;
    // It goes nowhere, and every issue has one.
    assert_eq!(stage.notion().comments(page), Vec::<String>::new());
    for (number, issue) in stage.issues() {
        let count = issue
            .comments
            .iter()
            .filter(|(_, text)| text.contains(CARD))
            .count();
        assert_eq!(count, 1, "#{number}");
    }
    // Edited in place, with text that would act elsewhere.
    say(&stage, "Status", json!("Done"));
    let (now, labelled) = (stage.now(), number(&stage));
    stage
        .github()
        .label(BACKLOG, labelled, "bob", &["@team fixes #1"], now)
        .unwrap();
    rest(&mut stage).await;
    let second = cards(&stage);
    assert_eq!(second.len(), 1);
    let json = shown(&second[0]);
    assert_eq!(json["fields"]["status"], "Done");
    assert_eq!(json["fields"]["state"], "closed");
    assert_eq!(json["fields"]["labels"], json!(["@team fixes #1"]));
    assert!(
        !second[0].contains("@team") && !second[0].contains("#1"),
        "{}",
        second[0]
    );
    equal(&mut stage).await;
    // What it does not show leaves it alone, and so does a day of looking.
    stage
        .in_notion("ada", |ada| ada.append(page, "More.").map(|_| ()))
        .unwrap();
    rest(&mut stage).await;
    assert_eq!(cards(&stage), second);
    stage.pass(60 * 24);
    sweep(&mut stage).await;
    settle(&mut stage).await;
    equal(&mut stage).await;
}

/// Goes on until the process dies.
async fn dies(stage: &mut Stage) {
    for _ in 0..200 {
        if stage.tick(false).await.unwrap().is_none() {
            return;
        }
        stage.pass(1);
    }
    panic!("it lives on");
}

#[tokio::test]
async fn a_process_that_dies_before_the_answer_makes_it_once() {
    let (mut stage, _scratch, _) = in_file("automation-killed", terms());
    stage.fuse.set(Blow {
        method: "POST",
        path_contains: "/comments",
        skip: 0,
    });
    dies(&mut stage).await;
    rest(&mut stage).await;
    assert_eq!(cards(&stage).len(), 1);
    equal(&mut stage).await;
    // The same of an edit.
    stage.fuse.set(Blow {
        method: "PATCH",
        path_contains: "/issues/comments/",
        skip: 0,
    });
    say(&stage, "Status", json!("Done"));
    dies(&mut stage).await;
    rest(&mut stage).await;
    let all = cards(&stage);
    assert_eq!(
        (all.len(), &shown(&all[0])["fields"]["status"]),
        (1, &json!("Done"))
    );
    equal(&mut stage).await;
}

#[tokio::test]
async fn the_pair_is_found_from_the_comment_alone() {
    let (mut stage, _scratch, file) = in_file("automation-rebuilt", terms());
    rest(&mut stage).await;
    equal(&mut stage).await;
    let before = stage.records().await.unwrap();
    let (tasks, issues) = (stage.tasks().len(), stage.issues().len());
    let cards_before = cards(&stage);
    stage.stop();
    for end in ["", "-wal", "-shm", ".lock"] {
        let mut name = file.clone().into_os_string();
        name.push(end);
        let _ = std::fs::remove_file(name);
    }
    // Every mark but the comments is taken off.
    for (number, issue) in stage.issues() {
        let body = issue.body.unwrap_or_default();
        let text = body
            .split_once("\n\n")
            .map_or("", |(_, text)| text)
            .to_owned();
        let now = stage.now();
        stage
            .github()
            .rewrite(BACKLOG, number, "bob", Some(&text), now)
            .unwrap();
    }
    for page in stage.tasks().into_values() {
        for name in ["GitHub URL", "GitHub Number", "GitHub Repository"] {
            let has = stage.notion().properties(page).contains_key(name);
            if has {
                stage
                    .in_notion("ada", |ada| ada.set_property(page, name, json!(null)))
                    .unwrap();
            }
        }
    }
    let backlog = MappingId::new("backlog");
    let engine = stage.engine().await.unwrap();
    let rebuilt = engine.rebuild(&backlog, false, false).await.unwrap();
    assert_eq!(rebuilt.pairs.len(), before.len());
    assert!(
        rebuilt.pairs.iter().all(|pair| pair.object_names),
        "{rebuilt:#?}"
    );
    let after = stage.records().await.unwrap();
    for record in &before {
        let same = after
            .iter()
            .find(|one| one.notion == record.notion)
            .unwrap();
        assert_eq!((&same.id, &same.github), (&record.id, &record.github));
    }
    rest(&mut stage).await;
    assert_eq!((stage.tasks().len(), stage.issues().len()), (tasks, issues));
    assert_eq!(cards(&stage), cards_before, "nothing was said again");
    equal(&mut stage).await;
}

#[tokio::test]
async fn a_change_of_the_status_is_told_with_what_it_did() {
    let terms = Terms {
        change_comments: true,
        rules: vec![RuleSection {
            name: "start".to_owned(),
            becomes: vec!["Doing".to_owned()],
            steps: vec![Effect::OpenPull(OpenPull::default())],
            ..RuleSection::default()
        }],
        ..Terms::tasks(Policy::GithubWins)
    };
    let mut stage = Stage::in_memory(World::small().unwrap(), terms)
        .await
        .unwrap();
    rest(&mut stage).await;
    say(&stage, "Status", json!("To do"));
    rest(&mut stage).await;
    let first = said(&stage).len();
    say(&stage, "Status", json!("Doing"));
    rest(&mut stage).await;
    let told = said(&stage);
    assert_eq!(told.len(), first + 1, "{told:?}");
    let line = told.last().unwrap().split_once('\n').unwrap().1.to_owned();
    assert!(line.starts_with("**Status**: To do → Doing ("), "{line}");
    assert!(
        line.contains("from the page): opened the draft #"),
        "{line}"
    );
    equal(&mut stage).await;
    say(&stage, "Status", json!("Done"));
    rest(&mut stage).await;
    let told = said(&stage);
    assert_eq!(told.len(), first + 2, "{told:?}");
    assert!(
        told.last()
            .unwrap()
            .ends_with("from the page): closed the issue"),
        "{told:?}"
    );
    equal(&mut stage).await;
    // Reopened on GitHub: nothing is told.
    let now = stage.now();
    let number = number(&stage);
    stage.github().reopen(BACKLOG, number, "bob", now).unwrap();
    rest(&mut stage).await;
    assert_eq!(said(&stage).len(), first + 2);
    equal(&mut stage).await;
}
