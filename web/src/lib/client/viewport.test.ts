import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Wish } from './protocol.gen';
import { Viewport, wishesOf } from './viewport';

const place = (source: number, width: number, height: number, seen = true, priority = 100) => ({ source, width, height, seen, priority });

describe('wishes', () => {
  it('are for what is seen, in physical pixels, the most wanted first', () => {
    const wishes = wishesOf([place(1, 320, 180), place(2, 640, 360, false), place(3, 100, 50, true, 200)], 2);
    expect(wishes).toEqual([
      { source: 3, width: 200, height: 100, priority: 200 },
      { source: 1, width: 640, height: 360, priority: 100 },
    ]);
  });

  it('of a source in two places are for the larger', () => {
    expect(wishesOf([place(1, 320, 180), place(1, 160, 90, true, 150)], 1)).toEqual([{ source: 1, width: 320, height: 180, priority: 150 }]);
  });
});

describe('a viewport', () => {
  type Observer = { callback: (entries: object[]) => void; observed: Set<object> };
  let sizes: Observer;
  let sights: Observer;

  beforeEach(() => {
    const make = (keep: (observer: Observer) => void) =>
      class {
        observed = new Set<object>();
        constructor(callback: Observer['callback']) {
          keep({ callback, observed: this.observed });
        }
        observe(target: object): void {
          this.observed.add(target);
        }
        unobserve(target: object): void {
          this.observed.delete(target);
        }
        disconnect(): void {
          this.observed.clear();
        }
      };
    vi.stubGlobal('ResizeObserver', make((observer) => (sizes = observer)));
    vi.stubGlobal('IntersectionObserver', make((observer) => (sights = observer)));
  });
  afterEach(() => void vi.unstubAllGlobals());

  it('wishes an element’s source while it is seen, and not after it is gone', async () => {
    const told: Wish[][] = [];
    const viewport = new Viewport((wishes) => told.push(wishes));
    const element = {} as Element;
    const stop = viewport.show(element, 7);
    sizes.callback([{ target: element, contentRect: { width: 320, height: 180 } }]);
    sights.callback([{ target: element, isIntersecting: true }]);
    await Promise.resolve();
    expect(told).toEqual([[{ source: 7, width: 320, height: 180, priority: 100 }]]);
    sights.callback([{ target: element, isIntersecting: false }]);
    await Promise.resolve();
    expect(told[1]).toEqual([]);
    stop();
    expect([sizes.observed.size, sights.observed.size]).toEqual([0, 0]);
  });

  it('keeps size and sight when an element shows somebody else, whom an old ending does not end', async () => {
    const told: Wish[][] = [];
    const viewport = new Viewport((wishes) => told.push(wishes));
    const element = {} as Element;
    const stop = viewport.show(element, 7);
    sizes.callback([{ target: element, contentRect: { width: 320, height: 180 } }]);
    sights.callback([{ target: element, isIntersecting: true }]);
    viewport.show(element, 9);
    stop();
    await Promise.resolve();
    expect(told.at(-1)?.map(({ source }) => source)).toEqual([9]);
  });
});
