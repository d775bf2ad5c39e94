//! Somebody else who edits a note, without a window.

use anyhow::{Context as _, Result};
use rejoin_document::TextUnit;
use rejoin_notes::change_set::{ChangeSet, utf16_len};
use rejoin_notes::editing::EditedText as _;
use rejoin_notes::note::{Note, NoteWriter};
use rejoin_repo::{AutomergeUrl, Destination, DocumentHandle, PublishMode, Repo, RepoOptions};
use rejoin_storage::MemoryStore;
use rejoin_sync::wire::Cbor;

use crate::wait::{Patience, until};

/// A peer with one note, connected to a server. Call inside a tokio runtime.
pub struct Peer {
    repo: Repo,
    handle: DocumentHandle,
}

impl Peer {
    /// Makes a note and brings it to the server at `address`.
    ///
    /// # Errors
    ///
    /// When the note cannot be written.
    pub fn with_new_note(address: &str, text: &str) -> Result<Self> {
        let repo = repo()?;
        repo.dial(address, None);
        let handle = repo.create();
        handle.change(None, |tx| Note::create(tx, text))??;
        repo.share(handle.id(), [Destination::Server(address.to_owned())].into());
        handle.set_mode(PublishMode::Live);
        Ok(Self { repo, handle })
    }

    /// Opens a note that the server at `address` has.
    ///
    /// # Errors
    ///
    /// When the id is none or nobody has the note.
    pub async fn with_note(address: &str, id: &str) -> Result<Self> {
        let repo = repo()?;
        repo.dial(address, None);
        let link: AutomergeUrl = format!("automerge:{id}").parse()?;
        let handle = repo.find(&link.document).await?;
        handle.set_mode(PublishMode::Live);
        Ok(Self { repo, handle })
    }

    /// The note's id, as in its link.
    pub fn note_id(&self) -> String {
        self.handle.id().to_string()
    }

    /// The note's text.
    ///
    /// # Errors
    ///
    /// When there is no note.
    pub fn text(&self) -> Result<String> {
        self.handle.read(|document| Ok(Note::find(&document.view())?.text(&document.view())))?
    }

    /// Waits until the note's text is as wanted, and gives it.
    ///
    /// # Errors
    ///
    /// When it does not become so in time.
    pub fn text_when(&self, what: &str, is_so: impl Fn(&str) -> bool) -> Result<String> {
        until(what, Patience::default(), || Ok(Some(self.text()?).filter(|text| is_so(text))))
    }

    /// Types right behind the first place where `after` stands, as one change.
    ///
    /// # Errors
    ///
    /// When it stands nowhere, or the note refuses.
    pub fn type_after(&self, after: &str, typed: &str) -> Result<()> {
        self.handle.change(None, |tx| {
            let note = Note::find(&tx.view())?;
            let text = note.text(&tx.view());
            let at = text.find(after).with_context(|| format!("{after:?} stands nowhere"))?;
            let at = utf16_len(&text[..at + after.len()]);
            let change = ChangeSet::splice(utf16_len(&text), at, 0, typed)?;
            NoteWriter::new(tx, note).apply(&change)?;
            anyhow::Ok(())
        })?
    }

    /// Types at a place, in UTF-16 units from the beginning, as one change.
    ///
    /// # Errors
    ///
    /// When there is no such place.
    pub fn type_at(&self, at: usize, typed: &str) -> Result<()> {
        self.handle.change(None, |tx| {
            let note = Note::find(&tx.view())?;
            tx.splice_text(note.content, at, 0, typed, TextUnit::Utf16)?;
            anyhow::Ok(())
        })?
    }

    /// Shows others a name and a caret, in UTF-16 units from the beginning.
    pub fn show(&self, name: &str, at: usize) {
        let at = || Cbor::Integer(at as i128);
        let selection = Cbor::map([("anchor", at()), ("head", at())]);
        let shown = [
            ("name", name.into()),
            ("colour", 3.into()),
            ("author", name.into()),
            ("selection", selection),
        ];
        self.handle.set_presence("rejoin", Cbor::map(shown));
    }

    /// Hangs up.
    pub async fn leave(self) {
        self.repo.shutdown().await;
    }
}

fn repo() -> Result<Repo> {
    let builder = Repo::builder(Box::new(MemoryStore::new()));
    Ok(builder.options(RepoOptions::default()).build()?)
}
