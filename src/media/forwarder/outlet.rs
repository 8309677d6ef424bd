//! One browser's way out: what waits for its turn, so that a burst of one picture delays nobody's voice.
//!
//! Nothing is copied to wait. Packets lie in their publisher's ring; a line that is behind remembers the number from
//! which on it has to catch up.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use crate::id::{Bps, ExtSeq, SourceId, Ssrc};
use crate::media::downlink::Replay;
use crate::media::packet::PacketInfo;

/// Retransmissions that wait: a second of a 2 Mbit/s layer. Who asks for more gets a key frame sooner.
const RETRANSMISSIONS: usize = 256;
/// What may leave at once: 5 ms of the rate, so that a train of packets never delays what comes behind it by more.
const BURST: Duration = Duration::from_millis(5);
/// What would wait longer is shed: by then a newer frame says more. Half of the delay that a conversation bears.
const MOST_WAIT: Duration = Duration::from_millis(150);
/// A key frame may take longer: without it there is no picture at all, and the next one is no smaller.
const MOST_WAIT_KEY: Duration = Duration::from_millis(500);
/// A first picture takes no longer, since what arrives meanwhile waits behind it.
const FIRST_PICTURE: Duration = Duration::from_millis(100);
/// At least two packets, so that low rates do not send frames octet by octet.
const LEAST_BURST: i64 = 2 * 1_250;
/// As many more as 20 ms of the rate hold, up to the four that a usual picture has: together they are one system call, and
/// libwebrtc's own pacer lets 40 ms leave at once.
const SMALL_BURST: Duration = Duration::from_millis(20);
const PICTURE: i64 = 4 * 1_250;

/// A leaky bucket: how much may leave now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// `None` = no limit is known.
    rate: Option<Bps>,
    /// Octets that may leave. Below zero after a packet that was larger than the rest.
    octets: i64,
    at: Instant,
}

impl Budget {
    fn new(now: Instant) -> Budget {
        Budget { rate: None, octets: LEAST_BURST, at: now }
    }

    fn burst(rate: Bps) -> i64 {
        octets(rate, BURST).max(octets(rate, SMALL_BURST).clamp(LEAST_BURST, PICTURE))
    }

    fn refill(&mut self, now: Instant) {
        let Some(rate) = self.rate.filter(|_| now > self.at) else { return };
        let earned = octets(rate, now.saturating_duration_since(self.at));
        // Less than an octet is earned later, with the time that it took.
        if earned > 0 {
            self.octets = self.octets.saturating_add(earned).min(Budget::burst(rate));
            self.at = now;
        }
    }

    /// Whether a packet may leave now.
    fn allows(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.rate.is_none() || self.octets > 0
    }

    fn charge(&mut self, octets: usize) {
        if self.rate.is_some() {
            self.octets = self.octets.saturating_sub(octets as i64);
        }
    }

    /// When a packet may leave.
    fn next(&self) -> Instant {
        match self.rate {
            Some(rate) if self.octets <= 0 => {
                let missing = (1 - self.octets) as u64 * 8 * 1_000_000;
                self.at + Duration::from_micros(missing / rate.0.max(1) + 1)
            }
            _ => self.at,
        }
    }
}

fn octets(rate: Bps, time: Duration) -> i64 {
    // In 64 bits, which hold a gigabit for hours: a wide division costs as much as the header of a packet.
    let micros = time.as_secs().saturating_mul(1_000_000).saturating_add(time.subsec_micros().into());
    (rate.0.saturating_mul(micros) / 8_000_000) as i64
}

/// A line that is behind its publisher.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backlog {
    pub(super) line: usize,
    pub(super) source: SourceId,
    pub(super) layer: usize,
    /// The publisher's number to go on with.
    pub(super) next: ExtSeq,
    /// The line starts with what the ring held already.
    pub(super) replay: Option<Replay>,
}

impl Backlog {
    pub(super) fn new(line: usize, (source, layer): (SourceId, usize), next: ExtSeq) -> Backlog {
        Backlog { line, source, layer, next, replay: None }
    }

    /// Comes after a replay.
    pub(super) fn after(self, replay: Replay) -> Backlog {
        Backlog { replay: Some(replay), ..self }
    }

    /// Whether a frame has waited so long that those after it must not wait for it. Begun ones are finished.
    pub(super) fn sheds(&self, now: Instant, info: &PacketInfo) -> bool {
        let limit = if info.facts.key_frame { MOST_WAIT_KEY } else { MOST_WAIT };
        let begins = info.facts.frame_start && info.facts.spatial == 0;
        begins && now.saturating_duration_since(info.arrival) > limit
    }

    /// Whether a packet begins a frame that nobody misses while the line is behind.
    pub(super) fn thins(&self, now: Instant, info: &PacketInfo) -> bool {
        let begins = info.facts.frame_start && info.facts.spatial == 0;
        begins && info.facts.discardable && now.saturating_duration_since(info.arrival) > MOST_WAIT / 2
    }
}

/// See the module.
pub(super) struct Outlet {
    budget: Budget,
    retransmissions: VecDeque<(Ssrc, u16)>,
    backlogs: SmallVec<[Backlog; 2]>,
    /// The line that was served last: the others come first.
    turn: usize,
}

impl Outlet {
    pub(super) fn new(now: Instant) -> Outlet {
        Outlet { budget: Budget::new(now), retransmissions: VecDeque::new(), backlogs: SmallVec::new(), turn: 0 }
    }

    /// The rate at which packets leave; `None` = as they come.
    pub(super) fn set_rate(&mut self, now: Instant, rate: Option<Bps>) {
        self.budget.refill(now);
        if self.budget.rate.is_none() {
            self.budget.at = now;
        }
        self.budget.rate = rate;
    }

    /// Whether a packet may leave now, if nothing waits before it.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        self.budget.allows(now)
    }

    pub(super) fn charge(&mut self, octets: usize) {
        self.budget.charge(octets);
    }

    /// What `line` still has to catch up with.
    pub(super) fn backlog(&self, line: usize) -> Option<&Backlog> {
        self.backlogs.iter().find(|backlog| backlog.line == line)
    }

    pub(super) fn backlog_mut(&mut self, line: usize) -> Option<&mut Backlog> {
        self.backlogs.iter_mut().find(|backlog| backlog.line == line)
    }

    /// From now on `backlog.line` catches up from there.
    pub(super) fn hold(&mut self, backlog: Backlog) {
        match self.backlogs.iter_mut().find(|other| other.line == backlog.line) {
            Some(other) => *other = backlog,
            None => self.backlogs.push(backlog),
        }
    }

    /// `line` has caught up, or shows something else.
    pub(super) fn release(&mut self, line: usize) {
        self.backlogs.retain(|backlog| backlog.line != line);
    }

    /// The next line in turn that is behind.
    pub(super) fn turn(&mut self) -> Option<&mut Backlog> {
        if self.backlogs.is_empty() {
            return None;
        }
        self.turn = (self.turn + 1) % self.backlogs.len();
        self.backlogs.get_mut(self.turn)
    }

    /// Queues a retransmission; one too many is forgotten.
    pub(super) fn ask(&mut self, ssrc: Ssrc, seq: u16) {
        if self.retransmissions.len() < RETRANSMISSIONS && !self.retransmissions.contains(&(ssrc, seq)) {
            self.retransmissions.push_back((ssrc, seq));
        }
    }

    pub(super) fn next_retransmission(&mut self) -> Option<(Ssrc, u16)> {
        self.retransmissions.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.retransmissions.is_empty() && self.backlogs.is_empty()
    }

    /// The rate at which first pictures leave soon enough; `None` = none leaves out of a ring.
    pub(super) fn replay_rate(&self) -> Option<Bps> {
        let replays =
            self.backlogs.iter().filter_map(|backlog| backlog.replay.filter(|replay| replay.next().is_some()));
        let octets: usize = replays.map(|replay| replay.first_octets()).sum();
        (octets > 0).then(|| Bps(octets as u64 * 8_000 / FIRST_PICTURE.as_millis() as u64))
    }

    /// Forgets everything that waits.
    pub(super) fn clear(&mut self) {
        self.retransmissions.clear();
        self.backlogs.clear();
    }

    /// When something that waits may leave.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        (!self.is_empty()).then(|| self.budget.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_keeps_to_the_rate() {
        let start = Instant::now();
        let mut outlet = Outlet::new(start);
        outlet.set_rate(start, Some(Bps(1_000_000)));
        outlet.ask(Ssrc(1), 1);
        let mut sent = 0;
        let mut now = start;
        while now < start + Duration::from_secs(1) {
            match outlet.allows(now) {
                true => {
                    outlet.charge(1_200);
                    sent += 1_200;
                }
                false => now = outlet.next_timeout().unwrap_or(start),
            }
        }
        assert!((124_000..=129_000).contains(&sent), "{sent}");
    }

    #[test]
    fn a_usual_picture_leaves_in_one_piece_where_that_delays_nobody() {
        let at_once = |rate: u64| {
            let start = Instant::now();
            let mut outlet = Outlet::new(start);
            outlet.set_rate(start, Some(Bps(rate)));
            let now = start + Duration::from_secs(1);
            (0..100).take_while(|_| outlet.allows(now).then(|| outlet.charge(1_250)).is_some()).count()
        };
        assert_eq!([100_000, 1_000_000, 2_000_000, 4_000_000, 20_000_000].map(at_once), [2, 2, 4, 4, 10]);
    }

    #[test]
    fn without_a_rate_nothing_waits() {
        let now = Instant::now();
        let mut outlet = Outlet::new(now);
        for _ in 0..1_000 {
            assert!(outlet.allows(now));
            outlet.charge(1_200);
        }
    }

    #[test]
    fn lines_that_are_behind_take_turns() {
        let mut outlet = Outlet::new(Instant::now());
        for line in [3, 5, 9] {
            let source = SourceId(line as u32);
            outlet.hold(Backlog::new(line, (source, 0), ExtSeq(1)));
        }
        let mut served: Vec<usize> = (0..6).filter_map(|_| outlet.turn().map(|backlog| backlog.line)).collect();
        served[..3].sort_unstable();
        assert_eq!(served[..3], [3, 5, 9]);
        outlet.release(5);
        assert!(outlet.backlog(5).is_none() && outlet.backlog(3).is_some());
    }
}
