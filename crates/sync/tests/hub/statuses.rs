//! Where a document is, said truthfully.

use std::time::Duration;

use rejoin_sync::{
    DocumentEvent, PeerId, PublishMode, ServeOnRequest, ShareAll, StorageId, wire::WireMessage,
};

use crate::harness::{Net, id, options, server_options};

#[test]
fn saved_on_a_server_means_on_its_disk() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let client = net.add(options("client"), ShareAll);
    net.dial(client, server);
    net.machines[server].is_disk_slow = true;
    net.create(client, &id(1), "a");
    // The server has to read its disk first, to see what it has.
    net.let_disk_answer(server);
    net.machines[server].is_disk_slow = true;
    net.advance(Duration::from_secs(1));
    let status = net.status(client, &id(1));
    assert!(status.peers[0].has_all, "received");
    assert!(status.servers.iter().all(|server| !server.has_all), "but not saved");
    net.let_disk_answer(server);
    net.advance(Duration::from_secs(1));
    let status = net.status(client, &id(1));
    assert!(status.servers[0].has_all);
    assert_eq!(status.servers[0].heads, status.heads);
    net.type_into(client, &id(1), "b");
    assert!(!net.status(client, &id(1)).servers[0].has_all);
    assert!(!net.status(client, &id(1)).peers[0].has_all);
}

#[test]
fn durable_heads_are_reported_to_those_who_asked_and_only_when_they_moved() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let client = net.add(options("client"), ShareAll);
    net.dial(client, server);
    net.create(client, &id(1), "a");
    net.act(client, |hub, now| hub.set_mode(&id(1), PublishMode::Live, now));
    net.advance(Duration::from_secs(30));
    let reports = |net: &Net| {
        let all = net.sent.iter();
        all.filter(|(.., m)| matches!(m, WireMessage::RemoteHeadsChanged { .. })).count()
    };
    let before = reports(&net);
    net.advance(Duration::from_secs(300));
    assert_eq!(reports(&net), before);
    net.type_into(client, &id(1), "b");
    net.advance(Duration::from_secs(1));
    assert_eq!(reports(&net), before + 1);
    assert!(net.sent.iter().all(|(from, _, m)| {
        *from == server || !matches!(m, WireMessage::RemoteHeadsChanged { .. })
    }));
}

#[test]
fn listeners_hear_of_every_step() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let client = net.add(options("client"), ShareAll);
    net.dial(client, server);
    net.create(client, &id(1), "a");
    net.advance(Duration::from_secs(2));
    let statuses: Vec<_> = net.machines[client]
        .told
        .iter()
        .filter_map(|event| match event {
            DocumentEvent::Status(status) => Some(status),
            _ => None,
        })
        .collect();
    assert!(statuses.iter().any(|status| !status.disk.is_all));
    let last = statuses.last().unwrap();
    assert!(last.disk.is_all && last.peers[0].has_all && last.servers[0].has_all);
}

#[test]
fn a_change_from_afar_is_told_in_patches() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let (first, second) =
        (net.add(options("first"), ShareAll), net.add(options("second"), ShareAll));
    net.dial(first, server);
    net.dial(second, server);
    net.create(first, &id(1), "a");
    net.act(first, |hub, now| hub.set_mode(&id(1), PublishMode::Live, now));
    net.open(second, &id(1));
    net.machines[second].told.clear();
    net.type_into(first, &id(1), "b");
    let changed = net.machines[second].told.iter().find_map(|event| match event {
        DocumentEvent::Changed { patches, before, heads, .. } => Some((patches, before, heads)),
        _ => None,
    });
    let (patches, before, heads) = changed.unwrap();
    assert_eq!(patches.as_ref().map(Vec::len), Some(1), "{patches:#?}");
    assert_ne!(before, heads);
}

#[test]
fn an_edit_that_collects_no_patches_is_not_told_as_one_that_shows_nothing() {
    let mut net = Net::new();
    let machine = net.add(options("only"), ShareAll);
    net.create(machine, &id(1), "a");
    net.open(machine, &id(1));
    net.machines[machine].told.clear();
    net.type_into(machine, &id(1), "b");
    let told = net.machines[machine].told.iter().find_map(|event| match event {
        DocumentEvent::Changed { patches, .. } => Some(patches.is_some()),
        _ => None,
    });
    assert_eq!(told, Some(false));
}

#[test]
fn a_server_passes_on_what_a_linked_one_has_on_its_disk_to_those_who_want_to_hear_of_it() {
    let mut net = Net::new();
    let far = net.add(server_options("far"), ServeOnRequest);
    let near = net.add(server_options("near"), ServeOnRequest);
    let client = net.add(options("client"), ShareAll);
    let other = net.add(options("other"), ShareAll);
    net.dial(near, far);
    net.dial(client, near);
    net.dial(other, near);
    net.create(client, &id(1), "a");
    net.act(client, |hub, now| hub.set_mode(&id(1), PublishMode::Live, now));
    net.open(other, &id(1));
    net.advance(Duration::from_secs(5));
    let subscribe = |name: &str, store: &str| {
        let store = StorageId::new(store).unwrap();
        let (sender, target) = (PeerId::new(name).unwrap(), PeerId::new("near").unwrap());
        let (add, remove) = (vec![store], Vec::new());
        WireMessage::RemoteSubscriptionChange { sender, target, add, remove }.encode()
    };
    let heard = |net: &Net, whom: usize| -> Vec<_> {
        let all = net.sent.iter().filter(|(from, to, _)| (*from, *to) == (near, whom));
        all.filter_map(|(.., message)| match message {
            WireMessage::RemoteHeadsChanged { heads, .. } => Some(heads.clone()),
            _ => None,
        })
        .flatten()
        .filter(|report| report.storage_id.as_str() == "store of far")
        .map(|report| report.heads)
        .collect()
    };
    assert_eq!((heard(&net, client), heard(&net, other)), (vec![], vec![]));
    net.inject_from(client, near, subscribe("client", "store of far"));
    assert_eq!(heard(&net, client), [net.status(client, &id(1)).heads]);

    net.machines[far].is_disk_slow = true;
    net.type_into(client, &id(1), "b");
    net.advance(Duration::from_secs(5));
    assert_eq!(heard(&net, client).len(), 1, "not before it is on the disk there");
    net.let_disk_answer(far);
    net.advance(Duration::from_secs(5));
    assert_eq!(heard(&net, client).last(), Some(&net.status(client, &id(1)).heads));
    assert_eq!(heard(&net, client).len(), 2);
    assert_eq!(heard(&net, other), Vec::<Vec<_>>::new());
    // Its status speaks of those whom it hears themselves.
    let stores = net.status(client, &id(1)).servers;
    assert_eq!(stores.iter().map(|s| s.storage_id.as_str()).collect::<Vec<_>>(), ["store of near"]);
}
