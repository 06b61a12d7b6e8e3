//! A mapping that is pointed to another branch, from outside.

use notion_sync_examples::emulation::HANDBOOK;
use serde_json::Value;

use crate::services::Stand;

/// A resting handbook; a branch `trunk` is where `main` is.
fn resting(name: &str) -> Stand {
    let stand = Stand::configured(name, "");
    stand.run(&["sync", "--wait"]).ends(0);
    let mut github = stand.github();
    (github.reset_branch(HANDBOOK, "trunk", "main", "bob", chrono::Utc::now())).unwrap();
    drop(github);
    stand
}

fn point(stand: &Stand, branch: &str) {
    let file = stand.folder.path().join("notion-sync.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let line = "repository = \"acme/handbook\"\n";
    let text = text.replace(line, &format!("{line}branch = \"{branch}\"\n"));
    stand.folder.file("notion-sync.toml", &text);
}

/// What waits for approval, from what was said.
fn hash(said: &str) -> String {
    let hash = said.split("--approve ").nth(1).unwrap();
    hash.split(['`', '\n']).next().unwrap().to_owned()
}

fn status(stand: &Stand) -> Value {
    let status = stand.run(&["status", "--json"]).json();
    let mut mappings = status["mappings"].as_array().unwrap().iter();
    let handbook = mappings.find(|one| one["mapping"] == "handbook");
    handbook.unwrap_or_else(|| panic!("{status}")).clone()
}

/// Before, every run failed: the files of the old branch could not even be asked for.
#[test]
fn another_branch_is_seen_before_it_gives_up_a_pair() {
    let stand = resting("elsewhere");
    let (page, rows) = (stand.page("Releases"), stand.rows().len());
    let releases = stand.file("docs/releases.md");
    point(&stand, "trunk");
    let plan = stand.run(&["plan"]).ends(0);
    assert!(
        plan.out.contains("moved out of the mapping's scope"),
        "{plan:?}"
    );
    let ran = stand.run(&["sync"]).ends(5);
    assert!(ran.out.contains("its place on GitHub changed"), "{ran:?}");
    assert!(ran.out.contains("give up 1 pairs"), "{ran:?}");
    stand.run(&["sync", "--wait"]).ends(5);
    assert_eq!(stand.rows().len(), rows, "nothing is written unseen");
    assert_eq!(status(&stand)["live"], 1);

    let ran = stand.run(&["apply", "--approve", &hash(&ran.out)]);
    assert!(matches!(ran.code, 0 | 1), "{ran:?}");
    stand.run(&["sync", "--wait"]).ends(0);
    let now = status(&stand);
    assert_eq!(
        (&now["guarded"], &now["detached"]),
        (&Value::Null, &1.into()),
        "{now}"
    );
    // The page of the old file is left alone, that of the new one is another.
    assert_eq!(stand.rows().len(), rows + 1);
    assert!(stand.rows().contains(&page));
    assert_eq!(stand.file("docs/releases.md"), releases);
}

/// A file that carries the id of its page is that page's, wherever the mapping finds it.
#[test]
fn a_file_that_names_its_page_is_followed_to_another_branch() {
    let stand = Stand::configured("followed", "");
    stand.run(&["sync", "--wait"]).ends(0);
    let page = stand.page("Releases").to_string();
    let path = "docs/releases.md";
    (stand.run(&["link", "--stamp", "--page", &page, "--path", path])).ends(0);
    stand.run(&["sync", "--wait"]).ends(0);
    let mut github = stand.github();
    (github.reset_branch(HANDBOOK, "trunk", "main", "bob", chrono::Utc::now())).unwrap();
    drop(github);
    let rows = stand.rows().len();
    point(&stand, "trunk");
    stand.run(&["sync", "--wait"]).ends(0);
    assert_eq!(stand.rows().len(), rows);
    let now = status(&stand);
    assert_eq!(
        (&now["live"], &now["detached"]),
        (&1.into(), &0.into()),
        "{now}"
    );
    stand.rewrite(stand.page("Releases"), "", "Written for the trunk.");
    stand.run(&["sync", "--wait"]).ends(0);
    let bytes = (stand.github().file(HANDBOOK, "trunk", path))
        .unwrap()
        .unwrap();
    assert!(String::from_utf8_lossy(&bytes).contains("Written for the trunk."));
    assert!(!stand.file(path).contains("Written for the trunk."));
}
