//! The commit status that tells whether page and issue agree.

use notion_sync_core::id::RemoteRef;
use notion_sync_core::remote::{Ack, Trace};
use notion_sync_core::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::json;

use super::GithubIssues;
use crate::endpoint::{COMMIT_STATUSES, CREATE_STATUS, Call};
use crate::reference;

/// Context of the status: what a branch can require.
pub const DRIFT_CONTEXT: &str = "notion-sync/drift";
/// Longest description in characters.
const MAX_DESCRIPTION: usize = 140;

/// One status of a commit.
#[derive(Debug, Deserialize)]
struct CommitStatus {
    #[serde(default)]
    context: String,
    #[serde(default)]
    state: String,
}

fn state(red: bool) -> &'static str {
    if red { "failure" } else { "success" }
}

impl GithubIssues {
    /// Sets the status of a commit. Setting it twice leaves the same newest status.
    pub(super) async fn flag(
        &self,
        object: &RemoteRef,
        head: &str,
        red: bool,
        text: &str,
    ) -> Result<Ack> {
        let (repository, _) = reference::parse_numbered(object)?;
        self.client.begin("set a commit status", 1, 0)?;
        let description: String = text.chars().take(MAX_DESCRIPTION).collect();
        let call = Call::new(&CREATE_STATUS, &[&repository.to_string(), head])
            .body(json!({
                "state": state(red),
                "context": DRIFT_CONTEXT,
                "description": description,
            }))
            .with("commit", head);
        match self.client.call(call).await {
            Ok(_) => Ok(Ack::default()),
            // A head that a push replaced and that nothing holds any more.
            Err(error) if error.kind() == ErrorKind::Invalid => {
                Err(Error::new(ErrorKind::Stale, "set a commit status")
                    .with("commit", head)
                    .caused_by(error))
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn trace_flag(
        &self,
        object: &RemoteRef,
        head: &str,
        red: bool,
    ) -> Result<Trace> {
        let (repository, _) = reference::parse_numbered(object)?;
        let call = Call::new(&COMMIT_STATUSES, &[&repository.to_string(), head])
            .query("per_page", "100")
            .with("commit", head);
        // Newest first: the first of our context is the one that counts.
        let found: Vec<CommitStatus> = self.client.call(call).await?.json()?;
        let ours = found.iter().find(|status| status.context == DRIFT_CONTEXT);
        Ok(match ours {
            Some(status) if status.state == state(red) => Trace::Applied(Ack::default()),
            _ => Trace::NotApplied,
        })
    }
}
