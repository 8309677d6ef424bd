use super::*;
use crate::media::codec;
use crate::media::spec::Codec;
use proptest::prelude::*;

fn facts_of(payload: &[u8]) -> Facts {
    facts(payload).unwrap()
}

fn detail(payload: &[u8]) -> Vp9Detail {
    match facts_of(payload).detail {
        Detail::Vp9(detail) => detail,
        other => panic!("{other:?}"),
    }
}

/// A key picture's base layer in non-flexible mode: I, L, B, E, V; picture id 0x0102; two spatial layers with sizes and
/// a group of two pictures.
const KEY: [u8; 20] = [
    0xAE, 0x81, 0x02, 0x00, 0x07, // descriptor: layers 0/0, TL0PICIDX 7
    0x38, 0x01, 0x40, 0x00, 0xB4, 0x02, 0x80, 0x01, 0x68, // 320×180, 640×360
    0x02, 0x00, 0x34, 0x01, // two pictures: no reference; temporal layer 1, one reference
    0x99, 0x99,
];

#[test]
fn a_key_picture_with_a_scalability_structure_is_read_whole() {
    let facts = facts_of(&KEY);
    assert!(facts.key_frame && facts.frame_start && facts.frame_end && facts.switch_up);
    assert_eq!((facts.spatial, facts.temporal), (0, 0));
    assert_eq!(resolution(&KEY), Some((640, 360)));
    let detail = detail(&KEY);
    assert_eq!(detail.picture_id, Some(PictureId { value: 0x0102, long: true }));
    assert_eq!((detail.tl0picidx, detail.flexible), (Some(7), false));
    assert_eq!(detail.descriptor_len, 18);
}

#[test]
fn a_flexible_frame_of_upper_layers_is_told_by_its_bits() {
    // I, P, L, F, B: temporal 1 with U, spatial 2 with D; two references.
    let facts = facts_of(&[0xF9, 0x05, 0x35, 0x03, 0x04, 0x99]);
    assert!(!facts.key_frame && facts.frame_start && !facts.frame_end && facts.switch_up);
    assert_eq!((facts.spatial, facts.temporal), (2, 1));
    let detail = detail(&[0xF9, 0x05, 0x35, 0x03, 0x04, 0x99]);
    assert_eq!(detail.picture_id, Some(PictureId { value: 5, long: false }));
    assert!(detail.flexible && detail.inter_layer && detail.not_for_upper && detail.tl0picidx.is_none());
}

#[test]
fn a_cut_descriptor_is_malformed() {
    for len in 0..=18 {
        assert!(facts(&KEY[..len]).is_none(), "{len} octets");
    }
    assert!(facts(&[0x50, 0x03, 0x03, 0x03, 0x02, 0x99]).is_none(), "four references");
}

#[test]
fn a_descriptor_overrules_the_payload_but_keeps_its_counters() {
    let dd = codec::DdFrame { spatial: 1, temporal: 2, frame_end: true, ..Default::default() };
    let facts = codec::facts(Codec::Vp9 { profile: 0 }, &KEY, false, Some(dd)).unwrap();
    assert_eq!((facts.spatial, facts.temporal, facts.key_frame), (1, 2, false));
    assert!(matches!(facts.detail, Detail::Vp9(detail) if detail.tl0picidx == Some(7)));
}

proptest! {
    #[test]
    fn a_patch_changes_the_counters_and_nothing_else(
        bytes in prop::collection::vec(any::<u8>(), 0..60), id in any::<u16>(), tl0 in any::<u8>(),
    ) {
        resolution(&bytes);
        let Some(Facts { detail: Detail::Vp9(before), .. }) = facts(&bytes) else { return Ok(()) };
        let mut patched = bytes.clone();
        patch(&mut patched, &before, id, tl0);
        let after = detail(&patched);
        let mask = |p: PictureId| if p.long { 0x7FFF } else { 0x7F };
        prop_assert_eq!(after.picture_id.map(|p| p.value), before.picture_id.map(|p| id & mask(p)));
        prop_assert_eq!(after.tl0picidx, before.tl0picidx.map(|_| tl0));
        patch(&mut patched, &before, before.picture_id.map_or(0, |p| p.value), before.tl0picidx.unwrap_or(0));
        prop_assert_eq!(patched, bytes);
    }
}
