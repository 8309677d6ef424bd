//! Shares one budget among seats: floors first, then steps by rank. Without memory: who may rise is the caller's.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use crate::media::allocate::OperatingPoint;

/// Picture height and share of frames: which of two pictures is the better one.
pub(super) type Quality = (u16, u8);

/// What makes a point the same one from one call to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PointId {
    layer: usize,
    spatial: u8,
    temporal: u8,
}

impl PointId {
    pub(super) fn of(point: &OperatingPoint) -> PointId {
        PointId { layer: point.layer, spatial: point.spatial, temporal: point.temporal }
    }
}

/// Who is served first: the greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Rank {
    pub(super) priority: u8,
    pub(super) screen: bool,
    pub(super) max_height: u16,
}

/// A point that a seat may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rung {
    /// Index into the seat's points.
    pub(super) point: usize,
    pub(super) id: PointId,
    /// What it counts for, in bit/s.
    pub(super) rate: u64,
    /// Never less than the rung's below.
    pub(super) quality: Quality,
}

/// One seat in the plan. Levels count rungs from 1; 0 is paused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Contender {
    pub(super) rank: Rank,
    /// Its ladder, in the common list of rungs.
    pub(super) rungs: Range<usize>,
    /// The level that it has; 0 also when it is new.
    pub(super) present: usize,
    /// What it had is silent, and it stands at a larger one.
    pub(super) displaced: bool,
    /// What is above this level is a rise, and has the rise limit.
    pub(super) held: usize,
    /// It gets no more than this level.
    pub(super) top: usize,
    /// In bit/s, what all seats together may use once this one has its floor, held as it is,
    pub(super) floor_limit: u64,
    /// once it has a level that it held,
    pub(super) luxury_limit: u64,
    /// and once it has risen.
    pub(super) rise_limit: u64,
    /// What the plan gives it.
    pub(super) level: usize,
}

impl Contender {
    fn ladder<'a>(&self, rungs: &'a [Rung]) -> &'a [Rung] {
        rungs.get(self.rungs.clone()).unwrap_or(&[])
    }

    /// What `level` counts for, in bit/s.
    pub(super) fn rate(&self, level: usize, rungs: &[Rung]) -> u64 {
        level.checked_sub(1).and_then(|index| self.ladder(rungs).get(index)).map_or(0, |rung| rung.rate)
    }

    fn quality(&self, rungs: &[Rung]) -> Quality {
        let rung = self.level.checked_sub(1).and_then(|index| self.ladder(rungs).get(index));
        rung.map_or((0, 0), |rung| rung.quality)
    }

    fn limit(&self, level: usize) -> u64 {
        match level {
            _ if level > self.held => self.rise_limit,
            1 => self.floor_limit,
            _ => self.luxury_limit,
        }
    }

    /// Goes up one step when there is room for it, and says whether there was. A point that costs less than a worse
    /// one is no further than that.
    fn step(&mut self, used: &mut u64, rungs: &[Rung]) -> bool {
        let others = used.saturating_sub(self.rate(self.level, rungs));
        let fits = |level: &usize| others.saturating_add(self.rate(*level, rungs)) <= self.limit(*level);
        let Some(level) = (self.level + 1..=self.top.min(self.rungs.len())).find(fits) else { return false };
        self.level = level;
        *used = others.saturating_add(self.rate(level, rungs));
        true
    }
}

/// The next to go up: the worst picture, of those the one that had the step before, of those the first.
type Next = Reverse<(Quality, bool, usize)>;

/// Makes plans; keeps its memory from one to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Planner {
    /// Contenders by rank, highest first, and the others behind those that are shown and can stay as they are.
    order: Vec<usize>,
    heap: BinaryHeap<Next>,
}

impl Planner {
    /// Puts the contenders in the order in which all plans serve them.
    pub(super) fn order(&mut self, contenders: &[Contender]) {
        self.order.clear();
        self.order.extend(0..contenders.len());
        self.order.sort_unstable_by_key(|index| {
            let contender = contenders.get(*index);
            (contender.map(|c| Reverse(c.rank)), contender.is_some_and(|c| c.present == 0 || c.displaced), *index)
        });
    }

    /// Gives every contender its level.
    pub(super) fn plan(&mut self, contenders: &mut [Contender], rungs: &[Rung]) {
        let mut used = 0;
        for index in &self.order {
            if let Some(contender) = contenders.get_mut(*index) {
                contender.level = 0;
                contender.step(&mut used, rungs);
            }
        }
        let mut begin = 0;
        while let Some(rank) = self.order.get(begin).and_then(|index| contenders.get(*index)).map(|c| c.rank) {
            self.heap.clear();
            while let Some(contender) = self.order.get(begin).and_then(|index| contenders.get(*index)) {
                if contender.rank != rank {
                    break;
                }
                self.heap.extend((contender.level > 0).then(|| self.next(contender, begin, rungs)));
                begin += 1;
            }
            self.raise(contenders, &mut used, rungs);
        }
    }

    /// Raises the contenders in the heap, all of one rank, as far as there is room. Nobody goes ahead of one that
    /// could not follow.
    fn raise(&mut self, contenders: &mut [Contender], used: &mut u64, rungs: &[Rung]) {
        let mut left_behind: Option<Quality> = None;
        while let Some(Reverse((quality, _, place))) = self.heap.pop() {
            if left_behind.is_some_and(|worse| worse < quality) {
                break;
            }
            let Some(contender) = self.order.get(place).and_then(|index| contenders.get_mut(*index)) else { continue };
            if contender.level >= contender.top {
                continue;
            }
            if contender.step(used, rungs) {
                let next = self.next(contender, place, rungs);
                self.heap.push(next);
            } else {
                left_behind = Some(quality);
            }
        }
    }

    fn next(&self, contender: &Contender, place: usize, rungs: &[Rung]) -> Next {
        Reverse((contender.quality(rungs), contender.level >= contender.held, place))
    }
}
