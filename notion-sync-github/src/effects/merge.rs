//! Merging the pull request of a record once everything that its repository requires has passed.
//!
//! The gate reads everything afresh, and the head whose results were judged goes along with the
//! merge, so that GitHub refuses another one.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;
use http::StatusCode;
use notion_sync_core::effect::{Effect, EffectRequest, EffectWrite, Gate, Merge, MergeMethod};
use notion_sync_core::remote::Ack;
use notion_sync_core::{Error, ErrorKind, Result, Retry};
use serde_json::{Map, json};

use super::checks::{Evidence, Judged, Results, announced, judge, results};
use super::graphql::{ENQUEUE, QUEUED, is, of_repository};
use super::linked::{Found, Target};
use super::requirements::{Requirements, method, word};
use super::rights::Rights;
use super::{decided, judged_pull, open, stale, unapplied};
use crate::client::Answer;
use crate::endpoint::{Call, MERGE};
use crate::failure::classify;
use crate::issues::GithubIssues;
use crate::wire::{Merged, Problem};

const DURING: &str = "merge a pull request";
/// How soon it is asked again whether GitHub knows by now.
const SOON: i64 = 5;
/// How soon a merge is sent again after another one came first.
const AGAIN: i64 = 2;
/// Seconds that a pull request must rest before "nothing is required" is believed where results have
/// been announced: they are made a moment after the head.
const SETTLING: i64 = 60;
const METHOD: &str = "method";
const ACTION: &str = "action";
const READY: &str = "ready";
const ENQUEUES: &str = "enqueue";

impl GithubIssues {
    pub(super) async fn gate_merge(
        &self,
        request: &EffectRequest,
        merge: &Merge,
        rights: &Rights,
    ) -> Result<Gate> {
        let target = match self.pull_of_record(request).await? {
            Found::One(target) => target,
            Found::None => return Ok(self.no_pull()),
            Found::Several(numbers) => return Ok(self.several(&numbers)),
        };
        let (pull, number, repository) = (&target.pull, target.number, target.repository);
        if pull.is_merged() {
            return Ok(Gate::Holds {
                links: target.links(),
            });
        }
        if !pull.is_open() {
            return Ok(self.closed(format!("#{number} was closed without being merged")));
        }
        if let Some(reason) = rights.lack("contents") {
            return Ok(Gate::Refused(reason));
        }
        let judged = Judged::of(&self.client, repository, number).await?;
        if judged.queued {
            return Ok(self.closed(format!("#{number} waits in the merge queue")));
        }
        if pull.auto_merge {
            return Ok(self.closed(format!("auto-merge will merge #{number}")));
        }
        if pull.is_draft() && !merge.ready {
            return Ok(self.closed(format!("#{number} is a draft; mark it as ready")));
        }
        let state = pull.mergeable_state.as_deref().unwrap_or_default();
        if pull.mergeable == Some(false) || state == "dirty" {
            return Ok(self.closed(format!(
                "#{number} has conflicts with its base; resolve them"
            )));
        }
        let (Some(head), Some(base)) = (pull.head_sha(), pull.base_name()) else {
            return Ok(self.soon(format!("GitHub does not say what #{number} holds"), SOON));
        };
        if pull.mergeable.is_none() || state == "unknown" {
            return Ok(self.soon(
                format!("GitHub is computing whether #{number} can be merged"),
                SOON,
            ));
        }
        if judged.head != head {
            return Ok(self.soon(format!("#{number} was just pushed to"), SOON));
        }
        let mut rules = Requirements::of(&self.client, repository, base).await?;
        rules.queue |= judged.has_queue;
        let chosen = match choose(merge.method, &judged, &rules) {
            Ok(chosen) => chosen,
            Err(reason) => return Ok(Gate::Refused(reason)),
        };
        if let Some(gate) = self.unmet(&target, &judged, &rules, head, state).await? {
            return Ok(gate);
        }
        let mut write = open(request);
        write.pull = Some(target.object());
        write.head = Some(head.to_owned());
        let action = if rules.queue { ENQUEUES } else { "merge" };
        write.decided = BTreeMap::from([
            (METHOD.to_owned(), word(chosen).to_owned()),
            (ACTION.to_owned(), action.to_owned()),
        ]);
        if pull.is_draft() {
            write.decided.insert(READY.to_owned(), "true".to_owned());
        }
        Ok(Gate::Open(write))
    }

    /// What the repository requires and is not there yet.
    async fn unmet(
        &self,
        target: &Target<'_>,
        judged: &Judged,
        rules: &Requirements,
        head: &str,
        state: &str,
    ) -> Result<Option<Gate>> {
        let (number, repository) = (target.number, target.repository);
        let mut required = rules.checks.clone();
        // What GraphQL counts is known already where the name is: the rules know the app too.
        let named: BTreeSet<String> = required.iter().map(|one| one.name.clone()).collect();
        required.extend(
            judged
                .required
                .iter()
                .filter(|one| !named.contains(&one.name))
                .cloned(),
        );
        let found = results(&self.client, repository, head, judged).await?;
        let tried = self.tried(target, judged).await?;
        if let Some((shown, _)) = &tried {
            let named: BTreeSet<String> = required.iter().map(|one| one.name.clone()).collect();
            let more = (shown.required.iter()).filter(|one| !named.contains(&one.name));
            required.extend(more.cloned());
        }
        let lacks = found
            .lacks
            .or_else(|| tried.as_ref().and_then(|(_, found)| found.lacks));
        if let Some(permission) = lacks.filter(|_| !required.is_empty()) {
            return Ok(Some(Gate::Refused(format!(
                "the permission \"{permission}\" is missing; grant it to the credential"
            ))));
        }
        let of_merge = tried.as_ref().map(|(shown, found)| Evidence {
            reported: &found.reported,
            counted: &shown.counted,
        });
        let of_head = Evidence {
            reported: &found.reported,
            counted: &judged.counted,
        };
        let verdict = judge(&required, of_merge, of_head);
        if !verdict.failed.is_empty() {
            return Ok(Some(
                self.closed(format!("failed: {}", list(&verdict.failed))),
            ));
        }
        if !verdict.pending.is_empty() {
            return Ok(Some(
                self.closed(format!("waits for {}", list(&verdict.pending))),
            ));
        }
        match judged.review.as_deref() {
            Some("CHANGES_REQUESTED") => {
                return Ok(Some(
                    self.closed(format!("changes were requested on #{number}")),
                ));
            }
            Some("REVIEW_REQUIRED") => {
                return Ok(Some(
                    self.closed(format!("#{number} waits for an approval")),
                ));
            }
            _ => {}
        }
        // A queue brings the head up to date itself, and has a state of its own.
        if !rules.queue {
            if state == "behind" {
                return Ok(Some(self.closed(format!(
                    "#{number} is behind its base; update the branch"
                ))));
            }
            if state == "blocked" {
                // A rule that is not asked about here: signatures, open conversations, deployments.
                return Ok(Some(self.closed(format!(
                    "a rule of the repository blocks the merge of #{number}; see the pull request"
                ))));
            }
        }
        if required.is_empty() && !found.has_begun() {
            let rested = target
                .pull
                .updated_at
                .map(|at| at + Duration::seconds(SETTLING));
            let young = rested.filter(|rested| *rested > self.client.now());
            if let Some(rested) = young
                && (rules.ruled || announced(&self.client, repository, head).await?)
            {
                return Ok(Some(Gate::Closed {
                    reason: format!("the checks of #{number} may not have begun"),
                    again: Some(rested),
                }));
            }
        }
        Ok(None)
    }

    /// What was reported on the commit that tries the merge: under the names that it has, GitHub goes
    /// by it and not by the head.
    async fn tried(
        &self,
        target: &Target<'_>,
        judged: &Judged,
    ) -> Result<Option<(Judged, Results)>> {
        let Some(commit) = &judged.tried else {
            return Ok(None);
        };
        let (client, repository) = (&self.client, target.repository);
        let shown = Judged::of_commit(client, repository, target.number, commit).await?;
        let found = results(client, repository, commit, &shown).await?;
        Ok(Some((shown, found)))
    }

    pub(super) async fn merge(&self, effect: &EffectWrite) -> Result<Ack> {
        self.client.begin(DURING, 2, 0)?;
        let mut target = self.target(judged_pull(effect)?).await.map_err(unapplied)?;
        let number = target.number;
        let head = effect.head.as_deref().unwrap_or_default();
        if target.pull.is_merged() {
            return Ok(done(&target, None));
        }
        if !target.pull.is_open() {
            return Err(stale(DURING, number, "it was closed"));
        }
        if head.is_empty() || target.pull.head_sha() != Some(head) {
            return Err(stale(DURING, number, "it has another head than was judged"));
        }
        if target.pull.is_draft() {
            let may = matches!(&effect.request.effect, Effect::Merge(merge) if merge.ready);
            if !may {
                return Err(stale(DURING, number, "it is a draft"));
            }
            self.toggle_draft(DURING, &target, false).await?;
            target.pull.draft = Some(false);
        }
        if decided(effect, ACTION)? == ENQUEUES {
            return self.enqueue(&target, head).await;
        }
        let call = Call::new(
            &MERGE,
            &[&target.repository.id.to_string(), &number.to_string()],
        )
        .body(json!({"sha": head, "merge_method": decided(effect, METHOD)?}))
        .accept(&[405, 409])
        .with("number", number);
        let answer = self.client.call(call).await?;
        if answer.status.is_success() {
            // Whatever the body says: the status says that it was merged.
            let merged: Merged = serde_json::from_slice(&answer.body).unwrap_or_default();
            return Ok(done(&target, merged.sha));
        }
        self.refused(&target, &answer).await
    }

    /// A merge that was refused: 405 and 409 say with the same number that it is merged already, that
    /// another one came first, and that something is missing.
    async fn refused(&self, target: &Target<'_>, answer: &Answer) -> Result<Ack> {
        let now = self.client.now();
        let error = classify(
            DURING,
            true,
            answer.status,
            &answer.headers,
            &answer.body,
            now,
        );
        if error.kind() == ErrorKind::NotApplied {
            let at = now + Duration::seconds(AGAIN);
            return Err(error
                .with("number", target.number)
                .retry_at(Retry::NotBefore(at)));
        }
        if answer.status == StatusCode::METHOD_NOT_ALLOWED {
            let object = target.object();
            // The refusal is certain, so a failure of this look leaves nothing open.
            let fresh = self.target(&object).await.map_err(unapplied)?;
            if fresh.pull.is_merged() {
                return Ok(done(&fresh, None));
            }
        }
        let said = Problem::read(&answer.body);
        Err(stale(
            DURING,
            target.number,
            crate::failure::brief(said.message()),
        ))
    }

    async fn enqueue(&self, target: &Target<'_>, head: &str) -> Result<Ack> {
        if self.is_queued(target).await.map_err(unapplied)? {
            return Ok(queued(target));
        }
        let node = target.pull.node_id.as_deref().ok_or_else(|| {
            Error::new(ErrorKind::NotApplied, DURING)
                .with("number", target.number)
                .message("the answer has no node id")
        })?;
        let variables = json!({"id": node, "head": head});
        match self.client.graphql(DURING, ENQUEUE, variables).await {
            Ok(_) => Ok(queued(target)),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::Invalid | ErrorKind::Blocked | ErrorKind::Stale
                ) =>
            {
                let object = target.object();
                let fresh = self.target(&object).await.map_err(unapplied)?;
                if fresh.pull.is_merged() {
                    return Ok(done(&fresh, None));
                }
                if self.is_queued(&fresh).await.map_err(unapplied)? {
                    return Ok(queued(&fresh));
                }
                Err(stale(DURING, target.number, error.to_string()))
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn is_queued(&self, target: &Target<'_>) -> Result<bool> {
        let variables = Map::from_iter([("number".to_owned(), json!(target.number))]);
        let (found, errors) =
            of_repository(&self.client, DURING, target.repository, QUEUED, variables).await?;
        match errors.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(is(&found, "/pullRequest/isInMergeQueue")),
        }
    }
}

/// What a merge that is there looks like.
pub(super) fn done(target: &Target<'_>, sha: Option<String>) -> Ack {
    let mut notes = notes(target);
    if let Some(sha) = sha.or_else(|| target.pull.merge_commit_sha.clone()) {
        notes.insert("commit".to_owned(), sha);
    }
    Ack {
        notes,
        ..Ack::default()
    }
}

/// What a pull request that waits in a queue looks like.
pub(super) fn queued(target: &Target<'_>) -> Ack {
    let mut notes = notes(target);
    notes.insert("queued".to_owned(), "true".to_owned());
    Ack {
        notes,
        ..Ack::default()
    }
}

fn notes(target: &Target<'_>) -> BTreeMap<String, String> {
    BTreeMap::from([("number".to_owned(), target.number.to_string())])
}

/// The method asked for, else the first of squash, merge, rebase that repository and rules allow. A
/// queue has its own.
fn choose(
    wanted: Option<MergeMethod>,
    judged: &Judged,
    rules: &Requirements,
) -> std::result::Result<MergeMethod, String> {
    let preferred = [MergeMethod::Squash, MergeMethod::Merge, MergeMethod::Rebase];
    if rules.queue {
        return Ok(wanted.unwrap_or(MergeMethod::Squash));
    }
    let by_repository: BTreeSet<MergeMethod> = judged
        .allowed
        .iter()
        .filter_map(|name| method(name))
        .collect();
    let allowed: Vec<MergeMethod> = preferred
        .into_iter()
        .filter(|one| by_repository.contains(one))
        .filter(|one| rules.methods.as_ref().is_none_or(|left| left.contains(one)))
        .collect();
    let names: Vec<&str> = allowed.iter().map(|one| word(*one)).collect();
    match wanted {
        None => allowed.first().copied().ok_or_else(|| {
            "repository and rules leave no method to merge by; allow one of them".to_owned()
        }),
        Some(wanted) if allowed.contains(&wanted) => Ok(wanted),
        Some(wanted) => Err(format!(
            "the method {} is not allowed here; use one of: {}",
            word(wanted),
            names.join(", ")
        )),
    }
}

fn list(names: &BTreeSet<String>) -> String {
    const SHOWN: usize = 10;
    let mut shown: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| crate::failure::brief(name))
        .collect();
    if names.len() > SHOWN {
        shown.push(format!("{} more", names.len() - SHOWN));
    }
    shown.join(", ")
}
