import { describe, expect, it } from 'vitest';
import { bitrateFor, cameraLayers, cameraPlan, screenPlan } from './encodings';

describe('the layers of a camera', () => {
  it.each([
    [1920, 1080, [4, 2, 1]],
    [1280, 720, [4, 2, 1]],
    [960, 540, [4, 2, 1]],
    [640, 480, [2, 1]],
    [640, 360, [2, 1]],
    [320, 240, [1]],
  ])('of %i×%i are scaled by %j, the last being the full picture', (width, height, scales) => {
    const active = cameraLayers(width, height).filter((layer) => layer.active);
    expect(active.map((layer) => layer.scaleResolutionDownBy)).toEqual(scales);
  });

  it('are always q, h and f in this order, with rising rates', () => {
    const layers = cameraLayers(1280, 720);
    expect(layers.map(({ rid }) => rid)).toEqual(['q', 'h', 'f']);
    expect(layers.map(({ maxBitrate }) => maxBitrate)).toEqual([150_000, 500_000, 1_700_000]);
  });

  it('treat a phone in portrait like one in landscape', () => {
    expect(cameraLayers(720, 1280)).toEqual(cameraLayers(1280, 720));
  });
});

it('a bitrate never falls with more pixels and ends at the table’s last', () => {
  let last = 0;
  for (let pixels = 0; pixels < 4_000_000; pixels += 10_007) {
    expect(bitrateFor(pixels)).toBeGreaterThanOrEqual(last);
    last = bitrateFor(pixels);
  }
  expect(last).toBe(3_000_000);
});

describe('what a camera sends', () => {
  it('is what its size allows of what is taken', () => {
    expect(cameraPlan(1280, 720, [true, false, true], false).map(({ active }) => active)).toEqual([true, false, true]);
    expect(cameraPlan(320, 240, [true, true, true], false).map(({ active }) => active)).toEqual([true, false, false]);
  });

  it('with low data is one small stream, whichever was asked for', () => {
    const plan = cameraPlan(1280, 720, [false, false, true], true);
    expect(plan.map(({ active }) => active)).toEqual([true, false, false]);
    expect(plan[0]).toMatchObject({ scaleResolutionDownBy: 4, maxBitrate: 150_000, maxFramerate: 15 });
  });

  it('with low data is never enlarged, and nothing when nobody looks', () => {
    expect(cameraPlan(160, 90, undefined, true)[0]?.scaleResolutionDownBy).toBe(1);
    expect(cameraPlan(640, 360, [false, false, false], true).some(({ active }) => active)).toBe(false);
  });
});

it('a screen keeps its letters sharp at fifteen frames, a film runs at thirty, low data takes a fifth', () => {
  expect(screenPlan(false, false)).toEqual({ maxBitrate: 2_500_000, maxFramerate: 15 });
  expect(screenPlan(true, false).maxFramerate).toBe(30);
  expect(screenPlan(true, true)).toEqual({ maxBitrate: 500_000, maxFramerate: 5 });
});
