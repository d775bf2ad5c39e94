//! What is on disk, and when.

use std::time::Duration;

use rejoin_sync::{Availability, HubOptions, ServeOnRequest, ShareAll};

use crate::harness::{Net, Store, id, options, read, server_options, text_of};

fn alone() -> (Net, usize) {
    let mut net = Net::new();
    let machine = net.add(options("alone"), ShareAll);
    net.create(machine, &id(1), "a");
    net.advance(Duration::from_secs(1));
    (net, machine)
}

fn stored_text(store: &Store) -> Option<String> {
    text_of(read(store, &id(1)).document())
}

#[test]
fn edits_are_on_disk_within_a_tenth_of_a_second_in_few_commits() {
    let (mut net, machine) = alone();
    let before = net.machines[machine].writes;
    for number in 0..100 {
        net.type_into(machine, &id(1), "b");
        net.advance(Duration::from_millis(10));
        if number >= 11 {
            let saved = stored_text(&net.machines[machine].store).unwrap().len();
            assert!(saved + 11 >= number, "{saved} of {number}");
        }
    }
    net.advance(Duration::from_millis(100));
    assert!(net.status(machine, &id(1)).disk.is_all);
    let writes = net.machines[machine].writes - before;
    assert!((10..=12).contains(&writes), "{writes} commits in a second");
    assert_eq!(stored_text(&net.machines[machine].store), net.text(machine, &id(1)));
}

#[test]
fn nothing_is_called_saved_while_the_disk_is_at_it() {
    let (mut net, machine) = alone();
    net.machines[machine].is_disk_slow = true;
    net.type_into(machine, &id(1), "b");
    net.advance(Duration::from_secs(10));
    assert!(!net.status(machine, &id(1)).disk.is_all);
    net.type_into(machine, &id(1), "c");
    net.let_disk_answer(machine);
    let status = net.status(machine, &id(1));
    assert!(!status.disk.is_all, "the second edit was not in the batch");
    net.advance(Duration::from_millis(200));
    assert!(net.status(machine, &id(1)).disk.is_all);
}

#[test]
fn a_failed_write_is_said_and_tried_again() {
    let (mut net, machine) = alone();
    net.machines[machine].disk_error = Some("no room left");
    net.type_into(machine, &id(1), "b");
    net.advance(Duration::from_secs(60));
    let status = net.status(machine, &id(1));
    assert_eq!((status.disk.is_all, status.disk.error.as_deref()), (false, Some("no room left")));
    net.machines[machine].disk_error = None;
    net.advance(Duration::from_secs(60));
    let status = net.status(machine, &id(1));
    assert_eq!((status.disk.is_all, status.disk.error), (true, None));
    assert_eq!(stored_text(&net.machines[machine].store).as_deref(), Some("ab"));
}

#[test]
fn a_document_that_cannot_be_written_keeps_no_other_off_the_disk() {
    let mut net = Net::new();
    let machine = net.add(options("alone"), ShareAll);
    let documents: Vec<_> = (1..=20).map(id).collect();
    let poison = [id(7), id(8)];
    for document in &documents {
        net.create(machine, document, "a");
    }
    net.advance(Duration::from_secs(1));
    net.machines[machine].refuses = poison.to_vec();
    for document in &documents {
        net.type_into(machine, document, "b");
    }
    let is_saved = |net: &Net, document| net.status(machine, document).disk.is_all;
    net.advance(Duration::from_secs(3));
    for document in &documents {
        let status = net.status(machine, document).disk;
        let error = poison.contains(document).then_some("does not fit");
        assert_eq!((status.is_all, status.error.as_deref()), (error.is_none(), error));
    }
    assert_eq!(net.machines[machine].hub.storage_error(), Some("does not fit"));
    // What is written from now on does not wait for it, and it is not tried all the time.
    let before = net.machines[machine].failed_writes;
    for _ in 0..60 {
        assert!(net.machines[machine].hub.storage_error().is_some());
        assert!(net.status(machine, &id(7)).disk.error.is_some());
        for document in documents.iter().filter(|document| !poison.contains(document)) {
            net.type_into(machine, document, "c");
        }
        net.advance(Duration::from_millis(200));
        assert!(documents.iter().all(|id| poison.contains(id) || is_saved(&net, id)));
        net.type_into(machine, &id(7), "c");
        net.advance(Duration::from_secs(1));
    }
    // While it is being tried again it has still not been written.
    net.machines[machine].is_disk_slow = true;
    for _ in 0..40 {
        net.advance(Duration::from_secs(1));
        assert_eq!(net.machines[machine].hub.storage_error(), Some("does not fit"));
    }
    net.let_disk_answer(machine);
    let failed = net.machines[machine].failed_writes - before;
    assert!((2..40).contains(&failed), "{failed} attempts");
    net.machines[machine].refuses.clear();
    net.advance(Duration::from_secs(31));
    assert!(documents.iter().all(|document| is_saved(&net, document)));
    assert!(net.machines[machine].hub.is_saved());
    assert_eq!(net.machines[machine].hub.storage_error(), None);
}

#[test]
fn an_orderly_end_saves_all_but_what_cannot_be_written() {
    let mut net = Net::new();
    let machine = net.add(options("alone"), ShareAll);
    for document in (1..=20).map(id) {
        net.create(machine, &document, "a");
    }
    net.machines[machine].refuses = vec![id(7)];
    net.act(machine, |hub, now| hub.flush_all(now));
    let mut rounds = 0;
    while !net.machines[machine].hub.is_pausing_to_write() {
        net.act(machine, |hub, now| hub.flush_all(now));
        rounds += 1;
        assert!(rounds < 50);
    }
    assert!(!net.machines[machine].hub.is_saved());
    for document in (1..=20).map(id) {
        assert_eq!(net.status(machine, &document).disk.is_all, document != id(7));
    }
}

#[test]
fn a_disk_that_takes_nothing_is_not_asked_for_each_document() {
    let mut net = Net::new();
    let machine = net.add(options("alone"), ShareAll);
    net.machines[machine].disk_error = Some("no room left");
    let documents: Vec<_> = (1..=200).map(id).collect();
    for document in &documents {
        net.create(machine, document, "a");
    }
    net.advance(Duration::from_secs(600));
    let failed = net.machines[machine].failed_writes;
    assert!((20..120).contains(&failed), "{failed} attempts in ten minutes");
    net.machines[machine].disk_error = None;
    net.act(machine, |hub, now| hub.delete(&id(1), now));
    net.advance(Duration::from_secs(60));
    assert!(net.machines[machine].hub.is_saved());
    assert!(documents[1..].iter().all(|document| net.status(machine, document).disk.is_all));
}

#[test]
fn a_failed_read_is_tried_again_and_messages_wait_for_it() {
    let (net, machine) = alone();
    let store = net.machines[machine].store.clone();
    let mut net = Net::new();
    let server = net.add_with_store(server_options("server"), ServeOnRequest, store);
    let client = net.add(options("client"), ShareAll);
    net.machines[server].disk_error = Some("input or output failed");
    net.dial(client, server);
    net.open(client, &id(1));
    net.advance(Duration::from_secs(2));
    assert_eq!(net.machines[server].hub.availability(&id(1)), Availability::LoadFailed);
    net.machines[server].disk_error = None;
    net.advance(Duration::from_secs(40));
    assert_eq!(net.text(client, &id(1)).as_deref(), Some("a"));
}

#[test]
fn chunks_are_compacted_and_read_back() {
    let (mut net, machine) = alone();
    for _ in 0..600 {
        net.type_into(machine, &id(1), "word ");
        net.advance(Duration::from_millis(150));
    }
    let store = &net.machines[machine].store;
    assert!(net.machines[machine].writes >= 600);
    assert!(store.len() < 400, "{} chunks", store.len());
    assert!(store.keys().filter(|key| key[1] == "snapshot").count() == 1);
    assert_eq!(stored_text(store), net.text(machine, &id(1)));
}

#[test]
fn bytes_that_cannot_be_read_cost_only_themselves_and_stay() {
    let (mut net, machine) = alone();
    for _ in 0..20 {
        net.type_into(machine, &id(1), "b");
        net.advance(Duration::from_millis(150));
    }
    let mut store = net.machines[machine].store.clone();
    let broken = store.keys().filter(|key| key[1] == "incremental").nth(3).unwrap().clone();
    let bytes = store.get_mut(&broken).unwrap();
    let length = bytes.len();
    bytes.truncate(length - 5);
    let torn = bytes.clone();

    let mut net = Net::new();
    let machine = net.add_with_store(options("again"), ShareAll, store);
    net.open(machine, &id(1));
    let status = net.status(machine, &id(1));
    assert_eq!(status.disk.unread_chunks, 1);
    assert!(net.text(machine, &id(1)).unwrap().starts_with('a'));
    for _ in 0..600 {
        net.act(machine, |hub, now| {
            hub.edit(&id(1), now, |doc, _| crate::harness::write(doc, 40, "more words "))
        })
        .unwrap();
        net.advance(Duration::from_millis(150));
    }
    assert_eq!(net.machines[machine].store.get(&broken), Some(&torn), "it is never deleted");
    assert_eq!(stored_text(&net.machines[machine].store), net.text(machine, &id(1)));
}

#[test]
fn an_idle_document_leaves_memory_and_comes_back() {
    let mut net = Net::new();
    let idle = HubOptions { idle_after: Some(Duration::from_secs(60)), ..server_options("server") };
    let server = net.add(idle, ServeOnRequest);
    let client = net.add(options("client"), ShareAll);
    net.dial(client, server);
    net.create(client, &id(1), "a");
    net.advance(Duration::from_secs(30));
    assert!(net.machines[server].hub.document(&id(1)).is_some());
    net.advance(Duration::from_secs(200));
    assert!(net.machines[server].hub.document(&id(1)).is_none());
    net.sent.clear();
    net.type_into(client, &id(1), "b");
    net.advance(Duration::from_secs(3));
    assert_eq!(net.text(server, &id(1)).as_deref(), Some("ab"));
    assert!(net.syncs(client, server) <= 2 && net.syncs(server, client) <= 2);
    net.cut();
    net.advance(Duration::from_secs(300));
    assert_eq!(net.machines[server].hub.availability(&id(1)), Availability::Unknown);
}

#[test]
fn an_orderly_end_leaves_nothing_unsaved() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let client = net.add(options("client"), ShareAll);
    net.dial(client, server);
    net.create(client, &id(1), "a");
    net.type_into(client, &id(1), "b");
    net.act(client, |hub, now| hub.flush_all(now));
    assert!(net.machines[client].hub.is_saved());
    assert_eq!(stored_text(&net.machines[client].store).as_deref(), Some("ab"));
    assert_eq!(net.text(server, &id(1)).as_deref(), Some("ab"), "held edits are published");
    let store = &net.machines[client].store;
    assert!(store.keys().any(|key| key[1..] == ["sync-state", "store of server"]));
}
