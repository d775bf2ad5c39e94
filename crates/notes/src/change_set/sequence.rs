//! Many small steps, each on the result of the one before, gathered into one change set.

use super::{ChangeSet, LengthMismatch};

/// Gathers steps into one change.
///
/// Steps that go from left to right cost what they insert; only a step back to the left composes
/// what was gathered so far.
#[derive(Debug, Clone)]
pub struct Steps {
    /// What is complete.
    done: ChangeSet,
    /// The change on top of it that is being written from left to right, without its last kept
    /// stretch.
    open: ChangeSet,
}

impl Steps {
    /// No steps yet, on a text of `length` UTF-16 units.
    pub fn new(length: usize) -> Self {
        Self { done: ChangeSet::identity(length), open: ChangeSet::default() }
    }

    /// The length of the text after all steps so far.
    pub fn length(&self) -> usize {
        self.open.len_after + self.left()
    }

    /// Replaces `deleted` units at `at`, in the text as all earlier steps left it.
    ///
    /// # Errors
    ///
    /// When that lies behind the end of the text.
    pub fn replace(
        &mut self,
        at: usize,
        deleted: usize,
        inserted: &str,
    ) -> Result<(), LengthMismatch> {
        let end = at.saturating_add(deleted);
        if end > self.length() {
            return Err(LengthMismatch { expected: end, found: self.length() });
        }
        if at < self.open.len_after {
            self.close();
        }
        self.open.keep(at - self.open.len_after);
        self.open.insert(inserted);
        self.open.delete(deleted);
        Ok(())
    }

    /// The steps as one change.
    pub fn finish(mut self) -> ChangeSet {
        self.close();
        self.done
    }

    /// How many units of the completed text lie behind what is being written.
    fn left(&self) -> usize {
        self.done.len_after - self.open.len_before
    }

    fn close(&mut self) {
        let mut open = std::mem::take(&mut self.open);
        open.keep(self.done.len_after - open.len_before);
        self.done = self.done.compose(&open).expect("invariant: `open` was made for `done`");
    }
}
