//! One line of one subscriber, fed with a codec's packets: selection, numbers, header, copy and counters, without seal.

use std::sync::Arc;
use std::time::{Duration, Instant};

use plenum::id::{ExtSeq, Pt, SeatId, SourceId, Ssrc, Token};
use plenum::media::codec;
use plenum::media::codec::dd::DdReader;
use plenum::media::downlink::Downlink;
use plenum::media::outgoing::Outgoing;
use plenum::media::packet::{MAX_PACKET, PacketInfo, PacketRef};
use plenum::media::spec::{Codec, DownlinkSpec, Extension, MediaKind, MediaSpec, PayloadType, Place};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::room::{self, VIDEO_HEADER, VIDEO_PACKET};

const SOURCE: SourceId = SourceId(1);
/// A dependency descriptor with the structure of one layer, and one that refers to it.
const DESCRIPTORS: [&[u8]; 2] = [&[0x85, 0, 9, 0x80, 0xA0, 0x3A, 0x41, 1, 0], &[0xC6, 0, 10]];
/// VP9 descriptors as Chromium writes them: a key picture with its structure, and one that refers to it.
const VP9: [&[u8]; 2] = [&[0xAE, 0x81, 2, 0, 7, 8, 0, 0xA0, 0, 0x5A], &[0xEC, 0x81, 3, 0x10, 8]];

/// H.264 as browsers cut it: a parameter set begins a key frame, and a later fragment of a slice follows (FU-A).
const H264: [&[u8]; 2] = [&[0x67], &[0x5C, 0x01]];

/// The name of a codec.
pub fn name(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "opus",
        Codec::Red => "red",
        Codec::Vp8 => "vp8",
        Codec::Vp9 { .. } => "vp9",
        Codec::H264 { .. } => "h264",
        Codec::Av1 { .. } => "av1",
    }
}

pub struct Rewriting {
    downlink: Downlink,
    now: Instant,
    info: PacketInfo,
    descriptor: &'static [u8],
    payload: Vec<u8>,
    out: Vec<u8>,
}

impl Rewriting {
    /// A line that has taken a key frame.
    pub fn new(codec: Codec) -> Rewriting {
        let (now, mut rng) = (Instant::now(), StdRng::seed_from_u64(1));
        let mut downlink = Downlink::new(Arc::new(spec(codec)), now, &mut rng);
        downlink.assign(0, Some(SOURCE));
        let mut reader = DdReader::default();
        let mut out = vec![0; MAX_PACKET];
        let [key, delta] = [true, false].map(|key| {
            let descriptor = if matches!(codec, Codec::Av1 { .. }) { DESCRIPTORS[usize::from(!key)] } else { &[] };
            let seq = ExtSeq(if key { 1 } else { 2 });
            let dd = (!descriptor.is_empty()).then(|| reader.read(descriptor, seq).expect("a descriptor"));
            let payload = payload(codec, key);
            let info = PacketInfo {
                seq,
                timestamp: 3_000,
                marker: false,
                codec,
                arrival: now,
                capture_us: 0,
                audio_level: None,
                orientation: None,
                playout_delay: None,
                content_type: None,
                facts: codec::facts(codec, &payload, false, dd).expect("a payload"),
            };
            (info, descriptor, payload)
        });
        let packet = PacketRef { info: &key.0, dependency_descriptor: key.1, payload: &key.2 };
        downlink.forward(now, 0, SOURCE, 0, packet, &mut out).expect("a key frame is taken");
        let (info, descriptor, payload) = delta;
        Rewriting { downlink, now, info, descriptor, payload, out }
    }

    /// Forwards the next packet; every eighth begins a frame.
    pub fn forward(&mut self) -> Outgoing {
        self.info.seq.0 += 1;
        if self.info.seq.0.is_multiple_of(8) {
            self.info.timestamp = self.info.timestamp.wrapping_add(3_000);
            self.info.capture_us += 33_333;
            self.now += Duration::from_micros(33_333);
        }
        let packet = PacketRef { info: &self.info, dependency_descriptor: self.descriptor, payload: &self.payload };
        self.downlink.forward(self.now, 0, SOURCE, 0, packet, &mut self.out).expect("a packet of the line's source")
    }
}

fn spec(codec: Codec) -> MediaSpec {
    let mut extensions = room::extensions();
    extensions.set(Extension::DependencyDescriptor, 8);
    MediaSpec {
        payloads: vec![PayloadType {
            pt: Pt(96),
            codec,
            rtx: Some(Pt(97)),
            nack: true,
            transport_cc: true,
            remb: false,
        }],
        extensions,
        uplinks: Vec::new(),
        downlinks: vec![DownlinkSpec {
            mid: Token::new(b"9").expect("a mid"),
            kind: MediaKind::Video,
            place: Place::Seat(SeatId(0)),
            ssrc: Ssrc(1_002),
            rtx_ssrc: Some(Ssrc(1_003)),
            payloads: [Pt(96)].into_iter().collect(),
            active: true,
        }],
    }
}

fn payload(codec: Codec, key: bool) -> Vec<u8> {
    let mut payload = match codec {
        Codec::Vp9 { .. } => VP9[usize::from(!key)].to_vec(),
        Codec::H264 { .. } => H264[usize::from(!key)].to_vec(),
        Codec::Av1 { .. } => vec![if key { 0x18 } else { 0x10 }],
        _ => room::vp8_payload(if key { 0 } else { 3 }, 0),
    };
    payload.resize(VIDEO_PACKET - VIDEO_HEADER, 0xA5);
    payload
}
