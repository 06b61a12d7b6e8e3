//! The error of every fallible call in this workspace.

use std::fmt;

use chrono::{DateTime, Utc};

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The situation a caller can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The object is not there, or not shared with us: services do not tell the two apart.
    NotFound,
    /// The object was deleted for good (410).
    Gone,
    /// A conditional write lost: what is stored is not what was expected.
    Stale,
    /// The service asks to wait.
    RateLimited,
    /// The credential is invalid or expired.
    Unauthorized,
    /// The credential lacks a permission; the message names it where the service does.
    Forbidden,
    /// The request or the data is wrong and will stay wrong.
    Invalid,
    /// The service did not answer properly. A **write** that ends so has an unknown outcome.
    Unavailable,
    /// The request was surely not applied and may be repeated.
    NotApplied,
    /// An object of that name exists already.
    AlreadyExists,
    /// A rule of the remote forbids it until a person changes something (protected branch,
    /// missing option, locked conversation).
    Blocked,
    /// A setting is missing or contradicts another.
    Configuration,
    /// The store is broken, of a newer version, or cannot be opened.
    Store,
    /// A sealed value cannot be opened: the key is missing or wrong.
    Sealed,
    /// An invariant did not hold. Always a defect.
    Internal,
}

/// Whether trying the same call again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Retry {
    /// Repeating the call gives the same answer.
    Never,
    /// Repeating the call may succeed, after the usual backoff.
    Backoff,
    /// The remote named the earliest useful moment.
    NotBefore(DateTime<Utc>),
}

/// An error: what was being done, to what, and whether another try can help.
///
/// Messages are lower-case fragments, name the place, and where a person can do something about it
/// the remedy. Secrets and page text never appear.
#[derive(Debug)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    retry: Retry,
    during: &'static str,
    message: String,
    remedy: Option<String>,
    context: Vec<(&'static str, String)>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind` while doing `during` (an imperative fragment such as `query data source`).
    #[must_use]
    pub fn new(kind: ErrorKind, during: &'static str) -> Self {
        let retry = match kind {
            ErrorKind::Unavailable | ErrorKind::NotApplied | ErrorKind::RateLimited => {
                Retry::Backoff
            }
            _ => Retry::Never,
        };
        Self {
            inner: Box::new(Inner {
                kind,
                retry,
                during,
                message: String::new(),
                remedy: None,
                context: Vec::new(),
                source: None,
            }),
        }
    }

    /// Says what is wrong.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.inner.message = message.into();
        self
    }

    /// Says what a person can do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.inner.remedy = Some(remedy.into());
        self
    }

    /// Adds a name and value that locate the error.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.inner.context.push((key, value.to_string()));
        self
    }

    /// Sets when another try can help.
    #[must_use]
    pub fn retry_at(mut self, retry: Retry) -> Self {
        self.inner.retry = retry;
        self
    }

    /// Keeps the underlying error.
    #[must_use]
    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// The situation.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// Whether another try can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.inner.retry
    }

    /// The remedy, where there is one.
    #[must_use]
    pub fn remedy_text(&self) -> Option<&str> {
        self.inner.remedy.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}", self.inner.during)?;
        for (key, value) in &self.inner.context {
            write!(f, ", {key} {value}")?;
        }
        if self.inner.message.is_empty() {
            write!(f, ": {}", self.inner.kind.phrase())?;
        } else {
            write!(f, ": {}", self.inner.message)?;
        }
        if let Some(remedy) = &self.inner.remedy {
            write!(f, " ({remedy})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner
            .source
            .as_ref()
            .map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}

impl ErrorKind {
    /// Whether the error is about the object or the request itself, so that waiting alone does not mend it: the
    /// object is gone, out of sight or not what it was, or the remote refuses what was asked. A service that shows
    /// nothing at all for a while answers some of these too.
    #[must_use]
    pub const fn is_lasting(self) -> bool {
        matches!(
            self,
            Self::NotFound
                | Self::Gone
                | Self::Stale
                | Self::Invalid
                | Self::Blocked
                | Self::Forbidden
        )
    }

    fn phrase(self) -> &'static str {
        match self {
            Self::NotFound => "not found, or not shared with this credential",
            Self::Gone => "deleted",
            Self::Stale => "changed in the meantime",
            Self::RateLimited => "rate limited",
            Self::Unauthorized => "the credential is not valid",
            Self::Forbidden => "a permission is missing",
            Self::Invalid => "not valid",
            Self::Unavailable => "the service did not answer properly",
            Self::NotApplied => "not applied",
            Self::AlreadyExists => "exists already",
            Self::Blocked => "forbidden by a rule of the remote",
            Self::Configuration => "the configuration is wrong",
            Self::Store => "the store failed",
            Self::Sealed => "the value is sealed and no key opens it",
            Self::Internal => "an invariant did not hold",
        }
    }
}
