//! What leaves the app for the person's own programs: links, which are checked, and files.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tauri::{AppHandle, Url};
use tauri_plugin_dialog::DialogExt as _;
use tauri_plugin_opener::OpenerExt as _;

use crate::port::{BackendError, ErrorCode};

/// The longest address that is handed on.
const LONGEST: usize = 4096;
/// A program that cannot open something says so within this time.
const AT_ONCE: Duration = Duration::from_secs(2);

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

/// Shows a file or folder in the file manager. When none answers, the folder that it lies in is opened.
///
/// # Errors
///
/// When it is not there, or no program takes it.
pub(crate) async fn reveal(app: &AppHandle, path: PathBuf) -> Result<(), BackendError> {
    let app = app.clone();
    // A file manager may take its time to start.
    let shown = tauri::async_runtime::spawn_blocking(move || {
        let show = |path: &Path| app.opener().reveal_item_in_dir(path).is_ok();
        let folder = if path.is_dir() { Some(path.as_path()) } else { path.parent() };
        shown_or_opened(&path, show, folder.map(open::commands).unwrap_or_default())
    });
    let failed = |error| BackendError::new(ErrorCode::Internal, format!("{error}"));
    shown.await.map_err(failed)?
}

/// Shows what can be shown, or else has the first program that can open its folder.
fn shown_or_opened(
    path: &Path,
    show: impl Fn(&Path) -> bool,
    programs: Vec<Command>,
) -> Result<(), BackendError> {
    let shown = path.display();
    if !path.exists() {
        return Err(BackendError::new(ErrorCode::NotFound, format!("{shown} is not there.")));
    }
    if show(path) || programs.into_iter().any(opens) {
        return Ok(());
    }
    let message = format!("No file manager could be found. It is at {shown}.");
    Err(BackendError::new(ErrorCode::Internal, message))
}

/// Whether a program starts, and does not fail at once.
fn opens(mut program: Command) -> bool {
    program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut started) = program.spawn() else { return false };
    let begun = Instant::now();
    loop {
        match started.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if begun.elapsed() < AT_ONCE => std::thread::sleep(AT_ONCE / 40),
            // It is the file manager itself, and goes on by itself.
            Ok(None) => {
                std::thread::spawn(move || started.wait());
                return true;
            }
            Err(_) => return false,
        }
    }
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

    #[cfg(unix)]
    fn programs(names: &[&str]) -> Vec<Command> {
        names.iter().map(Command::new).collect()
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_is_opened_when_nobody_shows_its_files() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("Trip.md");
        std::fs::write(&file, "").unwrap();
        let nobody = |_: &Path| false;
        // One that is not there, one that fails, and one that does.
        let some = programs(&["/no/such/program", "false", "true"]);
        assert!(shown_or_opened(&file, nobody, some).is_ok());
        assert!(shown_or_opened(&file, |path| path == file, Vec::new()).is_ok());
        let mut long = Command::new("sleep");
        long.arg("5");
        assert!(shown_or_opened(&file, nobody, vec![long]).is_ok(), "it shows the folder itself");
    }

    #[cfg(unix)]
    #[test]
    fn a_person_is_told_where_a_file_is_that_nothing_can_show() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("Trip.md");
        let refused = shown_or_opened(&file, |_| true, Vec::new()).unwrap_err();
        assert_eq!(refused.message, format!("{} is not there.", file.display()));
        std::fs::write(&file, "").unwrap();
        let refused = shown_or_opened(&file, |_| false, programs(&["false"])).unwrap_err();
        let told = format!("No file manager could be found. It is at {}.", file.display());
        assert_eq!(refused.message, told);
    }

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
