//! Checks of the sources that no compiler makes: dependency direction, file heads, sizes, names, purity.

mod dependencies;
mod sources;

use anyhow::{Result, bail};

/// Runs all checks and lists everything that they found.
///
/// # Errors
///
/// When anything was found, or the sources cannot be read.
pub(crate) fn tidy() -> Result<()> {
    let mut findings = dependencies::check()?;
    findings.extend(sources::check()?);
    for finding in &findings {
        eprintln!("{finding}");
    }
    if findings.is_empty() { Ok(()) } else { bail!("tidy found {} things", findings.len()) }
}
