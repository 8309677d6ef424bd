//! What must hold of every packet that leaves, whatever happened before (ARCHITECTURE §5): checked at the moment it
//! leaves, in every run.

use std::collections::HashMap;

use plenum::media::codec::{self, Facts};
use plenum::media::outgoing::Outgoing;
use plenum::media::packet;
use plenum::media::spec::{Codec, MediaKind, SharedMediaSpec};

use crate::time::Us;
use crate::wire::Mark;

/// Publishers' packets of which it is known whether they came: longer than any gap that is still mended.
const WINDOW: usize = 16_384;

/// The newest packet of a media stream.
#[derive(Clone, Copy, Debug)]
struct Newest {
    at: Us,
    seq: u64,
    timestamp: u32,
    mark: Mark,
}

/// One outgoing stream.
#[derive(Default)]
struct Stream {
    /// One bit for each number since the first.
    sent: Vec<u64>,
    first: Option<u64>,
    newest: Option<Newest>,
    /// When the present tenure began.
    opened: Us,
}

impl Stream {
    /// Notes `seq`; false when it was sent before.
    fn note(&mut self, seq: u64) -> bool {
        // Numbers may go back a little behind the first: late packets of a tenure.
        let first = *self.first.get_or_insert(seq.saturating_sub(1_024));
        let Some(index) = seq.checked_sub(first) else { return true };
        let (word, bit) = (index as usize / 64, 1 << (index % 64));
        if self.sent.len() <= word {
            self.sent.resize(word + 64, 0);
        }
        let new = self.sent[word] & bit == 0;
        self.sent[word] |= bit;
        new
    }

    fn was_sent(&self, seq: u64) -> bool {
        let index = seq.saturating_sub(self.first.unwrap_or(0));
        self.sent.get(index as usize / 64).is_some_and(|word| word & 1 << (index % 64) != 0)
    }

    /// The highest number below `seq` that was sent; `seq - 1` when there is none close by.
    fn last_below(&self, seq: u64) -> u64 {
        (seq.saturating_sub(1_000)..seq).rev().find(|seq| self.was_sent(*seq)).unwrap_or(seq - 1)
    }

    /// How many numbers between `from` and `to` were not sent, not even as padding in place of a frame left out.
    fn skipped(&self, from: u64, to: u64) -> u64 {
        (from + 1..to).filter(|seq| !self.was_sent(*seq)).count() as u64
    }
}

/// Which of a publisher's numbers came to the server, and when, by `number % WINDOW`.
struct Came {
    numbers: Vec<(u32, Us)>,
}

impl Came {
    fn note(&mut self, now: Us, number: u32) {
        let place = &mut self.numbers[number as usize % WINDOW];
        if place.0 != number {
            *place = (number, now);
        }
    }

    /// How many of the numbers between `from` and `to` did not come, or came by `opened`: what came when the line
    /// did not take it yet is sent when the receiver asks.
    fn missing(&self, from: u32, to: u32, opened: Us) -> u64 {
        let came = |number: u32| self.numbers[number as usize % WINDOW];
        (from + 1..to).map(|number| (number, came(number))).filter(|(n, (own, at))| n != own || *at <= opened).count()
            as u64
    }
}

/// Everything that was sent to every browser, as far as the invariants need it.
#[derive(Default)]
pub struct Ledger {
    specs: HashMap<usize, SharedMediaSpec>,
    streams: HashMap<(usize, usize), Stream>,
    came: HashMap<(u32, u8), Came>,
    /// Media packets that left, and those sent again.
    pub sent: u64,
    pub sent_again: u64,
    /// How often a line turned to another source or layer.
    pub tenures: u64,
}

impl Ledger {
    pub fn join(&mut self, peer: usize, spec: SharedMediaSpec) {
        self.specs.insert(peer, spec);
    }

    /// A publisher's packet came to the server, as media or as a retransmission.
    pub fn came(&mut self, now: Us, mark: &Mark) {
        let came = self.came.entry((mark.source, mark.layer));
        came.or_insert_with(|| Came { numbers: vec![(0, 0); WINDOW] }).note(now, mark.number);
    }

    /// The server sends `bytes` to `peer`.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub fn left(&mut self, now: Us, peer: usize, outgoing: Outgoing, bytes: &[u8]) {
        let spec = &self.specs[&peer];
        let header = packet::parse(bytes, &spec.extensions).expect("the server sends RTP");
        let line = &spec.downlinks[outgoing.stream / 2];
        let rtx = outgoing.stream % 2 == 1;
        let ssrc = if rtx { line.rtx_ssrc.expect("RTX was negotiated") } else { line.ssrc };
        let place = format!("at {now} to {peer} on line {} (rtx: {rtx})", outgoing.stream / 2);
        assert_eq!((header.ssrc, header.seq), (ssrc, outgoing.seq.wire()), "{place}: SSRC or number");
        assert!(header.extensions.mid.is_none_or(|mid| mid == line.mid), "{place}: mid");
        let stream = self.streams.entry((peer, outgoing.stream)).or_default();
        assert!(stream.note(outgoing.seq.0), "{place}: number {} was sent twice", outgoing.seq.0);
        let mut payload = header.payload(bytes);
        if rtx {
            self.sent_again += 1;
            payload = payload.get(2..).unwrap_or_default();
        } else {
            self.sent += 1;
        }
        if payload.is_empty() {
            return;
        }
        let codec = if line.kind == MediaKind::Video { Codec::Vp8 } else { Codec::Opus };
        let facts = codec::facts(codec, payload, header.marker, None).unwrap_or_else(|e| panic!("{place}: {e:?}"));
        let mark = Mark::read(payload, &facts).unwrap_or_else(|| panic!("{place}: the mark is damaged"));
        let csrc = packet::first_csrc(bytes);
        assert_eq!(csrc, Some(mark.source), "{place}: whose packet it is");
        if !rtx {
            self.newest(now, (peer, outgoing), header.timestamp, &facts, mark);
        }
    }

    /// Checks a media packet against the newest of its stream, when it is newer.
    fn newest(&mut self, now: Us, (peer, outgoing): (usize, Outgoing), timestamp: u32, facts: &Facts, mark: Mark) {
        let Ledger { streams, came, tenures, .. } = self;
        let stream = streams.entry((peer, outgoing.stream)).or_default();
        let seq = outgoing.seq.0;
        let new = Newest { at: now, seq, timestamp, mark };
        let sound = mark.layer == Mark::SOUND;
        let before = stream.newest.filter(|newest| newest.seq >= seq || !begins_tenure(&newest.mark, &mark));
        if before.is_none() {
            let opens = sound || (facts.key_frame && facts.frame_start);
            assert!(opens, "at {now} to {peer}: a tenure begins without a key frame: {mark:?}");
            stream.opened = now;
            *tenures += 1;
        }
        if let Some(old) = stream.newest.filter(|newest| newest.seq < seq) {
            let risen = timestamp.wrapping_sub(old.timestamp) as i32;
            let same_frame = (old.mark.source, old.mark.layer, old.mark.frame) == (mark.source, mark.layer, mark.frame);
            // A key frame whose beginning comes late may open the line for its source a second time.
            let again = facts.key_frame && facts.frame_start;
            let rises = if same_frame && !again { risen == 0 } else { risen > 0 };
            assert!(rises, "at {now} to {peer}: timestamps {risen} apart: {old:?} {new:?}");
            // What a tenure left open at its end is closed, unless padding above it was sent.
            // A key frame may begin one of the same source.
            let from = if again || begins_tenure(&old.mark, &mark) { stream.last_below(seq) } else { old.seq };
            let skipped = stream.skipped(from, seq);
            // Sound is never held back, so that what came before the newest left cannot have been meant for the line.
            let opened = if sound { old.at } else { stream.opened };
            let lost = match begins_tenure(&old.mark, &mark) {
                true => 0,
                false => {
                    came.get(&(mark.source, mark.layer)).map_or(0, |c| c.missing(old.mark.number, mark.number, opened))
                }
            };
            assert!(skipped <= lost, "at {now} to {peer}: {skipped} numbers left out, {lost} lost: {old:?} {new:?}");
        }
        if stream.newest.is_none_or(|newest| newest.seq < seq) {
            // A source that returns to its line begins with a key frame, too.
            if facts.key_frame && facts.frame_start {
                stream.opened = now;
            }
            stream.newest = Some(new);
        }
    }
}

fn begins_tenure(old: &Mark, new: &Mark) -> bool {
    (old.source, old.layer) != (new.source, new.layer)
}
