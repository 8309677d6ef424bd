//! One train: what it is for, and what it showed.

use super::super::train::{Stretch, Train};
use super::ProbePlan;

/// A train whose feedback takes longer than this beside the round trip has failed.
pub(super) const TIME_OUT: i64 = 600_000;
/// Share of its packets that must have come.
pub(super) const ENOUGH: f64 = 0.8;
/// Arrival at more than this multiple of the rate of departure is an artefact.
pub(super) const IMPLAUSIBLE: f64 = 2.0;
/// Arrival below this share of the rate of departure means that the path was full, and [`UTILISATION`] of it is usable.
pub(super) const FULL: f64 = 0.9;
pub(super) const UTILISATION: f64 = 0.95;

/// What a train is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// To find what more passes.
    Seek,
    /// To see whether what a short one promised passes for longer.
    Prove,
    /// To go on after an outage where it ended.
    Recover,
    /// To see whether an unused estimate still holds.
    Confirm,
}

pub(super) struct Running {
    pub(super) plan: ProbePlan,
    pub(super) since: i64,
    pub(super) purpose: Purpose,
    pub(super) departed: Train,
    pub(super) arrived: Train,
    pub(super) stretch: Stretch,
    pub(super) told: usize,
}

impl Running {
    pub(super) fn gives_up(&self, rtt: i64) -> i64 {
        self.since.max(self.departed.last.0) + rtt + TIME_OUT
    }

    pub(super) fn measure(&self) -> Option<f64> {
        if self.arrived.packets < 3 || (self.arrived.packets as f64) < ENOUGH * self.departed.packets as f64 {
            return None;
        }
        let departure = self.departed.rate(self.departed.last.1)?;
        let arrival = match self.stretch.slope() {
            Some(slope) if slope > 0.0 => departure / slope,
            Some(_) => return None,
            None => self.arrived.rate(self.arrived.first.1)?,
        };
        if arrival > IMPLAUSIBLE * departure {
            return None;
        }
        let carried = if arrival < FULL * departure { UTILISATION * arrival } else { arrival.min(departure) };
        Some(carried.min(self.plan.rate.0 as f64))
    }
}
