/** Carries the floating self-view: by pointer, by arrow keys, by a button; it comes to rest in a corner and stays there. */
import { CORNERS, nearest, type Corner, type Rect } from './grid';
import { prefs } from './prefs.svelte';

/** A hand that presses a button trembles by less. */
const BEGINS_PX = 6;
/** A tile that is let go in flight lands where this would have brought it. */
const FLIGHT_MS = 140;
/** A hand that rested before it let go has not thrown. */
const RESTED_MS = 80;

const ARROWS: Record<string, (corner: Corner) => Corner> = {
  ArrowLeft: (corner) => (corner.startsWith('top') ? 'top-left' : 'bottom-left'),
  ArrowRight: (corner) => (corner.startsWith('top') ? 'top-right' : 'bottom-right'),
  ArrowUp: (corner) => (corner.endsWith('left') ? 'top-left' : 'top-right'),
  ArrowDown: (corner) => (corner.endsWith('left') ? 'bottom-left' : 'bottom-right'),
};

interface Point {
  x: number;
  y: number;
}

export class Carry {
  /** How far from its corner the tile has been carried, in pixels; nothing while it rests. */
  by = $state.raw<Point>();

  /** A pointer went down on the tile, which lies at `rect`; `place` tells the stage's size at the end. */
  grab(down: PointerEvent, rect: Rect, place: () => { width: number; height: number }): void {
    const tile = down.currentTarget as HTMLElement;
    if (down.button !== 0 || (down.target as Element).closest('button')) return;
    // At once: the first move may already lead off the tile.
    tile.setPointerCapture(down.pointerId);
    const ended = new AbortController();
    const from = { x: down.clientX, y: down.clientY };
    let last = { ...from, at: down.timeStamp };
    let speed: Point = { x: 0, y: 0 };
    const move = (event: PointerEvent): void => {
      if (event.pointerId !== down.pointerId) return;
      const by = { x: event.clientX - from.x, y: event.clientY - from.y };
      if (!this.by && Math.hypot(by.x, by.y) < BEGINS_PX) return;
      const took = Math.max(1, event.timeStamp - last.at);
      speed = { x: (event.clientX - last.x) / took, y: (event.clientY - last.y) / took };
      last = { x: event.clientX, y: event.clientY, at: event.timeStamp };
      this.by = by;
    };
    const end = (event: PointerEvent): void => {
      if (event.pointerId !== down.pointerId) return;
      ended.abort();
      const { by } = this;
      this.by = undefined;
      if (!by || event.type === 'pointercancel') return;
      const flight = event.timeStamp - last.at < RESTED_MS ? FLIGHT_MS : 0;
      prefs.corner = nearest({ ...rect, x: rect.x + by.x + speed.x * flight, y: rect.y + by.y + speed.y * flight }, place());
    };
    const { signal } = ended;
    tile.addEventListener('pointermove', move, { signal });
    tile.addEventListener('pointerup', end, { signal });
    tile.addEventListener('pointercancel', end, { signal });
  }

  /** To the next corner, as the clock goes: for whoever cannot drag. */
  next(): void {
    prefs.corner = CORNERS[(CORNERS.indexOf(prefs.corner) + 1) % CORNERS.length] ?? prefs.corner;
  }

  /** Arrow keys on the button that moves it. */
  key(event: KeyboardEvent): void {
    const to = ARROWS[event.key];
    if (!to) return;
    event.preventDefault();
    event.stopPropagation();
    prefs.corner = to(prefs.corner);
  }
}
