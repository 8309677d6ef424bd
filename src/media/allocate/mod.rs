//! The bandwidth allocator of one subscriber: which operating point of each seated source fits into the estimate.
//!
//! Owns the order in which seats are served and the hysteresis. Measures and estimates nothing, and carries nothing
//! out: the owner says what there is and does what is decided.
//!
//! The rules. (1) The rates of what is selected never sum up to more than the estimate. (2) Every source gets its floor
//! (its lowest point) before any gets more. (3) What is left goes to the seats in the order of their [`Seat`] rank, and
//! step by step among equals, so that none of them is more than one step ahead of another that could still be raised.
//! (4) No seat gets more than its tile can show. (5) Down goes at once and only because of need; up waits for a margin
//! and for a while. (6) What nobody of higher rank can use, those below may have.

mod hold;
mod meter;
mod plan;

use std::time::Instant;

use crate::border::SourceKind;
use crate::id::{Bps, SeatId, SourceId};

use hold::Held;
use plan::{Contender, Planner, PointId, Rank, Rung};

/// One way to take a source's video: a simulcast layer up to a spatial and a temporal layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OperatingPoint {
    /// Simulcast layer, as an index into the line's layers.
    pub layer: usize,
    /// Highest spatial layer forwarded.
    pub spatial: u8,
    /// Highest temporal layer forwarded.
    pub temporal: u8,
    /// Picture height in pixels; 0 while nobody knows it.
    pub height: u16,
    /// Share of the layer's frames that are forwarded, in per cent.
    pub frame_share: u8,
    /// Measured now. `None` without a measurement: a new source, or a layer that the publisher has paused.
    pub rate: Option<Bps>,
    /// Whether it can be had. A layer that the publisher has paused because nobody took it can.
    pub alive: bool,
}

/// An occupied seat. Seats with more priority are served first, among those screens, among those larger tiles.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seat<'a> {
    pub seat: SeatId,
    pub source: SourceId,
    pub priority: u8,
    /// Height of the tile in pixels; `u16::MAX` = no limit.
    pub max_height: u16,
    pub kind: SourceKind,
    /// What the subscriber can decode of the source's video, worst first.
    pub points: &'a [OperatingPoint],
}

/// What is decided for a seat.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// The source's point of this index.
    Take(usize),
    /// Not even the floor fits. `needs` is the floor's rate.
    Paused { needs: Bps },
    /// The source has no point that is alive: no question of bandwidth.
    Nothing,
}

/// One seat's share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    pub seat: SeatId,
    pub source: SourceId,
    pub choice: Choice,
    /// What the choice counts for: its measured rate, smoothed.
    pub rate: Bps,
    /// What the best point that the tile can show counts for.
    pub wanted: Bps,
    /// Since when the seat has had this choice.
    pub since: Instant,
}

impl Share {
    /// What is missing to the best point that the tile can show.
    pub fn unmet(&self) -> Bps {
        Bps(self.wanted.0.saturating_sub(self.rate.0))
    }
}

/// The decision for all seats.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Allocation {
    /// In the order in which the seats were given.
    pub shares: Vec<Share>,
    /// The sum of the selected rates: at most the estimate.
    pub used: Bps,
    /// The sum of what is missing to the shares. Used and unmet together are what a better network could carry.
    pub unmet: Bps,
}

/// Decides for one subscriber, again and again.
#[derive(Clone, Debug, Default)]
pub struct Allocator {
    held: Vec<Held>,
    contenders: Vec<Contender>,
    rungs: Vec<Rung>,
    planner: Planner,
    allocation: Allocation,
    /// The last estimate.
    before: Bps,
}

impl Allocator {
    /// Decides anew. `estimate` is what the subscriber's network carries, less audio. Best called whenever the estimate
    /// or the seats changed, and a few times a second anyway: layers' rates change and holds run out.
    pub fn allocate(&mut self, now: Instant, estimate: Bps, seats: &[Seat<'_>]) -> &Allocation {
        self.match_seats(now, seats);
        self.build_ladders(now, estimate, seats);
        self.planner.order(&self.contenders);

        // What everybody would get if rises cost no time,
        self.planner.plan(&mut self.contenders, &self.rungs);
        for (held, contender) in self.held.iter_mut().zip(&mut self.contenders) {
            held.wish(now, &self.rungs[contender.rungs.clone()], contender);
        }
        // and what they get, as only ripe rises count.
        if self.overload(estimate) {
            let limit = hold::landing_limit(estimate, self.before);
            self.contenders.iter_mut().for_each(|contender| contender.luxury_limit = limit);
        }
        self.planner.plan(&mut self.contenders, &self.rungs);
        self.conclude(now, estimate, seats);
        self.before = estimate;
        &self.allocation
    }

    /// The last decision.
    pub fn allocation(&self) -> &Allocation {
        &self.allocation
    }

    /// Puts what is held in the order of `seats`. A seat whose source changed starts anew.
    fn match_seats(&mut self, now: Instant, seats: &[Seat<'_>]) {
        for (index, seat) in seats.iter().enumerate() {
            let known = self.held.iter().skip(index).position(|held| held.is(seat.seat, seat.source));
            let from = known.map_or_else(
                || {
                    self.held.push(Held::new(now, seat.seat, seat.source));
                    self.held.len() - 1
                },
                |position| index + position,
            );
            self.held.swap(index, from);
        }
        self.held.truncate(seats.len());
    }

    /// Measures every point, and lines up those that each seat may have.
    fn build_ladders(&mut self, now: Instant, estimate: Bps, seats: &[Seat<'_>]) {
        self.contenders.clear();
        self.rungs.clear();
        for (held, seat) in self.held.iter_mut().zip(seats) {
            let first = self.rungs.len();
            held.measure(now, seat.points);
            ladder(held, seat, &mut self.rungs);
            let rungs = &self.rungs[first..];
            let screen = seat.kind == SourceKind::Screen;
            let rank = Rank { priority: seat.priority, screen, max_height: seat.max_height };
            self.contenders.push(held.contend(now, estimate, rank, first, rungs));
        }
    }

    /// Whether what is selected now is more than the estimate.
    fn overload(&self, estimate: Bps) -> bool {
        let rate = |contender: &Contender| contender.rate(contender.present, &self.rungs);
        self.contenders.iter().map(rate).sum::<u64>() > estimate.0
    }

    fn conclude(&mut self, now: Instant, estimate: Bps, seats: &[Seat<'_>]) {
        let Allocation { shares, used, unmet } = &mut self.allocation;
        shares.clear();
        *used = Bps(self.contenders.iter().map(|contender| contender.rate(contender.level, &self.rungs)).sum());
        *unmet = Bps(0);
        for ((held, contender), seat) in self.held.iter_mut().zip(&self.contenders).zip(seats) {
            let rungs = &self.rungs[contender.rungs.clone()];
            let awaited = held.awaits(now, seat.points).filter(|_| contender.level == 0);
            if awaited.is_none() {
                held.settle(now, estimate, *used, rungs, contender);
            }
            let choice = match (contender.level.checked_sub(1).and_then(|index| rungs.get(index)), rungs.first()) {
                (Some(rung), _) => Choice::Take(rung.point),
                (None, Some(_)) if awaited.is_some() => Choice::Take(awaited.unwrap_or_default()),
                (None, Some(floor)) => Choice::Paused { needs: Bps(floor.rate) },
                (None, None) => Choice::Nothing,
            };
            let share = Share {
                seat: seat.seat,
                source: seat.source,
                choice,
                rate: Bps(contender.rate(contender.level, &self.rungs)),
                wanted: Bps(rungs.last().map_or(0, |best| best.rate)),
                since: held.since(),
            };
            unmet.0 += share.unmet().0;
            shares.push(share);
        }
    }
}

/// A picture fills a tile that is higher by less than this: clients round sizes up (a tile of 180 lines is wished with
/// 192), and pages scale by fractions. So small an enlargement is not seen, while the next layer is four times as large.
const FILLS_PERCENT: u32 = 110;

/// Whether a picture of `height` fills a tile.
pub fn fills(height: u16, tile: u16) -> bool {
    u32::from(height) * FILLS_PERCENT >= u32::from(tile) * 100
}

/// Appends the points that `seat` may have, worst first.
///
/// The largest is the smallest that fills the tile, dead or alive: a dead layer is no reason to take a larger one than
/// the tile needs. A source of which nothing is measured yet has its floor only.
fn ladder(held: &Held, seat: &Seat<'_>, rungs: &mut Vec<Rung>) {
    let known = seat.points.iter().map(|point| point.height).filter(|height| *height > 0);
    let cap = known.filter(|height| fills(*height, seat.max_height)).min().unwrap_or(u16::MAX);
    let fits = |point: &&OperatingPoint| point.alive && point.height <= cap;
    // All that fills the tile may be dead: then what is larger is better than nothing.
    let larger = |point: &&OperatingPoint| point.alive;
    let any = seat.points.iter().any(|point| fits(&point));
    let least = seat.points.iter().filter(larger).map(|point| point.height).min().unwrap_or(0);
    let count = if held.is_measured() { usize::MAX } else { 1 };
    let mut quality = (0, 0);
    let chosen = seat
        .points
        .iter()
        .enumerate()
        .filter(|(_, point)| if any { fits(point) } else { larger(point) && point.height == least });
    for (index, point) in chosen.take(count) {
        // The owner's order is what counts, whatever the sizes say.
        quality = quality.max((point.height, point.frame_share));
        rungs.push(Rung { point: index, id: PointId::of(point), rate: held.rate(point), quality });
    }
}

#[cfg(test)]
mod tests;
