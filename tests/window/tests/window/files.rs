//! A folder of files beside the notes: chosen in the settings, written from outside and from the
//! window, and an import with its report.

use std::fs;

use anyhow::Result;
use rejoin_window_tests::{Patience, Person, until, wanted};

#[test]
fn a_folder_of_files_says_what_the_notes_say() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let ana = Person::new("files")?;
    let app = ana.open()?;
    let page = &app.page;
    app.welcome("Ana", None)?;
    app.new_note("Trip")?;
    app.type_text("by train")?;
    let text = app.text_when("the typed words", |text| text.ends_with("by train"))?;

    let folder = ana.home().join("Notes");
    page.click("button[aria-label='Settings']")?;
    page.click("#tab-files")?;
    page.keys("#mirror-folder", &folder.display().to_string())?;
    page.click("#settings-page form:has(#mirror-folder) button[type=submit]")?;
    let file = folder.join("Trip.md");
    let says = |what: &str, expected: &str| {
        until(what, Patience::default(), || {
            Ok(fs::read_to_string(&file).is_ok_and(|text| text == expected).then_some(()))
        })
    };
    says("the file of the note", &text)?;
    until("the folder to be in step", Patience::default(), || {
        let said = page.text_of("#settings-page [role=status]")?;
        Ok(said.contains("all in step").then_some(()))
    })?;
    page.picture("files-chosen")?;
    page.click("dialog header button")?;

    let text = text + ", and back by boat";
    fs::write(&file, &text)?;
    app.text_when("the words from the file", |text| text.ends_with("and back by boat"))?;
    app.caret_to_end()?;
    app.type_text(" in May")?;
    says("the typed words in the file", &(text + " in May"))?;
    fs::write(folder.join("odd.md"), [0xff, 0xfe])?;
    page.picture("files-both-ways")?;

    let old = ana.home().join("Old");
    fs::create_dir_all(old.join("Work"))?;
    fs::write(old.join("Start.md"), "# Start\n\n[the plan](Work/Plan.md)\n")?;
    fs::write(old.join("Work/Plan.md"), "# Plan\n\nback to [[Start]]\n")?;
    page.click(".line .files")?;
    page.keys("#import-folder", &old.display().to_string())?;
    page.click("#settings-page form:has(#import-folder) button[type=submit]")?;
    until("the report", Patience::default(), || {
        let said = page.text_of("#settings-page")?;
        Ok(said.contains("2 notes imported, in 1 folder").then_some(()))
    })?;
    until("the file that is left alone", Patience::default(), || {
        Ok(page.text_of("#settings-page")?.contains("odd.md").then_some(()))
    })?;
    page.picture("files-imported")?;
    until("the imported note's file", Patience::default(), || {
        Ok(folder.join("Work/Plan.md").exists().then_some(()))
    })?;
    let target = ana.home().join("Out");
    page.keys("#export-folder", &target.display().to_string())?;
    page.click("#settings-page form:has(#export-folder) button[type=submit]")?;
    until("the report of the export", Patience::default(), || {
        let said = page.text_of("#settings-page")?;
        Ok(said.contains("4 notes exported").then_some(()))
    })?;
    assert!(fs::read_to_string(target.join("Work/Plan.md"))?.contains("back to [[Start]]"));
    page.picture("files-exported")?;
    app.close()
}

#[test]
fn an_old_text_leads_to_a_spot_to_look_at_and_a_pause_loses_nothing() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let ana = Person::new("files-review")?;
    let app = ana.open()?;
    let page = &app.page;
    app.welcome("Ana", None)?;
    app.new_note("Trip")?;
    app.type_text("by train")?;
    let old = app.text_when("the typed words", |text| text.ends_with("by train"))?;
    let folder = ana.home().join("Notes");
    page.click("button[aria-label='Settings']")?;
    page.click("#tab-files")?;
    page.keys("#mirror-folder", &folder.display().to_string())?;
    page.click("#settings-page form:has(#mirror-folder) button[type=submit]")?;
    let status = |what: &str, expected: &str| {
        until(what, Patience::default(), || {
            Ok(page.text_of("#settings-page [role=status]")?.contains(expected).then_some(()))
        })
    };
    status("the folder to be in step", "all in step")?;
    page.click("dialog header button")?;

    let file = folder.join("Trip.md");
    app.caret_to_end()?;
    app.type_text(", in May")?;
    until("the typed words in the file", Patience::default(), || {
        Ok(fs::read_to_string(&file).is_ok_and(|text| text.ends_with("in May")).then_some(()))
    })?;
    fs::write(&file, format!("{old}!\nby an old editor\n"))?;
    let is_kept = |text: &str| text.contains("in May") && text.contains("by an old editor");
    app.text_when("both", is_kept)?;
    page.click(".line .files")?;
    until("the spot to look at", Patience::default(), || {
        Ok(page.text_of("#settings-page")?.contains("Look at these").then_some(()))
    })?;
    page.picture("files-review")?;
    page.click("#settings-page .link-button")?;
    app.text_when("the note with the spot", is_kept)?;
    page.picture("files-looked-at")?;

    page.click(".line .files")?;
    page.click("#settings-page .field-row button")?;
    status("the pause", "Paused")?;
    fs::write(&file, fs::read_to_string(&file)? + "while it was paused\n")?;
    page.picture("files-paused")?;
    page.click("#settings-page .field-row button")?;
    status("the folder to be in step", "all in step")?;
    page.click("dialog header button")?;
    app.text_when("what was written meanwhile", |text| text.contains("while it was paused"))?;
    app.close()
}

#[test]
fn a_folder_that_lost_its_marker_is_begun_with_again() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let ana = Person::new("files-again")?;
    let app = ana.open()?;
    let page = &app.page;
    app.welcome("Ana", None)?;
    app.new_note("Trip")?;
    app.type_text("by train")?;
    app.text_when("the typed words", |text| text.ends_with("by train"))?;
    let folder = ana.home().join("Notes");
    page.click("button[aria-label='Settings']")?;
    page.click("#tab-files")?;
    page.keys("#mirror-folder", &folder.display().to_string())?;
    page.click("#settings-page form:has(#mirror-folder) button[type=submit]")?;
    let status = |what: &str, expected: &str| {
        until(what, Patience::default(), || {
            Ok(page.text_of("#settings-page [role=status]")?.contains(expected).then_some(()))
        })
    };
    status("the folder to be in step", "all in step")?;

    let file = folder.join("Trip.md");
    fs::remove_dir_all(folder.join(".rejoin"))?;
    fs::remove_file(&file)?;
    status("the pause", "is not there")?;
    page.picture("files-vanished")?;
    page.click("#settings-page [role=status] ~ div .button")?;
    status("the folder to be in step", "all in step")?;
    assert!(fs::read_to_string(&file)?.ends_with("by train"), "nothing was thrown away");
    page.picture("files-again")?;
    app.close()
}
