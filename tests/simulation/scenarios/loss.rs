//! Random loss, in bursts and without, and what is repaired in time.

use super::*;
use crate::call::seeds;
use crate::network::{Conditions, Loss};
use crate::time::SECOND;

/// The top layer is there by then.
const START: Us = 2 * SECOND;
const END: Us = 8 * SECOND;

/// Runs a call over a network whose round trip from either browser to the server is 80 ms. Punctuality counts what was
/// captured early enough to be repaired before the end.
fn run(seed: u64, shape: Shape, up: Conditions, down: Conditions) -> (Call, Punctuality) {
    let even = Conditions { delay: 40 * MS, ..Conditions::default() };
    // Loss on the other direction of a browser would take requests and reports, too.
    let sender = Guest { up, down: even, ..sender(shape) };
    let watcher = Guest { up: even, down, ..watcher(1) };
    let mut call = pair(seed, sender, watcher);
    call.run(END + SECOND);
    assert_true_to_the_source(&call, 1);
    assert_requests_are_seldom(&call, 0, 35 * MS);
    let punctuality = punctuality(&call, 0, 1, shape.layers - 1, (START, END));
    (call, punctuality)
}

fn lossy(loss: Loss) -> Conditions {
    Conditions { loss, delay: 40 * MS, ..Conditions::default() }
}

fn assert_punctual(of: &str, seeds: impl Iterator<Item = u64>, run: impl Fn(u64) -> (Call, Punctuality)) {
    for seed in seeds {
        let (call, punctuality) = run(seed);
        let line = call.receiver(1).video(0);
        assert!(line.counts.retransmitted > 0 || of.contains("up"), "{of}: nothing was lost");
        assert!(punctuality.expected > 800, "{of}: {punctuality:?}");
        assert!(punctuality.share() >= 0.995, "{of}: {punctuality:?} {:?}", line.counts);
    }
}

#[test]
fn a_good_line_shows_every_frame_on_time() {
    for seed in seeds(10) {
        for temporal in 1..=3 {
            let good = lossy(Loss::Random(0.0));
            let (call, punctuality) = run(seed, Shape::CAMERA.temporal(temporal), good, good);
            assert_eq!((punctuality.in_time, punctuality.missing), (punctuality.expected, 0));
            let line = call.receiver(1).video(0);
            assert!(line.playout.freezes(SECOND, END).is_empty());
            assert!(line.playout.delay() < 60 * MS, "{} µs", line.playout.delay());
            assert_eq!((line.repairs.asked, line.counts.plis), (0, 0));
        }
    }
}

#[test]
fn five_percent_loss_on_the_way_down_is_repaired_in_time() {
    let (good, bad) = (lossy(Loss::Random(0.0)), lossy(Loss::Random(0.05)));
    assert_punctual("down", seeds(30), |seed| run(seed, Shape::CAMERA, good, bad));
}

#[test]
fn five_percent_loss_on_the_way_up_is_repaired_in_time() {
    let (good, bad) = (lossy(Loss::Random(0.0)), lossy(Loss::Random(0.05)));
    assert_punctual("up", seeds(30), |seed| run(seed, Shape::CAMERA, bad, good));
}

#[test]
fn short_bursts_of_loss_are_repaired_in_time() {
    let (good, bad) = (lossy(Loss::Random(0.0)), lossy(Loss::Bursts { begin: 0.01, end: 0.2 }));
    assert_punctual("down", seeds(15), |seed| run(seed, Shape::CAMERA, good, bad));
    assert_punctual("up", seeds(15), |seed| run(seed, Shape::CAMERA, bad, good));
}

#[test]
fn packets_that_overtake_each_other_cost_nothing() {
    for seed in seeds(20) {
        let wild = Conditions { jitter: 30 * MS, reorders: true, duplicates: 0.02, ..lossy(Loss::Random(0.0)) };
        let (call, punctuality) = run(seed, Shape::CAMERA.temporal(1 + (seed % 3) as u8), wild, wild);
        assert_eq!(punctuality.missing, 0, "{punctuality:?}");
        assert!(punctuality.share() >= 0.995, "{punctuality:?}");
        assert!(call.receiver(1).video(0).playout.freezes(START, END).is_empty());
    }
}

#[test]
fn sound_comes_without_delay_through_a_lossy_line() {
    for seed in seeds(10) {
        let (call, _) = run(seed, Shape::CAMERA, lossy(Loss::Random(0.0)), lossy(Loss::Random(0.05)));
        let sent = &call.sender(0).voice.as_ref().map(|voice| voice.sent.clone()).unwrap_or_default();
        let heard = &call.receiver(1).audio(0).heard;
        assert!(heard.len() > sent.len() * 9 / 10, "{} of {}", heard.len(), sent.len());
        for heard in heard {
            let delay = heard.at - sent[heard.mark.frame as usize - 1];
            assert!(delay < 100 * MS, "{delay} µs");
        }
    }
}
