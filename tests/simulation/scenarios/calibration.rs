//! The models against what was measured in browsers.

use super::*;
use crate::call::seeds;
use crate::network::{Conditions, Loss};
use crate::time::SECOND;

#[test]
fn a_request_for_a_key_frame_takes_as_long_as_with_chromium() {
    // research/browser-spike.md §3: median 63 ms, ninth decile 125 ms, at most 270 ms, over loopback.
    let mut times = Vec::new();
    for seed in 0..200 {
        let near = Conditions { delay: 100, jitter: 0, ..Conditions::default() };
        // Every packet is lost, so that the watcher asks again and again.
        let down = Conditions { loss: Loss::Random(0.7), ..near };
        let mut call =
            pair(seed, Guest { up: near, down: near, ..sender(Shape::CAMERA) }, Guest { down, ..watcher(1) });
        call.run(4 * SECOND);
        let answered = call.sender(0).camera.iter().flat_map(|camera| &camera.answered);
        times.extend(answered.map(|key| key.sent - key.asked));
    }
    times.sort_unstable();
    let (median, tenth, longest) = (times[times.len() / 2], times[times.len() * 9 / 10], times[times.len() - 1]);
    assert!(times.len() > 200, "{} requests", times.len());
    assert!((55 * MS..71 * MS).contains(&median), "median {median} µs");
    assert!((110 * MS..140 * MS).contains(&tenth), "ninth decile {tenth} µs");
    assert!((200 * MS..280 * MS).contains(&longest), "longest {longest} µs");
}

#[test]
fn layers_cost_what_they_are_said_to_cost() {
    for seed in seeds(5) {
        let mut call = pair(seed, sender(Shape::CAMERA), watcher(1));
        // Not longer: what nobody takes is paused after five seconds.
        call.run(5 * SECOND);
        let rates: u64 = call.sender(0).camera.iter().flat_map(|camera| camera.rates()).sum();
        let carried = call.browser(0).up.carried(SECOND, 5 * SECOND);
        // Headers, sound and feedback come on top.
        assert!((rates..rates * 115 / 100).contains(&carried), "{carried} bit/s");
    }
}

#[test]
fn a_receiver_asks_for_what_is_lost_once_a_round_trip() {
    // research/browser-spike.md §4: at 5 % loss everything is recovered by NACK and RTX without a freeze.
    for seed in seeds(5) {
        let down = Conditions::lossy(0.05, 20 * MS);
        // It speaks, and so knows its round trip.
        let tracks = Tracks { voice: true, ..Tracks::default() };
        let mut call = pair(seed, sender(Shape::CAMERA), Guest { down, tracks, ..watcher(1) });
        call.run(10 * SECOND);
        let line = call.receiver(1).video(0);
        let lost = call.ledger.sent - call.receiver(1).lines.iter().map(|line| line.counts.packets).sum::<u64>();
        assert!((line.repairs.asked as f64) < 1.3 * lost as f64, "{} asked, {lost} lost", line.repairs.asked);
        let frozen = line.playout.freezes(2 * SECOND, 10 * SECOND);
        assert!(frozen.is_empty(), "{frozen:?} {:?}", line.counts);
        assert_eq!(line.counts.plis, 0);
    }
}
