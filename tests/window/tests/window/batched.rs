//! Batched mode: nothing is shared before the commit, everything after it, and a crash keeps the draft.

use anyhow::Result;
use rejoin_window_tests::{Person, Server, saved, wanted};
use serde_json::json;

#[test]
fn a_draft_is_shared_by_its_commit_and_survives_a_power_cut_once() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let server = Server::start()?;
    let (ana, ben) = (Person::new("ana-batched")?, Person::new("ben-batched")?);
    let (hers, his) = (ana.open()?, ben.open()?);
    hers.welcome("Ana", Some(&server.address()))?;
    his.welcome("Ben", Some(&server.address()))?;
    let note = hers.new_note("Report")?;
    hers.type_text("Shared. ")?;
    hers.status_when("the server to have it", |status| status.contains("on 127.0.0.1"))?;
    his.take_link(&note)?;
    his.open_note(&note)?;
    let before = his.text_when("Ana's words", |text| text.ends_with("Shared. "))?;

    hers.set_mode("batched")?;
    hers.caret_to_end()?;
    hers.type_text("Drafted.")?;
    let drafted = hers.text_when("the draft", |text| text.ends_with("Drafted."))?;
    hers.status_when("the draft to be kept", saved)?;
    hers.page.picture("batched-draft")?;
    // What Ben writes meanwhile arrives, so the way from Ana to him is open as well.
    his.caret_to_end()?;
    his.type_text("Ben too.")?;
    hers.text_when("Ben's words", |text| text.contains("Ben too."))?;
    assert_eq!(his.text()?, format!("{before}Ben too."));

    hers.status_when("the draft to be kept", saved)?;
    hers.kill()?;
    let hers = ana.open()?;
    hers.open_note(&note)?;
    let after =
        hers.text_when("the draft after the power cut", |text| text.contains("Drafted."))?;
    assert_eq!(after.matches("Drafted.").count(), 1, "{after:?}");
    assert_eq!(after.len(), drafted.len() + "Ben too.".len(), "{after:?}");
    assert!(!his.text()?.contains("Drafted."));
    hers.page.picture("batched-after-power-cut")?;

    hers.commit("the first part")?;
    let shared = his.text_when("the shared draft", |text| text.contains("Drafted."))?;
    assert_eq!(shared, after);
    let history = his.command("history", &json!({ "note": note }))?;
    assert!(history.to_string().contains("the first part"), "{history}");
    his.page.picture("batched-shared")?;
    hers.kill()?;
    let hers = ana.open()?;
    hers.open_note(&note)?;
    let text = hers.text_when("the note", |text| text.contains("Drafted."))?;
    assert_eq!(text.matches("Drafted.").count(), 1, "{text:?}");
    hers.close()?;
    his.close()
}
