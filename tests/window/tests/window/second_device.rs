//! A second device of the same person: it adopts the profile by its link, and both show the same from then on.

use anyhow::{Context as _, Result};
use rejoin_window_tests::{BACKSPACE, CONTROL, ESCAPE, Person, SHIFT, Server, until, wanted};
use serde_json::json;

#[test]
fn a_second_device_shows_the_same_folders_pins_and_trash() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let server = Server::start()?;
    let (desk, couch) = (Person::new("ana-desk")?, Person::new("ana-couch")?);
    let first = desk.open()?;
    first.welcome("Ana", Some(&server.address()))?;
    let kept = first.new_note("Kept")?;
    first.type_text("By the window.")?;
    first.page.chord(&[CONTROL, SHIFT], 'K')?;
    first.shows("nav.list .heading", "Pinned")?;
    first.status_when("the server to have it", |status| status.contains("on 127.0.0.1"))?;
    first.new_note("Thrown away")?;
    first.shows("nav.list", "Thrown away")?;
    first.page.chord(&[CONTROL, SHIFT], BACKSPACE)?;
    first.shows("nav.list .foot .count", "1")?;
    first.page.chord(&[CONTROL], ',')?;
    first.page.click("#tab-profile")?;
    let link = until("the link of the profile", Default::default(), || {
        let script = "[...document.querySelectorAll('#settings-page button')]
                .find((each) => each.innerText.trim() === 'Show the link')?.click();
            return document.querySelector('#settings-page input[readonly]')?.value ?? '';";
        let shown = first.page.script(script, &[])?;
        Ok(shown.as_str().filter(|link| link.starts_with("automerge:")).map(str::to_owned))
    })?;
    first.page.chord(&[], ESCAPE)?;
    first.goes("dialog[open]")?;

    // The other device, which has never run the app.
    let second = couch.open()?;
    second.page.keys("#welcome-name", "Ana")?;
    second.page.click("input[type=radio][value=profile]")?;
    second.page.keys("input[placeholder^='wss']", &server.address())?;
    second.page.keys("input[placeholder^='automerge']", &link)?;
    second.page.picture("second-device-first-page")?;
    second.page.click("button[type=submit]")?;
    second.shows("nav.list .heading", "Pinned")?;
    second.shows("nav.list", "Kept")?;
    second.shows("nav.list .foot .count", "1")?;
    second.open_note(&kept)?;
    let text = second.text_when("the note", |text| text.ends_with("By the window."))?;
    second.page.picture("second-device")?;

    // What one of them does the other shows: an edit, and a pin that goes.
    first.open_note(&kept)?;
    second.caret_to_end()?;
    second.type_text(" Or the door.")?;
    first.text_when("the other device's words", |now| now == format!("{text} Or the door."))?;
    first.page.chord(&[CONTROL, SHIFT], 'K')?;
    until("the pin to go", Default::default(), || {
        let heading = second
            .page
            .script("return document.querySelector('nav.list .heading')?.innerText ?? ''", &[])?;
        Ok((heading == json!("")).then_some(()))
    })
    .context("on the second device")?;
    first.close()?;
    second.close()
}
