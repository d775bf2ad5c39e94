//! Fifty people type in one long note, and so does Ana: no keystroke is lost.

use std::time::Duration;

use anyhow::Result;
use rejoin_window_tests::{Patience, Peer, Person, Server, until, wanted};

const PEERS: usize = 50;
const TYPED: &str = "abcdefghij";

#[test]
fn no_keystroke_is_lost_among_fifty_peers_in_a_long_note() -> Result<()> {
    if !wanted() {
        return Ok(());
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let _inside = runtime.enter();
    let server = Server::start()?;
    let address = server.address();
    let lines: String = (0..PEERS).map(|i| format!("peer {i:02}: \n")).collect();
    let filling = "Ten words that stand between the people who type here.\n".repeat(19_100);
    let first = Peer::with_new_note(&address, &format!("# Crowd\n{lines}{filling}Ana: "))?;
    assert!(first.text()?.len() > 1_000_000);
    let note = first.note_id();
    let mut peers = vec![first];
    while peers.len() < PEERS {
        peers.push(runtime.block_on(Peer::with_note(&address, &note))?);
    }

    let ana = Person::new("ana-crowd")?;
    let app = ana.open()?;
    app.welcome("Ana", Some(&address))?;
    app.take_link(&note)?;
    app.open_note(&note)?;
    app.text_when("the note", |text| text.ends_with("Ana: "))?;
    app.set_mode("live")?;
    app.caret_to_end()?;

    let typing: Vec<_> = peers
        .into_iter()
        .enumerate()
        .map(|(i, peer)| runtime.spawn(type_all(peer, format!("peer {i:02}: "))))
        .collect();
    let words = "the quick brown fox jumps over the lazy dog";
    for word in words.split_inclusive(' ') {
        app.type_text(word)?;
    }
    app.page.picture("crowd-typing")?;
    let mut peers = Vec::new();
    for task in typing {
        peers.push(runtime.block_on(task)??);
    }

    let complete = |text: &str| {
        text.ends_with(&format!("Ana: {words}"))
            && (0..PEERS).all(|i| text.contains(&format!("peer {i:02}: {TYPED}\n")))
    };
    let shown = app.text_when("all that was typed", complete)?;
    for peer in &peers {
        until("a peer to have it all", Patience(Duration::from_secs(60)), || {
            Ok((peer.text()? == shown).then_some(()))
        })?;
    }
    app.page.picture("crowd-typed")?;
    app.close()?;
    for peer in peers {
        runtime.block_on(peer.leave());
    }
    Ok(())
}

/// Types one character after another behind what is there already, at a person's pace.
async fn type_all(peer: Peer, mut after: String) -> Result<Peer> {
    for key in TYPED.chars() {
        peer.type_after(&after, &key.to_string())?;
        after.push(key);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(peer)
}
