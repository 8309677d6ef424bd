//! The score of a picture, in the form of ITU-T G.1070: what the coding is worth, times what loss and freezes leave.
//!
//! `score = 1 + 4 · C · exp(−P/5 %) · exp(−F/10 %)`
//! - `C = 1 − log₂(wanted/delivered)/5`, 0 to 1: the rate of the layers that came against that of the best that the tile
//!   can show. Half the rate costs 0.8 points (an opinion goes by the logarithm of the rate), and the lowest of three
//!   layers instead of the highest, a sixteenth, is poor.
//! - P is the loss after repair: 1 % costs 0.7 points.
//! - F is the share of the time in which the picture stood still though it should not: 200 ms of the five seconds cost
//!   1.3 points, a second is bad.

use std::time::{Duration, Instant};

use crate::id::Bps;
use crate::media::quality::Score;
use crate::media::quality::window::{Sample, Window};

/// A picture at a 32nd of its rate is worth nothing.
const OCTAVES: f64 = 5.0;
/// Loss that leaves 1/e of the worth.
const LOSS_SCALE: f64 = 0.05;
/// Share of frozen time that leaves 1/e of the worth.
const FREEZE_SCALE: f64 = 0.1;

/// What one member got of one source's picture since the sample before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct VideoSample {
    /// The time that the sample covers.
    pub span: Duration,
    /// How much of it the picture stood still for want of packets: frames that came later than 200 ms after the one
    /// before, while the source went on.
    pub frozen: Duration,
    /// The rate of the best layers that the tile can show; 0 while nobody wants the picture.
    pub wanted: Bps,
    /// The rate of those that are forwarded.
    pub delivered: Bps,
    /// Packets sent to the member.
    pub expected: u32,
    /// Those of them that never came, in spite of repair.
    pub lost: u32,
}

/// Sums of samples. Rates count by the time that they lasted, as bits.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    span: Duration,
    frozen: Duration,
    wanted: f64,
    delivered: f64,
    expected: u32,
    lost: u32,
}

impl Sum {
    fn of(sample: &VideoSample) -> Sum {
        let bits = |rate: Bps| rate.0 as f64 * sample.span.as_secs_f64();
        Sum {
            span: sample.span,
            frozen: sample.frozen.min(sample.span),
            wanted: bits(sample.wanted),
            // What is more than wanted at one time makes up for nothing at another.
            delivered: bits(sample.delivered.min(sample.wanted)),
            expected: sample.expected,
            lost: sample.lost.min(sample.expected),
        }
    }
}

impl Sample for Sum {
    fn add(&mut self, other: &Sum) {
        self.span = self.span.saturating_add(other.span);
        self.frozen = self.frozen.saturating_add(other.frozen);
        self.wanted += other.wanted;
        self.delivered += other.delivered;
        self.expected = self.expected.saturating_add(other.expected);
        self.lost = self.lost.saturating_add(other.lost);
    }
}

/// Scores one source's picture at one member.
#[derive(Clone, Debug, Default)]
pub struct VideoMeter {
    window: Window<Sum>,
}

impl VideoMeter {
    /// Takes a sample; one a second or more.
    pub fn add(&mut self, now: Instant, sample: VideoSample) {
        if sample.wanted > Bps(0) {
            self.window.add(now, &Sum::of(&sample));
        }
    }

    /// The score of the last five seconds. `None` when nobody wanted the picture in them.
    pub fn score(&self, now: Instant) -> Option<Score> {
        let sum = self.window.sum(now);
        (sum.wanted > 0.0).then(|| Score::at(worth(&sum)))
    }
}

/// 0 to 1.
fn worth(sum: &Sum) -> f64 {
    if sum.delivered <= 0.0 {
        return 0.0;
    }
    let coding = (1.0 - (sum.wanted / sum.delivered).log2() / OCTAVES).clamp(0.0, 1.0);
    let loss = f64::from(sum.lost) / f64::from(sum.expected.max(1));
    let freeze = sum.frozen.as_secs_f64() / sum.span.as_secs_f64();
    coding * (-loss / LOSS_SCALE).exp() * (-freeze / FREEZE_SCALE).exp()
}
