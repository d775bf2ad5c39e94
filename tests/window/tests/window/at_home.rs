//! What a person finds again: the window where it was, one of it, the settings, and everything by the keyboard.

use std::process::Command;

use anyhow::{Result, ensure};
use rejoin_window_tests::{
    Bus, CONTROL, ENTER, ESCAPE, Person, SHIFT, program, saved, until, wanted,
};
use serde_json::json;

/// The colours and sizes that the page has.
const LOOK: &str = "const style = getComputedStyle(document.querySelector('.cm-scroller'));
    return [document.documentElement.dataset.theme, style.fontSize, document.querySelector('.cm-content').spellcheck]";

#[test]
fn the_window_and_the_settings_are_as_they_were_left() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let ana = Person::new("ana-home")?;
    let app = ana.open()?;
    app.welcome("Ana", None)?;
    app.status_when("the first note to be saved", saved)?;
    app.resize((1000, 640))?;
    let spelling =
        app.page.script("return document.querySelector('.cm-content').spellcheck", &[])?;
    ensure!(spelling == json!(true), "spelling is checked until one says otherwise");
    for (tab, choice) in [("writing", "input[name=theme]"), ("writing", "input[name=font]")] {
        app.page.chord(&[CONTROL], ',')?;
        app.page.click(&format!("#tab-{tab}"))?;
        // The second choice: light, and the serif.
        app.page.click(&format!("label:nth-child(2) > {choice}"))?;
        app.page.chord(&[], ESCAPE)?;
        app.goes("dialog[open]")?;
    }
    app.page.chord(&[CONTROL, SHIFT], 'D')?;
    app.page.chord(&[CONTROL], '=')?;
    app.page.chord(&[CONTROL], '=')?;
    app.page.chord(&[CONTROL, SHIFT], 'P')?;
    app.page.keys("dialog input", "settings")?;
    app.page.chord(&[], ENTER)?;
    app.page.click("#tab-writing")?;
    app.page.click("input[role=switch]")?;
    app.page.chord(&[], ESCAPE)?;
    let look = until("the chosen look", Default::default(), || {
        let look = app.page.script(LOOK, &[])?;
        Ok((look == json!(["dark", "18px", false])).then_some(look))
    })?;
    app.page.picture("at-home-before")?;
    app.close()?;

    let app = ana.open()?;
    app.page.element(".cm-content")?;
    ensure!(app.page.script(LOOK, &[])? == look, "the look is another");
    until("the size that the window had", Default::default(), || {
        let size = app.page.script("return [innerWidth, innerHeight]", &[])?;
        Ok((size == json!([1000, 640])).then_some(()))
    })?;
    app.page.picture("at-home-after")?;

    // The same profile once more, on the same screen: it goes away by itself and harms nothing.
    let mut second = Command::new(program("rejoin-desktop")?);
    let second = second
        .args(["--profile", &ana.profile()])
        .env("XDG_DATA_HOME", ana.home())
        .env("XDG_CACHE_HOME", ana.home().join("cache-of-second"));
    ana.opens_no_second(second)?;
    app.type_text("still here")?;
    app.text_when("the words", |text| text.contains("still here"))?;
    app.status_when("the note to be saved", saved)?;
    app.close()
}

#[test]
fn a_second_start_raises_the_window_and_ends() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let bus = Bus::start()?;
    let ana = Person::new("ana-twice")?.on(&bus);
    let app = ana.open()?;
    app.welcome("Ana", None)?;
    app.new_note("Once")?;
    app.status_when("the note to be saved", saved)?;
    ana.starts_again()?;
    until("the first window to be raised", Default::default(), || {
        Ok(app.log()?.contains("the window was raised for a second start").then_some(()))
    })?;
    app.type_text(" only")?;
    app.text_when("the words", |text| text.ends_with(" only"))?;
    app.status_when("the note to be saved", saved)?;
    app.close()
}

/// Whether less motion is wanted, and how long what may move on the page takes: rules, panels and flags.
const MOTION: &str = "const times = (element, pseudo) => {
        const style = getComputedStyle(element, pseudo);
        return [style.transitionDuration, style.animationDuration];
    };
    const moving = [...document.querySelectorAll('*')].flatMap((each) => [null, '::before', '::after'].flatMap((pseudo) => times(each, pseudo)));
    return [matchMedia('(prefers-reduced-motion: reduce)').matches, moving.some((time) => time.split(', ').some((one) => parseFloat(one) > 0))]";

#[test]
fn nothing_moves_for_who_wants_no_motion() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    for reduced in [false, true] {
        let ana = Person::new("ana-motion")?;
        if reduced {
            ana.wants_no_motion()?;
        }
        let app = ana.open()?;
        let page = &app.page;
        app.welcome("Ana", None)?;
        let looked = |what: &str| -> Result<()> {
            let motion = page.script(MOTION, &[])?;
            ensure!(motion == json!([reduced, !reduced]), "{what}: {motion}");
            Ok(())
        };
        looked("the note")?;
        page.chord(&[CONTROL, SHIFT], 'H')?;
        page.element("aside")?;
        looked("a panel")?;
        page.click(".bar button[aria-label='Note menu']")?;
        page.element("[role=menu]")?;
        looked("a menu")?;
        page.chord(&[], ESCAPE)?;
        page.chord(&[CONTROL], ',')?;
        page.element("dialog[open]")?;
        looked("the settings")?;
        page.chord(&[], ESCAPE)?;
        app.close()?;
    }
    Ok(())
}

#[test]
fn all_is_done_by_the_keyboard() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let ana = Person::new("ana-keyboard")?;
    let app = ana.open()?;
    let page = &app.page;
    // The first page, by its keys alone: the name has the focus.
    page.element("#welcome-name")?;
    page.chord(&[], 'A')?;
    page.chord(&[], ENTER)?;
    page.element(".cm-content")?;
    page.chord(&[CONTROL], 'n')?;
    until("a new note with the focus", Default::default(), || {
        let script = "return document.activeElement?.classList.contains('cm-content') && document.activeElement.innerText.trim().length < 10";
        Ok((page.script(script, &[])? == json!(true)).then_some(()))
    })?;
    for key in "# By keys".chars() {
        page.chord(&[], key)?;
    }
    app.shows("nav.list", "By keys")?;
    page.chord(&[CONTROL, SHIFT], 'K')?;
    app.shows("nav.list .heading", "Pinned")?;
    // Through the list: search, down to the note, open it.
    page.chord(&[CONTROL, SHIFT], 'F')?;
    until("the search to have the focus", Default::default(), || {
        let focused = page.script("return document.activeElement?.id", &[])?;
        Ok((focused == json!("search")).then_some(()))
    })?;
    for key in "tick".chars() {
        page.chord(&[], key)?;
    }
    app.shows(".results", "Welcome")?;
    page.chord(&[], ENTER)?;
    app.shows(".bar .title", "Welcome")?;
    page.chord(&[], ESCAPE)?;
    app.goes(".results")?;
    // Every panel opens and is left, and the text has the focus again.
    for (key, panel) in
        [('H', "History"), ('S', "Sync"), ('B', "Backlinks"), ('R', "While you were away")]
    {
        page.chord(&[CONTROL, SHIFT], key)?;
        app.shows("aside h2", panel)?;
        page.chord(&[], ESCAPE)?;
        app.goes("aside")?;
        let script = "return document.activeElement?.classList.contains('cm-content')";
        ensure!(page.script(script, &[])? == json!(true), "{panel} gives the focus back");
    }
    app.close()
}
