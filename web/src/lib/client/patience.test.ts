import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Patience, type Reach } from './patience';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const reach = (signalling: 'up' | 'down', media: Reach['media'], joined = true): Reach => ({ signalling, media, joined });

function patience(): { it: Patience; told: (string | undefined)[] } {
  const told: (string | undefined)[] = [];
  return { told, it: new Patience((error) => told.push(error?.code)) };
}

it('a network that lets nothing through is told after a while, and told to be over when it does', async () => {
  const { it, told } = patience();
  it.look(reach('down', 'connecting', false));
  await vi.advanceTimersByTimeAsync(7_000);
  expect(told).toEqual([]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(told).toEqual(['signalling_blocked']);
  it.look(reach('up', 'connecting', false));
  it.look(reach('up', 'connecting'));
  await vi.advanceTimersByTimeAsync(13_000);
  expect(told).toEqual(['signalling_blocked', undefined, 'media_blocked']);
  it.look(reach('up', 'connected'));
  expect(told.slice(3)).toEqual([undefined]);
});

it('a call that connects in time is told of nothing', async () => {
  const { it, told } = patience();
  it.look(reach('down', 'connecting', false));
  await vi.advanceTimersByTimeAsync(4_000);
  it.look(reach('up', 'connecting'));
  await vi.advanceTimersByTimeAsync(4_000);
  it.look(reach('up', 'connected'));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(told).toEqual([]);
});

it('whoever waits for the media of a lost signalling connection is told of that one', async () => {
  const { it, told } = patience();
  it.look(reach('down', 'reconnecting'));
  await vi.advanceTimersByTimeAsync(20_000);
  expect(told).toEqual(['signalling_blocked']);
});
