//! Links, addresses and tokens, good and bad, as a person gives them.

use anyhow::Result;
use rejoin_window_tests::{CONTROL, ENTER, ESCAPE, F10, HOME, Peer, Person, SHIFT, Server, wanted};

#[test]
fn a_wrong_link_or_address_is_said_in_words_and_a_good_one_works() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let _inside = runtime.enter();
    let mut server = Server::start()?;
    let ben = Peer::with_new_note(&server.address(), "# From Ben\n")?;
    let note = ben.note_id();
    let ana = Person::new("ana-connecting")?;
    let app = ana.open()?;
    let page = &app.page;
    app.welcome("Ana", None)?;

    // A link that is none, one that is nearly one, and one to a note that nobody has.
    page.chord(&[CONTROL], 'o')?;
    page.keys("dialog input", &format!("https://example.org{ENTER}"))?;
    app.shows("#link-failure", "This is not an automerge: link.")?;
    page.script("document.querySelector('dialog input').select()", &[])?;
    page.keys("dialog input", &format!("automerge:{}x{ENTER}", &note[1..]))?;
    app.shows("#link-failure", "a part of it is missing or wrong")?;
    page.picture("link-refused")?;
    page.script("document.querySelector('dialog input').select()", &[])?;
    page.keys("dialog input", &format!("automerge:{note}{ENTER}"))?;
    app.goes("dialog[open]")?;
    app.shows("#note", "This note is not here yet")?;
    app.pictures("unavailable")?;

    // An address that is none, a token that cannot be one, and the server.
    page.chord(&[CONTROL], ',')?;
    page.click("#tab-network")?;
    let (address, add) = ("form input[placeholder^='wss']", "form button[type=submit]");
    page.keys(address, "home.example")?;
    page.click(add)?;
    app.shows("#server-problem", "An address begins with wss:// or ws://.")?;
    page.script("document.querySelector(\"form input[placeholder^='wss']\").select()", &[])?;
    page.keys(address, &server.address())?;
    page.keys("form input[type=password]", "short")?;
    page.click(add)?;
    app.shows("#server-problem", "a token has at least eight characters")?;
    app.pictures("server-refused")?;
    page.script("document.querySelector('form input[type=password]').select()", &[])?;
    page.keys("form input[type=password]", "long-enough")?;
    page.click(add)?;
    app.shows("#settings-page ul", "connected")?;
    page.keys(address, &server.address())?;
    page.click(add)?;
    app.shows("#server-problem", "This address is in the list.")?;
    page.chord(&[], ESCAPE)?;

    // The note that nobody had comes by itself now.
    app.text_when("Ben's words", |text| text == "# From Ben\n")?;
    app.shows("#note", "From Ben")?;
    page.picture("link-arrived")?;
    // It goes back where it came from.
    app.caret_to_end()?;
    app.type_text("From Ana")?;
    ben.text_when("Ana's words", |text| text == "# From Ben\nFrom Ana")?;
    app.status_when("the server to have it", |status| status.contains("on 127.0.0.1"))?;

    // Who lets others connect is told where these reach them, and may copy it.
    page.chord(&[CONTROL], ',')?;
    page.click("#tab-network")?;
    page.click("#settings-page div.settings-group:last-child input[role=switch]")?;
    app.shows(".addresses", "ws://127.0.0.1:")?;
    app.pictures("settings-listening")?;
    page.click(".addresses button")?;
    app.shows(".addresses", "Copied")?;
    page.click("#settings-page div.settings-group:last-child input[role=switch]")?;
    app.goes(".addresses")?;
    page.chord(&[], ESCAPE)?;
    app.goes("dialog[open]")?;

    // Another note goes nowhere until its folder is told to.
    app.new_note("Own words")?;
    app.status_when("the note to be here only", |status| status.trim() == "On this computer only")?;
    page.keys(".rows", &HOME.to_string())?;
    page.chord(&[SHIFT], F10)?;
    app.choose("Where it goes")?;
    page.click("dialog fieldset input[type=checkbox]")?;
    app.pictures("share-folder")?;
    page.chord(&[], ESCAPE)?;
    app.status_when("the server to have it", |status| status.contains("on 127.0.0.1"))?;

    // The server goes: the panel says since when, and tries again when asked.
    server.kill()?;
    page.click("button.where")?;
    app.shows("aside .connection", "waiting to try again")?;
    app.pictures("sync-waiting")?;
    server.start_again()?;
    // It may have tried again by itself since.
    page.script("document.querySelector('aside .connection .link-button')?.click()", &[])?;
    app.shows("aside .connection", "connected")?;
    runtime.block_on(ben.leave());
    app.close()
}
