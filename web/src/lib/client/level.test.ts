import { expect, it } from 'vitest';
import { levelOf } from './level';

const tone = (amplitude: number) => Float32Array.from({ length: 1_024 }, (_, at) => amplitude * Math.sin(at / 3));

it('a level is even by decibels, from a quiet room to as loud as it goes', () => {
  expect(levelOf(new Float32Array(1_024))).toBe(0);
  expect(levelOf(tone(1))).toBeCloseTo(0.95, 1);
  expect(levelOf(tone(1)) - levelOf(tone(0.1))).toBeCloseTo(20 / 60, 2);
});
