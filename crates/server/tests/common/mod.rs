//! What the tests of the server share.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod process;

use rejoin_document::{Document, ObjId, ObjType, TextUnit, Value};
use rejoin_repo::{Destination, DocumentHandle, DocumentId, PublishMode, Repo};
use rejoin_server::{Server, ServerOptions};
use rejoin_storage::MemoryStore;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

/// Waits for something that has to happen, and not for ever.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let late = format!("this takes too long: {what}");
    tokio::time::timeout(Duration::from_secs(30), future).await.expect(&late)
}

/// Looks again and again until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    soon(what, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// A server on a free local port.
pub(crate) async fn server(data: &Path, change: impl FnOnce(&mut ServerOptions)) -> Server {
    let mut options = ServerOptions::new(data);
    options.listen = "127.0.0.1:0".into();
    change(&mut options);
    Server::start(options).await.expect("the server starts")
}

/// The address of a server as it is dialed.
pub(crate) fn url(server: &Server) -> String {
    format!("ws://{}", server.address())
}

/// A repo that keeps nothing, connected to this address.
pub(crate) fn client(url: &str) -> Repo {
    let repo = Repo::builder(Box::new(MemoryStore::new())).build().expect("a repo");
    repo.dial(url, None);
    repo
}

/// Finds a document that is on its way: who asks too early is told that it is not there. It stays
/// in sync with all addresses that the repo dials, also when they have been away.
pub(crate) async fn find(repo: &Repo, id: &DocumentId) -> DocumentHandle {
    let servers = repo.connections().into_iter().filter(|c| c.dialer.is_some());
    repo.share(id, servers.map(|c| Destination::Server(c.address)).collect());
    let found = async {
        loop {
            if let Ok(found) = repo.find(id).await {
                found.set_mode(PublishMode::Live);
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon("the document is found", found).await
}

/// A note with this text, on its way to the server at `url`.
pub(crate) fn note(repo: &Repo, url: &str, text: &str) -> DocumentHandle {
    let note = repo.create();
    note.set_mode(PublishMode::Live);
    note.change(None, |tx| {
        let content = tx.put_object(ObjId::ROOT, "content", ObjType::Text)?;
        tx.splice_text(content, 0, 0, text, TextUnit::Utf16)
    })
    .expect("the note is in memory")
    .expect("the note can be written");
    repo.share(note.id(), [Destination::Server(url.to_owned())].into());
    note
}

/// Appends to the text of a note.
pub(crate) fn append(note: &DocumentHandle, text: &str) {
    let content = note.read(content).expect("the note is in memory");
    let end = text_of(note).encode_utf16().count();
    note.change(None, |tx| tx.splice_text(content, end, 0, text, TextUnit::Utf16))
        .expect("the note is in memory")
        .expect("the note can be written");
}

/// The text of a note.
pub(crate) fn text_of(note: &DocumentHandle) -> String {
    note.read(|document| document.view().text(content(document)).expect("there is a text"))
        .expect("the note is in memory")
}

/// Whether a server says that all of the note is on its disk.
pub(crate) fn saved_on_a_server(note: &DocumentHandle) -> bool {
    note.status().is_some_and(|status| status.servers.iter().any(|server| server.has_all))
}

fn content(document: &Document) -> ObjId {
    match document.view().get(ObjId::ROOT, "content") {
        Ok(Some(Value::Object(_, content))) => content,
        other => unreachable!("no content: {other:?}"),
    }
}
