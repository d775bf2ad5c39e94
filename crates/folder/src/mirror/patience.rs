//! What is not believed at once: that a file is gone, and that a new one is nobody's.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::file_path::FilePath;
use crate::memory::NoteId;
use crate::planner::{Action, Plan};

/// A file that is gone is believed to be gone after this: programs that save by renaming put it back
/// sooner.
const GONE: Duration = Duration::from_millis(600);
/// A file that is empty and was not is believed to be meant so after this: most often it was cut off, and
/// is about to be written.
const EMPTIED: Duration = Duration::from_secs(3);
/// A file that is new is believed to be nobody's after this: a file-sync tool may bring its id a
/// little later.
const NEW: Duration = Duration::from_millis(600);
/// A note whose id came with a file, and that is listed nowhere yet, is waited for so long.
const UNLISTED: Duration = Duration::from_secs(600);
/// A note that is listed and not here yet is waited for so long.
const LISTED: Duration = Duration::from_secs(24 * 3600);
/// A note that another machine made of a file that is here, too, gets a file of its own after this, if
/// that machine does not join them.
const DOUBTFUL: Duration = Duration::from_secs(60);
/// At the beginning, notes that are listed and not here may be those of files without ids.
const ARRIVING: Duration = Duration::from_secs(60);

/// What a new file may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Newcomer {
    /// Nothing says that it is anybody's.
    Nobodys,
    /// It has the id of a note that is listed nowhere.
    Unlisted,
    /// It has the id of a note that is listed and has not arrived.
    Listed,
    /// Notes are arriving, and it may be one of theirs.
    WhileArriving,
    /// The folder is one that was not mirrored before.
    AtTheBeginning,
}

/// Since when something is waited for.
#[derive(Debug, Default)]
pub(super) struct Patience {
    gone: BTreeMap<NoteId, Instant>,
    new: BTreeMap<FilePath, (Instant, Duration)>,
    doubtful: BTreeMap<NoteId, Instant>,
    emptied: BTreeMap<NoteId, Instant>,
}

impl Patience {
    /// Takes out of a plan what it is too early for.
    pub(super) fn hold_back(
        &mut self,
        plan: &mut Plan,
        deletions_confirmed: bool,
        newcomer: impl Fn(&FilePath) -> Newcomer,
    ) {
        let now = Instant::now();
        let old = std::mem::take(self);
        let doubtful = std::mem::take(&mut plan.doubtful);
        plan.actions.retain(|action| match action {
            Action::Trash { note } | Action::Forget { note } => {
                let since = old.gone.get(note).copied().unwrap_or(now);
                let is_due = now - since >= GONE || deletions_confirmed;
                if !is_due {
                    self.gone.insert(note.clone(), since);
                }
                is_due
            }
            Action::Create { path, .. } => {
                let since = old.new.get(path).map_or(now, |(since, _)| *since);
                let wait = match newcomer(path) {
                    Newcomer::AtTheBeginning => Duration::ZERO,
                    Newcomer::Nobodys => NEW,
                    Newcomer::Unlisted => UNLISTED,
                    Newcomer::Listed => LISTED,
                    Newcomer::WhileArriving => ARRIVING,
                };
                let is_due = now - since >= wait;
                if !is_due {
                    self.new.insert(path.clone(), (since, wait));
                }
                is_due
            }
            Action::Edit { note, read, changes, .. }
                if read.text.is_empty() && !changes.is_identity() =>
            {
                let since = old.emptied.get(note).copied().unwrap_or(now);
                let is_due = now - since >= EMPTIED;
                if !is_due {
                    self.emptied.insert(note.clone(), since);
                }
                is_due
            }
            Action::Write { note, .. } if doubtful.contains(note) => {
                let since = old.doubtful.get(note).copied().unwrap_or(now);
                let is_due = now - since >= DOUBTFUL;
                if !is_due {
                    self.doubtful.insert(note.clone(), since);
                }
                is_due
            }
            _ => true,
        });
    }

    /// When the first of it is believed.
    pub(super) fn until(&self) -> Option<Instant> {
        let gone = self.gone.values().map(|since| *since + GONE);
        let doubtful = self.doubtful.values().map(|since| *since + DOUBTFUL);
        let emptied = self.emptied.values().map(|since| *since + EMPTIED);
        gone.chain(doubtful)
            .chain(emptied)
            .chain(self.new.values().map(|(since, wait)| *since + *wait))
            .min()
    }
}
