//! What lies in the way of a mirror, and programs that know nothing of it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use common::{Scene, text_of, type_into};
use rejoin_folder::file_text::LeftAlone;
use rejoin_repo::DocumentId;

/// A mirrored note `Trip` with this text.
async fn trip(text: &str) -> (Scene, rejoin_repo::DocumentHandle) {
    let scene = Scene::new().await;
    let note = scene.add_note("Trip", text);
    scene.until_file("Trip.md", text).await;
    scene.until_in_step().await;
    (scene, note)
}

fn exists(scene: &Scene, name: &str) -> bool {
    scene.root().join(name).symlink_metadata().is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_file_that_is_put_back_is_its_note_again() {
    let (mut scene, note) = trip("# Trip\npack\n").await;
    for text in ["# Trip\npack\n", "# Trip\npack\ngo\n"] {
        let file = scene.root().join("Trip.md");
        fs::remove_file(&file).unwrap();
        scene.until_file(".trash/Trip.md", &text_of(&note)).await;
        scene.until_in_step().await;
        if text.ends_with("go\n") {
            // It is known after a restart, too.
            scene.stop().await;
            scene.start();
        }
        // As a file manager takes a deletion back, or a program that has it open saves it.
        fs::write(&file, text).unwrap();
        scene.until("the note at its place", |_| scene.note(&scene.home, "Trip").is_some()).await;
        scene.until_note(&note, text).await;
        // That it is in step may still be said of what was before.
        scene.until("our own file to go", |_| !exists(&scene, ".trash/Trip.md")).await;
        scene.until_in_step().await;
        assert_eq!(scene.note(&scene.home, "Trip").unwrap().id(), note.id());
        assert_eq!(scene.listed(&scene.home).entries.len(), 1);
        assert!(scene.listed(&scene.trash).entries.is_empty());
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
    // Another text under that name is another note.
    fs::remove_file(scene.root().join("Trip.md")).unwrap();
    scene.until_file(".trash/Trip.md", "# Trip\npack\ngo\n").await;
    scene.until_in_step().await;
    fs::write(scene.root().join("Trip.md"), "something else\n").unwrap();
    scene.until("a new note", |_| scene.listed(&scene.home).entries.len() == 1).await;
    assert_ne!(scene.note(&scene.home, "Trip").unwrap().id(), note.id());
    assert_eq!(text_of(&note), "# Trip\npack\ngo\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_editor_that_saves_under_the_old_name_of_a_note_means_that_note() {
    let (scene, note) = trip("# Trip\npack\n").await;
    type_into(&note, 6, " north");
    scene.until_file("Trip north.md", "# Trip north\npack\n").await;
    scene.until_in_step().await;
    fs::write(scene.root().join("Trip.md"), "# Trip\npack\ngo\n").unwrap();
    scene.until_note(&note, "# Trip north\npack\ngo\n").await;
    scene.until_file("Trip.md", "# Trip north\npack\ngo\n").await;
    scene.until_in_step().await;
    assert!(!exists(&scene, "Trip north.md"));
    assert_eq!(scene.listed(&scene.home).entries.len(), 1);
    // A copy under an old name is a copy.
    let work = scene.add_folder("Work");
    scene.move_note(&note, &scene.home, &work, "Trip");
    scene.until_file("Work/Trip north.md", "# Trip north\npack\ngo\n").await;
    scene.until_in_step().await;
    let root = scene.root();
    fs::copy(root.join("Work/Trip north.md"), root.join("Trip.md")).unwrap();
    scene.until("the copy", |_| scene.note(&scene.home, "Trip").is_some()).await;
    assert_ne!(scene.note(&scene.home, "Trip").unwrap().id(), note.id());
    assert!(exists(&scene, "Work/Trip north.md"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_has_the_file_open_loses_no_words_to_the_mirror() {
    let (scene, note) = trip("# Trip\n").await;
    let mut open = File::options().append(true).open(scene.root().join("Trip.md")).unwrap();
    type_into(&note, 7, "by Ben\n");
    scene.until_file("Trip.md", "# Trip\nby Ben\n").await;
    open.write_all(b"by a script\n").unwrap();
    scene.until("its words", |_| text_of(&note).contains("by a script\n")).await;
    open.write_all(b"and more\n").unwrap();
    scene.until("more of them", |_| text_of(&note).contains("and more\n")).await;
    let text = text_of(&note);
    for words in ["by Ben", "by a script", "and more"] {
        assert_eq!(text.matches(words).count(), 1, "{text:?}");
    }
    scene.until_file("Trip.md", &text).await;
    scene.until("a mark", |status| status.to_review.len() == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_that_appends_while_others_type_loses_nothing() {
    const LINES: usize = 400;
    let (scene, note) = trip("# Trip\n").await;
    let file = scene.root().join("Trip.md");
    let script = std::thread::spawn(move || {
        for number in 0..LINES {
            let mut open = File::options().append(true).open(&file).unwrap();
            writeln!(open, "line {number}.").unwrap();
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    });
    let mut typed = 0;
    while !script.is_finished() {
        type_into(&note, 7, &format!("typed {typed}.\n"));
        typed += 1;
        tokio::time::sleep(std::time::Duration::from_millis(15)).await;
    }
    script.join().unwrap();
    let all_there = |_: &_| {
        let text = text_of(&note);
        (0..LINES).all(|number| text.contains(&format!("line {number}.")))
    };
    scene.until("every line of the script", all_there).await;
    let text = text_of(&note);
    for number in 0..LINES {
        assert_eq!(text.matches(&format!("line {number}.")).count(), 1, "{number}");
    }
    for number in 0..typed {
        assert_eq!(text.matches(&format!("typed {number}.")).count(), 1, "{number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_the_way_of_one_note_keeps_no_other_waiting() {
    let scene = Scene::new().await;
    fs::write(scene.root().join("Work"), "a file where a directory has to be").unwrap();
    fs::create_dir(scene.root().join("Trip.md")).unwrap();
    let work = scene.add_folder("Work");
    let plan = scene.make_note("# Plan\n");
    scene.list(&work, &plan, "Plan");
    let note = scene.add_note("Trip", "# Trip\n");
    scene.until_file("Trip 2.md", "# Trip\n").await;
    let is_told = |problem: &String| problem.contains("Work") && problem.contains("in the way");
    scene.until("a problem", |status| status.problem.as_ref().is_some_and(is_told)).await;
    type_into(&note, 7, "pack\n");
    scene.until_file("Trip 2.md", "# Trip\npack\n").await;
    fs::write(scene.root().join("Trip 2.md"), "# Trip\npack\ngo\n").unwrap();
    scene.until_note(&note, "# Trip\npack\ngo\n").await;
    assert_eq!(
        fs::read_to_string(scene.root().join("Work")).unwrap(),
        "a file where a directory has to be"
    );
    fs::remove_file(scene.root().join("Work")).unwrap();
    scene.until_file("Work/Plan.md", "# Plan\n").await;
    scene.until_in_step().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_into_which_is_not_looked_is_no_order_to_delete() {
    let scene = Scene::new().await;
    let (work, play) = (scene.add_folder("Work"), scene.add_folder("Play"));
    let (plan, game) = (scene.make_note("# Plan\n"), scene.make_note("# Game\n"));
    scene.list(&work, &plan, "Plan");
    scene.list(&play, &game, "Game");
    scene.until_file("Work/Plan.md", "# Plan\n").await;
    scene.until_file("Play/Game.md", "# Game\n").await;
    scene.until_in_step().await;
    let (root, away) = (scene.root(), scene.scratch.path().join("away"));
    // A person moves a directory to another disk and leaves a link; another one is mirrored on its own.
    assert!(Command::new("mv").args([&root.join("Work"), &away]).status().unwrap().success());
    std::os::unix::fs::symlink(&away, root.join("Work")).unwrap();
    fs::create_dir(root.join("Play/.rejoin")).unwrap();
    scene
        .until("both, left alone", |status| {
            status.left_alone.get("Work") == Some(&LeftAlone::Link)
                && status.left_alone.get("Play") == Some(&LeftAlone::Mirrored)
        })
        .await;
    scene.until_in_step().await;
    type_into(&plan, 7, "typed\n");
    let new = scene.make_note("# New\n");
    scene.list(&work, &new, "New");
    scene.until_in_step().await;
    assert!(scene.listed(&scene.trash).entries.is_empty());
    assert_eq!(scene.listed(&work).entries.len(), 2);
    assert_eq!(scene.listed(&play).entries.len(), 1);
    assert_eq!(fs::read_to_string(away.join("Plan.md")).unwrap(), "# Plan\n");
    assert!(!away.join("New.md").exists() && !exists(&scene, ".trash"));
    // They come back.
    fs::remove_file(root.join("Work")).unwrap();
    assert!(Command::new("mv").args([&away, &root.join("Work")]).status().unwrap().success());
    fs::remove_dir(root.join("Play/.rejoin")).unwrap();
    scene.until_file("Work/Plan.md", "# Plan\ntyped\n").await;
    scene.until_file("Work/New.md", "# New\n").await;
    fs::write(root.join("Play/Game.md"), "# Game\non\n").unwrap();
    scene.until_note(&game, "# Game\non\n").await;
    assert!(scene.listed(&scene.trash).entries.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_file_or_has_no_name_is_listed_with_the_reason() {
    let (scene, _) = trip("# Trip\n").await;
    let root = scene.root();
    assert!(Command::new("mkfifo").arg(root.join("pipe.md")).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket.md")).unwrap();
    fs::write(root.join(OsStr::from_bytes(b"caf\xe9.md")), "latin").unwrap();
    fs::write(root.join("a\\b.md"), "backslash").unwrap();
    fs::create_dir(root.join(OsStr::from_bytes(b"d\xe9"))).unwrap();
    fs::write(root.join("not.txt"), "").unwrap();
    let expected = [
        ("pipe.md", LeftAlone::NotAFile),
        ("socket.md", LeftAlone::NotAFile),
        ("caf\u{fffd}.md", LeftAlone::Name),
        ("a\\b.md", LeftAlone::Name),
        ("d\u{fffd}", LeftAlone::Name),
    ];
    let expected = expected.map(|(name, reason)| (name.to_owned(), reason)).into();
    scene.until("the list", |status| status.left_alone == expected).await;
    scene.until_in_step().await;
    assert_eq!(scene.listed(&scene.home).entries.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_ends_otherwise_changes_no_other_line() {
    let (scene, note) = trip("# Trip\none\ntwo\n").await;
    let file = scene.root().join("Trip.md");
    fs::write(&file, "# Trip\r\none\r\ntwo\r\n").unwrap();
    type_into(&note, 7, "by Ben\n");
    scene.until_file("Trip.md", "# Trip\r\nby Ben\r\none\r\ntwo\r\n").await;
    scene.until_in_step().await;
    File::options().append(true).open(&file).unwrap().write_all(b"three\n").unwrap();
    scene.until_note(&note, "# Trip\nby Ben\none\ntwo\nthree\n").await;
    type_into(&note, 7, "and Cleo\n");
    scene.until_file("Trip.md", "# Trip\r\nand Cleo\r\nby Ben\r\none\r\ntwo\r\nthree\n").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_is_none_keeps_no_file_waiting() {
    let (scene, _) = trip("# Trip\n").await;
    let root = scene.root();
    for (name, id) in [("Empty", String::new()), ("Half", half_an_id())] {
        fs::write(root.join(format!(".rejoin/{name}.md")), id).unwrap();
        fs::write(root.join(format!("{name}.md")), name).unwrap();
        scene.until(name, |_| scene.note(&scene.home, name).is_some()).await;
    }
    scene.until_in_step().await;
}

fn half_an_id() -> String {
    DocumentId::from_random([9; 16]).to_string()[..7].to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_cut_off_empties_no_note_before_it_is_written() {
    let (scene, note) = trip("# Trip\npack\n").await;
    let changes = || note.read(|document| document.change_count()).unwrap();
    let before = changes();
    let mut open = File::create(scene.root().join("Trip.md")).unwrap();
    // A program that thinks for a while, as on a slow network.
    tokio::time::sleep(std::time::Duration::from_millis(900)).await;
    assert_eq!(text_of(&note), "# Trip\npack\n");
    open.write_all(b"# Trip\npack\ngo\n").unwrap();
    drop(open);
    scene.until_note(&note, "# Trip\npack\ngo\n").await;
    scene.until_in_step().await;
    assert_eq!(changes(), before + 1, "it was one edit");
    // One that stays empty is meant so.
    File::create(scene.root().join("Trip.md")).unwrap();
    scene.until_note(&note, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_by_one_name_of_a_file_is_seen_by_its_other_name() {
    let (scene, note) = trip("# Trip\n").await;
    let root = scene.root();
    fs::hard_link(root.join("Trip.md"), root.join("Same.md")).unwrap();
    scene.until("a note of it", |_| scene.note(&scene.home, "Same").is_some()).await;
    scene.until_in_step().await;
    let same = scene.note(&scene.home, "Same").unwrap();
    let mut open = File::options().append(true).open(root.join("Same.md")).unwrap();
    open.write_all(b"pack\n").unwrap();
    scene.until_note(&same, "# Trip\npack\n").await;
    scene.until_note(&note, "# Trip\npack\n").await;
    // What is typed into one of the notes makes them two files.
    type_into(&note, 7, "by Ben\n");
    scene.until_file("Trip.md", "# Trip\nby Ben\npack\n").await;
    scene.until_in_step().await;
    assert_eq!(fs::read_to_string(root.join("Same.md")).unwrap(), "# Trip\npack\n");
}
