//! When edits go out.

use std::time::Duration;

use rejoin_document::{ActorId, CommitOptions, ObjId, TextUnit, Value};
use rejoin_sync::{PublishMode, ServeOnRequest, ShareAll};

use crate::harness::{Net, id, options, read, server_options, text_of};

fn with_mode(mode: PublishMode) -> (Net, usize, usize) {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let client = net.add(options("client"), ShareAll);
    net.dial(client, server);
    net.create(client, &id(1), "a");
    net.act(client, |hub, now| hub.set_mode(&id(1), mode, now));
    net.advance(Duration::from_secs(10));
    (net, server, client)
}

#[test]
fn live_edits_go_out_at_once() {
    let (mut net, server, client) = with_mode(PublishMode::Live);
    net.type_into(client, &id(1), "b");
    assert_eq!(net.text(server, &id(1)).as_deref(), Some("ab"));
}

#[test]
fn hybrid_edits_wait_for_a_pause_but_not_for_long() {
    let (mut net, server, client) = with_mode(PublishMode::Hybrid);
    net.type_into(client, &id(1), "b");
    assert!(net.status(client, &id(1)).is_held_back);
    assert_eq!(net.text(server, &id(1)).as_deref(), Some("a"));
    net.advance(Duration::from_millis(1100));
    assert_eq!(net.text(server, &id(1)).as_deref(), Some("ab"));
    net.sent.clear();
    for _ in 0..80 {
        net.type_into(client, &id(1), "c");
        net.advance(Duration::from_millis(100));
    }
    let length = net.text(server, &id(1)).unwrap().len();
    assert!(length > 40, "somebody who types on is seen every few seconds: {length}");
    assert!(net.syncs(client, server) <= 4);
}

#[test]
fn hybrid_is_live_while_somebody_else_is_present() {
    let (mut net, server, client) = with_mode(PublishMode::Hybrid);
    let friend = net.add(options("friend"), ShareAll);
    net.dial(friend, server);
    net.open(friend, &id(1));
    net.type_into(client, &id(1), "b");
    assert_eq!(net.text(friend, &id(1)).as_deref(), Some("a"));
    net.act(friend, |hub, now| hub.set_presence(&id(1), "cursor", 0.into(), now));
    assert_eq!(net.text(friend, &id(1)).as_deref(), Some("ab"), "company publishes");
    net.type_into(client, &id(1), "c");
    assert_eq!(net.text(friend, &id(1)).as_deref(), Some("abc"));
}

#[test]
fn batched_edits_wait_for_a_word() {
    let (mut net, server, client) = with_mode(PublishMode::Batched);
    net.type_into(client, &id(1), "b");
    net.type_into(client, &id(1), "c");
    net.advance(Duration::from_secs(600));
    assert_eq!(net.text(server, &id(1)).as_deref(), Some("a"));
    assert!(net.status(client, &id(1)).disk.is_all, "it is on this disk all the same");
    net.act(client, |hub, _| hub.publish(&id(1)));
    assert_eq!(net.text(server, &id(1)).as_deref(), Some("abc"));
}

#[test]
fn a_draft_survives_a_crash_and_its_journal_goes_with_its_commit() {
    let (mut net, server, client) = with_mode(PublishMode::Batched);
    let write_draft = |doc: &mut rejoin_document::Document| {
        let Ok(Some(Value::Object(_, text))) = doc.view().get(ObjId::ROOT, "content") else {
            panic!("no text");
        };
        let mut draft = doc.draft_transaction();
        draft.splice_text(text, 1, 0, " draft", TextUnit::Utf16).unwrap();
        draft.keep();
    };
    net.act(client, |hub, now| hub.edit(&id(1), now, |doc, _| write_draft(doc))).unwrap();
    net.advance(Duration::from_secs(1));
    assert_eq!(net.text(client, &id(1)).as_deref(), Some("a draft"));
    assert_eq!(net.text(server, &id(1)).as_deref(), Some("a"));
    let store = net.machines[client].store.clone();
    assert!(store.keys().any(|key| key[1] == "draft"));

    // The program starts again with what was on its disk.
    let client = net.add_with_store(options("client again"), ShareAll, store);
    net.open(client, &id(1));
    assert_eq!(net.text(client, &id(1)).as_deref(), Some("a draft"));
    net.dial(client, server);
    let actor = ActorId::new(&[77; 4]);
    let commit =
        |doc: &mut rejoin_document::Document| doc.commit_draft(&actor, CommitOptions::default());
    net.act(client, |hub, now| hub.edit(&id(1), now, |doc, _| commit(doc))).unwrap();
    net.act(client, |hub, _| hub.publish(&id(1)));
    net.advance(Duration::from_secs(5));
    assert_eq!(net.text(server, &id(1)).as_deref(), Some("a draft"));
    let store = &net.machines[client].store;
    assert!(!store.keys().any(|key| key[1] == "draft"));
    assert_eq!(text_of(read(store, &id(1)).document()).as_deref(), Some("a draft"));
}
