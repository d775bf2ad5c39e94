//! Two people without a server: one lets others connect, the other connects by address and token.

use std::net::TcpListener;

use anyhow::{Result, ensure};
use rejoin_window_tests::{App, CONTROL, ENTER, ESCAPE, Person, until, wanted};
use serde_json::json;

/// What only the two of them know.
const TOKEN: &str = "sea-and-mountains";

fn open_network(app: &App) -> Result<()> {
    app.page.chord(&[CONTROL], ',')?;
    app.page.click("#tab-network")?;
    app.page.element("#settings-page form").map(drop)
}

/// Puts something else into a field, as a person does: all of it is selected and typed over.
fn type_over(app: &App, field: &str, keys: &str) -> Result<()> {
    app.page.element(field)?;
    app.page.script("document.querySelector(arguments[0]).select()", &[json!(field)])?;
    app.page.keys(field, keys)
}

#[test]
fn two_people_write_together_without_a_server() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let (ana, ben) = (Person::new("ana-direct")?, Person::new("ben-direct")?);
    let (hers, his) = (ana.open()?, ben.open()?);
    hers.welcome("Ana", None)?;
    his.welcome("Ben", None)?;
    let note = hers.new_note("Between us")?;
    hers.type_text("From Ana.")?;

    // She lets others in, with a token, and reads where she is reached.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    open_network(&hers)?;
    hers.page.click("#settings-page div.settings-group:last-child input[role=switch]")?;
    type_over(&hers, "input.port", &format!("{port}{ENTER}"))?;
    type_over(&hers, ".listen input[type=password]", &format!("{TOKEN}{ENTER}"))?;
    let address = format!("ws://127.0.0.1:{port}");
    hers.shows(".addresses", &address)?;
    until("the token to be kept", Default::default(), || {
        let script = "return document.querySelector('.listen input[type=password]').placeholder";
        let shown = hers.page.script(script, &[])?;
        Ok(shown.as_str().is_some_and(|text| text.contains("stored")).then_some(()))
    })?;

    // He comes with a wrong token, is told so where the address stands, and enters the right one there.
    open_network(&his)?;
    type_over(&his, "form.add input[placeholder^='wss']", &address)?;
    his.page.script(
        "const kind = document.querySelector('form.add select');
        kind.value = 'peer';
        kind.dispatchEvent(new Event('change', { bubbles: true }));",
        &[],
    )?;
    type_over(&his, "form.add input[type=password]", "of-somebody-else")?;
    his.page.click("form.add button[type=submit]")?;
    his.shows("#settings-page li", "It does not accept this token.")?;
    his.page.picture("direct-refused")?;
    type_over(&his, "#settings-page li input", TOKEN)?;
    his.page.click("#settings-page li button[type=submit]")?;
    his.shows("#settings-page ul", "connected")?;
    his.goes("#settings-page li form")?;
    his.page.chord(&[], ESCAPE)?;
    hers.page.chord(&[], ESCAPE)?;

    his.take_link(&note)?;
    his.open_note(&note)?;
    his.text_when("her words", |text| text.ends_with("From Ana."))?;
    his.caret_to_end()?;
    his.type_text(" From Ben.")?;
    hers.text_when("his words", |text| text.ends_with("From Ana. From Ben."))?;
    hers.page.element(".bar [aria-label*=Ben]")?;
    hers.status_when("Ben to have it", |status| status.contains("Ben"))?;
    hers.page.click("button.where")?;
    hers.shows("aside .connection", "connected to you")?;
    hers.page.picture("direct-ana")?;
    his.page.picture("direct-ben")?;

    // She goes, he writes on, and she has it when she is back: her door opens with the app.
    ensure!(hers.text()? == his.text()?, "both show the same");
    hers.close()?;
    his.caret_to_end()?;
    his.type_text(" And alone.")?;
    his.status_when("her absence", |status| status.contains("not answered"))?;
    let hers = ana.open()?;
    hers.open_note(&note)?;
    hers.text_when("what he wrote meanwhile", |text| text.ends_with("And alone."))?;
    hers.close()?;
    his.close()
}
