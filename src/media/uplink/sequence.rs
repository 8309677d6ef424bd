//! The sequence numbers of one layer: extends them, finds duplicates and gaps, and takes padding out of the count.

use std::collections::VecDeque;

use crate::id::ExtSeq;

/// Packets of which it is known whether they came: as many as a video ring holds, in 64-bit words.
const WORDS: usize = 8;
const SEEN: u64 = 64 * WORDS as u64;

/// Numbering starts one cycle up, so that packets from before the first one still have a number.
const FIRST_CYCLE: u64 = 0x1_0000;

/// Packets that are too old, one after the other and none newer between them, after which the sender is believed to
/// have started over (as in RFC 3550 §A.1, but a burst that was long held up must not pass for that).
const RESTART: u8 = 5;

/// Padding packets remembered one by one. A probe is rarely longer than 20 packets.
const REMOVED: usize = 64;

/// Where a packet belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Placed {
    /// The first of its stream. What has numbers below it may still come.
    First(ExtSeq),
    /// The highest yet; the numbers from `missing` up to it are missing.
    Newest {
        seq: ExtSeq,
        missing: ExtSeq,
    },
    /// Fills a gap.
    Late(ExtSeq),
    Duplicate,
    TooOld,
}

/// The numbers of one RTP stream, and of its successors on the same layer.
#[derive(Clone, Debug)]
pub(super) struct Sequence {
    /// The highest number that came.
    highest: Option<ExtSeq>,
    /// The first of this stream.
    first: ExtSeq,
    /// Bit `n % SEEN`: number `n` came.
    seen: [u64; WORDS],
    /// How far back a packet is still taken.
    window: u64,
    /// The number that would continue a run of numbers which are too old, and the run's length.
    restart: (u16, u8),
    padding: Padding,
}

impl Sequence {
    /// `window`: packets more than this behind the newest are too old; at most 512.
    pub(super) fn new(window: u64) -> Sequence {
        Sequence {
            highest: None,
            first: ExtSeq(0),
            seen: [0; WORDS],
            window: window.min(SEEN),
            restart: (0, 0),
            padding: Padding::default(),
        }
    }

    /// Notes that `wire` came. `direct` is false for a retransmission.
    pub(super) fn place(&mut self, wire: u16, direct: bool) -> Placed {
        let Some(highest) = self.highest else {
            return self.start(ExtSeq(FIRST_CYCLE + u64::from(wire)));
        };
        let seq = highest.nearest(wire);
        if seq > highest {
            self.advance(highest, seq);
            self.restart = (0, 0);
            return Placed::Newest { seq, missing: ExtSeq(highest.0 + 1) };
        }
        if highest.0 - seq.0 >= self.window || seq < self.padding.floor {
            return self.too_old(wire, direct);
        }
        if self.has(seq) {
            return Placed::Duplicate;
        }
        self.mark(seq);
        Placed::Late(seq)
    }

    /// The stream is followed by another one with numbers of its own: they continue above a gap that no packet fills.
    pub(super) fn succeed(&mut self) {
        if let Some(highest) = self.highest.take() {
            self.first = ExtSeq((highest.0 | 0xFFFF) + 1 + FIRST_CYCLE);
        }
        self.restart = (0, 0);
    }

    /// The number under which `seq` is passed on: without the padding before it.
    pub(super) fn outward(&self, seq: ExtSeq) -> ExtSeq {
        self.padding.outward(seq)
    }

    /// Takes the newest packet out of the count: it was padding, and is not passed on.
    pub(super) fn remove(&mut self, seq: ExtSeq) {
        if self.highest == Some(seq) {
            self.padding.remove(seq, self.window);
        }
    }

    /// Numbers from the first of the stream to the highest, both included (RFC 3550 §A.3 "expected").
    pub(super) fn expected(&self) -> u64 {
        self.highest.map_or(0, |highest| highest.0.saturating_sub(self.first.0) + 1)
    }

    /// The extended highest sequence number of a reception report (RFC 3550 §6.4.1): cycles counted from 0.
    pub(super) fn reported(&self) -> u32 {
        self.highest.map_or(0, |highest| (highest.0 - (self.first.0 & !0xFFFF)) as u32)
    }

    fn start(&mut self, seq: ExtSeq) -> Placed {
        // After a predecessor, `first` holds the first number of the next cycle.
        let seq = ExtSeq(seq.0.max(self.first.0 + u64::from(seq.wire())));
        self.first = seq;
        self.highest = Some(seq);
        self.seen = [0; WORDS];
        self.mark(seq);
        Placed::First(seq)
    }

    fn too_old(&mut self, wire: u16, direct: bool) -> Placed {
        if !direct {
            return Placed::TooOld;
        }
        let (next, run) = self.restart;
        let run = if wire == next { run + 1 } else { 1 };
        if run >= RESTART {
            self.succeed();
            return self.start(ExtSeq(FIRST_CYCLE + u64::from(wire)));
        }
        self.restart = (wire.wrapping_add(1), run);
        Placed::TooOld
    }

    fn advance(&mut self, from: ExtSeq, to: ExtSeq) {
        if to.0 - from.0 >= SEEN {
            self.seen = [0; WORDS];
        } else {
            for skipped in from.0 + 1..to.0 {
                let (word, bit) = place_of(ExtSeq(skipped));
                self.seen[word] &= !bit;
            }
        }
        self.highest = Some(to);
        self.mark(to);
    }

    fn has(&self, seq: ExtSeq) -> bool {
        let (word, bit) = place_of(seq);
        self.seen[word] & bit != 0
    }

    fn mark(&mut self, seq: ExtSeq) {
        let (word, bit) = place_of(seq);
        self.seen[word] |= bit;
    }
}

fn place_of(seq: ExtSeq) -> (usize, u64) {
    ((seq.0 / 64) as usize % WORDS, 1 << (seq.0 % 64))
}

/// Padding that was taken out of the count. What is passed on has no gaps where a publisher probed with padding on a
/// media SSRC: subscribers would ask for those packets in vain.
#[derive(Clone, Debug, Default)]
struct Padding {
    /// Rising. Each was the highest number when it came, so nothing above it had been passed on yet.
    removed: VecDeque<ExtSeq>,
    /// Those before, forgotten one by one.
    forgotten: u64,
    /// Below, it is not known any more how many were removed.
    floor: ExtSeq,
}

impl Padding {
    fn outward(&self, seq: ExtSeq) -> ExtSeq {
        let before = self.removed.iter().rev().skip_while(|removed| **removed >= seq).count();
        ExtSeq(seq.0 - self.forgotten - before as u64)
    }

    fn remove(&mut self, seq: ExtSeq, window: u64) {
        self.removed.push_back(seq);
        while let Some(oldest) = self.removed.front().copied()
            && (self.removed.len() > REMOVED || oldest.0 + window < seq.0)
        {
            self.removed.pop_front();
            self.forgotten += 1;
            self.floor = ExtSeq(oldest.0 + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use std::collections::BTreeMap;

    fn newest(placed: Placed) -> u64 {
        match placed {
            Placed::First(seq) | Placed::Newest { seq, .. } => seq.0,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn numbers_continue_over_a_wrap_and_never_fall_below_zero() {
        let mut sequence = Sequence::new(512);
        let first = newest(sequence.place(2, true));
        assert_eq!(sequence.place(0xFFFE, true), Placed::Late(ExtSeq(first - 4)));
        for step in 1..200_000_u64 {
            assert_eq!(newest(sequence.place((2 + step) as u16, true)), first + step);
        }
        assert_eq!(sequence.expected(), 200_000);
        assert_eq!(sequence.reported(), 2 + 199_999);
    }

    #[test]
    fn a_second_copy_is_a_duplicate_and_a_very_late_one_too_old() {
        let mut sequence = Sequence::new(64);
        newest(sequence.place(100, true));
        assert_eq!(
            sequence.place(105, true),
            Placed::Newest { seq: ExtSeq(FIRST_CYCLE + 105), missing: ExtSeq(FIRST_CYCLE + 101) }
        );
        assert_eq!(sequence.place(103, false), Placed::Late(ExtSeq(FIRST_CYCLE + 103)));
        assert_eq!(sequence.place(103, true), Placed::Duplicate);
        newest(sequence.place(165, true));
        assert_eq!(sequence.place(101, true), Placed::TooOld);
        assert_eq!(sequence.place(102, true), Placed::Late(ExtSeq(FIRST_CYCLE + 102)));
    }

    #[test]
    fn a_sender_that_starts_over_continues_above_what_was() {
        let mut sequence = Sequence::new(512);
        let old = newest(sequence.place(30_000, true));
        for wire in 10..14 {
            assert_eq!(sequence.place(wire, true), Placed::TooOld);
        }
        let new = newest(sequence.place(14, true));
        assert!(new > old + 0x8000 && new as u16 == 14);
        assert_eq!(sequence.expected(), 1);
        assert_eq!(newest(sequence.place(15, true)), new + 1);
    }

    #[test]
    fn packets_that_were_long_held_up_do_not_make_a_sender_start_over() {
        let mut sequence = Sequence::new(64);
        newest(sequence.place(1_000, true));
        for step in 0..200 {
            assert_eq!(sequence.place(500 + step, true), Placed::TooOld);
            newest(sequence.place(1_001 + step, true));
        }
    }

    #[test]
    fn a_successor_never_shares_a_number_with_its_predecessor() {
        let mut sequence = Sequence::new(512);
        let old = newest(sequence.place(65_000, true));
        sequence.succeed();
        let new = newest(sequence.place(3, true));
        assert!(new > old + 0x8000 && new as u16 == 3);
        assert_eq!(sequence.place(0xFFFF, true), Placed::Late(ExtSeq(new - 4)));
    }

    #[test]
    fn padding_leaves_no_gap_in_what_is_passed_on() {
        let mut sequence = Sequence::new(512);
        let mut last = None;
        for wire in 0..5_000_u16 {
            // 13 and 14 of 20 are padding, 7 comes two later.
            let wire = match wire % 20 {
                7 => wire + 1,
                8 => wire + 1,
                9 => wire - 2,
                _ => wire,
            };
            match sequence.place(wire, true) {
                Placed::Newest { seq, .. } if (13..15).contains(&(wire % 20)) => sequence.remove(seq),
                Placed::First(seq) | Placed::Newest { seq, .. } => {
                    let outward = sequence.outward(seq).0;
                    let step = if wire % 20 == 8 { 2 } else { 1 };
                    assert!(last.is_none_or(|last| outward == last + step), "{wire}");
                    last = Some(outward);
                }
                Placed::Late(seq) => assert_eq!(Some(sequence.outward(seq).0 + 2), last),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn padding_that_came_late_keeps_its_number() {
        let mut sequence = Sequence::new(512);
        let first = newest(sequence.place(10, true));
        let third = ExtSeq(newest(sequence.place(12, true)));
        let before = sequence.outward(third);
        sequence.place(11, true);
        sequence.remove(ExtSeq(first + 1));
        assert_eq!(sequence.outward(third), before);
    }

    #[test]
    fn what_is_passed_on_keeps_its_order_and_shares_no_number() {
        for seed in 0..20 {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut sequence = Sequence::new(512);
            let mut order: Vec<u64> = (0..20_000).map(|n| n * 8 + rng.random_range(0..120)).collect();
            let mut numbers: Vec<usize> = (0..order.len()).collect();
            numbers.sort_by_key(|n| order[*n]);
            let padding: Vec<bool> = order.drain(..).map(|_| rng.random_bool(0.4)).collect();
            let mut passed = BTreeMap::new();
            for number in numbers {
                if rng.random_bool(0.1) {
                    continue;
                }
                match sequence.place((number + 60_000) as u16, true) {
                    Placed::First(seq) | Placed::Newest { seq, .. } | Placed::Late(seq) if padding[number] => {
                        sequence.remove(seq);
                    }
                    Placed::First(seq) | Placed::Newest { seq, .. } | Placed::Late(seq) => {
                        assert_eq!(passed.insert(sequence.outward(seq), number), None, "seed {seed}");
                    }
                    Placed::Duplicate | Placed::TooOld => {}
                }
            }
            assert!(passed.len() > 10_000);
            let numbers: Vec<usize> = passed.into_values().collect();
            assert!(numbers.is_sorted(), "seed {seed}");
        }
    }
}
