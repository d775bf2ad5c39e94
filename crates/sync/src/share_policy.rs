//! Who may have what: which documents are offered, asked for and answered, per peer.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, RwLock},
};

use crate::{DocumentId, PeerId, StorageId, wire::PeerMetadata};

/// How a connection came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionOrigin {
    /// We dialed this address.
    Dialed {
        /// The address as it was given.
        url: String,
    },
    /// The other side dialed us.
    Accepted {
        /// Where from, for people to read.
        address: String,
        /// As what it was let in.
        admitted: Admitted,
    },
}

/// As what somebody who dialed us was let in. This is certain, unlike what peers say of themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Admitted {
    /// It may read.
    Reader,
    /// It may read and write.
    Writer,
    /// It may read and write, and is one of the servers that this one trusts: it may hear which
    /// documents are looked for here, and is believed when it says that it supplies them.
    Server,
}

/// The peer at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerContext {
    /// Its name; nothing proves it.
    pub peer: PeerId,
    /// What it says of itself; nothing proves it.
    pub metadata: PeerMetadata,
    /// How the connection came about; this is certain.
    pub origin: ConnectionOrigin,
}

impl PeerContext {
    /// The address, when we dialed it.
    pub fn url(&self) -> Option<&str> {
        match &self.origin {
            ConnectionOrigin::Dialed { url } => Some(url),
            ConnectionOrigin::Accepted { .. } => None,
        }
    }

    /// Whether it was dialed, or let in as a server.
    pub fn is_trusted_server(&self) -> bool {
        match self.origin {
            ConnectionOrigin::Dialed { .. } => true,
            ConnectionOrigin::Accepted { admitted, .. } => admitted == Admitted::Server,
        }
    }

    /// The store under which a sync state with this peer is worth keeping.
    pub(crate) fn lasting_storage_id(&self) -> Option<&StorageId> {
        self.metadata.storage_id.as_ref().filter(|_| !self.metadata.is_ephemeral)
    }
}

/// What a peer may do with a document that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Nothing: it hears that the document is unavailable.
    Deny,
    /// It receives changes; its own are not taken.
    ReadOnly,
    /// Both directions.
    ReadWrite,
}

/// What can happen at all between us and a peer, so that the hub need not ask for every document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offers {
    /// Some documents may be announced to it.
    pub announces: bool,
    /// It may be asked for documents that are not here.
    pub requests: bool,
}

/// Decides who gets what. Called with the hub locked: answers come at once, without I/O.
pub trait SharePolicy: Send {
    /// What can happen at all with this peer; asked once per connection.
    fn offers(&self, peer: &PeerContext) -> Offers;

    /// Whether to start syncing this document with the peer without being asked.
    fn announce(&self, peer: &PeerContext, document: &DocumentId) -> bool;

    /// Whether a document that came from elsewhere goes to a peer that was asked for it in vain.
    fn passes_on(&self, _peer: &PeerContext, _document: &DocumentId) -> bool {
        true
    }

    /// What the peer may do with a document that it names.
    fn access(&self, peer: &PeerContext, document: &DocumentId) -> Access;
}

/// Everything goes to everybody: for tests, and for programs that hold documents of one group.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShareAll;

impl SharePolicy for ShareAll {
    fn offers(&self, _: &PeerContext) -> Offers {
        Offers { announces: true, requests: true }
    }

    fn announce(&self, _: &PeerContext, _: &DocumentId) -> bool {
        true
    }

    fn access(&self, peer: &PeerContext, _: &DocumentId) -> Access {
        granted(peer)
    }
}

/// A server: answers who names a document, announces to nobody but the servers that it dials.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServeOnRequest;

impl SharePolicy for ServeOnRequest {
    fn offers(&self, peer: &PeerContext) -> Offers {
        // A server that dialed us can be asked as well as one that we dialed. Whoever else says
        // that it is one is not: the names of documents are what keeps strangers from them.
        Offers { announces: peer.url().is_some(), requests: peer.is_trusted_server() }
    }

    fn announce(&self, peer: &PeerContext, _: &DocumentId) -> bool {
        peer.url().is_some()
    }

    fn access(&self, peer: &PeerContext, _: &DocumentId) -> Access {
        granted(peer)
    }
}

/// Where a document is meant to go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    /// The server at this address, written as it is dialed.
    Server(String),
    /// A peer by its name.
    Peer(PeerId),
}

/// A person's choice: each document goes to the destinations that were named for it, none at
/// first. Who knows a document's name gets it when asking. Clones share the same choice.
#[derive(Debug, Clone, Default)]
pub struct ChosenDestinations(Arc<RwLock<BTreeMap<DocumentId, BTreeSet<Destination>>>>);

impl ChosenDestinations {
    /// Sets where a document goes; the hub must be told with
    /// [`Hub::sharing_changed`](crate::Hub::sharing_changed).
    pub fn set(&self, document: DocumentId, destinations: BTreeSet<Destination>) {
        let mut chosen = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        if destinations.is_empty() {
            chosen.remove(&document);
        } else {
            chosen.insert(document, destinations);
        }
    }

    /// Where a document goes.
    pub fn get(&self, document: &DocumentId) -> BTreeSet<Destination> {
        let chosen = self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        chosen.get(document).cloned().unwrap_or_default()
    }
}

impl SharePolicy for ChosenDestinations {
    fn offers(&self, peer: &PeerContext) -> Offers {
        // Only addresses that the person gave are asked for documents: asking tells a name.
        Offers { announces: true, requests: peer.url().is_some() }
    }

    fn announce(&self, peer: &PeerContext, document: &DocumentId) -> bool {
        let chosen = self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        chosen.get(document).is_some_and(|destinations| {
            destinations.contains(&Destination::Peer(peer.peer.clone()))
                || peer
                    .url()
                    .is_some_and(|url| destinations.contains(&Destination::Server(url.to_owned())))
        })
    }

    /// Asking a server for a document names it there, but does not choose the server for it.
    fn passes_on(&self, peer: &PeerContext, document: &DocumentId) -> bool {
        self.announce(peer, document)
    }

    fn access(&self, peer: &PeerContext, _: &DocumentId) -> Access {
        granted(peer)
    }
}

/// What the connection itself grants.
fn granted(peer: &PeerContext) -> Access {
    match peer.origin {
        ConnectionOrigin::Accepted { admitted: Admitted::Reader, .. } => Access::ReadOnly,
        _ => Access::ReadWrite,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialed(url: &str) -> PeerContext {
        PeerContext {
            peer: PeerId::new("server").unwrap(),
            metadata: PeerMetadata::default(),
            origin: ConnectionOrigin::Dialed { url: url.into() },
        }
    }

    #[test]
    fn a_document_goes_nowhere_until_a_destination_is_chosen() {
        let policy = ChosenDestinations::default();
        let document = DocumentId::from_random([1; 16]);
        assert!(!policy.announce(&dialed("ws://a"), &document));
        policy.set(document.clone(), [Destination::Server("ws://a".into())].into());
        assert!(policy.announce(&dialed("ws://a"), &document));
        assert!(!policy.announce(&dialed("ws://b"), &document));
        policy.set(document.clone(), BTreeSet::new());
        assert!(!policy.announce(&dialed("ws://a"), &document));
    }

    #[test]
    fn a_read_only_token_reads_only() {
        let mut peer = dialed("ws://a");
        let admitted = Admitted::Reader;
        peer.origin = ConnectionOrigin::Accepted { address: "1.2.3.4".into(), admitted };
        let document = DocumentId::from_random([1; 16]);
        assert_eq!(ServeOnRequest.access(&peer, &document), Access::ReadOnly);
        assert!(!ServeOnRequest.announce(&peer, &document));
    }
}
