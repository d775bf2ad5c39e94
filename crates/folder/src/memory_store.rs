//! What is remembered, kept in the profile's own database.

use std::collections::VecDeque;

use rejoin_storage::{Batch, ChunkStore, KeyPrefix, StorageKey, StoreError};
use serde::{Deserialize, Serialize};

use crate::file_path::FilePath;
use crate::file_text::Form;
use crate::memory::{FormerText, HeldText, Memory, NoteId, Remembered, ReviewMark, Version};

/// Keeps a [`Memory`] in a store, one value for each note.
pub struct MemoryStore {
    store: Box<dyn ChunkStore>,
    /// Tells several mirrored folders in one store apart.
    name: String,
}

/// One note as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    path: String,
    folders: Vec<String>,
    trashed: bool,
    title: String,
    byte_order_mark: bool,
    carriage_returns: bool,
    #[serde(default)]
    mixed_ends: bool,
    texts: Vec<StoredText>,
    /// By what they are known again, and whether other programs wrote them.
    #[serde(default)]
    former: Vec<(u64, bool)>,
    deleted: bool,
    #[serde(default)]
    awaited: bool,
    #[serde(default)]
    left: Vec<String>,
    review: Option<(Option<String>, String)>,
}

/// One text that a file held.
#[derive(Serialize, Deserialize)]
struct StoredText {
    text: String,
    by_others: bool,
    #[serde(default)]
    expected: bool,
    version: StoredVersion,
}

#[derive(Serialize, Deserialize)]
struct StoredVersion {
    heads: Vec<String>,
    draft: usize,
}

impl MemoryStore {
    /// What is remembered under `name` in a store.
    pub fn new(store: Box<dyn ChunkStore>, name: &str) -> Self {
        Self { store, name: name.replace('\0', "") }
    }

    /// Reads everything. What cannot be understood counts as not remembered.
    ///
    /// # Errors
    ///
    /// When the store does not answer.
    pub fn load(&self) -> Result<Memory, StoreError> {
        let Ok(prefix) = KeyPrefix::new(["mirror", &self.name, "note"]) else {
            return Ok(Memory::default());
        };
        let mut memory = Memory::default();
        for (key, value) in self.store.load_range(&prefix)? {
            let note = key.segments().last().map(|id| NoteId(id.clone()));
            let stored = serde_json::from_slice::<Stored>(&value).ok();
            if let (Some(note), Some(remembered)) = (note, stored.and_then(Stored::remembered)) {
                memory.notes.insert(note, remembered);
            }
        }
        Ok(memory)
    }

    /// Forgets all notes, and that there ever were any.
    ///
    /// # Errors
    ///
    /// When the store refuses.
    pub fn clear(&mut self) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        if let Ok(prefix) = KeyPrefix::new(["mirror", &self.name, "note"]) {
            for (key, _) in self.store.load_range(&prefix)? {
                batch.delete(key);
            }
        }
        if let Ok(key) = StorageKey::new(["mirror", &self.name, "word", "begun"]) {
            batch.delete(key);
        }
        self.store.apply(&batch)
    }

    /// Writes what is remembered of some notes, or that nothing is, all at once.
    ///
    /// # Errors
    ///
    /// When the store refuses.
    pub fn save<'n>(
        &mut self,
        notes: impl IntoIterator<Item = &'n NoteId>,
        memory: &Memory,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        for note in notes {
            let Ok(key) = StorageKey::new(["mirror", &self.name, "note", &note.0]) else {
                continue;
            };
            match memory.notes.get(note) {
                Some(remembered) => {
                    let value = serde_json::to_vec(&Stored::of(remembered)).unwrap_or_default();
                    batch.put(key, value)
                }
                None => batch.delete(key),
            };
        }
        if batch.is_empty() { Ok(()) } else { self.store.apply(&batch) }
    }

    /// Reads a word that the mirror keeps for itself.
    ///
    /// # Errors
    ///
    /// When the store does not answer.
    pub fn word(&self, name: &str) -> Result<Option<String>, StoreError> {
        let Ok(key) = StorageKey::new(["mirror", &self.name, "word", name]) else {
            return Ok(None);
        };
        Ok(self.store.load(&key)?.and_then(|value| String::from_utf8(value).ok()))
    }

    /// Keeps a word.
    ///
    /// # Errors
    ///
    /// When the store refuses.
    pub fn set_word(&mut self, name: &str, word: &str) -> Result<(), StoreError> {
        let Ok(key) = StorageKey::new(["mirror", &self.name, "word", name]) else {
            return Ok(());
        };
        let mut batch = Batch::new();
        batch.put(key, word.as_bytes().to_vec());
        self.store.apply(&batch)
    }
}

impl Stored {
    fn of(remembered: &Remembered) -> Self {
        let texts = remembered.texts.iter().map(|held| StoredText {
            text: held.text.clone(),
            by_others: held.by_others,
            expected: held.is_expected,
            version: StoredVersion::of(&held.version),
        });
        let review = remembered.review.clone().map(|mark| (mark.cursor, mark.excerpt));
        Self {
            path: remembered.path.to_string(),
            folders: remembered.folders.clone(),
            trashed: remembered.is_trashed,
            title: remembered.title.clone(),
            byte_order_mark: remembered.form.byte_order_mark,
            carriage_returns: remembered.form.carriage_returns,
            mixed_ends: remembered.form.is_mixed,
            texts: texts.collect(),
            former: remembered.former.iter().map(|it| (it.digest, it.by_others)).collect(),
            deleted: remembered.is_deleted,
            awaited: remembered.is_awaited,
            left: remembered.left.iter().map(ToString::to_string).collect(),
            review,
        }
    }

    fn remembered(self) -> Option<Remembered> {
        let texts = self.texts.into_iter();
        let texts: VecDeque<HeldText> = texts
            .map(|held| HeldText {
                text: held.text,
                by_others: held.by_others,
                is_expected: held.expected,
                version: held.version.version(),
            })
            .collect();
        Some(Remembered {
            path: FilePath::new(&self.path).ok()?,
            folders: self.folders,
            is_trashed: self.trashed,
            title: self.title,
            form: Form {
                byte_order_mark: self.byte_order_mark,
                carriage_returns: self.carriage_returns,
                is_mixed: self.mixed_ends,
            },
            texts,
            former: self.former.into_iter().map(FormerText::from).collect(),
            has_rested: false,
            is_deleted: self.deleted,
            is_awaited: self.awaited,
            is_recalled: true,
            left: self.left.iter().filter_map(|path| FilePath::new(path).ok()).collect(),
            review: self.review.map(|(cursor, excerpt)| ReviewMark { cursor, excerpt }),
        })
    }
}

impl StoredVersion {
    fn of(version: &Version) -> Self {
        let heads = version.heads.iter().map(ToString::to_string).collect();
        Self { heads, draft: version.draft }
    }

    /// A version with a head that cannot be read is not known.
    fn version(self) -> Version {
        let heads: Result<Vec<_>, _> = self.heads.iter().map(|head| head.parse()).collect();
        Version { heads: heads.unwrap_or_default(), draft: self.draft }
    }
}
