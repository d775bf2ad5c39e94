//! One person: what was written is there after an end, a crash and a reload.

use anyhow::Result;
use rejoin_window_tests::{ENTER, Person, saved, wanted};

#[test]
fn a_note_is_there_after_a_restart() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let ana = Person::new("ana-restart")?;
    let app = ana.open()?;
    app.welcome("Ana", None)?;
    let note = app.new_note("Groceries")?;
    app.type_text(&format!("milk{ENTER}bread"))?;
    let written = app.text_when("the words", |text| text.ends_with("milk\nbread"))?;
    app.status_when("the note to be saved", saved)?;
    app.page.picture("restart-before")?;
    app.close()?;

    let app = ana.open()?;
    app.open_note(&note)?;
    assert_eq!(app.text_when("the note's text", |text| !text.is_empty())?, written);
    app.page.picture("restart-after")?;
    app.close()
}

#[test]
fn what_was_said_to_be_saved_survives_a_power_cut() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let ana = Person::new("ana-power-cut")?;
    let app = ana.open()?;
    app.welcome("Ana", None)?;
    let note = app.new_note("Diary")?;
    app.type_text("saved words ")?;
    app.text_when("the words", |text| text.contains("saved words "))?;
    app.status_when("the note to be saved", saved)?;
    app.type_text("and some that may be lost")?;
    app.kill()?;

    let app = ana.open()?;
    app.open_note(&note)?;
    let text = app.text_when("the saved words", |text| text.contains("saved words"))?;
    let rest = text.split("saved words ").nth(1).unwrap_or_default();
    assert!("and some that may be lost".starts_with(rest), "{text:?}");
    app.page.picture("power-cut-after")?;
    app.close()
}

#[test]
fn a_reload_of_the_page_loses_nothing() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let ana = Person::new("ana-reload")?;
    let app = ana.open()?;
    app.welcome("Ana", None)?;
    let note = app.new_note("Reload")?;
    app.type_text("before ")?;
    let before = app.text_when("the words", |text| text.ends_with("before "))?;
    // The last keystroke has reached the backend when the note says where it is.
    app.status_when("the note to be saved", saved)?;
    app.page.reload()?;
    app.page.element(".cm-content")?;
    app.open_note(&note)?;
    assert_eq!(app.text_when("the note's text", |text| !text.is_empty())?, before);
    app.caret_to_end()?;
    app.type_text("after")?;
    app.text_when("the words after the reload", |text| text.ends_with("before after"))?;
    app.page.picture("reload-after")?;
    app.close()
}
