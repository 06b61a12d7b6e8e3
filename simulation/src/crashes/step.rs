//! The moments of an operation's life at which a process can die.

/// A moment: a column of the matrix. All but the commits named by their ends are ends themselves:
/// between two of them nothing durable happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// Decided, but the commit that stores it has not happened.
    Unplanned,
    /// Stored as planned.
    Planned,
    /// About to be sent; the commit of the intent has not happened.
    Ready,
    /// The intent is stored, and nothing was sent.
    Intended,
    /// The first request that changes something is sent, and has no effect.
    Sent,
    /// A request in the middle took effect: half a body, a page without its end, a tree without a
    /// commit.
    Part,
    /// The last request took effect, and nobody heard the answer.
    Applied,
    /// The answer was heard; the commit of the outcome has not happened.
    Answered,
    /// The outcome is stored, and nothing that follows from it was done.
    Stored,
    /// After a death at [`Self::Applied`] the next process stored that the outcome is not known.
    Recovered,
    /// After that the outcome was looked up; the commit of what was found has not happened.
    Looked,
    /// After that what was found is stored.
    Resolved,
    /// As [`Self::Resolved`], after a death at [`Self::Sent`].
    Missed,
}

impl Step {
    /// Every step, in order.
    pub(crate) const ALL: [Self; 13] = [
        Self::Unplanned,
        Self::Planned,
        Self::Ready,
        Self::Intended,
        Self::Sent,
        Self::Part,
        Self::Applied,
        Self::Answered,
        Self::Stored,
        Self::Recovered,
        Self::Looked,
        Self::Resolved,
        Self::Missed,
    ];

    /// The name on the command line and in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unplanned => "unplanned",
            Self::Planned => "planned",
            Self::Ready => "ready",
            Self::Intended => "intended",
            Self::Sent => "sent",
            Self::Part => "part",
            Self::Applied => "applied",
            Self::Answered => "answered",
            Self::Stored => "stored",
            Self::Recovered => "recovered",
            Self::Looked => "looked",
            Self::Resolved => "resolved",
            Self::Missed => "missed",
        }
    }

    /// The step of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }

    /// The death that must come first, for a step of the life after one.
    pub(crate) fn after(self) -> Option<Self> {
        match self {
            Self::Recovered | Self::Looked | Self::Resolved => Some(Self::Applied),
            Self::Missed => Some(Self::Sent),
            Self::Unplanned
            | Self::Planned
            | Self::Ready
            | Self::Intended
            | Self::Sent
            | Self::Part
            | Self::Applied
            | Self::Answered
            | Self::Stored => None,
        }
    }
}
