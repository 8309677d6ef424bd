//! Socket.IO: the contract, the thin layer over socketioxide, rate limits.

pub mod payload;
pub mod protocol;
pub mod typescript;
