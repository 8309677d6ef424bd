//! Transport-wide congestion control feedback: when each packet of the connection came
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).

use std::time::{Duration, Instant};

use crate::id::Ssrc;
use crate::media::uplink::report;

/// Arrivals kept, a power of two: half a second at 40 Mbit/s.
const ARRIVALS: usize = 4_096;

/// Longest time between two feedbacks while packets come, as browsers expect.
const INTERVAL: Duration = Duration::from_millis(100);

/// With many packets waiting, feedback comes twice as often: a fast sender reacts sooner, and a slow one is not asked to
/// read more reports than it sends packets.
const BUSY_INTERVAL: Duration = Duration::from_millis(50);
const BUSY: u64 = 20;

/// Packets in one feedback: 2 octets each at most, and 2/7 of a status chunk, stay well inside a datagram.
const STATUSES: u64 = 200;

/// Units of the reference time and of a delta, in microseconds.
const REFERENCE_US: i64 = 64_000;
const DELTA_US: i64 = 250;

/// Not received, by arrival time.
const NEVER: i64 = i64::MIN;

/// Arrivals on one connection that have not been reported yet.
pub(super) struct TransportFeedback {
    epoch: Instant,
    /// Microseconds since the epoch, by `seq % ARRIVALS`. Empty until the first packet.
    arrivals: Vec<i64>,
    newest: Option<u64>,
    /// First number of the next feedback.
    base: u64,
    /// When the first packet that is not reported came.
    waiting: Option<Instant>,
    last: Option<Instant>,
    media: Ssrc,
    count: u8,
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
        let arrival = now.saturating_duration_since(self.epoch).as_micros() as i64;
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

    /// Appends feedback packets while they are due and `room` octets suffice for them.
    pub(super) fn poll(&mut self, now: Instant, reporter: Ssrc, room: usize, out: &mut Vec<u8>) {
        if self.next().is_none_or(|due| due > now) {
            return;
        }
        let end = out.len() + room;
        while let Some(newest) = self.newest
            && let Some(first) = self.first_arrived(newest)
        {
            if out.len() + largest(newest + 1 - first) > end {
                // The rest follows with the next poll.
                return;
            }
            self.base = self.write(first, newest, reporter, out);
        }
        self.waiting = None;
        self.last = Some(now);
    }

    fn first_arrived(&self, newest: u64) -> Option<u64> {
        let oldest = (newest + 1).saturating_sub(ARRIVALS as u64).max(self.base);
        (oldest..=newest).find(|seq| self.arrival(*seq).is_some())
    }

    fn arrival(&self, seq: u64) -> Option<i64> {
        self.arrivals.get(seq as usize % ARRIVALS).copied().filter(|arrival| *arrival != NEVER)
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

    /// Writes one feedback packet from `first`, which came, and returns the number after its last.
    fn write(&mut self, first: u64, newest: u64, reporter: Ssrc, out: &mut Vec<u8>) -> u64 {
        let reference = self.arrival(first).unwrap_or(0) / REFERENCE_US;
        let mut symbols = [0_u8; STATUSES as usize];
        let mut deltas = [0_i16; STATUSES as usize];
        let mut before = reference * REFERENCE_US / DELTA_US;
        let mut count = 0;
        for (symbol, delta) in symbols.iter_mut().zip(&mut deltas) {
            let seq = first + count as u64;
            if seq > newest {
                break;
            }
            if let Some(arrival) = self.arrival(seq) {
                let at = arrival / DELTA_US;
                let Ok(since) = i16::try_from(at - before) else { break };
                *symbol = if (0..=0xFF).contains(&since) { 1 } else { 2 };
                *delta = since;
                before = at;
            }
            count += 1;
        }
        let (symbols, deltas) = (&symbols[..count], &deltas[..count]);
        let start = report::begin(out, report::TRANSPORT_FEEDBACK, 15, reporter);
        out.extend_from_slice(&self.media.0.to_be_bytes());
        out.extend_from_slice(&(first as u16).to_be_bytes());
        out.extend_from_slice(&(count as u16).to_be_bytes());
        out.extend_from_slice(&((reference as u32) << 8 | u32::from(self.count)).to_be_bytes());
        self.count = self.count.wrapping_add(1);
        write_chunks(symbols, out);
        for (symbol, delta) in symbols.iter().zip(deltas) {
            match symbol {
                1 => out.push(*delta as u8),
                2 => out.extend_from_slice(&delta.to_be_bytes()),
                _ => {}
            }
        }
        report::finish_padded(out, start);
        first + count as u64
    }
}

/// Octets that feedback on up to `count` packets may take.
fn largest(count: u64) -> usize {
    let count = count.min(STATUSES) as usize;
    20 + count.div_ceil(7) * 2 + count * 2 + 3
}

/// Packet status chunks: runs of 14 and more as a run length, everything else as vectors of seven 2-bit symbols.
fn write_chunks(mut symbols: &[u8], out: &mut Vec<u8>) {
    while let Some(first) = symbols.first().copied() {
        let run = symbols.iter().take_while(|symbol| **symbol == first).count();
        let (chunk, taken) = if run >= 14 || run == symbols.len() {
            (u16::from(first) << 13 | run as u16, run)
        } else {
            let taken = symbols.len().min(7);
            let vector = symbols[..taken].iter().enumerate();
            (vector.fold(0xC000, |chunk, (i, symbol)| chunk | u16::from(*symbol) << (12 - 2 * i)), taken)
        };
        out.extend_from_slice(&chunk.to_be_bytes());
        symbols = &symbols[taken..];
    }
}
