//! What left for this browser lately, by line and sequence number: enough to send it again from the ring.

use std::time::Duration;

use crate::id::{ExtSeq, SourceId};
use crate::prefetch::prefetch;

use super::tenure::Stamp;

/// Packets remembered: at most a second of a 20 Mbit/s downlink, and more than rings hold of one layer. A power of two.
const PACKETS: usize = 2_048;
/// At first few,
const FEW: usize = 32;
/// and more when the oldest is younger than this: what is older is sent again over round trips of half a second and more
/// alone, and all of it has to fit the caches, for every packet that leaves is written into it.
const KEPT_MS: u32 = 1_000;
/// How often in a round through the ring that is looked at, each time at the youngest of those that are overwritten until
/// the next time: what is old has left the caches, and would be waited for.
const LOOKS: usize = 8;
/// Twice the packets, so that few share a bucket.
const BUCKETS: usize = 2;
/// A packet is sent again this often at most: a receiver that still asks has other trouble.
const MOST_TIMES: u8 = 8;
/// Shortest pause between two retransmissions of one packet. Otherwise half a round trip: a receiver asks again after a
/// whole one, by its own estimate.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);

/// One packet that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) line: u16,
    pub(super) layer: u8,
    /// How often it was sent again.
    times: u8,
    pub(super) source: SourceId,
    /// The publisher's number: the packet's place in its ring.
    pub(super) source_seq: ExtSeq,
    pub(super) stamp: Stamp,
    /// When it was sent, in milliseconds since the process's epoch; wraps.
    pub(super) sent_ms: u32,
}

impl Entry {
    /// Lines and layers are few: an offer holds at most some hundred m-lines, of three layers each. `sent` counts from the
    /// process's epoch.
    pub(super) fn new(
        line: usize,
        (source, layer): (SourceId, usize),
        source_seq: ExtSeq,
        stamp: Stamp,
        sent: Duration,
    ) -> Entry {
        let (line, layer) = (line as u16, layer as u8);
        Entry { line, layer, times: 0, source, source_seq, stamp, sent_ms: milliseconds(sent) }
    }
}

/// `since` the process's epoch in milliseconds; wraps.
fn milliseconds(since: Duration) -> u32 {
    (since.as_secs() as u32).wrapping_mul(1_000).wrapping_add(since.subsec_millis())
}

/// A cache line: there is one to write for each packet that leaves.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Slot {
    entry: Entry,
    /// Position of the packet before it in its bucket.
    before: u32,
    /// When it was sent again last, as [`Entry::sent_ms`] counts.
    resent_ms: u32,
}

const _: () = assert!(size_of::<Slot>() == 64);

/// A ring of packets, and chains through it by hash. Empty until the first packet; it grows with the rate, and never shrinks.
#[derive(Default)]
pub(super) struct History {
    slots: Vec<Slot>,
    /// How many slots there may be now, a power of two; 0 before the first packet.
    size: usize,
    /// Position + 1 of each bucket's newest packet; the position's place in the ring is its lower bits.
    heads: Vec<u32>,
    written: u32,
}

impl History {
    // In place, where the entry's parts are in registers: handed over in memory it would be read in wider pieces than it
    // was written in, for which the processor waits until the packet's copy has left its store buffer.
    #[inline(always)]
    pub(super) fn push(&mut self, entry: Entry) {
        let (place, block) = (self.place(self.written), self.size / LOOKS);
        if self.size == 0 {
            self.resize(FEW);
        } else if place & (block - 1) == 0 && self.size < PACKETS {
            let youngest = self.slots.get(place + block - 1).map(|slot| slot.entry.sent_ms);
            if youngest.is_some_and(|sent| entry.sent_ms.wrapping_sub(sent) < KEPT_MS) {
                self.resize(2 * self.size);
            }
        }
        self.write(Slot { entry, before: 0, resent_ms: 0 });
    }

    /// The packet `seq` of `line` is to be written next.
    pub(super) fn prefetch(&self, line: usize, seq: ExtSeq) {
        if let Some(head) = self.heads.get(self.bucket(line as u16, seq.wire())) {
            prefetch(head);
        }
    }

    /// Puts `slot` behind all others.
    #[inline(always)]
    fn write(&mut self, slot: Slot) {
        let (place, bucket) = (self.place(self.written), self.bucket(slot.entry.line, slot.entry.stamp.seq.wire()));
        let Some(head) = self.heads.get_mut(bucket) else { return };
        let slot = Slot { before: *head, ..slot };
        match self.slots.get_mut(place) {
            Some(old) => *old = slot,
            None => self.slots.push(slot),
        }
        self.written = self.written.wrapping_add(1);
        *head = self.written;
        // What is written over next was written a round ago.
        if let Some(next) = self.slots.get(self.place(self.written)) {
            prefetch(next);
        }
    }

    /// Makes room for `size` packets, and counts anew those that are there.
    #[cold]
    fn resize(&mut self, size: usize) {
        let begin = self.place(self.written).min(self.slots.len());
        let slots = std::mem::replace(&mut self.slots, Vec::with_capacity(size));
        (self.size, self.heads, self.written) = (size, vec![0; BUCKETS * size], 0);
        let (newer, older) = slots.split_at(begin);
        older.iter().chain(newer).for_each(|slot| self.write(*slot));
    }

    /// The packet of `line` whose number ends in `wire`, when it may be sent again `now`, which counts from the process's
    /// epoch. [`History::resent`] says that it was.
    pub(super) fn find(&self, now: Duration, line: u16, wire: u16, rtt: Duration) -> Option<Entry> {
        let slot = self.slots.get(self.locate(line, wire)?)?;
        let pause = (rtt / 2).max(SHORTEST_PAUSE).as_millis() as u32;
        let rested = slot.entry.times == 0 || milliseconds(now).wrapping_sub(slot.resent_ms) >= pause;
        (rested && slot.entry.times < MOST_TIMES).then_some(slot.entry)
    }

    /// Whether the packet is here, sent again lately or not.
    pub(super) fn contains(&self, line: u16, wire: u16) -> bool {
        self.locate(line, wire).is_some()
    }

    /// The packet that was sent `back` packets before the newest.
    pub(super) fn recent(&self, back: u32) -> Option<Entry> {
        let place = self.place(self.written.checked_sub(back.checked_add(1)?)?);
        let slot = self.slots.get(place).filter(|slot| (back as usize) < self.size && slot.entry.times < MOST_TIMES)?;
        Some(slot.entry)
    }

    /// Sends nothing of `source` again: its numbers mean other packets now.
    pub(super) fn forget(&mut self, source: SourceId) {
        for slot in self.slots.iter_mut().filter(|slot| slot.entry.source == source) {
            slot.entry.times = MOST_TIMES;
        }
    }

    pub(super) fn resent(&mut self, now: Duration, line: u16, wire: u16) {
        if let Some(slot) = self.locate(line, wire).and_then(|place| self.slots.get_mut(place)) {
            slot.entry.times = slot.entry.times.saturating_add(1);
            slot.resent_ms = milliseconds(now);
        }
    }

    fn locate(&self, line: u16, wire: u16) -> Option<usize> {
        let mut position = *self.heads.get(self.bucket(line, wire))?;
        // A chain leads to ever older packets and ends where the ring was overwritten.
        let mut age = 0;
        loop {
            let older = self.written.wrapping_sub(position).wrapping_add(1);
            if older <= age || older as usize > self.size {
                return None;
            }
            age = older;
            let place = self.place(position.wrapping_sub(1));
            let slot = self.slots.get(place)?;
            if slot.entry.line == line && slot.entry.stamp.seq.wire() == wire {
                return Some(place);
            }
            position = slot.before;
        }
    }

    fn place(&self, position: u32) -> usize {
        position as usize & self.size.saturating_sub(1)
    }

    /// Neighbouring numbers of a line fall into neighbouring buckets; lines are spread.
    fn bucket(&self, line: u16, wire: u16) -> usize {
        usize::from(wire.wrapping_add(line.wrapping_mul(0x9E37))) & (BUCKETS * self.size).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rewrite::Offsets;
    use super::*;
    use rand::{Rng, SeedableRng};

    const RTT: Duration = Duration::from_millis(40);

    fn entry(line: u16, seq: u64) -> Entry {
        let stamp = Stamp { seq: ExtSeq(seq), timestamp: 0, marker: false, offsets: Offsets::default(), hollow: false };
        Entry { line, layer: 0, times: 0, source: SourceId(1), source_seq: ExtSeq(seq * 3), stamp, sent_ms: 0 }
    }

    #[test]
    fn the_last_packets_of_all_lines_are_found_and_older_ones_are_not() {
        let now = Duration::from_secs(9);
        let mut history = History::default();
        assert!(history.find(now, 0, 0, RTT).is_none());
        let mut rng = rand::rngs::StdRng::seed_from_u64(3);
        let mut sent = Vec::new();
        let mut next = [65_000, 3, 40_000, 65_535];
        for _ in 0..5_000 {
            let line = rng.random_range(0..next.len());
            history.push(entry(line as u16, next[line]));
            sent.push((line as u16, next[line]));
            next[line] += 1;
        }
        let (old, kept) = sent.split_at(sent.len() - PACKETS);
        for (line, seq) in kept {
            let found = history.find(now, *line, *seq as u16, RTT);
            assert_eq!(found.map(|entry| entry.source_seq), Some(ExtSeq(seq * 3)));
        }
        assert!(old.iter().all(|(line, seq)| history.find(now, *line, *seq as u16, RTT).is_none()));
    }

    #[test]
    fn whoever_is_sent_little_is_remembered_in_little() {
        let now = Duration::from_secs(9);
        let mut history = History::default();
        let push = |history: &mut History, seq: u64, sent_ms| {
            history.push(Entry { sent_ms, ..entry(3, seq) });
            history.resent(now, 3, seq as u16);
        };
        (0..2_000).for_each(|seq| push(&mut history, seq, seq as u32 * 20));
        assert_eq!(history.slots.len(), 2 * FEW);
        assert!((1_950..2_000).all(|seq| history.contains(3, seq)), "a second at 50 packets a second");
        assert!(!history.contains(3, 1_935));
        // What is known of a packet stays known while more are remembered.
        (2_000..3_800).for_each(|seq| push(&mut history, seq, 38_000 + seq as u32));
        assert!((1_960..3_800).all(|seq| history.contains(3, seq)));
        assert!((1_960..3_800).all(|seq| history.find(now, 3, seq, RTT).is_none()), "all were sent again just now");
        assert!((1_960..3_800).all(|seq| history.find(now + RTT, 3, seq, RTT).is_some()));
        assert_eq!(history.recent(1).map(|entry| entry.stamp.seq), Some(ExtSeq(3_798)));
        (3_800..9_000).for_each(|seq| push(&mut history, seq, 50_000 + seq as u32));
        assert_eq!(history.slots.len(), PACKETS);
    }

    #[test]
    fn a_packet_rests_between_retransmissions_and_ends_some_day() {
        let start = Duration::from_secs(9);
        let mut history = History::default();
        history.push(entry(0, 9));
        history.resent(start, 0, 9);
        assert!(history.find(start + RTT / 4, 0, 9, RTT).is_none());
        assert!(history.find(start + RTT, 0, 9, RTT).is_some());
        for _ in 1..MOST_TIMES {
            history.resent(start, 0, 9);
        }
        assert!(history.find(start + RTT * 100, 0, 9, RTT).is_none());
        assert!(history.contains(0, 9));
    }
}
