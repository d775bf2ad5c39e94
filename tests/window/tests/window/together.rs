//! Two people and a server: each sees the other's words, caret and name.

use anyhow::Result;
use rejoin_window_tests::{ENTER, Person, Server, until, wanted};

#[test]
fn two_people_write_in_one_note() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let server = Server::start()?;
    let (ana, ben) = (Person::new("ana-together")?, Person::new("ben-together")?);
    let (hers, his) = (ana.open()?, ben.open()?);
    hers.welcome("Ana", Some(&server.address()))?;
    his.welcome("Ben", Some(&server.address()))?;

    let note = hers.new_note("Plans")?;
    hers.type_text(&format!("We could go to the sea.{ENTER}"))?;
    hers.status_when("the server to have it", |status| status.contains("on 127.0.0.1"))?;
    his.take_link(&note)?;
    his.open_note(&note)?;
    his.text_when("Ana's words", |text| text.contains("the sea."))?;
    his.caret_to_end()?;
    his.type_text("Or to the mountains.")?;
    let both = hers.text_when("Ben's words", |text| text.ends_with("Or to the mountains."))?;
    assert_eq!(both, "# Plans\nWe could go to the sea.\nOr to the mountains.");

    for (app, other) in [(&hers, "Ben"), (&his, "Ana")] {
        until("the other's name", Default::default(), || {
            let shown = app.page.script("return document.body.innerHTML", &[])?;
            Ok(shown.as_str().unwrap_or_default().contains(other).then_some(()))
        })?;
        app.page.element(".cm-editor [class*=caret], .cm-editor [class*=peer]")?;
    }
    hers.page.picture("together-ana")?;
    his.page.picture("together-ben")?;
    hers.close()?;
    his.close()?;

    for (person, name) in [(&ana, "ana"), (&ben, "ben")] {
        let app = person.open()?;
        app.open_note(&note)?;
        assert_eq!(app.text_when("the note", |text| text.len() == both.len())?, both);
        app.page.picture(&format!("together-{name}-again"))?;
        app.close()?;
    }
    Ok(())
}
