//! One line of a subscriber: which numbers are missing, when frames came, whether a picture could be shown.

use std::time::{Duration, Instant};

use super::picture;
use super::wire::Seen;
use crate::id::{ExtSeq, Ssrc};
use crate::media::rtcp::ReportBlock;

/// A missing packet may still overtake; then it is asked for, and again after a round trip of a busy machine.
const PATIENCE: Duration = Duration::from_millis(10);
const ASK_AGAIN: Duration = Duration::from_millis(80);
/// What did not come in this time is lost: a picture that waits longer has frozen.
const GIVE_UP: Duration = Duration::from_millis(1_000);
/// Packets missing at once; more is a new beginning.
const MOST_MISSING: usize = 1_000;
/// Between two requests for a key frame.
const KEY_FRAME_AGAIN: Duration = Duration::from_secs(1);
/// After a change of source the server may replay a key frame from its ring: what is late then is so on purpose.
const SETTLING: Duration = Duration::from_secs(1);
/// What everybody sees (as W3C's webrtc-stats counts a freeze): more than this over the usual interval, and three times it.
const FREEZE: Duration = Duration::from_millis(150);

struct Missing {
    seq: u64,
    since: Instant,
    asked: Option<Instant>,
}

/// A frame whose first packet came.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Frame {
    /// How much later it came than the sender's clock says.
    pub(super) late: Duration,
    pub(super) froze: bool,
}

/// What a packet meant.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Passing {
    /// It began a frame after another.
    pub(super) frame: Option<Frame>,
    /// Its source has been there for a while, so that its age is the server's doing.
    pub(super) settled: bool,
    /// Something before it is missing.
    pub(super) lost: bool,
}

/// What a line needs of the server.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) again: Vec<u16>,
    pub(super) key_frame: bool,
    /// Given up.
    pub(super) lost: u64,
    /// Something is still missing.
    pub(super) waits: bool,
}

pub(super) struct Line {
    pub(super) ssrc: u32,
    pub(super) rtx: Option<u32>,
    pub(super) video: bool,
    /// A picture was complete.
    pub(super) pictured: bool,
    /// Middle of the last sender report's time, and when it came.
    pub(super) report: Option<(u32, Instant)>,
    first: u64,
    highest: Option<u64>,
    received: u64,
    missing: Vec<Missing>,
    csrc: u32,
    since: Option<Instant>,
    /// Timestamp of the last frame and when it came.
    frame: Option<(u32, Instant)>,
    /// Seconds between frames, smoothed.
    interval: f64,
    /// Timestamp of a key frame that began, and the number of its last packet once that came.
    key: Option<u32>,
    key_end: Option<u64>,
    key_asked: Option<Instant>,
    wants_key: bool,
    told: (u64, u64),
}

impl Line {
    pub(super) fn new(ssrc: u32, rtx: Option<u32>, video: bool) -> Line {
        Line {
            ssrc,
            rtx,
            video,
            pictured: false,
            report: None,
            first: 0,
            highest: None,
            received: 0,
            missing: Vec::new(),
            csrc: 0,
            since: None,
            frame: None,
            interval: 0.0,
            key: None,
            key_end: None,
            key_asked: None,
            wants_key: false,
            told: (0, 0),
        }
    }

    /// A packet of the line itself.
    pub(super) fn arrived(&mut self, now: Instant, seen: &Seen) -> Passing {
        self.received += 1;
        let lost = self.place(now, seen.seq);
        // Other servers name no contributing source.
        if seen.csrc != self.csrc || self.since.is_none() {
            (self.csrc, self.since, self.frame) = (seen.csrc, Some(now), None);
        }
        let settled = self.since.is_some_and(|since| now.saturating_duration_since(since) >= SETTLING);
        let frame = if self.video { self.frame(now, seen.timestamp, settled) } else { None };
        Passing { frame, settled, lost }
    }

    /// Places a number. True when others before it are missing.
    fn place(&mut self, now: Instant, seq: u16) -> bool {
        let Some(highest) = self.highest else {
            // A cycle up, so that numbers from before the first have a place, too.
            self.first = 0x1_0000 + u64::from(seq);
            self.highest = Some(self.first);
            return false;
        };
        let place = ExtSeq(highest).nearest(seq).0;
        if place <= highest {
            self.missing.retain(|missing| missing.seq != place);
            return false;
        }
        self.highest = Some(place);
        let from = (highest + 1).max(place.saturating_sub(MOST_MISSING as u64));
        self.missing.extend((from..place).map(|seq| Missing { seq, since: now, asked: None }));
        from < place
    }

    fn frame(&mut self, now: Instant, timestamp: u32, settled: bool) -> Option<Frame> {
        let Some((last, at)) = self.frame else {
            self.frame = Some((timestamp, now));
            return None;
        };
        let ticks = timestamp.wrapping_sub(last);
        if ticks == 0 || ticks > u32::MAX / 2 {
            return None;
        }
        self.frame = Some((timestamp, now));
        let waited = now.saturating_duration_since(at);
        let late = waited.saturating_sub(Duration::from_secs_f64(f64::from(ticks) / 90_000.0));
        let usual = Duration::from_secs_f64(self.interval);
        let froze = self.interval > 0.0 && waited > (3 * usual).max(usual + FREEZE);
        self.interval += (waited.as_secs_f64() - self.interval) / if self.interval == 0.0 { 1.0 } else { 16.0 };
        settled.then_some(Frame { late, froze })
    }

    /// A packet came by retransmission. True when it was missing.
    pub(super) fn repaired(&mut self, seq: u16) -> bool {
        let before = self.missing.len();
        self.missing.retain(|missing| missing.seq as u16 != seq);
        self.received += (before - self.missing.len()) as u64;
        self.missing.len() < before
    }

    /// Looks for the first picture. True at the packet that completes it: its last, or a missing one. `seq` is the
    /// packet's own number, also where it came by retransmission.
    pub(super) fn sees(&mut self, seen: &Seen, seq: u16, payload: Option<&[u8]>) -> bool {
        if self.pictured {
            return false;
        }
        if payload.is_some_and(picture::starts_key_frame) {
            (self.key, self.key_end) = (Some(seen.timestamp), None);
        }
        if self.key == Some(seen.timestamp) && seen.marker {
            self.key_end = self.highest.map(|highest| ExtSeq(highest).nearest(seq).0);
        }
        self.wants_key |= self.key.is_none();
        self.pictured = self.key_end.is_some_and(|end| self.missing.iter().all(|missing| missing.seq > end));
        self.pictured
    }

    /// What to ask for now.
    pub(super) fn ask(&mut self, now: Instant) -> Asked {
        let mut asked = Asked::default();
        let before = self.missing.len();
        self.missing.retain(|missing| now.saturating_duration_since(missing.since) < GIVE_UP);
        asked.lost = (before - self.missing.len()) as u64;
        if asked.lost > 0 && self.video {
            (self.wants_key, self.key, self.key_end) = (true, None, None);
        }
        if self.video {
            for missing in &mut self.missing {
                let due = missing.asked.map_or(missing.since + PATIENCE, |asked| asked + ASK_AGAIN);
                if due <= now {
                    missing.asked = Some(now);
                    asked.again.push(missing.seq as u16);
                }
            }
        }
        asked.waits = !self.missing.is_empty();
        let may = self.key_asked.is_none_or(|at| now.saturating_duration_since(at) >= KEY_FRAME_AGAIN);
        if self.wants_key && self.video && self.highest.is_some() && may {
            (self.key_asked, self.wants_key) = (Some(now), false);
            asked.key_frame = true;
        }
        asked
    }

    /// A report of the line (RFC 3550 §6.4.1); `None` before its first packet.
    pub(super) fn block(&mut self, now: Instant) -> Option<ReportBlock> {
        let highest = self.highest?;
        let expected = highest + 1 - self.first;
        let (expected_before, received_before) = self.told;
        self.told = (expected, self.received);
        let (expected_now, received_now) = (expected - expected_before, self.received - received_before);
        let lost_now = expected_now.saturating_sub(received_now);
        let (last_report, delay) = self.report.map_or((0, 0), |(middle, at)| {
            (middle, (now.saturating_duration_since(at).as_secs_f64() * 65_536.0) as u32)
        });
        Some(ReportBlock {
            ssrc: Ssrc(self.ssrc),
            fraction_lost: (lost_now * 256 / expected_now.max(1)).min(255) as u8,
            lost: (expected as i64 - self.received as i64).clamp(-0x80_0000, 0x7F_FFFF) as i32,
            highest_seq: (highest - 0x1_0000) as u32,
            jitter: 0,
            last_report,
            delay,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(seq: u16, timestamp: u32) -> Seen {
        let (ssrc, csrc, marker) = (1, 7, true);
        Seen { ssrc, seq, timestamp, marker, csrc, header_len: 12, transport_seq: None }
    }

    #[test]
    fn what_is_missing_is_asked_for_repaired_or_given_up() {
        let start = Instant::now();
        let mut line = Line::new(1, Some(2), true);
        line.arrived(start, &seen(65_534, 0));
        assert!(line.arrived(start, &seen(2, 3_000)).lost);
        let asked = line.ask(start + PATIENCE);
        assert_eq!((asked.again, asked.lost, asked.waits), (vec![65_535, 0, 1], 0, true));
        assert!(line.repaired(0) && !line.repaired(0));
        assert!(!line.arrived(start, &seen(1, 3_000)).lost);
        let asked = line.ask(start + GIVE_UP);
        assert_eq!((asked.again, asked.lost, asked.waits, asked.key_frame), (vec![], 1, false, true));
    }

    #[test]
    fn a_missing_packet_may_come_again_as_it_was() {
        let start = Instant::now();
        let mut line = Line::new(1, None, true);
        line.arrived(start, &seen(10, 0));
        line.arrived(start, &seen(12, 3_000));
        assert_eq!(line.ask(start + PATIENCE).again, vec![11]);
        line.arrived(start + PATIENCE, &seen(11, 3_000));
        let asked = line.ask(start + GIVE_UP);
        assert_eq!((asked.again, asked.lost, asked.waits), (vec![], 0, false));
    }

    #[test]
    fn a_first_picture_is_there_when_its_last_missing_packet_is() {
        let start = Instant::now();
        let mut line = Line::new(1, Some(2), true);
        let mut key = vec![0; picture::LEAST_PICTURE];
        let part = picture::Part { number: 1, first: true, key: Some(180), len: key.len(), layer: 0 };
        picture::write_picture(&mut key, &part, 0);
        let mut take = |seq, timestamp, marker, payload: &[u8]| {
            let packet = Seen { marker, ..seen(seq, timestamp) };
            line.arrived(start, &packet);
            line.sees(&packet, seq, Some(payload))
        };
        assert!(!take(1, 0, false, &key));
        assert!(!take(3, 0, true, &[0x80]));
        assert!(!take(5, 3_000, true, &[0x80]));
        assert!(line.repaired(2) && line.sees(&Seen { marker: false, ..seen(900, 0) }, 2, Some(&[0x80])));
    }

    #[test]
    fn a_frame_is_late_by_what_the_senders_clock_does_not_explain() {
        let start = Instant::now();
        let mut line = Line::new(1, Some(2), true);
        let mut at =
            |ms: u64, seq, timestamp| line.arrived(start + Duration::from_millis(ms), &seen(seq, timestamp)).frame;
        assert_eq!(at(0, 1, 0), None);
        // Not settled yet.
        assert_eq!(at(500, 2, 45_000), None);
        let frame = at(1_040, 3, 90_000).unwrap();
        assert_eq!((frame.late, frame.froze), (Duration::from_millis(40), false));
        // The same frame.
        assert_eq!(at(1_041, 4, 90_000), None);
        assert!(at(3_500, 5, 93_000).unwrap().froze);
    }
}
