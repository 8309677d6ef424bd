/** Wishes from the page itself: of each source that an element stands for, the picture in the size that is seen. */
import type { SourceId, Wish } from './protocol.gen';
import { CAMERA_PRIORITY } from './wishes';

/** Pictures just outside are wished already, so that they are there when they are scrolled to. */
const MARGIN = '10%';

interface Place {
  source: SourceId;
  priority: number;
  width: number;
  height: number;
  seen: boolean;
}

/** Of what is seen, the wishes; the same source in several places is wished in the largest. Pure. */
export function wishesOf(places: Iterable<Place>, pixelRatio: number): Wish[] {
  const wishes = new Map<SourceId, Wish>();
  for (const { source, priority, width, height, seen } of places) {
    if (!seen || width === 0 || height === 0) continue;
    const before = wishes.get(source);
    wishes.set(source, {
      source,
      width: Math.max(before?.width ?? 0, Math.round(width * pixelRatio)),
      height: Math.max(before?.height ?? 0, Math.round(height * pixelRatio)),
      priority: Math.max(before?.priority ?? 0, priority),
    });
  }
  return [...wishes.values()].sort((a, b) => b.priority - a.priority || a.source - b.source);
}

export class Viewport {
  readonly #places = new Map<Element, Place>();
  readonly #sizes: ResizeObserver;
  readonly #sights: IntersectionObserver;
  #pending = false;

  /** `tell` is given the wishes whenever they change; sizes within one frame make one change. */
  constructor(private readonly tell: (wishes: Wish[]) => void) {
    this.#sizes = new ResizeObserver((entries) => {
      for (const { target, contentRect } of entries) this.#change(target, { width: contentRect.width, height: contentRect.height });
    });
    this.#sights = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) this.#change(target, { seen: isIntersecting });
      },
      { rootMargin: MARGIN },
    );
  }

  /**
   * From now on `element` stands for `source`, until the returned function is called. Show another source in the same
   * element by calling it again. `priority` from 0 to 255 decides when there are fewer seats or bits than wishes.
   */
  show(element: Element, source: SourceId, priority: number = CAMERA_PRIORITY): () => void {
    const before = this.#places.get(element);
    this.#places.set(element, { width: 0, height: 0, seen: false, ...before, source, priority });
    if (!before) {
      this.#sizes.observe(element);
      this.#sights.observe(element);
    }
    this.#tellSoon();
    return () => {
      if (this.#places.get(element)?.source === source) this.#forget(element);
    };
  }

  close(): void {
    this.#sizes.disconnect();
    this.#sights.disconnect();
    this.#places.clear();
  }

  #forget(element: Element): void {
    this.#places.delete(element);
    this.#sizes.unobserve(element);
    this.#sights.unobserve(element);
    this.#tellSoon();
  }

  #change(element: Element, change: Partial<Place>): void {
    const place = this.#places.get(element);
    if (!place) return;
    Object.assign(place, change);
    this.#tellSoon();
  }

  #tellSoon(): void {
    if (this.#pending) return;
    this.#pending = true;
    queueMicrotask(() => {
      this.#pending = false;
      this.tell(wishesOf(this.#places.values(), globalThis.devicePixelRatio || 1));
    });
  }
}
