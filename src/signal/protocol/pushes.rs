//! What the server says unasked.

use serde::Serialize;
use ts_rs::TS;

use super::*;
use crate::id::{Bps, MemberId, RoomId, SourceId};

/// `room`: changes of the room's public state since revision `since`; `revision` is the state's after applying them all.
/// In large rooms several come together. A client at or beyond `revision` ignores it, one before `since` has missed
/// something and asks for a `snapshot`, all others apply it: each change says how things are now.
#[derive(Clone, PartialEq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RoomDiff {
    #[ts(type = "number")]
    pub since: u64,
    #[ts(type = "number")]
    pub revision: u64,
    pub changes: Vec<Change>,
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
    Room(RoomFacts),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LeaveReason {
    /// Said so.
    Left,
    /// Lost and did not come back in time.
    Lost,
    /// Sent away by a moderator.
    Removed,
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
    /// Which of the source's pictures comes; `null` = none.
    pub layer: Option<PictureLayer>,
}

/// One of the pictures that a source sends, counted from 1: the smallest, and the fewest frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct PictureLayer {
    /// By size: a simulcast stream, or a spatial layer within one.
    pub spatial: u8,
    pub spatials: u8,
    /// By frames a second.
    pub temporal: u8,
    pub temporals: u8,
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
    /// By size from the smallest up: the simulcast streams in the order of the offer, or what comes as spatial layers of
    /// one stream.
    pub active: Vec<bool>,
}

/// `codecs`: the video codecs that everybody decodes who may watch this member, players of it included. Empty when they
/// have none in common. Told with the first answer and whenever it changes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Codecs {
    pub video: Vec<CodecName>,
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

/// `muted`: a moderator switched off what this member published.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Muted {
    #[ts(as = "Vec<TrackKind>")]
    pub kinds: KindSet,
    /// The moderator; absent when it was the server's administration.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub by: Option<MemberId>,
    /// The member may not switch it on again.
    pub forbidden: bool,
}

/// `waiting`: how a client stands that waits to be admitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    pub state: WaitingState,
    /// Somebody is in the room who can admit.
    pub host: bool,
    /// How many have waited longer.
    pub ahead: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum WaitingState {
    Waiting,
    /// Join again, within a minute.
    Admitted,
    Denied,
}

/// `knocks`: who waits to be admitted, for those who can admit; the whole of it each time.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Knocks {
    /// Longest first.
    pub waiting: Vec<Knock>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Knock {
    /// For `admit` and `deny`; not the id that it will have as a member.
    pub id: MemberId,
    pub name: String,
    /// Unix time in milliseconds.
    #[ts(type = "number")]
    pub since: u64,
    /// Comes from where somebody was banned, and shows no token of its own.
    pub banned: bool,
}

/// `reactions`: emoji of the last moment, each shown once.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Reactions {
    pub reactions: Vec<Reaction>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Reaction {
    pub from: MemberId,
    pub emoji: String,
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
    /// A moderator sent the member away.
    Removed,
    /// A moderator sent the member away for as long as the room lives.
    Banned,
    /// A moderator ended the room for all.
    Ended,
}
