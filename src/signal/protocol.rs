//! Every event and payload of the Socket.IO contract. TypeScript types are generated from here
//! (`web/src/lib/client/protocol.gen.ts`); `docs/signalling.md` explains them for clients in any language.
//!
//! Each event carries one object. Each request is acknowledged with `{ok: true, …}` or
//! `{ok: false, error: {code, message}}`. Ids decide, names may repeat.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use super::payload::Payload;
use crate::id::{Bps, MemberId, RoomId, SourceId};

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
    /// The room has as many members as the configuration allows.
    RoomFull,
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

// ---- requests: client → server, acknowledged ----

/// `join`: enters a room, creating it when nobody is there. With a valid `auth.resume` for the same room, the same
/// member returns. Acknowledged with [`Joined`].
#[derive(Clone, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Join {
    pub room: RoomId,
    /// Display name, 1–64 characters after NFC and trimming.
    pub name: String,
    /// Show the room in the public list. Counts for the first member only.
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub listed: bool,
}

#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Joined {
    /// The caller's own id.
    pub member: MemberId,
    /// Secret for `auth.resume`.
    pub resume: String,
    /// True when the same member came back: its seats and media live on if its connection does.
    pub resumed: bool,
    pub room: RoomSnapshot,
    /// What a member that came back has been told so far: the newest lines since it first joined, oldest first. Empty
    /// for a new member.
    pub chat: Vec<ChatLine>,
    /// What this server accepts, so that a client need not guess.
    pub limits: Limits,
}

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
    pub listed: bool,
    /// In the order of joining.
    pub members: Vec<Member>,
}

#[derive(Clone, PartialEq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    pub id: MemberId,
    pub name: String,
    pub presence: Presence,
    pub hand: bool,
    /// Unix time of joining, milliseconds.
    #[ts(type = "number")]
    pub joined_at: u64,
    /// Camera with microphone; always there.
    pub camera: Source,
    /// Screen with its sound; always there, mostly idle.
    pub screen: Source,
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

/// `leave`: leaves the room at once. Acknowledged with `{ok: true}`. `{soon: true}` announces that the page is going
/// away: others see the member leave after 3 s unless it comes back.
#[derive(Clone, Debug, Default, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Leave {
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub soon: bool,
}

/// `snapshot`: asks for the room's whole state after a gap in revisions. Acknowledged with `{ok, room}`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {}

/// Acknowledges `snapshot`.
#[derive(Clone, PartialEq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotReply {
    pub room: RoomSnapshot,
}

/// `offer`: an SDP offer of the browser's one connection. A new random `transport` replaces the old connection; the
/// same `transport` with the next `revision` re-negotiates it; a repeated revision gets the same answer again.
#[derive(Clone, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Offer {
    /// 8–64 letters or digits, random.
    pub transport: String,
    pub revision: u32,
    pub sdp: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    pub sdp: String,
    pub revision: u32,
}

/// `media`: what the member's own sources carry now. Others learn it as a diff.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Media {
    pub microphone: bool,
    pub camera: bool,
    pub screen: bool,
    pub screen_audio: bool,
}

/// `wishes`: whom the member wants to see. Until the first one, every live picture is wished in the order of joining.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wishes {
    /// Pictures wanted. Those not named are not sent.
    pub sources: Vec<Wish>,
    /// Also wants whoever speaks, with this size, when it is not among `sources`.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub speaker: Option<WishSize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wish {
    pub source: SourceId,
    /// Size of the tile in physical pixels.
    pub width: u16,
    pub height: u16,
    /// 0–255; higher is served first when there are fewer seats or bits than wishes.
    pub priority: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WishSize {
    pub width: u16,
    pub height: u16,
}

/// `rename`: a new display name for the caller.
#[derive(Clone, Debug, Deserialize, Serialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    pub name: String,
}

/// `hand`: raises or lowers the caller's hand.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Hand {
    pub raised: bool,
}

/// `chat`: a line to the room, or to one member. Acknowledged with `{ok, id, at}`.
#[derive(Clone, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChatSend {
    pub text: String,
    #[serde(default)]
    #[ts(optional)]
    pub to: Option<MemberId>,
    /// Makes a retry safe: the same id from the same member is delivered once. At most 64 bytes.
    #[serde(default)]
    #[ts(optional)]
    pub request: Option<String>,
}

/// Acknowledges `chat`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ChatSent {
    #[ts(type = "number")]
    pub id: u64,
    /// Unix time in milliseconds.
    #[ts(type = "number")]
    pub at: u64,
}

/// `app`: relays an event of the application's own to the room's other members, or to one of them. Acknowledged with
/// [`AppReply`] when `to` names a member, with [`AppDelivered`] otherwise. At most 20 a second.
#[derive(Clone, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct App {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub to: Option<MemberId>,
    /// 1–64 characters.
    pub event: String,
    /// Anything that Socket.IO carries, binary included: at most ten attachments, as many as its stock client takes.
    #[serde(default)]
    pub args: Vec<Payload>,
    /// How long to wait for the recipient's acknowledgement, in milliseconds: 100–30,000. 5,000 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub timeout_ms: Option<u32>,
}

/// Acknowledges an `app` to one member: `reply` is the first argument of the recipient's acknowledgement.
#[derive(Clone, PartialEq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct AppReply {
    pub reply: Payload,
}

/// Acknowledges an `app` to the room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct AppDelivered {
    /// Members to whom it was handed.
    pub delivered: u32,
}

/// Acknowledges `app`.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(untagged)]
pub enum AppAnswer {
    Reply(AppReply),
    Delivered(AppDelivered),
}

/// Acknowledges a request of which there is no more to say than that it is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Done {}

/// `lobby`: starts or stops watching the public room list. Acknowledged with `{ok, rooms}`; [`RoomsDiff`]s follow.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Lobby {
    pub watch: bool,
}

/// Acknowledges `lobby`. Empty after `{watch: false}`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct LobbyReply {
    pub rooms: Vec<PublicRoom>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct PublicRoom {
    pub id: RoomId,
    pub members: u32,
}

// ---- pushes: server → client ----

/// `room`: changes of the room's public state. `revision` is the state's after applying; the first change led from
/// `revision - 1`. A client that sees a gap asks for a `snapshot`.
#[derive(Clone, PartialEq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RoomDiff {
    pub revision: u64,
    pub change: Change,
}

#[derive(Clone, PartialEq, Debug, Serialize, TS)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Change {
    Joined {
        member: Member,
    },
    /// Sent while the roster still holds the leaver, so that the page can name it.
    Left {
        member: MemberId,
        reason: LeaveReason,
    },
    /// Any of the member's fields changed; the whole member as it is now.
    Changed {
        member: Member,
    },
    /// Room-wide facts changed.
    Room {
        listed: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LeaveReason {
    /// Said so.
    Left,
    /// Lost and did not come back in time.
    Lost,
}

/// `seats`: who sits where for this client. A picture may be shown under a name only once its frames carry the
/// source's number as CSRC.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Seats {
    /// By seat number; `null` = empty.
    pub seats: Vec<Option<SourceId>>,
    /// By audio-only line; `null` = empty.
    pub audio: Vec<Option<SourceId>>,
    /// Wished sources that this client cannot decode.
    pub unsupported_codec: Vec<SourceId>,
    /// Wished sources that found no seat. A client may grow its seats by a re-offer.
    pub unseated: Vec<SourceId>,
}

/// `paused`: seated pictures that the client's network has no room for. They come back by themselves.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Paused {
    pub sources: Vec<PausedSource>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct PausedSource {
    pub source: SourceId,
    /// Bits a second that its smallest picture needs.
    #[ts(type = "number")]
    pub needs: Bps,
}

/// `quality`: how well the client hears and sees others, of each source whose entry changed.
#[derive(Clone, PartialEq, Debug, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Quality {
    pub sources: Vec<SourceQuality>,
}

/// Of one source, the latest counts. Scores go from 1 (bad) to 5 (excellent); `null` = nothing was sent that could be
/// rated: muted, off, or a pause.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SourceQuality {
    pub source: SourceId,
    pub sound: Option<f32>,
    pub picture: Option<f32>,
    /// Why it is not heard though it should be.
    pub sound_trouble: Option<Trouble>,
    /// Why it is not seen though it should be.
    pub picture_trouble: Option<Trouble>,
}

/// Why a member does not hear or see a source that it should.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Trouble {
    /// The source is on, and nothing of it reaches the server.
    NoPackets,
    /// Packets come, but no key frame to begin with.
    NoKeyFrame,
    /// The member's network has no room for it.
    PausedForBandwidth {
        /// Bits a second that it needs at least.
        #[ts(type = "number")]
        needs: Bps,
    },
    /// The member's browser does not decode what the source sends.
    UnsupportedCodec { codec: CodecName },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum CodecName {
    Opus,
    Vp8,
    Vp9,
    H264,
    Av1,
}

/// `trouble`: another member does not hear or see one of the client's own sources, or does again. Of one source and
/// member the latest counts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct MemberTrouble {
    pub source: SourceId,
    pub member: MemberId,
    pub sound: Option<Trouble>,
    pub picture: Option<Trouble>,
}

/// `layers`: which streams of the client's own camera or screen anybody takes. A client that pauses the others saves its
/// processor and its network; one that ignores this is heard and seen all the same.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Layers {
    pub source: SourceId,
    /// Of two for one source, the one with the higher version counts.
    #[ts(type = "number")]
    pub version: u64,
    /// By simulcast stream in the order of the offer.
    pub active: Vec<bool>,
}

/// `speakers`: who is audible, loudest first, at most every 100 ms and on change.
#[derive(Clone, PartialEq, Debug, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Speakers {
    pub speaking: Vec<Speaker>,
    /// The dominant speaker; stays through pauses.
    pub dominant: Option<SourceId>,
}

#[derive(Clone, Copy, PartialEq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Speaker {
    pub source: SourceId,
    /// 0 (silent) to 1 (loudest).
    pub level: f32,
}

/// `chat`: a line from a member. `to` is set on private ones.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ChatLine {
    #[ts(type = "number")]
    pub id: u64,
    pub from: MemberId,
    /// The sender's name when it was sent.
    pub name: String,
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub to: Option<MemberId>,
    /// Unix time in milliseconds.
    #[ts(type = "number")]
    pub at: u64,
}

/// `app`: an event that another member relayed. When it was sent to this member alone, the sender waits for the
/// acknowledgement.
#[derive(Clone, PartialEq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct AppPush {
    pub from: MemberId,
    pub event: String,
    pub args: Vec<Payload>,
}

/// `rooms`: changes of the public room list, at most once a second, at most 100 rows.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RoomsDiff {
    /// New rooms and new counts.
    pub changed: Vec<PublicRoom>,
    pub removed: Vec<RoomId>,
}

/// `connection`: how the server sees the media connection, so that both ends can tell the truth about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    pub state: ConnectionPhase,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionPhase {
    New,
    Connecting,
    Connected,
    Disconnected,
    Failed,
}

/// `farewell`: the last event before the server closes the socket.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Farewell {
    pub reason: FarewellReason,
    pub message: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum FarewellReason {
    /// The server is going down; another may be up soon.
    Draining,
    /// The same member came back through another socket.
    Replaced,
}
