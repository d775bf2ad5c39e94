//! The README's five minutes for two people, as it tells them: what is named there is there.

use anyhow::{Context as _, Result, ensure};
use rejoin_window_tests::{
    App, CONTROL, ENTER, ESCAPE, HOME, Person, SHIFT, Server, until, wanted,
};
use serde_json::json;

/// Presses what has this text on it, as the README names it.
fn press(app: &App, selector: &str, text: &str) -> Result<()> {
    let script = "const one = [...document.querySelectorAll(arguments[0])]
            .find((each) => each.innerText.trim().startsWith(arguments[1]));
        one?.click();
        return Boolean(one);";
    until("what is to be pressed", Default::default(), || {
        let pressed = app.page.script(script, &[json!(selector), json!(text)])?;
        Ok((pressed == json!(true)).then_some(()))
    })
    .with_context(|| format!("{text:?} among {selector}"))
}

/// Switches between working offline and online where the README says.
fn press_offline(app: &App) -> Result<()> {
    app.page.click("nav.list button[aria-label='Settings']")?;
    press(app, "[role=tab]", "Servers and peers")?;
    press(app, "#settings-page label", "Work offline")?;
    app.page.chord(&[], ESCAPE)?;
    app.goes("dialog[open]")
}

#[test]
fn the_five_minutes_of_the_readme_go_as_they_are_told() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let server = Server::start()?;
    let (ana, ben) = (Person::new("ana-tour")?, Person::new("ben-tour")?);
    let (hers, his) = (ana.open()?, ben.open()?);

    // 1. Who they are, and the server.
    for (app, name) in [(&hers, "Ana"), (&his, "Ben")] {
        app.page.keys("#welcome-name", name)?;
        press(app, "label", "To a server")?;
        app.page.keys("input[placeholder^='wss']", &server.address())?;
        press(app, "button", "Start writing")?;
        app.shows(".bar .title", "Welcome")?;
    }

    // 2. A note, and where it is.
    hers.page.click("nav.list button[aria-haspopup=menu]")?;
    hers.choose("New note")?;
    until("the new note", Default::default(), || Ok((hers.text()?.trim() == "").then_some(())))?;
    hers.type_text(&format!("# Plans{ENTER}A weekend by the sea."))?;
    hers.status_when("the note to be saved", |status| status.contains("Saved here"))?;
    hers.status_when("the server to have it", |status| status.contains("on 127.0.0.1"))?;

    // 3. Its link, in the other window.
    hers.page.click(".bar button[aria-label='Note menu']")?;
    hers.choose("Share…")?;
    // Only a press of the pointer or a key may write to the clipboard.
    hers.page.click("dialog .row button")?;
    hers.shows("dialog .row button", "Copied")?;
    let link = hers.page.script("return document.querySelector('dialog input').value", &[])?;
    let link = link.as_str().context("the link is text")?.to_owned();
    hers.page.chord(&[], ESCAPE)?;
    his.page.click("nav.list button[aria-haspopup=menu]")?;
    his.choose("Open a link…")?;
    his.page.keys("dialog input", &link)?;
    press(&his, "dialog button", "Open")?;
    his.text_when("Ana's words", |text| text.ends_with("by the sea."))?;
    // He can go on at the keys.
    until("the caret in the note", Default::default(), || {
        let inside = "return document.activeElement.classList.contains('cm-content')";
        Ok((his.page.script(inside, &[])? == true).then_some(()))
    })?;
    his.caret_to_end()?;
    his.type_text(" Or two?")?;
    hers.text_when("Ben's words", |text| text.ends_with("Or two?"))?;
    for (app, other) in [(&hers, "Ben"), (&his, "Ana")] {
        app.page.element(&format!(".bar [aria-label*={other}], .bar [title*={other}]"))?;
        app.page.element(".peer-caret")?;
    }
    hers.page.picture("tour-together")?;

    // 4. Batched, and the commit.
    press(&hers, ".bar button", "Hybrid")?;
    hers.choose("Batched")?;
    hers.caret_to_end()?;
    hers.type_text(" Let us say three.")?;
    hers.text_when("her draft", |text| text.ends_with("three."))?;
    press(&hers, ".bar button", "Commit")?;
    hers.shows("dialog .diff-inserted", "Let us say three.")?;
    hers.page.picture("tour-commit")?;
    ensure!(!his.text()?.contains("three"), "nothing is shared before the commit");
    press(&hers, "dialog button", "Commit")?;
    his.text_when("the committed words", |text| text.ends_with("three."))?;
    press(&hers, ".bar button", "Batched")?;
    hers.choose("Hybrid")?;

    // 5. Offline, the same paragraph, and back.
    press_offline(&hers)?;
    hers.status_when("the offline work", |status| status.contains("working offline"))?;
    hers.caret_to_end()?;
    hers.type_text(" Ana brings cake.")?;
    his.caret_to_end()?;
    his.type_text(" Ben brings tea.")?;
    his.text_when("his own words", |text| text.contains("tea."))?;
    ensure!(!his.text()?.contains("cake"), "she is offline");
    press_offline(&hers)?;
    for app in [&hers, &his] {
        app.text_when("the words of both", |text| text.contains("cake.") && text.contains("tea."))?;
    }
    hers.shows(".strip", "Ben changed this note since")?;
    hers.page.picture("tour-back")?;
    press(&hers, ".strip button", "Show what changed")?;
    hers.shows("aside h2", "While you were away")?;
    hers.shows("aside .diff-inserted", "Ben brings tea.")?;
    press(&hers, "aside button", "I have seen it")?;
    hers.goes("aside")?;

    // 6. The history, and undo of her own.
    hers.page.chord(&[CONTROL, SHIFT], 'H')?;
    hers.shows("aside .sessions", "Ana")?;
    hers.shows("aside .sessions", "Ben")?;
    hers.page.click("aside .session")?;
    hers.page.element("aside .version .diff-inserted")?;
    hers.page.picture("tour-history")?;
    hers.page.script("document.querySelector('#version').focus()", &[])?;
    hers.page.chord(&[], HOME)?;
    press(&hers, "aside button", "Restore this version")?;
    hers.text_when("an early text", |text| !text.contains("Or two?"))?;
    hers.page.chord(&[], ESCAPE)?;
    hers.goes("aside")?;
    hers.page.chord(&[CONTROL], 'z')?;
    hers.text_when("the words of both again", |text| {
        text.contains("cake.") && text.contains("tea.")
    })?;
    hers.page.chord(&[CONTROL], 'z')?;
    let text = hers.text_when("her last words to go", |text| !text.contains("cake."))?;
    ensure!(text.contains("tea."), "his words stay: {text:?}");

    // What the README ends with.
    hers.page.chord(&[CONTROL, SHIFT], 'P')?;
    hers.shows("dialog", "Show history")?;
    hers.page.chord(&[], ESCAPE)?;
    hers.goes("dialog[open]")?;
    hers.page.chord(&[CONTROL], 'p')?;
    hers.shows("dialog", "Plans")?;
    hers.page.chord(&[], ESCAPE)?;
    hers.close()?;
    his.close()
}
