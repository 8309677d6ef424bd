import { describe, expect, it } from 'vitest';
import { BackOff, StallDetector } from './stall';

/** Feeds one sample every 500 ms; `flow` says at which of them bytes came. Returns when a stall was told. */
function run(flow: boolean[], prepare?: (detector: StallDetector, step: number) => void): number[] {
  const detector = new StallDetector();
  let bytes = 0;
  return flow.flatMap((came, step) => {
    prepare?.(detector, step);
    if (came) bytes += 1_000;
    return detector.sample(bytes, 10_000 + step * 500) ? [step] : [];
  });
}

const steady = Array<boolean>(10).fill(true);

describe('a stall', () => {
  it('is a steady flow that stops for 1.5 s', () => {
    expect(run([...steady, false, false, false, false])).toEqual([12, 13]);
  });

  it('is none when packets come now and then only', () => {
    const sparse = Array.from({ length: 60 }, (_, step) => step % 8 === 0);
    expect(run(sparse)).toEqual([]);
  });

  it('is none when the page itself stood still, and one when still nothing comes', () => {
    const detector = new StallDetector();
    for (let step = 0; step < 10; step++) detector.sample(step, step * 500);
    expect(detector.sample(9, 9_000)).toBe(false);
    expect(detector.sample(10, 9_100)).toBe(false);
    for (let step = 0; step < 10; step++) detector.sample(11 + step, 9_600 + step * 500);
    expect([18_000, 18_500].map((at) => detector.sample(20, at))).toEqual([false, true]);
  });

  it('is none when somebody has just left', () => {
    const silence = Array<boolean>(20).fill(false);
    expect(run([...steady, ...silence], (detector, step) => { if (step === 10) detector.excuse(15_000); })).toEqual([]);
  });
});

it('a back-off doubles up to its most and starts anew after a reset', () => {
  const backOff = new BackOff(250, 1_000);
  expect([backOff.wait(), backOff.wait(), backOff.wait(), backOff.wait()]).toEqual([250, 500, 1_000, 1_000]);
  backOff.reset();
  expect(backOff.wait()).toBe(250);
});
