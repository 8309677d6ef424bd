//! A browser in virtual time, as far as a receiver can tell: streams with and without rids, retransmissions on an SSRC
//! of their own, RTCP read by somebody else's parser.

mod binding;
mod descriptors;
mod feedback;
mod liveness;
mod repair;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc_rtcp::packet::{Packet, unmarshal};
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use smallvec::smallvec;

use super::*;
use crate::id::{Pt, Token};
use crate::media::spec::{Codec, Extension, ExtensionMap, MediaSpec, PayloadType, UplinkSpec};

pub(super) const OPUS: Pt = Pt(111);
pub(super) const VP8: Pt = Pt(96);
pub(super) const VP8_RTX: Pt = Pt(97);
pub(super) const REPORTER: Ssrc = Ssrc(1);
pub(super) const RTT: Duration = Duration::from_millis(40);

const MID_ID: u8 = 4;
const RID_ID: u8 = 10;
const REPAIRED_RID_ID: u8 = 11;
const TRANSPORT_CC_ID: u8 = 3;
const DESCRIPTOR_ID: u8 = 12;

pub(super) fn token(text: &str) -> Token {
    Token::new(text.as_bytes()).unwrap_or_default()
}

pub(super) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn line(role: UplinkRole, mid: &str, rids: &[&str], pt: Pt) -> UplinkSpec {
    UplinkSpec {
        role,
        mid: token(mid),
        rids: rids.iter().map(|rid| token(rid)).collect(),
        ssrcs: smallvec![],
        payloads: smallvec![pt],
        active: true,
    }
}

/// What a browser negotiates: four lines, the camera with simulcast.
pub(super) fn spec() -> MediaSpec {
    let mut extensions = ExtensionMap::default();
    extensions.set(Extension::Mid, MID_ID);
    extensions.set(Extension::Rid, RID_ID);
    extensions.set(Extension::RepairedRid, REPAIRED_RID_ID);
    extensions.set(Extension::TransportCc, TRANSPORT_CC_ID);
    extensions.set(Extension::DependencyDescriptor, DESCRIPTOR_ID);
    let audio = PayloadType { pt: OPUS, codec: Codec::Opus, rtx: None, nack: false, transport_cc: true, remb: false };
    let video =
        PayloadType { pt: VP8, codec: Codec::Vp8, rtx: Some(VP8_RTX), nack: true, transport_cc: true, remb: true };
    MediaSpec {
        payloads: vec![audio, video],
        extensions,
        uplinks: vec![
            line(UplinkRole::Microphone, "0", &[], OPUS),
            line(UplinkRole::Camera, "1", &["q", "h", "f"], VP8),
            line(UplinkRole::Screen, "2", &[], VP8),
            line(UplinkRole::ScreenAudio, "3", &[], OPUS),
        ],
        downlinks: Vec::new(),
    }
}

pub(super) fn uplink(spec: MediaSpec) -> (Uplink, Instant) {
    let epoch = Instant::now();
    (Uplink::new(Arc::new(spec), epoch, REPORTER), epoch)
}

/// One packet to be written.
#[derive(Clone, Default)]
pub(super) struct Rtp {
    pub(super) pt: Pt,
    pub(super) ssrc: u32,
    pub(super) seq: u16,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) mid: Option<&'static str>,
    pub(super) rid: Option<&'static str>,
    pub(super) repaired_rid: Option<&'static str>,
    pub(super) transport_cc: Option<u16>,
    /// Dependency descriptor; none when empty.
    pub(super) descriptor: Vec<u8>,
    pub(super) payload: Vec<u8>,
    pub(super) padding: u8,
}

impl Rtp {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut block = Vec::new();
        let texts = [(MID_ID, self.mid), (RID_ID, self.rid), (REPAIRED_RID_ID, self.repaired_rid)];
        for (id, text) in texts.into_iter().filter_map(|(id, text)| text.map(|text| (id, text))) {
            block.push(id << 4 | (text.len() - 1) as u8);
            block.extend_from_slice(text.as_bytes());
        }
        if let Some(seq) = self.transport_cc {
            block.push(TRANSPORT_CC_ID << 4 | 1);
            block.extend_from_slice(&seq.to_be_bytes());
        }
        if !self.descriptor.is_empty() {
            block.push(DESCRIPTOR_ID << 4 | (self.descriptor.len() - 1) as u8);
            block.extend_from_slice(&self.descriptor);
        }
        block.resize(block.len().next_multiple_of(4), 0);
        let first = 0x80 | u8::from(self.padding > 0) << 5 | u8::from(!block.is_empty()) << 4;
        let mut out = vec![first, u8::from(self.marker) << 7 | self.pt.0];
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        if !block.is_empty() {
            out.extend_from_slice(&[0xBE, 0xDE]);
            out.extend_from_slice(&((block.len() / 4) as u16).to_be_bytes());
            out.extend_from_slice(&block);
        }
        out.extend_from_slice(&self.payload);
        if self.padding > 0 {
            out.resize(out.len() + usize::from(self.padding), 0);
            out.pop();
            out.push(self.padding);
        }
        out
    }

    /// The retransmission of this packet (RFC 4588 §4), as the browser sends it.
    pub(super) fn rtx(&self, ssrc: u32, seq: u16) -> Rtp {
        let mut payload = self.seq.to_be_bytes().to_vec();
        payload.extend_from_slice(&self.payload);
        Rtp { pt: VP8_RTX, ssrc, seq, rid: None, repaired_rid: self.rid, payload, transport_cc: None, ..self.clone() }
    }
}

/// A VP8 payload without descriptor extensions; a key frame of 640×360 when `key`.
pub(super) fn vp8(key: bool, start: bool) -> Vec<u8> {
    let mut payload = vec![if start { 0x10 } else { 0x00 }];
    payload.extend_from_slice(&[u8::from(!key), 0, 0, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0x68, 0x01]);
    payload.resize(100, 0x5A);
    payload
}

/// A simulcast layer of a camera that sends frames of two packets.
pub(super) struct Stream {
    pub(super) next: Rtp,
    pub(super) rtx_ssrc: u32,
    rtx_seq: u16,
    pub(super) sent: Vec<Rtp>,
}

impl Stream {
    pub(super) fn new(rid: Option<&'static str>, ssrc: u32, seq: u16) -> Stream {
        let mid = Some(if rid.is_some() { "1" } else { "2" });
        let next = Rtp { pt: VP8, ssrc, seq, timestamp: seq.into(), mid, rid, ..Rtp::default() };
        Stream { next, rtx_ssrc: ssrc + 1_000, rtx_seq: 7, sent: Vec::new() }
    }

    /// One frame, 33 ms after the last one.
    pub(super) fn frame(&mut self, key: bool) -> [Rtp; 2] {
        self.next.timestamp = self.next.timestamp.wrapping_add(3_000);
        [true, false].map(|start| {
            self.next.seq = self.next.seq.wrapping_add(1);
            let packet = Rtp { payload: vp8(key, start), marker: !start, ..self.next.clone() };
            self.sent.push(packet.clone());
            packet
        })
    }

    pub(super) fn retransmit(&mut self, seq: u16) -> Option<Rtp> {
        let packet = self.sent.iter().rev().find(|packet| packet.seq == seq)?;
        self.rtx_seq = self.rtx_seq.wrapping_add(1);
        Some(packet.rtx(self.rtx_ssrc, self.rtx_seq))
    }
}

/// Feedback that is due at `now`, as the browser reads it.
pub(super) fn feedback(uplink: &mut Uplink, now: Instant) -> Vec<Box<dyn Packet>> {
    let mut out = Vec::new();
    uplink.poll_feedback(now, RTT, &mut out);
    assert!(out.len() <= COMPOUND, "{} octets", out.len());
    let mut bytes = Bytes::from(out);
    if bytes.is_empty() {
        return Vec::new();
    }
    unmarshal(&mut bytes).unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn all<T: Packet + Clone + 'static>(packets: &[Box<dyn Packet>]) -> Vec<T> {
    packets.iter().filter_map(|packet| packet.as_any().downcast_ref::<T>().cloned()).collect()
}

/// (SSRC, number) of every packet asked for.
pub(super) fn nacked(packets: &[Box<dyn Packet>]) -> Vec<(u32, u16)> {
    let nacks = all::<TransportLayerNack>(packets);
    let numbers = nacks.iter().flat_map(|nack| nack.nacks.iter().map(move |pair| (nack.media_ssrc, pair)));
    numbers.flat_map(|(ssrc, pair)| pair.packet_list().into_iter().map(move |seq| (ssrc, seq))).collect()
}

pub(super) fn pli_targets(packets: &[Box<dyn Packet>]) -> Vec<u32> {
    all::<PictureLossIndication>(packets).iter().map(|pli| pli.media_ssrc).collect()
}
