//! What of a stream is missing, and when to ask for it: libwebrtc's NACK module.

use std::collections::BTreeMap;

use crate::time::{MS, Us};

/// Requests for one packet.
const TRIES: u8 = 10;

/// Missing packets at once; beyond that everything is given up for a key frame.
const MISSING: usize = 1_000;

/// The round trip that is assumed before one was measured.
const DEFAULT_RTT: Us = 100 * MS;

#[derive(Clone, Copy, Debug)]
struct Wanted {
    next: Us,
    tries: u8,
}

/// How a packet continues its stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// The newest.
    Next(u64),
    /// It had been missing.
    Filled(u64),
    /// Known already, or nobody waits for it any more.
    Useless,
}

/// The numbers of one stream.
#[derive(Default)]
pub struct Repairs {
    pub first: Option<u64>,
    pub highest: Option<u64>,
    missing: BTreeMap<u64, Wanted>,
    pub asked: u64,
    pub overflowed: bool,
}

impl Repairs {
    /// The extended number nearest to the newest whose lower bits are `wire`.
    pub fn extend(&self, wire: u16) -> u64 {
        match self.highest {
            None => 0x1_0000 + u64::from(wire),
            Some(highest) => highest.wrapping_add_signed(i64::from(wire.wrapping_sub(highest as u16) as i16)),
        }
    }

    /// Whether something has to be asked for at once.
    pub fn fresh(&self) -> bool {
        self.missing.values().any(|wanted| wanted.tries == 0)
    }

    /// A packet came, by itself or as a retransmission.
    pub fn arrived(&mut self, now: Us, wire: u16) -> Arrival {
        let seq = self.extend(wire);
        let Some(highest) = self.highest else {
            self.first = Some(seq);
            self.highest = Some(seq);
            return Arrival::Next(seq);
        };
        if seq > highest {
            self.missing.extend((highest + 1..seq).map(|lost| (lost, Wanted { next: now, tries: 0 })));
            if self.missing.len() > MISSING {
                self.missing.clear();
                self.overflowed = true;
            }
            self.highest = Some(seq);
            return Arrival::Next(seq);
        }
        if self.missing.remove(&seq).is_some() { Arrival::Filled(seq) } else { Arrival::Useless }
    }

    /// A frame up to `seq` was decoded: what was before it is of no use.
    pub fn decoded(&mut self, seq: u64) {
        self.missing = self.missing.split_off(&seq);
    }

    /// The numbers to ask for now: at once, then once a round trip.
    pub fn due(&mut self, now: Us, rtt: Option<Us>, out: &mut Vec<u16>) {
        let rtt = rtt.unwrap_or(DEFAULT_RTT).max(5 * MS);
        for (seq, wanted) in self.missing.iter_mut().filter(|(_, w)| w.next <= now && w.tries < TRIES) {
            wanted.tries += 1;
            wanted.next = now + rtt;
            out.push(*seq as u16);
        }
        self.asked += out.len() as u64;
    }
}
