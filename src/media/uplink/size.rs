//! The size of the picture, as the first packet of a key frame tells it.

use crate::media::codec::vp8;
use crate::media::spec::Codec;

/// Height in pixels, when the first packet of a key frame tells it plainly.
pub(super) fn height(codec: Codec, payload: &[u8]) -> Option<u16> {
    match codec {
        Codec::Vp8 => vp8::resolution(payload).map(|(_, height)| height),
        _ => None,
    }
}
