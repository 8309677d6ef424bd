//! Who may do what: roles, the grants of access tokens, and the one table that decides. Knows no room and no socket.
//!
//! A token (JWT, RFC 7519, HS256) says what its bearer may do at most; the role, which a host may change during the
//! call, what it may do now; the room's rules and a moderator's word take from that. [`Standing::permits`] is the only
//! place where these meet, and both planes ask it.

mod grants;
mod hmac;
mod kinds;
mod role;
mod token;

pub use grants::{Grants, RoomPattern};
pub use kinds::{KindSet, TrackKind};
pub use role::{Action, Denied, Role, Rules, Standing};
pub use token::{Access, Claims, Pass, Secret, TokenError};
