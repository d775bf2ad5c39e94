//! Events on their way to the page: channels of the web view as sinks of the desk.

use serde::Serialize;
use tauri::ipc::{Channel, IpcResponse};

use crate::desk::Sink;

/// A sink that sends to a page. A page that is gone hears nothing, and is not missed.
pub(crate) fn sink<T: Serialize + IpcResponse + Send + Sync + 'static>(
    channel: Channel<T>,
) -> Sink<T> {
    Box::new(move |event| {
        if let Err(error) = channel.send(event) {
            tracing::debug!(%error, "an event did not reach the page");
        }
    })
}
