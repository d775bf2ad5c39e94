//! A server of one document with numbered versions: the current state, and what came since a
//! version.
//!
//! It is for clients that keep a number instead of a sync state, over any request and response. A
//! delta is any chunks that a document loads, best a bundle
//! ([`Document::bundle_since`](rejoin_document::Document::bundle_since)).

use std::collections::VecDeque;

use rejoin_document::{ChangeHash, Document, LoadError, PatchLog};

/// A document whose changes are numbered as they come.
///
/// Version `n` is the state after the `n`th delta that brought something new. The log keeps the
/// heads of each version and not the deltas: what a client lacks is packed anew, as one bundle,
/// without what it would get twice.
#[derive(Debug)]
pub struct DeltaLog {
    document: Document,
    /// The version of the first of `heads`.
    oldest: u64,
    /// The heads at each version that can still be resumed; never empty.
    heads: VecDeque<Vec<ChangeHash>>,
}

/// The whole state at a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The version.
    pub version: u64,
    /// The document as a file.
    pub bytes: Vec<u8>,
}

/// What was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The version now.
    pub version: u64,
    /// What is new since the version before, for every other client. `None` when nothing is.
    pub delta: Option<Vec<u8>>,
    /// How many changes wait for others: their client has to push those, too.
    pub waiting: usize,
}

/// What a client lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resume {
    /// Nothing.
    Current,
    /// One bundle that leads to the version.
    Delta {
        /// The version that the client has then.
        version: u64,
        /// The bundle, for [`Document::load_incremental`].
        bytes: Vec<u8>,
    },
    /// The client's version has expired, or is none of this log. The snapshot is merged into what
    /// the client has ([`Document::load_incremental`] does), and nothing of its own is lost.
    Snapshot(Snapshot),
}

impl DeltaLog {
    /// A log that starts with this document as version 0.
    pub fn new(document: Document) -> Self {
        Self::starting_at(document, 0)
    }

    /// A log that goes on at a version, which has to be above every version that clients were told
    /// before: whoever has an older one gets a snapshot.
    pub fn starting_at(document: Document, version: u64) -> Self {
        let heads = VecDeque::from([document.heads().to_vec()]);
        Self { document, oldest: version, heads }
    }

    /// The document.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The current version.
    pub fn version(&self) -> u64 {
        self.oldest + self.heads.len() as u64 - 1
    }

    /// The oldest version from which a client can resume.
    pub fn oldest_version(&self) -> u64 {
        self.oldest
    }

    /// The current state, for a new client.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { version: self.version(), bytes: self.document.save() }
    }

    /// Takes a delta of a client. Pushing one twice, or one of which a part is known, is harmless.
    ///
    /// # Errors
    ///
    /// When the bytes cannot be read.
    pub fn push(&mut self, delta: &[u8], log: &mut PatchLog) -> Result<Pushed, LoadError> {
        let before = self.document.heads().to_vec();
        self.document.load_incremental(delta, log)?;
        let mut delta = None;
        if self.document.heads() != before {
            delta = self.document.bundle_since(&before);
            self.heads.push_back(self.document.heads().to_vec());
        }
        Ok(Pushed { version: self.version(), delta, waiting: self.document.queued() })
    }

    /// What a client at a version lacks.
    pub fn resume(&self, version: u64) -> Resume {
        if version == self.version() {
            return Resume::Current;
        }
        let known = version
            .checked_sub(self.oldest)
            .and_then(|at| usize::try_from(at).ok())
            .and_then(|at| self.heads.get(at));
        match known.and_then(|heads| self.document.bundle_since(heads)) {
            Some(bytes) => Resume::Delta { version: self.version(), bytes },
            None => Resume::Snapshot(self.snapshot()),
        }
    }

    /// Forgets how to resume from versions before this one; the current version stays.
    ///
    /// Nothing leaves the document: its history is a chain of hashes, and every later change names
    /// earlier ones.
    pub fn expire_before(&mut self, version: u64) {
        while self.oldest < version && self.heads.len() > 1 {
            self.heads.pop_front();
            self.oldest += 1;
        }
    }
}
