//! Writing alone: what Markdown looks like, boxes and links that are clicked, titles that are completed, words that
//! are found and counted, and undo.

use anyhow::{Result, ensure};
use rejoin_window_tests::{App, CONTROL, ENTER, Person, SHIFT, until, wanted};
use serde_json::json;

/// A note with what can be clicked.
const NOTE: &str = "# Errands

- [ ] milk
- [ ] bread

See [[Recipes]], [the shop](https://example.org/shop) and [a trap](javascript:alert(1)).

![a cake](https://example.org/cake.jpg)

```rust
let cake = 1;
```
";

/// The text that the lines of the editor show.
fn shown(app: &App) -> Result<String> {
    app.page.text_of(".cm-content")
}

/// Opens a note with this text.
fn note_with(app: &App, text: &str) -> Result<String> {
    let home = app.page.script("return document.querySelector('.row.folder').id", &[])?;
    let home = home.as_str().unwrap_or_default().trim_start_matches("row-").to_owned();
    let item = json!({ "kind": "note", "parent": home, "title": "", "text": text });
    let id = app.command("create", &json!({ "item": item }))?;
    let id = id.as_str().unwrap_or_default().to_owned();
    app.open_note(&id)?;
    app.text_when("the note", |now| now == text)?;
    Ok(id)
}

#[test]
fn a_note_is_read_clicked_and_linked_as_what_it_means() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let ana = Person::new("ana-writing")?;
    let app = ana.open()?;
    let page = &app.page;
    app.welcome("Ana", None)?;
    let recipes = app.new_note("Recipes")?;
    app.type_text("For a cake.")?;
    app.shows(&format!("#row-{recipes}"), "Recipes")?;
    let errands = note_with(&app, NOTE)?;

    // The markup is hidden where nobody edits, and shows on the line of the caret.
    app.caret_to(NOTE.find("See").unwrap_or_default())?;
    until("the heading without its mark", Default::default(), || {
        Ok((!shown(&app)?.contains("# Errands")).then_some(()))
    })?;
    ensure!(shown(&app)?.contains("[[Recipes]]"), "the line of the caret shows its markup");
    app.caret_to(2)?;
    app.shows(".cm-content", "# Errands")?;
    // Code is coloured by its language, which is loaded when it is first met.
    until("coloured code", Default::default(), || {
        let script = "const line = [...document.querySelectorAll('.md-code')].find((each) => each.innerText.includes('cake'));
            const word = line?.querySelector('span');
            return word ? getComputedStyle(word).color !== getComputedStyle(line).color : false";
        Ok((page.script(script, &[])? == json!(true)).then_some(()))
    })?;
    app.pictures("writing")?;

    page.click(".md-checkbox")?;
    app.text_when("a box that is ticked", |text| text.contains("- [x] milk"))?;
    // No image is fetched, and what is no address is none.
    ensure!(page.elements(".cm-content img[src]")?.is_empty(), "an image came unasked");
    page.element(".md-image-button")?;
    let trap = app.command("open_external", &json!({ "url": "javascript:alert(1)" }));
    ensure!(trap.is_err_and(|error| error.to_string().contains("Only links that begin with")));

    // To the linked note, and by its backlinks back.
    page.click(".md-note-link")?;
    until("the linked note", Default::default(), || {
        Ok((app.note_id().ok() == Some(recipes.clone())).then_some(()))
    })?;
    page.chord(&[CONTROL, SHIFT], 'B')?;
    // The links of a note are known a moment after it was written.
    until("the backlink", Default::default(), || {
        if page.text_of("aside")?.contains("Errands") {
            return Ok(Some(()));
        }
        page.chord(&[CONTROL, SHIFT], 'B')?;
        app.goes("aside")?;
        page.chord(&[CONTROL, SHIFT], 'B')?;
        page.element("aside .body > *")?;
        Ok(None)
    })?;
    page.picture("writing-backlinks")?;
    page.click("aside ul button")?;
    until("the linking note", Default::default(), || {
        Ok((app.note_id().ok() == Some(errands.clone())).then_some(()))
    })?;
    app.close()
}

/// What follows is in a table.
const TABLE: &str = "Above

| What | Who |
|---|---|
| tickets | Ana |
| room | Ben and a remark that is so long that it takes more than a line of its cell, as those of tables do |

Below";

#[test]
fn a_table_stands_in_columns_and_the_arrow_keys_go_through_each_of_its_lines() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let ana = Person::new("ana-table")?;
    let app = ana.open()?;
    let page = &app.page;
    app.welcome("Ana", None)?;
    note_with(&app, TABLE)?;
    app.caret_to(0)?;
    let lefts = "return [...document.querySelectorAll('.md-row')].map((row) =>
        [...row.querySelectorAll('.md-cell')].map((cell) => Math.round(cell.getBoundingClientRect().left)))";
    let columns = page.script(lefts, &[])?;
    let rows = columns.as_array().map(Vec::as_slice).unwrap_or_default();
    ensure!(rows.len() == 3 && rows.iter().all(|row| *row == rows[0]), "not in columns: {columns}");
    page.picture("writing-table")?;

    let line = "const lines = [...document.querySelectorAll('.cm-line')];
        return lines.findIndex((each) => each.contains(getSelection().focusNode));";
    let last = TABLE.lines().count() - 1;
    for (key, way) in
        [('\u{E015}', (0..=last).collect::<Vec<_>>()), ('\u{E013}', (0..=last).rev().collect())]
    {
        for expected in way {
            until("the caret in the next line", Default::default(), || {
                Ok((page.script(line, &[])? == json!(expected)).then_some(()))
            })?;
            page.chord(&[], key)?;
            if key == '\u{E015}' && TABLE.lines().nth(expected).is_some_and(|line| line.len() > 90)
            {
                // A line that is wrapped while it is edited takes two steps.
                page.chord(&[], key)?;
            }
        }
    }
    Ok(())
}

#[test]
fn titles_are_completed_words_counted_and_found_and_undo_takes_back() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let ana = Person::new("ana-typing")?;
    let app = ana.open()?;
    let page = &app.page;
    app.welcome("Ana", None)?;
    app.new_note("Recipes")?;
    app.shows("nav.list", "Recipes")?;
    app.new_note("Plans")?;
    app.type_text("see [[Rec")?;
    app.shows(".cm-tooltip-autocomplete", "Recipes")?;
    page.picture("writing-completion")?;
    app.type_text(&ENTER.to_string())?;
    let text = app.text_when("the whole link", |text| text.ends_with("see [[Recipes]]"))?;
    app.shows(".line .words", "3 words")?;

    page.chord(&[CONTROL], 'f')?;
    page.keys(".find-panel input", "plans")?;
    app.shows(".find-count", "1 match")?;
    page.keys(".find-panel input", &ENTER.to_string())?;
    app.shows(".find-count", "1 of 1")?;
    app.shows(".line .words", "1 of 3 words")?;
    page.click(".find-panel button:last-child")?;
    app.goes(".find-panel")?;

    app.caret_to_end()?;
    app.type_text(" tomorrow")?;
    let written = app.text_when("the words", |now| now == format!("{text} tomorrow"))?;
    // What was typed without a pause is taken back together, however much that is.
    page.chord(&[CONTROL], 'z')?;
    app.text_when("the words to be taken back", |now| text.starts_with(now))?;
    page.chord(&[CONTROL], 'y')?;
    app.text_when("the words again", |now| now == written)?;
    app.close()
}
