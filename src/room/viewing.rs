//! How received pictures were, as browsers tell it: sums over all members since the start.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::metrics::ViewingTotals;
use crate::signal::protocol::Viewing;

/// What browsers told. They may tell anything: it is shown to operators, and decides nothing.
#[derive(Default)]
pub(super) struct Viewings {
    freezes: AtomicU64,
    frozen_ms: AtomicU64,
    shown_ms: AtomicU64,
}

impl Viewings {
    pub(super) fn add(&self, viewing: Viewing) {
        let parts = [
            (&self.freezes, viewing.freezes),
            (&self.frozen_ms, viewing.frozen_ms),
            (&self.shown_ms, viewing.shown_ms),
        ];
        for (sum, part) in parts {
            sum.fetch_add(u64::from(part), Ordering::Relaxed);
        }
    }

    pub(super) fn totals(&self) -> ViewingTotals {
        let of = |sum: &AtomicU64| sum.load(Ordering::Relaxed);
        ViewingTotals { freezes: of(&self.freezes), frozen_ms: of(&self.frozen_ms), shown_ms: of(&self.shown_ms) }
    }
}
