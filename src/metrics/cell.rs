//! Where a shard leaves its latest snapshot for a scrape to find.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::ShardSnapshot;
use crate::media::forwarder::RoomTotals;

/// Holds the latest snapshot of one shard. The shard publishes about once a second, never per packet.
#[derive(Default)]
pub struct SnapshotCell {
    latest: Mutex<Latest>,
    rooms: Mutex<Vec<RoomTotals>>,
}

#[derive(Clone, Copy, Default)]
struct Latest {
    snapshot: ShardSnapshot,
    load: f64,
    /// The load before that.
    earlier: f64,
}

impl SnapshotCell {
    fn lock(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the snapshot. Held only for a copy of about 1 KB, so that a scrape never delays a shard.
    pub fn publish(&self, snapshot: &ShardSnapshot) {
        let mut latest = self.lock();
        let span = snapshot.uptime.saturating_sub(latest.snapshot.uptime).as_secs_f64();
        if span > 0.0 {
            latest.earlier = latest.load;
            latest.load = snapshot.busy.saturating_sub(latest.snapshot.busy).as_secs_f64() / span;
        }
        latest.snapshot = *snapshot;
    }

    /// Replaces what rooms carry.
    pub fn publish_rooms(&self, rooms: Vec<RoomTotals>) {
        *self.rooms.lock().unwrap_or_else(PoisonError::into_inner) = rooms;
    }

    /// What rooms carried at the last snapshot.
    pub fn rooms(&self) -> Vec<RoomTotals> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The latest snapshot; all zero before the first.
    pub fn read(&self) -> ShardSnapshot {
        self.lock().snapshot
    }

    /// Share of the time between the last two snapshots that the shard spent working, 0 to 1.
    pub fn load(&self) -> f64 {
        self.lock().load
    }

    /// The load of the last two such times, of which the lower counts: a moment's work is no reason to refuse anybody.
    pub fn sustained_load(&self) -> f64 {
        let latest = self.lock();
        latest.load.min(latest.earlier)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_load_is_sustained_when_two_measurements_show_it() {
        let cell = SnapshotCell::default();
        let mut told = Vec::new();
        for (uptime, busy) in [(1, 900), (2, 1_000), (3, 1_950), (4, 2_870), (5, 2_900)] {
            let (uptime, busy) = (Duration::from_secs(uptime), Duration::from_millis(busy));
            cell.publish(&ShardSnapshot { uptime, busy, ..ShardSnapshot::default() });
            told.push((cell.sustained_load() * 100.0).round());
        }
        assert_eq!(told, [0.0, 10.0, 10.0, 92.0, 3.0]);
    }
}
