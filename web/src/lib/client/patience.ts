/** Decides when waiting for the network has become a failure that the person should know of. */
import { NetworkError, type NetworkFailure } from './errors';
import type { LinkState } from './link';

/** Websocket and polling are tried by then, over a slow network too. */
const SIGNALLING_MS = 8_000;
/** Connection checks over UDP and TCP give up within this. */
const MEDIA_MS = 12_000;

export interface Reach {
  signalling: 'up' | 'down';
  media: LinkState;
  /** Media is wanted only of those who have joined. */
  joined: boolean;
}

export class Patience {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waiting: NetworkFailure | undefined;
  #told = false;

  /** `tell` hears of a failure when waiting took too long, and of nothing when it is over. */
  constructor(private readonly tell: (error: NetworkError | undefined) => void) {}

  look(reach: Reach): void {
    const waiting = missing(reach);
    if (waiting === this.#waiting) return;
    clearTimeout(this.#timer);
    this.#waiting = waiting;
    if (this.#told) this.tell(undefined);
    this.#told = false;
    if (waiting) this.#timer = setTimeout(() => this.#fail(waiting), waiting === 'signalling_blocked' ? SIGNALLING_MS : MEDIA_MS);
  }

  #fail(failure: NetworkFailure): void {
    this.#told = true;
    this.tell(new NetworkError(failure));
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}

function missing({ signalling, media, joined }: Reach): NetworkFailure | undefined {
  if (media === 'connected') return signalling === 'up' ? undefined : 'signalling_blocked';
  if (signalling === 'down') return 'signalling_blocked';
  return joined ? 'media_blocked' : undefined;
}
