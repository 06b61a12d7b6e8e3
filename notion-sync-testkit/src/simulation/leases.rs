//! Who has which lease, as the store says it, and what those do that have none any more (P15).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use notion_sync_core::store::{Change, Table};
use serde_json::Value;

/// What a commit did to leases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// Somebody has a lease now that somebody else had, and had not given back.
    TakenOver(String),
    /// Something was stored for a mapping under a lease that somebody else has.
    Intruded(String),
}

/// A lease as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stored {
    owner: String,
    given_back: bool,
}

/// Every lease, and under which one each process works.
#[derive(Debug, Default)]
pub(super) struct Leases {
    stored: BTreeMap<String, Stored>,
    /// Mapping and owner by process.
    works: BTreeMap<usize, (String, String)>,
}

/// The mapping of a lease that a change stores.
fn scope(change: &Change) -> Option<(&str, &[u8])> {
    match change {
        Change::Put {
            table: Table::Lease,
            key,
            body,
            ..
        } => Some((key.strip_prefix("lease:")?, body)),
        _ => None,
    }
}

/// Whether a change is about something else than leases.
fn is_work(change: &Change) -> bool {
    let (Change::Put { table, .. } | Change::Delete { table, .. } | Change::Check { table, .. }) =
        change;
    *table != Table::Lease
}

impl Leases {
    /// What a commit of a process did, which was stored.
    pub(super) fn committed(
        &mut self,
        process: usize,
        changes: &[Change],
        now: DateTime<Utc>,
    ) -> Option<Event> {
        if changes.iter().any(is_work)
            && let Some(scope) = self.lost(process)
        {
            return Some(Event::Intruded(scope));
        }
        let (scope, body) = changes.iter().find_map(scope)?;
        let body: Value = serde_json::from_slice(body).ok()?;
        let owner = body.get("owner")?.as_str()?.to_owned();
        let until: DateTime<Utc> = body.get("until")?.as_str()?.parse().ok()?;
        let given_back = until <= now;
        if given_back {
            self.works.remove(&process);
        } else {
            let works = (scope.to_owned(), owner.clone());
            self.works.insert(process, works);
        }
        let next = Stored { owner, given_back };
        let before = self.stored.insert(scope.to_owned(), next.clone());
        let taken = before.is_some_and(|before| before.owner != next.owner && !before.given_back);
        taken.then(|| Event::TakenOver(scope.to_owned()))
    }

    /// The mapping that a process works on under a lease that somebody else has.
    pub(super) fn lost(&self, process: usize) -> Option<String> {
        let (scope, owner) = self.works.get(&process)?;
        let stored = self.stored.get(scope)?;
        (stored.owner != *owner).then(|| scope.clone())
    }

    /// A process works on nothing any more.
    pub(super) fn rests(&mut self, process: usize) {
        self.works.remove(&process);
    }
}

#[cfg(test)]
mod tests {
    use chrono::Duration;
    use notion_sync_core::store::Expect;

    use super::*;

    fn put(table: Table, key: &str, body: &str) -> Change {
        Change::Put {
            table,
            key: key.to_owned(),
            expect: Expect::Any,
            indexes: Vec::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    fn lease(owner: &str, until: DateTime<Utc>) -> Vec<Change> {
        let body = serde_json::json!({"owner": owner, "epoch": 1, "until": until});
        vec![put(Table::Lease, "lease:docs", &body.to_string())]
    }

    #[test]
    fn work_under_a_lease_that_was_taken_over_is_told() {
        let now: DateTime<Utc> = "2026-09-01T10:00:00Z".parse().unwrap();
        let later = now + Duration::seconds(45);
        let work = vec![put(Table::Record, "record:1", "{}")];
        let mut leases = Leases::default();
        assert_eq!(leases.committed(0, &lease("a", later), now), None);
        assert_eq!(leases.committed(0, &work, now), None);
        // Given back, and taken by the other: nobody was kept out.
        assert_eq!(leases.committed(0, &lease("a", now), now), None);
        assert_eq!(leases.committed(1, &lease("b", later), now), None);
        assert_eq!(leases.committed(0, &work, now), None);
        let taken = leases.committed(0, &lease("c", later), now);
        assert_eq!(taken, Some(Event::TakenOver("docs".to_owned())));
        assert_eq!(leases.lost(1), Some("docs".to_owned()));
        let intruded = leases.committed(1, &work, now);
        assert_eq!(intruded, Some(Event::Intruded("docs".to_owned())));
        leases.rests(1);
        assert_eq!(leases.committed(1, &work, now), None);
    }
}
