//! Names of files and titles of all kinds, through the engine and the adapters, both ways.

use std::collections::BTreeMap;

use notion_sync_core::mapping::Policy;
use notion_sync_examples::demo::{Stage, Terms};
use notion_sync_examples::emulation::World;
use notion_sync_testkit::simulation::Stream;

use crate::shown_support::{settle, sweep};

/// What means something in a path, an address or to a file system.
const PIECES: [&str; 30] = [
    "alpha", "Alpha", "βeta", "e\u{301}", "é", " ", "#", "%41", "%", "?", "&", "+", "'", "\"",
    "🙂", "..", ".", "-", "_", "~", "(1)", "[x]", "{y}", "@", ":", "*", "|", "<b>", "1", "con",
];

fn name(random: &mut Stream) -> String {
    let count = 1 + random.below(4);
    (0..count).map(|_| *random.of(&PIECES)).collect()
}

#[tokio::test]
async fn any_name_of_a_file_and_any_title_is_followed() {
    let mut random = Stream::new(3, "names");
    let terms = Terms::documents(Policy::ManualReview).unguarded();
    let mut stage = Stage::in_memory(World::team().unwrap(), terms)
        .await
        .unwrap();
    settle(&mut stage).await;
    // Path by the word that only its text has.
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut pages = Vec::new();
    for case in 0..40 {
        let word = format!("word{case}");
        let path = format!("docs/{}.md", name(&mut random));
        match random.below(4) {
            0 | 1 if stage.file(&path).is_none() => {
                let text = format!("# Title {case}\n\n{word}\n");
                if stage.push("bob", "Add", &[(&path, Some(&text))]).is_ok() {
                    files.insert(word, path);
                }
            }
            2 if !files.is_empty() && stage.file(&path).is_none() => {
                let at = usize::try_from(random.below(files.len() as u64)).unwrap();
                let (word, old) = files
                    .iter()
                    .nth(at)
                    .map(|(a, b)| (a.clone(), b.clone()))
                    .unwrap();
                let text = stage.file(&old).unwrap();
                if stage
                    .push("bob", "Move", &[(&old, None), (&path, Some(&text))])
                    .is_ok()
                {
                    files.insert(word, path);
                }
            }
            _ => {
                let title = format!("{} {case}", name(&mut random));
                let page = stage.add_page(
                    "ada",
                    "handbook-pages",
                    &[("Name", serde_json::json!(title))],
                    &word,
                );
                pages.push((word, title, page.unwrap()));
            }
        }
        stage.pass(30);
        settle(&mut stage).await;
        if random.chance(50) {
            for number in stage.open_pulls().into_keys() {
                stage.merge("ada", number).unwrap();
            }
            stage.pass(30);
            settle(&mut stage).await;
        }
    }
    for number in stage.open_pulls().into_keys() {
        stage.merge("ada", number).unwrap();
    }
    stage.pass(30);
    settle(&mut stage).await;
    for record in stage.live().await.unwrap() {
        let held = (record.problem.is_some(), record.conflicts.len());
        assert_eq!(held, (false, 0), "{record:#?}");
    }
    for (word, path) in &files {
        assert!(
            stage.file(path).is_some_and(|text| text.contains(word)),
            "{path}"
        );
    }
    for (word, title, page) in &pages {
        assert_eq!(stage.notion().title(*page).as_ref(), Some(title));
        assert!(stage.notion().markdown(*page).contains(word));
    }
    assert_eq!(stage.live().await.unwrap().len(), files.len() + pages.len());
    assert_eq!(sweep(&mut stage).await.applied, []);
}
