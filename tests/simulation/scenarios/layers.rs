//! Layers that die, return, are paused and resumed.

use super::*;
use crate::call::seeds;
use crate::publisher::LONGEST_KEY_FRAME;
use crate::time::SECOND;
use plenum::border::{SeatPlan, SeatedSource};
use plenum::id::{SeatId, SourceId};
use rand::Rng;

/// A layer that falls silent is left after 300 ms and a review every 100 ms; then a key frame of another is needed: the
/// request's way, the encoder, and the way of the picture. During that time the seat stands still, and no longer.
const LEFT: Us = 300 * MS + 100 * MS + 25 * MS + LONGEST_KEY_FRAME + 2 * 25 * MS + 34 * MS;

fn longest_gap(call: &Call, from: Us, to: Us) -> Us {
    let freezes = call.receiver(1).video(0).playout.freezes(from, to);
    freezes.iter().map(|freeze| freeze.to - freeze.from).max().unwrap_or(0)
}

/// The layer that seat 0 shows at the end of the run.
fn shown_layer(call: &Call) -> Option<u8> {
    call.receiver(1).video(0).playout.shown.last().map(|shown| shown.mark.layer)
}

#[test]
fn a_layer_that_dies_is_left_for_the_next_one_and_taken_again_when_it_returns() {
    for seed in seeds(40) {
        let mut call = pair(seed, sender(Shape::CAMERA.temporal(1 + (seed % 3) as u8)), watcher(1));
        call.run(3 * SECOND);
        assert_eq!(shown_layer(&call), Some(2));
        call.change(0, |publisher, _| publisher.set_active(2, false));
        call.run(3 * SECOND);
        assert_eq!(shown_layer(&call), Some(1));
        let gap = longest_gap(&call, SECOND, 6 * SECOND);
        assert!(gap <= LEFT, "stood still for {} ms", gap / MS);
        call.change(0, |publisher, _| publisher.set_active(2, true));
        call.run(3 * SECOND);
        assert_eq!(shown_layer(&call), Some(2));
        assert_eq!(longest_gap(&call, 5 * SECOND, 9 * SECOND), 0, "the return of a layer froze the picture");
        assert_true_to_the_source(&call, 1);
    }
}

#[test]
fn layers_that_come_and_go_leave_no_seat_frozen() {
    for seed in seeds(40) {
        let mut call = pair(seed, sender(Shape::CAMERA.temporal(1 + (seed % 3) as u8)), watcher(1));
        call.run(SECOND);
        for _ in 0..8 {
            let layer = call.rng().random_range(1..3);
            let active = call.rng().random();
            call.change(0, |publisher, _| publisher.set_active(layer, active));
            let span = call.rng().random_range(50 * MS..1_500 * MS);
            call.run(span);
        }
        let settled = call.now() + SECOND;
        call.run(3 * SECOND);
        assert_true_to_the_source(&call, 1);
        // Another layer may die while the seat waits for the key frame of one, and the budget may make it wait.
        let gap = longest_gap(&call, SECOND, call.now());
        assert!(gap <= 3 * SECOND, "stood still for {} ms", gap / MS);
        assert_eq!(longest_gap(&call, settled + SECOND, settled + 2 * SECOND), 0);
    }
}

#[test]
fn a_tile_that_grows_is_filled_within_a_second_by_a_layer_that_rested() {
    for seed in seeds(20) {
        let mut call = pair(seed, sender(Shape::CAMERA), watcher(1));
        let tile = |max_height| {
            let seat = SeatedSource { seat: SeatId(0), source: SourceId(camera(0)), max_height, priority: 1 };
            SeatPlan { seats: vec![seat] }
        };
        call.plan(1, tile(180));
        call.run(8 * SECOND);
        let sends = |call: &Call| call.sender(0).camera.as_ref().map(|camera| camera.layers[2].sends());
        assert_eq!((sends(&call), shown_layer(&call)), (Some(false), Some(0)));
        call.plan(1, tile(720));
        call.run(20 * MS);
        assert_eq!(sends(&call), Some(true), "the publisher is asked within 20 ms");
        call.run(SECOND);
        assert_eq!(shown_layer(&call), Some(2));
        assert_eq!(longest_gap(&call, 2 * SECOND, call.now()), 0, "the picture stood still");
    }
}

#[test]
fn a_camera_that_was_off_is_seen_at_once_when_it_is_on_again() {
    for seed in seeds(30) {
        let shape = if seed % 3 == 0 { Shape::SINGLE } else { Shape::CAMERA };
        let mut call = pair(seed, sender(shape), watcher(1));
        call.run(2 * SECOND);
        call.change(0, |publisher, _| publisher.pause_camera());
        let off = call.rng().random_range(300 * MS..6 * SECOND);
        call.run(off);
        let on = call.now();
        call.change(0, |publisher, now| publisher.resume_camera(now));
        call.run(3 * SECOND);
        assert_true_to_the_source(&call, 1);
        let seen = call.receiver(1).video(0).playout.first_of(camera(0), on).map(|shown| shown.at - on);
        assert!(seen.is_some_and(|after| after <= 200 * MS), "off for {off}: seen after {seen:?}");
        assert_eq!(longest_gap(&call, on + 200 * MS, on + 3 * SECOND), 0);
        assert_eq!(shown_layer(&call), Some(shape.layers as u8 - 1));
    }
}

#[test]
fn a_static_screen_is_not_taken_for_dead() {
    for seed in seeds(10) {
        let mut call = Call::new(seed);
        let tracks = Tracks { camera: None, screen: Some(Shape::SCREEN), voice: false };
        call.join(Guest { tracks, ..Guest::default() });
        call.join(watcher(1));
        call.run(SECOND);
        call.seat(1, &[crate::call::screen(0)]);
        call.run(5 * SECOND);
        assert_true_to_the_source(&call, 1);
        let first = call.receiver(1).video(0).playout.shown.first().map(|shown| shown.at - SECOND);
        assert!(first.is_some_and(|after| after < 300 * MS), "seen after {first:?}");
        assert_eq!(longest_gap(&call, 2 * SECOND, 6 * SECOND), 0);
    }
}
