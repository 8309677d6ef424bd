/** A call as the page sees it: the client library's `Room`, made reactive. Holds no logic of the call itself. */
import { untrack } from 'svelte';
import {
  Room,
  isVideoCodec,
  type CallStatistics,
  type ChatLine,
  type Knock,
  type Member,
  type MemberId,
  type MemberTrouble,
  type NetworkTrouble,
  type Permissions,
  type RoomFacts,
  type RoomState,
  type Seat,
  type SourceId,
  type SourceKind,
  type SourceQuality,
} from '$client/index';
import { i18n } from './i18n.svelte';
import type { LocalModel } from './local.svelte';
import { SteadyTrouble } from './trouble';

/** Long enough to read, short enough to be no wall. */
const NOTICE_MS = 4_000;
const CHAT_LINES = 500;
/** How long an emoji rises; the style sheet says the same. */
const REACTION_MS = 3_200;
/** Of a hall that applauds one sees enough. */
const REACTIONS = 24;
/** What of a message a notice shows. */
const GLANCE = 90;

export interface SeatView {
  seat: Seat;
  source: SourceId | null;
  ready: boolean;
}

export interface TileView {
  key: string;
  source: SourceId;
  kind: SourceKind;
  member: Member;
  self: boolean;
}

export class CallModel {
  readonly room: Room;
  state = $state.raw<RoomState>({ phase: 'joining', signalling: 'down', media: 'connecting' });
  members = $state.raw<readonly Member[]>([]);
  me = $state('');
  seats = $state.raw<readonly SeatView[]>([]);
  speaking = $state.raw<ReadonlySet<SourceId>>(new Set());
  /** The source of whoever spoke last, other than ourselves; stays through pauses. */
  dominant = $state.raw<SourceId | null>(null);
  chat = $state.raw<readonly ChatLine[]>([]);
  unread = $state(0);
  unsupported = $state.raw<readonly SourceId[]>([]);
  /** Pictures that our network has no room for. */
  paused = $state.raw<readonly SourceId[]>([]);
  blocked = $state(false);
  /** What holds for the room, and what we may do in it. */
  facts = $state.raw<RoomFacts>();
  permissions = $state.raw<Permissions>();
  /** Those who wait to be let in, for hosts. */
  knocks = $state.raw<readonly Knock[]>([]);
  reactions = $state.raw<readonly { id: number; from: MemberId; emoji: string }[]>([]);
  /** How well others come through, and who does not hear or see us, as the server sees it. */
  quality = $state.raw<ReadonlyMap<SourceId, SourceQuality>>(new Map());
  complaints = $state.raw<readonly MemberTrouble[]>([]);
  statistics = $state.raw<CallStatistics>();
  /** Whose network hurts the call, when it has done so for a while. */
  trouble = $state.raw<NetworkTrouble>();
  notices = $state.raw<readonly { id: number; text: string; kind: 'chat' | undefined }[]>([]);
  /** What a screen reader says next. */
  announcement = $state('');
  reading = false;
  readonly since = Date.now();
  /** The room took us in, whatever happened later. */
  wasIn = false;
  #notice = 0;
  readonly #steady = new SteadyTrouble();

  constructor(room: string, name: string, listed: boolean, local: LocalModel, password?: string) {
    // For trying codecs out: what it does not say is left to the library.
    const codec = new URLSearchParams(location.search).get('codec');
    this.room = Room.connect(location.origin, {
      room,
      name,
      listed,
      tracks: local.media,
      ...(isVideoCodec(codec) && { videoCodec: codec }),
      ...(password !== undefined && { password }),
    });
    this.state = this.room.state;
    this.#listen();
    this.#obey(local);
    if (local.speaker) void this.room.playback.setSink(local.speaker).catch(() => undefined);
    (window as unknown as { __plenum: unknown }).__plenum = { room: this.room, pc: () => this.room.link.pc, local: local.media };
  }

  get self(): Member | undefined {
    return this.members.find(({ id }) => id === this.me);
  }

  /** Cameras in the order of joining, ourselves first, then screens. */
  get tiles(): { cameras: TileView[]; screens: TileView[] } {
    const own = this.members.filter(({ id }) => id === this.me);
    const others = this.members.filter(({ id }) => id !== this.me);
    const tile = (member: Member, kind: SourceKind): TileView => {
      const source = member[kind].id;
      return { key: `${member.id}/${kind}`, source, kind, member, self: member.id === this.me };
    };
    const all = [...own, ...others];
    return {
      cameras: all.map((member) => tile(member, 'camera')),
      screens: all.filter(({ screen }) => screen.video).map((member) => tile(member, 'screen')),
    };
  }

  nameOf(id: MemberId): string {
    return this.members.find((member) => member.id === id)?.name ?? '';
  }

  read(open: boolean): void {
    this.reading = open;
    if (open) this.unread = 0;
  }

  /** Of each `kind` only the newest is shown: a lively chat is no wall. */
  notify(text: string, kind?: 'chat'): void {
    const id = ++this.#notice;
    const others = this.notices.filter((notice) => kind === undefined || notice.kind !== kind);
    this.notices = [...others.slice(-2), { id, text, kind }];
    this.announce(text);
    setTimeout(() => (this.notices = this.notices.filter((notice) => notice.id !== id)), NOTICE_MS);
  }

  /** For ears only. The same words twice are said twice. */
  announce(text: string): void {
    const said = untrack(() => this.announcement) === text ? `${text}\u00a0` : text;
    this.announcement = said;
    // Whoever reads the page later must not find what is long over.
    setTimeout(() => {
      if (this.announcement === said) this.announcement = '';
    }, NOTICE_MS);
  }

  #listen(): void {
    const { room } = this;
    room.on('state', (state) => {
      this.state = state;
      this.wasIn ||= state.phase === 'joined';
      this.me = room.me;
    });
    room.on('members', (members) => {
      this.#watchHands(members);
      this.members = members;
    });
    room.on('joined', (member) => this.notify(i18n.words.call.joined(member.name)));
    room.on('left', ({ member, reason }) => {
      const words = i18n.words.call;
      this.notify({ left: words.left, lost: words.lost, removed: words.removed }[reason](member.name));
    });
    room.on('seats', (seats) => {
      this.seats = seats.map((seat) => ({ seat, source: seat.expected, ready: seat.ready }));
      this.unsupported = room.unsupported;
      this.paused = room.paused;
    });
    room.on('speakers', ({ speaking, dominant }) => {
      this.speaking = new Set(speaking.map(({ source }) => source));
      if (dominant !== null && dominant !== this.self?.camera.id) this.dominant = dominant;
    });
    room.on('quality', (quality) => (this.quality = new Map(quality)));
    room.on('troubles', (troubles) => (this.complaints = [...troubles]));
    room.on('statistics', (statistics) => {
      this.statistics = statistics;
      this.trouble = this.#steady.sample(statistics.trouble);
    });
    room.on('blocked', (blocked) => (this.blocked = blocked));
    room.on('chat', (line) => {
      this.chat = [...this.chat, line].slice(-CHAT_LINES);
      if (this.reading || line.from === this.me) return;
      this.unread += 1;
      this.notify(i18n.words.chat.said(line.name, shortened(line.text)), 'chat');
    });
  }

  /** What hosts decide, and whom they are to let in. */
  #obey(local: LocalModel): void {
    const { room } = this;
    room.on('facts', (facts) => (this.facts = facts));
    room.on('permissions', (permissions) => {
      this.permissions = permissions;
      this.knocks = room.knocks;
      // What we may not send goes off, so that nobody believes to be heard.
      if (!permissions.publish.includes('microphone')) local.media.setMuted(true);
      if (!permissions.publish.includes('camera')) local.media.closeCamera();
      if (!permissions.publish.includes('screen')) local.media.stopScreen();
    });
    room.on('knocks', (knocks) => {
      const known = new Set(this.knocks.map(({ id }) => id));
      for (const { id, name } of knocks) if (!known.has(id)) this.announce(i18n.words.host.knocks(name));
      this.knocks = knocks;
    });
    room.on('reaction', ({ from, emoji }) => this.#rise(from, emoji));
    room.on('muted', ({ kinds, forbidden }) => {
      const words = i18n.words.host;
      const what = kinds.includes('microphone') ? words.mutedYou : kinds.includes('camera') ? words.stoppedCamera : words.stoppedScreen;
      this.notify(forbidden ? `${what} ${words.forbidden}` : what);
    });
  }

  #rise(from: MemberId, emoji: string): void {
    const id = ++this.#notice;
    this.reactions = [...this.reactions, { id, from, emoji }].slice(-REACTIONS);
    setTimeout(() => (this.reactions = this.reactions.filter((reaction) => reaction.id !== id)), REACTION_MS);
    if (from !== this.me) this.announce(`${this.nameOf(from)} ${emoji}`);
  }

  #watchHands(members: readonly Member[]): void {
    for (const member of members) {
      const before = this.members.find(({ id }) => id === member.id);
      if (member.hand && before && !before.hand && member.id !== this.me) this.notify(i18n.words.call.hand(member.name));
    }
  }
}

function shortened(text: string): string {
  const flat = text.replace(/\s+/gu, ' ');
  return flat.length > GLANCE ? `${flat.slice(0, GLANCE)}…` : flat;
}
