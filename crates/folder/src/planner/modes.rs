//! Notes that are shared in one way or the other, and change it at any time: live, hybrid, and batched
//! ones, whose drafts are in their files.

use std::collections::BTreeSet;

use rand::seq::IteratorRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rejoin_document::{ActorId, CommitOptions, Document, PatchLog, TextUnit};
use rejoin_notes::note::Note;
use rejoin_seeds::fresh_seeds;
use rejoin_storage::MemoryStore as Store;

use super::machines::{Machine, text_of};
use super::*;
use crate::memory_store::MemoryStore;

/// A machine with a mirror, the others who write, and programs with files open.
struct Run {
    here: Machine,
    others: Machine,
    rng: ChaCha8Rng,
    next_char: u32,
    buffers: Vec<(FilePath, String)>,
    /// Characters that some program or person took out again.
    removed: BTreeSet<char>,
    edits: usize,
}

impl Run {
    fn new(seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let (here, others) = (Machine::new(0), Machine::new(1));
        let (buffers, removed) = (Vec::new(), BTreeSet::new());
        let mut run = Self { here, others, rng, next_char: 0, buffers, removed, edits: 0 };
        for number in 0..3 {
            let mut document = Document::new();
            let mut tx = document.transaction(&ActorId::new(&[9; 16]));
            let text = run.fresh() + "\n" + &run.fresh() + "\n";
            let content = Note::create(&mut tx, "").unwrap().content;
            tx.splice_text(content, 0, 0, &text, TextUnit::Utf16).unwrap();
            tx.commit(CommitOptions::default());
            let id = NoteId(format!("note {number}"));
            run.others.notes.insert(id.clone(), document.fork());
            run.here.notes.insert(id, document);
        }
        run.here.mirrors();
        run
    }

    fn fresh(&mut self) -> String {
        let count = self.rng.random_range(1..4);
        let from = self.next_char;
        self.next_char += count;
        (from..self.next_char).map(|number| char::from_u32(0x4e00 + number).unwrap()).collect()
    }

    fn edited(&mut self, text: &str, may_remove: bool) -> String {
        self.edits += 1;
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        let at = self.rng.random_range(0..=lines.len());
        if may_remove && at < lines.len() && self.rng.random_bool(0.25) {
            self.removed.extend(lines.remove(at).chars());
        } else {
            lines.insert(at, self.fresh() + "\n");
        }
        lines.concat()
    }

    fn some_note(&mut self) -> NoteId {
        self.here.notes.keys().choose(&mut self.rng).unwrap().clone()
    }

    fn step(&mut self) {
        let id = self.some_note();
        let path = self.here.memory.notes[&id].path.clone();
        match self.rng.random_range(0..100) {
            0..20 => {
                let text = text_of(&self.here.notes[&id]);
                let changes = ChangeSet::between(&text, &self.edited(&text, true));
                self.here.changes(&id, &changes, None);
            }
            20..32 => {
                let text = text_of(&self.others.notes[&id]);
                let changes = ChangeSet::between(&text, &self.edited(&text, true));
                self.others.changes(&id, &changes, None);
            }
            32..45 => {
                let text = self.here.files[&path].clone();
                let text = self.edited(&text, true);
                self.here.files.insert(path, text);
            }
            45..52 => {
                // What was never looked at is known to nobody.
                self.here.mirrors();
                self.buffers.push((path.clone(), self.here.files[&path].clone()));
            }
            52..60 => self.saves_a_buffer(),
            60..68 => self.changes_mode(&id),
            68..72 => drop(self.commits(&id)),
            72..80 => self.meet(),
            80..94 => self.here.mirrors(),
            94..97 => self.ends_in_the_middle(),
            _ => self.starts_again(),
        }
    }

    /// An editor saves what it read once, and a new line; what came since must survive it.
    fn saves_a_buffer(&mut self) {
        let Some(at) = (0..self.buffers.len()).choose(&mut self.rng) else { return };
        let (path, buffer) = self.buffers.swap_remove(at);
        self.here.mirrors();
        let remembered = self.here.memory.notes.values().find(|it| it.path == path).unwrap();
        if remembered.held(&buffer).is_none() {
            return;
        }
        // When only programs wrote since, it may be this one that takes its own words back.
        let later = remembered.texts.iter().skip_while(|held| held.text != buffer).skip(1);
        if later.clone().all(|held| held.by_others) {
            self.removed.extend(later.flat_map(|held| held.text.chars()));
        }
        let saved = self.edited(&buffer, false);
        if self.rng.random_bool(0.5) {
            self.here.rests(&path);
        }
        self.here.files.insert(path, saved);
        self.here.mirrors();
    }

    fn changes_mode(&mut self, id: &NoteId) {
        if self.here.batched.remove(id) {
            self.commits(id);
        } else {
            self.here.batched.insert(id.clone());
        }
    }

    fn commits(&mut self, id: &NoteId) -> bool {
        let document = self.here.notes.get_mut(id).unwrap();
        document.commit_draft(&ActorId::new(&[1; 16]), CommitOptions::default()).is_some()
    }

    fn meet(&mut self) {
        for (id, document) in &mut self.here.notes {
            let other = self.others.notes.get_mut(id).unwrap();
            document.merge(other, &mut PatchLog::inactive()).unwrap();
            other.merge(document, &mut PatchLog::inactive()).unwrap();
        }
    }

    /// A plan is carried out in part only, and the process ends.
    fn ends_in_the_middle(&mut self) {
        let plan = self.here.plan();
        let count = self.rng.random_range(0..=plan.actions.len());
        plan.actions[..count].iter().for_each(|action| self.here.performs(action));
        self.starts_again();
    }

    /// What is remembered is read from the disk.
    fn starts_again(&mut self) {
        let mut store = MemoryStore::new(Box::new(Store::new()), "folder");
        store.save(self.here.memory.notes.keys(), &self.here.memory).unwrap();
        self.here.memory = store.load().unwrap();
    }

    /// Files say what notes say, and no word that nobody took out is missing.
    fn check(&mut self) {
        self.here.mirrors();
        self.meet();
        self.here.mirrors();
        let writes = self.here.writes;
        self.here.mirrors();
        assert_eq!(self.here.writes, writes, "it does not come to rest");
        let mut said = String::new();
        for (id, document) in &self.here.notes {
            let text = text_of(document);
            let path = &self.here.memory.notes[id].path;
            assert_eq!(self.here.files[path], text, "of {id:?}");
            said += &text;
        }
        for number in 0..self.next_char {
            let char = char::from_u32(0x4e00 + number).unwrap();
            let count = said.matches(char).count();
            assert!(count > 0 || self.removed.contains(&char), "{char:?} is lost: {said:?}");
            assert!(count < 2 || self.removed.contains(&char), "{char:?} is there twice: {said:?}");
        }
        let bound = 20 + 4 * self.edits;
        assert!(writes <= bound, "{writes} writes for {} edits", self.edits);
    }
}

#[test]
fn files_and_notes_agree_however_notes_are_shared() {
    for seed in fresh_seeds(40) {
        let mut run = Run::new(seed);
        for _ in 0..60 {
            run.step();
        }
        run.check();
    }
}
