//! The first words of a connection: who is there, and which version is spoken.

use crate::{
    PeerId,
    wire::{PROTOCOL_VERSION, PeerMetadata, WireMessage},
};

/// What this side says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Introduction {
    pub(crate) peer: PeerId,
    pub(crate) metadata: PeerMetadata,
}

/// The peer that was found at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Introduced {
    pub(crate) peer: PeerId,
    pub(crate) metadata: PeerMetadata,
}

/// Why a connection ends before it began.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("no common version: this side speaks {PROTOCOL_VERSION}, the other {0}")]
    Version(String),
    #[error("the other side refused: {0}")]
    Refused(String),
    #[error("the first message was not the one that opens a connection")]
    OutOfTurn,
    #[error("this is a connection to oneself")]
    Oneself,
}

impl Introduction {
    /// What the side that dialed sends first.
    pub(crate) fn join(&self) -> WireMessage {
        WireMessage::Join {
            sender: self.peer.clone(),
            metadata: self.metadata.clone(),
            versions: vec![PROTOCOL_VERSION.into()],
        }
    }

    /// Reads the answer to [`Introduction::join`].
    pub(crate) fn read_answer(&self, message: WireMessage) -> Result<Introduced, HandshakeError> {
        match message {
            WireMessage::Peer { version, .. } if version != PROTOCOL_VERSION => {
                Err(HandshakeError::Version(version))
            }
            WireMessage::Peer { sender, metadata, .. } => self.other(sender, metadata),
            WireMessage::Error { message } => Err(HandshakeError::Refused(message)),
            _ => Err(HandshakeError::OutOfTurn),
        }
    }

    /// Reads the first message of a side that dialed us.
    pub(crate) fn read_join(&self, message: WireMessage) -> Result<Introduced, HandshakeError> {
        match message {
            WireMessage::Join { sender, metadata, versions } => {
                if versions.iter().any(|version| version == PROTOCOL_VERSION) {
                    self.other(sender, metadata)
                } else {
                    Err(HandshakeError::Version(versions.join(", ")))
                }
            }
            _ => Err(HandshakeError::OutOfTurn),
        }
    }

    /// The answer to a join.
    pub(crate) fn answer(&self, target: &PeerId) -> WireMessage {
        WireMessage::Peer {
            sender: self.peer.clone(),
            target: target.clone(),
            metadata: self.metadata.clone(),
            version: PROTOCOL_VERSION.into(),
        }
    }

    fn other(&self, peer: PeerId, metadata: PeerMetadata) -> Result<Introduced, HandshakeError> {
        if peer == self.peer {
            return Err(HandshakeError::Oneself);
        }
        Ok(Introduced { peer, metadata })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn introduction(name: &str) -> Introduction {
        Introduction { peer: PeerId::new(name).unwrap(), metadata: PeerMetadata::default() }
    }

    #[test]
    fn two_sides_learn_each_others_names() {
        let (client, server) = (introduction("client"), introduction("server"));
        let joined = server.read_join(client.join()).unwrap();
        assert_eq!(joined.peer, client.peer);
        let answered = client.read_answer(server.answer(&joined.peer)).unwrap();
        assert_eq!(answered.peer, server.peer);
    }

    #[test]
    fn refuses_other_versions_and_other_first_messages() {
        let server = introduction("server");
        let join = WireMessage::Join {
            sender: PeerId::new("c").unwrap(),
            metadata: PeerMetadata::default(),
            versions: vec!["2".into()],
        };
        assert_eq!(server.read_join(join), Err(HandshakeError::Version("2".into())));
        let leave = WireMessage::Leave { sender: PeerId::new("c").unwrap() };
        assert_eq!(server.read_join(leave), Err(HandshakeError::OutOfTurn));
        assert_eq!(server.read_join(server.join()), Err(HandshakeError::Oneself));
        let error = WireMessage::Error { message: "no".into() };
        assert_eq!(server.read_answer(error), Err(HandshakeError::Refused("no".into())));
    }
}
