//! ICE's controlling side, as far as a peer of an ICE-lite server needs it: checks with nomination, and their answers.

use rtc_crypto::default_provider;
use rtc_stun::attributes::{ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId};

/// Who checks whom.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// The server's.
    pub remote_ufrag: &'a str,
    pub remote_pwd: &'a str,
    /// Our own.
    pub ufrag: &'a str,
}

/// A peer reflexive candidate's priority (RFC 8445 §5.1.2.1).
const PRIORITY: [u8; 4] = [0x6E, 0x00, 0x01, 0xFF];
/// Ties are broken by the server's being lite.
const TIE_BREAKER: [u8; 8] = [7; 8];

/// A connectivity check that nominates its path (RFC 8445 §7.2.2). `None` when there is no crypto provider.
pub fn check(pair: &Pair<'_>, id: TransactionId) -> Option<Vec<u8>> {
    let provider = default_provider().ok()?;
    let mut message = Message::new();
    message.write_header();
    BINDING_REQUEST.add_to(&mut message).ok()?;
    id.add_to(&mut message).ok()?;
    message.add(ATTR_USERNAME, format!("{}:{}", pair.remote_ufrag, pair.ufrag).as_bytes());
    message.add(ATTR_PRIORITY, &PRIORITY);
    message.add(ATTR_ICE_CONTROLLING, &TIE_BREAKER);
    message.add(ATTR_USE_CANDIDATE, &[]);
    let key = pair.remote_pwd.as_bytes();
    MessageIntegrity::new_raw_integrity_with_provider(key, provider.crypto()).add_to(&mut message).ok()?;
    FINGERPRINT.add_to(&mut message).ok()?;
    Some(message.raw)
}

/// Which check a datagram answers, when it is an authentic success.
pub fn answered(datagram: &[u8], remote_pwd: &str) -> Option<TransactionId> {
    let provider = default_provider().ok()?;
    let mut message = Message::new();
    message.unmarshal_binary(datagram).ok()?;
    MessageIntegrity::check(&mut message, remote_pwd.as_bytes(), provider.crypto()).ok()?;
    (message.typ == BINDING_SUCCESS).then_some(message.transaction_id)
}

/// Letters and digits for a ufrag, a password or a name.
pub fn random(letters: usize) -> String {
    use rand::Rng;
    rand::rng().sample_iter(rand::distr::Alphanumeric).take(letters).map(char::from).collect()
}
