//! What a thousand silent clients cost the server.

use rejoin_websocket::{DialOptions, dial};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The first message of a client called `peer-a`, as automerge-repo writes it.
const JOIN: &str = "b900046474797065646a6f696e6873656e646572496466706565722d616c706565724d657461646174\
    61b900026973746f726167654964f76b6973457068656d6572616cf47819737570706f7274656450726f746f636f6c5665\
    7273696f6e73816131";

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The first message of another client, whose name has six characters too.
fn join(number: usize) -> Vec<u8> {
    let digits: Vec<u8> = JOIN.bytes().filter(u8::is_ascii_hexdigit).collect();
    let nibble = |digit: u8| char::from(digit).to_digit(16).expect("a hex digit") as u8;
    let mut bytes: Vec<u8> =
        digits.chunks(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect();
    let name = bytes.windows(6).position(|w| w == b"peer-a").expect("the name is in it");
    bytes[name..name + 6].copy_from_slice(format!("p{number:05}").as_bytes());
    bytes
}

fn resident_kilobytes(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim_end_matches("kB").trim().parse().unwrap_or(0)
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_silent_clients_cost_at_most_twenty_megabytes() {
    let data = TempDir::new().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_rejoin-server"))
        .args(["--listen", "127.0.0.1:0", "--log-format", "json", "--data"])
        .arg(data.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let server = Killed(child);
    let line = lines.next().unwrap().unwrap();
    let address = line.split("\"address\":\"").nth(1).and_then(|rest| rest.split('"').next());
    let url = format!("ws://{}", address.unwrap());
    std::thread::spawn(move || lines.for_each(drop));

    let mut connections = Vec::new();
    let mut before = 0;
    for number in 0..1_020 {
        if number == 20 {
            before = resident_kilobytes(server.0.id());
        }
        let connecting = async {
            let (sender, mut receiver) = dial(DialOptions::new(&url)).await.unwrap().split();
            sender.send(join(number)).await.unwrap();
            // The server's answer: it knows us.
            receiver.recv().await.unwrap().unwrap();
            (sender, receiver)
        };
        connections.push(tokio::time::timeout(Duration::from_secs(20), connecting).await.unwrap());
    }
    let grown = resident_kilobytes(server.0.id()).saturating_sub(before);
    println!("1,000 connections: {grown} kB over {before} kB");
    assert!(grown < 20_000, "{grown} kB");
}
