//! Objects that no record owns, and what waits for one of them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt as _};

use crate::engine::observe::bind::Bound;
use crate::engine::observe::looking::Looking;
use crate::engine::observe::survey::{READERS, halted};
use crate::engine::observe::text;
use crate::engine::pairs::partners::Held;
use crate::engine::{Binding, Engine};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{RemoteRef, Side};
use crate::mapping::View;
use crate::snapshot::{Content, Marker, Presence, Revision, Snapshot};

impl Engine {
    /// Reads objects that no record owns, and before them those that wait for a partner: any of the
    /// new ones may be it, so none is judged without them. What cannot be read now is known only from
    /// the listing, which must show it again: its side is `unread`.
    pub(super) async fn arrivals(
        &self,
        binding: &Binding,
        bound: &Bound,
        looking: &Looking,
        new: &[(Side, RemoteRef)],
        waits: &mut Option<(DateTime<Utc>, String)>,
        unread: &mut BTreeSet<Side>,
    ) -> Result<(Vec<(Side, View)>, Held)> {
        if new.is_empty() {
            return Ok(Default::default());
        }
        // First, or the new ones would use up again each time what a remote allows at once.
        let mut held = match self.held_back_by_marks(binding, bound).await {
            Ok(held) => held,
            Err(error) => {
                self.wait_for(error, waits)?;
                unread.extend(new.iter().map(|(side, _)| *side));
                return Ok(Default::default());
            }
        };
        let mut fresh = Vec::new();
        let read = self.read_new(binding, bound, looking, new).await;
        if self.is_halted() {
            return Err(halted());
        }
        for ((side, object), (_, read)) in new.iter().zip(read) {
            let side = *side;
            match read {
                // An operation that is not settled yet will adopt it, or it is a copy of what that one made,
                // which carries the same mark: then it must be listed again.
                Ok(view) if let Some(op) = self.unsettled_maker(&view).await? => {
                    if op.attempts == 0 {
                        held.sent.push(op.id);
                    }
                    unread.insert(side);
                }
                Ok(view) if view.presence == Presence::Present => fresh.push((side, view)),
                Ok(_) => {}
                // It takes part with what the listing says of it, and waits.
                Err(error) if is_of_one(&error) => {
                    if let Some(item) = looking.items.get(&(side, object.clone())) {
                        let mut item = item.clone();
                        item.presence = Presence::Unread(error.to_string());
                        let view = text::view(binding, bound, &self.bounds, side, &item, None);
                        fresh.push((side, view));
                    }
                }
                Err(error) => {
                    self.wait_for(error, waits)?;
                    unread.insert(side);
                    if let Some(item) = looking.items.get(&(side, object.clone())) {
                        let view = text::view(binding, bound, &self.bounds, side, item, None);
                        Self::not_read(binding, side, &view, &mut held);
                    }
                }
            }
        }
        Ok((fresh, held))
    }

    async fn read_new(
        &self,
        binding: &Binding,
        bound: &Bound,
        looking: &Looking,
        new: &[(Side, RemoteRef)],
    ) -> Vec<(Side, Result<View>)> {
        stream::iter(new.iter().cloned())
            .map(|(side, object)| async move {
                let snapshot = match looking.ready(side, &object) {
                    Some(snapshot) => Ok(snapshot.clone()),
                    None if self.is_halted() => Err(halted()),
                    None => binding.remote(side).read(&object, true).await,
                };
                // Only the links of a page depend on a path, and a new page has no file yet.
                let view = snapshot.map(|snapshot| {
                    text::view(binding, bound, &self.bounds, side, &snapshot, None)
                });
                (side, view)
            })
            .buffered(READERS)
            .collect()
            .await
    }

    /// Reads one object. What cannot be read of it alone, until a person changes something, is an object
    /// that was not read: its record waits and says why, and the others go on.
    ///
    /// # Errors
    ///
    /// Those that concern more than this object, or that pass.
    pub(in crate::engine) async fn read_object(
        &self,
        binding: &Binding,
        side: Side,
        object: &RemoteRef,
    ) -> Result<Snapshot> {
        match binding.remote(side).read(object, true).await {
            Err(error) if is_of_one(&error) => {
                Ok(self.absent(object, Presence::Unread(error.to_string())))
            }
            read => read,
        }
    }

    /// An object of which nothing is seen.
    pub(super) fn absent(&self, object: &RemoteRef, presence: Presence) -> Snapshot {
        Snapshot {
            object: object.clone(),
            previous: None,
            presence,
            revision: Revision {
                at: self.now(),
                grain_seconds: 0,
                token: String::new(),
            },
            observed_at: self.now(),
            fields: BTreeMap::new(),
            types: BTreeMap::new(),
            content: Content::NotRead,
            place: None,
            marker: Marker::default(),
            url: None,
            actor: None,
            made: None,
            bookkeeping: BTreeMap::new(),
        }
    }
}

/// Whether an error is about one object and stays: GitHub withholds it, Notion cannot show it.
pub(super) fn is_of_one(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Blocked | ErrorKind::Invalid)
}
