/** Tells the server how the pictures that come were: what its operators see of freezes. */
import type { Viewing as Told } from './protocol.gen';
import { readFlows, type Counters, type Entry } from './report';

/** Operators look at minutes; reports of many seats cost the browser milliseconds. */
export const TELL_MS = 10_000;

interface Sample {
  at: number;
  pc: RTCPeerConnection;
  pictures: ReadonlyMap<number, Counters>;
  /** Of those that showed frames since the sample before. */
  live: ReadonlySet<number>;
}

export class Viewing {
  #timer: ReturnType<typeof setInterval> | undefined;
  #last: Sample | undefined;

  /** `connection` may change; `tell` gets what is new since it was called last. */
  constructor(
    private readonly connection: () => RTCPeerConnection | undefined,
    private readonly tell: (viewing: Told) => void,
  ) {}

  start(): void {
    this.#timer ??= setInterval(() => void this.#sample(), TELL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#last = undefined;
  }

  async #sample(): Promise<void> {
    const pc = this.connection();
    if (!pc) return;
    const entries: Entry[] = [];
    try {
      (await pc.getStats()).forEach((entry: Entry) => entries.push(entry));
    } catch {
      // Closed meanwhile; the next sample is of another.
      return;
    }
    if (this.#timer === undefined) return;
    const flows = readFlows(entries, () => '').filter(({ way, kind }) => way === 'received' && kind === 'video');
    const pictures = new Map(flows.map(({ ssrc, counters }) => [ssrc, counters]));
    const before = this.#last?.pc === pc ? this.#last : undefined;
    const at = Date.now();
    const live = new Set<number>();
    const told: Told = { freezes: 0, frozenMs: 0, shownMs: 0 };
    for (const [ssrc, counters] of pictures) {
      const earlier = before?.pictures.get(ssrc);
      if (!before || !earlier || counters.frames <= earlier.frames) continue;
      live.add(ssrc);
      const spent = at - before.at;
      told.shownMs += spent;
      // What rested on purpose, off or out of sight, counts as a freeze when it comes back.
      if (!before.live.has(ssrc)) continue;
      told.freezes += Math.max(0, counters.freezes - earlier.freezes);
      told.frozenMs += Math.min(spent, Math.max(0, Math.round((counters.frozenSeconds - earlier.frozenSeconds) * 1_000)));
    }
    this.#last = { at, pc, pictures, live };
    if (told.shownMs > 0) this.tell(told);
  }
}
