//! The running mirror: it watches the folder and the notes, and carries plans out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use rejoin_notes::folder;
use rejoin_repo::{DocumentId, Repo};
use rejoin_storage::{ChunkStore, StoreError};
use tokio::sync::{Notify, mpsc, watch};

use crate::disk::{Changed, Folder, FolderError};
use crate::file_path::FilePath;
use crate::file_text::LeftAlone;
pub use crate::history::FROM_FILE;
use crate::memory::{Memory, NoteId, ReviewMark};
use crate::memory_store::MemoryStore;
pub use crate::notebook::{EditRefused, NoteEditor};
use crate::notebook::{Notebook, NotebookError};
use crate::planner::{Action, NoteNow, Notes, Plan, PlanOptions, plan};

/// Files come to rest for so long before they are looked at: a program that saves in several steps
/// has done so then.
const REST: Duration = Duration::from_millis(80);
/// How often is looked whether files came to rest.
const TICK: Duration = Duration::from_millis(40);
/// Notes are written out together when they change for so long.
const TYPING: Duration = Duration::from_millis(200);
/// But no longer than this, as some programs never rest.
const RESTLESS: Duration = Duration::from_secs(2);
/// A folder that cannot be used now is tried again after this.
const RETRY: Duration = Duration::from_secs(5);
/// A file that is gone is believed to be gone after this: programs that save by renaming put it back
/// sooner.
const GRACE: Duration = Duration::from_millis(600);
/// Plans that follow one another at once; what is left then waits for the next occasion.
const ROUNDS: usize = 12;
/// How long files that went count together.
const MINUTE: Duration = Duration::from_secs(60);

/// What a mirror joins.
pub struct MirrorOptions {
    /// Where the documents are.
    pub repo: Repo,
    /// The notes folder.
    pub folder: DocumentId,
    /// The folder of what was thrown away; without one the mirror makes its own.
    pub trash: Option<DocumentId>,
    /// The directory on disk; it is made when it is not there.
    pub directory: PathBuf,
    /// Where the mirror remembers.
    pub store: Box<dyn ChunkStore>,
    /// Who writes edits of files into notes; without one the mirror does so itself.
    pub editor: Option<Arc<dyn NoteEditor>>,
}

/// How a mirror is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MirrorStatus {
    /// Files and notes said the same when it last looked.
    pub is_in_step: bool,
    /// Why nothing is done at present.
    pub paused: Option<Paused>,
    /// Files that are no notes, and why.
    pub left_alone: BTreeMap<FilePath, LeftAlone>,
    /// Where notes are that took in an edit made on an old text, for a person to look at.
    pub to_review: BTreeMap<NoteId, ReviewMark>,
    /// How many notes have a file.
    pub notes: usize,
    /// What went wrong last, in words; it is tried again.
    pub problem: Option<String>,
}

/// Why a mirror does nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paused {
    /// The folder, or what marks it, is not there.
    Vanished,
    /// So many files are gone that the person has to say whether it is meant.
    ManyGone(usize),
    /// The notes have not all arrived yet.
    Waiting,
}

/// Why a mirror could not begin.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The directory cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// What was remembered cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The directory cannot be watched.
    #[error("the folder cannot be watched: {0}")]
    Watch(#[from] notify::Error),
}

/// A mirror at work, until it is dropped or stopped.
#[derive(Debug)]
pub struct Mirror {
    status: watch::Receiver<MirrorStatus>,
    orders: mpsc::UnboundedSender<Order>,
    changed: Arc<Notify>,
    files: watch::Receiver<BTreeMap<NoteId, FilePath>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
enum Order {
    ConfirmDeletions,
    Reviewed(NoteId),
    Stop,
}

impl Mirror {
    /// Begins to mirror. Must be called inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// When the directory, its watcher or the store cannot be used.
    pub fn start(options: MirrorOptions) -> Result<Self, MirrorError> {
        let name = options.folder.to_string();
        let mut store = MemoryStore::new(options.store, &name);
        // What is remembered belongs to one directory. In another one, ids and texts tell which file
        // is which note's.
        let place =
            std::path::absolute(&options.directory).unwrap_or_else(|_| options.directory.clone());
        let place = place.to_string_lossy().into_owned();
        if store.word("directory")?.is_some_and(|known| known != place) {
            store.clear()?;
        }
        store.set_word("directory", &place)?;
        let memory = store.load()?;
        let is_known = store.word("begun")?.is_some();
        let mut folder = if is_known {
            // Not made anew: a folder that is gone is not an empty one.
            Folder::open(&options.directory)?
        } else {
            Folder::begin(&options.directory)?
        };
        store.set_word("begun", "yes")?;
        if memory.notes.is_empty() {
            folder.read_ids();
        }
        let trash = match options.trash {
            Some(trash) => trash,
            None => own_trash(&options.repo, &mut store)?,
        };
        let touched = Arc::new(Touched::default());
        let watcher = watch_directory(&folder, touched.clone())?;
        let (sender, status) = watch::channel(MirrorStatus::default());
        let (files_sender, files) = watch::channel(BTreeMap::new());
        let (orders, received) = mpsc::unbounded_channel();
        let notebook = Notebook::new(options.repo, options.folder, trash, options.editor);
        let changed = notebook.changed();
        let worker = Worker {
            folder,
            notebook,
            memory,
            store,
            status: sender,
            files: files_sender,
            gone: Vec::new(),
            deletions_confirmed: false,
            unsaved: BTreeSet::new(),
            restless_since: None,
            scan_due: Scan::All,
            missing: BTreeMap::new(),
        };
        let task = tokio::spawn(run(worker, touched, received, watcher));
        Ok(Self { status, orders, changed, files, task })
    }

    /// How it is doing, whenever that changes.
    pub fn status(&self) -> watch::Receiver<MirrorStatus> {
        self.status.clone()
    }

    /// Where the file of a note is, in the directory.
    pub fn file_of(&self, note: &NoteId) -> Option<FilePath> {
        self.files.borrow().get(note).cloned()
    }

    /// The person says that the files which are gone are meant to be gone.
    pub fn confirm_deletions(&self) {
        let _ = self.orders.send(Order::ConfirmDeletions);
    }

    /// A note's draft has changed, of which its document does not tell.
    pub fn draft_changed(&self) {
        self.changed.notify_one();
    }

    /// The person has looked at a note that was marked for review.
    pub fn reviewed(&self, note: NoteId) {
        let _ = self.orders.send(Order::Reviewed(note));
    }

    /// Ends it when what it is doing is done.
    pub async fn stop(mut self) {
        let _ = self.orders.send(Order::Stop);
        let _ = (&mut self.task).await;
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The trash of a mirror without a profile.
fn own_trash(repo: &Repo, store: &mut MemoryStore) -> Result<DocumentId, StoreError> {
    if let Some(id) = store.word("trash")?.and_then(|id| id.parse().ok()) {
        return Ok(id);
    }
    let handle = repo.create();
    if let Ok(Err(error)) = handle.change(None, |tx| folder::create(tx, "Trash")) {
        tracing::warn!(%error, "the trash could not be written");
    }
    store.set_word("trash", handle.id().as_str())?;
    Ok(handle.id().clone())
}

type Watcher = Debouncer<RecommendedWatcher, RecommendedCache>;

/// What has changed in the directory since it was last looked at.
#[derive(Debug, Default)]
struct Touched {
    paths: Mutex<BTreeSet<PathBuf>>,
    /// More than the paths tell.
    is_all: AtomicBool,
    rung: Notify,
}

impl Touched {
    fn touch(&self, result: DebounceEventResult) {
        // Reading is no change; what the watcher cannot tell may be one.
        let Ok(events) = result else {
            self.is_all.store(true, Ordering::SeqCst);
            return self.rung.notify_one();
        };
        let mut changes = events.into_iter().filter(|event| !event.kind.is_access()).peekable();
        if changes.peek().is_none() {
            return;
        }
        let mut paths = self.paths.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        for event in changes {
            if event.need_rescan() || event.paths.is_empty() {
                self.is_all.store(true, Ordering::SeqCst);
            }
            paths.extend(event.event.paths);
        }
        drop(paths);
        self.rung.notify_one();
    }

    /// What is to be read again.
    fn take(&self) -> Scan {
        let mut paths = self.paths.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let paths = std::mem::take(&mut *paths);
        if self.is_all.swap(false, Ordering::SeqCst) { Scan::All } else { Scan::Paths(paths) }
    }
}

/// What of the directory is to be read again.
#[derive(Debug)]
enum Scan {
    All,
    Paths(BTreeSet<PathBuf>),
}

impl Scan {
    fn add(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Paths(paths), Self::Paths(others)) => paths.extend(others),
            (_, Self::All) => *self = Self::All,
            (Self::All, _) => {}
        }
    }
}

/// Tells of everything that has changed in the directory and has come to rest.
fn watch_directory(folder: &Folder, touched: Arc<Touched>) -> Result<Watcher, notify::Error> {
    let mut watcher = new_debouncer(REST, Some(TICK), move |result| touched.touch(result))?;
    watcher.watch(folder.root(), RecursiveMode::Recursive)?;
    Ok(watcher)
}

struct Worker {
    folder: Folder,
    notebook: Notebook,
    memory: Memory,
    store: MemoryStore,
    status: watch::Sender<MirrorStatus>,
    files: watch::Sender<BTreeMap<NoteId, FilePath>>,
    /// When notes were trashed because their file went.
    gone: Vec<Instant>,
    deletions_confirmed: bool,
    /// Notes of which something was recorded that is not on disk yet.
    unsaved: BTreeSet<NoteId>,
    /// Since when files are met that were written a moment ago.
    restless_since: Option<Instant>,
    /// The directory may have changed since it was last scanned.
    scan_due: Scan,
    /// Notes whose file is gone, and since when.
    missing: BTreeMap<NoteId, Instant>,
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
}

/// Works whenever there is something to do. Files are read and written on a thread for that, where
/// nothing else waits.
async fn run(
    mut worker: Worker,
    touched: Arc<Touched>,
    mut orders: mpsc::UnboundedReceiver<Order>,
    _watcher: Watcher,
) {
    let changed = worker.notebook.changed();
    loop {
        worker.scan_due.add(touched.take());
        let worked = tokio::task::spawn_blocking(move || {
            let again = worker.work();
            (worker, again)
        });
        // It ends early only with the runtime.
        let Ok((returned, again)) = worked.await else { return };
        worker = returned;
        let is_waiting = worker.restless_since.is_some() || !worker.missing.is_empty();
        let retry = if is_waiting { TICK } else { RETRY };
        tokio::select! {
            () = touched.rung.notified() => {}
            () = changed.notified() => tokio::time::sleep(TYPING).await,
            () = tokio::time::sleep(retry), if again => {
                // Only what is not at rest is waited for with its paths known.
                if worker.restless_since.is_none() {
                    worker.scan_due = Scan::All;
                }
            }
            order = orders.recv() => match order {
                None | Some(Order::Stop) => return,
                Some(Order::ConfirmDeletions) => worker.deletions_confirmed = true,
                Some(Order::Reviewed(note)) => worker.reviewed(&note),
            },
        }
    }
}

impl Worker {
    /// Plans and acts until files and notes agree; `true` when it should be tried again soon.
    fn work(&mut self) -> bool {
        let mut next = MirrorStatus::default();
        for _ in 0..ROUNDS {
            match self.round(&mut next) {
                Ok(true) => break,
                Ok(false) => {}
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
        let again = !next.is_in_step;
        let files = self.memory.notes.iter().filter(|(_, remembered)| !remembered.is_deleted);
        next.notes = files.clone().count();
        let places = files.clone().map(|(note, it)| (note.clone(), it.path.clone()));
        self.files.send_replace(places.collect());
        let marked = files.filter_map(|(note, it)| Some((note.clone(), it.review.clone()?)));
        next.to_review = marked.collect();
        self.status.send_if_modified(|status| {
            let is_new = *status != next;
            *status = next;
            is_new
        });
        again
    }

    /// One plan, carried out; `true` when there is nothing more to do.
    fn round(&mut self, status: &mut MirrorStatus) -> Result<bool, RoundError> {
        // What was not touched is as it was; and before a file is written, it is read again.
        let due = std::mem::replace(&mut self.scan_due, Scan::All);
        match &due {
            Scan::All => drop(self.folder.scan()?),
            Scan::Paths(paths) if paths.is_empty() => {}
            Scan::Paths(paths) => drop(self.folder.scan_paths(paths)?),
        }
        if self.folder.is_at_rest() {
            self.restless_since = None;
        } else {
            let since = *self.restless_since.get_or_insert_with(Instant::now);
            if since.elapsed() < RESTLESS {
                self.scan_due = due;
                return Ok(true);
            }
        }
        let Some(now) = self.notebook.read() else {
            status.paused = Some(Paused::Waiting);
            return Ok(true);
        };
        let remembered = self.memory.notes.keys();
        let departed = remembered.filter(|note| !self.notebook.lists(note)).cloned().collect();
        let notes = Notes { now, departed };
        self.gone.retain(|at| at.elapsed() < MINUTE);
        let options = PlanOptions {
            gone_lately: self.gone.len(),
            deletions_confirmed: self.deletions_confirmed,
        };
        let mut plan = plan(self.folder.disk(), &notes, &self.memory, &self.notebook, options);
        status.left_alone = std::mem::take(&mut plan.left_alone);
        if let Some(count) = plan.too_many_gone {
            status.paused = Some(Paused::ManyGone(count));
            return Ok(true);
        }
        self.wait_for_missing(&mut plan);
        let is_done = plan.actions.is_empty();
        self.scan_due = self.scan_after(&plan);
        self.deletions_confirmed &= !is_done;
        let performed = plan.actions.iter().try_for_each(|action| self.perform(action, &notes));
        // What was done counts, also when the rest failed.
        self.notebook.list_new()?;
        self.save()?;
        performed?;
        status.is_in_step = is_done && self.missing.is_empty();
        Ok(is_done)
    }

    /// What a plan that is carried out leaves to be read again.
    fn scan_after(&self, plan: &Plan) -> Scan {
        let mut paths = BTreeSet::new();
        for action in &plan.actions {
            match action {
                Action::Edit { .. } | Action::Unite { .. } | Action::Adopt { .. } => {}
                Action::Write { path, .. } => {
                    paths.insert(self.folder.root().join(path.as_str()));
                }
                _ => return Scan::All,
            }
        }
        Scan::Paths(paths)
    }

    /// Takes out of a plan what follows from files that went just now.
    fn wait_for_missing(&mut self, plan: &mut Plan) {
        let mut missing = BTreeMap::new();
        plan.actions.retain(|action| match action {
            Action::Trash { note } | Action::Forget { note } => {
                let since = self.missing.get(note).copied().unwrap_or_else(Instant::now);
                let is_due = since.elapsed() >= GRACE || self.deletions_confirmed;
                if !is_due {
                    missing.insert(note.clone(), since);
                }
                is_due
            }
            _ => true,
        });
        self.missing = missing;
    }

    fn perform(&mut self, action: &Action, notes: &Notes) -> Result<(), RoundError> {
        let departed = match action {
            Action::Rename { note, .. } if notes.departed.contains(note) => {
                self.memory.notes.get(note).map(NoteNow::departed)
            }
            _ => None,
        };
        let now = |note: &NoteId| {
            let now = departed.as_ref().or_else(|| notes.now.get(note));
            now.cloned().ok_or(NotebookError::Changed)
        };
        match action {
            Action::Edit { note, changes, review, .. } => {
                let mut now = now(note)?;
                now.version = self.notebook.edit(note, &now.text, changes)?;
                self.record(action, note, &now);
                if *review && !changes.is_identity() {
                    let mark = self.notebook.mark(note, changes);
                    if let Some(remembered) = self.memory.notes.get_mut(note) {
                        remembered.review = mark;
                    }
                }
                Ok(())
            }
            Action::Unite { note, changes, .. } => {
                let now = now(note)?;
                self.notebook.edit(note, &now.text, changes)?;
                self.record(action, note, &now);
                Ok(())
            }
            Action::Write { note, path, text, expected } => {
                // Remembered first: whenever the process ends, the file holds a remembered text.
                self.record(action, note, &now(note)?);
                self.save()?;
                if self.folder.write(path, text, expected.as_ref())? == Changed::Done {
                    self.folder.write_id(path, note)?;
                }
                Ok(())
            }
            Action::Rename { note, from, to } => {
                if self.folder.rename(from, to)? == Changed::Done {
                    self.folder.write_id(to, note)?;
                    self.record(action, note, &now(note)?);
                }
                Ok(())
            }
            Action::Create { path, read } => {
                let (folders, is_trashed) = place_of(path);
                let note = self.notebook.create(&read.text, path.stem(), &folders, is_trashed)?;
                let title = rejoin_notes::title::title(&read.text);
                let title = title.unwrap_or_else(|| path.stem().to_owned());
                let version = self.notebook.version(&note);
                let text = read.text.clone();
                let now = NoteNow { text, title, folders, is_trashed, version };
                self.folder.write_id(path, &note)?;
                self.record(action, &note, &now);
                Ok(())
            }
            Action::Adopt { note, path, .. } => {
                self.folder.write_id(path, note)?;
                self.record(action, note, &now(note)?);
                Ok(())
            }
            Action::Place { note, path, folders, is_trashed } => {
                self.notebook.place(note, folders, *is_trashed)?;
                let old = self.memory.notes.get(note).map(|remembered| remembered.path.clone());
                if let Some(old) = old.filter(|old| old != path) {
                    self.folder.forget_id(&old);
                }
                self.folder.write_id(path, note)?;
                let placed = NoteNow {
                    folders: if *is_trashed { Vec::new() } else { folders.clone() },
                    is_trashed: *is_trashed,
                    ..now(note)?
                };
                self.record(action, note, &placed);
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
                self.record(action, note, &now(note)?);
                Ok(())
            }
        }
    }

    fn reviewed(&mut self, note: &NoteId) {
        if let Some(remembered) = self.memory.notes.get_mut(note) {
            remembered.review = None;
            self.unsaved.insert(note.clone());
        }
        if let Err(error) = self.save() {
            tracing::warn!(%error, "a mark that went is not written");
        }
    }

    fn record(&mut self, action: &Action, note: &NoteId, now: &NoteNow) {
        self.memory.record(action, note, now);
        self.unsaved.insert(note.clone());
    }

    /// Puts what was recorded on disk.
    fn save(&mut self) -> Result<(), StoreError> {
        self.store.save(&self.unsaved, &self.memory)?;
        self.unsaved.clear();
        Ok(())
    }
}

/// The folders of a new file's note, and whether it is in the trash.
fn place_of(path: &FilePath) -> (Vec<String>, bool) {
    let folders = path.folders();
    if path.is_trash() { (Vec::new(), true) } else { (folders, false) }
}
