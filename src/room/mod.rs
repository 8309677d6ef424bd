//! Rooms: who is in them, what they know of one another, and who should be seen. One actor per room.
//!
//! Never touches sockets: clients are reached through [`Outbox`], the media plane through [`MediaPlane`], SDP through
//! [`Negotiator`].

pub mod chat;
pub mod data;
pub mod name;
pub mod outbox;
pub mod plane;
pub mod speakers;
pub mod stage;

pub use outbox::{Ack, Asked, LinkId, Outbox, Push};
pub use plane::{MediaPlane, Negotiated, Negotiation, Negotiator, OfferError, ShardChoice};
