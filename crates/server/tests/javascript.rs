//! automerge-repo's clients with our server, and our client with automerge-repo's servers.
//!
//! Node and npm are needed; the packages are installed when they are missing.

mod common;

use common::{append, client, find, note, server, text_of, until, url};
use rejoin_document::{ObjId, Value};
use rejoin_repo::DocumentId;
use rejoin_server::{Linked, Server};
use rejoin_storage::{KeyPrefix, SqliteOptions, SqliteStore, StorageKey, repo_layout};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use tempfile::TempDir;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/js")
}

/// Installs what the lock file says, unless it is there.
fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        if folder().join("node_modules/vitest/package.json").exists() {
            return;
        }
        let npm = Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
            .current_dir(folder())
            .status()
            .expect("npm is needed for the tests against JavaScript");
        assert!(npm.success(), "npm ci failed in {}", folder().display());
    });
}

/// Runs a script to its end, while servers of ours run here.
async fn script(command: &str, arguments: Vec<String>, server: &Server) {
    install();
    let mut node = Command::new("node");
    node.arg(command).args(arguments).current_dir(folder());
    node.env("REJOIN_TEST_SERVER", url(server)).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || node.output()).await;
    let output = output.expect("it runs").expect("node is needed for the tests against JavaScript");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript_clients_meet_in_our_server() {
    let data = TempDir::new().unwrap();
    let server = server(data.path(), |_| ()).await;
    script("clients.mjs", vec!["meet".into(), url(&server)], &server).await;
}

/// Two servers, the second linked to the first.
async fn linked_servers(data_a: &Path, data_b: &Path) -> (Server, Server) {
    let a = server(data_a, |_| ()).await;
    let link = Linked { url: url(&a), token: None };
    let b = server(data_b, |options| options.linked = vec![link]).await;
    until("the servers are linked", || b.repo().connections().iter().any(|c| c.peer.is_some()))
        .await;
    (a, b)
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript_clients_meet_over_two_linked_servers() {
    let data = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (a, b) = linked_servers(data.0.path(), data.1.path()).await;
    script("clients.mjs", vec!["linked".into(), url(&a), url(&b)], &a).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_javascript_client_hears_what_linked_servers_have_on_their_disks() {
    let data = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (a, b) = linked_servers(data.0.path(), data.1.path()).await;
    let stores = [&b, &a].map(|server| server.repo().storage_id().as_str().to_owned());
    let arguments = [vec!["heads".into(), url(&b)], stores.to_vec()].concat();
    script("clients.mjs", arguments, &b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_acceptance_tests_pass_through_our_server() {
    let data = TempDir::new().unwrap();
    let server = server(data.path(), |_| ()).await;
    let those_with_a_server =
        "can sync 2 repos|can sync 3 repos|can broadcast a message|should support reconnecting";
    let arguments = ["run", "acceptance.test.mjs", "-t", those_with_a_server];
    let arguments = arguments.map(str::to_owned).to_vec();
    script("node_modules/vitest/vitest.mjs", arguments, &server).await;
}

/// automerge-repo's server as it is published.
const PUBLISHED: &str = "node_modules/@automerge/automerge-repo-sync-server/src/index.js";

/// A server of theirs in a process of its own.
struct Theirs {
    process: Child,
    url: String,
}

impl Theirs {
    fn start(script: &str, data: &Path) -> Theirs {
        install();
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = port.local_addr().expect("an address").port();
        let process = Command::new("node")
            .arg(script)
            .current_dir(folder())
            .env("PORT", port.to_string())
            .env("DATA_DIR", data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("node is needed for the tests against JavaScript");
        Theirs { process, url: format!("ws://127.0.0.1:{port}") }
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_clients_meet_in_the_servers_of_others() {
    for script in [PUBLISHED, "server.mjs"] {
        let data = TempDir::new().unwrap();
        let theirs = Theirs::start(script, data.path());
        let (alice, bob) = (client(&theirs.url), client(&theirs.url));
        for repo in [&alice, &bob] {
            until("the server is there", || repo.connections().iter().any(|c| c.peer.is_some()))
                .await;
        }
        let hers = note(&alice, &theirs.url, "from alice. ");
        let received = || hers.status().is_some_and(|s| s.peers.iter().any(|peer| peer.has_all));
        until("the server has received it", received).await;
        assert!(!common::saved_on_a_server(&hers), "this server does not tell what is durable");
        let his = find(&bob, hers.id()).await;
        append(&his, "from bob. ");
        append(&hers, "more. ");
        until("both see both", || text_of(&hers) == text_of(&his) && text_of(&his).len() == 28)
            .await;

        alice.set_offline(true);
        append(&hers, "offline. ");
        append(&his, "online. ");
        alice.set_offline(false);
        until("they agree again", || text_of(&hers) == text_of(&his) && text_of(&his).len() == 45)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_of_others_has_stored_moves_to_ours_and_back() {
    let chunks = |key: &StorageKey| key.segments().len() == 3;
    let (data, ours, back) =
        (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let theirs = Theirs::start(PUBLISHED, data.path());
    let alice = client(&theirs.url);
    until("the server is there", || alice.connections().iter().any(|c| c.peer.is_some())).await;
    let hers = note(&alice, &theirs.url, "stored there. ");
    append(&hers, "And a little more. ");
    let id = hers.id().clone();
    let (first, rest) = id.as_str().split_at(2);
    let place = data.path().join(first).join(rest);
    let expected = text_of(&hers);
    // It tells nobody what it has stored; the files do.
    until("everything is stored there", || {
        let mut store = rejoin_storage::MemoryStore::new();
        place.exists()
            && repo_layout::import(data.path(), &mut store, &chunks).is_ok()
            && text_in(&store, &id).as_ref() == Some(&expected)
    })
    .await;
    drop(theirs);

    let path = ours.path().join("rejoin.sqlite");
    let open = || SqliteStore::open(&path, &SqliteOptions::default()).expect("a store");
    let report = repo_layout::import(data.path(), &mut open(), &chunks).expect("it is read");
    assert!(!report.keys.is_empty() && report.skipped.is_empty(), "{report:?}");
    let server = server(ours.path(), |_| ()).await;
    let bob = client(&url(&server));
    let his = find(&bob, &id).await;
    assert_eq!(text_of(&his), expected);
    append(&his, "Written here. ");
    until("it is saved", || common::saved_on_a_server(&his)).await;
    assert!(server.shutdown().await);
    drop(server_is_gone(&path).await);

    for kind in ["snapshot", "incremental"] {
        let prefix = KeyPrefix::new([id.as_str(), kind]).unwrap();
        repo_layout::export(&open(), &prefix, back.path()).expect("it is written");
    }
    let theirs = Theirs::start(PUBLISHED, back.path());
    let carol = client(&theirs.url);
    let found = find(&carol, &id).await;
    assert_eq!(text_of(&found), format!("{expected}Written here. "));
}

/// The text of a note, as far as a store has it.
fn text_in(store: &dyn rejoin_storage::ChunkStore, id: &DocumentId) -> Option<String> {
    let entries = store.load_range(&KeyPrefix::new([id.as_str()]).ok()?).ok()?;
    let entries = entries.into_iter().map(|(key, value)| (key.segments().to_vec(), value));
    let stored = rejoin_sync::StoredDocument::assemble(id, entries.collect());
    let view = stored.document().view();
    let Ok(Some(Value::Object(_, text))) = view.get(ObjId::ROOT, "content") else { return None };
    view.text(text).ok()
}

/// Waits until a server that was shut down has let its store go.
async fn server_is_gone(path: &Path) -> SqliteStore {
    let mut store = None;
    until("the store is free", || {
        store = SqliteStore::open(path, &SqliteOptions::default()).ok();
        store.is_some()
    })
    .await;
    store.expect("it was opened")
}
