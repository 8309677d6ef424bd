import { describe, expect, it } from 'vitest';
import type { TileView } from './call.svelte';
import { layoutStage, TURNER, type StageInput } from './layout';

const camera = (index: number): TileView =>
  ({ key: `m${index}/camera`, source: 10 + index, kind: 'camera', self: index === 0, member: { id: `m${index}` } }) as TileView;
const screen = (index: number): TileView => ({ ...camera(index), key: `m${index}/screen`, source: 100 + index, kind: 'screen' });
const cameras = (count: number): TileView[] => Array.from({ length: count }, (_, index) => camera(index));

const lay = (input: Partial<StageInput>): ReturnType<typeof layoutStage> =>
  layoutStage({ width: 1280, height: 700, cameras: cameras(5), screens: [], mode: 'grid', page: 0, before: 0, ...input });
const keys = (input: Partial<StageInput>, place: string): string[] => lay(input).placed.filter((one) => one.place === place).map(({ tile }) => tile.key);

describe('the stage', () => {
  it('lets our own picture float over the other of two', () => {
    expect(keys({ cameras: cameras(2) }, 'float')).toEqual(['m0/camera']);
    expect(keys({ cameras: cameras(2) }, 'main')).toEqual(['m1/camera']);
  });

  it('follows the speaker in speaker view, but never ourselves', () => {
    expect(keys({ mode: 'speaker', speaker: 13 }, 'main')).toEqual(['m3/camera']);
    expect(keys({ mode: 'speaker', speaker: 10 }, 'main')).toEqual(['m1/camera']);
    expect(keys({ mode: 'speaker', speaker: 13 }, 'strip')).toEqual(['m0/camera', 'm1/camera', 'm2/camera', 'm4/camera']);
  });

  it('puts the pinned tile before a screen and before the speaker', () => {
    const input = { screens: [screen(2)], pinned: 'm4/camera', speaker: 13 };
    expect(keys(input, 'main')).toEqual(['m4/camera']);
    expect(keys(input, 'strip')).toContain('m2/screen');
    expect(keys({ ...input, pinned: 'gone' }, 'main')).toEqual(['m2/screen']);
  });

  it('gives the whole stage to one tile', () => {
    expect(lay({ solo: 'm2/camera' }).placed).toEqual([{ tile: camera(2), place: 'main', rect: { x: 0, y: 0, width: 1280, height: 700 } }]);
  });

  it('hides our own tile, but not the only one', () => {
    expect(lay({ selfView: false }).placed.some(({ tile }) => tile.self)).toBe(false);
    expect(lay({ cameras: cameras(1), selfView: false }).placed).toHaveLength(1);
    expect(keys({ cameras: cameras(2), selfView: false }, 'tile')).toEqual(['m1/camera']);
  });

  it('turns pages of 49 on a desktop and of 9 on a phone, and leaves room for the page turner', () => {
    const desk = lay({ cameras: cameras(60) });
    expect([desk.pages, desk.placed.length]).toEqual([2, 49]);
    for (const { rect } of desk.placed) expect(rect.y + rect.height).toBeLessThanOrEqual(700 - TURNER + 0.5);
    expect(lay({ cameras: cameras(60), page: 1 }).placed).toHaveLength(11);
    const phone = { width: 390, height: 740, cameras: cameras(20) };
    expect([lay(phone).pages, lay(phone).placed.length]).toEqual([3, 9]);
    expect(lay({ ...phone, page: 2 }).placed).toHaveLength(2);
    const lying = lay({ width: 820, height: 310, cameras: cameras(20) });
    expect([lying.pages, lying.placed.length]).toEqual([3, 9]);
    for (const { rect } of lying.placed) expect(rect.height).toBeGreaterThan(80);
  });

  it('shows everybody on one page or another, each once, whoever speaks', () => {
    for (const speaker of [null, 12, 30, 58]) {
      const seen = [0, 1].flatMap((page) => lay({ cameras: cameras(60), page, speaker }).placed.map(({ tile }) => tile.key));
      expect(new Set(seen).size).toBe(60);
      expect(seen).toHaveLength(60);
    }
  });

  it('brings who speaks to the first page', () => {
    expect(lay({ cameras: cameras(60), speaker: 10 + 55 }).placed.some(({ tile }) => tile.key === 'm55/camera')).toBe(true);
    expect(keys({ cameras: cameras(40), screens: [screen(3)], speaker: 10 + 35 }, 'strip')).toContain('m35/camera');
  });

  it('keeps the large picture in its place on every page of the strip', () => {
    const input = { cameras: cameras(40), screens: [screen(3)] };
    const { pages } = lay(input);
    expect(pages).toBeGreaterThan(1);
    const mains = Array.from({ length: pages }, (_, page) => lay({ ...input, page }).placed.find(({ place }) => place === 'main')?.rect);
    for (const rect of mains) expect(rect).toEqual(mains[0]);
  });
});
