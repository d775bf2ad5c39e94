//! People delete documents and put them back.
//!
//! What a machine is expected to hold to is its *fate* of a document: deleted there, or not. Before
//! the disk has it, a crash may take either back; after that, only a person does.

use rejoin_document::Document;
use rejoin_sync::{Availability, DocumentId};

use crate::{
    check::Failure,
    node::{Node, read},
    world::{Process, World},
};

/// What a person has last decided about a document on one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) is_deleted: bool,
    /// The disk has it, so that no crash undoes it.
    is_durable: bool,
    /// Nobody puts it back when the story ends.
    pub(crate) is_final: bool,
}

impl Fate {
    fn new(is_deleted: bool) -> Self {
        Self { is_deleted, is_durable: false, is_final: false }
    }
}

impl Node {
    /// Whether the people at the machine have deleted the document.
    pub(crate) fn has_deleted(&self, document: &DocumentId) -> bool {
        self.fates.get(document).is_some_and(|fate| fate.is_deleted)
    }

    fn availability(&self, document: &DocumentId) -> Option<Availability> {
        self.hub.as_ref().map(|hub| hub.availability(document))
    }

    /// Everything is on the disk, what was decided about documents as well.
    pub(crate) fn fates_are_durable(&mut self) {
        if self.hub.as_ref().is_some_and(|hub| hub.is_saved()) {
            self.fates.values_mut().for_each(|fate| fate.is_durable = true);
        }
    }
}

impl World {
    /// Somebody deletes a document on one machine.
    pub(crate) fn delete(&mut self, index: usize, document: &DocumentId) {
        let Some(node) = self.nodes.get_mut(index).filter(|node| node.hub.is_some()) else {
            return;
        };
        node.forget_actor(document);
        node.screens.remove(document);
        node.fates.insert(document.clone(), Fate::new(true));
        self.claims.withdraw(index, document);
        self.report.deletions += 1;
        self.act(index, |hub, now| hub.delete(document, now));
    }

    /// Somebody takes back that a document was deleted, to have it from others again.
    pub(crate) fn undelete(&mut self, index: usize, document: &DocumentId) {
        let Some(node) = self.nodes.get_mut(index) else { return };
        // Only what is known to be deleted is offered to people.
        if node.availability(document) == Some(Availability::Deleted) {
            node.fates.insert(document.clone(), Fate::new(false));
            self.report.put_back += 1;
            // It is opened for this, and closed again at once.
            self.act(index, |hub, now| {
                hub.open(document, now);
                hub.undelete(document, now);
                hub.close_document(document, now);
            });
        }
    }

    /// Somebody was handed a copy and takes it in: over a deletion, or beside what is there.
    pub(crate) fn take_in(&mut self, index: usize, document: &DocumentId) {
        use Availability::{Deleted, Ready, Requesting, Unavailable};
        let writers = self.nodes.iter().filter(|node| !node.is_reader);
        let hubs = writers.filter_map(|node| node.hub.as_ref());
        let copies: Vec<_> = hubs.filter_map(|hub| hub.document(document)).collect();
        if copies.is_empty() {
            return;
        }
        let copy: Document = copies[self.random.below(copies.len())].fork();
        let Some(node) = self.nodes.get_mut(index) else { return };
        // The disk is asked first whether it has the document.
        let Some(Ready | Requesting | Unavailable | Deleted) = node.availability(document) else {
            return;
        };
        if node.has_deleted(document) {
            node.fates.insert(document.clone(), Fate::new(false));
            self.report.put_back += 1;
        }
        self.act(index, |hub, now| hub.create(document, copy, now));
    }

    /// Puts back what was deleted, except what stays deleted for good.
    pub(crate) fn put_all_back(&mut self) {
        for index in 0..self.nodes.len() {
            let fates = self.nodes[index].fates.clone();
            for (document, fate) in fates {
                if fate.is_deleted && !fate.is_final {
                    self.undelete(index, &document);
                }
            }
        }
    }

    /// Decides which deletions are for good. One copy fewer must not keep the others apart.
    pub(crate) fn choose_final_deletions(&mut self, others_can_meet: bool) {
        for index in 0..self.nodes.len() {
            let documents: Vec<_> = self.nodes[index].fates.keys().cloned().collect();
            for document in documents {
                let is_final = others_can_meet && self.random.one_in(2);
                if let Some(fate) = self.nodes[index].fates.get_mut(&document) {
                    fate.is_final = is_final;
                }
            }
        }
    }
}

/// Checks that a running machine holds to what was decided there.
pub(crate) fn decisions_hold(world: &mut World, process: Process) {
    let Some(node) = world.alive(process) else { return };
    node.fates_are_durable();
    let mut wrong = None;
    for (document, fate) in &node.fates {
        use Availability::{Deleted, LoadFailed, Loading, Unknown};
        let availability = node.hub.as_ref().map(|hub| hub.availability(document));
        let holds = match availability {
            Some(Deleted) => fate.is_deleted,
            Some(Unknown | Loading | LoadFailed) | None => true,
            Some(_) => !fate.is_deleted,
        };
        if !holds {
            let index = node.index;
            wrong = Some(format!("machine {index}, {document}: {availability:?}, {fate:?}"));
        }
    }
    if let Some(wrong) = wrong {
        world.fail(Failure::new(wrong));
    }
}

/// Checks that the disk of a machine that has crashed holds to it, and lets what was under way be
/// as the disk has it.
pub(crate) fn decisions_survive(world: &mut World, index: usize) {
    let Some(node) = world.nodes.get_mut(index) else { return };
    let mut wrong = None;
    for (document, fate) in &mut node.fates {
        let Ok(stored) = read(node.disk.durable(), document) else { continue };
        if fate.is_durable && fate.is_deleted != stored.is_deleted() {
            wrong = Some(format!("machine {index}, {document}: a crash has undone {fate:?}"));
        }
        if stored.is_deleted() && !stored.document().heads().is_empty() {
            wrong = Some(format!("machine {index} has kept what was deleted: {document}"));
        }
        fate.is_deleted = stored.is_deleted();
        fate.is_durable = true;
    }
    if let Some(wrong) = wrong {
        world.fail(Failure::new(wrong));
    }
}
