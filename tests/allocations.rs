//! Forwarding allocates nothing: not for the packet that comes in, and not for any that goes out.

#[path = "../benches/room.rs"]
#[allow(dead_code, reason = "benchmarks and this test use different parts")]
mod room;

use std::time::Duration;

use room::{Room, Stream};

/// Packets after which every buffer has its size: as many as a downlink remembers for retransmission.
const WARM_UP: usize = 2_100;
/// Packets that are measured, with two key frames among the video's.
const MEASURED: usize = 1_600;

/// Allocations while `MEASURED` packets are opened, stored, rewritten, sealed and queued for all subscribers.
fn allocations(mut room: Room, subscribers: usize) -> u64 {
    for _ in 0..WARM_UP {
        let mut datagram = room.datagram();
        room.receive(&mut datagram);
        room.tick();
    }
    let mut total = 0;
    for _ in 0..MEASURED {
        let mut datagram = room.datagram();
        // Reports and reviews belong to the clock, not to packets: they may allocate, and are due here.
        room.tick();
        room.now += Duration::from_micros(10);
        let mut sent = 0;
        let info = allocation_counter::measure(|| {
            room.receive(&mut datagram);
            sent = room.waiting().count();
            room.turn();
            room.flush();
        });
        assert_eq!(sent, subscribers);
        total += info.count_total;
    }
    total
}

#[test]
fn a_counted_allocation_is_seen() {
    let info = allocation_counter::measure(|| drop(std::hint::black_box(Box::new(1_u8))));
    assert_eq!(info.count_total, 1);
}

#[test]
fn forwarding_sound_allocates_nothing() {
    assert_eq!([1, 100].map(|subscribers| allocations(Room::new(subscribers, Stream::Audio), subscribers)), [0, 0]);
}

#[test]
fn forwarding_a_picture_allocates_nothing() {
    assert_eq!([1, 100].map(|subscribers| allocations(Room::new(subscribers, Stream::Video), subscribers)), [0, 0]);
}

#[test]
fn forwarding_a_picture_to_another_shard_allocates_nothing() {
    assert_eq!([1, 100].map(|subscribers| allocations(Room::across(subscribers, Stream::Video), subscribers)), [0, 0]);
}
