//! What a person does in the page of the app, and what they see.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::app::App;
use crate::wait::{Patience, until};
use crate::webdriver::{CONTROL, ENTER, SHIFT};

/// The editor's view, through the element that it hangs on. What others' carets show is not in it.
const VIEW: &str = "const view = document.querySelector('.cm-content')?.cmTile?.view;";

/// What the page's own code calls a command with.
const INVOKE: &str = "const done = arguments[2];
    window.__TAURI_INTERNALS__.invoke(arguments[0], arguments[1])
        .then((value) => done({ value }), (error) => done({ error }));";

/// The sizes in which views are looked at: the usual one, and that of a small screen.
pub const SIZES: [(u32, u32); 2] = [(1280, 800), (800, 600)];

/// Whether a status sentence says that the note is on this computer's disk.
pub fn saved(status: &str) -> bool {
    status.contains("Saved here") || status.contains("On this computer only")
}

impl App {
    /// Fills in the first page: a name, and a server unless notes are to stay here.
    ///
    /// # Errors
    ///
    /// When the page looks different from what is expected, as for all below.
    pub fn welcome(&self, name: &str, server: Option<&str>) -> Result<()> {
        self.page.keys("#welcome-name", name)?;
        if let Some(address) = server {
            self.page.click("input[type=radio][value=server]")?;
            self.page.keys("input[placeholder^='wss']", address)?;
        }
        // What was typed must have stayed in the field in which it was begun.
        let script = "return [...document.querySelectorAll('input.input:not([type=password])')]
            .map((field) => field.value)";
        let fields = self.page.script(script, &[])?;
        let expected: Vec<&str> = [Some(name), server].into_iter().flatten().collect();
        ensure!(fields == json!(expected), "{expected:?} became {fields}");
        self.page.click("button[type=submit]")?;
        self.page.element(".cm-content")?;
        Ok(())
    }

    /// Makes a note by the keyboard, writes a heading into it and gives its id.
    ///
    /// # Errors
    ///
    /// When no new note opens.
    pub fn new_note(&self, title: &str) -> Result<String> {
        let before = self.note_id().unwrap_or_default();
        self.page.chord(&[CONTROL], 'n')?;
        let id = until("a new note", Patience::default(), || {
            Ok(self.note_id().ok().filter(|id| *id != before))
        })?;
        until("the new note's text", Patience::default(), || {
            Ok((self.text()?.trim_matches(['#', ' ', '\n']).is_empty()).then_some(()))
        })?;
        self.type_text(&format!("# {title}{ENTER}"))?;
        Ok(id)
    }

    /// The id of the note that is open.
    ///
    /// # Errors
    ///
    /// When none is.
    pub fn note_id(&self) -> Result<String> {
        let script = "return document.querySelector('.row.open')?.id?.replace(/^row-(pinned-)?/, '') ?? null";
        let id = self.page.script(script, &[])?;
        id.as_str().map(str::to_owned).context("no note is open")
    }

    /// Opens a note of the list by a click.
    ///
    /// # Errors
    ///
    /// When it is not in the list.
    pub fn open_note(&self, id: &str) -> Result<()> {
        self.page.click(&format!("#row-{id}"))?;
        until("the note to open", Patience::default(), || {
            Ok(self.note_id().ok().filter(|open| open == id).map(drop))
        })?;
        self.page.element(".cm-content").map(drop)
    }

    /// Presses keys in the editor, where the caret is.
    ///
    /// # Errors
    ///
    /// When there is no editor.
    pub fn type_text(&self, keys: &str) -> Result<()> {
        self.page.keys(".cm-content", keys)
    }

    /// Puts the caret at a place of the note, in UTF-16 units from its beginning.
    ///
    /// # Errors
    ///
    /// When there is no editor, or no such place.
    pub fn caret_to(&self, at: usize) -> Result<()> {
        let script = format!(
            "{VIEW} view.focus(); view.dispatch({{ selection: {{ anchor: arguments[0] }} }});"
        );
        self.page.script(&script, &[json!(at)]).map(drop)
    }

    /// Puts the caret at the end of the note.
    ///
    /// # Errors
    ///
    /// When there is no editor.
    pub fn caret_to_end(&self) -> Result<()> {
        let script = format!(
            "{VIEW} view.focus(); view.dispatch({{ selection: {{ anchor: view.state.doc.length }} }});"
        );
        self.page.script(&script, &[]).map(drop)
    }

    /// The text of the note that is open, as the editor has it; empty when none is.
    ///
    /// # Errors
    ///
    /// When the page does not answer.
    pub fn text(&self) -> Result<String> {
        let text = self.page.script(&format!("{VIEW} return view?.state.doc.toString()"), &[])?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the note's text is as wanted, and gives it.
    ///
    /// # Errors
    ///
    /// When it does not become so in time; the error says what it was instead.
    pub fn text_when(&self, what: &str, is_so: impl Fn(&str) -> bool) -> Result<String> {
        let mut last = String::new();
        let waited = until(what, Patience::default(), || {
            last = self.text()?;
            Ok(is_so(&last).then_some(()))
        });
        waited.with_context(|| format!("the text was {last:?}")).map(|()| last)
    }

    /// How many changes the note has in the backend.
    ///
    /// # Errors
    ///
    /// When the note is not here.
    pub fn changes(&self, id: &str) -> Result<u64> {
        let report = self.command("sync_report", &json!({ "note": id }))?;
        report["changes"].as_u64().context("the report counts no changes")
    }

    /// Puts the note or folder behind a link into home, by the command palette's dialog.
    ///
    /// # Errors
    ///
    /// When it does not appear in the list.
    pub fn take_link(&self, id: &str) -> Result<()> {
        let link = format!("automerge:{id}");
        self.command(
            "open_link",
            &json!({ "request": { "link": link, "target": "item", "parent": null } }),
        )?;
        self.page.element(&format!("#row-{id}")).map(drop)
    }

    /// Calls a command of the backend as the page does.
    ///
    /// # Errors
    ///
    /// What the command was rejected with.
    pub fn command(&self, name: &str, arguments: &Value) -> Result<Value> {
        let mut answer = self.page.script_later(INVOKE, &[json!(name), arguments.clone()])?;
        match answer.get("error") {
            Some(error) => bail!("{name} was rejected: {error}"),
            None => Ok(answer["value"].take()),
        }
    }

    /// Gives the window a size, and waits until the page has it.
    ///
    /// # Errors
    ///
    /// When it does not become so.
    pub fn resize(&self, (width, height): (u32, u32)) -> Result<()> {
        self.page.resize(width, height)?;
        until("the size", Patience::default(), || {
            Ok((self.page.script("return window.innerWidth", &[])? == json!(width)).then_some(()))
        })
    }

    /// Takes pictures of what is shown now, in both sizes and both themes. The window is then as it was
    /// before in its usual size and the light theme.
    ///
    /// # Errors
    ///
    /// When a picture cannot be taken.
    pub fn pictures(&self, view: &str) -> Result<()> {
        let theme = "document.documentElement.dataset.theme = arguments[0]";
        for size in SIZES {
            self.resize(size)?;
            for name in ["light", "dark"] {
                self.page.script(theme, &[json!(name)])?;
                self.page.picture(&format!("view-{view}-{}-{name}", size.0))?;
            }
        }
        self.page.script(theme, &[json!("light")])?;
        self.resize(SIZES[0])
    }

    /// Waits until the first element that a selector matches shows such a text, and gives it.
    ///
    /// # Errors
    ///
    /// When it does not in time; the error says what it was instead.
    pub fn shows(&self, selector: &str, expected: &str) -> Result<String> {
        let mut last = String::new();
        let waited = until(&format!("{selector} to say {expected:?}"), Patience::default(), || {
            last = self.page.text_of(selector)?;
            Ok(last.contains(expected).then_some(()))
        });
        waited.with_context(|| format!("it said {last:?}")).map(|()| last)
    }

    /// Waits until nothing matches a selector.
    ///
    /// # Errors
    ///
    /// When something still does in the end.
    pub fn goes(&self, selector: &str) -> Result<()> {
        until(&format!("{selector} to go"), Patience::default(), || {
            Ok(self.page.elements(selector)?.is_empty().then_some(()))
        })
    }

    /// Chooses an entry of the menu that is open.
    ///
    /// # Errors
    ///
    /// When there is no menu, or it has no such entry.
    pub fn choose(&self, entry: &str) -> Result<()> {
        self.page.element("[role=menu]")?;
        let script = "const entry = [...document.querySelectorAll('[role^=menuitem]')]
            .find((each) => each.innerText.trim().startsWith(arguments[0]));
            entry?.click(); return entry !== undefined;";
        let chosen = self.page.script(script, &[json!(entry)])?;
        ensure!(chosen == json!(true), "the menu has no {entry}");
        Ok(())
    }

    /// Chooses how the open note is shared.
    ///
    /// # Errors
    ///
    /// When there is no note open.
    pub fn set_mode(&self, mode: &str) -> Result<()> {
        self.command("set_mode", &json!({ "note": self.note_id()?, "mode": mode })).map(drop)
    }

    /// Opens the dialog that shares a draft, fills in a message and confirms it.
    ///
    /// # Errors
    ///
    /// When there is no such dialog.
    pub fn commit(&self, message: &str) -> Result<()> {
        self.page.chord(&[CONTROL, SHIFT], ENTER)?;
        self.page.keys("[role=dialog] input, dialog input", &format!("{message}{ENTER}"))?;
        until("the dialog to close", Patience::default(), || {
            let open = self.page.elements("[role=dialog] input, dialog[open] input")?;
            Ok(open.is_empty().then_some(()))
        })
    }

    /// The sentence that says where the note is.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn status(&self) -> Result<String> {
        self.page.text_of(".where")
    }

    /// Waits until that sentence is as wanted, and gives it.
    ///
    /// # Errors
    ///
    /// When it does not become so in time; the error says what it was instead.
    pub fn status_when(&self, what: &str, is_so: impl Fn(&str) -> bool) -> Result<String> {
        let mut last = String::new();
        let waited = until(what, Patience::default(), || {
            last = self.status()?;
            Ok(is_so(&last).then_some(()))
        });
        waited.with_context(|| format!("the status was {last:?}")).map(|()| last)
    }

    /// Works offline, or online again.
    ///
    /// # Errors
    ///
    /// When the command is rejected.
    pub fn set_offline(&self, offline: bool, server: &str) -> Result<()> {
        let server =
            json!({ "address": server, "kind": "server", "token": null, "hasToken": false });
        let listen = json!({
            "enabled": false, "port": 0, "everywhere": false, "token": null, "hasToken": false
        });
        let network = json!({ "offline": offline, "servers": [server], "listen": listen });
        self.command("set_network", &json!({ "network": network })).map(drop)
    }
}
