import { describe, expect, it } from 'vitest';
import type { VideoCodec } from './codecs';
import { bitrateFor, cameraLayers, cameraPlan, screenPlan, type Scalability } from './encodings';

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

describe('the layers of a camera by its codec', () => {
  const within = 'spatial' as const;

  it('are streams of their own with layers in time, in VP8 and H.264', () => {
    expect(cameraLayers(1280, 720, { codec: 'vp8', within }).map(({ scalabilityMode }) => scalabilityMode)).toEqual(['L1T3', 'L1T3', 'L1T3']);
    expect(cameraLayers(640, 360, { codec: 'h264', within })).toMatchObject([
      { active: true, scaleResolutionDownBy: 2, scalabilityMode: 'L1T2' },
      { active: true, scaleResolutionDownBy: 1, scalabilityMode: 'L1T2' },
      { active: false, scalabilityMode: 'L1T2' },
    ]);
  });

  it.each([
    [1280, 720, 'L3T3_KEY'],
    [640, 360, 'L2T3_KEY'],
    [320, 180, 'L1T3'],
  ])('are one stream in VP9 and AV1, of %i×%i as %s', (width, height, mode) => {
    for (const codec of ['vp9', 'av1'] as const) {
      const layers = cameraLayers(width, height, { codec, within });
      expect(layers.map(({ active }) => active)).toEqual([true, false, false]);
      expect(layers[0]).toMatchObject({ scaleResolutionDownBy: 1, scalabilityMode: mode });
    }
  });

  it('cost fewer bits in the newer codecs, and together no more than their sum', () => {
    const rate = (codec: VideoCodec, scalability: Scalability): number =>
      cameraLayers(1280, 720, { codec, within: scalability }).filter(({ active }) => active).reduce((sum, { maxBitrate }) => sum + maxBitrate, 0);
    expect(rate('h264', 'spatial')).toBe(rate('vp8', 'spatial'));
    expect(rate('vp9', 'spatial')).toBeLessThan(rate('vp8', 'spatial'));
    expect(rate('av1', 'spatial')).toBeLessThan(rate('vp9', 'spatial'));
    expect(rate('vp9', 'spatial')).toBe(rate('vp9', 'temporal'));
  });

  it('are named nowhere where a browser knows no such layers', () => {
    const layers = cameraPlan(1280, 720, undefined, false, { codec: 'vp9', within: 'none' });
    expect(layers.map(({ active, scalabilityMode }) => [active, scalabilityMode])).toEqual([[true, undefined], [true, undefined], [true, undefined]]);
  });

  it('in one stream are sent when anybody takes any', () => {
    const active = (demand: boolean[]): boolean[] => cameraPlan(1280, 720, demand, false, { codec: 'vp9', within }).map((layer) => layer.active);
    expect(active([true, false, false])).toEqual([true, false, false]);
    expect(active([false, false, true])).toEqual([true, false, false]);
    expect(active([false, false, false])).toEqual([false, false, false]);
  });

  it.each([
    [[true, false, false], 'L1T3', 4],
    [[true, true, false], 'L2T3_KEY', 2],
    [[true, false, true], 'L3T3_KEY', 1],
    [[false, false, false], 'L3T3_KEY', 1],
  ])('in one stream, taken as %j, are %s with the largest scaled by %i', (demand, mode, scale) => {
    const [stream] = cameraPlan(1280, 720, demand, false, { codec: 'vp9', within });
    expect(stream).toMatchObject({ scalabilityMode: mode, scaleResolutionDownBy: scale });
    expect(stream?.maxBitrate).toBe(cameraLayers(1280, 720, { codec: 'vp9', within: 'temporal' }).slice(0, demand.lastIndexOf(true) + 1 || 3).reduce((sum, { maxBitrate }) => sum + maxBitrate, 0));
  });

  it('in one stream of a smaller camera end with what it has', () => {
    const mode = (demand: boolean[]) => cameraPlan(640, 360, demand, false, { codec: 'av1', within })[0]?.scalabilityMode;
    expect([mode([true, false, false]), mode([true, true, false]), mode([true, false, true])]).toEqual(['L1T3', 'L2T3_KEY', 'L2T3_KEY']);
  });
});
