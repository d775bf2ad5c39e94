//! How and with whom notes are shared.

use super::{Answer, Shell};
use crate::port::{Difference, ItemId, LinkTarget, Mode, OpenLink};

#[tauri::command]
pub(crate) async fn set_mode(shell: Shell<'_>, note: ItemId, mode: Mode) -> Answer<()> {
    shell.desk().await?.set_mode(&note, mode)
}

#[tauri::command]
pub(crate) async fn commit(shell: Shell<'_>, note: ItemId, message: String) -> Answer<()> {
    shell.desk().await?.commit(&note, &message)
}

#[tauri::command]
pub(crate) async fn draft_preview(shell: Shell<'_>, note: ItemId) -> Answer<Difference> {
    shell.desk().await?.draft_preview(&note)
}

#[tauri::command]
pub(crate) async fn link(shell: Shell<'_>, target: LinkTarget) -> Answer<String> {
    shell.desk().await?.link(&target)
}

#[tauri::command]
pub(crate) async fn open_link(shell: Shell<'_>, request: OpenLink) -> Answer<ItemId> {
    shell.desk().await?.open_link(request).await
}

#[tauri::command]
pub(crate) async fn set_sharing(
    shell: Shell<'_>,
    folder: ItemId,
    goes_to: Vec<String>,
) -> Answer<()> {
    shell.desk().await?.set_sharing(&folder, goes_to)
}
