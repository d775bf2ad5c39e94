//! What a batch writes of a document: snapshots, incremental chunks, its journal and sync states.

use std::collections::BTreeSet;

use rejoin_document::ChangeHash;

use super::slot::Slot;
use crate::{DocumentId, StorageId, StoredKey, WriteBatch};

/// What a batch does to one document.
#[derive(Debug)]
pub(super) struct DocumentWrite {
    pub(super) document: DocumentId,
    pub(super) heads: Vec<ChangeHash>,
    pub(super) added: Vec<(StoredKey, usize)>,
    pub(super) removed: Vec<StoredKey>,
    /// Where the refused changes are afterwards.
    pub(super) refused: Option<StoredKey>,
    pub(super) states: Vec<(StorageId, Vec<u8>)>,
    pub(super) dropped_states: BTreeSet<StorageId>,
    pub(super) draft_version: u64,
}

/// Adds to the batch what makes the disk equal to memory for one document.
pub(super) fn write_of(
    document: &DocumentId,
    slot: &Slot,
    min_compaction: usize,
    batch: &mut WriteBatch,
) -> DocumentWrite {
    let mut write = DocumentWrite {
        document: document.clone(),
        heads: slot.heads().to_vec(),
        added: Vec::new(),
        removed: Vec::new(),
        refused: slot.disk.refused.clone(),
        states: Vec::new(),
        dropped_states: slot.disk.dropped_states.clone(),
        draft_version: slot.draft_version,
    };
    if slot.heads() != slot.disk.heads {
        let Chunks { puts, removed, refused } = chunks_of(document, slot, min_compaction);
        write.refused = refused;
        write.added = puts.iter().map(|(key, chunk)| (key.clone(), chunk.len())).collect();
        batch.puts.extend(puts);
        batch.deletes.extend(removed.iter().cloned());
        write.removed = removed;
    }
    if slot.disk.may_have_note {
        batch.deletes.push(StoredKey::deleted(document));
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

/// What is put, and what goes because that replaces it.
struct Chunks {
    puts: Vec<(StoredKey, Vec<u8>)>,
    removed: Vec<StoredKey>,
    /// Where the refused changes are then.
    refused: Option<StoredKey>,
}

/// A snapshot when one is due, with the chunks that it replaces, or else an incremental chunk.
///
/// All that was read without fault is somewhere in what replaces it: a save has the changes that
/// wait for others behind it, and those that were refused get a chunk of their own. So nobody keeps
/// old chunks on the disk by sending changes that wait for ever; those of peers that still wait are
/// not saved at all. Incremental chunks hold what was applied and nothing else, or each would repeat
/// all that waits.
fn chunks_of(document: &DocumentId, slot: &Slot, min_compaction: usize) -> Chunks {
    let disk = &slot.disk;
    let incremental: Vec<u8> = slot
        .document
        .changes_since(&disk.heads)
        .iter()
        .flat_map(|change| change.bytes())
        .copied()
        .collect();
    // What was refused does not shrink, however often all else is saved anew.
    let refused_bytes = disk.refused.as_ref().and_then(|key| disk.chunks.get(key)).unwrap_or(&0);
    let grown = disk.incremental_bytes - refused_bytes + incremental.len();
    // A snapshot costs time with the number of changes and room with its length, so that it has to
    // be earned in both: however long the history, the cost per edit stays the same.
    let worth = disk.snapshot_bytes.max(slot.document.change_count()).max(min_compaction);
    if !disk.chunks.is_empty() && grown < worth {
        let puts = vec![(StoredKey::incremental(document, &incremental), incremental)];
        return Chunks { puts, removed: Vec::new(), refused: disk.refused.clone() };
    }
    let key = StoredKey::snapshot(document, slot.document.heads());
    let mut puts = vec![(key, slot.document.save_kept())];
    let refused: Vec<&[u8]> = slot.document.refused().iter().map(|one| one.bytes()).collect();
    let refused = (!refused.is_empty() && !disk.chunks.is_empty()).then(|| {
        let refused = refused.concat();
        let key = StoredKey::incremental(document, &refused);
        puts.push((key.clone(), refused));
        key
    });
    let is_put = |old: &StoredKey| puts.iter().any(|(key, _)| key == old);
    let removed = disk.chunks.keys().filter(|old| !is_put(old)).cloned().collect();
    Chunks { puts, removed, refused }
}
