//! The memory of one seat: what it has, what its points cost, and whether it may have more already.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use crate::id::{Bps, SeatId, SourceId};
use crate::media::allocate::OperatingPoint;
use crate::media::allocate::meter::{self, Meter};
use crate::media::allocate::plan::{Contender, PointId, Quality, Rank, Rung};

/// A rise must have been possible for so long: as long as the window in which rates are measured, so that no single
/// good moment counts.
const HOLD: Duration = Duration::from_secs(1);
/// The same for a seat that never had to go down: what its source costs is known by then, and everybody waits for a good
/// picture.
const FIRST_HOLD: Duration = Duration::from_millis(300);
/// A step down so soon after a rise takes that back: the link does not carry what the estimate promised.
const FAILED: Duration = Duration::from_secs(10);
/// What changes so soon after a source came only corrects the first guess: neither its rates nor the network were known.
const FINDING: Duration = Duration::from_secs(1);
/// A rise must leave this room, in per cent of what is used then: estimates and encoders both err by a few per cent.
const MARGIN: u64 = 10;
/// The room that is left after going down because rates rose, in per cent of what is used then: they may rise on, and
/// the next step down shall not be needed. When the estimate fell instead, [`MARGIN`] is enough.
const LANDING_MARGIN: u64 = 25;

/// After a step down, a seat does not rise for so long, and after a rise only with much room: on a network at rest that
/// is at most one rise and the step down that undoes it in 30 s.
const REST: Duration = Duration::from_secs(30);
/// The network is another one, and the rest is over, above this in per cent of the estimate at the last rise: less is
/// the estimator's noise.
const GREW: u64 = 110;
/// The same after a step down: an estimator that lowered its estimate to 85 % of what came through has only recovered
/// when it is back.
const RECOVERED: u64 = 118;
/// A picture rises in spite of the rest with this room, in per cent of what is used then. An encoder that wobbles by 20 % to
/// both sides goes from 0.8 to 1.2 of its mean.
const REST_MARGIN: u64 = 50;
/// One that is paused comes back with this room: as much as is left when one goes.
const RETURN_MARGIN: u64 = LANDING_MARGIN;
/// A layer that fell silent may only be late, as a busy encoder is. Where the larger ones do not fit, it is awaited for so long.
const AWAITED: Duration = Duration::from_secs(3);

/// No rate counts for more: sums of rates stay far from overflow.
const RATE_MAX: u64 = 1 << 40;

/// Points of three simulcast or spatial layers by three temporal ones, kept without allocating.
const POINTS: usize = 9;

/// What the seat has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Has {
    /// Nothing was decided yet, or there was nothing to take.
    Undecided,
    Paused,
    Point(PointId, Quality),
}

/// A rise that waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Rise {
    since: Instant,
    /// The best picture that was possible all the time since.
    quality: Quality,
}

/// The last change that was not the first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Change {
    at: Instant,
    estimate: Bps,
    /// What all seats together had from then on.
    used: Bps,
    up: bool,
}

/// One seat as it was left.
#[derive(Clone, Debug)]
pub(super) struct Held {
    seat: SeatId,
    source: SourceId,
    has: Has,
    first: Instant,
    since: Instant,
    meters: SmallVec<[(PointId, Meter); POINTS]>,
    rise: Option<Rise>,
    change: Option<Change>,
    /// It has had to go down.
    fell: bool,
    rank: Option<Rank>,
    /// The tile has just become larger: that is no matter of the network, and waits for nothing.
    eager: bool,
    /// Since when what it has is silent, and only more than that is to be had.
    displaced: Option<Instant>,
}

impl Held {
    pub(super) fn new(now: Instant, seat: SeatId, source: SourceId) -> Held {
        Held {
            seat,
            source,
            has: Has::Undecided,
            first: now,
            since: now,
            meters: SmallVec::new(),
            rise: None,
            change: None,
            fell: false,
            rank: None,
            eager: false,
            displaced: None,
        }
    }

    pub(super) fn is(&self, seat: SeatId, source: SourceId) -> bool {
        self.seat == seat && self.source == source
    }

    /// Whether nothing was decided yet: the first decision waits for nothing.
    pub(super) fn is_fresh(&self) -> bool {
        self.has == Has::Undecided
    }

    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// Takes the rates as measured now.
    pub(super) fn measure(&mut self, now: Instant, points: &[OperatingPoint]) {
        let measured = points.iter().filter(|point| point.alive).filter_map(|point| Some((point, point.rate?)));
        for (id, rate) in measured.map(|(point, rate)| (PointId::of(point), rate)) {
            match self.meters.iter_mut().find(|(known, _)| *known == id) {
                Some((_, meter)) => meter.measure(now, rate),
                None => self.meters.push((id, Meter::new(now, rate))),
            }
        }
    }

    /// Whether any point of the source was ever measured.
    pub(super) fn is_measured(&self) -> bool {
        !self.meters.is_empty()
    }

    /// What `point` counts for, in bit/s: 1 to [`RATE_MAX`].
    pub(super) fn rate(&self, point: &OperatingPoint) -> u64 {
        let id = PointId::of(point);
        let known = self.meters.iter().find(|(known, _)| *known == id).map(|(_, meter)| meter.rate());
        known.unwrap_or_else(|| meter::assumed(point)).max(meter::least(point)).0.clamp(1, RATE_MAX)
    }

    /// The level of what the seat has in the ladder of today. When that point is gone, the best one that is no rise,
    /// and the lowest if need be.
    pub(super) fn level(&self, rungs: &[Rung]) -> usize {
        let Has::Point(id, quality) = self.has else { return 0 };
        let same = rungs.iter().position(|rung| rung.id == id).map(|index| index + 1);
        same.unwrap_or_else(|| up_to(rungs, quality).max(1).min(rungs.len()))
    }

    /// The point that it has, where that is silent and awaited.
    pub(super) fn awaits(&self, now: Instant, points: &[OperatingPoint]) -> Option<usize> {
        let since = self.displaced.filter(|since| now.saturating_duration_since(*since) < AWAITED);
        let (Has::Point(id, _), Some(_)) = (self.has, since) else { return None };
        points.iter().position(|point| PointId::of(point) == id)
    }

    /// Whether what it has is not to be had now, nor anything as small.
    fn is_displaced(&self, present: usize, rungs: &[Rung]) -> bool {
        let Has::Point(id, _) = self.has else { return false };
        let known = self.meters.iter().find(|(known, _)| *known == id).map(|(_, meter)| meter.rate().0);
        let least = present.checked_sub(1).and_then(|index| rungs.get(index));
        least.is_some_and(|rung| rung.id != id && known.is_some_and(|rate| rung.rate > rate))
    }

    /// Enters the next plan. `rungs` is the seat's ladder, which begins at `first` in the common list.
    pub(super) fn contend(
        &mut self,
        now: Instant,
        estimate: Bps,
        rank: Rank,
        first: usize,
        rungs: &[Rung],
    ) -> Contender {
        self.eager = false;
        if let Some(before) = self.rank.replace(rank).filter(|before| *before != rank) {
            // The user wants something else now, which has nothing to do with the network.
            self.change = None;
            self.eager = rank.max_height > before.max_height;
        }
        let rests = self.change.filter(|change| {
            let other = if change.up { GREW } else { RECOVERED };
            now.saturating_duration_since(change.at) < REST
                && estimate.0 < (u128::from(change.estimate.0) * u128::from(other) / 100) as u64
        });
        let fell = rests.is_some_and(|change| !change.up);
        let present = self.level(rungs);
        let displaced = self.is_displaced(present, rungs);
        self.displaced = displaced.then(|| self.displaced.unwrap_or(now));
        let margin = match rests {
            Some(_) if present == 0 => RETURN_MARGIN,
            Some(_) => REST_MARGIN,
            None => MARGIN,
        };
        Contender {
            rank,
            rungs: first..first + rungs.len(),
            present,
            displaced,
            // The floor of a new source waits for nothing.
            held: if self.is_fresh() { 1 } else { present },
            top: if fell { present.max(1).min(rungs.len()) } else { rungs.len() },
            floor_limit: estimate.0,
            luxury_limit: estimate.0,
            rise_limit: with_margin(estimate, margin),
            level: 0,
        }
    }

    /// Takes what the seat would get if rises cost no time, and limits it to what it may have already.
    pub(super) fn wish(&mut self, now: Instant, rungs: &[Rung], contender: &mut Contender) {
        if self.is_fresh() {
            return;
        }
        if contender.level <= contender.present {
            self.rise = None;
            contender.top = contender.present;
            return;
        }
        let wished = contender.level.checked_sub(1).and_then(|index| rungs.get(index)).map_or((0, 0), |r| r.quality);
        let rise = self.rise.get_or_insert(Rise { since: now, quality: wished });
        rise.quality = rise.quality.min(wished);
        let hold = if self.fell { HOLD } else { FIRST_HOLD };
        let ripe = self.eager || now.saturating_duration_since(rise.since) >= hold;
        let level = if ripe { up_to(rungs, rise.quality).min(contender.level) } else { 0 };
        contender.top = level.max(contender.present);
    }

    /// Takes the decision, with which all seats together have `used`.
    pub(super) fn settle(&mut self, now: Instant, estimate: Bps, used: Bps, rungs: &[Rung], decided: &Contender) {
        let has = match decided.level.checked_sub(1).and_then(|index| rungs.get(index)) {
            Some(rung) => Has::Point(rung.id, rung.quality),
            None if rungs.is_empty() => Has::Undecided,
            None => Has::Paused,
        };
        let same = match (self.has, has) {
            (Has::Point(before, _), Has::Point(after, _)) => before == after,
            (before, after) => before == after,
        };
        if !same {
            self.since = now;
            self.rise = None;
        }
        if !self.is_fresh() && decided.level != decided.present {
            self.changed(now, Change { at: now, estimate, used, up: decided.level > decided.present });
        }
        self.has = has;
    }
}

impl Held {
    fn changed(&mut self, now: Instant, change: Change) {
        if now.saturating_duration_since(self.first) < FINDING {
            return;
        }
        self.fell |= !change.up;
        // A rise that had to be taken back is not tried again at what did not carry it: while a queue drains the estimate is
        // far below that.
        let failed =
            self.change.filter(|last| last.up && !change.up && now.saturating_duration_since(last.at) < FAILED);
        let estimate = failed.map_or(change.estimate, |rise| change.estimate.max(rise.used.min(rise.estimate)));
        self.change = Some(Change { estimate, ..change });
    }
}

/// What all seats together may keep, in bit/s, when they had more than `estimate`, which was `before`.
pub(super) fn landing_limit(estimate: Bps, before: Bps) -> u64 {
    with_margin(estimate, if estimate < before { MARGIN } else { LANDING_MARGIN })
}

fn with_margin(estimate: Bps, margin: u64) -> u64 {
    (u128::from(estimate.0) * 100 / u128::from(100 + margin)) as u64
}

/// How many rungs are no better than `quality`.
fn up_to(rungs: &[Rung], quality: Quality) -> usize {
    rungs.partition_point(|rung| rung.quality <= quality)
}
