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

/// What a packet's header takes about, with its extensions.
const HEADER: usize = 40;

/// What a ring's key frame must be like to be replayed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReplayLimits {
    /// Frames from the key frame to the newest, both included.
    pub frames: u32,
    pub packets: u64,
    /// Payloads and headers.
    pub octets: usize,
    /// Age of the key frame's first packet; `None` = any.
    pub age: Option<Duration>,
}

impl ReplayLimits {
    /// Frames are decoded without being shown: more than three would be seen as a jump.
    pub const CAMERA: ReplayLimits =
        ReplayLimits { octets: usize::MAX, frames: 3, packets: 200, age: Some(Duration::from_millis(400)) };
    /// A speaker who was about to dominate was asked for a key frame half a second before: half a second that is skipped
    /// at the change of a seat is not missed, and a new key frame could not be asked for so soon.
    pub const RISING: ReplayLimits =
        ReplayLimits { octets: usize::MAX, frames: 18, packets: 200, age: Some(Duration::from_millis(600)) };
    /// Where nothing was ever seen nothing can jump, and everybody who joins while others join would have to wait for the
    /// publisher's next key frame. This is half a second of the smallest layer: what is larger fills a network of which nothing
    /// is known yet, and is followed by a freeze.
    pub const FIRST: ReplayLimits =
        ReplayLimits { frames: 31, packets: 200, octets: 10 * 1_024, age: Some(Duration::from_secs(1)) };
    /// Screens change rarely: an old key frame with little after it still is the picture, and a new one is large.
    pub const SCREEN: ReplayLimits = ReplayLimits { octets: usize::MAX, frames: 30, packets: 200, age: None };
}

/// A stretch of a ring that may be replayed.
struct Stretch {
    first: ExtSeq,
    newest: ExtSeq,
    frames: i64,
    octets: usize,
    /// Capture time of the newest frame.
    capture_us: i64,
}

/// A replay under way on one line: the stretch that is left of it.
#[derive(Clone, Copy, Debug)]
pub struct Replay {
    line: usize,
    from: (SourceId, usize),
    next: ExtSeq,
    newest: ExtSeq,
    /// Of a first picture's.
    octets: usize,
    /// The line's extended timestamp of the frame before.
    at: i64,
    /// The publisher's timestamp of that frame.
    frame: Option<u32>,
}

impl Replay {
    /// The publisher's number of the next packet; `None` when the replay has caught up with the packets that arrive.
    pub fn next(&self) -> Option<ExtSeq> {
        (self.next <= self.newest).then_some(self.next)
    }

    /// Payloads and headers of the whole stretch, when it is the first that the line sends: the network it enters is not
    /// known. 0 for others, which leave like what is new.
    pub fn first_octets(&self) -> usize {
        self.octets
    }
}

impl Downlink {
    /// Begins to send the newest key frame in `ring` and all after it, when `line` waits for one of `source` and
    /// `layer` and the ring's qualifies. `None` = ask the publisher.
    ///
    /// The newest frame lands where live packets will, those before it 1 ms apart. Live packets must wait until
    /// [`Replay::next`] is `None`.
    pub fn replay(&mut self, now: Instant, line: usize, ring: &Ring, limits: ReplayLimits) -> Option<Replay> {
        let from = self.wants_key_frame(line)?;
        let temporal = self.lines.get(line)?.wish.target?.temporal;
        let stretch = qualify(now, ring, limits, temporal)?;
        let at = self.open_replay(now, line, from, ring, &stretch).ok()?;
        self.stats.replays += 1;
        let octets = if limits == ReplayLimits::FIRST { stretch.octets } else { 0 };
        Some(Replay { line, from, next: stretch.first, newest: stretch.newest, octets, at, frame: None })
    }

    /// Writes the next packet of a replay into `out`.
    ///
    /// # Errors
    /// Why this one is not sent; the replay goes on all the same.
    pub fn replay_next(
        &mut self,
        now: Instant,
        replay: &mut Replay,
        ring: &Ring,
        out: &mut [u8],
    ) -> Result<Outgoing, DropReason> {
        let seq = replay.next().ok_or(DropReason::NotSelected)?;
        replay.next = ExtSeq(seq.0 + 1);
        let packet = ring.get(seq).ok_or(DropReason::NotSelected)?;
        let line = self.lines.get_mut(replay.line).filter(|line| line.current() == Some(replay.from));
        let line = line.ok_or(DropReason::NotSelected)?;
        let next_frame = replay.frame.is_some_and(|timestamp| timestamp != packet.info.timestamp);
        let at = replay.at + if next_frame { line.clock.millisecond() } else { 0 };
        let stamp = line.stamp(packet, Some(at))?;
        (replay.at, replay.frame) = (at, Some(packet.info.timestamp));
        self.emit(now, replay.line, packet, &stamp, out)
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
        if line.current() == Some(from) || !line.opens(&self.spec, from, packet)? {
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
    let mut stretch = Stretch { first, newest, frames: 1, octets: 0, capture_us: key.info.capture_us };
    let mut timestamp = key.info.timestamp;
    for seq in first.0..=newest.0 {
        let packet = ring.get(ExtSeq(seq))?;
        let info = packet.info;
        if info.facts.temporal <= max_temporal {
            stretch.octets += HEADER + packet.payload.len();
        }
        if info.timestamp != timestamp && info.facts.temporal <= max_temporal {
            timestamp = info.timestamp;
            stretch.capture_us = info.capture_us;
            stretch.frames += 1;
        }
    }
    (stretch.frames <= i64::from(limits.frames) && stretch.octets <= limits.octets).then_some(stretch)
}
