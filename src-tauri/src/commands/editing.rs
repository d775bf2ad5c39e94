//! Open notes.

use tauri::ipc::Channel;

use super::{Answer, Shell};
use crate::events::sink;
use crate::port::{
    ItemId, NoteEvent, OpenedNote, PresenceUpdate, PushReply, PushRequest, UndoReply, UndoRequest,
};

#[tauri::command]
pub(crate) async fn open_note(
    shell: Shell<'_>,
    note: ItemId,
    events: Channel<NoteEvent>,
) -> Answer<OpenedNote> {
    shell.desk().await?.open_note(&note, sink(events)).await
}

#[tauri::command]
pub(crate) async fn push(
    shell: Shell<'_>,
    note: ItemId,
    request: PushRequest,
) -> Answer<PushReply> {
    shell.desk().await?.push(&note, request)
}

#[tauri::command]
pub(crate) async fn confirm(shell: Shell<'_>, note: ItemId, version: u32) -> Answer<()> {
    shell.desk().await?.confirm(&note, version)
}

#[tauri::command]
pub(crate) async fn undo(
    shell: Shell<'_>,
    note: ItemId,
    request: UndoRequest,
) -> Answer<UndoReply> {
    shell.desk().await?.undo(&note, &request)
}

#[tauri::command]
pub(crate) async fn set_presence(
    shell: Shell<'_>,
    note: ItemId,
    update: PresenceUpdate,
) -> Answer<()> {
    shell.desk().await?.set_presence(&note, update)
}

#[tauri::command]
pub(crate) async fn close_note(shell: Shell<'_>, note: ItemId) -> Answer<()> {
    shell.desk().await?.close_note(&note)
}
