use rtc_crypto::default_provider;
use rtc_stun::attributes::{ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, Message, Setter, TransactionId};

use super::*;
use crate::border::{ControlState, FromShard};
use crate::id::RoomKey;
use crate::transport::dtls::Certificate;
use crate::transport::spec::{ConnectionSpec, Fingerprint, FingerprintAlgorithm, IceCredentials, Protocol};

fn path(port: u16) -> Path {
    Path { protocol: Protocol::Udp, local: ([192, 0, 2, 1], 3478).into(), remote: ([198, 51, 100, 7], port).into() }
}

fn credentials(name: &str) -> IceCredentials {
    IceCredentials { ufrag: format!("{name}ufrag"), pwd: format!("{name}-password-of-many-letters") }
}

/// A connectivity check as the browser sends it.
fn check(nominate: bool) -> Vec<u8> {
    let (ours, theirs) = (credentials("sfu"), credentials("web"));
    let provider = default_provider().unwrap();
    let mut message = Message::new();
    message.write_header();
    BINDING_REQUEST.add_to(&mut message).unwrap();
    TransactionId([3; 12]).add_to(&mut message).unwrap();
    message.add(ATTR_USERNAME, format!("{}:{}", ours.ufrag, theirs.ufrag).as_bytes());
    if nominate {
        message.add(ATTR_USE_CANDIDATE, &[]);
    }
    let integrity = MessageIntegrity::new_raw_integrity_with_provider(ours.pwd.as_bytes(), provider.crypto());
    integrity.add_to(&mut message).unwrap();
    FINGERPRINT.add_to(&mut message).unwrap();
    message.raw
}

#[test]
fn however_many_paths_a_browser_tries_the_one_it_chose_is_known() {
    let now = Instant::now();
    let certificate = Arc::new(Certificate::generate().unwrap());
    let mut shard = Shard::new(certificate, now, 0, 1, Arc::new(FromShard::new(16)));
    let mut outbox = Outbox::default();
    let connection = ConnectionSpec {
        local: credentials("sfu"),
        remote: credentials("web"),
        fingerprint: Fingerprint { algorithm: FingerprintAlgorithm::Sha256, digest: vec![0; 32] },
        sctp: None,
    };
    let (id, room, media) = (TransportId(1), RoomKey(1), Default::default());
    let spec = TransportSpec { id, room, shard: 0, connection, media };
    shard.apply(now, ControlState::Transport(id, Some(Arc::new(spec))), &mut outbox);
    shard.receive(now, path(1), &mut check(true), &mut outbox);
    for port in 2..100 {
        shard.receive(now, path(port), &mut check(false), &mut outbox);
        assert!(shard.knows(path(1)) && shard.knows(path(port)));
    }
    assert_eq!((1..100).filter(|port| shard.knows(path(*port))).count(), MAX_PATHS);
    // A better one is chosen: now it is that which stays.
    shard.receive(now, path(50), &mut check(true), &mut outbox);
    for port in 100..200 {
        shard.receive(now, path(port), &mut check(false), &mut outbox);
    }
    assert!(shard.knows(path(50)) && !shard.knows(path(1)));
}
