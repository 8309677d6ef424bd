//! A large room: thirty sources, nine seats, and somebody new speaks every second.

use super::*;
use crate::call::seeds;
use crate::publisher::{KeyFrame, VideoTrack};
use crate::time::SECOND;

const SOURCES: usize = 30;
const SEATS: usize = 9;
const WATCHER: usize = SOURCES;

/// When the ring holds a key frame, the picture comes out of it within this.
const REPLAYED: Us = 150 * MS;

/// What the way from the server through the network and the jitter buffer may take on top.
const AROUND: Us = 100 * MS;

/// A change of a seat, as the room makes it.
struct Change {
    at: Us,
    seat: usize,
    source: u32,
    publisher: usize,
}

fn room(seed: u64) -> (Call, Vec<u32>) {
    let mut call = Call::new(seed);
    for n in 0..SOURCES {
        let shape = Shape { everywhere: n % 2 == 0, ..Shape::CAMERA };
        call.join(sender(shape));
    }
    call.join(watcher(SEATS as u16));
    let seated: Vec<u32> = (0..SEATS).map(camera).collect();
    call.seat(WATCHER, &seated);
    (call, seated)
}

/// Gives the seat of whoever spoke longest ago to the next speaker, every second.
fn talk(call: &mut Call, mut seated: Vec<u32>, seconds: usize) -> Vec<Change> {
    let mut changes = Vec::new();
    for turn in 0..seconds {
        let publisher = (SEATS + turn * 7) % SOURCES;
        let source = camera(publisher);
        call.change(publisher, |publisher, _| publisher.speak(true));
        let seat = turn % SEATS;
        if !seated.contains(&source) {
            seated[seat] = source;
            call.seat(WATCHER, &seated);
            changes.push(Change { at: call.now(), seat, source, publisher });
        }
        call.run(SECOND);
        call.change(publisher, |publisher, _| publisher.speak(false));
    }
    changes
}

/// The request that the change caused, and its answer.
fn request(camera: &VideoTrack, at: Us) -> Option<(Us, KeyFrame)> {
    let (asked, _) = camera.asked.iter().find(|(asked, _)| (at..at + SECOND).contains(asked)).copied()?;
    let answer = camera.answered.iter().find(|answer| answer.asked >= at)?;
    Some((asked, *answer))
}

fn check(call: &Call, change: &Change, budget_was_free: bool) -> Us {
    let playout = &call.receiver(WATCHER).video(change.seat).playout;
    let shown = playout.first_of(change.source, change.at).map(|shown| shown.at - change.at).unwrap_or(Us::MAX);
    let camera = call.sender(change.publisher).camera.as_ref();
    match camera.and_then(|camera| request(camera, change.at)) {
        Some((asked, answer)) if shown > REPLAYED => {
            if budget_was_free {
                assert!(asked - change.at <= 30 * MS, "{} was asked after {} µs", change.source, asked - change.at);
            }
            let most = answer.sent - change.at + SECOND / 30 + AROUND;
            assert!(shown <= most, "{} after {shown} µs, its key frame left after {most}", change.source);
        }
        _ => assert!(shown <= REPLAYED, "{} out of the ring after {shown} µs", change.source),
    }
    shown
}

fn run(seed: u64, seconds: usize) {
    let (mut call, seated) = room(seed);
    call.run(2 * SECOND);
    let changes = talk(&mut call, seated, seconds);
    let end = call.now();
    call.run(SECOND);
    assert_true_to_the_source(&call, WATCHER);
    assert!(changes.len() > seconds / 2, "{} changes", changes.len());
    let mut times = Vec::new();
    for change in &changes {
        let asked = call.sender(change.publisher).camera.iter().flat_map(|camera| &camera.asked);
        let recently = |asked: Us| asked < change.at && asked + 3 * SECOND > change.at;
        let free = !asked.clone().any(|(asked, _)| recently(*asked));
        times.push(check(&call, change, free));
    }
    (0..SOURCES).for_each(|publisher| assert_requests_are_seldom(&call, publisher, 5 * MS));
    times.sort_unstable();
    println!("first frames after {:?} ms", times.iter().map(|time| time / MS).collect::<Vec<_>>());
    for seat in 0..SEATS {
        let playout = &call.receiver(WATCHER).video(seat).playout;
        assert!(playout.freezes(SECOND, end).is_empty(), "seat {seat}: {:?}", playout.freezes(SECOND, end));
    }
}

/// Lets one after the other speak, and gives the seat of whoever spoke longest ago to who dominates, as the room does.
fn follow(call: &mut Call, mut seated: Vec<u32>, seconds: usize) -> Vec<Change> {
    let mut changes = Vec::new();
    for turn in 0..seconds {
        let publisher = (SEATS + turn * 7) % SOURCES;
        let source = camera(publisher);
        call.change(publisher, |publisher, _| publisher.speak(true));
        let seat = turn % SEATS;
        for _ in 0..SECOND / (5 * MS) {
            call.run(5 * MS);
            let dominates = call.dominant.last().is_some_and(|(_, dominant)| *dominant == source);
            if dominates && !seated.contains(&source) {
                seated[seat] = source;
                call.seat(WATCHER, &seated);
                changes.push(Change { at: call.now(), seat, source, publisher });
            }
        }
        call.change(publisher, |publisher, _| publisher.speak(false));
    }
    changes
}

/// Asked while they rise, most speakers have a key frame in the ring when they dominate.
#[test]
fn a_speaker_that_takes_over_is_seen_out_of_the_ring() {
    for seed in seeds(2) {
        let (mut call, seated) = room(200 + seed);
        call.run(2 * SECOND);
        let changes = follow(&mut call, seated, 15);
        call.run(SECOND);
        assert_true_to_the_source(&call, WATCHER);
        assert!(changes.len() >= 10, "{} changes", changes.len());
        let times: Vec<Us> = changes
            .iter()
            .map(|change| {
                let playout = &call.receiver(WATCHER).video(change.seat).playout;
                playout.first_of(change.source, change.at).map_or(Us::MAX, |shown| shown.at - change.at)
            })
            .collect();
        println!("first frames after {:?} ms", times.iter().map(|time| time / MS).collect::<Vec<_>>());
        // The first of all dominates as soon as it speaks: nobody was there to rise beside.
        assert!(times[1..].iter().all(|time| *time <= REPLAYED), "{times:?}");
        (0..SOURCES).for_each(|publisher| assert_requests_are_seldom(&call, publisher, 5 * MS));
    }
}

#[test]
fn every_new_speaker_is_seen_soon_and_no_seat_stands_still() {
    for seed in seeds(3) {
        run(seed, 10);
    }
}

#[test]
fn a_minute_of_new_speakers_is_like_the_first_seconds() {
    for seed in seeds(1) {
        run(100 + seed, 60);
    }
}
