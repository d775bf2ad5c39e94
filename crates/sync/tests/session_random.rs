//! Random networks of two and three peers: edits, crossing and lost messages, cut connections,
//! forgotten states, documents restored from an older copy, read-only spells. After the last
//! reconnect all have the same changes, after a bounded number of messages.
//!
//! `SEED=n` replays one run, `ITERATIONS=n` sets how many there are.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

#[path = "session_support/peers.rs"]
mod peers;

use std::collections::VecDeque;

use peers::{Automerge, Kind, Peer, Random, Rejoin};

/// One direction of a connection.
struct Wire {
    from: usize,
    from_link: usize,
    to: usize,
    to_link: usize,
    under_way: VecDeque<Vec<u8>>,
}

struct Network {
    peers: Vec<Peer>,
    /// Two for each connection, next to each other.
    wires: Vec<Wire>,
    edits: usize,
    /// An older copy of each peer.
    copies: Vec<Vec<u8>>,
}

impl Network {
    fn new(kinds: &[Kind], random: &mut Random) -> Self {
        let mut peers: Vec<_> =
            kinds.iter().enumerate().map(|(n, kind)| Peer::new(*kind, &[n as u8, 7])).collect();
        // Some start from the same document.
        let mut origin = Peer::new(Rejoin, b"origin");
        (0..random.below(40)).for_each(|n| origin.put("origin", n.to_string()));
        let changes = origin.changes();
        for peer in &mut peers {
            if random.chance(60) {
                peer.apply(&changes);
            }
        }
        let copies = vec![Vec::new(); kinds.len()];
        let mut network = Self { peers, wires: Vec::new(), edits: 0, copies };
        for from in 0..kinds.len() {
            for to in from + 1..kinds.len() {
                let (from_link, to_link) = (network.peers[from].open(), network.peers[to].open());
                network.wires.push(Wire {
                    from,
                    from_link,
                    to,
                    to_link,
                    under_way: VecDeque::new(),
                });
                network.wires.push(Wire {
                    from: to,
                    from_link: to_link,
                    to: from,
                    to_link: from_link,
                    under_way: VecDeque::new(),
                });
            }
        }
        network
    }

    fn edit(&mut self, random: &mut Random) {
        let peer = random.below(self.peers.len());
        for _ in 0..=random.below(4) {
            self.edits += 1;
            self.peers[peer].put(&format!("key {}", random.below(3)), self.edits.to_string());
        }
    }

    fn speak(&mut self, wire: usize) -> bool {
        let wire = &mut self.wires[wire];
        let message = self.peers[wire.from].generate(wire.from_link);
        let spoke = message.is_some();
        wire.under_way.extend(message);
        spoke
    }

    fn deliver(&mut self, wire: usize) -> bool {
        let wire = &mut self.wires[wire];
        let Some(message) = wire.under_way.pop_front() else { return false };
        self.peers[wire.to].receive(wire.to_link, &message);
        true
    }

    /// What is under way is lost, and both start from what they stored, or from nothing.
    fn cut(&mut self, wire: usize, random: &mut Random) {
        for wire in [wire & !1, wire | 1] {
            let wire = &mut self.wires[wire];
            wire.under_way.clear();
            match random.chance(25) {
                true => self.peers[wire.from].forget(wire.from_link),
                false => self.peers[wire.from].reconnect(wire.from_link),
            }
            if random.chance(50) {
                let other = self.peers[wire.to].kind();
                self.peers[wire.from].meet(wire.from_link, other);
            }
        }
    }

    /// A peer comes back as its older copy, with the sessions that it had stored, or as old ones.
    fn restore(&mut self, peer: usize, random: &mut Random) {
        self.edits += 1;
        let actor = [peer as u8, 8, (self.edits >> 8) as u8, self.edits as u8];
        let mut copy = Peer::load(self.peers[peer].kind(), &actor, &self.copies[peer]);
        copy.take_sessions(&self.peers[peer]);
        self.peers[peer] = copy;
        for wire in (0..self.wires.len()).step_by(2) {
            if self.wires[wire].from == peer || self.wires[wire].to == peer {
                self.cut(wire, random);
            }
        }
    }

    fn settle(&mut self) -> usize {
        let mut messages = 0;
        loop {
            let mut quiet = true;
            for wire in 0..self.wires.len() {
                if self.speak(wire) {
                    quiet = false;
                    messages += 1;
                    // Automerge repeats a message that asks to start over until it is answered.
                    let Wire { from, from_link, .. } = self.wires[wire];
                    let from = &mut self.peers[from];
                    assert!(from.kind() == Automerge || from.generate(from_link).is_none());
                }
            }
            for wire in 0..self.wires.len() {
                while self.deliver(wire) {}
            }
            if quiet {
                return messages;
            }
            assert!(messages < 4000, "a storm of messages");
        }
    }
}

fn run(seed: u64) {
    let random = &mut Random::new(seed);
    let kinds: &[Kind] = match random.below(4) {
        0 => &[Rejoin, Rejoin],
        1 => &[Rejoin, Automerge],
        2 => &[Rejoin, Rejoin, Rejoin],
        _ => &[Rejoin, Rejoin, Automerge],
    };
    let mut network = Network::new(kinds, random);
    for _ in 0..random.below(120) {
        let wire = random.below(network.wires.len());
        match random.below(23) {
            0..5 => network.edit(random),
            5..11 => {
                network.speak(wire);
            }
            11..18 => {
                network.deliver(wire);
            }
            18 => network.cut(wire, random),
            19 => {
                network.wires[wire].under_way.pop_front();
            }
            20 => {
                let peer = random.below(kinds.len());
                network.copies[peer] = network.peers[peer].save();
            }
            21 => network.restore(random.below(kinds.len()), random),
            _ => {
                let Wire { from, from_link, .. } = network.wires[wire];
                // Automerge's peers stay as they are: some of its versions lose changes here.
                if network.peers[from].kind() == Rejoin && random.chance(50) {
                    let read_only = random.chance(50);
                    network.peers[from].set_read_only(from_link, read_only);
                }
            }
        }
    }
    for wire in 0..network.wires.len() {
        let Wire { from, from_link, .. } = network.wires[wire];
        network.peers[from].set_read_only(from_link, false);
    }
    for wire in (0..network.wires.len()).step_by(2) {
        network.cut(wire, random);
    }
    network.settle();
    let heads = network.peers[0].heads();
    for peer in &mut network.peers {
        assert_eq!(peer.heads(), heads);
    }
    // A change then costs each connection a message and an acknowledgement, or two crossing.
    network.peers[0].put("last", "change");
    let messages = network.settle();
    let connections = network.wires.len() / 2;
    assert!(messages <= 6 * connections, "{messages} messages for one change");
    let heads = network.peers[0].heads();
    assert!(network.peers.iter_mut().all(|peer| peer.heads() == heads));
}

#[test]
fn random_networks_come_to_the_same_changes() {
    for seed in rejoin_seeds::seeds(1000) {
        run(seed);
    }
}
