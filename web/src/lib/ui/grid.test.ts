import { describe, expect, it } from 'vitest';
import { CORNERS, FLAT, floating, focus, GAP, grid, HIGH, nearest, PHONE_PAGE, TALL, WIDE, type Rect } from './grid';

const sizes: [number, number][] = [[1280, 700], [1920, 960], [700, 700], [390, 640], [844, 300], [1024, 1200], [320, 480]];

const overlap = (a: Rect, b: Rect): boolean =>
  a.x < b.x + b.width - 0.01 && b.x < a.x + a.width - 0.01 && a.y < b.y + b.height - 0.01 && b.y < a.y + a.height - 0.01;

describe('the grid', () => {
  it.each(sizes)('on %i×%i keeps any number of tiles inside, equal and apart', (width, height) => {
    for (let count = 1; count <= 49; count++) {
      const { tiles, height: content } = grid(width, height, count);
      expect(tiles).toHaveLength(count);
      for (const [index, tile] of tiles.entries()) {
        expect(tile.x).toBeGreaterThanOrEqual(-0.01);
        expect(tile.x + tile.width).toBeLessThanOrEqual(width + 0.01);
        expect(tile.y + tile.height).toBeLessThanOrEqual(content + 0.01);
        // On a phone the last one may have its row for itself.
        if (!(index === count - 1 && width < 600)) expect(tile.width).toBeCloseTo(tiles[0]?.width ?? 0);
        expect(tile.height).toBeCloseTo(tiles[0]?.height ?? 0);
        for (const other of tiles.slice(index + 1)) expect(overlap(tile, other)).toBe(false);
      }
    }
  });

  it.each(sizes)('on %i×%i scrolls on a phone in portrait only', (width, height) => {
    const { height: content } = grid(width, height, 49);
    expect(content > height).toBe(width < 600 && height > width);
  });

  it('uses 16:9, and on a phone in portrait two columns between 4:5 and 2:1, but one for three', () => {
    const wide = grid(1280, 700, 5);
    expect((wide.tiles[0]?.width ?? 0) / (wide.tiles[0]?.height ?? 1)).toBeCloseTo(WIDE);
    for (const count of [2, 3, 4, 7, 30]) {
      const tall = grid(390, 640, count);
      expect(tall.columns).toBe(count > 3 ? 2 : 1);
      const aspect = (tall.tiles[0]?.width ?? 0) / (tall.tiles[0]?.height ?? 1);
      expect(aspect).toBeGreaterThanOrEqual(TALL - 0.01);
      expect(aspect).toBeLessThanOrEqual(FLAT + 0.01);
    }
  });

  it('shows a page of a phone without scrolling, and who is alone as large as it goes', () => {
    for (const [width, height] of [[390, 740], [320, 432]] as const) expect(grid(width, height, PHONE_PAGE).height).toBe(height);
    expect(grid(390, 740, 1).tiles).toEqual([{ x: 0, y: 0, width: 390, height: 740 }]);
  });

  it('centres the last row', () => {
    const { tiles, columns } = grid(1280, 700, 5);
    expect(columns).toBe(3);
    const [fourth, fifth] = [tiles[3], tiles[4]];
    expect(((fourth?.x ?? 0) + (fifth?.x ?? 0) + (fifth?.width ?? 0)) / 2).toBeCloseTo(640);
    expect((fifth?.x ?? 0) - (fourth?.x ?? 0) - (fourth?.width ?? 0)).toBeCloseTo(GAP);
  });

  it('leaves nobody alone in the last row where three stand side by side', () => {
    const perRow = (count: number, width = 1280, height = 700): number[] => {
      const { tiles } = grid(width, height, count);
      const tops = [...new Set(tiles.map(({ y }) => y))];
      return tops.map((top) => tiles.filter(({ y }) => y === top).length);
    };
    expect(perRow(7)).toEqual([3, 2, 2]);
    expect(perRow(8)).toEqual([3, 3, 2]);
    expect(perRow(13)).toEqual([4, 3, 3, 3]);
    expect(perRow(49, 1904, 940)).toEqual([7, 7, 7, 7, 7, 7, 7]);
    // A quarter of the size is not worth it either; more is.
    expect(perRow(5, 1560, 1000)).toEqual([3, 2]);
    expect(perRow(5, 900, 712)).toEqual([2, 2, 1]);
  });

  it('gives the last of an odd number on a phone the whole row, unless that is too flat for a face', () => {
    const last = (count: number, height = 740): Rect | undefined => grid(374, height, count).tiles[count - 1];
    for (const count of [5, 7]) expect(last(count)).toMatchObject({ x: 0, width: 374 });
    // Three in a column where there is room for them, else two and one.
    expect(grid(374, 740, 3).columns).toBe(1);
    expect(grid(374, 500, 3).columns).toBe(2);
    expect(last(3, 500)).toMatchObject({ x: 0, width: 374 });
  });

  it.each([[374, 740], [374, 688], [304, 432], [414, 820]])('stands a page of nine on a phone of %i×%i in three rows of three, as high as a phone films at most', (width, height) => {
    const { tiles, columns, height: content } = grid(width, height, PHONE_PAGE);
    expect([columns, new Set(tiles.map(({ y }) => y)).size, content]).toEqual([3, 3, height]);
    for (const tile of tiles) {
      expect(tile.width / tile.height).toBeGreaterThanOrEqual(HIGH - 0.001);
      expect(tile.width * tile.height).toBeGreaterThan((width * height) / PHONE_PAGE / 1.3);
    }
  });

  it('keeps the columns on the screen unless others give 5 % more', () => {
    for (let width = 600; width < 1600; width += 3) {
      for (const before of [1, 2, 3]) {
        const held = grid(width, 700, 4, before);
        const free = grid(width, 700, 4);
        const area = (g: typeof held): number => (g.tiles[0]?.width ?? 0) * (g.tiles[0]?.height ?? 0);
        if (held.columns !== before) expect(area(held)).toBeGreaterThanOrEqual(area(grid(width, 700, 4, before)) - 0.01);
        expect(area(free)).toBeLessThanOrEqual(area(held) * 1.0501);
      }
    }
  });

  it('places nothing on no stage', () => {
    expect(grid(0, 0, 3).tiles).toEqual([]);
    expect(grid(100, 100, 0).tiles).toEqual([]);
  });
});

describe('the place beside a large picture', () => {
  it.each(sizes)('on %i×%i leaves all pictures inside and apart', (width, height) => {
    for (const mains of [[0], [WIDE], [4 / 3, WIDE]]) {
      for (const others of [0, 1, 2, 5, 9, 12, 48]) {
        const { mains: large, strip } = focus(width, height, mains, others);
        expect(large).toHaveLength(mains.length);
        expect(strip.length).toBeGreaterThanOrEqual(Math.min(1, others));
        expect(strip.length).toBeLessThanOrEqual(others);
        const all = [...large, ...strip];
        for (const [index, rect] of all.entries()) {
          expect(rect.x).toBeGreaterThanOrEqual(-0.5);
          expect(rect.y).toBeGreaterThanOrEqual(-0.5);
          expect(rect.x + rect.width).toBeLessThanOrEqual(width + 0.5);
          expect(rect.y + rect.height).toBeLessThanOrEqual(height + 0.5);
          for (const other of all.slice(index + 1)) expect(overlap(rect, other)).toBe(false);
        }
      }
    }
  });

  it('shows a screen whole, in its own shape', () => {
    for (const [width, height] of sizes) {
      const [screen] = focus(width, height, [4 / 3], 5).mains;
      expect((screen?.width ?? 0) / (screen?.height ?? 1)).toBeCloseTo(4 / 3);
    }
  });

  it('leaves no strip free under a screen on a phone', () => {
    const { mains, strip } = focus(390, 740, [WIDE], 6);
    const used = (mains[0]?.height ?? 0) + GAP + Math.max(...strip.map(({ y, height }) => y + height)) - Math.min(...strip.map(({ y }) => y));
    expect(used).toBeGreaterThan(740 * 0.9);
  });
});

describe('our own picture over the other one', () => {
  it('lies whole in each corner of the stage, and nearest to that one', () => {
    for (const [width, height] of sizes) {
      for (const corner of CORNERS) {
        const rect = floating(width, height, corner);
        expect(Math.min(rect.x, rect.y)).toBeGreaterThanOrEqual(0);
        expect(rect.x + rect.width).toBeLessThanOrEqual(width);
        expect(rect.y + rect.height).toBeLessThanOrEqual(height);
        expect(nearest(rect, { width, height })).toBe(corner);
      }
    }
  });

  it('comes to rest where it was let go, even beyond the edge', () => {
    const rect = floating(1280, 700);
    expect(nearest({ ...rect, x: -300, y: -90 }, { width: 1280, height: 700 })).toBe('top-left');
    expect(nearest({ ...rect, x: 700, y: 100 }, { width: 1280, height: 700 })).toBe('top-right');
  });
});
