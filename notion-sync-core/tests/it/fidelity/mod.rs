//! What the converters keep: every direction, every recorded document, judged by what is rendered
//! and by the canonical form.

mod corpus;
mod guide;
mod rendered;
mod service;
mod staged;
pub(crate) mod trips;
