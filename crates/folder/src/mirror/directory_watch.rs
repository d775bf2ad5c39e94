//! What the operating system tells of changes in the directory.
//!
//! Plain `notify`, with a rest of our own (see [`Due`](super::due::Due)). Of its debouncers, the full
//! one wakes up many times a second for as long as it lives, and the small one drops the word that
//! events were lost and takes reading for writing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use crate::file_path::MARKER;

/// What of the directory is to be read again.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scan {
    All,
    Paths(BTreeSet<PathBuf>),
}

impl Scan {
    pub(super) fn add(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Paths(paths), Self::Paths(others)) => paths.extend(others),
            (_, Self::All) => *self = Self::All,
            (Self::All, _) => {}
        }
    }
}

/// Watches a directory and all that it holds.
#[derive(Debug)]
pub(super) struct DirectoryWatch {
    watcher: RecommendedWatcher,
    root: PathBuf,
    touched: Arc<Touched>,
}

/// What has changed since it was last asked for.
#[derive(Debug, Default)]
pub(super) struct Touched {
    told: Mutex<Told>,
    rung: Notify,
}

#[derive(Debug, Default)]
struct Told {
    paths: BTreeSet<PathBuf>,
    /// More than the paths tell.
    is_all: bool,
    trouble: Option<String>,
}

impl DirectoryWatch {
    /// Watches a directory; one that is away is watched when it is [renewed](Self::renew).
    pub(super) fn start(root: &Path, is_away: bool) -> Result<Self, notify::Error> {
        let touched = Arc::new(Touched::default());
        let (told, marker) = (touched.clone(), root.join(MARKER));
        let tell = move |event| told.touch(event, &marker);
        let mut watcher = notify::recommended_watcher(tell)?;
        if !is_away {
            watcher.watch(root, RecursiveMode::Recursive)?;
        }
        Ok(Self { watcher, root: root.to_owned(), touched })
    }

    /// Watches a directory that was away: what lies there now may be another one of the same name.
    pub(super) fn renew(&mut self) -> Result<(), notify::Error> {
        // It fails when the directory that was watched is gone for good.
        let _ = self.watcher.unwatch(&self.root);
        self.watcher.watch(&self.root, RecursiveMode::Recursive)
    }

    pub(super) fn touched(&self) -> Arc<Touched> {
        self.touched.clone()
    }
}

impl Touched {
    /// Waits for the next change.
    pub(super) async fn next(&self) {
        self.rung.notified().await;
    }

    /// What is to be read again, and what the watcher could not do.
    pub(super) fn take(&self) -> (Scan, Option<String>) {
        let told = std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner));
        let scan = if told.is_all { Scan::All } else { Scan::Paths(told.paths) };
        (scan, told.trouble)
    }

    fn touch(&self, event: Result<Event, notify::Error>, marker: &Path) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Ok(event) if is_reading(event.kind) => return,
            Ok(event) if event.need_rescan() || event.paths.is_empty() => told.is_all = true,
            Ok(event) => {
                let is_inside = |path: &PathBuf| path.starts_with(marker) && path != marker;
                let mut paths = event.paths.into_iter().filter(|path| !is_inside(path)).peekable();
                if paths.peek().is_none() {
                    return;
                }
                told.paths.extend(paths);
            }
            // What the watcher cannot tell may be a change.
            Err(error) => {
                told.is_all = true;
                told.trouble = Some(format!("the folder is not watched well: {error}"));
            }
        }
        drop(told);
        self.rung.notify_one();
    }
}

fn is_reading(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
        EventKind::Access(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, Flag};

    use super::*;

    fn touched(events: impl IntoIterator<Item = Event>) -> Scan {
        let touched = Touched::default();
        events.into_iter().for_each(|event| touched.touch(Ok(event), Path::new("/n/.rejoin")));
        touched.take().0
    }

    #[test]
    fn reading_and_our_own_files_are_no_change() {
        let open = EventKind::Access(AccessKind::Open(AccessMode::Any));
        let made = EventKind::Create(CreateKind::File);
        let scan = touched([
            Event::new(open).add_path("/n/a.md".into()),
            Event::new(made).add_path("/n/.rejoin/a.md".into()),
        ]);
        assert_eq!(scan, Scan::Paths(BTreeSet::new()));
        let scan = touched([Event::new(made).add_path("/n/.rejoin".into())]);
        assert_eq!(scan, Scan::Paths(BTreeSet::from(["/n/.rejoin".into()])));
    }

    #[test]
    fn lost_events_are_a_reason_to_look_everywhere() {
        assert_eq!(touched([Event::new(EventKind::Other).set_flag(Flag::Rescan)]), Scan::All);
    }
}
