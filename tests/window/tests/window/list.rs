//! The list of notes: moving by the mouse, throwing away for good, and names that are none.

use anyhow::{Result, ensure};
use rejoin_window_tests::{App, BACKSPACE, CONTROL, ENTER, Person, SHIFT, wanted};
use serde_json::json;

/// The name, twice, is no mistake: two folders may be called the same.
const FOLDERS: [&str; 2] = ["Journeys", "Journeys"];

/// Makes a folder by the menu, names it, and gives its id.
fn new_folder(app: &App, name: &str) -> Result<String> {
    app.page.click("nav.list header button[aria-haspopup=menu]")?;
    app.choose("New folder")?;
    app.page.element(".name-input")?;
    let script = "return document.querySelector('.name-input').closest('.row').id";
    let id = app.page.script(script, &[])?;
    let id = id.as_str().unwrap_or_default().trim_start_matches("row-").to_owned();
    app.page.keys(".name-input", &format!("{name}{ENTER}"))?;
    app.goes(".name-input")?;
    app.shows(&format!("#row-{id}"), name)?;
    Ok(id)
}

/// Waits until a row stands so deep in the tree.
fn until_deep(app: &App, id: &str, depth: u32) -> Result<()> {
    app.page.element(&format!("#row-{id}[aria-level='{}']", depth + 1)).map(drop)
}

#[test]
fn a_note_is_dragged_into_a_folder_and_a_folder_not_into_itself() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let ana = Person::new("ana-list")?;
    let app = ana.open()?;
    app.welcome("Ana", None)?;
    let folders = FOLDERS.map(|name| new_folder(&app, name));
    let [outer, inner] = folders;
    let (outer, inner) = (outer?, inner?);
    let note = app.new_note("Trip")?;
    app.shows(&format!("#row-{note}"), "Trip")?;
    until_deep(&app, &note, 1)?;

    let row = |id: &str| format!("#row-{id}");
    let into = |id: &str| format!("#row-{id}.into");
    app.drag(&row(&note), &row(&inner), &into(&inner))?;
    until_deep(&app, &note, 2)?;
    app.drag(&row(&inner), &row(&outer), &into(&outer))?;
    until_deep(&app, &note, 3)?;
    app.shows(".bar .title", "Trip")?;
    app.pictures("list-moved")?;
    // The other way there is no way.
    let moved = json!({ "item": outer, "folder": inner, "index": 0 });
    let refused = app.command("move_item", &moved);
    ensure!(refused.is_err_and(|error| error.to_string().contains("into itself")));
    until_deep(&app, &note, 3)?;
    app.close()
}

#[test]
fn what_is_deleted_is_asked_for_and_what_cannot_be_is_said() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let ana = Person::new("ana-trash")?;
    let app = ana.open()?;
    let page = &app.page;
    app.welcome("Ana", None)?;
    let note = app.new_note("Old list")?;
    app.shows(&format!("#row-{note}"), "Old list")?;

    // A name of ten thousand characters is refused in words, and the old one stays.
    let rename = "\u{E032}";
    page.keys(".rows", rename)?;
    page.element(".name-input")?;
    let script = "document.querySelector('.name-input').value = 'x'.repeat(10000)";
    page.script(script, &[])?;
    page.keys(".name-input", &ENTER.to_string())?;
    app.shows(".toasts", "This title is too long")?;
    app.shows(&format!("#row-{note}"), "Old list")?;
    page.click(".toasts .icon-button")?;
    // A heading may be as long as it likes; the window stays in shape.
    app.caret_to_end()?;
    page.script(
        "const { view } = document.querySelector('.cm-content').cmTile;
        view.dispatch({ changes: { from: 10, insert: ' with a very long title'.repeat(400) } });",
        &[],
    )?;
    app.shows(&format!("#row-{note}"), "Old list with a very long title")?;
    app.pictures("long-title")?;

    page.click(".bar button[aria-label='Note menu']")?;
    app.choose("Move to the trash")?;
    app.shows(".toasts", "is in the trash")?;
    app.shows("#note", "No note is open")?;
    app.pictures("trashed")?;
    page.click(".toasts .link-button")?;
    app.shows(".bar .title", "Old list")?;
    page.chord(&[CONTROL, SHIFT], BACKSPACE)?;
    app.shows("#note", "No note is open")?;
    page.click("nav.list footer .foot")?;
    app.shows(".trash", "Old list")?;
    page.click(".trash .link-button")?;
    app.shows(".bar .title", "Old list")?;
    page.chord(&[CONTROL, SHIFT], BACKSPACE)?;
    app.shows("#note", "No note is open")?;
    page.click(".trash .danger")?;
    app.shows("dialog h2", "Delete “Old list")?;
    app.pictures("delete")?;
    page.click("dialog .danger")?;
    app.goes("dialog[open]")?;
    app.shows(".trash", "The trash is empty.")?;
    page.click(".trash .icon-button")?;
    app.goes(&format!("#row-{note}"))?;
    app.close()
}
