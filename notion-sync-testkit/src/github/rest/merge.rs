//! Merging pull requests, now or in the background.

use serde_json::{Value, json};

use crate::github::auth::Need;
use crate::github::background::{Asked, AsyncMerge, AsyncOutcome};
use crate::github::exchange::{Answer, Exchange, Fields, Outcome};
use crate::github::merging::{MergeMethod, MergeWords};
use crate::github::refusal::Refusal;

fn words(fields: &Fields) -> Result<MergeWords, Refusal> {
    Ok(MergeWords {
        title: fields.text("commit_title")?.filter(|text| !text.is_empty()),
        message: fields.text("commit_message")?,
        sha: fields.text("sha")?,
    })
}

fn method(fields: &Fields) -> Result<Option<MergeMethod>, Refusal> {
    fields
        .text("merge_method")?
        .map(|word| {
            MergeMethod::parse(&word)
                .ok_or_else(|| Refusal::schema("merge_method", "a possible value"))
        })
        .transpose()
}

/// `PUT R/pulls/{n}/merge`
pub(crate) fn now(exchange: &mut Exchange<'_>, id: u64, number: u64) -> Outcome {
    exchange
        .repo(id)?
        .pull(number)
        .ok_or_else(Refusal::not_found)?;
    exchange.need(id, Need::ContentsWrite)?;
    let fields = exchange.fields()?;
    let method = method(&fields)?.unwrap_or(MergeMethod::Merge);
    let words = words(&fields)?;
    let (actor, now) = (exchange.actor()?, exchange.now);
    if exchange.state.merge_races > 0 {
        exchange.state.merge_races -= 1;
        return Err(Refusal::new(
            405,
            "Base branch was modified. Review and try the merge again.",
        ));
    }
    let sha = exchange
        .state
        .merge_pull(id, number, method, &words, &actor, now)?;
    Ok(Answer::ok(
        json!({"sha": sha.to_string(), "merged": true, "message": "Pull Request successfully merged"}),
    ))
}

fn result(status: &str, details: Value) -> Value {
    json!({"status": status, "details": details})
}

fn pending(uuid: &str, merge: &AsyncMerge, message: &str) -> Value {
    result(
        "pending",
        json!({
            "message": message, "uuid": uuid,
            "merge_method": merge.method.map_or("default", MergeMethod::as_str),
            "merge_action": merge.action, "expected_head_sha": merge.expected.to_string(),
        }),
    )
}

/// `PUT R/pulls/{n}/merge-async`
pub(crate) fn ask(exchange: &mut Exchange<'_>, id: u64, number: u64) -> Outcome {
    exchange
        .repo(id)?
        .pull(number)
        .ok_or_else(Refusal::not_found)?;
    exchange.need(id, Need::ContentsWrite)?;
    let fields = exchange.fields()?;
    let action = match fields.text("merge_action")?.as_deref() {
        None | Some("default") => "default",
        Some("direct_merge") => "direct_merge",
        Some("merge_queue") => "merge_queue",
        Some(_) => return Err(Refusal::schema("merge_action", "a possible value")),
    };
    let (method, words) = (method(&fields)?, words(&fields)?);
    let (actor, now) = (exchange.actor()?, exchange.now);
    let asked = exchange
        .state
        .ask_async_merge(id, number, (method, action), words, &actor, now)?;
    Ok(match asked {
        Asked::Accepted(uuid, merge) => {
            Answer::json(202, pending(&uuid, &merge, "Merge request enqueued."))
        }
        Asked::Known(uuid, merge) => Answer::json(
            409,
            pending(
                &uuid,
                &merge,
                "A merge request already exists for this pull request.",
            ),
        ),
        Asked::AlreadyMerged(sha) => Answer::ok(result(
            "merged",
            json!({"message": "Pull request is already merged.", "sha": sha.to_string()}),
        )),
        Asked::AlreadyQueued => Answer::ok(result(
            "enqueued",
            json!({"message": "Pull request is already in the merge queue."}),
        )),
        Asked::NotReady(message) => {
            Answer::json(400, result("failed", json!({"message": message})))
        }
    })
}

/// `GET R/pulls/{n}/merge-async/{uuid}`
pub(crate) fn poll(exchange: &mut Exchange<'_>, id: u64, number: u64, uuid: &str) -> Outcome {
    exchange.need(id, Need::PullsRead)?;
    let known = exchange.repo(id)?.async_merges.get(uuid);
    known
        .filter(|merge| merge.number == number)
        .ok_or_else(Refusal::not_found)?;
    let now = exchange.now;
    let merge = exchange.state.poll_async_merge(id, uuid, now)?;
    Ok(Answer::ok(match &merge.outcome {
        None => pending(uuid, &merge, "Merge request enqueued."),
        Some(AsyncOutcome::Merged(sha)) => result(
            "merged",
            json!({"message": "Pull Request successfully merged", "sha": sha.to_string()}),
        ),
        Some(AsyncOutcome::Enqueued) => result(
            "enqueued",
            json!({"message": "Pull request was added to the merge queue."}),
        ),
        Some(AsyncOutcome::Failed(message)) => result("failed", json!({"message": message})),
    }))
}
