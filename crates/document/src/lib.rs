//! The CRDT engine: an Automerge document at the cost of the change.

mod actor;
mod apply;
mod attribution;
mod author;
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
mod integrate;
mod load;
mod mark;
mod object;
mod op;
mod op_id;
mod op_log;
mod op_set;
mod patch;
mod queue;
mod refused;
mod save;
mod sequence;
mod transaction;
pub mod typed;
mod value;
mod view;

pub use actor::{ActorId, InvalidActorId};
pub use bundle::BundleError;
pub use attribution::Authored;
pub use change::{Change, ChangeError, OpError};
pub use change_hash::{ChangeHash, InvalidChangeHash};
pub use chunk::ChunkError;
pub use cursor::{Cursor, CursorError, CursorSide, InvalidCursor};
pub use deflate::InflateError;
pub use document::{ChangeMeta, Document, UnknownHeads};
pub use draft::{DraftTransaction, RestoreDraftError};
pub use integrate::InvalidOp;
pub use load::{
    DocumentChunkError, LoadError, LoadErrorCause, LoadOptions, Salvaged, UnreadChunk,
};
pub use mark::{Expand, Mark};
pub use object::{ObjId, ObjType};
pub use patch::{Patch, PatchAction, PatchLog, PathKey};
pub use refused::{ApplyError, RefusedChange, RefusedReason};
pub use sequence::TextUnit;
pub use transaction::{CommitOptions, Transaction, WriteError};
pub use value::{Prop, ScalarValue, Value};
pub use view::{ReadError, Span, View};
