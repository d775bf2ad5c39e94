//! Runs of elements: what the leaves of a sequence hold.

use crate::{op_id::OpId, sequence::summary::Summary};

/// Consecutive elements of a sequence: ids counting up by one, each inserted after the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// The id of the first element.
    pub(crate) id: OpId,
    /// The element that the first element was inserted after; `OpId::ZERO` for the head.
    pub(crate) origin: OpId,
    /// What deleted the elements. A special element keeps its successors with its operations.
    pub(crate) removal: Removal,
    /// How many Unicode scalar values the run holds: its elements, unless it is special.
    pub(crate) points: u32,
    /// Where the text starts in the document's text buffer; of a special element, its number.
    pub(crate) source: u32,
    /// The length in UTF-8 bytes.
    pub(crate) utf8: u32,
    /// The length in UTF-16 code units.
    pub(crate) utf16: u32,
    pub(crate) kind: RunKind,
}

/// What the elements of a run are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunKind {
    /// Strings of one Unicode scalar value each.
    Text,
    /// One element of any other content, or with further operations on it; visible or not.
    Special { visible: bool },
    /// The begin or end of a mark, which takes no width; visible or not.
    Mark { visible: bool },
}

/// The operations that deleted the elements of a run, one each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    /// Nothing did.
    None,
    /// The first element's deletion; the others' follow upwards (`step` 1) or downwards (-1).
    By { first: OpId, step: i8 },
    /// Several deletions of each element, as an entry of the sequence's table of such.
    Several(u32),
}

impl Removal {
    /// The deletion of the element at `offset` of a run with this removal.
    pub(crate) fn at(self, offset: u32) -> Self {
        match self {
            Self::By { first, step } => Self::By { first: first.stepped(step, offset), step },
            other => other,
        }
    }
}

impl Run {
    /// How many elements the run has.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        if self.kind == RunKind::Text { self.points } else { 1 }
    }

    /// Whether its elements show.
    #[inline]
    pub(crate) fn is_visible(&self) -> bool {
        match self.kind {
            RunKind::Text => self.removal == Removal::None,
            RunKind::Special { visible } | RunKind::Mark { visible } => visible,
        }
    }

    /// Whether the run holds the text of one byte per element, so that offsets are byte offsets.
    #[inline]
    pub(crate) fn is_ascii(&self) -> bool {
        self.utf8 == self.points
    }

    /// What the run adds to the widths of its sequence.
    #[inline]
    pub(crate) fn summary(&self) -> Summary {
        match self.kind {
            RunKind::Text if self.removal == Removal::None => Summary {
                elements: self.points,
                points: self.points,
                utf16: self.utf16,
                utf8: self.utf8,
                marks: 0,
            },
            RunKind::Special { visible: true } => Summary {
                elements: 1,
                points: self.points,
                utf16: self.utf16,
                utf8: self.utf8,
                marks: 0,
            },
            RunKind::Mark { visible: true } => Summary { marks: 1, ..Summary::default() },
            _ => Summary::default(),
        }
    }

    /// The id of the last element.
    #[inline]
    pub(crate) fn last_id(&self) -> OpId {
        self.id.plus(self.len() - 1)
    }

    /// Whether the element with this id is in the run.
    #[inline]
    pub(crate) fn contains(&self, id: OpId) -> bool {
        id.actor == self.id.actor
            && id.counter >= self.id.counter
            && id.counter - self.id.counter < self.len()
    }

    /// The text of the run, which must be a text run.
    #[inline]
    pub(crate) fn text<'t>(&self, buffer: &'t str) -> &'t str {
        &buffer[self.source as usize..(self.source + self.utf8) as usize]
    }

    /// Cuts the run in two before the element at `offset`, which is neither 0 nor the length.
    pub(crate) fn split(&self, offset: u32, buffer: &str) -> (Self, Self) {
        debug_assert!(offset > 0 && offset < self.len());
        let (utf8, utf16) = self.prefix_widths(offset, buffer);
        let left = Self { points: offset, utf8, utf16, ..*self };
        let right = Self {
            id: self.id.plus(offset),
            origin: self.id.plus(offset - 1),
            removal: self.removal.at(offset),
            points: self.points - offset,
            source: self.source + utf8,
            utf8: self.utf8 - utf8,
            utf16: self.utf16 - utf16,
            kind: self.kind,
        };
        (left, right)
    }

    /// The widths in UTF-8 and UTF-16 of the first `offset` elements.
    pub(crate) fn prefix_widths(&self, offset: u32, buffer: &str) -> (u32, u32) {
        if self.kind != RunKind::Text {
            return if offset == 0 { (0, 0) } else { (self.utf8, self.utf16) };
        }
        if self.is_ascii() {
            return (offset, offset);
        }
        self.text(buffer).chars().take(offset as usize).fold((0, 0), |(utf8, utf16), c| {
            (utf8 + c.len_utf8() as u32, utf16 + c.len_utf16() as u32)
        })
    }

    /// The run of both, when `next` continues this one in ids, text and removal.
    pub(crate) fn joined(&self, next: &Self) -> Option<Self> {
        if self.kind != RunKind::Text
            || next.kind != RunKind::Text
            || self.id.actor != next.id.actor
            || self.id.counter + self.points != next.id.counter
            || next.origin != self.last_id()
            || self.source + self.utf8 != next.source
        {
            return None;
        }
        let removal = match (self.removal, next.removal) {
            (Removal::None, Removal::None) => Removal::None,
            (Removal::By { first, step }, Removal::By { first: then, step: then_step }) => {
                let step = joined_step(first, step, self.points, then, then_step, next.points)?;
                Removal::By { first, step }
            }
            _ => return None,
        };
        Some(Self {
            removal,
            points: self.points + next.points,
            utf8: self.utf8 + next.utf8,
            utf16: self.utf16 + next.utf16,
            ..*self
        })
    }
}

/// The step of two progressions of ids put together, when they are one.
///
/// The step of a progression of one id is free.
pub(crate) fn joined_step(
    first: OpId,
    step: i8,
    count: u32,
    then: OpId,
    then_step: i8,
    then_count: u32,
) -> Option<i8> {
    [1i8, -1].into_iter().find(|candidate| {
        (count == 1 || step == *candidate)
            && (then_count == 1 || then_step == *candidate)
            && then.actor == first.actor
            && if *candidate > 0 {
                first.counter.checked_add(count) == Some(then.counter)
            } else {
                first.counter.checked_sub(count) == Some(then.counter)
            }
    })
}
