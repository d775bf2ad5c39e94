//! What a person or program on this side does with documents.

use rejoin_document::{Document, Patch, PatchLog};

use super::{
    Availability, DocumentStatus, Hub, Timer,
    slot::{PeerKnowledge, Phase, Slot},
};
use crate::{
    DocumentEvent, DocumentId, Now, Origin, PublishMode, publish_mode::Decision,
    session_payload::LastPacked,
};

/// The hub does not have the document in memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the document {0} is not open")]
pub struct UnknownDocument(pub DocumentId);

/// Why a document cannot be edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// Nobody has opened it.
    #[error(transparent)]
    Unknown(#[from] UnknownDocument),
    /// It is not in memory: being loaded, unavailable or deleted.
    #[error("the document {0} is not there yet")]
    NotReady(DocumentId),
}

impl Hub {
    /// Takes in a new document under a name that nothing else has, and begins to save and share it.
    /// Under a name that is known, what is new in it is merged. A deletion under this name is taken
    /// back, also one of which only a note on the disk tells.
    pub fn create(&mut self, document: &DocumentId, content: Document, now: Now) {
        let is_new = !self.slots.contains_key(document);
        let slot = self
            .slots
            .entry(document.clone())
            .or_insert_with(|| Slot::new(Phase::Ready, now.elapsed));
        if slot.is_in_memory() && !slot.document.heads().is_empty() {
            let before = slot.document.heads().to_vec();
            // What does not fit together stays out; the document is as it was.
            let merged = slot.document.merge(&content, &mut slot.log);
            let patches = slot.take_patches();
            if merged.is_ok_and(|new| !new.is_empty()) {
                self.changed(document, before, patches, Origin::Local, now);
            }
            return;
        }
        if slot.phase == Phase::Deleted {
            // The note that it was deleted goes too, or it would be again after a restart.
            self.needs_erasing(document, false, now);
        }
        let Some(slot) = self.slots.get_mut(document) else { return };
        if !slot.is_in_memory() {
            // What lies on the disk and is not in memory must not be taken for a part of this.
            slot.disk.forget_chunks();
        }
        // Nobody has asked the disk: the note would delete the document at the next start.
        slot.disk.may_have_note = is_new || !slot.is_in_memory();
        slot.document = content;
        self.count_set_aside(document);
        let pending = self.take_pending(document);
        self.set_phase(document, Phase::Ready);
        self.timers.clear(&Timer::Request(document.clone()));
        self.watch_idleness(document, now);
        self.needs_saving(document, now);
        self.tell(document, DocumentEvent::Ready);
        self.announce(document);
        self.queue_news_for_all(document);
        self.process_pending(document, pending, now);
    }

    /// Opens a document for somebody who will listen to it, from memory, disk or peers. Each call
    /// is paired with one of [`Hub::close_document`].
    ///
    /// Listeners then hear [`DocumentEvent::Ready`] or [`DocumentEvent::Unavailable`], unless the
    /// answer says so already.
    pub fn open(&mut self, document: &DocumentId, now: Now) -> Availability {
        let is_new = !self.slots.contains_key(document);
        let unit = self.options.text_unit;
        let slot = self
            .slots
            .entry(document.clone())
            .or_insert_with(|| Slot::new(Phase::Unavailable, now.elapsed));
        slot.watchers += 1;
        slot.last_used = now.elapsed;
        if slot.watchers == 1 {
            slot.log = PatchLog::active(unit);
        }
        match slot.phase {
            Phase::Unavailable if !is_new => {
                // Who had nothing before may have it now.
                let stale = |session: &super::slot::Session| {
                    session.knowledge == PeerKnowledge::Lacks && !session.wants
                };
                slot.sessions.retain(|_, session| !stale(session));
                self.answer_or_ask(document, now);
            }
            Phase::Unavailable | Phase::Dormant | Phase::LoadFailed => self.load(document),
            _ => {}
        }
        self.availability(document)
    }

    /// Tells the hub that a document is on disk, without reading it. It is then offered to those to
    /// whom it is announced, now and whenever they are connected again; nothing else changes.
    pub fn know(&mut self, document: &DocumentId, now: Now) {
        if self.slots.contains_key(document) {
            return;
        }
        let heads = self.asleep.remove(document).unwrap_or_default();
        self.slots.insert(document.clone(), Slot::dormant(heads, now.elapsed));
        self.offer(document, now);
    }

    /// Ends the listening of one caller of [`Hub::open`].
    pub fn close_document(&mut self, document: &DocumentId, now: Now) {
        let Some(slot) = self.slots.get_mut(document) else { return };
        slot.watchers = slot.watchers.saturating_sub(1);
        slot.last_used = now.elapsed;
        if slot.watchers == 0 {
            slot.log = PatchLog::inactive();
            self.leave_presence(document);
            self.watch_idleness(document, now);
            self.forget_if_unused(document);
        }
    }

    /// The document, when it is in memory.
    pub fn document(&self, document: &DocumentId) -> Option<&Document> {
        let slot = self.slots.get(document)?;
        (slot.phase == Phase::Ready).then_some(&slot.document)
    }

    /// Changes a document. What the closure commits is saved, and published as the mode says.
    ///
    /// What happened to a draft is saved as well. The closure may give the patches of what it
    /// commits, all of them, so that those who listen hear of it in terms of what it looks like.
    ///
    /// # Errors
    ///
    /// When the document is not in memory; the closure is not called then.
    pub fn edit<R>(
        &mut self,
        document: &DocumentId,
        now: Now,
        edit: impl FnOnce(&mut Document, &mut Option<Vec<Patch>>) -> R,
    ) -> Result<R, EditError> {
        let Some(slot) = self.slots.get_mut(document) else {
            return Err(UnknownDocument(document.clone()).into());
        };
        if slot.phase != Phase::Ready {
            return Err(EditError::NotReady(document.clone()));
        }
        let before = slot.document.heads().to_vec();
        let had_draft = slot.document.draft_len() > 0;
        let mut patches = None;
        let result = edit(&mut slot.document, &mut patches);
        if had_draft || slot.document.draft_len() > 0 {
            slot.draft_version += 1;
            self.needs_saving(document, now);
        }
        let Some(slot) = self.slots.get_mut(document) else { return Ok(result) };
        if slot.document.heads() != before {
            let others = slot.presence.others_present();
            let decision = slot.publisher.edited(now.elapsed, others);
            self.decided(document, decision);
            self.changed(document, before, patches, Origin::Local, now);
        } else if patches.as_ref().is_some_and(|patches| !patches.is_empty()) {
            // A draft has no heads, and is seen all the same.
            let heads = before.clone();
            let origin = Origin::Local;
            self.tell(document, DocumentEvent::Changed { origin, patches, before, heads });
        }
        Ok(result)
    }

    /// How eagerly the edits of a document are published.
    pub fn mode(&self, document: &DocumentId) -> PublishMode {
        self.slots.get(document).map(|slot| slot.publisher.mode()).unwrap_or_default()
    }

    /// Changes how eagerly the edits of a document are published.
    pub fn set_mode(&mut self, document: &DocumentId, mode: PublishMode, now: Now) {
        let Some(slot) = self.slots.get_mut(document) else { return };
        let others = slot.presence.others_present();
        let decision = slot.publisher.set_mode(mode, now.elapsed, others);
        self.decided(document, decision);
        self.queue_news_for_all(document);
        self.status_changed.insert(document.clone());
    }

    /// Publishes what is held back.
    pub fn publish(&mut self, document: &DocumentId) {
        let Some(slot) = self.slots.get_mut(document) else { return };
        let decision = slot.publisher.published();
        self.decided(document, decision);
        self.queue_news_for_all(document);
        self.status_changed.insert(document.clone());
    }

    /// Deletes a document here. Others keep theirs; it is not taken back from them.
    pub fn delete(&mut self, document: &DocumentId, now: Now) {
        let slot = self
            .slots
            .entry(document.clone())
            .or_insert_with(|| Slot::new(Phase::Deleted, now.elapsed));
        let sessions: Vec<_> = std::mem::take(&mut slot.sessions).into_keys().collect();
        slot.document = Document::new();
        slot.packed = LastPacked::default();
        slot.draft_version = 0;
        slot.disk = super::slot::Disk::default();
        self.count_set_aside(document);
        self.take_pending(document);
        for id in sessions {
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.documents.remove(document);
            }
        }
        self.set_phase(document, Phase::Deleted);
        self.needs_erasing(document, true, now);
        self.tell(document, DocumentEvent::Deleted);
    }

    /// Takes back that a document was deleted here: it may come again from those who have it. What
    /// was in it here stays lost.
    pub fn undelete(&mut self, document: &DocumentId, now: Now) {
        if self.slots.get(document).is_some_and(|slot| slot.phase == Phase::Deleted) {
            self.needs_erasing(document, false, now);
            self.set_phase(document, Phase::Unavailable);
            self.answer_or_ask(document, now);
        }
    }

    /// The documents that the hub knows of: in memory, or with peers that sync them.
    pub fn documents(&self) -> impl Iterator<Item = &DocumentId> {
        self.slots.iter().filter(|(_, slot)| slot.phase != Phase::Deleted).map(|(id, _)| id)
    }

    /// The number of documents that can be read now.
    pub fn documents_in_memory(&self) -> usize {
        self.slots.values().filter(|slot| slot.phase == Phase::Ready).count()
    }

    /// Whether the document was deleted here, as far as is known without reading the disk.
    pub fn is_deleted(&self, document: &DocumentId) -> bool {
        self.slots.get(document).is_some_and(|slot| slot.phase == Phase::Deleted)
    }

    /// Where a document is: in memory, on disk, with whom.
    pub fn status(&self, document: &DocumentId) -> Option<DocumentStatus> {
        self.slots.get(document).map(|slot| self.status_of(document, slot))
    }

    fn decided(&mut self, document: &DocumentId, decision: Decision) {
        let timer = Timer::Publish(document.clone());
        match decision {
            Decision::Now | Decision::Hold => self.timers.clear(&timer),
            Decision::At(at) => self.timers.set(timer, at),
        }
    }
}
