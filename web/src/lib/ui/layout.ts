/** Which tile goes where on this stage: grid, presentation, or the floating self-view. Pure. */
import type { TileView } from './call.svelte';
import { floating, grid, PAGE, present, type Rect } from './grid';

export interface Placed {
  tile: TileView;
  rect: Rect;
  floats: boolean;
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
  cameras: TileView[];
  screens: TileView[];
  page: number;
  /** Columns of the grid that is on the screen. */
  before: number;
}

export function layoutStage({ width, height, cameras, screens, page, before }: StageInput): StageLayout {
  const pages = Math.max(1, Math.ceil(cameras.length / PAGE));
  const shown = cameras.slice(Math.min(page, pages - 1) * PAGE).slice(0, PAGE);
  const put = (tile: TileView, rect: Rect | undefined, floats = false): Placed[] => (rect ? [{ tile, rect, floats }] : []);
  if (screens.length > 0) {
    const { screens: mains, cameras: strip } = present(width, height, screens.length, shown.length);
    const placed = [
      ...screens.flatMap((tile, index) => put(tile, mains[index])),
      ...shown.flatMap((tile, index) => put(tile, strip.tiles[index])),
    ];
    const bottom = Math.max(height, ...placed.map(({ rect }) => rect.y + rect.height));
    return { placed, columns: 0, height: bottom, pages };
  }
  const self = shown.find((tile) => tile.self);
  if (shown.length === 2 && cameras.length === 2 && self) {
    const other = shown.filter((tile) => !tile.self);
    const placed = other.flatMap((tile) => put(tile, { x: 0, y: 0, width, height }));
    return { placed: [...placed, ...put(self, floating(width, height), true)], columns: 1, height, pages };
  }
  const { tiles, columns, height: content } = grid(width, height, shown.length, before);
  return { placed: shown.flatMap((tile, index) => put(tile, tiles[index])), columns, height: content, pages };
}
