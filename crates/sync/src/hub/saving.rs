//! When to write and what: group commits, failures, and sync states.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use super::{
    Hub, Timer,
    chunks::{DocumentWrite, write_of},
    slot::Phase,
};
use crate::{DocumentId, Effect, Now, StoredKey, WriteBatch, WriteId, dialer::Backoff};

/// Commits begin at least so long after one another, which is also the longest that an edit waits
/// for its commit to begin.
const GROUP: Duration = Duration::from_millis(100);
/// After a quiet time a commit begins so soon after the first edit.
const SOON: Duration = Duration::from_millis(5);
/// Sync states are noted down so long after the first of them has changed.
const STATES_EVERY: Duration = Duration::from_secs(10);
/// A batch takes no further documents beyond this.
const MAX_BATCH_BYTES: usize = 16 << 20;
/// When so many documents in a row could not be written one by one, it is the disk and not they.
const LONE_FAILURES: usize = 3;
/// What is to be written and what is being written.
#[derive(Debug, Default)]
pub(super) struct Saving {
    pub(super) dirty: BTreeSet<DocumentId>,
    /// Documents of which everything goes; true when it is noted that they were deleted.
    erased: BTreeMap<DocumentId, bool>,
    pub(super) states_changed: BTreeSet<DocumentId>,
    in_flight: Option<InFlight>,
    last_start: Option<Duration>,
    backoff: Backoff,
    /// Documents that could not be written even alone, and why. They are tried again one by one,
    /// so that a document for which there is no room keeps no other off the disk.
    refused: VecDeque<(DocumentId, String)>,
    /// When the first of those is tried again.
    retry_at: Duration,
    /// How many documents a batch may take: fewer after one that failed, until all get through.
    limit: Option<usize>,
    /// Batches of one document that failed in a row.
    lone_failures: usize,
    /// The last erasing failed, so that the next batch is one of documents.
    erasing_failed: bool,
    /// The last write failed, and the next waits for a pause.
    is_pausing: bool,
    /// Why the last write failed, while none has succeeded since.
    error: Option<String>,
}

#[derive(Debug)]
struct InFlight {
    write: WriteId,
    documents: Vec<DocumentWrite>,
    erased: BTreeMap<DocumentId, bool>,
    /// A document that had been refused, alone.
    is_retry: bool,
}

impl Saving {
    /// Why the document, or any, could not be written the last time.
    pub(super) fn error_of(&self, document: &DocumentId) -> Option<&str> {
        let refused = self.refused.iter().find(|(refused, _)| refused == document);
        refused.map(|(_, reason)| reason.as_str()).or(self.error.as_deref())
    }

    fn has_work(&self) -> bool {
        !self.dirty.is_empty() || !self.erased.is_empty()
    }

    /// Takes the documents of the next batch out of those that are to be written. One that was
    /// refused, then true, stays among those until it is written.
    ///
    /// Where erasing waits for a batch of its own, so do the documents that it concerns: what came
    /// after a deletion must not be erased with what was before it.
    fn next_documents(&mut self, now: Duration) -> (Vec<DocumentId>, bool) {
        if self.retry_at <= now
            && let Some((document, _)) = self.refused.front()
            && !self.erased.contains_key(document)
        {
            return (vec![document.clone()], true);
        }
        let Some(count) = self.limit else {
            return (std::mem::take(&mut self.dirty).into_iter().collect(), false);
        };
        let free = self.dirty.iter().filter(|document| !self.erased.contains_key(*document));
        let documents: Vec<_> = free.take(count).cloned().collect();
        documents.iter().for_each(|document| {
            self.dirty.remove(document);
        });
        (documents, false)
    }

    /// Whether the disk still has what was stored of a document before it was erased.
    pub(super) fn is_erasing(&self, document: &DocumentId) -> bool {
        let in_flight = self.in_flight.as_ref();
        self.erased.contains_key(document)
            || in_flight.is_some_and(|in_flight| in_flight.erased.contains_key(document))
    }

    /// Whether something of a document is on its way to the disk.
    pub(super) fn is_writing(&self, document: &DocumentId) -> bool {
        self.in_flight.as_ref().is_some_and(|in_flight| {
            in_flight.documents.iter().any(|write| write.document == *document)
        })
    }

    /// Whether a document could be written without erasing anything first.
    fn has_free_documents(&self) -> bool {
        self.dirty.iter().any(|document| !self.erased.contains_key(document))
    }
}

/// How much of a document there was at a moment, to ask later whether the disk has that much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    changes: usize,
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
        if !self.saving.has_work() {
            self.saving.retry_at = now.elapsed;
        }
        self.start_write(now);
    }

    /// Whether everything that is in memory is on disk as well.
    pub fn is_saved(&self) -> bool {
        self.saving.in_flight.is_none() && !self.saving.has_work() && self.saving.refused.is_empty()
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

    /// Whether the last write failed and nothing else is tried before a pause.
    pub fn is_pausing_to_write(&self) -> bool {
        self.saving.in_flight.is_none() && self.saving.is_pausing
    }

    /// Why the last write failed, in words, while none has succeeded since, or else why there is a
    /// document that cannot be written.
    pub fn storage_error(&self) -> Option<&str> {
        let refused = self.saving.refused.front().map(|(_, reason)| reason.as_str());
        self.saving.error.as_deref().or(refused)
    }

    /// Something of the document is not on disk.
    pub(super) fn needs_saving(&mut self, document: &DocumentId, now: Now) {
        // A document that was refused has its own time.
        if self.saving.refused.iter().all(|(refused, _)| refused != document) {
            self.saving.dirty.insert(document.clone());
            self.schedule_write(now);
        }
    }

    /// Everything that is stored of the document goes; `noted` keeps a note that it was deleted.
    pub(super) fn needs_erasing(&mut self, document: &DocumentId, noted: bool, now: Now) {
        self.saving.dirty.remove(document);
        self.saving.refused.retain(|(refused, _)| refused != document);
        if let Some(in_flight) = &mut self.saving.in_flight {
            // What is being written of it will not be there.
            in_flight.documents.retain(|write| write.document != *document);
        }
        self.saving.erased.insert(document.clone(), noted);
        self.schedule_write(now);
    }

    fn schedule_write(&mut self, now: Now) {
        let soon = now.elapsed + SOON;
        let at = self.saving.last_start.map_or(soon, |last| soon.max(last + GROUP));
        let is_failing = self.saving.lone_failures >= LONE_FAILURES;
        // The timer may be one for documents that were refused: others need not wait for those.
        let is_early_enough = |time| is_failing || time <= at;
        if self.saving.in_flight.is_none()
            && !self.timers.time_of(&Timer::Save).is_some_and(is_early_enough)
        {
            self.timers.set(Timer::Save, at);
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
    pub(super) fn keep_states(&mut self, document: &DocumentId) -> bool {
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
        let mut erased = BTreeMap::new();
        let mut is_retry = false;
        // After a failure, what goes goes alone: there is room for it on any disk.
        let erases_alone = self.saving.limit.is_some()
            && (!self.saving.erasing_failed || !self.saving.has_free_documents());
        if !erases_alone || self.saving.erased.is_empty() {
            let (chosen, of_refused) = self.saving.next_documents(now.elapsed);
            is_retry = of_refused;
            let mut chosen = chosen.into_iter();
            let mut bytes = 0;
            while bytes < MAX_BATCH_BYTES
                && let Some(document) = chosen.next()
            {
                if let Some(slot) = self.slots.get(&document) {
                    let write = write_of(&document, slot, self.options.min_compaction, &mut batch);
                    bytes += write.added.iter().map(|(_, length)| *length).sum::<usize>();
                    documents.push(write);
                }
            }
            self.saving.dirty.extend(chosen);
        }
        if erases_alone || self.saving.limit.is_none() && !is_retry {
            erased = std::mem::take(&mut self.saving.erased);
        }
        for (document, noted) in &erased {
            batch.erased.push(document.clone());
            if *noted {
                batch.puts.push((StoredKey::deleted(document), b"1".to_vec()));
            }
        }
        if batch.is_empty() {
            if is_retry {
                self.saving.refused.pop_front();
            }
            if !self.saving.refused.is_empty() {
                self.timers.set(Timer::Save, self.saving.retry_at.max(now.elapsed));
            }
            return;
        }
        let write = WriteId(self.take_id());
        self.saving.in_flight = Some(InFlight { write, documents, erased, is_retry });
        self.saving.last_start = Some(now.elapsed);
        self.saving.is_pausing = false;
        self.effects.push(Effect::Write { write, batch });
    }

    pub(super) fn written(&mut self, write: WriteId, result: Result<(), String>, now: Now) {
        let Some(in_flight) = self.saving.in_flight.take_if(|current| current.write == write)
        else {
            return;
        };
        match result {
            Ok(()) => self.write_succeeded(in_flight, now),
            Err(reason) => self.write_failed(in_flight, reason, now),
        }
    }

    fn write_succeeded(&mut self, in_flight: InFlight, now: Now) {
        let saving = &mut self.saving;
        let had_failed = saving.error.take().is_some();
        saving.lone_failures = 0;
        saving.erasing_failed = false;
        saving.limit = saving.limit.filter(|limit| *limit < saving.dirty.len()).map(|n| 2 * n);
        if in_flight.is_retry {
            // There is room again: the others of those follow at once.
            saving.retry_at = now.elapsed;
            let written =
                |id: &DocumentId| in_flight.documents.iter().any(|write| write.document == *id);
            saving.refused.retain(|(document, _)| !written(document));
        }
        if saving.refused.is_empty() {
            saving.backoff.succeeded();
        }
        for written in in_flight.documents {
            self.document_written(written, now);
        }
        for document in in_flight.erased.keys() {
            self.forget_if_unused(document);
        }
        if had_failed {
            self.status_changed.extend(self.slots.keys().cloned());
        }
        // Whoever writes looks once more after this, so that the edits of people who go on typing
        // need not wake it: the next batch is begun by the clock alone.
        self.schedule_write(now);
    }

    /// A batch that fails is cut in half until the documents are found that cannot be written.
    fn write_failed(&mut self, in_flight: InFlight, reason: String, now: Now) {
        let InFlight { documents, erased, is_retry, .. } = in_flight;
        let saving = &mut self.saving;
        let is_lone = documents.len() == 1 && erased.is_empty();
        saving.erasing_failed = documents.is_empty();
        if !documents.is_empty() && !is_retry {
            saving.limit = Some((documents.len() / 2).max(1));
            saving.lone_failures += usize::from(is_lone);
        }
        // As long as it may be one document's fault, no other is told of an error: it may be saved
        // the next moment.
        if saving.erasing_failed || saving.lone_failures >= LONE_FAILURES {
            saving.error = Some(reason.clone());
        }
        // What was decided since then holds.
        let later = std::mem::replace(&mut saving.erased, erased);
        saving.erased.extend(later);
        for DocumentWrite { document, .. } in documents {
            if is_lone {
                saving.dirty.remove(&document);
                saving.refused.retain(|(refused, _)| *refused != document);
                saving.refused.push_back((document, reason.clone()));
            } else {
                saving.dirty.insert(document);
            }
        }
        let goes_on = match (saving.erasing_failed, is_retry) {
            (true, _) => saving.has_free_documents(),
            (false, true) => saving.has_work(),
            (false, false) => saving.has_work() && saving.lone_failures < LONE_FAILURES,
        };
        saving.is_pausing = !goes_on;
        let mut at = now.elapsed + SOON;
        if is_lone || !goes_on {
            let pause = saving.backoff.failed(self.random.next());
            saving.retry_at = now.elapsed + pause;
            if !goes_on {
                at = saving.retry_at;
            }
        }
        self.timers.set(Timer::Save, at);
        self.status_changed.extend(self.slots.keys().cloned());
    }

    fn document_written(&mut self, written: DocumentWrite, now: Now) {
        let document = &written.document;
        let Some(slot) = self.slots.get_mut(document) else { return };
        if slot.phase == Phase::Deleted {
            return;
        }
        written.removed.iter().for_each(|key| slot.disk.remove_chunk(key));
        for (key, length) in written.added {
            slot.disk.add_chunk(key, length);
        }
        for (storage_id, state) in written.states {
            slot.disk.unsaved_states.retain(|id, unsaved| *id != storage_id || *unsaved != state);
            slot.disk.sync_states.insert(storage_id, state);
        }
        slot.disk.may_have_note = false;
        slot.disk.dropped_states.retain(|id| !written.dropped_states.contains(id));
        slot.disk.refused = written.refused;
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
}
