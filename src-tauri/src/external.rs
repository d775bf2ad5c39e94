//! What leaves the app for the person's own programs: links, which are checked, and files.

use std::path::Path;

use tauri::{AppHandle, Url};
use tauri_plugin_dialog::DialogExt as _;
use tauri_plugin_opener::OpenerExt as _;

use crate::port::{BackendError, ErrorCode};

/// The longest address that is handed on.
const LONGEST: usize = 4096;

/// Opens an `https`, `http` or `mailto` address outside the app.
///
/// # Errors
///
/// When the address has another scheme, or no program takes it.
pub(crate) fn open(address: &str) -> Result<(), BackendError> {
    let url = checked(address)?;
    open::that_detached(url.as_str()).map_err(|error| {
        BackendError::new(ErrorCode::Internal, format!("The link could not be opened: {error}."))
    })
}

/// Shows a file or folder in the file manager.
///
/// # Errors
///
/// When it is not there, or no program takes it.
pub(crate) fn reveal(app: &AppHandle, path: &Path) -> Result<(), BackendError> {
    app.opener().reveal_item_in_dir(path).map_err(|error| {
        let path = path.display();
        BackendError::new(ErrorCode::Internal, format!("{path} could not be shown: {error}."))
    })
}

/// Asks for a directory with the system's dialog; nothing when the person gives none.
pub(crate) async fn pick_directory(app: &AppHandle) -> Option<String> {
    let (sender, picked) = tokio::sync::oneshot::channel();
    app.dialog().file().pick_folder(move |folder| {
        let _ = sender.send(folder);
    });
    let folder = picked.await.ok().flatten()?.into_path().ok()?;
    folder.to_str().map(str::to_owned)
}

fn checked(address: &str) -> Result<Url, BackendError> {
    let refused = || {
        BackendError::new(
            ErrorCode::Refused,
            "Only links that begin with https, http or mailto are opened.",
        )
    };
    if address.len() > LONGEST {
        return Err(refused());
    }
    let url: Url = address.trim().parse().map_err(|_| refused())?;
    let has_host = url.host_str().is_some_and(|host| !host.is_empty());
    match url.scheme() {
        "https" | "http" if has_host => Ok(url),
        "mailto" => Ok(url),
        _ => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_web_and_mail_addresses_only() {
        for address in ["https://example.org/a?b#c", "http://example.org", "mailto:ana@example.org"]
        {
            assert!(checked(address).is_ok(), "{address} was refused");
        }
        for address in [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:text/html,x",
            "smb://x/y",
            "example.org",
            "",
            "automerge:x",
        ] {
            assert!(checked(address).is_err(), "{address} was taken");
        }
        assert!(checked(&format!("https://example.org/{}", "x".repeat(LONGEST))).is_err());
    }
}
