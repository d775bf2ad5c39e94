//! Documents to bytes.

use rejoin_columnar::{
    BooleanEncoder, ColumnSpec, Columns, DeltaEncoder, RleEncoder, ValueMeta, leb128,
};
use smallvec::SmallVec;

use crate::{
    actor::ActorNumbers,
    change::Change,
    change_hash::ChangeHash,
    chunk::{ChunkBuffer, ChunkKind},
    deflate::{DEFLATE_MIN_SIZE, deflate},
    document::Document,
    document_columns::{changes, ops},
    object::{Content, ObjectIndex},
    op_id::OpId,
    op_set::OpSet,
    register::{RegisterOp, Source},
    sequence::{Run, RunKind},
};

/// The type codes of bytes and strings among values.
const BYTES: u8 = 7;
const STRING: u8 = 6;

impl Document {
    /// The whole document as bytes that every Automerge program can read. Changes that wait for
    /// others stand behind it. A draft is left out.
    pub fn save(&self) -> Vec<u8> {
        self.save_columns(Compression::Deflate, self.queue.sorted())
    }

    /// As [`Document::save`], without the changes that came with
    /// [`LoadOptions::max_set_aside`](crate::LoadOptions::max_set_aside) and still wait: their
    /// senders are asked for them again.
    pub fn save_kept(&self) -> Vec<u8> {
        self.save_columns(Compression::Deflate, self.queue.kept())
    }

    /// As [`Document::save`], with no column deflated.
    pub fn save_uncompressed(&self) -> Vec<u8> {
        self.save_columns(Compression::None, self.queue.sorted())
    }

    /// The changes that are not among `heads` or before them as change chunks, each after those
    /// that it follows. Behind them stand the changes that wait for others.
    pub fn save_since(&self, heads: &[ChangeHash]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for change in self.changes_since(heads) {
            bytes.extend_from_slice(change.bytes());
        }
        for change in self.queue.sorted() {
            bytes.extend_from_slice(change.bytes());
        }
        bytes
    }

    /// These changes as one bundle chunk, which is small and which only Automerge 0.12 and its like
    /// read; hashes that are not here are passed over. It is for sending, not for storing.
    pub fn bundle(&self, hashes: &[ChangeHash]) -> Vec<u8> {
        let mut indexes = self.find_changes(hashes);
        indexes.sort_unstable();
        indexes.dedup();
        crate::bundle::write(self, &indexes)
    }

    /// The changes that are not among `heads` or before them as a bundle; `None` when there are none.
    pub fn bundle_since(&self, heads: &[ChangeHash]) -> Option<Vec<u8>> {
        let indexes = self.indexes_since(heads);
        (!indexes.is_empty()).then(|| crate::bundle::write(self, &indexes))
    }

    fn save_columns(&self, compression: Compression, waiting: Vec<&Change>) -> Vec<u8> {
        let actors = &self.set.actors;
        let numbers = ActorNumbers::new(actors, |actor| self.graph.seq(actor) > 0);
        let mut buffer = ChunkBuffer::default();
        let body = buffer.start();
        numbers.write(actors, body);
        leb128::write_u64(body, self.heads().len() as u64);
        for head in self.heads() {
            body.extend_from_slice(&head.0);
        }
        let changes = self.change_columns(&numbers, compression);
        let ops = self.op_columns(&numbers, compression);
        changes.meta.write(body);
        ops.meta.write(body);
        body.extend_from_slice(&changes.data);
        body.extend_from_slice(&ops.data);
        for head in self.heads() {
            let index = self.find_change(head).expect("invariant: a head is a change");
            leb128::write_u64(body, index.0.into());
        }
        buffer.finish(ChunkKind::Document);
        let mut bytes = buffer.chunk().to_vec();
        for change in waiting {
            bytes.extend(change.compressed_bytes());
        }
        bytes
    }

    fn change_columns(&self, numbers: &ActorNumbers, compression: Compression) -> ColumnData {
        let mut actor = RleEncoder::<u32>::new();
        let mut seq = DeltaEncoder::new();
        let mut max_op = DeltaEncoder::new();
        let mut time = DeltaEncoder::new();
        let mut message = RleEncoder::<&str>::new();
        let mut dep_count = RleEncoder::<u64>::new();
        let mut dep_index = DeltaEncoder::new();
        let mut extra_meta = RleEncoder::<u64>::new();
        let mut extra = Vec::new();
        self.graph.for_each_row(|row| {
            let count = row.count as usize;
            actor.append_run(Some(numbers.number(row.info.actor)), count);
            seq.append_run(row.info.seq.into(), 1, count);
            for max in row.max_ops {
                max_op.append(Some((*max).into()));
            }
            time.append_run(row.info.time, 0, count);
            message.append_run(row.info.message, count);
            dep_count.append(Some(row.info.deps.len() as u64));
            dep_count.append_run(Some(1), count - 1);
            // A change lists its dependencies by hash, and readers take them in the order written.
            let mut deps = row.info.deps.clone();
            deps.sort_unstable_by_key(|dep| self.hash_of(*dep));
            for dep in deps {
                dep_index.append(Some(dep.0.into()));
            }
            dep_index.append_run(row.first.0.into(), 1, count - 1);
            extra_meta.append(Some(ValueMeta::new(BYTES, row.info.extra.len()).as_u64()));
            extra_meta.append_run(Some(ValueMeta::new(BYTES, 0).as_u64()), count - 1);
            extra.extend_from_slice(row.info.extra);
        });
        let mut columns = ColumnData::new(compression);
        columns.append(changes::ACTOR, &actor.finish());
        columns.append(changes::SEQ, &seq.finish());
        columns.append(changes::MAX_OP, &max_op.finish());
        columns.append(changes::TIME, &time.finish());
        columns.append(changes::MESSAGE, &message.finish());
        columns.append(changes::DEP_COUNT, &dep_count.finish());
        columns.append(changes::DEP_INDEX, &dep_index.finish());
        columns.append(changes::EXTRA_META, &extra_meta.finish());
        columns.append(changes::EXTRA, &extra);
        columns
    }

    fn op_columns(&self, numbers: &ActorNumbers, compression: Compression) -> ColumnData {
        let set = &self.set;
        let mut objects: Vec<ObjectIndex> = set
            .objects
            .iter()
            .filter(|(_, object)| !object.id.is_draft())
            .map(|(index, _)| index)
            .collect();
        objects.sort_unstable_by_key(|index| set.actors.order(set.objects.get(*index).id));
        let mut rows = OpRows::new(set, numbers);
        for object in objects {
            rows.append_object(object);
        }
        rows.finish(compression)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compression {
    Deflate,
    None,
}

/// Columns being put behind each other, with their list.
struct ColumnData {
    compression: Compression,
    meta: Columns,
    data: Vec<u8>,
}

impl ColumnData {
    fn new(compression: Compression) -> Self {
        Self { compression, meta: Columns::default(), data: Vec::new() }
    }

    fn append(&mut self, spec: ColumnSpec, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let deflated = (self.compression == Compression::Deflate
            && bytes.len() >= DEFLATE_MIN_SIZE)
            .then(|| deflate(bytes));
        let stored = deflated.as_deref().unwrap_or(bytes);
        self.meta
            .append(spec.with_deflated(deflated.is_some()), stored.len())
            .expect("invariant: what is in memory has a length");
        self.data.extend_from_slice(stored);
    }
}

/// The rows of operations, column by column.
struct OpRows<'a> {
    set: &'a OpSet,
    numbers: &'a ActorNumbers,
    object_actor: RleEncoder<u32>,
    object_counter: RleEncoder<u32>,
    key_actor: RleEncoder<u32>,
    key_counter: DeltaEncoder,
    key_string: RleEncoder<&'a str>,
    id_actor: RleEncoder<u32>,
    id_counter: DeltaEncoder,
    insert: BooleanEncoder,
    action: RleEncoder<u64>,
    value_meta: RleEncoder<u64>,
    value: Vec<u8>,
    successor_count: RleEncoder<u64>,
    successor_actor: RleEncoder<u32>,
    successor_counter: DeltaEncoder,
    expand: BooleanEncoder,
    mark_name: RleEncoder<&'a str>,
}

impl<'a> OpRows<'a> {
    fn new(set: &'a OpSet, numbers: &'a ActorNumbers) -> Self {
        Self {
            set,
            numbers,
            object_actor: RleEncoder::new(),
            object_counter: RleEncoder::new(),
            key_actor: RleEncoder::new(),
            key_counter: DeltaEncoder::new(),
            key_string: RleEncoder::new(),
            id_actor: RleEncoder::new(),
            id_counter: DeltaEncoder::new(),
            insert: BooleanEncoder::new(),
            action: RleEncoder::new(),
            value_meta: RleEncoder::new(),
            value: Vec::new(),
            successor_count: RleEncoder::new(),
            successor_actor: RleEncoder::new(),
            successor_counter: DeltaEncoder::new(),
            expand: BooleanEncoder::new(),
            mark_name: RleEncoder::new(),
        }
    }

    fn append_object(&mut self, index: ObjectIndex) {
        let set = self.set;
        let object = set.objects.get(index);
        match &object.content {
            Content::Map(map) => {
                for (key, register) in map {
                    for op in register.iter().filter(|op| !op.id.is_draft()) {
                        self.key_actor.append(None);
                        self.key_counter.append(None);
                        self.key_string.append(Some(key));
                        self.append_op(object.id, op, false);
                    }
                }
            }
            Content::Sequence(sequence) => {
                for run in set.sequences.runs(*sequence) {
                    if run.id.is_draft() {
                        continue;
                    }
                    if run.kind == RunKind::Text {
                        self.append_run(object.id, run);
                        continue;
                    }
                    for (at, op) in set.register_of(run).iter().enumerate() {
                        if op.id.is_draft() {
                            continue;
                        }
                        let key = if at == 0 { run.origin } else { run.id };
                        self.append_element_key(key);
                        self.append_op(object.id, op, at == 0);
                    }
                }
            }
        }
    }

    fn append_element_key(&mut self, key: OpId) {
        let actor = (!key.is_zero()).then(|| self.numbers.number(key.actor));
        self.key_actor.append(actor);
        self.key_counter.append(Some(key.counter.into()));
        self.key_string.append(None);
    }

    fn append_object_id(&mut self, id: OpId, rows: usize) {
        if id.is_zero() {
            self.object_actor.append_run(None, rows);
            self.object_counter.append_run(None, rows);
        } else {
            self.object_actor.append_run(Some(self.numbers.number(id.actor)), rows);
            self.object_counter.append_run(Some(id.counter), rows);
        }
    }

    /// Appends the row of an operation, but for its key.
    fn append_op(&mut self, object: OpId, op: &RegisterOp, insert: bool) {
        self.append_object_id(object, 1);
        self.id_actor.append(Some(self.numbers.number(op.id.actor)));
        self.id_counter.append(Some(op.id.counter.into()));
        self.insert.append(insert);
        self.action.append(Some(self.set.action(op) as u64));
        let value = self.set.raw_value(op);
        self.value_meta.append(Some(ValueMeta::new(value.code, value.bytes.len()).as_u64()));
        self.value.extend_from_slice(value.bytes);
        let (expand, mark_name) = match op.source {
            Source::Stored(number) => {
                let stored = &self.set.log.others[number as usize];
                (stored.expand, stored.mark_name.as_deref())
            }
            Source::Text(_) => (false, None),
        };
        self.expand.append(expand);
        self.mark_name.append(mark_name);
        self.append_successors(op.successors.iter().copied().collect());
    }

    fn append_successors(&mut self, mut successors: SmallVec<[OpId; 4]>) {
        successors.retain(|id| !id.is_draft());
        successors.sort_unstable_by_key(|id| self.set.actors.order(*id));
        self.successor_count.append(Some(successors.len() as u64));
        for id in successors {
            self.successor_actor.append(Some(self.numbers.number(id.actor)));
            self.successor_counter.append(Some(id.counter.into()));
        }
    }

    /// Appends the rows of a run of characters.
    fn append_run(&mut self, object: OpId, run: &Run) {
        let rows = run.len() as usize;
        self.append_object_id(object, rows);
        let actor = self.numbers.number(run.id.actor);
        let origin = run.origin;
        self.key_actor.append((!origin.is_zero()).then(|| self.numbers.number(origin.actor)));
        self.key_actor.append_run(Some(actor), rows - 1);
        self.key_counter.append(Some(origin.counter.into()));
        self.key_counter.append_run(run.id.counter.into(), 1, rows - 1);
        self.key_string.append_run(None, rows);
        self.id_actor.append_run(Some(actor), rows);
        self.id_counter.append_run(run.id.counter.into(), 1, rows);
        self.insert.append_run(true, rows);
        self.action.append_run(Some(crate::op::Action::Set as u64), rows);
        let text = run.text(&self.set.log.text);
        if run.is_ascii() {
            self.value_meta.append_run(Some(ValueMeta::new(STRING, 1).as_u64()), rows);
        } else {
            for c in text.chars() {
                self.value_meta.append(Some(ValueMeta::new(STRING, c.len_utf8()).as_u64()));
            }
        }
        self.value.extend_from_slice(text.as_bytes());
        self.expand.append_run(false, rows);
        self.mark_name.append_run(None, rows);
        let mut removals = self.set.sequences.removals(run.removal);
        removals.retain(|(first, _)| !first.is_draft());
        match removals[..] {
            [] => self.successor_count.append_run(Some(0), rows),
            [(first, step)] => {
                self.successor_count.append_run(Some(1), rows);
                self.successor_actor.append_run(Some(self.numbers.number(first.actor)), rows);
                self.successor_counter.append_run(first.counter.into(), step.into(), rows);
            }
            _ => {
                for offset in 0..run.len() {
                    let at = |(first, step): &(OpId, i8)| first.stepped(*step, offset);
                    self.append_successors(removals.iter().map(at).collect());
                }
            }
        }
    }

    fn finish(mut self, compression: Compression) -> ColumnData {
        let mut columns = ColumnData::new(compression);
        columns.append(ops::OBJECT_ACTOR, &self.object_actor.finish());
        columns.append(ops::OBJECT_COUNTER, &self.object_counter.finish());
        columns.append(ops::KEY_ACTOR, &self.key_actor.finish());
        columns.append(ops::KEY_COUNTER, &self.key_counter.finish());
        columns.append(ops::KEY_STRING, &self.key_string.finish());
        columns.append(ops::ID_ACTOR, &self.id_actor.finish());
        columns.append(ops::ID_COUNTER, &self.id_counter.finish());
        columns.append(ops::INSERT, &self.insert.finish());
        columns.append(ops::ACTION, &self.action.finish());
        columns.append(ops::VALUE_META, &self.value_meta.finish());
        columns.append(ops::VALUE, &self.value);
        columns.append(ops::SUCCESSOR_COUNT, &self.successor_count.finish());
        columns.append(ops::SUCCESSOR_ACTOR, &self.successor_actor.finish());
        columns.append(ops::SUCCESSOR_COUNTER, &self.successor_counter.finish());
        if !self.expand.is_all_false() {
            let mut expand = Vec::new();
            self.expand.finish_into(&mut expand);
            columns.append(ops::EXPAND, &expand);
        }
        columns.append(ops::MARK_NAME, &self.mark_name.finish());
        columns
    }
}
