//! Synthetic pictures and sounds: bytes that name who made them, in payloads that pass for VP8 and Opus.

use bytes::Bytes;

/// The VP8 descriptor in front of a payload (RFC 7741 §4.2): picture id of 15 bits, TL0PICIDX, TID, as Chromium sends.
pub const DESCRIPTOR: usize = 6;
/// Octets of one packet's body behind what names it. Small, so that no rate limit is ever met.
const FILLER: usize = 120;

/// What one packet of a picture is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Vp8 {
    pub start: bool,
    pub key: bool,
    pub picture_id: u16,
    pub tl0: u8,
}

/// The parts of one picture, each ending in a body that is unique for (`maker`, `number`, part).
pub fn picture(maker: u8, number: u32, key: bool, parts: usize) -> Vec<Bytes> {
    let part = |index: usize| {
        let mut payload = vec![if index == 0 { 0x90 } else { 0x80 }, 0xE0];
        payload.extend((0x8000 | (number as u16 & 0x7FFF)).to_be_bytes());
        payload.extend([number as u8, 0]);
        if index == 0 && key {
            // RFC 6386 §9.1: frame tag, start code, 320 by 240.
            payload.extend([0x10, 0, 0, 0x9D, 0x01, 0x2A, 0x40, 0x01, 0xF0, 0x00]);
        } else if index == 0 {
            payload.extend([0x11, 0, 0]);
        }
        payload.push(maker);
        payload.extend(number.to_be_bytes());
        payload.push(index as u8);
        payload.extend((0..FILLER).map(|octet| octet as u8 ^ number as u8));
        Bytes::from(payload)
    };
    (0..parts).map(part).collect()
}

/// Reads the descriptor of [`picture`]s.
pub fn read(payload: &[u8]) -> Option<Vp8> {
    let descriptor = payload.first_chunk::<DESCRIPTOR>()?;
    let start = descriptor[0] & 0x10 != 0;
    Some(Vp8 {
        start,
        key: start && payload.get(DESCRIPTOR)? & 1 == 0,
        picture_id: u16::from_be_bytes([descriptor[2], descriptor[3]]) & 0x7FFF,
        tl0: descriptor[4],
    })
}

/// What the server may not change of a packet of a picture.
pub fn body(payload: &[u8]) -> &[u8] {
    &payload[DESCRIPTOR..]
}

/// 20 ms of sound.
pub fn sound(maker: u8, number: u32) -> Bytes {
    let mut payload = vec![0xFC, maker];
    payload.extend(number.to_be_bytes());
    payload.extend((0..40).map(|octet| octet ^ number as u8));
    Bytes::from(payload)
}
