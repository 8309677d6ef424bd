/** What each sender may send, from its codec and the size of its track. Pure: the same numbers for every browser. */
import { isScalable, type VideoCodec } from './codecs';

export interface Layer {
  rid: string;
  active: boolean;
  scaleResolutionDownBy: number;
  maxBitrate: number;
  maxFramerate?: number;
  /** Spatial and temporal layers within the stream (W3C webrtc-svc); `undefined` = as the browser likes. */
  scalabilityMode?: string;
}

/** Which layers a browser makes within one stream: smaller pictures and fewer frames, the latter alone, or none that one could ask for. */
export type Scalability = 'spatial' | 'temporal' | 'none';

/** How a camera is encoded. */
export interface Coding {
  codec: VideoCodec;
  within: Scalability;
}

const PLAIN: Coding = { codec: 'vp8', within: 'none' };

/** Always three rids, ascending, so that the offer never changes; what they carry follows the track. */
export const RIDS = ['q', 'h', 'f'] as const;

/** Enough for a sharp picture of that many pixels in VP8 at 30 frames a second; linear in between. */
const BITRATES: ReadonlyArray<readonly [pixels: number, bitsPerSecond: number]> = [
  [160 * 90, 80_000],
  [320 * 180, 150_000],
  [480 * 270, 300_000],
  [640 * 360, 500_000],
  [960 * 540, 1_000_000],
  [1280 * 720, 1_700_000],
  [1920 * 1080, 3_000_000],
];

/** What each codec needs of VP8's bits for the same picture, as encoders in real time do it: careful, for calls vary. */
const BITS: Record<VideoCodec, number> = { vp8: 1, h264: 1, vp9: 0.75, av1: 0.6 };

/**
 * Layers in time within each stream, so that the server can halve and quarter the frames of the smallest picture. H.264 tells
 * apart two of them only: frames that others refer to, and frames that none does.
 */
const TEMPORAL: Record<VideoCodec, string> = { vp8: 'L1T3', h264: 'L1T2', vp9: 'L1T3', av1: 'L1T3' };

/** Chromium sends three layers from 960×540 up, two from 480×270, else one, and drops the last-listed silently. */
const THREE_LAYERS = 960 * 540;
const TWO_LAYERS = 480 * 270;

/** Text needs pixels more than frames; 2.5 Mb/s carries a 1080p page that is being scrolled. */
export const SCREEN_BITRATE = 2_500_000;
export const SCREEN_FRAMES = 15;

/** With low data: a face is recognised and a page can be read, slowly. */
const THRIFTY_PIXELS = 320 * 180;
export const THRIFTY_FRAMES = 15;
const THRIFTY_SCREEN = { maxBitrate: 500_000, maxFramerate: 5 } as const;
export const CAMERA_FRAMES = 30;
/** A screen's sound is music and films. */
export const SCREEN_SOUND_BITRATE = 96_000;

/** One stream, never simulcast: a small copy of a page is unreadable, and VP8 would take its bits from the large one. */
export function screenPlan(film: boolean, thrifty: boolean): { maxBitrate: number; maxFramerate: number } {
  if (thrifty) return THRIFTY_SCREEN;
  return { maxBitrate: SCREEN_BITRATE, maxFramerate: film ? CAMERA_FRAMES : SCREEN_FRAMES };
}

export function bitrateFor(pixels: number): number {
  let [belowPixels, belowRate] = [0, 50_000];
  for (const [pixelsHere, rate] of BITRATES) {
    if (pixels <= pixelsHere) {
      const share = (pixels - belowPixels) / (pixelsHere - belowPixels);
      return Math.round(belowRate + share * (rate - belowRate));
    }
    [belowPixels, belowRate] = [pixelsHere, rate];
  }
  return belowRate;
}

/** Every size comes in one stream, rather than each in its own. */
export function isOneStream({ codec, within }: Coding): boolean {
  return within === 'spatial' && isScalable(codec);
}

function temporal({ codec, within }: Coding): Pick<Layer, 'scalabilityMode'> {
  return within === 'none' ? {} : { scalabilityMode: TEMPORAL[codec] };
}

/** The sizes that a camera is sent in, as divisors of its own, ascending in picture: the last is the full one. */
function scalesOf(pixels: number): number[] {
  return pixels >= THREE_LAYERS ? [4, 2, 1] : pixels >= TWO_LAYERS ? [2, 1] : [1];
}

/**
 * The three layers of a camera of this size: the largest is always the full picture. `most`: how many sizes one stream holds,
 * the smallest first.
 */
export function cameraLayers(width: number, height: number, coding: Coding = PLAIN, most: number = RIDS.length): Layer[] {
  const { codec } = coding;
  const pixels = width * height;
  const scales = scalesOf(pixels);
  const rateOf = (scale: number): number => Math.round(bitrateFor(pixels / (scale * scale)) * BITS[codec]);
  const silent = { active: false, scaleResolutionDownBy: 1, maxBitrate: 50_000 };
  if (isOneStream(coding)) {
    // One stream with every size in it: each is predicted from the one below at key pictures only, so that it stands alone else.
    const sizes = scales.slice(0, Math.max(1, most));
    const maxBitrate = sizes.reduce((sum, scale) => sum + rateOf(scale), 0);
    const scaleResolutionDownBy = sizes[sizes.length - 1] ?? 1;
    const scalabilityMode = sizes.length > 1 ? `L${sizes.length}T3_KEY` : TEMPORAL[codec];
    return RIDS.map((rid, index) => (index === 0 ? { rid, active: true, scaleResolutionDownBy, maxBitrate, scalabilityMode } : { rid, ...silent }));
  }
  return RIDS.map((rid, index) => {
    const scale = scales[index];
    // An inactive layer must still carry a legal scale; Chromium takes the layers in time of all streams from the last one.
    if (scale === undefined) return { rid, ...silent, ...temporal(coding) };
    return { rid, active: true, scaleResolutionDownBy: scale, maxBitrate: rateOf(scale), ...temporal(coding) };
  });
}

/** Low data: one small stream, whatever others would take. */
export function thriftyLayers(width: number, height: number, coding: Coding = PLAIN): Layer[] {
  const scale = Math.max(1, Math.sqrt((width * height) / THRIFTY_PIXELS));
  const maxBitrate = Math.round(bitrateFor((width * height) / (scale * scale)) * BITS[coding.codec]);
  const common = { scaleResolutionDownBy: scale, maxBitrate, maxFramerate: THRIFTY_FRAMES, ...temporal(coding) };
  return RIDS.map((rid, index) => ({ rid, active: index === 0, ...common }));
}

/** What each stream of the camera is to send: what its size allows, of what anybody takes. */
export function cameraPlan(width: number, height: number, demand: readonly boolean[] | undefined, thrifty: boolean, coding: Coding = PLAIN): Layer[] {
  // One stream alone carries all, of one stream's sizes those up to the largest that is taken.
  const single = thrifty || isOneStream(coding);
  const wanted = demand?.some(Boolean) ?? true;
  const most = demand && wanted ? demand.lastIndexOf(true) + 1 : RIDS.length;
  const layers = thrifty ? thriftyLayers(width, height, coding) : cameraLayers(width, height, coding, most);
  return layers.map((layer, index) => ({ ...layer, active: layer.active && (single ? wanted : (demand?.[index] ?? true)) }));
}
