//! Several documents written at one moment.

use rejoin_document::{Document, Transaction};
use rejoin_sync::{DocumentId, EditError, Now};

use crate::{RepoOptions, core::State};

/// What may be written within [`Repo::together`](crate::Repo::together).
pub struct Together<'r> {
    pub(crate) state: &'r mut State,
    pub(crate) options: &'r RepoOptions,
    pub(crate) now: Now,
}

impl Together<'_> {
    /// Takes in a document that was made elsewhere under a name of its own. What is in memory under
    /// this name already is merged.
    pub fn create(&mut self, id: &DocumentId, document: Document) {
        self.state.hub.create(id, document, self.now);
    }

    /// As [`DocumentHandle::change`](crate::DocumentHandle::change).
    ///
    /// # Errors
    ///
    /// The outer error says that the document is not in memory; the inner one is the closure's.
    pub fn change<R, E>(
        &mut self,
        id: &DocumentId,
        message: Option<&str>,
        write: impl FnOnce(&mut Transaction<'_>) -> Result<R, E>,
    ) -> Result<Result<R, E>, EditError> {
        self.state.change(id, self.options, self.now, message, write)
    }
}
