//! The rate by delay: additive or multiplicative increase, multiplicative decrease (draft-ietf-rmcat-gcc-02 §5.5).

use super::delay::PathState;

/// Share of the acknowledged rate that is kept on overuse. The draft's 0.85 also has to empty the queue; here the drain
/// does that, so that the estimate itself need not fall as far.
const BETA: f64 = 0.9;
/// Share of the estimate that is kept when the overuse is not ours, because we send much less than the estimate.
const LIMITED_BETA: f64 = 0.85;
/// Growth far from the known limit: 8 % a second, the draft's.
const GROWTH: f64 = 1.08;
/// The estimate is raised without a probe only this far above what was seen to pass, and by a little more so that
/// silence can end.
const MOST_ABOVE: f64 = 1.5;
const MOST_ABOVE_BPS: f64 = 10_000.0;
/// A whole step of time at most: a pause in the feedback is no reason to leap.
const LONGEST_STEP: f64 = 0.5;
/// Frames per second and octets per packet of a typical video, for the size of the additive step.
const FRAMES: f64 = 30.0;
const PACKET_BITS: f64 = 9_600.0;
/// Feedback and detection take this long beside the round trip.
const REACTION: f64 = 0.1;
const LEAST_STEP: f64 = 4_000.0;
/// Pause between two decreases beside the round trip, microseconds: the first has not shown any effect before. Cut short
/// when less than [`FAR_BELOW`] of the estimate passes.
const PAUSE: i64 = 200_000;
const FAR_BELOW: f64 = 0.7;
/// A short window this far below the long one is a step of the path, not noise.
const STEP: f64 = 0.8;

/// What arrived lately, bits per second by arrival time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acknowledged {
    /// Over half a second.
    pub(super) long: Option<f64>,
    /// Over at least an eighth of a second, as few packets as that may be.
    pub(super) short: Option<f64>,
}

impl Acknowledged {
    /// The lower of what was measured: a queue that shall drain gets no more.
    pub(super) fn least(self) -> Option<f64> {
        self.long.into_iter().chain(self.short).reduce(f64::min)
    }

    /// What the path carries while it is overused at `rate`. After a step down only the short window tells. When it
    /// tells more than the long one, that began before the path was full; the truth lies between, as the short one is
    /// noisy.
    fn limit(self, rate: f64) -> Option<f64> {
        match (self.long, self.short) {
            (Some(long), Some(short)) if short < STEP * long || long < FAR_BELOW * rate => Some(long.min(short)),
            (Some(long), Some(short)) => Some(long.max((long + 2.0 * short) / 3.0)),
            (long, short) => long.or(short),
        }
    }
}

/// The delay-based estimate, bits per second.
pub(super) struct RateControl {
    rate: f64,
    capacity: Capacity,
    updated: i64,
    decreased: Option<i64>,
}

impl RateControl {
    pub(super) fn new(rate: f64) -> RateControl {
        RateControl { rate, capacity: Capacity::default(), updated: 0, decreased: None }
    }

    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    pub(super) fn set(&mut self, rate: f64) {
        self.capacity.check(rate);
        self.rate = rate;
    }

    /// The path carried so much while it was full: what is kept of that is right, should less have been believed.
    pub(super) fn raise(&mut self, carried: f64) {
        self.rate = self.rate.max(BETA * carried);
    }

    /// Keeps it within `min` and `max`, so that a change of either side shows at once.
    pub(super) fn bound(&mut self, min: f64, max: f64) {
        self.rate = self.rate.min(max).max(min);
    }

    /// The overuse was none: the path became longer, and what it carried then was no limit.
    pub(super) fn forget_limit(&mut self) {
        self.capacity.mean = None;
    }

    /// Whether the limit at which the path was overused last holds no more.
    pub(super) fn outgrown(&self) -> bool {
        self.capacity.mean.is_none()
    }

    /// Takes what a feedback showed; `limited` says that the application sends much less than the estimate, and `hold`
    /// that nothing may be raised now. Returns what the path carries at least, when it fell.
    pub(super) fn update(
        &mut self,
        now: i64,
        state: PathState,
        acknowledged: Acknowledged,
        rtt: i64,
        limited: bool,
        hold: bool,
    ) -> Option<f64> {
        let step = ((now - self.updated) as f64 / 1e6).clamp(0.0, LONGEST_STEP);
        self.updated = now;
        match state {
            PathState::Overuse => self.decrease(now, acknowledged, rtt, limited),
            PathState::Normal if !limited && !hold => {
                self.increase(step, acknowledged.long.or(acknowledged.short), rtt);
                None
            }
            PathState::Normal | PathState::Underuse => None,
        }
    }

    fn decrease(&mut self, now: i64, acknowledged: Acknowledged, rtt: i64, limited: bool) -> Option<f64> {
        let limit = acknowledged.limit(self.rate).unwrap_or(self.rate);
        let recent = self.decreased.is_some_and(|at| now - at < rtt + PAUSE);
        if recent && (limited || limit > FAR_BELOW * self.rate) {
            return None;
        }
        self.decreased = Some(now);
        let kept = self.capacity.steady(limit);
        let lower = if limited { (LIMITED_BETA * self.rate).max(BETA * kept) } else { BETA * kept };
        if !limited {
            self.capacity.add(limit);
        }
        self.rate = self.rate.min(lower);
        acknowledged.least().or(Some(limit))
    }

    fn increase(&mut self, step: f64, acknowledged: Option<f64>, rtt: i64) {
        let Some(acknowledged) = acknowledged else { return };
        self.capacity.check(acknowledged);
        let raised = match self.capacity.mean {
            Some(_) => self.rate + additive(self.rate, rtt) * step,
            None => self.rate * GROWTH.powf(step),
        };
        let most = MOST_ABOVE * acknowledged + MOST_ABOVE_BPS;
        self.rate = self.rate.max(raised.min(most));
    }
}

/// Bits per second that are added in a second near the limit: one average packet per reaction time.
fn additive(rate: f64, rtt: i64) -> f64 {
    let frame = rate / FRAMES;
    let packet = frame / (frame / PACKET_BITS).ceil().max(1.0);
    (packet / (rtt as f64 / 1e6 + REACTION)).max(LEAST_STEP)
}

/// What the path carried when it was overused: mean and spread, exponentially forgotten (§5.5).
#[derive(Default)]
struct Capacity {
    mean: Option<f64>,
    /// Variance over mean, in kbit/s.
    deviation: f64,
}

impl Capacity {
    const WEIGHT: f64 = 0.05;
    /// Bounds of the relative variance: three deviations are 6 to 15 % of 1 Mbit/s.
    const LEAST: f64 = 0.4;
    const MOST: f64 = 2.5;

    fn add(&mut self, bps: f64) {
        let sample = bps / 1e3;
        let mean = self.mean.map_or(sample, |mean| mean + Capacity::WEIGHT * (sample - mean));
        let error = mean - sample;
        let relative = error * error / mean.max(1.0);
        self.deviation = ((1.0 - Capacity::WEIGHT) * self.deviation + Capacity::WEIGHT * relative)
            .clamp(Capacity::LEAST, Capacity::MOST);
        self.mean = Some(mean);
        // A step down is another path, not an outlier.
        if sample < mean - self.spread() {
            self.mean = Some(sample);
        }
    }

    /// A sample with half of its noise: one that is a little low, because the path was not full all the time, is drawn
    /// to the mean.
    fn steady(&self, bps: f64) -> f64 {
        let mean = self.mean.map_or(bps, |mean| mean * 1e3);
        if (STEP * mean..mean).contains(&bps) { (bps + mean) / 2.0 } else { bps }
    }

    /// Forgets the limit when `bps` passed beyond it.
    fn check(&mut self, bps: f64) {
        if self.mean.is_some_and(|mean| bps / 1e3 > mean + self.spread()) {
            *self = Capacity::default();
        }
    }

    fn spread(&self) -> f64 {
        3.0 * (self.deviation.max(Capacity::LEAST) * self.mean.unwrap_or_default()).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: i64 = 50_000;

    fn acknowledged(bps: f64) -> Acknowledged {
        Acknowledged { long: Some(bps), short: Some(bps) }
    }

    /// Ten updates a second.
    fn run(control: &mut RateControl, from: i64, seconds: i64, passes: impl Fn(f64) -> f64) {
        for tick in 0..seconds * 10 {
            let bps = passes(control.rate());
            control.update(from + tick * 100_000, PathState::Normal, acknowledged(bps), RTT, false, false);
        }
    }

    #[test]
    fn it_grows_by_the_draft_and_not_beyond_what_passes() {
        let mut control = RateControl::new(1e6);
        run(&mut control, 0, 10, |rate| rate);
        assert!((2.1e6..=2.2e6).contains(&control.rate()), "{}", control.rate());
        run(&mut control, 10_000_000, 10, |_| 1e6);
        assert!((2.1e6..=2.2e6).contains(&control.rate()), "neither drifts up nor decays");
    }

    #[test]
    fn an_overuse_keeps_nine_tenths_of_what_passes_and_then_grows_slowly() {
        let mut control = RateControl::new(2e6);
        let limit = control.update(0, PathState::Overuse, acknowledged(1e6), RTT, false, false);
        assert_eq!(limit, Some(1e6));
        assert!((control.rate() - 0.9e6).abs() < 1.0);
        assert_eq!(control.update(100_000, PathState::Overuse, acknowledged(1e6), RTT, false, false), None, "too soon");
        run(&mut control, 200_000, 2, |rate| rate);
        assert!((0.95e6..=1.05e6).contains(&control.rate()), "{}", control.rate());
        assert!(!control.outgrown());
        run(&mut control, 2_200_000, 4, |rate| rate);
        assert!(control.outgrown(), "the limit is another");
    }

    #[test]
    fn a_step_is_seen_in_the_short_window_and_followed_at_once() {
        let mut control = RateControl::new(5e6);
        control.update(0, PathState::Overuse, acknowledged(4.5e6), RTT, false, false);
        let step = Acknowledged { long: Some(3e6), short: Some(1e6) };
        assert_eq!(control.update(50_000, PathState::Overuse, step, RTT, false, false), Some(1e6));
        assert!((control.rate() - 0.9e6).abs() < 1.0);
    }

    #[test]
    fn who_sends_little_loses_little_and_gains_nothing() {
        let mut control = RateControl::new(3e6);
        control.update(0, PathState::Normal, acknowledged(0.2e6), RTT, true, false);
        control.update(500_000, PathState::Normal, acknowledged(0.2e6), RTT, true, false);
        assert_eq!(control.rate(), 3e6);
        control.update(600_000, PathState::Overuse, acknowledged(0.2e6), RTT, true, false);
        assert!((control.rate() - 2.55e6).abs() < 1.0);
    }

    #[test]
    fn the_additive_step_is_a_packet_per_reaction() {
        assert!((additive(2.88e6, 100_000) - 48_000.0).abs() < 1.0);
        assert_eq!(additive(1_000.0, 100_000), LEAST_STEP);
    }
}
