//! Deadlines of many, one for each dense index: who is due, and when the next one is.
//!
//! An array with the earliest deadline of every block beside it, so that looking for the next one reads one word for 64
//! browsers, and setting one costs no more than a look at its block. Allocates only when there are more than ever before.

use std::time::{Duration, Instant};

/// Deadlines to a block: eight cache lines, read only when the block's earliest goes.
const BLOCK: usize = 64;
/// No deadline.
const NEVER: u64 = u64::MAX;

/// See the module.
pub struct Timers {
    epoch: Instant,
    /// Nanoseconds since the epoch.
    at: Vec<u64>,
    /// The earliest of each block.
    earliest: Vec<u64>,
}

impl Timers {
    /// Deadlines before `epoch` count as `epoch`.
    pub fn new(epoch: Instant) -> Timers {
        Timers { epoch, at: Vec::new(), earliest: Vec::new() }
    }

    /// When `index` is due from now on; `None` = not at all.
    pub fn set(&mut self, index: usize, at: Option<Instant>) {
        let at = at.map_or(NEVER, |at| self.nanos(at));
        if self.at.len() <= index {
            if at == NEVER {
                return;
            }
            let blocks = index / BLOCK + 1;
            self.at.resize(blocks * BLOCK, NEVER);
            self.earliest.resize(blocks, NEVER);
        }
        let (Some(place), Some(earliest)) = (self.at.get_mut(index), self.earliest.get_mut(index / BLOCK)) else {
            return;
        };
        let before = std::mem::replace(place, at);
        if at <= *earliest {
            *earliest = at;
        } else if before == *earliest {
            let block = self.at.chunks(BLOCK).nth(index / BLOCK).unwrap_or_default();
            *earliest = block.iter().copied().min().unwrap_or(NEVER);
        }
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Instant> {
        let earliest = self.earliest.iter().copied().min().filter(|at| *at != NEVER)?;
        Some(self.epoch + Duration::from_nanos(earliest))
    }

    /// The lowest index from `from` on that is due. It stays due until it is set anew.
    pub fn due(&self, now: Instant, from: usize) -> Option<usize> {
        let now = self.nanos(now);
        let mut from = from;
        for (block, earliest) in self.earliest.iter().enumerate().skip(from / BLOCK) {
            if *earliest <= now {
                let end = (block + 1) * BLOCK;
                let rest = self.at.get(from..end).unwrap_or_default();
                if let Some(offset) = rest.iter().position(|at| *at <= now) {
                    return Some(from + offset);
                }
            }
            from = (block + 1) * BLOCK;
        }
        None
    }

    fn nanos(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(NEVER - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    fn all_due(timers: &Timers, now: Instant) -> Vec<usize> {
        let mut due = Vec::new();
        let mut from = 0;
        while let Some(index) = timers.due(now, from) {
            due.push(index);
            from = index + 1;
        }
        due
    }

    #[test]
    fn nobody_is_due_of_nobody() {
        let timers = Timers::new(Instant::now());
        assert_eq!(timers.next(), None);
        assert_eq!(timers.due(Instant::now(), 0), None);
        assert_eq!(timers.due(Instant::now(), 1_000), None);
    }

    #[test]
    fn whoever_is_due_is_found_and_nobody_else() {
        let epoch = Instant::now();
        let mut timers = Timers::new(epoch);
        let mut model: BTreeMap<usize, Instant> = BTreeMap::new();
        let mut rng = StdRng::seed_from_u64(5);
        for _ in 0..20_000 {
            let index = rng.random_range(0..300);
            let at = rng.random_bool(0.8).then(|| epoch + Duration::from_nanos(rng.random_range(0..1_000)));
            timers.set(index, at);
            match at {
                Some(at) => model.insert(index, at),
                None => model.remove(&index),
            };
            assert_eq!(timers.next(), model.values().min().copied());
            let now = epoch + Duration::from_nanos(rng.random_range(0..100));
            let expected: Vec<usize> = model.iter().filter(|(_, at)| **at <= now).map(|(index, _)| *index).collect();
            assert_eq!(all_due(&timers, now), expected);
        }
    }
}
