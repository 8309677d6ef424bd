//! H.264 payloads (RFC 6184): single NAL units, STAP-A and FU-A, as packetization modes 0 and 1 use them.

use super::Facts;

/// `nal_unit_type`s (ITU-T H.264 table 7-1, RFC 6184 table 1).
mod nal {
    pub(super) const SLICE: u8 = 1;
    pub(super) const IDR: u8 = 5;
    pub(super) const SEI: u8 = 6;
    pub(super) const SPS: u8 = 7;
    pub(super) const DELIMITER: u8 = 9;
    pub(super) const LAST_SINGLE: u8 = 23;
    pub(super) const STAP_A: u8 = 24;
    pub(super) const FU_A: u8 = 28;
}

/// Facts of one H.264 packet, whose frame ends with the marker; `None` when it is cut short, or of a type that only
/// the interleaved mode has.
///
/// A key frame starts with its sequence parameter set: an IDR picture without one cannot be decoded by a receiver that
/// comes new, because answers carry no `sprop-parameter-sets`. Leading delimiters and SEI start a frame as well, so a
/// frame may have more than one packet with `frame_start`, all of one timestamp.
///
/// H.264 numbers no temporal layers without SVC. Frames that no other refers to are the upper of two: whoever leaves them out
/// misses nothing else, and may take them again at any time.
pub(super) fn facts(payload: &[u8], marker: bool) -> Option<Facts> {
    let header = *payload.first()?;
    let mut facts = Facts { frame_end: marker, ..Facts::default() };
    let mut slices = Slices::default();
    match header & 0x1F {
        1..=nal::LAST_SINGLE => note_unit(header, payload.get(1..)?, true, &mut facts, &mut slices),
        nal::STAP_A => {
            let mut rest = payload.get(1..)?;
            while !rest.is_empty() {
                let len = usize::from(u16::from_be_bytes(*rest.first_chunk::<2>()?));
                let unit = rest.get(2..2 + len)?;
                note_unit(*unit.first()?, unit.get(1..)?, true, &mut facts, &mut slices);
                rest = rest.get(2 + len..)?;
            }
        }
        nal::FU_A => {
            let fu = *payload.get(1)?;
            let unit_header = header & 0x60 | fu & 0x1F;
            note_unit(unit_header, payload.get(2..)?, fu & 0x80 != 0, &mut facts, &mut slices);
        }
        _ => return None,
    }
    facts.discardable = slices.seen && !slices.referenced;
    facts.temporal = u8::from(facts.discardable);
    facts.switch_up = facts.key_frame || facts.discardable;
    Some(facts)
}

/// What the slices of one packet say together.
#[derive(Default)]
struct Slices {
    seen: bool,
    /// `nal_ref_idc` is not 0.
    referenced: bool,
}

/// Takes note of one NAL unit (or, with `!first`, a later fragment of one).
fn note_unit(header: u8, body: &[u8], first: bool, facts: &mut Facts, slices: &mut Slices) {
    // `first_mb_in_slice` comes first in a slice and is Exp-Golomb coded: 0 is a single 1 bit.
    let first_slice = first && body.first().is_some_and(|octet| octet & 0x80 != 0);
    let kind = header & 0x1F;
    match kind {
        nal::IDR => facts.key_frame = true,
        nal::SPS => {
            facts.key_frame = true;
            facts.frame_start |= first;
        }
        nal::SLICE => facts.frame_start |= first_slice,
        nal::DELIMITER | nal::SEI => facts.frame_start |= first,
        _ => {}
    }
    if (nal::SLICE..=nal::IDR).contains(&kind) {
        slices.seen = true;
        slices.referenced |= header & 0x60 != 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SPS: [u8; 4] = [0x67, 0x42, 0xE0, 0x1F];
    const PPS: [u8; 3] = [0x68, 0xCE, 0x3C];

    fn stap_a(units: &[&[u8]]) -> Vec<u8> {
        let mut payload = vec![0x78];
        for unit in units {
            payload.extend((unit.len() as u16).to_be_bytes());
            payload.extend(*unit);
        }
        payload
    }

    #[test]
    fn a_key_frame_starts_with_its_parameter_sets() {
        for payload in [stap_a(&[&SPS, &PPS]), stap_a(&[&SPS, &PPS, &[0x65, 0x88]]), SPS.to_vec()] {
            let facts = facts(&payload, false).unwrap();
            assert!(facts.key_frame && facts.frame_start && facts.switch_up && !facts.discardable, "{payload:?}");
        }
    }

    #[test]
    fn every_fragment_of_an_idr_picture_belongs_to_the_key_frame() {
        for fu in [0x85, 0x05, 0x45] {
            let facts = facts(&[0x7C, fu, 0x88, 1, 2], fu == 0x45).unwrap();
            assert!(facts.key_frame && !facts.frame_start);
            assert_eq!(facts.frame_end, fu == 0x45);
        }
    }

    #[test]
    fn a_delta_frame_starts_with_the_slice_of_macroblock_zero() {
        assert!(facts(&[0x41, 0x9A, 1], true).unwrap().frame_start);
        assert!(!facts(&[0x41, 0x1A, 1], true).unwrap().frame_start, "a second slice");
        assert!(facts(&[0x5C, 0x81, 0x9A, 1], false).unwrap().frame_start);
        assert!(!facts(&[0x5C, 0x01, 0x9A, 1], false).unwrap().frame_start, "a later fragment");
    }

    #[test]
    fn a_frame_that_nothing_refers_to_is_discardable() {
        let spare = facts(&[0x01, 0x9A, 1], true).unwrap();
        assert!(spare.discardable && spare.temporal == 1 && spare.switch_up, "and so of an upper temporal layer");
        assert_eq!(facts(&[0x41, 0x9A, 1], true).unwrap().temporal, 0);
        let fragment = facts(&[0x1C, 0x01, 0x9A, 1], false).unwrap();
        assert!(fragment.discardable && fragment.temporal == 1, "in each of its fragments");
        assert!(!facts(&[0x41, 0x9A, 1], true).unwrap().discardable);
        assert!(!facts(&[0x06, 0x05, 1], false).unwrap().discardable, "SEI alone says nothing of its frame");
    }

    #[test]
    fn lengths_beyond_the_packet_and_interleaved_units_are_refused() {
        assert!(facts(&[0x78, 0, 9, 0x67], false).is_none());
        assert!(facts(&[0x78, 0, 0], false).is_none());
        assert!(facts(&[0x78, 0], false).is_none());
        assert!(facts(&[0x7C], false).is_none());
        for kind in [0, 25, 26, 27, 29, 30, 31] {
            assert!(facts(&[kind, 1, 2, 3, 4], false).is_none());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), kind in 24..29_u8) {
            facts(&bytes, false);
            let steered: Vec<u8> = std::iter::once(kind).chain(bytes).collect();
            facts(&steered, false);
        }
    }
}
