//! Two machines that mirror the same notes into folders that a file-sync tool copies between them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rejoin_document::{ActorId, CommitOptions, Document, PatchLog, TextUnit};
use rejoin_notes::editing::EditedText;
use rejoin_notes::note::{Note, NoteWriter};

use super::*;
use crate::history::{self, FROM_FILE, version_of};

/// One machine: its notes, its files, and what its mirror remembers.
pub(super) struct Machine {
    pub(super) number: u8,
    pub(super) notes: BTreeMap<NoteId, Document>,
    /// Those whose edits wait in a draft.
    pub(super) batched: BTreeSet<NoteId>,
    pub(super) files: BTreeMap<FilePath, String>,
    pub(super) memory: Memory,
    pub(super) writes: usize,
}

impl History for Machine {
    fn since(&self, note: &NoteId, version: &Version) -> Option<(String, ChangeSet)> {
        history::since(&self.notes[note], version)
    }

    fn between(&self, note: &NoteId, from: &Version, to: &Version) -> Option<ChangeSet> {
        history::between(&self.notes[note], from, to)
    }

    fn said(&self, note: &NoteId, text: &str) -> bool {
        history::said(&self.notes[note], text)
    }

    fn is_taken(&self, note: &NoteId, held: &HeldText, made: &ChangeSet) -> bool {
        history::is_taken(&self.notes[note], held, made)
    }

    fn same_file(&self, mine: &NoteId, other: &NoteId) -> Option<SameFile> {
        let one = (mine, &self.notes[mine]);
        history::same_file(one, (other, &self.notes[other]))
    }

    fn twin(&self, note: &NoteId, held: &HeldText, taken: &Taken) -> Option<Twin> {
        history::twin(&self.notes[note], held, taken)
    }
}

impl Machine {
    pub(super) fn new(number: u8) -> Self {
        let (notes, batched) = (BTreeMap::new(), BTreeSet::new());
        Self {
            number,
            notes,
            batched,
            files: BTreeMap::new(),
            memory: Memory::default(),
            writes: 0,
        }
    }

    pub(super) fn now(&self, id: &NoteId) -> NoteNow {
        let document = &self.notes[id];
        NoteNow {
            text: text_of(document),
            title: id.0.clone(),
            folders: Vec::new(),
            is_trashed: false,
            version: version_of(document),
        }
    }

    /// The mirror works until files and notes agree.
    pub(super) fn mirrors(&mut self) {
        for _ in 0..12 {
            let plan = self.plan();
            if plan.actions.is_empty() {
                return;
            }
            plan.actions.iter().for_each(|action| self.performs(action));
        }
        panic!("machine {} does not come to rest", self.number);
    }

    pub(super) fn plan(&self) -> Plan {
        let files = self.files.iter();
        let files = files.map(|(path, text)| (path.clone(), FileText::decode(text.as_bytes())));
        let disk = Disk { files: files.collect(), ..Disk::default() };
        let now: BTreeMap<NoteId, NoteNow> =
            self.notes.keys().map(|id| (id.clone(), self.now(id))).collect();
        let notes = Notes { now: &now, departed: &BTreeSet::new() };
        plan(&disk, notes, &self.memory, self, PlanOptions::default())
    }

    pub(super) fn performs(&mut self, action: &Action) {
        let id = match action {
            Action::Edit { note, changes, .. } | Action::Unite { note, changes, .. } => {
                let heads = self.notes[note].heads().to_vec();
                self.changes(&note.clone(), changes, Some(FROM_FILE));
                if self.batched.contains(note) {
                    assert_eq!(
                        self.notes[note].heads(),
                        heads,
                        "an edit of a file joins the draft"
                    );
                }
                note
            }
            Action::Write { note, path, text, .. } => {
                let has_draft = self.notes[note].draft_len() > 0;
                assert!(!has_draft || self.batched.contains(note), "it is committed before");
                self.files.insert(path.clone(), text.text.clone());
                self.writes += 1;
                note
            }
            Action::Adopt { note, .. } | Action::Anchor { note, .. } => note,
            other => panic!("nothing moves here: {other:?}"),
        };
        let now = self.now(id);
        self.memory.record(action, &id.clone(), &now);
        self.memory.written(id);
    }

    pub(super) fn changes(&mut self, id: &NoteId, changes: &ChangeSet, message: Option<&str>) {
        if changes.is_identity() {
            return;
        }
        // The app and the mirror of one machine write with one actor.
        let actor = ActorId::new(&[self.number + 1; 16]);
        let document = self.notes.get_mut(id).unwrap();
        if self.batched.contains(id) {
            let mut draft = document.draft_transaction();
            let note = Note::find(&draft.view()).unwrap();
            NoteWriter::new(&mut draft, note).apply(changes).unwrap();
            draft.keep();
            return;
        }
        let mut tx = document.transaction(&actor);
        let note = Note::find(&tx.view()).unwrap();
        NoteWriter::new(&mut tx, note).apply(changes).unwrap();
        let message = message.map(str::to_owned);
        tx.commit(CommitOptions { message, ..CommitOptions::default() });
    }
}

pub(super) fn text_of(document: &Document) -> String {
    Note::find(&document.view()).unwrap().text(&document.view())
}

/// Both machines, and the file-sync tool between them.
struct Pair {
    machines: [Machine; 2],
    /// What the tool saw in each file when both were the same.
    synced: BTreeMap<FilePath, String>,
    rng: ChaCha8Rng,
    next_char: u32,
}

impl Pair {
    fn new(seed: u64, notes: usize) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let mut pair = Self {
            machines: [Machine::new(0), Machine::new(1)],
            synced: BTreeMap::new(),
            rng,
            next_char: 0,
        };
        for number in 0..notes {
            let mut document = Document::new();
            let mut tx = document.transaction(&ActorId::new(&[9; 16]));
            let text = pair.fresh() + "\n" + &pair.fresh() + "\n";
            let content = Note::create(&mut tx, "").unwrap().content;
            tx.splice_text(content, 0, 0, &text, TextUnit::Utf16).unwrap();
            tx.commit(CommitOptions::default());
            for machine in &mut pair.machines {
                machine.notes.insert(NoteId(format!("note {number}")), document.fork());
            }
        }
        pair.machines.iter_mut().for_each(Machine::mirrors);
        pair.copies_files();
        pair
    }

    /// Characters that were never written before.
    fn fresh(&mut self) -> String {
        let count = self.rng.random_range(1..4);
        let from = self.next_char;
        self.next_char += count;
        (from..self.next_char).map(|number| char::from_u32(0x4e00 + number).unwrap()).collect()
    }

    /// The text with a new line, or with words at the end of a line.
    fn longer(&mut self, text: &str) -> String {
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        let at = self.rng.random_range(0..=lines.len());
        let words = self.fresh();
        if at < lines.len() && self.rng.random_bool(0.4) {
            lines[at].insert_str(0, &(words + " "));
        } else {
            lines.insert(at, words + "\n");
        }
        lines.concat()
    }

    fn step(&mut self, at: usize) {
        let ids: Vec<NoteId> = self.machines[at].notes.keys().cloned().collect();
        let id = ids[self.rng.random_range(0..ids.len())].clone();
        match self.rng.random_range(0..100) {
            0..25 => {
                let text = text_of(&self.machines[at].notes[&id]);
                let changes = ChangeSet::between(&text, &self.longer(&text));
                self.machines[at].changes(&id, &changes, None);
            }
            25..45 => {
                let path = self.machines[at].memory.notes[&id].path.clone();
                let text = self.machines[at].files[&path].clone();
                let text = self.longer(&text);
                self.machines[at].files.insert(path, text);
            }
            45..65 => self.machines[at].mirrors(),
            // Mirrors follow at once; only the ways between the machines are slow.
            65..80 => {
                self.syncs_notes();
                self.machines.iter_mut().for_each(Machine::mirrors);
            }
            _ => {
                self.machines.iter_mut().for_each(Machine::mirrors);
                self.copies_files();
                self.machines.iter_mut().for_each(Machine::mirrors);
            }
        }
    }

    fn syncs_notes(&mut self) {
        let [one, two] = &mut self.machines;
        for (id, document) in &mut one.notes {
            let other = two.notes.get_mut(id).unwrap();
            document.merge(other, &mut PatchLog::inactive()).unwrap();
            other.merge(document, &mut PatchLog::inactive()).unwrap();
        }
    }

    /// A file that changed on one side only is copied to the other. When it changed on both, this
    /// waits: such tools keep both files then.
    fn copies_files(&mut self) {
        let [one, two] = &mut self.machines;
        for (path, text) in &mut one.files {
            let other = two.files.get_mut(path).unwrap();
            let known = self.synced.get(path);
            if text != other {
                if known == Some(&*other) {
                    other.clone_from(text);
                } else if known == Some(&*text) {
                    text.clone_from(other);
                } else {
                    continue;
                }
            }
            self.synced.insert(path.clone(), text.clone());
        }
    }

    /// Everything is passed on until nothing changes any more.
    fn settles(&mut self) {
        for _ in 0..8 {
            self.machines.iter_mut().for_each(Machine::mirrors);
            self.syncs_notes();
            self.machines.iter_mut().for_each(Machine::mirrors);
            self.copies_files();
        }
        let writes = self.machines.iter().map(|machine| machine.writes).sum::<usize>();
        self.machines.iter_mut().for_each(Machine::mirrors);
        self.syncs_notes();
        self.machines.iter_mut().for_each(Machine::mirrors);
        let after = self.machines.iter().map(|machine| machine.writes).sum::<usize>();
        assert_eq!(writes, after, "it does not come to rest");
    }

    /// Files and notes say the same, with every word that was written so many times.
    fn check(&self, times: RangeInclusive<usize>) {
        let [one, two] = &self.machines;
        let mut said = String::new();
        for (id, document) in &one.notes {
            let text = text_of(document);
            assert_eq!(text, text_of(&two.notes[id]));
            let path = &one.memory.notes[id].path;
            assert_eq!((&text, &text), (&one.files[path], &two.files[path]));
            said += &text;
        }
        for number in 0..self.next_char {
            let char = char::from_u32(0x4e00 + number).unwrap();
            let count = said.matches(char).count();
            assert!(times.contains(&count), "{char:?} is there {count} times in {said:?}");
        }
    }
}

#[test]
fn a_file_that_comes_before_its_note_is_not_there_twice() {
    let mut pair = Pair::new(1, 1);
    let id = NoteId("note 0".into());
    let text = text_of(&pair.machines[0].notes[&id]);
    let changes = ChangeSet::between(&text, &pair.longer(&text));
    pair.machines[0].changes(&id, &changes, None);
    pair.machines[0].mirrors();
    pair.copies_files();
    pair.machines[1].mirrors();
    pair.settles();
    pair.check(1..=1);
}

#[test]
fn a_file_that_comes_after_its_note_is_not_there_twice() {
    let mut pair = Pair::new(2, 1);
    let id = NoteId("note 0".into());
    for _ in 0..3 {
        let text = text_of(&pair.machines[0].notes[&id]);
        let changes = ChangeSet::between(&text, &pair.longer(&text));
        pair.machines[0].changes(&id, &changes, None);
        pair.machines[0].mirrors();
        pair.syncs_notes();
    }
    pair.copies_files();
    pair.settles();
    pair.check(1..=1);
}

#[test]
fn an_edit_of_a_file_that_a_tool_copies_first_is_there_once() {
    let mut pair = Pair::new(3, 1);
    let path = pair.machines[0].files.keys().next().unwrap().clone();
    let text = pair.machines[0].files[&path].clone();
    let text = pair.longer(&text);
    pair.machines[0].files.insert(path, text);
    pair.copies_files();
    pair.settles();
    pair.check(1..=1);
}

impl Pair {
    fn types(&mut self, at: usize, words: &str) {
        let id = NoteId("note 0".into());
        let text = words.to_owned() + &text_of(&self.machines[at].notes[&id]);
        let changes = ChangeSet::between(&text_of(&self.machines[at].notes[&id]), &text);
        self.machines[at].changes(&id, &changes, None);
        self.machines[at].mirrors();
    }

    /// Words that a file brings come by the notes' way, too, and one machine takes one of both out;
    /// the other one has written both to its file by then, and more is written there.
    fn meets_twice(&mut self, more: &str) -> String {
        self.types(0, "x\n");
        self.copies_files();
        self.machines[1].mirrors();
        self.syncs_notes();
        self.machines.iter_mut().for_each(Machine::mirrors);
        let path = self.machines[0].files.keys().next().unwrap().clone();
        let twice = self.machines[0].files[&path].clone();
        self.machines[0].files.insert(path, twice + more);
        self.copies_files();
        self.settles();
        text_of(&self.machines[1].notes[&NoteId("note 0".into())])
    }
}

#[test]
fn a_copied_file_that_says_words_twice_brings_nothing_back() {
    let said = Pair::new(4, 1).meets_twice("");
    assert_eq!(said.matches('x').count(), 1, "{said:?}");
}

#[test]
fn what_is_written_beside_words_that_are_there_twice_is_kept_without_them() {
    let said = Pair::new(5, 1).meets_twice("y\n");
    assert_eq!(said.matches('x').count(), 1, "{said:?}");
    assert!(said.contains('y'), "{said:?}");
}

#[test]
fn two_machines_with_a_file_sync_tool_come_to_rest_and_lose_nothing() {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let first = number("SEED").unwrap_or_else(|| rand::rng().next_u64() >> 16);
    for seed in first..first + number("ITERATIONS").unwrap_or(40) {
        println!("SEED={seed}");
        races(seed);
    }
}

/// One machine at a time writes, and the words race on both ways to the other.
fn races(seed: u64) {
    let mut pair = Pair::new(seed, 2);
    for _ in 0..5 {
        let writer = pair.rng.random_range(0..2);
        for _ in 0..8 {
            pair.step(writer);
        }
        pair.settles();
        pair.check(1..=usize::MAX);
    }
}

/// Each had taken the same words from its file, and one of the two files said more besides. One machine
/// saw that its own change could go, and the other one, of another version, that its own could.
#[test]
fn two_machines_do_not_both_take_back_what_both_took() {
    races(5_003_269);
}
