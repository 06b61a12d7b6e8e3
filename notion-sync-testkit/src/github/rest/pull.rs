//! Pull requests, their reviews and merging.

use serde_json::{Value, json};

use crate::github::account::key;
use crate::github::auth::Need;
use crate::github::exchange::{Answer, Content, Exchange, Fields, Outcome, encode};
use crate::github::issues::IssueEdit;
use crate::github::merging::merge_plan;
use crate::github::pulls::{NewPull, pull_changes, pull_commits};
use crate::github::refusal::Refusal;
use crate::github::render_issue::lines;
use crate::github::repository::{Issue, Pull};
use crate::github::reviews::NewReviewComment;

/// Most files a pull request lists.
const FILE_LIMIT: usize = 3_000;
/// Most commits a pull request lists.
const COMMIT_LIMIT: usize = 250;

pub(crate) fn route(exchange: &mut Exchange<'_>, method: &str, id: u64, rest: &[&str]) -> Outcome {
    match (method, rest) {
        ("GET", ["pulls"]) => list(exchange, id),
        ("POST", ["pulls"]) => create(exchange, id),
        ("GET", ["pulls", "comments"]) => {
            exchange.need(id, Need::PullsRead)?;
            let repo = exchange.repo(id)?;
            let since = exchange.since()?;
            let found: Vec<_> = repo
                .issues
                .values()
                .flat_map(|issue| {
                    issue
                        .pull
                        .iter()
                        .flat_map(|pull| &pull.review_comments)
                        .map(move |comment| (issue, comment))
                })
                .filter(|(_, comment)| exchange.passes_since(comment.updated_at, since))
                .collect();
            Ok(exchange.listing(found, |(issue, comment)| {
                exchange.render().review_comment(repo, issue, comment)
            }))
        }
        (_, ["pulls", "comments", comment]) => {
            one_comment(exchange, method, id, super::number(comment)?)
        }
        ("GET", ["pulls", number]) => {
            exchange.need(id, Need::PullsRead)?;
            let number = super::number(number)?;
            let wants = |kind: &str| {
                exchange.accept.contains("application/vnd.github") && exchange.accept.contains(kind)
            };
            if wants("diff") {
                return diff(exchange, id, number);
            }
            shown(exchange, id, number).map(Answer::ok)
        }
        ("PATCH" | "POST", ["pulls", number]) => edit(exchange, id, super::number(number)?),
        ("GET", ["pulls", number, "files"]) => {
            exchange.need(id, Need::PullsRead)?;
            let repo = exchange.repo(id)?;
            let (_, pull) = repo
                .pull(super::number(number)?)
                .ok_or_else(Refusal::not_found)?;
            let mut changes = pull_changes(repo, pull);
            changes.truncate(FILE_LIMIT);
            Ok(exchange.listing(changes, |change| {
                exchange
                    .render()
                    .changed_file(repo, &pull.head_sha, &change)
            }))
        }
        ("GET", ["pulls", number, "commits"]) => {
            exchange.need(id, Need::PullsRead)?;
            let repo = exchange.repo(id)?;
            let (_, pull) = repo
                .pull(super::number(number)?)
                .ok_or_else(Refusal::not_found)?;
            let mut commits = pull_commits(repo, pull);
            commits.truncate(COMMIT_LIMIT);
            Ok(exchange.listing(commits, |(id, commit)| {
                exchange.render().commit(repo, &id, &commit)
            }))
        }
        ("GET", ["pulls", number, "merge"]) => {
            exchange.need(id, Need::PullsRead)?;
            let (_, pull) = exchange
                .repo(id)?
                .pull(super::number(number)?)
                .ok_or_else(Refusal::not_found)?;
            if pull.merged_at.is_some() {
                Ok(Answer::empty(204))
            } else {
                Err(Refusal::not_found())
            }
        }
        ("PUT", ["pulls", number, "merge"]) => {
            super::merge::now(exchange, id, super::number(number)?)
        }
        ("PUT", ["pulls", number, "merge-async"]) => {
            super::merge::ask(exchange, id, super::number(number)?)
        }
        ("GET", ["pulls", number, "merge-async", uuid]) => {
            super::merge::poll(exchange, id, super::number(number)?, uuid)
        }
        ("PUT", ["pulls", number, "update-branch"]) => {
            update_branch(exchange, id, super::number(number)?)
        }
        (_, ["pulls", number, "requested_reviewers"]) => {
            reviewers(exchange, method, id, super::number(number)?)
        }
        (_, ["pulls", number, "reviews", part @ ..]) => {
            reviews(exchange, method, id, super::number(number)?, part)
        }
        (_, ["pulls", number, "comments", part @ ..]) => {
            line_comments(exchange, method, id, super::number(number)?, part)
        }
        _ => Err(Refusal::not_found()),
    }
}

/// The full object. Reading it counts as a poll of `mergeable`.
fn shown(exchange: &mut Exchange<'_>, id: u64, number: u64) -> Result<Value, Refusal> {
    let mergeability = exchange.state.poll_mergeability(id, number);
    let repo = exchange.repo(id)?;
    let (issue, pull) = repo.pull(number).ok_or_else(Refusal::not_found)?;
    Ok(exchange.render().pull(repo, issue, pull, mergeability))
}

/// The whole change as git prints it, without the index lines.
fn diff(exchange: &Exchange<'_>, id: u64, number: u64) -> Outcome {
    let repo = exchange.repo(id)?;
    let (_, pull) = repo.pull(number).ok_or_else(Refusal::not_found)?;
    let mut text = String::new();
    for change in pull_changes(repo, pull) {
        let old = change.previous.as_ref().unwrap_or(&change.path);
        text.push_str(&format!("diff --git a/{old} b/{}\n", change.path));
        match (change.old, change.new) {
            (None, Some(new)) => text.push_str(&format!("new file mode {}\n", new.mode.as_api())),
            (Some(old), None) => {
                text.push_str(&format!("deleted file mode {}\n", old.mode.as_api()))
            }
            _ if change.previous.is_some() => {
                text.push_str(&format!("rename from {old}\nrename to {}\n", change.path))
            }
            _ => {}
        }
        if let (_, _, Some(patch)) = lines(repo, &change) {
            let side = |present: bool, name: String| {
                if present {
                    name
                } else {
                    "/dev/null".to_owned()
                }
            };
            let (from, to) = (
                side(change.old.is_some(), format!("a/{old}")),
                side(change.new.is_some(), format!("b/{}", change.path)),
            );
            text.push_str(&format!("--- {from}\n+++ {to}\n{patch}\n"));
        }
    }
    let content = Content::Bytes(
        "application/vnd.github.diff; charset=utf-8",
        text.into_bytes(),
    );
    Ok(Answer {
        status: 200,
        content,
        headers: Vec::new(),
    })
}

fn list(exchange: &Exchange<'_>, id: u64) -> Outcome {
    exchange.need(id, Need::PullsRead)?;
    let repo = exchange.repo(id)?;
    let state = exchange.parameter("state").unwrap_or("open");
    let head = exchange.parameter("head").filter(|head| head.contains(':'));
    let base = exchange.parameter("base");
    let mut found: Vec<(&Issue, &Pull)> = repo
        .issues
        .values()
        .filter_map(|issue| issue.pull.as_deref().map(|pull| (issue, pull)))
        .filter(|(issue, pull)| {
            exchange.state.is_listed(issue.created_at, exchange.now)
                && (state == "all" || (state == "open") == issue.open)
                && head.is_none_or(|head| {
                    head.split_once(':').is_some_and(|(owner, branch)| {
                        key(owner) == key(&repo.owner) && branch == pull.head
                    })
                })
                && base.is_none_or(|base| base == pull.base)
        })
        .collect();
    let updated = exchange.parameter("sort") == Some("updated");
    found.sort_by_key(|(issue, _)| {
        (
            if updated {
                issue.updated_at
            } else {
                issue.created_at
            },
            issue.number,
        )
    });
    let ascending = match exchange.parameter("direction") {
        Some(direction) => direction == "asc",
        // Sorted by anything but creation the default is ascending.
        None => exchange
            .parameter("sort")
            .is_some_and(|sort| sort != "created"),
    };
    if !ascending {
        found.reverse();
    }
    Ok(exchange.listing(found, |(issue, pull)| {
        exchange.render().pull_simple(repo, issue, pull)
    }))
}

fn create(exchange: &mut Exchange<'_>, id: u64) -> Outcome {
    exchange.need(id, Need::PullsOpen)?;
    let fields = exchange.fields()?;
    let issue = fields.number("issue")?;
    let new = NewPull {
        title: if issue.is_some() {
            String::new()
        } else {
            fields.required("title")?
        },
        body: fields.text("body")?,
        head: fields.required("head")?,
        base: fields.required("base")?,
        draft: fields.flag("draft")?.unwrap_or(false),
        maintainer_can_modify: fields.flag("maintainer_can_modify")?.unwrap_or(true),
        issue,
    };
    let (actor, now) = (exchange.actor()?, exchange.now);
    let number = exchange.state.create_pull(id, new, &actor, now)?;
    shown(exchange, id, number).map(Answer::created)
}

fn edit(exchange: &mut Exchange<'_>, id: u64, number: u64) -> Outcome {
    let author = exchange
        .repo(id)?
        .pull(number)
        .ok_or_else(Refusal::not_found)?
        .0
        .author
        .clone();
    let actor = exchange.actor()?;
    exchange.need(
        id,
        if key(&author) == key(&actor.login) {
            Need::PullsOpen
        } else {
            Need::PullsWrite
        },
    )?;
    let fields = exchange.fields()?;
    let open = match fields.text("state")?.as_deref() {
        None => None,
        Some("open") => Some(true),
        Some("closed") => Some(false),
        Some(_) => return Err(Refusal::schema("state", "a possible value")),
    };
    let now = exchange.now;
    let edit = IssueEdit {
        title: fields.text("title")?,
        body: fields.clearable("body")?,
        open,
        ..IssueEdit::default()
    };
    let base = fields.text("base")?;
    if let Some(base) = &base {
        if !exchange.state.issue(id, number)?.open {
            return Err(Refusal::custom(
                "PullRequest",
                "Cannot change the base branch of a closed pull request.",
            ));
        }
        exchange.state.set_base(id, number, base, &actor, now)?;
    }
    exchange
        .state
        .edit_issue(id, number, edit, &actor, false, now)?;
    if let Some(flag) = fields.flag("maintainer_can_modify")? {
        exchange.state.pull_mut(id, number)?.maintainer_can_modify = flag;
    }
    shown(exchange, id, number).map(Answer::ok)
}

fn update_branch(exchange: &mut Exchange<'_>, id: u64, number: u64) -> Outcome {
    exchange.need(id, Need::PullsWrite)?;
    let fields = exchange.fields()?;
    let repo = exchange.repo(id)?;
    let (issue, pull) = repo.pull(number).ok_or_else(Refusal::not_found)?;
    let base = repo.branch(&pull.base).ok_or_else(Refusal::not_found)?;
    let (head, name) = (pull.head_sha, pull.head.clone());
    if fields
        .text("expected_head_sha")?
        .is_some_and(|sha| sha != head.to_string())
    {
        return Err(Refusal::unprocessable(
            "expected head sha didn’t match current head ref.",
        ));
    }
    if !issue.open || crate::github::history::is_ancestor(&repo.objects, base, head) {
        return Err(Refusal::unprocessable(
            "There are no new commits on the base branch.",
        ));
    }
    merge_plan(repo, head, base)
        .map_err(|_| Refusal::unprocessable("merge conflict between base and head"))?;
    let message = format!("Merge branch '{}' into {name}", pull.base);
    let (actor, now) = (exchange.actor()?, exchange.now);
    let commit = exchange
        .state
        .merge_commit(id, head, base, &message, &actor, now)?;
    exchange
        .state
        .set_ref(id, &format!("refs/heads/{name}"), Some(commit), &actor, now)?;
    Ok(Answer::json(
        202,
        json!({
            "message": "Updating pull request branch.",
            "url": format!("{}/pulls/{number}", exchange.render().repo_url(exchange.repo(id)?)),
        }),
    ))
}

fn reviewers(exchange: &mut Exchange<'_>, method: &str, id: u64, number: u64) -> Outcome {
    exchange
        .repo(id)?
        .pull(number)
        .ok_or_else(Refusal::not_found)?;
    if method == "GET" {
        exchange.need(id, Need::PullsRead)?;
        let repo = exchange.repo(id)?;
        let (_, pull) = repo.pull(number).ok_or_else(Refusal::not_found)?;
        let render = exchange.render();
        return Ok(Answer::ok(json!({
            "users": pull.reviewers.iter().map(|login| render.login(login)).collect::<Value>(),
            "teams": pull.teams.iter().map(|slug| render.team(&repo.owner, slug)).collect::<Value>(),
        })));
    }
    exchange.need(id, Need::PullsWrite)?;
    let fields = exchange.fields()?;
    let people = fields.names("reviewers")?.unwrap_or_default();
    let teams = fields.names("team_reviewers")?.unwrap_or_default();
    let (actor, now) = (exchange.actor()?, exchange.now);
    let status = match method {
        "POST" => {
            exchange
                .state
                .request_reviewers(id, number, &people, &teams, &actor, now)?;
            201
        }
        "DELETE" => {
            exchange
                .state
                .remove_reviewers(id, number, &people, &teams, &actor, now)?;
            200
        }
        _ => return Err(Refusal::not_found()),
    };
    let repo = exchange.repo(id)?;
    let (issue, pull) = repo.pull(number).ok_or_else(Refusal::not_found)?;
    Ok(Answer::json(
        status,
        exchange.render().pull_simple(repo, issue, pull),
    ))
}

fn reviews(
    exchange: &mut Exchange<'_>,
    method: &str,
    id: u64,
    number: u64,
    part: &[&str],
) -> Outcome {
    exchange
        .repo(id)?
        .pull(number)
        .ok_or_else(Refusal::not_found)?;
    match (method, part) {
        ("GET", []) => {
            exchange.need(id, Need::PullsRead)?;
            let repo = exchange.repo(id)?;
            let (issue, pull) = repo.pull(number).ok_or_else(Refusal::not_found)?;
            Ok(exchange.listing(pull.reviews.iter().collect(), |review| {
                exchange.render().review(repo, issue, review)
            }))
        }
        ("GET", [review]) => {
            exchange.need(id, Need::PullsRead)?;
            show_review(exchange, id, number, super::number(review)?)
        }
        ("PUT", [review]) => {
            exchange.need(id, Need::PullsOpen)?;
            let (review, body) = (super::number(review)?, exchange.fields()?.required("body")?);
            let author = key(&exchange.actor()?.login);
            let pull = exchange.state.pull_mut(id, number)?;
            let found = pull.reviews.iter_mut().find(|known| known.id == review);
            let found = found.ok_or_else(Refusal::not_found)?;
            // Only who wrote it may; no source for the words.
            if key(&found.author) != author {
                return Err(Refusal::unprocessable("Unprocessable Entity"));
            }
            found.body = body;
            exchange.state.changed();
            show_review(exchange, id, number, review)
        }
        ("POST", []) => {
            exchange.need(id, Need::PullsOpen)?;
            let fields = exchange.fields()?;
            let event = fields.text("event")?.filter(|event| !event.is_empty());
            let comments = match fields.get("comments") {
                Some(Value::Array(items)) => items
                    .iter()
                    .map(line_comment)
                    .collect::<Result<Vec<_>, _>>()?,
                _ => Vec::new(),
            };
            let (actor, now) = (exchange.actor()?, exchange.now);
            let body = fields.text("body")?.unwrap_or_default();
            let review = exchange.state.add_review(
                id,
                number,
                event.as_deref(),
                &body,
                &comments,
                &actor,
                now,
            )?;
            show_review(exchange, id, number, review)
        }
        _ => Err(Refusal::not_found()),
    }
}

fn show_review(exchange: &Exchange<'_>, id: u64, number: u64, review: u64) -> Outcome {
    let repo = exchange.repo(id)?;
    let (issue, pull) = repo.pull(number).ok_or_else(Refusal::not_found)?;
    let review = pull
        .reviews
        .iter()
        .find(|known| known.id == review)
        .ok_or_else(Refusal::not_found)?;
    Ok(Answer::ok(exchange.render().review(repo, issue, review)))
}

fn line_comment(value: &Value) -> Result<NewReviewComment, Refusal> {
    let Value::Object(map) = value else {
        return Err(Refusal::schema("comments", "an array of objects"));
    };
    let fields = Fields(map.clone());
    Ok(NewReviewComment {
        path: fields.required("path")?,
        body: fields.required("body")?,
        line: fields.number("line")?.or(fields.number("position")?),
        side: fields.text("side")?,
        reply_to: None,
    })
}

fn line_comments(
    exchange: &mut Exchange<'_>,
    method: &str,
    id: u64,
    number: u64,
    part: &[&str],
) -> Outcome {
    exchange
        .repo(id)?
        .pull(number)
        .ok_or_else(Refusal::not_found)?;
    let new = match (method, part) {
        ("GET", []) => {
            exchange.need(id, Need::PullsRead)?;
            let repo = exchange.repo(id)?;
            let (issue, pull) = repo.pull(number).ok_or_else(Refusal::not_found)?;
            let since = exchange.since()?;
            let found = pull
                .review_comments
                .iter()
                .filter(|comment| exchange.passes_since(comment.updated_at, since))
                .collect();
            return Ok(exchange.listing(found, |comment| {
                exchange.render().review_comment(repo, issue, comment)
            }));
        }
        ("POST", []) => {
            let fields = exchange.fields()?;
            match fields.number("in_reply_to")? {
                Some(parent) => NewReviewComment {
                    body: fields.required("body")?,
                    reply_to: Some(parent),
                    ..NewReviewComment::default()
                },
                None => line_comment(&Value::Object(fields.0))?,
            }
        }
        ("POST", [parent, "replies"]) => NewReviewComment {
            body: exchange.fields()?.required("body")?,
            reply_to: Some(super::number(parent)?),
            ..NewReviewComment::default()
        },
        _ => return Err(Refusal::not_found()),
    };
    exchange.need(id, Need::PullsOpen)?;
    let (actor, now) = (exchange.actor()?, exchange.now);
    let comment = exchange
        .state
        .add_review_comment(id, number, &new, &actor, now)?;
    show_comment(exchange, id, comment).map(Answer::created)
}

fn show_comment(exchange: &Exchange<'_>, id: u64, comment: u64) -> Result<Value, Refusal> {
    let repo = exchange.repo(id)?;
    let found = repo.issues.values().find_map(|issue| {
        let pull = issue.pull.as_deref()?;
        pull.review_comments
            .iter()
            .find(|known| known.id == comment)
            .map(|comment| (issue, comment))
    });
    let (issue, comment) = found.ok_or_else(Refusal::not_found)?;
    Ok(exchange.render().review_comment(repo, issue, comment))
}

fn one_comment(exchange: &mut Exchange<'_>, method: &str, id: u64, comment: u64) -> Outcome {
    exchange.need(id, Need::PullsRead)?;
    show_comment(exchange, id, comment)?;
    let (number, author) = exchange
        .repo(id)?
        .issues
        .values()
        .find_map(|issue| {
            let pull = issue.pull.as_deref()?;
            pull.review_comments
                .iter()
                .find(|known| known.id == comment)
                .map(|found| (issue.number, found.author.clone()))
        })
        .ok_or_else(Refusal::not_found)?;
    if method == "GET" {
        return show_comment(exchange, id, comment).map(Answer::ok);
    }
    let actor = exchange.actor()?;
    exchange.need(
        id,
        if key(&author) == key(&actor.login) {
            Need::PullsOpen
        } else {
            Need::PullsWrite
        },
    )?;
    let now = exchange.now;
    match method {
        "PATCH" => {
            let body = exchange.fields()?.required("body")?;
            let pull = exchange.state.pull_mut(id, number)?;
            if let Some(found) = pull
                .review_comments
                .iter_mut()
                .find(|known| known.id == comment)
            {
                found.body = body;
                found.updated_at = now;
            }
            exchange.state.changed();
            show_comment(exchange, id, comment).map(Answer::ok)
        }
        "DELETE" => {
            exchange
                .state
                .pull_mut(id, number)?
                .review_comments
                .retain(|known| known.id != comment);
            exchange.state.changed();
            Ok(Answer::empty(204))
        }
        _ => Err(Refusal::new(404, format!("Not Found: {}", encode(method)))),
    }
}
