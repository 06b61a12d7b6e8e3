//! What every status and body means, with recorded refusals too.

use std::path::PathBuf;

use chrono::{Duration, SubsecRound as _};
use http::{HeaderMap, HeaderName, StatusCode};
use notion_sync_core::{ErrorKind, Retry};
use notion_sync_github::{Limit, classify, limit_of};
use serde_json::json;

use crate::support::start;

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
        .collect()
}

#[test]
fn every_refusal_has_its_kind() {
    use ErrorKind::*;
    let validation = |field: &str, code: &str| {
        json!({"message": "Validation Failed", "errors": [{"resource": "Issue", "field": field, "code": code, "value": "secret page text"}]}).to_string()
    };
    let custom = |message: &str| {
        json!({"message": "Validation Failed", "errors": [{"resource": "PullRequest", "code": "custom", "message": message}]}).to_string()
    };
    let plain = |message: &str| json!({"message": message}).to_string();
    // status, body, kind, and what the error must say.
    let table: Vec<(u16, String, ErrorKind, &str)> = vec![
        (
            400,
            plain("Problems parsing JSON"),
            Invalid,
            "Problems parsing JSON",
        ),
        (401, plain("Bad credentials"), Unauthorized, "expired"),
        (
            403,
            plain("Resource not accessible by integration"),
            Forbidden,
            "permissions",
        ),
        (
            403,
            plain("Repository was archived so is read-only."),
            Blocked,
            "archived",
        ),
        (
            403,
            plain("Unable to create comment because issue is locked."),
            Blocked,
            "unlock",
        ),
        (
            403,
            plain("GitHub Actions is not permitted to create or approve pull requests."),
            Blocked,
            "settings",
        ),
        (
            403,
            plain("Changes must be made through a pull request."),
            Blocked,
            "deliver = \"pull-request\"",
        ),
        (404, plain("Not Found"), NotFound, "given this repository"),
        (
            405,
            plain("Base branch was modified. Review and try the merge again."),
            NotApplied,
            "",
        ),
        (405, plain("Pull Request is not mergeable"), Blocked, ""),
        (
            406,
            plain("Sorry, the diff exceeded the maximum"),
            Invalid,
            "",
        ),
        (408, String::new(), Unavailable, ""),
        (
            409,
            plain("Git Repository is empty."),
            Blocked,
            "first commit",
        ),
        (
            409,
            plain("Head branch was modified. Review and try the merge again."),
            Stale,
            "",
        ),
        (409, plain("docs/a.md does not match 1234"), Stale, ""),
        (410, plain("This issue was deleted"), Gone, ""),
        (
            410,
            plain("Issues are disabled for this repo"),
            Blocked,
            "switch issues on",
        ),
        (413, String::new(), Invalid, ""),
        (415, String::new(), Invalid, ""),
        (422, plain("Update is not a fast forward"), Stale, ""),
        (422, plain("Reference already exists"), AlreadyExists, ""),
        (422, plain("Reference does not exist"), NotFound, ""),
        (422, validation("name", "already_exists"), AlreadyExists, ""),
        (
            422,
            custom("A pull request already exists for o:branch."),
            AlreadyExists,
            "",
        ),
        (
            422,
            custom("No commits between main and branch"),
            Invalid,
            "No commits between",
        ),
        (
            422,
            validation("assignees", "invalid"),
            Invalid,
            "Issue.assignees invalid",
        ),
        (
            422,
            plain(
                "Repository rule violations found\n\nChanges must be made through a pull request.",
            ),
            Blocked,
            "deliver",
        ),
        (
            422,
            plain(
                "Sorry, your request timed out. It's likely that your input was too large to process.",
            ),
            NotApplied,
            "",
        ),
        (
            422,
            r#"{"message":"Validation Failed","errors":["body is too long"]}"#.to_owned(),
            Invalid,
            "body is too long",
        ),
        (423, String::new(), Blocked, ""),
        (429, String::new(), RateLimited, ""),
        (451, plain("Repository access blocked"), Blocked, "legal"),
        (500, "<html>oops</html>".to_owned(), Unavailable, ""),
        (502, String::new(), Unavailable, ""),
        (503, plain("busy"), Unavailable, ""),
        (504, "\u{0}\u{1}".to_owned(), Unavailable, ""),
        (302, String::new(), Invalid, "redirect"),
    ];
    for (status, body, kind, says) in &table {
        let status = StatusCode::from_u16(*status).unwrap();
        for write in [false, true] {
            let error = classify(
                "do it",
                write,
                status,
                &HeaderMap::new(),
                body.as_bytes(),
                start(),
            );
            assert_eq!(error.kind(), *kind, "{status} {body}");
            let text = error.to_string();
            assert!(text.contains(says), "{status}: {text}");
            assert!(
                !text.contains("secret page text") && !text.contains('\n'),
                "{text}"
            );
        }
    }
    println!("refusals: {}", table.len());
}

#[test]
fn a_missing_permission_is_named() {
    let given = headers(&[(
        "x-accepted-github-permissions",
        "pull_requests=write,contents=read; issues=read",
    )]);
    let body = br#"{"message":"Resource not accessible by personal access token"}"#;
    let error = classify("do it", true, StatusCode::FORBIDDEN, &given, body, start());
    assert_eq!(error.kind(), ErrorKind::Forbidden);
    assert_eq!(
        error.remedy_text(),
        Some("grant the credential pull_requests: write and contents: read, or issues: read")
    );
}

#[test]
fn limits_are_told_from_permissions() {
    let now = start();
    let later = (now + Duration::minutes(7)).timestamp().to_string();
    let date = (now + Duration::seconds(90)).to_rfc2822();
    let secondary = r#"{"message":"You have exceeded a secondary rate limit. Please wait."}"#;
    let content = r#"{"message":"You have exceeded a secondary rate limit and have been temporarily blocked from content creation."}"#;
    let primary = r#"{"message":"API rate limit exceeded for user ID 1."}"#;
    let zero: &[(&str, &str)] = &[
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", &later),
    ];
    let dated: &[(&str, &str)] = &[("retry-after", &date)];
    let reset = now.trunc_subsecs(0) + Duration::minutes(7) + Duration::seconds(1);
    let soon = |n: i64| {
        Some(Limit::Secondary {
            until: Some(now.trunc_subsecs(0) + Duration::seconds(n)),
        })
    };
    let table: Vec<(u16, &[(&str, &str)], &str, Option<Limit>)> = vec![
        (403, zero, primary, Some(Limit::Primary { until: reset })),
        (429, zero, primary, Some(Limit::Primary { until: reset })),
        (403, zero, "<html>", Some(Limit::Primary { until: reset })),
        (403, &[("retry-after", "30")], secondary, soon(30)),
        (429, &[("retry-after", "30")], secondary, soon(30)),
        (429, dated, "", soon(90)),
        (403, &[], secondary, Some(Limit::Secondary { until: None })),
        (403, &[], content, Some(Limit::Secondary { until: None })),
        (
            403,
            zero,
            secondary,
            Some(Limit::Secondary { until: Some(reset) }),
        ),
        (429, &[], "", Some(Limit::Secondary { until: None })),
        (403, &[], primary, Some(Limit::Secondary { until: None })),
        (
            403,
            &[("x-ratelimit-remaining", "12")],
            r#"{"message":"Resource not accessible by integration"}"#,
            None,
        ),
        (403, &[], "", None),
        (403, &[("retry-after", "soon")], "{}", None),
        (404, zero, primary, None),
        (200, zero, "", None),
    ];
    for (status, given, body, expected) in table {
        let status = StatusCode::from_u16(status).unwrap();
        let found = limit_of(status, &headers(given), body.as_bytes(), now);
        assert_eq!(found, expected, "{status} {given:?} {body}");
        if found.is_some() {
            let error = classify("do it", true, status, &headers(given), body.as_bytes(), now);
            assert_eq!(error.kind(), ErrorKind::RateLimited);
            assert!(matches!(error.retry(), Retry::NotBefore(until) if until > now));
        }
    }
}

/// The folder of recorded data; `None` when it is not there and that is allowed.
fn recorded() -> Option<PathBuf> {
    let folder = std::env::var_os("NOTION_SYNC_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures"),
        PathBuf::from,
    );
    if folder.join("github/rest/index.json").is_file() {
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

#[test]
fn recorded_refusals_are_understood() {
    let Some(folder) = recorded() else { return };
    let folder = folder.join("github/rest");
    let index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("index.json")).unwrap()).unwrap();
    let mut count = 0;
    for entry in index["interactions"].as_array().unwrap() {
        let Some(status) = entry["status"].as_u64().filter(|status| *status >= 400) else {
            continue;
        };
        let status = StatusCode::from_u16(u16::try_from(status).unwrap()).unwrap();
        let body = entry["file"]
            .as_str()
            .map(|file| std::fs::read(folder.join(file)).unwrap())
            .unwrap_or_default();
        let mut given = HeaderMap::new();
        for (name, value) in entry["response_headers"].as_object().into_iter().flatten() {
            if let (Ok(name), Some(Ok(value))) =
                (name.parse::<HeaderName>(), value.as_str().map(str::parse))
            {
                given.insert(name, value);
            }
        }
        let error = classify("do it", true, status, &given, &body, start());
        let limited = ErrorKind::RateLimited;
        let allowed: &[ErrorKind] = match status.as_u16() {
            401 => &[ErrorKind::Unauthorized],
            403 => &[limited, ErrorKind::Forbidden],
            404 => &[ErrorKind::NotFound],
            422 => &[ErrorKind::Invalid, ErrorKind::AlreadyExists],
            429 => &[limited],
            other => panic!("{other}"),
        };
        assert!(allowed.contains(&error.kind()), "{entry}: {error}");
        let text = String::from_utf8_lossy(&body).to_lowercase();
        if text.contains("rate limit") || text.contains("abuse") {
            assert_eq!(error.kind(), limited, "{entry}");
        }
        count += 1;
    }
    println!("recorded refusals: {count}");
    assert!(count >= 20, "{count}");
}
