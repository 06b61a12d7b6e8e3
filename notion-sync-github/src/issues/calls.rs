//! Calls that change one thing of an issue, or make sure that what it names is there.

use std::collections::BTreeSet;

use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value as Json, json};

use super::GithubIssues;
use super::fields::holds;
use crate::endpoint::{
    ADD_ASSIGNEES, ADD_LABELS, CREATE_LABEL, Call, LABELS, MILESTONES, REMOVE_LABEL, UPDATE_ISSUE,
};
use crate::wire::{Issue, Label, LabelDetail, Milestone};

/// Colour of labels made here: the grey GitHub gives labels that appear by use.
const LABEL_COLOUR: &str = "ededed";

impl GithubIssues {
    pub(crate) async fn patch(
        &self,
        id: &str,
        number: u64,
        body: Map<String, Json>,
    ) -> Result<Issue> {
        let call = Call::new(&UPDATE_ISSUE, &[id, &number.to_string()])
            .body(Json::Object(body))
            .with("number", number);
        self.client.call(call).await?.json()
    }

    pub(crate) async fn assign(&self, id: &str, number: u64, logins: &[String]) -> Result<Issue> {
        let call = Call::new(&ADD_ASSIGNEES, &[id, &number.to_string()])
            .body(json!({"assignees": logins}))
            .with("number", number);
        self.client.call(call).await?.json()
    }

    pub(crate) async fn add_labels(
        &self,
        id: &str,
        number: u64,
        names: &[String],
    ) -> Result<Vec<Label>> {
        let call = Call::new(&ADD_LABELS, &[id, &number.to_string()])
            .body(json!({"labels": names}))
            .with("number", number);
        self.client.call(call).await?.json()
    }

    /// Removes a label. `None` when it was not there.
    pub(crate) async fn remove_label(
        &self,
        id: &str,
        number: u64,
        name: &str,
    ) -> Result<Option<Vec<Label>>> {
        let call =
            Call::new(&REMOVE_LABEL, &[id, &number.to_string(), name]).with("number", number);
        match self.client.call(call).await {
            Ok(answer) => answer.json().map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes labels that the repository does not have. Using an unknown one would make it too, but
    /// what exists afterwards should not depend on that. Without the right to make labels the
    /// service drops them from the issue as well, which the caller reports. Answers the names that it
    /// does not take for a label, as those of more than 50 characters.
    pub(crate) async fn ensure_labels(&self, id: &str, names: &[String]) -> Result<Vec<String>> {
        let mut refused = Vec::new();
        let known: Vec<LabelDetail> = self.client.all(Call::new(&LABELS, &[id])).await?;
        let known: BTreeSet<String> = known.into_iter().filter_map(|label| label.name).collect();
        for name in names.iter().filter(|name| !holds(&known, name)) {
            let call = Call::new(&CREATE_LABEL, &[id])
                .body(json!({"name": name, "color": LABEL_COLOUR}))
                .with("label", name);
            match self.client.call(call).await {
                Ok(_) => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::AlreadyExists | ErrorKind::Forbidden | ErrorKind::NotFound
                    ) => {}
                Err(error) if error.kind() == ErrorKind::Invalid => refused.push(name.clone()),
                Err(error) => return Err(error),
            }
        }
        Ok(refused)
    }

    pub(super) async fn milestone(&self, id: &str, title: &str) -> Result<u64> {
        let call = Call::new(&MILESTONES, &[id]).query("state", "all");
        let known: Vec<Milestone> = self.client.all(call).await?;
        let found = known
            .into_iter()
            .find(|one| one.title.as_deref() == Some(title));
        found.and_then(|one| one.number).ok_or_else(|| {
            Error::new(ErrorKind::Blocked, "set a milestone")
                .with("field", "milestone")
                .message("the repository has no milestone of that title")
                .remedy("create the milestone on GitHub, or choose another")
        })
    }
}
