//! What the sync says beside the values: on pages, on issues, between comments, on commits.

pub(in crate::engine) mod bookkeeping;
pub(in crate::engine) mod comments;
pub(in crate::engine) mod flag;
pub(in crate::engine) mod notes;
