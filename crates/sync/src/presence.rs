//! Who is there: what everybody shows of themselves, and for how long it is believed.
//!
//! The messages have the shape of automerge-repo's presence helper and travel as ephemeral
//! messages: `{__presence: {type: update | snapshot | heartbeat | goodbye, ...}}`.

use std::{collections::BTreeMap, time::Duration};

use crate::{PeerId, PresenceEvent, wire::Cbor};

/// How often somebody who shows something says that they are still there.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long somebody silent is believed to be there.
pub const TIME_TO_LIVE: Duration = Duration::from_secs(45);

/// One message about presence.
#[derive(Debug, Clone, PartialEq)]
pub enum PresenceMessage {
    /// One channel has a new value.
    Update {
        /// The channel, for example `cursor`.
        channel: String,
        /// Its value.
        value: Cbor,
    },
    /// Everything that the sender shows, for somebody who has just come.
    Snapshot(BTreeMap<String, Cbor>),
    /// Still there.
    Heartbeat,
    /// Gone.
    Goodbye,
}

impl PresenceMessage {
    /// The payload of an ephemeral message.
    pub fn encode(&self) -> Vec<u8> {
        let inner = match self {
            Self::Update { channel, value } => Cbor::map([
                ("type", "update".into()),
                ("channel", channel.as_str().into()),
                ("value", value.clone()),
            ]),
            Self::Snapshot(state) => {
                let pairs = state.iter().map(|(key, value)| (key.as_str().into(), value.clone()));
                Cbor::map([("type", "snapshot".into()), ("state", Cbor::Map(pairs.collect()))])
            }
            Self::Heartbeat => Cbor::map([("type", "heartbeat".into())]),
            Self::Goodbye => Cbor::map([("type", "goodbye".into())]),
        };
        Cbor::map([("__presence", inner)]).encode()
    }

    /// Reads a payload; none when it is something other than presence.
    pub fn decode(data: &[u8]) -> Option<Self> {
        let outer = Cbor::decode(data).ok()?;
        let inner = outer.get("__presence")?;
        Some(match inner.get("type")?.as_text()? {
            "update" => Self::Update {
                channel: inner.get("channel")?.as_text()?.to_owned(),
                value: inner.get("value")?.clone(),
            },
            "snapshot" => {
                let Cbor::Map(pairs) = inner.get("state")? else { return None };
                let text =
                    |(key, value): &(Cbor, Cbor)| Some((key.as_text()?.into(), value.clone()));
                Self::Snapshot(pairs.iter().filter_map(text).collect())
            }
            "heartbeat" => Self::Heartbeat,
            "goodbye" => Self::Goodbye,
            _ => return None,
        })
    }
}

/// Who is there in one document, as far as this side knows.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    local: BTreeMap<String, Cbor>,
    remote: BTreeMap<PeerId, RemotePresence>,
}

#[derive(Debug, Default)]
struct RemotePresence {
    state: BTreeMap<String, Cbor>,
    /// How much each channel takes, encoded.
    bytes_of: BTreeMap<String, usize>,
    last_heard: Duration,
}

impl Presence {
    /// More peers than this are not kept: anybody can claim any name.
    const MAX_PEERS: usize = 256;
    const MAX_CHANNELS: usize = 64;
    /// Larger values, and what a peer shows beyond this in all, are not kept. In bytes as encoded.
    const MAX_VALUE_BYTES: usize = 16 << 10;
    const MAX_PEER_BYTES: usize = 64 << 10;

    /// Sets what this side shows on one channel and gives the message that says so.
    pub(crate) fn set_local(&mut self, channel: &str, value: Cbor) -> PresenceMessage {
        self.local.insert(channel.to_owned(), value.clone());
        PresenceMessage::Update { channel: channel.to_owned(), value }
    }

    /// Stops showing anything; gives the message that says so, if anything was shown.
    pub(crate) fn leave(&mut self) -> Option<PresenceMessage> {
        (!std::mem::take(&mut self.local).is_empty()).then_some(PresenceMessage::Goodbye)
    }

    /// Everything that this side shows, if anything.
    pub(crate) fn snapshot(&self) -> Option<PresenceMessage> {
        (!self.local.is_empty()).then(|| PresenceMessage::Snapshot(self.local.clone()))
    }

    /// Whether this side shows anything.
    pub(crate) fn is_shown(&self) -> bool {
        !self.local.is_empty()
    }

    /// Whether anybody else is there.
    pub(crate) fn others_present(&self) -> bool {
        !self.remote.is_empty()
    }

    /// What others show now.
    pub(crate) fn others(&self) -> impl Iterator<Item = (&PeerId, &BTreeMap<String, Cbor>)> {
        self.remote.iter().map(|(peer, remote)| (peer, &remote.state))
    }

    /// Takes in a message. True when the peer was not known, so that it needs our snapshot.
    pub(crate) fn receive(
        &mut self,
        peer: &PeerId,
        message: PresenceMessage,
        now: Duration,
        events: &mut Vec<PresenceEvent>,
    ) -> bool {
        if message == PresenceMessage::Goodbye {
            if self.remote.remove(peer).is_some() {
                events.push(PresenceEvent::Left(peer.clone()));
            }
            return false;
        }
        let is_new = !self.remote.contains_key(peer);
        if is_new {
            if self.remote.len() == Self::MAX_PEERS {
                return false;
            }
            events.push(PresenceEvent::Joined(peer.clone()));
        }
        let remote = self.remote.entry(peer.clone()).or_default();
        remote.last_heard = now;
        let updates = match message {
            PresenceMessage::Update { channel, value } => BTreeMap::from([(channel, value)]),
            PresenceMessage::Snapshot(state) => state,
            _ => BTreeMap::new(),
        };
        for (channel, value) in updates {
            let known = remote.state.get(&channel);
            if known == Some(&value) || known.is_none() && remote.state.len() == Self::MAX_CHANNELS
            {
                continue;
            }
            let bytes = channel.len() + value.encode().len();
            let before = remote.bytes_of.get(&channel).copied().unwrap_or(0);
            let total = remote.bytes_of.values().sum::<usize>() - before + bytes;
            if bytes > Self::MAX_VALUE_BYTES || total > Self::MAX_PEER_BYTES {
                continue;
            }
            remote.bytes_of.insert(channel.clone(), bytes);
            remote.state.insert(channel.clone(), value.clone());
            events.push(PresenceEvent::Updated { peer: peer.clone(), channel, value });
        }
        is_new
    }

    /// Forgets those who were silent for too long.
    pub(crate) fn expire(&mut self, now: Duration, events: &mut Vec<PresenceEvent>) {
        self.remote.retain(|peer, remote| {
            let alive = remote.last_heard + TIME_TO_LIVE > now;
            if !alive {
                events.push(PresenceEvent::Left(peer.clone()));
            }
            alive
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_wire() {
        for message in [
            PresenceMessage::Update { channel: "cursor".into(), value: 5.into() },
            PresenceMessage::Snapshot([("a".to_owned(), Cbor::Null)].into()),
            PresenceMessage::Heartbeat,
            PresenceMessage::Goodbye,
        ] {
            assert_eq!(PresenceMessage::decode(&message.encode()), Some(message));
        }
        assert_eq!(PresenceMessage::decode(&Cbor::Null.encode()), None);
        assert_eq!(PresenceMessage::decode(b"\xff"), None);
    }

    #[test]
    fn nobody_shows_more_than_a_little() {
        let mut presence = Presence::default();
        let peer = PeerId::new("p").unwrap();
        let mut show = |channel: &str, bytes: usize| {
            let value = Cbor::Bytes(vec![0; bytes]);
            let message = PresenceMessage::Update { channel: channel.into(), value };
            let mut events = Vec::new();
            presence.receive(&peer, message, Duration::ZERO, &mut events);
            events.iter().any(|event| matches!(event, PresenceEvent::Updated { .. }))
        };
        assert!(show("cursor", 1_000));
        assert!(!show("cursor", 1 << 20), "a cursor is no file");
        let shown = (0..60).filter(|channel| show(&channel.to_string(), 10_000)).count();
        assert_eq!(shown, 6);
        assert!(show("cursor", 1_001), "what is shown already can change");
    }

    #[test]
    fn a_newcomer_is_greeted_once_and_a_silent_peer_leaves() {
        let mut presence = Presence::default();
        let (peer, mut events) = (PeerId::new("p").unwrap(), Vec::new());
        assert!(presence.receive(&peer, PresenceMessage::Heartbeat, Duration::ZERO, &mut events));
        let update = PresenceMessage::Update { channel: "c".into(), value: 1.into() };
        let at = Duration::from_secs(20);
        assert!(!presence.receive(&peer, update.clone(), at, &mut events));
        presence.receive(&peer, update, at, &mut events);
        presence.expire(Duration::from_secs(64), &mut events);
        assert!(presence.others_present());
        presence.expire(Duration::from_secs(65), &mut events);
        assert!(!presence.others_present());
        let updated =
            PresenceEvent::Updated { peer: peer.clone(), channel: "c".into(), value: 1.into() };
        assert_eq!(
            events,
            [PresenceEvent::Joined(peer.clone()), updated, PresenceEvent::Left(peer)]
        );
    }
}
