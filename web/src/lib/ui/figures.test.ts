import { describe, expect, it } from 'vitest';
import { grade, milliseconds, pictureRows, rate, share, size } from './figures';
import { en } from './words.en';

describe('figures', () => {
  it('are rounded to what can be told apart', () => {
    expect([rate(0), rate(64_400), rate(1_240_000), rate(12_400_000)]).toEqual(['0 kb/s', '64 kb/s', '1.2 Mb/s', '12 Mb/s']);
    expect([share(0), share(0.004), share(0.234)]).toEqual(['0 %', '0.4 %', '23 %']);
    expect([milliseconds(12.4), milliseconds(undefined)]).toEqual(['12 ms', '–']);
    expect([size({ width: 640, height: 360, fps: 29.7 }), size({})]).toEqual(['640×360 · 30/s', '–']);
  });

  it('are graded as the library grades them', () => {
    expect([grade(1), grade(2.5), grade(4.4), grade(undefined)]).toEqual(['poor', 'fair', 'good', undefined]);
  });

  it('say which streams of our own anybody takes, and freezes of what we receive', () => {
    const video = { bitrate: 500_000, loss: 0, freezes: 2, frozenMs: 1_500, paused: false };
    const layers = [{ rid: 'q', active: true, bitrate: 1, width: 320, height: 180 }, { rid: 'h', active: false, bitrate: 0 }];
    expect(pictureRows({ ...video, layers }, en.figures)).toContainEqual([en.figures.layers, 'q 320×180']);
    expect(pictureRows(video, en.figures)).toContainEqual([en.figures.freezes, '2 · 1.5 s']);
    const layer = { spatial: 2, spatials: 3, temporal: 1, temporals: 3 };
    expect(pictureRows({ ...video, layer }, en.figures)).toContainEqual([en.figures.layer, 'size 2 of 3 · frames 1 of 3']);
    expect(pictureRows({ ...video, paused: true }, en.figures)).toContainEqual([en.figures.rate, en.figures.paused]);
  });
});
