//! AV1 payloads without a dependency descriptor: the aggregation header and the first OBU (the AV1 RTP payload
//! specification §4.4). A descriptor, where there is one, says more.

use super::Facts;

/// `obu_type`s (the AV1 bitstream specification §6.2.2) that begin a frame or what belongs before it.
mod obu {
    pub(super) const SEQUENCE_HEADER: u8 = 1;
    pub(super) const TEMPORAL_DELIMITER: u8 = 2;
    pub(super) const FRAME_HEADER: u8 = 3;
    pub(super) const METADATA: u8 = 5;
    pub(super) const FRAME: u8 = 6;
}

/// Facts of one AV1 packet; `None` when it is cut short or contradicts itself.
///
/// Layers are those of the packet's first OBU. Without a descriptor nothing but the marker tells where a frame ends.
pub(super) fn facts(payload: &[u8], marker: bool) -> Option<Facts> {
    let aggregation = *payload.first()?;
    let continues = aggregation & 0x80 != 0;
    let elements = aggregation >> 4 & 0x03;
    let new_sequence = aggregation & 0x08 != 0;
    if continues && new_sequence {
        return None; // §4.4: N and Z exclude each other
    }
    let mut facts = Facts { frame_end: marker, ..Facts::default() };
    let element = first_element(payload.get(1..)?, elements)?;
    if continues {
        return Some(facts);
    }
    let header = *element.first()?;
    let kind = header >> 3 & 0x0F;
    if header & 0x80 != 0 {
        return None; // obu_forbidden_bit
    }
    if header & 0x04 != 0 {
        let layers = *element.get(1)?;
        (facts.temporal, facts.spatial) = (layers >> 5, layers >> 3 & 0x03);
    }
    facts.key_frame = new_sequence || kind == obu::SEQUENCE_HEADER;
    facts.switch_up = facts.key_frame;
    facts.frame_start = new_sequence
        || matches!(
            kind,
            obu::SEQUENCE_HEADER | obu::TEMPORAL_DELIMITER | obu::FRAME_HEADER | obu::METADATA | obu::FRAME
        );
    Some(facts)
}

/// The first OBU or fragment: with a length before it, unless `W` says that it is the only one.
fn first_element(body: &[u8], elements: u8) -> Option<&[u8]> {
    let element = if elements == 1 {
        body
    } else {
        let (len, at) = leb128(body)?;
        body.get(at..)?.get(..len)?
    };
    (!element.is_empty()).then_some(element)
}

/// A length in LEB128 and the octets it takes, at most 4: no packet is longer than they can tell.
fn leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (index, octet) in bytes.iter().take(4).enumerate() {
        value |= usize::from(octet & 0x7F) << (7 * index);
        if octet & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_new_coded_video_sequence_is_a_key_frame() {
        // W = 2, N = 1: a sequence header of 3 octets, then a frame without a length, as Chromium sends it.
        let facts = facts(&[0x28, 0x03, 0x08, 0x00, 0x00, 0x30, 0x10], false).unwrap();
        assert!(facts.key_frame && facts.frame_start && facts.switch_up && !facts.frame_end);
    }

    #[test]
    fn a_frame_starts_a_frame_and_a_tile_group_does_not() {
        assert!(facts(&[0x10, 0x30, 1], true).is_some_and(|f| f.frame_start && f.frame_end && !f.key_frame));
        assert!(facts(&[0x10, 0x20, 1], true).is_some_and(|f| !f.frame_start));
        assert!(facts(&[0x90, 0x30, 1], true).is_some_and(|f| !f.frame_start), "Z: the rest of an OBU");
    }

    #[test]
    fn layers_are_read_of_the_extension_header() {
        let facts = facts(&[0x10, 0x34, 0x48, 1], true).unwrap();
        assert_eq!((facts.temporal, facts.spatial), (2, 1));
    }

    #[test]
    fn contradictions_and_cut_packets_are_refused() {
        assert!(facts(&[0x98, 0x08, 0], false).is_none(), "Z with N");
        assert!(facts(&[0x10], false).is_none(), "no OBU");
        assert!(facts(&[0x10, 0xB0, 0], false).is_none(), "forbidden bit");
        assert!(facts(&[0x10, 0x34], false).is_none(), "extension cut");
        assert!(facts(&[0x20, 0x05, 0x08, 0], false).is_none(), "length beyond the packet");
        assert!(facts(&[0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], false).is_none(), "endless length");
        assert!(facts(&[0x20, 0x00, 0x30], false).is_none(), "empty element");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            facts(&bytes, false);
        }
    }
}
