//! The rate by loss (draft-ietf-rmcat-gcc-02 §6), except that loss which does not come from what we send is no reason
//! to send less.

/// A window ends after this long and this many packets: the draft's counts from one feedback would take one lost packet
/// of five for a fifth.
const WINDOW: i64 = 250_000;
const FEWEST: u32 = 20;
/// And it is dropped when it grows this old: the packets tell of different times.
const OLDEST: i64 = 3_000_000;
/// More than this lowers the bound, less than [`LOW`] raises it.
const HIGH: f64 = 0.10;
const LOW: f64 = 0.02;
/// Growth per second at low loss: the delay-based estimate's, so that this bound is not what holds it back.
const GROWTH: f64 = 1.08;
/// How sure the loss must be to be above [`HIGH`]: one-sided 95 % of the normal distribution.
const SURE: f64 = 1.65;
/// And how long: packets get lost in bursts, of which one is no congestion.
const HIGH_WINDOWS: u32 = 2;
/// The bound falls to this share of the estimate at most at once, however little was sent.
const LEAST_STEP: f64 = 0.5;
/// Loss below this may be the path's own, as on radio links; more is congestion whatever its cause.
const MOST_INHERENT: f64 = 0.06;
/// Share of a window in the path's own loss while more is lost than that.
const INHERENT_GAIN: f64 = 0.05;
/// Share of a window in the smoothed loss: about five windows, a hundred packets or more.
const SMOOTHING: f64 = 0.3;

/// The bound by loss, bits per second. None until there was loss.
#[derive(Default)]
pub(super) struct LossControl {
    bound: Option<f64>,
    since: Option<i64>,
    packets: u32,
    lost: u32,
    /// What is lost at any rate.
    inherent: f64,
    smoothed: f64,
    updated: i64,
    /// Packets that left before say nothing of the present rate.
    counts_from: i64,
    /// Windows in a row of which the loss was surely high.
    high: u32,
}

/// Rates at the end of a window, bits per second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    /// Sent lately.
    pub(super) sent: f64,
    /// What passes for sure.
    pub(super) acknowledged: f64,
    pub(super) estimate: f64,
    /// The one that counts without loss.
    pub(super) by_delay: f64,
}

impl LossControl {
    pub(super) fn bound(&self) -> Option<f64> {
        self.bound
    }

    /// Share of packets lost lately, 0–1.
    pub(super) fn loss(&self) -> f64 {
        self.smoothed
    }

    /// Share of packets that is lost at any rate: what arrives is so much less than what the path carries.
    pub(super) fn inherent(&self) -> f64 {
        self.inherent
    }

    /// A probe or a recovery showed that `rate` passes.
    pub(super) fn raise(&mut self, rate: f64) {
        self.bound = self.bound.map(|bound| bound.max(rate));
    }

    /// The estimate fell: what was lost on the way until `now` does not count twice.
    pub(super) fn fell(&mut self, now: i64) {
        self.counts_from = now;
        self.start(now);
    }

    /// A packet that left at `departure` was told of for the first time.
    pub(super) fn packet(&mut self, departure: i64, lost: bool) {
        if departure < self.counts_from {
            return;
        }
        self.packets = self.packets.saturating_add(1);
        self.lost = self.lost.saturating_add(u32::from(lost));
    }

    /// A packet that was told lost has come after all.
    pub(super) fn recovered(&mut self) {
        self.lost = self.lost.saturating_sub(1);
    }

    /// Ends the window if it is full. Says whether the bound fell.
    pub(super) fn update(&mut self, now: i64, rates: Rates) -> bool {
        let since = *self.since.get_or_insert(now);
        if now - since < WINDOW || self.packets < FEWEST {
            if now - since > OLDEST {
                self.start(now);
            }
            return false;
        }
        let (packets, lost) = (f64::from(self.packets), f64::from(self.lost));
        let loss = (lost / packets).min(1.0);
        let step = ((now - self.updated) as f64 / 1e6).clamp(0.0, 1.0);
        self.updated = now;
        self.start(now);
        self.smoothed += SMOOTHING * (loss - self.smoothed);
        self.inherent = match self.smoothed < self.inherent {
            true => self.smoothed,
            false => (self.inherent + INHERENT_GAIN * (self.smoothed - self.inherent)).min(MOST_INHERENT),
        };
        let doubt = SURE * (HIGH * (1.0 - HIGH) / packets).sqrt();
        self.high = if loss - self.inherent > HIGH + doubt { self.high + 1 } else { 0 };
        if self.high >= HIGH_WINDOWS {
            let base = rates.sent.min(rates.estimate).max(LEAST_STEP * rates.estimate);
            let lower = (base * (1.0 - 0.5 * loss)).max(rates.acknowledged.min(rates.estimate));
            self.bound = Some(self.bound.map_or(lower, |bound| bound.min(lower)));
            self.fell(now);
            return true;
        }
        // Far above the other estimate it bounds nothing.
        self.bound = self
            .bound
            .map(|bound| if self.smoothed - self.inherent < LOW { bound * GROWTH.powf(step) } else { bound })
            .filter(|bound| *bound < 1.5 * rates.by_delay);
        false
    }

    fn start(&mut self, now: i64) {
        (self.since, self.packets, self.lost) = (Some(now), 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    /// A source that uses its estimate, on a path that would carry 1 Mbit/s.
    fn rates(estimate: f64) -> Rates {
        Rates { sent: estimate, acknowledged: 0.5 * estimate, estimate, by_delay: 1e6 }
    }

    /// `per_second` packets in ten feedbacks a second, each lost with probability `loss`.
    fn run(control: &mut LossControl, seed: u64, from: i64, seconds: i64, per_second: u32, loss: f64) -> u32 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut falls = 0;
        for tick in 0..seconds * 10 {
            for _ in 0..per_second / 10 {
                control.packet(from + tick * 100_000, rng.random_bool(loss));
            }
            let rates = rates(control.bound().unwrap_or(1e6).min(1e6));
            falls += u32::from(control.update(from + tick * 100_000, rates));
        }
        falls
    }

    #[test]
    fn a_fifth_lost_lowers_the_bound_and_a_clean_path_raises_it() {
        let mut control = LossControl::default();
        run(&mut control, 1, 0, 2, 100, 0.0);
        assert_eq!(control.bound(), None);
        run(&mut control, 1, 2_000_000, 3, 100, 0.2);
        let low = control.bound().unwrap();
        assert!(low < 0.8e6, "{low}");
        assert!((0.1..0.3).contains(&control.loss()), "{}", control.loss());
        run(&mut control, 1, 5_000_000, 20, 100, 0.0);
        assert_eq!(control.bound(), None);
    }

    #[test]
    fn one_in_twenty_lost_at_random_holds_nothing_back() {
        for seed in 0..50 {
            let mut control = LossControl::default();
            run(&mut control, seed, 0, 60, 40, 0.05);
            assert!(control.bound().is_none_or(|bound| bound > 0.8e6), "seed {seed}: {:?}", control.bound());
        }
    }

    #[test]
    fn a_bound_from_before_does_not_stay_on_a_path_with_its_own_loss() {
        let mut control = LossControl::default();
        run(&mut control, 1, 0, 3, 100, 0.3);
        assert!(control.bound().is_some());
        run(&mut control, 2, 3_000_000, 30, 100, 0.05);
        assert!(control.bound().is_none_or(|bound| bound > 0.9e6), "{:?}", control.bound());
    }

    #[test]
    fn what_left_before_a_fall_does_not_count_twice() {
        let mut control = LossControl::default();
        control.fell(1_000_000);
        for packet in 0..100 {
            control.packet(900_000 + packet * 1_000, true);
        }
        assert!(!control.update(1_300_000, rates(1e6)));
        for packet in 0..100 {
            control.packet(1_000_000 + packet * 1_000, true);
        }
        assert!(!control.update(1_600_000, rates(1e6)), "it may be a burst");
        for packet in 0..100 {
            control.packet(1_600_000 + packet * 1_000, true);
        }
        assert!(control.update(1_900_000, rates(1e6)));
    }

    #[test]
    fn a_burst_now_and_then_is_no_congestion() {
        let mut control = LossControl::default();
        for tick in 0..600 {
            (0..10).for_each(|packet| control.packet(tick * 100_000, tick % 20 == 0 && packet > 2));
            control.update(tick * 100_000, rates(1e6));
        }
        assert_eq!(control.bound(), None);
    }

    #[test]
    fn a_packet_or_two_are_no_statistics() {
        let mut control = LossControl::default();
        for tick in 0..100 {
            control.packet(tick * 1_000_000, tick % 2 == 0);
            control.update(tick * 1_000_000, rates(1e6));
        }
        assert_eq!(control.bound(), None);
    }

    #[test]
    fn whoever_sends_little_is_halved_at_most() {
        let mut control = LossControl::default();
        let rates = Rates { sent: 0.0, acknowledged: 0.0, ..rates(1e6) };
        for at in [0, 300_000, 600_000] {
            control.update(at, rates);
            (0..100).for_each(|_| control.packet(at, true));
        }
        assert_eq!(control.bound(), Some(0.25e6), "half of it, and half of that for losing all");
    }
}
