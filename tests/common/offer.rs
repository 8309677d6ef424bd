//! The offers of our browsers, which the load tester makes, too.

pub use plenum::load::sdp::{
    Answered, CAMERA, LEVEL, MICROPHONE, MID, OPUS, REPAIRED_RID, RID, RIDS, RTX, VP8, Wanted, offer,
};

/// Reads an answer; panics when it lacks what every answer has.
pub fn read(answer: &str) -> Answered {
    plenum::load::sdp::read(answer).unwrap_or_else(|| panic!("{answer}"))
}
