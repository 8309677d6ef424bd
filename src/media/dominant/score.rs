//! The speech activity score of Volfin and Cohen (2013), §3: how much likelier it is that a count of active parts comes
//! from speech than from silence.

/// Parts of the three intervals. An immediate one is one frame, whose parts are steps above the noise;
pub(super) const IMMEDIATE_PARTS: u8 = 13;
/// a medium one is 100 ms, whose parts are frames;
pub(super) const MEDIUM_PARTS: u8 = 5;
/// a long one is a second, whose parts are medium intervals.
pub(super) const LONG_PARTS: u8 = 10;

/// In speech, each part is active with this probability: the count is binomial.
const ACTIVE: f64 = 0.5;
/// Without speech, the count is exponential; the rates by interval are those of the paper.
const IMMEDIATE_RATE: f64 = 0.78;
const MEDIUM_RATE: f64 = 24.0;
const LONG_RATE: f64 = 47.0;

/// Scores at or below 0 count as this, so that they have a logarithm.
const LEAST: f64 = 1e-10;

/// Logarithms of the scores over the three intervals: the difference of two is what the paper compares.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Scores {
    pub(super) immediate: f64,
    pub(super) medium: f64,
    pub(super) long: f64,
}

impl Scores {
    /// ln([`LEAST`]) thrice: what nothing at all scores.
    pub(super) const SILENCE: Scores =
        Scores { immediate: -23.025_850_929_940_457, medium: -23.025_850_929_940_457, long: -23.025_850_929_940_457 };

    /// Of counts of active parts: at most [`IMMEDIATE_PARTS`], [`MEDIUM_PARTS`] and [`LONG_PARTS`].
    pub(super) fn of(immediate: u8, medium: u8, long: u8) -> Scores {
        Scores {
            immediate: score(immediate, IMMEDIATE_PARTS, IMMEDIATE_RATE).max(LEAST).ln(),
            medium: score(medium, MEDIUM_PARTS, MEDIUM_RATE).max(LEAST).ln(),
            long: score(long, LONG_PARTS, LONG_RATE).max(LEAST).ln(),
        }
    }
}

/// The logarithm of the likelihood ratio of speech to silence for `active` of `parts`.
fn score(active: u8, parts: u8, rate: f64) -> f64 {
    let ways: f64 = (0..active.min(parts)).map(|i| (f64::from(parts - i) / f64::from(i + 1)).ln()).sum();
    let [active, parts] = [active.min(parts), parts].map(f64::from);
    let speech = ways + active * ACTIVE.ln() + (parts - active) * (1.0 - ACTIVE).ln();
    let silence = rate.ln() - rate * active;
    speech - silence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_scores_as_silence() {
        let nothing = Scores::of(0, 0, 0);
        assert!((nothing.immediate - Scores::SILENCE.immediate).abs() < 1e-9);
        assert!((nothing.medium - Scores::SILENCE.medium).abs() < 1e-9);
        assert!((nothing.long - Scores::SILENCE.long).abs() < 1e-9);
    }

    #[test]
    fn a_score_is_the_logarithm_of_the_likelihood_ratio() {
        // ln(C(5,2) · 0.5^5) − ln(24 · e^(−24 · 2)), by hand.
        let by_hand = (10.0_f64 / 32.0).ln() - 24.0_f64.ln() + 48.0;
        assert!((score(2, 5, 24.0) - by_hand).abs() < 1e-9);
    }

    #[test]
    fn longer_speech_scores_more() {
        for long in 1..LONG_PARTS {
            assert!(Scores::of(0, 0, long + 1).long > Scores::of(0, 0, long).long);
        }
    }
}
