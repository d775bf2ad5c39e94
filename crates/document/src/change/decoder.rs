//! From the columns of a change to runs of operations.

use rejoin_columnar::{Columns, DeltaRun, RawValue as Primitive, Run, ValueMeta};
use smallvec::SmallVec;

use super::{OpError, columns::OpColumns};
use crate::{
    op::{Action, Key, Op, OpRun, RawValue},
    op_id::OpId,
};

/// The type code of strings among values.
pub(super) const STRING: u8 = 6;

/// Decodes operations in runs, with actors numbered as where they are stored.
#[derive(Debug, Clone)]
pub(crate) struct OpDecoder<'a> {
    columns: OpColumns<'a>,
    /// The counter of the next operation, possibly beyond 32 bits.
    counter: u64,
    /// Whose operations these are.
    author: u32,
    /// How many more there may be.
    rows: usize,
    actors: u32,
    /// How many more runs and predecessors there may be.
    budget: usize,
}

impl<'a> OpDecoder<'a> {
    /// Decodes the `columns` in `data`, with `actors` actors, as one change of actor 0. There may be
    /// up to `budget` runs and predecessors.
    ///
    /// # Errors
    /// When there is a column that is not known.
    pub(crate) fn new(
        columns: &Columns,
        data: &'a [u8],
        start_op: u32,
        actors: usize,
        budget: usize,
    ) -> Result<Self, OpError> {
        let columns =
            OpColumns::new(columns, data).map_err(|spec| OpError::Column(spec.as_u32()))?;
        let actors = u32::try_from(actors).unwrap_or(u32::MAX);
        let counter = u64::from(start_op);
        Ok(Self { columns, counter, author: 0, rows: usize::MAX, actors, budget })
    }

    /// The next `rows` rows are operations of `author`, from `counter` upwards.
    #[inline]
    pub(crate) fn start(&mut self, author: u32, counter: u32, rows: usize) {
        self.author = author;
        self.counter = u64::from(counter);
        self.rows = rows;
    }

    /// The next run; `None` at the end.
    pub(crate) fn next_run(&mut self) -> Result<Option<OpRun<'a>>, OpError> {
        let Some(Run { value: action, count }) = self.columns.action.peek()? else {
            return Ok(None);
        };
        let count = count.min(self.rows);
        if count == 0 {
            return Ok(None);
        }
        let action = action.ok_or(OpError::Missing("action"))?;
        let action = Action::from_code(action).ok_or(OpError::UnknownAction(action))?;
        self.spend(1)?;
        let columns = &mut self.columns;
        let (insert, inserts) = columns.insert.peek()?.unwrap_or((false, usize::MAX));
        let (expand, expands) = columns.expand.peek()?.unwrap_or((false, usize::MAX));
        let marks = columns.mark_name.peek()?.unwrap_or(NULLS);
        let Some(Run { value: Some(predecessors), count: rows }) =
            columns.predecessor_count.peek()?
        else {
            return Err(OpError::Missing("predecessor count"));
        };
        let (object, objects) = self.peek_object()?;
        let count = count.min(inserts).min(expands).min(marks.count).min(rows).min(objects);
        if self.counter + (count as u64).min(1 << 33) > 1 << 32 {
            return Err(OpError::TooManyOps);
        }
        let plain = !expand && marks.value.is_none();
        let run = match (action, insert, predecessors) {
            (Action::Set, true, 0) if plain => self.read_insert(object, count)?,
            (Action::Delete, false, 1) if plain => self.read_delete(object, count)?,
            _ => None,
        };
        if let Some(run) = run {
            let count = run.count();
            self.columns.advance_shared(count as usize)?;
            self.counter += u64::from(count);
            self.rows -= count as usize;
            return Ok(Some(run));
        }
        let (key, value) = (self.read_key()?, self.read_value()?);
        let predecessors = self.read_predecessors(predecessors)?;
        self.columns.advance_shared(1)?;
        self.counter += 1;
        self.rows -= 1;
        let op =
            Op { object, key, insert, action, value, predecessors, expand, mark_name: marks.value };
        check(&op)?;
        Ok(Some(OpRun::Single(op)))
    }

    /// How many more runs and predecessors there may be.
    pub(crate) fn budget(&self) -> usize {
        self.budget
    }

    /// The counter that the next operation has, or would have. At most 2^32.
    pub(super) fn counter(&self) -> u64 {
        self.counter
    }

    /// Takes inserted characters that each follow the one before, up to `rows`; `None`, with nothing
    /// taken, if the first row is something else.
    #[inline]
    fn read_insert(&mut self, object: OpId, rows: usize) -> Result<Option<OpRun<'a>>, OpError> {
        let columns = &mut self.columns;
        if columns.key_string.peek()?.is_some_and(|run| run.value.is_some()) {
            return Ok(None);
        }
        let all = columns.value.rest();
        let mut taken = 0;
        let mut bytes = 0;
        let mut after = OpId::ZERO;
        while taken < rows {
            let keys = columns.key_counter.peek()?.unwrap_or(NO_COUNTERS);
            let actors = columns.key_actor.peek()?.unwrap_or(NULLS_U32);
            let mut count = (rows - taken).min(keys.count).min(actors.count);
            if taken == 0 {
                // The first element comes after any other, so it stands for itself.
                after = element(actors.value, keys.first, self.actors, self.counter)?;
                count = 1;
            } else {
                let previous = self.counter as i64 + taken as i64 - 1;
                if actors.value != Some(self.author) || keys.first != Some(previous) {
                    break;
                }
                if keys.step != 1 {
                    count = 1;
                }
                let strings = columns.key_string.peek()?.unwrap_or(NULLS);
                if strings.value.is_some() {
                    break;
                }
                count = count.min(strings.count);
            }
            let Some(metas) = columns.value_meta.peek()? else { break };
            let meta = ValueMeta::from_u64(metas.value.unwrap_or_default());
            if meta.code() != STRING || !(1..=4).contains(&meta.len()) {
                break;
            }
            let width = meta.len() as usize;
            count = scalars(&all[bytes..], width, count.min(metas.count));
            if count == 0 {
                break;
            }
            columns.value_meta.advance(count);
            columns.key_string.skip(count)?;
            columns.key_actor.skip(count)?;
            columns.key_counter.skip(count)?;
            bytes += count * width;
            taken += count;
        }
        if taken == 0 {
            return Ok(None);
        }
        let text = std::str::from_utf8(columns.value.take(bytes)?)
            .map_err(|_| OpError::Value { code: STRING })?;
        Ok(Some(OpRun::Insert { object, after, text, count: taken as u32 }))
    }

    /// Takes deletions of elements with neighbouring ids, up to `rows`; `None`, with nothing taken, if
    /// the first row is something else.
    #[inline]
    fn read_delete(&mut self, object: OpId, rows: usize) -> Result<Option<OpRun<'a>>, OpError> {
        let columns = &mut self.columns;
        let mut taken = 0usize;
        let mut target = OpId::ZERO;
        let mut step = 0i64;
        while taken < rows {
            let strings = columns.key_string.peek()?.unwrap_or(NULLS);
            let actors = columns.key_actor.peek()?.unwrap_or(NULLS_U32);
            let keys = columns.key_counter.peek()?.unwrap_or(NO_COUNTERS);
            let Some(targets) = columns.predecessor_counter.peek()? else { break };
            let Some(target_actors) = columns.predecessor_actor.peek()? else { break };
            let Some(metas) = columns.value_meta.peek()? else { break };
            let is_same = keys.first.is_some()
                && keys.first == targets.first
                && actors.value.is_some()
                && actors.value == target_actors.value;
            if !is_same || strings.value.is_some() || metas.value != Some(0) {
                break;
            }
            let own = self.counter + taken as u64;
            let first = element(actors.value, keys.first, self.actors, own)?;
            if taken == 0 {
                if first.is_zero() {
                    break;
                }
                target = first;
            } else {
                let last = i64::from(target.counter) + step * (taken as i64 - 1);
                let next = i64::from(first.counter) - last;
                let continues = if taken == 1 { next.abs() == 1 } else { next == step };
                if first.actor != target.actor || !continues {
                    break;
                }
                step = next;
            }
            let mut count = 1;
            if keys.step == targets.step
                && keys.step.abs() == 1
                && (taken == 0 || keys.step == step)
            {
                count = (rows - taken)
                    .min(strings.count)
                    .min(actors.count)
                    .min(keys.count)
                    .min(targets.count)
                    .min(target_actors.count)
                    .min(metas.count);
                if count > 1 {
                    step = keys.step;
                }
            }
            columns.key_string.skip(count)?;
            columns.key_actor.advance(count);
            columns.key_counter.advance(count);
            columns.predecessor_counter.advance(count);
            columns.predecessor_actor.advance(count);
            columns.value_meta.advance(count);
            taken += count;
        }
        if taken == 0 {
            return Ok(None);
        }
        if i64::from(target.counter) + step * (taken as i64 - 1) < 1 {
            return Err(OpError::Id);
        }
        let step = if step < 0 { -1 } else { 1 };
        Ok(Some(OpRun::Delete { object, target, step, count: taken as u32 }))
    }

    #[inline]
    fn peek_object(&mut self) -> Result<(OpId, usize), OpError> {
        let actors = self.columns.object_actor.peek()?.unwrap_or(NULLS_U32);
        let counters = self.columns.object_counter.peek()?.unwrap_or(NULLS_U32);
        let object = match (actors.value, counters.value) {
            (None, None) => OpId::ZERO,
            (Some(actor), Some(counter)) if actor < self.actors && counter > 0 => {
                if u64::from(counter) >= self.counter {
                    return Err(OpError::Later);
                }
                OpId::new(counter, actor)
            }
            _ => return Err(OpError::Id),
        };
        Ok((object, actors.count.min(counters.count)))
    }

    fn read_key(&mut self) -> Result<Key<'a>, OpError> {
        let string = self.columns.key_string.next_value()?.flatten();
        let actor = self.columns.key_actor.next_value()?.flatten();
        let counter = self.columns.key_counter.next_value()?.flatten();
        match (string, actor, counter) {
            (Some(string), None, None) => Ok(Key::Map(string)),
            (None, actor, counter) => {
                element(actor, counter, self.actors, self.counter).map(Key::Element)
            }
            _ => Err(OpError::Key),
        }
    }

    fn read_value(&mut self) -> Result<RawValue<'a>, OpError> {
        let meta = self.columns.value_meta.next_value()?.flatten();
        let meta = ValueMeta::from_u64(meta.ok_or(OpError::Missing("value"))?);
        let code = meta.code();
        let bytes = usize::try_from(meta.len())
            .ok()
            .and_then(|len| self.columns.value.take(len).ok())
            .ok_or(OpError::Missing("value"))?;
        Primitive::decode(code, bytes).map_err(|_| OpError::Value { code })?;
        Ok(RawValue { code, bytes })
    }

    fn read_predecessors(&mut self, count: u64) -> Result<SmallVec<[OpId; 1]>, OpError> {
        self.spend(usize::try_from(count).unwrap_or(usize::MAX))?;
        let mut predecessors = SmallVec::new();
        for _ in 0..count {
            let actor = self.columns.predecessor_actor.next_value()?.flatten();
            let counter = self.columns.predecessor_counter.next_value()?.flatten();
            match (actor, counter) {
                (Some(actor), Some(counter)) if actor < self.actors && counter > 0 => {
                    if counter as u64 >= self.counter {
                        return Err(OpError::Later);
                    }
                    predecessors.push(OpId::new(counter as u32, actor));
                }
                _ => return Err(OpError::Id),
            }
        }
        Ok(predecessors)
    }

    #[inline]
    fn spend(&mut self, cost: usize) -> Result<(), OpError> {
        self.budget = self.budget.checked_sub(cost).ok_or(OpError::TooManyOps)?;
        Ok(())
    }
}

const NULLS: Run<Option<&'static str>> = Run { value: None, count: usize::MAX };
const NULLS_U32: Run<Option<u32>> = Run { value: None, count: usize::MAX };
const NO_COUNTERS: DeltaRun = DeltaRun { first: None, step: 0, count: usize::MAX };

/// The id of an element, to which an operation with the counter `own` refers. The head of a sequence
/// has counter 0 and no actor.
#[inline]
fn element(
    actor: Option<u32>,
    counter: Option<i64>,
    actors: u32,
    own: u64,
) -> Result<OpId, OpError> {
    match (actor, counter) {
        (None, Some(0)) => Ok(OpId::ZERO),
        // The decoder keeps counters within 32 bits.
        (Some(actor), Some(counter)) if actor < actors && counter > 0 => {
            if counter as u64 >= own {
                return Err(OpError::Later);
            }
            Ok(OpId::new(counter as u32, actor))
        }
        _ => Err(OpError::Key),
    }
}

/// How many of up to `count` values of `width` bytes each at the start of `bytes` are one Unicode
/// scalar value each, before the first that is not.
#[inline]
fn scalars(bytes: &[u8], width: usize, count: usize) -> usize {
    let count = count.min(bytes.len() / width);
    let bytes = &bytes[..count * width];
    if width == 1 {
        return bytes.iter().position(|byte| *byte >= 0x80).unwrap_or(count);
    }
    let is_scalar = |value: &[u8]| {
        std::str::from_utf8(value)
            .is_ok_and(|text| text.chars().next().is_some_and(|first| first.len_utf8() == width))
    };
    bytes.chunks_exact(width).position(|value| !is_scalar(value)).unwrap_or(count)
}

/// Refuses operations that could not be stored in a document and read back.
pub(super) fn check(op: &Op<'_>) -> Result<(), OpError> {
    if op.insert && matches!(op.key, Key::Map(_)) {
        return Err(OpError::Key);
    }
    if !op.insert && op.key == Key::Element(OpId::ZERO) {
        return Err(OpError::Key);
    }
    match op.action {
        // A document stores no row for a deletion: it is made up again from its predecessors.
        Action::Delete => {
            let bare = op.value == RawValue::NULL
                && !op.insert
                && !op.expand
                && op.mark_name.is_none()
                && !op.predecessors.is_empty();
            if bare { Ok(()) } else { Err(OpError::Delete) }
        }
        Action::Increment if !matches!(op.value.code, 3 | 4) => {
            Err(OpError::Value { code: op.value.code })
        }
        _ => Ok(()),
    }
}
