//! The edit protocol between a note's document and the windows that show it.
//!
//! A window applies a keystroke at once and pushes it afterwards, so it is always a little ahead of
//! the document, and a little behind what others did to it. The session is the authority that
//! brings the two together. For each window it counts a *version*: one step for each push it
//! accepted and one for each batch of others' changes it sent. Between window and document lies
//! what is *pending*: others' changes that were not sent yet, as one change set.
//!
//! ```text
//! window's text at its version  --pending-->  document's text now
//! ```
//!
//! - A **push** made at the current version is carried over what is pending, so that it lands where
//!   the person sees it, and applied to the document as it is now. A push made at an older version
//!   is refused: the batch that it lacks is on its way, and the window pushes again when it has it.
//! - At most one **batch** is unconfirmed. A push at the current version confirms it, so a push is
//!   refused at most once, and a window is never flooded.
//! - Where the document did something else than a push asked for (the editor cut into an element
//!   that is wider than one character), the difference becomes pending like any other change.
//! - **Undo**, redo and restoring a version change the document directly and come back as a batch
//!   that carries the selection to show. A window sends such a request behind its own edits.
//!
//! Answers to pushes and batches may overtake each other on their way. The versions tell the order:
//! a window at version `v` that waits for an answer and meets a batch with version `v + 2` knows
//! that its push was accepted; with `v + 1`, that it was refused.
//!
//! All lengths and positions count UTF-16 units.

mod window;

use std::collections::BTreeMap;

use crate::change_set::{ChangeSet, LengthMismatch, Section, Side, utf16_len};
use window::Window;

/// One window that shows the note; the caller numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowId(pub u64);

/// How far a window's text has come: one step for each accepted push and for each sent batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// The text that a session changes: a note's text in a transaction or in a draft.
pub trait EditedText {
    /// Why the text could not be changed or read.
    type Error;

    /// Carries out `changes` on the text as it is now and answers with what that did to it, which
    /// differs where a change cuts into an element that is not one character.
    ///
    /// # Errors
    ///
    /// When the text could not be changed; it is then as it was before.
    fn apply(&mut self, changes: &ChangeSet) -> Result<ChangeSet, Self::Error>;

    /// The text as it is now.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn text(&self) -> Result<String, Self::Error>;
}

/// The answer to a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// The edits are in the document; the window is now at this version.
    Accepted {
        /// The window's new version.
        version: Version,
    },
    /// Nothing was changed: the window has yet to apply the batch with this version, and pushes its
    /// rebased edits then.
    Stale {
        /// The version of the batch that the window lacks.
        version: Version,
    },
}

/// What others did since the last batch, for one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteBatch {
    /// The window's version once it has applied the batch.
    pub version: Version,
    /// The changes to the window's text, without its unconfirmed edits.
    pub changes: ChangeSet,
    /// What to select afterwards, when an undo or the like was asked for from this window.
    pub selection: Option<Selection>,
}

/// A selection in a text, in UTF-16 units; the caret stands at its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// The end that stays when the selection is extended.
    pub anchor: usize,
    /// The end where the caret is.
    pub head: usize,
}

impl Selection {
    fn map(self, changes: &ChangeSet) -> Self {
        Self {
            anchor: changes.map_position(self.anchor, Side::Left),
            head: changes.map_position(self.head, Side::Left),
        }
    }
}

/// Why a push was not even considered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushError<E> {
    /// The window is not open.
    #[error("no such window")]
    UnknownWindow,
    /// The edits are not for the window's text; its page has to open the note anew.
    #[error("the edits do not fit the window's text: {0}")]
    Misfit(#[from] LengthMismatch),
    /// The document could not be changed.
    #[error("the note could not be changed: {0}")]
    Write(E),
}

/// The text of one note and the windows that show it.
///
/// Every change of the text must come through the session: the windows' own through
/// [`push`](Self::push), all others through [`remote`](Self::remote) or
/// [`answer`](Self::answer), in the order in which they happened to the text.
#[derive(Debug, Default)]
pub struct EditSession {
    length: usize,
    windows: BTreeMap<WindowId, Window>,
}

impl EditSession {
    /// A session over a text of `length` units, with no windows.
    pub fn new(length: usize) -> Self {
        Self { length, windows: BTreeMap::new() }
    }

    /// The length of the document's text.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Whether no window shows the note.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// The windows that show the note.
    pub fn windows(&self) -> impl Iterator<Item = WindowId> {
        self.windows.keys().copied()
    }

    /// Opens the note in a window, or opens it anew after the page was loaded again, and answers
    /// with the version of the document's text as it is now. Pushes of the page's former life
    /// count as stale.
    pub fn open(&mut self, window: WindowId) -> Version {
        let version = self.windows.get(&window).map_or(Version(0), |open| open.version().next());
        self.windows.insert(window, Window::new(version, self.length));
        version
    }

    /// Forgets a window.
    pub fn close(&mut self, window: WindowId) {
        self.windows.remove(&window);
    }

    /// Takes a window's edits, which it made at `version`, into the document.
    ///
    /// # Errors
    ///
    /// When the window is unknown, the edits do not fit its text, or the document could not be
    /// changed. The session is then as it was before.
    pub fn push<T: EditedText>(
        &mut self,
        window: WindowId,
        version: Version,
        changes: &ChangeSet,
        text: &mut T,
    ) -> Result<Pushed, PushError<T::Error>> {
        let open = self.windows.get(&window).ok_or(PushError::UnknownWindow)?;
        if version != open.version() {
            return Ok(Pushed::Stale { version: open.version() });
        }
        let asked = open.to_document(changes)?;
        let effect = text.apply(&asked).map_err(PushError::Write)?;
        effect.check_before(self.length)?;
        let correction = if effect == asked {
            None
        } else {
            Some(asked.correction(&effect, &text.text().map_err(PushError::Write)?)?)
        };
        for (id, other) in &mut self.windows {
            if *id == window {
                other.accept(changes, correction.as_ref())?;
            } else {
                other.remote(&effect)?;
            }
        }
        self.length = effect.len_after();
        Ok(Pushed::Accepted { version: version.next() })
    }

    /// Notes what someone else did to the document's text.
    ///
    /// # Errors
    ///
    /// When the change does not fit the text as the session knows it. The windows are then out of
    /// step with the document; [`resync`](Self::resync) brings them back.
    pub fn remote(&mut self, changes: &ChangeSet) -> Result<(), LengthMismatch> {
        changes.check_before(self.length)?;
        for window in self.windows.values_mut() {
            window.remote(changes)?;
        }
        self.length = changes.len_after();
        Ok(())
    }

    /// Notes what a request of `window` (undo, redo, restore) did to the document's text, with the
    /// selection to show there, in the text as it is now.
    ///
    /// # Errors
    ///
    /// As for [`remote`](Self::remote).
    pub fn answer(
        &mut self,
        window: WindowId,
        changes: &ChangeSet,
        selection: Option<Selection>,
    ) -> Result<(), LengthMismatch> {
        self.remote(changes)?;
        if let Some(open) = self.windows.get_mut(&window) {
            open.select(selection);
        }
        Ok(())
    }

    /// Starts again from the document's text: each window gets it whole with its next batch.
    pub fn resync(&mut self, text: &str) {
        self.length = utf16_len(text);
        for window in self.windows.values_mut() {
            window.replace(text);
        }
    }

    /// Notes that a window has applied the batch with this version.
    pub fn confirm(&mut self, window: WindowId, version: Version) {
        if let Some(open) = self.windows.get_mut(&window) {
            open.confirm(version);
        }
    }

    /// Keeps batches back from a window, in which text is being composed, until the time `until`
    /// (milliseconds) or until it is [released](Self::release).
    pub fn hold(&mut self, window: WindowId, until: i64) {
        if let Some(open) = self.windows.get_mut(&window) {
            open.hold(until);
        }
    }

    /// Ends [`hold`](Self::hold).
    pub fn release(&mut self, window: WindowId) {
        self.hold(window, i64::MIN);
    }

    /// The next batch for a window, at the time `now` (milliseconds): none while the last one is
    /// unconfirmed, while the window is held, or when there is nothing to tell.
    ///
    /// Called once per frame, so that a frame's changes travel together.
    pub fn flush(&mut self, window: WindowId, now: i64) -> Option<RemoteBatch> {
        self.windows.get_mut(&window)?.flush(now)
    }

    /// Where a position of the window's text, without unconfirmed edits, lies in the document's.
    pub fn to_document(&self, window: WindowId, at: usize, side: Side) -> Option<usize> {
        Some(self.windows.get(&window)?.pending().map_position(at, side))
    }

    /// Where a position of the document's text lies in the window's, without unconfirmed edits.
    pub fn to_window(&self, window: WindowId, at: usize) -> Option<usize> {
        Some(self.windows.get(&window)?.pending().unmap_position(at))
    }
}

impl Version {
    /// The version one step further.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl ChangeSet {
    fn check_before(&self, length: usize) -> Result<(), LengthMismatch> {
        if self.len_before() == length {
            Ok(())
        } else {
            Err(LengthMismatch { expected: self.len_before(), found: length })
        }
    }
}

/// A change that replaces a whole text of `length` units.
fn whole(length: usize, text: &str) -> ChangeSet {
    ChangeSet::from_sections([Section::Replace { deleted: length, inserted: text.to_owned() }])
}

#[cfg(test)]
mod tests;
