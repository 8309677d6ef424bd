/** What a call is made of, wired together: joins, keeps signalling and media alive, and tells what happens. */
import { Admission } from './admission';
import { Apps } from './apps';
import { Chat } from './chat';
import { CodecChoice } from './codec-choice';
import { readData } from './data';
import { Downlink } from './downlink';
import { Emitter } from './emitter';
import { RequestError } from './errors';
import { FIRST_SEATS, type Lines } from './lines';
import { Link } from './link';
import type { LocalMedia } from './local';
import { Page } from './page';
import { Patience } from './patience';
import type { Join, Joined, Knock, Layers, Limits, Media, Member, MemberId, Muted, Permissions, RoomDiff, RoomFacts, TrackKind } from './protocol.gen';
import { QualityBoard } from './quality';
import { ResumeToken } from './resume';
import { Roster } from './roster';
import type { Seat } from './seat';
import { Signalling } from './signalling';
import type { RoomEvents, RoomOptions, RoomState } from './types';
import { Uplink } from './uplink';
import { Viewing } from './viewing';
import { WishBox, type Picture } from './wishes';

/** Answers to large offers take a while over polling. */
const OFFER_WITHIN_MS = 20_000;
/** Until the server has said otherwise. */
const MOST_SEATS = 49;
/** The leave must still go out before the socket closes. */
const CLOSE_AFTER_MS = 50;
const KINDS: readonly TrackKind[] = ['microphone', 'camera', 'screen', 'screenAudio'];

export abstract class Session extends Emitter<RoomEvents> {
  /** @internal */
  readonly roster = new Roster();
  /** @internal */
  readonly link: Link;
  /** @internal */
  readonly signalling: Signalling;
  /** Settles with the first join: refused ones reject with a {@link RequestError}. */
  readonly joined: Promise<this>;
  me: MemberId = '';
  limits: Limits | undefined;
  /** What we may do, once we are in. */
  permissions: Permissions | undefined;
  /** Who waits to be admitted, for those who can admit. */
  knocks: readonly Knock[] = [];
  protected readonly downlink: Downlink;
  protected readonly uplink: Uplink;
  protected readonly codec: CodecChoice;
  protected readonly wishes: WishBox;
  protected readonly lines: Chat;
  protected readonly apps: Apps;
  protected readonly board = new QualityBoard();
  protected displayName: string;
  /** The devices whose tracks are published, if they are followed. */
  protected local: LocalMedia | undefined;
  readonly #token: ResumeToken;
  readonly #admission: Admission;
  readonly #page = new Page();
  readonly #patience = new Patience((network) => this.#set(network ? { network } : {}, network ? [] : ['network']));
  readonly #viewing = new Viewing(() => this.link.pc, (viewing) => {
    // Asked, not told: a client that asks for nothing else learns by this that its room is gone.
    if (this.#state.signalling === 'up') this.signalling.request('viewing', viewing).catch(() => undefined);
  });
  readonly #muted = new Set<TrackKind>();
  #state: RoomState = { phase: 'joining', signalling: 'down', media: 'connecting' };
  #revived = false;
  #settle!: { resolve: () => void; reject: (error: RequestError) => void };

  protected constructor(url: string, protected readonly options: RoomOptions) {
    super();
    this.displayName = options.name;
    this.codec = new CodecChoice(options.videoCodec, (codec) => this.uplink.use(codec));
    this.uplink = new Uplink(this.codec.now);
    this.#token = new ResumeToken(options.room);
    this.joined = new Promise((resolve, reject) => (this.#settle = { resolve: () => resolve(this), reject }));
    this.joined.catch(() => undefined);
    this.signalling = new Signalling({ url, token: options.token, resume: () => this.#token.get() });
    this.link = new Link(this.uplink, (offer) => this.signalling.request('offer', offer, OFFER_WITHIN_MS), FIRST_SEATS, options.sound);
    this.downlink = new Downlink(this.link, () => this.emit('seats', this.seats));
    this.wishes = new WishBox((wishes) => this.signalling.request('wishes', wishes), () => this.#pictures());
    this.lines = new Chat(this.signalling, (line) => this.emit('chat', line));
    this.apps = new Apps(this.signalling, (push) => this.emit('app', push));
    this.#admission = new Admission(this.signalling, () => this.#wanted(), {
      entered: (reply) => this.#enter(reply),
      delayed: (error) => this.#set(this.#state.phase === 'joining' ? { error } : {}),
      waiting: (waiting) => this.#set(waiting ? { waiting } : {}, waiting ? [] : ['waiting']),
      refused: (error) => this.end({ error }),
    });
    this.#hearSignalling();
    this.#hearOthers();
    this.#hearMedia();
    this.#hearPage();
    this.#patience.look({ ...this.#state, joined: false });
  }

  get state(): RoomState {
    return this.#state;
  }

  get seats(): readonly Seat[] {
    return this.downlink.seats;
  }

  /** In the order of joining. */
  get members(): readonly Member[] {
    return this.roster.members;
  }

  get self(): Member | undefined {
    return this.roster.member(this.me);
  }

  /** What holds for the whole room. */
  get facts(): RoomFacts {
    return this.roster.facts;
  }

  /** What we send now. */
  get media(): Media {
    const on = (kind: TrackKind): boolean => this.uplink.tracks[kind] !== null && !this.#muted.has(kind);
    return { microphone: on('microphone'), camera: on('camera'), screen: on('screen'), screenAudio: on('screenAudio') };
  }

  /** Sends this track from now on, or nothing. Never negotiates. The track belongs to the caller, who stops it. */
  publish(kind: TrackKind, track: MediaStreamTrack | null): void {
    if (track) track.enabled = !this.#muted.has(kind);
    const before = this.media;
    void this.uplink.set(kind, track);
    if (!track) this.link.excuseSilence();
    this.#announce(before);
  }

  /** Silences a track without stopping its device, so that it is back at once. */
  mute(kind: TrackKind, muted: boolean): void {
    const before = this.media;
    if (muted) this.#muted.add(kind);
    else this.#muted.delete(kind);
    const track = this.uplink.tracks[kind];
    if (track) track.enabled = !muted;
    this.#announce(before);
  }

  /** Publishes no devices any more. */
  protected abstract unfollow(): void;

  /** Final: everything is closed, and nothing is told after that. */
  protected end(why: Pick<RoomState, 'error' | 'farewell'>): void {
    if (this.#state.phase === 'ended') return;
    this.#token.drop();
    this.unfollow();
    this.#admission.close();
    this.wishes.close();
    this.codec.close();
    this.link.close();
    this.downlink.close();
    this.#page.close();
    this.#viewing.stop();
    this.#set({ phase: 'ended', signalling: 'down', ...why }, ['network', 'waiting']);
    this.#patience.close();
    this.#settle.reject(why.error ?? new RequestError('offline', 'the room was left'));
    setTimeout(() => this.signalling.close(), CLOSE_AFTER_MS);
  }

  #hearSignalling(): void {
    const { signalling } = this;
    signalling.on('up', () => void this.#admission.join());
    signalling.on('down', () => this.#lost());
    signalling.on('refused', (error) => this.end({ error }));
    signalling.on('forgotten', () => {
      // Before the first join, and until the next one is through, that is no news.
      if (this.#state.phase !== 'joined' || this.#state.signalling !== 'up') return;
      this.#lost();
      this.#admission.joinAgain();
    });
    signalling.onPush('waiting', (waiting) => this.#admission.hear(waiting));
    signalling.onPush('farewell', (farewell) => {
      if (farewell.reason === 'draining') this.#set({ farewell });
      else this.end({ farewell });
    });
  }

  #hearOthers(): void {
    const { signalling } = this;
    signalling.onPush('room', (diff) => this.#diff(diff));
    signalling.onPush('speakers', (speakers) => this.emit('speakers', speakers));
    signalling.onPush('chat', (line) => this.lines.hear(line));
    signalling.onApp((push, acknowledge) => void this.apps.hear(push, acknowledge));
    signalling.onPush('reactions', ({ reactions }) => reactions.forEach((reaction) => this.emit('reaction', reaction)));
    signalling.onPush('muted', (muted) => this.#silenced(muted));
    signalling.onPush('permissions', (permissions) => {
      this.permissions = permissions;
      this.emit('permissions', permissions);
    });
    signalling.onPush('knocks', ({ waiting }) => {
      this.knocks = waiting;
      this.emit('knocks', waiting);
    });
    signalling.onPush('quality', (quality) => {
      this.board.hear(quality);
      this.emit('quality', this.board.received);
    });
    signalling.onPush('trouble', (trouble) => {
      this.board.complain(trouble);
      this.emit('troubles', this.board.troubles);
    });
  }

  #hearMedia(): void {
    const { signalling, link, downlink } = this;
    signalling.onPush('seats', (seats) => downlink.deal(seats, this.limits?.seats ?? MOST_SEATS));
    signalling.onPush('paused', (paused) => downlink.pause(paused));
    signalling.onPush('layers', (layers) => this.#demand(layers));
    signalling.onPush('codecs', ({ video }) => this.codec.hear(video));
    signalling.onPush('connection', ({ state }) => {
      if (state === 'disconnected' && link.state === 'connected') link.restartIce();
    });
    link.on('state', (media) => this.#set({ media }));
    link.on('lines', (lines) => this.#useLines(lines));
    link.on('refused', (error) => this.end({ error }));
    downlink.playback.on('blocked', (blocked) => this.emit('blocked', blocked));
  }

  #hearPage(): void {
    this.#page.on('leaving', () => this.signalling.tell('leave', { soon: true }));
    this.#page.on('revived', () => {
      this.#revived = true;
      this.signalling.reopen();
    });
    this.#page.on('hidden', (hidden) => {
      if (this.options.pauseWhenHidden !== false) this.wishes.hidden = hidden;
    });
  }

  /** Nothing that the server said of others holds any more. */
  #lost(): void {
    this.board.clear();
    this.#tellQuality();
    this.#set({ signalling: 'down' });
  }

  #wanted(): Join {
    const { room, password, listed = false, waitingRoom = false } = this.options;
    return { room, name: this.displayName, listed, waitingRoom, ...(password !== undefined && { password }) };
  }

  #enter(reply: Joined): void {
    const first = this.#state.phase === 'joining';
    this.me = reply.member;
    this.limits = reply.limits;
    this.link.allow(reply.limits.seats);
    this.permissions = reply.permissions;
    this.roster.replace(reply.room);
    // A token may name its bearer.
    this.displayName = this.self?.name ?? this.displayName;
    void this.#token.set(reply.resume);
    this.#set({ phase: 'joined', signalling: 'up' }, ['error', 'farewell']);
    if (first) this.#page.keepAwake(true);
    this.#viewing.start();
    this.#tellRoom();
    this.emit('permissions', reply.permissions);
    reply.chat.forEach((line) => this.lines.hear(line));
    // Another member than before: whose pictures were paused is nobody's any more.
    if (!reply.resumed) this.downlink.pause({ sources: [] });
    // Nobody else tells the server anew what we send and want.
    this.#sayMedia();
    this.wishes.again();
    if (!first && reply.resumed && !this.#revived) this.link.resume();
    else this.link.rebuild();
    this.#revived = false;
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
      this.board.forget(leaver);
      this.#tellQuality();
    }
    this.roster.apply(diff);
    for (const change of newcomers) if (change.kind === 'joined') this.emit('joined', change.member);
    this.wishes.refresh();
    this.emit('members', this.members);
    if (diff.changes.some(({ kind }) => kind === 'room')) this.emit('facts', this.facts);
  }

  async #refetch(): Promise<void> {
    try {
      const { room } = await this.signalling.request('snapshot', {});
      if (room.revision < this.roster.revision) return;
      this.roster.replace(room);
      this.#tellRoom();
    } catch {
      // The connection is lost: the next join brings a snapshot.
    }
  }

  #tellRoom(): void {
    this.emit('members', this.members);
    this.emit('facts', this.facts);
  }

  #tellQuality(): void {
    this.emit('quality', this.board.received);
    this.emit('troubles', this.board.troubles);
  }

  #useLines(lines: Lines): void {
    for (const channel of ['reliable', 'lossy'] as const) {
      lines[channel].onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
        const message = readData(data);
        if (message) this.emit('data', { channel, ...message });
      };
    }
    this.downlink.use(lines);
  }

  #pictures(): Picture[] {
    const others = this.members.filter(({ id }) => id !== this.me);
    return others.flatMap(({ camera, screen }) => [{ source: screen.id, screen: true }, { source: camera.id, screen: false }]);
  }

  /** Streams of our own that nobody takes are paused. */
  #demand({ source, version, active }: Layers): void {
    const kind = this.roster.owner(source)?.kind;
    if (kind) this.uplink.demand(kind, active, version);
  }

  #announce(before: Media): void {
    const now = this.media;
    if (JSON.stringify(now) === JSON.stringify(before)) return;
    this.emit('media', now);
    if (this.#state.phase === 'joined') this.#sayMedia();
  }

  #sayMedia(): void {
    // When this is lost, so is the connection, and the next join tells it again.
    this.signalling.request('media', this.media).catch((error: unknown) => {
      if (!(error instanceof RequestError) || error.code !== 'forbidden') return;
      // What nobody is sent must not look as if it were.
      const kinds = KINDS.filter((kind) => this.media[kind] && !this.permissions?.publish.includes(kind));
      if (kinds.length > 0) this.#silenced({ kinds, forbidden: true });
    });
  }

  /** A host switched something off: so does this side, at the devices where we have them, so that nothing shows it as on. */
  #silenced(muted: Muted): void {
    for (const kind of muted.kinds) {
      if (!this.local) this.mute(kind, true);
      else if (kind === 'microphone') this.local.setMuted(true);
      else if (kind === 'camera') this.local.closeCamera();
      else this.local.stopScreen(kind === 'screenAudio');
    }
    this.emit('muted', muted);
  }

  #set(change: Partial<RoomState>, cleared: ('error' | 'farewell' | 'network' | 'waiting')[] = []): void {
    if (this.#state.phase === 'ended') return;
    const next = { ...this.#state, ...change };
    for (const key of cleared) delete next[key];
    this.#state = next;
    this.emit('state', next);
    if (!('network' in change) && !cleared.includes('network')) this.#patience.look({ ...next, joined: next.phase === 'joined' });
  }
}
