//! The rules about proposals that can be taken out.

/// A rule; a model without it must break a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A merged resolution is compared with what its pull request published, not with the newest
    /// versions that are known (row 17).
    Published,
    /// Base stays what both sides agreed on last until a merged resolution is on both (row 17).
    BaseBeforeResolution,
    /// A record is buried when both sides were seen gone, not when a deletion is proposed (row 55).
    BuriedWhenSeen,
    /// A value whose pull request was closed unmerged is not proposed again (row 54).
    RefusalRemembered,
    /// Base stays while an edit is only proposed (row 53).
    BaseWhenMerged,
    /// The end of a pull request is not taken over while an operation of the record has an unknown
    /// outcome (row 40): what its branch held at the end is not known then.
    EndAfterOutcome,
    /// A file whose pull request has ended is read after that was heard, whatever was listed before.
    FileReadAfterPull,
    /// A parked unit stays parked when the policy changes (row 56).
    ParkedFirst,
    /// A conflict that was decided and is open again has no base to go back to (row 17).
    DecidedNeverCancels,
    /// A conflict that was decided is closed when the resolution is on both sides, not when its write
    /// is planned: a look in between would decide again without it.
    ClosedWithOutcome,
    /// What the engine withdrew itself is not refused.
    WithdrawnIsFree,
    /// A branch with somebody else's commit is not rewritten (row 15).
    OthersCommits,
    /// What a refresh publishes counts once it is done: people may merge before that.
    PublishedWithOutcome,
    /// A refused deletion brings the page back (row 55).
    RefusalRestores,
    /// A page is removed only as it was when that was planned.
    RemovalExpects,
    /// A page that was edited is not removed with its file (row 22).
    EditAgainstDeletion,
    /// A page that comes back withdraws the deletion of its file (row 55).
    ReturnWithdraws,
    /// Who proposes to delete a file withdraws what was proposed about it before.
    DeletionWithdraws,
    /// What is buried has no open pull request.
    BuriedWithdraws,
    /// Nothing is written or planned while an earlier write has an unknown outcome (row 40).
    UnknownHolds,
}
