//! A count of values by size, as metrics show it. Plain data: whoever owns one adds to it.

use std::ops::AddAssign;

/// Upper bounds in ms of how long something took to be seen: what nobody notices, what one does, what is too long.
pub const DURATIONS_MS: [u64; 9] = [25, 50, 100, 150, 250, 500, 1_000, 2_000, 5_000];
/// Upper bounds in µs of how long a packet is in the server: what a busy tick takes, what a listener notices, too long.
pub const LATENCIES_US: [u64; 12] = [50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 500_000];
/// Upper bounds of datagrams in one system call. GSO carries 64 at most, a batch of coalesced ones more.
pub const BATCHES: [u64; 12] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 256];
/// Upper bounds of scores, in tenths: bad, poor, fair, good, nearly excellent, excellent.
pub const SCORES: [u64; 6] = [10, 20, 30, 40, 45, 50];

/// Values counted by upper bounds, which the owner gives each time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Histogram<const N: usize> {
    /// By the first bound that a value does not exceed.
    counts: [u64; N],
    beyond: u64,
    sum: u64,
}

pub type Durations = Histogram<{ DURATIONS_MS.len() }>;
pub type Latencies = Histogram<{ LATENCIES_US.len() }>;
pub type Batches = Histogram<{ BATCHES.len() }>;
pub type Scores = Histogram<{ SCORES.len() }>;

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        Histogram { counts: [0; N], beyond: 0, sum: 0 }
    }
}

impl<const N: usize> Histogram<N> {
    pub fn add(&mut self, bounds: &[u64; N], value: u64) {
        self.add_many(bounds, value, 1);
    }

    /// Counts the same value `times`.
    pub fn add_many(&mut self, bounds: &[u64; N], value: u64, times: u64) {
        let place = bounds.iter().position(|bound| value <= *bound);
        *place.and_then(|place| self.counts.get_mut(place)).unwrap_or(&mut self.beyond) += times;
        self.sum += value * times;
    }

    /// How many values do not exceed each bound.
    pub fn cumulative(&self) -> [u64; N] {
        let mut below = 0;
        self.counts.map(|count| {
            below += count;
            below
        })
    }

    pub fn count(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.beyond
    }

    pub fn sum(&self) -> u64 {
        self.sum
    }
}

impl<const N: usize> AddAssign for Histogram<N> {
    fn add_assign(&mut self, other: Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.beyond += other.beyond;
        self.sum += other.sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_by_the_bounds_that_they_do_not_exceed() {
        let mut taken = Durations::default();
        for value in [0, 25, 26, 5_000, 5_001] {
            taken.add(&DURATIONS_MS, value);
        }
        assert_eq!(taken.cumulative(), [2, 3, 3, 3, 3, 3, 3, 3, 4]);
        assert_eq!((taken.count(), taken.sum()), (5, 10_052));
        let twice = {
            let mut twice = taken;
            twice += taken;
            twice
        };
        assert_eq!((twice.count(), twice.sum()), (10, 20_104));
    }
}
