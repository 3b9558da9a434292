//! Where a run can be cut, so that tests can cut it there.

/// A point between two effects of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Nothing was done yet.
    Opened,
    /// Every precondition holds.
    PreflightPassed,
    /// The rollback pointer is on disk.
    PointerWritten,
    /// The transaction is signed, in memory only.
    Signed,
    /// The signed transaction is on disk.
    SignedWritten,
    /// A node has it, the journal does not say so yet.
    Sent,
    /// The journal says it was broadcast.
    BroadcastWritten,
    /// It was seen in a block, the journal does not say so yet.
    InclusionSeen,
    /// The journal says it is in a block.
    IncludedWritten,
    /// Its block is final, the journal does not say so yet.
    FinalitySeen,
    /// The journal says it is final.
    FinalizedWritten,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 11] = [
        Self::Opened,
        Self::PreflightPassed,
        Self::PointerWritten,
        Self::Signed,
        Self::SignedWritten,
        Self::Sent,
        Self::BroadcastWritten,
        Self::InclusionSeen,
        Self::IncludedWritten,
        Self::FinalitySeen,
        Self::FinalizedWritten,
    ];

    /// Its name, such as `signed-written`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::PreflightPassed => "preflight-passed",
            Self::PointerWritten => "pointer-written",
            Self::Signed => "signed",
            Self::SignedWritten => "signed-written",
            Self::Sent => "sent",
            Self::BroadcastWritten => "broadcast-written",
            Self::InclusionSeen => "inclusion-seen",
            Self::IncludedWritten => "included-written",
            Self::FinalitySeen => "finality-seen",
            Self::FinalizedWritten => "finalized-written",
        }
    }
}

/// Told about every step as it is reached.
pub trait Checkpoints: Send + Sync {
    /// Whether to go on. `false` stops the run at once, as a crash would.
    fn reached(&self, step: Step) -> bool;
}

/// Never stops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Uninterrupted;

impl Checkpoints for Uninterrupted {
    fn reached(&self, _step: Step) -> bool {
        true
    }
}
