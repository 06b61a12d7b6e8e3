//! Whose turn it is at the seam, where several processes work, and under which lease.

use std::future::poll_fn;
use std::task::Poll;

use chrono::{DateTime, Utc};
use notion_sync_core::clock::Clock;
use notion_sync_core::id::Side;
use notion_sync_core::store::Change;

use super::company::Stop;
use super::leases::Event;
use super::people::lock;
use super::seam::Seam;

impl Seam {
    /// Several processes work from now on.
    pub(super) fn keep_company(&self) {
        lock(&self.past).company = true;
    }

    /// One process works alone from now on.
    pub(super) fn alone(&self, process: usize) {
        lock(&self.past).company = false;
        self.turn(process);
    }

    /// Whether several processes work.
    pub(super) fn has_company(&self) -> bool {
        lock(&self.past).company
    }

    /// It is the turn of a process.
    pub(super) fn turn(&self, process: usize) {
        let mut past = lock(&self.past);
        past.process = process;
        past.stopped = None;
    }

    /// Where the process stopped whose turn it was.
    pub(super) fn stopped(&self) -> Option<Stop> {
        lock(&self.past).stopped
    }

    /// A process works on nothing any more.
    pub(super) fn rests(&self, process: usize) {
        lock(&self.past).leases.rests(process);
    }

    /// A process died; the others go on.
    pub(super) fn buried(&self, process: usize) {
        let mut past = lock(&self.past);
        past.crashed = false;
        past.not_before.retain(|(of, _), _| *of != process);
        past.life += 1;
        past.leases.rests(process);
    }

    /// Another process may go on here.
    pub(super) async fn stop(&self, stop: Stop) {
        {
            let mut past = lock(&self.past);
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
    pub(super) fn committed(&self, changes: &[Change]) {
        let now = self.clock().map(|clock| clock.now()).unwrap_or_default();
        let event = {
            let mut past = lock(&self.past);
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
                lock(&self.past).violations.push(("P15", said));
            }
            None => {}
        }
    }

    /// The process whose turn it is has heard that it must not ask a side again before `until`.
    pub(super) fn limited(&self, side: Side, until: DateTime<Utc>) {
        let mut past = lock(&self.past);
        let process = past.process;
        past.not_before.insert((process, side), until);
    }

    /// The process whose turn it is asks a side: not before it may (P19).
    pub(super) fn not_early(&self, side: Side, at: DateTime<Utc>) {
        let mut past = lock(&self.past);
        let not_before = past.not_before.get(&(past.process, side));
        if not_before.is_some_and(|not_before| at < *not_before) {
            let said = format!("{side:?} was asked before it wanted to be asked again");
            past.violations.push(("P19", said));
        }
    }

    /// A request is about to leave, the lease was just looked at. What is heard while it is on its way
    /// it cannot know.
    pub(super) fn leaves(&self, side: Side, writes: bool) {
        let at = self.clock().map(|clock| clock.now()).unwrap_or_default();
        self.not_early(side, at);
        let mut past = lock(&self.past);
        let process = past.process;
        if writes && let Some(mapping) = past.leases.lost(process) {
            let said = format!("something of {mapping} was sent under a lost lease");
            past.violations.push(("P15", said));
        }
    }
}
