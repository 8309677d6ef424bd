//! Redundant audio (RFC 2198): finding the primary block, which goes alone to those who did not negotiate RED.

use std::ops::Range;

use crate::id::Pt;

/// The primary block of a RED payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Primary {
    /// The payload type inside RED, in the publisher's numbering.
    pub pt: Pt,
    /// Where the block is in the RED payload; never empty.
    pub range: Range<usize>,
}

/// The primary block of `payload`; `None` when the headers are cut short, or the redundant blocks leave no octet for
/// it.
pub fn primary(payload: &[u8]) -> Option<Primary> {
    let mut at = 0;
    let mut redundant = 0;
    // Four octets for each redundant block, with its length in the last ten bits; one for the primary.
    while *payload.get(at)? & 0x80 != 0 {
        let [_, _, high, low] = *payload.get(at..)?.first_chunk::<4>()?;
        redundant += usize::from(u16::from_be_bytes([high & 0x03, low]));
        at += 4;
    }
    let pt = Pt(*payload.get(at)?);
    let start = at + 1 + redundant;
    (start < payload.len()).then_some(Primary { pt, range: start..payload.len() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_primary_block_comes_last() {
        // One redundant block of 3 octets, 960 ticks earlier, as Chromium sends it.
        let payload = [0x80 | 111, 0x0F, 0x00, 0x03, 111, 1, 2, 3, 9, 8];
        assert_eq!(primary(&payload), Some(Primary { pt: Pt(111), range: 8..10 }));
        assert_eq!(primary(&[111, 5]), Some(Primary { pt: Pt(111), range: 1..2 }));
    }

    #[test]
    fn headers_that_leave_nothing_are_refused() {
        assert_eq!(primary(&[]), None);
        assert_eq!(primary(&[111]), None);
        assert_eq!(primary(&[0xEF, 0, 0]), None);
        assert_eq!(primary(&[0xEF, 0, 0, 0]), None);
        assert_eq!(primary(&[0xEF, 0, 3, 0xFF, 111, 1, 2]), None);
        assert_eq!(primary(&[0xEF, 0, 0, 2, 111, 1, 2]), None);
    }

    proptest! {
        #[test]
        fn any_primary_lies_within_its_payload(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(found) = primary(&bytes) {
                prop_assert!(!found.range.is_empty() && found.range.end == bytes.len());
            }
        }
    }
}
