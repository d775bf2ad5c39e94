//! The edit protocol on a real document: windows, a peer and the batched draft.

#![allow(clippy::unwrap_used, clippy::panic)]

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rejoin_document::{ActorId, CommitOptions, Document, PatchLog, TextUnit};
use rejoin_notes::change_set::{ChangeSet, Order, utf16_len};
use rejoin_notes::editing::{EditSession, EditedText, Pushed, Version, WindowId};
use rejoin_notes::note::{Note, NoteWriter};
use rejoin_seeds::fresh_seeds;

const WINDOW: WindowId = WindowId(1);

/// What a window shows and has not pushed yet.
struct Page {
    confirmed: String,
    version: Version,
    unsent: ChangeSet,
}

impl Page {
    fn shown(&self) -> String {
        self.unsent.apply(&self.confirmed).unwrap()
    }
}

struct Peers {
    here: Document,
    there: Document,
    note: Note,
    session: EditSession,
    page: Page,
    batched: bool,
}

impl Peers {
    fn new(content: &str, batched: bool) -> Self {
        let mut here = Document::new();
        let mut tx = here.transaction(&ActorId::new(&[1]));
        let note = Note::create(&mut tx, content).unwrap();
        tx.commit(CommitOptions::default());
        let there = here.clone();
        let mut session = EditSession::new(utf16_len(content));
        let version = session.open(WINDOW);
        let unsent = ChangeSet::identity(session.length());
        let page = Page { confirmed: content.to_owned(), version, unsent };
        Self { here, there, note, session, page, batched }
    }

    fn push(&mut self) {
        if self.page.unsent.is_identity() {
            return;
        }
        let changes = self.page.unsent.clone();
        let (version, note) = (self.page.version, self.note);
        let answer = if self.batched {
            let mut draft = self.here.draft_transaction();
            let mut writer = NoteWriter::new(&mut draft, note);
            let answer = self.session.push(WINDOW, version, &changes, &mut writer).unwrap();
            draft.keep();
            answer
        } else {
            let mut tx = self.here.transaction(&ActorId::new(&[2]));
            let mut writer = NoteWriter::new(&mut tx, note);
            let answer = self.session.push(WINDOW, version, &changes, &mut writer).unwrap();
            tx.commit(CommitOptions::default());
            answer
        };
        let Pushed::Accepted { version } = answer else { panic!("pushed at the current version") };
        self.page.version = version;
        self.page.confirmed = self.page.shown();
        self.page.unsent = ChangeSet::identity(changes.len_after());
    }

    fn there_types(&mut self, at: usize, deleted: usize, text: &str) {
        let mut tx = self.there.transaction(&ActorId::new(&[3]));
        tx.splice_text(self.note.content, at, deleted, text, TextUnit::Utf16).unwrap();
        tx.commit(CommitOptions::default());
    }

    /// The peer's changes arrive; the window is told with the next flush.
    fn receive(&mut self) {
        let mut log = PatchLog::active(TextUnit::Utf16);
        self.here.merge(&self.there, &mut log).unwrap();
        let changes = self.note.changes(&log.take(), self.session.length()).unwrap();
        self.session.remote(&changes).unwrap();
    }

    fn flush(&mut self) {
        if let Some(batch) = self.session.flush(WINDOW, 0) {
            let page = &mut self.page;
            page.version = batch.version;
            page.confirmed = batch.changes.apply(&page.confirmed).unwrap();
            page.unsent = page.unsent.map(&batch.changes, Order::After).unwrap();
            self.session.confirm(WINDOW, batch.version);
        }
        assert_eq!(self.page.confirmed, self.note.text(&self.here.view()));
    }
}

fn run(seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut peers = Peers::new("Hello 😀 world\n", seed.is_multiple_of(2));
    for _ in 0..60 {
        match rng.random_range(0..10) {
            0..4 => {
                let units: Vec<u16> = peers.page.shown().encode_utf16().collect();
                let (at, end) = range(&mut rng, &units);
                let text = text(&mut rng);
                let edit = ChangeSet::splice(units.len(), at, end - at, &text).unwrap();
                peers.page.unsent = peers.page.unsent.compose(&edit).unwrap();
            }
            4..6 => peers.push(),
            6..8 => {
                let shown = peers.note.text(&peers.there.view());
                let units: Vec<u16> = shown.encode_utf16().collect();
                let (at, end) = range(&mut rng, &units);
                let text = text(&mut rng);
                peers.there_types(at, end - at, &text);
            }
            8 => peers.receive(),
            _ => peers.flush(),
        }
    }
    peers.receive();
    peers.flush();
    peers.push();
    peers.flush();
    assert_eq!(peers.page.shown(), peers.note.text(&peers.here.view()));
    if peers.batched {
        let before = peers.note.text(&peers.here.view());
        peers.here.commit_draft(&ActorId::new(&[4]), CommitOptions::default());
        assert_eq!(peers.note.text(&peers.here.view()), before, "committing moves nothing");
    }
    peers.there.merge(&peers.here, &mut PatchLog::inactive()).unwrap();
    assert_eq!(peers.note.text(&peers.there.view()), peers.page.shown());
}

/// A range that begins and ends between characters.
fn range(rng: &mut ChaCha8Rng, units: &[u16]) -> (usize, usize) {
    let low = |at: usize| units.get(at).is_some_and(|unit| (0xdc00..0xe000).contains(unit));
    let mut at = rng.random_range(0..=units.len());
    at -= usize::from(low(at));
    let mut end = (at + rng.random_range(0..4)).min(units.len());
    end += usize::from(low(end));
    (at, end)
}

fn text(rng: &mut ChaCha8Rng) -> String {
    let letters = ['a', 'b', ' ', '\n', 'ü', '😀', '\u{301}'];
    (0..rng.random_range(0..4)).map(|_| letters[rng.random_range(0..letters.len())]).collect()
}

#[test]
fn a_window_and_its_document_agree() {
    for seed in fresh_seeds(200) {
        run(seed);
    }
}

#[test]
fn a_cut_into_a_wide_element_is_told_truthfully() {
    let mut peers = Peers::new("ab", false);
    // Another program may write several characters as one element.
    let mut tx = peers.there.transaction(&ActorId::new(&[3]));
    tx.insert(peers.note.content, 1, "wide").unwrap();
    tx.commit(CommitOptions::default());
    peers.receive();
    peers.flush();
    assert_eq!(peers.page.shown(), "awideb");
    peers.page.unsent = ChangeSet::splice(6, 2, 2, "").unwrap();
    peers.push();
    peers.flush();
}

#[test]
fn an_element_that_is_no_text_is_shown_and_can_be_deleted() {
    let mut peers = Peers::new("ab", false);
    let mut tx = peers.there.transaction(&ActorId::new(&[3]));
    tx.split_block(peers.note.content, 1, TextUnit::Utf16).unwrap();
    tx.commit(CommitOptions::default());
    peers.receive();
    peers.flush();
    assert_eq!(peers.page.shown(), "a\u{fffc}b");
    peers.page.unsent = ChangeSet::splice(3, 1, 1, "").unwrap();
    peers.push();
    assert_eq!(peers.note.text(&peers.here.view()), "ab");
}

#[test]
fn a_refused_edit_leaves_the_note_as_it_was() {
    let mut peers = Peers::new("ab", false);
    let mut tx = peers.here.transaction(&ActorId::new(&[2]));
    let mut writer = NoteWriter::new(&mut tx, peers.note);
    assert!(writer.apply(&ChangeSet::splice(9, 8, 0, "x").unwrap()).is_err());
    tx.rollback();
    assert_eq!(peers.note.text(&peers.here.view()), "ab");
}
