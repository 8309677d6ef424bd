//! Why an offer is refused, in sentences that tell the client's developer what to change.

use super::{MAX_LINES, MAX_OFFER};

/// An offer that Plenum cannot answer. The session stays as it was.
///
/// `line` is the m-line's mid, or `#` and its index from 0 where it has none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SdpError {
    #[error(
        "the offer is {0} bytes long; at most {MAX_OFFER} are accepted: set codec preferences or offer fewer seats"
    )]
    TooLong(usize),
    #[error("the offer has more than {MAX_LINES} m-lines: offer fewer seats")]
    TooManyLines,
    #[error("the offer has no m-line: add a transceiver or a data channel before creating it")]
    NoLines,
    #[error("the offer is not SDP (RFC 8866): {0}")]
    Syntax(String),
    #[error("m-line {line}: a=mid is missing, longer than 16 bytes or not visible ASCII")]
    BadMid { line: String },
    #[error("m-line {line}: another m-line has the same a=mid")]
    DuplicateMid { line: String },
    #[error("m-line {line}: not in a=group:BUNDLE; create the connection with bundlePolicy \"max-bundle\"")]
    NotBundled { line: String },
    #[error("m-line {line}: a=rtcp-mux is missing; create the connection with rtcpMuxPolicy \"require\"")]
    NoRtcpMux { line: String },
    #[error("m-line {line}: a=ice-ufrag or a=ice-pwd is missing or malformed (RFC 8839 section 5.4)")]
    BadIce { line: String },
    #[error("a=ice-lite in the offer: Plenum is ICE-lite itself and needs a full ICE agent as its peer (RFC 8445)")]
    PeerIsLite,
    #[error("m-line {line}: no usable a=fingerprint; offer sha-256, sha-384 or sha-512 (RFC 8122)")]
    BadFingerprint { line: String },
    #[error("m-line {line}: a=setup must be actpass or active, since Plenum is the DTLS server")]
    BadSetup { line: String },
    #[error("the certificate's fingerprint changed within a connection: open a new transport")]
    FingerprintChanged,
    #[error("m-line {line}: an earlier offer had another m-line here; keep the order and append new m-lines")]
    LineChanged { line: String },
    #[error("an earlier offer had {before} m-lines and this one only {now}: keep them all and append new ones")]
    LinesMissing { before: usize, now: usize },
    #[error(
        "no m-line is usable: offer Opus, VP8, VP9 profile 0, H.264 (baseline, main or high), AV1 main or a data channel"
    )]
    NothingUsable,
    #[error("the offer has {offered} seats and at most {most} are allowed: offer fewer")]
    TooManySeats { offered: usize, most: u16 },
    #[error("m-lines of this connection were replaced too often: open a new transport")]
    Exhausted,
}
