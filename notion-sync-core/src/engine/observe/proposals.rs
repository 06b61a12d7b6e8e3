//! How the pull requests of proposals stand.

use std::collections::BTreeMap;

use crate::engine::observe::arrivals::is_of_one;
use crate::engine::{Binding, Engine};
use crate::error::Result;
use crate::id::{RecordId, RemoteRef};
use crate::record::ProposalState;
use crate::snapshot::{Field, Presence};
use crate::value::Value;

impl Engine {
    /// The records whose open proposal has ended, and how. All are asked about together; only those
    /// that are not said to be open are read.
    pub(in crate::engine) async fn ended_proposals(
        &self,
        binding: &Binding,
    ) -> Result<BTreeMap<RecordId, ProposalState>> {
        let mut known: Vec<(RecordId, RemoteRef)> = Vec::new();
        for owner in self.state().with_proposal(&binding.mapping.id).await? {
            let Some(state) = self.state().record(&owner).await? else {
                continue;
            };
            if let Some(proposal) = &state.record.proposal
                && proposal.state == ProposalState::Open
                && let Some(pull) = &proposal.pull
            {
                known.push((owner, pull.clone()));
            }
        }
        let mut ended = BTreeMap::new();
        if known.is_empty() {
            return Ok(ended);
        }
        let pulls: Vec<RemoteRef> = known.iter().map(|(_, pull)| pull.clone()).collect();
        let open = binding.github.still_open(&pulls).await?;
        for (owner, pull) in known {
            if !open.contains(&pull)
                && let Some(state) = self.proposal_end(binding, &pull).await?
            {
                ended.insert(owner, state);
            }
        }
        Ok(ended)
    }

    /// How a proposal ended, if it has.
    async fn proposal_end(
        &self,
        binding: &Binding,
        pull: &RemoteRef,
    ) -> Result<Option<ProposalState>> {
        let snapshot = match binding.github.read(pull, false).await {
            Err(error) if is_of_one(&error) => {
                tracing::warn!(%error, "a pull request was not looked at");
                return Ok(None);
            }
            read => read?,
        };
        let state = match (&snapshot.presence, snapshot.fields.get("state")) {
            (Presence::Present, Some(Field::Value(Value::Text(state)))) => state.as_str(),
            // Nobody can merge it into what the mapping holds now.
            (Presence::Gone(_) | Presence::MovedOut(_), _) => "closed",
            _ => return Ok(None),
        };
        Ok(match state {
            "merged" => Some(ProposalState::Merged),
            "closed" => Some(ProposalState::Refused),
            _ => None,
        })
    }
}
