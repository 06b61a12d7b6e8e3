//! Issues, their comments, events and locks.

use serde_json::Value;

use crate::github::account::{Actor, key};
use crate::github::auth::{CallerKind, Need};
use crate::github::exchange::{Answer, Exchange, Outcome};
use crate::github::issues::{IssueEdit, NewIssue};
use crate::github::refusal::Refusal;
use crate::github::repository::Issue;

pub(crate) fn route(exchange: &mut Exchange<'_>, method: &str, id: u64, rest: &[&str]) -> Outcome {
    match (method, rest) {
        ("GET", ["issues"]) => list(exchange, id),
        ("POST", ["issues"]) => create(exchange, id),
        ("GET", ["issues", "comments"]) => all_comments(exchange, id),
        ("GET", ["issues", "comments", comment]) => {
            get_comment(exchange, id, super::number(comment)?)
        }
        ("PATCH" | "POST", ["issues", "comments", comment]) => {
            edit_comment(exchange, id, super::number(comment)?)
        }
        ("DELETE", ["issues", "comments", comment]) => {
            let comment = super::number(comment)?;
            own_comment(exchange, id, comment)?;
            let now = exchange.now;
            exchange.state.delete_comment(id, comment, now)?;
            Ok(Answer::empty(204))
        }
        ("GET", ["issues", "events"]) => {
            exchange.need(id, Need::IssuesRead)?;
            let repo = exchange.repo(id)?;
            let mut events: Vec<_> = repo
                .issues
                .values()
                .flat_map(|issue| issue.events.iter().map(move |event| (issue, event)))
                .collect();
            events.sort_by_key(|(_, event)| std::cmp::Reverse(event.id));
            Ok(exchange.listing(events, |(issue, event)| {
                let mut body = exchange.render().event(repo, event);
                body["issue"] = exchange.render().issue(repo, issue);
                body
            }))
        }
        ("GET", ["issues", number]) => get(exchange, id, super::number(number)?),
        ("PATCH" | "POST", ["issues", number]) => edit(exchange, id, super::number(number)?),
        ("GET", ["issues", number, "comments"]) => comments(exchange, id, super::number(number)?),
        ("POST", ["issues", number, "comments"]) => comment(exchange, id, super::number(number)?),
        ("PUT" | "DELETE", ["issues", number, "lock"]) => {
            lock(exchange, id, super::number(number)?, method == "PUT")
        }
        ("GET", ["issues", number, "events"]) => events(exchange, id, super::number(number)?),
        ("GET", ["issues", number, "timeline"]) => timeline(exchange, id, super::number(number)?),
        (_, ["issues", number, "labels", ..]) | (_, ["issues", number, "assignees", ..]) => {
            super::issue_part::on_issue(exchange, method, id, super::number(number)?, &rest[2..])
        }
        ("GET", ["assignees"]) => {
            exchange.need(id, Need::Metadata)?;
            let repo = exchange.repo(id)?;
            let people: Vec<_> = exchange
                .state
                .accounts
                .values()
                .filter(|account| exchange.state.is_assignable(repo, &account.login))
                .collect();
            Ok(exchange.listing(people, |account| exchange.render().account(account)))
        }
        ("GET", ["assignees", login]) => {
            exchange.need(id, Need::Metadata)?;
            if exchange.state.is_assignable(exchange.repo(id)?, login) {
                Ok(Answer::empty(204))
            } else {
                Err(Refusal::not_found())
            }
        }
        _ => Err(Refusal::not_found()),
    }
}

/// The rights a number needs: issues and pull requests have permissions of their own.
fn need_write(exchange: &Exchange<'_>, id: u64, number: u64) -> Result<(), Refusal> {
    let pull = exchange
        .state
        .issue(id, number)
        .is_ok_and(|issue| issue.pull.is_some());
    exchange.need(
        id,
        if pull {
            Need::Conversation
        } else {
            Need::IssuesOpen
        },
    )
}

/// Whether the caller may set labels, assignees and milestones.
pub(crate) fn may_triage(exchange: &Exchange<'_>, id: u64) -> bool {
    exchange.may(id, Need::IssuesWrite)
}

pub(crate) fn shown(exchange: &Exchange<'_>, id: u64, number: u64) -> Result<Value, Refusal> {
    let repo = exchange.repo(id)?;
    let issue = repo.issues.get(&number).ok_or_else(Refusal::not_found)?;
    Ok(exchange.render().issue(repo, issue))
}

fn get(exchange: &Exchange<'_>, id: u64, number: u64) -> Outcome {
    exchange.need(id, Need::IssuesRead)?;
    let body = shown(exchange, id, number)?;
    let updated = exchange.state.issue(id, number)?.updated_at;
    Ok(Answer::ok(body).with(
        "last-modified",
        updated.format("%a, %d %b %Y %H:%M:%S GMT").to_string(),
    ))
}

fn create(exchange: &mut Exchange<'_>, id: u64) -> Outcome {
    exchange.need(id, Need::IssuesOpen)?;
    let fields = exchange.fields()?;
    let mut assignees = fields.names("assignees")?.unwrap_or_default();
    if let Some(single) = fields
        .text("assignee")?
        .filter(|_| exchange.render().is_2022())
    {
        assignees.push(single);
    }
    let new = NewIssue {
        title: fields.required("title")?,
        body: fields.text("body")?,
        labels: fields.names("labels")?.unwrap_or_default(),
        assignees,
        milestone: fields.number("milestone")?,
        kind: fields.text("type")?,
    };
    let (actor, triage, now) = (exchange.actor()?, may_triage(exchange, id), exchange.now);
    let number = exchange.state.create_issue(id, new, &actor, triage, now)?;
    Ok(Answer::created(shown(exchange, id, number)?))
}

fn edit(exchange: &mut Exchange<'_>, id: u64, number: u64) -> Outcome {
    exchange.state.issue(id, number)?;
    need_write(exchange, id, number)?;
    let fields = exchange.fields()?;
    let triage = may_triage(exchange, id);
    let actor = exchange.actor()?;
    if !triage && key(&exchange.state.issue(id, number)?.author) != key(&actor.login) {
        return Err(exchange
            .need(id, Need::IssuesWrite)
            .err()
            .unwrap_or_else(Refusal::not_found));
    }
    let open = match fields.text("state")?.as_deref() {
        None => None,
        Some("open") => Some(true),
        Some("closed") => Some(false),
        Some(_) => return Err(Refusal::schema("state", "a possible value")),
    };
    let mut assignees = fields.names("assignees")?;
    if assignees.is_none()
        && exchange.render().is_2022()
        && let Some(single) = fields.clearable("assignee")?
    {
        assignees = Some(
            single
                .into_iter()
                .filter(|login| !login.is_empty())
                .collect(),
        );
    }
    let milestone = match fields.get("milestone") {
        None => None,
        Some(Value::Null) => Some(None),
        Some(_) => Some(fields.number("milestone")?),
    };
    let edit = IssueEdit {
        title: fields.text("title")?,
        body: fields.clearable("body")?,
        open,
        state_reason: fields.text("state_reason")?,
        labels: fields.names("labels")?,
        assignees,
        milestone,
        kind: fields.clearable("type")?,
    };
    let now = exchange.now;
    exchange
        .state
        .edit_issue(id, number, edit, &actor, triage, now)?;
    Ok(Answer::ok(shown(exchange, id, number)?))
}

fn list(exchange: &Exchange<'_>, id: u64) -> Outcome {
    exchange.need(id, Need::IssuesRead)?;
    let repo = exchange.repo(id)?;
    let since = exchange.since()?;
    let state = exchange.parameter("state").unwrap_or("open");
    if !matches!(state, "open" | "closed" | "all") {
        return Err(Refusal::field("Issue", "state", "invalid"));
    }
    let labels: Vec<String> = exchange
        .parameter("labels")
        .map(|text| {
            text.split(',')
                .filter(|part| !part.is_empty())
                .map(key)
                .collect()
        })
        .unwrap_or_default();
    let equals = |name: &str| {
        exchange
            .parameter(name)
            .filter(|text| !text.is_empty())
            .map(key)
    };
    let (creator, assignee, milestone) =
        (equals("creator"), equals("assignee"), equals("milestone"));
    let mut found: Vec<&Issue> = repo
        .issues
        .values()
        .filter(|issue| {
            let listed = if since.is_some() {
                issue.updated_at
            } else {
                issue.created_at
            };
            exchange.state.is_listed(listed, exchange.now)
                && (state == "all" || (state == "open") == issue.open)
                && exchange.passes_since(issue.updated_at, since)
                && labels.iter().all(|label| issue.labels.contains(label))
                && creator
                    .as_ref()
                    .is_none_or(|login| key(&issue.author) == *login)
                && match assignee.as_deref() {
                    None | Some("*") if assignee.is_none() || !issue.assignees.is_empty() => true,
                    Some("none") => issue.assignees.is_empty(),
                    Some(login) => issue.assignees.iter().any(|known| known == login),
                    None => true,
                }
                && match milestone.as_deref() {
                    None => true,
                    Some("none") => issue.milestone.is_none(),
                    Some("*") => issue.milestone.is_some(),
                    Some(number) => issue.milestone.is_some_and(|own| own.to_string() == number),
                }
        })
        .collect();
    match exchange.parameter("sort").unwrap_or("created") {
        "updated" => found.sort_by_key(|issue| (issue.updated_at, issue.number)),
        "comments" => found.sort_by_key(|issue| (issue.comments.len(), issue.number)),
        _ => found.sort_by_key(|issue| (issue.created_at, issue.number)),
    }
    if exchange.parameter("direction") != Some("asc") {
        found.reverse();
    }
    Ok(exchange.listing(found, |issue| exchange.render().issue(repo, issue)))
}

fn get_comment(exchange: &Exchange<'_>, id: u64, comment: u64) -> Outcome {
    exchange.need(id, Need::IssuesRead)?;
    let repo = exchange.repo(id)?;
    let comment = repo.comments.get(&comment).ok_or_else(Refusal::not_found)?;
    Ok(Answer::ok(exchange.render().comment(repo, comment)))
}

fn all_comments(exchange: &Exchange<'_>, id: u64) -> Outcome {
    exchange.need(id, Need::IssuesRead)?;
    let repo = exchange.repo(id)?;
    let since = exchange.since()?;
    let mut found: Vec<_> = repo
        .comments
        .values()
        .filter(|comment| {
            exchange.state.is_listed(comment.created_at, exchange.now)
                && exchange.passes_since(comment.updated_at, since)
        })
        .collect();
    match exchange.parameter("sort") {
        Some("updated") => found.sort_by_key(|comment| (comment.updated_at, comment.id)),
        Some("created") => found.sort_by_key(|comment| (comment.created_at, comment.id)),
        _ => {}
    }
    // Without `sort` the order is by id, and `direction` has no effect.
    if exchange.parameter("sort").is_some() && exchange.parameter("direction") != Some("asc") {
        found.reverse();
    }
    Ok(exchange.listing(found, |comment| exchange.render().comment(repo, comment)))
}

fn comments(exchange: &Exchange<'_>, id: u64, number: u64) -> Outcome {
    exchange.need(id, Need::IssuesRead)?;
    let issue = exchange.state.issue(id, number)?;
    let repo = exchange.repo(id)?;
    let since = exchange.since()?;
    let found: Vec<_> = issue
        .comments
        .iter()
        .filter_map(|id| repo.comments.get(id))
        .filter(|comment| {
            exchange.state.is_listed(comment.created_at, exchange.now)
                && exchange.passes_since(comment.updated_at, since)
        })
        .collect();
    Ok(exchange.listing(found, |comment| exchange.render().comment(repo, comment)))
}

fn comment(exchange: &mut Exchange<'_>, id: u64, number: u64) -> Outcome {
    exchange.state.issue(id, number)?;
    need_write(exchange, id, number)?;
    if exchange.state.issue(id, number)?.locked && !exchange.may(id, Need::ContentsWrite) {
        return Err(Refusal::new(
            403,
            "Unable to create comment because issue is locked.",
        ));
    }
    let body = exchange.fields()?.required("body")?;
    let (actor, now) = (exchange.actor()?, exchange.now);
    let comment = exchange.state.add_comment(id, number, &body, &actor, now)?;
    let repo = exchange.repo(id)?;
    let comment = repo.comments.get(&comment).ok_or_else(Refusal::not_found)?;
    Ok(Answer::created(exchange.render().comment(repo, comment)))
}

/// Whether the caller may change this comment: its author, or who may push.
fn own_comment(exchange: &Exchange<'_>, id: u64, comment: u64) -> Result<(), Refusal> {
    exchange.need(id, Need::IssuesRead)?;
    let found = exchange
        .repo(id)?
        .comments
        .get(&comment)
        .ok_or_else(Refusal::not_found)?;
    let actor = exchange.actor()?;
    if key(&found.author) == key(&actor.login)
        && matches!(exchange.caller.kind, CallerKind::Person(_))
    {
        return need_write(exchange, id, found.issue);
    }
    exchange.need(id, Need::IssuesWrite)
}

fn edit_comment(exchange: &mut Exchange<'_>, id: u64, comment: u64) -> Outcome {
    own_comment(exchange, id, comment)?;
    let body = exchange.fields()?.required("body")?;
    let now = exchange.now;
    exchange.state.edit_comment(id, comment, &body, now)?;
    get_comment(exchange, id, comment)
}

fn lock(exchange: &mut Exchange<'_>, id: u64, number: u64, locked: bool) -> Outcome {
    exchange.state.issue(id, number)?;
    exchange.need(id, Need::IssuesWrite)?;
    let reason = exchange.fields()?.text("lock_reason")?;
    if reason
        .as_deref()
        .is_some_and(|reason| !matches!(reason, "off-topic" | "too heated" | "resolved" | "spam"))
    {
        return Err(Refusal::schema("lock_reason", "a possible value"));
    }
    let (actor, now): (Actor, _) = (exchange.actor()?, exchange.now);
    exchange
        .state
        .lock_issue(id, number, locked, reason, &actor, now)?;
    Ok(Answer::empty(204))
}

fn events(exchange: &Exchange<'_>, id: u64, number: u64) -> Outcome {
    exchange.need(id, Need::IssuesRead)?;
    let repo = exchange.repo(id)?;
    let issue = exchange.state.issue(id, number)?;
    Ok(exchange.listing(issue.events.iter().collect(), |event| {
        exchange.render().event(repo, event)
    }))
}

fn timeline(exchange: &Exchange<'_>, id: u64, number: u64) -> Outcome {
    exchange.need(id, Need::IssuesRead)?;
    let repo = exchange.repo(id)?;
    let issue = exchange.state.issue(id, number)?;
    let render = exchange.render();
    let mut entries: Vec<(chrono::DateTime<chrono::Utc>, u64, Value)> = issue
        .events
        .iter()
        .map(|event| (event.at, event.id, render.event(repo, event)))
        .collect();
    for comment in issue.comments.iter().filter_map(|id| repo.comments.get(id)) {
        let mut body = render.comment(repo, comment);
        body["event"] = "commented".into();
        body["actor"] = render.login(&comment.author);
        entries.push((comment.created_at, comment.id, body));
    }
    if let Some(pull) = &issue.pull {
        for review in &pull.reviews {
            let mut body = render.review(repo, issue, review);
            body["event"] = "reviewed".into();
            entries.push((review.at, review.id, body));
        }
    }
    entries.sort_by_key(|(at, id, _)| (*at, *id));
    Ok(exchange.listing(entries, |(_, _, body)| body))
}
