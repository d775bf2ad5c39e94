//! What a session costs on the wire: the bars of two of our sessions, and beside Automerge with
//! Automerge in the same cases when only one side is ours.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

#[path = "session_support/peers.rs"]
mod peers;

use peers::{Automerge, Kind, PAIRS, Peer, Random, Rejoin, Traffic, sync, sync_in_turns};

/// Two peers far into a shared history.
#[derive(Clone, Copy, Debug)]
struct Case {
    /// Changes that only the one, and only the other, has.
    more: (usize, usize),
    /// Whether both kept the state of their last session.
    stored: bool,
}

/// Files of a history, and of what two people add to it.
struct Histories {
    shared: Vec<Vec<u8>>,
    a: Vec<Vec<u8>>,
    b: Vec<Vec<u8>>,
}

impl Histories {
    fn new(shared: usize, more: usize) -> Self {
        let shared = Self::write(b"\x01\x02\x03\x04", &[], shared);
        let a = Self::write(b"\xaa\xaa\xaa\xaa", &shared, more);
        let b = Self::write(b"\xbb\xbb\xbb\xbb", &shared, more);
        Self { shared, a, b }
    }

    /// What the actor adds.
    fn write(actor: &[u8], from: &[Vec<u8>], count: usize) -> Vec<Vec<u8>> {
        let mut peer = Peer::new(Rejoin, actor);
        peer.apply(from);
        (0..count).for_each(|n| peer.put("x", (n % 10).to_string()));
        peer.changes().split_off(from.len())
    }
}

fn run(case: Case, histories: &Histories, kinds: (Kind, Kind), in_turns: bool) -> Traffic {
    let (mut a, mut b) = (Peer::new(kinds.0, b"a"), Peer::new(kinds.1, b"b"));
    a.apply(&histories.shared);
    b.apply(&histories.shared);
    a.open();
    b.open();
    if case.stored {
        sync(&mut a, 0, &mut b, 0);
        a.reconnect(0);
        b.reconnect(0);
    }
    a.apply(&histories.a[..case.more.0]);
    b.apply(&histories.b[..case.more.1]);
    a.meet(0, kinds.1);
    b.meet(0, kinds.0);
    let traffic = match in_turns {
        true => sync_in_turns(&mut a, 0, &mut b, 0),
        false => sync(&mut a, 0, &mut b, 0),
    };
    assert_eq!(a.heads(), b.heads());
    traffic
}

#[test]
fn two_of_ours_stay_below_the_bars() {
    let histories = Histories::new(3000, 100);
    let bars = [
        (Case { more: (0, 0), stored: true }, 150),
        (Case { more: (0, 0), stored: false }, 1000),
        (Case { more: (100, 100), stored: true }, 2500),
        (Case { more: (100, 100), stored: false }, 10_000),
        (Case { more: (0, 1), stored: true }, 600),
        (Case { more: (1, 0), stored: false }, 1500),
    ];
    for (case, bytes) in bars {
        for in_turns in [true, false] {
            let traffic = run(case, &histories, (Rejoin, Rejoin), in_turns);
            println!("{case:?}, in turns {in_turns}: {traffic:?}");
            assert!(traffic.bytes <= bytes, "{case:?}, in turns {in_turns}: {traffic:?}");
        }
    }
}

/// Compares each case with Automerge on one side to Automerge on both.
fn assert_little_more(histories: &Histories, more: (usize, usize), stored: bool) {
    let case = Case { more, stored };
    for in_turns in [true, false] {
        let theirs = run(case, histories, (Automerge, Automerge), in_turns);
        for kinds in &PAIRS[1..] {
            let ours = run(case, histories, *kinds, in_turns);
            let bytes = theirs.bytes + (theirs.bytes / 20).max(200);
            let met = ours.messages <= theirs.messages + 1 && ours.bytes <= bytes;
            let shared = histories.shared.len();
            let what = format!("{shared} shared, {case:?}, {kinds:?}, in turns {in_turns}");
            assert!(met, "{what}: {ours:?} against {theirs:?}");
        }
    }
}

#[test]
fn with_automerge_it_costs_little_more_than_among_automerge() {
    let sides =
        [(0, 0), (0, 1), (1, 0), (1, 1), (100, 0), (0, 100), (100, 100), (0, 1500), (1500, 0)];
    for shared in [10, 300, 3000] {
        let histories = Histories::new(shared, 1500);
        for (more, stored) in sides.iter().flat_map(|more| [(*more, true), (*more, false)]) {
            assert_little_more(&histories, more, stored);
        }
    }
}

/// Five people write side by side, each on what it has heard of the others.
fn crossing_history(count: usize) -> Vec<Vec<u8>> {
    let mut people: Vec<_> = (1..=5u8).map(|n| Peer::new(Rejoin, &[n; 4])).collect();
    let random = &mut Random::new(5);
    let mut all: Vec<Vec<u8>> = Vec::new();
    let mut heard = [0; 5];
    for n in 0..count {
        let person = random.below(5);
        if random.chance(20) {
            people[person].apply(&all[heard[person]..]);
            heard[person] = all.len();
        }
        people[person].put("x", n.to_string());
        all.push(people[person].last_change());
    }
    all
}

#[test]
fn samples_find_what_is_common_in_a_history_of_many_branches() {
    let shared = crossing_history(4000);
    let [a, b] = [b"\xaa", b"\xbb"].map(|actor| Histories::write(actor, &shared, 100));
    let histories = Histories { shared, a, b };
    for more in [(100, 100), (100, 0), (0, 100), (1, 1)] {
        for in_turns in [true, false] {
            let case = Case { more, stored: false };
            let traffic = run(case, &histories, (Rejoin, Rejoin), in_turns);
            println!("{case:?}, in turns {in_turns}: {traffic:?}");
            assert!(traffic.bytes <= 10_000, "{case:?}, in turns {in_turns}: {traffic:?}");
        }
        assert_little_more(&histories, more, false);
    }
}
