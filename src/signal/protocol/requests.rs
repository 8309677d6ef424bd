//! What clients ask. Each request is acknowledged, most with what is defined beside it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::*;
use crate::id::{MemberId, RoomId, SourceId};

/// `join`: enters a room, creating it when nobody is there. With a valid `auth.resume` for the same room, the same
/// member returns. Acknowledged with [`Joined`].
#[derive(Clone, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Join {
    pub room: RoomId,
    /// Display name, 1–64 characters after NFC and trimming. Not read when the access token names its bearer.
    pub name: String,
    /// The room's password. The first member gives the room the one it says here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub password: Option<String>,
    /// An access token, in the place of `auth.token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub token: Option<String>,
    /// Show the room in the public list. Counts for the first member only.
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub listed: bool,
    /// Let nobody in whom no host admits. Counts for the first member only.
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub waiting_room: bool,
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
    /// What the caller may do now; the push `permissions` tells changes.
    pub permissions: Permissions,
    /// The newest lines to everybody, and those that this member sent or was sent alone, oldest first.
    pub chat: Vec<ChatLine>,
    /// What this server accepts, so that a client need not guess.
    pub limits: Limits,
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

impl Media {
    /// What is on.
    pub fn kinds(self) -> KindSet {
        let on = [
            (TrackKind::Microphone, self.microphone),
            (TrackKind::Camera, self.camera),
            (TrackKind::Screen, self.screen),
            (TrackKind::ScreenAudio, self.screen_audio),
        ];
        on.into_iter().filter(|(_, on)| *on).map(|(kind, _)| kind).collect()
    }

    /// The same with `kinds` off.
    pub fn without(self, kinds: KindSet) -> Media {
        Media::from(self.kinds().without(kinds))
    }
}

impl From<KindSet> for Media {
    fn from(kinds: KindSet) -> Media {
        Media {
            microphone: kinds.contains(TrackKind::Microphone),
            camera: kinds.contains(TrackKind::Camera),
            screen: kinds.contains(TrackKind::Screen),
            screen_audio: kinds.contains(TrackKind::ScreenAudio),
        }
    }
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

/// `hand`: raises or lowers the caller's hand. Moderators lower that of others too.
#[derive(Clone, Debug, Deserialize, Serialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Hand {
    pub raised: bool,
    /// Whose hand to lower; the caller's own when absent.
    #[serde(default)]
    #[ts(optional)]
    pub member: Option<MemberId>,
}

/// `viewing`: how the pictures that a browser received were since it said so last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Viewing {
    /// How often a picture stood still, as the browser counts it (`freezeCount` of W3C's webrtc-stats).
    pub freezes: u32,
    /// For how long in all, milliseconds.
    pub frozen_ms: u32,
    /// For how long pictures came in all, milliseconds: of two at a time, both.
    pub shown_ms: u32,
}

impl Viewing {
    /// What 64 seats of an hour may be, and more than any client tells at once.
    pub const MOST_MS: u32 = 64 * 3_600_000;
    pub const MOST_FREEZES: u32 = 100_000;

    /// The first field that is out of its range, with its limit.
    pub fn out_of_range(&self) -> Option<(&'static str, u32)> {
        let most = |name, value, most| (value > most).then_some((name, most));
        most("freezes", self.freezes, Viewing::MOST_FREEZES)
            .or(most("frozenMs", self.frozen_ms, Viewing::MOST_MS))
            .or(most("shownMs", self.shown_ms, Viewing::MOST_MS))
    }
}

/// `react`: shows everybody an emoji for a moment.
#[derive(Clone, Debug, Deserialize, Serialize, TS)]
#[serde(deny_unknown_fields)]
pub struct React {
    /// One emoji or a few letters: 1–32 bytes.
    pub emoji: String,
}

/// `settings`: how the room shall be. What is left out stays. For hosts.
#[derive(Clone, Debug, Default, Deserialize, Serialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    #[serde(default)]
    #[ts(optional)]
    pub listed: Option<bool>,
    #[serde(default)]
    #[ts(optional)]
    pub locked: Option<bool>,
    /// Those who wait when it is switched off are admitted.
    #[serde(default)]
    #[ts(optional)]
    pub waiting_room: Option<bool>,
    /// 1–128 characters; empty = no password any more.
    #[serde(default)]
    #[ts(optional)]
    pub password: Option<String>,
    /// All of them. Whoever publishes what is no longer allowed is stopped.
    #[serde(default)]
    #[ts(optional)]
    pub rules: Option<Rules>,
}

/// `role`: makes a member host, member or viewer. For hosts; one of them stays.
#[derive(Clone, Debug, Deserialize, Serialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ChangeRole {
    pub member: MemberId,
    pub role: Role,
}

/// `mute`: switches off what others publish. They may switch it on again unless that is forbidden too.
#[derive(Clone, Debug, Deserialize, Serialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Mute {
    /// Whom; everybody but hosts when absent.
    #[serde(default)]
    #[ts(optional)]
    pub member: Option<MemberId>,
    #[ts(as = "Vec<TrackKind>")]
    pub kinds: KindSet,
    /// Forbid it, too: to the member, or to everybody by the room's rules.
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub forbid: bool,
}

/// `allow`: lifts what `mute` forbade. Nothing goes on by itself.
#[derive(Clone, Debug, Deserialize, Serialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    /// Whom; the room's rules when absent.
    #[serde(default)]
    #[ts(optional)]
    pub member: Option<MemberId>,
    #[ts(as = "Vec<TrackKind>")]
    pub kinds: KindSet,
}

/// `remove`: sends a member away.
#[derive(Clone, Debug, Deserialize, Serialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    pub member: MemberId,
    /// Not to come back while the room lives.
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub ban: bool,
}

/// `end`: ends the room for all.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, TS)]
#[serde(deny_unknown_fields)]
pub struct End {}

/// `admit`: lets in one of those who wait, or all.
#[derive(Clone, Debug, Default, Deserialize, Serialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Admit {
    /// An id of the push `knocks`; everybody but the banned when absent.
    #[serde(default)]
    #[ts(optional)]
    pub id: Option<MemberId>,
}

/// `deny`: sends away one of those who wait.
#[derive(Clone, Debug, Deserialize, Serialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Deny {
    pub id: MemberId,
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
