//! What undo and redo must know of what they wrote before.

use hashbrown::{HashMap, HashSet};
use rejoin_columnar::leb128::{self, Reader};

use crate::op_id::OpId;

/// Which operations stand for those of what was deleted and restored, and which marks do not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Renewed {
    /// By the id of an element, that of the one in its place.
    elements: HashMap<OpId, OpId>,
    /// By the id of a value or an object, that of the one in its place.
    values: HashMap<OpId, OpId>,
    /// Operations by undo and redo: what they deleted, later ones may take back.
    own: HashSet<OpId>,
    /// Marks that were taken back. They stand in the text for ever.
    taken_back: HashSet<OpId>,
    /// By a mark that undo or redo wrote, the mark for whose sake it did.
    stand_ins: HashMap<OpId, OpId>,
    /// Marks that the step at hand took back or brought back.
    switched: Vec<OpId>,
}

impl Renewed {
    /// The element that stands for this one now.
    pub(crate) fn element(&self, id: OpId) -> OpId {
        resolve(&self.elements, id)
    }

    /// The value or object that stands for this one now.
    pub(crate) fn value(&self, id: OpId) -> OpId {
        resolve(&self.values, id)
    }

    pub(crate) fn renew_element(&mut self, old: OpId, new: OpId) {
        self.elements.insert(old, new);
    }

    pub(crate) fn renew_value(&mut self, old: OpId, new: OpId) {
        self.values.insert(old, new);
    }

    /// A mark was copied into an object that stands for another one.
    pub(crate) fn renew_mark(&mut self, old: OpId, new: OpId) {
        self.elements.insert(old, new);
        if self.taken_back.contains(&old) {
            self.taken_back.insert(new);
        }
        if let Some(mark) = self.stand_ins.get(&old) {
            self.stand_ins.insert(new, *mark);
        }
    }

    /// Whether an undo or redo wrote this operation.
    pub(crate) fn is_own(&self, id: OpId) -> bool {
        self.own.contains(&id)
    }

    pub(crate) fn add_own(&mut self, id: OpId) {
        self.own.insert(id);
    }

    /// The mark that a mark is or stands for, as it is now.
    pub(crate) fn original_mark(&self, mark: OpId) -> OpId {
        self.element(self.stand_ins.get(&mark).copied().unwrap_or(mark))
    }

    pub(crate) fn add_stand_in(&mut self, stand_in: OpId, mark: OpId) {
        self.stand_ins.insert(stand_in, mark);
    }

    /// Whether a mark counts when it is asked what a text would be marked with.
    pub(crate) fn mark_counts(&self, mark: OpId) -> bool {
        !self.taken_back.contains(&mark) && !self.stand_ins.contains_key(&mark)
    }

    /// Takes a mark back, or brings it back if it was; once in a step. Whether it did.
    pub(crate) fn switch_mark(&mut self, mark: OpId) -> bool {
        if self.switched.contains(&mark) {
            return false;
        }
        self.switched.push(mark);
        if !self.taken_back.remove(&mark) {
            self.taken_back.insert(mark);
        }
        true
    }

    pub(crate) fn end_step(&mut self) {
        self.switched.clear();
    }

    /// Gives every id another name.
    pub(crate) fn map_ids(&mut self, name: impl Fn(OpId) -> OpId) {
        for map in [&mut self.elements, &mut self.values, &mut self.stand_ins] {
            *map = map.drain().map(|(old, new)| (name(old), name(new))).collect();
        }
        for set in [&mut self.own, &mut self.taken_back] {
            *set = set.drain().map(&name).collect();
        }
    }

    /// Writes what does not belong to a draft.
    pub(super) fn write(&self, out: &mut Vec<u8>, write_id: impl Fn(&mut Vec<u8>, &OpId)) {
        for map in [&self.elements, &self.values, &self.stand_ins] {
            let kept = map.iter().filter(|(old, new)| !old.is_draft() && !new.is_draft());
            let mut ids: Vec<_> = kept.collect();
            ids.sort_unstable_by_key(|(old, _)| (old.actor, old.counter));
            leb128::write_u64(out, ids.len() as u64);
            for (old, new) in ids {
                write_id(out, old);
                write_id(out, new);
            }
        }
        for set in [&self.own, &self.taken_back] {
            let mut ids: Vec<_> = set.iter().filter(|id| !id.is_draft()).collect();
            ids.sort_unstable_by_key(|id| (id.actor, id.counter));
            leb128::write_u64(out, ids.len() as u64);
            for id in ids {
                write_id(out, id);
            }
        }
    }

    /// Reads what [`Renewed::write`] wrote.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        read_id: impl Fn(&mut Reader<'_>) -> Option<OpId>,
    ) -> Option<Self> {
        let mut renewed = Self::default();
        for (map, is_chain) in [
            (&mut renewed.elements, true),
            (&mut renewed.values, true),
            (&mut renewed.stand_ins, false),
        ] {
            for _ in 0..reader.u64().ok()? {
                let (old, new) = (read_id(reader)?, read_id(reader)?);
                // What stands for something is younger, so that no chain comes back to itself.
                if is_chain && new.counter <= old.counter {
                    return None;
                }
                map.insert(old, new);
            }
        }
        for set in [&mut renewed.own, &mut renewed.taken_back] {
            for _ in 0..reader.u64().ok()? {
                set.insert(read_id(reader)?);
            }
        }
        Some(renewed)
    }
}

fn resolve(map: &HashMap<OpId, OpId>, mut id: OpId) -> OpId {
    while let Some(new) = map.get(&id) {
        id = *new;
    }
    id
}
