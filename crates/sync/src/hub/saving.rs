//! When and what to write: group commits, compaction, sync states, and what leaves memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rejoin_document::ChangeHash;

use super::{Hub, Timer, slot::Phase, slot::Slot};
use crate::{DocumentId, Effect, Now, StorageId, StoredKey, WriteBatch, WriteId, dialer::Backoff};

/// Commits begin at least so long after one another, which is also the longest that an edit waits
/// for its commit to begin.
const GROUP: Duration = Duration::from_millis(100);
/// After a quiet time a commit begins so soon after the first edit.
const SOON: Duration = Duration::from_millis(5);
/// Sync states are noted down so long after the first of them has changed.
const STATES_EVERY: Duration = Duration::from_secs(10);
/// A batch takes no further documents beyond this.
const MAX_BATCH_BYTES: usize = 16 << 20;
/// Incremental chunks below this are not worth a snapshot.
const MIN_COMPACTION_BYTES: usize = 32 << 10;

/// What is to be written and what is being written.
#[derive(Debug, Default)]
pub(super) struct Saving {
    dirty: BTreeSet<DocumentId>,
    /// Documents of which everything goes; true when it is noted that they were deleted.
    erased: BTreeMap<DocumentId, bool>,
    states_changed: BTreeSet<DocumentId>,
    in_flight: Option<InFlight>,
    last_start: Option<Duration>,
    backoff: Backoff,
    /// Why the last write failed, while none has succeeded since.
    pub(super) error: Option<String>,
}

#[derive(Debug)]
struct InFlight {
    write: WriteId,
    documents: Vec<DocumentWrite>,
    erased: BTreeMap<DocumentId, bool>,
}

/// How much of a document there was at a moment, to ask later whether the disk has that much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    changes: usize,
    draft_version: u64,
}

/// What a batch does to one document.
#[derive(Debug)]
struct DocumentWrite {
    document: DocumentId,
    heads: Vec<ChangeHash>,
    added: Option<(StoredKey, usize)>,
    removed: Vec<StoredKey>,
    states: Vec<(StorageId, Vec<u8>)>,
    dropped_states: BTreeSet<StorageId>,
    draft_version: u64,
}

impl Hub {
    /// Begins to write now what would otherwise wait a little: for an orderly end. Commits that
    /// are held back are published as well, unless their mode says that the person decides.
    pub fn flush_all(&mut self, now: Now) {
        let documents: Vec<_> = self.slots.keys().cloned().collect();
        for document in documents {
            if self.slots.get(&document).is_some_and(|slot| slot.publisher.yields_to_company()) {
                self.publish(&document);
            }
            self.saving.states_changed.insert(document);
        }
        self.note_sync_states(now);
        self.timers.clear(&Timer::Save);
        self.start_write(now);
    }

    /// Whether everything that is in memory is on disk as well.
    pub fn is_saved(&self) -> bool {
        self.saving.in_flight.is_none()
            && self.saving.dirty.is_empty()
            && self.saving.erased.is_empty()
    }

    /// How much of a document is in memory now.
    pub fn extent(&self, document: &DocumentId) -> Option<Extent> {
        let slot = self.slots.get(document)?;
        let draft_version = slot.draft_version;
        Some(Extent { changes: slot.document.change_count(), draft_version })
    }

    /// Whether that much of a document is on disk, whatever was written since.
    pub fn is_on_disk(&self, document: &DocumentId, extent: Extent) -> bool {
        let Some(slot) = self.slots.get(document) else { return true };
        let heads = slot.disk.heads.iter();
        // In the document's order a head of all that was written stands behind all else of it.
        let written = heads.filter_map(|head| slot.document.position(head)).max();
        let changes = written.map_or(0, |last| last + 1);
        !slot.is_dirty()
            || changes >= extent.changes && slot.disk.draft_version >= extent.draft_version
    }

    /// Why the last write failed, in words, while none has succeeded since.
    pub fn storage_error(&self) -> Option<&str> {
        self.saving.error.as_deref()
    }

    /// Something of the document is not on disk.
    pub(super) fn needs_saving(&mut self, document: &DocumentId, now: Now) {
        self.saving.dirty.insert(document.clone());
        self.schedule_write(now);
    }

    /// Everything that is stored of the document goes; `noted` keeps a note that it was deleted.
    pub(super) fn needs_erasing(&mut self, document: &DocumentId, noted: bool, now: Now) {
        self.saving.dirty.remove(document);
        self.saving.erased.insert(document.clone(), noted);
        self.schedule_write(now);
    }

    fn schedule_write(&mut self, now: Now) {
        if self.saving.in_flight.is_none() {
            let soon = now.elapsed + SOON;
            let at = self.saving.last_start.map_or(soon, |last| soon.max(last + GROUP));
            self.timers.set_if_unset(Timer::Save, at);
        }
    }

    pub(super) fn sync_state_changed(&mut self, document: &DocumentId, now: Now) {
        if self.saving.states_changed.insert(document.clone()) {
            self.timers.set_if_unset(Timer::SyncStates, now.elapsed + STATES_EVERY);
        }
    }

    pub(super) fn note_sync_states(&mut self, now: Now) {
        for document in std::mem::take(&mut self.saving.states_changed) {
            if self.keep_states(&document) {
                self.needs_saving(&document, now);
            }
        }
    }

    /// Notes the sync states of a document; true when some must be written.
    fn keep_states(&mut self, document: &DocumentId) -> bool {
        let Some(slot) = self.slots.get_mut(document) else { return false };
        for (id, session) in &slot.sessions {
            let peer = self.connections.get(id).and_then(|open| open.peer());
            if let Some(storage_id) = peer.and_then(|peer| peer.lasting_storage_id())
                && session.state.their_heads().is_some()
            {
                slot.disk.keep_state(storage_id, session.state.encode());
            }
        }
        !slot.disk.unsaved_states.is_empty()
    }

    pub(super) fn start_write(&mut self, now: Now) {
        if self.saving.in_flight.is_some() {
            return;
        }
        let mut batch = WriteBatch::default();
        let mut documents = Vec::new();
        let mut bytes = 0;
        while bytes < MAX_BATCH_BYTES
            && let Some(document) = self.saving.dirty.pop_first()
        {
            if let Some(slot) = self.slots.get(&document) {
                let write = write_of(&document, slot, &mut batch);
                bytes += write.added.as_ref().map_or(0, |(_, length)| *length);
                documents.push(write);
            }
        }
        let erased = std::mem::take(&mut self.saving.erased);
        for (document, noted) in &erased {
            batch.erased.push(document.clone());
            if *noted {
                batch.puts.push((StoredKey::deleted(document), b"1".to_vec()));
            }
        }
        if batch.is_empty() {
            return;
        }
        let write = WriteId(self.take_id());
        self.saving.in_flight = Some(InFlight { write, documents, erased });
        self.saving.last_start = Some(now.elapsed);
        self.effects.push(Effect::Write { write, batch });
    }

    pub(super) fn written(&mut self, write: WriteId, result: Result<(), String>, now: Now) {
        let Some(in_flight) = self.saving.in_flight.take_if(|current| current.write == write)
        else {
            return;
        };
        match result {
            Ok(()) => {
                let had_failed = self.saving.error.take().is_some();
                self.saving.backoff.succeeded();
                for written in in_flight.documents {
                    self.document_written(written, now);
                }
                if had_failed {
                    self.status_changed.extend(self.slots.keys().cloned());
                }
                // Whoever writes looks once more after this, so that the edits of people who go on
                // typing need not wake it: the next batch is begun by the clock alone.
                self.schedule_write(now);
            }
            Err(reason) => {
                self.saving.error = Some(reason);
                // What was decided since then holds.
                let later = std::mem::replace(&mut self.saving.erased, in_flight.erased);
                self.saving.erased.extend(later);
                let documents = in_flight.documents.into_iter().map(|write| write.document);
                self.saving.dirty.extend(documents);
                let pause = self.saving.backoff.failed(self.random.next());
                self.timers.set(Timer::Save, now.elapsed + pause);
                self.status_changed.extend(self.slots.keys().cloned());
            }
        }
    }

    fn document_written(&mut self, written: DocumentWrite, now: Now) {
        let document = &written.document;
        let Some(slot) = self.slots.get_mut(document) else { return };
        if slot.phase == Phase::Deleted {
            return;
        }
        written.removed.iter().for_each(|key| slot.disk.remove_chunk(key));
        if let Some((key, length)) = written.added {
            slot.disk.add_chunk(key, length);
        }
        for (storage_id, state) in written.states {
            slot.disk.unsaved_states.retain(|id, unsaved| *id != storage_id || *unsaved != state);
            slot.disk.sync_states.insert(storage_id, state);
        }
        slot.disk.dropped_states.retain(|id| !written.dropped_states.contains(id));
        let moved = slot.disk.heads != written.heads;
        slot.disk.heads = written.heads;
        slot.disk.draft_version = written.draft_version;
        slot.disk.at = Some(now.unix_ms);
        let again = slot.is_dirty() || !slot.disk.unsaved_states.is_empty();
        if moved {
            self.durable_moved(document, now);
        }
        if again {
            self.saving.dirty.insert(document.clone());
        }
        self.status_changed.insert(document.clone());
        self.forget_if_unused(document);
    }

    /// From now on looks now and then whether the document is still used.
    pub(super) fn watch_idleness(&mut self, document: &DocumentId, now: Now) {
        if let Some(idle_after) = self.options.idle_after {
            self.timers.set(Timer::Idle(document.clone()), now.elapsed + idle_after);
        }
    }

    pub(super) fn check_idle(&mut self, document: &DocumentId, now: Now) {
        let Some(idle_after) = self.options.idle_after else { return };
        let Some(slot) = self.slots.get(document) else { return };
        if slot.phase != Phase::Ready {
            return;
        }
        let due = slot.last_used + idle_after;
        let is_used = slot.watchers > 0 || due > now.elapsed;
        let holds = slot.is_dirty() || slot.publisher.is_holding() || slot.document.draft_len() > 0;
        let is_being_written = self.saving.in_flight.as_ref().is_some_and(|in_flight| {
            in_flight.documents.iter().any(|write| write.document == *document)
        });
        if is_used || holds || is_being_written || self.keep_states(document) {
            if !self.saving.dirty.contains(document)
                && self.slots.get(document).is_some_and(|s| !s.disk.unsaved_states.is_empty())
            {
                self.needs_saving(document, now);
            }
            let again = if due > now.elapsed { due } else { now.elapsed + idle_after };
            self.timers.set(Timer::Idle(document.clone()), again);
            return;
        }
        if let Some(slot) = self.slots.get_mut(document) {
            slot.document = rejoin_document::Document::new();
        }
        self.set_phase(document, Phase::Dormant);
        self.forget_if_unused(document);
    }

    /// Drops what is left of a document that nobody uses and that is not in memory.
    pub(super) fn forget_if_unused(&mut self, document: &DocumentId) {
        let Some(slot) = self.slots.get(document) else { return };
        let is_light = matches!(
            slot.phase,
            Phase::Unavailable | Phase::Requesting | Phase::LoadFailed | Phase::Dormant
        );
        let is_unused = slot.watchers == 0 && slot.sessions.is_empty();
        // What lies on disk is announced to those whom we dial when they are there again.
        if slot.phase == Phase::Dormant && !self.dialers.is_empty() {
            return;
        }
        if is_light && is_unused && !slot.is_dirty() && slot.disk.unsaved_states.is_empty() {
            self.forget(document);
        }
    }

    pub(super) fn forget(&mut self, document: &DocumentId) {
        self.slots.remove(document);
        self.wanted.remove(document);
        self.saving.states_changed.remove(document);
        for timer in [
            Timer::Publish,
            Timer::Pace,
            Timer::Report,
            Timer::Presence,
            Timer::Request,
            Timer::Reload,
            Timer::Idle,
        ] {
            self.timers.clear(&timer(document.clone()));
        }
    }
}

/// Adds to the batch what makes the disk equal to memory for one document.
fn write_of(document: &DocumentId, slot: &Slot, batch: &mut WriteBatch) -> DocumentWrite {
    let mut write = DocumentWrite {
        document: document.clone(),
        heads: slot.heads().to_vec(),
        added: None,
        removed: Vec::new(),
        states: Vec::new(),
        dropped_states: slot.disk.dropped_states.clone(),
        draft_version: slot.draft_version,
    };
    if slot.heads() != slot.disk.heads {
        let (key, chunk, removed) = chunk_of(document, slot);
        write.added = Some((key.clone(), chunk.len()));
        batch.puts.push((key, chunk));
        batch.deletes.extend(removed.iter().cloned());
        write.removed = removed;
    }
    // The journal goes in the same batch as the change that the draft has become.
    if slot.draft_version != slot.disk.draft_version {
        match slot.document.draft_journal() {
            Some(journal) => batch.puts.push((StoredKey::draft(document), journal)),
            None => batch.deletes.push(StoredKey::draft(document)),
        }
    }
    // Sync states speak of changes that are on disk already or in this batch.
    for (storage_id, state) in &slot.disk.unsaved_states {
        batch.puts.push((StoredKey::sync_state(document, storage_id), state.clone()));
        write.states.push((storage_id.clone(), state.clone()));
    }
    let dropped = slot.disk.dropped_states.iter();
    batch.deletes.extend(dropped.map(|storage_id| StoredKey::sync_state(document, storage_id)));
    write
}

/// A snapshot when one is due, with the chunks that it replaces, or else an incremental chunk.
fn chunk_of(document: &DocumentId, slot: &Slot) -> (StoredKey, Vec<u8>, Vec<StoredKey>) {
    let disk = &slot.disk;
    let incremental = slot.document.save_since(&disk.heads);
    let grown = disk.incremental_bytes + incremental.len();
    // Changes that wait for others, or were refused, are only in the chunks that brought them.
    let may_replace = slot.document.queued() == 0 && slot.document.refused().is_empty();
    let is_first = disk.chunks.is_empty();
    // A snapshot costs time with the number of changes and room with its length, so that it has to
    // be earned in both: however long the history, the cost per edit stays the same.
    let worth = disk.snapshot_bytes.max(slot.document.change_count()).max(MIN_COMPACTION_BYTES);
    if is_first || may_replace && grown >= worth {
        let key = StoredKey::snapshot(document, slot.document.heads());
        let replaced = disk.chunks.keys().filter(|old| **old != key).cloned();
        let removed = if may_replace { replaced.collect() } else { Vec::new() };
        return (key, slot.document.save(), removed);
    }
    (StoredKey::incremental(document, &incremental), incremental, Vec::new())
}
