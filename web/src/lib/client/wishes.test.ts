import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Wishes } from './protocol.gen';
import { WishBox, type Picture } from './wishes';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const wish = (width: number, height = 90, source = 1) => ({ sources: [{ source, width, height, priority: 1 }], speaker: null });
const SETTLED_MS = 1_000;

function boxOf(others: Picture[] = []): { box: WishBox; sent: Wishes[] } {
  const sent: Wishes[] = [];
  return { sent, box: new WishBox(async (wishes) => sent.push(wishes), () => others) };
}

it('many sizes while a window is dragged become one wish, rounded up', async () => {
  const { box, sent } = boxOf();
  for (let width = 100; width < 200; width++) box.set(wish(width));
  await vi.advanceTimersByTimeAsync(SETTLED_MS);
  expect(sent).toEqual([wish(208, 96)]);
});

it('the same wish is sent once, and again after a new join', async () => {
  const { box, sent } = boxOf();
  box.set(wish(100));
  await vi.advanceTimersByTimeAsync(SETTLED_MS);
  box.set(wish(101));
  await vi.advanceTimersByTimeAsync(SETTLED_MS);
  expect(sent).toHaveLength(1);
  box.again();
  expect(sent).toHaveLength(2);
});

it('low data shrinks what is wished in its own shape: faces to thumbnails, screens to what is still read', async () => {
  const { box, sent } = boxOf([{ source: 2, screen: true }]);
  box.thrifty = true;
  box.set({ sources: [...wish(1280, 720).sources, ...wish(1920, 1080, 2).sources], speaker: { width: 640, height: 360 } });
  await vi.advanceTimersByTimeAsync(SETTLED_MS);
  expect(sent).toEqual([{ sources: [...wish(320, 192).sources, ...wish(1280, 720, 2).sources], speaker: { width: 320, height: 192 } }]);
  box.thrifty = false;
  await vi.advanceTimersByTimeAsync(SETTLED_MS);
  expect(sent[1]?.sources[0]).toMatchObject({ width: 1280, height: 720 });
});

it('while nobody looks nothing is wished, and then what the page wanted last', async () => {
  const { box, sent } = boxOf();
  box.set(wish(320));
  await vi.advanceTimersByTimeAsync(SETTLED_MS);
  box.hidden = true;
  box.set(wish(640));
  await vi.advanceTimersByTimeAsync(SETTLED_MS);
  box.hidden = false;
  await vi.advanceTimersByTimeAsync(SETTLED_MS);
  expect(sent).toEqual([wish(320, 96), { sources: [], speaker: null }, wish(640, 96)]);
});

it('a page that never wished says nothing, until it was hidden: then it wishes everybody, also those who come', async () => {
  const others = [{ source: 4, screen: true }, { source: 3, screen: false }];
  const { box, sent } = boxOf(others);
  box.refresh();
  await vi.advanceTimersByTimeAsync(SETTLED_MS);
  expect(sent).toEqual([]);
  box.hidden = true;
  await vi.advanceTimersByTimeAsync(SETTLED_MS);
  box.hidden = false;
  await vi.advanceTimersByTimeAsync(SETTLED_MS);
  others.push({ source: 5, screen: false });
  box.refresh();
  await vi.advanceTimersByTimeAsync(SETTLED_MS);
  const ofAnySize = { width: 0, height: 0 };
  const both = [{ source: 4, ...ofAnySize, priority: 200 }, { source: 3, ...ofAnySize, priority: 100 }];
  expect(sent.slice(1)).toEqual([
    { sources: both, speaker: null },
    { sources: [...both, { source: 5, ...ofAnySize, priority: 100 }], speaker: null },
  ]);
});

it('a wish that was lost is sent again when the page wishes it anew', async () => {
  let fails = true;
  let tries = 0;
  const box = new WishBox(async () => {
    tries += 1;
    if (fails) throw new Error('lost');
  });
  box.set(wish(100));
  await vi.advanceTimersByTimeAsync(SETTLED_MS);
  fails = false;
  box.set(wish(100));
  await vi.advanceTimersByTimeAsync(SETTLED_MS);
  expect(tries).toBe(2);
});
