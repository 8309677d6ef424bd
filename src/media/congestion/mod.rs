//! How much may be sent to one browser: send-side bandwidth estimation, one [`Estimator`] per transport.
//!
//! Pure: time is a parameter. Nothing is allocated per packet; the history of what was sent is allocated with the first
//! packet. Feedback is hostile until proven otherwise: it can only name packets that were sent, each counts once, and
//! the estimate stays within [`Limits`].
//!
//! # The algorithm
//!
//! Google congestion control (draft-ietf-rmcat-gcc-02; Carlucci et al., *Analysis and design of the Google congestion
//! control for WebRTC*, MMSys 2016) in its send-side form, on transport-wide feedback
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01):
//!
//! - [`history`]: each packet with its number, size, departure and probe cluster; feedback is joined with it.
//! - [`throughput`]: the acknowledged rate by *arrival* time (bunched feedback does not distort it, and what
//!   missing feedback would have told counts as delivered), and the sent rate.
//! - [`delay`]: packets are grouped into bursts, the variation of delay between groups is summed and smoothed, and its
//!   slope over 20 groups compared with an adaptive threshold. Grouping, threshold and hysteresis are the library's
//!   (`rtc-interceptor`); its Kalman filter is not used, since it compares milliseconds per group with 6 ms and more, and
//!   a queue that grows by a tenth of 5 ms groups never gets there. An overuse also needs a queue: the smallest one-way
//!   delay of the last frames must be above that of the last half minute, so that jitter is none.
//! - [`aimd`]: on overuse the estimate falls to 0.9 of what the path delivers, over a short window after a step. It grows
//!   by one packet per reaction time near the last limit and by 8 % a second elsewhere, up to 1.5 of what is delivered,
//!   and not at all while the application sends much less than it might.
//! - [`drain`]: the draft leaves the queue of an overuse to the difference between estimate and path, which takes longer
//!   than a conversation bears; here less is paced out until it is empty. A queue that stays is not ours, and its delay
//!   becomes the path's.
//! - [`loss`]: more than 10 % of loss bounds the estimate by the sent rate, less than 2 % lifts the bound. Loss that is
//!   there at any rate does not count, and only what is statistically sure does.
//! - [`probe`]: short trains at 3 and 6 times the initial estimate, then at twice the present one while what the owner
//!   wants is not covered, after a rise and after an outage. Their result *sets* the estimate. An estimate that is not
//!   used is confirmed every ten seconds.
//!
//! The estimate is of whatever the owner counts as a packet's size: count alike when spending it. Packets without
//! transport-wide number (sound, where it was not negotiated) are the owner's to subtract.

mod aimd;
mod delay;
mod drain;
mod feedback;
mod history;
mod loss;
mod probe;
mod throughput;
mod trail;
mod train;

use std::time::{Duration, Instant};

use crate::id::{Bps, ExtSeq};
use crate::prefetch::prefetch;

use aimd::{Acknowledged, RateControl};
use delay::DelayDetector;
pub use delay::PathState;
use drain::Drain;
use feedback::ReceiverClock;
use history::History;
use loss::LossControl;
pub use probe::{Cluster, ProbePlan};
use probe::{Outcome, Prober, Situation};
use throughput::Throughput;

/// Frames leave faster than they are produced, so that the last packet of a large one is not late; more would queue in
/// the path, and be read as an overuse.
const PACING: f64 = 1.5;
/// Windows of the acknowledged and of the sent rate, microseconds: half a second evens out frames; an eighth sees a
/// step, if there are packets enough to tell a rate from chance.
const LONG_WINDOW: i64 = 500_000;
const SHORT_WINDOW: i64 = 120_000;
const SHORT_PACKETS: u32 = 12;
/// Round trip before the first feedback, microseconds.
const INITIAL_RTT: i64 = 100_000;
/// Weight of a new sample in the round trip.
const RTT_GAIN: f64 = 0.2;
/// Silence of a receiver that was sent this many packets counts after this long beside the round trip; browsers send
/// feedback every 50–250 ms.
const SILENT_PACKETS: u32 = 10;
const SILENCE: i64 = 1_000_000;
/// It costs this share of the rate, and again after each such pause.
const SILENCE_SHARE: f64 = 0.7;
const SILENCE_STEP: i64 = 500_000;
/// The application is limited when it sends less than this share of the estimate, until it sends more than that.
const LIMITED_BELOW: f64 = 0.65;
const LIMITED_UNTIL: f64 = 0.8;
/// With less than this share of what is sent arriving, the overuse is ours though little is sent.
const SATURATED: f64 = 0.85;
/// The estimate does not grow above this queueing delay, microseconds.
const HOLD_QUEUE: i64 = 50_000;
/// Packets that depart this long after a probe's may stand in its queue.
const PROBE_SHADOW: i64 = 300_000;
/// Whoever answers none of so many probes sends no transport-wide feedback.
const DEAF_PROBES: u64 = 3;
/// Trains that fill up what a receiver allows that estimates by itself, microseconds.
const FILL: i64 = 250_000;
/// A wish counts as higher from this factor on.
const HIGHER: f64 = 1.05;

/// Bounds and beginning of an estimate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    pub min: Bps,
    /// Believed until feedback says more.
    pub start: Bps,
    pub max: Bps,
}

impl Default for Limits {
    /// Sound alone; a small picture; more than nine seats need.
    fn default() -> Limits {
        Limits { min: Bps(50_000), start: Bps(500_000), max: Bps(20_000_000) }
    }
}

/// What a packet was sent for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Media,
    Retransmission,
    Padding,
}

/// A moment's facts, for metrics.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Facts {
    pub state: PathState,
    /// The application sends much less than the estimate.
    pub limited: bool,
    /// The queue of an overuse is being emptied.
    pub draining: bool,
    /// Feedback is overdue.
    pub silent: bool,
    /// Share of packets lost lately, 0–1.
    pub loss: f64,
    /// As feedback shows it, the receiver's waiting for its next feedback included.
    pub rtt: Option<Duration>,
    pub queueing: Duration,
    /// By departure and by arrival.
    pub sent: Option<Bps>,
    pub acknowledged: Option<Bps>,
    /// Probe clusters since the start, and those that passed.
    pub probes: u64,
    pub probes_passed: u64,
    /// Octets since the start.
    pub media: u64,
    pub retransmitted: u64,
    pub padding: u64,
}

/// The estimate for one transport. Moments never go back: an earlier `now` counts as the latest.
pub struct Estimator {
    epoch: Instant,
    limits: Limits,
    history: History,
    clock: ReceiverClock,
    delay: DelayDetector,
    acknowledged: Throughput,
    sent: Throughput,
    rate: RateControl,
    loss: LossControl,
    drain: Drain,
    prober: Prober,
    want: f64,
    limited: bool,
    rtt: Option<f64>,
    /// The highest number that was told of, and the latest arrival up to then.
    told: Option<(ExtSeq, i64)>,
    /// When the last feedback told something new.
    heard: Option<i64>,
    /// Packets sent since, and when the first of them was.
    unheard: u32,
    unheard_since: i64,
    silence: Option<Silence>,
    remb: Option<f64>,
    /// When the next train of padding may go to a receiver that estimates by itself.
    fill_at: i64,
    media: u64,
    retransmitted: u64,
    padding: u64,
}

/// No feedback, though packets were sent.
#[derive(Clone, Copy)]
struct Silence {
    /// The estimate before.
    before: f64,
    next_step: i64,
}

impl Estimator {
    pub fn new(now: Instant, limits: Limits) -> Estimator {
        let start = bps(limits.start);
        Estimator {
            epoch: now,
            limits,
            history: History::default(),
            clock: ReceiverClock::default(),
            delay: DelayDetector::new(now),
            acknowledged: Throughput::default(),
            sent: Throughput::default(),
            rate: RateControl::new(start),
            loss: LossControl::default(),
            drain: Drain::default(),
            prober: Prober::new(start),
            want: 0.0,
            limited: false,
            rtt: None,
            told: None,
            heard: None,
            unheard: 0,
            unheard_since: 0,
            silence: None,
            remb: None,
            fill_at: 0,
            media: 0,
            retransmitted: 0,
            padding: 0,
        }
    }

    /// A packet will leave soon.
    pub fn prefetch(&self) {
        prefetch(&self.epoch);
        prefetch(&self.history);
        prefetch(&self.unheard);
        prefetch(&self.media);
    }

    /// A packet of `size` octets left with the transport-wide number `seq`, as part of the probe `cluster` if it was.
    pub fn sent(&mut self, now: Instant, seq: u16, size: usize, kind: Kind, cluster: Option<Cluster>) {
        let at = self.micros(now);
        self.history.push(seq, at, size, cluster);
        let octets = u16::try_from(size).unwrap_or(u16::MAX);
        self.sent.add(at, octets);
        *match kind {
            Kind::Media => &mut self.media,
            Kind::Retransmission => &mut self.retransmitted,
            Kind::Padding => &mut self.padding,
        } += u64::from(octets);
        if let Some(cluster) = cluster.filter(|_| !self.is_by_remb()) {
            self.prober.sent(cluster, at, octets);
            self.delay.expect_probe(at + PROBE_SHADOW);
        }
        if self.unheard == 0 {
            self.unheard_since = at;
        }
        self.unheard = self.unheard.saturating_add(1);
    }

    /// The receiver's own estimate (draft-alvestrand-rmcat-remb-03): it counts while transport-wide feedback never came.
    pub fn remb(&mut self, rate: Bps) {
        self.remb = Some(bps(rate));
    }

    /// Whether the estimate is the receiver's own.
    pub fn is_by_remb(&self) -> bool {
        self.heard.is_none() && self.remb.is_some()
    }

    /// Whether the receiver has told anything at all.
    pub fn has_heard(&self) -> bool {
        self.heard.is_some() || self.remb.is_some()
    }

    /// What the owner would send if the path allowed: probes try to reach it, and nothing beyond it.
    pub fn want(&mut self, rate: Bps) {
        let rate = bps(rate);
        if rate > HIGHER * self.want {
            self.prober.prompt();
        }
        self.want = rate;
    }

    /// Whether an outage has just ended: in a moment it will be known what the path carries, and the estimate that fell
    /// meanwhile is no reason to change anything.
    pub fn is_recovering(&self, now: Instant) -> bool {
        self.prober.is_recovering(self.micros(now)) && self.delay.state() != PathState::Overuse
    }

    /// The owner sends more from now on: on a path that was seen to be full, what a probe would add would hide whether
    /// that passes.
    pub fn rose(&mut self, now: Instant) {
        if !self.rate.outgrown() {
            self.prober.pause(self.micros(now));
        }
    }

    /// What may be sent altogether, all kinds of packets with a transport-wide number included.
    pub fn estimate(&self) -> Bps {
        Bps(self.current() as u64)
    }

    /// How fast packets may leave: above the estimate, so that frames arrive in time, and below it while a queue drains.
    pub fn pacing_rate(&self) -> Bps {
        let rate = self.drain.rate().map_or(PACING * self.current(), |drain| drain.min(self.current()));
        Bps(rate.max(bps(self.limits.min)) as u64)
    }

    /// A probe to send now. Plan it only where padding can be sent, and where transport-wide feedback was negotiated or
    /// the receiver estimates by itself: that estimate grows only with what arrives, and so is filled up while more is
    /// wanted.
    pub fn probe(&mut self, now: Instant) -> Option<ProbePlan> {
        let now = self.micros(now);
        if self.is_by_remb() {
            return self.fill(now);
        }
        let situation = self.situation(now);
        self.prober.plan(now, situation)
    }

    /// Breaks off the train under way, to be sent again later.
    pub fn cancel_probe(&mut self) {
        self.prober.cancel();
    }

    /// Whether the probe `cluster` shall go on: it is over early when it has shown what it can.
    pub fn probe_goes_on(&self, cluster: Cluster) -> bool {
        self.is_by_remb() || self.prober.goes_on(cluster)
    }

    /// When [`Estimator::handle_timeout`] and [`Estimator::probe`] have something to do.
    pub fn next_timeout(&self, now: Instant) -> Option<Instant> {
        let now = self.micros(now);
        let probe = match self.is_by_remb() {
            true => (self.want > self.current()).then_some(self.fill_at),
            false => self.prober.next_timeout(now, self.situation(now)),
        };
        let next = self.silent_at().into_iter().chain(probe).min()?;
        Some(self.epoch + Duration::from_micros(next.max(0) as u64))
    }

    fn fill(&mut self, now: i64) -> Option<ProbePlan> {
        if now < self.fill_at || self.want <= self.current() {
            return None;
        }
        self.fill_at = now + FILL;
        let octets = (self.current() * FILL as f64 / 8e6) as usize;
        Some(ProbePlan { cluster: Cluster(0), rate: Bps(self.current() as u64), octets, packets: 1 })
    }

    /// Gives up on feedback that is overdue.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.micros(now);
        self.conclude_probe(now);
        if self.silent_at().is_none_or(|at| now < at) {
            return;
        }
        let before = self.silence.map_or(self.current(), |silence| silence.before);
        self.silence = Some(Silence { before, next_step: now + SILENCE_STEP });
        self.rate.set((SILENCE_SHARE * self.rate.rate()).max(bps(self.limits.min)));
    }

    pub fn facts(&self, now: Instant) -> Facts {
        let now = self.micros(now);
        let whole = |rate: f64| Bps(rate as u64);
        let micros = |micros: f64| Duration::from_micros(micros as u64);
        Facts {
            state: self.delay.state(),
            limited: self.limited,
            draining: self.drain.rate().is_some(),
            silent: self.silence.is_some(),
            loss: self.loss.loss(),
            rtt: self.rtt.map(micros),
            queueing: micros(self.delay.queueing() as f64),
            sent: self.sent.rate_until(now, LONG_WINDOW, 0).map(whole),
            acknowledged: self.acknowledged.rate(LONG_WINDOW, 0).map(whole),
            probes: self.prober.planned,
            probes_passed: self.prober.passed,
            media: self.media,
            retransmitted: self.retransmitted,
            padding: self.padding,
        }
    }

    /// When the silence of the receiver counts, or counts again.
    fn silent_at(&self) -> Option<i64> {
        if self.heard.is_none() || self.unheard < SILENT_PACKETS {
            return None;
        }
        let first = self.unheard_since + self.round_trip() + SILENCE;
        Some(self.silence.map_or(first, |silence| silence.next_step))
    }

    fn current(&self) -> f64 {
        let own = self.loss.bound().map_or(self.rate.rate(), |bound| self.rate.rate().min(bound));
        let rate = self.remb.filter(|_| self.is_by_remb()).unwrap_or(own);
        rate.min(bps(self.limits.max)).max(bps(self.limits.min))
    }

    fn round_trip(&self) -> i64 {
        self.rtt.map_or(INITIAL_RTT, |rtt| rtt as i64)
    }

    fn situation(&self, now: i64) -> Situation {
        Situation {
            estimate: self.current(),
            want: self.want,
            max: bps(self.limits.max),
            sent: self.sent.rate_until(now, LONG_WINDOW, 0).unwrap_or_default(),
            rtt: self.round_trip(),
            held: self.delay.state() == PathState::Overuse
                || self.drain.rate().is_some()
                || (self.heard.is_none() && self.prober.planned >= DEAF_PROBES),
        }
    }

    fn micros(&self, now: Instant) -> i64 {
        i64::try_from(now.saturating_duration_since(self.epoch).as_micros()).unwrap_or(i64::MAX)
    }
}

fn bps(rate: Bps) -> f64 {
    rate.0 as f64
}

#[cfg(test)]
mod tests;
