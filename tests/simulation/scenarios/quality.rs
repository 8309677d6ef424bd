//! What is said of the quality: it falls with the network, names the cause, and is back within ten seconds.

use plenum::border::Received;
use plenum::media::quality::Trouble;

use super::*;
use crate::call::seeds;
use crate::network::Conditions;
use crate::time::SECOND;

const WATCHER: usize = 1;

/// The latest that was said by `at`.
fn told(call: &Call, at: Us) -> Option<Received> {
    let mut of_watcher = call.quality.iter().filter(|(when, peer, _)| *peer == WATCHER && *when <= at);
    of_watcher.next_back().and_then(|(_, _, all)| all.iter().find(|received| received.source.0 == camera(0)).copied())
}

fn scores(call: &Call, at: Us) -> [u8; 2] {
    let received = told(call, at);
    let tenths = |score: Option<plenum::media::quality::Score>| score.map_or(0, |score| score.tenths());
    received.map_or([0; 2], |received| [received.sound.score, received.picture.score].map(tenths))
}

#[test]
fn a_bad_network_is_rated_bad_and_a_good_one_good_again_within_ten_seconds() {
    for seed in seeds(5) {
        let mut call = pair(seed, sender(Shape::CAMERA), watcher(1));
        call.run(10 * SECOND);
        let before = scores(&call, call.now());
        assert!(before.iter().all(|score| *score >= 45), "{before:?} on a good line");
        call.browser(WATCHER).down.set(Conditions::lossy(0.25, 150 * MS));
        call.run(8 * SECOND);
        // Pictures are repaired; sound is not asked for again.
        let during = scores(&call, call.now());
        assert!(during[0] < 35, "{during:?} with a quarter of the packets lost");
        call.browser(WATCHER).down.set(Conditions::default());
        call.run(10 * SECOND);
        let after = scores(&call, call.now());
        assert!(after.iter().all(|score| *score >= 45), "{after:?} on a good line again");
    }
}

#[test]
fn a_publisher_without_network_is_told_of_within_three_seconds_and_so_is_its_return() {
    for seed in seeds(5) {
        let mut call = pair(seed, sender(Shape::CAMERA), watcher(1));
        call.run(5 * SECOND);
        let (gone, back) = (call.now(), call.now() + 5 * SECOND);
        call.browser(0).up.cut(back);
        call.run(10 * SECOND);
        let troubles = |at| told(&call, at).map(|received| [received.sound.trouble, received.picture.trouble]);
        assert_eq!(troubles(gone), Some([None, None]));
        assert_eq!(troubles(gone + 3 * SECOND + 200 * MS), Some([Some(Trouble::NoPackets); 2]));
        assert_eq!(troubles(back + 2 * SECOND), Some([None, None]));
    }
}

#[test]
fn which_layer_comes_is_told_with_how_well_it_comes() {
    for seed in seeds(5) {
        let mut call = pair(seed, sender(Shape::CAMERA), watcher(1));
        let layer = |call: &Call| told(call, call.now()).and_then(|received| received.layer);
        call.run(10 * SECOND);
        assert!(layer(&call).is_some_and(|layer| (layer.spatial, layer.spatials) == (3, 3)), "{:?}", layer(&call));
        call.browser(WATCHER).down.set(Conditions::limited(400_000));
        call.run(5 * SECOND);
        assert!(layer(&call).is_some_and(|layer| layer.spatial < 3), "{:?} at 400 kbit/s", layer(&call));
        call.change(0, |publisher, _| publisher.pause_camera());
        call.run(4 * SECOND);
        assert_eq!(layer(&call), None, "nothing comes");
    }
}
