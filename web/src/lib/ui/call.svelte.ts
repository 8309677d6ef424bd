/** A call as the page sees it: the client library's `Room`, made reactive. Holds no logic of the call itself. */
import { untrack } from 'svelte';
import {
  Room,
  type CallStatistics,
  type ChatLine,
  type Member,
  type MemberId,
  type NetworkTrouble,
  type RoomState,
  type Seat,
  type SourceId,
  type SourceKind,
} from '$client/index';
import { i18n } from './i18n.svelte';
import type { LocalModel } from './local.svelte';
import { SteadyTrouble } from './trouble';

/** Long enough to read, short enough to be no wall. */
const NOTICE_MS = 4_000;
const CHAT_LINES = 500;
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
  statistics = $state.raw<CallStatistics>();
  /** Whose network hurts the call, when it has done so for a while. */
  trouble = $state.raw<NetworkTrouble>();
  notices = $state.raw<readonly { id: number; text: string }[]>([]);
  /** What a screen reader says next. */
  announcement = $state('');
  reading = false;
  readonly since = Date.now();
  /** The room took us in, whatever happened later. */
  wasIn = false;
  #notice = 0;
  readonly #steady = new SteadyTrouble();

  constructor(room: string, name: string, listed: boolean, local: LocalModel) {
    this.room = Room.connect(location.origin, { room, name, listed });
    this.state = this.room.state;
    this.#listen();
    this.#publish(local);
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

  notify(text: string): void {
    const id = ++this.#notice;
    this.notices = [...this.notices.slice(-2), { id, text }];
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
      this.notify((reason === 'lost' ? words.lost : words.left)(member.name));
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
    room.on('statistics', (statistics) => {
      this.statistics = statistics;
      this.trouble = this.#steady.sample(statistics.trouble);
    });
    room.on('blocked', (blocked) => (this.blocked = blocked));
    room.on('chat', (line) => {
      this.chat = [...this.chat, line].slice(-CHAT_LINES);
      if (this.reading || line.from === this.me) return;
      this.unread += 1;
      this.notify(i18n.words.chat.said(line.name, shortened(line.text)));
    });
  }

  #watchHands(members: readonly Member[]): void {
    for (const member of members) {
      const before = this.members.find(({ id }) => id === member.id);
      if (member.hand && before && !before.hand && member.id !== this.me) this.notify(i18n.words.call.hand(member.name));
    }
  }

  /** The tracks of the green room are the call's; what changes there later follows. */
  #publish(local: LocalModel): void {
    const { room } = this;
    room.follow(local.media);
    if (local.speaker) void room.playback.setSink(local.speaker).catch(() => undefined);
  }
}

function shortened(text: string): string {
  const flat = text.replace(/\s+/gu, ' ');
  return flat.length > GLANCE ? `${flat.slice(0, GLANCE)}…` : flat;
}
