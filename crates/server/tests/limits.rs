//! Each limit of time, tripped in a server of its own process, with its code and its line in the
//! log; and a store that goes away while the server runs.

mod common;

use common::process::{Process, free_address, health, stranger};
use common::{append, client, find, note, saved_on_a_server, soon, text_of, until};
use rejoin_document::{ActorId, CommitOptions, Document, ObjId};
use rejoin_repo::{DocumentId, PeerId};
use rejoin_sync::wire::{Cbor, DocumentMessage, PeerMetadata, WireMessage};
use rejoin_sync::{Message, MessageVersion};
use rejoin_websocket::Receiver;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A line of the log that says that a connection was closed, and why.
fn closing(server: &mut Process) -> serde_json::Value {
    let line = server.line_with("connection closed");
    let line: serde_json::Value = serde_json::from_str(&line).expect("a line is an object");
    assert_eq!(line["level"], "WARN", "{line}");
    let address = line["fields"]["address"].as_str().unwrap_or_default();
    assert!(address.starts_with("127.0.0.1:"), "{line}");
    line["fields"].clone()
}

/// With which code the other side ended the connection.
async fn code(receiver: &mut Receiver) -> u16 {
    soon("the end", async {
        loop {
            match receiver.recv().await {
                Some(Ok(_)) => {}
                Some(Err(closed)) => return closed.code.0,
                None => return 1000,
            }
        }
    })
    .await
}

fn request(document: &DocumentId) -> Vec<u8> {
    WireMessage::Request(DocumentMessage {
        sender: PeerId::new("stranger").expect("a name"),
        target: PeerId::new("server").expect("a name"),
        document: document.clone(),
        data: vec![0x42, 0, 0, 1, 0, 0, 0],
    })
    .encode()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_says_nothing_for_too_long_is_closed() {
    let data = TempDir::new().unwrap();
    let address = free_address();
    let times = ["--idle-seconds", "2", "--silence-seconds", "2"];
    let mut server = Process::start(data.path(), &address, &times);
    let (_sender, mut receiver) = stranger(&format!("ws://{address}")).await;
    // It answers every ping, and that is all.
    assert_eq!(code(&mut receiver).await, 4000);
    let fields = closing(&mut server);
    assert_eq!(fields["code"], "4000", "{fields}");
    assert_eq!(fields["reason"], "no message for too long");
}

/// A connection that has introduced itself, made by hand so that nothing answers to anything.
async fn silent_stranger(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("it is taken");
    let upgrade = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    stream.write_all(upgrade.as_bytes()).await.expect("it is sent");
    let join = WireMessage::Join {
        sender: PeerId::new("silent").expect("a name"),
        metadata: PeerMetadata::default(),
        versions: vec!["1".into()],
    };
    let join = join.encode();
    // Masked with zeros, as a frame of a client.
    let mut frame = vec![0x82, 0x80 | 126];
    frame.extend((join.len() as u16).to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(join);
    stream.write_all(&frame).await.expect("it is sent");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_answers_no_ping_is_closed() {
    let data = TempDir::new().unwrap();
    let address = free_address();
    let mut server = Process::start(data.path(), &address, &["--silence-seconds", "2"]);
    let url = format!("ws://{address}");
    let hers = note(&client(&url), &url, "she answers");
    let mut silent = silent_stranger(&address).await;
    let mut said = Vec::new();
    soon("the end", silent.read_to_end(&mut said)).await.expect("it can be read");
    let pings = said.windows(2).filter(|frame| *frame == [0x89, 0]).count();
    assert!(pings > 0, "{said:x?}");
    let close =
        said.windows(4).any(|frame| frame[0] == 0x88 && frame[2..] == 4001_u16.to_be_bytes());
    assert!(close, "{said:x?}");
    let fields = closing(&mut server);
    assert_eq!(fields["code"], "4001", "{fields}");
    assert!(fields["reason"].as_str().unwrap_or_default().starts_with("nothing was heard"));
    append(&hers, " still");
    until("it is saved", || saved_on_a_server(&hers)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_is_closed() {
    let data = TempDir::new().unwrap();
    let address = free_address();
    let mut server = Process::start(data.path(), &address, &["--stalled-seconds", "1"]);
    let url = format!("ws://{address}");
    let alice = client(&url);
    let hers = note(&alice, &url, "talk");
    until("it is saved", || saved_on_a_server(&hers)).await;
    let (sender, mut receiver) = stranger(&url).await;
    sender.send(request(hers.id())).await.expect("it is sent");
    soon("the document", receiver.recv()).await.expect("an answer").expect("an answer");
    let talk = async {
        loop {
            hers.broadcast(&Cbor::Bytes(vec![0; 900_000]));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let fields = tokio::task::spawn_blocking(move || {
        let fields = closing(&mut server);
        (server, fields)
    });
    let (_server, fields) = tokio::select! {
        done = soon("the end of the slow reader", fields) => done.unwrap(),
        () = talk => unreachable!("the talk has no end"),
    };
    assert_eq!(fields["code"], "4008", "{fields}");
    assert!(fields["reason"].as_str().unwrap_or_default().contains("has read nothing for 1 s"));
    // It cannot be told the code: a message that it has not read is in the way.
    assert_eq!(code(&mut receiver).await, 1006);
    append(&hers, " on");
    until("it is saved", || saved_on_a_server(&hers)).await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_goes_away_while_the_server_runs_is_told_and_taken_up_again() {
    for name in ["rejoin.sqlite", "rejoin.sqlite-wal"] {
        let data = TempDir::new().unwrap();
        let address = free_address();
        let url = format!("ws://{address}");
        let mut server = Process::start(data.path(), &address, &[]);
        let (alice, bob) = (client(&url), client(&url));
        let hers = note(&alice, &url, "saved. ");
        until("it is saved", || saved_on_a_server(&hers)).await;
        let his = find(&bob, hers.id()).await;

        std::fs::rename(data.path().join(name), data.path().join("away")).unwrap();
        append(&hers, "not saved. ");
        server.line_with("was deleted, moved or replaced while it was open");
        until("it passes on all the same", || text_of(&his) == "saved. not saved. ").await;
        // Another one comes in its place.
        std::fs::write(data.path().join(name), "something else").unwrap();
        append(&hers, "nor this. ");
        until("it passes on all the same", || text_of(&his).ends_with("nor this. ")).await;
        let answer = health(&address).await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(!saved_on_a_server(&hers));

        std::fs::rename(data.path().join("away"), data.path().join(name)).unwrap();
        until("what is back is written to", || saved_on_a_server(&hers)).await;
        drop(server);
        let _server = Process::start(data.path(), &address, &[]);
        let read = find(&client(&url), hers.id()).await;
        assert_eq!(text_of(&read), "saved. not saved. nor this. ");
    }
}

/// A sync message for which the server has to look at each change of a document, and which it has
/// nothing to answer to: filters that hold nothing, and one that holds everything.
fn laborious(filters: u8) -> Vec<u8> {
    let unknown = [7; 32];
    let mut message = vec![0x43, 1];
    message.extend(unknown);
    message.extend([0, filters]);
    for number in 1..=filters {
        let bits = if number == filters { 0xff } else { 0 };
        message.extend([0, 5, 1, 10, 32, bits, bits]);
    }
    // The last flag makes the server forget that it has looked already.
    message.extend([0, 2, 2, 0x85]);
    message
}

/// So many of those may go first before a new client is served: many times what it takes when
/// everybody has a turn, and a few seconds of work for the server.
const LABOURS: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_makes_the_server_compute_all_the_time_leaves_time_for_others() {
    let data = TempDir::new().unwrap();
    let address = free_address();
    let _server = Process::start(data.path(), &address, &[]);
    let url = format!("ws://{address}");
    let alice = client(&url);
    let hers = note(&alice, &url, "");
    let actor = hers.actor();
    hers.edit(|document| {
        for number in 0..15_000 {
            let mut transaction = document.transaction(&actor);
            transaction.put(ObjId::ROOT, "number", number).expect("it can be written");
            transaction.commit(CommitOptions::default());
        }
    })
    .expect("it is in memory");
    until("it is saved", || saved_on_a_server(&hers)).await;
    let his = find(&client(&url), hers.id()).await;

    let (sender, mut receiver) = stranger(&url).await;
    let laborious = {
        let peer = |name| PeerId::new(name).expect("a name");
        let (sender, target, document) = (peer("stranger"), peer("server"), hers.id().clone());
        let data = laborious(8);
        WireMessage::Sync(DocumentMessage { sender, target, document, data }).encode()
    };
    // What it asks in between is answered when all before it was gone through.
    let [begun, done] = [8, 9].map(|number| DocumentId::from_random([number; 16]));
    let questions = [begun.clone(), done.clone(), DocumentId::from_random([10; 16])];
    let labours = [5, LABOURS, 4 * LABOURS];
    let labour = tokio::spawn(async move {
        for (count, question) in labours.into_iter().zip(questions) {
            for _ in 0..count {
                sender.send(laborious.clone()).await.expect("it is sent");
            }
            sender.send(request(&question)).await.expect("it is sent");
        }
        (sender, hers)
    });
    let mut answered = async |document: DocumentId| {
        while let Some(Ok(frame)) = receiver.recv().await {
            match WireMessage::decode(&frame) {
                Ok(WireMessage::DocUnavailable(message)) if message.document == document => return,
                _ => {}
            }
        }
        unreachable!("the connection ended");
    };
    soon("the first answer", answered(begun)).await;
    let bobs = client(&url);
    let fresh = note(&bobs, &url, "in between");
    tokio::select! {
        biased;
        () = answered(done) => panic!("{LABOURS} messages of the other went first"),
        () = until("it is saved", || saved_on_a_server(&fresh)) => {}
    }
    drop((labour, his));
}

/// A sync message with a change of 2 kB that follows one that nobody has.
fn waits_for_ever(document: &DocumentId, number: u32) -> Vec<u8> {
    let mut other = Document::new();
    for length in [1, 2_000] {
        let mut transaction = other.transaction(&ActorId::new(&number.to_be_bytes()));
        transaction.put(ObjId::ROOT, "noise", vec![0; length]).expect("it can be written");
        transaction.commit(CommitOptions::default());
    }
    let heads = other.heads().to_vec();
    let chunks =
        heads.iter().filter_map(|head| other.change(head)).map(|c| c.bytes().to_vec()).collect();
    let (need, have, flags) = (Vec::new(), Vec::new(), None);
    let version = MessageVersion::V2;
    let message = Message { version, heads, need, have, chunks, flags };
    WireMessage::Sync(DocumentMessage {
        sender: PeerId::new("stranger").expect("a name"),
        target: PeerId::new("server").expect("a name"),
        document: document.clone(),
        data: message.encode(),
    })
    .encode()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_changes_wait_for_ever_is_told_of_in_the_log_and_hinders_nobody() {
    let data = TempDir::new().unwrap();
    let address = free_address();
    let mut server = Process::start(data.path(), &address, &["--max-set-aside", "65536"]);
    let url = format!("ws://{address}");
    let hers = note(&client(&url), &url, "she writes");
    until("it is saved", || saved_on_a_server(&hers)).await;
    let (sender, _receiver) = stranger(&url).await;
    for number in 0..200 {
        sender.send(waits_for_ever(hers.id(), number)).await.expect("it is sent");
    }
    let line = server.line_with("a peer is not served as it wished");
    let line: serde_json::Value = serde_json::from_str(&line).expect("a line is an object");
    let reason = line["fields"]["reason"].as_str().unwrap_or_default();
    let what = "changes that wait for others or were refused take more than 65536 bytes";
    assert!(reason.starts_with(what), "{line}");
    append(&hers, " on");
    until("it is saved", || saved_on_a_server(&hers)).await;
    assert_eq!(text_of(&find(&client(&url), hers.id()).await), "she writes on");
}
