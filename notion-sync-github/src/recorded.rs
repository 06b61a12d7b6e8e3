//! Every recorded answer is read by the type it belongs to.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::wire::*;

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("NOTION_SYNC_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures"),
        PathBuf::from,
    );
    let folder = folder.join("github/rest");
    if folder.join("index.json").is_file() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "{} is missing",
        folder.display()
    );
    println!("skipped: {} is missing", folder.display());
    None
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<(), String> {
    serde_json::from_slice::<T>(body)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

type Reader = fn(&[u8]) -> Result<(), String>;

/// The type of an answer by method and path; `*` stands for one segment, `**` for the rest.
const TYPES: &[(&str, &str, &str, Reader)] = &[
    ("*", "repos/*/*", "Repository", read::<Repository>),
    ("*", "repositories/*", "Repository", read::<Repository>),
    (
        "GET",
        "repos/*/*/git/refs/heads/*",
        "GitRef",
        read::<GitRef>,
    ),
    (
        "GET",
        "repos/*/*/git/refs",
        "GitRef list",
        read::<Vec<GitRef>>,
    ),
    ("POST", "repos/*/*/git/refs", "GitRef", read::<GitRef>),
    (
        "PATCH",
        "repos/*/*/git/refs/heads/*",
        "GitRef",
        read::<GitRef>,
    ),
    (
        "POST",
        "repos/*/*/git/commits",
        "GitCommit",
        read::<GitCommit>,
    ),
    ("*", "repos/*/*/git/trees/*", "Tree", read::<Tree>),
    ("POST", "repos/*/*/git/trees", "Tree", read::<Tree>),
    ("POST", "repos/*/*/git/blobs", "Blob", read::<Blob>),
    ("GET", "repos/*/*/contents/**", "Contents", read::<Contents>),
    (
        "*",
        "repos/*/*/branches/*/protection",
        "BranchProtection",
        read::<BranchProtection>,
    ),
    (
        "GET",
        "repos/*/*/commits/*/status",
        "CombinedStatus",
        read::<CombinedStatus>,
    ),
    ("*", "repos/*/*/check-runs", "CheckRun", read::<CheckRun>),
    ("*", "repos/*/*/check-runs/*", "CheckRun", read::<CheckRun>),
    ("PUT", "repos/*/*/pulls/*/merge", "Merged", read::<Merged>),
    ("GET", "repos/*/*/branches/*", "Branch", read::<Branch>),
    ("GET", "repos/*/*/branches/*/*", "Branch", read::<Branch>),
    ("GET", "repos/*/*/commits/*", "Commit", read::<Commit>),
    (
        "GET",
        "repos/*/*/pulls/*/commits",
        "Commit list",
        read::<Vec<Commit>>,
    ),
    ("GET", "repos/*/*/issues", "Issue list", read::<Vec<Issue>>),
    (
        "GET",
        "repositories/*/issues",
        "Issue list",
        read::<Vec<Issue>>,
    ),
    ("POST", "repos/*/*/issues", "Issue", read::<Issue>),
    ("*", "repos/*/*/issues/*", "Issue", read::<Issue>),
    (
        "POST",
        "repos/*/*/issues/*/labels",
        "Label list",
        read::<Vec<Label>>,
    ),
    (
        "DELETE",
        "repos/*/*/issues/*/labels/*",
        "Label list",
        read::<Vec<Label>>,
    ),
    (
        "GET",
        "repos/*/*/labels",
        "Label list",
        read::<Vec<LabelDetail>>,
    ),
    ("*", "repos/*/*/labels/*", "Label", read::<LabelDetail>),
    ("POST", "repos/*/*/labels", "Label", read::<LabelDetail>),
    (
        "GET",
        "repos/*/*/issues/*/comments",
        "Comment list",
        read::<Vec<Comment>>,
    ),
    (
        "POST",
        "repos/*/*/issues/*/comments",
        "Comment",
        read::<Comment>,
    ),
    ("GET", "repos/*/*/pulls", "Pull list", read::<Vec<Pull>>),
    ("POST", "repos/*/*/pulls", "Pull", read::<Pull>),
    ("*", "repos/*/*/pulls/*", "Pull", read::<Pull>),
    (
        "POST",
        "repos/*/*/pulls/*/requested_reviewers",
        "Pull",
        read::<Pull>,
    ),
    (
        "GET",
        "repos/*/*/collaborators",
        "Account list",
        read::<Vec<Account>>,
    ),
    ("GET", "user", "Account", read::<Account>),
    ("GET", "users/*", "Account", read::<Account>),
    ("GET", "orgs/*", "Account", read::<Account>),
    (
        "GET",
        "installation/repositories",
        "InstallationRepositories",
        read::<InstallationRepositories>,
    ),
    (
        "POST",
        "app/installations/*/access_tokens",
        "InstallationToken",
        read::<InstallationToken>,
    ),
];

/// Files that are known by name only.
const NAMED: &[(&str, &str, Reader)] = &[
    (
        "issues-list-timeline-events",
        "Event list",
        read::<Vec<Event>>,
    ),
    ("issues-remove-label", "Label list", read::<Vec<Label>>),
    ("pull-request-commits", "Commit list", read::<Vec<Commit>>),
    (
        "pull-request-commits-empty-author-object",
        "Commit list",
        read::<Vec<Commit>>,
    ),
    ("pull-requests-list", "Pull list", read::<Vec<Pull>>),
    ("repo-compare-commits", "Comparison", read::<Comparison>),
    ("repos-list-commits", "Commit list", read::<Vec<Commit>>),
    ("repos-merges-201", "Commit", read::<Commit>),
    ("user-data", "Account", read::<Account>),
    (
        "user-repositories",
        "Repository list",
        read::<Vec<Repository>>,
    ),
];

fn fits(pattern: &str, path: &str) -> bool {
    let mut wanted = pattern.split('/');
    let mut found = path.trim_matches('/').split('/');
    loop {
        match (wanted.next(), found.next()) {
            (Some("**"), _) => return true,
            (None, None) => return true,
            (Some(one), Some(other)) if one == "*" || one == other => {}
            _ => return false,
        }
    }
}

#[test]
fn every_recorded_answer_is_read() {
    let Some(folder) = folder() else { return };
    let index: Value =
        serde_json::from_slice(&std::fs::read(folder.join("index.json")).unwrap()).unwrap();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let mut other = 0;
    let mut unread = Vec::new();
    for entry in index["interactions"].as_array().unwrap() {
        // Other media types than JSON are never asked for.
        let Some(file) = entry["file"]
            .as_str()
            .filter(|file| file.ends_with(".json"))
        else {
            continue;
        };
        let body = std::fs::read(folder.join(file)).unwrap();
        let status = entry["status"].as_u64();
        if status.is_some_and(|status| status >= 300) {
            let problem = Problem::read(&body);
            assert!(
                !problem.message().is_empty() || body.is_empty() || body == b"\"\"",
                "{file}"
            );
            *counts.entry("Problem").or_default() += 1;
            continue;
        }
        let (method, path) = (
            entry["method"].as_str().unwrap_or_default(),
            entry["path"].as_str().unwrap_or_default(),
        );
        let path = path.split('?').next().unwrap_or_default();
        let known = TYPES.iter().find(|(wanted, pattern, ..)| {
            (*wanted == "*" || *wanted == method) && fits(pattern, path)
        });
        let stem = file
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .trim_end_matches(".json");
        let named = || {
            NAMED
                .iter()
                .find(|(name, ..)| path.is_empty() && *name == stem)
        };
        let (name, reader) = match (known, named()) {
            (Some((_, _, name, reader)), _) | (None, Some((_, name, reader))) => (*name, *reader),
            (None, None) => {
                other += 1;
                continue;
            }
        };
        if let Err(error) = reader(&body) {
            unread.push(format!("{method} {path}: {file} is no {name}: {error}"));
        }
        *counts.entry(name).or_default() += 1;
    }
    println!("read as their type: {counts:?}; of types not used here: {other}");
    assert!(unread.is_empty(), "{unread:#?}");
    assert!(counts.values().sum::<u32>() > 200, "{counts:?}");
}
