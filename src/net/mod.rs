//! The only sockets of the media plane: UDP per shard, TCP for all, and the loop that drives a shard.

pub mod placement;
pub mod plane;
pub mod tcp;
pub mod udp;
pub mod worker;
