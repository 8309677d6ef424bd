//! Where rooms live: which shard a new browser goes to, which shards a room spans, and what each of them has to know.
//!
//! A small room lives on one shard. One with more members than that, or on a shard that works hard, goes on growing on
//! another: from then on each shard that it spans knows all of its sources, and the others' members come by feeds.

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::border::{ControlState, SourceSpec, Span};
use crate::id::{RoomKey, SourceId, TransportId};

/// When a room goes on growing on another shard.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Spread {
    /// Members of a room on one shard.
    pub above: usize,
    /// Share of its time that a shard works, 0 to 1.
    pub load: f64,
}

impl Default for Spread {
    fn default() -> Spread {
        // A hundred who watch one camera take a twentieth of a core. At six tenths a shard has room for what its
        // present members may still come up with.
        Spread { above: 100, load: 0.6 }
    }
}

/// Cells for shards, in the order in which they are to be put.
pub type Cells = SmallVec<[(usize, ControlState); 4]>;

/// What is known of all rooms.
pub struct Placement {
    spread: Spread,
    rooms: HashMap<RoomKey, Room>,
    transports: HashMap<TransportId, (RoomKey, usize)>,
    /// Browsers by shard.
    browsers: Vec<usize>,
}

#[derive(Default)]
struct Room {
    /// Shards and how many of its browsers live there. The first leads, and stays.
    shards: SmallVec<[(usize, usize); 2]>,
    sources: HashMap<SourceId, SourceSpec>,
}

impl Room {
    fn members(&self) -> usize {
        self.shards.iter().map(|(_, members)| members).sum()
    }

    /// Tells all of its shards how it spreads; `alone` also when that is over one shard.
    fn tell(&self, room: RoomKey, alone: bool, cells: &mut Cells) {
        if self.shards.len() < 2 && !alone {
            return;
        }
        let shards = self.shards.iter().map(|(shard, _)| *shard).collect();
        let span = Span { shards, members: self.members() };
        let span = (self.shards.len() > 1).then(|| Arc::new(span));
        cells.extend(self.shards.iter().map(|(shard, _)| (*shard, ControlState::Span(room, span.clone()))));
    }
}

impl Placement {
    pub fn new(shards: usize, spread: Spread) -> Placement {
        let (rooms, transports) = Default::default();
        Placement { spread, rooms, transports, browsers: vec![0; shards.max(1)] }
    }

    /// The shard for a new browser of `room`, when shards are as busy as `load` says, 0 to 1.
    pub fn choose(&self, room: RoomKey, load: impl Fn(usize) -> f64) -> usize {
        let busy = |shard: usize| load(shard) >= self.spread.load;
        let present: &[(usize, usize)] = self.rooms.get(&room).map_or(&[], |room| &room.shards);
        // Where the fewest of it are, so that it spreads evenly.
        let emptiest = present.iter().filter(|(shard, _)| !busy(*shard)).min_by_key(|(_, members)| *members).copied();
        if let Some((shard, members)) = emptiest
            && members < self.spread.above
        {
            return shard;
        }
        let others = (0..self.browsers.len()).filter(|shard| !present.iter().any(|(known, _)| known == shard));
        let other = others.min_by(|a, b| {
            let key = |shard: usize| (busy(shard), self.browsers[shard]);
            key(*a).cmp(&key(*b)).then(load(*a).total_cmp(&load(*b)))
        });
        let calmest = present.iter().map(|(shard, _)| *shard).min_by(|a, b| load(*a).total_cmp(&load(*b)));
        let other = other.filter(|shard| present.is_empty() || !busy(*shard));
        other.or(emptiest.map(|(shard, _)| shard)).or(calmest).unwrap_or(0)
    }

    /// Where `transport` lives.
    pub fn home(&self, transport: TransportId) -> Option<usize> {
        self.transports.get(&transport).map(|(_, shard)| *shard)
    }

    /// Whom a cell of `room` concerns, and what else they have to know because of it.
    pub fn put(&mut self, room: RoomKey, state: ControlState) -> Cells {
        match &state {
            ControlState::Transport(id, Some(spec)) => self.opened(room, *id, spec.shard, state),
            ControlState::Transport(id, None) => self.closed(*id, state),
            ControlState::Source(id, spec) => {
                let known = self.rooms.entry(room).or_default();
                match spec {
                    Some(spec) => known.sources.insert(*id, *spec),
                    None => known.sources.remove(id),
                };
                let cells = known.shards.iter().map(|(shard, _)| (*shard, state.clone())).collect();
                self.forget_if_empty(room);
                cells
            }
            ControlState::Seats(id, _) => self.home(*id).map(|shard| (shard, state)).into_iter().collect(),
            // Only we make them.
            ControlState::Span(..) => Cells::new(),
        }
    }

    fn opened(&mut self, room: RoomKey, id: TransportId, shard: usize, state: ControlState) -> Cells {
        let mut cells = Cells::new();
        if self.transports.insert(id, (room, shard)).is_some() {
            cells.push((shard, state));
            return cells;
        }
        if let Some(browsers) = self.browsers.get_mut(shard) {
            *browsers += 1;
        }
        let known = self.rooms.entry(room).or_default();
        match known.shards.iter_mut().find(|(other, _)| *other == shard) {
            Some((_, members)) => *members += 1,
            None => {
                known.shards.push((shard, 1));
                cells.extend(known.sources.iter().map(|(id, spec)| (shard, ControlState::Source(*id, Some(*spec)))));
            }
        }
        known.tell(room, false, &mut cells);
        cells.push((shard, state));
        cells
    }

    fn closed(&mut self, id: TransportId, state: ControlState) -> Cells {
        let mut cells = Cells::new();
        let Some((room, shard)) = self.transports.remove(&id) else { return cells };
        if let Some(browsers) = self.browsers.get_mut(shard) {
            *browsers = browsers.saturating_sub(1);
        }
        cells.push((shard, state));
        let Some(known) = self.rooms.get_mut(&room) else { return cells };
        let Some(place) = known.shards.iter().position(|(other, _)| *other == shard) else { return cells };
        known.shards[place].1 = known.shards[place].1.saturating_sub(1);
        if known.shards[place].1 == 0 && place > 0 {
            // The lead stays: who dominates is told by it.
            known.shards.remove(place);
            cells.push((shard, ControlState::Span(room, None)));
            cells.extend(known.sources.keys().map(|id| (shard, ControlState::Source(*id, None))));
            known.tell(room, true, &mut cells);
        } else {
            known.tell(room, false, &mut cells);
        }
        self.forget_if_empty(room);
        cells
    }

    fn forget_if_empty(&mut self, room: RoomKey) {
        if self.rooms.get(&room).is_some_and(|room| room.sources.is_empty() && room.members() == 0) {
            self.rooms.remove(&room);
        }
    }
}

#[cfg(test)]
#[path = "placement_tests.rs"]
mod tests;
