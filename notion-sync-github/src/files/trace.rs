//! What became of a write whose answer was lost.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use notion_sync_core::id::RemoteRef;
use notion_sync_core::remote::{Ack, Action, Propose, Trace, Write};
use notion_sync_core::snapshot::{Content, Field, Presence, Proof, Snapshot};
use notion_sync_core::value::Value;
use notion_sync_core::{Error, ErrorKind, Result};

use super::pulls::{PROPOSAL_PREFIX, comment_notes};
use super::{GithubFiles, Head};
use crate::comments::{self, SEARCH_SKEW, stamp};
use crate::endpoint::{COMMITS, Call};
use crate::message::{names_op, names_run};
use crate::neutral::one_line;
use crate::pull;
use crate::reference;
use crate::repository::RepositoryInfo;
use crate::wire::Commit;

impl GithubFiles {
    pub(super) async fn trace_writes(
        &self,
        batch: &[Write],
        sent_at: DateTime<Utc>,
    ) -> Result<Vec<Trace>> {
        use notion_sync_core::remote::Remote as _;
        let committed = batch
            .iter()
            .any(|write| self.group(&write.action).is_some());
        if committed {
            return self.trace_commit(batch, sent_at).await;
        }
        let mut traces = Vec::new();
        for write in batch {
            traces.push(match &write.action {
                Action::Propose(propose) => self.trace_proposal(write, propose).await?,
                Action::Withdraw { proposal, .. } => {
                    self.trace_withdrawal(write, proposal, sent_at).await?
                }
                Action::Comment { object, .. } => {
                    let (repository, number) = self.own_pull(object).await?;
                    let id = repository.id.to_string();
                    match comments::find(&self.client, &id, number, &write.op, Some(sent_at))
                        .await?
                    {
                        Some(comment) => Trace::Applied(Ack {
                            snapshot: None,
                            notes: comment_notes(&comment),
                            ..Ack::default()
                        }),
                        None => Trace::NotApplied,
                    }
                }
                _ => Trace::NotApplied,
            });
        }
        Ok(traces)
    }

    /// A proposal is withdrawn when it was said, is closed, and no branch of ours is left. Sending it
    /// again does what is missing.
    async fn trace_withdrawal(
        &self,
        write: &Write,
        proposal: &RemoteRef,
        sent_at: DateTime<Utc>,
    ) -> Result<Trace> {
        let (repository, number) = self.own_pull(proposal).await?;
        let id = repository.id.to_string();
        let snapshot = self.read_pull(proposal, false).await?;
        let said = comments::find(&self.client, &id, number, &write.op, Some(sent_at)).await?;
        let open = snapshot.presence == Presence::Present && !is_state(&snapshot, "closed");
        let Some(comment) = said.filter(|_| !open) else {
            return Ok(Trace::NotApplied);
        };
        let branch = match snapshot.fields.get("branch") {
            Some(Field::Value(value)) => value.as_text().unwrap_or_default(),
            _ => "",
        };
        if branch.starts_with(PROPOSAL_PREFIX)
            && let Some(head) = self.ref_of(repository, branch).await?
            && self.is_our_commit(repository, &head).await?
        {
            return Ok(Trace::NotApplied);
        }
        Ok(Trace::Applied(Ack {
            snapshot: Some(snapshot),
            notes: comment_notes(&comment),
            ..Ack::default()
        }))
    }

    /// Looks for the commit of a group among those of the branch since it was sent, by its trailer,
    /// and for each member in it by its run.
    async fn trace_commit(&self, batch: &[Write], sent_at: DateTime<Utc>) -> Result<Vec<Trace>> {
        let repository = self.repository().await?;
        let Some(group) = batch.first().map(|write| write.group.as_str()) else {
            return Ok(Vec::new());
        };
        let call = Call::new(&COMMITS, &[&repository.id.to_string()])
            .query("sha", &self.settings.branch)
            .query("since", &stamp(sent_at - SEARCH_SKEW))
            .with("branch", &self.settings.branch);
        let commits: Vec<Commit> = self.client.all(call).await?;
        let found = commits
            .iter()
            .find(|commit| names_op(commit.message(), group));
        let Some((commit, sha)) = found.and_then(|commit| Some((commit, commit.sha.clone()?)))
        else {
            return Ok(batch.iter().map(|_| Trace::NotApplied).collect());
        };
        let head = Head {
            at: commit.committed_at().unwrap_or(sent_at),
            actor: commit.who(),
            commit: sha,
        };
        let table = self.table(repository, &head.commit).await?;
        let traces = batch.iter().map(|write| {
            if !names_run(commit.message(), write.run.as_str()) {
                return Trace::NotApplied;
            }
            let path = match &write.action {
                Action::Create(create) => create.place.as_deref(),
                Action::Update(update) => update
                    .place
                    .as_deref()
                    .or_else(|| Some(reference::parse_file(&update.object).ok()?.2)),
                Action::Remove { object, .. } => {
                    Some(reference::parse_file(object).map_or("", |(_, _, path)| path))
                }
                _ => None,
            };
            let snapshot = path.map(|path| match table.get(path) {
                Some(entry) => self.present(repository, path, &entry.sha, &head, Content::NotRead),
                None => {
                    let object = reference::file(repository.id, &self.settings.branch, path);
                    self.absent(
                        object,
                        Presence::Gone(Proof::AbsentInDescendant),
                        Some(&head),
                    )
                }
            });
            let notes = BTreeMap::from([("commit".to_owned(), head.commit.clone())]);
            Trace::Applied(Ack {
                snapshot,
                notes,
                ..Ack::default()
            })
        });
        Ok(traces.collect())
    }

    /// A proposal is there when our commit is among those of its pull request, whatever people did
    /// with it since: pushed to it, merged it, closed it. One that is open must also say what was
    /// asked, and have been shown to those who are to review it. Everything less is finished by sending it again.
    async fn trace_proposal(&self, write: &Write, propose: &Propose) -> Result<Trace> {
        let repository: &RepositoryInfo = self.repository().await?;
        let Some(pull) = self.proposed(repository, propose).await? else {
            return Ok(Trace::NotApplied);
        };
        let Some(ack) = self.proposed_by(repository, write, propose, &pull).await? else {
            return Ok(Trace::NotApplied);
        };
        let title = one_line(&propose.title, 200);
        let retitled = pull.is_open() && pull.title.as_deref() != Some(&title);
        let reviewers = &propose.reviewers;
        if retitled || pull::lacks_reviewers(&self.client, repository, reviewers, &pull).await? {
            return Ok(Trace::Unfinished(ack));
        }
        Ok(Trace::Applied(ack))
    }
}

impl GithubFiles {
    /// The pull request that a person names as the one of a proposal: of its branch, with its commit.
    pub(super) async fn made_proposal(
        &self,
        write: &Write,
        propose: &Propose,
        object: &RemoteRef,
    ) -> Result<Ack> {
        let refuse = |message: String| {
            Error::new(ErrorKind::Invalid, "find a pull request")
                .with("object", object)
                .message(message)
        };
        if object.kind != reference::PULL {
            return Err(refuse("a pull request is what it makes".to_owned()));
        }
        let (repository, number) = self.own_pull(object).await?;
        let pull = self.pull(repository, number).await?;
        if pull.head_name() != Some(propose.branch.as_str()) {
            return Err(refuse(format!(
                "it is of the branch {:?}, and was to be of {:?}",
                pull.head_name().unwrap_or_default(),
                propose.branch
            )));
        }
        let found = self.proposed_by(repository, write, propose, &pull).await?;
        found.ok_or_else(|| {
            refuse("the commit of this operation is not in it".to_owned())
                .remedy("`dead-letter retry` lets it be written there")
        })
    }
}

fn is_state(snapshot: &Snapshot, wanted: &str) -> bool {
    snapshot.fields.get("state") == Some(&Field::Value(Value::text(wanted)))
}
