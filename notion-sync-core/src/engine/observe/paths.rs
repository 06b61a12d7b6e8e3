//! Paths that are taken: two files never get the same one.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::RecordId;
use crate::operation::Operation;
use crate::record::{Life, ProposalState, Record};
use crate::remote::{Action, ProposalKind};

/// Paths at which files are, and those at which they are about to be.
#[derive(Debug, Default, Clone)]
pub(in crate::engine) struct Paths {
    held: BTreeSet<String>,
    /// Paths that a record has asked for, in a pull request or by a write under way. Its own are free
    /// to it.
    wanted: BTreeMap<String, RecordId>,
}

impl Paths {
    /// A file is there.
    pub(in crate::engine) fn hold(&mut self, path: String) {
        self.held.insert(path);
    }

    /// What a record proposes: people may merge that at any time, and until its file was seen nothing
    /// else says where it is.
    pub(in crate::engine) fn propose(&mut self, record: &Record) {
        if let Some(proposal) = &record.proposal
            && record.life != Life::Tombstone
            && let Some(path) = &proposal.path
        {
            let stands = match proposal.state {
                ProposalState::Planned | ProposalState::Open => true,
                ProposalState::Merged => {
                    proposal.kind == ProposalKind::Create && record.github.is_none()
                }
                ProposalState::Refused => false,
            };
            if stands {
                self.want(path, &record.id);
            }
        }
    }

    /// Where an operation that is not settled puts a file.
    pub(in crate::engine) fn write(&mut self, op: &Operation) {
        match &op.write.action {
            Action::Update(update) => {
                if let Some(place) = &update.place {
                    self.want(place, &op.record);
                }
            }
            Action::Propose(propose) => {
                for (path, text) in &propose.files {
                    if text.is_some() {
                        self.want(path, &op.record);
                    }
                }
            }
            _ => {}
        }
    }

    /// A record asks for a path.
    pub(in crate::engine) fn want(&mut self, path: &str, record: &RecordId) {
        self.wanted
            .entry(path.to_owned())
            .or_insert_with(|| record.clone());
    }

    /// Whether a path is not for this record.
    pub(in crate::engine) fn is_taken(&self, path: &str, record: &RecordId) -> bool {
        self.held.contains(path) || self.wanted.get(path).is_some_and(|owner| owner != record)
    }
}
