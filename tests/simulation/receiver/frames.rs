//! From packets to frames, and which of them a decoder can show: libwebrtc's packet buffer and reference finder.

use std::collections::BTreeMap;

use plenum::media::codec::{Detail, Facts};

use crate::wire::Mark;

/// Packets kept of frames that are not whole: libwebrtc's largest packet buffer.
const PACKETS: usize = 2_048;

/// One packet of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    pub timestamp: u32,
    pub marker: bool,
    pub facts: Facts,
    pub mark: Mark,
}

/// A frame of which all packets came.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub first: u64,
    pub last: u64,
    pub timestamp: u32,
    pub facts: Facts,
    pub mark: Mark,
}

/// Packets by number.
#[derive(Default)]
pub struct Assembly {
    parts: BTreeMap<u64, Part>,
    /// Frames that had a beginning and an end, but were not what the publisher had sent: cut short, or mixed.
    pub torn: u64,
}

impl Assembly {
    /// Takes a packet; returns the frame that it makes whole.
    pub fn insert(&mut self, seq: u64, part: Part) -> Option<Frame> {
        self.parts.insert(seq, part);
        while self.parts.len() > PACKETS {
            self.parts.pop_first();
        }
        let same = |seq: u64| self.parts.get(&seq).filter(|other| other.timestamp == part.timestamp);
        let mut first = seq;
        while !same(first)?.facts.frame_start {
            first -= 1;
        }
        let mut last = seq;
        while !same(last)?.marker {
            last += 1;
        }
        let head = *same(first)?;
        let marks = (first..=last).map_while(|seq| self.parts.get(&seq)).map(|part| part.mark);
        let whole = marks.enumerate().all(|(place, mark)| {
            usize::from(mark.part) == place
                && (mark.source, mark.layer, mark.frame) == (head.mark.source, head.mark.layer, head.mark.frame)
        });
        if !whole || u64::from(head.mark.parts) != last - first + 1 {
            self.torn += 1;
        }
        for seq in first..=last {
            self.parts.remove(&seq);
        }
        Some(Frame { first, last, timestamp: part.timestamp, facts: head.facts, mark: head.mark })
    }

    /// A frame up to `seq` was decoded.
    pub fn decoded(&mut self, seq: u64) {
        self.parts = self.parts.split_off(&seq);
    }
}

/// The counters of a frame (RFC 7741 §4.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Counters {
    picture_id: u16,
    tl0picidx: Option<u8>,
}

impl Counters {
    fn of(facts: &Facts) -> Option<Counters> {
        let Detail::Vp8(detail) = facts.detail else { return None };
        Some(Counters { picture_id: detail.picture_id?.value, tl0picidx: detail.tl0picidx })
    }
}

/// What the decoder has.
#[derive(Default)]
pub struct Decoder {
    waiting: BTreeMap<u64, Frame>,
    /// Of the newest base-layer frame.
    base: Option<Counters>,
    /// Picture ids decoded since, the base's first.
    since: Vec<u16>,
    /// Number of the last packet decoded.
    last: u64,
    /// What really was decoded of the present source and layer.
    truth: Vec<(u32, u8, u32)>,
    /// Frames that looked decodable and were not: the picture is broken.
    pub corrupted: u64,
}

impl Decoder {
    /// Takes a whole frame; returns those that can be decoded now, in their order.
    pub fn insert(&mut self, frame: Frame) -> Vec<Frame> {
        if frame.first <= self.last {
            return Vec::new();
        }
        self.waiting.insert(frame.first, frame);
        let mut shown = Vec::new();
        while let Some((first, frame)) = self.waiting.iter().find(|(_, f)| self.decodable(f)).map(|(s, f)| (*s, *f)) {
            self.waiting = self.waiting.split_off(&(first + 1));
            self.decode(&frame);
            shown.push(frame);
        }
        shown
    }

    fn decodable(&self, frame: &Frame) -> bool {
        if frame.facts.key_frame {
            return true;
        }
        let (Some(own), Some(base)) = (Counters::of(&frame.facts), self.base) else { return false };
        let before = own.picture_id.wrapping_sub(1) & 0x7FFF;
        let Some((own_base, base_tl0)) = own.tl0picidx.zip(base.tl0picidx) else {
            return self.since.last() == Some(&before);
        };
        if frame.facts.temporal == 0 {
            return own_base == base_tl0.wrapping_add(1);
        }
        // A frame of an upper layer belongs to the base frame whose index it repeats. Without the sync bit it may refer
        // to any frame since, so all of them are needed.
        let between = own.picture_id.wrapping_sub(base.picture_id) & 0x7FFF;
        let all = (0..between).all(|n| self.since.contains(&(base.picture_id.wrapping_add(n) & 0x7FFF)));
        own_base == base_tl0 && (frame.facts.switch_up || all)
    }

    fn decode(&mut self, frame: &Frame) {
        let Some(own) = Counters::of(&frame.facts) else { return };
        if frame.facts.temporal == 0 {
            self.base = Some(own);
            self.since.clear();
        }
        self.since.push(own.picture_id);
        self.last = frame.last;
        let Mark { source, layer, frame: number, reference, .. } = frame.mark;
        if frame.facts.key_frame {
            self.truth.clear();
        } else if !self.truth.contains(&(source, layer, reference)) {
            self.corrupted += 1;
        }
        if self.truth.len() == 16 {
            self.truth.remove(0);
        }
        self.truth.push((source, layer, number));
    }
}
