//! Changes: what one actor did at once, immutable and named by its hash.

pub(crate) mod columns;
mod decoder;
mod encoder;
mod one_run;

use std::{fmt, ops::Range, sync::Arc};

use rejoin_columnar::{
    ColumnLayout, Columns, ColumnsError, DecodeError, DecodeErrorKind, leb128::Reader,
};
use smallvec::SmallVec;

use crate::{
    actor::ActorId,
    budget::Budget,
    change_hash::ChangeHash,
    chunk::{Chunk, ChunkBuffer, ChunkError, ChunkKind},
    deflate::{self, InflateError},
    op::OpRun,
    op_id::OpId,
};
pub(crate) use decoder::OpDecoder;
pub(crate) use encoder::{ChangeEncoder, ChangeHeader, OpEncoder};

/// What one actor did at once: operations, and the changes that it had seen before.
///
/// Immutable; a clone shares everything. Every `Change` is valid by itself: its bytes are the canonical
/// encoding of what it says. Whether it fits a document, only the document can say.
#[derive(Clone)]
pub struct Change(Arc<Contents>);

struct Contents {
    /// The chunk, not deflated.
    bytes: Box<[u8]>,
    hash: ChangeHash,
    deps: SmallVec<[ChangeHash; 1]>,
    actor: ActorId,
    others: Box<[ActorId]>,
    seq: u64,
    start_op: u32,
    op_count: u32,
    time: i64,
    /// Where in `bytes` the message is.
    message: Range<usize>,
    /// Where in `bytes` the list of columns starts.
    columns: usize,
    /// Where in `bytes` the data behind the columns starts.
    extra: usize,
}

/// Why bytes are no change that could be taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The bytes are no whole chunk, or its checksum is wrong.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// The chunk is not of a type that holds one change.
    #[error("the chunk holds no change")]
    Kind,
    /// There are bytes behind the chunk.
    #[error("{0} bytes behind the change")]
    TrailingBytes(usize),
    /// The deflated form is malformed or too large.
    #[error(transparent)]
    Inflate(#[from] InflateError),
    /// The header is malformed.
    #[error("change header: {0}")]
    Header(#[from] DecodeError),
    /// The dependencies are not in ascending order.
    #[error("dependencies are not sorted")]
    UnsortedDeps,
    /// The other actors are not in ascending order, or the author is among them, or one of them is
    /// not referred to.
    #[error("actors are not sorted")]
    UnsortedActors,
    /// The sequence number or the first operation's counter is zero.
    #[error("sequence number or start op is zero")]
    ZeroNumber,
    /// The list of columns is malformed.
    #[error(transparent)]
    Columns(#[from] ColumnsError),
    /// An operation is malformed.
    #[error("operation {index}: {error}")]
    Op {
        /// Which one, from 0.
        index: u64,
        /// What is wrong with it.
        error: OpError,
    },
    /// The operations are encoded in another way than the canonical one, so that the change would get
    /// another hash when it is encoded again.
    #[error("not in canonical form")]
    NotCanonical,
}

/// Why an operation was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpError {
    /// A column is malformed.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// There is a column that changes do not have.
    #[error("unknown column {0}")]
    Column(u32),
    /// A column that must have a value has none.
    #[error("no {0}")]
    Missing(&'static str),
    /// The action is not known.
    #[error("unknown action {0}")]
    UnknownAction(u64),
    /// An id has no actor, or one that the change does not name, or no counter.
    #[error("malformed operation id")]
    Id,
    /// It refers to an operation that is numbered like it or above, which it cannot have seen.
    #[error("refers to a later operation")]
    Later,
    /// There is no key, or a key of two kinds, or one that does not go with the operation.
    #[error("malformed key")]
    Key,
    /// The value is malformed, or does not go with the operation.
    #[error("malformed value of type {code}")]
    Value {
        /// The type code.
        code: u8,
    },
    /// Predecessors are not in ascending order.
    #[error("predecessors are not sorted")]
    UnsortedPredecessors,
    /// A deletion has no predecessors, or something that deletions do not have.
    #[error("malformed deletion")]
    Delete,
    /// Ids beyond 32 bits, or more operations than so few bytes may hold.
    #[error("too many operations")]
    TooManyOps,
}

impl Change {
    /// Reads one change chunk, deflated or not.
    ///
    /// # Errors
    /// When the bytes are not exactly one chunk with a change in its canonical encoding.
    pub fn parse(bytes: &[u8]) -> Result<Self, ChangeError> {
        let chunk = Chunk::read(bytes, 0)?;
        if chunk.bytes.len() < bytes.len() {
            return Err(ChangeError::TrailingBytes(bytes.len() - chunk.bytes.len()));
        }
        ChangeParser::default().parse(&chunk, &mut Budget::for_bytes(bytes.len()))
    }

    /// The change that was encoded last, as it was encoded.
    pub(crate) fn from_encoder(encoder: &ChangeEncoder) -> Self {
        let hash = encoder.hash().expect("invariant: something was encoded");
        let chunk =
            Chunk::read(encoder.chunk(), 0).expect("invariant: what was encoded is a chunk");
        let header = Header::read(chunk.bytes, chunk.bytes.len() - chunk.body.len())
            .expect("invariant: what was encoded can be read");
        Self::new(chunk.bytes, hash, &header, encoder.op_count())
    }

    /// The hash, which names the change.
    pub fn hash(&self) -> ChangeHash {
        self.0.hash
    }

    /// The newest changes that the actor had seen, by ascending hash.
    pub fn deps(&self) -> &[ChangeHash] {
        &self.0.deps
    }

    /// Who made the change.
    pub fn actor(&self) -> &ActorId {
        &self.0.actor
    }

    /// Which change of its actor it is, from 1.
    pub fn seq(&self) -> u64 {
        self.0.seq
    }

    /// The counter of the first operation.
    pub fn start_op(&self) -> u64 {
        u64::from(self.0.start_op)
    }

    /// The counter of the last operation; one less than [`start_op`](Self::start_op) if there is none.
    pub fn max_op(&self) -> u64 {
        self.start_op() + u64::from(self.0.op_count) - 1
    }

    /// How many operations there are.
    pub fn op_count(&self) -> usize {
        self.0.op_count as usize
    }

    /// When the change was made, as its author says; usually in seconds since 1970. 0 if not said.
    pub fn time(&self) -> i64 {
        self.0.time
    }

    /// What the author wrote about the change.
    pub fn message(&self) -> Option<&str> {
        let bytes = &self.0.bytes[self.0.message.clone()];
        std::str::from_utf8(bytes).ok().filter(|message| !message.is_empty())
    }

    /// The author's id, which the first change of an actor may carry.
    pub fn author(&self) -> Option<&[u8]> {
        if self.0.seq == 1 { crate::author::read(self.extra()) } else { None }
    }

    /// The whole chunk, not deflated.
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// The whole chunk as it is stored: deflated if it has more than 256 bytes.
    pub fn compressed_bytes(&self) -> Vec<u8> {
        let bytes = self.bytes();
        if bytes.len() <= deflate::DEFLATE_MIN_SIZE {
            return bytes.to_vec();
        }
        let body = Chunk::read(bytes, 0).expect("invariant: a change holds a whole chunk").body;
        let mut buffer = ChunkBuffer::default();
        buffer.start().append(&mut deflate::deflate(body));
        buffer.finish(ChunkKind::Deflated);
        let [a, b, c, d, ..] = self.0.hash.0;
        buffer.set_checksum([a, b, c, d]);
        buffer.chunk().to_vec()
    }

    /// Everything behind the columns, whose meaning is open.
    pub(crate) fn extra(&self) -> &[u8] {
        &self.0.bytes[self.0.extra..]
    }

    /// The actors by their numbers in the change, the author first.
    pub(crate) fn local_actors(&self) -> impl Iterator<Item = &ActorId> {
        std::iter::once(&self.0.actor).chain(&self.0.others)
    }

    /// The operations, in runs, with actors numbered as in [`local_actors`](Self::local_actors).
    pub(crate) fn runs(&self) -> OpRuns<'_> {
        let bytes = &self.0.bytes[self.0.columns..self.0.extra];
        let actors = self.0.others.len() + 1;
        if let Some(run) = one_run::read(bytes, actors as u32, self.0.start_op) {
            return OpRuns::One(Some(run));
        }
        let mut reader = Reader::new(bytes);
        let decoder = Columns::parse(&mut reader, ColumnLayout::Change).ok().and_then(|columns| {
            let data = reader.rest();
            OpDecoder::new(&columns, data, self.0.start_op, actors, usize::MAX).ok()
        });
        decoder.map_or(OpRuns::One(None), |decoder| OpRuns::Many(Box::new(decoder)))
    }

    fn new(bytes: &[u8], hash: ChangeHash, header: &Header<'_>, op_count: u32) -> Self {
        Self(Arc::new(Contents {
            bytes: bytes.into(),
            hash,
            deps: header.deps.clone(),
            actor: ActorId::new(header.actor),
            others: header.others.iter().copied().map(ActorId::new).collect(),
            seq: header.seq,
            start_op: header.start_op,
            op_count,
            time: header.time,
            message: header.message.clone(),
            columns: header.columns,
            extra: header.extra,
        }))
    }
}

impl PartialEq for Change {
    fn eq(&self, other: &Self) -> bool {
        self.0.hash == other.0.hash
    }
}

impl Eq for Change {}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("hash", &self.0.hash)
            .field("actor", &self.0.actor)
            .field("seq", &self.0.seq)
            .field("start_op", &self.0.start_op)
            .field("op_count", &self.0.op_count)
            .finish_non_exhaustive()
    }
}

/// The operations of a change, in runs.
#[derive(Debug, Clone)]
pub(crate) enum OpRuns<'a> {
    One(Option<OpRun<'a>>),
    Many(Box<OpDecoder<'a>>),
}

impl<'a> Iterator for OpRuns<'a> {
    type Item = OpRun<'a>;

    /// All was decoded once when the change was made, so that no error can come.
    #[inline]
    fn next(&mut self) -> Option<OpRun<'a>> {
        match self {
            Self::One(run) => run.take(),
            Self::Many(decoder) => {
                let run = decoder.next_run();
                debug_assert!(run.is_ok(), "a change holds valid operations");
                run.ok().flatten()
            }
        }
    }
}

/// Reads and checks changes, one after the other, in the same buffers.
#[derive(Debug, Default)]
pub(crate) struct ChangeParser {
    ops: OpEncoder,
    encoded: Vec<u8>,
    referred: Vec<bool>,
}

impl ChangeParser {
    /// Reads a change chunk, deflated or not; within a budget.
    ///
    /// # Errors
    /// As for [`Change::parse`].
    pub(crate) fn parse(
        &mut self,
        chunk: &Chunk<'_>,
        budget: &mut Budget,
    ) -> Result<Change, ChangeError> {
        if chunk.kind == ChunkKind::Change {
            return Ok(self.read(chunk, budget, |_| {})?.into_change());
        }
        let (bytes, hash) = whole(chunk, budget)?;
        let header_len = Chunk::read(&bytes, 0).map(|chunk| bytes.len() - chunk.body.len())?;
        let header = Header::read(&bytes, header_len)?;
        let op_count = self.check_ops(&bytes, &header, budget, |_| {})?;
        Ok(Change::new(&bytes, hash, &header, op_count))
    }

    /// Reads a change chunk that is not deflated where it lies, and gives out its runs of
    /// operations, which are of a whole change only when this succeeds.
    ///
    /// # Errors
    /// As for [`Change::parse`].
    pub(crate) fn read<'c>(
        &mut self,
        chunk: &Chunk<'c>,
        budget: &mut Budget,
        run: impl FnMut(OpRun<'c>),
    ) -> Result<ReadChange<'c>, ChangeError> {
        let bytes = chunk.bytes;
        let hash = chunk.hash();
        if hash[..4] != chunk.checksum {
            return Err(ChunkError::Checksum.into());
        }
        let header = Header::read(bytes, bytes.len() - chunk.body.len())?;
        let op_count = self.check_ops(bytes, &header, budget, run)?;
        Ok(ReadChange { bytes, hash: ChangeHash(hash), header, op_count })
    }

    /// Checks the change that was encoded last as if it had been read, but for its hash.
    ///
    /// # Errors
    /// As for [`Change::parse`].
    pub(crate) fn check(&mut self, encoder: &ChangeEncoder) -> Result<Change, ChangeError> {
        let hash = encoder.hash().expect("invariant: something was encoded");
        let chunk = Chunk::read(encoder.chunk(), 0)?;
        let header = Header::read(chunk.bytes, chunk.bytes.len() - chunk.body.len())?;
        let op_count = self.check_ops(chunk.bytes, &header, &mut Budget::unlimited(), |_| {})?;
        Ok(Change::new(chunk.bytes, hash, &header, op_count))
    }

    /// Decodes all operations, encodes them again and compares. Returns how many there are.
    fn check_ops<'b>(
        &mut self,
        bytes: &'b [u8],
        header: &Header<'_>,
        budget: &mut Budget,
        mut give: impl FnMut(OpRun<'b>),
    ) -> Result<u32, ChangeError> {
        let actors = header.others.len() + 1;
        if let Some(run) =
            one_run::read(&bytes[header.columns..header.extra], actors as u32, header.start_op)
            && refers_to_all(&run, actors)
        {
            let count = run.count();
            give(run);
            return Ok(count);
        }
        // Where the author would stand among the sorted other actors.
        let author = header.others.partition_point(|other| *other < header.actor);
        let order = |id: &OpId| {
            let rank = match id.actor as usize {
                0 => author,
                other => other - usize::from(other <= author),
            };
            (id.counter, rank)
        };
        let mut reader = Reader::new(&bytes[header.columns..header.extra]);
        let list = Columns::parse(&mut reader, ColumnLayout::Change)?;
        let start = u64::from(header.start_op);
        let mut decoder =
            OpDecoder::new(&list, reader.rest(), header.start_op, actors, budget.runs)
                .map_err(|error| ChangeError::Op { index: 0, error })?;
        self.ops.clear();
        self.referred.clear();
        self.referred.resize(actors, false);
        let referred = &mut self.referred;
        loop {
            let counter = decoder.counter();
            let fail = |error| ChangeError::Op { index: counter - start, error };
            let Some(run) = decoder.next_run().map_err(fail)? else { break };
            if let OpRun::Single(op) = &run
                && !op.predecessors.is_sorted_by(|a, b| order(a) < order(b))
            {
                return Err(fail(OpError::UnsortedPredecessors));
            }
            self.ops.append(&run, OpId::new(counter as u32, 0), |actor| {
                referred[actor as usize] = true;
                actor
            });
            give(run);
        }
        budget.runs = decoder.budget();
        if !referred.iter().skip(1).all(|referred| *referred) {
            return Err(ChangeError::UnsortedActors);
        }
        self.encoded.clear();
        self.ops.finish_into(&mut self.encoded);
        if self.encoded != bytes[header.columns..header.extra] {
            return Err(ChangeError::NotCanonical);
        }
        Ok((decoder.counter() - start) as u32)
    }
}

/// The chunk of a change, not deflated, with its hash, whatever it holds.
///
/// # Errors
/// When the checksum is wrong, what is deflated cannot be inflated, or the chunk holds no change.
pub(crate) fn whole(
    chunk: &Chunk<'_>,
    budget: &mut Budget,
) -> Result<(Box<[u8]>, ChangeHash), ChangeError> {
    let (bytes, hash): (Box<[u8]>, _) = match chunk.kind {
        ChunkKind::Change => (chunk.bytes.into(), chunk.hash()),
        ChunkKind::Deflated => {
            let mut body = deflate::inflate_within(chunk.body, budget)?;
            let mut buffer = ChunkBuffer::default();
            buffer.start().append(&mut body);
            let hash = buffer.finish(ChunkKind::Change);
            (buffer.chunk().into(), hash)
        }
        _ => return Err(ChangeError::Kind),
    };
    if hash[..4] != chunk.checksum {
        return Err(ChunkError::Checksum.into());
    }
    Ok((bytes, ChangeHash(hash)))
}

/// A valid change where its bytes lie.
pub(crate) struct ReadChange<'c> {
    bytes: &'c [u8],
    pub(crate) hash: ChangeHash,
    header: Header<'c>,
    op_count: u32,
}

impl<'c> ReadChange<'c> {
    pub(crate) fn into_change(self) -> Change {
        Change::new(self.bytes, self.hash, &self.header, self.op_count)
    }

    pub(crate) fn deps(&self) -> &[ChangeHash] {
        &self.header.deps
    }

    /// The bytes of the author's id.
    pub(crate) fn actor(&self) -> &'c [u8] {
        self.header.actor
    }

    /// The bytes of the actors' ids by their numbers in the change, the author first.
    pub(crate) fn local_actors(&self) -> impl Iterator<Item = &'c [u8]> {
        std::iter::once(self.header.actor).chain(self.header.others.iter().copied())
    }

    pub(crate) fn seq(&self) -> u64 {
        self.header.seq
    }

    pub(crate) fn start_op(&self) -> u64 {
        self.header.start_op.into()
    }

    pub(crate) fn max_op(&self) -> u64 {
        self.start_op() + u64::from(self.op_count) - 1
    }

    pub(crate) fn time(&self) -> i64 {
        self.header.time
    }

    pub(crate) fn message(&self) -> Option<&'c str> {
        let message = std::str::from_utf8(&self.bytes[self.header.message.clone()]).ok();
        message.filter(|message| !message.is_empty())
    }

    /// Everything behind the columns.
    pub(crate) fn extra(&self) -> &'c [u8] {
        &self.bytes[self.header.extra..]
    }
}

/// Whether the run refers to each of the actors beside the author, of whom there are `actors`.
fn refers_to_all(run: &OpRun<'_>, actors: usize) -> bool {
    (1..actors as u32).all(|actor| {
        let mut refers = false;
        run.for_each_id(|id| refers |= id.actor == actor);
        refers
    })
}

/// What stands in front of the operations, checked, and where they stand.
struct Header<'b> {
    deps: SmallVec<[ChangeHash; 1]>,
    actor: &'b [u8],
    others: SmallVec<[&'b [u8]; 2]>,
    seq: u64,
    start_op: u32,
    time: i64,
    message: Range<usize>,
    /// Where the list of columns begins.
    columns: usize,
    /// Where the columns' data ends.
    extra: usize,
}

impl<'b> Header<'b> {
    /// Reads the change whose body starts at `body` in `bytes`.
    fn read(bytes: &'b [u8], body: usize) -> Result<Self, ChangeError> {
        let mut reader = Reader::new(&bytes[body..]);
        let deps = read_hashes(&mut reader)?;
        if !deps.is_sorted_by(|a, b| a < b) {
            return Err(ChangeError::UnsortedDeps);
        }
        let actor = reader.prefixed()?;
        let seq = reader.u64()?;
        let start_op = reader.u32()?;
        if seq == 0 || start_op == 0 {
            return Err(ChangeError::ZeroNumber);
        }
        let time = reader.i64()?;
        let message_len = reader.str()?.len();
        let message_end = body + reader.offset();
        let message = message_end - message_len..message_end;
        let others = read_actors(&mut reader)?;
        if !others.is_sorted_by(|a, b| a < b) || others.binary_search(&actor).is_ok() {
            return Err(ChangeError::UnsortedActors);
        }
        let columns = body + reader.offset();
        Columns::skip(&mut reader)?;
        let extra = body + reader.offset();
        Ok(Self { deps, actor, others, seq, start_op, time, message, columns, extra })
    }
}

/// Reads a count and that many hashes.
pub(crate) fn read_hashes(
    reader: &mut Reader<'_>,
) -> Result<SmallVec<[ChangeHash; 1]>, DecodeError> {
    let count = reader.length()?;
    let len = count
        .checked_mul(size_of::<ChangeHash>())
        .ok_or_else(|| reader.error(DecodeErrorKind::UnexpectedEnd))?;
    let (hashes, _) = reader.take(len)?.as_chunks();
    Ok(hashes.iter().map(|hash| ChangeHash(*hash)).collect())
}

/// Reads a count and that many actor ids. The list grows with what is there, whatever the count says.
pub(crate) fn read_actors<'b>(
    reader: &mut Reader<'b>,
) -> Result<SmallVec<[&'b [u8]; 2]>, DecodeError> {
    let count = reader.u64()?;
    let mut actors = SmallVec::new();
    for _ in 0..count {
        actors.push(reader.prefixed()?);
    }
    Ok(actors)
}

#[cfg(test)]
mod tests;
