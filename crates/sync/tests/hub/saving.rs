//! What is on disk, and when.

use std::time::Duration;

use rejoin_document::{ActorId, Change, CommitOptions, Document, ObjId, PatchLog};
use rejoin_sync::{
    Availability, HubOptions, Message, PeerId, PublishMode, ServeOnRequest, ShareAll,
    wire::{DocumentMessage, WireMessage},
};

use crate::harness::{Net, Store, id, options, read, server_options, text_of, write};

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

/// The chunks of a document, and their bytes in all.
fn chunks(store: &Store) -> (usize, usize) {
    let chunks = store.iter().filter(|(key, _)| key[1] == "snapshot" || key[1] == "incremental");
    chunks.fold((0, 0), |(count, bytes), (_, chunk)| (count + 1, bytes + chunk.len()))
}

/// Changes of another actor on top of a document: the first is missed by those that get the second.
fn two_in_a_row(document: &Document) -> [Change; 2] {
    let mut other = document.fork();
    [("first ", 7), ("second ", 7)].map(|(words, machine)| {
        write(&mut other, machine, words);
        other.change(&other.heads()[0]).unwrap()
    })
}

#[test]
fn a_change_that_waits_for_another_keeps_no_old_chunks_on_the_disk() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let client = net.add(options("client"), ShareAll);
    net.dial(client, server);
    net.create(client, &id(1), "a");
    net.act(client, |hub, now| hub.set_mode(&id(1), PublishMode::Live, now));
    net.advance(Duration::from_secs(1));
    let [missing, waiting] = two_in_a_row(net.machines[client].hub.document(&id(1)).unwrap());
    let say = |change: &Change| {
        let empty = Message::decode(&[0x42, 0, 0, 0, 0]).unwrap();
        let data = Message { chunks: vec![change.bytes().to_vec()], ..empty }.encode();
        let (sender, target) = (PeerId::new("client").unwrap(), PeerId::new("server").unwrap());
        WireMessage::Sync(DocumentMessage { sender, target, document: id(1), data }).encode()
    };
    net.inject_from(client, server, say(&waiting));
    assert_eq!(net.status(server, &id(1)).queued, 1);
    for _ in 0..600 {
        net.type_into(client, &id(1), "word ");
        net.advance(Duration::from_millis(150));
    }
    assert_eq!(net.status(server, &id(1)).queued, 1);
    let store = net.machines[server].store.clone();
    let repeats = store.values().filter(|chunk| {
        chunk.windows(waiting.bytes().len()).any(|window| window == waiting.bytes())
    });
    assert_eq!(repeats.count(), 0, "what a peer sent and still waits is not written");
    let (count, bytes) = chunks(&store);
    assert!(count < 400 && bytes < 200_000, "{count} chunks, {bytes} bytes");
    // After a restart it comes once more, and still fits.
    let restarted = net.add_with_store(server_options("again"), ServeOnRequest, store);
    net.open(restarted, &id(1));
    assert_eq!(net.status(restarted, &id(1)).queued, 0);
    net.act(restarted, |hub, now| {
        hub.edit(&id(1), now, |doc, _| doc.apply([waiting, missing], &mut PatchLog::inactive()))
    })
    .unwrap()
    .unwrap();
    let status = net.status(restarted, &id(1));
    assert_eq!((status.queued, status.disk.unread_chunks), (0, 0));
    assert!(net.text(restarted, &id(1)).unwrap().contains("first second "));
}

#[test]
fn a_refused_change_is_kept_and_keeps_no_old_chunks_on_the_disk() {
    let (mut net, mut machine) = alone();
    let mut twin = net.machines[machine].hub.document(&id(1)).unwrap().fork();
    net.type_into(machine, &id(1), "b");
    net.advance(Duration::from_secs(1));
    // The same actor wrote something else under the same number.
    write(&mut twin, machine, &"not this ".repeat(5_000));
    let other = twin.change(&twin.heads()[0]).unwrap();
    assert!(other.bytes().len() > 40_000, "more than a snapshot has to be worth");
    net.act(machine, |hub, now| {
        hub.edit(&id(1), now, |doc, _| doc.apply([other.clone()], &mut PatchLog::inactive()))
    })
    .unwrap()
    .unwrap_err();
    let mut snapshots = std::collections::BTreeSet::new();
    for round in 0..2 {
        for _ in 0..600 {
            let edit = |doc: &mut Document| write(doc, 40 + round, "word ");
            net.act(machine, |hub, now| hub.edit(&id(1), now, |doc, _| edit(doc))).unwrap();
            net.advance(Duration::from_millis(150));
            let store = net.machines[machine].store.keys();
            snapshots.extend(store.filter(|key| key[1] == "snapshot").cloned());
        }
        let store = net.machines[machine].store.clone();
        let (count, bytes) = chunks(&store);
        assert!(count < 500 && bytes < 300_000, "{count} chunks, {bytes} bytes");
        machine = net.add_with_store(options(&format!("again {round}")), ShareAll, store);
        net.open(machine, &id(1));
        let status = net.status(machine, &id(1));
        assert_eq!((status.refused, status.disk.unread_chunks), (1, 0));
        let document = net.machines[machine].hub.document(&id(1)).unwrap();
        assert_eq!(document.refused()[0].bytes(), other.bytes());
    }
    assert!(snapshots.len() < 12, "{} snapshots", snapshots.len());
}

#[test]
fn what_waits_for_bytes_that_cannot_be_read_fits_when_those_come_back() {
    let (mut net, machine) = alone();
    for _ in 0..20 {
        net.type_into(machine, &id(1), "b");
        net.advance(Duration::from_millis(150));
    }
    let whole = net.text(machine, &id(1)).unwrap();
    let mut store = net.machines[machine].store.clone();
    let broken = store.keys().filter(|key| key[1] == "incremental").nth(3).unwrap().clone();
    let bytes = store.insert(broken.clone(), b"torn".to_vec()).unwrap();

    let mut net = Net::new();
    let machine = net.add_with_store(options("again"), ShareAll, store);
    net.open(machine, &id(1));
    assert!(net.status(machine, &id(1)).queued > 0);
    let before = chunks(&net.machines[machine].store).0;
    for _ in 0..600 {
        let edit = |doc: &mut Document| write(doc, 40, "more words ");
        net.act(machine, |hub, now| hub.edit(&id(1), now, |doc, _| edit(doc))).unwrap();
        net.advance(Duration::from_millis(150));
    }
    let mut store = net.machines[machine].store.clone();
    let (count, _) = chunks(&store);
    assert!(count < before + 500, "{count} chunks");
    assert_eq!(store.insert(broken, bytes), Some(b"torn".to_vec()), "it is never replaced");
    let machine = net.add_with_store(options("mended"), ShareAll, store);
    net.open(machine, &id(1));
    let status = net.status(machine, &id(1));
    assert_eq!((status.queued, status.disk.unread_chunks), (0, 0));
    let text = net.text(machine, &id(1)).unwrap();
    assert_eq!(text.matches('b').count(), whole.matches('b').count());
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

#[test]
fn what_comes_again_after_a_deletion_is_not_erased_with_it_however_the_disk_fails() {
    for failures in 0..10 {
        let mut net = Net::new();
        let server = net.add(server_options("server"), ServeOnRequest);
        let client = net.add(options("client"), ShareAll);
        net.dial(client, server);
        net.create(client, &id(1), "a");
        net.create(client, &id(2), "other");
        for document in [id(1), id(2)] {
            net.act(client, |hub, now| hub.set_mode(&document, PublishMode::Live, now));
        }
        net.advance(Duration::from_secs(1));
        net.open(server, &id(1));
        net.machines[server].failures_to_come = failures;
        net.act(server, |hub, now| hub.delete(&id(1), now));
        net.act(server, |hub, now| hub.undelete(&id(1), now));
        net.type_into(client, &id(1), "b");
        for _ in 0..400 {
            net.advance(Duration::from_millis(20));
            let stored = stored_text(&net.machines[server].store);
            let status = net.status(server, &id(1));
            if status.disk.is_all && !status.heads.is_empty() {
                assert_eq!(stored, net.text(server, &id(1)), "called saved, {failures} failures");
            }
            if net.now > Duration::from_secs(5) && net.machines[server].hub.is_saved() {
                assert!(status.disk.is_all, "{failures} failures");
            }
        }
        net.type_into(client, &id(2), "!");
        net.advance(Duration::from_secs(60));
        assert_eq!(net.text(server, &id(1)).as_deref(), Some("ab"));
        let stored = stored_text(&net.machines[server].store);
        assert_eq!(stored.as_deref(), Some("ab"), "{failures} failures");
        assert!(net.status(server, &id(1)).disk.is_all);
    }
}

#[test]
fn a_deletion_that_was_taken_back_is_not_read_from_the_disk_again() {
    let (mut net, machine) = alone();
    net.act(machine, |hub, now| hub.delete(&id(1), now));
    net.advance(Duration::from_secs(1));
    net.machines[machine].is_disk_slow = true;
    net.act(machine, |hub, now| hub.undelete(&id(1), now));
    net.act(machine, |hub, now| hub.close_document(&id(1), now));
    net.open(machine, &id(1));
    net.let_disk_answer(machine);
    net.advance(Duration::from_secs(1));
    assert_eq!(net.machines[machine].hub.availability(&id(1)), Availability::Unavailable);
    assert!(net.machines[machine].store.is_empty());
    // What nobody uses is forgotten once the disk has it.
    net.act(machine, |hub, now| hub.close_document(&id(1), now));
    assert_eq!(net.machines[machine].hub.availability(&id(1)), Availability::Unknown);
}

#[test]
fn a_batch_that_was_under_way_when_its_document_was_deleted_says_nothing_of_the_next() {
    let mut net = Net::new();
    let server = net.add(server_options("server"), ServeOnRequest);
    let client = net.add(options("client"), ShareAll);
    net.dial(client, server);
    net.create(client, &id(1), "a");
    net.act(client, |hub, now| hub.set_mode(&id(1), PublishMode::Live, now));
    net.open(server, &id(1));
    net.advance(Duration::from_secs(1));
    net.machines[server].is_disk_slow = true;
    net.type_into(client, &id(1), "b");
    net.advance(Duration::from_secs(1));
    net.act(server, |hub, now| hub.delete(&id(1), now));
    net.act(server, |hub, now| hub.undelete(&id(1), now));
    net.let_disk_answer(server);
    net.cut();
    net.is_cut = false;
    net.advance(Duration::from_secs(5));
    assert_eq!(net.text(server, &id(1)).as_deref(), Some("ab"));
    assert_eq!(stored_text(&net.machines[server].store).as_deref(), Some("ab"));
}

#[test]
fn a_document_that_is_made_over_one_that_lies_on_the_disk_replaces_nothing_of_it() {
    let mut net = Net::new();
    let idle_after = Some(Duration::from_secs(1));
    let machine = net.add(HubOptions { idle_after, ..options("alone") }, ShareAll);
    net.is_cut = true;
    net.dial(machine, machine);
    net.create(machine, &id(1), "kept");
    net.act(machine, |hub, now| hub.close_document(&id(1), now));
    net.advance(Duration::from_secs(10));
    assert!(net.machines[machine].hub.document(&id(1)).is_none(), "it is on the disk only");
    let mut content = Document::new();
    write(&mut content, 7, &"x".repeat(100_000));
    net.act(machine, |hub, now| hub.create(&id(1), content, now));
    net.advance(Duration::from_secs(10));
    let stored = read(&net.machines[machine].store, &id(1));
    assert_eq!(stored.document().change_count(), 2);
}

#[test]
fn a_draft_that_became_a_change_is_no_reason_to_be_unsaved_for_ever() {
    let mut net = Net::new();
    let idle_after = Some(Duration::from_secs(1));
    let machine = net.add(HubOptions { idle_after, ..options("alone") }, ShareAll);
    net.is_cut = true;
    net.dial(machine, machine);
    net.create(machine, &id(1), "text");
    let actor = ActorId::new(b"drafter");
    let edit = |net: &mut Net, edit: &dyn Fn(&mut Document)| {
        net.act(machine, |hub, now| hub.edit(&id(1), now, |document, _| edit(document))).unwrap();
    };
    edit(&mut net, &|document| {
        let mut tx = document.draft_transaction();
        tx.put(ObjId::ROOT, "key", "value").unwrap();
        tx.keep();
    });
    edit(&mut net, &|document| {
        document.commit_draft(&actor, CommitOptions::default());
    });
    net.act(machine, |hub, now| hub.close_document(&id(1), now));
    net.advance(Duration::from_secs(10));
    assert!(net.machines[machine].hub.document(&id(1)).is_none(), "it is on the disk only");
    net.open(machine, &id(1));
    assert!(net.status(machine, &id(1)).disk.is_all);
}

#[test]
fn a_document_that_is_made_again_after_its_deletion_is_there_after_a_restart() {
    for pause in [0, 5] {
        let (mut net, machine) = alone();
        net.act(machine, |hub, now| hub.delete(&id(1), now));
        net.advance(Duration::from_secs(pause));
        net.create(machine, &id(1), "again");
        net.advance(Duration::from_secs(1));
        let store = net.machines[machine].store.clone();
        let restarted = net.add_with_store(options("again"), ShareAll, store);
        net.open(restarted, &id(1));
        assert_eq!(net.text(restarted, &id(1)).as_deref(), Some("again"), "after {pause} s");
    }
}
