//! How well a member hears and sees a source: a score from 1 to 5, and what is wrong when nothing comes.
//!
//! The scores are opinions on the scale of ITU-T P.800, modelled from what the server knows: sound by the E-model
//! ([`AudioMeter`]), picture by a model in the form of ITU-T G.1070 ([`VideoMeter`]). Both look at the last five
//! seconds, so that a score is back where it was within six after trouble ended. Measures nothing: the owner does.

mod audio;
mod trouble;
mod video;
mod window;

use std::fmt;

pub use audio::{AudioMeter, AudioSample};
pub use trouble::{Reception, Trouble, TroubleWatch};
pub use video::{VideoMeter, VideoSample};

/// An opinion in tenths: 10 (bad) to 50 (excellent), as in ITU-T P.800.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Score(u8);

impl Score {
    pub const WORST: Score = Score(10);
    pub const BEST: Score = Score(50);

    /// The score at `share` of the way from worst to best: 0 to 1, what is outside is cut off.
    fn at(share: f64) -> Score {
        let range = f64::from(Score::BEST.0 - Score::WORST.0);
        // A cast of NaN gives 0.
        Score(Score::WORST.0 + (share.clamp(0.0, 1.0) * range).round() as u8)
    }

    /// 10 to 50.
    pub fn tenths(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Score {
    /// As 1.0 to 5.0.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

#[cfg(test)]
mod tests;
