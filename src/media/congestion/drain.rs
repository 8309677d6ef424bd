//! Emptying the queue that an overuse left: for a while less leaves than the path carries.

/// Below this queueing delay there is nothing to drain, microseconds.
const EMPTY: i64 = 25_000;
/// The queue shall be gone after about this time: half of what would otherwise pass is held back per half of it.
const TARGET: f64 = 600_000.0;
/// Sound needs something, and so does the picture's base layer.
const LEAST_SHARE: f64 = 0.3;
/// Even a short queue needs room to shrink.
const MOST_SHARE: f64 = 0.85;
/// A drain that took this long has failed: others fill the queue, or the path became longer.
const LONGEST: i64 = 3_000_000;

/// What became of a drain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Drained {
    /// It goes on, or there was none.
    No,
    Empty,
    /// Less was sent, and the queue stayed.
    InVain,
}

/// A drain in progress, if any.
#[derive(Default)]
pub(super) struct Drain {
    active: Option<Active>,
}

struct Active {
    since: i64,
    /// Not over before the first packets sent since it began can have been told of.
    earliest: i64,
    /// What the path carries, bits per second.
    capacity: f64,
    longest_queue: i64,
    queue: i64,
}

impl Drain {
    /// The path was overused at `capacity` bits per second.
    pub(super) fn begin(&mut self, now: i64, rtt: i64, capacity: f64, queue: i64) {
        let since = self.active.as_ref().map_or(now, |active| active.since);
        let longest_queue = self.active.as_ref().map_or(queue, |active| active.longest_queue.max(queue));
        self.active = Some(Active { since, earliest: now + rtt, capacity, longest_queue, queue });
    }

    pub(super) fn update(&mut self, now: i64, queue: i64) -> Drained {
        let Some(active) = &mut self.active else { return Drained::No };
        active.queue = queue;
        active.longest_queue = active.longest_queue.max(queue);
        if now >= active.earliest && queue < EMPTY {
            self.active = None;
            return Drained::Empty;
        }
        if now - active.since < LONGEST {
            return Drained::No;
        }
        let shrank = queue < active.longest_queue / 2;
        self.active = None;
        if shrank { Drained::Empty } else { Drained::InVain }
    }

    /// What may be sent meanwhile, bits per second.
    pub(super) fn rate(&self) -> Option<f64> {
        let active = self.active.as_ref()?;
        let share = 1.0 - active.queue as f64 / TARGET;
        Some(active.capacity * share.clamp(LEAST_SHARE, MOST_SHARE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_the_queue_the_less_is_sent_until_it_is_gone() {
        let mut drain = Drain::default();
        assert_eq!((drain.rate(), drain.update(0, 500_000)), (None, Drained::No));
        drain.begin(0, 50_000, 1e6, 300_000);
        assert_eq!(drain.rate(), Some(0.5e6));
        assert_eq!(drain.update(10_000, 900_000), Drained::No);
        assert_eq!(drain.rate(), Some(0.3e6));
        assert_eq!(drain.update(20_000, 0), Drained::No, "nothing sent since can have been told of");
        assert_eq!(drain.rate(), Some(0.85e6));
        assert_eq!(drain.update(60_000, 0), Drained::Empty);
        assert_eq!(drain.rate(), None);
    }

    #[test]
    fn a_queue_that_stays_is_not_ours() {
        let mut drain = Drain::default();
        drain.begin(0, 50_000, 1e6, 150_000);
        assert_eq!(drain.update(2_900_000, 140_000), Drained::No);
        drain.begin(2_950_000, 50_000, 1e6, 150_000);
        assert_eq!(drain.update(3_000_000, 140_000), Drained::InVain);
        assert_eq!(drain.rate(), None);
    }
}
