//! Somebody who got the sources just now: one command, and a window that takes what they type.

use anyhow::{Result, ensure};
use rejoin_window_tests::{Person, Sources, saved, wanted};

#[test]
fn a_clean_copy_of_the_sources_comes_up_in_development_and_takes_typing() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let sources = Sources::copy()?;
    let ana = Person::new("ana-development")?;
    let app = ana.open_in_development(&sources)?;
    eprintln!("in the window after {:?}", app.started().elapsed());
    let address = app.page.script("return location.href", &[])?;
    let address = address.as_str().unwrap_or_default();
    ensure!(address.starts_with("http://localhost:"), "the page came from {address}");
    app.welcome("Ana", None)?;
    let note = app.new_note("Fresh")?;
    app.type_text("typed in development")?;
    let written = app.text_when("the words", |text| text.ends_with("typed in development"))?;
    app.status_when("the note to be saved", saved)?;
    app.page.picture("development")?;
    app.close_with_all()?;

    // It went to the disk: the app as it is built for people reads it there.
    let app = ana.open()?;
    app.open_note(&note)?;
    assert_eq!(app.text_when("the note's text", |text| !text.is_empty())?, written);
    app.close()
}
