//! The DTLS of a browser that is none: the client's side of a handshake, from the same crates but none of the server's
//! code.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc_crypto::{RTCCryptoProvider, default_provider};
use rtc_dtls::config::{ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use sha2::{Digest, Sha256};

pub use SrtpProtectionProfile::{Srtp_Aead_Aes_128_Gcm as GCM, Srtp_Aes128_Cm_Hmac_Sha1_80 as SHA1};

/// rtc-dtls keys associations by address; ours change theirs.
const VIRTUAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9)), 9);
/// Browsers repeat a flight after 50 ms at first.
const FLIGHT_INTERVAL: Duration = Duration::from_millis(50);
/// What SRTP's keys are exported for (RFC 5764 §4.2).
const EXPORTER: &str = "EXTRACTOR-dtls_srtp";

/// A handshake that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("DTLS: {0}")]
pub struct DtlsError(String);

fn failed(error: impl ToString) -> DtlsError {
    DtlsError(error.to_string())
}

/// A certificate and what a handshake by it offers. Many peers may share one: cheap to clone.
#[derive(Clone)]
pub struct Identity {
    config: Arc<HandshakeConfig>,
    /// As in `a=fingerprint`.
    pub fingerprint: Arc<str>,
}

impl Identity {
    /// A new certificate.
    ///
    /// # Errors
    ///
    /// When the crypto provider makes none.
    pub fn generate(profiles: &[SrtpProtectionProfile]) -> Result<Identity, DtlsError> {
        let provider: Arc<dyn RTCCryptoProvider> = default_provider().map_err(failed)?;
        let certificate =
            Certificate::generate_self_signed(vec!["browser".to_owned()], provider.crypto()).map_err(failed)?;
        let der = certificate.certificate.first().ok_or_else(|| failed("a certificate without content"))?;
        let hash: Vec<String> = Sha256::digest(der).iter().map(|octet| format!("{octet:02X}")).collect();
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(vec![certificate])
            .with_srtp_protection_profiles(profiles.to_vec())
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_flight_interval(FLIGHT_INTERVAL)
            .with_insecure_skip_verify(true)
            .build(true, None)
            .map_err(failed)?;
        Ok(Identity { config: Arc::new(config), fingerprint: format!("sha-256 {}", hash.join(":")).into() })
    }
}

/// What a handshake agreed on.
pub struct Agreed {
    pub profile: SrtpProtectionProfile,
    /// Keys and salts of both directions (RFC 5764 §4.2).
    pub material: Vec<u8>,
}

/// A DTLS client.
pub struct Dtls {
    endpoint: Endpoint,
    config: Arc<HandshakeConfig>,
    /// What came, as [`content`] tells it.
    heard: HashSet<u64>,
}

impl Dtls {
    pub fn new(identity: &Identity) -> Dtls {
        let endpoint = Endpoint::new(VIRTUAL, TransportProtocol::UDP, None);
        Dtls { endpoint, config: identity.config.clone(), heard: HashSet::new() }
    }

    /// Queues the first hello.
    ///
    /// # Errors
    ///
    /// When the handshake was started before.
    pub fn start(&mut self, now: Instant) -> Result<(), DtlsError> {
        self.endpoint.connect(now, VIRTUAL, self.config.clone(), None).map(|_| ()).map_err(failed)
    }

    /// Takes a datagram. What was agreed, once it is.
    ///
    /// # Errors
    ///
    /// When the server chose something that was not offered.
    pub fn read(&mut self, now: Instant, datagram: &[u8]) -> Result<Option<Agreed>, DtlsError> {
        // A flight that the server sends again keeps the library, unlike browsers, from repeating its own ever after: should
        // that get lost, the handshake would never end.
        if !self.heard.insert(content(datagram)) {
            return Ok(None);
        }
        // One bad datagram is not the end: an attacker could send it.
        let events = self.endpoint.read(now, VIRTUAL, None, BytesMut::from(datagram)).unwrap_or_default();
        if !events.iter().any(|event| matches!(event, EndpointEvent::HandshakeComplete)) {
            return Ok(None);
        }
        let state = self.endpoint.get_connection_state(VIRTUAL).ok_or_else(|| failed("no connection"))?;
        let profile = state.srtp_protection_profile();
        let length = match profile {
            GCM => 2 * (16 + 12),
            SHA1 => 2 * (16 + 14),
            other => return Err(failed(format!("nobody offered {other:?}"))),
        };
        let material = state.export_keying_material(EXPORTER, &[], length).map_err(failed)?;
        Ok(Some(Agreed { profile, material: material.as_ref().to_vec() }))
    }

    /// Does what is due; the datagrams to send.
    pub fn poll(&mut self, now: Instant) -> impl Iterator<Item = BytesMut> + use<'_> {
        // A handshake that failed shows in the waiting for it.
        let _ = self.endpoint.handle_timeout(VIRTUAL, now);
        std::iter::from_fn(|| self.endpoint.poll_transmit()).map(|transmit| transmit.message)
    }
}

/// Octets of a record's header: type, version, epoch and number, length (RFC 6347 §4.1).
const RECORD: usize = 13;
/// Where its number is.
const NUMBER: std::ops::Range<usize> = 5..11;

/// A hash of a datagram that is the same for all repetitions of what it says in clear.
fn content(datagram: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut rest = datagram;
    while let Some((header, behind)) = rest.split_at_checked(RECORD) {
        let [.., high, low] = header else { break };
        let (body, next) = behind.split_at(behind.len().min(usize::from(u16::from_be_bytes([*high, *low]))));
        let numbered = header.iter().enumerate().filter(|(at, _)| !NUMBER.contains(at));
        numbered.for_each(|(_, octet)| octet.hash(&mut hasher));
        body.hash(&mut hasher);
        rest = next;
    }
    rest.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::dtls::{Certificate, Dtls as Server};
    use crate::transport::spec::{Fingerprint, FingerprintAlgorithm};

    /// Hands the server what the client sends, and returns what it answers.
    fn exchange(now: Instant, client: &mut Dtls, server: &mut Server) -> Vec<BytesMut> {
        let sent: Vec<BytesMut> = client.poll(now).collect();
        for datagram in sent {
            server.receive(now, &datagram).unwrap();
        }
        while server.wants_step() {
            server.step(now);
        }
        std::iter::from_fn(|| server.poll_transmit()).collect()
    }

    #[test]
    fn a_server_that_repeats_itself_does_not_silence_the_client() {
        let mut now = Instant::now();
        let identity = Identity::generate(&[GCM]).unwrap();
        let digest = identity.fingerprint.trim_start_matches("sha-256 ").split(':');
        let digest = digest.map(|octet| u8::from_str_radix(octet, 16).unwrap()).collect();
        let fingerprint = Fingerprint { algorithm: FingerprintAlgorithm::Sha256, digest };
        let mut server = Server::new(&Certificate::generate().unwrap(), &fingerprint);
        let mut client = Dtls::new(&identity);
        client.start(now).unwrap();
        let verify = exchange(now, &mut client, &mut server);
        verify.iter().for_each(|datagram| assert!(client.read(now, datagram).unwrap().is_none()));
        let hello = exchange(now, &mut client, &mut server);
        hello.iter().for_each(|datagram| assert!(client.read(now, datagram).unwrap().is_none()));
        // The client's answer is lost, and the server sends its flight once more, by other numbers.
        assert!(client.poll(now).count() > 0);
        now = server.next_timeout().unwrap();
        server.handle_timeout(now);
        let again: Vec<BytesMut> = std::iter::from_fn(|| server.poll_transmit()).collect();
        assert!(!again.is_empty() && again != hello);
        again.iter().for_each(|datagram| assert!(client.read(now, datagram).unwrap().is_none()));
        now += FLIGHT_INTERVAL;
        let finished = exchange(now, &mut client, &mut server);
        let agreed: Vec<Agreed> = finished.iter().filter_map(|datagram| client.read(now, datagram).unwrap()).collect();
        assert_eq!(agreed.len(), 1);
    }
}
