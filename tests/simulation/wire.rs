//! RTP as a publisher writes it, and the mark in every payload that tells whose packet it is.

use std::sync::Arc;

use plenum::id::{Pt, Ssrc};
use plenum::media::codec::{Detail, Facts};

use crate::spec::{AUDIO_LEVEL_ID, MID_ID, REPAIRED_RID_ID, RID_ID, TRANSPORT_CC_ID, VP8_RTX};

/// What a model publisher writes into every payload, behind what its codec needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    pub source: u32,
    /// Simulcast layer; [`Mark::SOUND`] for audio.
    pub layer: u8,
    /// Counted from 1 on each layer; for audio the packet's number.
    pub frame: u32,
    /// The frame that this one refers to; 0 for key frames and audio.
    pub reference: u32,
    /// This packet's place in its frame, and the frame's packets.
    pub part: u16,
    pub parts: u16,
    /// The publisher's sequence number, extended.
    pub number: u32,
}

impl Mark {
    pub const SOUND: u8 = 0xFF;
    pub const LEN: usize = 21;

    pub fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.source.to_be_bytes());
        out.push(self.layer);
        out.extend(self.frame.to_be_bytes());
        out.extend(self.reference.to_be_bytes());
        out.extend(self.part.to_be_bytes());
        out.extend(self.parts.to_be_bytes());
        out.extend(self.number.to_be_bytes());
    }

    /// The mark in an RTP payload. `None` when it has none: it is padding, or hollow.
    pub fn read(payload: &[u8], facts: &Facts) -> Option<Mark> {
        let body = payload.get(vp8_header(facts)..)?;
        let bytes = body.first_chunk::<{ Mark::LEN }>()?;
        let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let half = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        Some(Mark {
            source: word(0),
            layer: bytes[4],
            frame: word(5),
            reference: word(9),
            part: half(13),
            parts: half(15),
            number: word(17),
        })
    }
}

/// Octets before the mark: the payload descriptor, and in a frame's first packet the frame's header (RFC 6386 §9.1).
fn vp8_header(facts: &Facts) -> usize {
    let Detail::Vp8(detail) = facts.detail else { return 0 };
    let frame = match (facts.frame_start, facts.key_frame) {
        (true, true) => 10,
        (true, false) => 3,
        (false, _) => 0,
    };
    usize::from(detail.descriptor_len) + frame
}

/// One RTP packet to be written. The payload is shared with its retransmissions.
#[derive(Clone, Debug)]
pub struct Rtp {
    pub pt: Pt,
    pub ssrc: Ssrc,
    pub seq: u16,
    pub timestamp: u32,
    pub marker: bool,
    pub mid: Option<&'static str>,
    pub rid: Option<&'static str>,
    pub repaired_rid: Option<&'static str>,
    pub transport_cc: Option<u16>,
    pub audio_level: Option<u8>,
    pub payload: Arc<[u8]>,
    pub padding: u8,
}

impl Rtp {
    pub fn new(pt: Pt, ssrc: Ssrc, seq: u16, timestamp: u32, payload: Arc<[u8]>) -> Rtp {
        Rtp {
            pt,
            ssrc,
            seq,
            timestamp,
            marker: false,
            mid: None,
            rid: None,
            repaired_rid: None,
            transport_cc: None,
            audio_level: None,
            payload,
            padding: 0,
        }
    }

    /// The retransmission of this packet (RFC 4588 §4).
    pub fn rtx(&self, ssrc: Ssrc, seq: u16, mid: &'static str, rid: Option<&'static str>) -> Rtp {
        let mut payload = self.seq.to_be_bytes().to_vec();
        payload.extend_from_slice(&self.payload);
        let (mid, payload) = (Some(mid), payload.into());
        Rtp { pt: VP8_RTX, ssrc, seq, mid, rid: None, repaired_rid: rid, payload, ..self.clone() }
    }

    pub fn len(&self) -> usize {
        40 + self.payload.len() + usize::from(self.padding)
    }

    /// One-byte header extensions (RFC 8285 §4.2), as all values are short.
    pub fn bytes(&self) -> Vec<u8> {
        let mut block = Vec::new();
        let texts = [(MID_ID, self.mid), (RID_ID, self.rid), (REPAIRED_RID_ID, self.repaired_rid)];
        for (id, text) in texts.into_iter().filter_map(|(id, text)| text.map(|text| (id, text))) {
            block.push(id << 4 | (text.len() - 1) as u8);
            block.extend_from_slice(text.as_bytes());
        }
        if let Some(number) = self.transport_cc {
            block.push(TRANSPORT_CC_ID << 4 | 1);
            block.extend(number.to_be_bytes());
        }
        if let Some(level) = self.audio_level {
            block.extend([AUDIO_LEVEL_ID << 4, level]);
        }
        block.resize(block.len().next_multiple_of(4), 0);
        let flags = 0x80 | u8::from(self.padding > 0) << 5 | u8::from(!block.is_empty()) << 4;
        let mut out = Vec::with_capacity(self.len());
        out.extend([flags, u8::from(self.marker) << 7 | self.pt.0]);
        out.extend(self.seq.to_be_bytes());
        out.extend(self.timestamp.to_be_bytes());
        out.extend(self.ssrc.0.to_be_bytes());
        if !block.is_empty() {
            out.extend([0xBE, 0xDE]);
            out.extend(((block.len() / 4) as u16).to_be_bytes());
            out.extend_from_slice(&block);
        }
        out.extend_from_slice(&self.payload);
        if self.padding > 0 {
            out.resize(out.len() + usize::from(self.padding) - 1, 0);
            out.push(self.padding);
        }
        out
    }
}

/// Tells RTCP from RTP on one port (RFC 5761 §4).
pub fn is_rtcp(packet: &[u8]) -> bool {
    packet.get(1).is_some_and(|kind| (192..=223).contains(kind))
}
