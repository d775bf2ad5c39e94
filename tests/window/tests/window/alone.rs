//! One person: what was written is there after an end, a crash and a reload.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rejoin_window_tests::{App, ENTER, Person, saved, wanted};

/// What is older than this when the app ends is on the disk, on a computer that has nothing else to do.
const LIMIT: Duration = Duration::from_millis(100);

/// How long a few bytes take to the disk of this computer, at the worst, while `work` is done. On a busy one
/// or with a slow disk that comes on top of the limit.
fn slowest_write_during<T>(
    folder: &Path,
    work: impl FnOnce() -> Result<T>,
) -> Result<(T, Duration)> {
    let goes_on = AtomicBool::new(true);
    thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut file = File::create(folder.join("how-fast-is-the-disk"))?;
            let mut slowest = Duration::ZERO;
            while goes_on.load(Ordering::Relaxed) {
                let begun = Instant::now();
                file.write_all(b"words")?;
                file.sync_data()?;
                slowest = slowest.max(begun.elapsed());
                thread::sleep(Duration::from_millis(10));
            }
            anyhow::Ok(slowest)
        });
        let done = work();
        goes_on.store(false, Ordering::Relaxed);
        let slowest = writing.join().ok().context("the writing thread panicked")??;
        Ok((done?, slowest))
    })
}

#[test]
fn a_note_is_there_after_a_restart() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let ana = Person::new("ana-restart")?;
    let app = ana.open()?;
    app.welcome("Ana", None)?;
    let note = app.new_note("Groceries")?;
    app.type_text(&format!("milk{ENTER}bread"))?;
    let written = app.text_when("the words", |text| text.ends_with("milk\nbread"))?;
    app.status_when("the note to be saved", saved)?;
    app.page.picture("restart-before")?;
    app.close()?;

    let app = ana.open()?;
    app.open_note(&note)?;
    assert_eq!(app.text_when("the note's text", |text| !text.is_empty())?, written);
    app.page.picture("restart-after")?;
    app.close()
}

/// Types letter after letter without a pause, and says when each had been typed.
fn type_letters(app: &App, count: u8) -> Result<(String, Vec<Instant>)> {
    let letters: String = (0..count).map(|i| char::from(b'a' + i % 26)).collect();
    let mut times = Vec::new();
    for letter in letters.chars() {
        app.type_text(&letter.to_string())?;
        times.push(Instant::now());
    }
    Ok((letters, times))
}

/// What remained is a beginning of what was typed, and lacks nothing that was older than the limit.
fn check_remains(
    text: &str,
    letters: &str,
    times: &[Instant],
    end: Instant,
    write: Duration,
) -> Result<()> {
    let remained = text.split("saved ").nth(1).unwrap_or_default();
    ensure!(letters.starts_with(remained), "{remained:?} is no beginning of {letters:?}");
    let lost = times.get(remained.len()).map(|typed| end.duration_since(*typed));
    eprintln!(
        "of {} letters {} remained; age of the first lost: {lost:?}; slowest write: {write:?}",
        letters.len(),
        remained.len()
    );
    let limit = LIMIT + write;
    ensure!(lost.is_none_or(|age| age <= limit), "{remained:?}: lost what was {lost:?} old");
    Ok(())
}

#[test]
fn a_power_cut_in_mid_typing_costs_the_last_100_ms_at_most() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let ana = Person::new("ana-power-cut")?;
    let app = ana.open()?;
    app.welcome("Ana", None)?;
    let note = app.new_note("Diary")?;
    app.type_text("saved ")?;
    app.text_when("the words", |text| text.contains("saved "))?;
    app.status_when("the note to be saved", saved)?;
    let ((letters, times), write) = slowest_write_during(ana.home(), || type_letters(&app, 60))?;
    let end = Instant::now();
    app.kill()?;

    let app = ana.open()?;
    app.open_note(&note)?;
    let text = app.text_when("the saved words", |text| text.contains("saved "))?;
    check_remains(&text, &letters, &times, end, write)?;
    app.page.picture("power-cut-after")?;
    app.close()
}

#[test]
fn a_reload_of_the_page_in_mid_typing_costs_the_last_100_ms_at_most() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let ana = Person::new("ana-reload")?;
    let app = ana.open()?;
    app.welcome("Ana", None)?;
    let note = app.new_note("Reload")?;
    app.type_text("saved ")?;
    app.text_when("the words", |text| text.ends_with("saved "))?;
    let ((letters, times), write) = slowest_write_during(ana.home(), || type_letters(&app, 60))?;
    let end = Instant::now();
    app.page.reload()?;
    app.page.element(".cm-content")?;
    app.open_note(&note)?;
    let text = app.text_when("the note's text", |text| text.contains("saved "))?;
    check_remains(&text, &letters, &times, end, write)?;
    app.caret_to_end()?;
    app.type_text(" after")?;
    app.text_when("the words after the reload", |now| now == format!("{text} after"))?;
    app.page.picture("reload-after")?;
    app.close()
}
