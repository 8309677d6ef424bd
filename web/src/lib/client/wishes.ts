/** Collects whom the page wants to see and how large, and tells the server when that has settled. */
import type { SourceId, Wish, WishSize, Wishes } from './protocol.gen';

/** A window that is being resized names a new size with every frame. */
const SETTLE_MS = 200;
/** Sizes are rounded up to this, so that a pixel more or less is not a new wish. */
const GRAIN_PX = 16;
const MOST_PX = 4096;
/** With low data a face is as large as its thumbnail, and a page is still read. */
const THRIFTY_CAMERA: WishSize = { width: 320, height: 180 };
const THRIFTY_SCREEN: WishSize = { width: 1280, height: 720 };
/** A screen is what everybody looks at. */
export const SCREEN_PRIORITY = 200;
export const CAMERA_PRIORITY = 100;
/** Nobody looks: no picture is wished, and none follows the speaker. */
const NOTHING: Wishes = { sources: [], speaker: null };

export interface Picture {
  source: SourceId;
  screen: boolean;
}

export class WishBox {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #last = '';
  #wanted: Wishes | undefined;
  #thrifty = false;
  #hidden = false;

  /** `others` lists the pictures of the room: for a page that never wished, all of them. */
  constructor(
    private readonly send: (wishes: Wishes) => Promise<unknown>,
    private readonly others: () => readonly Picture[] = () => [],
  ) {}

  set(wishes: Wishes): void {
    this.#wanted = wishes;
    this.#settle();
  }

  /** Smaller pictures than the page asks for, to spare the network. */
  set thrifty(thrifty: boolean) {
    this.#thrifty = thrifty;
    this.#settle();
  }

  /** While nobody looks nothing is wished; what the page wants meanwhile counts when it is seen again. */
  set hidden(hidden: boolean) {
    this.#hidden = hidden;
    this.#settle();
  }

  get hidden(): boolean {
    return this.#hidden;
  }

  /** The room has other pictures now. */
  refresh(): void {
    if (!this.#wanted) this.#settle();
  }

  /** After a join: the server knows nothing of earlier wishes. */
  again(): void {
    clearTimeout(this.#timer);
    this.#last = '';
    const now = this.#effective();
    if (now) this.#flush(JSON.stringify(now), now);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #settle(): void {
    clearTimeout(this.#timer);
    const now = this.#effective();
    const text = JSON.stringify(now);
    if (!now || text === this.#last) return;
    this.#timer = setTimeout(() => this.#flush(text, now), SETTLE_MS);
  }

  /** `undefined` while the server's own choice is as good as any: without wishes it shows everybody. */
  #effective(): Wishes | undefined {
    if (this.#hidden) return NOTHING;
    if (!this.#wanted && !this.#thrifty && this.#last === '') return undefined;
    const screens = new Set(this.others().flatMap(({ source, screen }) => (screen ? [source] : [])));
    const most = (source: SourceId): WishSize | undefined =>
      this.#thrifty ? (screens.has(source) ? THRIFTY_SCREEN : THRIFTY_CAMERA) : undefined;
    const { sources, speaker } = this.#wanted ?? { sources: this.#everybody(), speaker: null };
    return {
      sources: sources.map((wish) => ({ ...wish, ...fitted(wish, most(wish.source)) })),
      speaker: (speaker && fitted(speaker, this.#thrifty ? THRIFTY_CAMERA : undefined)) ?? null,
    };
  }

  #everybody(): Wish[] {
    const priority = (screen: boolean): number => (screen ? SCREEN_PRIORITY : CAMERA_PRIORITY);
    return this.others().map(({ source, screen }) => ({ source, width: 0, height: 0, priority: priority(screen) }));
  }

  #flush(text: string, wishes: Wishes): void {
    this.#last = text;
    // A wish that was lost with the connection is sent again after the next join.
    this.send(wishes).catch(() => {
      this.#last = '';
    });
  }
}

/** Rounded, and with `most` shrunk to fit it, in its own shape. 0×0 is of any size and becomes `most`. */
function fitted({ width, height }: WishSize, most?: WishSize): WishSize {
  if (width === 0 || height === 0) return most ?? { width, height };
  const scale = most ? Math.min(1, most.width / width, most.height / height) : 1;
  const round = (pixels: number): number => Math.min(MOST_PX, Math.max(GRAIN_PX, Math.ceil((pixels * scale) / GRAIN_PX) * GRAIN_PX));
  return { width: round(width), height: round(height) };
}
