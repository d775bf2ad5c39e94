//! automerge, through `AutoCommit` with its patch log inactive.

use anyhow::Result;
use automerge::transaction::Transactable;
use automerge::{AutoCommit, Change, ChangeHash, ObjId, ObjType, ROOT, ReadDoc, ValueRef};

use crate::engine::{Engine, Trust};
use crate::trace::Patch;

pub struct Automerge {
    pub doc: AutoCommit,
    text: ObjId,
}

impl Automerge {
    fn with_text(doc: AutoCommit) -> Result<Self> {
        let (_, text) =
            doc.get(ROOT, "text")?.ok_or_else(|| anyhow::anyhow!("a document without text"))?;
        Ok(Self { doc, text })
    }
}

impl Engine for Automerge {
    type Version = Vec<ChangeHash>;

    fn create(actor: u8) -> Self {
        let mut doc = AutoCommit::new().with_actor(vec![actor; 16].into());
        let text = doc.put_object(ROOT, "text", ObjType::Text).expect("a new key");
        doc.commit();
        Self { doc, text }
    }

    fn replay(&mut self, patches: &[Patch], commit_each: bool) {
        for (position, delete, insert) in patches {
            self.doc
                .splice_text(&self.text, *position, *delete as isize, insert)
                .expect("a position in the text");
            if commit_each {
                self.doc.commit();
            }
        }
        self.doc.commit();
        std::hint::black_box(self.doc.get_heads());
    }

    fn text(&self) -> String {
        self.doc.text(&self.text).expect("the text object")
    }

    fn save(&mut self) -> Vec<u8> {
        self.doc.save()
    }

    fn load(bytes: &[u8], _: Trust, actor: u8) -> Result<Self> {
        Self::with_text(AutoCommit::load(bytes)?.with_actor(vec![actor; 16].into()))
    }

    fn version(&mut self) -> Vec<ChangeHash> {
        self.doc.get_heads()
    }

    fn since(&mut self, version: &Vec<ChangeHash>) -> Vec<u8> {
        let changes = self.doc.get_changes(version);
        changes.iter().flat_map(|change| change.raw_bytes().to_vec()).collect()
    }

    fn receive(&mut self, bytes: &[u8]) -> Result<()> {
        let mut changes = Vec::new();
        for chunk in crate::files::chunks(bytes) {
            changes.push(Change::from_bytes(chunk.to_vec())?);
        }
        Ok(self.doc.apply_changes(changes)?)
    }

    fn merge(&mut self, other: &mut Self, _: &Vec<ChangeHash>) -> Result<()> {
        self.doc.merge(&mut other.doc)?;
        Ok(())
    }

    fn edit_and_send(&mut self, patch: &Patch) -> Vec<u8> {
        self.replay(std::slice::from_ref(patch), true);
        let change = self.doc.get_last_local_change().expect("the change just made");
        change.raw_bytes().to_vec()
    }
}

/// Applies changes to an empty document in one batch and reads the text.
pub fn apply_batch(bytes: &[u8]) -> Result<String> {
    let mut doc = AutoCommit::new();
    let mut changes = Vec::new();
    for chunk in crate::files::chunks(bytes) {
        changes.push(Change::from_bytes(chunk.to_vec())?);
    }
    doc.apply_changes(changes)?;
    Ok(Automerge::with_text(doc)?.text())
}

/// Loads any document and gives its heads and the length of its largest text.
pub fn load_any(bytes: &[u8]) -> Result<String> {
    let mut doc = AutoCommit::load(bytes)?;
    let mut longest = 0;
    let mut open = vec![(ROOT, ObjType::Map)];
    while let Some((obj, kind)) = open.pop() {
        if kind == ObjType::Text {
            longest = longest.max(doc.text(&obj)?.len());
            continue;
        }
        let values: Vec<(ValueRef<'_>, ObjId)> = if kind == ObjType::List {
            doc.list_range(&obj, ..).map(|item| (item.value.clone(), item.id())).collect()
        } else {
            doc.map_range(&obj, ..).map(|item| (item.value.clone(), item.id())).collect()
        };
        for (value, id) in values {
            if let ValueRef::Object(kind) = value {
                open.push((id, kind));
            }
        }
    }
    Ok(describe(doc.get_heads().iter().map(ToString::to_string).collect(), longest))
}

/// The form in which two libraries' readings of one document are compared.
pub fn describe(mut heads: Vec<String>, longest: usize) -> String {
    heads.sort();
    format!("{} {longest}", heads.join(" "))
}
