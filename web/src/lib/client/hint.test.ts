import { expect, it } from 'vitest';
import { SpeechGate } from './hint';

const VOICE = 0.6;
const ROOM = 0.2;

/** Samples every 200 ms; the seconds at which speech was told. */
function run(levels: number[]): number[] {
  const gate = new SpeechGate();
  return levels.flatMap((level, index) => (gate.sample(level, 60_000 + index * 200) ? [index / 5] : []));
}

it('a word is speech, a cough and a noisy room are not', () => {
  expect(run([ROOM, VOICE, VOICE, VOICE, VOICE])).toHaveLength(1);
  expect(run([ROOM, VOICE, VOICE, ROOM, ROOM, ROOM, ROOM, VOICE, VOICE, ROOM])).toEqual([]);
  expect(run(Array<number>(100).fill(0.4))).toEqual([]);
});

it('a long speech is told once in twenty seconds', () => {
  const told = run(Array<number>(300).fill(VOICE));
  expect(told).toHaveLength(3);
  expect((told[1] ?? 0) - (told[0] ?? 0)).toBeGreaterThanOrEqual(20);
});
