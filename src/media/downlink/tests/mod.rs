//! Behaviour of a downlink through its public door, against simulated publishers and a reading subscriber.

mod clock;
mod codecs;
mod repair;
mod svc;
mod switching;
mod thinning;
mod unique;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::id::{Mid, Pt, SeatId, Token};
use crate::media::codec;
use crate::media::packet::{self, MAX_PACKET, PacketInfo};
use crate::media::ring::{Ring, RingCapacity};
use crate::media::spec::{Codec, ExtensionMap, MediaKind, MediaSpec, PayloadType, Place};

pub(super) const VIDEO: usize = 1;
pub(super) const AUDIO: usize = 0;

/// A wish without limit on spatial layers.
fn up_to(layer: usize, temporal: u8) -> Option<LayerTarget> {
    Some(LayerTarget { temporal, ..LayerTarget::whole(layer) })
}

fn payload_type(pt: u8, codec: Codec, rtx: Option<u8>) -> PayloadType {
    PayloadType { pt: Pt(pt), codec, rtx: rtx.map(Pt), nack: true, transport_cc: true, remb: false }
}

fn mid(text: &str) -> Mid {
    Token::new(text.as_bytes()).unwrap()
}

/// `seats` seats: line 2 n is seat n's audio, 2 n + 1 its video.
pub(super) fn spec(seats: u16) -> MediaSpec {
    let mut extensions = ExtensionMap::default();
    extensions.set(Extension::Mid, 4);
    extensions.set(Extension::AudioLevel, 1);
    extensions.set(Extension::TransportCc, 3);
    extensions.set(Extension::DependencyDescriptor, 8);
    let line = |seat: u16, kind: MediaKind| {
        let audio = kind == MediaKind::Audio;
        let ssrc = 1_000 + u32::from(seat) * 10 + if audio { 0 } else { 1 };
        DownlinkSpec {
            mid: mid(&format!("{}{seat}", if audio { 'a' } else { 'v' })),
            kind,
            place: Place::Seat(SeatId(seat)),
            ssrc: Ssrc(ssrc),
            rtx_ssrc: (!audio).then_some(Ssrc(ssrc + 5)),
            payloads: if audio { [Pt(111)].into_iter().collect() } else { [Pt(96), Pt(98)].into_iter().collect() },
            active: true,
        }
    };
    MediaSpec {
        payloads: vec![
            payload_type(111, Codec::Opus, None),
            payload_type(96, Codec::Vp8, Some(97)),
            payload_type(98, Codec::Vp9 { profile: 0 }, Some(99)),
        ],
        extensions,
        uplinks: Vec::new(),
        downlinks: (0..seats).flat_map(|seat| [line(seat, MediaKind::Audio), line(seat, MediaKind::Video)]).collect(),
    }
}

/// A source packet that owns its bytes.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) info: PacketInfo,
    pub(super) payload: Vec<u8>,
}

impl Packet {
    pub(super) fn as_ref(&self) -> PacketRef<'_> {
        PacketRef { info: &self.info, dependency_descriptor: &[], payload: &self.payload }
    }
}

/// One layer of a publisher.
pub(super) struct Publisher {
    pub(super) source: SourceId,
    pub(super) layer: usize,
    pub(super) ring: Ring,
    codec: Codec,
    seq: u64,
    timestamp: u32,
    /// Parts per million by which its clock is fast.
    ppm: i64,
    origin_us: i64,
    picture_id: u16,
    tl0: u8,
    frames: u64,
}

impl Publisher {
    pub(super) fn vp8(source: u32, layer: usize, seed: u32) -> Publisher {
        Publisher {
            source: SourceId(source),
            layer,
            ring: Ring::new(RingCapacity::VIDEO),
            codec: Codec::Vp8,
            seq: 0xFFF0 + u64::from(seed % 40),
            timestamp: seed.wrapping_mul(0x9E37_79B9),
            ppm: 0,
            origin_us: 0,
            picture_id: seed as u16 & 0x7FFF,
            tl0: seed as u8,
            frames: 0,
        }
    }

    pub(super) fn opus(source: u32, seed: u32) -> Publisher {
        Publisher { codec: Codec::Opus, ring: Ring::new(RingCapacity::AUDIO), ..Publisher::vp8(source, 0, seed) }
    }

    pub(super) fn fast_by(self, ppm: i64) -> Publisher {
        Publisher { ppm, ..self }
    }

    fn timestamp_at(&self, us: i64) -> u32 {
        let own = us - self.origin_us;
        let ticks = i128::from(own) * (1_000_000 + i128::from(self.ppm)) * i128::from(self.codec.clock_rate());
        self.timestamp.wrapping_add((ticks / 1_000_000_000_000) as u32)
    }

    /// The packets of the frame captured at `us`, also stored in the ring.
    pub(super) fn frame(&mut self, epoch: Instant, us: i64, packets: usize, key: bool, temporal: u8) -> Vec<Packet> {
        self.frames += 1;
        self.picture_id = (self.picture_id + 1) & 0x7FFF;
        if temporal == 0 {
            self.tl0 = self.tl0.wrapping_add(1);
        }
        let made: Vec<Packet> = (0..packets)
            .map(|n| {
                let (first, last) = (n == 0, n + 1 == packets);
                let payload = match self.codec {
                    Codec::Opus => vec![0x78, self.frames as u8, n as u8],
                    _ => self.vp8_payload(first, key, temporal, n),
                };
                let facts = codec::facts(self.codec, &payload, last, None).unwrap();
                let info = PacketInfo {
                    seq: ExtSeq(self.seq),
                    timestamp: self.timestamp_at(us),
                    marker: last && self.codec == Codec::Vp8,
                    codec: self.codec,
                    arrival: epoch + Duration::from_micros(us as u64),
                    capture_us: us,
                    audio_level: None,
                    orientation: None,
                    playout_delay: None,
                    content_type: None,
                    facts,
                };
                self.seq += 1;
                Packet { info, payload }
            })
            .collect();
        made.iter().for_each(|packet| self.ring.push(packet.as_ref()));
        made
    }

    /// Descriptor, then whose packet it is: source, layer, frame, number in the frame.
    fn vp8_payload(&self, first: bool, key: bool, temporal: u8, n: usize) -> Vec<u8> {
        let [high, low] = self.picture_id.to_be_bytes();
        let sync = if temporal == 1 { 0x20 } else { 0 };
        let start = if first { 0x90 } else { 0x80 };
        let frame = (self.frames as u32).to_be_bytes();
        let body = [u8::from(!key), self.source.0 as u8, self.layer as u8];
        let mut payload = vec![start, 0xE0, high | 0x80, low, self.tl0, temporal << 6 | sync];
        payload.extend_from_slice(&body);
        payload.extend_from_slice(&frame);
        payload.push(n as u8);
        payload
    }
}

/// A forwarded packet as the subscriber reads it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Read {
    pub(super) stream: usize,
    pub(super) seq: u64,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) pt: u8,
    pub(super) ssrc: u32,
    pub(super) csrc: u32,
    pub(super) transport_cc: Option<u16>,
    pub(super) mid: Option<Mid>,
    pub(super) payload: Vec<u8>,
}

impl Read {
    pub(super) fn new(outgoing: Outgoing, packet: &[u8]) -> Read {
        let header = packet::parse(packet, &spec(1).extensions).unwrap();
        assert_eq!((outgoing.header_len, outgoing.len), (header.header_len, packet.len()));
        assert_eq!(outgoing.seq.wire(), header.seq);
        Read {
            stream: outgoing.stream,
            seq: outgoing.seq.0,
            timestamp: header.timestamp,
            marker: header.marker,
            pt: header.pt.0,
            ssrc: header.ssrc.0,
            csrc: packet::first_csrc(packet).unwrap_or(0),
            transport_cc: header.extensions.transport_cc,
            mid: header.extensions.mid,
            payload: header.payload(packet).to_vec(),
        }
    }

    pub(super) fn picture_id(&self) -> u16 {
        u16::from_be_bytes([self.payload[2], self.payload[3]]) & 0x7FFF
    }

    pub(super) fn tl0(&self) -> u8 {
        self.payload[4]
    }

    pub(super) fn starts_key_frame(&self) -> bool {
        self.payload[0] & 0x10 != 0 && self.payload[6] & 1 == 0
    }
}

/// A downlink, with what its browser got.
pub(super) struct Bench {
    pub(super) downlink: Downlink,
    pub(super) epoch: Instant,
    pub(super) rng: StdRng,
    pub(super) got: Vec<Read>,
    buffer: Vec<u8>,
}

impl Bench {
    pub(super) fn new(spec: MediaSpec, seed: u64) -> Bench {
        let (mut rng, epoch) = (StdRng::seed_from_u64(seed), Instant::now());
        let downlink = Downlink::new(Arc::new(spec), epoch, &mut rng);
        Bench { downlink, epoch, rng, got: Vec::new(), buffer: vec![0; MAX_PACKET] }
    }

    pub(super) fn now(&self, us: i64) -> Instant {
        self.epoch + Duration::from_micros(us as u64)
    }

    pub(super) fn forward(&mut self, line: usize, from: &Publisher, packet: &Packet) -> Result<Read, DropReason> {
        self.forward_as(line, from.source, from.layer, packet)
    }

    pub(super) fn forward_as(
        &mut self,
        line: usize,
        source: SourceId,
        layer: usize,
        packet: &Packet,
    ) -> Result<Read, DropReason> {
        let now = packet.info.arrival;
        let outgoing = self.downlink.forward(now, line, source, layer, packet.as_ref(), &mut self.buffer)?;
        let read = Read::new(outgoing, &self.buffer[..outgoing.len]);
        self.got.push(read.clone());
        Ok(read)
    }

    pub(super) fn replay(&mut self, us: i64, line: usize, ring: &Ring, limits: ReplayLimits) -> usize {
        let now = self.now(us);
        let Some(mut replay) = self.downlink.replay(now, line, ring, limits) else { return 0 };
        let before = self.got.len();
        while replay.next().is_some() {
            if let Ok(outgoing) = self.downlink.replay_next(now, &mut replay, ring, &mut self.buffer) {
                self.got.push(Read::new(outgoing, &self.buffer[..outgoing.len]));
            }
        }
        self.got.len() - before
    }

    pub(super) fn probe(&mut self, us: i64, publishers: &[Publisher]) -> Result<Read, DropReason> {
        let find = |source, layer| {
            publishers.iter().find(|p| p.source == source && p.layer == layer).map(|publisher| &publisher.ring)
        };
        let now = self.now(us);
        let outgoing = self.downlink.probe(now, find, &mut self.buffer)?;
        let read = Read::new(outgoing, &self.buffer[..outgoing.len]);
        self.got.push(read.clone());
        Ok(read)
    }

    pub(super) fn nack(&mut self, us: i64, ssrc: u32, seq: u16, publishers: &[Publisher]) -> Result<Read, DropReason> {
        let find = |source, layer| {
            publishers.iter().find(|p| p.source == source && p.layer == layer).map(|publisher| &publisher.ring)
        };
        let now = self.now(us);
        let outgoing = self.downlink.retransmit(now, Ssrc(ssrc), seq, find, &mut self.buffer)?;
        let read = Read::new(outgoing, &self.buffer[..outgoing.len]);
        self.got.push(read.clone());
        Ok(read)
    }
}

/// Asserts that `got`, in order of arrival, is one stream: no gap, rising timestamps, counters that run on, each
/// source beginning with a key frame, and whose packet it is in the CSRC.
pub(super) fn assert_one_vp8_stream(got: &[Read]) {
    for pair in got.windows(2) {
        let [a, b] = pair else { unreachable!() };
        assert_eq!(b.seq, a.seq + 1, "{a:?} {b:?}");
        let same_frame = b.timestamp == a.timestamp;
        let rise = b.timestamp.wrapping_sub(a.timestamp) as i32;
        assert!(same_frame || rise >= 90, "{a:?} {b:?}");
        assert_eq!(b.picture_id(), (a.picture_id() + u16::from(!same_frame)) & 0x7FFF, "{a:?} {b:?}");
        let base = b.payload[5] >> 6 == 0;
        assert_eq!(b.tl0(), a.tl0().wrapping_add(u8::from(!same_frame && base)), "{a:?} {b:?}");
        if (a.payload[7], a.payload[8]) != (b.payload[7], b.payload[8]) {
            assert!(b.starts_key_frame() && !same_frame, "{a:?} {b:?}");
        }
    }
    for packet in got {
        assert_eq!(packet.csrc, u32::from(packet.payload[7]));
        assert_eq!((packet.pt, packet.ssrc, packet.stream), (96, 1_001, 2 * VIDEO));
        assert_eq!(packet.mid, Some(mid("v0")));
    }
}
