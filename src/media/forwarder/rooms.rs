//! What each room carries, for metrics: summed up when somebody looks, never per packet.

use std::collections::HashMap;
use std::time::Instant;

use super::{ARRIVING, Forwarder};
use crate::id::RoomKey;
use crate::media::downlink::DownlinkStats;
use crate::media::spec::UplinkRole;
use crate::media::uplink::UplinkStats;

/// What one room has carried, browsers that are gone included, and what there is now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RoomTotals {
    pub room: RoomKey,
    /// Browsers in it.
    pub connections: u64,
    /// Layers and audio tracks that arrive now.
    pub tracks: u64,
    /// Lines that show something now.
    pub slots: u64,
    pub uplinks: UplinkStats,
    pub downlinks: DownlinkStats,
}

/// What browsers counted that are gone, by room.
#[derive(Default)]
pub(super) struct Retired(HashMap<RoomKey, (UplinkStats, DownlinkStats), ahash::RandomState>);

impl Retired {
    pub(super) fn add(&mut self, room: RoomKey, uplink: UplinkStats, downlink: DownlinkStats) {
        let (uplinks, downlinks) = self.0.entry(room).or_default();
        *uplinks += uplink;
        *downlinks += downlink;
    }
}

impl Forwarder {
    /// The `most` largest rooms by browsers, largest first.
    pub fn rooms(&mut self, now: Instant, most: usize) -> Vec<RoomTotals> {
        let mut rooms: HashMap<RoomKey, RoomTotals, ahash::RandomState> = HashMap::default();
        for (peer, subscriber) in self.subscribers.iter().enumerate() {
            let Some(subscriber) = subscriber else { continue };
            let totals = rooms.entry(subscriber.room).or_default();
            totals.room = subscriber.room;
            totals.connections += 1;
            totals.downlinks += subscriber.downlink.stats();
            let lines = 0..subscriber.spec.downlinks.len();
            totals.slots += lines.filter(|line| subscriber.downlink.subscriptions(*line)[0].is_some()).count() as u64;
            let Some(Some(publisher)) = self.publishers.get(peer) else { continue };
            totals.uplinks += publisher.uplink.stats();
            for role in UplinkRole::ALL {
                let layers = publisher.uplink.layers(role).iter();
                let arriving = layers.filter(|layer| layer.last_arrival().is_some_and(|at| now - at < ARRIVING));
                totals.tracks += arriving.count() as u64;
            }
        }
        // Rooms end with their last browser.
        self.retired_rooms.0.retain(|room, _| rooms.contains_key(room));
        for (room, (uplinks, downlinks)) in &self.retired_rooms.0 {
            if let Some(totals) = rooms.get_mut(room) {
                totals.uplinks += *uplinks;
                totals.downlinks += *downlinks;
            }
        }
        let mut rooms: Vec<RoomTotals> = rooms.into_values().collect();
        rooms.sort_unstable_by_key(|totals| (std::cmp::Reverse(totals.connections), totals.room));
        rooms.truncate(most);
        rooms
    }
}
