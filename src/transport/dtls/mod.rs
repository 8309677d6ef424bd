//! DTLS 1.2 server of one connection (RFC 6347, RFC 5764): handshake, SRTP keys, and SCTP's carrier.
//!
//! Owns the shim that makes rtc-dtls survive what browsers and lossy networks do: see [`reassembly`]. Knows no paths;
//! which datagrams may come here at all is ICE's to say.

mod certificate;
pub mod reassembly;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_shared::error::Error;

pub use certificate::{Certificate, CertificateError};

use super::spec::Fingerprint;
use super::srtp::{Profile, Srtp};
use crate::media::drop::DropReason;
use reassembly::{Filtered, Reassembly};

/// Both ends of the association as rtc-dtls sees it. It keys associations by address, and ours must survive a change
/// of path.
const VIRTUAL: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 1));

/// Verbatim repetitions of our flight. Browsers repeat after 50 ms and double, so this lasts longer than they try; and
/// it bounds what a repeated hello can be amplified to.
const MAX_FLIGHT_REPEATS: u32 = 16;

/// When our flight is sent again unasked. Clients drive recovery, browsers from 50 ms on; a flight that comes while a
/// client waits for our Finished makes clients on rtc-dtls 0.21.1 stop repeating theirs, so they get some tries first.
const FLIGHT_INTERVAL: Duration = Duration::from_secs(3);

/// From the first hello to keys. Browsers give up after about as long.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// RFC 5764 §4.2.
const EXPORTER_LABEL: &str = "EXTRACTOR-dtls_srtp";

/// How far the association has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DtlsState {
    Handshaking,
    Established,
    /// Handshake failed, or the peer raised an alert, or either side closed.
    Ended,
}

/// The DTLS side of one connection.
pub struct Dtls {
    certificate: Certificate,
    fingerprint: Fingerprint,
    endpoint: Option<Endpoint>,
    /// What the endpoint offers.
    profile: Profile,
    reassembly: Reassembly,
    /// Datagrams of whole messages that wait for their step. Bounded by what `reassembly` lets through.
    inbox: VecDeque<Filtered>,
    /// Our latest flight, HelloVerifyRequest or ServerHello to ServerHelloDone, until the handshake is complete.
    flight: Vec<BytesMut>,
    flight_repeats: u32,
    deadline: Option<Instant>,
    outbox: VecDeque<BytesMut>,
    incoming: VecDeque<BytesMut>,
    keys: Option<Srtp>,
    state: DtlsState,
}

impl Dtls {
    /// A server that expects a client certificate with this fingerprint.
    pub fn new(certificate: &Certificate, fingerprint: &Fingerprint) -> Dtls {
        let mut dtls = Dtls {
            certificate: certificate.clone(),
            fingerprint: fingerprint.clone(),
            endpoint: None,
            profile: Profile::AeadAes128Gcm,
            reassembly: Reassembly::new(),
            inbox: VecDeque::new(),
            flight: Vec::new(),
            flight_repeats: 0,
            deadline: None,
            outbox: VecDeque::new(),
            incoming: VecDeque::new(),
            keys: None,
            state: DtlsState::Handshaking,
        };
        dtls.listen(Profile::AeadAes128Gcm);
        dtls
    }

    pub fn state(&self) -> DtlsState {
        self.state
    }

    /// Starts over with an endpoint that offers only `profile`. One at a time, because the client's order would win.
    fn listen(&mut self, profile: Profile) {
        let expected = self.fingerprint.clone();
        let config = ConfigBuilder::default()
            .with_crypto_provider(Arc::clone(self.certificate.provider()))
            .with_certificates(vec![self.certificate.inner().clone()])
            .with_srtp_protection_profiles(vec![match profile {
                Profile::AeadAes128Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
                Profile::Aes128CmHmacSha1_80 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
            }])
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_flight_interval(FLIGHT_INTERVAL)
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            // Trust is the fingerprint's matter, not a certificate authority's.
            .with_insecure_skip_verify(true)
            .with_verify_peer_certificate(Some(Arc::new(move |chain, _| match chain.first() {
                Some(der) if expected.matches(der) => Ok(()),
                _ => Err(Error::ErrInvalidCertificate),
            })))
            .build(false, None);
        self.profile = profile;
        match config {
            Ok(config) => {
                self.endpoint = Some(Endpoint::new(VIRTUAL, TransportProtocol::UDP, Some(Arc::new(config))));
            }
            Err(_) => self.end(),
        }
    }

    /// Takes one datagram. Handshake messages wait for [`Dtls::step`]; application data is decrypted at once.
    pub fn receive(&mut self, now: Instant, datagram: &[u8]) -> Result<(), DropReason> {
        if self.state == DtlsState::Ended {
            return Err(DropReason::BadDtls);
        }
        let established = self.state == DtlsState::Established;
        let filtered = self.reassembly.filter(datagram, established).ok_or(DropReason::BadDtls)?;
        if !filtered.useful {
            return Err(DropReason::BadDtls);
        }
        self.deadline.get_or_insert(now + HANDSHAKE_TIMEOUT);
        if filtered.repeated_hello && self.may_repeat() {
            self.repeat_flight();
        }
        if filtered.records.is_empty() {
            return Ok(());
        }
        if established {
            self.feed(now, filtered);
        } else if !self.knows(&filtered) {
            self.inbox.push_back(filtered);
        }
        Ok(())
    }

    /// Whether all that a datagram says waits for its step already. Where many connect at once, clients repeat their
    /// Finished several times before its turn comes: a step for each of them would keep the others waiting all the longer.
    fn knows(&self, filtered: &Filtered) -> bool {
        !filtered.news && self.inbox.back().is_some_and(|waiting| waiting.finished)
    }

    /// Whether a handshake step waits. One costs up to 0.5 ms, so the caller spreads them.
    pub fn wants_step(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Whether a flight of ours waits for its answer.
    pub fn has_answered(&self) -> bool {
        !self.flight.is_empty()
    }

    /// Runs one handshake step.
    pub fn step(&mut self, now: Instant) {
        if let Some(filtered) = self.inbox.pop_front() {
            self.feed(now, filtered);
        }
    }

    fn feed(&mut self, now: Instant, filtered: Filtered) {
        let Some(endpoint) = &mut self.endpoint else { return };
        let first_hello = filtered.first_hello.then(|| filtered.records.clone());
        match endpoint.read(now, VIRTUAL, None, filtered.records) {
            Ok(events) => self.take_events(events),
            Err(Error::ErrServerNoMatchingSrtpProfile) if self.profile == Profile::AeadAes128Gcm => {
                // The alert that the endpoint queued goes with it; nothing has been sent.
                let Some(hello) = first_hello else { return self.end() };
                self.listen(Profile::Aes128CmHmacSha1_80);
                return self.feed(now, Filtered { records: hello, useful: true, news: true, ..Filtered::default() });
            }
            Err(_) => {
                self.take_transmits();
                return self.end();
            }
        }
        self.take_transmits();
    }

    fn take_events(&mut self, events: Vec<EndpointEvent>) {
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => match self.export() {
                    Some(keys) => {
                        self.keys = Some(keys);
                        self.state = DtlsState::Established;
                    }
                    None => self.end(),
                },
                EndpointEvent::ApplicationData(data) => self.incoming.push_back(data),
                EndpointEvent::PeerClosed => {
                    self.take_transmits();
                    self.end();
                }
                _ => {}
            }
        }
    }

    fn take_transmits(&mut self) {
        let Some(endpoint) = &mut self.endpoint else { return };
        let datagrams: Vec<BytesMut> = std::iter::from_fn(|| endpoint.poll_transmit()).map(|t| t.message).collect();
        if self.state != DtlsState::Handshaking {
            self.flight.clear();
        } else if datagrams.iter().any(|datagram| datagram.first() == Some(&HANDSHAKE_RECORD)) {
            self.flight.clone_from(&datagrams);
        }
        self.outbox.extend(datagrams);
    }

    /// A client that repeats its hello has not got our answer. rtc-dtls would fall silent.
    fn repeat_flight(&mut self) {
        if self.flight_repeats < MAX_FLIGHT_REPEATS && !self.flight.is_empty() {
            self.flight_repeats += 1;
            self.outbox.extend(self.flight.iter().cloned());
        }
    }

    fn export(&self) -> Option<Srtp> {
        let state = self.endpoint.as_ref()?.get_connection_state(VIRTUAL)?;
        let profile = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => Profile::AeadAes128Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => Profile::Aes128CmHmacSha1_80,
            _ => return None,
        };
        // Checked during the handshake too; this is the line that nothing may pass without.
        if !state.peer_certificates.first().is_some_and(|der| self.fingerprint.matches(der)) {
            return None;
        }
        let material = state.export_keying_material(EXPORTER_LABEL, &[], profile.keying_material_len()).ok()?;
        Srtp::server(self.certificate.provider().crypto(), profile, material.as_ref()).ok()
    }

    /// The SRTP contexts, once, when the handshake is complete.
    pub fn take_keys(&mut self) -> Option<Srtp> {
        self.keys.take()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<BytesMut> {
        self.outbox.pop_front()
    }

    /// The next application data that came in.
    pub fn poll_data(&mut self) -> Option<BytesMut> {
        self.incoming.pop_front()
    }

    /// Encrypts application data into a datagram for [`Dtls::poll_transmit`].
    pub fn send_data(&mut self, now: Instant, data: &[u8]) {
        if let (DtlsState::Established, Some(endpoint)) = (self.state, &mut self.endpoint) {
            // Fails only for associations that are gone, and then there is nobody to tell.
            let _ = endpoint.write(now, VIRTUAL, data);
            self.take_transmits();
        }
    }

    /// When [`Dtls::handle_timeout`] wants to be called.
    pub fn next_timeout(&self) -> Option<Instant> {
        if self.state != DtlsState::Handshaking {
            return None;
        }
        let retransmit = self.endpoint.as_ref().filter(|_| self.may_repeat());
        let retransmit = retransmit.and_then(|endpoint| endpoint.poll_timeout(&VIRTUAL));
        retransmit.into_iter().chain(self.deadline).min()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.state != DtlsState::Handshaking {
            return;
        }
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            return self.end();
        }
        let may_repeat = self.may_repeat();
        let Some(endpoint) = &mut self.endpoint else { return };
        if may_repeat && endpoint.poll_timeout(&VIRTUAL).is_some_and(|at| now >= at) {
            let result = endpoint.handle_timeout(VIRTUAL, now);
            self.take_transmits();
            if result.is_err() {
                self.end();
            }
        }
    }

    /// Whether our flight may be sent again: not while an answer to it waits for its step, which it does where many connect
    /// at once.
    fn may_repeat(&self) -> bool {
        self.inbox.is_empty()
    }

    /// Says goodbye with a close_notify alert.
    pub fn close(&mut self, now: Instant) {
        if let Some(endpoint) = &mut self.endpoint {
            // The result is always Ok in 0.21.1, and an endpoint that cannot say goodbye is gone as well.
            let _ = endpoint.close(now);
        }
        self.take_transmits();
        self.end();
    }

    fn end(&mut self) {
        self.state = DtlsState::Ended;
        self.endpoint = None;
        self.inbox.clear();
        self.flight.clear();
    }
}

/// Content type of a handshake record (RFC 5246 §6.2.1).
const HANDSHAKE_RECORD: u8 = 22;

#[cfg(test)]
pub(super) mod tests;
