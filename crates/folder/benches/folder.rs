//! The folder's speed on 10,000 files, against the bars that it has to keep.
//!
//! Prints a table. `cargo xtask bench-folder` runs it and keeps the table in `bench/FOLDER.md`.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rejoin_document::TextUnit;
use rejoin_folder::disk::Folder;
use rejoin_folder::import::{ImportOptions, import};
use rejoin_folder::mirror::{Beginning, Mirror, MirrorOptions};
use rejoin_notes::folder;
use rejoin_notes::note::Note;
use rejoin_repo::{AutomergeUrl, DocumentHandle, Repo};
use rejoin_storage::{SqliteOptions, SqliteStore};

const FILES: usize = 10_000;
const SAMPLES: usize = 21;

struct Row {
    what: &'static str,
    bar: &'static str,
    found: String,
    is_met: bool,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = { runtime }.worker_threads(2).enable_all().build().unwrap();
    let rows = runtime.block_on(measure());
    let mut table = String::from("| what | bar | found | |\n|---|---|---|---|\n");
    for Row { what, bar, found, is_met } in rows {
        let met = if is_met { "met" } else { "missed" };
        writeln!(table, "| {what} | {bar} | {found} | {met} |").unwrap();
    }
    print!("{table}");
}

async fn measure() -> Vec<Row> {
    let scratch = tempfile::tempdir().unwrap();
    let files = scratch.path().join("files");
    write_files(&files);
    let mut rows = Vec::new();
    rows.push(imported(scratch.path(), &files).await);

    let data = scratch.path().join("data");
    fs::create_dir(&data).unwrap();
    let (repo, home) = open(&data);
    let begun = Instant::now();
    let mirror = start(&repo, &home, &data, &files);
    in_step(&mirror).await;
    let taken_in = begun.elapsed();
    home.saved().await.unwrap();
    rows.push(row(
        "10,000 files become notes in a mirror that begins",
        "20 s",
        taken_in,
        Duration::from_secs(20),
    ));
    mirror.stop().await;

    let begun = Instant::now();
    Folder::open(&files).unwrap().scan().unwrap();
    rows.push(row(
        "scan of 10,000 unchanged files at the start",
        "1 s",
        begun.elapsed(),
        Duration::from_secs(1),
    ));
    let mirror = start(&repo, &home, &data, &files);
    in_step(&mirror).await;

    let note = note_of(&repo, &home, "dir 0", "note 0");
    let file = files.join("dir 0/note 0.md");
    let mut times = Vec::new();
    for number in 0..SAMPLES {
        let line = format!("from the file {number}\n");
        let written = fs::read_to_string(&file).unwrap() + &line;
        let begun = Instant::now();
        fs::write(&file, written).unwrap();
        until(|| text(&note).ends_with(&line)).await;
        times.push(begun.elapsed());
        in_step(&mirror).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    rows.push(middle("an edit of a file is in the note", "300 ms", times, 300));

    let mut times = Vec::new();
    for number in 0..SAMPLES {
        let line = format!("from the note {number}\n");
        let begun = Instant::now();
        type_at_end(&note, &line);
        until(|| fs::read_to_string(&file).is_ok_and(|text| text.ends_with(&line))).await;
        times.push(begun.elapsed());
        in_step(&mirror).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    rows.push(middle("an edit of a note is in the file", "1 s", times, 1000));

    tokio::time::sleep(Duration::from_secs(6)).await;
    let (before, begun) = (cpu(), Instant::now());
    tokio::time::sleep(Duration::from_secs(20)).await;
    let share = (cpu() - before).as_secs_f64() / begun.elapsed().as_secs_f64() * 100.0;
    rows.push(Row {
        what: "CPU of a mirror of 10,000 files when nothing happens, over 20 s",
        bar: "0 %",
        found: format!("{share:.2} %"),
        is_met: share < 0.1,
    });
    mirror.stop().await;
    repo.shutdown().await;
    rows
}

async fn imported(scratch: &Path, files: &Path) -> Row {
    let data = scratch.join("imported");
    fs::create_dir(&data).unwrap();
    let (repo, home) = open(&data);
    let options = ImportOptions {
        repo: repo.clone(),
        folder: home.id().clone(),
        directory: files.to_path_buf(),
    };
    let begun = Instant::now();
    let report = tokio::task::spawn_blocking(move || import(&options, |_| ())).await;
    assert_eq!(report.unwrap().unwrap().notes.len(), FILES);
    assert!(repo.shutdown().await);
    row(
        "10,000 files imported, until all is on the disk",
        "20 s",
        begun.elapsed(),
        Duration::from_secs(20),
    )
}

/// About a kilobyte each, in a hundred directories.
fn write_files(files: &Path) {
    for number in 0..FILES {
        let directory = files.join(format!("dir {}", number % 100));
        fs::create_dir_all(&directory).unwrap();
        let mut text = format!("# note {number}\n\n");
        for line in 0..16 {
            writeln!(text, "Line {line} of note {number}, with a link to [[note {line}]] in it.")
                .unwrap();
        }
        fs::write(directory.join(format!("note {number}.md")), text).unwrap();
    }
}

fn open(data: &Path) -> (Repo, DocumentHandle) {
    let store = SqliteStore::open(&data.join("documents.sqlite"), &SqliteOptions::default());
    let repo = Repo::builder(Box::new(store.unwrap())).build().unwrap();
    let home = repo.create();
    home.change(None, |tx| folder::create(tx, "Home")).unwrap().unwrap();
    (repo, home)
}

fn start(repo: &Repo, home: &DocumentHandle, data: &Path, files: &Path) -> Mirror {
    let store = SqliteStore::open(&data.join("mirror.sqlite"), &SqliteOptions::default());
    Mirror::start(MirrorOptions {
        repo: repo.clone(),
        folder: home.id().clone(),
        trash: None,
        directory: files.to_path_buf(),
        store: Box::new(store.unwrap()),
        beginning: Beginning::default(),
        editor: None,
    })
    .unwrap()
}

async fn in_step(mirror: &Mirror) {
    let mut status = mirror.status();
    status.wait_for(|status| status.is_in_step).await.unwrap();
}

fn note_of(repo: &Repo, home: &DocumentHandle, directory: &str, name: &str) -> DocumentHandle {
    let inside = |folder: &DocumentHandle, name: &str| {
        let read = folder.read(|document| folder::read(&document.view())).unwrap().unwrap();
        let entry = read.entries.into_iter().find(|entry| entry.name == name).unwrap();
        repo.open(&entry.url.parse::<AutomergeUrl>().unwrap().document)
    };
    inside(&inside(home, directory), name)
}

fn text(note: &DocumentHandle) -> String {
    note.read(|document| Note::find(&document.view()).unwrap().text(&document.view())).unwrap()
}

fn type_at_end(note: &DocumentHandle, line: &str) {
    let at = rejoin_notes::change_set::utf16_len(&text(note));
    let typed = note.change(None, |tx| {
        let content = Note::find(&tx.view()).unwrap().content;
        tx.splice_text(content, at, 0, line, TextUnit::Utf16)
    });
    typed.unwrap().unwrap();
}

async fn until(holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it did not happen");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn row(what: &'static str, bar: &'static str, found: Duration, limit: Duration) -> Row {
    let is_met = found < limit;
    let found = match found.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1000.0),
        seconds => format!("{seconds:.1} s"),
    };
    Row { what, bar, found, is_met }
}

/// The middle of many, with the slowest beside it.
fn middle(what: &'static str, bar: &'static str, mut times: Vec<Duration>, limit: u64) -> Row {
    times.sort();
    let slowest = times[times.len() - 1].as_millis();
    let found = row(what, bar, times[times.len() / 2], Duration::from_millis(limit));
    Row { found: format!("{} (slowest {slowest} ms)", found.found), ..found }
}

/// What this process has used so far.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}
