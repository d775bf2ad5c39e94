//! The running mirror: it watches the folder and the notes, and carries plans out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use rejoin_notes::folder;
use rejoin_repo::{DocumentId, Repo};
use rejoin_storage::{ChunkStore, StoreError};
use tokio::sync::{Notify, mpsc, watch};

use crate::disk::{Changed, Folder, FolderError};
use crate::file_path::FilePath;
use crate::file_text::LeftAlone;
use crate::memory::{Memory, NoteId};
use crate::memory_store::MemoryStore;
use crate::notebook::{Notebook, NotebookError};
use crate::planner::{Action, NoteNow, Notes, PlanOptions, plan};

/// Files come to rest for so long before they are looked at: a program that saves in several steps
/// has done so then.
const REST: Duration = Duration::from_millis(120);
/// But no longer than this, as some programs never rest.
const RESTLESS: Duration = Duration::from_secs(2);
/// A folder that cannot be used now is tried again after this.
const RETRY: Duration = Duration::from_secs(5);
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
    /// Notes that took in an edit made on an old text, for a person to look at.
    pub to_review: Vec<NoteId>,
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
        let touched = Arc::new(Notify::new());
        let watcher = watch_directory(&folder, touched.clone())?;
        let (sender, status) = watch::channel(MirrorStatus::default());
        let (orders, received) = mpsc::unbounded_channel();
        let notebook = Notebook::new(options.repo, options.folder, trash);
        let worker = Worker {
            folder,
            notebook,
            memory,
            store,
            status: sender,
            gone: Vec::new(),
            deletions_confirmed: false,
            unsaved: BTreeSet::new(),
            restless_since: None,
        };
        let task = tokio::spawn(worker.run(touched, received, watcher));
        Ok(Self { status, orders, task })
    }

    /// How it is doing, whenever that changes.
    pub fn status(&self) -> watch::Receiver<MirrorStatus> {
        self.status.clone()
    }

    /// The person says that the files which are gone are meant to be gone.
    pub fn confirm_deletions(&self) {
        let _ = self.orders.send(Order::ConfirmDeletions);
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

/// Rings when anything changes in the directory.
fn watch_directory(
    folder: &Folder,
    touched: Arc<Notify>,
) -> Result<RecommendedWatcher, notify::Error> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading is no change; what the watcher cannot tell may be one.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            touched.notify_one();
        }
    })?;
    watcher.watch(folder.root(), RecursiveMode::Recursive)?;
    Ok(watcher)
}

struct Worker {
    folder: Folder,
    notebook: Notebook,
    memory: Memory,
    store: MemoryStore,
    status: watch::Sender<MirrorStatus>,
    /// When notes were trashed because their file went.
    gone: Vec<Instant>,
    deletions_confirmed: bool,
    /// Notes of which something was recorded that is not on disk yet.
    unsaved: BTreeSet<NoteId>,
    /// Since when files are met that were written a moment ago.
    restless_since: Option<Instant>,
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

impl Worker {
    async fn run(
        mut self,
        touched: Arc<Notify>,
        mut orders: mpsc::UnboundedReceiver<Order>,
        _watcher: RecommendedWatcher,
    ) {
        let changed = self.notebook.changed();
        loop {
            let again = self.work();
            let is_resting = self.restless_since.is_none();
            let retry = tokio::time::sleep(if is_resting { RETRY } else { REST });
            tokio::select! {
                () = touched.notified() => {}
                () = changed.notified() => {}
                () = retry, if again => {}
                order = orders.recv() => match order {
                    None | Some(Order::Stop) => return,
                    Some(Order::ConfirmDeletions) => self.deletions_confirmed = true,
                    Some(Order::Reviewed(note)) => {
                        self.status.send_modify(|status| status.to_review.retain(|it| *it != note));
                    }
                },
            }
            // Until nothing has happened for a moment: what is half done is not looked at.
            let began = Instant::now();
            while began.elapsed() < RESTLESS
                && tokio::time::timeout(REST, touched.notified()).await.is_ok()
            {}
        }
    }

    /// Plans and acts until files and notes agree; `true` when it should be tried again soon.
    fn work(&mut self) -> bool {
        let mut next = MirrorStatus::default();
        next.to_review.clone_from(&self.status.borrow().to_review);
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
        self.status.send_if_modified(|status| {
            let is_new = *status != next;
            *status = next;
            is_new
        });
        again
    }

    /// One plan, carried out; `true` when there is nothing more to do.
    fn round(&mut self, status: &mut MirrorStatus) -> Result<bool, RoundError> {
        self.folder.scan()?;
        if self.folder.is_at_rest() {
            self.restless_since = None;
        } else {
            let since = *self.restless_since.get_or_insert_with(Instant::now);
            if since.elapsed() < RESTLESS {
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
        let plan = plan(self.folder.disk(), &notes, &self.memory, options);
        status.left_alone = plan.left_alone;
        if let Some(count) = plan.too_many_gone {
            status.paused = Some(Paused::ManyGone(count));
            return Ok(true);
        }
        let is_done = plan.actions.is_empty();
        self.deletions_confirmed &= !is_done;
        let performed =
            plan.actions.iter().try_for_each(|action| self.perform(action, &notes, status));
        // What was done counts, also when the rest failed.
        self.notebook.list_new()?;
        self.save()?;
        performed?;
        status.is_in_step = is_done;
        Ok(is_done)
    }

    fn perform(
        &mut self,
        action: &Action,
        notes: &Notes,
        status: &mut MirrorStatus,
    ) -> Result<(), RoundError> {
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
                let before = now(note)?;
                self.notebook.edit(note, &before.text, changes)?;
                if *review && !changes.is_identity() && !status.to_review.contains(note) {
                    status.to_review.push(note.clone());
                }
                self.record(action, note, &before);
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
                let now = NoteNow { text: read.text.clone(), title, folders, is_trashed };
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
