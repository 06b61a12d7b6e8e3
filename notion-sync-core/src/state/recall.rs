//! What was decoded before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::MappingState;
use super::value::Raw;
use crate::error::Result;
use crate::id::MappingId;

/// The states of mappings as they were read last. A tick reads each several times, because any of its
/// steps may have moved it on; most of the time nothing did, and the same bytes are the same state.
///
/// Holds one state for each mapping it was asked for.
#[derive(Debug, Default)]
pub(crate) struct Recall {
    mappings: Mutex<BTreeMap<MappingId, (Raw, Arc<MappingState>)>>,
}

impl Recall {
    /// The state that these bytes are.
    ///
    /// # Errors
    ///
    /// When they are none.
    pub(super) fn mapping(&self, id: &MappingId, raw: Raw) -> Result<Arc<MappingState>> {
        let mut mappings = self.mappings.lock().unwrap_or_else(PoisonError::into_inner);
        // Bytes, not versions: a store that was restored may count the same version twice.
        if let Some((known, state)) = mappings.get(id)
            && known.bytes() == raw.bytes()
        {
            return Ok(Arc::clone(state));
        }
        let state: Arc<MappingState> = Arc::new(raw.decode(id.as_str())?);
        mappings.insert(id.clone(), (raw, Arc::clone(&state)));
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn raw(error: &str) -> Raw {
        let state = MappingState {
            last_error: Some(error.to_owned()),
            ..MappingState::default()
        };
        Raw::new(serde_json::to_vec(&state).unwrap())
    }

    #[test]
    fn equal_bytes_are_decoded_once_and_others_again() {
        let recall = Recall::default();
        let (one, two) = (MappingId::new("one"), MappingId::new("two"));
        let first = recall.mapping(&one, raw("a")).unwrap();
        assert!(Arc::ptr_eq(
            &first,
            &recall.mapping(&one, raw("a")).unwrap()
        ));
        let other = recall.mapping(&one, raw("b")).unwrap();
        assert_eq!(other.last_error.as_deref(), Some("b"));
        let elsewhere = recall.mapping(&two, raw("c")).unwrap();
        assert_eq!(elsewhere.last_error.as_deref(), Some("c"));
        assert_eq!(*recall.mapping(&one, raw("a")).unwrap(), *first);
    }

    #[test]
    fn bytes_that_are_no_state_are_an_error_each_time() {
        let recall = Recall::default();
        let id = MappingId::new("one");
        recall.mapping(&id, raw("a")).unwrap();
        for bytes in [&b"{"[..], b"{", b"{\"last_error\": \"\xff\"}"] {
            let error = recall
                .mapping(&id, Raw::new(bytes.to_vec()))
                .expect_err("no state");
            assert_eq!(error.kind(), ErrorKind::Store);
        }
        assert_eq!(
            recall.mapping(&id, raw("a")).unwrap().last_error.as_deref(),
            Some("a")
        );
    }
}
