import { describe, expect, it } from 'vitest';
import { seatStep } from './lines';

describe('the number of seats', () => {
  it('grows by steps of the grid', () => {
    expect([3, 10, 17, 26].map((wanted) => seatStep(9, wanted, 49))).toEqual([9, 16, 25, 49]);
  });

  it('never shrinks, and never passes what the server allows', () => {
    expect(seatStep(16, 2, 49)).toBe(16);
    expect(seatStep(9, 60, 25)).toBe(25);
    expect(seatStep(9, 500, 49)).toBe(49);
  });
});
