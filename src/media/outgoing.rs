//! What the media plane hands to a transport for sealing and sending.

use crate::id::ExtSeq;

/// A finished plain RTP packet in the caller's buffer, ready to be sealed: `buffer[..len]`, of which `header_len`
/// octets stay in clear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// Which of the subscriber's RTP streams this is: dense, `2 × line` for media and `2 × line + 1` for its RTX.
    pub stream: usize,
    /// The 48-bit SRTP index is this number. Unique for ever within the stream.
    pub seq: ExtSeq,
    pub header_len: usize,
    pub len: usize,
}
