//! What a point counts for: its measured rate, smoothed so that a wobbling encoder moves no picture.

use std::time::{Duration, Instant};

use crate::id::Bps;
use crate::media::allocate::OperatingPoint;

/// A rate that rises is believed within a few seconds: the pacer's queue carries the excess meanwhile.
const RISE: Duration = Duration::from_secs(2);
/// A rate that falls may be a still picture, which moves again, or one end of a wobble: believed slowly, so that a rise
/// is weighed by what the source needs at its worst.
const FALL: Duration = Duration::from_secs(30);

/// A measure counts for this long at most: a layer that rested was not measured meanwhile, and begins slowly.
const LONGEST: Duration = Duration::from_millis(500);

/// A picture of [`ASSUMED_HEIGHT`] is assumed to need this; others in proportion to their area. Near to what browsers
/// aim at: 150 kb/s for 180 lines, 600 for 360, 2,400 for 720.
const ASSUMED_RATE: u64 = 150_000;
const ASSUMED_HEIGHT: u64 = 180;
/// No point counts for less than this part of what is assumed, however still its picture is: it will move.
const LEAST: u64 = 8;

/// Smooths one point's rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Meter {
    rate: u64,
    first: Instant,
    last: Instant,
}

impl Meter {
    pub(super) fn new(now: Instant, measured: Bps) -> Meter {
        Meter { rate: measured.0, first: now, last: now }
    }

    /// Takes the rate as measured now.
    pub(super) fn measure(&mut self, now: Instant, measured: Bps) {
        let passed = now.saturating_duration_since(self.last).min(LONGEST);
        // A young meter averages over its whole life: the first thing it sees is a key frame.
        let age = now.saturating_duration_since(self.first);
        let window = if measured.0 > self.rate { RISE } else { FALL }.min(age);
        let [passed, window] = [passed, window].map(|time| time.as_micros() as u64);
        if passed > 0 {
            let towards = |way: u64| (u128::from(way) * u128::from(passed) / u128::from(passed + window)) as u64;
            self.rate = if measured.0 > self.rate {
                self.rate + towards(measured.0 - self.rate)
            } else {
                self.rate - towards(self.rate - measured.0)
            };
            self.last = now;
        }
    }

    pub(super) fn rate(&self) -> Bps {
        Bps(self.rate)
    }
}

/// The rate to expect of a point that nobody has measured.
pub(super) fn assumed(point: &OperatingPoint) -> Bps {
    let height = if point.height == 0 { ASSUMED_HEIGHT } else { u64::from(point.height) };
    // The base layer's frames are the largest: a quarter of the frames takes 40 % of the bits.
    let share = 20 + 80 * u64::from(point.frame_share.min(100)) / 100;
    Bps(ASSUMED_RATE * height * height / (ASSUMED_HEIGHT * ASSUMED_HEIGHT) * share / 100)
}

/// The least that a point counts for.
pub(super) fn least(point: &OperatingPoint) -> Bps {
    Bps(assumed(point).0 / LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wobbling_rate_counts_for_little_more_than_its_mean() {
        let start = Instant::now();
        let mut meter = Meter::new(start, Bps(3_000_000));
        for round in 1_u32..400 {
            let measured = 800_000 + u64::from(round * 7 % 5) * 100_000;
            meter.measure(start + Duration::from_millis(100) * round, Bps(measured));
            if round > 200 {
                assert!((1_000_000..1_150_000).contains(&meter.rate().0), "{}", meter.rate());
            }
        }
    }

    #[test]
    fn a_rate_that_rises_is_believed_sooner_than_one_that_falls() {
        let start = Instant::now();
        let mut meter = Meter::new(start, Bps(500_000));
        let mut measure = |from: u64, to: u64, rate: Bps| {
            (2 * from..2 * to).for_each(|half| meter.measure(start + Duration::from_millis(500 * half), rate));
            meter.rate()
        };
        measure(1, 60, Bps(500_000));
        assert!(measure(60, 65, Bps(1_000_000)) > Bps(900_000));
        measure(65, 75, Bps(500_000));
        assert!(meter.rate() > Bps(700_000));
    }

    #[test]
    fn a_layer_that_rested_counts_for_what_it_was() {
        let start = Instant::now();
        let mut meter = Meter::new(start, Bps(500_000));
        let at = |second: u64| start + Duration::from_secs(second);
        (1..60).for_each(|second| meter.measure(at(second), Bps(500_000)));
        meter.measure(at(120), Bps(20_000));
        assert!(meter.rate() > Bps(480_000), "{}", meter.rate());
    }

    #[test]
    fn what_is_assumed_grows_with_the_picture_and_its_frames() {
        let point = |height, frame_share| OperatingPoint {
            layer: 0,
            spatial: 0,
            temporal: 0,
            height,
            frame_share,
            rate: None,
            alive: true,
        };
        assert_eq!(assumed(&point(0, 100)), Bps(150_000));
        assert_eq!(assumed(&point(720, 100)), Bps(2_400_000));
        assert_eq!(assumed(&point(720, 25)), Bps(960_000));
    }
}
