//! The page as a whole: its start, the settings, and links that lead out.

use tauri::ipc::Channel;

use super::{Answer, Shell};
use crate::events::sink;
use crate::external;
use crate::port::{AppEvent, Session, Settings};

#[tauri::command]
pub(crate) async fn start(shell: Shell<'_>, events: Channel<AppEvent>) -> Answer<Session> {
    Ok(shell.desk().await?.session(sink(events)))
}

#[tauri::command]
pub(crate) async fn set_settings(shell: Shell<'_>, settings: Settings) -> Answer<()> {
    shell.desk().await?.set_settings(settings)
}

#[tauri::command]
pub(crate) async fn open_external(url: String) -> Answer<()> {
    external::open(&url)
}
