//! Folders of notes: imported, exported and mirrored.
#![allow(clippy::unwrap_used)]

mod common;

use common::Desk;
use rejoin_server::{Server, ServerOptions};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

async fn start(data: &TempDir) -> (Server, String) {
    let mut options = ServerOptions::new(data.path());
    options.listen = "127.0.0.1:0".into();
    let server = Server::start(options).await.expect("a server");
    let url = format!("ws://{}", server.address());
    (server, url)
}

fn save(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A program that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn mirror(desk: &Desk, arguments: &[&str]) -> (Running, String) {
    let mut running = desk
        .command(&[&["mirror"], arguments].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program runs");
    let mut link = String::new();
    let out = running.stdout.take().unwrap();
    let running = Running(running);
    BufReader::new(out).read_line(&mut link).unwrap();
    (running, link.trim().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_goes_to_a_server_and_comes_back() {
    let data = TempDir::new().unwrap();
    let (_server, url) = start(&data).await;
    let desk = Desk::new();
    save(&desk.path("notes/Trip.md"), "---\ntags: [x]\n---\n# Trip\n[plan](Work/Plan.md)\n");
    save(&desk.path("notes/Work/Plan.md"), "# Plan\nback to [[Trip]]\n");
    save(&desk.path("notes/picture.png"), "x");
    let done = desk.run(&["import", "notes", "--server", &url]);
    assert_eq!(done.code, 0, "{done:?}");
    let link = done.out.trim();
    assert!(link.starts_with("automerge:"), "{done:?}");
    assert!(done.err.contains("2 notes in 1 new folder, 1 link adapted"), "{done:?}");
    assert!(done.err.contains("1 file that is not Markdown"), "{done:?}");
    assert!(done.err.contains("saved on the server"), "{done:?}");

    let done = desk.run(&["export", "back", "--folder", link, "--server", &url]);
    assert_eq!(done.code, 0, "{done:?}");
    for name in ["Trip.md", "Work/Plan.md"] {
        let file = |directory: &str| fs::read_to_string(desk.path(directory).join(name)).unwrap();
        assert_eq!(file("back"), file("notes"), "{name}");
    }
    let done = desk.run(&["export", "back", "--folder", link, "--server", &url]);
    assert_ne!(done.code, 0, "what is there is not written over: {done:?}");

    let export = ["export", "documents", "--format", "automerge", "--folder", link];
    desk.ok(&[export.as_slice(), &["--server", &url]].concat());
    let text = desk.ok(&["show", "documents/Work/Plan.automerge", "--path", "content"]);
    assert_eq!(text, "# Plan\nback to [[Trip]]\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_imported_is_mirrored_on_from_the_same_data() {
    let data = TempDir::new().unwrap();
    let (_server, url) = start(&data).await;
    let desk = Desk::new();
    save(&desk.path("notes/Trip.md"), "# Trip\n");
    let link = desk.ok(&["import", "notes", "--data", "kept"]);
    let (_one, mirrored) = mirror(&desk, &["files", "--data", "kept", "--server", &url]);
    assert_eq!(mirrored, link.trim());
    let file = |name: &str| fs::read_to_string(desk.path(name)).unwrap_or_default();
    until("the file", || file("files/Trip.md") == "# Trip\n");
    let (_two, _) =
        mirror(&desk, &["others", "--data", "kept too", "--server", &url, "--folder", link.trim()]);
    until("the other file", || file("others/Trip.md") == "# Trip\n");
    save(&desk.path("others/Trip.md"), "# Trip\npack\n");
    until("the edit", || file("files/Trip.md") == "# Trip\npack\n");
}

#[test]
fn an_import_that_was_killed_goes_on_without_making_anything_twice() {
    const FILES: usize = 2500;
    let desk = Desk::new();
    for number in 0..FILES {
        let text = format!("# N{number}\n[first](../d0/N0.md)\n");
        save(&desk.path(&format!("notes/d{}/N{number}.md", number % 2)), &text);
    }
    let data = desk.path("kept/documents.sqlite-wal");
    let mut running = Running(
        desk.command(&["import", "notes", "--data", "kept"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    // Some of it is on the disk by then, and most often not all.
    until("the first notes", || fs::metadata(&data).is_ok_and(|data| data.len() > 200_000));
    running.0.kill().unwrap();
    running.0.wait().unwrap();
    let export = |to: &str| {
        let done = desk.run(&["export", to, "--data", "kept"]);
        assert_eq!(done.code, 0, "{done:?}");
        let count = |directory: &str| {
            let path = desk.path(to).join(directory);
            fs::read_dir(path).map_or(0, Iterator::count)
        };
        count("d0") + count("d1")
    };
    let before = export("half");
    let done = desk.run(&["import", "notes", "--data", "kept"]);
    assert_eq!(done.code, 0, "{done:?}");
    let made = format!("{} notes in", FILES - before);
    assert!(done.err.contains(&made), "{before} were there: {done:?}");
    assert_eq!(export("whole"), FILES);
    let text = fs::read_to_string(desk.path("whole/d1/N1.md")).unwrap();
    assert_eq!(text, "# N1\n[first](../d0/N0.md)\n", "links lead to the notes of both runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_to_a_server_that_is_done_again_finds_the_notes_there() {
    let data = TempDir::new().unwrap();
    let (_server, url) = start(&data).await;
    let desk = Desk::new();
    save(&desk.path("notes/Trip.md"), "# Trip\n");
    save(&desk.path("notes/Work/Plan.md"), "# Plan\n[trip](../Trip.md)\n");
    let link = desk.ok(&["import", "notes", "--server", &url]);
    let again = ["import", "notes", "--server", &url, "--folder", link.trim()];
    let done = desk.run(&again);
    assert_eq!((done.code, done.out.trim()), (0, link.trim()), "{done:?}");
    assert!(done.err.contains("2 notes were there already"), "{done:?}");
    desk.ok(&["export", "back", "--server", &url, "--folder", link.trim()]);
    let names = |directory: &str| {
        let entries = fs::read_dir(desk.path(directory)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("back"), ["Trip.md", "Work"]);
    assert_eq!(names("back/Work"), ["Plan.md"]);
    let plan = fs::read_to_string(desk.path("back/Work/Plan.md")).unwrap();
    assert_eq!(plan, "# Plan\n[trip](../Trip.md)\n");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_on_a_server_for_a_directory_that_cannot_be_made_or_read() {
    let data = TempDir::new().unwrap();
    let (_server, url) = start(&data).await;
    let desk = Desk::new();
    fs::create_dir(desk.path("empty")).unwrap();
    for command in [
        ["mirror", "/proc/nothing/notes", "--data", "kept", "--server", &url],
        ["import", "empty", "--data", "kept", "--server", &url],
    ] {
        let done = desk.run(&command);
        assert_ne!(done.code, 0, "{done:?}");
        assert_eq!(done.out, "", "{done:?}");
        assert!(!desk.path("kept/folder").exists(), "{done:?}");
    }
}

#[test]
fn what_is_missing_is_said() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["import", "nothing", "--data", "kept"]).code, 3);
    assert_eq!(desk.run(&["export", "out", "--data", "nothing"]).code, 3);
    save(&desk.path("notes/Trip.md"), "# Trip\n");
    assert_eq!(desk.run(&["import", "notes"]).code, 2);
    let done = desk.run(&["import", "notes", "--data", "notes/Trip.md"]);
    assert_eq!(done.code, 1);
    assert!(done.err.contains("notes/Trip.md is not a directory"), "{done:?}");
    let unreachable = ["import", "notes", "--server", "ws://127.0.0.1:9", "--timeout", "1"];
    assert_eq!(desk.run(&unreachable).code, 6);
}

/// The lines that a program says to people.
fn told(running: &mut Running) -> std::sync::mpsc::Receiver<String> {
    let (sender, lines) = std::sync::mpsc::channel();
    let from = running.0.stderr.take().unwrap();
    std::thread::spawn(move || {
        BufReader::new(from).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    lines
}

fn wait_for(lines: &std::sync::mpsc::Receiver<String>, words: &str) {
    let until = Instant::now() + Duration::from_secs(20);
    let mut said = Vec::new();
    while let Ok(line) = lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
        if line.contains(words) {
            return;
        }
        said.push(line);
    }
    assert_eq!(said, [words], "nobody said it");
}

/// Ends a program as Ctrl+C does.
#[cfg(unix)]
fn interrupt(mut running: Running) {
    let id = running.0.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    running.0.wait().unwrap();
}

#[cfg(unix)]
#[test]
fn files_that_are_gone_at_once_are_thrown_away_when_the_person_says_so() {
    let desk = Desk::new();
    for number in 0..30 {
        save(&desk.path(&format!("notes/N{number}.md")), &format!("# N{number}\n"));
    }
    let begin = |arguments: &[&str]| {
        let mirror = ["mirror", "notes", "--data", "kept"];
        let mut command = desk.command(&[&mirror, arguments].concat());
        Running(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
    };
    let mut running = begin(&[]);
    wait_for(&told(&mut running), "30 notes are the same");
    interrupt(running);
    for number in 0..30 {
        fs::remove_file(desk.path(&format!("notes/N{number}.md"))).unwrap();
    }
    let mut running = begin(&[]);
    wait_for(&told(&mut running), "30 files are gone at once; nothing is deleted");
    assert!(!desk.path("notes/.trash").exists());
    interrupt(running);
    let _running = begin(&["--confirm-deletions"]);
    let count = || fs::read_dir(desk.path("notes/.trash")).map_or(0, Iterator::count);
    until("the trash", || count() == 30);
}
