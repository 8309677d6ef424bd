//! Links that are narrower than the picture.

use super::*;
use crate::call::seeds;
use crate::network::Conditions;
use crate::time::SECOND;

/// What the layers of a camera with its voice can use of `rate`: the highest layer that fits, with the headers and the
/// feedback that come on top of it.
fn useful(rate: u64) -> u64 {
    const LAYERS: [u64; 3] = [150_000, 500_000, 1_700_000];
    const VOICE: u64 = 32_000;
    LAYERS.into_iter().map(|layer| layer + VOICE).filter(|needed| needed * 110 / 100 <= rate).max().unwrap_or(0)
}

fn call(seed: u64, rate: u64) -> Call {
    let down = Conditions { delay: 30 * MS, queue: 400 * MS, ..Conditions::limited(rate) };
    seated(Call::new(seed), sender(Shape::CAMERA), Guest { down, ..watcher(1) })
}

#[test]
fn a_link_that_narrows_is_followed_within_two_seconds() {
    for seed in seeds(20) {
        let mut call = call(seed, 5_000_000);
        call.run(15 * SECOND);
        let narrow = Conditions { rate: Some(1_000_000), ..call.browser(1).down.conditions() };
        call.browser(1).down.set(narrow);
        let at = call.now();
        call.run(8 * SECOND);
        assert_true_to_the_source(&call, 1);
        let down = &call.browser(1).down;
        let offered = down.offered(at + 2 * SECOND, at + 4 * SECOND);
        assert!(offered < 1_000_000, "{offered} bit/s are sent");
        let wait = down.longest_wait(at + 2 * SECOND, at + 8 * SECOND);
        assert!(wait < 200 * MS, "packets wait {wait} µs");
        assert_eq!(down.casualties.sound_overflowed, 0, "sound was lost to the queue");
    }
}

#[test]
fn a_link_that_widens_is_used_within_eight_seconds() {
    for seed in seeds(20) {
        let mut call = call(seed, 1_000_000);
        call.run(10 * SECOND);
        let frozen = call.receiver(1).video(0).playout.freezes(5 * SECOND, 10 * SECOND);
        assert!(frozen.is_empty(), "the narrow link: {frozen:?}");
        let wide = Conditions { rate: Some(5_000_000), ..call.browser(1).down.conditions() };
        call.browser(1).down.set(wide);
        let at = call.now();
        call.run(12 * SECOND);
        let carried = call.browser(1).down.carried(at + 8 * SECOND, at + 12 * SECOND);
        assert!(carried * 100 >= useful(5_000_000) * 85, "{carried} bit/s");
    }
}

#[test]
fn a_steady_link_is_used_steadily() {
    for seed in seeds(5) {
        for rate in [300_000, 800_000, 1_500_000, 3_000_000] {
            let mut call = call(seed, rate);
            call.run(60 * SECOND);
            assert_true_to_the_source(&call, 1);
            let carried = call.browser(1).down.carried(5 * SECOND, 60 * SECOND);
            assert!(carried * 100 >= useful(rate) * 85, "{rate}: {carried} bit/s of {}", useful(rate));
            let playout = &call.receiver(1).video(0).playout;
            let frozen = playout.freezes(5 * SECOND, 60 * SECOND);
            assert!(frozen.is_empty(), "{rate}: {frozen:?}");
            for start in [5, 17, 30] {
                let switches = playout.switches(start * SECOND, (start + 30) * SECOND);
                assert!(switches <= 2, "{rate}: {switches} switches in 30 s");
            }
        }
    }
}

/// Three cameras of two layers and three voices, as on a small machine, watched over `down`.
fn three(seed: u64, down: Conditions) -> Call {
    let mut call = Call::new(seed);
    let cameras: Vec<u32> = (0..3).map(|_| camera(call.join(sender(Shape::SMALL)))).collect();
    let watcher = call.join(Guest { down, ..watcher(3) });
    call.seat(watcher, &cameras);
    call
}

#[test]
fn behind_a_shaper_three_pictures_never_stand_still_and_come_back_when_it_is_gone() {
    for seed in seeds(20) {
        let mut call = three(seed, Conditions::default());
        call.run(20 * SECOND);
        // A second's eighth passes at once, as home routers and `tc tbf` let it.
        let narrow = Conditions { bucket: 16 * 1_024, queue: 200 * MS, delay: MS, ..Conditions::limited(1_000_000) };
        call.browser(3).down.set(narrow);
        let at = call.now();
        call.run(5 * SECOND);
        let lost = call.browser(3).down.casualties.sound_overflowed;
        call.run(55 * SECOND);
        let (from, to) = (at + 5 * SECOND, at + 60 * SECOND);
        for line in 0..3 {
            let playout = &call.receiver(3).video(line).playout;
            let frozen = playout.freezes(from, to);
            assert!(frozen.is_empty(), "line {line}: {frozen:?}");
            for start in [5, 17, 30] {
                let switches = playout.switches(at + start * SECOND, at + (start + 30) * SECOND);
                assert!(switches <= 2, "line {line}: {switches} switches in 30 s");
            }
        }
        let down = &call.browser(3).down;
        assert_eq!(down.casualties.sound_overflowed, lost, "sound was lost to the queue");
        let carried = down.carried(from, to);
        assert!(carried > 650_000, "{carried} bit/s of 1 Mbit/s");
        call.browser(3).down.set(Conditions::default());
        call.run(10 * SECOND);
        for line in 0..3 {
            let shown = call.receiver(3).video(line).playout.shown.last().map(|shown| shown.mark.layer);
            assert_eq!(shown, Some(1), "line {line} 10 s after the shaper was gone");
        }
    }
}

#[test]
fn a_poor_watcher_sees_a_small_picture_and_a_good_one_the_full() {
    for seed in seeds(15) {
        let mut call = Call::new(seed);
        call.join(sender(Shape::CAMERA));
        let good = call.join(watcher(1));
        let down = Conditions { delay: 60 * MS, ..Conditions::limited(800_000) };
        let poor = call.join(Guest { down, ..watcher(1) });
        call.seat(good, &[camera(0)]);
        call.seat(poor, &[camera(0)]);
        call.run(20 * SECOND);
        let layer = |peer: usize| call.receiver(peer).video(0).playout.shown.last().map(|shown| shown.mark.layer);
        assert_eq!((layer(good), layer(poor)), (Some(2), Some(1)));
        for peer in [good, poor] {
            let frozen = call.receiver(peer).video(0).playout.freezes(5 * SECOND, 20 * SECOND);
            assert!(frozen.is_empty(), "{peer}: {frozen:?}");
        }
    }
}

#[test]
fn a_watcher_that_estimates_by_itself_gets_its_picture_back() {
    for seed in seeds(5) {
        let down = Conditions::limited(250_000);
        let mut call =
            seated(Call::new(seed), sender(Shape::CAMERA), Guest { transport_cc: false, down, ..watcher(1) });
        call.run(10 * SECOND);
        call.browser(1).down.set(Conditions::default());
        call.run(40 * SECOND);
        let playout = &call.receiver(1).video(0).playout;
        assert_eq!(playout.shown.last().map(|shown| shown.mark.layer), Some(2));
        let frozen = playout.freezes(15 * SECOND, 50 * SECOND);
        assert!(frozen.is_empty(), "{frozen:?}");
    }
}
