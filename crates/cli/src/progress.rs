//! A sign of life while something takes long.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Shows, on a terminal and once a second has passed, what is being done and for how long.
pub(crate) struct Progress {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins to tell of `what`, until this is dropped.
    pub(crate) fn begin(what: impl Into<String>) -> Progress {
        if !io::stderr().is_terminal() {
            return Progress { stop: None, thread: None };
        }
        let what = what.into();
        let (stop, stopped) = mpsc::channel();
        let begun = Instant::now();
        let thread = std::thread::spawn(move || {
            let mut shown = false;
            while stopped.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                let _ = write!(io::stderr(), "\r{what} … {} s", begun.elapsed().as_secs());
                let _ = io::stderr().flush();
                shown = true;
            }
            if shown {
                let _ = write!(io::stderr(), "\r\x1b[K");
            }
        });
        Progress { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Shows, on a terminal, how many of many things are done.
pub(crate) struct Counter {
    what: &'static str,
    is_shown: bool,
    last: Option<Instant>,
}

impl Counter {
    /// Begins to tell of `what`, until this is dropped.
    pub(crate) fn new(what: &'static str) -> Counter {
        Counter { what, is_shown: io::stderr().is_terminal(), last: None }
    }

    /// Shows how far it is, at most ten times a second.
    pub(crate) fn show(&mut self, done: usize, total: usize) {
        let is_due = self.last.is_none_or(|last| last.elapsed() >= Duration::from_millis(100));
        if self.is_shown && (is_due || done == total) {
            self.last = Some(Instant::now());
            const WIDTH: usize = 30;
            let filled = (WIDTH * done).checked_div(total).unwrap_or(WIDTH);
            let bar = "#".repeat(filled) + &"-".repeat(WIDTH - filled);
            let _ = write!(io::stderr(), "\r{} [{bar}] {done} of {total}", self.what);
            let _ = io::stderr().flush();
        }
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        if self.last.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
