//! What the session knows of one window.

use super::{RemoteBatch, Selection, Version, whole};
use crate::change_set::{ChangeSet, LengthMismatch, Order};

/// One window's version, and what lies between its text and the document's.
#[derive(Debug)]
pub(super) struct Window {
    version: Version,
    /// From the window's text at its version to the document's text now.
    pending: ChangeSet,
    /// Whether a batch was sent that the window has not yet confirmed.
    unconfirmed: bool,
    /// What to select with the next batch, in the document's text.
    selection: Option<Selection>,
    /// No batch is sent before this time.
    held_until: i64,
}

impl Window {
    pub(super) fn new(version: Version, length: usize) -> Self {
        Self {
            version,
            pending: ChangeSet::identity(length),
            unconfirmed: false,
            selection: None,
            held_until: i64::MIN,
        }
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    pub(super) fn pending(&self) -> &ChangeSet {
        &self.pending
    }

    /// The window's edits as a change of the document's text. Where both put text into one gap, the
    /// window's stands behind the one that it has not seen.
    pub(super) fn to_document(&self, changes: &ChangeSet) -> Result<ChangeSet, LengthMismatch> {
        changes.map(&self.pending, Order::After)
    }

    /// The document has taken `changes`, and did `correction` on top of them. A push at the
    /// current version also confirms the last batch.
    pub(super) fn accept(
        &mut self,
        changes: &ChangeSet,
        correction: Option<&ChangeSet>,
    ) -> Result<(), LengthMismatch> {
        let in_document = self.to_document(changes)?;
        let mut pending = self.pending.map(changes, Order::Before)?;
        self.selection = self.selection.map(|selection| selection.map(&in_document));
        if let Some(correction) = correction {
            pending = pending.compose(correction)?;
            self.selection = self.selection.map(|selection| selection.map(correction));
        }
        self.pending = pending;
        self.version = self.version.next();
        self.unconfirmed = false;
        Ok(())
    }

    pub(super) fn remote(&mut self, changes: &ChangeSet) -> Result<(), LengthMismatch> {
        self.pending = self.pending.compose(changes)?;
        self.selection = self.selection.map(|selection| selection.map(changes));
        Ok(())
    }

    pub(super) fn select(&mut self, selection: Option<Selection>) {
        self.selection = selection;
    }

    pub(super) fn replace(&mut self, text: &str) {
        self.pending = whole(self.pending.len_before(), text);
        self.selection = None;
    }

    pub(super) fn confirm(&mut self, version: Version) {
        if version == self.version {
            self.unconfirmed = false;
        }
    }

    pub(super) fn hold(&mut self, until: i64) {
        self.held_until = until;
    }

    pub(super) fn flush(&mut self, now: i64) -> Option<RemoteBatch> {
        let nothing_new = self.pending.is_identity() && self.selection.is_none();
        if self.unconfirmed || nothing_new || now < self.held_until {
            return None;
        }
        let length = self.pending.len_after();
        let changes = std::mem::replace(&mut self.pending, ChangeSet::identity(length));
        self.version = self.version.next();
        self.unconfirmed = true;
        Some(RemoteBatch { version: self.version, changes, selection: self.selection.take() })
    }
}
