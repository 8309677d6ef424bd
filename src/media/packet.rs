//! RTP packets as the media plane carries them: parsed once at the publisher, read by every slot, stored in the ring.
//!
//! Owns the RTP header and header extensions (RFC 3550, RFC 8285), both ways. Payloads belong to `codec`.

use std::time::Instant;

use crate::id::{ExtSeq, Mid, Pt, Rid, Ssrc};
use crate::media::codec::Facts;
use crate::media::spec::Codec;

mod read;
mod template;
mod write;

pub use read::{first_csrc, parse};
pub use template::{Template, Varying};
pub use write::{OutHeader, write_header};

/// RFC 6464 audio level.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AudioLevel {
    /// 0 (loudest) to 127 (silence), in −dBov.
    pub level: u8,
    /// The encoder believes that this is speech.
    pub voice: bool,
}

impl AudioLevel {
    /// As the extension carries it.
    fn octet(self) -> u8 {
        self.level.min(127) | if self.voice { 0x80 } else { 0 }
    }
}

/// The fixed part of an RTP header with the extensions that Plenum understands, borrowed from nothing.
///
/// `header_len` counts the fixed header, the CSRCs and the whole extension block. The payload is
/// `packet[header_len .. len - padding]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RtpHeader {
    pub marker: bool,
    pub pt: Pt,
    pub seq: u16,
    pub timestamp: u32,
    pub ssrc: Ssrc,
    pub header_len: usize,
    /// Octets of padding at the end, including the count itself (RFC 3550 §5.1).
    pub padding: usize,
    pub extensions: ReadExtensions,
}

impl RtpHeader {
    /// The payload without header and padding. Empty for a padding-only packet, and for a `packet` shorter than the
    /// one this header was parsed from.
    pub fn payload<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        packet.get(self.header_len..packet.len().saturating_sub(self.padding)).unwrap_or_default()
    }

    /// The dependency descriptor as received; empty when there is none.
    pub fn dependency_descriptor<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        let (offset, len) = self.extensions.dependency_descriptor.unwrap_or_default();
        packet.get(offset..offset + len).unwrap_or_default()
    }
}

/// Header extensions found in one packet. Offsets are into the whole packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReadExtensions {
    pub mid: Option<Mid>,
    pub rid: Option<Rid>,
    pub repaired_rid: Option<Rid>,
    pub audio_level: Option<AudioLevel>,
    pub transport_cc: Option<u16>,
    /// 24 bits, 6.18 fixed-point seconds.
    pub abs_send_time: Option<u32>,
    /// The orientation octet of 3GPP TS 26.114 §7.4.5.
    pub orientation: Option<u8>,
    /// Minimum and maximum playout delay: 12 + 12 bits, in units of 10 ms.
    pub playout_delay: Option<u32>,
    /// 1 = screen.
    pub content_type: Option<u8>,
    /// (offset, length) of the dependency descriptor.
    pub dependency_descriptor: Option<(usize, usize)>,
}

/// What every slot needs to know of one packet, computed once.
#[derive(Clone, Copy, Debug)]
pub struct PacketInfo {
    /// The publisher's sequence number, extended.
    pub seq: ExtSeq,
    /// The publisher's RTP timestamp.
    pub timestamp: u32,
    pub marker: bool,
    pub codec: Codec,
    /// When the packet (or its retransmission) came in.
    pub arrival: Instant,
    /// The moment of capture on the server's clock, in microseconds since the process's epoch; see `media::clock`.
    pub capture_us: i64,
    pub audio_level: Option<AudioLevel>,
    pub orientation: Option<u8>,
    pub playout_delay: Option<u32>,
    pub content_type: Option<u8>,
    pub facts: Facts,
}

/// One packet as slots see it, live or out of the ring.
#[derive(Clone, Copy, Debug)]
pub struct PacketRef<'a> {
    pub info: &'a PacketInfo,
    /// The dependency descriptor as received; empty when there is none.
    pub dependency_descriptor: &'a [u8],
    /// The RTP payload without padding.
    pub payload: &'a [u8],
}

/// Largest RTP packet Plenum sends, header to tag: what fits an Ethernet frame behind IPv6 and UDP, as browsers assume.
pub const MAX_PACKET: usize = 1_452;
