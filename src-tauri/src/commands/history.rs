//! Looking back.

use super::{Answer, Shell};
use crate::port::{Attribution, History, ItemId, VersionRef, VersionView};

#[tauri::command]
pub(crate) async fn history(shell: Shell<'_>, note: ItemId) -> Answer<History> {
    shell.desk().await?.history(&note)
}

#[tauri::command]
pub(crate) async fn version_at(
    shell: Shell<'_>,
    note: ItemId,
    version: VersionRef,
) -> Answer<VersionView> {
    shell.desk().await?.version_at(&note, version)
}

#[tauri::command]
pub(crate) async fn restore_version(shell: Shell<'_>, note: ItemId, position: u32) -> Answer<()> {
    shell.desk().await?.restore_version(&note, position)
}

#[tauri::command]
pub(crate) async fn attribution(shell: Shell<'_>, note: ItemId) -> Answer<Attribution> {
    shell.desk().await?.attribution(&note)
}

#[tauri::command]
pub(crate) async fn mark_seen(shell: Shell<'_>, note: ItemId) -> Answer<()> {
    shell.desk().await?.mark_seen(&note)
}
