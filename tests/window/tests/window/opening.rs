//! The window opens and closes.

use anyhow::Result;
use rejoin_window_tests::{Person, wanted};

#[test]
fn the_window_opens_and_shows_the_app() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let ana = Person::new("ana")?;
    let app = ana.open()?;
    app.page.element("#app, body > *")?;
    app.page.picture("opening")?;
    app.close()
}
