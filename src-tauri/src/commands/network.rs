//! Servers, peers and connections.

use super::{Answer, Shell};
use crate::port::{ItemId, Network, SyncReport};

#[tauri::command]
pub(crate) async fn sync_report(shell: Shell<'_>, note: ItemId) -> Answer<SyncReport> {
    shell.desk().await?.sync_report(&note).await
}

#[tauri::command]
pub(crate) async fn set_network(shell: Shell<'_>, network: Network) -> Answer<()> {
    shell.desk().await?.set_network(network).await
}

#[tauri::command]
pub(crate) async fn retry(shell: Shell<'_>, connection: Option<String>) -> Answer<()> {
    shell.desk().await?.retry(connection.as_deref())
}
