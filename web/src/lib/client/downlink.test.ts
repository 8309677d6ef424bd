import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Downlink } from './downlink';
import type { Link } from './link';
import type { Seats, SourceId } from './protocol.gen';

const MOST = 49;

/** A call with nine seats, whose room has so many pictures; and what it grew to. */
const call = (): { downlink: Downlink; pictures: (count: number) => void; grown: number[] } => {
  const grown: number[] = [];
  const link = {
    seats: 9,
    lines: undefined,
    excuseSilence: () => undefined,
    grow(seats: number) {
      grown.push(seats);
      link.seats = seats;
    },
  };
  const downlink = new Downlink(link as unknown as Link, () => undefined);
  const source = (index: number) => `s${index}` as unknown as SourceId;
  const pictures = (count: number) => {
    const seats = Array.from({ length: link.seats }, (_, index) => (index < count ? source(index) : null));
    const unseated = Array.from({ length: Math.max(0, count - link.seats) }, (_, index) => source(link.seats + index));
    downlink.deal({ seats, audio: [], unsupportedCodec: [], unseated } as unknown as Seats, MOST);
  };
  return { downlink, pictures, grown };
};

describe('seats', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('grow within two seconds when few are free', () => {
    const { pictures, grown } = call();
    pictures(7);
    vi.advanceTimersByTime(2_000);
    expect(grown).toEqual([16]);
  });

  it('do not grow while enough are free', () => {
    const { pictures, grown } = call();
    pictures(6);
    vi.advanceTimersByTime(10_000);
    expect(grown).toEqual([]);
  });

  it('grow in a room that changes all the time, once and to what is needed by then', () => {
    const { pictures, grown } = call();
    vi.spyOn(Math, 'random').mockReturnValue(1);
    for (const count of [8, 9, 12, 15, 15, 14]) {
      pictures(count);
      vi.advanceTimersByTime(400);
    }
    expect(grown).toEqual([25]);
  });

  it('do not grow when those who came have left meanwhile', () => {
    const { pictures, grown } = call();
    pictures(8);
    pictures(3);
    vi.advanceTimersByTime(10_000);
    expect(grown).toEqual([]);
  });

  it('do not grow for what was on its way when we left', () => {
    const { downlink, pictures, grown } = call();
    vi.stubGlobal('navigator', {});
    downlink.close();
    pictures(8);
    vi.advanceTimersByTime(10_000);
    vi.unstubAllGlobals();
    expect([grown, downlink.unseated]).toEqual([[], []]);
  });
});
