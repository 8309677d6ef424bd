//! What browsers tell of the pictures that they received.

use prometheus::proto::MetricFamily;

use super::ViewingTotals;
use super::render::counter;

pub(super) fn families(viewing: ViewingTotals) -> [MetricFamily; 3] {
    let seconds = |ms: u64| ms as f64 / 1e3;
    let freezes = "How often received pictures stood still, as browsers count it and tell every ten seconds.";
    let frozen = "For how long received pictures stood still, all together, as browsers tell.";
    let shown = "For how long browsers received pictures, all together, as they tell.";
    [
        counter("plenum_viewing_freezes_total", freezes, viewing.freezes as f64),
        counter("plenum_viewing_frozen_seconds_total", frozen, seconds(viewing.frozen_ms)),
        counter("plenum_viewing_shown_seconds_total", shown, seconds(viewing.shown_ms)),
    ]
}
