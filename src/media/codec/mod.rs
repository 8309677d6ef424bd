//! Payload formats: what a packet's first payload bytes (or its dependency descriptor) say about its frame.

use crate::media::drop::DropReason;
use crate::media::spec::Codec;

pub mod vp8;

pub use vp8::Vp8Detail;

/// What one packet says of the frame it belongs to, whatever the codec.
///
/// Audio leaves all at its default except `frame_start` and `frame_end`, which are true.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// The packet belongs to a key frame (for SVC: a key picture, in any of its spatial layers). VP8 tells this in a
    /// frame's first packet only; whoever needs it for the others carries it over along the timestamp.
    pub key_frame: bool,
    /// First packet of its (layer) frame.
    pub frame_start: bool,
    /// Last packet of its (layer) frame. The marker bit ends the whole picture.
    pub frame_end: bool,
    /// Spatial layer inside this RTP stream (VP9, AV1 SVC); 0 for simulcast streams.
    pub spatial: u8,
    /// Temporal layer.
    pub temporal: u8,
    /// A receiver that has followed lower temporal layers may start to take this packet's temporal layer here.
    pub switch_up: bool,
    /// No other frame refers to this one.
    pub discardable: bool,
    /// Codec-specific positions and counters needed to rewrite the payload.
    pub detail: Detail,
}

/// Codec-specific facts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Detail {
    #[default]
    None,
    Vp8(Vp8Detail),
}

/// A VP8 or VP9 picture id, which wraps at 7 or 15 bits (RFC 7741 §4.2, RFC 9628 §4.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PictureId {
    pub value: u16,
    /// 15 bits in two octets, instead of 7 bits in one.
    pub long: bool,
}

impl PictureId {
    /// Writes `value`, cut to this id's width, at `at`. Nothing happens when that is outside the payload.
    fn patch(self, payload: &mut [u8], at: usize, value: u16) {
        let [high, low] = value.to_be_bytes();
        if self.long {
            if let Some(octets) = payload.get_mut(at..at + 2) {
                octets.copy_from_slice(&[high | 0x80, low]);
            }
        } else if let Some(octet) = payload.get_mut(at) {
            *octet = low & 0x7F;
        }
    }
}

/// What `payload` (without RTP padding) says of its frame.
///
/// # Errors
/// [`DropReason::PaddingOnly`] when it is empty, [`DropReason::MalformedPayload`] when its descriptor is cut short.
pub fn facts(codec: Codec, payload: &[u8], marker: bool) -> Result<Facts, DropReason> {
    if payload.is_empty() {
        return Err(DropReason::PaddingOnly);
    }
    match codec {
        Codec::Vp8 => vp8::facts(payload, marker),
        Codec::Opus | Codec::Red => Ok(Facts { frame_start: true, frame_end: true, ..Facts::default() }),
        _ => Err(DropReason::MalformedPayload),
    }
}
