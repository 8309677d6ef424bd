//! A call in virtual time: a source that follows the estimate, the pacer, the path, and a receiver that sends feedback
//! as browsers do.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::link::{Link, Shape};
use super::pacer::{Class, Frame, Next, Pacer};
use crate::id::{Bps, Ssrc};
use crate::media::congestion::{Cluster, Estimator, Kind, Limits};
use crate::media::rtcp::transport_cc::{self, Feedback};

const TICK: i64 = 1_000;
const FRAME_GAP: i64 = 33_333;
const AUDIO_GAP: i64 = 20_000;
const AUDIO_SIZE: usize = 120;
const PACKET: usize = 1_200;

/// What happens to feedback on its way back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Back {
    /// Between two feedbacks.
    pub(super) interval: i64,
    pub(super) loss: f64,
    pub(super) duplicates: f64,
    /// Up to this much later, each for itself.
    pub(super) jitter: i64,
}

impl Default for Back {
    fn default() -> Back {
        Back { interval: 50_000, loss: 0.0, duplicates: 0.0, jitter: 0 }
    }
}

/// A moment of the call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) at: i64,
    pub(super) estimate: f64,
    pub(super) queueing: i64,
    /// Octets since the sample before.
    pub(super) sent: usize,
    pub(super) arrived: usize,
}

pub(super) struct Call {
    pub(super) epoch: Instant,
    pub(super) now: i64,
    pub(super) estimator: Estimator,
    pub(super) link: Link,
    pub(super) back: Back,
    /// What the source sends at most; `None` for as much as the estimate allows.
    pub(super) source: Option<f64>,
    /// Nothing is there to send.
    pub(super) idle: bool,
    /// Nothing passes in either direction.
    pub(super) cut: bool,
    pacer: Pacer<Packet>,
    rng: SmallRng,
    seq: u16,
    next_frame: i64,
    next_audio: i64,
    frame: u32,
    arrivals: BinaryHeap<Reverse<(i64, u64, usize)>>,
    sent: u64,
    receiver: Receiver,
    feedback: VecDeque<(i64, Vec<u8>)>,
    pub(super) samples: Vec<Sample>,
    pub(super) audio_lost: u64,
    pub(super) shed: u64,
}

#[derive(Clone, Copy)]
enum Packet {
    Audio,
    Video,
}

/// Arrivals that wait for feedback.
struct Receiver {
    arrived: BTreeMap<u64, i64>,
    base: u64,
    newest: u64,
    next: i64,
    count: u8,
}

impl Call {
    pub(super) fn new(seed: u64, shape: Shape) -> Call {
        Call::with(seed, shape, Limits { min: Bps(50_000), start: Bps(300_000), max: Bps(10_000_000) })
    }

    pub(super) fn with(seed: u64, shape: Shape, limits: Limits) -> Call {
        let epoch = Instant::now();
        let mut rng = SmallRng::seed_from_u64(seed);
        // Numbers begin anywhere, also shortly before the wrap.
        let seq = rng.random();
        let mut estimator = Estimator::new(epoch, limits);
        estimator.want(limits.max);
        Call {
            epoch,
            now: 0,
            pacer: Pacer::new(epoch, estimator.pacing_rate()),
            estimator,
            link: Link::new(shape, seed.wrapping_add(1)),
            back: Back::default(),
            source: None,
            idle: false,
            cut: false,
            rng,
            seq,
            next_frame: 0,
            next_audio: 0,
            frame: 0,
            arrivals: BinaryHeap::new(),
            sent: u64::from(seq),
            receiver: Receiver {
                arrived: BTreeMap::new(),
                base: u64::from(seq),
                newest: u64::from(seq),
                next: 0,
                count: 0,
            },
            feedback: VecDeque::new(),
            samples: Vec::new(),
            audio_lost: 0,
            shed: 0,
        }
    }

    pub(super) fn instant(&self) -> Instant {
        self.epoch + Duration::from_micros(self.now as u64)
    }

    /// Goes on for `seconds`.
    pub(super) fn run(&mut self, seconds: f64) -> &mut Call {
        let end = self.now + (seconds * 1e6) as i64;
        while self.now < end {
            let estimate = self.estimator.estimate().0 as f64;
            let queueing = self.link.queueing(self.now);
            self.samples.push(Sample { at: self.now, estimate, queueing, sent: 0, arrived: 0 });
            self.produce();
            self.release();
            self.arrive();
            self.report();
            self.hear();
            self.now += TICK;
        }
        self
    }

    fn produce(&mut self) {
        let now = self.instant();
        if self.idle {
            (self.next_audio, self.next_frame) = (self.now, self.now);
            return;
        }
        if self.now >= self.next_audio {
            self.next_audio += AUDIO_GAP;
            self.pacer.push(now, Class::Audio, AUDIO_SIZE, Packet::Audio);
        }
        if self.now >= self.next_frame {
            self.next_frame += FRAME_GAP;
            self.frame += 1;
            let audio = AUDIO_SIZE as f64 * 8e6 / AUDIO_GAP as f64;
            let estimate = self.estimator.estimate().0 as f64;
            let rate = (self.source.map_or(estimate, |source| source.min(estimate)) - audio).max(10_000.0);
            let key = self.frame % 300 == 1;
            // A key frame is as large as four, and the others make up for it.
            let share = if key { 4.0 } else { self.rng.random_range(0.75..1.23) };
            let mut left = (rate * share * FRAME_GAP as f64 / 8e6) as usize;
            while left > 0 {
                let size = left.clamp(100, PACKET);
                let frame = Frame { line: 0, number: self.frame, key };
                self.pacer.push(now, Class::Video(frame), size, Packet::Video);
                left = left.saturating_sub(size);
            }
        }
        while self.pacer.shed().is_some() {
            self.shed += 1;
        }
    }

    fn release(&mut self) {
        let now = self.instant();
        self.estimator.handle_timeout(now);
        if self.pacer.cluster().is_some_and(|cluster| !self.estimator.probe_goes_on(cluster)) {
            self.pacer.end_probe();
        }
        if let Some(plan) = self.estimator.probe(now) {
            self.pacer.probe(now, plan);
        }
        self.pacer.set_rate(now, self.estimator.pacing_rate());
        loop {
            match self.pacer.poll(now) {
                Next::Send { item, size, cluster } => {
                    let passed = self.send(size, Kind::Media, cluster);
                    self.audio_lost += u64::from(!passed && matches!(item, Packet::Audio));
                }
                Next::Padding { size, cluster } => {
                    self.send(size, Kind::Padding, Some(cluster));
                    self.pacer.padded(now, size);
                }
                Next::Wait(_) => break,
            }
        }
    }

    fn send(&mut self, size: usize, kind: Kind, cluster: Option<Cluster>) -> bool {
        self.estimator.sent(self.instant(), self.seq, size, kind, cluster);
        if let Some(sample) = self.samples.last_mut() {
            sample.sent += size;
        }
        let arrival = self.link.send(self.now, size).filter(|_| !self.cut);
        if let Some(at) = arrival {
            self.arrivals.push(Reverse((at, self.sent, size)));
        }
        self.seq = self.seq.wrapping_add(1);
        self.sent += 1;
        arrival.is_some()
    }

    fn arrive(&mut self) {
        while let Some(Reverse((at, seq, size))) = self.arrivals.peek().copied() {
            if at > self.now {
                break;
            }
            self.arrivals.pop();
            self.receiver.arrived.insert(seq, at);
            self.receiver.base = self.receiver.base.min(seq);
            self.receiver.newest = self.receiver.newest.max(seq);
            if let Some(sample) = self.samples.last_mut() {
                sample.arrived += size;
            }
        }
    }

    fn report(&mut self) {
        let receiver = &mut self.receiver;
        if self.now < receiver.next || receiver.arrived.is_empty() || receiver.base > receiver.newest {
            return;
        }
        receiver.next = self.now + self.back.interval;
        // The receiver's clock has its own zero.
        let clock = |at: i64| Duration::from_micros((at + 123_456_789) as u64);
        let told: Vec<(u16, Option<Duration>)> = (receiver.base..=receiver.newest)
            .map(|seq| (seq as u16, receiver.arrived.get(&seq).copied().map(clock)))
            .collect();
        receiver.base = receiver.newest + 1;
        receiver.arrived = receiver.arrived.split_off(&receiver.newest.saturating_sub(200));
        let mut rest = told.as_slice();
        while !rest.is_empty() {
            let mut packet = Vec::new();
            let written = transport_cc::write(&mut packet, Ssrc(1), Ssrc(2), receiver.count, rest);
            receiver.count = receiver.count.wrapping_add(1);
            rest = rest.get(written..).unwrap_or_default();
            if packet.is_empty() || self.cut || self.rng.random_bool(self.back.loss) {
                continue;
            }
            let copies = 1 + usize::from(self.rng.random_bool(self.back.duplicates));
            for _ in 0..copies {
                let jitter = self.rng.random_range(0..=self.back.jitter);
                self.feedback.push_back((self.now + self.link.shape.delay + jitter, packet.clone()));
            }
        }
    }

    fn hear(&mut self) {
        let now = self.instant();
        let due = self.now;
        let Call { feedback, estimator, .. } = self;
        feedback.retain(|(at, packet)| {
            if *at <= due {
                estimator.feedback(now, &Feedback::parse(packet).expect("what we wrote"));
            }
            *at > due
        });
    }

    /// Seconds since `from` until the estimate reaches `bps`.
    pub(super) fn reached(&self, from: i64, bps: f64) -> Option<f64> {
        let sample = self.samples.iter().find(|sample| sample.at >= from && sample.estimate >= bps)?;
        Some((sample.at - from) as f64 / 1e6)
    }

    /// The samples from `from` to `to` seconds after `since`.
    pub(super) fn between(&self, since: i64, from: f64, to: f64) -> &[Sample] {
        let place = |seconds: f64| {
            let at = since + (seconds * 1e6) as i64;
            self.samples.partition_point(|sample| sample.at < at)
        };
        &self.samples[place(from)..place(to)]
    }
}

pub(super) fn least_estimate(samples: &[Sample]) -> f64 {
    samples.iter().map(|sample| sample.estimate).fold(f64::INFINITY, f64::min)
}

pub(super) fn most_estimate(samples: &[Sample]) -> f64 {
    samples.iter().map(|sample| sample.estimate).fold(0.0, f64::max)
}

pub(super) fn most_queueing(samples: &[Sample]) -> i64 {
    samples.iter().map(|sample| sample.queueing).max().unwrap_or(0)
}

/// Bits per second.
pub(super) fn sent(samples: &[Sample]) -> f64 {
    rate(samples, |sample| sample.sent)
}

pub(super) fn arrived(samples: &[Sample]) -> f64 {
    rate(samples, |sample| sample.arrived)
}

fn rate(samples: &[Sample], octets: fn(&Sample) -> usize) -> f64 {
    let seconds = samples.len().max(1) as f64 * TICK as f64 / 1e6;
    samples.iter().map(octets).sum::<usize>() as f64 * 8.0 / seconds
}
