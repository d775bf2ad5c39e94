//! What the shell keeps for its commands: the desk, once it is open, or why it could not be opened.

use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::ProfileFolders;
use crate::desk::Desk;
use crate::port::BackendError;

/// The desk of this process, opened once and while the window already shows.
pub(crate) struct Backend {
    folders: ProfileFolders,
    desk: OnceCell<Result<Arc<Desk>, BackendError>>,
}

impl Backend {
    /// A desk that is not open yet, with its data in these folders.
    pub(crate) fn new(folders: ProfileFolders) -> Self {
        Self { folders, desk: OnceCell::new() }
    }

    /// The desk, which the first caller opens.
    ///
    /// # Errors
    ///
    /// Why it could not be opened.
    pub(crate) async fn desk(&self) -> Result<Arc<Desk>, BackendError> {
        let open = || async {
            let desk = Desk::open(self.folders.data()).await;
            if let Err(error) = &desk {
                tracing::error!(message = error.message, "the notes could not be opened");
            }
            desk
        };
        self.desk.get_or_init(open).await.clone()
    }

    /// The desk if it is open already.
    pub(crate) fn opened(&self) -> Option<Arc<Desk>> {
        self.desk.get().and_then(|desk| desk.as_ref().ok().cloned())
    }
}
