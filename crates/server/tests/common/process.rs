//! Servers in processes of their own.

use super::soon;
use rejoin_repo::PeerId;
use rejoin_sync::wire::{PeerMetadata, WireMessage};
use rejoin_websocket::{DialOptions, Receiver, Sender, dial};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// A server in a process of its own.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) lines: mpsc::Receiver<String>,
    pub(crate) seen: Vec<String>,
}

impl Process {
    /// Starts a server and waits until it listens.
    pub(crate) fn start(data: &Path, listen: &str, more: &[&str]) -> Process {
        let mut command = command(data, listen);
        command.args(more);
        Process::listening(command)
    }

    /// Runs a command and waits until the server listens.
    pub(crate) fn listening(mut command: Command) -> Process {
        let mut child = command.spawn().expect("the server starts");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut process = Process { child, lines, seen: Vec::new() };
        process.line_with("\"listening\"");
        process
    }

    /// The next line of the log with this in it.
    pub(crate) fn line_with(&mut self, wanted: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(30));
            let line = line.expect("the server says something");
            self.seen.push(line.clone());
            if line.contains(wanted) {
                return line;
            }
        }
    }

    #[cfg(unix)]
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(id).status().expect("kill runs").success());
        self.child.wait().expect("the server ends").code()
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the server can be killed");
        self.child.wait().expect("the server ends");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn command(data: &Path, listen: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rejoin-server"));
    command.args(["--listen", listen, "--log-format", "json", "--data"]).arg(data);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

pub(crate) fn output(data: &Path, listen: &str, more: &[&str]) -> Output {
    command(data, listen).args(more).output().expect("the server runs")
}

/// An address that is free now and stays ours over restarts of the server.
pub(crate) fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
}

/// A connection that has introduced itself, on which anything may be said.
pub(crate) async fn stranger(url: &str) -> (Sender, Receiver) {
    let connection = soon("a connection", dial(DialOptions::new(url))).await.expect("it is taken");
    let join = WireMessage::Join {
        sender: PeerId::new("stranger").expect("a name"),
        metadata: PeerMetadata::default(),
        versions: vec!["1".into()],
    };
    let (sender, mut receiver) = connection.split();
    sender.send(join.encode()).await.expect("it is sent");
    soon("the answer", receiver.recv()).await.expect("an answer").expect("an answer");
    (sender, receiver)
}

/// Text that cannot be compressed much.
pub(crate) fn noise(length: usize) -> String {
    let mut state = 1_u64;
    let letters = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'a' + (state >> 33) as u8 % 26)
    });
    letters.take(length).collect()
}

pub(crate) async fn health(address: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("it is taken");
    let mut answer = String::new();
    soon("the answer", stream.read_to_string(&mut answer)).await.expect("an answer");
    answer
}
