//! Plenum: a Selective Forwarding Unit for multi-party video calls in the browser.
#![forbid(unsafe_code)]
#![warn(unreachable_pub)]

pub mod border;
pub mod config;
pub mod http;
pub mod id;
pub mod media;
pub mod metrics;
pub mod net;
pub mod room;
pub mod sdp;
pub mod server;
pub mod shard;
pub mod signal;
pub mod transport;
