//! Key-frame replay: a line that waits for a key frame gets the newest one out of the ring, when that is recent.
//!
//! Saves a round trip and a key frame for everybody at each switch. What is older costs the browser more to catch up
//! with than a new key frame does.

use std::time::{Duration, Instant};

use crate::id::{ExtSeq, SourceId};
use crate::media::drop::DropReason;
use crate::media::outgoing::Outgoing;
use crate::media::ring::Ring;

use super::Downlink;

/// What a ring's key frame must be like to be replayed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReplayLimits {
    /// Frames from the key frame to the newest, both included.
    pub frames: u32,
    pub packets: u64,
    /// Age of the key frame's first packet; `None` = any.
    pub age: Option<Duration>,
}

impl ReplayLimits {
    /// Frames are decoded without being shown: more than three would be seen as a jump.
    pub const CAMERA: ReplayLimits = ReplayLimits { frames: 3, packets: 200, age: Some(Duration::from_millis(400)) };
    /// Screens change rarely: an old key frame with little after it still is the picture, and a new one is large.
    pub const SCREEN: ReplayLimits = ReplayLimits { frames: 30, packets: 200, age: None };
}

/// A stretch of a ring that may be replayed.
struct Stretch {
    first: ExtSeq,
    newest: ExtSeq,
    frames: i64,
    /// Capture time of the newest frame.
    capture_us: i64,
}

impl Downlink {
    /// Sends the newest key frame in `ring` and all after it, when `line` waits for one of `source` and `layer` and
    /// the ring's qualifies. `emit` gets each packet, `out[..len]`, in order. Returns how many there were; 0 = ask the
    /// publisher.
    ///
    /// The newest frame lands where live packets will, those before it 1 ms apart.
    pub fn replay(
        &mut self,
        now: Instant,
        line: usize,
        ring: &Ring,
        limits: ReplayLimits,
        out: &mut [u8],
        mut emit: impl FnMut(Outgoing, &[u8]),
    ) -> usize {
        let Some(from) = self.wants_key_frame(line) else { return 0 };
        let target = self.lines.get(line).and_then(|line| line.wish.target);
        let Some(stretch) = target.and_then(|target| qualify(now, ring, limits, target.temporal)) else { return 0 };
        let Ok(mut at) = self.open_replay(now, line, from, ring, &stretch) else { return 0 };
        self.stats.replays += 1;
        let mut frame = None;
        let mut sent = 0;
        for seq in stretch.first.0..=stretch.newest.0 {
            let (Some(packet), Some(state)) = (ring.get(ExtSeq(seq)), self.lines.get_mut(line)) else { break };
            let next = frame.is_some_and(|timestamp| timestamp != packet.info.timestamp);
            let step = if next { state.clock.millisecond() } else { 0 };
            let Ok(stamp) = state.stamp(packet, Some(at + step)) else { continue };
            frame = Some(packet.info.timestamp);
            at += step;
            if let Ok(outgoing) = self.emit(now, line, packet, stamp, out) {
                emit(outgoing, &out[..outgoing.len]);
                sent += 1;
            }
        }
        sent
    }

    /// Begins the tenure of a replay. Returns the timestamp of its first frame.
    fn open_replay(
        &mut self,
        now: Instant,
        index: usize,
        from: (SourceId, usize),
        ring: &Ring,
        stretch: &Stretch,
    ) -> Result<i64, DropReason> {
        let line = self.lines.get_mut(index).ok_or(DropReason::NotSelected)?;
        let packet = ring.get(stretch.first).ok_or(DropReason::NotSelected)?;
        if !line.opens(&self.spec, from, packet)? {
            return Err(DropReason::NotSelected);
        }
        let before = (stretch.frames - 1) * line.clock.millisecond();
        let at = line.rising(line.clock.at(stretch.capture_us) - before);
        self.open(now, index, from, packet, at)?;
        Ok(at)
    }
}

/// The newest key frame with everything after it, when it is whole and within `limits`. Frames above `max_temporal` are
/// not counted, as they will not be sent.
fn qualify(now: Instant, ring: &Ring, limits: ReplayLimits, max_temporal: u8) -> Option<Stretch> {
    let (first, newest) = (ring.key_frame()?, ring.newest()?);
    let key = ring.get(first)?;
    let old = limits.age.is_some_and(|age| now.saturating_duration_since(key.info.arrival) > age);
    if old || newest.0 - first.0 >= limits.packets {
        return None;
    }
    let mut stretch = Stretch { first, newest, frames: 1, capture_us: key.info.capture_us };
    let mut timestamp = key.info.timestamp;
    for seq in first.0..=newest.0 {
        let info = ring.get(ExtSeq(seq))?.info;
        if info.timestamp != timestamp && info.facts.temporal <= max_temporal {
            timestamp = info.timestamp;
            stretch.capture_us = info.capture_us;
            stretch.frames += 1;
        }
    }
    (stretch.frames <= i64::from(limits.frames)).then_some(stretch)
}
