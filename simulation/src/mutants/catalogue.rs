//! The mutants: each breaks one rule of the protocol, around the engine and never in it.

use crate::scenario::Profile;

/// A rule that is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mutant {
    /// No answer is taken for "surely not applied".
    BlindRetry,
    /// No answer is taken for "applied".
    OutcomeAssumed,
    /// The lookup for an unknown outcome never finds anything.
    BlindLookup,
    /// The lookup is slower than the bound says.
    LateLookup,
    /// The answer shows what was sent instead of what was stored.
    BaseFromSent,
    /// Whatever is there now is what was expected.
    ExpectationDropped,
    /// As that, for removals.
    RemovalUnguarded,
    /// A new object does not say which operation made it.
    MarkDropped,
    /// A minute that is not over counts as closed.
    UnsettledSettled,
    /// For minutes after a write a read shows what was there before, under the revision of now.
    StaleRead,
    /// What a listing does not show is gone.
    AbsenceBelieved,
    /// What the own account edited last is not listed, and reads of it show what the own account wrote.
    AuthorFilter,
    /// A listing begins after where the last one ended.
    ExclusiveCursor,
    /// A listing ends at the time of this machine.
    LocalCursor,
    /// A comment of unknown outcome is written again.
    CommentAgain,
    /// The intent is durable only after the write.
    IntentAfterSend,
    /// No wait before an unknown outcome is looked for.
    QuietIgnored,
    /// That wait leaves out how long new objects may be hidden.
    QuietWithoutVisibility,
    /// Who owns an object is not stored.
    ClaimsDropped,
    /// What loses is not audited.
    LosersDropped,
    /// Writes are not audited.
    AppliedDropped,
    /// Outcome and record are stored one after the other.
    OutcomeTorn,
    /// Unsettled reads are not repeated.
    SecondLookForgotten,
    /// Conflicts are not stored.
    ConflictsDropped,
    /// The clock is ahead.
    ClockAhead,
    /// What a service says about waiting is not heard.
    WaitUnheard,
    /// Commits do not stand on the fence of their lease.
    NoFence,
    /// What the guard stops counts as approved.
    StopApproved,
}

/// What is said about a mutant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// The mutant.
    pub(crate) mutant: Mutant,
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// The rule it breaks.
    pub(crate) rule: &'static str,
    /// Properties that are meant to notice.
    pub(crate) expected: &'static [&'static str],
    /// What is mapped in the worlds it is looked for in.
    pub(crate) profile: Profile,
}

const fn entry(
    mutant: Mutant,
    name: &'static str,
    expected: &'static [&'static str],
    profile: Profile,
    rule: &'static str,
) -> Entry {
    Entry {
        mutant,
        name,
        rule,
        expected,
        profile,
    }
}

/// Every mutant.
pub(crate) const ALL: [Entry; 28] = [
    entry(
        Mutant::BlindRetry,
        "blind-retry",
        &["P11", "P02"],
        Profile::Both,
        "a write without an answer is looked for before it is sent again",
    ),
    entry(
        Mutant::OutcomeAssumed,
        "outcome-assumed",
        &["P01", "P02", "P20", "P21"],
        Profile::Both,
        "a write without an answer is not taken for applied",
    ),
    entry(
        Mutant::BlindLookup,
        "blind-lookup",
        &["P11", "P02"],
        Profile::Both,
        "the lookup for an unknown outcome finds what was applied",
    ),
    entry(
        Mutant::LateLookup,
        "late-lookup",
        &["P11"],
        Profile::Both,
        "that lookup shows new objects within V, and asks no slower index",
    ),
    entry(
        Mutant::BaseFromSent,
        "base-from-sent",
        &["P01", "P02", "P03"],
        Profile::Documents,
        "base is what the answer showed, not what was sent",
    ),
    entry(
        Mutant::ExpectationDropped,
        "expectation-dropped",
        &["P02"],
        Profile::Both,
        "an update is sent only on top of the value it was planned for",
    ),
    entry(
        Mutant::RemovalUnguarded,
        "removal-unguarded",
        &["P02"],
        Profile::Documents,
        "a removal is sent only on top of the revision it was planned for",
    ),
    entry(
        Mutant::MarkDropped,
        "mark-dropped",
        &["P11", "P14"],
        Profile::Tasks,
        "a new object carries the id of the operation that made it",
    ),
    entry(
        Mutant::UnsettledSettled,
        "unsettled-settled",
        &["P30", "P01", "P02"],
        Profile::Documents,
        "an edit time is settled only when its minute is over",
    ),
    entry(
        Mutant::StaleRead,
        "stale-read",
        &["P01", "P02"],
        Profile::Documents,
        "what a read shows is at most 60 s older than its revision",
    ),
    entry(
        Mutant::AbsenceBelieved,
        "absence-believed",
        &["P16", "P02", "P01"],
        Profile::Documents,
        "absence from a listing proves nothing",
    ),
    entry(
        Mutant::AuthorFilter,
        "author-filter",
        &["P30", "P01", "P02"],
        Profile::Documents,
        "what the own account edited last may still hold somebody's edit, listed or read",
    ),
    entry(
        Mutant::ExclusiveCursor,
        "exclusive-cursor",
        &["P30"],
        Profile::Tasks,
        "a listing begins W before where the last one ended",
    ),
    entry(
        Mutant::LocalCursor,
        "local-cursor",
        &["P30"],
        Profile::Tasks,
        "a cursor is made of times of the service, never of this machine",
    ),
    entry(
        Mutant::CommentAgain,
        "comment-again",
        &["P11"],
        Profile::Tasks,
        "a comment without an answer is looked for before it is written again",
    ),
    entry(
        Mutant::IntentAfterSend,
        "intent-after-send",
        &["P11", "P02"],
        Profile::Tasks,
        "the intent is durable before the write is sent",
    ),
    entry(
        Mutant::QuietIgnored,
        "quiet-ignored",
        &["P11", "P02"],
        Profile::Both,
        "an unknown outcome is looked for after G + D, for creates after G + D + V",
    ),
    entry(
        Mutant::QuietWithoutVisibility,
        "quiet-without-visibility",
        &["P11"],
        Profile::Both,
        "the wait after a create includes V",
    ),
    entry(
        Mutant::ClaimsDropped,
        "claims-dropped",
        &["P21", "P20"],
        Profile::Tasks,
        "an object is claimed by its record in the same commit",
    ),
    entry(
        Mutant::LosersDropped,
        "losers-dropped",
        &["P02"],
        Profile::Tasks,
        "a value that loses under a wins policy is kept in the audit",
    ),
    entry(
        Mutant::AppliedDropped,
        "applied-dropped",
        &["P14"],
        Profile::Tasks,
        "every write has a row of the audit",
    ),
    entry(
        Mutant::OutcomeTorn,
        "outcome-torn",
        &["P14", "P18", "P01", "P20", "P21"],
        Profile::Tasks,
        "outcome, record and audit are stored in one commit",
    ),
    entry(
        Mutant::SecondLookForgotten,
        "second-look-forgotten",
        &["P30", "P01"],
        Profile::Documents,
        "what was read in a minute that was not over is read again",
    ),
    entry(
        Mutant::ConflictsDropped,
        "conflicts-dropped",
        &["P01", "P03", "P20"],
        Profile::Tasks,
        "an open conflict is stored",
    ),
    entry(
        Mutant::ClockAhead,
        "clock-ahead",
        &["P30", "P01", "P02"],
        Profile::Faults,
        "whether a minute is over is told by the service, where the clock here is ahead",
    ),
    entry(
        Mutant::WaitUnheard,
        "wait-unheard",
        &["P19"],
        Profile::Tasks,
        "after a 429 nothing is sent before `Retry-After`",
    ),
    entry(
        Mutant::NoFence,
        "no-fence",
        &["P15", "P11", "P02"],
        Profile::Workers,
        "who lost its lease stores nothing any more",
    ),
    entry(
        Mutant::StopApproved,
        "stop-approved",
        &["P17"],
        Profile::Surroundings,
        "what the guard stopped waits for somebody's approval",
    ),
];

/// What is said about the mutant of this name.
pub(crate) fn named(name: &str) -> Option<Entry> {
    ALL.into_iter().find(|entry| entry.name == name)
}
