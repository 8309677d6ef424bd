//! What the media plane hands to a transport for sealing and sending.

use crate::id::{ExtSeq, Ssrc};
use crate::media::spec::MediaKind;

/// A finished plain RTP packet in the caller's buffer, ready to be sealed: `buffer[..len]`, of which `header_len`
/// octets stay in clear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// Which of the subscriber's RTP streams this is: dense, `2 × line` for media and `2 × line + 1` for its RTX.
    pub stream: usize,
    /// As the packet carries it.
    pub ssrc: Ssrc,
    /// What the line carries; of a retransmission, too.
    pub kind: MediaKind,
    /// The 48-bit SRTP index is this number. Unique for ever within the stream.
    pub seq: ExtSeq,
    pub header_len: usize,
    pub len: usize,
}

impl Outgoing {
    /// The stream of media on `line`.
    pub fn stream_of(line: usize) -> usize {
        2 * line
    }

    /// Whether it is a retransmission or padding.
    pub fn is_rtx(&self) -> bool {
        self.stream % 2 == 1
    }
}
