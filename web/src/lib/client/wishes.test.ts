import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Wishes } from './protocol.gen';
import { WishBox } from './wishes';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const wish = (width: number) => ({ sources: [{ source: 1, width, height: 90, priority: 1 }], speaker: null });

it('many sizes while a window is dragged become one wish, rounded up', async () => {
  const sent: Wishes[] = [];
  const box = new WishBox(async (wishes) => sent.push(wishes));
  for (let width = 100; width < 200; width++) box.set(wish(width));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(sent).toEqual([{ sources: [{ source: 1, width: 208, height: 96, priority: 1 }], speaker: null }]);
});

it('the same wish is sent once, and again after a new join', async () => {
  const sent: Wishes[] = [];
  const box = new WishBox(async (wishes) => sent.push(wishes));
  box.set(wish(100));
  await vi.advanceTimersByTimeAsync(1_000);
  box.set(wish(101));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(sent).toHaveLength(1);
  box.again();
  expect(sent).toHaveLength(2);
});
