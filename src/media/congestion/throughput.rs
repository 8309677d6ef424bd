//! How many bits per second passed lately, by any clock that counts microseconds.

/// Buckets of the window, a power of two, and how long each is: 640 ms altogether, fine enough to see a step within the
/// time that an overuse takes to show.
const BUCKETS: usize = 64;
const BUCKET: i64 = 10_000;

#[derive(Clone, Copy, Default)]
struct Bucket {
    octets: u32,
    packets: u16,
}

/// Octets of the last 640 ms by time. Fed with arrival times it tells the rate that the path delivers, which no bunching
/// of feedback distorts; fed with departures, the rate sent.
pub(super) struct Throughput {
    buckets: [Bucket; BUCKETS],
    /// Microseconds.
    latest: Option<i64>,
}

impl Default for Throughput {
    fn default() -> Throughput {
        Throughput { buckets: [Bucket::default(); BUCKETS], latest: None }
    }
}

impl Throughput {
    pub(super) fn add(&mut self, at: i64, size: u16) {
        let Some(latest) = self.latest else { return self.start(at, size) };
        let (number, newest) = (at.div_euclid(BUCKET), latest.div_euclid(BUCKET));
        if number <= newest - BUCKETS as i64 {
            return;
        }
        if number >= newest + BUCKETS as i64 {
            return self.start(at, size);
        }
        for skipped in newest + 1..=number {
            self.buckets[index(skipped)] = Bucket::default();
        }
        self.latest = Some(latest.max(at));
        self.put(at, size);
    }

    /// The rate over the shortest window before the latest packet that is at least `window` microseconds long and holds
    /// `packets` packets. `None` while that much is not known.
    pub(super) fn rate(&self, window: i64, packets: u32) -> Option<f64> {
        self.rate_until(self.latest?, window, packets)
    }

    /// The same, before `now`, which is not before the latest packet: silence since then counts.
    pub(super) fn rate_until(&self, now: i64, window: i64, packets: u32) -> Option<f64> {
        let latest = self.latest?;
        let newest = latest.div_euclid(BUCKET);
        let (mut octets, mut counted) = (0_u64, 0_u32);
        for number in (newest - BUCKETS as i64 + 1..=newest).rev() {
            let bucket = self.buckets[index(number)];
            // Begins behind a packet, as it ends with one: as many gaps as packets.
            let span = now.max(latest) - (number + 1) * BUCKET;
            if bucket.packets > 0 && span >= window.max(1) && counted >= packets {
                return Some(octets as f64 * 8e6 / span as f64);
            }
            octets += u64::from(bucket.octets);
            counted += u32::from(bucket.packets);
        }
        None
    }

    /// Forgets everything: the clock was set.
    pub(super) fn reset(&mut self) {
        *self = Throughput::default();
    }

    fn start(&mut self, at: i64, size: u16) {
        *self = Throughput { latest: Some(at), ..Throughput::default() };
        self.put(at, size);
    }

    fn put(&mut self, at: i64, size: u16) {
        let bucket = &mut self.buckets[index(at.div_euclid(BUCKET))];
        bucket.octets = bucket.octets.saturating_add(u32::from(size));
        bucket.packets = bucket.packets.saturating_add(1);
    }
}

fn index(bucket: i64) -> usize {
    bucket.rem_euclid(BUCKETS as i64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_has_its_rate_whatever_the_order_of_arrival() {
        let mut throughput = Throughput::default();
        for packet in 0..200 {
            // Pairs change places.
            throughput.add((packet ^ 1) * 10_000, 1_250);
        }
        let rate = throughput.rate(500_000, 10).unwrap();
        assert!((0.97e6..=1.03e6).contains(&rate), "{rate}");
    }

    #[test]
    fn a_short_window_sees_a_step_that_a_long_one_hides() {
        let mut throughput = Throughput::default();
        let mut at = 0;
        while at < 1_000_000 {
            throughput.add(at, 1_250);
            at += if at < 850_000 { 2_000 } else { 10_000 };
        }
        let (short, long) = (throughput.rate(120_000, 8).unwrap(), throughput.rate(500_000, 8).unwrap());
        assert!((0.9e6..=1.2e6).contains(&short), "{short}");
        assert!(long > 3e6, "{long}");
    }

    #[test]
    fn too_little_is_no_rate_and_a_pause_starts_anew() {
        let mut throughput = Throughput::default();
        assert_eq!(throughput.rate(0, 0), None);
        throughput.add(-5, 100);
        throughput.add(50_000, 100);
        assert_eq!(throughput.rate(120_000, 1), None);
        assert_eq!(throughput.rate(50_000, 2), None, "only the second one closes a gap");
        assert!(throughput.rate(50_000, 1).is_some());
        throughput.add(10_000_000, 100);
        assert_eq!(throughput.rate(0, 1), None);
        throughput.add(1, 100);
        assert_eq!(throughput.rate(0, 1), None, "too old");
    }

    #[test]
    fn silence_until_now_counts_as_such() {
        let mut throughput = Throughput::default();
        for at in (0..500_000).step_by(10_000) {
            throughput.add(at, 1_250);
        }
        let quiet = throughput.rate_until(990_000, 500_000, 1).unwrap();
        assert!(quiet < 0.55e6, "{quiet}");
    }
}
