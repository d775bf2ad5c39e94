//! A store for tests that fails, fills up and crashes when it is told to.
//!
//! It stands where the real store stands, so what is tested is the code that runs in earnest. What
//! happens is a function of the seed and of the calls, so a run can be repeated.

use crate::{
    Batch, ChunkStore, KeyPrefix, MemoryStore, StorageKey, StoreError, StoreErrorKind, Write,
};
use std::cell::Cell;

/// A [`ChunkStore`] in memory with faults.
///
/// [`ChunkStore::apply`] is [`FaultyStore::write`] followed by [`FaultyStore::sync`]. A simulation
/// with a clock calls the two apart, as far apart as its disk is slow, and may crash in between:
/// what was written and not synced is then gone, except that the first batches of it, as many as
/// the seed says, may have reached the disk all the same, and with [`FaultyStore::tear`] a part of
/// the next one.
#[derive(Debug)]
pub struct FaultyStore {
    durable: MemoryStore,
    unsynced: Vec<Batch>,
    plan: Vec<Fault>,
    calls: Cell<u64>,
    crashed: Cell<bool>,
    capacity: Option<u64>,
    tears: bool,
    random: u64,
}

/// Something that will happen at a certain call of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The number of calls, reads and writes alike, that still go well before it.
    pub after_calls: u64,
    /// What happens then.
    pub kind: FaultKind,
}

/// The kinds of [`Fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// This one call fails with an error of this kind and changes nothing.
    Error(StoreErrorKind),
    /// The machine stops in the middle of the call. A batch that is being applied then is on the
    /// disk as a whole or not at all, as the seed says. Every later call fails until
    /// [`FaultyStore::restart`].
    Crash,
}

impl FaultyStore {
    /// An empty store without faults; `seed` decides what a crash leaves behind.
    pub fn new(seed: u64) -> FaultyStore {
        FaultyStore {
            durable: MemoryStore::new(),
            unsynced: Vec::new(),
            plan: Vec::new(),
            calls: Cell::new(0),
            crashed: Cell::new(false),
            capacity: None,
            tears: false,
            random: seed,
        }
    }

    /// Plans a fault, counted from now.
    pub fn inject(&mut self, fault: Fault) {
        let at = self.calls.get() + fault.after_calls;
        self.plan.push(Fault { after_calls: at, ..fault });
    }

    /// Limits the sum of all values to `bytes`; `None` lifts the limit. A batch beyond it fails
    /// with [`StoreErrorKind::Full`].
    pub fn limit(&mut self, bytes: Option<u64>) {
        self.capacity = bytes;
    }

    /// From now on a crash may leave a batch behind that is cut at some byte, as a store without
    /// journal would: its first writes, and the beginning of a value. What a value replaces stays
    /// until the new one is whole. That is less than [`ChunkStore`] promises, to see what a program
    /// makes of a damaged disk.
    pub fn tear(&mut self) {
        self.tears = true;
    }

    /// The number of calls so far.
    pub fn calls(&self) -> u64 {
        self.calls.get()
    }

    /// Whether the store has crashed and waits for [`FaultyStore::restart`].
    pub fn is_crashed(&self) -> bool {
        self.crashed.get()
    }

    /// What would be there after a crash in the worst case: everything synced.
    pub fn durable(&self) -> &MemoryStore {
        &self.durable
    }

    /// Hands a batch to the disk without waiting for it. Reads see it; a crash may lose it.
    ///
    /// # Errors
    ///
    /// Planned faults, and [`StoreErrorKind::Full`] at the limit.
    pub fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let was_running = !self.crashed.get();
        let step = self.step();
        if was_running && self.crashed.get() {
            self.lose_unsynced();
        }
        step?;
        self.check_room(batch)?;
        self.unsynced.push(batch.clone());
        Ok(())
    }

    /// Makes all that was written durable.
    ///
    /// # Errors
    ///
    /// Planned faults. After an error, other than a crash, what was written stays unsynced.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        let was_running = !self.crashed.get();
        let step = self.step();
        if was_running && self.crashed.get() {
            self.lose_unsynced();
        }
        step?;
        for batch in std::mem::take(&mut self.unsynced) {
            self.durable.apply(&batch)?;
        }
        Ok(())
    }

    /// Stops the machine now, as [`FaultKind::Crash`] does.
    pub fn crash(&mut self) {
        self.crashed.set(true);
        self.lose_unsynced();
    }

    /// Starts again after a crash, with what is on the disk and without planned faults.
    pub fn restart(&mut self) {
        self.lose_unsynced();
        self.crashed.set(false);
        self.plan.clear();
    }

    /// Counts a call and answers with the fault that is due at it.
    fn step(&self) -> Result<(), StoreError> {
        let call = self.calls.get();
        self.calls.set(call + 1);
        if self.crashed.get() {
            return Err(StoreError::new(StoreErrorKind::Io, "the store has crashed"));
        }
        match self.plan.iter().find(|fault| fault.after_calls == call) {
            None => Ok(()),
            Some(Fault { kind: FaultKind::Error(kind), .. }) => {
                Err(StoreError::new(*kind, format!("planned fault at call {call}")))
            }
            Some(Fault { kind: FaultKind::Crash, .. }) => {
                self.crashed.set(true);
                Err(StoreError::new(StoreErrorKind::Io, format!("planned crash at call {call}")))
            }
        }
    }

    fn lose_unsynced(&mut self) {
        let written = std::mem::take(&mut self.unsynced);
        let reached = self.next_random() % (written.len() as u64 + 1);
        for batch in written.iter().take(reached as usize) {
            self.durable.apply(batch).expect("invariant: a memory store does not fail");
        }
        if let Some(next) = written.get(reached as usize).filter(|_| self.tears) {
            let torn = self.cut(next);
            self.durable.apply(&torn).expect("invariant: a memory store does not fail");
        }
    }

    /// What a batch is when it is cut at some byte of what it puts, or behind one of its deletions.
    fn cut(&mut self, batch: &Batch) -> Batch {
        let length = |write: &Write| match write {
            Write::Put(_, value) => value.len() as u64 + 1,
            Write::Delete(_) => 1,
        };
        let mut left = self.next_random() % (batch.writes().iter().map(length).sum::<u64>() + 1);
        let mut torn = Batch::new();
        for write in batch.writes() {
            if left == 0 {
                break;
            }
            let is_whole = length(write) <= left;
            match write {
                Write::Put(key, value) if is_whole => torn.put(key.clone(), value.clone()),
                Write::Put(key, value) if self.durable.load(key).is_ok_and(|old| old.is_none()) => {
                    torn.put(key.clone(), value[..left as usize - 1].to_vec())
                }
                Write::Put(..) => &mut torn,
                Write::Delete(key) if is_whole => torn.delete(key.clone()),
                Write::Delete(_) => &mut torn,
            };
            if !is_whole {
                break;
            }
            left -= length(write);
        }
        torn
    }

    fn check_room(&self, batch: &Batch) -> Result<(), StoreError> {
        let Some(capacity) = self.capacity else { return Ok(()) };
        let mut after = self.current();
        after.apply(batch)?;
        let size = after.size(&KeyPrefix::all())?;
        if size > capacity {
            let detail = format!("{size} bytes would exceed the limit of {capacity}");
            return Err(StoreError::new(StoreErrorKind::Full, detail));
        }
        Ok(())
    }

    /// What a reader sees: everything written, synced or not.
    fn current(&self) -> MemoryStore {
        let mut current = self.durable.clone();
        for batch in &self.unsynced {
            current.apply(batch).expect("invariant: a memory store does not fail");
        }
        current
    }

    /// The next number of the sequence that the seed began (splitmix64).
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl ChunkStore for FaultyStore {
    fn load(&self, key: &StorageKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.step()?;
        let written = self.unsynced.iter().rev().flat_map(|batch| batch.writes().iter().rev());
        for write in written {
            match write {
                Write::Put(written, value) if written == key => return Ok(Some(value.clone())),
                Write::Delete(written) if written == key => return Ok(None),
                _ => {}
            }
        }
        self.durable.load(key)
    }

    fn load_range(&self, prefix: &KeyPrefix) -> Result<Vec<(StorageKey, Vec<u8>)>, StoreError> {
        self.step()?;
        if self.unsynced.is_empty() {
            return self.durable.load_range(prefix);
        }
        self.current().load_range(prefix)
    }

    fn keys(&self, prefix: &KeyPrefix) -> Result<Vec<StorageKey>, StoreError> {
        self.step()?;
        if self.unsynced.is_empty() {
            return self.durable.keys(prefix);
        }
        self.current().keys(prefix)
    }

    fn size(&self, prefix: &KeyPrefix) -> Result<u64, StoreError> {
        self.step()?;
        self.current().size(prefix)
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let was_running = !self.crashed.get();
        let step = self.step();
        if was_running && self.crashed.get() {
            // The machine stops while the batch is on its way, behind the unsynced ones.
            self.unsynced.push(batch.clone());
            self.lose_unsynced();
        }
        step?;
        self.check_room(batch)?;
        self.unsynced.push(batch.clone());
        for batch in std::mem::take(&mut self.unsynced) {
            self.durable.apply(&batch)?;
        }
        Ok(())
    }
}
