//! Bad input: a clear message with place and remedy, and the rest goes on.

use notion_sync_core::mapping::Policy;
use notion_sync_examples::demo::{Outcome, Stage, Terms};
use notion_sync_examples::emulation::{HANDBOOK, World};
use serde_json::json;

use crate::shown_support::{equal, settle, sweep};

async fn handbook() -> Stage {
    let mut world = World::small().unwrap();
    world.notion.pages.clear();
    let mut stage = Stage::in_memory(world, Terms::documents(Policy::ManualReview))
        .await
        .unwrap();
    settle(&mut stage).await;
    stage.pass(30);
    stage
}

/// Synchronises; something is said about `subject`, and it contains all of `parts`.
async fn said(stage: &mut Stage, subject: &str, parts: &[&str]) -> Outcome {
    let outcome = stage.settle().await.unwrap();
    assert_eq!(outcome.dead, 0);
    let about: Vec<String> = outcome
        .incidents
        .iter()
        .map(|incident| format!("{}: {}", incident.subject, incident.message))
        .chain(outcome.errors.iter().cloned())
        .filter(|line| line.contains(subject))
        .collect();
    for part in parts {
        assert!(
            about.iter().any(|line| line.contains(part)),
            "nobody says {part:?} about {subject}: {about:#?} of {outcome:#?}"
        );
    }
    outcome
}

/// Another document still goes through.
async fn others_go_on(stage: &mut Stage) {
    stage
        .push(
            "ada",
            "Add",
            &[("docs/other.md", Some("# Other\n\nFine.\n"))],
        )
        .unwrap();
    let outcome = stage.settle().await.unwrap();
    assert_eq!(outcome.dead, 0);
    assert!(
        stage.pages().contains_key("Other"),
        "{:?}",
        outcome.incidents
    );
}

#[tokio::test]
async fn broken_front_matter_is_named_and_nothing_is_lost() {
    let mut stage = handbook().await;
    let broken = "---\nowner: [Ada\ntags: \"x\n---\n\n# Broken\n\nText.\n";
    stage
        .push("ada", "Add", &[("docs/broken.md", Some(broken))])
        .unwrap();
    said(&mut stage, "docs/broken.md", &["front matter"]).await;
    assert_eq!(stage.file("docs/broken.md").as_deref(), Some(broken));
    others_go_on(&mut stage).await;
    let good = "---\nowner: Ada\n---\n\n# Broken\n\nText.\n";
    stage
        .push("ada", "Repair", &[("docs/broken.md", Some(good))])
        .unwrap();
    settle(&mut stage).await;
    assert!(stage.pages().contains_key("Broken"));
    equal(&mut stage).await;
}

#[tokio::test]
async fn front_matter_that_breaks_later_holds_up_only_its_document() {
    let mut stage = handbook().await;
    let text = stage.file("docs/releases.md").unwrap();
    let broken = text.replace("owner: Bob", "owner: [Bob");
    stage
        .push("ada", "Break", &[("docs/releases.md", Some(&broken))])
        .unwrap();
    said(&mut stage, "Releases", &["front matter"]).await;
    let page = stage.page("Releases").unwrap();
    assert!(stage.notion().markdown(page).contains("tags the commit"));
    others_go_on(&mut stage).await;
    assert_eq!(stage.file("docs/releases.md"), Some(broken));
    stage
        .push("ada", "Repair", &[("docs/releases.md", Some(&text))])
        .unwrap();
    sweep(&mut stage).await;
    equal(&mut stage).await;
}

#[tokio::test]
async fn invalid_utf_8_is_left_alone() {
    let mut stage = handbook().await;
    let bytes = b"# Latin\n\nCaf\xe9.\n";
    let now = stage.now();
    stage
        .github()
        .commit_bytes(HANDBOOK, "main", "ada", "Add", "docs/latin.md", bytes, now)
        .unwrap();
    said(&mut stage, "docs/latin.md", &["UTF-8"]).await;
    let kept = stage
        .github()
        .file(HANDBOOK, "main", "docs/latin.md")
        .unwrap();
    assert_eq!(kept.as_deref(), Some(bytes.as_slice()));
    others_go_on(&mut stage).await;
}

#[tokio::test]
async fn a_page_that_two_files_claim_keeps_the_first_one() {
    let mut stage = handbook().await;
    // The first real edit stamps the file.
    let page = stage.page("Releases").unwrap();
    let block = stage.block(page, "We release").unwrap();
    stage
        .in_notion("ada", |ada| {
            ada.edit_text(block, "We release often. The release manager")
        })
        .unwrap();
    settle(&mut stage).await;
    let text = stage.file("docs/releases.md").unwrap();
    assert!(text.contains("notion_page_id:"), "{text}");
    stage
        .push("ada", "Copy", &[("docs/copy.md", Some(&text))])
        .unwrap();
    said(&mut stage, "docs/copy.md", &["notion_page_id"]).await;
    assert_eq!(stage.file("docs/copy.md"), Some(text));
    assert_eq!(stage.pages().len(), 1);
    others_go_on(&mut stage).await;
    // The first pair goes on as well.
    stage
        .in_notion("ada", |ada| {
            ada.edit_text(block, "We release daily. The release manager")
        })
        .unwrap();
    stage.settle().await.unwrap();
    assert!(
        stage
            .file("docs/releases.md")
            .unwrap()
            .contains("We release daily.")
    );
}

#[tokio::test]
async fn a_document_above_the_limit_is_parked_with_both_numbers() {
    let mut stage = handbook().await;
    let long = format!("# Long\n\n{}\n", "word ".repeat(210_000));
    let many = format!("# Many\n\n{}", "- a\n".repeat(20_001));
    stage
        .push(
            "ada",
            "Add",
            &[("docs/long.md", Some(&long)), ("docs/many.md", Some(&many))],
        )
        .unwrap();
    let size = long.len().to_string();
    let outcome = said(&mut stage, "docs/long.md", &[&size, "1048576"]).await;
    let many_said: Vec<&str> = outcome
        .incidents
        .iter()
        .filter(|incident| incident.subject.contains("docs/many.md"))
        .map(|incident| incident.message.as_str())
        .collect();
    assert!(
        many_said
            .iter()
            .any(|text| text.contains("20001") && text.contains("20000")),
        "{many_said:?}"
    );
    assert_eq!(stage.file("docs/long.md"), Some(long));
    others_go_on(&mut stage).await;
}

#[tokio::test]
async fn odd_titles_stay_in_their_folder() {
    let mut stage = handbook().await;
    let long = "Long ".repeat(400);
    for title in ["../../etc/passwd", long.trim(), "a\\b/c", "CON", "…"] {
        stage
            .add_page("ada", "handbook-pages", &[("Name", json!(title))], "Text.")
            .unwrap();
    }
    settle(&mut stage).await;
    for number in stage.open_pulls().into_keys() {
        stage.merge("ada", number).unwrap();
    }
    settle(&mut stage).await;
    let files = stage.github().files(HANDBOOK, "main").unwrap();
    assert_eq!(files.len(), 7, "{:?}", files.keys());
    for path in files.keys().filter(|path| *path != "README.md") {
        let name = path.strip_prefix("docs/").expect(path);
        assert!(
            !name.contains('/') && !name.contains("..") && name.len() < 120,
            "{path}"
        );
    }
    equal(&mut stage).await;
}

#[tokio::test]
async fn a_renamed_property_is_followed_and_a_removed_one_is_named() {
    let mut stage = handbook().await;
    let source = stage.notion().id("handbook-pages");
    stage
        .in_notion("ada", |ada| {
            ada.change_schema(source, &json!({"Owner": {"name": "Responsible"}}))
        })
        .unwrap();
    let text = stage.file("docs/releases.md").unwrap();
    stage
        .push(
            "ada",
            "Edit",
            &[(
                "docs/releases.md",
                Some(&text.replace("owner: Bob", "owner: Ada")),
            )],
        )
        .unwrap();
    let outcome = stage.settle().await.unwrap();
    assert_eq!(outcome.errors, Vec::<String>::new());
    let page = stage.page("Releases").unwrap();
    let owner = stage.notion().properties(page)["Responsible"].to_string();
    assert!(owner.contains("Ada"), "{owner}");
    stage.pass(120);
    stage
        .in_notion("ada", |ada| {
            ada.change_schema(source, &json!({"Responsible": null}))
        })
        .unwrap();
    stage
        .push("ada", "Edit", &[("docs/releases.md", Some(&text))])
        .unwrap();
    let outcome = stage.settle().await.unwrap();
    let all: Vec<String> = outcome
        .incidents
        .iter()
        .map(|incident| format!("{}: {}", incident.subject, incident.message))
        .chain(outcome.errors)
        .collect();
    assert!(
        all.iter().any(|line| line.contains("wner")),
        "nobody says that the property is gone: {all:#?}"
    );
    assert!(
        stage
            .file("docs/releases.md")
            .unwrap()
            .contains("owner: Bob")
    );
}

#[tokio::test]
async fn a_wrong_token_stops_its_mapping_with_a_message_and_changes_nothing() {
    for (notion, github, name) in [
        ("ntn_wrong", "github_pat_sync", "Notion"),
        ("ntn_sync", "github_pat_wrong", "GitHub"),
    ] {
        let terms = Terms {
            notion_token: notion.to_owned(),
            github_token: github.to_owned(),
            ..Terms::documents(Policy::ManualReview)
        };
        let mut stage = Stage::in_memory(World::small().unwrap(), terms)
            .await
            .unwrap();
        let marks = stage.marks();
        let tick = stage.tick(false).await.unwrap().unwrap();
        let report = &tick.mappings[0];
        assert!(report.refused, "{report:?}");
        let text = report.errors.join("\n").to_lowercase();
        assert!(text.contains("token"), "{name}: {text}");
        assert!(!text.contains("wrong"), "the token is printed: {text}");
        let calls = stage.calls(marks);
        assert_eq!((calls.notion_writes, calls.github_writes), (0, 0));
        // With the right one everything goes on where it stopped.
        stage.terms = Terms::documents(Policy::ManualReview);
        stage.stop();
        settle(&mut stage).await;
        assert!(stage.pages().contains_key("Releases"));
    }
}

#[tokio::test]
async fn a_missing_permission_is_named_and_the_other_direction_goes_on() {
    let mut world = World::small().unwrap();
    world.github.tokens.push(
        serde_json::from_value(json!({
            "token": "github_pat_reader", "login": "sync-bot", "repositories": [HANDBOOK],
            "permissions": {"contents": "read", "metadata": "read", "pull_requests": "read"},
        }))
        .unwrap(),
    );
    let terms = Terms {
        github_token: "github_pat_reader".to_owned(),
        ..Terms::documents(Policy::ManualReview)
    };
    let mut stage = Stage::in_memory(world, terms).await.unwrap();
    let mut said = Vec::new();
    for _ in 0..5 {
        let tick = stage.tick(false).await.unwrap().unwrap();
        for report in tick.mappings {
            said.extend(report.errors);
            said.extend(
                report
                    .incidents
                    .into_iter()
                    .map(|incident| incident.message),
            );
        }
        stage.pass(5);
    }
    // Files become pages, which needs no permission to write.
    assert!(stage.pages().contains_key("Releases"), "{said:#?}");
    assert_eq!(stage.commits().len(), 1);
    let text = said.join("\n").to_lowercase();
    assert!(
        text.contains("permission") || text.contains("contents"),
        "{text}"
    );
    // Once it is granted, what waited goes through.
    stage.terms.github_token = "github_pat_sync".to_owned();
    stage.stop();
    stage.pass(60);
    stage.settle().await.unwrap();
    assert_eq!(stage.open_pulls().len(), 2, "{said:#?}");
}
