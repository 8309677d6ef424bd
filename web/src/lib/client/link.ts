/** The one media connection: opened, watched, helped by ICE restarts, and replaced when it is beyond help. */
import { preferVideo, type VideoCodec } from './codecs';
import { withPauses, type SoundOptions } from './dtx';
import { Emitter } from './emitter';
import { RequestError } from './errors';
import { addSeats, openLines, type Lines } from './lines';
import { Negotiation } from './negotiation';
import type { Answer, Offer } from './protocol.gen';
import { BackOff, StallDetector } from './stall';
import type { Uplink } from './uplink';

const POLL_MS = 500;
/** A restart takes some 20 ms; when it did not help within this, the next one waits longer. */
const RESTART_FIRST_MS = 1_500;
const RESTART_MOST_MS = 30_000;
const REBUILD_FIRST_MS = 250;
const REBUILD_MOST_MS = 8_000;
/** Browsers give a connection up after 15–30 s; the other end may not even know it any more. */
const CONNECT_WITHIN_MS = 12_000;
const REASK_MS = 1_000;

export type LinkState = 'connecting' | 'connected' | 'reconnecting';

export interface LinkEvents {
  state: LinkState;
  /** New lines, perhaps of a new connection: receivers and channels to use from now on. */
  lines: Lines;
  /** The server cannot answer our offers; nothing that we could do again would change that. */
  refused: RequestError;
}

export class Link extends Emitter<LinkEvents> {
  #pc: RTCPeerConnection | undefined;
  #lines: Lines | undefined;
  #negotiation: Negotiation | undefined;
  #state: LinkState = 'connecting';
  #wasConnected = false;
  #closed = false;
  #stall = new StallDetector();
  readonly #restarts = new BackOff(RESTART_FIRST_MS, RESTART_MOST_MS);
  readonly #rebuilds = new BackOff(REBUILD_FIRST_MS, REBUILD_MOST_MS);
  #restartNotBefore = 0;
  #waitingSince = 0;
  #rebuildTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #poll: ReturnType<typeof setInterval>;
  #earlierOffers = 0;

  constructor(
    private readonly uplink: Uplink,
    private readonly ask: (offer: Offer) => Promise<Answer>,
    private wantedSeats: number,
    private readonly sound: SoundOptions = {},
  ) {
    super();
    this.#poll = setInterval(() => void this.#look(), POLL_MS);
    globalThis.addEventListener?.('online', this.#networkChanged);
  }

  get pc(): RTCPeerConnection | undefined {
    return this.#pc;
  }

  get lines(): Lines | undefined {
    return this.#lines;
  }

  get state(): LinkState {
    return this.#state;
  }

  get seats(): number {
    return this.wantedSeats;
  }

  /** Offers made in all; a call without seat growth or trouble needs one. */
  get offers(): number {
    return this.#earlierOffers + (this.#negotiation?.revision ?? 0);
  }

  /** What the server has seats for: a connection that is opened from now on asks for no more, which would be refused. */
  allow(most: number): void {
    this.wantedSeats = Math.min(this.wantedSeats, most);
  }

  /** Opens a connection, or replaces the one there is. */
  rebuild(): void {
    clearTimeout(this.#rebuildTimer);
    this.#rebuildTimer = undefined;
    if (this.#closed) return;
    const old = this.#pc;
    this.#earlierOffers = this.offers;
    this.#negotiation?.close();
    const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle', rtcpMuxPolicy: 'require' });
    this.#pc = pc;
    this.#negotiation = new Negotiation(pc, (offer) => this.#ask(offer), (error) => this.#broken(pc, error), () => this.uplink.negotiated());
    this.#waitingSince = Date.now();
    this.#stall = new StallDetector();
    pc.addEventListener('connectionstatechange', () => this.#changed(pc));
    pc.addEventListener('iceconnectionstatechange', () => this.#changed(pc));
    const lines = (this.#lines = openLines(pc, this.wantedSeats, this.uplink.codec, this.sound.redundant));
    this.uplink.bind(lines.up, (codec) => this.#reoffer(lines, codec));
    this.emit('lines', this.#lines);
    old?.close();
    this.#set(this.#wasConnected ? 'reconnecting' : 'connecting');
    this.#negotiation.want();
  }

  /** Signalling is back with the same member: what was asked meanwhile is asked again. */
  resume(): void {
    if (!this.#pc || this.#pc.connectionState === 'closed') return this.rebuild();
    this.#negotiation?.retry();
    if (this.#state !== 'connected') this.restartIce();
  }

  /** More seats: one re-offer. */
  grow(seats: number): void {
    if (this.#closed || !this.#pc || !this.#lines || seats <= this.wantedSeats) return;
    this.wantedSeats = seats;
    addSeats(this.#pc, this.#lines, seats);
    this.emit('lines', this.#lines);
    this.#negotiation?.want();
  }

  /** Packets may pause for a reason that is no fault of the network. */
  excuseSilence(): void {
    this.#stall.excuse(Date.now());
  }

  /** Looks for a new way through the network, at most as often as the back-off allows. */
  restartIce(): void {
    const pc = this.#pc;
    const now = Date.now();
    if (!pc?.remoteDescription || this.#closed || now < this.#restartNotBefore) return;
    this.#restartNotBefore = now + this.#restarts.wait();
    pc.restartIce();
    this.#negotiation?.want();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#poll);
    clearTimeout(this.#rebuildTimer);
    globalThis.removeEventListener?.('online', this.#networkChanged);
    this.silence();
    this.#negotiation?.close();
    this.#pc?.close();
  }

  #networkChanged = (): void => {
    this.#restarts.reset();
    this.#restartNotBefore = 0;
    this.restartIce();
  };

  #broken(pc: RTCPeerConnection, error: unknown): void {
    if (this.#stale(pc)) return;
    if (!(error instanceof RequestError)) return this.#rebuildLater();
    // Signalling is away or not joined: `resume` or `rebuild` follows the next join.
    if (error.code === 'offline' || error.code === 'not_joined') return;
    if (!error.passing) return this.emit('refused', error);
    setTimeout(() => {
      if (!this.#stale(pc)) this.#negotiation?.retry();
    }, REASK_MS);
  }

  async #ask(offer: Offer): Promise<Answer> {
    const answer = await this.ask(offer);
    if (offer.revision === 1 && offer.transport === this.#negotiation?.transport) this.uplink.begun();
    const mid = this.#lines?.up.microphone.mid;
    return this.sound.discontinuous && mid ? { ...answer, sdp: withPauses(answer.sdp, mid) } : answer;
  }

  /** The one change of a call that takes an offer: of the codec, in browsers that change it no other way. */
  #reoffer(lines: Lines, codec: VideoCodec): void {
    if (lines !== this.#lines || this.#closed) return;
    for (const line of [lines.up.camera, lines.up.screen]) preferVideo(line, codec);
    this.#negotiation?.want();
  }

  #changed(pc: RTCPeerConnection): void {
    if (this.#stale(pc)) return;
    if (pc.connectionState === 'connected') {
      this.#wasConnected = true;
      this.#waitingSince = 0;
      this.#restartNotBefore = 0;
      this.#restarts.reset();
      this.#rebuilds.reset();
      this.excuseSilence();
      this.#set('connected');
    } else if (pc.connectionState === 'failed' || pc.iceConnectionState === 'failed') {
      this.#set(this.#wasConnected ? 'reconnecting' : 'connecting');
      this.#rebuildLater();
    } else if (pc.iceConnectionState === 'disconnected') {
      this.#waitingSince ||= Date.now();
      this.#set('reconnecting');
      this.restartIce();
    }
  }

  #rebuildLater(): void {
    this.#rebuildTimer ??= setTimeout(() => this.rebuild(), this.#rebuilds.wait());
  }

  /** Neither browser notices that the network changed under a connection; bytes that stop coming tell. */
  async #look(): Promise<void> {
    const pc = this.#pc;
    if (!pc || this.#stale(pc)) return;
    this.uplink.adapt();
    if (this.#state !== 'connected') {
      if (pc.iceConnectionState === 'disconnected') this.restartIce();
      const answered = pc.remoteDescription !== null && !this.#negotiation?.waiting;
      const tooLong = this.#waitingSince > 0 && Date.now() - this.#waitingSince > CONNECT_WITHIN_MS;
      if (answered && tooLong) this.#rebuildLater();
      return;
    }
    const bytes = await bytesReceived(pc).catch(() => undefined);
    if (bytes !== undefined && !this.#stale(pc) && this.#stall.sample(bytes, Date.now())) this.restartIce();
  }

  #stale(pc: RTCPeerConnection): boolean {
    return this.#closed || pc !== this.#pc || pc.signalingState === 'closed';
  }

  #set(state: LinkState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.emit('state', state);
  }
}

/** Bytes that came over the connection, if the browser tells. */
async function bytesReceived(pc: RTCPeerConnection): Promise<number | undefined> {
  // One sender's statistics hold the transport too, and stay small however many seats there are.
  const sender = pc.getSenders()[0];
  return (sender && countBytes(await sender.getStats())) ?? countBytes(await pc.getStats());
}

function countBytes(report: RTCStatsReport): number | undefined {
  let most: number | undefined;
  report.forEach((entry: { type: string; bytesReceived?: number; nominated?: boolean }) => {
    const counts = entry.type === 'transport' || (entry.type === 'candidate-pair' && entry.nominated === true);
    if (counts && entry.bytesReceived !== undefined) most = Math.max(most ?? 0, entry.bytesReceived);
  });
  return most;
}
