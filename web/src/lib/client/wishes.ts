/** Collects whom the page wants to see and how large, and tells the server when that has settled. */
import type { Wish, Wishes } from './protocol.gen';

/** A window that is being resized names a new size with every frame. */
const SETTLE_MS = 200;
/** Sizes are rounded up to this, so that a pixel more or less is not a new wish. */
const GRAIN_PX = 16;
const MOST_PX = 4096;

export class WishBox {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #last = '';
  #current: Wishes | undefined;

  constructor(private readonly send: (wishes: Wishes) => Promise<unknown>) {}

  set(wishes: Wishes): void {
    const settled = { ...wishes, sources: wishes.sources.map(rounded) };
    const text = JSON.stringify(settled);
    this.#current = settled;
    if (text === this.#last) return clearTimeout(this.#timer);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#flush(text, settled), SETTLE_MS);
  }

  /** After a join: the server knows nothing of earlier wishes. */
  again(): void {
    this.#last = '';
    if (this.#current) this.#flush(JSON.stringify(this.#current), this.#current);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #flush(text: string, wishes: Wishes): void {
    this.#last = text;
    // A wish that was lost with the connection is sent again after the next join.
    this.send(wishes).catch(() => {
      this.#last = '';
    });
  }
}

function rounded(wish: Wish): Wish {
  const round = (pixels: number): number => Math.min(MOST_PX, Math.max(GRAIN_PX, Math.ceil(pixels / GRAIN_PX) * GRAIN_PX));
  return { ...wish, width: round(wish.width), height: round(wish.height) };
}
