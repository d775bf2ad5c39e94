//! Messages that nobody keeps: passing them on, and who is there.

use std::collections::BTreeMap;

use super::{Hub, Timer};
use crate::{
    ConnectionId, DocumentEvent, DocumentId, Now, PeerId,
    presence::{HEARTBEAT, PresenceMessage},
    wire::{Cbor, EphemeralMessage, WireMessage},
};

/// Larger messages are not passed on.
const MAX_BYTES: usize = 1 << 20;
/// Runs of programs with longer names are not listened to.
const MAX_RUN: usize = 256;

impl Hub {
    /// Sends a message that nobody keeps to everybody who syncs the document. `data` is CBOR.
    pub fn broadcast(&mut self, document: &DocumentId, data: Vec<u8>) {
        self.ephemeral_count += 1;
        let message = EphemeralMessage {
            sender: self.options.peer.clone(),
            target: self.options.peer.clone(),
            document: document.clone(),
            session: self.options.session.clone(),
            count: self.ephemeral_count,
            data,
        };
        self.pass_on(message, None);
    }

    /// Shows a value of ours to everybody who syncs the document, on one channel.
    pub fn set_presence(&mut self, document: &DocumentId, channel: &str, value: Cbor, now: Now) {
        let Some(slot) = self.slots.get_mut(document) else { return };
        let message = slot.presence.set_local(channel, value);
        self.timers.set(Timer::Presence(document.clone()), now.elapsed + HEARTBEAT);
        self.broadcast(document, message.encode());
    }

    /// Stops showing anything in a document.
    pub fn leave_presence(&mut self, document: &DocumentId) {
        let message = self.slots.get_mut(document).and_then(|slot| slot.presence.leave());
        if let Some(message) = message {
            self.broadcast(document, message.encode());
        }
    }

    /// What others show in a document now.
    pub fn presence(&self, document: &DocumentId) -> BTreeMap<PeerId, BTreeMap<String, Cbor>> {
        let slot = self.slots.get(document);
        slot.into_iter()
            .flat_map(|slot| slot.presence.others())
            .map(|(peer, state)| (peer.clone(), state.clone()))
            .collect()
    }

    pub(super) fn ephemeral_arrived(
        &mut self,
        id: ConnectionId,
        message: EphemeralMessage,
        now: Now,
    ) {
        let Some(slot) = self.slots.get_mut(&message.document) else { return };
        let is_party = slot.sessions.contains_key(&id);
        let is_too_large = message.data.len() > MAX_BYTES || message.session.len() > MAX_RUN;
        if !is_party || message.sender == self.options.peer || is_too_large {
            return;
        }
        if !self.seen.is_new(&message.sender, &message.session, message.count, now.elapsed) {
            return;
        }
        slot.last_used = now.elapsed;
        if slot.watchers > 0 {
            self.hear(&message, now);
        }
        self.pass_on(message, Some(id));
    }

    /// Takes in a message for those who watch the document here.
    fn hear(&mut self, message: &EphemeralMessage, now: Now) {
        let document = &message.document;
        let Some(presence) = PresenceMessage::decode(&message.data) else {
            let event = DocumentEvent::Ephemeral {
                sender: message.sender.clone(),
                data: message.data.clone(),
            };
            return self.tell(document, event);
        };
        let Some(slot) = self.slots.get_mut(document) else { return };
        let mut events = Vec::new();
        let is_new = slot.presence.receive(&message.sender, presence, now.elapsed, &mut events);
        let snapshot = slot.presence.snapshot().filter(|_| is_new);
        // In company nothing is held back.
        let publish = slot.presence.others_present() && slot.publisher.yields_to_company();
        self.timers.set_if_unset(Timer::Presence(document.clone()), now.elapsed + HEARTBEAT);
        for event in events {
            self.tell(document, DocumentEvent::Presence(event));
        }
        if let Some(snapshot) = snapshot {
            self.broadcast(document, snapshot.encode());
        }
        if publish {
            self.publish(document);
        }
    }

    fn pass_on(&mut self, message: EphemeralMessage, except: Option<ConnectionId>) {
        let Some(slot) = self.slots.get(&message.document) else { return };
        let ids = slot.sessions.iter().filter(|(id, session)| {
            Some(**id) != except && self.is_party(**id, session, &message.document)
        });
        let ids: Vec<_> = ids.map(|(id, _)| *id).collect();
        let mut message = message;
        for id in ids {
            if let Some(target) = self.peer_of(id).cloned()
                // The first speaker needs no copy of its own words.
                && target != message.sender
            {
                message.target = target;
                let copy = WireMessage::Ephemeral(message.clone());
                self.push_frame(id, &copy);
            }
        }
    }

    pub(super) fn presence_due(&mut self, document: &DocumentId, now: Now) {
        let Some(slot) = self.slots.get_mut(document) else { return };
        let mut events = Vec::new();
        slot.presence.expire(now.elapsed, &mut events);
        let is_shown = slot.presence.is_shown();
        if is_shown || slot.presence.others_present() {
            self.timers.set(Timer::Presence(document.clone()), now.elapsed + HEARTBEAT);
        }
        for event in events {
            self.tell(document, DocumentEvent::Presence(event));
        }
        if is_shown {
            self.broadcast(document, PresenceMessage::Heartbeat.encode());
        }
    }
}
