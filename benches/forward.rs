//! What forwarding costs: one packet in, many out, beside the bare copy and seal that nothing can beat; and the stages
//! of a packet's way one by one. `docs/performance.md` has the figures.

mod bare;
mod rare;
mod rewriting;
#[allow(dead_code, reason = "benchmarks and the allocation test use different parts")]
mod room;
mod wire;

use std::cell::{LazyCell, RefCell};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use plenum::id::{ExtSeq, Ssrc};
use plenum::media::codec;
use plenum::media::packet;
use plenum::media::spec::{Codec, ExtensionMap, H264Profile};
use plenum::transport::srtp::{MasterKey, Profile, Srtp};
use rtc_crypto::default_provider;

use bare::Bare;
use rewriting::Rewriting;
use room::{Room, Stream, VIDEO_HEADER, VIDEO_PACKET};
use wire::Wire;

const SUBSCRIBERS: [usize; 4] = [1, 10, 100, 1_000];
/// Packets made ahead of a measurement, as many as a shard takes from its socket in one turn at most.
const BATCH: u64 = 32;
/// Packets of a picture that come together.
const TOGETHER: usize = 4;

/// Nanoseconds per forwarded packet, by benchmark and subscribers.
type Table = BTreeMap<(&'static str, usize), Vec<f64>>;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut table = Table::new();
    fan_out(&mut criterion, &mut table);
    stages(&mut criterion);
    rare::run(&mut criterion);
    criterion.final_summary();
    print(&table);
}

/// Measures `run` over batches that `prepare` makes outside the measurement. `note` hears how long each batch took, and
/// how many it were.
fn in_batches<T>(
    iterations: u64,
    prepare: impl FnMut() -> T,
    run: impl FnMut(&mut T),
    note: impl FnMut(Duration, u64),
) -> Duration {
    in_batches_of(BATCH, iterations, prepare, run, note)
}

/// The same, with batches of `most`.
fn in_batches_of<T>(
    most: u64,
    iterations: u64,
    mut prepare: impl FnMut() -> T,
    mut run: impl FnMut(&mut T),
    mut note: impl FnMut(Duration, u64),
) -> Duration {
    let mut elapsed = Duration::ZERO;
    let mut left = iterations;
    while left > 0 {
        let mut batch: Vec<T> = (0..left.min(most)).map(|_| prepare()).collect();
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
        let wire = LazyCell::new(|| RefCell::new(Wire::new()));
        group.bench_function(BenchmarkId::new("bare_sent", subscribers), |bencher| {
            bencher.iter_custom(|iterations| {
                let send = |(): &mut ()| {
                    bare.borrow_mut().send();
                    bare.borrow().packets().for_each(|packet| wire.borrow().send(packet, packet.len()));
                };
                in_batches(
                    iterations,
                    || wire.borrow_mut().drain(),
                    send,
                    |took, packets| {
                        note("bare_sent", took, packets);
                    },
                )
            });
        });
        for (name, stream) in [("video", Stream::Video), ("audio", Stream::Audio), ("fed", Stream::Video)] {
            let room = LazyCell::new(|| {
                RefCell::new(if name == "fed" {
                    Room::across(subscribers, stream)
                } else {
                    Room::new(subscribers, stream)
                })
            });
            let prepare = || {
                room.borrow_mut().tick();
                room.borrow_mut().datagram()
            };
            group.bench_function(BenchmarkId::new(name, subscribers), |bencher| {
                bencher.iter_custom(|iterations| {
                    let forward = |datagram: &mut Vec<u8>| {
                        let mut room = room.borrow_mut();
                        room.receive(datagram);
                        black_box(&room).waiting().next();
                        room.flush();
                    };
                    in_batches(iterations, prepare, forward, |took, packets| note(name, took, packets))
                });
            });
            if name != "video" {
                continue;
            }
            group.bench_function(BenchmarkId::new("video_sent", subscribers), |bencher| {
                bencher.iter_custom(|iterations| {
                    let forward = |datagram: &mut Vec<u8>| {
                        room.borrow_mut().receive(datagram);
                        leave(&mut room.borrow_mut(), &wire.borrow());
                    };
                    let prepare = || {
                        wire.borrow_mut().drain();
                        prepare()
                    };
                    in_batches(iterations, prepare, forward, |took, packets| note("video_sent", took, packets))
                });
            });
        }
        // Pictures whose packets come together: an iteration is a picture.
        group.throughput(Throughput::Elements((TOGETHER * subscribers) as u64));
        let room = LazyCell::new(|| RefCell::new(Room::new(subscribers, Stream::Video)));
        let prepare = || {
            wire.borrow_mut().drain();
            // As much time as their packets take, or they would be more than anybody is sent on trust.
            (0..TOGETHER).for_each(|_| room.borrow_mut().tick());
            std::array::from_fn::<Vec<u8>, TOGETHER, _>(|_| room.borrow_mut().datagram())
        };
        for name in ["picture", "picture_sent"] {
            group.bench_function(BenchmarkId::new(name, subscribers), |bencher| {
                bencher.iter_custom(|iterations| {
                    let forward = |datagrams: &mut [Vec<u8>; TOGETHER]| {
                        let mut room = room.borrow_mut();
                        room.receive_together(datagrams);
                        assert!(room.runs().next().is_some(), "somebody is served");
                        match name {
                            "picture" => room.flush(),
                            _ => leave(&mut room, &wire.borrow()),
                        }
                    };
                    // More pictures ahead would be a pause so long that the stream counts as ended.
                    let most = BATCH / TOGETHER as u64;
                    in_batches_of(most, iterations, prepare, forward, |took, pictures| {
                        note(name, took, pictures * TOGETHER as u64);
                    })
                });
            });
        }
    }
    group.finish();
}

/// Everything that waits leaves, one call for each run.
fn leave(room: &mut Room, wire: &Wire) {
    room.runs().for_each(|(run, segment)| wire.send(run, segment));
    room.flush();
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
    let h264 = Codec::H264 { profile: H264Profile::ConstrainedBaseline, packetization_mode: 1 };
    for codec in [Codec::Vp8, Codec::Vp9 { profile: 0 }, h264, Codec::Av1 { profile: 0 }] {
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
    let columns = ["bare", "video", "picture", "audio", "bare_sent", "video_sent", "picture_sent", "fed"];
    println!("ns per forwarded packet (median)");
    print!("{:>11}", "subscribers");
    columns.iter().for_each(|name| print!(" {name:>12}"));
    println!(
        " {:>12} {:>14} {:>18} {:>20}",
        "video / bare", "picture / bare", "video / bare, sent", "picture / bare, sent"
    );
    for subscribers in SUBSCRIBERS {
        let cells = columns.map(|name| median(name, subscribers));
        print!("{subscribers:>11}");
        for cell in cells {
            print!(" {:>12}", cell.map_or("-".to_owned(), |ns| format!("{ns:.0}")));
        }
        let ratio = |of: usize, to: usize| {
            cells[of].zip(cells[to]).map_or("-".to_owned(), |(of, to)| format!("{:.2}", of / to))
        };
        println!(" {:>12} {:>14} {:>18} {:>20}", ratio(1, 0), ratio(2, 0), ratio(5, 4), ratio(6, 4));
    }
}
