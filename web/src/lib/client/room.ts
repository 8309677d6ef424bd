/** A call, as its page drives it. What keeps it alive is in the session below. */
import type { AppAnswer } from './apps';
import type { VideoCodec } from './codecs';
import { frameData } from './data';
import { LocalMedia } from './local';
import { Moderation } from './moderation';
import { Monitor } from './monitor';
import type { Playback } from './playback';
import type { MemberId, MemberTrouble, SourceId, SourceQuality, TrackKind, Wish, WishSize } from './protocol.gen';
import type { Owner } from './roster';
import { Session } from './session';
import type { CallStatistics } from './statistics';
import type { DataChannelName, RoomEvents, RoomOptions } from './types';
import { useOf } from './uses';

export class Room extends Session {
  /** What hosts may do. */
  readonly moderation = new Moderation(this.signalling);
  readonly #monitor = new Monitor(this.link, (line) => useOf(this, line), (statistics) => this.#measured(statistics));
  #statistics: CallStatistics | undefined;
  #lowData = false;
  #stopFollowing: () => void = () => undefined;

  /**
   * Starts joining at once; `room.joined` and the `state` event tell how it goes. `url` is the server's origin, on a
   * page that the server itself serves `location.origin`.
   */
  static connect(url: string | URL, options: RoomOptions): Room {
    return new Room(String(url), options);
  }

  private constructor(url: string, options: RoomOptions) {
    super(url, options);
    const { tracks = {} } = options;
    if (tracks instanceof LocalMedia) this.follow(tracks);
    else for (const [kind, track] of Object.entries(tracks)) this.publish(kind as TrackKind, track);
    this.signalling.open();
  }

  get id(): string {
    return this.options.room;
  }

  /** Our own display name. */
  get name(): string {
    return this.displayName;
  }

  /** Sources on the audio-only lines. */
  get loud(): readonly (SourceId | null)[] {
    return this.downlink.loud;
  }

  /** Wished, but this browser decodes none of what they send. */
  get unsupported(): readonly SourceId[] {
    return this.downlink.unsupported;
  }

  /** Wished, but there is no seat for them. */
  get unseated(): readonly SourceId[] {
    return this.downlink.unseated;
  }

  /** Pictures that our network has no room for; they come back by themselves. */
  get paused(): readonly SourceId[] {
    return this.downlink.paused;
  }

  /** How well we hear and see others, by source: scores from 1 to 5, and what is wrong when nothing comes. */
  get quality(): ReadonlyMap<SourceId, SourceQuality> {
    return this.board.received;
  }

  /** Who does not hear or see us, and why. */
  get troubles(): readonly MemberTrouble[] {
    return this.board.troubles;
  }

  get playback(): Playback {
    return this.downlink.playback;
  }

  /** Whose source this is. */
  owner(source: SourceId | null): Owner | undefined {
    return source === null ? undefined : this.roster.owner(source);
  }

  unpublish(kind: TrackKind): void {
    this.publish(kind, null);
  }

  /** Publishes what these devices give, whatever is opened, closed, muted or shared, until the returned function is called. */
  follow(local: LocalMedia): () => void {
    this.#stopFollowing();
    const publish = (): void => {
      this.mute('microphone', local.muted);
      this.publish('microphone', local.microphone.track);
      this.publish('camera', local.camera.track);
      this.publish('screen', local.screen.track);
      this.publish('screenAudio', local.screen.audio);
    };
    publish();
    const stop = local.on('changed', publish);
    this.local = local;
    return (this.#stopFollowing = () => {
      stop();
      if (this.local === local) this.local = undefined;
    });
  }

  /** Whom the page shows, and how large in physical pixels; `speaker` also wants whoever speaks. */
  wish(sources: Wish[], speaker?: WishSize): void {
    this.wishes.set({ sources, speaker: speaker ?? null });
  }

  /** The codec that we would like to send our pictures in. */
  get videoCodec(): VideoCodec {
    return this.codec.wanted;
  }

  set videoCodec(codec: VideoCodec) {
    this.codec.wanted = codec;
  }

  /** The codec that our pictures are sent in now: not the wished one while somebody who watches does not decode that. */
  get sentCodec(): VideoCodec {
    return this.codec.now;
  }

  /** Spares the network: small pictures both ways, screens at five frames a second. Sound stays as it is. */
  get lowData(): boolean {
    return this.#lowData;
  }

  set lowData(on: boolean) {
    if (on === this.#lowData) return;
    this.#lowData = on;
    this.uplink.economise(on);
    this.wishes.thrifty = on;
  }

  /** The newest sample; a new one comes every two seconds while somebody listens to `statistics`. */
  get statistics(): CallStatistics | undefined {
    return this.#statistics;
  }

  async rename(name: string): Promise<void> {
    await this.signalling.request('rename', { name });
    this.displayName = name;
  }

  async raiseHand(raised: boolean): Promise<void> {
    await this.signalling.request('hand', { raised });
  }

  /** Shows everybody an emoji for a moment. */
  async react(emoji: string): Promise<void> {
    await this.signalling.request('react', { emoji });
  }

  /** Sends a line to everybody or to one member; a retry is never delivered twice. */
  async chat(text: string, to?: MemberId): Promise<void> {
    await this.lines.send(text, { id: this.me, name: this.displayName }, to);
  }

  /** Relays an event of the application's own to all others, who get it as `app`. Returns how many were told. */
  tell(event: string, ...args: unknown[]): Promise<number> {
    return this.apps.tell(event, args);
  }

  /** Asks one member, and returns what its {@link answer} said; `null` when it has none for that event. */
  ask(to: MemberId, event: string, args: readonly unknown[] = [], withinMs?: number): Promise<unknown> {
    return this.apps.ask(to, event, args, withinMs);
  }

  /** Answers what others ask by this event, until the returned function is called. */
  answer(event: string, answer: AppAnswer): () => void {
    return this.apps.answer(event, answer);
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
    this.end({});
  }

  protected override heard(event: keyof RoomEvents, heard: boolean): void {
    if (event !== 'statistics') return;
    if (heard && this.state.phase !== 'ended') this.#monitor.start();
    else this.#monitor.stop();
  }

  protected override unfollow(): void {
    this.#stopFollowing();
    this.#monitor.stop();
  }

  #measured(statistics: CallStatistics): void {
    this.#statistics = statistics;
    this.emit('statistics', statistics);
  }
}
