// Generated from src/signal/protocol/; do not edit.
// To write it anew: PLENUM_WRITE_TYPES=1 cargo test --lib the_generated_types_are_up_to_date

/** Version of this contract. */
export const PROTOCOL = 1;

/** How every request is acknowledged. */
export type Reply<T = Empty> = ({ ok: true } & T) | { ok: false; error: ErrorBody };

/** A reply that says no more than that it is done. */
export type Empty = Record<never, never>;

/**
 * A member's public id: random, safe to show to everybody. Never the Socket.IO session id, which is a secret.
 */
export type MemberId = string;

/**
 * A room's name in Unicode NFC, 1–64 characters: what stands behind `/r/` in its link.
 */
export type RoomId = string;

/**
 * A source's number: one member's camera with microphone, or screen with screen audio. Unique in the process,
 * never 0, and what every forwarded packet carries as its CSRC.
 */
export type SourceId = number;

/**
 * What a client sends in Socket.IO's `auth` when it connects to namespace `/`.
 */
export type Auth = { protocol: number, 
/**
 * From an earlier `join`: come back as the same member.
 */
resume?: string, 
/**
 * An access token for the rooms that this connection will join.
 */
token?: string, };

/**
 * Why a request was refused. `message` says what was wrong and what to do, in English, for developers; the page words
 * `code` for people.
 */
export type ErrorBody = { code: ErrorCode, message: string, };

export type ErrorCode = "bad_request" | "unknown_event" | "protocol_mismatch" | "not_joined" | "already_joined" | "bad_name" | "token_required" | "bad_token" | "token_expired" | "forbidden" | "password_required" | "wrong_password" | "locked" | "waiting" | "denied" | "banned" | "room_full" | "overloaded" | "draining" | "no_such_member" | "bad_sdp" | "rate_limited" | "too_large" | "timeout" | "internal";

/**
 * `join`: enters a room, creating it when nobody is there. With a valid `auth.resume` for the same room, the same
 * member returns. Acknowledged with [`Joined`].
 */
export type Join = { room: RoomId, 
/**
 * Display name, 1–64 characters after NFC and trimming. Not read when the access token names its bearer.
 */
name: string, 
/**
 * The room's password. The first member gives the room the one it says here.
 */
password?: string, 
/**
 * An access token, in the place of `auth.token`.
 */
token?: string, 
/**
 * Show the room in the public list. Counts for the first member only.
 */
listed?: boolean, 
/**
 * Let nobody in whom no host admits. Counts for the first member only.
 */
waitingRoom?: boolean, };

export type Joined = { 
/**
 * The caller's own id.
 */
member: MemberId, 
/**
 * Secret for `auth.resume`.
 */
resume: string, 
/**
 * True when the same member came back: its seats and media live on if its connection does.
 */
resumed: boolean, room: RoomSnapshot, 
/**
 * What the caller may do now; the push `permissions` tells changes.
 */
permissions: Permissions, 
/**
 * The newest lines to everybody, and those that this member sent or was sent alone, oldest first.
 */
chat: Array<ChatLine>, 
/**
 * What this server accepts, so that a client need not guess.
 */
limits: Limits, };

export type Limits = { 
/**
 * Bytes of one Socket.IO message.
 */
messageBytes: number, 
/**
 * Characters of one chat message.
 */
chatChars: number, 
/**
 * Seats that one connection may offer.
 */
seats: number, 
/**
 * Members of one room.
 */
members: number, };

/**
 * What a member is in its room. May change during the call.
 */
export type Role = "viewer" | "member" | "host";

/**
 * One of the tracks of a member.
 */
export type TrackKind = "microphone" | "camera" | "screen" | "screenAudio";

/**
 * What a room lets everybody do who is not its host.
 */
export type Rules = { microphone: boolean, camera: boolean, screen: boolean, screenAudio: boolean, 
/**
 * Also reactions.
 */
chat: boolean, };

/**
 * What the caller itself may do now; also the push `permissions`.
 */
export type Permissions = { role: Role, publish: Array<TrackKind>, 
/**
 * Is sent others' media.
 */
subscribe: boolean, 
/**
 * Chat and reactions.
 */
chat: boolean, 
/**
 * Application events and data channels.
 */
data: boolean, rename: boolean, 
/**
 * Mute, remove, admit, change the room and roles, end it.
 */
moderate: boolean, record: boolean, };

/**
 * What holds for the whole room.
 */
export type RoomFacts = { 
/**
 * Shown in the public list.
 */
listed: boolean, 
/**
 * Takes nobody new.
 */
locked: boolean, 
/**
 * Asks for a password.
 */
password: boolean, 
/**
 * Whoever is new waits until somebody admits it.
 */
waitingRoom: boolean, 
/**
 * What those may do who are not hosts.
 */
rules: Rules, };

/**
 * The whole public state of a room at `revision`. [`RoomDiff`]s lead from there on.
 */
export type RoomSnapshot = { id: RoomId, revision: number, 
/**
 * In a large room, of which `members` are only those that matter most: how many there are. Diffs tell of the others.
 */
memberCount?: number, 
/**
 * In the order of joining.
 */
members: Array<Member>, 
/**
 * Shown in the public list.
 */
listed: boolean, 
/**
 * Takes nobody new.
 */
locked: boolean, 
/**
 * Asks for a password.
 */
password: boolean, 
/**
 * Whoever is new waits until somebody admits it.
 */
waitingRoom: boolean, 
/**
 * What those may do who are not hosts.
 */
rules: Rules, };

export type Member = { id: MemberId, name: string, presence: Presence, role: Role, hand: boolean, 
/**
 * While the hand is raised: of two, the lower was raised earlier.
 */
handOrder?: number, 
/**
 * Unix time of joining, milliseconds.
 */
joinedAt: number, 
/**
 * Camera with microphone; always there.
 */
camera: Source, 
/**
 * Screen with its sound; always there, mostly idle.
 */
screen: Source, 
/**
 * What a moderator has forbidden this member alone to publish. Left out when that is nothing.
 */
forbidden?: Array<TrackKind>, 
/**
 * What the issuer of its access token says of it.
 */
metadata?: unknown, };

export type Presence = "here" | "reconnecting";

/**
 * One source of a member: its number, and whether its sound and picture are on.
 */
export type Source = { 
/**
 * Appears as CSRC in every packet of this source.
 */
id: SourceId, audio: boolean, video: boolean, };

/**
 * `leave`: leaves the room at once. Acknowledged with `{ok: true}`. `{soon: true}` announces that the page is going
 * away: others see the member leave after 3 s unless it comes back.
 */
export type Leave = { soon?: boolean, };

/**
 * `snapshot`: asks for the room's whole state after a gap in revisions. Acknowledged with `{ok, room}`.
 */
export type Snapshot = Record<symbol, never>;

/**
 * Acknowledges `snapshot`.
 */
export type SnapshotReply = { room: RoomSnapshot, };

/**
 * `offer`: an SDP offer of the browser's one connection. A new random `transport` replaces the old connection; the
 * same `transport` with the next `revision` re-negotiates it; a repeated revision gets the same answer again.
 */
export type Offer = { 
/**
 * 8–64 letters or digits, random.
 */
transport: string, revision: number, sdp: string, };

export type Answer = { sdp: string, revision: number, };

/**
 * `media`: what the member's own sources carry now. Others learn it as a diff.
 */
export type Media = { microphone: boolean, camera: boolean, screen: boolean, screenAudio: boolean, };

/**
 * `wishes`: whom the member wants to see. Until the first one, every live picture is wished in the order of joining.
 */
export type Wishes = { 
/**
 * Pictures wanted. Those not named are not sent.
 */
sources: Array<Wish>, 
/**
 * Also wants whoever speaks, with this size, when it is not among `sources`.
 */
speaker?: WishSize | null, };

export type Wish = { source: SourceId, 
/**
 * Size of the tile in physical pixels.
 */
width: number, height: number, 
/**
 * 0–255; higher is served first when there are fewer seats or bits than wishes.
 */
priority: number, };

export type WishSize = { width: number, height: number, };

/**
 * `viewing`: how the pictures that a browser received were since it said so last.
 */
export type Viewing = { 
/**
 * How often a picture stood still, as the browser counts it (`freezeCount` of W3C's webrtc-stats).
 */
freezes: number, 
/**
 * For how long in all, milliseconds.
 */
frozenMs: number, 
/**
 * For how long pictures came in all, milliseconds: of two at a time, both.
 */
shownMs: number, };

/**
 * `rename`: a new display name for the caller.
 */
export type Rename = { name: string, };

/**
 * `hand`: raises or lowers the caller's hand. Moderators lower that of others too.
 */
export type Hand = { raised: boolean, 
/**
 * Whose hand to lower; the caller's own when absent.
 */
member?: MemberId, };

/**
 * `react`: shows everybody an emoji for a moment.
 */
export type React = { 
/**
 * One emoji or a few letters: 1–32 bytes.
 */
emoji: string, };

/**
 * `settings`: how the room shall be. What is left out stays. For hosts.
 */
export type Settings = { listed?: boolean, locked?: boolean, 
/**
 * Those who wait when it is switched off are admitted.
 */
waitingRoom?: boolean, 
/**
 * 1–128 characters; empty = no password any more.
 */
password?: string, 
/**
 * All of them. Whoever publishes what is no longer allowed is stopped.
 */
rules?: Rules, };

/**
 * `role`: makes a member host, member or viewer. For hosts; one of them stays.
 */
export type ChangeRole = { member: MemberId, role: Role, };

/**
 * `mute`: switches off what others publish. They may switch it on again unless that is forbidden too.
 */
export type Mute = { 
/**
 * Whom; everybody but hosts when absent.
 */
member?: MemberId, kinds: Array<TrackKind>, 
/**
 * Forbid it, too: to the member, or to everybody by the room's rules.
 */
forbid?: boolean, };

/**
 * `allow`: lifts what `mute` forbade. Nothing goes on by itself.
 */
export type Allow = { 
/**
 * Whom; the room's rules when absent.
 */
member?: MemberId, kinds: Array<TrackKind>, };

/**
 * `remove`: sends a member away.
 */
export type Remove = { member: MemberId, 
/**
 * Not to come back while the room lives.
 */
ban?: boolean, };

/**
 * `end`: ends the room for all.
 */
export type End = Record<symbol, never>;

/**
 * `admit`: lets in one of those who wait, or all.
 */
export type Admit = { 
/**
 * An id of the push `knocks`; everybody but the banned when absent.
 */
id?: MemberId, };

/**
 * `deny`: sends away one of those who wait.
 */
export type Deny = { id: MemberId, };

/**
 * `chat`: a line to the room, or to one member. Acknowledged with `{ok, id, at}`.
 */
export type ChatSend = { text: string, to?: MemberId, 
/**
 * Makes a retry safe: the same id from the same member is delivered once. At most 64 bytes.
 */
request?: string, };

/**
 * Acknowledges `chat`.
 */
export type ChatSent = { id: number, 
/**
 * Unix time in milliseconds.
 */
at: number, };

/**
 * `app`: relays an event of the application's own to the room's other members, or to one of them. Acknowledged with
 * [`AppReply`] when `to` names a member, with [`AppDelivered`] otherwise. At most 20 a second.
 */
export type App = { to?: MemberId, 
/**
 * 1–64 characters.
 */
event: string, 
/**
 * Anything that Socket.IO carries, binary included: at most ten attachments, as many as its stock client takes.
 */
args: Array<Payload>, 
/**
 * How long to wait for the recipient's acknowledgement, in milliseconds: 100–30,000. 5,000 when absent.
 */
timeoutMs?: number, };

/**
 * Acknowledges an `app` to one member: `reply` is the first argument of the recipient's acknowledgement.
 */
export type AppReply = { reply: Payload, };

/**
 * Acknowledges an `app` to the room.
 */
export type AppDelivered = { 
/**
 * Members to whom it was handed.
 */
delivered: number, };

/**
 * `lobby`: starts or stops watching the public room list. Acknowledged with `{ok, rooms}`; [`RoomsDiff`]s follow.
 */
export type Lobby = { watch: boolean, };

/**
 * Acknowledges `lobby`. Empty after `{watch: false}`.
 */
export type LobbyReply = { rooms: Array<PublicRoom>, };

export type PublicRoom = { id: RoomId, members: number, };

/**
 * `room`: changes of the room's public state since revision `since`; `revision` is the state's after applying them all.
 * In large rooms several come together. A client at or beyond `revision` ignores it, one before `since` has missed
 * something and asks for a `snapshot`, all others apply it: each change says how things are now.
 */
export type RoomDiff = { since: number, revision: number, changes: Array<Change>, };

export type Change = { "kind": "joined", member: Member, } | { "kind": "left", member: MemberId, reason: LeaveReason, } | { "kind": "changed", member: Member, } | { "kind": "room" } & RoomFacts;

export type LeaveReason = "left" | "lost" | "removed";

/**
 * `seats`: who sits where for this client. A picture may be shown under a name only once its frames carry the
 * source's number as CSRC.
 */
export type Seats = { 
/**
 * By seat number; `null` = empty.
 */
seats: Array<SourceId | null>, 
/**
 * By audio-only line; `null` = empty.
 */
audio: Array<SourceId | null>, 
/**
 * Wished sources that this client cannot decode.
 */
unsupportedCodec: Array<SourceId>, 
/**
 * Wished sources that found no seat. A client may grow its seats by a re-offer.
 */
unseated: Array<SourceId>, };

/**
 * `paused`: seated pictures that the client's network has no room for. They come back by themselves.
 */
export type Paused = { sources: Array<PausedSource>, };

export type PausedSource = { source: SourceId, 
/**
 * Bits a second that its smallest picture needs.
 */
needs: number, };

/**
 * `quality`: how well the client hears and sees others, of each source whose entry changed.
 */
export type Quality = { sources: Array<SourceQuality>, };

/**
 * Of one source, the latest counts. Scores go from 1 (bad) to 5 (excellent); `null` = nothing was sent that could be
 * rated: muted, off, or a pause.
 */
export type SourceQuality = { source: SourceId, sound: number | null, picture: number | null, 
/**
 * Why it is not heard though it should be.
 */
soundTrouble: Trouble | null, 
/**
 * Why it is not seen though it should be.
 */
pictureTrouble: Trouble | null, 
/**
 * Which of the source's pictures comes; `null` = none.
 */
layer: PictureLayer | null, };

/**
 * Why a member does not hear or see a source that it should.
 */
export type Trouble = { "kind": "no_packets" } | { "kind": "no_key_frame" } | { "kind": "paused_for_bandwidth", 
/**
 * Bits a second that it needs at least.
 */
needs: number, } | { "kind": "unsupported_codec", codec: CodecName, };

export type CodecName = "opus" | "vp8" | "vp9" | "h264" | "av1";

/**
 * `trouble`: another member does not hear or see one of the client's own sources, or does again. Of one source and
 * member the latest counts.
 */
export type MemberTrouble = { source: SourceId, member: MemberId, sound: Trouble | null, picture: Trouble | null, };

/**
 * `layers`: which streams of the client's own camera or screen anybody takes. A client that pauses the others saves its
 * processor and its network; one that ignores this is heard and seen all the same.
 */
export type Layers = { source: SourceId, 
/**
 * Of two for one source, the one with the higher version counts.
 */
version: number, 
/**
 * By size from the smallest up: the simulcast streams in the order of the offer, or what comes as spatial layers of
 * one stream.
 */
active: Array<boolean>, };

/**
 * `codecs`: the video codecs that everybody decodes who may watch this member, players of it included. Empty when they
 * have none in common. Told with the first answer and whenever it changes.
 */
export type Codecs = { video: Array<CodecName>, };

/**
 * One of the pictures that a source sends, counted from 1: the smallest, and the fewest frames.
 */
export type PictureLayer = { 
/**
 * By size: a simulcast stream, or a spatial layer within one.
 */
spatial: number, spatials: number, 
/**
 * By frames a second.
 */
temporal: number, temporals: number, };

/**
 * `speakers`: who is audible, loudest first, at most every 100 ms and on change.
 */
export type Speakers = { speaking: Array<Speaker>, 
/**
 * The dominant speaker; stays through pauses.
 */
dominant: SourceId | null, };

export type Speaker = { source: SourceId, 
/**
 * 0 (silent) to 1 (loudest).
 */
level: number, };

/**
 * `chat`: a line from a member. `to` is set on private ones.
 */
export type ChatLine = { id: number, from: MemberId, 
/**
 * The sender's name when it was sent.
 */
name: string, text: string, to?: MemberId, 
/**
 * Unix time in milliseconds.
 */
at: number, };

/**
 * `reactions`: emoji of the last moment, each shown once.
 */
export type Reactions = { reactions: Array<Reaction>, };

export type Reaction = { from: MemberId, emoji: string, };

/**
 * `muted`: a moderator switched off what this member published.
 */
export type Muted = { kinds: Array<TrackKind>, 
/**
 * The moderator; absent when it was the server's administration.
 */
by?: MemberId, 
/**
 * The member may not switch it on again.
 */
forbidden: boolean, };

/**
 * `waiting`: how a client stands that waits to be admitted.
 */
export type Waiting = { state: WaitingState, 
/**
 * Somebody is in the room who can admit.
 */
host: boolean, 
/**
 * How many have waited longer.
 */
ahead: number, };

export type WaitingState = "waiting" | "admitted" | "denied";

/**
 * `knocks`: who waits to be admitted, for those who can admit; the whole of it each time.
 */
export type Knocks = { 
/**
 * Longest first.
 */
waiting: Array<Knock>, };

export type Knock = { 
/**
 * For `admit` and `deny`; not the id that it will have as a member.
 */
id: MemberId, name: string, 
/**
 * Unix time in milliseconds.
 */
since: number, 
/**
 * Comes from where somebody was banned, and shows no token of its own.
 */
banned: boolean, };

/**
 * `app`: an event that another member relayed. When it was sent to this member alone, the sender waits for the
 * acknowledgement.
 */
export type AppPush = { from: MemberId, event: string, args: Array<Payload>, };

/**
 * `rooms`: changes of the public room list, at most once a second, at most 100 rows.
 */
export type RoomsDiff = { 
/**
 * New rooms and new counts.
 */
changed: Array<PublicRoom>, removed: Array<RoomId>, };

/**
 * `connection`: how the server sees the media connection, so that both ends can tell the truth about it.
 */
export type Connection = { state: ConnectionPhase, };

export type ConnectionPhase = "new" | "connecting" | "connected" | "disconnected" | "failed";

/**
 * `farewell`: the last event before the server closes the socket.
 */
export type Farewell = { reason: FarewellReason, message: string, };

export type FarewellReason = "draining" | "replaced" | "removed" | "banned" | "ended";

/**
 * A JSON value in which a leaf may also be bytes. The order of an object's keys is kept.
 */
export type Payload = unknown;

/** Requests, each acknowledged. */
export interface ClientToServerEvents {
  join: (payload: Join, acknowledge: (reply: Reply<Joined>) => void) => void;
  leave: (payload: Leave, acknowledge: (reply: Reply) => void) => void;
  snapshot: (payload: Snapshot, acknowledge: (reply: Reply<SnapshotReply>) => void) => void;
  offer: (payload: Offer, acknowledge: (reply: Reply<Answer>) => void) => void;
  media: (payload: Media, acknowledge: (reply: Reply) => void) => void;
  wishes: (payload: Wishes, acknowledge: (reply: Reply) => void) => void;
  viewing: (payload: Viewing, acknowledge: (reply: Reply) => void) => void;
  rename: (payload: Rename, acknowledge: (reply: Reply) => void) => void;
  hand: (payload: Hand, acknowledge: (reply: Reply) => void) => void;
  react: (payload: React, acknowledge: (reply: Reply) => void) => void;
  chat: (payload: ChatSend, acknowledge: (reply: Reply<ChatSent>) => void) => void;
  settings: (payload: Settings, acknowledge: (reply: Reply) => void) => void;
  role: (payload: ChangeRole, acknowledge: (reply: Reply) => void) => void;
  mute: (payload: Mute, acknowledge: (reply: Reply) => void) => void;
  allow: (payload: Allow, acknowledge: (reply: Reply) => void) => void;
  remove: (payload: Remove, acknowledge: (reply: Reply) => void) => void;
  end: (payload: End, acknowledge: (reply: Reply) => void) => void;
  admit: (payload: Admit, acknowledge: (reply: Reply) => void) => void;
  deny: (payload: Deny, acknowledge: (reply: Reply) => void) => void;
  lobby: (payload: Lobby, acknowledge: (reply: Reply<LobbyReply>) => void) => void;
  app: (payload: App, acknowledge: (reply: Reply<AppReply | AppDelivered>) => void) => void;
}

/** Pushes. */
export interface ServerToClientEvents {
  room: (payload: RoomDiff) => void;
  seats: (payload: Seats) => void;
  paused: (payload: Paused) => void;
  quality: (payload: Quality) => void;
  trouble: (payload: MemberTrouble) => void;
  layers: (payload: Layers) => void;
  codecs: (payload: Codecs) => void;
  speakers: (payload: Speakers) => void;
  chat: (payload: ChatLine) => void;
  reactions: (payload: Reactions) => void;
  permissions: (payload: Permissions) => void;
  muted: (payload: Muted) => void;
  waiting: (payload: Waiting) => void;
  knocks: (payload: Knocks) => void;
  rooms: (payload: RoomsDiff) => void;
  connection: (payload: Connection) => void;
  farewell: (payload: Farewell) => void;
  app: (payload: AppPush, acknowledge: (reply?: Payload) => void) => void;
}
