//! The log tells of every request.

use std::collections::BTreeMap;

use notion_sync_testkit::emulator::Emulator as _;
use serde_json::Value;

use crate::services::Stand;

type Counts = BTreeMap<(String, String, u64), usize>;

fn asked(stand: &Stand) -> Counts {
    let mut counts = Counts::new();
    let notion = stand.notion();
    let github = stand.github();
    let notion = notion.log().since(0).map(|entry| ("notion", entry));
    let github = github.log().since(0).map(|entry| ("github", entry));
    for (service, entry) in notion.chain(github) {
        let key = (
            service.to_owned(),
            entry.method.clone(),
            u64::from(entry.status),
        );
        *counts.entry(key).or_default() += 1;
    }
    counts
}

/// Reads too, with what they were for, how long they took and what is left of the quota.
#[test]
fn every_request_is_in_the_log() {
    let stand = Stand::configured("logging", "");
    let before = asked(&stand);
    let log = [
        ("NOTION_SYNC_LOG", "notion_sync::call=debug"),
        ("NOTION_SYNC_LOG_FORMAT", "json"),
    ];
    let ran = stand.run_with(&["sync", "--wait"], &log).ends(0);
    let mut told = before;
    let mut runs: BTreeMap<String, usize> = BTreeMap::new();
    for line in ran.err.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let fields = &line["fields"];
        if fields["message"] != "call" {
            continue;
        }
        let text = |name: &str| fields[name].as_str().unwrap().to_owned();
        let status = fields["status"].as_u64().unwrap();
        *told
            .entry((text("service"), text("method"), status))
            .or_default() += 1;
        assert!(text("endpoint").starts_with('/'), "{line}");
        assert!(fields["milliseconds"].is_u64(), "{line}");
        assert!(fields["remaining"].is_u64(), "{line}");
        let run = line["span"]["sync_run_id"].as_str().unwrap();
        *runs.entry(run.to_owned()).or_default() += 1;
        if text("method") == "PATCH" {
            assert!(line["span"]["operation"].is_string(), "{line}");
        }
    }
    assert_eq!(told, asked(&stand));
    // Each write has a run of its own, and each look; what comes before the first is the command's.
    let looks = runs.keys().filter(|run| run.ends_with(":look")).count();
    assert!(looks >= 2 && runs.len() > looks + 3, "{runs:#?}");
    for secret in ["ntn_sync", "github_pat_sync", "Nothing is released"] {
        assert!(!ran.err.contains(secret), "{secret}");
    }
}

/// A filter or format that says nothing would hide what somebody asked to see.
#[test]
fn what_the_log_is_asked_for_in_vain_is_refused() {
    let stand = Stand::configured("log-asked", "");
    for (name, value) in [
        ("NOTION_SYNC_LOG", "foo=bar=baz"),
        ("NOTION_SYNC_LOG_FORMAT", "xml"),
    ] {
        let ran = stand.run_with(&["status", "--json"], &[(name, value)]);
        assert_eq!(ran.json()["exit"], 2, "{ran:?}");
        assert!(ran.err.contains(name) && ran.err.contains(value), "{ran:?}");
    }
    stand
        .run_with(&["status"], &[("NOTION_SYNC_LOG_FORMAT", "text")])
        .ends(0);
}
