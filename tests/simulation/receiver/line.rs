//! One m-line of a receiver: its stream's numbers, frames and playout, and everything that is counted of it.

use plenum::id::Ssrc;
use plenum::media::codec::{self, Facts};
use plenum::media::packet::RtpHeader;
use plenum::media::rtcp::ReportBlock;
use plenum::media::spec::{Codec, MediaKind};

use crate::receiver::frames::{Assembly, Decoder, Part};
use crate::receiver::playout::Playout;
use crate::receiver::repair::{Arrival, Repairs};
use crate::time::{MS, Us};
use crate::wire::Mark;

/// Packets count as coming for this long after the last.
const COMING: Us = 200 * MS;

/// A payload that came, for the first time.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    pub at: Us,
    pub mark: Mark,
}

/// What went wrong or was needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Packets of the stream itself.
    pub packets: u64,
    pub retransmitted: u64,
    /// Came although it was there already, or nobody waited for it.
    pub useless: u64,
    /// Whose mark is not of the source that the CSRC names.
    pub foreign: u64,
    pub malformed: u64,
    pub plis: u64,
}

/// One m-line.
pub struct Line {
    pub kind: MediaKind,
    pub ssrc: Ssrc,
    pub repairs: Repairs,
    pub assembly: Assembly,
    pub decoder: Decoder,
    pub playout: Playout,
    pub counts: Counts,
    /// All payloads, in the order of their coming.
    pub heard: Vec<Heard>,
    pub sender_report: Option<(u32, Us)>,
    last_packet: Us,
    /// Nothing could be decoded since then, or a key frame was asked for then.
    waiting_since: Option<Us>,
    reported: (u64, u64),
}

impl Line {
    pub fn new(kind: MediaKind, ssrc: Ssrc) -> Line {
        Line {
            kind,
            ssrc,
            repairs: Repairs::default(),
            assembly: Assembly::default(),
            decoder: Decoder::default(),
            playout: Playout::default(),
            counts: Counts::default(),
            heard: Vec::new(),
            sender_report: None,
            last_packet: 0,
            waiting_since: None,
            reported: (0, 0),
        }
    }

    /// Takes a packet of the stream, or a retransmission. True when something has to be asked for at once.
    pub fn take(&mut self, now: Us, header: &RtpHeader, payload: &[u8], csrc: u32, rtx: bool) -> bool {
        self.last_packet = now;
        self.waiting_since.get_or_insert(now);
        let (mut wire, mut payload) = (header.seq, payload);
        if rtx {
            let Some((original, rest)) = payload.split_first_chunk::<2>() else { return false };
            (wire, payload) = (u16::from_be_bytes(*original), rest);
            self.counts.retransmitted += 1;
            if self.repairs.highest.is_none() {
                return false;
            }
        } else {
            self.counts.packets += 1;
        }
        let seq = match self.repairs.arrived(now, wire) {
            Arrival::Next(seq) | Arrival::Filled(seq) => seq,
            Arrival::Useless => {
                self.counts.useless += 1;
                return false;
            }
        };
        if !payload.is_empty() {
            self.unpack(now, seq, header, payload, csrc);
        }
        self.kind == MediaKind::Video && self.repairs.fresh()
    }

    fn unpack(&mut self, now: Us, seq: u64, header: &RtpHeader, payload: &[u8], csrc: u32) {
        let codec = if self.kind == MediaKind::Video { Codec::Vp8 } else { Codec::Opus };
        let facts = codec::facts(codec, payload, header.marker, None);
        let read = facts.ok().and_then(|facts| Mark::read(payload, &facts).map(|mark| (facts, mark)));
        let Some((facts, mark)) = read else {
            self.counts.malformed += 1;
            return;
        };
        self.counts.foreign += u64::from(mark.source != csrc);
        self.heard.push(Heard { at: now, mark });
        if self.kind == MediaKind::Video {
            self.picture(now, seq, header, facts, mark);
        }
    }

    fn picture(&mut self, now: Us, seq: u64, header: &RtpHeader, facts: Facts, mark: Mark) {
        let part = Part { timestamp: header.timestamp, marker: header.marker, facts, mark };
        let Some(frame) = self.assembly.insert(seq, part) else { return };
        for frame in self.decoder.insert(frame) {
            self.playout.show(now, frame.timestamp, frame.mark);
            self.repairs.decoded(frame.last);
            self.assembly.decoded(frame.last);
            self.waiting_since = Some(now);
        }
    }

    /// Whether a key frame is asked for now.
    pub fn wants_key_frame(&mut self, now: Us, patience: Us) -> bool {
        let impatient = self.waiting_since.is_some_and(|since| now - since >= patience);
        let coming = now - self.last_packet < COMING;
        let wants = coming && (impatient || std::mem::take(&mut self.repairs.overflowed));
        if wants {
            self.waiting_since = Some(now);
            self.counts.plis += 1;
        }
        wants
    }

    /// The reception report's block on this stream (RFC 3550 §6.4.1). Retransmissions do not count as received.
    pub fn report(&mut self, now: Us) -> Option<ReportBlock> {
        let (first, highest) = self.repairs.first.zip(self.repairs.highest)?;
        let expected = highest - first + 1;
        let (expected_before, received_before) = self.reported;
        let expected_now = expected - expected_before;
        let received_now = self.counts.packets - received_before;
        self.reported = (expected, self.counts.packets);
        let lost_now = expected_now.saturating_sub(received_now);
        let (last_report, delay) =
            self.sender_report.map_or((0, 0), |(middle, at)| (middle, ((now - at) * 65_536 / 1_000_000) as u32));
        Some(ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: (lost_now * 256).checked_div(expected_now).unwrap_or(0).min(255) as u8,
            lost: (expected as i64 - self.counts.packets as i64) as i32,
            highest_seq: highest as u32,
            jitter: 0,
            last_report,
            delay,
        })
    }
}
