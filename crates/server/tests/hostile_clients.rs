//! Clients that mean harm are shown out, and a good client does not notice.

mod common;

use common::{append, client, find, note, server, soon, text_of, until, url};
use rejoin_document::{ActorId, CommitOptions, Document, ObjId};
use rejoin_repo::{DocumentHandle, DocumentId, PeerId};
use rejoin_server::Server;
use rejoin_sync::{
    Message,
    wire::{DocumentMessage, PeerMetadata, WireMessage},
};
use rejoin_websocket::{Closed, DialOptions, Receiver, Sender, dial};
use std::time::Duration;
use tempfile::TempDir;

/// A connection on which anything may be said.
struct Raw {
    sender: Sender,
    receiver: Receiver,
}

impl Raw {
    async fn connect(server: &Server) -> Raw {
        let connection =
            soon("a connection", dial(DialOptions::new(url(server)))).await.expect("a connection");
        let (sender, receiver) = connection.split();
        Raw { sender, receiver }
    }

    /// A connection after a proper introduction.
    async fn joined(server: &Server, name: &str) -> Raw {
        let mut raw = Raw::connect(server).await;
        let join = WireMessage::Join {
            sender: PeerId::new(name).expect("a name"),
            metadata: PeerMetadata::default(),
            versions: vec!["1".into()],
        };
        raw.say(join.encode()).await;
        soon("the answer", raw.receiver.recv()).await.expect("an answer").expect("an answer");
        raw
    }

    async fn say(&self, bytes: Vec<u8>) {
        let _ = self.sender.send(bytes).await;
    }

    /// How the server ended the connection.
    async fn end(&mut self) -> Closed {
        soon("the end of the connection", async {
            loop {
                match self.receiver.recv().await {
                    Some(Ok(_)) => {}
                    Some(Err(closed)) => return closed,
                    None => return self.sender.closed().await,
                }
            }
        })
        .await
    }
}

/// A pair of good clients, one of which writes while the other reads.
struct Good {
    written: DocumentHandle,
    read: DocumentHandle,
}

impl Good {
    async fn meet(server: &Server) -> Good {
        let (alice, bob) = (client(&url(server)), client(&url(server)));
        let written = note(&alice, &url(server), "");
        let read = find(&bob, written.id()).await;
        Good { written, read }
    }

    async fn goes_on(&self) {
        append(&self.written, "x");
        let expected = text_of(&self.written);
        until("a good edit arrives", || text_of(&self.read) == expected).await;
    }
}

fn sync_message(server: &Server, document: &DocumentId, name: &str, data: Vec<u8>) -> Vec<u8> {
    WireMessage::Sync(DocumentMessage {
        sender: PeerId::new(name).expect("a name"),
        target: server.repo().peer().clone(),
        document: document.clone(),
        data,
    })
    .encode()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_said_good_clients_go_on() {
    let data = TempDir::new().unwrap();
    let server = server(data.path(), |options| {
        options.limits.max_message = 1 << 20;
        options.limits.frames_per_second = 200;
        options.limits.frame_burst = 2_000;
    })
    .await;
    let good = Good::meet(&server).await;
    let document = good.written.id().clone();

    // Garbage instead of an introduction, and behind one.
    for garbage in
        [vec![], vec![0xff; 100], b"GET / HTTP/1.1".to_vec(), vec![0xbf], vec![0x9f; 5000]]
    {
        let mut raw = Raw::connect(&server).await;
        raw.say(garbage.clone()).await;
        assert_eq!(raw.end().await.code.0, 1008);
        let mut raw = Raw::joined(&server, "garbage").await;
        raw.say(garbage).await;
        raw.say(vec![0xff]).await;
        raw.end().await;
        good.goes_on().await;
    }

    // A filter that claims to be huge, and three bytes that crash other programs.
    let giant = [&[0xff, 0xff, 0xff, 0xff, 0x0f, 0xff, 0x7f, 0xff, 0x7f][..], &[0; 16]].concat();
    for filter in [giant, vec![1, 0, 7], vec![5, 10, 0xff, 0xff, 3]] {
        let mut raw = Raw::joined(&server, "filters").await;
        let mut bytes = vec![0x42, 0, 0, 1, 0, filter.len() as u8];
        bytes.extend(filter);
        bytes.push(0);
        raw.say(sync_message(&server, &document, "filters", bytes)).await;
        raw.say(vec![0xff]).await;
        raw.end().await;
        good.goes_on().await;
    }

    // A chunk that claims to inflate to much, and hashes without end.
    let chunk = [&[0x85, 0x6f, 0x4a, 0x83, 1, 2, 3, 4, 2, 0xff, 0xff, 0x7f][..], &[0; 40]].concat();
    let mut changes = vec![0x42, 0, 0, 0, 1, chunk.len() as u8];
    changes.extend(chunk);
    let endless = vec![0x42, 0xff, 0xff, 0xff, 0xff, 0x0f];
    for bytes in [changes, endless, vec![0x42], vec![0x43; 1000]] {
        let mut raw = Raw::joined(&server, "chunks").await;
        raw.say(sync_message(&server, &document, "chunks", bytes)).await;
        raw.say(vec![0xff]).await;
        raw.end().await;
        good.goes_on().await;
    }

    // Too large, and too much.
    let mut raw = Raw::joined(&server, "large").await;
    raw.say(vec![0; (1 << 20) + 1]).await;
    assert_eq!(raw.end().await.code.0, 1009);
    let mut raw = Raw::joined(&server, "flood").await;
    let message = sync_message(&server, &document, "flood", vec![0x42, 0, 0, 0, 0]);
    for _ in 0..2_500 {
        raw.say(message.clone()).await;
    }
    assert_eq!(raw.end().await.code.0, 4029);
    good.goes_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_inflates_to_too_much_ends_the_connection() {
    let data = TempDir::new().unwrap();
    let server = server(data.path(), |options| options.max_inflated = 150_000).await;
    let good = Good::meet(&server).await;
    let mut raw = Raw::joined(&server, "bomb").await;
    // Two changes, each of which alone would be taken.
    let mut changes = Vec::new();
    for name in [b"a", b"b"] {
        let mut document = Document::new();
        let mut transaction = document.transaction(&ActorId::new(name));
        transaction.put(ObjId::ROOT, "zeros", "0".repeat(100_000)).unwrap();
        let hash = transaction.commit(CommitOptions::default()).unwrap();
        changes.push(document.change(&hash).unwrap().compressed_bytes());
    }
    let message = Message { chunks: changes, ..Message::decode(&[0x42, 0, 0, 0, 0]).unwrap() };
    assert!(message.encode().len() < 2_000);
    raw.say(sync_message(&server, good.written.id(), "bomb", message.encode())).await;
    let end = raw.end().await;
    assert_eq!(end.code.0, 1009);
    assert!(end.reason.contains("inflates to more than"), "{end}");
    good.goes_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_holds_nobody_up() {
    let data = TempDir::new().unwrap();
    let server = server(data.path(), |o| o.limits.stalled = Duration::from_secs(1)).await;
    let good = Good::meet(&server).await;
    let large: String = (0..300_000_u64).map(|i| char::from(b'a' + (i * i % 23) as u8)).collect();
    append(&good.written, &large);
    good.goes_on().await;
    // It asks for the document again and again, and reads no answer.
    let raw = Raw::joined(&server, "slow").await;
    let request = WireMessage::Request(DocumentMessage {
        sender: PeerId::new("slow").unwrap(),
        target: server.repo().peer().clone(),
        document: good.written.id().clone(),
        data: vec![0x42, 0, 0, 1, 0, 0, 0],
    });
    for _ in 0..300 {
        if !raw.sender.try_send(request.encode()).unwrap_or(false) {
            break;
        }
    }
    for _ in 0..20 {
        good.goes_on().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_cannot_open_documents_without_end() {
    let data = TempDir::new().unwrap();
    let server = server(data.path(), |options| options.documents_per_connection = 10).await;
    let good = Good::meet(&server).await;
    let mut raw = Raw::joined(&server, "greedy").await;
    for i in 0..100u8 {
        let message = DocumentMessage {
            sender: PeerId::new("greedy").unwrap(),
            target: server.repo().peer().clone(),
            document: DocumentId::from_random([i; 16]),
            data: vec![0x42, 0, 0, 1, 0, 0, 0],
        };
        raw.say(WireMessage::Request(message).encode()).await;
    }
    let mut refused = 0;
    while refused < 90 {
        let frame = soon("an answer", raw.receiver.recv()).await.unwrap().unwrap();
        refused +=
            usize::from(matches!(WireMessage::decode(&frame), Ok(WireMessage::DocUnavailable(_))));
    }
    good.goes_on().await;
}
