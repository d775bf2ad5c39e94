//! yrs with garbage collection, its default: the text of deletions is lost.

use anyhow::Result;
use yrs::block::ClientID;
use yrs::updates::decoder::Decode;
use yrs::{
    Doc, GetString, OffsetKind, Options, ReadTxn, StateVector, Text, TextRef, Transact, Update,
};

use crate::engine::{Engine, Trust};
use crate::trace::Patch;

pub struct Yrs {
    doc: Doc,
    text: TextRef,
}

impl Yrs {
    fn edit(text: &TextRef, transaction: &mut yrs::TransactionMut<'_>, patch: &Patch) {
        let (position, delete, insert) = patch;
        if *delete > 0 {
            text.remove_range(transaction, *position as u32, *delete as u32);
        }
        if !insert.is_empty() {
            text.insert(transaction, *position as u32, insert);
        }
    }
}

impl Engine for Yrs {
    type Version = StateVector;

    fn create(actor: u8) -> Self {
        let mut options =
            Options::with_client_id(ClientID::new(0x1f_ffff_ffff_0000 | u64::from(actor)));
        options.offset_kind = OffsetKind::Utf16;
        let doc = Doc::with_options(options);
        let text = doc.get_or_insert_text("text");
        Self { doc, text }
    }

    fn replay(&mut self, patches: &[Patch], commit_each: bool) {
        if commit_each {
            for patch in patches {
                Self::edit(&self.text, &mut self.doc.transact_mut(), patch);
            }
        } else {
            let mut transaction = self.doc.transact_mut();
            for patch in patches {
                Self::edit(&self.text, &mut transaction, patch);
            }
        }
    }

    fn text(&self) -> String {
        self.text.get_string(&self.doc.transact())
    }

    fn save(&mut self) -> Vec<u8> {
        self.doc.transact().encode_state_as_update_v1(&StateVector::default())
    }

    fn load(bytes: &[u8], _: Trust, actor: u8) -> Result<Self> {
        let mut made = Self::create(actor);
        made.receive(bytes)?;
        Ok(made)
    }

    fn version(&mut self) -> StateVector {
        self.doc.transact().state_vector()
    }

    fn since(&mut self, version: &StateVector) -> Vec<u8> {
        self.doc.transact().encode_state_as_update_v1(version)
    }

    fn receive(&mut self, bytes: &[u8]) -> Result<()> {
        self.doc.transact_mut().apply_update(Update::decode_v1(bytes)?)?;
        Ok(())
    }

    fn edit_and_send(&mut self, patch: &Patch) -> Vec<u8> {
        let mut transaction = self.doc.transact_mut();
        Self::edit(&self.text, &mut transaction, patch);
        transaction.encode_update_v1()
    }
}
