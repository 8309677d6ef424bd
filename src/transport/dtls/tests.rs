//! Handshakes against a DTLS client of the same crate, over a network that loses and cuts.

use std::sync::OnceLock;

use proptest::prelude::*;
use rtc_crypto::default_provider;
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile::{
    Srtp_Aead_Aes_128_Gcm as GCM, Srtp_Aes128_Cm_Hmac_Sha1_80 as SHA1,
};
use sha2::{Digest, Sha256};

use super::*;
use crate::transport::spec::FingerprintAlgorithm;

const SERVER: SocketAddr = VIRTUAL;

/// One certificate for all tests: as in a process.
pub(in crate::transport) fn certificate() -> &'static Certificate {
    static CERTIFICATE: OnceLock<Certificate> = OnceLock::new();
    CERTIFICATE.get_or_init(|| Certificate::generate().unwrap())
}

/// The browser's DTLS.
pub(in crate::transport) struct Client {
    endpoint: Endpoint,
    pub(in crate::transport) fingerprint: Fingerprint,
    pub(in crate::transport) complete: bool,
    pub(in crate::transport) data: Vec<BytesMut>,
    pub(in crate::transport) closed: bool,
}

impl Client {
    pub(in crate::transport) fn new(now: Instant, profiles: &[SrtpProtectionProfile]) -> Client {
        let provider = default_provider().unwrap();
        let inner =
            rtc_dtls::crypto::Certificate::generate_self_signed(vec!["browser".to_owned()], provider.crypto()).unwrap();
        let digest = Sha256::digest(&inner.certificate[0]).to_vec();
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(vec![inner])
            .with_srtp_protection_profiles(profiles.to_vec())
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_insecure_skip_verify(true)
            .build(true, None)
            .unwrap();
        let mut endpoint = Endpoint::new(VIRTUAL, TransportProtocol::UDP, None);
        endpoint.connect(now, SERVER, Arc::new(config), None).unwrap();
        Client {
            endpoint,
            fingerprint: Fingerprint { algorithm: FingerprintAlgorithm::Sha256, digest },
            complete: false,
            data: Vec::new(),
            closed: false,
        }
    }

    pub(in crate::transport) fn read(&mut self, now: Instant, datagram: &[u8]) {
        for event in self.endpoint.read(now, SERVER, None, BytesMut::from(datagram)).unwrap_or_default() {
            match event {
                EndpointEvent::HandshakeComplete => self.complete = true,
                EndpointEvent::ApplicationData(data) => self.data.push(data),
                EndpointEvent::PeerClosed => self.closed = true,
                _ => {}
            }
        }
    }

    pub(in crate::transport) fn poll(&mut self) -> Option<BytesMut> {
        self.endpoint.poll_transmit().map(|transmit| transmit.message)
    }

    pub(in crate::transport) fn tick(&mut self, now: Instant) {
        let _ = self.endpoint.handle_timeout(SERVER, now);
    }

    pub(in crate::transport) fn write(&mut self, now: Instant, data: &[u8]) {
        self.endpoint.write(now, SERVER, data).unwrap();
    }

    pub(in crate::transport) fn close(&mut self, now: Instant) {
        self.endpoint.close(now).unwrap();
    }

    pub(in crate::transport) fn keys(&self) -> Srtp {
        let state = self.endpoint.get_connection_state(SERVER).unwrap();
        let profile = match state.srtp_protection_profile() {
            GCM => Profile::AeadAes128Gcm,
            _ => Profile::Aes128CmHmacSha1_80,
        };
        let material = state.export_keying_material(EXPORTER_LABEL, &[], profile.keying_material_len()).unwrap();
        Srtp::client(default_provider().unwrap().crypto(), profile, material.as_ref()).unwrap()
    }
}

/// Cuts the handshake message of a one-record datagram into fragments of at most `size`, each in a datagram.
pub(in crate::transport) fn cut(datagram: &[u8], size: usize) -> Vec<Vec<u8>> {
    if datagram[0] != HANDSHAKE_RECORD || datagram.len() <= 25 {
        return vec![datagram.to_vec()];
    }
    let body = &datagram[25..];
    let cuts = body.chunks(size).scan(0, |offset, chunk| {
        let from = *offset;
        *offset += chunk.len();
        Some((from, chunk))
    });
    cuts.map(|(from, chunk)| {
        let mut piece = datagram[..25].to_vec();
        piece[11..13].copy_from_slice(&(chunk.len() as u16 + 12).to_be_bytes());
        piece[19..22].copy_from_slice(&(from as u32).to_be_bytes()[1..]);
        piece[22..25].copy_from_slice(&(chunk.len() as u32).to_be_bytes()[1..]);
        piece.extend(chunk);
        piece
    })
    .collect()
}

struct Pair {
    now: Instant,
    client: Client,
    server: Dtls,
    /// Datagrams sent so far in either direction.
    sent: usize,
    /// Ordinals of datagrams that get lost.
    lost: Vec<usize>,
    fragment: Option<usize>,
}

impl Pair {
    fn new(profiles: &[SrtpProtectionProfile]) -> Pair {
        let now = Instant::now();
        let client = Client::new(now, profiles);
        let server = Dtls::new(certificate(), &client.fingerprint);
        Pair { now, client, server, sent: 0, lost: Vec::new(), fragment: None }
    }

    fn survives(&mut self) -> bool {
        self.sent += 1;
        !self.lost.contains(&self.sent)
    }

    fn exchange(&mut self) {
        loop {
            let mut idle = true;
            while let Some(datagram) = self.client.poll() {
                idle = false;
                let pieces = match self.fragment {
                    Some(size) if datagram.get(13) == Some(&1) => cut(&datagram, size),
                    _ => vec![datagram.to_vec()],
                };
                for piece in pieces {
                    if self.survives() {
                        let _ = self.server.receive(self.now, &piece);
                    }
                }
            }
            while self.server.wants_step() {
                self.server.step(self.now);
            }
            while let Some(datagram) = self.server.poll_transmit() {
                idle = false;
                if self.survives() {
                    self.client.read(self.now, &datagram);
                }
            }
            if idle {
                return;
            }
        }
    }

    /// Runs until both sides are done; false when they are not after 30 s.
    fn run(&mut self) -> bool {
        for _ in 0..300 {
            self.exchange();
            if self.client.complete && self.server.state() == DtlsState::Established {
                return true;
            }
            self.now += Duration::from_millis(100);
            self.client.tick(self.now);
            self.server.handle_timeout(self.now);
        }
        false
    }
}

#[test]
fn a_client_that_offers_gcm_last_still_gets_it() {
    let mut pair = Pair::new(&[SHA1, GCM]);
    assert!(pair.run());
    let mut keys = pair.server.take_keys().unwrap();
    assert_eq!(keys.profile(), Profile::AeadAes128Gcm);
    assert!(pair.server.take_keys().is_none());
    assert_keys_fit(&mut keys, &mut pair.client.keys());
}

#[test]
fn a_client_without_gcm_gets_sha1_without_another_round_trip() {
    let mut with_gcm = Pair::new(&[GCM]);
    assert!(with_gcm.run());
    let mut pair = Pair::new(&[SHA1]);
    assert!(pair.run());
    assert_eq!(pair.sent, with_gcm.sent);
    let mut keys = pair.server.take_keys().unwrap();
    assert_eq!(keys.profile(), Profile::Aes128CmHmacSha1_80);
    assert_keys_fit(&mut keys, &mut pair.client.keys());
}

fn assert_keys_fit(server: &mut Srtp, client: &mut Srtp) {
    assert_one_way(server, client);
    assert_one_way(client, server);
}

fn assert_one_way(from: &mut Srtp, to: &mut Srtp) {
    use crate::id::{ExtSeq, Ssrc};
    let plain = [0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3];
    let mut packet = [0; 64];
    packet[..plain.len()].copy_from_slice(&plain);
    let len = from.seal_rtp(0, Ssrc(9), ExtSeq(1), 12, &mut packet, plain.len()).unwrap();
    assert_eq!(to.open_rtp(&mut packet[..len]), Ok(plain.len()));
    assert_eq!(packet[..plain.len()], plain);
}

#[test]
fn a_client_with_another_certificate_is_refused() {
    let mut pair = Pair::new(&[GCM]);
    let other = Fingerprint { algorithm: FingerprintAlgorithm::Sha256, digest: vec![1; 32] };
    pair.server = Dtls::new(certificate(), &other);
    assert!(!pair.run());
    assert_eq!(pair.server.state(), DtlsState::Ended);
    assert!(pair.server.take_keys().is_none());
}

#[test]
fn each_handshake_datagram_may_be_lost() {
    for profiles in [&[GCM][..], &[SHA1]] {
        for fragment in [None, Some(100)] {
            let mut clean = Pair::new(profiles);
            clean.fragment = fragment;
            assert!(clean.run());
            for lost in 1..=clean.sent {
                let mut pair = Pair::new(profiles);
                pair.fragment = fragment;
                pair.lost = vec![lost];
                assert!(pair.run(), "datagram {lost} of {} lost, fragments {fragment:?}", clean.sent);
            }
        }
    }
}

#[test]
fn two_adjacent_datagrams_may_be_lost() {
    for lost in 1..=8 {
        let mut pair = Pair::new(&[GCM]);
        pair.fragment = Some(100);
        pair.lost = vec![lost, lost + 1];
        assert!(pair.run(), "datagrams {lost} and {} lost", lost + 1);
    }
}

#[test]
fn repeated_hellos_are_answered_within_a_budget() {
    let mut pair = Pair::new(&[GCM]);
    let hello = pair.client.poll().unwrap();
    let mut answers = 0;
    for _ in 0..100 {
        pair.server.receive(pair.now, &hello).unwrap();
        pair.server.step(pair.now);
        answers += std::iter::from_fn(|| pair.server.poll_transmit()).count();
    }
    assert_eq!(answers, 1 + MAX_FLIGHT_REPEATS as usize);
}

/// Both sides, up to where the client's last flight is ready to be sent.
fn nearly_done(now: Instant) -> Pair {
    let mut pair = Pair::new(&[GCM]);
    for _ in 0..2 {
        while let Some(datagram) = pair.client.poll() {
            pair.server.receive(now, &datagram).unwrap();
        }
        while pair.server.wants_step() {
            pair.server.step(now);
        }
        while let Some(datagram) = pair.server.poll_transmit() {
            pair.client.read(now, &datagram);
        }
    }
    pair
}

#[test]
fn a_flight_is_not_sent_again_while_its_answer_waits_for_a_step() {
    let now = Instant::now();
    let mut pair = nearly_done(now);
    let late = now + 2 * FLIGHT_INTERVAL;
    assert!(pair.server.next_timeout().is_some_and(|at| at < late));
    while let Some(datagram) = pair.client.poll() {
        pair.server.receive(late, &datagram).unwrap();
    }
    assert!(pair.server.next_timeout().is_some_and(|at| at > late));
    pair.server.handle_timeout(late);
    assert!(pair.server.poll_transmit().is_none());
    while pair.server.wants_step() {
        pair.server.step(late);
    }
    assert_eq!(pair.server.state(), DtlsState::Established);
}

#[test]
fn a_flight_that_is_repeated_while_it_waits_takes_no_more_steps() {
    let now = Instant::now();
    let steps = |repeats: usize| {
        let mut pair = nearly_done(now);
        let flight: Vec<BytesMut> = std::iter::from_fn(|| pair.client.poll()).collect();
        for datagram in (0..=repeats).flat_map(|_| &flight) {
            pair.server.receive(now, datagram).unwrap();
        }
        let steps = std::iter::from_fn(|| pair.server.wants_step().then(|| pair.server.step(now))).count();
        assert_eq!(pair.server.state(), DtlsState::Established);
        steps
    };
    assert_eq!(steps(10), steps(0));
}

#[test]
fn a_handshake_that_stalls_ends() {
    let mut pair = Pair::new(&[GCM]);
    pair.lost = (2..1_000).collect();
    assert!(!pair.run());
    pair.server.handle_timeout(pair.now + HANDSHAKE_TIMEOUT);
    assert_eq!(pair.server.state(), DtlsState::Ended);
    assert_eq!(pair.server.next_timeout(), None);
}

#[test]
fn forged_alerts_change_nothing() {
    let mut pair = Pair::new(&[GCM]);
    let alert = [21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 77, 0, 2, 2, 40];
    assert_eq!(pair.server.receive(pair.now, &alert), Err(DropReason::BadDtls));
    assert!(pair.run());
    assert_eq!(pair.server.receive(pair.now, &alert), Err(DropReason::BadDtls));
    assert_eq!(pair.server.state(), DtlsState::Established);
}

#[test]
fn data_goes_both_ways_and_either_side_may_close() {
    let mut pair = Pair::new(&[GCM]);
    assert!(pair.run());
    pair.client.write(pair.now, b"ping");
    pair.exchange();
    assert_eq!(pair.server.poll_data().as_deref(), Some(&b"ping"[..]));
    pair.server.send_data(pair.now, b"pong");
    pair.exchange();
    assert_eq!(pair.client.data, [b"pong"[..].to_vec()]);
    pair.client.close(pair.now);
    pair.exchange();
    assert_eq!(pair.server.state(), DtlsState::Ended);

    let mut pair = Pair::new(&[GCM]);
    assert!(pair.run());
    pair.server.close(pair.now);
    pair.exchange();
    assert!(pair.client.closed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_handshake_messages_never_panic(
        messages in prop::collection::vec(
            (prop::sample::select(vec![1u8, 11, 15, 16, 20]), prop::collection::vec(any::<u8>(), 1..120)), 1..8),
        encrypted in prop::collection::vec((20u8..24, prop::collection::vec(any::<u8>(), 1..120)), 0..8),
    ) {
        let mut pair = Pair::new(&[GCM]);
        let now = pair.now;
        for (sequence, (kind, body)) in messages.iter().enumerate() {
            let len = (body.len() as u32).to_be_bytes();
            let mut datagram = vec![22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0];
            datagram.extend((body.len() as u16 + 12).to_be_bytes());
            datagram.extend([*kind, len[1], len[2], len[3], 0, sequence as u8, 0, 0, 0, len[1], len[2], len[3]]);
            datagram.extend(body);
            let _ = pair.server.receive(now, &datagram);
        }
        for (kind, body) in encrypted {
            let mut datagram = vec![kind, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0, 0];
            datagram.extend((body.len() as u16).to_be_bytes());
            datagram.extend(body);
            let _ = pair.server.receive(now, &datagram);
        }
        while pair.server.wants_step() {
            pair.server.step(now);
        }
        prop_assert!(pair.server.state() != DtlsState::Established);
    }

    #[test]
    fn a_handshake_mangled_anywhere_never_panics(which in 1usize..7, at in 0usize..1_000, value in any::<u8>()) {
        let mut pair = Pair::new(&[GCM]);
        let mut count = 0;
        for _ in 0..20 {
            while let Some(mut datagram) = pair.client.poll() {
                count += 1;
                if count == which {
                    let at = at % datagram.len();
                    datagram[at] = value;
                }
                let _ = pair.server.receive(pair.now, &datagram);
            }
            while pair.server.wants_step() {
                pair.server.step(pair.now);
            }
            while let Some(datagram) = pair.server.poll_transmit() {
                pair.client.read(pair.now, &datagram);
            }
        }
    }
}
