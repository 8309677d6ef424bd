// The payloads of the Socket.IO contract, as `src/signal/protocol.rs` defines them.

export type SourceId = number;
export type MemberId = string;
export type RoomId = string;

export type Auth = { protocol: number; resume?: string };
export type ErrorBody = { code: ErrorCode; message: string };
export type ErrorCode =
  | 'bad_request'
  | 'unknown_event'
  | 'protocol_mismatch'
  | 'not_joined'
  | 'already_joined'
  | 'bad_name'
  | 'room_full'
  | 'draining'
  | 'no_such_member'
  | 'bad_sdp'
  | 'rate_limited'
  | 'too_large'
  | 'timeout'
  | 'internal';

export type Join = { room: RoomId; name: string; listed?: boolean };
export type Joined = { member: MemberId; resume: string; resumed: boolean; room: RoomSnapshot; limits: Limits };
export type Limits = { messageBytes: number; chatChars: number; seats: number; members: number };
export type RoomSnapshot = { id: RoomId; revision: number; listed: boolean; members: Array<Member> };
export type Member = {
  id: MemberId;
  name: string;
  presence: Presence;
  hand: boolean;
  joinedAt: number;
  camera: Source;
  screen: Source;
};
export type Presence = 'here' | 'reconnecting';
export type Source = { id: SourceId; audio: boolean; video: boolean };
export type Leave = { soon?: boolean };
export type Snapshot = Record<string, never>;
export type Offer = { transport: string; revision: number; sdp: string };
export type Answer = { sdp: string; revision: number };
export type Media = { microphone: boolean; camera: boolean; screen: boolean; screenAudio: boolean };
export type Wishes = { sources: Array<Wish>; speaker?: WishSize | null };
export type Wish = { source: SourceId; width: number; height: number; priority: number };
export type WishSize = { width: number; height: number };
export type Rename = { name: string };
export type Hand = { raised: boolean };
export type ChatSend = { text: string; to?: MemberId; request?: string };
export type Lobby = { watch: boolean };
export type PublicRoom = { id: RoomId; members: number };
export type RoomDiff = { revision: number; change: Change };
export type Change =
  | { kind: 'joined'; member: Member }
  | { kind: 'left'; member: MemberId; reason: LeaveReason }
  | { kind: 'changed'; member: Member }
  | { kind: 'room'; listed: boolean };
export type LeaveReason = 'left' | 'lost' | 'drained';
export type Seats = {
  seats: Array<SourceId | null>;
  audio: Array<SourceId | null>;
  unsupportedCodec: Array<SourceId>;
  unseated: Array<SourceId>;
};
export type Speakers = { speaking: Array<Speaker>; dominant: SourceId | null };
export type Speaker = { source: SourceId; level: number };
export type ChatLine = { id: number; from: MemberId; name: string; text: string; to?: MemberId; at: number };
export type RoomsDiff = { changed: Array<PublicRoom>; removed: Array<RoomId> };
export type Connection = { state: ConnectionPhase };
export type ConnectionPhase = 'new' | 'connecting' | 'connected' | 'disconnected' | 'failed';
export type Farewell = { reason: FarewellReason; message: string };
export type FarewellReason = 'draining' | 'replaced';
