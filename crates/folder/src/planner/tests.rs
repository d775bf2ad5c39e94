//! Files, notes and programs that edit either, in random interleavings.

use std::collections::{BTreeMap, BTreeSet};

use rand::seq::IteratorRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rejoin_seeds::fresh_seeds;

use super::*;

/// A folder on disk, the notes, and what is remembered.
#[derive(Default)]
struct World {
    files: BTreeMap<FilePath, Vec<u8>>,
    notes: BTreeMap<NoteId, NoteNow>,
    departed: BTreeSet<NoteId>,
    memory: Memory,
    /// All texts that each note ever had.
    history: BTreeMap<NoteId, Vec<String>>,
    reviews: usize,
    writes: usize,
    next_note: usize,
}

fn path(text: &str) -> FilePath {
    FilePath::new(text).unwrap()
}

fn note(text: &str, title: &str, folders: &[&str]) -> NoteNow {
    NoteNow {
        text: text.into(),
        title: title.into(),
        folders: folders.iter().map(|folder| (*folder).to_owned()).collect(),
        is_trashed: false,
        version: Version::default(),
    }
}

impl World {
    fn disk(&self) -> Disk {
        let files = self.files.iter();
        let files = files.map(|(path, bytes)| (path.clone(), FileText::decode(bytes))).collect();
        Disk { files, ..Disk::default() }
    }

    fn plan(&self) -> Plan {
        self.plan_with(PlanOptions::default())
    }

    fn plan_with(&self, options: PlanOptions) -> Plan {
        let notes = Notes { now: &self.notes, departed: &self.departed };
        let plan = plan(&self.disk(), notes, &self.memory, &Said::NOTHING, options);
        self.check_parts(&plan);
        plan
    }

    /// What is planned for one note alone is what is planned for it among all.
    fn check_parts(&self, plan: &Plan) {
        for note in self.notes.keys().filter(|_| plan.too_many_gone.is_none()) {
            let (disk, some) = (self.disk(), BTreeSet::from([note.clone()]));
            let alone = plan_some(&disk, &self.notes, &self.memory, &Said::NOTHING, &some);
            let among = plan.actions.iter().filter(|action| action.note() == Some(note));
            if let Some(alone) = alone {
                assert_eq!(alone.iter().collect::<Vec<_>>(), among.collect::<Vec<_>>());
            }
        }
    }

    fn add(&mut self, id: &str, now: NoteNow) -> NoteId {
        let id = NoteId(id.into());
        self.history.entry(id.clone()).or_default().push(now.text.clone());
        self.notes.insert(id.clone(), now);
        id
    }

    fn set_text(&mut self, id: &NoteId, text: String) {
        self.history.get_mut(id).unwrap().push(text.clone());
        self.notes.get_mut(id).unwrap().text = text;
    }

    fn file(&self, name: &str) -> &str {
        std::str::from_utf8(&self.files[&path(name)]).unwrap()
    }

    fn save(&mut self, name: &str, text: &str) {
        self.files.insert(path(name), text.as_bytes().to_vec());
    }

    /// Carries out one action; `false` when it met another file than it expected. With `crash`
    /// the process ends in the middle of it.
    fn perform(&mut self, action: &Action, crash: bool) -> bool {
        let holds = |files: &BTreeMap<FilePath, Vec<u8>>, path: &FilePath, text: &FileText| {
            files.get(path).is_some_and(|bytes| *bytes == FileText::encode(&text.text, text.form))
        };
        let id = match action {
            Action::Create { path, read } => {
                if !holds(&self.files, path, read) {
                    return false;
                }
                self.next_note += 1;
                let mut folders = path.folders();
                if path.is_trash() {
                    folders.remove(0);
                }
                let mut now = note(&read.text, path.stem(), &[]);
                (now.folders, now.is_trashed) = (folders, path.is_trash());
                self.add(&format!("new {}", self.next_note), now)
            }
            other => other.note().unwrap().clone(),
        };
        match action {
            Action::Edit { changes, review, .. } => {
                let text = changes.apply(&self.notes[&id].text).unwrap();
                self.set_text(&id, text);
                self.reviews += usize::from(*review);
            }
            Action::Unite { changes, .. } => {
                let text = changes.apply(&self.notes[&id].text).unwrap();
                self.set_text(&id, text);
            }
            Action::Write { path, text, expected, .. } => {
                let as_expected = match expected {
                    Some(expected) => holds(&self.files, path, expected),
                    None => !self.files.contains_key(path),
                };
                if !as_expected {
                    return false;
                }
                let now = self.notes[&id].clone();
                self.memory.record(action, &id, &now);
                if !crash {
                    self.writes += 1;
                    self.files.insert(path.clone(), FileText::encode(&text.text, text.form));
                    self.memory.written(&id);
                }
                return true;
            }
            Action::Rename { from, to, .. } => {
                if self.files.contains_key(to) {
                    return false;
                }
                let Some(bytes) = self.files.remove(from) else { return false };
                self.files.insert(to.clone(), bytes);
            }
            Action::Place { folders, is_trashed, .. } => {
                let now = self.notes.get_mut(&id).unwrap();
                now.is_trashed = *is_trashed;
                if !is_trashed {
                    now.folders.clone_from(folders);
                }
            }
            Action::Return { path, folders, .. } => {
                let now = self.notes.get_mut(&id).unwrap();
                now.is_trashed = path.is_trash();
                now.folders.clone_from(folders);
            }
            Action::Trash { .. } => self.notes.get_mut(&id).unwrap().is_trashed = true,
            Action::Join { .. } => panic!("no two notes are of one file here"),
            Action::Create { .. }
            | Action::Adopt { .. }
            | Action::Anchor { .. }
            | Action::Forget { .. } => {}
        }
        if !crash {
            let now = self.notes[&id].clone();
            self.memory.record(action, &id, &now);
            if let Action::Return { ours: Some((ours, expected)), .. } = action
                && holds(&self.files, ours, expected)
            {
                self.files.remove(ours);
            }
        }
        true
    }

    /// Plans and acts until there is nothing to do.
    fn settle(&mut self) {
        for _ in 0..12 {
            let plan = self.plan();
            assert_eq!(plan.too_many_gone, None);
            if plan.actions.is_empty() {
                return self.check();
            }
            for action in &plan.actions {
                self.perform(action, false);
            }
        }
        panic!("it does not come to rest: {:#?}", self.plan());
    }

    /// When all is quiet, every note has one file that says the same.
    fn check(&self) {
        let mut seen = BTreeSet::new();
        for (id, now) in &self.notes {
            let remembered = &self.memory.notes[id];
            if remembered.is_deleted {
                assert!(now.is_trashed);
                continue;
            }
            let file = FileText::decode(&self.files[&remembered.path]).unwrap();
            assert_eq!(file.text, now.text);
            assert_eq!(remembered.path.is_trash(), now.is_trashed);
            assert!(seen.insert(&remembered.path), "two notes share a file");
        }
        assert_eq!(seen.len(), self.files.len(), "every file is a note's");
    }
}

#[test]
fn a_new_note_becomes_a_file_and_a_new_file_a_note() {
    let mut world = World::default();
    world.add("a", note("# Trip\n", "Trip", &["Work"]));
    world.add("b", note("# Trip\nagain", "trip", &["Work"]));
    world.save("Idea.md", "words");
    world.settle();
    assert_eq!(world.file("Work/Trip.md"), "# Trip\n");
    assert_eq!(world.file("Work/trip 2.md"), "# Trip\nagain");
    assert_eq!(world.notes[&NoteId("new 1".into())].text, "words");
    assert_eq!(world.writes, 2, "a file that became a note is not written");
}

#[test]
fn edits_go_both_ways_and_meet() {
    let mut world = World::default();
    let id = world.add("a", note("milk\nbread\n", "List", &[]));
    world.settle();
    world.set_text(&id, "oat milk\nbread\n".into());
    world.save("List.md", "milk\nbread\neggs\n");
    world.settle();
    assert_eq!(world.file("List.md"), "oat milk\nbread\neggs\n");
    assert_eq!((world.writes, world.reviews), (2, 0));
}

#[test]
fn a_stale_buffer_is_kept_and_marked() {
    let mut world = World::default();
    let id = world.add("a", note("one\ntwo\n", "List", &[]));
    world.settle();
    world.set_text(&id, "one\ntwo\nthree, by Ben\n".into());
    world.settle();
    world.save("List.md", "one\ntwo, by Vim\n");
    world.settle();
    assert_eq!(world.file("List.md"), "one\ntwo, by Vim\nthree, by Ben\n");
    assert_eq!(world.reviews, 1);
}

#[test]
fn line_endings_and_the_mark_are_kept() {
    let mut world = World::default();
    world.save("a.md", "\u{feff}one\r\ntwo\r\n");
    world.settle();
    let id = NoteId("new 1".into());
    assert_eq!(world.notes[&id].text, "one\ntwo\n");
    world.set_text(&id, "one\ntwo\nthree\n".into());
    world.settle();
    assert_eq!(world.file("a.md"), "\u{feff}one\r\ntwo\r\nthree\r\n");
    world.save("a.md", "one\ntwo\nthree\n");
    world.settle();
    assert_eq!(world.file("a.md"), "one\ntwo\nthree\n");
}

#[test]
fn moving_a_file_moves_the_note_and_the_other_way_round() {
    let mut world = World::default();
    let id = world.add("a", note("words", "Trip", &["Work"]));
    world.settle();
    let bytes = world.files.remove(&path("Work/Trip.md")).unwrap();
    world.files.insert(path("Home/My trip.md"), bytes);
    world.settle();
    assert_eq!(world.notes[&id].folders, ["Home"]);
    assert_eq!(world.notes.len(), 1);
    // The person's name for the file stays when the title changes.
    world.notes.get_mut(&id).unwrap().title = "Journey".into();
    world.settle();
    assert_eq!(world.file("Home/My trip.md"), "words");
    world.notes.get_mut(&id).unwrap().folders = vec!["Work".into()];
    world.settle();
    assert_eq!(world.file("Work/Journey.md"), "words");
    world.notes.get_mut(&id).unwrap().title = "A: b?".into();
    world.settle();
    assert_eq!(world.file("Work/A- b-.md"), "words");
}

#[test]
fn a_file_that_was_moved_and_then_edited_is_still_its_notes() {
    let mut world = World::default();
    let trip = world.add("trip", note("# Trip\npack\n", "Trip", &[]));
    world.settle();
    world.files.remove(&path("Trip.md"));
    world.save("Work/Trip.md", "# Trip\npack, and go\n");
    world.settle();
    assert_eq!(world.notes[&trip].text, "# Trip\npack, and go\n");
    assert_eq!(
        (world.notes[&trip].folders.as_slice(), world.notes.len()),
        (&["Work".to_owned()][..], 1)
    );
    // Another text under the same name is another note.
    world.files.remove(&path("Work/Trip.md"));
    world.save("Trip.md", "Something else.\n");
    world.settle();
    assert!(world.notes[&trip].is_trashed);
}

#[test]
fn a_copied_file_is_a_new_note() {
    let mut world = World::default();
    world.add("a", note("words", "Trip", &[]));
    world.settle();
    world.save("Copy.md", "words");
    world.settle();
    assert_eq!(world.notes.len(), 2);
}

#[test]
fn deleting_a_file_trashes_its_note_and_putting_it_back_restores_it() {
    let mut world = World::default();
    let id = world.add("a", note("words", "Trip", &["Work"]));
    world.settle();
    let bytes = world.files.remove(&path("Work/Trip.md")).unwrap();
    world.settle();
    assert!(world.notes[&id].is_trashed);
    assert_eq!(world.file(".trash/Trip.md"), "words");
    world.files.remove(&path(".trash/Trip.md"));
    world.files.insert(path("Work/Trip.md"), bytes);
    world.settle();
    assert!(!world.notes[&id].is_trashed);
    assert_eq!(world.notes.len(), 1);

    world.notes.get_mut(&id).unwrap().is_trashed = true;
    world.settle();
    assert_eq!(world.file(".trash/Trip.md"), "words");
    world.files.clear();
    world.settle();
    assert!(world.files.is_empty() && world.notes[&id].text == "words", "a note is never erased");
    world.notes.get_mut(&id).unwrap().is_trashed = false;
    world.settle();
    assert_eq!(world.file("Work/Trip.md"), "words");
}

#[test]
fn many_files_that_go_at_once_are_no_order_to_delete() {
    let mut world = World::default();
    for number in 0..30 {
        world.add(
            &format!("{number:02}"),
            note(&format!("text {number}"), &format!("N{number}"), &[]),
        );
    }
    world.settle();
    world.files.clear();
    let plan = world.plan();
    assert_eq!((plan.too_many_gone, plan.actions.len()), (Some(30), 0));
    let options = PlanOptions { deletions_confirmed: true, ..PlanOptions::default() };
    assert_eq!(world.plan_with(options).actions.len(), 30);
}

#[test]
fn what_is_no_text_is_left_alone() {
    let mut world = World::default();
    world.files.insert(path("a.md"), vec![0xff, 0xfe]);
    let plan = world.plan();
    assert!(plan.actions.is_empty());
    assert_eq!(plan.left_alone[&path("a.md")], LeftAlone::NotUtf8);
}

#[test]
fn ids_bring_notes_and_files_together_without_memory() {
    let mut world = World::default();
    world.add("a", note("one\ntwo\n", "Trip", &[]));
    world.save("Elsewhere.md", "one\nthree\n");
    let mut disk = world.disk();
    disk.ids.insert(path("Elsewhere.md"), NoteId("a".into()));
    let notes = Notes { now: &world.notes, departed: &world.departed };
    let plan = plan(&disk, notes, &world.memory, &Said::NOTHING, PlanOptions::default());
    assert!(matches!(&plan.actions[..], [Action::Edit { review: true, .. }, Action::Adopt { .. }]));
}

#[test]
fn a_note_that_others_took_out_of_the_folder_leaves_its_file_in_the_trash() {
    let mut world = World::default();
    let id = world.add("a", note("words", "Trip", &["Work"]));
    world.settle();
    let now = world.notes.remove(&id).unwrap();
    assert!(world.plan().actions.is_empty(), "it may only not have been read yet");
    world.departed.insert(id.clone());
    let plan = world.plan();
    let [Action::Rename { from, to, .. }] = &plan.actions[..] else { panic!("{plan:?}") };
    assert_eq!((from.as_str(), to.as_str()), ("Work/Trip.md", ".trash/Trip.md"));
    let bytes = world.files.remove(from).unwrap();
    world.files.insert(to.clone(), bytes);
    let gone = NoteNow::departed(&world.memory.notes[&id]);
    world.memory.record(&plan.actions[0], &id, &gone);
    assert!(world.plan().actions.is_empty());
    // It comes back.
    world.departed.clear();
    world.notes.insert(id, now);
    world.settle();
    assert_eq!(world.file("Work/Trip.md"), "words");
}

/// A random run: programs save, peers write, things move, the process ends in the middle.
struct Run {
    world: World,
    rng: ChaCha8Rng,
    next_char: u32,
    /// Texts that editors hold open, by path.
    buffers: Vec<(FilePath, String)>,
    /// Everything that was saved to a file and looked at.
    saved: BTreeSet<char>,
    edits: usize,
}

impl Run {
    fn fresh(&mut self) -> String {
        let count = self.rng.random_range(1..4);
        let from = self.next_char;
        self.next_char += count;
        (from..self.next_char).map(|number| char::from_u32(0x4e00 + number).unwrap()).collect()
    }

    fn edit(&mut self, text: &str) -> String {
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        let at = self.rng.random_range(0..=lines.len());
        if at < lines.len() && self.rng.random_bool(0.3) {
            lines.remove(at);
        } else if at < lines.len() && self.rng.random_bool(0.3) {
            lines[at] = self.fresh() + &lines[at];
        } else {
            lines.insert(at, self.fresh() + "\n");
        }
        self.edits += 1;
        lines.concat()
    }

    fn add_a_line(&mut self, text: &str) -> String {
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        let at = self.rng.random_range(0..=lines.len());
        let line = self.fresh() + "\n";
        lines.insert(at, &line);
        self.edits += 1;
        lines.concat()
    }

    fn some_file(&mut self) -> Option<FilePath> {
        self.world.files.keys().choose(&mut self.rng).cloned()
    }

    fn text_of(&self, path: &FilePath) -> String {
        FileText::decode(&self.world.files[path]).unwrap().text
    }

    fn step(&mut self) {
        match self.rng.random_range(0..100) {
            0..20 => self.peer_writes(),
            20..35 => self.program_edits(),
            35..45 => self.editor_opens(),
            45..58 => self.editor_saves_its_buffer(),
            58..63 => self.torn_save(),
            63..68 => self.things_move(),
            68..72 => self.things_go(),
            72..90 => self.acts(false),
            _ => self.acts(true),
        }
    }

    fn peer_writes(&mut self) {
        if let Some(id) = self.world.notes.keys().choose(&mut self.rng).cloned() {
            let text = self.world.notes[&id].text.clone();
            let text = self.edit(&text);
            self.world.set_text(&id, text);
        }
    }

    fn program_edits(&mut self) {
        if let Some(path) = self.some_file() {
            let text = self.text_of(&path);
            let text = self.edit(&text);
            self.world.files.insert(path, text.into_bytes());
        }
    }

    fn editor_opens(&mut self) {
        if let Some(path) = self.some_file() {
            self.buffers.push((path.clone(), self.text_of(&path)));
        }
    }

    /// What peers wrote since the buffer was read must survive the save.
    fn editor_saves_its_buffer(&mut self) {
        if self.buffers.is_empty() {
            return;
        }
        let at = self.rng.random_range(0..self.buffers.len());
        let (path, buffer) = self.buffers.swap_remove(at);
        // An editor that writes where nothing is any more makes a new file; that is another story.
        if !self.world.files.contains_key(&path) {
            return;
        }
        // What the file held is taken in before; then only the buffer is old.
        self.world.settle();
        let has_rested = self.rng.random_bool(0.5);
        self.world.memory.notes.values_mut().for_each(|it| it.has_rested = has_rested);
        let Some((id, remembered)) =
            self.world.memory.notes.iter().find(|(_, it)| it.path == path && !it.is_deleted)
        else {
            return;
        };
        let id = id.clone();
        // What peers wrote after the buffer was read came into the file from here.
        let mut later = remembered.texts.iter().skip_while(|held| held.text != buffer).skip(1);
        let is_known = later.any(|held| !held.by_others);
        let before = self.world.notes[&id].text.clone();
        // A buffer with a large deletion may be nearer to another text than to the one it was.
        let saved = self.add_a_line(&buffer);
        self.world.files.insert(path, saved.clone().into_bytes());
        self.world.settle();
        let after = &self.world.notes[&id].text;
        if is_known {
            for char in before.chars().filter(|char| *char != '\n' && !buffer.contains(*char)) {
                assert!(after.contains(char), "a stale save erased {char:?}");
            }
            let typed = saved.chars().filter(|char| *char != '\n' && !buffer.contains(*char));
            for char in typed {
                assert!(after.contains(char), "a save was not taken in: {char:?}");
            }
        }
    }

    fn torn_save(&mut self) {
        let Some(path) = self.some_file() else { return };
        self.world.settle();
        if !self.world.files.contains_key(&path) {
            return;
        }
        let text = self.text_of(&path);
        let text = self.edit(&text);
        // Going back to an old text is another story.
        if self.world.memory.notes.values().any(|it| it.texts.iter().any(|it| it.text == text)) {
            return;
        }
        let cut = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).choose(&mut self.rng);
        let piece = &text[..cut.unwrap_or(0)];
        self.world.files.insert(path.clone(), piece.as_bytes().to_vec());
        self.world.settle();
        if self.world.files.contains_key(&path) && self.text_of(&path) == piece {
            self.world.files.insert(path.clone(), text.clone().into_bytes());
            self.world.settle();
            assert_eq!(self.text_of(&path), text, "the rest of a torn save was lost");
        }
    }

    fn things_move(&mut self) {
        let folders = ["", "Work/", "Home/", ".trash/"];
        if self.rng.random_bool(0.5) {
            let Some(path) = self.some_file() else { return };
            let folder = folders[self.rng.random_range(0..folders.len())];
            let to = FilePath::new(&format!("{folder}{}.md", self.fresh())).unwrap();
            if let Some(bytes) = self.world.files.remove(&path) {
                self.world.files.insert(to, bytes);
            }
        } else if let Some(now) = self.world.notes.values_mut().choose(&mut self.rng) {
            match self.rng.random_range(0..3) {
                0 => now.folders = vec!["Work".into()],
                1 => now.is_trashed = !now.is_trashed,
                _ => now.title = format!("Title {}", self.next_char),
            }
        }
    }

    fn things_go(&mut self) {
        if self.rng.random_bool(0.5) {
            if let Some(path) = self.some_file() {
                self.world.files.remove(&path);
            }
        } else {
            let name = self.fresh();
            let text = self.fresh() + "\n";
            self.world.files.insert(FilePath::new(&format!("{name}.md")).unwrap(), text.into());
        }
    }

    /// Plans, and carries out a part of the plan; the rest is planned anew.
    fn acts(&mut self, crash: bool) {
        let plan = self.world.plan();
        for file in self.world.disk().files.values().flatten() {
            self.saved.extend(file.text.chars().filter(|char| *char != '\n'));
        }
        let count = self.rng.random_range(0..=plan.actions.len());
        let mut done = 0;
        for action in &plan.actions[..count] {
            done += 1;
            let last = done == count;
            self.world.perform(action, crash && last);
        }
        if count < plan.actions.len() {
            // What was not looked at to the end may still be overwritten by its own program.
            self.saved.clear();
        }
    }
}

#[test]
fn files_and_notes_agree_whatever_happens() {
    for seed in fresh_seeds(150) {
        let mut run = Run {
            world: World::default(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            next_char: 0,
            buffers: Vec::new(),
            saved: BTreeSet::new(),
            edits: 0,
        };
        for number in 0..3 {
            let text = run.fresh() + "\n" + &run.fresh() + "\n";
            run.world.add(&format!("note {number}"), note(&text, &format!("N{number}"), &[]));
        }
        for _ in 0..60 {
            run.step();
        }
        run.world.settle();
        let all: String = run.world.history.values().flatten().map(String::as_str).collect();
        let all: BTreeSet<char> = all.chars().collect();
        for char in &run.saved {
            assert!(all.contains(char), "{char:?} is in no note and no history");
        }
        let bound = 10 + 3 * run.edits + run.next_char as usize;
        assert!(run.world.writes <= bound, "{} writes for {} edits", run.world.writes, run.edits);
    }
}
