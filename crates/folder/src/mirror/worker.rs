//! Carries plans out: rounds of looking, planning and acting until files and notes agree.
//!
//! A round costs what changed. Only what may concern other files, too, is planned with all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rejoin_repo::{DocumentHandle, SaveError};
use rejoin_storage::StoreError;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::directory_watch::{DirectoryWatch, Scan};
use super::due::RESTLESS;
use super::looking_back::LookingBack;
use super::pace::Pace;
use super::patience::{Newcomer, Patience};
use super::rest::Rest;
use super::{MirrorStatus, Paused};
use crate::disk::{Changed, Folder, FolderError, Scanned};
use crate::file_path::FilePath;
use crate::file_text::{FileText, LeftAlone};
use crate::memory::{Memory, NoteId, ReviewMark};
use crate::memory_store::MemoryStore;
use crate::notebook::{Notebook, NotebookError, Refreshed};
use crate::planner::{Action, NoteNow, Notes, Plan, PlanOptions, plan, plan_some};

/// How often is looked whether files came to rest that were written a moment ago.
const TICK: Duration = Duration::from_millis(40);
/// A folder that cannot be used now is tried again after this.
const RETRY: Duration = Duration::from_secs(5);
/// Plans that follow one another at once; what is left then waits for the next occasion.
const ROUNDS: usize = 12;
/// How long files that went count together.
const MINUTE: Duration = Duration::from_secs(60);

/// Does the work of a mirror, on a thread where nothing else waits.
pub(super) struct Worker {
    pub(super) folder: Folder,
    pub(super) notebook: Notebook,
    memory: Memory,
    store: MemoryStore,
    status: watch::Sender<MirrorStatus>,
    files: watch::Sender<BTreeMap<NoteId, FilePath>>,
    reviews: BTreeMap<NoteId, ReviewMark>,
    left_alone: BTreeMap<String, LeftAlone>,
    /// Notes that somebody took out of the folder, at the last whole plan.
    departed: BTreeSet<NoteId>,
    /// When notes were trashed because their file went.
    gone: Vec<Instant>,
    pub(super) deletions_confirmed: bool,
    /// Notes of which something was recorded that is not on disk yet.
    unsaved: BTreeSet<NoteId>,
    /// Documents that must be on the disk before that.
    awaited: Vec<DocumentHandle>,
    /// Files that became notes, whose ids are not beside them yet.
    new_files: Vec<NoteId>,
    /// Since when files are met that were written a moment ago.
    restless_since: Option<Instant>,
    /// What of the directory may have changed since it was last scanned.
    pub(super) scan_due: Scan,
    /// Which notes and files may no longer agree.
    plan_due: Scope,
    patience: Patience,
    pace: Pace,
    rest: Rest,
    /// Files that were replaced, into which a program may write on.
    replaced: LookingBack,
    /// The folder was not mirrored before, and has not been in step yet.
    is_beginning: bool,
    /// What the watcher cannot do.
    pub(super) watch_trouble: Option<String>,
    /// The mirror is to end; what is left undone is found again at the next start.
    ending: Arc<AtomicBool>,
}

/// What a plan is about.
enum Scope {
    All,
    Notes(BTreeSet<NoteId>),
}

impl Scope {
    fn add(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Notes(notes), Self::Notes(others)) => notes.extend(others),
            (_, Self::All) => *self = Self::All,
            (Self::All, _) => {}
        }
    }
}

/// Why a round of work ended early.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Notebook(#[from] NotebookError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    NotSaved(#[from] SaveError),
}

impl RoundError {
    /// Whether others can go on: it is one note or file that makes trouble, not the folder or the disk.
    fn is_of_one(&self) -> bool {
        match self {
            Self::Folder(error) => {
                matches!(error, FolderError::Io { .. } | FolderError::InTheWay(_))
            }
            Self::Notebook(_) => true,
            Self::Store(_) | Self::NotSaved(_) => false,
        }
    }
}

/// How the rounds of one look ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// There is nothing more to do.
    Done,
    /// Something was done, so there may be more.
    Acted,
    /// Files are being written; soon they are not.
    Restless,
    /// Nothing can be done at present.
    Paused,
}

/// Where a worker tells how it is doing.
pub(super) struct Told {
    pub(super) status: watch::Sender<MirrorStatus>,
    pub(super) files: watch::Sender<BTreeMap<NoteId, FilePath>>,
}

impl Worker {
    pub(super) fn new(
        folder: Folder,
        notebook: Notebook,
        (memory, store): (Memory, MemoryStore),
        told: Told,
        ending: Arc<AtomicBool>,
    ) -> Self {
        let mut worker = Self {
            folder,
            notebook,
            memory: Memory::default(),
            store,
            status: told.status,
            files: told.files,
            reviews: BTreeMap::new(),
            left_alone: BTreeMap::new(),
            departed: BTreeSet::new(),
            gone: Vec::new(),
            deletions_confirmed: false,
            unsaved: BTreeSet::new(),
            awaited: Vec::new(),
            new_files: Vec::new(),
            restless_since: None,
            scan_due: Scan::All,
            plan_due: Scope::All,
            patience: Patience::default(),
            pace: Pace::default(),
            rest: Rest::default(),
            replaced: LookingBack::default(),
            is_beginning: memory.notes.is_empty(),
            watch_trouble: None,
            ending,
        };
        let notes: Vec<NoteId> = memory.notes.keys().cloned().collect();
        worker.memory = memory;
        worker.replaced = LookingBack::at_the_start(&worker.folder);
        notes.iter().for_each(|note| worker.show(note));
        worker
    }

    /// Plans and acts until files and notes agree; says when to try again what cannot be done now.
    pub(super) fn work(&mut self, watch: &mut DirectoryWatch) -> Option<Instant> {
        let was_away = self.status.borrow().paused == Some(Paused::Vanished);
        if was_away && self.folder.check_marker().is_ok() {
            // What lies there now may be another directory of the same name.
            let claimed = self.folder.reclaim().map_err(|error| error.to_string());
            let watched = claimed.and_then(|()| watch.renew().map_err(|error| error.to_string()));
            self.watch_trouble = watched.err();
        }
        let mut next = MirrorStatus { problem: self.watch_trouble.clone(), ..Default::default() };
        let mut ended = Round::Paused;
        for _ in 0..ROUNDS {
            match self.round(&mut next) {
                Ok(Round::Acted) => ended = Round::Paused,
                Ok(round) => {
                    ended = round;
                    break;
                }
                Err(RoundError::Folder(FolderError::Vanished(_))) => {
                    next.paused = Some(Paused::Vanished);
                    break;
                }
                // Somebody was faster; the next plan knows.
                Err(RoundError::Notebook(NotebookError::Changed)) => {}
                Err(error) => {
                    tracing::warn!(%error, "mirroring");
                    next.problem = Some(error.to_string());
                    break;
                }
            }
        }
        let now = Instant::now();
        let retry = match ended {
            Round::Restless => Some(now + TICK),
            Round::Done => self.patience.until(),
            Round::Acted | Round::Paused => Some(now + RETRY),
        };
        if ended != Round::Restless && retry.is_some() {
            self.scan_due = Scan::All;
            self.plan_due = Scope::All;
        }
        let again = [retry, self.pace.until()].into_iter().flatten().min();
        // What is only written a moment later is no work to be told of each time.
        let was_in_step = self.status.borrow().is_in_step;
        next.is_in_step = retry.is_none() && (again.is_none() || was_in_step);
        self.is_beginning &= !next.is_in_step;
        self.tell(next);
        again
    }

    fn tell(&self, mut next: MirrorStatus) {
        next.left_alone = self.left_alone.clone();
        next.to_review = self.reviews.clone();
        next.notes = self.files.borrow().len();
        self.status.send_if_modified(|status| {
            let is_new = *status != next;
            *status = next;
            is_new
        });
    }

    /// One plan, carried out.
    fn round(&mut self, status: &mut MirrorStatus) -> Result<Round, RoundError> {
        if self.ending.load(Ordering::Relaxed) {
            return Ok(Round::Done);
        }
        self.pace.begin();
        // Whatever ends this early has to be looked at as a whole.
        let scan = std::mem::replace(&mut self.scan_due, Scan::All);
        let mut scope = std::mem::replace(&mut self.plan_due, Scope::All);
        let scanned = match &scan {
            Scan::All => self.folder.scan()?,
            Scan::Paths(paths) => self.folder.scan_paths(paths)?,
        };
        scope.add(self.notes_of(scanned));
        if self.folder.is_at_rest() {
            self.restless_since = None;
        } else {
            let since = *self.restless_since.get_or_insert_with(Instant::now);
            if since.elapsed() < RESTLESS {
                (self.scan_due, self.plan_due) = (scan, scope);
                return Ok(Round::Restless);
            }
        }
        match self.notebook.refresh() {
            None => {
                status.paused = Some(Paused::Waiting);
                return Ok(Round::Paused);
            }
            Some(Refreshed::All) => scope = Scope::All,
            Some(Refreshed::Notes(notes)) => scope.add(Scope::Notes(notes)),
        }
        let (mut plan, is_whole) = self.plan(&scope);
        if let Some(count) = plan.too_many_gone {
            status.paused = Some(Paused::ManyGone(count));
            return Ok(Round::Paused);
        }
        if self.read_new_ids(&plan) {
            (self.scan_due, self.plan_due) = (Scan::Paths(BTreeSet::new()), Scope::All);
            return Ok(Round::Acted);
        }
        // What is planned for some notes alone knows nothing of what waits for others.
        if is_whole {
            self.hold_back(&mut plan);
        }
        let waiting = self.pace.hold_back(&mut plan.actions, Instant::now());
        (self.scan_due, self.plan_due) = self.due_after(&plan);
        self.plan_due.add(Scope::Notes(waiting));
        let is_done = plan.actions.is_empty();
        self.deletions_confirmed &= !is_done;
        let performed = self.perform_all(&plan.actions, status);
        // What was done counts, also when the rest failed.
        self.notebook.list_new()?;
        let found = match performed {
            Ok(_) => self.take_what_came_late(),
            Err(_) => Ok(false),
        };
        if performed.is_err() || status.problem.is_some() || !matches!(found, Ok(false)) {
            (self.scan_due, self.plan_due) = (Scan::All, Scope::All);
        }
        let is_stuck = performed? == 0 && !is_done;
        Ok(match found? {
            true => Round::Acted,
            false if is_stuck => Round::Paused,
            false if is_done => Round::Done,
            false => Round::Acted,
        })
    }

    /// Carries actions out. What cannot be done to one note or file now keeps no other waiting; gives
    /// how many were done.
    fn perform_all(
        &mut self,
        actions: &[Action],
        status: &mut MirrorStatus,
    ) -> Result<usize, RoundError> {
        let (mut done, mut failed) = (0, BTreeSet::new());
        for action in actions {
            if self.ending.load(Ordering::Relaxed) {
                break;
            }
            let note = action.note();
            if note.is_some_and(|note| failed.contains(note)) {
                continue;
            }
            match self.perform(action) {
                Ok(()) => done += 1,
                Err(error) if error.is_of_one() => {
                    failed.extend(note.cloned());
                    // Somebody was faster, of which the next plan knows.
                    if matches!(error, RoundError::Notebook(NotebookError::Changed)) {
                        done += 1;
                    } else {
                        tracing::warn!(%error, "mirroring");
                        status.problem = Some(error.to_string());
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// Takes in what programs wrote into files when those had been replaced; `true` when there was some.
    fn take_what_came_late(&mut self) -> Result<bool, RoundError> {
        let mut found = false;
        for late in self.replaced.written_late(&self.memory) {
            let Some(now) = self.notebook.notes().get(&late.note).cloned() else { continue };
            let changes = late.edit(&now, &self.notebook);
            let mut version = now.version.clone();
            if !changes.is_identity() {
                version = self.notebook.edit(&late.note, &now.text, &changes, None)?.version;
                found = true;
                let mark = self.notebook.mark(&late.note, &changes);
                if let Some(remembered) = self.memory.notes.get_mut(&late.note) {
                    remembered.review = mark;
                    self.unsaved.insert(late.note.clone());
                }
                self.show(&late.note);
            }
            self.replaced.taken(late, version);
        }
        Ok(found)
    }

    /// When to look at files again that were replaced.
    pub(super) fn look_back_at(&self) -> Option<Instant> {
        self.replaced.next()
    }

    /// Whether something was written into files when those had been replaced.
    pub(super) fn looks_back(&mut self) -> bool {
        self.replaced.look(Instant::now())
    }

    /// The notes whose files were read again; all, when a file is nobody's.
    fn notes_of(&self, scanned: Scanned) -> Scope {
        let Scanned::Files(files) = scanned else { return Scope::All };
        if files.is_empty() {
            return Scope::Notes(BTreeSet::new());
        }
        let held = self.memory.notes.iter().filter(|(_, it)| files.contains(&it.path));
        let notes: BTreeSet<NoteId> = held.map(|(note, _)| note.clone()).collect();
        if notes.len() == files.len() { Scope::Notes(notes) } else { Scope::All }
    }

    /// A plan, and whether it is one for everything.
    fn plan(&mut self, scope: &Scope) -> (Plan, bool) {
        self.rest.tell(&mut self.memory, Instant::now());
        let (disk, now) = (self.folder.disk(), self.notebook.notes());
        if let Scope::Notes(some) = scope
            && let Some(actions) = plan_some(disk, now, &self.memory, &self.notebook, some)
        {
            return (Plan { actions, ..Plan::default() }, false);
        }
        let remembered = self.memory.notes.keys();
        self.departed = remembered.filter(|note| !self.notebook.lists(note)).cloned().collect();
        // While the question is open, none of the files that went is forgotten.
        let is_asking = matches!(self.status.borrow().paused, Some(Paused::ManyGone(_)));
        self.gone.retain(|at| is_asking || at.elapsed() < MINUTE);
        let options = PlanOptions {
            gone_lately: self.gone.len(),
            deletions_confirmed: self.deletions_confirmed,
        };
        let notes = Notes { now, departed: &self.departed };
        let mut plan = plan(disk, notes, &self.memory, &self.notebook, options);
        let files = std::mem::take(&mut plan.left_alone).into_iter();
        let others = self.folder.not_looked_at().map(|(path, why)| (path.clone(), why));
        self.left_alone = files.map(|(path, why)| (path.to_string(), why)).chain(others).collect();
        (plan, true)
    }

    /// What a plan that is carried out leaves to be read and compared again.
    fn due_after(&self, plan: &Plan) -> (Scan, Scope) {
        let (mut paths, mut notes) = (BTreeSet::new(), BTreeSet::new());
        for action in &plan.actions {
            match action {
                Action::Anchor { .. } => {}
                Action::Edit { note, .. } | Action::Unite { note, .. } => {
                    notes.insert(note.clone());
                }
                Action::Write { note, path, expected: Some(_), .. } => {
                    paths.insert(self.folder.root().join(path.as_str()));
                    notes.insert(note.clone());
                }
                _ => return (Scan::All, Scope::All),
            }
        }
        (Scan::Paths(paths), Scope::Notes(notes))
    }

    /// Reads the ids that came with new files; `true` when there are some that were not known.
    fn read_new_ids(&mut self, plan: &Plan) -> bool {
        let mut found = false;
        for action in &plan.actions {
            if let Action::Create { path, .. } = action {
                found |= self.folder.read_id(path);
            }
        }
        found
    }

    /// Takes out of a plan what it is too early for.
    fn hold_back(&mut self, plan: &mut Plan) {
        let (ids, notebook, is_beginning) =
            (&self.folder.disk().ids, &self.notebook, self.is_beginning);
        let newcomer = |path: &FilePath| match ids.get(path) {
            Some(note) if notebook.notes().contains_key(note) => Newcomer::Nobodys,
            Some(note) if notebook.lists(note) => Newcomer::Listed,
            None if is_beginning && notebook.is_arriving() => Newcomer::WhileArriving,
            // Of another notes folder, most likely: the directory is a copy.
            _ if is_beginning => Newcomer::AtTheBeginning,
            Some(_) => Newcomer::Unlisted,
            None => Newcomer::Nobodys,
        };
        self.patience.hold_back(plan, self.deletions_confirmed, newcomer);
    }

    fn perform(&mut self, action: &Action) -> Result<(), RoundError> {
        match action {
            Action::Edit { note, .. } => self.edit(action, note),
            Action::Unite { note, changes, .. } => {
                let now = self.now(note)?;
                self.notebook.edit(note, &now.text, changes, None)?;
                self.record(action, note, &now);
                Ok(())
            }
            Action::Anchor { note, .. } => {
                self.record(action, note, &self.now(note)?);
                Ok(())
            }
            Action::Write { note, path, text, expected } => {
                // Remembered first: whenever the process ends, the file holds a remembered text, and
                // one that the note has.
                self.notebook.rely_on(note);
                let before = self.memory.notes.get(note).cloned();
                self.record(action, note, &self.now(note)?);
                self.save_now()?;
                let (changed, replaced) = self.folder.write(path, note, text, expected.as_ref())?;
                let held = before.as_ref().zip(expected.as_ref());
                let held = held.and_then(|(before, expected)| before.held(&expected.text));
                if let (Some(replaced), Some(held)) = (replaced, held) {
                    self.replaced.keep(note, replaced, held);
                }
                if expected.is_none() {
                    match (changed, before) {
                        (Changed::Done, _) => self.memory.written(note),
                        // What is there now is another file.
                        (_, Some(before)) => drop(self.memory.notes.insert(note.clone(), before)),
                        (_, None) => drop(self.memory.notes.remove(note)),
                    }
                    self.unsaved.insert(note.clone());
                    self.show(note);
                }
                if changed == Changed::Done {
                    self.pace.wrote(note, Instant::now());
                    self.folder.write_id(path, note)?;
                }
                Ok(())
            }
            Action::Rename { note, from, to } => {
                if self.folder.rename(from, to)? == Changed::Done {
                    self.folder.write_id(to, note)?;
                    self.record(action, note, &self.now(note)?);
                }
                Ok(())
            }
            Action::Create { path, read } => self.create(action, path, read),
            Action::Adopt { note, path, .. } => {
                self.folder.write_id(path, note)?;
                self.record(action, note, &self.now(note)?);
                Ok(())
            }
            Action::Join { note, mine, changes, .. } => {
                let mut now = self.now(note)?;
                now.version = self.notebook.edit(note, &now.text, changes, None)?.version;
                self.notebook.place(mine, &[], true)?;
                self.record(action, note, &now);
                // Nothing is known of the file of the other one any more.
                self.unsaved.insert(mine.clone());
                self.show(mine);
                self.new_files.push(note.clone());
                Ok(())
            }
            Action::Place { note, path, folders, is_trashed } => {
                let folders = if *is_trashed { &[][..] } else { folders };
                self.place(action, note, path, folders)
            }
            Action::Return { note, path, folders, ours } => {
                // First the person's file is known to be the note's: our own is no other one's then.
                self.place(action, note, path, folders)?;
                if let Some((ours, expected)) = ours {
                    self.folder.take_away(ours, note, expected)?;
                }
                Ok(())
            }
            Action::Trash { note } | Action::Forget { note } => {
                if matches!(action, Action::Trash { .. }) {
                    self.notebook.place(note, &[], true)?;
                    self.gone.push(Instant::now());
                }
                if let Some(remembered) = self.memory.notes.get(note) {
                    self.folder.forget_id(&remembered.path);
                }
                self.record(action, note, &self.now(note)?);
                Ok(())
            }
        }
    }

    fn edit(&mut self, action: &Action, note: &NoteId) -> Result<(), RoundError> {
        let Action::Edit { changes, review, made, .. } = action else { return Ok(()) };
        let mut now = self.now(note)?;
        let edited = self.notebook.edit(note, &now.text, changes, made.as_ref())?;
        now.version = edited.version;
        self.record(action, note, &now);
        if *review && !edited.changes.is_identity() {
            let mark = self.notebook.mark(note, &edited.changes);
            if let Some(remembered) = self.memory.notes.get_mut(note) {
                remembered.review = mark;
                self.show(note);
            }
        }
        Ok(())
    }

    fn create(
        &mut self,
        action: &Action,
        path: &FilePath,
        read: &FileText,
    ) -> Result<(), RoundError> {
        let (folders, is_trashed) = place_of(path);
        let note = self.notebook.create(&read.text, path.stem(), &folders, is_trashed)?;
        let title = rejoin_notes::title::title(&read.text);
        let title = title.unwrap_or_else(|| path.stem().to_owned());
        let version = self.notebook.version(&note);
        let text = read.text.clone();
        let now = NoteNow { text, title, folders, is_trashed, version };
        self.new_files.push(note.clone());
        self.record(action, &note, &now);
        Ok(())
    }

    /// Puts a note where its file was moved to.
    fn place(
        &mut self,
        action: &Action,
        note: &NoteId,
        path: &FilePath,
        folders: &[String],
    ) -> Result<(), RoundError> {
        let is_trashed = path.is_trash();
        self.notebook.place(note, folders, is_trashed)?;
        let old = self.memory.notes.get(note).map(|remembered| remembered.path.clone());
        if let Some(old) = old.filter(|old| old != path) {
            self.folder.forget_id(&old);
        }
        self.folder.write_id(path, note)?;
        let placed = NoteNow { folders: folders.to_vec(), is_trashed, ..self.now(note)? };
        self.record(action, note, &placed);
        Ok(())
    }

    /// A note as it was planned with.
    fn now(&self, note: &NoteId) -> Result<NoteNow, NotebookError> {
        if self.departed.contains(note) {
            let remembered = self.memory.notes.get(note);
            return remembered.map(NoteNow::departed).ok_or(NotebookError::Changed);
        }
        self.notebook.notes().get(note).cloned().ok_or(NotebookError::Changed)
    }

    pub(super) fn reviewed(&mut self, note: &NoteId) {
        if let Some(remembered) = self.memory.notes.get_mut(note) {
            remembered.review = None;
            self.unsaved.insert(note.clone());
            self.show(note);
            let reviews = self.reviews.clone();
            self.status.send_modify(|status| status.to_review = reviews);
        }
    }

    fn record(&mut self, action: &Action, note: &NoteId, now: &NoteNow) {
        self.memory.record(action, note, now);
        if self.memory.notes.get(note).is_some_and(|remembered| !remembered.has_rested) {
            self.rest.changed(note, Instant::now());
        }
        self.unsaved.insert(note.clone());
        self.show(note);
    }

    /// Tells where a note's file is now, and what waits for review in it.
    fn show(&mut self, note: &NoteId) {
        let remembered = self.memory.notes.get(note).filter(|it| !it.is_deleted);
        let path = remembered.map(|remembered| remembered.path.clone());
        match remembered.and_then(|remembered| remembered.review.clone()) {
            Some(mark) => drop(self.reviews.insert(note.clone(), mark)),
            None => drop(self.reviews.remove(note)),
        }
        self.files.send_if_modified(|files| match path {
            Some(path) => files.insert(note.clone(), path.clone()) != Some(path),
            None => files.remove(note).is_some(),
        });
    }

    /// What has to be on the disk before what was recorded may be. Nothing, when nothing was recorded.
    pub(super) fn due_to_save(&mut self) -> Option<Vec<DocumentHandle>> {
        if self.unsaved.is_empty() && self.new_files.is_empty() {
            return None;
        }
        self.awaited.extend(self.notebook.take_written());
        Some(self.awaited.clone())
    }

    /// Puts what was recorded on disk, as the notes are there.
    pub(super) fn save(&mut self) {
        self.awaited.clear();
        if let Err(error) = self.try_save() {
            // What is not remembered is compared again at the next start.
            tracing::warn!(%error, "what is known of files is not written");
        }
    }

    /// As [`Worker::save`], when the notes have been put there.
    fn save_now(&mut self) -> Result<(), RoundError> {
        if let Some(awaited) = self.due_to_save() {
            Handle::current().block_on(all_saved(&awaited))?;
            self.awaited.clear();
            self.try_save()?;
        }
        Ok(())
    }

    fn try_save(&mut self) -> Result<(), RoundError> {
        self.store.save(&self.unsaved, &self.memory)?;
        self.unsaved.clear();
        while let Some(note) = self.new_files.last() {
            let remembered = self.memory.notes.get(note).filter(|it| !it.is_deleted);
            if let Some(remembered) = remembered {
                self.folder.write_id(&remembered.path, note)?;
            }
            self.new_files.pop();
        }
        Ok(())
    }
}

/// Waits until notes and folders are on the disk as they are now.
pub(super) async fn all_saved(handles: &[DocumentHandle]) -> Result<(), SaveError> {
    for handle in handles {
        match handle.saved().await {
            // What is gone will not be lost.
            Ok(()) | Err(SaveError::Gone) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The folders of a new file's note, and whether it is in the trash.
fn place_of(path: &FilePath) -> (Vec<String>, bool) {
    let folders = path.folders();
    if path.is_trash() { (Vec::new(), true) } else { (folders, false) }
}
