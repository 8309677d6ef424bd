//! Media over TCP for networks that block UDP: passive candidates (RFC 6544), packets in frames (RFC 4571).
//!
//! One acceptor takes every connection and reads its first frame. That is a connectivity check whose ufrag names the
//! shard, which owns the connection from then on.

pub mod acceptor;
pub mod framing;
mod listener;
mod queue;
mod stream;
pub mod streams;

pub use acceptor::{Acceptor, Arrivals};
pub use listener::Listener;
