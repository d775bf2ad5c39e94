//! The operations of each actor in the order of their counters, in runs.

use smallvec::SmallVec;

use crate::{
    object::ObjectIndex,
    op::{Action, Key, Op, OpRun, RawValue},
    op_id::OpId,
    sequence::joined_step,
};

/// What one actor did, and where to find the text and values of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ActorLog {
    runs: Vec<LogRun>,
}

/// Consecutive operations of one actor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogRun {
    /// The counter of the first operation.
    pub(crate) counter: u32,
    pub(crate) object: ObjectIndex,
    pub(crate) what: LoggedOps,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoggedOps {
    /// As `OpRun::Insert`; the text lies in the document's text buffer.
    Insert { after: OpId, text: u32, bytes: u32, count: u32 },
    /// As `OpRun::Delete`.
    Delete { target: OpId, step: i8, count: u32 },
    /// The operation with this number among the stored ones.
    Other(u32),
}

/// An operation that is no part of a run.
#[derive(Debug, Clone)]
pub(crate) struct StoredOp {
    pub(crate) key: StoredKey,
    pub(crate) insert: bool,
    pub(crate) action: Action,
    pub(crate) value: StoredValue,
    pub(crate) predecessors: SmallVec<[OpId; 1]>,
    pub(crate) expand: bool,
    pub(crate) mark_name: Option<Box<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoredKey {
    Map(Box<str>),
    Element(OpId),
}

/// A scalar in the document's value buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredValue {
    pub(crate) code: u8,
    pub(crate) start: u32,
    pub(crate) len: u32,
}

/// The logs of all actors, with what their runs point to.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpLog {
    actors: Vec<ActorLog>,
    draft: ActorLog,
    /// The text of all elements that are one scalar value each.
    pub(crate) text: String,
    pub(crate) others: Vec<StoredOp>,
    pub(crate) values: Vec<u8>,
}

impl OpLog {
    /// Appends a run to an actor's log, joining it with the last one where it continues it.
    #[inline]
    pub(crate) fn append(&mut self, actor: u32, run: LogRun) {
        self.actor_mut(actor).append(run, actor);
    }

    /// The log of an actor.
    pub(crate) fn actor(&self, actor: u32) -> &[LogRun] {
        if actor == OpId::DRAFT_ACTOR {
            return &self.draft.runs;
        }
        self.actors.get(actor as usize).map_or(&[], |log| &log.runs)
    }

    fn actor_mut(&mut self, actor: u32) -> &mut ActorLog {
        if actor == OpId::DRAFT_ACTOR {
            return &mut self.draft;
        }
        let actor = actor as usize;
        if self.actors.len() <= actor {
            self.actors.resize_with(actor + 1, ActorLog::default);
        }
        &mut self.actors[actor]
    }

    /// A copy of the draft's operations that outlives them.
    pub(crate) fn clone_draft(&self) -> DraftCopy {
        let mut copy = OpLog { draft: self.draft.clone(), ..OpLog::default() };
        for run in &mut copy.draft.runs {
            match &mut run.what {
                LoggedOps::Insert { text, bytes, .. } => {
                    let slice = &self.text[*text as usize..(*text + *bytes) as usize];
                    *text = copy.text.len() as u32;
                    copy.text.push_str(slice);
                }
                LoggedOps::Delete { .. } => {}
                LoggedOps::Other(number) => {
                    let mut op = self.others[*number as usize].clone();
                    let value = self.value(op.value);
                    let start = copy.values.len() as u32;
                    copy.values.extend_from_slice(value.bytes);
                    op.value.start = start;
                    *number = copy.others.len() as u32;
                    copy.others.push(op);
                }
            }
        }
        DraftCopy(copy)
    }

    /// Replaces an actor's whole log by these runs, in any order.
    pub(crate) fn fill(&mut self, actor: u32, mut runs: Vec<LogRun>) {
        radsort::sort_by_cached_key(&mut runs, |run| run.counter);
        runs.dedup_by(|next, run| match run.joined(next, actor) {
            Some(joined) => {
                *run = joined;
                true
            }
            None => false,
        });
        runs.shrink_to_fit();
        self.actor_mut(actor).runs = runs;
    }

    /// Removes the operations of an actor from `counter` on and gives them, last first, cut so
    /// that none reaches below `counter`.
    pub(crate) fn truncate(&mut self, actor: u32, counter: u32) -> Vec<LogRun> {
        let text = std::mem::take(&mut self.text);
        let log = self.actor_mut(actor);
        let mut removed = Vec::new();
        while let Some(run) = log.runs.pop() {
            if run.counter >= counter {
                removed.push(run);
                continue;
            }
            if run.counter + run.count() <= counter {
                log.runs.push(run);
                break;
            }
            let (kept, cut) = run.split(actor, counter - run.counter, &text);
            log.runs.push(kept);
            removed.push(cut);
            break;
        }
        self.text = text;
        removed
    }

    /// Stores a value's bytes.
    pub(crate) fn store_value(&mut self, value: RawValue<'_>) -> StoredValue {
        let start = self.values.len() as u32;
        self.values.extend_from_slice(value.bytes);
        StoredValue { code: value.code, start, len: value.bytes.len() as u32 }
    }

    /// Stores an operation and gives its number.
    pub(crate) fn store_op(&mut self, op: &Op<'_>) -> u32 {
        let value = self.store_value(op.value);
        let key = match op.key {
            Key::Map(key) => StoredKey::Map(key.into()),
            Key::Element(id) => StoredKey::Element(id),
        };
        self.others.push(StoredOp {
            key,
            insert: op.insert,
            action: op.action,
            value,
            predecessors: op.predecessors.clone(),
            expand: op.expand,
            mark_name: op.mark_name.map(Into::into),
        });
        self.others.len() as u32 - 1
    }

    /// The bytes of a stored value.
    #[inline]
    pub(crate) fn value(&self, value: StoredValue) -> RawValue<'_> {
        let bytes = &self.values[value.start as usize..(value.start + value.len) as usize];
        RawValue { code: value.code, bytes }
    }

    /// The operations of an actor with counters from `from` up to and without `to`, into `out`.
    ///
    /// `object_id` gives the id of an object.
    pub(crate) fn runs_between<'a>(
        &'a self,
        actor: u32,
        from: u32,
        to: u32,
        object_id: impl Fn(ObjectIndex) -> OpId,
        out: &mut Vec<OpRun<'a>>,
    ) {
        // An empty change may lie within a run that typing went on with.
        if from >= to {
            return;
        }
        let runs = self.actor(actor);
        let start = runs.partition_point(|run| run.counter + run.count() <= from);
        for run in &runs[start..] {
            if run.counter >= to {
                break;
            }
            let mut part = *run;
            if part.counter < from {
                part = part.split(actor, from - part.counter, &self.text).1;
            }
            if part.counter + part.count() > to {
                part = part.split(actor, to - part.counter, &self.text).0;
            }
            out.push(self.op_run(&part, object_id(part.object)));
        }
    }

    /// A logged run as a change holds it.
    pub(crate) fn op_run(&self, run: &LogRun, object: OpId) -> OpRun<'_> {
        match run.what {
            LoggedOps::Insert { after, text, bytes, count } => OpRun::Insert {
                object,
                after,
                text: &self.text[text as usize..(text + bytes) as usize],
                count,
            },
            LoggedOps::Delete { target, step, count } => {
                OpRun::Delete { object, target, step, count }
            }
            LoggedOps::Other(number) => {
                let op = &self.others[number as usize];
                OpRun::Single(Op {
                    object,
                    key: match &op.key {
                        StoredKey::Map(key) => Key::Map(key),
                        StoredKey::Element(id) => Key::Element(*id),
                    },
                    insert: op.insert,
                    action: op.action,
                    value: self.value(op.value),
                    predecessors: op.predecessors.clone(),
                    expand: op.expand,
                    mark_name: op.mark_name.as_deref(),
                })
            }
        }
    }

    /// The logged run that holds an operation.
    pub(crate) fn find(&self, id: OpId) -> Option<&LogRun> {
        let runs = self.actor(id.actor);
        let at = runs.partition_point(|run| run.counter <= id.counter).checked_sub(1)?;
        (id.counter < runs[at].counter + runs[at].count()).then(|| &runs[at])
    }

    /// Gives memory back that growth had taken in advance.
    pub(crate) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.values.shrink_to_fit();
        self.others.shrink_to_fit();
    }
}

/// The operations of a draft, apart from the document.
#[derive(Debug)]
pub(crate) struct DraftCopy(OpLog);

impl DraftCopy {
    /// The operations; `object_ids` gives the ids of the document's objects by number.
    pub(crate) fn runs<'a>(&'a self, object_ids: &[OpId]) -> Vec<OpRun<'a>> {
        let mut runs = Vec::new();
        let object_id = |object: ObjectIndex| object_ids[object.0 as usize];
        self.0.runs_between(OpId::DRAFT_ACTOR, 1, u32::MAX, object_id, &mut runs);
        runs
    }
}

impl ActorLog {
    #[inline]
    fn append(&mut self, run: LogRun, actor: u32) {
        if let Some(last) = self.runs.last_mut()
            && let Some(joined) = last.joined(&run, actor)
        {
            *last = joined;
            return;
        }
        self.runs.push(run);
    }
}

impl LogRun {
    /// How many operations this is.
    #[inline]
    pub(crate) fn count(&self) -> u32 {
        match self.what {
            LoggedOps::Insert { count, .. } | LoggedOps::Delete { count, .. } => count,
            LoggedOps::Other(_) => 1,
        }
    }

    #[inline]
    fn joined(&self, next: &Self, actor: u32) -> Option<Self> {
        if self.object != next.object || self.counter + self.count() != next.counter {
            return None;
        }
        let what = match (self.what, next.what) {
            (
                LoggedOps::Insert { after, text, bytes, count },
                LoggedOps::Insert { after: then, text: more, bytes: more_bytes, count: more_count },
            ) => {
                if then != OpId::new(next.counter - 1, actor) || text + bytes != more {
                    return None;
                }
                LoggedOps::Insert {
                    after,
                    text,
                    bytes: bytes + more_bytes,
                    count: count + more_count,
                }
            }
            (
                LoggedOps::Delete { target, step, count },
                LoggedOps::Delete { target: then, step: then_step, count: more },
            ) => LoggedOps::Delete {
                target,
                step: joined_step(target, step, count, then, then_step, more)?,
                count: count + more,
            },
            _ => return None,
        };
        Some(Self { what, ..*self })
    }

    /// Cuts the run of an actor in two before its operation `offset`, which is neither 0 nor the
    /// count.
    pub(crate) fn split(&self, actor: u32, offset: u32, text_buffer: &str) -> (Self, Self) {
        let (left, right) = match self.what {
            LoggedOps::Insert { after, text, bytes, count } => {
                let slice = &text_buffer[text as usize..(text + bytes) as usize];
                let cut = if bytes == count {
                    offset
                } else {
                    slice.chars().take(offset as usize).map(char::len_utf8).sum::<usize>() as u32
                };
                (
                    LoggedOps::Insert { after, text, bytes: cut, count: offset },
                    LoggedOps::Insert {
                        after: OpId::new(self.counter + offset - 1, actor),
                        text: text + cut,
                        bytes: bytes - cut,
                        count: count - offset,
                    },
                )
            }
            LoggedOps::Delete { target, step, count } => (
                LoggedOps::Delete { target, step, count: offset },
                LoggedOps::Delete {
                    target: target.stepped(step, offset),
                    step,
                    count: count - offset,
                },
            ),
            other => (other, other),
        };
        (
            Self { what: left, ..*self },
            Self { counter: self.counter + offset, what: right, ..*self },
        )
    }
}
