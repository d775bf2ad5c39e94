//! How connections come, go and misbehave.

use std::time::Duration;

use rejoin_sync::{
    Admitted, CloseCause, ConnectionError, ConnectionPhase, DocumentEvent, Event, PeerId,
    PresenceEvent, PublishMode, ServeOnRequest, ShareAll,
    presence::PresenceMessage,
    wire::{DocumentMessage, EphemeralMessage, PeerMetadata, WireMessage},
};

use crate::harness::{Net, id, options, server_options};

fn pair() -> (Net, usize, usize) {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let client = net.add(options("client"), ShareAll);
    net.dial(client, server);
    net.create(client, &id(1), "text");
    net.act(client, |hub, now| hub.set_mode(&id(1), PublishMode::Live, now));
    net.advance(Duration::from_secs(1));
    (net, server, client)
}

#[test]
fn what_was_written_offline_is_sent_on_return() {
    let (mut net, server, client) = pair();
    net.act(client, |hub, now| hub.set_offline(true, now));
    let phases = |net: &Net| net.machines[client].hub.connections()[0].phase;
    assert_eq!(phases(&net), ConnectionPhase::Offline);
    net.type_into(client, &id(1), " and more");
    net.advance(Duration::from_secs(60));
    assert_eq!(net.text(server, &id(1)).as_deref(), Some("text"));
    net.act(client, |hub, now| hub.set_offline(false, now));
    net.advance(Duration::from_secs(1));
    assert_eq!(net.text(server, &id(1)).as_deref(), Some("text and more"));
    assert_eq!(phases(&net), ConnectionPhase::Connected);
}

#[test]
fn a_lost_connection_is_dialed_again_and_says_why_it_was_lost() {
    let (mut net, server, client) = pair();
    net.cut();
    let status = net.machines[client].hub.connections().remove(0);
    assert!(matches!(status.phase, ConnectionPhase::Waiting(_)));
    let gone = ConnectionError::Lost("the network is gone".into());
    assert_eq!(status.last_error, Some(gone));
    net.advance(Duration::from_secs(120));
    net.type_into(client, &id(1), "!");
    net.is_cut = false;
    net.act(client, |hub, now| hub.handle(Event::NetworkReturned, now));
    assert_eq!(net.text(server, &id(1)).as_deref(), Some("text!"), "at once");
    let status = net.machines[client].hub.connections().remove(0);
    assert_eq!((status.phase, status.last_error), (ConnectionPhase::Connected, None));
}

#[test]
fn reconnecting_with_nothing_new_costs_one_small_message_each_way() {
    let (mut net, server, client) = pair();
    (0..200).for_each(|_| net.type_into(client, &id(1), "x"));
    net.advance(Duration::from_secs(30));
    net.cut();
    net.is_cut = false;
    net.sent.clear();
    net.advance(Duration::from_secs(5));
    assert_eq!((net.syncs(client, server), net.syncs(server, client)), (1, 1));
    let bytes = net.sent.iter().filter_map(|(.., message)| match message {
        WireMessage::Sync(message) => Some(message.data.len()),
        _ => None,
    });
    assert!(bytes.sum::<usize>() <= 150);
}

#[test]
fn many_changes_become_few_messages_while_the_socket_is_busy() {
    let (mut net, server, client) = pair();
    net.machines[client].is_socket_busy = true;
    net.sent.clear();
    for _ in 0..500 {
        net.type_into(client, &id(1), "y");
    }
    assert!(net.syncs(client, server) <= 16, "{} messages", net.syncs(client, server));
    net.free_socket(client);
    assert!(net.syncs(client, server) <= 18, "{} messages", net.syncs(client, server));
    assert_eq!(net.text(server, &id(1)), net.text(client, &id(1)));
}

#[test]
fn a_peer_that_does_not_answer_hears_of_many_changes_in_few_messages() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let client = net.add(options("client"), ShareAll);
    net.dial(client, server);
    net.machines[server].is_disk_slow = true;
    net.create(client, &id(1), "text");
    net.act(client, |hub, now| hub.set_mode(&id(1), PublishMode::Live, now));
    for _ in 0..300 {
        net.type_into(client, &id(1), "z");
        net.advance(Duration::from_millis(1));
    }
    assert!(net.syncs(client, server) <= 20, "{} messages", net.syncs(client, server));
    net.let_disk_answer(server);
    net.advance(Duration::from_secs(1));
    assert_eq!(net.text(server, &id(1)), net.text(client, &id(1)));
}

#[test]
fn garbage_ends_its_connection_and_no_other() {
    let (mut net, server, client) = pair();
    net.inject(server, b"\xff garbage".to_vec());
    assert!(
        matches!(net.closed.as_slice(), [(closer, CloseCause::Violation, _)] if *closer == server)
    );
    net.advance(Duration::from_secs(5));
    net.type_into(client, &id(1), "...");
    assert_eq!(net.text(server, &id(1)).as_deref(), Some("text..."));
}

#[test]
fn a_sync_message_that_makes_no_sense_costs_its_document_only() {
    let (mut net, server, client) = pair();
    net.create(client, &id(2), "fine");
    let message = DocumentMessage {
        sender: PeerId::new("client").unwrap(),
        target: PeerId::new("server").unwrap(),
        document: id(1),
        data: b"nonsense".to_vec(),
    };
    net.inject(server, WireMessage::Sync(message).encode());
    assert!(net.closed.is_empty());
    let problem = net.status(server, &id(1)).peers[0].problem.clone();
    assert_eq!(net.machines[server].warnings, problem.into_iter().collect::<Vec<_>>());
    assert_eq!(net.machines[server].warnings.len(), 1);
    net.advance(Duration::from_secs(2));
    assert_eq!(net.text(server, &id(2)).as_deref(), Some("fine"));
}

#[test]
fn messages_in_the_name_of_another_peer_mean_nothing() {
    let (mut net, server, _) = pair();
    let message = DocumentMessage {
        sender: PeerId::new("somebody else").unwrap(),
        target: PeerId::new("server").unwrap(),
        document: id(7),
        data: b"nonsense".to_vec(),
    };
    net.inject(server, WireMessage::Request(message).encode());
    assert!(net.machines[server].hub.status(&id(7)).is_none());
}

#[test]
fn a_peer_that_joins_again_replaces_its_older_connection() {
    let (mut net, server, client) = pair();
    let again = net.add(options("client"), ShareAll);
    net.dial(again, server);
    assert_eq!(net.machines[server].hub.connections().len(), 1);
    assert!(net.closed.iter().any(|(closer, ..)| *closer == server));
    let _ = client;
}

#[test]
fn other_versions_are_refused_in_words() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let now = net.time();
    let connection = net.machines[server].hub.accept("here", Admitted::Writer, now).unwrap();
    let join = WireMessage::Join {
        sender: PeerId::new("old").unwrap(),
        metadata: PeerMetadata::default(),
        versions: vec!["0".into()],
    };
    let frame = join.encode();
    net.machines[server].hub.handle(Event::Received { connection, frame }, now);
    let effects = net.machines[server].hub.take_effects(now);
    let said = effects.iter().find_map(|effect| match effect {
        rejoin_sync::Effect::Send { frame, .. } => WireMessage::decode(frame).ok(),
        _ => None,
    });
    assert!(matches!(said, Some(WireMessage::Error { .. })));
    assert!(effects.iter().any(|effect| matches!(effect, rejoin_sync::Effect::Close { .. })));
}

#[test]
fn a_silent_newcomer_is_shown_the_door() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    net.act(server, |hub, now| hub.accept("here", Admitted::Writer, now));
    net.advance(Duration::from_secs(11));
    assert_eq!(net.closed.len(), 1);
}

#[test]
fn ephemeral_messages_reach_everybody_once_even_round_a_ring() {
    let mut net = Net::new();
    let machines: Vec<_> = (0..3).map(|n| net.add(options(&format!("m{n}")), ShareAll)).collect();
    for machine in &machines {
        net.dial(*machine, (machine + 1) % 3);
    }
    net.create(0, &id(1), "ring");
    machines[1..].iter().for_each(|machine| net.open(*machine, &id(1)));
    net.act(0, |hub, _| hub.broadcast(&id(1), vec![0xf6]));
    for machine in &net.machines[1..] {
        let heard =
            machine.told.iter().filter(|event| matches!(event, DocumentEvent::Ephemeral { .. }));
        assert_eq!(heard.count(), 1);
    }
}

#[test]
fn presence_is_seen_kept_alive_and_forgotten() {
    let (mut net, server, first) = pair();
    let second = net.add(options("second"), ShareAll);
    net.dial(second, server);
    net.open(second, &id(1));
    net.act(first, |hub, now| hub.set_presence(&id(1), "cursor", 3.into(), now));
    net.act(second, |hub, now| hub.set_presence(&id(1), "cursor", 9.into(), now));
    let peer = |name| PeerId::new(name).unwrap();
    let seen = |net: &Net, at: usize| net.machines[at].hub.presence(&id(1));
    assert_eq!(seen(&net, second)[&peer("client")]["cursor"], 3.into());
    assert_eq!(seen(&net, first)[&peer("second")]["cursor"], 9.into());
    net.advance(Duration::from_secs(300));
    assert_eq!(seen(&net, first).len(), 1, "heartbeats keep it alive");
    net.act(second, |hub, now| hub.close_document(&id(1), now));
    assert!(seen(&net, first).is_empty(), "a goodbye");
    net.act(second, |hub, now| hub.open(&id(1), now));
    net.act(second, |hub, now| hub.set_presence(&id(1), "cursor", 1.into(), now));
    net.cut();
    net.advance(Duration::from_secs(50));
    assert!(seen(&net, first).is_empty(), "silence");
    let left = PresenceEvent::Left(peer("second"));
    let told = net.machines[first].told.iter();
    assert_eq!(
        told.filter(|event| matches!(event, DocumentEvent::Presence(e) if *e == left)).count(),
        2
    );
}

#[test]
fn oversized_and_repeated_ephemeral_messages_are_not_passed_on() {
    let (mut net, server, _) = pair();
    let listener = net.add(options("listener"), ShareAll);
    net.dial(listener, server);
    net.open(listener, &id(1));
    let message = |count, data| {
        WireMessage::Ephemeral(EphemeralMessage {
            sender: PeerId::new("client").unwrap(),
            target: PeerId::new("server").unwrap(),
            document: id(1),
            session: "run".into(),
            count,
            data,
        })
        .encode()
    };
    let hello = PresenceMessage::Heartbeat.encode();
    net.sent.clear();
    net.inject(server, message(5, hello.clone()));
    net.inject(server, message(5, hello.clone()));
    net.inject(server, message(4, hello));
    net.inject(server, message(6, vec![0; 2 << 20]));
    let passed = net.sent.iter().filter(|(from, to, _)| (*from, *to) == (server, listener));
    assert_eq!(passed.count(), 1);
}
