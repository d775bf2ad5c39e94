//! The folder of files that says what the notes say, and imports and exports of whole folders.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use rejoin_document::{Cursor, PatchLog, TextUnit};
use rejoin_folder::disk::check_new;
use rejoin_folder::export::{ExportFormat, ExportOptions, export};
use rejoin_folder::import::{ImportOptions, import};
use rejoin_folder::memory::NoteId;
use rejoin_folder::mirror::{
    Beginning, EditRefused, FROM_FILE, FileEdit, Mirror, MirrorOptions, MirrorStatus, NoteEditor,
    Paused,
};
use rejoin_folder::progress::Progress;
use rejoin_notes::note::Note;
use rejoin_repo::DocumentId;
use rejoin_storage::{SqliteOptions, SqliteStore};

use super::edited::Writing;
use super::open_note::edit_where_open;
use super::{Desk, State, document_id};
use crate::local::StoredMirror;
use crate::port::{
    AppEvent, BackendError, ErrorCode, ItemId, LeftAloneFile, MirrorAction, MirrorPhase,
    MirrorReply, MirrorState, ReviewSpot, Transfer, TransferReport, in_words, units,
};

/// So many names are told of what an import or export left out.
const MOST_TOLD: usize = 200;

/// The mirror at work, and the transfer.
#[derive(Default)]
pub(super) struct Mirroring {
    mirror: Option<Mirror>,
    /// Why it could not begin.
    failed: Option<String>,
    transfer: Option<Transfer>,
}

impl Mirroring {
    /// A draft has changed, of which the repo does not tell.
    pub(super) fn draft_changed(&self, note: &ItemId) {
        if let (Some(mirror), Ok(id)) = (&self.mirror, document_id(note)) {
            mirror.draft_changed(&id);
        }
    }
}

/// What the page is told of the folder.
pub(super) fn shown(state: &State) -> MirrorState {
    let stored = state.local.mirror.as_ref();
    let status = state.mirroring.mirror.as_ref().map(|mirror| mirror.status().borrow().clone());
    let phase = match (&state.mirroring.failed, &status) {
        (Some(message), _) => MirrorPhase::Failed { message: in_words(message) },
        (None, Some(status)) => phase(status),
        (None, None) => MirrorPhase::Off,
    };
    let status = status.unwrap_or_default();
    let file = |(path, reason): (&_, &_)| left_alone(path, reason);
    let spot = |(note, mark): (&NoteId, &rejoin_folder::memory::ReviewMark)| ReviewSpot {
        note: ItemId(note.0.clone()),
        excerpt: mark.excerpt.clone(),
    };
    MirrorState {
        directory: stored.map(|stored| stored.directory.display().to_string()),
        phase,
        notes: units(status.notes),
        left_alone: status.left_alone.iter().take(MOST_TOLD).map(file).collect(),
        to_review: status.to_review.iter().map(spot).collect(),
        transfer: state.mirroring.transfer.clone(),
    }
}

fn phase(status: &MirrorStatus) -> MirrorPhase {
    match (&status.paused, &status.problem) {
        (Some(Paused::Vanished), _) => MirrorPhase::Vanished,
        (Some(Paused::ManyGone(count)), _) => MirrorPhase::ManyGone { count: units(*count) },
        (_, Some(problem)) => MirrorPhase::Failed { message: in_words(problem) },
        _ if status.is_in_step => MirrorPhase::InStep,
        _ => MirrorPhase::Working,
    }
}

fn left_alone(path: &impl ToString, reason: &impl ToString) -> LeftAloneFile {
    LeftAloneFile { path: path.to_string(), reason: reason.to_string() }
}

impl Desk {
    /// Does what the person wants with the folder, or with another one.
    ///
    /// # Errors
    ///
    /// When a directory cannot be used, or the choice cannot be kept.
    pub(crate) async fn mirror(&self, action: MirrorAction) -> Result<MirrorReply, BackendError> {
        match action {
            MirrorAction::Choose { directory } => self.choose(directory).await?,
            MirrorAction::Pause { paused } => self.pause(paused).await?,
            MirrorAction::ConfirmDeletions => {
                if let Some(mirror) = &self.lock().mirroring.mirror {
                    mirror.confirm_deletions();
                }
            }
            MirrorAction::Reviewed { note } => {
                let position = self.reviewed(&note);
                return Ok(MirrorReply { position, ..MirrorReply::default() });
            }
            MirrorAction::Import { directory } => self.import(&absolute(&directory)?)?,
            MirrorAction::Export { directory, history } => {
                self.export(absolute(&directory)?, history)?;
            }
            // These need the window.
            MirrorAction::Pick | MirrorAction::Reveal { .. } => {}
        }
        Ok(MirrorReply::default())
    }

    /// The folder, or the file of a note in it.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub(crate) fn file_of(&self, note: Option<&ItemId>) -> Result<PathBuf, BackendError> {
        let state = self.lock();
        let stored = state.local.mirror.as_ref();
        let directory = &stored.ok_or_else(|| BackendError::not_found("folder"))?.directory;
        let Some(note) = note else { return Ok(directory.clone()) };
        let mirror = state.mirroring.mirror.as_ref();
        let file = mirror.and_then(|mirror| mirror.file_of(&NoteId(note.0.clone())));
        Ok(directory.join(file.ok_or_else(|| BackendError::not_found("file"))?.as_str()))
    }

    /// Begins to mirror at the start, if a folder was chosen and is not paused.
    pub(super) fn begin_mirror(&self, beginning: Beginning) {
        let mut state = self.lock();
        let Some(stored) = state.local.mirror.clone().filter(|stored| !stored.paused) else {
            return;
        };
        state.mirroring.failed = None;
        match self.mirror_into(&state, &stored.directory, beginning) {
            Ok(mirror) => {
                let (me, mut status) = (self.me.clone(), mirror.status());
                self.runtime.spawn(async move {
                    while status.changed().await.is_ok() {
                        let Some(desk) = me.upgrade() else { return };
                        desk.tell_mirror();
                    }
                });
                state.mirroring.mirror = Some(mirror);
            }
            Err(error) => state.mirroring.failed = Some(error.message),
        }
        drop(state);
        self.tell_mirror();
    }

    /// Ends mirroring in good order.
    pub(super) async fn end_mirror(&self) {
        let mirror = self.lock().mirroring.mirror.take();
        if let Some(mirror) = mirror {
            mirror.stop().await;
        }
    }

    fn mirror_into(
        &self,
        state: &State,
        directory: &Path,
        beginning: Beginning,
    ) -> Result<Mirror, BackendError> {
        let failed = |error: &dyn std::fmt::Display| {
            BackendError::new(ErrorCode::Storage, format!("The folder cannot be used: {error}."))
        };
        let memory = self.profile_folder().join("mirror.sqlite");
        let store = SqliteStore::open(&memory, &SqliteOptions::default());
        let options = MirrorOptions {
            repo: self.repo.clone(),
            folder: document_id(state.shelf.home())?,
            trash: Some(document_id(state.shelf.trash())?),
            directory: directory.to_path_buf(),
            store: Box::new(store.map_err(|error| failed(&error))?),
            beginning,
            editor: Some(Arc::new(DeskEditor(self.me.clone()))),
        };
        Mirror::start(options).map_err(|error| failed(&error))
    }

    async fn choose(&self, directory: Option<String>) -> Result<(), BackendError> {
        let directory = directory.map(|directory| absolute(&directory)).transpose()?;
        if let Some(directory) = &directory {
            let ours = self.profile_folder();
            if directory.starts_with(ours) || ours.starts_with(directory) {
                return Err(BackendError::invalid("Rejoin keeps its own files there."));
            }
            let now = self.lock().local.mirror.as_ref().map(|stored| stored.directory.clone());
            if now.as_ref() != Some(directory) {
                let unfit =
                    |error| BackendError::invalid(format!("This folder cannot be used: {error}."));
                check_new(directory).map_err(unfit)?;
            }
        }
        self.end_mirror().await;
        {
            let mut state = self.lock();
            state.mirroring.failed = None;
            state.local.mirror =
                directory.map(|directory| StoredMirror { directory, paused: false });
            self.keep_local(&state)?;
        }
        self.begin_mirror(Beginning::Anew);
        self.tell_mirror();
        let state = self.lock();
        match &state.mirroring.failed {
            Some(message) => Err(BackendError::new(ErrorCode::Storage, message.clone())),
            None => Ok(()),
        }
    }

    async fn pause(&self, paused: bool) -> Result<(), BackendError> {
        {
            let mut state = self.lock();
            let stored = state.local.mirror.as_mut();
            stored.ok_or_else(|| BackendError::not_found("folder"))?.paused = paused;
            self.keep_local(&state)?;
        }
        self.end_mirror().await;
        self.begin_mirror(Beginning::GoOn);
        self.tell_mirror();
        Ok(())
    }

    /// Takes a mark away, and says where it was.
    fn reviewed(&self, note: &ItemId) -> Option<u32> {
        let state = self.lock();
        let mirror = state.mirroring.mirror.as_ref()?;
        let id = NoteId(note.0.clone());
        let mark = mirror.status().borrow().to_review.get(&id).cloned()?;
        mirror.reviewed(id);
        let cursor: Cursor = mark.cursor?.parse().ok()?;
        let position = state.handle(note).ok()?.read(|document| {
            let view = document.view();
            let content = Note::find(&view).ok()?.content;
            view.cursor_position(content, &cursor, TextUnit::Utf16).ok()
        });
        position.ok().flatten().map(units)
    }

    fn import(&self, directory: &Path) -> Result<(), BackendError> {
        if !directory.is_dir() {
            return Err(BackendError::invalid("There is no such folder."));
        }
        let folder = document_id(self.lock().shelf.home())?;
        self.begin_transfer(true)?;
        let options =
            ImportOptions { repo: self.repo.clone(), folder, directory: directory.to_path_buf() };
        let me = self.me.clone();
        self.runtime.spawn_blocking(move || {
            let imported = import(&options, tell_progress(me.clone()));
            let report = imported.map(|report| TransferReport {
                notes: units(report.notes.len() - report.known),
                known: units(report.known),
                folders: units(report.folders),
                links: units(report.links),
                others: units(report.others),
                left_out: report
                    .left_alone
                    .iter()
                    .take(MOST_TOLD)
                    .map(|(path, reason)| left_alone(path, reason))
                    .collect(),
                broken: report
                    .broken
                    .iter()
                    .take(MOST_TOLD)
                    .map(|(path, address)| left_alone(path, address))
                    .collect(),
            });
            end_transfer(&me, report.map_err(|error| error.to_string()));
        });
        Ok(())
    }

    fn export(&self, directory: PathBuf, history: bool) -> Result<(), BackendError> {
        let (folder, trash) = {
            let state = self.lock();
            (document_id(state.shelf.home())?, document_id(state.shelf.trash())?)
        };
        self.begin_transfer(false)?;
        let options = ExportOptions {
            repo: self.repo.clone(),
            folder,
            trash: Some(trash),
            directory,
            format: if history { ExportFormat::Automerge } else { ExportFormat::Markdown },
        };
        let me = self.me.clone();
        self.runtime.spawn(async move {
            let exported = export(options, tell_progress(me.clone())).await;
            let report = exported.map(|report| TransferReport {
                notes: units(report.notes),
                folders: units(report.folders),
                links: units(report.links),
                left_out: report
                    .missing
                    .iter()
                    .take(MOST_TOLD)
                    .map(|name| left_alone(name, &"it has not arrived yet"))
                    .collect(),
                ..TransferReport::default()
            });
            end_transfer(&me, report.map_err(|error| error.to_string()));
        });
        Ok(())
    }

    fn begin_transfer(&self, importing: bool) -> Result<(), BackendError> {
        let mut state = self.lock();
        let transfer = &mut state.mirroring.transfer;
        if transfer.as_ref().is_some_and(|it| it.report.is_none() && it.failed.is_none()) {
            let busy = "Another import or export is under way.";
            return Err(BackendError::new(ErrorCode::Refused, busy));
        }
        *transfer = Some(Transfer { importing, done: 0, total: 0, report: None, failed: None });
        drop(state);
        self.tell_mirror();
        Ok(())
    }

    fn tell_mirror(&self) {
        let state = self.lock();
        state.tell(AppEvent::Mirror { mirror: shown(&state) });
    }
}

/// Tells the page how far a transfer is, a hundred times in all.
fn tell_progress(me: Weak<Desk>) -> impl FnMut(Progress) {
    let mut told = None;
    move |Progress { done, total }| {
        let part = (done * 100).checked_div(total);
        if part == told {
            return;
        }
        told = part;
        let Some(desk) = me.upgrade() else { return };
        if let Some(transfer) = &mut desk.lock().mirroring.transfer {
            (transfer.done, transfer.total) = (units(done), units(total));
        }
        desk.tell_mirror();
    }
}

fn end_transfer(me: &Weak<Desk>, ended: Result<TransferReport, String>) {
    let Some(desk) = me.upgrade() else { return };
    if let Some(transfer) = &mut desk.lock().mirroring.transfer {
        match ended {
            Ok(report) => transfer.report = Some(report),
            Err(message) => transfer.failed = Some(in_words(&message)),
        }
    }
    desk.tell_mirror();
}

fn absolute(directory: &str) -> Result<PathBuf, BackendError> {
    let path = PathBuf::from(directory.trim());
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(BackendError::invalid("Give the whole path of the folder, from the root."))
    }
}

/// Takes edits of files into notes as the desk does it: into drafts, and in step with the window.
struct DeskEditor(Weak<Desk>);

impl NoteEditor for DeskEditor {
    fn edit(
        &self,
        note: &DocumentId,
        before: &str,
        edit: &FileEdit<'_>,
    ) -> Result<(), EditRefused> {
        let desk = self.0.upgrade().ok_or(EditRefused::Changed)?;
        let edited = desk.edit_as_file(&ItemId(note.to_string()), before, edit);
        edited.unwrap_or_else(|error| Err(EditRefused::Other(error.message)))
    }
}

impl Desk {
    fn edit_as_file(
        &self,
        id: &ItemId,
        before: &str,
        edit: &FileEdit<'_>,
    ) -> Result<Result<(), EditRefused>, BackendError> {
        let mut state = self.lock();
        let handle = state.handle(id)?;
        let mut writing = self.writing(&mut state, id)?;
        if let Writing::Commit { options, .. } = &mut writing {
            options.message = Some(FROM_FILE.to_owned());
        }
        let is_draft = matches!(writing, Writing::Draft);
        let open = state.open.get_mut(id);
        let changed = handle.edit(|document| {
            edit_where_open(open, document, |edited, document| {
                if edited.note().text(&document.view()) != before {
                    return Ok(false);
                }
                if let Writing::Commit { actor, options } = &writing {
                    let before = document.heads().to_vec();
                    let mut log = PatchLog::active(TextUnit::Utf16);
                    if edit.commit_upon_older(document, actor, options.clone(), &mut log) {
                        // Windows hear of it as of a change from elsewhere.
                        let heads = document.heads().to_vec();
                        edited.follow(document, &before, &heads, Some(&log.take()));
                        return Ok(true);
                    }
                }
                edited.change(document, writing, None, edit.changes)?;
                Ok(true)
            })
        });
        if !changed?? {
            return Ok(Err(EditRefused::Changed));
        }
        self.edited_here(&mut state, id, is_draft);
        self.pump(&mut state, id);
        Ok(Ok(()))
    }
}

#[cfg(test)]
mod tests;
