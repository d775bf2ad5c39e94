//! Where a note is and how connections are, in the page's terms.

use std::collections::BTreeMap;
use std::time::Duration;

use rejoin_repo::{ConnectionError, ConnectionPhase, ConnectionStatus, DocumentStatus};

use crate::local::StoredServer;
use crate::port::{
    Connection, ConnectionState, DiskState, NoteStatus, Place, PlaceKind, PlaceState, in_words,
};

/// Where a note is. `names`: what peers called themselves, by their peer id.
pub(crate) fn note_status(
    status: &DocumentStatus,
    servers: &[StoredServer],
    names: &BTreeMap<String, String>,
    now: i64,
) -> NoteStatus {
    let disk = match &status.disk.error {
        Some(message) => DiskState::Failed { message: in_words(message), at: now },
        None if !status.disk.is_all => DiskState::Saving,
        None => DiskState::Saved { at: status.disk.at.map_or(now, milliseconds) },
    };
    let mut places = Vec::new();
    for peer in &status.peers {
        let durable = status
            .servers
            .iter()
            .find(|server| Some(&server.storage_id) == peer.storage_id.as_ref());
        let known = peer.url.as_deref().and_then(|url| of_address(servers, url));
        let state = if durable.is_some_and(|server| server.has_all) {
            PlaceState::Saved
        } else if peer.has_all {
            PlaceState::Received
        } else {
            PlaceState::Behind
        };
        let own_name = || names.get(peer.peer.as_str()).cloned();
        let own_host = || peer.url.as_deref().map(host).map(str::to_owned);
        let kind = known.map_or(PlaceKind::Peer, |server| server.kind);
        // A person is known by name, a server by where it is.
        let name = match kind {
            PlaceKind::Peer => own_name().or_else(own_host),
            PlaceKind::Server => own_host().or_else(own_name),
        };
        places.push(Place {
            name: name.unwrap_or_else(|| "Someone nearby".to_owned()),
            kind,
            state,
            at: durable.map(|server| server.at).or(peer.at).map(milliseconds),
        });
    }
    NoteStatus { disk, places }
}

/// A connection for the page. `since`: since when it has been in this state, as was observed here.
/// `elapsed` is the present in the terms in which the next attempt is told.
pub(crate) fn connection(
    status: &ConnectionStatus,
    servers: &[StoredServer],
    names: &BTreeMap<String, String>,
    since: i64,
    now: i64,
    elapsed: Duration,
) -> Connection {
    let known = of_address(servers, &status.address);
    let kind = known.map_or(PlaceKind::Peer, |server| server.kind);
    let own_name = status.peer.as_ref().and_then(|peer| names.get(peer.as_str()).cloned());
    let name = own_name.filter(|_| kind == PlaceKind::Peer);
    let incoming = status.dialer.is_none();
    let wait = match status.phase {
        ConnectionPhase::Waiting(at) => Some(at.saturating_sub(elapsed).as_millis()),
        _ => None,
    };
    Connection {
        id: if incoming { format!("from {}", status.address) } else { status.address.clone() },
        address: status.address.clone(),
        name: name.unwrap_or_else(|| host(&status.address).to_owned()),
        kind,
        incoming,
        state: state(status),
        since,
        last_error: status.last_error.as_ref().map(|error| in_words(&error.to_string())),
        next_retry: wait.map(|wait| now + i64::try_from(wait).unwrap_or(i64::MAX / 2)),
    }
}

/// How a connection is. A refusal at the door waits like a failure, but dialling again is no help.
pub(crate) fn state(status: &ConnectionStatus) -> ConnectionState {
    match status.phase {
        ConnectionPhase::Connected => ConnectionState::Connected,
        ConnectionPhase::Connecting => ConnectionState::Connecting,
        ConnectionPhase::Offline => ConnectionState::Offline,
        ConnectionPhase::Waiting(_) => match status.last_error {
            Some(ConnectionError::Refused(_)) => ConnectionState::Refused,
            Some(ConnectionError::Lost(_)) | None => ConnectionState::Waiting,
        },
    }
}

fn of_address<'a>(servers: &'a [StoredServer], address: &str) -> Option<&'a StoredServer> {
    servers.iter().find(|server| server.address == address)
}

/// The host and port of an address, as people know a server.
fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or(rest)
}

fn milliseconds(at: u64) -> i64 {
    i64::try_from(at).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use rejoin_repo::{Availability, PeerId, StorageId};
    use rejoin_sync::{DiskStatus, PeerStatus, ServerStatus};

    use super::*;

    fn server() -> StoredServer {
        let address = "ws://home.example:3030/".to_owned();
        StoredServer { address, kind: PlaceKind::Server, token: None }
    }

    fn status(received: bool, durable: Option<bool>) -> DocumentStatus {
        let storage_id = StorageId::new("store").unwrap();
        let peer = PeerId::new("server").unwrap();
        let report = |has_all| ServerStatus {
            storage_id: storage_id.clone(),
            peer: peer.clone(),
            heads: Vec::new(),
            has_all,
            at: 5,
        };
        DocumentStatus {
            availability: Availability::Ready,
            heads: Vec::new(),
            disk: DiskStatus {
                heads: Vec::new(),
                is_all: true,
                at: Some(3),
                error: None,
                unread_chunks: 0,
            },
            is_held_back: false,
            servers: durable.map(report).into_iter().collect(),
            peers: vec![PeerStatus {
                peer: peer.clone(),
                storage_id: Some(storage_id.clone()),
                url: Some(server().address),
                has_all: received,
                is_ahead: false,
                at: Some(4),
                problem: None,
            }],
            refused: 0,
            queued: 0,
        }
    }

    #[track_caller]
    fn place(status: &DocumentStatus) -> Place {
        note_status(status, &[server()], &BTreeMap::new(), 9).places[0].clone()
    }

    #[test]
    fn a_note_is_saved_on_a_server_only_by_its_own_word() {
        assert_eq!(place(&status(true, None)).state, PlaceState::Received);
        assert_eq!(place(&status(true, Some(false))).state, PlaceState::Received);
        assert_eq!(place(&status(true, Some(true))).state, PlaceState::Saved);
        assert_eq!(place(&status(false, None)).state, PlaceState::Behind);
        assert_eq!(place(&status(true, None)).name, "home.example:3030");
        assert_eq!(place(&status(true, None)).kind, PlaceKind::Server);
    }

    #[test]
    fn who_cannot_be_reached_has_refused_nobody() {
        let state_after = |error| {
            state(&ConnectionStatus {
                dialer: None,
                address: server().address,
                phase: ConnectionPhase::Waiting(Duration::ZERO),
                peer: None,
                storage_id: None,
                last_error: Some(error),
                traffic: Default::default(),
            })
        };
        let lost = ConnectionError::Lost("cannot reach 127.0.0.1:40143: connection refused".into());
        assert_eq!(state_after(lost), ConnectionState::Waiting);
        let refused = ConnectionError::Refused("the server does not let us in".into());
        assert_eq!(state_after(refused), ConnectionState::Refused);
    }

    #[test]
    fn a_status_looks_different_when_a_place_or_a_minute_does() {
        let told = |status: &_, now| note_status(status, &[server()], &BTreeMap::new(), now);
        let mut status = status(true, None);
        let before = told(&status, 9);
        status.peers[0].at = Some(59_000);
        status.disk.at = Some(58_000);
        assert!(told(&status, 59_000).looks_like(&before));
        status.peers[0].at = Some(61_000);
        assert!(!told(&status, 61_000).looks_like(&before));
        status.peers[0].at = Some(4);
        status.peers[0].has_all = false;
        assert!(!told(&status, 9).looks_like(&before));
        status.peers[0].has_all = true;
        status.disk.is_all = false;
        assert!(!told(&status, 9).looks_like(&before));
    }

    #[test]
    fn what_is_in_memory_only_is_not_saved() {
        let mut status = status(true, None);
        let told = |status: &_| note_status(status, &[], &BTreeMap::new(), 9).disk;
        assert_eq!(told(&status), DiskState::Saved { at: 3 });
        status.disk.is_all = false;
        assert_eq!(told(&status), DiskState::Saving);
    }
}
