import { describe, expect, it } from 'vitest';
import { sourceOfFrame } from './contributing';

const old = { source: 7, timestamp: 100, rtpTimestamp: 9_000 };
const fresh = { source: 8, timestamp: 200, rtpTimestamp: 12_000 };

describe('the source of a frame', () => {
  it('is the newest where entries linger', () => {
    expect(sourceOfFrame([old, fresh])).toBe(8);
    expect(sourceOfFrame([fresh, old], 55)).toBe(8);
  });

  it('is the earlier one while its last frame is still on the screen', () => {
    expect(sourceOfFrame([fresh, old], 9_000)).toBe(7);
  });

  it('is unknown without any entry', () => {
    expect(sourceOfFrame([], 9_000)).toBeNull();
  });
});
