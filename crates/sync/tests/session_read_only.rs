//! Sessions that ignore what comes in: the read-only scenarios of Automerge's own suite, between
//! two of our sessions and with Automerge 0.12 at either end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

#[path = "session_support/peers.rs"]
mod peers;

use peers::{Kind, PAIRS, Peer, Rejoin, sync};
use rejoin_sync::{Message, MessageFlags};

/// Two peers, each with a change of its own.
fn pair((a, b): (Kind, Kind)) -> (Peer, Peer) {
    let (mut a, mut b) = (Peer::new(a, b"\xab\xc1\x23"), Peer::new(b, b"\xde\xf4\x56"));
    a.put("from a", "hello");
    b.put("from b", "world");
    (a, b)
}

fn assert_silent(a: &mut Peer, b: &mut Peer) {
    assert_eq!(a.generate(0), None);
    assert_eq!(b.generate(0), None);
}

#[test]
fn a_read_only_side_gives_and_does_not_take() {
    for kinds in PAIRS {
        let (mut a, mut b) = pair(kinds);
        let before = a.heads();
        a.open_read_only();
        b.open();
        sync(&mut a, 0, &mut b, 0);
        assert!(b.has("from a") && b.has("from b"));
        assert_eq!(a.heads(), before);
        assert_silent(&mut a, &mut b);
    }
}

#[test]
fn an_empty_read_only_side_stays_empty() {
    for (a, b) in PAIRS {
        let (mut a, mut b) = (Peer::new(a, b"a"), Peer::new(b, b"b"));
        b.put("key", "value");
        a.open_read_only();
        b.open();
        sync(&mut a, 0, &mut b, 0);
        assert!(a.heads().is_empty());
        assert_silent(&mut a, &mut b);
    }
}

#[test]
fn two_read_only_sides_learn_heads_and_come_to_an_end() {
    for kinds in PAIRS {
        let (mut a, mut b) = pair(kinds);
        a.open_read_only();
        b.open_read_only();
        for round in 0..5 {
            a.put("a", round.to_string());
            b.put("b", round.to_string());
            let heads = (a.heads(), b.heads());
            sync(&mut a, 0, &mut b, 0);
            assert_eq!((a.heads(), b.heads()), heads);
            assert_eq!(a.their_heads(0), Some(heads.1));
            assert_eq!(b.their_heads(0), Some(heads.0));
            assert!(a.is_peer_read_only(0) && b.is_peer_read_only(0));
            assert_silent(&mut a, &mut b);
        }
    }
}

#[test]
fn later_changes_of_a_read_only_side_go_out() {
    for kinds in PAIRS {
        let (mut a, mut b) = pair(kinds);
        a.open_read_only();
        b.open();
        sync(&mut a, 0, &mut b, 0);
        for round in 0..3 {
            a.put(&format!("a {round}"), "new");
            b.put(&format!("b {round}"), "new");
            sync(&mut a, 0, &mut b, 0);
            assert!(b.has(&format!("a {round}")));
            assert!(!a.has(&format!("b {round}")));
        }
    }
}

#[test]
fn a_change_of_a_read_only_side_during_the_sync_goes_out() {
    for kinds in PAIRS {
        for _ in 0..50 {
            let (mut a, mut b) = pair(kinds);
            a.open_read_only();
            b.open();
            sync(&mut a, 0, &mut b, 0);
            b.put("x", "0");
            let message = b.generate(0).expect("new heads");
            a.receive(0, &message);
            a.put("y", "1");
            sync(&mut a, 0, &mut b, 0);
            assert!(b.has("y") && !a.has("x"));
        }
    }
}

#[test]
fn nothing_is_sent_to_a_read_only_side() {
    for kinds in PAIRS {
        let (mut a, mut b) = pair(kinds);
        a.open_read_only();
        b.open();
        let first = a.generate(0).expect("a first message");
        b.receive(0, &first);
        assert!(b.is_peer_read_only(0));
        let answer = b.generate(0).expect("an answer");
        assert!(Message::decode(&answer).unwrap().chunks.is_empty());
        a.receive(0, &answer);
        sync(&mut a, 0, &mut b, 0);
        assert!(!a.has("from b"));
        a.set_read_only(0, false);
        sync(&mut a, 0, &mut b, 0);
        assert!(a.has("from b"));
        assert_eq!(a.heads(), b.heads());
    }
}

#[test]
fn switching_on_and_off_brings_what_was_ignored() {
    for kinds in PAIRS {
        let (mut a, mut b) = pair(kinds);
        a.open_read_only();
        b.open();
        for round in 0..4 {
            let read_only = round % 2 == 0;
            a.set_read_only(0, read_only);
            a.put(&format!("a {round}"), "new");
            b.put(&format!("b {round}"), "new");
            sync(&mut a, 0, &mut b, 0);
            assert!(b.has(&format!("a {round}")));
            assert_eq!(a.has(&format!("b {round}")), !read_only);
            assert_eq!(b.is_peer_read_only(0), read_only);
        }
        assert_eq!(a.heads(), b.heads());
    }
}

#[test]
fn both_switch_to_writing_at_the_same_time() {
    for kinds in PAIRS {
        for edits_after in [false, true] {
            let (mut a, mut b) = pair(kinds);
            a.open_read_only();
            b.open_read_only();
            for round in 0..4 {
                a.put(&format!("a {round}"), "new");
                b.put(&format!("b {round}"), "new");
                sync(&mut a, 0, &mut b, 0);
            }
            a.set_read_only(0, false);
            b.set_read_only(0, false);
            if edits_after {
                a.put("a", "after");
                b.put("b", "after");
            }
            sync(&mut a, 0, &mut b, 0);
            assert_eq!(a.heads(), b.heads());
            assert!(a.has("b 0") && b.has("a 0"));
        }
    }
}

#[test]
fn a_switch_is_told_even_while_an_answer_is_awaited() {
    for kinds in PAIRS {
        let (mut a, mut b) = pair(kinds);
        a.open();
        b.open();
        sync(&mut a, 0, &mut b, 0);
        b.put("secret", "new");
        let message = b.generate(0).expect("a new change");
        a.receive(0, &message);
        a.generate(0).expect("an answer");
        a.set_read_only(0, true);
        let told = a.generate(0).expect("the switch");
        let flags = Message::decode(&told).unwrap().flags.unwrap();
        assert!(flags.contains(MessageFlags::READ_ONLY));
        a.set_read_only(0, false);
        let told = a.generate(0).expect("the switch back");
        let flags = Message::decode(&told).unwrap().flags.unwrap();
        assert!(flags.contains(MessageFlags::SYNC_RESET));
        assert!(!flags.contains(MessageFlags::READ_ONLY));
    }
}

#[test]
fn a_peer_that_does_not_know_the_reset_flag_is_shown_empty_heads() {
    let (mut a, mut b) = pair((Rejoin, Rejoin));
    a.open_read_only();
    b.open();
    let strip = |message: Vec<u8>| {
        let mut message = Message::decode(&message).unwrap();
        message.flags = None;
        message.encode()
    };
    for _ in 0..5 {
        if let Some(message) = a.generate(0) {
            b.receive(0, &strip(message));
        }
        if let Some(message) = b.generate(0) {
            a.receive(0, &strip(message));
        }
    }
    assert!(b.has("from a") && !a.has("from b"));
    a.set_read_only(0, false);
    let told = Message::decode(&a.generate(0).expect("the switch")).unwrap();
    assert!(told.heads.is_empty());
    b.receive(0, &strip(told.encode()));
    for _ in 0..5 {
        if let Some(message) = b.generate(0) {
            a.receive(0, &strip(message));
        }
        if let Some(message) = a.generate(0) {
            b.receive(0, &strip(message));
        }
    }
    assert!(a.has("from b"));
    assert_eq!(a.heads(), b.heads());
}

#[test]
fn a_publisher_serves_several_and_stays_as_it_is() {
    for (publisher, other) in PAIRS {
        let mut publisher = Peer::new(publisher, b"p");
        publisher.put("news", "1");
        let mut others: Vec<_> = (0..3).map(|n| Peer::new(other, &[n])).collect();
        for (link, other) in others.iter_mut().enumerate() {
            other.put("own", link.to_string());
            publisher.open_read_only();
            other.open();
            sync(&mut publisher, link, other, 0);
        }
        publisher.put("more news", "2");
        let heads = publisher.heads();
        for (link, other) in others.iter_mut().enumerate() {
            sync(&mut publisher, link, other, 0);
            assert!(other.has("news") && other.has("more news"));
        }
        assert_eq!(publisher.heads(), heads);
        assert!(!publisher.has("own"));
    }
}

#[test]
fn what_a_read_only_side_gave_to_one_is_known_to_the_next() {
    for (r, other) in PAIRS {
        let mut r = Peer::new(r, b"\xaa");
        let (mut a, mut b) = (Peer::new(other, b"\xbb"), Peer::new(other, b"\xcc"));
        for n in 0..10 {
            r.put("counter", n.to_string());
        }
        a.put("from a", "value");
        let (r_a, a_r) = (r.open_read_only(), a.open());
        sync(&mut r, r_a, &mut a, a_r);
        let (a_b, b_a) = (a.open(), b.open());
        sync(&mut a, a_b, &mut b, b_a);
        assert!(b.has("counter") && b.has("from a"));
        let (r_b, b_r) = (r.open_read_only(), b.open());
        sync(&mut r, r_b, &mut b, b_r);
        assert!(!r.has("from a"));
        r.put("again", "new");
        sync(&mut r, r_a, &mut a, a_r);
        sync(&mut r, r_b, &mut b, b_r);
        assert!(a.has("again") && b.has("again"));
    }
}
