//! The desktop shell: one window over the notes that the backend owns.
//!
//! It decides nothing about notes. Commands parse what the window asks, call `rejoin_repo` or
//! `rejoin_notes` and convert the answer; what others do comes back as events. The window is
//! disposable: it can be reloaded at any time and asks again.

mod desk;
mod external;
mod local;
pub mod port;
mod profile;
mod whole_file;
mod window;

use anyhow::Context as _;
use clap::Parser;
use tracing_subscriber::EnvFilter;

pub use profile::{InvalidProfileName, ProfileFolders, ProfileName};

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
        .setup(move |app| {
            window::open(app.handle(), &folders)?;
            Ok(())
        })
        .run(tauri::generate_context!())
        .context("the window could not be opened")
}

/// Logs to standard error; `REJOIN_LOG` selects what, as in `rejoin_sync=debug`.
fn start_logging() {
    let filter = EnvFilter::try_from_env("REJOIN_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let started =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    if started.is_err() {
        tracing::debug!("a log is already kept by the embedding program");
    }
}
