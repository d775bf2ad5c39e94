//! One note's document under the hands of windows: keeps the edit session in step with it.
//!
//! The document is changed by windows, by peers and by other parts of the app. Whoever changes it
//! tells, with the heads before and after; so it is known at each moment whether the session has
//! followed the document, and when it has not, the text itself is taken.

use std::collections::BTreeMap;

use rejoin_document::{ActorId, ChangeHash, CommitOptions, Document, Patch, TextUnit, Transaction};
use rejoin_notes::change_set::{ChangeSet, Side};
use rejoin_notes::editing::{
    EditSession, EditedText, PushError, Pushed, RemoteBatch, Selection, Version, WindowId,
};
use rejoin_notes::note::{EditError, NotANote, Note, NoteWriter};

/// How an edit enters the document.
#[derive(Clone, Debug)]
pub(crate) enum Writing {
    /// As a change of this actor.
    Commit {
        /// New to this run of the program.
        actor: ActorId,
        /// What the change says of itself.
        options: CommitOptions,
    },
    /// As a part of the draft.
    Draft,
}

/// A note that windows edit.
#[derive(Debug)]
pub(crate) struct EditedNote {
    note: Note,
    session: EditSession,
    heads: Vec<ChangeHash>,
    /// Where others are in the document's text.
    carets: BTreeMap<String, Selection>,
    /// The windows' versions, as they were last told.
    versions: BTreeMap<WindowId, Version>,
}

/// A writer that remembers what the last edit did.
struct Remembering<'w, 't, 'd> {
    writer: NoteWriter<'t, 'd>,
    effect: &'w mut Option<ChangeSet>,
}

impl EditedText for Remembering<'_, '_, '_> {
    type Error = EditError;

    fn apply(&mut self, changes: &ChangeSet) -> Result<ChangeSet, EditError> {
        let effect = self.writer.apply(changes)?;
        *self.effect = Some(effect.clone());
        Ok(effect)
    }

    fn text(&self) -> Result<String, EditError> {
        self.writer.text()
    }
}

impl EditedNote {
    /// Finds the note in a document.
    ///
    /// # Errors
    ///
    /// When the document is not a note.
    pub(crate) fn find(document: &Document) -> Result<Self, NotANote> {
        let note = Note::find(&document.view())?;
        let length = rejoin_notes::change_set::utf16_len(&note.text(&document.view()));
        Ok(Self {
            note,
            session: EditSession::new(length),
            heads: document.heads().to_vec(),
            carets: BTreeMap::new(),
            versions: BTreeMap::new(),
        })
    }

    /// Where the text lies.
    pub(crate) fn note(&self) -> Note {
        self.note
    }

    /// The windows and their versions.
    pub(crate) fn session(&mut self) -> &mut EditSession {
        &mut self.session
    }

    /// Opens the note in a window, with its text and version.
    pub(crate) fn open(&mut self, document: &Document, window: WindowId) -> (String, Version) {
        self.catch_up(document);
        let version = self.session.open(window);
        self.versions.insert(window, version);
        (self.note.text(&document.view()), version)
    }

    /// The version of a window; none when it is not open.
    pub(crate) fn version(&self, window: WindowId) -> Option<Version> {
        self.versions.get(&window).copied()
    }

    /// Takes in what was told of a change: its patches, all of them or none. What was followed before
    /// costs nothing.
    ///
    /// Where patches are missing, or lead to another text than the document's, the text itself is
    /// taken: what the windows show does not depend on how carefully a change was told.
    pub(crate) fn follow(
        &mut self,
        document: &Document,
        before: &[ChangeHash],
        after: &[ChangeHash],
        patches: Option<&[Patch]>,
    ) {
        if self.heads == after || self.heads == document.heads() {
            return;
        }
        let told = patches
            .filter(|_| before == self.heads)
            .and_then(|patches| self.note.changes(patches, self.session.length()).ok())
            .filter(|changes| after != document.heads() || self.fits(document, changes));
        match told {
            Some(changes) if self.session.remote(&changes).is_ok() => {
                self.move_carets(&changes);
                self.heads = after.to_vec();
            }
            _ => self.catch_up(document),
        }
    }

    /// Whether changes lead to a text as long as the document's.
    fn fits(&self, document: &Document, changes: &ChangeSet) -> bool {
        let length = document.view().length(self.note.content, TextUnit::Utf16);
        length.is_ok_and(|length| length == changes.len_after())
    }

    /// Takes a window's edit into the document.
    ///
    /// # Errors
    ///
    /// When the edit does not fit, or the document refuses. Nothing is changed then.
    pub(crate) fn push(
        &mut self,
        document: &mut Document,
        writing: Writing,
        window: WindowId,
        version: Version,
        changes: &ChangeSet,
    ) -> Result<Pushed, PushError<EditError>> {
        self.catch_up(document);
        let (note, session) = (self.note, &mut self.session);
        let mut effect = None;
        let pushed = write(document, writing, |tx| {
            let writer = NoteWriter::new(tx, note);
            let mut text = Remembering { writer, effect: &mut effect };
            session.push(window, version, changes, &mut text)
        })?;
        if let Some(effect) = effect {
            self.move_carets(&effect);
        }
        if let Pushed::Accepted { version } = pushed {
            self.versions.insert(window, version);
        }
        self.heads = document.heads().to_vec();
        Ok(pushed)
    }

    /// Changes the note's text on behalf of a window, which hears of it as of a remote change.
    ///
    /// # Errors
    ///
    /// When the document refuses. Nothing is changed then.
    pub(crate) fn change(
        &mut self,
        document: &mut Document,
        writing: Writing,
        window: Option<WindowId>,
        changes: &ChangeSet,
    ) -> Result<(), EditError> {
        self.catch_up(document);
        if changes.is_identity() {
            return Ok(());
        }
        let note = self.note;
        let effect = write(document, writing, |tx| NoteWriter::new(tx, note).apply(changes))?;
        self.answer(document, window, &effect, None);
        Ok(())
    }

    /// Notes what was already done to the document for a window, with the selection to show there.
    pub(crate) fn answer(
        &mut self,
        document: &Document,
        window: Option<WindowId>,
        effect: &ChangeSet,
        selection: Option<Selection>,
    ) {
        let told = match window {
            Some(window) => self.session.answer(window, effect, selection),
            None => self.session.remote(effect),
        };
        if told.is_err() {
            self.session.resync(&self.note.text(&document.view()));
        }
        self.move_carets(effect);
        self.heads = document.heads().to_vec();
    }

    /// Notes where somebody else is in the document's text, or that they are nowhere.
    pub(crate) fn set_caret(&mut self, peer: &str, selection: Option<Selection>) {
        match selection {
            Some(selection) => self.carets.insert(peer.to_owned(), selection),
            None => self.carets.remove(peer),
        };
    }

    /// Where somebody else is in a window's text, without its unconfirmed edits.
    pub(crate) fn caret(&self, window: WindowId, peer: &str) -> Option<Selection> {
        let selection = self.carets.get(peer)?;
        let place = |at: usize| self.session.to_window(window, at.min(self.session.length()));
        Some(Selection { anchor: place(selection.anchor)?, head: place(selection.head)? })
    }

    /// Where a selection of a window lies in the document's text.
    pub(crate) fn placed(&self, window: WindowId, selection: Selection) -> Option<Selection> {
        let place = |at: usize| self.session.to_document(window, at, Side::Left);
        Some(Selection { anchor: place(selection.anchor)?, head: place(selection.head)? })
    }

    fn move_carets(&mut self, changes: &ChangeSet) {
        for caret in self.carets.values_mut() {
            let place = |at: usize| changes.map_position(at.min(changes.len_before()), Side::Left);
            *caret = Selection { anchor: place(caret.anchor), head: place(caret.head) };
        }
    }

    /// Notes that the draft became a change, which alters no text.
    pub(crate) fn committed(&mut self, document: &Document) {
        self.heads = document.heads().to_vec();
    }

    /// The next batch for a window.
    pub(crate) fn flush(&mut self, window: WindowId, now: i64) -> Option<RemoteBatch> {
        let batch = self.session.flush(window, now)?;
        self.versions.insert(window, batch.version);
        Some(batch)
    }

    /// Takes the text itself when the document went on without us.
    fn catch_up(&mut self, document: &Document) {
        if self.heads == document.heads() {
            return;
        }
        if let Ok(note) = Note::find(&document.view()) {
            self.note = note;
        }
        self.session.resync(&self.note.text(&document.view()));
        self.heads = document.heads().to_vec();
    }
}

/// Runs `body` in a transaction or a draft, and keeps what it wrote unless it fails.
fn write<T, E>(
    document: &mut Document,
    writing: Writing,
    body: impl FnOnce(&mut Transaction<'_>) -> Result<T, E>,
) -> Result<T, E> {
    match writing {
        Writing::Commit { actor, options } => {
            let mut tx = document.transaction(&actor);
            let value = body(&mut tx)?;
            tx.commit(options);
            Ok(value)
        }
        Writing::Draft => {
            let mut tx = document.draft_transaction();
            let value = body(&mut tx)?;
            tx.keep();
            Ok(value)
        }
    }
}

#[cfg(test)]
mod tests {
    use rejoin_document::PatchLog;
    use rejoin_notes::change_set::Section;

    use super::*;

    const WINDOW: WindowId = WindowId(0);

    fn actor(name: &str) -> ActorId {
        ActorId::new(name.as_bytes())
    }

    fn commit(name: &str) -> Writing {
        Writing::Commit { actor: actor(name), options: CommitOptions::default() }
    }

    fn document(text: &str) -> Document {
        let mut document = Document::new();
        let mut tx = document.transaction(&actor("first"));
        Note::create(&mut tx, text).unwrap();
        tx.commit(CommitOptions::default());
        document
    }

    fn insertion(before: &str, at: usize, text: &str) -> ChangeSet {
        ChangeSet::splice(before.len(), at, 0, text).unwrap()
    }

    #[test]
    fn a_push_changes_the_document() {
        let mut document = document("hello");
        let mut edited = EditedNote::find(&document).unwrap();
        let (text, version) = edited.open(&document, WINDOW);
        assert_eq!(text, "hello");
        let changes = insertion("hello", 5, "!");
        let pushed = edited.push(&mut document, commit("me"), WINDOW, version, &changes).unwrap();
        assert_eq!(pushed, Pushed::Accepted { version: version.next() });
        assert_eq!(edited.note().text(&document.view()), "hello!");
    }

    #[test]
    fn what_others_did_reaches_the_window_once() {
        let mut mine = document("hello");
        let mut theirs = mine.fork();
        let mut edited = EditedNote::find(&mine).unwrap();
        let (_, version) = edited.open(&mine, WINDOW);
        let mut other = EditedNote::find(&theirs).unwrap();
        other.change(&mut theirs, commit("b"), None, &insertion("hello", 0, "> ")).unwrap();
        let before = mine.heads().to_vec();
        let mut log = PatchLog::active(TextUnit::Utf16);
        mine.merge(&theirs, &mut log).unwrap();
        let after = mine.heads().to_vec();
        let patches = log.take();
        edited.follow(&mine, &before, &after, Some(&patches));
        edited.follow(&mine, &before, &after, Some(&patches));
        let batch = edited.flush(WINDOW, 0).unwrap();
        assert_eq!(batch.version, version.next());
        assert_eq!(batch.changes.apply("hello").unwrap(), "> hello");
        assert_eq!(edited.flush(WINDOW, 0), None);
    }

    #[test]
    fn a_change_that_nobody_told_of_is_taken_from_the_text() {
        let mut mine = document("hello");
        let mut theirs = mine.fork();
        let mut edited = EditedNote::find(&mine).unwrap();
        edited.open(&mine, WINDOW);
        let mut other = EditedNote::find(&theirs).unwrap();
        other.change(&mut theirs, commit("b"), None, &insertion("hello", 0, "> ")).unwrap();
        mine.merge(&theirs, &mut PatchLog::inactive()).unwrap();
        edited.open(&mine, WindowId(1));
        let batch = edited.flush(WINDOW, 0).unwrap();
        assert_eq!(batch.changes.apply("hello").unwrap(), "> hello");
    }

    #[track_caller]
    fn check_that_a_change_shows_that_was_told_with(patches: Option<&[Patch]>) {
        let mut mine = document("hello");
        let mut edited = EditedNote::find(&mine).unwrap();
        edited.open(&mine, WINDOW);
        let before = mine.heads().to_vec();
        let mut other = EditedNote::find(&mine).unwrap();
        other.change(&mut mine, commit("b"), None, &insertion("hello", 0, "> ")).unwrap();
        edited.follow(&mine, &before, mine.heads(), patches);
        let batch = edited.flush(WINDOW, 0).unwrap();
        assert_eq!(batch.changes.apply("hello").unwrap(), "> hello");
    }

    #[test]
    fn a_change_that_was_told_without_patches_shows() {
        check_that_a_change_shows_that_was_told_with(None);
    }

    #[test]
    fn a_change_whose_patches_say_nothing_of_the_text_shows() {
        check_that_a_change_shows_that_was_told_with(Some(&[]));
    }

    #[test]
    fn a_draft_stays_out_of_the_history_until_it_is_committed() {
        let mut document = document("hello");
        let mut edited = EditedNote::find(&document).unwrap();
        let (_, version) = edited.open(&document, WINDOW);
        let heads = document.heads().to_vec();
        let changes = insertion("hello", 5, "!");
        edited.push(&mut document, Writing::Draft, WINDOW, version, &changes).unwrap();
        assert_eq!(document.heads(), heads);
        assert_eq!(edited.note().text(&document.view()), "hello!");
        document.commit_draft(&actor("me"), CommitOptions::default());
        edited.committed(&document);
        assert_ne!(document.heads(), heads);
        assert_eq!(edited.flush(WINDOW, 0), None);
    }

    #[test]
    fn an_edit_that_does_not_fit_changes_nothing() {
        let mut document = document("hello");
        let mut edited = EditedNote::find(&document).unwrap();
        let (_, version) = edited.open(&document, WINDOW);
        let changes = ChangeSet::from_sections([Section::Keep(99)]);
        assert!(edited.push(&mut document, commit("me"), WINDOW, version, &changes).is_err());
        assert_eq!(edited.note().text(&document.view()), "hello");
    }
}
