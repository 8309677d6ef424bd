/** Takes a sample of the call's statistics now and then, while somebody wants them. */
import type { Lines, TrackKind } from './lines';
import type { Link } from './link';
import type { Entry } from './report';
import { StatisticsReader, type CallStatistics, type LineUse } from './statistics';

/** Figures that change faster cannot be read, and reports of many seats cost the browser milliseconds. */
export const SAMPLE_MS = 2_000;

export class Monitor {
  #timer: ReturnType<typeof setInterval> | undefined;
  #reader = new StatisticsReader();
  #pc: RTCPeerConnection | undefined;
  #reading = false;

  /** `describe` says whose media a line carries, if anybody's. */
  constructor(
    private readonly link: Pick<Link, 'pc' | 'lines'>,
    private readonly describe: (line: LineName) => LineUse | undefined,
    private readonly tell: (statistics: CallStatistics) => void,
  ) {}

  start(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => void this.#sample(), SAMPLE_MS);
    void this.#sample();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #sample(): Promise<void> {
    const { pc, lines } = this.link;
    if (!pc || !lines || this.#reading) return;
    this.#reading = true;
    try {
      const report = await pc.getStats();
      if (this.#timer === undefined) return;
      if (pc !== this.#pc) this.#reader = new StatisticsReader();
      this.#pc = pc;
      const entries: Entry[] = [];
      report.forEach((entry: Entry) => entries.push(entry));
      this.tell(this.#reader.read(entries, this.#uses(lines), Date.now(), (trackId) => midOf(pc, trackId)));
    } catch {
      // The connection was closed meanwhile; the next sample is of another.
    } finally {
      this.#reading = false;
    }
  }

  #uses(lines: Lines): Map<string, LineUse> {
    const uses = new Map<string, LineUse>();
    for (const [mid, name] of named(lines)) {
      const use = mid === null ? undefined : this.describe(name);
      if (mid !== null && use) uses.set(mid, use);
    }
    return uses;
  }
}

/** What a line is for. */
export type LineName = { up: TrackKind } | { seat: number; kind: 'audio' | 'video' } | { loud: number };

function named(lines: Lines): [string | null, LineName][] {
  const up = (Object.keys(lines.up) as TrackKind[]).map((kind): [string | null, LineName] => [lines.up[kind].mid, { up: kind }]);
  const seats = lines.seats.flatMap(({ audio, video }, seat): [string | null, LineName][] => [
    [audio.mid, { seat, kind: 'audio' }],
    [video.mid, { seat, kind: 'video' }],
  ]);
  return [...up, ...seats, ...lines.loud.map(({ mid }, loud): [string | null, LineName] => [mid, { loud }])];
}

function midOf(pc: RTCPeerConnection, trackId: string): string | undefined {
  return pc.getTransceivers().find(({ receiver }) => receiver.track.id === trackId)?.mid ?? undefined;
}
