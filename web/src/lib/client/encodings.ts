/** What each sender may send, from the size of its track. Pure: the same numbers for every browser. */

export interface Layer {
  rid: string;
  active: boolean;
  scaleResolutionDownBy: number;
  maxBitrate: number;
  maxFramerate?: number;
}

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

/** The three layers of a camera of this size: the largest is always the full picture. */
export function cameraLayers(width: number, height: number): Layer[] {
  const pixels = width * height;
  const scales = pixels >= THREE_LAYERS ? [4, 2, 1] : pixels >= TWO_LAYERS ? [2, 1] : [1];
  return RIDS.map((rid, index) => {
    const scale = scales[index];
    // An inactive layer must still carry a legal scale.
    if (scale === undefined) return { rid, active: false, scaleResolutionDownBy: 1, maxBitrate: 50_000 };
    return { rid, active: true, scaleResolutionDownBy: scale, maxBitrate: bitrateFor(pixels / (scale * scale)) };
  });
}

/** Low data: one small stream, whatever others would take. */
export function thriftyLayers(width: number, height: number): Layer[] {
  const scale = Math.max(1, Math.sqrt((width * height) / THRIFTY_PIXELS));
  const maxBitrate = bitrateFor((width * height) / (scale * scale));
  return RIDS.map((rid, index) => ({ rid, active: index === 0, scaleResolutionDownBy: scale, maxBitrate, maxFramerate: THRIFTY_FRAMES }));
}

/** What each stream of the camera is to send: what its size allows, of what anybody takes. */
export function cameraPlan(width: number, height: number, demand: readonly boolean[] | undefined, thrifty: boolean): Layer[] {
  if (!thrifty) return cameraLayers(width, height).map((layer, index) => ({ ...layer, active: layer.active && (demand?.[index] ?? true) }));
  // Whoever asked for a larger one gets this one: the server takes what there is.
  const wanted = demand?.some(Boolean) ?? true;
  return thriftyLayers(width, height).map((layer) => ({ ...layer, active: layer.active && wanted }));
}
