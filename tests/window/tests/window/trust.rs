//! What the page may not do, whatever a note makes it try.

use anyhow::{Context as _, Result, ensure};
use rejoin_window_tests::{Person, saved, wanted};
use serde_json::{Value, json};

/// Tries what the policy of the page forbids, and says what went through.
const TRY: &str = "const done = arguments[0];
    const went = [];
    const refused = new Set();
    document.addEventListener('securitypolicyviolation', (event) => refused.add(event.effectiveDirective));
    try { (0, eval)('window.evaluated = true'); went.push('eval'); } catch { refused.add('eval'); }
    const script = document.createElement('script');
    script.textContent = 'window.injected = true';
    document.body.append(script);
    const image = new Image();
    image.src = 'http://127.0.0.1:9/x.png';
    const frame = document.createElement('iframe');
    frame.src = 'https://example.org/';
    document.body.append(frame);
    Promise.allSettled([fetch('http://127.0.0.1:9/'), fetch('https://example.org/')]).then((all) => {
        if (all.some((one) => one.status === 'fulfilled')) went.push('fetch');
        if (window.injected) went.push('an inline script');
        setTimeout(() => { frame.remove(); script.remove(); done({ went, refused: [...refused] }); }, 100);
    });";

/// Every command of the app.
const COMMANDS: &str = "start set_settings open_external create rename move_item set_flag delete_forever search \
    open_note push confirm undo set_presence close_note set_mode commit draft_preview link open_link set_sharing \
    sync_report set_network retry history version_at restore_version attribution mark_seen mirror";

#[test]
fn the_page_runs_nothing_foreign_and_fetches_nothing() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let ana = Person::new("ana-trust")?;
    let app = ana.open()?;
    app.welcome("Ana", None)?;
    app.status_when("the first note to be saved", saved)?;
    let tried = app.page.script_later(TRY, &[])?;
    ensure!(tried["went"] == json!([]), "{tried}");
    let refused = tried["refused"].as_array().context("a list")?;
    let is_refused =
        |kind: &str| refused.iter().filter_map(Value::as_str).any(|each| each.starts_with(kind));
    for kind in ["eval", "script-src", "connect-src", "img-src", "frame-src"] {
        ensure!(is_refused(kind), "{kind} was not refused: {tried}");
    }

    // What would reach files or programs is not there, or not allowed.
    for command in [
        "plugin:fs|read_text_file",
        "plugin:shell|execute",
        "plugin:shell|open",
        "plugin:opener|open_path",
        "plugin:opener|open_url",
        "plugin:opener|reveal_item_in_dir",
        "plugin:dialog|open",
        "plugin:event|emit",
        "plugin:webview|create_webview_window",
    ] {
        let asked = app.command(command, &json!({ "path": "/etc/passwd", "url": "file:///" }));
        ensure!(asked.is_err(), "{command} was allowed");
    }
    app.close()
}

#[test]
fn commands_refuse_what_makes_no_sense_and_the_app_goes_on() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let ana = Person::new("ana-garbage")?;
    let app = ana.open()?;
    app.welcome("Ana", None)?;
    let note = app.new_note("Sound")?;
    app.type_text("and safe")?;
    let text = app.text_when("the words", |text| text.ends_with("and safe"))?;
    app.status_when("the note to be saved", saved)?;
    let long = "x".repeat(100_000);
    let values =
        [json!(null), json!(-1), json!(""), json!(long), json!([[]]), json!({ "kind": "?" })];
    for command in COMMANDS.split_whitespace() {
        let bare = app.command(command, &json!({}));
        ensure!(command == "retry" || bare.is_err(), "{command} needs no arguments");
        for value in &values {
            let arguments: serde_json::Map<String, Value> = [
                "note",
                "item",
                "folder",
                "request",
                "settings",
                "network",
                "url",
                "title",
                "index",
                "flag",
                "on",
                "version",
                "update",
                "mode",
                "message",
                "target",
                "goesTo",
                "position",
                "action",
                "connection",
                "events",
            ]
            .into_iter()
            .map(|name| (name.to_owned(), value.clone()))
            .collect();
            let asked = app.command(command, &Value::Object(arguments));
            // Nothing at all may ask to dial everything again, and what is not open may be closed.
            let is_harmless = (command == "retry" && value.is_null()) || command == "close_note";
            ensure!(is_harmless || asked.is_err(), "{command} took {value:.60}");
        }
    }
    // Nearly right: ids of nothing, places beyond the end, a push of a version that never was.
    let beyond = json!({ "version": 99, "confirms": 98, "changes": [[0, "x"]], "selection": null });
    for (command, arguments) in [
        ("push", json!({ "note": note, "request": beyond })),
        (
            "version_at",
            json!({ "note": note, "version": { "kind": "position", "position": 4_000_000_000_u32 } }),
        ),
        ("restore_version", json!({ "note": note, "position": 4_000_000_000_u32 })),
        ("move_item", json!({ "item": note, "folder": note, "index": 0 })),
        ("set_flag", json!({ "item": "nothing", "flag": "pinned", "on": true })),
        ("delete_forever", json!({ "item": note })),
        ("rename", json!({ "item": note, "title": long })),
    ] {
        let asked = app.command(command, &arguments);
        let is_stale = asked.as_ref().is_ok_and(|reply| reply["kind"] == "stale");
        ensure!(asked.is_err() || is_stale, "{command} took {arguments}: {asked:?}");
    }
    ensure!(app.text()? == text, "the note is as it was");
    app.type_text("!")?;
    app.text_when("another key", |now| now == format!("{text}!"))?;
    app.status_when("the note to be saved", saved)?;
    app.close()
}
