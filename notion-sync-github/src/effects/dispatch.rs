//! Workflows that are started.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use notion_sync_core::effect::{Dispatch, EffectRequest, EffectWrite, Gate};
use notion_sync_core::id::RemoteRef;
use notion_sync_core::remote::{Ack, Trace, Write};
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::json;

use super::rights::Rights;
use super::text::{Words, data};
use super::{decided, open, unapplied};
use crate::comments::stamp;
use crate::endpoint::{Call, DISPATCH, WORKFLOW_RUNS};
use crate::issues::GithubIssues;
use crate::reference;
use crate::wire::{Dispatched, WorkflowRun, WorkflowRuns};

/// Most inputs of one start.
const MAX_INPUTS: usize = 25;
/// How much earlier than the moment of sending a run still counts: clocks differ.
const SKEW: Duration = Duration::seconds(30);
const REFERENCE: &str = "ref";
/// Most runs that GitHub lists for a search: where there are as many, some may be missing.
const MOST_RUNS: usize = 1_000;
/// Stands for the operation in an input.
const OP: &str = "{op}";

impl GithubIssues {
    pub(super) fn gate_dispatch(
        &self,
        request: &EffectRequest,
        dispatch: &Dispatch,
        rights: &Rights,
    ) -> Result<Gate> {
        if dispatch.inputs.len() > MAX_INPUTS {
            return Ok(Gate::Refused(format!(
                "{} inputs, a workflow takes {MAX_INPUTS}; leave some out",
                dispatch.inputs.len()
            )));
        }
        if let Some(reason) = rights.lack("actions") {
            return Ok(Gate::Refused(reason));
        }
        let reference = dispatch.reference.clone();
        let reference = reference.unwrap_or_else(|| rights.default_branch.clone());
        let mut write = open(request);
        write.decided = BTreeMap::from([(REFERENCE.to_owned(), reference)]);
        Ok(Gate::Open(write))
    }

    pub(super) async fn dispatch(&self, effect: &EffectWrite, dispatch: &Dispatch) -> Result<Ack> {
        let (repository, number) = self.own(&effect.request.object).await.map_err(unapplied)?;
        self.client.begin("start a workflow", 1, 0)?;
        let words = Words::of(&effect.request, number, data);
        let inputs: BTreeMap<&String, String> = dispatch
            .inputs
            .iter()
            .map(|(name, template)| (name, words.fill(template)))
            .collect();
        let id = repository.id.to_string();
        let call = Call::new(&DISPATCH, &[&id, &dispatch.workflow])
            .body(json!({"ref": decided(effect, REFERENCE)?, "inputs": inputs}))
            .with("repository", &repository.full_name)
            .with("workflow", &dispatch.workflow);
        let answer = self.client.call(call).await?;
        // It was started, whatever the body says: older versions of the API answer without one.
        let started: Dispatched = serde_json::from_slice(&answer.body).unwrap_or_default();
        Ok(ack(started.workflow_run_id, started.html_url))
    }

    /// A start leaves no mark of ours in the run, unless the workflow takes the operation into its
    /// `run-name`. Where it does, a run that names another operation is not the one that is looked for.
    /// Any other run of ours from the time in which it can have begun proves nothing, because another
    /// record can have started it; where there is none, it was not started.
    pub(super) async fn trace_dispatch(
        &self,
        write: &Write,
        effect: &EffectWrite,
        dispatch: &Dispatch,
        sent_at: DateTime<Utc>,
    ) -> Result<Trace> {
        let (repository, _) = self.own(&effect.request.object).await?;
        let since = sent_at - SKEW;
        let call = Call::new(
            &WORKFLOW_RUNS,
            &[&repository.id.to_string(), &dispatch.workflow],
        )
        .query("event", "workflow_dispatch")
        .query("created", &format!(">={}", stamp(since)))
        .with("workflow", &dispatch.workflow);
        let runs = self
            .client
            .all_in(call, |page: WorkflowRuns| page.workflow_runs)
            .await;
        let runs: Vec<WorkflowRun> = match runs {
            Ok(runs) => runs,
            // The right to start a workflow does not hold the right to list runs everywhere.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Forbidden) => {
                return Ok(Trace::Unclear);
            }
            Err(error) => return Err(error),
        };
        let ours = |run: &&WorkflowRun| words(run).any(|word| word == write.op.as_str());
        if let Some(run) = runs.iter().find(ours) {
            return Ok(Trace::Applied(ack(run.id, run.html_url.clone())));
        }
        let login = self.login().await;
        let until = sent_at + self.client.settings().bounds.quiet_after_set() + SKEW;
        let reference = tail(decided(effect, REFERENCE)?);
        let names_ops = dispatch.inputs.values().any(|text| text.contains(OP));
        let may_be_ours = |run: &WorkflowRun| {
            let actor = run.actor.as_ref().and_then(|one| one.login.as_deref());
            let actor = actor.zip(login.as_deref());
            let elsewhere = run.head_branch.as_deref();
            let elsewhere = elsewhere.is_some_and(|name| tail(name) != reference);
            actor.is_none_or(|(actor, own)| bare(actor) == bare(own))
                && run.created_at.is_none_or(|at| at >= since && at <= until)
                && !elsewhere
                && !(names_ops && words(run).any(is_op))
        };
        let any = runs.iter().any(may_be_ours);
        Ok(if any || runs.len() >= MOST_RUNS {
            Trace::Unclear
        } else {
            Trace::NotApplied
        })
    }
}

impl GithubIssues {
    /// A run that a person names as the one that a start began.
    pub(super) async fn made_run(
        &self,
        effect: &EffectWrite,
        dispatch: &Dispatch,
        object: &RemoteRef,
    ) -> Result<Ack> {
        let refuse = |kind: ErrorKind, message: &str| {
            Error::new(kind, "find a run of a workflow")
                .with("object", object)
                .with("workflow", &dispatch.workflow)
                .message(message)
        };
        let (of, wanted) = reference::parse_run(object)?;
        let (repository, _) = self.own(&effect.request.object).await?;
        if of != repository.id {
            let other = "it belongs to another repository";
            return Err(refuse(ErrorKind::Invalid, other));
        }
        let arguments = [&repository.id.to_string(), &dispatch.workflow];
        let call = Call::new(&WORKFLOW_RUNS, &arguments.map(String::as_str))
            .query("event", "workflow_dispatch")
            .with("workflow", &dispatch.workflow);
        let runs: Vec<WorkflowRun> = self
            .client
            .all_in(call, |page: WorkflowRuns| page.workflow_runs)
            .await?;
        let run = runs.into_iter().find(|run| run.id == Some(wanted));
        let run = run.ok_or_else(|| {
            refuse(
                ErrorKind::NotFound,
                "no dispatch of that workflow began such a run",
            )
            .remedy("name the run by its address")
        })?;
        Ok(ack(run.id, run.html_url))
    }
}

/// A login as it compares: apps are named with and without their suffix.
fn bare(login: &str) -> String {
    let lower = login.to_ascii_lowercase();
    lower.strip_suffix("[bot]").unwrap_or(&lower).to_owned()
}

/// The words of a run's title by which it can name an operation.
fn words(run: &WorkflowRun) -> impl Iterator<Item = &str> {
    let title = run.display_title.as_deref().unwrap_or_default();
    title.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')))
}

/// Whether a word has the form of an operation of a step: 160 bits in lower-case base 32.
fn is_op(word: &str) -> bool {
    word.len() == 32 && (word.bytes()).all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
}

/// The name of a branch or tag, without what stands before it in a full name.
fn tail(name: &str) -> &str {
    ["refs/heads/", "refs/tags/"]
        .into_iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name)
}

fn ack(run: Option<u64>, url: Option<String>) -> Ack {
    let mut notes = BTreeMap::new();
    if let Some(run) = run {
        notes.insert("run".to_owned(), run.to_string());
    }
    if let Some(url) = url {
        notes.insert("url".to_owned(), url);
    }
    Ack {
        notes,
        ..Ack::default()
    }
}
