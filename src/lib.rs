//! Plenum: a Selective Forwarding Unit for multi-party video calls in the browser.
//!
//! Each browser sends every track once, to Plenum, which forwards the RTP to the other members of the room. This page
//! is the map; `docs/architecture.md` has the reasons, `docs/signalling.md` what clients say and hear.
//!
//! # Two planes
//!
//! The **control plane** runs on tokio and may allocate, await and log. It owns what a room means:
//!
//! - [`http`] is the front door: the embedded page, the way to Socket.IO, health, metrics, TLS for a local network, and
//!   [`http::whip`] for programs that publish or play, [`http::api`] for administrators.
//! - [`signal`] is the thin layer over Socket.IO: the contract's types ([`signal::protocol`]), who may connect, order
//!   and limits of what clients ask, and everything that is sent to them.
//! - [`room`] holds one actor per room: roster, presence, chat, the public list, and the stage, which says who should
//!   be seen by whom. Clients, media plane and SDP are traits to it.
//! - [`access`] says who may do what: tokens, roles, and the one permission table.
//! - [`sdp`] turns an offer into what the browser can do, and that into the answer. Nothing else knows SDP.
//!
//! The **media plane** is shards, one thread per core, of which nothing is shared, locked or awaited on the packet
//! path:
//!
//! - [`net`] has the only sockets, and the loop that drives a shard. Here are the clock and the system's randomness, and
//!   [`net::placement`] of rooms on shards.
//! - [`shard`] is one core's work without I/O: it opens what comes in, has it forwarded, and seals what goes out.
//! - [`transport`] is one browser's connection: ICE-lite, DTLS, SRTP, SCTP with data channels.
//! - [`media`] is packets and pictures: [`media::packet`] is parsed once, [`media::uplink`] follows the layers that a
//!   publisher sends, [`media::ring`] keeps them for repair, [`media::downlink`] selects and rewrites for one
//!   subscriber under one [`media::clock`], [`media::forwarder`] joins them, [`media::rtcp`] reads and writes the
//!   feedback. [`media::congestion`] estimates what a subscriber's network carries,
//!   [`media::allocate`] shares that out among its seats, and [`media::dynacast`] rests layers that nobody takes.
//!   [`media::dominant`] says who speaks, [`media::quality`] how it is received. A room that spans shards has its sources
//!   cross by [`media::feed`].
//!
//! [`border`] is all that crosses between the planes: state as latest-wins cells that cannot be lost, samples in
//! bounded queues that are shed and counted. Neither side waits for the other.
//!
//! [`webhook`] tells other servers what happens in rooms.
//!
//! Around them, [`config`] makes one validated configuration of file, variables and flags, [`server`] builds and wires
//! both planes, [`controls`] is what administrators change of the process,
//! [`telemetry`] tells a collector of joins and offers, [`metrics`] turns the shards' plain counters
//! into Prometheus' text, and [`id`] has the newtypes of every id and unit. [`load`] is the other side: synthetic
//! browsers that put a server under load.
//!
//! # The way of a packet
//!
//! A datagram is read in a batch by [`net`], told apart by [`shard`] (STUN, DTLS, RTCP, RTP), opened in place by its
//! transport, parsed once, placed in its layer's ring, and offered to each seat that its source sits in. A seat that
//! takes it rewrites the header under its own numbers and clock, the transport seals the copy, and [`net`] sends the
//! batch.
//!
//! # Directions
//!
//! Dependencies point one way: `http`, `signal` → `room` → `border` → `net` → `shard` → `transport`, `media`. `media`
//! never imports `net`, `transport`, `room` or `signal`; below `net`, time and randomness are parameters.
#![forbid(unsafe_code)]
#![warn(unreachable_pub)]

pub mod access;
pub mod border;
pub mod config;
pub mod controls;
pub mod http;
pub mod id;
pub mod load;
pub mod media;
pub mod metrics;
pub mod net;
mod prefetch;
pub mod room;
pub mod sdp;
pub mod server;
pub mod shard;
pub mod signal;
pub mod telemetry;
pub mod transport;
pub mod webhook;
