//! Texts of all kinds of blocks, through the engine and the adapters, both ways.

use notion_sync_core::document::limits::Limits;
use notion_sync_core::document::{Document, markdown, notion_markdown};
use notion_sync_core::engine::Budget;
use notion_sync_core::mapping::Policy;
use notion_sync_examples::demo::{Stage, Terms};
use notion_sync_examples::emulation::{BACKLOG, World};
use notion_sync_github::HiddenBlock;
use notion_sync_testkit::bodies;
use notion_sync_testkit::simulation::Stream;
use serde_json::json;

use crate::shown_support::{settle, sweep};

const TITLE: &str = "Shapes";
const FILE: &str = "docs/shapes.md";
const HEADING: &str = "# Shapes\n";

/// Where on GitHub the text stands.
#[derive(Clone, Copy)]
enum Place {
    File,
    Issue(u64),
}

impl Place {
    fn source(self, stage: &Stage) -> String {
        match self {
            Self::File => stage.file(FILE).unwrap(),
            Self::Issue(number) => stage.issues()[&number].body.clone().unwrap_or_default(),
        }
    }

    /// What people see of it.
    fn text(self, stage: &Stage) -> String {
        let source = self.source(stage);
        match self {
            Self::File => source.split_once(HEADING).unwrap().1.to_owned(),
            Self::Issue(_) => HiddenBlock::split(&source).1,
        }
    }

    fn said(self, stage: &Stage) -> Document {
        let limits = markdown::Limits::default();
        match self {
            Self::File => {
                let mut whole = markdown::parse(&self.source(stage), &limits).unwrap();
                whole.document.blocks.remove(0);
                whole.document
            }
            Self::Issue(_) => markdown::parse_body(&self.text(stage), &limits).unwrap(),
        }
    }

    fn write(self, stage: &Stage, text: &str) {
        let source = self.source(stage);
        match self {
            Self::File => {
                let head = source.split_once(HEADING).unwrap().0;
                let whole = format!("{head}{HEADING}{text}");
                stage.push("bob", "Edit", &[(FILE, Some(&whole))]).unwrap();
            }
            Self::Issue(number) => {
                let whole = HiddenBlock::split(&source).0.body(text);
                let now = stage.now();
                let mut github = stage.github();
                (github.rewrite(BACKLOG, number, "bob", Some(&whole), now)).unwrap();
            }
        }
    }
}

/// Whatever somebody makes of a text reaches the other side in full, and the sync rests afterwards without having
/// touched what was written.
async fn any_text_becomes_any_other(stage: &mut Stage, place: Place, seed: u64, edits: usize) {
    let mut random = Stream::new(seed, "texts");
    let page = stage.page(TITLE).unwrap();
    for case in 0..edits {
        let before = (place.text(stage), stage.notion().markdown(page));
        let (written, kept) = if random.chance(50) {
            let text = format!("\n{}", bodies::file(&mut random));
            place.write(stage, &text);
            stage.pass(30);
            settle(stage).await;
            (text, place.text(stage))
        } else {
            let text = bodies::page(&mut random);
            let edit = stage.in_notion("ada", |ada| ada.set_markdown(page, &text));
            edit.unwrap();
            let text = stage.notion().markdown(page);
            stage.pass(30);
            settle(stage).await;
            (text, stage.notion().markdown(page))
        };
        assert_eq!(
            kept, written,
            "seed {seed}, case {case}: it was written over"
        );
        let paged = stage.notion().markdown(page);
        let paged = notion_markdown::parse(&paged, &Limits::default()).unwrap();
        assert!(
            place.said(stage).canon_eq(&paged),
            "seed {seed}, case {case}:\n{}\n{}\n=>\n{}\n{}",
            before.0,
            before.1,
            place.text(stage),
            stage.notion().markdown(page)
        );
        let records = stage.live().await.unwrap();
        let record = records.iter().find(|one| one.title == TITLE).unwrap();
        assert_eq!(record.problem, None, "seed {seed}, case {case}");
        assert!(record.conflicts.is_empty(), "seed {seed}, case {case}");
    }
    let outcome = sweep(stage).await;
    assert_eq!(outcome.applied, [], "something was written without need");
}

#[tokio::test]
async fn any_file_and_its_page_become_any_others() {
    let terms = Terms::documents(Policy::ManualReview);
    let mut stage = Stage::in_memory(World::small().unwrap(), terms)
        .await
        .unwrap();
    settle(&mut stage).await;
    for number in stage.open_pulls().into_keys() {
        stage.merge("ada", number).unwrap();
    }
    let text = format!("{HEADING}\nalpha\n");
    stage.push("bob", "Add", &[(FILE, Some(&text))]).unwrap();
    stage.pass(30);
    settle(&mut stage).await;
    any_text_becomes_any_other(&mut stage, Place::File, 1, 100).await;
}

#[tokio::test]
async fn any_issue_and_its_page_become_any_others() {
    let terms = Terms::tasks(Policy::ManualReview);
    let mut stage = Stage::in_memory(World::small().unwrap(), terms)
        .await
        .unwrap();
    let now = stage.now();
    let number = {
        let mut github = stage.github();
        (github.open_issue(BACKLOG, "bob", TITLE, Some("alpha"), now)).unwrap()
    };
    stage.pass(30);
    settle(&mut stage).await;
    any_text_becomes_any_other(&mut stage, Place::Issue(number), 6, 40).await;
}

/// Whatever form a file has, an edit of its page changes what was edited and no other byte.
#[tokio::test]
async fn a_file_of_any_form_keeps_it() {
    let words = |text: &str| {
        let text = text.replace("First words.", "Edited words.");
        text.replace("Shapes", "New title").replace("Ada", "Zed")
    };
    for text in [
        "---\r\nowner: Ada\r\n# note\r\ntags: [a, b]\r\n---\r\n\r\n# Shapes\r\n\r\nFirst words.\r\n\r\n* one\r\n",
        "+++\nowner = \"Ada\" # note\ntags = [\"a\"]\n+++\n\n# Shapes\n\nFirst words.\n",
        "\u{feff}---\nowner: Ada\n---\n# Shapes\n\nFirst words.\n",
        "---\nowner: Ada\n---\n# Shapes\n\nFirst words.",
        "---\nowner: Ada\nnested:\n  a: 1\nlist:\n- p\n...\n\nShapes\n======\n\nFirst words.\n",
        "---\ntitle: Shapes\nowner: Ada\n---\n\nFirst words.\n",
        "---\nowner: Ada\n---\n# Shapes #\n\nFirst words.\n\n<!-- hidden -->\n\n\tcode\n\n[r]: https://example.org\n\n[r]\n",
    ] {
        let terms = Terms::documents(Policy::ManualReview);
        let mut stage = Stage::in_memory(World::team().unwrap(), terms)
            .await
            .unwrap();
        stage.push("bob", "Add", &[(FILE, Some(text))]).unwrap();
        stage.pass(30);
        settle(&mut stage).await;
        assert_eq!(stage.file(FILE).as_deref(), Some(text));
        let page = stage.page(TITLE).unwrap();
        let blocks = stage.notion().blocks(page);
        let block = blocks
            .iter()
            .find(|one| one.text == "First words.")
            .unwrap();
        let edit = stage.in_notion("ada", |ada| {
            ada.edit_text(block.id, "Edited words.")?;
            ada.set_property(page, "Owner", json!("Zed"))?;
            ada.rename(page, "New title")
        });
        edit.unwrap();
        stage.pass(30);
        settle(&mut stage).await;
        let file = stage.file(FILE).unwrap();
        let own = |line: &&str| !line.starts_with("notion_");
        let kept: String = file.split_inclusive('\n').filter(own).collect();
        assert_eq!(kept, words(text), "{file}");
        assert_eq!(sweep(&mut stage).await.applied, []);
    }
}

/// Somebody edits a page within the minute of a write of its body, so that the page says of no other time.
#[tokio::test]
async fn an_edit_without_words_in_the_minute_of_a_write_is_carried_over() {
    const PATH: &str = "docs/releases.md";
    let terms = Terms::documents(Policy::ManualReview);
    let mut stage = Stage::in_memory(World::small().unwrap(), terms)
        .await
        .unwrap();
    settle(&mut stage).await;
    let page = stage.page("Releases").unwrap();
    let text = stage.file(PATH).unwrap() + "\n- [ ] Ask Bob\n";
    stage.push("bob", "Edit", &[(PATH, Some(&text))]).unwrap();
    stage.pass(30);
    settle(&mut stage).await;
    for (number, (before, after, in_file)) in [
        ("manager\n", "manager\n---\n", "manager\n\n---\n"),
        ("- [ ] Ask", "- [x] Ask", "- [x] Ask"),
        ("Nothing is", "**Nothing** is", "**Nothing** is"),
        ("- tags the", "1. tags the", "\n1. tags the"),
        ("---\n", "", "manager\n\n1. tags"),
    ]
    .into_iter()
    .enumerate()
    {
        // Somebody edits the file, and the page follows.
        let text = stage.file(PATH).unwrap() + &format!("\nMore words: {number}.\n");
        stage.push("bob", "Edit", &[(PATH, Some(&text))]).unwrap();
        stage.pass(30);
        let late = i64::from(chrono::Timelike::second(&stage.now()));
        stage.clock.advance(chrono::Duration::seconds(65 - late));
        let minute = stage.now().timestamp() / 60;
        let now = Budget {
            poll_now: true,
            ..Budget::default()
        };
        stage.tick_within(now).await.unwrap();
        let text = stage.notion().markdown(page);
        assert!(text.contains(&format!("More words: {number}.")), "{text}");
        let text = text.replacen(before, after, 1);
        let edit = stage.in_notion("ada", |ada| ada.set_markdown(page, &text));
        edit.unwrap();
        assert_eq!(stage.now().timestamp() / 60, minute);
        stage.pass(30);
        settle(&mut stage).await;
        let file = stage.file(PATH).unwrap();
        assert!(file.contains(in_file), "{after:?}: {file}");
        assert_eq!(stage.notion().markdown(page), text);
    }
}
