//! What must be equal after a step and at old heads.

use automerge::{AutoCommit, ChangeHash as TheirHash, Cursor, MoveCursor, ObjType, ReadDoc};
use rejoin_document::{Document, PatchLog};

use super::resolve::starts;
use super::{Session, describe, unit};
use crate::reference;
use crate::subject;
use crate::tree::difference;

impl Session {
    /// Makes two cursors, then resolves all cursors of the object, now and at an earlier point.
    pub(super) fn cursors(
        &mut self,
        replica: usize,
        obj: u32,
        point: u32,
        seed: u64,
    ) -> Result<(), String> {
        let kind = if seed.is_multiple_of(3) { ObjType::List } else { ObjType::Text };
        let Some(obj) = self.object(replica, obj, kind) else { return Ok(()) };
        let id = obj.to_string();
        for choice in [seed, seed >> 32] {
            let at = if kind == ObjType::List {
                let length = self.theirs(replica, |doc| doc.length(&obj));
                if length == 0 {
                    break;
                }
                choice as usize % length
            } else {
                let text = self.theirs(replica, |doc| reference::text(doc, &obj, None));
                let places = starts(&text, self.unit);
                if places.is_empty() {
                    break;
                }
                places[choice as usize % places.len()]
            };
            let before = choice.is_multiple_of(2);
            let theirs = self.theirs(replica, |doc| {
                let side = if before { MoveCursor::Before } else { MoveCursor::After };
                let cursor = doc.get_cursor_moving(&obj, at, None, side);
                cursor
                    .map(|cursor| (cursor.to_string(), cursor.to_bytes()))
                    .map_err(|error| error.to_string())
            });
            let view = self.replicas[replica].ours.view();
            let ours = subject::cursor(&view, &id, at, self.unit, before);
            match (theirs, ours) {
                (Ok(theirs), Ok(ours)) if theirs == ours => {
                    self.cursors.push((obj.clone(), theirs.0));
                }
                (Err(_), Err(_)) => {}
                (theirs, ours) => {
                    return Err(format!(
                        "cursor at {at} of {id}: automerge {theirs:?}, ours {ours:?}"
                    ));
                }
            }
        }
        let heads = self.point(replica, point);
        let was_overwritten = self.overwritten.contains(&obj);
        let is_marked = self.marked.contains(&obj);
        for (_, cursor) in self.cursors.clone().into_iter().filter(|(of, _)| *of == obj) {
            if was_overwritten && cursor.starts_with('-') {
                continue;
            }
            for heads in [None, Some(&heads[..])] {
                if is_marked && heads.is_none() && cursor.starts_with('-') {
                    continue;
                }
                let theirs = self.theirs(replica, |doc| {
                    let cursor = Cursor::try_from(cursor.as_str()).unwrap();
                    doc.get_cursor_position(&obj, &cursor, heads).map_err(|error| error.to_string())
                });
                let ours = &self.replicas[replica].ours;
                let view = match heads {
                    None => ours.view(),
                    Some(heads) => ours.at(&subject::hashes(heads)).unwrap(),
                };
                let found = subject::cursor_position(&view, &id, &cursor, self.unit);
                // At older heads Automerge refuses a cursor whose element and all behind it are
                // deleted, although it answers with the length now; we answer so for both.
                let length = view.parse_object(&id).map(|obj| view.length(obj, unit(self.unit)));
                let after = cursor.trim_start_matches('-');
                let after = subject::cursor_position(&view, &id, after, self.unit);
                let behind_all =
                    heads.is_some() && theirs.is_err() && after.ok() == length.and_then(Result::ok);
                if theirs.as_ref().ok() != found.as_ref().ok() && !behind_all {
                    return Err(format!(
                        "cursor {cursor} of {id} at {heads:?}: automerge {theirs:?}, ours {found:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    pub(super) fn compare_last_change(&mut self, replica: usize) -> Result<(), String> {
        let theirs = self.theirs(replica, |doc| doc.get_last_local_change());
        let Some(theirs) = theirs else { return Ok(()) };
        let ours = &self.replicas[replica].ours;
        let hash = subject::hash(theirs.hash());
        if ours.has_change(&hash) {
            let ours = ours.change(&hash).ok_or("a change that we have cannot be read")?;
            if ours.bytes() != theirs.raw_bytes() {
                return Err(format!("the hash {hash} is equal, but not the bytes"));
            }
            return Ok(());
        }
        let expected = describe(theirs.raw_bytes());
        let found = ours.changes().last().map(|change| describe(change.bytes()));
        Err(format!(
            "the change differs:\n  automerge {expected}\n  ours      {}",
            found.unwrap_or_default()
        ))
    }

    pub(super) fn compare(&mut self, replica: usize, deep: bool) -> Result<(), String> {
        let mut heads = self.theirs(replica, |doc| doc.get_heads());
        heads.sort();
        let ours = &self.replicas[replica].ours;
        if subject::hashes(&heads) != ours.heads() {
            return Err(format!("heads: automerge {heads:?}, ours {:?}", ours.heads()));
        }
        let theirs = self.theirs(replica, |doc| reference::tree(doc, None, deep));
        let ours = subject::tree(&self.replicas[replica].ours.view(), self.unit, deep);
        let Some(found) = difference("", &theirs, &ours) else { return Ok(()) };
        // Now and then Automerge is at odds with itself after a merge: what it saves is what we
        // have, and it goes on from there.
        let (unit, actor) = (self.unit, self.replicas[replica].actor.clone());
        let reloaded = self.theirs(replica, |doc| {
            let options = automerge::LoadOptions::new().text_encoding(reference::encoding(unit));
            AutoCommit::load_with_options(&doc.save(), options)
        });
        let reloaded = reloaded.map_err(|_| found.clone())?;
        if difference("", &reference::tree(&reloaded, None, deep), &ours).is_some() {
            return Err(found);
        }
        self.replicas[replica].theirs = reloaded.with_actor(automerge::ActorId::from(actor));
        self.corrected += 1;
        Ok(())
    }

    pub(super) fn compare_at(&mut self, replica: usize, heads: &[TheirHash]) -> Result<(), String> {
        let theirs = self.theirs(replica, |doc| reference::tree(doc, Some(heads), true));
        let wanted = subject::hashes(heads);
        let view = self.replicas[replica]
            .ours
            .at(&wanted)
            .map_err(|error| format!("we refused older heads: {error}"))?;
        let ours = subject::tree(&view, self.unit, true);
        difference(&format!("at {heads:?}: "), &theirs, &ours).map_or(Ok(()), Err)
    }

    /// Each side starts empty and takes the other's changes one by one.
    pub(super) fn compare_single_changes(&mut self) -> Result<(), String> {
        let unit = self.unit;
        let theirs = self.theirs(0, |doc| doc.get_changes(&[]));
        let ours = self.replicas[0].ours.changes();
        let mut document = Document::new();
        for change in &theirs {
            let change = rejoin_document::Change::parse(change.raw_bytes())
                .map_err(|error| format!("we cannot read automerge's change: {error}"))?;
            document
                .apply([change], &mut PatchLog::inactive())
                .map_err(|error| format!("we refused automerge's change: {error}"))?;
        }
        // Automerge may panic here too.
        self.theirs_busy = true;
        let mut automerge = AutoCommit::new_with_encoding(reference::encoding(unit));
        for change in &ours {
            let change = automerge::Change::from_bytes(change.compressed_bytes())
                .map_err(|error| format!("automerge cannot read our change: {error}"))?;
            automerge
                .apply_changes([change])
                .map_err(|error| format!("automerge refused our change: {error}"))?;
        }
        self.theirs_busy = false;
        let expected = self.theirs(0, |doc| reference::tree(doc, None, true));
        let found = subject::tree(&document.view(), unit, true);
        difference("changes one by one: ", &expected, &found).map_or(Ok(()), Err)?;
        // As in `compare`: what Automerge holds in memory is now and then not what it saves.
        let found = reference::tree(&automerge, None, true);
        let saved = automerge.save();
        let options = automerge::LoadOptions::new().text_encoding(reference::encoding(unit));
        let place = "our changes one by one in automerge: ";
        if let Some(what) = difference(place, &expected, &found) {
            let reloaded = AutoCommit::load_with_options(&saved, options).map_err(|_| what)?;
            let found = reference::tree(&reloaded, None, true);
            return difference(place, &expected, &found).map_or(Ok(()), Err);
        }
        Ok(())
    }
}
