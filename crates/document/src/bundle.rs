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

use rejoin_columnar::{ColumnSpec, ColumnType, Columns, DeltaEncoder, RleEncoder, leb128};

use crate::{
    actor::ActorId,
    change::{
        Change, OpEncoder,
        columns::{ID_ACTOR, ID_ROW},
    },
    change_hash::ChangeHash,
    chunk::{ChunkBuffer, ChunkKind},
    deflate::{DEFLATE_MIN_SIZE, deflate},
    op_id::OpId,
};
use hashbrown::HashMap;
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

/// Writes a bundle chunk of these changes, which must stand behind their dependencies.
pub(crate) fn write(bundled: &[Change]) -> Vec<u8> {
    let mut actors: Vec<&ActorId> = bundled.iter().flat_map(Change::local_actors).collect();
    actors.sort_unstable();
    actors.dedup();
    let number = |actor: &ActorId| {
        actors.binary_search(&actor).expect("invariant: every actor is in the table") as u32
    };
    let (external, change_columns) = write_changes(bundled, number);
    let op_columns = write_ops(bundled, number);

    let mut buffer = ChunkBuffer::default();
    let out = buffer.start();
    leb128::write_u64(out, external.len() as u64);
    external.iter().for_each(|hash| out.extend_from_slice(&hash.0));
    leb128::write_u64(out, actors.len() as u64);
    for actor in &actors {
        leb128::write_u64(out, actor.as_bytes().len() as u64);
        out.extend_from_slice(actor.as_bytes());
    }
    for columns in [change_columns, op_columns] {
        columns.list.write(out);
        out.extend_from_slice(&columns.data);
    }
    buffer.finish(ChunkKind::Bundle);
    buffer.chunk().to_vec()
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
fn write_changes(
    bundled: &[Change],
    number: impl Fn(&ActorId) -> u32,
) -> (Vec<ChangeHash>, ColumnData) {
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
    for (at, change) in bundled.iter().enumerate() {
        actor.append(Some(number(change.actor())));
        seq.append(Some(change.seq() as i64));
        start_op.append(Some(change.start_op() as i64));
        max_op.append(Some(change.max_op() as i64));
        time.append(Some(change.time()));
        message.append(change.message());
        dep_count.append(Some(change.deps().len() as u64));
        for dep in change.deps() {
            let place = *places.entry(*dep).or_insert_with(|| {
                external.push(*dep);
                bundled.len() + external.len() - 1
            });
            dep_index.append(Some(place as i64));
        }
        extra_len.append(Some(change.extra().len() as u64));
        extra.extend_from_slice(change.extra());
        places.insert(change.hash(), at);
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
fn write_ops(bundled: &[Change], number: impl Fn(&ActorId) -> u32) -> ColumnData {
    let mut order: Vec<(u32, &Change)> =
        bundled.iter().map(|change| (number(change.actor()), change)).collect();
    order.sort_unstable_by_key(|(actor, change)| (*actor, change.seq()));
    let mut ops = OpEncoder::for_bundle();
    let mut id_actor = RleEncoder::<u32>::new();
    let mut rows = 0;
    for (author, change) in order {
        let numbers: Vec<u32> = change.local_actors().map(&number).collect();
        let mut id = OpId::new(change.start_op() as u32, author);
        for run in change.runs() {
            ops.append(&run, id, |actor| numbers[actor as usize]);
            id.counter = id.counter.wrapping_add(run.count());
        }
        id_actor.append_run(Some(author), change.op_count());
        rows += change.op_count();
    }
    let mut row = DeltaEncoder::new();
    row.append_run(0, 1, rows);
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
