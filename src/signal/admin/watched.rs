//! One socket of namespace `/` as its peer reports it to the monitor.

use std::sync::Arc;

use serde::Serialize;
use socketioxide::adapter::LocalAdapter;
use socketioxide::socket::{DisconnectReason, Socket};

use super::monitor::{Monitor, PeerFacts};
use crate::id::RoomId;

/// A watched socket.
pub(in crate::signal) struct Watched {
    monitor: Arc<Monitor>,
    facts: Arc<PeerFacts>,
}

impl Watched {
    pub(in crate::signal) fn new(monitor: &Arc<Monitor>, socket: &Arc<Socket<LocalAdapter>>) -> Watched {
        Watched { monitor: monitor.clone(), facts: monitor.connected(socket, "/") }
    }

    pub(in crate::signal) fn received(&self, text: &str, bytes: usize) {
        self.monitor.received(&self.facts, text, bytes);
    }

    pub(in crate::signal) fn sent(&self, event: &str, payload: &(impl Serialize + ?Sized)) {
        self.monitor.sent(&self.facts, event, payload);
    }

    /// It is in a room of Plenum, or at its door.
    pub(in crate::signal) fn entered(&self, room: &RoomId) {
        self.monitor.joined(&self.facts, name(room));
    }

    pub(in crate::signal) fn went(&self, room: &RoomId) {
        self.monitor.left(&self.facts, &name(room));
    }

    pub(in crate::signal) fn disconnected(&self, reason: DisconnectReason) {
        self.monitor.disconnected(&self.facts, reason);
    }
}

fn name(room: &RoomId) -> String {
    format!("room:{room}")
}
