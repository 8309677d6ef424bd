/** A call: joins a room, keeps signalling and media alive through every interruption, and tells what happens in it. */
import { frameData, readData, type DataMessage } from './data';
import { Emitter } from './emitter';
import { RequestError } from './errors';
import type { TrackKind } from './lines';
import { FIRST_SEATS, seatStep, type Lines } from './lines';
import { Link, type LinkState } from './link';
import { Monitor, type LineName } from './monitor';
import { Playback } from './playback';
import type {
  ChatLine,
  Farewell,
  Joined,
  Layers,
  LeaveReason,
  Limits,
  Media,
  Member,
  MemberId,
  MemberTrouble,
  RoomDiff,
  Seats,
  SourceId,
  SourceQuality,
  Speakers,
  WishSize,
  Wish,
} from './protocol.gen';
import { QualityBoard } from './quality';
import { randomId } from './random';
import { ResumeToken } from './resume';
import { Roster, type Owner } from './roster';
import { Seat } from './seat';
import { Signalling } from './signalling';
import type { CallStatistics, LineUse } from './statistics';
import { Uplink } from './uplink';
import { WishBox, type Picture } from './wishes';

/** Answers to large offers take a while over polling. */
const OFFER_WITHIN_MS = 20_000;
/** Seats grow when this few are free, so that the next member to come finds one. */
const FREE_SEATS = 2;
/** A room in which everybody grows at once would re-offer in chorus. */
const GROW_AFTER_MS = 200;
const GROW_WITHIN_MS = 2_000;
const CHAT_TRIES = 4;

export type DataChannelName = 'reliable' | 'lossy';

export type Tracks = Partial<Record<TrackKind, MediaStreamTrack>>;

export interface RoomOptions {
  /** Origin of the server; the page's own when left out. */
  url?: string | undefined;
  room: string;
  name: string;
  /** Show the room in the public list; counts for the first member. */
  listed?: boolean;
  tracks?: Tracks;
}

export interface RoomState {
  /** `ended` is final; `error` or `farewell` say why, none of them: the member left. */
  phase: 'joining' | 'joined' | 'ended';
  signalling: 'up' | 'down';
  media: LinkState;
  error?: RequestError;
  farewell?: Farewell;
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
  /** Our own microphone, camera or screen went on or off. */
  media: Media;
  blocked: boolean;
  /** A member sent bytes over a data channel. */
  data: DataMessage & { channel: DataChannelName };
  /** A sample every two seconds, while somebody listens. */
  statistics: CallStatistics;
}

export class Room extends Emitter<RoomEvents> {
  readonly roster = new Roster();
  readonly playback = new Playback();
  readonly link: Link;
  readonly signalling: Signalling;
  /** Settles with the first join: refused ones reject with a {@link RequestError}. */
  readonly joined: Promise<void>;
  me: MemberId = '';
  limits: Limits | undefined;
  unsupported: readonly SourceId[] = [];
  unseated: readonly SourceId[] = [];
  /** Pictures that our network has no room for; they come back by themselves. */
  paused: readonly SourceId[] = [];
  #seats: Seat[] = [];
  #loud: (SourceId | null)[] = [];
  #state: RoomState = { phase: 'joining', signalling: 'down', media: 'connecting' };
  readonly #uplink = new Uplink();
  readonly #token: ResumeToken;
  readonly #wishes: WishBox;
  readonly #muted = new Set<TrackKind>();
  readonly #monitor: Monitor;
  #statistics: CallStatistics | undefined;
  #lowData = false;
  #name: string;
  #joining = 0;
  #growing: ReturnType<typeof setTimeout> | undefined;
  #settle!: { resolve: () => void; reject: (error: RequestError) => void };
  #seenChat = new Set<number>();
  readonly #versions = new Map<SourceId, number>();
  readonly #quality = new QualityBoard();

  /** Starts joining at once; `room.joined` and the `state` event tell how it goes. */
  static connect(options: RoomOptions): Room {
    return new Room(options);
  }

  private constructor(private readonly options: RoomOptions) {
    super();
    this.#name = options.name;
    this.#token = new ResumeToken(options.room);
    this.joined = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.joined.catch(() => undefined);
    this.signalling = new Signalling({ url: options.url, resume: () => this.#token.get() });
    this.link = new Link(this.#uplink, (offer) => this.signalling.request('offer', offer, OFFER_WITHIN_MS), FIRST_SEATS);
    this.#wishes = new WishBox((wishes) => this.signalling.request('wishes', wishes), () => this.#pictures());
    this.#monitor = new Monitor(this.link, (line) => this.#useOf(line), (statistics) => this.#measured(statistics));
    this.#listen();
    for (const [kind, track] of Object.entries(options.tracks ?? {})) this.publish(kind as TrackKind, track);
    this.signalling.open();
  }

  get id(): string {
    return this.options.room;
  }

  get name(): string {
    return this.#name;
  }

  get state(): RoomState {
    return this.#state;
  }

  get seats(): readonly Seat[] {
    return this.#seats;
  }

  /** Sources on the audio-only lines. */
  get loud(): readonly (SourceId | null)[] {
    return this.#loud;
  }

  /** How well we hear and see others, by source: scores from 1 to 5, and what is wrong when nothing comes. */
  get quality(): ReadonlyMap<SourceId, SourceQuality> {
    return this.#quality.received;
  }

  /** Who does not hear or see us, and why. */
  get troubles(): readonly MemberTrouble[] {
    return this.#quality.troubles;
  }

  get members(): readonly Member[] {
    return this.roster.members;
  }

  get self(): Member | undefined {
    return this.roster.member(this.me);
  }

  owner(source: SourceId): Owner | undefined {
    return this.roster.owner(source);
  }

  /** What we send now. */
  get media(): Media {
    const on = (kind: TrackKind): boolean => this.#uplink.tracks[kind] !== null && !this.#muted.has(kind);
    return { microphone: on('microphone'), camera: on('camera'), screen: on('screen'), screenAudio: on('screenAudio') };
  }

  /** Sends this track from now on, or nothing. Never negotiates. */
  publish(kind: TrackKind, track: MediaStreamTrack | null): void {
    if (track) track.enabled = !this.#muted.has(kind);
    const before = this.media;
    void this.#uplink.set(kind, track);
    if (!track) this.link.excuseSilence();
    this.#announce(before);
  }

  /** Silences a track without stopping its device, so that it is back at once. */
  mute(kind: TrackKind, muted: boolean): void {
    const before = this.media;
    if (muted) this.#muted.add(kind);
    else this.#muted.delete(kind);
    const track = this.#uplink.tracks[kind];
    if (track) track.enabled = !muted;
    this.#announce(before);
  }

  /** Whom the page shows, and how large in physical pixels; `speaker` also wants whoever speaks. */
  wish(sources: Wish[], speaker?: WishSize): void {
    this.#wishes.set({ sources, speaker: speaker ?? null });
  }

  /** Spares the network: small pictures both ways, screens at five frames a second. Sound stays as it is. */
  get lowData(): boolean {
    return this.#lowData;
  }

  set lowData(on: boolean) {
    if (on === this.#lowData) return;
    this.#lowData = on;
    this.#uplink.economise(on);
    this.#wishes.thrifty = on;
  }

  /** The newest sample; a new one comes every two seconds while somebody listens to `statistics`. */
  get statistics(): CallStatistics | undefined {
    return this.#statistics;
  }

  async rename(name: string): Promise<void> {
    await this.signalling.request('rename', { name });
    this.#name = name;
  }

  async raiseHand(raised: boolean): Promise<void> {
    await this.signalling.request('hand', { raised });
  }

  /** Sends a line to everybody or to one member; a retry is never delivered twice. */
  async chat(text: string, to?: MemberId): Promise<void> {
    const body = { text, request: randomId(16), ...(to !== undefined && { to }) };
    for (let attempt = 1; ; attempt++) {
      try {
        const { id, at } = await this.signalling.request('chat', body);
        this.#hear({ id, from: this.me, name: this.#name, text, at, ...(to !== undefined && { to }) });
        return;
      } catch (error) {
        if (!(error instanceof RequestError) || !error.passing || attempt === CHAT_TRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, 400 * attempt));
      }
    }
  }

  /**
   * Sends bytes (a string as UTF-8) through the SFU to the other members, or to one of them; 64,000 bytes at most. False
   * while the channel is not open. `lossy` is unordered and never repeated.
   */
  send(channel: DataChannelName, data: string | ArrayBuffer | Uint8Array, to?: MemberId): boolean {
    const line = this.link.lines?.[channel];
    if (line?.readyState !== 'open') return false;
    const payload = typeof data === 'string' ? new TextEncoder().encode(data) : new Uint8Array(data);
    line.send(frameData(payload, to));
    return true;
  }

  /** Leaves for good. The tracks belong to the caller and go on. */
  leave(): void {
    this.signalling.tell('leave', {});
    this.#end({});
  }

  protected override heard(event: keyof RoomEvents, heard: boolean): void {
    if (event !== 'statistics') return;
    if (heard && this.#state.phase !== 'ended') this.#monitor.start();
    else this.#monitor.stop();
  }

  #measured(statistics: CallStatistics): void {
    this.#statistics = statistics;
    this.emit('statistics', statistics);
  }

  #pictures(): Picture[] {
    const others = this.members.filter(({ id }) => id !== this.me);
    return others.flatMap(({ camera, screen }) => [{ source: screen.id, screen: true }, { source: camera.id, screen: false }]);
  }

  /** Whose media a line carries; lines that are silent or empty carry nobody's. */
  #useOf(line: LineName): LineUse | undefined {
    if ('up' in line) {
      const kind = line.up === 'microphone' || line.up === 'camera' ? 'camera' : 'screen';
      const { self } = this;
      return self && this.media[line.up] ? { source: self[kind].id, member: self.id, kind, way: 'sent' } : undefined;
    }
    const source = 'seat' in line ? this.#seats[line.seat]?.expected : this.#loud[line.loud];
    const owner = source ? this.owner(source) : undefined;
    if (!source || !owner) return undefined;
    const picture = 'seat' in line && line.kind === 'video';
    const { member, kind } = owner;
    // A screen that nobody touches brings no frames and stands as it should.
    const moving = picture && kind === 'camera' && member.camera.video;
    return { source, member: member.id, kind, way: 'received', paused: picture && this.paused.includes(source), moving };
  }

  #listen(): void {
    const { signalling, link } = this;
    signalling.on('up', () => void this.#join());
    signalling.on('down', () => {
      this.#quality.clear();
      this.#tellQuality();
      this.#set({ signalling: 'down' });
    });
    signalling.on('refused', (error) => this.#end({ error }));
    signalling.onPush('room', (diff) => this.#diff(diff));
    signalling.onPush('seats', (seats) => this.#deal(seats));
    signalling.onPush('paused', ({ sources }) => {
      this.paused = sources.map(({ source }) => source);
      this.emit('seats', this.#seats);
    });
    signalling.onPush('quality', (quality) => {
      this.#quality.hear(quality);
      this.emit('quality', this.quality);
    });
    signalling.onPush('trouble', (trouble) => {
      this.#quality.complain(trouble);
      this.emit('troubles', this.troubles);
    });
    signalling.onPush('layers', (layers) => this.#demand(layers));
    signalling.onPush('speakers', (speakers) => this.emit('speakers', speakers));
    signalling.onPush('chat', (line) => this.#hear(line));
    signalling.onPush('connection', ({ state }) => {
      if (state === 'disconnected' && link.state === 'connected') link.restartIce();
    });
    signalling.onPush('muted', ({ kinds }) => kinds.forEach((kind) => this.mute(kind, true)));
    signalling.onPush('farewell', (farewell) => {
      if (farewell.reason !== 'draining') this.#end({ farewell });
      else this.#set({ farewell });
    });
    link.on('state', (media) => this.#set({ media }));
    link.on('lines', (lines) => this.#useLines(lines));
    link.on('refused', (error) => this.#end({ error }));
    this.playback.on('blocked', (blocked) => this.emit('blocked', blocked));
    globalThis.addEventListener?.('pagehide', this.#pageHides);
  }

  #pageHides = (): void => this.signalling.tell('leave', { soon: true });

  async #join(): Promise<void> {
    const attempt = ++this.#joining;
    const first = this.#state.phase === 'joining';
    try {
      const { room, listed } = this.options;
      const reply = await this.signalling.request('join', { room, name: this.#name, listed: listed ?? false });
      if (attempt !== this.#joining || this.#state.phase === 'ended') return;
      this.#enter(reply, first);
    } catch (error) {
      if (attempt !== this.#joining || !(error instanceof RequestError)) return;
      // A lost connection joins again by itself when it is back; what is passing is tried again here.
      if (error.code === 'offline') return;
      if (!error.passing && error.code !== 'already_joined') return this.#end({ error });
      this.#set(first ? { error } : {});
      setTimeout(() => {
        if (attempt === this.#joining && this.signalling.up) void this.#join();
      }, 1_000);
    }
  }

  #enter(reply: Joined, first: boolean): void {
    this.me = reply.member;
    this.limits = reply.limits;
    this.roster.replace(reply.room);
    void this.#token.set(reply.resume);
    this.#set({ phase: 'joined', signalling: 'up' }, ['error', 'farewell']);
    this.emit('members', this.members);
    // Nobody else tells the server anew what we send and want.
    void this.signalling.request('media', this.media).catch(() => undefined);
    this.#wishes.again();
    if (!first && reply.resumed) this.link.resume();
    else this.link.rebuild();
    this.#settle.resolve();
  }

  #diff(diff: RoomDiff): void {
    const outcome = this.roster.judge(diff);
    if (outcome === 'gap') return void this.#refetch();
    if (outcome === 'stale') return;
    const newcomers = diff.changes.filter((change) => change.kind === 'joined' && !this.roster.member(change.member.id));
    for (const change of diff.changes) {
      if (change.kind !== 'joined') this.link.excuseSilence();
      const leaver = change.kind === 'left' ? this.roster.member(change.member) : undefined;
      if (!leaver || change.kind !== 'left') continue;
      this.emit('left', { member: leaver, reason: change.reason });
      this.#quality.forget(leaver);
      this.#tellQuality();
    }
    this.roster.apply(diff);
    for (const change of newcomers) if (change.kind === 'joined') this.emit('joined', change.member);
    this.#wishes.refresh();
    this.emit('members', this.members);
  }

  async #refetch(): Promise<void> {
    try {
      const { room } = await this.signalling.request('snapshot', {});
      if (room.revision < this.roster.revision) return;
      this.roster.replace(room);
      this.emit('members', this.members);
    } catch {
      // The connection is lost: the next join brings a snapshot.
    }
  }

  #tellQuality(): void {
    this.emit('quality', this.quality);
    this.emit('troubles', this.troubles);
  }

  #useLines(lines: Lines): void {
    while (this.#seats.length < lines.seats.length) {
      this.#seats.push(new Seat(this.#seats.length, () => this.emit('seats', this.#seats)));
    }
    lines.seats.forEach((line, index) => this.#seats[index]?.bind(line));
    this.#playLive();
    for (const channel of ['reliable', 'lossy'] as const) {
      lines[channel].onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
        const message = readData(data);
        if (message) this.emit('data', { channel, ...message });
      };
    }
    this.emit('seats', this.#seats);
  }

  /** An element for each line that somebody is on: fifty idle ones are too many for a phone. */
  #playLive(): void {
    const { lines } = this.link;
    if (!lines) return;
    const seated = lines.seats.filter((_, index) => (this.#seats[index]?.expected ?? null) !== null);
    const loud = lines.loud.filter((_, index) => (this.#loud[index] ?? null) !== null);
    this.playback.use([...seated.map(({ audio }) => audio), ...loud].map(({ receiver }) => receiver.track));
  }

  #deal(dealt: Seats): void {
    this.link.excuseSilence();
    this.#loud = dealt.audio;
    this.unsupported = dealt.unsupportedCodec;
    this.unseated = dealt.unseated;
    this.#seats.forEach((seat, index) => seat.seat(dealt.seats[index] ?? null));
    this.#playLive();
    this.emit('seats', this.#seats);
    const taken = dealt.seats.filter((source) => source !== null).length;
    this.#growFor(taken + dealt.unseated.length);
  }

  /** Streams of our own that nobody takes are paused; of two messages the one with the higher version counts. */
  #demand({ source, version, active }: Layers): void {
    const kind = this.roster.owner(source)?.kind;
    if (!kind || version < (this.#versions.get(source) ?? 0)) return;
    this.#versions.set(source, version);
    this.#uplink.demand(kind, active);
  }

  #growFor(pictures: number): void {
    clearTimeout(this.#growing);
    const next = seatStep(this.link.seats, pictures + FREE_SEATS + 1, this.limits?.seats ?? 49);
    if (next <= this.link.seats || this.link.seats - pictures > FREE_SEATS) return;
    const wait = GROW_AFTER_MS + Math.random() * (GROW_WITHIN_MS - GROW_AFTER_MS);
    this.#growing = setTimeout(() => this.link.grow(next), wait);
  }

  /** The sender hears of its own line by acknowledgement and perhaps by push: once is enough. */
  #hear(line: ChatLine): void {
    if (this.#seenChat.has(line.id)) return;
    this.#seenChat.add(line.id);
    this.emit('chat', line);
  }

  #announce(before: Media): void {
    const now = this.media;
    if (JSON.stringify(now) === JSON.stringify(before)) return;
    this.emit('media', now);
    if (this.#state.phase !== 'joined') return;
    // When this is lost, so is the connection, and the next join tells it again.
    void this.signalling.request('media', now).catch(() => undefined);
  }

  #set(change: Partial<RoomState>, cleared: ('error' | 'farewell')[] = []): void {
    if (this.#state.phase === 'ended') return;
    const next = { ...this.#state, ...change };
    for (const key of cleared) delete next[key];
    this.#state = next;
    this.emit('state', next);
  }

  #end(why: Pick<RoomState, 'error' | 'farewell'>): void {
    if (this.#state.phase === 'ended') return;
    clearTimeout(this.#growing);
    globalThis.removeEventListener?.('pagehide', this.#pageHides);
    this.#token.drop();
    this.#wishes.close();
    this.#monitor.stop();
    this.link.close();
    this.playback.close();
    this.#set({ phase: 'ended', signalling: 'down', ...why });
    this.#settle.reject(why.error ?? new RequestError('offline', 'the room was left'));
    // The leave must still go out before the socket closes.
    setTimeout(() => this.signalling.close(), 50);
  }
}
