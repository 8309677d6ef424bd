//! The forwarder as a whole, behind decryption: a browser's packets through every parser that the others do not reach.

use std::sync::Arc;
use std::time::{Duration, Instant};

use plenum::border::{SeatPlan, SeatedSource, SourceKind, SourceSpec};
use plenum::id::{Pt, RoomKey, SeatId, SourceId, Ssrc, Token, TransportId};
use plenum::media::drop::DropReason;
use plenum::media::forwarder::{Forwarder, Sink};
use plenum::media::outgoing::Outgoing;
use plenum::media::packet::{self, MAX_PACKET};
use plenum::media::spec::{
    Codec, DownlinkSpec, Extension, ExtensionMap, H264Profile, MediaKind, MediaSpec, PayloadType, Place,
    SharedMediaSpec, UplinkRole, UplinkSpec,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

const ROOM: RoomKey = RoomKey(1);
const SOURCE: SourceId = SourceId(1);

/// Payload types and codecs; those of video have RTX one above.
const VIDEO: [(u8, Codec); 4] = [
    (96, Codec::Vp8),
    (98, Codec::Vp9 { profile: 0 }),
    (100, Codec::H264 { profile: H264Profile::ConstrainedBaseline, packetization_mode: 1 }),
    (102, Codec::Av1 { profile: 0 }),
];
const AUDIO: [(u8, Codec); 2] = [(111, Codec::Opus), (63, Codec::Red)];

/// Reads what is sent.
struct Reader {
    buffer: Vec<u8>,
    extensions: ExtensionMap,
    forwarded: usize,
}

impl Sink for Reader {
    fn rtp(&mut self, _: usize, write: impl FnOnce(&mut [u8]) -> Result<Outgoing, DropReason>) -> usize {
        let Ok(outgoing) = write(&mut self.buffer) else { return 0 };
        let header = packet::parse(&self.buffer[..outgoing.len], &self.extensions).expect("a packet");
        assert_eq!((header.header_len, header.seq), (outgoing.header_len, outgoing.seq.wire()));
        self.forwarded += 1;
        outgoing.len
    }

    fn rtcp(&mut self, _: usize, packet: &[u8]) {
        assert!(plenum::media::rtcp::walk(packet).all(|part| part.is_ok()));
    }

    fn dropped(&mut self, _: DropReason) {}
}

/// Datagrams: RTP is a publisher's, RTCP is both the publisher's and its subscriber's. Parses when something is
/// forwarded.
pub fn forwarder(data: &[u8]) -> bool {
    let (mut now, mut rng) = (Instant::now(), StdRng::seed_from_u64(1));
    let extensions = extensions();
    let mut reader = Reader { buffer: vec![0; MAX_PACKET], extensions: extensions.clone(), forwarded: 0 };
    let mut forwarder = Forwarder::new(now, 1 << 32);
    let spec = spec(extensions);
    for peer in 0..2 {
        forwarder.set_peer(now, peer, TransportId(peer as u64), ROOM, spec.clone(), &mut rng);
        forwarder.set_ready(now, peer, true);
    }
    forwarder.set_source(
        now,
        SourceSpec {
            id: SOURCE,
            room: ROOM,
            transport: TransportId(0),
            shard: 0,
            kind: SourceKind::Camera,
            audio_allowed: true,
            video_allowed: true,
        },
    );
    let seat = SeatedSource { seat: SeatId(0), source: SOURCE, max_height: u16::MAX, priority: 0 };
    forwarder.set_plan(now, 1, Arc::new(SeatPlan { seats: vec![seat] }));
    for datagram in super::datagrams(data) {
        now += Duration::from_millis(40);
        let ntp = forwarder.ntp(now);
        if matches!(datagram.get(1), Some(192..=223)) {
            forwarder.receive_rtcp(now, ntp, 0, datagram, &mut reader);
            forwarder.receive_rtcp(now, ntp, 1, datagram, &mut reader);
        } else {
            forwarder.receive_rtp(now, 0, datagram, &mut reader);
        }
        forwarder.handle_timeout(now, ntp, &mut reader);
    }
    reader.forwarded > 0
}

fn extensions() -> ExtensionMap {
    let mut map = ExtensionMap::default();
    for (id, extension) in (1..).zip(Extension::ALL) {
        map.set(extension, id);
    }
    map
}

/// A microphone and a camera with simulcast up, one seat down.
fn spec(extensions: ExtensionMap) -> SharedMediaSpec {
    let types = |codecs: &[(u8, Codec)]| codecs.iter().map(|(pt, _)| Pt(*pt)).collect::<Vec<_>>();
    let token = |text: &str| Token::new(text.as_bytes()).expect("a token");
    let uplink = |role, mid, codecs, rids: &[&str]| UplinkSpec {
        role,
        mid: token(mid),
        rids: rids.iter().map(|rid| token(rid)).collect(),
        ssrcs: Default::default(),
        payloads: types(codecs).into_iter().collect(),
        active: true,
    };
    let downlink = |mid, kind, ssrc, rtx, codecs| DownlinkSpec {
        mid: token(mid),
        kind,
        place: Place::Seat(SeatId(0)),
        ssrc: Ssrc(ssrc),
        rtx_ssrc: rtx,
        payloads: types(codecs).into_iter().collect(),
        active: true,
    };
    let payload = |pt, codec, rtx| PayloadType { pt: Pt(pt), codec, rtx, nack: true, transport_cc: true, remb: true };
    let video = VIDEO.map(|(pt, codec)| payload(pt, codec, Some(Pt(pt + 1))));
    let audio = AUDIO.map(|(pt, codec)| payload(pt, codec, None));
    Arc::new(MediaSpec {
        payloads: video.into_iter().chain(audio).collect(),
        extensions,
        uplinks: vec![
            uplink(UplinkRole::Microphone, "0", &AUDIO[..], &[]),
            uplink(UplinkRole::Camera, "1", &VIDEO[..], &["q", "h", "f"]),
        ],
        downlinks: vec![
            downlink("2", MediaKind::Audio, 1_000, None, &AUDIO[..]),
            downlink("3", MediaKind::Video, 1_001, Some(Ssrc(1_002)), &VIDEO[..]),
        ],
    })
}
