//! The CRDT engine: an Automerge document at the cost of the change.
//!
//! A [`Document`] is a tree of maps, lists and texts that several people change at once, each on a
//! copy of their own, with its whole history. It reads and writes the bytes of Automerge. What a
//! keystroke, a received change or a patch costs depends on what changed and the logarithm of the
//! document, not on its size.
//!
//! # Model
//!
//! An actor's edits are *operations*, numbered by Lamport counters. A [`Transaction`] makes a
//! [`Change`] of some: immutable, named by its hash, and following the *heads*, the newest changes
//! that its writer had seen. A set of changes is a state, in whatever order they came in:
//! [`Document::apply`] keeps those that wait for others, and [`Document::merge`] takes over what
//! another copy has.
//!
//! Concurrent values of one place are all kept; one wins everywhere alike ([`View::get`]), and
//! [`View::get_all`] shows the rest. Concurrent insertions at one place stand one after the other.
//!
//! ```
//! use rejoin_document::{ActorId, CommitOptions, Document, ObjId, ObjType, PatchLog, TextUnit};
//!
//! let (ana, ben) = (ActorId::new(b"ana"), ActorId::new(b"ben"));
//! let mut doc = Document::new();
//! let mut transaction = doc.transaction(&ana);
//! let text = transaction.put_object(ObjId::ROOT, "content", ObjType::Text)?;
//! transaction.splice_text(text, 0, 0, "Milk", TextUnit::Utf16)?;
//! transaction.commit(CommitOptions::default());
//!
//! // Ben works on a copy of his own, at the same time.
//! let mut copy = doc.fork();
//! let mut transaction = copy.transaction(&ben);
//! transaction.splice_text(text, 4, 0, " and bread", TextUnit::Utf16)?;
//! transaction.commit(CommitOptions::default());
//! let mut transaction = doc.transaction(&ana);
//! transaction.splice_text(text, 0, 1, "Oat m", TextUnit::Utf16)?;
//! transaction.commit(CommitOptions::default());
//!
//! let mut log = PatchLog::active(TextUnit::Utf16);
//! doc.merge(&copy, &mut log)?;
//! assert_eq!(doc.view().text(text)?, "Oat milk and bread");
//! assert_eq!(log.take().len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Text
//!
//! A text is a sequence of characters, with marks (named values over ranges) and block markers.
//! Positions are in the unit that each call names: see [`TextUnit`]. A [`Cursor`] stays with its
//! element through others' edits.
//!
//! # History
//!
//! [`Document::at`] gives the document as it was at some heads, [`Document::diff`] what lies between
//! two states, [`Document::attribution`] who wrote what, and [`UndoHistory`] takes one's own edits
//! back as new changes. Edits that wait to be shared are a draft: [`Document::draft_transaction`].
//!
//! # What it does not do
//!
//! It reads no files, no clock and draws no random numbers: actors, times and bytes are arguments.
//! An actor must be new to each process ([`ActorId`]).

mod actor;
mod apply;
mod attribution;
mod author;
mod budget;
mod bundle;
mod change;
mod change_graph;
mod change_hash;
mod chunk;
mod clock;
mod cursor;
mod deflate;
mod diff;
mod document;
mod document_columns;
mod draft;
mod hash_index;
mod integrate;
mod load;
mod mark;
mod nested;
mod object;
mod op;
mod op_id;
mod op_log;
mod op_set;
mod patch;
mod queue;
mod refused;
mod register;
mod save;
mod sequence;
mod set_aside;
mod transaction;
pub mod typed;
mod undo;
mod value;
mod view;

pub use actor::{ActorId, InvalidActorId};
pub use attribution::Authored;
pub use bundle::BundleError;
pub use change::{Change, ChangeError, OpError};
pub use change_hash::{ChangeHash, InvalidChangeHash};
pub use chunk::ChunkError;
pub use cursor::{Cursor, CursorError, CursorSide, InvalidCursor};
pub use deflate::InflateError;
pub use document::{ChangeMeta, Document, UnknownHeads};
pub use draft::{DraftTransaction, RestoreDraftError};
pub use integrate::InvalidOp;
pub use load::{DocumentChunkError, LoadError, LoadErrorCause, LoadOptions, Salvaged, UnreadChunk};
pub use mark::{Expand, Mark};
pub use nested::NestedValue;
pub use object::{ObjId, ObjType};
pub use patch::{Patch, PatchAction, PatchLog, PathKey};
pub use refused::{ApplyError, RefusedChange, RefusedReason};
pub use sequence::TextUnit;
pub use transaction::{CommitOptions, Transaction, WriteError};
pub use undo::{InvalidHistory, UndoGrouping, UndoHistory, UndoInto, Undone};
pub use value::{Prop, ScalarValue, Value};
pub use view::{ReadError, Span, View};
