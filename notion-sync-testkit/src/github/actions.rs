//! Dispatched events: nothing runs here, but they are kept for tests to read.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::account::Actor;
use super::object::ObjectKind;
use super::refusal::Refusal;
use super::repository::Repository;
use super::state::State;

/// An event that was dispatched.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dispatch {
    /// Its number, the id of the run it would start.
    pub id: u64,
    /// `workflow_dispatch` or `repository_dispatch`.
    pub event: &'static str,
    /// File name of the workflow, or the type of the repository event.
    pub name: String,
    /// Branch or tag, for workflows.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// Inputs of the workflow, or the payload.
    pub payload: Value,
    /// What the run calls itself: the workflow's `run-name` with the inputs put in, else its name.
    pub title: Option<String>,
    /// Login of who dispatched it.
    pub login: String,
    /// When.
    pub at: DateTime<Utc>,
}

const FOLDER: &str = ".github/workflows";

/// A number for a workflow file, the same in every run.
fn workflow_id(file: &str) -> u64 {
    let hash = blake3::hash(file.as_bytes());
    let bytes = hash.as_bytes();
    u64::from(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

impl Repository {
    /// The text of a workflow file at a branch or tag.
    fn workflow(&self, reference: &str, file: &str) -> Option<String> {
        let tree = self.objects.tree_of(&self.resolve(reference)?)?;
        let entry = self.objects.at(&tree, &format!("{FOLDER}/{file}"))?;
        let data = self.objects.blob(&entry.id)?;
        Some(String::from_utf8_lossy(data).into_owned())
    }

    /// The workflow files of the default branch with their numbers.
    pub(crate) fn workflows(&self) -> Vec<(u64, String)> {
        let folder = self
            .branch(&self.default_branch)
            .and_then(|tip| self.objects.tree_of(&tip))
            .and_then(|tree| self.objects.at(&tree, FOLDER))
            .and_then(|folder| self.objects.tree(&folder.id));
        folder
            .map(|folder| folder.entries)
            .unwrap_or_default()
            .into_iter()
            .filter(|(_, entry)| entry.mode.kind() == ObjectKind::Blob)
            .filter(|(file, _)| file.ends_with(".yml") || file.ends_with(".yaml"))
            .map(|(file, _)| (workflow_id(&file), file))
            .collect()
    }

    /// What a workflow calls itself, its path when it does not say.
    pub(crate) fn workflow_name(&self, file: &str) -> String {
        let text = self
            .workflow(&self.default_branch, file)
            .unwrap_or_default();
        text.lines()
            .find_map(|line| line.strip_prefix("name:"))
            .map(|name| name.trim().trim_matches(['"', '\'']).to_owned())
            .unwrap_or_else(|| format!("{FOLDER}/{file}"))
    }

    /// The file of a workflow named by file name or number.
    pub(crate) fn workflow_file(&self, name: &str) -> Option<String> {
        let number = name.parse::<u64>().ok();
        self.workflows()
            .into_iter()
            .find(|(id, file)| file == name || number == Some(*id))
            .map(|(_, file)| file)
    }
}

/// Whether a workflow file names a trigger. A word of the text, comments left out, is enough here:
/// what else the file says is not read.
fn has_trigger(text: &str, trigger: &str) -> bool {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .flat_map(|line| line.split(|c: char| !(c.is_alphanumeric() || c == '_')))
        .any(|word| word == trigger)
}

/// What a run is called by the `run-name` of its workflow. Inputs are put in; of other expressions
/// nothing is known here, and they come out empty.
fn run_name(text: &str, inputs: &Value) -> Option<String> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("run-name:"))?;
    let mut rest = line.trim().trim_matches(['"', '\'']);
    let mut title = String::new();
    while let Some((before, after)) = rest.split_once("${{") {
        title.push_str(before);
        let (expression, behind) = after.split_once("}}")?;
        let expression = expression.trim();
        let input = expression
            .strip_prefix("inputs.")
            .or_else(|| expression.strip_prefix("github.event.inputs."));
        let value = input.and_then(|name| inputs.get(name));
        title.push_str(value.and_then(Value::as_str).unwrap_or_default());
        rest = behind;
    }
    title.push_str(rest);
    Some(title)
}

impl State {
    /// Dispatches a workflow. Returns the id of the run.
    pub(crate) fn dispatch_workflow(
        &mut self,
        repository: u64,
        workflow: &str,
        reference: &str,
        inputs: Value,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        let repo = self.repository(repository)?;
        let file = repo
            .workflow_file(workflow)
            .ok_or_else(Refusal::not_found)?;
        let named = |prefix: &str| repo.refs.contains_key(&format!("{prefix}{reference}"));
        if !(named("") && reference.starts_with("refs/")
            || named("refs/heads/")
            || named("refs/tags/"))
        {
            return Err(Refusal::unprocessable(format!(
                "No ref found for: {reference}"
            )));
        }
        let text = repo
            .workflow(reference, &file)
            .filter(|text| has_trigger(text, "workflow_dispatch"))
            .ok_or_else(|| {
                Refusal::unprocessable("Workflow does not have 'workflow_dispatch' trigger")
            })?;
        let title = run_name(&text, &inputs).unwrap_or_else(|| repo.workflow_name(&file));
        self.keep(
            repository,
            Dispatch {
                id: 0,
                event: "workflow_dispatch",
                name: file,
                reference: Some(reference.to_owned()),
                payload: inputs,
                title: Some(title),
                login: actor.login.clone(),
                at: now,
            },
        )
    }

    /// Dispatches an event of the repository's own.
    pub(crate) fn dispatch_event(
        &mut self,
        repository: u64,
        name: &str,
        payload: Value,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<u64, Refusal> {
        self.keep(
            repository,
            Dispatch {
                id: 0,
                event: "repository_dispatch",
                name: name.to_owned(),
                reference: None,
                payload,
                title: None,
                login: actor.login.clone(),
                at: now,
            },
        )
    }

    fn keep(&mut self, repository: u64, mut dispatch: Dispatch) -> Result<u64, Refusal> {
        let id = self.next_id();
        dispatch.id = id;
        self.repository_mut(repository)?.dispatches.push(dispatch);
        self.changed();
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{has_trigger, run_name};

    #[test]
    fn runs_are_named_with_their_inputs() {
        let inputs = json!({"op": "k1"});
        for (text, wanted) in [
            ("name: Ship", None),
            ("run-name: Ship ${{ inputs.op }}!", Some("Ship k1!")),
            ("run-name: '${{github.event.inputs.op}}'", Some("k1")),
            ("run-name: by ${{ github.actor }}", Some("by ")),
        ] {
            assert_eq!(run_name(text, &inputs).as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn triggers_are_words_outside_comments() {
        for (text, found) in [
            ("on:\n  workflow_dispatch:\n", true),
            ("on: [push, workflow_dispatch]", true),
            ("on: push # workflow_dispatch", false),
            ("on: my_workflow_dispatch", false),
        ] {
            assert_eq!(has_trigger(text, "workflow_dispatch"), found, "{text}");
        }
    }
}
