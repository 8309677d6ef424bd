//! The DTLS and SRTP of a browser of ours, from the same crates but none of the server's code.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc_crypto::{RTCCryptoProvider, default_provider};
use rtc_dtls::config::{ConfigBuilder, ExtendedMasterSecretType};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_srtp::config::{Config, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc_srtp::context::Context;
use rtc_srtp::option::{srtcp_no_replay_protection, srtp_no_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;
use sha2::{Digest, Sha256};

pub use SrtpProtectionProfile::{Srtp_Aead_Aes_128_Gcm as GCM, Srtp_Aes128_Cm_Hmac_Sha1_80 as SHA1};

/// rtc-dtls keys associations by address; ours change theirs.
const VIRTUAL: &str = "192.0.2.9:9";
/// Browsers repeat a flight after 50 ms at first.
const FLIGHT_INTERVAL: Duration = Duration::from_millis(50);

/// SRTP in both directions.
pub struct Keys {
    pub seal: Context,
    pub open: Context,
}

/// A DTLS client.
pub struct Dtls {
    endpoint: Endpoint,
    peer: SocketAddr,
    certificate: Certificate,
    provider: Arc<dyn RTCCryptoProvider>,
    profiles: Vec<SrtpProtectionProfile>,
    /// As in `a=fingerprint`.
    pub fingerprint: String,
    pub profile: Option<SrtpProtectionProfile>,
}

impl Dtls {
    pub fn new(profiles: &[SrtpProtectionProfile]) -> Dtls {
        let provider = default_provider().unwrap();
        let certificate = Certificate::generate_self_signed(vec!["browser".to_owned()], provider.crypto()).unwrap();
        let hash: Vec<String> =
            Sha256::digest(&certificate.certificate[0]).iter().map(|octet| format!("{octet:02X}")).collect();
        let peer = VIRTUAL.parse().unwrap();
        Dtls {
            endpoint: Endpoint::new(peer, TransportProtocol::UDP, None),
            peer,
            certificate,
            provider,
            profiles: profiles.to_vec(),
            fingerprint: format!("sha-256 {}", hash.join(":")),
            profile: None,
        }
    }

    /// Sends the first hello.
    pub fn start(&mut self, now: Instant) {
        let config = ConfigBuilder::default()
            .with_crypto_provider(self.provider.clone())
            .with_certificates(vec![self.certificate.clone()])
            .with_srtp_protection_profiles(self.profiles.clone())
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_flight_interval(FLIGHT_INTERVAL)
            .with_insecure_skip_verify(true)
            .build(true, None)
            .unwrap();
        self.endpoint.connect(now, self.peer, Arc::new(config), None).unwrap();
    }

    /// Takes a datagram. The keys, once they are known.
    pub fn read(&mut self, now: Instant, datagram: &[u8]) -> Option<Keys> {
        let events = self.endpoint.read(now, self.peer, None, BytesMut::from(datagram)).unwrap_or_default();
        let complete = events.iter().any(|event| matches!(event, EndpointEvent::HandshakeComplete));
        complete.then(|| self.keys())
    }

    /// Forgets what it is about to send and does what is due.
    pub fn poll(&mut self, now: Instant) -> Vec<BytesMut> {
        // A handshake that failed shows in the test's waiting.
        let _ = self.endpoint.handle_timeout(self.peer, now);
        std::iter::from_fn(|| self.endpoint.poll_transmit()).map(|transmit| transmit.message).collect()
    }

    fn keys(&mut self) -> Keys {
        let state = self.endpoint.get_connection_state(self.peer).unwrap();
        let agreed = state.srtp_protection_profile();
        self.profile = Some(agreed);
        let profile = match agreed {
            GCM => ProtectionProfile::AeadAes128Gcm,
            SHA1 => ProtectionProfile::Aes128CmHmacSha1_80,
            other => panic!("nobody offered {other:?}"),
        };
        let mut config = Config { profile, ..Config::default() };
        let length = config.keying_material_len();
        let material = state.export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], length).unwrap();
        config.set_session_keys_from_keying_material(material.as_ref(), true).unwrap();
        let crypto = self.provider.crypto();
        // Without replay protection: the tests look at every packet that comes, and see for themselves if one came twice.
        let context = |key: &[u8], salt: &[u8]| {
            let options = (Some(srtp_no_replay_protection()), Some(srtcp_no_replay_protection()));
            Context::new(key, salt, profile, options.0, options.1, crypto).unwrap()
        };
        Keys {
            seal: context(&config.keys.local_master_key, &config.keys.local_master_salt),
            open: context(&config.keys.remote_master_key, &config.keys.remote_master_salt),
        }
    }
}

/// Keys that nobody agreed on.
pub fn wrong_keys() -> Context {
    let provider = default_provider().unwrap();
    let (key, salt) = ([0x55; 16], [0x77; 12]);
    Context::new(&key, &salt, ProtectionProfile::AeadAes128Gcm, None, None, provider.crypto()).unwrap()
}
