//! A session with the web view of one running app, through the W3C WebDriver protocol.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::http;
use crate::picture;
use crate::wait::{Patience, until};

/// The key under which the protocol wraps a reference to an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// The key with the arrow to the left.
pub const ARROW_LEFT: char = '\u{E012}';
/// The key with the arrow to the right.
pub const ARROW_RIGHT: char = '\u{E014}';
/// The key that deletes backwards.
pub const BACKSPACE: char = '\u{E003}';
/// The key F10, which with Shift asks for a menu.
pub const F10: char = '\u{E03A}';
/// The key Home.
pub const HOME: char = '\u{E011}';
/// The key Enter.
pub const ENTER: char = '\u{E007}';
/// The key Control.
pub const CONTROL: char = '\u{E009}';
/// The key Escape.
pub const ESCAPE: char = '\u{E00C}';
/// The key Shift.
pub const SHIFT: char = '\u{E008}';

/// A web view under the control of the test.
pub struct Session {
    port: u16,
    path: String,
}

/// An element of the page. It is stale once the page was loaded again.
pub struct Element(String);

impl Session {
    /// Asks the driver at `port` to start `program` and to take over the web view that it or a process
    /// of its opens.
    ///
    /// # Errors
    ///
    /// When no web view comes up in time.
    pub(crate) fn start(
        port: u16,
        program: &str,
        arguments: &[&str],
        patience: Patience,
    ) -> Result<Self> {
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "webkitgtk:browserOptions": { "binary": program, "args": arguments }
        } } });
        let answer = http::request_within(patience, port, "POST", "/session", Some(&wanted))?;
        let value = accepted(answer)?;
        let id = value["sessionId"].as_str().context("the driver names no session")?;
        Ok(Self { port, path: format!("/session/{id}") })
    }

    /// Loads the page again.
    ///
    /// # Errors
    ///
    /// When the web view does not answer.
    pub fn reload(&self) -> Result<()> {
        self.post("refresh", &json!({})).map(drop)
    }

    /// Sets the size of the window.
    ///
    /// # Errors
    ///
    /// When the web view does not answer.
    pub fn resize(&self, width: u32, height: u32) -> Result<()> {
        self.post("window/rect", &json!({ "width": width, "height": height })).map(drop)
    }

    /// Runs a script in the page, as the body of a function with `arguments`, and returns its value.
    ///
    /// # Errors
    ///
    /// When the script throws.
    pub fn script(&self, script: &str, arguments: &[Value]) -> Result<Value> {
        self.post("execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// As [`script`](Self::script), but the value is what the script hands to its last argument, a function.
    ///
    /// # Errors
    ///
    /// When the script throws, or never calls the function.
    pub fn script_later(&self, script: &str, arguments: &[Value]) -> Result<Value> {
        self.post("execute/async", &json!({ "script": script, "args": arguments }))
    }

    /// The first element that a CSS selector matches, once there is one.
    ///
    /// # Errors
    ///
    /// When there is none in time.
    pub fn element(&self, selector: &str) -> Result<Element> {
        let found = until(&format!("an element {selector}"), Patience::default(), || {
            Ok(self.elements(selector)?.into_iter().next())
        });
        if found.is_err() {
            // What was there instead is worth a look.
            self.picture("missing-element")?;
        }
        found
    }

    /// All elements that a CSS selector matches now.
    ///
    /// # Errors
    ///
    /// When the web view does not answer.
    pub fn elements(&self, selector: &str) -> Result<Vec<Element>> {
        let wanted = json!({ "using": "css selector", "value": selector });
        // What was found may be gone before the driver has a name for it; the page is then searched again.
        let found = until(&format!("{selector} to rest"), Patience::default(), || {
            match self.post("elements", &wanted) {
                Err(error) if error.to_string().starts_with("stale element reference") => Ok(None),
                found => found.map(Some),
            }
        })?;
        let list = found.as_array().context("the driver returned no list")?;
        Ok(list
            .iter()
            .filter_map(|one| one[ELEMENT].as_str().map(|id| Element(id.to_owned())))
            .collect())
    }

    /// Clicks the first element that a CSS selector matches, in its middle, once there is one.
    ///
    /// # Errors
    ///
    /// When there is none in time, or it cannot be clicked.
    pub fn click(&self, selector: &str) -> Result<()> {
        self.act(selector, "click", &json!({}))
    }

    /// Presses keys while the first element that a CSS selector matches has the focus, once there is
    /// one. `\u{E007}` is Enter, and so on, as the protocol has it.
    ///
    /// # Errors
    ///
    /// When there is none in time, or it takes no keys.
    pub fn keys(&self, selector: &str, keys: &str) -> Result<()> {
        self.act(selector, "value", &json!({ "text": keys }))
    }

    /// The page may replace an element between the search and the act, which has then not begun. Something
    /// may lie over it for a moment, or it may only be about to show; a person would wait, too.
    fn act(&self, selector: &str, act: &str, body: &Value) -> Result<()> {
        until(&format!("{selector} to stay"), Patience::default(), || {
            let element = self.element(selector)?;
            match self.post(&format!("element/{}/{act}", element.0), body) {
                Ok(_) => Ok(Some(())),
                Err(error) if passes(&error.to_string()) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    /// Presses a key while others are held, wherever the focus is.
    ///
    /// # Errors
    ///
    /// When the web view does not answer.
    pub fn chord(&self, held: &[char], key: char) -> Result<()> {
        let down = |key: &char| json!({ "type": "keyDown", "value": key.to_string() });
        let up = |key: &char| json!({ "type": "keyUp", "value": key.to_string() });
        let mut actions: Vec<Value> = held.iter().map(down).collect();
        actions.extend([down(&key), up(&key)]);
        actions.extend(held.iter().rev().map(up));
        let all = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] });
        self.post("actions", &all).map(drop)
    }

    /// The text inside the first element that a CSS selector matches; empty when there is none.
    ///
    /// # Errors
    ///
    /// When the web view does not answer.
    pub fn text_of(&self, selector: &str) -> Result<String> {
        let script = "return document.querySelector(arguments[0])?.innerText ?? ''";
        let text = self.script(script, &[json!(selector)])?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Keeps a picture of the page as `artifacts/<name>.png`, once what it shows now has been drawn.
    ///
    /// # Errors
    ///
    /// When there is no picture, or it cannot be written.
    pub fn picture(&self, name: &str) -> Result<PathBuf> {
        // Two frames on, what was changed until now is on the screen, and so are the fonts. What moves
        // or fades in has then come to its end.
        let drawn = "const done = arguments[0];
            const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
            const ended = () => Promise.allSettled(document.getAnimations()
                .filter((each) => each.effect.getComputedTiming().iterations !== Infinity)
                .map((each) => each.finished));
            document.fonts.ready.then(frame).then(ended).then(frame).then(frame).then(() => done());";
        self.script_later(drawn, &[])?;
        // The picture comes with the next frame. A page that is painted without a graphics processor and
        // in which nothing changes, not even a caret that blinks, has no next frame: a speck that nobody
        // can see makes one, again and again. What is drawn is all there already; no person waits for it.
        let begin = "const speck = document.createElement('div');
            speck.style.cssText = 'position: fixed; inset: 0 auto auto 0; width: 1px; height: 1px';
            (document.querySelector('dialog[open]') ?? document.body).append(speck);
            let shown = false;
            const beat = setInterval(() => {
                shown = !shown;
                speck.style.background = shown ? 'rgb(128 128 128 / 0.01)' : 'transparent';
            }, 16);
            window.endOfSpeck = () => { clearInterval(beat); speck.remove(); };";
        self.script(begin, &[])?;
        let value = self.get("screenshot");
        self.script("window.endOfSpeck();", &[])?;
        let value = value?;
        picture::keep(name, value.as_str().context("the driver sent no picture")?)
    }

    fn get(&self, what: &str) -> Result<Value> {
        accepted(http::request(self.port, "GET", &format!("{}/{what}", self.path), None)?)
    }

    fn post(&self, what: &str, body: &Value) -> Result<Value> {
        accepted(http::request(self.port, "POST", &format!("{}/{what}", self.path), Some(body))?)
    }
}

/// Whether an act that failed with this may be possible a moment later. It has not begun.
fn passes(error: &str) -> bool {
    ["stale element reference", "element click intercepted", "element not interactable"]
        .iter()
        .any(|kind| error.starts_with(kind))
}

/// The value of an answer, or the error that it reports.
fn accepted(mut answer: Value) -> Result<Value> {
    let value = answer["value"].take();
    if let Some(error) = value["error"].as_str() {
        bail!("{error}: {}", value["message"].as_str().unwrap_or_default());
    }
    Ok(value)
}
