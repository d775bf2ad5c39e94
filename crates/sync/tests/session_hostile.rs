//! Messages that no honest peer writes: every one gives an error or is taken, and neither panics
//! nor changes a document by what it refuses.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

#[path = "session_support/peers.rs"]
mod peers;

use peers::{Automerge, Peer, Random, Rejoin, sync};
use rejoin_document::{ActorId, ChangeHash, CommitOptions, Document, ObjId, PatchLog};
use rejoin_sync::{
    BloomFilter, Extensions, Have, Message, MessageFlags, MessageVersion, State,
    generate_sync_message, receive_sync_message,
};

fn document() -> Peer {
    let mut peer = Peer::new(Rejoin, b"victim");
    for n in 0..40 {
        peer.put("x", n.to_string());
    }
    peer.open();
    peer
}

/// Messages of a real session.
fn messages() -> Vec<Vec<u8>> {
    let (mut a, mut b) = (document(), Peer::new(Rejoin, b"other"));
    b.open();
    (0..30).for_each(|n| b.put("y", n.to_string()));
    let mut messages = Vec::new();
    for _ in 0..4 {
        if let Some(message) = a.generate(0) {
            b.receive(0, &message);
            messages.push(message);
        }
        if let Some(message) = b.generate(0) {
            a.receive(0, &message);
            messages.push(message);
        }
    }
    messages
}

/// Takes the message, if it is one, and answers it.
fn take(victim: &Peer, bytes: &[u8]) {
    let Peer::Rejoin { mut doc, mut states, .. } = victim.clone() else { unreachable!() };
    let Ok(message) = Message::decode(bytes) else { return };
    let heads = doc.heads().to_vec();
    let state = &mut states[0];
    let before = state.clone();
    match receive_sync_message(&mut doc, state, message, &mut PatchLog::inactive()) {
        Ok(_) => {
            for _ in 0..3 {
                generate_sync_message(&doc, state);
            }
        }
        Err(_) => {
            assert_eq!(doc.heads(), heads);
            assert_eq!(*state, before);
        }
    }
}

#[test]
fn mutated_messages_do_no_harm() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("SEED={seed}");
    let random = &mut Random::new(seed);
    let victim = document();
    for message in messages() {
        for _ in 0..400 {
            let mut bytes = message.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len());
                match random.below(4) {
                    0 => bytes[at] = random.below(256) as u8,
                    1 => bytes[at] ^= 1 << random.below(8),
                    2 => bytes.truncate(at.max(1)),
                    _ => bytes.insert(at, random.below(256) as u8),
                }
            }
            take(&victim, &bytes);
        }
    }
}

#[test]
fn large_claims_cost_little() {
    let victim = document();
    let hashes: Vec<_> = (0..20_000u32)
        .map(|n| {
            let mut hash = [0x5a; 32];
            hash[..4].copy_from_slice(&n.to_le_bytes());
            ChangeHash(hash)
        })
        .collect();
    let message = Message {
        version: MessageVersion::V2,
        heads: hashes.clone(),
        need: hashes.clone(),
        have: vec![Have { last_sync: hashes.clone(), bloom: BloomFilter::default() }; 3],
        chunks: vec![],
        flags: Some(MessageFlags::new(MessageFlags::SUPPORTS_SYNC_RESET, Extensions::OURS)),
    };
    take(&victim, &message.encode());
}

#[test]
fn a_flood_of_needs_is_answered_once_each() {
    let mut victim = document();
    let Peer::Rejoin { doc, states, .. } = &mut victim else { unreachable!() };
    let need = doc.hashes_since(&[]);
    let asks = Message {
        version: MessageVersion::V2,
        heads: doc.heads().to_vec(),
        need,
        have: vec![],
        chunks: vec![],
        flags: Some(MessageFlags::new(0, Extensions::NONE)),
    };
    let mut sizes = Vec::new();
    for _ in 0..10 {
        receive_sync_message(doc, &mut states[0], asks.clone(), &mut PatchLog::inactive()).unwrap();
        sizes.push(
            generate_sync_message(doc, &mut states[0]).map_or(0, |message| message.encode().len()),
        );
        assert_eq!(generate_sync_message(doc, &mut states[0]), None);
    }
    assert!(sizes.iter().all(|size| *size < 20_000), "{sizes:?}");
}

#[test]
fn a_session_with_a_liar_does_not_hinder_the_next_one() {
    let mut victim = document();
    let mut honest = Peer::new(Rejoin, b"honest");
    honest.open();
    let everything = BloomFilter::from_hashes([].into_iter());
    let lies = Message {
        version: MessageVersion::V2,
        heads: vec![ChangeHash([9; 32])],
        need: vec![ChangeHash([8; 32])],
        have: vec![Have { last_sync: vec![ChangeHash([7; 32])], bloom: everything }],
        chunks: vec![],
        flags: None,
    };
    let liar = victim.open();
    let Peer::Rejoin { doc, states, .. } = &mut victim else { unreachable!() };
    for _ in 0..5 {
        receive_sync_message(doc, &mut states[liar], lies.clone(), &mut PatchLog::inactive())
            .unwrap();
        generate_sync_message(doc, &mut states[liar]);
    }
    assert_eq!(generate_sync_message(doc, &mut states[liar]), None, "nothing is asked for ever");
    assert!(State::decode(&states[liar].encode()).is_ok());
    sync(&mut victim, 0, &mut honest, 0);
    assert_eq!(victim.heads(), honest.heads());
}

/// How much a server keeps of what waits.
const LIMIT: usize = 16 << 10;

/// A stranger sends changes that wait for ever, until nothing else is left of what may wait.
fn flood(doc: &mut Document, state: &mut State, number: u32) {
    for actor in 0..32 {
        let mut other = Document::new();
        for value in 0..2 {
            let name = [number.to_be_bytes(), [actor; 4]].concat();
            let mut transaction = other.transaction(&ActorId::new(&name));
            transaction.put(ObjId::ROOT, "x", value).unwrap();
            transaction.commit(CommitOptions::default()).unwrap();
        }
        let head = other.heads()[0];
        let empty = Message::decode(&[0x43, 0, 0, 0, 0]).unwrap();
        let chunks = vec![other.change(&head).unwrap().bytes().to_vec()];
        let message = Message { heads: vec![head], chunks, ..empty };
        receive_sync_message(doc, state, message, &mut PatchLog::inactive()).unwrap();
        assert!(doc.set_aside_bytes() <= LIMIT);
    }
}

#[test]
fn an_honest_peer_is_heard_beside_one_that_fills_what_may_wait() {
    for kind in [Rejoin, Automerge] {
        let mut good = Peer::new(kind, b"good");
        (0..200).for_each(|number| good.put("y", number.to_string()));
        good.open();
        let log = &mut PatchLog::inactive();
        let mut server = Document::new();
        let (mut with_good, mut with_stranger) = (State::new(), State::new());
        with_good.set_max_set_aside(LIMIT);
        with_stranger.set_max_set_aside(LIMIT);
        let first = generate_sync_message(&server, &mut with_good).unwrap();
        good.receive(0, &first.encode());
        let mut answer = Message::decode(&good.generate(0).unwrap()).unwrap();
        // The first change is missing, and the others are far more than may wait. The last one of
        // them is last.
        answer.chunks = good.changes()[1..].to_vec();
        answer.version = MessageVersion::V2;
        let received = receive_sync_message(&mut server, &mut with_good, answer, log).unwrap();
        assert!(received.dropped > 100, "{received:?}");
        assert_eq!(server.change_count(), 0);
        let mut rounds = 0;
        while server.heads() != good.heads() {
            flood(&mut server, &mut with_stranger, rounds);
            rounds += 1;
            assert!(rounds < 12, "{kind:?}: {} of 200 changes", server.change_count());
            if let Some(message) = generate_sync_message(&server, &mut with_good) {
                good.receive(0, &message.encode());
            }
            if let Some(message) = good.generate(0) {
                let message = Message::decode(&message).unwrap();
                receive_sync_message(&mut server, &mut with_good, message, log).unwrap();
            }
        }
        println!("{kind:?}: {rounds} rounds");
    }
}

#[test]
fn what_is_dropped_as_often_as_it_comes_is_not_asked_for_without_end() {
    // Two programs continued one actor: what the other wrote never fits, and is more than may wait.
    let mut here = Peer::new(Rejoin, b"same");
    let mut there = Peer::new(Rejoin, b"same");
    here.put("x", "here");
    (0..500).for_each(|number| there.put("x", number.to_string()));
    for peer in [&mut here, &mut there] {
        peer.open();
        let Peer::Rejoin { states, .. } = peer else { unreachable!() };
        states[0].set_max_set_aside(LIMIT);
    }
    let traffic = sync(&mut here, 0, &mut there, 0);
    assert!(traffic.messages < 60, "{traffic:?}");
    let Peer::Rejoin { doc, .. } = &here else { unreachable!() };
    assert!(doc.set_aside_bytes() <= LIMIT + LIMIT / 16);
}
