//! Transport-wide congestion control feedback, both ways (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).

use std::time::Duration;

use super::write::{packet, put};
use super::{format, packet_type, word};
use crate::id::Ssrc;

/// A delta's unit.
pub const TICK: Duration = Duration::from_micros(250);
/// Ticks in the unit of the reference time, 64 ms.
const REFERENCE_TICKS: i64 = 256;
/// The reference time has 24 bits and wraps.
const REFERENCE_MASK: i64 = 0xFF_FFFF;
/// Received packets that one feedback tells of at most: with two octets each and their chunks it stays below 1,200.
const MAX_RECEIVED: usize = 400;
/// Statuses of one feedback at most, lost packets included: a longer gap starts a new one.
const MAX_STATUSES: u16 = 8_000;
/// RTCP header, two SSRCs, base number, status count, reference time and feedback count.
const HEADER: usize = 20;

/// What became of one packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Status {
    Lost,
    Small,
    Large,
}

impl Status {
    fn bits(self) -> u16 {
        match self {
            Status::Lost => 0,
            Status::Small => 1,
            Status::Large => 2,
        }
    }

    /// `None` for the reserved symbol.
    fn from_bits(bits: u16) -> Option<Status> {
        match bits & 3 {
            0 => Some(Status::Lost),
            1 => Some(Status::Small),
            2 => Some(Status::Large),
            _ => None,
        }
    }
}

/// One feedback packet, checked.
#[derive(Clone, Copy, Debug)]
pub struct Feedback<'a> {
    /// Transport-wide number of the first packet told of.
    pub base: u16,
    /// How many packets it tells of, lost ones included.
    pub count: u16,
    /// In units of 64 ms from an epoch of the receiver's; 24 bits, wraps.
    pub reference: u32,
    /// Counts feedback packets, so that lost ones are noticed.
    pub feedback_count: u8,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

impl<'a> Feedback<'a> {
    /// Checks a whole RTCP packet, as [`super::Rtcp::TransportCc`] holds it. `None` when chunks or deltas are missing,
    /// or a reserved symbol occurs.
    pub fn parse(packet: &'a [u8]) -> Option<Feedback<'a>> {
        let [flags, ..] = *packet.first_chunk::<4>()?;
        let padding = if flags & 0x20 == 0 { 0 } else { usize::from(*packet.last()?) };
        let body = packet.get(..packet.len().checked_sub(padding)?)?;
        let (numbers, times) = (word(body, 12)?, word(body, 16)?);
        let mut feedback = Feedback {
            base: (numbers >> 16) as u16,
            count: numbers as u16,
            reference: times >> 8,
            feedback_count: times as u8,
            chunks: body.get(HEADER..)?,
            deltas: &[],
        };
        let mut statuses = feedback.statuses();
        let mut octets = 0;
        for _ in 0..feedback.count {
            octets += match statuses.next()? {
                Status::Lost => 0,
                Status::Small => 1,
                Status::Large => 2,
            };
        }
        let rest = statuses.chunks;
        feedback.chunks = feedback.chunks.get(..feedback.chunks.len() - rest.len())?;
        feedback.deltas = rest.get(..octets)?;
        Some(feedback)
    }

    /// Each packet's transport-wide number with its arrival in ticks of 250 µs since [`Feedback::reference`]; `None`
    /// for those that had not come.
    pub fn packets(&self) -> impl Iterator<Item = (u16, Option<i64>)> + use<'a> {
        let mut deltas = self.deltas;
        let mut arrival = 0;
        let base = self.base;
        self.statuses().take(usize::from(self.count)).enumerate().map(move |(index, status)| {
            let delta = match status {
                Status::Lost => None,
                Status::Small => deltas.split_off_first().map(|octet| i64::from(*octet)),
                Status::Large => deltas.split_first_chunk::<2>().map(|(octets, rest)| {
                    deltas = rest;
                    i64::from(i16::from_be_bytes(*octets))
                }),
            };
            arrival += delta.unwrap_or(0);
            (base.wrapping_add(index as u16), delta.map(|_| arrival))
        })
    }

    fn statuses(&self) -> Statuses<'a> {
        Statuses { chunks: self.chunks, chunk: 0, left: 0 }
    }
}

/// The symbols of packet status chunks.
struct Statuses<'a> {
    chunks: &'a [u8],
    chunk: u16,
    /// Symbols left in `chunk`.
    left: u16,
}

impl Iterator for Statuses<'_> {
    type Item = Status;

    fn next(&mut self) -> Option<Status> {
        while self.left == 0 {
            let (octets, rest) = self.chunks.split_first_chunk::<2>()?;
            self.chunks = rest;
            self.chunk = u16::from_be_bytes(*octets);
            self.left = match self.chunk >> 14 {
                0 | 1 => self.chunk & 0x1FFF,
                2 => 14,
                _ => 7,
            };
        }
        self.left -= 1;
        Status::from_bits(match self.chunk >> 14 {
            0 | 1 => self.chunk >> 13,
            2 => self.chunk >> self.left & 1,
            _ => self.chunk >> (2 * self.left),
        })
    }
}

/// Appends one feedback packet about `packets`, in rising order of their transport-wide numbers (which may wrap), each
/// with its arrival since any fixed moment, or `None`. Numbers left out count as lost.
///
/// Returns how many of `packets` it tells of: the caller goes on with the rest in another feedback. That is fewer than
/// all after [`MAX_RECEIVED`] arrivals, a gap of more than about 8 s or 8,000 packets, or a number out of order. 0, and
/// nothing is appended, when `packets` is empty. Trailing lost packets are told of; a feedback needs at least one
/// arrival, so lost packets alone are skipped without being told.
pub fn write(
    out: &mut Vec<u8>,
    sender: Ssrc,
    media: Ssrc,
    feedback_count: u8,
    packets: &[(u16, Option<Duration>)],
) -> usize {
    let Some(first) = packets.iter().find_map(|(_, arrival)| *arrival) else { return packets.len() };
    let Some(&(base, _)) = packets.first() else { return 0 };
    let reference = ticks(first).div_euclid(REFERENCE_TICKS);
    let plan = Plan::new(packets, reference * REFERENCE_TICKS);
    packet(out, packet_type::TRANSPORT_FEEDBACK, format::TRANSPORT_CC, |out| {
        put(out, sender.0);
        put(out, media.0);
        put(out, u32::from(base) << 16 | u32::from(plan.statuses));
        put(out, ((reference & REFERENCE_MASK) as u32) << 8 | u32::from(feedback_count));
        let mut chunk = Chunk::default();
        plan.each(|status, _| chunk.add(status, out));
        chunk.finish(out);
        plan.each(|status, delta| match status {
            Status::Lost => {}
            Status::Small => out.push(delta as u8),
            Status::Large => out.extend((delta as i16).to_be_bytes()),
        });
    });
    plan.packets.len()
}

fn ticks(arrival: Duration) -> i64 {
    i64::try_from(arrival.as_micros() / TICK.as_micros()).unwrap_or(i64::MAX)
}

/// The part of the caller's packets that fits one feedback.
struct Plan<'a> {
    packets: &'a [(u16, Option<Duration>)],
    start: i64,
    statuses: u16,
}

impl<'a> Plan<'a> {
    fn new(packets: &'a [(u16, Option<Duration>)], start: i64) -> Plan<'a> {
        let (mut statuses, mut received, mut before) = (0_u16, 0, start);
        let base = packets.first().map_or(0, |(seq, _)| *seq);
        let mut fitting = 0;
        for (seq, arrival) in packets {
            let index = seq.wrapping_sub(base);
            if index < statuses || index >= MAX_STATUSES || received == MAX_RECEIVED {
                break;
            }
            if let Some(arrival) = arrival {
                let now = ticks(*arrival);
                if i16::try_from(now.saturating_sub(before)).is_err() {
                    break;
                }
                before = now;
                received += 1;
            }
            statuses = index + 1;
            fitting += 1;
        }
        Plan { packets: packets.get(..fitting).unwrap_or_default(), start, statuses }
    }

    /// Visits every status with its delta, the lost packets between included.
    fn each(&self, mut visit: impl FnMut(Status, i64)) {
        let mut before = self.start;
        let mut next = self.packets.first().map_or(0, |(seq, _)| *seq);
        for (seq, arrival) in self.packets {
            for _ in 0..seq.wrapping_sub(next) {
                visit(Status::Lost, 0);
            }
            next = seq.wrapping_add(1);
            let Some(arrival) = arrival else {
                visit(Status::Lost, 0);
                continue;
            };
            let delta = ticks(*arrival) - before;
            before += delta;
            visit(if (0..=255).contains(&delta) { Status::Small } else { Status::Large }, delta);
        }
    }
}

/// A packet status chunk in the making: a run while all symbols are equal, else a vector of 14 one-bit or 7 two-bit
/// symbols.
#[derive(Default)]
struct Chunk {
    symbols: [u16; Chunk::ONE_BIT],
    len: u16,
}

impl Chunk {
    const ONE_BIT: usize = 14;
    const TWO_BIT: usize = 7;
    const MAX_RUN: u16 = 0x1FFF;

    fn stored(&self) -> &[u16] {
        self.symbols.get(..usize::from(self.len)).unwrap_or(&self.symbols)
    }

    fn is_run(&self) -> bool {
        self.stored().iter().all(|symbol| *symbol == self.symbols[0])
    }

    fn has_large(&self) -> bool {
        self.stored().contains(&Status::Large.bits())
    }

    fn takes(&self, symbol: u16) -> bool {
        let len = usize::from(self.len);
        len < Chunk::TWO_BIT
            || (len < Chunk::ONE_BIT && !self.has_large() && symbol != Status::Large.bits())
            || (self.len < Chunk::MAX_RUN && self.is_run() && symbol == self.symbols[0])
    }

    fn add(&mut self, status: Status, out: &mut Vec<u8>) {
        let symbol = status.bits();
        while !self.takes(symbol) {
            self.flush(out, false);
        }
        if let Some(slot) = self.symbols.get_mut(usize::from(self.len)) {
            *slot = symbol;
        }
        self.len += 1;
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        while self.len > 0 {
            self.flush(out, true);
        }
    }

    /// Writes one chunk of as many symbols as its best form takes, and keeps the others. Only the `last` vector may
    /// have symbols to spare.
    fn flush(&mut self, out: &mut Vec<u8>, last: bool) {
        let stored = self.stored();
        let (chunk, taken) = if self.is_run() {
            (self.symbols[0] << 13 | self.len, usize::from(self.len))
        } else if stored.len() <= Chunk::TWO_BIT || self.has_large() || (stored.len() < Chunk::ONE_BIT && !last) {
            let taken = stored.len().min(Chunk::TWO_BIT);
            let vector = self.symbols.iter().take(Chunk::TWO_BIT).fold(0, |bits, symbol| bits << 2 | symbol);
            (0xC000 | vector, taken)
        } else {
            (0x8000 | self.symbols.iter().fold(0, |bits, symbol| bits << 1 | symbol), stored.len())
        };
        out.extend(chunk.to_be_bytes());
        let mut kept = Chunk::default();
        for symbol in stored.iter().skip(taken) {
            kept.symbols[usize::from(kept.len)] = *symbol;
            kept.len += 1;
        }
        *self = kept;
    }
}

#[cfg(test)]
#[path = "transport_cc_tests.rs"]
mod tests;
