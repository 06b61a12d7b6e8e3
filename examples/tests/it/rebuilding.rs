//! The program after its store was deleted, and its reconciliation job.

use serde_json::{Value, json};

use crate::scratch::Ran;
use crate::services::Stand;

fn lines(ran: &Ran) -> Vec<Value> {
    ran.out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Record, page and object of every pair, as `status` of the store or a rebuild says them.
fn made(ran: &Ran) -> Vec<(String, String)> {
    let mut out: Vec<_> = lines(ran)
        .iter()
        .filter_map(|line| {
            let pair = line.get("pair")?;
            let text = |name: &str| pair[name].as_str().map(str::to_owned);
            Some((text("record")?, pair["page"]["id"].as_str()?.to_owned()))
        })
        .collect();
    out.sort();
    out
}

#[test]
fn a_deleted_store_is_rebuilt_and_the_next_run_writes_nothing() {
    let stand = Stand::configured("rebuild", "");
    stand.run(&["sync", "--wait"]).ends(0);
    stand.run(&["check", "--full"]).ends(0);
    let before = stand.run(&["status", "--json"]).ends(0).json();
    let audit = stand.run(&["audit", "--json", "show"]).ends(0);
    for name in ["notion-sync.db", "notion-sync.db-wal", "notion-sync.db-shm"] {
        let _ = std::fs::remove_file(stand.folder.path().join(name));
    }
    // Nothing is known: every pair is a mark without a record.
    let found = stand.run(&["check", "--full", "--json"]).ends(4);
    let all = lines(&found);
    let kinds: Vec<&str> = (all.iter())
        .filter_map(|line| line["finding"]["kind"].as_str())
        .collect();
    assert_eq!(kinds, ["orphan-marker"; 3], "{found:?}");
    assert_eq!(all.last().unwrap()["marks"], 3);
    stand.run(&["link", "--rebuild", "--page", "x"]).ends(2);
    stand
        .run(&["link", "--rebuild", "--mapping", "nope"])
        .ends(2);
    stand.run(&["link", "--force", "--page", "x"]).ends(2);

    let dry = stand
        .run(&["link", "--rebuild", "--dry-run", "--json"])
        .ends(0);
    let real = stand.run(&["link", "--rebuild", "--json"]).ends(0);
    assert_eq!(made(&dry), made(&real));
    assert_eq!(made(&real).len(), 3);
    for (record, _) in made(&real) {
        assert!(
            audit.out.contains(&record),
            "{record} is not the id from before"
        );
    }
    let ran = stand.run(&["link", "--rebuild"]).ends(2);
    assert!(ran.err.contains("--force"), "{ran:?}");
    let again = stand
        .run(&["link", "--rebuild", "--force", "--json"])
        .ends(0);
    assert_eq!(lines(&again).last().unwrap()["kept"], 3);

    let quiet = stand.run(&["sync", "--wait", "--json"]).ends(0).json();
    let pairs: Vec<&Value> = (quiet["applied"].as_array().unwrap().iter())
        .filter(|one| !one["summary"].as_str().unwrap().contains("pull request"))
        .collect();
    assert!(
        pairs.iter().all(|one| {
            let summary = one["summary"].as_str().unwrap();
            ["Welcome", "On call"]
                .iter()
                .any(|title| summary.starts_with(title))
        }),
        "only what waits for its pull request: {pairs:#?}"
    );
    let after = stand.run(&["status", "--json"]).ends(0).json();
    for at in [0, 1] {
        for name in ["live", "provisioning", "proposals", "conflicts", "drift"] {
            assert_eq!(
                before["mappings"][at][name], after["mappings"][at][name],
                "{name}"
            );
        }
    }
    stand.run(&["check", "--full"]).ends(0);
}

#[test]
fn check_repairs_a_property_that_somebody_cleared() {
    let stand = Stand::configured("check-repair", "");
    stand.run(&["sync", "--wait"]).ends(0);
    let page = stand.page("Releases");
    {
        let mut notion = stand.notion();
        let mut bob = notion.person("bob", chrono::Utc::now()).unwrap();
        for name in ["GitHub URL", "GitHub Path"] {
            bob.set_property(page, name, json!(null)).unwrap();
        }
    }
    stand.run(&["sync", "--wait"]).ends(0);
    stand.run(&["check", "--repair"]).ends(2);
    let ran = stand.run(&["check", "--full", "--json"]).ends(4);
    let finding = lines(&ran)[0]["finding"].clone();
    assert_eq!(
        (
            finding["kind"].as_str(),
            finding["side"].as_str(),
            finding["remedy"]["by"].as_str()
        ),
        (Some("missing-back-link"), Some("notion"), Some("repair"))
    );
    assert!(finding["page_url"].is_string() && finding["object_url"].is_string());
    let text = stand.run(&["check", "--full"]).ends(4).out;
    assert!(text.contains("missing-back-link: \"Releases\""), "{text}");
    let ran = stand
        .run(&["check", "--full", "--repair", "--json"])
        .ends(0);
    assert_eq!(lines(&ran)[0]["repaired"], 1, "{ran:?}");
    let url = stand.notion().properties(page)["GitHub URL"].clone();
    assert!(url.as_str().unwrap().contains("docs/releases.md"), "{url}");
    stand.run(&["check", "--full"]).ends(0);
}
