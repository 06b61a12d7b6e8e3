//! Keeping what people wrote unreadable at rest.

mod envelope;
mod key;
mod order;
mod rotation;
mod sealed;

pub use key::{KeyId, KeyRing};
pub use rotation::Rekeyed;
pub use sealed::{Reseal, Sealed, refuse_sealed};
