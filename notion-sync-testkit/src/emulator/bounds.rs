//! The bounds of time an emulator keeps to, and announces.

use chrono::Duration;
use serde::{Deserialize, Serialize};

/// How slow, how coarse and how late the emulated service is. All values are seconds.
///
/// The program reads them from `GET /_emulator/bounds` and takes over values below its safe
/// defaults only when both base URLs are loopback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmulatorBounds {
    /// Width of the bucket that edit times are floored to (Notion: 60, GitHub: 1).
    pub grain_seconds: u32,
    /// How long after a write the object may be missing from listings and queries.
    pub visibility_seconds: u32,
    /// How long after a request was received the service may still commit it.
    pub late_commit_seconds: u32,
}

impl EmulatorBounds {
    /// Bounds of the Notion emulator: minutes, immediate visibility.
    #[must_use]
    pub fn notion() -> Self {
        Self {
            grain_seconds: 60,
            visibility_seconds: 0,
            late_commit_seconds: 0,
        }
    }

    /// Bounds of the GitHub emulator: seconds, immediate visibility.
    #[must_use]
    pub fn github() -> Self {
        Self {
            grain_seconds: 1,
            visibility_seconds: 0,
            late_commit_seconds: 0,
        }
    }

    /// The grain as a duration.
    #[must_use]
    pub fn grain(&self) -> Duration {
        Duration::seconds(i64::from(self.grain_seconds))
    }
}

impl Default for EmulatorBounds {
    fn default() -> Self {
        Self::notion()
    }
}
