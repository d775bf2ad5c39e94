//! The window opens, on a new profile and where nothing can be written.

use std::fs;

use anyhow::Result;
use rejoin_window_tests::{Person, saved, wanted};

#[test]
fn a_new_person_is_welcomed() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let ana = Person::new("ana")?;
    let app = ana.open()?;
    app.page.element("#welcome-name")?;
    app.page.picture("opening-first-run")?;
    app.welcome("Ana", None)?;
    app.status_when("the first note to be saved", saved)?;
    app.page.picture("opening-welcome-note")?;
    app.close()
}

#[test]
fn an_unwritable_data_folder_is_said_in_words() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let ana = Person::new("ana-unwritable")?;
    // Under a file there can be no folder, not even for root.
    fs::write(ana.home().join("rejoin"), "in the way")?;
    let app = ana.open()?;
    let shown = rejoin_window_tests::until("an explanation", Default::default(), || {
        let text = app.page.text_of("body")?;
        Ok(text.contains("cannot be written").then_some(text))
    })?;
    assert!(shown.contains("rejoin"), "{shown}");
    app.page.picture("opening-unwritable")?;
    app.close()
}
