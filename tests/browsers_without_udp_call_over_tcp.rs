//! Browsers that have only TCP: they hear each other, and one that stops reading is cut off without harm to others.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use plenum::border::{ControlState, SeatPlan, SeatedSource, SourceKind, SourceSpec, TransportSpec};
use plenum::id::{ExtSeq, Mid, Pt, RoomKey, SeatId, SourceId, Ssrc, TransportId};
use plenum::media::drop::DropReason;
use plenum::media::spec::{Codec, DownlinkSpec, MediaKind, MediaSpec, PayloadType, Place, UplinkRole, UplinkSpec};
use plenum::metrics::ShardSnapshot;
use plenum::net::plane::{Plane, PlaneConfig};
use plenum::net::tcp::framing::{Framer, prefix};
use plenum::transport::dtls::Certificate;
use plenum::transport::spec::{ConnectionSpec, Fingerprint, FingerprintAlgorithm, IceCredentials, Protocol};
use plenum::transport::srtp::{Profile, Srtp};
use rtc_dtls::config::{ConfigBuilder, ExtendedMasterSecretType};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_stun::attributes::{ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, Message, Setter, TransactionId};
use sha2::{Digest, Sha256};

/// For anything to happen on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);
const ROOM: RoomKey = RoomKey(0);
const OPUS: Pt = Pt(111);
/// Octets of sound in a packet: many, so that buffers fill soon.
const SOUND: usize = 1_000;

fn plane() -> Plane {
    let config = PlaneConfig {
        port: 0,
        tcp_port: Some(0),
        loudest_above: usize::MAX,
        pacing: true,
        shards: 1,
        spread: Default::default(),
        announced: vec![Ipv4Addr::LOCALHOST.into()],
        seed: 1,
        news: Arc::default(),
    };
    Plane::start(&config, Certificate::generate().unwrap()).unwrap()
}

fn door(plane: &Plane) -> SocketAddr {
    let candidates = plane.candidates(0);
    assert_eq!(candidates.iter().map(|c| c.protocol).collect::<Vec<_>>(), [Protocol::Udp, Protocol::Tcp]);
    candidates[1].address
}

/// Waits until what the shard has counted satisfies.
fn wait_for(plane: &Plane, what: &str, satisfied: impl Fn(&ShardSnapshot) -> bool) -> ShardSnapshot {
    let until = Instant::now() + PATIENCE;
    loop {
        let counted = plane.counters()[0].read();
        if satisfied(&counted) {
            return counted;
        }
        assert!(Instant::now() < until, "{what}: {counted:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// True when the server has closed the connection.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut byte = [0];
    match stream.read(&mut byte) {
        Ok(read) => read == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

/// A browser that has TCP only.
struct Browser {
    id: TransportId,
    connection: ConnectionSpec,
    stream: TcpStream,
    framer: Framer,
    dtls: Endpoint,
    srtp: Option<Srtp>,
}

impl Browser {
    /// Joins the room on the plane's side, and opens a connection to it.
    fn join(plane: &Plane, id: u64) -> Browser {
        let provider = rtc_crypto::default_provider().unwrap();
        let names = vec!["browser".to_owned()];
        let own = rtc_dtls::crypto::Certificate::generate_self_signed(names, provider.crypto()).unwrap();
        let digest = Sha256::digest(&own.certificate[0]).to_vec();
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(vec![own])
            .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_insecure_skip_verify(true)
            .build(true, None)
            .unwrap();
        let mut dtls = Endpoint::new(server(), TransportProtocol::UDP, None);
        dtls.connect(Instant::now(), server(), Arc::new(config), None).unwrap();
        let connection = ConnectionSpec {
            local: IceCredentials::generate(0, &mut rand::rng()),
            remote: IceCredentials::generate(0, &mut rand::rng()),
            fingerprint: Fingerprint { algorithm: FingerprintAlgorithm::Sha256, digest },
            sctp: None,
        };
        let id = TransportId(id);
        let media = Arc::new(media());
        let spec = TransportSpec { id, room: ROOM, shard: 0, connection: connection.clone(), media };
        plane.put(ROOM, ControlState::Transport(id, Some(Arc::new(spec))));
        let stream = TcpStream::connect(door(plane)).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        stream.set_nodelay(true).unwrap();
        Browser { id, connection, stream, framer: Framer::default(), dtls, srtp: None }
    }

    fn connected(plane: &Plane, id: u64) -> Browser {
        let mut browser = Browser::join(plane, id);
        let check = browser.check();
        browser.send(&check);
        let answer = browser.receive().unwrap();
        assert_eq!(answer[..2], [1, 1], "a success response");
        browser.shake_hands();
        browser
    }

    fn check(&self) -> Vec<u8> {
        let provider = rtc_crypto::default_provider().unwrap();
        let mut message = Message::new();
        message.write_header();
        BINDING_REQUEST.add_to(&mut message).unwrap();
        TransactionId([3; 12]).add_to(&mut message).unwrap();
        let ConnectionSpec { local, remote, .. } = &self.connection;
        message.add(ATTR_USERNAME, format!("{}:{}", local.ufrag, remote.ufrag).as_bytes());
        message.add(ATTR_USE_CANDIDATE, &[]);
        let integrity = MessageIntegrity::new_raw_integrity_with_provider(local.pwd.as_bytes(), provider.crypto());
        integrity.add_to(&mut message).unwrap();
        FINGERPRINT.add_to(&mut message).unwrap();
        message.raw
    }

    fn shake_hands(&mut self) {
        let until = Instant::now() + PATIENCE;
        let mut complete = false;
        while !complete {
            assert!(Instant::now() < until, "no handshake");
            while let Some(transmit) = self.dtls.poll_transmit() {
                self.send(&transmit.message);
            }
            if let Some(packet) = self.poll() {
                let events = self.dtls.read(Instant::now(), server(), None, BytesMut::from(&packet[..]));
                complete |=
                    events.unwrap_or_default().iter().any(|event| matches!(event, EndpointEvent::HandshakeComplete));
            }
            let _ = self.dtls.handle_timeout(server(), Instant::now());
        }
        while let Some(transmit) = self.dtls.poll_transmit() {
            self.send(&transmit.message);
        }
        let profile = Profile::AeadAes128Gcm;
        let state = self.dtls.get_connection_state(server()).unwrap();
        let material = state.export_keying_material("EXTRACTOR-dtls_srtp", &[], profile.keying_material_len()).unwrap();
        let provider = rtc_crypto::default_provider().unwrap();
        self.srtp = Some(Srtp::client(provider.crypto(), profile, material.as_ref()).unwrap());
    }

    /// Sends one frame, in two pieces.
    fn send(&mut self, packet: &[u8]) {
        let frame = [&prefix(packet).unwrap()[..], packet].concat();
        let (first, second) = frame.split_at(frame.len() / 2);
        self.stream.write_all(first).unwrap();
        self.stream.write_all(second).unwrap();
    }

    /// The next frame, if it comes within 20 ms.
    fn poll(&mut self) -> Option<Vec<u8>> {
        if let Some(packet) = self.framer.next_frame().unwrap() {
            return Some(packet.to_vec());
        }
        let mut chunk = [0; 4_096];
        match self.stream.read(&mut chunk) {
            Ok(len) => {
                assert!(len > 0, "closed");
                self.framer.push(&chunk[..len]);
            }
            Err(error) => assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}"),
        }
        self.framer.next_frame().unwrap().map(|packet| packet.to_vec())
    }

    fn receive(&mut self) -> Option<Vec<u8>> {
        let until = Instant::now() + PATIENCE;
        std::iter::from_fn(|| (Instant::now() < until).then(|| self.poll())).flatten().next()
    }

    fn speak(&mut self, seq: u64) {
        let mut packet = vec![0x80, OPUS.0];
        packet.extend((seq as u16).to_be_bytes());
        packet.extend((seq as u32 * 960).to_be_bytes());
        packet.extend(7u32.to_be_bytes());
        packet.extend([seq as u8; SOUND]);
        let len = packet.len();
        packet.extend([0; 16]);
        let srtp = self.srtp.as_mut().unwrap();
        let sealed = srtp.seal_rtp(0, Ssrc(7), ExtSeq(seq), 12, &mut packet, len).unwrap();
        self.send(&packet[..sealed]);
    }

    /// The first octet of the next sound's payload, its place in order.
    fn hear(&mut self) -> Option<u8> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let Some(mut packet) = self.poll() else { continue };
            // Neither STUN nor DTLS, and not RTCP (RFC 5761 §4).
            if !(128..192).contains(&packet[0]) || (192..224).contains(&packet[1]) {
                continue;
            }
            let len = self.srtp.as_mut().unwrap().open_rtp(&mut packet).unwrap();
            return Some(packet[len - 1]);
        }
        None
    }
}

fn server() -> SocketAddr {
    ([192, 0, 2, 1], 1).into()
}

fn mid(text: &str) -> Mid {
    Mid::new(text.as_bytes()).unwrap()
}

/// A microphone, and one seat for sound.
fn media() -> MediaSpec {
    let opus = PayloadType { pt: OPUS, codec: Codec::Opus, rtx: None, nack: false, transport_cc: false, remb: false };
    let microphone = UplinkSpec {
        role: UplinkRole::Microphone,
        mid: mid("0"),
        rids: Default::default(),
        ssrcs: Default::default(),
        payloads: [OPUS].into_iter().collect(),
        active: true,
    };
    let seat = DownlinkSpec {
        mid: mid("1"),
        kind: MediaKind::Audio,
        place: Place::Seat(SeatId(0)),
        ssrc: Ssrc(9),
        rtx_ssrc: None,
        payloads: [OPUS].into_iter().collect(),
        active: true,
    };
    MediaSpec { payloads: vec![opus], uplinks: vec![microphone], downlinks: vec![seat], ..MediaSpec::default() }
}

/// Lets `speaker` be heard by `listeners`.
fn seat(plane: &Plane, speaker: &Browser, listeners: &[&Browser]) {
    let source = SourceId(1);
    let spec = SourceSpec {
        id: source,
        room: ROOM,
        transport: speaker.id,
        shard: 0,
        kind: SourceKind::Camera,
        audio_allowed: true,
        video_allowed: true,
    };
    plane.put(ROOM, ControlState::Source(source, Some(spec)));
    for listener in listeners {
        let seats = vec![SeatedSource { seat: SeatId(0), source, max_height: u16::MAX, priority: 0 }];
        plane.put(ROOM, ControlState::Seats(listener.id, Arc::new(SeatPlan { seats })));
    }
}

#[test]
fn browsers_with_only_tcp_hear_each_other_and_leave_nothing_behind() {
    let plane = plane();
    let mut speaker = Browser::connected(&plane, 1);
    let mut listener = Browser::connected(&plane, 2);
    seat(&plane, &speaker, &[&listener]);
    wait_for(&plane, "two connections", |counted| counted.tcp_open == 2 && counted.tcp_accepted == 2);
    for seq in 1..=50 {
        speaker.speak(seq);
        assert_eq!(listener.hear(), Some(seq as u8));
    }
    drop(speaker);
    wait_for(&plane, "the speaker's connection closed", |counted| counted.tcp_open == 1);
    plane.put(ROOM, ControlState::Transport(listener.id, None));
    wait_for(&plane, "the listener's connection closed", |counted| counted.tcp_open == 0);
}

#[test]
fn a_reader_that_is_stuck_is_cut_off_and_nobody_else_notices() {
    let plane = plane();
    let mut speaker = Browser::connected(&plane, 1);
    let mut listener = Browser::connected(&plane, 2);
    let mut stuck = Browser::connected(&plane, 3);
    seat(&plane, &speaker, &[&listener, &stuck]);
    wait_for(&plane, "three connections", |counted| counted.tcp_open == 3);
    let full = |counted: &ShardSnapshot| counted.dropped[DropReason::QueueFull as usize] > 0;
    let (mut seq, until) = (0, Instant::now() + PATIENCE);
    loop {
        for _ in 0..100 {
            seq += 1;
            speaker.speak(seq);
            assert_eq!(listener.hear(), Some(seq as u8), "every packet, in order");
        }
        let counted = plane.counters()[0].read();
        if full(&counted) && counted.tcp_open == 2 {
            break;
        }
        assert!(Instant::now() < until, "never cut off: {counted:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    // What the kernel still held comes out in whole frames.
    let mut chunk = vec![0; 1 << 16];
    while let Ok(len @ 1..) = stuck.stream.read(&mut chunk) {
        stuck.framer.push(&chunk[..len]);
        while stuck.framer.next_frame().unwrap().is_some() {}
    }
}

#[test]
fn what_is_no_check_of_a_browser_in_a_room_is_closed_at_once() {
    let plane = plane();
    let browser = Browser::join(&plane, 1);
    let check = browser.check();
    let mut forged = check.clone();
    let last = forged.len() - 12;
    forged[last] ^= 1;
    let mut elsewhere = browser.check();
    elsewhere[24..26].copy_from_slice(b"zz");
    let framed = |packet: &[u8]| [&prefix(packet).unwrap()[..], packet].concat();
    let openings = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0, 0],
        framed(&[0x80; 40]),
        framed(&forged),
        framed(&elsewhere),
        [framed(&check), vec![0, 0]].concat(),
    ];
    for opening in &openings {
        let mut stream = TcpStream::connect(door(&plane)).unwrap();
        stream.write_all(opening).unwrap();
        let mut answer = Vec::new();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let ended = stream.read_to_end(&mut answer);
        assert!(!ended.is_err_and(|e| e.kind() == ErrorKind::WouldBlock), "{opening:?}");
    }
    let mut silent = TcpStream::connect(door(&plane)).unwrap();
    assert!(is_closed(&mut silent), "who says nothing");
    wait_for(&plane, "all refused but the one with a check", |counted| {
        counted.tcp_refused >= 6 && counted.tcp_accepted == 1 && counted.tcp_open == 0
    });
}
