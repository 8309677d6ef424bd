//! What of a stream arrived, and whether a decoder would take it without a hitch.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;

use super::picture;

/// A media packet as it came, retransmissions unwrapped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received {
    pub ssrc: u32,
    pub seq: u16,
    pub timestamp: u32,
    pub marker: bool,
    pub pt: u8,
    pub csrc: Vec<u32>,
    pub mid: Option<String>,
    pub level: Option<u8>,
    pub payload: Bytes,
    /// By RTX.
    pub repaired: bool,
}

/// What is missing of a stream that comes.
#[derive(Default)]
pub struct Gaps {
    highest: Option<u16>,
    pub missing: BTreeMap<u16, Option<Instant>>,
}

impl Gaps {
    pub fn note(&mut self, seq: u16) {
        let Some(highest) = self.highest else {
            self.highest = Some(seq);
            return;
        };
        let ahead = seq.wrapping_sub(highest);
        if ahead == 0 || ahead >= 0x8000 {
            self.missing.remove(&seq);
            return;
        }
        for step in 1..ahead {
            self.missing.insert(highest.wrapping_add(step), None);
        }
        self.highest = Some(seq);
    }
}

/// A stream as its receiver's jitter buffer gets it: in order of its numbers, extended over wraps.
pub fn in_order(packets: &[&Received]) -> Vec<(i64, Received)> {
    let Some(first) = packets.first() else { return Vec::new() };
    let mut last = i64::from(first.seq);
    let extended = packets.iter().map(|packet| {
        last += i64::from(packet.seq.wrapping_sub(last as u16) as i16);
        (last, (*packet).clone())
    });
    let mut all: BTreeMap<i64, Received> = BTreeMap::new();
    for (seq, packet) in extended {
        // What is asked for again may be on its way already, and probes repeat what came: a retransmission may come beside
        // its packet. The webrtc crate unwraps it unseen.
        if let Some(other) = all.get(&seq) {
            assert_eq!(Received { repaired: other.repaired, ..packet }, *other, "repeated, but not the same");
        } else {
            all.insert(seq, packet);
        }
    }
    all.into_iter().collect()
}

/// Panics unless a picture's stream is one that a decoder takes without a hitch: no number twice or missing, time
/// rises from picture to picture, picture ids and TL0PICIDX count, and it starts with a key frame.
pub fn assert_gapless(packets: &[&Received]) {
    let stream = in_order(packets);
    let mut last: Option<(i64, Received, picture::Vp8)> = None;
    for (seq, packet) in stream {
        let vp8 = picture::read(&packet.payload).expect("a VP8 payload");
        match &last {
            None => assert!(vp8.start && vp8.key, "the stream starts in the middle"),
            Some((before, previous, earlier)) => {
                assert_eq!(seq, before + 1, "a number is missing");
                let next = previous.marker;
                assert_eq!(vp8.start, next, "pictures are mixed at {seq}");
                let step = packet.timestamp.wrapping_sub(previous.timestamp) as i32;
                assert!(if next { step > 0 } else { step == 0 }, "time went by {step} at {seq}");
                let ids = (vp8.picture_id.wrapping_sub(earlier.picture_id) & 0x7FFF, vp8.tl0.wrapping_sub(earlier.tl0));
                assert_eq!(ids, if next { (1, 1) } else { (0, 0) }, "at {seq}");
                if packet.csrc != previous.csrc {
                    assert!(vp8.key, "another source starts without a key frame");
                }
            }
        }
        last = Some((seq, packet, vp8));
    }
}
