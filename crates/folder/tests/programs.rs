//! Real programs on a mirrored folder: Vim in both of its ways to save, `sed -i`, `mv`, and a folder
//! that goes away and comes back.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{Scene, text_of, type_into};
use rejoin_folder::mirror::Paused;

/// Vim with a file open, and with its swap file. It is told what to do line by line.
struct Vim(Child);

impl Vim {
    fn open(file: &Path, settings: &str) -> Self {
        // Else it saves in another way below the directory of temporary files.
        let settings = format!("set verbose=1 backupskip= {settings}");
        let mut vim = Command::new("vim");
        vim.args(["-N", "-u", "NONE", "-i", "NONE", "-e", "-s", "--cmd", &settings]);
        // It asks whether to read a file again that changed, and the person says no.
        vim.args(["--cmd", "autocmd FileChangedShell * let v:fcs_choice = ''"]);
        vim.arg(file).current_dir(file.parent().unwrap());
        vim.stdin(Stdio::piped()).stderr(Stdio::piped());
        Self(vim.spawn().expect("Vim is installed: `cargo xtask test` sees to it"))
    }

    fn told(&mut self, commands: &[&str]) -> &mut Self {
        let to = self.0.stdin.as_mut().unwrap();
        commands.iter().for_each(|command| writeln!(to, "{command}").unwrap());
        to.flush().unwrap();
        self
    }

    /// Saves over a file that has changed, of which it warns and asks.
    fn saves_anyway(&mut self) {
        self.told(&["write!"]);
        let (asked, mut byte) = (self.0.stderr.as_mut().unwrap(), [0]);
        let mut said = Vec::new();
        while !said.ends_with(b"(y/n)?") {
            asked.read_exact(&mut byte).expect("it asks");
            said.push(byte[0]);
        }
        let answer = self.0.stdin.as_mut().unwrap();
        answer.write_all(b"y").and_then(|()| answer.flush()).unwrap();
    }

    fn quit(&mut self) {
        self.told(&["qall!"]);
        self.0.wait().unwrap();
    }
}

fn run(program: &str, arguments: &[&str], file: &Path) {
    let status = Command::new(program).args(arguments).arg(file).status().unwrap();
    assert!(status.success());
}

/// What is in the directory besides the marker.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.retain(|name| name != ".rejoin");
    names.sort();
    names
}

/// Vim saves, an edit comes from elsewhere, Vim saves again, and a Vim that was open all the while
/// saves its old buffer.
async fn vim_and_others(settings: &str) {
    let scene = Scene::new().await;
    let note = scene.add_note("Trip", "# Trip\nby train\n");
    scene.until_file("Trip.md", "# Trip\nby train\n").await;
    scene.until_in_step().await;
    let file = scene.root().join("Trip.md");

    Vim::open(&file, settings).told(&["normal Gopack", "write"]).quit();
    scene.until_note(&note, "# Trip\nby train\npack\n").await;
    type_into(&note, 7, "with Ben\n");
    scene.until_file("Trip.md", "# Trip\nwith Ben\nby train\npack\n").await;
    Vim::open(&file, settings).told(&["%s/train/boat/", "write"]).quit();
    scene.until_note(&note, "# Trip\nwith Ben\nby boat\npack\n").await;
    scene.until_in_step().await;

    let mut old = Vim::open(&file, settings);
    let ready = scene.scratch.path().join("ready");
    old.told(&[&format!("call writefile([], '{}')", ready.display())]);
    scene.until("an open Vim", |_| ready.exists()).await;
    type_into(&note, 7, "and Cleo\n");
    scene.until_file("Trip.md", "# Trip\nand Cleo\nwith Ben\nby boat\npack\n").await;
    scene.until_in_step().await;
    old.told(&["normal Gocall"]).saves_anyway();
    scene.until_note(&note, "# Trip\nand Cleo\nwith Ben\nby boat\npack\ncall\n").await;
    old.quit();
    scene.until("a mark", |status| status.to_review.len() == 1).await;
    scene.until_file("Trip.md", &text_of(&note)).await;
    scene.until_in_step().await;
    // Neither its swap file nor its backup became a note, and nothing of ours stays either.
    assert_eq!(names(&scene.root()), ["Trip.md"]);
    assert_eq!(scene.listed(&scene.home).entries.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vim_with_its_defaults() {
    vim_and_others("").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vim_that_writes_in_place() {
    vim_and_others("backupcopy=yes").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vim_that_keeps_backups_beside_the_file() {
    let scene = Scene::new().await;
    let note = scene.add_note("Trip", "# Trip\n");
    scene.until_file("Trip.md", "# Trip\n").await;
    scene.until_in_step().await;
    let file = scene.root().join("Trip.md");
    Vim::open(&file, "backup backupcopy=no").told(&["normal Gopack", "write"]).quit();
    scene.until_note(&note, "# Trip\npack\n").await;
    scene.until_in_step().await;
    assert_eq!(names(&scene.root()), ["Trip.md", "Trip.md~"]);
    assert_eq!(scene.listed(&scene.home).entries.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_out_in_vim_stays_out() {
    let scene = Scene::new().await;
    let begin = "# Trip\nby train\n";
    let note = scene.add_note("Trip", begin);
    scene.until_file("Trip.md", begin).await;
    scene.until_in_step().await;
    let mut vim = Vim::open(&scene.root().join("Trip.md"), "");
    // More texts than are remembered word by word.
    let mut text = begin.to_owned();
    for number in 0..10 {
        text += &format!("line {number}\n");
        vim.told(&[&format!("normal Goline {number}"), "write"]);
        scene.until_note(&note, &text).await;
        scene.until_in_step().await;
    }
    vim.told(&["undo 0", "write"]);
    scene.until_note(&note, begin).await;
    scene.until_in_step().await;

    vim.told(&["normal Gopack the tent", "write"]);
    scene.until_note(&note, "# Trip\nby train\npack the tent\n").await;
    type_into(&note, 7, "call Ben\n");
    let both = "# Trip\ncall Ben\nby train\npack the tent\n";
    scene.until_file("Trip.md", both).await;
    scene.until_in_step().await;
    // Nothing happens when a text has been there for so long that Vim must have read it.
    tokio::time::sleep(Duration::from_millis(3200)).await;
    vim.told(&["edit!", "$delete", "write"]);
    let left = "# Trip\ncall Ben\nby train\n";
    scene.until_note(&note, left).await;
    scene.until_in_step().await;
    scene.until_file("Trip.md", left).await;
    assert_eq!(text_of(&note), left);
    vim.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sed_in_place_forth_and_back() {
    let scene = Scene::new().await;
    let note = scene.add_note("List", "- [ ] milk\n- [ ] bread\n");
    scene.until_file("List.md", "- [ ] milk\n- [ ] bread\n").await;
    scene.until_in_step().await;
    let file = scene.root().join("List.md");
    run("sed", &["-i", "s/\\[ \\] milk/[x] milk/"], &file);
    scene.until_note(&note, "- [x] milk\n- [ ] bread\n").await;
    scene.until_in_step().await;
    run("sed", &["-i", "s/\\[x\\] milk/[ ] milk/"], &file);
    scene.until_note(&note, "- [ ] milk\n- [ ] bread\n").await;
    run("sed", &["-i", "s/bread/rye/"], &file);
    scene.until_note(&note, "- [ ] milk\n- [ ] rye\n").await;
    scene.until_file("List.md", "- [ ] milk\n- [ ] rye\n").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mv_into_a_directory_and_under_another_name() {
    let scene = Scene::new().await;
    let note = scene.add_note("Trip", "# Trip\n");
    scene.until_file("Trip.md", "# Trip\n").await;
    scene.until_in_step().await;
    let root = scene.root();
    fs::create_dir(root.join("Work")).unwrap();
    run("mv", &[root.join("Trip.md").to_str().unwrap()], &root.join("Work/Journey.md"));
    scene.until("the folder", |_| scene.note(&scene.home, "Work").is_some()).await;
    let work = scene.note(&scene.home, "Work").unwrap();
    scene.until("the note in it", |_| scene.note(&work, "Trip").is_some()).await;
    assert_eq!(scene.note(&work, "Trip").unwrap().id(), note.id());
    run("mv", &[root.join("Work").to_str().unwrap()], &root.join("Play"));
    scene.until("the other folder", |_| scene.note(&scene.home, "Play").is_some()).await;
    let play = scene.note(&scene.home, "Play").unwrap();
    scene.until("the note there", |_| scene.note(&play, "Trip").is_some()).await;
    type_into(&note, 7, "pack\n");
    scene.until_file("Play/Journey.md", "# Trip\npack\n").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_goes_away_and_comes_back_changed() {
    let scene = Scene::new().await;
    let note = scene.add_note("Trip", "# Trip\n");
    scene.until_file("Trip.md", "# Trip\n").await;
    scene.until_in_step().await;
    let away = scene.scratch.path().join("away");
    run("mv", &[scene.root().to_str().unwrap()], &away);
    scene.until("the pause", |status| status.paused == Some(Paused::Vanished)).await;
    // Meanwhile both sides are written to.
    type_into(&note, 7, "pack\n");
    fs::write(away.join("Trip.md"), "# Trip to Lisbon\n").unwrap();
    fs::write(away.join("New.md"), "new\n").unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!scene.root().exists(), "it is not made anew");
    assert_eq!(scene.listed(&scene.trash).entries.len(), 0);
    run("mv", &[away.to_str().unwrap()], &scene.root());
    scene.until_note(&note, "# Trip to Lisbon\npack\n").await;
    scene.until("the new note", |_| scene.note(&scene.home, "New").is_some()).await;
    scene
        .until("the file", |_| {
            let names = names(&scene.root());
            names.iter().any(|name| {
                let text = fs::read_to_string(scene.root().join(name)).unwrap_or_default();
                text == "# Trip to Lisbon\npack\n"
            })
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_another_one_of_its_name_replaces_is_watched_again() {
    let scene = Scene::new().await;
    let note = scene.add_note("Trip", "# Trip\n");
    scene.until_file("Trip.md", "# Trip\n").await;
    scene.until_in_step().await;
    let (root, away) = (scene.root(), scene.scratch.path().join("away"));
    run("cp", &["-a", root.to_str().unwrap()], &away);
    fs::remove_dir_all(&root).unwrap();
    scene.until("the pause", |status| status.paused == Some(Paused::Vanished)).await;
    run("mv", &[away.to_str().unwrap()], &root);
    scene.until_in_step().await;
    assert_eq!(scene.listed(&scene.trash).entries.len(), 0);
    fs::write(root.join("Trip.md"), "# Trip\npack\n").unwrap();
    scene.until_note(&note, "# Trip\npack\n").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_are_left_alone_wherever_they_lead() {
    let scene = Scene::new().await;
    let note = scene.add_note("Trip", "# Trip\n");
    scene.until_file("Trip.md", "# Trip\n").await;
    scene.until_in_step().await;
    let (root, outside) = (scene.root(), scene.scratch.path().join("outside"));
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret.md"), "secret\n").unwrap();
    for (to, name) in [(outside.join("secret.md"), "out.md"), (root.join("Trip.md"), "same.md")] {
        std::os::unix::fs::symlink(to, root.join(name)).unwrap();
    }
    std::os::unix::fs::symlink(&outside, root.join("Out")).unwrap();
    scene.until("the links", |status| status.left_alone.len() == 3).await;
    // A write through the link is one of the file that it leads to.
    fs::write(root.join("same.md"), "# Trip\npack\n").unwrap();
    scene.until_note(&note, "# Trip\npack\n").await;
    type_into(&note, 7, "with Ben\n");
    scene.until_file("Trip.md", "# Trip\nwith Ben\npack\n").await;
    assert!(root.join("same.md").is_symlink() && root.join("out.md").is_symlink());
    assert_eq!(fs::read_to_string(outside.join("secret.md")).unwrap(), "secret\n");
    assert_eq!(scene.listed(&scene.home).entries.len(), 1);
    // A note whose file becomes a link stays as it is, and the link, too.
    run("mv", &[root.join("Trip.md").to_str().unwrap()], &outside.join("Trip.md"));
    std::os::unix::fs::symlink(outside.join("Trip.md"), root.join("Trip.md")).unwrap();
    scene.until("four links", |status| status.left_alone.len() == 4).await;
    type_into(&note, 7, "and Cleo\n");
    scene.until_in_step().await;
    assert_eq!(fs::read_to_string(outside.join("Trip.md")).unwrap(), "# Trip\nwith Ben\npack\n");
    assert!(scene.note(&scene.home, "Trip").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_changes_by_case_only_stays_a_name_of_the_same_note() {
    let scene = Scene::new().await;
    let note = scene.add_note("Trip", "# Trip\n");
    scene.until_file("Trip.md", "# Trip\n").await;
    scene.until_in_step().await;
    let root = scene.root();
    run("mv", &[root.join("Trip.md").to_str().unwrap()], &root.join("TRIP.md"));
    type_into(&note, 7, "pack\n");
    scene.until_file("TRIP.md", "# Trip\npack\n").await;
    scene.until_in_step().await;
    assert_eq!(names(&root), ["TRIP.md"]);
    // Nor does the file move when only the title's case changes.
    let content = note.change(None, |tx| {
        let content = rejoin_notes::note::Note::find(&tx.view()).unwrap().content;
        tx.splice_text(content, 2, 4, "trip!", rejoin_document::TextUnit::Utf16)
    });
    content.unwrap().unwrap();
    scene.until_file("TRIP.md", "# trip!\npack\n").await;
    scene.until_in_step().await;
    assert_eq!(names(&root), ["TRIP.md"]);
    assert_eq!(scene.listed(&scene.home).entries.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_note_that_moves_in_the_app_while_its_file_is_edited() {
    let scene = Scene::new().await;
    let note = scene.add_note("Trip", "# Trip\n");
    let work = scene.add_folder("Work");
    scene.until_file("Trip.md", "# Trip\n").await;
    scene.until_in_step().await;
    fs::write(scene.root().join("Trip.md"), "# Trip\nby a script\n").unwrap();
    scene.move_note(&note, &scene.home, &work, "Trip");
    scene.until_file("Work/Trip.md", "# Trip\nby a script\n").await;
    scene.until_note(&note, "# Trip\nby a script\n").await;
    scene.until_in_step().await;
    assert_eq!(names(&scene.root()), ["Work"]);
    assert_eq!(scene.listed(&work).entries.len(), 1);
    assert_eq!(scene.listed(&scene.trash).entries.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_windows_reserves_are_written_otherwise() {
    let scene = Scene::new().await;
    let note = scene.add_note("con", "# con\n");
    scene.until_file("con_.md", "# con\n").await;
    fs::write(scene.root().join("con_.md"), "# con\nand pro\n").unwrap();
    scene.until_note(&note, "# con\nand pro\n").await;
    scene.until_in_step().await;
    assert_eq!(names(&scene.root()), ["con_.md"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copied_directory_is_new_notes() {
    let scene = Scene::new().await;
    let work = scene.add_folder("Work");
    let note = scene.make_note("# Trip\n");
    scene.list(&work, &note, "Trip");
    scene.until_file("Work/Trip.md", "# Trip\n").await;
    scene.until_in_step().await;
    let root = scene.root();
    run("cp", &["-r", root.join("Work").to_str().unwrap()], &root.join("Copy"));
    scene.until("the copy", |_| scene.note(&scene.home, "Copy").is_some()).await;
    let copy = scene.note(&scene.home, "Copy").unwrap();
    scene.until("its note", |_| scene.note(&copy, "Trip").is_some()).await;
    assert_ne!(scene.note(&copy, "Trip").unwrap().id(), note.id());
    fs::write(root.join("Copy/Trip.md"), "# Trip\nof the copy\n").unwrap();
    scene.until_note(&scene.note(&copy, "Trip").unwrap(), "# Trip\nof the copy\n").await;
    assert_eq!(text_of(&note), "# Trip\n");
}
