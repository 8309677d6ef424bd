import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SeatLines } from './lines';
import type { SourceId } from './protocol.gen';
import { Seat } from './seat';

const id = (source: number) => source as unknown as SourceId;

/** A seat that is watched; `frame` presents one whose packets name this source. */
const watched = (): { seat: Seat; frame: (source: number) => void } => {
  let presented: VideoFrameRequestCallback = () => undefined;
  let entries: unknown[] = [];
  const element = {
    requestVideoFrameCallback: (next: VideoFrameRequestCallback) => ((presented = next), 1),
    play: () => Promise.resolve(),
  };
  const seat = new Seat(0, () => undefined);
  const receiver = { track: {}, getContributingSources: () => entries };
  seat.bind({ video: { receiver } } as unknown as SeatLines);
  seat.watch(element as unknown as HTMLVideoElement);
  const frame = (source: number) => {
    entries = [{ source, rtpTimestamp: 1, timestamp: 1 }];
    presented(0, { rtpTimestamp: 1 } as VideoFrameCallbackMetadata);
  };
  return { seat, frame };
};

describe('a seat', () => {
  beforeEach(() => void vi.stubGlobal('MediaStream', class {}));
  afterEach(() => void vi.unstubAllGlobals());

  it('shows a picture under its name once a frame of it is presented', () => {
    const { seat, frame } = watched();
    seat.seat(id(3));
    expect(seat.ready).toBe(false);
    frame(3);
    expect(seat.ready).toBe(true);
  });

  it('takes a frame that runs ahead of its name', () => {
    const { seat, frame } = watched();
    frame(3);
    seat.seat(id(3));
    expect(seat.ready).toBe(true);
  });

  it('does not bring back a frame that was presented after its source had left', () => {
    const { seat, frame } = watched();
    seat.seat(id(3));
    frame(3);
    seat.seat(null);
    frame(3);
    expect(seat.shown).toBeNull();
    seat.seat(id(3));
    expect(seat.ready).toBe(false);
    frame(3);
    expect(seat.ready).toBe(true);
  });
});
