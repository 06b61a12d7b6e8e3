//! Keeping what people wrote unreadable at rest.

mod envelope;
mod key;
mod sealed;

pub use key::{KeyId, KeyRing};
pub use sealed::{Reseal, Sealed, refuse_sealed};
