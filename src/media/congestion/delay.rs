//! Whether the path's queue grows: inter-group delay variation, its trend, and the queueing delay itself.

use std::time::{Duration, Instant};

use rtc_interceptor::{ArrivalGroupAccumulator, OveruseDetector, PacketReport, Usage};

use crate::id::ExtSeq;

/// Groups on the trend line: 100 ms of a busy stream, 660 ms at one frame each 33 ms.
const GROUPS: usize = 20;
/// Weight of the past in the smoothed delay: one late group moves it by a tenth.
const SMOOTHING: f64 = 0.9;
/// The slope is scaled to what the detector's threshold of 12.5 ms was made for: delay gained over the groups seen, at
/// most [`MOST_GROUPS`], times a gain.
const GAIN: f64 = 4.0;
const MOST_GROUPS: u32 = 60;

/// Halves of the time over which the smallest one-way delay is the empty path's. Long enough that some drain empties
/// the queue in it; receivers' clocks drift by up to 100 ppm, 6 ms in it, which is no queue yet.
const BASE_HALF: i64 = 30_000_000;
/// Halves of the time over which the smallest delay counts as the present queue: a frame or two, so that jitter, which
/// some packet escapes, is not taken for one, and a step still shows at once.
const RECENT_HALF: i64 = 25_000;
/// A one-way delay that jumps by more is another clock, not a queue.
const CLOCK_JUMP: i64 = 10_000_000;

/// An overuse counts only above this queueing delay: a growing queue without a queue is jitter.
const LEAST_QUEUE: i64 = 12_000;
/// Above this the queue is too long whatever its trend: a few per cent too much grow it too slowly to be seen as one.
const STANDING_QUEUE: i64 = 100_000;
/// What a probe adds by itself: twice the path's rate for its length.
const PROBE_QUEUE: i64 = 60_000;

/// What the delay says of the path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PathState {
    /// More is sent than passes: the queue grows, or is long.
    Overuse,
    #[default]
    Normal,
    /// The queue drains.
    Underuse,
}

/// Watches one-way delays. Only their differences count: the two clocks share no zero.
pub(super) struct DelayDetector {
    epoch: Instant,
    groups: ArrivalGroupAccumulator,
    detector: OveruseDetector,
    trend: Trend,
    usage: Usage,
    /// Only packets above it are grouped: late ones tell of the path, not of the queue.
    newest: Option<ExtSeq>,
    last_delay: Option<i64>,
    base: Smallest,
    recent: Smallest,
    /// Packets that departed before this may stand in a queue that a probe made.
    probe_until: i64,
}

impl DelayDetector {
    pub(super) fn new(epoch: Instant) -> DelayDetector {
        DelayDetector {
            epoch,
            groups: ArrivalGroupAccumulator::default(),
            detector: OveruseDetector::new(),
            trend: Trend::default(),
            usage: Usage::Normal,
            newest: None,
            last_delay: None,
            base: Smallest::new(BASE_HALF),
            recent: Smallest::new(RECENT_HALF),
            probe_until: i64::MIN,
        }
    }

    /// One packet that came, in microseconds of either side's clock. Says whether the receiver's clock was set, so that
    /// nothing of before compares.
    pub(super) fn received(&mut self, seq: ExtSeq, departure: i64, arrival: i64, size: u16) -> bool {
        let delay = arrival.saturating_sub(departure);
        let jumped = self.last_delay.is_some_and(|last| delay.abs_diff(last) > CLOCK_JUMP as u64);
        if jumped {
            let probe_until = self.probe_until;
            *self = DelayDetector { newest: self.newest, probe_until, ..DelayDetector::new(self.epoch) };
        }
        self.last_delay = Some(delay);
        self.base.add(departure, delay);
        self.recent.add(departure, delay);
        if self.newest.is_some_and(|newest| seq <= newest) {
            return jumped;
        }
        self.newest = Some(seq);
        let report = self.report(departure, arrival, size);
        if let Some(variation) = self.groups.accumulate(&report) {
            let at = variation.at.saturating_duration_since(self.epoch).as_secs_f64() * 1e3;
            let trend = self.trend.add(at, variation.delta_ms);
            self.usage = self.detector.update(variation.at, trend);
        }
        jumped
    }

    fn report(&self, departure: i64, arrival: i64, size: u16) -> PacketReport {
        PacketReport {
            ssrc: 0,
            id: 0,
            rtp_sequence_number: 0,
            is_twcc: true,
            twcc_sequence_number: 0,
            size: usize::from(size),
            arrived: true,
            departure: self.epoch + Duration::from_micros(departure.max(0) as u64),
            arrival: Some(Duration::from_micros(arrival.max(0) as u64)),
            ecn: Default::default(),
        }
    }

    /// What is queued by packets that depart before this is the probe's doing, up to its measure.
    pub(super) fn expect_probe(&mut self, until: i64) {
        self.probe_until = self.probe_until.max(until);
    }

    pub(super) fn state(&self) -> PathState {
        let queue = self.queueing();
        let probed = self.recent.latest.is_some_and(|departure| departure < self.probe_until);
        let least = if probed { PROBE_QUEUE } else { LEAST_QUEUE };
        match self.usage {
            Usage::Over if queue >= least => PathState::Overuse,
            Usage::Under => PathState::Underuse,
            _ if queue >= STANDING_QUEUE => PathState::Overuse,
            _ => PathState::Normal,
        }
    }

    /// Smallest delay of the last packets above that of the empty path, microseconds.
    pub(super) fn queueing(&self) -> i64 {
        match (self.recent.smallest(), self.base.smallest()) {
            (Some(recent), Some(base)) => recent.saturating_sub(base).max(0),
            _ => 0,
        }
    }

    /// The delay that is there now is the path's own: less was sent and it did not shrink.
    pub(super) fn accept_delay(&mut self) {
        self.base = self.recent.clone().widened(BASE_HALF);
    }
}

/// Slope of the smoothed delay over the last groups, by least squares.
#[derive(Default)]
struct Trend {
    /// Arrival and smoothed delay, both milliseconds since the first group.
    points: [(f64, f64); GROUPS],
    groups: u32,
    first: Option<f64>,
    delay: f64,
    smoothed: f64,
}

impl Trend {
    /// Takes a group that departed at `at` ms and was `variation` ms later than the one before. Returns the scaled
    /// trend.
    fn add(&mut self, at: f64, variation: f64) -> f64 {
        let first = *self.first.get_or_insert(at);
        self.delay += variation;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.delay;
        self.points[self.groups as usize % GROUPS] = (at - first + self.delay, self.smoothed);
        self.groups = self.groups.wrapping_add(1).max(1);
        if (self.groups as usize) < GROUPS {
            return 0.0;
        }
        self.slope() * f64::from(self.groups.min(MOST_GROUPS)) * GAIN
    }

    fn slope(&self) -> f64 {
        let count = GROUPS as f64;
        let sum = |of: fn(&(f64, f64)) -> f64| self.points.iter().map(of).sum::<f64>() / count;
        let (x, y) = (sum(|point| point.0), sum(|point| point.1));
        let (over, under) = self.points.iter().fold((0.0, 0.0), |(over, under), point| {
            let dx = point.0 - x;
            (over + dx * (point.1 - y), under + dx * dx)
        });
        if under > 0.0 { over / under } else { 0.0 }
    }
}

/// The smallest of the values of the last one to two `half`s.
#[derive(Clone)]
struct Smallest {
    half: i64,
    since: i64,
    latest: Option<i64>,
    now: Option<i64>,
    before: Option<i64>,
}

impl Smallest {
    fn new(half: i64) -> Smallest {
        Smallest { half, since: 0, latest: None, now: None, before: None }
    }

    fn add(&mut self, at: i64, value: i64) {
        if self.latest.is_none() || at - self.since >= self.half {
            self.before = self.now.take();
            self.since = at;
        }
        self.latest = Some(self.latest.map_or(at, |latest| latest.max(at)));
        self.now = Some(self.now.map_or(value, |now| now.min(value)));
    }

    fn smallest(&self) -> Option<i64> {
        self.now.into_iter().chain(self.before).min()
    }

    /// The same values over another time.
    fn widened(self, half: i64) -> Smallest {
        Smallest { half, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends a packet each `gap` ms for `packets`, the n-th `delay(n)` ms under way.
    fn path(packets: u64, gap: i64, delay: impl Fn(u64) -> f64) -> DelayDetector {
        let mut detector = DelayDetector::new(Instant::now());
        for packet in 0..packets {
            let departure = packet as i64 * gap * 1_000;
            let arrival = 900_000_000 + departure + (delay(packet) * 1e3) as i64;
            detector.received(ExtSeq(packet), departure, arrival, 1_000);
        }
        detector
    }

    #[test]
    fn a_growing_queue_is_an_overuse_and_a_shrinking_one_an_underuse() {
        assert_eq!(path(100, 10, |_| 30.0).state(), PathState::Normal);
        let growing = path(100, 10, |packet| 30.0 + packet.saturating_sub(50) as f64);
        assert_eq!(growing.state(), PathState::Overuse);
        assert!((40_000..=50_000).contains(&growing.queueing()), "{}", growing.queueing());
        let shrinking = path(100, 10, |packet| 80.0 - packet.saturating_sub(60) as f64);
        assert_eq!(shrinking.state(), PathState::Underuse);
    }

    #[test]
    fn a_queue_that_grows_by_a_twentieth_is_seen_before_it_is_long() {
        // The library's own filter compares milliseconds per group with 6 ms and more: these are 0.5.
        let first = (50..400).find(|packets| {
            path(*packets, 10, |packet| 30.0 + 0.5 * packet.saturating_sub(50) as f64).state() == PathState::Overuse
        });
        assert!(first.is_some_and(|packet| packet < 130), "{first:?}");
    }

    #[test]
    fn jitter_is_no_overuse() {
        let jitter = |packet: u64| 30.0 + (packet.wrapping_mul(2_654_435_761) % 31) as f64;
        for packets in 20..1_000 {
            let detector = path(packets, 10, jitter);
            assert_ne!(detector.state(), PathState::Overuse, "after {packets}");
        }
    }

    #[test]
    fn a_standing_queue_is_an_overuse_until_it_is_accepted() {
        let mut detector = path(400, 10, |packet| if packet < 100 { 30.0 } else { 180.0 });
        assert_eq!(detector.state(), PathState::Overuse);
        assert_eq!(detector.queueing(), 150_000);
        detector.accept_delay();
        assert_eq!((detector.state(), detector.queueing()), (PathState::Normal, 0));
    }

    #[test]
    fn a_clock_that_was_set_starts_the_watch_anew() {
        let mut detector = path(100, 10, |packet| 30.0 + packet as f64);
        assert!(!detector.received(ExtSeq(100), 1_000_000, 901_130_000, 1_000));
        assert!(detector.received(ExtSeq(101), 1_010_000, 5_000, 1_000));
        assert_eq!((detector.state(), detector.queueing()), (PathState::Normal, 0));
    }

    #[test]
    fn a_probes_own_queue_is_none_of_the_medias() {
        let delay = |packet: u64| 30.0 + packet.saturating_sub(60) as f64;
        let mut detector = path(100, 10, delay);
        assert_eq!(detector.state(), PathState::Overuse);
        detector.expect_probe(2_000_000);
        assert_eq!(detector.state(), PathState::Normal, "40 ms");
    }
}
