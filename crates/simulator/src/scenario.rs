//! The story: who is connected with whom, what goes wrong, and how it ends.

use std::time::Duration;

use rejoin_document::{CommitOptions, Document, ObjId, ObjType};
use rejoin_sync::{DocumentId, Event, PublishMode};

use crate::{
    check::{self, Failure},
    node::Node,
    sharing::Sharing,
    world::{Happening, World},
};

/// Sets up a network whose shape follows from the seed.
pub(crate) fn begin(seed: u64) -> World {
    let mut world = World::new(seed);
    let shape = world.random.below(4);
    let clients = 1 + world.random.below(5);
    let add = |world: &mut World, is_server, dials| {
        let bytes = world.random.bytes();
        let index = world.nodes.len();
        world.nodes.push(Node::new(index, is_server, dials, bytes));
    };
    match shape {
        // One server.
        0 => {
            add(&mut world, true, vec![]);
            (0..=clients).for_each(|_| add(&mut world, false, vec![0]));
        }
        // Three servers in a ring, and clients of any of them.
        1 => {
            (0..3).for_each(|index| add(&mut world, true, vec![(index + 1) % 3]));
            for _ in 0..clients {
                let server = world.random.below(3);
                add(&mut world, false, vec![server]);
            }
        }
        // Servers that reach each other in one direction only, each with clients.
        2 => {
            let servers = 2 + world.random.below(2);
            add(&mut world, true, vec![]);
            (1..servers).for_each(|index| {
                let target = world.random.below(index);
                add(&mut world, true, vec![target]);
            });
            (0..servers.max(clients)).for_each(|index| {
                add(&mut world, false, vec![index % servers]);
            });
        }
        // No server: everybody dials somebody before them, so that all are connected.
        _ => {
            add(&mut world, false, vec![]);
            for index in 1..=clients {
                let mut dials = vec![world.random.below(index)];
                if world.random.one_in(3) {
                    dials.push(world.random.below(index));
                    dials.dedup();
                }
                add(&mut world, false, dials);
            }
        }
    }
    choose_who_is_trusted(&mut world);
    world.choose_disks();
    world.report.nodes = world.nodes.len();
    world.split(true);
    for index in 0..world.nodes.len() {
        world.restart(index);
    }
    for _ in 0..1 + world.random.below(3) {
        create(&mut world);
    }
    world
}

/// Some servers were given no token, a client may read only, and one may pretend to be the store of the first server.
fn choose_who_is_trusted(world: &mut World) {
    let servers = world.nodes.iter().filter(|node| node.is_server).count();
    for index in 0..servers {
        world.nodes[index].has_token = world.random.one_in(2);
    }
    // The first client of all writes.
    let others = world.nodes.len() - servers - 1;
    if servers > 0 && others > 0 && world.random.one_in(3) {
        let index = servers + 1 + world.random.below(others);
        world.nodes[index].is_reader = true;
    }
    let choose = servers > 0 && world.random.one_in(2);
    for node in world.nodes.iter_mut().filter(|node| choose && !node.is_server) {
        node.sharing = Some(Sharing::default());
    }
    if servers > 0 && world.random.one_in(3) {
        let index = servers + world.random.below(world.nodes.len() - servers);
        world.nodes[index].is_pretender = true;
        world.nodes[index].storage_id = world.nodes[0].storage_id.clone();
    }
}

/// Somebody makes a document; it is known to all, as if the link had been sent by mail.
fn create(world: &mut World) {
    let clients = writer_indexes(world);
    let index = clients[world.random.below(clients.len())];
    let (name, fresh) = (world.random.bytes(), world.random.bytes());
    let id = DocumentId::from_random(name);
    let Some(node) = world.nodes.get_mut(index) else { return };
    let actor = node.actor(&id, fresh);
    let mut document = Document::new();
    let mut tx = document.transaction(&actor);
    let _ = tx.put_object(ObjId::ROOT, "content", ObjType::Text);
    tx.commit(CommitOptions::default());
    let created = world.act(index, |hub, now| {
        hub.open(&id, now);
        hub.create(&id, document, now);
    });
    if created.is_some() {
        let goes_out = !world.random.one_in(4);
        world.choose(index, &id, goes_out);
        world.nodes[index].opened.insert(id.clone());
        world.nodes[index].show(&id);
        world.documents.push(id);
        world.report.documents += 1;
    }
}

fn client_indexes(world: &World) -> Vec<usize> {
    world.nodes.iter().filter(|node| !node.is_server).map(|node| node.index).collect()
}

fn writer_indexes(world: &World) -> Vec<usize> {
    let clients = client_indexes(world).into_iter();
    clients.filter(|index| !world.nodes[*index].is_reader).collect()
}

/// Lets things go wrong for a while.
pub(crate) fn trouble(world: &mut World) -> Result<(), Failure> {
    world.after(Duration::ZERO, Happening::Trouble);
    let end = world.now + world.random.millis(5_000, 40_000);
    world.run_until(end)
}

/// Ends all trouble and waits until everybody agrees.
pub(crate) fn heal(world: &mut World) -> Result<(), Failure> {
    world.healing = true;
    world.split(true);
    for index in 0..world.nodes.len() {
        world.make_room(index);
        world.restart(index);
        world.act(index, |hub, now| hub.set_offline(false, now));
    }
    // Without servers, the others may have nobody but the one who deleted it to meet through.
    let has_servers = world.nodes.iter().any(|node| node.is_server);
    world.choose_final_deletions(has_servers);
    // Whoever works with documents opens all of them, and lets out what was held back.
    for id in world.documents.clone() {
        for index in client_indexes(world) {
            open(world, index, &id);
            world.choose(index, &id, true);
            world.act(index, |hub, now| hub.set_mode(&id, PublishMode::Live, now));
            world.publish(index, &id);
        }
    }
    for second in 0..240 {
        // That something was deleted is known once the disk was read.
        world.put_all_back();
        // A draft that lay on a disk only is there once its document was read.
        if second % 10 == 9 {
            for id in world.documents.clone() {
                client_indexes(world).into_iter().for_each(|index| world.publish(index, &id));
            }
        }
        if check::agree(world).is_ok() && check::is_quiet(world) {
            return Ok(());
        }
        let next = world.now + Duration::from_secs(1);
        world.run_until(next)?;
    }
    check::agree(world)?;
    Err(Failure::new("it agrees but never comes to rest"))
}

fn open(world: &mut World, index: usize, id: &DocumentId) {
    if world.nodes[index].opened.insert(id.clone()) {
        world.act(index, |hub, now| hub.open(id, now));
        // Nothing says so later when it is there already.
        world.nodes[index].show(id);
    }
}

impl World {
    /// One thing happens, and the next is planned.
    pub(crate) fn trouble(&mut self) {
        if self.healing {
            return;
        }
        let pause = self.random.millis(1, 400);
        self.after(pause, Happening::Trouble);
        let any = self.random.below(self.nodes.len());
        let clients = client_indexes(self);
        let client = clients[self.random.below(clients.len())];
        let Some(id) = self.any_document() else { return create(self) };
        check::nobody_is_deceived(self, any);
        match self.random.below(100) {
            0..47 => self.type_into(client, &id),
            47..49 => self.fill_disk(any),
            49..51 => self.delete(client, &id),
            51..53 => {
                self.undelete(client, &id);
                open(self, client, &id);
            }
            53..55 => self.take_in(client, &id),
            55..64 => open(self, client, &id),
            64..65 => self.close_window(client, &id),
            65..67 => {
                let goes_out = !self.random.one_in(3);
                self.choose(client, &id, goes_out);
            }
            67..69 => self.crash_for_a_while(any),
            69..72 => self.break_any(),
            72..74 => self.split(false),
            74..78 => self.split(true),
            78..80 => self.jump_clock(any),
            80..83 => {
                self.act(client, |hub, now| {
                    let offline = hub.is_offline();
                    hub.set_offline(!offline, now);
                });
            }
            83..87 => {
                let modes = [PublishMode::Live, PublishMode::Hybrid, PublishMode::Batched];
                let mode = modes[self.random.below(3)];
                self.act(client, |hub, now| hub.set_mode(&id, mode, now));
            }
            87..90 => {
                self.publish(client, &id);
            }
            90..95 => self.say(client, &id),
            95..97 => {
                let process = self.nodes[client].process();
                self.tell(process, Event::NetworkReturned);
            }
            97..98 => create(self),
            _ => {
                let value = self.random.number() as i64;
                self.act(client, |hub, now| hub.set_presence(&id, "cursor", value.into(), now));
            }
        }
    }

    fn any_document(&mut self) -> Option<DocumentId> {
        let count = self.documents.len();
        (count > 0).then(|| self.documents[self.random.below(count)].clone())
    }

    fn crash_for_a_while(&mut self, index: usize) {
        let pause = self.random.millis(10, 8000);
        self.crash(index);
        self.after(pause, Happening::Restart { node: index });
    }

    fn jump_clock(&mut self, index: usize) {
        let hours = self.random.below(48) as i64 - 24;
        if let Some(node) = self.nodes.get_mut(index) {
            node.clock_error += hours * 3_600_000;
        }
    }

    /// Somebody has seen enough of a document.
    fn close_window(&mut self, index: usize, id: &DocumentId) {
        if self.nodes[index].opened.remove(id) {
            self.nodes[index].screens.remove(id);
            self.act(index, |hub, now| hub.close_document(id, now));
        }
    }

    /// Somebody says something that nobody keeps.
    fn say(&mut self, index: usize, id: &DocumentId) {
        let word = rejoin_sync::wire::Cbor::Bytes(self.random.bytes().to_vec()).encode();
        self.act(index, |hub, _| hub.broadcast(id, word));
    }
}
