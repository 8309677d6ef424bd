//! What is no packet's business: choosing layers, checks, handshakes and answers, beside the part of each that cannot be
//! left out.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};
use plenum::border::SourceKind;
use plenum::id::{Bps, SeatId, SourceId};
use plenum::media::allocate::{Allocator, OperatingPoint, Seat};
use plenum::sdp::{Purpose, ServerSide, Session};
use plenum::transport::spec::{Candidate, Fingerprint, FingerprintAlgorithm, IceCredentials, Protocol};
use rand::SeedableRng;
use rand::rngs::StdRng;
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};

use crate::room::Door;

/// A camera of three layers, each at 15 and at 30 frames a second: octets are those of Chromium's 720 lines.
const LAYERS: [(u16, u64); 3] = [(180, 150_000), (360, 500_000), (720, 1_700_000)];
const OFFER: &str = include_str!("../tests/fixtures/sdp/chromium_call.sdp");

pub fn run(criterion: &mut Criterion) {
    allocate(criterion);
    connect(criterion);
    answer(criterion);
}

fn allocate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("allocate");
    let points: Vec<OperatingPoint> =
        LAYERS.iter().enumerate().flat_map(|(layer, (height, rate))| points(layer, *height, *rate)).collect();
    for sources in [4_u16, 25, 100] {
        let seats: Vec<Seat<'_>> = (0..sources)
            .map(|number| Seat {
                seat: SeatId(number),
                source: SourceId(u32::from(number)),
                priority: u8::from(number == 0),
                max_height: if number == 0 { 720 } else { 180 },
                kind: SourceKind::Camera,
                points: &points,
            })
            .collect();
        let (mut allocator, mut now) = (Allocator::default(), Instant::now());
        group.bench_function(BenchmarkId::from_parameter(sources), |bencher| {
            bencher.iter(|| {
                now += Duration::from_millis(100);
                black_box(allocator.allocate(now, Bps(4_000_000), &seats).used)
            });
        });
    }
    group.finish();
}

fn points(layer: usize, height: u16, rate: u64) -> [OperatingPoint; 2] {
    [(0, 50, rate * 6 / 10), (1, 100, rate)].map(|(temporal, frame_share, rate)| OperatingPoint {
        layer,
        spatial: 0,
        temporal,
        height,
        frame_share,
        rate: Some(Bps(rate)),
        alive: true,
    })
}

fn connect(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("connect");
    let mut door = Door::new();
    let check = door.checking();
    let key = hmac::Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &[7; 30]);
    group.bench_function("stun_bare", |bencher| {
        bencher.iter(|| (hmac::sign(&key, black_box(&check)), hmac::sign(&key, black_box(&check))));
    });
    group.bench_function("stun", |bencher| {
        bencher.iter(|| door.check(&mut check.clone()));
    });

    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).expect("a key");
    let signer = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random).expect("a key");
    group.bench_function("dtls_bare", |bencher| {
        bencher.iter(|| {
            let private = EphemeralPrivateKey::generate(&X25519, &random).expect("a key");
            let public = private.compute_public_key().expect("a key");
            let theirs = UnparsedPublicKey::new(&X25519, public.as_ref());
            let shared = agree_ephemeral(private, &theirs, |secret| secret.len()).expect("a secret");
            (shared, signer.sign(&random, &[7; 64]).expect("a signature"))
        });
    });
    group.sample_size(20);
    group.bench_function("dtls", |bencher| {
        bencher.iter_custom(|iterations| (0..iterations).map(|_| door.handshake()).sum());
    });
    group.finish();
}

fn answer(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sdp");
    let mut rng = StdRng::seed_from_u64(1);
    let server = ServerSide {
        fingerprint: Fingerprint { algorithm: FingerprintAlgorithm::Sha256, digest: vec![7; 32] },
        candidates: vec![Candidate { address: ([192, 0, 2, 1], 4_000).into(), protocol: Protocol::Udp }],
        shard: 0,
        max_seats: 49,
        sctp_port: 5_000,
    };
    group.bench_function("answer_bare", |bencher| {
        bencher.iter(|| {
            let parsed = rtc_sdp::description::session::SessionDescription::unmarshal(&mut std::io::Cursor::new(
                OFFER.as_bytes(),
            ));
            black_box(parsed.expect("an offer").marshal().len())
        });
    });
    group.bench_function("answer", |bencher| {
        bencher.iter(|| {
            let mut session = Session::new(IceCredentials::generate(0, &mut rng), Purpose::Call);
            black_box(session.answer(OFFER, &server, &mut rng).expect("an answer"))
        });
    });
    group.finish();
}
