//! Why a packet was not forwarded. Every drop has a reason, and every reason a counter.

/// Reasons, in the order of a packet's way. Exported as the label `reason` of the drop counter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DropReason {
    /// The first byte belongs to no protocol that shares the port (RFC 7983).
    UnknownProtocol,
    /// From an address that no authenticated connectivity check came from.
    UnknownAddress,
    /// A STUN message that does not parse, or whose integrity does not hold.
    BadStun,
    /// A DTLS record that does not parse or comes at the wrong time.
    BadDtls,
    /// SRTP or SRTCP before the keys are known.
    NotReady,
    /// SRTP or SRTCP authentication failed.
    BadAuthentication,
    /// SRTP or SRTCP index seen before, or older than the replay window.
    Replayed,
    /// Not RTP version 2, or a length field points outside the packet.
    MalformedRtp,
    /// RTCP that does not parse.
    MalformedRtcp,
    /// No m-line claims the packet by mid, rid, SSRC or payload type.
    UnknownStream,
    /// The payload type was not negotiated for the line.
    UnknownPayloadType,
    /// The payload descriptor or dependency descriptor does not parse.
    MalformedPayload,
    /// Received already, directly or as a retransmission.
    Duplicate,
    /// Too old to be placed.
    TooOld,
    /// Padding without payload: a probe.
    PaddingOnly,
    /// The source may not send this kind now.
    NotAllowed,
    /// The voice is not among the loudest of a large room.
    NotLoud,
    /// Nobody takes this layer.
    NoSubscriber,
    /// The slot shows another source or layer.
    NotSelected,
    /// A temporal or spatial layer above the slot's target.
    AboveTarget,
    /// A packet that refers to frames this subscriber never got.
    MissingReference,
    /// The subscriber negotiated no payload type for this codec.
    NoPayloadType,
    /// Larger than a packet we may send.
    TooLarge,
    /// The subscriber's connection is not up.
    NotConnected,
    /// A send queue or socket buffer was full.
    QueueFull,
    /// A retransmission was asked for that is no longer stored, or too often.
    NotRetransmittable,
}

impl DropReason {
    pub const ALL: [DropReason; 26] = [
        DropReason::UnknownProtocol,
        DropReason::UnknownAddress,
        DropReason::BadStun,
        DropReason::BadDtls,
        DropReason::NotReady,
        DropReason::BadAuthentication,
        DropReason::Replayed,
        DropReason::MalformedRtp,
        DropReason::MalformedRtcp,
        DropReason::UnknownStream,
        DropReason::UnknownPayloadType,
        DropReason::MalformedPayload,
        DropReason::Duplicate,
        DropReason::TooOld,
        DropReason::PaddingOnly,
        DropReason::NotAllowed,
        DropReason::NotLoud,
        DropReason::NoSubscriber,
        DropReason::NotSelected,
        DropReason::AboveTarget,
        DropReason::MissingReference,
        DropReason::NoPayloadType,
        DropReason::TooLarge,
        DropReason::NotConnected,
        DropReason::QueueFull,
        DropReason::NotRetransmittable,
    ];

    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            DropReason::UnknownProtocol => "unknown_protocol",
            DropReason::UnknownAddress => "unknown_address",
            DropReason::BadStun => "bad_stun",
            DropReason::BadDtls => "bad_dtls",
            DropReason::NotReady => "not_ready",
            DropReason::BadAuthentication => "bad_authentication",
            DropReason::Replayed => "replayed",
            DropReason::MalformedRtp => "malformed_rtp",
            DropReason::MalformedRtcp => "malformed_rtcp",
            DropReason::UnknownStream => "unknown_stream",
            DropReason::UnknownPayloadType => "unknown_payload_type",
            DropReason::MalformedPayload => "malformed_payload",
            DropReason::Duplicate => "duplicate",
            DropReason::TooOld => "too_old",
            DropReason::PaddingOnly => "padding_only",
            DropReason::NotAllowed => "not_allowed",
            DropReason::NotLoud => "not_loud",
            DropReason::NoSubscriber => "no_subscriber",
            DropReason::NotSelected => "not_selected",
            DropReason::AboveTarget => "above_target",
            DropReason::MissingReference => "missing_reference",
            DropReason::NoPayloadType => "no_payload_type",
            DropReason::TooLarge => "too_large",
            DropReason::NotConnected => "not_connected",
            DropReason::QueueFull => "queue_full",
            DropReason::NotRetransmittable => "not_retransmittable",
        }
    }
}
