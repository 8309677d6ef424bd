//! Payloads that pass for VP8 and Opus, each with its layer and the moment of its sending in its last octets.

/// The VP8 descriptor in front of a payload (RFC 7741 §4.2): picture id of 15 bits, TL0PICIDX, TID, as Chromium sends.
const DESCRIPTOR: usize = 6;
/// Octets of a [`Stamp`].
const STAMP: usize = 8;
/// A picture's first payload: descriptor, a key frame's header, stamp.
pub(super) const LEAST_PICTURE: usize = DESCRIPTOR + 10 + STAMP;
/// Payload of a full packet. libwebrtc fills packets up to 1,200 octets with header, extensions and room for RTX.
pub(super) const MOST_PAYLOAD: usize = 1_150;

/// One packet of a picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Part {
    pub(super) number: u32,
    pub(super) first: bool,
    /// Height of the picture when it is a key frame.
    pub(super) key: Option<u16>,
    /// Octets of the payload.
    pub(super) len: usize,
    pub(super) layer: u8,
}

/// What a payload says of itself in its last octets: its layer in the first of them, the time in the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stamp {
    /// Microseconds since the tester's epoch.
    pub(super) sent: u64,
    /// 0 = the smallest.
    pub(super) layer: u8,
}

/// How libwebrtc cuts a picture of `octets`: into as few packets as hold it, of sizes that differ by one octet at most,
/// the longer ones last.
pub(super) fn split(octets: usize) -> impl Iterator<Item = usize> {
    let octets = octets.max(LEAST_PICTURE);
    let parts = octets.div_ceil(MOST_PAYLOAD);
    let longer = octets % parts;
    (0..parts).map(move |part| octets / parts + usize::from(part >= parts - longer))
}

/// Writes a part into `out`, which has its length. What is not written is filler.
pub(super) fn write_picture(out: &mut [u8], part: &Part, sent: u64) {
    let [high, low] = (0x8000 | part.number as u16 & 0x7FFF).to_be_bytes();
    let descriptor = [if part.first { 0x90 } else { 0x80 }, 0xE0, high, low, part.number as u8, 0];
    put(out, 0, &descriptor);
    match part.key.filter(|_| part.first) {
        Some(height) => {
            // RFC 6386 §9.1: frame tag, start code, width and height.
            let [wide, tall] = [(height / 9 * 16).to_le_bytes(), height.to_le_bytes()];
            put(out, DESCRIPTOR, &[0x10, 0, 0, 0x9D, 0x01, 0x2A, wide[0], wide[1], tall[0], tall[1]]);
        }
        None if part.first => put(out, DESCRIPTOR, &[0x11, 0, 0]),
        None => {}
    }
    put_stamp(out, Stamp { sent, layer: part.layer });
}

/// Writes a sound into `out`.
pub(super) fn write_sound(out: &mut [u8], sent: u64) {
    // RFC 6716 §3.1: CELT, fullband, 20 ms, mono.
    put(out, 0, &[0xF8]);
    put_stamp(out, Stamp { sent, layer: 0 });
}

fn put(out: &mut [u8], at: usize, octets: &[u8]) {
    if let Some(place) = out.get_mut(at..at + octets.len()) {
        place.copy_from_slice(octets);
    }
}

fn put_stamp(out: &mut [u8], stamp: Stamp) {
    let at = out.len().saturating_sub(STAMP);
    put(out, at, &(u64::from(stamp.layer) << 56 | stamp.sent).to_be_bytes());
}

/// What a payload says of itself.
pub(super) fn stamp(payload: &[u8]) -> Option<Stamp> {
    let [layer, time @ ..] = *payload.last_chunk::<STAMP>()?;
    let [a, b, c, d, e, f, g] = time;
    Some(Stamp { sent: u64::from_be_bytes([0, a, b, c, d, e, f, g]), layer })
}

/// Whether a payload begins a key frame.
pub(super) fn starts_key_frame(payload: &[u8]) -> bool {
    payload.first().is_some_and(|first| first & 0x10 != 0) && payload.get(DESCRIPTOR).is_some_and(|tag| tag & 1 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::codec::{self, vp8};
    use crate::media::spec::Codec;

    #[test]
    fn a_picture_is_cut_into_packets_that_differ_by_one_octet() {
        assert_eq!(split(4_402).collect::<Vec<_>>(), [1_100, 1_100, 1_101, 1_101]);
        assert_eq!(split(3).collect::<Vec<_>>(), [LEAST_PICTURE]);
        for octets in 24..20_000 {
            let sizes: Vec<usize> = split(octets).collect();
            assert_eq!(sizes.iter().sum::<usize>(), octets);
            assert!(sizes.is_sorted() && sizes[sizes.len() - 1] - sizes[0] <= 1 && sizes[0] <= MOST_PAYLOAD);
        }
    }

    #[test]
    fn the_server_reads_a_key_frame_with_its_size_and_the_receiver_its_stamp() {
        let mut payload = vec![0; 900];
        let part = Part { number: 0x1_0203, first: true, key: Some(720), len: 900, layer: 2 };
        write_picture(&mut payload, &part, 77);
        let facts = codec::facts(Codec::Vp8, &payload, false, None).unwrap();
        assert!(facts.key_frame && facts.frame_start && starts_key_frame(&payload));
        assert_eq!(vp8::resolution(&payload), Some((1280, 720)));
        assert_eq!(stamp(&payload), Some(Stamp { sent: 77, layer: 2 }));
        write_picture(&mut payload, &Part { key: None, ..part }, 78);
        assert!(!starts_key_frame(&payload) && !codec::facts(Codec::Vp8, &payload, false, None).unwrap().key_frame);
    }
}
