//! The media plane's logic: packets, codecs, tracks, rings, slots, clocks, feedback.
//!
//! Pure: time and randomness are parameters; no sockets, clocks, logging, encryption or SDP in here. Never imports
//! `net`, `transport`, `room` or `signal`.

pub mod allocate;
pub mod clock;
pub mod codec;
pub mod congestion;
pub mod dominant;
pub mod downlink;
pub mod drop;
pub mod dynacast;
pub mod feed;
pub mod forwarder;
pub mod histogram;
pub mod outgoing;
pub mod packet;
pub mod quality;
pub mod ring;
pub mod rtcp;
pub mod spec;
pub mod timers;
pub mod uplink;
