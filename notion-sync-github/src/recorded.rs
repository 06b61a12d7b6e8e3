//! Every recorded answer is read by the type it belongs to, and every recorded issue says what it said.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::issues::bodies::Body;
use crate::issues::fields::value_of;
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

/// Every issue in a recorded answer or delivery, wherever it stands.
fn issues_in<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
    match value {
        Value::Object(object) => {
            let is_issue = ["number", "title", "state", "labels", "user", "comments_url"]
                .iter()
                .all(|key| object.contains_key(*key))
                && value["url"]
                    .as_str()
                    .is_some_and(|url| url.contains("/issues/"));
            if is_issue {
                found.push(value);
            }
            object.values().for_each(|inner| issues_in(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| issues_in(inner, found)),
        _ => {}
    }
}

/// The texts at a pointer of each element.
fn each(issue: &Value, list: &str, pointer: &str) -> Vec<String> {
    let items = issue[list].as_array().cloned().unwrap_or_default();
    (items.iter())
        .filter_map(|item| item.as_str().or_else(|| item.pointer(pointer)?.as_str()))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_recorded_issue_keeps_what_is_mapped() {
    use notion_sync_core::value::Value as Said;

    let Some(folder) = folder() else { return };
    let mut files = vec![folder.clone(), folder.join("../webhooks")];
    let (mut count, mut said) = (0, BTreeMap::<&str, u32>::new());
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let whole: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let mut found = Vec::new();
        issues_in(&whole, &mut found);
        for raw in found {
            let place = path.display();
            let issue: Issue = serde_json::from_value(raw.clone())
                .unwrap_or_else(|error| panic!("{place}: {error}"));
            let text = |pointer: &str| {
                Said::text(
                    raw.pointer(pointer)
                        .and_then(Value::as_str)
                        .unwrap_or_default(),
                )
            };
            let wanted = [
                ("title", text("/title")),
                ("state", text("/state")),
                ("state_reason", text("/state_reason")),
                ("milestone", text("/milestone/title")),
                ("type", text("/type/name")),
                ("created_at", text("/created_at")),
                ("closed_at", text("/closed_at")),
                ("author", text("/user/login")),
                ("labels", Said::set(each(raw, "labels", "/name"))),
                ("assignees", Said::set(each(raw, "assignees", "/login"))),
            ];
            for (name, wanted) in wanted {
                *said.entry(name).or_default() += u32::from(!wanted.is_empty());
                assert_eq!(value_of(&issue, name), Some(wanted), "{place}: {name}");
            }
            let body = Body::read(issue.body.as_deref());
            let text = raw["body"].as_str().unwrap_or_default();
            assert_eq!(body.text, text.replace("\r\n", "\n"), "{place}: body");
            count += 1;
        }
    }
    println!("{count} recorded issues; with a value: {said:?}");
    assert!(count > 80, "{count}");
    let never: Vec<_> = said.iter().filter(|(_, count)| **count == 0).collect();
    assert!(never.iter().all(|(name, _)| **name == "type"), "{never:?}");
}
