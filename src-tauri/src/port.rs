//! The port of the window: plain data that crosses between the page and the backend.
//!
//! `cargo xtask bindings` writes these types to `ui/src/backend/bindings.ts`, and a test compares
//! the two. Times are milliseconds since 1970; text positions are UTF-16 code units.

mod convert;
mod editing;
mod error;
mod history;
mod library;
mod mirror;
mod network;
mod settings;
mod start;

#[cfg(test)]
mod bindings;

pub use convert::TooLong;
pub(crate) use convert::units;
pub use editing::*;
pub use error::*;
pub use history::*;
pub use library::*;
pub use mirror::*;
pub use network::*;
pub use settings::*;
pub use start::*;
