//! The promises.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use rejoin_document::{ChangeHash, Document};
use rejoin_sync::{DocumentId, DocumentStatus, StorageId};

use crate::{
    node::{Node, read, text_of},
    world::{Process, World},
};

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

/// What was called durable: which heads of which document on which machine.
#[derive(Debug, Default)]
pub(crate) struct Claims(BTreeMap<usize, BTreeMap<DocumentId, BTreeSet<ChangeHash>>>);

/// Notes what a status calls durable.
pub(crate) fn note_claims(
    world: &mut World,
    process: Process,
    document: &DocumentId,
    status: &DocumentStatus,
) {
    believed(world, process, status);
    let mut noted = vec![(process.node, status.disk.heads.clone())];
    for server in &status.servers {
        if let Some(node) = owner(world, &server.storage_id) {
            noted.push((node, server.heads.clone()));
        }
    }
    for (node, heads) in noted {
        let claims = world.claims.0.entry(node).or_default().entry(document.clone()).or_default();
        let before = claims.len();
        claims.extend(heads);
        world.report.claims += claims.len() - before;
    }
}

impl Claims {
    /// What was deleted on a machine by choice is not missed there.
    pub(crate) fn withdraw(&mut self, node: usize, document: &DocumentId) {
        if let Some(claims) = self.0.get_mut(&node) {
            claims.remove(document);
        }
    }
}

/// Checks that a machine believes only those about a disk whom it dialed or let in as servers.
pub(crate) fn believed(world: &mut World, process: Process, status: &DocumentStatus) {
    for server in &status.servers {
        let name = server.peer.as_str().trim_start_matches('n');
        let speaker = name.split('r').next().and_then(|index| index.parse::<usize>().ok());
        let speaker = speaker.and_then(|index| world.nodes.get(index));
        let is_dialed = |speaker: &Node| {
            world.nodes.get(process.node).is_some_and(|node| node.dials.contains(&speaker.index))
        };
        if !speaker.is_some_and(|speaker| speaker.has_token || is_dialed(speaker)) {
            let reason = format!("machine {} believes {server:?} about a disk", process.node);
            world.fail(Failure(reason));
        }
    }
}

/// As [`believed`], for all documents of a machine that nobody at it looks at.
pub(crate) fn nobody_is_deceived(world: &mut World, index: usize) {
    let Some(node) = world.nodes.get(index) else { return };
    let (process, Some(hub)) = (node.process(), &node.hub) else { return };
    let statuses: Vec<_> = hub.documents().filter_map(|id| hub.status(id)).collect();
    statuses.iter().for_each(|status| believed(world, process, status));
}

fn owner(world: &World, storage_id: &StorageId) -> Option<usize> {
    world.nodes.iter().position(|node| node.storage_id == *storage_id)
}

/// Checks that the disk of a machine has everything that was called durable on it.
pub(crate) fn durable_claims(world: &mut World, index: usize) {
    let Some(claims) = world.claims.0.get(&index) else { return };
    let Some(node) = world.nodes.get(index) else { return };
    let mut failure = None;
    for (document, heads) in claims {
        match read(node.disk.durable(), document) {
            Ok(stored) => {
                let lost = heads.iter().find(|head| !stored.document().has_change(head));
                if let Some(head) = lost {
                    failure = Some(format!("machine {index} lost {head}, which was durable"));
                }
                if stored.is_deleted() && !heads.is_empty() {
                    failure = Some(format!("machine {index} lost {document}, put back before"));
                }
                if stored.unread() > 0 && !world.disks_are_bad {
                    failure = Some(format!("machine {index} wrote what it cannot read"));
                }
            }
            Err(error) => failure = Some(error),
        }
    }
    if let Some(failure) = failure {
        world.fail(Failure(failure));
    }
}

/// Checks that windows, which see patches only, show what the documents hold.
pub(crate) fn screens(world: &mut World, process: Process) {
    let Some(node) = world.alive(process) else { return };
    let Some(hub) = &node.hub else { return };
    let wrong = node.screens.iter().find_map(|(id, screen)| {
        let document = hub.document(id)?;
        if screen.heads != document.heads() {
            return Some(format!("a window of machine {} was not told of a change", node.index));
        }
        let text = text_of(document);
        let (index, shown) = (node.index, &screen.text);
        (text != *shown).then(|| format!("machine {index} shows {shown:?} instead of {text:?}"))
    });
    if let Some(wrong) = wrong {
        world.fail(Failure(wrong));
    }
}

/// Whether all copies that are in memory are equal, and everybody who opened a document has it.
pub(crate) fn agree(world: &World) -> Result<(), Failure> {
    for id in &world.documents {
        // The only machine that had it may have crashed at once; nobody called it durable then.
        let exists = |node: &Node| {
            let on_disk =
                || read(node.disk.durable(), id).is_ok_and(|s| !s.document().heads().is_empty());
            node.hub.as_ref().is_some_and(|hub| hub.document(id).is_some()) || on_disk()
        };
        if !world.nodes.iter().filter(|node| !node.is_reader).any(exists) {
            continue;
        }
        let mut copies: Vec<Copy> = Vec::new();
        for node in world.nodes.iter().filter(|node| !node.has_deleted(id)) {
            let document = node.hub.as_ref().and_then(|hub| hub.document(id));
            let Some(document) = document else {
                if node.opened.contains(id) {
                    let hub = node.hub.as_ref();
                    let how = hub.map(|hub| hub.availability(id));
                    return Err(Failure(format!("machine {} lacks {id}: {how:?}", node.index)));
                }
                // What is on a disk only must be the same as well.
                match read(node.disk.durable(), id) {
                    Ok(stored) if !stored.document().heads().is_empty() => {
                        copies.push(copy(node.index, stored.document()));
                    }
                    _ => {}
                }
                continue;
            };
            copies.push(copy(node.index, document));
        }
        let (readers, copies): (Vec<_>, Vec<_>) =
            copies.into_iter().partition(|copy| world.nodes[copy.node].is_reader);
        let Some(first) = copies.first() else { continue };
        for reader in &readers {
            let hub = world.nodes[reader.node].hub.as_ref();
            let document = hub.and_then(|hub| hub.document(id));
            if document.is_some_and(|doc| first.heads.iter().any(|head| !doc.has_change(head))) {
                let status = hub.and_then(|hub| hub.status(id));
                let server = world.nodes[first.node].hub.as_ref().and_then(|hub| hub.status(id));
                return Err(Failure(format!(
                    "a reader lacks something:\n{reader:?}\n{first:?}\n{status:#?}\n{server:#?}"
                )));
            }
        }
        for other in &copies {
            if (&other.heads, &other.text) != (&first.heads, &first.text) {
                let status = |copy: &Copy| {
                    let hub = world.nodes[copy.node].hub.as_ref()?;
                    hub.status(id)
                };
                let statuses = (status(first), status(other));
                return Err(Failure(format!(
                    "machines differ on {id}:\n{first:?}\n{other:?}\n{statuses:#?}"
                )));
            }
        }
    }
    Ok(())
}

/// What one machine has of a document.
#[derive(Debug)]
struct Copy {
    node: usize,
    heads: Vec<ChangeHash>,
    text: String,
}

fn copy(node: usize, document: &Document) -> Copy {
    Copy { node, heads: document.heads().to_vec(), text: text_of(document) }
}
/// Whether everything is on disk and every answer was given.
pub(crate) fn is_quiet(world: &World) -> bool {
    world
        .nodes
        .iter()
        .all(|node| node.unanswered() == 0 && node.hub.as_ref().is_some_and(|hub| hub.is_saved()))
        && world.nodes.iter().all(|node| node.fates.values().all(|f| !f.is_deleted || f.is_final))
}

/// Checks that what was written where it can only be read went nowhere.
fn readers_are_unheard(world: &World) -> Result<(), Failure> {
    let unheard = || world.nodes.iter().flat_map(|node| &node.unheard);
    for node in world.nodes.iter().filter(|node| !node.is_reader) {
        let documents = world.documents.iter();
        for document in documents.filter_map(|id| node.hub.as_ref()?.document(id)) {
            if let Some(change) = unheard().find(|change| document.has_change(change)) {
                let index = node.index;
                return Err(Failure(format!("machine {index} took {change} from a reader")));
            }
        }
    }
    Ok(())
}

/// The promises that are due when everything has healed.
pub(crate) fn at_the_end(world: &mut World) -> Result<(), Failure> {
    readers_are_unheard(world)?;
    // What was said by those who hold the documents open is now true of everybody.
    statuses(world)?;
    storms(world)?;
    for index in 0..world.nodes.len() {
        world.crash(index);
        if let Some(failure) = world.failure.take() {
            return Err(failure);
        }
    }
    world.report.crashes -= world.nodes.len();
    Ok(())
}

fn statuses(world: &World) -> Result<(), Failure> {
    for node in &world.nodes {
        for id in &node.opened {
            let Some(status) = node.hub.as_ref().and_then(|hub| hub.status(id)) else { continue };
            if !status.disk.is_all || status.is_held_back {
                return Err(Failure(format!("machine {} is not at rest: {status:#?}", node.index)));
            }
            if let Some(peer) = status.peers.iter().find(|peer| peer.problem.is_some()) {
                return Err(Failure(format!("machine {} gave up: {peer:#?}", node.index)));
            }
        }
    }
    Ok(())
}

/// Each change crosses each connection at most a few times, and each meeting of two peers costs a
/// few messages per document.
fn storms(world: &World) -> Result<(), Failure> {
    let report = &world.report;
    let links: usize = world.nodes.iter().map(|node| node.dials.len()).sum();
    let per_change = 6 * links;
    let per_meeting = 8 + 12 * report.documents;
    let restless = 400 * links;
    let per_return = 12 * links;
    let bound = report.edits * per_change
        + report.connections * per_meeting
        + report.put_back * per_return
        + restless;
    if report.frames > bound {
        let frames = report.frames;
        return Err(Failure(format!("a storm: {frames} frames, at most {bound} expected")));
    }
    Ok(())
}
