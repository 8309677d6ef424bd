//! The browsers of a shard: opened, found by their datagrams, served in turn, closed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::{Link, MAX_PATHS, Outbox, Shard};
use crate::border::{ConnectionState, TransportSpec};
use crate::id::TransportId;
use crate::transport::Transport;
use crate::transport::ice::target_ufrag;
use crate::transport::spec::Path;

/// Browsers that wait for a handshake step, each kind in the order of their coming. Whoever has begun goes first: where more
/// come than there is time for, all would be half done and give up, if they took turns.
#[derive(Default)]
pub(super) struct Steps {
    begun: VecDeque<usize>,
    new: VecDeque<usize>,
}

impl Steps {
    pub(super) fn is_empty(&self) -> bool {
        self.begun.is_empty() && self.new.is_empty()
    }

    fn pop(&mut self) -> Option<usize> {
        self.begun.pop_front().or_else(|| self.new.pop_front())
    }
}

impl Shard {
    /// Whose datagram this is: by path, or by the ufrag of a connectivity check from a new one.
    pub(super) fn find(&self, path: Path, datagram: &[u8]) -> Option<usize> {
        if let Some(ufrag) = target_ufrag(datagram) {
            return self.by_ufrag.get(ufrag).copied();
        }
        self.by_path.get(&path).copied()
    }

    /// Remembers that an authenticated check of `peer` came by `path`.
    pub(super) fn learn(&mut self, peer: usize, path: Path) {
        let Some(link) = self.links.get_mut(peer).and_then(Option::as_mut) else { return };
        // Not the one that media goes by, however long ago it was learned.
        let used = link.transport.send_path().copied();
        if link.paths.len() >= MAX_PATHS
            && let Some(index) = link.paths.iter().position(|known| Some(*known) != used)
            && let Some(oldest) = link.paths.remove(index)
        {
            self.by_path.remove(&oldest);
        }
        link.paths.push_back(path);
        if let Some(other) = self.by_path.insert(path, peer)
            && other != peer
            && let Some(Some(link)) = self.links.get_mut(other)
        {
            link.paths.retain(|p| *p != path);
        }
    }

    pub(super) fn set_transport(&mut self, now: Instant, id: TransportId, spec: Arc<TransportSpec>) {
        let peer = match self.by_id.get(&id) {
            Some(peer) => *peer,
            None => {
                let transport = Transport::new(&spec.connection, &self.certificate);
                let peer = self.free.pop().unwrap_or(self.links.len());
                if peer == self.links.len() {
                    self.links.push(None);
                }
                self.links[peer] = Some(Link {
                    id,
                    transport,
                    told: ConnectionState::New,
                    opened: now,
                    established: false,
                    paths: VecDeque::new(),
                    waits_for_step: false,
                });
                self.by_id.insert(id, peer);
                peer
            }
        };
        if let Some(link) = &mut self.links[peer] {
            link.transport.update(&spec.connection);
        }
        self.by_ufrag.insert(spec.connection.local.ufrag.clone(), peer);
        self.schedule(peer);
        self.forwarder.set_peer(now, peer, id, spec.room, spec.media.clone(), &mut self.rng);
    }

    pub(super) fn close(&mut self, now: Instant, id: TransportId, outbox: &mut Outbox) {
        let Some(peer) = self.by_id.remove(&id) else { return };
        self.forwarder.remove_peer(peer);
        self.by_path.retain(|_, p| *p != peer);
        self.by_ufrag.retain(|_, p| *p != peer);
        if let Some(mut link) = self.links[peer].take() {
            link.transport.close(now, outbox);
        }
        self.schedule(peer);
        self.free.push(peer);
    }

    /// Runs at most one handshake step.
    pub(super) fn step(&mut self, now: Instant, outbox: &mut Outbox) {
        while let Some(peer) = self.steps.pop() {
            let Some(Some(link)) = self.links.get_mut(peer) else { continue };
            link.waits_for_step = false;
            if link.transport.wants_step() {
                link.transport.step(now, outbox);
                self.note_state(now, peer);
                return self.schedule(peer);
            }
        }
    }

    /// Works out anew when a transport has something due; to be called after each that happens to it.
    pub(super) fn schedule(&mut self, peer: usize) {
        let Some(Some(link)) = self.links.get_mut(peer) else { return self.timers.set(peer, None) };
        self.timers.set(peer, link.transport.next_timeout());
        if link.transport.wants_step() && !std::mem::replace(&mut link.waits_for_step, true) {
            let steps = if link.transport.has_begun() { &mut self.steps.begun } else { &mut self.steps.new };
            steps.push_back(peer);
        }
    }
}

#[cfg(test)]
#[path = "links_tests.rs"]
mod tests;
