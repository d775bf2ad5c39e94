//! automerge-repo's clients with our server, and our client with automerge-repo's servers.
//!
//! Node and npm are needed; the packages are installed when they are missing.

mod common;

use common::{append, client, find, note, server, text_of, until, url};
use rejoin_server::{Linked, Server};
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

#[tokio::test(flavor = "multi_thread")]
async fn javascript_clients_meet_over_two_linked_servers() {
    let (data_a, data_b) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let a = server(data_a.path(), |_| ()).await;
    let link = Linked { url: url(&a), token: None };
    let b = server(data_b.path(), |options| options.linked = vec![link]).await;
    until("the servers are linked", || b.repo().connections().iter().any(|c| c.peer.is_some()))
        .await;
    script("clients.mjs", vec!["linked".into(), url(&a), url(&b)], &a).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_javascript_client_hears_what_linked_servers_have_on_their_disks() {
    let (data_a, data_b) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let a = server(data_a.path(), |_| ()).await;
    let link = Linked { url: url(&a), token: None };
    let b = server(data_b.path(), |options| options.linked = vec![link]).await;
    until("the servers are linked", || b.repo().connections().iter().any(|c| c.peer.is_some()))
        .await;
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

/// A server of theirs in a process of its own.
struct Theirs {
    process: Child,
    url: String,
    _data: TempDir,
}

impl Theirs {
    fn start(script: &str) -> Theirs {
        install();
        let data = TempDir::new().expect("a directory");
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = port.local_addr().expect("an address").port();
        let process = Command::new("node")
            .arg(script)
            .current_dir(folder())
            .env("PORT", port.to_string())
            .env("DATA_DIR", data.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("node is needed for the tests against JavaScript");
        Theirs { process, url: format!("ws://127.0.0.1:{port}"), _data: data }
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
    let published = "node_modules/@automerge/automerge-repo-sync-server/src/index.js";
    for script in [published, "server.mjs"] {
        let theirs = Theirs::start(script);
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
