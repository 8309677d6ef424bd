import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { forget, recentRooms, remember } from './recent';

beforeEach(() => {
  const kept = new Map<string, string>();
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  });
});
afterEach(() => vi.unstubAllGlobals());

it('remembers the five newest rooms, each once', () => {
  for (const [at, room] of ['a', 'b', 'c', 'd', 'e', 'f', 'b'].entries()) remember(room, at);
  expect(recentRooms().map(({ room }) => room)).toEqual(['b', 'f', 'e', 'd', 'c']);
  expect(forget('f').map(({ room }) => room)).toEqual(['b', 'e', 'd', 'c']);
});

it('reads nothing from what somebody else has put there', () => {
  localStorage.setItem('plenum.recent', JSON.stringify([{ room: 7, at: 1 }, null, { room: 'ok', at: 2 }, 'x']));
  expect(recentRooms()).toEqual([{ room: 'ok', at: 2 }]);
  localStorage.setItem('plenum.recent', '{"length":3}');
  expect(recentRooms()).toEqual([]);
});
