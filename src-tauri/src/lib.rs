//! The desktop shell: one window over the notes that the backend owns.
//!
//! It decides nothing about notes. Commands parse what the window asks, call `rejoin_repo` or
//! `rejoin_notes` and convert the answer; what others do comes back as events. The window is
//! disposable: it can be reloaded at any time and asks again.

mod commands;
mod desk;
mod events;
mod external;
mod local;
pub mod port;
mod profile;
mod state;
mod whole_file;
mod window;

use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use tauri::{AppHandle, Manager as _, RunEvent};
use tracing_subscriber::EnvFilter;

use state::Backend;

pub use profile::{InvalidProfileName, ProfileFolders, ProfileName};

/// How long the end of the app waits for the disk.
const PATIENCE_AT_THE_END: Duration = Duration::from_secs(5);

/// The command line of the app.
#[derive(Clone, Debug, Parser)]
#[command(name = "rejoin-desktop", version, about = "Notes that people write together")]
pub struct Options {
    /// Whose notes to open. Each profile has its own data and its own window.
    #[arg(long, env = "REJOIN_PROFILE", default_value = "default")]
    pub profile: ProfileName,
}

/// Opens the window and runs until it is closed.
///
/// # Errors
///
/// When the platform names no data directory, or no window can be opened.
pub fn run(options: Options) -> anyhow::Result<()> {
    start_logging();
    let profile = options.profile;
    let folders = ProfileFolders::of_platform(&profile)
        .context("this system names no home directory to keep notes in")?;
    tracing::info!(%profile, data = %folders.data().display(), "starting");
    let window_state = folders.window_state().to_string_lossy().into_owned();
    tauri::Builder::default()
        // First, so that a second start is noticed before anything else of it runs.
        .plugin(
            tauri_plugin_single_instance::Builder::new()
                .dbus_id(format!("example.rejoin.profile_{profile}").replace('-', "_"))
                .callback(|app, _arguments, _folder| window::raise(app))
                .build(),
        )
        .plugin(tauri_plugin_window_state::Builder::new().with_filename(window_state).build())
        .plugin(tauri_plugin_opener::init())
        .plugin(tauri_plugin_dialog::init())
        .manage(Backend::new(folders.clone()))
        .invoke_handler(tauri::generate_handler![
            commands::app::start,
            commands::app::set_settings,
            commands::app::open_external,
            commands::library::create,
            commands::library::rename,
            commands::library::move_item,
            commands::library::set_flag,
            commands::library::delete_forever,
            commands::library::search,
            commands::editing::open_note,
            commands::editing::push,
            commands::editing::confirm,
            commands::editing::undo,
            commands::editing::set_presence,
            commands::editing::close_note,
            commands::sharing::set_mode,
            commands::sharing::commit,
            commands::sharing::draft_preview,
            commands::sharing::link,
            commands::sharing::open_link,
            commands::sharing::set_sharing,
            commands::network::sync_report,
            commands::network::set_network,
            commands::network::retry,
            commands::history::history,
            commands::history::version_at,
            commands::history::restore_version,
            commands::history::attribution,
            commands::history::mark_seen,
            commands::mirror::mirror,
        ])
        .setup(move |app| {
            let handle = app.handle().clone();
            // The notes are opened while the window comes up; its first command waits for them.
            tauri::async_runtime::spawn(
                async move { handle.state::<Backend>().desk().await.map(drop) },
            );
            window::open(app.handle(), &folders)?;
            Ok(())
        })
        .build(tauri::generate_context!())
        .context("the window could not be opened")?
        .run(|app, event| {
            if let RunEvent::Exit = event {
                end(app);
            }
        });
    Ok(())
}

/// Brings everything that is in memory to the disk.
fn end(app: &AppHandle) {
    let Some(desk) = app.state::<Backend>().opened() else { return };
    let ended = tauri::async_runtime::block_on(async {
        tokio::time::timeout(PATIENCE_AT_THE_END, desk.end()).await
    });
    if !matches!(ended, Ok(true)) {
        tracing::error!("not everything could be saved before the end");
    }
}

/// Logs to standard error; `REJOIN_LOG` selects what, as in `rejoin_sync=debug`.
fn start_logging() {
    let filter = EnvFilter::try_from_env("REJOIN_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Where nobody reads the log, nobody has to hear of it.
        .log_internal_errors(false)
        .try_init();
    if started.is_err() {
        tracing::debug!("a log is already kept by the embedding program");
    }
}
