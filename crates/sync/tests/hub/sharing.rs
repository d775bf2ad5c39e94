//! Who gets what.

use std::time::Duration;

use rejoin_document::Document;
use rejoin_sync::{
    Access, Admitted, Availability, ChosenDestinations, Destination, DocumentId, HubOptions,
    Offers, PeerContext, PublishMode, ServeOnRequest, ShareAll, SharePolicy, wire::WireMessage,
};

use crate::harness::{Net, id, options, read, server_options, text_of, write};

/// Everybody may have this much.
struct Allow(Access);

impl SharePolicy for Allow {
    fn offers(&self, _: &PeerContext) -> Offers {
        Offers { announces: self.0 != Access::Deny, requests: true }
    }

    fn announce(&self, _: &PeerContext, _: &DocumentId) -> bool {
        true
    }

    fn access(&self, _: &PeerContext, _: &DocumentId) -> Access {
        self.0
    }
}

#[test]
fn a_change_goes_to_every_other_peer_at_once_and_once() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let clients: Vec<_> = (0..4)
        .map(|number| {
            let client = net.add(options(&format!("client {number}")), ShareAll);
            net.dial(client, server);
            client
        })
        .collect();
    net.create(clients[0], &id(1), "note");
    for client in &clients[1..] {
        net.open(*client, &id(1));
        assert_eq!(net.text(*client, &id(1)).as_deref(), Some("note"));
        net.act(*client, |hub, now| hub.set_mode(&id(1), Default::default(), now));
    }
    net.act(clients[0], |hub, now| hub.set_mode(&id(1), rejoin_sync::PublishMode::Live, now));
    net.sent.clear();
    net.type_into(clients[0], &id(1), "s");
    for client in &clients {
        assert_eq!(net.text(*client, &id(1)).as_deref(), Some("notes"));
        assert_eq!(net.syncs(server, *client), 1, "one message to each");
        assert_eq!(net.syncs(*client, server), 1, "a change or its acknowledgement");
    }
}

#[test]
fn a_read_only_peer_receives_and_is_not_listened_to() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), Allow(Access::ReadOnly));
    let reader = net.add(options("reader"), ShareAll);
    net.create(server, &id(1), "as printed");
    net.dial(reader, server);
    net.open(reader, &id(1));
    net.type_into(reader, &id(1), ", or not");
    net.advance(Duration::from_secs(5));
    assert_eq!(net.text(server, &id(1)).as_deref(), Some("as printed"));
    net.type_into(server, &id(1), ".");
    net.advance(Duration::from_secs(5));
    assert!(net.text(reader, &id(1)).unwrap().contains('.'));
    let peers = net.status(reader, &id(1)).peers;
    assert!(peers.iter().all(|peer| !peer.has_all), "what is not taken was not received");
}

#[test]
fn a_denied_peer_hears_that_the_document_is_unavailable() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), Allow(Access::Deny));
    let stranger = net.add(options("stranger"), ShareAll);
    net.create(server, &id(1), "secret");
    net.dial(stranger, server);
    net.open(stranger, &id(1));
    assert_eq!(net.machines[stranger].hub.availability(&id(1)), Availability::Unavailable);
    net.create(stranger, &id(2), "unwanted");
    assert_eq!(net.text(server, &id(2)), None);
}

#[test]
fn a_document_goes_where_it_was_sent_and_nowhere_else() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let other = net.add(server_options("other"), ServeOnRequest);
    let chosen = ChosenDestinations::default();
    let client = net.add(options("client"), chosen.clone());
    net.dial(client, server);
    net.dial(client, other);
    net.create(client, &id(1), "private");
    assert!(net.sent.iter().all(|(.., message)| !matches!(message, WireMessage::Sync(_))));
    chosen.set(id(1), [Destination::Server(server.to_string())].into());
    net.act(client, |hub, now| hub.sharing_changed(&id(1), now));
    net.advance(Duration::from_secs(5));
    assert_eq!(net.text(server, &id(1)).as_deref(), Some("private"));
    assert_eq!(net.text(other, &id(1)), None);
}

#[test]
fn a_document_that_lies_on_the_disk_goes_where_it_is_sent_at_once() {
    let mut net = Net::new();
    let client = net.add(options("client"), ShareAll);
    net.create(client, &id(1), "from before");
    net.advance(Duration::from_secs(1));
    let store = net.machines[client].store.clone();
    let server = net.add(server_options("server"), ServeOnRequest);
    let chosen = ChosenDestinations::default();
    let client = net.add_with_store(options("client again"), chosen.clone(), store);
    net.act(client, |hub, now| hub.know(&id(1), now));
    net.dial(client, server);
    net.advance(Duration::from_secs(5));
    assert_eq!(net.text(server, &id(1)), None);
    chosen.set(id(1), [Destination::Server(server.to_string())].into());
    net.act(client, |hub, now| hub.sharing_changed(&id(1), now));
    net.advance(Duration::from_secs(5));
    assert_eq!(net.text(server, &id(1)).as_deref(), Some("from before"));
}

#[test]
fn a_document_that_was_asked_for_does_not_go_to_those_who_were_asked_in_vain() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let other = net.add(server_options("other"), ServeOnRequest);
    let chosen = ChosenDestinations::default();
    let client = net.add(options("client"), chosen.clone());
    net.create(server, &id(1), "private");
    net.dial(client, other);
    net.dial(client, server);
    net.open(client, &id(1));
    net.advance(Duration::from_secs(5));
    net.type_into(client, &id(1), " words");
    net.advance(Duration::from_secs(5));
    assert_eq!(net.text(server, &id(1)), net.text(client, &id(1)), "who has it gets the edits");
    assert_eq!(net.text(other, &id(1)), None);
    chosen.set(id(1), [Destination::Server(other.to_string())].into());
    net.act(client, |hub, now| hub.sharing_changed(&id(1), now));
    net.advance(Duration::from_secs(5));
    assert_eq!(net.text(other, &id(1)), net.text(client, &id(1)));
}

#[test]
fn a_ring_of_servers_that_all_lack_a_document_says_so_in_time() {
    let mut net = Net::new();
    let servers: Vec<_> =
        (0..3).map(|n| net.add(server_options(&format!("server {n}")), ServeOnRequest)).collect();
    for server in &servers {
        net.dial(*server, (server + 1) % 3);
    }
    let client = net.add(options("client"), ShareAll);
    net.dial(client, servers[0]);
    net.open(client, &id(1));
    net.advance(Duration::from_secs(25));
    assert_eq!(net.machines[client].hub.availability(&id(1)), Availability::Unavailable);
    net.create(client, &id(2), "but this one goes round");
    let last = net.add(options("last"), ShareAll);
    net.dial(last, servers[2]);
    net.open(last, &id(2));
    net.advance(Duration::from_secs(5));
    assert_eq!(net.text(last, &id(2)).as_deref(), Some("but this one goes round"));
}

#[test]
fn news_of_another_server_reach_who_is_connected_here_after_the_link_was_cut() {
    let mut net = Net::new();
    let idle_after = Some(Duration::from_secs(60));
    let far = net.add(server_options("far"), ServeOnRequest);
    let near = net.add(HubOptions { idle_after, ..server_options("near") }, ServeOnRequest);
    let (reader, writer) =
        (net.add(options("reader"), ShareAll), net.add(options("writer"), ShareAll));
    net.dial(near, far);
    net.dial(reader, near);
    net.dial(writer, far);
    net.create(writer, &id(1), "a");
    net.act(writer, |hub, now| hub.set_mode(&id(1), PublishMode::Live, now));
    net.open(reader, &id(1));
    net.advance(Duration::from_secs(5));
    assert_eq!(net.text(reader, &id(1)).as_deref(), Some("a"));
    net.cut_between(near, far);
    net.advance(Duration::from_secs(200));
    assert!(net.machines[near].hub.document(&id(1)).is_none(), "it has left memory");
    net.is_cut = false;
    net.advance(Duration::from_secs(60));
    net.type_into(writer, &id(1), "b");
    net.advance(Duration::from_secs(5));
    assert_eq!(net.text(reader, &id(1)).as_deref(), Some("ab"));
}

#[test]
fn a_reader_with_an_old_copy_hears_through_a_server_that_has_none() {
    let mut net = Net::new();
    let far = net.add(server_options("far"), ServeOnRequest);
    let writer = net.add(options("writer"), ShareAll);
    net.dial(writer, far);
    net.create(writer, &id(1), "a");
    net.act(writer, |hub, now| hub.set_mode(&id(1), PublishMode::Live, now));
    net.advance(Duration::from_secs(1));
    let store = net.machines[writer].store.clone();
    net.type_into(writer, &id(1), "b");
    let near = net.add(server_options("near"), ServeOnRequest);
    net.machines[near].admits = Admitted::Reader;
    let reader = net.add_with_store(options("reader"), ShareAll, store);
    net.open(reader, &id(1));
    net.dial(near, far);
    net.dial(reader, near);
    net.advance(Duration::from_secs(5));
    assert_eq!(net.text(reader, &id(1)).as_deref(), Some("ab"));
    // What nobody but the reader has stays with the reader.
    net.create(reader, &id(2), "mine");
    net.advance(Duration::from_secs(30));
    assert_eq!(net.text(near, &id(2)), None);
    assert_eq!(net.text(reader, &id(2)).as_deref(), Some("mine"));
}

#[test]
fn a_document_that_comes_later_is_heard_of() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let (first, second) =
        (net.add(options("first"), ShareAll), net.add(options("second"), ShareAll));
    net.dial(first, server);
    net.open(first, &id(1));
    net.advance(Duration::from_secs(1));
    assert_eq!(net.machines[first].hub.availability(&id(1)), Availability::Unavailable);
    net.create(second, &id(1), "late");
    net.dial(second, server);
    net.advance(Duration::from_secs(5));
    assert_eq!(net.text(first, &id(1)).as_deref(), Some("late"));
}

#[test]
fn a_document_that_is_on_its_way_is_not_called_unavailable() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let (first, second) =
        (net.add(options("first"), ShareAll), net.add(options("second"), ShareAll));
    net.dial(first, server);
    net.open(first, &id(1));
    net.advance(Duration::from_millis(200));
    net.create(second, &id(1), "on its way");
    net.dial(second, server);
    assert_eq!(net.text(first, &id(1)).as_deref(), Some("on its way"));
    let refusals = net.sent.iter();
    let refusals = refusals.filter(|(.., m)| matches!(m, WireMessage::DocUnavailable(_)));
    assert_eq!(refusals.count(), 0);
}

#[test]
fn a_peer_has_only_so_many_documents_at_once() {
    let mut net = Net::new();
    let few = HubOptions { documents_per_connection: 2, ..server_options("server") };
    let server = net.add(few, ServeOnRequest);
    let client = net.add(options("client"), ShareAll);
    net.dial(client, server);
    for number in 1..=3 {
        net.create(client, &id(number), "x");
    }
    net.advance(Duration::from_secs(5));
    let kept = (1..=3).filter(|number| net.text(server, &id(*number)).is_some()).count();
    assert_eq!(kept, 2);
    assert_eq!(net.machines[server].warnings, ["more than 2 documents on one connection"]);
}

#[test]
fn a_deleted_document_is_not_taken_back() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let client = net.add(options("client"), ShareAll);
    net.dial(client, server);
    net.create(client, &id(1), "gone");
    net.advance(Duration::from_secs(1));
    net.act(server, |hub, now| hub.delete(&id(1), now));
    net.advance(Duration::from_secs(1));
    net.type_into(client, &id(1), " and gone again");
    net.advance(Duration::from_secs(5));
    assert_eq!(net.text(server, &id(1)), None);
    let store = net.machines[server].store.clone();
    assert_eq!(store.len(), 1, "nothing but the note that it was deleted: {:?}", store.keys());
    let restarted = net.add_with_store(server_options("server again"), ServeOnRequest, store);
    net.dial(client, restarted);
    net.advance(Duration::from_secs(5));
    assert_eq!(net.text(restarted, &id(1)), None);
    assert_eq!(net.machines[restarted].hub.availability(&id(1)), Availability::Deleted);
    net.act(restarted, |hub, now| hub.undelete(&id(1), now));
    net.type_into(client, &id(1), ", but not for ever");
    net.advance(Duration::from_secs(5));
    net.cut();
    net.is_cut = false;
    net.advance(Duration::from_secs(5));
    assert_eq!(net.text(restarted, &id(1)), net.text(client, &id(1)));
    assert!(!net.machines[restarted].store.keys().any(|key| key[1] == "deleted"));
}

#[test]
fn a_document_that_is_made_under_a_name_that_was_deleted_before_the_restart_stays() {
    let mut net = Net::new();
    let machine = net.add(options("machine"), ShareAll);
    net.create(machine, &id(1), "gone");
    net.advance(Duration::from_secs(1));
    net.act(machine, |hub, now| hub.delete(&id(1), now));
    net.advance(Duration::from_secs(1));
    let store = net.machines[machine].store.clone();
    assert!(store.keys().all(|key| key[1] == "deleted"), "{:?}", store.keys());

    // Whoever makes it again does not ask the disk, as an import of many documents does not.
    let again = net.add_with_store(options("again"), ShareAll, store);
    let mut content = Document::new();
    write(&mut content, again, "back");
    net.act(again, |hub, now| hub.create(&id(1), content, now));
    net.advance(Duration::from_secs(1));
    assert!(net.status(again, &id(1)).disk.is_all);
    let store = net.machines[again].store.clone();
    let restarted = net.add_with_store(options("restarted"), ShareAll, store);
    net.open(restarted, &id(1));
    assert_eq!(net.text(restarted, &id(1)).as_deref(), Some("back"));
}

/// A server with a copy of a document, and one that it dials where somebody writes to it.
fn linked_servers(net: &mut Net) -> (usize, usize, usize) {
    let far = net.add(server_options("far"), ServeOnRequest);
    let writer = net.add(options("writer"), ShareAll);
    net.dial(writer, far);
    net.create(writer, &id(1), "a");
    net.act(writer, |hub, now| hub.set_mode(&id(1), PublishMode::Live, now));
    net.advance(Duration::from_secs(1));
    let store = net.machines[writer].store.clone();
    let near = HubOptions { idle_after: Some(Duration::from_secs(60)), ..server_options("near") };
    let near = net.add_with_store(near, ServeOnRequest, store);
    net.act(near, |hub, now| hub.know(&id(1), now));
    net.dial(near, far);
    net.advance(Duration::from_secs(200));
    assert!(net.machines[near].hub.document(&id(1)).is_none(), "it has left memory");
    (near, far, writer)
}

#[test]
fn a_server_hears_news_of_a_document_that_lies_on_its_disk_only_after_the_link_was_cut() {
    let mut net = Net::new();
    let (near, far, writer) = linked_servers(&mut net);
    for words in ["b", "c"] {
        net.cut_between(near, far);
        net.is_cut = false;
        net.sent.clear();
        net.advance(Duration::from_secs(60));
        assert!(net.machines[near].hub.document(&id(1)).is_none(), "it was not read for that");
        let syncs = (net.syncs(near, far), net.syncs(far, near));
        assert_eq!(syncs, (1, 1), "each has told its heads");
        assert!(net.status(near, &id(1)).peers.iter().all(|peer| peer.has_all));
        net.type_into(writer, &id(1), words);
        net.advance(Duration::from_secs(5));
        assert_eq!(net.text(near, &id(1)), net.text(writer, &id(1)));
        net.advance(Duration::from_secs(200));
        assert!(net.machines[near].hub.document(&id(1)).is_none(), "it has left memory");
    }
    let stored = read(&net.machines[near].store, &id(1));
    assert_eq!(text_of(stored.document()).as_deref(), Some("abc"));
    // What is new when they meet again comes at once.
    net.cut_between(near, far);
    net.type_into(writer, &id(1), "d");
    net.is_cut = false;
    net.advance(Duration::from_secs(60));
    assert_eq!(net.text(near, &id(1)).as_deref(), Some("abcd"));
}

#[test]
fn two_servers_that_have_the_same_of_a_document_do_not_read_it_to_find_out() {
    let mut net = Net::new();
    let idle_after = Some(Duration::from_secs(60));
    let far = HubOptions { idle_after, ..server_options("far") };
    let far = net.add(far, ServeOnRequest);
    let near = HubOptions { idle_after, ..server_options("near") };
    let near = net.add(near, ServeOnRequest);
    net.dial(near, far);
    let mut content = Document::new();
    write(&mut content, near, "quiet");
    net.act(near, |hub, now| hub.create(&id(1), content, now));
    net.advance(Duration::from_secs(200));
    let in_memory =
        |net: &Net| [near, far].map(|server| net.machines[server].hub.documents_in_memory());
    assert_eq!(in_memory(&net), [0, 0]);
    net.cut_between(near, far);
    net.is_cut = false;
    let writes = [near, far].map(|server| net.machines[server].writes);
    net.advance(Duration::from_secs(50));
    assert_eq!(in_memory(&net), [0, 0]);
    assert_eq!([near, far].map(|server| net.machines[server].writes), writes);
    assert!(net.status(near, &id(1)).peers.iter().all(|peer| peer.has_all));
}

#[test]
fn a_server_that_shows_its_token_may_have_any_number_of_documents() {
    let mut net = Net::new();
    let few = HubOptions { documents_per_connection: 2, ..server_options("server") };
    let server = net.add(few, ServeOnRequest);
    net.machines[server].admits = Admitted::Server;
    let other = net.add(server_options("other"), ServeOnRequest);
    net.dial(other, server);
    for number in 1..=5 {
        net.create(other, &id(number), "x");
    }
    net.advance(Duration::from_secs(5));
    assert!((1..=5).all(|number| net.text(server, &id(number)).is_some()));
}
