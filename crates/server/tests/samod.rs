//! samod's clients with our server, and our clients with a samod server. The WebSockets are ours;
//! what is said over them is samod's own.

mod common;

use automerge::transaction::Transactable;
use automerge::{Automerge, ROOT, ReadDoc};
use common::{append, client, find, note, server, soon, text_of, until, url};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, sink, stream};
use rejoin_websocket::{Closed, Connection, DialError, DialOptions, ListenOptions, Listener, dial};
use samod::{BackoffConfig, DocHandle, Repo, Transport};
use std::sync::Arc;
use tempfile::TempDir;
use url::Url;

/// One of our connections as samod takes it.
fn transport(connection: Connection) -> Transport {
    let (sender, receiver) = connection.split();
    let incoming =
        stream::unfold(
            receiver,
            |mut receiver| async move { Some((receiver.recv().await?, receiver)) },
        );
    let outgoing = sink::unfold(sender, |sender, message: Vec<u8>| async move {
        sender.send(message).await?;
        Ok::<_, Closed>(sender)
    });
    Transport::new(Box::pin(incoming), Box::pin(outgoing))
}

/// Dials with our WebSocket.
struct Dialer(String);

impl samod::Dialer for Dialer {
    type Error = DialError;

    fn url(&self) -> Url {
        Url::parse(&self.0).expect("an address")
    }

    fn connect(&self) -> BoxFuture<'static, Result<Transport, samod::DialError<DialError>>> {
        let options = DialOptions::new(self.0.clone());
        async move { dial(options).await.map(transport).map_err(samod::DialError::transient) }
            .boxed()
    }
}

async fn samod_client(url: &str) -> Repo {
    let repo = Repo::build_tokio().load().await;
    let dialer = Arc::new(Dialer(url.to_owned()));
    let dialing = repo.dial(BackoffConfig::default(), dialer).expect("the repo runs");
    soon("samod connects", dialing.established()).await.expect("a connection");
    repo
}

fn content(document: &Automerge) -> String {
    let text = document.get(ROOT, "content").expect("it can be read").map(|(_, text)| text);
    text.map(|text| document.text(text).expect("a text")).unwrap_or_default()
}

fn samod_text(handle: &DocHandle) -> String {
    handle.with_document(|document| content(document))
}

fn samod_append(handle: &DocHandle, added: &str) {
    handle.with_document(|document| {
        let end = content(document).chars().count();
        let mut tx = document.transaction();
        let (_, text) = tx.get(ROOT, "content").expect("it can be read").expect("a text");
        tx.splice_text(text, end, 0, added).expect("it can be written");
        tx.commit();
    });
}

/// Finds a document of ours in samod, once it has got there.
async fn samod_find(repo: &Repo, id: &rejoin_repo::DocumentId) -> DocHandle {
    let id: samod::DocumentId = id.to_string().parse().expect("the same kind of name");
    let found = async {
        loop {
            if let Some(found) = repo.find(id.clone()).await.expect("the repo runs") {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    soon("samod finds the document", found).await
}

#[tokio::test(flavor = "multi_thread")]
async fn samod_clients_meet_ours_in_our_server() {
    let data = TempDir::new().unwrap();
    let server = server(data.path(), |_| ()).await;
    let (ours, theirs) = (client(&url(&server)), samod_client(&url(&server)).await);
    let written = note(&ours, &url(&server), "from us. ");
    let read = samod_find(&theirs, written.id()).await;
    assert_eq!(samod_text(&read), "from us. ");
    samod_append(&read, "from samod. ");
    append(&written, "more. ");
    until("both see both", || {
        samod_text(&read) == text_of(&written) && text_of(&written).len() == 27
    })
    .await;

    let mut made = Automerge::new();
    let mut tx = made.transaction();
    let text = tx.put_object(ROOT, "content", automerge::ObjType::Text).unwrap();
    tx.splice_text(text, 0, 0, "made by samod").unwrap();
    tx.commit();
    let made = theirs.create(made).await.unwrap();
    let found = find(&ours, &made.document_id().to_string().parse().unwrap()).await;
    assert_eq!(text_of(&found), "made by samod");
}

#[tokio::test(flavor = "multi_thread")]
async fn our_clients_meet_in_a_samod_server() {
    let mut listener = Listener::bind(ListenOptions::new("127.0.0.1:0")).await.unwrap();
    let address = format!("ws://{}", listener.address());
    let samod = Repo::build_tokio().load().await;
    let acceptor = samod.make_acceptor(Url::parse(&address).unwrap()).unwrap();
    tokio::spawn(async move {
        while let Some(connection) = listener.accept().await {
            acceptor.accept(transport(connection)).expect("the repo runs");
        }
    });
    let (alice, bob) = (client(&address), client(&address));
    let hers = note(&alice, &address, "from alice. ");
    let his = find(&bob, hers.id()).await;
    append(&his, "from bob. ");
    append(&hers, "more. ");
    until("both see both", || text_of(&hers) == text_of(&his) && text_of(&his).len() == 28).await;
    alice.set_offline(true);
    append(&hers, "offline. ");
    append(&his, "online. ");
    alice.set_offline(false);
    until("they agree again", || text_of(&hers) == text_of(&his) && text_of(&his).len() == 45)
        .await;
}
