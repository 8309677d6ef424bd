import { describe, expect, it } from 'vitest';
import type { NetworkTrouble } from '$client/index';
import { SteadyTrouble } from './trouble';

const ours: NetworkTrouble = { whose: 'ours', way: 'down' };
const theirs = (...members: string[]): NetworkTrouble => ({ whose: 'theirs', members });

describe('trouble of a network', () => {
  it('is told when it lasts, and taken back when it is over', () => {
    const steady = new SteadyTrouble();
    expect([ours, ours, ours].map((one) => steady.sample(one))).toEqual([undefined, undefined, ours]);
    expect([1, 2, 3, 4].map(() => steady.sample(undefined))).toEqual([ours, ours, ours, undefined]);
  });

  it('that comes and goes is no news', () => {
    const steady = new SteadyTrouble();
    for (let round = 0; round < 10; round++) {
      expect(steady.sample(ours)).toBeUndefined();
      expect(steady.sample(undefined)).toBeUndefined();
    }
  });

  it('names those whose it is now', () => {
    const steady = new SteadyTrouble();
    steady.sample(theirs('a'));
    steady.sample(theirs('a', 'b'));
    expect(steady.sample(theirs('b'))).toEqual(theirs('b'));
  });
});
