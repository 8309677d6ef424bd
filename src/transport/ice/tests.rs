//! What authenticated checks do, and that nothing else does anything.

use std::time::Duration;

use proptest::prelude::*;
use rtc_crypto::default_provider;
use rtc_stun::attributes::{ATTR_ICE_CONTROLLING, ATTR_PRIORITY};
use rtc_stun::message::{Getter, TransactionId};

use super::*;
use crate::transport::spec::{Fingerprint, FingerprintAlgorithm, Protocol};

fn credentials(name: &str) -> IceCredentials {
    IceCredentials { ufrag: format!("{name}ufrag"), pwd: format!("{name}-password-of-many-letters") }
}

fn spec(local: &str, remote: &str) -> ConnectionSpec {
    ConnectionSpec {
        local: credentials(local),
        remote: credentials(remote),
        fingerprint: Fingerprint { algorithm: FingerprintAlgorithm::Sha256, digest: vec![0; 32] },
        sctp: None,
    }
}

fn path(port: u16) -> Path {
    Path { protocol: Protocol::Udp, local: ([192, 0, 2, 1], 3478).into(), remote: ([198, 51, 100, 7], port).into() }
}

fn agent() -> Ice {
    Ice::new(default_provider().expect("ring"), &spec("sfu", "web"))
}

/// A check as a browser writes it, with further attributes before and behind the integrity.
fn check_with(username: &str, pwd: &str, before: &[AttrType], behind: &[AttrType]) -> Vec<u8> {
    let provider = default_provider().expect("ring");
    let mut message = Message::new();
    message.write_header();
    BINDING_REQUEST.add_to(&mut message).unwrap();
    TransactionId([7; 12]).add_to(&mut message).unwrap();
    message.add(ATTR_USERNAME, username.as_bytes());
    message.add(ATTR_PRIORITY, &[0, 0, 0, 1]);
    for kind in before {
        message.add(*kind, if *kind == ATTR_USE_CANDIDATE { &[] } else { &[0; 8] });
    }
    MessageIntegrity::new_raw_integrity_with_provider(pwd, provider.crypto()).add_to(&mut message).unwrap();
    for kind in behind {
        message.add(*kind, if *kind == ATTR_USE_CANDIDATE { &[] } else { &[0; 8] });
    }
    FINGERPRINT.add_to(&mut message).unwrap();
    message.raw
}

fn check(ours: &str, theirs: &str, nominate: bool) -> Vec<u8> {
    let before: &[AttrType] =
        if nominate { &[ATTR_ICE_CONTROLLING, ATTR_USE_CANDIDATE] } else { &[ATTR_ICE_CONTROLLING] };
    let (ours, theirs) = (credentials(ours), credentials(theirs));
    check_with(&format!("{}:{}", ours.ufrag, theirs.ufrag), &ours.pwd, before, &[])
}

fn decode(raw: &[u8]) -> Message {
    let mut message = Message::new();
    message.unmarshal_binary(raw).unwrap();
    message
}

#[test]
fn an_authenticated_check_is_answered_with_the_address_it_came_from() {
    let mut ice = agent();
    let answer = ice.handle(Instant::now(), path(1000), &check("sfu", "web", false)).unwrap().unwrap();
    let mut answer = decode(&answer);
    assert_eq!(answer.typ, BINDING_SUCCESS);
    assert_eq!(answer.transaction_id, TransactionId([7; 12]));
    let mut mapped = XorMappedAddress::default();
    mapped.get_from(&answer).unwrap();
    assert_eq!((mapped.ip, mapped.port), (path(1000).remote.ip(), 1000));
    FINGERPRINT.check(&answer).unwrap();
    let provider = default_provider().unwrap();
    MessageIntegrity::check(&mut answer, credentials("sfu").pwd.as_bytes(), provider.crypto()).unwrap();
}

#[test]
fn a_checked_path_is_known_and_the_latest_nominated_is_sent_to() {
    let (mut ice, now) = (agent(), Instant::now());
    ice.handle(now, path(1), &check("sfu", "web", false)).unwrap();
    assert!(ice.knows(path(1)));
    assert_eq!((ice.nominated(), ice.latest()), (None, Some(&path(1))));
    ice.handle(now, path(2), &check("sfu", "web", true)).unwrap();
    ice.handle(now, path(1), &check("sfu", "web", false)).unwrap();
    assert_eq!(ice.nominated(), Some(&path(2)));
    ice.handle(now, path(3), &check("sfu", "web", true)).unwrap();
    assert_eq!(ice.nominated(), Some(&path(3)));
    assert!(ice.knows(path(1)) && ice.knows(path(2)));
}

#[test]
fn a_forged_check_changes_nothing() {
    let (mut ice, now) = (agent(), Instant::now());
    let good = check("sfu", "web", true);
    let forged = [
        check_with("sfuufrag:webufrag", "guessed", &[ATTR_USE_CANDIDATE], &[]),
        check_with("sfuufrag:other", &credentials("sfu").pwd, &[ATTR_USE_CANDIDATE], &[]),
        check_with("sfuufragwebufrag", &credentials("sfu").pwd, &[ATTR_USE_CANDIDATE], &[]),
        check_with("sfuufrag:webufrag", "guessed", &[ATTR_ICE_CONTROLLED], &[]),
        good[..good.len() - 1].to_vec(),
        [&good[..], &[0; 4]].concat(),
    ];
    for datagram in forged {
        assert_eq!(ice.handle(now, path(1), &datagram), Err(DropReason::BadStun));
    }
    // The last 8 octets are FINGERPRINT, which no key covers.
    for i in 0..good.len() - 8 {
        let mut flipped = good.clone();
        flipped[i] ^= 0x40;
        assert_eq!(ice.handle(now, path(1), &flipped).ok().flatten(), None, "bit of octet {i}");
    }
    assert_eq!(ice.latest(), None);
    assert!(!ice.knows(path(1)));
}

#[test]
fn attributes_behind_the_integrity_are_not_believed() {
    let mut ice = agent();
    let datagram = check_with(
        "sfuufrag:webufrag",
        &credentials("sfu").pwd,
        &[ATTR_ICE_CONTROLLING],
        &[ATTR_USE_CANDIDATE, ATTR_ICE_CONTROLLED],
    );
    let answer = ice.handle(Instant::now(), path(1), &datagram).unwrap().unwrap();
    assert_eq!(decode(&answer).typ, BINDING_SUCCESS);
    assert_eq!(ice.nominated(), None);
}

#[test]
fn a_browser_that_thinks_it_is_controlled_is_told_otherwise() {
    let mut ice = agent();
    let datagram =
        check_with("sfuufrag:webufrag", &credentials("sfu").pwd, &[ATTR_ICE_CONTROLLED, ATTR_USE_CANDIDATE], &[]);
    let answer = ice.handle(Instant::now(), path(1), &datagram).unwrap().unwrap();
    assert_eq!(decode(&answer).typ, BINDING_ERROR);
    assert!(!ice.knows(path(1)));
}

#[test]
fn a_restart_keeps_the_old_credentials_until_the_new_path_is_nominated() {
    let (mut ice, now) = (agent(), Instant::now());
    ice.handle(now, path(1), &check("sfu", "web", true)).unwrap();
    ice.update(&spec("sfu2", "web2"));
    assert_eq!(ice.nominated(), Some(&path(1)));
    assert!(ice.handle(now, path(1), &check("sfu", "web", true)).is_ok());
    ice.handle(now, path(2), &check("sfu2", "web2", false)).unwrap();
    assert_eq!(ice.nominated(), Some(&path(1)));
    ice.handle(now, path(2), &check("sfu2", "web2", true)).unwrap();
    assert_eq!(ice.nominated(), Some(&path(2)));
    assert_eq!(ice.handle(now, path(1), &check("sfu", "web", true)), Err(DropReason::BadStun));
    assert_eq!(ice.nominated(), Some(&path(2)));
}

#[test]
fn a_repeated_answer_is_no_restart() {
    let (mut ice, now) = (agent(), Instant::now());
    ice.handle(now, path(1), &check("sfu", "web", true)).unwrap();
    ice.update(&spec("sfu", "web"));
    assert!(ice.handle(now, path(1), &check("sfu", "web", true)).is_ok());
}

#[test]
fn remembered_paths_are_bounded_and_the_nominated_one_stays() {
    let (mut ice, now) = (agent(), Instant::now());
    ice.handle(now, path(1), &check("sfu", "web", true)).unwrap();
    for i in 2..100 {
        ice.handle(now + Duration::from_millis(u64::from(i)), path(i), &check("sfu", "web", false)).unwrap();
    }
    assert_eq!(ice.paths.len(), MAX_PATHS);
    assert!(ice.knows(path(1)) && ice.knows(path(99)) && !ice.knows(path(2)));
}

#[test]
fn the_target_is_read_without_authenticating() {
    assert_eq!(target_ufrag(&check("sfu", "web", false)), Some("sfuufrag"));
    assert_eq!(target_ufrag(b"\x00\x01"), None);
    assert_eq!(target_ufrag(&[0x80; 40]), None);
}

proptest! {
    #[test]
    fn hostile_stun_never_panics_and_never_counts(
        mut bytes in prop::collection::vec(any::<u8>(), 0..200),
        cookie in any::<bool>(),
    ) {
        if cookie && bytes.len() >= 20 {
            let len = (bytes.len() - 20) as u16;
            bytes[..2].copy_from_slice(&[0, 1]);
            bytes[2..4].copy_from_slice(&len.to_be_bytes());
            bytes[4..8].copy_from_slice(&0x2112_A442u32.to_be_bytes());
        }
        let mut ice = agent();
        let _ = target_ufrag(&bytes);
        let _ = ice.handle(Instant::now(), path(1), &bytes);
        prop_assert_eq!(ice.latest(), None);
    }

    #[test]
    fn a_mangled_check_never_panics(at in 0usize..120, value in any::<u8>()) {
        let mut bytes = check("sfu", "web", true);
        let at = at % bytes.len();
        bytes[at] = value;
        let _ = target_ufrag(&bytes);
        let _ = agent().handle(Instant::now(), path(1), &bytes);
    }
}
