//! What was sent with a transport-wide number lately, and what the receiver said of it.

use crate::id::ExtSeq;
use crate::prefetch::prefetch;

use super::Cluster;

/// Packets remembered, a power of two: at most over a second of a 20 Mbit/s downlink,
const PACKETS: usize = 2_048;
/// at first few,
const FEW: usize = 32;
/// and more when the oldest is younger than this, in microseconds: the longest round trip with the longest pause between two
/// feedbacks, twice.
const KEPT: i64 = 2_000_000;
/// How often in a round through the ring that is looked at, each time at the youngest of those that are overwritten until
/// the next time: what is old has left the caches, and would be waited for.
const LOOKS: usize = 8;
/// So many packets later another cache line is written.
const AHEAD: u64 = 2;
/// Numbers are counted from here, so that none before the first is negative.
const ORIGIN: u64 = 0x1_0000;

/// What is known of a packet's fate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    Unknown,
    /// The feedback about it is missing, though there is some about later ones.
    Presumed,
    Lost,
    Received,
}

/// One packet that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) seq: ExtSeq,
    /// Microseconds since the estimator's start.
    pub(super) at: i64,
    pub(super) size: u16,
    pub(super) cluster: Option<Cluster>,
    pub(super) fate: Fate,
}

/// A ring of packets by their number. Empty until the first packet; it grows with the rate, and never shrinks.
#[derive(Default)]
pub(super) struct History {
    ring: Vec<Option<Sent>>,
    newest: Option<ExtSeq>,
}

impl History {
    /// A packet left. Numbers only rise: one that does not is not remembered.
    pub(super) fn push(&mut self, wire: u16, at: i64, size: usize, cluster: Option<Cluster>) {
        if self.ring.is_empty() {
            self.ring = vec![None; FEW];
        }
        let seq = match self.newest {
            None => ExtSeq(ORIGIN + u64::from(wire)),
            Some(newest) => newest.nearest(wire),
        };
        if self.newest.is_some_and(|newest| seq <= newest) {
            return;
        }
        self.newest = Some(seq);
        let (place, block) = (self.place(seq), self.ring.len() / LOOKS);
        if self.ring.len() < PACKETS && place & (block - 1) == 0 {
            let youngest = self.ring.get(place + block - 1).copied().flatten();
            if youngest.is_some_and(|old| at - old.at < KEPT) {
                self.grow();
            }
        }
        let place = self.place(seq);
        let size = u16::try_from(size).unwrap_or(u16::MAX);
        if let Some(place) = self.ring.get_mut(place) {
            *place = Some(Sent { seq, at, size, cluster, fate: Fate::Unknown });
        }
        // What is written over soon was written a round ago.
        if let Some(next) = self.ring.get(self.place(ExtSeq(seq.0 + AHEAD))) {
            prefetch(next);
        }
    }

    /// The packet whose number ends in `wire`, unless it never left or is forgotten.
    pub(super) fn get_mut(&mut self, wire: u16) -> Option<&mut Sent> {
        let newest = self.newest?;
        let seq = newest.nearest(wire);
        let place = self.place(seq);
        self.ring.get_mut(place)?.as_mut().filter(|sent| sent.seq == seq)
    }

    fn grow(&mut self) {
        let larger = vec![None; 2 * self.ring.len()];
        for sent in std::mem::replace(&mut self.ring, larger).into_iter().flatten() {
            let place = self.place(sent.seq);
            if let Some(place) = self.ring.get_mut(place) {
                *place = Some(sent);
            }
        }
    }

    fn place(&self, seq: ExtSeq) -> usize {
        seq.0 as usize & self.ring.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_found_across_the_wrap_until_they_are_overwritten() {
        let mut history = History::default();
        assert!(history.get_mut(65_000).is_none());
        for count in 0..5_000_u16 {
            history.push(65_000_u16.wrapping_add(count), i64::from(count), 100, None);
        }
        let last = 65_000_u16.wrapping_add(4_999);
        for back in [0, 1, 2_047] {
            let found = history.get_mut(last.wrapping_sub(back)).unwrap();
            assert_eq!(found.at, 4_999 - i64::from(back));
        }
        for never in [last.wrapping_sub(2_048), last.wrapping_add(1), last.wrapping_add(40_000)] {
            assert!(history.get_mut(never).is_none());
        }
    }

    #[test]
    fn whoever_is_sent_little_is_remembered_in_little() {
        let mut history = History::default();
        for count in 0..2_000_u16 {
            history.push(count, i64::from(count) * 10_000, 100, None);
        }
        assert_eq!(history.ring.len(), 8 * FEW);
        assert!((0..200).all(|back| history.get_mut(1_999 - back).is_some()), "two seconds at 100 packets a second");
        for count in 0..2_000_u16 {
            history.push(2_000 + count, 20_000_000 + i64::from(count) * 1_000, 100, None);
        }
        assert_eq!(history.ring.len(), PACKETS);
        assert!(
            (0..2_000).all(|back| history.get_mut(3_999 - back).is_some_and(|sent| sent.seq.wire() == 3_999 - back))
        );
    }

    #[test]
    fn a_number_that_does_not_rise_changes_nothing() {
        let mut history = History::default();
        history.push(10, 1, 100, None);
        history.push(10, 2, 100, None);
        history.push(9, 3, 100, None);
        assert_eq!(history.get_mut(10).unwrap().at, 1);
        assert!(history.get_mut(9).is_none());
    }
}
