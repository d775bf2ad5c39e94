//! Clients meet in a server, and servers stay in sync with each other.

mod common;

use common::{append, client, find, note, saved_on_a_server, server, soon, text_of, until, url};
use rejoin_repo::{FindError, Repo};
use rejoin_server::{Linked, ServerOptions, StartError};
use rejoin_storage::{MemoryStore, StoreErrorKind};
use rejoin_websocket::{Admission, TokenSet};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test(flavor = "multi_thread")]
async fn what_one_client_writes_another_finds_and_both_go_on() {
    let data = TempDir::new().unwrap();
    let server = server(data.path(), |_| ()).await;
    let (alice, bob) = (client(&url(&server)), client(&url(&server)));
    let hers = note(&alice, &url(&server), "from alice. ");
    let his = find(&bob, hers.id()).await;
    assert_eq!(text_of(&his), "from alice. ");
    append(&his, "from bob. ");
    append(&hers, "more. ");
    until("both see both", || {
        text_of(&hers) == text_of(&his)
            && text_of(&hers).len() == "from alice. from bob. more. ".len()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_nobody_has_is_unavailable() {
    let data = TempDir::new().unwrap();
    let server = server(data.path(), |_| ()).await;
    let client = client(&url(&server));
    let elsewhere = Repo::builder(Box::new(MemoryStore::new())).build().unwrap();
    let id = elsewhere.create().id().clone();
    let found = soon("the answer", client.find(&id)).await;
    assert_eq!(found.unwrap_err(), FindError::Unavailable(id));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_saved_on_the_server_is_there_after_a_restart() {
    let data = TempDir::new().unwrap();
    let first = server(data.path(), |_| ()).await;
    let alice = client(&url(&first));
    let hers = note(&alice, &url(&first), "kept");
    until("the server says that it is saved", || saved_on_a_server(&hers)).await;
    assert!(soon("the end", first.shutdown()).await);
    let second = server(data.path(), |_| ()).await;
    let bob = client(&url(&second));
    let his = find(&bob, hers.id()).await;
    assert_eq!(text_of(&his), "kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_token_reads_and_does_not_write() {
    let data = TempDir::new().unwrap();
    let tokens = TokenSet::parse("secret-write\nsecret-read read-only").unwrap();
    let server = server(data.path(), |o| o.admission = Admission::Tokens(tokens)).await;
    let connect = |token: &str| {
        let repo = Repo::builder(Box::new(MemoryStore::new())).build().unwrap();
        repo.dial(&url(&server), Some(token.into()));
        repo
    };
    let (writer, reader, witness) =
        (connect("secret-write"), connect("secret-read"), connect("secret-write"));
    let written = note(&writer, &url(&server), "one ");
    let read = find(&reader, written.id()).await;
    let seen = find(&witness, written.id()).await;
    append(&read, "never ");
    append(&written, "two ");
    until("the writer's edit arrives", || text_of(&seen).contains("two")).await;
    until("the reader still reads", || text_of(&read).contains("two")).await;
    assert_eq!(text_of(&seen), "one two ");
    assert_eq!(text_of(&written), "one two ");
}

#[tokio::test(flavor = "multi_thread")]
async fn linked_servers_pass_documents_on_over_a_cut() {
    let (data_a, data_b) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let a = server(data_a.path(), |_| ()).await;
    let link = Linked { url: url(&a), token: None };
    let linked = |options: &mut ServerOptions| options.linked = vec![link.clone()];
    let b = server(data_b.path(), linked).await;
    let (alice, bob) = (client(&url(&a)), client(&url(&b)));

    let hers = note(&alice, &url(&a), "alice on a. ");
    let bobs = find(&bob, hers.id()).await;
    assert_eq!(text_of(&bobs), "alice on a. ");
    let his = note(&bob, &url(&b), "bob on b. ");
    let alices = find(&alice, his.id()).await;
    assert_eq!(text_of(&alices), "bob on b. ");

    b.repo().set_offline(true);
    append(&hers, "while cut. ");
    append(&his, "while cut. ");
    b.repo().set_offline(false);
    until("both notes are the same everywhere", || {
        text_of(&bobs) == "alice on a. while cut. " && text_of(&alices) == "bob on b. while cut. "
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reached_a_server_while_the_link_was_cut_crosses_it_later() {
    let (data_a, data_b) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let a = server(data_a.path(), |_| ()).await;
    let b = server(data_b.path(), |_| ()).await;
    let bob = client(&url(&b));
    let his = note(&bob, &url(&b), "written before the link");
    until("b has saved it", || saved_on_a_server(&his)).await;
    bob.shutdown().await;
    assert!(b.shutdown().await);

    // The document lies on b's disk only, and nobody asks b for it.
    let link = Linked { url: url(&a), token: None };
    let b = server(data_b.path(), |options| options.linked = vec![link]).await;
    let alice = client(&url(&a));
    let found = find(&alice, his.id()).await;
    assert_eq!(text_of(&found), "written before the link");
    drop(b);
}

#[tokio::test(flavor = "multi_thread")]
async fn news_that_lay_on_a_disk_crosses_the_link_without_being_asked_for() {
    let (data_a, data_b) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let a = server(data_a.path(), |_| ()).await;
    let link = Linked { url: url(&a), token: None };
    let linked = |options: &mut ServerOptions| options.linked = vec![link.clone()];
    let b = server(data_b.path(), linked).await;
    let (alice, bob) = (client(&url(&a)), client(&url(&b)));
    let his = note(&bob, &url(&b), "before. ");
    let hers = find(&alice, his.id()).await;
    assert!(soon("b ends", b.shutdown()).await);

    let alone = server(data_b.path(), |_| ()).await;
    let late = client(&url(&alone));
    append(&find(&late, his.id()).await, "while b was alone. ");
    let copy = find(&late, his.id()).await;
    until("it is saved", || saved_on_a_server(&copy)).await;
    assert!(soon("b ends", alone.shutdown()).await);

    let _b = server(data_b.path(), linked).await;
    until("alice reads it", || text_of(&hers) == "before. while b was alone. ").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_serves_one_server() {
    let data = TempDir::new().unwrap();
    let _first = server(data.path(), |_| ()).await;
    let mut options = ServerOptions::new(data.path());
    options.listen = "127.0.0.1:0".into();
    let error = soon("the answer", rejoin_server::Server::start(options)).await.unwrap_err();
    assert!(matches!(&error, StartError::Store(e) if e.kind() == StoreErrorKind::InUse), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_let_in_with_tokens_only_unless_the_operator_says_so() {
    let data = TempDir::new().unwrap();
    let mut options = ServerOptions::new(data.path());
    options.listen = "0.0.0.0:0".into();
    let error = rejoin_server::Server::start(options.clone()).await.unwrap_err();
    assert!(matches!(error, StartError::Unguarded(_)));
    options.open = true;
    rejoin_server::Server::start(options).await.unwrap().shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_nobody_uses_leave_memory() {
    let data = TempDir::new().unwrap();
    let server = server(data.path(), |o| o.idle_after = Duration::from_millis(50)).await;
    let alice = client(&url(&server));
    let hers = note(&alice, &url(&server), "soon forgotten");
    until("it is saved", || saved_on_a_server(&hers)).await;
    alice.shutdown().await;
    let id = hers.id().clone();
    until("it has left memory", || server.repo().documents_in_memory() == 0).await;
    let bob = client(&url(&server));
    let his = find(&bob, &id).await;
    assert_eq!(text_of(&his), "soon forgotten");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_tells_how_things_are() {
    let data = TempDir::new().unwrap();
    let server = server(data.path(), |_| ()).await;
    let alice = client(&url(&server));
    until("alice is connected", || !server.repo().connections().is_empty()).await;
    let mut stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    soon("the answer", stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("\"status\":\"ok\""), "{answer}");
    drop(alice);
}
