//! What happens to a document, one event after another.

use rejoin_sync::DocumentEvent;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::DocumentHandle;

/// The events of one document from the moment of subscribing. It keeps the document open.
#[derive(Debug)]
pub struct Subscription {
    pub(crate) events: UnboundedReceiver<DocumentEvent>,
    pub(crate) _document: DocumentHandle,
}

impl Subscription {
    /// Waits for the next event; none when the repo is gone. A dropped future has lost nothing.
    pub async fn next(&mut self) -> Option<DocumentEvent> {
        self.events.recv().await
    }

    /// The next event if there is one now.
    pub fn try_next(&mut self) -> Option<DocumentEvent> {
        self.events.try_recv().ok()
    }
}
