//! Windows, a document and the delays between them, in random interleavings.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rejoin_seeds::fresh_seeds;

use super::*;
use crate::change_set::Order;

/// A document's text as elements, most of them one character, some wider.
#[derive(Debug, Clone, Default)]
struct Elements(Vec<String>);

impl Elements {
    fn boundary(&self, at: usize) -> (usize, usize) {
        let mut units = 0;
        for (index, element) in self.0.iter().enumerate() {
            if units >= at {
                return (index, units);
            }
            units += utf16_len(element);
        }
        (self.0.len(), units)
    }

    fn replace(&mut self, at: usize, deleted: usize, inserted: Vec<String>) -> ChangeSet {
        let length = utf16_len(&self.0.concat());
        let (start, start_units) = self.boundary(at);
        let (end, end_units) = if deleted == 0 {
            (start, start_units)
        } else {
            self.boundary((at + deleted).max(start_units))
        };
        let text = inserted.concat();
        self.0.splice(start..end, inserted);
        ChangeSet::splice(length, start_units, end_units - start_units, &text).unwrap()
    }
}

impl EditedText for Elements {
    type Error = Infallible;

    fn apply(&mut self, changes: &ChangeSet) -> Result<ChangeSet, Infallible> {
        let mut effect = ChangeSet::identity(changes.len_before());
        for splice in changes.splices() {
            let inserted = splice.inserted.chars().map(String::from).collect();
            let step = self.replace(splice.at, splice.deleted, inserted);
            effect = effect.compose(&step).unwrap();
        }
        Ok(effect)
    }

    fn text(&self) -> Result<String, Infallible> {
        Ok(self.0.concat())
    }
}

/// A page: what it shows, what it has pushed and what it has not pushed yet.
#[derive(Debug)]
struct Page {
    /// The text at `version`, without own edits that are not confirmed.
    confirmed: String,
    version: Version,
    in_flight: Option<ChangeSet>,
    unsent: ChangeSet,
    unconfirmed_batch: bool,
    /// How often what waits now was refused.
    refusals: usize,
    /// Pushing waits for this version.
    needs: Version,
    caret: usize,
    /// The character typed last, which the caret stands behind.
    last_typed: Option<char>,
    to_backend: VecDeque<Request>,
    answers: VecDeque<Pushed>,
    batches: VecDeque<RemoteBatch>,
}

#[derive(Debug)]
enum Request {
    Push { version: Version, changes: ChangeSet },
    Confirm { version: Version },
    Undo,
}

impl Page {
    fn open(text: String, version: Version) -> Self {
        let unsent = ChangeSet::identity(utf16_len(&text));
        Self {
            confirmed: text,
            version,
            in_flight: None,
            unsent,
            unconfirmed_batch: false,
            refusals: 0,
            needs: version,
            caret: 0,
            last_typed: None,
            to_backend: VecDeque::new(),
            answers: VecDeque::new(),
            batches: VecDeque::new(),
        }
    }

    fn unconfirmed(&self) -> ChangeSet {
        match &self.in_flight {
            Some(changes) => changes.compose(&self.unsent).unwrap(),
            None => self.unsent.clone(),
        }
    }

    fn shown(&self) -> String {
        self.unconfirmed().apply(&self.confirmed).unwrap()
    }

    fn edit(&mut self, changes: &ChangeSet) {
        self.unsent = self.unsent.compose(changes).unwrap();
    }

    /// Pushes what waits; a push confirms the last batch, and without one it is confirmed alone.
    fn send(&mut self) {
        if self.in_flight.is_some() || self.version < self.needs {
            return;
        }
        if !self.unsent.is_identity() {
            let empty = ChangeSet::identity(self.unsent.len_after());
            let changes = std::mem::replace(&mut self.unsent, empty);
            self.to_backend
                .push_back(Request::Push { version: self.version, changes: changes.clone() });
            self.in_flight = Some(changes);
            self.unconfirmed_batch = false;
        } else if std::mem::take(&mut self.unconfirmed_batch) {
            self.refusals = 0;
            self.to_backend.push_back(Request::Confirm { version: self.version });
        }
    }

    fn accepted(&mut self) {
        self.refusals = 0;
        let changes = self.in_flight.take().unwrap();
        self.confirmed = changes.apply(&self.confirmed).unwrap();
        self.version = self.version.next();
    }

    fn receive_answer(&mut self, answer: Pushed) {
        match answer {
            Pushed::Accepted { version } => {
                if version == self.version.next() && self.in_flight.is_some() {
                    self.accepted();
                }
            }
            Pushed::Stale { version } => {
                if version > self.version {
                    self.refused();
                    self.needs = version;
                }
            }
        }
    }

    fn refused(&mut self) {
        self.refusals += 1;
        assert!(self.refusals <= 1, "a push was refused twice");
        self.unsent = self.unconfirmed();
        self.in_flight = None;
    }

    fn receive_batch(&mut self, batch: RemoteBatch) {
        if batch.version == self.version.next().next() {
            self.accepted();
        } else if self.in_flight.is_some() {
            self.refused();
        }
        assert_eq!(batch.version, self.version.next());
        self.version = batch.version;
        self.confirmed = batch.changes.apply(&self.confirmed).unwrap();
        let mut changes = batch.changes.clone();
        let rebased = self.unsent.map(&changes, Order::After).unwrap();
        changes = changes.map(&self.unsent, Order::Before).unwrap();
        self.unsent = rebased;
        self.caret = changes.map_position(self.caret, Side::Left);
        if let Some(selection) = batch.selection {
            // The selection is given without own unconfirmed edits.
            self.caret = self.unconfirmed().map_position(selection.head, Side::Left);
            self.last_typed = None;
        }
        if let Some(typed) = self.last_typed
            && inserts(&batch.changes, typed)
        {
            // A correction took the text out and put it in elsewhere.
            self.last_typed = None;
        }
        self.unconfirmed_batch = true;
        if self.unsent.is_identity() {
            self.send();
        }
    }
}

fn inserts(changes: &ChangeSet, char: char) -> bool {
    changes.splices().any(|splice| splice.inserted.contains(char))
}

struct World {
    rng: ChaCha8Rng,
    document: Elements,
    session: EditSession,
    pages: BTreeMap<WindowId, Page>,
    /// The text that each window must show at its version.
    expected: BTreeMap<WindowId, BTreeMap<Version, String>>,
    next_char: u32,
    typed: BTreeSet<char>,
    deleted: BTreeSet<char>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut world = Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            document: Elements::default(),
            session: EditSession::new(0),
            pages: BTreeMap::new(),
            expected: BTreeMap::new(),
            next_char: 0,
            typed: BTreeSet::new(),
            deleted: BTreeSet::new(),
        };
        for id in 0..world.rng.random_range(1..4) {
            world.open(WindowId(id));
        }
        world
    }

    fn open(&mut self, id: WindowId) {
        let former = self.pages.remove(&id);
        let version = self.session.open(id);
        if let Some(page) = former {
            // What the page had not handed over goes with it; what it has sent still arrives.
            self.forget_unpushed(&page);
            for request in page.to_backend {
                if let Request::Push { version: based_on, changes } = request {
                    let answer = self.session.push(id, based_on, &changes, &mut self.document);
                    assert_eq!(answer, Ok(Pushed::Stale { version }));
                }
            }
        }
        let text = self.document.0.concat();
        self.expected.entry(id).or_default().insert(version, text.clone());
        self.pages.insert(id, Page::open(text, version));
    }

    fn forget_unpushed(&mut self, page: &Page) {
        for section in page.unconfirmed().sections() {
            if let Section::Replace { inserted, .. } = section {
                for char in inserted.chars() {
                    self.typed.remove(&char);
                }
            }
        }
    }

    /// A character that occurs nowhere else: from the private use area, or wide ones.
    fn fresh(&mut self) -> char {
        self.next_char += 1;
        let base = if self.rng.random_bool(0.3) { 0xf_0000 } else { 0xe000 };
        let char = char::from_u32(base + self.next_char).unwrap();
        self.typed.insert(char);
        char
    }

    fn fresh_text(&mut self) -> String {
        (0..self.rng.random_range(0..4)).map(|_| self.fresh()).collect()
    }

    fn page(&mut self) -> WindowId {
        let at = self.rng.random_range(0..self.pages.len());
        *self.pages.keys().nth(at).unwrap()
    }

    fn step(&mut self) {
        let id = self.page();
        match self.rng.random_range(0..100) {
            0..30 => self.type_into(id),
            30..40 => self.pages.get_mut(&id).unwrap().send(),
            40..60 => self.deliver_request(id),
            60..70 => self.deliver_answer(id),
            70..80 => self.deliver_batch(id),
            80..88 => self.flush(id),
            88..96 => self.remote_edit(),
            96..97 => self.open(id),
            97..99 => self.pages.get_mut(&id).unwrap().to_backend.push_back(Request::Undo),
            _ => self.hold(id),
        }
        self.check();
    }

    fn type_into(&mut self, id: WindowId) {
        let shown = self.pages[&id].shown();
        let length = utf16_len(&shown);
        let moves = self.rng.random_bool(0.3);
        let inserted = self.fresh_text();
        let page = self.pages.get_mut(&id).unwrap();
        if moves {
            page.caret = self.rng.random_range(0..=length);
        }
        // The editor moves and deletes by characters, not by halves of them.
        let units: Vec<u16> = shown.encode_utf16().collect();
        let low = |at: usize| units.get(at).is_some_and(|unit| (0xdc00..0xe000).contains(unit));
        if low(page.caret) {
            page.caret -= 1;
        }
        let at = page.caret;
        let mut end = (at + self.rng.random_range(0..3)).min(length);
        if low(end) {
            end += 1;
        }
        self.deleted.extend(String::from_utf16(&units[at..end]).unwrap().chars());
        page.edit(&ChangeSet::splice(length, at, end - at, &inserted).unwrap());
        if page.unsent.is_identity() {
            page.refusals = 0;
        }
        page.caret = at + utf16_len(&inserted);
        page.last_typed = inserted.chars().last();
    }

    fn deliver_request(&mut self, id: WindowId) {
        let page = self.pages.get_mut(&id).unwrap();
        match page.to_backend.pop_front() {
            Some(Request::Push { version, changes }) => {
                let before = self.document.0.concat();
                let answer = self.session.push(id, version, &changes, &mut self.document).unwrap();
                match answer {
                    Pushed::Accepted { version: new } => {
                        let old = &self.expected[&id][&version];
                        let text = changes.apply(old).unwrap();
                        self.expected.get_mut(&id).unwrap().insert(new, text);
                    }
                    Pushed::Stale { .. } => {
                        assert_eq!(before, self.document.0.concat());
                    }
                }
                page.answers.push_back(answer);
            }
            Some(Request::Confirm { version }) => self.session.confirm(id, version),
            Some(Request::Undo) => {
                let inserted = vec![self.fresh().to_string()];
                let effect = self.document.replace(0, 0, inserted);
                let head = effect.len_after() - effect.len_before();
                let selection = Some(Selection { anchor: 0, head });
                self.session.answer(id, &effect, selection).unwrap();
            }
            None => {}
        }
    }

    fn deliver_answer(&mut self, id: WindowId) {
        let page = self.pages.get_mut(&id).unwrap();
        if let Some(answer) = page.answers.pop_front() {
            page.receive_answer(answer);
        }
    }

    fn deliver_batch(&mut self, id: WindowId) {
        let page = self.pages.get_mut(&id).unwrap();
        if let Some(batch) = page.batches.pop_front() {
            page.receive_batch(batch);
        }
    }

    fn flush(&mut self, id: WindowId) {
        if let Some(batch) = self.session.flush(id, 0) {
            let texts = self.expected.get_mut(&id).unwrap();
            let before = &texts[&Version(batch.version.0 - 1)];
            let text = batch.changes.apply(before).unwrap();
            assert_eq!(text, self.document.0.concat(), "a batch leads to the document's text");
            texts.insert(batch.version, text);
            self.pages.get_mut(&id).unwrap().batches.push_back(batch);
        }
    }

    fn hold(&mut self, id: WindowId) {
        if self.rng.random_bool(0.5) {
            self.session.hold(id, 1);
        } else {
            self.session.release(id);
        }
    }

    fn remote_edit(&mut self) {
        let length = utf16_len(&self.document.0.concat());
        let at = self.rng.random_range(0..=length);
        let deleted = self.rng.random_range(0..4).min(length - at);
        let inserted = self.fresh_text();
        let elements = if self.rng.random_bool(0.2) {
            // These may go as a whole when a page deletes a part of them.
            self.deleted.extend(inserted.chars());
            vec![inserted]
        } else {
            inserted.chars().map(String::from).collect()
        };
        let before = self.document.0.concat();
        let effect = self.document.replace(at, deleted, elements);
        let after: BTreeSet<char> = self.document.0.concat().chars().collect();
        self.deleted.extend(before.chars().filter(|char| !after.contains(char)));
        self.session.remote(&effect).unwrap();
    }

    /// What must hold at every moment.
    fn check(&self) {
        for (id, page) in &self.pages {
            assert_eq!(
                page.confirmed, self.expected[id][&page.version],
                "the page shows something else than its version says"
            );
            let shown = page.shown();
            assert!(page.caret <= utf16_len(&shown));
            if let Some(typed) = page.last_typed
                && let Some(found) = shown.find(typed)
            {
                let behind = utf16_len(&shown[..found]) + typed.len_utf16();
                assert_eq!(page.caret, behind, "the caret left the text it was typing");
            }
        }
    }

    /// Delivers everything until nothing moves any more.
    fn settle(&mut self) {
        let ids: Vec<WindowId> = self.pages.keys().copied().collect();
        for id in &ids {
            self.session.release(*id);
        }
        for _ in 0..50 {
            for id in &ids {
                while !self.pages[id].to_backend.is_empty() {
                    self.deliver_request(*id);
                }
                self.flush(*id);
                while !self.pages[id].batches.is_empty() {
                    self.deliver_batch(*id);
                }
                while !self.pages[id].answers.is_empty() {
                    self.deliver_answer(*id);
                }
                self.pages.get_mut(id).unwrap().send();
                self.check();
            }
        }
        let text = self.document.0.concat();
        for page in self.pages.values() {
            assert_eq!(page.shown(), text);
            assert!(page.in_flight.is_none() && page.unsent.is_identity());
        }
        for char in &self.typed {
            let count = text.matches(*char).count();
            if self.deleted.contains(char) {
                assert!(count <= 1);
            } else {
                assert_eq!(count, 1, "the character {char:?} was lost or doubled");
            }
        }
    }
}

#[test]
fn windows_and_document_agree_in_any_interleaving() {
    for seed in fresh_seeds(400) {
        let mut world = World::new(seed);
        for _ in 0..150 {
            world.step();
        }
        world.settle();
    }
}

fn text_of(elements: &[&str]) -> Elements {
    Elements(elements.iter().map(|element| (*element).to_owned()).collect())
}

#[test]
fn a_push_behind_a_batch_is_refused_and_then_taken() {
    let mut document = text_of(&["a", "b"]);
    let mut session = EditSession::new(2);
    let window = WindowId(1);
    let opened = session.open(window);

    let effect = document.replace(0, 0, vec!["X".into()]);
    session.remote(&effect).unwrap();
    let batch = session.flush(window, 0).unwrap();
    assert_eq!(batch.changes, ChangeSet::splice(2, 0, 0, "X").unwrap());

    let push = ChangeSet::splice(2, 2, 0, "c").unwrap();
    let answer = session.push(window, opened, &push, &mut document).unwrap();
    assert_eq!(answer, Pushed::Stale { version: batch.version });

    let rebased = push.map(&batch.changes, Order::After).unwrap();
    let answer = session.push(window, batch.version, &rebased, &mut document).unwrap();
    assert_eq!(answer, Pushed::Accepted { version: batch.version.next() });
    assert_eq!(document.text(), Ok("Xabc".to_owned()));
}

#[test]
fn a_second_batch_waits_for_the_confirmation_of_the_first() {
    let mut document = text_of(&[]);
    let mut session = EditSession::new(0);
    let window = WindowId(1);
    session.open(window);
    let type_in = |document: &mut Elements, session: &mut EditSession| {
        let effect = document.replace(0, 0, vec!["x".into()]);
        session.remote(&effect).unwrap();
    };
    type_in(&mut document, &mut session);
    let first = session.flush(window, 0).unwrap();
    type_in(&mut document, &mut session);
    type_in(&mut document, &mut session);
    assert_eq!(session.flush(window, 0), None);
    session.confirm(window, first.version);
    let second = session.flush(window, 0).unwrap();
    assert_eq!(second.changes, ChangeSet::splice(1, 0, 0, "xx").unwrap());
}

#[test]
fn an_edit_inside_a_wide_element_is_corrected_by_the_next_batch() {
    let mut document = text_of(&["a", "wide", "z"]);
    let mut session = EditSession::new(6);
    let window = WindowId(1);
    let version = session.open(window);
    // The editor removes "id"; the document can only remove whole elements.
    let push = ChangeSet::splice(6, 2, 2, "").unwrap();
    let answer = session.push(window, version, &push, &mut document).unwrap();
    assert_eq!(answer, Pushed::Accepted { version: version.next() });
    let batch = session.flush(window, 0).unwrap();
    assert_eq!(batch.changes.apply("awez").unwrap(), document.0.concat());
}

#[test]
fn a_held_window_gets_nothing_until_the_time_is_up() {
    let mut document = text_of(&[]);
    let mut session = EditSession::new(0);
    let window = WindowId(1);
    session.open(window);
    session.hold(window, 10_000);
    let effect = document.replace(0, 0, vec!["x".into()]);
    session.remote(&effect).unwrap();
    assert_eq!(session.flush(window, 9_999), None);
    assert!(session.flush(window, 10_000).is_some());
}

#[test]
fn a_page_that_was_loaded_again_does_not_take_its_former_pushes() {
    let mut document = text_of(&["a"]);
    let mut session = EditSession::new(1);
    let window = WindowId(1);
    let former = session.open(window);
    let now = session.open(window);
    let push = ChangeSet::splice(1, 0, 0, "x").unwrap();
    let answer = session.push(window, former, &push, &mut document).unwrap();
    assert_eq!(answer, Pushed::Stale { version: now });
    assert_eq!(document.text(), Ok("a".to_owned()));
}

#[test]
fn a_resync_hands_the_whole_text_to_every_window() {
    let mut session = EditSession::new(3);
    let window = WindowId(1);
    session.open(window);
    let misfit = ChangeSet::identity(5);
    assert!(session.remote(&misfit).is_err());
    session.resync("hello");
    let batch = session.flush(window, 0).unwrap();
    assert_eq!(batch.changes.apply("abc").unwrap(), "hello");
    assert_eq!(session.length(), 5);
}

#[test]
fn an_undo_answers_with_its_selection_moved_by_what_came_after() {
    let mut document = text_of(&["a", "b"]);
    let mut session = EditSession::new(2);
    let (asking, other) = (WindowId(1), WindowId(2));
    session.open(asking);
    session.open(other);
    let effect = document.replace(1, 1, vec![]);
    let selection = Some(Selection { anchor: 1, head: 1 });
    session.answer(asking, &effect, selection).unwrap();
    let effect = document.replace(0, 0, vec!["x".into()]);
    session.remote(&effect).unwrap();
    let batch = session.flush(asking, 0).unwrap();
    assert_eq!(batch.selection, Some(Selection { anchor: 2, head: 2 }));
    assert_eq!(session.flush(other, 0).unwrap().selection, None);
}
