//! Comparing and merging bodies: what both sides last agreed, what each of them did to it since,
//! and one body out of both.
//!
//! A service may store something else than it was sent, and a conversion may map several forms to
//! one. So [`BodyBase`] keeps what *both* sides held, as pairs of runs; each side is compared with
//! its own run only, and a one-sided edit of something that the other side holds in another form
//! leaves that form alone.
//!
//! [`regions`] cuts a body where the pairs meet and says what happened to each pair, and to each
//! place between two pairs; [`Regions::compose`] makes the two bodies and the new base out of a
//! choice for each region.

pub(crate) mod alignment;
mod base;
mod block;
mod compose;
mod confirm;
mod left_over;
mod region;
pub(crate) mod sequence;

pub use base::{BasePair, BodyBase, Held};
pub(crate) use compose::bare;
pub use compose::{Choice, Composed};
pub use region::{Anchor, Merged, ParseAnchorError, Place, Region, Regions, State, regions};

/// Levels of nesting that are merged block by block. Deeper trees are compared as a whole.
pub const MAX_DEPTH: usize = 64;
