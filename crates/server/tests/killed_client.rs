//! A client with a store of its own, killed at any moment while it writes and syncs.

mod common;

use common::{append, client, find, note, server, text_of, until, url};
use rejoin_repo::{Destination, DocumentId, PublishMode, Repo};
use rejoin_storage::{SqliteOptions, SqliteStore};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Set for the processes that the test starts: the store, the server and the note.
const CHILD: &str = "REJOIN_CLIENT_CHILD";

fn open(path: &Path) -> Repo {
    // The thread of the repo that had it before may still be about to close it.
    let options = SqliteOptions { wait: Duration::from_secs(10), ..SqliteOptions::default() };
    let store = SqliteStore::open(path, &options).expect("the store opens");
    Repo::builder(Box::new(store)).build().expect("a repo")
}

/// Not a test of its own: the process that is killed. It writes without end, and reports each
/// length of the text of which it was told that it is on this disk.
#[tokio::test(flavor = "multi_thread")]
async fn child_that_writes_and_reports() {
    let Ok(arguments) = std::env::var(CHILD) else { return };
    let (path, rest) = arguments.split_once('|').unwrap();
    let (url, id) = rest.split_once('|').unwrap();
    let id: DocumentId = id.parse().unwrap();
    let repo = open(Path::new(path));
    repo.share(&id, [Destination::Server(url.to_owned())].into());
    repo.dial(url, None);
    let note = find(&repo, &id).await;
    note.set_mode(PublishMode::Live);
    for i in 0.. {
        append(&note, "x");
        if i % 7 == 0 {
            let length = text_of(&note).len();
            note.saved().await.unwrap();
            println!("\nsaved {length}");
            std::io::stdout().flush().unwrap();
        }
    }
}

fn start_child(
    path: &Path,
    url: &str,
    id: &DocumentId,
) -> (Child, impl Iterator<Item = usize> + use<>) {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "child_that_writes_and_reports", "--nocapture"])
        .env(CHILD, format!("{}|{url}|{id}", path.display()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child process");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let saved = lines.map_while(Result::ok).filter_map(|line| {
        let length = line.strip_prefix("saved ")?.parse().ok()?;
        Some(length)
    });
    (child, saved)
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_a_client_loses_nothing_that_it_reported_as_saved() {
    let rounds = std::env::var("ITERATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(10);
    let data = TempDir::new().unwrap();
    let server = server(data.path(), |_| ()).await;
    let watcher = client(&url(&server));
    let watched = note(&watcher, &url(&server), "");
    let path = data.path().join("client.sqlite");
    for round in 0..rounds {
        let (mut child, mut saved) = start_child(&path, &url(&server), watched.id());
        let reports = 2 + round * 5 % 17;
        let reported: Option<usize> =
            tokio::task::block_in_place(|| saved.by_ref().take(reports).last());
        child.kill().unwrap();
        let reported = saved.last().max(reported).expect("it wrote something");
        child.wait().unwrap();

        // Alone, with nothing but its disk.
        let repo = open(&path);
        let kept = repo.find(watched.id()).await.unwrap();
        let length = text_of(&kept).len();
        assert!(length >= reported, "round {round}: {length} of {reported} saved characters");
        repo.shutdown().await;
    }
    until("everything arrives in the end", || {
        text_of(&watched).chars().all(|c| c == 'x') && !text_of(&watched).is_empty()
    })
    .await;
}
