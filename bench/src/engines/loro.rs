//! loro, with its defaults (it merges consecutive commits of one peer).

use anyhow::Result;
use loro::{ExportMode, LoroDoc, LoroText, VersionVector};

use crate::engine::{Engine, Trust};
use crate::trace::Patch;

pub struct Loro {
    doc: LoroDoc,
    text: LoroText,
}

impl Loro {
    fn with(doc: LoroDoc, actor: u8) -> Self {
        doc.set_peer_id(0x0123_4567_89ab_cd00 | u64::from(actor)).expect("a peer id");
        let text = doc.get_text("text");
        Self { doc, text }
    }

    fn edit(&mut self, patch: &Patch) {
        let (position, delete, insert) = patch;
        if *delete > 0 {
            self.text.delete(*position, *delete).expect("a range of the text");
        }
        if !insert.is_empty() {
            self.text.insert(*position, insert).expect("a position in the text");
        }
    }
}

impl Engine for Loro {
    type Version = VersionVector;

    fn create(actor: u8) -> Self {
        Self::with(LoroDoc::new(), actor)
    }

    fn replay(&mut self, patches: &[Patch], commit_each: bool) {
        for patch in patches {
            self.edit(patch);
            if commit_each {
                self.doc.commit();
            }
        }
        self.doc.commit();
    }

    fn text(&self) -> String {
        self.text.to_string()
    }

    fn save(&mut self) -> Vec<u8> {
        self.doc.export(ExportMode::Snapshot).expect("a snapshot")
    }

    fn load(bytes: &[u8], _: Trust, actor: u8) -> Result<Self> {
        let doc = LoroDoc::new();
        doc.import(bytes)?;
        Ok(Self::with(doc, actor))
    }

    fn version(&mut self) -> VersionVector {
        self.doc.oplog_vv()
    }

    fn since(&mut self, version: &VersionVector) -> Vec<u8> {
        self.doc.export(ExportMode::updates(version)).expect("updates")
    }

    fn receive(&mut self, bytes: &[u8]) -> Result<()> {
        self.doc.import(bytes)?;
        Ok(())
    }

    fn edit_and_send(&mut self, patch: &Patch) -> Vec<u8> {
        let before = self.version();
        self.edit(patch);
        self.doc.commit();
        self.since(&before)
    }
}
