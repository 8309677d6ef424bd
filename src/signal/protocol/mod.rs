//! Every event and payload of the Socket.IO contract. TypeScript types are generated from here
//! (`web/src/lib/client/protocol.gen.ts`); `docs/signalling.md` explains them for clients in any language.
//!
//! Each event carries one object. Each request is acknowledged with `{ok: true, …}` or
//! `{ok: false, error: {code, message}}`. Ids decide, names may repeat.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

mod pushes;
mod requests;
mod state;

pub use pushes::*;
pub use requests::*;
pub use state::*;

pub use super::payload::Payload;
pub use crate::access::{KindSet, Role, Rules, TrackKind};

/// Version of this contract; `auth.protocol` must equal it.
pub const PROTOCOL: u32 = 1;

/// What a client sends in Socket.IO's `auth` when it connects to namespace `/`.
#[derive(Clone, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Auth {
    pub protocol: u32,
    /// From an earlier `join`: come back as the same member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub resume: Option<String>,
    /// An access token for the rooms that this connection will join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub token: Option<String>,
}

/// Why a request was refused. `message` says what was wrong and what to do, in English, for developers; the page words
/// `code` for people.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    pub code: ErrorCode,
    pub message: String,
}

impl ErrorBody {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        ErrorBody { code, message: message.into() }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The payload is not what the event takes.
    BadRequest,
    /// No such event.
    UnknownEvent,
    /// `auth.protocol` is not ours.
    ProtocolMismatch,
    /// The request needs a joined room.
    NotJoined,
    /// The socket is in a room already.
    AlreadyJoined,
    /// Room or display name is empty, too long or has control characters.
    BadName,
    /// Nobody enters here without an access token.
    TokenRequired,
    /// The access token does not count; the message says why.
    BadToken,
    /// The access token has expired; a new one may be had.
    TokenExpired,
    /// The member may not do that: by role, grant, the room's rules or a moderator's word.
    Forbidden,
    /// The room has a password.
    PasswordRequired,
    /// The room has another password.
    WrongPassword,
    /// The room takes nobody new.
    Locked,
    /// Somebody in the room has to admit the caller. The push `waiting` tells how that goes.
    Waiting,
    /// Nobody admitted the caller.
    Denied,
    /// The caller was banned from the room.
    Banned,
    /// The room has as many members as the configuration allows.
    RoomFull,
    /// The media thread that the room lives on is too busy to take anybody new without harm to those who are there.
    Overloaded,
    /// The server is draining and takes no new members.
    Draining,
    /// The named member is not in the room.
    NoSuchMember,
    /// The offer could not be parsed or lacks what Plenum needs; the message says which line.
    BadSdp,
    /// Too many requests; try again after a second.
    RateLimited,
    /// The payload is larger than the limit of its event.
    TooLarge,
    /// The recipient did not acknowledge in time.
    Timeout,
    /// A fault of ours; it has been logged. Reserved: no request ends so today.
    Internal,
}
