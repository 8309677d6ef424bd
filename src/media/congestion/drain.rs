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
/// Over so much time it is measured what arrives, microseconds.
const WINDOW: i64 = 500_000;

/// What became of a drain.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Drained {
    /// It goes on, or there was none.
    No,
    /// There is no queue any more; meanwhile the path carried this many bits per second, as far as that was seen.
    Empty(f64),
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
    /// From here on what arrives was all carried since then.
    told: i64,
    /// What the path carries, bits per second.
    capacity: f64,
    longest_queue: i64,
    queue: i64,
    /// The most that arrived while there was a queue and nothing of before it counted: what the path carries.
    carried: f64,
}

impl Drain {
    /// The path was overused at `capacity` bits per second.
    pub(super) fn begin(&mut self, now: i64, rtt: i64, capacity: f64, queue: i64) {
        let since = self.active.as_ref().map_or(now, |active| active.since);
        let longest_queue = self.active.as_ref().map_or(queue, |active| active.longest_queue.max(queue));
        // What arrived before this overuse says nothing of the path as it is now.
        let (carried, told) = (0.0, now + WINDOW);
        self.active = Some(Active { since, earliest: now + rtt, told, capacity, longest_queue, queue, carried });
    }

    /// Takes the queue, and what arrived over the last [`WINDOW`].
    pub(super) fn update(&mut self, now: i64, queue: i64, arrives: f64) -> Drained {
        let Some(active) = &mut self.active else { return Drained::No };
        if queue.min(active.queue) >= EMPTY && now >= active.told {
            active.carried = active.carried.max(arrives);
        }
        active.queue = queue;
        active.longest_queue = active.longest_queue.max(queue);
        if now >= active.earliest && queue < EMPTY {
            let carried = active.carried;
            self.active = None;
            return Drained::Empty(carried);
        }
        if now - active.since < LONGEST {
            return Drained::No;
        }
        let shrank = queue < active.longest_queue / 2;
        self.active = None;
        if shrank { Drained::Empty(0.0) } else { Drained::InVain }
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
        assert_eq!((drain.rate(), drain.update(0, 500_000, 0.0)), (None, Drained::No));
        drain.begin(0, 50_000, 1e6, 300_000);
        assert_eq!(drain.rate(), Some(0.5e6));
        assert_eq!(drain.update(10_000, 900_000, 9e6), Drained::No);
        assert_eq!(drain.rate(), Some(0.3e6));
        assert_eq!(drain.update(20_000, 0, 0.0), Drained::No, "nothing sent since can have been told of");
        assert_eq!(drain.rate(), Some(0.85e6));
        assert_eq!(drain.update(60_000, 0, 0.0), Drained::Empty(0.0));
        assert_eq!(drain.rate(), None);
    }

    #[test]
    fn a_queue_that_stays_is_not_ours() {
        let mut drain = Drain::default();
        drain.begin(0, 50_000, 1e6, 150_000);
        assert_eq!(drain.update(2_900_000, 140_000, 0.0), Drained::No);
        drain.begin(2_950_000, 50_000, 1e6, 150_000);
        assert_eq!(drain.update(3_000_000, 140_000, 0.0), Drained::InVain);
        assert_eq!(drain.rate(), None);
    }

    #[test]
    fn what_arrived_while_there_was_a_queue_is_what_the_path_carries() {
        let mut drain = Drain::default();
        drain.begin(0, 50_000, 0.4e6, 700_000);
        assert_eq!(drain.update(300_000, 500_000, 5e6), Drained::No, "of before the overuse");
        assert_eq!(drain.update(600_000, 300_000, 1e6), Drained::No);
        assert_eq!(drain.update(900_000, 0, 0.6e6), Drained::Empty(1e6));
    }
}
