//! One of two goes offline; both edit the same paragraph; the edits of both are there on return.

use anyhow::Result;
use rejoin_window_tests::{Person, Server, wanted};

#[test]
fn edits_made_apart_are_together_on_return() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let server = Server::start()?;
    let address = server.address();
    let (ana, ben) = (Person::new("ana-apart")?, Person::new("ben-apart")?);
    let (hers, his) = (ana.open()?, ben.open()?);
    hers.welcome("Ana", Some(&address))?;
    his.welcome("Ben", Some(&address))?;
    let note = hers.new_note("Letter")?;
    hers.type_text("Dear all, see you.")?;
    hers.status_when("the server to have it", |status| status.contains("on 127.0.0.1"))?;
    his.take_link(&note)?;
    his.open_note(&note)?;
    his.text_when("Ana's words", |text| text.ends_with("see you."))?;

    his.set_offline(true, &address)?;
    his.caret_to_end()?;
    his.type_text(" Best, Ben")?;
    his.text_when("his own words", |text| text.ends_with("Best, Ben"))?;
    his.page.picture("apart-offline")?;
    hers.caret_to_end()?;
    hers.type_text(" Yours, Ana")?;
    let alone = hers.text_when("her own words", |text| text.ends_with("Yours, Ana"))?;
    assert!(!alone.contains("Ben"), "{alone:?}");

    his.set_offline(false, &address)?;
    let complete = |text: &str| text.contains("Best, Ben") && text.contains("Yours, Ana");
    let at_hers = hers.text_when("the words of both", complete)?;
    let at_his = his.text_when("the words of both", complete)?;
    assert_eq!(at_hers, at_his);
    his.page.picture("apart-returned")?;
    hers.close()?;
    his.close()
}
