//! A room on one shard, or its publisher on one and its subscribers on another, without sockets: one publisher and its subscribers, with real ICE, DTLS and SRTP, in virtual
//! time. Benchmarks and the allocation test drive it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use plenum::border::{ControlState, FromShard, SeatPlan, SeatedSource, SourceKind, SourceSpec, Span, TransportSpec};
use plenum::id::{ExtSeq, Pt, RoomKey, SeatId, SourceId, Ssrc, Token, TransportId};
use plenum::media::feed::Inlet;
use plenum::media::packet::{self, AudioLevel, OutHeader};
use plenum::media::spec::{
    Codec, DownlinkSpec, Extension, ExtensionMap, MediaKind, MediaSpec, PayloadType, Place, SharedMediaSpec,
    UplinkRole, UplinkSpec,
};
use plenum::shard::{Outbox, Shard};
use plenum::transport::dtls::Certificate;
use plenum::transport::spec::{ConnectionSpec, Fingerprint, FingerprintAlgorithm, IceCredentials, Path, Protocol};
use plenum::transport::srtp::{Profile, Srtp};
use rtc_crypto::default_provider;
use rtc_dtls::config::{ConfigBuilder, ExtendedMasterSecretType};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_stun::attributes::{ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, Message, Setter, TransactionId};
use sha2::{Digest, Sha256};

const ROOM: RoomKey = RoomKey(1);
const SOURCE: SourceId = SourceId(1);
const OPUS: Pt = Pt(111);
const VP8: Pt = Pt(96);
const VP8_RTX: Pt = Pt(97);

/// Octets of a forwarded video packet before it is sealed: what browsers make of a camera.
pub const VIDEO_PACKET: usize = 1_162;
/// Header of a forwarded video packet: 12 octets, a CSRC, and 12 of mid and transport-wide number.
pub const VIDEO_HEADER: usize = 28;
/// Octets of an Opus frame of 20 ms at 32 kbit/s.
const AUDIO_PAYLOAD: usize = 80;
/// A camera's frame at 2.2 Mbit/s and 30 frames a second.
const PACKETS_PER_FRAME: u64 = 8;
/// Frames until everything is settled: longer than the forwarder's time between two reviews.
const FIRST_FRAMES: u64 = 10;

/// The browser's end of a DTLS association has no address that matters.
const SERVER: std::net::SocketAddr =
    std::net::SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::new(192, 0, 2, 1), 1));

/// What the publisher sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    Audio,
    /// VP8, each packet with 15-bit picture id, TL0PICIDX and temporal layer.
    Video,
}

/// One shard with a publisher and its subscribers.
pub struct Room {
    pub now: Instant,
    shard: Shard,
    /// The publisher's shard, where that is another one.
    home: Option<(Shard, Outbox)>,
    outbox: Outbox,
    path: Path,
    keys: Srtp,
    stream: Stream,
    sent: u64,
}

impl Room {
    /// Everybody is connected, and the stream's first frame has reached every subscriber.
    pub fn new(subscribers: usize, stream: Stream) -> Room {
        Room::build(subscribers, stream, false)
    }

    /// The same with the publisher on a shard of its own.
    pub fn across(subscribers: usize, stream: Stream) -> Room {
        Room::build(subscribers, stream, true)
    }

    fn build(subscribers: usize, stream: Stream, across: bool) -> Room {
        let certificate = Arc::new(Certificate::generate().expect("a certificate"));
        let browser = BrowserCertificate::generate();
        let now = Instant::now();
        let new = || Shard::new(certificate.clone(), now, 1 << 32, 7, Arc::new(FromShard::new(16)));
        let mut shard = new();
        let mut outbox = Outbox::default();
        let mut home = across.then(|| (new(), Outbox::default()));
        if let Some((home, outbox)) = &mut home {
            let inlets = Inlet::mesh(2);
            let span = Span { shards: [1, 0].into_iter().collect(), members: subscribers + 1 };
            let span = ControlState::Span(ROOM, Some(Arc::new(span)));
            for (number, shard) in [&mut shard, home].into_iter().enumerate() {
                shard.set_feeds(number, inlets.clone());
                shard.apply(now, span.clone(), outbox);
            }
        }
        let (publishing, sending) = match &mut home {
            Some((home, outbox)) => (home, outbox),
            None => (&mut shard, &mut outbox),
        };
        let (keys, _) = connect(publishing, sending, now, 0, publisher_spec(), &browser);
        let source = SourceSpec {
            id: SOURCE,
            room: ROOM,
            transport: TransportId(0),
            shard: usize::from(across),
            kind: SourceKind::Camera,
            audio_allowed: true,
            video_allowed: true,
        };
        shard.apply(now, ControlState::Source(SOURCE, Some(source)), &mut outbox);
        if let Some((home, outbox)) = &mut home {
            home.apply(now, ControlState::Source(SOURCE, Some(source)), outbox);
        }
        let seat = SeatedSource { seat: SeatId(0), source: SOURCE, max_height: u16::MAX, priority: 0 };
        let plan = Arc::new(SeatPlan { seats: vec![seat] });
        for number in 1..=subscribers {
            connect(&mut shard, &mut outbox, now, number, subscriber_spec(), &browser);
            let id = TransportId(number as u64);
            shard.apply(now, ControlState::Seats(id, plan.clone()), &mut outbox);
        }
        outbox.clear();
        let mut room = Room { now, shard, home, outbox, path: path(0), keys, stream, sent: 0 };
        // Seats take a stream from its first key frame after they know of it.
        for _ in 0..FIRST_FRAMES * PACKETS_PER_FRAME {
            let mut datagram = room.datagram();
            room.receive(&mut datagram);
            room.tick();
        }
        let mut datagram = room.datagram();
        room.receive(&mut datagram);
        assert_eq!(room.waiting().count(), subscribers, "every subscriber is served");
        room.flush();
        room
    }

    /// The publisher's next packet as it comes from the network.
    pub fn datagram(&mut self) -> Vec<u8> {
        let number = self.sent;
        self.sent += 1;
        let frame = number / PACKETS_PER_FRAME;
        let (ssrc, header, payload) = match self.stream {
            Stream::Audio => {
                let level = AudioLevel { level: 30, voice: true };
                let header = OutHeader {
                    pt: OPUS,
                    timestamp: number as u32 * 960,
                    mid: Token::new(b"0"),
                    audio_level: Some(level),
                    ..OutHeader::default()
                };
                (Ssrc(11), header, vec![0x78; AUDIO_PAYLOAD])
            }
            Stream::Video => {
                let header = OutHeader {
                    pt: VP8,
                    timestamp: frame as u32 * 3_000,
                    marker: number % PACKETS_PER_FRAME == PACKETS_PER_FRAME - 1,
                    mid: Token::new(b"1"),
                    ..OutHeader::default()
                };
                (Ssrc(12), header, vp8_payload(frame, number % PACKETS_PER_FRAME))
            }
        };
        let transport_cc = Some(number as u16);
        let header = OutHeader { seq: number as u16, ssrc, transport_cc, ..header };
        let mut packet = vec![0; 128 + payload.len()];
        let header_len = packet::write_header(&mut packet, &header, &extensions()).expect("room for a header");
        let len = header_len + payload.len();
        packet[header_len..len].copy_from_slice(&payload);
        let sealed = self.keys.seal_rtp(0, ssrc, ExtSeq(number), header_len, &mut packet, len).expect("fresh number");
        packet.truncate(sealed);
        packet
    }

    /// What the shard does with one datagram of the publisher.
    pub fn receive(&mut self, datagram: &mut [u8]) {
        match &mut self.home {
            Some((home, outbox)) => {
                home.receive(self.now, self.path, datagram, outbox);
                self.shard.take_feeds(self.now, &mut self.outbox);
                self.shard.end_batch(self.now, &mut self.outbox);
            }
            None => self.shard.receive(self.now, self.path, datagram, &mut self.outbox),
        }
    }

    /// What the shard does with datagrams of the publisher that came together.
    pub fn receive_together(&mut self, datagrams: &mut [Vec<u8>]) {
        self.shard.begin_batch(datagrams.len(), &mut self.outbox);
        for datagram in datagrams {
            self.shard.receive(self.now, self.path, datagram, &mut self.outbox);
        }
        self.shard.end_batch(self.now, &mut self.outbox);
    }

    /// Runs that wait to be sent: their datagrams, and the size of each but the last.
    pub fn runs(&self) -> impl Iterator<Item = (&[u8], usize)> {
        self.outbox.runs().map(|(_, run, segment)| (run, segment))
    }

    /// Forgets what waits to be sent, as after a flush.
    pub fn flush(&mut self) {
        self.outbox.clear();
    }

    /// The datagrams that wait to be sent.
    pub fn waiting(&self) -> impl Iterator<Item = &[u8]> {
        self.outbox.iter().map(|(_, datagram)| datagram)
    }

    /// Lets as much time pass as is between two packets, and does what is due.
    pub fn tick(&mut self) {
        self.now += match self.stream {
            Stream::Audio => Duration::from_millis(20),
            Stream::Video => Duration::from_micros(33_333 / PACKETS_PER_FRAME),
        };
        self.shard.handle_timeout(self.now, &mut self.outbox);
        self.outbox.clear();
        if let Some((home, outbox)) = &mut self.home {
            home.take_feeds(self.now, outbox);
            home.end_batch(self.now, outbox);
            home.handle_timeout(self.now, outbox);
            outbox.clear();
            self.shard.take_feeds(self.now, &mut self.outbox);
            self.shard.end_batch(self.now, &mut self.outbox);
        }
    }

    /// What the shard does after every batch of datagrams, without time passing.
    pub fn turn(&mut self) {
        self.shard.handle_timeout(self.now, &mut self.outbox);
    }
}

/// A packet of a frame. The first frames and every hundredth are key frames.
pub fn vp8_payload(frame: u64, packet: u64) -> Vec<u8> {
    let [high, low] = (frame as u16 & 0x7FFF).to_be_bytes();
    let start = if packet == 0 { 0x90 } else { 0x80 };
    let mut payload = vec![start, 0xE0, high | 0x80, low, frame as u8, 0];
    payload.push(u8::from(frame >= FIRST_FRAMES && !frame.is_multiple_of(100)));
    payload.resize(VIDEO_PACKET - VIDEO_HEADER, 0xA5);
    payload
}

/// Header extensions of every connection, by Chromium's numbers.
pub fn extensions() -> ExtensionMap {
    let mut map = ExtensionMap::default();
    map.set(Extension::AudioLevel, 1);
    map.set(Extension::TransportCc, 3);
    map.set(Extension::Mid, 4);
    map
}

fn payloads() -> Vec<PayloadType> {
    let payload = |pt, codec, rtx, nack| PayloadType { pt, codec, rtx, nack, transport_cc: true, remb: false };
    vec![payload(OPUS, Codec::Opus, None, false), payload(VP8, Codec::Vp8, Some(VP8_RTX), true)]
}

fn publisher_spec() -> SharedMediaSpec {
    let line = |role, mid: &[u8], pt| UplinkSpec {
        role,
        mid: Token::new(mid).expect("a mid"),
        rids: Default::default(),
        ssrcs: Default::default(),
        payloads: [pt].into_iter().collect(),
        active: true,
    };
    let uplinks = vec![line(UplinkRole::Microphone, b"0", OPUS), line(UplinkRole::Camera, b"1", VP8)];
    Arc::new(MediaSpec { payloads: payloads(), extensions: extensions(), uplinks, downlinks: Vec::new() })
}

fn subscriber_spec() -> SharedMediaSpec {
    let line = |mid: &[u8], kind, ssrc, rtx: Option<u32>, pt| DownlinkSpec {
        mid: Token::new(mid).expect("a mid"),
        kind,
        place: Place::Seat(SeatId(0)),
        ssrc: Ssrc(ssrc),
        rtx_ssrc: rtx.map(Ssrc),
        payloads: [pt].into_iter().collect(),
        active: true,
    };
    let downlinks =
        vec![line(b"8", MediaKind::Audio, 1_001, None, OPUS), line(b"9", MediaKind::Video, 1_002, Some(1_003), VP8)];
    Arc::new(MediaSpec { payloads: payloads(), extensions: extensions(), uplinks: Vec::new(), downlinks })
}

/// Browsers may share a certificate: their connections are told apart by ICE.
struct BrowserCertificate {
    inner: rtc_dtls::crypto::Certificate,
    fingerprint: Fingerprint,
}

impl BrowserCertificate {
    fn generate() -> BrowserCertificate {
        let provider = default_provider().expect("a crypto provider");
        let inner = rtc_dtls::crypto::Certificate::generate_self_signed(vec!["browser".to_owned()], provider.crypto())
            .expect("a certificate");
        let digest = Sha256::digest(&inner.certificate[0]).to_vec();
        BrowserCertificate { inner, fingerprint: Fingerprint { algorithm: FingerprintAlgorithm::Sha256, digest } }
    }
}

fn credentials(who: &str, number: usize) -> IceCredentials {
    IceCredentials { ufrag: format!("{who}{number}"), pwd: format!("{who}-{number}-password-of-many-letters") }
}

/// Where browser `number` sends from.
fn path(number: usize) -> Path {
    let [.., high, low] = (number as u32).to_be_bytes();
    Path {
        protocol: Protocol::Udp,
        local: ([192, 0, 2, 1], 3_478).into(),
        remote: ([198, 51, high, low], 50_000).into(),
    }
}

/// A shard to which browsers connect, and leave again.
pub struct Door {
    shard: Shard,
    outbox: Outbox,
    browser: BrowserCertificate,
    now: Instant,
    number: usize,
}

impl Door {
    pub fn new() -> Door {
        let certificate = Arc::new(Certificate::generate().expect("a certificate"));
        let now = Instant::now();
        let shard = Shard::new(certificate, now, 1 << 32, 7, Arc::new(FromShard::new(16)));
        Door { shard, outbox: Outbox::default(), browser: BrowserCertificate::generate(), now, number: 0 }
    }

    /// One more browser connects and leaves. Returns how long the shard worked on its check and its handshake.
    pub fn handshake(&mut self) -> Duration {
        self.number += 1;
        let (_, took) =
            connect(&mut self.shard, &mut self.outbox, self.now, self.number, subscriber_spec(), &self.browser);
        let id = TransportId(self.number as u64);
        self.shard.apply(self.now, ControlState::Transport(id, None), &mut self.outbox);
        self.outbox.clear();
        took
    }

    /// A browser that only checks: its check.
    pub fn checking(&mut self) -> Vec<u8> {
        self.number += 1;
        let connection = connection(self.number, &self.browser);
        let check = check(&connection);
        let id = TransportId(self.number as u64);
        let spec = TransportSpec { id, room: ROOM, shard: 0, connection, media: subscriber_spec() };
        self.shard.apply(self.now, ControlState::Transport(id, Some(Arc::new(spec))), &mut self.outbox);
        check
    }

    /// What the shard does with a check of the browser that was made last.
    pub fn check(&mut self, check: &mut [u8]) {
        self.shard.receive(self.now, path(self.number), check, &mut self.outbox);
        assert!(!self.outbox.is_empty(), "a check is answered");
        self.outbox.clear();
    }
}

fn connection(number: usize, browser: &BrowserCertificate) -> ConnectionSpec {
    ConnectionSpec {
        local: credentials("sfu", number),
        remote: credentials("web", number),
        fingerprint: browser.fingerprint.clone(),
        sctp: None,
    }
}

/// Connects a browser to the shard: one nominating check, then the handshake. Returns the browser's keys, and how long
/// the shard worked.
fn connect(
    shard: &mut Shard,
    outbox: &mut Outbox,
    now: Instant,
    number: usize,
    media: SharedMediaSpec,
    certificate: &BrowserCertificate,
) -> (Srtp, Duration) {
    let id = TransportId(number as u64);
    let connection = connection(number, certificate);
    let mut took = Duration::ZERO;
    let mut check = check(&connection);
    let spec = TransportSpec { id, room: ROOM, shard: 0, connection, media };
    shard.apply(now, ControlState::Transport(id, Some(Arc::new(spec))), outbox);
    let path = path(number);
    let start = Instant::now();
    shard.receive(now, path, &mut check, outbox);
    took += start.elapsed();
    outbox.clear();

    let config = ConfigBuilder::default()
        .with_crypto_provider(default_provider().expect("a crypto provider"))
        .with_certificates(vec![certificate.inner.clone()])
        .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
        .with_extended_master_secret(ExtendedMasterSecretType::Require)
        .with_insecure_skip_verify(true)
        .build(true, None)
        .expect("a configuration");
    let mut dtls = Endpoint::new(SERVER, TransportProtocol::UDP, None);
    dtls.connect(now, SERVER, Arc::new(config), None).expect("a handshake that begins");
    for _ in 0..20 {
        while let Some(transmit) = dtls.poll_transmit() {
            let mut datagram = transmit.message.to_vec();
            let start = Instant::now();
            shard.receive(now, path, &mut datagram, outbox);
            took += start.elapsed();
        }
        let start = Instant::now();
        shard.handle_timeout(now, outbox);
        took += start.elapsed();
        let answers: Vec<BytesMut> = outbox.iter().map(|(_, datagram)| BytesMut::from(datagram)).collect();
        outbox.clear();
        for answer in answers {
            let events = dtls.read(now, SERVER, None, answer).expect("a flight that is understood");
            if events.iter().any(|event| matches!(event, EndpointEvent::HandshakeComplete)) {
                return (keys(&dtls), took);
            }
        }
    }
    panic!("browser {number} did not connect");
}

fn keys(dtls: &Endpoint) -> Srtp {
    let profile = Profile::AeadAes128Gcm;
    let state = dtls.get_connection_state(SERVER).expect("a connection");
    // RFC 5764 §4.2.
    let material = state
        .export_keying_material("EXTRACTOR-dtls_srtp", &[], profile.keying_material_len())
        .expect("keying material");
    Srtp::client(default_provider().expect("a crypto provider").crypto(), profile, material.as_ref()).expect("keys")
}

/// A nominating connectivity check (RFC 8445 §7.2.2).
fn check(connection: &ConnectionSpec) -> Vec<u8> {
    let provider = default_provider().expect("a crypto provider");
    let integrity = MessageIntegrity::new_raw_integrity_with_provider(&connection.local.pwd[..], provider.crypto());
    let mut message = Message::new();
    message.write_header();
    BINDING_REQUEST.add_to(&mut message).expect("a type");
    TransactionId([3; 12]).add_to(&mut message).expect("an id");
    message.add(ATTR_USERNAME, format!("{}:{}", connection.local.ufrag, connection.remote.ufrag).as_bytes());
    message.add(ATTR_USE_CANDIDATE, &[]);
    integrity.add_to(&mut message).expect("integrity");
    FINGERPRINT.add_to(&mut message).expect("a fingerprint");
    message.raw
}
