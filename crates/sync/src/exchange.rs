//! Synchronisation for whoever has both documents, or their changes as files, at hand.
//!
//! [`sync`] runs a whole session in memory, [`merge`] goes one way, [`export_changes`] and
//! [`import_changes`] go through bytes that anything can carry, and [`compare`] says whether two
//! documents have diverged and by which changes.

use std::collections::HashSet;

use rejoin_document::{ApplyError, ChangeHash, Document, LoadError, PatchLog};

use crate::session::{ReceiveError, generate_sync_message, receive_sync_message};
use crate::session_summary::frontier;
use crate::state::State;

/// More rounds than any two peers need; reached only when one of them refuses changes.
const MAX_ROUNDS: usize = 64;

/// Documents that did not come to the same changes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// A message could not be taken.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    /// One side refuses changes of the other, or the states do not belong to these documents.
    #[error("the documents still differ after {rounds} rounds")]
    StillDifferent {
        /// How many rounds there were.
        rounds: usize,
    },
}

/// Brings two documents to the same changes, both ways, and says how many rounds it took: in each,
/// at least one of them had a message for the other.
///
/// # Errors
///
/// When one of them refuses changes of the other. What could be exchanged has been.
pub fn sync(a: &mut Document, b: &mut Document) -> Result<usize, ExchangeError> {
    sync_with(a, &mut State::new(), b, &mut State::new())
}

/// As [`sync`], with states that are kept: the next call with the same ones sends only what is
/// new. A side whose state is read-only takes nothing.
///
/// # Errors
///
/// As [`sync`].
pub fn sync_with(
    a: &mut Document,
    a_state: &mut State,
    b: &mut Document,
    b_state: &mut State,
) -> Result<usize, ExchangeError> {
    let log = &mut PatchLog::inactive();
    for rounds in 0..MAX_ROUNDS {
        let to_b = generate_sync_message(a, a_state);
        if let Some(message) = to_b.clone() {
            receive_sync_message(b, b_state, message, log)?;
        }
        let to_a = generate_sync_message(b, b_state);
        if let Some(message) = to_a.clone() {
            receive_sync_message(a, a_state, message, log)?;
        }
        if to_a.is_none() && to_b.is_none() {
            let one_way = a_state.is_read_only() || b_state.is_read_only();
            return match one_way || a.heads() == b.heads() {
                true => Ok(rounds),
                false => Err(ExchangeError::StillDifferent { rounds }),
            };
        }
    }
    Err(ExchangeError::StillDifferent { rounds: MAX_ROUNDS })
}

/// Takes the changes of `source` that `target` lacks, and gives their hashes. `source` is left as
/// it is.
///
/// # Errors
///
/// When a change does not fit; see [`Document::merge`].
pub fn merge(
    target: &mut Document,
    source: &Document,
    log: &mut PatchLog,
) -> Result<Vec<ChangeHash>, ApplyError> {
    target.merge(source, log)
}

/// The changes after `since`, each as the bytes of one file, in an order in which they can be
/// applied. Any Automerge program reads them.
pub fn export_changes(doc: &Document, since: &[ChangeHash]) -> Vec<Vec<u8>> {
    doc.changes_since(since).iter().map(|change| change.compressed_bytes()).collect()
}

/// What files of changes did to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// How many changes were new.
    pub changes: usize,
    /// How many changes the document keeps until those that they depend on come.
    pub waiting: usize,
}

/// A file that could not be read. Those before it have been taken.
#[derive(Debug, thiserror::Error)]
#[error("file {index} holds no changes that can be read")]
pub struct ImportError {
    /// Which one, from 0.
    pub index: usize,
    /// Why.
    pub source: LoadError,
}

/// Takes files of changes in any order: exported ones, whole documents, anything that
/// [`Document::load_incremental`] reads.
///
/// # Errors
///
/// When one of them cannot be read.
pub fn import_changes<'a>(
    doc: &mut Document,
    files: impl IntoIterator<Item = &'a [u8]>,
    log: &mut PatchLog,
) -> Result<Imported, ImportError> {
    let mut imported = Imported::default();
    for (index, file) in files.into_iter().enumerate() {
        imported.changes +=
            doc.load_incremental(file, log).map_err(|source| ImportError { index, source })?;
    }
    imported.waiting = doc.queued();
    Ok(imported)
}

/// How two documents stand to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The heads of what both have, sorted. Empty for documents without a common origin.
    pub common_heads: Vec<ChangeHash>,
    /// The changes that only the first has, each after those that it depends on.
    pub only_first: Vec<ChangeHash>,
    /// The changes that only the second has, each after those that it depends on.
    pub only_second: Vec<ChangeHash>,
}

impl Comparison {
    /// Whether each has changes that the other lacks.
    pub fn has_diverged(&self) -> bool {
        !self.only_first.is_empty() && !self.only_second.is_empty()
    }

    /// Whether both have the same changes.
    pub fn is_same(&self) -> bool {
        self.only_first.is_empty() && self.only_second.is_empty()
    }
}

/// Compares two documents. The work grows with the changes that only one of them has.
pub fn compare(first: &Document, second: &Document) -> Comparison {
    let mut common = Vec::new();
    let only_first = only(first, second, &mut common);
    let only_second = only(second, first, &mut common);
    let common = frontier(first, common);
    let behind_others = |hash: &ChangeHash| {
        let others: Vec<_> = common.iter().filter(|other| *other != hash).copied().collect();
        !others.is_empty() && !first.hashes_since(&others).contains(hash)
    };
    let common_heads = common.iter().filter(|hash| !behind_others(hash)).copied().collect();
    Comparison { common_heads, only_first, only_second }
}

/// The changes of `doc` that `other` lacks. What they build on, and heads that both have, go to
/// `common`.
fn only(doc: &Document, other: &Document, common: &mut Vec<ChangeHash>) -> Vec<ChangeHash> {
    let mut seen = HashSet::new();
    let mut stack = doc.heads().to_vec();
    while let Some(hash) = stack.pop() {
        if !seen.insert(hash) {
            continue;
        }
        if other.has_change(&hash) {
            common.push(hash);
        } else {
            stack.extend(doc.deps(&hash).unwrap_or_default());
        }
    }
    let mut only = doc.hashes_since(common);
    only.retain(|hash| seen.contains(hash));
    only
}
