//! What a room is to its members: the state that snapshots carry and pushes change.

use serde::Serialize;
use serde_json::Value;
use ts_rs::TS;

use crate::access::{KindSet, Role, Rules};
use crate::id::{MemberId, RoomId, SourceId};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Bytes of one Socket.IO message.
    pub message_bytes: u32,
    /// Characters of one chat message.
    pub chat_chars: u32,
    /// Seats that one connection may offer.
    pub seats: u16,
    /// Members of one room.
    pub members: u32,
}

/// The whole public state of a room at `revision`. [`RoomDiff`]s lead from there on.
#[derive(Clone, PartialEq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RoomSnapshot {
    pub id: RoomId,
    pub revision: u64,
    #[serde(flatten)]
    pub facts: RoomFacts,
    /// In a large room, of which `members` are only those that matter most: how many there are. Diffs tell of the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub member_count: Option<u32>,
    /// In the order of joining.
    pub members: Vec<Member>,
}

/// What holds for the whole room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RoomFacts {
    /// Shown in the public list.
    pub listed: bool,
    /// Takes nobody new.
    pub locked: bool,
    /// Asks for a password.
    pub password: bool,
    /// Whoever is new waits until somebody admits it.
    pub waiting_room: bool,
    /// What those may do who are not hosts.
    pub rules: Rules,
}

#[derive(Clone, PartialEq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    pub id: MemberId,
    pub name: String,
    pub presence: Presence,
    pub role: Role,
    pub hand: bool,
    /// While the hand is raised: of two, the lower was raised earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub hand_order: Option<u64>,
    /// Unix time of joining, milliseconds.
    #[ts(type = "number")]
    pub joined_at: u64,
    /// Camera with microphone; always there.
    pub camera: Source,
    /// Screen with its sound; always there, mostly idle.
    pub screen: Source,
    /// What a moderator has forbidden this member alone to publish. Left out when that is nothing.
    #[serde(skip_serializing_if = "KindSet::is_nothing")]
    #[ts(optional, as = "Option<Vec<crate::access::TrackKind>>")]
    pub forbidden: KindSet,
    /// What the issuer of its access token says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "unknown")]
    pub metadata: Option<Value>,
}

/// What the caller itself may do now; also the push `permissions`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Permissions {
    pub role: Role,
    #[ts(as = "Vec<crate::access::TrackKind>")]
    pub publish: KindSet,
    /// Is sent others' media.
    pub subscribe: bool,
    /// Chat and reactions.
    pub chat: bool,
    /// Application events and data channels.
    pub data: bool,
    pub rename: bool,
    /// Mute, remove, admit, change the room and roles, end it.
    pub moderate: bool,
    pub record: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    Here,
    /// Signalling or media is lost; the member's place is kept for a while.
    Reconnecting,
}

/// One source of a member: its number, and whether its sound and picture are on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// Appears as CSRC in every packet of this source.
    pub id: SourceId,
    pub audio: bool,
    pub video: bool,
}
