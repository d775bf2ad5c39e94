//! A mirror on a real directory: programs edit files, people edit notes.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::{Scene, save_by_rename, type_into};
use rejoin_document::{ActorId, CommitOptions, Document};
use rejoin_folder::mirror::{Beginning, FROM_FILE, Paused};
use rejoin_notes::note::Note;
use rejoin_repo::DocumentHandle;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_and_notes_follow_each_other() {
    let scene = Scene::new().await;
    let note = scene.add_note("Trip", "# Trip\n");
    scene.until_file("Trip.md", "# Trip\n").await;
    type_into(&note, 7, "pack\n");
    scene.until_file("Trip.md", "# Trip\npack\n").await;

    let file = scene.root().join("Trip.md");
    save_by_rename(&file, "# Trip\npack, today\n");
    scene.until_note(&note, "# Trip\npack, today\n").await;
    fs::write(&file, "# Trip\npack, today\ngo\n").unwrap();
    scene.until_note(&note, "# Trip\npack, today\ngo\n").await;
    assert!(Command::new("sed").args(["-i", "s/go/leave/"]).arg(&file).status().unwrap().success());
    scene.until_note(&note, "# Trip\npack, today\nleave\n").await;

    fs::create_dir(scene.root().join("Work")).unwrap();
    fs::write(scene.root().join("Work/Plan.md"), "words\n").unwrap();
    scene.until("a folder", |_| scene.listed(&scene.home).entries.len() == 2).await;
    let work = scene.note(&scene.home, "Work").unwrap();
    scene.until("a note in it", |_| !scene.listed(&work).entries.is_empty()).await;
    scene.until_note(&scene.note(&work, "Plan").unwrap(), "words\n").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moved_and_deleted_files_move_and_trash_their_notes() {
    let scene = Scene::new().await;
    let note = scene.add_note("Trip", "# Trip\n");
    scene.until_file("Trip.md", "# Trip\n").await;
    scene.until_in_step().await;
    let root = scene.root();
    fs::create_dir(root.join("Work")).unwrap();
    let (from, to) = (root.join("Trip.md"), root.join("Work/Trip.md"));
    assert!(Command::new("mv").args([&from, &to]).status().unwrap().success());
    scene.until("the move", |_| scene.note(&scene.home, "Work").is_some()).await;
    let work = scene.note(&scene.home, "Work").unwrap();
    scene.until("the note there", |_| scene.note(&work, "Trip").is_some()).await;
    assert_eq!(scene.note(&work, "Trip").unwrap().id(), note.id());
    assert!(scene.note(&scene.home, "Trip").is_none());

    fs::remove_file(&to).unwrap();
    scene.until_file(".trash/Trip.md", "# Trip\n").await;
    assert!(scene.note(&scene.trash, "Trip").is_some());
    scene.until_in_step().await;
    fs::rename(root.join(".trash/Trip.md"), root.join("Trip.md")).unwrap();
    scene.until("the restored note", |_| scene.note(&scene.home, "Trip").is_some()).await;
    assert_eq!(scene.note(&scene.home, "Trip").unwrap().id(), note.id());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_while_it_was_stopped_is_merged() {
    let mut scene = Scene::new().await;
    let note = scene.add_note("List", "milk\nbread\n");
    scene.until_file("List.md", "milk\nbread\n").await;
    scene.until_in_step().await;
    scene.stop().await;
    type_into(&note, 0, "oat ");
    fs::write(scene.root().join("List.md"), "milk\nbread\neggs\n").unwrap();
    scene.start();
    scene.until_note(&note, "oat milk\nbread\neggs\n").await;
    scene.until_file("List.md", "oat milk\nbread\neggs\n").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_editor_erases_nobodys_words() {
    let scene = Scene::new().await;
    let note = scene.add_note("List", "one\ntwo\n");
    scene.until_file("List.md", "one\ntwo\n").await;
    scene.until_in_step().await;
    type_into(&note, 8, "three, by Ben\n");
    scene.until_file("List.md", "one\ntwo\nthree, by Ben\n").await;
    scene.until_in_step().await;
    save_by_rename(&scene.root().join("List.md"), "one\ntwo, by Vim\n");
    scene.until_note(&note, "one\ntwo, by Vim\nthree, by Ben\n").await;
    scene.until_file("List.md", "one\ntwo, by Vim\nthree, by Ben\n").await;
    scene.until("a mark for review", |status| status.to_review.len() == 1).await;
}

/// A note that is typed into is written so rarely that what a program read three seconds ago is still
/// remembered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_typed_for_seconds_survives_a_save_of_what_was_read_before() {
    let scene = Scene::new().await;
    let note = scene.add_note("List", "one\n");
    scene.until_file("List.md", "one\n").await;
    scene.until_in_step().await;
    let (mut typed, begun) = (String::new(), Instant::now());
    while begun.elapsed() < Duration::from_secs(3) {
        type_into(&note, 4 + typed.len(), "w");
        typed.push('w');
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    scene.until_file("List.md", &format!("one\n{typed}")).await;
    scene.until_in_step().await;
    save_by_rename(&scene.root().join("List.md"), "one, by Vim\n");
    scene.until_file("List.md", &format!("one, by Vim\n{typed}")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_vanishes_is_no_order_to_delete() {
    let scene = Scene::new().await;
    scene.add_note("Trip", "# Trip\n");
    scene.until_file("Trip.md", "# Trip\n").await;
    scene.until_in_step().await;
    let away = scene.scratch.path().join("away");
    fs::rename(scene.root(), &away).unwrap();
    scene.until("the pause", |status| status.paused == Some(Paused::Vanished)).await;
    assert!(scene.note(&scene.home, "Trip").is_some());
    fs::rename(&away, scene.root()).unwrap();
    scene.until_in_step().await;
    assert!(scene.note(&scene.home, "Trip").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_deleted_files_wait_for_the_persons_word() {
    let scene = Scene::new().await;
    for number in 0..25 {
        scene.add_note(&format!("N{number}"), &format!("# N{number}\n"));
    }
    let count = |directory: PathBuf| fs::read_dir(directory).map_or(0, Iterator::count);
    // The marker is one more.
    scene.until("all files", |_| count(scene.root()) == 26).await;
    scene.until_in_step().await;
    for number in 0..25 {
        fs::remove_file(scene.root().join(format!("N{number}.md"))).unwrap();
    }
    scene.until("the question", |it| matches!(it.paused, Some(Paused::ManyGone(_)))).await;
    let before = scene.listed(&scene.trash).entries.len();
    assert!(before <= 20, "only what went one by one is trashed: {before}");
    scene.mirror.as_ref().unwrap().confirm_deletions();
    scene.until("the trash", |_| scene.listed(&scene.trash).entries.len() == 25).await;
    scene.until("its files", |_| count(scene.root().join(".trash")) == 25).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_file_that_came_with_an_id_waits_for_its_note() {
    let scene = Scene::new().await;
    scene.add_note("Trip", "# Trip\n");
    scene.until_file("Trip.md", "# Trip\n").await;
    scene.until_in_step().await;
    // Another machine made a note of a file, and a file-sync tool is faster than the notes.
    let note = scene.make_note("# Idea\n");
    fs::write(scene.root().join("Idea.md"), "# Idea\nwords\n").unwrap();
    fs::write(scene.root().join(".rejoin/Idea.md"), note.id().to_string()).unwrap();
    scene.until("a file that waits", |status| !status.is_in_step).await;
    fs::write(scene.root().join("Other.md"), "# Other\n").unwrap();
    scene
        .until("a note of a file without an id", |_| scene.note(&scene.home, "Other").is_some())
        .await;
    assert_eq!(scene.listed(&scene.home).entries.len(), 2);
    scene.list(&scene.home, &note, "Idea");
    scene.until_note(&note, "# Idea\nwords\n").await;
    scene.until_in_step().await;
    assert_eq!(scene.listed(&scene.home).entries.len(), 3);
    assert_eq!(fs::read_to_string(scene.root().join("Idea.md")).unwrap(), "# Idea\nwords\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_without_its_marker_is_taken_up_again_when_the_person_says_so() {
    let mut scene = Scene::new().await;
    let trip = scene.add_note("Trip", "# Trip\n");
    scene.add_note("List", "milk\n");
    scene.until_file("Trip.md", "# Trip\n").await;
    scene.until_file("List.md", "milk\n").await;
    scene.until_in_step().await;
    scene.stop().await;
    fs::remove_dir_all(scene.root().join(".rejoin")).unwrap();
    fs::remove_file(scene.root().join("List.md")).unwrap();
    fs::write(scene.root().join("Trip.md"), "# Trip\npack\n").unwrap();
    scene.start();
    scene.until("the pause", |status| status.paused == Some(Paused::Vanished)).await;
    scene.stop().await;
    scene.try_start(Beginning::Anew).unwrap();
    scene.until_note(&trip, "# Trip\npack\n").await;
    scene.until_file("List.md", "milk\n").await;
    scene.until_in_step().await;
    assert_eq!(scene.listed(&scene.trash).entries.len(), 0);
    assert_eq!(scene.listed(&scene.home).entries.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_away_at_the_start_is_taken_up_when_it_comes() {
    let mut scene = Scene::new().await;
    let note = scene.add_note("Trip", "# Trip\n");
    scene.until_file("Trip.md", "# Trip\n").await;
    scene.until_in_step().await;
    scene.stop().await;
    let away = scene.scratch.path().join("away");
    fs::rename(scene.root(), &away).unwrap();
    scene.start();
    scene.until("the pause", |status| status.paused == Some(Paused::Vanished)).await;
    assert!(!scene.root().exists(), "it is not made anew");
    fs::rename(&away, scene.root()).unwrap();
    scene.until_in_step().await;
    fs::write(scene.root().join("Trip.md"), "# Trip\npack\n").unwrap();
    scene.until_note(&note, "# Trip\npack\n").await;
    assert_eq!(scene.listed(&scene.trash).entries.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_to_be_believed_is_not_forgotten_while_others_write() {
    let scene = Scene::new().await;
    let trip = scene.add_note("Trip", "# Trip\n");
    scene.add_note("Old", "# Old\n");
    scene.until_file("Trip.md", "# Trip\n").await;
    scene.until_file("Old.md", "# Old\n").await;
    scene.until_in_step().await;
    fs::remove_file(scene.root().join("Old.md")).unwrap();
    fs::write(scene.root().join("New.md"), "# New\n").unwrap();
    fs::write(scene.root().join("Trip.md"), "# Trip\npack\n").unwrap();
    scene.until_note(&trip, "# Trip\npack\n").await;
    scene.until_file(".trash/Old.md", "# Old\n").await;
    scene.until("the new note", |_| scene.note(&scene.home, "New").is_some()).await;
}

/// A note that another machine has made of a file, some seconds before now.
fn made_elsewhere(scene: &Scene, text: &str, seconds: i64) -> DocumentHandle {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let time = i64::try_from(since.as_secs()).unwrap() - seconds;
    let mut document = Document::new();
    let mut tx = document.transaction(&ActorId::new(&[7; 16]));
    Note::create(&mut tx, text).unwrap();
    let message = Some(FROM_FILE.to_owned());
    tx.commit(CommitOptions { message, time, author: None });
    scene.repo.insert(document).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_whose_id_comes_late_is_joined_to_its_note() {
    let scene = Scene::new().await;
    // A file-sync tool brings a file that is another machine's note, long before that note.
    let file = scene.root().join("Idea.md");
    fs::write(&file, "# Idea\nwords\n").unwrap();
    scene.until("a note of it", |_| scene.note(&scene.home, "Idea").is_some()).await;
    let accident = scene.note(&scene.home, "Idea").unwrap();
    fs::write(&file, "# Idea\nwords\nwritten here\n").unwrap();
    scene.until_note(&accident, "# Idea\nwords\nwritten here\n").await;
    scene.until_in_step().await;
    let note = made_elsewhere(&scene, "# Idea\nwords\n", 5);
    type_into(&note, 7, "typed there\n");
    fs::write(scene.root().join(".rejoin/Idea.md"), note.id().to_string()).unwrap();
    scene.list(&scene.home, &note, "Idea");
    let both = "# Idea\ntyped there\nwords\nwritten here\n";
    scene.until_note(&note, both).await;
    scene.until_file("Idea.md", both).await;
    scene.until_file(".trash/Idea.md", "# Idea\nwords\nwritten here\n").await;
    scene.until_in_step().await;
    let listed = scene.listed(&scene.home).entries;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(scene.note(&scene.trash, "Idea").unwrap().id(), accident.id());
    // What is written there is the note's from now on.
    fs::write(&file, both.to_owned() + "and more\n").unwrap();
    scene.until_note(&note, &(both.to_owned() + "and more\n")).await;
    let id = fs::read_to_string(scene.root().join(".rejoin/Idea.md")).unwrap();
    assert_eq!(id.trim(), note.id().to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_note_that_another_machine_made_of_a_file_from_here_gets_no_second_file() {
    let scene = Scene::new().await;
    fs::write(scene.root().join("Idea.md"), "# Idea\nwords\n").unwrap();
    scene.until("a note of it", |_| scene.note(&scene.home, "Idea").is_some()).await;
    scene.until_in_step().await;
    let note = made_elsewhere(&scene, "# Idea\nwords\n", -5);
    scene.list(&scene.home, &note, "Idea");
    scene.until("the other note", |status| !status.is_in_step).await;
    // The other machine puts it into its trash.
    scene.move_note(&note, &scene.home, &scene.trash, "Idea");
    scene.until_file(".trash/Idea.md", "# Idea\nwords\n").await;
    scene.until_in_step().await;
    assert!(!scene.root().join("Idea 2.md").exists());
    assert_eq!(fs::read_to_string(scene.root().join("Idea.md")).unwrap(), "# Idea\nwords\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_program_takes_back_takes_nothing_else_with_it() {
    let scene = Scene::new().await;
    let note = scene.add_note("Trip", "# Trip\n");
    scene.until_file("Trip.md", "# Trip\n").await;
    scene.until_in_step().await;
    let file = scene.root().join("Trip.md");
    let kept = "# Trip\na paragraph\n";
    for text in [kept, "# Trip\na paragraph\nand a line\n", kept] {
        save_by_rename(&file, text);
        scene.until_note(&note, text).await;
        scene.until_in_step().await;
    }
    type_into(&note, 7, "by Ben\n");
    let both = "# Trip\nby Ben\na paragraph\n";
    scene.until_file("Trip.md", both).await;
    scene.until_in_step().await;
    scene.until_note(&note, both).await;
    type_into(&note, 7, "and Cleo\n");
    scene.until_file("Trip.md", "# Trip\nand Cleo\nby Ben\na paragraph\n").await;
    scene.until_in_step().await;
}
