//! The VP8 payload descriptor (RFC 7741 §4.2): reading it, and patching its counters in place.

use super::{Detail, Facts, PictureId};

/// The counters of a VP8 descriptor, and where they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Vp8Detail {
    pub picture_id: Option<PictureId>,
    /// Counts frames of temporal layer 0.
    pub tl0picidx: Option<u8>,
    /// 5 bits.
    pub key_idx: Option<u8>,
    /// Octets of the descriptor; the VP8 bitstream follows.
    pub descriptor_len: u8,
    picture_id_at: u8,
    tl0picidx_at: u8,
}

/// Facts of one VP8 packet, whose frame ends with the marker; `None` when its descriptor is cut short.
pub(super) fn facts(payload: &[u8], marker: bool) -> Option<Facts> {
    let descriptor = read(payload)?;
    let first_octet = payload.get(usize::from(descriptor.detail.descriptor_len))?;
    // The P bit of the frame tag is inverted: 0 is a key frame (RFC 6386 §9.1).
    let key_frame = descriptor.frame_start && first_octet & 1 == 0;
    Some(Facts {
        key_frame,
        frame_start: descriptor.frame_start,
        frame_end: marker,
        spatial: 0,
        temporal: descriptor.temporal,
        switch_up: key_frame || descriptor.layer_sync,
        discardable: descriptor.non_reference,
        detail: Detail::Vp8(descriptor.detail),
        dd: None,
    })
}

/// Writes `picture_id` and `tl0picidx` over those of a payload that `detail` was read from, without changing its
/// length. A counter that the descriptor does not have is left out; 7-bit picture ids take the low 7 bits.
pub fn patch(payload: &mut [u8], detail: &Vp8Detail, picture_id: u16, tl0picidx: u8) {
    if let Some(id) = detail.picture_id {
        id.patch(payload, usize::from(detail.picture_id_at), picture_id);
    }
    if detail.tl0picidx.is_some()
        && let Some(octet) = payload.get_mut(usize::from(detail.tl0picidx_at))
    {
        *octet = tl0picidx;
    }
}

/// Width and height in pixels, from the first packet of a key frame (RFC 6386 §9.1); `None` for any other packet.
pub fn resolution(payload: &[u8]) -> Option<(u16, u16)> {
    let descriptor = read(payload)?;
    let body = payload.get(usize::from(descriptor.detail.descriptor_len)..)?;
    let [t0, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1] = *body.first_chunk::<10>()? else { return None };
    // The two highest bits of each are an upscaling hint.
    let size = (u16::from_le_bytes([w0, w1]) & 0x3FFF, u16::from_le_bytes([h0, h1]) & 0x3FFF);
    (descriptor.frame_start && t0 & 1 == 0).then_some(size)
}

struct Descriptor {
    detail: Vp8Detail,
    frame_start: bool,
    non_reference: bool,
    temporal: u8,
    layer_sync: bool,
}

/// `None` when the descriptor is cut short.
fn read(payload: &[u8]) -> Option<Descriptor> {
    let first = *payload.first()?;
    let mut detail = Vp8Detail::default();
    let (mut temporal, mut layer_sync) = (0, false);
    let mut at = 1;
    let mut next = || {
        let octet = payload.get(at).copied();
        at += 1;
        octet
    };
    if first & 0x80 != 0 {
        let extension = next()?;
        let mut offset = 2;
        if extension & 0x80 != 0 {
            let high = next()?;
            detail.picture_id_at = offset;
            let long = high & 0x80 != 0;
            let value = if long { u16::from_be_bytes([high & 0x7F, next()?]) } else { u16::from(high) };
            detail.picture_id = Some(PictureId { value, long });
            offset += 1 + u8::from(long);
        }
        if extension & 0x40 != 0 {
            detail.tl0picidx = Some(next()?);
            detail.tl0picidx_at = offset;
        }
        if extension & 0x30 != 0 {
            let octet = next()?;
            if extension & 0x20 != 0 {
                (temporal, layer_sync) = (octet >> 6, octet & 0x20 != 0);
            }
            if extension & 0x10 != 0 {
                detail.key_idx = Some(octet & 0x1F);
            }
        }
    }
    detail.descriptor_len = at as u8; // six octets at most
    Some(Descriptor {
        detail,
        // S set, and partition index 0: the beginning of the frame's first partition.
        frame_start: first & 0x17 == 0x10,
        non_reference: first & 0x20 != 0,
        temporal,
        layer_sync,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::codec;
    use crate::media::drop::DropReason;
    use crate::media::spec::Codec;
    use proptest::prelude::*;

    /// As Chromium begins a 640×360 key frame: 15-bit picture id 0x1234, TL0PICIDX 0x56, temporal layer 0.
    const KEY_FRAME: [u8; 16] =
        [0x90, 0xE0, 0x92, 0x34, 0x56, 0x00, 0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0x68, 0x01];

    fn facts(payload: &[u8]) -> Facts {
        codec::facts(Codec::Vp8, payload, false, None).unwrap()
    }

    fn detail(payload: &[u8]) -> Vp8Detail {
        match facts(payload).detail {
            Detail::Vp8(detail) => detail,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_key_frame_starts_with_its_counters_and_its_size() {
        let facts = facts(&KEY_FRAME);
        assert!(facts.key_frame && facts.frame_start && facts.switch_up && !facts.frame_end && !facts.discardable);
        let detail = detail(&KEY_FRAME);
        assert_eq!(detail.picture_id, Some(PictureId { value: 0x1234, long: true }));
        assert_eq!((detail.tl0picidx, detail.key_idx, detail.descriptor_len), (Some(0x56), None, 6));
        assert_eq!(resolution(&KEY_FRAME), Some((640, 360)));
    }

    #[test]
    fn a_later_packet_or_partition_is_no_frame_start() {
        for first in [0x80, 0x91] {
            let mut payload = KEY_FRAME;
            payload[0] = first;
            let facts = facts(&payload);
            assert!(!facts.frame_start && !facts.key_frame);
            assert_eq!(resolution(&payload), None);
        }
    }

    #[test]
    fn a_discardable_delta_frame_of_an_upper_layer_is_told_by_its_bits() {
        let facts = codec::facts(Codec::Vp8, &[0xB0, 0xE0, 0x05, 0x56, 0xA0, 0x01], true, None).unwrap();
        assert!(facts.discardable && facts.switch_up && facts.frame_end && !facts.key_frame);
        assert_eq!(facts.temporal, 2);
    }

    #[test]
    fn the_shortest_descriptor_is_one_octet() {
        let facts = facts(&[0x10, 0x00]);
        assert!(facts.key_frame && facts.temporal == 0 && !facts.discardable);
        assert_eq!(detail(&[0x10, 0x00]), Vp8Detail { descriptor_len: 1, ..Default::default() });
    }

    #[test]
    fn a_short_picture_id_stays_short() {
        let mut payload = [0x90, 0x80, 0x7F, 0x01];
        let detail = detail(&payload);
        assert_eq!(detail.picture_id, Some(PictureId { value: 0x7F, long: false }));
        patch(&mut payload, &detail, 0x1281, 9);
        assert_eq!(payload, [0x90, 0x80, 0x01, 0x01]);
    }

    #[test]
    fn a_cut_descriptor_is_malformed() {
        for len in 1..=6 {
            assert_eq!(codec::facts(Codec::Vp8, &KEY_FRAME[..len], true, None), Err(DropReason::MalformedPayload));
        }
        assert_eq!(codec::facts(Codec::Vp8, &[], true, None), Err(DropReason::PaddingOnly));
    }

    proptest! {
        #[test]
        fn a_patch_changes_the_counters_and_nothing_else(
            bytes in prop::collection::vec(any::<u8>(), 0..40), id in any::<u16>(), tl0 in any::<u8>(),
        ) {
            resolution(&bytes);
            let Ok(Facts { detail: Detail::Vp8(before), .. }) = codec::facts(Codec::Vp8, &bytes, false, None) else {
                return Ok(());
            };
            let mut patched = bytes.clone();
            patch(&mut patched, &before, id, tl0);
            let after = detail(&patched);
            let mask = |p: PictureId| if p.long { 0x7FFF } else { 0x7F };
            prop_assert_eq!(after.picture_id.map(|p| p.value), before.picture_id.map(|p| id & mask(p)));
            prop_assert_eq!(after.tl0picidx, before.tl0picidx.map(|_| tl0));
            patch(&mut patched, &before, before.picture_id.map_or(0, |p| p.value), before.tl0picidx.unwrap_or(0));
            prop_assert_eq!(patched, bytes);
        }

        #[test]
        fn a_patch_of_a_shorter_payload_does_not_panic(len in 0..6_usize) {
            patch(&mut KEY_FRAME[..len].to_vec(), &detail(&KEY_FRAME), 1, 1);
        }
    }
}
