/** Which tile goes where on this stage: grid, one large with a strip, or the floating self-view. Pure. */
import type { TileView } from './call.svelte';
import { floating, focus, grid, pageSize, WIDE, type Corner, type Rect } from './grid';
import type { StageMode } from './prefs.svelte';

/** `main` is what everybody looks at, `strip` stands beside it, `float` lies over it. */
export type Place = 'tile' | 'main' | 'strip' | 'float';

export interface Placed {
  tile: TileView;
  rect: Rect;
  place: Place;
}

export interface StageLayout {
  placed: Placed[];
  columns: number;
  height: number;
  pages: number;
}

export interface StageInput {
  width: number;
  height: number;
  cameras: readonly TileView[];
  screens: readonly TileView[];
  mode: StageMode;
  page: number;
  /** Columns of the grid that is on the screen. */
  before: number;
  /** The tile that somebody chose to look at. */
  pinned?: string | undefined;
  /** The tile that has the whole stage. */
  solo?: string | undefined;
  /** The camera of whoever spoke last. */
  speaker?: number | null | undefined;
  selfView?: boolean;
  /** Where our own picture floats. */
  corner?: Corner;
  /** Aspect ratios of shared screens, as far as they are known. */
  aspects?: ReadonlyMap<string, number>;
}

/** What the page turner takes at the bottom. */
export const TURNER = 52;

export function layoutStage(input: StageInput): StageLayout {
  const whole = layout(input);
  return whole.pages > 1 ? layout({ ...input, height: Math.max(0, input.height - TURNER) }) : whole;
}

function layout(input: StageInput): StageLayout {
  const { width, height, screens } = input;
  const cameras = visibleCameras(input);
  const all = [...screens, ...cameras];
  const solo = all.find(({ key }) => key === input.solo);
  if (solo) return onlyOne(input, solo);
  const pinned = all.find(({ key }) => key === input.pinned);
  const self = cameras.find((tile) => tile.self);
  if (!pinned && screens.length === 0 && cameras.length === 2 && self) {
    const placed = cameras.filter((tile) => !tile.self).map((tile): Placed => ({ tile, rect: { x: 0, y: 0, width, height }, place: 'main' }));
    return { placed: [...placed, { tile: self, rect: floating(width, height, input.corner), place: 'float' }], columns: 1, height, pages: 1 };
  }
  const mains = pinned ? [pinned] : screens.length > 0 ? [...screens] : input.mode === 'speaker' ? loudest(cameras, input.speaker) : [];
  return mains.length > 0 && all.length > 1 ? focused(input, mains, all.filter((tile) => !mains.includes(tile))) : inGrid(input, cameras);
}

function visibleCameras({ cameras, screens, selfView }: StageInput): readonly TileView[] {
  const others = cameras.filter((tile) => !tile.self);
  return selfView === false && others.length + screens.length > 0 ? others : cameras;
}

function loudest(cameras: readonly TileView[], speaker: StageInput['speaker']): TileView[] {
  const others = cameras.filter((tile) => !tile.self);
  const main = others.find(({ source }) => source === speaker) ?? others[0] ?? cameras[0];
  return main ? [main] : [];
}

function onlyOne({ width, height, aspects }: StageInput, tile: TileView): StageLayout {
  const { mains } = focus(width, height, [aspectOf(tile, aspects)], 0);
  return { placed: put([tile], mains, 'main'), columns: 0, height, pages: 1 };
}

function focused(input: StageInput, mains: TileView[], others: TileView[]): StageLayout {
  const { width, height, aspects, speaker } = input;
  const ratios = mains.map((tile) => aspectOf(tile, aspects));
  const size = Math.max(1, focus(width, height, ratios, others.length).strip.length);
  const { pages, shown } = turned(others, size, input.page, speaker);
  // Every page has the first one's place for the large picture: it must not jump.
  const rects = focus(width, height, ratios, Math.min(size, others.length));
  const strip = pages > 1 && shown.length < size ? rects.strip.slice(0, shown.length) : focus(width, height, ratios, shown.length).strip;
  return { placed: [...put(mains, rects.mains, 'main'), ...put(shown, strip, 'strip')], columns: 0, height, pages };
}

function inGrid(input: StageInput, cameras: readonly TileView[]): StageLayout {
  const { width, height, before } = input;
  const { pages, shown } = turned(cameras, pageSize(width, height), input.page, input.speaker);
  const { tiles, columns, height: content } = grid(width, height, shown.length, before);
  return { placed: put(shown, tiles, 'tile'), columns, height: content, pages };
}

/** One page of the tiles. Whoever speaks takes the last place of the first page if they have none there. */
function turned(tiles: readonly TileView[], size: number, page: number, speaker: StageInput['speaker']): { pages: number; shown: TileView[] } {
  const pages = Math.max(1, Math.ceil(tiles.length / size));
  const order = [...tiles];
  const speaks = order.findIndex(({ source }) => source === speaker);
  if (speaks >= size) {
    const [last, speaking] = [order[size - 1], order[speaks]];
    if (last && speaking) [order[size - 1], order[speaks]] = [speaking, last];
  }
  const first = Math.min(page, pages - 1) * size;
  return { pages, shown: order.slice(first, first + size) };
}

function aspectOf(tile: TileView, aspects: StageInput['aspects']): number {
  return tile.kind === 'screen' ? (aspects?.get(tile.key) ?? WIDE) : 0;
}

function put(tiles: readonly TileView[], rects: readonly Rect[], place: Place): Placed[] {
  return tiles.flatMap((tile, index) => {
    const rect = rects[index];
    return rect ? [{ tile, rect, place }] : [];
  });
}
