//! Seats that change hands.

use super::*;
use crate::call::seeds;
use crate::publisher::LONGEST_KEY_FRAME;
use crate::time::SECOND;
use rand::Rng;

/// A request waits for the budget of its source this long at most.
const BUDGET: Us = 2 * SECOND;

/// Turns seat 0 of the last browser to another of `senders` at random moments between `pause`, and returns when it
/// turned to whom.
fn churn(call: &mut Call, senders: usize, until: Us, pause: std::ops::Range<Us>) -> Vec<(Us, u32)> {
    let mut turns = vec![(0, camera(0))];
    while call.now() < until {
        let span = call.rng().random_range(pause.clone());
        call.run(span);
        let last = turns.last().map_or(0, |(_, source)| *source);
        let other = (0..senders).map(camera).filter(|source| *source != last);
        let place = call.rng().random_range(0..senders - 1);
        let source = other.clone().nth(place).unwrap_or(last);
        call.seat(senders, &[source]);
        turns.push((call.now(), source));
    }
    turns
}

fn call(seed: u64, senders: usize) -> Call {
    let mut call = Call::new(seed);
    for n in 0..senders as u64 {
        let shape = Shape { everywhere: n % 2 == 0, ..Shape::CAMERA.temporal(1 + ((seed + n) % 3) as u8) };
        call.join(sender(shape));
    }
    let watcher = call.join(watcher(1));
    call.seat(watcher, &[camera(0)]);
    call
}

#[test]
fn the_old_picture_stays_until_the_new_one_is_there() {
    const SENDERS: usize = 4;
    for seed in seeds(30) {
        let mut call = call(seed, SENDERS);
        call.run(2 * SECOND);
        churn(&mut call, SENDERS, 12 * SECOND, 100 * MS..1_500 * MS);
        call.run(3 * SECOND);
        assert_true_to_the_source(&call, SENDERS);
        (0..SENDERS).for_each(|publisher| assert_requests_are_seldom(&call, publisher, 5 * MS));
        let line = call.receiver(SENDERS).video(0);
        assert!(
            line.playout.freezes(SECOND, 15 * SECOND).is_empty(),
            "{:?}",
            line.playout.freezes(SECOND, 15 * SECOND)
        );
        assert_eq!(line.counts.plis, 0, "a receiver had to ask");
        assert!(line.playout.delay() < 80 * MS, "the jitter buffer grew to {} µs", line.playout.delay());
    }
}

#[test]
fn a_source_that_stays_is_seen_soon_and_heard_at_once() {
    const SENDERS: usize = 3;
    for seed in seeds(20) {
        let mut call = call(seed, SENDERS);
        call.run(2 * SECOND);
        let turns = churn(&mut call, SENDERS, 20 * SECOND, BUDGET + SECOND..BUDGET + 2 * SECOND);
        call.run(3 * SECOND);
        assert_true_to_the_source(&call, SENDERS);
        let receiver = call.receiver(SENDERS);
        for (at, source) in turns.into_iter().skip(1) {
            let shown = receiver.video(0).playout.first_of(source, at).map(|shown| shown.at - at);
            // To the publisher, its encoder, to the watcher, and the jitter buffer.
            let most = 20 * MS + LONGEST_KEY_FRAME + 2 * 25 * MS + 100 * MS;
            assert!(shown.is_some_and(|after| after <= most), "{source} at {at}: seen after {shown:?}");
            let heard = receiver.audio(0).heard.iter().find(|heard| heard.at >= at && heard.mark.source == source);
            let after = heard.map(|heard| heard.at - at);
            assert!(after.is_some_and(|after| after <= 60 * MS), "{source} at {at}: heard after {after:?}");
        }
    }
}
