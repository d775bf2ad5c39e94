//! Several changes in columns, as they are sent: a bundle chunk.
//!
//! A bundle holds the operations of its changes explicitly, deletions included, so that it needs no
//! document to be read. Automerge calls the format experimental; it goes into neither saves nor stores.
//!
//! The body is: the hashes of the changes outside that are depended on, the actors in ascending order,
//! the columns of the changes in an order that puts dependencies first, and the columns of the
//! operations. These may stand in any order; a column says where the operations of each actor, taken in
//! the order of their counters, are. We write them in just that order.

mod read;

use std::ops::Range;

use hashbrown::HashMap;
use rejoin_columnar::{ColumnSpec, ColumnType, Columns, DeltaEncoder, RleEncoder, leb128};
use smallvec::SmallVec;

use crate::{
    actor::{ActorNumbers, Actors},
    change::{
        OpEncoder,
        columns::{ID_ACTOR, ID_ROW},
    },
    change_graph::ChangeIndex,
    change_hash::ChangeHash,
    chunk::{ChunkBuffer, ChunkKind},
    deflate::{DEFLATE_MIN_SIZE, deflate},
    document::Document,
    op::OpRun,
    op_id::OpId,
};
pub use read::BundleError;
pub(crate) use read::read;

/// Columns of the list of changes.
mod changes {
    use super::{ColumnSpec, ColumnType};

    pub(super) const ACTOR: ColumnSpec = ColumnSpec::new(0, ColumnType::Actor);
    pub(super) const SEQ: ColumnSpec = ColumnSpec::new(0, ColumnType::Delta);
    pub(super) const START_OP: ColumnSpec = ColumnSpec::new(1, ColumnType::Delta);
    pub(super) const MAX_OP: ColumnSpec = ColumnSpec::new(2, ColumnType::Delta);
    pub(super) const TIME: ColumnSpec = ColumnSpec::new(3, ColumnType::Delta);
    pub(super) const MESSAGE: ColumnSpec = ColumnSpec::new(4, ColumnType::String);
    pub(super) const DEP_COUNT: ColumnSpec = ColumnSpec::new(5, ColumnType::Group);
    pub(super) const DEP_INDEX: ColumnSpec = ColumnSpec::new(5, ColumnType::Delta);
    pub(super) const EXTRA_LEN: ColumnSpec = ColumnSpec::new(6, ColumnType::Group);
    pub(super) const EXTRA: ColumnSpec = ColumnSpec::new(6, ColumnType::Value);
}

/// Writes a bundle chunk of the changes with these numbers, which must ascend.
pub(crate) fn write(doc: &Document, indexes: &[ChangeIndex]) -> Vec<u8> {
    let mut runs = Vec::new();
    let mut rows = Vec::with_capacity(indexes.len());
    for index in indexes {
        let info = doc.graph.info(*index);
        let mut deps: Deps = info
            .deps
            .iter()
            .map(|dep| match indexes.binary_search(dep) {
                Ok(place) => Dep::Inside(place),
                Err(_) => Dep::Outside(doc.hash_of(*dep)),
            })
            .collect();
        if deps.len() > 1 {
            deps.sort_unstable_by_key(|dep| match dep {
                Dep::Inside(place) => doc.hash_of(indexes[*place]),
                Dep::Outside(hash) => *hash,
            });
        }
        let first_run = runs.len();
        let object_id = |object| doc.set.objects.get(object).id;
        let (from, to) = (info.start_op, info.max_op + 1);
        doc.set.log.runs_between(info.actor, from, to, object_id, &mut runs);
        rows.push(Row {
            actor: info.actor,
            seq: info.seq,
            start_op: info.start_op,
            max_op: info.max_op,
            time: info.time,
            message: info.message,
            deps,
            extra: info.extra,
            runs: first_run..runs.len(),
        });
    }
    write_rows(&rows, &runs, &doc.set.actors)
}

type Deps = SmallVec<[Dep; 2]>;

/// What a change in a bundle depends on.
#[derive(Debug, Clone, Copy)]
enum Dep {
    /// The change at this place of the bundle.
    Inside(usize),
    Outside(ChangeHash),
}

/// A change that goes into a bundle, its actors numbered as in the document.
#[derive(Debug)]
struct Row<'a> {
    actor: u32,
    seq: u32,
    start_op: u32,
    /// One less than `start_op` when there are no operations.
    max_op: u32,
    time: i64,
    message: Option<&'a str>,
    /// By ascending hash.
    deps: Deps,
    extra: &'a [u8],
    /// Which runs are its operations.
    runs: Range<usize>,
}

impl Row<'_> {
    fn op_count(&self) -> usize {
        (self.max_op + 1 - self.start_op) as usize
    }
}

fn write_rows(rows: &[Row<'_>], runs: &[OpRun<'_>], actors: &Actors) -> Vec<u8> {
    let numbers = number_actors(rows, runs, actors);
    let (external, change_columns) = write_changes(rows, &numbers);
    let op_columns = write_ops(rows, runs, actors, &numbers);

    let mut buffer = ChunkBuffer::default();
    let out = buffer.start();
    leb128::write_u64(out, external.len() as u64);
    external.iter().for_each(|hash| out.extend_from_slice(&hash.0));
    numbers.write(actors, out);
    for columns in [change_columns, op_columns] {
        columns.list.write(out);
        out.extend_from_slice(&columns.data);
    }
    buffer.finish(ChunkKind::Bundle);
    buffer.chunk().to_vec()
}

fn number_actors(rows: &[Row<'_>], runs: &[OpRun<'_>], actors: &Actors) -> ActorNumbers {
    let mut is_used = vec![false; actors.len()];
    rows.iter().for_each(|row| is_used[row.actor as usize] = true);
    for run in runs {
        run.for_each_id(|id| is_used[id.actor as usize] |= !id.is_zero());
    }
    ActorNumbers::new(actors, |actor| is_used[actor as usize])
}

/// Columns with their data, deflated where that is worth it.
#[derive(Default)]
struct ColumnData {
    list: Columns,
    data: Vec<u8>,
}

impl ColumnData {
    fn append(&mut self, spec: ColumnSpec, write: &mut dyn FnMut(&mut Vec<u8>)) {
        let start = self.data.len();
        write(&mut self.data);
        if self.data.len() == start {
            return;
        }
        let is_deflated = self.data.len() - start >= DEFLATE_MIN_SIZE;
        if is_deflated {
            let deflated = deflate(&self.data[start..]);
            self.data.truncate(start);
            self.data.extend_from_slice(&deflated);
        }
        self.list
            .append(spec.with_deflated(is_deflated), self.data.len() - start)
            .expect("invariant: the data is in memory");
    }
}

/// The columns of the changes, and the changes outside that are depended on.
fn write_changes(rows: &[Row<'_>], numbers: &ActorNumbers) -> (Vec<ChangeHash>, ColumnData) {
    let mut external = Vec::new();
    let mut places: HashMap<ChangeHash, usize> = HashMap::new();
    let mut actor = RleEncoder::<u32>::new();
    let (mut seq, mut start_op, mut max_op) =
        (DeltaEncoder::new(), DeltaEncoder::new(), DeltaEncoder::new());
    let mut time = DeltaEncoder::new();
    let mut message = RleEncoder::<&str>::new();
    let mut dep_count = RleEncoder::<u64>::new();
    let mut dep_index = DeltaEncoder::new();
    let mut extra_len = RleEncoder::<u64>::new();
    let mut extra = Vec::new();
    for row in rows {
        actor.append(Some(numbers.number(row.actor)));
        seq.append(Some(row.seq.into()));
        start_op.append(Some(row.start_op.into()));
        max_op.append(Some(row.max_op.into()));
        time.append(Some(row.time));
        message.append(row.message);
        dep_count.append(Some(row.deps.len() as u64));
        for dep in &row.deps {
            let place = match dep {
                Dep::Inside(place) => *place,
                Dep::Outside(hash) => *places.entry(*hash).or_insert_with(|| {
                    external.push(*hash);
                    rows.len() + external.len() - 1
                }),
            };
            dep_index.append(Some(place as i64));
        }
        extra_len.append(Some(row.extra.len() as u64));
        extra.extend_from_slice(row.extra);
    }
    let mut columns = ColumnData::default();
    columns.append(changes::ACTOR, &mut |out| actor.finish_into(out));
    columns.append(changes::SEQ, &mut |out| seq.finish_into(out));
    columns.append(changes::START_OP, &mut |out| start_op.finish_into(out));
    columns.append(changes::MAX_OP, &mut |out| max_op.finish_into(out));
    columns.append(changes::TIME, &mut |out| time.finish_into(out));
    columns.append(changes::MESSAGE, &mut |out| message.finish_into(out));
    columns.append(changes::DEP_COUNT, &mut |out| dep_count.finish_into(out));
    columns.append(changes::DEP_INDEX, &mut |out| dep_index.finish_into(out));
    columns.append(changes::EXTRA_LEN, &mut |out| extra_len.finish_into(out));
    columns.append(changes::EXTRA, &mut |out| out.append(&mut extra));
    (external, columns)
}

/// The columns of the operations, by actor and counter.
fn write_ops(
    rows: &[Row<'_>],
    runs: &[OpRun<'_>],
    actors: &Actors,
    numbers: &ActorNumbers,
) -> ColumnData {
    let mut order: Vec<(u32, &Row<'_>)> =
        rows.iter().map(|row| (numbers.number(row.actor), row)).collect();
    order.sort_unstable_by_key(|(author, row)| (*author, row.seq));
    let mut ops = OpEncoder::for_bundle();
    let mut id_actor = RleEncoder::<u32>::new();
    let mut total = 0;
    for (author, row) in order {
        let mut id = OpId::new(row.start_op, author);
        for run in &runs[row.runs.clone()] {
            ops.append_sorted(run, id, actors, |actor| numbers.number(actor));
            id.counter = id.counter.wrapping_add(run.count());
        }
        id_actor.append_run(Some(author), row.op_count());
        total += row.op_count();
    }
    let mut row = DeltaEncoder::new();
    row.append_run(0, 1, total);
    let mut columns = ColumnData::default();
    ops.finish_columns(|spec, write| {
        if spec > ID_ACTOR && !id_actor.is_null() {
            columns.append(ID_ACTOR, &mut |out| id_actor.finish_into(out));
        }
        columns.append(spec, write);
    });
    columns.append(ID_ROW, &mut |out| row.finish_into(out));
    columns
}

#[cfg(test)]
mod tests;
