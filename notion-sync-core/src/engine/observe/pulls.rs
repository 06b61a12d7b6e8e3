//! Pull requests of issues: whom they belong to, and how they stand.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::engine::observe::bind::Bound;
use crate::engine::observe::survey::Prepared;
use crate::engine::tell::bookkeeping::OF_PULLS;
use crate::engine::{Binding, Engine};
use crate::error::{ErrorKind, Result};
use crate::id::{RecordId, RemoteRef};
use crate::mapping::MappingKind;
use crate::snapshot::Presence;

/// Most pull requests of one issue that are remembered.
const MOST_PULLS: usize = 20;

impl Engine {
    /// Records that are linked to objects which changed since they were last seen, or which an event
    /// named.
    pub(in crate::engine) async fn linked_to(
        &self,
        binding: &Binding,
        touched: &[(RemoteRef, DateTime<Utc>)],
        named: &[&RemoteRef],
    ) -> Result<BTreeSet<RecordId>> {
        let mut out = BTreeSet::new();
        if touched.is_empty() && named.is_empty() {
            return Ok(out);
        }
        let touched: BTreeMap<&RemoteRef, DateTime<Utc>> =
            touched.iter().map(|(object, at)| (object, *at)).collect();
        for record in self.state().records(&binding.mapping.id).await? {
            let moved = |object: &RemoteRef| {
                touched.get(object).is_some_and(|at| {
                    let known = record.pulls.iter().find(|pull| pull.object == *object);
                    known.is_none_or(|pull| pull.updated_at < *at)
                })
            };
            let pulls = record.pulls.iter().map(|pull| &pull.object);
            let linked = |object: &&RemoteRef| record.links.values().any(|link| link == *object);
            let announced = named.iter().any(linked)
                || (record.pulls.iter())
                    .any(|pull| named.iter().any(|one| binding.github.is_about(one, pull)));
            if announced || record.links.values().chain(pulls).any(moved) {
                out.insert(record.id);
            }
        }
        Ok(out)
    }

    /// The pull requests of the issues that were just read, for rules and for the page.
    pub(in crate::engine) async fn look_at_pulls(
        &self,
        binding: &Binding,
        bound: &Bound,
        prepared: &mut [Prepared],
    ) -> Result<()> {
        let shown = OF_PULLS
            .iter()
            .any(|role| bound.notion.bookkeeping.contains(*role));
        let mapping = &binding.mapping;
        let wanted = shown
            || !mapping.rules.is_empty()
            || mapping.drift_status
            || mapping.notes.automation_comment;
        if mapping.kind != MappingKind::Tasks || !wanted {
            return Ok(());
        }
        let asked: Vec<(RemoteRef, Vec<RemoteRef>)> = (prepared.iter())
            .filter(|one| {
                (one.github.as_ref()).is_some_and(|view| view.presence == Presence::Present)
            })
            .filter_map(|one| {
                let record = &one.state.record;
                let known = record.links.values().filter(|link| link.kind == "pull");
                Some((record.github.clone()?, known.cloned().collect()))
            })
            .collect();
        if asked.is_empty() {
            return Ok(());
        }
        let found = match binding.github.linked(&asked).await {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::Store => return Err(error),
            Err(error) => {
                // The page goes on showing what was seen last.
                tracing::warn!(%error, "pull requests could not be looked at");
                return Ok(());
            }
        };
        let asked: BTreeSet<RemoteRef> = asked.into_iter().map(|(object, _)| object).collect();
        for one in prepared {
            let record = &mut one.state.record;
            let Some(issue) = record
                .github
                .as_ref()
                .filter(|issue| asked.contains(*issue))
            else {
                continue;
            };
            let mut pulls = found.get(issue).cloned().unwrap_or_default();
            pulls.truncate(MOST_PULLS);
            if record.pulls != pulls {
                record.pulls = pulls;
                one.news = true;
            }
        }
        Ok(())
    }
}
