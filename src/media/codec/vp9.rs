//! The VP9 payload descriptor (RFC 9628 §4.2): flexible and non-flexible mode, layers, and patching its counters.

use super::{Detail, Facts, PictureId};

/// The counters of a VP9 descriptor, and where they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Vp9Detail {
    pub picture_id: Option<PictureId>,
    /// Counts pictures of temporal layer 0; absent in flexible mode.
    pub tl0picidx: Option<u8>,
    /// The D bit: refers to the next lower spatial layer of the same picture.
    pub inter_layer: bool,
    /// The Z bit: no upper spatial layer refers to this frame.
    pub not_for_upper: bool,
    /// The F bit: references are told per picture.
    pub flexible: bool,
    /// Octets of the descriptor; the VP9 bitstream follows.
    pub descriptor_len: u16,
    picture_id_at: u8,
    tl0picidx_at: u8,
}

/// Facts of one VP9 packet; `None` when its descriptor is cut short.
///
/// `key_frame` is the absence of inter-picture prediction. In an upper spatial layer that is a key picture's layer, or
/// a place where the layer (re)starts from the one below: both can be decoded from the picture's own lower layers.
pub(super) fn facts(payload: &[u8]) -> Option<Facts> {
    let descriptor = read(payload)?;
    payload.get(usize::from(descriptor.detail.descriptor_len))?;
    Some(Facts {
        key_frame: !descriptor.inter_picture,
        frame_start: descriptor.begins,
        frame_end: descriptor.ends,
        spatial: descriptor.spatial,
        temporal: descriptor.temporal,
        switch_up: !descriptor.inter_picture || descriptor.switching_up,
        // Z speaks of spatial layers only; nothing tells whether later pictures refer to this one.
        discardable: false,
        detail: Detail::Vp9(descriptor.detail),
        dd: None,
    })
}

/// Writes `picture_id` and `tl0picidx` over those of a payload that `detail` was read from, without changing its
/// length. A counter that the descriptor does not have is left out; 7-bit picture ids take the low 7 bits.
pub fn patch(payload: &mut [u8], detail: &Vp9Detail, picture_id: u16, tl0picidx: u8) {
    if let Some(id) = detail.picture_id {
        id.patch(payload, usize::from(detail.picture_id_at), picture_id);
    }
    if detail.tl0picidx.is_some()
        && let Some(octet) = payload.get_mut(usize::from(detail.tl0picidx_at))
    {
        *octet = tl0picidx;
    }
}

/// Width and height in pixels of the highest spatial layer, from a packet that carries a scalability structure with
/// sizes.
pub fn resolution(payload: &[u8]) -> Option<(u16, u16)> {
    read(payload)?.resolution
}

#[derive(Default)]
struct Descriptor {
    detail: Vp9Detail,
    inter_picture: bool,
    begins: bool,
    ends: bool,
    spatial: u8,
    temporal: u8,
    switching_up: bool,
    resolution: Option<(u16, u16)>,
}

/// Octets one after another.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn octet(&mut self) -> Option<u8> {
        let octet = self.bytes.get(self.at).copied()?;
        self.at += 1;
        Some(octet)
    }

    fn word(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes([self.octet()?, self.octet()?]))
    }
}

fn read(payload: &[u8]) -> Option<Descriptor> {
    let mut cursor = Cursor { bytes: payload, at: 0 };
    let first = cursor.octet()?;
    let has = |bit: u8| first & bit != 0;
    let mut descriptor =
        Descriptor { inter_picture: has(0x40), begins: has(0x08), ends: has(0x04), ..Descriptor::default() };
    descriptor.detail.flexible = has(0x10);
    descriptor.detail.not_for_upper = has(0x01);
    if has(0x80) {
        descriptor.detail.picture_id_at = cursor.at as u8; // 1
        let high = cursor.octet()?;
        let long = high & 0x80 != 0;
        let value = if long { u16::from_be_bytes([high & 0x7F, cursor.octet()?]) } else { u16::from(high) };
        descriptor.detail.picture_id = Some(PictureId { value, long });
    }
    if has(0x20) {
        let layers = cursor.octet()?;
        descriptor.temporal = layers >> 5;
        descriptor.switching_up = layers & 0x10 != 0;
        descriptor.spatial = layers >> 1 & 0x07;
        descriptor.detail.inter_layer = layers & 0x01 != 0;
        if !descriptor.detail.flexible {
            descriptor.detail.tl0picidx_at = cursor.at as u8; // 4 at most
            descriptor.detail.tl0picidx = Some(cursor.octet()?);
        }
    }
    if descriptor.detail.flexible && descriptor.inter_picture {
        read_references(&mut cursor)?;
    }
    if has(0x02) {
        descriptor.resolution = read_structure(&mut cursor)?;
    }
    descriptor.detail.descriptor_len = u16::try_from(cursor.at).ok()?;
    Some(descriptor)
}

/// One to three `P_DIFF`s, each telling whether another follows.
fn read_references(cursor: &mut Cursor<'_>) -> Option<()> {
    for _ in 0..3 {
        if cursor.octet()? & 0x01 == 0 {
            return Some(());
        }
    }
    None
}

/// The scalability structure; the size of its highest layer, when it has sizes.
fn read_structure(cursor: &mut Cursor<'_>) -> Option<Option<(u16, u16)>> {
    let first = cursor.octet()?;
    let mut size = None;
    if first & 0x10 != 0 {
        for _ in 0..=first >> 5 {
            size = Some((cursor.word()?, cursor.word()?));
        }
    }
    if first & 0x08 != 0 {
        for _ in 0..cursor.octet()? {
            let references = cursor.octet()? >> 2 & 0x03;
            for _ in 0..references {
                cursor.octet()?;
            }
        }
    }
    Some(size)
}

#[cfg(test)]
#[path = "vp9_tests.rs"]
mod tests;
