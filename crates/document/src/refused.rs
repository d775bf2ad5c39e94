//! Changes that do not fit the document.

use crate::{
    change::{Change, ChangeError},
    change_hash::ChangeHash,
    integrate::InvalidOp,
};

/// A change that was refused. It is kept as it came, and what follows it keeps waiting.
#[derive(Debug, Clone)]
pub struct RefusedChange {
    /// Its hash.
    pub hash: ChangeHash,
    /// Why it was refused.
    pub reason: RefusedReason,
    held: Held,
}

#[derive(Debug, Clone)]
enum Held {
    Change(Change),
    /// What cannot be read as a change.
    Bytes(Box<[u8]>),
}

impl RefusedChange {
    pub(crate) fn new(change: Change, reason: RefusedReason) -> Self {
        Self { hash: change.hash(), reason, held: Held::Change(change) }
    }

    pub(crate) fn malformed(hash: ChangeHash, bytes: Box<[u8]>, error: ChangeError) -> Self {
        Self { hash, reason: RefusedReason::Malformed(error), held: Held::Bytes(bytes) }
    }

    /// The change as it came, not deflated.
    pub fn bytes(&self) -> &[u8] {
        match &self.held {
            Held::Change(change) => change.bytes(),
            Held::Bytes(bytes) => bytes,
        }
    }

    /// The change, if it is one that further changes may make fit.
    pub(crate) fn may_pass(&self) -> Option<&Change> {
        match &self.held {
            Held::Change(change) => self.reason.may_pass().then_some(change),
            Held::Bytes(_) => None,
        }
    }
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
    /// It is malformed, or not in the canonical form: encoded again it would get another hash.
    #[error(transparent)]
    Malformed(ChangeError),
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
    fn may_pass(&self) -> bool {
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
