//! Documents in files and on servers.

mod common;

use common::{Desk, Done};
use rejoin_server::{Server, ServerOptions};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;

struct Running {
    server: Server,
    _data: TempDir,
}

async fn start(change: impl FnOnce(&mut ServerOptions)) -> Running {
    let data = TempDir::new().expect("a directory");
    let mut options = ServerOptions::new(data.path());
    options.listen = "127.0.0.1:0".into();
    change(&mut options);
    Running { server: Server::start(options).await.expect("a server"), _data: data }
}

impl Running {
    fn url(&self) -> String {
        format!("ws://{}", self.server.address())
    }
}

fn last_line(done: &Done) -> &str {
    done.err.lines().last().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_files_meet_on_a_server() {
    let running = start(|_| ()).await;
    let (desk, url) = (Desk::new(), running.url());
    desk.ok(&["new", "a", "--json", r#"{"text":"one"}"#]);
    let done = desk.run(&["sync", "a", &url]);
    assert_eq!((done.code, last_line(&done)), (0, "saved on the server"));
    let link = done.out.trim();
    assert!(link.starts_with("automerge:"), "{link}");
    // What the server has long had is said to be saved too.
    let done = desk.run(&["sync", "a", &url, "--doc", link]);
    assert_eq!((done.code, last_line(&done)), (0, "saved on the server"));

    desk.ok(&["get", link, "--server", &url, "-o", "b"]);
    assert_eq!(desk.heads("a"), desk.heads("b"));
    desk.ok(&["text", "a", "text", "--splice", "0,0,zero "]);
    desk.ok(&["text", "b", "text", "--splice", "3,0, two"]);
    desk.ok(&["sync", "a", &url, "--doc", link]);
    desk.ok(&["sync", "b", &url, "--doc", link, "--once"]);
    desk.ok(&["sync", "a", &url, "--doc", link.trim_start_matches("automerge:")]);
    assert_eq!(desk.ok(&["show", "a", "--path", "text"]), "zero one two");
    assert_eq!(desk.heads("a"), desk.heads("b"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_file_follows_and_is_followed() {
    let running = start(|_| ()).await;
    let (desk, url) = (Desk::new(), running.url());
    desk.ok(&["new", "a", "--json", r#"{"text":"one"}"#]);
    let mut watching = desk
        .command(&["sync", "a", &url, "--watch"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut link = String::new();
    BufReader::new(watching.stdout.take().unwrap()).read_line(&mut link).unwrap();
    let link = link.trim();

    desk.ok(&["get", link, "--server", &url, "-o", "b"]);
    desk.ok(&["text", "b", "text", "--splice", "3,0, two"]);
    desk.ok(&["sync", "b", &url, "--doc", link]);
    let until = |what: &str, text: &str, look: &dyn Fn() -> String| {
        let begun = Instant::now();
        while look() != text {
            assert!(begun.elapsed() < Duration::from_secs(20), "{what}: {}", look());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    until("the watched file follows", "one two", &|| desk.ok(&["show", "a", "--path", "text"]));
    desk.ok(&["text", "a", "text", "--splice", "0,0,zero "]);
    until("the watched file is followed", "zero one two", &|| {
        desk.ok(&["sync", "b", &url, "--doc", link]);
        desk.ok(&["show", "b", "--path", "text"])
    });

    // Another program writes the file in two steps, and meanwhile something arrives.
    desk.ok(&["text", "b", "text", "--splice", "0,0,minus "]);
    let whole = std::fs::read(desk.path("a")).unwrap();
    let mut torn = whole.clone();
    torn.truncate(whole.len() / 2);
    for half in [&torn[..], &[]] {
        std::fs::write(desk.path("a"), half).unwrap();
        std::thread::sleep(Duration::from_millis(700));
        desk.ok(&["sync", "b", &url, "--doc", link]);
        std::thread::sleep(Duration::from_millis(700));
        assert_eq!(std::fs::read(desk.path("a")).unwrap(), half, "it is left alone");
    }
    std::fs::write(desk.path("a"), whole).unwrap();
    until("the watched file follows again", "minus zero one two", &|| {
        desk.ok(&["show", "a", "--path", "text"])
    });
    watching.kill().unwrap();
    watching.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_with_servers_have_their_codes() {
    let running = start(|_| ()).await;
    let (desk, url) = (Desk::new(), running.url());
    desk.ok(&["new", "a"]);
    let nobody_has = "automerge:2v36xqWcspA5nvfg48HaHDXnDdeE";
    assert_eq!(desk.run(&["get", nobody_has, "--server", &url, "-o", "b"]).code, 3);
    assert_eq!(desk.run(&["get", "automerge:nonsense", "--server", &url, "-o", "b"]).code, 2);
    running.server.shutdown().await;
    let done = desk.run(&["sync", "a", &url, "--timeout", "5"]);
    assert_eq!(done.code, 6, "{done:?}");
    assert_eq!(desk.run(&["sync", "a", "ws://"]).code, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_tokens_wants_one() {
    use rejoin_websocket::{Admission, TokenSet};
    let tokens = TokenSet::parse("a-good-secret\n").unwrap();
    let running = start(|options| options.admission = Admission::Tokens(tokens)).await;
    let (desk, url) = (Desk::new(), running.url());
    desk.ok(&["new", "a"]);
    let done = desk.run(&["sync", "a", &url]);
    assert_eq!(done.code, 6);
    assert!(done.err.contains("a token is needed"), "{done:?}");
    std::fs::write(desk.path("token"), "a-good-secret\n").unwrap();
    desk.ok(&["sync", "a", &url, "--token-file", "token"]);
}
