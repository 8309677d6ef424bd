//! Rooms: who is in them, what they know of one another, and who should be seen. One actor per room.
//!
//! Never touches sockets: clients are reached through [`Outbox`], the media plane through [`MediaPlane`], SDP through
//! [`Negotiator`].

mod actor;
mod administer;
mod admission;
mod chat;
mod codecs;
#[doc(hidden)]
pub mod data;
mod diffs;
mod link;
mod lobby;
mod media;
mod member;
mod moderation;
mod name;
mod outbox;
mod parts;
mod password;
mod plane;
mod program;
mod quality;
mod registry;
mod requests;
#[allow(clippy::module_inception)]
mod room;
mod speakers;
mod stage;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod viewing;
mod waiting;
mod witness;

pub use actor::{Handle, Moderation, Request};
pub use administer::{Announcement, RoomReport};
pub use admission::Entry;
pub use outbox::{Ack, Asked, Broadcast, LinkId, Outbox, Push};
pub use plane::{MediaPlane, Negotiated, Negotiation, Negotiator, OfferError, Purpose, ShardChoice};
pub use program::{Named, Program, Target};
pub use registry::{RoomConfig, Rooms};
pub use witness::{Happening, RoomEvent, Witness};
