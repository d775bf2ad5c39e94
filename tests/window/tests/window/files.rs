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
    app.close()
}
