//! The commands of the page, by domain. Each one parses, asks the desk and converts; none decides.

pub(crate) mod app;
pub(crate) mod editing;
pub(crate) mod history;
pub(crate) mod library;
pub(crate) mod mirror;
pub(crate) mod network;
pub(crate) mod sharing;

use crate::port::BackendError;
use crate::state::Backend;

/// What every command answers.
type Answer<T> = Result<T, BackendError>;

/// The state that the shell keeps.
type Shell<'a> = tauri::State<'a, Backend>;
