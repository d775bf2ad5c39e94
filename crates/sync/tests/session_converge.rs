//! The scenarios of Automerge's own sync suite, between two of our sessions and with Automerge 0.12
//! at either end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

#[path = "session_support/peers.rs"]
mod peers;

use peers::{Automerge, PAIRS, Peer, Rejoin, is_false_positive, sync, sync_in_turns};
use rejoin_sync::{Message, MessageVersion};

/// Two peers of one document, each with a session for the other.
fn pair((a, b): (peers::Kind, peers::Kind)) -> (Peer, Peer) {
    let (mut a, mut b) = (Peer::new(a, b"\xab\xc1\x23"), Peer::new(b, b"\xde\xf4\x56"));
    a.open();
    b.open();
    (a, b)
}

fn assert_in_sync(a: &mut Peer, b: &mut Peer) {
    assert_eq!(a.heads(), b.heads());
    assert_eq!(a.generate(0), None);
    assert_eq!(b.generate(0), None);
}

#[test]
fn a_second_generate_has_nothing_to_say() {
    let mut a = Peer::new(Rejoin, b"a");
    a.open();
    a.put("key", "value");
    assert!(a.generate(0).is_some());
    assert_eq!(a.generate(0), None);
}

#[test]
fn the_first_message_is_answered_even_with_equal_documents() {
    for kinds in PAIRS {
        let (mut a, mut b) = pair(kinds);
        a.put("key", "value");
        b.apply(&a.changes());
        let first = a.generate(0).expect("a first message");
        b.receive(0, &first);
        let answer = b.generate(0).expect("an answer that tells the heads");
        a.receive(0, &answer);
        assert_eq!(a.their_heads(0), Some(b.heads()));
        assert_in_sync(&mut a, &mut b);
    }
}

#[test]
fn empty_documents_are_silent_after_one_round() {
    for kinds in PAIRS {
        let (mut a, mut b) = pair(kinds);
        let first = a.generate(0).expect("a first message");
        b.receive(0, &first);
        let answer = b.generate(0).expect("a first answer");
        a.receive(0, &answer);
        assert_in_sync(&mut a, &mut b);
    }
}

#[test]
fn an_empty_peer_is_sent_the_whole_document() {
    for (kind, document_chunk) in [(Rejoin, true), (Automerge, true)] {
        let mut empty = Peer::new(kind, b"e");
        let mut full = Peer::new(Rejoin, b"f");
        empty.open();
        full.open();
        for n in 0..50 {
            full.put("key", n.to_string());
        }
        let first = empty.generate(0).expect("a first message");
        full.receive(0, &first);
        let answer = Message::decode(&full.generate(0).expect("the document")).unwrap();
        assert_eq!(answer.version, MessageVersion::V2);
        assert_eq!(answer.chunks.len(), 1);
        assert_eq!(answer.chunks[0][8] == 0, document_chunk, "the type of a document chunk");
        empty.receive(0, &answer.encode());
        sync(&mut empty, 0, &mut full, 0);
        assert_in_sync(&mut empty, &mut full);
    }
}

#[test]
fn both_may_speak_at_the_same_time() {
    for kinds in PAIRS {
        let (mut a, mut b) = pair(kinds);
        for n in 0..5 {
            a.put("x", n.to_string());
            b.put("y", n.to_string());
        }
        let mut heads = [a.heads(), b.heads()].concat();
        heads.sort_unstable();
        let (to_b, to_a) = (a.generate(0).unwrap(), b.generate(0).unwrap());
        for message in [&to_a, &to_b] {
            assert!(Message::decode(message).unwrap().chunks.is_empty());
        }
        a.receive(0, &to_a);
        b.receive(0, &to_b);
        let (to_b, to_a) = (a.generate(0).unwrap(), b.generate(0).unwrap());
        for message in [&to_a, &to_b] {
            assert!(!Message::decode(message).unwrap().chunks.is_empty());
        }
        a.receive(0, &to_a);
        b.receive(0, &to_b);
        sync(&mut a, 0, &mut b, 0);
        assert_eq!(a.heads(), heads);
        assert_in_sync(&mut a, &mut b);
        assert_eq!(a.shared_heads(0), b.shared_heads(0));
        assert_eq!(a.shared_heads(0), heads);
    }
}

#[test]
fn everything_arrives_in_turns_and_at_once_from_every_start() {
    // How many changes both have, and how many more each of them.
    let starts = [(0, 3, 0), (0, 0, 3), (1, 0, 0), (1, 1, 1), (5, 0, 40), (5, 40, 0), (70, 1, 30)];
    for kinds in PAIRS {
        for (shared, more_a, more_b) in starts {
            for in_turns in [false, true] {
                for met in [false, true] {
                    let (mut a, mut b) = pair(kinds);
                    for n in 0..shared {
                        a.put("shared", n.to_string());
                    }
                    b.apply(&a.changes());
                    (0..more_a).for_each(|n: i32| a.put("a", n.to_string()));
                    (0..more_b).for_each(|n: i32| b.put("b", n.to_string()));
                    if met {
                        a.meet(0, b.kind());
                        b.meet(0, a.kind());
                    }
                    match in_turns {
                        true => sync_in_turns(&mut a, 0, &mut b, 0),
                        false => sync(&mut a, 0, &mut b, 0),
                    };
                    assert_in_sync(&mut a, &mut b);
                }
            }
        }
    }
}

#[test]
fn a_head_that_is_a_false_positive_arrives() {
    // Both add one change to the same history, and b's seems to be in the filter that holds a's.
    for kinds in PAIRS {
        let (mut a, mut b) = pair(kinds);
        for n in 0..10 {
            a.put("x", n.to_string());
        }
        sync(&mut a, 0, &mut b, 0);
        let (mut a_next, mut b_next) = (0..)
            .map(|n| {
                let mut a_next = a.fork(b"\x01\x23\x45\x67");
                let mut b_next = b.fork(b"\x89\xab\xcd\xef");
                a_next.put("x", format!("{n} @ n1"));
                b_next.put("x", format!("{n} @ n2"));
                (a_next, b_next)
            })
            .find_map(|(mut a, mut b)| {
                is_false_positive(&a.heads(), &b.heads()[0]).then_some((a, b))
            })
            .expect("one in a hundred");
        // The sessions of the forks start from what the originals stored.
        let mut heads = [a_next.heads(), b_next.heads()].concat();
        heads.sort_unstable();
        move_session(&a, &mut a_next);
        move_session(&b, &mut b_next);
        sync(&mut a_next, 0, &mut b_next, 0);
        assert_eq!(a_next.heads(), heads);
        assert_in_sync(&mut a_next, &mut b_next);
    }
}

#[test]
fn a_chain_of_false_positives_arrives() {
    // a adds one change; b adds three, of which the first two seem to be in the filter of a's.
    for kinds in PAIRS {
        let (mut a, mut b) = pair(kinds);
        for n in 0..10 {
            a.put("x", n.to_string());
        }
        sync(&mut a, 0, &mut b, 0);
        a.put("x", "5");
        let mut chain = b.fork(b"\x89\xab\xcd\xef");
        for link in 0..2 {
            chain = (0..)
                .map(|n| {
                    let mut next = chain.clone();
                    next.put("x", format!("{n} in link {link}"));
                    next
                })
                .find_map(|mut next| {
                    is_false_positive(&a.heads(), &next.heads()[0]).then_some(next)
                })
                .expect("one in a hundred");
        }
        chain.put("x", "final");
        let mut heads = [a.heads(), chain.heads()].concat();
        heads.sort_unstable();
        move_session(&b, &mut chain);
        a.reconnect(0);
        sync(&mut a, 0, &mut chain, 0);
        assert_eq!(a.heads(), heads);
        assert_in_sync(&mut a, &mut chain);
    }
}

/// The next connection of `to` starts from what `from` stored.
fn move_session(from: &Peer, to: &mut Peer) {
    to.take_sessions(from);
    to.reconnect(0);
}

#[test]
fn branches_that_cross_all_the_time_and_a_late_one_arrive() {
    for kinds in PAIRS {
        let (mut a, mut b) = pair(kinds);
        a.put("x", "0");
        let start = a.changes();
        b.apply(&start);
        let mut c = Peer::load(Rejoin, b"\xfe\xdc", &start.concat());
        c.put("x", "1");
        for n in 1..20 {
            a.put("n1", n.to_string());
            b.put("n2", n.to_string());
            let (from_a, from_b) = (a.changes(), b.changes());
            a.apply(&from_b);
            b.apply(&from_a);
        }
        sync(&mut a, 0, &mut b, 0);
        // Its change is concurrent to everything that was shared last.
        b.apply(&c.changes());
        a.put("n1", "final");
        b.put("n2", "final");
        sync(&mut a, 0, &mut b, 0);
        assert_in_sync(&mut a, &mut b);
    }
}

#[test]
fn a_change_made_while_a_message_is_under_way_is_not_lost() {
    // Both once had nothing to say although the documents differed (automerge#702).
    for kinds in PAIRS {
        for round in 0..100 {
            let (mut a, mut b) = pair(kinds);
            sync(&mut a, 0, &mut b, 0);
            b.put("x", format!("b {round}"));
            let message = b.generate(0).expect("a new change");
            a.receive(0, &message);
            a.put("x", format!("a {round}"));
            sync(&mut a, 0, &mut b, 0);
            assert_in_sync(&mut a, &mut b);
        }
    }
}

#[test]
fn live_edits_go_out_at_once_and_once() {
    for kinds in PAIRS {
        let (mut a, mut b) = pair(kinds);
        a.put("x", "0");
        sync(&mut a, 0, &mut b, 0);
        for n in 0..30 {
            // Three edits before the first is acknowledged.
            let messages: Vec<_> = (0..3)
                .map(|edit| {
                    a.put("x", format!("{n} {edit}"));
                    a.generate(0).expect("a new change")
                })
                .collect();
            for message in &messages {
                assert!(message.len() < 400, "{} bytes", message.len());
                b.receive(0, message);
            }
            assert_eq!(a.heads(), b.heads());
        }
        sync(&mut a, 0, &mut b, 0);
        assert_in_sync(&mut a, &mut b);
    }
}

#[test]
fn changes_reach_a_third_peer_by_two_ways() {
    for (a, b) in PAIRS {
        for c in [Rejoin, Automerge] {
            let mut peers = [Peer::new(a, b"a"), Peer::new(b, b"b"), Peer::new(c, b"c")];
            for peer in &mut peers {
                peer.open();
                peer.open();
            }
            let mut links = [(0, 0, 1, 0), (1, 1, 2, 0), (2, 1, 0, 1)];
            for round in 0..6 {
                for (index, peer) in peers.iter_mut().enumerate() {
                    peer.put(&format!("from {index}"), round.to_string());
                }
                for (x, x_link, y, y_link) in links {
                    let [x, y] = peers.get_disjoint_mut([x, y]).expect("two peers");
                    sync(x, x_link, y, y_link);
                }
                links.rotate_left(1);
            }
            for _ in 0..2 {
                for (x, x_link, y, y_link) in links {
                    let [x, y] = peers.get_disjoint_mut([x, y]).expect("two peers");
                    sync(x, x_link, y, y_link);
                }
            }
            let heads = peers[0].heads();
            assert!(peers.iter_mut().all(|peer| peer.heads() == heads));
        }
    }
}

#[test]
fn a_peer_without_flags_is_spoken_to_in_version_1() {
    let (mut a, mut b) = (Peer::new(Rejoin, b"a"), Peer::new(Rejoin, b"b"));
    a.open();
    b.open();
    a.put("x", "1");
    a.put("x", "2");
    b.put("y", "1");
    // What an implementation of before the flags writes and can read.
    let strip = |message: Vec<u8>| {
        let mut message = Message::decode(&message).unwrap();
        assert_eq!(message.version, MessageVersion::V1);
        message.flags = None;
        message.encode()
    };
    for _ in 0..6 {
        if let Some(message) = a.generate(0) {
            b.receive(0, &strip(message));
        }
        if let Some(message) = b.generate(0) {
            a.receive(0, &strip(message));
        }
    }
    assert_in_sync(&mut a, &mut b);
}
