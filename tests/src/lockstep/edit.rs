//! Edits on both sides at once.

use automerge::ObjType;
use automerge::transaction::{CommitOptions as TheirCommit, Transactable};
use rand::RngExt;
use rejoin_document::{ActorId, Document};

use super::{At, Call, Replica, Session};
use crate::generate;
use crate::program::{Edit, Finish};
use crate::random::generator;
use crate::reference;
use crate::subject;
use crate::tree::difference;

impl Session {
    pub(super) fn edit(
        &mut self,
        replica: usize,
        edits: &[Edit],
        finish: &Finish,
    ) -> Result<(), String> {
        // The transaction borrows our document, so the calls are made in the same loop.
        let mut ours = std::mem::take(&mut self.replicas[replica].ours);
        let result = self.edit_with(replica, &mut ours, edits, finish);
        self.replicas[replica].ours = ours;
        let committed = result?;
        if committed { self.compare_last_change(replica) } else { Ok(()) }
    }

    pub(super) fn edit_with(
        &mut self,
        replica: usize,
        ours: &mut Document,
        edits: &[Edit],
        finish: &Finish,
    ) -> Result<bool, String> {
        let actor = ActorId::new(&self.replicas[replica].actor);
        let mut pending = Vec::new();
        let mut transaction = ours.transaction(&actor);
        for edit in edits {
            let Some((obj, call)) = self.resolve(replica, edit) else { continue };
            self.calls.push(format!("{obj} {call:?}"));
            if let Call::Put(At::Index(_), _)
            | Call::PutObject(At::Index(_), _)
            | Call::Increment(At::Index(_), _) = call
            {
                self.overwritten.insert(obj.clone());
            }
            if let Call::Mark { .. } | Call::Unmark { .. } = call {
                self.marked.insert(obj.clone());
            }
            let theirs = self.theirs(replica, |doc| reference::run(doc, &obj, &call));
            let id = subject::object(&transaction, &pending, &obj.to_string())
                .ok_or_else(|| format!("we do not know the object {obj}"))?;
            let done = subject::run(&mut transaction, id, &call, self.unit);
            match (theirs, done) {
                (Ok(Some(theirs)), Ok(Some(ours))) => {
                    pending.push((theirs.to_string(), ours));
                    self.objects.retain(|known| *known != theirs);
                    self.objects.push(theirs);
                }
                (Ok(None), Ok(None)) | (Err(_), Err(_)) => {}
                (theirs, ours) => {
                    return Err(format!("{call:?}: automerge gave {theirs:?}, we gave {ours:?}"));
                }
            }
            let theirs = self.theirs(replica, |doc| reference::tree(doc, None, true));
            let ours = subject::tree(&subject::view(&transaction), self.unit, true);
            if let Some(found) = difference("within the transaction: ", &theirs, &ours) {
                return Err(found);
            }
        }
        match finish {
            Finish::Rollback => {
                transaction.rollback();
                self.theirs(replica, |doc| doc.rollback());
                Ok(false)
            }
            Finish::Commit { message, time } => {
                let mut options = TheirCommit::default().with_time(*time);
                if let Some(message) = message {
                    options = options.with_message(message.clone());
                }
                let theirs = self.theirs(replica, |doc| doc.commit_with(options));
                let ours = subject::commit(transaction, message.clone(), *time);
                if theirs.is_some() != ours.is_some() {
                    return Err(format!("automerge committed {theirs:?}, we {ours:?}"));
                }
                Ok(theirs.is_some())
            }
        }
    }

    /// Our changes are made by our diff and then given to Automerge, because the two diffs may
    /// differ; Automerge's own diff runs on a fork, for the number of operations.
    pub(super) fn update_text(
        &mut self,
        replica: usize,
        obj: u32,
        seed: u64,
    ) -> Result<(), String> {
        let Some(obj) = self.object(replica, obj, ObjType::Text) else { return Ok(()) };
        let old = self.theirs(replica, |doc| reference::text(doc, &obj, None));
        let new = changed(&old, seed);
        let actor = self.replicas[replica].actor.clone();
        let mut fork = self.theirs(replica, |doc| doc.fork());
        fork.set_actor(automerge::ActorId::from(actor.clone()));
        self.theirs_busy = true;
        let theirs = fork.update_text(&obj, &new);
        self.theirs_busy = false;
        let wanted = reference::text(&fork, &obj, None);
        let pending = fork.pending_ops();

        let Replica { ours, .. } = &mut self.replicas[replica];
        let wide = subject::has_wide_elements(&ours.view(), &obj.to_string());
        let before = ours.change_count();
        let done = subject::update_text(ours, &ActorId::new(&actor), &obj.to_string(), &new);
        // Over elements of several characters Automerge's diff can miss the text that it was given,
        // or fail; ours keeps or replaces them whole.
        if done.is_err() || (theirs.is_err() && !wide) {
            return if theirs.is_err() && done.is_err() {
                Ok(())
            } else {
                Err(format!("update_text {old:?} -> {new:?}: automerge {theirs:?}, ours {done:?}"))
            };
        }
        let made = ours.changes().split_off(before);
        let operations: usize = made.iter().map(rejoin_document::Change::op_count).sum();
        if wanted == new && !wide && operations > pending {
            return Err(format!(
                "update_text {old:?} -> {new:?} took us {operations} operations, automerge {pending}"
            ));
        }
        let changes: Vec<automerge::Change> = made
            .iter()
            .map(|change| automerge::Change::from_bytes(change.bytes().to_vec()).unwrap())
            .collect();
        self.theirs(replica, |doc| doc.apply_changes(changes))
            .map_err(|error| format!("automerge refused our change: {error}"))?;
        let text = self.theirs(replica, |doc| reference::text(doc, &obj, None));
        if text != new {
            return Err(format!("update_text {old:?} -> {new:?}: ours {text:?}"));
        }
        Ok(())
    }
}

/// The text with some pieces changed, as a person or another program would leave it.
pub(super) fn changed(old: &str, seed: u64) -> String {
    let mut rng = generator(seed);
    let mut characters: Vec<char> = old.chars().filter(|c| *c != '\u{fffc}').collect();
    for _ in 0..rng.random_range(1..4) {
        let start = rng.random_range(0..=characters.len());
        let end = (start + rng.random_range(0..6)).min(characters.len());
        let piece = generate::text(&mut rng, 2);
        characters.splice(start..end, piece.chars().filter(|c| *c != '\u{fffc}'));
    }
    characters.into_iter().collect()
}
