//! A folder of files beside the notes: chosen in the settings, written from outside and from the
//! window, and an import with its report.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use rejoin_window_tests::{App, Patience, Person, until, wanted};

/// A person with a note "Trip", whose notes are files too.
struct Mirrored {
    app: App,
    ana: Person,
    folder: PathBuf,
    /// What the note and its file say.
    text: String,
}

impl Mirrored {
    /// Writes the note, chooses the folder, and leaves the settings open at its page.
    fn begin(name: &str) -> Result<Self> {
        let ana = Person::new(name)?;
        let app = ana.open()?;
        app.welcome("Ana", None)?;
        app.new_note("Trip")?;
        app.type_text("by train")?;
        let text = app.text_when("the typed words", |text| text.ends_with("by train"))?;
        let folder = ana.home().join("Notes");
        app.page.click("button[aria-label='Settings']")?;
        app.page.click("#tab-files")?;
        app.page.keys("#mirror-folder", &folder.display().to_string())?;
        app.page.click("#settings-page form:has(#mirror-folder) button[type=submit]")?;
        let mirrored = Self { app, ana, folder, text };
        mirrored.file_says("the file of the note", &mirrored.text)?;
        mirrored.status("all up to date")?;
        Ok(mirrored)
    }

    /// The note's file.
    fn file(&self) -> PathBuf {
        self.folder.join("Trip.md")
    }

    fn file_says(&self, what: &str, expected: &str) -> Result<()> {
        until(what, Patience::default(), || {
            Ok(fs::read_to_string(self.file()).is_ok_and(|text| text == expected).then_some(()))
        })
    }

    /// Waits until the page of the settings says so of the folder.
    fn status(&self, expected: &str) -> Result<String> {
        self.app.shows("#settings-page [role=status]", expected)
    }
}

#[test]
fn a_folder_of_files_says_what_the_notes_say() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let mirrored = Mirrored::begin("files")?;
    let Mirrored { app, ana, folder, text } = &mirrored;
    let page = &app.page;
    page.picture("files-chosen")?;
    page.click("dialog header button")?;

    let text = format!("{text}, and back by boat");
    fs::write(mirrored.file(), &text)?;
    app.text_when("the words from the file", |text| text.ends_with("and back by boat"))?;
    app.caret_to_end()?;
    app.type_text(" in May")?;
    mirrored.file_says("the typed words in the file", &(text + " in May"))?;
    fs::write(folder.join("odd.md"), [0xff, 0xfe])?;
    page.picture("files-both-ways")?;

    let old = ana.home().join("Old");
    fs::create_dir_all(old.join("Work"))?;
    fs::write(old.join("Start.md"), "# Start\n\n[the plan](Work/Plan.md)\n")?;
    fs::write(old.join("Work/Plan.md"), "# Plan\n\nback to [[Start]]\n")?;
    page.click(".line .files")?;
    page.keys("#import-folder", &old.display().to_string())?;
    page.click("#settings-page form:has(#import-folder) button[type=submit]")?;
    app.shows("#settings-page", "2 notes imported, in 1 folder")?;
    app.shows("#settings-page", "odd.md")?;
    page.picture("files-imported")?;
    until("the imported note's file", Patience::default(), || {
        Ok(folder.join("Work/Plan.md").exists().then_some(()))
    })?;
    let target = ana.home().join("Out");
    page.keys("#export-folder", &target.display().to_string())?;
    page.click("#settings-page form:has(#export-folder) button[type=submit]")?;
    app.shows("#settings-page", "4 notes exported")?;
    assert!(fs::read_to_string(target.join("Work/Plan.md"))?.contains("back to [[Start]]"));
    page.picture("files-exported")?;
    mirrored.app.close()
}

#[test]
fn an_old_text_leads_to_a_spot_to_look_at_and_a_pause_loses_nothing() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let mirrored = Mirrored::begin("files-review")?;
    let Mirrored { app, text: old, .. } = &mirrored;
    let page = &app.page;
    page.click("dialog header button")?;

    let file = mirrored.file();
    app.caret_to_end()?;
    app.type_text(", in May")?;
    until("the typed words in the file", Patience::default(), || {
        Ok(fs::read_to_string(&file).is_ok_and(|text| text.ends_with("in May")).then_some(()))
    })?;
    fs::write(&file, format!("{old}!\nby an old editor\n"))?;
    let is_kept = |text: &str| text.contains("in May") && text.contains("by an old editor");
    app.text_when("both", is_kept)?;
    page.click(".line .files")?;
    app.shows("#settings-page", "Look at these")?;
    page.picture("files-review")?;
    page.click("#settings-page .link-button")?;
    app.text_when("the note with the spot", is_kept)?;
    page.picture("files-looked-at")?;

    page.click(".line .files")?;
    page.click("#settings-page .field-row button")?;
    mirrored.status("Paused")?;
    fs::write(&file, fs::read_to_string(&file)? + "while it was paused\n")?;
    page.picture("files-paused")?;
    page.click("#settings-page .field-row button")?;
    mirrored.status("all up to date")?;
    page.click("dialog header button")?;
    app.text_when("what was written meanwhile", |text| text.contains("while it was paused"))?;
    mirrored.app.close()
}

#[test]
fn a_folder_that_lost_its_marker_is_begun_with_again() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let mirrored = Mirrored::begin("files-again")?;
    let (page, file) = (&mirrored.app.page, mirrored.file());
    fs::remove_dir_all(mirrored.folder.join(".rejoin"))?;
    fs::remove_file(&file)?;
    mirrored.status("is not there")?;
    page.picture("files-vanished")?;
    page.click("#settings-page [role=status] ~ div .button")?;
    mirrored.status("all up to date")?;
    assert!(fs::read_to_string(&file)?.ends_with("by train"), "nothing was thrown away");
    page.picture("files-again")?;
    mirrored.app.close()
}
