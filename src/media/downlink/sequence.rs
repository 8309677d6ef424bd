//! Sequence numbers of one tenure: how a publisher's numbers become the line's.
//!
//! Packets dropped on purpose leave no gap, packets lost on the way to Plenum leave one. A gap is remembered as a run
//! of missing numbers, out of which each may be taken once, by a late packet.

use crate::id::ExtSeq;

/// Runs remembered. More than this many separate losses inside [`MAX_GAP`] packets are beyond repair anyway.
const RUNS: usize = 32;
/// A jump of the publisher's numbers beyond this is a new start, not loss: no ring goes back that far, and a receiver
/// would ask for all of it.
const MAX_GAP: u64 = 1_000;

/// Missing packets in a row: `first .. first + len` in the publisher's numbers. `T` is what a late packet's rewriting
/// needs to know of the moment when the gap was left.
#[derive(Clone, Copy)]
struct Run<T> {
    first: u64,
    len: u64,
    offset: i64,
    context: T,
}

/// Where a packet goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Placed<T> {
    /// Newer than all before. [`Sequence::take`] or [`Sequence::skip`] decides.
    New,
    /// Fills a gap: its number, and the context of the gap. [`Sequence::fill`] closes it.
    Late(ExtSeq, T),
    /// Before the tenure, handled already, or too long ago.
    Gone,
}

/// The mapping of one tenure. Outgoing number = publisher's number + offset.
pub(super) struct Sequence<T> {
    newest: u64,
    offset: i64,
    /// Made at the first gap: most tenures end without one.
    runs: Option<Box<[Option<Run<T>>; RUNS]>>,
    /// Where the next run goes: the oldest place.
    cursor: usize,
}

impl<T: Copy> Sequence<T> {
    /// A tenure whose first packet `first` gets the number `out`.
    pub(super) fn new(first: ExtSeq, out: ExtSeq) -> Sequence<T> {
        Sequence { newest: first.0.wrapping_sub(1), offset: out.0.wrapping_sub(first.0) as i64, runs: None, cursor: 0 }
    }

    pub(super) fn place(&self, seq: ExtSeq) -> Placed<T> {
        // Compared by distance, since a tenure may begin at number 0, one above the "newest" before it.
        if (seq.0.wrapping_sub(self.newest) as i64) > 0 {
            return Placed::New;
        }
        match self.runs().find(|run| seq.0.wrapping_sub(run.first) < run.len) {
            Some(run) => Placed::Late(shift(seq.0, run.offset), run.context),
            None => Placed::Gone,
        }
    }

    /// The number of a new packet. Numbers skipped by the publisher stay open, with `context`, for late packets.
    pub(super) fn take(&mut self, seq: ExtSeq, context: T) -> ExtSeq {
        self.advance(seq, context);
        shift(seq.0, self.offset)
    }

    /// A new packet that is dropped on purpose: whatever comes after it closes up.
    pub(super) fn skip(&mut self, seq: ExtSeq, context: T) {
        self.advance(seq, context);
        self.offset = self.offset.wrapping_sub(1);
    }

    /// Takes `seq` out of its gap, for ever.
    pub(super) fn fill(&mut self, seq: ExtSeq) {
        let holds = |run: &Run<T>| seq.0.wrapping_sub(run.first) < run.len;
        let mut places = self.runs.iter_mut().flat_map(|runs| runs.iter_mut());
        let Some(place) = places.find(|place| place.as_ref().is_some_and(holds)) else { return };
        let Some(run) = *place else { return };
        let before = seq.0.wrapping_sub(run.first);
        let after = run.len - before - 1;
        let rest = (after > 0).then_some(Run { first: seq.0.wrapping_add(1), len: after, ..run });
        if before == 0 {
            *place = rest;
            return;
        }
        *place = Some(Run { len: before, ..run });
        if let Some(rest) = rest {
            self.remember(rest);
        }
    }

    /// The publisher's packet that belongs to the open number whose wire bits are `wire`.
    pub(super) fn missing(&self, wire: u16) -> Option<(ExtSeq, ExtSeq, T)> {
        self.runs().find_map(|run| {
            let first = shift(run.first, run.offset);
            let distance = u64::from(wire.wrapping_sub(first.wire()));
            (distance < run.len)
                .then(|| (ExtSeq(run.first.wrapping_add(distance)), ExtSeq(first.0 + distance), run.context))
        })
    }

    fn advance(&mut self, seq: ExtSeq, context: T) {
        let lost = seq.0.wrapping_sub(self.newest).wrapping_sub(1);
        if lost > MAX_GAP {
            // One number stays open so that the receiver knows of the break.
            self.offset = self.offset.wrapping_sub((lost - 1) as i64);
        } else if lost > 0 {
            self.remember(Run { first: self.newest.wrapping_add(1), len: lost, offset: self.offset, context });
        }
        self.newest = seq.0;
    }

    fn remember(&mut self, run: Run<T>) {
        let runs = self.runs.get_or_insert_with(|| Box::new([None; RUNS]));
        let free = runs.iter().position(Option::is_none);
        let index = free.unwrap_or_else(|| {
            self.cursor = (self.cursor + 1) % RUNS;
            self.cursor
        });
        runs[index] = Some(run);
    }

    fn runs(&self) -> impl Iterator<Item = &Run<T>> {
        self.runs.iter().flat_map(|runs| runs.iter().flatten())
    }
}

fn shift(seq: u64, offset: i64) -> ExtSeq {
    ExtSeq(seq.wrapping_add(offset as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped() -> Sequence<u8> {
        let mut sequence = Sequence::new(ExtSeq(0), ExtSeq(1_000));
        assert_eq!(sequence.place(ExtSeq(0)), Placed::New);
        assert_eq!(sequence.take(ExtSeq(0), 0), ExtSeq(1_000));
        sequence
    }

    #[test]
    fn a_dropped_packet_leaves_no_gap_and_a_lost_one_does() {
        let mut sequence = mapped();
        sequence.skip(ExtSeq(1), 0);
        assert_eq!(sequence.take(ExtSeq(2), 0), ExtSeq(1_001));
        assert_eq!(sequence.take(ExtSeq(4), 0), ExtSeq(1_003));
        assert_eq!(sequence.place(ExtSeq(1)), Placed::Gone);
    }

    #[test]
    fn a_late_packet_fills_its_gap_once() {
        let mut sequence = mapped();
        assert_eq!(sequence.take(ExtSeq(6), 7), ExtSeq(1_006));
        for seq in [3, 1, 5, 2, 4] {
            assert_eq!(sequence.place(ExtSeq(seq)), Placed::Late(ExtSeq(1_000 + seq), 7));
            assert_eq!(sequence.missing(1_000 + seq as u16), Some((ExtSeq(seq), ExtSeq(1_000 + seq), 7)));
            sequence.fill(ExtSeq(seq));
            assert_eq!(sequence.place(ExtSeq(seq)), Placed::Gone);
            assert_eq!(sequence.missing(1_000 + seq as u16), None);
        }
    }

    #[test]
    fn a_gap_keeps_the_offset_it_was_left_with() {
        let mut sequence = mapped();
        assert_eq!(sequence.take(ExtSeq(2), 0), ExtSeq(1_002));
        sequence.skip(ExtSeq(3), 0);
        assert_eq!(sequence.take(ExtSeq(4), 0), ExtSeq(1_003));
        assert_eq!(sequence.place(ExtSeq(1)), Placed::Late(ExtSeq(1_001), 0));
    }

    #[test]
    fn a_leap_of_the_publisher_is_no_burst_of_losses() {
        let mut sequence = mapped();
        assert_eq!(sequence.take(ExtSeq(50_000), 0), ExtSeq(1_002));
        assert_eq!(sequence.place(ExtSeq(49_999)), Placed::Gone);
    }
}
