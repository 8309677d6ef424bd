//! The public room list: counts of listed rooms, and differences of what watchers have been told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::outbox::{Ack, LinkId, Outbox, Push};
use crate::id::RoomId;
use crate::signal::protocol::{LobbyReply, PublicRoom, RoomsDiff};

/// Between two differences: a list that moves more often cannot be read.
const PERIOD: Duration = Duration::from_secs(1);
/// Rows of the list: more than anybody scrolls through, little enough to be sent to everybody at home.
const ROWS: usize = 100;

/// Who watches, and what they know.
#[derive(Default)]
pub(super) struct Lobby(Mutex<List>);

#[derive(Default)]
struct List {
    counts: HashMap<RoomId, u32>,
    /// What all watchers have been told, by room.
    told: HashMap<RoomId, u32>,
    watchers: HashMap<LinkId, Arc<dyn Outbox>>,
    changed: bool,
    /// Somebody runs [`Lobby::run`].
    running: bool,
}

impl Lobby {
    fn lock(&self) -> MutexGuard<'_, List> {
        // Contents stay consistent between statements, so a panicking holder leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how many are in a listed room; 0 takes it off the list.
    pub(super) fn count(&self, room: &RoomId, members: u32) {
        let mut list = self.lock();
        let before = if members == 0 { list.counts.remove(room) } else { list.counts.insert(room.clone(), members) };
        list.changed |= before.unwrap_or(0) != members;
    }

    /// Adds a watcher and acknowledges with the list from which its differences lead on. True when the caller shall
    /// run [`Lobby::run`].
    pub(super) fn watch(&self, link: LinkId, outbox: Arc<dyn Outbox>, ack: Ack<LobbyReply>) -> bool {
        let mut list = self.lock();
        if list.watchers.is_empty() {
            list.told = list.view();
            list.changed = false;
        }
        list.watchers.insert(link, outbox);
        let mut rooms: Vec<_> =
            list.told.iter().map(|(id, members)| PublicRoom { id: id.clone(), members: *members }).collect();
        sort(&mut rooms);
        // Under the lock, so that no difference overtakes the list.
        ack.send(Ok(LobbyReply { rooms }));
        !std::mem::replace(&mut list.running, true)
    }

    pub(super) fn unwatch(&self, link: LinkId) {
        self.lock().watchers.remove(&link);
    }

    /// Sends differences until nobody watches any more.
    pub(super) async fn run(&self) {
        let mut period = tokio::time::interval(PERIOD);
        period.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        period.tick().await;
        loop {
            period.tick().await;
            if !self.tell() {
                return;
            }
        }
    }

    /// Sends the difference, if any. False when nobody watches.
    pub(super) fn tell(&self) -> bool {
        let mut list = self.lock();
        if list.watchers.is_empty() {
            list.running = false;
            return false;
        }
        if let Some(diff) = list.advance() {
            let push = Push::Rooms(diff);
            list.watchers.values().for_each(|watcher| watcher.push(&push));
        }
        true
    }
}

impl List {
    /// The largest rooms.
    fn view(&self) -> HashMap<RoomId, u32> {
        let mut rooms: Vec<_> = self.counts.iter().collect();
        rooms.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
        rooms.into_iter().take(ROWS).map(|(id, members)| (id.clone(), *members)).collect()
    }

    fn advance(&mut self) -> Option<RoomsDiff> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        let view = self.view();
        let changed = view.iter().filter(|(id, members)| self.told.get(*id) != Some(*members));
        let mut diff = RoomsDiff {
            changed: changed.map(|(id, members)| PublicRoom { id: id.clone(), members: *members }).collect(),
            removed: self.told.keys().filter(|id| !view.contains_key(*id)).cloned().collect(),
        };
        self.told = view;
        sort(&mut diff.changed);
        diff.removed.sort();
        (diff != RoomsDiff::default()).then_some(diff)
    }
}

/// Largest first.
fn sort(rooms: &mut [PublicRoom]) {
    rooms.sort_by(|a, b| b.members.cmp(&a.members).then_with(|| a.id.cmp(&b.id)));
}
