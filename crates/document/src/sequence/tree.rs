//! The B-trees of all sequences of a document, in one arena.

mod marks;

use crate::{
    op_id::OpId,
    sequence::{
        index::ElementIndex,
        run::{Removal, Run},
        summary::{Measure, Summary},
    },
};

#[cfg(not(test))]
const MAX_RUNS: usize = 16;
#[cfg(not(test))]
const MAX_CHILDREN: usize = 16;
// Small nodes make small tests meet every split.
#[cfg(test)]
const MAX_RUNS: usize = 4;
#[cfg(test)]
const MAX_CHILDREN: usize = 3;

const NONE: u32 = u32::MAX;

/// The number of a sequence in the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SequenceId(pub(crate) u32);

/// A place between or before elements: the element at `offset` of run `run` of a leaf.
///
/// `run` may be one past the last run of the leaf and `offset` the length of the run, which both
/// mean the place before what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) leaf: u32,
    pub(crate) run: usize,
    pub(crate) offset: u32,
}

/// All sequences of a document: B-trees of runs with widths in every inner node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sequences {
    leaves: Vec<Leaf>,
    inners: Vec<Inner>,
    roots: Vec<Root>,
    pub(crate) index: ElementIndex,
    /// The tables of elements that several operations deleted: each progression starts at the
    /// first element of the run that names the entry.
    pub(crate) several: Vec<Vec<(OpId, i8)>>,
    looked_at: Option<LookedAt>,
}

/// A sequence that is being filled.
#[derive(Debug)]
pub(crate) struct Filling {
    sequence: SequenceId,
    /// The last leaf, and the widths of what is in it.
    leaf: u32,
    summary: Summary,
    /// The leaves before it.
    full: Vec<Child>,
}

/// The leaf that was written to last: people go on where they are.
#[derive(Debug, Clone, Copy)]
struct LookedAt {
    sequence: SequenceId,
    leaf: u32,
    /// The widths of all before the leaf.
    before: Summary,
}

#[derive(Debug, Clone)]
struct Root {
    node: u32,
    /// How many levels of inner nodes there are above the leaves.
    height: u8,
    first_leaf: u32,
    total: Summary,
}

#[derive(Debug, Clone)]
struct Leaf {
    parent: u32,
    sequence: u32,
    next: u32,
    runs: Vec<Run>,
}

#[derive(Debug, Clone)]
struct Inner {
    parent: u32,
    /// 1 when the children are leaves.
    level: u8,
    children: Vec<Child>,
}

#[derive(Debug, Clone, Copy)]
struct Child {
    node: u32,
    summary: Summary,
}

impl Sequences {
    /// Makes an empty sequence.
    pub(crate) fn create(&mut self) -> SequenceId {
        let id = self.roots.len() as u32;
        let leaf = self.leaves.len() as u32;
        self.leaves.push(Leaf { parent: NONE, sequence: id, next: NONE, runs: Vec::new() });
        self.roots.push(Root {
            node: leaf,
            height: 0,
            first_leaf: leaf,
            total: Summary::default(),
        });
        SequenceId(id)
    }

    /// Takes back a sequence, which must be empty. Unless it was made last, it stays, unused.
    pub(crate) fn uncreate(&mut self, sequence: SequenceId) {
        if sequence.0 as usize + 1 == self.roots.len() {
            self.roots.pop();
        }
    }

    /// The widths of the whole sequence.
    pub(crate) fn total(&self, sequence: SequenceId) -> Summary {
        self.roots[sequence.0 as usize].total
    }

    /// The place before everything.
    pub(crate) fn start(&self, sequence: SequenceId) -> Place {
        Place { leaf: self.roots[sequence.0 as usize].first_leaf, run: 0, offset: 0 }
    }

    /// All runs in document order.
    pub(crate) fn runs(&self, sequence: SequenceId) -> impl Iterator<Item = &Run> {
        self.runs_from(self.start(sequence))
    }

    /// The runs from the one at `place` on, whole.
    pub(crate) fn runs_from(&self, place: Place) -> impl Iterator<Item = &Run> {
        let mut leaf = &self.leaves[place.leaf as usize];
        let mut at = place.run;
        std::iter::from_fn(move || {
            while at >= leaf.runs.len() {
                leaf = self.leaves.get(leaf.next as usize)?;
                at = 0;
            }
            at += 1;
            Some(&leaf.runs[at - 1])
        })
    }

    /// The run at a place, and the place moved into it when it stood at the end of another.
    pub(crate) fn run_at(&self, place: Place) -> Option<(Place, &Run)> {
        let mut place = place;
        loop {
            let leaf = &self.leaves[place.leaf as usize];
            match leaf.runs.get(place.run) {
                Some(run) if place.offset < run.len() => return Some((place, run)),
                Some(_) => place = Place { run: place.run + 1, offset: 0, ..place },
                None if leaf.next == NONE => return None,
                None => place = Place { leaf: leaf.next, run: 0, offset: 0 },
            }
        }
    }

    /// The sequence that a leaf belongs to.
    pub(crate) fn sequence_of(&self, leaf: u32) -> SequenceId {
        SequenceId(self.leaves[leaf as usize].sequence)
    }

    /// Whether one leaf comes after another.
    pub(crate) fn leaf_follows(&self, sequence: SequenceId, first: u32, second: u32) -> bool {
        debug_assert_eq!(self.sequence_of(first), sequence);
        let mut leaf = self.leaves[first as usize].next;
        while leaf != NONE {
            if leaf == second {
                return true;
            }
            leaf = self.leaves[leaf as usize].next;
        }
        false
    }

    /// Where an element is, visible or not.
    #[inline]
    pub(crate) fn find(&self, id: OpId) -> Option<Place> {
        let leaf = self.index.get(id.actor, id.counter)?;
        let runs = &self.leaves[leaf as usize].runs;
        let run = runs.iter().position(|run| run.contains(id))?;
        Some(Place { leaf, run, offset: id.counter - runs[run].id.counter })
    }

    /// The visible element that covers `position`, and the widths of all before its run.
    ///
    /// The offset in the run is in elements; positions inside an element belong to it.
    pub(crate) fn seek(
        &self,
        sequence: SequenceId,
        measure: Measure,
        position: u32,
        buffer: &str,
    ) -> Option<(Place, Summary)> {
        if position >= self.roots[sequence.0 as usize].total.get(measure) {
            return None;
        }
        if let Some(last) = self.looked_at
            && last.sequence == sequence
            && last.before.get(measure) <= position
            && let Some(found) =
                self.seek_in_leaf(last.leaf, last.before, measure, position, buffer)
        {
            return Some(found);
        }
        let (leaf, before) = self.seek_leaf(sequence, measure, position);
        self.seek_in_leaf(leaf, before, measure, position, buffer)
    }

    /// Keeps the leaf at a position in mind, so that the next looks near it are cheap.
    pub(crate) fn look_at(&mut self, sequence: SequenceId, measure: Measure, position: u32) {
        if let Some(last) = self.looked_at
            && last.sequence == sequence
            && last.before.get(measure) <= position
        {
            let mut end = last.before.get(measure);
            for run in &self.leaves[last.leaf as usize].runs {
                end += run.summary().get(measure);
                if end > position {
                    return;
                }
            }
        }
        self.looked_at = None;
        if position < self.roots[sequence.0 as usize].total.get(measure) {
            let (leaf, before) = self.seek_leaf(sequence, measure, position);
            self.looked_at = Some(LookedAt { sequence, leaf, before });
        }
    }

    /// The leaf that covers a position, and the widths of all before it.
    fn seek_leaf(&self, sequence: SequenceId, measure: Measure, position: u32) -> (u32, Summary) {
        let root = &self.roots[sequence.0 as usize];
        let mut before = Summary::default();
        let mut node = root.node;
        for _ in 0..root.height {
            let mut next = NONE;
            for child in &self.inners[node as usize].children {
                if before.get(measure) + child.summary.get(measure) > position {
                    next = child.node;
                    break;
                }
                before += child.summary;
            }
            debug_assert_ne!(next, NONE, "the widths of the children add up to the node's");
            node = next;
        }
        (node, before)
    }

    #[inline]
    fn seek_in_leaf(
        &self,
        leaf: u32,
        before: Summary,
        measure: Measure,
        position: u32,
        buffer: &str,
    ) -> Option<(Place, Summary)> {
        let mut before = before;
        for (at, run) in self.leaves[leaf as usize].runs.iter().enumerate() {
            let summary = run.summary();
            if before.get(measure) + summary.get(measure) > position {
                let inside = position - before.get(measure);
                let offset = offset_in_run(run, measure, inside, buffer);
                return Some((Place { leaf, run: at, offset }, before));
            }
            before += summary;
        }
        None
    }

    /// The widths of all that stands before the run of a place.
    pub(crate) fn widths_before(&self, place: Place) -> Summary {
        let leaf = &self.leaves[place.leaf as usize];
        let mut before = Summary::default();
        for run in &leaf.runs[..place.run.min(leaf.runs.len())] {
            before += run.summary();
        }
        let mut child = place.leaf;
        let mut parent = leaf.parent;
        while parent != NONE {
            let inner = &self.inners[parent as usize];
            for sibling in &inner.children {
                if sibling.node == child {
                    break;
                }
                before += sibling.summary;
            }
            child = parent;
            parent = inner.parent;
        }
        before
    }

    /// Puts a run of new elements at a place, joining it with the run before where it continues it.
    /// Gives the place of its first element.
    pub(crate) fn insert(&mut self, place: Place, run: Run, buffer: &str) -> Place {
        let leaf = &mut self.leaves[place.leaf as usize];
        let at = place.run;
        if place.offset == 0 || at >= leaf.runs.len() {
            if at > 0
                && let Some(joined) = leaf.runs[at - 1].joined(&run)
            {
                let offset = leaf.runs[at - 1].len();
                leaf.runs[at - 1] = joined;
                self.index.append(run.id.actor, run.id.counter, place.leaf);
                self.add(place.leaf, run.summary());
                return Place { run: at - 1, offset, ..place };
            }
            self.index.append(run.id.actor, run.id.counter, place.leaf);
            return self.splice(place.leaf, at, 0, &[run], Some(run.id));
        }
        let here = leaf.runs[at];
        if place.offset >= here.len() {
            return self.insert(Place { run: at + 1, offset: 0, ..place }, run, buffer);
        }
        let (left, right) = here.split(place.offset, buffer);
        let right = self.with_own_several(right, place.offset);
        self.index.append(run.id.actor, run.id.counter, place.leaf);
        self.splice(place.leaf, at, 1, &[left, run, right], Some(run.id))
    }

    /// Replaces `count` elements of the run at a place by what `change` makes of that part, and
    /// joins it with its neighbours where it then continues them. Gives the place of the part.
    pub(crate) fn update(
        &mut self,
        place: Place,
        count: u32,
        buffer: &str,
        change: impl FnOnce(&mut Run),
    ) -> Place {
        let runs = &self.leaves[place.leaf as usize].runs;
        let here = runs[place.run];
        let mut parts: [Run; 3] = [here; 3];
        let mut len = 0;
        let mut middle = here;
        if place.offset > 0 {
            let (left, rest) = here.split(place.offset, buffer);
            parts[0] = left;
            len = 1;
            middle = self.with_own_several(rest, place.offset);
        }
        let mut tail = None;
        if count < middle.len() {
            let (part, rest) = middle.split(count, buffer);
            middle = part;
            tail = Some(self.with_own_several(rest, count));
        }
        change(&mut middle);
        let id = middle.id;
        let runs = &self.leaves[place.leaf as usize].runs;
        let (mut from, mut taken) = (place.run, 1);
        if len == 0
            && from > 0
            && let Some(joined) = runs[from - 1].joined(&middle)
        {
            middle = joined;
            from -= 1;
            taken += 1;
        }
        match tail {
            None => {
                if let Some(next) = runs.get(place.run + 1)
                    && let Some(joined) = middle.joined(next)
                {
                    middle = joined;
                    taken += 1;
                }
                parts[len] = middle;
                len += 1;
            }
            Some(tail) => {
                parts[len] = middle;
                parts[len + 1] = tail;
                len += 2;
            }
        }
        self.splice(place.leaf, from, taken, &parts[..len], Some(id))
    }

    /// Notes that operations deleted `count` elements of the run at a place: `first` the first of
    /// them, the others following by `step`. Gives the place of the part.
    pub(crate) fn delete(
        &mut self,
        place: Place,
        count: u32,
        first: OpId,
        step: i8,
        buffer: &str,
    ) -> Place {
        let here = &self.leaves[place.leaf as usize].runs[place.run];
        let removal = match here.removal.at(place.offset) {
            Removal::None => Removal::By { first, step },
            Removal::By { first: earlier, step: earlier_step } => {
                self.several.push(vec![(earlier, earlier_step), (first, step)]);
                Removal::Several(self.several.len() as u32 - 1)
            }
            Removal::Several(entry) => {
                let mut all: Vec<_> = self.several[entry as usize]
                    .iter()
                    .map(|(id, step)| (id.stepped(*step, place.offset), *step))
                    .collect();
                all.push((first, step));
                self.several.push(all);
                Removal::Several(self.several.len() as u32 - 1)
            }
        };
        self.update(place, count, buffer, |run| run.removal = removal)
    }

    /// Takes back that the operation `deleted_by` deleted the element at a place.
    pub(crate) fn undelete(&mut self, place: Place, deleted_by: OpId, buffer: &str) {
        let here = &self.leaves[place.leaf as usize].runs[place.run];
        let removal = match here.removal.at(place.offset) {
            Removal::Several(entry) => {
                let rest: Vec<_> = self.several[entry as usize]
                    .iter()
                    .map(|(id, step)| (id.stepped(*step, place.offset), 1))
                    .filter(|(id, _)| *id != deleted_by)
                    .collect();
                match rest[..] {
                    [(first, step)] => Removal::By { first, step },
                    _ => {
                        self.several.push(rest);
                        Removal::Several(self.several.len() as u32 - 1)
                    }
                }
            }
            _ => Removal::None,
        };
        self.update(place, 1, buffer, |run| run.removal = removal);
    }

    /// The deletions of the first element of a run, each with the step to the next element's.
    pub(crate) fn removals(&self, removal: Removal) -> smallvec::SmallVec<[(OpId, i8); 2]> {
        match removal {
            Removal::None => smallvec::SmallVec::new(),
            Removal::By { first, step } => smallvec::smallvec![(first, step)],
            Removal::Several(entry) => self.several[entry as usize].iter().copied().collect(),
        }
    }

    /// Takes the elements of the run at a place away, `count` of them.
    pub(crate) fn remove(&mut self, place: Place, count: u32, buffer: &str) {
        let here = self.leaves[place.leaf as usize].runs[place.run];
        let mut parts = [here; 2];
        let mut len = 0;
        if place.offset > 0 {
            parts[0] = here.split(place.offset, buffer).0;
            len = 1;
        }
        let end = place.offset + count;
        if end < here.len() {
            let rest = here.split(end, buffer).1;
            parts[len] = self.with_own_several(rest, end);
            len += 1;
        }
        self.splice(place.leaf, place.run, 1, &parts[..len], None);
    }

    /// Begins to fill an empty sequence with runs in order, none of which continues the one before.
    pub(crate) fn begin_fill(&self, sequence: SequenceId) -> Filling {
        let root = &self.roots[sequence.0 as usize];
        debug_assert!(root.height == 0 && self.leaves[root.first_leaf as usize].runs.is_empty());
        let (leaf, summary) = (root.first_leaf, Summary::default());
        Filling { sequence, leaf, summary, full: Vec::new() }
    }

    /// Appends runs. The index is left to be filled with `places`, to which the actor, counter and leaf
    /// of each run are added.
    pub(crate) fn fill(
        &mut self,
        filling: &mut Filling,
        runs: impl IntoIterator<Item = Run>,
        places: &mut Vec<(u32, u32, u32)>,
    ) {
        for run in runs {
            // Three quarters full, so that the first edits do not split every leaf.
            if self.leaves[filling.leaf as usize].runs.len() >= MAX_RUNS * 3 / 4 {
                filling.full.push(Child { node: filling.leaf, summary: filling.summary });
                filling.summary = Summary::default();
                let next = self.leaves.len() as u32;
                self.leaves[filling.leaf as usize].next = next;
                self.leaves.push(Leaf {
                    parent: NONE,
                    sequence: filling.sequence.0,
                    next: NONE,
                    runs: Vec::with_capacity(MAX_RUNS),
                });
                filling.leaf = next;
            }
            filling.summary += run.summary();
            places.push((run.id.actor, run.id.counter, filling.leaf));
            self.leaves[filling.leaf as usize].runs.push(run);
        }
    }

    /// Puts the inner nodes over the leaves.
    pub(crate) fn end_fill(&mut self, filling: Filling) {
        let Filling { sequence, leaf, summary, full: mut level } = filling;
        level.push(Child { node: leaf, summary });
        let mut height = 0;
        while level.len() > 1 {
            height += 1;
            let mut above = Vec::with_capacity(level.len() / 2);
            for children in level.chunks((MAX_CHILDREN * 3 / 4).max(2)) {
                let node = self.inners.len() as u32;
                let mut summary = Summary::default();
                for child in children {
                    summary += child.summary;
                    self.set_parent(child.node, height - 1, node);
                }
                self.inners.push(Inner {
                    parent: NONE,
                    level: height,
                    children: children.to_vec(),
                });
                above.push(Child { node, summary });
            }
            level = above;
        }
        let root = &mut self.roots[sequence.0 as usize];
        root.node = level[0].node;
        root.height = height;
        root.total = level[0].summary;
    }

    /// Gives the second part of a run cut at `offset` its own entry of the table of several
    /// deletions, when it names one.
    fn with_own_several(&mut self, run: Run, offset: u32) -> Run {
        let Removal::Several(entry) = run.removal else { return run };
        let shifted = self.several[entry as usize]
            .iter()
            .map(|(first, step)| (first.stepped(*step, offset), *step))
            .collect();
        self.several.push(shifted);
        Run { removal: Removal::Several(self.several.len() as u32 - 1), ..run }
    }

    /// Adds to the widths of a leaf and all above it.
    #[inline]
    fn add(&mut self, leaf: u32, difference: Summary) {
        if difference == Summary::default() {
            return;
        }
        let Leaf { mut parent, sequence, .. } = self.leaves[leaf as usize];
        if self.looked_at.is_some_and(|last| last.leaf != leaf) {
            self.looked_at = None;
        }
        let mut child = leaf;
        while parent != NONE {
            let inner = &mut self.inners[parent as usize];
            let at = inner.position(child);
            inner.children[at].summary += difference;
            child = parent;
            parent = inner.parent;
        }
        self.roots[sequence as usize].total += difference;
    }

    /// Replaces runs of a leaf, keeps widths and index true and splits what grows too large.
    /// Gives the place of `wanted`.
    fn splice(
        &mut self,
        leaf: u32,
        from: usize,
        taken: usize,
        new: &[Run],
        wanted: Option<OpId>,
    ) -> Place {
        let mut difference = Summary::default();
        let runs = &mut self.leaves[leaf as usize].runs;
        for run in &runs[from..from + taken] {
            difference -= run.summary();
        }
        for run in new {
            difference += run.summary();
        }
        if taken == new.len() {
            runs[from..from + taken].copy_from_slice(new);
        } else {
            runs.splice(from..from + taken, new.iter().copied());
        }
        let overfull = runs.len() > MAX_RUNS;
        self.add(leaf, difference);
        let mut place = Place { leaf, run: from, offset: 0 };
        if overfull {
            let right = self.split_leaf(leaf);
            let left_len = self.leaves[leaf as usize].runs.len();
            if from >= left_len {
                place = Place { leaf: right, run: from - left_len, offset: 0 };
            }
        }
        let Some(id) = wanted else { return place };
        loop {
            let leaf = &self.leaves[place.leaf as usize];
            match leaf.runs.get(place.run) {
                Some(run) if run.contains(id) => {
                    place.offset = id.counter - run.id.counter;
                    return place;
                }
                Some(_) => place.run += 1,
                None => place = Place { leaf: leaf.next, run: 0, offset: 0 },
            }
        }
    }

    /// Moves the second half of a leaf's runs to a new leaf after it.
    fn split_leaf(&mut self, leaf: u32) -> u32 {
        let right = self.leaves.len() as u32;
        let old = &mut self.leaves[leaf as usize];
        // Typing goes on at the end: a leaf that is last stays nearly full.
        let keep = if old.next == NONE { old.runs.len() - 2 } else { old.runs.len() / 2 };
        let mut runs = Vec::with_capacity(MAX_RUNS + 2);
        runs.extend(old.runs.drain(keep..));
        let (parent, sequence, next) = (old.parent, old.sequence, old.next);
        old.next = right;
        let mut summary = Summary::default();
        for run in &runs {
            summary += run.summary();
            self.index.set(run.id.actor, run.id.counter, run.len(), right);
        }
        self.leaves.push(Leaf { parent, sequence, next, runs });
        self.add_sibling(sequence, 0, leaf, parent, Child { node: right, summary });
        right
    }

    /// Puts a new node, whose widths were the left one's before, after it below its parent.
    fn add_sibling(&mut self, sequence: u32, level: u8, left: u32, parent: u32, right: Child) {
        if parent == NONE {
            let node = self.inners.len() as u32;
            let root = &mut self.roots[sequence as usize];
            let mut rest = root.total;
            rest -= right.summary;
            root.node = node;
            root.height = level + 1;
            let children = vec![Child { node: left, summary: rest }, right];
            self.inners.push(Inner { parent: NONE, level: level + 1, children });
            self.set_parent(left, level, node);
            self.set_parent(right.node, level, node);
            return;
        }
        let inner = &mut self.inners[parent as usize];
        let at = inner.position(left);
        inner.children[at].summary -= right.summary;
        inner.children.insert(at + 1, right);
        if inner.children.len() <= MAX_CHILDREN {
            return;
        }
        let keep = inner.children.len() / 2;
        let children = inner.children.split_off(keep);
        let (above, level) = (inner.parent, inner.level);
        let node = self.inners.len() as u32;
        let mut summary = Summary::default();
        for child in &children {
            summary += child.summary;
            self.set_parent(child.node, level - 1, node);
        }
        self.inners.push(Inner { parent: above, level, children });
        self.add_sibling(sequence, level, parent, above, Child { node, summary });
    }

    /// Checks that widths add up, that parents and children know each other, that neighbours that
    /// could be one run are, and that no node is too large.
    #[cfg(test)]
    pub(crate) fn check_invariants(&self, sequence: SequenceId) {
        let root = &self.roots[sequence.0 as usize];
        let mut leaves = Vec::new();
        let total = self.check_node(root.node, root.height, NONE, &mut leaves);
        assert_eq!(total, root.total);
        assert_eq!(leaves[0], root.first_leaf);
        for (at, leaf) in leaves.iter().enumerate() {
            let leaf = &self.leaves[*leaf as usize];
            assert_eq!(leaf.sequence, sequence.0);
            assert_eq!(leaf.next, leaves.get(at + 1).copied().unwrap_or(NONE));
            assert!(leaf.runs.len() <= MAX_RUNS + 1);
        }
    }

    #[cfg(test)]
    fn check_node(&self, node: u32, level: u8, parent: u32, leaves: &mut Vec<u32>) -> Summary {
        let mut total = Summary::default();
        if level == 0 {
            let leaf = &self.leaves[node as usize];
            assert_eq!(leaf.parent, parent);
            leaves.push(node);
            leaf.runs.iter().for_each(|run| total += run.summary());
            return total;
        }
        let inner = &self.inners[node as usize];
        assert_eq!((inner.parent, inner.level), (parent, level));
        assert!(inner.children.len() <= MAX_CHILDREN);
        for child in &inner.children {
            let summary = self.check_node(child.node, level - 1, node, leaves);
            assert_eq!(summary, child.summary);
            total += summary;
        }
        total
    }

    fn set_parent(&mut self, node: u32, level: u8, parent: u32) {
        if level == 0 {
            self.leaves[node as usize].parent = parent;
        } else {
            self.inners[node as usize].parent = parent;
        }
    }
}

impl Inner {
    #[inline]
    fn position(&self, child: u32) -> usize {
        self.children
            .iter()
            .position(|entry| entry.node == child)
            .expect("invariant: a node stands among its parent's children")
    }
}

/// Which element of a visible run covers a position inside it.
fn offset_in_run(run: &Run, measure: Measure, inside: u32, buffer: &str) -> u32 {
    use crate::sequence::run::RunKind;
    if run.kind != RunKind::Text {
        return 0;
    }
    match measure {
        Measure::Elements | Measure::Points => inside,
        _ if run.is_ascii() => inside,
        _ => {
            let mut passed = 0;
            let mut offset = 0;
            for c in run.text(buffer).chars() {
                passed +=
                    if measure == Measure::Utf8 { c.len_utf8() } else { c.len_utf16() } as u32;
                if passed > inside {
                    break;
                }
                offset += 1;
            }
            offset
        }
    }
}
