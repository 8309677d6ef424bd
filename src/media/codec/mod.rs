//! Payload formats: what a packet's first payload bytes (or its dependency descriptor) say about its frame.

/// What one packet says of the frame it belongs to, whatever the codec.
///
/// Audio leaves all at its default except `frame_start` and `frame_end`, which are true.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// The packet belongs to a key frame (for SVC: a key picture, in any of its spatial layers).
    pub key_frame: bool,
    /// First packet of its (layer) frame.
    pub frame_start: bool,
    /// Last packet of its (layer) frame. The marker bit ends the whole picture.
    pub frame_end: bool,
    /// Spatial layer inside this RTP stream (VP9, AV1 SVC); 0 for simulcast streams.
    pub spatial: u8,
    /// Temporal layer.
    pub temporal: u8,
    /// A receiver that has followed lower temporal layers may start to take this packet's temporal layer here.
    pub switch_up: bool,
    /// No other frame refers to this one.
    pub discardable: bool,
    /// Codec-specific positions and counters needed to rewrite the payload.
    pub detail: Detail,
}

/// Codec-specific facts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Detail {
    #[default]
    None,
}
