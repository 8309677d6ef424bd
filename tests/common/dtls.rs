//! The keys of a browser of ours: SRTP by `rtc-srtp`, none of the server's code.

use std::time::Instant;

use bytes::BytesMut;
use plenum::load::dtls::{Agreed, Identity};
use rtc_crypto::default_provider;
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_srtp::config::Config;
use rtc_srtp::context::Context;
use rtc_srtp::option::{srtcp_no_replay_protection, srtp_no_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;

pub use plenum::load::dtls::{GCM, SHA1};

/// SRTP in both directions.
pub struct Keys {
    pub seal: Context,
    pub open: Context,
}

/// A DTLS client.
pub struct Dtls {
    client: plenum::load::dtls::Dtls,
    /// As in `a=fingerprint`.
    pub fingerprint: String,
    pub profile: Option<SrtpProtectionProfile>,
}

impl Dtls {
    pub fn new(profiles: &[SrtpProtectionProfile]) -> Dtls {
        let identity = Identity::generate(profiles).unwrap();
        let client = plenum::load::dtls::Dtls::new(&identity);
        Dtls { client, fingerprint: identity.fingerprint.to_string(), profile: None }
    }

    /// Sends the first hello.
    pub fn start(&mut self, now: Instant) {
        self.client.start(now).unwrap();
    }

    /// Takes a datagram. The keys, once they are known.
    pub fn read(&mut self, now: Instant, datagram: &[u8]) -> Option<Keys> {
        let agreed = self.client.read(now, datagram).unwrap()?;
        self.profile = Some(agreed.profile);
        Some(keys(&agreed))
    }

    /// Forgets what it is about to send and does what is due.
    pub fn poll(&mut self, now: Instant) -> Vec<BytesMut> {
        self.client.poll(now).collect()
    }
}

fn keys(agreed: &Agreed) -> Keys {
    let profile = match agreed.profile {
        GCM => ProtectionProfile::AeadAes128Gcm,
        _ => ProtectionProfile::Aes128CmHmacSha1_80,
    };
    let mut config = Config { profile, ..Config::default() };
    config.set_session_keys_from_keying_material(&agreed.material, true).unwrap();
    let provider = default_provider().unwrap();
    // Without replay protection: the tests look at every packet that comes, and see for themselves if one came twice.
    let context = |key: &[u8], salt: &[u8]| {
        let options = (Some(srtp_no_replay_protection()), Some(srtcp_no_replay_protection()));
        Context::new(key, salt, profile, options.0, options.1, provider.crypto()).unwrap()
    };
    Keys {
        seal: context(&config.keys.local_master_key, &config.keys.local_master_salt),
        open: context(&config.keys.remote_master_key, &config.keys.remote_master_salt),
    }
}

/// Keys that nobody agreed on.
pub fn wrong_keys() -> Context {
    let provider = default_provider().unwrap();
    let (key, salt) = ([0x55; 16], [0x77; 12]);
    Context::new(&key, &salt, ProtectionProfile::AeadAes128Gcm, None, None, provider.crypto()).unwrap()
}
