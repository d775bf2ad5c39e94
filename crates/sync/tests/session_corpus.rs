//! A huge message of an old Automerge, as it was recorded. Needs the folder in `REJOIN_DATA`; without
//! it the test says that it was skipped.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use rejoin_document::{Document, PatchLog};
use rejoin_sync::{Message, MessageVersion, State, generate_sync_message, receive_sync_message};

#[test]
fn a_recorded_message_of_version_1_is_read_taken_and_answered() {
    let Some(data) = std::env::var_os("REJOIN_DATA") else {
        println!("skipped: REJOIN_DATA is not set");
        return;
    };
    let path = std::path::Path::new(&data).join("corpus/slowSyncMessage.amrgsync");
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let message = Message::decode(&bytes).unwrap();
    assert_eq!(message.version, MessageVersion::V1);
    assert_eq!(message.have[0].bloom.to_bytes().len(), 8108);
    assert_eq!(message.encode(), bytes);

    let (mut doc, mut state) = (Document::new(), State::new());
    let heads = message.heads.clone();
    let chunks = message.chunks.len();
    let log = &mut PatchLog::inactive();
    let received = receive_sync_message(&mut doc, &mut state, message, log).unwrap();
    println!("{received:?} of {chunks} chunks, {} wait", doc.queued());
    let answer = generate_sync_message(&doc, &mut state).unwrap();
    assert!(answer.heads == heads || !answer.need.is_empty());
    assert_eq!(generate_sync_message(&doc, &mut state), None);
}
