import { expect, it, vi } from 'vitest';
import { LevelMeter, levelOf } from './level';

const tone = (amplitude: number) => Float32Array.from({ length: 1_024 }, (_, at) => amplitude * Math.sin(at / 3));

it('a level is even by decibels, from a quiet room to as loud as it goes', () => {
  expect(levelOf(new Float32Array(1_024))).toBe(0);
  expect(levelOf(tone(1))).toBeCloseTo(0.95, 1);
  expect(levelOf(tone(1)) - levelOf(tone(0.1))).toBeCloseTo(20 / 60, 2);
});

it('a track that cannot be measured keeps no context running', () => {
  const suspend = vi.fn(() => Promise.resolve());
  class Context {
    resume = () => Promise.resolve();
    suspend = suspend;
    createAnalyser = () => ({});
    createMediaStreamSource = () => {
      throw new DOMException('no audio track', 'InvalidStateError');
    };
  }
  vi.stubGlobal('AudioContext', Context);
  vi.stubGlobal('MediaStream', class {});
  expect(() => new LevelMeter({} as MediaStreamTrack)).toThrow('no audio track');
  expect(suspend).toHaveBeenCalledOnce();
  vi.unstubAllGlobals();
});
