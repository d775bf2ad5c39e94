//! Changes that do not fit the document.

use crate::{change::Change, change_hash::ChangeHash, integrate::InvalidOp};

/// A change that was refused. It is kept as it came, and what follows it keeps waiting.
#[derive(Debug, Clone)]
pub struct RefusedChange {
    /// The change.
    pub change: Change,
    /// Why it was refused.
    pub reason: RefusedReason,
}

/// Why a change was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedReason {
    /// Its actor has written another change with the same number: two programs continued one actor.
    #[error("the actor already wrote change {seq} otherwise")]
    ReusedSeq {
        /// The number.
        seq: u64,
    },
    /// It follows no earlier change of its actor with the number before.
    #[error("change {seq} of an actor follows its change {last}")]
    SkippedSeq {
        /// The number.
        seq: u64,
        /// The actor's last.
        last: u64,
    },
    /// It does not follow its actor's change before it.
    #[error("change {seq} of an actor does not follow the actor's change before")]
    UnseenOwn {
        /// The number.
        seq: u64,
    },
    /// Its operations are not numbered above those that it follows.
    #[error("operations start at {start_op}, which is not above {max_op}")]
    StartOpTooLow {
        /// Where its operations start.
        start_op: u64,
        /// The greatest counter before.
        max_op: u64,
    },
    /// It has more operations than can be numbered.
    #[error("operation counters reach {0}, above 4,278,190,078")]
    TooManyOps(u64),
    /// An operation does not fit.
    #[error("operation {counter}: {reason}")]
    InvalidOp {
        /// The counter of the operation, or of the first of its run.
        counter: u64,
        /// What does not fit.
        reason: InvalidOp,
    },
}

impl RefusedReason {
    /// Whether further changes may make the change fit.
    pub(crate) fn may_pass(&self) -> bool {
        let Self::InvalidOp { reason, .. } = self else { return false };
        match reason {
            InvalidOp::UnknownObject
            | InvalidOp::UnknownElement
            | InvalidOp::UnknownPredecessor => true,
            InvalidOp::WrongKey | InvalidOp::NoPredecessor | InvalidOp::UnmatchedMark => false,
        }
    }
}

/// Changes were refused; all others were taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("change {hash} was refused: {reason}")]
pub struct ApplyError {
    /// The first of them.
    pub hash: ChangeHash,
    /// Why.
    #[source]
    pub reason: RefusedReason,
}
