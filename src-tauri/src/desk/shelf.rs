//! What the list of notes shows: folders, notes and trash, put together from what is known of each.
//!
//! Facts come in one by one as documents are read; [`Shelf::take_change`] says what became of the
//! list. A change of one note costs that note; a change of a folder puts the tree together anew.

use std::collections::{BTreeMap, BTreeSet};

use rejoin_notes::tree::{EntryKind, Folder, Node, Tree, assemble};

use crate::port::{
    FolderEntry, ItemId, ItemKind, Library, LibraryChange, Mode, NoteEntry, TrashEntry,
};

/// What is known of a note.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct NoteFacts {
    /// Its title; none while it was not read, or when it has none.
    pub(crate) title: Option<String>,
    /// When it was last changed, in milliseconds since 1970.
    pub(crate) updated: i64,
    /// Others changed it since the person last looked.
    pub(crate) unseen: bool,
    /// Nobody who was asked has it.
    pub(crate) unavailable: bool,
}

/// The list of notes and everything that it is made from.
#[derive(Debug)]
pub(crate) struct Shelf {
    home: ItemId,
    trash: ItemId,
    folders: BTreeMap<String, Folder>,
    unavailable: BTreeSet<ItemId>,
    notes: BTreeMap<ItemId, NoteFacts>,
    pins: BTreeSet<ItemId>,
    modes: BTreeMap<ItemId, Mode>,
    default_mode: Mode,
    goes_to: BTreeMap<ItemId, Vec<String>>,
    names: BTreeMap<ItemId, String>,
    shown: Shown,
    tree_changed: bool,
    changed: BTreeSet<ItemId>,
}

/// The list as the page has it.
#[derive(Debug, Default)]
struct Shown {
    folders: BTreeMap<ItemId, FolderEntry>,
    notes: BTreeMap<ItemId, NoteEntry>,
    trash: Vec<TrashEntry>,
}

impl Shelf {
    /// An empty list below these two folders.
    pub(crate) fn new(home: ItemId, trash: ItemId) -> Self {
        Self {
            home,
            trash,
            folders: BTreeMap::new(),
            unavailable: BTreeSet::new(),
            notes: BTreeMap::new(),
            pins: BTreeSet::new(),
            modes: BTreeMap::new(),
            default_mode: Mode::default(),
            goes_to: BTreeMap::new(),
            names: BTreeMap::new(),
            shown: Shown::default(),
            tree_changed: true,
            changed: BTreeSet::new(),
        }
    }

    /// The folder that everything hangs on.
    pub(crate) fn home(&self) -> &ItemId {
        &self.home
    }

    /// The folder of what was thrown away.
    pub(crate) fn trash(&self) -> &ItemId {
        &self.trash
    }

    /// Notes what a folder document lists now.
    pub(crate) fn set_folder(&mut self, id: &ItemId, folder: Folder) {
        self.unavailable.remove(id);
        self.tree_changed |= self.folders.get(&url(id)) != Some(&folder);
        self.folders.insert(url(id), folder);
    }

    /// Notes that nobody who was asked has a folder.
    pub(crate) fn set_folder_unavailable(&mut self, id: &ItemId) {
        self.tree_changed |= self.unavailable.insert(id.clone());
    }

    /// Notes what is known of a note now.
    pub(crate) fn set_note(&mut self, id: &ItemId, facts: NoteFacts) {
        if self.notes.get(id) != Some(&facts) {
            self.notes.insert(id.clone(), facts);
            self.changed.insert(id.clone());
        }
    }

    /// Notes which notes stand at the top.
    pub(crate) fn set_pins(&mut self, pins: BTreeSet<ItemId>) {
        self.changed.extend(self.pins.symmetric_difference(&pins).cloned());
        self.pins = pins;
    }

    /// Notes how notes are shared.
    pub(crate) fn set_modes(&mut self, modes: BTreeMap<ItemId, Mode>, default_mode: Mode) {
        if (&self.modes, self.default_mode) != (&modes, default_mode) {
            self.changed.extend(self.shown.notes.keys().cloned());
            (self.modes, self.default_mode) = (modes, default_mode);
        }
    }

    /// Notes where folders go.
    pub(crate) fn set_goes_to(&mut self, goes_to: BTreeMap<ItemId, Vec<String>>) {
        self.tree_changed |= self.goes_to != goes_to;
        self.goes_to = goes_to;
    }

    /// The folder that shows an item, in the tree or in the trash.
    pub(crate) fn parent(&self, item: &ItemId) -> Option<ItemId> {
        let listed = self.shown.folders.values().find(|folder| folder.items.contains(item));
        let trashed = || self.shown.trash.iter().any(|entry| entry.id == *item);
        listed.map(|folder| folder.id.clone()).or_else(|| trashed().then(|| self.trash.clone()))
    }

    /// What a folder document lists, as it was last read.
    pub(crate) fn folder(&self, id: &ItemId) -> Option<&Folder> {
        self.folders.get(&url(id))
    }

    /// What an item is, if it is listed anywhere.
    pub(crate) fn kind(&self, item: &ItemId) -> Option<ItemKind> {
        if self.shown.folders.contains_key(item) {
            Some(ItemKind::Folder)
        } else if self.shown.notes.contains_key(item) {
            Some(ItemKind::Note)
        } else {
            self.shown.trash.iter().find(|entry| entry.id == *item).map(|entry| entry.kind)
        }
    }

    /// The title of an item as it is shown.
    pub(crate) fn title(&self, item: &ItemId) -> Option<&str> {
        let folder = self.shown.folders.get(item).map(|folder| folder.title.as_str());
        let note = || self.shown.notes.get(item).map(|note| note.title.as_str());
        let thrown = || self.shown.trash.iter().find(|entry| entry.id == *item);
        folder.or_else(note).or_else(|| thrown().map(|entry| entry.title.as_str()))
    }

    /// Whether a note is listed, and not in the trash.
    pub(crate) fn is_listed(&self, note: &ItemId) -> bool {
        self.shown.notes.contains_key(note)
    }

    /// What a folder shows.
    pub(crate) fn children(&self, folder: &ItemId) -> &[ItemId] {
        self.shown.folders.get(folder).map_or(&[], |folder| folder.items.as_slice())
    }

    /// Everything that lies in a folder, at any depth.
    pub(crate) fn below(&self, folder: &ItemId) -> Vec<ItemId> {
        let mut found = Vec::new();
        let mut waiting = vec![folder];
        while let Some(at) = waiting.pop() {
            for item in self.shown.folders.get(at).into_iter().flat_map(|folder| &folder.items) {
                found.push(item.clone());
                waiting.push(item);
            }
        }
        found
    }

    /// The whole list.
    pub(crate) fn library(&mut self) -> Library {
        self.take_change();
        Library {
            home: self.home.clone(),
            folders: self.shown.folders.values().cloned().collect(),
            notes: self.shown.notes.values().cloned().collect(),
            trash: self.shown.trash.clone(),
        }
    }

    /// What is different from the last time that this was asked; nothing when nothing is.
    pub(crate) fn take_change(&mut self) -> Option<LibraryChange> {
        let mut change = LibraryChange::default();
        let touched = std::mem::take(&mut self.changed);
        if std::mem::take(&mut self.tree_changed) {
            self.put_together(&mut change);
        } else {
            let listed = touched.iter().filter(|id| self.shown.notes.contains_key(id));
            let entries: Vec<NoteEntry> = listed.map(|id| self.note_entry(id)).collect();
            for entry in entries {
                if self.shown.notes.get(&entry.id) != Some(&entry) {
                    self.shown.notes.insert(entry.id.clone(), entry.clone());
                    change.notes.push(entry);
                }
            }
        }
        (change != LibraryChange::default()).then_some(change)
    }

    fn put_together(&mut self, change: &mut LibraryChange) {
        let (home, trash) = (url(&self.home), url(&self.trash));
        let Tree { roots, .. } = assemble(&[&home, &trash], &self.folders);
        let mut shown = Shown::default();
        let mut roots = roots.into_iter();
        self.names.clear();
        self.place(self.home.clone(), "", &roots.next().unwrap_or_default(), &mut shown);
        for node in roots.next().unwrap_or_default() {
            shown.trash.push(self.trash_entry(&node));
        }
        for (id, entry) in &shown.folders {
            if self.shown.folders.get(id) != Some(entry) {
                change.folders.push(entry.clone());
            }
        }
        for (id, entry) in &shown.notes {
            if self.shown.notes.get(id) != Some(entry) {
                change.notes.push(entry.clone());
            }
        }
        let before = self.shown.folders.keys().chain(self.shown.notes.keys());
        let gone =
            before.filter(|id| !shown.folders.contains_key(id) && !shown.notes.contains_key(id));
        change.removed = gone.cloned().collect();
        if self.shown.trash != shown.trash {
            change.trash = Some(shown.trash.clone());
        }
        self.shown = shown;
    }

    /// Lists a folder and everything in it.
    fn place(&mut self, id: ItemId, name: &str, nodes: &[Node], shown: &mut Shown) {
        let mut items = Vec::new();
        for node in nodes {
            let Some(item) = item(&node.entry.url) else { continue };
            match node.entry.kind {
                EntryKind::Folder => {
                    self.place(item.clone(), &node.entry.name, &node.children, shown);
                }
                EntryKind::Note => {
                    self.names.insert(item.clone(), node.entry.name.clone());
                    shown.notes.insert(item.clone(), self.note_entry(&item));
                }
                EntryKind::Other(_) => continue,
            }
            items.push(item);
        }
        let read = self.folders.get(&url(&id));
        let title = read.map(|folder| folder.title.as_str()).filter(|title| !title.is_empty());
        let entry = FolderEntry {
            title: title.unwrap_or(name).to_owned(),
            items,
            goes_to: self.goes_to.get(&id).cloned().unwrap_or_default(),
            available: !self.unavailable.contains(&id),
            id: id.clone(),
        };
        shown.folders.insert(id, entry);
    }

    fn note_entry(&self, id: &ItemId) -> NoteEntry {
        let facts = self.notes.get(id).cloned().unwrap_or_default();
        let name = || self.names.get(id).cloned().unwrap_or_default();
        NoteEntry {
            id: id.clone(),
            title: facts.title.unwrap_or_else(name),
            updated: facts.updated,
            pinned: self.pins.contains(id),
            mode: self.modes.get(id).copied().unwrap_or(self.default_mode),
            goes_to: self.goes_to.get(id).cloned().unwrap_or_default(),
            unseen: facts.unseen,
            available: !facts.unavailable,
        }
    }

    fn trash_entry(&self, node: &Node) -> TrashEntry {
        let id = item(&node.entry.url).unwrap_or_else(|| ItemId(node.entry.url.clone()));
        let read = self.notes.get(&id).and_then(|facts| facts.title.clone());
        let folder = || self.folders.get(&node.entry.url).map(|folder| folder.title.clone());
        TrashEntry {
            title: read.or_else(folder).unwrap_or_else(|| node.entry.name.clone()),
            kind: match node.entry.kind {
                EntryKind::Folder => ItemKind::Folder,
                EntryKind::Note | EntryKind::Other(_) => ItemKind::Note,
            },
            trashed: node.entry.added,
            id,
        }
    }
}

/// The address of an item, as documents name each other.
pub(crate) fn url(id: &ItemId) -> String {
    format!("automerge:{}", id.0)
}

/// The item behind an address, unless it is something else.
pub(crate) fn item(url: &str) -> Option<ItemId> {
    let id = url.strip_prefix("automerge:")?;
    let end = id.find(['?', '#', '/']).unwrap_or(id.len());
    (end > 0).then(|| ItemId(id[..end].to_owned()))
}

#[cfg(test)]
mod tests {
    use rejoin_notes::tree::Entry;

    use super::*;

    fn id(name: &str) -> ItemId {
        ItemId(name.to_owned())
    }

    fn entry(name: &str, kind: EntryKind, added: i64) -> Entry {
        Entry { name: name.to_uppercase(), kind, url: url(&id(name)), added, from: None }
    }

    fn folder(title: &str, entries: Vec<Entry>) -> Folder {
        Folder { title: title.to_owned(), entries }
    }

    fn shelf() -> Shelf {
        let mut shelf = Shelf::new(id("home"), id("trash"));
        let entries = vec![entry("a", EntryKind::Note, 1), entry("work", EntryKind::Folder, 1)];
        shelf.set_folder(&id("home"), folder("Home", entries));
        shelf.set_folder(&id("work"), folder("Work", vec![entry("b", EntryKind::Note, 1)]));
        shelf.set_folder(&id("trash"), folder("", vec![]));
        shelf
    }

    #[test]
    fn lists_what_folders_hold() {
        let mut shelf = shelf();
        let library = shelf.library();
        let home = library.folders.iter().find(|folder| folder.id == id("home")).unwrap();
        assert_eq!(home.items, [id("a"), id("work")]);
        assert_eq!(library.notes.len(), 2);
        assert_eq!(library.notes[0].title, "A");
        assert_eq!(shelf.below(&id("home")), [id("a"), id("work"), id("b")]);
        assert_eq!(shelf.parent(&id("b")), Some(id("work")));
    }

    #[test]
    fn a_change_of_a_note_is_that_note() {
        let mut shelf = shelf();
        shelf.library();
        let facts = NoteFacts { title: Some("Groceries".to_owned()), ..NoteFacts::default() };
        shelf.set_note(&id("a"), facts.clone());
        let change = shelf.take_change().unwrap();
        assert_eq!((change.notes.len(), change.folders.len()), (1, 0));
        assert_eq!(change.notes[0].title, "Groceries");
        shelf.set_note(&id("a"), facts);
        assert_eq!(shelf.take_change(), None);
    }

    #[test]
    fn what_is_thrown_away_leaves_the_list() {
        let mut shelf = shelf();
        shelf.library();
        shelf.set_folder(&id("home"), folder("Home", vec![entry("work", EntryKind::Folder, 1)]));
        shelf.set_folder(&id("trash"), folder("", vec![entry("a", EntryKind::Note, 5)]));
        let change = shelf.take_change().unwrap();
        assert_eq!(change.removed, [id("a")]);
        assert_eq!(change.trash.unwrap()[0].trashed, 5);
        assert_eq!(shelf.parent(&id("a")), Some(id("trash")));
    }

    #[test]
    fn a_folder_that_was_not_read_yet_has_its_name() {
        let mut shelf = Shelf::new(id("home"), id("trash"));
        shelf.set_folder(&id("home"), folder("Home", vec![entry("x", EntryKind::Folder, 1)]));
        let library = shelf.library();
        assert_eq!(library.folders.iter().find(|f| f.id == id("x")).unwrap().title, "X");
        shelf.set_folder_unavailable(&id("x"));
        assert!(!shelf.take_change().unwrap().folders[0].available);
    }

    #[test]
    fn reads_addresses() {
        assert_eq!(item("automerge:abc"), Some(id("abc")));
        assert_eq!(item("automerge:abc#heads"), Some(id("abc")));
        assert_eq!(item("https://example.org"), None);
        assert_eq!(item("automerge:"), None);
    }
}
