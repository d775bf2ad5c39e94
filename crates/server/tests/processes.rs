//! The server as a process: killed, told to stop, without room, without a place.

mod common;

use common::process::{Process, command, free_address, health, noise, output, stranger};
use common::{append, client, find, note, saved_on_a_server, soon, text_of, until};
use rejoin_repo::{DocumentHandle, DocumentId, PeerId, Repo, RepoOptions};
use rejoin_storage::MemoryStore;
use rejoin_sync::wire::{DocumentMessage, WireMessage};
use rejoin_websocket::{ClientTls, DialOptions, dial};
use std::time::Duration;
use tempfile::TempDir;

fn reported(note: &DocumentHandle) -> Vec<String> {
    let servers = note.status().map(|status| status.servers).unwrap_or_default();
    servers.iter().flat_map(|server| &server.heads).map(ToString::to_string).collect()
}

fn has(note: &DocumentHandle, head: &str) -> bool {
    let head = head.parse().expect("a hash");
    note.read(|document| document.has_change(&head)).expect("the note is in memory")
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_server_loses_nothing_that_it_reported_as_saved() {
    let rounds = std::env::var("ITERATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(10);
    let seed = std::env::var("SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1_u64);
    println!("SEED={seed}");
    let data = TempDir::new().unwrap();
    let address = free_address();
    let url = format!("ws://{address}");
    let mut server = Process::start(data.path(), &address, &[]);
    let writer = client(&url);
    let notes: Vec<_> = (0..4).map(|i| note(&writer, &url, &format!("note {i}: "))).collect();
    let mut saved_edits = 0;
    for round in 0..rounds {
        writer.set_offline(false);
        writer.network_returned();
        until("something is saved on the server", || notes.iter().all(saved_on_a_server)).await;
        // How long the load goes on is a function of the seed and the round.
        let edits = (seed.wrapping_mul(round + 1).wrapping_mul(0x9e37_79b9) >> 7) % 150;
        for i in 0..edits {
            append(&notes[(i % 4) as usize], "x");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        server.kill();
        let claims: Vec<Vec<String>> = notes.iter().map(reported).collect();
        writer.set_offline(true);

        server = Process::start(data.path(), &address, &[]);
        let reader = client(&url);
        for (note, heads) in notes.iter().zip(&claims) {
            let read = find(&reader, note.id()).await;
            for head in heads {
                assert!(has(&read, head), "round {round}: {head} was reported and is gone");
            }
            saved_edits += text_of(&read).matches('x').count();
        }
        reader.shutdown().await;
    }
    assert!(saved_edits > 0, "nothing was ever saved");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_stop_saves_everything_first() {
    let data = TempDir::new().unwrap();
    let address = free_address();
    let url = format!("ws://{address}");
    let mut server = Process::start(data.path(), &address, &[]);
    let writer = client(&url);
    let hers = note(&writer, &url, "kept ");
    let received = || hers.status().is_some_and(|s| s.peers.iter().any(|peer| peer.has_all));
    until("the server has it", received).await;
    append(&hers, "and this too");
    until("the server has it", received).await;
    assert_eq!(server.terminate(), Some(0));
    writer.set_offline(true);

    let _server = Process::start(data.path(), &address, &[]);
    let read = find(&client(&url), hers.id()).await;
    assert_eq!(text_of(&read), "kept and this too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_reported_and_the_server_goes_on() {
    let data = TempDir::new().unwrap();
    let address = free_address();
    let url = format!("ws://{address}");
    let mut server = Process::start(data.path(), &address, &["--max-data", "200000"]);
    let (alice, bob) = (client(&url), client(&url));
    let small = note(&alice, &url, "small");
    until("the small note is saved", || saved_on_a_server(&small)).await;
    let large = note(&alice, &url, &noise(800_000));
    server.line_with("no room left");
    // What does not fit on the disk still passes from one client to the other.
    let read = find(&bob, large.id()).await;
    assert_eq!(text_of(&read).len(), 800_000);
    assert!(!saved_on_a_server(&large));
    // Two notes may have been in the batch that failed; then the large one is still tried alone.
    let answer = soon("the server says so", async {
        loop {
            let answer = health(&address).await;
            if answer.contains("no room left") {
                return answer;
            }
        }
    })
    .await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    // For a small one there is still room.
    append(&small, " and a little more");
    let another = note(&alice, &url, "small too");
    until("what fits is saved", || saved_on_a_server(&small) && saved_on_a_server(&another)).await;
    assert!(!saved_on_a_server(&large));
    drop(server);

    let _server = Process::start(data.path(), &address, &[]);
    until("with more room it is saved", || saved_on_a_server(&large)).await;
    assert_eq!(text_of(&find(&client(&url), small.id()).await), "small and a little more");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_limit_that_is_tripped_stands_in_the_log_with_its_code() {
    let data = TempDir::new().unwrap();
    let address = free_address();
    let url = format!("ws://{address}");
    let limits =
        ["--max-message", "100000", "--max-rate", "50", "--max-documents-per-connection", "2"];
    let more = ["--max-connections-per-address", "8", "--idle-seconds", "3600"];
    let mut server = Process::start(data.path(), &address, &[&limits[..], &more].concat());
    let alice = client(&url);
    let hers = note(&alice, &url, "good");
    until("it is saved", || saved_on_a_server(&hers)).await;
    let say = |document: DocumentId, data: Vec<u8>| {
        let sender = PeerId::new("stranger").expect("a name");
        let target = PeerId::new("server").expect("a name");
        WireMessage::Sync(DocumentMessage { sender, target, document, data }).encode()
    };
    let mut warned = |what: &str, code: &str| {
        let line = server.line_with(what);
        let line: serde_json::Value = serde_json::from_str(&line).expect("a line is an object");
        assert_eq!(line["level"], "WARN", "{line}");
        let fields = &line["fields"];
        assert!(fields["address"].as_str().is_some_and(|a| a.starts_with("127.0.0.1")), "{line}");
        assert_eq!(fields["code"].as_str().unwrap_or_default(), code, "{line}");
    };

    let (sender, _kept) = stranger(&url).await;
    for number in 0..4 {
        let request = say(DocumentId::from_random([number; 16]), vec![0x42, 0, 0, 0, 0]);
        sender.send(request).await.expect("it is sent");
    }
    warned("more than 2 documents on one connection", "");
    let (sender, _kept) = stranger(&url).await;
    sender.send(say(hers.id().clone(), b"nonsense".to_vec())).await.expect("it is sent");
    warned("a peer is not served as it wished", "");
    let (sender, _kept) = stranger(&url).await;
    sender.send(vec![0; 100_001]).await.expect("it is sent");
    warned("connection closed", "1009");
    let (sender, _kept) = stranger(&url).await;
    for _ in 0..300 {
        let _ = sender.send(say(hers.id().clone(), vec![0x42, 0, 0, 0, 0])).await;
    }
    warned("connection closed", "4029");
    let (sender, _kept) = stranger(&url).await;
    sender.send(b"garbage".to_vec()).await.expect("it is sent");
    warned("connection closed", "1008");
    let mut kept = Vec::new();
    while let Ok(connection) = soon("an answer", dial(DialOptions::new(&url))).await {
        kept.push(connection);
        assert!(kept.len() <= 8, "more connections than the limit");
    }
    warned("too many connections", "");

    append(&hers, " goes on");
    until("it is saved", || saved_on_a_server(&hers)).await;
}

#[test]
fn a_server_without_a_place_for_its_data_says_so_and_ends() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let said = output(&file.join("data"), "127.0.0.1:0", &[]);
    assert_eq!(said.status.code(), Some(1));
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(text.contains("the data directory cannot be used: cannot be written"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_linked_by_wss_with_a_token_and_told_so_by_the_environment() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str| folder.path().join(name);
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    std::fs::write(file("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(file("key.pem"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(file("tokens"), "the-token-of-the-other-server\n").unwrap();
    let (first, second) = (free_address(), free_address());
    let guarded = format!("wss://localhost:{}", first.rsplit_once(':').unwrap().1);

    let mut command_of_first = command(&file("first"), &first);
    command_of_first.env("REJOIN_TLS_CERT", file("cert.pem"));
    command_of_first.env("REJOIN_TLS_KEY", file("key.pem"));
    command_of_first.env("REJOIN_TOKEN_FILE", file("tokens"));
    let _first = Process::listening(command_of_first);
    let mut command_of_second = command(&file("second"), &second);
    command_of_second.env("REJOIN_PEERS", &guarded);
    command_of_second.env("REJOIN_PEER_TOKEN_FILE", file("tokens"));
    command_of_second.env("REJOIN_PEER_TLS_ROOTS", file("cert.pem"));
    let _second = Process::listening(command_of_second);

    let options = RepoOptions {
        tls: Some(ClientTls::from_file(&file("cert.pem")).unwrap()),
        ..RepoOptions::default()
    };
    let alice = Repo::builder(Box::new(MemoryStore::new())).options(options).build().unwrap();
    alice.dial(&guarded, Some("the-token-of-the-other-server".into()));
    let hers = note(&alice, &guarded, "over an encrypted link");
    until("it is saved", || saved_on_a_server(&hers)).await;
    let bob = client(&format!("ws://{second}"));
    let his = find(&bob, hers.id()).await;
    assert_eq!(text_of(&his), "over an encrypted link");
    append(&his, ", and back");
    until("the answer is there", || text_of(&hers) == "over an encrypted link, and back").await;
}

#[test]
fn a_second_server_on_the_same_data_says_so_and_ends() {
    let data = TempDir::new().unwrap();
    let _first = Process::start(data.path(), "127.0.0.1:0", &[]);
    let said = output(data.path(), "127.0.0.1:0", &[]);
    assert_eq!(said.status.code(), Some(1));
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(text.contains("in use by another process"), "{text}");
}

#[test]
fn wrong_arguments_are_refused_with_a_reason() {
    let data = TempDir::new().unwrap();
    let code = |more: &[&str]| output(data.path(), "127.0.0.1:0", more).status.code();
    assert_eq!(code(&["--max-rate", "many"]), Some(2));
    assert_eq!(code(&["--tls-cert", "only-one"]), Some(2));
    for none in ["--max-message", "--max-inflated", "--max-connections", "--max-rate"] {
        assert_eq!(code(&[none, "0"]), Some(2), "{none}");
    }
    assert_eq!(code(&["--unload-seconds", &u64::MAX.to_string()]), Some(2));
    for nowhere in ["nonsense", "http://example.org", "ws://"] {
        assert_eq!(code(&["--peer", nowhere]), Some(2), "{nowhere}");
    }
    assert_eq!(code(&["--log", "%%%"]), Some(2));
    assert_eq!(code(&["--token-file", "/none"]), Some(1));
    let said = output(data.path(), "0.0.0.0:0", &[]);
    assert!(String::from_utf8_lossy(&said.stderr).contains("can be reached by others"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_do_not_show_in_the_log() {
    let data = TempDir::new().unwrap();
    let tokens = data.path().join("tokens");
    std::fs::write(&tokens, "very-secret-token\n").unwrap();
    let address = free_address();
    let more = ["--token-file", tokens.to_str().unwrap(), "--log", "trace"];
    let mut server = Process::start(data.path(), &address, &more);
    let good = rejoin_repo::Repo::builder(Box::new(rejoin_storage::MemoryStore::new())).build();
    let good = good.unwrap();
    good.dial(&format!("ws://{address}/?access_token=very-secret-token"), None);
    good.dial(&format!("ws://{address}/"), Some("wrong-secret-token".into()));
    until("one of them is in", || good.connections().iter().any(|c| c.peer.is_some())).await;
    server.line_with("request refused");
    server.kill();
    let log: Vec<String> = server.seen.drain(..).chain(server.lines.iter()).collect();
    assert!(log.len() > 1);
    let shown: Vec<&String> = log.iter().filter(|line| line.contains("secret-token")).collect();
    assert!(shown.is_empty(), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_log_nobody_reads_any_more_goes_on() {
    use std::io::{BufRead, BufReader};
    let data = TempDir::new().unwrap();
    let address = free_address();
    let mut child = command(data.path(), &address).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("\"listening\"") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the server listens");
    }
    drop(log);
    let url = format!("ws://{address}");
    let (alice, bob) = (client(&url), client(&url));
    let hers = note(&alice, &url, "before. ");
    let his = find(&bob, hers.id()).await;
    for _ in 0..3 {
        // Each has a line in the log.
        let (sender, mut receiver) = stranger(&url).await;
        sender.send(b"garbage".to_vec()).await.expect("it is sent");
        let closed = soon("the end", receiver.recv()).await.expect("a reason").unwrap_err();
        assert_eq!(closed.code.0, 1008);
        let refused = soon("an answer", dial(DialOptions::new(format!("{url}/a b")))).await;
        drop(refused);
    }
    append(&hers, "after. ");
    until("it arrives", || text_of(&his) == "before. after. ").await;
    until("it is saved", || saved_on_a_server(&hers)).await;
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_a_linked_server_can_be_reached_stands_in_the_log() {
    let (near, far) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let far_address = free_address();
    let link = format!("ws://{far_address}/?access_token=very-secret-token");
    let mut server = Process::start(near.path(), &free_address(), &["--peer", &link]);
    let line = server.line_with("a linked server cannot be reached");
    assert!(line.contains("WARN") && line.contains("refused"), "{line}");
    assert!(line.contains(&far_address), "{line}");
    let mut other = Process::start(far.path(), &far_address, &[]);
    server.line_with("a linked server is connected");
    other.kill();
    server.line_with("a linked server cannot be reached");
    assert!(server.seen.iter().all(|line| !line.contains("secret")));
}
