//! What every library can be asked to do, so that each case is written once.

use anyhow::Result;

use crate::trace::Patch;

/// How far a loader trusts the bytes; only Rejoin makes a difference.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    Verify,
    Own,
}

/// A document with one text, in some library. Positions are code points.
pub trait Engine: Sized {
    /// What the document held at some point, to ask for what came later.
    type Version;

    /// A new document; `actor` tells writers apart.
    fn create(actor: u8) -> Self;
    /// Applies the edits, each in a commit of its own or all in one.
    fn replay(&mut self, patches: &[Patch], commit_each: bool);
    fn text(&self) -> String;
    fn save(&mut self) -> Vec<u8>;
    fn load(bytes: &[u8], trust: Trust, actor: u8) -> Result<Self>;
    fn version(&mut self) -> Self::Version;
    /// What came after `version`, as it would be sent.
    fn since(&mut self, version: &Self::Version) -> Vec<u8>;
    /// Takes what `since` gave.
    fn receive(&mut self, bytes: &[u8]) -> Result<()>;
    /// Takes what another document in memory has and this one lacks; through bytes where the
    /// library knows no other way.
    fn merge(&mut self, other: &mut Self, version: &Self::Version) -> Result<()> {
        let bytes = other.since(version);
        self.receive(&bytes)
    }
    /// One edit and its commit, as it would be sent.
    fn edit_and_send(&mut self, patch: &Patch) -> Vec<u8>;
}
