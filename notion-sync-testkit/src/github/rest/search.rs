//! `GET /search/issues`: the index that lags.

use chrono::Duration;
use serde_json::json;

use crate::github::account::key;
use crate::github::exchange::{Answer, Exchange, Outcome};
use crate::github::refusal::Refusal;
use crate::github::repository::{Issue, Repository};

/// Most results of one query.
const RESULTS: usize = 1_000;
/// Longest query, in characters.
const QUERY: usize = 256;

/// The parts of a query: quoted phrases stay together.
fn terms(query: &str) -> Vec<String> {
    let mut terms = Vec::new();
    let mut term = String::new();
    let mut quoted = false;
    for c in query.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                term.push(c);
            }
            c if c.is_whitespace() && !quoted => {
                if !term.is_empty() {
                    terms.push(std::mem::take(&mut term));
                }
            }
            c => term.push(c),
        }
    }
    if !term.is_empty() {
        terms.push(term);
    }
    terms
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

fn without_comments(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("<!--") {
        shown.push_str(&rest[..start]);
        rest = rest[start..]
            .find("-->")
            .map_or("", |end| &rest[start + end + 3..]);
    }
    shown.push_str(rest);
    shown
}

fn contains(haystack: &[String], phrase: &[String]) -> bool {
    phrase.is_empty()
        || haystack
            .windows(phrase.len())
            .any(|window| window == phrase)
}

fn matches(
    exchange: &Exchange<'_>,
    repo: &Repository,
    issue: &Issue,
    term: &str,
) -> Result<bool, Refusal> {
    let (negated, term) = term
        .strip_prefix('-')
        .filter(|rest| rest.contains(':'))
        .map_or((false, term), |rest| (true, rest));
    let hit = match term
        .split_once(':')
        .filter(|(name, _)| name.chars().all(|c| c.is_ascii_lowercase()))
    {
        Some((name, value)) => {
            let value = value.trim_matches('"');
            match (name, value) {
                ("is" | "state", "open") => issue.open,
                ("is" | "state", "closed") => !issue.open,
                ("is" | "type", "issue") => issue.pull.is_none(),
                ("is" | "type", "pr" | "pull-request") => issue.pull.is_some(),
                ("is", "merged") => issue
                    .pull
                    .as_ref()
                    .is_some_and(|pull| pull.merged_at.is_some()),
                ("repo", name) => key(&repo.full_name()) == key(name),
                ("org" | "user", name) => key(&repo.owner) == key(name),
                ("author", name) => {
                    key(&issue.author) == key(name)
                        || key(&issue.author)
                            == format!("{}[bot]", key(name.trim_start_matches("app/")))
                }
                ("assignee", name) => issue.assignees.contains(&key(name)),
                ("label", name) => issue.labels.contains(&key(name)),
                ("in" | "sort" | "archived", _) => true,
                _ => false,
            }
        }
        None => {
            let body = issue.body.as_deref().unwrap_or_default();
            let body = if exchange.state.settings.search_sees_html_comments {
                body.to_owned()
            } else {
                without_comments(body)
            };
            let text = words(&format!("{} {body}", issue.title));
            let wanted = words(term);
            if term.starts_with('"') {
                contains(&text, &wanted)
            } else {
                wanted.iter().all(|word| text.contains(word))
            }
        }
    };
    Ok(hit != negated)
}

/// What the index holds for a query, in no particular order.
fn find<'a>(
    exchange: &'a Exchange<'_>,
    query: &str,
) -> Result<Vec<(&'a Repository, &'a Issue)>, Refusal> {
    let terms = terms(query);
    let indexed =
        exchange.now - Duration::seconds(i64::from(exchange.state.settings.search_delay_seconds));
    let mut found = Vec::new();
    for repo in exchange
        .state
        .repositories
        .values()
        .filter(|repo| exchange.state.sees(&exchange.caller, repo))
    {
        for issue in repo
            .issues
            .values()
            .filter(|issue| issue.updated_at <= indexed)
        {
            let mut all = true;
            for term in &terms {
                all &= matches(exchange, repo, issue, term)?;
            }
            if all {
                found.push((repo, issue));
            }
        }
    }
    Ok(found)
}

/// The same search for GraphQL, newest first: repository, number and whether it is a pull request.
pub(crate) fn search_nodes(
    exchange: &Exchange<'_>,
    query: &str,
) -> Result<Vec<(u64, u64, bool)>, Refusal> {
    let mut found = find(exchange, query)?;
    found.sort_by_key(|(_, issue)| std::cmp::Reverse((issue.created_at, issue.id)));
    found.truncate(RESULTS);
    Ok(found
        .into_iter()
        .map(|(repo, issue)| (repo.id, issue.number, issue.pull.is_some()))
        .collect())
}

pub(crate) fn issues(exchange: &mut Exchange<'_>) -> Outcome {
    let query = exchange.parameter("q").unwrap_or_default().to_owned();
    if query.trim().is_empty() {
        return Err(Refusal::field("Search", "q", "missing"));
    }
    if query.chars().count() > QUERY {
        return Err(Refusal::invalid(json!({
            "resource": "Search", "field": "q", "code": "invalid",
            "message": "The search is longer than 256 characters.",
        })));
    }
    let terms = terms(&query);
    let kind = |term: &String| {
        [
            "is:issue",
            "is:pull-request",
            "is:pr",
            "type:issue",
            "type:pr",
        ]
        .contains(&term.as_str())
    };
    if !terms.iter().any(kind) {
        return Err(Refusal::invalid(json!({
            "resource": "Search", "field": "q", "code": "invalid",
            "message": "Query must include 'is:issue' or 'is:pull-request'",
        })));
    }
    exchange.canonical = "/search/issues".to_owned();
    let mut found = find(exchange, &query)?;
    match exchange.parameter("sort") {
        Some("updated") => found.sort_by_key(|(_, issue)| (issue.updated_at, issue.id)),
        _ => found.sort_by_key(|(_, issue)| (issue.created_at, issue.id)),
    }
    if exchange.parameter("order") != Some("asc") {
        found.reverse();
    }
    let total = found.len();
    found.truncate(RESULTS);
    let (shown, link) = exchange.page(found);
    let items: Vec<_> = shown
        .into_iter()
        .map(|(repo, issue)| {
            let mut body = exchange.render().issue(repo, issue);
            body["score"] = 1.0.into();
            body
        })
        .collect();
    let answer = Answer::ok(
        json!({"total_count": total, "incomplete_results": false, "search_type": "lexical", "items": items}),
    );
    Ok(match link {
        Some(link) => answer.with("link", link),
        None => answer,
    })
}
