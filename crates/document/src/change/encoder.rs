//! From runs of operations to the columns of a change, and to its bytes and hash.

use std::{borrow::Borrow, mem::take};

use rejoin_columnar::{
    BooleanEncoder, ColumnSpec, Columns, DeltaEncoder, RleEncoder, ValueMeta, leb128,
};

use super::{columns as spec, decoder::STRING, one_run};
use crate::{
    actor::Actors,
    change_hash::ChangeHash,
    chunk::{ChunkBuffer, ChunkKind},
    op::{Action, Key, Op, OpRun},
    op_id::OpId,
};

/// What a change says beside its operations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChangeHeader<'a> {
    /// Sorted.
    pub(crate) deps: &'a [ChangeHash],
    /// The author's number in the document.
    pub(crate) actor: u32,
    pub(crate) seq: u64,
    pub(crate) start_op: u32,
    pub(crate) time: i64,
    pub(crate) message: Option<&'a str>,
    /// What stands behind the columns.
    pub(crate) extra: &'a [u8],
}

/// Encodes changes, one after the other, in the same buffers.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChangeEncoder {
    chunk: ChunkBuffer,
    ops: OpEncoder,
    /// The other actors of the change at hand, by their numbers in the document.
    others: Vec<u32>,
    /// The number in the change of each actor of the document, where it has one.
    numbers: Vec<u32>,
    op_count: u32,
    hash: Option<ChangeHash>,
}

impl ChangeEncoder {
    /// Encodes a change whose runs have actors numbered as in the document.
    ///
    /// The runs' ids count up from the header's start op; predecessors may come in any order.
    pub(crate) fn encode<'r>(
        &mut self,
        header: &ChangeHeader<'_>,
        actors: &Actors,
        runs: impl IntoIterator<Item = impl Borrow<OpRun<'r>>, IntoIter: Clone>,
    ) -> ChangeHash {
        let runs = runs.into_iter();
        self.number_actors(header.actor, actors, runs.clone());
        let author = header.actor;
        let author_only = self.others.is_empty();
        let numbers = &self.numbers;
        let local = |actor: u32| {
            if author_only || actor == author { 0 } else { numbers[actor as usize] }
        };
        let out = self.chunk.start();
        leb128::write_u64(out, header.deps.len() as u64);
        header.deps.iter().for_each(|hash| out.extend_from_slice(&hash.0));
        write_prefixed(out, actors.get(author).as_bytes());
        leb128::write_u64(out, header.seq);
        leb128::write_u64(out, u64::from(header.start_op));
        leb128::write_i64(out, header.time);
        write_prefixed(out, header.message.unwrap_or_default().as_bytes());
        leb128::write_u64(out, self.others.len() as u64);
        for &other in &self.others {
            write_prefixed(out, actors.get(other).as_bytes());
        }
        let mut first = runs.clone();
        let written = match (first.next(), first.next()) {
            (Some(run), None) => {
                let run = run.borrow();
                one_run::write(run, header.start_op, local, out).then(|| run.count())
            }
            _ => None,
        };
        if let Some(count) = written {
            self.op_count = count;
        } else {
            let mut counter = header.start_op;
            for run in runs {
                let run = run.borrow();
                self.ops.append_sorted(run, OpId::new(counter, 0), actors, local);
                counter = counter.wrapping_add(run.count());
            }
            self.op_count = counter.wrapping_sub(header.start_op);
            self.ops.finish_into(out);
        }
        out.extend_from_slice(header.extra);
        let hash = ChangeHash(self.chunk.finish(ChunkKind::Change));
        self.hash = Some(hash);
        hash
    }

    /// The whole chunk of the change that was encoded last.
    pub(crate) fn chunk(&self) -> &[u8] {
        self.chunk.chunk()
    }

    /// The hash of the change that was encoded last, if any was.
    pub(crate) fn hash(&self) -> Option<ChangeHash> {
        self.hash
    }

    /// How many operations the change has that was encoded last.
    pub(crate) fn op_count(&self) -> u32 {
        self.op_count
    }

    /// Collects the actors that the runs refer to beside the author, and numbers them by their bytes.
    fn number_actors<'r>(
        &mut self,
        author: u32,
        actors: &Actors,
        runs: impl Iterator<Item = impl Borrow<OpRun<'r>>>,
    ) {
        for &other in &self.others {
            self.numbers[other as usize] = 0;
        }
        self.others.clear();
        if actors.len() == 1 {
            return;
        }
        let (others, numbers) = (&mut self.others, &mut self.numbers);
        let mut refer = |id: OpId| {
            if id.actor == author || id.is_zero() {
                return;
            }
            if numbers.len() < actors.len() {
                numbers.resize(actors.len(), 0);
            }
            let number = &mut numbers[id.actor as usize];
            if *number == 0 {
                *number = 1;
                others.push(id.actor);
            }
        };
        for run in runs {
            run.borrow().for_each_id(&mut refer);
        }
        if self.others.len() > 1 {
            self.others.sort_unstable_by_key(|actor| actors.order(OpId::new(0, *actor)));
        }
        for (at, &other) in self.others.iter().enumerate() {
            self.numbers[other as usize] = at as u32 + 1;
        }
    }
}

fn write_prefixed(out: &mut Vec<u8>, bytes: &[u8]) {
    leb128::write_u64(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Encodes op columns, one set after the other, in the same buffers.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpEncoder {
    object_actor: RleEncoder<u32>,
    object_counter: RleEncoder<u32>,
    /// For bundles, instead of `object_counter`.
    object_deltas: DeltaEncoder,
    are_deltas: bool,
    key_actor: RleEncoder<u32>,
    key_counter: DeltaEncoder,
    key_string: RleEncoder<&'static str>,
    insert: BooleanEncoder,
    action: RleEncoder<u64>,
    value_meta: RleEncoder<u64>,
    value: Vec<u8>,
    predecessor_count: RleEncoder<u64>,
    predecessor_actor: RleEncoder<u32>,
    predecessor_counter: DeltaEncoder,
    expand: BooleanEncoder,
    mark_name: RleEncoder<&'static str>,
    columns: Columns,
}

impl OpEncoder {
    /// Encodes as bundles do.
    pub(crate) fn for_bundle() -> Self {
        Self { are_deltas: true, ..Self::default() }
    }

    /// Appends a run whose first operation has this id, its actor numbered as where it is stored.
    /// `local` gives the same number for the actors of the run; predecessors must be sorted.
    #[inline]
    pub(crate) fn append(&mut self, run: &OpRun<'_>, id: OpId, mut local: impl FnMut(u32) -> u32) {
        match run {
            OpRun::Insert { object, after, text, count } => {
                let rows = *count as usize;
                self.append_object(*object, rows, &mut local);
                self.append_element(*after, &mut local);
                self.key_actor.append_run(Some(id.actor), rows - 1);
                self.key_counter.append_run(i64::from(id.counter), 1, rows - 1);
                self.key_string.append_run(None, rows);
                self.append_flags(true, Action::Set, rows);
                self.append_characters(text, rows);
                self.predecessor_count.append_run(Some(0), rows);
            }
            OpRun::Delete { object, target, step, count } => {
                let rows = *count as usize;
                let actor = local(target.actor);
                let (first, step) = (i64::from(target.counter), i64::from(*step));
                self.append_object(*object, rows, &mut local);
                self.key_actor.append_run(Some(actor), rows);
                self.key_counter.append_run(first, step, rows);
                self.key_string.append_run(None, rows);
                self.append_flags(false, Action::Delete, rows);
                self.value_meta.append_run(Some(0), rows);
                self.predecessor_count.append_run(Some(1), rows);
                self.predecessor_actor.append_run(Some(actor), rows);
                self.predecessor_counter.append_run(first, step, rows);
            }
            OpRun::Single(op) => self.append_single(op, local),
        }
    }

    /// Appends a run as [`OpEncoder::append`] does, its predecessors in any order.
    #[inline]
    pub(crate) fn append_sorted(
        &mut self,
        run: &OpRun<'_>,
        id: OpId,
        actors: &Actors,
        local: impl FnMut(u32) -> u32,
    ) {
        let order = |id: &OpId| actors.order(*id);
        match run {
            OpRun::Single(op) if !op.predecessors.is_sorted_by_key(order) => {
                let mut op = op.clone();
                op.predecessors.sort_unstable_by_key(order);
                self.append_single(&op, local);
            }
            run => self.append(run, id, local),
        }
    }

    /// Appends one operation.
    fn append_single(&mut self, op: &Op<'_>, mut local: impl FnMut(u32) -> u32) {
        self.append_object(op.object, 1, &mut local);
        match op.key {
            Key::Element(id) => {
                self.append_element(id, &mut local);
                self.key_string.append(None);
            }
            Key::Map(key) => {
                self.key_actor.append(None);
                self.key_counter.append(None);
                self.key_string.append(Some(key));
            }
        }
        self.insert.append(op.insert);
        self.action.append(Some(op.action as u64));
        let meta = ValueMeta::new(op.value.code, op.value.bytes.len());
        self.value_meta.append(Some(meta.as_u64()));
        self.value.extend_from_slice(op.value.bytes);
        self.predecessor_count.append(Some(op.predecessors.len() as u64));
        for id in &op.predecessors {
            self.predecessor_actor.append(Some(local(id.actor)));
            self.predecessor_counter.append(Some(i64::from(id.counter)));
        }
        self.expand.append(op.expand);
        self.mark_name.append(op.mark_name);
    }

    /// Appends the list of columns and their data to `out`, and empties this encoder.
    pub(super) fn finish_into(&mut self, out: &mut Vec<u8>) {
        let mut columns = take(&mut self.columns);
        columns.clear();
        let start = out.len();
        self.finish_columns(|spec, write| {
            let start = out.len();
            write(out);
            if out.len() > start {
                columns.append(spec, out.len() - start).expect("invariant: the data is in memory");
            }
        });
        // The list stands before the data, whose lengths it tells. A few bytes change places here, where
        // a buffer for the data would be as long as the change.
        let end = out.len();
        columns.write(out);
        let list_len = out.len() - end;
        out[start..].rotate_right(list_len);
        self.columns = columns;
    }

    /// Gives each column to `column`, with what writes it; a column that writes nothing is left out.
    /// Empties this encoder.
    pub(crate) fn finish_columns(
        &mut self,
        mut column: impl FnMut(ColumnSpec, &mut dyn FnMut(&mut Vec<u8>)),
    ) {
        column(spec::OBJECT_ACTOR, &mut |out| self.object_actor.finish_into(out));
        if self.are_deltas {
            column(spec::OBJECT_COUNTER_DELTA, &mut |out| self.object_deltas.finish_into(out));
        } else {
            column(spec::OBJECT_COUNTER, &mut |out| self.object_counter.finish_into(out));
        }
        column(spec::KEY_ACTOR, &mut |out| self.key_actor.finish_into(out));
        column(spec::KEY_COUNTER, &mut |out| self.key_counter.finish_into(out));
        column(spec::KEY_STRING, &mut |out| self.key_string.finish_into(out));
        column(spec::INSERT, &mut |out| self.insert.finish_into(out));
        column(spec::ACTION, &mut |out| self.action.finish_into(out));
        column(spec::VALUE_META, &mut |out| self.value_meta.finish_into(out));
        column(spec::VALUE, &mut |out| out.append(&mut self.value));
        column(spec::PREDECESSOR_COUNT, &mut |out| self.predecessor_count.finish_into(out));
        column(spec::PREDECESSOR_ACTOR, &mut |out| self.predecessor_actor.finish_into(out));
        column(spec::PREDECESSOR_COUNTER, &mut |out| self.predecessor_counter.finish_into(out));
        if self.expand.is_all_false() {
            self.expand.clear();
        }
        column(spec::EXPAND, &mut |out| self.expand.finish_into(out));
        column(spec::MARK_NAME, &mut |out| self.mark_name.finish_into(out));
    }

    /// Forgets what was appended.
    pub(super) fn clear(&mut self) {
        self.object_actor.clear();
        self.object_counter.clear();
        self.object_deltas.clear();
        self.key_actor.clear();
        self.key_counter.clear();
        self.key_string.clear();
        self.insert.clear();
        self.action.clear();
        self.value_meta.clear();
        self.value.clear();
        self.predecessor_count.clear();
        self.predecessor_actor.clear();
        self.predecessor_counter.clear();
        self.expand.clear();
        self.mark_name.clear();
    }

    #[inline]
    fn append_object(&mut self, id: OpId, rows: usize, local: &mut impl FnMut(u32) -> u32) {
        if id.is_zero() {
            self.object_actor.append_run(None, rows);
            self.object_counter.append_run(None, rows);
            self.object_deltas.append_nulls(rows);
            return;
        }
        self.object_actor.append_run(Some(local(id.actor)), rows);
        if self.are_deltas {
            self.object_deltas.append_run(i64::from(id.counter), 0, rows);
        } else {
            self.object_counter.append_run(Some(id.counter), rows);
        }
    }

    #[inline]
    fn append_element(&mut self, id: OpId, local: &mut impl FnMut(u32) -> u32) {
        let actor = if id.is_zero() { None } else { Some(local(id.actor)) };
        self.key_actor.append(actor);
        self.key_counter.append(Some(i64::from(id.counter)));
    }

    #[inline]
    fn append_flags(&mut self, insert: bool, action: Action, rows: usize) {
        self.insert.append_run(insert, rows);
        self.action.append_run(Some(action as u64), rows);
        self.expand.append_run(false, rows);
        self.mark_name.append_run(None, rows);
    }

    /// Appends the characters of `text`, which are as many as there are rows, each as a string.
    #[inline]
    fn append_characters(&mut self, text: &str, rows: usize) {
        let meta = |width: usize| Some(ValueMeta::new(STRING, width).as_u64());
        if text.len() == rows {
            self.value_meta.append_run(meta(1), rows);
        } else {
            for character in text.chars() {
                self.value_meta.append(meta(character.len_utf8()));
            }
        }
        self.value.extend_from_slice(text.as_bytes());
    }
}
