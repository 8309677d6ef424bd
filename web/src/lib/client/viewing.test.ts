import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Viewing as Told } from './protocol.gen';
import { TELL_MS, Viewing } from './viewing';

type Picture = { frames: number; freezes?: number; frozen?: number };

const connection = (): { pc: RTCPeerConnection; pictures: Record<number, Picture> } => {
  const pictures: Record<number, Picture> = {};
  const entries = () =>
    Object.entries(pictures).map(([ssrc, { frames, freezes = 0, frozen = 0 }]) => ({
      ...{ id: `v${ssrc}`, type: 'inbound-rtp', kind: 'video', mid: ssrc, ssrc: Number(ssrc) },
      ...{ framesDecoded: frames, freezeCount: freezes, totalFreezesDuration: frozen },
    }));
  return { pc: { getStats: () => Promise.resolve(entries()) } as unknown as RTCPeerConnection, pictures };
};

describe('what is told of received pictures', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const next = () => vi.advanceTimersByTimeAsync(TELL_MS);

  it('is how long they came and stood still since the last time', async () => {
    const { pc, pictures } = connection();
    const told: Told[] = [];
    const viewing = new Viewing(() => pc, (more) => told.push(more));
    viewing.start();
    pictures[1] = { frames: 10 };
    pictures[2] = { frames: 10, freezes: 7, frozen: 9 };
    await next();
    expect(told).toEqual([]);
    pictures[1] = { frames: 310 };
    pictures[2] = { frames: 200, freezes: 8, frozen: 10 };
    await next();
    pictures[1] = { frames: 610, freezes: 1, frozen: 0.25 };
    await next();
    expect(told).toEqual([
      { freezes: 0, frozenMs: 0, shownMs: 2 * TELL_MS },
      { freezes: 1, frozenMs: 250, shownMs: TELL_MS },
    ]);
    viewing.stop();
    pictures[1] = { frames: 900 };
    await next();
    expect(told).toHaveLength(2);
  });

  it('is no freeze when a picture comes back that rested', async () => {
    const { pc, pictures } = connection();
    const told: Told[] = [];
    const viewing = new Viewing(() => pc, (more) => told.push(more));
    viewing.start();
    for (const [frames, freezes, frozen] of [[1, 0, 0], [300, 0, 0], [300, 0, 0], [600, 1, 12], [900, 2, 12.5]] as const) {
      pictures[1] = { frames, freezes, frozen };
      await next();
    }
    expect(told.map((more) => more.frozenMs)).toEqual([0, 0, 500]);
  });

  it('begins anew with another connection, and says nothing without one', async () => {
    const [first, second] = [connection(), connection()];
    first.pictures[1] = { frames: 100 };
    second.pictures[1] = { frames: 5_000, freezes: 9, frozen: 99 };
    let pc: RTCPeerConnection | undefined = first.pc;
    const told: Told[] = [];
    new Viewing(() => pc, (more) => told.push(more)).start();
    await next();
    pc = undefined;
    await next();
    pc = second.pc;
    await next();
    expect(told).toEqual([]);
  });
});
