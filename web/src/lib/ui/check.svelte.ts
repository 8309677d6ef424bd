/** Tries before a call what it will need: signalling, and media over the way that the call would take. */
import { randomRoom, Room, type ConnectionStatistics } from '$client/index';

/**
 * - `udp`, `tcp`: media gets through, by this way
 * - `blocked`: signalling works and media does not
 * - `refused`: nothing can be told of the media, the server lets nobody open a room without leave
 * - `offline`: the server cannot be reached
 */
export type Verdict = 'checking' | 'udp' | 'tcp' | 'blocked' | 'refused' | 'offline';

/** Browsers that find no way say so after some 15 s; who waits in a green room wants to know earlier. */
const PATIENCE_MS = 9_000;
const LOOK_MS = 250;

export class ConnectionCheck {
  verdict = $state<Verdict>('checking');
  /** Signalling had to do without websocket. */
  polling = $state(false);
  roundTripMs = $state<number>();
  #room: Room | undefined;
  #measuring: Room | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Joins a room that nobody else can know, looks which way the media takes, and leaves. */
  start(): void {
    this.stop();
    this.verdict = 'checking';
    this.polling = false;
    const room = Room.connect(location.origin, { room: randomRoom(), name: 'connection check' });
    this.#room = room;
    const until = Date.now() + PATIENCE_MS;
    this.#timer = setInterval(() => this.#look(room, until), LOOK_MS);
    // Samples begin as soon as somebody listens: not before there is something to be measured.
    room.on('state', ({ media }) => {
      if (media === 'connected' && this.#room === room) this.#measure(room);
    });
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#room?.leave();
    this.#room = undefined;
  }

  #look(room: Room, until: number): void {
    const { phase, error } = room.state;
    const { signalling } = room;
    if (signalling.up) this.polling = signalling.socket.io.engine?.transport.name === 'polling';
    if (phase === 'ended') return this.#end(room, error?.code === 'offline' ? 'offline' : 'refused');
    if (Date.now() > until) this.#end(room, phase === 'joined' ? 'blocked' : 'offline');
  }

  #measure(room: Room): void {
    if (this.#measuring === room) return;
    this.#measuring = room;
    room.on('statistics', ({ connection }) => this.#told(room, connection));
  }

  #told(room: Room, { protocol, roundTripMs }: ConnectionStatistics): void {
    if (!protocol || room !== this.#room) return;
    this.roundTripMs = roundTripMs;
    this.#end(room, protocol);
  }

  #end(room: Room, verdict: Verdict): void {
    if (room !== this.#room) return;
    this.verdict = verdict;
    this.stop();
  }
}
