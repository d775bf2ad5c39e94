//! The running mirror: it watches the folder and the notes, and carries plans out.

mod directory_watch;
mod due;
mod looking_back;
mod pace;
mod patience;
mod rest;
mod worker;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rejoin_notes::folder;
use rejoin_repo::{DocumentHandle, DocumentId, Repo};
use rejoin_storage::{ChunkStore, StoreError};
use tokio::sync::{mpsc, watch};

use crate::disk::{Folder, FolderError};
use crate::file_path::FilePath;
use crate::file_text::LeftAlone;
pub use crate::history::FROM_FILE;
use crate::memory::{NoteId, ReviewMark};
use crate::memory_store::MemoryStore;
use crate::notebook::{ChangedDocuments, Notebook};
pub use crate::notebook::{EditRefused, FileEdit, NoteEditor};
use directory_watch::{DirectoryWatch, Touched};
use due::Due;
use worker::{Told, Worker, all_saved};

/// How long the end of a mirror waits for the disk. What is not remembered by then is compared again at
/// the next start.
const LAST: Duration = Duration::from_secs(5);

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
    /// Whether the directory must be the one that was mirrored before.
    pub beginning: Beginning,
    /// Who writes edits of files into notes; without one the mirror does so itself.
    pub editor: Option<Arc<dyn NoteEditor>>,
}

/// How a mirror begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Beginning {
    /// It goes on. A directory that was mirrored before and is not there, or has lost its marker, is
    /// waited for.
    #[default]
    GoOn,
    /// The person says that this directory is meant, whatever became of its marker. Notes whose file
    /// is not there get one again.
    Anew,
}

/// How a mirror is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MirrorStatus {
    /// Files and notes said the same when it last looked, but for what was typed in the last second.
    pub is_in_step: bool,
    /// Why nothing is done at present.
    pub paused: Option<Paused>,
    /// Files and directories that are no notes, and why, by their path in the directory.
    pub left_alone: BTreeMap<String, LeftAlone>,
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
    changed: Arc<ChangedDocuments>,
    ending: Arc<AtomicBool>,
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
        let mut memory = store.load()?;
        let is_known = store.word("begun")?.is_some() && options.beginning == Beginning::GoOn;
        if options.beginning == Beginning::Anew {
            let is_there = |path: &FilePath| options.directory.join(path.as_str()).exists();
            memory.notes.retain(|_, remembered| is_there(&remembered.path));
        }
        let mut folder = if is_known {
            // Not made anew: a folder that is gone is not an empty one.
            match Folder::open(&options.directory) {
                Err(FolderError::Vanished(_)) => Folder::away(&options.directory),
                opened => opened?,
            }
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
        let is_away = folder.check_marker().is_err();
        let watch = DirectoryWatch::start(folder.root(), is_away)?;
        let paused = is_away.then_some(Paused::Vanished);
        let (sender, status) = watch::channel(MirrorStatus { paused, ..Default::default() });
        let (files_sender, files) = watch::channel(BTreeMap::new());
        let (orders, received) = mpsc::unbounded_channel();
        let notebook = Notebook::new(options.repo, options.folder, trash, options.editor);
        let changed = notebook.changed();
        let ending = Arc::new(AtomicBool::new(false));
        let told = Told { status: sender.clone(), files: files_sender };
        let worker = Worker::new(folder, notebook, (memory, store), told, ending.clone());
        let task = tokio::spawn(run(worker, watch, received, sender));
        Ok(Self { status, orders, changed, ending, files, task })
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
    pub fn draft_changed(&self, note: &DocumentId) {
        self.changed.tell(note.clone());
    }

    /// The person has looked at a note that was marked for review.
    pub fn reviewed(&self, note: NoteId) {
        let _ = self.orders.send(Order::Reviewed(note));
    }

    /// Ends it in good order. What is not done by then is found again at the next start.
    pub async fn stop(mut self) {
        self.ending.store(true, Ordering::Relaxed);
        let _ = self.orders.send(Order::Stop);
        let _ = (&mut self.task).await;
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
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

/// Works whenever there is something to do. Files are read and written on a thread for that, where
/// nothing else waits.
async fn run(
    mut worker: Worker,
    mut watch: DirectoryWatch,
    mut orders: mpsc::UnboundedReceiver<Order>,
    status: watch::Sender<MirrorStatus>,
) {
    let (changed, touched) = (worker.notebook.changed(), watch.touched());
    loop {
        let (scan, trouble) = touched.take();
        worker.scan_due.add(scan);
        worker.watch_trouble = trouble.or(worker.watch_trouble);
        let worked = tokio::task::spawn_blocking(move || {
            let again = worker.work(&mut watch);
            (worker, watch, again)
        });
        let (returned, watching, again) = match worked.await {
            Ok(worked) => worked,
            Err(error) => {
                // It ends early only with the runtime, or by a fault of ours, which must not look as if
                // all were well.
                status.send_modify(|status| {
                    status.is_in_step = false;
                    status.problem = Some(format!("the mirror has ended: {error}"));
                });
                return;
            }
        };
        (worker, watch) = (returned, watching);
        if !wait(&mut worker, &touched, &changed, &mut orders, Due::again(again)).await {
            if let Some(awaited) = worker.due_to_save()
                && let Ok(Ok(())) = tokio::time::timeout(LAST, all_saved(&awaited)).await
            {
                worker.save();
            }
            return;
        }
    }
}

/// Waits until there is something to do; `false` when that is to end.
async fn wait(
    worker: &mut Worker,
    touched: &Touched,
    changed: &ChangedDocuments,
    orders: &mut mpsc::UnboundedReceiver<Order>,
    mut due: Due,
) -> bool {
    let mut unsaved = Box::pin(saved(worker.due_to_save()));
    let sleep =
        |at: Option<Instant>| tokio::time::sleep_until(at.unwrap_or_else(Instant::now).into());
    loop {
        let (at, back) = (due.at(), worker.look_back_at());
        tokio::select! {
            () = sleep(at), if at.is_some() => return true,
            () = sleep(back), if back.is_some() => {
                if worker.looks_back() {
                    return true;
                }
            }
            () = &mut unsaved => {
                worker.save();
                unsaved.set(saved(None));
            }
            () = touched.next() => due.file_changed(Instant::now()),
            () = changed.next() => due.note_changed(Instant::now()),
            order = orders.recv() => match order {
                None | Some(Order::Stop) => return false,
                Some(Order::ConfirmDeletions) => {
                    worker.deletions_confirmed = true;
                    return true;
                }
                Some(Order::Reviewed(note)) => {
                    worker.reviewed(&note);
                    unsaved.set(saved(worker.due_to_save()));
                }
            },
        }
    }
}

/// Waits until everything is on the disk of which something may be remembered then; for ever, when
/// that is nothing.
async fn saved(awaited: Option<Vec<DocumentHandle>>) {
    let is_saved = match awaited {
        Some(awaited) => all_saved(&awaited).await.is_ok(),
        None => false,
    };
    if !is_saved {
        std::future::pending::<()>().await;
    }
}
