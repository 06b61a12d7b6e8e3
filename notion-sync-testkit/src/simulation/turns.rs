//! Whose turn it is at the seam, where several processes work, and under which lease.

use std::future::poll_fn;
use std::task::Poll;

use chrono::{DateTime, Utc};
use notion_sync_core::id::Side;
use notion_sync_core::store::Change;

use super::leases::Event;
use super::seam::Seam;

/// Where a process stops for a moment, so that another one may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// A request is about to leave.
    Send,
    /// A commit is about to be made.
    Commit,
    /// Anything else.
    Other,
}

impl Seam {
    /// Several processes work from now on.
    pub fn keep_company(&self) {
        self.past().company = true;
    }

    /// One process works alone from now on.
    pub fn alone(&self, process: usize) {
        self.past().company = false;
        self.turn(process);
    }

    /// Whether several processes work.
    #[must_use]
    pub fn has_company(&self) -> bool {
        self.past().company
    }

    /// The process whose turn it is.
    #[must_use]
    pub fn process(&self) -> usize {
        self.past().process
    }

    /// It is the turn of a process.
    pub fn turn(&self, process: usize) {
        let mut past = self.past();
        past.process = process;
        past.stopped = None;
    }

    /// Where the process stopped whose turn it was.
    #[must_use]
    pub fn stopped(&self) -> Option<Stop> {
        self.past().stopped
    }

    /// A process works on nothing any more.
    pub fn rests(&self, process: usize) {
        self.past().leases.rests(process);
    }

    /// A process died; the others go on.
    pub fn buried(&self, process: usize) {
        let mut past = self.past();
        past.crashed = false;
        past.not_before.retain(|(of, _), _| *of != process);
        past.life += 1;
        past.leases.rests(process);
    }

    /// Another process may go on here.
    pub async fn stop(&self, stop: Stop) {
        {
            let mut past = self.past();
            if !past.company {
                return;
            }
            // Of several requests under way one that leaves counts.
            if past.stopped != Some(Stop::Send) {
                past.stopped = Some(stop);
            }
        }
        let mut went_on = false;
        poll_fn(|context| {
            if std::mem::replace(&mut went_on, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// A commit was stored.
    pub fn committed(&self, changes: &[Change]) {
        let now = self.now();
        let event = {
            let mut past = self.past();
            let process = past.process;
            past.leases.committed(process, changes, now)
        };
        match event {
            Some(Event::TakenOver(mapping)) => {
                self.note(&format!("the lease of {mapping} is taken over"));
                self.count("a lease was taken over");
            }
            Some(Event::Intruded(mapping)) => {
                let said = format!("something of {mapping} was stored under a lost lease");
                self.violate("P15", said);
            }
            None => {}
        }
    }

    /// The process whose turn it is has heard that it must not ask a side again before `until`.
    pub fn limited(&self, side: Side, until: DateTime<Utc>) {
        let mut past = self.past();
        let process = past.process;
        past.not_before.insert((process, side), until);
    }

    /// The process whose turn it is asks a side: not before it may (P19).
    pub fn not_early(&self, side: Side, at: DateTime<Utc>) {
        let early = {
            let past = self.past();
            let not_before = past.not_before.get(&(past.process, side));
            not_before.is_some_and(|not_before| at < *not_before)
        };
        if early {
            let said = format!("{side:?} was asked before it wanted to be asked again");
            self.violate("P19", said);
        }
    }

    /// A request is about to leave, the lease was just looked at. What is heard while it is on its way
    /// it cannot know.
    pub fn leaves(&self, side: Side, writes: bool) {
        let at = self.now();
        self.not_early(side, at);
        let lost = {
            let past = self.past();
            past.leases.lost(past.process)
        };
        if writes && let Some(mapping) = lost {
            let said = format!("something of {mapping} was sent under a lost lease");
            self.violate("P15", said);
        }
    }
}
