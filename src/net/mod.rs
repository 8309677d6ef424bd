//! The only sockets of the media plane: UDP per shard, and the loop that drives a shard.

pub mod plane;
pub mod udp;
pub mod worker;
