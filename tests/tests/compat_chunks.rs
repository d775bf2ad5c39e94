//! Everything that travels besides whole saves: incremental saves, bundles, single deflated
//! changes, orphans kept in a save, the author's footer; each written by one side and read by the
//! other.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use automerge::marks::{ExpandMark, Mark};
use automerge::transaction::{CommitOptions as TheirCommit, Transactable};
use automerge::{Author, AutoCommit, ObjType, ROOT};
use rand::RngExt;
use rejoin_document::{
    ActorId, Change, ChangeHash, CommitOptions, Document, LoadOptions, ObjId, PatchLog,
};
use rejoin_seeds::fresh_seeds;
use rejoin_tests::program::{Kinds, Unit};
use rejoin_tests::random::generator;
use rejoin_tests::tree::difference;
use rejoin_tests::{generate, lockstep, reference, subject};

/// A random document and the bytes of all its changes in order.
fn random_document(seed: u64) -> Option<Document> {
    let mut rng = generator(seed);
    let kinds = Kinds { partial: false, ..Kinds::ALL };
    let program = generate::program(&mut rng, kinds, 5 + (seed % 4) as usize * 8);
    // A program on which Automerge panics has no document to show.
    let made = std::panic::catch_unwind(|| lockstep::document(&program)).ok()?;
    Some(made.unwrap_or_else(|divergence| panic!("SEED={seed}: {divergence:?}")))
}

fn theirs(bytes: &[u8]) -> AutoCommit {
    AutoCommit::load(bytes).unwrap()
}

fn assert_same(what: &str, theirs: &mut AutoCommit, ours: &Document) {
    assert_eq!(subject::hashes(&theirs.get_heads()), ours.heads(), "{what}: heads");
    let expected = reference::tree(theirs, None, true);
    let found = subject::tree(&ours.view(), Unit::CodePoint, true);
    if let Some(place) = difference("", &expected, &found) {
        panic!("{what}: {place}");
    }
}

/// A point of the history: the changes up to it make a document of their own.
fn earlier(document: &Document, rng: &mut impl RngExt) -> Document {
    let changes = document.changes();
    let count = rng.random_range(0..=changes.len());
    let mut earlier = Document::new();
    earlier.apply(changes[..count].to_vec(), &mut PatchLog::inactive()).unwrap();
    earlier
}

#[test]
fn incremental_saves_go_both_ways() {
    for seed in fresh_seeds(100) {
        let Some(document) = random_document(seed) else { continue };
        let what = format!("SEED={seed}");
        let mut rng = generator(seed + 1);
        let before = earlier(&document, &mut rng);

        let mut there = theirs(&before.save());
        there.load_incremental(&document.save_since(before.heads())).unwrap();
        assert_same(&format!("{what}: ours there"), &mut there, &document);

        let mut whole = theirs(&document.save());
        let heads: Vec<_> =
            before.heads().iter().map(|head| automerge::ChangeHash(head.0)).collect();
        let mut here = before.clone();
        here.load_incremental(&whole.save_after(&heads), &mut PatchLog::inactive()).unwrap();
        assert_same(&format!("{what}: theirs here"), &mut whole, &here);

        let again = document.save_since(document.heads());
        assert!(again.is_empty(), "{what}: {} bytes that are not new", again.len());
    }
}

#[test]
fn bundles_go_both_ways() {
    for seed in fresh_seeds(100) {
        let Some(document) = random_document(seed) else { continue };
        let what = format!("SEED={seed}");
        let mut rng = generator(seed + 1);
        let before = earlier(&document, &mut rng);
        let new: Vec<ChangeHash> = document.hashes_since(before.heads());
        let Some(bundle) = document.bundle_since(before.heads()) else {
            assert!(new.is_empty(), "{what}: no bundle of {} changes", new.len());
            continue;
        };

        let mut there = theirs(&before.save());
        there.load_incremental(&bundle).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_same(&format!("{what}: ours there"), &mut there, &document);
        let mut here = before.clone();
        here.load_incremental(&bundle, &mut PatchLog::inactive()).unwrap();
        assert_same(&format!("{what}: ours here"), &mut there, &here);

        let mut whole = theirs(&document.save());
        let hashes = new.iter().map(|hash| automerge::ChangeHash(hash.0));
        let bundle = whole.bundle(hashes).unwrap();
        let mut here = before.clone();
        let taken = here.load_incremental(bundle.bytes(), &mut PatchLog::inactive());
        assert_eq!(taken.unwrap_or_else(|error| panic!("{what}: {error}")), new.len(), "{what}");
        assert_same(&format!("{what}: theirs here"), &mut whole, &here);
    }
}

#[test]
fn deflated_changes_go_both_ways() {
    let text = "a long text that is deflated in its change. ".repeat(30);
    let mut there = AutoCommit::new().with_actor(vec![1; 16].into());
    let object = there.put_object(ROOT, "text", ObjType::Text).unwrap();
    there.splice_text(&object, 0, 0, &text).unwrap();
    there.commit();
    let mut change = there.get_last_local_change().unwrap();
    let parsed = Change::parse(&change.bytes()).unwrap();
    assert_eq!(parsed.bytes(), change.raw_bytes());
    assert!(parsed.compressed_bytes().len() < parsed.bytes().len() / 4);
    let back = automerge::Change::from_bytes(parsed.compressed_bytes()).unwrap();
    assert_eq!(back.hash(), change.hash());
}

#[test]
fn orphans_are_kept_in_a_save_and_read_there() {
    let mut there = AutoCommit::new();
    let changes: Vec<automerge::Change> = (0..3)
        .map(|number| {
            there.put(ROOT, "key", number).unwrap();
            there.commit();
            there.get_last_local_change().unwrap()
        })
        .collect();
    let parse = |change: &automerge::Change| Change::parse(change.raw_bytes()).unwrap();
    let log = &mut PatchLog::inactive();
    let mut document = Document::new();
    document.apply([parse(&changes[0]), parse(&changes[2])], log).unwrap();
    assert_eq!(document.queued(), 1);

    let saved = document.save();
    let mut again = Document::load(&saved, LoadOptions::default()).unwrap();
    assert_eq!(again.queued(), 1);
    again.apply([parse(&changes[1])], log).unwrap();
    assert_eq!(again.queued(), 0);
    assert_same("ours", &mut there, &again);

    let mut back = theirs(&saved);
    back.apply_changes([changes[1].clone()]).unwrap();
    assert_same("there", &mut back, &again);
}

#[test]
fn the_author_of_an_actor_is_read_written_and_kept() {
    let mut there = AutoCommit::new()
        .with_actor(vec![1; 16].into())
        .with_author(Some(Author::from(b"somebody".to_vec())));
    there.put(ROOT, "key", 1).unwrap();
    there.commit();
    there.put(ROOT, "key", 2).unwrap();
    there.commit();
    let document = Document::load(&there.save(), LoadOptions::default()).unwrap();
    let authors: Vec<_> =
        document.changes().iter().map(|change| change.author().map(<[u8]>::to_vec)).collect();
    assert_eq!(authors, [Some(b"somebody".to_vec()), None]);
    let meta: Vec<_> = document.metadata().map(|meta| meta.author).collect();
    assert_eq!(meta, [Some(b"somebody".to_vec()), Some(b"somebody".to_vec())]);

    let mut document = Document::new();
    for number in 0..2 {
        let mut transaction = document.transaction(&ActorId::new(&[2; 16]));
        transaction.put(ObjId::ROOT, "key", i64::from(number)).unwrap();
        let author = Some(b"me".to_vec());
        transaction.commit(CommitOptions { author, ..CommitOptions::default() }).unwrap();
    }
    let back = theirs(&document.save());
    let author = back.get_author_for_actor(&vec![2; 16].into()).unwrap();
    assert_eq!(author.as_bytes(), b"me");
    let again = Document::load(&document.save(), LoadOptions::default()).unwrap();
    assert_eq!(again.save(), document.save());
}

#[test]
fn metadata_is_what_automerge_says_of_its_changes() {
    for seed in fresh_seeds(50) {
        let Some(document) = random_document(seed) else { continue };
        let mut there = theirs(&document.save());
        let changes = there.get_changes(&[]);
        let found: Vec<_> = document.metadata().collect();
        assert_eq!(found.len(), changes.len(), "SEED={seed}");
        for change in changes {
            let hash = subject::hash(change.hash());
            let meta = found.iter().find(|meta| meta.hash == hash).unwrap();
            let ours = document.change(&hash).unwrap();
            assert_eq!(meta.actor.as_bytes(), change.actor_id().to_bytes(), "SEED={seed}");
            assert_eq!(ours.seq(), change.seq());
            assert_eq!(ours.start_op(), change.start_op().get());
            assert_eq!(ours.max_op(), change.max_op());
            assert_eq!(ours.op_count(), change.len());
            assert_eq!((meta.time, ours.time()), (change.timestamp(), change.timestamp()));
            assert_eq!(ours.message(), change.message());
            assert_eq!(meta.message.as_deref(), ours.message());
            assert_eq!(ours.deps(), subject::hashes(change.deps()));
        }
    }
}

/// A change is made of the same calls as there, so its bytes are the same with every kind of
/// commit option.
#[test]
fn messages_and_times_are_written_alike() {
    for (message, time) in [
        (None, 0),
        (Some("one"), 1),
        (Some(""), -1),
        (Some("😀 with words"), i64::MAX),
        (None, i64::MIN),
    ] {
        let mut there = AutoCommit::new().with_actor(vec![7; 4].into());
        there.put(ROOT, "key", "value").unwrap();
        let mut options = TheirCommit::default().with_time(time);
        if let Some(message) = message {
            options = options.with_message(message);
        }
        there.commit_with(options);
        let mut document = Document::new();
        let mut transaction = document.transaction(&ActorId::new(&[7; 4]));
        transaction.put(ObjId::ROOT, "key", "value").unwrap();
        let message = message.map(ToOwned::to_owned);
        transaction.commit(CommitOptions { message, time, author: None }).unwrap();
        assert_same("the same change", &mut there, &document);
    }
}

/// Marks written there and read here through one deflated document chunk and through its changes.
#[test]
fn a_rich_text_written_there_reads_the_same_here() {
    let mut there = AutoCommit::new();
    let text = there.put_object(ROOT, "text", ObjType::Text).unwrap();
    there.splice_text(&text, 0, 0, "The quick brown fox jumps over the lazy dog.").unwrap();
    let mark = |name: &str, start, end| Mark::new(name.to_owned(), true, start, end);
    there.mark(&text, mark("strong", 4, 19), ExpandMark::Both).unwrap();
    there.mark(&text, mark("em", 10, 25), ExpandMark::None).unwrap();
    there.split_block(&text, 20).unwrap();
    there.unmark(&text, "strong", 8, 12, ExpandMark::After).unwrap();
    there.commit();
    let document = Document::load(&there.save(), LoadOptions::default()).unwrap();
    assert_same("document", &mut there, &document);
    let mut document = Document::new();
    let changes = there.get_changes(&[]);
    let changes = changes.iter().map(|change| Change::parse(change.raw_bytes()).unwrap());
    document.apply(changes, &mut PatchLog::inactive()).unwrap();
    assert_same("changes", &mut there, &document);
}
