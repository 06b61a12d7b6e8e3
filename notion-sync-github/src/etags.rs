//! Answers that are kept to be revalidated: a 304 costs no quota.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use bytes::Bytes;
use http::HeaderMap;

/// Most bytes of bodies kept.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Most answers kept.
const MAX_ENTRIES: usize = 512;

/// An answer that can be revalidated.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) etag: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Answers by credential and address. `ETag`s depend on the token, so it is part of the key.
#[derive(Debug, Default)]
pub(crate) struct EtagStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<String, Kept>,
    order: VecDeque<String>,
    bytes: usize,
}

impl EtagStore {
    pub(crate) fn key(fingerprint: &str, target: &str) -> String {
        format!("{fingerprint} {target}")
    }

    pub(crate) fn get(&self, key: &str) -> Option<Kept> {
        self.lock().entries.get(key).cloned()
    }

    pub(crate) fn put(&self, key: String, kept: Kept) {
        let mut state = self.lock();
        state.remove(&key);
        if kept.body.len() > MAX_BYTES / 8 {
            return;
        }
        state.bytes += kept.body.len();
        state.order.push_back(key.clone());
        state.entries.insert(key, kept);
        while state.bytes > MAX_BYTES || state.entries.len() > MAX_ENTRIES {
            let Some(oldest) = state.order.front().cloned() else {
                break;
            };
            state.remove(&oldest);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    fn remove(&mut self, key: &str) {
        if let Some(old) = self.entries.remove(key) {
            self.bytes -= old.body.len();
            self.order.retain(|known| known != key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_within_its_bounds() {
        let store = EtagStore::default();
        for n in 0..(MAX_ENTRIES + 100) {
            let kept = Kept {
                etag: n.to_string(),
                headers: HeaderMap::new(),
                body: Bytes::from(vec![0; 64 * 1024]),
            };
            store.put(EtagStore::key("f", &n.to_string()), kept);
        }
        let state = store.lock();
        assert!(state.bytes <= MAX_BYTES);
        assert_eq!(state.entries.len(), state.order.len());
        assert_eq!(
            state.bytes,
            state
                .entries
                .values()
                .map(|kept| kept.body.len())
                .sum::<usize>()
        );
    }
}
