//! What has passed is counted as it has passed.

use std::time::Duration;

use rejoin_sync::{PublishMode, ServeOnRequest, ShareAll, Traffic, wire::WireMessage};

use crate::harness::{Net, id, options, server_options};

/// Messages and bytes of the sync messages that the network saw.
fn seen(net: &Net, from: usize, to: usize) -> (u64, u64) {
    let sync = |m: &WireMessage| matches!(m, WireMessage::Sync(_) | WireMessage::Request(_));
    let sent = net.sent.iter().filter(|(a, b, m)| (*a, *b) == (from, to) && sync(m));
    let sent = sent.map(|(.., m)| m.encode().len() as u64);
    sent.fold((0, 0), |(messages, bytes), length| (messages + 1, bytes + length))
}

fn traffic(net: &Net, machine: usize) -> Traffic {
    net.machines[machine].hub.traffic(&id(1)).unwrap()
}

#[test]
fn a_document_counts_its_sync_messages_their_bytes_and_their_changes() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let (ana, ben) = (net.add(options("ana"), ShareAll), net.add(options("ben"), ShareAll));
    net.dial(ana, server);
    net.dial(ben, server);
    net.create(ana, &id(1), "a");
    net.act(ana, |hub, now| hub.set_mode(&id(1), PublishMode::Live, now));
    net.open(ben, &id(1));
    net.advance(Duration::from_secs(5));
    for letter in ["b", "c", "d"] {
        net.type_into(ana, &id(1), letter);
        net.advance(Duration::from_secs(1));
    }
    let (at_ana, at_ben, at_server) =
        (traffic(&net, ana), traffic(&net, ben), traffic(&net, server));
    let flow = |traffic: rejoin_sync::Flow| (traffic.messages, traffic.bytes);
    assert_eq!(flow(at_ana.sent), seen(&net, ana, server));
    assert_eq!(flow(at_ana.received), seen(&net, server, ana));
    assert_eq!(flow(at_ben.received), seen(&net, server, ben));
    assert_eq!(at_server.sent.bytes, at_ana.received.bytes + at_ben.received.bytes);
    assert_eq!(at_server.received.bytes, at_ana.sent.bytes + at_ben.sent.bytes);
    assert_eq!((at_ana.sent.changes, at_ana.received.changes), (4, 0));
    assert_eq!((at_ben.sent.changes, at_ben.received.changes), (0, 4));
    assert_eq!((at_server.sent.changes, at_server.received.changes), (4, 4));
}

#[test]
fn a_connection_counts_everything_that_passes() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let ana = net.add(options("ana"), ShareAll);
    net.dial(ana, server);
    net.create(ana, &id(1), "a");
    net.create(ana, &id(2), "a");
    net.act(ana, |hub, _| hub.broadcast(&id(1), vec![0xf6]));
    net.advance(Duration::from_secs(5));
    let all = |from: usize| -> (u64, u64) {
        let sent = net.sent.iter().filter(|(machine, ..)| *machine == from);
        let lengths = sent.map(|(.., message)| message.encode().len() as u64);
        lengths.fold((0, 0), |(messages, bytes), length| (messages + 1, bytes + length))
    };
    let at_ana = net.machines[ana].hub.connections()[0].traffic;
    assert_eq!((at_ana.sent.messages, at_ana.sent.bytes), all(ana));
    assert_eq!((at_ana.received.messages, at_ana.received.bytes), all(server));
    assert_eq!((at_ana.sent.changes, at_ana.received.changes), (2, 0));
    assert_eq!(net.machines[server].hub.connections()[0].traffic.received, at_ana.sent);
}

#[test]
fn the_last_minute_of_a_watched_document_is_told_second_by_second() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let ana = net.add(options("ana"), ShareAll);
    net.dial(ana, server);
    net.create(ana, &id(1), "a");
    net.act(ana, |hub, now| hub.set_mode(&id(1), PublishMode::Live, now));
    net.advance(Duration::from_secs(120));
    let minute =
        |net: &Net, machine: usize| net.machines[machine].hub.last_minute(&id(1), net.time());
    let quiet = minute(&net, ana);
    assert_eq!(quiet.len(), 60);
    assert!(quiet.iter().all(|second| (second.sent, second.received) == (0, 0)));
    let before = traffic(&net, ana);
    net.type_into(ana, &id(1), "b");
    net.advance(Duration::from_secs(1));
    let last = *minute(&net, ana).last().unwrap();
    let after = traffic(&net, ana);
    assert_eq!(last.sent, after.sent.bytes - before.sent.bytes);
    assert_eq!(last.received, after.received.bytes - before.received.bytes);
    assert!(last.sent > 0 && last.received > 0);
    net.advance(Duration::from_secs(59));
    assert_eq!(minute(&net, ana)[0].sent, last.sent);
    net.advance(Duration::from_secs(1));
    assert!(minute(&net, ana).iter().all(|second| second.sent == 0));
    // Nobody looks at it there.
    assert!(minute(&net, server).iter().all(|second| second.sent == 0));
}
