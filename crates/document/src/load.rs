//! Bytes to documents.

mod build;
mod columns;
mod document;
mod rows;

use crate::{
    budget::Budget,
    bundle::BundleError,
    change::{Change, ChangeError, ChangeParser, OpError, whole},
    change_hash::ChangeHash,
    chunk::{Chunk, ChunkError, ChunkKind, Chunks},
    deflate::{InflateError, MAX_INFLATED},
    document::Document,
    op::OpRun,
    patch::PatchLog,
    refused::{ApplyError, RefusedChange, RefusedReason},
    set_aside::{Keep, cost},
};
pub use document::DocumentChunkError;

/// How bytes are taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadOptions {
    trust: Trust,
    max_inflated: usize,
    max_set_aside: Option<usize>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { trust: Trust::default(), max_inflated: MAX_INFLATED, max_set_aside: None }
    }
}

/// Who wrote the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Trust {
    /// Anyone: the hash of every change is computed and compared with the heads.
    #[default]
    Nobody,
    /// Our own store: checksums and structure are checked.
    OwnStore,
}

impl LoadOptions {
    /// For bytes that our own store wrote: checksums and the structure are checked, and the hash of
    /// each change is computed when somebody asks for one (`Document::settle`).
    pub fn trusted() -> Self {
        Self { trust: Trust::OwnStore, ..Self::default() }
    }

    /// How many bytes the deflated parts of all chunks together may inflate to: 256 MiB unless this
    /// says otherwise. Many small chunks of a message can inflate to a thousand times its length.
    pub fn max_inflated(self, bytes: usize) -> Self {
        Self { max_inflated: bytes, ..self }
    }

    /// For bytes of somebody who can be asked for them again: how much of memory may be taken by
    /// changes that wait for others, in this document and of all calls with this option together,
    /// and a sixteenth of it by changes that were refused. What came first is dropped at the end of
    /// the call ([`Document::dropped`]). Changes of calls without this option are never dropped.
    pub fn max_set_aside(self, bytes: usize) -> Self {
        Self { max_set_aside: Some(bytes), ..self }
    }
}

/// Why bytes are no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at byte {offset}: {cause}")]
pub struct LoadError {
    /// Where the chunk begins that could not be taken in.
    pub offset: usize,
    /// What is wrong with it.
    #[source]
    pub cause: LoadErrorCause,
}

/// What is wrong with a chunk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadErrorCause {
    /// It is no chunk, or cut off.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// The checksum does not fit the bytes.
    #[error("the checksum does not fit")]
    Checksum,
    /// It holds a change that is malformed.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// It holds a document that is malformed.
    #[error(transparent)]
    Document(#[from] DocumentChunkError),
    /// It holds a bundle of changes that is malformed.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// It holds a change that does not fit the document.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// There are changes only, and they follow one that is not among them.
    #[error("change {0} is missing")]
    MissingDep(ChangeHash),
}

impl LoadErrorCause {
    /// Whether more came out of deflated bytes than [`LoadOptions::max_inflated`].
    pub fn is_too_large(&self) -> bool {
        matches!(
            self,
            Self::Change(ChangeError::Inflate(InflateError::TooLarge { .. }))
                | Self::Document(DocumentChunkError::Inflate(InflateError::TooLarge { .. }))
                | Self::Bundle(BundleError::Inflate(InflateError::TooLarge { .. }))
        )
    }
}

/// What could be read of damaged bytes.
#[derive(Debug, Clone)]
pub struct Salvaged {
    /// What could be read.
    pub document: Document,
    /// What could not.
    pub unread: Vec<UnreadChunk>,
}

/// Bytes that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadChunk {
    /// Where they begin.
    pub offset: usize,
    /// How many they are.
    pub len: usize,
    /// What is wrong with them.
    pub cause: LoadErrorCause,
}

/// How many bytes of refused changes a document may hold for one more that is malformed to be kept:
/// anyone can make such changes without end.
const MAX_MALFORMED: usize = 1 << 20;

impl Document {
    /// Reads a document: any concatenation of document, change, deflated change and bundle chunks.
    /// No bytes are an empty document.
    ///
    /// # Errors
    /// With the first chunk that could not be taken in.
    pub fn load(bytes: &[u8], options: LoadOptions) -> Result<Self, LoadError> {
        let mut document = Self::new();
        let mut contents = Contents::new(options, bytes.len());
        for chunk in Chunks::new(bytes) {
            let chunk = chunk.map_err(|cause| LoadError {
                offset: contents.end,
                cause: LoadErrorCause::Chunk(cause),
            })?;
            let offset = chunk.offset;
            contents.end = offset + chunk.bytes.len();
            document
                .take_chunk(&chunk, &mut contents, &mut PatchLog::inactive())
                .map_err(|cause| LoadError { offset, cause })?;
        }
        if !contents.has_document
            && let Some(change) = document.queue.sorted().first()
        {
            let missing = document.missing_deps(&[change.hash()]);
            let cause = LoadErrorCause::MissingDep(missing[0]);
            return Err(LoadError { offset: 0, cause });
        }
        Ok(document)
    }

    /// Reads what can be read, chunk by chunk, and says what could not be. Each chunk may inflate to
    /// 256 MiB.
    pub fn salvage(bytes: &[u8]) -> Salvaged {
        let mut document = Self::new();
        let mut unread = Vec::new();
        let mut contents = Contents::new(LoadOptions::default(), bytes.len());
        let mut chunks = Chunks::new(bytes);
        while let Some(chunk) = chunks.next() {
            match chunk {
                Ok(chunk) => {
                    contents.budget = Budget::for_bytes(chunk.bytes.len());
                    let taken =
                        document.take_chunk(&chunk, &mut contents, &mut PatchLog::inactive());
                    if let Err(cause) = taken {
                        let (offset, len) = (chunk.offset, chunk.bytes.len());
                        unread.push(UnreadChunk { offset, len, cause });
                    }
                }
                Err(cause) => {
                    let offset = chunks.offset();
                    let len = chunks.resync() - offset;
                    unread.push(UnreadChunk { offset, len, cause: cause.into() });
                }
            }
        }
        Salvaged { document, unread }
    }

    /// Takes any concatenation of chunks into a document that may hold changes already. Gives how
    /// many changes are new.
    ///
    /// # Errors
    /// With the first chunk that could not be read; the chunks before it were taken in. Else with
    /// the first that holds a change which was refused ([`Document::refused`]); all others were
    /// taken in.
    pub fn load_incremental(
        &mut self,
        bytes: &[u8],
        log: &mut PatchLog,
    ) -> Result<usize, LoadError> {
        self.load_incremental_with(bytes, LoadOptions::default(), log)
    }

    /// [`load_incremental`](Self::load_incremental) of bytes of which the caller knows more, or that
    /// must stay within another limit.
    ///
    /// # Errors
    /// As for `load_incremental`.
    pub fn load_incremental_with(
        &mut self,
        bytes: &[u8],
        options: LoadOptions,
        log: &mut PatchLog,
    ) -> Result<usize, LoadError> {
        let before = self.graph.len();
        let mut contents = Contents::new(options, bytes.len());
        let mut result = Ok(());
        for chunk in Chunks::new(bytes) {
            let taken = match chunk {
                Ok(chunk) => {
                    contents.end = chunk.offset + chunk.bytes.len();
                    self.take_chunk(&chunk, &mut contents, log)
                        .or_else(|cause| self.refuse_malformed(&chunk, cause, &mut contents))
                        .map_err(|cause| LoadError { offset: chunk.offset, cause })
                }
                Err(cause) => Err(LoadError { offset: contents.end, cause: cause.into() }),
            };
            match &taken {
                Ok(()) => {}
                Err(LoadError { cause: LoadErrorCause::Apply(_), .. }) => {
                    result = result.and(taken)
                }
                Err(_) => {
                    result = taken;
                    break;
                }
            }
        }
        self.look_again(before, log);
        log.finish(&self.set);
        if let Some(max) = options.max_set_aside {
            self.drop_set_aside_beyond(max);
        }
        result.map(|()| self.graph.len() - before)
    }

    /// Keeps a change that is itself and yet no valid change, as others may have taken it: what
    /// follows it then waits, and it is not asked for again.
    fn refuse_malformed(
        &mut self,
        chunk: &Chunk<'_>,
        cause: LoadErrorCause,
        contents: &mut Contents<'_>,
    ) -> Result<(), LoadErrorCause> {
        let LoadErrorCause::Change(error) = cause else { return Err(cause) };
        // What is too much for this call is no fault of the change.
        if matches!(error, ChangeError::Op { error: OpError::TooManyOps, .. }) {
            return Err(error.into());
        }
        let Ok((bytes, hash)) = whole(chunk, &mut contents.budget) else {
            return Err(error.into());
        };
        if self.is_refused(&hash) {
            return Ok(());
        }
        if self.refused.bytes() + cost(&bytes) > MAX_MALFORMED {
            return Err(error.into());
        }
        let refused = RefusedChange::malformed(hash, bytes, error.clone(), contents.keep);
        self.refused.push(refused);
        Err(ApplyError { hash, reason: RefusedReason::Malformed(error) }.into())
    }

    fn take_chunk<'c>(
        &mut self,
        chunk: &Chunk<'c>,
        contents: &mut Contents<'c>,
        log: &mut PatchLog,
    ) -> Result<(), LoadErrorCause> {
        let changes: Vec<Change> = match chunk.kind {
            ChunkKind::Change => {
                let Contents { parser, runs, budget, keep, .. } = contents;
                runs.clear();
                let change = parser.read(chunk, budget, |run| runs.push(run))?;
                return Ok(self.apply_read(change, runs.drain(..), *keep, log)?);
            }
            ChunkKind::Deflated => {
                let change = contents.parser.parse(chunk, &mut contents.budget)?;
                return Ok(self.apply_one(change, contents.keep, log)?);
            }
            ChunkKind::Document => {
                contents.has_document = true;
                if !chunk.checksum_is_right() {
                    return Err(LoadErrorCause::Checksum);
                }
                let read = document::read(chunk.body, contents.trust, &mut contents.budget)?;
                // Into an empty document nobody looks at, the whole goes at once.
                if self.is_pristine() && !log.is_active() {
                    *self = read;
                    return Ok(());
                }
                // Most often the changes are known, or few are new: only those are encoded anew.
                let new: Vec<_> = read
                    .indexes_since(self.heads())
                    .into_iter()
                    .filter(|index| !self.has_change(&read.hash_of(*index)))
                    .collect();
                read.changes_at(&new)
            }
            ChunkKind::Bundle => {
                if !chunk.checksum_is_right() {
                    return Err(LoadErrorCause::Checksum);
                }
                crate::bundle::read(chunk.body, &mut contents.budget)?
            }
        };
        // As in `apply`: a change that is refused does not hinder the others.
        let mut refused = None;
        for change in changes {
            if let Err(error) = self.apply_one(change, contents.keep, log) {
                refused.get_or_insert(error);
            }
        }
        refused.map_or(Ok(()), |error| Err(error.into()))
    }

    fn is_pristine(&self) -> bool {
        self.graph.len() == 0
            && self.queue.is_empty()
            && self.refused.is_empty()
            && self.draft.is_none()
    }
}

/// What was seen so far of a concatenation of chunks.
struct Contents<'c> {
    trust: Trust,
    keep: Keep,
    budget: Budget,
    parser: ChangeParser,
    /// Those of the change at hand.
    runs: Vec<OpRun<'c>>,
    has_document: bool,
    end: usize,
}

impl Contents<'_> {
    fn new(options: LoadOptions, len: usize) -> Self {
        let parser = ChangeParser::default();
        let budget = Budget { inflated: options.max_inflated, ..Budget::for_bytes(len) };
        let keep = options.max_set_aside.map_or(Keep::Always, |_| Keep::WithinLimit);
        let trust = options.trust;
        Self { trust, keep, budget, parser, runs: Vec::new(), has_document: false, end: 0 }
    }
}
