//! How much came lately, by spatial and temporal layer of the stream.

use std::time::{Duration, Instant};

use crate::id::Bps;

/// Buckets of the window, and how long each is: a second altogether, long enough for one frame of any screen share.
const BUCKETS: usize = 10;
const BUCKET: Duration = Duration::from_millis(100);

/// Spatial and temporal layers told apart. Browsers send three of each; what is above counts as the highest.
const LAYERS: usize = 4;

/// Bits per second over the last second.
#[derive(Clone, Debug, Default)]
pub(super) struct RateWindow {
    /// Octets by bucket, spatial and temporal layer. Empty until the first packet: most lines of a browser never send.
    bytes: Vec<[[u32; LAYERS]; LAYERS]>,
    /// Bucket number since `start`.
    newest: u64,
    start: Option<Instant>,
}

impl RateWindow {
    pub(super) fn add(&mut self, now: Instant, spatial: u8, temporal: u8, bytes: usize) {
        if self.bytes.is_empty() {
            self.bytes = vec![Default::default(); BUCKETS];
        }
        let start = *self.start.get_or_insert(now);
        let number = bucket(start, now);
        // At most one turn: what was there longer ago is overwritten as a whole.
        for skipped in (self.newest + 1..=number).rev().take(BUCKETS) {
            self.bytes[index(skipped)] = Default::default();
        }
        self.newest = self.newest.max(number);
        let [spatial, temporal] = [spatial, temporal].map(|layer| usize::from(layer).min(LAYERS - 1));
        let place = &mut self.bytes[index(self.newest)][spatial][temporal];
        *place = place.saturating_add(bytes as u32);
    }

    /// The highest spatial and temporal layer in the window.
    pub(super) fn highest(&self) -> (u8, u8) {
        let mut highest = (0, 0);
        for (spatial, temporals) in self.bytes.iter().flat_map(|layers| layers.iter().enumerate()) {
            for (temporal, _) in temporals.iter().enumerate().filter(|(_, bytes)| **bytes > 0) {
                highest = (spatial.max(highest.0), temporal.max(highest.1));
            }
        }
        (highest.0 as u8, highest.1 as u8)
    }

    /// The rate of all layers up to `spatial` and `temporal`.
    pub(super) fn rate(&self, now: Instant, spatial: u8, temporal: u8) -> Bps {
        let Some(start) = self.start else { return Bps(0) };
        let number = bucket(start, now).max(self.newest);
        let oldest = (number + 1).saturating_sub(BUCKETS as u64);
        let taken = |layer: u8| usize::from(layer).saturating_add(1).min(LAYERS);
        let bytes: u64 = (oldest..=self.newest)
            .flat_map(|number| &self.bytes[index(number)][..taken(spatial)])
            .flat_map(|layers| &layers[..taken(temporal)])
            .map(|bytes| u64::from(*bytes))
            .sum();
        // The first second counts from its first packet, in whole buckets.
        let window = BUCKET * (number + 1 - oldest) as u32;
        Bps(bytes * 8 * 1_000 / window.as_millis() as u64)
    }
}

fn bucket(start: Instant, now: Instant) -> u64 {
    (now.saturating_duration_since(start).as_millis() / BUCKET.as_millis()) as u64
}

fn index(bucket: u64) -> usize {
    (bucket % BUCKETS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_has_its_rate_and_silence_has_none() {
        let start = Instant::now();
        let mut rate = RateWindow::default();
        for ms in (0..5_000).step_by(10) {
            rate.add(start + Duration::from_millis(ms), 0, 0, 1_000);
        }
        let now = start + Duration::from_millis(4_999);
        assert_eq!(rate.rate(now, 0, 0), Bps(800_000));
        assert!(rate.rate(now + Duration::from_millis(500), 0, 0) < Bps(500_000));
        assert_eq!(rate.rate(now + Duration::from_secs(2), 0, 0), Bps(0));
        rate.add(now + Duration::from_secs(60), 0, 0, 125);
        assert_eq!(rate.rate(now + Duration::from_secs(60), 0, 0), Bps(1_000));
    }

    #[test]
    fn a_layer_needs_those_below_it() {
        let start = Instant::now();
        let mut rate = RateWindow::default();
        for (spatial, temporal, bytes) in [(0, 0, 100), (0, 1, 200), (1, 0, 400), (1, 1, 800), (7, 7, 1_600)] {
            rate.add(start, spatial, temporal, bytes);
        }
        let bytes = |spatial, temporal| rate.rate(start + Duration::from_millis(900), spatial, temporal).0 / 8;
        assert_eq!([bytes(0, 0), bytes(0, 1), bytes(1, 0), bytes(1, 1)], [100, 300, 500, 1_500]);
        assert_eq!(bytes(u8::MAX, u8::MAX), 3_100);
    }
}
