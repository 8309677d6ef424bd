//! WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep-04): programs that publish to a room, or play one of its members,
//! over plain HTTP. Each is a member of its room, and its HTTP session stands for its signalling.
//!
//! `POST /whip/{room}` and `POST /whep/{room}` open a session; its own address takes `PATCH` and `DELETE`.

mod routes;
mod session;

pub use routes::router;
pub use session::Sessions;
