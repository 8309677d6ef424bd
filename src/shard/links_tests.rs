use rtc_crypto::default_provider;
use rtc_stun::attributes::{ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, Message, Setter, TransactionId};

use super::*;
use crate::border::{ControlState, FromShard};
use crate::id::RoomKey;
use crate::load::dtls::{Dtls, GCM, Identity};
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
    check_of("sfu", nominate)
}

/// The same to a transport of that name.
fn check_of(name: &str, nominate: bool) -> Vec<u8> {
    let (ours, theirs) = (credentials(name), credentials("web"));
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

fn shard(now: Instant) -> Shard {
    let certificate = Arc::new(Certificate::generate().unwrap());
    Shard::new(certificate, now, 0, 1, Arc::new(FromShard::new(16)))
}

fn open(shard: &mut Shard, now: Instant, id: u64, name: &str, outbox: &mut Outbox) {
    let connection = ConnectionSpec {
        local: credentials(name),
        remote: credentials("web"),
        fingerprint: Fingerprint { algorithm: FingerprintAlgorithm::Sha256, digest: vec![0; 32] },
        sctp: None,
    };
    let (id, room, media) = (TransportId(id), RoomKey(1), Default::default());
    let spec = TransportSpec { id, room, shard: 0, connection, media };
    shard.apply(now, ControlState::Transport(id, Some(Arc::new(spec))), outbox);
}

#[test]
fn however_many_paths_a_browser_tries_the_one_it_chose_is_known() {
    let now = Instant::now();
    let (mut shard, mut outbox) = (shard(now), Outbox::default());
    open(&mut shard, now, 1, "sfu", &mut outbox);
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

#[test]
fn whoever_has_begun_to_connect_goes_on_before_others_begin() {
    let now = Instant::now();
    let (mut shard, mut outbox) = (shard(now), Outbox::default());
    let identity = Identity::generate(&[GCM]).unwrap();
    let mut clients: Vec<Dtls> = (0..10).map(|_| Dtls::new(&identity)).collect();
    let say = |shard: &mut Shard, outbox: &mut Outbox, client: &mut Dtls, port: u16| {
        client.poll(now).for_each(|mut datagram| shard.receive(now, path(port), &mut datagram, outbox));
    };
    for (port, client) in (0..).zip(&mut clients) {
        let name = format!("sfu{port}");
        open(&mut shard, now, u64::from(port), &name, &mut outbox);
        shard.receive(now, path(port), &mut check_of(&name, true), &mut outbox);
        client.start(now).unwrap();
        outbox.clear();
    }
    say(&mut shard, &mut outbox, &mut clients[0], 0);
    shard.handle_timeout(now, &mut outbox);
    let verify: Vec<u8> = outbox.entries().flat_map(|(_, datagram, _)| datagram.to_vec()).collect();
    clients[0].read(now, &verify).unwrap();
    for (port, client) in (1..).zip(&mut clients[1..]) {
        say(&mut shard, &mut outbox, client, port);
    }
    say(&mut shard, &mut outbox, &mut clients[0], 0);
    outbox.clear();
    shard.handle_timeout(now, &mut outbox);
    let answered: Vec<Path> = outbox.entries().map(|(path, ..)| path).collect();
    assert!(!answered.is_empty() && answered.iter().all(|answered| *answered == path(0)));
}
