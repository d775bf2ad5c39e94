//! The folder of files as the page uses it, on a real disk and without a window.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rejoin_notes::change_set::ChangeSet;

use super::*;
use crate::port::{ItemKind, Mode, NewItem};

/// Opens a profile, when those who still read in it after its end have let go of it.
async fn desk(folder: &Path) -> Arc<Desk> {
    for _ in 0..500 {
        if let Ok(desk) = Desk::open(folder).await {
            return desk;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Desk::open(folder).await.unwrap()
}

fn new_note(desk: &Desk, text: &str) -> ItemId {
    let parent = desk.lock().shelf.home().clone();
    let (title, text) = (String::new(), Some(text.to_owned()));
    desk.create(NewItem { kind: ItemKind::Note, parent, title, text }).unwrap()
}

async fn choose(desk: &Desk, directory: &Path) {
    let directory = Some(directory.display().to_string());
    desk.mirror(MirrorAction::Choose { directory }).await.unwrap();
}

fn state(desk: &Desk) -> MirrorState {
    shown(&desk.lock())
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain for {what}")
}

fn says(path: &Path, text: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|found| found == text)
}

async fn text(desk: &Desk, id: &ItemId) -> String {
    desk.open_note(id, Box::new(drop)).await.unwrap().text
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_become_files_and_edits_of_files_reach_the_note() {
    let scratch = tempfile::tempdir().unwrap();
    let (data, files) = (scratch.path().join("data"), scratch.path().join("files"));
    let first = desk(&data).await;
    let id = new_note(&first, "# Trip\n");
    choose(&first, &files).await;
    let file = files.join("Trip.md");
    until("the file", || says(&file, "# Trip\n")).await;
    until("agreement", || state(&first).phase == MirrorPhase::InStep).await;
    assert_eq!(first.file_of(Some(&id)).unwrap(), file);
    fs::write(&file, "# Trip\npack\n").unwrap();
    let changed = async || text(&first, &id).await == "# Trip\npack\n";
    for _ in 0..500 {
        if changed().await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(text(&first, &id).await, "# Trip\npack\n");

    // It is mirrored on after a restart, and what happened in between is taken in.
    first.end().await;
    drop(first);
    fs::write(&file, "# Trip\npack\ngo\n").unwrap();
    let again = desk(&data).await;
    until("the edit", || {
        let state = again.lock();
        let read = state.handle(&id).and_then(|handle| {
            Ok(handle.read(|document| {
                Note::find(&document.view()).map(|note| note.text(&document.view())).ok()
            })?)
        });
        read.is_ok_and(|text| text.as_deref() == Some("# Trip\npack\ngo\n"))
    })
    .await;

    again.mirror(MirrorAction::Pause { paused: true }).await.unwrap();
    assert_eq!(state(&again).phase, MirrorPhase::Off);
    assert!(state(&again).directory.is_some());
    again.mirror(MirrorAction::Choose { directory: None }).await.unwrap();
    assert_eq!(state(&again), MirrorState::default());
    assert!(file.exists(), "the files stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_of_a_batched_notes_file_join_its_draft() {
    let scratch = tempfile::tempdir().unwrap();
    let files = scratch.path().join("files");
    let desk = desk(&scratch.path().join("data")).await;
    let id = new_note(&desk, "# Trip\n");
    desk.set_mode(&id, Mode::Batched).unwrap();
    choose(&desk, &files).await;
    let file = files.join("Trip.md");
    until("the file", || says(&file, "# Trip\n")).await;
    until("agreement", || state(&desk).phase == MirrorPhase::InStep).await;
    fs::write(&file, "# Trip\npack\n").unwrap();
    until("the draft", || desk.draft_state(&desk.lock(), &id).is_some()).await;
    assert_eq!(desk.draft_preview(&id).unwrap().text, "# Trip\n", "nothing is committed");
    // What the window adds to the draft is in the file.
    desk.change_text(&mut desk.lock(), &id, |text| {
        ChangeSet::between(text, &format!("{text}go\n"))
    })
    .unwrap();
    until("the draft's words", || says(&file, "# Trip\npack\ngo\n")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_goes_with_a_look_and_lasts_until_then() {
    let scratch = tempfile::tempdir().unwrap();
    let (data, files) = (scratch.path().join("data"), scratch.path().join("files"));
    let first = desk(&data).await;
    let id = new_note(&first, "one\ntwo\n");
    choose(&first, &files).await;
    let file = first.profile_folder().join("none");
    assert!(!file.exists());
    until("the file", || state(&first).notes == 1).await;
    let file = first.file_of(Some(&id)).unwrap();
    until("the text", || says(&file, "one\ntwo\n")).await;
    until("agreement", || state(&first).phase == MirrorPhase::InStep).await;
    first
        .change_text(&mut first.lock(), &id, |text| {
            ChangeSet::between(text, "one\ntwo\nthree, by Ben\n")
        })
        .unwrap();
    until("Ben's words", || says(&file, "one\ntwo\nthree, by Ben\n")).await;
    until("agreement", || state(&first).phase == MirrorPhase::InStep).await;
    fs::write(&file, "one\ntwo, by Vim\n").unwrap();
    until("the mark", || state(&first).to_review.len() == 1).await;
    assert_eq!(text(&first, &id).await, "one\ntwo, by Vim\nthree, by Ben\n");
    first.end().await;
    drop(first);

    let again = desk(&data).await;
    until("the mark again", || state(&again).to_review.len() == 1).await;
    let reply = again.mirror(MirrorAction::Reviewed { note: id.clone() }).await.unwrap();
    assert_eq!(reply.position, Some(7));
    until("its end", || state(&again).to_review.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_imported_and_exported_with_a_report() {
    let scratch = tempfile::tempdir().unwrap();
    let desk = desk(&scratch.path().join("data")).await;
    let files = scratch.path().join("in");
    fs::create_dir_all(files.join("Work")).unwrap();
    fs::write(files.join("Trip.md"), "# Trip\n[plan](Work/Plan.md)\n").unwrap();
    fs::write(files.join("Work/Plan.md"), "# Plan\n[[Trip]]\n").unwrap();
    fs::write(files.join("odd.md"), [0xff]).unwrap();
    let directory = files.display().to_string();
    desk.mirror(MirrorAction::Import { directory }).await.unwrap();
    let report = || state(&desk).transfer.and_then(|transfer| transfer.report);
    until("the report", || report().is_some()).await;
    let told = report().unwrap();
    assert_eq!((told.notes, told.folders, told.links), (2, 1, 1));
    assert_eq!(told.left_out[0].path, "odd.md");
    until("the list", || desk.lock().shelf.library().notes.len() == 2).await;

    let out = scratch.path().join("out");
    let directory = out.display().to_string();
    desk.mirror(MirrorAction::Export { directory: directory.clone(), history: false })
        .await
        .unwrap();
    until("the files", || report().is_some_and(|told| told.notes == 2)).await;
    assert!(says(&out.join("Trip.md"), "# Trip\n[plan](Work/Plan.md)\n"));
    desk.mirror(MirrorAction::Export { directory, history: true }).await.unwrap();
    let failed = || state(&desk).transfer.and_then(|transfer| transfer.failed);
    until("a refusal", || failed().is_some_and(|why| why.contains("not empty"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_must_be_named_whole_and_not_be_our_own() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let desk = desk(&data).await;
    for bad in ["notes", "", data.to_str().unwrap(), data.join("in").to_str().unwrap()] {
        let directory = Some(bad.to_owned());
        let refused = desk.mirror(MirrorAction::Choose { directory }).await;
        assert_eq!(refused.unwrap_err().code, ErrorCode::Invalid, "{bad:?}");
    }
}
