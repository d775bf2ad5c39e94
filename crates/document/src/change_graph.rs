//! The graph of changes: dependencies, heads and ancestry.

use std::{
    collections::BinaryHeap,
    sync::{Mutex, OnceLock},
};

use smallvec::SmallVec;

use crate::{change_hash::ChangeHash, clock::Clock, hash_index::HashIndex};

/// The number of a change: changes are numbered so that each comes after its dependencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ChangeIndex(pub(crate) u32);

/// All changes of a document.
///
/// People commit in rows: changes that each follow the one before, by one actor, with the same time,
/// share one run. Only the hash and the greatest counter are kept for each.
#[derive(Debug, Default)]
pub(crate) struct ChangeGraph {
    /// The hashes of all changes but the first `deferred`.
    hashes: Vec<ChangeHash>,
    /// How many of the first changes a trusted load left without hashes, but for its heads.
    deferred: usize,
    deferred_heads: Vec<(ChangeIndex, ChangeHash)>,
    /// The hashes of the first `deferred` changes, once somebody asked.
    computed: OnceLock<Vec<ChangeHash>>,
    max_ops: Vec<u32>,
    runs: Vec<ChangeRun>,
    /// The runs of each actor, ascending.
    by_actor: Vec<Vec<u32>>,
    heads: Vec<ChangeHash>,
    head_indexes: Vec<ChangeIndex>,
    index: Mutex<HashIndex>,
}

/// What a change is besides its operations.
#[derive(Debug, Clone)]
pub(crate) struct NewChange {
    pub(crate) actor: u32,
    pub(crate) seq: u32,
    pub(crate) start_op: u32,
    pub(crate) max_op: u32,
    pub(crate) time: i64,
    pub(crate) message: Option<Box<str>>,
    /// Ascending.
    pub(crate) deps: SmallVec<[ChangeIndex; 2]>,
    pub(crate) extra: Box<[u8]>,
}

#[derive(Debug, Clone)]
struct ChangeRun {
    first: u32,
    count: u32,
    actor: u32,
    first_seq: u32,
    /// Of the first; each further change starts after the one before.
    start_op: u32,
    time: i64,
    /// Of each.
    message: Option<Box<str>>,
    /// Of the first; each further change depends on the one before.
    deps: SmallVec<[ChangeIndex; 2]>,
    /// Of the first; further changes have none.
    extra: Box<[u8]>,
}

/// What is known of one change.
#[derive(Debug, Clone)]
pub(crate) struct ChangeInfo<'a> {
    pub(crate) actor: u32,
    pub(crate) seq: u32,
    pub(crate) start_op: u32,
    pub(crate) max_op: u32,
    pub(crate) time: i64,
    pub(crate) message: Option<&'a str>,
    pub(crate) deps: SmallVec<[ChangeIndex; 2]>,
    pub(crate) extra: &'a [u8],
}

/// Changes by one actor with the same time and message, each following the one before.
pub(crate) struct ChangeRow<'a> {
    pub(crate) first: ChangeIndex,
    pub(crate) count: u32,
    /// What the first is; the others have no extra bytes.
    pub(crate) info: ChangeInfo<'a>,
    /// The greatest counter of each.
    pub(crate) max_ops: &'a [u32],
}

/// In the place of a hash that is not computed yet.
const UNKNOWN: ChangeHash = ChangeHash([0; 32]);

/// How many of the latest changes are looked through before the table of all is asked.
const RECENT: usize = 16;

impl Clone for ChangeGraph {
    fn clone(&self) -> Self {
        Self {
            hashes: self.hashes.clone(),
            computed: self.computed.clone(),
            deferred: self.deferred,
            deferred_heads: self.deferred_heads.clone(),
            max_ops: self.max_ops.clone(),
            runs: self.runs.clone(),
            by_actor: self.by_actor.clone(),
            heads: self.heads.clone(),
            head_indexes: self.head_indexes.clone(),
            index: Mutex::default(),
        }
    }
}

impl ChangeGraph {
    /// How many changes there are.
    pub(crate) fn len(&self) -> usize {
        self.max_ops.len()
    }

    /// The hashes of the changes that no other depends on, sorted.
    pub(crate) fn heads(&self) -> &[ChangeHash] {
        &self.heads
    }

    /// The number of the change with this hash.
    pub(crate) fn find(&self, hash: &ChangeHash) -> Option<ChangeIndex> {
        if let Some(index) = self.find_recent(hash) {
            return Some(index);
        }
        // The latest were looked at, but for those of which a trusted load left the hash.
        let recent = self.len().saturating_sub(RECENT).max(self.deferred);
        if recent == 0 {
            return None;
        }
        let mut index = match self.index.lock() {
            Ok(index) => index,
            // What it says is checked against the hashes, also if a thread died over it.
            Err(poisoned) => poisoned.into_inner(),
        };
        index.find(hash, recent, |at| self.hash(at))
    }

    /// The number of the change with this hash, if it is a head or among the latest.
    pub(crate) fn find_recent(&self, hash: &ChangeHash) -> Option<ChangeIndex> {
        let recent = self.hashes.len().saturating_sub(RECENT);
        if let Some(at) = self.hashes[recent..].iter().rposition(|known| known == hash) {
            return Some(ChangeIndex((self.deferred + recent + at) as u32));
        }
        self.heads.binary_search(hash).ok()?;
        self.head_indexes.iter().find(|index| self.hash(**index) == *hash).copied()
    }

    /// The hash of a change. After a trusted load only once [`ChangeGraph::settle`] was called.
    #[inline]
    pub(crate) fn hash(&self, index: ChangeIndex) -> ChangeHash {
        let at = index.0 as usize;
        if at >= self.deferred {
            return self.hashes[at - self.deferred];
        }
        if let Some(all) = self.computed.get() {
            return all[at];
        }
        let head = self.deferred_heads.iter().find(|(head, _)| *head == index);
        head.map_or(UNKNOWN, |(_, hash)| *hash)
    }

    /// Whether the hash of a change is known without computing others.
    pub(crate) fn knows(&self, index: ChangeIndex) -> bool {
        self.hash(index) != UNKNOWN
    }

    /// How many of the first changes have hashes that are still to be computed.
    pub(crate) fn unsettled(&self) -> Option<usize> {
        (self.deferred > 0 && self.computed.get().is_none()).then_some(self.deferred)
    }

    /// Takes over the hashes of the first changes from who computes them.
    pub(crate) fn settle(&self, compute: impl FnOnce() -> Vec<ChangeHash>) {
        if self.deferred > 0 {
            self.computed.get_or_init(compute);
        }
    }

    /// What is known of a change.
    pub(crate) fn info(&self, index: ChangeIndex) -> ChangeInfo<'_> {
        let run = &self.runs[self.run_of(index)];
        let offset = index.0 - run.first;
        let (start_op, deps, extra) = if offset == 0 {
            (run.start_op, run.deps.clone(), &run.extra[..])
        } else {
            let before = ChangeIndex(index.0 - 1);
            (self.max_op(before) + 1, smallvec::smallvec![before], &[][..])
        };
        ChangeInfo {
            actor: run.actor,
            seq: run.first_seq + offset,
            start_op,
            max_op: self.max_op(index),
            time: run.time,
            message: run.message.as_deref(),
            deps,
            extra,
        }
    }

    /// The extra bytes of a change.
    pub(crate) fn extra(&self, index: ChangeIndex) -> &[u8] {
        let run = &self.runs[self.run_of(index)];
        if index.0 == run.first { &run.extra } else { &[] }
    }

    /// The greatest counter of a change's operations; of an empty one the counter before its own.
    pub(crate) fn max_op(&self, index: ChangeIndex) -> u32 {
        self.max_ops[index.0 as usize]
    }

    /// How many changes an actor has made.
    pub(crate) fn seq(&self, actor: u32) -> u32 {
        self.last_run(actor).map_or(0, |run| run.first_seq + run.count - 1)
    }

    /// What the next change of an actor follows: all heads, and the
    /// actor's own change before it even where a head follows that already. Automerge names it too.
    pub(crate) fn local_deps(&self, actor: u32) -> SmallVec<[ChangeIndex; 2]> {
        let mut deps: SmallVec<[ChangeIndex; 2]> = self.head_indexes.iter().copied().collect();
        if let Some(run) = self.last_run(actor) {
            let own = ChangeIndex(run.first + run.count - 1);
            if !deps.contains(&own) {
                deps.push(own);
            }
        }
        deps
    }

    /// The greatest counter that an actor has used.
    pub(crate) fn actor_max_op(&self, actor: u32) -> u32 {
        self.last_run(actor).map_or(0, |run| self.max_ops[(run.first + run.count - 1) as usize])
    }

    fn last_run(&self, actor: u32) -> Option<&ChangeRun> {
        let run = self.by_actor.get(actor as usize)?.last()?;
        Some(&self.runs[*run as usize])
    }

    /// The change of an actor with this sequence number.
    pub(crate) fn by_seq(&self, actor: u32, seq: u32) -> Option<ChangeIndex> {
        let runs = self.by_actor.get(actor as usize)?;
        let at = runs.partition_point(|run| self.runs[*run as usize].first_seq <= seq);
        let run = &self.runs[runs[at.checked_sub(1)?] as usize];
        let offset = seq - run.first_seq;
        (offset < run.count).then(|| ChangeIndex(run.first + offset))
    }

    /// The change that holds the operation of an actor with this counter.
    pub(crate) fn by_op(&self, actor: u32, counter: u32) -> Option<ChangeIndex> {
        let runs = self.by_actor.get(actor as usize)?;
        let at = runs.partition_point(|run| {
            let run = &self.runs[*run as usize];
            self.max_ops[(run.first + run.count - 1) as usize] < counter
        });
        let run = &self.runs[*runs.get(at)? as usize];
        let range = run.first as usize..(run.first + run.count) as usize;
        let offset = self.max_ops[range].partition_point(|max_op| *max_op < counter);
        let index = ChangeIndex(run.first + offset as u32);
        (self.info(index).start_op <= counter).then_some(index)
    }

    /// Adds a change whose dependencies are all there.
    pub(crate) fn add(&mut self, hash: ChangeHash, change: NewChange) -> ChangeIndex {
        let index = ChangeIndex(self.len() as u32);
        self.update_heads(hash, index, &change.deps);
        self.hashes.push(hash);
        self.push(change)
    }

    /// Adds a change without its hash. When all are added, [`ChangeGraph::defer`] ends it.
    pub(crate) fn add_deferred(&mut self, change: NewChange) {
        self.push(change);
    }

    /// Adds changes that go on as the last one did: each by the same actor, with the same time and
    /// message, following the one before. Gives the greatest counter of each, and its hash unless
    /// that is left for later.
    pub(crate) fn extend_row(&mut self, max_ops: &[u32], hashes: &[ChangeHash]) {
        let before = ChangeIndex(self.len() as u32 - 1);
        let run = self.runs.last_mut().expect("invariant: a row goes on behind a change");
        run.count += max_ops.len() as u32;
        self.max_ops.extend_from_slice(max_ops);
        let Some(last) = hashes.last() else { return };
        self.hashes.extend_from_slice(hashes);
        self.update_heads(*last, ChangeIndex(self.len() as u32 - 1), &[before]);
    }

    /// Ends adding changes without hashes: these are the heads, by ascending hash. `None` when one
    /// is out of range.
    pub(crate) fn defer(&mut self, heads: &[(ChangeIndex, ChangeHash)]) -> Option<()> {
        if heads.iter().any(|(index, _)| index.0 as usize >= self.len()) {
            return None;
        }
        self.heads = heads.iter().map(|(_, hash)| *hash).collect();
        self.head_indexes = heads.iter().map(|(index, _)| *index).collect();
        self.head_indexes.sort_unstable();
        self.deferred = self.len();
        self.deferred_heads = heads.to_vec();
        Some(())
    }

    fn push(&mut self, change: NewChange) -> ChangeIndex {
        let index = ChangeIndex(self.len() as u32);
        self.max_ops.push(change.max_op);
        let previous = index.0.checked_sub(1).map(ChangeIndex);
        if let Some(run) = self.runs.last_mut()
            && run.actor == change.actor
            && run.first_seq + run.count == change.seq
            && run.time == change.time
            && run.message == change.message
            && change.extra.is_empty()
            && previous.is_some_and(|before| {
                change.deps[..] == [before]
                    && self.max_ops[before.0 as usize].checked_add(1) == Some(change.start_op)
            })
        {
            run.count += 1;
            return index;
        }
        let actor = change.actor as usize;
        if self.by_actor.len() <= actor {
            self.by_actor.resize_with(actor + 1, Vec::new);
        }
        self.by_actor[actor].push(self.runs.len() as u32);
        self.runs.push(ChangeRun {
            first: index.0,
            count: 1,
            actor: change.actor,
            first_seq: change.seq,
            start_op: change.start_op,
            time: change.time,
            message: change.message,
            deps: change.deps,
            extra: change.extra,
        });
        index
    }

    fn update_heads(&mut self, hash: ChangeHash, index: ChangeIndex, deps: &[ChangeIndex]) {
        if let ([head], [dep]) = (&mut self.head_indexes[..], deps)
            && *head == *dep
        {
            *head = index;
            self.heads[0] = hash;
            return;
        }
        for dep in deps {
            if let Ok(at) = self.head_indexes.binary_search(dep) {
                self.head_indexes.remove(at);
                let hash = self.hash(*dep);
                self.heads.retain(|head| *head != hash);
            }
        }
        self.head_indexes.push(index);
        let at = self.heads.binary_search(&hash).unwrap_or_else(|at| at);
        self.heads.insert(at, hash);
    }

    /// Calls with all changes in their order, in rows of changes that each follow the one before.
    pub(crate) fn for_each_row(&self, mut call: impl FnMut(ChangeRow<'_>)) {
        for run in &self.runs {
            let first = ChangeIndex(run.first);
            let max_ops = &self.max_ops[run.first as usize..(run.first + run.count) as usize];
            call(ChangeRow { first, count: run.count, info: self.info(first), max_ops });
        }
    }

    /// The changes that are not ancestors of `heads` nor among them, ascending.
    ///
    /// Costs what lies between, not all history.
    pub(crate) fn since(&self, heads: &[ChangeIndex]) -> Vec<ChangeIndex> {
        // Walking down from both sides by number: nothing that is still to come can be above.
        let mut queue: BinaryHeap<(ChangeIndex, bool)> = BinaryHeap::new();
        queue.extend(heads.iter().map(|index| (*index, true)));
        let mut waiting = 0usize;
        for head in &self.head_indexes {
            queue.push((*head, false));
            waiting += 1;
        }
        let mut new = Vec::new();
        while waiting > 0 {
            let Some((index, mut old)) = queue.pop() else { break };
            waiting -= usize::from(!old);
            while let Some((next, next_old)) = queue.peek() {
                if *next != index {
                    break;
                }
                old |= *next_old;
                waiting -= usize::from(!*next_old);
                queue.pop();
            }
            if !old {
                new.push(index);
            }
            for dep in self.info(index).deps {
                queue.push((dep, old));
                waiting += usize::from(!old);
            }
        }
        new.reverse();
        new
    }

    /// The clock of the changes at and before `heads`.
    pub(crate) fn clock(&self, heads: &[ChangeIndex]) -> Clock {
        let mut clock = Clock::default();
        if self.head_indexes.iter().all(|head| heads.contains(head)) {
            for actor in 0..self.by_actor.len() as u32 {
                clock.include(actor, self.actor_max_op(actor));
            }
            return clock;
        }
        // Whole runs are stepped over: within one, each change follows the one before.
        let mut queue: BinaryHeap<ChangeIndex> = heads.iter().copied().collect();
        let mut last = None;
        while let Some(index) = queue.pop() {
            let number = self.run_of(index);
            let run = &self.runs[number];
            if last == Some(number) {
                continue;
            }
            last = Some(number);
            clock.include(run.actor, self.max_op(index));
            queue.extend(run.deps.iter().copied());
        }
        clock
    }

    /// All changes that are ancestors of `heads` or among them, ascending.
    pub(crate) fn ancestors(&self, heads: &[ChangeIndex]) -> Vec<ChangeIndex> {
        let mut queue: BinaryHeap<ChangeIndex> = heads.iter().copied().collect();
        let mut all = Vec::new();
        while let Some(index) = queue.pop() {
            if all.last() == Some(&index) {
                continue;
            }
            all.push(index);
            queue.extend(self.info(index).deps);
        }
        all.reverse();
        all
    }

    fn run_of(&self, index: ChangeIndex) -> usize {
        match self.runs.last() {
            Some(last) if last.first <= index.0 => self.runs.len() - 1,
            _ => self.runs.partition_point(|run| run.first <= index.0) - 1,
        }
    }

    /// Gives memory back that growth had taken in advance.
    pub(crate) fn shrink(&mut self) {
        self.hashes.shrink_to_fit();
        self.max_ops.shrink_to_fit();
        self.runs.shrink_to_fit();
    }
}
