//! Words that are in a note twice, as they came on two ways: in a file that a file-sync tool copied, and
//! with the notes.
//!
//! Two versions that do not know of each other and say the same text are one text that was read or
//! written twice; so what they say together must be that text again. What only one of them has is put
//! beside what only the other one has, character by character, and of those that are the same the first
//! stays, in an order that is the same everywhere and for ever: typed ones come before those that were
//! taken from a file, and else the order is that of the document, which counts what is deleted, too. The
//! first of a word's copies is therefore never taken out, whichever machine looks, whatever it knows, and
//! in which order it hears of the others. As the first one stays, what was written on after any of them
//! still stands behind it.

mod contained;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use rejoin_document::{ActorId, ChangeHash, Cursor, CursorSide, Document, TextUnit, View};
use rejoin_notes::change_set::{ChangeSet, Section, Splice, utf16_len};
use rejoin_notes::note::Note;

use super::{FROM_FILE, LOOK_BACK, changes, is_among, is_from_file, version_of, versions};
use crate::memory::Version;

/// How many pairs of versions that say the same are looked at.
const PAIRS: usize = 400;

/// How many units of text are passed over at most to find characters that are gone.
const WORK: usize = 20_000_000;

/// More copies are not remembered; they are found again as long as it can be told from versions.
const MOST_COPIES: usize = 200_000;

/// What is known of the versions of a note, so that each is read once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Digests of what they say.
    digests: HashMap<Vec<ChangeHash>, u64>,
    /// Pairs of them that were put beside one another.
    compared: HashSet<(Vec<ChangeHash>, Vec<ChangeHash>)>,
    /// Pairs of changes that were.
    contained: HashSet<(ChangeHash, ChangeHash)>,
    copies: Copies,
}

/// A character that was written once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Written {
    from_file: bool,
    actor: ActorId,
    counter: u32,
}

/// Which characters are copies of one another.
#[derive(Debug, Clone, Default)]
struct Copies {
    groups: Vec<BTreeSet<Written>>,
    group_of: HashMap<Written, usize>,
    /// Groups of which more than one may be in the note.
    open: BTreeSet<usize>,
}

impl Copies {
    fn join(&mut self, one: Written, other: Written) {
        let [one, other] = [one, other].map(|written| match self.group_of.get(&written) {
            Some(group) => *group,
            None => {
                self.group_of.insert(written.clone(), self.groups.len());
                self.groups.push(BTreeSet::from([written]));
                self.groups.len() - 1
            }
        });
        if one != other {
            for written in std::mem::take(&mut self.groups[other]) {
                self.group_of.insert(written.clone(), one);
                self.groups[one].insert(written);
            }
            self.open.remove(&other);
        }
        self.open.insert(one);
    }
}

/// What to take out of a note so that nothing is there twice that versions of it say once; nothing when
/// it is so. `held` are versions from which this machine wrote the note's file.
pub(crate) fn doubles<'v>(
    document: &Document,
    held: impl IntoIterator<Item = &'v Version>,
    known: &mut Known,
) -> Option<ChangeSet> {
    if document.draft_len() > 0 || !may_have_doubles(document) {
        return None;
    }
    let held = held.into_iter().filter(|version| version.draft == 0);
    let held = held.map(|version| version.heads.clone());
    let mut digests = HashMap::new();
    let mut by_text: BTreeMap<u64, Vec<Vec<ChangeHash>>> = BTreeMap::new();
    for mut heads in versions(document).chain(held) {
        heads.sort_unstable();
        if heads.is_empty() || digests.contains_key(&heads) {
            continue;
        }
        let said = known.digests.get(&heads).copied();
        let Some(digest) = said.or_else(|| digest(document, &heads)) else { continue };
        digests.insert(heads.clone(), digest);
        by_text.entry(digest).or_default().push(heads);
    }
    if known.copies.group_of.len() > MOST_COPIES {
        *known = Known::default();
    }
    known.compared.retain(|(one, other)| digests.contains_key(one) && digests.contains_key(other));
    known.digests = digests;
    let mut compared: Option<Compared<'_>> = None;
    let mut left = PAIRS;
    for mut versions in by_text.into_values() {
        versions.sort_unstable();
        for (at, one) in versions.iter().enumerate() {
            for other in &versions[at + 1..] {
                let pair = (one.clone(), other.clone());
                if left == 0 || known.compared.contains(&pair) {
                    continue;
                }
                left -= 1;
                known.compared.insert(pair);
                if !knows(document, one, other) && !knows(document, other, one) {
                    if compared.is_none() {
                        compared = Some(Compared::of(document)?);
                    }
                    if let Some(compared) = &compared {
                        compared.look(one, other, &mut known.copies);
                    }
                }
            }
        }
    }
    let apart = contained::apart(document);
    let pairs: HashSet<_> = apart.iter().map(|it| (it.one, it.other)).collect();
    known.contained.retain(|pair| pairs.contains(pair));
    for apart in apart {
        if known.contained.insert((apart.one, apart.other)) {
            if compared.is_none() {
                compared = Some(Compared::of(document)?);
            }
            if let Some(compared) = &compared {
                contained::look(compared, &apart, &mut known.copies);
            }
        }
    }
    known.copies.out(document)
}

fn digest(document: &Document, heads: &[ChangeHash]) -> Option<u64> {
    let text = Note::text_at(document, heads).ok()?;
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    Some(hasher.finish())
}

/// Whether something was taken from a file lately, and changes did not all follow one another.
fn may_have_doubles(document: &Document) -> bool {
    let count = document.change_count();
    let last = count.saturating_sub(LOOK_BACK)..count;
    let hashes: Vec<ChangeHash> = last.filter_map(|at| document.hash_at(at)).collect();
    let follows = |pair: &[ChangeHash]| document.deps(&pair[1]).as_deref() == Some(&pair[..1]);
    !hashes.windows(2).all(follows) && hashes.iter().any(|hash| is_from_file(document, hash))
}

/// Whether everything of one version is in another.
fn knows(document: &Document, version: &[ChangeHash], other: &[ChangeHash]) -> bool {
    other.iter().all(|hash| is_among(document, hash, version))
}

/// Puts versions of a note beside one another.
struct Compared<'d> {
    document: &'d Document,
    note: Note,
    now: Version,
    /// The changes of each actor that were taken from files, by their first operation, with the last.
    from_files: HashMap<ActorId, BTreeMap<u64, u64>>,
}

impl<'d> Compared<'d> {
    fn of(document: &'d Document) -> Option<Self> {
        let note = Note::find(&document.view()).ok()?;
        let mut from_files: HashMap<ActorId, BTreeMap<u64, u64>> = HashMap::new();
        for meta in document.metadata().filter(|meta| meta.message.as_deref() == Some(FROM_FILE)) {
            from_files.entry(meta.actor).or_default().insert(meta.start_op, meta.max_op);
        }
        Some(Self { document, note, now: version_of(document), from_files })
    }

    /// Finds copies in two versions that may say the same.
    fn look(&self, one: &[ChangeHash], other: &[ChangeHash], copies: &mut Copies) -> Option<()> {
        let text = Note::text_at(self.document, one).ok()?;
        if Note::text_at(self.document, other).ok()? != text {
            return None;
        }
        let version = |heads: &[ChangeHash]| Version { heads: heads.to_vec(), draft: 0 };
        let apart = changes(self.document, &version(one), &version(other), &text)?;
        if apart.is_identity() {
            return None;
        }
        let units: Vec<u16> = text.encode_utf16().collect();
        let mut at_one = Places::of(self, one, &text)?;
        let mut at_other = Places::of(self, other, &text)?;
        for (mine, theirs) in couples(&apart, &units) {
            if let (Some(mine), Some(theirs)) = (at_one.written(mine), at_other.written(theirs)) {
                copies.join(mine, theirs);
            }
        }
        Some(())
    }
}

/// The characters of a version.
struct Places<'c, 'd> {
    compared: &'c Compared<'d>,
    then: View<'d>,
    to_now: ChangeSet,
    /// How much work may still go into finding characters that are not in the note any more.
    left: usize,
    length: usize,
}

impl<'c, 'd> Places<'c, 'd> {
    fn of(compared: &'c Compared<'d>, heads: &[ChangeHash], text: &str) -> Option<Self> {
        let then = compared.document.at(heads).ok()?;
        let version = Version { heads: heads.to_vec(), draft: 0 };
        let to_now = changes(compared.document, &version, &compared.now, text)?;
        Some(Self { compared, then, to_now, left: WORK, length: text.len() })
    }

    fn written(&mut self, at: usize) -> Option<Written> {
        let Compared { document, note, from_files, .. } = self.compared;
        let cursor = match place(&self.to_now, at) {
            Some(at) => {
                document.view().cursor(note.content, at, TextUnit::Utf16, CursorSide::After)
            }
            None => {
                self.left = self.left.checked_sub(self.length)?;
                self.then.cursor(note.content, at, TextUnit::Utf16, CursorSide::After)
            }
        };
        let Cursor::Element { counter, actor, .. } = cursor.ok()? else { return None };
        let changes = from_files.get(&actor);
        let change = changes.and_then(|it| it.range(..=u64::from(counter)).next_back());
        let from_file = change.is_some_and(|(_, last)| u64::from(counter) <= *last);
        Some(Written { from_file, actor, counter })
    }
}

impl Copies {
    /// What to take out of the note so that it has one of each group.
    fn out(&mut self, document: &Document) -> Option<ChangeSet> {
        let note = Note::find(&document.view()).ok()?;
        let mut out: Vec<Range<usize>> = Vec::new();
        let groups = &self.groups;
        self.open.retain(|group| {
            let here = groups[*group].iter();
            let here = here.filter_map(|it| Some((it.from_file, is_at(document, note, it)?)));
            let mut here: Vec<(bool, Range<usize>)> = here.collect();
            here.sort_unstable_by_key(|(from_file, at)| (*from_file, at.start));
            // What was typed is not taken out.
            let goes = here.into_iter().skip(1).filter(|(from_file, _)| *from_file);
            let before = out.len();
            out.extend(goes.map(|(_, at)| at));
            out.len() > before
        });
        out.sort_unstable_by_key(|range| range.start);
        let mut at = 0;
        let mut sections = Vec::new();
        for range in &out {
            sections.push(Section::Keep(range.start - at));
            sections.push(Section::Replace { deleted: range.len(), inserted: String::new() });
            at = range.end;
        }
        sections.push(Section::Keep(utf16_len(&note.text(&document.view())) - at));
        (!out.is_empty()).then(|| ChangeSet::from_sections(sections))
    }
}

/// Where a character is in the note now.
fn is_at(document: &Document, note: Note, written: &Written) -> Option<Range<usize>> {
    let (view, side) = (document.view(), CursorSide::After);
    let cursor = Cursor::Element { counter: written.counter, actor: written.actor.clone(), side };
    let at = view.cursor_position(note.content, &cursor, TextUnit::Utf16).ok()?;
    let is_here =
        |at| view.cursor(note.content, at, TextUnit::Utf16, side).ok() == Some(cursor.clone());
    // A character of two units is one element.
    is_here(at).then(|| at..at + 1 + usize::from(is_here(at + 1)))
}

/// Of a text that two versions say, the places of what only the first has, each with that of the same
/// character that only the second has.
fn couples(apart: &ChangeSet, units: &[u16]) -> Vec<(usize, usize)> {
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    for Splice { at, new_at, deleted, inserted } in apart.replacements() {
        mine.extend(at..at + deleted);
        theirs.extend(new_at..new_at + utf16_len(inserted));
    }
    let mut found = Vec::new();
    // Most stand at the same place. Where the text repeats, what only one has may stand elsewhere.
    let (same, mine): (Vec<usize>, Vec<usize>) =
        mine.into_iter().partition(|at| theirs.binary_search(at).is_ok());
    found.extend(same.iter().map(|at| (*at, *at)));
    theirs.retain(|at| same.binary_search(at).is_err());
    let mut free: HashMap<u16, VecDeque<usize>> = HashMap::new();
    for at in theirs {
        free.entry(units[at]).or_default().push_back(at);
    }
    for at in mine {
        if let Some(other) = free.get_mut(&units[at]).and_then(|free| free.pop_front()) {
            found.push((at, other));
        }
    }
    found
}

/// Where a character is after a change; nothing when that took it out.
fn place(changes: &ChangeSet, place: usize) -> Option<usize> {
    let (mut at, mut after) = (0, 0);
    for splice in changes.replacements().take_while(|splice| splice.at <= place) {
        at = splice.at + splice.deleted;
        after = splice.new_at + utf16_len(splice.inserted);
    }
    let is_there = (at..changes.len_before()).contains(&place);
    is_there.then(|| after + place - at)
}

#[cfg(test)]
mod tests {
    use rejoin_document::{CommitOptions, PatchLog};
    use rejoin_notes::editing::EditedText;
    use rejoin_notes::note::NoteWriter;

    use super::*;

    fn text(document: &Document) -> String {
        Note::find(&document.view()).unwrap().text(&document.view())
    }

    fn says(document: &mut Document, actor: u8, text: &str, message: Option<&str>) {
        let mut tx = document.transaction(&ActorId::new(&[actor; 16]));
        let note = Note::find(&tx.view()).unwrap();
        let changes = ChangeSet::between(&note.text(&tx.view()), text);
        NoteWriter::new(&mut tx, note).apply(&changes).unwrap();
        tx.commit(CommitOptions { message: message.map(str::to_owned), ..Default::default() });
    }

    fn note() -> Document {
        let mut document = Document::new();
        let mut tx = document.transaction(&ActorId::new(&[99; 16]));
        Note::create(&mut tx, "a\nb\n").unwrap();
        tx.commit(CommitOptions::default());
        document
    }

    fn takes_in(document: &mut Document, actor: u8, text: &str) {
        says(document, actor, text, Some(FROM_FILE));
    }

    fn all(documents: &[Document]) -> Document {
        let mut all = documents[0].fork();
        for other in documents.iter() {
            all.merge(other, &mut PatchLog::inactive()).unwrap();
        }
        all
    }

    /// What is left, when everything that is there twice is out.
    fn united(mut document: Document) -> String {
        let out = doubles(&document, [], &mut Known::default());
        if let Some(out) = out {
            let united = out.apply(&text(&document)).unwrap();
            says(&mut document, 7, &united, Some(FROM_FILE));
        }
        assert_eq!(doubles(&document, [], &mut Known::default()), None);
        text(&document)
    }

    #[test]
    fn what_two_machines_took_from_one_file_is_there_once() {
        let mut documents = [note(), note()];
        takes_in(&mut documents[0], 1, "a\nx\nb\n");
        takes_in(&mut documents[0], 1, "a\nx\ny\nb\n");
        takes_in(&mut documents[1], 2, "a\nx\ny\nb\n");
        assert_eq!(united(all(&documents)), "a\nx\ny\nb\n");
    }

    #[test]
    fn what_was_typed_stays_whoever_else_took_it_from_a_file() {
        let mut documents = [note(), note()];
        says(&mut documents[0], 5, "a\nx\nb\n", None);
        takes_in(&mut documents[1], 2, "a\nx\nb\n");
        let mut both = all(&documents);
        let out = doubles(&both, [], &mut Known::default()).unwrap();
        let left = out.apply(&text(&both)).unwrap();
        says(&mut both, 7, &left, None);
        assert_eq!(left, "a\nx\nb\n");
        let view = both.view();
        let cursor =
            view.cursor(Note::find(&view).unwrap().content, 2, TextUnit::Utf16, CursorSide::After);
        assert!(matches!(cursor, Ok(Cursor::Element { actor, .. }) if actor.as_bytes()[0] == 5));
    }

    #[test]
    fn one_of_three_copies_stays_when_two_have_only_the_third_in_common() {
        let mut documents = [note(), note(), note()];
        takes_in(&mut documents[2], 3, "a\nx\nb\n");
        takes_in(&mut documents[1], 2, "a\nx\nb\n");
        says(&mut documents[2], 3, "a\nx\ny\nb\n", None);
        takes_in(&mut documents[0], 1, "a\nx\ny\nb\n");
        assert_eq!(united(all(&documents)), "a\nx\ny\nb\n");
    }

    #[test]
    fn a_word_that_comes_back_is_no_copy_of_the_one_that_went() {
        let mut documents = [note(), note()];
        takes_in(&mut documents[0], 1, "a\nx\nb\n");
        takes_in(&mut documents[0], 1, "a\nb\n");
        takes_in(&mut documents[0], 1, "a\nx\nb\n");
        says(&mut documents[1], 2, "a\nb\nc\n", None);
        assert_eq!(united(all(&documents)), "a\nx\nb\nc\n");
    }
}
