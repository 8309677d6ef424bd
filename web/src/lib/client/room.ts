/** A call: joins a room, keeps signalling and media alive through every interruption, and tells what happens in it. */
import { Apps, type AppAnswer } from './apps';
import { Chat } from './chat';
import { frameData, readData } from './data';
import { Downlink } from './downlink';
import { Emitter } from './emitter';
import { RequestError } from './errors';
import { FIRST_SEATS, type Lines, type TrackKind } from './lines';
import { Link } from './link';
import { LocalMedia } from './local';
import { Monitor } from './monitor';
import { Page } from './page';
import { Patience } from './patience';
import type { Playback } from './playback';
import type {
  Joined,
  Layers,
  Limits,
  Media,
  Member,
  MemberId,
  MemberTrouble,
  RoomDiff,
  SourceId,
  SourceQuality,
  WishSize,
  Wish,
} from './protocol.gen';
import { QualityBoard } from './quality';
import { ResumeToken } from './resume';
import { Roster, type Owner } from './roster';
import type { Seat } from './seat';
import { Signalling } from './signalling';
import { BackOff } from './stall';
import type { CallStatistics } from './statistics';
import type { DataChannelName, RoomEvents, RoomOptions, RoomState } from './types';
import { Uplink } from './uplink';
import { useOf } from './uses';
import { WishBox, type Picture } from './wishes';

/** Answers to large offers take a while over polling. */
const OFFER_WITHIN_MS = 20_000;
/** Until the server has said otherwise. */
const MOST_SEATS = 49;
const JOIN_FIRST_MS = 500;
const JOIN_MOST_MS = 5_000;
/** The leave must still go out before the socket closes. */
const CLOSE_AFTER_MS = 50;

export class Room extends Emitter<RoomEvents> {
  /** @internal */
  readonly roster = new Roster();
  /** @internal */
  readonly link: Link;
  /** @internal */
  readonly signalling: Signalling;
  /** Settles with the first join: refused ones reject with a {@link RequestError}. */
  readonly joined: Promise<Room>;
  me: MemberId = '';
  limits: Limits | undefined;
  #state: RoomState = { phase: 'joining', signalling: 'down', media: 'connecting' };
  readonly #downlink: Downlink;
  readonly #uplink = new Uplink();
  readonly #token: ResumeToken;
  readonly #wishes: WishBox;
  readonly #muted = new Set<TrackKind>();
  readonly #monitor: Monitor;
  readonly #chat: Chat;
  readonly #apps: Apps;
  readonly #page = new Page();
  readonly #patience = new Patience((network) => this.#set(network ? { network } : {}, network ? [] : ['network']));
  readonly #joins = new BackOff(JOIN_FIRST_MS, JOIN_MOST_MS);
  readonly #versions = new Map<SourceId, number>();
  readonly #quality = new QualityBoard();
  #statistics: CallStatistics | undefined;
  #lowData = false;
  #name: string;
  #joining = 0;
  #revived = false;
  #unfollow: () => void = () => undefined;
  #settle!: { resolve: (room: Room) => void; reject: (error: RequestError) => void };

  /**
   * Starts joining at once; `room.joined` and the `state` event tell how it goes. `url` is the server's origin, on a
   * page that the server itself serves `location.origin`.
   */
  static connect(url: string | URL, options: RoomOptions): Room {
    return new Room(String(url), options);
  }

  private constructor(url: string, private readonly options: RoomOptions) {
    super();
    this.#name = options.name;
    this.#token = new ResumeToken(options.room);
    this.joined = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.joined.catch(() => undefined);
    this.signalling = new Signalling({ url, resume: () => this.#token.get() });
    this.link = new Link(this.#uplink, (offer) => this.signalling.request('offer', offer, OFFER_WITHIN_MS), FIRST_SEATS);
    this.#downlink = new Downlink(this.link, () => this.emit('seats', this.seats));
    this.#wishes = new WishBox((wishes) => this.signalling.request('wishes', wishes), () => this.#pictures());
    this.#monitor = new Monitor(this.link, (line) => useOf(this, line), (statistics) => this.#measured(statistics));
    this.#chat = new Chat(this.signalling, (line) => this.emit('chat', line));
    this.#apps = new Apps(this.signalling, (push) => this.emit('app', push));
    this.#listen();
    if (options.tracks instanceof LocalMedia) this.follow(options.tracks);
    else for (const [kind, track] of Object.entries(options.tracks ?? {})) this.publish(kind as TrackKind, track);
    this.#patience.look({ ...this.#state, joined: false });
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
    return this.#downlink.seats;
  }

  /** Sources on the audio-only lines. */
  get loud(): readonly (SourceId | null)[] {
    return this.#downlink.loud;
  }

  /** Wished, but this browser decodes none of what they send. */
  get unsupported(): readonly SourceId[] {
    return this.#downlink.unsupported;
  }

  /** Wished, but there is no seat for them. */
  get unseated(): readonly SourceId[] {
    return this.#downlink.unseated;
  }

  /** Pictures that our network has no room for; they come back by themselves. */
  get paused(): readonly SourceId[] {
    return this.#downlink.paused;
  }

  /** How well we hear and see others, by source: scores from 1 to 5, and what is wrong when nothing comes. */
  get quality(): ReadonlyMap<SourceId, SourceQuality> {
    return this.#quality.received;
  }

  /** Who does not hear or see us, and why. */
  get troubles(): readonly MemberTrouble[] {
    return this.#quality.troubles;
  }

  get playback(): Playback {
    return this.#downlink.playback;
  }

  get members(): readonly Member[] {
    return this.roster.members;
  }

  get self(): Member | undefined {
    return this.roster.member(this.me);
  }

  /** Whose source this is. */
  owner(source: SourceId | null): Owner | undefined {
    return source === null ? undefined : this.roster.owner(source);
  }

  /** What we send now. */
  get media(): Media {
    const on = (kind: TrackKind): boolean => this.#uplink.tracks[kind] !== null && !this.#muted.has(kind);
    return { microphone: on('microphone'), camera: on('camera'), screen: on('screen'), screenAudio: on('screenAudio') };
  }

  /** Sends this track from now on, or nothing. Never negotiates. The track belongs to the caller, who stops it. */
  publish(kind: TrackKind, track: MediaStreamTrack | null): void {
    if (track) track.enabled = !this.#muted.has(kind);
    const before = this.media;
    void this.#uplink.set(kind, track);
    if (!track) this.link.excuseSilence();
    this.#announce(before);
  }

  unpublish(kind: TrackKind): void {
    this.publish(kind, null);
  }

  /** Publishes what these devices give, whatever is opened, closed, muted or shared, until the returned function is called. */
  follow(local: LocalMedia): () => void {
    this.#unfollow();
    const publish = (): void => {
      this.mute('microphone', local.muted);
      this.publish('microphone', local.microphone.track);
      this.publish('camera', local.camera.track);
      this.publish('screen', local.screen.track);
      this.publish('screenAudio', local.screen.audio);
    };
    publish();
    return (this.#unfollow = local.on('changed', publish));
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
    await this.#chat.send(text, { id: this.me, name: this.#name }, to);
  }

  /** Relays an event of the application's own to all others, who get it as `app`. Returns how many were told. */
  tell(event: string, ...args: unknown[]): Promise<number> {
    return this.#apps.tell(event, args);
  }

  /** Asks one member, and returns what its {@link answer} said; `null` when it has none for that event. */
  ask(to: MemberId, event: string, args: readonly unknown[] = [], withinMs?: number): Promise<unknown> {
    return this.#apps.ask(to, event, args, withinMs);
  }

  /** Answers what others ask by this event, until the returned function is called. */
  answer(event: string, answer: AppAnswer): () => void {
    return this.#apps.answer(event, answer);
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
    signalling.onPush('seats', (seats) => this.#downlink.deal(seats, this.limits?.seats ?? MOST_SEATS));
    signalling.onPush('paused', (paused) => this.#downlink.pause(paused));
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
    signalling.onPush('chat', (line) => this.#chat.hear(line));
    signalling.onApp((push, acknowledge) => void this.#apps.hear(push, acknowledge));
    signalling.onPush('connection', ({ state }) => {
      if (state === 'disconnected' && link.state === 'connected') link.restartIce();
    });
    signalling.onPush('muted', ({ kinds }) => kinds.forEach((kind) => this.mute(kind, true)));
    signalling.onPush('farewell', (farewell) => {
      if (farewell.reason === 'draining') this.#set({ farewell });
      else this.#end({ farewell });
    });
    link.on('state', (media) => this.#set({ media }));
    link.on('lines', (lines) => this.#useLines(lines));
    link.on('refused', (error) => this.#end({ error }));
    this.playback.on('blocked', (blocked) => this.emit('blocked', blocked));
    this.#page.on('leaving', () => signalling.tell('leave', { soon: true }));
    this.#page.on('revived', () => {
      this.#revived = true;
      signalling.reopen();
    });
    this.#page.on('hidden', (hidden) => {
      if (this.options.pauseWhenHidden !== false) this.#wishes.hidden = hidden;
    });
  }

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
      }, this.#joins.wait());
    }
  }

  #enter(reply: Joined, first: boolean): void {
    this.#joins.reset();
    this.me = reply.member;
    this.limits = reply.limits;
    this.roster.replace(reply.room);
    void this.#token.set(reply.resume);
    this.#set({ phase: 'joined', signalling: 'up' }, ['error', 'farewell']);
    if (first) this.#page.keepAwake(true);
    this.emit('members', this.members);
    reply.chat.forEach((line) => this.#chat.hear(line));
    // Nobody else tells the server anew what we send and want.
    void this.signalling.request('media', this.media).catch(() => undefined);
    this.#wishes.again();
    if (!first && reply.resumed && !this.#revived) this.link.resume();
    else this.link.rebuild();
    this.#revived = false;
    this.#settle.resolve(this);
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
    for (const channel of ['reliable', 'lossy'] as const) {
      lines[channel].onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
        const message = readData(data);
        if (message) this.emit('data', { channel, ...message });
      };
    }
    this.#downlink.use(lines);
  }

  /** Streams of our own that nobody takes are paused; of two messages the one with the higher version counts. */
  #demand({ source, version, active }: Layers): void {
    const kind = this.roster.owner(source)?.kind;
    if (!kind || version < (this.#versions.get(source) ?? 0)) return;
    this.#versions.set(source, version);
    this.#uplink.demand(kind, active);
  }

  #announce(before: Media): void {
    const now = this.media;
    if (JSON.stringify(now) === JSON.stringify(before)) return;
    this.emit('media', now);
    if (this.#state.phase !== 'joined') return;
    // When this is lost, so is the connection, and the next join tells it again.
    void this.signalling.request('media', now).catch(() => undefined);
  }

  #set(change: Partial<RoomState>, cleared: ('error' | 'farewell' | 'network')[] = []): void {
    if (this.#state.phase === 'ended') return;
    const next = { ...this.#state, ...change };
    for (const key of cleared) delete next[key];
    this.#state = next;
    this.emit('state', next);
    if (!('network' in change) && !cleared.includes('network')) this.#patience.look({ ...next, joined: next.phase === 'joined' });
  }

  #end(why: Pick<RoomState, 'error' | 'farewell'>): void {
    if (this.#state.phase === 'ended') return;
    this.#token.drop();
    this.#unfollow();
    this.#wishes.close();
    this.#monitor.stop();
    this.link.close();
    this.#downlink.close();
    this.#page.close();
    this.#set({ phase: 'ended', signalling: 'down', ...why }, ['network']);
    this.#patience.close();
    this.#settle.reject(why.error ?? new RequestError('offline', 'the room was left'));
    setTimeout(() => this.signalling.close(), CLOSE_AFTER_MS);
  }
}
