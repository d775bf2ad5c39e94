//! Rejoin's own engine.

use anyhow::{Context, Result};
use rejoin_document::{
    ActorId, ChangeHash, CommitOptions, Document, LoadOptions, ObjId, ObjType, PatchLog, TextUnit,
    Value, View,
};

use crate::engine::{Engine, Trust};
use crate::trace::Patch;

pub struct Rejoin {
    pub doc: Document,
    text: ObjId,
    pub actor: ActorId,
}

fn options() -> CommitOptions {
    CommitOptions::default()
}

fn text_of(view: View<'_>) -> Result<ObjId> {
    match view.get(ObjId::ROOT, "text")? {
        Some(Value::Object(ObjType::Text, text)) => Ok(text),
        _ => anyhow::bail!("a document without text"),
    }
}

fn load_options(trust: Trust) -> LoadOptions {
    match trust {
        Trust::Verify => LoadOptions::default(),
        Trust::Own => LoadOptions::trusted(),
    }
}

impl Engine for Rejoin {
    type Version = Vec<ChangeHash>;

    fn create(actor: u8) -> Self {
        let actor = ActorId::new(&[actor; 16]);
        let mut doc = Document::new();
        let mut transaction = doc.transaction(&actor);
        let text = transaction.put_object(ObjId::ROOT, "text", ObjType::Text).expect("a new key");
        transaction.commit(options());
        Self { doc, text, actor }
    }

    fn replay(&mut self, patches: &[Patch], commit_each: bool) {
        if commit_each {
            for (position, delete, insert) in patches {
                let mut transaction = self.doc.transaction(&self.actor);
                transaction
                    .splice_text(self.text, *position, *delete, insert, TextUnit::CodePoint)
                    .expect("a position in the text");
                transaction.commit(options());
            }
        } else {
            let mut transaction = self.doc.transaction(&self.actor);
            for (position, delete, insert) in patches {
                transaction
                    .splice_text(self.text, *position, *delete, insert, TextUnit::CodePoint)
                    .expect("a position in the text");
            }
            transaction.commit(options());
        }
        std::hint::black_box(self.doc.heads());
    }

    fn text(&self) -> String {
        self.doc.view().text(self.text).expect("the text object")
    }

    fn save(&mut self) -> Vec<u8> {
        self.doc.save()
    }

    fn load(bytes: &[u8], trust: Trust, actor: u8) -> Result<Self> {
        let doc = Document::load(bytes, load_options(trust))?;
        let text = text_of(doc.view())?;
        Ok(Self { doc, text, actor: ActorId::new(&[actor; 16]) })
    }

    fn version(&mut self) -> Vec<ChangeHash> {
        self.doc.heads().to_vec()
    }

    fn since(&mut self, version: &Vec<ChangeHash>) -> Vec<u8> {
        self.doc.save_since(version)
    }

    fn receive(&mut self, bytes: &[u8]) -> Result<()> {
        self.doc.load_incremental(bytes, &mut PatchLog::inactive())?;
        Ok(())
    }

    fn merge(&mut self, other: &mut Self, _: &Vec<ChangeHash>) -> Result<()> {
        self.doc.merge(&other.doc, &mut PatchLog::inactive())?;
        Ok(())
    }

    fn edit_and_send(&mut self, patch: &Patch) -> Vec<u8> {
        let (position, delete, insert) = patch;
        let mut transaction = self.doc.transaction(&self.actor);
        transaction
            .splice_text(self.text, *position, *delete, insert, TextUnit::CodePoint)
            .expect("a position in the text");
        let hash = transaction.commit(options()).expect("an edit that changes something");
        self.doc.change(&hash).expect("the change just made").bytes().to_vec()
    }
}

/// Applies changes to an empty document in one batch and reads the text.
pub fn apply_batch(bytes: &[u8]) -> Result<String> {
    let mut doc = Document::new();
    doc.load_incremental(bytes, &mut PatchLog::inactive())?;
    let text = text_of(doc.view())?;
    doc.view().text(text).context("the text object")
}

/// Loads any document and gives its heads and the length of its largest text.
pub fn load_any(bytes: &[u8]) -> Result<String> {
    let doc = Document::load(bytes, LoadOptions::default())?;
    let view = doc.view();
    let mut longest = 0;
    let mut open = vec![(ObjId::ROOT, ObjType::Map)];
    while let Some((obj, kind)) = open.pop() {
        match kind {
            ObjType::Text => longest = longest.max(view.text(obj)?.len()),
            ObjType::List => {
                for value in view.list_values(obj)? {
                    if let Value::Object(kind, id) = value {
                        open.push((id, kind));
                    }
                }
            }
            ObjType::Map | ObjType::Table => {
                for key in view.keys(obj)? {
                    if let Some(Value::Object(kind, id)) = view.get(obj, key.as_str())? {
                        open.push((id, kind));
                    }
                }
            }
        }
    }
    let heads = doc.heads().iter().map(ToString::to_string).collect();
    Ok(crate::engines::automerge::describe(heads, longest))
}
