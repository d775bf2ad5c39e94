//! The TypeScript types of the UI's port, written from the Rust types.

use anyhow::Result;

use crate::step::{cargo, program_step};

/// Writes `ui/src/backend/bindings.ts`, or only compares it.
///
/// # Errors
///
/// When the file differs (`check`), or cannot be written.
pub(crate) fn bindings(check: bool) -> Result<()> {
    let mut command = cargo(["test", "--package", "rejoin-desktop", "--lib", "bindings"]);
    if !check {
        command.env("UPDATE_BINDINGS", "1");
    }
    program_step("bindings", &mut command)
}
