//! The list of notes that a person sees, put together from folder documents.
//!
//! Folders name notes and other folders by their urls, and each folder document is edited and
//! merged by itself. So a note can be listed twice, or folders can contain each other, when people
//! move things at the same time. The tree shows everything once: at the place where it was put
//! last, unless that would cut it off from the root.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What a folder document lists under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name that the one who listed it knew; the note's own title is newer.
    pub name: String,
    /// What kind of document it is, by the `type` of its `@patchwork` key.
    pub kind: EntryKind,
    /// The document's url.
    pub url: String,
    /// When it was put here, in milliseconds; 0 when the entry does not say.
    pub added: i64,
    /// The folder that it was moved from into the trash.
    pub from: Option<String>,
}

/// What an entry of a folder leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A note in Markdown.
    Note,
    /// Another folder.
    Folder,
    /// Something that other programs know; it is kept and shown by its name only.
    Other(String),
}

/// A folder document, as read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Folder {
    /// The folder's title.
    pub title: String,
    /// What it lists, in order.
    pub entries: Vec<Entry>,
}

/// One place in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The entry that put it there.
    pub entry: Entry,
    /// The folder's content, in the order of the folder; empty for everything else, and for a
    /// folder that was not read yet.
    pub children: Vec<Node>,
}

/// What [`assemble`] put together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    /// What the root folders hold, in the order of the roots.
    pub roots: Vec<Vec<Node>>,
    /// Folders that are listed but were not among those given.
    pub missing: BTreeSet<String>,
}

/// Puts together what the folders `roots` show, each document once over all of them.
pub fn assemble(roots: &[&str], folders: &BTreeMap<String, Folder>) -> Tree {
    let listing = Listing::read(roots, folders);
    let parents = listing.parents(roots);
    let mut shown = BTreeSet::new();
    let mut tree = Tree { missing: listing.missing.clone(), ..Tree::default() };
    for root in roots {
        tree.roots.push(children(root, folders, &parents, &mut shown));
    }
    tree
}

/// Every place where the roots and what they contain list something.
#[derive(Default)]
struct Listing<'a> {
    places: Vec<Placement<'a>>,
    /// The folder through which each document was reached first.
    reached: BTreeMap<&'a str, &'a str>,
    missing: BTreeSet<String>,
}

struct Placement<'a> {
    url: &'a str,
    folder: &'a str,
    added: i64,
    order: usize,
}

impl<'a> Listing<'a> {
    fn read(roots: &[&'a str], folders: &'a BTreeMap<String, Folder>) -> Self {
        let mut listing = Self::default();
        let mut seen: BTreeSet<&str> = roots.iter().copied().collect();
        let mut waiting: VecDeque<&'a str> = roots.iter().copied().collect();
        while let Some(url) = waiting.pop_front() {
            let Some(folder) = folders.get(url) else {
                listing.missing.insert(url.to_owned());
                continue;
            };
            for entry in &folder.entries {
                if roots.contains(&entry.url.as_str()) {
                    continue;
                }
                let order = listing.places.len();
                listing.places.push(Placement {
                    url: &entry.url,
                    folder: url,
                    added: entry.added,
                    order,
                });
                if seen.insert(&entry.url) {
                    listing.reached.insert(&entry.url, url);
                    if entry.kind == EntryKind::Folder {
                        waiting.push_back(&entry.url);
                    }
                }
            }
        }
        listing
    }

    /// The folder that shows each document: the newest that lists it and is not inside it.
    fn parents(&self, roots: &[&str]) -> BTreeMap<&'a str, &'a str> {
        let mut newest: Vec<&Placement<'a>> = self.places.iter().collect();
        newest.sort_by_key(|place| (-place.added, place.order));
        let mut parents: BTreeMap<&'a str, &'a str> = BTreeMap::new();
        for place in newest {
            if !parents.contains_key(place.url) && !leads_to(place.folder, place.url, &parents) {
                parents.insert(place.url, place.folder);
            }
        }
        // Folders that were moved into each other hang together but nowhere else. They go back to
        // where they were reached from.
        let mut cut_off: Vec<&str> = Vec::new();
        for url in self.reached.keys() {
            if !roots.iter().any(|root| leads_to(url, root, &parents)) {
                cut_off.push(url);
            }
        }
        for url in cut_off {
            parents.insert(url, self.reached[url]);
        }
        parents
    }
}

/// Whether going up from `from` comes by `to`.
fn leads_to(from: &str, to: &str, parents: &BTreeMap<&str, &str>) -> bool {
    let mut at = from;
    for _ in 0..=parents.len() {
        if at == to {
            return true;
        }
        match parents.get(at) {
            Some(parent) => at = parent,
            None => return false,
        }
    }
    false
}

fn children(
    folder: &str,
    folders: &BTreeMap<String, Folder>,
    parents: &BTreeMap<&str, &str>,
    shown: &mut BTreeSet<String>,
) -> Vec<Node> {
    let Some(listed) = folders.get(folder) else { return Vec::new() };
    let mut newest: BTreeMap<&str, i64> = BTreeMap::new();
    for entry in &listed.entries {
        let added = newest.entry(&entry.url).or_insert(entry.added);
        *added = entry.added.max(*added);
    }
    let mut nodes = Vec::new();
    for entry in &listed.entries {
        let here = parents.get(entry.url.as_str()) == Some(&folder);
        if here && newest[entry.url.as_str()] == entry.added && shown.insert(entry.url.clone()) {
            let children = match entry.kind {
                EntryKind::Folder => children(&entry.url, folders, parents, shown),
                EntryKind::Note | EntryKind::Other(_) => Vec::new(),
            };
            nodes.push(Node { entry: entry.clone(), children });
        }
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A listing such as `home: a, Work/ @5`, with `@` for the time and `/` for folders.
    fn folders(lines: &[&str]) -> BTreeMap<String, Folder> {
        lines
            .iter()
            .map(|line| {
                let (url, entries) = line.split_once(':').unwrap();
                let entries = entries.split(',').filter(|entry| !entry.trim().is_empty());
                let folder = Folder { title: url.into(), entries: entries.map(entry).collect() };
                (url.to_owned(), folder)
            })
            .collect()
    }

    fn entry(text: &str) -> Entry {
        let (name, added) = text.split_once('@').unwrap_or((text, "0"));
        let name = name.trim();
        let kind = if name.ends_with('/') { EntryKind::Folder } else { EntryKind::Note };
        let url = name.trim_end_matches('/').to_owned();
        Entry { name: url.clone(), kind, url, added: added.trim().parse().unwrap(), from: None }
    }

    fn show(nodes: &[Node]) -> String {
        nodes
            .iter()
            .map(|node| match node.entry.kind {
                EntryKind::Folder => format!("{}[{}]", node.entry.url, show(&node.children)),
                _ => node.entry.url.clone(),
            })
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[track_caller]
    fn check(lines: &[&str], expected: &[&str]) {
        let tree = assemble(&["home", "trash"], &folders(lines));
        let shown: Vec<String> = tree.roots.iter().map(|nodes| show(nodes)).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn folders_show_their_content_in_order() {
        check(&["home: b, work/, a", "work: c", "trash: d"], &["b work[c] a", "d"]);
    }

    #[test]
    fn a_note_listed_twice_is_shown_at_its_newest_place() {
        check(&["home: a@1, work/", "work: a@2", "trash:"], &["work[a]", ""]);
        check(&["home: a@3, work/", "work: a@2", "trash:"], &["a work[]", ""]);
        check(&["home: a@1, b, a@2", "trash:"], &["b a", ""]);
        check(&["home: a, b, a", "trash:"], &["a b", ""]);
        check(&["home: a@1", "trash: a@2"], &["", "a"]);
    }

    #[test]
    fn folders_inside_each_other_are_still_shown() {
        check(&["home: x/@1, y/@1", "x: y/@2, a", "y: x/@3, b", "trash:"], &["y[x[a] b]", ""]);
        check(&["home: x/@1", "x: y/@2", "y: x/@3, b", "trash:"], &["x[y[b]]", ""]);
        check(&["home: home/, x/", "x: home/, x/", "trash:"], &["x[]", ""]);
    }

    #[test]
    fn a_folder_that_was_not_read_is_named() {
        let tree = assemble(&["home"], &folders(&["home: work/, a"]));
        assert_eq!(show(&tree.roots[0]), "work[] a");
        assert_eq!(tree.missing, BTreeSet::from(["work".to_owned()]));
    }

    #[test]
    fn everything_listed_is_shown_exactly_once() {
        use rand::{RngExt, SeedableRng};
        for seed in 0..2_000 {
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            let names = ["home", "trash", "u", "v", "w", "x"];
            let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
            for name in names {
                let mut folder = Folder::default();
                for _ in 0..rng.random_range(0..4) {
                    let target = rng.random_range(0..9);
                    let written = match names.get(target) {
                        Some(name) => format!("{name}/@{}", rng.random_range(0..5)),
                        None => format!("note{target}@{}", rng.random_range(0..5)),
                    };
                    folder.entries.push(entry(&written));
                }
                folders.insert(name.to_owned(), folder);
            }
            let roots = ["home", "trash"];
            let reached: BTreeSet<String> =
                Listing::read(&roots, &folders).reached.keys().map(|url| (*url).into()).collect();
            let mut shown = Vec::new();
            let tree = assemble(&roots, &folders);
            let mut nodes: Vec<&Node> = tree.roots.iter().flatten().collect();
            while let Some(node) = nodes.pop() {
                shown.push(node.entry.url.clone());
                nodes.extend(&node.children);
            }
            shown.sort();
            assert_eq!(shown, reached.into_iter().collect::<Vec<_>>(), "SEED={seed}");
        }
    }
}
