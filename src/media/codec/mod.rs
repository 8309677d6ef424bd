//! Payload formats: what a packet's first payload bytes (or its dependency descriptor) say about its frame.

use crate::media::drop::DropReason;
use crate::media::spec::Codec;

pub mod av1;
pub mod dd;
pub mod h264;
pub mod red;
pub mod vp8;
pub mod vp9;

pub use dd::DdFrame;
pub use vp8::Vp8Detail;
pub use vp9::Vp9Detail;

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
    /// The dependency descriptor, where it stands for the payload's own: VP9 and AV1.
    pub dd: Option<DdFrame>,
}

impl Facts {
    /// Chromium leaves the temporal layer out of VP8's own descriptor where it sends this one. It stays ours: a receiver
    /// follows VP8 by its numbers.
    fn with_layer(self, dd: DdFrame) -> Facts {
        Facts { temporal: dd.temporal, switch_up: self.switch_up || dd.key_frame || dd.enters, ..self }
    }

    /// What a descriptor says replaces what the payload says.
    fn with_descriptor(self, dd: DdFrame) -> Facts {
        Facts {
            key_frame: dd.key_frame,
            frame_start: dd.frame_start,
            frame_end: dd.frame_end,
            spatial: dd.spatial,
            temporal: dd.temporal,
            switch_up: dd.switch_up,
            discardable: dd.discardable(),
            detail: self.detail,
            dd: Some(dd),
        }
    }
}

/// Codec-specific facts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Detail {
    #[default]
    None,
    Vp8(Vp8Detail),
    Vp9(Vp9Detail),
}

impl Detail {
    /// Writes the seat's own counters over those of a payload that this was read from, without changing its length.
    /// Counters that the payload does not have are left out.
    pub fn patch(&self, payload: &mut [u8], picture_id: u16, tl0picidx: u8) {
        match self {
            Detail::None => {}
            Detail::Vp8(detail) => vp8::patch(payload, detail, picture_id, tl0picidx),
            Detail::Vp9(detail) => vp9::patch(payload, detail, picture_id, tl0picidx),
        }
    }
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
/// `dd` is the packet's dependency descriptor as the stream's [`dd::DdReader`] resolved it. VP9 and AV1 prefer it to the
/// payload, VP8 takes its temporal layer of it; the others ignore it.
///
/// # Errors
/// [`DropReason::PaddingOnly`] when it is empty, [`DropReason::MalformedPayload`] when its descriptor is cut short or
/// contradicts itself.
pub fn facts(codec: Codec, payload: &[u8], marker: bool, dd: Option<DdFrame>) -> Result<Facts, DropReason> {
    if payload.is_empty() {
        return Err(DropReason::PaddingOnly);
    }
    let facts = match (codec, dd) {
        (Codec::Opus, _) => Some(AUDIO),
        (Codec::Red, _) => red::primary(payload).map(|_| AUDIO),
        (Codec::Vp8, None) => vp8::facts(payload, marker),
        (Codec::Vp8, Some(dd)) => vp8::facts(payload, marker).map(|facts| facts.with_layer(dd)),
        (Codec::H264 { .. }, _) => h264::facts(payload, marker),
        (Codec::Vp9 { .. }, None) => vp9::facts(payload),
        (Codec::Vp9 { .. }, Some(dd)) => vp9::facts(payload).map(|facts| facts.with_descriptor(dd)),
        (Codec::Av1 { .. }, None) => av1::facts(payload, marker),
        (Codec::Av1 { .. }, Some(dd)) => Some(Facts::default().with_descriptor(dd)),
    };
    facts.ok_or(DropReason::MalformedPayload)
}

/// Every audio packet is a frame of its own.
const AUDIO: Facts = Facts {
    key_frame: false,
    frame_start: true,
    frame_end: true,
    spatial: 0,
    temporal: 0,
    switch_up: false,
    discardable: false,
    detail: Detail::None,
    dd: None,
};

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
