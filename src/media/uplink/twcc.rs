//! Transport-wide congestion control feedback: when each packet of the connection came
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).

use std::time::{Duration, Instant};

use crate::id::Ssrc;
use crate::media::rtcp::transport_cc;

/// Arrivals kept, a power of two: half a second at 40 Mbit/s.
const ARRIVALS: usize = 4_096;

/// Longest time between two feedbacks while packets come, as browsers expect.
const INTERVAL: Duration = Duration::from_millis(100);

/// With many packets waiting, feedback comes twice as often: a fast sender reacts sooner, and a slow one is not asked to
/// read more reports than it sends packets.
const BUSY_INTERVAL: Duration = Duration::from_millis(50);
const BUSY: u64 = 20;

/// Received packets in one feedback, however much room there is.
const RECEIVED: usize = 150;

/// One lost and one that came: less is not told.
const FEWEST: usize = 2;

/// Octets of a feedback: its head with padding, and for each received packet at most a delta and two status chunks.
const HEAD: usize = 27;
const PER_PACKET: usize = 6;

/// Not received, by arrival time.
const NEVER: u64 = u64::MAX;

/// Arrivals on one connection that have not been reported yet.
pub(super) struct TransportFeedback {
    epoch: Instant,
    /// Microseconds since the epoch, by `seq % ARRIVALS`. Empty until the first packet.
    arrivals: Vec<u64>,
    newest: Option<u64>,
    /// First number of the next feedback.
    base: u64,
    /// When the first packet that is not reported came.
    waiting: Option<Instant>,
    last: Option<Instant>,
    media: Ssrc,
    count: u8,
    /// Scratch: what the next feedback tells.
    told: Vec<(u16, Option<Duration>)>,
}

impl TransportFeedback {
    pub(super) fn new(epoch: Instant) -> TransportFeedback {
        TransportFeedback {
            epoch,
            arrivals: Vec::new(),
            newest: None,
            base: 0,
            waiting: None,
            last: None,
            media: Ssrc(0),
            count: 0,
            told: Vec::new(),
        }
    }

    /// A packet with the transport-wide number `wire` came.
    pub(super) fn arrived(&mut self, now: Instant, ssrc: Ssrc, wire: u16) {
        if self.arrivals.is_empty() {
            self.arrivals = vec![NEVER; ARRIVALS];
        }
        let seq = match self.newest {
            // One cycle up, so that packets from before the first one have a number too.
            None => {
                self.base = 0x1_0000 + u64::from(wire);
                self.base
            }
            Some(newest) => newest.wrapping_add_signed(i64::from(wire.wrapping_sub(newest as u16) as i16)),
        };
        let newest = self.newest.unwrap_or(seq);
        if seq + ARRIVALS as u64 <= newest {
            return;
        }
        if seq > newest {
            self.forget(newest + 1, seq);
        }
        self.newest = Some(newest.max(seq));
        let arrival = now.saturating_duration_since(self.epoch).as_micros() as u64;
        let place = &mut self.arrivals[seq as usize % ARRIVALS];
        if *place != NEVER {
            return;
        }
        *place = arrival;
        // One that was reported as missing is reported again, with what follows it.
        self.base = self.base.min(seq);
        self.media = ssrc;
        self.waiting.get_or_insert(now);
    }

    /// When the next feedback is due.
    pub(super) fn next(&self) -> Option<Instant> {
        let waiting = self.waiting?;
        let pending = self.newest.map_or(0, |newest| (newest + 1).saturating_sub(self.base));
        let interval = if pending >= BUSY { BUSY_INTERVAL } else { INTERVAL };
        Some(self.last.map_or(waiting + interval, |last| waiting.max(last + interval)))
    }

    /// Appends feedback packets that are due, as far as `room` octets suffice for them; the rest stays due.
    pub(super) fn poll(&mut self, now: Instant, reporter: Ssrc, room: usize, out: &mut Vec<u8>) {
        if self.next().is_none_or(|due| due > now) {
            return;
        }
        let end = out.len() + room;
        while let Some(newest) = self.newest.filter(|newest| self.base <= *newest) {
            let fitting = end.saturating_sub(out.len() + HEAD) / PER_PACKET;
            if fitting < (RECEIVED.min((newest + 1 - self.base) as usize) / 4).max(FEWEST) {
                return;
            }
            let first = self.base.max((newest + 1).saturating_sub(ARRIVALS as u64));
            self.collect(first, newest, fitting.min(RECEIVED));
            let told = transport_cc::write(out, reporter, self.media, self.count, &self.told);
            self.count = self.count.wrapping_add(1);
            let last = told.checked_sub(1).and_then(|last| self.told.get(last));
            self.base = last.map_or(newest + 1, |(seq, _)| first + u64::from(seq.wrapping_sub(first as u16)) + 1);
        }
        self.waiting = None;
        self.last = Some(now);
    }

    /// Fills `told` with what came from `first` on, at most `limit` packets. It begins with `first` though that was
    /// lost: what a feedback does not reach is never known as lost.
    fn collect(&mut self, first: u64, newest: u64, limit: usize) {
        self.told.clear();
        if self.arrival(first).is_none() {
            self.told.push((first as u16, None));
        }
        for seq in first..=newest {
            if self.told.len() >= limit {
                break;
            }
            if let Some(arrival) = self.arrival(seq) {
                self.told.push((seq as u16, Some(arrival)));
            }
        }
    }

    fn arrival(&self, seq: u64) -> Option<Duration> {
        let arrival = self.arrivals.get(seq as usize % ARRIVALS).copied();
        arrival.filter(|arrival| *arrival != NEVER).map(Duration::from_micros)
    }

    fn forget(&mut self, from: u64, to: u64) {
        if to - from >= ARRIVALS as u64 {
            self.arrivals.fill(NEVER);
            return;
        }
        for seq in from..=to {
            self.arrivals[seq as usize % ARRIVALS] = NEVER;
        }
    }
}
