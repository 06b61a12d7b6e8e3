//! How the program ends: one number for scripts, one message for people.

use std::fmt;
use std::process::ExitCode;

use notion_sync_core::{Error, ErrorKind, Retry};

use crate::config::Faults;

/// Exit codes. With several reasons the one that a person must look at first decides:
/// usage, credentials, frozen, guard, drift, conflicts, retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, nothing waits.
    Clean,
    /// 1: the same command later may succeed.
    Retry,
    /// 2: the command line or the configuration is wrong, or the program found a defect in itself.
    Usage,
    /// 3: conflicts are open.
    Conflicts,
    /// 4: registry and remotes contradict each other, or an operation was set aside.
    Drift,
    /// 5: the guard stopped a run.
    Guard,
    /// 6: credentials or permissions were refused, or a write waits until a person changes a rule.
    Refused,
    /// 7: synchronisation is frozen.
    Frozen,
}

impl Exit {
    /// Everything, the most pressing first.
    pub const BY_URGENCY: [Self; 8] = [
        Self::Usage,
        Self::Refused,
        Self::Frozen,
        Self::Guard,
        Self::Drift,
        Self::Conflicts,
        Self::Retry,
        Self::Clean,
    ];

    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Retry => 1,
            Self::Usage => 2,
            Self::Conflicts => 3,
            Self::Drift => 4,
            Self::Guard => 5,
            Self::Refused => 6,
            Self::Frozen => 7,
        }
    }

    /// The more pressing of two.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::BY_URGENCY
            .into_iter()
            .find(|exit| *exit == self || *exit == other)
            .unwrap_or(self)
    }

    /// What an error of the libraries means for the caller of the program.
    #[must_use]
    pub fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Unauthorized | ErrorKind::Forbidden | ErrorKind::Blocked => Self::Refused,
            ErrorKind::Unavailable
            | ErrorKind::NotApplied
            | ErrorKind::RateLimited
            | ErrorKind::Stale => Self::Retry,
            _ => Self::Usage,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    text: String,
}

/// How a command ends.
pub type Outcome = Result<Exit, Failure>;

impl Failure {
    /// A failure with its exit code; the text names the place and the remedy.
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self {
            exit,
            text: text.into(),
        }
    }

    /// A mistake on the command line, in a setting or in a file that was given.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::new(Exit::Usage, text)
    }

    /// How the program ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match (error.kind(), error.retry()) {
            // Another process has the store, or the disk is full: later it may do.
            (ErrorKind::Store, Retry::Backoff | Retry::NotBefore(_)) => Exit::Retry,
            (kind, _) => Exit::of(kind),
        };
        Self::new(exit, error.to_string())
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self::usage(faults.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::usage(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_pressing_reason_decides() {
        for (place, urgent) in Exit::BY_URGENCY.into_iter().enumerate() {
            for other in Exit::BY_URGENCY.into_iter().skip(place) {
                assert_eq!(urgent.or(other), urgent);
                assert_eq!(other.or(urgent), urgent);
            }
        }
    }

    #[test]
    fn codes_are_those_of_the_documentation() {
        let codes: Vec<u8> = Exit::BY_URGENCY.into_iter().map(Exit::code).collect();
        assert_eq!(codes, [2, 6, 7, 5, 4, 3, 1, 0]);
    }
}
