//! Socket.IO: the contract, the thin layer over socketioxide, rate limits.
//!
//! Owns connections and the form of messages; what they mean is `room`'s business.

mod admin;
mod intake;
mod layer;
mod message;
pub mod payload;
mod peer;
mod peer_info;
pub mod protocol;
mod rate;
mod session;
pub mod typescript;

pub use admin::{AdminConfig, Mode as AdminMode};
pub use layer::{Signal, SignalConfig, SignalService, service};
#[doc(hidden)]
pub use message::read_request;
pub use peer_info::{KillSwitch, PeerInfo};
pub use rate::Rate;
