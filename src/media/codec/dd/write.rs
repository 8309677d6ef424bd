//! Rewriting a descriptor for one subscriber: its numbering, and the layers that it will get.

use super::bits::BitWriter;
use super::{DdFrame, MANDATORY};

/// Octets by which a rewritten descriptor can be longer than the received one: five flags and a mask of 32 bits.
pub const MAX_GROWTH: usize = 5;
/// Bits before the structure: the mandatory octets and five flags.
const STRUCTURE_START: u16 = 8 * MANDATORY as u16 + 5;

/// What changes in a descriptor on its way to a subscriber.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DdPatch {
    pub frame_number: u16,
    /// Added to the template id and to the structure's template id offset, modulo 64. Must be the same from one
    /// structure to the next.
    pub template_shift: u8,
    /// The decode targets that this subscriber gets; `None` leaves what the publisher wrote.
    pub active_decode_targets: Option<u32>,
}

/// Writes `descriptor`, of which `frame` was read, into `out` as `patch` wants it, and returns the length.
///
/// `None` when `out` is too small ([`MAX_GROWTH`] above the descriptor's length always suffices) or `frame` was not
/// read of `descriptor`.
pub fn write(out: &mut [u8], descriptor: &[u8], frame: &DdFrame, patch: &DdPatch) -> Option<usize> {
    let mut bits = BitWriter::new(out);
    bits.copy(descriptor, 0..2)?;
    bits.put(u32::from(frame.template_id.wrapping_add(patch.template_shift)), 6)?;
    bits.put(u32::from(patch.frame_number), 16)?;
    let extended = descriptor.len() > MANDATORY;
    if !extended && patch.active_decode_targets.is_none() {
        return bits.finish();
    }
    let active = patch.active_decode_targets.or(frame.active_decode_targets);
    bits.flag(frame.structure)?;
    bits.flag(active.is_some())?;
    if extended {
        bits.copy(descriptor, STRUCTURE_START - 3..STRUCTURE_START)?; // custom indications, references, chains
    } else {
        bits.put(0, 3)?;
    }
    if frame.structure {
        // The structure begins with its template id offset: three bits of one octet and three of the next.
        let offset = (*descriptor.get(3)? & 0x07) << 3 | *descriptor.get(4)? >> 5;
        bits.put(u32::from(offset.wrapping_add(patch.template_shift)), 6)?;
        bits.copy(descriptor, STRUCTURE_START + 6..frame.layout.structure_end)?;
    }
    if let Some(mask) = active {
        bits.put(mask, u32::from(frame.decode_targets))?;
    }
    if extended {
        bits.copy(descriptor, frame.layout.custom_start..frame.layout.custom_end)?;
    }
    bits.finish()
}
