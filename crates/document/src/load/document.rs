//! A document chunk to a document.

use rejoin_columnar::{
    ColumnLayout, ColumnSpec, Columns, ColumnsError, DecodeError, DeltaDecoder, DeltaRange,
    DeltaRun, Reader, RleDecoder, Strictness, ValueError, ValueMeta,
};
use smallvec::SmallVec;

use crate::{
    actor::ActorId,
    budget::Budget,
    change::{ChangeEncoder, ChangeHeader},
    change_graph::{ChangeIndex, NewChange},
    change_hash::ChangeHash,
    deflate::InflateError,
    document::Document,
    document_columns::{changes, ops},
    load::{Trust, build::Builder, columns::ColumnBytes, rows::Rows},
    op_id::OpId,
    op_log::LogRun,
    op_set::OpSet,
};

/// Why the body of a document chunk is malformed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentChunkError {
    /// A number or column cannot be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The list of columns is malformed.
    #[error(transparent)]
    Columns(#[from] ColumnsError),
    /// A deflated column is malformed or too large.
    #[error(transparent)]
    Inflate(#[from] InflateError),
    /// A value is malformed.
    #[error(transparent)]
    Value(ValueError),
    /// There is a column that documents do not have.
    #[error("unknown column {0}")]
    UnknownColumn(u32),
    /// A column that must have a value ends early.
    #[error("a row has no {0}")]
    Missing(&'static str),
    /// Something has a form that it cannot have.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// There are more changes, rows or successors than so few bytes may hold.
    #[error("too many operations")]
    TooManyOps,
    /// The rows are not in the order of the document.
    #[error("operations are not in document order")]
    Order,
    /// An actor's changes are not numbered one after the other.
    #[error("change {index} is out of sequence")]
    Sequence {
        /// Which change of the list.
        index: usize,
    },
    /// A change depends on one that does not come before it, or is numbered below it.
    #[error("change {index} has an invalid dependency")]
    Dependency {
        /// Which change of the list.
        index: usize,
    },
    /// Operations of a change are missing, or belong to no change.
    #[error("operations are missing or belong to no change")]
    MissingOps,
    /// The changes are not those that the heads name.
    #[error("the changes do not add up to the heads")]
    MismatchingHeads,
}

/// Reads the body of a document chunk.
pub(super) fn read(
    body: &[u8],
    trust: Trust,
    budget: &mut Budget,
) -> Result<Document, DocumentChunkError> {
    let mut reader = Reader::new(body);
    let actors = read_actors(&mut reader)?;
    let heads = read_heads(&mut reader)?;
    let change_meta = Columns::parse(&mut reader, ColumnLayout::Document)?;
    let op_meta = Columns::parse(&mut reader, ColumnLayout::Document)?;
    let change_columns = ColumnBytes::take(&change_meta, &mut reader, budget)?;
    let op_columns = ColumnBytes::take(&op_meta, &mut reader, budget)?;
    // Old files have no head indexes; they say nothing that the changes do not.
    let mut indexed = Vec::new();
    if !reader.is_empty() {
        for head in &heads {
            indexed.push((ChangeIndex(reader.u32()?), *head));
        }
        if !reader.is_empty() {
            return Err(DocumentChunkError::Malformed("end"));
        }
    }
    let unknown = op_columns.unknown(OP_COLUMNS).or(change_columns.unknown(CHANGE_COLUMNS));
    if let Some(column) = unknown {
        return Err(DocumentChunkError::UnknownColumn(column.as_u32()));
    }
    let mut doc = Document::new();
    for actor in &actors {
        doc.set.actors.intern(actor);
    }
    if doc.set.actors.len() != actors.len() || !actors.is_sorted() {
        return Err(DocumentChunkError::Malformed("actor table"));
    }
    let mut rows = Rows::new(&op_columns, actors.len());
    // A run takes two bytes of this column or more, unless many are alike.
    let likely_runs = (op_columns.get(ops::ID_COUNTER).len() / 2).min(MAX_LIKELY_RUNS);
    // Most of the values are text.
    doc.set.log.text.reserve(op_columns.get(ops::VALUE).len());
    let mut builder = Builder::new(&mut doc.set, likely_runs);
    while let Some(row) = rows.next()? {
        builder.add(row)?;
    }
    builder.finish()?;
    // Our own store writes head indexes always, and hashes that it checked before.
    if trust == Trust::OwnStore && indexed.len() == heads.len() && heads.is_sorted() {
        read_changes(&change_columns, &mut doc, Hashing::Later)?;
        let deferred = doc.graph.defer(&indexed);
        return deferred.map(|()| doc).ok_or(DocumentChunkError::Malformed("head index"));
    }
    read_changes(&change_columns, &mut doc, Hashing::Now)?;
    if doc.heads() != heads {
        return Err(DocumentChunkError::MismatchingHeads);
    }
    Ok(doc)
}

const CHANGE_COLUMNS: &[ColumnSpec] = &[
    changes::ACTOR,
    changes::SEQ,
    changes::MAX_OP,
    changes::TIME,
    changes::MESSAGE,
    changes::DEP_COUNT,
    changes::DEP_INDEX,
    changes::EXTRA_META,
    changes::EXTRA,
];

const OP_COLUMNS: &[ColumnSpec] = &[
    ops::OBJECT_ACTOR,
    ops::OBJECT_COUNTER,
    ops::KEY_ACTOR,
    ops::KEY_COUNTER,
    ops::KEY_STRING,
    ops::ID_ACTOR,
    ops::ID_COUNTER,
    ops::INSERT,
    ops::ACTION,
    ops::VALUE_META,
    ops::VALUE,
    ops::SUCCESSOR_COUNT,
    ops::SUCCESSOR_ACTOR,
    ops::SUCCESSOR_COUNTER,
    ops::EXPAND,
    ops::MARK_NAME,
];

fn read_actors(reader: &mut Reader<'_>) -> Result<Vec<ActorId>, DocumentChunkError> {
    let count = reader.u64()?;
    let mut actors = Vec::new();
    for _ in 0..count {
        actors.push(ActorId::new(reader.prefixed()?));
    }
    Ok(actors)
}

fn read_heads(reader: &mut Reader<'_>) -> Result<Vec<ChangeHash>, DocumentChunkError> {
    let count = reader.u64()?;
    let mut heads: Vec<ChangeHash> = Vec::new();
    for _ in 0..count {
        let bytes = reader.take(32)?;
        heads.push(ChangeHash(bytes.try_into().expect("invariant: 32 bytes were taken")));
    }
    Ok(heads)
}

/// How many changes there may be however few the bytes are, and for each byte: rows of changes of
/// the same shape take hardly any.
const FREE_CHANGES: usize = 1 << 22;
const CHANGES_PER_BYTE: usize = 256;

/// For how many runs room is made in advance at most.
const MAX_LIKELY_RUNS: usize = 1 << 15;

/// How many changes of a row are taken together, so that their numbers stay near.
const MAX_ROW: usize = 1 << 12;

/// When the hashes of changes are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hashing {
    Now,
    Later,
}

/// Adds the changes to the graph, each encoded anew to get its hash if that is to be now.
fn read_changes(
    columns: &ColumnBytes<'_>,
    doc: &mut Document,
    hashing: Hashing,
) -> Result<(), DocumentChunkError> {
    let strict = Strictness::Canonical;
    let mut actor_column = RleDecoder::<u32>::new(columns.get(changes::ACTOR), strict);
    let mut seq = DeltaDecoder::new(columns.get(changes::SEQ), strict, DeltaRange::U32);
    let mut max_op_column =
        DeltaDecoder::new(columns.get(changes::MAX_OP), strict, DeltaRange::U32);
    let mut time = DeltaDecoder::new(columns.get(changes::TIME), strict, DeltaRange::I64);
    let mut message = RleDecoder::<&str>::new(columns.get(changes::MESSAGE), strict);
    let mut dep_count = RleDecoder::<u64>::new(columns.get(changes::DEP_COUNT), strict);
    let mut dep_index = DeltaDecoder::new(columns.get(changes::DEP_INDEX), strict, DeltaRange::U32);
    let mut extra_meta = RleDecoder::<u64>::new(columns.get(changes::EXTRA_META), strict);
    let mut extra = Reader::new(columns.get(changes::EXTRA));

    let mut budget = FREE_CHANGES + CHANGES_PER_BYTE * columns.len();
    let mut encoder = ChangeEncoder::default();
    let mut logs = vec![LogCursor::default(); doc.set.actors.len()];
    let mut parts: Vec<LogRun> = Vec::new();
    let mut max_ops = Vec::new();
    let mut hashes = Vec::new();
    // A greatest counter that was read before its turn.
    let mut ahead = None;
    // Up to here changes are taken one by one.
    let mut single_until = 0;
    let Document { set, graph, .. } = doc;
    let object_ids = set.objects.ids();
    let op_run = |part: &LogRun| set.log.op_run(part, object_ids[part.object.0 as usize]);
    while let Some(value) = actor_column.next_value()? {
        budget = budget.checked_sub(1).ok_or(DocumentChunkError::TooManyOps)?;
        let index = graph.len();
        let actor = value
            .filter(|actor| (*actor as usize) < set.actors.len())
            .ok_or(DocumentChunkError::Malformed("change actor"))?;
        let seq_number = seq.next_value()?.flatten().ok_or(DocumentChunkError::Missing("seq"))?;
        if seq_number != i64::from(graph.seq(actor)) + 1 {
            return Err(DocumentChunkError::Sequence { index });
        }
        let max_op = match ahead.take() {
            Some(max_op) => max_op,
            None => next_max_op(&mut max_op_column)?,
        };
        let count = dep_count.next_value()?.flatten();
        let count = count.ok_or(DocumentChunkError::Missing("dependency count"))?;
        let mut deps: SmallVec<[ChangeIndex; 2]> = SmallVec::new();
        for _ in 0..count {
            budget = budget.checked_sub(1).ok_or(DocumentChunkError::TooManyOps)?;
            let dep = dep_index.next_value()?.flatten();
            let dep = dep.ok_or(DocumentChunkError::Missing("dependency"))?;
            if dep as usize >= index {
                return Err(DocumentChunkError::Dependency { index });
            }
            deps.push(ChangeIndex(dep as u32));
        }
        deps.sort_unstable();
        let extra_bytes = match extra_meta.next_value()?.flatten() {
            None => &[][..],
            Some(meta) => extra
                .take(usize::try_from(ValueMeta::from_u64(meta).len()).unwrap_or(usize::MAX))?,
        };
        let time_value = time.next_value()?.flatten().unwrap_or(0);
        let message_value = message.next_value()?.flatten();
        let before = graph.actor_max_op(actor);
        if max_op < before {
            return Err(DocumentChunkError::Sequence { index });
        }
        let log = &mut logs[actor as usize];
        parts.clear();
        let start_op = match hashing {
            Hashing::Now => log.take(set, actor, max_op, |part| parts.push(part))?,
            Hashing::Later => log.take(set, actor, max_op, |_| {})?,
        };
        if deps.iter().any(|dep| graph.max_op(*dep) >= start_op) || start_op <= before {
            return Err(DocumentChunkError::Dependency { index });
        }
        let change = NewChange {
            actor,
            seq: seq_number as u32,
            start_op,
            max_op,
            time: time_value,
            message: message_value.map(Into::into),
            deps,
            extra: extra_bytes.into(),
        };
        if hashing == Hashing::Now {
            let mut dep_hashes: SmallVec<[ChangeHash; 2]> =
                change.deps.iter().map(|dep| graph.hash(*dep)).collect();
            dep_hashes.sort_unstable();
            let header = ChangeHeader {
                deps: &dep_hashes,
                actor,
                seq: seq_number as u64,
                start_op,
                time: time_value,
                message: message_value,
                extra: extra_bytes,
            };
            let hash = encoder.encode(&header, &set.actors, parts.iter().map(op_run));
            graph.add(hash, change);
        } else {
            graph.add_deferred(change);
        }
        // Rows of commits go on alike: they are taken together.
        if message_value.is_some() || index < single_until {
            continue;
        }
        let mut row = usize::MAX;
        row = row.min(alike(actor_column.peek()?, |value| value == Some(actor)));
        row = row.min(alike(dep_count.peek()?, |value| value == Some(1)));
        row = row.min(steps(seq.peek()?, seq_number + 1, 1));
        row = row.min(steps(dep_index.peek()?, index as i64, 1));
        row = row.min(match time.peek()? {
            None if time_value == 0 => usize::MAX,
            run => steps(run, time_value, 0),
        });
        row = row.min(match message.peek()? {
            None => usize::MAX,
            run => alike(run, |value| value.is_none()),
        });
        row = row.min(match extra_meta.peek()? {
            None => usize::MAX,
            run => alike(run, |value| value.is_none_or(|m| ValueMeta::from_u64(m).is_empty())),
        });
        if row == 0 || row == usize::MAX {
            continue;
        }
        let row = row.min(MAX_ROW);
        max_ops.clear();
        hashes.clear();
        let mut last = max_op;
        match hashing {
            Hashing::Now => {
                let mut dep = graph.hash(ChangeIndex(index as u32));
                while max_ops.len() < row {
                    let next = next_max_op(&mut max_op_column)?;
                    let before = *log;
                    parts.clear();
                    if next < last
                        || log.take(set, actor, next, |part| parts.push(part))? != last + 1
                    {
                        // Counters that are left out end the row.
                        *log = before;
                        ahead = Some(next);
                        break;
                    }
                    max_ops.push(next);
                    let header = ChangeHeader {
                        deps: &[dep],
                        actor,
                        seq: seq_number as u64 + max_ops.len() as u64,
                        start_op: last + 1,
                        time: time_value,
                        message: None,
                        extra: &[],
                    };
                    dep = encoder.encode(&header, &set.actors, parts.iter().map(op_run));
                    hashes.push(dep);
                    last = next;
                }
            }
            Hashing::Later => {
                let before = (max_op_column.clone(), *log);
                read_max_ops(&mut max_op_column, row, &mut max_ops)?;
                last = max_ops.last().copied().unwrap_or(last);
                let first = match max_ops.is_sorted() && max_ops[0] >= max_op {
                    true => log.take(set, actor, last, |_| {}).ok(),
                    false => None,
                };
                if first != max_op.checked_add(1) {
                    // Counters are left out somewhere: one after the other, then.
                    (max_op_column, *log) = before;
                    single_until = index + row;
                    continue;
                }
            }
        }
        let row = max_ops.len();
        if row == 0 {
            continue;
        }
        budget = budget.checked_sub(row).ok_or(DocumentChunkError::TooManyOps)?;
        graph.extend_row(&max_ops, &hashes);
        actor_column.advance(row);
        dep_count.advance(row);
        seq.advance(row);
        dep_index.advance(row);
        skip_if_any(&mut time, row);
        if !message.is_done() {
            message.advance(row);
        }
        if !extra_meta.is_done() {
            extra_meta.advance(row);
        }
    }
    let all_taken =
        logs.iter().enumerate().all(|(actor, log)| log.is_at_end(set.log.actor(actor as u32)));
    if !all_taken || !seq.is_done() || !max_op_column.is_done() || !extra.is_empty() {
        return Err(DocumentChunkError::MissingOps);
    }
    set.max_op = (0..graph.len()).map(|at| graph.max_op(ChangeIndex(at as u32))).max().unwrap_or(0);
    Ok(())
}

fn next_max_op(column: &mut DeltaDecoder<'_>) -> Result<u32, DocumentChunkError> {
    let max_op = column.next_value()?.flatten();
    Ok(max_op.ok_or(DocumentChunkError::Missing("max op"))? as u32)
}

/// Reads so many greatest counters.
fn read_max_ops(
    column: &mut DeltaDecoder<'_>,
    count: usize,
    out: &mut Vec<u32>,
) -> Result<(), DocumentChunkError> {
    while out.len() < count {
        let run = column.peek()?.ok_or(DocumentChunkError::Missing("max op"))?;
        let first = run.first.ok_or(DocumentChunkError::Missing("max op"))?;
        let taken = run.count.min(count - out.len());
        out.extend((0..taken as i64).map(|at| (first + at * run.step) as u32));
        column.advance(taken);
    }
    Ok(())
}

/// How many of the next values are as asked.
fn alike<V>(run: Option<rejoin_columnar::Run<V>>, is: impl Fn(V) -> bool) -> usize {
    run.map_or(0, |run| if is(run.value) { run.count } else { 0 })
}

/// How many of the next numbers go on from `first` by `step`.
fn steps(run: Option<DeltaRun>, first: i64, step: i64) -> usize {
    match run {
        Some(run) if run.first == Some(first) => {
            if run.step == step {
                run.count
            } else {
                1
            }
        }
        _ => 0,
    }
}

fn skip_if_any(decoder: &mut DeltaDecoder<'_>, count: usize) {
    if !decoder.is_done() {
        decoder.advance(count);
    }
}

/// How far an actor's log has been given out to changes.
#[derive(Debug, Clone, Copy, Default)]
struct LogCursor {
    run: usize,
    /// How many operations of the run.
    offset: u32,
}

impl LogCursor {
    /// Takes the operations up to `max_op`, which must follow each other, and gives the counter of
    /// the first.
    #[inline]
    fn take(
        &mut self,
        set: &OpSet,
        actor: u32,
        max_op: u32,
        mut give: impl FnMut(LogRun),
    ) -> Result<u32, DocumentChunkError> {
        let log = set.log.actor(actor);
        if max_op > OpId::MAX_COUNTER {
            return Err(DocumentChunkError::TooManyOps);
        }
        let after = max_op + 1;
        let mut start = None;
        let mut next = 0;
        while let Some(run) = log.get(self.run) {
            let counter = run.counter + self.offset;
            if counter > max_op {
                break;
            }
            if *start.get_or_insert(counter) != counter && next != counter {
                return Err(DocumentChunkError::MissingOps);
            }
            let end = (run.counter + run.count()).min(after);
            let mut part = *run;
            if self.offset > 0 {
                part = part.split(actor, self.offset, &set.log.text).1;
            }
            if part.counter + part.count() > end {
                part = part.split(actor, end - part.counter, &set.log.text).0;
            }
            give(part);
            next = end;
            if end == run.counter + run.count() {
                self.run += 1;
                self.offset = 0;
            } else {
                self.offset = end - run.counter;
                break;
            }
        }
        match start {
            Some(_) if next != after => Err(DocumentChunkError::MissingOps),
            start => Ok(start.unwrap_or(after)),
        }
    }

    fn is_at_end(&self, log: &[crate::op_log::LogRun]) -> bool {
        self.run == log.len()
    }
}
