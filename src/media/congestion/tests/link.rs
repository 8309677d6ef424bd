//! A path in virtual time: one bottleneck with a queue, then delay, jitter and loss. One seed is one run.
//!
//! Depends on nothing of the crate: any test may include it.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// What the path is like. Times in microseconds, rates in bits per second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) rate: f64,
    /// The longest queue, as time at `rate`; what would wait longer is dropped.
    pub(crate) queue: i64,
    /// One way, without queue.
    pub(crate) delay: i64,
    /// Each packet is up to this much later.
    pub(crate) jitter: i64,
    /// Whether jitter may change the order.
    pub(crate) reorders: bool,
    /// Probability that a packet is lost behind the queue.
    pub(crate) loss: f64,
    /// Somebody else's packets, at a constant rate.
    pub(crate) cross: f64,
}

impl Shape {
    /// A path of `rate` with 25 ms each way and half a second of queue.
    pub(crate) fn of(rate: f64) -> Shape {
        Shape { rate, queue: 500_000, delay: 25_000, jitter: 2_000, reorders: false, loss: 0.0, cross: 0.0 }
    }
}

/// Octets of a packet of cross traffic.
const CROSS_PACKET: f64 = 1_200.0;

/// One direction of a path.
pub(crate) struct Link {
    pub(crate) shape: Shape,
    rng: SmallRng,
    /// The queue is empty from then on.
    busy_until: f64,
    next_cross: f64,
    last_arrival: i64,
    pub(crate) dropped: u64,
}

impl Link {
    pub(crate) fn new(shape: Shape, seed: u64) -> Link {
        let rng = SmallRng::seed_from_u64(seed);
        Link { shape, rng, busy_until: 0.0, next_cross: 0.0, last_arrival: i64::MIN, dropped: 0 }
    }

    /// Changes the path; what waits goes on at the new rate.
    pub(crate) fn reshape(&mut self, now: i64, shape: Shape) {
        self.pass_others(now);
        self.busy_until = now as f64 + (self.busy_until - now as f64).max(0.0) * self.shape.rate / shape.rate;
        self.shape = shape;
    }

    /// How long a packet would wait in the queue now.
    pub(crate) fn queueing(&self, now: i64) -> i64 {
        (self.busy_until - now as f64).max(0.0) as i64
    }

    /// When a packet of `size` octets that is sent `now` arrives, if it does. Moments must not go back.
    pub(crate) fn send(&mut self, now: i64, size: usize) -> Option<i64> {
        self.pass_others(now);
        let leaves = self.enqueue(now as f64, size as f64)?;
        if self.shape.loss > 0.0 && self.rng.random_bool(self.shape.loss) {
            return None;
        }
        let jitter = if self.shape.jitter > 0 { self.rng.random_range(0..self.shape.jitter) } else { 0 };
        let arrival = leaves as i64 + self.shape.delay + jitter;
        let arrival = if self.shape.reorders { arrival } else { arrival.max(self.last_arrival) };
        self.last_arrival = arrival;
        Some(arrival)
    }

    fn enqueue(&mut self, now: f64, size: f64) -> Option<f64> {
        let starts = self.busy_until.max(now);
        let takes = size * 8e6 / self.shape.rate;
        if starts + takes - now > self.shape.queue as f64 + takes {
            self.dropped += 1;
            return None;
        }
        self.busy_until = starts + takes;
        Some(self.busy_until)
    }

    fn pass_others(&mut self, now: i64) {
        if self.shape.cross <= 0.0 {
            self.next_cross = now as f64;
        }
        while self.next_cross < now as f64 {
            let at = self.next_cross;
            self.enqueue(at, CROSS_PACKET);
            self.next_cross += CROSS_PACKET * 8e6 / self.shape.cross;
        }
    }
}
