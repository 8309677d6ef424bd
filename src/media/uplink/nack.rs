//! Asks for lost packets of one layer (RFC 4585 §6.2.1): when for the first time, how often, and when no more.

use std::time::{Duration, Instant};

use crate::id::ExtSeq;

/// Missing packets waited for at once. More is an outage, and a key frame is the cheaper cure.
const MISSING: usize = 256;

/// How far back a packet is still taken: what a ring holds.
const TAKEN: u64 = 512;

/// Requests for one packet, as in libwebrtc.
const TRIES: u8 = 10;

/// After this long a packet helps nobody: players have gone on or have asked for a key frame.
const GIVE_UP: Duration = Duration::from_millis(1_500);

/// Shortest first delay: packets of one burst overtake each other by less.
const FIRST_MIN: Duration = Duration::from_millis(5);

/// Longest first delay, on paths that reorder. Longer would be heard and seen.
const FIRST_MAX: Duration = Duration::from_millis(40);

/// Shortest time between two requests for one packet, whatever the round trip.
const RETRY_MIN: Duration = Duration::from_millis(20);

/// The sender's time to answer, on top of the round trip.
const ANSWER: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, Debug)]
struct Missing {
    seq: ExtSeq,
    since: Instant,
    next: Instant,
    tries: u8,
}

/// The missing packets of one layer.
#[derive(Clone, Debug)]
pub(super) struct NackGenerator {
    /// By rising number.
    missing: Vec<Missing>,
    /// How long reordered packets have lately taken to come by themselves.
    reordering: Duration,
}

impl NackGenerator {
    pub(super) fn new() -> NackGenerator {
        NackGenerator { missing: Vec::new(), reordering: FIRST_MIN }
    }

    /// The numbers `from..to` did not come before `to`.
    pub(super) fn lost(&mut self, now: Instant, from: ExtSeq, to: ExtSeq) {
        let count = to.0.saturating_sub(from.0);
        if count > MISSING as u64 {
            // An outage: what was missing before is too old as well.
            self.missing.clear();
            return;
        }
        let overflow = (self.missing.len() + count as usize).saturating_sub(MISSING);
        let too_old = self.missing.partition_point(|missing| missing.seq.0 + TAKEN <= to.0);
        self.missing.drain(..overflow.max(too_old));
        let next = now + self.reordering;
        self.missing.extend((from.0..to.0).map(|seq| Missing { seq: ExtSeq(seq), since: now, next, tries: 0 }));
    }

    /// `seq` came after all; returns how often it had been asked for. `direct` is false for a retransmission.
    pub(super) fn found(&mut self, now: Instant, seq: ExtSeq, direct: bool) -> Option<u8> {
        let index = self.missing.binary_search_by_key(&seq, |missing| missing.seq).ok()?;
        let missing = self.missing.remove(index);
        // A packet that had only been overtaken: next time wait for as long, and forget that slowly.
        let late = if direct { now.saturating_duration_since(missing.since) } else { Duration::ZERO };
        self.reordering = (self.reordering * 31 / 32).max(late * 5 / 4).clamp(FIRST_MIN, FIRST_MAX);
        Some(missing.tries)
    }

    /// A key frame starts at `seq`: nobody needs what was before it.
    pub(super) fn forget_before(&mut self, seq: ExtSeq) {
        self.missing.retain(|missing| missing.seq >= seq);
    }

    pub(super) fn clear(&mut self) {
        self.missing.clear();
    }

    /// When something is next due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.missing.iter().map(|missing| missing.next).min()
    }

    /// Fills `out` with the numbers to ask for now, at most `limit`; the rest stays due. Gives up what is too old.
    pub(super) fn due(&mut self, now: Instant, rtt: Duration, limit: usize, out: &mut Vec<u16>) {
        self.missing.retain(|missing| {
            missing.next > now || (missing.tries < TRIES && now.saturating_duration_since(missing.since) < GIVE_UP)
        });
        let retry = (rtt + ANSWER).max(RETRY_MIN);
        for missing in self.missing.iter_mut().filter(|missing| missing.next <= now).take(limit) {
            missing.tries += 1;
            // A quarter of a round trip more each time: a path that is filling up is not helped by asking faster.
            missing.next = now + retry + rtt * u32::from(missing.tries - 1) / 4;
            out.push(missing.seq.wire());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(40);

    fn run(nack: &mut NackGenerator, start: Instant, millis: u64) -> Vec<(u64, u16)> {
        let mut asked = Vec::new();
        for ms in 0..millis {
            let mut out = Vec::new();
            nack.due(start + Duration::from_millis(ms), RTT, 64, &mut out);
            asked.extend(out.into_iter().map(|seq| (ms, seq)));
        }
        asked
    }

    #[test]
    fn a_lost_packet_is_asked_for_soon_then_at_most_once_a_round_trip_and_ten_times() {
        let start = Instant::now();
        let mut nack = NackGenerator::new();
        nack.lost(start, ExtSeq(7), ExtSeq(8));
        let asked = run(&mut nack, start, 5_000);
        assert_eq!(asked.first(), Some(&(5, 7)));
        assert!(asked.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 40), "{asked:?}");
        assert!((5..=10).contains(&asked.len()), "{asked:?}");
        assert_eq!(nack.next(), None, "given up");
    }

    #[test]
    fn a_path_that_reorders_is_given_time() {
        let start = Instant::now();
        let mut nack = NackGenerator::new();
        for seq in 0..10 {
            nack.lost(start, ExtSeq(seq), ExtSeq(seq + 1));
            assert!(nack.found(start + Duration::from_millis(20), ExtSeq(seq), true).is_some());
        }
        nack.lost(start, ExtSeq(20), ExtSeq(21));
        let asked = run(&mut nack, start, 30);
        assert_eq!(asked, [(25, 20)]);
    }

    #[test]
    fn a_key_frame_ends_the_wait_for_what_was_before_it() {
        let start = Instant::now();
        let mut nack = NackGenerator::new();
        nack.lost(start, ExtSeq(5), ExtSeq(9));
        nack.forget_before(ExtSeq(8));
        assert_eq!(run(&mut nack, start, 6), [(5, 8)]);
    }

    #[test]
    fn the_list_is_bounded_and_an_outage_empties_it() {
        let start = Instant::now();
        let mut nack = NackGenerator::new();
        for seq in (0..2_000).step_by(2) {
            nack.lost(start, ExtSeq(seq), ExtSeq(seq + 1));
        }
        assert_eq!(nack.missing.len(), MISSING);
        assert_eq!(nack.missing.last().map(|missing| missing.seq), Some(ExtSeq(1_998)));
        nack.lost(start, ExtSeq(2_000), ExtSeq(3_000));
        assert_eq!(nack.next(), None);
    }
}
