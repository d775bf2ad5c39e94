//! From the columns of a bundle to changes.

use std::{borrow::Cow, ops::Range};

use rejoin_columnar::{
    ColumnLayout, ColumnSpec, Columns, ColumnsError, DecodeError, DeltaDecoder, DeltaRange, Reader,
    RleDecoder, Strictness,
};

use super::changes;
use crate::{
    actor::Actors,
    budget::Budget,
    change::{
        Change, ChangeEncoder, ChangeError, ChangeHeader, ChangeParser, OpDecoder, OpError,
        columns::{ID_ACTOR, ID_COUNTER, ID_ROW},
        read_actors, read_hashes,
    },
    change_hash::ChangeHash,
    deflate::{self, InflateError},
    op::OpRun,
};

/// How many changes, and how many operations out of order, a bundle may have however few its bytes
/// are.
const MAX_FREE_ROWS: usize = 1 << 18;

/// How many it may have beyond that for each byte of its columns.
const MAX_ROWS_PER_BYTE: usize = 64;

/// Why bytes are no bundle of changes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Something outside of the op columns is malformed.
    #[error("bundle: {0}")]
    Decode(#[from] DecodeError),
    /// A list of columns is malformed.
    #[error("bundle: {0}")]
    Columns(#[from] ColumnsError),
    /// A column is malformed or inflates to too much.
    #[error("bundle: {0}")]
    Inflate(#[from] InflateError),
    /// The actors are not in ascending order.
    #[error("bundle: actors are not sorted")]
    UnsortedActors,
    /// There is a column that bundles do not have.
    #[error("bundle: unknown column {0}")]
    Column(u32),
    /// A change lacks something, or says something impossible.
    #[error("bundle: change {index} has no valid {what}")]
    Change {
        /// Which change, from 0.
        index: usize,
        /// What is missing or impossible.
        what: &'static str,
    },
    /// An operation is malformed.
    #[error("bundle: {0}")]
    Op(#[from] OpError),
    /// The operations are not exactly those that the changes say they have.
    #[error("bundle: operations do not fit the changes")]
    Rows,
    /// There are more changes or operations than so few bytes may hold.
    #[error("bundle: too many changes or operations")]
    TooMany,
    /// What a change says makes no valid change.
    #[error("bundle: {0}")]
    InvalidChange(#[from] ChangeError),
}

/// Reads the body of a bundle chunk within a budget.
///
/// # Errors
/// When it is malformed, or one of its changes is.
pub(crate) fn read(body: &[u8], budget: &mut Budget) -> Result<Vec<Change>, BundleError> {
    let mut reader = Reader::new(body);
    let external = read_hashes(&mut reader)?;
    let actor_ids = read_actors(&mut reader)?;
    if !actor_ids.is_sorted_by(|a, b| a < b) {
        return Err(BundleError::UnsortedActors);
    }
    let changes = Inflated::read(&mut reader, budget)?;
    let ops = Inflated::read(&mut reader, budget)?;
    let rows = read_rows(&changes, actor_ids.len())?;
    let ops = Operations::read(&ops, &rows, actor_ids.len(), budget)?;
    build(&rows, &ops, &external, &actor_ids)
}

/// Columns with their data, inflated.
struct Inflated<'a> {
    list: Columns,
    data: Cow<'a, [u8]>,
}

impl<'a> Inflated<'a> {
    fn read(reader: &mut Reader<'a>, budget: &mut Budget) -> Result<Self, BundleError> {
        let list = Columns::parse(reader, ColumnLayout::Bundle)?;
        let data = list.take_data(reader)?;
        if !list.iter().any(|column| column.spec.is_deflated()) {
            return Ok(Self { list, data: Cow::Borrowed(data) });
        }
        let mut inflated = Self { list: Columns::default(), data: Cow::Owned(Vec::new()) };
        for column in list.iter() {
            let stored = &data[column.start..column.start + column.len];
            let bytes = if column.spec.is_deflated() {
                Cow::Owned(deflate::inflate_within(stored, budget)?)
            } else {
                Cow::Borrowed(stored)
            };
            inflated.data.to_mut().extend_from_slice(&bytes);
            inflated
                .list
                .append(column.spec.normalized(), bytes.len())
                .expect("invariant: the data is in memory");
        }
        Ok(inflated)
    }

    fn get(&self, spec: ColumnSpec) -> &[u8] {
        &self.data[self.list.range(spec)]
    }

    /// How many rows these bytes may stand for.
    fn max_rows(&self) -> usize {
        MAX_FREE_ROWS + MAX_ROWS_PER_BYTE * self.data.len()
    }
}

/// A change without its operations.
struct ChangeRow<'a> {
    actor: u32,
    seq: u64,
    start_op: u32,
    op_count: u32,
    time: i64,
    message: Option<&'a str>,
    /// Places in the list of changes and, behind that, in the list of changes outside.
    deps: Vec<u32>,
    extra: &'a [u8],
}

fn read_rows<'a>(
    columns: &'a Inflated<'_>,
    actors: usize,
) -> Result<Vec<ChangeRow<'a>>, BundleError> {
    let known = [
        changes::ACTOR,
        changes::SEQ,
        changes::START_OP,
        changes::MAX_OP,
        changes::TIME,
        changes::MESSAGE,
        changes::DEP_COUNT,
        changes::DEP_INDEX,
        changes::EXTRA_LEN,
        changes::EXTRA,
    ];
    if let Some(column) = columns.list.iter().find(|column| !known.contains(&column.spec)) {
        return Err(BundleError::Column(column.spec.as_u32()));
    }
    let number = |spec| RleDecoder::<u64>::new(columns.get(spec), Strictness::Lenient);
    let delta = |spec, range| DeltaDecoder::new(columns.get(spec), Strictness::Lenient, range);
    let mut actor = number(changes::ACTOR);
    let mut seq = delta(changes::SEQ, DeltaRange::I64);
    let mut start_op = delta(changes::START_OP, DeltaRange::U32);
    let mut max_op = delta(changes::MAX_OP, DeltaRange::U32);
    let mut time = delta(changes::TIME, DeltaRange::I64);
    let mut message = RleDecoder::<&str>::new(columns.get(changes::MESSAGE), Strictness::Lenient);
    let mut dep_count = number(changes::DEP_COUNT);
    let mut dep_index = delta(changes::DEP_INDEX, DeltaRange::U32);
    let mut extra_len = number(changes::EXTRA_LEN);
    let mut extra = Reader::new(columns.get(changes::EXTRA));

    let mut left = columns.max_rows();
    let mut rows = Vec::new();
    while let Some(author) = actor.next_value()? {
        let index = rows.len();
        let missing = |what| BundleError::Change { index, what };
        let author = author.filter(|author| *author < actors as u64).ok_or(missing("actor"))?;
        let seq = seq.next_value()?.flatten().ok_or(missing("sequence number"))?;
        let start_op = start_op.next_value()?.flatten().ok_or(missing("start op"))?;
        let max_op = max_op.next_value()?.flatten().ok_or(missing("last op"))?;
        let op_count = max_op - start_op + 1;
        if start_op == 0 || op_count < 0 {
            return Err(missing("last op"));
        }
        let dep_count = dep_count.next_value()?.flatten().unwrap_or(0);
        let cost = usize::try_from(dep_count).ok().and_then(|count| count.checked_add(1));
        left = cost.and_then(|cost| left.checked_sub(cost)).ok_or(BundleError::TooMany)?;
        let mut deps = Vec::new();
        for _ in 0..dep_count {
            let dep = dep_index.next_value()?.flatten().ok_or(missing("dependency"))?;
            deps.push(dep as u32);
        }
        let extra_len = extra_len.next_value()?.flatten().unwrap_or(0);
        rows.push(ChangeRow {
            actor: author as u32,
            seq: seq as u64,
            start_op: start_op as u32,
            op_count: op_count as u32,
            time: time.next_value()?.flatten().unwrap_or(0),
            message: message.next_value()?.flatten(),
            deps,
            extra: extra.take(usize::try_from(extra_len).unwrap_or(usize::MAX))?,
        });
    }
    Ok(rows)
}

/// The operations of all changes.
struct Operations<'a> {
    runs: Vec<OpRun<'a>>,
    /// Which runs are those of each change.
    of_change: Vec<Range<usize>>,
}

impl<'a> Operations<'a> {
    fn read(
        columns: &'a Inflated<'_>,
        rows: &[ChangeRow<'_>],
        actors: usize,
        budget: &mut Budget,
    ) -> Result<Self, BundleError> {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_unstable_by_key(|&at| (rows[at].actor, rows[at].seq));
        let mut total = 0usize;
        for row in rows {
            total = total.checked_add(row.op_count as usize).ok_or(BundleError::TooMany)?;
        }
        let mut decoder = OpDecoder::new(&columns.list, &columns.data, 1, actors, budget.runs)?;
        let mut authors = RleDecoder::<u32>::new(columns.get(ID_ACTOR), Strictness::Lenient);
        let mut places =
            DeltaDecoder::new(columns.get(ID_ROW), Strictness::Lenient, DeltaRange::U32);
        let is_in_order = match places.peek()? {
            Some(run) => run.first == Some(0) && run.step == 1 && run.count == total,
            None => false,
        };
        let operations = if is_in_order {
            Self::read_in_order(&mut decoder, &mut authors, rows, &order)?
        } else if total <= columns.max_rows() {
            let ids = if columns.get(ID_COUNTER).is_empty() {
                ids_by_place(&mut places, rows, &order, total)?
            } else {
                ids_by_counter(columns, rows, &order, total)?
            };
            Self::read_by_id(&mut decoder, &mut authors, rows, &ids)?
        } else {
            return Err(BundleError::TooMany);
        };
        budget.runs = decoder.budget();
        decoder.start(0, 1, 1);
        if decoder.next_run()?.is_some() || !authors.is_done() {
            return Err(BundleError::Rows);
        }
        Ok(operations)
    }

    /// Reads operations that stand by actor and counter.
    fn read_in_order(
        decoder: &mut OpDecoder<'a>,
        authors: &mut RleDecoder<'_, u32>,
        rows: &[ChangeRow<'_>],
        order: &[usize],
    ) -> Result<Self, BundleError> {
        let mut runs = Vec::new();
        let mut of_change = vec![0..0; rows.len()];
        for &at in order {
            let row = &rows[at];
            let mut left = row.op_count as usize;
            while left > 0 {
                let author = authors.peek()?.filter(|author| author.value == Some(row.actor));
                let count = author.ok_or(BundleError::Rows)?.count.min(left);
                authors.advance(count);
                left -= count;
            }
            let start = runs.len();
            let mut left = row.op_count;
            decoder.start(row.actor, row.start_op, left as usize);
            while left > 0 {
                let run = decoder.next_run()?.ok_or(BundleError::Rows)?;
                left -= run.count();
                runs.push(run);
            }
            of_change[at] = start..runs.len();
        }
        Ok(Self { runs, of_change })
    }

    /// Reads operations that stand in any order; `ids` has the change and counter of each row.
    fn read_by_id(
        decoder: &mut OpDecoder<'a>,
        authors: &mut RleDecoder<'_, u32>,
        rows: &[ChangeRow<'_>],
        ids: &[(usize, u32)],
    ) -> Result<Self, BundleError> {
        let mut read = Vec::with_capacity(ids.len());
        for &(at, counter) in ids {
            let author = rows[at].actor;
            if authors.next_value()? != Some(Some(author)) {
                return Err(BundleError::Rows);
            }
            decoder.start(author, counter, 1);
            read.push((at, counter, decoder.next_run()?.ok_or(BundleError::Rows)?));
        }
        read.sort_unstable_by_key(|(at, counter, _)| (*at, *counter));
        let mut of_change = Vec::with_capacity(rows.len());
        let mut start = 0;
        for row in rows {
            let end = start + row.op_count as usize;
            of_change.push(start..end);
            start = end;
        }
        // Each change must have each of its counters once, else the hashes would not tell what is
        // missing but only that something is.
        let is_complete = read.iter().enumerate().all(|(index, (at, counter, _))| {
            let range = &of_change[*at];
            range.contains(&index)
                && *counter as usize == rows[*at].start_op as usize + (index - range.start)
        });
        if !is_complete {
            return Err(BundleError::Rows);
        }
        Ok(Self { runs: read.into_iter().map(|(_, _, run)| run).collect(), of_change })
    }
}

/// The change and counter of each row, from the row of each operation by actor and counter.
fn ids_by_place(
    places: &mut DeltaDecoder<'_>,
    rows: &[ChangeRow<'_>],
    order: &[usize],
    total: usize,
) -> Result<Vec<(usize, u32)>, BundleError> {
    // A counter of 0 marks the rows without an operation.
    let mut ids = vec![(0, 0); total];
    for &at in order {
        for index in 0..rows[at].op_count {
            let place = places.next_value()?.flatten().ok_or(BundleError::Rows)?;
            match ids.get_mut(place as usize) {
                Some(id) if id.1 == 0 => *id = (at, rows[at].start_op + index),
                _ => return Err(BundleError::Rows),
            }
        }
    }
    Ok(ids)
}

/// The change and counter of each row, from a column of counters.
fn ids_by_counter(
    columns: &Inflated<'_>,
    rows: &[ChangeRow<'_>],
    order: &[usize],
    total: usize,
) -> Result<Vec<(usize, u32)>, BundleError> {
    let mut authors = RleDecoder::<u32>::new(columns.get(ID_ACTOR), Strictness::Lenient);
    let mut counters =
        DeltaDecoder::new(columns.get(ID_COUNTER), Strictness::Lenient, DeltaRange::U32);
    let mut ids = Vec::with_capacity(total);
    for _ in 0..total {
        let author = authors.next_value()?.flatten().ok_or(BundleError::Rows)?;
        let counter = counters.next_value()?.flatten().ok_or(BundleError::Rows)? as u32;
        let behind =
            order.partition_point(|&at| (rows[at].actor, rows[at].start_op) <= (author, counter));
        let at = *behind.checked_sub(1).and_then(|at| order.get(at)).ok_or(BundleError::Rows)?;
        if rows[at].actor != author {
            return Err(BundleError::Rows);
        }
        ids.push((at, counter));
    }
    Ok(ids)
}

/// Encodes the changes one by one, and reads them as if they had come alone.
fn build(
    rows: &[ChangeRow<'_>],
    ops: &Operations<'_>,
    external: &[ChangeHash],
    actor_ids: &[&[u8]],
) -> Result<Vec<Change>, BundleError> {
    let mut actors = Actors::default();
    for id in actor_ids {
        actors.intern_bytes(id);
    }
    let mut encoder = ChangeEncoder::default();
    let mut parser = ChangeParser::default();
    let mut built: Vec<Change> = Vec::with_capacity(rows.len());
    for (index, (row, runs)) in rows.iter().zip(&ops.of_change).enumerate() {
        let mut deps = Vec::with_capacity(row.deps.len());
        for &dep in &row.deps {
            let dep = dep as usize;
            let hash = match dep.checked_sub(rows.len()) {
                Some(outside) => external.get(outside).copied(),
                None => built.get(dep).map(Change::hash),
            };
            deps.push(hash.ok_or(BundleError::Change { index, what: "dependency" })?);
        }
        deps.sort_unstable();
        let header = ChangeHeader {
            deps: &deps,
            actor: row.actor,
            seq: row.seq,
            start_op: row.start_op,
            time: row.time,
            message: row.message,
            extra: row.extra,
        };
        encoder.encode(&header, &actors, &ops.runs[runs.clone()]);
        built.push(parser.check(&encoder)?);
    }
    Ok(built)
}
