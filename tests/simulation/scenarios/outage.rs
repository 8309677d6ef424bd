//! Networks that are gone for two seconds.

use super::*;
use crate::call::seeds;
use crate::network::Link;
use crate::time::SECOND;

const OUTAGE: Us = 2 * SECOND;

/// How soon after the network the picture must be back.
const BACK: Us = 500 * MS;

/// Cuts what `cut` says after four seconds, and returns how long after the outage the picture came back for good.
fn run(seed: u64, shape: Shape, cut: impl Fn(&mut Call, Us)) -> Us {
    let mut call = pair(seed, sender(shape), watcher(1));
    call.run(4 * SECOND);
    let back = call.now() + OUTAGE;
    cut(&mut call, back);
    call.run(OUTAGE + 3 * SECOND);
    assert_true_to_the_source(&call, 1);
    assert_requests_are_seldom(&call, 0, 5 * MS);
    let playout = &call.receiver(1).video(0).playout;
    assert!(playout.freezes(SECOND, 4 * SECOND).is_empty());
    let frozen = playout.freezes(back - SECOND, back + 3 * SECOND);
    println!("{frozen:?} {:?}", call.receiver(1).video(0).counts);
    frozen.last().map_or(0, |freeze| freeze.to.saturating_sub(back))
}

fn assert_back_soon(shape: Shape, count: u64, cut: impl Fn(&mut Call, Us)) {
    for seed in seeds(count) {
        let late = run(seed, shape, &cut);
        assert!(late <= BACK, "the picture came back {} ms after the network", late / MS);
    }
}

fn cut(link: &mut Link, until: Us) {
    link.cut(until);
}

#[test]
fn the_picture_is_back_soon_after_the_way_down_was_cut() {
    assert_back_soon(Shape::CAMERA, 20, |call, back| cut(&mut call.browser(1).down, back));
}

#[test]
fn the_picture_is_back_soon_after_a_watcher_was_cut_off() {
    assert_back_soon(Shape::CAMERA, 20, |call, back| {
        cut(&mut call.browser(1).down, back);
        cut(&mut call.browser(1).up, back);
    });
}

#[test]
fn the_picture_is_back_soon_after_the_publisher_was_cut_off() {
    for shape in [Shape::CAMERA, Shape::SINGLE] {
        assert_back_soon(shape, 15, |call, back| {
            cut(&mut call.browser(0).down, back);
            cut(&mut call.browser(0).up, back);
        });
    }
}

#[test]
fn reports_that_do_not_come_through_stop_no_picture() {
    for seed in seeds(10) {
        let mut call = pair(seed, sender(Shape::CAMERA), watcher(1));
        call.run(3 * SECOND);
        let back = call.now() + OUTAGE;
        cut(&mut call.browser(1).up, back);
        call.run(4 * SECOND);
        assert!(call.receiver(1).video(0).playout.freezes(SECOND, 7 * SECOND).is_empty());
    }
}
