//! The mouse of the screen, for what a page cannot be told by its driver: dragging is the system's matter.

use anyhow::{Context as _, Result};
use serde_json::json;
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, MOTION_NOTIFY_EVENT, Window,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

use crate::app::App;
use crate::wait::{Patience, until};

/// The way to the first place counts as a drag only after some units.
const FIRST_STEP: f64 = 24.0;

/// The mouse.
struct Pointer {
    screen: RustConnection,
    root: Window,
}

impl Pointer {
    fn of_display() -> Result<Self> {
        let (screen, number) = x11rb::connect(None).context("there is no X display")?;
        let root = screen.setup().roots[number].root;
        Ok(Self { screen, root })
    }

    fn to(&self, (x, y): (f64, f64)) -> Result<()> {
        self.send(MOTION_NOTIFY_EVENT, 0, x as i16, y as i16)
    }

    fn press(&self) -> Result<()> {
        self.send(BUTTON_PRESS_EVENT, 1, 0, 0)
    }

    fn release(&self) -> Result<()> {
        self.send(BUTTON_RELEASE_EVENT, 1, 0, 0)
    }

    fn send(&self, kind: u8, button: u8, x: i16, y: i16) -> Result<()> {
        self.screen.xtest_fake_input(kind, button, 0, self.root, x, y, 0)?.check()?;
        Ok(())
    }
}

impl App {
    /// Takes the first element that `from` matches with the mouse, carries it over the first that `to`
    /// matches until `taken` matches something there, and lets go. One window may be on the screen.
    ///
    /// # Errors
    ///
    /// When there are no such elements, or the place does not take it.
    pub fn drag(&self, from: &str, to: &str, taken: &str) -> Result<()> {
        let pointer = Pointer::of_display()?;
        let (begin, end) = (self.place_on_screen(from)?, self.place_on_screen(to)?);
        pointer.to(begin)?;
        pointer.press()?;
        let mut offset = FIRST_STEP;
        let carried = until("the place to take what is dragged", Patience::default(), || {
            // The hand is never quite still, and only what moves is told to the page.
            offset = if offset == 2.0 { 0.0 } else { 2.0 };
            pointer.to((begin.0 + FIRST_STEP + offset, begin.1))?;
            pointer.to((end.0 + offset, end.1))?;
            Ok((!self.page.elements(taken)?.is_empty()).then_some(()))
        });
        pointer.release()?;
        carried
    }

    /// The middle of an element, on the screen.
    fn place_on_screen(&self, selector: &str) -> Result<(f64, f64)> {
        self.page.element(selector)?;
        let script = "const box = document.querySelector(arguments[0]).getBoundingClientRect();
            return [window.screenX + box.x + box.width / 2, window.screenY + box.y + box.height / 2]";
        let place = self.page.script(script, &[json!(selector)])?;
        let part = |index: usize| place[index].as_f64().context("an element has no place");
        Ok((part(0)?, part(1)?))
    }
}
