//! The score of sound: the E-model of ITU-T G.107, reduced to loss, delay and jitter.
//!
//! `R = 93.2 − Id − Ie,eff`, with all that is acoustic at its default (ITU-T G.107 §7.7).
//! - `Id = 0.024·d + 0.11·(d − 177.3)·[d > 177.3]` for a delay of d ms (R. G. Cole and J. H. Rosenbluth, "Voice over IP
//!   performance monitoring", 2001). d is the network's delay, a jitter buffer of twice the jitter, and 40 ms for a
//!   frame, its encoder and its playout.
//! - `Ie,eff = Ie + (95 − Ie)·P/(P + Bpl)` for a loss of P per cent after repair. Opus conceals loss at least as well as
//!   G.711 with concealment: Ie = 0, Bpl = 25.1 (ITU-T G.113, appendix I).
//!
//! `MOS = 1 + 0.035·R + 7·10⁻⁶·R·(R − 60)·(100 − R)` (ITU-T G.107, annex B). The model is for telephones, whose best is
//! 4.4: the score stretches 1 to that over 1 to 5.

use std::time::{Duration, Instant};

use crate::media::quality::Score;
use crate::media::quality::window::{Sample, Window};

/// R without any impairment.
const R_BEST: f64 = 93.2;
/// R never exceeds this, nor falls below 0 (ITU-T G.107, annex B).
const R_MAX: f64 = 100.0;
/// Delay in ms above which conversation suffers.
const DELAY_FREE: f64 = 177.3;
const LOSS_IMPAIRMENT: f64 = 95.0;
const LOSS_ROBUSTNESS: f64 = 25.1;
/// A frame of 20 ms, 6.5 ms of look-ahead, and the sound card.
const ENDPOINTS: Duration = Duration::from_millis(40);
/// Of the mean jitter, what a jitter buffer holds.
const BUFFER: u32 = 2;

/// What one member got of one source's sound since the sample before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AudioSample {
    /// Packets that the source sent.
    pub expected: u32,
    /// Those of them that never came or too late.
    pub lost: u32,
    /// From the publisher through the server to the member, one way.
    pub delay: Duration,
    /// Interarrival jitter of both ways together (RFC 3550 §6.4.1).
    pub jitter: Duration,
}

impl Sample for AudioSample {
    /// Packets add up; of delay and jitter the worst counts.
    fn add(&mut self, other: &AudioSample) {
        self.expected = self.expected.saturating_add(other.expected);
        self.lost = self.lost.saturating_add(other.lost);
        self.delay = self.delay.max(other.delay);
        self.jitter = self.jitter.max(other.jitter);
    }
}

/// Scores one source's sound at one member.
#[derive(Clone, Debug, Default)]
pub struct AudioMeter {
    window: Window<AudioSample>,
}

impl AudioMeter {
    /// Takes a sample; one a second or more.
    pub fn add(&mut self, now: Instant, sample: AudioSample) {
        self.window.add(now, &sample);
    }

    /// The score of the last five seconds. `None` when nothing was sent in them: a pause with DTX, or mute.
    pub fn score(&self, now: Instant) -> Option<Score> {
        let sum = self.window.sum(now);
        (sum.expected > 0).then(|| Score::at((mos(rating(&sum)) - 1.0) / (mos(R_BEST) - 1.0)))
    }
}

/// R, 0 to [`R_BEST`].
fn rating(sample: &AudioSample) -> f64 {
    let delay = sample.delay.saturating_add(sample.jitter.saturating_mul(BUFFER)).saturating_add(ENDPOINTS);
    let delay = delay.as_secs_f64() * 1_000.0;
    let loss = 100.0 * f64::from(sample.lost.min(sample.expected)) / f64::from(sample.expected.max(1));
    let delay_impairment = 0.024 * delay + 0.11 * (delay - DELAY_FREE).max(0.0);
    // Even the best of connections has the endpoints' delay: that is what 5.0 means.
    let unavoidable = 0.024 * ENDPOINTS.as_secs_f64() * 1_000.0;
    let loss_impairment = LOSS_IMPAIRMENT * loss / (loss + LOSS_ROBUSTNESS);
    (R_BEST - (delay_impairment - unavoidable) - loss_impairment).clamp(0.0, R_BEST)
}

/// The mean opinion score that goes with `rating`.
fn mos(rating: f64) -> f64 {
    // The polynomial dips below 1 for the smallest ratings.
    (1.0 + 0.035 * rating + 7e-6 * rating * (rating - 60.0) * (R_MAX - rating)).max(1.0)
}
