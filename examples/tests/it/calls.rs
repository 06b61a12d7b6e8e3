//! Every call of a service stands in the log.

use notion_sync_testkit::emulator::{Emulator as _, LogEntry};
use serde_json::Value;

use crate::services::Stand;

/// Whether a path is one of those that a template stands for: `{+}` for any rest, another brace for
/// anything within a segment.
fn fits(template: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap();
    let mut left = template.split('/');
    let mut right = path.split('/');
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some("{+}"), Some(_)) => return true,
            (Some(part), Some(given)) => {
                if part != given && !part.contains('{') {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

#[test]
fn a_sync_logs_every_call_that_the_services_saw() {
    let stand = Stand::configured("calls", "");
    let log = [
        ("NOTION_SYNC_LOG", "notion_sync::call=debug"),
        ("NOTION_SYNC_LOG_FORMAT", "json"),
    ];
    let marks = (stand.notion().log().mark(), stand.github().log().mark());
    let ran = stand.run_with(&["sync", "--wait"], &log).ends(0);
    let mut lines: Vec<Value> = (ran.err.lines())
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line: &Value| line["target"] == "notion_sync::call")
        .collect();
    let seen: Vec<(&str, LogEntry)> = {
        let (notion, github) = (stand.notion(), stand.github());
        let notion = notion
            .log()
            .since(marks.0)
            .map(|one| ("notion", one.clone()));
        let github = github
            .log()
            .since(marks.1)
            .map(|one| ("github", one.clone()));
        notion.chain(github).collect()
    };
    assert!(seen.len() > 20 && lines.len() >= seen.len());
    for line in &lines {
        let run = line["span"]["sync_run_id"].as_str().unwrap_or_default();
        assert!(!run.is_empty(), "{line}");
        assert!(line["fields"]["milliseconds"].is_i64(), "{line}");
        let github = line["fields"]["service"] == "github";
        assert_eq!(line["fields"]["remaining"].is_u64(), github, "{line}");
    }
    let ticks = lines.iter().filter(|line| line["span"]["name"] == "tick");
    assert!(ticks.count() > 10);
    for (service, entry) in seen {
        let place = lines.iter().position(|line| {
            let fields = &line["fields"];
            fields["service"] == service
                && fields["method"] == entry.method.as_str()
                && fields["status"] == entry.status
                && fits(fields["endpoint"].as_str().unwrap(), &entry.path)
        });
        let place = place.unwrap_or_else(|| panic!("{service} saw {entry:?}"));
        lines.remove(place);
    }
    assert_eq!(lines, Vec::<Value>::new());
    for word in [
        "ntn_sync",
        "github_pat",
        "Releases",
        "Fridays",
        "releases.md",
    ] {
        assert!(!ran.err.contains(word), "{word} in {}", ran.err);
    }
}
