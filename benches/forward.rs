//! What forwarding costs: one packet in, many out, beside the bare copy and seal that nothing can beat; and the stages
//! of a packet's way one by one. `docs/performance.md` has the figures.

mod bare;
mod rewriting;
#[allow(dead_code, reason = "benchmarks and the allocation test use different parts")]
mod room;

use std::cell::{LazyCell, RefCell};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use plenum::id::{ExtSeq, Ssrc};
use plenum::media::codec;
use plenum::media::packet;
use plenum::media::spec::{Codec, ExtensionMap};
use plenum::transport::srtp::{MasterKey, Profile, Srtp};
use rtc_crypto::default_provider;

use bare::Bare;
use rewriting::Rewriting;
use room::{Room, Stream, VIDEO_HEADER, VIDEO_PACKET};

const SUBSCRIBERS: [usize; 4] = [1, 10, 100, 1_000];
/// Packets made ahead of a measurement, as many as a shard takes from its socket in one turn at most.
const BATCH: u64 = 32;

/// Nanoseconds per forwarded packet, by benchmark and subscribers.
type Table = BTreeMap<(&'static str, usize), Vec<f64>>;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut table = Table::new();
    fan_out(&mut criterion, &mut table);
    stages(&mut criterion);
    criterion.final_summary();
    print(&table);
}

/// Measures `run` over batches that `prepare` makes outside the measurement. `note` hears how long each batch took, and
/// how many it were.
fn in_batches<T>(
    iterations: u64,
    mut prepare: impl FnMut() -> T,
    mut run: impl FnMut(&mut T),
    mut note: impl FnMut(Duration, u64),
) -> Duration {
    let mut elapsed = Duration::ZERO;
    let mut left = iterations;
    while left > 0 {
        let mut batch: Vec<T> = (0..left.min(BATCH)).map(|_| prepare()).collect();
        left -= batch.len() as u64;
        let start = Instant::now();
        batch.iter_mut().for_each(&mut run);
        let took = start.elapsed();
        note(took, batch.len() as u64);
        elapsed += took;
    }
    elapsed
}

fn fan_out(criterion: &mut Criterion, table: &mut Table) {
    let mut group = criterion.benchmark_group("fan_out");
    for subscribers in SUBSCRIBERS {
        group.throughput(Throughput::Elements(subscribers as u64));
        let mut note = |name, took: Duration, packets: u64| {
            let forwarded = packets as f64 * subscribers as f64;
            table.entry((name, subscribers)).or_default().push(took.as_nanos() as f64 / forwarded);
        };

        // Made when it is first needed, for a benchmark may be filtered out.
        let bare = LazyCell::new(|| RefCell::new(Bare::new(subscribers)));
        group.bench_function(BenchmarkId::new("bare", subscribers), |bencher| {
            bencher.iter_custom(|iterations| {
                in_batches(
                    iterations,
                    || (),
                    |()| bare.borrow_mut().send(),
                    |took, packets| note("bare", took, packets),
                )
            });
        });
        for (name, stream) in [("video", Stream::Video), ("audio", Stream::Audio)] {
            let room = LazyCell::new(|| RefCell::new(Room::new(subscribers, stream)));
            group.bench_function(BenchmarkId::new(name, subscribers), |bencher| {
                bencher.iter_custom(|iterations| {
                    let prepare = || {
                        room.borrow_mut().tick();
                        room.borrow_mut().datagram()
                    };
                    let forward = |datagram: &mut Vec<u8>| {
                        let mut room = room.borrow_mut();
                        room.receive(datagram);
                        black_box(&room).waiting().next();
                        room.flush();
                    };
                    in_batches(iterations, prepare, forward, |took, packets| note(name, took, packets))
                });
            });
        }
    }
    group.finish();
}

fn stages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stage");
    let (mut browser, mut server) = (srtp(1, 2), srtp(2, 1));
    let mut number = 0;
    let mut packet = || {
        number += 1;
        let mut packet = bare::packet(number);
        packet.resize(VIDEO_PACKET + Profile::AeadAes128Gcm.rtp_overhead(), 0);
        (packet, number)
    };
    group.bench_function("seal", |bencher| {
        bencher.iter_custom(|iterations| {
            in_batches(
                iterations,
                &mut packet,
                |(packet, number)| {
                    let sealed = server.seal_rtp(0, bare::SSRC, ExtSeq(*number), VIDEO_HEADER, packet, VIDEO_PACKET);
                    assert!(sealed.is_ok());
                },
                |_, _| {},
            )
        });
    });
    let mut number = 0;
    let mut sealed = || {
        number += 1;
        let mut packet = bare::packet(number);
        packet.resize(VIDEO_PACKET + Profile::AeadAes128Gcm.rtp_overhead(), 0);
        browser.seal_rtp(0, bare::SSRC, ExtSeq(number), VIDEO_HEADER, &mut packet, VIDEO_PACKET).expect("fresh");
        packet
    };
    group.bench_function("open", |bencher| {
        bencher.iter_custom(|iterations| {
            in_batches(iterations, &mut sealed, |packet| assert!(server.open_rtp(packet).is_ok()), |_, _| {})
        });
    });

    let extensions = room::extensions();
    let video = bare::packet(1);
    group.bench_function("parse_vp8", |bencher| bencher.iter(|| parse(black_box(&video), &extensions)));
    for codec in [Codec::Vp8, Codec::Vp9 { profile: 0 }, Codec::Av1 { profile: 0 }] {
        let mut line = Rewriting::new(codec);
        let name = format!("rewrite_{}", rewriting::name(codec));
        group.bench_function(name, |bencher| bencher.iter(|| black_box(line.forward())));
    }
    group.finish();
}

fn parse(packet: &[u8], extensions: &ExtensionMap) -> (Ssrc, codec::Facts) {
    let header = packet::parse(packet, extensions).expect("a packet");
    let facts = codec::facts(Codec::Vp8, header.payload(packet), header.marker, None).expect("a payload");
    (header.ssrc, facts)
}

fn srtp(ours: u8, theirs: u8) -> Srtp {
    let provider = default_provider().expect("a crypto provider");
    let key = |octet| MasterKey { key: [octet; 16], salt: [octet; 14] };
    Srtp::from_keys(provider.crypto(), Profile::AeadAes128Gcm, &key(ours), &key(theirs)).expect("keys")
}

/// What criterion does not compare: medians of all batches, and how often the bare copy and seal fits in.
fn print(table: &Table) {
    let median = |name: &'static str, subscribers: usize| {
        let mut samples = table.get(&(name, subscribers)).cloned().unwrap_or_default();
        samples.sort_by(f64::total_cmp);
        samples.get(samples.len() / 2).copied()
    };
    println!("ns per forwarded packet (median)");
    println!("{:>11} {:>8} {:>8} {:>8} {:>12}", "subscribers", "bare", "video", "audio", "video / bare");
    for subscribers in SUBSCRIBERS {
        let [bare, video, audio] = ["bare", "video", "audio"].map(|name| median(name, subscribers));
        let (Some(bare), Some(video), Some(audio)) = (bare, video, audio) else { continue };
        println!("{subscribers:>11} {bare:>8.0} {video:>8.0} {audio:>8.0} {:>12.2}", video / bare);
    }
}
