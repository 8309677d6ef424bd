/** How one gets into the room: joins, waits to be admitted, and joins again whenever the connection was lost. */
import { RequestError } from './errors';
import type { Join, Joined, Waiting } from './protocol.gen';
import type { Signalling } from './signalling';
import { BackOff } from './stall';

const FIRST_MS = 500;
const MOST_MS = 5_000;
/** Whose room falls over sooner than this after a join waits longer before the next one. */
const SETTLED_AFTER_MS = 30_000;

export interface Gate {
  /** We are in, for the first time or again. */
  entered: (reply: Joined) => void;
  /** It did not work this time, and is tried again. */
  delayed: (error: RequestError) => void;
  /** Somebody has to let us in; nothing while nobody has to. */
  waiting: (waiting: Waiting | undefined) => void;
  /** Nothing that could be tried again would help. */
  refused: (error: RequestError) => void;
}

export class Admission {
  #attempt = 0;
  #closed = false;
  readonly #pauses = new BackOff(FIRST_MS, MOST_MS);
  readonly #returns = new BackOff(FIRST_MS, MOST_MS);
  #enteredAt = 0;

  /** `ask` says what to join, since the name may change between two joins. */
  constructor(
    private readonly signalling: Pick<Signalling, 'request' | 'up'>,
    private readonly ask: () => Join,
    private readonly gate: Gate,
  ) {}

  /** Whenever the signalling connection is up. */
  async join(): Promise<void> {
    const attempt = ++this.#attempt;
    try {
      const reply = await this.signalling.request('join', this.ask());
      if (this.#stale(attempt)) return;
      this.#pauses.reset();
      this.#enteredAt = Date.now();
      this.gate.waiting(undefined);
      this.gate.entered(reply);
    } catch (error) {
      if (this.#stale(attempt) || !(error instanceof RequestError)) return;
      this.#failed(error, attempt);
    }
  }

  /** The room that we were in is gone, though the connection is not: its server opens the name anew. */
  joinAgain(): void {
    if (Date.now() - this.#enteredAt > SETTLED_AFTER_MS) this.#returns.reset();
    this.#joinAfter(this.#returns.wait(), ++this.#attempt);
  }

  /** What the server says while we wait. */
  hear(waiting: Waiting): void {
    if (this.#closed) return;
    if (waiting.state === 'admitted') return void this.join();
    if (waiting.state === 'denied') return this.gate.refused(new RequestError('denied', 'nobody admitted the caller'));
    this.gate.waiting(waiting);
  }

  close(): void {
    this.#closed = true;
  }

  #failed(error: RequestError, attempt: number): void {
    // A lost connection joins again by itself when it is back; whoever waits is told how that goes.
    if (error.code === 'offline' || error.code === 'waiting') return;
    if (!error.passing && error.code !== 'already_joined') return this.gate.refused(error);
    this.gate.delayed(error);
    this.#joinAfter(this.#pauses.wait(), attempt);
  }

  #joinAfter(ms: number, attempt: number): void {
    setTimeout(() => {
      if (!this.#stale(attempt) && this.signalling.up) void this.join();
    }, ms);
  }

  #stale(attempt: number): boolean {
    return this.#closed || attempt !== this.#attempt;
  }
}
