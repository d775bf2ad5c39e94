//! Waiting for something to become true, with a limit.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long to wait for something before the test fails.
#[derive(Clone, Copy, Debug)]
pub struct Patience(pub Duration);

impl Default for Patience {
    /// Long enough for a busy machine with two cores.
    fn default() -> Self {
        Self(Duration::from_secs(30))
    }
}

/// Asks again until there is an answer.
///
/// # Errors
///
/// When asking fails, or there is no answer within the limit; `what` says what was waited for.
pub fn until<T>(
    what: &str,
    patience: Patience,
    mut ask: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if started.elapsed() > patience.0 {
            bail!("waited {:?} in vain for {what}", patience.0);
        }
        thread::sleep(Duration::from_millis(20));
    }
}
