//! diamond-types: text only, no hashes, no commits.

use anyhow::{Result, anyhow};
use diamond_types::list::ListCRDT;
use diamond_types::list::encoding::{ENCODE_FULL, ENCODE_PATCH};

use crate::engine::{Engine, Trust};
use crate::trace::Patch;

pub struct Diamond {
    doc: ListCRDT,
    agent: u32,
}

impl Diamond {
    fn with(mut doc: ListCRDT, actor: u8) -> Self {
        let agent = doc.get_or_create_agent_id(&format!("writer-number-{actor:02}"));
        Self { doc, agent }
    }
}

impl Engine for Diamond {
    type Version = Vec<usize>;

    fn create(actor: u8) -> Self {
        Self::with(ListCRDT::new(), actor)
    }

    fn replay(&mut self, patches: &[Patch], _: bool) {
        for (position, delete, insert) in patches {
            if *delete > 0 {
                self.doc.delete_without_content(self.agent, *position..*position + *delete);
            }
            if !insert.is_empty() {
                self.doc.insert(self.agent, *position, insert);
            }
        }
    }

    fn text(&self) -> String {
        self.doc.branch.content().to_string()
    }

    fn save(&mut self) -> Vec<u8> {
        self.doc.oplog.encode(ENCODE_FULL)
    }

    fn load(bytes: &[u8], _: Trust, actor: u8) -> Result<Self> {
        let doc = ListCRDT::load_from(bytes).map_err(|error| anyhow!("{error:?}"))?;
        Ok(Self::with(doc, actor))
    }

    fn version(&mut self) -> Vec<usize> {
        self.doc.oplog.local_version_ref().to_vec()
    }

    fn since(&mut self, version: &Vec<usize>) -> Vec<u8> {
        self.doc.oplog.encode_from(ENCODE_PATCH, version)
    }

    fn receive(&mut self, bytes: &[u8]) -> Result<()> {
        self.doc.merge_data_and_ff(bytes).map_err(|error| anyhow!("{error:?}"))?;
        Ok(())
    }

    fn edit_and_send(&mut self, patch: &Patch) -> Vec<u8> {
        let before = self.version();
        self.replay(std::slice::from_ref(patch), true);
        self.since(&before)
    }
}
