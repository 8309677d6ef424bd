/** What a room takes and tells. */
import type { VideoCodec } from './codecs';
import type { DataMessage } from './data';
import type { SoundOptions } from './dtx';
import type { NetworkError, RequestError } from './errors';
import type { TrackKind } from './lines';
import type { LinkState } from './link';
import type { LocalMedia } from './local';
import type {
  AppPush,
  ChatLine,
  Farewell,
  Knock,
  LeaveReason,
  Media,
  Member,
  MemberTrouble,
  Muted,
  Permissions,
  Reaction,
  RoomFacts,
  SourceId,
  SourceQuality,
  Speakers,
  Waiting,
} from './protocol.gen';
import type { Seat } from './seat';
import type { CallStatistics } from './statistics';

export type DataChannelName = 'reliable' | 'lossy';

export type Tracks = Partial<Record<TrackKind, MediaStreamTrack>>;

export interface RoomOptions {
  room: string;
  /** The display name. */
  name: string;
  /** An access token, where the server asks for one or its bearer may do more than others. */
  token?: string;
  /** The room's; the first member gives the room the one it says here. */
  password?: string;
  /** Show the room in the public list; counts for the first member. */
  listed?: boolean;
  /** Let nobody in whom no host admits; counts for the first member. */
  waitingRoom?: boolean;
  /** What to send from the start: tracks, or the devices, whose tracks are followed from then on. */
  tracks?: Tracks | LocalMedia;
  /**
   * The codec for our pictures: sent while this browser makes it and everybody who watches decodes it, else what they have in
   * common. Default: `vp8`, which costs the least and which all decode.
   */
  videoCodec?: VideoCodec;
  /** How our voice is sent. */
  sound?: SoundOptions;
  /** Wish no pictures while the tab is hidden and no picture-in-picture is open. Default: true. */
  pauseWhenHidden?: boolean;
}

export interface RoomState {
  /** `ended` is final; `error` or `farewell` say why, none of them: the member left. */
  phase: 'joining' | 'joined' | 'ended';
  signalling: 'up' | 'down';
  media: LinkState;
  error?: RequestError;
  farewell?: Farewell;
  /** While `joining`: a host has to let us in, and how that stands. */
  waiting?: Waiting;
  /** The network has stood in the way for longer than it should; gone when it no longer does. */
  network?: NetworkError;
}

export interface RoomEvents {
  state: RoomState;
  /** Someone joined, left or changed. */
  members: readonly Member[];
  joined: Member;
  /** The member is still in the roster while listeners run. */
  left: { member: Member; reason: LeaveReason };
  /** The seats were dealt anew, or there are more of them, or a seat's frames changed their source. */
  seats: readonly Seat[];
  speakers: Speakers;
  /** How well we hear and see others changed; `room.quality` holds it by source. */
  quality: ReadonlyMap<SourceId, SourceQuality>;
  /** Who does not hear or see us, and why; `room.troubles` holds them. Empty when everybody does. */
  troubles: readonly MemberTrouble[];
  chat: ChatLine;
  /** Somebody shows an emoji for a moment. */
  reaction: Reaction;
  /** The room was locked or unlocked, its rules changed, or anything else that holds for all. */
  facts: RoomFacts;
  /** What we may do has changed. */
  permissions: Permissions;
  /** A host switched off what we sent, and perhaps forbade it. */
  muted: Muted;
  /** Who waits to be admitted, for those who can admit. */
  knocks: readonly Knock[];
  /** Our own microphone, camera or screen went on or off. */
  media: Media;
  /** The browser wants a click before it lets the page sound: offer one that calls `room.playback.unblock()`. */
  blocked: boolean;
  /** A member sent bytes over a data channel. */
  data: DataMessage & { channel: DataChannelName };
  /** A member told or asked something of the application's own. */
  app: AppPush;
  /** A sample every two seconds, while somebody listens. */
  statistics: CallStatistics;
}
