//! Two repos and a server between them, over real WebSockets and on real disks.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::{collections::BTreeSet, path::Path, time::Duration};

use rejoin_document::{Document, ObjId, ObjType, Prop, TextUnit, Value};
use rejoin_repo::{
    Destination, DocumentEvent, DocumentHandle, DocumentId, FindError, Listening, PeerId, Repo,
    ServeOnRequest, ShareAll,
};
use rejoin_storage::{MemoryStore, SqliteOptions, SqliteStore};
use rejoin_websocket::ListenOptions;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

fn disk(path: &Path) -> Box<SqliteStore> {
    Box::new(SqliteStore::open(path, &SqliteOptions::default()).unwrap())
}

/// A server on a port of its own choice.
async fn server(path: &Path) -> (Repo, Listening, String) {
    let mut options =
        rejoin_repo::RepoOptions { reports_durable_heads: true, ..Default::default() };
    options.peer = Some(PeerId::new("server").unwrap());
    let builder = Repo::builder(disk(path)).options(options).policy(ServeOnRequest);
    let repo = builder.build().unwrap();
    let listening = repo.listen(ListenOptions::new("127.0.0.1:0")).await.unwrap();
    let url = format!("ws://{}", listening.address());
    (repo, listening, url)
}

fn text_of(document: &Document) -> Option<String> {
    let Ok(Some(Value::Object(_, text))) = document.view().get(ObjId::ROOT, "content") else {
        return None;
    };
    document.view().text(text).ok()
}

fn type_into(note: &DocumentHandle, at: usize, words: &str) {
    note.change(None, |tx| {
        let text = match tx.view().get(ObjId::ROOT, Prop::Key("content")) {
            Ok(Some(Value::Object(_, text))) => text,
            _ => tx.put_object(ObjId::ROOT, "content", ObjType::Text)?,
        };
        tx.splice_text(text, at, 0, words, TextUnit::Utf16)
    })
    .unwrap()
    .unwrap();
}

/// Waits until the text of a note is this.
async fn reads(note: &DocumentHandle, expected: &str) {
    let mut events = note.subscribe();
    let waiting = async {
        while note.read(text_of).ok().flatten().as_deref() != Some(expected) {
            events.next().await.unwrap();
        }
    };
    let result = timeout(PATIENCE, waiting).await;
    assert!(result.is_ok(), "expected {expected:?}, reads {:?}", note.read(text_of));
}

/// Waits until the status of a note fulfils a condition.
async fn status(
    note: &DocumentHandle,
    what: &str,
    is: impl Fn(&rejoin_repo::DocumentStatus) -> bool,
) {
    let mut events = note.subscribe();
    let waiting = async {
        while !note.status().is_some_and(|status| is(&status)) {
            events.next().await.unwrap();
        }
    };
    let result = timeout(PATIENCE, waiting).await;
    assert!(result.is_ok(), "{what}: {:#?}", note.status());
}

fn to_server(url: &str) -> BTreeSet<Destination> {
    [Destination::Server(url.to_owned())].into()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_repos_converge_through_a_server_and_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (server_repo, listening, url) = server(&folder.path().join("server.db")).await;

    let first = Repo::builder(disk(&folder.path().join("a.db"))).build().unwrap();
    let second = Repo::builder(disk(&folder.path().join("b.db"))).build().unwrap();
    first.dial(&url, None);
    second.dial(&url, None);

    let note = first.create();
    first.share(note.id(), to_server(&url));
    type_into(&note, 0, "Hello");
    let found = find_patiently(&second, note.id()).await;
    reads(&found, "Hello").await;

    type_into(&found, 5, " world");
    type_into(&note, 0, "Oh! ");
    reads(&note, "Oh! Hello world").await;
    reads(&found, "Oh! Hello world").await;

    for handle in [&note, &found] {
        status(handle, "on this disk", |status| status.disk.is_all).await;
        status(handle, "received by the server", |s| s.peers.iter().any(|peer| peer.has_all)).await;
        status(handle, "on the server's disk", |s| s.servers.iter().any(|server| server.has_all))
            .await;
    }

    let id = note.id().clone();
    drop((note, found));
    assert!(first.shutdown().await && second.shutdown().await && server_repo.shutdown().await);
    drop((first, second, server_repo, listening));

    // A repo is gone once its tasks have noticed; the store then opens for the next one.
    let (_server, _listening, url) = server_again(&folder.path().join("server.db")).await;
    let first = again(&folder.path().join("a.db")).await;
    let third = Repo::builder(Box::new(MemoryStore::new())).build().unwrap();
    assert_eq!(first.list().await.unwrap(), [id.clone()].into());
    let note = first.find(&id).await.unwrap();
    reads(&note, "Oh! Hello world").await;
    first.share(&id, to_server(&url));
    first.dial(&url, None);
    third.dial(&url, None);
    let found = find_patiently(&third, &id).await;
    reads(&found, "Oh! Hello world").await;
    type_into(&found, 0, "Again: ");
    reads(&note, "Again: Oh! Hello world").await;
}

/// Finds a document that may not have reached the server yet.
async fn find_patiently(repo: &Repo, id: &DocumentId) -> DocumentHandle {
    let handle = repo.open(id);
    let mut events = handle.subscribe();
    let waiting = async {
        while handle.read(|_| ()).is_err() {
            events.next().await.unwrap();
        }
    };
    timeout(PATIENCE, waiting).await.expect("the document is found");
    handle
}

async fn again(path: &Path) -> Repo {
    let mut tries = 0;
    loop {
        match SqliteStore::open(path, &SqliteOptions::default()) {
            Ok(store) => return Repo::builder(Box::new(store)).build().unwrap(),
            Err(error) if tries == 200 => panic!("{error}"),
            Err(_) => tries += 1,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn server_again(path: &Path) -> (Repo, Listening, String) {
    for _ in 0..200 {
        if SqliteStore::open(path, &SqliteOptions::default()).is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server(path).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_nobody_has_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, _listening, url) = server(&folder.path().join("server.db")).await;
    let repo = Repo::builder(Box::new(MemoryStore::new())).build().unwrap();
    repo.dial(&url, None);
    let id = DocumentId::from_random([9; 16]);
    let result = timeout(PATIENCE, repo.find(&id)).await.unwrap();
    assert_eq!(result.unwrap_err(), FindError::Unavailable(id));
}

#[tokio::test(flavor = "multi_thread")]
async fn ephemeral_messages_and_presence_pass_through_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, _listening, url) = server(&folder.path().join("server.db")).await;
    let repo = || Repo::builder(Box::new(MemoryStore::new())).policy(ShareAll).build().unwrap();
    let (first, second) = (repo(), repo());
    first.dial(&url, None);
    second.dial(&url, None);
    let note = first.create();
    let found = find_patiently(&second, note.id()).await;
    let mut heard = found.subscribe();
    let hello = rejoin_sync::wire::Cbor::from("hello");
    note.broadcast(&hello);
    note.set_presence("cursor", 7.into());
    let (mut greeted, mut present) = (false, false);
    timeout(PATIENCE, async {
        while !(greeted && present) {
            match heard.next().await.unwrap() {
                DocumentEvent::Ephemeral { sender, data } => {
                    assert_eq!((&sender, data), (first.peer(), hello.encode()));
                    greeted = true;
                }
                DocumentEvent::Presence(rejoin_repo::PresenceEvent::Updated {
                    channel,
                    value,
                    ..
                }) => {
                    assert_eq!((channel.as_str(), value), ("cursor", 7.into()));
                    present = true;
                }
                _ => {}
            }
        }
    })
    .await
    .unwrap();
    assert_eq!(found.presence()[first.peer()]["cursor"], 7.into());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passed_and_what_is_stored_is_told_in_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let (server, _listening, url) = server(&folder.path().join("server.sqlite")).await;
    let repo = Repo::builder(disk(&folder.path().join("ana.sqlite"))).build().unwrap();
    repo.dial(&url, None);
    let note = repo.create();
    repo.share(note.id(), BTreeSet::from([Destination::Server(url)]));
    type_into(&note, 0, "counted");
    status(&note, "saved there", |status| status.servers.iter().any(|server| server.has_all)).await;
    note.saved().await.unwrap();
    let traffic = note.traffic();
    assert_eq!(traffic.sent.changes, 2);
    assert_eq!(traffic.received.changes, 0);
    assert!(traffic.sent.messages > 0 && traffic.sent.bytes > 100, "{traffic:?}");
    let there = server.find(note.id()).await.unwrap();
    assert_eq!(there.traffic().received, traffic.sent);
    let connection = &repo.connections()[0].traffic;
    assert!(connection.sent.bytes > traffic.sent.bytes, "the greeting counts there");
    // The two changes and nothing else, whichever way they lie there.
    let saved = note.read(|document| document.save().len() as u64).unwrap();
    let stored = note.stored_bytes().await.unwrap();
    assert!(stored >= saved / 2 && stored <= saved * 3, "{stored} bytes for {saved}");
    type_into(&note, 0, &"x".repeat(10_000));
    note.saved().await.unwrap();
    assert!(note.stored_bytes().await.unwrap() > stored);
}
