//! One direction of a browser's network: a bottleneck with a queue, then a way with delay, jitter and loss.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::time::{MS, SECOND, Us};

/// Octets around an RTP or RTCP packet on the wire: IPv4, UDP and the tag of AES-GCM.
const AROUND: usize = 20 + 8 + 16;

/// How packets get lost at random.
#[derive(Clone, Copy, Debug)]
pub enum Loss {
    /// Each by itself, with this probability.
    Random(f64),
    /// In bursts (Gilbert–Elliott): the probabilities per packet that a burst begins and that it ends; inside of one,
    /// half of the packets are lost.
    Bursts { begin: f64, end: f64 },
}

/// What a link is like.
#[derive(Clone, Copy, Debug)]
pub struct Conditions {
    /// Bits per second; `None` = no bottleneck.
    pub rate: Option<u64>,
    /// Octets that pass at once after a rest: the bucket of a shaper, which fills at the rate.
    pub bucket: u64,
    /// Longest wait for the bottleneck; packets that would wait longer are dropped.
    pub queue: Us,
    pub delay: Us,
    /// Added to the delay, uniformly between nothing and this.
    pub jitter: Us,
    /// Whether jitter may let packets overtake each other.
    pub reorders: bool,
    pub loss: Loss,
    /// Probability that a packet comes twice.
    pub duplicates: f64,
}

impl Default for Conditions {
    /// A good line: 20 ms, no bottleneck, no loss.
    fn default() -> Conditions {
        Conditions {
            rate: None,
            bucket: 0,
            queue: 300 * MS,
            delay: 20 * MS,
            jitter: 2 * MS,
            reorders: false,
            loss: Loss::Random(0.0),
            duplicates: 0.0,
        }
    }
}

impl Conditions {
    pub fn lossy(share: f64, delay: Us) -> Conditions {
        Conditions { loss: Loss::Random(share), delay, ..Conditions::default() }
    }

    pub fn limited(rate: u64) -> Conditions {
        Conditions { rate: Some(rate), ..Conditions::default() }
    }
}

/// Packets that did not get through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Casualties {
    /// By random loss or an outage.
    pub lost: u64,
    /// For want of room in the queue.
    pub overflowed: u64,
    /// Of these, sound.
    pub sound_overflowed: u64,
}

/// One direction. A rate that changes holds for packets that come after; what is in the queue leaves at the old one, so
/// that a rising rate shows up to [`Conditions::queue`] late.
pub struct Link {
    conditions: Conditions,
    rng: StdRng,
    /// When the bottleneck has carried all it took, at its rate; with a full bucket it has by a bucket sooner.
    free_at: Us,
    last_arrival: Us,
    bursting: bool,
    down_until: Us,
    pub casualties: Casualties,
    /// When each packet came to the bottleneck, how long it waited there and its bits on the wire.
    pub passed: Vec<(Us, Us, u64)>,
    /// When each packet was sent, let in or not, and its bits on the wire.
    offered: Vec<(Us, u64)>,
}

impl Link {
    pub fn new(conditions: Conditions, seed: u64) -> Link {
        Link {
            conditions,
            rng: StdRng::seed_from_u64(seed),
            free_at: 0,
            last_arrival: 0,
            bursting: false,
            down_until: 0,
            casualties: Casualties::default(),
            passed: Vec::new(),
            offered: Vec::new(),
        }
    }

    pub fn set(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }

    pub fn conditions(&self) -> Conditions {
        self.conditions
    }

    /// Nothing gets through before `until`.
    pub fn cut(&mut self, until: Us) {
        self.down_until = until;
    }

    /// Sends a packet of `len` octets at `now`: when it arrives, each time it does.
    pub fn send(&mut self, now: Us, len: usize, sound: bool) -> impl Iterator<Item = Us> + use<> {
        let bits = 8 * (len + AROUND) as u64;
        self.offered.push((now, bits));
        let arrival = if now < self.down_until {
            self.casualties.lost += 1;
            None
        } else {
            self.pass(now, bits, sound)
        };
        let again =
            arrival.filter(|_| self.conditions.duplicates > 0.0 && self.rng.random_bool(self.conditions.duplicates));
        arrival.into_iter().chain(again.map(|at| at + self.rng.random_range(0..20 * MS)))
    }

    fn pass(&mut self, now: Us, bits: u64, sound: bool) -> Option<Us> {
        let start = self.free_at.max(now);
        let mut leaves = start;
        let mut waits = start - now;
        if let Some(rate) = self.conditions.rate {
            let ahead = 8 * self.conditions.bucket * SECOND / rate;
            waits = waits.saturating_sub(ahead);
            if waits > self.conditions.queue {
                self.casualties.overflowed += 1;
                self.casualties.sound_overflowed += u64::from(sound);
                return None;
            }
            self.free_at = start + bits * SECOND / rate;
            leaves = self.free_at.saturating_sub(ahead).max(now);
        } else {
            self.free_at = start;
        }
        self.passed.push((now, waits, bits));
        if self.loses() {
            self.casualties.lost += 1;
            return None;
        }
        let jitter = if self.conditions.jitter == 0 { 0 } else { self.rng.random_range(0..self.conditions.jitter) };
        let arrival = leaves + self.conditions.delay + jitter;
        if self.conditions.reorders {
            return Some(arrival);
        }
        self.last_arrival = self.last_arrival.max(arrival);
        Some(self.last_arrival)
    }

    fn loses(&mut self) -> bool {
        match self.conditions.loss {
            Loss::Random(share) => share > 0.0 && self.rng.random_bool(share),
            Loss::Bursts { begin, end } => {
                self.bursting = if self.bursting { !self.rng.random_bool(end) } else { self.rng.random_bool(begin) };
                self.bursting && self.rng.random_bool(0.5)
            }
        }
    }

    /// Bits per second that came to the bottleneck and were let in between two moments.
    pub fn carried(&self, from: Us, to: Us) -> u64 {
        let bits: u64 = self.between(from, to).map(|(_, _, bits)| bits).sum();
        bits * SECOND / (to - from).max(1)
    }

    /// Bits per second that were sent between two moments, whatever became of them.
    pub fn offered(&self, from: Us, to: Us) -> u64 {
        let bits: u64 = self.offered.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, bits)| bits).sum();
        bits * SECOND / (to - from).max(1)
    }

    /// The longest wait in the queue between two moments.
    pub fn longest_wait(&self, from: Us, to: Us) -> Us {
        self.between(from, to).map(|(_, wait, _)| *wait).max().unwrap_or(0)
    }

    fn between(&self, from: Us, to: Us) -> impl Iterator<Item = &(Us, Us, u64)> {
        let start = self.passed.partition_point(|(at, ..)| *at < from);
        self.passed[start..].iter().take_while(move |(at, ..)| *at < to)
    }
}
