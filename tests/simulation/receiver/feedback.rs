//! What a receiver tells of arrivals: transport-wide feedback, or a REMB from what it sees itself.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use plenum::id::{Bps, Ssrc};
use plenum::media::rtcp::{self, transport_cc};

use crate::time::{MS, SECOND, Us};

/// libwebrtc sends feedback every 100 ms, and every 50 ms when much comes.
const INTERVAL: Us = 100 * MS;
const BUSY_INTERVAL: Us = 50 * MS;
const BUSY: usize = 20;

/// Arrivals by transport-wide number that were not reported yet.
#[derive(Default)]
pub struct TransportFeedback {
    newest: Option<u64>,
    arrivals: BTreeMap<u64, Us>,
    /// First number of the next feedback.
    base: u64,
    next: Option<Us>,
    count: u8,
    media: u32,
}

impl TransportFeedback {
    pub fn arrived(&mut self, now: Us, wire: u16, media: Ssrc) {
        let seq = match self.newest {
            None => 0x1_0000 + u64::from(wire),
            Some(newest) => newest.wrapping_add_signed(i64::from(wire.wrapping_sub(newest as u16) as i16)),
        };
        if self.newest.is_none() {
            self.base = seq;
        }
        self.newest = self.newest.max(Some(seq));
        self.arrivals.entry(seq).or_insert(now);
        self.media = media.0;
        self.next.get_or_insert(now + INTERVAL);
    }

    pub fn next(&self) -> Option<Us> {
        self.next
    }

    /// Appends what is due.
    pub fn poll(&mut self, now: Us, sender: Ssrc, out: &mut Vec<u8>) {
        if self.next.is_none_or(|due| due > now) {
            return;
        }
        let busy = self.arrivals.len() > BUSY;
        // What comes after it was reported as lost is reported again, with all after it.
        let first = self.arrivals.first_key_value().map_or(self.base, |(seq, _)| self.base.min(*seq));
        let mut packets: Vec<(u16, Option<Duration>)> = Vec::with_capacity(self.arrivals.len() + 1);
        if !self.arrivals.contains_key(&first) {
            packets.push((first as u16, None));
        }
        packets.extend(self.arrivals.iter().map(|(seq, at)| (*seq as u16, Some(Duration::from_micros(*at)))));
        let mut rest = &packets[..];
        while rest.iter().any(|(_, arrival)| arrival.is_some()) {
            let told = transport_cc::write(out, sender, Ssrc(self.media), self.count, rest);
            self.count = self.count.wrapping_add(1);
            if told == 0 {
                break;
            }
            rest = &rest[told..];
        }
        self.base = self.newest.map_or(0, |newest| newest + 1);
        self.arrivals.clear();
        self.next = Some(now + if busy { BUSY_INTERVAL } else { INTERVAL });
    }
}

/// A receiver's own estimate, as simple as the real one is not: it grows by a share a second beyond what arrives while
/// packets come evenly, and falls below that when they queue.
pub struct ReceiverEstimate {
    arrived: VecDeque<(Us, u64)>,
    shortest: Option<i64>,
    queued: bool,
    rate: u64,
    next: Us,
}

impl Default for ReceiverEstimate {
    fn default() -> ReceiverEstimate {
        ReceiverEstimate { arrived: VecDeque::new(), shortest: None, queued: false, rate: 300_000, next: SECOND }
    }
}

impl ReceiverEstimate {
    /// A packet of `octets` came whose abs-send-time or its like says that it was `way` on its way.
    pub fn arrived(&mut self, now: Us, octets: usize, way: i64) {
        self.arrived.push_back((now, 8 * octets as u64));
        let shortest = self.shortest.map_or(way, |shortest| shortest.min(way));
        self.shortest = Some(shortest);
        self.queued = way - shortest > 60 * MS as i64;
    }

    pub fn next(&self) -> Us {
        self.next
    }

    pub fn poll(&mut self, now: Us, sender: Ssrc, media: &[Ssrc], out: &mut Vec<u8>) {
        if self.next > now {
            return;
        }
        self.next = now + SECOND;
        while self.arrived.front().is_some_and(|(at, _)| *at + SECOND < now) {
            self.arrived.pop_front();
        }
        let incoming: u64 = self.arrived.iter().map(|(_, bits)| bits).sum();
        self.rate =
            if self.queued { incoming * 85 / 100 } else { (self.rate * 108 / 100).min(incoming * 3 / 2 + 50_000) };
        self.rate = self.rate.max(50_000);
        rtcp::remb(out, sender, Bps(self.rate), media);
    }
}
