//! Looking back: what others did while one was away, earlier versions, and who wrote what.

use anyhow::{Result, ensure};
use rejoin_window_tests::{
    ARROW_LEFT, ARROW_RIGHT, App, CONTROL, ENTER, ESCAPE, HOME, Peer, Person, SHIFT, Server, saved,
    wanted,
};
use serde_json::json;

/// What two people know of a weekend.
const PLAN: &str = "# Weekend at the sea

A long weekend in **May**, by train.

- [x] ask for days off
- [ ] book the tickets
- [ ] find a room near the harbour
";

/// The app of Ana with the plan open, which Ben made.
fn plan(ana: &Person, server: &Server) -> Result<(App, Peer)> {
    let ben = Peer::with_new_note(&server.address(), PLAN)?;
    let app = ana.open()?;
    app.welcome("Ana", Some(&server.address()))?;
    app.take_link(&ben.note_id())?;
    app.open_note(&ben.note_id())?;
    app.text_when("the plan", |text| text == PLAN)?;
    Ok((app, ben))
}

#[test]
fn what_others_did_while_one_was_away_is_shown_and_dismissed() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let _inside = runtime.enter();
    let server = Server::start()?;
    let ana = Person::new("ana-away")?;
    let (app, ben) = plan(&ana, &server)?;
    let note = ben.note_id();
    let page = &app.page;
    ben.show("Ben", 0);
    app.shows(".peers", "")?;
    page.element(".peer-flag")?;

    // With the note closed: it is marked in the list, and says so when it is opened.
    app.new_note("Something else")?;
    ben.type_after("book the tickets", " (two are booked)")?;
    page.element(&format!("#row-{note} .dot"))?;
    app.open_note(&note)?;
    app.shows(".strip", "Someone changed this note since")?;
    app.pictures("away")?;
    page.click(".strip .link-button")?;
    app.shows("aside .diff-inserted", " (two are booked)")?;
    ensure!(page.elements("aside .diff-deleted")?.is_empty(), "nothing went away");
    app.pictures("away-review")?;
    page.click("aside .acts button")?;
    app.goes("aside")?;
    app.goes(".strip")?;

    // With the note open and offline: it is told on return, and is no less dismissed for being open.
    page.chord(&[CONTROL, SHIFT], 'O')?;
    app.status_when("the offline work", |status| status.contains("working offline"))?;
    app.caret_to_end()?;
    app.type_text("Ana brings the cake.")?;
    ben.type_after("in **May**", " or June")?;
    page.chord(&[CONTROL, SHIFT], 'O')?;
    app.text_when("the words of both", |text| {
        text.contains(" or June") && text.ends_with("Ana brings the cake.")
    })?;
    app.shows(".strip", "changed this note since")?;
    page.click(".strip .link-button")?;
    ensure!(app.shows("aside .diff-inserted", " or June")? == " or June", "her own is not news");
    page.click(".panel header button")?;
    page.click(".strip .link-button + .link-button")?;
    app.goes(".strip")?;
    // What comes while she looks is nothing to come back to.
    ben.type_after("by train", " at noon")?;
    app.text_when("the next words", |text| text.contains("at noon"))?;
    ensure!(page.elements(".strip")?.is_empty(), "this was no absence");
    runtime.block_on(ben.leave());
    app.close()
}

/// Presses a key on the slider of the history, which then is at this of so many versions.
fn slide(app: &App, key: char, position: u64, length: u64) -> Result<()> {
    app.page.chord(&[], key)?;
    app.shows("aside .slider", &format!("Change {position} of {length}")).map(drop)
}

#[test]
fn an_earlier_version_is_looked_at_and_restored_as_a_new_change() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let _inside = runtime.enter();
    let server = Server::start()?;
    let ana = Person::new("ana-history")?;
    let (app, ben) = plan(&ana, &server)?;
    let note = ben.note_id();
    let page = &app.page;
    app.caret_to_end()?;
    app.type_text(&format!("{ENTER}Ana brings the cake."))?;
    app.status_when("her words to be saved", saved)?;
    ben.type_after("ask for days off", " (done on Monday)")?;
    let now = app.text_when("his words", |text| text.contains("done on Monday"))?;

    page.chord(&[CONTROL, SHIFT], 'H')?;
    app.shows("aside .sessions", "Ana")?;
    app.shows("aside .sessions", "Someone")?;
    // The first change makes the note: there is nothing to see in it.
    let length = app.changes(&note)? - 1;
    app.shows("aside .slider", &format!("Change {length} of {length}"))?;
    page.click("aside .check input")?;
    app.shows("aside .legend", "Ana")?;
    page.element(".note-text .author[title=Ana]")?;
    page.element(".note-text .author[title=Someone]")?;
    app.pictures("history-authors")?;

    page.script("document.querySelector('#version').focus()", &[])?;
    slide(&app, ARROW_LEFT, length - 1, length)?;
    app.shows("aside .version .diff-inserted", "(done on Monday)")?;
    slide(&app, HOME, 1, length)?;
    ensure!(page.text_of("aside .version")?.contains("# Weekend"), "the first has the plan");
    slide(&app, ARROW_RIGHT, 2, length)?;
    slide(&app, ARROW_LEFT, 1, length)?;
    app.shows("aside .version .diff-inserted", "(done on Monday)")?;
    app.pictures("history-version")?;
    ensure!(app.text()? == now, "to look is not to change");

    // A session says what was changed in it, the latest one too.
    page.click("aside .session")?;
    app.shows("aside .version .hint", "added then")?;
    app.shows("aside .version .diff-inserted", "# Weekend at the sea")?;
    app.pictures("history-session")?;
    page.script("document.querySelector('#version').focus()", &[])?;
    slide(&app, HOME, 1, length)?;
    app.shows("aside .version .diff-inserted", "(done on Monday)")?;

    page.click("aside .acts .primary")?;
    app.text_when("the first text", |text| text == PLAN)?;
    app.shows(".toasts", "Restored as a new change")?;
    app.shows("aside .slider", &format!("Change {0} of {0}", length + 1))?;
    page.picture("history-restored")?;
    let there = ben.text_when("the restored text", |text| text == PLAN)?;
    ensure!(there == PLAN, "{there:?}");
    // Nothing is gone: one more step back is the text of both.
    page.chord(&[], ESCAPE)?;
    app.goes("aside")?;
    page.chord(&[CONTROL], 'z')?;
    app.text_when("the words of both again", |text| text == now)?;
    app.command("history", &json!({ "note": note }))?;
    runtime.block_on(ben.leave());
    app.close()
}
