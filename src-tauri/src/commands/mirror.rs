//! The folder of files, imports and exports.

use tauri::AppHandle;

use super::{Answer, Shell};
use crate::external;
use crate::port::{MirrorAction, MirrorReply};

#[tauri::command]
pub(crate) async fn mirror(
    app: AppHandle,
    shell: Shell<'_>,
    action: MirrorAction,
) -> Answer<MirrorReply> {
    let desk = shell.desk().await?;
    match action {
        MirrorAction::Pick => {
            let directory = external::pick_directory(&app).await;
            Ok(MirrorReply { directory, ..MirrorReply::default() })
        }
        MirrorAction::Reveal { note } => {
            external::reveal(&app, desk.file_of(note.as_ref())?).await?;
            Ok(MirrorReply::default())
        }
        action => desk.mirror(action).await,
    }
}
