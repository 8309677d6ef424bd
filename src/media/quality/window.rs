//! The sum of what was sampled in the last five seconds.

use std::time::{Duration, Instant};

/// Length of a bucket, and their number: short enough to recover within ten seconds, long enough that a single lost
/// packet is no catastrophe.
const BUCKET: Duration = Duration::from_secs(1);
const BUCKETS: usize = 5;

/// What can be summed up over time.
pub(super) trait Sample: Copy + Default {
    fn add(&mut self, other: &Self);
}

/// Buckets in a circle.
#[derive(Clone, Debug, Default)]
pub(super) struct Window<S> {
    start: Option<Instant>,
    newest: u64,
    buckets: [S; BUCKETS],
}

impl<S: Sample> Window<S> {
    pub(super) fn add(&mut self, now: Instant, sample: &S) {
        let start = *self.start.get_or_insert(now);
        let number = bucket(start, now);
        for skipped in (self.newest + 1..=number).rev().take(BUCKETS) {
            self.buckets[index(skipped)] = S::default();
        }
        self.newest = self.newest.max(number);
        self.buckets[index(self.newest)].add(sample);
    }

    /// The sum of all samples taken since the bucket four before the present one began.
    pub(super) fn sum(&self, now: Instant) -> S {
        let mut sum = S::default();
        let Some(start) = self.start else { return sum };
        let number = bucket(start, now).max(self.newest);
        let oldest = (number + 1).saturating_sub(BUCKETS as u64);
        (oldest..=self.newest).for_each(|number| sum.add(&self.buckets[index(number)]));
        sum
    }
}

fn bucket(start: Instant, now: Instant) -> u64 {
    now.saturating_duration_since(start).as_secs() / BUCKET.as_secs()
}

fn index(bucket: u64) -> usize {
    (bucket % BUCKETS as u64) as usize
}
