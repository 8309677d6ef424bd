//! Two watchers of one camera, one of them on a poor network.

use super::*;
use crate::call::seeds;
use crate::network::{Conditions, Loss};
use crate::time::SECOND;

#[test]
fn a_good_watcher_loses_nothing_to_a_poor_one() {
    for seed in seeds(25) {
        let mut call = Call::new(seed);
        call.join(sender(Shape::CAMERA));
        let good = call.join(watcher(1));
        let down = Conditions { loss: Loss::Random(0.1), delay: 150 * MS, ..Conditions::limited(400_000) };
        let poor = call.join(Guest { down, ..watcher(1) });
        call.seat(good, &[camera(0)]);
        call.seat(poor, &[camera(0)]);
        call.run(8 * SECOND);
        assert_true_to_the_source(&call, good);
        assert_true_to_the_source(&call, poor);
        let line = call.receiver(good).video(0);
        assert!(line.playout.freezes(SECOND, 8 * SECOND).is_empty());
        assert_eq!((line.repairs.asked, line.counts.plis), (0, 0));
        let punctuality = punctuality(&call, 0, good, 2, (2 * SECOND, 7 * SECOND));
        assert_eq!(punctuality.in_time, punctuality.expected, "{punctuality:?}");
        // However often the poor one asks, the good one's picture is not made of key frames.
        assert_requests_are_seldom(&call, 0, 5 * MS);
        let keys = call.sender(0).camera.iter().flat_map(|camera| &camera.answered).count();
        assert!(keys <= 10, "{keys} key frames in 8 s");
    }
}
