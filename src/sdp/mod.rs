//! The only place that knows SDP (RFC 8866): an offer becomes what the browser can do, capabilities become the answer.
//!
//! Pure: randomness is a parameter, no sockets, no clock. Offers are parsed by `rtc-sdp` behind a guard; everything
//! JSEP (RFC 9429) asks of an answerer, and how Plenum gives m-lines their places, is here.

mod answer;
mod capabilities;
mod error;
mod fragment;
mod line;
mod offer;
mod places;
mod session;
#[cfg(test)]
mod tests;

pub use error::SdpError;
pub use fragment::{Fragment, restart_fragment, with_credentials};
pub use session::{Answered, CNAME, Purpose, ServerSide, Session};

/// Most m-lines in one offer: Firefox cannot bundle more (its m-lines from index 128 on start an own ICE session).
pub const MAX_LINES: usize = 128;

/// Longest accepted offer, in bytes. 128 m-lines of Chromium with every codec are about 400 KB.
pub const MAX_OFFER: usize = 512 * 1024;
