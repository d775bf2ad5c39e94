//! Changes that do not fit the document.

use std::collections::{HashSet, VecDeque};

use crate::{
    change::{Change, ChangeError},
    change_hash::ChangeHash,
    integrate::InvalidOp,
    set_aside::{Keep, cost},
};

/// A change that was refused. It is kept as it came, and what follows it keeps waiting.
#[derive(Debug, Clone)]
pub struct RefusedChange {
    /// Its hash.
    pub hash: ChangeHash,
    /// Why it was refused.
    pub reason: RefusedReason,
    held: Held,
    keep: Keep,
}

#[derive(Debug, Clone)]
enum Held {
    Change(Change),
    /// What cannot be read as a change.
    Bytes(Box<[u8]>),
}

impl RefusedChange {
    pub(crate) fn new(change: Change, reason: RefusedReason, keep: Keep) -> Self {
        Self { hash: change.hash(), reason, held: Held::Change(change), keep }
    }

    pub(crate) fn malformed(
        hash: ChangeHash,
        bytes: Box<[u8]>,
        error: ChangeError,
        keep: Keep,
    ) -> Self {
        Self { hash, reason: RefusedReason::Malformed(error), held: Held::Bytes(bytes), keep }
    }

    /// The change as it came, not deflated.
    pub fn bytes(&self) -> &[u8] {
        match &self.held {
            Held::Change(change) => change.bytes(),
            Held::Bytes(bytes) => bytes,
        }
    }

    /// The change, if it is one that further changes may make fit.
    fn may_pass(&self) -> Option<&Change> {
        match &self.held {
            Held::Change(change) => self.reason.may_pass().then_some(change),
            Held::Bytes(_) => None,
        }
    }
}

/// So many refused changes that were dropped are known by their hashes.
const MAX_KNOWN: usize = 4096;

/// The refused changes of a document, in the order of their coming.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refusals {
    changes: Vec<RefusedChange>,
    /// The hashes of all of them, and of those that were dropped.
    hashes: HashSet<ChangeHash>,
    /// Changes that will never fit and were dropped: who knows that need not ask for them again.
    dropped: VecDeque<ChangeHash>,
    bytes: usize,
}

impl Refusals {
    pub(crate) fn as_slice(&self) -> &[RefusedChange] {
        &self.changes
    }

    /// Whether no change is known to be refused.
    pub(crate) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    pub(crate) fn contains(&self, hash: &ChangeHash) -> bool {
        self.hashes.contains(hash)
    }

    /// What they take of memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn push(&mut self, refused: RefusedChange) {
        self.bytes += cost(refused.bytes());
        self.hashes.insert(refused.hash);
        self.changes.push(refused);
    }

    /// Takes out those that further changes may have made fit.
    pub(crate) fn take_those_that_may_pass(&mut self) -> Vec<(Change, Keep)> {
        let mut taken = Vec::new();
        self.changes.retain(|refused| {
            let Some(change) = refused.may_pass() else { return true };
            self.bytes -= cost(refused.bytes());
            self.hashes.remove(&refused.hash);
            taken.push((change.clone(), refused.keep));
            false
        });
        taken
    }

    /// Drops those that came first, as far as they may be dropped, until all take at most so much of
    /// memory. Says how many.
    pub(crate) fn drop_beyond(&mut self, max: usize) -> usize {
        let before = self.changes.len();
        self.changes.retain(|refused| {
            if self.bytes <= max || refused.keep == Keep::Always {
                return true;
            }
            self.bytes -= cost(refused.bytes());
            // What may come to fit has to be asked for again.
            match refused.may_pass() {
                Some(_) => {
                    self.hashes.remove(&refused.hash);
                }
                None => self.dropped.push_back(refused.hash),
            }
            false
        });
        while self.dropped.len() > MAX_KNOWN
            && let Some(hash) = self.dropped.pop_front()
        {
            self.hashes.remove(&hash);
        }
        before - self.changes.len()
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
