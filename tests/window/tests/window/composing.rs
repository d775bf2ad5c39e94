//! An input method composes while others write: what is composed stays, what others wrote comes after.

use anyhow::Result;
use rejoin_window_tests::{Patience, Peer, Person, Server, until, wanted};
use serde_json::json;

/// What an input method does to the page, without the input method: events, and text that appears in
/// the node where the caret is.
const COMPOSE: &str = "const [kind, text] = arguments;
    const content = document.querySelector('.cm-content');
    const say = (type) =>
        content.dispatchEvent(new CompositionEvent(type, { data: text, bubbles: true }));
    if (kind === 'start') say('compositionstart');
    say('compositionupdate');
    const lines = document.createTreeWalker(content, NodeFilter.SHOW_TEXT);
    let node = null;
    while (lines.nextNode()) if (lines.currentNode.data.startsWith('Ana: ')) node = lines.currentNode;
    node.appendData(text);
    getSelection().collapse(node, node.length);
    content.dispatchEvent(new InputEvent('input',
        { data: text, inputType: 'insertCompositionText', bubbles: true }));
    if (kind === 'end') say('compositionend');";

/// Whether the page thinks that an input method composes.
const COMPOSING: &str = "return document.querySelector('.cm-content').cmTile.view.composing";

#[test]
fn what_others_write_waits_for_the_end_of_a_composition() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let _inside = runtime.enter();
    let server = Server::start()?;
    let ben = Peer::with_new_note(&server.address(), "# Greeting\nBen: .\nAna: ")?;
    let ana = Person::new("ana-composing")?;
    let app = ana.open()?;
    until("the preview of what is composed", Patience::default(), || {
        Ok(app.log()?.contains("preedit is shown").then_some(()))
    })?;
    app.welcome("Ana", Some(&server.address()))?;
    let note = ben.note_id();
    app.take_link(&note)?;
    app.open_note(&note)?;
    app.text_when("the note", |text| text.ends_with("Ana: "))?;

    app.caret_to_end()?;
    app.page.script(COMPOSE, &[json!("start"), json!("に")])?;
    app.text_when("the first syllable", |text| text.ends_with("Ana: に"))?;
    let before = app.changes(&note)?;
    ben.type_after("Ben: ", "hello")?;
    until("Ben's words to be in the backend", Patience::default(), || {
        Ok((app.changes(&note)? > before).then_some(()))
    })?;
    let meanwhile = app.text()?;
    assert_eq!(meanwhile, "# Greeting\nBen: .\nAna: に");
    assert_eq!(app.page.script(COMPOSING, &[])?, json!(true));
    app.page.picture("composing")?;

    app.page.script(COMPOSE, &[json!("end"), json!("ほん")])?;
    app.text_when("both", |text| text == "# Greeting\nBen: hello.\nAna: にほん")?;
    until("Ben to have it", Patience::default(), || {
        Ok((ben.text()? == "# Greeting\nBen: hello.\nAna: にほん").then_some(()))
    })?;
    app.page.picture("composed")?;
    app.close()?;
    runtime.block_on(ben.leave());
    Ok(())
}
