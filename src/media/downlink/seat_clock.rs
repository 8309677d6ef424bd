//! The clock of a seat: server capture time, as RTP timestamps. Audio and video of a seat share it.

use crate::media::spec::MediaKind;

/// Weight of a new drift measurement, as a shift: 1/8 follows a publisher's first sender report within a second and
/// still smooths the arrival times that stand in for capture times before it.
const DRIFT_SHIFT: u32 = 3;
/// A drift that moves by more than this at once (0.25 s) is a new mapping, not noise.
const DRIFT_STEP_US: i64 = 250_000;

/// Maps server time to extended RTP timestamps, whose lower 32 bits go on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SeatClock {
    /// Added to every time, so that timestamps start at random (RFC 3550 §5.1). The same for both halves of a seat.
    origin_us: i64,
    rate: i64,
}

impl SeatClock {
    pub(super) fn new(origin_us: i64, kind: MediaKind) -> SeatClock {
        let rate = match kind {
            MediaKind::Audio => 48_000,
            MediaKind::Video => 90_000,
        };
        SeatClock { origin_us, rate }
    }

    pub(super) fn origin_us(self) -> i64 {
        self.origin_us
    }

    /// The timestamp of what was captured at `us`, in microseconds since the process's epoch.
    pub(super) fn at(self, us: i64) -> i64 {
        let us = us + self.origin_us;
        // By whole seconds and the rest: 2^63 / 90,000 microseconds are three years, and a wide division is slow.
        us / 1_000_000 * self.rate + us % 1_000_000 * self.rate / 1_000_000
    }

    /// Timestamp units in one millisecond.
    pub(super) fn millisecond(self) -> i64 {
        self.rate / 1_000
    }

    fn ticks(self, us: i64) -> i64 {
        us * self.rate / 1_000_000
    }
}

/// How far a tenure's timestamps run from the seat clock: the publisher's clock drift, its changing estimate, and what
/// strictly rising timestamps cost at the switch. It goes into sender reports, never into packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Drift {
    /// In 1/256 of a timestamp unit, so that the filter does not stall on rounding.
    scaled: i64,
}

impl Drift {
    /// As measured on a tenure's first packet.
    pub(super) fn new(ticks: i64) -> Drift {
        Drift { scaled: ticks << 8 }
    }

    /// `ticks`: a frame's timestamp minus the seat clock at its capture time.
    pub(super) fn measure(&mut self, clock: SeatClock, ticks: i64) {
        let difference = ticks.saturating_mul(256).saturating_sub(self.scaled);
        if (difference >> 8).abs() > clock.ticks(DRIFT_STEP_US) {
            self.scaled = ticks.saturating_mul(256);
        } else {
            self.scaled += difference >> DRIFT_SHIFT;
        }
    }

    pub(super) fn ticks(self) -> i64 {
        self.scaled >> 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_of_a_seat_agree_on_time() {
        let audio = SeatClock::new(5_000_000, MediaKind::Audio);
        let video = SeatClock::new(5_000_000, MediaKind::Video);
        assert_eq!(audio.at(1_000_000) - audio.at(0), 48_000);
        assert_eq!(video.at(1_000_000) - video.at(0), 90_000);
        assert_eq!(audio.at(-5_000_000), 0);
        assert_eq!(
            video.at(i64::from(u32::MAX) * 1_000) & 0xFFFF_FFFF,
            video.at(i64::from(u32::MAX) * 1_000) as u32 as i64
        );
    }

    #[test]
    fn drift_follows_steadily_and_leaps_at_a_new_mapping() {
        let clock = SeatClock::new(0, MediaKind::Video);
        let mut drift = Drift::new(0);
        for _ in 0..60 {
            drift.measure(clock, 900);
        }
        assert!((drift.ticks() - 900).abs() <= 1, "{}", drift.ticks());
        drift.measure(clock, 90_000);
        assert_eq!(drift.ticks(), 90_000);
        for _ in 0..60 {
            drift.measure(clock, 89_000);
        }
        assert!((drift.ticks() - 89_000).abs() <= 1);
    }
}
