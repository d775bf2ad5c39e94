//! Measures the app in its real window and prints a table of bars. `cargo xtask bench-ui` builds the
//! programs, starts a virtual screen and keeps what is printed here. Arguments name the parts that are
//! wanted: `typing`, `together`, `long`, `1000`, `10000`; without any all are measured.

use std::fs;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rejoin_window_tests::{App, Patience, Peer, Person, Server, program, saved, until};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// What is typed for one row of the table: words that the spelling knows. The web view takes about a
/// tenth of a millisecond longer for each word of the paragraph that it has marked.
const TYPED: &str = "we wrote this together on the train and had no network for most of the way \
                     but when we came home it was all in one place again";
const KEYS: usize = TYPED.len();

/// Notes the time from each key to the end of the frame that shows it, and when the key was pressed.
const WATCH_KEYS: &str = "const content = document.querySelector('.cm-content');
    const log = window.keyTimes = { echo: [], pressed: [] };
    let pressed = 0;
    content.addEventListener('keydown', (event) => {
        const age = performance.now() - event.timeStamp;
        pressed = age >= 0 && age < 1000 ? event.timeStamp : performance.now();
        log.pressed.push(performance.timeOrigin + pressed);
    }, true);
    content.addEventListener('input', () => {
        const since = pressed;
        requestAnimationFrame(() => {
            const drawn = new MessageChannel();
            drawn.port1.onmessage = () => log.echo.push(performance.now() - since);
            drawn.port2.postMessage(null);
        });
    });";

/// Notes when each further character shows.
const WATCH_TEXT: &str = "const content = document.querySelector('.cm-content');
    const { view } = content.cmTile;
    const shown = window.shownTimes = [];
    let length = view.state.doc.length;
    new MutationObserver(() => requestAnimationFrame(() => {
        const now = performance.timeOrigin + performance.now();
        for (; length < view.state.doc.length; length += 1) shown.push(now);
    })).observe(content, { subtree: true, childList: true, characterData: true });";

/// Opens a note by a click and calls back when its text is drawn, with the milliseconds that it took.
const OPEN: &str = "const [row, length, done] = arguments;
    const begun = performance.now();
    document.getElementById(row).click();
    const look = () => {
        const view = document.querySelector('.cm-content')?.cmTile?.view;
        const open = document.querySelector('.row.open')?.id === row;
        if (open && view && view.state.doc.length >= length && view.state.doc.length < 2 * length + 99)
            requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun)));
        else requestAnimationFrame(look);
    };
    look();";

/// Searches a number of times and calls back with the milliseconds of each search.
const SEARCH: &str = "const [words, times, done] = arguments;
    (async () => {
        const all = [];
        for (let i = 0; i < times; i += 1) {
            const request = { kind: 'text', query: words[i % words.length], limit: 50 };
            const begun = performance.now();
            await window.__TAURI_INTERNALS__.invoke('search', { request });
            all.push(performance.now() - begun);
        }
        return all;
    })().then(done);";

/// One row of the table.
struct Row {
    what: String,
    bar: f64,
    measured: f64,
    unit: &'static str,
}

fn main() -> Result<()> {
    let mut rows = Vec::new();
    let runtime = Runtime::new()?;
    let _inside = runtime.enter();
    let parts: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|one| one == part);
    if wanted("typing") {
        small_note(&mut rows).context("a small note")?;
    }
    if wanted("together") {
        two_windows(&mut rows).context("two windows")?;
    }
    if wanted("long") {
        long_notes(&runtime, &mut rows).context("long notes")?;
    }
    if wanted("1000") {
        many_notes(1_000, &mut rows).context("1,000 notes")?;
    }
    if wanted("10000") {
        many_notes(10_000, &mut rows).context("10,000 notes")?;
    }
    let bytes = fs::metadata(program("rejoin-desktop")?)?.len();
    rows.push(row("size of the program", 25.0, bytes as f64 / 1e6, "MB"));
    print(&rows)
}

fn row(what: impl Into<String>, bar: f64, measured: f64, unit: &'static str) -> Row {
    Row { what: what.into(), bar, measured, unit }
}

fn print(rows: &[Row]) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "| what | bar | measured | |\n|---|---:|---:|---|")?;
    for Row { what, bar, measured, unit } in rows {
        let outcome = if measured < bar { "met" } else { "**missed**" };
        writeln!(out, "| {what} | < {bar} {unit} | {measured:.1} {unit} | {outcome} |")?;
    }
    Ok(())
}

fn small_note(rows: &mut Vec<Row>) -> Result<()> {
    let ana = Person::new("bench-small")?;
    let app = ana.open()?;
    app.welcome("Ana", None)?;
    app.new_note("Typing")?;
    let echo = echo(&app)?;
    rows.push(row("keystroke to echo, median", 16.0, quantile(&echo, 0.5), "ms"));
    rows.push(row("keystroke to echo, p95", 33.0, quantile(&echo, 0.95), "ms"));
    app.close()
}

fn two_windows(rows: &mut Vec<Row>) -> Result<()> {
    let server = Server::start()?;
    let (ana, ben) = (Person::new("bench-ana")?, Person::new("bench-ben")?);
    let (hers, his) = (ana.open()?, ben.open()?);
    hers.welcome("Ana", Some(&server.address()))?;
    his.welcome("Ben", Some(&server.address()))?;
    let note = hers.new_note("Together")?;
    hers.set_mode("live")?;
    hers.status_when("the server to have it", |status| status.contains("on 127.0.0.1"))?;
    his.take_link(&note)?;
    his.open_note(&note)?;
    let before = his.text_when("the note", |text| text.starts_with("# Together"))?.len();
    his.page.script(WATCH_TEXT, &[])?;
    hers.page.script(WATCH_KEYS, &[])?;
    press_keys(&hers, Duration::from_millis(60))?;
    his.text_when("all that was typed", |text| text.len() == before + KEYS)?;
    let shown = until("every key to show", Patience::default(), || {
        let shown = numbers(&his.page.script("return window.shownTimes", &[])?);
        Ok((shown.len() == KEYS).then_some(shown))
    })?;
    let pressed = numbers(&hers.page.script("return window.keyTimes.pressed", &[])?);
    let ways: Vec<f64> =
        shown.iter().zip(&pressed).map(|(shown, pressed)| shown - pressed).collect();
    rows.push(row("keystroke to the other window, Live, p50", 50.0, quantile(&ways, 0.5), "ms"));
    hers.close()?;
    his.close()
}

fn long_notes(runtime: &Runtime, rows: &mut Vec<Row>) -> Result<()> {
    let server = Server::start()?;
    let address = server.address();
    let ana = Person::new("bench-long")?;
    let app = ana.open()?;
    app.welcome("Ana", Some(&address))?;
    let small = app.note_id()?;
    let line = "Ten words that stand in this note to make it long.\n";

    let megabyte = Peer::with_new_note(&address, &format!("# One\n{}", line.repeat(20_000)))?;
    app.take_link(&megabyte.note_id())?;
    app.open_note(&megabyte.note_id())?;
    app.text_when("the note of 1 MB", |text| text.len() > 1_000_000)?;
    let mut opened = Vec::new();
    for _ in 0..7 {
        app.open_note(&small)?;
        app.text_when("the small note", |text| text.starts_with("# Welcome"))?;
        let row = json!(format!("row-{}", megabyte.note_id()));
        let took = app.page.script_later(OPEN, &[row, json!(1_000_000)])?;
        opened.push(took.as_f64().context("no time")?);
    }
    rows.push(row("opening a note of 1 MB, median", 200.0, quantile(&opened, 0.5), "ms"));

    let many =
        Arc::new(Peer::with_new_note(&address, &format!("# Ten\n{}", line.repeat(200_000)))?);
    app.take_link(&many.note_id())?;
    app.open_note(&many.note_id())?;
    let length =
        "return document.querySelector('.cm-content')?.cmTile?.view?.state.doc.length ?? 0";
    until("the note of 10 MB", Patience(Duration::from_secs(90)), || {
        let length = app.page.script(length, &[])?.as_u64().unwrap_or_default();
        Ok((length > 10_000_000).then_some(()))
    })?;
    app.set_mode("live")?;
    app.caret_to_end()?;
    let goes_on = Arc::new(AtomicBool::new(true));
    let typing = runtime.spawn(type_on(many.clone(), goes_on.clone()));
    let echo = echo(&app);
    let memory = app.memory();
    goes_on.store(false, Ordering::Relaxed);
    let per_second = runtime.block_on(typing)??;
    let echo = echo?;
    let with = format!("in a note of 10 MB with {per_second:.0} edits of others a second");
    rows.push(row(format!("keystroke to echo {with}, median"), 16.0, quantile(&echo, 0.5), "ms"));
    rows.push(row(format!("keystroke to echo {with}, p95"), 33.0, quantile(&echo, 0.95), "ms"));
    rows.push(row("memory of the backend's own then", 150.0, memory? as f64 / 1e6, "MB"));
    app.close()
}

/// Types a hundred times a second near the beginning until told to end, and gives the edits a second.
async fn type_on(peer: Arc<Peer>, goes_on: Arc<AtomicBool>) -> Result<f64> {
    let begun = std::time::Instant::now();
    let mut pace = tokio::time::interval(Duration::from_millis(10));
    let mut count = 0.0;
    while goes_on.load(Ordering::Relaxed) {
        pace.tick().await;
        peer.type_at(1_000, "x")?;
        count += 1.0;
    }
    Ok(count / begun.elapsed().as_secs_f64())
}

fn many_notes(count: usize, rows: &mut Vec<Row>) -> Result<()> {
    let ana = Person::new(&format!("bench-{count}"))?;
    let app = ana.open()?;
    app.welcome("Ana", None)?;
    let own = app.note_id()?;
    let files = ana.home().join("Files");
    fs::create_dir_all(&files)?;
    let words =
        ["harbour", "lantern", "orchard", "quarry", "saffron", "thistle", "umbrella", "willow"];
    for i in 0..count {
        let (a, b) = (words[i % 8], words[i / 8 % 8]);
        let text = format!("# Note {i}\n\nThe {a} by the {b}, and what was said there. word{i}\n");
        fs::write(files.join(format!("Note {i}.md")), text.repeat(3))?;
    }
    let action =
        json!({ "action": { "kind": "import", "directory": files.display().to_string() } });
    app.command("mirror", &action)?;
    let last =
        json!({ "request": { "kind": "text", "query": format!("word{}", count - 1), "limit": 5 } });
    until("the last note to be found", Patience(Duration::from_secs(240)), || {
        let hits = app.command("search", &last)?;
        Ok(hits.as_array().is_some_and(|hits| !hits.is_empty()).then_some(()))
    })?;
    let queries = json!(["harb", "quarry lantern", "note 77", "said there", "thist", "word123"]);
    let searches = numbers(&app.page.script_later(SEARCH, &[queries, json!(60)])?);
    let what = format!("search of {count} notes, p95");
    rows.push(row(what, 50.0, quantile(&searches, 0.95), "ms"));
    app.status_when("the note to be saved", saved)?;
    app.close()?;

    let mut starts = Vec::new();
    for _ in 0..5 {
        let app = ana.open()?;
        app.page.element(".cm-content")?;
        app.page.keys(".cm-content", "x")?;
        app.text_when("the first key", |text| text.contains('x'))?;
        starts.push(app.started().elapsed().as_secs_f64() * 1000.0);
        assert_eq!(app.note_id()?, own);
        app.close()?;
    }
    if count == 1_000 {
        let what = "cold start to typing with 1,000 notes, median";
        rows.push(row(what, 1_500.0, quantile(&starts, 0.5), "ms"));
    }
    Ok(())
}

/// Presses keys in the note that is open, and gives the milliseconds from each to its frame.
fn echo(app: &App) -> Result<Vec<f64>> {
    app.page.script(WATCH_KEYS, &[])?;
    press_keys(app, Duration::from_millis(20))?;
    until("every key to be drawn", Patience::default(), || {
        let times = numbers(&app.page.script("return window.keyTimes.echo", &[])?);
        Ok((times.len() == KEYS).then_some(times))
    })
}

fn press_keys(app: &App, pause: Duration) -> Result<()> {
    for key in TYPED.split_inclusive(|_| true) {
        app.type_text(key)?;
        std::thread::sleep(pause);
    }
    Ok(())
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
}

fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = ((sorted.len() as f64 - 1.0) * part).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::INFINITY)
}
