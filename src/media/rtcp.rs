//! RTCP: walking what browsers send, and building what Plenum sends (RFC 3550 §6, RFC 4585, RFC 5104, REMB,
//! transport-wide congestion control).
//!
//! Reading borrows and allocates nothing; whatever the bytes, it neither panics nor runs past them.

use crate::id::{Bps, Ssrc};
use crate::media::drop::DropReason;

pub mod transport_cc;
mod write;

pub use write::{bye, fir, nack, pli, receiver_report, remb, sdes_cname, sender_report};

/// Packet types (RFC 3550 §12.1, RFC 4585 §9).
mod packet_type {
    pub(super) const SENDER_REPORT: u8 = 200;
    pub(super) const RECEIVER_REPORT: u8 = 201;
    pub(super) const SOURCE_DESCRIPTION: u8 = 202;
    pub(super) const BYE: u8 = 203;
    pub(super) const TRANSPORT_FEEDBACK: u8 = 205;
    pub(super) const PAYLOAD_FEEDBACK: u8 = 206;
}

/// Feedback message types: the five bits that count reports elsewhere.
mod format {
    pub(super) const NACK: u8 = 1;
    pub(super) const TRANSPORT_CC: u8 = 15;
    pub(super) const PLI: u8 = 1;
    pub(super) const FIR: u8 = 4;
    pub(super) const APPLICATION: u8 = 15;
}

/// What an application-layer feedback message begins with when it is a REMB (draft-alvestrand-rmcat-remb).
const REMB: [u8; 4] = *b"REMB";
/// Most report blocks or sources that one packet can count (RFC 3550 §6.4.1).
const MAX_COUNT: usize = 31;

/// One RTCP packet of a compound.
#[derive(Clone, Debug)]
pub enum Rtcp<'a> {
    SenderReport {
        info: SenderInfo,
        blocks: ReportBlocks<'a>,
    },
    ReceiverReport {
        ssrc: Ssrc,
        blocks: ReportBlocks<'a>,
    },
    /// Packets of `ssrc` that are missing (RFC 4585 §6.2.1).
    Nack {
        ssrc: Ssrc,
        missing: Missing<'a>,
    },
    /// A key frame of `ssrc` is wanted (RFC 4585 §6.3.1).
    Pli {
        ssrc: Ssrc,
    },
    /// Key frames are wanted (RFC 5104 §4.3.1).
    Fir {
        requests: FirRequests<'a>,
    },
    /// The receiver's estimate of what it can take of all `ssrcs` together.
    Remb {
        rate: Bps,
        ssrcs: Ssrcs<'a>,
    },
    /// Transport-wide feedback: the whole RTCP packet, for [`transport_cc::Feedback::parse`].
    TransportCc(&'a [u8]),
    Bye {
        ssrcs: Ssrcs<'a>,
    },
    /// Well formed, but nothing that Plenum acts on.
    Other,
}

/// The sender's part of a sender report (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SenderInfo {
    pub ssrc: Ssrc,
    /// 32.32 fixed-point seconds since 1900.
    pub ntp: u64,
    /// The RTP timestamp of that moment.
    pub rtp: u32,
    pub packets: u32,
    /// Payload octets.
    pub octets: u32,
}

/// What a receiver says of one stream (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReportBlock {
    pub ssrc: Ssrc,
    /// Lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Lost since the beginning: 24 bits, negative when duplicates came.
    pub lost: i32,
    /// The highest sequence number received, extended by its cycles.
    pub highest_seq: u32,
    /// In RTP timestamp units.
    pub jitter: u32,
    /// The middle 32 bits of `ntp` of the last sender report; 0 before the first.
    pub last_report: u32,
    /// Since that report came, in 1/65,536 s.
    pub delay: u32,
}

impl ReportBlock {
    const LEN: usize = 24;

    fn read(bytes: &[u8; ReportBlock::LEN]) -> ReportBlock {
        let lost = word(bytes, 4).unwrap_or_default();
        let word = |at| word(bytes, at).unwrap_or_default();
        ReportBlock {
            ssrc: Ssrc(word(0)),
            fraction_lost: (lost >> 24) as u8,
            lost: (lost << 8) as i32 >> 8,
            highest_seq: word(8),
            jitter: word(12),
            last_report: word(16),
            delay: word(20),
        }
    }
}

/// Declares an iterator over the fixed-size entries of a packet's body.
macro_rules! entries {
    ($(#[$doc:meta])* $name:ident, $item:ty, $len:expr, $read:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name<'a>(&'a [u8]);

        impl Iterator for $name<'_> {
            type Item = $item;

            fn next(&mut self) -> Option<$item> {
                let (entry, rest) = self.0.split_first_chunk::<{ $len }>()?;
                self.0 = rest;
                let read: fn(&[u8; $len]) -> $item = $read;
                Some(read(entry))
            }
        }
    };
}

entries!(
    /// The report blocks of a sender or receiver report.
    ReportBlocks, ReportBlock, ReportBlock::LEN, ReportBlock::read
);
entries!(
    /// A list of SSRCs.
    Ssrcs, Ssrc, 4, |bytes| Ssrc(u32::from_be_bytes(*bytes))
);
entries!(
    /// Who shall send a key frame, with the request's number: a repeated number is the same request (RFC 5104 §4.3.1.1).
    FirRequests, (Ssrc, u8), 8, |&[a, b, c, d, number, ..]| (Ssrc(u32::from_be_bytes([a, b, c, d])), number)
);
entries!(
    /// Pairs of a sequence number and a mask of the sixteen after it.
    NackPairs, (u16, u16), 4, |&[a, b, c, d]| (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
);

/// The sequence numbers that a NACK names, in its order.
#[derive(Clone, Debug)]
pub struct Missing<'a> {
    pairs: NackPairs<'a>,
    next: u16,
    /// Bit 0 is `next`, bit 1 the number after it.
    mask: u32,
}

impl Iterator for Missing<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        if self.mask == 0 {
            let (first, following) = self.pairs.next()?;
            self.next = first;
            self.mask = u32::from(following) << 1 | 1;
        }
        let skip = self.mask.trailing_zeros();
        let seq = self.next.wrapping_add(skip as u16);
        self.mask = self.mask >> skip >> 1;
        self.next = seq.wrapping_add(1);
        Some(seq)
    }
}

/// The packets of a compound, or of a single one (RFC 5506), in their order.
///
/// A packet whose inside is cut short is one [`DropReason::MalformedRtcp`] among the others; a header that does not
/// parse is one too, and ends the walk.
pub fn walk(compound: &[u8]) -> Walk<'_> {
    Walk { rest: compound }
}

/// See [`walk`].
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<Rtcp<'a>, DropReason>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let Some((packet, rest)) = split_packet(self.rest) else {
            self.rest = &[];
            return Some(Err(DropReason::MalformedRtcp));
        };
        self.rest = rest;
        Some(read(packet).ok_or(DropReason::MalformedRtcp))
    }
}

/// The first packet by its length field, and what follows it.
fn split_packet(compound: &[u8]) -> Option<(&[u8], &[u8])> {
    let [flags, _, l0, l1] = *compound.first_chunk::<4>()?;
    let len = 4 * (usize::from(u16::from_be_bytes([l0, l1])) + 1);
    if flags >> 6 == 2 { compound.split_at_checked(len) } else { None }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|word| u32::from_be_bytes(*word))
}

/// One whole packet; `None` when its body is cut short.
fn read(packet: &[u8]) -> Option<Rtcp<'_>> {
    let [flags, kind, ..] = *packet.first_chunk::<4>()?;
    let count = flags & 0x1F;
    let body = if flags & 0x20 == 0 { packet.get(4..)? } else { without_padding(packet)? };
    let ssrc = |at| word(body, at).map(Ssrc);
    let blocks = |at: usize| body.get(at..at + ReportBlock::LEN * usize::from(count)).map(ReportBlocks);
    Some(match (kind, count) {
        (packet_type::SENDER_REPORT, _) => Rtcp::SenderReport { info: read_sender_info(body)?, blocks: blocks(24)? },
        (packet_type::RECEIVER_REPORT, _) => Rtcp::ReceiverReport { ssrc: ssrc(0)?, blocks: blocks(4)? },
        (packet_type::BYE, _) => Rtcp::Bye { ssrcs: Ssrcs(body.get(..4 * usize::from(count))?) },
        (packet_type::TRANSPORT_FEEDBACK, format::NACK) => {
            Rtcp::Nack { ssrc: ssrc(4)?, missing: Missing { pairs: NackPairs(body.get(8..)?), next: 0, mask: 0 } }
        }
        (packet_type::TRANSPORT_FEEDBACK, format::TRANSPORT_CC) => Rtcp::TransportCc(packet),
        (packet_type::PAYLOAD_FEEDBACK, format::PLI) => Rtcp::Pli { ssrc: ssrc(4)? },
        (packet_type::PAYLOAD_FEEDBACK, format::FIR) => Rtcp::Fir { requests: FirRequests(body.get(8..)?) },
        (packet_type::PAYLOAD_FEEDBACK, format::APPLICATION) => read_application(body.get(8..)?)?,
        _ => Rtcp::Other,
    })
}

/// The body of a packet whose last octet counts its padding (RFC 3550 §6.4.1).
fn without_padding(packet: &[u8]) -> Option<&[u8]> {
    let padding = usize::from(*packet.last()?);
    if padding == 0 { None } else { packet.get(4..packet.len().checked_sub(padding)?) }
}

fn read_sender_info(body: &[u8]) -> Option<SenderInfo> {
    Some(SenderInfo {
        ssrc: Ssrc(word(body, 0)?),
        ntp: u64::from(word(body, 4)?) << 32 | u64::from(word(body, 8)?),
        rtp: word(body, 12)?,
        packets: word(body, 16)?,
        octets: word(body, 20)?,
    })
}

/// Application-layer feedback: a REMB or nothing of ours.
fn read_application(body: &[u8]) -> Option<Rtcp<'_>> {
    if body.first_chunk::<4>() != Some(&REMB) {
        return Some(Rtcp::Other);
    }
    let count_and_rate = word(body, 4)?;
    let count = (count_and_rate >> 24) as usize;
    let exponent = count_and_rate >> 18 & 0x3F;
    let mantissa = u64::from(count_and_rate & 0x3_FFFF);
    let overflows = exponent > mantissa.leading_zeros();
    let rate = Bps(if overflows { u64::MAX } else { mantissa.checked_shl(exponent).unwrap_or(0) });
    Some(Rtcp::Remb { rate, ssrcs: Ssrcs(body.get(8..8 + 4 * count)?) })
}

#[cfg(test)]
#[path = "rtcp_tests.rs"]
mod tests;
