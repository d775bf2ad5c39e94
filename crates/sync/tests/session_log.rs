//! The four patterns of the seed of the delta-sync library, each with the calls that answer it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use rejoin_document::{ActorId, CommitOptions, Document, LoadOptions, ObjId, PatchLog};
use rejoin_sync::log::{DeltaLog, Resume};
use rejoin_sync::{merge, sync};

fn edit(doc: &mut Document, actor: &[u8], key: &str) {
    let actor = ActorId::new(actor);
    let value = doc.change_count().to_string();
    let mut transaction = doc.transaction(&actor);
    transaction.put(ObjId::ROOT, key, value).unwrap();
    transaction.commit(CommitOptions::default());
}

fn load(bytes: &[u8]) -> Document {
    Document::load(bytes, LoadOptions::default()).unwrap()
}

fn take(doc: &mut Document, bytes: &[u8]) {
    doc.load_incremental(bytes, &mut PatchLog::inactive()).unwrap();
}

#[test]
fn whole_state_each_sends_the_other_its_document() {
    let (mut alice, mut bob) = (Document::new(), Document::new());
    edit(&mut alice, b"alice", "from alice");
    edit(&mut bob, b"bob", "from bob");
    // Both at the same time.
    let (for_bob, for_alice) = (alice.save(), bob.save());
    merge(&mut alice, &load(&for_alice), &mut PatchLog::inactive()).unwrap();
    merge(&mut bob, &load(&for_bob), &mut PatchLog::inactive()).unwrap();
    assert_eq!(alice.heads(), bob.heads());
}

#[test]
fn one_to_one_a_queue_of_deltas_waits_for_the_connection() {
    let mut local = Document::new();
    edit(&mut local, b"local", "start");
    let mut remote = local.fork();
    let mut remote_heads = local.heads().to_vec();
    let mut queue = Vec::new();
    for n in 0..10 {
        edit(&mut local, b"local", &format!("edit {n}"));
        queue.push(local.bundle_since(&remote_heads).expect("something new"));
        remote_heads = local.heads().to_vec();
    }
    // Later, in any order, and some twice.
    for delta in queue.iter().rev().chain(&queue[..3]) {
        take(&mut remote, delta);
    }
    assert_eq!(remote.heads(), local.heads());
}

/// A client of the log: it keeps a document, the version that it knows, and what it has pushed.
struct Client {
    doc: Document,
    version: u64,
    pushed: Vec<rejoin_document::ChangeHash>,
}

impl Client {
    fn new(log: &DeltaLog) -> Self {
        let snapshot = log.snapshot();
        let doc = load(&snapshot.bytes);
        let pushed = doc.heads().to_vec();
        Self { doc, version: snapshot.version, pushed }
    }

    /// Pushes what is new here. The delta that the server then has for all others is returned.
    fn push(&mut self, log: &mut DeltaLog) -> Option<Vec<u8>> {
        let delta = self.doc.bundle_since(&self.pushed)?;
        let pushed = log.push(&delta, &mut PatchLog::inactive()).unwrap();
        assert_eq!(pushed.waiting, 0);
        self.pushed = self.doc.heads().to_vec();
        pushed.delta
    }

    /// What the server sent while the client was connected.
    fn deliver(&mut self, delta: &[u8], version: u64) {
        take(&mut self.doc, delta);
        self.version = version;
        self.pushed = self.doc.heads().to_vec();
    }

    /// The first thing after a connection is made again. Own edits are pushed afterwards.
    fn resume(&mut self, log: &DeltaLog) -> &'static str {
        let (kind, bytes, version) = match log.resume(self.version) {
            Resume::Current => return "current",
            Resume::Delta { version, bytes } => ("delta", bytes, version),
            Resume::Snapshot(snapshot) => ("snapshot", snapshot.bytes, snapshot.version),
        };
        let own = self.doc.bundle_since(&self.pushed);
        self.pushed = load(&log.snapshot().bytes).heads().to_vec();
        take(&mut self.doc, &bytes);
        self.version = version;
        assert!(own.is_none() || self.doc.bundle_since(&self.pushed).is_some());
        kind
    }
}

#[test]
fn one_to_many_a_server_numbers_what_comes() {
    let mut log = DeltaLog::new(Document::new());
    let mut clients: Vec<_> = (0..3).map(|_| Client::new(&log)).collect();
    for round in 0..4 {
        for from in 0..clients.len() {
            edit(&mut clients[from].doc, &[from as u8], &format!("{from} {round}"));
            let delta = clients[from].push(&mut log).expect("something new");
            let version = log.version();
            // Broadcast to all others; the last client was offline in rounds 1 and 2.
            for (index, client) in clients.iter_mut().enumerate() {
                let offline = index == 2 && (round == 1 || round == 2);
                if index != from && !offline {
                    client.deliver(&delta, version);
                }
            }
            clients[from].version = version;
        }
        if round == 2 {
            clients[2].version = 3;
            assert_eq!(clients[2].resume(&log), "delta");
        }
    }
    assert_eq!(log.version(), 12);
    for client in &mut clients {
        client.resume(&log);
        assert_eq!(client.doc.heads(), log.document().heads());
    }
}

#[test]
fn a_resumed_client_gets_one_bundle_and_loses_none_of_its_own_edits() {
    let mut log = DeltaLog::new(Document::new());
    let mut writer = Client::new(&log);
    let mut reader = Client::new(&log);
    for n in 0..100 {
        edit(&mut writer.doc, b"writer", &format!("k{}", n % 5));
        writer.push(&mut log);
    }
    edit(&mut reader.doc, b"reader", "offline");
    let Resume::Delta { version, bytes } = log.resume(reader.version) else {
        panic!("a bundle");
    };
    assert_eq!(version, 100);
    assert!(bytes.len() < 2000, "{} bytes for 100 changes", bytes.len());
    assert_eq!(reader.resume(&log), "delta");
    let delta = reader.push(&mut log).expect("the offline edit");
    writer.deliver(&delta, log.version());
    assert_eq!(writer.doc.heads(), reader.doc.heads());
    assert_eq!(log.resume(101), Resume::Current);
}

#[test]
fn an_expired_version_gets_a_snapshot_and_keeps_its_own_edits() {
    let mut log = DeltaLog::new(Document::new());
    let mut writer = Client::new(&log);
    let mut late = Client::new(&log);
    edit(&mut late.doc, b"late", "offline");
    for n in 0..10 {
        edit(&mut writer.doc, b"writer", &format!("k{n}"));
        writer.push(&mut log);
    }
    log.expire_before(8);
    assert_eq!((log.oldest_version(), log.version()), (8, 10));
    assert!(matches!(log.resume(8), Resume::Delta { version: 10, .. }));
    assert_eq!(late.resume(&log), "snapshot");
    let delta = late.push(&mut log).expect("the offline edit");
    writer.deliver(&delta, log.version());
    assert_eq!(late.doc.heads(), writer.doc.heads());

    // The current version cannot expire, and a version that never was gets a snapshot too.
    log.expire_before(u64::MAX);
    assert_eq!(log.oldest_version(), log.version());
    assert!(matches!(log.resume(99), Resume::Snapshot(_)));
    let restarted = DeltaLog::starting_at(log.document().fork(), 1000);
    assert!(matches!(restarted.resume(log.version()), Resume::Snapshot(_)));
    assert_eq!(restarted.resume(1000), Resume::Current);
}

#[test]
fn pushes_may_come_twice_out_of_order_or_broken() {
    let mut log = DeltaLog::new(Document::new());
    let mut client = Document::new();
    edit(&mut client, b"c", "1");
    let first = client.bundle_since(&[]).unwrap();
    let heads = client.heads().to_vec();
    edit(&mut client, b"c", "2");
    let second = client.bundle_since(&heads).unwrap();
    let patches = &mut PatchLog::inactive();

    let early = log.push(&second, patches).unwrap();
    assert_eq!((early.version, early.delta, early.waiting), (0, None, 1));
    let both = log.push(&first, patches).unwrap();
    assert_eq!((both.version, both.waiting), (1, 0));
    assert!(both.delta.is_some());
    let again = log.push(&first, patches).unwrap();
    assert_eq!((again.version, again.delta), (1, None));
    assert!(log.push(&second[..second.len() - 3], patches).is_err());
    assert_eq!(log.document().heads(), client.heads());
}

#[test]
fn many_to_many_everyone_syncs_with_whomever_it_meets() {
    let mut docs: Vec<_> = (0..5).map(|_| Document::new()).collect();
    for (n, doc) in docs.iter_mut().enumerate() {
        edit(doc, &[n as u8], &format!("from {n}"));
    }
    // A line of acquaintances: what each end knows reaches the other in one sweep.
    for n in [1, 2, 3, 4, 3, 2, 1] {
        let [left, right] = docs.get_disjoint_mut([n - 1, n]).unwrap();
        sync(left, right).unwrap();
    }
    assert!(docs.iter().all(|doc| doc.heads() == docs[0].heads()));
}
