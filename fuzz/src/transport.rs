//! Parsers of a connection: ICE, DTLS, SRTP and SCTP. Some of what they read must be sealed before it is looked at; the
//! targets seal it, or no mutation would get past the first check.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use plenum::id::ExtSeq;
use plenum::media::packet;
use plenum::media::spec::ExtensionMap;
use plenum::net::tcp::framing::{self, Framer};
use plenum::transport::data::Data;
use plenum::transport::dtls::reassembly::Reassembly;
use plenum::transport::dtls::{Certificate, Dtls};
use plenum::transport::ice::{Ice, target_ufrag};
use plenum::transport::spec::{
    ConnectionSpec, Fingerprint, FingerprintAlgorithm, IceCredentials, Path, Protocol, SctpSpec,
};
use plenum::transport::srtp::{MasterKey, Profile, Srtp};
use rtc_crypto::{HmacAlgorithm, default_provider};

const PASSWORD: &str = "password-of-the-server";

/// A STUN message as it is, and again with the magic cookie, its true length and MESSAGE-INTEGRITY put in.
pub fn stun(data: &[u8]) -> bool {
    let accepted = handle_stun(data);
    accepted | seal_stun(data).is_some_and(|sealed| handle_stun(&sealed))
}

fn handle_stun(datagram: &[u8]) -> bool {
    // Nothing else is taken for STUN (RFC 7983 §7).
    if !matches!(datagram.first(), Some(0..=3)) {
        return false;
    }
    let spec = ConnectionSpec {
        local: IceCredentials { ufrag: "server".into(), pwd: PASSWORD.into() },
        remote: IceCredentials { ufrag: "browser".into(), pwd: String::new() },
        fingerprint: Fingerprint { algorithm: FingerprintAlgorithm::Sha256, digest: vec![0; 32] },
        sctp: None,
    };
    let path = Path {
        protocol: Protocol::Udp,
        local: ([192, 0, 2, 1], 3_478).into(),
        remote: ([198, 51, 100, 7], 50_000).into(),
    };
    let mut ice = Ice::new(default_provider().expect("a crypto provider"), &spec);
    let ufrag = target_ufrag(datagram);
    let result = ice.handle(Instant::now(), path, datagram);
    match &result {
        Ok(Some(answer)) => {
            assert_eq!(ufrag, Some("server"), "answered, so the shard had found it");
            assert_eq!(answer[8..20], datagram[8..20], "the transaction");
        }
        Ok(None) | Err(_) => assert!(!ice.knows(path), "only who authenticates gets in"),
    }
    result.is_ok()
}

/// RFC 8489 §14.5.
fn seal_stun(data: &[u8]) -> Option<Vec<u8>> {
    let mut message = data.get(..data.len() & !3).filter(|message| message.len() >= 20)?.to_vec();
    let length = u16::try_from(message.len() - 20 + 24).ok()?;
    message[2..4].copy_from_slice(&length.to_be_bytes());
    message[4..8].copy_from_slice(&0x2112_A442_u32.to_be_bytes());
    let provider = default_provider().expect("a crypto provider");
    let mut hmac = provider.crypto().new_hmac(HmacAlgorithm::Sha1, PASSWORD.as_bytes()).expect("an HMAC");
    let mut digest = [0; 20];
    hmac.sign(&[&message], &mut digest).expect("a digest");
    message.extend([0, 8, 0, 20]);
    message.extend(digest);
    Some(message)
}

/// Datagrams of a handshake. Whatever comes out is whole records, each with one whole message.
pub fn reassembly(data: &[u8]) -> bool {
    let mut reassembly = Reassembly::new();
    let mut useful = false;
    for datagram in super::datagrams(data) {
        let Some(filtered) = reassembly.filter(datagram, false) else { return false };
        useful |= filtered.useful;
        assert!(!filtered.first_hello || !filtered.records.is_empty());
        let mut rest = &filtered.records[..];
        while let Some((header, behind)) = rest.split_first_chunk::<13>() {
            let (body, behind) = behind.split_at(usize::from(u16::from_be_bytes([header[11], header[12]])));
            rest = behind;
            if header[0] == 22 && header[3..5] == [0, 0] {
                assert_eq!(body[1..4], body[9..12], "one fragment");
                assert_eq!(body.len() - 12, u32::from_be_bytes([0, body[1], body[2], body[3]]) as usize);
            }
        }
        assert!(rest.is_empty());
    }
    useful
}

/// Datagrams of a handshake, with the cryptography behind them. Parses when the server answers.
pub fn dtls(data: &[u8]) -> bool {
    static CERTIFICATE: OnceLock<Certificate> = OnceLock::new();
    let certificate = CERTIFICATE.get_or_init(|| Certificate::generate().expect("a certificate"));
    let fingerprint = Fingerprint { algorithm: FingerprintAlgorithm::Sha256, digest: vec![0; 32] };
    let mut dtls = Dtls::new(certificate, &fingerprint);
    let mut now = Instant::now();
    let mut answered = false;
    for datagram in super::datagrams(data) {
        now += Duration::from_millis(50);
        // What is refused changes nothing.
        let _ = dtls.receive(now, datagram);
        while dtls.wants_step() {
            dtls.step(now);
        }
        dtls.handle_timeout(now);
        answered |= std::iter::from_fn(|| dtls.poll_transmit()).count() > 0;
    }
    answered
}

const PROFILES: [Profile; 2] = [Profile::AeadAes128Gcm, Profile::Aes128CmHmacSha1_80];

/// Both ends of a connection.
fn pair(profile: Profile) -> (Srtp, Srtp) {
    let provider = default_provider().expect("a crypto provider");
    let key = |octet| MasterKey { key: [octet; 16], salt: [octet; 14] };
    let end = |ours, theirs| Srtp::from_keys(provider.crypto(), profile, &key(ours), &key(theirs)).expect("keys");
    (end(1, 2), end(2, 1))
}

/// An RTP packet as it is, and sealed, and sealed and then damaged.
pub fn srtp(data: &[u8]) -> bool {
    let sealed = PROFILES.map(|profile| {
        let (mut browser, mut server) = pair(profile);
        assert!(server.open_rtp(&mut data.to_vec()).is_err(), "forged");
        let Ok(header) = packet::parse(data, &ExtensionMap::default()) else { return false };
        let mut buffer = [data, &[0; 32]].concat();
        let seq = ExtSeq(u64::from(header.seq));
        let sealed = browser.seal_rtp(0, header.ssrc, seq, header.header_len, &mut buffer, data.len());
        let Ok(len) = sealed else { return false };
        check_opening(data, &mut buffer[..len], |packet| server.open_rtp(packet).ok());
        true
    });
    sealed == [true; 2]
}

/// A compound RTCP packet as it is, and sealed, and sealed and then damaged.
pub fn srtcp(data: &[u8]) -> bool {
    let sealed = PROFILES.map(|profile| {
        let (mut browser, mut server) = pair(profile);
        assert!(server.open_rtcp(&mut data.to_vec()).is_err(), "forged");
        let mut buffer = [data, &[0; 32]].concat();
        let Ok(len) = browser.seal_rtcp(&mut buffer, data.len()) else { return false };
        check_opening(data, &mut buffer[..len], |packet| server.open_rtcp(packet).ok());
        true
    });
    sealed == [true; 2]
}

/// Opens once and to what it was, and not at all when a bit is wrong.
fn check_opening(plain: &[u8], sealed: &mut [u8], mut open: impl FnMut(&mut [u8]) -> Option<usize>) {
    let mut damaged = sealed.to_vec();
    if let Some(last) = damaged.last_mut() {
        *last ^= 1;
    }
    assert_eq!(open(&mut damaged), None, "damaged");
    let mut again = sealed.to_vec();
    assert_eq!(open(sealed), Some(plain.len()));
    assert_eq!(sealed[..plain.len()], *plain);
    assert_eq!(open(&mut again), None, "replayed");
}

/// SCTP packets of an established association, without their common header. Parses when all of it is taken and answered
/// or passed on.
pub fn sctp(data: &[u8]) -> bool {
    // Panics in rtc-sctp are caught where they belong; libFuzzer's hook would end the process first.
    #[cfg(fuzzing)]
    std::panic::set_hook(Box::new(|_| {}));
    let mut now = Instant::now();
    let mut server = Data::new(SctpSpec { port: 5_000, max_message_size: 0 });
    let mut tag = [0; 4];
    let mut receive = |server: &mut Data, tag: [u8; 4], chunks: &[u8]| -> Vec<Vec<u8>> {
        now += Duration::from_millis(250);
        server.receive(now, seal_sctp(tag, chunks));
        server.handle_timeout(now);
        std::iter::from_fn(|| server.poll_transmit(now)).take(100).flatten().map(|packet| packet.to_vec()).collect()
    };
    // RFC 9260 §3.3.2: initiate tag 1, window 65,536, 64 streams each way, first number 1.
    let init = [1, 0, 0, 20, 0, 0, 0, 1, 0, 1, 0, 0, 0, 64, 0, 64, 0, 0, 0, 1];
    let [ack] = &receive(&mut server, tag, &init)[..] else { panic!("an INIT is answered once") };
    tag.copy_from_slice(&ack[16..20]);
    // The first parameter is the cookie.
    let parameters = &ack[32..];
    let cookie = parameters.windows(4).position(|head| head[..2] == [0, 7]).expect("a cookie");
    let len = usize::from(u16::from_be_bytes([parameters[cookie + 2], parameters[cookie + 3]]));
    let mut echo = parameters[cookie..cookie + len].to_vec();
    echo[..2].copy_from_slice(&[10, 0]);
    let established = receive(&mut server, tag, &echo);
    assert!(established.iter().any(|packet| packet.get(12) == Some(&11)), "a COOKIE ACK");

    let mut taken = !data.is_empty();
    for chunks in super::datagrams(data) {
        let answers = receive(&mut server, tag, chunks);
        let messages = std::iter::from_fn(|| server.poll()).count();
        taken &= !answers.is_empty() || messages > 0;
    }
    taken
}

/// Puts the common header in front of chunks (RFC 9260 §3.1).
fn seal_sctp(tag: [u8; 4], chunks: &[u8]) -> Bytes {
    let mut packet = [&[0x13, 0x88, 0x13, 0x88], &tag[..], &[0; 4], chunks].concat();
    let checksum = crc32c::crc32c(&packet);
    packet[8..12].copy_from_slice(&checksum.to_le_bytes());
    packet.into()
}

/// A stream of frames (RFC 4571). However it is cut on its way, the same packets come out of it, and the same end.
pub fn tcp_framing(data: &[u8]) -> bool {
    let whole = frames(data, data.len().max(1));
    for piece in [1, 3, 7] {
        assert_eq!(frames(data, piece), whole);
    }
    let written =
        whole.0.iter().flat_map(|packet| [&framing::prefix(packet).expect("a packet of a frame")[..], packet].concat());
    assert!(data.starts_with(&written.collect::<Vec<u8>>()));
    !whole.1 && !whole.0.is_empty()
}

/// The packets in `data`, which comes in pieces of `piece` octets, and whether it ended with a length that none has.
fn frames(data: &[u8], piece: usize) -> (Vec<Vec<u8>>, bool) {
    let (mut framer, mut packets) = (Framer::default(), Vec::new());
    for piece in data.chunks(piece) {
        framer.push(piece);
        loop {
            match framer.next_frame() {
                Ok(Some(packet)) => packets.push(packet.to_vec()),
                Ok(None) => break,
                Err(_) => return (packets, true),
            }
        }
    }
    (packets, false)
}
