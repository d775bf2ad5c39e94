//! Everything that must be green before a change lands, cheapest first.

use anyhow::Result;

use crate::step::{cargo, program_step, step};
use crate::{test, tidy};

/// Formatting, tidy, tests, lints and documentation.
///
/// # Errors
///
/// The first step that fails ends the run.
pub(crate) fn ci() -> Result<()> {
    program_step("formatting", &mut cargo(["fmt", "--all", "--check"]))?;
    step("tidy", tidy::tidy)?;
    test::test(&[])?;
    lints()?;
    documentation()
}

fn lints() -> Result<()> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    program_step("lints", &mut cargo(arguments))
}

fn documentation() -> Result<()> {
    let mut command = cargo(["doc", "--workspace", "--no-deps"]);
    program_step("documentation", command.env("RUSTDOCFLAGS", "--deny warnings"))
}
