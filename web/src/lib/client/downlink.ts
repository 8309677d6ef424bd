/** What comes: the seats with their pictures, the audio-only lines, and more seats when they run out. */
import { seatStep, type Lines } from './lines';
import type { Link } from './link';
import { Playback } from './playback';
import type { Paused, Seats, SourceId } from './protocol.gen';
import { Seat } from './seat';

/** Seats grow when this few are free, so that the next member to come finds one. */
const FREE_SEATS = 2;
/** A room in which everybody grows at once would re-offer in chorus. */
const GROW_AFTER_MS = 200;
const GROW_WITHIN_MS = 2_000;

export class Downlink {
  readonly playback = new Playback();
  /** Wished, but this browser decodes none of what they send. */
  unsupported: readonly SourceId[] = [];
  /** Wished, but there is no seat for them. */
  unseated: readonly SourceId[] = [];
  /** Pictures that our network has no room for; they come back by themselves. */
  paused: readonly SourceId[] = [];
  #seats: Seat[] = [];
  #loud: readonly (SourceId | null)[] = [];
  #growing: ReturnType<typeof setTimeout> | undefined;
  /** What a growth that waits will grow to. */
  #growTo = 0;
  #closed = false;

  constructor(
    private readonly link: Link,
    private readonly changed: () => void,
  ) {}

  get seats(): readonly Seat[] {
    return this.#seats;
  }

  /** Sources on the audio-only lines. */
  get loud(): readonly (SourceId | null)[] {
    return this.#loud;
  }

  use(lines: Lines): void {
    while (this.#seats.length < lines.seats.length) this.#seats.push(new Seat(this.#seats.length, this.changed, this.playback));
    lines.seats.forEach((line, index) => this.#seats[index]?.bind(line));
    this.#play();
    this.changed();
  }

  /** Who sits where from now on. `mostSeats` is what the server allows. */
  deal({ seats, audio, unsupportedCodec, unseated }: Seats, mostSeats: number): void {
    // What was on its way when we left must not sound any more.
    if (this.#closed) return;
    this.link.excuseSilence();
    this.#loud = audio;
    this.unsupported = unsupportedCodec;
    this.unseated = unseated;
    this.#seats.forEach((seat, index) => seat.seat(seats[index] ?? null));
    this.#play();
    this.changed();
    const taken = seats.filter((source) => source !== null).length;
    this.#growFor(taken + unseated.length, mostSeats);
  }

  pause({ sources }: Paused): void {
    this.paused = sources.map(({ source }) => source);
    this.changed();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#growing);
    this.playback.close();
  }

  /** An element for each line that somebody is on: fifty idle ones are too many for a phone. */
  #play(): void {
    const { lines } = this.link;
    if (!lines) return;
    const taken = (source: SourceId | null | undefined): boolean => source !== null && source !== undefined;
    const seated = lines.seats.filter((_, index) => taken(this.#seats[index]?.expected)).map(({ audio }) => audio);
    const loud = lines.loud.filter((_, index) => taken(this.#loud[index]));
    this.playback.use([...seated, ...loud].map(({ receiver }) => receiver.track));
  }

  /** A room that changes all the time doesn't put the growth off: it waits once, and grows to what is needed by then. */
  #growFor(pictures: number, most: number): void {
    const next = seatStep(this.link.seats, pictures + FREE_SEATS + 1, most);
    if (next <= this.link.seats || this.link.seats - pictures > FREE_SEATS) {
      clearTimeout(this.#growing);
      this.#growing = undefined;
      return;
    }
    this.#growTo = next;
    const wait = GROW_AFTER_MS + Math.random() * (GROW_WITHIN_MS - GROW_AFTER_MS);
    this.#growing ??= setTimeout(() => {
      this.#growing = undefined;
      this.link.grow(this.#growTo);
    }, wait);
  }
}
