//! People choose to which servers a document goes, and choose otherwise later.
//!
//! A machine of a person who chooses has the policy of the app. What leaves it is held against the
//! choice: what a document holds goes to a server that was chosen for it, or that spoke of the
//! document on the same connection, because it was asked for it by name, and was not told since that
//! the document goes there no longer.

use std::collections::BTreeSet;

use rejoin_sync::{
    ChosenDestinations, ConnectionId, Destination, DocumentId, Message, wire::WireMessage,
};

use crate::{
    check::Failure,
    node::{Node, Stage},
    world::World,
};

/// What a person has chosen on one machine, and what servers spoke of since.
#[derive(Debug, Default)]
pub(crate) struct Sharing {
    pub(crate) chosen: ChosenDestinations,
    /// Documents that the other side of a connection spoke of.
    named: BTreeSet<(ConnectionId, DocumentId)>,
    /// Documents that no longer go to the other side of a connection, whatever it says.
    withdrawn: BTreeSet<(ConnectionId, DocumentId)>,
}

impl Sharing {
    /// Another run of the program names connections anew.
    pub(crate) fn forget_connections(&mut self) {
        self.named.clear();
        self.withdrawn.clear();
    }
}

impl Node {
    fn everywhere(&self) -> BTreeSet<Destination> {
        self.dials.iter().map(|index| Destination::Server(index.to_string())).collect()
    }

    /// Notes what a server speaks of.
    pub(crate) fn hears_of(&mut self, connection: ConnectionId, frame: &[u8]) {
        let Some(sharing) = &mut self.sharing else { return };
        if let Ok(WireMessage::Sync(message) | WireMessage::Request(message)) =
            WireMessage::decode(frame)
        {
            let named = (connection, message.document);
            if !sharing.withdrawn.contains(&named) {
                sharing.named.insert(named);
            }
        }
    }

    /// Whether a frame tells what is in a document to somebody for whom it was not meant.
    fn gives_away(&mut self, connection: ConnectionId, target: usize, frame: &[u8]) -> bool {
        let Some(sharing) = &mut self.sharing else { return false };
        let Ok(WireMessage::Sync(message) | WireMessage::Request(message)) =
            WireMessage::decode(frame)
        else {
            return false;
        };
        let named = (connection, message.document);
        if Message::decode(&message.data).is_ok_and(|sync| sync.heads.is_empty()) {
            // It is asked for what is not here, and may speak of it from now on.
            sharing.withdrawn.remove(&named);
            return false;
        }
        let there = Destination::Server(target.to_string());
        !sharing.chosen.get(&named.1).contains(&there) && !sharing.named.contains(&named)
    }

    /// The connections on which a document is synced because that was chosen.
    fn synced_by_choice(&self, document: &DocumentId) -> Vec<ConnectionId> {
        let hub = self.hub.as_ref().filter(|hub| hub.document(document).is_some());
        let status = hub.and_then(|hub| hub.status(document));
        let peers = status.map(|status| status.peers).unwrap_or_default();
        let is_synced =
            |address: &str| peers.iter().any(|peer| peer.url.as_deref() == Some(address));
        let open = self.connections.iter().filter_map(|(id, stage)| match stage {
            Stage::Open { target, .. } if is_synced(&target.to_string()) => Some(*id),
            _ => None,
        });
        open.collect()
    }
}

impl World {
    /// Somebody chooses that a document goes to all servers that are dialed, or to none.
    pub(crate) fn choose(&mut self, index: usize, document: &DocumentId, goes_out: bool) {
        let Some(node) = self.nodes.get_mut(index) else { return };
        let destinations = if goes_out { node.everywhere() } else { BTreeSet::new() };
        let synced = node.synced_by_choice(document);
        let Some(sharing) = &mut node.sharing else { return };
        let was_chosen = !sharing.chosen.get(document).is_empty();
        sharing.chosen.set(document.clone(), destinations);
        if goes_out {
            sharing.withdrawn.retain(|(_, withdrawn)| withdrawn != document);
        } else if was_chosen {
            for connection in synced {
                sharing.named.remove(&(connection, document.clone()));
                sharing.withdrawn.insert((connection, document.clone()));
            }
        }
        self.act(index, |hub, now| hub.sharing_changed(document, now));
    }

    /// Checks what leaves a machine.
    pub(crate) fn nothing_is_given_away(
        &mut self,
        node: usize,
        connection: ConnectionId,
        target: usize,
        frame: &[u8],
    ) {
        if self.nodes.get_mut(node).is_some_and(|node| node.gives_away(connection, target, frame)) {
            self.fail(Failure::new("a document went to a server that was not chosen for it"));
        }
    }
}
