//! ICE's controlling side, as far as a peer of a server needs it: checks with nomination, and their answers; answers to the
//! checks of a server that is not lite, as other servers may be.

use std::net::SocketAddr;

use rtc_crypto::default_provider;
use rtc_stun::attributes::{ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId};
use rtc_stun::xoraddr::XorMappedAddress;

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

/// What is answered to a server's own check, when it is authentic: that it came, and from where (RFC 8445 §7.3).
pub fn answer(datagram: &[u8], pwd: &str, from: SocketAddr) -> Option<Vec<u8>> {
    let provider = default_provider().ok()?;
    let mut check = Message::new();
    check.unmarshal_binary(datagram).ok()?;
    if check.typ != BINDING_REQUEST {
        return None;
    }
    let key = pwd.as_bytes();
    MessageIntegrity::check(&mut check, key, provider.crypto()).ok()?;
    let mut message = Message::new();
    message.write_header();
    BINDING_SUCCESS.add_to(&mut message).ok()?;
    check.transaction_id.add_to(&mut message).ok()?;
    XorMappedAddress { ip: from.ip(), port: from.port() }.add_to(&mut message).ok()?;
    MessageIntegrity::new_raw_integrity_with_provider(key, provider.crypto()).add_to(&mut message).ok()?;
    FINGERPRINT.add_to(&mut message).ok()?;
    Some(message.raw)
}

/// Letters and digits for a ufrag, a password or a name.
pub fn random(letters: usize) -> String {
    use rand::Rng;
    rand::rng().sample_iter(rand::distr::Alphanumeric).take(letters).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_answered_to_whoever_knows_the_password_and_the_answer_believed_from_them() {
        let from = "192.0.2.7:4711".parse().unwrap();
        let pair = Pair { remote_ufrag: "ours", remote_pwd: "a password of 22 letters", ufrag: "theirs" };
        let id = TransactionId(rand::random());
        let check = check(&pair, id).unwrap();

        assert_eq!(answer(&check, "another password, longer", from), None);
        let answer = answer(&check, pair.remote_pwd, from).unwrap();
        assert_eq!(answered(&answer, pair.remote_pwd), Some(id));
        assert_eq!(answered(&answer, "another password, longer"), None);
    }
}
