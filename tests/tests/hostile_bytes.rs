//! Hostile bytes at every entry point: an error, no panic, the document as it was, and no memory
//! that the size of the input does not justify.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::io::Write;

use automerge::marks::{ExpandMark, Mark};
use automerge::transaction::Transactable;
use automerge::{AutoCommit, ObjType, ROOT};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rejoin_document::{
    ActorId, Change, ChangeError, ChangeHash, CommitOptions, Document, LoadError, LoadErrorCause,
    LoadOptions, PatchLog, RefusedReason,
};
use rejoin_seeds::fresh_seeds;
use rejoin_tests::random::generator;
use sha2::{Digest, Sha256};

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];

/// A chunk with a right checksum around any body.
fn chunk(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut length = Vec::new();
    write_uleb(&mut length, body.len() as u64);
    let mut hasher = Sha256::new();
    hasher.update([kind]);
    hasher.update(&length);
    hasher.update(body);
    let hash = hasher.finalize();
    [&MAGIC[..], &hash[..4], &[kind], &length, body].concat()
}

fn write_uleb(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            return out.push(byte);
        }
        out.push(byte | 0x80);
    }
}

/// The type and the body of the first chunk.
fn body(chunk: &[u8]) -> (u8, Vec<u8>) {
    let mut at = 9;
    while chunk[at] & 0x80 != 0 {
        at += 1;
    }
    (chunk[8], chunk[at + 1..].to_vec())
}

/// A document that uses every column: nested objects, a conflict, a counter, marks, a block,
/// deletions, messages, an empty change, several actors.
fn sample() -> AutoCommit {
    let mut one = AutoCommit::new().with_actor(vec![1; 16].into());
    let text = one.put_object(ROOT, "text", ObjType::Text).unwrap();
    one.splice_text(&text, 0, 0, "the quick brown fox 😀").unwrap();
    let list = one.put_object(ROOT, "list", ObjType::List).unwrap();
    for value in 0..5 {
        one.insert(&list, 0, value).unwrap();
    }
    one.put(ROOT, "count", automerge::ScalarValue::counter(3)).unwrap();
    one.commit_with(automerge::transaction::CommitOptions::default().with_message("first"));
    let mut two = one.fork().with_actor(vec![2; 16].into());
    two.put(ROOT, "key", 1.5).unwrap();
    two.splice_text(&text, 4, 5, "slow").unwrap();
    two.increment(ROOT, "count", 4).unwrap();
    two.mark(&text, Mark::new("bold".into(), true, 2, 9), ExpandMark::Both).unwrap();
    two.commit();
    one.put(ROOT, "key", vec![1u8, 2, 3]).unwrap();
    one.split_block(&text, 3).unwrap();
    one.delete(&list, 1).unwrap();
    one.commit();
    one.merge(&mut two).unwrap();
    one.empty_change(automerge::transaction::CommitOptions::default());
    one
}

/// Every kind of chunk that can be read, as good bytes.
fn good_chunks() -> Vec<Vec<u8>> {
    let mut sample = sample();
    let ours = Document::load(&sample.save(), LoadOptions::default()).unwrap();
    let mut chunks = vec![sample.save(), sample.save_nocompress(), ours.save()];
    chunks.extend(sample.get_changes(&[]).iter().map(|change| change.raw_bytes().to_vec()));
    let mut long = AutoCommit::new();
    let text = long.put_object(ROOT, "text", ObjType::Text).unwrap();
    long.splice_text(&text, 0, 0, &"a long text, deflated in its change. ".repeat(40)).unwrap();
    long.commit();
    chunks.push(long.get_last_local_change().unwrap().bytes().to_vec());
    let hashes: Vec<_> = ours.changes().iter().map(Change::hash).collect();
    chunks.push(ours.bundle(&hashes));
    chunks
}

/// Gives the bytes to every entry point. Whatever they answer, nothing may panic, a refusal leaves
/// the document as it was, and what was accepted can be saved and loaded again.
fn feed(bytes: &[u8], target: &Document) {
    if let Ok(document) = Document::load(bytes, LoadOptions::default()) {
        use_accepted(&document, bytes);
    }
    if let Ok(document) = Document::load(bytes, LoadOptions::trusted()) {
        let _ = document.view().keys(rejoin_document::ObjId::ROOT);
    }
    let salvaged = Document::salvage(bytes);
    use_accepted(&salvaged.document, bytes);
    let mut document = target.clone();
    let mut log = PatchLog::active(rejoin_document::TextUnit::Utf16);
    match document.load_incremental(bytes, &mut log) {
        Ok(_) => use_accepted(&document, bytes),
        // A bundle with a change that does not fit: the others are taken in.
        Err(LoadError { cause: LoadErrorCause::Apply(_), .. }) => use_accepted(&document, bytes),
        Err(_) => assert_eq!(document.heads(), target.heads(), "a refusal changed the document"),
    }
    if let Ok(change) = Change::parse(bytes) {
        let mut document = target.clone();
        let _ = document.apply([change], &mut PatchLog::inactive());
        use_accepted(&document, bytes);
    }
}

fn use_accepted(document: &Document, bytes: &[u8]) {
    let saved = document.save();
    let again = Document::load(&saved, LoadOptions::default()).unwrap_or_else(|error| {
        panic!("accepted, but its save is refused ({error}): {bytes:02x?}")
    });
    assert_eq!(again.heads(), document.heads());
}

#[test]
fn truncated_chunks_are_refused_at_every_length() {
    for chunk in good_chunks() {
        for length in 0..chunk.len() {
            let bytes = &chunk[..length];
            if length > 0 {
                assert!(Document::load(bytes, LoadOptions::default()).is_err(), "at {length}");
                assert!(Change::parse(bytes).is_err(), "at {length}");
            }
        }
    }
}

#[test]
fn flipped_bits_do_no_harm() {
    let target = Document::load(&sample().save(), LoadOptions::default()).unwrap();
    for chunk in good_chunks() {
        for at in 0..chunk.len() {
            let mut bytes = chunk.clone();
            bytes[at] ^= 1 << (at % 8);
            // A flip in the padding of a deflate stream is the only one that may go unnoticed.
            if let Ok(document) = Document::load(&bytes, LoadOptions::default()) {
                let good = Document::load(&chunk, LoadOptions::default()).unwrap();
                assert_eq!(document.heads(), good.heads(), "byte {at}");
            }
            if at % 7 == 0 {
                feed(&bytes, &target);
            }
        }
    }
}

/// Changed bodies under a right checksum come past the first check, into the decoders.
#[test]
fn changed_bodies_with_a_right_checksum_do_no_harm() {
    let target = Document::load(&sample().save(), LoadOptions::default()).unwrap();
    let chunks = good_chunks();
    for seed in fresh_seeds(3_000) {
        let mut rng = generator(seed);
        let (kind, body) = body(&chunks[rng.random_range(0..chunks.len())]);
        let body = mutated(&mut rng, body);
        let bytes = chunk(kind, &body);
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| feed(&bytes, &target)));
        assert!(done.is_ok(), "SEED={seed}: a panic on {bytes:02x?}");
    }
}

#[test]
fn random_bytes_are_refused() {
    let target = Document::new();
    for seed in fresh_seeds(500) {
        let mut rng = generator(seed);
        let length = rng.random_range(1..200);
        let body: Vec<u8> = (0..length).map(|_| rng.random()).collect();
        assert!(Document::load(&body, LoadOptions::default()).is_err(), "SEED={seed}");
        feed(&body, &target);
        feed(&chunk(rng.random_range(0..5), &body), &target);
    }
}

fn mutated(rng: &mut ChaCha8Rng, mut body: Vec<u8>) -> Vec<u8> {
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..body.len());
        match rng.random_range(0..6) {
            0 => body[at] ^= 1 << rng.random_range(0..8),
            1 => body[at] = rng.random(),
            2 => body[at] = [0, 1, 0x7f, 0x80, 0xff, 2][rng.random_range(0..6)],
            3 => {
                body.remove(at);
            }
            4 => body.insert(at, rng.random()),
            _ => {
                let end = (at + rng.random_range(1..9)).min(body.len());
                let piece: Vec<u8> = body[at..end].to_vec();
                body.splice(at..at, piece);
            }
        }
        if body.is_empty() {
            body.push(0);
        }
    }
    body
}

#[test]
fn a_deflate_bomb_is_refused_without_being_inflated() {
    // A gigabyte of zeros deflates to a megabyte.
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..1024 {
        encoder.write_all(&zeros).unwrap();
    }
    let packed = encoder.finish().unwrap();
    let change = [&MAGIC[..], &[0; 4], &[2], &uleb(packed.len() as u64), &packed].concat();
    let document = document_with_column(0x08 | (9 << 4) | 7, &packed);
    // As much as the limit allows is inflated, and a part more to see that there is more.
    for bytes in [change, document] {
        bounded((256 << 20) + (1 << 20), || feed(&bytes, &Document::new()));
    }
}

#[test]
fn a_run_of_astronomic_length_is_refused_without_being_expanded() {
    for count in [1 << 20, 1 << 32, 1 << 40, (1 << 62) - 1] {
        // Change columns of a document: one run of `count` equal actors, sequence numbers, ...
        for spec in [1, 3, 19, 35, 53, 64, 67, 86] {
            let mut run = Vec::new();
            write_sleb(&mut run, count);
            run.push(0);
            bounded(256 << 20, || feed(&document_with_column(spec, &run), &Document::new()));
            let mut nulls = vec![0];
            nulls.extend(uleb(count as u64));
            bounded(256 << 20, || feed(&document_with_column(spec, &nulls), &Document::new()));
        }
        // The insert column of a change: `count` rows.
        let change = [
            &[0u8, 1, 9, 1, 1, 0, 0, 0][..],
            &[1, 52],
            &uleb(uleb(count as u64).len() as u64),
            &uleb(count as u64),
        ]
        .concat();
        bounded(256 << 20, || feed(&chunk(1, &change), &Document::new()));
        // All columns of `count` operations that set one key to null.
        let run = |value: &[u8]| {
            let mut run = Vec::new();
            write_sleb(&mut run, count);
            run.extend_from_slice(value);
            run
        };
        let columns =
            [(21, run(&[1, b'k'])), (52, uleb(count as u64)), (66, run(&[1])), (86, run(&[0]))];
        let mut change = vec![0u8, 1, 9, 1, 1, 0, 0, 0, 5];
        for (spec, data) in columns.iter().chain([&(112, run(&[0]))]) {
            change.extend([*spec, data.len() as u8]);
        }
        columns.iter().for_each(|(_, data)| change.extend_from_slice(data));
        change.extend(run(&[0]));
        bounded(256 << 20, || feed(&chunk(1, &change), &Document::new()));
    }
}

#[test]
fn counts_beyond_the_input_are_refused() {
    for count in [1 << 20, 1 << 31, 1 << 40, 1 << 62] {
        let many = uleb(count);
        // Dependencies, other actors and columns of a change; actors and heads of a document.
        let bodies: [(u8, Vec<u8>); 6] = [
            (1, many.clone()),
            (1, [&[0u8, 1, 9, 1, 1, 0, 0][..], &many].concat()),
            (1, [&[0u8, 1, 9, 1, 1, 0, 0, 0][..], &many].concat()),
            (0, many.clone()),
            (0, [&[0u8][..], &many].concat()),
            (3, many.clone()),
        ];
        for (kind, body) in bodies {
            let bytes = chunk(kind, &body);
            bounded(256 << 20, || {
                assert!(Document::load(&bytes, LoadOptions::default()).is_err());
                feed(&bytes, &Document::new());
            });
        }
        // A chunk that says that it is longer than the file.
        let bytes = [&MAGIC[..], &[0; 4], &[1], &many].concat();
        bounded(256 << 20, || feed(&bytes, &Document::new()));
    }
}

fn uleb(value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    write_uleb(&mut out, value);
    out
}

fn write_sleb(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0) {
            return out.push(byte);
        }
        out.push(byte | 0x80);
    }
}

/// A document chunk with one actor, no heads, and one change column.
fn document_with_column(spec: u8, column: &[u8]) -> Vec<u8> {
    let mut spec_bytes = Vec::new();
    write_uleb(&mut spec_bytes, u64::from(spec));
    let body =
        [&[1u8, 1, 9, 0][..], &[1], &spec_bytes, &uleb(column.len() as u64), &[0], column].concat();
    chunk(0, &body)
}

/// Runs `work`; the peak of memory may not grow by more than `most` bytes.
fn bounded(most: usize, work: impl FnOnce()) {
    let before = peak_memory();
    work();
    if let (Some(before), Some(after)) = (before, peak_memory()) {
        let grown = after.saturating_sub(before);
        assert!(grown <= most, "the peak of memory grew by {grown} bytes");
    }
}

/// The peak resident size, where the system tells.
fn peak_memory() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// A change of two keys whose actions are a literal of two equal values in place of a run, with
/// `extra` bytes behind its columns.
fn not_canonical(extra: &[u8]) -> Vec<u8> {
    let columns: [(u8, &[u8]); 5] = [
        (21, &[0x7e, 1, b'a', 1, b'b']),
        (52, &[2]),
        (66, &[0x7e, 1, 1]),
        (86, &[2, 2]),
        (112, &[2, 0]),
    ];
    let mut body = vec![0, 1, 9, 1, 1, 0, 0, 0, columns.len() as u8];
    columns.iter().for_each(|(spec, data)| body.extend([*spec, data.len() as u8]));
    columns.iter().for_each(|(_, data)| body.extend_from_slice(data));
    body.extend_from_slice(extra);
    chunk(1, &body)
}

#[test]
fn a_change_that_is_not_canonical_is_kept_and_holds_up_nothing_else() {
    let bytes = not_canonical(&[]);
    assert!(automerge::Change::from_bytes(bytes.clone()).is_ok(), "others take it");
    let mut other = AutoCommit::load(&bytes).unwrap();
    let refused = ChangeHash(other.get_heads()[0].0);
    other.set_actor(automerge::ActorId::from([7]));
    other.put(ROOT, "n", 1).unwrap();
    let follows = other.get_last_local_change().unwrap().raw_bytes().to_vec();
    let mut good = Document::new();
    let mut transaction = good.transaction(&ActorId::new(&[5]));
    transaction.put(rejoin_document::ObjId::ROOT, "good", 1i64).unwrap();
    let unrelated = transaction.commit(CommitOptions::default()).unwrap();
    let unrelated = good.change(&unrelated).unwrap();
    let message = [&bytes[..], &follows, unrelated.bytes()].concat();
    let mut doc = Document::new();
    for _ in 0..2 {
        // The second time all of it is known.
        let _ = doc.load_incremental(&message, &mut PatchLog::inactive());
        assert_eq!(doc.heads(), [unrelated.hash()]);
        assert_eq!(doc.queued(), 1);
        let [kept] = doc.refused() else { panic!("{:?}", doc.refused()) };
        assert_eq!((kept.hash, kept.bytes()), (refused, &bytes[..]));
        assert!(matches!(kept.reason, RefusedReason::Malformed(ChangeError::NotCanonical)));
    }
}

#[test]
fn malformed_changes_are_not_kept_without_end() {
    let mut doc = Document::new();
    for n in 0..20 {
        let bytes = not_canonical(&[n; 100_000]);
        let error = doc.load_incremental(&bytes, &mut PatchLog::inactive()).unwrap_err();
        let is_kept = matches!(error.cause, LoadErrorCause::Apply(_));
        assert_eq!(is_kept, n < 10, "{n}: {error}");
    }
    assert_eq!(doc.refused().len(), 10);
}
