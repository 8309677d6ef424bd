//! Probe clusters: short trains above the estimate, whose arrival tells what the path carries.

mod running;

use super::trail::Trail;
use super::train::{Stretch, Train};
use crate::id::Bps;
use running::{FULL, Purpose, Running, UTILISATION};

/// Names a probe cluster among the packets of the last minutes; wraps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cluster(pub u8);

/// One train of packets to send at `rate`: media where there is some, padding where there is not. It is over when both
/// `octets` and `packets` have left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProbePlan {
    pub cluster: Cluster,
    pub rate: Bps,
    pub octets: usize,
    pub packets: usize,
}

/// Seconds of a train: longer than most jitter, and at twice the path's rate it queues for as long.
const LENGTH: f64 = 0.03;
/// A shaper's bucket lets a short train through at any rate. What one promises is believed when a long train got through
/// too: of so many estimates beyond the present one, half again, or twice that after one that did;
const BEYOND: f64 = 0.5;
/// of less where its own queue, told of a round trip and [`TOLD`] microseconds later, would become longer than this;
const OWN_QUEUE: f64 = 80_000.0;
const TOLD: f64 = 100_000.0;
const LEAST_BEYOND: f64 = 0.2;
/// and for as many seconds as it takes to empty a bucket of so many seconds, and to see a queue after that.
const BUCKET: f64 = 0.2;
const SEEN: f64 = 0.1;
/// One that is held up lowers the estimate to what it measured, by this share at most at once: it measures with some noise.
const LEAST_KEPT: f64 = 0.95;
/// Fewer packets measure nothing, and smaller ones cost more header than they carry.
const PACKETS: usize = 5;
const LEAST_OCTETS: f64 = 1_000.0;

/// The first probe, in initial estimates; the one after it, should it pass, is double: 6.
const FIRST: f64 = 3.0;
/// The others, in present estimates.
const FACTOR: f64 = 2.0;
/// Beyond what is wanted, so that the owner's hysteresis is satisfied.
const BEYOND_GOAL: f64 = 1.2;
/// An estimate this near the goal covers it.
const COVERED: f64 = 0.98;
/// A train that arrives at so many estimates promises more than is known to pass.
const PROMISES: f64 = 1.3;
/// A path that is overused so soon after a short train was believed has a bucket, microseconds: layers need seconds to rise.
const KEPT: i64 = 5_000_000;
/// A train that passes at this share of its rate is followed by a faster one.
const PASSED: f64 = 0.7;
/// The next try while the goal is not covered, microseconds: later after each that failed, but the path may improve at
/// any time.
const INTERVAL: i64 = 2_500_000;
const INTERVAL_GROWTH: i64 = 2;
const MOST_INTERVAL: i64 = 5_000_000;
/// After a decrease and after a failed probe nothing is tried for so long, whatever is wanted.
const REST: i64 = 2_000_000;
const REST_FAILED: i64 = 1_000_000;
/// Nor for so long after more was sent, where the path was seen to be full, or for so long where a long train got through, or
/// short ones are believed.
const PAUSE: i64 = 2_000_000;
const PAUSE_KNOWN: i64 = 1_000_000;
/// So many trains in a row may be lost before they count as failed: that says little of the rate.
const UNMEASURED: u32 = 3;
/// How often an estimate that is not used is confirmed: about 1 % of its rate.
const CONFIRM: i64 = 10_000_000;
/// It is used when this share of it is sent.
const USED: f64 = 0.5;
/// This many confirmations in a row must fail: one may be jitter.
const REFUTED: u32 = 2;

/// The probe after an outage tells within a round trip and a feedback, or not at all.
const RECOVERY: i64 = 1_000_000;
/// What the planner needs to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation {
    pub(super) estimate: f64,
    /// What the owner would like to send.
    pub(super) want: f64,
    pub(super) max: f64,
    /// What is sent now.
    pub(super) sent: f64,
    /// Round trip, microseconds.
    pub(super) rtt: i64,
    /// The path is overused or drains.
    pub(super) held: bool,
}

/// What a train showed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Outcome {
    /// The path carries at least this much, bits per second.
    Carries(f64),
    /// Trains showed that the path carries no more than this.
    Refuted(f64),
    Nothing,
}

/// Plans trains, and judges them.
pub(super) struct Prober {
    start: f64,
    /// Until the first probe fails, the sixfold is reached, or the path does not keep what a probe promised, that is the goal,
    /// and short trains are believed. They also are below the start, where the path
    /// was not seen to be full and has always kept what they promised.
    starting: bool,
    /// When one was.
    believed: Option<i64>,
    /// The path did not keep what one promised.
    lied: bool,
    next: u8,
    running: Option<Running>,
    /// When the last one ended, and how long to wait from there.
    ended: Option<i64>,
    interval: i64,
    /// Nothing before this.
    rest_until: i64,
    /// Something happened that makes a try worthwhile now.
    prompted: bool,
    /// What passed before an outage.
    recover: Option<f64>,
    /// The probe of that may not come to pass: what is kept for its sake is kept until then.
    recovers_until: i64,
    /// What a short train promised, and a long one has to confirm.
    promised: Option<f64>,
    /// The last long train got through.
    proved: bool,
    /// The last long train was held up: what the short one had promised is not to be had.
    doubted: bool,
    /// The last train that passed is to be seconded by another before a long one.
    seconded: bool,
    trail: Trail,
    refuted: u32,
    unmeasured: u32,
    pub(super) planned: u64,
    pub(super) passed: u64,
}

impl Prober {
    pub(super) fn new(start: f64) -> Prober {
        Prober {
            start,
            starting: true,
            believed: None,
            lied: false,
            next: 0,
            running: None,
            ended: None,
            interval: INTERVAL,
            rest_until: i64::MIN,
            prompted: false,
            recover: None,
            recovers_until: i64::MIN,
            promised: None,
            proved: false,
            doubted: false,
            seconded: false,
            trail: Trail::default(),
            refuted: 0,
            unmeasured: 0,
            planned: 0,
            passed: 0,
        }
    }

    /// The path may carry more than it did, or more is wanted.
    pub(super) fn prompt(&mut self) {
        self.prompted = true;
    }

    /// The path was overused: what trains promised lately was not true.
    pub(super) fn overused(&mut self, now: i64) {
        if self.believed.is_some_and(|at| now - at <= KEPT) {
            (self.starting, self.lied) = (false, true);
        }
    }

    /// The estimate fell.
    pub(super) fn rest(&mut self, now: i64) {
        self.rest_until = now + REST;
        (self.promised, self.proved) = (None, false);
    }

    /// More is sent from now on, on a path that was seen to be full: what a train adds would hide whether it passes.
    pub(super) fn pause(&mut self, now: i64) {
        let pause = if self.proved || self.starting { PAUSE_KNOWN } else { PAUSE };
        self.rest_until = self.rest_until.max(now + pause);
    }

    /// Breaks off the train under way: something else takes its place on the path. It comes again afterwards.
    pub(super) fn cancel(&mut self) {
        let Some(Running { plan, purpose, .. }) = self.running.take() else { return };
        let rate = plan.rate.0 as f64;
        match purpose {
            Purpose::Seek => self.prompted = true,
            Purpose::Prove => {
                self.promised = Some(rate);
                self.trail = Trail::default();
            }
            Purpose::Recover => self.recover = Some(rate),
            Purpose::Confirm => {}
        }
    }

    /// Whether the train of `cluster` shall go on.
    pub(super) fn goes_on(&self, cluster: Cluster) -> bool {
        self.running.as_ref().is_some_and(|running| running.plan.cluster == cluster)
    }

    /// Whether it is about to show whether what passed before an outage passes again.
    pub(super) fn is_recovering(&self, now: i64) -> bool {
        let probes = self.running.as_ref().is_some_and(|running| running.purpose == Purpose::Recover);
        now < self.recovers_until && (self.recover.is_some() || probes)
    }

    /// Whether a long train is under way.
    pub(super) fn is_proving(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.purpose == Purpose::Prove)
    }

    /// Feedback is back after an outage before which `rate` passed.
    pub(super) fn recover(&mut self, now: i64, rate: f64) {
        self.recover = Some(rate);
        self.recovers_until = now + RECOVERY;
    }

    /// When the next train is due, at what rate, and what for.
    fn due(&self, now: i64, situation: Situation) -> Option<(i64, f64, Purpose)> {
        if self.running.is_some() || situation.held {
            return None;
        }
        if let Some(rate) = self.recover {
            return Some((now, rate.min(situation.max), Purpose::Recover));
        }
        let goal = if self.starting { 2.0 * FIRST * self.start } else { 0.0 };
        let goal = goal.max(situation.want).min(situation.max);
        if situation.estimate >= COVERED * goal {
            let unused = situation.sent > 0.0 && situation.sent < USED * situation.estimate;
            let at = self.ended.map_or(now, |ended| ended + CONFIRM).max(self.rest_until);
            return unused.then_some((at, situation.estimate, Purpose::Confirm));
        }
        if let Some(rate) = self.promised {
            let most = (1.0 + self.beyond(situation.rtt)) * situation.estimate;
            return Some((now.max(self.rest_until), rate.min(most).min(situation.max), Purpose::Prove));
        }
        let factor = if self.ended.is_none() { FIRST } else { FACTOR };
        let rate = (factor * situation.estimate).min(BEYOND_GOAL * goal).min(situation.max);
        let at = self.ended.filter(|_| !self.prompted).map_or(now, |ended| ended + self.interval);
        Some((at.max(self.rest_until), rate, Purpose::Seek))
    }

    /// Whether short trains are believed.
    fn believes(&self, estimate: f64, full: bool) -> bool {
        self.starting || estimate < self.start && !full && !self.lied && !self.doubted
    }

    /// What a long train tries beyond the estimate, in estimates.
    fn beyond(&self, rtt: i64) -> f64 {
        let most = if self.proved { 2.0 } else { 1.0 };
        most * (OWN_QUEUE / (rtt as f64 + TOLD)).clamp(LEAST_BEYOND, BEYOND)
    }

    /// When to plan the next train, or to give up on the present one.
    pub(super) fn next_timeout(&self, now: i64, situation: Situation) -> Option<i64> {
        match &self.running {
            Some(running) => Some(running.gives_up(situation.rtt)),
            None => self.due(now, situation).map(|(at, ..)| at),
        }
    }

    /// The train to send now, if one is due.
    pub(super) fn plan(&mut self, now: i64, situation: Situation) -> Option<ProbePlan> {
        let (_, rate, purpose) = self.due(now, situation).filter(|(at, ..)| *at <= now)?;
        self.prompted = false;
        self.recover = None;
        self.promised = None;
        self.next = self.next.wrapping_add(1);
        self.planned += 1;
        let length = if purpose == Purpose::Prove { BUCKET / self.beyond(situation.rtt) + SEEN } else { LENGTH };
        let octets = (rate * length / 8.0).max(LEAST_OCTETS) as usize;
        let plan = ProbePlan { cluster: Cluster(self.next), rate: Bps(rate as u64), octets, packets: PACKETS };
        self.running = Some(Running {
            plan,
            since: now,
            purpose,
            departed: Train::default(),
            arrived: Train::default(),
            stretch: Stretch::default(),
            told: 0,
        });
        Some(plan)
    }

    pub(super) fn sent(&mut self, cluster: Cluster, at: i64, size: u16) {
        if let Some(running) = self.running.as_mut().filter(|running| running.plan.cluster == cluster) {
            running.departed.add(at, size);
        }
    }

    /// A packet of `cluster` that left at `departure` was told of: when it came, if it did.
    pub(super) fn told(&mut self, cluster: Cluster, size: u16, departure: i64, arrival: Option<i64>) {
        if let Some(running) = self.running.as_mut().filter(|running| running.plan.cluster == cluster) {
            running.told += 1;
            if running.purpose == Purpose::Prove {
                self.trail.add(departure, arrival, size);
            }
            if let Some(at) = arrival {
                running.arrived.add(at, size);
                running.stretch.add(departure, at);
            }
        }
    }

    /// Judges the train under way, if it can be judged. `estimate` is the present one, and `full` says that the path was
    /// seen to be full at about that.
    pub(super) fn conclude(&mut self, now: i64, rtt: i64, estimate: f64, full: bool) -> Outcome {
        let Some(running) = &self.running else { return Outcome::Nothing };
        let Running { plan, departed, purpose, .. } = running;
        let (plan, purpose) = (*plan, *purpose);
        let complete = departed.packets >= plan.packets && departed.octets >= plan.octets;
        let held_up = purpose == Purpose::Prove && self.trail.is_held_up();
        if now < running.gives_up(rtt) && !(complete && running.told >= departed.packets) && !held_up {
            return Outcome::Nothing;
        }
        let target = plan.rate.0 as f64;
        let measured = match held_up {
            true => self.trail.carried().map(|carried| (UTILISATION * carried).min(target)),
            false => running.measure(),
        };
        self.running = None;
        self.ended = Some(now);
        let passed = !held_up && measured.is_some_and(|measured| measured >= PASSED * target);
        self.passed += u64::from(passed);
        if purpose == Purpose::Prove {
            self.proved = passed;
            self.doubted = held_up;
            // Up to 64 KiB, which the next one may be long in needing.
            self.trail = Trail::default();
        }
        if purpose == Purpose::Confirm {
            return self.confirmed(measured, passed);
        }
        self.unmeasured = if measured.is_some() { 0 } else { self.unmeasured + 1 };
        if (1..=UNMEASURED).contains(&self.unmeasured) {
            self.prompted = true;
            self.rest_until = self.rest_until.max(now + REST_FAILED);
            return Outcome::Nothing;
        }
        let believes = self.believes(estimate, full);
        self.starting &= passed && measured.is_some_and(|measured| measured < COVERED * 2.0 * FIRST * self.start);
        self.prompted |= passed;
        // What ran into a queue is what the path carries; what did not may have come out of a bucket. On a path that was seen
        // to have a bucket, even what came more slowly than it left may have.
        let least = if self.doubted { (PROMISES * estimate).min(FULL * target) } else { FULL * target };
        let promises = purpose == Purpose::Seek && !believes && measured.is_some_and(|m| m >= least);
        if promises && full && !std::mem::replace(&mut self.seconded, true) {
            // One short train that passes may be chance.
            return Outcome::Nothing;
        }
        self.seconded = false;
        if passed {
            self.interval = INTERVAL;
        } else {
            self.interval = (self.interval * INTERVAL_GROWTH).min(MOST_INTERVAL);
            self.rest_until = self.rest_until.max(now + REST_FAILED);
        }
        match measured {
            Some(measured) if promises => {
                self.promised = Some(measured);
                Outcome::Nothing
            }
            Some(measured) if held_up && measured < estimate => Outcome::Refuted(measured.max(LEAST_KEPT * estimate)),
            Some(measured) => {
                if believes && measured > estimate {
                    self.believed = Some(now);
                }
                Outcome::Carries(measured)
            }
            None => Outcome::Nothing,
        }
    }

    fn confirmed(&mut self, measured: Option<f64>, passed: bool) -> Outcome {
        self.refuted = if passed { 0 } else { self.refuted + 1 };
        match measured {
            Some(measured) if self.refuted >= REFUTED => {
                self.refuted = 0;
                Outcome::Refuted(measured)
            }
            _ => Outcome::Nothing,
        }
    }
}

#[cfg(test)]
mod tests;
