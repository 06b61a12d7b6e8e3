//! What the sync keeps on issues besides their fields.

use serde::{Deserialize, Serialize};

/// Which issues carry the hidden block that names their page.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum IssueMarks {
    /// Every issue: one that people opened gets it as soon as it has its page. Costs one read and one
    /// write of the issue for each of them, once.
    #[default]
    All,
    /// Issues that the sync made; one that people opened gets it when the sync first writes its text.
    /// Until then the page alone says which two belong together.
    Own,
}

/// What the sync keeps on issues besides their fields (tasks).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IssueNotes {
    /// Which issues carry the hidden block. Default: all.
    pub marks: IssueMarks,
    /// Whether each issue has one comment of the sync that names the page and shows what both agreed
    /// on last. Default no.
    pub automation_comment: bool,
}
