//! The trail of a long probe: how long each of its packets was under way. Tells what a path carries behind a shaper, whose
//! bucket lets the first ones through at any rate.

use super::train::Stretch;

/// Packets that are remembered: half a second of 30 Mbit/s.
const MOST: usize = 2_048;
/// So much longer under way than the quickest, the last packets stand in a queue, microseconds: more than most jitter,
/// and less than a picture's buffer bears.
const QUEUED: i64 = 40_000;
/// The smallest delay of so many packets is that of the queue: some of them escape the jitter.
const LAST: usize = 4;
/// Up to this much longer under way than the quickest, a packet found no queue.
const FREE: i64 = 8_000;
/// Fewer packets behind the last free one measure nothing, and so does a time as short as jitter, microseconds,
const FEWEST: usize = 5;
const SHORTEST: i64 = 50_000;
/// unless the queue is so long that there must not be more of it.
const LONG_QUEUE: i64 = 100_000;
/// With more than this share lost of at least so many packets, something polices the rate instead of queueing.
const POLICED: f64 = 0.2;
const POLICED_OF: usize = 20;

#[derive(Clone, Copy)]
struct Step {
    departure: i64,
    /// `None` for a packet that was lost.
    arrival: Option<i64>,
    size: u16,
}

impl Step {
    fn delay(&self) -> Option<i64> {
        Some(self.arrival?.saturating_sub(self.departure))
    }
}

/// What became of the packets of one train, in the order of feedback, which is nearly theirs.
#[derive(Default)]
pub(super) struct Trail {
    steps: Vec<Step>,
    quickest: Option<i64>,
}

impl Trail {
    pub(super) fn add(&mut self, departure: i64, arrival: Option<i64>, size: u16) {
        if self.steps.len() < MOST {
            let step = Step { departure, arrival, size };
            self.quickest = self.quickest.into_iter().chain(step.delay()).min();
            self.steps.push(step);
        }
    }

    /// Whether the last packets stand in a queue, or are kept from passing, and what passes can be told: more of them
    /// would only do harm.
    pub(super) fn is_held_up(&self) -> bool {
        let queue = self.queue().unwrap_or_default();
        let long = self.tail().is_some_and(|tail| tail.span >= SHORTEST) || queue >= LONG_QUEUE;
        self.is_policed() || queue >= QUEUED && long
    }

    /// Bits per second that the path carried at the end, where it held packets up.
    pub(super) fn carried(&self) -> Option<f64> {
        if self.is_policed() {
            let half = self.steps.get(self.steps.len() / 2..)?;
            let span = half.last()?.departure - half.first()?.departure;
            let octets: u64 =
                half.iter().skip(1).filter(|step| step.arrival.is_some()).map(|s| u64::from(s.size)).sum();
            return (span > 0).then(|| octets as f64 * 8e6 / span as f64);
        }
        let tail = self.tail()?;
        let slope = tail.stretch.slope().filter(|slope| *slope > 0.0)?;
        (tail.span > 0).then(|| tail.octets as f64 * 8e6 / tail.span as f64 / slope)
    }

    /// The packets behind the last one that found no queue.
    fn tail(&self) -> Option<Tail> {
        let free = self.quickest? + FREE;
        let last_free = self.steps.iter().rposition(|step| step.delay().is_some_and(|delay| delay <= free))?;
        let mut tail = Tail::default();
        let (mut packets, mut first) = (0, None);
        for step in self.steps.get(last_free + 1..)? {
            let Some(arrival) = step.arrival else { continue };
            let first = *first.get_or_insert(step.departure);
            // The first only marks where the span begins.
            tail.octets += if packets > 0 { u64::from(step.size) } else { 0 };
            tail.span = tail.span.max(step.departure - first);
            tail.stretch.add(step.departure, arrival);
            packets += 1;
        }
        (packets >= FEWEST).then_some(tail)
    }

    fn queue(&self) -> Option<i64> {
        let last = self.steps.iter().rev().filter_map(Step::delay).take(LAST);
        Some(last.min()? - self.quickest?).filter(|_| self.steps.len() >= FEWEST)
    }

    fn is_policed(&self) -> bool {
        let lost = self.steps.iter().filter(|step| step.arrival.is_none()).count();
        self.steps.len() >= POLICED_OF && lost as f64 > POLICED * self.steps.len() as f64
    }
}

/// Octets of a part of a train but those of its first packet, over how long they left, and how much longer they came.
#[derive(Clone, Copy, Default)]
struct Tail {
    octets: u64,
    span: i64,
    stretch: Stretch,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A train of 1,000-octet packets at 1.5 Mbit/s for half a second behind 1 Mbit/s with a bucket of so many octets; with up
    /// to `jitter` µs, or without a queue.
    fn trail(bucket: i64, jitter: i64, queues: bool) -> Trail {
        let mut trail = Trail::default();
        let mut free_at = 0_i64;
        for packet in 0..94_i64 {
            let departure = packet * 5_333;
            let ahead = bucket * 8;
            let begins = free_at.max(departure);
            let late = (begins + 8_000 - ahead - departure).max(0);
            let scatter = (packet.wrapping_mul(2_654_435_761) >> 7).rem_euclid(jitter.max(1));
            let lost = !queues && late > 8_000;
            if !lost {
                free_at = begins + 8_000;
            }
            trail.add(departure, (!lost).then_some(900_000 + departure + late + scatter), 1_000);
            if trail.is_held_up() && packet % 10 == 9 {
                break;
            }
        }
        trail
    }

    #[test]
    fn a_shaper_shows_its_rate_once_its_bucket_is_empty() {
        for (bucket, jitter) in [(0, 0), (16_384, 0), (16_384, 10_000), (4_096, 15_000)] {
            let trail = trail(bucket, jitter, true);
            assert!(trail.is_held_up(), "{bucket} {jitter}");
            let carried = trail.carried().unwrap();
            assert!((0.8e6..1.25e6).contains(&carried), "{bucket} {jitter}: {carried}");
        }
    }

    #[test]
    fn a_policer_shows_its_rate_by_what_it_lets_through() {
        let trail = trail(8_192, 0, false);
        assert!(trail.is_held_up());
        let carried = trail.carried().unwrap();
        assert!((0.8e6..1.25e6).contains(&carried), "{carried}");
    }

    #[test]
    fn a_wide_path_holds_nothing_up_whatever_its_jitter() {
        for jitter in [0, 5_000, 20_000, 40_000] {
            let mut trail = Trail::default();
            for packet in 0..90_i64 {
                let scatter = (packet.wrapping_mul(2_654_435_761) >> 7).rem_euclid(jitter + 1);
                trail.add(packet * 5_000, Some(70_000 + packet * 5_000 + scatter), 1_000);
                assert!(!trail.is_held_up(), "{jitter} at {packet}");
            }
        }
    }
}
