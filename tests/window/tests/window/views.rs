//! Every view of the window, wide and narrow, light and dark: a picture of each, and what a check of
//! accessibility finds in it.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use rejoin_window_tests::{
    App, BACKSPACE, CONTROL, ENTER, ESCAPE, Peer, Person, SHIFT, SIZES, Server, root, saved, until,
    wanted,
};
use serde_json::json;

/// A note with a bit of everything.
const TRIP: &str = "# Trip to the sea

A long weekend in **May**, by *train*. The plan is in [[Work plan]], the map at [the town's page](https://example.org/map).

## To do

- [x] ask for days off
- [ ] book the tickets
- [ ] look for a room near the harbour
  - with a kitchen

> Nothing is as far away as yesterday.

1. Friday: arrive late
2. Saturday: walk along the coast, `08:30` at the door

```rust
fn days(from: u32, to: u32) -> u32 {
    to - from // both in May
}
```

---

### What it costs

| what | how much |
|---|---|
| train | 84 |
| room | 210 |
";

/// What axe-core finds that is serious, with the element that it is about.
const CHECK: &str = "const done = arguments[0];
    window.axe.run(document, { resultTypes: ['violations'] }).then((result) => done(result.violations
        .filter((each) => each.impact === 'serious' || each.impact === 'critical')
        .map((each) => `${each.id}: ${each.nodes.map((node) => node.html).join(' ')}`)), (error) => done([String(error)]));";

/// The views of one window in one size.
struct Tour<'a> {
    app: &'a App,
    size: (u32, u32),
    /// What was found, by view.
    found: Vec<String>,
}

impl Tour<'_> {
    /// Takes pictures of what is shown now, and checks it, in both themes.
    fn look(&mut self, view: &str) -> Result<()> {
        let page = &self.app.page;
        for theme in ["light", "dark"] {
            page.script("document.documentElement.dataset.theme = arguments[0]", &[json!(theme)])?;
            page.picture(&format!("view-{view}-{}-{theme}", self.size.0))?;
            let found = page.script_later(CHECK, &[])?;
            for one in found.as_array().context("the check gave no list")? {
                self.found.push(format!("{view}, {theme}, {} wide: {one}", self.size.0));
            }
        }
        page.script("document.documentElement.dataset.theme = 'light'", &[])?;
        Ok(())
    }

    /// Opens something by its keys, looks at it and leaves it.
    fn look_by_keys(&mut self, view: &str, held: &[char], key: char, shown: &str) -> Result<()> {
        self.app.page.chord(held, key)?;
        self.app.page.element(shown)?;
        self.look(view)?;
        self.leave(shown)
    }

    /// Opens something by a click, looks at it and leaves it.
    fn look_by_click(&mut self, view: &str, clicked: &str, shown: &str) -> Result<()> {
        self.app.page.click(clicked)?;
        self.app.page.element(shown)?;
        self.look(view)?;
        self.leave(shown)
    }

    /// Chooses an entry of the open note's menu, looks at what opens and leaves it.
    fn look_by_menu(&mut self, view: &str, entry: &str, shown: &str) -> Result<()> {
        self.app.page.click(".bar button[aria-label='Note menu']")?;
        self.app.choose(entry)?;
        self.app.page.element(shown)?;
        self.look(view)?;
        self.leave(shown)
    }

    fn leave(&self, shown: &str) -> Result<()> {
        self.app.page.chord(&[], ESCAPE)?;
        self.app.goes(shown)
    }

    /// The list is a drawer in a narrow window.
    fn open_list(&self) -> Result<()> {
        if self.app.page.elements("nav.list")?.is_empty() {
            self.app.page.click(".bar button[aria-expanded]")?;
        }
        self.app.page.element("nav.list").map(drop)
    }

    fn tour(&mut self, trip: &str) -> Result<()> {
        let page = &self.app.page;
        self.app.resize(self.size)?;
        self.open_list()?;
        if self.size == SIZES[0] {
            self.app.open_note(trip)?;
        } else {
            // The drawer closes with the choice, and with it goes the row that would show it.
            page.click(&format!("#row-{trip}"))?;
            page.element(".bar button[aria-expanded=false]")?;
        }
        self.look("note")?;
        self.look_by_keys("find", &[CONTROL], 'f', ".find-panel")?;
        self.look_by_click("note-menu", ".bar button[aria-label='Note menu']", "[role=menu]")?;
        self.look_by_click("mode-menu", ".bar .mode", "[role=menu]")?;
        for (view, key) in [("history", 'H'), ("sync", 'S'), ("backlinks", 'B'), ("review", 'R')] {
            self.look_by_keys(view, &[CONTROL, SHIFT], key, "aside")?;
        }
        self.look_by_keys("palette", &[CONTROL], 'p', "dialog[open]")?;
        self.look_by_keys("commands", &[CONTROL, SHIFT], 'P', "dialog[open]")?;
        self.look_by_keys("open-link", &[CONTROL], 'o', "dialog[open]")?;
        self.look_by_keys("commit", &[CONTROL, SHIFT], ENTER, "dialog[open]")?;
        self.look_by_menu("share", "Share", "dialog[open]")?;
        for tab in ["profile", "writing", "sharing", "network", "files"] {
            page.chord(&[CONTROL], ',')?;
            page.click(&format!("#tab-{tab}"))?;
            self.look(&format!("settings-{tab}"))?;
            self.leave("dialog[open]")?;
        }
        self.open_list()?;
        self.look("list")?;
        self.look_by_click("new-menu", "nav.list button[aria-haspopup=menu]", "[role=menu]")?;
        self.open_list()?;
        page.keys("#search", "train")?;
        page.element(".results")?;
        until("what was found", Default::default(), || {
            Ok(page.text_of(".results")?.contains("train").then_some(()))
        })?;
        self.look("search")?;
        page.script("document.querySelector('#search').select()", &[])?;
        page.keys("#search", "zzzz")?;
        self.look("search-nothing")?;
        page.click("nav.list button[aria-label='Clear the search']")?;
        page.click("nav.list footer .foot")?;
        self.look("trash")?;
        page.click("nav.list button[aria-label='Back to the notes']")?;
        Ok(())
    }
}

#[test]
fn every_view_is_looked_at_and_can_be_used_by_everyone() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let _inside = runtime.enter();
    let server = Server::start()?;
    let peer = Peer::with_new_note(&server.address(), TRIP)?;
    let trip = peer.note_id();
    let ana = Person::new("ana-views")?;
    let app = ana.open()?;
    let axe = fs::read_to_string(root().join("ui/node_modules/axe-core/axe.min.js"))?;
    let mut found = Vec::new();
    app.page.element("#welcome-name")?;
    app.page.script(&axe, &[])?;
    for size in SIZES {
        app.resize(size)?;
        let mut tour = Tour { app: &app, size, found: Vec::new() };
        tour.look("welcome")?;
        found.append(&mut tour.found);
    }
    app.resize(SIZES[0])?;
    app.welcome("Ana", Some(&server.address()))?;
    app.status_when("the first note to be saved", saved)?;

    app.new_note("Work plan")?;
    app.type_text(&format!("Before [[Trip to the sea]].{ENTER}Then the rest."))?;
    app.new_note("Old shopping list")?;
    until("the title in the list", Default::default(), || {
        let rows = app.page.text_of("nav.list")?;
        Ok(rows.contains("Old shopping list").then_some(()))
    })?;
    app.page.chord(&[CONTROL, SHIFT], BACKSPACE)?;
    app.shows("nav.list .foot .count", "1")?;
    app.take_link(&trip)?;
    app.open_note(&trip)?;
    app.text_when("the note", |text| text.starts_with("# Trip"))?;
    app.page.chord(&[CONTROL, SHIFT], 'K')?;
    app.set_mode("batched")?;
    app.caret_to_end()?;
    app.type_text(&format!("{ENTER}We take the early train."))?;
    peer.type_after("ask for days off", " (done on Monday)")?;
    app.text_when("the other's words", |text| text.contains("done on Monday"))?;

    for size in SIZES {
        let mut tour = Tour { app: &app, size, found: Vec::new() };
        tour.tour(&trip)?;
        found.append(&mut tour.found);
    }
    runtime.block_on(peer.leave());
    ensure!(found.is_empty(), "{} found:\n{}", found.len(), found.join("\n"));
    app.close()
}
