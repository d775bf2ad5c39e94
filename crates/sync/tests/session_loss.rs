//! Lost messages, lost changes, lost states: what a connection, a disk and a backup do to a session.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

#[path = "session_support/peers.rs"]
mod peers;

use peers::{Automerge, Kind, PAIRS, Peer, Rejoin, sync};
use rejoin_document::{ActorId, CommitOptions, Document, ObjId, ObjType, PatchLog, TextUnit};
use rejoin_sync::{Message, Received, State, receive_sync_message};

/// Two peers in sync.
fn pair((a, b): (Kind, Kind), changes: usize) -> (Peer, Peer) {
    let (mut a, mut b) = (Peer::new(a, b"\xab\xc1\x23"), Peer::new(b, b"\xde\xf4\x56"));
    a.open();
    b.open();
    for n in 0..changes {
        a.put("x", n.to_string());
    }
    sync(&mut a, 0, &mut b, 0);
    (a, b)
}

fn reconnect(a: &mut Peer, b: &mut Peer) {
    a.reconnect(0);
    b.reconnect(0);
}

fn assert_in_sync(a: &mut Peer, b: &mut Peer) {
    assert_eq!(a.heads(), b.heads());
    assert_eq!(a.generate(0), None);
    assert_eq!(b.generate(0), None);
}

#[test]
fn a_lost_message_is_made_good_by_the_next_change() {
    // Two Automerge peers exchange messages for ever from here (automerge#772, #1284), because the
    // one does not believe that the other lacks what it sent.
    for lost in [1, 2, 30] {
        let (mut a, mut b) = pair((Rejoin, Rejoin), 3);
        for n in 0..lost {
            a.put("lost", n.to_string());
            a.generate(0).expect("a message that never arrives");
        }
        assert_eq!(a.generate(0), None);
        a.put("x", "next");
        let traffic = sync(&mut a, 0, &mut b, 0);
        assert_in_sync(&mut a, &mut b);
        assert!(traffic.messages <= 12, "{traffic:?} after {lost} lost messages");
    }
}

#[test]
fn a_lost_message_to_or_from_automerge_is_made_good_too() {
    for kinds in [(Rejoin, Automerge), (Automerge, Rejoin)] {
        let (mut a, mut b) = pair(kinds, 3);
        a.put("lost", "1");
        a.generate(0).expect("a message that never arrives");
        a.put("x", "next");
        sync(&mut a, 0, &mut b, 0);
        assert_in_sync(&mut a, &mut b);
    }
}

#[test]
fn a_lost_acknowledgement_costs_nothing() {
    for kinds in PAIRS {
        let (mut a, mut b) = pair(kinds, 3);
        a.put("x", "new");
        let message = a.generate(0).unwrap();
        b.receive(0, &message);
        b.generate(0).expect("an acknowledgement that never arrives");
        a.put("x", "newer");
        sync(&mut a, 0, &mut b, 0);
        assert_in_sync(&mut a, &mut b);
    }
}

#[test]
fn a_connection_that_ends_anywhere_is_taken_up_again() {
    for kinds in PAIRS {
        for cut in 0..8 {
            let (mut a, mut b) = pair(kinds, 5);
            for n in 0..20 {
                a.put("a", n.to_string());
                b.put("b", n.to_string());
            }
            reconnect(&mut a, &mut b);
            // The last message of those is lost with the connection.
            for turn in 0..=cut {
                let to_b = a.generate(0);
                if let Some(message) = to_b.filter(|_| turn * 2 < cut) {
                    b.receive(0, &message);
                }
                let to_a = b.generate(0);
                if let Some(message) = to_a.filter(|_| turn * 2 + 1 < cut) {
                    a.receive(0, &message);
                }
            }
            reconnect(&mut a, &mut b);
            sync(&mut a, 0, &mut b, 0);
            assert_in_sync(&mut a, &mut b);
        }
    }
}

#[test]
fn one_side_forgets_the_session() {
    for kinds in PAIRS {
        for forgetful in [true, false] {
            let (mut a, mut b) = pair(kinds, 30);
            a.put("a", "new");
            b.put("b", "new");
            a.reconnect(0);
            b.reconnect(0);
            if forgetful {
                a.forget(0)
            } else {
                b.forget(0)
            }
            sync(&mut a, 0, &mut b, 0);
            assert_in_sync(&mut a, &mut b);
        }
    }
}

#[test]
fn one_side_loses_everything_and_its_session() {
    for kinds in PAIRS {
        let (mut a, mut b) = pair(kinds, 30);
        let kept = b.kind();
        a.reconnect(0);
        b = Peer::new(kept, b"\x99");
        b.open();
        sync(&mut a, 0, &mut b, 0);
        assert_in_sync(&mut a, &mut b);
        assert!(b.has("x"));
    }
}

#[test]
fn one_side_comes_back_as_an_older_copy() {
    // The stored session may be as old as the copy, or newer than it, and the copy may have been
    // written to.
    for kinds in PAIRS {
        for session_is_newer in [false, true] {
            for edited in [false, true] {
                let (mut a, mut b) = pair(kinds, 30);
                let mut copy = b.fork(b"\x77");
                copy.open();
                for n in 0..20 {
                    a.put("later", n.to_string());
                }
                sync(&mut a, 0, &mut b, 0);
                if session_is_newer {
                    copy.take_sessions(&b);
                }
                if edited {
                    copy.put("edited", "in the copy");
                    a.put("edited", "in a");
                }
                a.reconnect(0);
                copy.reconnect(0);
                sync(&mut a, 0, &mut copy, 0);
                assert_in_sync(&mut a, &mut copy);
                assert!(copy.has("later"));
            }
        }
    }
}

#[test]
fn both_come_back_as_older_copies() {
    for kinds in PAIRS {
        let (mut a, mut b) = pair(kinds, 10);
        let (mut old_a, mut old_b) = (a.fork(b"\x01"), b.fork(b"\x02"));
        for n in 0..10 {
            a.put("lost a", n.to_string());
            b.put("lost b", n.to_string());
        }
        sync(&mut a, 0, &mut b, 0);
        old_a.take_sessions(&a);
        old_b.take_sessions(&b);
        old_a.put("new", "a");
        old_b.put("new", "b");
        old_a.reconnect(0);
        old_b.reconnect(0);
        sync(&mut old_a, 0, &mut old_b, 0);
        assert_in_sync(&mut old_a, &mut old_b);
    }
}

#[test]
fn a_stored_state_that_is_ahead_of_its_document_is_cut_back() {
    let (mut a, _) = pair((Rejoin, Rejoin), 5);
    let ahead = [0x43, 1].into_iter().chain([0xee; 32]).collect::<Vec<_>>();
    let Peer::Rejoin { states, .. } = &mut a else { unreachable!() };
    states[0] = State::decode(&ahead).unwrap();
    let first = Message::decode(&a.generate(0).unwrap()).unwrap();
    assert!(first.have[0].last_sync.is_empty());
    assert!(a.shared_heads(0).is_empty());
}

#[test]
fn changes_that_came_without_their_past_are_completed() {
    // Somebody else brought the last change only; what it needs is asked from whoever has it.
    for kinds in PAIRS {
        let (mut a, mut b) = pair(kinds, 3);
        for n in 0..40 {
            a.put("x", n.to_string());
        }
        let last = a.changes().pop().expect("changes");
        b.apply(&[last]);
        sync(&mut a, 0, &mut b, 0);
        assert_in_sync(&mut a, &mut b);
    }
}

#[test]
fn a_hole_that_nobody_can_fill_does_not_stop_the_rest() {
    // An orphan from elsewhere waits in b; its past is nowhere. Everything else goes on.
    for kinds in PAIRS {
        let (mut a, mut b) = pair(kinds, 3);
        let mut elsewhere = Peer::new(Rejoin, b"\x55");
        elsewhere.put("far", "1");
        elsewhere.put("far", "2");
        b.apply(&[elsewhere.changes().pop().expect("changes")]);
        for n in 0..5 {
            a.put("a", n.to_string());
            b.put("b", n.to_string());
            sync(&mut a, 0, &mut b, 0);
            assert_in_sync(&mut a, &mut b);
        }
    }
}

#[test]
fn changes_that_one_side_refuses_do_not_stop_the_rest() {
    // Two programs continued one actor: each refuses what the other wrote under the same number.
    let mut a = Peer::new(Rejoin, b"same");
    let mut b = Peer::new(Rejoin, b"same");
    a.open();
    b.open();
    a.put("x", "a");
    b.put("x", "b");
    for (peer, name) in [(&mut a, "from a"), (&mut b, "from b")] {
        let mut other = Peer::new(Rejoin, name.as_bytes());
        other.put(name, "1");
        peer.apply(&other.changes());
    }
    let traffic = sync(&mut a, 0, &mut b, 0);
    assert!(traffic.messages < 12, "{traffic:?}");
    assert!(a.has("from b") && b.has("from a"));
    assert_ne!(a.heads(), b.heads());
    let Peer::Rejoin { doc, .. } = &a else { unreachable!() };
    assert_eq!(doc.refused().len(), 1);
    // And on it goes, with those changes that do not build on a refused one.
    let mut other = Peer::new(Rejoin, b"other");
    other.put("later", "1");
    a.apply(&other.changes());
    sync(&mut a, 0, &mut b, 0);
    assert!(b.has("later"));
}

#[test]
fn a_refused_change_that_comes_to_fit_is_no_refusal_less() {
    let write = |doc: &mut Document, actor: u8, at: usize, text: &str| {
        let object = doc.view().get(ObjId::ROOT, "text").unwrap().unwrap().as_object().unwrap();
        let mut transaction = doc.transaction(&ActorId::new(&[actor]));
        transaction.splice_text(object, at, 0, text, TextUnit::CodePoint).unwrap();
        let hash = transaction.commit(CommitOptions::default()).unwrap();
        doc.change(&hash).unwrap()
    };
    let mut doc = Document::new();
    let mut transaction = doc.transaction(&ActorId::new(&[1]));
    transaction.put_object(ObjId::ROOT, "text", ObjType::Text).unwrap();
    let base = transaction.commit(CommitOptions::default()).unwrap();
    let mut other = doc.fork();
    let unseen = write(&mut other, 2, 0, "a");
    let honest = write(&mut other, 3, 1, "b");
    // It says that it has not seen what it was typed behind.
    let mut said = automerge::Change::from_bytes(honest.bytes().to_vec()).unwrap().decode();
    said.deps = vec![automerge::ChangeHash(base.0)];
    said.hash = None;
    let forged = automerge::Change::from(said);

    let mut state = State::new();
    let mut receive = |bytes: &[u8]| {
        let empty = Message::decode(&[0x42, 0, 0, 0, 0]).unwrap();
        let message = Message { chunks: vec![bytes.to_vec()], ..empty };
        receive_sync_message(&mut doc, &mut state, message, &mut PatchLog::inactive()).unwrap()
    };
    assert_eq!(receive(forged.raw_bytes()), Received { refused: 1, ..Received::default() });
    assert_eq!(receive(unseen.bytes()), Received { changes: 2, ..Received::default() });
}
