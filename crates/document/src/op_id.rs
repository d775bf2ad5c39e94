//! Operation ids: a Lamport counter and an actor number.

/// The id of an operation: its counter, and its actor's number in the table at hand.
///
/// Inside a document the number is the one of `Actors`; inside a change 0 is the author and k > 0
/// the k-th other actor. Counter 0 is no operation: it stands for the root object and for the head
/// of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct OpId {
    pub(crate) counter: u32,
    pub(crate) actor: u32,
}

impl OpId {
    /// The root object, and the place before the first element of a sequence.
    pub(crate) const ZERO: Self = Self { counter: 0, actor: 0 };

    /// The actor number of a draft's operations, which have no actor before they are committed.
    pub(crate) const DRAFT_ACTOR: u32 = u32::MAX;

    /// The greatest counter of an operation in a change. What is left above it is for drafts, which
    /// count on from the greatest counter that there is when they are journaled.
    pub(crate) const MAX_COUNTER: u32 = u32::MAX - Self::MAX_DRAFT - 1;

    /// How many operations a draft may have.
    pub(crate) const MAX_DRAFT: u32 = 1 << 24;

    pub(crate) const fn new(counter: u32, actor: u32) -> Self {
        Self { counter, actor }
    }

    /// Whether this is the root object or the head of a sequence.
    pub(crate) const fn is_zero(self) -> bool {
        self.counter == 0
    }

    /// Whether this operation belongs to a draft.
    pub(crate) const fn is_draft(self) -> bool {
        self.actor == Self::DRAFT_ACTOR
    }

    /// The id `n` operations later of the same actor.
    #[inline]
    pub(crate) const fn plus(self, n: u32) -> Self {
        Self { counter: self.counter + n, actor: self.actor }
    }

    /// The id `n` steps of `step` further.
    #[inline]
    pub(crate) const fn stepped(self, step: i8, n: u32) -> Self {
        let counter = if step < 0 { self.counter - n } else { self.counter + n };
        Self { counter, actor: self.actor }
    }
}
