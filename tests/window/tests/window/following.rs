//! Following somebody through a long note, until one goes on by oneself.

use anyhow::{Result, ensure};
use rejoin_window_tests::{App, CONTROL, Peer, Person, SHIFT, Server, until, wanted};
use serde_json::json;

/// Whether a peer's caret is where the person sees it.
const IN_SIGHT: &str = "const flag = document.querySelector('.peer-caret');
    if (!flag) return false;
    const box = flag.getBoundingClientRect();
    const view = document.querySelector('.cm-scroller').getBoundingClientRect();
    return box.top >= view.top && box.bottom <= view.bottom;";

fn until_in_sight(app: &App, expected: bool) -> Result<()> {
    until("the caret to come into sight or go", Default::default(), || {
        Ok((app.page.script(IN_SIGHT, &[])? == json!(expected)).then_some(()))
    })
}

#[test]
fn who_is_followed_stays_in_sight_until_one_acts() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let _inside = runtime.enter();
    let server = Server::start()?;
    let lines: String = (1..=200).map(|i| format!("Line {i} of a long story.\n")).collect();
    let ben = Peer::with_new_note(&server.address(), &format!("# Story\n\n{lines}"))?;
    let note = ben.note_id();
    let ana = Person::new("ana-following")?;
    let app = ana.open()?;
    app.welcome("Ana", Some(&server.address()))?;
    app.take_link(&note)?;
    app.open_note(&note)?;
    let text = app.text_when("the story", |text| text.ends_with("200 of a long story.\n"))?;
    ben.show("Ben", text.len() - 1);
    until("Ben's name", Default::default(), || {
        let here = "return document.querySelector('.peers')?.getAttribute('aria-label') ?? ''";
        let here = app.page.script(here, &[])?;
        Ok(here.as_str().is_some_and(|here| here.ends_with("Ben")).then_some(()))
    })?;
    until_in_sight(&app, false)?;

    app.page.chord(&[CONTROL, SHIFT], 'L')?;
    app.shows(".following", "Following Ben")?;
    until_in_sight(&app, true)?;
    app.pictures("following")?;
    ben.show("Ben", 20);
    until("the beginning to be in sight", Default::default(), || {
        let top =
            app.page.script("return document.querySelector('.cm-scroller').scrollTop", &[])?;
        Ok((top.as_f64() == Some(0.0)).then_some(()))
    })?;
    until_in_sight(&app, true)?;

    // The same keys again: there is nobody else, so nobody is followed.
    app.page.chord(&[CONTROL, SHIFT], 'L')?;
    app.goes(".following")?;
    app.page.click(".peers")?;
    app.choose("Follow Ben")?;
    app.shows(".following", "Following Ben")?;
    app.type_text("x")?;
    app.goes(".following")?;
    ben.show("Ben", text.len() - 1);
    until_in_sight(&app, false)?;
    ensure!(app.text()?.contains('x'));
    runtime.block_on(ben.leave());
    app.close()
}
