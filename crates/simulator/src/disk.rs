//! Disks that are worse than a store may be: full for a while, cut at some byte by a crash, and with
//! chunks on them of which nobody knows any more.

use rejoin_storage::{Batch, ChunkStore, KeyPrefix, StorageKey};
use rejoin_sync::{DocumentId, StoredKind, WriteBatch};

use crate::{
    node::{Node, storage_key},
    world::{Happening, World},
};

/// So many chunks that were replaced are remembered on each machine.
const MAX_REPLACED: usize = 20;

impl Node {
    /// Remembers what a batch replaces.
    pub(crate) fn remember_replaced(&mut self, batch: &WriteBatch) {
        let chunks = batch.deletes.iter();
        let is_chunk = |kind| matches!(kind, StoredKind::Snapshot | StoredKind::Incremental);
        for key in chunks.filter(|key| is_chunk(key.kind)) {
            if let (true, Ok(Some(bytes))) =
                (self.replaced.len() < MAX_REPLACED, self.disk.load(&storage_key(key)))
            {
                self.replaced.push((key.clone(), bytes));
            }
        }
    }
}

impl World {
    /// Half of the stories have bad disks.
    pub(crate) fn choose_disks(&mut self) {
        self.disks_are_bad = self.random.one_in(2);
        if self.disks_are_bad {
            self.nodes.iter_mut().for_each(|node| node.disk.tear());
        }
    }

    /// There is hardly any room on a disk for a while.
    pub(crate) fn fill_disk(&mut self, index: usize) {
        let (room, pause) = (self.random.below(2_000), self.random.millis(500, 10_000));
        let Some(node) = self.nodes.get_mut(index).filter(|node| node.hub.is_some()) else {
            return;
        };
        let Ok(size) = node.disk.size(&KeyPrefix::all()) else { return };
        node.disk.limit(Some(size + room as u64));
        self.report.full_disks += 1;
        self.after(pause, Happening::RoomAgain { node: index });
    }

    /// There is as much room on a disk as anybody wants.
    pub(crate) fn make_room(&mut self, index: usize) {
        if let Some(node) = self.nodes.get_mut(index) {
            node.disk.limit(None);
        }
    }

    /// A chunk turns up on the disk of a machine that starts: one that was replaced long ago, or half
    /// of one under a name of its own.
    pub(crate) fn leave_orphan(&mut self, index: usize) {
        if !self.disks_are_bad || !self.random.one_in(2) {
            return;
        }
        let (is_old, pick, name) =
            (self.random.one_in(2), self.random.number() as usize, self.random.number());
        let Some(node) = self.nodes.get_mut(index) else { return };
        let found = match is_old {
            true => replaced(node, pick),
            false => half(node, pick, &format!("{name:064x}")),
        };
        let Some((key, bytes)) = found else { return };
        let mut batch = Batch::new();
        batch.put(key, bytes);
        // A disk that is full has no room for it either.
        if node.disk.apply(&batch).is_ok() {
            self.report.orphans += 1;
        }
    }
}

/// A chunk that was replaced, of a document that nobody at the machine has ever deleted.
fn replaced(node: &Node, pick: usize) -> Option<(StorageKey, Vec<u8>)> {
    let old = node.replaced.iter().filter(|(key, _)| !node.fates.contains_key(&key.document));
    let old: Vec<_> = old.collect();
    let (key, bytes) = old.get(pick % old.len().max(1))?;
    Some((storage_key(key), bytes.clone()))
}

/// Half of a chunk that is there, of such a document.
fn half(node: &Node, pick: usize, name: &str) -> Option<(StorageKey, Vec<u8>)> {
    let chunks = node.disk.durable().iter().filter(|(key, _)| {
        let [document, kind, ..] = key.segments() else { return false };
        let is_deleted =
            document.parse::<DocumentId>().is_ok_and(|id| node.fates.contains_key(&id));
        let kind = StoredKind::parse(kind);
        !is_deleted && matches!(kind, Some(StoredKind::Snapshot | StoredKind::Incremental))
    });
    let chunks: Vec<_> = chunks.collect();
    let (key, bytes) = chunks.get(pick % chunks.len().max(1))?;
    let segments = [key.segments()[0].as_str(), "incremental", name];
    Some((StorageKey::new(segments).ok()?, bytes[..bytes.len() / 2].to_vec()))
}
