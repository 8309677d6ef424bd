//! What one transport negotiated for ICE, DTLS and SCTP. Written by `sdp`, read by `transport`; no SDP in here.

use std::fmt;
use std::net::SocketAddr;

use rand::Rng;

/// An ICE user-name fragment with its password (RFC 8839 §5.4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IceCredentials {
    pub ufrag: String,
    pub pwd: String,
}

/// Letters of a generated fragment: ice-chars that no header or URL needs to escape.
const ICE_CHARS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

impl IceCredentials {
    /// New server credentials. The ufrag's first two letters name the shard, so that a connection's first STUN message
    /// finds its home: 62² = 3,844 shards. 10 random letters (59 bits) tell transports apart; the password has 24
    /// (142 bits; RFC 8445 §5.3 asks for 128).
    pub fn generate(shard: usize, rng: &mut impl Rng) -> IceCredentials {
        let letter = |i: usize| char::from(ICE_CHARS[i % ICE_CHARS.len()]);
        let mut ufrag = String::with_capacity(12);
        ufrag.push(letter(shard / ICE_CHARS.len()));
        ufrag.push(letter(shard));
        ufrag.extend((0..10).map(|_| letter(rng.random_range(0..ICE_CHARS.len()))));
        let pwd = (0..24).map(|_| letter(rng.random_range(0..ICE_CHARS.len()))).collect();
        IceCredentials { ufrag, pwd }
    }

    /// The shard that a server ufrag names.
    pub fn shard_of(ufrag: &str) -> Option<usize> {
        let place = |byte: u8| ICE_CHARS.iter().position(|c| *c == byte);
        let [high, low] = ufrag.as_bytes().first_chunk::<2>()?;
        Some(place(*high)? * ICE_CHARS.len() + place(*low)?)
    }
}

/// Hash functions of RFC 8122 that browsers use for certificates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FingerprintAlgorithm {
    Sha256,
    Sha384,
    Sha512,
}

/// The hash of a peer's certificate, from its SDP (RFC 8122 §5).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fingerprint {
    pub algorithm: FingerprintAlgorithm,
    pub digest: Vec<u8>,
}

impl fmt::Display for Fingerprint {
    /// As in SDP: `sha-256 AB:CD:…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.algorithm {
            FingerprintAlgorithm::Sha256 => "sha-256 ",
            FingerprintAlgorithm::Sha384 => "sha-384 ",
            FingerprintAlgorithm::Sha512 => "sha-512 ",
        })?;
        for (i, byte) in self.digest.iter().enumerate() {
            write!(f, "{}{byte:02X}", if i == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

/// A data-channel association (RFC 8841).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SctpSpec {
    /// The peer's `a=sctp-port`.
    pub port: u16,
    /// Largest message the peer takes, in bytes; 0 = no limit (RFC 8841 §6).
    pub max_message_size: u32,
}

/// ICE, DTLS and SCTP of one transport.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectionSpec {
    /// Ours. A changed ufrag is an ICE restart: the old ones stay valid until the new path is nominated.
    pub local: IceCredentials,
    /// The browser's.
    pub remote: IceCredentials,
    pub fingerprint: Fingerprint,
    pub sctp: Option<SctpSpec>,
}

/// An address at which browsers reach a shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    pub address: SocketAddr,
    pub protocol: Protocol,
}

/// Transport protocols of a candidate; TCP is passive (RFC 6544).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Protocol {
    Udp,
    Tcp,
}

/// A 5-tuple: how one datagram came, and so how the answer leaves.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Path {
    pub protocol: Protocol,
    /// Our address that the datagram was sent to.
    pub local: SocketAddr,
    /// The browser's, as we see it.
    pub remote: SocketAddr,
}

/// Which data channel a message came by or leaves by. The browser opens both, by their labels.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Lane {
    /// Label `reliable`: ordered, retransmitted.
    Reliable,
    /// Label `lossy`: unordered, not retransmitted.
    Lossy,
}

/// How far a transport has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum TransportState {
    /// No authenticated connectivity check yet.
    #[default]
    New,
    /// Checks arrive; DTLS is under way.
    Connecting,
    /// Keys are exported and a path is there: media may flow.
    Connected,
    /// Nothing authenticated for a while; may come back.
    Disconnected,
    /// DTLS failed or the peer closed it. Only a new transport helps.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn a_ufrag_names_its_shard() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        for shard in [0, 1, 61, 62, 3_843] {
            let credentials = IceCredentials::generate(shard, &mut rng);
            assert_eq!(IceCredentials::shard_of(&credentials.ufrag), Some(shard));
        }
        assert_eq!(IceCredentials::shard_of("?"), None);
    }
}
