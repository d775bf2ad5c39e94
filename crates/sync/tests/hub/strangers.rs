//! What strangers, and those who say more of themselves than is true, cannot do.

use std::time::Duration;

use rejoin_document::{ActorId, ChangeHash, CommitOptions, Document, ObjId};
use rejoin_sync::{
    Admitted, Availability, ChosenDestinations, Destination, DocumentEvent, HubOptions, Message,
    MessageVersion, PeerId, PublishMode, ServeOnRequest, ShareAll,
    wire::{DocumentMessage, EphemeralMessage, RemoteHeads, WireMessage},
};

use crate::harness::{Net, id, options, server_options};

fn ephemeral(sender: &str, session: &str, count: u64) -> Vec<u8> {
    WireMessage::Ephemeral(EphemeralMessage {
        sender: PeerId::new(sender).unwrap(),
        target: PeerId::new("whoever").unwrap(),
        document: id(1),
        session: session.into(),
        count,
        data: vec![0xf6],
    })
    .encode()
}

fn ephemeral_sent(net: &Net) -> usize {
    net.sent.iter().filter(|(.., message)| matches!(message, WireMessage::Ephemeral(_))).count()
}

#[test]
fn many_senders_at_once_do_not_make_messages_go_round_for_ever() {
    let mut net = Net::new();
    let machines: Vec<_> = (0..3).map(|n| net.add(options(&format!("m{n}")), ShareAll)).collect();
    for machine in &machines {
        net.dial(*machine, (machine + 1) % 3);
    }
    net.create(0, &id(1), "ring");
    machines[1..].iter().for_each(|machine| net.open(*machine, &id(1)));
    net.sent.clear();
    let frames = (0..3_000).map(|number| ephemeral(&format!("sender {number}"), "run", 1));
    net.inject_all(0, frames.collect());
    assert!((3_000..=4 * 3_000).contains(&ephemeral_sent(&net)), "{}", ephemeral_sent(&net));
}

#[test]
fn senders_are_forgotten_when_their_messages_cannot_be_under_way_any_more() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let (talker, listener) =
        (net.add(options("talker"), ShareAll), net.add(options("listener"), ShareAll));
    net.dial(talker, server);
    net.create(talker, &id(1), "talk");
    net.dial(listener, server);
    net.open(listener, &id(1));
    let heard = |net: &Net| {
        let told = net.machines[listener].told.iter();
        told.filter(|event| matches!(event, DocumentEvent::Ephemeral { .. })).count()
    };
    let mut expected = 0;
    for round in 0..4 {
        let frames = (0..10_000).map(|number| ephemeral(&format!("{round} {number}"), "run", 1));
        // A socket takes so many before some of them must have left.
        for frame in frames {
            net.inject(server, frame);
        }
        expected += 10_000;
        assert_eq!(heard(&net), expected, "round {round}");
        net.advance(Duration::from_secs(61));
    }
}

#[test]
fn a_run_with_an_endless_name_is_not_listened_to() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let (first, second) =
        (net.add(options("first"), ShareAll), net.add(options("second"), ShareAll));
    net.dial(first, server);
    net.create(first, &id(1), "talk");
    net.dial(second, server);
    net.open(second, &id(1));
    net.sent.clear();
    net.inject(server, ephemeral("first", &"x".repeat(1_000_000), 1));
    assert_eq!(ephemeral_sent(&net), 0);
    net.inject(server, ephemeral("first", "run", 1));
    assert_eq!(ephemeral_sent(&net), 1);
}

#[test]
fn whoever_was_asked_in_vain_does_not_hear_who_is_there() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let other = net.add(server_options("other"), ServeOnRequest);
    let client = net.add(options("client"), ChosenDestinations::default());
    net.create(server, &id(1), "private");
    net.dial(client, other);
    net.dial(client, server);
    net.open(client, &id(1));
    net.advance(Duration::from_secs(5));
    net.sent.clear();
    net.act(client, |hub, now| hub.set_presence(&id(1), "cursor", 3.into(), now));
    let to = |net: &Net, whom| {
        let all = net.sent.iter().filter(|(_, to, _)| *to == whom);
        all.filter(|(.., message)| matches!(message, WireMessage::Ephemeral(_))).count()
    };
    assert_eq!((to(&net, server), to(&net, other)), (1, 0));
}

#[test]
fn asking_for_what_is_not_there_leaves_nothing_on_the_disk() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let client = net.add(options("client"), ShareAll);
    net.dial(client, server);
    for number in 1..20 {
        net.open(client, &id(number));
    }
    net.advance(Duration::from_secs(30));
    net.cut();
    net.advance(Duration::from_secs(30));
    assert_eq!(net.machines[server].store.keys().collect::<Vec<_>>(), Vec::<&Vec<String>>::new());
    assert_eq!(net.machines[server].hub.documents().count(), 0);
}

#[test]
fn two_programs_with_one_name_do_not_push_each_other_out_all_the_time() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    for _ in 0..2 {
        let twin = net.add(options("twin"), ShareAll);
        net.dial(twin, server);
    }
    net.sent.clear();
    net.advance(Duration::from_secs(300));
    let joins = net.sent.iter().filter(|(.., m)| matches!(m, WireMessage::Join { .. })).count();
    assert!((2..60).contains(&joins), "{joins} connections in five minutes");
}

#[test]
fn a_connection_that_lasted_is_dialed_again_soon() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let client = net.add(options("client"), ShareAll);
    net.dial(client, server);
    for _ in 0..20 {
        net.advance(Duration::from_secs(60));
        net.cut();
        net.is_cut = false;
        net.advance(Duration::from_millis(300));
        assert!(net.machines[client].hub.connections()[0].peer.is_some());
    }
}

#[test]
fn nobody_is_asked_for_documents_for_saying_that_it_is_a_server() {
    for (admitted, is_asked) in [(Admitted::Writer, false), (Admitted::Server, true)] {
        let mut net = Net::new();
        let server = net.add(server_options("server"), ServeOnRequest);
        net.machines[server].admits = admitted;
        let curious = net.add(server_options("curious"), ServeOnRequest);
        let client = net.add(options("client"), ShareAll);
        net.dial(curious, server);
        net.dial(client, server);
        net.open(client, &id(1));
        net.advance(Duration::from_secs(20));
        let names = net.sent.iter().any(|(from, to, message)| {
            (*from, *to) == (server, curious)
                && matches!(message, WireMessage::Request(_) | WireMessage::Sync(_))
        });
        assert_eq!(names, is_asked, "{admitted:?}");
    }
}

#[test]
fn nobody_is_believed_about_a_disk_for_saying_that_it_is_a_server() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let client = net.add(options("client"), ShareAll);
    let liar = net.add(server_options("liar"), ShareAll);
    net.dial(client, server);
    net.create(client, &id(1), "precious");
    net.advance(Duration::from_secs(1));
    net.machines[server].is_disk_slow = true;
    net.act(client, |hub, now| hub.set_mode(&id(1), PublishMode::Live, now));
    net.type_into(client, &id(1), " words");
    let heads = net.status(client, &id(1)).heads;
    let storage_id = net.status(client, &id(1)).servers[0].storage_id.clone();
    // It calls itself by the name of the server's store.
    let mut twin = server_options("twin");
    twin.storage_id = Some(storage_id.clone());
    let twin = net.add(twin, ShareAll);
    net.dial(twin, client);
    let lie = |sender: &str| {
        WireMessage::RemoteHeadsChanged {
            sender: PeerId::new(sender).unwrap(),
            target: PeerId::new("client").unwrap(),
            document: id(1),
            heads: vec![RemoteHeads {
                storage_id: storage_id.clone(),
                heads: heads.clone(),
                timestamp: 1,
            }],
        }
        .encode()
    };
    net.inject_from(twin, client, lie("twin"));
    assert!(net.status(client, &id(1)).servers.iter().all(|server| !server.has_all));
    let _ = liar;
}

#[test]
fn a_document_that_was_deleted_is_unavailable_to_whoever_asks_at_once() {
    let mut net = Net::new();
    let keeper = net.add(server_options("keeper"), ServeOnRequest);
    net.create(keeper, &id(1), "gone");
    net.advance(Duration::from_secs(1));
    net.act(keeper, |hub, now| hub.delete(&id(1), now));
    net.advance(Duration::from_secs(1));
    let store = net.machines[keeper].store.clone();
    let keeper = net.add_with_store(server_options("keeper again"), ServeOnRequest, store);
    let client = net.add(options("client"), ShareAll);
    net.dial(client, keeper);
    net.open(client, &id(1));
    net.advance(Duration::from_secs(1));
    assert_eq!(net.machines[client].hub.availability(&id(1)), Availability::Unavailable);
}

#[test]
fn what_waits_for_a_disk_that_fails_has_a_limit_over_all_documents() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let client = net.add(options("client"), ShareAll);
    net.dial(client, server);
    net.machines[server].disk_error = Some("cannot be read");
    let mut taken = 0;
    for number in 1..=40 {
        let message = DocumentMessage {
            sender: PeerId::new("client").unwrap(),
            target: PeerId::new("server").unwrap(),
            document: id(number),
            data: vec![0; 16 << 20],
        };
        net.inject(server, WireMessage::Sync(message).encode());
        if !net.closed.is_empty() {
            break;
        }
        taken += 16;
    }
    assert!((64..=256).contains(&taken), "{taken} MiB were kept");
}

#[test]
fn a_document_that_no_longer_goes_to_a_server_is_not_sent_there_any_more() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let chosen = ChosenDestinations::default();
    let client = net.add(options("client"), chosen.clone());
    let friend = net.add(options("friend"), ShareAll);
    net.dial(client, server);
    net.dial(friend, server);
    net.create(client, &id(1), "shared");
    net.act(client, |hub, now| hub.set_mode(&id(1), PublishMode::Live, now));
    let goes_to = |net: &mut Net, destinations: Vec<Destination>| {
        chosen.set(id(1), destinations.into_iter().collect());
        net.act(client, |hub, now| hub.sharing_changed(&id(1), now));
        net.advance(Duration::from_secs(5));
    };
    let there = || Destination::Server(server.to_string());
    goes_to(&mut net, vec![there()]);
    net.open(friend, &id(1));
    goes_to(&mut net, vec![]);
    net.type_into(client, &id(1), ", then private");
    // The server goes on to speak of it when others write.
    net.type_into(friend, &id(1), "!");
    net.advance(Duration::from_secs(5));
    assert_eq!(net.text(friend, &id(1)).as_deref(), Some("shared!"));
    assert!(net.status(client, &id(1)).peers.is_empty());
    goes_to(&mut net, vec![there()]);
    assert_eq!(net.text(friend, &id(1)), net.text(client, &id(1)));
    assert_eq!(
        net.text(client, &id(1)).map(|text| text.len()),
        Some("shared!, then private".len())
    );
}

/// A sync message of one machine to another, with chunks.
fn chunks(from: &str, to: &str, heads: Vec<ChangeHash>, chunks: Vec<Vec<u8>>) -> Vec<u8> {
    let (need, have) = (Vec::new(), Vec::new());
    let version = MessageVersion::V2;
    let message = Message { version, heads, need, have, chunks, flags: None };
    WireMessage::Sync(DocumentMessage {
        sender: PeerId::new(from).unwrap(),
        target: PeerId::new(to).unwrap(),
        document: id(1),
        data: message.encode(),
    })
    .encode()
}

/// A change of 2 kB that follows one that nobody has.
fn waits_for_ever(number: u32) -> (ChangeHash, Vec<u8>) {
    let mut document = Document::new();
    let actor = ActorId::new(&number.to_be_bytes());
    for first in 0..2 {
        let mut tx = document.transaction(&actor);
        let noise: Vec<u8> = (first..2_000u32).map(|n| (n * n + number) as u8).collect();
        tx.put(ObjId::ROOT, "noise", noise).unwrap();
        tx.commit(CommitOptions::default()).unwrap();
    }
    let head = document.heads()[0];
    (head, document.change(&head).unwrap().bytes().to_vec())
}

#[test]
fn changes_that_wait_for_ever_take_little_memory_and_push_nobody_out() {
    const LIMIT: usize = 64 << 10;
    let mut net = Net::new();
    let limited = HubOptions { max_set_aside: LIMIT, ..server_options("server") };
    let server = net.add(limited, ServeOnRequest);
    let good = net.add(options("good"), ShareAll);
    let hostile = net.add(options("hostile"), ShareAll);
    net.dial(good, server);
    net.create(good, &id(1), "honest");
    net.dial(hostile, server);
    net.open(hostile, &id(1));
    net.advance(Duration::from_secs(1));
    let held = |net: &Net| net.machines[server].hub.document(&id(1)).unwrap().set_aside_bytes();

    net.act(good, |hub, now| hub.set_mode(&id(1), PublishMode::Live, now));
    for number in 0..2_000 {
        let (head, change) = waits_for_ever(number);
        net.inject_from(hostile, server, chunks("hostile", "server", vec![head], vec![change]));
        assert!(held(&net) <= LIMIT, "{} bytes wait", held(&net));
        if number % 100 == 0 {
            net.type_into(good, &id(1), " words");
        }
    }
    assert!(held(&net) > LIMIT / 2, "{} bytes wait", held(&net));
    assert_eq!(net.text(server, &id(1)), net.text(good, &id(1)));
    let warned = &net.machines[server].warnings;
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].starts_with("changes that wait for others or were refused take more than"));
    // And it goes on so, without the good one being asked for what the other invents.
    net.sent.clear();
    net.type_into(good, &id(1), ".");
    assert_eq!(net.text(server, &id(1)), net.text(good, &id(1)));
    let to_good = net.sent.iter().filter(|(from, to, _)| (*from, *to) == (server, good));
    let bytes: usize = to_good.map(|(.., message)| message.encode().len()).sum();
    assert!(bytes < 1_000, "{bytes} bytes");
    // None of it lies on the disk.
    net.advance(Duration::from_secs(5));
    let stored: usize = net.machines[server].store.values().map(Vec::len).sum();
    assert!(stored < 40_000, "{stored} bytes are stored");
}

#[test]
fn what_waits_has_a_limit_over_all_documents() {
    let mut net = Net::new();
    let limited = HubOptions { max_set_aside: 200 << 20, ..server_options("server") };
    let server = net.add(limited, ServeOnRequest);
    let hostile = net.add(options("hostile"), ShareAll);
    net.dial(hostile, server);
    let mut held = 0;
    for number in 1..=5 {
        net.create(hostile, &id(number), "x");
        let mut document = Document::new();
        for length in [1, 60 << 20] {
            let mut tx = document.transaction(&ActorId::new(&[number]));
            tx.put(ObjId::ROOT, "noise", vec![number; length]).unwrap();
            tx.commit(CommitOptions::default()).unwrap();
        }
        let head = document.heads()[0];
        let change = document.change(&head).unwrap().bytes().to_vec();
        let message = Message {
            version: MessageVersion::V2,
            heads: vec![head],
            need: Vec::new(),
            have: Vec::new(),
            chunks: vec![change],
            flags: None,
        };
        let message = DocumentMessage {
            sender: PeerId::new("hostile").unwrap(),
            target: PeerId::new("server").unwrap(),
            document: id(number),
            data: message.encode(),
        };
        net.inject_from(hostile, server, WireMessage::Sync(message).encode());
        held = (1..=number)
            .filter_map(|number| net.machines[server].hub.document(&id(number)))
            .map(|document| document.set_aside_bytes())
            .sum();
        assert!(held <= 256 << 20, "{held} bytes are held");
    }
    assert!(held > 150 << 20, "{held} bytes are held");
}
