//! Notes and folders.

use super::{Answer, Shell};
use crate::port::{ItemFlag, ItemId, NewItem, SearchHit, SearchRequest};

#[tauri::command]
pub(crate) async fn create(shell: Shell<'_>, item: NewItem) -> Answer<ItemId> {
    shell.desk().await?.create(item)
}

#[tauri::command]
pub(crate) async fn rename(shell: Shell<'_>, item: ItemId, title: String) -> Answer<()> {
    shell.desk().await?.rename(&item, &title)
}

#[tauri::command]
pub(crate) async fn move_item(
    shell: Shell<'_>,
    item: ItemId,
    folder: ItemId,
    index: usize,
) -> Answer<()> {
    shell.desk().await?.move_item(&item, &folder, index)
}

#[tauri::command]
pub(crate) async fn set_flag(
    shell: Shell<'_>,
    item: ItemId,
    flag: ItemFlag,
    on: bool,
) -> Answer<()> {
    let desk = shell.desk().await?;
    match flag {
        ItemFlag::Pinned => desk.set_pinned(&item, on),
        ItemFlag::Trashed => desk.set_trashed(&item, on),
    }
}

#[tauri::command]
pub(crate) async fn delete_forever(shell: Shell<'_>, item: ItemId) -> Answer<()> {
    shell.desk().await?.delete_forever(&item)
}

#[tauri::command]
pub(crate) async fn search(shell: Shell<'_>, request: SearchRequest) -> Answer<Vec<SearchHit>> {
    shell.desk().await?.search(&request)
}
