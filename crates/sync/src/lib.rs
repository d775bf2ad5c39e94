//! The sync protocol without I/O: sessions, wire messages, the hub.

mod bloom;
mod message;
mod reader;
mod session;
mod session_payload;
mod session_summary;
mod state;

mod exchange;
pub mod log;

mod document_id;
mod peer_id;
pub mod wire;

mod connection_error;
mod dialer;
mod effect;
mod ephemeral;
mod event;
mod handshake;
mod hub;
pub mod presence;
mod publish_mode;
mod share_policy;
mod stored;

pub use bloom::{BloomError, BloomFilter};
pub use exchange::{
    Comparison, ExchangeError, ImportError, Imported, compare, export_changes, import_changes,
    merge, sync, sync_with,
};
pub use message::{Extensions, Have, Message, MessageError, MessageFlags, MessageVersion};
pub use reader::MalformedBytes;
pub use session::{ReceiveError, Received, generate_sync_message, receive_sync_message};
pub use state::{State, StateError};

pub use document_id::{AutomergeUrl, DocumentId, InvalidAutomergeUrl, InvalidDocumentId};
pub use peer_id::{InvalidName, PeerId, StorageId};

pub use connection_error::ConnectionError;
pub use effect::{CloseCause, DocumentEvent, Effect, Origin, PresenceEvent, WriteBatch};
pub use event::{ConnectionId, DialerId, Event, LoadId, Now, WriteId};
pub use hub::{
    Availability, ConnectionPhase, ConnectionStatus, DiskStatus, DocumentStatus, EditError, Extent,
    Flow, Hub, HubOptions, PeerStatus, ServerStatus, Traffic, TrafficSecond, UnknownDocument,
};
pub use publish_mode::PublishMode;
pub use share_policy::{
    Access, Admitted, ChosenDestinations, ConnectionOrigin, Destination, Offers, PeerContext,
    ServeOnRequest, ShareAll, SharePolicy,
};
pub use stored::{StoredDocument, StoredKey, StoredKind};
