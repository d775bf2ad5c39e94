//! What the seed "Synchronization Protocol" shows, for whoever has both documents at hand.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use rejoin_document::{ActorId, ChangeHash, CommitOptions, Document, ObjId, PatchLog};
use rejoin_sync::{
    Imported, State, compare, export_changes, generate_sync_message, import_changes, merge,
    receive_sync_message, sync, sync_with,
};

fn put(doc: &mut Document, actor: &[u8], key: &str, value: &str) -> ChangeHash {
    let actor = ActorId::new(actor);
    let mut transaction = doc.transaction(&actor);
    transaction.put(ObjId::ROOT, key, value).unwrap();
    transaction.commit(CommitOptions::default()).unwrap()
}

fn has(doc: &Document, key: &str) -> bool {
    doc.view().get(ObjId::ROOT, key).unwrap().is_some()
}

/// A document with three changes, of which the first is common with every other one made here.
fn base() -> Document {
    let mut doc = Document::new();
    put(&mut doc, b"base", "v1", "first");
    doc
}

#[test]
fn sync_goes_both_ways_and_says_how_many_rounds_it_took() {
    let (mut a, mut b) = (Document::new(), Document::new());
    put(&mut a, b"a", "data1", "100");
    put(&mut b, b"b", "data2", "200");
    let rounds = sync(&mut a, &mut b).unwrap();
    assert!((1..=4).contains(&rounds), "{rounds} rounds");
    assert_eq!(a.heads(), b.heads());
    assert!(has(&a, "data2") && has(&b, "data1"));
    assert_eq!(sync(&mut a, &mut b).unwrap(), 1, "they tell each other that nothing is new");
}

#[test]
fn merge_goes_one_way() {
    let (mut target, mut source) = (Document::new(), Document::new());
    put(&mut target, b"t", "development", "yes");
    let new = put(&mut source, b"s", "version", "2.0");
    let before = source.heads().to_vec();
    let merged = merge(&mut target, &source, &mut PatchLog::inactive()).unwrap();
    assert_eq!(merged, [new]);
    assert!(has(&target, "version") && has(&target, "development"));
    assert_eq!(source.heads(), before);
    assert!(!has(&source, "development"));
}

#[test]
fn changes_travel_as_files_in_any_order() {
    let origin = base();
    let (mut a, mut b) = (origin.fork(), origin.fork());
    put(&mut a, b"a", "v2", "second");
    put(&mut a, b"a", "v3", &"third, which is long enough to be deflated. ".repeat(20));
    let files = export_changes(&a, origin.heads());
    assert_eq!(files.len(), 2);
    assert!(files[1].len() < 400);

    let log = &mut PatchLog::inactive();
    let last = import_changes(&mut b, [files[1].as_slice()], log).unwrap();
    assert_eq!(last.waiting, 1, "it waits for the one before");
    import_changes(&mut b, [files[0].as_slice()], log).unwrap();
    assert_eq!(a.heads(), b.heads());
    let again = import_changes(&mut b, files.iter().map(Vec::as_slice), log).unwrap();
    assert_eq!(again, Imported::default());

    let garbled = [files[0].as_slice(), &files[1][..40]];
    let error = import_changes(&mut origin.fork(), garbled, log).unwrap_err();
    assert_eq!(error.index, 1);
}

#[test]
fn a_client_that_remembers_heads_pulls_only_what_is_new() {
    let mut server = base();
    let mut client = server.fork();
    let last_sync = server.heads().to_vec();
    put(&mut client, b"client", "local", "yes");
    put(&mut server, b"server", "config", "production");
    let new = server.changes_since(&last_sync);
    assert_eq!(new.len(), 1);
    client.apply(new, &mut PatchLog::inactive()).unwrap();
    assert!(has(&client, "config"));
    let theirs = client.changes_since(server.heads());
    server.apply(theirs, &mut PatchLog::inactive()).unwrap();
    assert_eq!(server.heads(), client.heads());
}

#[test]
fn compare_tells_who_is_ahead_and_what_is_common() {
    let x = base();
    let common = x.heads().to_vec();
    let mut y = x.fork();
    assert!(compare(&x, &y).is_same());

    let y1 = put(&mut y, b"y", "y", "1");
    let behind = compare(&x, &y);
    assert_eq!((behind.only_first.len(), behind.only_second.as_slice()), (0, &[y1][..]));
    assert_eq!(behind.common_heads, common);
    assert!(!behind.has_diverged() && !behind.is_same());

    let mut x = x;
    let x1 = put(&mut x, b"x", "x", "1");
    let x2 = put(&mut x, b"x", "x", "2");
    let apart = compare(&x, &y);
    assert!(apart.has_diverged());
    assert_eq!(apart.only_first, [x1, x2]);
    assert_eq!(apart.only_second, [y1]);
    assert_eq!(apart.common_heads, common);

    sync(&mut x, &mut y).unwrap();
    let y2 = put(&mut y, b"y", "y", "2");
    let after = compare(&x, &y);
    assert_eq!(after.only_second, [y2]);
    assert_eq!(after.common_heads, x.heads());

    let stranger = {
        let mut doc = Document::new();
        put(&mut doc, b"stranger", "far", "away");
        doc
    };
    let strangers = compare(&x, &stranger);
    assert!(strangers.common_heads.is_empty() && strangers.has_diverged());
}

#[test]
fn a_common_change_behind_another_common_one_is_no_common_head() {
    // x builds on base and y on base and on what x knows as well: base is common, but behind.
    let mut x = base();
    let mut side = x.fork();
    put(&mut side, b"side", "side", "1");
    put(&mut x, b"x", "x", "1");
    let mut y = x.fork();
    merge(&mut y, &side, &mut PatchLog::inactive()).unwrap();
    let apart = compare(&x, &y);
    assert_eq!(apart.common_heads, x.heads());
    assert_eq!(apart.only_second.len(), 1);
}

#[test]
fn kept_states_send_only_what_is_new() {
    let (mut a, mut b) = (Document::new(), Document::new());
    for n in 0..300 {
        put(&mut a, b"a", "v", &n.to_string());
    }
    let (mut a_state, mut b_state) = (State::new(), State::new());
    sync_with(&mut a, &mut a_state, &mut b, &mut b_state).unwrap();
    put(&mut a, b"a", "v2", "2");
    let message = generate_sync_message(&a, &mut a_state).unwrap();
    assert!(message.encode().len() < 300);
    receive_sync_message(&mut b, &mut b_state, message, &mut PatchLog::inactive()).unwrap();
    assert_eq!(a.heads(), b.heads());
    assert!(!a_state.is_in_sync(&a), "the acknowledgement is still to come");
    sync_with(&mut a, &mut a_state, &mut b, &mut b_state).unwrap();
    assert!(a_state.is_in_sync(&a) && b_state.is_in_sync(&b));
}

#[test]
fn a_read_only_state_makes_the_exchange_one_way() {
    let (mut a, mut b) = (Document::new(), Document::new());
    put(&mut a, b"a", "a", "1");
    put(&mut b, b"b", "b", "1");
    sync_with(&mut a, &mut State::read_only(), &mut b, &mut State::new()).unwrap();
    assert!(has(&b, "a") && !has(&a, "b"));
}

#[test]
fn batching_makes_fewer_syncs_and_smaller_documents() {
    let measure = |changes: usize, batch: usize| {
        let (mut doc, mut peer) = (Document::new(), Document::new());
        let actor = ActorId::new(b"doc");
        let mut syncs = 0;
        for first in (0..changes).step_by(batch) {
            let mut transaction = doc.transaction(&actor);
            for n in first..(first + batch).min(changes) {
                transaction.put(ObjId::ROOT, format!("k{n}").as_str(), n as i64).unwrap();
            }
            let message = Some(format!("Batch at {}", first + batch));
            transaction.commit(CommitOptions { message, ..CommitOptions::default() });
            sync(&mut doc, &mut peer).unwrap();
            syncs += 1;
        }
        assert_eq!(doc.heads(), peer.heads());
        (syncs, doc.save().len())
    };
    let (frequent, medium, batched) = (measure(20, 1), measure(20, 5), measure(20, 20));
    assert_eq!((frequent.0, medium.0, batched.0), (20, 4, 1));
    assert!(frequent.1 > medium.1 && medium.1 > batched.1);
}
