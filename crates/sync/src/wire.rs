//! Wire messages: what two peers say to each other over a connection, one message per frame.
//!
//! This is version 1 of the automerge-repo network protocol: each message is one CBOR map in one
//! binary frame. Sync messages themselves are opaque bytes here.

mod cbor;

use std::borrow::Cow;

pub use cbor::{Cbor, CborError};
use cbor::{Reader, Writer};
use rejoin_document::ChangeHash;

use crate::{
    DocumentId, PeerId, StorageId,
    document_id::{head_from_text, head_to_text},
};

/// The version of the network protocol that is spoken here.
pub const PROTOCOL_VERSION: &str = "1";

/// What a peer says of itself when it joins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerMetadata {
    /// The store behind the peer; sync states are kept under this name.
    pub storage_id: Option<StorageId>,
    /// The peer keeps nothing, so that no sync state is worth keeping for it.
    pub is_ephemeral: bool,
    /// What the peer can beyond the sync protocol, as bits of
    /// [`Extensions`](crate::Extensions); 0 for peers that say nothing.
    pub sync_extensions: u8,
    /// The peer reports under its own storage id what it has made durable.
    pub reports_durable_heads: bool,
}

/// One message of one document to one peer, as its sender and receiver see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentMessage {
    /// Who sends it.
    pub sender: PeerId,
    /// Whom it is meant for.
    pub target: PeerId,
    /// The document it speaks of.
    pub document: DocumentId,
    /// The encoded sync message; empty where the kind of message carries none.
    pub data: Vec<u8>,
}

/// A message that is passed on and kept by nobody: cursors, presence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EphemeralMessage {
    /// Who said it first; relays keep it.
    pub sender: PeerId,
    /// Whom this copy is meant for.
    pub target: PeerId,
    /// The document it belongs to.
    pub document: DocumentId,
    /// One run of the sender's program.
    pub session: String,
    /// Counts the sender's messages of this session, from 1.
    pub count: u64,
    /// CBOR bytes of any value.
    pub data: Vec<u8>,
}

/// Heads that one store has, as of a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteHeads {
    /// The store that has them.
    pub storage_id: StorageId,
    /// The heads, sorted.
    pub heads: Vec<ChangeHash>,
    /// Milliseconds since 1970 by the reporter's clock; the newest report holds.
    pub timestamp: u64,
}

/// Everything that is said over a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireMessage {
    /// A client introduces itself; the first message of a connection.
    Join {
        /// The client.
        sender: PeerId,
        /// What it says of itself.
        metadata: PeerMetadata,
        /// The versions it speaks; a missing list means version 1.
        versions: Vec<String>,
    },
    /// A server answers a join.
    Peer {
        /// The server.
        sender: PeerId,
        /// The client that joined.
        target: PeerId,
        /// What the server says of itself.
        metadata: PeerMetadata,
        /// The version that both will speak.
        version: String,
    },
    /// The server refuses and closes.
    Error {
        /// The reason in words.
        message: String,
    },
    /// The peer goes away.
    Leave {
        /// Who goes.
        sender: PeerId,
    },
    /// A step of the sync protocol.
    Sync(DocumentMessage),
    /// A step of the sync protocol by a peer that has nothing of the document yet.
    Request(DocumentMessage),
    /// The sender has nothing of the document and knows nobody who has.
    DocUnavailable(DocumentMessage),
    /// A message that nobody keeps.
    Ephemeral(EphemeralMessage),
    /// From now on the sender wants to hear of these stores, or no longer.
    RemoteSubscriptionChange {
        /// Who wants it.
        sender: PeerId,
        /// Who shall tell.
        target: PeerId,
        /// Stores to hear of.
        add: Vec<StorageId>,
        /// Stores to hear of no longer.
        remove: Vec<StorageId>,
    },
    /// What stores have of a document now.
    RemoteHeadsChanged {
        /// Who tells.
        sender: PeerId,
        /// Who asked.
        target: PeerId,
        /// The document.
        document: DocumentId,
        /// One entry per store.
        heads: Vec<RemoteHeads>,
    },
    /// A kind of message that is not known here; it is ignored.
    Unknown {
        /// The kind as the sender calls it.
        kind: String,
    },
}

/// Why a frame is not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The frame is not CBOR of the needed shape.
    #[error(transparent)]
    Cbor(#[from] CborError),
    /// The message lacks a field that its kind needs.
    #[error("a {kind} message lacks {field}")]
    Missing {
        /// The kind of the message.
        kind: String,
        /// The field that it lacks.
        field: &'static str,
    },
    /// A field does not hold what its name says.
    #[error("the field {field} is not valid: {reason}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// Why, in words.
        reason: String,
    },
}

impl WireMessage {
    /// Reads the message in one frame. Unknown fields are ignored.
    ///
    /// # Errors
    ///
    /// When the frame is not a CBOR map, or lacks what its kind of message needs.
    pub fn decode(frame: &[u8]) -> Result<Self, WireError> {
        Self::decode_after(frame, None)
    }

    /// Reads the message in one frame, like [`WireMessage::decode`], when the one before was about
    /// `last`: messages in a row are mostly about one document, and to check the sum in its name
    /// costs as much as all the rest.
    ///
    /// # Errors
    ///
    /// As for [`WireMessage::decode`].
    pub fn decode_after(frame: &[u8], last: Option<&DocumentId>) -> Result<Self, WireError> {
        let mut fields = Fields { last, ..Fields::default() };
        let mut invalid = None;
        let mut reader = Reader::new(frame);
        reader.text_map(|reader, key| fields.read(reader, key, &mut invalid))?;
        reader.end()?;
        match invalid {
            Some(error) => Err(error),
            None => fields.into_message(),
        }
    }

    /// Writes the message as one frame.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Join { sender, metadata, versions } => {
                let mut writer = begin(4, "join", Some(sender));
                metadata.write(&mut writer);
                writer.text("supportedProtocolVersions");
                writer.array(versions.len());
                versions.iter().for_each(|version| writer.text(version));
                writer.into_bytes()
            }
            Self::Peer { sender, target, metadata, version } => {
                let mut writer = begin(5, "peer", Some(sender));
                metadata.write(&mut writer);
                pair(&mut writer, "selectedProtocolVersion", version);
                pair(&mut writer, "targetId", target.as_str());
                writer.into_bytes()
            }
            Self::Error { message } => {
                let mut writer = begin(2, "error", None);
                pair(&mut writer, "message", message);
                writer.into_bytes()
            }
            Self::Leave { sender } => begin(2, "leave", Some(sender)).into_bytes(),
            Self::Sync(message) => message.encode("sync"),
            Self::Request(message) => message.encode("request"),
            Self::DocUnavailable(message) => message.encode("doc-unavailable"),
            Self::Ephemeral(message) => message.encode(),
            Self::RemoteSubscriptionChange { sender, target, add, remove } => {
                let lists = [("add", add), ("remove", remove)];
                let count = lists.iter().filter(|(_, list)| !list.is_empty()).count();
                let mut writer =
                    begin(3 + count as u16, "remote-subscription-change", Some(sender));
                pair(&mut writer, "targetId", target.as_str());
                for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
                    writer.text(name);
                    writer.array(list.len());
                    list.iter().for_each(|id| writer.text(id.as_str()));
                }
                writer.into_bytes()
            }
            Self::RemoteHeadsChanged { sender, target, document, heads } => {
                encode_remote_heads(sender, target, document, heads)
            }
            Self::Unknown { kind } => begin(1, kind, None).into_bytes(),
        }
    }
}

fn begin(pairs: u16, kind: &str, sender: Option<&PeerId>) -> Writer {
    begin_with_room(0, pairs, kind, sender)
}

/// Begins a message that will carry so many bytes of data.
fn begin_with_room(data: usize, pairs: u16, kind: &str, sender: Option<&PeerId>) -> Writer {
    let mut writer = Writer::with_capacity(data + 224);
    writer.map(pairs);
    pair(&mut writer, "type", kind);
    if let Some(sender) = sender {
        pair(&mut writer, "senderId", sender.as_str());
    }
    writer
}

fn pair(writer: &mut Writer, key: &str, value: &str) {
    writer.text(key);
    writer.text(value);
}

fn encode_remote_heads(
    sender: &PeerId,
    target: &PeerId,
    document: &DocumentId,
    heads: &[RemoteHeads],
) -> Vec<u8> {
    let heads = heads.get(..usize::from(u16::MAX).min(heads.len())).unwrap_or_default();
    let mut writer = begin(5, "remote-heads-changed", Some(sender));
    pair(&mut writer, "targetId", target.as_str());
    pair(&mut writer, "documentId", document.as_str());
    writer.text("newHeads");
    writer.map(heads.len() as u16);
    for report in heads {
        writer.text(report.storage_id.as_str());
        writer.map(2);
        writer.text("heads");
        writer.array(report.heads.len());
        report.heads.iter().for_each(|head| writer.text(&head_to_text(head)));
        writer.text("timestamp");
        writer.integer(report.timestamp.into());
    }
    writer.into_bytes()
}

impl PeerMetadata {
    fn write(&self, writer: &mut Writer) {
        let extra = u16::from(self.sync_extensions != 0) + u16::from(self.reports_durable_heads);
        writer.text("peerMetadata");
        writer.map(2 + extra);
        writer.text("storageId");
        match &self.storage_id {
            Some(id) => writer.text(id.as_str()),
            None => writer.undefined(),
        }
        writer.text("isEphemeral");
        writer.bool(self.is_ephemeral);
        if self.sync_extensions != 0 {
            writer.text("syncExtensions");
            writer.integer(self.sync_extensions.into());
        }
        if self.reports_durable_heads {
            writer.text("reportsDurableHeads");
            writer.bool(true);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, CborError> {
        let mut metadata = Self::default();
        reader.text_map(|reader, key| {
            match key {
                _ if reader.absent()? => {}
                // A store without a usable name is as good as none.
                "storageId" => metadata.storage_id = StorageId::new(&reader.text()?).ok(),
                "isEphemeral" => metadata.is_ephemeral = reader.bool()?,
                // The bits that are known fit a byte; others mean nothing here.
                "syncExtensions" => metadata.sync_extensions = reader.unsigned()? as u8,
                "reportsDurableHeads" => metadata.reports_durable_heads = reader.bool()?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(metadata)
    }
}

impl DocumentMessage {
    fn encode(&self, kind: &str) -> Vec<u8> {
        let with_data = kind != "doc-unavailable";
        let pairs = if with_data { 5 } else { 4 };
        let mut writer = begin_with_room(self.data.len(), pairs, kind, Some(&self.sender));
        pair(&mut writer, "targetId", self.target.as_str());
        pair(&mut writer, "documentId", self.document.as_str());
        if with_data {
            writer.text("data");
            writer.bytes(&self.data);
        }
        writer.into_bytes()
    }
}

impl EphemeralMessage {
    fn encode(&self) -> Vec<u8> {
        let mut writer = begin(7, "ephemeral", Some(&self.sender));
        pair(&mut writer, "targetId", self.target.as_str());
        pair(&mut writer, "documentId", self.document.as_str());
        pair(&mut writer, "sessionId", &self.session);
        writer.text("count");
        writer.integer(self.count.into());
        writer.text("data");
        writer.bytes(&self.data);
        writer.into_bytes()
    }
}

/// The fields of all kinds of message, as far as they have been seen.
#[derive(Default)]
struct Fields<'a> {
    /// The document of the message before.
    last: Option<&'a DocumentId>,
    kind: Option<Cow<'a, str>>,
    sender: Option<PeerId>,
    target: Option<PeerId>,
    document: Option<DocumentId>,
    data: Option<Vec<u8>>,
    metadata: PeerMetadata,
    versions: Option<Vec<String>>,
    version: Option<String>,
    session: Option<String>,
    count: Option<u64>,
    message: Option<String>,
    add: Vec<StorageId>,
    remove: Vec<StorageId>,
    heads: Vec<RemoteHeads>,
}

impl<'a> Fields<'a> {
    fn read(
        &mut self,
        reader: &mut Reader<'a>,
        key: &str,
        invalid: &mut Option<WireError>,
    ) -> Result<(), CborError> {
        let mut keep = |error| *invalid = Some(error);
        match key {
            _ if reader.absent()? => {}
            "type" => self.kind = Some(reader.text()?),
            "senderId" => match PeerId::new(&reader.text()?) {
                Ok(id) => self.sender = Some(id),
                Err(error) => keep(invalid_field("senderId", error)),
            },
            "targetId" => match PeerId::new(&reader.text()?) {
                Ok(id) => self.target = Some(id),
                Err(error) => keep(invalid_field("targetId", error)),
            },
            "documentId" => {
                let text = reader.text()?;
                match self.last.filter(|last| last.as_str() == text) {
                    Some(last) => self.document = Some(last.clone()),
                    None => match text.parse() {
                        Ok(id) => self.document = Some(id),
                        Err(error) => keep(invalid_field("documentId", error)),
                    },
                }
            }
            "data" => self.data = Some(reader.byte_string()?),
            "peerMetadata" | "metadata" => self.metadata = PeerMetadata::read(reader)?,
            "supportedProtocolVersions" => self.versions = Some(texts(reader)?),
            "selectedProtocolVersion" => self.version = Some(reader.text()?.into_owned()),
            "sessionId" => self.session = Some(reader.text()?.into_owned()),
            "count" => self.count = Some(reader.unsigned()?),
            "message" => self.message = Some(reader.text()?.into_owned()),
            "add" => self.add = storage_ids(reader)?,
            "remove" => self.remove = storage_ids(reader)?,
            "newHeads" => self.heads = read_remote_heads(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    }

    fn into_message(self) -> Result<WireMessage, WireError> {
        let kind = self.kind.as_deref().ok_or_else(|| missing("nameless", "type"))?;
        let lacks = |field| missing(kind, field);
        let sender = || self.sender.clone().ok_or_else(|| lacks("senderId"));
        let target = || self.target.clone().ok_or_else(|| lacks("targetId"));
        let document = || self.document.clone().ok_or_else(|| lacks("documentId"));
        Ok(match kind {
            "join" => WireMessage::Join {
                sender: sender()?,
                versions: self.versions.unwrap_or_else(|| vec![PROTOCOL_VERSION.into()]),
                metadata: self.metadata,
            },
            "peer" => WireMessage::Peer {
                sender: sender()?,
                // Only the sender's name is needed, and some servers leave the target out.
                target: target().or_else(|_| sender())?,
                version: self.version.unwrap_or_else(|| PROTOCOL_VERSION.into()),
                metadata: self.metadata,
            },
            "error" => WireMessage::Error { message: self.message.unwrap_or_default() },
            "leave" => WireMessage::Leave { sender: sender()? },
            "sync" | "request" | "doc-unavailable" => {
                let data = match kind {
                    "doc-unavailable" => Vec::new(),
                    _ => self.data.ok_or_else(|| lacks("data"))?,
                };
                let message = DocumentMessage {
                    sender: self.sender.ok_or_else(|| lacks("senderId"))?,
                    target: self.target.ok_or_else(|| lacks("targetId"))?,
                    document: self.document.ok_or_else(|| lacks("documentId"))?,
                    data,
                };
                match kind {
                    "sync" => WireMessage::Sync(message),
                    "request" => WireMessage::Request(message),
                    _ => WireMessage::DocUnavailable(message),
                }
            }
            "ephemeral" => WireMessage::Ephemeral(EphemeralMessage {
                sender: sender()?,
                target: target()?,
                document: document()?,
                session: self.session.ok_or_else(|| lacks("sessionId"))?,
                count: self.count.ok_or_else(|| lacks("count"))?,
                data: self.data.ok_or_else(|| lacks("data"))?,
            }),
            "remote-subscription-change" => WireMessage::RemoteSubscriptionChange {
                sender: sender()?,
                target: target()?,
                add: self.add,
                remove: self.remove,
            },
            "remote-heads-changed" => WireMessage::RemoteHeadsChanged {
                sender: sender()?,
                target: target()?,
                document: document()?,
                heads: self.heads,
            },
            _ => WireMessage::Unknown { kind: kind.to_owned() },
        })
    }
}

fn missing(kind: &str, field: &'static str) -> WireError {
    WireError::Missing { kind: kind.chars().take(64).collect(), field }
}

fn invalid_field(field: &'static str, error: impl std::fmt::Display) -> WireError {
    WireError::Invalid { field, reason: error.to_string() }
}

/// At most this many names are taken from one list of a message.
const MAX_LIST: usize = 1024;

fn texts(reader: &mut Reader<'_>) -> Result<Vec<String>, CborError> {
    let mut texts = Vec::new();
    reader.list(|reader| {
        let text = reader.text()?;
        if texts.len() < MAX_LIST {
            texts.push(text.into_owned());
        }
        Ok(())
    })?;
    Ok(texts)
}

fn storage_ids(reader: &mut Reader<'_>) -> Result<Vec<StorageId>, CborError> {
    Ok(texts(reader)?.iter().filter_map(|text| StorageId::new(text).ok()).collect())
}

fn read_remote_heads(reader: &mut Reader<'_>) -> Result<Vec<RemoteHeads>, CborError> {
    let mut all = Vec::new();
    reader.text_map(|reader, storage_id| {
        let (mut heads, mut timestamp) = (Vec::new(), 0);
        reader.text_map(|reader, key| {
            match key {
                "heads" => heads = texts(reader)?,
                "timestamp" => timestamp = reader.unsigned()?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        // A report with an unreadable head says nothing that could be relied upon.
        let parsed: Option<Vec<_>> = heads.iter().map(|head| head_from_text(head)).collect();
        if let (Ok(storage_id), Some(mut heads), true) =
            (StorageId::new(storage_id), parsed, all.len() < MAX_LIST)
        {
            heads.sort_unstable();
            heads.dedup();
            all.push(RemoteHeads { storage_id, heads, timestamp });
        }
        Ok(())
    })?;
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(name: &str) -> PeerId {
        PeerId::new(name).unwrap()
    }

    fn document_message() -> DocumentMessage {
        DocumentMessage {
            sender: peer("a"),
            target: peer("b"),
            document: DocumentId::from_bytes(&[5; 16]).unwrap(),
            data: vec![0x42, 0],
        }
    }

    /// One of each kind, with every optional field present.
    fn all_kinds() -> Vec<WireMessage> {
        let storage = |text| StorageId::new(text).unwrap();
        let metadata = PeerMetadata {
            storage_id: Some(storage("store")),
            is_ephemeral: true,
            sync_extensions: 3,
            reports_durable_heads: true,
        };
        vec![
            WireMessage::Join {
                sender: peer("a"),
                metadata: metadata.clone(),
                versions: vec!["1".into(), "2".into()],
            },
            WireMessage::Peer {
                sender: peer("b"),
                target: peer("a"),
                metadata,
                version: "1".into(),
            },
            WireMessage::Error { message: "no common version".into() },
            WireMessage::Leave { sender: peer("a") },
            WireMessage::Sync(document_message()),
            WireMessage::Request(document_message()),
            WireMessage::DocUnavailable(DocumentMessage { data: vec![], ..document_message() }),
            WireMessage::Ephemeral(EphemeralMessage {
                sender: peer("a"),
                target: peer("b"),
                document: document_message().document,
                session: "s".into(),
                count: 1 << 40,
                data: vec![0xf6],
            }),
            WireMessage::RemoteSubscriptionChange {
                sender: peer("a"),
                target: peer("b"),
                add: vec![storage("x")],
                remove: vec![storage("y")],
            },
            WireMessage::RemoteHeadsChanged {
                sender: peer("a"),
                target: peer("b"),
                document: document_message().document,
                heads: vec![RemoteHeads {
                    storage_id: storage("x"),
                    heads: vec![ChangeHash([1; 32])],
                    timestamp: 1_700_000_000_000,
                }],
            },
        ]
    }

    #[test]
    fn writes_a_join_byte_for_byte_as_javascript_clients_do() {
        let join = WireMessage::Join {
            sender: peer("peer-a"),
            metadata: PeerMetadata::default(),
            versions: vec!["1".into()],
        };
        let text = "b900046474797065646a6f696e6873656e646572496466706565722d616c706565724d\
            65746164617461b900026973746f726167654964f76b6973457068656d6572616cf47819737570706f\
            7274656450726f746f636f6c56657273696f6e73816131";
        let bytes: Vec<u8> = (0..text.len() / 2)
            .map(|i| u8::from_str_radix(&text[i * 2..i * 2 + 2], 16).unwrap())
            .collect();
        assert_eq!(join.encode(), bytes);
        assert_eq!(WireMessage::decode(&bytes), Ok(join));
    }

    #[test]
    fn every_kind_survives_the_wire() {
        for message in all_kinds() {
            assert_eq!(WireMessage::decode(&message.encode()), Ok(message));
        }
    }

    #[test]
    fn reads_other_legal_forms_of_a_message() {
        let with_extra = Cbor::Map(vec![
            ("count".into(), Cbor::Float(3.0)),
            ("data".into(), Cbor::Tagged(64, Box::new(Cbor::Bytes(vec![1])))),
            ("type".into(), "ephemeral".into()),
            ("sessionId".into(), "s".into()),
            ("surprise".into(), Cbor::Array(vec![Cbor::Null])),
            (Cbor::Integer(7), Cbor::Null),
            ("senderId".into(), "a".into()),
            ("targetId".into(), "b".into()),
            ("documentId".into(), document_message().document.to_string().into()),
        ]);
        let Ok(WireMessage::Ephemeral(message)) = WireMessage::decode(&with_extra.encode()) else {
            panic!("an ephemeral message");
        };
        assert_eq!((message.count, message.data), (3, vec![1]));

        let no_versions = Cbor::map([("type", "join".into()), ("senderId", "a".into())]);
        assert!(matches!(
            WireMessage::decode(&no_versions.encode()),
            Ok(WireMessage::Join { versions, .. }) if versions == ["1"]
        ));
        let unknown = Cbor::map([("type", "gossip".into()), ("senderId", Cbor::Undefined)]);
        assert_eq!(
            WireMessage::decode(&unknown.encode()),
            Ok(WireMessage::Unknown { kind: "gossip".into() })
        );
    }

    #[test]
    fn a_torn_or_flipped_message_is_an_error_or_another_message_but_never_a_panic() {
        for message in all_kinds() {
            let bytes = message.encode();
            for end in 0..bytes.len() {
                assert!(WireMessage::decode(&bytes[..end]).is_err(), "{message:?} cut at {end}");
                for flip in [0x01, 0x20, 0x80, 0xff] {
                    let mut flipped = bytes.clone();
                    flipped[end] ^= flip;
                    let _ = WireMessage::decode(&flipped);
                }
            }
        }
    }

    #[test]
    fn refuses_messages_without_what_they_need() {
        let no_data = Cbor::map([("type", "sync".into()), ("senderId", "a".into())]);
        assert!(matches!(
            WireMessage::decode(&no_data.encode()),
            Err(WireError::Missing { field: "data", .. })
        ));
        let bad_id = Cbor::map([("type", "sync".into()), ("documentId", "???".into())]);
        assert!(matches!(
            WireMessage::decode(&bad_id.encode()),
            Err(WireError::Invalid { field: "documentId", .. })
        ));
    }
}
