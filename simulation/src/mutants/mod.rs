//! The checks of the checker: mutants of the protocol, and how many seeds it takes to notice them.
//!
//! The engine, the adapters and the emulators are the real ones. A mutant stands between them, where
//! they are put together: around the store, around a side, around the clock or the network.

mod catalogue;
mod command;
mod remote;
mod store;
#[cfg(test)]
mod tests;
mod way;

use std::sync::{Arc, Mutex};

use notion_sync_core::clock::Clock;
use notion_sync_core::http::HttpSend;
use notion_sync_core::id::Side;
use notion_sync_core::remote::Remote;
use notion_sync_core::store::Store;
use notion_sync_examples::demo::Between;

use crate::scenario::{Seam, lock};

pub(crate) use catalogue::Mutant;
pub(crate) use command::run;

/// What stands between, with a mutant in it.
#[derive(Debug)]
struct Mutated {
    inner: Arc<dyn Between>,
    mutant: Mutant,
    seam: Arc<Seam>,
    clock: Mutex<Option<Arc<dyn Clock>>>,
}

/// Puts a mutant around a store and around what stands between the engine and the world.
pub(crate) fn around(
    mutant: Mutant,
    seam: &Arc<Seam>,
    store: Arc<dyn Store>,
    between: Arc<dyn Between>,
) -> (Arc<dyn Store>, Arc<dyn Between>) {
    let store = Arc::new(store::MutantStore::new(store, mutant, seam.clone()));
    let between = Arc::new(Mutated {
        inner: between,
        mutant,
        seam: seam.clone(),
        clock: Mutex::default(),
    });
    (store, between)
}

impl Between for Mutated {
    fn way(&self, side: Side, inner: Arc<dyn HttpSend>) -> Arc<dyn HttpSend> {
        let inner = self.inner.way(side, inner);
        let to = match self.mutant {
            Mutant::WaitUnheard => "retry-after",
            // What tells that the clock here is wrong.
            Mutant::ClockAhead => "date",
            _ => return inner,
        };
        let seam = self.seam.clone();
        Arc::new(way::Deaf { inner, to, seam })
    }

    fn remote(&self, side: Side, inner: Arc<dyn Remote>) -> Arc<dyn Remote> {
        let inner = self.inner.remote(side, inner);
        match lock(&self.clock).clone() {
            Some(clock) => {
                let seam = self.seam.clone();
                Arc::new(remote::MutantRemote::new(inner, self.mutant, seam, clock))
            }
            None => inner,
        }
    }

    fn clock(&self, inner: Arc<dyn Clock>) -> Arc<dyn Clock> {
        let mut clock = self.inner.clock(inner);
        if self.mutant == Mutant::ClockAhead {
            clock = Arc::new(way::Ahead { inner: clock });
        }
        *lock(&self.clock) = Some(clock.clone());
        clock
    }
}
