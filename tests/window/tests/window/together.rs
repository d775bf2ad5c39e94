//! Two people and a server: each sees the other's words, caret and name.

use anyhow::Result;
use rejoin_window_tests::{ENTER, Peer, Person, Server, until, wanted};
use serde_json::json;

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

/// What two people plan.
const PLAN: &str = "# Weekend at the sea

A long weekend in **May**, by train. Whoever is *last* brings the cake.

## Before we go

- [x] ask for days off
- [x] feed the cat
- [ ] book the tickets
- [ ] find a room near the harbour

> Nothing is as far away as yesterday.

## What we do there

1. Friday: arrive late, eat well
2. Saturday: walk along the coast
3. Sunday:
";

/// The picture of this is the one in the README.
#[test]
fn each_sees_where_the_other_writes() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let _inside = runtime.enter();
    let server = Server::start()?;
    let first = Peer::with_new_note(&server.address(), PLAN)?;
    let note = first.note_id();
    let (ana, ben) = (Person::new("ana-caret")?, Person::new("ben-caret")?);
    let (hers, his) = (ana.open()?, ben.open()?);
    for (app, name, colour) in [(&hers, "Ana", 0), (&his, "Ben", 5)] {
        app.welcome(name, Some(&server.address()))?;
        let settings = json!({
            "name": name, "colour": colour, "theme": "light", "noteFont": "sans", "textSize": 16,
            "spellCheck": false, "order": "manual", "defaultMode": "live",
        });
        app.command("set_settings", &json!({ "settings": settings }))?;
        app.take_link(&note)?;
        app.open_note(&note)?;
        app.text_when("the plan", |text| text == PLAN)?;
    }
    until("Ben's name", Default::default(), || {
        let here = "return document.querySelector('.peers')?.getAttribute('aria-label') ?? ''";
        let here = hers.page.script(here, &[])?;
        Ok(here.as_str().is_some_and(|here| here.contains("Ben")).then_some(()))
    })?;
    let after = PLAN.find("\n\n> Nothing").unwrap_or_default();
    his.caret_to(after)?;
    his.type_text(" with a view")?;
    hers.text_when("Ben's words", |text| text.contains("harbour with a view\n"))?;
    hers.page.element(".peer-flag[data-name='Ben']")?;
    // The flag goes when the caret rests for two seconds; the picture is of the moment before.
    let stays = "document.querySelector('.peer-flag').style.animation = 'none'";
    hers.page.script(stays, &[])?;
    hers.page.picture("together-caret")?;
    runtime.block_on(first.leave());
    hers.close()?;
    his.close()
}
