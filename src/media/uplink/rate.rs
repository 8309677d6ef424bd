//! How much came lately.

use std::time::{Duration, Instant};

use crate::id::Bps;

/// Buckets of the window, and how long each is: a second altogether, long enough for one frame of any screen share.
const BUCKETS: usize = 10;
const BUCKET: Duration = Duration::from_millis(100);

/// Bits per second over the last second.
#[derive(Clone, Debug, Default)]
pub(super) struct RateWindow {
    bytes: [u64; BUCKETS],
    /// Bucket number since `start`.
    newest: u64,
    start: Option<Instant>,
}

impl RateWindow {
    pub(super) fn add(&mut self, now: Instant, bytes: usize) {
        let start = *self.start.get_or_insert(now);
        let number = bucket(start, now);
        if number > self.newest {
            for skipped in (self.newest + 1..=number).take(BUCKETS) {
                self.bytes[(skipped % BUCKETS as u64) as usize] = 0;
            }
            if number - self.newest > BUCKETS as u64 {
                self.bytes = [0; BUCKETS];
            }
            self.newest = number;
        }
        self.bytes[(self.newest % BUCKETS as u64) as usize] += bytes as u64;
    }

    pub(super) fn rate(&self, now: Instant) -> Bps {
        let Some(start) = self.start else { return Bps(0) };
        let number = bucket(start, now).max(self.newest);
        let oldest = (number + 1).saturating_sub(BUCKETS as u64);
        let bytes: u64 = (oldest..=self.newest).map(|n| self.bytes[(n % BUCKETS as u64) as usize]).sum();
        // The first second counts from its first packet, in whole buckets.
        let window = BUCKET * (number + 1 - oldest) as u32;
        Bps(bytes * 8 * 1_000 / window.as_millis() as u64)
    }
}

fn bucket(start: Instant, now: Instant) -> u64 {
    (now.saturating_duration_since(start).as_millis() / BUCKET.as_millis()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_has_its_rate_and_silence_has_none() {
        let start = Instant::now();
        let mut rate = RateWindow::default();
        for ms in (0..5_000).step_by(10) {
            rate.add(start + Duration::from_millis(ms), 1_000);
        }
        let now = start + Duration::from_millis(4_999);
        assert_eq!(rate.rate(now), Bps(800_000));
        assert!(rate.rate(now + Duration::from_millis(500)) < Bps(500_000));
        assert_eq!(rate.rate(now + Duration::from_secs(2)), Bps(0));
        rate.add(now + Duration::from_secs(60), 125);
        assert_eq!(rate.rate(now + Duration::from_secs(60)), Bps(1_000));
    }
}
