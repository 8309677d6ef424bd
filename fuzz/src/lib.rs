//! One function per parser that reads bytes from the network. Each survives any bytes, checks what must hold of those
//! that parse, and tells whether they did.

mod control;
mod forwarding;
mod media;
mod transport;

pub use control::{data_message, offer, request};
pub use forwarding::forwarder;
pub use media::{av1, dependency_descriptor, h264, red, rtcp, rtp_header, transport_cc, vp8, vp9};
pub use transport::{dtls, reassembly, sctp, srtcp, srtp, stun, tcp_framing};

/// A target: whether `data` parsed.
pub type Target = fn(&[u8]) -> bool;

/// All targets by their names, which are those of their corpora.
pub const TARGETS: [(&str, Target); 20] = [
    ("rtp_header", rtp_header),
    ("rtcp", rtcp),
    ("transport_cc", transport_cc),
    ("vp8", vp8),
    ("vp9", vp9),
    ("h264", h264),
    ("av1", av1),
    ("red", red),
    ("dependency_descriptor", dependency_descriptor),
    ("forwarder", forwarder),
    ("stun", stun),
    ("tcp_framing", tcp_framing),
    ("reassembly", reassembly),
    ("dtls", dtls),
    ("srtp", srtp),
    ("srtcp", srtcp),
    ("sctp", sctp),
    ("offer", offer),
    ("request", request),
    ("data_message", data_message),
];

/// Cuts `data` into datagrams, each behind its length in two octets (as RFC 4571 §2 frames them). The last may be cut
/// short.
fn datagrams(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (len, rest) = data.split_first_chunk::<2>()?;
        let (datagram, rest) = rest.split_at(rest.len().min(usize::from(u16::from_be_bytes(*len))));
        data = rest;
        Some(datagram)
    })
}
