//! The type of an issue: the service refuses a whole write for one that the organization does not
//! have.

use std::collections::BTreeMap;

use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value as Json};

use super::GithubIssues;
use crate::wire::Issue;

impl GithubIssues {
    /// Changes an issue, without its type where the service refuses that: it refuses everything with
    /// it. `None` where nothing else was to be changed.
    pub(super) async fn patch_but(
        &self,
        id: &str,
        number: u64,
        mut patch: Map<String, Json>,
        refused: &mut BTreeMap<String, String>,
    ) -> Result<Option<Issue>> {
        match self.patch(id, number, patch.clone()).await {
            Ok(issue) => Ok(Some(issue)),
            Err(error) if patch.contains_key("type") && is_about_type(&error) => {
                patch.remove("type");
                refused.insert("type".to_owned(), no_type(&error));
                if patch.is_empty() {
                    return Ok(None);
                }
                self.patch(id, number, patch).await.map(Some)
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether the service refused a write because of the type of the issue.
pub(super) fn is_about_type(error: &Error) -> bool {
    error.kind() == ErrorKind::Invalid && error.to_string().to_lowercase().contains("type")
}

fn no_type(error: &Error) -> String {
    format!(
        "GitHub refuses this type: add it to the issue types of the organization, or choose another; \
         repositories of people have none ({error})"
    )
}
