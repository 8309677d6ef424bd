//! The size of the picture, as the first packet of a key frame tells it.

use crate::media::spec::Codec;

/// Height in pixels, when the first packet of a key frame tells it plainly.
pub(super) fn height(codec: Codec, payload: &[u8]) -> Option<u16> {
    match codec {
        Codec::Vp8 => vp8(payload),
        _ => None,
    }
}

/// RFC 7741 §4.2 and §4.3, RFC 6386 §9.1: frame tag, start code, 14 bits of width and of height, each with a scale.
fn vp8(payload: &[u8]) -> Option<u16> {
    let first = *payload.first()?;
    let mut at = 1;
    if first & 0x80 != 0 {
        let present = *payload.get(at)?;
        at += 1;
        if present & 0x80 != 0 {
            at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
        }
        at += usize::from(present & 0x40 != 0) + usize::from(present & 0x30 != 0);
    }
    let frame = payload.get(at..)?.first_chunk::<10>()?;
    let [tag, _, _, 0x9D, 0x01, 0x2A, _, _, low, high] = *frame else { return None };
    (tag & 1 == 0).then(|| u16::from_le_bytes([low, high]) & 0x3FFF)
}
