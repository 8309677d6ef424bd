//! What a peer puts on the wire: RTP and RTCP sealed with its keys, datagrams in one buffer for a whole tick.

use std::net::SocketAddr;
use std::ops::Range;

use super::sdp;
use crate::id::{ExtSeq, Ssrc};
use crate::transport::srtp::Srtp;

/// Longest datagram that a peer makes: a full payload with header, RTX and tag stay below.
const LONGEST: usize = 1_300;

/// Datagrams of one tick, by peer.
#[derive(Default)]
pub(super) struct Out {
    bytes: Vec<u8>,
    datagrams: Vec<(u32, SocketAddr, Range<usize>)>,
    /// Whose datagrams come now, and where they go.
    pub(super) peer: u32,
    pub(super) to: Option<SocketAddr>,
}

impl Out {
    pub(super) fn send(&mut self, datagram: &[u8]) {
        let Some(to) = self.to else { return };
        let start = self.bytes.len();
        self.bytes.extend_from_slice(datagram);
        self.datagrams.push((self.peer, to, start..self.bytes.len()));
    }

    /// Whose, where to, and what, in the order of sending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, SocketAddr, &[u8])> {
        self.datagrams.iter().filter_map(|(peer, to, range)| Some((*peer, *to, self.bytes.get(range.clone())?)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.datagrams.clear();
    }
}

/// The fixed header and extensions of a packet to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// The peer's number for the SSRC.
    pub(super) stream: usize,
    pub(super) ssrc: u32,
    pub(super) seq: u64,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) pt: u8,
    pub(super) mid: &'static str,
    /// Extension id and value of a rid.
    pub(super) rid: Option<(u8, &'static str)>,
    /// RFC 6464: voice bit and −dBov.
    pub(super) level: Option<u8>,
}

/// A connection whose keys are known.
pub(super) struct Wire {
    pub(super) srtp: Srtp,
    /// Number of the next packet for transport-wide feedback; `None` when it was not negotiated.
    pub(super) transport_seq: Option<u16>,
}

impl Wire {
    /// Sends a packet of `payload` octets, which `fill` writes.
    pub(super) fn rtp(&mut self, header: &Header, payload: usize, fill: impl FnOnce(&mut [u8]), out: &mut Out) {
        let mut packet = [0; LONGEST];
        let header_len = self.header(header, &mut packet);
        let len = header_len + payload;
        let Some(body) = packet.get_mut(header_len..len) else { return };
        fill(body);
        let sealed =
            self.srtp.seal_rtp(header.stream, Ssrc(header.ssrc), ExtSeq(header.seq), header_len, &mut packet, len);
        // Refused are only duplicates and what is too long: neither is made here.
        if let Some(datagram) = sealed.ok().and_then(|len| packet.get(..len)) {
            out.send(datagram);
        }
    }

    /// RFC 3550 §5.1 with one-byte extensions (RFC 8285 §4.2). Returns the header's length.
    fn header(&mut self, header: &Header, packet: &mut [u8; LONGEST]) -> usize {
        let mut extensions = [0_u8; 40];
        let mut len = 0;
        let mut put = |id: u8, value: &[u8]| {
            let Some(place) = extensions.get_mut(len..=len + value.len()) else { return };
            let Some((first, rest)) = place.split_first_mut() else { return };
            *first = id << 4 | (value.len() as u8).wrapping_sub(1);
            rest.copy_from_slice(value);
            len += 1 + value.len();
        };
        put(sdp::MID, header.mid.as_bytes());
        if let Some((id, rid)) = header.rid {
            put(id, rid.as_bytes());
        }
        if let Some(level) = header.level {
            put(sdp::LEVEL, &[level]);
        }
        if let Some(seq) = &mut self.transport_seq {
            put(sdp::TRANSPORT_CC, &seq.to_be_bytes());
            *seq = seq.wrapping_add(1);
        }
        let words = len.div_ceil(4);
        packet[0] = 0x90;
        packet[1] = u8::from(header.marker) << 7 | header.pt;
        packet[2..4].copy_from_slice(&(header.seq as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&header.timestamp.to_be_bytes());
        packet[8..12].copy_from_slice(&header.ssrc.to_be_bytes());
        packet[12..14].copy_from_slice(&[0xBE, 0xDE]);
        packet[14..16].copy_from_slice(&(words as u16).to_be_bytes());
        packet[16..16 + words * 4].copy_from_slice(&extensions[..words * 4]);
        16 + words * 4
    }

    /// Sends a compound RTCP packet.
    pub(super) fn rtcp(&mut self, plain: &[u8], out: &mut Out) {
        let mut packet = [0; LONGEST];
        let Some(place) = packet.get_mut(..plain.len()) else { return };
        place.copy_from_slice(plain);
        // Too long is only what a caller did not bound.
        if let Some(datagram) = self.srtp.seal_rtcp(&mut packet, plain.len()).ok().and_then(|len| packet.get(..len)) {
            out.send(datagram);
        }
    }
}

/// What of a received RTP header can be read without keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    pub(super) ssrc: u32,
    pub(super) seq: u16,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) csrc: u32,
    pub(super) header_len: usize,
    pub(super) transport_seq: Option<u16>,
}

/// Reads the header of a packet, sealed or not. `transport_cc` is the header extension that numbers packets for feedback.
pub(super) fn read(packet: &[u8], transport_cc: Option<u8>) -> Option<Seen> {
    let [first, second, s0, s1, t0, t1, t2, t3, a, b, c, d] = *packet.first_chunk::<12>()?;
    let word = |at: usize| packet.get(at..)?.first_chunk::<4>().map(|word| u32::from_be_bytes(*word));
    let mut header_len = 12 + 4 * usize::from(first & 15);
    let csrc = if first & 15 > 0 { word(12)? } else { 0 };
    let mut transport_seq = None;
    if first & 0x10 != 0 {
        let block = word(header_len)?;
        header_len += 4;
        let extensions = packet.get(header_len..header_len + 4 * (block & 0xFFFF) as usize)?;
        header_len += extensions.len();
        if block >> 16 == 0xBEDE {
            transport_seq = transport_cc.and_then(|id| find(extensions, id));
        }
    }
    Some(Seen {
        ssrc: u32::from_be_bytes([a, b, c, d]),
        seq: u16::from_be_bytes([s0, s1]),
        timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
        marker: second & 0x80 != 0,
        csrc,
        header_len,
        transport_seq,
    })
}

/// A two-octet one-byte-header extension.
fn find(mut extensions: &[u8], wanted: u8) -> Option<u16> {
    while let Some((first, rest)) = extensions.split_first() {
        let len = if *first == 0 { 0 } else { usize::from(first & 15) + 1 };
        let (value, rest) = rest.split_at_checked(len)?;
        if first >> 4 == wanted {
            return value.first_chunk::<2>().map(|value| u16::from_be_bytes(*value));
        }
        extensions = rest;
    }
    None
}
