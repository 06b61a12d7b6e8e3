//! The rules that can be taken out.

/// A rule of the protocol; a model without it must break a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// After an unknown outcome nothing is sent before the target was read.
    ReadBeforeResend,
    /// After an unknown outcome nothing is written before a late commit is out of the question.
    WaitOutLateCommit,
    /// The wanted value at the target does not end a Set before that time either.
    NoEarlyAck,
    /// A worker that paused after its intent does not send later.
    SendGate,
    /// A Set is not sent again when the expected value stands at a moved revision.
    NoResendOnMovedRevision,
    /// Another value than the expected one, without proof of the commit, is an unknown write too:
    /// its conflict has no base to return to.
    UnknownStaysUnknown,
    /// Under a wins policy the base of an unknown write stays empty until both sides agree, so that
    /// each value read meanwhile is recorded as loser and none counts as unchanged.
    UnknownUntilAgreed,
    /// A write conditional on the hash of the content is not sent again at once.
    WeakConditionWaits,
    /// A proof of the commit ends an operation as done, whatever value stands there now.
    Evidence,
    /// The read that resolves an unknown outcome is known to be fresh.
    FreshResolution,
    /// One base hash for each side.
    BasePerSide,
    /// Base comes from the answer to the write, not from a later read.
    BaseFromAnswer,
    /// Base moves only with the outcome.
    BaseWithOutcome,
    /// The intent is stored before the write is sent.
    IntentFirst,
    /// Snapshots older than base or than the last one seen are dropped.
    RevisionGuard,
    /// Another value in base's own bucket waits until the bucket is over.
    BlurWaits,
    /// An unsettled read is repeated though the revision has not moved.
    UnsettledReadAgain,
    /// The write is bound to the value that was planned against.
    ExpectedValue,
    /// That check is made before the write.
    CheckBeforeWrite,
    /// A value that a wins policy overwrites is recorded as loser first.
    LoserAudited,
    /// Outcomes of a worker that lost its lease are refused.
    Fence,
    /// Forms that the server makes of a value count as that value.
    CanonicalForm,
    /// The number of base moves is part of the identity of an operation.
    BaseEpochInId,
    /// The number of voided operations is part of the identity of an operation.
    GenerationInId,
    /// Equal values on both sides are agreed without a write.
    EqualityAgrees,
    /// A conflict with an unknown write in it ends only by equality.
    EmptyBaseStays,
    /// A snapshot older than the last one seen is dropped even when it is newer than base.
    LastSeenGuard,
}
