//! What the system calls of the server show: what it reports as durable was written and synced.

mod common;

use common::{append, client, note, saved_on_a_server, until};
use rejoin_repo::{AutomergeUrl, DocumentHandle};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const EDITS: usize = 20;

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The head of a note as wire messages write it.
fn head(note: &DocumentHandle) -> String {
    let heads = note.read(|document| document.heads().to_vec()).expect("it is in memory");
    assert_eq!(heads.len(), 1);
    let url = AutomergeUrl { document: note.id().clone(), path: None, heads }.to_string();
    url.split_once('#').expect("a link with a head").1.to_owned()
}

/// The trace, once the server has ended and everything of it is written.
async fn complete(trace: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    until("the trace is complete", || {
        let text = std::fs::read_to_string(trace).unwrap_or_default();
        lines = text.lines().map(str::to_owned).collect();
        lines.iter().any(|line| line.contains("+++ killed"))
    })
    .await;
    lines
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_server_reports_nothing_before_what_it_speaks_of_was_synced() {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        println!("skipped: no strace here");
        return;
    }
    let data = TempDir::new().unwrap();
    let trace = data.path().join("trace");
    // The tracer stands aside, so that the process that is started here is the server.
    let child = Command::new("strace")
        .args(["-D", "-f", "-q", "-s", "6000", "-e"])
        .args(["trace=pwrite64,fsync,fdatasync,sendto,write,writev", "-o"])
        .arg(&trace)
        .arg(env!("CARGO_BIN_EXE_rejoin-server"))
        .args(["--listen", "127.0.0.1:0", "--log-format", "json", "--data"])
        .arg(data.path().join("store"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut server = Killed(child);
    let mut log = BufReader::new(server.0.stderr.take().unwrap()).lines().map_while(Result::ok);
    let listening = log.find(|line| line.contains("\"listening\"")).expect("it listens");
    let address = listening.split("\"address\":\"").nth(1).and_then(|rest| rest.split('"').next());
    let url = format!("ws://{}", address.expect("an address"));
    std::thread::spawn(move || log.for_each(drop));

    let writer = client(&url);
    let note = note(&writer, &url, "begun");
    let mut reported = Vec::new();
    for number in 0..EDITS {
        let mark = format!("mark-{number:03}-end");
        append(&note, &mark);
        until("it is on the disk of the server", || saved_on_a_server(&note)).await;
        reported.push((mark, head(&note)));
    }
    drop(server);

    let lines = complete(&trace).await;
    let first = |from: usize, is: &dyn Fn(&str) -> bool| {
        lines[from..].iter().position(|line| is(line)).map(|found| from + found)
    };
    for (mark, head) in reported {
        let written = first(0, &|line| line.contains("pwrite64(") && line.contains(&mark));
        let written = written.expect("the change was written");
        let synced = first(written, &|line| line.contains("sync") && line.ends_with("= 0"));
        let told = first(0, &|line| line.contains("remote-heads-changed") && line.contains(&head));
        let (synced, told) = (synced.expect("it was synced"), told.expect("it was told"));
        assert!(synced < told, "{mark}: told in line {told}, synced in line {synced}");
    }
}
