//! The bounds of time everything relies on.

use chrono::Duration;
use serde::{Deserialize, Serialize};

/// How late, how coarse and how slow things may be. Configuration, section `[bounds]`; seconds.
///
/// Correctness of creates rests on `pause`, `late_commit` and `visibility`: smaller values than the
/// defaults are refused for anything but loopback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// G: the longest a process may pause between persisting an intent and the socket. Default 30.
    pub pause: u32,
    /// D: the longest after sending that a service may still commit. Default 90.
    pub late_commit: u32,
    /// V: the longest until a committed object must appear in a listing. Default 900.
    pub visibility: u32,
    /// Slack after the end of a revision's bucket before it counts as closed. Default 90
    /// (30 s rounding, 60 s visibility of direct reads).
    pub settle: u32,
    /// Width of the bucket that Notion's edit times are rounded to. Default 60; only an emulator has
    /// a smaller one.
    pub notion_grain: u32,
    /// W on Notion: overlap of successive queries. Default 300.
    pub notion_overlap: u32,
    /// W on GitHub: overlap of successive listings. Default 1,200.
    pub github_overlap: u32,
    /// Deadline of one request. Default 30.
    pub request_deadline: u32,
    /// Lease of an operation. Default 45.
    pub lease: u32,
    /// Heartbeat of a lease. Default 15.
    pub heartbeat: u32,
    /// How often an operation may be lost while being sent before it is set aside. Default 3.
    pub poison_after: u32,
    /// How long an unreadable or held unit may stay so before an alert. Default 300.
    pub hold: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            pause: 30,
            late_commit: 90,
            visibility: 900,
            settle: 90,
            notion_grain: 60,
            notion_overlap: 300,
            github_overlap: 1200,
            request_deadline: 30,
            lease: 45,
            heartbeat: 15,
            poison_after: 3,
            hold: 300,
        }
    }
}

impl Bounds {
    /// How long after an intent nothing else may be written to the record: G + D.
    #[must_use]
    pub fn quiet_after_set(&self) -> Duration {
        seconds(self.pause) + seconds(self.late_commit)
    }

    /// How long after an intent a lookup proves that a create had no effect: G + D + V.
    #[must_use]
    pub fn quiet_after_create(&self) -> Duration {
        self.quiet_after_set() + seconds(self.visibility)
    }

    /// The slack of [`Revision::is_settled`](crate::snapshot::Revision::is_settled).
    #[must_use]
    pub fn settle(&self) -> Duration {
        seconds(self.settle)
    }

    /// Names every bound that is below its safe default.
    #[must_use]
    pub fn unsafe_values(&self) -> Vec<(&'static str, u32, u32)> {
        let safe = Self::default();
        [
            ("pause", self.pause, safe.pause),
            ("late_commit", self.late_commit, safe.late_commit),
            ("visibility", self.visibility, safe.visibility),
            ("settle", self.settle, safe.settle),
            ("notion_grain", self.notion_grain, safe.notion_grain),
            ("notion_overlap", self.notion_overlap, safe.notion_overlap),
            ("github_overlap", self.github_overlap, safe.github_overlap),
        ]
        .into_iter()
        .filter(|(_, value, safe)| value < safe)
        .collect()
    }
}

fn seconds(n: u32) -> Duration {
    Duration::seconds(i64::from(n))
}
